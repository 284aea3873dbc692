"""Whence a mesh comes: input, parameters and versions, enough to make it again."""

import dataclasses
import hashlib
import platform
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from meshing.labels import LabelMap

PACKAGES = ("vesalius", "numpy", "scipy", "numba")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def versions_of(packages: Sequence[str]) -> dict[str, str]:
    """The version of Python and of each package, "not installed" where it is not."""
    versions = {"python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def provenance_of(source: Path, labels: LabelMap | None, steps: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What JSON may hold of a mesh's making: the input and its hash, its labels with codes, each step with its parameters."""
    return {
        "use": "Research and education only. Not for clinical decisions.",
        "space": "LPS",
        "unit": "mm",
        "input": {"file": source.name, "sha256": sha256_of(source)},
        "labels": [_label(labels, number) for number in labels.voxel_counts] if labels else [],
        "steps": {name: dict(parameters) for name, parameters in steps.items()},
        "versions": versions_of(PACKAGES),
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _label(labels: LabelMap, number: int) -> dict[str, Any]:
    code = labels.codes.get(number)
    return {
        "number": number,
        "name": labels.name(number),
        "voxels": labels.voxel_counts[number],
        "code": dataclasses.asdict(code) if code else None,
    }
