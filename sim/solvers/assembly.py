"""Assembly of the tissue's stiffness by gathering: block rows, and the inverses of their diagonals."""

import taichi as ti

from sim.arrays import Floats, Ints, IVec2s, IVec3s, Mat3s, Vec2s, Vec3ds, Vec3s, Vec4s, mat3
from sim.materials.principal import eigen_of
from sim.pressure import pressure_block


@ti.kernel
def gather_stiffness(
    count: int,
    upper: Ints,
    mirror: Ints,
    row: Ints,
    column: Ints,
    first: Ints,
    slots: Ints,
    blocks: Mat3s,
    edges: IVec2s,
    triangles: IVec3s,
    pressure: Floats,
    rest: Vec3s,
    u: Vec3ds,
    free: Floats,
    own: Mat3s,
    matrix_out: Mat3s,
):
    """Sum the groups' blocks, each vertex's own stiffness and the slope of pressure into block rows [N/m]."""
    for h in range(count):
        block = mat3(0.0)
        for k in range(first[h], first[h + 1]):
            block += blocks[slots[k]]
        e = upper[h]
        i, j = row[e], column[e]
        if i == j:
            block += own[i]
        elif edges[h][0] >= 0 or edges[h][1] >= 0:
            block += pressure_block(i, j, edges[h], triangles, pressure, rest, u)
        block = free[i] * free[j] * block
        matrix_out[e] = block
        if i != j:
            matrix_out[mirror[h]] = block.transpose()


@ti.kernel
def invert_diagonal(
    count: int,
    diagonal: Ints,
    matrix: Mat3s,
    free: Floats,
    pocket_first: Ints,
    pocket_of: Ints,
    pocket_slope: Vec3s,
    pocket_stiffness: Floats,
    pocket_volume: Floats,
    contact_count: int,
    contact_first: Ints,
    contact_corners: Ints,
    weights: Vec4s,
    normal: Vec3s,
    slope: Vec2s,
    slide: Vec3s,
    inverse_out: Mat3s,
):
    """Inverse of each vertex's diagonal block with its pockets and contacts; zero where the vertex is held.

    A block that is not positive definite is replaced by one with eigenvalues of the same size.
    """
    for v in range(count):
        block = matrix[diagonal[v]]
        for k in range(pocket_first[v], pocket_first[v + 1]):
            p = pocket_of[k]
            block += pocket_stiffness[p] / pocket_volume[p] * pocket_slope[k].outer_product(pocket_slope[k])
        for k in range(contact_first[v], ti.select(contact_count > 0, contact_first[v + 1], contact_first[v])):
            s = contact_corners[k] >> 2
            w = weights[s][contact_corners[k] & 3]
            across = slope[s][1] * ti.Matrix.identity(ti.f32, 3)
            across += (slope[s][0] - slope[s][1]) * normal[s].outer_product(normal[s])
            block += w * w * (across - slope[s][1] * slide[s].outer_product(slide[s]))
        minor = block[0, 0] * block[1, 1] - block[0, 1] * block[1, 0]
        if free[v] == 0.0:
            block = ti.Matrix.identity(ti.f32, 3)
        elif block[0, 0] <= 0.0 or minor <= 0.0 or block.determinant() <= 0.0:
            values, modes = eigen_of(0.5 * (block + block.transpose()))
            least = 0.05 * ti.max(ti.abs(values[0]), ti.abs(values[2]))
            rows = ti.static(range(3))
            block = modes @ ti.Matrix([[ti.max(ti.abs(values[i]), least) * modes[j, i] for j in rows] for i in rows])
        inverse_out[v] = free[v] * block.inverse()
