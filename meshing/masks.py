"""Voxel masks of vessels: the one piece that counts, what its voxels can carry, and its volume within end planes."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from meshing.centrelines import Centreline, arc_lengths
from meshing.clipping import Plane
from meshing.errors import InputError
from meshing.fields import MARGIN
from meshing.surfaces import said

NARROW_STRETCH = 6.0  # voxels that a vessel may run on narrower than two voxels


def one_piece(mask: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The largest piece of a mask without inner holes, with a margin of air, its affine, and notes."""
    if not mask.any():
        raise InputError("The chosen labels hold no voxel; choose labels that are in the segmentation.")
    notes = []
    piece, count = numbered_pieces(mask)
    if count > 1:
        sizes = np.bincount(piece.ravel())[1:]
        mask = piece == sizes.argmax() + 1
        notes.append(
            f"The largest of {count} pieces was taken ({100.0 * sizes.max() / sizes.sum():.1f} % of {sizes.sum():,} voxels); the "
            f"others were left out."
        )
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    cropped = np.pad(mask[box], MARGIN)
    filled = np.asarray(ndimage.binary_fill_holes(cropped))
    if holes := int(filled.sum() - cropped.sum()):
        cropped = filled
        notes.append(f"{holes:,} voxels enclosed by the lumen were filled.")
    moved = affine.copy()
    moved[:3, 3] += affine[:3, :3] @ (np.array([part.start for part in box]) - MARGIN)
    return cropped, moved, notes


def numbered_pieces(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Piece number of each voxel (0 outside the mask) and how many pieces there are, touching at face, edge or corner."""
    piece = np.zeros(mask.shape, np.int32)
    ndimage.label(mask, np.ones((3, 3, 3)), output=piece)
    return piece, int(piece.max())


def demand_whole(mask: np.ndarray, affine: np.ndarray, vertices: np.ndarray) -> None:
    """Raise InputError where a part of the mask was too thin to come through the smoothing."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    index = np.round((vertices - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T).astype(int)
    near = np.zeros(mask.shape, bool)
    near[tuple(np.clip(index, 0, np.array(mask.shape) - 1).T)] = True
    reach = np.asarray(ndimage.distance_transform_edt(~near, sampling=spacing))
    inner = np.asarray(ndimage.distance_transform_edt(mask, sampling=spacing))
    lost = mask & (reach > inner + 2.5 * spacing.max())
    if lost.sum() > 0.02 * mask.sum():
        place = affine[:3, :3] @ np.argwhere(lost).mean(axis=0) + affine[:3, 3]
        raise InputError(
            f"The vessel is narrower than the voxels can carry: near {said(place)} it falls apart into voxels of "
            f"{spacing.max():.2g} mm. Segment it at a finer resolution, or leave that part out."
        )


def narrow_places(centreline: Centreline, affine: np.ndarray) -> list[str]:
    """Notes on places narrower than two voxels; InputError where the vessel stays so narrow over a stretch."""
    notes = []
    for branch in centreline.branches:
        stations = arc_lengths(branch.points)
        tangents = np.gradient(branch.points, axis=0)
        tangents /= np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-300)
        # Mean square size of a voxel in the plane across the vessel.
        along = tangents @ np.linalg.inv(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)).T
        squares = np.linalg.norm(affine[:3, :3], axis=0) ** 2
        voxel = np.sqrt(0.5 * (squares.sum() - along**2 @ squares))
        narrow = branch.radii < voxel
        for first, last in _runs(narrow):
            length = float(stations[last - 1] - stations[first])
            worst = first + int(np.argmin(branch.radii[first:last] / voxel[first:last]))
            if length > NARROW_STRETCH * voxel[worst]:
                raise InputError(
                    f"The vessel is narrower than the voxels can carry: near {said(branch.points[worst])} its radius is "
                    f"{branch.radii[worst]:.2g} mm over {length:.1f} mm, and a voxel is {voxel[worst]:.2g} mm. Segment it at a "
                    "finer resolution, or leave that part out."
                )
            notes.append(
                f"Near {said(branch.points[worst])} the lumen is only {2.0 * branch.radii[worst]:.2g} mm wide with voxels of "
                f"{voxel[worst]:.2g} mm: its shape there is a guess."
            )
    return notes


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """First and one past the last of each run of true flags."""
    steps = np.diff(np.concatenate([[0], flags.astype(int), [0]]))
    return list(zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True))


def volume_within(mask: np.ndarray, affine: np.ndarray, planes: Sequence[Plane]) -> float:
    """Volume [mm3] of the voxels of a mask that no end plane cuts off."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    fine = np.maximum(np.round(spacing / (spacing.min() / 3.0)), 1).astype(int)
    while mask.size * np.prod(fine) > 30_000_000 and (fine > 1).any():
        fine = np.maximum(fine // 2, 1)
    small = np.repeat(np.repeat(np.repeat(mask, fine[0], 0), fine[1], 1), fine[2], 2)
    index = np.argwhere(small)
    places = ((index + 0.5) / fine - 0.5) @ affine[:3, :3].T + affine[:3, 3]
    stays = np.ones(len(index), bool)
    for plane in planes:
        beyond = np.zeros_like(small)
        rows = np.flatnonzero((places - plane.centre) @ plane.direction > 0)
        beyond[tuple(index[rows].T)] = True
        piece = numbered_pieces(beyond)[0]
        near = rows[np.argmin(np.linalg.norm(places[rows] - plane.centre, axis=1))]
        stays[rows] &= piece[tuple(index[rows].T)] != piece[tuple(index[near])]
    return float(stays.sum() * abs(np.linalg.det(affine[:3, :3])) / np.prod(fine))
