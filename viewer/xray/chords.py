"""How much of each material a ray meets: lengths inside closed surfaces, summed triangle by triangle.

A ray goes into a closed surface as often as it comes out, so the sum over its crossings of the depth, counted positive where it
leaves, is the length inside (an L-buffer: Freud 2006, doi:10.1016/j.ndteint.2006.03.006). No sorting, no voxels.

A crossing that is missed or counted twice would spoil a pixel. Here that cannot be: projected vertices are rounded to 1/256 of a
pixel, and whether a pixel's centre lies in a triangle is decided in whole numbers of 64 bits, with a rule for centres on an edge
that depends on the edge's direction alone. So at every edge exactly one of two neighbours owns the centre, each triangle counts
+1 or −1 as its rounded corners turn, and the count over a closed surface is zero at every pixel. The depth is that of the rounded
triangle: 1/z is linear on the picture, so the length is that of a surface whose vertices were moved by at most 1/512 of a pixel
across the picture.

Sums are kept as whole numbers too (2⁻²⁴ mm), so they do not depend on the order in which threads add.
"""

import dataclasses

import numpy as np
import taichi as ti

from meshing.errors import InputError
from sim import backend
from sim.arrays import Array, Doubles, Ints, IVec2s, IVec3s, Longs, Vec3ds, lent, zeros
from viewer.xray.carm import CArm
from viewer.xray.surfaces import Surface

SUBPIXELS = 256
"""Steps of a pixel to which projected vertices are rounded."""

UNIT_MM = 2.0**-24
"""The sums' unit of length along the central ray [mm]."""

NEAREST_MM = 10.0
"""Nothing may come nearer to the source's plane than this [mm]."""

FARTHEST = 2**29
"""Largest rounded coordinate; products of two stay within 64 bits."""


@dataclasses.dataclass(frozen=True, eq=False)
class Layers:
    """One picture of lengths for each material, as whole numbers on the backend.

    Attributes
    ----------
    materials
        Names of the layers, in order.
    pixels
        Pixels a side.
    sums
        Lengths along the central ray in `UNIT_MM`, layer by layer and row by row, shape (layers · pixels²,).
    """

    materials: tuple[str, ...]
    pixels: int
    sums: Array

    @staticmethod
    def empty(materials: tuple[str, ...], pixels: int) -> "Layers":
        """Layers with nothing in them."""
        backend.current()
        return Layers(materials, pixels, zeros(len(materials) * pixels * pixels, ti.i64))

    def number(self, material: str) -> int:
        """Which layer a material has.

        Raises
        ------
        InputError
            If it has none.
        """
        if material not in self.materials:
            raise InputError(f"The picture has no layer for {material}; it has {', '.join(self.materials)}.")
        return self.materials.index(material)

    def lengths(self, carm: CArm) -> np.ndarray:
        """Length of each pixel's ray in each material, shape (layers, pixels, pixels) [mm]; iodine's in mg/ml · mm."""
        sums = self.sums.to_numpy().reshape(len(self.materials), self.pixels, self.pixels)
        return sums * UNIT_MM * carm.slants()

    def clear(self) -> None:
        """Empty all layers."""
        self.sums.fill(0)


def camera_numbers(carm: CArm) -> np.ndarray:
    """What kernels need of a C-arm, shape (15,): axes, source [mm], scale [pixels], middle [pixels], pixels a side."""
    scale, middle = carm.sid_mm / carm.pixel_mm, 0.5 * (carm.pixels - 1)
    return np.concatenate([carm.axes.ravel(), carm.source, [scale, middle, carm.pixels]])


def add_surface(surface: Surface, carm: CArm, layers: Layers, *, counts: Array | None = None) -> None:
    """Add the lengths of rays inside a closed surface to the layer of its material.

    `counts`, shape (pixels²,), is for tests: entries less exits of each pixel, which come out as zero.

    Raises
    ------
    InputError
        If the surface reaches to the X-ray source or behind it.
    """
    layer = layers.number(surface.material)
    vertex_count = len(surface.vertices)
    corners = np.empty((vertex_count, 2), np.int32)
    nearness = np.empty(vertex_count, np.float64)
    outside = np.zeros(1, np.int32)
    project(vertex_count, lent(surface.vertices), lent(camera_numbers(carm)), lent(corners), lent(nearness), lent(outside))
    if outside[0]:
        raise InputError(
            f"The surface of {surface.material} reaches to the X-ray source or behind it ({outside[0]} of {vertex_count} corners "
            f"are nearer than {NEAREST_MM:g} mm to its plane or far beside the field); shift the table or widen the distance."
        )
    sums_of_triangles(
        len(surface.triangles),
        carm.pixels,
        layer * carm.pixels**2,
        lent(surface.triangles),
        lent(surface.weights),
        lent(corners),
        lent(nearness),
        layers.sums,
    )
    if counts is not None:
        counts_of_triangles(len(surface.triangles), carm.pixels, lent(surface.triangles), lent(corners), counts)


@ti.kernel
def project(
    vertex_count: ti.i32, vertices: Vec3ds, camera: Doubles, corners_out: IVec2s, nearness_out: Doubles, outside_out: Ints
):
    """Places of vertices on the picture in `SUBPIXELS` of a pixel, and 1/depth [1/mm]; counts what is not before the source."""
    ti.loop_config(block_dim=4096)
    for v in range(vertex_count):
        offset = vertices[v] - ti.Vector([camera[9], camera[10], camera[11]], ti.f64)
        right = camera[0] * offset[0] + camera[1] * offset[1] + camera[2] * offset[2]
        up = camera[3] * offset[0] + camera[4] * offset[1] + camera[5] * offset[2]
        depth = camera[6] * offset[0] + camera[7] * offset[1] + camera[8] * offset[2]
        inverse = 1.0 / ti.max(depth, ti.f64(1e-6))
        column = (camera[13] + camera[12] * right * inverse) * SUBPIXELS
        row = (camera[13] - camera[12] * up * inverse) * SUBPIXELS
        if depth < NEAREST_MM or ti.abs(column) > FARTHEST or ti.abs(row) > FARTHEST:
            ti.atomic_add(outside_out[0], 1)
            column, row = ti.f64(0.0), ti.f64(0.0)
        corners_out[v] = ti.Vector([ti.cast(ti.floor(column + 0.5), ti.i32), ti.cast(ti.floor(row + 0.5), ti.i32)])
        nearness_out[v] = inverse


@ti.func
def edge(start, end, column: ti.i64, row: ti.i64):
    """Twice the signed area of an edge and a point, in whole numbers."""
    across = ti.cast(end[0] - start[0], ti.i64) * (row - start[1])
    return across - ti.cast(end[1] - start[1], ti.i64) * (column - start[0])


@ti.func
def tie(start, end):
    """0 where the triangle owns points on this edge, −1 where its neighbour, which runs along it the other way, does."""
    down, aside = end[1] - start[1], end[0] - start[0]
    owned = down > 0 or (down == 0 and aside < 0)
    return ti.cast(ti.select(owned, 0, -1), ti.i64)


@ti.func
def first_centre(least: ti.i32):
    """The first pixel whose centre is at or beyond a coordinate in `SUBPIXELS` of a pixel."""
    return ti.max((least + (SUBPIXELS - 1)) >> 8, 0)


@ti.kernel
def sums_of_triangles(
    triangle_count: ti.i32,
    pixels: ti.i32,
    layer_start: ti.i32,
    triangles: IVec3s,
    weights: Doubles,
    corners: IVec2s,
    nearness: Doubles,
    sums_out: Longs,
):
    """Add the depth of every triangle at every pixel centre inside it, less where the ray goes in, more where it comes out."""
    ti.loop_config(block_dim=2048)
    for t in range(triangle_count):
        i, j, k = triangles[t][0], triangles[t][1], triangles[t][2]
        a, b, c = corners[i], corners[j], corners[k]
        left, right = first_centre(ti.min(a[0], b[0], c[0])), ti.min(ti.max(a[0], b[0], c[0]) >> 8, pixels - 1)
        top, bottom = first_centre(ti.min(a[1], b[1], c[1])), ti.min(ti.max(a[1], b[1], c[1]) >> 8, pixels - 1)
        turn = edge(a, b, ti.cast(c[0], ti.i64), ti.cast(c[1], ti.i64))
        if left <= right and top <= bottom and turn != 0:
            near_a, near_b, near_c = nearness[i], nearness[j], nearness[k]
            # Rows run down the picture, so a triangle that faces the source turns to the positive side.
            sign = ti.f64(-1.0)
            if turn < 0:
                b, c = c, b
                near_b, near_c = near_c, near_b
                turn = -turn
                sign = ti.f64(1.0)
            column0, row0 = ti.cast(left, ti.i64) * SUBPIXELS, ti.cast(top, ti.i64) * SUBPIXELS
            row_ab, row_bc, row_ca = edge(a, b, column0, row0), edge(b, c, column0, row0), edge(c, a, column0, row0)
            tie_ab, tie_bc, tie_ca = tie(a, b), tie(b, c), tie(c, a)
            step_ab, step_bc = ti.cast(b[1] - a[1], ti.i64) * SUBPIXELS, ti.cast(c[1] - b[1], ti.i64) * SUBPIXELS
            step_ca = ti.cast(a[1] - c[1], ti.i64) * SUBPIXELS
            down_ab, down_bc = ti.cast(b[0] - a[0], ti.i64) * SUBPIXELS, ti.cast(c[0] - b[0], ti.i64) * SUBPIXELS
            down_ca = ti.cast(a[0] - c[0], ti.i64) * SUBPIXELS
            factor = sign * weights[t] * ti.cast(turn, ti.f64) * (1.0 / UNIT_MM)
            for row in range(top, bottom + 1):
                at_ab, at_bc, at_ca = row_ab, row_bc, row_ca
                place = layer_start + row * pixels
                for column in range(left, right + 1):
                    if at_ab + tie_ab >= 0 and at_bc + tie_bc >= 0 and at_ca + tie_ca >= 0:
                        near = ti.cast(at_bc, ti.f64) * near_a + ti.cast(at_ca, ti.f64) * near_b + ti.cast(at_ab, ti.f64) * near_c
                        ti.atomic_add(sums_out[place + column], ti.cast(ti.round(factor / near), ti.i64))
                    at_ab -= step_ab
                    at_bc -= step_bc
                    at_ca -= step_ca
                row_ab += down_ab
                row_bc += down_bc
                row_ca += down_ca


@ti.kernel
def counts_of_triangles(triangle_count: ti.i32, pixels: ti.i32, triangles: IVec3s, corners: IVec2s, counts_out: Ints):
    """Exits less entries at every pixel centre, by the same rule, each centre asked of each triangle anew."""
    for t in range(triangle_count):
        a, b, c = corners[triangles[t][0]], corners[triangles[t][1]], corners[triangles[t][2]]
        turn = edge(a, b, ti.cast(c[0], ti.i64), ti.cast(c[1], ti.i64))
        sign = -1
        if turn < 0:
            b, c = c, b
            sign = 1
        if turn != 0:
            for row in range(first_centre(ti.min(a[1], b[1], c[1])), ti.min(ti.max(a[1], b[1], c[1]) >> 8, pixels - 1) + 1):
                for column in range(
                    first_centre(ti.min(a[0], b[0], c[0])), ti.min(ti.max(a[0], b[0], c[0]) >> 8, pixels - 1) + 1
                ):
                    x, y = ti.cast(column, ti.i64) * SUBPIXELS, ti.cast(row, ti.i64) * SUBPIXELS
                    inside = edge(a, b, x, y) + tie(a, b) >= 0 and edge(b, c, x, y) + tie(b, c) >= 0
                    if inside and edge(c, a, x, y) + tie(c, a) >= 0:
                        ti.atomic_add(counts_out[row * pixels + column], sign)


def empty_counts(pixels: int) -> Array:
    """Counts of a picture, all zero, shape (pixels²,)."""
    return zeros(pixels * pixels, ti.i32)
