"""The laws with isochoric stretches in plain numpy and double precision, and their stiffness as the kernels give it."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import taichi as ti

from sim import backend
from sim.arrays import mat3d, put, vec3d
from sim.materials.mooney_rivlin import MooneyRivlin
from sim.materials.ogden import Ogden
from sim.materials.yeoh import Yeoh
from tests.laws.probe import vec4d
from tests.sim.twin import cofactor

Law = Yeoh | MooneyRivlin | Ogden
EYE = np.eye(3)


def invariants(f: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ī₁, Ī₂ and J, shapes (m,), at F of shape (m, 3, 3)."""
    c = f.transpose(0, 2, 1) @ f
    first = np.trace(c, axis1=1, axis2=2)
    second = 0.5 * (first**2 - np.trace(c @ c, axis1=1, axis2=2))
    j = np.linalg.det(f)
    return j ** (-2.0 / 3.0) * first, j ** (-4.0 / 3.0) * second, j


def energy(law: Law, f: np.ndarray) -> np.ndarray:
    """ψ [J/m³] by the formula of the docstring, for J > 0."""
    first, second, j = invariants(f)
    whole = 0.5 * law.bulk * (j - 1.0) ** 2
    if isinstance(law, Yeoh):
        return whole + sum(c * (first - 3.0) ** (k + 1) for k, c in enumerate((law.c1, law.c2, law.c3)))
    if isinstance(law, MooneyRivlin):
        return whole + law.c10 * (first - 3.0) + law.c01 * (second - 3.0)
    stretch = np.linalg.svd(f, compute_uv=False) * j[:, None] ** (-1.0 / 3.0)
    return whole + 2.0 * law.shear_modulus / law.exponent**2 * ((stretch**law.exponent).sum(1) - 3.0)


def stress(law: Law, f: np.ndarray) -> np.ndarray:
    """First Piola–Kirchhoff stress [Pa] by the textbook, for J > 0."""
    first, _, j = invariants(f)
    inverse = np.linalg.inv(f).transpose(0, 2, 1)
    whole = (law.bulk * (j - 1.0))[:, None, None] * cofactor(f)
    if isinstance(law, Ogden):
        u, s, vt = np.linalg.svd(f)
        power = (s * j[:, None] ** (-1.0 / 3.0)) ** law.exponent
        pull = 2.0 * law.shear_modulus / law.exponent * (power - power.mean(1, keepdims=True)) / s
        return whole + u @ (pull[:, :, None] * vt)
    c = f.transpose(0, 2, 1) @ f
    trace = np.trace(c, axis1=1, axis2=2)
    second = 0.5 * (trace**2 - np.trace(c @ c, axis1=1, axis2=2))
    scale = j ** (-2.0 / 3.0)
    if isinstance(law, MooneyRivlin):
        slope1, slope2 = np.full(len(f), law.c10), law.c01
    else:
        slope1, slope2 = law.c1 + 2.0 * law.c2 * (first - 3.0) + 3.0 * law.c3 * (first - 3.0) ** 2, 0.0
    whole = whole + (2.0 * slope1 * scale)[:, None, None] * (f - (trace / 3.0)[:, None, None] * inverse)
    rest = trace[:, None, None] * f - f @ c - (2.0 * second / 3.0)[:, None, None] * inverse
    return whole + (2.0 * slope2 * scale**2)[:, None, None] * rest


def slope_of(function: Callable[[np.ndarray], np.ndarray], f: np.ndarray, step: float) -> np.ndarray:
    """Slope of a function of F by differences of fourth order, shape (m, ..., 3, 3)."""
    columns = []
    for k in range(3):
        for m in range(3):
            d = np.zeros((3, 3))
            d[k, m] = step
            near, far = function(f + d) - function(f - d), function(f + 2 * d) - function(f - 2 * d)
            columns.append((8.0 * near - far) / (12.0 * step))
    whole = np.stack(columns, -1)
    return whole.reshape(*whole.shape[:-1], 3, 3)


@functools.cache
def _kernel(law: type, projected: bool) -> Any:
    rule: Any = law
    matrices, vectors = ti.types.ndarray(dtype=mat3d, ndim=1), ti.types.ndarray(dtype=vec3d, ndim=1)
    parameters = ti.types.ndarray(dtype=vec4d, ndim=1)

    @ti.kernel
    def frames(
        count: int, g: matrices, p: parameters, left_out: matrices, right_out: matrices, h_out: matrices,  # pyright: ignore
        flip_out: vectors, twist_out: vectors,  # pyright: ignore
    ):  # fmt: skip
        for t in range(count):
            if ti.static(projected):
                left_out[t], right_out[t], h_out[t], flip_out[t], twist_out[t] = rule.principal_stiffness(g[t], p[t])
            else:
                left_out[t], right_out[t], h_out[t], flip_out[t], twist_out[t] = rule.principal_slopes(g[t], p[t])

    return frames


def tangent(law: Law, f: np.ndarray, *, projected: bool) -> np.ndarray:
    """∂P/∂F as the kernels give it [Pa], shape (m, 3, 3, 3, 3), put together from U, V, H, flips and twists."""
    backend.current()
    left, right, h = (put(np.zeros(f.shape), mat3d) for _ in range(3))
    flip, twist = (put(np.zeros((len(f), 3)), vec3d) for _ in range(2))
    p = put(np.tile(law.parameters(), (len(f), 1)), vec4d)
    _kernel(type(law), projected)(len(f), put(f - EYE, mat3d), p, left, right, h, flip, twist)
    u, v, h, flip, twist = (one.to_numpy() for one in (left, right, h, flip, twist))
    inner = np.zeros((len(f), 3, 3, 3, 3))
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
