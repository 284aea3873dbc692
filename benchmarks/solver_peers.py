# ruff: noqa: E402
"""Other people's solvers on the benchmark's scene: newton's VBD and XPBD, genesis' implicit finite elements, felupe.

A peer runs in a process of its own, under a Python of its own where one is named, so that each can be installed apart:

    python -m venv newton  && newton/bin/pip install "newton>=1.8,<2"                   # brings warp; uses CUDA if it finds it
    python -m venv genesis && genesis/bin/pip install torch "genesis-world>=1.4.5,<2"   # torch with or without CUDA
    python -m venv felupe  && felupe/bin/pip install "felupe>=11.3" scipy pypardiso     # pypardiso, for x86, may be left out

and is then named to the benchmark as `--peer newton=newton/bin/python`. Without that the Python that runs the benchmark is
tried; a peer that it lacks is left out, with a sentence. What each is asked, and how it is measured:

- All get the same vertices, tets, masses, clamp and gravity, and start at rest, undeformed. newton's VBD and felupe have the
  scene's law. genesis' implicit solver has no neo-Hookean law (`NotImplementedError`), so it solves the corotated one, and is
  held to the answer of that. newton's XPBD calls its law neo-Hookean, but makes tr(FᵀF) − 3 a constraint with a compliance,
  so that its energy goes with the square of that: no stiffness in shear at rest, and a beam that rightly sinks by 85 % more.
  It is held to the scene's law.
- The dynamic codes come to rest by kinetic damping, the same for each: some 240 times a simulated second, or after each step
  where steps are longer, the velocities are set to zero if the kinetic energy has fallen since the last look. Their own
  damping is off. This takes no setting and does not move the state of rest.
- The clock runs during steps alone, not while the state is read, looked at or stopped. A first step on a state that is thrown
  away compiles what is to be compiled, and its time is told apart. newton's steps are captured as a graph, its fastest way.
- A run ends at rest (the tip moved by less than 0.01 % of its way in a quarter of a simulated second), at its budget of
  wall-clock time, after so much simulated time, or where it has diverged.
- PEERS lists the settings that were quickest to 1 % of those tried on a processor, and last the safest, which gets there at
  ν = 0.49 as well. VBD's first, 600 Hz with ten sweeps, is that of newton's own example of a hanging soft body.
"""

import importlib
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

HERE = Path(__file__).resolve().parent
# Run as a script by the peer's Python; files of this folder bear names that its packages may import.
if __name__ == "__main__":
    sys.path[0] = str(HERE.parent)

import numpy as np

from benchmarks.solver_scenes import COROTATED, LEVI_CIVITA, NEO_HOOKEAN, Record, Scene, Settings

LOOKS_HZ = 240.0
STILL_S, STILL = 0.25, 1e-4
"""At rest is a tip that moves by less than this share of its way in this time [s]."""


class Absent(Exception):
    """A peer is not installed."""


class Code(Protocol):
    """A dynamic code with the scene in it."""

    look_s: float
    """Simulated time of one `advance` [s]."""

    def advance(self) -> None:
        """Do the steps of one look, to the end."""
        ...

    def displacement(self) -> np.ndarray:
        """Displacement of all vertices (n, 3) [m]."""
        ...

    def velocity(self) -> np.ndarray:
        """Velocity of all vertices (n, 3) [m/s]."""
        ...

    def stop(self) -> None:
        """Set all velocities to zero."""
        ...


@dataclass(frozen=True)
class Peer:
    """A solver, the distribution that brings it, the law it solves, and its settings worth a run by thousands of tets."""

    distribution: str
    law: str
    run: Callable[[Scene, Settings, "Clock"], dict[str, Any]]
    settings: Mapping[int, Sequence[Settings]]


def interpreters(words: Sequence[str]) -> dict[str, str]:
    """The Pythons of `--peer newton=path` words, by the name of the distribution; raises ValueError for another word."""
    found = {}
    for word in words:
        name, equals, path = word.partition("=")
        known = sorted({peer.distribution for peer in PEERS.values()})
        if not equals or name not in known:
            raise ValueError(f"'{word}' names no peer: write NAME=PYTHON with one of {', '.join(known)}")
        found[name] = path
    return found


def run_peer(
    name: str,
    scene: Scene,
    settings: Settings,
    *,
    pythons: Mapping[str, str] | None = None,
    budget_s: float = 120.0,
    until_s: float = 2.0,
    device: str = "",
) -> Record:
    """Run one of PEERS on a scene in a process of its own and give its record.

    pythons: `interpreters`; the one that runs this is used for a peer not among them. budget_s: wall-clock time [s] of
    stepping after which the run ends itself. until_s: simulated time [s] after which it ends. device: "cpu" or "cuda"; by
    default CUDA where the peer finds it. A peer that is not installed or that breaks gives a record that says so in `absent`.
    """
    peer = PEERS[name]
    python = (pythons or {}).get(peer.distribution, sys.executable)
    said = {"peer": name, "settings": dict(settings), "law": peer.law}
    with tempfile.TemporaryDirectory() as folder:
        held, into = Path(folder) / "scene.npz", Path(folder) / "record.json"
        scene.save(held)
        asked = {**said, "budget_s": budget_s, "until_s": until_s, "device": device, "scene": str(held), "into": str(into)}
        try:
            run = subprocess.run(
                [python, str(Path(__file__).resolve()), json.dumps(asked)],
                # A cold start compiles for minutes, and a single step can outlast the budget.
                timeout=3.0 * budget_s + 1200.0, capture_output=True, text=True, check=False,
            )  # fmt: skip
        except OSError as error:
            return Record(**said, absent=f"{python} does not run ({error})")
        except subprocess.TimeoutExpired:
            return Record(**said, absent="did not end by itself")
        if not into.is_file():
            last = (run.stderr.strip().splitlines() or ["no message"])[-1]
            return Record(**said, absent=f"ended with status {run.returncode}: {last[:200]}")
        found = json.loads(into.read_text())
    return Record(**{**said, **found, "displacement": np.array(found.get("displacement", [])).reshape(-1, 3)})


class Clock:
    """Wall-clock and processor time [s] of the stretches it was let run, and the rows of a record."""

    def __init__(self, budget_s: float, until_s: float, device: str) -> None:
        self.budget_s, self.until_s, self.device = budget_s, until_s, device
        self.wall = self.cpu = 0.0
        self.rows: dict[str, list[float]] = {"times": [], "wall": [], "cpu": [], "drops": []}
        self._since = (0.0, 0.0)

    def go(self) -> None:
        """Begin a stretch."""
        self._since = time.perf_counter(), time.process_time()

    def halt(self) -> None:
        """End it."""
        self.wall += time.perf_counter() - self._since[0]
        self.cpu += time.process_time() - self._since[1]

    def note(self, simulated: float, drop: float) -> None:
        """Put down one row: simulated time [s], times so far, drop of the tip [m]."""
        for name, value in (("times", simulated), ("wall", self.wall), ("cpu", self.cpu), ("drops", drop)):
            self.rows[name].append(float(value))


def come_to_rest(code: Code, scene: Scene, clock: Clock) -> tuple[str, np.ndarray]:
    """Step with kinetic damping until a run ends; give how it ended and the displacement (n, 3) [m] then."""
    masses, last, looks = scene.masses, 0.0, 0
    window = math.ceil(STILL_S / code.look_s)
    while True:
        clock.go()
        code.advance()
        clock.halt()
        looks += 1
        displacement = code.displacement()
        drops = clock.rows["drops"]
        clock.note(looks * code.look_s, scene.tip_drop(displacement))
        if not np.abs(displacement).max() < 10.0 * np.ptp(scene.vertices, axis=0).max():
            return "diverged", displacement
        if looks > 2 * window and np.ptp(drops[-window:]) < STILL * abs(drops[-1]):
            return "at rest", displacement
        if clock.wall > clock.budget_s:
            return "budget", displacement
        if looks * code.look_s >= clock.until_s:
            return "time", displacement
        energy = float(masses @ (code.velocity() ** 2).sum(axis=1))
        if energy < last:
            code.stop()
            energy = 0.0
        last = energy


def _module(name: str, peer: str) -> Any:
    # Named as text, since none of these is a requirement of this program.
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Absent(f"{peer} is not installed for {sys.executable} ({error})") from error


def _versions(*packages: str) -> str:
    return ", ".join(f"{package} {version(package)}" for package in packages)


def _told(code: Any, scene: Scene, clock: Clock, *packages: str) -> dict[str, Any]:
    """Bring a code to rest and tell what a record holds beside the rows."""
    ended, displacement = come_to_rest(code, scene, clock)
    return {
        "device": str(code.device), "versions": _versions(*packages), "build_s": code.build_s, "compile_s": code.compile_s,
        "steps": code.per_look * len(clock.rows["times"]), "ended": ended, "displacement": displacement.tolist(),
    }  # fmt: skip


class _Newton:
    """The scene in newton, stepped by VBD or XPBD, with as many steps in one graph as make a look."""

    def __init__(self, scene: Scene, settings: Settings, device: str, make: Callable[[Any, Any], Any]) -> None:
        self.warp, newton = _module("warp", "newton"), _module("newton", "newton")
        self.warp.config.quiet = True
        began = time.perf_counter()
        with self.warp.ScopedDevice(device or None):
            self.device = self.warp.get_device()
            builder = newton.ModelBuilder(gravity=tuple(scene.gravity))
            builder.add_soft_mesh(
                pos=(0.0, 0.0, 0.0), rot=self.warp.quat_identity(), scale=1.0, vel=(0.0, 0.0, 0.0),
                vertices=scene.vertices.tolist(), indices=scene.tets.ravel().tolist(), density=scene.density,
                k_mu=scene.shear_modulus, k_lambda=scene.first_lame, k_damp=0.0,
                add_surface_mesh_edges=False, particle_radius=0.0,
            )  # fmt: skip
            for vertex in scene.held:
                builder.particle_mass[vertex] = 0.0
            builder.color()
            model = builder.finalize()
            self.rest, rate = model.particle_q.numpy().astype(float), float(settings["rate"])
            # An even number, so that a graph ends in the state it began with.
            self.per_look = 2 * max(1, round(rate / LOOKS_HZ / 2.0))
            self.look_s = self.per_look / rate
            self.build_s, began = time.perf_counter() - began, time.perf_counter()
            states, control = (model.state(), model.state()), model.control()
            make(newton, model).step(*states, control, None, 1.0 / rate)
            self.warp.synchronize_device()
            self.state, other = model.state(), model.state()
            solver = make(newton, model)
            with self.warp.ScopedCapture() as capture:
                for _ in range(self.per_look // 2):
                    solver.step(self.state, other, control, None, 1.0 / rate)
                    solver.step(other, self.state, control, None, 1.0 / rate)
            # The graph itself keeps nothing alive.
            self.graph, self.kept = capture.graph, (other, control, solver, model)
            self.compile_s = time.perf_counter() - began

    def advance(self) -> None:
        self.warp.capture_launch(self.graph)
        self.warp.synchronize_device(self.device)

    def displacement(self) -> np.ndarray:
        return self.state.particle_q.numpy() - self.rest

    def velocity(self) -> np.ndarray:
        return self.state.particle_qd.numpy().astype(float)

    def stop(self) -> None:
        self.state.particle_qd.zero_()


def newton_vbd(scene: Scene, settings: Settings, clock: Clock) -> dict[str, Any]:
    """newton's SolverVBD (vertex block descent): `rate` [Hz], `iterations` sweeps a step."""
    sweeps = int(settings["iterations"])

    def make(newton: Any, model: Any) -> Any:
        return newton.solvers.SolverVBD(model, iterations=sweeps, particle_enable_tile_solve=not model.device.is_cpu)

    return _told(_Newton(scene, settings, clock.device, make), scene, clock, "newton", "warp-lang")


def newton_xpbd(scene: Scene, settings: Settings, clock: Clock) -> dict[str, Any]:
    """newton's SolverXPBD: `rate` [Hz], `iterations` a step, `relaxation` of the corrections of tets."""
    relaxation, iterations = float(settings["relaxation"]), int(settings["iterations"])

    def make(newton: Any, model: Any) -> Any:
        return newton.solvers.SolverXPBD(model, iterations=iterations, soft_body_relaxation=relaxation)

    return _told(_Newton(scene, settings, clock.device, make), scene, clock, "newton", "warp-lang")


class _Genesis:
    """The scene in genesis, stepped by its implicit finite elements."""

    def __init__(self, scene: Scene, settings: Settings, device: str) -> None:
        began = time.perf_counter()
        gs, self.runtime = _module("genesis", "genesis-world"), _module("quadrants", "genesis-world")
        wanted = gs.cuda if device == "cuda" or (not device and _module("torch", "torch").cuda.is_available()) else gs.cpu
        gs.init(backend=wanted, precision="32", logging_level="error")
        self.device, self.per_look, self.look_s = gs.device, 1, 1.0 / float(settings["rate"])
        # It makes tets of its own from a surface; the scene's are handed over in their place.
        elements: Any = importlib.import_module("genesis.utils.element")
        elements.mesh_to_elements = lambda *_, **__: (scene.vertices.copy(), scene.tets.astype(np.int32))
        world = gs.Scene(
            sim_options=gs.options.SimOptions(dt=self.look_s, substeps=1, gravity=tuple(scene.gravity)),
            fem_options=gs.options.FEMOptions(
                use_implicit_solver=True, enable_vertex_constraints=True, floor_height=-10.0,
                n_newton_iterations=int(settings["newton"]), n_pcg_iterations=int(settings["pcg"]),
                pcg_threshold=float(settings["threshold"]), damping_alpha=0.0, damping_beta=0.0,
            ),
            show_viewer=False,
        )  # fmt: skip
        size = np.ptp(scene.vertices, axis=0)
        law = gs.materials.FEM.Elastic(E=scene.young, nu=scene.poisson, rho=scene.density, model="linear_corotated")
        self.body = world.add_entity(morph=gs.morphs.Box(size=tuple(size), pos=tuple(0.5 * size)), material=law)
        if self.body.n_elements != len(scene.tets) or self.body.n_vertices != len(scene.vertices):
            raise RuntimeError(f"genesis made {self.body.n_elements} tets of {len(scene.tets)}")
        world.build(n_envs=0)
        self.body.set_vertex_constraints(verts_idx_local=scene.held.tolist())
        self.world, self.rest, self.still = world, self._state("pos"), np.zeros((len(scene.vertices), 3), dtype=np.float32)
        self.build_s, began = time.perf_counter() - began, time.perf_counter()
        self.stop()
        world.step()
        self.body.set_position(self.rest.astype(np.float32))
        self.stop()
        self.compile_s = time.perf_counter() - began

    def _state(self, name: str) -> np.ndarray:
        return getattr(self.body.get_state(), name).detach().cpu().numpy().reshape(-1, 3).astype(float)

    def advance(self) -> None:
        self.world.step()
        self.runtime.sync()

    def displacement(self) -> np.ndarray:
        return self._state("pos") - self.rest

    def velocity(self) -> np.ndarray:
        return self._state("vel")

    def stop(self) -> None:
        self.body.set_velocity(self.still)


def genesis_implicit(scene: Scene, settings: Settings, clock: Clock) -> dict[str, Any]:
    """genesis' implicit FEM: `rate` [Hz], `newton` steps a step, at most `pcg` iterations each, `threshold` of its residual's
    square [N²]; its own choice of that, 1e-6, lets the tip rest half a percent too high."""
    return _told(_Genesis(scene, settings, clock.device), scene, clock, "genesis-world", "quadrants", "torch")


def felupe_static(scene: Scene, settings: Settings, clock: Clock) -> dict[str, Any]:
    """felupe's Newton method in float64: the load in so many `parts`, each to a `tolerance` of the forces, by Pardiso if there.

    Its line search is off: it holds out for a smaller residual at each step, which costs this scene five times the steps.
    """
    fem = _module("felupe", "felupe")
    try:
        solver, packages = importlib.import_module("pypardiso").spsolve, ("felupe", "pypardiso")
    except ImportError:
        solver, packages = importlib.import_module("scipy.sparse.linalg").spsolve, ("felupe", "scipy")
    began = time.perf_counter()
    region = fem.RegionTetra(fem.Mesh(scene.vertices, scene.tets, "tetra"))
    body = fem.FieldContainer([fem.Field(region, dim=3)])
    clamp = {"clamp": fem.Boundary(body[0], mask=np.isin(np.arange(len(scene.vertices)), scene.held))}
    solid = fem.SolidBody(_felupe_law(fem, scene), body)
    weight = fem.SolidBodyForce(body, values=scene.gravity, scale=scene.density)
    build_s, ended, parts = time.perf_counter() - began, "at rest", int(settings["parts"])

    class Watch(fem.Plugin):
        """Puts down each Newton step."""

        def after_iteration(self, _: Any, state: Any) -> None:
            clock.halt()
            clock.note(0.0, scene.tip_drop(state.x[0].values))
            if clock.wall > clock.budget_s:
                raise TimeoutError
            clock.go()

    ramp = {weight: [scene.gravity * part / parts for part in range(1, parts + 1)]}
    job = fem.Job([fem.Step(items=[solid, weight], ramp=ramp, boundaries=clamp)], plugins=[Watch()])
    clock.go()
    try:
        job.evaluate(x0=body, verbose=False, solver=solver, maxiter=60, tol=float(settings["tolerance"]))
    except TimeoutError:
        ended = "budget"
    except fem.NewtonConvergenceError:
        ended = "diverged"
    return {
        "device": "cpu", "versions": _versions(*packages), "build_s": build_s, "steps": len(clock.rows["times"]), "ended": ended,
        "displacement": body[0].values.tolist(),
    }  # fmt: skip


def _felupe_law(fem: Any, scene: Scene) -> Any:
    """The scene's law as felupe takes one: functions of F (3, 3, q, m) [-] to stress and its slope [Pa]."""
    mu, stiff = scene.shear_modulus, scene.shear_modulus + scene.first_lame
    rest = 1.0 + mu / stiff
    same = mu * np.einsum("ik,jl->ijkl", np.eye(3), np.eye(3))[..., None, None]

    def cofactor(f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        columns = [np.cross(f[:, (k + 1) % 3], f[:, (k + 2) % 3], axis=0) for k in range(3)]
        result = np.stack(columns, axis=1)
        return result, stiff * (np.einsum("i...,i...->...", f[:, 0], result[:, 0]) - rest)

    def stress(x: Sequence[np.ndarray], **_: Any) -> list[np.ndarray]:
        slope, pressure = cofactor(x[0])
        return [mu * x[0] + pressure * slope, x[-1]]

    def elasticity(x: Sequence[np.ndarray], **_: Any) -> list[np.ndarray]:
        slope, pressure = cofactor(x[0])
        second = np.einsum("ikm,jln,mn...->ijkl...", LEVI_CIVITA, LEVI_CIVITA, pressure * x[0], optimize=True)
        return [same + stiff * np.einsum("ij...,kl...->ijkl...", slope, slope) + second]

    return fem.Material(stress, elasticity)


FELUPE = [{"parts": parts, "tolerance": 1e-3} for parts in (2, 3)]
GENESIS = [{"rate": 60, "newton": 1, "pcg": pcg, "threshold": 1e-12} for pcg in (30, 100)]
VBD = [{"rate": rate, "iterations": 10} for rate in (600, 1200, 2400)]
XPBD = [{"rate": 10000, "iterations": 1, "relaxation": 0.9}]

PEERS: dict[str, Peer] = {
    "newton VBD": Peer("newton", NEO_HOOKEAN, newton_vbd, {6: VBD, 25: VBD[-1:]}),
    "newton XPBD": Peer("newton", NEO_HOOKEAN, newton_xpbd, {6: XPBD, 25: XPBD}),
    "genesis FEM": Peer("genesis", COROTATED, genesis_implicit, {6: GENESIS, 25: GENESIS[-1:]}),
    "felupe": Peer("felupe", NEO_HOOKEAN, felupe_static, {6: FELUPE, 25: FELUPE}),
}


def main() -> None:
    """Run one peer in this process, as `run_peer` asks it to."""
    asked = json.loads(sys.argv[1])
    clock = Clock(asked["budget_s"], asked["until_s"], asked["device"])
    try:
        found = PEERS[asked["peer"]].run(Scene.load(Path(asked["scene"])), asked["settings"], clock)
    except Absent as absent:
        found = {"absent": str(absent)}
    Path(asked["into"]).write_text(json.dumps({**found, **clock.rows}))


if __name__ == "__main__":
    main()
