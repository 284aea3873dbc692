"""The coarse space of the two-level preconditioner: each cluster of vertices may move as an affine body.

Block-Jacobi alone resolves short waves of the error; the long ones, which a thin tube has many of, are solved here on
12 modes a cluster: the Galerkin matrix  Uᵀ S U  of the current operator S, contacts and eliminated device included.
"""

import numpy as np
import scipy.sparse as sparse

from sim.model import Model
from sim.solvers.dense import positive_inverse

CLUSTER_COUNT = 64
MODES = 12


class CoarseSpace:
    """Clusters of a model's vertices and the Galerkin matrix on their affine modes."""

    def __init__(self, model: Model):
        self._model = model
        self._free = model.free.to_numpy().astype(float)
        self.cluster = bisect(model.body.vertices, CLUSTER_COUNT)
        self.count = int(self.cluster.max()) + 1
        order = np.argsort(self.cluster, kind="stable")
        self.first = np.searchsorted(self.cluster[order], np.arange(self.count + 1))
        self.members = order
        row, column = model.row.to_numpy(), model.column.to_numpy()
        self._row, self._column = row, column
        pair = self.cluster[row].astype(np.int64) * self.count + self.cluster[column]
        self._pairs, slot = np.unique(pair, return_inverse=True)
        self._slot_order = np.argsort(slot, kind="stable")
        self._slot_first = np.searchsorted(slot[self._slot_order], np.arange(len(self._pairs) + 1))

    def modes(self, displacement: np.ndarray) -> np.ndarray:
        """For each vertex 1 and its place in its cluster, scaled by the cluster's size, shape (n, 4); zero where held."""
        x = self._model.body.vertices + displacement
        sizes = np.bincount(self.cluster, minlength=self.count)[:, None]
        centre = np.stack([np.bincount(self.cluster, x[:, k], self.count) for k in range(3)], 1) / sizes
        off = x - centre[self.cluster]
        spread = np.sqrt(np.bincount(self.cluster, (off**2).sum(1), self.count) / sizes[:, 0])
        weights = np.concatenate([np.ones((len(x), 1)), off / spread[self.cluster][:, None]], 1)
        return weights * self._free[:, None]

    def inverse(self, matrix: np.ndarray, modes: np.ndarray, contacts: np.ndarray | None) -> np.ndarray:
        """(Uᵀ S U)⁻¹, shape (12 q, 12 q), from block rows [N/m] and the contacts' part of Uᵀ S U, None if nothing touches."""
        blocks = np.zeros((len(self._pairs), 4, 4, 3, 3))
        left, right, values = modes[self._row], modes[self._column], matrix.reshape(-1, 9)
        shape = (len(self._pairs), len(self._row))
        for a in range(4):
            for b in range(4):
                weights = (left[:, a] * right[:, b])[self._slot_order]
                total = sparse.csr_matrix((weights, self._slot_order, self._slot_first), shape=shape) @ values
                blocks[:, a, b] = total.reshape(-1, 3, 3)
        whole = np.zeros((self.count, self.count, MODES, MODES))
        whole.reshape(-1, MODES, MODES)[self._pairs] = blocks.transpose(0, 1, 3, 2, 4).reshape(-1, MODES, MODES)
        whole = whole.transpose(0, 2, 1, 3).reshape(self.count * MODES, self.count * MODES)
        if contacts is not None:
            whole += contacts
        return _positive_inverse(0.5 * (whole + whole.T))

    def contact_rows(self, modes: np.ndarray, corners: np.ndarray, weights: np.ndarray) -> sparse.csr_matrix:
        """Motion Σ b U of the wall at each contact, shape (3s, 12 q), from its corners (s, 3) and their weights (s, 3)."""
        count = len(corners)
        values = (weights[:, :, None] * modes[corners])[:, :, :, None] * np.ones(3)
        column = MODES * self.cluster[corners][:, :, None, None] + 3 * np.arange(4)[:, None] + np.arange(3)
        row = np.broadcast_to(3 * np.arange(count)[:, None, None, None] + np.arange(3), values.shape)
        shape = (3 * count, MODES * self.count)
        return sparse.csr_matrix((values.ravel(), (row.ravel(), column.ravel())), shape=shape)


def bisect(points: np.ndarray, count: int) -> np.ndarray:
    """Split points, shape (n, 3), into `count` (a power of two) equal clusters, each time across the longest extent."""
    cluster = np.zeros(len(points), int)
    parts = 1
    while parts < min(count, max(len(points) // 8, 1)):
        for part in range(parts):
            members = np.flatnonzero(cluster == part)
            axis = int(np.argmax(np.ptp(points[members], axis=0)))
            order = members[np.argsort(points[members, axis], kind="stable")]
            cluster[order[len(order) // 2 :]] = part + parts
        parts *= 2
    return cluster


def _positive_inverse(matrix: np.ndarray) -> np.ndarray:
    """Inverse of a symmetric matrix that may be singular (held clusters) or slightly indefinite (compressed tissue)."""
    size = np.diagonal(matrix).copy()
    empty = size <= 1e-12 * size.max()
    shift = 1e-6
    while True:
        shifted = matrix.copy()
        shifted[np.diag_indices_from(shifted)] += np.where(empty, size.max(), shift * np.abs(size))
        inverse = positive_inverse(shifted)
        if inverse is not None:
            return inverse
        shift *= 10.0
