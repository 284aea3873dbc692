"""What acts on the rods of a device beside their own stiffness: a balloon, the guide of a feed, a sleeve about a rod, a sheath.

Each part is an energy of the nodes' positions, with its slope and the positive part of its second derivative.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from sim.balloon import nearest_on
from sim.device import Feed, Mounted, Sheath, Sleeve
from sim.solvers.bearing import bearing

GUIDE_STIFFNESS = 1e4
"""Of a guide against a node that leaves its line [N/m]: a newton moves it by a tenth of a millimetre."""

GUIDE_RAMP = 2e-3
"""Way behind the entry on which a guide takes hold [m]."""

SLEEVE_STIFFNESS = 2e4
"""Of a catheter's bore against a node of what slides in it [N/m]."""

SHEATH_STIFFNESS = 1e5
"""Of a sheath against a node that presses on it from within [N/m]: a newton moves it by a hundredth of a millimetre."""

SHEATH_RAMP = 1e-3
"""Way behind a sheath's end on which it takes hold [m]."""

MIDDLE_WINDOW = 6e-3
"""Length of stent [m] over which the middle is taken in which a balloon's axis lies: some rings, so that none pulls it alone."""

WINDOW = 4
"""Elements to either side of the nearest one when the tick began, among which the nearest is looked for."""


@dataclasses.dataclass(frozen=True)
class NodeBlocks:
    """Stiffness between a few nodes: their numbers (b, k), and blocks [N/m] between displacements (b, 3k, 3k), or between
    displacements and turns, [N/m, N, N·m] in `Pose.moved`'s order, (b, 6k, 6k).

    Where the nodes change from pose to pose, `likely` tells which may meet, (c, l), so that the matrix keeps its pattern; an
    empty one, that other blocks tell it.
    """

    nodes: np.ndarray
    values: np.ndarray
    likely: np.ndarray | None = None


class BalloonPart:
    """A balloon that presses struts away from its axis: see `sim.balloon`.

    A balloon is closed and pushes nowhere as a whole: its axis lies in the middle of the struts about it, wherever these have
    gone with the vessel. Its catheter's own stiffness is left out. Axis, areas and directions are those at which a tick begins,
    so that the balloon does not chase, within the tick, what its struts have moved aside. At its shoulders, where it has the
    share f of its radius, a strut at radius r is pressed as one at r/f would be between them.
    """

    def __init__(self, mounted: Mounted, origin: np.ndarray, position: np.ndarray, pressure: float):
        self._balloon, self._pressure, self._gap = mounted.balloon, pressure, mounted.gap
        found = bearing(mounted, position + origin)
        self._narrow = found.narrow
        off = across(position + origin - found.centre, found.tangent)
        middle = middle_of(off, found.station, found.share)
        self._centre = found.centre - origin + middle
        off = off - across(middle, found.tangent)
        distance = np.maximum(np.linalg.norm(off, axis=1), 1e-9)
        self._outward = off / distance[:, None]
        self._area = found.share * np.maximum(distance - self._gap, 0.0)

    def evaluate(self, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy [J] and slope [N] at positions y [m], shape (n, 3)."""
        radius = self._radius(y)
        energy = float((self._area * self._narrow * self._balloon.work(self._pressure, radius)).sum())
        push = self._area * np.maximum(self._pressure - self._balloon.wall_pressure(radius), 0.0)
        return energy, -push[:, None] * self._outward

    def stiffness(self, y: np.ndarray) -> NodeBlocks:
        """Second derivative."""
        radius = self._radius(y)
        pressing = self._pressure > self._balloon.wall_pressure(radius)
        stiff = np.where(pressing, self._area / self._narrow * self._balloon.wall_stiffness(radius), 0.0)
        along = np.einsum("ni,nj->nij", self._outward, self._outward)
        return NodeBlocks(np.arange(len(y))[:, None], stiff[:, None, None] * along)

    def _radius(self, y: np.ndarray) -> np.ndarray:
        """How far each strut's inner face is from the balloon's axis [m], in the direction in which it is pressed, over f."""
        return (np.einsum("ni,ni->n", y - self._centre, self._outward) - self._gap) / self._narrow


class GuidePart:
    """The straight guide behind an entry: it holds a rod to its line and lets it slide."""

    def __init__(self, feed: Feed, origin: np.ndarray):
        self._feed, self._entry = feed, feed.entry - origin

    def evaluate(self, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy [J] and slope [N] at positions y [m], shape (n, 3)."""
        aside, hold, slope_hold = self._place(y)
        square = np.einsum("ni,ni->n", aside, aside)
        pull = np.zeros_like(y)
        pull[self._feed.nodes] = hold[:, None] * aside + (0.5 * slope_hold * square)[:, None] * self._feed.direction
        return float(0.5 * (hold * square).sum()), pull

    def stiffness(self, y: np.ndarray) -> NodeBlocks:
        """Positive part of the second derivative."""
        _, hold, _ = self._place(y)
        d = self._feed.direction
        return NodeBlocks(self._feed.nodes[:, None], hold[:, None, None] * (np.eye(3) - np.outer(d, d)))

    def _place(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """How far each node is aside of the guide's line [m], how stiffly it is held [N/m], and how that grows [N/m²]."""
        off = y[self._feed.nodes] - self._entry
        depth = off @ self._feed.direction
        aside = off - depth[:, None] * self._feed.direction
        hold, slope = _taking_hold(-depth, GUIDE_RAMP)
        return aside, GUIDE_STIFFNESS * hold, GUIDE_STIFFNESS * slope


class SleevePart:
    """A rod inside another: neither's nodes may lie farther than the clearance from the other's middle line.

    Only where both are: beyond the end of one the other is free.
    """

    def __init__(self, sleeve: Sleeve, position: np.ndarray):
        self._clearance = sleeve.clearance
        pairs = ((sleeve.inner, sleeve.outer), (sleeve.outer, sleeve.inner))
        self._ways = [(nodes, line, _nearest_edges(position[nodes], position[line])) for nodes, line in pairs]
        self._middles = [edges.copy() for _, _, edges in self._ways]
        self._seen: tuple[np.ndarray, list[Touches]] | None = None

    def evaluate(self, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy [J] and slope [N] at positions y [m], shape (n, 3)."""
        energy, pull = 0.0, np.zeros_like(y)
        for touch in self._touches(y):
            energy += 0.5 * SLEEVE_STIFFNESS * float((touch.over**2).sum())
            stiff = SLEEVE_STIFFNESS * (touch.weights * touch.over[:, None])
            np.add.at(pull, touch.nodes, stiff[:, :, None] * touch.normal[:, None])
        return energy, pull

    def stiffness(self, y: np.ndarray) -> NodeBlocks:
        """Positive part of the second derivative."""
        found = self.touches(y)
        along = np.einsum("bi,bj->bij", found.normal, found.normal)
        block = SLEEVE_STIFFNESS * (along + (found.over / found.distance)[:, None, None] * (np.eye(3) - along))
        values = np.einsum("ba,bc,bij->baicj", found.weights, found.weights, block)
        return NodeBlocks(found.nodes, values.reshape(-1, 9, 9), self._likely())

    def _likely(self) -> np.ndarray:
        """Each node with those of the other rod's elements next to the one that was nearest, shape (c, 5)."""
        rows = []
        for (nodes, line, _), middle in zip(self._ways, self._middles, strict=True):
            beside = np.clip(middle[:, None] + np.arange(-1, 3), 0, len(line) - 1)
            rows.append(np.concatenate([nodes[:, None], line[beside]], 1))
        return np.concatenate(rows)

    def touches(self, y: np.ndarray) -> "Touches":
        """Where nodes of either rod press on the other at positions y [m], shape (n, 3): the inner's, then the outer's."""
        inner, outer = self._touches(y)
        fields = [field.name for field in dataclasses.fields(Touches)]
        return Touches(*(np.concatenate([getattr(inner, name), getattr(outer, name)]) for name in fields))

    def _touches(self, y: np.ndarray) -> list["Touches"]:
        """As `touches`, each rod's for itself; slope and stiffness are asked at one place, so the last is kept."""
        if self._seen is None or self._seen[0] is not y:
            self._seen = y, list(self._found(y))
        return self._seen[1]

    def _found(self, y: np.ndarray) -> Iterator["Touches"]:
        first = 0
        for (nodes, line, edges), middle in zip(self._ways, self._middles, strict=True):
            last = len(line) - 2
            window = np.clip(edges[:, None] + np.arange(-WINDOW, WINDOW + 1), 0, last)
            start, end = y[line[window]], y[line[window + 1]]
            edge = end - start
            off = y[nodes][:, None] - start
            along = np.einsum("nwi,nwi->nw", off, edge) / np.einsum("nwi,nwi->nw", edge, edge)
            foot = np.clip(along, 0.0, 1.0)
            away = np.linalg.norm(off - foot[:, :, None] * edge, axis=2)
            best = np.argmin(away, axis=1)
            rows = np.arange(len(nodes))
            chosen, share, distance = window[rows, best], foot[rows, best], np.maximum(away[rows, best], 1e-12)
            beyond = ((chosen == last) & (along[rows, best] > 1.0)) | ((chosen == 0) & (along[rows, best] < 0.0))
            hit = (distance > self._clearance) & ~beyond
            # Nearest elements beyond those that were thought of; both are those of the tick's begin until it is so.
            strayed = hit & (np.abs(chosen - middle) > 1)
            middle[strayed] = chosen[strayed]
            normal = (off[rows, best] - share[:, None] * edge[rows, best]) / distance[:, None]
            three = np.stack([nodes, line[chosen], line[chosen + 1]], 1)
            weights = np.stack([np.ones_like(share), share - 1.0, -share], 1)
            over = distance - self._clearance
            yield Touches(three[hit], weights[hit], normal[hit], over[hit], distance[hit], first + np.flatnonzero(hit))
            first += len(nodes)


@dataclasses.dataclass(frozen=True)
class Touches:
    """Places where a rod presses on the one about it.

    Attributes
    ----------
    nodes
        A node of one rod and the two of the other's nearest element, shape (t, 3).
    weights
        Of these nodes in the way from the element to the node, shape (t, 3).
    normal
        Direction of that way, shape (t, 3).
    over, distance
        How deep they overlap, and how long that way is [m], shape (t,).
    number
        Of the node among the inner rod's nodes and, after them, the outer's, shape (t,).
    """

    nodes: np.ndarray
    weights: np.ndarray
    normal: np.ndarray
    over: np.ndarray
    distance: np.ndarray
    number: np.ndarray


class SheathPart:
    """A sheath about nodes: beyond its bore it presses them back with ½ k d², d how deep they are in it.

    k grows from nought at its end to the whole over a ramp. Its axis is straight for each node within a tick, as at the node
    when the tick began.
    """

    def __init__(self, sheath: Sheath, origin: np.ndarray, position: np.ndarray, drawn: float):
        self._nodes, self._radius = sheath.nodes, sheath.radius
        centre, self._along, self._station = nearest_on(sheath.axis, position[sheath.nodes] + origin)
        self._centre = centre - origin
        self._end = float(np.linalg.norm(np.diff(sheath.axis, axis=0), axis=1).sum()) - drawn

    def evaluate(self, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy [J] and slope [N] at positions y [m], shape (n, 3)."""
        outward, over, _, hold, slope_hold = self._place(y)
        pull = np.zeros_like(y)
        pull[self._nodes] = (hold * over)[:, None] * outward + (0.5 * slope_hold * over**2)[:, None] * self._along
        return float(0.5 * (hold * over**2).sum()), pull

    def stiffness(self, y: np.ndarray) -> NodeBlocks:
        """Second derivative but for the ramp's, which may be negative."""
        outward, over, distance, hold, _ = self._place(y)
        out = np.einsum("ni,nj->nij", outward, outward)
        around = np.eye(3) - out - np.einsum("ni,nj->nij", self._along, self._along)
        stiff = np.where(over > 0.0, hold, 0.0)
        return NodeBlocks(self._nodes[:, None], stiff[:, None, None] * out + (stiff * over / distance)[:, None, None] * around)

    def pressing(self, y: np.ndarray) -> np.ndarray:
        """How hard each of its nodes presses outwards [N], at positions y [m], shape (k,)."""
        _, over, _, hold, _ = self._place(y)
        return hold * over

    def _place(self, y: np.ndarray) -> tuple[np.ndarray, ...]:
        """Direction away from the axis, depth [m], distance [m], how stiffly each node is held [N/m], and how that grows."""
        off = y[self._nodes] - self._centre
        ahead = np.einsum("ni,ni->n", off, self._along)
        off = off - ahead[:, None] * self._along
        distance = np.maximum(np.linalg.norm(off, axis=1), 1e-12)
        hold, slope = _taking_hold(self._end - self._station - ahead, SHEATH_RAMP)
        over = np.maximum(distance - self._radius, 0.0)
        return off / distance[:, None], over, distance, SHEATH_STIFFNESS * hold, SHEATH_STIFFNESS * slope


def _taking_hold(behind: np.ndarray, ramp: float) -> tuple[np.ndarray, np.ndarray]:
    """Share of a hold so far behind its end [m], and how it grows on the way ahead [1/m].

    3 s² − 2 s³: nought with its slope at the end, whole a ramp [m] behind it.
    """
    share = np.clip(behind / ramp, 0.0, 1.0)
    slope = np.where((share > 0.0) & (share < 1.0), -6.0 * share * (1.0 - share) / ramp, 0.0)
    return share**2 * (3.0 - 2.0 * share), slope


def across(vectors: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """What of vectors is across unit directions, both shape (n, 3)."""
    return vectors - np.einsum("ni,ni->n", vectors, directions)[:, None] * directions


def middle_of(
    off: np.ndarray,
    station: np.ndarray,
    share: np.ndarray,
    asked: np.ndarray | None = None,
    *,
    window: float = MIDDLE_WINDOW,
) -> np.ndarray:
    """Mean of offsets [m], shape (n, 3), weighed by their shares of a balloon, over a window [m] about each station asked [m].

    Without `asked` the stations of the offsets themselves.
    """
    upon, at = share > 0.0, station if asked is None else asked
    if not upon.any():
        return np.zeros((len(at), 3))
    order = np.argsort(station[upon], kind="stable")
    along, weight = station[upon][order], share[upon][order]
    sums = np.concatenate([np.zeros((1, 4)), np.cumsum(np.column_stack([weight[:, None] * off[upon][order], weight]), axis=0)])
    # Near an end the window is as long as elsewhere, and lies inwards.
    half = min(window, along[-1] - along[0]) / 2.0
    middle = np.clip(at, along[0] + half, along[-1] - half)
    within = sums[np.searchsorted(along, middle + half, "right")] - sums[np.searchsorted(along, middle - half, "left")]
    return within[:, :3] / np.maximum(within[:, 3:], 1e-300)


def _nearest_edges(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Number of the element of a line nearest to each point."""
    middle = 0.5 * (line[1:] + line[:-1])
    return np.argmin(np.linalg.norm(points[:, None] - middle[None], axis=2), axis=1)
