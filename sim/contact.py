"""Contacts of tissue with devices, obstacles and itself: one table, one augmented Lagrangian.

A contact is a place where two things may meet: up to four vertices of the tissue with weights w, so that Σ w x is where one
side is less where the other is; a rigid body's side stands in an anchor a, a device's in the place y of a strut's sample
point. With the relative place r = Σ w x + y − a, the unit normal n and the rest distance o, the gap is n·r − o ≥ 0. Vertices,
weights and normal are found at the start of a round and kept in it. With the traction Λ carried from the round before,
and a stiffness k,

    energy = (max(0, λ − k g)² − λ²) / 2k  +  Moreau's envelope of friction,          λ = n·Λ

so that a moderate stiffness, which keeps the linear solve well conditioned, still ends at a gap of nought. Friction is
Coulomb's with the carried normal force: from the carried tangential traction τ and the slip s since the tick began,
τ − k s is cut to the radius μλ. What sticks does not creep, since the traction, not the slip, is what is carried on.

Where a wire slides along a hollow wall, n·r falls short of what the wall has risen: with κ its largest curvature, in the
direction c, b = √κ c, and d the way since the wall was searched, the gap is n·r − o − (b·d)²/2. Without it a wire slides off on
the plane of one facet only to be found within the next.
"""

import taichi as ti

from sim import backend
from sim.arrays import Doubles, Floats, Ints, IVec2s, IVec4s, Passed, Vec2s, Vec3ds, Vec3s, Vec4s
from sim.chunks import CHUNK, chunk_count, summed

# Once a contact slides its friction hardly changes with further sliding; a little of the stiffness is kept so that the
# step stays bounded. Square root of the share that is taken away.
SLIDING = 0.975

TOUCHING = 1e-9
"""Gap below which two sides touch [m]."""


@ti.func
def sample_position(s, nodes: Passed, along: Passed, y: Passed):  # pyright: ignore
    """Where a sample point of a strut is [m], between the strut's two nodes."""
    t = ti.f64(along[s])
    return (1.0 - t) * y[nodes[s][0]] + t * y[nodes[s][1]]


@ti.func
def relative_place(  # pyright: ignore
    s, sample_count, nodes: Passed, along: Passed, y: Passed, vertices: Passed, weights: Passed, rest: Passed, u: Passed
):
    """Σ w x + y of a contact [m], in double precision."""
    place = ti.Vector([ti.f64(0.0), ti.f64(0.0), ti.f64(0.0)])
    if s < sample_count:
        place = sample_position(s, nodes, along, y)
    for i in ti.static(range(4)):
        v = vertices[s][i]
        if v >= 0:
            place += ti.f64(weights[s][i]) * (ti.cast(rest[v], ti.f64) + u[v])
    return place


@ti.kernel
def starting_places(
    count: int,
    sample_count: int,
    nodes: IVec2s,
    along: Floats,
    y: Vec3ds,
    vertices: IVec4s,
    weights: Vec4s,
    rest: Vec3s,
    u: Vec3ds,
    anchor: Vec3s,
    start_out: Vec3ds,
):
    """Relative place r of each contact when the tick begins [m]; `anchor` is the other side's place at that time."""
    ti.loop_config(serialize=backend.small_loops_serial)
    for s in range(count):
        start_out[s] = relative_place(s, sample_count, nodes, along, y, vertices, weights, rest, u) - ti.cast(anchor[s], ti.f64)


@ti.kernel
def list_contacts_by_vertex(
    vertex_count: int, count: int, vertices: IVec4s, stiffness: Floats, cursor: Ints, first_out: Ints, corners_out: Ints
):
    """For each vertex the contacts that touch it, as 4 s + place, in order of s; those of no stiffness left out."""
    ti.loop_config(serialize=True)
    for _ in range(1):
        for v in range(vertex_count + 1):
            first_out[v] = 0
        for s in range(count):
            if stiffness[s] > 0.0:
                for i in ti.static(range(4)):
                    if vertices[s][i] >= 0:
                        first_out[vertices[s][i] + 1] += 1
        for v in range(vertex_count):
            first_out[v + 1] += first_out[v]
            cursor[v] = first_out[v]
        for s in range(count):
            if stiffness[s] > 0.0:
                for i in ti.static(range(4)):
                    v = vertices[s][i]
                    if v >= 0:
                        corners_out[cursor[v]] = 4 * s + i
                        cursor[v] += 1


@ti.kernel
def contact_forces(
    count: int,
    sample_count: int,
    nodes: IVec2s,
    along: Floats,
    y: Vec3ds,
    vertices: IVec4s,
    weights: Vec4s,
    normal: Vec3s,
    offset: Floats,
    anchor: Vec3s,
    start: Vec3ds,
    found: Vec3ds,
    bend: Vec3s,
    stiffness: Floats,
    friction: Floats,
    carried: Vec3s,
    rest: Vec3s,
    u: Vec3ds,
    traction_out: Vec3s,
    slope_out: Vec2s,
    slide_out: Vec3s,
    partial: Doubles,
) -> ti.f64:
    """Traction on the side with positive weights [N], stiffness along and across the normal [N/m], direction of sliding.

    Returns the contacts' energy [J].
    """
    chunks = chunk_count(count)
    ti.loop_config(serialize=backend.small_loops_serial)
    for chunk in range(chunks):
        total = ti.f64(0.0)
        for s in range(chunk * CHUNK, ti.min((chunk + 1) * CHUNK, count)):
            push, across, pressing = ti.f64(0.0), ti.f64(0.0), False
            traction = ti.Vector([ti.f64(0.0), ti.f64(0.0), ti.f64(0.0)])
            slide = ti.Vector([ti.f64(0.0), ti.f64(0.0), ti.f64(0.0)])
            if stiffness[s] > 0.0:
                k, n, before = ti.f64(stiffness[s]), ti.cast(normal[s], ti.f64), ti.cast(carried[s], ti.f64)
                r = relative_place(s, sample_count, nodes, along, y, vertices, weights, rest, u) - ti.cast(anchor[s], ti.f64)
                held = ti.max(before.dot(n), ti.f64(0.0))
                curved = ti.cast(bend[s], ti.f64)
                gone = (r - found[s]).dot(curved)
                wanted = held - k * (r.dot(n) - ti.f64(offset[s]) - 0.5 * gone * gone)
                push = ti.max(wanted, ti.f64(0.0))
                # What just touches resists being pressed, though it does not press yet.
                pressing = wanted >= -k * TOUCHING
                total += 0.5 * (push * push - held * held) / k
                slip = r - start[s]
                grip = before - before.dot(n) * n
                total -= 0.5 * grip.norm_sqr() / k
                grip -= k * (slip - slip.dot(n) * n)
                size, radius = grip.norm(), ti.f64(friction[s]) * held
                if size <= radius:
                    total += 0.5 * size * size / k
                    across = k
                else:
                    total += radius * (size - 0.5 * radius) / k
                    slide = grip / size
                    across = k * radius / size
                    grip = radius * slide
                traction = push * (n - gone * curved) + grip
            traction_out[s] = ti.cast(traction, ti.f32)
            slope_out[s] = ti.Vector([ti.select(pressing, stiffness[s], 0.0), ti.cast(across, ti.f32)])
            slide_out[s] = SLIDING * ti.cast(slide, ti.f32)
        partial[chunk] = total
    energy = ti.f64(0.0)
    ti.loop_config(serialize=True)
    for _ in range(1):
        energy += summed(chunks, partial)
    return energy


@ti.kernel
def add_contact_force(count: int, first: Ints, corners: Ints, weights: Vec4s, traction: Vec3s, free: Floats, force_out: Vec3s):
    """Add what contacts press on each vertex [N]."""
    for v in range(count):
        for k in range(first[v], first[v + 1]):
            s = corners[k] >> 2
            force_out[v] += free[v] * weights[s][corners[k] & 3] * traction[s]


@ti.func
def resist(slope, slide, normal, motion):  # pyright: ignore
    """Force of a contact against a motion: its stiffness along the normal and across it, hardly any in the way it slides."""
    closing = normal.dot(motion)
    return slope[0] * closing * normal + slope[1] * (motion - closing * normal - slide.dot(motion) * slide)
