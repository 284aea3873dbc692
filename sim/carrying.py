"""What lies upon a catheter and goes with it: stents that have not been opened yet, and balloons."""

import dataclasses

import numpy as np
from scipy.interpolate import CubicSpline

from sim.balloon import arc_lengths
from sim.rods.network import Pose
from sim.rods.rotations import inverse, quaternion_product, to_matrices

AXIS_SPACING = 5e-4
"""Distance of the points by which a balloon's axis along its catheter is told [m]."""


@dataclasses.dataclass(frozen=True)
class Carrier:
    """The place of a balloon on its catheter.

    Attributes
    ----------
    feed
        The catheter, as `sim.device.Feed` names it.
    middle
        Of the balloon, along the catheter from its proximal end [m].
    length
        Of the balloon, shoulders included [m].
    """

    feed: str
    middle: float
    length: float


@dataclasses.dataclass(frozen=True)
class Carried:
    """Nodes of rods that ride on a catheter until a Command no longer says so, such as those of a crimped stent.

    They lie about it as they do when the clock starts, when the catheter is straight, and meet nothing: the catheter does.

    Attributes
    ----------
    name
        Whom a Command's `waiting` and `riding` speak of.
    nodes
        Those that ride, shape (k,).
    feed
        The catheter.
    """

    name: str
    nodes: np.ndarray
    feed: str


@dataclasses.dataclass(frozen=True)
class Course:
    """Where a catheter runs: its nodes' curve and their turns, by the way along it from its proximal end.

    Attributes
    ----------
    nodes
        Of the catheter from its proximal end, shape (q,).
    station
        Way along it at its nodes when nothing stretches it [m], shape (q,).
    position, rotation
        Where its nodes are [m], shape (q, 3), and how they are turned from how they were at first, unit quaternions, (q, 4).
    """

    nodes: np.ndarray
    station: np.ndarray
    position: np.ndarray
    rotation: np.ndarray

    @staticmethod
    def of(nodes: np.ndarray, first: Pose, now: Pose) -> "Course":
        """The course of a feed's nodes, shape (q,), in the pose of now, from that when the clock started."""
        start = first.position[nodes]
        station = arc_lengths(start)
        turned = quaternion_product(now.rotation[nodes], inverse(first.rotation[nodes]))
        return Course(nodes, station, now.position[nodes], turned)

    def at(self, station: np.ndarray) -> np.ndarray:
        """Points of the curve at stations [m], shape (n, 3); it goes straight on beyond its ends."""
        curve, inside = CubicSpline(self.station, self.position), np.clip(station, 0.0, self.station[-1])
        return curve(inside) + (station - inside)[:, None] * curve(inside, 1)

    def turned(self, station: np.ndarray) -> np.ndarray:
        """How the catheter is turned at stations [m] from how it was at first, unit quaternions, shape (n, 4)."""
        below, share = self.elements(station)
        a, b = self.rotation[below], self.rotation[below + 1]
        b = np.where(np.einsum("ni,ni->n", a, b)[:, None] < 0.0, -b, b)
        mixed = (1.0 - share)[:, None] * a + share[:, None] * b
        return mixed / np.linalg.norm(mixed, axis=1, keepdims=True)

    def elements(self, station: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Number of the element at stations [m] and how far along it each is, 0 to 1, both shape (n,)."""
        below = np.clip(np.searchsorted(self.station, station, "right") - 1, 0, len(self.station) - 2)
        share = (station - self.station[below]) / (self.station[below + 1] - self.station[below])
        return below, np.clip(share, 0.0, 1.0)

    def axis_of(self, carrier: Carrier) -> np.ndarray:
        """Points of a balloon's axis where its catheter runs [m], shape (p, 3)."""
        half = 0.5 * carrier.length
        count = max(2, round(carrier.length / AXIS_SPACING) + 1)
        return self.at(np.linspace(carrier.middle - half, carrier.middle + half, count))


def carried_along(carried: Carried, course: Course, first: Pose, now: Pose) -> Pose:
    """The pose of now with carried nodes where their catheter has taken them; `first` is that when the clock started."""
    start = first.position[course.nodes]
    inwards = (start[-1] - start[0]) / np.linalg.norm(start[-1] - start[0])
    off = first.position[carried.nodes] - start[0]
    station = off @ inwards
    aside = off - station[:, None] * inwards
    turn = course.turned(station)
    position, rotation = now.position.copy(), now.rotation.copy()
    position[carried.nodes] = course.at(station) + np.einsum("nij,nj->ni", to_matrices(turn), aside)
    rotation[carried.nodes] = quaternion_product(turn, first.rotation[carried.nodes])
    return Pose(position, rotation)
