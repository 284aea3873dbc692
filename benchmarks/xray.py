# ruff: noqa: E402
"""X-ray pictures: how long each part of a frame takes, how exact lengths are, and that no pixel leaks.

    python benchmarks/xray.py [--poses 200] [--no-file]

Times are processor time of all threads, compilation left out; wall-clock time stands beside it. The table goes into its section
of RESULTS.md.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
# Run as a script from anywhere: packages and the tests' bodies lie beside this folder.
sys.path.insert(0, str(HERE.parent))

from benchmarks.results import machine, write_section
from sim import backend
from tests.viewer.xray.bodies import geodesic_sphere, rays_of, source_of
from viewer.xray.attenuation import beam_of
from viewer.xray.carm import CArm
from viewer.xray.chords import Layers, add_surface, empty_counts
from viewer.xray.contrast import DyedTree, Puff, Stretch
from viewer.xray.cylinders import Cylinders, add_cylinders
from viewer.xray.fluoroscope import Contents, Fluoroscope
from viewer.xray.surfaces import Surface
from viewer.xray.volume import Marcher, Patient

REPEATS = 15
Row = tuple[str, str, str]
"""What was measured, the figure demanded, the figure measured."""


def cost(work: Callable[[], object], *, repeats: int = REPEATS) -> str:
    """Median time of a piece of work, in words."""
    work()
    spent = []
    for _ in range(repeats):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        spent.append((time.process_time() - processor, time.perf_counter() - wall))
    processor, wall = 1e3 * np.median(spent, axis=0)
    return f"{processor:.1f} ms processor, {wall:.1f} ms wall"


def zigzag_stent(rings: int, crowns: int) -> tuple[np.ndarray, np.ndarray]:
    """An open stent: nodes (n, 3) [mm] and node pairs."""
    around = 2 * crowns
    ring, node = np.meshgrid(np.arange(rings), np.arange(around), indexing="ij")
    angle = np.pi * node / crowns
    height = 2.0 * (ring - rings / 2) + np.where(node % 2, 0.8, -0.8)
    nodes = np.stack([4.0 * np.cos(angle), 4.0 * np.sin(angle), height], axis=-1).reshape(-1, 3)
    number = np.arange(len(nodes)).reshape(rings, around)
    return nodes, np.stack([number, np.roll(number, -1, axis=1)], axis=-1).reshape(-1, 2)


def ball_patient(count: int, spacing_mm: float) -> Patient:
    """A ball of water in a cube of voxels."""
    places = (np.arange(count) - (count - 1) / 2) * spacing_mm
    square = places[:, None, None] ** 2 + places[None, :, None] ** 2 + places[None, None, :] ** 2
    water = (square < (0.4 * count * spacing_mm) ** 2).astype(np.float32)
    affine = np.diag([spacing_mm] * 3 + [1.0])
    affine[:3, 3] = places[0]
    return Patient(water, 0.1 * water, affine)


def frame_rows() -> list[Row]:
    """The parts of a frame of 512² with 100,820 triangles and 2,028 cylinders, the C-arm still."""
    carm = CArm(20.0, 10.0)
    ball = Surface.closed(*geodesic_sphere(71, 40.0), material="iodine", amount=5.0)
    nodes, bars = zigzag_stent(96, 9)
    line = np.linspace(0.0, 1.0, 301)[:, None]
    wire = Cylinders.of_line(
        np.hstack([4.0 * np.sin(6.0 * line), 4.0 * line, 300.0 * line - 150.0]), radius=0.445, material="nitinol"
    )
    stent = Cylinders.of_bars(nodes, bars, radius=0.1, material="cobalt-chromium L605")
    scope = Fluoroscope(carm, ball_patient(96, 3.0))
    contents = Contents((ball,), (stent, wire))
    layers = Layers.empty(contents.materials, carm.pixels)
    scope.frame(contents)
    developer = scope._developer
    background = scope._background(False)
    assert developer is not None

    def composed() -> None:
        add_surface(ball, carm, layers)
        developer.expose(layers, carm, background.bins, background.still)

    def cylinders() -> None:
        add_cylinders(stent, carm, layers)
        add_cylinders(wire, carm, layers)

    photons = scope.dose.photons_of_pixel(carm.pixel_mm)
    count, whole = len(bars) + 300, cost(lambda: scope.frame(contents))
    return [
        (f"frame, C-arm still: {len(ball.triangles):,} triangles, {count:,} cylinders, 512²", "50 ms", whole),
        ("of it: lengths in the triangles", "", cost(lambda: add_surface(ball, carm, layers))),
        ("of it: lengths in the cylinders, four rays a pixel", "", cost(cylinders)),
        ("the same cylinders, one ray a pixel", "", cost(lambda: add_cylinders(stent, carm, layers, rays=1))),
        ("of it: Beer–Lambert, with the triangles once more", "", cost(composed)),
        ("of it: photons, blur, grey", "", cost(lambda: developer.develop(photons=photons, seed=1, number=1, contrast=0.3))),
        ("frame with nothing but the patient", "", cost(lambda: scope.frame())),
    ]  # fmt: skip


def march_rows() -> list[Row]:
    """Looking through a CT, which is done once where the C-arm stands."""
    patient, carm = ball_patient(192, 1.5), CArm(20.0, 10.0)
    fine, coarse = Marcher(patient), Marcher(patient.halved())
    rows = [
        ("CT of 192³, 512², once where the C-arm stands", "", cost(lambda: fine.lengths(carm, pixels=512), repeats=3)),
        ("CT of 96³, 256², while the C-arm moves", "", cost(lambda: coarse.lengths(carm, pixels=256), repeats=5)),
    ]
    scope = Fluoroscope(carm, patient)
    angles = iter(np.linspace(0.0, 60.0, 20))

    def moving() -> None:
        scope.look(CArm(float(next(angles)), 10.0))
        scope.frame(moving=True)

    return [*rows, ("whole frame while the C-arm moves, 512²", "", cost(moving, repeats=8))]


def leak_row(poses: int) -> list[Row]:
    """Random poses of a sphere: the worst pixel, and lengths where rays do not graze."""
    sphere = Surface.closed(*geodesic_sphere(71, 40.0), material="water")
    random, layers = np.random.default_rng(poses), Layers.empty(("water",), 512)
    worst, relative, unbalanced = 0.0, 0.0, 0
    for _ in range(poses):
        lao, cra = random.uniform((-180, -90), (180, 90))
        carm = CArm(lao, cra, isocentre=tuple(random.uniform(-30, 30, 3)), field_mm=float(random.uniform(120, 300)))
        counts = empty_counts(512)
        layers.clear()
        add_surface(sphere, carm, layers, counts=counts)
        unbalanced += int(np.count_nonzero(counts.to_numpy()))
        rays, start = rays_of(carm), source_of(carm)
        exact = 2.0 * np.sqrt(np.maximum(1600.0 - start @ start + (rays @ start) ** 2, 0.0))
        off = np.abs(layers.lengths(carm)[0] - exact)
        worst, relative = max(worst, off.max()), max(relative, (off / np.maximum(exact, 1e-9))[exact > 40.0].max())
    return [
        (f"sphere of 40 mm, {len(sphere.triangles):,} triangles, {poses} poses: worst pixel", "1 mm", f"{worst:.2f} mm"),
        ("its lengths beyond a radius, worst", "0.1 %", f"{100 * relative:.3f} %"),
        ("pixels that are entered more often than left", "0", f"{unbalanced:,}"),
    ]


def wedge_row() -> list[Row]:
    """Step wedges behind water: the few energies against the fine spectrum."""
    rows = []
    for tube_kv in (60, 80, 120):
        beam, worst = beam_of(tube_kv), 0.0
        wedges = {"cortical bone": (5, 20, 40), "nitinol": (0.1, 0.5, 2.0), "iodine": (350, 1050, 3500), "water": (10, 50)}
        for name, steps in wedges.items():
            for behind in (0.0, 100.0, 200.0):
                for step in steps:
                    lengths = {"water": behind + step} if name == "water" else {name: float(step), "water": behind}
                    worst = max(worst, abs(float(beam.transmission(lengths) / beam.transmission(lengths, fine=True)) - 1.0))
        rows.append((f"wedges of water, bone, nitinol, iodine at {tube_kv} kV, worst step", "2 %", f"{100 * worst:.2f} %"))
    return rows


def dye_row() -> list[Row]:
    """Iodine lost or made in a tree."""
    line = np.column_stack([np.zeros((400, 2)), np.linspace(0, 100, 400)])
    branches = [
        Stretch.of(line, np.full(400, 4.0)),
        *(Stretch.of(line, np.full(400, 3.0), share=s, parent=0) for s in (0.6, 0.4)),
    ]
    tree = DyedTree(branches, flow_ml_s=6.0)
    tree.inject(Puff(0.0, 8.0, 5.0))
    worst = max(abs(sum(tree.mass_mg(t)) - tree.injected_mg(t)) for t in np.linspace(0, 10, 101)) / 2800.0
    return [("iodine lost or made in a tree, of what was injected", "", f"{worst:.0e}")]


def main() -> None:
    """Measure, print and write the section."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--poses", type=int, default=200)
    parser.add_argument("--no-file", action="store_true", help="print only")
    options = parser.parse_args()
    about = machine("taichi", "numpy", "scipy", backend=backend.start("cpu"))
    rows: list[Row] = []
    for part in (frame_rows, march_rows, lambda: leak_row(options.poses), wedge_row, dye_row):
        for row in part():
            print(" | ".join(row), flush=True)
            rows.append(row)
    text = [
        "Parts of an X-ray picture, by `python benchmarks/xray.py`; run it again on your own machine. Medians, compiled before.",
        "", *about, "", "| what | demanded | measured |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows),
    ]  # fmt: skip
    if not options.no_file:
        write_section("X-ray pictures", "\n".join(text))


if __name__ == "__main__":
    main()
