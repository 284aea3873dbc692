"""A balloon on a catheter that runs where wire and vessel let it: what it presses struts with, it presses its catheter with.

While full it is a pressurised membrane tube, and bends as one (Stein & Hedgepeth, NASA TN D-813, 1961): stiffly as long as its
skin is taut all around, EI = π r³ E t, and never with more than M = π P r³, when all of its axial tension P π r² runs along one
line. Between the two it follows a curve of both ends,

    w(κ) = M (√(κ₀² + κ²) − κ₀),    κ₀ = M / EI,

which has 0.45 M at κ₀/2, where the taut tube has 0.5 M and begins to wrinkle. Its skin's E t is that which lets it follow its
chart, as a closed tube's does: dr = (1 − ν/2) r² dP / E t.
"""

from typing import Any

import numpy as np

from sim.device import DeviceBody, Mounted
from sim.rods.network import Pose
from sim.solvers.bearing import bearing
from sim.solvers.device_parts import NodeBlocks, across, middle_of

SKIN_POISSON = 0.4
"""Poisson's ratio of a balloon's skin, of nylon or polyester, from memory [M]."""


RING_WINDOW = 2e-3
"""Length of stent [m] over which the middle is taken from which struts are pressed away: about a ring's."""


def on_a_catheter(device: DeviceBody, mounted: Mounted, origin: np.ndarray, before: Pose, pressure: float) -> list[Any]:
    """What a balloon on a catheter does in a tick that begins at a pose relative to the origin [m]: it presses and is stiff."""
    pressing = CarriedBalloonPart(device, mounted, origin, before, pressure)
    return [pressing, BeamPart(*pressing.tube(), pressure)]


class CarriedBalloonPart:
    """A balloon that presses struts away from its catheter, and its catheter away from them.

    The direction in which each strut is pressed is that from the middle of the struts about it, ring by ring, so that a closed
    balloon pushes no part of itself aside; how far it is pressed counts from the catheter, which the skin thereby keeps in the
    middle. Were the middle taken over several rings, each would be driven off the others and the catheter by π P d for each
    metre, d how far it is aside, and the catheter would wind. Directions, areas and places on the catheter are those at which
    the tick begins.
    """

    def __init__(self, device: DeviceBody, mounted: Mounted, origin: np.ndarray, before: Pose, pressure: float):
        assert mounted.carrier is not None
        now = Pose(before.position + origin, before.rotation)
        self._course = device.course(mounted.carrier.feed, now)
        self._mounted = device.placed(mounted, now)
        self._balloon, self._pressure = self._mounted.balloon, pressure
        found = bearing(self._mounted, now.position)
        self._upon = np.flatnonzero(found.share > 0.0)
        gap = np.broadcast_to(mounted.gap, len(now.position))[self._upon]
        self._share, self._narrow = found.share[self._upon], found.narrow[self._upon]
        self._station, tangent = found.station[self._upon], found.tangent[self._upon]
        off = across(now.position[self._upon] - found.centre[self._upon], tangent)
        own = across(off - middle_of(off, self._station, self._share, window=RING_WINDOW), tangent)
        distance = np.maximum(np.linalg.norm(own, axis=1), 1e-9)
        self._outward = own / distance[:, None]
        self._inner = np.maximum(distance - gap, 0.0)
        self._area = self._share * self._inner
        below, along = self._course.elements(self._first_station + self._station)
        self._nodes = np.stack([self._upon, self._course.nodes[below], self._course.nodes[below + 1]], 1)
        self._weights = np.stack([np.ones_like(along), along - 1.0, -along], 1)
        # How far a strut's inner face is from the catheter when the tick begins, less what the weights give for it there.
        begin = np.einsum("ni,ni->n", off, self._outward) - gap
        self._offset = begin - self._apart(before.position)

    @property
    def _first_station(self) -> float:
        """Where the balloon begins along its catheter [m]."""
        assert self._mounted.carrier is not None
        return self._mounted.carrier.middle - 0.5 * self._mounted.carrier.length

    def tube(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The balloon as a tube: its catheter's nodes between the shoulders with both their neighbours, shape (k, 3), the length
        of catheter that each stands for [m], the tube's radius there [m], and the E t of its skin [N/m], shapes (k,)."""
        assert self._mounted.carrier is not None
        half = 0.5 * self._mounted.carrier.length - self._balloon.shoulder
        station, nodes = self._course.station, self._course.nodes
        chosen = np.flatnonzero(np.abs(station - self._mounted.carrier.middle) < half)
        chosen = chosen[(chosen > 0) & (chosen < len(nodes) - 1)]
        at = station[chosen] - self._first_station
        struts = middle_of(np.repeat(self._inner[:, None], 3, 1), self._station, self._share, at)[:, 0]
        radius = np.minimum(struts, self._balloon.free_radius(self._pressure))
        skin = (1.0 - 0.5 * SKIN_POISSON) * radius**2 * self._balloon.wall_stiffness(radius)
        length = 0.5 * (station[chosen + 1] - station[chosen - 1])
        return np.stack([nodes[chosen - 1], nodes[chosen], nodes[chosen + 1]], 1), length, radius, skin

    def evaluate(self, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy [J] and slope [N] at positions y [m], shape (n, 3)."""
        radius, pull = self._radius(y), np.zeros_like(y)
        energy = float((self._area * self._narrow * self._balloon.work(self._pressure, radius)).sum())
        push = self._area * np.maximum(self._pressure - self._balloon.wall_pressure(radius), 0.0)
        np.add.at(pull, self._nodes, -(push[:, None] * self._weights)[:, :, None] * self._outward[:, None])
        return energy, pull

    def stiffness(self, y: np.ndarray) -> NodeBlocks:
        """Second derivative."""
        radius = self._radius(y)
        pressing = self._pressure > self._balloon.wall_pressure(radius)
        stiff = np.where(pressing, self._area / self._narrow * self._balloon.wall_stiffness(radius), 0.0)
        slope = (self._weights[:, :, None] * self._outward[:, None]).reshape(-1, 9)
        return NodeBlocks(self._nodes, stiff[:, None, None] * slope[:, :, None] * slope[:, None])

    def _radius(self, y: np.ndarray) -> np.ndarray:
        """How far each strut's inner face is from the catheter [m], over what the shoulders leave of the balloon's radius."""
        return (self._apart(y) + self._offset) / self._narrow

    def _apart(self, y: np.ndarray) -> np.ndarray:
        """How far struts are from their catheter [m] in the direction in which they are pressed, but for a constant."""
        return np.einsum("nk,nki,ni->n", self._weights, y[self._nodes], self._outward)


class BeamPart:
    """A full balloon as a beam: energy of the bending of its catheter between its shoulders, κ = (x₋ − 2x + x₊) / l²."""

    def __init__(self, nodes: np.ndarray, length: np.ndarray, radius: np.ndarray, skin: np.ndarray, pressure: float):
        """Nodes of shape (k, 3), the length of each [m], the tube's radius there [m], and its skin's E t [N/m], shapes (k,)."""
        self._nodes, self._length = nodes, length
        self._moment = np.pi * pressure * radius**3
        self._bend = self._moment / np.maximum(np.pi * radius**3 * skin, 1e-12)

    def evaluate(self, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy [J] and slope [N] at positions y [m], shape (n, 3)."""
        curvature, root = self._curvature(y)
        energy = float((self._length * self._moment * (root - self._bend)).sum())
        pull, force = np.zeros_like(y), (self._moment / (root * self._length))[:, None] * curvature
        np.add.at(pull, self._nodes, np.array([1.0, -2.0, 1.0])[None, :, None] * force[:, None])
        return energy, pull

    def stiffness(self, y: np.ndarray) -> NodeBlocks:
        """Second derivative."""
        curvature, root = self._curvature(y)
        bent = curvature / root[:, None]
        block = (self._moment / (root * self._length**3))[:, None, None] * (np.eye(3) - np.einsum("ni,nj->nij", bent, bent))
        signs = np.array([1.0, -2.0, 1.0])
        return NodeBlocks(self._nodes, np.einsum("a,b,nij->naibj", signs, signs, block).reshape(-1, 9, 9))

    def _curvature(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Curvature κ at each node [1/m], shape (k, 3), and √(κ₀² + κ²) [1/m], shape (k,)."""
        before, here, after = np.moveaxis(y[self._nodes], 1, 0)
        curvature = (before - 2.0 * here + after) / self._length[:, None] ** 2
        return curvature, np.sqrt(self._bend**2 + (curvature**2).sum(axis=1))
