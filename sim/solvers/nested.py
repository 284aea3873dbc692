"""Struts of one stent within another's: where they cross, seen from the axis, the inner ones stay within the outer ones."""

import numpy as np

from sim.balloon import nearest_on
from sim.device import Nested
from sim.rods.builders import parallel_frames
from sim.solvers.device_parts import NodeBlocks, across, middle_of

STIFFNESS = 1e5
"""Of a crossing [N/m]: a newton brings the struts nearer by a hundredth of a millimetre."""

NEAR = 1e-3
"""Gap up to which a crossing is watched [m]: more than struts move in a tick."""


class NestedPart:
    """Crossings of struts, each with ½ k min(g, 0)², g = n·(x_outer − x_inner) − distance, without friction.

    Which elements cross, where along both, and the direction n away from the axis are those at which a tick begins. Struts are
    seen as lines on the unrolled cylinder about the axis, which lies in the middle of the inner ones; those that lie side by
    side there do not meet.
    """

    def __init__(self, nested: Nested, origin: np.ndarray, position: np.ndarray):
        self._distance = nested.distance
        used, index = np.unique(np.concatenate([nested.inner, nested.outer]), return_inverse=True)
        index = index.reshape(-1, 2)
        inner, outer = index[: len(nested.inner)], index[len(nested.inner) :]
        place, off = _unrolled(nested.axis, position[used] + origin, np.isin(np.arange(len(used)), inner))
        first, second, a, b = _crossings(place, inner, outer)
        pairs = np.concatenate([inner[first], outer[second]], 1)
        self._weights = np.stack([a - 1.0, -a, 1.0 - b, b], 1)
        out = np.einsum("ck,cki->ci", np.abs(self._weights), off[pairs])
        self._outward = out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
        self._nodes = used[pairs]
        near = self.gaps(position) < NEAR
        self._nodes, self._weights, self._outward = self._nodes[near], self._weights[near], self._outward[near]

    def gaps(self, y: np.ndarray) -> np.ndarray:
        """Gap of each crossing that is watched [m], below nought where struts overlap, at positions y [m], shape (n, 3)."""
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


def _unrolled(axis: np.ndarray, points: np.ndarray, middle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Station [m] and angle [rad] of points about an axis, shape (n, 2), and their place across it [m], shape (n, 3).

    The axis lies in the middle of those points that are marked, shape (n,), as a balloon's does.
    """
    centre, tangent, station = nearest_on(axis, points)
    off = across(points - centre, tangent)
    shift = middle_of(off, station, middle.astype(float))
    off = off - across(shift, tangent)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(axis, axis=0), axis=1))])
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


def _turned(difference: np.ndarray) -> np.ndarray:
    """Differences of station and angle with the angle's between −π and π."""
    difference[:, 1] = np.remainder(difference[:, 1] + np.pi, 2.0 * np.pi) - np.pi
    return difference
