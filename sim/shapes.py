"""Shape functions of the linear tetrahedron."""

import taichi as ti

from sim.arrays import Passed


@ti.func
def displacement_gradient(u: Passed, corners, edges_inverse):  # pyright: ignore
    """G = ∇u of one tetrahedron: edge differences of the displacement times the inverse of the rest edges.

    The differences are taken in double precision, the rest in single: a displacement is large beside what it changes over
    one edge, and forces would balance no better than the rounding of the displacement lets them.
    """
    first = u[corners[0]]
    edges = ti.Matrix.cols([ti.cast(u[corners[k]] - first, ti.f32) for k in ti.static(range(1, 4))])
    return edges @ edges_inverse


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
