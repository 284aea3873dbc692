"""The devices' stiffness as one sparse matrix whose pattern is found once, and its factor LDLᵀ."""

import numpy as np
import qdldl
import scipy.sparse as sparse

from sim.solvers.device_parts import NodeBlocks
from sim.solvers.substitution import between

DEGREES = 6
"""Degrees of freedom of a node: three displacements and three turns."""


class DeviceMatrix:
    """Sums the stiffness of rods and of blocks between nodes into an upper triangle, and factors it.

    Order and pattern of the factor are kept for as long as the same nodes may meet: the numbers alone cost a third of what the
    order costs. Two nodes that meet have all entries between them.

    Attributes
    ----------
    missed
        Whether nodes have met that were not expected to, so that the pattern depends on what was before this tick.
    """

    def __init__(self, held: np.ndarray):
        """`held`: which degrees of freedom hands hold, shape (n, 6)."""
        self._held = held.ravel()
        self._nodes: list[np.ndarray] = []
        self._likely: list[np.ndarray | None] = []
        self._widths: list[int] = []
        self._places: list[np.ndarray] = []
        self._every: np.ndarray | None = None
        self._pairs = self._firsts = np.zeros(0, int)
        self._rod_places: tuple[np.ndarray, np.ndarray] | None = None
        self._rows = self._columns = np.zeros(0, np.int32)
        self._diagonal = np.zeros(0, int)
        self._solver: qdldl.Solver | None = None
        self._times = 0
        self.missed = False

    def sum(self, rods: sparse.csc_matrix, blocks: list[NodeBlocks], diagonal: np.ndarray) -> np.ndarray:
        """Entries of the upper triangle of rods' stiffness, shape (6n, 6n), blocks and a diagonal; a unit where held."""
        nodes = [one.nodes for one in blocks]
        widths = [one.values.shape[1] // one.nodes.shape[1] for one in blocks]
        likely = [one.likely for one in blocks]
        if widths != self._widths or not all(map(_same, likely, self._likely)) or not self._found(nodes, widths, likely):
            self._find_pattern(rods, nodes, widths, likely)
        values = [rods.data, *(one.values.ravel() for one in blocks), diagonal]
        if self._every is None:
            self._every = np.concatenate(self._places)
        entries = np.bincount(self._every, np.concatenate(values), len(self._rows) + 1)[:-1]
        entries[self._diagonal[self._held]] = 1.0
        return entries

    def _found(self, nodes: list[np.ndarray], widths: list[int], likely: list[np.ndarray | None]) -> bool:
        """Whether the pattern at hand holds these nodes; leaves their places."""
        for number, (some, width) in enumerate(zip(nodes, widths, strict=True)):
            if np.array_equal(some, self._nodes[number]):
                continue
            if likely[number] is None:
                return False
            places = self._places_of(some, width)
            if places is None:
                self.missed = True
                return False
            self._nodes[number], self._places[1 + number], self._every = some.copy(), places, None
        return True

    def raised(self, entries: np.ndarray, share: float) -> np.ndarray:
        """The entries with a share of the diagonal's size added to it."""
        if share == 0.0:
            return entries
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
        return sparse.csc_matrix((entries, self._rows, self._columns), shape=(size, size))

    def _find_pattern(
        self, rods: sparse.csc_matrix, nodes: list[np.ndarray], widths: list[int], likely: list[np.ndarray | None]
    ) -> None:
        """Which entries there are, and where each number of rods, blocks and diagonal goes among them: beyond them below the
        diagonal or where held."""
        count = len(self._held) // DEGREES
        if self._rod_places is None:
            column = np.repeat(np.arange(len(self._held)), np.diff(rods.indptr))
            self._rod_places = rods.indices.astype(int), column
        row, column = self._rod_places
        met = [(column // DEGREES * count + row // DEGREES)[row <= column], np.arange(count) * (count + 1)]
        for some in (*nodes, *(one for one in likely if one is not None)):
            first, second = np.repeat(some, some.shape[1], axis=1).ravel(), np.tile(some, (1, some.shape[1])).ravel()
            met.append((second * count + first)[first <= second])
        self._pairs = np.unique(np.concatenate(met))
        second, first = self._pairs // count, self._pairs % count
        # A node's six columns hold six rows of each node before it that it meets, and of its own those down to the diagonal.
        self._firsts = np.searchsorted(second, np.arange(count + 1))
        before = DEGREES * (np.diff(self._firsts) - 1)
        lengths = before[:, None] + np.arange(1, DEGREES + 1)
        self._columns = np.concatenate([[0], np.cumsum(lengths.ravel())]).astype(np.int32)
        self._diagonal = self._columns[1:] - 1
        self._rows = np.zeros(self._columns[-1], np.int32)
        a, b = (index.ravel() for index in np.meshgrid(np.arange(DEGREES), np.arange(DEGREES), indexing="ij"))
        place, inside = self._entry(np.arange(len(self._pairs))[:, None], a, b, first[:, None], second[:, None])
        self._rows[place[inside]] = np.broadcast_to(DEGREES * first[:, None] + a, place.shape)[inside]
        self._nodes, self._likely, self._widths, self._solver = [some.copy() for some in nodes], likely, widths, None
        found = [self._places_between(row, column)]
        found += [self._places_of(some, width) for some, width in zip(nodes, widths, strict=True)]
        every, self._every = np.arange(len(self._held)), None
        self._places = [places for places in (*found, self._places_between(every, every)) if places is not None]

    def _entry(self, pair: np.ndarray, a: np.ndarray, b: np.ndarray, first: np.ndarray, second: np.ndarray):
        """Where row a of one node and column b of another stand among the entries, and whether they are above the diagonal."""
        inside = (first < second) | (a <= b)
        return self._columns[DEGREES * second + b] + DEGREES * (pair - self._firsts[second]) + a, inside

    def _places_of(self, nodes: np.ndarray, width: int) -> np.ndarray | None:
        """Places of the numbers of blocks between nodes, shape (b, k); None if some of these have not been expected to meet."""
        degrees = (DEGREES * nodes[:, :, None] + np.arange(width)).reshape(len(nodes), width * nodes.shape[1])
        row = np.repeat(degrees, degrees.shape[1], axis=1).ravel()
        return self._places_between(row, np.tile(degrees, (1, degrees.shape[1])).ravel())

    def _places_between(self, row: np.ndarray, column: np.ndarray) -> np.ndarray | None:
        count = len(self._held) // DEGREES
        first, second = row // DEGREES, column // DEGREES
        counted = (row <= column) & ((row == column) | ~(self._held[row] | self._held[column]))
        key = (second * count + first)[counted]
        pair = np.minimum(np.searchsorted(self._pairs, key), len(self._pairs) - 1)
        if not np.array_equal(self._pairs[pair], key):
            return None
        places = np.full(len(row), len(self._rows))
        a, b = row[counted] % DEGREES, column[counted] % DEGREES
        places[counted] = self._entry(pair, a, b, first[counted], second[counted])[0]
        return places


def _same(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))


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
