"""Cross-sections of a vessel: the loop cut by a plane, its area and its diameters."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from meshing.centrelines import Path

DIRECTIONS = 360  # directions tried for the chords; the largest error of a smooth section is then below 0.002 %
INWARD = np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0])  # radii that a section at an open end may move inward
LARGEST_GAP = 0.35  # a chain that leaves the surface through an open end is closed when the gap is below this share of it


@dataclass(frozen=True)
class Section:
    """One closed cut through a vessel.

    The diameters are the shortest and the longest chord through the centroid of the area, as intravascular ultrasound
    measures them (Mintz et al. 2001, doi:10.1016/S0735-1097(01)01175-5).
    """

    centre: np.ndarray  # shape (3,), the point asked for [mm]
    normal: np.ndarray  # shape (3,), unit normal of the cutting plane
    contour: np.ndarray  # shape (corner count, 3), closed polygon without repeated corner [mm]
    area: float  # [mm2]
    min_diameter: float  # [mm]
    max_diameter: float  # [mm]
    centroid: np.ndarray  # shape (3,), centroid of the area [mm]


def cross_section(vertices: np.ndarray, triangles: np.ndarray, point: np.ndarray, normal: np.ndarray) -> Section | None:
    """Cut a surface with a plane and return the loop around a point, or else the loop nearest to it.

    `vertices` (vertex count, 3) [mm], `triangles` (triangle count, 3) indices, `point` (3,) [mm], `normal` (3,) of any
    length. Where the surface opens into a side branch the loop is simply larger. Returns None when the plane misses the
    surface, or meets it only in chains too open to close.
    """
    return _cut(np.asarray(vertices, float), triangles, np.asarray(point, float), normal)[0]


def sections_along(
    vertices: np.ndarray, triangles: np.ndarray, path: Path, stations: Iterable[float] | np.ndarray
) -> list[Section | None]:
    """Cut a surface perpendicular to a path at each station [mm along the path].

    `vertices` (vertex count, 3) [mm], `triangles` (triangle count, 3). One entry for each station, None where the plane
    misses the surface. At an open end, where a plane a little aslant would leave the vessel, the cut is made as far inward
    as it takes to go all around, at most a radius; `centre` says where. Raises InputError for a station off the path.
    """
    vertices = np.asarray(vertices, float)
    sections = []
    for station in np.asarray(list(stations), float):
        point, tangent, radius = path.at(float(station))
        section, is_whole = _cut(vertices, triangles, point, tangent)
        inward = 1.0 if station < 0.5 * path.length else -1.0
        for shift in INWARD * float(radius):
            moved = station + inward * shift
            if is_whole or not 0.0 <= moved <= path.length:
                break
            point, tangent, _ = path.at(moved)
            other, is_whole = _cut(vertices, triangles, point, tangent)
            section = other if is_whole else section
        sections.append(section)
    return sections


def _cut(vertices: np.ndarray, triangles: np.ndarray, point: np.ndarray, normal: np.ndarray) -> tuple[Section | None, bool]:
    """The section around a point, or nearest to it, and whether its loop closed by itself."""
    normal = np.asarray(normal, float) / np.linalg.norm(normal)
    across, up = plane_axes(normal)
    heights = (vertices - point) @ normal
    # A plane that lies exactly in an open end cuts by rounding error; a hair to either side it cuts the wall.
    hair = 1e-3 * float(np.sqrt(np.mean(_edge_lengths_squared(vertices, triangles, heights))))
    best: np.ndarray | None = None
    best_rank = (False, False, -np.inf)
    for shift in (0.0, hair, -hair):
        for loop, is_whole in _loops(vertices, triangles, heights - shift):
            flat = np.column_stack([(loop - point) @ across, (loop - point) @ up])
            area = abs(_signed_area(flat))
            if area <= 0.0:
                continue
            is_around = _contains(flat, np.zeros(2))
            rank = (is_whole, is_around, -area if is_around else -_distance_to(flat))
            if rank > best_rank:
                best, best_rank = flat, rank
        if best_rank[0]:
            break
    if best is None:
        return None, False
    return _measured(best, point, normal, across, up), best_rank[0]


def plane_axes(normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors (3,) that span the plane of a unit normal (3,) and form a right-handed frame with it."""
    seed = np.zeros(3)
    seed[np.argmin(np.abs(normal))] = 1.0
    across = np.cross(seed, normal)
    across /= np.linalg.norm(across)
    return across, np.cross(normal, across)


def _edge_lengths_squared(vertices: np.ndarray, triangles: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Squared lengths [mm2] of one edge of each triangle near the plane."""
    near = triangles[np.argsort(np.abs(heights[triangles]).min(axis=1))[:50]] if len(triangles) else triangles
    return np.sum((vertices[near[:, 0]] - vertices[near[:, 1]]) ** 2, axis=1) if len(near) else np.zeros(1)


def _loops(vertices: np.ndarray, triangles: np.ndarray, heights: np.ndarray) -> list[tuple[np.ndarray, bool]]:
    """All loops in which the plane of height zero meets the surface: points (k, 3) [mm], and whether it closed by itself."""
    above = heights >= 0.0
    count = above[triangles].sum(axis=1)
    cut = triangles[(count == 1) | (count == 2)]
    if not len(cut):
        return []
    edges = np.sort(np.stack([cut, np.roll(cut, -1, axis=1)], axis=2), axis=2)
    crossed = above[edges[..., 0]] != above[edges[..., 1]]  # exactly two edges of each of these triangles
    pairs = edges[crossed].reshape(-1, 2, 2)
    keys, which = np.unique(pairs.reshape(-1, 2), axis=0, return_inverse=True)
    low, high = heights[keys[:, 0]], heights[keys[:, 1]]
    share = (low / (low - high))[:, None]
    points = vertices[keys[:, 0]] * (1.0 - share) + vertices[keys[:, 1]] * share
    found = []
    for chain, is_whole in _chains(which.reshape(-1, 2), len(keys)):
        loop = _without_repeats(points[chain])
        if len(loop) < 3:
            continue
        if not is_whole:
            length = np.linalg.norm(np.diff(loop, axis=0), axis=1).sum()
            if np.linalg.norm(loop[0] - loop[-1]) > LARGEST_GAP * length:
                continue
        found.append((loop, is_whole))
    return found


def _chains(segments: np.ndarray, point_count: int) -> list[tuple[list[int], bool]]:
    """Join segments (k, 2) of point numbers into chains; open ones are walked from an end."""
    beside: list[list[int]] = [[] for _ in range(point_count)]
    for a, b in segments.tolist():
        beside[a].append(b)
        beside[b].append(a)
    seen = np.zeros(point_count, bool)
    ends = [p for p in range(point_count) if len(beside[p]) == 1]
    chains = []
    for start in [*ends, *range(point_count)]:
        if seen[start]:
            continue
        chain, here = [start], start
        seen[start] = True
        while True:
            onward = [p for p in beside[here] if not seen[p]]
            if not onward:
                break
            here = onward[0]
            seen[here] = True
            chain.append(here)
        chains.append((chain, len(chain) > 2 and start in beside[here]))
    return chains


def _without_repeats(loop: np.ndarray) -> np.ndarray:
    """Drop corners that repeat the one before them (a plane through a vertex gives the same point on several edges)."""
    step = np.linalg.norm(loop - np.roll(loop, 1, axis=0), axis=1)
    return loop[step > 1e-9 * max(float(step.max()), 1e-300)]


def _signed_area(flat: np.ndarray) -> float:
    """Area [mm2] of a polygon (k, 2), positive when it runs anticlockwise."""
    onward = np.roll(flat, -1, axis=0)
    return 0.5 * float(np.sum(flat[:, 0] * onward[:, 1] - flat[:, 1] * onward[:, 0]))


def _contains(flat: np.ndarray, point: np.ndarray) -> bool:
    """Whether a polygon (k, 2) goes around a point (2,), by counting crossings."""
    a, b = flat - point, np.roll(flat, -1, axis=0) - point
    crossing = (a[:, 1] > 0) != (b[:, 1] > 0)
    if not crossing.any():
        return False
    a, b = a[crossing], b[crossing]
    return bool(np.count_nonzero(a[:, 0] - a[:, 1] * (b[:, 0] - a[:, 0]) / (b[:, 1] - a[:, 1]) > 0) % 2)


def _distance_to(flat: np.ndarray) -> float:
    """Distance [mm] from the origin to the outline of a polygon (k, 2)."""
    onward = np.roll(flat, -1, axis=0) - flat
    share = np.clip(-np.sum(flat * onward, axis=1) / np.maximum(np.sum(onward**2, axis=1), 1e-300), 0.0, 1.0)
    return float(np.linalg.norm(flat + share[:, None] * onward, axis=1).min())


def _measured(flat: np.ndarray, point: np.ndarray, normal: np.ndarray, across: np.ndarray, up: np.ndarray) -> Section:
    """Area, centroid and chords of a polygon (k, 2) in the plane's own axes [mm]."""
    area = _signed_area(flat)
    if area < 0:
        flat, area = flat[::-1], -area
    onward = np.roll(flat, -1, axis=0)
    cross = flat[:, 0] * onward[:, 1] - flat[:, 1] * onward[:, 0]
    centroid = ((flat + onward) * cross[:, None]).sum(axis=0) / (6.0 * area)
    chords = _chords(flat - centroid)
    return Section(
        centre=point,
        normal=normal,
        contour=point + flat[:, :1] * across + flat[:, 1:] * up,
        area=area,
        min_diameter=float(chords.min()),
        max_diameter=float(chords.max()),
        centroid=point + centroid[0] * across + centroid[1] * up,
    )


def _chords(flat: np.ndarray) -> np.ndarray:
    """Lengths (directions,) [mm] of the chords through the origin of a polygon (k, 2)."""
    angles = np.arange(DIRECTIONS) * np.pi / DIRECTIONS
    along = np.column_stack([np.cos(angles), np.sin(angles)])
    aside = np.column_stack([-along[:, 1], along[:, 0]])
    height, reach = flat @ aside.T, flat @ along.T  # (corners, directions)
    next_height, next_reach = np.roll(height, -1, axis=0), np.roll(reach, -1, axis=0)
    crossing = (height >= 0) != (next_height >= 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        where = reach + height / (height - next_height) * (next_reach - reach)
    ahead = np.where(crossing & (where >= 0), where, np.inf).min(axis=0)
    behind = np.where(crossing & (where < 0), where, -np.inf).max(axis=0)
    chords = ahead - behind
    finite = np.isfinite(chords)
    if finite.any():
        return chords[finite]
    # A crescent may not hold its own centroid; then the whole reach of the outline is the honest figure.
    return reach.max(axis=0) - reach.min(axis=0)
