"""Segments that may overlap, laid on one another to make one label map."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from meshing.labels import Code


@dataclass(frozen=True)
class Segment:
    """One segment as a file holds it: the number it asks for, its name and code, its voxels, shape (ni, nj, nk), bool."""

    number: int
    name: str
    code: Code | None
    mask: np.ndarray


@dataclass(frozen=True)
class MergedSegments:
    """One label for each voxel, the names and codes of the labels, and notes on what overlapped."""

    voxels: np.ndarray
    names: dict[int, str]
    codes: dict[int, Code]
    notes: tuple[str, ...]


def merge_segments(segments: Iterable[Segment], *, shape: Sequence[int], source: str) -> MergedSegments:
    """Lay segments on one another in the order given: where two overlap, the later one keeps the voxel.

    That is the order in which 3D Slicer lays segments into a label map. A segment whose number is taken gets the next free one.
    """
    voxels = np.zeros(shape, dtype=np.uint16)
    covered_twice = np.zeros(shape, dtype=bool)
    names: dict[int, str] = {}
    codes: dict[int, Code] = {}
    notes: list[str] = []
    covering: list[str] = []
    for segment in segments:
        number = segment.number
        if number in names or number <= 0:
            number = max(names, default=0) + 1
            notes.append(f'Segment "{segment.name}" of {source} is numbered {number} here, since {segment.number} is taken.')
        names[number] = segment.name
        if segment.code is not None:
            codes[number] = segment.code
        covered = np.bincount(voxels[segment.mask])
        for below in np.flatnonzero(covered[1:]) + 1:
            covering.append(f'"{segment.name}" covers {covered[below]:,} of "{names[int(below)]}"')
        covered_twice |= segment.mask & (voxels > 0)
        voxels[segment.mask] = number
    if covering:
        more = f" and {len(covering) - 4} more" if len(covering) > 4 else ""
        notes.append(
            f"{int(covered_twice.sum()):,} voxels of {source} belong to more than one segment; the later segment keeps them: "
            f"{', '.join(covering[:4])}{more}."
        )
    if max(names, default=0) < 256:
        voxels = voxels.astype(np.uint8)
    return MergedSegments(voxels, names, codes, tuple(notes))
