"""A balloon that presses on the wall about it.

Each vertex of the lumen bears an area a = share · r of the balloon, share its angle times its length about the axis [m·rad].
Where the wall is nearer to the axis than the balloon would be in air, it is pressed with what of the pressure the balloon's
skin does not carry, P − P_c(r/f), f the shoulders' share of the radius: minus the slope of share f² ∫ (P − P_c(s)) s ds from
r/f to the free radius. Where struts lie upon the balloon they hold it back, and there it presses on them alone.
"""

from typing import Any

import numpy as np
import taichi as ti

from sim import backend
from sim.arrays import Doubles, Floats, Ints, Mat3s, Passed, Vec3ds, Vec3s, put, vec3, vec3d, zeros
from sim.chunks import CHUNK, chunk_count, summed
from sim.command import Command
from sim.device import Mounted
from sim.model import Model

FARTHEST = 2.0
"""Distance from the axis up to which a vertex is watched, in free radii."""


class Inflated:
    """The balloons of a tick, each on the vertices of the lumen about it."""

    def __init__(self, model: Model):
        self.model = model
        self._mounted = model.device.balloons if model.device else ()
        self._wall = np.unique(model.body.lumen)
        self._scratch = {one.name: _Scratch(len(self._wall)) for one in self._mounted}
        self._pressing: list[_Scratch] = []

    def begin(self, displacement: np.ndarray, device: np.ndarray, command: Command) -> None:
        """Take up a tick from displacements [m], shape (n, 3), and places of the device's nodes [m], shape (k, 3)."""
        self._pressing = []
        for one in self._mounted:
            pressure = command.balloons.get(one.name, 0.0)
            if pressure > 0.0 and len(self._wall):
                scratch = self._scratch[one.name]
                scratch.fill(self.model, self._wall, one, displacement, device, pressure)
                if scratch.count:
                    self._pressing.append(scratch)

    @property
    def presses(self) -> bool:
        """Whether any balloon is near the wall."""
        return bool(self._pressing)

    def energy(self, u: Any, partial: Any) -> float:
        """Energy left in the balloons that press [J]."""
        return sum(_energy(one.count, one.rows, *one.arrays, self.model.rest, u, partial) for one in self._pressing)

    def add_force(self, u: Any, force: Any) -> None:
        """Add what balloons press on each vertex [N]."""
        for one in self._pressing:
            _add_force(one.count, one.rows, *one.arrays, self.model.rest, u, force)

    def add_stiffness(self, u: Any, own: Any) -> None:
        """Add the positive part of the slope of −force to each vertex's own block [N/m]."""
        for one in self._pressing:
            _add_stiffness(one.count, one.rows, *one.arrays, self.model.rest, u, own)


class _Scratch:
    """One balloon's vertices on the backend: numbers, feet on the axis [m], directions, shares of area [m·rad] and of radius."""

    def __init__(self, most: int):
        self._most = max(most, 1)
        self.count, self.rows, self._table_length = 0, 0, 0
        self._vertices = zeros(self._most, ti.i32)
        self._foot, self._along = zeros(self._most, vec3d), zeros(self._most, vec3)
        self._share, self._narrow = zeros(self._most, ti.f32), zeros(self._most, ti.f32)
        self._table = put(np.zeros(1), ti.f64)

    @property
    def arrays(self) -> tuple[Any, ...]:
        return self._table, self._vertices, self._foot, self._along, self._share, self._narrow

    def fill(
        self, model: Model, wall: np.ndarray, mounted: Mounted, displacement: np.ndarray, device: np.ndarray, pressure: float
    ) -> None:
        """Choose the vertices about the balloon, away from struts upon it, and their share of its area."""
        points = model.body.vertices + displacement
        balloon = mounted.balloon
        reach = FARTHEST * balloon.free_radius(pressure)
        near = wall[np.abs(points[wall] - balloon.axis.mean(0)).max(1) < reach + np.ptp(balloon.axis, axis=0).max()]
        foot, along, station = balloon.nearest(points[near])
        narrow = np.where(_covered(mounted, device, station), 0.0, balloon.share_at(station))
        off = points[near] - foot
        distance = np.linalg.norm(off, axis=1)
        watched = (narrow > 0.0) & (distance < reach)
        chosen = near[watched]
        off, distance = off[watched], np.maximum(distance[watched], 1e-9)
        share = np.maximum(np.einsum("ni,ni->n", _areas(points, model.body.lumen, chosen), off) / distance**2, 0.0)
        keep = share > 0.0
        self.count = int(keep.sum())
        self._vertices.from_numpy(self._long(chosen[keep], np.int32))
        self._foot.from_numpy(self._long((foot[watched] - model.origin)[keep], np.float64))
        self._along.from_numpy(self._long(along[watched][keep], np.float32))
        self._share.from_numpy(self._long(share[keep], np.float32))
        self._narrow.from_numpy(self._long(narrow[watched][keep], np.float32))
        table = balloon.work_table(pressure)
        table = np.concatenate([[[pressure, 0.0, 0.0]], table])
        self.rows = len(table) - 1
        if len(table) != self._table_length:
            self._table, self._table_length = put(table.ravel(), ti.f64), len(table)
        else:
            self._table.from_numpy(table.ravel())

    def _long(self, values: np.ndarray, kind: Any) -> np.ndarray:
        whole = np.zeros((self._most, *values.shape[1:]), kind)
        whole[: len(values)] = values
        return whole


def _covered(mounted: Mounted, device: np.ndarray, station: np.ndarray) -> np.ndarray:
    """Which stations along a balloon [m] lie under struts, shape (n,)."""
    under = device[mounted.share > 0.0]
    if len(under) == 0:
        return np.zeros(len(station), bool)
    places = mounted.balloon.nearest(under)[2]
    return (station > places.min()) & (station < places.max())


def _areas(points: np.ndarray, triangles: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Area vector of each vertex, out of the blood: a third of those of its triangles [m²], shape (k, 3)."""
    p = points[triangles]
    third = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]) / 6.0
    corner = triangles.ravel()
    every = np.stack([np.bincount(corner, np.repeat(third[:, axis], 3), len(points)) for axis in range(3)], 1)
    return every[vertices]


@ti.func
def _row(rows, table: Passed, radius):  # pyright: ignore
    """Number of the table's last row whose radius is not above `radius`, counted from 1 since row 0 holds the pressure."""
    k = 1
    while k < rows - 1 and table[3 * (k + 1)] <= radius:
        k += 1
    return k


@ti.func
def _slope(k, table: Passed):  # pyright: ignore
    """dP_c/dr between a row and the next [Pa/m]."""
    return (table[3 * (k + 1) + 1] - table[3 * k + 1]) / (table[3 * (k + 1)] - table[3 * k])


@ti.func
def _off(i, v, foot: Passed, along: Passed, rest: Passed, u: Passed):  # pyright: ignore
    """From the axis to a vertex, across the axis [m]."""
    away = ti.cast(rest[v], ti.f64) + u[v] - foot[i]
    way = ti.cast(along[i], ti.f64)
    return away - away.dot(way) * way


@ti.kernel
def _energy(
    count: int, rows: int, table: Doubles, vertices: Ints, foot: Vec3ds, along: Vec3s, share: Floats, narrow: Floats,
    rest: Vec3s, u: Vec3ds, partial: Doubles,
) -> ti.f64:  # fmt: skip
    chunks = chunk_count(count)
    ti.loop_config(serialize=backend.small_loops_serial)
    for c in range(chunks):
        total = ti.f64(0.0)
        for i in range(c * CHUNK, ti.min((c + 1) * CHUNK, count)):
            radius = _off(i, vertices[i], foot, along, rest, u).norm() / narrow[i]
            if radius < table[3 * rows]:
                k = _row(rows, table, radius)
                low, slope = table[3 * k], _slope(k, table)
                constant = table[0] - table[3 * k + 1] + slope * low
                swept = table[3 * k + 2] + constant * (radius**2 - low**2) / 2.0 - slope * (radius**3 - low**3) / 3.0
                total += ti.f64(share[i]) * narrow[i] ** 2 * (table[3 * rows + 2] - swept)
        partial[c] = total
    energy = ti.f64(0.0)
    ti.loop_config(serialize=True)
    for _ in range(1):
        energy += summed(chunks, partial)
    return energy


@ti.kernel
def _add_force(
    count: int, rows: int, table: Doubles, vertices: Ints, foot: Vec3ds, along: Vec3s, share: Floats, narrow: Floats,
    rest: Vec3s, u: Vec3ds, force_out: Vec3s,
):  # fmt: skip
    ti.loop_config(serialize=backend.small_loops_serial)
    for i in range(count):
        v = vertices[i]
        off = _off(i, v, foot, along, rest, u)
        radius = off.norm() / narrow[i]
        if radius < table[3 * rows]:
            k = _row(rows, table, radius)
            left = table[0] - table[3 * k + 1] - _slope(k, table) * (radius - table[3 * k])
            force_out[v] += ti.cast(share[i] * left * off, ti.f32)


@ti.kernel
def _add_stiffness(
    count: int, rows: int, table: Doubles, vertices: Ints, foot: Vec3ds, along: Vec3s, share: Floats, narrow: Floats,
    rest: Vec3s, u: Vec3ds, own_out: Mat3s,
):  # fmt: skip
    ti.loop_config(serialize=backend.small_loops_serial)
    for i in range(count):
        v = vertices[i]
        off = _off(i, v, foot, along, rest, u)
        distance = off.norm()
        radius = distance / narrow[i]
        if radius < table[3 * rows]:
            stiff = share[i] * _slope(_row(rows, table, radius), table) * radius
            outward = ti.cast(off / distance, ti.f32)
            own_out[v] += ti.cast(stiff, ti.f32) * outward.outer_product(outward)
