"""Pressure on named surfaces: loads that follow the tissue as it moves.

A triangle (a, b, c) under pressure p bears p/6 (b − a) × (c − a) at each corner. Where a surface is closed, or its rim is
held, and one pressure rules on it, that is p times the slope of the volume of the cone over it from the origin; the small
difference at other rims does work too, and a line search has to be told of it (`add_pressure_force` leaves it).
"""

import dataclasses

import numpy as np
import taichi as ti

from sim import backend
from sim.arrays import Array, Doubles, Floats, Ints, IVec3s, Passed, Vec3ds, Vec3s, ivec2, ivec3, put, vec3, vec3d
from sim.chunks import CHUNK, chunk_count, summed
from sim.tables import Pattern, beginning_with_least, edge_triangles, inverse_table


@dataclasses.dataclass(frozen=True)
class Loaded:
    """All triangles that may bear pressure, each once, on the backend.

    Attributes
    ----------
    names
        For each named surface the numbers of its triangles here.
    triangles
        Vertex indices, shape (k,).
    first, triangles_of
        For each vertex its triangles.
    edges
        For each upper matrix entry (i, j) the triangles with the edges i→j and j→i, −1 for none.
    """

    count: int
    names: dict[str, np.ndarray]
    triangles: Array
    first: Array
    triangles_of: Array
    edges: Array

    def pressures(self, asked: dict[str, float]) -> np.ndarray:
        """Pressure on each triangle [Pa], shape (k,), from pressures by the surface's name; where surfaces overlap they add."""
        values = np.zeros(max(self.count, 1))
        for name, pressure in asked.items():
            values[self.names[name]] += pressure
        return values


def build_loaded(surfaces: dict[str, np.ndarray], pattern: Pattern, vertex_count: int) -> Loaded:
    """The table of the triangles of named surfaces, each of shape (k, 3), triangles shared by several taken once."""
    every = np.concatenate([np.zeros((0, 3), int), *surfaces.values()]).astype(int)
    triangles, number = np.unique(beginning_with_least(every), axis=0, return_inverse=True)
    number = number.ravel()
    ends = np.cumsum([len(one) for one in surfaces.values()])
    names = dict(zip(surfaces, np.split(number, ends[:-1]), strict=True)) if len(surfaces) else {}
    first, triangles_of = inverse_table(triangles, vertex_count)
    return Loaded(
        count=len(triangles),
        names=names,
        triangles=put(triangles, ivec3),
        first=put(first, ti.i32),
        triangles_of=put(triangles_of, ti.i32),
        edges=put(edge_triangles(triangles, pattern, vertex_count), ivec2),
    )


@ti.kernel
def add_pressure_force(
    count: int,
    first: Ints,
    triangles_of: Ints,
    triangles: IVec3s,
    pressure: Floats,
    rest: Vec3s,
    u: Vec3ds,
    free: Floats,
    force_out: Vec3s,
    rim_out: Vec3s,
):
    """Add the force of each triangle's pressure [Pa] to its vertices [N]; leaves what of it is not the slope of −energy."""
    for v in range(count):
        force, slope = vec3d(0.0), vec3d(0.0)
        for k in range(first[v], first[v + 1]):
            t = triangles_of[k]
            c = triangles[t]
            a, b, d = rest[c[0]] + u[c[0]], rest[c[1]] + u[c[1]], rest[c[2]] + u[c[2]]
            force += pressure[t] * (b - a).cross(d - a)
            if c[0] == v:
                slope += pressure[t] * b.cross(d)
            elif c[1] == v:
                slope += pressure[t] * d.cross(a)
            else:
                slope += pressure[t] * a.cross(b)
        force_out[v] += ti.cast(free[v] / 6.0 * force, ti.f32)
        rim_out[v] = ti.cast(free[v] / 6.0 * (force - slope), ti.f32)


@ti.func
def pressure_block(i, j, edge, triangles: Passed, pressure: Passed, rest: Passed, u: Passed):  # pyright: ignore
    """Slope of pressure's force on vertex i in the place of vertex j, negative and made symmetric [N/m]."""
    v = vec3(0.0)
    middle = 0.5 * (rest[i] + rest[j] + ti.cast(u[i] + u[j], ti.f32))
    for side in ti.static(range(2)):
        t = edge[side]
        if t >= 0:
            k = triangles[t].sum() - i - j
            arm = pressure[t] / 6.0 * (rest[k] + ti.cast(u[k], ti.f32) - middle)
            v += ti.static(1.0 if side == 0 else -1.0) * arm
    return ti.Matrix([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])


@ti.kernel
def pressure_energy(count: int, triangles: IVec3s, pressure: Floats, rest: Vec3s, u: Vec3ds, partial: Doubles) -> ti.f64:
    """Σ p V of the cones from the origin over the triangles [J]: with held ends, pressure times the volume enclosed."""
    chunks = chunk_count(count)
    ti.loop_config(serialize=backend.small_loops_serial)
    for c in range(chunks):
        total = ti.f64(0.0)
        for t in range(c * CHUNK, ti.min((c + 1) * CHUNK, count)):
            tri = triangles[t]
            a = ti.cast(rest[tri[0]], ti.f64) + u[tri[0]]
            b = ti.cast(rest[tri[1]], ti.f64) + u[tri[1]]
            d = ti.cast(rest[tri[2]], ti.f64) + u[tri[2]]
            total += ti.f64(pressure[t]) * a.dot(b.cross(d)) / 6.0
        partial[c] = total
    energy = ti.f64(0.0)
    ti.loop_config(serialize=True)
    for _ in range(1):
        energy += summed(chunks, partial)
    return energy
