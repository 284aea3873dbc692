# ruff: noqa: E402
"""How long a tick of a whole scene takes: vessel, wire in its catheter, stent on its balloon, all in one model and in contact.

    python benchmarks/scene.py [--ticks 12] [--backend auto] [--no-deployment] [--no-file]

A vessel of 60,480 tetrahedra, a wire of 300 elements in a catheter of 120 that hands push and turn, and a stent of 1,512 that its
balloon opens. Prints the milliseconds of a tick by part, median and least, wall-clock and processor time, beside the goal;
then the seconds of `vesalius rehearse iliac` from command to report, done once to warm the caches and once with the clock
running. Writes both into their section of RESULTS.md. The solver's methods are wrapped from outside, see `benchmarks/engine.py`.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
# Run as a script from anywhere: packages and the tests' meshes lie beside this folder.
sys.path.insert(0, str(HERE.parent))

from benchmarks.engine import PARTS, timed_solver
from benchmarks.results import machine, write_section
from scenarios.devices.lattice import ATMOSPHERE
from sim import backend
from sim.command import Command, Drive
from sim.model import Model, build_model
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.settings import TickReport
from sim.state import State, new_state
from sim.tray import together
from tests.sim.stents import catalogue_stent, on_axis
from tests.sim.tubes import tube, vessel
from tests.sim.wires import wire

GOAL_MS, GOAL_DEPLOYMENT_S = 100.0, 60.0
"""What a tick and a deployment from command to report are to take at most."""

BLOOD_PA = 13.3e3
SETTLING = 4
"""Ticks without the clock, in which wire and catheter, laid straight, bend to the wall."""

FIRST_ATM, LAST_ATM = 3.0, 9.0
"""Balloon pressure from the first tick to the last [atm]: the stent opens, meets the wall and widens it."""


def whole_scene() -> Model:
    """Vessel, wire, catheter, stent and balloon in one model."""
    grid = tube(bore=3.5e-3, outer=4.5e-3, length=60e-3, around=60, through=2, along=84)
    design, balloon = catalogue_stent("balloon-expandable 9x30")
    stent = on_axis(design, balloon, length_mm=60.0, lumen_mm=7.0).body
    guide = wire("wire", length=0.12, count=300, inside=0.055, curl=80.0)
    # As stiff as a diagnostic catheter of 5F in the catalogue, 175 N·mm².
    catheter = wire("catheter", young=4.6e8, diameter=1.67e-3, length=0.1, count=120, inside=0.045, curl=40.0)
    return build_model(vessel(grid), together([stent, guide, catheter], [("wire", "catheter", 1.6e-4)]))


def measure(model: Model, ticks: int) -> dict[str, Any]:
    """Go through the scene once to compile, then let it settle and time so many ticks.

    Returns counts, and the time of each part in each tick [ms], wall-clock and processor.
    """
    for timed in (False, True):
        state, solver = new_state(model), ImplicitSolver(model)
        for _ in range(SETTLING):
            _step(solver, state, 0.0)
        if not timed:
            for number in range(1, ticks + 1):
                _step(solver, state, number / ticks)
    clock = timed_solver(solver)
    rows, reports = [], []
    for number in range(1, ticks + 1):
        before = {kind: dict(getattr(clock, kind)) for kind in ("wall", "cpu")}
        reports.append(_step(solver, state, number / ticks))
        rows.append(
            {
                kind: {part: 1e3 * (done - before[kind].get(part, 0.0)) for part, done in getattr(clock, kind).items()}
                for kind in ("wall", "cpu")
            }
        )
        print(f"tick {number} of {ticks}: {sum(rows[-1]['wall'].values()):.0f} ms", flush=True)
    device = model.device
    assert device
    return {
        "tets": model.tet_count, "vertices": model.vertex_count, "nodes": model.node_count, "rods": len(device.rods.elements),
        "contacts": int(state.traction.any(axis=1).sum()), "rubbing": int(state.coaxial_friction.any(axis=1).sum()),
        "newton": [one.newton_steps for one in reports], "iterations": [one.linear_iterations for one in reports],
        "residual": [one.residual for one in reports], "rows": rows,
    }  # fmt: skip


def _step(solver: ImplicitSolver, state: State, share: float) -> TickReport:
    """One tick in which hands have pushed and turned wire and catheter by a share of their way, and the balloon is as far."""
    drives = {"wire": Drive(advance=1.2e-3 * share, turn=1.2 * share), "catheter": Drive(advance=6e-4 * share)}
    balloons = {"balloon": (FIRST_ATM + share * (LAST_ATM - FIRST_ATM)) * ATMOSPHERE}
    return solver.step(state, Command(blood_pressure=BLOOD_PA, drives=drives, balloons=balloons))


def table(done: dict[str, Any]) -> list[str]:
    """Counts, and the time of each part in Markdown: median and least of the ticks [ms], wall-clock and processor."""
    newton, residual = np.array(done["newton"]), np.array(done["residual"])
    lines = [
        f"{done['tets']:,} tetrahedra ({done['vertices']:,} vertices), {done['rods']:,} rod elements ({done['nodes']:,} nodes); "
        f"at the end {done['contacts']:,} points press on the wall and {done['rubbing']} places rub in the catheter.",
        f"{len(newton)} ticks of 0.05 s: {np.median(newton):.0f} Newton steps in the median one, {newton.min()} to "
        f"{newton.max()}; {sum(done['iterations']) / max(newton.sum(), 1):.1f} iterations of conjugate gradients a step; "
        f"residual {np.median(residual):.1e}, at most {residual.max():.1e}.",
        "",
        "| ms a tick | wall, median | least | processor, median | least |",
        "|---|---|---|---|---|",
    ]

    def line(name: str, times: list[np.ndarray]) -> str:
        cells = [f"{value:.1f}" for values in times for value in (np.median(values), values.min())]
        return f"| {name} | " + " | ".join(cells) + " |"

    for part in dict.fromkeys(PARTS.values()):
        lines.append(line(part, [np.array([row[kind].get(part, 0.0) for row in done["rows"]]) for kind in ("wall", "cpu")]))
    totals = [np.array([sum(row[kind].values()) for row in done["rows"]]) for kind in ("wall", "cpu")]
    lines.append(line("**whole tick**", totals))
    median, least = float(np.median(totals[0])), float(totals[0].min())
    ratios = f"the median tick takes {median / GOAL_MS:.1f} times that, the least {least / GOAL_MS:.1f}"
    return [*lines, "", f"Goal {GOAL_MS:.0f} ms: {ratios}."]


def deployment() -> list[str]:
    """Time the embedded case from the command to its report in a process of its own, the caches warm."""
    command = [sys.executable, "-c", "from viewer.cli import main; main()", "rehearse", "iliac", "--output"]
    for warming in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            used = _children_cpu()
            began = time.perf_counter()
            subprocess.run([*command, folder, "--overwrite"], check=True, cwd=HERE.parent, stdout=subprocess.DEVNULL)
            wall, cpu = time.perf_counter() - began, _children_cpu() - used
            print(f"vesalius rehearse iliac{', to warm the caches' * warming}: {wall:.0f} s, processor {cpu:.0f} s", flush=True)
            if not Path(folder, "report.html").is_file():
                raise RuntimeError(f"`vesalius rehearse iliac` left no report in {folder}; run it by hand to see why.")
    return [
        f"`vesalius rehearse iliac` from command to report, headless, caches warm: {wall:.0f} s, processor {cpu:.0f} s. Goal "
        f"{GOAL_DEPLOYMENT_S:.0f} s: {wall / GOAL_DEPLOYMENT_S:.1f} times that."
    ]


def _children_cpu() -> float:
    """Processor time of all processes that were started and have ended [s]."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure, print, write."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--ticks", type=int, default=12, help="ticks with the clock running")
    words.add_argument("--backend", default="auto", help=f"auto or one of {', '.join(backend.NAMES)}")
    words.add_argument("--no-deployment", action="store_true", help="leave out the embedded case")
    words.add_argument("--no-file", action="store_true", help="print only, leave RESULTS.md as it is")
    asked = words.parse_args()
    if asked.ticks < 1:
        words.error(f"--ticks is {asked.ticks}; give 1 or more.")
    backend.start(asked.backend)
    about = machine("taichi", "numpy", "scipy", "qdldl", backend=backend.current())
    lines = [*about, "", *table(measure(whole_scene(), asked.ticks))]
    if not asked.no_deployment:
        lines += ["", *deployment()]
    text = "\n".join(lines)
    print("\n" + text)
    if not asked.no_file:
        intro = (
            "Vessel, wire in its catheter, stent on its balloon and their contacts in one model. Made by "
            "`python benchmarks/scene.py`;\nrun it again on your own machine.\n\n"
        )
        write_section("A whole scene", intro + text)


if __name__ == "__main__":
    main()
