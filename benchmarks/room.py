# ruff: noqa: E402
"""The room: how long a frame of its 3-D view takes, moving its points, and an X-ray picture there and back.

    python benchmarks/room.py [--no-file]

Times are processor time of all threads of the window's process; wall-clock time stands beside it. The table goes into its section
of RESULTS.md.
"""

import argparse
import sys
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
from tests.scenarios.small_case import small_case
from tests.viewer.made_up import made_up_recording, placed
from viewer.offscreen import offscreen_plotter
from viewer.room.beam_process import GONE, READY, BeamProcess
from viewer.room.monitor import Request
from viewer.room.stage import Stage

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
        vertices=case.mesh.vertices, device=frame.device, balloon_radius=frame.balloon_radius, stress=np.zeros(1)
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
    still = Request(case.mesh.vertices, np.asarray(case.lattice.nodes), np.zeros(len(case.balloon_axis)), 0.0, (), 0.0, 0.0)

    def picture() -> None:
        beam.ask(still)
        until(READY)

    rows.append(("X-ray picture, 512², asked and taken", "67 ms (15 a second)", cost(picture)))
    beam.close()
    return rows


def main() -> None:
    """Measure, print and write the section."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--no-file", action="store_true", help="print only")
    options = parser.parse_args()
    about = machine("taichi", "numpy", "pyvista", "vtk", backend="cpu, drawn without a GPU")
    rows = [*view_rows(), *picture_rows()]
    for row in rows:
        print(" | ".join(row), flush=True)
    text = [
        "The room's parts, by `python benchmarks/room.py`; run it again on your own machine. Medians.",
        "", *about, "", "| what | demanded | measured |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows),
    ]  # fmt: skip
    if not options.no_file:
        write_section("The room", "\n".join(text))


if __name__ == "__main__":
    main()
