"""How well struts lie against a lumen: their distance to its surface, and the share that stands off."""

import dataclasses

import numpy as np
from scipy.spatial import KDTree

from meshing.centrelines import Path
from meshing.nearness import nearest_on_triangles
from scenarios.measures import sources
from scenarios.measures.measure import Findings, Measure
from scenarios.measures.stations import stations_of

POINT_SPACING_MM = 0.2  # finer than a coronary strut is long, so that a strut that spans a hollow is seen
STANDING_OFF_MM = 0.4  # from this gap on a strut off the wall is taken to matter, if over more than a millimetre
STRETCH_STEP_MM = 0.5  # struts farther apart along the vessel belong to two stretches
LARGEST_BATCH = 200_000  # pairs of point and triangle tried at once, to bound memory


@dataclasses.dataclass(frozen=True)
class Apposition:
    """How struts lie against the lumen."""

    malapposed_share: float  # share of strut points that stand off, weighted by strut length, 0 to 1
    largest_gap_mm: float  # from a strut's outer face to the lumen, 0 where all lie against it
    deepest_mm: float  # how far a strut's middle line lies beyond the lumen surface, inside the tissue; 0 where none does
    point_count: int
    standing_off_mm: float | None = None  # longest stretch of vessel with struts 0.4 mm off the wall; None without a path


def strut_points(nodes: np.ndarray, struts: np.ndarray, *, spacing_mm: float = POINT_SPACING_MM) -> tuple[np.ndarray, np.ndarray]:
    """Give points along the middle lines of struts, and the length each stands for.

    `nodes` (node count, 3) [mm], `struts` (strut count, 2) node numbers; points (k, 3) and lengths (k,) [mm]. Each strut is
    cut in equal pieces of at most `spacing_mm` and gives their midpoints.
    """
    begin, end = nodes[struts[:, 0]], nodes[struts[:, 1]]
    lengths = np.linalg.norm(end - begin, axis=1)
    pieces = np.maximum(np.ceil(lengths / spacing_mm).astype(int), 1)
    strut = np.repeat(np.arange(len(struts)), pieces)
    number = np.arange(len(strut)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    share = (number + 0.5) / pieces[strut]
    return begin[strut] + share[:, None] * (end - begin)[strut], lengths[strut] / pieces[strut]


def heights_above(points: np.ndarray, vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Give the exact distance (point count,) [mm] of points to a triangle surface, positive on the side its triangles face.

    `points` (point count, 3) [mm], `vertices` (vertex count, 3) [mm], `triangles` (triangle count, 3), consistently turned.
    """
    corners = np.asarray(vertices, dtype=np.float64)[triangles]
    middles = corners.mean(axis=1)
    reach = float(np.linalg.norm(corners - middles[:, None], axis=2).max())
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
    tree = KDTree(middles)
    first = tree.query(points)[1]
    bound = np.linalg.norm(points - nearest_on_triangles(points, corners[first]), axis=1)
    # The nearest triangle is no farther than the bound, so its middle is no farther than the bound and its own reach.
    near = tree.query_ball_point(points, bound + reach + 1e-12)
    counts = np.fromiter((len(row) for row in near), int, len(points))
    heights = np.empty(len(points))
    for part in np.array_split(np.arange(len(points)), max(1, int(counts.sum()) // LARGEST_BATCH)):
        if not len(part):
            continue
        owner = np.repeat(np.arange(len(part)), counts[part])
        triangle = np.concatenate([np.asarray(near[number], int) for number in part])
        line = points[part][owner] - nearest_on_triangles(points[part][owner], corners[triangle])
        distance = np.linalg.norm(line, axis=1)
        rise = np.einsum("ij,ij->i", line, normals[triangle])
        smallest = np.full(len(part), np.inf)
        np.minimum.at(smallest, owner, distance)
        # On an edge or a corner several triangles are equally near; the one most square to the line tells the side.
        level = np.where(distance <= smallest[owner] + 1e-9, np.abs(rise), -1.0)
        order = np.lexsort((level, owner))
        chosen = order[np.cumsum(counts[part]) - 1]
        heights[part] = np.where(rise[chosen] < 0, -distance[chosen], distance[chosen])
    return heights


def apposition(
    nodes: np.ndarray,
    struts: np.ndarray,
    *,
    vertices: np.ndarray,
    triangles: np.ndarray,
    half_thickness_mm: float,
    path: Path | None = None,
) -> Apposition:
    """Measure how the struts of a stent lie against a lumen.

    A strut point is malapposed when its middle line is farther from the lumen surface than the strut is thick, that is when more
    than half a thickness of blood lies between its outer face and the wall. That half thickness is the room given to the
    distance at which contact holds a strut off the wall. `nodes` (node count, 3) [mm], `struts` (strut count, 2);
    `triangles` of the lumen face the blood. Along a `path`, the longest stretch is found over which struts stand off by 0.4 mm.
    """
    points, lengths = strut_points(nodes, struts)
    heights = heights_above(points, vertices, triangles)
    away = heights > 2.0 * half_thickness_mm
    far = heights - half_thickness_mm >= STANDING_OFF_MM
    return Apposition(
        malapposed_share=float(lengths[away].sum() / lengths.sum()),
        largest_gap_mm=max(float(heights.max()) - half_thickness_mm, 0.0),
        deepest_mm=max(-float(heights.min()), 0.0),
        point_count=len(points),
        standing_off_mm=None if path is None else _longest_stretch(stations_of(path, points[far])),
    )


def _longest_stretch(stations: np.ndarray) -> float:
    """Length of the longest run of stations [mm] in which no two neighbours are far apart; nought for none."""
    if not len(stations):
        return 0.0
    ordered = np.sort(stations)
    breaks = np.flatnonzero(np.diff(ordered) > STRETCH_STEP_MM)
    first, last = ordered[np.append(0, breaks + 1)], ordered[np.append(breaks, len(ordered) - 1)]
    return float((last - first).max())


def apposition_findings(found: Apposition, *, half_thickness_mm: float) -> Findings:
    """Give the measures of apposition."""
    thickness = 2.0 * half_thickness_mm
    note = f"Over {found.point_count} points of the struts, {1000 * thickness:.0f} µm thick."
    words = "Share of the struts' length whose middle line is farther from the lumen surface than the strut is thick, after."
    gap = "Largest distance from a strut's outer face to the lumen surface, after."
    notes = ()
    if found.deepest_mm > half_thickness_mm:
        notes = (f"A strut lies {found.deepest_mm:.3f} mm beyond the lumen surface, more than half its thickness.",)
    measures = [
        Measure("malapposed struts", 100.0 * found.malapposed_share, "%", words, sources.MALAPPOSITION, note),
        Measure("largest malapposition", found.largest_gap_mm, "mm", gap, sources.MALAPPOSITION),
    ]
    if found.standing_off_mm is not None:
        words = f"Longest stretch along the vessel with struts {STANDING_OFF_MM:g} mm or more off the wall, after; 1 mm matters."
        measures.append(Measure("length of large malapposition", found.standing_off_mm, "mm", words, sources.STANDING_OFF))
    return Findings(tuple(measures), notes)
