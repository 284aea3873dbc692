"""A law's own functions evaluated on the backend, one deformation after another, in single or in double precision."""

import functools
from typing import Any

import numpy as np
import taichi as ti

from sim import backend
from sim.arrays import mat3, mat3d, put, vec3d
from sim.materials.fibrous import fibrous_block, fibrous_terms
from sim.materials.principal import positive

vec8, vec8d = ti.types.vector(8, ti.f32), ti.types.vector(8, ti.f64)
SINGLE, DOUBLE = (ti.f32, mat3, vec8), (ti.f64, mat3d, vec8d)
EYE = np.eye(3)


@functools.cache
def _values(law: type, precision: tuple[Any, Any, Any]) -> Any:
    scalar, matrix, parameter = precision
    matrices, scalars = ti.types.ndarray(dtype=matrix, ndim=1), ti.types.ndarray(dtype=scalar, ndim=1)
    vectors = ti.types.ndarray(dtype=parameter, ndim=1)
    rule: Any = law

    @ti.kernel
    def values(count: int, g: matrices, p: vectors, energy_out: scalars, stress_out: matrices):  # pyright: ignore
        for t in range(count):
            energy_out[t] = rule.energy(g[t], p[t])
            stress_out[t] = rule.stress(g[t], p[t])

    return values


@functools.cache
def _blocks(law: type, precision: tuple[Any, Any, Any]) -> Any:
    scalar, matrix, parameter = precision
    matrices, scalars = ti.types.ndarray(dtype=matrix, ndim=1), ti.types.ndarray(dtype=scalar, ndim=1)
    vectors = ti.types.ndarray(dtype=parameter, ndim=1)
    rule: Any = law

    @ti.kernel
    def blocks(count: int, g: matrices, p: vectors, pressure: scalars, bulk: scalars, whole: int, blocks_out: matrices):  # pyright: ignore
        for t in range(count):
            f, cofactor, pull, slant, d, q, mixed, square, turn = fibrous_terms(rule, g[t], p[t], pressure[t], bulk[t], whole)
            one = ti.Matrix.identity(ti.f32, 3) + 0.0 * g[t]
            for a in range(3):
                m = ti.Vector([one[a, 0], one[a, 1], one[a, 2]])
                for b in range(3):
                    n = ti.Vector([one[b, 0], one[b, 1], one[b, 2]])
                    blocks_out[9 * t + 3 * a + b] = fibrous_block(f, cofactor, pull, slant, d, q, mixed, square, turn, m, n)

    return blocks


@functools.cache
def _frames(law: type) -> Any:
    matrices, vectors = ti.types.ndarray(dtype=mat3d, ndim=1), ti.types.ndarray(dtype=vec3d, ndim=1)
    parameters = ti.types.ndarray(dtype=vec8d, ndim=1)
    rule: Any = law

    @ti.kernel
    def frames(
        count: int, g: matrices, p: parameters, projected: int, left_out: matrices, right_out: matrices,  # pyright: ignore
        h_out: matrices, flip_out: vectors, twist_out: vectors,  # pyright: ignore
    ):  # fmt: skip
        for t in range(count):
            left, right, h, flip, twist = rule.principal_slopes(g[t], p[t])
            if projected == 1:
                h, flip, twist = positive(h, flip, twist)
            left_out[t], right_out[t], h_out[t], flip_out[t], twist_out[t] = left, right, h, flip, twist

    return frames


@functools.cache
def _terms(law: type) -> Any:
    matrices, scalars = ti.types.ndarray(dtype=mat3d, ndim=1), ti.types.ndarray(dtype=ti.f64, ndim=1)
    parameters = ti.types.ndarray(dtype=vec8d, ndim=1)
    rule: Any = law

    @ti.kernel
    def terms(count: int, g: matrices, p: parameters, f_out: matrices, cofactor_out: matrices, shear_out: scalars):  # pyright: ignore
        for t in range(count):
            f_out[t], cofactor_out[t], shear_out[t] = rule.stiffness_terms(g[t], p[t])

    return terms


def energy_and_stress(law: Any, g: np.ndarray, *, precision=DOUBLE) -> tuple[np.ndarray, np.ndarray]:
    """ψ [J/m³], shape (m,), and first Piola–Kirchhoff stress [Pa], shape (m, 3, 3), at G = F − I, shape (m, 3, 3).

    Both without the volume term.
    """
    backend.current()
    scalar, matrix, _ = precision
    energy, stress = put(np.zeros(len(g)), scalar), put(np.zeros(g.shape), matrix)
    _values(type(law), precision)(len(g), put(g, matrix), _parameters(law, len(g), precision), energy, stress)
    return energy.to_numpy(), stress.to_numpy()


def stiffness_terms(law: Any, g: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """F and cof F, shapes (m, 3, 3), and μ [Pa], shape (m,), as a law with `stiffness_terms` gives them."""
    backend.current()
    f, cofactor, shear = put(np.zeros(g.shape), mat3d), put(np.zeros(g.shape), mat3d), put(np.zeros(len(g)), ti.f64)
    _terms(type(law))(len(g), put(g, mat3d), _parameters(law, len(g), DOUBLE), f, cofactor, shear)
    return f.to_numpy(), cofactor.to_numpy(), shear.to_numpy()


def fibrous_tangent(
    law: Any, g: np.ndarray, *, whole: bool, pressure: Any = 0.0, bulk: Any = 0.0, precision=DOUBLE
) -> np.ndarray:
    """∂P/∂F [Pa] of a fibrous law, put together from its blocks, shape (m, 3, 3, 3, 3); with the engine's two factors [Pa]."""
    backend.current()
    scalar, matrix, _ = precision
    out = put(np.zeros((9 * len(g), 3, 3)), matrix)
    given = [put(np.broadcast_to(value, len(g)), scalar) for value in (pressure, bulk)]
    _blocks(type(law), precision)(len(g), put(g, matrix), _parameters(law, len(g), precision), *given, int(whole), out)
    return out.to_numpy().astype(float).reshape(-1, 3, 3, 3, 3).transpose(0, 3, 1, 4, 2)


def principal_tangent(law: Any, g: np.ndarray, *, projected: bool) -> np.ndarray:
    """∂P/∂F [Pa] of an isotropic law, shape (m, 3, 3, 3, 3), put together from U, V, H, flips and twists."""
    backend.current()
    left, right, h = (put(np.zeros(g.shape), mat3d) for _ in range(3))
    flip, twist = (put(np.zeros((len(g), 3)), vec3d) for _ in range(2))
    p = _parameters(law, len(g), DOUBLE)
    _frames(type(law))(len(g), put(g, mat3d), p, int(projected), left, right, h, flip, twist)
    u, v, h, flip, twist = (one.to_numpy() for one in (left, right, h, flip, twist))
    inner = np.zeros((len(g), 3, 3, 3, 3))
    for i in range(3):
        for j in range(3):
            inner[:, i, i, j, j] += h[:, i, j]
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        for value, sign in ((flip[:, k], 1.0), (twist[:, k], -1.0)):
            mode = np.zeros((3, 3))
            mode[i, j], mode[j, i] = np.sqrt(0.5), sign * np.sqrt(0.5)
            inner += value[:, None, None, None, None] * np.einsum("ij,kl->ijkl", mode, mode)
    return np.einsum("mia,mjb,mkc,mld,mabcd->mijkl", u, v, u, v, inner, optimize=True)


def tangent(law: Any, f: np.ndarray) -> np.ndarray:
    """The whole slope of the stress, ∂P/∂F [Pa], shape (m, 3, 3, 3, 3), as the kernels give it at F, shape (m, 3, 3)."""
    if getattr(law, "fibrous", False):
        return fibrous_tangent(law, f - EYE, whole=True)
    return principal_tangent(law, f - EYE, projected=False)


def _parameters(law: Any, count: int, precision: tuple[Any, Any, Any]):
    return put(np.tile(law.parameters(), (count, 1)), precision[2])
