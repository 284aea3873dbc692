"""The engine: one incremental potential for tissue, device, contact and loads, minimised by truncated Newton steps."""

import dataclasses
import functools
import math
from collections.abc import Callable

import numpy as np

from sim.arrays import Array, vec3d, zeros
from sim.command import Command, Motion
from sim.launching import Launcher
from sim.model import Model
from sim.obstacles import Sphere
from sim.rods.network import Pose
from sim.solvers import linear, motion
from sim.solvers.dense import one_thread
from sim.solvers.device import FORCE_FLOOR, DeviceStep
from sim.solvers.device_contact import contact_push, contact_stiffness
from sim.solvers.device_matrix import Compliance
from sim.solvers.feeding import check_drives, stages_of
from sim.solvers.inversion import count_inverted, worst_element
from sim.solvers.loads import check_command, move_patches, placed_obstacles
from sim.solvers.settings import DivergedError, Settings, TickReport
from sim.solvers.system import System
from sim.solvers.tissue import Tissue
from sim.solvers.touching import Touching
from sim.solvers.waiting import carried_on, ridden, with_sheaths
from sim.state import State, new_state
from sim.support import check_supported

SEARCH_LIMIT = 50
"""Most searches for contacts in one stage of a tick, while tissue moves farther than one search sees."""

DEVICE_STEPS = 20
"""Most Newton steps of a fed device alone before tissue is asked to move with it."""

LARGEST_TURN, LARGEST_STEP = 0.5, 2e-3
"""Largest rotation [rad] and displacement [m] of a device's node in one Newton step."""

ENERGY_FLOOR = 1e-7
"""Share of its energy by which a Newton step that gets nearer to rest lowers it, where single precision is not yet the limit."""

SMALLEST_INCREMENT = 1.0 / 512.0
"""Share of the load below which statics gives up."""


@dataclasses.dataclass
class _Progress:
    """What a tick has taken so far."""

    newton: int = 0
    iterations: int = 0
    residual: float = np.inf
    energy: float = 0.0
    tissue_energy: float = 0.0
    stuck: bool = False
    confined: bool = False


class ImplicitSolver:
    """Advances a State of one Model by ticks of fixed length, or brings it to rest; keeps scratch only."""

    def __init__(self, model: Model, settings: Settings | None = None):
        self.model = model
        self.settings = settings or Settings()
        self._tissue = Tissue(model)
        self._touching = Touching(model, self.settings)
        self._system = System(model, self._tissue, self._touching)
        self._start, self._launch = zeros(model.vertex_count, vec3d), Launcher()
        self._device: DeviceStep | None = None
        self._progress = _Progress()
        self._whole = True
        self._search: Callable[[np.ndarray], None] = lambda position: None
        self._h: float | None = None

    def step(self, state: State, command: Command) -> TickReport:
        """Advance `state` by one tick under `command`.

        Raises
        ------
        DivergedError
            If the energy stops being finite or an element ends inside out; `state` is then not to be used further.
        """
        with one_thread():
            report = self._advance(state, command, self.settings.dt)
            if self.model.materials.relaxes:
                state.overstress = self._tissue.relaxed(state, self.settings.dt)
            return report

    def solve(self, state: State, command: Command, *, start: Command | None = None) -> TickReport:
        """Bring `state` to rest under `command`: statics, without inertia, damping or relaxation.

        The load is raised from that of `start`, nothing if None, at once or, where that fails, in increments.

        Raises
        ------
        ModelError
            If the body could move as a rigid one.
        DivergedError
            If no increment, however small, ends in balance; `state` is then as it was after the last that did.
        """
        if not self.model.body.obstacles and not self.model.body.touching:
            check_supported(self.model.body)
        begin, reached, increment, newton, iterations = start or Command(), 0.0, 1.0, 0, 0
        report = TickReport(np.inf, 0, 0, 0.0, 0.0, 0)
        self._launch(motion.stop, self.model.vertex_count, state.velocity)
        with one_thread():
            while reached < 1.0:
                share = min(1.0, reached + increment)
                saved = state.copy()
                try:
                    report = self._advance(state, begin.blended(command, share), None)
                    newton, iterations = newton + report.newton_steps, iterations + report.linear_iterations
                    failed = not self._balanced(report)
                except DivergedError:
                    failed = True
                if not failed:
                    reached, increment = share, min(2.0 * increment, 1.0)
                    continue
                state.take(saved)
                increment *= 0.5
                if increment < SMALLEST_INCREMENT:
                    raise DivergedError(
                        f"No balance was found beyond {100.0 * reached:.0f} % of the load, where the residual stayed at "
                        f"{report.residual:.2g}; the tissue may give way there. Lower the load or mesh finer."
                    )
        return dataclasses.replace(report, newton_steps=newton, linear_iterations=iterations)

    def _balanced(self, report: TickReport) -> bool:
        """Whether statics is done: the residual is small, or as small as single precision lets it be."""
        bound = self.settings.static_residual_bound
        return report.inverted == 0 and report.residual <= (30.0 * bound if self._progress.stuck else bound)

    def contact_readings(self) -> tuple[np.ndarray, np.ndarray]:
        """Force of each sample point on the wall [N], shape (s,), and the normals into the blood, as of the last tick."""
        s = self.model.sample_count
        if self._touching.count == 0:
            return np.zeros(s), np.zeros((s, 3))
        normal = self._touching.normal_host[:s]
        return np.maximum(np.einsum("si,si->s", self._touching.tractions()[:s], normal), 0.0), normal

    def contact_forces(self) -> np.ndarray:
        """What contacts press on each vertex of the tissue [N], shape (n, 3), as of the last tick; held vertices too."""
        return self._touching.vertex_forces()

    def held_forces(self, state: State) -> np.ndarray:
        """What holds the held vertices and patches [N], shape (n, 3), nought elsewhere, after the tick that led to `state`.

        Inertia and contacts upon the held vertices themselves are left out.
        """
        return self._tissue.held_forces(state)

    # --- one tick ---------------------------------------------------------------------------------------------------

    def _advance(self, state: State, command: Command, h: float | None) -> TickReport:
        m, n = self.model, self.model.vertex_count
        check_command(m, command)
        check_drives(m.device, command)
        self._h, self._progress, self._whole = h, _Progress(), True
        rest = self._rest_inverse(h)
        self._tissue.begin(state, command, h)
        self._system.begin(state, rest)
        last = self._last_moves(state)
        pose, deepest = ridden(m, state, command), 0.0
        if m.device and m.node_count:
            self._device = DeviceStep(with_sheaths(m, state), m.origin, state, command, h or 1e3, self._device)
            if self._tissue.sealed:
                self._device.bear(self._tissue.sealed.forces)
            self._touching.position_before.from_numpy(pose.position)
        stages = self._stages(state, command, last)
        for stage in range(stages):
            place = last.blended(command, (stage + 1.0) / stages)
            if self._device:
                pose = self._device.fed(command, pose, 1.0 / (stages - stage))
            self._search = functools.partial(self._touching.find, state, before=self._tissue.before, command=place, last=last)
            self._search(pose.position)
            move_patches(m, state, command, 1.0 / (stages - stage))
            self._progress.energy = self._choose_start(state, pose, coast=stage == 0)
            pose, deepest = self._settle(state, pose)
        inverted = count_inverted(m, self._tissue.jacobians(), tick=state.tick + 1, bound=self.settings.inverted_bound)
        if h is not None:
            self._launch(motion.new_velocity, n, 1.0 / h, self._tissue.before, state.displacement, state.velocity)
            state.tick += 1
        if self._device:
            state.device_history = self._device.history_after(pose)
            state.coaxial_friction = self._device.friction_after(pose)
            pose = carried_on(m, state, command, pose)
            state.device_position, state.device_rotation = pose.position, pose.rotation
        state.places = placed_obstacles(m, command)
        p = self._progress
        return TickReport(float(p.residual), p.newton, p.iterations, float(p.energy), float(deepest), inverted)

    def _rest_inverse(self, h: float | None) -> Array | None:
        """The coarse inverse at rest, made when first asked for; None for laws whose stiffness changes too much with strain."""
        if h not in self.model.rest_inverses:
            inverse = None
            if self._tissue.moves and not any(getattr(kind, "fibrous", False) for kind in self.model.materials.kinds):
                rest = new_state(self.model)
                self._tissue.begin(rest, Command(), h)
                self._tissue.energy(rest)
                self._tissue.assemble(rest, whole=False)
                inverse = self._system.rest_inverse()
            self.model.rest_inverses[h] = inverse
        return self.model.rest_inverses[h]

    def _last_moves(self, state: State) -> Command:
        obstacles = self.model.body.obstacles
        moves = {one.name: Motion.from_numbers(row) for one, row in zip(obstacles, state.places, strict=True)}
        return Command(moves=moves)

    def _stages(self, state: State, command: Command, last: Command) -> int:
        """In how many parts patches and obstacles are moved, lest one pass through tissue unseen."""
        body, farthest = self.model.body, 0.0
        for name, patch in body.patches.items():
            if name in command.moves and body.touching:
                rest = body.vertices[patch]
                way = command.moves[name].moved(rest) - rest - state.displacement.to_numpy()[patch]
                farthest = max(farthest, float(np.linalg.norm(way, axis=1).max()) / (0.4 * self._touching.reach))
        for one in body.obstacles:
            if one.name in command.moves and isinstance(one, Sphere):
                centre = np.array([one.centre])
                then = last.moves.get(one.name, Motion()).moved(centre)
                way = float(np.linalg.norm(command.moves[one.name].moved(centre) - then))
                farthest = max(farthest, way / (0.5 * one.radius))
        driven = stages_of(self.model.device, command, self.model.origin, state.device_pose) if self.model.device else 1
        return max(driven, math.ceil(farthest))

    def _settle(self, state: State, pose: Pose) -> tuple[Pose, float]:
        """Newton steps and updates of the contact forces, in turn; returns the device's place and the deepest overlap [m]."""
        body, rounds, searches = self.model.body, 0, 0
        fed_in = bool(self.model.device and self.model.device.feeds)
        while True:
            pose = self._minimise(state, pose)
            deepest, too_deep = self._touching.carry_on(state, pose.position)
            if self._progress.confined and searches < SEARCH_LIMIT:
                searches += 1
            else:
                rounds += 1
                if not too_deep or rounds >= self.settings.multiplier_rounds:
                    return pose, deepest
            if body.obstacles or body.touching or fed_in:
                self._search(pose.position)
            self._progress.energy = self._total_energy(state, pose)

    def _choose_start(self, state: State, pose: Pose, *, coast: bool) -> float:
        """Start from where the tissue would coast to, unless that costs more energy than staying; returns the energy [J]."""
        m, u = self.model, state.displacement
        staying = self._total_energy(state, pose)
        if self._h is None or not coast:
            return staying
        self._launch(motion.copy, m.vertex_count, u, self._start)
        self._launch(motion.predict, m.vertex_count, self._h, m.free, self._start, state.velocity, u)
        share = self._touching.step_length(self._start, u)
        if share < 1.0:
            self._launch(motion.predict, m.vertex_count, 0.9 * share * self._h, m.free, self._start, state.velocity, u)
        coasting = self._total_energy(state, pose)
        if coasting < staying:
            return coasting
        self._launch(motion.copy, m.vertex_count, self._start, u)
        return self._total_energy(state, pose)

    def _total_energy(self, state: State, pose: Pose) -> float:
        self._progress.tissue_energy = self._tissue.energy(state)
        return self._progress.tissue_energy + self._device_energy(state, pose)

    # --- Newton's method --------------------------------------------------------------------------------------------

    def _minimise(self, state: State, pose: Pose) -> Pose:
        """Newton steps until the forces balance or the budget is spent; returns where the device is."""
        p, static = self._progress, self._h is None
        bound = self.settings.static_residual_bound if static else self.settings.residual_bound
        limit = self.settings.static_newton_limit if static else self.settings.newton_limit
        steps, best, idle, tissue_share, energy = 0, np.inf, 0, 1.0, np.inf
        while True:
            # The device need not be much nearer to its rest than the tissue is: both move in the step that follows.
            pose = self._settle_device(state, pose, 0.3 * max(bound, tissue_share))
            p.confined = self._touching.room(state.displacement) < 0.05 * self._touching.reach
            p.confined = p.confined or self._touching.strayed(pose.position)
            device_force, tissue_share = self._residual(state, pose)
            # Near the floor of single precision steps go on for ever without getting nearer. What buckles gets nearer by its
            # energy long before its forces balance.
            falls = energy - p.energy > ENERGY_FLOOR * abs(p.energy)
            idle = 0 if p.residual < 0.7 * best or falls else idle + 1
            best, energy = min(best, p.residual), p.energy
            p.stuck = idle > 2 and p.residual < 30.0 * bound
            if p.residual <= bound or steps >= limit or p.stuck or p.confined:
                return pose
            direction, iterations = self._newton_direction(state, pose, device_force, tissue_share, bound)
            steps, p.newton, p.iterations = steps + 1, p.newton + 1, p.iterations + iterations
            pose, moved = self._line_search(state, pose, direction)
            if not moved:
                p.stuck = True
                return pose

    def _settle_device(self, state: State, pose: Pose, bound: float) -> Pose:
        """Newton steps of the device alone, the tissue standing still: cheap, and most of what a wire or yielding metal needs."""
        if not self._device:
            return pose
        energy = self._device_energy(state, pose)
        for _ in range(DEVICE_STEPS):
            force, share = self._device_residual(pose)
            if share <= bound:
                break
            direction = self._device_compliance(pose)[0].solve(force.ravel()).reshape(-1, 6)
            step = _longest_step(direction)
            for _ in range(12):
                trial = pose.moved(step * direction)
                reached = self._device_energy(state, trial)
                if reached <= energy + 1e-12 * abs(energy):
                    break
                step *= 0.5
            else:
                self._touching.energy(state, pose.position)
                break
            pose, energy = trial, reached
            if self._touching.strayed(pose.position):
                self._search(pose.position)
                energy = self._device_energy(state, pose)
        self._progress.energy = self._progress.tissue_energy + energy
        return pose

    def _device_energy(self, state: State, pose: Pose) -> float:
        """Energy [J] of contacts and device, infinite where rods are bent farther than can be told."""
        energy = self._touching.energy(state, pose.position)
        try:
            return energy + self._device.evaluate(pose)[0] if self._device else energy
        except FloatingPointError:
            return math.inf

    def _device_compliance(self, pose: Pose) -> tuple[Compliance, bool]:
        """The device's compliance, contacts with it, and whether anything that gives way touches it."""
        assert self._device
        blocks = self._touching.blocks()[: self.model.sample_count]
        found = self._device.compliance(pose, contact_stiffness(self._device.device, blocks))
        return found, self._tissue.moves and bool(blocks.any())

    def _device_residual(self, pose: Pose) -> tuple[np.ndarray, float]:
        """The device's imbalance [N, N·m], shape (n, 6), and its share of the forces at work."""
        assert self._device
        pushed = contact_push(self._device.device, self._touching.tractions()[: self.model.sample_count])
        slope = self._device.evaluate(pose)[1]
        force = np.where(self._device.held, 0.0, pushed - slope)
        weight = self._device.weights
        # Where a sheath holds a stent together, slopes are what is left of forces that all but cancel.
        at_work = float(np.linalg.norm(weight * slope) + np.linalg.norm(weight * pushed)) + self._device.held_in(pose)
        return force, float(np.linalg.norm(weight * force)) / (at_work + FORCE_FLOOR)

    def _residual(self, state: State, pose: Pose) -> tuple[np.ndarray, float]:
        """Find the forces at the state's displacement, whose energy was asked last; returns the device's [N, N·m].

        Leaves the imbalance as a share of the forces at work; the tissue's share is returned too.
        """
        t = self._tissue
        elastic = t.find_force(state)
        self._touching.add_force(t.force)
        device_force, device_share = np.zeros((0, 6)), 0.0
        if self._device:
            device_force, device_share = self._device_residual(pose)
        tissue_share = t.force_size() / (elastic + t.least_force)
        self._progress.residual = max(tissue_share, device_share)
        return device_force, tissue_share

    def _newton_direction(
        self, state: State, pose: Pose, device_force: np.ndarray, tissue_share: float, bound: float
    ) -> tuple[np.ndarray, int]:
        """Solve for the step of tissue (left on the backend) and device (returned) [m, rad]."""
        m = self.model
        compliance, coupled = None, False
        if self._device:
            compliance, coupled = self._device_compliance(pose)
            if coupled:
                self._system.couple(compliance, device_force)
        enough = 0.3 * bound
        tolerance = max(self.settings.linear_tolerance, 0.0 if coupled else enough / max(tissue_share, 1e-30))
        iterations = 0
        if coupled or tissue_share > enough:
            iterations = self._solve(state, compliance if coupled else None, tolerance)
        else:
            self._launch(linear.no_step, m.vertex_count, self._system.vectors)
        if compliance is None or m.device is None:
            return np.zeros((0, 6)), iterations
        push = contact_push(m.device, self._system.push_of_solution()) if coupled else 0.0
        return compliance.solve((device_force + push).ravel()).reshape(-1, 6), iterations

    def _solve(self, state: State, compliance: Compliance | None, tolerance: float) -> int:
        """Solve with the exact stiffness and, if the energy curves down somewhere, with a positive one near it."""
        iterations = 0
        for whole in (True, False) if self._whole else (False,):
            self._tissue.assemble(state, whole=whole)
            self._system.prepare(compliance)
            done, negative = self._system.solve(tolerance=tolerance, limit=self.settings.linear_limit, compliance=compliance)
            iterations += done
            if not negative:
                break
            self._whole = False
        return iterations

    def _line_search(self, state: State, pose: Pose, direction: np.ndarray) -> tuple[Pose, bool]:
        """Halve the step until the energy falls."""
        n, p = self.model.vertex_count, self._progress
        self._launch(motion.copy, n, state.displacement, self._start)
        step = _longest_step(direction)
        if self.model.body.touching:
            self._launch(motion.move, n, step, self._start, self._system.vectors, state.displacement)
            step = min(step, self._touching.step_length(self._start, state.displacement))
        for _ in range(12):
            self._launch(motion.move, n, step, self._start, self._system.vectors, state.displacement)
            trial = pose.moved(step * direction) if len(direction) else pose
            reached = self._total_energy(state, trial)
            fallen = reached - self._tissue.rim_work(self._start, state)
            if np.isfinite(fallen) and fallen <= p.energy + 1e-12 * abs(p.energy):
                p.energy = reached
                self._whole = self._whole or step == 1.0
                return trial, True
            step *= 0.5
        self._launch(motion.copy, n, self._start, state.displacement)
        self._total_energy(state, pose)
        if not np.isfinite(p.energy):
            raise DivergedError(
                f"The simulation diverged at tick {state.tick + 1}: the energy is no longer a number; "
                f"{worst_element(self.model, self._tissue.jacobians())}. Take a smaller dt or a finer mesh there."
            )
        return pose, False


def _longest_step(direction: np.ndarray) -> float:
    """Share of a step of the device's nodes [m, rad], shape (n, 6), that none of them takes too far, at most 1."""
    if len(direction) == 0:
        return 1.0
    farthest, most = (max(float(np.abs(part).max()), 1e-30) for part in (direction[:, :3], direction[:, 3:]))
    return min(1.0, LARGEST_STEP / farthest, LARGEST_TURN / most)
