"""Blood pressure on the lumen: a load that follows the wall as it moves."""

import taichi as ti

from sim import backend
from sim.arrays import Doubles, Ints, IVec3s, Vec3s
from sim.elements import CHUNK


@ti.kernel
def add_pressure_force(
    count: int, first: Ints, triangles_of: Ints, triangles: IVec3s, rest: Vec3s, u: Vec3s, pressure: ti.f32, force_out: Vec3s
):
    """Add the force of blood at `pressure` [Pa] to each vertex of the lumen [N]: a third of p A n from each triangle.

    Triangles are wound so that their normals point out of the blood.
    """
    for v in range(count):
        force = ti.Vector([0.0, 0.0, 0.0])
        for k in range(first[v], first[v + 1]):
            c = triangles[triangles_of[k]]
            a = rest[c[0]] + u[c[0]]
            force += (rest[c[1]] + u[c[1]] - a).cross(rest[c[2]] + u[c[2]] - a)
        force_out[v] += pressure / 6.0 * force


@ti.kernel
def enclosed_volume(count: int, triangles: IVec3s, rest: Vec3s, u: Vec3s, partial: Doubles) -> ti.f64:
    """Volume of the cone from the origin over the lumen [m³]; with held ends it changes as the blood's volume does."""
    chunks = (count + CHUNK - 1) // CHUNK
    ti.loop_config(serialize=backend.small_loops_serial)
    for c in range(chunks):
        total = ti.f64(0.0)
        for t in range(c * CHUNK, ti.min((c + 1) * CHUNK, count)):
            tri = triangles[t]
            a = ti.cast(rest[tri[0]], ti.f64) + ti.cast(u[tri[0]], ti.f64)
            b = ti.cast(rest[tri[1]], ti.f64) + ti.cast(u[tri[1]], ti.f64)
            d = ti.cast(rest[tri[2]], ti.f64) + ti.cast(u[tri[2]], ti.f64)
            total += a.dot(b.cross(d)) / 6.0
        partial[c] = total
    volume = ti.f64(0.0)
    ti.loop_config(serialize=True)
    for _ in range(1):
        for c in range(chunks):
            volume += partial[c]
    return volume
