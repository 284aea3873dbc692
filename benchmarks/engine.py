# ruff: noqa: E402
"""How fast the engine ticks: a stent opened by its balloon in a tube of 6k, 25k and 100k tetrahedra, with time for each part.

    python benchmarks/engine.py [--sizes 6 25 100] [--backend auto] [--no-file]

Prints ticks, Newton steps and iterations of conjugate gradients per second, wall-clock and processor time (all threads), and
writes the table into its section of RESULTS.md. The solver's methods are wrapped from outside; it holds no timing code.
"""

import argparse
import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
# Run as a script from anywhere: packages and the tests' meshes lie beside this folder.
sys.path.insert(0, str(HERE.parent))

from benchmarks.results import machine, write_section
from scenarios.devices.lattice import ATMOSPHERE
from sim import backend
from sim.command import Command
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.model import build_model
from sim.solvers.implicit import ImplicitSolver
from sim.state import new_state
from tests.sim.stents import catalogue_stent, on_axis
from tests.sim.tubes import tube, vessel

import taichi as ti  # isort: skip  (after sim, which keeps it from greeting)

PARTS = {
    "_touching.find": "contact search",
    "_tissue.assemble": "assembly",
    "_system.begin": "preconditioner",
    "_system.prepare": "preconditioner",
    "_settle_device": "device alone",
    "_newton_direction": "device elimination",
    "_system.solve": "conjugate gradients",
    "_line_search": "line search",
    "_choose_start": "line search",
    "_residual": "forces",
    "step": "the rest",
}
"""Methods of the solver and its parts, and what each one's own time, less that of the others it calls, counts towards."""

CELLS = {6: (20, 2, 25), 25: (36, 2, 58), 100: (60, 3, 93)}
"""Cells around, through and along the tube, for a size in thousands of tetrahedra."""

PRESSURES = np.concatenate([np.linspace(1.0, 3.0, 3), np.linspace(3.2, 5.0, 10), np.linspace(5.5, 8.0, 6)])
"""Balloon pressure at each tick [atm]: folded, opening, meeting the wall at about 4.5 atm, widening it."""


class Clock:
    """Adds up wall-clock and processor time [s] of each part, each part's own time alone."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}
        self._running: list[str] = []
        self._last = self._now()

    @staticmethod
    def _now() -> tuple[float, float]:
        return time.perf_counter(), time.process_time()

    def _charge(self) -> None:
        ti.sync()
        now = self._now()
        if self._running:
            part = self._running[-1]
            self.wall[part] = self.wall.get(part, 0.0) + now[0] - self._last[0]
            self.cpu[part] = self.cpu.get(part, 0.0) + now[1] - self._last[1]
        self._last = now

    def wrap(self, part: str, method: Callable[..., Any]) -> Callable[..., Any]:
        """The same method, whose time is charged to a part."""

        @functools.wraps(method)
        def timed(*args: Any, **named: Any) -> Any:
            self._charge()
            self._running.append(part)
            try:
                return method(*args, **named)
            finally:
                self._charge()
                self._running.pop()

        return timed


def timed_solver(solver: ImplicitSolver) -> Clock:
    """Wrap a solver's methods and return the clock that they are charged to."""
    clock = Clock()
    for path, part in PARTS.items():
        *owners, name = path.split(".")
        owner = functools.reduce(getattr, owners, solver)
        setattr(owner, name, clock.wrap(part, getattr(owner, name)))
    return clock


def measure(thousands: int) -> dict[str, Any]:
    """Open the stent once to compile and once with the clock running; return counts and times of the second run."""
    around, through, along = CELLS[thousands]
    design, balloon = catalogue_stent()
    soft = StableNeoHookean.from_young(0.5e6, 0.45, 1100.0)
    grid = tube(bore=2.5e-3, outer=3.5e-3, length=24e-3, around=around, through=through, along=along)
    model = build_model(vessel(grid, soft), on_axis(design, balloon, length_mm=24.0, lumen_mm=5.0).body)
    warm = new_state(model)
    for pressure in (1.0, 4.5):
        ImplicitSolver(model).step(warm, Command(blood_pressure=13.3e3, balloons={"balloon": pressure * ATMOSPHERE}))
    state, solver = new_state(model), ImplicitSolver(model)
    clock = timed_solver(solver)
    newton = iterations = 0
    residual = 0.0
    for pressure in PRESSURES:
        report = solver.step(state, Command(blood_pressure=13.3e3, balloons={"balloon": pressure * ATMOSPHERE}))
        newton, iterations = newton + report.newton_steps, iterations + report.linear_iterations
        residual = report.residual
    pressing = int(state.traction.any(axis=1).sum())
    return {
        "tets": model.tet_count, "vertices": model.vertex_count, "nodes": model.node_count, "contacts": pressing,
        "ticks": len(PRESSURES), "newton": newton, "iterations": iterations, "residual": residual, "wall": clock.wall,
        "cpu": clock.cpu,
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Counts, rates and the time of each part as Markdown; times are milliseconds a tick, wall-clock / processor."""
    head = ["", *(f"{row['tets']:,} tets" for row in rows)]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]

    def line(name: str, value: Callable[[dict[str, Any]], str]) -> None:
        lines.append("| " + " | ".join([name, *(value(row) for row in rows)]) + " |")

    def total(row: dict[str, Any], kind: str) -> float:
        return sum(row[kind].values())

    line("vertices, strut nodes, contacts at the end", lambda row: f"{row['vertices']:,}, {row['nodes']}, {row['contacts']}")
    line("ticks", lambda row: str(row["ticks"]))
    line("Newton steps a tick", lambda row: f"{row['newton'] / row['ticks']:.1f}")
    line("PCG iterations a Newton step", lambda row: f"{row['iterations'] / max(row['newton'], 1):.1f}")
    line("residual of the last tick", lambda row: f"{row['residual']:.1e}")
    line("**ticks per second**", lambda row: f"**{row['ticks'] / total(row, 'wall'):.2f}**")
    line("**Newton steps per second**", lambda row: f"**{row['newton'] / total(row, 'wall'):.1f}**")
    line("**PCG iterations per second, in PCG**", lambda row: f"**{row['iterations'] / row['wall']['conjugate gradients']:.0f}**")
    line("time of a tick [ms], wall / processor", lambda row: f"{_each(row, 'wall'):.0f} / {_each(row, 'cpu'):.0f}")
    for part in dict.fromkeys(PARTS.values()):
        line(f"{part} [ms]", lambda row, part=part: f"{_each(row, 'wall', part):.1f} / {_each(row, 'cpu', part):.1f}")
    return lines


def _each(row: dict[str, Any], kind: str, part: str | None = None) -> float:
    seconds = sum(row[kind].values()) if part is None else row[kind].get(part, 0.0)
    return 1e3 * seconds / row["ticks"]


def main() -> None:
    """Measure, print, write."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = sorted(CELLS)
    words.add_argument("--sizes", type=int, nargs="+", choices=sizes, default=sizes, help="thousands of tetrahedra")
    words.add_argument("--backend", default="auto", help=f"auto or one of {', '.join(backend.NAMES)}")
    words.add_argument("--no-file", action="store_true", help="print only, leave RESULTS.md as it is")
    asked = words.parse_args()
    backend.start(asked.backend)
    about, rows = machine("taichi", "numpy", "scipy", backend=backend.current()), []
    for thousands in asked.sizes:
        rows.append(measure(thousands))
        print(f"{rows[-1]['tets']:,} tets: {rows[-1]['ticks'] / sum(rows[-1]['wall'].values()):.2f} ticks per second", flush=True)
    text = "\n".join([*about, "", *table(rows)])
    print("\n" + text)
    if not asked.no_file:
        intro = (
            "A stent opened by its balloon in a straight vessel, from folded to 8 atm. Made by "
            "`python benchmarks/engine.py`;\nrun it again on your own machine.\n\n"
        )
        write_section("Speed of the engine", intro + text)


if __name__ == "__main__":
    main()
