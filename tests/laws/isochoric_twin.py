"""The isotropic laws with isochoric stretches in plain numpy and double precision, without the volume term if not said."""

import numpy as np

from sim.materials.mooney_rivlin import MooneyRivlin
from sim.materials.ogden import Ogden
from sim.materials.yeoh import Yeoh
from tests.sim.twin import cofactor

Law = Yeoh | MooneyRivlin | Ogden


def invariants(f: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ī₁, Ī₂ and J, shapes (m,), at F of shape (m, 3, 3)."""
    c = f.transpose(0, 2, 1) @ f
    first = np.trace(c, axis1=1, axis2=2)
    second = 0.5 * (first**2 - np.trace(c @ c, axis1=1, axis2=2))
    j = np.linalg.det(f)
    return j ** (-2.0 / 3.0) * first, j ** (-4.0 / 3.0) * second, j


def energy(law: Law, f: np.ndarray) -> np.ndarray:
    """ψ [J/m³] by the formula of the docstring, for J > 0, shape (m,)."""
    first, second, j = invariants(f)
    if isinstance(law, Yeoh):
        return sum((c * (first - 3.0) ** (k + 1) for k, c in enumerate((law.c1, law.c2, law.c3))), np.zeros(len(f)))
    if isinstance(law, MooneyRivlin):
        return law.c10 * (first - 3.0) + law.c01 * (second - 3.0)
    stretch = np.linalg.svd(f, compute_uv=False) * j[:, None] ** (-1.0 / 3.0)
    return 2.0 * law.shear_modulus / law.exponent**2 * ((stretch**law.exponent).sum(1) - 3.0)


def stress(law: Law, f: np.ndarray) -> np.ndarray:
    """First Piola–Kirchhoff stress [Pa] by the textbook, for J > 0, shape (m, 3, 3)."""
    first, _, j = invariants(f)
    inverse = np.linalg.inv(f).transpose(0, 2, 1)
    if isinstance(law, Ogden):
        u, s, vt = np.linalg.svd(f)
        power = (s * j[:, None] ** (-1.0 / 3.0)) ** law.exponent
        pull = 2.0 * law.shear_modulus / law.exponent * (power - power.mean(1, keepdims=True)) / s
        return u @ (pull[:, :, None] * vt)
    c = f.transpose(0, 2, 1) @ f
    trace = np.trace(c, axis1=1, axis2=2)
    second = 0.5 * (trace**2 - np.trace(c @ c, axis1=1, axis2=2))
    scale = j ** (-2.0 / 3.0)
    if isinstance(law, MooneyRivlin):
        slope1, slope2 = np.full(len(f), law.c10), law.c01
    else:
        slope1, slope2 = law.c1 + 2.0 * law.c2 * (first - 3.0) + 3.0 * law.c3 * (first - 3.0) ** 2, 0.0
    whole = (2.0 * slope1 * scale)[:, None, None] * (f - (trace / 3.0)[:, None, None] * inverse)
    rest = trace[:, None, None] * f - f @ c - (2.0 * second / 3.0)[:, None, None] * inverse
    return whole + (2.0 * slope2 * scale**2)[:, None, None] * rest


def whole_stress(law: Law, f: np.ndarray) -> np.ndarray:
    """First Piola–Kirchhoff stress with the volume term's κ (J − 1) cof F [Pa], for J > 0, shape (m, 3, 3)."""
    return stress(law, f) + (law.bulk * (np.linalg.det(f) - 1.0))[:, None, None] * cofactor(f)
