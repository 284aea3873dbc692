"""How much metal or plastic a ray meets in wires, catheters, struts and markers: cylinders, one for each segment, exactly.

A segment ends at a plane through its node. Where two segments of one wire meet, that plane halves the angle between them, so
that neither gap nor overlap is left; where a wire turns by more than a right angle, as at a stent's crown, or three segments
meet, ends are cut square. There what overlaps on the inner side of the bend counts twice and a wedge on the outer side is
missing: the two are of one volume, so a device keeps its mass, and only lengths within about a radius of such a node are off.
"""

import dataclasses
from functools import cached_property
from typing import Any

import numpy as np
import taichi as ti

from meshing.errors import InputError
from sim.arrays import Doubles, Longs, Vec3ds, lent
from viewer.xray.carm import CArm
from viewer.xray.chords import NEAREST_MM, UNIT_MM, Layers, camera_numbers

RAYS = 2
"""Rays along each side of a pixel, whose mean it takes: struts are thinner than pixels."""


@dataclasses.dataclass(frozen=True, eq=False)
class Cylinders:
    """Segments of round wires or tubes, in millimetres of the patient; made by `of_bars` or `of_line`.

    Attributes
    ----------
    nodes
        Shape (n, 3) [mm].
    bars
        The two nodes of each segment, shape (k, 2).
    radius, bore
        Outer and inner radius of each segment, the inner 0 where it is filled, shape (k,) [mm].
    material
        What they are of, a name of `attenuation.find_material`.
    """

    nodes: np.ndarray
    bars: np.ndarray
    radius: np.ndarray
    bore: np.ndarray
    material: str

    @staticmethod
    def of_bars(nodes: Any, bars: Any, *, radius: Any, material: str, bore: Any = 0.0) -> "Cylinders":
        """Segments between pairs of nodes, as a stent's; radius and bore [mm] are one number or one for each segment.

        Raises
        ------
        InputError
            If a segment names a node that is not there, or a radius is not above its bore.
        """
        nodes = np.ascontiguousarray(nodes, np.float64)
        bars = np.ascontiguousarray(bars, np.int64).reshape(-1, 2)
        radius = np.ascontiguousarray(np.broadcast_to(np.asarray(radius, float), len(bars)))
        bore = np.ascontiguousarray(np.broadcast_to(np.asarray(bore, float), len(bars)))
        if len(bars) and (bars.min() < 0 or bars.max() >= len(nodes)):
            raise InputError(f"A segment of {material} names node {int(bars.max())}, but there are {len(nodes)}.")
        if not np.isfinite(nodes).all():
            raise InputError(f"A node of {material} is at no finite place.")
        if (bore < 0.0).any() or (radius <= bore).any():
            wrong = int(np.argmax((bore < 0.0) | (radius <= bore)))
            raise InputError(
                f"Segment {wrong} of {material} has a radius of {radius[wrong]:g} mm and a bore's radius of {bore[wrong]:g} mm; "
                "the first must be the larger."
            )
        return Cylinders(nodes, bars, radius, bore, material)

    @staticmethod
    def of_line(points: Any, *, radius: Any, material: str, bore: Any = 0.0) -> "Cylinders":
        """A wire or catheter along a row of points (n, 3) [mm]."""
        count = len(points)
        return Cylinders.of_bars(
            points, np.column_stack([np.arange(count - 1), np.arange(1, count)]), radius=radius, material=material, bore=bore
        )

    def moved(self, nodes: Any) -> "Cylinders":
        """The same segments with their nodes (n, 3) [mm] elsewhere."""
        fresh = dataclasses.replace(self, nodes=np.ascontiguousarray(nodes, np.float64))
        fresh.__dict__["beyond"] = self.beyond
        return fresh

    @cached_property
    def beyond(self) -> np.ndarray:
        """For each end of each segment the node beyond it along the wire, −1 where the wire ends or branches, shape (k, 2)."""
        flat = self.bars.ravel()
        meeting = np.bincount(flat, minlength=len(self.nodes))
        order = np.argsort(flat, kind="stable")
        first = np.cumsum(meeting) - meeting
        other = self.bars[:, ::-1].ravel()
        place = np.arange(len(flat))
        joined = np.flatnonzero(meeting[flat] == 2)
        pair = np.stack([order[first[flat[joined]]], order[first[flat[joined]] + 1]], axis=1)
        partner = np.where(pair[:, 0] == place[joined], pair[:, 1], pair[:, 0])
        found = np.full(len(flat), -1)
        found[joined] = other[partner]
        return found.reshape(-1, 2)

    @property
    def volume_mm3(self) -> float:
        """Volume of the material [mm³]."""
        lengths = np.linalg.norm(np.diff(self.nodes[self.bars], axis=1)[:, 0], axis=1)
        return float((np.pi * (self.radius**2 - self.bore**2) * lengths).sum())

    def cuts(self) -> np.ndarray:
        """Unit normals, along the wire, of the planes at each segment's two ends, shape (k, 2, 3)."""
        along = self.nodes[self.bars[:, 1]] - self.nodes[self.bars[:, 0]]
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-300)
        cuts = np.stack([along, along], axis=1)
        for end, sign in ((0, -1.0), (1, 1.0)):
            node, beyond = self.bars[:, end], self.beyond[:, end]
            onward = sign * (self.nodes[beyond] - self.nodes[node])
            onward /= np.maximum(np.linalg.norm(onward, axis=1, keepdims=True), 1e-300)
            mitred = (beyond >= 0) & (np.einsum("ij,ij->i", onward, along) > 0.0)
            cuts[mitred, end] += onward[mitred]
        return cuts / np.linalg.norm(cuts, axis=2, keepdims=True)


def add_cylinders(cylinders: Cylinders, carm: CArm, layers: Layers, *, rays: int = RAYS) -> None:
    """Add the lengths of rays inside cylinders to the layer of their material.

    Each pixel takes the mean of `rays`² rays; with 1 it is the ray through its centre.

    Raises
    ------
    InputError
        If a segment reaches to the X-ray source or behind it.
    """
    if not len(cylinders.bars):
        return
    seen = np.ascontiguousarray(carm.seen(cylinders.nodes))
    used = seen[cylinders.bars]
    behind = (used[:, :, 2].min(axis=1) - cylinders.radius) < NEAREST_MM
    if behind.any():
        raise InputError(
            f"{int(behind.sum())} segments of {cylinders.material} reach to the X-ray source or behind it; shift the table."
        )
    cuts = np.ascontiguousarray((cylinders.cuts() @ carm.axes.T).reshape(-1, 3))
    sums_of_cylinders(
        len(cylinders.bars), carm.pixels, layers.number(cylinders.material) * carm.pixels**2, rays,
        lent(np.ascontiguousarray(used.reshape(-1, 3))), lent(cuts), lent(cylinders.radius), lent(cylinders.bore),
        lent(camera_numbers(carm)), layers.sums,
    )  # fmt: skip


@ti.func
def inside_tube(offset, far: ti.f64, axis, ray, radius: ti.f64):
    """Where a ray from the source is inside an endless cylinder, as two depths; the second is less where it is not.

    `offset` leads from the source squarely to the axis, `far` is its square.
    """
    along = ray.dot(axis)
    square = ray.dot(ray) - along * along
    first, last = ti.f64(1.0), ti.f64(-1.0)
    if square < 1e-13:
        if far < radius * radius:
            first, last = ti.f64(0.0), ti.f64(1e6)
    else:
        inverse = 1.0 / square
        middle = offset.dot(ray) * inverse
        left = radius * radius - (far - middle * middle * square)
        if left > 0.0:
            half = ti.sqrt(left * inverse)
            first, last = middle - half, middle + half
    return ti.Vector([first, last])


@ti.func
def kept(span, normal, node, ray, side: ti.f64):
    """The part of a ray's span on one side of a plane: beyond it for side +1, before it for −1."""
    first, last = span[0], span[1]
    speed, offset = side * normal.dot(ray), side * normal.dot(node)
    if speed > 0.0:
        first = ti.max(first, offset / speed)
    elif speed < 0.0:
        last = ti.min(last, offset / speed)
    elif offset > 0.0:
        last = first
    return ti.Vector([first, last])


@ti.kernel
def sums_of_cylinders(
    count: ti.i32,
    pixels: ti.i32,
    layer_start: ti.i32,
    rays: ti.i32,
    ends: Vec3ds,
    cuts: Vec3ds,
    radii: Doubles,
    bores: Doubles,
    camera: Doubles,
    sums_out: Longs,
):
    """Add the mean length inside each segment over the rays of every pixel in a band about its shadow."""
    ti.loop_config(block_dim=64)
    for s in range(count):
        start, end, radius, bore = ends[2 * s], ends[2 * s + 1], radii[s], bores[s]
        axis = (end - start).normalized(1e-300)
        offset = start - start.dot(axis) * axis
        far = offset.norm_sqr()
        scale, middle = camera[12], camera[13]
        # A mitred end reaches at most a radius beyond its node, since no wire turns there by more than a right angle.
        shadow = radius * scale / (ti.min(start[2], end[2]) - 1.5 * radius)
        reach, band = 1.5 * shadow + 0.75, 1.05 * shadow + 0.75
        column_a, row_a = middle + scale * start[0] / start[2], middle - scale * start[1] / start[2]
        column_b, row_b = middle + scale * end[0] / end[2], middle - scale * end[1] / end[2]
        left, right = ti.max(ti.min(column_a, column_b) - reach, 0.0), ti.min(ti.max(column_a, column_b) + reach, pixels - 1.0)
        top, bottom = ti.max(ti.min(row_a, row_b) - reach, 0.0), ti.min(ti.max(row_a, row_b) + reach, pixels - 1.0)
        fall, aside = row_b - row_a, column_b - column_a
        narrow, step = 1.0 / scale, 1.0 / ti.cast(rays, ti.f64)
        for row in range(ti.cast(ti.ceil(top), ti.i32), ti.cast(ti.floor(bottom), ti.i32) + 1):  # pyright: ignore[reportArgumentType]
            first, last = left, right
            if ti.abs(fall) > 0.5:
                centre = column_a + (row - row_a) * aside / fall
                wide = band * ti.sqrt(fall * fall + aside * aside) / ti.abs(fall)
                first, last = ti.max(left, centre - wide), ti.min(right, centre + wide)
            for column in range(ti.cast(ti.ceil(first), ti.i32), ti.cast(ti.floor(last), ti.i32) + 1):  # pyright: ignore[reportArgumentType]
                total = ti.f64(0.0)
                for ray_number in range(rays * rays):
                    down, over = (ray_number // rays + 0.5) * step - 0.5, (ray_number % rays + 0.5) * step - 0.5
                    ray = ti.Vector([(column + over - middle) * narrow, (middle - row - down) * narrow, 1.0], ti.f64)
                    span = inside_tube(offset, far, axis, ray, radius)
                    if span[1] > span[0]:
                        span = kept(kept(span, cuts[2 * s], start, ray, 1.0), cuts[2 * s + 1], end, ray, -1.0)
                        total += ti.max(span[1] - span[0], 0.0)
                        if bore > 0.0:
                            hollow = inside_tube(offset, far, axis, ray, bore)
                            if hollow[1] > hollow[0]:
                                hollow = kept(kept(hollow, cuts[2 * s], start, ray, 1.0), cuts[2 * s + 1], end, ray, -1.0)
                                total -= ti.max(hollow[1] - hollow[0], 0.0)
                if total > 0.0:
                    ti.atomic_add(
                        sums_out[layer_start + row * pixels + column], ti.cast(ti.round(total * step * step / UNIT_MM), ti.i64)
                    )
