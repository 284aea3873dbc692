"""The second solver: extended position-based dynamics of the same Model, with small steps.

Each substep coasts, then meets two constraints a tet, colour after colour: the deviatoric C = √tr FᵀF with compliance 1/μV and
the hydrostatic C = J − 1 − μ/κ with compliance 1/κV (Macklin & Müller 2021, doi:10.1145/3487983.3488289). Their energy is that of
the stable neo-Hookean law, taken tet by tet: no pockets. Each constraint's multiplier (Macklin, Müller & Chentanez 2016,
doi:10.1145/2994258.2994272) is its force times h²; it begins each substep at nought and stays in State when a tick ends.

Good for: cheap ticks, the first touch of things, inverted tets, later cutting. Not for: stress, force, or the state of rest,
which depends on step and mesh, since one sweep a substep carries a load only from tet to tet. There `sim.solvers.implicit` is
the reference.
"""

import dataclasses

import numpy as np
import taichi as ti

from sim import backend, pressure
from sim.arrays import put, vec3, vec3d, zeros
from sim.body import ModelError
from sim.command import Command, Motion
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.model import Model
from sim.obstacles import HalfSpace
from sim.solvers import constraints, motion
from sim.solvers.inversion import jacobians, whereabouts
from sim.solvers.loads import check_command, dead_loads, move_patches, placed_obstacles
from sim.solvers.settings import DivergedError, TickReport
from sim.state import State


@dataclasses.dataclass(frozen=True)
class XpbdSettings:
    """How hard a tick is worked on.

    Attributes
    ----------
    dt
        Length of a tick [s].
    substeps
        Steps in a tick; the more, the nearer to the engine's answer.
    iterations
        Sweeps over all constraints in a substep.
    """

    dt: float = 1.0 / 60.0
    substeps: int = 20
    iterations: int = 1

    def __post_init__(self):
        for name in ("substeps", "iterations"):
            if getattr(self, name) < 1:
                raise ValueError(f"A tick was given {getattr(self, name)} {name}; it takes at least 1.")
        if not self.dt > 0.0:
            raise ValueError(f"A tick was given a length of {self.dt:g} s; it must be positive.")


class XpbdSolver:
    """Advances a State of one Model by ticks of fixed length; keeps scratch only.

    Raises
    ------
    ModelError
        If the model has another law than the stable neo-Hookean one, a wrapped law, a device, or surfaces that may touch.
    """

    def __init__(self, model: Model, settings: XpbdSettings | None = None):
        _check(model)
        m = self.model = model
        self.settings = settings or XpbdSettings()
        colour = colours(m.body.tets, m.vertex_count)
        order = np.argsort(colour, kind="stable")
        self._launches = _launches(np.searchsorted(colour[order], np.arange(colour.max() + 2)))
        self._order = put(order, ti.i32)
        mass = m.mass.to_numpy()
        self._inverse_mass = put(np.where(m.free.to_numpy() > 0.0, 1.0 / mass, 0.0), ti.f32)
        self._stiffness = put(np.array([law.volume_stiffness for law in m.materials.laws]), ti.f32)
        self._skin = put(m.skin, ti.i32)
        n = m.vertex_count
        self._before, self._force, self._rim = zeros(n, vec3d), zeros(n, vec3), zeros(n, vec3)
        self._load = zeros(m.loaded.count, ti.f32)

    def step(self, state: State, command: Command) -> TickReport:
        """Advance `state` by one tick under `command`.

        The report has no residual and no energy: not a number. `linear_iterations` counts the sweeps.

        Raises
        ------
        DivergedError
            If a position is no longer a number.
        ModelError
            If the command is not for this model, or a probe pulls.
        """
        m, n = self.model, self.settings.substeps
        check_command(m, command)
        if command.pulls:
            raise ModelError("XPBD knows no probes, and the command has one; take the implicit solver.")
        dead = dead_loads(m, command).astype(np.float32)
        load = m.loaded.pressures({"lumen": command.blood_pressure, **command.pressures})
        self._load.from_numpy(load.astype(np.float32))
        if state.multipliers.shape[0] != 2 * m.tet_count:
            state.multipliers = zeros(2 * m.tet_count, ti.f32)
        for substep in range(n):
            move_patches(m, state, command, 1.0 / (n - substep))
            self._substep(state, command, dead, bool(load.any()))
        state.places = placed_obstacles(m, command)
        state.tick += 1
        inverted = self._check_finite(state)
        return TickReport(np.nan, 0, n * self.settings.iterations, np.nan, 0.0, inverted)

    def _substep(self, state: State, command: Command, dead: np.ndarray, presses: bool) -> None:
        m, h = self.model, self.settings.dt / self.settings.substeps
        self._force.from_numpy(dead)
        if presses:
            pressure.add_pressure_force(
                m.vertex_count, m.loaded.first, m.loaded.triangles_of, m.loaded.triangles, self._load, m.rest,
                state.displacement, m.free, self._force, self._rim,
            )  # fmt: skip
        constraints.begin_substep(
            m.vertex_count, h, m.body.drag, m.free, m.mass, self._force, m.spring, m.dashpot, state.displacement,
            state.velocity, self._before,
        )  # fmt: skip
        state.multipliers.fill(0.0)
        for _ in range(self.settings.iterations):
            for begin, end, serial in self._launches:
                constraints.settle_colour(
                    begin, end, serial, h, self._order, m.tets, m.edges_inverse, m.volume, m.material, m.parameters,
                    self._stiffness, self._inverse_mass, state.displacement, state.multipliers,
                )  # fmt: skip
            self._push_out(state, command)
        motion.new_velocity(m.vertex_count, 1.0 / h, self._before, state.displacement, state.velocity)

    def _push_out(self, state: State, command: Command) -> None:
        m = self.model
        for one in m.body.obstacles:
            move = command.moves.get(one.name, Motion())
            if isinstance(one, HalfSpace):
                kind, place, along, radius = 0, one.point, one.normal, 0.0
            else:
                kind, place, along, radius = 1, one.centre, (0.0, 0.0, 1.0), one.radius
            at = move.moved(np.array([place]))[0] - m.origin
            normal = move.turned(np.array([along]))[0]
            constraints.push_out(
                len(m.skin), self._skin, kind, vec3d(*at), vec3d(*(normal / np.linalg.norm(normal))), radius, one.friction,
                m.rest, m.free, self._before, state.displacement,
            )  # fmt: skip

    def _check_finite(self, state: State) -> int:
        """How many elements are inside out."""
        jacobian = jacobians(self.model, state)
        lost = np.flatnonzero(~np.isfinite(jacobian))
        if len(lost):
            raise DivergedError(
                f"The simulation diverged at tick {state.tick}: {whereabouts(self.model, int(lost[0]))} has no finite place any "
                "more. Take more substeps."
            )
        return int(np.count_nonzero(~(jacobian > 0.0)))


def colours(tets: np.ndarray, vertex_count: int) -> np.ndarray:
    """A colour for each of tets, shape (m, 4), so that no two of one colour share a vertex, shape (m,).

    In rounds: of the tets left, those go that come first, in a fixed shuffled order, at all four corners.
    """
    colour = np.full(len(tets), -1)
    order = np.random.default_rng(0).permutation(len(tets))
    left, which = order, 0
    while len(left):
        # One colour: a maximal set of tets without common corners.
        used = np.zeros(vertex_count, bool)
        waiting = left
        while len(waiting):
            first = np.full(vertex_count, len(waiting))
            np.minimum.at(first, tets[waiting].ravel(), np.repeat(np.arange(len(waiting)), 4))
            chosen = (first[tets[waiting]] == np.arange(len(waiting))[:, None]).all(1)
            colour[waiting[chosen]] = which
            used[tets[waiting[chosen]]] = True
            waiting = waiting[~used[tets[waiting]].any(1)]
        left = left[colour[left] < 0]
        which += 1
    return colour


def _launches(begins: np.ndarray) -> list[tuple[int, int, bool]]:
    """Where each launch over the tets in order of colour begins and ends, and whether it goes through them one by one.

    Colours of few tets, which follow one another, share a launch of the latter kind: launching costs more than they do.
    """
    found: list[tuple[int, int, bool]] = []
    for begin, end in zip(begins[:-1].tolist(), begins[1:].tolist(), strict=True):
        small = backend.small_loops_serial and end - begin < constraints.SMALL_COLOUR
        if small and found and found[-1][2]:
            begin = found.pop()[0]
        found.append((begin, end, small))
    return found


def _check(model: Model) -> None:
    others = sorted({type(law).__name__ for law in model.body.laws if not isinstance(law, StableNeoHookean)})
    if others:
        raise ModelError(
            f"XPBD knows the stable neo-Hookean law alone, and the body has {', '.join(others)}; take the implicit solver."
        )
    if model.device:
        raise ModelError("XPBD moves no devices, and the model has one; take the implicit solver.")
    if model.body.touching:
        raise ModelError("XPBD lets no tissue touch tissue, and the body asks for it; take the implicit solver.")
