"""Nearest points on a triangle surface, which points of a grid lie inside it, and where it crosses itself."""

import numpy as np
from scipy.spatial import KDTree

MOST_ASKED = 32  # triangles asked for one point
CHUNK = 200_000  # rows worked on at once, so that memory stays small


class NearestTriangle:
    """Finds the nearest point of a triangle surface for many points at once.

    Near the surface it is the exact one; on a vessel's axis, where all triangles are equally far, the distance may be too
    large by the square of a triangle's size over twice the distance.
    """

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray) -> None:
        """Prepare `vertices` (vertex count, 3) [mm] and `triangles` (triangle count, 3) for questions."""
        self.vertices = np.asarray(vertices, float)
        self.triangles = np.asarray(triangles)
        corners = self.vertices[self.triangles]
        owner = np.arange(len(corners))
        limit = 2.0 * float(np.median(_longest_edges(corners)))
        # The search ends soonest when triangles are of one size, so large ones are asked about in quarters.
        done_corners, done_owner = [], []
        for _ in range(8):
            large = _longest_edges(corners) > limit
            done_corners.append(corners[~large])
            done_owner.append(owner[~large])
            corners, owner = quartered(corners[large]), np.repeat(owner[large], 4)
            if not len(corners) or len(corners) > 400_000:
                break
        self._corners = np.concatenate([*done_corners, corners])
        self._owner = np.concatenate([*done_owner, owner])
        centres = self._corners.mean(axis=1)
        self._reach = float(np.linalg.norm(self._corners - centres[:, None], axis=2).max())
        self._tree = KDTree(centres, balanced_tree=False, compact_nodes=False)  # many times faster on surfaces

    def __call__(self, points: np.ndarray, *, is_quick: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Nearest points (n, 3) [mm], distances (n,) [mm] and triangle numbers (n,) for points (n, 3) [mm].

        When `is_quick` only the four triangles with the nearest middles are looked at, which is seldom wrong by much.
        """
        points = np.asarray(points, float)
        nearest, distance = np.empty_like(points), np.empty(len(points))
        which = np.empty(len(points), int)
        for start in range(0, len(points), CHUNK // 8):
            rows = slice(start, start + CHUNK // 8)
            least, most = (4, 4) if is_quick else (6, MOST_ASKED)
            nearest[rows], distance[rows], which[rows] = self._ask(points[rows], least, most)
        return nearest, distance, self._owner[which]

    def distances(self, points: np.ndarray) -> np.ndarray:
        """Distance (n,) [mm] from each of points (n, 3) [mm] to the surface."""
        return self(points)[1]

    def _ask(self, points: np.ndarray, count: int, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        nearest, which = np.zeros_like(points), np.zeros(len(points), int)
        distance = np.full(len(points), np.inf)
        open_rows = np.arange(len(points))
        while len(open_rows):
            count = min(count, len(self._owner))
            apart, candidate = self._tree.query(points[open_rows], k=count)
            apart, candidate = apart.reshape(-1, count), candidate.reshape(-1, count)
            place = nearest_on_triangles(np.repeat(points[open_rows], count, axis=0), self._corners[candidate.ravel()])
            gap = np.linalg.norm(place.reshape(-1, count, 3) - points[open_rows, None], axis=2)
            best = gap.argmin(axis=1)
            rows = np.arange(len(open_rows))
            nearest[open_rows] = place.reshape(-1, count, 3)[rows, best]
            distance[open_rows], which[open_rows] = gap[rows, best], candidate[rows, best]
            # A triangle not yet asked lies at least this far off; where that is farther than the best, the best is exact.
            unsure = (apart[:, -1] - self._reach < gap[rows, best]) & (count < min(len(self._owner), most))
            open_rows, count = open_rows[unsure], count * 4
        return nearest, distance, which


def nearest_on_triangles(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Nearest point (n, 3) on each of n triangles, corners (n, 3, 3), to each of n points (n, 3)."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    ab, ac, ap = b - a, c - a, points - a
    aa, cc, ac_ab = _dot(ab, ab), _dot(ac, ac), _dot(ab, ac)
    pb, pc = _dot(ap, ab), _dot(ap, ac)
    size = aa * cc - ac_ab * ac_ab
    with np.errstate(divide="ignore", invalid="ignore"):
        v, w = (cc * pb - ac_ab * pc) / size, (aa * pc - ac_ab * pb) / size
    inside = (v >= 0) & (w >= 0) & (v + w <= 1) & (size > 1e-14 * aa * cc)
    nearest = a + np.where(inside, v, 0.0)[:, None] * ab + np.where(inside, w, 0.0)[:, None] * ac
    rest = np.flatnonzero(~inside)
    if len(rest):
        start, onward = corners[rest], np.roll(corners[rest], -1, axis=1) - corners[rest]
        along = np.sum((points[rest, None] - start) * onward, axis=2) / np.maximum(np.sum(onward**2, axis=2), 1e-300)
        place = start + np.clip(along, 0.0, 1.0)[..., None] * onward
        best = np.sum((place - points[rest, None]) ** 2, axis=2).argmin(axis=1)
        nearest[rest] = place[np.arange(len(rest)), best]
    return nearest


def windings(
    vertices: np.ndarray, triangles: np.ndarray, *, origin: np.ndarray, step: float, shape: tuple, is_oriented: bool = True
) -> np.ndarray:
    """How often a closed surface winds around each point of a grid: 1 inside, 0 outside, 2 where it overlaps itself.

    `vertices` (vertex count, 3) [mm], `triangles` (triangle count, 3) with normals outward; the grid has its first point
    at `origin` (3,) [mm], points `step` [mm] apart and `shape` (ni, nj, nk). Returns int16 of that shape. Each column of
    the grid is followed along k through the triangles it pierces. When not `is_oriented` the triangles met are counted instead.
    """
    # Columns are moved by an odd hair so that none runs along an edge of the surface.
    grid = (np.asarray(vertices, float) - origin) / step + np.array([1.2345e-4, 2.3456e-4, 0.0])
    corners = grid[triangles]
    low = np.maximum(np.ceil(corners[:, :, :2].min(axis=1)).astype(int), 0)
    high = np.minimum(np.floor(corners[:, :, :2].max(axis=1)).astype(int), np.array(shape[:2]) - 1)
    span = np.maximum(high - low + 1, 0)
    counts = span[:, 0] * span[:, 1]
    steps = np.zeros((shape[0], shape[1], shape[2] + 1), np.int16)
    out = -1 if is_oriented else 1
    bounds = np.searchsorted(np.cumsum(counts), np.arange(0, counts.sum() + 1, 20 * CHUNK))
    for first, last in zip(bounds, [*bounds[1:], len(counts)], strict=True):
        number = counts[first:last]
        owner = np.repeat(np.arange(first, last), number)
        order = np.arange(len(owner)) - np.repeat(np.cumsum(number) - number, number)
        i, j = low[owner, 0] + order // span[owner, 1], low[owner, 1] + order % span[owner, 1]
        a, b, c = (corners[owner, k] for k in range(3))
        along = [_turn(b, c, i, j), _turn(c, a, i, j), _turn(a, b, i, j)]
        total = along[0] + along[1] + along[2]
        hit = (total != 0) & np.logical_and.reduce([(share > 0) == (total > 0) for share in along])
        height = sum(share[hit] * corner[hit, 2] for share, corner in zip(along, (a, b, c), strict=True)) / total[hit]
        level = np.clip(np.ceil(height).astype(int), 0, shape[2])
        np.add.at(steps, (i[hit], j[hit], level), np.where(total[hit] > 0, out, 1).astype(np.int16))
    return np.cumsum(steps[:, :, :-1], axis=2, dtype=np.int16)


def crossing_triangles(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Numbers (k,) of the triangles that are pierced by an edge of the surface they do not share a vertex with."""
    corners = vertices[triangles]
    low, high = corners.min(axis=1), corners.max(axis=1)
    first, second = _touching_boxes(corners, low, high)
    shared = (triangles[first][:, :, None] == triangles[second][:, None, :]).any(axis=(1, 2))
    first, second = first[~shared], second[~shared]
    found = np.zeros(len(triangles), bool)
    for one, other in ((first, second), (second, first)):
        for k in range(3):
            start, end = corners[one, k], corners[one, (k + 1) % 3]
            pierced = _pierces(start, end, corners[other])
            found[one[pierced]] = found[other[pierced]] = True
    return np.flatnonzero(found)


def _touching_boxes(corners: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of triangles whose boxes overlap, sorted by size so that a few large triangles do not cost much."""
    centres = 0.5 * (low + high)
    reach = 0.5 * np.linalg.norm(high - low, axis=1)
    size_class = np.floor(np.log2(np.maximum(reach, 1e-12 * max(reach.max(), 1e-300)))).astype(int)
    pairs = []
    classes = np.unique(size_class)
    trees = {c: KDTree(centres[size_class == c]) for c in classes}
    rows = {c: np.flatnonzero(size_class == c) for c in classes}
    for n, small in enumerate(classes):
        for large in classes[n:]:
            radius = float(reach[rows[small]].max() + reach[rows[large]].max())
            table = trees[small].sparse_distance_matrix(trees[large], radius, output_type="coo_matrix")
            one, other = rows[small][table.row], rows[large][table.col]
            keep = (low[one] <= high[other]).all(axis=1) & (low[other] <= high[one]).all(axis=1)
            keep &= (one < other) if small == large else True
            pairs.append(np.column_stack([one[keep], other[keep]]))
    joined = np.concatenate(pairs) if pairs else np.zeros((0, 2), int)
    return joined[:, 0], joined[:, 1]


def _pierces(start: np.ndarray, end: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Whether each segment start-end (n, 3) passes through the inside of its triangle (n, 3, 3)."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    above, below = _volume(start, a, b, c), _volume(end, a, b, c)
    sides = [_volume(start, end, a, b), _volume(start, end, b, c), _volume(start, end, c, a)]
    same = ((sides[0] > 0) & (sides[1] > 0) & (sides[2] > 0)) | ((sides[0] < 0) & (sides[1] < 0) & (sides[2] < 0))
    return (above * below < 0) & same


def _volume(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    return _dot(np.cross(b - a, c - a), d - a)


def _turn(a: np.ndarray, b: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    return (a[:, 0] - i) * (b[:, 1] - j) - (a[:, 1] - j) * (b[:, 0] - i)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", a, b)


def _longest_edges(corners: np.ndarray) -> np.ndarray:
    if not len(corners):
        return np.zeros(0)
    return np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2).max(axis=1)


def quartered(corners: np.ndarray) -> np.ndarray:
    """Triangles (n, 3, 3) cut into four at the middles of their edges (4 n, 3, 3); every fourth is the middle one."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    ab, bc, ca = 0.5 * (a + b), 0.5 * (b + c), 0.5 * (c + a)
    quarters = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    return np.stack([np.stack(q, axis=1) for q in quarters], axis=1).reshape(-1, 3, 3)
