"""The linear system of one Newton step: assembly by gathering, and conjugate gradients that stay on the backend.

The unknowns are the tissue's displacements alone. A device in contact is eliminated exactly: with the motion c = Σ b p of the
wall and d = Σ w z of the strut at each contact, its 3 × 3 stiffness A (normal and friction) and the device's own matrix D
(struts, balloon, drag and contacts), the operator is  K p + Σ b A (c − d)  with  z = D⁻¹ Σ w A c.

The preconditioner adds block-Jacobi and a coarse space of affine cluster modes (`sim.solvers.coarse`).
"""

import taichi as ti

from sim import backend
from sim.arrays import (
    Doubles,
    Floats,
    Ints,
    IVec2s,
    IVec3s,
    Mat3s,
    Mat3Table,
    Passed,
    Vec2s,
    Vec3s,
    Vec3Table,
    Vec4s,
    vec3,
)
from sim.contact import resist
from sim.elements import CHUNK

# Rows of the table of vertex vectors: solution, residual, preconditioned residual, direction, operator times direction.
SOLUTION, RESIDUAL, PRECONDITIONED, DIRECTION, IMAGE, VECTOR_COUNT = range(6)
# Rows of the table of coarse vectors: the restricted residual and the coarse answer, four vectors a cluster.
RESTRICTED, COARSE_ANSWER, COARSE_COUNT = range(3)
# Entries of the scalars: r·z, r·r, r·r at the start, squared tolerance, step, whether to stop, iterations done, p·Ap.
RZ, RR, RR_START, TOLERANCE, STEP, STOP, ITERATIONS, CURVATURE, SCALAR_COUNT = range(9)
# Iterations in one launch; compile time grows faster than their number.
UNROLL = 4


@ti.kernel
def gather_stiffness(
    count: int,
    row: Ints,
    column: Ints,
    first: Ints,
    element_blocks: Ints,
    opposite: IVec2s,
    blocks: Mat3s,
    rest: Vec3s,
    u: Vec3s,
    free: Floats,
    mass: Floats,
    inertia: ti.f32,
    pressure: ti.f32,
    matrix_out: Mat3s,
):
    """Sum element blocks, inertia (mass times 1/h²) and the slope of blood pressure into block rows [N/m]."""
    for e in range(count):
        block = blocks[element_blocks[first[e]]]
        for k in range(first[e] + 1, first[e + 1]):
            block += blocks[element_blocks[k]]
        i, j = row[e], column[e]
        if i == j:
            block += inertia * mass[i] * ti.Matrix.identity(ti.f32, 3)
        k, m = opposite[e][0], opposite[e][1]
        if k >= 0:
            v = -pressure / 6.0 * (rest[m] + u[m] - rest[k] - u[k])
            block += ti.Matrix([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])
        matrix_out[e] = free[i] * free[j] * block


@ti.kernel
def invert_diagonal(
    count: int,
    diagonal: Ints,
    matrix: Mat3s,
    free: Floats,
    contact_first: Ints,
    contact_corners: Ints,
    weights: Vec3s,
    normal: Vec3s,
    slope: Vec2s,
    slide: Vec3s,
    inverse_out: Mat3s,
):
    """Inverse of each vertex's diagonal block with its contacts; zero where the vertex is held."""
    for v in range(count):
        block = matrix[diagonal[v]]
        for k in range(contact_first[v], contact_first[v + 1]):
            s = contact_corners[k] >> 2
            b = weights[s][contact_corners[k] & 3]
            across = slope[s][1] * ti.Matrix.identity(ti.f32, 3)
            across += (slope[s][0] - slope[s][1]) * normal[s].outer_product(normal[s])
            block += b * b * (across - slope[s][1] * slide[s].outer_product(slide[s]))
        if free[v] == 0.0:
            block = ti.Matrix.identity(ti.f32, 3)
        inverse_out[v] = free[v] * block.inverse()


@ti.func
def restrict(cluster, members: Passed, first: Passed, modes: Passed, vectors: Passed, coarse: Passed):  # pyright: ignore
    """Sum the residual of one cluster on its four weights."""
    total = ti.Matrix.zero(ti.f32, 4, 3)
    for k in range(first[cluster], first[cluster + 1]):
        total += modes[members[k]].outer_product(vectors[RESIDUAL, members[k]])
    for a in ti.static(range(4)):
        coarse[RESTRICTED, 4 * cluster + a] = ti.Vector([total[a, 0], total[a, 1], total[a, 2]])


@ti.func
def coarse_row(row, count, coarse_inverse: Passed, coarse: Passed):  # pyright: ignore
    """One block row of the coarse inverse times the restricted residual."""
    answer = vec3(0.0)
    for b in range(count):
        answer += coarse_inverse[row, b] @ coarse[RESTRICTED, b]
    coarse[COARSE_ANSWER, row] = answer


@ti.func
def preconditioned(v, inverse: Passed, cluster_of: Passed, modes: Passed, vectors: Passed, coarse: Passed):  # pyright: ignore
    """Block-Jacobi plus what the vertex's cluster moves."""
    z = inverse[v] @ vectors[RESIDUAL, v]
    for a in ti.static(range(4)):
        z += modes[v][a] * coarse[COARSE_ANSWER, 4 * cluster_of[v] + a]
    return z


@ti.kernel
def start_iterations(
    count: int,
    cluster_count: int,
    force: Vec3s,
    inverse: Mat3s,
    cluster_of: Ints,
    cluster_first: Ints,
    members: Ints,
    modes: Vec4s,
    coarse_inverse: Mat3Table,
    tolerance: ti.f32,
    coarse: Vec3Table,
    partial: Doubles,
    vectors: Vec3Table,
    scalars: Doubles,
):
    """Set x = 0, r = force, z = M⁻¹ r, p = z and the scalars."""
    chunks = (count + CHUNK - 1) // CHUNK
    for v in range(count):
        vectors[SOLUTION, v] = vec3(0.0)
        vectors[RESIDUAL, v] = force[v]
    for q in range(cluster_count):
        restrict(q, members, cluster_first, modes, vectors, coarse)
    for row in range(4 * cluster_count):
        coarse_row(row, 4 * cluster_count, coarse_inverse, coarse)
    for c in range(chunks):
        precondition_chunk(c, count, DIRECTION, inverse, cluster_of, modes, coarse, partial, vectors)
    ti.loop_config(serialize=True)
    for _ in range(1):
        rz, rr = summed_pairs(chunks, partial)
        scalars[RZ], scalars[RR], scalars[RR_START] = rz, rr, rr
        scalars[TOLERANCE] = ti.f64(tolerance) ** 2
        scalars[STOP] = ti.select(rr > scalars[TOLERANCE] * rr, 0.0, 1.0)
        scalars[ITERATIONS] = 0.0


@ti.kernel
def iterate(
    count: int,
    sample_count: int,
    node_count: int,
    cluster_count: int,
    row_first: Ints,
    column: Ints,
    matrix: Mat3s,
    inverse: Mat3s,
    lumen: IVec3s,
    contact_first: Ints,
    contact_corners: Ints,
    triangle: Ints,
    weights: Vec3s,
    normal: Vec3s,
    slope: Vec2s,
    slide: Vec3s,
    sample_nodes: IVec2s,
    sample_along: Floats,
    node_first: Ints,
    node_samples: Ints,
    compliance: Mat3Table,
    cluster_of: Ints,
    cluster_first: Ints,
    members: Ints,
    modes: Vec4s,
    coarse_inverse: Mat3Table,
    coarse: Vec3Table,
    contact: Vec3Table,
    node_vectors: Vec3Table,
    partial: Doubles,
    vectors: Vec3Table,
    scalars: Doubles,
):
    """`UNROLL` steps of preconditioned conjugate gradients; does nothing once STOP is set."""
    chunks = (count + CHUNK - 1) // CHUNK
    for _ in ti.static(range(UNROLL)):
        ti.loop_config(serialize=backend.small_loops_serial)
        for s in range(sample_count):
            moved = wall_motion(s, DIRECTION, lumen, triangle, weights, vectors)
            contact[0, s] = resist(slope[s], slide[s], normal[s], moved)
        ti.loop_config(serialize=backend.small_loops_serial)
        for a in range(node_count):
            node_vectors[0, a] = push_on_node(a, node_first, node_samples, sample_nodes, sample_along, contact)
        for a in range(node_count):
            answer = vec3(0.0)
            for b in range(node_count):
                answer += compliance[a, b] @ node_vectors[0, b]
            node_vectors[1, a] = answer
        ti.loop_config(serialize=backend.small_loops_serial)
        for s in range(sample_count):
            t, pair = sample_along[s], sample_nodes[s]
            answer = (1.0 - t) * node_vectors[1, pair[0]] + t * node_vectors[1, pair[1]]
            contact[1, s] = contact[0, s] - resist(slope[s], slide[s], normal[s], answer)
        for c in range(chunks):
            curvature = ti.f64(0.0)
            for v in range(c * CHUNK, ti.min((c + 1) * CHUNK, count)):
                image = vec3(0.0)
                for e in range(row_first[v], row_first[v + 1]):
                    image += matrix[e] @ vectors[DIRECTION, column[e]]
                # Without contacts in this solve, the forces of an earlier one still stand in the table.
                for k in range(contact_first[v], ti.select(sample_count > 0, contact_first[v + 1], contact_first[v])):
                    image += weights[contact_corners[k] >> 2][contact_corners[k] & 3] * contact[1, contact_corners[k] >> 2]
                vectors[IMAGE, v] = image
                curvature += ti.cast(image.dot(vectors[DIRECTION, v]), ti.f64)
            partial[c] = curvature
        ti.loop_config(serialize=True)
        for _once in range(1):
            choose_step(chunks, partial, scalars)
        for v in range(count):
            step = ti.cast(scalars[STEP], ti.f32)
            vectors[SOLUTION, v] += step * vectors[DIRECTION, v]
            vectors[RESIDUAL, v] -= step * vectors[IMAGE, v]
        for q in range(cluster_count):
            restrict(q, members, cluster_first, modes, vectors, coarse)
        for row in range(4 * cluster_count):
            coarse_row(row, 4 * cluster_count, coarse_inverse, coarse)
        for c in range(chunks):
            precondition_chunk(c, count, PRECONDITIONED, inverse, cluster_of, modes, coarse, partial, vectors)
        ti.loop_config(serialize=True)
        for _once in range(1):
            choose_conjugate(chunks, partial, scalars)
        for v in range(count):
            vectors[DIRECTION, v] = vectors[PRECONDITIONED, v] + ti.cast(scalars[STEP], ti.f32) * vectors[DIRECTION, v]


@ti.func
def wall_motion(s, which, lumen: Passed, triangle: Passed, weights: Passed, vectors: Passed):  # pyright: ignore
    """Motion of the wall at a contact, nought where there is none."""
    motion = vec3(0.0)
    if triangle[s] >= 0:
        tri = lumen[triangle[s]]
        for i in ti.static(range(3)):
            motion += weights[s][i] * vectors[which, tri[i]]
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
    c, count, target, inverse: Passed, cluster_of: Passed, modes: Passed, coarse: Passed, partial: Passed, vectors: Passed
):
    """Preconditioned residual of one chunk of vertices, with its r·z and r·r."""
    rz, rr = ti.f64(0.0), ti.f64(0.0)
    for v in range(c * CHUNK, ti.min((c + 1) * CHUNK, count)):
        r = vectors[RESIDUAL, v]
        z = preconditioned(v, inverse, cluster_of, modes, vectors, coarse)
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
        scalars[STOP] = 1.0
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
            scalars[STOP] = 1.0


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
def add_device_reaction(
    count: int,
    first: Ints,
    corners: Ints,
    weights: Vec3s,
    normal: Vec3s,
    slope: Vec2s,
    slide: Vec3s,
    sample_nodes: IVec2s,
    sample_along: Floats,
    answer: Vec3s,
    free: Floats,
    force_out: Vec3s,
):
    """Add Σ b A d(D⁻¹ r): what the device's own imbalance presses on the wall through the contacts [N]."""
    for v in range(count):
        for k in range(first[v], first[v + 1]):
            s = corners[k] >> 2
            t, pair = sample_along[s], sample_nodes[s]
            moved = (1.0 - t) * answer[pair[0]] + t * answer[pair[1]]
            force_out[v] += free[v] * weights[s][corners[k] & 3] * resist(slope[s], slide[s], normal[s], moved)


@ti.kernel
def contact_push_of_solution(
    count: int,
    lumen: IVec3s,
    triangle: Ints,
    weights: Vec3s,
    normal: Vec3s,
    slope: Vec2s,
    slide: Vec3s,
    vectors: Vec3Table,
    push_out: Vec3s,
):
    """A c of each contact for the solution: the push that the tissue's step gives the device [N]."""
    ti.loop_config(serialize=backend.small_loops_serial)
    for s in range(count):
        moved = wall_motion(s, SOLUTION, lumen, triangle, weights, vectors)
        push_out[s] = resist(slope[s], slide[s], normal[s], moved)
