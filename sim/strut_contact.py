"""Which triangle of the lumen each sample point of a strut is nearest to: a walk over the surface, from where it was last."""

from typing import Any

import taichi as ti

from sim import backend
from sim.arrays import Floats, Ints, IVec2s, IVec3s, Passed, Vec3ds, Vec3s
from sim.contact import sample_position

TINY: Any = 1e-20


@ti.func
def place(v, rest: Passed, u: Passed):  # pyright: ignore
    """Where a vertex is [m]."""
    return rest[v] + ti.cast(u[v], ti.f32)


@ti.func
def closest_weights(p, a, b, c):  # pyright: ignore
    """Barycentric weights of the point of triangle (a, b, c) nearest to p (Ericson, Real-Time Collision Detection, 5.1.5)."""
    ab, ac, ap = b - a, c - a, p - a
    d1, d2 = ab.dot(ap), ac.dot(ap)
    bp = p - b
    d3, d4 = ab.dot(bp), ac.dot(bp)
    cp = p - c
    d5, d6 = ab.dot(cp), ac.dot(cp)
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
    w = ti.Vector([0.0, 0.0, 0.0])
    if d1 <= 0.0 and d2 <= 0.0:
        w = ti.Vector([1.0, 0.0, 0.0])
    elif d3 >= 0.0 and d4 <= d3:
        w = ti.Vector([0.0, 1.0, 0.0])
    elif d6 >= 0.0 and d5 <= d6:
        w = ti.Vector([0.0, 0.0, 1.0])
    elif vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        t = d1 / (d1 - d3)
        w = ti.Vector([1.0 - t, t, 0.0])
    elif vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        t = d2 / (d2 - d6)
        w = ti.Vector([1.0 - t, 0.0, t])
    elif va <= 0.0 and d4 - d3 >= 0.0 and d5 - d6 >= 0.0:
        t = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        w = ti.Vector([0.0, 1.0 - t, t])
    else:
        scale = 1.0 / (va + vb + vc)
        w = ti.Vector([1.0 - (vb + vc) * scale, vb * scale, vc * scale])
    return w


@ti.kernel
def wall_normals(count: int, first: Ints, triangles_of: Ints, triangles: IVec3s, rest: Vec3s, u: Vec3ds, normal_out: Vec3s):
    """Unit normals at the lumen's vertices, into the blood; zero elsewhere."""
    for v in range(count):
        if first[v + 1] > first[v]:
            n = ti.Vector([0.0, 0.0, 0.0])
            for k in range(first[v], first[v + 1]):
                c = triangles[triangles_of[k]]
                a = place(c[0], rest, u)
                n -= (place(c[1], rest, u) - a).cross(place(c[2], rest, u) - a)
            normal_out[v] = n.normalized(TINY)


@ti.kernel
def find_contacts(
    count: int,
    nodes: IVec2s,
    along: Floats,
    y: Vec3ds,
    neighbour_first: Ints,
    neighbours: Ints,
    first: Ints,
    triangles_of: Ints,
    triangles: IVec3s,
    rest: Vec3s,
    u: Vec3ds,
    normals: Vec3s,
    nearest: Ints,
    triangle_out: Ints,
    weights_out: Vec3s,
    normal_out: Vec3s,
    distance_out: Floats,
):
    """Nearest lumen triangle of each sample, its weights, normal and signed distance [m] (positive in the blood).

    The search walks over the lumen from the vertex that was nearest last time (kept in State), so it never jumps to the
    far side of a fold, then looks at all triangles within two rings.
    """
    ti.loop_config(serialize=backend.small_loops_serial)
    for s in range(count):
        p = ti.cast(sample_position(s, nodes, along, y), ti.f32)
        v = nearest[s]
        best = (place(v, rest, u) - p).norm_sqr()
        moving = 1
        while moving == 1:
            moving = 0
            origin = v
            for k in range(neighbour_first[origin], neighbour_first[origin + 1]):
                w = neighbours[k]
                d = (place(w, rest, u) - p).norm_sqr()
                if d < best:
                    best, v, moving = d, w, 1
        nearest[s] = v
        least, chosen = 1e30, -1
        weights = ti.Vector([0.0, 0.0, 0.0])
        for ring in range(neighbour_first[v], neighbour_first[v + 1] + 1):
            w = v
            if ring < neighbour_first[v + 1]:
                w = neighbours[ring]
            for k in range(first[w], first[w + 1]):
                c = triangles[triangles_of[k]]
                a, b, d = place(c[0], rest, u), place(c[1], rest, u), place(c[2], rest, u)
                found = closest_weights(p, a, b, d)
                away = (p - found[0] * a - found[1] * b - found[2] * d).norm_sqr()
                if away < least:
                    least, chosen, weights = away, triangles_of[k], found
        c = triangles[chosen]
        n = (weights[0] * normals[c[0]] + weights[1] * normals[c[1]] + weights[2] * normals[c[2]]).normalized(TINY)
        foot = ti.Vector([0.0, 0.0, 0.0])
        for i in ti.static(range(3)):
            foot += weights[i] * (place(c[i], rest, u))
        triangle_out[s] = chosen
        weights_out[s] = weights
        normal_out[s] = n
        distance_out[s] = n.dot(p - foot)
