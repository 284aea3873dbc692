"""A covered stent: its sleeve, its numbers, its seals, and a rehearsal of it."""

import dataclasses
import json

import numpy as np
import pytest

from meshing.errors import InputError
from scenarios.assets import find_asset
from scenarios.case import load_case
from scenarios.catalogue import data_sheet, find, nearest, read_devices
from scenarios.devices.covering import LEAST_EDGE_MM
from scenarios.devices.lattice import along_lattice, around_path, crowns_at, device_body, place
from scenarios.measures.sealing import ZONE_MM, Seal, seal, sealing_findings
from scenarios.outcome import assess
from scenarios.procedure import procedure_of
from scenarios.recording import load_recording
from scenarios.rehearsal import rehearse, rerun
from sim.solvers.fabric import FabricPart
from tests.scenarios.shapes import straight_path
from tests.scenarios.test_release import survey_of, wall_of

SIX = find("covered stent 6x16")
LENGTH_MM = 40.0
PATH = straight_path(LENGTH_MM, radius=4.0)
LATTICE = place(SIX.stent, PATH, station_mm=0.5 * LENGTH_MM)


def opened(bore_mm: float) -> np.ndarray:
    """Nodes of the covered stent with every ring opened to a bore [mm]."""
    radius = np.full(SIX.stent.rings, 0.5 * bore_mm + SIX.stent.half_thickness_mm)
    places = along_lattice(LATTICE, crowns_at(SIX.stent, radius, station_mm=0.5 * LENGTH_MM))
    return around_path(PATH, places[:, 0], places[:, 1], np.full(len(places), radius[0]))


def test_the_sleeve_closes_around_the_stent_and_ends_at_its_crowns():
    triangles = LATTICE.fabric
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    pairs, count = np.unique(edges, axis=0, return_counts=True)
    nodes = np.flatnonzero(LATTICE.node_ring >= 0)
    assert np.array_equal(np.unique(triangles), nodes)
    assert len(nodes) - len(pairs) + len(triangles) == 0
    assert set(count) == {1, 2}
    rim = pairs[count == 1]
    assert len(rim) == 2 * SIX.stent.crowns
    ends = np.unique(np.round(LATTICE.nodes[rim.ravel(), 2], 6))
    assert len(ends) == 2 and np.ptp(ends) == pytest.approx(np.ptp(LATTICE.nodes[:, 2]))


def test_the_sleeve_is_strained_neither_crimped_nor_open_but_beyond():
    body = device_body(LATTICE, SIX.stent, SIX.balloon, PATH.points, drag=1.0)
    part = FabricPart(body.membranes[0])
    assert part.evaluate(body.pose.position)[0] == pytest.approx(0.0, abs=1e-12)
    at_nominal = part.tensions(1e-3 * opened(SIX.stent.diameter_mm))
    mean = float(body.membranes[0].rest_areas @ at_nominal[:, 0] / body.membranes[0].rest_areas.sum())
    print(f"\nat nominal bore in mean {mean:.2f}, at most {at_nominal.max():.1f} N/m of {body.membranes[0].stiffness:g} N/m")
    # Triangles that reach from a ring into the gap beside it are sheared, as rings grow lower and gaps wider.
    assert mean < 5e-3 * body.membranes[0].stiffness and at_nominal.max() < 0.03 * body.membranes[0].stiffness
    wider = SIX.balloon.largest_diameter_mm
    radius = [0.5 * bore + SIX.stent.half_thickness_mm for bore in (wider, SIX.stent.diameter_mm)]
    stretch = radius[0] / radius[1]
    # Hoops of the sleeve are stretched by as much as the stent; along it has slack.
    line = body.membranes[0].stiffness * 0.5 * (stretch**2 - 1.0)
    tension = part.tensions(1e-3 * opened(wider))
    print(f"\nat {wider:.2f} mm: {np.median(tension[:, 0]):.1f} N/m, a hoop alone {line:.1f} N/m")
    assert np.median(tension[:, 0]) == pytest.approx(line, rel=0.25)


def test_middles_of_its_long_edges_may_touch_the_wall():
    pairs, along = LATTICE.samples()
    plain = len(LATTICE.nodes) + len(LATTICE.bars)
    assert len(pairs) == plain + len(LATTICE.fabric_edges) and (along[plain:] == 0.5).all()
    points = opened(SIX.stent.diameter_mm)
    length = np.linalg.norm(np.diff(points[LATTICE.fabric_edges], axis=1)[:, 0], axis=1)
    assert len(LATTICE.fabric_edges) > 100 and length.min() > 0.5 * LEAST_EDGE_MM
    struts = {tuple(pair) for pair in np.sort(LATTICE.bars, axis=1)}
    assert not struts & {tuple(pair) for pair in LATTICE.fabric_edges}


def test_the_family_is_found_by_name_and_not_taken_unasked():
    assert SIX.stent.fabric is not None and find("balloon-expandable 8x30").stent.fabric is None
    assert nearest(6.0).stent.fabric is None
    words = {entry.label: entry for entry in data_sheet(SIX)}
    assert words["fabric modulus"].tag == words["fabric thickness"].tag == "M"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('fabric_thickness = { value = 0.1, source = "fabric", tag = "M" }\n', ""),
        ("fabric_modulus = { value = 20e6,", "fabric_modulus = { value = 0.0,"),
        ("fabric_poisson_ratio = { value = 0.3,", "fabric_poisson_ratio = { value = 1.3,"),
    ],
)
def test_fabric_that_cannot_be_is_refused(old, new, tmp_path):
    text = find_asset("devices.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "devices.toml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match="fabric needs a thickness and a modulus above zero and a Poisson's ratio") as caught:
        read_devices(tmp_path / "devices.toml")
    assert "\n" not in str(caught.value)


def test_the_gap_about_a_narrower_sleeve_is_the_ring_between(tmp_path):
    tube = wall_of(LENGTH_MM, 8.0, 1.0, around=64, along=40)
    half, bore = SIX.stent.half_thickness_mm, 6.0
    nodes = opened(bore)
    found = seal(
        nodes, LATTICE.fabric, PATH, vertices=tube.vertices, triangles=tube.face_sets["lumen"], half_thickness_mm=half
    )
    # A polygon of 64 sides has a little less than the circle's area.
    lumen, outer = 32.0 * np.sin(2.0 * np.pi / 64.0) * 16.0, np.pi * (0.5 * bore + 2.0 * half) ** 2
    assert found.gap_area == pytest.approx(np.full(len(found.stations), lumen - outer), rel=2e-3)
    assert (found.off == 1.0).all()
    values = {one.name: one.value for one in sealing_findings(found, ring_height_mm=2.0).measures}
    assert values["proximal leak cross-section"] == pytest.approx(lumen - outer, rel=2e-3)
    assert values["distal sealing ring off the wall"] == 100.0 and values["proximal seal length"] == 0.0


def test_a_sleeve_that_touches_from_a_place_on_seals_from_there():
    tube = wall_of(LENGTH_MM, 7.0, 1.0, around=64, along=40)
    half, nodes = SIX.stent.half_thickness_mm, opened(6.0)
    # From its proximal end to its middle it opens like a funnel, and then lies against the wall.
    open_mm = np.interp(nodes[:, 2], [nodes[:, 2].min(), 0.5 * LENGTH_MM], [2.6, 3.5 - half])
    nodes[:, :2] *= (open_mm / np.hypot(*nodes[:, :2].T))[:, None]
    found = seal(
        nodes, LATTICE.fabric, PATH, vertices=tube.vertices, triangles=tube.face_sets["lumen"], half_thickness_mm=half
    )
    values = {one.name: one.value for one in sealing_findings(found, ring_height_mm=2.0).measures}
    length = float(np.ptp(nodes[:, 2]))
    assert values["distal leak cross-section"] == 0.0 and values["distal sealing ring off the wall"] == 0.0
    assert values["distal seal length"] == pytest.approx(0.5 * length, abs=0.5)
    # It stands off until half a strut's thickness is left.
    assert values["proximal seal length"] == pytest.approx(0.5 * length * half / (3.5 - half - 2.6), abs=0.5)
    assert values["proximal sealing ring off the wall"] == 100.0
    assert values["proximal leak cross-section"] == 0.0


def test_a_leak_is_told_by_its_narrowest_place_within_the_zone():
    stations = np.linspace(10.0, 50.0, 81)
    gap = np.where(stations < 25.0, 3.0, 0.0)
    found = Seal(stations, gap, np.where(gap > 0.0, 0.5, 0.0))
    values = {one.name: one.value for one in sealing_findings(found, ring_height_mm=4.0).measures}
    assert ZONE_MM == 10.0 and values["proximal leak cross-section"] == 3.0 and values["distal leak cross-section"] == 0.0
    assert values["proximal sealing ring off the wall"] == pytest.approx(50.0)
    assert values["proximal seal length"] == pytest.approx(5.0) and values["distal seal length"] == pytest.approx(20.0)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A covered stent opened beyond its nominal bore in a plain tube."""
    case = survey_of(5.4).case(device=SIX.name, at_mm=35.0)
    procedure = procedure_of(case, pressure_atm=11.0, settle_s=0.05, inflate_s=0.5, hold_s=0.05, deflate_s=0.15, rest_s=0.05)
    return rehearse(case, tmp_path_factory.mktemp("covered"), backend_name="cpu", procedure=procedure)


def test_the_fabric_presses_on_the_wall_and_bears_tension(recorded):
    case = recorded.case
    inflated = recorded.frame_of_phase("inflated")
    plain = len(case.lattice.nodes) + len(case.lattice.bars)
    assert inflated.contact_force[plain:].sum() > 0.0 and inflated.contact_force[:plain].sum() > 10.0
    part = FabricPart(case.device_body().membranes[0])
    tension = part.tensions(1e-3 * inflated.device)
    left = part.tensions(1e-3 * recorded.frame(-1).device)
    print(f"\nmean tension inflated {tension[:, 0].mean():.1f} N/m, after {left[:, 0].mean():.1f} N/m")
    assert tension[:, 0].mean() > 1.0 and tension.min() > -1e-6
    assert max(row["inverted"] for row in recorded.ticks) == 0


def test_it_seals_at_both_ends_of_a_tube_that_it_is_wider_than(recorded):
    values = {one.name: one.value for one in assess(load_recording(recorded.folder)).measures}
    print("\n" + "; ".join(f"{name} {value:.3g}" for name, value in values.items() if "seal" in name or "leak" in name))
    for end in ("proximal", "distal"):
        assert values[f"{end} leak cross-section"] == 0.0 and values[f"{end} sealing ring off the wall"] < 5.0
        assert values[f"{end} seal length"] > 5.0


def test_a_covered_case_is_read_as_it_was_written_and_one_without_fabric_still(recorded, tmp_path):
    case = recorded.case
    case.save(tmp_path / "case")
    again = load_case(tmp_path / "case")
    assert again.device == case.device and np.array_equal(again.lattice.fabric, case.lattice.fabric)
    path = tmp_path / "case" / "case.json"
    words = json.loads(path.read_text(encoding="utf-8"))
    del words["device"]["stent"]["fabric"]
    path.write_text(json.dumps(words), encoding="utf-8")
    with np.load(tmp_path / "case" / "arrays.npz") as file:
        arrays = {name: value for name, value in file.items() if "fabric" not in name}
    np.savez(tmp_path / "case" / "arrays.npz", **arrays)
    old = load_case(tmp_path / "case")
    assert old.stent == dataclasses.replace(case.stent, fabric=None) and old.device_body().membranes == ()


@pytest.mark.slow
def test_a_rerun_of_a_covered_stent_is_equal_to_the_bit(recorded):
    assert rerun(recorded.folder).equal
