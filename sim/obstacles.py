"""Rigid bodies of simple shape that tissue may meet: a table, a pusher, a ball."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class HalfSpace:
    """All that lies behind a plane.

    Attributes
    ----------
    name
        What hands call it.
    point, normal
        A point of the plane [m] and its normal out of the solid, each of shape (3,); the normal's length does not matter.
    friction
        Coulomb's coefficient against tissue.
    """

    name: str
    point: tuple[float, float, float]
    normal: tuple[float, float, float]
    friction: float = 0.0

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Nearest surface point [m] and outward unit normal there for each of points [m], shape (n, 3)."""
        normal = np.asarray(self.normal) / np.linalg.norm(self.normal)
        depth = (points - np.asarray(self.point)) @ normal
        return points - depth[:, None] * normal, np.broadcast_to(normal, points.shape)


@dataclasses.dataclass(frozen=True)
class Sphere:
    """A ball.

    Attributes
    ----------
    name
        What hands call it.
    centre, radius
        Where it is [m], shape (3,), and how large [m].
    friction
        Coulomb's coefficient against tissue.
    """

    name: str
    centre: tuple[float, float, float]
    radius: float
    friction: float = 0.0

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Nearest surface point [m] and outward unit normal there for each of points [m], shape (n, 3)."""
        off = points - np.asarray(self.centre)
        normal = off / np.maximum(np.linalg.norm(off, axis=1, keepdims=True), 1e-12)
        return np.asarray(self.centre) + self.radius * normal, normal


Obstacle = HalfSpace | Sphere
