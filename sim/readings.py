"""Readings: stress and other figures from a rest shape and a displacement, in double precision."""

import numpy as np

from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.model import Body


def deformation_gradients(body: Body, displacement: np.ndarray) -> np.ndarray:
    """F of each tet, shape (m, 3, 3), at a displacement [m], shape (n, 3)."""
    rest, moved = body.vertices[body.tets], (body.vertices + displacement)[body.tets]
    before = (rest[:, 1:] - rest[:, :1]).transpose(0, 2, 1)
    after = (moved[:, 1:] - moved[:, :1]).transpose(0, 2, 1)
    return after @ np.linalg.inv(before)


def cauchy_stress(body: Body, displacement: np.ndarray) -> np.ndarray:
    """Cauchy stress of each tet [Pa], shape (m, 3, 3): σ = P Fᵀ / J of the stable neo-Hookean law.

    With P = μ F + (λ + μ)(J − α) cof F and α = 1 + μ/(λ + μ): σ = μ/J F Fᵀ + (λ + μ)(J − α) I.
    Raises NotImplementedError for a body of another law, whose stress this formula would tell wrongly.
    """
    others = {type(one).__name__ for one in body.laws if not isinstance(one, StableNeoHookean)}
    if others:
        raise NotImplementedError(f"Stress is told for the stable neo-Hookean law alone, and the body has {', '.join(others)}.")
    f = deformation_gradients(body, displacement)
    law = np.array([(one.shear_modulus, one.first_lame) for one in body.laws])[body.law_of_tet]
    shear, bulk = law[:, 0], law[:, 0] + law[:, 1]
    jacobian = np.linalg.det(f)
    stress = (shear / jacobian)[:, None, None] * (f @ f.transpose(0, 2, 1))
    return stress + (bulk * (jacobian - 1.0) - shear)[:, None, None] * np.eye(3)


def first_principal_stress(body: Body, displacement: np.ndarray) -> np.ndarray:
    """Largest principal Cauchy stress of each tet [Pa], shape (m,)."""
    return np.linalg.eigvalsh(cauchy_stress(body, displacement))[:, -1]
