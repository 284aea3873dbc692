"""Surfaces that cross themselves, made anew from the space they enclose."""

from dataclasses import replace

import numpy as np
from scipy import ndimage

from meshing.errors import InputError
from meshing.fields import MARGIN, Field, field_of_mask, surface_of_field
from meshing.nearness import NearestTriangle, windings
from meshing.surfaces import ClosedSurface, enclosed_volume, triangle_areas


def made_anew(surface: ClosedSurface) -> tuple[ClosedSurface, Field]:
    """A sound surface around the inside of one that crosses itself, its openings kept in mind."""
    vertices, triangles = surface.vertices, surface.triangles
    volume, area = abs(enclosed_volume(vertices, triangles)), float(triangle_areas(vertices, triangles).sum())
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    step = max(0.3 * volume / area, (float(np.prod(high - low)) / 12_000_000) ** (1 / 3))
    origin = low - (MARGIN + 0.37) * step
    shape = tuple(int(n) for n in np.ceil((high - origin) / step) + MARGIN + 1)
    if surface.is_oriented:
        inside = windings(vertices, triangles, origin=origin, step=step, shape=shape) > 0
    else:
        inside = _odd_crossings(vertices, triangles, origin, step, shape)
    if not inside.any():
        raise InputError("The surface crosses itself and has no inside that could be found; mend it in a mesh editor.")
    piece = np.zeros(shape, np.int32)
    ndimage.label(inside, output=piece)
    mask = np.asarray(ndimage.binary_fill_holes(piece == np.bincount(piece.ravel())[1:].argmax() + 1))
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = origin
    field, fresh, faces = surface_of_field(field_of_mask(mask, affine), float(mask.sum()) * step**3)
    caps = np.full(len(faces), -1)
    if surface.openings:
        caps = surface.caps[NearestTriangle(vertices, triangles)(fresh[faces].mean(axis=1), is_quick=True)[2]]
    return replace(surface, vertices=fresh, triangles=faces, caps=caps, is_sound=True, rounding=2.0 * step), field


def _odd_crossings(
    vertices: np.ndarray, triangles: np.ndarray, origin: np.ndarray, step: float, shape: tuple[int, ...]
) -> np.ndarray:
    """Grid points from which rays along two of the three axes meet a surface an odd number of times."""
    votes = np.zeros(shape, np.int8)
    for axis in range(3):
        order = np.roll(np.arange(3), axis)
        turned = windings(
            vertices[:, order], triangles, origin=origin[order], step=step, shape=tuple(np.array(shape)[order]), is_oriented=False
        )
        votes += np.transpose(turned % 2, np.argsort(order)).astype(np.int8)
    return votes >= 2
