"""Laws of tissue with fibres: energy, stress and stiffness from a law's W of the strain without change of volume.

    2 Ē = q (C − r I),   q = J^(−2/3) and r = J^(2/3) carried on below J = 1/4 as `sim.materials.isochoric` says,

which for J ≥ 1/4 is C̄ − I with C̄ = J^(−2/3) FᵀF (Flory 1961, doi:10.1039/TF9615700829). All is written in the tet's own frame:
direction 0 along the fibre or the circumference, 1 along the sheet or the axis, 2 along the normal or the radius.

A law offers `fictitious(y, p)` at the engineering strain y = (Ē₁₁, Ē₂₂, Ē₃₃, 2Ē₂₃, 2Ē₁₃, 2Ē₁₂): W [J/m³]; the factor a of I
in S = ∂W/∂Ē = a I + S′ and S′ as (11, 22, 33, 23, 13, 12), apart so that nothing cancels near rest [Pa]; and D = ∂²W/∂y²
[Pa], a 6 × 6 matrix without negative eigenvalues.

With A = ½ (q′ C − (q r)′ I) and B = ½ (q″ C − (q r)″ I), stress and stiffness follow as

    P = q F S + (S:A) cof F
    K(m, n) = q (m·S n) I + Y(m)ᵀ D Y(n) + q′ [(cof m)(F S n)ᵀ + (F S m)(cof n)ᵀ] + (S:B)(cof m)(cof n)ᵀ + (S:A) ∂²J(m, n)

where column i of Y(m) is q sym(Fᵀeᵢ mᵀ) + A (cof m)ᵢ as an engineering strain.
"""

# A type checker takes a Taichi vector times a number for a number.
# pyright: reportIndexIssue=false, reportAttributeAccessIssue=false

import taichi as ti

from sim.materials.isochoric import LEAST_VOLUME, cofactor_at, deviator_of, green_strain_twice, volume_scaling
from sim.materials.principal import eigen_of
from sim.materials.stable_neo_hookean import cofactor_of, largest_stretch, volume_change


@ti.func
def engineering(a):  # pyright: ignore
    """A symmetric matrix as (11, 22, 33, 2·23, 2·13, 2·12)."""
    return ti.Vector([a[0, 0], a[1, 1], a[2, 2], 2.0 * a[1, 2], 2.0 * a[0, 2], 2.0 * a[0, 1]])


@ti.func
def symmetric(v):  # pyright: ignore
    """The symmetric matrix of (11, 22, 33, 23, 13, 12)."""
    return ti.Matrix([[v[0], v[5], v[4]], [v[5], v[1], v[3]], [v[4], v[3], v[2]]])


@ti.func
def strain(e, q, r):  # pyright: ignore
    """Ē at FᵀF = I + E, as an engineering strain."""
    return engineering(0.5 * q[0] * (e - r[0] * ti.Matrix.identity(ti.f32, 3)))


@ti.func
def slants(e, q, r):  # pyright: ignore
    """A and B, half the first and second slope in J of q C − q r I at fixed C = I + E."""
    one = ti.Matrix.identity(ti.f32, 3)
    c, whole = one + e, 1.0 + r[0]
    first = 0.5 * (q[1] * c - (q[1] * whole + q[0] * r[1]) * one)
    return first, 0.5 * (q[2] * c - (q[2] * whole + 2.0 * q[1] * r[1] + q[0] * r[2]) * one)


@ti.func
def split_energy(law: ti.template(), g, p):  # pyright: ignore
    """W [J/m³] at displacement gradient G = F − I."""
    q, r = volume_scaling(volume_change(g))
    stored, _, _, _ = law.fictitious(strain(green_strain_twice(g), q, r), p)
    return stored


@ti.func
def split_stress(law: ti.template(), g, p):  # pyright: ignore
    """First Piola–Kirchhoff stress q F S + (S:A) cof F [Pa]; that of a I where J ≥ 1/4 as a q F⁻ᵀ dev C, exact for small G."""
    one = ti.Matrix.identity(ti.f32, 3)
    change = volume_change(g)
    q, r = volume_scaling(change)
    e = green_strain_twice(g)
    _, ground, fibre, _ = law.fictitious(strain(e, q, r), p)
    s = symmetric(fibre)
    slant, _ = slants(e, q, r)
    cofactor = cofactor_at(g)
    stress = q[0] * (one + g) @ s + (s * slant).sum() * cofactor
    if change >= LEAST_VOLUME - 1.0:
        stress += (ground * q[0] / (1.0 + change)) * (cofactor @ deviator_of(e))
    else:
        stress += ground * (q[0] * (one + g) + slant.trace() * cofactor)
    return stress


@ti.func
def fibrous_terms(law: ti.template(), g, p, pressure, bulk, whole):  # pyright: ignore
    """What `fibrous_block` needs of one element at displacement gradient G = F − I.

    `pressure` [Pa] is the engine's factor of ∂²J and `bulk` [Pa] its factor of cof⊗cof. With `whole` at 1 the stiffness is the
    slope of the stress. At 0 it has no negative eigenvalue, and is the slope only nearly: the mixed term is left out, q S
    is projected, factors of cof⊗cof that are negative are dropped, and the factor of ∂²J is limited by the smallest
    eigenvalue of q S over the largest stretch. Below J = 1/4 by half of that, which needs no help from cof⊗cof.

    Returns F, cof F, q S, A, D, q, the factors of the mixed term, of cof⊗cof and of ∂²J.
    """
    one = ti.Matrix.identity(ti.f32, 3)
    f = one + g
    change = volume_change(g)
    q, r = volume_scaling(change)
    e = green_strain_twice(g)
    slant, bend = slants(e, q, r)
    _, ground, fibre, d = law.fictitious(strain(e, q, r), p)
    s = symmetric(fibre) + ground * one
    turn = (s * slant).sum() + pressure
    square = (s * bend).sum()
    pull = q[0] * s
    mixed = q[1]
    if whole == 0:
        mixed = 0.0 * mixed
        square = ti.max(square, 0.0)
        values, modes = eigen_of(pull)
        rows = ti.static(range(3))
        kept = ti.Matrix([[ti.max(values[i], 0.0) * modes[j, i] for j in rows] for i in rows])
        pull = modes @ kept
        limit = ti.max(values[2], 0.0) / ti.max(largest_stretch(f), 1e-6)
        if change < LEAST_VOLUME - 1.0:
            limit *= 0.5
        turn = ti.math.clamp(turn, -limit, 0.92 * limit)
    return f, cofactor_of(f), pull, slant, d, q[0], mixed, square + bulk, turn


@ti.func
def fibrous_block(f, cofactor, pull, slant, d, q, mixed, bulk, turn, m, n):  # pyright: ignore
    """K(m, n) [Pa/m²], a 3 × 3 block of stiffness, from what `fibrous_terms` returns and two shape gradients [1/m]."""
    pushed_m, pushed_n = cofactor @ m, cofactor @ n
    # `pull` has q in it already.
    drawn = pull @ n
    w = turn * (f @ m.cross(n))
    along = engineering(slant)
    block = (
        m.dot(drawn) * ti.Matrix.identity(ti.f32, 3)
        + pushed_m.outer_product(bulk * pushed_n + mixed / q * (f @ drawn))
        + (mixed / q * (f @ (pull @ m))).outer_product(pushed_n)
        + ti.Matrix([[0.0, w[2], -w[1]], [-w[2], 0.0, w[0]], [w[1], -w[0], 0.0]])
    )
    # Not unrolled: the time to compile grows with the square of what is.
    for i in range(3):
        r = q * ti.Vector([f[i, 0], f[i, 1], f[i, 2]])
        shear = ti.Vector([r[1] * n[2] + r[2] * n[1], r[0] * n[2] + r[2] * n[0], r[0] * n[1] + r[1] * n[0]])
        strained = ti.Vector([r[0] * n[0], r[1] * n[1], r[2] * n[2], shear[0], shear[1], shear[2]])
        gain = symmetric(d @ (pushed_n[i] * along + strained))
        column = q * (f @ (gain @ m)) + (gain * slant).sum() * pushed_m
        for k in ti.static(range(3)):
            block[k, i] += column[k]
    return block
