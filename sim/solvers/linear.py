"""The linear system of one Newton step: assembly by gathering, and conjugate gradients that stay on the backend.

The unknowns are the tissue's displacements p alone. With K the block rows of elements, own terms and pressure, b the slopes of
the pockets' volumes and A the 3 × 3 stiffness (normal and friction) of a contact between points of weights w, the operator is

    K p + Σ b κ/V (b·p) + Σ w A (c − d),     c = Σ w p

where d is how a device in contact gives way: it is eliminated exactly, d = B D⁻¹ Bᵀ A c at the points B on its struts, D being
its own matrix (struts, balloon, drag and contacts).

The preconditioner adds block-Jacobi and a coarse space of affine cluster modes (`sim.solvers.coarse`).
"""

import taichi as ti

from sim import backend
from sim.arrays import (
    Doubles,
    Floats,
    FloatTable,
    Ints,
    IVec2s,
    IVec4s,
    Mat3s,
    Passed,
    Vec2s,
    Vec3s,
    Vec3Table,
    Vec4s,
    Vec16Table,
    vec3,
    vec16,
)
from sim.chunks import ALL, CHUNK, HEAVY, chunk_count, turns
from sim.contact import resist
from sim.pockets import pocket_answer, pocket_push

# Rows of the table of vertex vectors: solution, residual, preconditioned residual, direction, operator times direction.
SOLUTION, RESIDUAL, PRECONDITIONED, DIRECTION, IMAGE, VECTOR_COUNT = range(6)
# Rows of the table of coarse vectors: the restricted residual and the coarse answer, twelve numbers a cluster.
RESTRICTED, COARSE_ANSWER, COARSE_COUNT = range(3)
# Entries of the scalars: r·z, r·r, r·r at the start, squared tolerance, step, whether to stop, iterations done, p·Ap.
RZ, RR, RR_START, TOLERANCE, STEP, STOP, ITERATIONS, CURVATURE, SCALAR_COUNT = range(9)
# Why conjugate gradients stopped: the residual is small enough, or a direction along which the energy curves down.
DONE, NEGATIVE = 1.0, 2.0
# Iterations in one launch; compile time grows faster than their number.
UNROLL = 4


@ti.func
def move_and_restrict(  # pyright: ignore
    cluster, step, members: Passed, first: Passed, modes: Passed, rotation: Passed, vectors: Passed, coarse: Passed
):
    """Move solution and residual of one cluster's vertices by a step; sum the residual, turned back with the cluster, on its
    four weights."""
    total = ti.Matrix.zero(ti.f32, 4, 3)
    for k in range(first[cluster], first[cluster + 1]):
        v = members[k]
        # Written out: += on an array is atomic, which nobody needs here.
        vectors[SOLUTION, v] = vectors[SOLUTION, v] + step * vectors[DIRECTION, v]
        residual = vectors[RESIDUAL, v] - step * vectors[IMAGE, v]
        vectors[RESIDUAL, v] = residual
        total += modes[v].outer_product(residual)
    turned = total @ rotation[cluster]
    for a in ti.static(range(4)):
        for k in ti.static(range(3)):
            coarse[RESTRICTED, 12 * cluster + 3 * a + k] = turned[a, k]


@ti.func
def coarse_rows(tile, size, coarse_inverse: Passed, coarse: Passed):  # pyright: ignore
    """Sixteen rows of the coarse inverse times the restricted residual: column by column, which a CPU does all at once."""
    answer = vec16(0.0)
    for column in range(size):
        answer += coarse[RESTRICTED, column] * coarse_inverse[tile, column]
    for k in ti.static(range(16)):
        coarse[COARSE_ANSWER, 16 * tile + k] = answer[k]


@ti.func
def preconditioned(  # pyright: ignore
    v, inverse: Passed, cluster_of: Passed, modes: Passed, rotation: Passed, vectors: Passed, coarse: Passed
):
    """Block-Jacobi plus what the vertex's cluster moves, turned with it."""
    q = cluster_of[v]
    moved = vec3(0.0)
    for a in ti.static(range(4)):
        for k in ti.static(range(3)):
            moved[k] += modes[v][a] * coarse[COARSE_ANSWER, 12 * q + 3 * a + k]
    return inverse[v] @ vectors[RESIDUAL, v] + rotation[q] @ moved


@ti.kernel
def start_iterations(
    spread: ti.template(),  # pyright: ignore
    count: int,
    cluster_count: int,
    force: Vec3s,
    inverse: Mat3s,
    cluster_of: Ints,
    cluster_first: Ints,
    members: Ints,
    modes: Vec4s,
    rotation: Mat3s,
    coarse_inverse: Vec16Table,
    tolerance: ti.f32,
    coarse: FloatTable,
    partial: Doubles,
    vectors: Vec3Table,
    scalars: Doubles,
):
    """Set x = 0, r = force, z = M⁻¹ r, p = z and the scalars."""
    chunks, tiles = chunk_count(count), coarse_inverse.shape[0]
    light = ti.static(turns(spread, ALL))
    ti.loop_config(serialize=ti.static(spread < ALL))
    for v in range(count):
        vectors[SOLUTION, v] = vec3(0.0)
        vectors[RESIDUAL, v] = force[v]
        vectors[DIRECTION, v] = vec3(0.0)
        vectors[IMAGE, v] = vec3(0.0)
    ti.loop_config(serialize=ti.static(spread < ALL))
    for turn in range(cluster_count * light):
        if turn % light == 0:
            move_and_restrict(turn // light, 0.0, members, cluster_first, modes, rotation, vectors, coarse)
    ti.loop_config(serialize=ti.static(spread < ALL))
    for turn in range(tiles * light):
        if turn % light == 0:
            coarse_rows(turn // light, 12 * cluster_count, coarse_inverse, coarse)
    ti.loop_config(serialize=ti.static(spread < ALL))
    for turn in range(chunks * light):
        if turn % light == 0:
            precondition_chunk(turn // light, count, DIRECTION, inverse, cluster_of, modes, rotation, coarse, partial, vectors)
    ti.loop_config(serialize=True)
    for _ in range(1):
        rz, rr = summed_pairs(chunks, partial)
        scalars[RZ], scalars[RR], scalars[RR_START] = rz, rr, rr
        scalars[TOLERANCE] = ti.f64(tolerance) ** 2
        scalars[STOP] = ti.select(rr > scalars[TOLERANCE] * rr, 0.0, DONE)
        scalars[ITERATIONS] = 0.0


@ti.kernel
def push_on_device(
    contact_count: int, node_count: int, vertices: IVec4s, weights: Vec4s, normal: Vec3s, slope: Vec2s, slide: Vec3s,
    sample_nodes: IVec2s, sample_along: Floats, node_first: Ints, node_samples: Ints, vectors: Vec3Table, contact: Vec3Table,
    push_out: Vec3s,
):  # fmt: skip
    """What a motion of the tissue along the direction presses on each node of the device [N]."""
    ti.loop_config(serialize=backend.small_loops_serial)
    for s in range(contact_count):
        moved = contact_motion(s, DIRECTION, vertices, weights, vectors)
        contact[0, s] = resist(slope[s], slide[s], normal[s], moved)
    ti.loop_config(serialize=backend.small_loops_serial)
    for a in range(node_count):
        push_out[a] = push_on_node(a, node_first, node_samples, sample_nodes, sample_along, contact)


@ti.kernel
def iterate(
    steps: ti.template(), spread: ti.template(), contact_count: int, sample_count: int, count: int, cluster_count: int,
    pocket_count: int, row_first: Ints, column: Ints, matrix: Mat3s, inverse: Mat3s, free: Floats,
    pocket_row: Ints, pocket_column: Ints, pocket_slope: Vec3s, pocket_stiffness: Floats, pocket_volume: Floats,
    pocket_first: Ints, pocket_of: Ints, slope_by_vertex: Vec3s, pocket_answers: Floats,
    contact_first: Ints, contact_corners: Ints, vertices: IVec4s, weights: Vec4s, normal: Vec3s, slope: Vec2s, slide: Vec3s,
    sample_nodes: IVec2s, sample_along: Floats, answer: Vec3s,
    cluster_of: Ints, cluster_first: Ints, members: Ints, modes: Vec4s, rotation: Mat3s, coarse_inverse: Vec16Table,
    coarse: FloatTable, contact: Vec3Table, partial: Doubles, vectors: Vec3Table, scalars: Doubles,
):  # fmt: skip
    """Steps of preconditioned conjugate gradients, a number fixed when compiled; does nothing once STOP is set.

    The first `sample_count` contacts are a device's that gives way by `answer` [m]; it belongs to one step's direction, so
    that with a device there is one step in a launch.
    """
    chunks, tiles = chunk_count(count), coarse_inverse.shape[0]
    light, heavy = ti.static(turns(spread, ALL)), ti.static(turns(spread, HEAVY))
    for _ in ti.static(range(steps)):  # pyright: ignore[reportArgumentType, reportGeneralTypeIssues]
        ti.loop_config(serialize=backend.small_loops_serial)
        for s in range(contact_count):
            moved = contact_motion(s, DIRECTION, vertices, weights, vectors)
            if s < sample_count:
                t, pair = sample_along[s], sample_nodes[s]
                moved -= (1.0 - t) * answer[pair[0]] + t * answer[pair[1]]
            contact[1, s] = resist(slope[s], slide[s], normal[s], moved)
        ti.loop_config(serialize=ti.static(spread < HEAVY))
        for p in range(pocket_count):
            factor = pocket_stiffness[p] / pocket_volume[p]
            pocket_answers[p] = pocket_answer(p, pocket_row, pocket_column, pocket_slope, factor, DIRECTION, vectors)
        ti.loop_config(serialize=ti.static(spread < HEAVY))
        for turn in range(chunks * heavy):
            if turn % heavy != 0:
                continue
            c = turn // heavy
            curvature = ti.f64(0.0)
            for v in range(c * CHUNK, ti.min((c + 1) * CHUNK, count)):
                image = pocket_push(v, pocket_first, pocket_of, slope_by_vertex, pocket_answers)
                for e in range(row_first[v], row_first[v + 1]):
                    image += matrix[e] @ vectors[DIRECTION, column[e]]
                # Without contacts in this solve, the forces of an earlier one still stand in the table.
                for k in range(contact_first[v], ti.select(contact_count > 0, contact_first[v + 1], contact_first[v])):
                    image += weights[contact_corners[k] >> 2][contact_corners[k] & 3] * contact[1, contact_corners[k] >> 2]
                image *= free[v]
                vectors[IMAGE, v] = image
                curvature += ti.cast(image.dot(vectors[DIRECTION, v]), ti.f64)
            partial[c] = curvature
        ti.loop_config(serialize=True)
        for _once in range(1):
            choose_step(chunks, partial, scalars)
        ti.loop_config(serialize=ti.static(spread < ALL))
        for turn in range(cluster_count * light):
            if turn % light == 0:
                step = ti.cast(scalars[STEP], ti.f32)
                move_and_restrict(turn // light, step, members, cluster_first, modes, rotation, vectors, coarse)
        ti.loop_config(serialize=ti.static(spread < ALL))
        for turn in range(tiles * light):
            if turn % light == 0:
                coarse_rows(turn // light, 12 * cluster_count, coarse_inverse, coarse)
        ti.loop_config(serialize=ti.static(spread < ALL))
        for turn in range(chunks * light):
            if turn % light == 0:
                c = turn // light
                precondition_chunk(c, count, PRECONDITIONED, inverse, cluster_of, modes, rotation, coarse, partial, vectors)
        ti.loop_config(serialize=True)
        for _once in range(1):
            choose_conjugate(chunks, partial, scalars)
        ti.loop_config(serialize=ti.static(spread < ALL))
        for v in range(count):
            vectors[DIRECTION, v] = vectors[PRECONDITIONED, v] + ti.cast(scalars[STEP], ti.f32) * vectors[DIRECTION, v]


@ti.func
def contact_motion(s, which, vertices: Passed, weights: Passed, vectors: Passed):  # pyright: ignore
    """Motion Σ w d of a contact's two sides towards or from each other."""
    motion = vec3(0.0)
    for i in ti.static(range(4)):
        if vertices[s][i] >= 0:
            motion += weights[s][i] * vectors[which, vertices[s][i]]
    return motion


@ti.func
def push_on_node(a, first: Passed, samples: Passed, pairs: Passed, along: Passed, contact: Passed):  # pyright: ignore
    """Sum of the contacts' forces on a node of the device."""
    push = vec3(0.0)
    for k in range(first[a], first[a + 1]):
        push += share_of_node(a, pairs[samples[k]], along[samples[k]]) * contact[0, samples[k]]
    return push


@ti.func
def precondition_chunk(  # pyright: ignore
    c, count, target, inverse: Passed, cluster_of: Passed, modes: Passed, rotation: Passed, coarse: Passed, partial: Passed,
    vectors: Passed,
):  # fmt: skip
    """Preconditioned residual of one chunk of vertices, with its r·z and r·r."""
    rz, rr = ti.f64(0.0), ti.f64(0.0)
    for v in range(c * CHUNK, ti.min((c + 1) * CHUNK, count)):
        r = vectors[RESIDUAL, v]
        z = preconditioned(v, inverse, cluster_of, modes, rotation, vectors, coarse)
        vectors[target, v] = z
        rz += ti.cast(r.dot(z), ti.f64)
        rr += ti.cast(r.dot(r), ti.f64)
    partial[2 * c], partial[2 * c + 1] = rz, rr


@ti.func
def choose_step(chunks, partial: Passed, scalars: Passed):  # pyright: ignore
    """Step length along the direction; nought once it is time to stop."""
    curvature = ti.f64(0.0)
    for c in range(chunks):
        curvature += partial[c]
    scalars[CURVATURE] = curvature
    scalars[STEP] = ti.select(scalars[STOP] == 0.0, scalars[RZ] / ti.max(curvature, 1e-300), 0.0)
    # On negative curvature the step so far is a descent direction: keep it, or take the gradient if there is none.
    if curvature <= 0.0 and scalars[STOP] == 0.0:
        scalars[STOP] = NEGATIVE
        scalars[STEP] = ti.select(scalars[ITERATIONS] == 0.0, 1.0, 0.0)


@ti.func
def choose_conjugate(chunks, partial: Passed, scalars: Passed):  # pyright: ignore
    """Share of the old direction in the new one, and whether the residual is small enough to stop."""
    rz, rr = summed_pairs(chunks, partial)
    if scalars[STOP] == 0.0:
        scalars[ITERATIONS] += 1.0
        scalars[STEP] = rz / scalars[RZ]
        scalars[RZ], scalars[RR] = rz, rr
        if rr <= scalars[TOLERANCE] * scalars[RR_START]:
            scalars[STOP] = DONE


@ti.func
def summed_pairs(chunks, partial: Passed):  # pyright: ignore
    """Sums of the even and of the odd entries, in order."""
    even, odd = ti.f64(0.0), ti.f64(0.0)
    for c in range(chunks):
        even += partial[2 * c]
        odd += partial[2 * c + 1]
    return even, odd


@ti.func
def share_of_node(node, pair, along):  # pyright: ignore
    """Weight of a node in a sample point between two nodes; both may be the same node."""
    share = 0.0
    if pair[0] == node:
        share += 1.0 - along
    if pair[1] == node:
        share += along
    return share


@ti.kernel
def no_step(count: int, vectors: Vec3Table):
    """Make the solution nought."""
    for v in range(count):
        vectors[SOLUTION, v] = vec3(0.0)


@ti.kernel
def add_device_reaction(
    count: int,
    first: Ints,
    corners: Ints,
    sample_count: int,
    weights: Vec4s,
    normal: Vec3s,
    slope: Vec2s,
    slide: Vec3s,
    sample_nodes: IVec2s,
    sample_along: Floats,
    answer: Vec3s,
    free: Floats,
    force_out: Vec3s,
):
    """Take off Σ w A d of the device's answer d = D⁻¹ r: what its own imbalance presses on the wall through contacts [N]."""
    for v in range(count):
        for k in range(first[v], first[v + 1]):
            s = corners[k] >> 2
            if s < sample_count:
                t, pair = sample_along[s], sample_nodes[s]
                moved = (1.0 - t) * answer[pair[0]] + t * answer[pair[1]]
                force_out[v] -= free[v] * weights[s][corners[k] & 3] * resist(slope[s], slide[s], normal[s], moved)


@ti.kernel
def contact_push_of_solution(
    count: int,
    vertices: IVec4s,
    weights: Vec4s,
    normal: Vec3s,
    slope: Vec2s,
    slide: Vec3s,
    vectors: Vec3Table,
    push_out: Vec3s,
):
    """−A Σ w p of each contact for the solution p: the push that the tissue's step gives the other side [N]."""
    ti.loop_config(serialize=backend.small_loops_serial)
    for s in range(count):
        moved = contact_motion(s, SOLUTION, vertices, weights, vectors)
        push_out[s] = -resist(slope[s], slide[s], normal[s], moved)
