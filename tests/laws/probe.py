"""A law's own functions evaluated on the backend, one deformation after another, in single or in double precision."""

import functools
from typing import Any

import numpy as np
import taichi as ti

from sim import backend
from sim.arrays import mat3, mat3d, put, vec4

vec4d = ti.types.vector(4, ti.f64)
SINGLE, DOUBLE = (ti.f32, mat3, vec4), (ti.f64, mat3d, vec4d)


@functools.cache
def _kernels(law: type, precision: tuple[Any, Any, Any]) -> tuple[Any, Any]:
    scalar, matrix, parameter = precision
    matrices, scalars = ti.types.ndarray(dtype=matrix, ndim=1), ti.types.ndarray(dtype=scalar, ndim=1)
    vectors = ti.types.ndarray(dtype=parameter, ndim=1)
    rule: Any = law

    @ti.kernel
    def values(count: int, g: matrices, p: vectors, energy_out: scalars, stress_out: matrices):  # pyright: ignore
        for t in range(count):
            energy_out[t] = rule.energy(g[t], p[t])
            stress_out[t] = rule.stress(g[t], p[t])

    @ti.kernel
    def terms(count: int, g: matrices, p: vectors, f_out: matrices, cofactor_out: matrices, factors_out: matrices):  # pyright: ignore
        for t in range(count):
            f, cofactor, shear, bulk, turn = rule.stiffness_terms(g[t], p[t])
            f_out[t] = f
            cofactor_out[t] = cofactor
            factors_out[t][0, 0] = shear
            factors_out[t][0, 1] = bulk
            factors_out[t][0, 2] = turn

    return values, terms


def energy_and_stress(law: Any, g: np.ndarray, *, precision=DOUBLE) -> tuple[np.ndarray, np.ndarray]:
    """ψ [J/m³], shape (m,), and first Piola–Kirchhoff stress [Pa], shape (m, 3, 3), at G = F − I, shape (m, 3, 3)."""
    backend.current()
    scalar, matrix, _ = precision
    energy, stress = put(np.zeros(len(g)), scalar), put(np.zeros(g.shape), matrix)
    _kernels(type(law), precision)[0](len(g), put(g, matrix), _parameters(law, len(g), precision), energy, stress)
    return energy.to_numpy(), stress.to_numpy()


def stiffness(law: Any, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """∂P/∂F as the engine takes it [Pa], shape (m, 3, 3, 3, 3), and the factor of ∂cof F in it [Pa], shape (m,)."""
    backend.current()
    f, cofactor, factors = (put(np.zeros(g.shape), mat3d) for _ in range(3))
    _kernels(type(law), DOUBLE)[1](len(g), put(g, mat3d), _parameters(law, len(g), DOUBLE), f, cofactor, factors)
    f, cofactor, factors = f.to_numpy(), cofactor.to_numpy(), factors.to_numpy()
    shear, bulk, turn = factors[:, 0, 0], factors[:, 0, 1], factors[:, 0, 2]
    turning = np.cross(np.eye(3)[:, None], np.eye(3)[None])
    whole = np.einsum("m,ik,jl->mijkl", shear, np.eye(3), np.eye(3)) + np.einsum("m,mij,mkl->mijkl", bulk, cofactor, cofactor)
    return whole + np.einsum("m,ikp,jlq,mpq->mijkl", turn, turning, turning, f, optimize=True), turn


def _parameters(law: Any, count: int, precision: tuple[Any, Any, Any]):
    return put(np.tile(law.parameters(), (count, 1)), precision[2])
