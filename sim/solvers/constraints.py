"""Kernels of extended position-based dynamics: constraints of neo-Hookean tets, colour after colour, and what surrounds them."""

import taichi as ti

from sim.arrays import Floats, Ints, IVec4s, Mat3s, Passed, Vec3ds, Vec3s, Vec8s, vec3d
from sim.materials.stable_neo_hookean import cofactor_of
from sim.shapes import displacement_gradient, shape_gradient

SMALL_COLOUR = 400
"""Tets of one colour below which they are taken one after another, since waking threads would cost more."""


@ti.kernel
def begin_substep(
    count: int, h: ti.f64, drag: ti.f64, free: Floats, mass: Floats, force: Vec3s, spring: Mat3s, dashpot: Mat3s, u: Vec3ds,
    velocity: Vec3s, before_out: Vec3ds,
):  # fmt: skip
    """Take the speed that loads, springs and dampers leave, implicitly in the latter, and coast for h [s]."""
    for v in range(count):
        before_out[v] = u[v]
        if free[v] > 0.0:
            m, one = ti.cast(mass[v], ti.f64), ti.Matrix.identity(ti.f64, 3)
            stiff = ti.cast(spring[v], ti.f64)
            slowing = m * (1.0 + h * drag) * one + h * ti.cast(dashpot[v], ti.f64) + h * h * stiff
            push = m * ti.cast(velocity[v], ti.f64) + h * (ti.cast(force[v], ti.f64) - stiff @ u[v])
            u[v] += h * (slowing.inverse() @ push)


@ti.func
def settle(  # pyright: ignore
    t, h, tets: Passed, edges_inverse: Passed, volume: Passed, material: Passed, parameters: Passed, stiffness: Passed,
    inverse_mass: Passed, u: Passed, multipliers: Passed,
):  # fmt: skip
    """Move one tet's corners so that first its deviatoric, then its hydrostatic constraint is met as far as it yields."""
    shear, bulk = parameters[material[t]][0], stiffness[material[t]]
    corners = tets[t]
    for which in ti.static(range(2)):
        f = ti.Matrix.identity(ti.f32, 3) + displacement_gradient(u, corners, edges_inverse[t])
        value = f.norm()
        slope = f / ti.max(value, 1e-12)
        compliance = 1.0 / (shear * volume[t] * h * h)
        if ti.static(which == 1):
            value = f.determinant() - 1.0 - shear / bulk
            slope = cofactor_of(f)
            compliance = 1.0 / (bulk * volume[t] * h * h)
        weight = 0.0
        for a in ti.static(range(4)):
            weight += inverse_mass[corners[a]] * (slope @ shape_gradient(edges_inverse[t], a)).norm_sqr()
        multiplier = multipliers[2 * t + which]
        change = -(value + compliance * multiplier) / (weight + compliance)
        multipliers[2 * t + which] = multiplier + change
        for a in ti.static(range(4)):
            way = change * inverse_mass[corners[a]] * (slope @ shape_gradient(edges_inverse[t], a))
            u[corners[a]] += ti.cast(way, ti.f64)


@ti.kernel
def settle_colour(
    begin: int, end: int, small: ti.template(), h: ti.f32, order: Ints, tets: IVec4s, edges_inverse: Mat3s, volume: Floats,  # pyright: ignore
    material: Ints, parameters: Vec8s, stiffness: Floats, inverse_mass: Floats, u: Vec3ds, multipliers: Floats,
):  # fmt: skip
    """`settle` for all tets of one colour, none of which share a corner."""
    ti.loop_config(serialize=small)
    for k in range(begin, end):
        settle(order[k], h, tets, edges_inverse, volume, material, parameters, stiffness, inverse_mass, u, multipliers)


@ti.kernel
def push_out(
    count: int, skin: Ints, kind: int, place: vec3d, direction: vec3d, radius: ti.f64, friction: ti.f64, rest: Vec3s,  # pyright: ignore
    free: Floats, before: Vec3ds, u: Vec3ds,
):  # fmt: skip
    """Move the skin's vertices out of a half-space (kind 0) or a ball (kind 1); what was moved slides no farther than friction
    lets it."""
    for k in range(count):
        v = skin[k]
        if free[v] > 0.0:
            x = ti.cast(rest[v], ti.f64) + u[v]
            normal, depth = direction, (place - x).dot(direction)
            if kind == 1:
                off = x - place
                normal = off / ti.max(off.norm(), 1e-12)
                depth = radius - off.norm()
            if depth > 0.0:
                slip = u[v] - before[v] + depth * normal
                slip -= slip.dot(normal) * normal
                share = ti.min(1.0, friction * depth / ti.max(slip.norm(), 1e-30))
                u[v] += depth * normal - share * slip
