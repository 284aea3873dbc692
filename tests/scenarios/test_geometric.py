"""A stent opened by geometry alone: in tubes of known size it comes out as asked for, and says that no forces were solved."""

import dataclasses
from pathlib import Path as FilePath

import numpy as np
import pytest

from meshing.centrelines import Path
from meshing.errors import InputError
from meshing.tetmesh import TetMesh, tet_volumes
from scenarios.case import Case
from scenarios.catalogue import find
from scenarios.devices.lattice import place
from scenarios.devices.several import Placed
from scenarios.geometric import NOTE, open_geometrically, record_geometry
from scenarios.measures.lumen import profile_along
from scenarios.measures.stent import measure_rings, ring_nodes
from scenarios.outcome import assess
from scenarios.rehearsal import rehearse, rerun
from scenarios.tissues import find_tissue
from tests.scenarios.shapes import bent_path, straight_path, thick_tube
from tests.scenarios.small_case import NARROWEST_MM, short_procedure, small_case

BORE_MM, WALL_MM, LENGTH_MM = 5.0, 1.0, 24.0
ASKED_MM = 6.00


def tube_case(path: Path) -> Case:
    """A stent of 6 mm in the middle of a plain tube of 5 mm about a path."""
    vertices, tets, _, lumen = thick_tube(path, 0.5 * BORE_MM, 0.5 * BORE_MM + WALL_MM, sides=32, spacing=0.5)
    device = find("balloon-expandable 6x15")
    none = np.zeros((0, 3), int)
    mesh = TetMesh(
        vertices, tets.astype(np.int32), np.ones(len(tets), np.int32), {1: "arterial wall"},
        face_sets={"lumen": lumen, "end 0": none, "end 1": none},
    )  # fmt: skip
    return Case(
        name="tube", mesh=mesh, path=path, tissues={1: find_tissue("arterial wall")},
        stents=(Placed(device, place(device.stent, path, station_mm=0.5 * path.length), path.points, 0.5 * path.length),),
        blood_pressure_pa=12e3, notes=(), source={},
    )  # fmt: skip


def rings_of(case: Case, nodes: np.ndarray) -> np.ndarray:
    """Bore of each ring [mm]."""
    numbers = ring_nodes(np.asarray(case.lattice.struts), np.asarray(case.lattice.strut_ring))
    rings = measure_rings(nodes, numbers, case.path, offset_mm=-case.lattice.half_thickness_mm)
    return np.array([ring.mean_diameter_mm for ring in rings])


@pytest.mark.parametrize("path", [straight_path(LENGTH_MM, radius=2.5), bent_path(LENGTH_MM, bend_radius=40.0)])
def test_a_stent_of_six_millimetres_is_six_millimetres_wide(path):
    path = dataclasses.replace(path, radii=np.full(len(path.points), 0.5 * BORE_MM))
    case = tube_case(path)
    opened = open_geometrically(case)
    bores = rings_of(case, opened.nodes)
    profile = profile_along(opened.vertices, case.mesh.face_sets["lumen"], path)
    within = profile.between(case.station_mm - 6.5, case.station_mm + 6.5)
    outer = ASKED_MM + 2.0 * case.stent.strut_thickness_mm
    away = profile.between(1.0, 2.0)
    print(
        f"\nbore of the rings {bores.min():.3f} to {bores.max():.3f} mm for {ASKED_MM:.2f}; lumen "
        f"{within.mean_diameter.min():.3f} to {within.mean_diameter.max():.3f} for {outer:.3f}; {opened.wall_clock_s:.2f} s"
    )
    assert bores == pytest.approx(ASKED_MM, abs=0.1)
    assert within.mean_diameter == pytest.approx(outer, abs=0.1)
    assert away.mean_diameter == pytest.approx(BORE_MM, abs=0.1)
    assert opened.inverted == 0


def test_the_wall_keeps_its_volume_and_struts_their_length():
    case = tube_case(straight_path(LENGTH_MM, radius=0.5 * BORE_MM))
    opened = open_geometrically(case)
    before, after = (tet_volumes(vertices, case.mesh.tets).sum() for vertices in (case.mesh.vertices, opened.vertices))
    assert after == pytest.approx(before, rel=2e-3)
    crowns = case.lattice.struts.reshape(-1, 6, 2)[:, [0, -1], [0, 1]]
    length = np.linalg.norm(opened.nodes[crowns[:, 0]] - opened.nodes[crowns[:, 1]], axis=1)
    assert length == pytest.approx(case.stent.strut_length_mm, rel=1e-9)


def test_in_a_rigid_wall_the_stent_opens_to_the_lumen_and_no_farther():
    case = small_case()
    opened = open_geometrically(case, rigid=True)
    outer = np.linalg.norm(opened.nodes[:, :2], axis=1) + case.lattice.half_thickness_mm
    lumen = np.interp(opened.nodes[:, 2], case.path.stations, case.path.radii)
    expected = np.minimum(lumen, 0.5 * case.stent.diameter_mm + case.stent.strut_thickness_mm)
    print(f"\nouter radius {outer.min():.3f} to {outer.max():.3f} mm, at most {np.abs(outer - expected).max():.3f} off")
    # The lumen's surface is a polygon within its circle: of 16 sides, 2 % less at the middle of a side.
    assert np.abs(outer - expected).max() < 0.05
    assert outer.min() < 1.05 * NARROWEST_MM
    assert np.array_equal(opened.vertices, case.mesh.vertices)


def test_the_outcome_holds_no_force_and_says_so(tmp_path: FilePath):
    case = small_case()
    recording = record_geometry(case, tmp_path / "quick")
    outcome = assess(recording)
    names = [measure.name for measure in outcome.measures]
    assert NOTE in outcome.notes
    assert not any(word in name for name in names for word in ("force", "stress", "recoil", "inflated"))
    assert outcome["stent diameter after"].value == pytest.approx(case.stent.diameter_mm, abs=0.02)
    assert {"minimum lumen diameter after", "malapposed struts", "foreshortening", "acute gain"} <= set(names)
    assert not recording.frame_of_phase("after").stress.any()
    with pytest.raises(InputError, match="geometry alone, with no forces"):
        rerun(tmp_path / "quick")
    with pytest.raises(InputError, match="already holds a recording"):
        record_geometry(case, tmp_path / "quick")


@pytest.mark.parametrize("bore_mm", [0.5, 20.0, float("nan")])
def test_a_bore_out_of_reach_is_refused(bore_mm):
    with pytest.raises(InputError, match="cannot be opened to"):
        open_geometrically(small_case(), bore_mm=bore_mm)


@pytest.mark.slow
def test_the_engine_opens_the_stent_as_wide_but_for_what_forces_do(tmp_path: FilePath):
    case = small_case()
    recording = rehearse(case, tmp_path / "engine", backend_name="cpu", procedure=short_procedure(case))
    inflated, after = (rings_of(case, recording.frame_of_phase(phase).device) for phase in ("inflated", "after"))
    placed = rings_of(case, open_geometrically(case).nodes)
    print(f"\nmean bore placed {placed.mean():.3f}, of the engine inflated {inflated.mean():.3f} and after {after.mean():.3f} mm")
    assert inflated.mean() == pytest.approx(placed.mean(), rel=0.08)
    assert after.mean() < inflated.mean() < placed.mean()
