# ruff: noqa: E402
"""How fast the engine is, and how soon it is right: ticks of 6k to 500k tetrahedra, and a race to one answer with its peers.

    python benchmarks/solver.py [--sizes 6 25 100 500] [--race 6 25] [--peer newton=/path/to/python ...] [--budget 120]
        [--no-file]

The scene is a soft beam, 80 × 40 × 40 mm, E = 10 kPa, that sinks under its own weight by half its length. The race: every
code gets the same tetrahedra and starts from rest; what counts is the time until the tip stays within 1 % of the answer of
the same mesh, found in double precision. `benchmarks/solver_peers.py` says how peers are installed and measured.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Run as a script from anywhere: packages and the tests' meshes lie beside this folder.
sys.path.insert(0, str(HERE.parent))

import numpy as np

from benchmarks.results import machine, write_section
from benchmarks.solver_ours import TickCost, run_ours, solve_ours, tick_cost
from benchmarks.solver_peers import PEERS, Record, interpreters, run_peer
from benchmarks.solver_scenes import CELLS, COROTATED, NEO_HOOKEAN, cantilever, reference
from sim import backend

OURS = (
    {"rate": 60, "newton": 1, "pcg": 5},
    {"rate": 60, "newton": 1, "pcg": 10},
    {"rate": 60, "newton": 2, "pcg": 10},
    {"rate": 240, "newton": 1, "pcg": 5},
)
OURS_XPBD = ({"rate": 60, "substeps": 20}, {"rate": 60, "substeps": 50}, {"rate": 60, "substeps": 166})
UNITS = {"rate": "Hz", "newton": "Newton", "pcg": "PCG", "substeps": "substeps", "iterations": "sweeps", "parts": "parts"}
WITHIN = 0.01
"""How near the tip must come and stay, as a share of its way."""

INTRO = """A soft beam that sinks under its own weight by half its length, by `python benchmarks/solver.py`; run it again on your
own machine. Poisson's ratio is 0.45 in the race and 0.49 in the ticks. A tick is 1/60 s with one Newton step of ten iterations
of conjugate gradients; times are of the whole tick."""

PUBLISHED = (
    "Published, not run here: SOFA's CUDA plugin, 19,456 nodes (about 101,000 tetrahedra), 385 frames a second on an RTX 2070 "
    "of a laptop with 10 iterations of conjugate gradients and an unstated residual. No graphics card was at hand here."
)


def tick_table(costs: Sequence[TickCost]) -> list[str]:
    """What ticks cost, as Markdown."""
    lines = [
        "| tets | vertices | tick, least / median wall ms | processor ms | ms an iteration | frames/s | residual |"
        " iterations to 1e-3 | model and solver s | memory MB | bytes a tet |",
        "|---" * 11 + "|",
    ]
    for cost in costs:
        lines.append(
            f"| {cost.tets:,} | {cost.vertices:,} | {1e3 * cost.wall[0]:.1f} / {1e3 * cost.wall[1]:.1f} | {1e3 * cost.cpu:.1f} "
            f"| {1e3 * cost.iteration:.2f} | {1.0 / cost.wall[1]:.1f} | {cost.residual:.1e} | {cost.to_a_thousandth} "
            f"| {cost.model_s:.1f} | {cost.memory / 2**20:.0f} | {cost.memory / cost.tets:.0f} |"
        )
    if len(costs) > 1:
        sizes, times = np.log([c.tets for c in costs]), np.log([c.cpu for c in costs])
        lines += ["", f"Processor time grows as tets^{np.polyfit(sizes, times, 1)[0]:.2f}."]
    return lines


def race(thousands: int, *, pythons: dict[str, str], budget_s: float) -> list[tuple[Record, np.ndarray]]:
    """Every code on one mesh, each with the answer that it is held to, shape (n, 3) [m]."""
    scene = cantilever(thousands)
    answers = {law: reference(scene, law=law) for law in (NEO_HOOKEAN, COROTATED)}
    found = [(solve_ours(scene), answers[NEO_HOOKEAN])]
    for asked in (*OURS, *OURS_XPBD):
        found.append((run_ours(scene, asked, budget_s=budget_s), answers[NEO_HOOKEAN]))
    for name, peer in PEERS.items():
        for asked in peer.settings.get(thousands, ()):
            print(f"{len(scene.tets):,} tets: {name}", flush=True)
            record = run_peer(name, scene, asked, pythons=pythons, budget_s=budget_s)
            found.append((record, answers[peer.law]))
    return found


def race_table(thousands: int, found: Sequence[tuple[Record, np.ndarray]]) -> list[str]:
    """Time to accuracy of each code, as Markdown, and how far ahead of each peer the engine is."""
    scene = cantilever(thousands)
    lines = [
        f"| {len(scene.tets):,} tets by | settings | tip error | displacement error, rms | wall / processor s to 1 % "
        "| compile s |",
        "|---" * 6 + "|",
    ]
    ours, behind = None, []
    for record, answer in found:
        asked = ", ".join(f"{name} {value}" for name, value in record.settings.items())
        if record.absent:
            lines.append(f"| {record.peer} | {asked} | – | – | {record.absent} | – |")
            continue
        drop = scene.tip_drop(answer)
        lines.append(
            f"| {record.peer} | {asked} | {100.0 * record.tip_error(drop):+.2f} % | {100.0 * record.error(answer):.2f} % "
            f"| {record.told(drop, within=WITHIN)} | {record.compile_s:.0f} |"
        )
        time = record.time_to(drop, within=WITHIN)
        if record.peer == "ours" and time and (ours is None or time[1] < ours[1]):
            ours = time
        if not record.peer.startswith("ours"):
            behind.append((record, time))
    lines.append("")
    if ours:
        lines.append(f"The engine's quickest ticking run takes {ours[0]:.2f} s wall-clock and {ours[1]:.2f} s processor time.")
        for record, time in behind:
            if time:
                lines.append(
                    f"- {record.peer} takes {time[0] / ours[0]:.1f} times the wall-clock and {time[1] / ours[1]:.1f} times the "
                    "processor time."
                )
            else:
                lines.append(f"- {record.peer} did not get there.")
    return lines


def plot(thousands: int, found: Sequence[tuple[Record, np.ndarray]], file: Path) -> None:
    """Error of the tip against wall-clock time, one line a code."""
    from matplotlib.figure import Figure

    scene = cantilever(thousands)
    figure = Figure(figsize=(9.0, 4.6), layout="constrained")
    axes = figure.add_subplot()
    for record, answer in found:
        if record.absent or len(record.wall) < 2:
            continue
        drop = scene.tip_drop(answer)
        moved = np.array(record.wall) > 0.0
        error = np.maximum(np.abs(np.array(record.drops)[moved] / drop - 1.0), 1e-6)
        wall = np.array(record.wall)[moved]
        engine = record.peer.startswith("ours")
        asked = ", ".join(f"{UNITS[name]} {value}" for name, value in record.settings.items() if name in UNITS)
        axes.loglog(
            wall, error, label=f"{record.peer.replace('ours', 'Vesalius')} ({asked})", linewidth=2.0 if engine else 1.2,
            linestyle="-" if engine else "--", marker="o" if len(wall) < 20 else "", markersize=4 if len(wall) > 1 else 9,
        )  # fmt: skip
    axes.axhline(WITHIN, color="0.4", linewidth=0.8)
    axes.set_xlim(left=0.02)
    axes.text(0.022, WITHIN * 1.15, "1 %", color="0.4", fontsize=8)
    axes.set_xlabel("wall-clock time [s]")
    axes.set_ylabel("error of the tip's drop")
    axes.set_title(f"From rest to the answer of the same mesh, {len(scene.tets):,} tetrahedra", fontsize=10)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(file, dpi=130)


def main() -> None:
    """Measure, print, write."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = sorted(CELLS)
    words.add_argument("--sizes", type=int, nargs="*", choices=sizes, default=sizes, help="thousands of tetrahedra to tick")
    words.add_argument("--race", type=int, nargs="*", choices=sizes, default=[6], help="thousands of tetrahedra to race on")
    words.add_argument("--peer", action="append", default=[], help="NAME=PYTHON, the Python that has a peer")
    words.add_argument("--budget", type=float, default=120.0, help="wall-clock time of stepping after which a run ends [s]")
    words.add_argument("--backend", default="auto", help=f"auto or one of {', '.join(backend.NAMES)}")
    words.add_argument("--no-file", action="store_true", help="print only, leave RESULTS.md and the plot as they are")
    asked = words.parse_args()
    backend.start(asked.backend)
    text = [INTRO, "", *machine("taichi", "numpy", "scipy", backend=backend.current()), ""]
    costs = []
    for thousands in asked.sizes:
        costs.append(tick_cost(cantilever(thousands, poisson=0.49)))
        print(f"{costs[-1].tets:,} tets: {1e3 * costs[-1].wall[1]:.1f} ms a tick", flush=True)
    text += [*tick_table(costs), "", PUBLISHED, ""] if costs else []
    for thousands in asked.race:
        found = race(thousands, pythons=interpreters(asked.peer), budget_s=asked.budget)
        text += [*race_table(thousands, found), ""]
        if not asked.no_file and thousands == min(asked.race):
            plot(thousands, found, HERE.parent / "docs" / "solver.png")
    print("\n" + "\n".join(text))
    if not asked.no_file:
        write_section("Speed of the solver", "\n".join(text))


if __name__ == "__main__":
    main()
