"""Where the real data for tests lie; a test that needs one of them is skipped, by name, where it is absent."""

import os
from pathlib import Path

import pytest


def shared_data_root() -> Path:
    """The folder of real data: the environment variable VESALIUS_SHARED_DATA, or shared/data beside the repository."""
    return Path(os.environ.get("VESALIUS_SHARED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")


def shared_data(relative: str) -> Path:
    """The path of one real data file or folder, as "abdomen_ct/labels.nii.gz"; skips the test that asks where it is absent."""
    path = shared_data_root() / relative
    if not path.exists():
        pytest.skip(f"real data {relative} are absent: looked in {shared_data_root()} (set VESALIUS_SHARED_DATA)")
    return path
