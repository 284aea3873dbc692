"""Invariants of a deformation without its change of volume, carried on smoothly to flat and inverted elements.

Ī₁ − 3 = q (I₁ − 3 r) and Ī₂ − 3 = q² (I₂ − 3 r²) with q = J^(−2/3) and r = J^(2/3). Below J = 1/4, q goes on as a curve that
becomes a straight line and r as a quintic that reaches zero at J = 0 and stays there, both with continuous second
derivatives. As r stays below |J|^(2/3), both invariants stay at least 3, finite at any J, and grow as J falls: an inverted
element always gains by turning back. The line, because a curve as steep as a power leaves single precision nothing to
solve with.
"""

import taichi as ti

from sim.materials.stable_neo_hookean import cofactor_of

LEAST_VOLUME = 0.25  # exact in both precisions


@ti.func
def volume_scaling(change):  # pyright: ignore
    """(q, q′, q″) and (r − 1, r′, r″) at J − 1, without cancellation near rest."""
    j = 1.0 + change
    held = ti.max(j, LEAST_VOLUME)
    root = 0.0 * held + ti.pow(ti.cast(held, ti.f32), 0.33333334)
    for _ in ti.static(range(2)):
        # Double precision from a single-precision start; GPUs other than CUDA have no double-precision power.
        root -= (root * root * root - held) / (3.0 * root * root)
    square = root * root
    small = ti.max(change, LEAST_VOLUME - 1.0)
    q = 1.0 / square
    q1 = -2.0 * q / (3.0 * held)
    q2 = -5.0 * q1 / (3.0 * held)
    r = small * (root + 1.0) / (square + root + 1.0)
    r1 = 2.0 * square / (3.0 * held)
    r2 = -r1 / (3.0 * held)
    if j < LEAST_VOLUME:
        down = j - held
        slack = 1.0 - 2.0 * down / LEAST_VOLUME
        q += (q1 + 0.5 * q2 * down / slack) * down
        q1 += 0.5 * q2 * down * (slack + 1.0) / (slack * slack)
        q2 = q2 / (slack * slack * slack)
        x = ti.max(j, 0.0) / LEAST_VOLUME
        r = square * x * x * x * (65.0 - 91.0 * x + 35.0 * x * x) / 9.0 - 1.0
        r1 = square * x * x * (195.0 - 364.0 * x + 175.0 * x * x) / (9.0 * LEAST_VOLUME)
        r2 = square * x * (390.0 - 1092.0 * x + 700.0 * x * x) / (9.0 * LEAST_VOLUME * LEAST_VOLUME)
    return ti.Vector([q, q1, q2]), ti.Vector([r, r1, r2])


@ti.func
def green_strain_twice(g):  # pyright: ignore
    """FᵀF − I at F = I + G, exact for small G."""
    return g + g.transpose() + g.transpose() @ g


@ti.func
def first_invariant(e, q, r):  # pyright: ignore
    """Ī₁ − 3 and its first and second slope in J, at FᵀF = I + E."""
    over = e.trace() - 3.0 * r[0]
    down = q[1] * over - 3.0 * q[0] * r[1]
    return q[0] * over, down, q[2] * over - 6.0 * q[1] * r[1] - 3.0 * q[0] * r[2]


@ti.func
def second_invariant(e, q, r):  # pyright: ignore
    """Ī₂ − 3 and its first and second slope in J, at FᵀF = I + E."""
    trace = e.trace()
    over = 2.0 * trace + 0.5 * (trace * trace - (e @ e).trace()) - 3.0 * r[0] * (r[0] + 2.0)
    r_whole = r[0] + 1.0
    over1 = -6.0 * r_whole * r[1]
    over2 = -6.0 * (r[1] * r[1] + r_whole * r[2])
    square1 = 2.0 * q[0] * q[1]
    square2 = 2.0 * (q[1] * q[1] + q[0] * q[2])
    return (
        q[0] * q[0] * over,
        square1 * over + q[0] * q[0] * over1,
        square2 * over + 2.0 * square1 * over1 + q[0] * q[0] * over2,
    )


@ti.func
def deviator_of(a):  # pyright: ignore
    """A symmetric matrix less its mean."""
    return a - (a.trace() / 3.0) * ti.Matrix.identity(ti.f32, 3)


@ti.func
def cofactor_at(g):  # pyright: ignore
    """cof F = I + tr G I − Gᵀ + cof G, exact for small G."""
    one = ti.Matrix.identity(ti.f32, 3)
    return one + g.trace() * one - g.transpose() + cofactor_of(g)
