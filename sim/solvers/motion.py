"""Kernels that move the tissue through a tick: prediction, inertia, trial steps, new velocities."""

import taichi as ti

from sim.arrays import Doubles, Floats, Vec3s, Vec3Table
from sim.elements import CHUNK
from sim.solvers.linear import SOLUTION


@ti.kernel
def predict(count: int, h: ti.f32, free: Floats, u: Vec3s, velocity: Vec3s, predicted_out: Vec3s):
    """Where each vertex would go without force: u + h v."""
    for v in range(count):
        predicted_out[v] = u[v] + free[v] * h * velocity[v]


@ti.kernel
def copy(count: int, source: Vec3s, target_out: Vec3s):
    """Copy vectors."""
    for v in range(count):
        target_out[v] = source[v]


@ti.kernel
def add_inertia_force(count: int, inverse_h2: ti.f32, mass: Floats, free: Floats, u: Vec3s, predicted: Vec3s, force_out: Vec3s):
    """Add −m (u − û)/h² and clear held vertices [N]."""
    for v in range(count):
        force_out[v] = free[v] * (force_out[v] - inverse_h2 * mass[v] * (u[v] - predicted[v]))


@ti.kernel
def inertia_energy(count: int, inverse_h2: ti.f64, mass: Floats, u: Vec3s, predicted: Vec3s, partial: Doubles) -> ti.f64:
    """½ m |u − û|²/h² of all vertices [J]."""
    chunks = (count + CHUNK - 1) // CHUNK
    for c in range(chunks):
        total = ti.f64(0.0)
        for v in range(c * CHUNK, ti.min((c + 1) * CHUNK, count)):
            off = ti.cast(u[v], ti.f64) - ti.cast(predicted[v], ti.f64)
            total += 0.5 * inverse_h2 * ti.f64(mass[v]) * off.norm_sqr()
        partial[c] = total
    energy = ti.f64(0.0)
    ti.loop_config(serialize=True)
    for _ in range(1):
        for c in range(chunks):
            energy += partial[c]
    return energy


@ti.kernel
def move(count: int, step: ti.f32, start: Vec3s, vectors: Vec3Table, u_out: Vec3s):
    """u = start + step × solution."""
    for v in range(count):
        u_out[v] = start[v] + step * vectors[SOLUTION, v]


@ti.kernel
def new_velocity(count: int, inverse_h: ti.f32, before: Vec3s, u: Vec3s, velocity_out: Vec3s):
    """(u − u before)/h [m/s]."""
    for v in range(count):
        velocity_out[v] = inverse_h * (u[v] - before[v])


@ti.kernel
def squared_norm(count: int, values: Vec3s, partial: Doubles) -> ti.f64:
    """Σ |v|², summed in a fixed order."""
    chunks = (count + CHUNK - 1) // CHUNK
    for c in range(chunks):
        total = ti.f64(0.0)
        for v in range(c * CHUNK, ti.min((c + 1) * CHUNK, count)):
            total += ti.cast(values[v].norm_sqr(), ti.f64)
        partial[c] = total
    result = ti.f64(0.0)
    ti.loop_config(serialize=True)
    for _ in range(1):
        for c in range(chunks):
            result += partial[c]
    return result
