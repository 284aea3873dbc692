"""Finding the branches of a vessel tree: ends, rough paths to them, and the same paths moved to the middle.

Ends are the points farthest along the inside that no branch found so far explains (Sato et al. 2000, TEASAR,
doi:10.1109/PCCGA.2000.883951); paths keep to the middle because a step costs the inverse square of the inscribed radius.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial import KDTree

from meshing.centrelines import Branch, Centreline, arc_lengths, resampled, smoothed
from meshing.errors import InputError
from meshing.nearness import quartered, windings
from meshing.sections import plane_axes
from meshing.surfaces import ClosedSurface, enclosed_volume, said

INSIDE_POINTS = 80_000  # of the grid that fills the vessel
MOST_ENDS = 60
MOST_CANDIDATES = 400  # for tips; noise makes dozens, a heap of struts thousands
MOST_GRID_POINTS = 30_000_000  # of the box around it
LEAST_LENGTH = 3.5  # a closed branch sticks out of its parent by this many of its own radii; two remain once its tip is off
BULGE = 0.7  # of that length is worth a word
LEAST_OPEN_LENGTH = 1.0  # an open one sticks out by this many radii of its opening
PARTED = 0.1  # two walks are one until they are this many radii apart
TIP_LENGTH = 2.5  # radii at a closed tip where a path may turn into a corner, and is replaced by a straight one
TIP_GAP = 1.0  # radii between the end of the path and the surface ahead of it


@dataclass(frozen=True)
class Tip:
    """Where a branch ends: at an opening of the surface read, or at a closed tip."""

    opening: int | None  # number of the opening, None for a closed tip


@dataclass(frozen=True)
class Tree:
    """A centreline together with what was found at the root (tips[0]) and at the far end of each branch (tips[1:])."""

    centreline: Centreline
    tips: tuple[Tip, ...]
    tip_places: np.ndarray  # shape (tip count, 3), the outermost point of each tip [mm]
    bulges: Branch  # points and radii along bulges that are no branches, in one row
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Inside:
    """A grid of points that fills the vessel, joined to their neighbours."""

    points: np.ndarray  # shape (point count, 3) [mm]
    radii: np.ndarray  # shape (point count,), distance to the wall [mm]
    lengths: sparse.csr_array  # shape (point count, point count), distance between neighbours [mm]
    costs: sparse.csr_array  # the same, each divided by the square of the radius
    wall: KDTree  # points spread over the wall, no farther apart than a step
    step: float  # [mm]


def trace(surface: ClosedSurface) -> Tree:
    """Find the branches of a vessel and the middle of each, from its closed surface.

    The root is the end with the largest radius. A closed bulge counts as a branch only when it sticks out of the vessel
    it sits on by more than three of its own radii, so that bumps and aneurysms are none. Raises InputError when the
    surface is not a vessel: when it is shorter than two diameters.
    """
    inside = fill(surface)
    tips, openings, bulges = _tips(inside, surface)
    if len(tips) < 2:
        raise _no_vessel(inside)
    walks = _paths(inside, tips[0], tips[1:])
    root = int(np.argmax([_end_radius(inside, walk) for walk in (walks[0], *(walk[::-1] for walk in walks))]))
    tips, openings = [tips[root], *tips[:root], *tips[root + 1 :]], [openings[root], *openings[:root], *openings[root + 1 :]]
    rough = _paths(inside, tips[0], tips[1:])
    order = sorted(range(len(rough)), key=lambda n: -arc_lengths(inside.points[rough[n]])[-1])
    longest = arc_lengths(inside.points[rough[order[0]]])[-1]
    if longest < 4.0 * float(np.percentile(inside.radii[rough[order[0]]], 90)):
        raise _no_vessel(inside)
    branches: list[Branch] = []
    spine = np.zeros(0, int)
    for n in order:
        path, opening = rough[n], openings[n + 1]
        keep = _without_tips(inside, path, spine, root_closed=openings[0] is None, tip_closed=opening is None)
        places = inside.points[path].copy()
        if openings[0] is not None:
            places[0] = surface.openings[openings[0]].centre
        if opening is not None:
            places[-1] = surface.openings[opening].centre
        walk = _centred(places[keep], inside.radii[path[keep]], inside)
        if opening is None:
            walk = _led_on(walk, inside)
        if openings[0] is None:
            walk = _led_on(walk[::-1], inside)[::-1]
        branches.append(_parted(walk, branches, inside))
        spine = np.union1d(spine, path)
    tip_numbers = [openings[0], *(openings[n + 1] for n in order)]
    places = inside.points[[tips[0], *(tips[n + 1] for n in order)]]
    return Tree(Centreline(tuple(branches)), tuple(Tip(number) for number in tip_numbers), places, *_said_of(bulges, inside))


def fill(surface: ClosedSurface) -> Inside:
    """Points on an even grid inside a closed surface, joined to those around them."""
    volume = abs(enclosed_volume(surface.vertices, surface.triangles))
    low, high = surface.vertices.min(axis=0), surface.vertices.max(axis=0)
    step = max((volume / INSIDE_POINTS) ** (1 / 3), (float(np.prod(high - low)) / MOST_GRID_POINTS) ** (1 / 3))
    for _ in range(3):
        origin = low - 1.37 * step
        shape = tuple(int(n) for n in np.ceil((high - origin) / step) + 2)
        index = np.argwhere(windings(surface.vertices, surface.triangles, origin=origin, step=step, shape=shape) > 0)
        links, apart = _neighbours(index, shape)
        count, piece = csgraph.connected_components(
            sparse.coo_array((np.ones(len(links)), links.T), shape=(len(index),) * 2), directed=False
        )
        sizes = np.bincount(piece)
        # A narrow place that the grid does not pass calls for a finer grid; crumbs do not.
        if count == 1 or np.sort(sizes)[-2] < 0.002 * len(index) or np.prod(shape) > MOST_GRID_POINTS:
            break
        step *= 0.6
    points = origin + step * index
    links, apart = _bridged(points, links, apart * step, piece)
    wall = KDTree(_spread_over_wall(surface, step), balanced_tree=False, compact_nodes=False)
    radii = np.maximum(to_wall(wall, points), 0.3 * step)
    cost = apart * 0.5 * (radii[links[:, 0]] ** -2 + radii[links[:, 1]] ** -2)
    shape2 = (len(points), len(points))
    both = np.vstack([links, links[:, ::-1]])
    lengths = sparse.csr_array((np.tile(apart, 2), both.T), shape=shape2)
    costs = sparse.csr_array((np.tile(cost, 2), both.T), shape=shape2)
    return Inside(points, radii, lengths, costs, wall, step)


def to_wall(wall: KDTree, points: np.ndarray) -> np.ndarray:
    """Distance (n,) [mm] from points (n, 3) [mm] to the wall, within a hundredth."""
    # On the axis all of the wall is equally far, and an exact search would look at every point of it.
    return wall.query(points, eps=0.01)[0]


def _spread_over_wall(surface: ClosedSurface, step: float) -> np.ndarray:
    """Points (n, 3) [mm] on the wall, caps left out, about two steps [mm] apart or closer."""
    corners = surface.vertices[surface.triangles[surface.caps < 0]]
    samples = [surface.vertices[np.unique(surface.triangles[surface.caps < 0])], corners.mean(axis=1)]
    for _ in range(8):
        corners = corners[np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2).max(axis=1) > 2.0 * step]
        if not len(corners) or len(corners) > 200_000:
            break
        corners = quartered(corners)
        samples += [corners[3::4].reshape(-1, 3), corners.mean(axis=1)]
    return np.concatenate(samples)


def _neighbours(index: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (k, 2) of grid points that touch at a face, an edge or a corner, and how far apart they are [steps]."""
    number = np.full(shape, -1, np.int32)
    number[tuple(index.T)] = np.arange(len(index))
    steps = [s for s in np.ndindex(3, 3, 3) if s > (1, 1, 1)]
    pairs, apart = [], []
    for step in np.array(steps) - 1:
        other = number[tuple((index + step).T)]
        held = np.flatnonzero(other >= 0)
        pairs.append(np.column_stack([held, other[held]]))
        apart.append(np.full(len(held), np.linalg.norm(step)))
    return np.vstack(pairs), np.concatenate(apart)


def _bridged(points: np.ndarray, links: np.ndarray, apart: np.ndarray, piece: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Links between pieces that the grid left apart at a narrow place, the shortest possible."""
    sizes = np.bincount(piece)
    order = np.argsort(-sizes)
    joined = np.flatnonzero(piece == order[0])
    for number in order[1:]:
        own = np.flatnonzero(piece == number)
        gap, nearest = KDTree(points[joined]).query(points[own])
        best = int(gap.argmin())
        links = np.vstack([links, [[own[best], joined[np.asarray(nearest)[best]]]]])
        apart = np.append(apart, gap[best])
        joined = np.concatenate([joined, own])
    return links, apart


def _tips(inside: Inside, surface: ClosedSurface) -> tuple[list[int], list[int | None], list[np.ndarray]]:
    """Grid points at the ends of the vessel, the number of the opening at each (None for a closed tip), and paths into bulges."""
    tree = KDTree(inside.points, balanced_tree=False)
    wide = _wide_openings(inside, surface, tree)

    def settled(point: int) -> tuple[int, int | None]:
        """The point itself, or that at the opening whose cap it lies on."""
        for number, at_opening in wide.items():
            opening = surface.openings[number]
            if np.linalg.norm(inside.points[point] - opening.centre) < 1.5 * opening.radius:
                return at_opening, number
        return point, None

    first, first_opening = settled(_farthest(inside, int(np.argmax(inside.radii))))
    reach = csgraph.dijkstra(inside.lengths, indices=first)
    _, before = csgraph.dijkstra(inside.costs, indices=first, return_predecessors=True)
    found: dict[int, int | None] = {first: first_opening}
    bulges: list[np.ndarray] = []
    spine, free, walked = np.array([first]), np.isfinite(reach), np.zeros(len(reach), bool)
    short = [(point, number) for number, point in wide.items()]  # openings so near that nothing beyond them was left over
    for _ in range(MOST_CANDIDATES):
        if len(found) > MOST_ENDS:
            break
        if free.any():
            outermost = int(np.argmax(np.where(free, reach, -1.0)))
            free[outermost] = False
            tip, opening = settled(outermost)
        elif short:
            tip, opening = short.pop(0)
        else:
            break
        path = _walk(before, tip)
        width = surface.openings[opening].radius if opening is not None else None
        if tip not in found and (len(spine) == 1 or _sticks_out(inside, path[::-1], spine, width)):
            found[tip] = opening
            spine = np.union1d(spine, path)
        elif opening is None and _sticks_out(inside, path[::-1], spine, None, share=BULGE):
            bulges.append(path[::-1][: _outer_count(inside, path[::-1], spine)])
        fresh = path[~walked[path]]
        walked[fresh] = True
        for place, radius in zip(inside.points[fresh], inside.radii[fresh], strict=True):
            free[tree.query_ball_point(place, 1.3 * radius + 2.0 * inside.step)] = False
        if opening is not None:
            free[tree.query_ball_point(surface.openings[opening].centre, 1.5 * surface.openings[opening].radius)] = False
    if free.any() or short:
        raise InputError(
            f"This is not a vessel: it has more than {MOST_ENDS} ends or {MOST_CANDIDATES} bumps. Choose the label or surface "
            "of a lumen, or a part of it."
        )
    width = surface.openings[first_opening].radius if first_opening is not None else None
    tips = list(found) if _first_is_end(inside, list(found), width) else list(found)[1:]
    return tips, [found[tip] for tip in tips], bulges


def _first_is_end(inside: Inside, tips: Sequence[int], opening_radius: float | None) -> bool:
    """Whether the tip that was taken on trust is an end and not a bulge, seen from the tree of the others."""
    if len(tips) < 3:
        return True
    others = np.unique(np.concatenate(_paths(inside, tips[1], tips[2:])))
    return _sticks_out(inside, _paths(inside, tips[1], tips[:1])[0][::-1], others, opening_radius)


def _wide_openings(inside: Inside, surface: ClosedSurface, tree: KDTree) -> dict[int, int]:
    """Openings as wide as the vessel behind them, which may be ends and not holes, with the grid point at each."""
    wide = {}
    for number in sorted(range(len(surface.openings)), key=lambda n: -surface.openings[n].radius):
        opening = surface.openings[number]
        behind = tree.query_ball_point(opening.centre, 3.0 * opening.radius)
        if behind and opening.radius > 0.5 * inside.radii[behind].max():
            wide[number] = int(np.asarray(tree.query(opening.centre)[1]))
    return wide


def _sticks_out(
    inside: Inside, path: np.ndarray, spine: np.ndarray, opening_radius: float | None, *, share: float = 1.0
) -> bool:
    """Whether a path, from its tip inward, runs long enough outside the spheres inscribed about the tree so far."""
    out = _outer_count(inside, path, spine)
    if out < 2:
        return False
    length = arc_lengths(inside.points[path[:out]])[-1]
    if opening_radius is not None:
        return bool(length > LEAST_OPEN_LENGTH * opening_radius)
    return bool(length > share * LEAST_LENGTH * np.percentile(inside.radii[path[:out]], 75))


def _outer_count(inside: Inside, path: np.ndarray, spine: np.ndarray) -> int:
    """How many points of a path, from its tip inward, lie outside the spheres inscribed about the tree."""
    spheres, radii = inside.points[spine], inside.radii[spine]
    for count, place in enumerate(inside.points[path]):
        if (np.linalg.norm(spheres - place, axis=1) <= radii).any():
            return count
    return len(path)


def _farthest(inside: Inside, start: int) -> int:
    reach = csgraph.dijkstra(inside.lengths, indices=start)
    return int(np.argmax(np.where(np.isfinite(reach), reach, -1.0)))


def _walk(before: np.ndarray, tip: int) -> np.ndarray:
    path = [tip]
    while before[path[-1]] >= 0:
        path.append(int(before[path[-1]]))
    return np.array(path[::-1])


def _paths(inside: Inside, root: int, tips: Sequence[int]) -> list[np.ndarray]:
    """Cheapest paths of grid points from the root to each tip; they run together as far as they can."""
    _, before = csgraph.dijkstra(inside.costs, indices=root, return_predecessors=True)
    return [_walk(before, tip) for tip in tips]


def _end_radius(inside: Inside, path: np.ndarray) -> float:
    """Radius [mm] of the vessel at the first point of a path: the largest within two of its radii along the way."""
    stations = arc_lengths(inside.points[path])
    largest = np.maximum.accumulate(inside.radii[path])
    return float(largest[min(int(np.searchsorted(stations - 1.5 * largest, 0.0)), len(path) - 1)])


def _without_tips(
    inside: Inside, path: np.ndarray, spine: np.ndarray, *, root_closed: bool, tip_closed: bool
) -> np.ndarray:
    """Which points of a path stay when the rounded tips are left off (point count,), at least its middle third."""
    stations = arc_lengths(inside.points[path])
    keep = np.ones(len(path), bool)
    for is_closed, way in ((root_closed, slice(None)), (tip_closed, slice(None, None, -1))):
        if not is_closed:
            continue
        gone = np.abs(stations[way] - stations[way][0])
        radii = inside.radii[path][way]
        own = len(path) if way.step is None or not len(spine) else _outer_count(inside, path[::-1], spine)
        radius = float(np.median(radii[: max(own, 2)]))
        # A vessel that is wider or narrower at its end than on the whole has the radius it has there.
        for _ in range(3):
            radius = float(radii[gone <= TIP_LENGTH * radius].max())
        last = int(np.searchsorted(gone, TIP_LENGTH * radius))
        keep[way] &= np.arange(len(path)) >= min(last, len(path) // 3)
    return keep


def _centred(places: np.ndarray, radii: np.ndarray, inside: Inside) -> np.ndarray:
    """A rough path (n, 3) [mm] with radii (n,) [mm] moved to the middle of the lumen and made smooth (m, 3) [mm]."""
    spacing = max(0.2 * float(np.median(radii)), arc_lengths(places)[-1] / 1500.0)
    points, radii = resampled(places, radii, spacing_mm=spacing)
    points = smoothed(points, 2.0 * radii)
    for _ in range(2):
        points = _moved_to_middle(points, inside.wall)
        points, radii = resampled(points, to_wall(inside.wall, points), spacing_mm=spacing)
        points, radii = resampled(smoothed(points, 2.0 * radii), radii, spacing_mm=spacing)
    return points


def _led_on(walk: np.ndarray, inside: Inside) -> np.ndarray:
    """A walk (n, 3) [mm] led straight on at its last point until the surface ahead is one radius away."""
    radius = float(to_wall(inside.wall, walk[-1:])[0])
    behind = walk[max(len(walk) - 2 - int(1.5 * radius / max(arc_lengths(walk)[-1] / (len(walk) - 1), 1e-12)), 0)]
    direction = (walk[-1] - behind) / np.linalg.norm(walk[-1] - behind)
    ahead = 0.0
    for _ in range(60):  # the distance to the wall is always a safe step (sphere tracing, Hart 1996)
        safe = float(to_wall(inside.wall, (walk[-1] + ahead * direction)[None])[0])
        ahead += safe
        if safe < 0.3 * radius or ahead > 6.0 * radius:
            break
    spacing = arc_lengths(walk)[-1] / (len(walk) - 1)
    count = int((ahead - TIP_GAP * radius) / spacing)
    if count < 1:
        return walk
    return np.vstack([walk, walk[-1] + np.arange(1, count + 1)[:, None] * spacing * direction])


def _parted(walk: np.ndarray, branches: Sequence[Branch], inside: Inside) -> Branch:
    """The part of a walk from the root (n, 3) [mm] that no branch has gone yet, begun where it parts from its parent."""
    radii = to_wall(inside.wall, walk)
    if not branches:
        return Branch(points=walk, radii=radii, parent=None, parent_station=None)
    ways = [KDTree(branch.points).query(walk) for branch in branches]
    beside = np.array([apart < PARTED * radii for apart, _ in ways])  # (branch count, point count)
    last = max(int(np.flatnonzero(beside.any(axis=0)).max(initial=0)), 0)
    last = min(last, len(walk) - 4)
    parent = int(np.argmin([apart[last] for apart, _ in ways]))
    join = int(np.asarray(ways[parent][1])[last])
    above = branches[parent].points
    # The walk is led back to its parent gently, over about a radius, and not by a step aside.
    points = np.vstack([above[join][None], walk[last + 1 :]])
    return Branch(
        points=points,
        radii=np.concatenate([branches[parent].radii[join][None], radii[last + 1 :]]),
        parent=parent,
        parent_station=float(arc_lengths(above)[join]),
    )


def _moved_to_middle(points: np.ndarray, wall: KDTree) -> np.ndarray:
    """Points moved, in the plane across the path, to where the inscribed sphere is largest."""
    tangents = np.gradient(points, axis=0)
    tangents /= np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-300)
    axes = np.array([plane_axes(tangent) for tangent in tangents])
    best, radius = points.copy(), to_wall(wall, points)
    step = 0.25 * radius
    angles = np.arange(6) * np.pi / 3.0
    for _ in range(7):
        offsets = np.cos(angles)[:, None, None] * axes[:, 0] + np.sin(angles)[:, None, None] * axes[:, 1]
        trial = best + step[:, None] * offsets
        reached = to_wall(wall, trial.reshape(-1, 3)).reshape(len(angles), -1)
        way = reached.argmax(axis=0)
        rows = np.arange(len(points))
        better = reached[way, rows] > radius
        best[better], radius[better] = trial[way, rows][better], reached[way, rows][better]
        step[~better] *= 0.45
    return best


def _said_of(bulges: Sequence[np.ndarray], inside: Inside) -> tuple[Branch, tuple[str, ...]]:
    """Places and radii along bulges, their rounded tips left off, and a note on each."""
    points, radii, notes = [np.zeros((0, 3))], [np.zeros(0)], []
    for path in bulges:
        wide = inside.radii[path] > 0.6 * np.percentile(inside.radii[path], 75)
        tip = inside.points[path[0]]
        if all(np.linalg.norm(known - tip, axis=1).min() > 2.0 * inside.radii[path].max() for known in points if len(known)):
            notes.append(f"A bulge or short branch near {said(tip)} was left closed.")
        points.append(inside.points[path[wide]])
        radii.append(inside.radii[path[wide]])
    return Branch(np.vstack(points), np.concatenate(radii), None, None), tuple(notes)


def _no_vessel(inside: Inside) -> InputError:
    radius = float(np.percentile(inside.radii, 99))
    size = float(np.linalg.norm(np.ptp(inside.points, axis=0)))
    return InputError(
        f"This is not a vessel: it is {size:.1f} mm across and {2.0 * radius:.1f} mm wide, shorter than two diameters. Choose "
        "the label or surface of a longer stretch of vessel."
    )
