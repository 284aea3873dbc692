"""The fibrous laws in plain numpy and double precision by the textbook, in the tet's own frame and without the volume term.

With S̄ = 2 ∂W/∂C̄ stress follows as P = J^(−2/3) F (S̄ − ⅓ (S̄:C) C⁻¹): Holzapfel 2000, Nonlinear Solid Mechanics, § 6.4.
"""

import numpy as np

from sim.materials.gasser_ogden_holzapfel import GasserOgdenHolzapfel
from sim.materials.guccione import Guccione
from sim.materials.holzapfel_ogden import HolzapfelOgden

Law = GasserOgdenHolzapfel | Guccione | HolzapfelOgden
EYE = np.eye(3)


def families(law: GasserOgdenHolzapfel) -> list[np.ndarray]:
    """d I + (1 − 3d) a⊗a of both families of fibres, each of shape (3, 3)."""
    fibres = [np.array([np.cos(law.angle), sign * np.sin(law.angle), 0.0]) for sign in (1.0, -1.0)]
    return [law.dispersion * EYE + (1.0 - 3.0 * law.dispersion) * np.outer(a, a) for a in fibres]


def isochoric(f: np.ndarray) -> np.ndarray:
    """C̄ = J^(−2/3) FᵀF, shape (m, 3, 3)."""
    return (np.linalg.det(f) ** (-2.0 / 3.0))[:, None, None] * (f.transpose(0, 2, 1) @ f)


def exponents(law: Law, f: np.ndarray) -> np.ndarray:
    """What stands under the exponentials of the law, shape (m, number of exponentials)."""
    c = isochoric(f)
    if isinstance(law, GasserOgdenHolzapfel):
        strains = np.stack([np.einsum("ij,mij->m", h, c) - 1.0 for h in families(law)], 1)
        return law.k2 * np.maximum(strains, 0.0) ** 2
    if isinstance(law, Guccione):
        e = 0.5 * (c - EYE)
        across = e[:, 1, 1] ** 2 + e[:, 2, 2] ** 2 + 2.0 * e[:, 1, 2] ** 2
        return (law.bf * e[:, 0, 0] ** 2 + law.bt * across + 2.0 * law.bfs * (e[:, 0, 1] ** 2 + e[:, 0, 2] ** 2))[:, None]
    ground = law.b * (np.trace(c, axis1=1, axis2=2) - 3.0)
    fibre, sheet = (b * np.maximum(c[:, i, i] - 1.0, 0.0) ** 2 for i, b in enumerate((law.bf, law.bs)))
    return np.stack([ground, fibre, sheet, law.bfs * c[:, 0, 1] ** 2], 1)


def switches(law: Law, f: np.ndarray) -> np.ndarray:
    """The strains at whose sign fibres begin to bear, shape (m, number of such fibres)."""
    c = isochoric(f)
    if isinstance(law, GasserOgdenHolzapfel):
        return np.stack([np.einsum("ij,mij->m", h, c) - 1.0 for h in families(law)], 1)
    if isinstance(law, HolzapfelOgden):
        return np.stack([c[:, 0, 0] - 1.0, c[:, 1, 1] - 1.0], 1)
    return np.ones((len(f), 0))


def energy(law: Law, f: np.ndarray) -> np.ndarray:
    """ψ [J/m³] by the formula of the docstring, for J > 0, shape (m,)."""
    grown = np.exp(exponents(law, f)) - 1.0
    if isinstance(law, GasserOgdenHolzapfel):
        ground = 0.5 * law.shear * (np.trace(isochoric(f), axis1=1, axis2=2) - 3.0)
        return ground + law.k1 / (2.0 * law.k2) * grown.sum(1)
    if isinstance(law, Guccione):
        return 0.5 * law.c * grown[:, 0]
    factors = [law.a / law.b, law.af / law.bf, law.as_ / law.bs, law.afs / law.bfs]
    return 0.5 * grown @ np.array(factors)


def stress(law: Law, f: np.ndarray) -> np.ndarray:
    """First Piola–Kirchhoff stress [Pa], for J > 0, shape (m, 3, 3)."""
    c, power = isochoric(f), np.exp(exponents(law, f))
    if isinstance(law, GasserOgdenHolzapfel):
        inner = np.tile(law.shear * EYE, (len(f), 1, 1))
        for i, h in enumerate(families(law)):
            pull = 2.0 * law.k1 * np.maximum(np.einsum("ij,mij->m", h, c) - 1.0, 0.0) * power[:, i]
            inner += pull[:, None, None] * h
    elif isinstance(law, Guccione):
        weight = np.array([[law.bf, law.bfs, law.bfs], [law.bfs, law.bt, law.bt], [law.bfs, law.bt, law.bt]])
        inner = law.c * power[:, :1, None] * weight * 0.5 * (c - EYE)
    else:
        inner = law.a * power[:, :1, None] * EYE
        inner[:, 0, 0] += 2.0 * law.af * np.maximum(c[:, 0, 0] - 1.0, 0.0) * power[:, 1]
        inner[:, 1, 1] += 2.0 * law.as_ * np.maximum(c[:, 1, 1] - 1.0, 0.0) * power[:, 2]
        coupling = law.afs * c[:, 0, 1] * power[:, 3]
        inner[:, 0, 1] += coupling
        inner[:, 1, 0] += coupling
    whole = f.transpose(0, 2, 1) @ f
    hydrostatic = np.einsum("mij,mij->m", inner, whole)[:, None, None] / 3.0
    scale = (np.linalg.det(f) ** (-2.0 / 3.0))[:, None, None]
    return scale * f @ (inner - hydrostatic * np.linalg.inv(whole))
