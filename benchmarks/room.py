# ruff: noqa: E402
"""The room: how long a frame of its 3-D view takes, moving its points, and an X-ray picture there and back.

    python benchmarks/room.py [--no-file] [--soak SECONDS]

Times are processor time of all threads of the window's process; wall-clock time stands beside it. The table goes into its section
of RESULTS.md. With --soak the window is left open under an X server of its own instead, with X-rays on; what its memory grows by
from a third of that time to its end goes into a section of its own. 600 s are demanded.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

HERE = Path(__file__).resolve().parent
# Run as a script from anywhere: packages and the tests' bodies lie beside this folder.
sys.path.insert(0, str(HERE.parent))

from benchmarks.results import machine, write_section
from benchmarks.xray import Row, cost
from meshing.tetmesh import TetMesh
from scenarios.balloon_shape import BalloonShape
from tests.scenarios.small_case import small_case
from tests.viewer.made_up import made_up_recording, placed
from tests.viewer.room.quick import unloaded_of_the_small_case
from viewer.offscreen import offscreen_plotter
from viewer.room.beam_process import GONE, READY, BeamProcess
from viewer.room.monitor import Request
from viewer.room.stage import Stage
from viewer.slices.deck import Deck
from viewer.slices.planes import NAMES

SLICE_SIDE = 260
AROUND, ALONG = 50, 101
"""Of each of two skins, so that both together have 20,000 triangles."""


def tube_of(case: SimpleNamespace) -> SimpleNamespace:
    """A made-up case with fine skins."""
    angle, station = np.meshgrid(np.arange(AROUND) * 2 * np.pi / AROUND, np.linspace(0, case.path.length, ALONG), indexing="ij")
    shells = [placed(case.path, angle, station, np.full(angle.shape, radius)).reshape(-1, 3) for radius in (3.9, 5.0)]
    number = np.arange(AROUND * ALONG).reshape(AROUND, ALONG)
    beside = np.roll(number, -1, axis=0)
    a, b, c, d = (one.ravel() for one in (number[:, :-1], beside[:, :-1], beside[:, 1:], number[:, 1:]))
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    mesh = TetMesh(
        np.concatenate(shells), np.array([[0, 1, ALONG, AROUND * ALONG]], np.int32), np.ones(1, np.int32), {1: "arterial wall"},
        face_sets={"lumen": faces, "outside": faces + AROUND * ALONG},
    )  # fmt: skip
    return SimpleNamespace(**{**vars(case), "mesh": mesh})


def view_rows() -> list[Row]:
    """The 3-D view in memory at 800 × 600."""
    recording = made_up_recording(Path())
    case, frame = tube_of(recording.case), recording.frame(3)
    moment = SimpleNamespace(
        vertices=case.mesh.vertices, device=frame.device, balloon=frame.balloon, stress=np.zeros(1)
    )
    triangles = sum(len(faces) for faces in case.mesh.face_sets.values())
    with offscreen_plotter(800, 600) as plotter:
        plotter.disable_anti_aliasing()
        stage = Stage(plotter, case)
        stage.show(moment)
        plotter.screenshot(None)
        window, points = plotter.render_window, stage._lumen.mesh.GetPoints()
        moved = np.asarray(stage._lumen.mesh.points).copy()

        def write() -> None:
            np.asarray(stage._lumen.mesh.points)[:] = moved
            points.Modified()

        def whole() -> None:
            stage.show(moment)
            window.Render()

        rows = [
            (f"3-D view, {triangles:,} triangles of wall and a stent, 800 × 600, still", "40 ms", cost(window.Render)),
            (f"writing {len(moved):,} moved points", "1 ms", cost(write)),
            ("all of a new snapshot: wall, normals, stent, balloon", "", cost(lambda: stage.show(moment))),
            ("a new snapshot and its frame", "", cost(whole)),
        ]
        stage.set_open(True)
        return [*rows, ("the same, wall open", "", cost(whole))]


def slice_row() -> Row:
    """The four slices of the room in memory, with the outlines of 20,000 triangles and a stent, and no image behind them."""
    recording = made_up_recording(Path())
    case, frame = tube_of(recording.case), recording.frame(3)
    deck = Deck(case)

    def whole() -> None:
        moment = SimpleNamespace(vertices=case.mesh.vertices, device=frame.device, balloon=frame.balloon)
        for name in NAMES:
            deck.picture(name, moment, SLICE_SIDE)

    return f"four slices of a new snapshot, {SLICE_SIDE} × {SLICE_SIDE} each", "", cost(whole)


def picture_rows() -> list[Row]:
    """An X-ray picture of the small case, asked of its process and taken."""
    case = small_case()
    beam = BeamProcess(case)

    def until(state: str) -> None:
        while beam.state != state:
            if beam.state == GONE:
                raise RuntimeError(beam.error)
            beam.take()
            time.sleep(0.001)

    began = time.perf_counter()
    until(READY)
    rows = [("X-ray process, from its start until it is ready", "", f"{time.perf_counter() - began:.1f} s wall")]
    still = Request(case.mesh.vertices, np.asarray(case.lattice.nodes), BalloonShape.folded(case.balloon_axis), 0.0, (), 0.0, 0.0)

    def picture() -> None:
        beam.ask(still)
        until(READY)

    rows.append(("X-ray picture, 512², asked and taken", "67 ms (15 a second)", cost(picture)))
    beam.close()
    return rows


def soak_row(seconds: float) -> Row:
    """The window on the small case for some seconds, by the tests' scripted person.

    Raises
    ------
    RuntimeError
        If there is no X server to be had, or the person did not come to the end.
    """
    reader, writer = os.pipe()
    screen = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(screen, pass_fds=(writer,), stderr=subprocess.DEVNULL) as server,
    ):
        os.close(writer)
        with os.fdopen(reader) as numbers:
            display = numbers.readline().strip()
        try:
            unloaded_of_the_small_case(Path(folder))
            words = [sys.executable, "-m", "tests.viewer.room.person", folder, f"{folder}/here", "soak", str(seconds)]
            environment = {**os.environ, "DISPLAY": f":{display}", "QT_QPA_PLATFORM": "xcb", "PYTHONPATH": str(HERE.parent)}
            done = subprocess.run(words, cwd=HERE.parent, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(done.stderr[-2000:])
            told = json.loads((Path(folder) / "here" / "told.json").read_text())["soak"]
        finally:
            server.terminate()
    grown = told["last"] - told["first"]
    what = f"memory of a window open for {seconds:g} s, {told['ticks']} ticks, X-rays on: what it grew by from a third of it on"
    return what, "50 MiB", f"{grown:+.1f} MiB, from {told['first']:.0f} to {told['last']:.0f} MiB"


def main() -> None:
    """Measure, print and write the section."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--no-file", action="store_true", help="print only")
    parser.add_argument("--soak", type=float, metavar="SECONDS", help="leave the window open so long, and nothing else")
    options = parser.parse_args()
    about = machine("taichi", "numpy", "pyvista", "vtk", backend="cpu, drawn without a GPU")
    rows = [*view_rows(), slice_row(), *picture_rows()] if options.soak is None else [soak_row(options.soak)]
    section, with_what = ("The room", "") if options.soak is None else ("The room, left open", f" --soak {options.soak:g}")
    for row in rows:
        print(" | ".join(row), flush=True)
    text = [
        f"{section}, by `python benchmarks/room.py{with_what}`; run it again on your own machine. Medians of times.",
        "", *about, "", "| what | demanded | measured |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows),
    ]  # fmt: skip
    if not options.no_file:
        write_section(section, "\n".join(text))


if __name__ == "__main__":
    main()
