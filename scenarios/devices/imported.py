"""A maker's own stent as a network of rods, from the graph of its struts."""

import math

import numpy as np

from meshing.struts import Strut, StrutGraph
from sim.rods.builders import Strand, join
from sim.rods.laws import Law
from sim.rods.network import Pose, RodNetwork
from sim.rods.sections import Section, rectangular

METRE = 1e-3  # of a millimetre
SIZE_STEP = 0.005  # sections whose sides differ by less are one

SAMPLES = 8  # of a strut's sides within one element


def rods_of(graph: StrutGraph, law: Law, *, spacing_mm: float) -> tuple[RodNetwork, Pose]:
    """Rods along the struts of a stent and their pose, free of stress as imported; all in SI units.

    Nodes of the graph keep their numbers and come first; struts that share one are joined rigidly. Sections are rectangles,
    their width along the stent's mid-surface and their thickness across it, turned where the metal is. Elements are about
    `spacing_mm` [mm] long, at least two a strut.

    Raises
    ------
    ValueError
        If the spacing is not above nought.
    """
    if not spacing_mm > 0.0:
        raise ValueError(f"The spacing of the rods' nodes is {spacing_mm:g} mm. Give one above nought.")
    places = list(graph.nodes)
    strands = []
    known: dict[tuple[int, int], Section] = {}
    for strut in graph.struts:
        count = max(2, math.ceil(strut.length / spacing_mm))
        points, normals, widths, thicknesses = _resampled(strut, count)
        nodes = np.array([strut.start, *range(len(places), len(places) + count - 1), strut.end])
        places.extend(points[1:-1])
        sections = [_section(known, *sides) for sides in zip(widths, thicknesses, strict=True)]
        strands.append(Strand(nodes, _frames(points, normals), sections, law))
    return join(METRE * np.array(places), strands)


def _section(known: dict[tuple[int, int], Section], width: float, thickness: float) -> Section:
    """A rectangle [mm], one object for all that are nearly alike."""
    key = round(math.log(width) / SIZE_STEP), round(math.log(thickness) / SIZE_STEP)
    if key not in known:
        known[key] = rectangular(*(METRE * math.exp(SIZE_STEP * side) for side in key))
    return known[key]


def _resampled(strut: Strut, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Points and normals at the ends of `count` equal parts of a strut, and each part's mean width and thickness [mm]."""
    along = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(strut.points, axis=0), axis=1)))
    even = np.linspace(0.0, along[-1], count + 1)
    columns = np.column_stack([strut.points, strut.normals])
    found = np.stack([np.interp(even, along, column) for column in columns.T], 1)
    within = (np.arange(count * SAMPLES) + 0.5) / (count * SAMPLES) * along[-1]
    sides = [np.interp(within, along, side).reshape(count, SAMPLES).mean(1) for side in (strut.widths, strut.thicknesses)]
    return found[:, :3], found[:, 3:], sides[0], sides[1]


def _frames(points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Frames along a strut whose second axis is the normal as nearly as may be, shape (n, 3, 3)."""
    edge = np.diff(points, axis=0)
    edge = edge / np.linalg.norm(edge, axis=1, keepdims=True)
    tangent = np.concatenate([edge[:1], edge[:-1] + edge[1:], edge[-1:]])
    tangent = tangent / np.linalg.norm(tangent, axis=1, keepdims=True)
    out = normals - np.einsum("ni,ni->n", normals, tangent)[:, None] * tangent
    out = out / np.linalg.norm(out, axis=1, keepdims=True)
    return np.stack([np.cross(out, tangent), out, tangent], 2)
