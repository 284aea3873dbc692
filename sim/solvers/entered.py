"""Which parts of a device lie within the vessel: neither in a guide outside, nor beyond an end of the lumen."""

import numpy as np

from sim.arrays import Array
from sim.model import Model

BEYOND = 0.25
"""How far a point may lie off the lumen's rim, along the vessel, as a share of the tissue's mean edge."""


class Entered:
    """Tells which sample points of a model's device may touch the wall."""

    def __init__(self, model: Model):
        self._model = model
        lumen = model.body.lumen
        edges = np.sort(np.concatenate([lumen[:, [0, 1]], lumen[:, [1, 2]], lumen[:, [2, 0]]]), axis=1)
        pairs, count = np.unique(edges, axis=0, return_counts=True)
        self._rim = np.zeros(model.vertex_count, bool)
        self._rim[pairs[count == 1]] = True

    def inside(self, y: np.ndarray, wall: np.ndarray, weights: np.ndarray, u: Array) -> np.ndarray:
        """Whether each sample point is within the vessel, shape (s,).

        From the nodes' positions y [m], the nearest triangle of the lumen, shape (s, 3), its weights there, and the tissue's
        displacement [m].
        """
        m, device = self._model, self._model.device
        if device is None:
            return np.zeros(0, bool)
        points = device.sample_points(y)
        found = np.ones(len(points), bool)
        for feed in device.feeds:
            own = np.isin(device.sample_nodes[:, 0], feed.nodes)
            found[own] &= (points[own] + m.origin - feed.entry) @ feed.direction > 0.0
        at_rim = (weights * ~self._rim[wall]).sum(1) < 1e-3
        if at_rim.any():
            place = (m.rest.to_numpy().astype(float) + u.to_numpy())[wall[at_rim]]
            foot = np.einsum("sa,sai->si", weights[at_rim], place)
            normal = np.cross(place[:, 1] - place[:, 0], place[:, 2] - place[:, 0])
            normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
            off = points[at_rim] - foot
            off -= np.einsum("si,si->s", off, normal)[:, None] * normal
            found[at_rim] &= np.linalg.norm(off, axis=1) <= BEYOND * m.mean_edge
        return found
