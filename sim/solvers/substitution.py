"""Many right-hand sides at once for a sparse factor: each of its entries is read once for eight of them."""

import numpy as np
import scipy.sparse as sparse
import taichi as ti

from sim import backend
from sim.arrays import Doubles, Ints, Vec8dTable, lent

WIDTH = 8


def solve_factored(lower: sparse.csc_matrix, pivots: np.ndarray, order: np.ndarray, force: np.ndarray) -> np.ndarray:
    """x of P (I + L) D (I + L)ᵀ Pᵀ x = f, shape (n, q): strictly lower L, D, shape (n,), order P, shape (n,), and f, (n, q)."""
    size, count = force.shape
    if count == 0:
        return np.zeros((size, 0))
    backend.current()
    groups = -(-count // WIDTH)
    sides = np.zeros((size, groups, WIDTH))
    flat = sides.reshape(size, -1)
    flat[:, :count] = force[order]
    starts, rows = lower.indptr.astype(np.int32), lower.indices.astype(np.int32)
    substitute(groups, size, lent(starts), lent(rows), lent(lower.data), lent(pivots), lent(sides))
    answer = np.empty((size, count))
    answer[order] = flat[:, :count]
    return answer


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
