"""A twin of the engine's tissue in plain numpy and double precision, written from the formulas and not from the kernels.

ψ(F) = μ/2 (I_C − 3) − μ (J − 1) + κ/2 (J − 1)² with κ = λ + μ, linear tetrahedra, most of the last term averaged about
vertices, blood pressure as a follower load, dead loads, and Newton's method with the whole tangent and a direct sparse
solution.
"""

import numpy as np
import scipy.sparse as sparse
import scipy.sparse.linalg

from sim.body import Body

EPSILON = np.zeros((3, 3, 3))
EPSILON[0, 1, 2] = EPSILON[1, 2, 0] = EPSILON[2, 0, 1] = 1.0
EPSILON[0, 2, 1] = EPSILON[2, 1, 0] = EPSILON[1, 0, 2] = -1.0


def energy_density(f: np.ndarray, shear: np.ndarray | float, lame: np.ndarray | float) -> np.ndarray:
    """ψ [J/m³], shape (m,), at deformation gradients, shape (m, 3, 3); with λ = −μ it is without its volume term."""
    invariant, change = np.einsum("mij,mij->m", f, f), np.linalg.det(f) - 1.0
    return 0.5 * shear * (invariant - 3.0) - shear * change + 0.5 * (lame + shear) * change**2


def cofactor(f: np.ndarray) -> np.ndarray:
    """∂J/∂F, shape (m, 3, 3): rows are cross products of the other two rows."""
    return np.stack([np.cross(f[:, 1], f[:, 2]), np.cross(f[:, 2], f[:, 0]), np.cross(f[:, 0], f[:, 1])], 1)


def cofactor_slope(f: np.ndarray) -> np.ndarray:
    """∂²J/∂F², shape (m, 3, 3, 3, 3)."""
    return np.einsum("ikp,jlq,mpq->mijkl", EPSILON, EPSILON, f, optimize=True)


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
    return whole + factor[:, None, None, None, None] * cofactor_slope(f)


class Twin:
    """One body under blood pressure and dead loads, in double precision; a body of other laws overrides the three of `law_…`.

    A pocket is the quarter of each tet of one law about one vertex. With c the mean of J − 1 over it, weighed by volume, the
    volume term is Σ s κ V/2 (J − 1)² of tets and Σ (1 − s) κ V/2 c² of pockets; the body's `kept` is s.
    """

    def __init__(self, body: Body):
        self.body = body
        p = body.vertices[body.tets]
        edges = (p[:, 1:] - p[:, :1]).transpose(0, 2, 1)
        self.volume = np.linalg.det(edges) / 6.0
        inverse = np.linalg.inv(edges)
        self.gradients = np.concatenate([-inverse.sum(1, keepdims=True), inverse], 1)
        """Gradient of each corner's shape function [1/m], shape (m, 4, 3)."""
        law = np.array([(one.shear_modulus, one.volume_stiffness) for one in body.laws])[body.law_of_tet]
        self.shear, self.bulk = law[:, 0], law[:, 1]
        self.lame = self.bulk - self.shear
        kept = self.kept = body.kept
        self.free = np.ones(len(body.vertices), bool)
        self.free[body.held] = False
        self.corner_pocket, pocket_bulk = self._pockets()
        """The pocket of each corner of each tet, shape (m, 4)."""
        tet = np.repeat(np.arange(len(body.tets)), 4)
        shape = (len(pocket_bulk), len(body.tets))
        self.quarters = sparse.csr_array((0.25 * self.volume[tet], (self.corner_pocket.ravel(), tet)), shape=shape)
        """Volume that each tet lends to each pocket [m³], shape (p, m)."""
        self.pocket_volume, self.pocket_bulk = self.quarters.sum(1), (1.0 - kept) * pocket_bulk

    def _pockets(self) -> tuple[np.ndarray, np.ndarray]:
        """The pocket of each corner of each tet, shape (m, 4), and each pocket's κ [Pa]."""
        number: dict[tuple[int, object], int] = {}
        owner = []
        for tet, law in zip(self.body.tets.tolist(), self.body.law_of_tet.tolist(), strict=True):
            owner.append([number.setdefault((vertex, self.body.laws[law]), len(number)) for vertex in tet])
        return np.array(owner), np.array([law.volume_stiffness for _, law in number])  # pyright: ignore

    # --- laws -------------------------------------------------------------------------------------------------------------

    def law_energy(self, f: np.ndarray) -> np.ndarray:
        """ψ of each tet without its volume term [J/m³], shape (m,)."""
        return energy_density(f, self.shear, -self.shear)

    def law_stress(self, f: np.ndarray) -> np.ndarray:
        """First Piola–Kirchhoff stress of each tet without that of volume [Pa], shape (m, 3, 3)."""
        return stress(f, self.shear, -self.shear)

    def law_tangent(self, f: np.ndarray) -> np.ndarray:
        """Slope of that stress [Pa], shape (m, 3, 3, 3, 3)."""
        return tangent(f, self.shear, -self.shear)

    # --- energy and forces ------------------------------------------------------------------------------------------------

    def deformation(self, u: np.ndarray) -> np.ndarray:
        """F of each tet, shape (m, 3, 3)."""
        return np.eye(3) + np.einsum("mai,maj->mij", u[self.body.tets], self.gradients)

    def swelling(self, u: np.ndarray) -> np.ndarray:
        """Mean of J − 1 over each pocket, shape (p,)."""
        return self.quarters @ (np.linalg.det(self.deformation(u)) - 1.0) / self.pocket_volume

    def pressure(self, u: np.ndarray) -> np.ndarray:
        """Slope of the volume term in J of each tet, per its volume [Pa], shape (m,)."""
        own = self.kept * self.bulk * (np.linalg.det(self.deformation(u)) - 1.0)
        return own + self.quarters.T @ (self.pocket_bulk * self.swelling(u)) / self.volume

    def energy(self, u: np.ndarray) -> float:
        """Stored energy [J]."""
        f = self.deformation(u)
        own = self.law_energy(f) + 0.5 * self.kept * self.bulk * (np.linalg.det(f) - 1.0) ** 2
        shared = 0.5 * self.pocket_bulk * self.pocket_volume * self.swelling(u) ** 2
        return float((self.volume * own).sum() + shared.sum())

    def stress(self, u: np.ndarray) -> np.ndarray:
        """First Piola–Kirchhoff stress of each tet [Pa], shape (m, 3, 3)."""
        f = self.deformation(u)
        return self.law_stress(f) + self.pressure(u)[:, None, None] * cofactor(f)

    def elastic_force(self, u: np.ndarray) -> np.ndarray:
        """Minus the slope of the stored energy [N], shape (n, 3), held vertices too."""
        parts = np.einsum("m,mij,maj->mai", self.volume, self.stress(u), self.gradients)
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

    def weight(self, gravity: tuple[float, float, float]) -> np.ndarray:
        """Weight borne by each vertex [N], shape (n, 3), under an acceleration [m/s²]: a quarter of each of its tets'."""
        density = np.array([one.density for one in self.body.laws])[self.body.law_of_tet]
        load = np.zeros_like(self.body.vertices)
        np.add.at(load, self.body.tets, (0.25 * density * self.volume)[:, None, None] * np.array(gravity))
        return load

    def dead_traction(self, triangles: np.ndarray, traction: tuple[float, float, float]) -> np.ndarray:
        """Force of a traction per rest area [Pa] on each vertex of triangles, shape (k, 3) [N], shape (n, 3)."""
        p = self.body.vertices[triangles]
        third = np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1) / 6.0
        load = np.zeros_like(self.body.vertices)
        np.add.at(load, triangles, third[:, None, None] * np.array(traction))
        return load

    # --- stiffness and balance --------------------------------------------------------------------------------------------

    def element_tangent(self, u: np.ndarray) -> np.ndarray:
        """Slope of each tet's stress in its own F, the pockets' pressures kept [Pa], shape (m, 3, 3, 3, 3)."""
        f = self.deformation(u)
        c = cofactor(f)
        own = np.einsum("m,mij,mkl->mijkl", self.kept * self.bulk, c, c, optimize=True)
        return self.law_tangent(f) + own + self.pressure(u)[:, None, None, None, None] * cofactor_slope(f)

    def pocket_slopes(self, u: np.ndarray) -> sparse.csr_array:
        """Slope of each pocket's volume in each vertex' place [m²], shape (p, 3n)."""
        areas = np.einsum("mij,maj->mai", cofactor(self.deformation(u)), self.gradients).ravel()
        degrees = (3 * self.body.tets[:, :, None] + np.arange(3)).ravel()
        tet = np.repeat(np.arange(len(self.body.tets)), 12)
        return self.quarters @ sparse.csr_array((areas, (tet, degrees)), shape=(len(self.body.tets), u.size))

    def stiffness(self, u: np.ndarray, pressure: float) -> sparse.csr_array:
        """Slope of −(elastic + pressure force) [N/m], shape (3n, 3n), not symmetric at a free rim."""
        elastic = np.einsum(
            "m,maj,mijkl,mbl->maibk", self.volume, self.gradients, self.element_tangent(u), self.gradients, optimize=True
        )
        slopes = self.pocket_slopes(u)
        matrix = self._assembled(self.body.tets, elastic)
        matrix += slopes.T @ (sparse.diags_array(self.pocket_bulk / self.pocket_volume) @ slopes)
        p = (self.body.vertices + u)[self.body.lumen]
        blocks = np.empty((len(p), 3, 3, 3, 3))
        for b in range(3):
            # d/dx_b of −(x₁ − x₀) × (x₂ − x₀) is the cross product with the edge across from corner b.
            across = p[:, (b + 2) % 3] - p[:, (b + 1) % 3]
            blocks[:, :, :, b, :] = (pressure / 6.0 * np.einsum("ijk,tk->tij", EPSILON, across))[:, None]
        return matrix + self._assembled(self.body.lumen, blocks)

    def _assembled(self, cells: np.ndarray, blocks: np.ndarray) -> sparse.csr_array:
        degrees = (3 * cells[:, :, None] + np.arange(3)).reshape(len(cells), 3 * cells.shape[1])
        size, total = degrees.shape[1], 3 * len(self.body.vertices)
        rows, columns = np.repeat(degrees, size, axis=1).ravel(), np.tile(degrees, (1, size)).ravel()
        return sparse.csr_array((blocks.reshape(-1), (rows, columns)), shape=(total, total))

    def equilibrium(
        self,
        pressure: float,
        start: np.ndarray | None = None,
        *,
        dead: np.ndarray | float = 0.0,
        steps: int = 1,
        bound: float = 1e-10,
    ) -> np.ndarray:
        """Displacement [m] at which elastic, pressure and `dead` forces [N] balance on the free vertices; the held keep `start`.

        Raises
        ------
        ArithmeticError
            If Newton's method does not bring the imbalance below `bound` of the forces at work.
        """
        u = np.zeros_like(self.body.vertices) if start is None else start.astype(float)
        for share in np.arange(1, steps + 1) / steps:
            u = self._newton(u, share * pressure, share * np.broadcast_to(dead, u.shape), bound)
        return u

    def _newton(self, u: np.ndarray, pressure: float, dead: np.ndarray, bound: float) -> np.ndarray:
        degrees = np.flatnonzero(np.repeat(self.free, 3))
        for _ in range(60):
            elastic, load = self.elastic_force(u), self.pressure_force(u, pressure) + dead
            left = (elastic + load).ravel()[degrees]
            if np.linalg.norm(left) <= bound * (np.linalg.norm(elastic) + np.linalg.norm(load)):
                return u
            matrix = self.stiffness(u, pressure)[degrees][:, degrees]
            direction = np.zeros(u.size)
            # Nearly symmetric: an ordering for such, with the diagonal preferred as pivot, takes a third of the time.
            factors = scipy.sparse.linalg.splu(
                matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.01, options={"SymmetricMode": True}
            )
            direction[degrees] = factors.solve(left)
            step = 1.0
            while np.linalg.det(self.deformation(u + step * direction.reshape(u.shape))).min() <= 0.0 and step > 1e-3:
                step *= 0.5
            u = u + step * direction.reshape(u.shape)
        raise ArithmeticError(f"Newton's method left an imbalance of {np.linalg.norm(left):.3g} N")
