"""Linear tetrahedra: displacement gradient, corner forces, stiffness blocks and stored energy."""

import functools
from typing import Any

import taichi as ti

from sim import backend
from sim.arrays import Doubles, Floats, Ints, IVec4s, Mat3s, Passed, Vec3s, Vec4s, mat3, vec3
from sim.materials.principal import principal_block

# Elements summed by one thread; the order of every sum is fixed, so that a rerun is equal to the bit.
CHUNK = 128


@ti.func
def displacement_gradient(u: Passed, corners, edges_inverse):  # pyright: ignore
    """G = ∇u of one tetrahedron: edge differences of the displacement times the inverse of the rest edges."""
    first = u[corners[0]]
    return ti.Matrix.cols([u[corners[1]] - first, u[corners[2]] - first, u[corners[3]] - first]) @ edges_inverse


@ti.func
def shape_gradient(edges_inverse, corner):  # pyright: ignore
    """Gradient of a corner's shape function in the rest state [1/m]."""
    b = edges_inverse
    g = -ti.Vector([b[0, 0] + b[1, 0] + b[2, 0], b[0, 1] + b[1, 1] + b[2, 1], b[0, 2] + b[1, 2] + b[2, 2]])
    if corner == 1:
        g = ti.Vector([b[0, 0], b[0, 1], b[0, 2]])
    elif corner == 2:
        g = ti.Vector([b[1, 0], b[1, 1], b[1, 2]])
    elif corner == 3:
        g = ti.Vector([b[2, 0], b[2, 1], b[2, 2]])
    return g


@functools.cache
def element_kernels(laws: tuple[type, ...]) -> tuple[Any, Any, Any]:
    """The kernels (stress, stiffness, energy) for one set of laws, compiled once per set.

    Each law offers `energy`, `stress` and either `stiffness_terms` or `principal_stiffness` as Taichi functions of the
    displacement gradient and four parameters. An element names its law by its place in `laws`.
    """
    in_principal_frame = [hasattr(law, "principal_stiffness") for law in laws]
    some_in_principal_frame = any(in_principal_frame)

    @ti.kernel
    def element_stress(
        count: int, tets: IVec4s, edges_inverse: Mat3s, volume: Floats, law: Ints, parameters: Vec4s, u: Vec3s, stress_out: Mat3s
    ):
        """First Piola–Kirchhoff stress times rest volume of each element [N·m]."""
        for t in range(count):
            g = displacement_gradient(u, tets[t], edges_inverse[t])
            stress = mat3(0.0)
            for which in ti.static(range(len(laws))):
                if law[t] == which:
                    stress = laws[which].stress(g, parameters[t])
            stress_out[t] = volume[t] * stress

    @ti.kernel
    def element_stiffness(
        count: int, tets: IVec4s, edges_inverse: Mat3s, volume: Floats, law: Ints, parameters: Vec4s, u: Vec3s, blocks_out: Mat3s
    ):
        """The sixteen 3 × 3 stiffness blocks of each element [N/m], block (a, b) at 16 t + 4 a + b."""
        for t in range(count):
            g = displacement_gradient(u, tets[t], edges_inverse[t])
            f, cofactor = mat3(0.0), mat3(0.0)
            shear, bulk, turn = 0.0, 0.0, 0.0
            left, right, stretch, flip, twist = mat3(0.0), mat3(0.0), mat3(0.0), vec3(0.0), vec3(0.0)
            for which in ti.static(range(len(laws))):
                if law[t] == which:
                    if ti.static(in_principal_frame[which]):
                        left, right, stretch, flip, twist = laws[which].principal_stiffness(g, parameters[t])
                    else:
                        f, cofactor, shear, bulk, turn = laws[which].stiffness_terms(g, parameters[t])
            for a in range(4):
                m = shape_gradient(edges_inverse[t], a)
                for b in range(4):
                    n = shape_gradient(edges_inverse[t], b)
                    w = turn * (f @ m.cross(n))
                    block = bulk * (cofactor @ m).outer_product(cofactor @ n) + shear * m.dot(n) * ti.Matrix.identity(ti.f32, 3)
                    block += ti.Matrix([[0.0, w[2], -w[1]], [-w[2], 0.0, w[0]], [w[1], -w[0], 0.0]])
                    if ti.static(some_in_principal_frame):
                        block += principal_block(left, right, stretch, flip, twist, m, n)
                    blocks_out[16 * t + 4 * a + b] = volume[t] * block

    @ti.kernel
    def element_energy(
        count: int,
        tets: IVec4s,
        edges_inverse: Mat3s,
        volume: Floats,
        law: Ints,
        parameters: Vec4s,
        u: Vec3s,
        partial: Doubles,
    ) -> ti.f64:
        """Stored energy of all elements [J], in double precision, summed in a fixed order."""
        chunks = (count + CHUNK - 1) // CHUNK
        for c in range(chunks):
            total = ti.f64(0.0)
            for t in range(c * CHUNK, ti.min((c + 1) * CHUNK, count)):
                tet = tets[t]
                first = ti.cast(u[tet[0]], ti.f64)
                edges = ti.Matrix.cols([ti.cast(u[tet[k]], ti.f64) - first for k in ti.static(range(1, 4))])
                g = edges @ ti.cast(edges_inverse[t], ti.f64)
                for which in ti.static(range(len(laws))):
                    if law[t] == which:
                        total += ti.f64(volume[t]) * laws[which].energy(g, ti.cast(parameters[t], ti.f64))
            partial[c] = total
        energy = ti.f64(0.0)
        ti.loop_config(serialize=True)
        for _ in range(1):
            for c in range(chunks):
                energy += partial[c]
        return energy

    return element_stress, element_stiffness, element_energy


@ti.kernel
def gather_elastic_force(
    count: int, first: Ints, corners: Ints, edges_inverse: Mat3s, stress: Mat3s, free: Floats, force_out: Vec3s
):
    """Elastic force on each vertex [N], minus the slope of stored energy; corners are stored as 4 t + corner."""
    for v in range(count):
        force = ti.Vector([0.0, 0.0, 0.0])
        for k in range(first[v], first[v + 1]):
            t = corners[k] >> 2
            force -= stress[t] @ shape_gradient(edges_inverse[t], corners[k] & 3)
        force_out[v] = free[v] * force


@ti.kernel
def jacobians(count: int, tets: IVec4s, edges_inverse: Mat3s, u: Vec3s, change_out: Floats):
    """J of each element, for finding those turned inside out."""
    ti.loop_config(serialize=backend.small_loops_serial)
    for t in range(count):
        f = ti.Matrix.identity(ti.f32, 3) + displacement_gradient(u, tets[t], edges_inverse[t])
        change_out[t] = f.determinant()
