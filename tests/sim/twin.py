"""A twin of the engine's tissue in plain numpy and double precision, written from the formulas and not from the kernels.

ψ(F) = μ/2 (I_C − 3) + (λ+μ)/2 (J − 1 − μ/(λ+μ))², linear tetrahedra, blood pressure as a follower load, and Newton's
method with the whole tangent and a direct sparse solution.
"""

import numpy as np
import scipy.sparse as sparse
import scipy.sparse.linalg

from sim.model import Body

EPSILON = np.zeros((3, 3, 3))
EPSILON[0, 1, 2] = EPSILON[1, 2, 0] = EPSILON[2, 0, 1] = 1.0
EPSILON[0, 2, 1] = EPSILON[2, 1, 0] = EPSILON[1, 0, 2] = -1.0


def energy_density(f: np.ndarray, shear: np.ndarray | float, lame: np.ndarray | float) -> np.ndarray:
    """ψ less its value at rest [J/m³], shape (m,), at deformation gradients, shape (m, 3, 3)."""
    rest = 1.0 + shear / (lame + shear)
    invariant = np.einsum("mij,mij->m", f, f)
    return 0.5 * shear * (invariant - 3.0) + 0.5 * (lame + shear) * ((np.linalg.det(f) - rest) ** 2 - (1.0 - rest) ** 2)


def cofactor(f: np.ndarray) -> np.ndarray:
    """∂J/∂F, shape (m, 3, 3): rows are cross products of the other two rows."""
    return np.stack([np.cross(f[:, 1], f[:, 2]), np.cross(f[:, 2], f[:, 0]), np.cross(f[:, 0], f[:, 1])], 1)


def stress(f: np.ndarray, shear: np.ndarray | float, lame: np.ndarray | float) -> np.ndarray:
    """First Piola–Kirchhoff stress [Pa], shape (m, 3, 3): μ F + (λ+μ)(J − 1 − μ/(λ+μ)) cof F."""
    shear, lame = np.broadcast_to(shear, len(f)), np.broadcast_to(lame, len(f))
    factor = (lame + shear) * (np.linalg.det(f) - 1.0) - shear
    return shear[:, None, None] * f + factor[:, None, None] * cofactor(f)


def tangent(f: np.ndarray, shear: np.ndarray | float, lame: np.ndarray | float) -> np.ndarray:
    """∂P/∂F [Pa], shape (m, 3, 3, 3, 3)."""
    shear, lame = np.broadcast_to(shear, len(f)), np.broadcast_to(lame, len(f))
    factor = (lame + shear) * (np.linalg.det(f) - 1.0) - shear
    c = cofactor(f)
    whole = np.einsum("m,ik,jl->mijkl", shear, np.eye(3), np.eye(3))
    whole += np.einsum("m,mij,mkl->mijkl", lame + shear, c, c)
    return whole + np.einsum("m,ikp,jlq,mpq->mijkl", factor, EPSILON, EPSILON, f, optimize=True)


class Twin:
    """One body under blood pressure, in double precision."""

    def __init__(self, body: Body):
        self.body = body
        p = body.vertices[body.tets]
        edges = (p[:, 1:] - p[:, :1]).transpose(0, 2, 1)
        self.volume = np.linalg.det(edges) / 6.0
        inverse = np.linalg.inv(edges)
        self.gradients = np.concatenate([-inverse.sum(1, keepdims=True), inverse], 1)
        """Gradient of each corner's shape function [1/m], shape (m, 4, 3)."""
        law = np.array([(one.shear_modulus, one.first_lame) for one in body.laws])[body.law_of_tet]
        self.shear, self.lame = law[:, 0], law[:, 1]
        self.free = np.ones(len(body.vertices), bool)
        self.free[body.held] = False

    def deformation(self, u: np.ndarray) -> np.ndarray:
        """F of each tet, shape (m, 3, 3)."""
        return np.eye(3) + np.einsum("mai,maj->mij", u[self.body.tets], self.gradients)

    def energy(self, u: np.ndarray) -> float:
        """Stored energy [J]."""
        return float((self.volume * energy_density(self.deformation(u), self.shear, self.lame)).sum())

    def elastic_force(self, u: np.ndarray) -> np.ndarray:
        """Minus the slope of the stored energy [N], shape (n, 3), held vertices too."""
        parts = np.einsum("m,mij,maj->mai", self.volume, stress(self.deformation(u), self.shear, self.lame), self.gradients)
        force = np.zeros_like(u)
        np.add.at(force, self.body.tets, -parts)
        return force

    def enclosed_volume(self, u: np.ndarray) -> float:
        """Volume of the cone over the lumen from the origin [m³]."""
        p = (self.body.vertices + u)[self.body.lumen]
        return float(np.einsum("ki,ki->", p[:, 0], np.cross(p[:, 1], p[:, 2])) / 6.0)

    def pressure_force(self, u: np.ndarray, pressure: float) -> np.ndarray:
        """Force of blood [N], shape (n, 3): a third of p A n from each triangle."""
        p = (self.body.vertices + u)[self.body.lumen]
        third = pressure * np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]) / 6.0
        force = np.zeros_like(u)
        np.add.at(force, self.body.lumen, np.repeat(third[:, None], 3, axis=1))
        return force

    def stiffness(self, u: np.ndarray, pressure: float) -> sparse.csr_array:
        """Slope of −(elastic + pressure force) [N/m], shape (3n, 3n), not symmetric at a free rim."""
        elastic = np.einsum(
            "m,maj,mijkl,mbl->maibk",
            self.volume, self.gradients, tangent(self.deformation(u), self.shear, self.lame), self.gradients, optimize=True,
        )  # fmt: skip
        matrix = self._assembled(self.body.tets, elastic)
        p = (self.body.vertices + u)[self.body.lumen]
        blocks = np.empty((len(p), 3, 3, 3, 3))
        for b in range(3):
            # d/dx_b of −(x₁ − x₀) × (x₂ − x₀) is the cross product with the edge across from corner b.
            across = p[:, (b + 2) % 3] - p[:, (b + 1) % 3]
            blocks[:, :, :, b, :] = (pressure / 6.0 * np.einsum("ijk,tk->tij", EPSILON, across))[:, None]
        return matrix + self._assembled(self.body.lumen, blocks)

    def _assembled(self, cells: np.ndarray, blocks: np.ndarray) -> sparse.csr_array:
        degrees = (3 * cells[:, :, None] + np.arange(3)).reshape(len(cells), -1)
        size, total = degrees.shape[1], 3 * len(self.body.vertices)
        rows, columns = np.repeat(degrees, size, axis=1).ravel(), np.tile(degrees, (1, size)).ravel()
        return sparse.csr_array((blocks.reshape(-1), (rows, columns)), shape=(total, total))

    def equilibrium(
        self, pressure: float, start: np.ndarray | None = None, *, steps: int = 1, bound: float = 1e-10
    ) -> np.ndarray:
        """Displacement [m] at which elastic and pressure forces balance on the free vertices; the held ones keep `start`.

        Raises
        ------
        ArithmeticError
            If Newton's method does not bring the imbalance below `bound` of the forces at work.
        """
        u = np.zeros_like(self.body.vertices) if start is None else start.astype(float)
        for load in pressure * np.arange(1, steps + 1) / steps:
            u = self._newton(u, load, bound)
        return u

    def _newton(self, u: np.ndarray, pressure: float, bound: float) -> np.ndarray:
        degrees = np.flatnonzero(np.repeat(self.free, 3))
        for _ in range(60):
            elastic, load = self.elastic_force(u), self.pressure_force(u, pressure)
            left = (elastic + load).ravel()[degrees]
            if np.linalg.norm(left) <= bound * (np.linalg.norm(elastic) + np.linalg.norm(load)):
                return u
            matrix = self.stiffness(u, pressure)[degrees][:, degrees]
            direction = np.zeros(u.size)
            direction[degrees] = scipy.sparse.linalg.splu(matrix.tocsc()).solve(left)
            step = 1.0
            while np.linalg.det(self.deformation(u + step * direction.reshape(u.shape))).min() <= 0.0 and step > 1e-3:
                step *= 0.5
            u = u + step * direction.reshape(u.shape)
        raise ArithmeticError(f"Newton's method left an imbalance of {np.linalg.norm(left):.3g} N")
