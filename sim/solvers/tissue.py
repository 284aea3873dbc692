"""The tissue's part of a tick: its energy, its forces and their stiffness, under all loads but contacts'."""

import math

import numpy as np
import taichi as ti

from sim import elements, pockets, pressure
from sim.arrays import Array, mat3, put, vec2, vec3, vec3d, zeros
from sim.chunks import partial_length
from sim.command import Command
from sim.launching import Launcher
from sim.model import Model
from sim.solvers import assembly, motion
from sim.solvers.inflated import Inflated
from sim.solvers.loads import dead_loads
from sim.solvers.pulled import Pulled
from sim.solvers.sealed import Sealed, sealed_off
from sim.state import State


class Tissue:
    """Scratch for one model's tissue; what it leaves is of the displacement that it was last shown.

    `moves` tells whether any of it is not held, `sealed` what fabric seals off from the blood in this tick.
    """

    def __init__(self, model: Model):
        m = self.model = model
        laws, added = m.materials.kinds, m.materials.added
        self._launch = Launcher()
        self._stress = elements.stress_kernel(laws, added)
        self._stiffness = elements.stiffness_kernel(laws, added)
        self._energy = elements.energy_kernel(laws, added)
        n = m.vertex_count
        self.moves = bool(m.free.to_numpy().any())
        self.force, self.before = zeros(n, vec3), zeros(n, vec3d)
        self.matrix, self.slope = zeros(m.entry_count, mat3), zeros(m.pockets.entry_count, vec3)
        self.slope_by_vertex = zeros(m.pockets.entry_count, vec3)
        self._rim, self._dead, self._pull = (zeros(n, vec3) for _ in range(3))
        self._all = put(np.ones(n), ti.f32)
        self._own, self._element_stress = zeros(n, mat3), zeros(m.tet_count, mat3)
        self._inflated, self._pulled, self._own_now = Inflated(m), Pulled(m), zeros(n, mat3)
        self._blocks = zeros(m.groups.slot_count, mat3)
        self._area = put(np.zeros((m.tet_count, 4, 3)), vec3)
        self._change = zeros(m.tet_count, ti.f64)
        self._pocket_pressure = zeros(m.pockets.count, ti.f32)
        self._load = zeros(m.loaded.count, ti.f32)
        self._now = zeros(len(m.materials.laws), vec2)
        count = m.tet_count if added else 1
        self._extra, self._strain = zeros(count, mat3), zeros(count, mat3)
        self._partial = zeros(partial_length(n, m.tet_count, m.pockets.count, m.loaded.count), ti.f64)
        self._lasting = np.zeros((0, 3, 3))
        self.sealed: Sealed | None = None
        self._presses = False
        self._scale = 0.0

    # --- the tick ---------------------------------------------------------------------------------------------------

    def begin(self, state: State, command: Command, h: float | None) -> None:
        """Take up a tick of length h [s], or statics where h is None, from `state` under `command`."""
        m, n = self.model, self.model.vertex_count
        self._launch(motion.copy, n, state.displacement, self.before)
        self._dead.from_numpy(dead_loads(m, command).astype(np.float32))
        load = m.loaded.pressures({"lumen": command.blood_pressure, **command.pressures})
        self.sealed = sealed_off(m, state, command)
        if self.sealed:
            load[m.loaded.names["lumen"]] -= self.sealed.relief[m.body.lumen].mean(axis=1)
        self._presses = bool(load.any())
        self._load.from_numpy(load.astype(np.float32))
        inverse_h = 0.0 if h is None else 1.0 / h
        self._launch(
            motion.prepare_vertices, n, inverse_h, m.body.drag, m.mass, m.spring, m.dashpot, self._dead, self.before,
            state.velocity, self._own, self._pull,
        )  # fmt: skip
        self._prepare_materials(state, command, h)
        self._scale = self._least_force(command)
        self._inflated.begin(state, command)
        self._pulled.begin(command)

    def _prepare_materials(self, state: State, command: Command, h: float | None) -> None:
        """Factor of each law and what elements bear besides: active, viscous and relaxing stress."""
        m = self.model
        laws = m.materials
        now = np.zeros((len(laws.laws), 2))
        now[:, elements.SCALE] = 1.0
        if h is not None:
            now[:, elements.SCALE] += laws.share * _delta(h, laws.time)
            now[:, elements.VISCOSITY] = laws.viscosity / h
        self._now.from_numpy(now.astype(np.float32))
        if not laws.added:
            return
        extra = np.zeros((m.tet_count, 3, 3))
        if command.activation and m.body.frames is not None:
            fibre = m.body.frames[:, :, 0]
            extra += (command.activation * laws.tension[laws.of_tet])[:, None, None] * np.einsum("ti,tj->tij", fibre, fibre)
        if h is not None and (laws.relaxes or laws.viscosity.any()):
            pull, strain = self.pull_and_strain(state)
            extra -= (laws.viscosity / h)[laws.of_tet][:, None, None] * strain
            if laws.relaxes:
                kept = np.exp(-h / laws.time)[laws.of_tet][:, None, None]
                self._lasting = kept * state.overstress - self._fresh(h) * pull
                extra += self._lasting
        self._extra.from_numpy(extra.astype(np.float32))

    def pull_and_strain(self, state: State) -> tuple[np.ndarray, np.ndarray]:
        """Second Piola–Kirchhoff stress of the laws without volume [Pa], and Green's strain, shape (m, 3, 3)."""
        m = self.model
        elements.pull_kernel(m.materials.kinds)(
            m.tet_count, m.tets, m.edges_inverse, m.material, m.kind, m.parameters, m.frames, state.displacement, self._extra,
            self._strain,
        )  # fmt: skip
        return self._extra.to_numpy().astype(float), self._strain.to_numpy().astype(float)

    def relaxed(self, state: State, h: float) -> np.ndarray:
        """Relaxing stress Q [Pa] after the tick of length h that was begun, shape (m, 3, 3)."""
        return self._lasting + self._fresh(h) * self.pull_and_strain(state)[0]

    def _fresh(self, h: float) -> np.ndarray:
        """Share of the laws' stress that joins Q in a tick, shape (m, 1, 1)."""
        laws = self.model.materials
        return (laws.share * _delta(h, laws.time))[laws.of_tet][:, None, None]

    # --- energy and force -------------------------------------------------------------------------------------------

    def energy(self, state: State) -> float:
        """Energy but for contacts' [J] at the state's displacement; leaves the pockets' pressures."""
        m, u, p = self.model, state.displacement, self.model.pockets
        energy = self._launch(
            self._energy, m.tet_count, m.tets, m.edges_inverse, m.volume, m.material, m.kind, m.parameters, m.kept, self._now,
            m.frames, self._extra, u, self._change, self._partial,
        )  # fmt: skip
        energy += self._launch(
            pockets.pocket_pressures, p.count, p.volume, p.stiffness, p.first, p.tets, m.volume, self._change,
            self._pocket_pressure, self._partial,
        )  # fmt: skip
        energy += self._launch(motion.vertex_energy, m.vertex_count, self._own, self._pull, self.before, u, self._partial)
        if self._presses:
            energy -= self._launch(
                pressure.pressure_energy, m.loaded.count, m.loaded.triangles, self._load, m.rest, u, self._partial,
            )  # fmt: skip
        energy += self._inflated.energy(u, self._partial)
        return energy + self._pulled.energy(u)

    def jacobians(self) -> np.ndarray:
        """J of each element at the displacement at which `energy` was asked last, shape (m,)."""
        return 1.0 + self._change.to_numpy()

    def rim_work(self, start: Array, state: State) -> float:
        """Work of what pressure does beyond the slope of its energy [J], from `start` [m] on; for a line search."""
        if not self._presses:
            return 0.0
        return self._launch(motion.work, self.model.vertex_count, self._rim, start, state.displacement, self._partial)

    def find_force(self, state: State) -> float:
        """Leave all but contacts' forces in `force` [N]; returns the size of the elastic ones.

        `energy` must have been asked at the same displacement.
        """
        m, u, n = self.model, state.displacement, self.model.vertex_count
        self._launch(
            self._stress, m.tet_count, m.tets, m.edges_inverse, m.volume, m.material, m.kind, m.parameters, m.kept, self._now,
            m.frames, m.pockets.of_corner, self._pocket_pressure, self._extra, u, self._element_stress,
        )  # fmt: skip
        # Held vertices count too: where nothing but they load the tissue, their reactions are the forces at work.
        self._launch(
            elements.gather_elastic_force, n, m.corner_first, m.corners, m.edges_inverse, self._element_stress, self._all,
            self.force,
        )  # fmt: skip
        elastic = self.force_size()
        if self._presses:
            self._launch(
                pressure.add_pressure_force, n, m.loaded.first, m.loaded.triangles_of, m.loaded.triangles, self._load, m.rest, u,
                m.free, self.force, self._rim,
            )  # fmt: skip
        self._inflated.add_force(u, self.force)
        self._pulled.add_force(u, self.force)
        self._launch(motion.add_vertex_force, n, self._own, self._pull, self.before, u, m.free, self.force)
        return elastic

    def held_forces(self, state: State) -> np.ndarray:
        """What holds the vertices that are not free, and nought elsewhere [N], shape (n, 3), at rest under the loads last begun.

        `energy` must have been asked at the same displacement.
        """
        m, n = self.model, self.model.vertex_count
        everywhere = put(np.ones(n), ti.f32)
        self._launch(
            elements.gather_elastic_force, n, m.corner_first, m.corners, m.edges_inverse, self._element_stress, everywhere,
            self.force,
        )  # fmt: skip
        if self._presses:
            self._launch(
                pressure.add_pressure_force, n, m.loaded.first, m.loaded.triangles_of, m.loaded.triangles, self._load, m.rest,
                state.displacement, everywhere, self.force, self._rim,
            )  # fmt: skip
        held = self.model.free.to_numpy()[:, None] == 0.0
        return np.where(held, -(self.force.to_numpy() + self._dead.to_numpy()).astype(float), 0.0)

    def force_size(self) -> float:
        """Root of the sum of squares of `force` [N]."""
        return math.sqrt(self._launch(motion.squared_norm, self.model.vertex_count, self.force, self._partial))

    @property
    def least_force(self) -> float:
        """A scale of force that keeps the residual meaningful near rest [N]."""
        return self._scale

    def _least_force(self, command: Command) -> float:
        """The dead loads, and 1 Pa on the loaded surfaces or a thousandth of the pressure there."""
        free = self.model.free.to_numpy()[:, None]
        dead = float(np.linalg.norm(free * self._dead.to_numpy()))
        triangles = self.model.loaded.triangles.to_numpy()[: self.model.loaded.count]
        if len(triangles) == 0:
            return max(dead, 1e-9)
        p = self.model.body.vertices[triangles]
        area = 0.5 * np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1)
        highest = max([abs(command.blood_pressure), *map(abs, command.pressures.values())])
        return max(dead, float(np.linalg.norm(area)) * max(1.0, 1e-3 * highest))

    # --- stiffness --------------------------------------------------------------------------------------------------

    def assemble(self, state: State, *, whole: bool) -> None:
        """Leave block rows of the slope of −force in `matrix` and the pockets' slopes in `slope` and `slope_by_vertex`.

        With `whole` the exact slope, which may be indefinite, else a positive one near it.
        """
        m, u, p, g = self.model, state.displacement, self.model.pockets, self.model.groups
        self._launch(
            self._stiffness, m.tet_count, g.size, g.slot_first, g.slot, m.tets, m.edges_inverse, m.volume, m.material, m.kind,
            m.parameters, m.kept, self._now, m.frames, p.of_corner, self._pocket_pressure, self._extra, u, int(whole),
            self._blocks, self._area,
        )  # fmt: skip
        own = self._own
        if self._inflated.presses or self._pulled.pulls:
            own = self._own_now
            self._launch(motion.copy_blocks, m.vertex_count, self._own, own)
            self._inflated.add_stiffness(u, own)
            self._pulled.add_stiffness(u, own)
        self._launch(
            assembly.gather_stiffness, m.upper_count, m.upper, m.mirror, m.row, m.column, g.entry_first, g.entry_slots,
            self._blocks, m.loaded.edges, m.loaded.triangles, self._load, m.rest, u, m.free, own, self.matrix,
        )  # fmt: skip
        self._launch(
            pockets.pocket_slopes, p.entry_count, p.entry_first, p.entry_corners, p.column, p.place, m.free, self._area,
            self.slope, self.slope_by_vertex,
        )  # fmt: skip


def _delta(h: float, time: np.ndarray) -> np.ndarray:
    """(1 − exp(−h/τ)) τ/h of relaxing stress."""
    return -np.expm1(-h / time) * time / h
