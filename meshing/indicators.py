"""Smooth indicators of the labels of a map: at any point, the label whose indicator is largest is the tissue there.

The indicator of a label is its signed distance [mm], positive inside, smoothed so that the staircase of the voxels is gone.
Two labels meet where their indicators are equal. Points are given in the grid's own frame: voxel index times spacing [mm].
"""

import math
from typing import NamedTuple

import numba
import numpy as np
from scipy import ndimage

CAP = 4.0  # distances are known up to so many voxels, along their longest side
SMOOTHING = 1.0  # width of the Gaussian [voxels]
SHEET_LEAD, BUMP_LEAD = 1.0, 0.25  # of a voxel: how far a thin part's own indicator leads at its voxels
SMALLEST_SHEET = 6  # voxels that touch; fewer are a bump, unless they are all there is of a label
KEPT_SPREAD = 0.6  # width of the Gaussian by which it is raised there [voxels]
KEEPING_ROUNDS = 4
TRUNCATE = 3.0  # where the Gaussian ends, in widths
PADDING = 3  # voxels of air about the map, so that a tissue at its border is closed


class Indicators(NamedTuple):
    """One box of values for each label, the background first, one after the other in a single array.

    values: (value count,) float32 [mm]; start: (label count,) where each label's box begins; low, size: (label count, 3)
    first voxel and voxel counts of each box; spacing: (3,) [mm]; floor: value outside a box [mm].
    """

    values: np.ndarray
    start: np.ndarray
    low: np.ndarray
    size: np.ndarray
    spacing: np.ndarray
    floor: float

    def box(self, index: int) -> np.ndarray:
        """The values of one label, shape as in `size`; writing to it changes the indicator."""
        first = self.start[index]
        return self.values[first : first + int(self.size[index].prod())].reshape(self.size[index])


def indicators_of(ranks: np.ndarray, spacing: np.ndarray, count: int) -> Indicators:
    """Indicators of ranks (ni, nj, nk): 0 is the background and 1 to `count` - 1 the labels; `spacing` (3,) [mm].

    Signed Euclidean distance, cut off at a few voxels and filtered with 2G - G2 (G a Gaussian one voxel wide), which unlike
    a plain Gaussian does not shrink what it smooths (Taubin 1995, doi:10.1145/218380.218473).
    """
    cap = CAP * float(spacing.max())
    padded = np.pad(ranks, PADDING)
    margin = np.ceil(cap / spacing).astype(int) + math.ceil(TRUNCATE * SMOOTHING) + 1
    boxes, values = [], []
    for number, found in enumerate(ndimage.find_objects(padded.astype(np.int32) + 1, max_label=count)):
        low = np.maximum([part.start for part in found] - margin, 0)
        high = np.minimum([part.stop for part in found] + margin, padded.shape)
        inside = padded[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] == number
        values.append(_smoothed(_signed_distance(inside, spacing, cap)))
        boxes.append((low - PADDING, high - low))
    sizes = [part.size for part in values]
    field = Indicators(
        values=np.concatenate([part.ravel() for part in values]),
        start=np.cumsum([0, *sizes[:-1]]).astype(np.int64),
        low=np.array([low for low, _ in boxes], dtype=np.int64),
        size=np.array([size for _, size in boxes], dtype=np.int64),
        spacing=np.asarray(spacing, float),
        floor=-cap,
    )
    _keep_thin(field, padded)
    return field


def _keep_thin(field: Indicators, padded: np.ndarray) -> None:
    """Raise indicators, in place, where smoothing has wiped out parts that are one voxel thin.

    There the label's own indicator must lead all others at the voxels' centres: by a whole voxel, as it does in the voxels
    beside a plane, where the thin part is a sheet or a thread; by less where it is a mere bump of the surface.
    """
    thin = _one_voxel_thin(padded)
    if not thin.any():
        return
    places = np.argwhere(thin)
    own = padded[thin]
    points = (places - PADDING) * field.spacing
    all_thin = np.bincount(own, minlength=len(field.start)) == np.bincount(padded.ravel(), minlength=len(field.start))
    is_sheet = all_thin[own] | (_size_of_part(padded * thin)[thin] >= SMALLEST_SHEET)
    lead = np.where(is_sheet, SHEET_LEAD, BUMP_LEAD) * float(field.spacing.min())
    for _ in range(KEEPING_ROUNDS):
        missing = np.maximum(lead - leads(field, points, own), 0.0)
        if (missing < 0.1 * lead).all():
            break
        for rank in np.unique(own[missing > 0.0]):
            box = field.box(int(rank))
            mine = (own == rank) & (missing > 0.0)
            index = places[mine] - PADDING - field.low[rank]
            rise = np.zeros(box.shape, np.float32)
            rise[tuple(index.T)] = missing[mine]
            spread = ndimage.gaussian_filter(rise, KEPT_SPREAD, mode="constant", truncate=3.0)
            # A lone voxel's rise is spread out; brought back to what was asked for at the voxels themselves.
            box += spread * np.float32(missing[mine].max() / max(float(spread[tuple(index.T)].max()), 1e-12))


def _size_of_part(thin: np.ndarray) -> np.ndarray:
    """Of each voxel of the thin parts, shape (ni, nj, nk), in how many voxels of its label it hangs together."""
    size = np.zeros(thin.shape, np.int32)
    for rank, box in enumerate(ndimage.find_objects(thin), start=1):
        if box is not None:
            part = np.zeros(thin[box].shape, np.int32)
            ndimage.label(thin[box] == rank, structure=np.ones((3, 3, 3)), output=part)
            sizes = np.bincount(part.ravel())
            sizes[0] = 0
            size[box] = np.maximum(size[box], sizes[part])
    return size


def _one_voxel_thin(padded: np.ndarray) -> np.ndarray:
    """Labelled voxels that no block of 2 × 2 × 2 voxels of their label holds."""
    thick = np.zeros(padded.shape, bool)
    cut = [(slice(None, -1), slice(1, None))] * 3
    same = padded[1:, 1:, 1:] > 0
    for corner in np.ndindex(2, 2, 2):
        same &= padded[tuple(pair[side] for pair, side in zip(cut, corner, strict=True))] == padded[1:, 1:, 1:]
    for corner in np.ndindex(2, 2, 2):
        thick[tuple(pair[side] for pair, side in zip(cut, corner, strict=True))] |= same
    return (padded > 0) & ~thick


def distance_within(ranks: np.ndarray, spacing: np.ndarray, cap: float) -> np.ndarray:
    """Distance [mm] from each labelled voxel's centre to the nearest centre of another label, at most `cap`; else nought."""
    squared = _squared_distance(np.pad(ranks, 1), spacing, cap)[1:-1, 1:-1, 1:-1]
    return np.where(ranks > 0, np.sqrt(squared), np.float32(0.0))


def _smoothed(distance: np.ndarray) -> np.ndarray:
    once = ndimage.gaussian_filter(distance, SMOOTHING, mode="nearest", truncate=TRUNCATE)
    return 2.0 * once - ndimage.gaussian_filter(once, SMOOTHING, mode="nearest", truncate=TRUNCATE)


def _signed_distance(inside: np.ndarray, spacing: np.ndarray, cap: float) -> np.ndarray:
    """Distance [mm] of each voxel's centre to the nearest centre of the other kind, positive inside, at most `cap`."""
    distance = np.sqrt(_squared_distance(inside, spacing, cap))
    return np.where(inside, distance, -distance)


def _squared_distance(kind: np.ndarray, spacing: np.ndarray, cap: float) -> np.ndarray:
    """Squared distance [mm2] to the nearest voxel of any other kind, at most `cap` squared."""
    kind = np.ascontiguousarray(kind)
    squared = np.full(kind.shape, np.float32(cap * cap))
    for axis in range(3):
        reach = max(min(int(cap / spacing[axis]), kind.shape[axis] - 1), 1)
        rows = (math.prod(kind.shape[:axis]), kind.shape[axis], math.prod(kind.shape[axis + 1 :]))
        _pass(kind.reshape(rows), squared.copy().reshape(rows), float(spacing[axis]), reach, squared.reshape(rows))
    return squared


@numba.njit(cache=True)
def _pass(kind, before, step, reach, out):
    """Lower envelope of parabolas along the middle axis; a voxel of another kind stands at distance nought."""
    n0, n1, n2 = kind.shape
    for i in range(n0):
        for j in range(n1):
            for k in range(n2):
                best, own = before[i, j, k], kind[i, j, k]
                for away in range(1, reach + 1):
                    gap = np.float32((away * step) ** 2)
                    if gap >= best:
                        break
                    if j >= away:
                        other = before[i, j - away, k] if kind[i, j - away, k] == own else np.float32(0.0)
                        best = min(best, gap + other)
                    if j + away < n1:
                        other = before[i, j + away, k] if kind[i, j + away, k] == own else np.float32(0.0)
                        best = min(best, gap + other)
                out[i, j, k] = best


# --- evaluation, in compiled code ---------------------------------------------------------------------------------------


@numba.njit(cache=True)
def _cell_at(field, label, x, y, z):
    """The voxels about a point: places of the first of those before and behind it in `values`, their step, and the shares.

    The first place is -1 outside a label's box; the background's box goes on without end.
    """
    u = x / field.spacing[0] - field.low[label, 0]
    v = y / field.spacing[1] - field.low[label, 1]
    w = z / field.spacing[2] - field.low[label, 2]
    n0, n1, n2 = field.size[label, 0], field.size[label, 1], field.size[label, 2]
    if u < 0.0 or v < 0.0 or w < 0.0 or u > n0 - 1 or v > n1 - 1 or w > n2 - 1:
        if label > 0:
            return -1, -1, n2, 0.0, 0.0, 0.0
        u, v, w = min(max(u, 0.0), n0 - 1.0), min(max(v, 0.0), n1 - 1.0), min(max(w, 0.0), n2 - 1.0)
    i, j, k = min(int(u), n0 - 2), min(int(v), n1 - 2), min(int(w), n2 - 2)
    a, b, c = u - i, v - j, w - k
    s = field.start[label] + (i * n1 + j) * n2 + k
    return s, s + n1 * n2, n2, a, b, c


@numba.njit(cache=True)
def value_at(field, label, x, y, z):
    """Indicator of one label at a point [mm], trilinear between voxels."""
    s, t, n2, a, b, c = _cell_at(field, label, x, y, z)
    if s < 0:
        return field.floor
    d = field.values
    near = (d[s] * (1 - c) + d[s + 1] * c) * (1 - b) + (d[s + n2] * (1 - c) + d[s + n2 + 1] * c) * b
    far = (d[t] * (1 - c) + d[t + 1] * c) * (1 - b) + (d[t + n2] * (1 - c) + d[t + n2 + 1] * c) * b
    return near * (1 - a) + far * a


@numba.njit(cache=True)
def value_and_slope_at(field, label, x, y, z, slope):
    """Indicator of one label at a point [mm]; its slope goes into `slope` (3,)."""
    s, t, n2, a, b, c = _cell_at(field, label, x, y, z)
    if s < 0:
        slope[0] = slope[1] = slope[2] = 0.0
        return field.floor
    d = field.values
    s00, s01 = d[s] * (1 - c) + d[s + 1] * c, d[s + n2] * (1 - c) + d[s + n2 + 1] * c
    t00, t01 = d[t] * (1 - c) + d[t + 1] * c, d[t + n2] * (1 - c) + d[t + n2 + 1] * c
    near, far = s00 * (1 - b) + s01 * b, t00 * (1 - b) + t01 * b
    slope[0] = (far - near) / field.spacing[0]
    slope[1] = ((s01 - s00) * (1 - a) + (t01 - t00) * a) / field.spacing[1]
    up = (d[s + 1] * (1 - b) + d[s + n2 + 1] * b) * (1 - a) + (d[t + 1] * (1 - b) + d[t + n2 + 1] * b) * a
    down = (d[s] * (1 - b) + d[s + n2] * b) * (1 - a) + (d[t] * (1 - b) + d[t + n2] * b) * a
    slope[2] = (up - down) / field.spacing[2]
    return near * (1 - a) + far * a


@numba.njit(cache=True)
def top_labels(field, points):
    """The label with the largest indicator at each point (n, 3) [mm], and that indicator."""
    count = len(points)
    label, value = np.empty(count, np.int32), np.empty(count)
    for i in range(count):
        best, winner = -1e30, 0
        for candidate in range(len(field.start)):
            here = value_at(field, candidate, points[i, 0], points[i, 1], points[i, 2])
            if here > best:
                best, winner = here, candidate
        label[i], value[i] = winner, best
    return label, value


@numba.njit(cache=True)
def leads(field, points, label):
    """By how much [mm] each point's own label (n,) leads all others there; negative where another is larger."""
    lead = np.empty(len(points))
    for i in range(len(points)):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        other = -1e30
        for candidate in range(len(field.start)):
            if candidate != label[i]:
                other = max(other, value_at(field, candidate, x, y, z))
        lead[i] = value_at(field, label[i], x, y, z) - other
    return lead


@numba.njit(cache=True)
def crossings(field, points, edges, label):
    """Where along each edge (m, 2) the indicators of its two ends' labels are equal: a share in (0, 1), (m,)."""
    share = np.empty(len(edges))
    for e in range(len(edges)):
        a, b = edges[e, 0], edges[e, 1]
        la, lb = label[a], label[b]
        low, high, middle = 0.0, 1.0, 0.5
        p, q = points[a], points[b]
        at_low = value_at(field, la, p[0], p[1], p[2]) - value_at(field, lb, p[0], p[1], p[2])
        at_high = value_at(field, la, q[0], q[1], q[2]) - value_at(field, lb, q[0], q[1], q[2])
        for step in range(14):
            slope = at_low - at_high
            middle = 0.5 * (low + high) if step % 3 == 2 or slope < 1e-12 else low + (high - low) * at_low / slope
            x, y, z = p[0] + (q[0] - p[0]) * middle, p[1] + (q[1] - p[1]) * middle, p[2] + (q[2] - p[2]) * middle
            here = value_at(field, la, x, y, z) - value_at(field, lb, x, y, z)
            if here > 0.0:
                low, at_low = middle, here
            else:
                high, at_high = middle, here
            if abs(here) < -1e-4 * field.floor or high - low < 1e-3:
                break
        share[e] = min(max(middle, 1e-3), 1.0 - 1e-3)
    return share


@numba.njit(cache=True)
def onto_interface(field, p, labels, count, reach):
    """Move p (3,) [mm] in place to the nearest point where the indicators of `labels` (count,) are equal, at most `reach`.

    Gauss-Newton of least motion on the differences to the first label, at most three of them.
    """
    x0, y0, z0 = p[0], p[1], p[2]
    rows = min(count - 1, 3)
    first, other, miss = np.empty(3), np.empty(3), np.zeros(3)
    slopes, square = np.zeros((3, 3)), np.zeros((3, 3))
    for _ in range(4):
        base = value_and_slope_at(field, labels[0], p[0], p[1], p[2], first)
        for r in range(rows):
            miss[r] = base - value_and_slope_at(field, labels[r + 1], p[0], p[1], p[2], other)
            for k in range(3):
                slopes[r, k] = first[k] - other[k]
        for i in range(3):
            for j in range(3):
                square[i, j] = 1.0 if i == j else 0.0
        for i in range(rows):
            for j in range(rows):
                square[i, j] = slopes[i, 0] * slopes[j, 0] + slopes[i, 1] * slopes[j, 1] + slopes[i, 2] * slopes[j, 2]
            square[i, i] += 1e-3
        weight = _solved(square, miss, rows)
        dx = dy = dz = 0.0
        for r in range(rows):
            dx -= slopes[r, 0] * weight[r]
            dy -= slopes[r, 1] * weight[r]
            dz -= slopes[r, 2] * weight[r]
        moved = math.sqrt(dx * dx + dy * dy + dz * dz)
        shrink = 1.0 if moved < 0.5 * reach else 0.5 * reach / moved
        p[0] += dx * shrink
        p[1] += dy * shrink
        p[2] += dz * shrink
        away = math.sqrt((p[0] - x0) ** 2 + (p[1] - y0) ** 2 + (p[2] - z0) ** 2)
        if away > reach:
            p[0], p[1], p[2] = x0 + (p[0] - x0) * reach / away, y0 + (p[1] - y0) * reach / away, z0 + (p[2] - z0) * reach / away
        if moved < 2e-3 * reach:
            break


@numba.njit(cache=True)
def _solved(square, right, rows):
    """Solution of a symmetric positive 1×1 to 3×3 system by Gaussian elimination."""
    a, b = square.copy(), right.copy()
    for i in range(rows):
        for j in range(i + 1, rows):
            factor = a[j, i] / a[i, i]
            for k in range(i, rows):
                a[j, k] -= factor * a[i, k]
            b[j] -= factor * b[i]
    for i in range(rows - 1, -1, -1):
        for k in range(i + 1, rows):
            b[i] -= a[i, k] * b[k]
        b[i] /= a[i, i]
    return b
