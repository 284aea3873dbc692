"""Linear tetrahedra: stress, stiffness blocks and stored energy of any set of laws."""

import functools
from typing import Any

import taichi as ti

from sim.arrays import (
    Doubles,
    Floats,
    Ints,
    IVec4s,
    Mat3s,
    Passed,
    Vec2s,
    Vec3ds,
    Vec3s,
    Vec3Table,
    Vec8s,
    mat3,
    vec3,
)
from sim.chunks import CHUNK, MANY, SEVERAL, chunk_count, summed, turns_apart
from sim.materials.fibrous import fibrous_block, fibrous_terms
from sim.materials.isochoric import cofactor_at, green_strain_twice
from sim.materials.principal import eigen_of, positive, principal_block
from sim.materials.stable_neo_hookean import largest_stretch, volume_change
from sim.shapes import displacement_gradient, shape_gradient
from sim.tables import PAIRS

SCALE, VISCOSITY = 0, 1
"""Places in a material's numbers for one tick: factor of its law, and its viscosity over the tick's length [Pa]."""

KEPT, BULK = 0, 1
"""Places in a material's stiffness of volume [Pa]: the share that stays in the tets, and the whole."""

CRUSHED = 0.4
"""Share of its volume below which tissue resists being crushed: it is mostly water, though it is given to yield for others."""

HARDENING = 50.0
"""How many times the whole stiffness of volume pushes back on an element without any volume left."""


@ti.func
def crushing(change):  # pyright: ignore
    """C(J) = h/3 (J_c − J)³/J_c² below J_c, its slope and its curvature, at J − 1: what of κ C resists being crushed.

    Struts press harder than κ, and κ/2 (J − 1)² gives way without end to a pressure of κ: elements would turn inside out. The
    cubic holds up to h κ, is defined at any J, and is nought where no element is crushed.
    """
    over = ti.max(CRUSHED - 1.0 - change, 0.0) / CRUSHED
    return HARDENING * CRUSHED / 3.0 * over * over * over, -HARDENING * over * over, 2.0 * HARDENING / CRUSHED * over


@ti.func
def mean_pressure(t, of_corner: Passed, pressure: Passed):  # pyright: ignore
    """Mean of the four pockets' pressures about a tet [Pa]."""
    p = of_corner[t]
    return 0.25 * (pressure[p[0]] + pressure[p[1]] + pressure[p[2]] + pressure[p[3]])


@ti.func
def turning_block(turn, f, m, n):  # pyright: ignore
    """turn · ∂²J/∂F² between two gradients [Pa/m²]: the skew block of turn · F (m × n)."""
    w = turn * (f @ m.cross(n))
    return ti.Matrix([[0.0, w[2], -w[1]], [-w[2], 0.0, w[0]], [w[1], -w[0], 0.0]])


@ti.func
def positive_part(a):  # pyright: ignore
    """A symmetric matrix without its negative eigenvalues."""
    values, modes = eigen_of(a)
    kept = ti.Matrix([[ti.max(values[i], 0.0) * modes[j, i] for j in ti.static(range(3))] for i in ti.static(range(3))])
    return modes @ kept


@ti.func
def viscous_block(f, m, n):  # pyright: ignore
    """∂²(½ E:E)/∂F² between two gradients [1/m²] without its geometric part: ½ (m·n F Fᵀ + F n ⊗ F m)."""
    return 0.5 * (m.dot(n) * (f @ f.transpose()) + (f @ n).outer_product(f @ m))


@ti.func
def with_volume(f, left, right, h, flip, twist, pressure, bulk, whole):  # pyright: ignore
    """H, flips and twists of an isotropic law with `pressure` · ∂²J and `bulk` · ∂J ⊗ ∂J added; projected unless `whole`."""
    turned = left.transpose() @ f @ right
    s = ti.Vector([turned[0, 0], turned[1, 1], turned[2, 2]])
    area = ti.Vector([s[1] * s[2], s[2] * s[0], s[0] * s[1]])
    total = h + bulk * area.outer_product(area)
    for i in ti.static(range(3)):
        j, k = ti.static((i + 1) % 3), ti.static((i + 2) % 3)
        total[i, j] += pressure * s[k]
        total[j, i] += pressure * s[k]
    first, second = flip - pressure * s, twist + pressure * s
    if whole == 0:
        total, first, second = positive(total, first, second)
    return total, first, second


def _is_fibrous(law: type) -> bool:
    return getattr(law, "fibrous", False)


@functools.cache
def stress_function(laws: tuple[type, ...]) -> Any:
    """The Taichi function of the stress of one of a set of laws, turned into the element's frame where the law has fibres."""
    fibrous = [_is_fibrous(law) for law in laws]
    rules: Any = laws

    @ti.func
    def law_stress(t, kind, g, parameters, frames: Passed):  # pyright: ignore
        stress = mat3(0.0)
        for which in ti.static(range(len(laws))):
            if kind == which:
                if ti.static(fibrous[which]):
                    r = frames[t]
                    stress = r @ rules[which].stress(r.transpose() @ g @ r, parameters) @ r.transpose()
                else:
                    stress = rules[which].stress(g, parameters)
        return stress

    return law_stress


@functools.cache
def stress_kernel(laws: tuple[type, ...], added: bool) -> Any:
    """The kernel of the elements' stress for one set of laws, compiled once per set.

    Each law offers `energy`, `stress` and, for its stiffness, `stiffness_terms`, `principal_slopes` or `fictitious` as Taichi
    functions of the displacement gradient and its parameters; the volume term is added here. `added` tells whether elements
    bear a further second Piola–Kirchhoff stress (active fibres, viscosity). A material names its law by the place in `laws`.
    """
    law_stress = stress_function(laws)

    @ti.kernel
    def element_stress(
        count: int, tets: IVec4s, edges_inverse: Mat3s, volume: Floats, material: Ints, kind: Ints, parameters: Vec8s,
        kept: Vec2s, now: Vec2s, frames: Mat3s, of_corner: IVec4s, pressure: Floats, extra: Mat3s, u: Vec3ds, stress_out: Mat3s,
    ):  # fmt: skip
        """First Piola–Kirchhoff stress times rest volume of each element [N·m]."""
        for t in range(count):
            g = displacement_gradient(u, tets[t], edges_inverse[t])
            k = material[t]
            stress = law_stress(t, kind[k], g, parameters[k], frames)
            change = volume_change(g)
            turn = kept[k][KEPT] * change + kept[k][BULK] * crushing(change)[1] + mean_pressure(t, of_corner, pressure)
            stress = now[k][SCALE] * stress + turn * cofactor_at(g)
            if ti.static(added):
                f = ti.Matrix.identity(ti.f32, 3) + g
                stress += f @ (extra[t] + (0.5 * now[k][VISCOSITY]) * green_strain_twice(g))
            stress_out[t] = volume[t] * stress

    return element_stress


@functools.cache
def stiffness_function(laws: tuple[type, ...], added: bool) -> Any:
    """What adds one element's stiffness to that of its group, for one set of laws; see `stress_kernel`."""
    fibrous = [_is_fibrous(law) for law in laws]
    in_principal_frame = [hasattr(law, "principal_slopes") for law in laws]
    rules: Any = laws

    @ti.func
    def add_element(  # pyright: ignore
        t, tets: Passed, edges_inverse: Passed, volume: Passed, material: Passed, kind: Passed, parameters: Passed, kept: Passed,
        now: Passed, frames: Passed, of_corner: Passed, pressure: Passed, extra: Passed, u: Passed, whole, slot: Passed,
        blocks: Passed, area: Passed,
    ):  # fmt: skip
        """Add one element's blocks to their slots."""
        g = displacement_gradient(u, tets[t], edges_inverse[t])
        one = ti.Matrix.identity(ti.f32, 3)
        f = one + g
        k = material[t]
        change = volume_change(g)
        _stored, crushed, hardened = crushing(change)
        turn = kept[k][KEPT] * change + kept[k][BULK] * crushed + mean_pressure(t, of_corner, pressure)
        stiff = kept[k][KEPT] + kept[k][BULK] * hardened
        scale = now[k][SCALE]
        across = cofactor_at(g)
        areas = [across @ shape_gradient(edges_inverse[t], a) for a in ti.static(range(4))]
        for a in ti.static(range(4)):
            area[t, a] = volume[t] * areas[a]
        for which in ti.static(range(len(laws))):
            if kind[k] == which:
                if ti.static(fibrous[which]):
                    r = frames[t]
                    f_, cofactor_, pull, slant, d, q, mixed, bulk, bend = fibrous_terms(
                        rules[which], r.transpose() @ g @ r, parameters[k], turn / scale, stiff / scale, whole
                    )
                    for pair in range(10):
                        a, b = corners_of(pair)
                        m = r.transpose() @ shape_gradient(edges_inverse[t], a)
                        n = r.transpose() @ shape_gradient(edges_inverse[t], b)
                        block = fibrous_block(f_, cofactor_, pull, slant, d, q, mixed, bulk, bend, m, n)
                        block = (scale * volume[t]) * (r @ block @ r.transpose())
                        add_block(blocks, slot[10 * t + pair], as_upper(block, tets[t][a], tets[t][b]))
                elif ti.static(in_principal_frame[which]):
                    left, right, h, flip, twist = rules[which].principal_slopes(g, parameters[k])
                    h, flip, twist = with_volume(f, left, right, scale * h, scale * flip, scale * twist, turn, stiff, whole)
                    for pair in range(10):
                        a, b = corners_of(pair)
                        m, n = shape_gradient(edges_inverse[t], a), shape_gradient(edges_inverse[t], b)
                        block = volume[t] * principal_block(left, right, h, flip, twist, m, n)
                        add_block(blocks, slot[10 * t + pair], as_upper(block, tets[t][a], tets[t][b]))
                else:
                    _f, _cofactor, law_shear = rules[which].stiffness_terms(g, parameters[k])
                    shear = scale * law_shear
                    c = turn - shear
                    if whole == 0:
                        # ∂²J is indefinite with eigenvalues up to the largest stretch in size.
                        limit = shear / ti.max(largest_stretch(f), 1e-6)
                        c = ti.math.clamp(c, -limit, 0.93 * limit)
                    # Unrolled, since this law is the commonest and its blocks the cheapest.
                    corners = [shape_gradient(edges_inverse[t], a) for a in ti.static(range(4))]
                    for pair in ti.static(range(10)):
                        m, n = corners[PAIRS[pair][0]], corners[PAIRS[pair][1]]
                        pushed = (stiff * areas[PAIRS[pair][0]]).outer_product(areas[PAIRS[pair][1]])
                        block = volume[t] * (pushed + shear * m.dot(n) * one + turning_block(c, f, m, n))
                        i, j = tets[t][PAIRS[pair][0]], tets[t][PAIRS[pair][1]]
                        add_block(blocks, slot[10 * t + pair], as_upper(block, i, j))
        if ti.static(added):
            stress = extra[t] + (0.5 * now[k][VISCOSITY]) * green_strain_twice(g)
            if whole == 0:
                stress = positive_part(stress)
            for pair in range(10):
                a, b = corners_of(pair)
                m, n = shape_gradient(edges_inverse[t], a), shape_gradient(edges_inverse[t], b)
                block = m.dot(stress @ n) * one + now[k][VISCOSITY] * viscous_block(f, m, n)
                add_block(blocks, slot[10 * t + pair], as_upper(volume[t] * block, tets[t][a], tets[t][b]))

    return add_element


@functools.cache
def stiffness_kernel(laws: tuple[type, ...], added: bool) -> Any:
    """The kernel of the elements' stiffness for one set of laws; see `stress_kernel`."""
    add_element = stiffness_function(laws, added)

    @ti.kernel
    def element_stiffness(
        count: int, group_size: int, slot_first: Ints, slot: Ints, tets: IVec4s, edges_inverse: Mat3s, volume: Floats,
        material: Ints, kind: Ints, parameters: Vec8s, kept: Vec2s, now: Vec2s, frames: Mat3s, of_corner: IVec4s,
        pressure: Floats, extra: Mat3s, u: Vec3ds, whole: int, blocks_out: Mat3s, area_out: Vec3Table,
    ):  # fmt: skip
        """The 3 × 3 stiffness blocks of elements [N/m], without the pockets' part, summed group by group.

        Leaves the slope of each element's volume in each corner's place too, V cof F ∇N [m²], shape (m, 4).
        The whole slope of the stress where `whole` is not 0, else a matrix near it without its negative eigenvalues; in the
        stable neo-Hookean law without those that the pockets' part would not make good.
        """
        groups, apart = (count + group_size - 1) // group_size, turns_apart(count, SEVERAL)
        for turn in range(groups * apart):
            if turn % apart == 0:
                q = turn // apart
                for s in range(slot_first[q], slot_first[q + 1]):
                    blocks_out[s] = mat3(0.0)
                for t in range(q * group_size, ti.min((q + 1) * group_size, count)):
                    add_element(
                        t, tets, edges_inverse, volume, material, kind, parameters, kept, now, frames, of_corner,
                        pressure, extra, u, whole, slot, blocks_out, area_out,
                    )  # fmt: skip

    return element_stiffness


@functools.cache
def energy_kernel(laws: tuple[type, ...], added: bool) -> Any:
    """The kernel of the elements' energy for one set of laws; see `stress_kernel`."""
    fibrous = [_is_fibrous(law) for law in laws]
    rules: Any = laws

    @ti.kernel
    def element_energy(
        count: int, tets: IVec4s, edges_inverse: Mat3s, volume: Floats, material: Ints, kind: Ints, parameters: Vec8s,
        kept: Vec2s, now: Vec2s, frames: Mat3s, extra: Mat3s, u: Vec3ds, change_out: Doubles, partial: Doubles,
    ) -> ti.f64:  # fmt: skip
        """Energy stored in the elements but not in the pockets [J], in double precision; leaves J − 1 of each element."""
        chunks = chunk_count(count)
        apart = turns_apart(count, MANY)
        for turn in range(chunks * apart):
            if turn % apart != 0:
                continue
            c = turn // apart
            total = ti.f64(0.0)
            for t in range(c * CHUNK, ti.min((c + 1) * CHUNK, count)):
                tet = tets[t]
                edges = ti.Matrix.cols([u[tet[q]] - u[tet[0]] for q in ti.static(range(1, 4))])
                g = edges @ ti.cast(edges_inverse[t], ti.f64)
                k = material[t]
                stored = ti.f64(0.0)
                for which in ti.static(range(len(laws))):
                    if kind[k] == which:
                        if ti.static(fibrous[which]):
                            r = ti.cast(frames[t], ti.f64)
                            stored = rules[which].energy(r.transpose() @ g @ r, ti.cast(parameters[k], ti.f64))
                        else:
                            stored = rules[which].energy(g, ti.cast(parameters[k], ti.f64))
                change = volume_change(g)
                change_out[t] = change
                stored = ti.f64(now[k][SCALE]) * stored + 0.5 * ti.f64(kept[k][KEPT]) * change * change
                stored += ti.f64(kept[k][BULK]) * crushing(change)[0]
                if ti.static(added):
                    e = 0.5 * green_strain_twice(g)
                    pulled = ti.cast(extra[t], ti.f64) + 0.5 * ti.f64(now[k][VISCOSITY]) * e
                    stored += (pulled * e).sum()
                total += ti.f64(volume[t]) * stored
            partial[c] = total
        energy = ti.f64(0.0)
        ti.loop_config(serialize=True)
        for _ in range(1):
            energy += summed(chunks, partial)
        return energy

    return element_energy


@functools.cache
def pull_kernel(laws: tuple[type, ...]) -> Any:
    """The kernel that finds the second Piola–Kirchhoff stress of the laws alone, for one set of laws; see `stress_kernel`."""
    law_stress = stress_function(laws)

    @ti.kernel
    def element_pull(
        count: int, tets: IVec4s, edges_inverse: Mat3s, material: Ints, kind: Ints, parameters: Vec8s, frames: Mat3s, u: Vec3ds,
        pull_out: Mat3s, strain_out: Mat3s,
    ):  # fmt: skip
        """S = F⁻¹ P of each element without its volume term [Pa], and Green's strain."""
        for t in range(count):
            g = displacement_gradient(u, tets[t], edges_inverse[t])
            k = material[t]
            stress = law_stress(t, kind[k], g, parameters[k], frames)
            f = ti.Matrix.identity(ti.f32, 3) + g
            pull = mat3(0.0)
            if f.determinant() > 0.05:
                pull = f.inverse() @ stress
            pull_out[t] = 0.5 * (pull + pull.transpose())
            strain_out[t] = 0.5 * green_strain_twice(g)

    return element_pull


@ti.func
def as_upper(block, i, j):  # pyright: ignore
    """The block of vertices i and j, in rows and columns, as that of the lesser and the greater."""
    rows = ti.static(range(3))
    return ti.Matrix([[ti.select(i > j, block[c, r], block[r, c]) for c in rows] for r in rows])


@ti.func
def add_block(blocks: Passed, place, block):  # pyright: ignore
    """Add to a block that no other thread writes: Taichi makes every += on an array atomic, at twenty nanoseconds a block."""
    blocks[place] = blocks[place] + block


@ti.func
def corners_of(pair):  # pyright: ignore
    """The two corners of one of the ten `PAIRS`."""
    a, b = 0, 0
    for which in ti.static(range(len(PAIRS))):
        if pair == which:
            a, b = ti.static(PAIRS[which][0]), ti.static(PAIRS[which][1])
    return a, b


@ti.kernel
def gather_elastic_force(
    count: int, first: Ints, corners: Ints, edges_inverse: Mat3s, stress: Mat3s, free: Floats, force_out: Vec3s
):
    """Elastic force on each vertex [N], minus the slope of stored energy; corners are stored as 4 t + corner."""
    for v in range(count):
        force = vec3(0.0)
        for k in range(first[v], first[v + 1]):
            t = corners[k] >> 2
            force -= stress[t] @ shape_gradient(edges_inverse[t], corners[k] & 3)
        force_out[v] = free[v] * force


@ti.kernel
def jacobians(count: int, tets: IVec4s, edges_inverse: Mat3s, u: Vec3ds, change_out: Floats):
    """J of each element, for finding those turned inside out."""
    for t in range(count):
        f = ti.Matrix.identity(ti.f32, 3) + displacement_gradient(u, tets[t], edges_inverse[t])
        change_out[t] = f.determinant()
