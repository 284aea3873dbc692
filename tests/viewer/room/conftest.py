"""What the room's tests share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def kept(tmp_path_factory) -> Path:
    """A folder in which the small case's shape without pressure is kept."""
    from tests.viewer.room.quick import unloaded_of_the_small_case

    folder = tmp_path_factory.mktemp("kept")
    unloaded_of_the_small_case(folder)
    return folder
