"""A balloon that presses on the wall about it.

Each vertex of the lumen bears some area A of the balloon. Where the wall is nearer to the axis than the balloon would be in
air, it is pressed with what of the pressure the balloon's skin does not carry, P − P_c(r/f), f the shoulders' share of the
radius: minus the slope of A f ∫ (P − P_c(s)) ds from r/f to the free radius. Axis, areas and directions are those at which the
tick begins. Where struts lie upon the balloon they hold it back, and there it presses on them alone.
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
from sim.rods.network import Pose
from sim.solvers.bearing import bearing
from sim.solvers.device_parts import across, middle_of
from sim.state import State

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

    def begin(self, state: State, command: Command) -> None:
        """Take up a tick from where tissue and device are; a balloon that the command does not name presses no more."""
        self._pressing = []
        full = [one for one in self._mounted if command.balloons.get(one.name, 0.0) > 0.0]
        if not full or not len(self._wall):
            return
        points = self.model.body.vertices + state.displacement.to_numpy()
        device = state.device_position + self.model.origin
        for one in full:
            assert self.model.device is not None
            scratch, placed = self._scratch[one.name], self.model.device.placed(one, Pose(device, state.device_rotation))
            scratch.fill(self.model, self._wall, placed, points, device, command.balloons[one.name])
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
    """One balloon's vertices on the backend: numbers, feet on the axis [m], directions outwards, areas [m²], shares of radius."""

    def __init__(self, most: int):
        self._most = max(most, 1)
        self.count, self.rows, self._table_length = 0, 0, 0
        self._vertices = zeros(self._most, ti.i32)
        self._foot, self._outward = zeros(self._most, vec3d), zeros(self._most, vec3)
        self._area, self._narrow = zeros(self._most, ti.f32), zeros(self._most, ti.f32)
        self._table = put(np.zeros(1), ti.f64)

    @property
    def arrays(self) -> tuple[Any, Any, Any, Any, Any, Any]:
        return self._table, self._vertices, self._foot, self._outward, self._area, self._narrow

    def fill(
        self, model: Model, wall: np.ndarray, mounted: Mounted, points: np.ndarray, device: np.ndarray, pressure: float
    ) -> None:
        """Choose the vertices about the balloon, away from struts upon it, and their share of its area.

        `points` are all vertices [m], shape (n, 3), `device` the device's nodes [m], shape (k, 3).
        """
        balloon, borne = mounted.balloon, bearing(mounted, device)
        reach = FARTHEST * balloon.free_radius(pressure)
        near = wall[np.abs(points[wall] - balloon.axis.mean(0)).max(1) < reach + np.ptp(balloon.axis, axis=0).max()]
        foot, along, station = balloon.nearest(points[near])
        narrow = balloon.share_at(station)
        facing = _areas(points, model.body.lumen, near)
        off = points[near] - foot
        # A closed balloon pushes nowhere as a whole: it lies in the middle of its struts, or of the lumen where it has none.
        if len(borne.spans):
            within = (station[:, None] > borne.spans[:, 0]) & (station[:, None] < borne.spans[:, 1])
            narrow = np.where(within.any(axis=1), 0.0, narrow)
            foot = foot + middle_of(across(device - borne.centre, borne.tangent), borne.station, borne.share, station)
        else:
            about = (narrow > 0.0) & (np.linalg.norm(off, axis=1) < reach) & (np.einsum("ni,ni->n", facing, off) > 0.0)
            foot = foot + middle_of(across(off, along), station, np.linalg.norm(facing, axis=1) * about)
        off = across(points[near] - foot, along)
        distance = np.maximum(np.linalg.norm(off, axis=1), 1e-9)
        outward = off / distance[:, None]
        area = np.einsum("ni,ni->n", facing, outward)
        keep = (narrow > 0.0) & (distance < reach) & (area > 0.0)
        self.count = int(keep.sum())
        self._vertices.from_numpy(self._long(near[keep], np.int32))
        self._foot.from_numpy(self._long((foot - model.origin)[keep], np.float64))
        self._outward.from_numpy(self._long(outward[keep], np.float32))
        self._area.from_numpy(self._long(area[keep], np.float32))
        self._narrow.from_numpy(self._long(narrow[keep], np.float32))
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
def _radius(i, v, foot: Passed, outward: Passed, rest: Passed, u: Passed):  # pyright: ignore
    """How far a vertex is from the axis in the direction in which it is pressed [m]."""
    return (ti.cast(rest[v], ti.f64) + u[v] - foot[i]).dot(ti.cast(outward[i], ti.f64))


@ti.kernel
def _energy(
    count: int, rows: int, table: Doubles, vertices: Ints, foot: Vec3ds, outward: Vec3s, area: Floats, narrow: Floats,
    rest: Vec3s, u: Vec3ds, partial: Doubles,
) -> ti.f64:  # fmt: skip
    chunks = chunk_count(count)
    ti.loop_config(serialize=backend.small_loops_serial)
    for c in range(chunks):
        total = ti.f64(0.0)
        for i in range(c * CHUNK, ti.min((c + 1) * CHUNK, count)):
            radius = _radius(i, vertices[i], foot, outward, rest, u) / narrow[i]
            if radius < table[3 * rows]:
                k = _row(rows, table, radius)
                low = table[3 * k]
                swept = (table[0] - table[3 * k + 1]) * (radius - low) - 0.5 * _slope(k, table) * (radius - low) ** 2
                total += ti.f64(area[i]) * narrow[i] * (table[3 * rows + 2] - table[3 * k + 2] - swept)
        partial[c] = total
    energy = ti.f64(0.0)
    ti.loop_config(serialize=True)
    for _ in range(1):
        energy += summed(chunks, partial)
    return energy


@ti.kernel
def _add_force(
    count: int, rows: int, table: Doubles, vertices: Ints, foot: Vec3ds, outward: Vec3s, area: Floats, narrow: Floats,
    rest: Vec3s, u: Vec3ds, force_out: Vec3s,
):  # fmt: skip
    ti.loop_config(serialize=backend.small_loops_serial)
    for i in range(count):
        v = vertices[i]
        radius = _radius(i, v, foot, outward, rest, u) / narrow[i]
        if radius < table[3 * rows]:
            k = _row(rows, table, radius)
            left = table[0] - table[3 * k + 1] - _slope(k, table) * (radius - table[3 * k])
            force_out[v] += area[i] * ti.cast(left, ti.f32) * outward[i]


@ti.kernel
def _add_stiffness(
    count: int, rows: int, table: Doubles, vertices: Ints, foot: Vec3ds, outward: Vec3s, area: Floats, narrow: Floats,
    rest: Vec3s, u: Vec3ds, own_out: Mat3s,
):  # fmt: skip
    ti.loop_config(serialize=backend.small_loops_serial)
    for i in range(count):
        v = vertices[i]
        radius = _radius(i, v, foot, outward, rest, u) / narrow[i]
        if radius < table[3 * rows]:
            stiff = area[i] / narrow[i] * ti.cast(_slope(_row(rows, table, radius), table), ti.f32)
            own_out[v] += stiff * outward[i].outer_product(outward[i])
