"""Grips: the small patches of a body's boundary that a probe takes hold of."""

import dataclasses

import numpy as np

from sim.body import Body, ModelError, boundary_faces
from sim.command import Pull


@dataclasses.dataclass(frozen=True, eq=False)
class Grip:
    """Vertices that are pulled as one, shape (k,), and the share of the force that each bears, shape (k,), with sum 1."""

    vertices: np.ndarray
    weights: np.ndarray

    def middle(self, points: np.ndarray) -> np.ndarray:
        """Where the grip is, of all vertices' positions, shape (n, 3), in their unit."""
        return self.weights @ points[self.vertices]

    def force(self, pull: Pull, points: np.ndarray) -> np.ndarray:
        """What a pull's spring presses on the tissue [N], shape (3,), with all vertices at points [m], shape (n, 3)."""
        off = np.asarray(pull.target) - self.middle(points)
        return min(pull.stiffness, pull.limit / max(float(np.linalg.norm(off)), 1e-30)) * off


class Grips:
    """The boundary of a body, found when it is first gripped."""

    def __init__(self, body: Body):
        self._body = body
        self._areas: np.ndarray | None = None
        self._held = np.zeros(len(body.vertices), bool)
        self._held[body.held] = True
        for patch in body.patches.values():
            self._held[patch] = True
        self._last: tuple[tuple[int, float], Grip] | None = None

    def grip(self, vertex: int, radius: float) -> Grip:
        """The grip about a vertex of the boundary: a Gaussian of the distance at rest, down to e⁻² at the radius [m], times area.

        Vertices that face the other way, as those across a thin wall do, and vertices that do not move are left out.

        Raises
        ------
        ModelError
            If there is no such vertex, it lies inside, or nothing about it can move.
        """
        if self._last is not None and self._last[0] == (vertex, radius):
            return self._last[1]
        points = self._body.vertices
        if not 0 <= vertex < len(points):
            raise ModelError(f"There is no vertex {vertex} to pull; the body has {len(points):,}, from 0 on.")
        if self._areas is None:
            self._areas = _vertex_areas(points, boundary_faces(np.asarray(self._body.tets)))
        size = float(np.linalg.norm(self._areas[vertex]))
        if size == 0.0:
            raise ModelError(f"Vertex {vertex} lies inside the tissue; only its surface can be pulled.")
        distance = np.linalg.norm(points - points[vertex], axis=1)
        facing = np.maximum(self._areas @ (self._areas[vertex] / size), 0.0)
        share = np.where((distance < 1.5 * radius) & ~self._held, facing * np.exp(-2.0 * (distance / radius) ** 2), 0.0)
        taken = np.flatnonzero(share)
        if len(taken) == 0:
            raise ModelError(f"Nothing within {1.5e3 * radius:.3g} mm of vertex {vertex} can move; pull elsewhere.")
        found = Grip(taken, share[taken] / share[taken].sum())
        self._last = ((vertex, radius), found)
        return found


def _vertex_areas(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Area vector of each vertex of the boundary: a third of those of its triangles [m²], shape (n, 3)."""
    p = points[triangles]
    third = np.repeat(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]) / 6.0, 3, axis=0)
    corner = triangles.ravel()
    return np.stack([np.bincount(corner, third[:, axis], len(points)) for axis in range(3)], 1)
