"""How large the cells of the lattice are, and where: uniform, by label, growing inwards, finer where labels are thin."""

import dataclasses
import os
from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from meshing.errors import InputError
from meshing.indicators import distance_within
from meshing.islands import Chosen
from meshing.labels import LabelMap
from meshing.lattice import balanced, pooled

TETS_A_CELL = 13.0  # after cutting; measured on organs
MEAN_EDGE = 0.92  # of a lattice's edges, in cells
BYTES_A_TET = 3_000  # at the peak; measured
MOST_LEVELS = 3  # of refinement
CELLS_ACROSS = 1.0  # wanted across a thin label, at least
GROWTH = 2.0  # of cells with distance from an interface


@dataclasses.dataclass(frozen=True)
class LatticePlan:
    """What `meshing.lattice.bcc_lattice` asks for."""

    low: np.ndarray
    size: float
    counts: np.ndarray
    split: list[np.ndarray]


def cell_of(chosen: Chosen, *, edge_length: float | None, tet_count: int | None) -> float:
    """Side of a lattice cell [mm]. Raises InputError unless exactly one sensible size is given."""
    volume = float(np.count_nonzero(chosen.ranks)) * float(chosen.spacing.prod())
    if (edge_length is None) == (tet_count is None):
        raise InputError("Give either the edge length in mm or the number of tetrahedra, and not both.")
    if tet_count is not None:
        if tet_count < 1:
            raise InputError(f"{tet_count} tetrahedra were asked for; ask for one or more.")
        return (TETS_A_CELL * volume / tet_count) ** (1.0 / 3.0)
    assert edge_length is not None
    _require_length(edge_length, "edge length")
    extent = _extent(chosen)
    if edge_length > extent.max():
        raise InputError(
            f"The edge length of {edge_length:g} mm is larger than what is to be meshed, which measures "
            f"{extent[0]:.3g} × {extent[1]:.3g} × {extent[2]:.3g} mm; give a smaller one."
        )
    return edge_length / MEAN_EDGE


def lattice_plan(
    chosen: Chosen, *, cell: float, sizes: Mapping[str | int, float], inside: float | None, refine: bool, labels: LabelMap
) -> LatticePlan:
    """Lay out the lattice. Raises InputError for sizes that make no sense or more tets than the memory holds."""
    for label, size in sizes.items():
        _require_length(size, f"edge length of {label}")
    if inside is not None:
        _require_length(inside, "edge length inside")
    target, finest = _target(chosen, cell, sizes, inside, refine, labels)
    coarsest = cell if target is None else max(cell, float(target.max()))
    above = max(int(np.floor(np.log2(coarsest / cell) + 1e-6)), 0)
    below = 0 if target is None else max(int(np.ceil(np.log2(cell / finest) - 1e-6)), 0)
    root = cell * 2.0**above
    filled = np.argwhere(chosen.ranks > 0)
    low = (filled.min(axis=0) - 0.5) * chosen.spacing - 1.5 * root
    high = (filled.max(axis=0) + 0.5) * chosen.spacing + 1.5 * root
    counts = np.maximum(np.ceil((high - low) / root), 3).astype(int)
    low = 0.5 * (low + high) - 0.5 * counts * root
    _require_memory(chosen, np.full(1, cell, np.float32) if target is None else target)
    split = [] if target is None or above + below == 0 else _splits(chosen, target, low, root, counts, above + below)
    return LatticePlan(low, root, counts, split)


def _target(
    chosen: Chosen, cell: float, sizes: Mapping[str | int, float], inside: float | None, refine: bool, labels: LabelMap
) -> tuple[np.ndarray | None, float]:
    """Wanted size of cells at each voxel [mm], None where it is the same everywhere, and the least of them."""
    if not sizes and inside is None and not refine:
        return None, cell
    target = np.full(chosen.ranks.shape, cell, np.float32)
    if inside is not None:
        distance = distance_within(chosen.ranks, chosen.spacing, inside / MEAN_EDGE / GROWTH + cell)
        target = np.clip(cell + GROWTH * (distance - cell), cell, max(inside / MEAN_EDGE, cell)).astype(np.float32)
    known = {number: rank for rank, number in enumerate(chosen.numbers.tolist(), start=1)}
    for label, size in sizes.items():
        number = 0 if label in (0, "background") and 0 in known else labels.find(label)
        if number not in known:
            raise InputError(f"A size was given for {labels.name(number)}, which is not among the labels to mesh.")
        target[chosen.ranks == known[number]] = size / MEAN_EDGE
    if refine:
        _refine_thin(target, chosen, cell)
    filled = chosen.ranks > 0
    return target, float(target[filled].min())


def _refine_thin(target: np.ndarray, chosen: Chosen, cell: float) -> None:
    """Ask for cells of half, a quarter or an eighth where a label is thinner than a cell, in place."""
    reach = 0.5 * (CELLS_ACROSS * cell + float(chosen.spacing.max()))
    depth = distance_within(chosen.ranks, chosen.spacing, reach + float(chosen.spacing.max()))
    half_voxel = 0.5 * float(chosen.spacing.min())
    for rank, box in enumerate(ndimage.find_objects(chosen.ranks), start=1):
        if box is None:
            continue
        own, deep = chosen.ranks[box] == rank, depth[box]
        for level in range(1, MOST_LEVELS + 1):
            radius = 0.5 * CELLS_ACROSS * cell / 2.0 ** (level - 1)
            core = own & (deep - half_voxel >= radius)
            # The corner of a box lies at √3 radii from the middle of the ball that fits into it: that far is not thin yet.
            thin = own if not core.any() else own & (_distance_to(core, chosen.spacing) > 1.75 * radius + half_voxel)
            if not thin.any():
                break
            finer = np.float32(cell / 2.0**level)
            target[box][thin] = np.minimum(target[box][thin], finer)
            if finer < 0.75 * chosen.spacing.min():
                break


def _distance_to(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    return np.asarray(ndimage.distance_transform_edt(~mask, sampling=list(spacing)))


def _splits(
    chosen: Chosen, target: np.ndarray, low: np.ndarray, root: float, counts: np.ndarray, levels: int
) -> list[np.ndarray]:
    """Which cells of each level are to be divided so that no leaf is larger than the least target within it."""
    least = _least_by_cell(chosen, target, low, root / 2.0**levels, counts << levels)
    pyramid = [least]
    for _ in range(levels):
        pyramid.append(pooled(pyramid[-1], np.minimum))
    pyramid = pyramid[::-1]
    split = [pyramid[level] < root / 2.0**level * 0.99 for level in range(levels)]
    for level in range(levels - 1, 0, -1):
        split[level - 1] |= pooled(split[level], np.logical_or)
    return balanced(split)


def _least_by_cell(chosen: Chosen, target: np.ndarray, low: np.ndarray, size: float, counts: np.ndarray) -> np.ndarray:
    """Least target in each of the smallest cells: of the voxels whose centres it holds, and of the one that holds its centre."""
    filled = np.where(chosen.ranks > 0, target, np.float32(np.inf))
    # A voxel asks also for the cells about it, so that an interface has fine cells on both its sides.
    filled = ndimage.minimum_filter(filled, 3, mode="nearest")
    least = np.full(tuple(counts), np.inf, np.float32)
    centres = [low[k] + (np.arange(counts[k]) + 0.5) * size for k in range(3)]
    index = [np.round(centres[k] / chosen.spacing[k]).astype(int) for k in range(3)]
    inside = [(part >= 0) & (part < chosen.ranks.shape[k]) for k, part in enumerate(index)]
    least[np.ix_(*inside)] = filled[np.ix_(*(part[good] for part, good in zip(index, inside, strict=True)))]
    if size > chosen.spacing.min():
        asking = np.argwhere(np.isfinite(filled) & (filled < filled[np.isfinite(filled)].max()))
        cell = np.floor((asking * chosen.spacing - low) / size).astype(int)
        good = ((cell >= 0) & (cell < counts)).all(axis=1)
        np.minimum.at(least, tuple(cell[good].T), filled[tuple(asking[good].T)])
    return least


def _require_length(value: float, name: str) -> None:
    if not (np.isfinite(value) and value > 0):
        raise InputError(f"The {name} is {value} mm; give one above zero.")


def _extent(chosen: Chosen) -> np.ndarray:
    filled = np.argwhere(chosen.ranks > 0)
    return (np.ptp(filled, axis=0) + 1) * chosen.spacing


def _require_memory(chosen: Chosen, target: np.ndarray) -> None:
    """Raise InputError when the mesh would need more memory than there is."""
    filled = chosen.ranks > 0
    size = np.broadcast_to(target, chosen.ranks.shape)[filled].astype(float)
    tets = TETS_A_CELL * float(chosen.spacing.prod()) * float((size**-3.0).sum())
    needed, there = tets * BYTES_A_TET, _memory()
    if needed > there:
        raise InputError(
            f"About {tets:,.0f} tetrahedra would need {needed / 2**30:,.1f} GiB of memory, and {there / 2**30:,.1f} GiB "
            "are free; give a larger edge length."
        )


def _memory() -> float:
    """Memory that is free [bytes], as far as the system tells."""
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError, AttributeError):
        return float("inf")
