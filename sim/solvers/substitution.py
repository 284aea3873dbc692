"""Many right-hand sides at once for a sparse factor: each of its entries is read once for eight of them."""

import numpy as np
import scipy.sparse as sparse
import taichi as ti

from sim import backend
from sim.arrays import Doubles, Ints, Vec8dTable, lent

WIDTH = 8


def between(lower: sparse.csc_matrix, pivots: np.ndarray, order: np.ndarray, force: sparse.csc_matrix) -> np.ndarray:
    """Fᵀ x, shape (q, q), of P (I + L) D (I + L)ᵀ Pᵀ x = F: strictly lower L, D, shape (n,), order P, shape (n,), F, (n, q)."""
    size, count = len(order), len(force.indptr) - 1
    if count == 0:
        return np.zeros((0, 0))
    backend.current()
    place = np.empty(size, int)
    place[order] = np.arange(size)
    ordered = sparse.csc_matrix((force.data, place[force.indices], force.indptr), shape=force.shape)
    groups = -(-count // WIDTH)
    sides = np.zeros((size, groups, WIDTH))
    sides.reshape(size, -1)[ordered.indices, np.repeat(np.arange(count), np.diff(ordered.indptr))] = ordered.data
    starts, rows = lower.indptr.astype(np.int32), lower.indices.astype(np.int32)
    substitute(groups, size, lent(starts), lent(rows), lent(lower.data), lent(pivots), lent(sides))
    return (ordered.T @ sides.reshape(size, -1))[:, :count]


@ti.kernel
def substitute(groups: int, size: int, starts: Ints, rows: Ints, values: Doubles, pivots: Doubles, sides: Vec8dTable):
    """Replace right-hand sides, shape (n, groups), by their solutions: forward, through the pivots, and back."""
    for group in range(groups):
        for column in range(size):
            known = sides[column, group]
            for entry in range(starts[column], starts[column + 1]):
                # Written out: -= on an array is atomic, which nobody needs here.
                sides[rows[entry], group] = sides[rows[entry], group] - values[entry] * known
        for back in range(size):
            column = size - 1 - back
            found = sides[column, group] / pivots[column]
            for entry in range(starts[column], starts[column + 1]):
                found -= values[entry] * sides[rows[entry], group]
            sides[column, group] = found
