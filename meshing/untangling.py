"""Untangling and polishing of tetrahedra by moving some of their vertices while others, and end planes, are kept.

Two energies, one after the other: one that turns tets that are inside out and brings them near a wanted shape, and one that
is zero as soon as every tet has the wanted scaled Jacobian. Both are lowered by limited-memory BFGS.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from meshing.tetmesh import TET_EDGES

Energy = Callable[[np.ndarray], tuple[float, np.ndarray]]
# The three edges (rows of TET_EDGES) that meet at each corner.
CORNER_EDGES = np.array([[0, 1, 2], [0, 3, 4], [1, 3, 5], [2, 4, 5]])


@dataclass(frozen=True)
class Pull:
    """Springs that draw vertices, or differences of two vertices, towards planes.

    Energy: sum of stiffness * ((x[vertex] - x[base]) . normal - distance)^2, where a base of -1 stands for the origin.
    """

    vertex: np.ndarray  # shape (count,)
    base: np.ndarray  # shape (count,), -1 for none
    normal: np.ndarray  # shape (count, 3), unit vectors
    distance: np.ndarray  # shape (count,) [mm]
    stiffness: np.ndarray  # shape (count,) [1/mm2]

    def add_to(self, gradient: np.ndarray, positions: np.ndarray) -> float:
        """Add the gradient in place and give the energy."""
        tied = self.base >= 0
        difference = positions[self.vertex] - np.where(tied[:, None], positions[self.base], 0.0)
        miss = np.einsum("ij,ij->i", difference, self.normal) - self.distance
        force = (2.0 * self.stiffness * miss)[:, None] * self.normal
        np.add.at(gradient, self.vertex, force)
        np.subtract.at(gradient, self.base[tied], force[tied])
        return float(self.stiffness @ (miss * miss))


@dataclass(frozen=True)
class Block:
    """Tets with what holds their vertices: a whole mesh, or a piece of it under its own numbers."""

    tets: np.ndarray  # shape (tet count, 4)
    wanted: np.ndarray  # shape (tet count, 3, 3), edge vectors from corner 0 in the wanted shape [mm]
    free: np.ndarray  # shape (vertex count,), whether a vertex may move
    plane_normals: np.ndarray  # shape (vertex count, 3), of the plane a vertex must not leave, zero for none
    size: np.ndarray  # shape (vertex count,), length of the edges about each vertex [mm]
    pulls: tuple[Pull, ...] = ()

    def around(self, seeds: np.ndarray, *, rings: int) -> tuple["Block", np.ndarray]:
        """The piece within some rings of tets about the seed tets (tet count,) bool, and its vertices' numbers here.

        Pulls are left behind.
        """
        moving = np.zeros(len(self.free), dtype=bool)
        moving[self.tets[seeds].ravel()] = True
        for _ in range(rings - 1):
            moving[self.tets[moving[self.tets].any(axis=1)].ravel()] = True
        moving &= self.free
        inside = moving[self.tets].any(axis=1)
        used = np.unique(self.tets[inside])
        number = np.full(len(self.free), -1)
        number[used] = np.arange(len(used))
        tets = number[self.tets[inside]]
        return Block(tets, self.wanted[inside], moving[used], self.plane_normals[used], self.size[used]), used

    def allowed(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors (vertex count, 3) without what would move held vertices or leave an end plane."""
        vectors = np.where(self.free[:, None], vectors, 0.0)
        return vectors - np.einsum("ij,ij->i", vectors, self.plane_normals)[:, None] * self.plane_normals

    def gathered(self, tets: np.ndarray, by_edge: np.ndarray) -> np.ndarray:
        """Sum gradients by the three edges from corner 0 (3 edges, 3 components, count) into vertices (vertex count, 3)."""
        out = np.empty((len(self.free), 3))
        index = tets.T.ravel()
        for k in range(3):
            parts = np.concatenate([-by_edge[:, k].sum(axis=0), by_edge[0, k], by_edge[1, k], by_edge[2, k]])
            out[:, k] = np.bincount(index, weights=parts, minlength=len(self.free))
        return out


def untangled(block: Block, positions: np.ndarray, *, rounds: int, iterations: int, settle: int) -> np.ndarray:
    """Positions (vertex count, 3) [mm] in which no tet is inside out, as far as `rounds` of some `iterations` suffice.

    Where they do, `settle` more iterations draw the tets towards their wanted shape.

    Energy of Garanzha et al. 2021, Foldover-free maps in 50 lines of code, doi:10.1145/3450626.3459847: finite for tets
    inside out, and growing without bound there as its softness goes to zero with the rounds.
    """
    shaping = _Shaping(block)
    solve = shaping.laplacian_solver()
    for _ in range(rounds):
        lowest = float(shaping.determinants(positions).min())
        if lowest > 0:
            break
        shaping.softness = float(np.sqrt(1e-8 + 0.04 * lowest**2))
        positions = descended(shaping.energy, positions, solve, iterations=iterations)
    if float(shaping.determinants(positions).min()) > 0:
        shaping.softness = 0.0
        positions = descended(shaping.energy, positions, solve, iterations=settle)
    return positions


def polished(block: Block, positions: np.ndarray, *, target: float, iterations: int = 60) -> np.ndarray:
    """Positions (vertex count, 3) [mm] in which the scaled Jacobians below `target` have grown towards it.

    Energy: sum over tets of (1 - q / target)^3 where the scaled Jacobian q lies below the target, plus the pulls.
    """

    def energy(at: np.ndarray) -> tuple[float, np.ndarray]:
        total, gradient = _shortfall(block, at, target)
        for pull in block.pulls:
            total += pull.add_to(gradient, at)
        return total, block.allowed(gradient)

    # Far from the tets in want the energy is flat, so steps are measured by edge lengths alone.
    square = 0.02 * block.size[:, None] ** 2
    return descended(energy, positions, lambda vector: square * vector, iterations=iterations, tolerance=1e-4)


class _Shaping:
    """The energy of a block's tets against their wanted shapes."""

    def __init__(self, block: Block, *, size_weight: float = 0.5):
        self.block = block
        self.inverse = np.ascontiguousarray(np.linalg.inv(block.wanted).transpose(1, 2, 0))
        self.size_weight = size_weight
        self.softness = 0.0

    def stretches(self, positions: np.ndarray) -> np.ndarray:
        """Transposed deformation gradient of each tet from its wanted shape, (3, 3, tet count)."""
        corner = positions[self.block.tets]
        edges = (corner[:, 1:] - corner[:, :1]).transpose(1, 2, 0)
        return np.einsum("ikt,kjt->ijt", self.inverse, edges)

    def determinants(self, positions: np.ndarray) -> np.ndarray:
        """Volume of each tet over its wanted volume, (tet count,)."""
        a = self.stretches(positions)
        return _dot(a[0], _cross(a[1], a[2]))

    def energy(self, positions: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy and its gradient (vertex count, 3), zero for held vertices and across end planes."""
        a = self.stretches(positions)
        cofactor = np.stack([_cross(a[1], a[2]), _cross(a[2], a[0]), _cross(a[0], a[1])])
        det = _dot(a[0], cofactor[0])
        if self.softness == 0.0 and det.min() <= 0:
            return np.inf, np.zeros_like(positions)
        root = np.sqrt(self.softness**2 + det * det)
        # The sum loses all digits where det is far below zero; the quotient is the same number.
        chi = np.where(det > 0, 0.5 * (det + root), 0.5 * self.softness**2 / np.maximum(root - det, 1e-300))
        slope = chi / np.maximum(root, 1e-300)
        power = np.cbrt(chi * chi)
        shape = (a * a).sum(axis=(0, 1)) / (3.0 * power)
        size = (det * det + 1.0) / (2.0 * chi)
        by_det = -(2.0 / 3.0) * shape / chi * slope + self.size_weight * (det - size * slope) / chi
        by_stretch = (2.0 / (3.0 * power)) * a + by_det * cofactor
        gradient = self.block.gathered(self.block.tets, np.einsum("ikt,ijt->kjt", self.inverse, by_stretch))
        total = float((shape + self.size_weight * size).sum())
        for pull in self.block.pulls:
            total += pull.add_to(gradient, positions)
        return total, self.block.allowed(gradient)

    def laplacian_solver(self) -> Callable[[np.ndarray], np.ndarray]:
        """Solver for the part of the energy that is quadratic, each coordinate for itself."""
        block, count = self.block, len(self.block.free)
        difference = np.array([[-1.0, 1, 0, 0], [-1, 0, 1, 0], [-1, 0, 0, 1]])
        slopes = np.einsum("ikt,kc->tic", self.inverse, difference)
        stiffness = (2.0 / 3.0) * np.einsum("tic,tid->tcd", slopes, slopes)
        rows = np.repeat(block.tets, 4, axis=1).ravel()
        columns = np.tile(block.tets, (1, 4)).ravel()
        diagonal = np.full(count, 1e-9)
        for pull in block.pulls:
            np.add.at(diagonal, pull.vertex, pull.stiffness)
        matrix = sparse.coo_array((stiffness.ravel(), (rows, columns)), shape=(count, count)).tocsr()
        moving = np.flatnonzero(block.free)
        matrix = (matrix + sparse.diags_array(diagonal)).tocsr()[moving][:, moving].tocsc()
        factor = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})

        def solve(vector: np.ndarray) -> np.ndarray:
            out = np.zeros_like(vector)
            out[moving] = factor.solve(np.ascontiguousarray(vector[moving]))
            return block.allowed(out)

        return solve


def _shortfall(block: Block, positions: np.ndarray, target: float) -> tuple[float, np.ndarray]:
    """Sum of (1 - q / target)^3 over tets with scaled Jacobian q below the target, and its gradient (vertex count, 3)."""
    # Component by component, each in one piece: this is asked for some hundred times.
    corner = np.ascontiguousarray(np.take(positions, block.tets.T, axis=0).transpose(0, 2, 1))
    vectors = corner[TET_EDGES[:, 1]] - corner[TET_EDGES[:, 0]]
    lengths = np.sqrt(_dot(vectors.swapaxes(0, 1), vectors.swapaxes(0, 1)))
    products = np.stack([lengths[a] * lengths[b] * lengths[c] for a, b, c in CORNER_EDGES])
    most = products.max(axis=0)
    det = _dot(vectors[0], _cross(vectors[1], vectors[2]))
    quality = np.sqrt(2.0) * det / most
    poor = np.flatnonzero(quality < target)
    if poor.size == 0:
        return 0.0, np.zeros_like(positions)
    vectors, lengths, quality = vectors[:, :, poor], lengths[:, poor], quality[poor]
    largest = products[:, poor].argmax(axis=0)
    scale = np.sqrt(2.0) / most[poor]
    by_edge = scale * np.stack([_cross(vectors[1], vectors[2]), _cross(vectors[2], vectors[0]), _cross(vectors[0], vectors[1])])
    # The logarithm of a corner's product falls apart into its three edges.
    for row in CORNER_EDGES[largest].T:
        pull = -quality * vectors[row, :, np.arange(len(poor))].T / lengths[row, np.arange(len(poor))] ** 2
        start, end = TET_EDGES[row].T
        for edge in range(3):
            by_edge[edge] += np.where(end == edge + 1, pull, 0.0) - np.where(start == edge + 1, pull, 0.0)
    lack = 1.0 - quality / target
    gradient = block.gathered(block.tets[poor], (-3.0 / target * lack * lack) * by_edge)
    return float((lack**3).sum()), gradient


def descended(
    energy: Energy,
    positions: np.ndarray,
    solve: Callable[[np.ndarray], np.ndarray],
    *,
    iterations: int,
    tolerance: float = 1e-4,
    memory: int = 8,
) -> np.ndarray:
    """Positions lowered in energy by limited-memory BFGS that starts from `solve`, a rough inverse of the Hessian.

    Stops when a step gains less than `tolerance` of the energy. Liu et al. 2017, doi:10.1145/2990496.
    """
    value, gradient = energy(positions)
    steps: list[tuple[np.ndarray, np.ndarray, float]] = []
    length = 1.0
    for _ in range(iterations):
        direction = -_two_loops(gradient, steps, solve)
        slope = float((direction * gradient).sum())
        if slope >= 0:
            if not steps:
                break
            steps.clear()
            continue
        length = min(1.0, 4.0 * length)
        trial, new_value, new_gradient = positions, np.inf, gradient
        for _ in range(25):
            trial = positions + length * direction
            new_value, new_gradient = energy(trial)
            if new_value <= value + 1e-4 * length * slope:
                break
            length *= 0.5
        else:
            break
        s, y = trial - positions, new_gradient - gradient
        curvature = float((s * y).sum())
        if curvature > 1e-12 * float(np.sqrt((y * y).sum() * (s * s).sum())):
            steps = [*steps[-memory + 1 :], (s, y, curvature)]
        gain = value - new_value
        positions, value, gradient = trial, new_value, new_gradient
        if gain < tolerance * abs(value):
            break
    return positions


def _two_loops(gradient: np.ndarray, steps: list, solve: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Inverse Hessian times gradient, from past steps and a rough inverse (Nocedal & Wright 2006, algorithm 7.4)."""
    vector, shares = gradient.copy(), []
    for s, y, curvature in reversed(steps):
        share = float((s * vector).sum()) / curvature
        vector -= share * y
        shares.append(share)
    vector = solve(vector)
    for (s, y, curvature), share in zip(steps, reversed(shares), strict=True):
        vector += (share - float((y * vector).sum()) / curvature) * s
    return vector


def _dot(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return u[0] * v[0] + u[1] * v[1] + u[2] * v[2]


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.stack([u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]])
