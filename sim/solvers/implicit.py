"""The engine: one incremental potential for tissue, device, contact and blood, minimised by truncated Newton steps."""

import numpy as np
import taichi as ti

from sim import contact, elements, pressure
from sim.arrays import mat3, put, vec2, vec3, vec3d, vec4, zeros
from sim.command import Command
from sim.model import Model
from sim.solvers import linear, motion
from sim.solvers.coarse import CoarseSpace
from sim.solvers.dense import one_thread
from sim.solvers.device import (
    DeviceStep,
    compliance_of,
    contact_blocks,
    contact_push,
    contact_stiffness,
    eliminated_stiffness,
)
from sim.solvers.settings import DivergedError, Settings, TickReport
from sim.state import State


class ImplicitSolver:
    """Advances a State of one Model by ticks of fixed length; keeps scratch only."""

    def __init__(self, model: Model, settings: Settings | None = None):
        self.model = model
        self.settings = settings or Settings()
        m = model
        self._stress, self._stiffness, self._energy = elements.element_kernels(m.laws)
        n, s, k = m.vertex_count, m.sample_count, m.node_count
        self._element_stress = zeros(m.tet_count, mat3)
        self._blocks = zeros(16 * m.tet_count, mat3)
        self._matrix = zeros(m.entry_count, mat3)
        self._inverse = zeros(n, mat3)
        self._force, self._start, self._predicted, self._normals = (zeros(n, vec3) for _ in range(4))
        self._before = zeros(n, vec3)
        self._vectors = put(np.zeros((linear.VECTOR_COUNT, n, 3)), vec3)
        self._partial = zeros(2 * (max(n, m.tet_count, m.lumen_count, s) // elements.CHUNK + 1), ti.f64)
        self._scalars = zeros(linear.SCALAR_COUNT, ti.f64)
        self._triangle = put(np.full(max(s, 1), -1), ti.i32)
        self._weights, self._normal = zeros(s, vec3), zeros(s, vec3)
        self._distance, self._contact_force = zeros(s, ti.f32), zeros(s, ti.f32)
        self._traction, self._push, self._slide = (zeros(s, vec3) for _ in range(3))
        self._slope = zeros(s, vec2)
        self._contact_stiffness = put(np.ones(max(s, 1)), ti.f32)
        self._contact_first, self._contact_corners = zeros(n + 1, ti.i32), zeros(3 * s, ti.i32)
        self._cursor = zeros(n + 1, ti.i32)
        self._contact_scratch = put(np.zeros((2, max(s, 1), 3)), vec3)
        self._compliance = put(np.zeros((max(k, 1), max(k, 1), 3, 3)), mat3)
        self._node_vectors = put(np.zeros((2, max(k, 1), 3)), vec3)
        self._answer = zeros(k, vec3)
        self._position, self._position_before = zeros(k, vec3d), zeros(k, vec3d)
        self._device: DeviceStep | None = None
        self._coarse_space = CoarseSpace(m)
        clusters = self._coarse_space.count
        self._cluster_of, self._members = put(self._coarse_space.cluster, ti.i32), put(self._coarse_space.members, ti.i32)
        self._cluster_first = put(self._coarse_space.first, ti.i32)
        self._modes = zeros(n, vec4)
        self._coarse_inverse = put(np.zeros((4 * clusters, 4 * clusters, 3, 3)), mat3)
        self._coarse = put(np.zeros((linear.COARSE_COUNT, 4 * clusters, 3)), vec3)
        self._normal_host = np.zeros((s, 3))
        self._tissue_share = 0.0
        self._coarse_is_fresh = False

    def step(self, state: State, command: Command) -> TickReport:
        """Advance `state` by one tick under `command`.

        Raises
        ------
        DivergedError
            If the energy stops being finite or an element ends inside out; `state` is then not to be used further.
        """
        with one_thread():
            return self._step(state, command)

    def contact_readings(self) -> tuple[np.ndarray, np.ndarray]:
        """Force of each sample point on the wall [N], shape (s,), and the normals into the blood, as of the last tick."""
        s = self.model.sample_count
        return self._contact_force.to_numpy()[:s], self._normal.to_numpy()[:s]

    # --- one tick ---------------------------------------------------------------------------------------------------

    def _step(self, state: State, command: Command) -> TickReport:
        m, h = self.model, self.settings.dt
        u, n = state.displacement, m.vertex_count
        self._coarse_is_fresh = False
        motion.copy(n, u, self._before)
        motion.predict(n, h, m.free, u, state.velocity, self._predicted)
        if m.device:
            self._device = DeviceStep(m.device, m.origin, state, command.balloon_pressure, h)
        y_before = state.device_position
        self._find_contacts(state, y_before)
        self._choose_start(state, y_before, command)
        y = y_before
        newton = iterations = 0
        residual, energy, deepest = np.inf, 0.0, 0.0
        for _ in range(self.settings.multiplier_rounds):
            y, residual, energy, steps, done = self._minimise(state, y, command)
            newton, iterations = newton + steps, iterations + done
            deepest = self._update_multipliers(state, y)
            if m.device is None or deepest <= self.settings.depth_bound * m.device.half_thickness:
                break
        inverted = self._count_inverted(state)
        motion.new_velocity(n, 1.0 / h, self._before, u, state.velocity)
        if m.device:
            state.plastic_angle = m.device.struts.yielded(y, state.plastic_angle)
            state.device_position = y
        state.tick += 1
        return TickReport(float(residual), newton, iterations, float(energy), float(deepest), inverted)

    def _find_contacts(self, state: State, y: np.ndarray) -> None:
        m, u = self.model, state.displacement
        if m.sample_count == 0:
            return
        self._position.from_numpy(y)
        self._position_before.from_numpy(y)
        contact.wall_normals(m.vertex_count, m.lumen_first, m.lumen_triangles, m.lumen, m.rest, u, self._normals)
        contact.find_contacts(
            m.sample_count, m.sample_nodes, m.sample_along, self._position, m.neighbour_first, m.neighbours,
            m.lumen_first, m.lumen_triangles, m.lumen, m.rest, u, self._normals, state.nearest,
            self._triangle, self._weights, self._normal, self._distance,
        )  # fmt: skip
        contact.keep_near_contacts(
            m.sample_count, self.settings.contact_reach, self._distance, m.sample_half, self._triangle, state.multiplier
        )
        contact.list_contacts_by_vertex(
            m.vertex_count, m.sample_count, m.lumen, self._triangle, self._cursor, self._contact_first, self._contact_corners
        )
        triangle = self._triangle.to_numpy()
        wall = m.body.lumen[np.maximum(triangle, 0)]
        own = np.einsum("si,si->s", self._weights.to_numpy(), m.lumen_stiffness[wall])
        self._contact_stiffness.from_numpy((self.settings.contact_ratio * own).astype(np.float32))
        self._normal_host = self._normal.to_numpy().astype(float)

    def _choose_start(self, state: State, y: np.ndarray, command: Command) -> None:
        """Start from where the tissue would coast to, unless that costs more energy than staying."""
        n, u = self.model.vertex_count, state.displacement
        staying = self._total_energy(state, y, command)
        motion.copy(n, self._predicted, u)
        if not self._total_energy(state, y, command) < staying:
            motion.copy(n, self._before, u)

    def _minimise(self, state: State, y: np.ndarray, command: Command) -> tuple[np.ndarray, float, float, int, int]:
        """Newton steps until the forces balance or the budget is spent."""
        steps = iterations = 0
        energy = self._total_energy(state, y, command)
        residual = np.inf
        while True:
            residual, device_force = self._residual(state, y, command)
            if residual <= self.settings.residual_bound or steps >= self.settings.newton_limit:
                return y, residual, energy, steps, iterations
            direction, done = self._newton_direction(state, y, device_force, command)
            steps, iterations = steps + 1, iterations + done
            y, lower, moved = self._line_search(state, y, direction, energy, command)
            energy = lower
            if not moved:
                return y, residual, energy, steps, iterations

    def _evaluate_contacts(self, state: State, y: np.ndarray) -> float:
        m = self.model
        if m.sample_count == 0:
            return 0.0
        self._position.from_numpy(y)
        return contact.contact_forces(
            m.sample_count, self.settings.friction, self.settings.slip_bound, m.sample_nodes, m.sample_along, m.sample_half,
            self._position, self._position_before, m.lumen, m.rest, state.displacement, self._before, self._triangle,
            self._weights, self._normal, self._contact_stiffness, state.multiplier, self._contact_force, self._traction,
            self._slope, self._slide, self._partial,
        )  # fmt: skip

    def _total_energy(self, state: State, y: np.ndarray, command: Command) -> float:
        m, u = self.model, state.displacement
        energy = self._energy(
            m.tet_count, m.tets, m.edges_inverse, m.volume, m.law, m.parameters, u, self._partial
        ) + motion.inertia_energy(m.vertex_count, 1.0 / self.settings.dt**2, m.mass, u, self._predicted, self._partial)
        if m.lumen_count:
            energy -= command.blood_pressure * pressure.enclosed_volume(m.lumen_count, m.lumen, m.rest, u, self._partial)
        energy += self._evaluate_contacts(state, y)
        if self._device:
            energy += self._device.evaluate(y)[0]
        return energy

    def _residual(self, state: State, y: np.ndarray, command: Command) -> tuple[float, np.ndarray]:
        """Imbalance as a share of the forces at work; leaves the tissue's force on the backend, returns the device's [N]."""
        m, u, n = self.model, state.displacement, self.model.vertex_count
        self._evaluate_contacts(state, y)
        self._stress(m.tet_count, m.tets, m.edges_inverse, m.volume, m.law, m.parameters, u, self._element_stress)
        elements.gather_elastic_force(n, m.corner_first, m.corners, m.edges_inverse, self._element_stress, m.free, self._force)
        elastic = motion.squared_norm(n, self._force, self._partial)
        if m.lumen_count:
            pressure.add_pressure_force(
                n, m.lumen_first, m.lumen_triangles, m.lumen, m.rest, u, command.blood_pressure, self._force
            )
        device_force, device_share = np.zeros((0, 3)), 0.0
        if self._device and m.device:
            contact.add_contact_force(n, self._contact_first, self._contact_corners, self._weights, self._traction, self._force)
            pushed = contact_push(m.device, self._traction.to_numpy().astype(float))
            slope = self._device.evaluate(y)[1]
            device_force = pushed - slope
            at_work = float(np.linalg.norm(slope) + np.linalg.norm(pushed)) + self._least_force(command)
            device_share = float(np.linalg.norm(device_force)) / at_work
        motion.add_inertia_force(n, 1.0 / self.settings.dt**2, m.mass, m.free, u, self._predicted, self._force)
        left = motion.squared_norm(n, self._force, self._partial)
        self._tissue_share = float(np.sqrt(left)) / (float(np.sqrt(elastic)) + self._least_force(command))
        return max(self._tissue_share, device_share), device_force

    def _least_force(self, command: Command) -> float:
        """A scale of force that keeps the residual meaningful near rest: 1 Pa on the lumen [N]."""
        triangles = self.model.body.lumen
        if len(triangles) == 0:
            return 1e-9
        p = self.model.body.vertices[triangles]
        area = 0.5 * np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1)
        return float(np.linalg.norm(area)) * max(1.0, 1e-3 * command.blood_pressure)

    def _newton_direction(
        self, state: State, y: np.ndarray, device_force: np.ndarray, command: Command
    ) -> tuple[np.ndarray, int]:
        """Solve for the step of tissue (left on the backend) and device (returned) [m]."""
        m = self.model
        coupled, compliance = self._couple_device(y, device_force)
        at_rest = not coupled and self._tissue_share <= self._enough
        if not at_rest:
            self._assemble(state, command)
            if not self._coarse_is_fresh:
                self._refresh_coarse_space(state, compliance if coupled else None)
        iterations = self._solve(m.sample_count if coupled else 0, m.node_count if coupled else 0)
        if m.device is None:
            return np.zeros_like(y), iterations
        push = np.zeros_like(y)
        if coupled:
            linear.contact_push_of_solution(
                m.sample_count, m.lumen, self._triangle, self._weights, self._normal, self._slope, self._slide,
                self._vectors, self._push,
            )
            push = contact_push(m.device, self._push.to_numpy().astype(float))
        return (compliance @ (device_force + push).ravel()).reshape(-1, 3), iterations

    def _assemble(self, state: State, command: Command) -> None:
        """Block rows of the tangent and the inverses of their diagonals."""
        m, u, n = self.model, state.displacement, self.model.vertex_count
        self._stiffness(m.tet_count, m.tets, m.edges_inverse, m.volume, m.law, m.parameters, u, self._blocks)
        linear.gather_stiffness(
            m.entry_count, m.row, m.column, m.entry_first, m.entry_blocks, m.entry_opposite, self._blocks, m.rest, u,
            m.free, m.mass, 1.0 / self.settings.dt**2, command.blood_pressure, self._matrix,
        )  # fmt: skip
        linear.invert_diagonal(
            n, m.diagonal, self._matrix, m.free, self._contact_first, self._contact_corners, self._weights, self._normal,
            self._slope, self._slide, self._inverse,
        )  # fmt: skip

    def _couple_device(self, y: np.ndarray, device_force: np.ndarray) -> tuple[bool, np.ndarray]:
        """Refresh the device's compliance with its contacts; add its imbalance to the tissue's force."""
        m = self.model
        if m.device is None or self._device is None:
            return False, np.zeros((0, 0))
        blocks = self._contact_blocks()
        compliance = compliance_of(self._device.stiffness(y) + contact_stiffness(m.device, blocks))
        if not blocks.any():
            return False, compliance
        k = m.node_count
        table = compliance.reshape(k, 3, k, 3).transpose(0, 2, 1, 3)
        self._compliance.from_numpy(np.ascontiguousarray(table, dtype=np.float32))
        answer = (compliance @ device_force.ravel()).reshape(-1, 3)
        self._answer.from_numpy(answer.astype(np.float32))
        linear.add_device_reaction(
            m.vertex_count, self._contact_first, self._contact_corners, self._weights, self._normal, self._slope, self._slide,
            m.sample_nodes, m.sample_along, self._answer, m.free, self._force,
        )  # fmt: skip
        return True, compliance

    def _contact_blocks(self) -> np.ndarray:
        return contact_blocks(
            self._slope.to_numpy().astype(float), self._slide.to_numpy().astype(float), self._normal_host
        )

    def _refresh_coarse_space(self, state: State, compliance: np.ndarray | None) -> None:
        """Bring the coarse operator up to date with the tangent, the contacts and the device."""
        m, space = self.model, self._coarse_space
        modes = space.modes(state.displacement.to_numpy().astype(float))
        contacts = None
        if compliance is not None and m.device:
            blocks = self._contact_blocks()
            touching = np.flatnonzero(blocks.any((1, 2)))
            corners = m.body.lumen[self._triangle.to_numpy()[touching]]
            rows = space.contact_rows(modes, corners, self._weights.to_numpy()[touching])
            contacts = eliminated_stiffness(m.device, compliance, blocks, touching, rows)
        inverse = space.inverse(self._matrix.to_numpy().astype(float), modes, contacts)
        size = len(inverse) // 3
        blocks = inverse.reshape(size, 3, size, 3).transpose(0, 2, 1, 3)
        self._coarse_inverse.from_numpy(np.ascontiguousarray(blocks, dtype=np.float32))
        self._modes.from_numpy(modes.astype(np.float32))
        self._coarse_is_fresh = True

    @property
    def _enough(self) -> float:
        """Share of the tissue's forces below which its imbalance is not worth an iteration."""
        return 0.3 * self.settings.residual_bound

    def _solve(self, sample_count: int, node_count: int) -> int:
        """Conjugate gradients until the residual is small, in itself or against what it was."""
        m = self.model
        already = self._enough / max(self._tissue_share, 1e-30)
        tolerance = max(self.settings.linear_tolerance, already if node_count == 0 else 0.0)
        linear.start_iterations(
            m.vertex_count, self._coarse_space.count, self._force, self._inverse, self._cluster_of, self._cluster_first,
            self._members, self._modes, self._coarse_inverse, tolerance, self._coarse, self._partial,
            self._vectors, self._scalars,
        )  # fmt: skip
        for _ in range(0, self.settings.linear_limit, linear.UNROLL):
            linear.iterate(
                m.vertex_count, sample_count, node_count, self._coarse_space.count, m.row_first, m.column, self._matrix,
                self._inverse, m.lumen,
                self._contact_first, self._contact_corners, self._triangle, self._weights, self._normal, self._slope, self._slide,
                m.sample_nodes, m.sample_along, m.node_first, m.node_samples, self._compliance, self._cluster_of,
                self._cluster_first, self._members, self._modes, self._coarse_inverse, self._coarse, self._contact_scratch,
                self._node_vectors, self._partial, self._vectors, self._scalars,
            )  # fmt: skip
            if self._scalars[linear.STOP] != 0.0:
                break
        return int(self._scalars[linear.ITERATIONS])

    def _line_search(
        self, state: State, y: np.ndarray, direction: np.ndarray, energy: float, command: Command
    ) -> tuple[np.ndarray, float, bool]:
        """Halve the step until the energy falls."""
        n = self.model.vertex_count
        motion.copy(n, state.displacement, self._start)
        step = 1.0
        for _ in range(12):
            motion.move(n, step, self._start, self._vectors, state.displacement)
            trial = y + step * direction
            reached = self._total_energy(state, trial, command)
            if np.isfinite(reached) and reached <= energy + 1e-12 * abs(energy):
                return trial, reached, True
            step *= 0.5
        motion.copy(n, self._start, state.displacement)
        if not np.isfinite(energy):
            raise DivergedError(
                f"The simulation diverged at tick {state.tick + 1}: the energy is no longer a number; "
                f"{self._worst_element(state)}. Take a smaller dt or a finer mesh there."
            )
        return y, energy, False

    def _update_multipliers(self, state: State, y: np.ndarray) -> float:
        """Carry contact forces over as multipliers; returns how deep the deepest strut surface lies in the wall [m]."""
        m = self.model
        if m.device is None:
            return 0.0
        self._evaluate_contacts(state, y)
        force = self._contact_force.to_numpy()
        stiffness, before = self._contact_stiffness.to_numpy(), state.multiplier.to_numpy()
        near = (self._triangle.to_numpy() >= 0) & (force > 0.0)
        depth = np.where(near, (force - before) / stiffness, 0.0)
        state.multiplier.from_numpy(np.where(near, force, np.float32(0.0)).astype(np.float32))
        return float(max(depth.max(), 0.0))

    def _jacobians(self, state: State) -> np.ndarray:
        m = self.model
        change = zeros(m.tet_count, ti.f32)
        elements.jacobians(m.tet_count, m.tets, m.edges_inverse, state.displacement, change)
        return change.to_numpy()

    def _count_inverted(self, state: State) -> int:
        """How many elements are inside out; the law brings a few back, but many mean that the tick has failed."""
        jacobian = self._jacobians(state)
        inverted = int(np.count_nonzero(~(jacobian > 0.0)))
        if inverted > max(1, self.settings.inverted_bound * len(jacobian)) or not jacobian.min() > -1.0:
            raise DivergedError(
                f"The simulation diverged at tick {state.tick + 1}: {inverted:,} elements are inside out, "
                f"{self._worst_element(state)}. Take a smaller dt, a slower inflation or a finer mesh there."
            )
        return inverted

    def _worst_element(self, state: State) -> str:
        jacobian = self._jacobians(state)
        worst = int(np.argmin(np.where(np.isfinite(jacobian), jacobian, -np.inf)))
        place = self.model.body.vertices[self.model.body.tets[worst]].mean(0) * 1e3
        return (
            f"tet {worst} at ({place[0]:.1f}, {place[1]:.1f}, {place[2]:.1f}) mm has J = {jacobian[worst]:.3g}"
        )
