"""Whence a mesh comes: input, parameters and versions, enough to make it again."""

import dataclasses
import hashlib
import platform
from collections.abc import Mapping
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


def provenance_of(source: Path, labels: LabelMap | None, steps: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What JSON may hold of a mesh's making: the input and its hash, its labels with codes, each step with its parameters."""
    return {
        "use": "Research and education only. Not for clinical decisions.",
        "space": "LPS",
        "unit": "mm",
        "input": {"file": source.name, "sha256": sha256_of(source)},
        "labels": [_label(labels, number) for number in labels.voxel_counts] if labels else [],
        "steps": {name: dict(parameters) for name, parameters in steps.items()},
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
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


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
