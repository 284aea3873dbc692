"""Opening a closed vessel at its ends, square to the centreline."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from meshing.centrelines import Branch, Centreline, arc_lengths
from meshing.errors import InputError
from meshing.remeshing import edges_of
from meshing.sections import plane_axes
from meshing.surfaces import ClosedSurface, Opening, said
from meshing.tracing import Tree

RIM_GAP = 0.12  # radii left between an end plane and the rim of an opening that was there already
FARTHEST = 3.0  # radii that an end plane may lie inward of its tip's path
STRIDE = 0.15  # radii between the places tried
WIDEST = 2.5  # times the circumference of the inscribed circle that a loop may be long


@dataclass(frozen=True)
class Plane:
    """An end plane, with a place beyond it that belongs to the tip it cuts off."""

    centre: np.ndarray  # shape (3,) [mm]
    direction: np.ndarray  # shape (3,), unit vector out of the vessel
    tip: np.ndarray  # shape (3,) [mm]


@dataclass(frozen=True)
class OpenVessel:
    """A vessel's surface open at its end planes; plane k is loop k, plane 0 the root, plane b + 1 the tip of branch b."""

    vertices: np.ndarray  # shape (vertex count, 3) [mm]
    triangles: np.ndarray  # shape (triangle count, 3), outward
    caps: np.ndarray  # shape (triangle count,), number of the opening that a patch mends, -1 for the wall
    loop_of: np.ndarray  # shape (vertex count,), number of the loop a vertex lies on, -1 for none
    planes: tuple[Plane, ...]
    centreline: Centreline
    notes: tuple[str, ...]


def opened(surface: ClosedSurface, tree: Tree) -> OpenVessel:
    """Cut a closed vessel open square to its centreline at every end.

    A closed tip loses about one radius, an opening is cut just inside its rim. A branch that no plane can cut off without
    touching another is left closed and said in the notes. Raises InputError when that happens to the root or the trunk.
    """
    vertices, triangles, caps = surface.vertices, surface.triangles, surface.caps
    planes: list[Plane] = []
    loops: list[np.ndarray] = []
    notes: list[str] = []
    branches = list(tree.centreline.branches)
    kept: list[int] = []
    root_shift = 0.0
    for number in range(len(branches) + 1):
        branch = branches[max(number - 1, 0)]
        inward = branch.points if number == 0 else branch.points[::-1]
        radii = branch.radii if number == 0 else branch.radii[::-1]
        opening = tree.tips[number].opening
        others = np.delete(tree.tip_places, number, axis=0)
        found = _cut_somewhere(
            vertices, triangles, inward, radii, tree.tip_places[number], others,
            surface.openings[opening] if opening is not None else None, surface.rounding,
        )
        if found is None:
            if number <= 1 or any(other.parent == number - 1 for other in branches):
                raise InputError(
                    f"No plane square to the vessel near {said(inward[0])} cuts its end off cleanly; lengthen the vessel "
                    "there, or cut it square by hand."
                )
            notes.append(f"The branch ending near {said(inward[0])} could not be opened square to its axis and was left closed.")
            continue
        cut, plane, station = found
        vertices, triangles, caps = cut.vertices, cut.triangles, caps[cut.origin]
        if number == 0:
            root_shift = station
            branches[0] = _shortened(branches[0], station, plane.centre, at_start=True)
        else:
            branches[number - 1] = _shortened(branches[number - 1], station, plane.centre, at_start=False)
            kept.append(number - 1)
        planes.append(plane)
        loops.append(cut.loop)
    branches = [_moved_along(branch, root_shift) if branch.parent == 0 else branch for branch in branches]
    centreline = Centreline(tuple(_renumbered(branches[n], kept) for n in kept))
    return _with_loops(vertices, triangles, caps, planes, loops, centreline, notes)


@dataclass(frozen=True)
class Cut:
    """A surface with one tip cut off."""

    vertices: np.ndarray
    triangles: np.ndarray
    origin: np.ndarray  # shape (triangle count,), triangle of the surface before
    loop: np.ndarray  # shape (k, 3), places of the corners of the new edge [mm]


def _cut_somewhere(
    vertices: np.ndarray,
    triangles: np.ndarray,
    inward: np.ndarray,
    radii: np.ndarray,
    tip: np.ndarray,
    others: np.ndarray,
    opening: Opening | None,
    rounding: float,
) -> tuple[Cut, Plane, float] | None:
    """The outermost clean cut along a path that runs inward from a tip (n, 3) [mm], and its station along that path."""
    stations = arc_lengths(inward)
    radius = float(np.median(radii[stations <= 2.0 * radii[0]]))
    farthest = min(FARTHEST * radius, 0.45 * stations[-1])
    for station in np.arange(0.0, farthest, STRIDE * radius):
        centre = _at(inward, stations, station)
        ahead = _at(inward, stations, min(station + 0.7 * radius, stations[-1]))
        behind = _at(inward, stations, max(station - 0.7 * radius, 0.0))
        direction = (behind - ahead) / np.linalg.norm(behind - ahead)
        if opening is not None and ((opening.rim - centre) @ direction).min() < max(RIM_GAP * radius, rounding):
            continue
        local = float(np.interp(station, stations, radii))
        cut = _cut(vertices, triangles, Plane(centre, direction, tip), local, others)
        if cut is not None:
            return cut, Plane(centre, direction, tip), float(station)
    return None


def _at(points: np.ndarray, stations: np.ndarray, station: float) -> np.ndarray:
    return np.array([np.interp(station, stations, points[:, k]) for k in range(3)])


def _cut(vertices: np.ndarray, triangles: np.ndarray, plane: Plane, radius: float, others: np.ndarray) -> Cut | None:
    """Cut along the loop in which a plane goes around its centre, and drop what lies beyond; None when that is not clean."""
    heights = (vertices - plane.centre) @ plane.direction
    above = heights >= 0.0
    crossed = np.flatnonzero((above[triangles].sum(axis=1) % 3) > 0)
    if not len(crossed):
        return None
    loop_triangles = _around(vertices, triangles, crossed, heights, plane, radius)
    if loop_triangles is None:
        return None
    part = triangles[loop_triangles]
    lone = np.where(above[part].sum(axis=1)[:, None] == 1, above[part], ~above[part]).argmax(axis=1)
    rows = np.arange(len(part))
    tip, left, right = part[rows, lone], part[rows, (lone + 1) % 3], part[rows, (lone + 2) % 3]
    edges = np.vstack([np.sort(np.column_stack([tip, left]), axis=1), np.sort(np.column_stack([tip, right]), axis=1)])
    unique, which = np.unique(edges, axis=0, return_inverse=True)
    low, high = heights[unique[:, 0]], heights[unique[:, 1]]
    share = (low / (low - high))[:, None]
    fresh = vertices[unique[:, 0]] * (1.0 - share) + vertices[unique[:, 1]] * share
    fresh -= ((fresh - plane.centre) @ plane.direction)[:, None] * plane.direction
    on_left, on_right = len(vertices) + which[: len(part)], len(vertices) + which[len(part) :]
    pieces = np.vstack([
        np.column_stack([tip, on_left, on_right]),
        np.column_stack([on_left, left, right]),
        np.column_stack([on_left, right, on_right]),
    ])
    rest = np.delete(np.arange(len(triangles)), loop_triangles)
    joined = np.vstack([triangles[rest], pieces])
    origin = np.concatenate([rest, np.tile(loop_triangles, 3)])
    beyond = np.concatenate([above[tip], ~above[tip], ~above[tip]])
    piece = _pieces_apart(joined, len(vertices))
    outer = np.unique(piece[len(rest) :][beyond])
    inner = np.unique(piece[len(rest) :][~beyond])
    if np.isin(outer, inner).any():
        return None
    gone = np.isin(piece, outer)
    points = np.vstack([vertices, fresh])
    if not _is_tip(points, joined[gone], plane, radius, others) or gone.sum() > 0.6 * len(gone):
        return None
    used, number = np.unique(joined[~gone], return_inverse=True)
    # A loop through a vertex leaves triangles without area; the remeshing that follows takes them away.
    return Cut(points[used], number.reshape(-1, 3), origin[~gone], fresh)


def _around(
    vertices: np.ndarray, triangles: np.ndarray, crossed: np.ndarray, heights: np.ndarray, plane: Plane, radius: float
) -> np.ndarray | None:
    """Numbers of the triangles cut by the loop that goes around the plane's centre, None when it is not a plain loop."""
    part = triangles[crossed]
    above = heights >= 0.0
    ends = np.stack([part, np.roll(part, -1, axis=1)], axis=2)
    cut = above[ends[..., 0]] != above[ends[..., 1]]
    pairs = np.sort(ends[cut].reshape(-1, 2), axis=1)
    unique, which, held = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    two = which.reshape(-1, 2)
    graph = sparse.coo_array((np.ones(len(two), bool), (two[:, 0], two[:, 1])), shape=(len(unique),) * 2)
    chain = csgraph.connected_components(graph, directed=False)[1]
    low, high = heights[unique[:, 0]], heights[unique[:, 1]]
    share = (low / (low - high))[:, None]
    points = vertices[unique[:, 0]] * (1.0 - share) + vertices[unique[:, 1]] * share
    across, up = plane_axes(plane.direction)
    flat = np.column_stack([(points - plane.centre) @ across, (points - plane.centre) @ up])
    for number in np.unique(chain):
        segments = two[chain[two[:, 0]] == number]
        a, b = flat[segments[:, 0]], flat[segments[:, 1]]
        level = (a[:, 1] > 0) != (b[:, 1] > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            where = a[:, 0] - a[:, 1] * (b[:, 0] - a[:, 0]) / (b[:, 1] - a[:, 1])
        if np.count_nonzero(level & (where > 0)) % 2 == 0:
            continue
        length = np.linalg.norm(b - a, axis=1).sum()
        if (held[chain == number] != 2).any() or length > WIDEST * 2.0 * np.pi * radius:
            return None
        return crossed[chain[two[:, 0]] == number]
    return None


def _pieces_apart(triangles: np.ndarray, old_count: int) -> np.ndarray:
    """Piece number of each triangle when edges between two new vertices (numbers from `old_count`) hold nothing together."""
    edges, _, of_triangle = edges_of(triangles)
    wall = np.asarray((edges >= old_count).all(axis=1))
    order = np.argsort(of_triangle.ravel(), kind="stable")
    number = of_triangle.ravel()[order]
    same = (number[1:] == number[:-1]) & ~wall[number[1:]]
    one, other = order[:-1][same] // 3, order[1:][same] // 3
    graph = sparse.coo_array((np.ones(len(one), bool), (one, other)), shape=(len(triangles),) * 2)
    return csgraph.connected_components(graph, directed=False)[1]


def _is_tip(points: np.ndarray, gone: np.ndarray, plane: Plane, radius: float, others: np.ndarray) -> bool:
    """Whether the part cut off holds its own tip and none of the others."""
    places = points[gone].mean(axis=1)
    reach = np.linalg.norm(places - plane.centre, axis=1).max()
    own = np.linalg.norm(places - plane.tip, axis=1).min()
    near = [float(np.linalg.norm(places - other, axis=1).min()) for other in others]
    return bool(reach < 8.0 * radius and own < 2.0 * radius and all(gap > 0.3 * radius for gap in near))


def _shortened(branch: Branch, station: float, centre: np.ndarray, *, at_start: bool) -> Branch:
    """A branch that ends in an end plane, `station` [mm] from the end it had."""
    stations = arc_lengths(branch.points)
    stations = stations if at_start else stations[-1] - stations
    inner = stations > station + 1e-6
    radius = np.array([np.interp(station, stations, branch.radii) if at_start
                       else np.interp(station, stations[::-1], branch.radii[::-1])])
    parts = [centre[None], branch.points[inner]] if at_start else [branch.points[inner], centre[None]]
    values = [radius, branch.radii[inner]] if at_start else [branch.radii[inner], radius]
    return Branch(np.vstack(parts), np.concatenate(values), branch.parent, branch.parent_station)


def _moved_along(branch: Branch, shift: float) -> Branch:
    """A branch whose parent lost `shift` [mm] at its beginning."""
    return Branch(branch.points, branch.radii, branch.parent, max(float(branch.parent_station or 0.0) - shift, 0.0))


def _renumbered(branch: Branch, kept: Sequence[int]) -> Branch:
    parent = None if branch.parent is None else list(kept).index(branch.parent)
    return Branch(branch.points, branch.radii, parent, branch.parent_station)


def _with_loops(
    vertices: np.ndarray,
    triangles: np.ndarray,
    caps: np.ndarray,
    planes: list[Plane],
    loops: list[np.ndarray],
    centreline: Centreline,
    notes: list[str],
) -> OpenVessel:
    """Mark the vertices that lie on each loop, found again by their exact places."""
    edges, held, _ = edges_of(triangles)
    loop_of = np.full(len(vertices), -1)
    place = {tuple(point): number for number, loop in enumerate(loops) for point in loop}
    for vertex in np.unique(edges[held == 1]):
        loop_of[vertex] = place[tuple(vertices[vertex])]
    return OpenVessel(vertices, triangles, caps, loop_of, tuple(planes), centreline, tuple(notes))
