"""Struts against the lumen: each sample point of a strut keeps to the blood's side of the nearest wall triangle.

Within a tick a contact is a plane that moves with its triangle: the gap is g = n·(y − Σ bᵢ xᵢ) − r with the normal n, the
weights b and the strut's half-thickness r kept. Its energy is the augmented Lagrangian of g ≥ 0,
(max(0, λ − k g)² − λ²) / 2k, so that a moderate stiffness k, which keeps the linear solve well conditioned, still ends
at a gap of nought: λ is carried from tick to tick in State.

Friction is Coulomb's with the normal force of the tick before: sliding by s along the wall within the tick costs μ λ s, and
quadratically less below a small slip ε, where strut and wall stick.
"""

from typing import Any

import taichi as ti

from sim import backend
from sim.arrays import Doubles, Floats, Ints, IVec2s, IVec3s, Passed, Vec2s, Vec3ds, Vec3s
from sim.elements import CHUNK

TINY: Any = 1e-20
# Once a contact slides its friction hardly changes with further sliding; a little of the stiffness is kept so that the
# step stays bounded. Square root of the share that is taken away.
SLIDING = 0.975


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


@ti.func
def sample_position(s, nodes: Passed, along: Passed, y: Passed):  # pyright: ignore
    """Where a sample point of a strut is [m], between the strut's two nodes."""
    t = ti.f64(along[s])
    return ti.cast((1.0 - t) * y[nodes[s][0]] + t * y[nodes[s][1]], ti.f32)


@ti.kernel
def wall_normals(count: int, first: Ints, triangles_of: Ints, triangles: IVec3s, rest: Vec3s, u: Vec3s, normal_out: Vec3s):
    """Unit normals at the lumen's vertices, into the blood; zero elsewhere."""
    for v in range(count):
        if first[v + 1] > first[v]:
            n = ti.Vector([0.0, 0.0, 0.0])
            for k in range(first[v], first[v + 1]):
                c = triangles[triangles_of[k]]
                a = rest[c[0]] + u[c[0]]
                n -= (rest[c[1]] + u[c[1]] - a).cross(rest[c[2]] + u[c[2]] - a)
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
    u: Vec3s,
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
        p = sample_position(s, nodes, along, y)
        v = nearest[s]
        best = (rest[v] + u[v] - p).norm_sqr()
        moving = 1
        while moving == 1:
            moving = 0
            origin = v
            for k in range(neighbour_first[origin], neighbour_first[origin + 1]):
                w = neighbours[k]
                d = (rest[w] + u[w] - p).norm_sqr()
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
                a, b, d = rest[c[0]] + u[c[0]], rest[c[1]] + u[c[1]], rest[c[2]] + u[c[2]]
                found = closest_weights(p, a, b, d)
                away = (p - found[0] * a - found[1] * b - found[2] * d).norm_sqr()
                if away < least:
                    least, chosen, weights = away, triangles_of[k], found
        c = triangles[chosen]
        n = (weights[0] * normals[c[0]] + weights[1] * normals[c[1]] + weights[2] * normals[c[2]]).normalized(TINY)
        foot = ti.Vector([0.0, 0.0, 0.0])
        for i in ti.static(range(3)):
            foot += weights[i] * (rest[c[i]] + u[c[i]])
        triangle_out[s] = chosen
        weights_out[s] = weights
        normal_out[s] = n
        distance_out[s] = n.dot(p - foot)


@ti.kernel
def keep_near_contacts(count: int, reach: ti.f32, distance: Floats, half: Floats, triangle: Ints, multiplier: Floats):
    """Drop the samples that are farther from the wall than `reach` [m], and their multipliers."""
    ti.loop_config(serialize=backend.small_loops_serial)
    for s in range(count):
        if distance[s] - half[s] > reach:
            triangle[s] = -1
            multiplier[s] = 0.0


@ti.kernel
def list_contacts_by_vertex(
    vertex_count: int, count: int, triangles: IVec3s, triangle: Ints, cursor: Ints, first_out: Ints, corners_out: Ints
):
    """For each vertex the contacts that touch it, as 4 s + corner, in order of s."""
    ti.loop_config(serialize=True)
    for _ in range(1):
        for v in range(vertex_count + 1):
            first_out[v] = 0
        for s in range(count):
            if triangle[s] >= 0:
                for i in ti.static(range(3)):
                    first_out[triangles[triangle[s]][i] + 1] += 1
        for v in range(vertex_count):
            first_out[v + 1] += first_out[v]
            cursor[v] = first_out[v]
        for s in range(count):
            if triangle[s] >= 0:
                for i in ti.static(range(3)):
                    v = triangles[triangle[s]][i]
                    corners_out[cursor[v]] = 4 * s + i
                    cursor[v] += 1


@ti.kernel
def contact_forces(
    count: int,
    friction: ti.f32,
    slip_bound: ti.f32,
    nodes: IVec2s,
    along: Floats,
    half: Floats,
    y: Vec3ds,
    y_before: Vec3ds,
    triangles: IVec3s,
    rest: Vec3s,
    u: Vec3s,
    u_before: Vec3s,
    triangle: Ints,
    weights: Vec3s,
    normal: Vec3s,
    stiffness: Floats,
    multiplier: Floats,
    force_out: Floats,
    traction_out: Vec3s,
    slope_out: Vec2s,
    slide_out: Vec3s,
    partial: Doubles,
) -> ti.f64:
    """Normal force [N], force on the strut [N], stiffness along and across the normal [N/m] and direction of sliding.

    Returns the contacts' energy [J].
    """
    chunks = (count + CHUNK - 1) // CHUNK
    ti.loop_config(serialize=backend.small_loops_serial)
    for chunk in range(chunks):
        total = ti.f64(0.0)
        for s in range(chunk * CHUNK, ti.min((chunk + 1) * CHUNK, count)):
            force, sticking = ti.f64(0.0), ti.f64(0.0)
            traction = ti.Vector([ti.f64(0.0), ti.f64(0.0), ti.f64(0.0)])
            slide = ti.Vector([ti.f64(0.0), ti.f64(0.0), ti.f64(0.0)])
            if triangle[s] >= 0:
                c, pair = triangles[triangle[s]], nodes[s]
                t, k, carried = ti.f64(along[s]), ti.f64(stiffness[s]), ti.f64(multiplier[s])
                gap = (1.0 - t) * y[pair[0]] + t * y[pair[1]]
                slip = gap - (1.0 - t) * y_before[pair[0]] - t * y_before[pair[1]]
                for i in ti.static(range(3)):
                    b, moved = ti.f64(weights[s][i]), ti.cast(u[c[i]], ti.f64)
                    gap -= b * (ti.cast(rest[c[i]], ti.f64) + moved)
                    slip -= b * (moved - ti.cast(u_before[c[i]], ti.f64))
                n = ti.cast(normal[s], ti.f64)
                force = ti.max(carried - k * (gap.dot(n) - ti.f64(half[s])), ti.f64(0.0))
                total += 0.5 * (force * force - carried * carried) / k
                slip -= n.dot(slip) * n
                length, bound = slip.norm(), ti.f64(slip_bound)
                grip = ti.f64(friction) * carried
                sticking = grip / ti.max(length, bound)
                total += grip * ti.select(length < bound, 0.5 * length * length / bound, length - 0.5 * bound)
                traction = force * n - sticking * slip
                if length > bound:
                    slide = slip / length
            force_out[s] = ti.cast(force, ti.f32)
            traction_out[s] = ti.cast(traction, ti.f32)
            slope_out[s] = ti.Vector([ti.select(force > 0.0, stiffness[s], 0.0), ti.cast(sticking, ti.f32)])
            slide_out[s] = SLIDING * ti.cast(slide, ti.f32)
        partial[chunk] = total
    energy = ti.f64(0.0)
    ti.loop_config(serialize=True)
    for _ in range(1):
        for chunk in range(chunks):
            energy += partial[chunk]
    return energy


@ti.kernel
def add_contact_force(count: int, first: Ints, corners: Ints, weights: Vec3s, traction: Vec3s, force_out: Vec3s):
    """Add what struts press on each vertex of the wall [N]."""
    for v in range(count):
        for k in range(first[v], first[v + 1]):
            s = corners[k] >> 2
            force_out[v] -= weights[s][corners[k] & 3] * traction[s]


@ti.func
def resist(slope, slide, normal, motion):  # pyright: ignore
    """Force of a contact against a motion: its stiffness along the normal and across it, hardly any in the way it slides."""
    closing = normal.dot(motion)
    return slope[0] * closing * normal + slope[1] * (motion - closing * normal - slide.dot(motion) * slide)
