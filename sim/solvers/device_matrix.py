"""The devices' stiffness as one sparse matrix whose pattern is found once, and its factor LDLᵀ."""

import numpy as np
import qdldl
import scipy.sparse as sparse

from sim.solvers.device_parts import NodeBlocks
from sim.solvers.substitution import between


class DeviceMatrix:
    """Sums the stiffness of rods and of blocks between nodes into an upper triangle, and factors it.

    Order and pattern of the factor are kept for as long as the same nodes meet: the numbers alone cost a third of what the
    order costs.
    """

    def __init__(self, held: np.ndarray):
        """`held`: which degrees of freedom hands hold, shape (n, 6)."""
        self._held = held.ravel()
        self._nodes: list[np.ndarray] = []
        self._widths: list[int] = []
        self._places = np.zeros(0, int)
        self._rows = self._starts = np.zeros(0, np.int32)
        self._diagonal = np.zeros(0, int)
        self._solver: qdldl.Solver | None = None
        self._times = 0

    def sum(self, rods: sparse.csc_matrix, blocks: list[NodeBlocks], diagonal: np.ndarray) -> np.ndarray:
        """Entries of the upper triangle of rods' stiffness, shape (6n, 6n), blocks and a diagonal; a unit where held."""
        nodes = [one.nodes for one in blocks]
        widths = [one.values.shape[1] // one.nodes.shape[1] for one in blocks]
        if widths != self._widths or not all(map(np.array_equal, nodes, self._nodes)):
            self._find_pattern(rods, nodes, widths)
        values = np.concatenate([rods.data, *(one.values.ravel() for one in blocks), diagonal])
        entries = np.bincount(self._places, values, len(self._rows) + 1)[:-1]
        entries[self._diagonal[self._held]] = 1.0
        return entries

    def raised(self, entries: np.ndarray, share: float) -> np.ndarray:
        """The entries with a share of the diagonal's size added to it."""
        entries = entries.copy()
        entries[self._diagonal] += share * np.abs(entries[self._diagonal])
        return entries

    def whole(self, entries: np.ndarray) -> sparse.csc_matrix:
        """The symmetric matrix of such entries, shape (6n, 6n)."""
        upper = self._upper(entries)
        return sparse.csc_matrix(upper + sparse.triu(upper, 1).T)

    def factor(self, entries: np.ndarray) -> "Compliance":
        """The inverse of the matrix of such entries; the one before it can be used no more."""
        upper = self._upper(entries)
        if self._solver is None:
            self._solver = qdldl.Solver(upper, upper=True)
        else:
            self._solver.update(upper, upper=True)
        self._times += 1
        return Compliance(self, self._times, self._held)

    def pivots(self) -> np.ndarray:
        """D of the last factor."""
        assert self._solver is not None
        return self._solver.factors()[1]

    def solve(self, time: int, force: np.ndarray) -> np.ndarray:
        """Solve with the factor made at that time, the last one, for forces of shape (6n,).

        Raises
        ------
        RuntimeError
            If another was made since.
        """
        return self._factor_of(time).solve(force)

    def between(self, time: int, force: sparse.csc_matrix) -> np.ndarray:
        """Fᵀ K⁻¹ F, shape (q, q), with the factor made at that time, for forces F of shape (6n, q); raises as `solve` does."""
        lower, pivots, order = self._factor_of(time).factors()
        return between(lower, pivots, order, force)

    def _factor_of(self, time: int) -> qdldl.Solver:
        if time != self._times or self._solver is None:
            raise RuntimeError("A device's compliance was used after the next one was made.")
        return self._solver

    def _upper(self, entries: np.ndarray) -> sparse.csc_matrix:
        size = len(self._held)
        return sparse.csc_matrix((entries, self._rows, self._starts), shape=(size, size))

    def _find_pattern(self, rods: sparse.csc_matrix, nodes: list[np.ndarray], widths: list[int]) -> None:
        """Where each number of rods, blocks and diagonal goes among the entries: beyond them below the diagonal or where held."""
        size = len(self._held)
        rows, columns = [rods.indices], [np.repeat(np.arange(size), np.diff(rods.indptr))]
        for some, width in zip(nodes, widths, strict=True):
            degrees = (6 * some[:, :, None] + np.arange(width)).reshape(len(some), width * some.shape[1])
            rows.append(np.repeat(degrees, degrees.shape[1], axis=1).ravel())
            columns.append(np.tile(degrees, (1, degrees.shape[1])).ravel())
        every = np.arange(size)
        row, column = np.concatenate([*rows, every]), np.concatenate([*columns, every])
        counted = (row <= column) & ((row == column) | ~(self._held[row] | self._held[column]))
        keys, where = np.unique(column[counted].astype(np.int64) * size + row[counted], return_inverse=True)
        self._places = np.full(len(row), len(keys))
        self._places[counted] = where
        self._rows = (keys % size).astype(np.int32)
        self._starts = np.searchsorted(keys // size, np.arange(size + 1)).astype(np.int32)
        self._diagonal = self._starts[1:] - 1
        self._nodes, self._widths, self._solver = [some.copy() for some in nodes], widths, None


class Compliance:
    """Inverse of a device's stiffness as a sparse factor, good until the next is made.

    Attributes
    ----------
    positive
        Whether the stiffness is positive definite, told by the signs of its pivots.
    """

    def __init__(self, matrix: DeviceMatrix, time: int, held: np.ndarray):
        self._matrix, self._time, self._held = matrix, time, held
        self.positive = bool((matrix.pivots() > 0.0).all())

    def solve(self, force: np.ndarray) -> np.ndarray:
        """Motions [m, rad] of the nodes under forces [N] and moments [N·m], both shape (6n,); none where held."""
        force = np.array(force, float)
        force[self._held] = 0.0
        answer = self._matrix.solve(self._time, force)
        answer[self._held] = 0.0
        return answer

    def between(self, force: sparse.csc_matrix) -> np.ndarray:
        """Work [J] of each of some forces along the motions that each of them makes, shape (q, q); forces of shape (6n, q)."""
        free = sparse.diags_array(np.where(self._held, 0.0, 1.0))
        return self._matrix.between(self._time, sparse.csc_matrix(free @ force))
