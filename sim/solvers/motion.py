"""Kernels that move the tissue through a tick: prediction, what acts vertex by vertex, trial steps, new velocities."""

import taichi as ti

from sim import backend
from sim.arrays import Doubles, Floats, Mat3s, Vec3ds, Vec3s, Vec3Table, vec3
from sim.chunks import CHUNK, MANY, chunk_count, summed, turns_apart
from sim.solvers.linear import SOLUTION


@ti.kernel
def predict(count: int, h: ti.f32, free: Floats, u: Vec3ds, velocity: Vec3s, predicted_out: Vec3ds):
    """Where each vertex would go without force: u + h v."""
    ti.loop_config(serialize=backend.small_loops_serial)
    for v in range(count):
        predicted_out[v] = u[v] + free[v] * h * velocity[v]


@ti.kernel
def copy(count: int, source: Vec3ds, target_out: Vec3ds):
    """Copy vectors."""
    ti.loop_config(serialize=backend.small_loops_serial)
    for v in range(count):
        target_out[v] = source[v]


@ti.kernel
def copy_blocks(count: int, source: Mat3s, target_out: Mat3s):
    """Copy 3 × 3 blocks."""
    ti.loop_config(serialize=backend.small_loops_serial)
    for v in range(count):
        target_out[v] = source[v]


@ti.kernel
def stop(count: int, velocity_out: Vec3s):
    """Make all velocities nought: Taichi's own filling of an array of vectors is compiled anew at each call."""
    ti.loop_config(serialize=backend.small_loops_serial)
    for v in range(count):
        velocity_out[v] = vec3(0.0)


@ti.kernel
def prepare_vertices(
    count: int,
    inverse_h: ti.f32,
    drag: ti.f32,
    mass: Floats,
    spring: Mat3s,
    dashpot: Mat3s,
    dead: Vec3s,
    before: Vec3ds,
    velocity: Vec3s,
    own_out: Mat3s,
    pull_out: Vec3s,
):
    """What acts on each vertex alone, as a quadratic in its motion d since the tick began: ½ d·own·d − pull·d  [N/m], [N].

    Inertia m (d/h − v)/h, drag and dashpots on d/h, springs about rest, dead loads. With `inverse_h` 0 nothing depends on time.
    """
    ti.loop_config(serialize=backend.small_loops_serial)
    for v in range(count):
        one = ti.Matrix.identity(ti.f32, 3)
        slowing = (drag + inverse_h) * mass[v] * one + dashpot[v]
        own_out[v] = spring[v] + inverse_h * slowing
        pull_out[v] = dead[v] + inverse_h * mass[v] * velocity[v] - spring[v] @ ti.cast(before[v], ti.f32)


@ti.kernel
def add_vertex_force(count: int, own: Mat3s, pull: Vec3s, before: Vec3ds, u: Vec3ds, free: Floats, force_out: Vec3s):
    """Add pull − own·(u − before) and clear held vertices [N]."""
    ti.loop_config(serialize=backend.small_loops_serial)
    for v in range(count):
        force_out[v] = free[v] * (force_out[v] + pull[v] - own[v] @ ti.cast(u[v] - before[v], ti.f32))


@ti.kernel
def vertex_energy(count: int, own: Mat3s, pull: Vec3s, before: Vec3ds, u: Vec3ds, partial: Doubles) -> ti.f64:
    """½ d·own·d − pull·d of all vertices [J] with d = u − before."""
    chunks = chunk_count(count)
    apart = turns_apart(count, MANY)
    for turn in range(chunks * apart):
        if turn % apart != 0:
            continue
        c = turn // apart
        total = ti.f64(0.0)
        for v in range(c * CHUNK, ti.min((c + 1) * CHUNK, count)):
            off = u[v] - before[v]
            total += off.dot(0.5 * (ti.cast(own[v], ti.f64) @ off) - ti.cast(pull[v], ti.f64))
        partial[c] = total
    energy = ti.f64(0.0)
    ti.loop_config(serialize=True)
    for _ in range(1):
        energy += summed(chunks, partial)
    return energy


@ti.kernel
def work(count: int, force: Vec3s, start: Vec3ds, u: Vec3ds, partial: Doubles) -> ti.f64:
    """Σ force · (u − start) [J]."""
    chunks = chunk_count(count)
    apart = turns_apart(count, MANY)
    for turn in range(chunks * apart):
        if turn % apart != 0:
            continue
        c = turn // apart
        total = ti.f64(0.0)
        for v in range(c * CHUNK, ti.min((c + 1) * CHUNK, count)):
            total += ti.cast(force[v], ti.f64).dot(u[v] - start[v])
        partial[c] = total
    done = ti.f64(0.0)
    ti.loop_config(serialize=True)
    for _ in range(1):
        done += summed(chunks, partial)
    return done


@ti.kernel
def move(count: int, step: ti.f32, start: Vec3ds, vectors: Vec3Table, u_out: Vec3ds):
    """u = start + step × solution."""
    ti.loop_config(serialize=backend.small_loops_serial)
    for v in range(count):
        u_out[v] = start[v] + step * vectors[SOLUTION, v]


@ti.kernel
def new_velocity(count: int, inverse_h: ti.f32, before: Vec3ds, u: Vec3ds, velocity_out: Vec3s):
    """(u − u before)/h [m/s]."""
    ti.loop_config(serialize=backend.small_loops_serial)
    for v in range(count):
        velocity_out[v] = inverse_h * ti.cast(u[v] - before[v], ti.f32)


@ti.kernel
def squared_norm(count: int, values: Vec3s, partial: Doubles) -> ti.f64:
    """Σ |v|², summed in a fixed order."""
    chunks = chunk_count(count)
    apart = turns_apart(count, MANY)
    for turn in range(chunks * apart):
        if turn % apart != 0:
            continue
        c = turn // apart
        total = ti.f64(0.0)
        for v in range(c * CHUNK, ti.min((c + 1) * CHUNK, count)):
            total += ti.cast(values[v].norm_sqr(), ti.f64)
        partial[c] = total
    result = ti.f64(0.0)
    ti.loop_config(serialize=True)
    for _ in range(1):
        result += summed(chunks, partial)
    return result
