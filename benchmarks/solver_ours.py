"""This program's two solvers on the benchmark's scene, measured as its peers are, and what a tick of the engine costs."""

import dataclasses
import resource
import time
from typing import Any

import numpy as np

from benchmarks.solver_peers import LOOKS_HZ, Clock, Record, Settings, come_to_rest
from benchmarks.solver_scenes import Scene
from sim.body import Body
from sim.command import Command
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.model import Model, build_model
from sim.solvers import settings as ours
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.protocol import Solver
from sim.solvers.xpbd import XpbdSettings, XpbdSolver
from sim.state import State, new_state


def body_of(scene: Scene, *, kept: float) -> Body:
    """The scene as a body that keeps a share of the volume term in its tets; 1 makes plain linear tetrahedra."""
    law = StableNeoHookean(scene.shear_modulus, scene.first_lame, scene.density)
    return Body(
        vertices=scene.vertices,
        tets=scene.tets,
        laws=(law,),
        law_of_tet=np.zeros(len(scene.tets), int),
        lumen=np.zeros((0, 3), int),
        held=scene.held,
        kept=kept,
    )


class _Ticking:
    """A solver of ours ticking under the scene's gravity, as `come_to_rest` wants it."""

    def __init__(self, scene: Scene, model: Model, solver: Solver, rate: float):
        self.model, self.solver = model, solver
        self.look_s = max(1.0 / LOOKS_HZ, 1.0 / rate)
        self._ticks = max(1, round(rate * self.look_s))
        x, y, z = (float(one) for one in scene.gravity)
        self._command = Command(gravity=(x, y, z))
        self.state: State = new_state(model)

    def warm_up(self) -> float:
        """Tick once and begin anew; returns how long that took [s], compilation with it."""
        began = time.perf_counter()
        self.solver.step(self.state, self._command)
        self.state = new_state(self.model)
        return time.perf_counter() - began

    def advance(self) -> None:
        """Do the ticks of one look."""
        for _ in range(self._ticks):
            self.solver.step(self.state, self._command)

    def displacement(self) -> np.ndarray:
        """Displacement of all vertices (n, 3) [m]."""
        return self.state.displacement.to_numpy().astype(float)

    def velocity(self) -> np.ndarray:
        """Velocity of all vertices (n, 3) [m/s]."""
        return self.state.velocity.to_numpy().astype(float)

    def stop(self) -> None:
        """Set all velocities to zero."""
        self.state.velocity.from_numpy(np.zeros_like(self.state.velocity.to_numpy()))


def implicit_solver(model: Model, *, rate: float, newton: int, pcg: int) -> ImplicitSolver:
    """The engine at so many ticks a second, Newton steps a tick and iterations a step, none of them spared."""
    asked = ours.Settings(
        dt=1.0 / rate, newton_limit=newton, linear_limit=pcg, linear_tolerance=1e-6, residual_bound=1e-6, inverted_bound=0.05
    )
    return ImplicitSolver(model, asked)


def run_ours(scene: Scene, settings: Settings, *, kept: float = 1.0, budget_s: float = 120.0, until_s: float = 2.0) -> Record:
    """Run the engine (`newton`, `pcg`, `rate`) or XPBD (`substeps`, `rate`) to rest and give its record."""
    rate = float(settings["rate"])
    began = time.perf_counter()
    model = build_model(body_of(scene, kept=kept))
    if "substeps" in settings:
        name, solver = "ours, XPBD", XpbdSolver(model, XpbdSettings(dt=1.0 / rate, substeps=int(settings["substeps"])))
    else:
        name = "ours" if kept == 1.0 else "ours, pockets"
        solver = implicit_solver(model, rate=rate, newton=int(settings["newton"]), pcg=int(settings["pcg"]))
    build_s = time.perf_counter() - began
    code = _Ticking(scene, model, solver, rate)
    compile_s = code.warm_up()
    clock = Clock(budget_s, until_s, "")
    ended, displacement = come_to_rest(code, scene, clock)
    rows: dict[str, Any] = dict(clock.rows)
    return Record(
        peer=name, settings=settings, build_s=build_s, compile_s=compile_s, steps=code.state.tick, ended=ended,
        displacement=displacement, **rows,
    )  # fmt: skip


def solve_ours(scene: Scene, *, kept: float = 1.0) -> Record:
    """The engine's statics; rows of the record are the start and the end."""
    began = time.perf_counter()
    model = build_model(body_of(scene, kept=kept))
    solver = ImplicitSolver(model, ours.Settings(linear_tolerance=0.03, linear_limit=1000, static_residual_bound=3e-5))
    build_s = time.perf_counter() - began
    x, y, z = (float(one) for one in scene.gravity)
    command = Command(gravity=(x, y, z))
    began = time.perf_counter()
    solver.solve(new_state(model), command)
    compile_s = time.perf_counter() - began
    state, clock = new_state(model), Clock(0.0, 0.0, "")
    clock.note(0.0, 0.0)
    clock.go()
    report = solver.solve(state, command)
    clock.halt()
    displacement = state.displacement.to_numpy().astype(float)
    clock.note(0.0, scene.tip_drop(displacement))
    rows: dict[str, Any] = dict(clock.rows)
    name = "ours, statics" if kept == 1.0 else "ours, statics, pockets"
    return Record(
        peer=name, settings={"newton": report.newton_steps, "pcg": report.linear_iterations}, build_s=build_s,
        compile_s=compile_s, ended="at rest", displacement=displacement, **rows,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class TickCost:
    """What a tick of the engine costs on one mesh.

    Attributes
    ----------
    tets, vertices
        How large the mesh is.
    wall, cpu
        Of a tick: least and median wall-clock time, mean processor time of all threads [s].
    iteration
        Processor time of one more iteration of conjugate gradients [s].
    residual
        Imbalance of force after the tick, as a share of the forces at work.
    to_a_thousandth
        Iterations of conjugate gradients to 1e-3 at the bent state.
    model_s, memory
        Time to build model and solver [s] and peak memory of the process so far [bytes].
    """

    tets: int
    vertices: int
    wall: tuple[float, float]
    cpu: float
    iteration: float
    residual: float
    to_a_thousandth: int
    model_s: float
    memory: int


def tick_cost(scene: Scene, *, newton: int = 1, pcg: int = 10, ticks: int = 30, kept: float = 0.05) -> TickCost:
    """Measure ticks of 1/60 s under gravity at a fixed budget of work."""
    began = time.perf_counter()
    model = build_model(body_of(scene, kept=kept))
    solver = implicit_solver(model, rate=60.0, newton=newton, pcg=pcg)
    model_s = time.perf_counter() - began
    x, y, z = (float(one) for one in scene.gravity)
    command = Command(gravity=(x, y, z))
    state = new_state(model)
    for _ in range(5):
        report = solver.step(state, command)
    once = _timed(solver, state, command, ticks)
    twice = _timed(implicit_solver(model, rate=60.0, newton=newton, pcg=2 * pcg), state.copy(), command, ticks)
    report = solver.step(state, command)
    exact = ours.Settings(dt=1.0 / 60.0, newton_limit=1, linear_limit=2000, linear_tolerance=1e-3, residual_bound=1e-9)
    to_a_thousandth = ImplicitSolver(model, exact).step(state.copy(), command).linear_iterations
    return TickCost(
        tets=model.tet_count,
        vertices=model.vertex_count,
        wall=(float(np.min(once["wall"])), float(np.median(once["wall"]))),
        cpu=float(np.mean(once["cpu"])),
        iteration=float(np.mean(twice["cpu"]) - np.mean(once["cpu"])) / max(twice["pcg"] - once["pcg"], 1.0),
        residual=report.residual,
        to_a_thousandth=to_a_thousandth,
        model_s=model_s,
        memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )


def _timed(solver: ImplicitSolver, state: State, command: Command, ticks: int) -> dict[str, Any]:
    """Wall-clock and processor time of each tick [s], and the mean number of iterations."""
    solver.step(state, command)
    wall, cpu, iterations = [], [], 0
    for _ in range(ticks):
        before = time.perf_counter(), time.process_time()
        iterations += solver.step(state, command).linear_iterations
        wall.append(time.perf_counter() - before[0])
        cpu.append(time.process_time() - before[1])
    return {"wall": wall, "cpu": cpu, "pcg": iterations / ticks}
