"""Readings: stress and other figures from a rest shape and a displacement, in double precision."""

import functools
from typing import Any

import numpy as np
import taichi as ti

from sim import backend
from sim.arrays import mat3d, put, vec8d
from sim.body import Body
from sim.elements import CRUSHED, HARDENING
from sim.materials.active import Active
from sim.materials.wrapping import unwrapped
from sim.pockets import pockets_of


def deformation_gradients(body: Body, displacement: np.ndarray) -> np.ndarray:
    """F of each tet, shape (m, 3, 3), at a displacement [m], shape (n, 3)."""
    rest, moved = body.vertices[body.tets], (body.vertices + displacement)[body.tets]
    before = (rest[:, 1:] - rest[:, :1]).transpose(0, 2, 1)
    after = (moved[:, 1:] - moved[:, :1]).transpose(0, 2, 1)
    return after @ np.linalg.inv(before)


def pressures(body: Body, displacement: np.ndarray) -> np.ndarray:
    """Mean stress that the volume term bears in each tet, averaged over the pockets about its corners [Pa], shape (m,).

    Positive in tension. A tet's own share of it, which jumps from tet to tet, is averaged in the same way, and so is what
    resists being crushed, see `sim.elements.crushing`.
    """
    jacobian = np.linalg.det(deformation_gradients(body, displacement))
    borne = jacobian - 1.0 - HARDENING * np.maximum(1.0 - jacobian / CRUSHED, 0.0) ** 2
    p = body.vertices[body.tets]
    volume = np.linalg.det(p[:, 1:] - p[:, :1]) / 6.0
    unique = list(dict.fromkeys(body.laws))
    material = np.array([unique.index(law) for law in body.laws])[body.law_of_tet]
    pocket, _ = pockets_of(body.tets, material, len(body.vertices))
    whole = np.bincount(pocket.ravel(), np.repeat(volume, 4))
    grown = np.bincount(pocket.ravel(), np.repeat(volume * borne, 4))
    stiffness = np.array([law.volume_stiffness for law in unique])[material]
    return stiffness * (grown / whole)[pocket].mean(1)


def cauchy_stress(
    body: Body, displacement: np.ndarray, *, activation: float = 0.0, overstress: np.ndarray | None = None
) -> np.ndarray:
    """Cauchy stress of each tet [Pa], shape (m, 3, 3): σ = P Fᵀ / J of its law, and the averaged pressure of `pressures`.

    `activation` is the command's, `overstress` the state's relaxing stress [Pa], shape (m, 3, 3). Viscous stress, which needs a
    speed, is left out.
    """
    f = deformation_gradients(body, displacement)
    piola = np.zeros_like(f)
    for number, law in enumerate(body.laws):
        mine = np.flatnonzero(body.law_of_tet == number)
        if len(mine) == 0:
            continue
        inner, wraps = unwrapped(law)
        tension = sum(one.tension for one in wraps if isinstance(one, Active))
        frames = body.frames[mine] if body.frames is not None else np.broadcast_to(np.eye(3), (len(mine), 3, 3))
        piola[mine] = _piola(inner, f[mine], frames)
        if activation and tension:
            pulled = f[mine] @ frames[:, :, :1]
            piola[mine] += activation * tension * pulled @ frames[:, :, :1].transpose(0, 2, 1)
    if overstress is not None and len(overstress):
        piola += f @ overstress
    stress = piola @ f.transpose(0, 2, 1) / np.linalg.det(f)[:, None, None]
    stress = 0.5 * (stress + stress.transpose(0, 2, 1))
    return stress + pressures(body, displacement)[:, None, None] * np.eye(3)


def first_principal_stress(body: Body, displacement: np.ndarray) -> np.ndarray:
    """Largest principal Cauchy stress of each tet [Pa], shape (m,)."""
    return np.linalg.eigvalsh(cauchy_stress(body, displacement))[:, -1]


def _piola(law: Any, f: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """First Piola–Kirchhoff stress of a law without its volume term [Pa], shape (m, 3, 3)."""
    backend.current()
    fibrous = getattr(law, "fibrous", False)
    local = frames.transpose(0, 2, 1) @ f @ frames if fibrous else f
    out = put(np.zeros_like(f), mat3d)
    _stress_kernel(type(law))(len(f), put(local - np.eye(3), mat3d), put(law.parameters()[None], vec8d), out)
    stress = out.to_numpy()
    return frames @ stress @ frames.transpose(0, 2, 1) if fibrous else stress


@functools.cache
def _stress_kernel(law: type) -> Any:
    rule: Any = law
    matrices = ti.types.ndarray(dtype=mat3d, ndim=1)
    numbers = ti.types.ndarray(dtype=vec8d, ndim=1)

    @ti.kernel
    def law_stress(count: int, g: matrices, p: numbers, stress_out: matrices):  # pyright: ignore
        for t in range(count):
            stress_out[t] = rule.stress(g[t], p[0])

    return law_stress
