"""Struts of one stent within another's: where they cross or lie side by side, seen from the axis, the inner ones stay within."""

import numpy as np

from sim.balloon import arc_lengths, nearest_on
from sim.device import Nested
from sim.rods.builders import parallel_frames
from sim.solvers.device_parts import NodeBlocks, across, middle_of

STIFFNESS = 1e5
"""Of a crossing [N/m]: a newton brings the struts nearer by a hundredth of a millimetre."""

NEAR = 1e-3
"""Gap up to which a place where they meet is watched [m]: more than struts move in a tick."""


class NestedPart:
    """Places where struts meet, each with ½ k min(g, 0)², g = n·(x_outer − x_inner) − distance, without friction.

    Struts are seen as lines on the unrolled cylinder about the axis, which lies in the middle of the inner ones. They meet where
    elements cross, edges of fabric among them; and where a node lies so near to an element beside it that their widths overlap:
    struts there count as ellipses, whose faces at a distance s sideways are √(1 − s²/width²) of the distance apart. Who meets,
    where along both, and the direction n away from the axis are those at which a tick begins.
    """

    def __init__(self, nested: Nested, origin: np.ndarray, position: np.ndarray):
        kinds = (nested.inner, nested.inner_fabric, nested.outer, nested.outer_fabric)
        used, index = np.unique(np.concatenate(kinds), return_inverse=True)
        parts = np.split(index.reshape(-1, 2), np.cumsum([len(one) for one in kinds])[:-1])
        inner, outer = (np.concatenate(pair) for pair in (parts[:2], parts[2:]))
        place, off = unrolled(nested.axis, position[used] + origin, np.isin(np.arange(len(used)), inner))
        first, second, a, b = _crossings(place, inner, outer)
        pairs = [np.concatenate([inner[first], outer[second]], 1)]
        weights = [np.stack([a - 1.0, -a, 1.0 - b, b], 1)]
        distances = [np.full(len(first), nested.distance)]
        for own, other, sign in ((parts[0], parts[2], 1.0), (parts[2], parts[0], -1.0)):
            node, line, share, beside = _side_by_side(place, np.linalg.norm(off, axis=1), own, other, nested.width)
            pairs.append(np.concatenate([np.stack([node, node], 1), other[line]], 1))
            weights.append(sign * np.stack([np.full(len(node), -1.0), np.zeros(len(node)), 1.0 - share, share], 1))
            distances.append(nested.distance * np.sqrt(1.0 - beside**2))
        nodes, self._weights, self._distance = (np.concatenate(lot) for lot in (pairs, weights, distances))
        out = np.einsum("ck,cki->ci", np.abs(self._weights), off[nodes])
        self._outward = out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
        self._nodes = used[nodes]
        near = self.gaps(position) < NEAR
        self._nodes, self._weights, self._outward = self._nodes[near], self._weights[near], self._outward[near]
        self._distance = self._distance[near]

    def gaps(self, y: np.ndarray) -> np.ndarray:
        """Gap of each place that is watched [m], below nought where struts overlap, at positions y [m], shape (n, 3)."""
        apart = np.einsum("ck,cki->ci", self._weights, y[self._nodes])
        return np.einsum("ci,ci->c", apart, self._outward) - self._distance

    def evaluate(self, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy [J] and slope [N] at positions y [m], shape (n, 3)."""
        over, pull = np.minimum(self.gaps(y), 0.0), np.zeros_like(y)
        np.add.at(pull, self._nodes, (STIFFNESS * over)[:, None, None] * self._weights[:, :, None] * self._outward[:, None])
        return 0.5 * STIFFNESS * float((over**2).sum()), pull

    def stiffness(self, y: np.ndarray) -> NodeBlocks:
        """Second derivative."""
        stiff = np.where(self.gaps(y) < 0.0, STIFFNESS, 0.0)
        slope = (self._weights[:, :, None] * self._outward[:, None]).reshape(-1, 12)
        return NodeBlocks(self._nodes, stiff[:, None, None] * slope[:, :, None] * slope[:, None])


def unrolled(axis: np.ndarray, points: np.ndarray, middle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Station [m] and angle [rad] of points about an axis, shape (n, 2), and their place across it [m], shape (n, 3).

    The axis lies in the middle of those points that are marked, shape (n,), as a balloon's does.
    """
    centre, tangent, station = nearest_on(axis, points)
    off = across(points - centre, tangent)
    shift = middle_of(off, station, middle.astype(float))
    off = off - across(shift, tangent)
    along = arc_lengths(axis)
    carried = parallel_frames(axis)[:, :, 0]
    side = across(np.stack([np.interp(station, along, column) for column in carried.T], 1), tangent)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    angle = np.arctan2(np.einsum("ni,ni->n", off, np.cross(tangent, side)), np.einsum("ni,ni->n", off, side))
    return np.stack([station, angle], 1), off


def _crossings(place: np.ndarray, inner: np.ndarray, outer: np.ndarray) -> tuple[np.ndarray, ...]:
    """Which inner and outer elements cross on the unrolled cylinder, and where along each, 0 to 1."""
    start, begin = place[inner[:, 0]], place[outer[:, 0]]
    way, run = _turned(place[inner[:, 1]] - start), _turned(place[outer[:, 1]] - begin)
    low, high = (edge(start[:, 0], start[:, 0] + way[:, 0]) for edge in (np.minimum, np.maximum))
    least, most = (edge(begin[:, 0], begin[:, 0] + run[:, 0]) for edge in (np.minimum, np.maximum))
    first, second = np.nonzero((low[:, None] <= most[None]) & (high[:, None] >= least[None]))
    between = _turned(begin[second] - start[first])
    p, q = way[first], run[second]
    cross = p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]
    safe = np.where(np.abs(cross) > 1e-15, cross, np.inf)
    a = (between[:, 0] * q[:, 1] - between[:, 1] * q[:, 0]) / safe
    b = (between[:, 0] * p[:, 1] - between[:, 1] * p[:, 0]) / safe
    met = np.isfinite(safe) & (a >= 0.0) & (a < 1.0) & (b >= 0.0) & (b < 1.0)
    return first[met], second[met], a[met], b[met]


def _side_by_side(
    place: np.ndarray, radius: np.ndarray, own: np.ndarray, other: np.ndarray, width: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Nodes of elements `own` less than a width [m] beside an element of `other` on the unrolled cylinder.

    Gives each such node, the nearest of the elements, where along it, 0 to 1, and how far the node lies beside it over the
    width. `place` as of `_unrolled`, `radius` of all nodes [m], shape (n,).
    """
    none = np.zeros(0, int)
    if width <= 0.0 or not len(own) or not len(other):
        return none, none, np.zeros(0), np.zeros(0)
    nodes = np.unique(own)
    begin, run = place[other[:, 0]], _turned(place[other[:, 1]] - place[other[:, 0]])
    low, high = (edge(begin[:, 0], begin[:, 0] + run[:, 0]) for edge in (np.minimum, np.maximum))
    at = place[nodes, 0][:, None]
    row, line = np.nonzero((at > low - width) & (at < high + width))
    arc = np.stack([np.ones(len(row)), radius[nodes[row]]], 1)
    way, off = arc * run[line], arc * _turned(place[nodes[row]] - begin[line])
    share = np.clip(np.einsum("pi,pi->p", off, way) / np.maximum(np.einsum("pi,pi->p", way, way), 1e-30), 0.0, 1.0)
    beside = np.linalg.norm(off - share[:, None] * way, axis=1) / width
    order = np.lexsort((beside, row))
    order = order[beside[order] < 1.0]
    _, nearest = np.unique(row[order], return_index=True)
    chosen = order[nearest]
    return nodes[row[chosen]], line[chosen], share[chosen], beside[chosen]


def _turned(difference: np.ndarray) -> np.ndarray:
    """Differences of station and angle with the angle's between −π and π."""
    difference[:, 1] = np.remainder(difference[:, 1] + np.pi, 2.0 * np.pi) - np.pi
    return difference
