"""The coarse space of the two-level preconditioner: each cluster of vertices may move as an affine body.

Block-Jacobi alone resolves short waves of the error; the long ones, which a thin tube has many of, are solved here on
12 modes a cluster: the Galerkin matrix  Uᵀ S U  of an operator S. Its inverse at rest serves other states too once each
cluster's modes turn with the cluster; where the operator has changed more than that (contact, fibres, large strain), it is made
anew from the operator at hand.
"""

import dataclasses

import numpy as np
import scipy.sparse as sparse
import taichi as ti

from sim.arrays import (
    Array,
    Doubles,
    Floats,
    Ints,
    Mat3ds,
    Mat3s,
    Vec3ds,
    Vec3s,
    Vec3Table,
    Vec4s,
    mat3,
    mat3d,
    put,
    vec3,
    vec3d,
    vec4,
    vec16,
    zeros,
)
from sim.model import Model
from sim.pockets import Pockets
from sim.solvers.dense import positive_inverse

MODES = 12


@dataclasses.dataclass(frozen=True)
class CoarseTables:
    """Who meets whom among the clusters, on the backend.

    A touch is a pocket and a cluster that moves it; a pair is two clusters that share a matrix entry or a pocket.
    """

    pairs: np.ndarray
    entry_first: Array
    entries: Array
    touch_count: int
    touch_pocket: Array
    touch_first: Array
    touch_entries: Array
    joint_first: Array
    joint_left: Array
    joint_right: Array
    motion: Array
    sums: Array


class CoarseSpace:
    """Clusters of a model's vertices and the Galerkin matrix on their affine modes."""

    def __init__(self, model: Model):
        self._model = model
        self.cluster = bisect(model.body.vertices, cluster_count(model.vertex_count, anew=model.device is not None))
        self.count = int(self.cluster.max()) + 1
        order = np.argsort(self.cluster, kind="stable")
        self.cluster_of, self.members = put(self.cluster, ti.i32), put(order, ti.i32)
        self.cluster_first = put(np.searchsorted(self.cluster[order], np.arange(self.count + 1)), ti.i32)
        self._own = put(in_tiles(np.zeros((MODES * self.count, MODES * self.count))), vec16)
        self.coarse_inverse = self._own
        self._moments, self.rotation = zeros(self.count, mat3d), zeros(self.count, mat3)
        self.weights = self._weights()
        self.modes = put(self.weights, vec4)
        self._tables = _tables(model, self.cluster, self.count)

    def _weights(self) -> np.ndarray:
        """For each vertex 1 and its place in its cluster, scaled by the cluster's size, shape (n, 4); zero where held."""
        x = self._model.body.vertices - self._model.origin
        sizes = np.bincount(self.cluster, minlength=self.count)[:, None]
        centre = np.stack([np.bincount(self.cluster, x[:, k], self.count) for k in range(3)], 1) / sizes
        off = x - centre[self.cluster]
        spread = np.sqrt(np.bincount(self.cluster, (off**2).sum(1), self.count) / sizes[:, 0])
        weights = np.concatenate([np.ones((len(x), 1)), off / np.maximum(spread, 1e-30)[self.cluster][:, None]], 1)
        return weights * self._model.free.to_numpy()[:, None].astype(float)

    def rotations(self, u: Array) -> np.ndarray:
        """How each cluster has turned from rest, shape (q, 3, 3): the nearest rotation to Σ (x − x̄)(X − X̄)ᵀ."""
        moment_sums(self.count, self.cluster_first, self.members, self._model.rest, u, self._moments)
        u_, _, vt = np.linalg.svd(self._moments.to_numpy())
        u_[:, :, 2] *= np.sign(np.linalg.det(u_ @ vt))[:, None]
        return u_ @ vt

    def turn(self, rest_inverse: Array, u: Array) -> None:
        """Take the inverse of rest, its modes turned with their clusters to the displacement u [m]."""
        self.rotation.from_numpy(self.rotations(u).astype(np.float32))
        self.coarse_inverse = rest_inverse

    def take(self, inverse: np.ndarray) -> None:
        """Take an inverse as `inverse` gives it, its modes as they are."""
        self.rotation.from_numpy(np.broadcast_to(np.eye(3, dtype=np.float32), (self.count, 3, 3)).copy())
        self._own.from_numpy(in_tiles(inverse))
        self.coarse_inverse = self._own

    def inverse(self, matrix: Array, slope: Array, contacts: np.ndarray | None) -> np.ndarray:
        """(Uᵀ S U)⁻¹, shape (12 q, 12 q).

        From block rows [N/m], the pockets' slopes [m²] and the contacts' part of Uᵀ S U, None if nothing touches.
        """
        m, t, p = self._model, self._tables, self._model.pockets
        touch_motions(
            t.touch_count, t.touch_pocket, t.touch_first, t.touch_entries, p.column, slope, self.modes, p.stiffness, p.volume,
            t.motion,
        )  # fmt: skip
        pair_sums(
            len(t.pairs), t.entry_first, t.entries, m.row, m.column, self.modes, matrix, t.joint_first, t.joint_left,
            t.joint_right, t.motion, t.sums,
        )  # fmt: skip
        blocks = t.sums.to_numpy().reshape(-1, 4, 4, 3, 3)
        whole = np.zeros((self.count, 4, 3, self.count, 4, 3))
        whole.transpose(0, 3, 1, 4, 2, 5)[t.pairs // self.count, t.pairs % self.count] = blocks
        whole = whole.reshape(self.count * MODES, self.count * MODES)
        if contacts is not None:
            whole += contacts
        return _positive_inverse(0.5 * (whole + whole.T))

    def contact_rows(self, vertices: np.ndarray, weights: np.ndarray) -> sparse.csr_matrix:
        """Motion Σ w U at each contact, shape (3s, 12 q), from its vertices (s, 4), −1 for none, and weights (s, 4)."""
        count = len(vertices)
        there = np.maximum(vertices, 0)
        share = np.where(vertices >= 0, weights, 0.0)[:, :, None] * self.weights[there]
        values = share[:, :, :, None] * np.ones(3)
        column = MODES * self.cluster[there][:, :, None, None] + 3 * np.arange(4)[:, None] + np.arange(3)
        row = np.broadcast_to(3 * np.arange(count)[:, None, None, None] + np.arange(3), values.shape)
        shape = (3 * count, MODES * self.count)
        return sparse.csr_matrix((values.ravel(), (row.ravel(), column.ravel())), shape=shape)


def tile_count(clusters: int) -> int:
    """How many tiles of sixteen rows the coarse inverse of so many clusters has."""
    return -(-MODES * clusters // 16)


def in_tiles(inverse: np.ndarray) -> np.ndarray:
    """A coarse inverse, shape (12 q, 12 q), as single precision in tiles of sixteen rows, shape (tiles, 12 q, 16)."""
    size = len(inverse)
    tiles = tile_count(size // MODES)
    whole = np.zeros((16 * tiles, size), np.float32)
    whole[:size] = inverse
    return np.ascontiguousarray(whole.reshape(tiles, 16, size).transpose(0, 2, 1))


def cluster_count(vertices: int, *, anew: bool = False) -> int:
    """Number of clusters for so many vertices: more need fewer iterations, yet their dense matrix is read in each of them.

    Half as many where the inverse is made anew each tick, as it is where devices touch: it takes the cube of their number.
    """
    count = 64 if vertices < 12_000 else 128 if vertices < 40_000 else 256
    return max(count // 2, 64) if anew else count


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


def _tables(model: Model, cluster: np.ndarray, count: int) -> CoarseTables:
    row, column = model.row.to_numpy(), model.column.to_numpy()
    pockets: Pockets = model.pockets
    entry_pocket = pockets.entry_pocket.to_numpy().astype(np.int64)
    touch_key = entry_pocket * count + cluster[pockets.column.to_numpy()]
    touches, touch_of_entry = np.unique(touch_key, return_inverse=True)
    touch_order = np.argsort(touch_of_entry, kind="stable")
    touch_pocket, touch_cluster = touches // count, touches % count
    left, right = _joints(touch_pocket)
    joint_key = touch_cluster[left] * count + touch_cluster[right]
    entry_key = cluster[row].astype(np.int64) * count + cluster[column]
    pairs = np.unique(np.concatenate([entry_key, joint_key]))
    entry_order, joint_order = np.argsort(entry_key, kind="stable"), np.argsort(joint_key, kind="stable")
    ends = np.append(pairs, count * count)
    return CoarseTables(
        pairs=pairs,
        entry_first=put(np.searchsorted(entry_key[entry_order], ends), ti.i32),
        entries=put(entry_order, ti.i32),
        touch_count=len(touches),
        touch_pocket=put(touch_pocket, ti.i32),
        touch_first=put(np.searchsorted(touch_of_entry[touch_order], np.arange(len(touches) + 1)), ti.i32),
        touch_entries=put(touch_order, ti.i32),
        joint_first=put(np.searchsorted(joint_key[joint_order], ends), ti.i32),
        joint_left=put(left[joint_order], ti.i32),
        joint_right=put(right[joint_order], ti.i32),
        motion=put(np.zeros((len(touches), 4, 3)), vec3),
        sums=put(np.zeros(len(pairs) * 144), ti.f64),
    )


def _joints(touch_pocket: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of touches of the same pocket; touches are sorted by pocket."""
    first = np.searchsorted(touch_pocket, touch_pocket, side="left")
    size = np.searchsorted(touch_pocket, touch_pocket, side="right") - first
    left = np.repeat(np.arange(len(touch_pocket)), size)
    within = np.arange(len(left)) - np.repeat(np.cumsum(size) - size, size)
    return left, first[left] + within


@ti.kernel
def moment_sums(count: int, first: Ints, members: Ints, rest: Vec3s, u: Vec3ds, moment_out: Mat3ds):
    """Σ (x − x̄)(X − X̄)ᵀ of each cluster [m²]."""
    for q in range(count):
        rest_mean, mean = vec3d(0.0), vec3d(0.0)
        for k in range(first[q], first[q + 1]):
            rest_mean += ti.cast(rest[members[k]], ti.f64)
            mean += u[members[k]]
        size = ti.f64(ti.max(first[q + 1] - first[q], 1))
        rest_mean, mean = rest_mean / size, mean / size
        total = mat3d(0.0)
        for k in range(first[q], first[q + 1]):
            off = ti.cast(rest[members[k]], ti.f64) - rest_mean
            total += (off + u[members[k]] - mean).outer_product(off)
        moment_out[q] = total


@ti.kernel
def touch_motions(
    count: int, touch_pocket: Ints, first: Ints, entries: Ints, column: Ints, slope: Vec3s, modes: Vec4s, stiffness: Floats,
    volume: Floats, motion_out: Vec3Table,
):  # fmt: skip
    """√(κ/V) Σ w b of each touch: how the cluster's four vectors change the pocket's volume."""
    for t in range(count):
        total = ti.Matrix.zero(ti.f32, 4, 3)
        for k in range(first[t], first[t + 1]):
            total += modes[column[entries[k]]].outer_product(slope[entries[k]])
        factor = ti.sqrt(stiffness[touch_pocket[t]] / volume[touch_pocket[t]])
        for a in ti.static(range(4)):
            motion_out[t, a] = factor * ti.Vector([total[a, 0], total[a, 1], total[a, 2]])


@ti.kernel
def pair_sums(
    count: int, entry_first: Ints, entries: Ints, row: Ints, column: Ints, modes: Vec4s, matrix: Mat3s, joint_first: Ints,
    joint_left: Ints, joint_right: Ints, motion: Vec3Table, sum_out: Doubles,
):  # fmt: skip
    """Σ wₐ S w_b over each pair of clusters [N/m], for the sixteen pairs of their vectors, in double precision."""
    for item in range(16 * count):
        pair, a, b = item >> 4, (item >> 2) & 3, item & 3
        total = mat3d(0.0)
        for k in range(entry_first[pair], entry_first[pair + 1]):
            e = entries[k]
            total += ti.cast(modes[row[e]][a] * modes[column[e]][b], ti.f64) * ti.cast(matrix[e], ti.f64)
        for k in range(joint_first[pair], joint_first[pair + 1]):
            total += ti.cast(motion[joint_left[k], a].outer_product(motion[joint_right[k], b]), ti.f64)
        for i in ti.static(range(3)):
            for j in ti.static(range(3)):
                sum_out[9 * item + 3 * i + j] = total[i, j]


def _positive_inverse(matrix: np.ndarray) -> np.ndarray:
    """Inverse of a symmetric matrix that may be singular (held clusters) or slightly indefinite (compressed tissue).

    In single precision, in which it is used: each mode is measured by its own stiffness, lest soft ones be lost beside stiff
    ones. What single precision cannot tell from indefinite is left to double precision.
    """
    size = np.diagonal(matrix).copy()
    empty = size <= 1e-12 * size.max()
    size[empty] = size.max() or 1.0
    scale = 1.0 / np.sqrt(size)
    scaled = scale[:, None] * matrix * scale
    scaled[empty, empty] += 1.0
    precision, shift = np.float32, 1e-6
    while True:
        shifted = scaled.astype(precision)
        shifted[np.diag_indices_from(shifted)] += shift
        inverse = positive_inverse(shifted)
        if inverse is not None:
            scale = scale.astype(np.float32)
            return scale[:, None] * inverse.astype(np.float32) * scale
        shift, precision = shift if precision is np.float32 else 10.0 * shift, np.float64
