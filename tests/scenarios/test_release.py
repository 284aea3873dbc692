"""A self-expanding stent from its sheath into a vessel: planned, rehearsed, measured, run again."""

import dataclasses
import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from meshing.errors import InputError
from meshing.tetmesh import TetMesh
from scenarios.case import Case, load_case
from scenarios.catalogue import find, find_balloon
from scenarios.devices.design import DeliverySheath, Device
from scenarios.devices.lattice import Dilation
from scenarios.devices.self_expanding import BEYOND_MM, SHEATH, in_sheath, withdrawal_mm
from scenarios.devices.several import Placed
from scenarios.geometric import FREE_NOTE, NOTE, open_geometrically, record_geometry
from scenarios.measures.lumen import profile_along
from scenarios.outcome import assess
from scenarios.plan import Survey, Vessel
from scenarios.procedure import STENT, Inflation, Keyframe, Procedure, Release, opening_of, procedure_of
from scenarios.recording import load_recording
from scenarios.rehearsal import rehearse, rerun
from scenarios.tissues import find_tissue
from tests.scenarios.shapes import straight_path
from tests.scenarios.small_case import small_case
from tests.scenarios.test_self_expanding import BORE_MM, LENGTH_MM
from tests.scenarios.test_self_expanding import STENT as DESIGN
from tests.sim.tubes import tube

NINE = find("self-expanding 9x30")
WHOLE = withdrawal_mm(NINE.stent)


def wall_of(length_mm: float, bore_mm: float, wall_mm: float, *, around: int, along: int) -> TetMesh:
    """A plain tube about the z axis."""
    grid = tube(bore=0.5 * bore_mm, outer=0.5 * bore_mm + wall_mm, length=length_mm, around=around, through=1, along=along)
    sides = {"lumen": (2, 0), "outside": (2, 1), "end 0": (0, 0), "end 1": (0, 1)}
    faces = {name: grid.faces(*side)[:, ::-1] for name, side in sides.items()}
    labels = np.ones(len(grid.tets), np.int32)
    return TetMesh(grid.vertices, grid.tets.astype(np.int32), labels, {1: "arterial wall"}, face_sets=faces)


def survey_of(bore_mm: float) -> Survey:
    """A plain tube of 70 mm, surveyed."""
    path, mesh = straight_path(70.0, radius=0.5 * bore_mm), wall_of(70.0, bore_mm, 1.0, around=16, along=35)
    profile = profile_along(mesh.vertices, mesh.face_sets["lumen"], path)
    lumen: Any = SimpleNamespace(notes=())
    return Survey(Vessel("tube", lumen, mesh, None, {}), path, profile)


def own_case() -> Case:
    """The zig-zag stent of three rings in its sheath in a tube of 5 mm, with a balloon to open it further."""
    path, mesh = straight_path(LENGTH_MM, radius=0.5 * BORE_MM), wall_of(LENGTH_MM, BORE_MM, 0.8, around=20, along=32)
    middle, sheath = 0.5 * LENGTH_MM, DeliverySheath(french=6.0, outer_diameter_mm=2.0, bore_mm=DESIGN.crimped_diameter_mm)
    lattice, sheathed = in_sheath(DESIGN, path.reversed(), station_mm=middle)
    balloon = find_balloon("semi-compliant balloon 6x20")
    axis = path.at(np.linspace(middle - 6.0, middle + 6.0, 61))[0]
    chart = dataclasses.replace(balloon.balloon, length_mm=12.0, overhang_mm=1.0)
    return Case(
        name="tube", mesh=mesh, path=path, tissues={1: find_tissue("arterial wall")},
        stents=(Placed(Device(DESIGN, sheath, "", "iliac"), lattice, axis, middle, sheathed),),
        blood_pressure_pa=12e3, notes=(), source={},
        dilations=(Dilation("postdilation", balloon.name, chart, axis, True),),
    )  # fmt: skip


def test_a_release_is_read_in_shares_and_millimetres_and_drawn_evenly_between():
    release = Release.of(NINE.stent, "1:50%, 2:50%,4:34mm")
    assert np.array(release.course) == pytest.approx(np.array([(1.0, 0.5 * WHOLE), (2.0, 0.5 * WHOLE), (4.0, WHOLE)]))
    case: Any = SimpleNamespace(device=NINE, stent=NINE.stent, stents=(None,), dilations=(), blood_pressure_pa=12e3)
    procedure = procedure_of(case, release="1:50%,2:50%,4:100%", settle_s=0.2)
    at = [procedure.sheath_mm(time) for time in (0.2, 0.7, 1.2, 2.2, 3.2, 4.2, procedure.duration_s)]
    assert at == pytest.approx([0.0, 0.25 * WHOLE, 0.5 * WHOLE, 0.5 * WHOLE, 0.75 * WHOLE, WHOLE, WHOLE])
    command = procedure(1.2)
    assert command.sheaths == {SHEATH: pytest.approx(0.5e-3 * WHOLE)} and command.balloons == {}
    phases = list(dict.fromkeys(procedure.phase(time) for time in np.arange(0.05, procedure.duration_s, 0.05)))
    assert phases == ["before", "releasing", "released", "after"]


def test_a_stent_on_its_balloon_has_no_sheath_in_its_commands():
    asked = find("balloon-expandable 8x30")
    assert opening_of(asked, pressure_atm=9.0) == Inflation(STENT, asked.balloon, 9.0)
    procedure = Procedure((Keyframe(1.0, "inflating", 9.0),), 0.0)
    assert procedure(0.5).sheaths == {} and procedure.sheath_mm(0.5) is None
    assert list(procedure(0.5).balloons) == [STENT]


@pytest.mark.parametrize(
    ("release", "words"),
    [
        ("1:60%,2:40%,3:100%", r"go forward again, from 20\.4 mm drawn back at 1 s to 13\.6 mm at 2 s"),
        ("2:40mm", r"drawn back by 40\.0 mm, past self-expanding 9x30, which is free after 34\.0 mm"),
        ("2:50%", r"leaves the stent in its sheath, drawn back by 17\.0 of 34\.0 mm"),
        ("2:50%,2:100%", r"2 s does not come after 2 s"),
        ("0:50%,2:100%", r"0 s does not come after 0 s"),
        ("2:half", r"cannot be read at '2:half'"),
        ("2:nan%", r"cannot be read at '2:nan%'"),
        ("2:100", r"cannot be read at '2:100'"),
        ("", r"cannot be read at ''"),
    ],
)
def test_a_release_that_cannot_be_is_refused(release, words):
    with pytest.raises(InputError, match=words) as caught:
        opening_of(NINE, release=release)
    assert "\n" not in str(caught.value)


def test_what_belongs_to_a_balloon_is_refused_for_a_sheath_and_the_other_way_round():
    with pytest.raises(InputError, match=r"self-expanding 9x30 opens by itself, without a pressure; leave the 8 atm out"):
        opening_of(NINE, pressure_atm=8.0)
    with pytest.raises(InputError, match="8x30 has no sheath to draw back"):
        opening_of(find("balloon-expandable 8x30"), release="2:100%")
    with pytest.raises(InputError, match="would go forward again"):
        Procedure((Keyframe(1.0, "releasing", 0.0, None, 9.0), Keyframe(2.0, "releasing", 0.0, None, 8.0)), 0.0)


def test_a_self_expanding_stent_is_planned_into_its_sheath_from_the_far_end():
    case = survey_of(8.0).case(device="self-expanding 9x20", at_mm=30.0)
    assert case.sheathed is not None
    hand, end = case.sheathed.axis_mm[[0, -1]]
    assert hand == pytest.approx([0.0, 0.0, 70.0], abs=0.1)
    assert end == pytest.approx([0.0, 0.0, 20.0 - BEYOND_MM], abs=0.1)
    assert np.ptp(case.lattice.nodes[:, 2]) == pytest.approx(20.0, abs=0.5)
    assert case.lattice.nodes[:, 2].mean() == pytest.approx(30.0, abs=0.5)
    assert np.hypot(*case.lattice.nodes[:, :2].T).max() + case.stent.half_thickness_mm < 0.5 * case.device.sheath.bore_mm + 0.02
    assert case.sheathed.reaching(10.0)[-1] == pytest.approx([0.0, 0.0, 30.0 - BEYOND_MM], abs=0.1)


@pytest.mark.parametrize(
    ("bore", "device", "at", "words"),
    [
        (8.0, "self-expanding 7x20", 30.0, r"opens to 7\.4 mm outside at most and would lie loose in a vessel of 7\.9 mm"),
        (1.8, "self-expanding 6x20", 30.0, r"sheath of self-expanding 6x20 is 2\.00 mm wide outside, more than the lumen's 1\."),
        (8.0, "self-expanding 9x20", 65.0, r"would reach from 55\.0 to 75\.0 mm along a vessel that runs from 0 to 70\.0 mm"),
    ],
)
def test_a_self_expanding_stent_that_does_not_fit_is_refused(bore, device, at, words):
    with pytest.raises(InputError, match=words):
        survey_of(bore).case(device=device, at_mm=at)


def test_geometry_alone_opens_it_to_where_nothing_holds_it_and_says_so(tmp_path):
    case = own_case()
    opened = open_geometrically(case)
    assert opened.bore_mm == DESIGN.diameter_mm
    bore = 2.0 * np.hypot(*opened.nodes[:, :2].T).mean() - DESIGN.strut_thickness_mm
    assert bore == pytest.approx(DESIGN.diameter_mm, abs=0.05)
    outcome = assess(record_geometry(case, tmp_path / "out"))
    assert {NOTE, FREE_NOTE} <= set(outcome.notes)
    assert outcome["stent diameter after"].value == pytest.approx(DESIGN.diameter_mm, abs=0.1)


def test_a_case_in_its_sheath_is_read_as_it_was_written(tmp_path):
    case = own_case()
    case.save(tmp_path / "case")
    again = load_case(tmp_path / "case")
    assert case.sheathed is not None and again.sheathed is not None
    assert again.device == case.device and again.balloon_axis == pytest.approx(case.balloon_axis)
    one, other = case.device_body(), again.device_body()
    assert np.array_equal(one.pose.position, other.pose.position) and np.array_equal(one.pose.rotation, other.pose.rotation)
    assert np.array_equal(one.first_history, other.first_history) and one.sheaths[0].radius == other.sheaths[0].radius
    assert [balloon.name for balloon in one.balloons] == ["postdilation"] == [balloon.name for balloon in other.balloons]
    assert one.balloons[0].share.sum() > 0.0


def test_a_case_written_before_there_were_sheaths_is_still_read(tmp_path):
    case = small_case()
    case.save(tmp_path)
    path = tmp_path / "case.json"
    words = json.loads(path.read_text(encoding="utf-8"))
    words["device"]["balloon"] = words["device"].pop("delivery")
    path.write_text(json.dumps(words), encoding="utf-8")
    assert load_case(tmp_path).device == case.device


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The zig-zag stent released and dilated."""
    case = own_case()
    times = {"settle_s": 0.1, "hold_s": 0.3, "inflate_s": 0.6, "deflate_s": 0.3, "rest_s": 0.2}
    procedure = procedure_of(case, release="0.6:50%,1.2:100%", **times)
    return rehearse(case, tmp_path_factory.mktemp("release"), backend_name="cpu", procedure=procedure)


@pytest.mark.slow
def test_the_release_is_recorded_with_its_sheath_and_runs_again_bit_for_bit(recorded):
    drawn = [row["command"]["sheaths"][SHEATH] for row in recorded.ticks]
    assert drawn[0] == 0.0 and drawn == sorted(drawn) and drawn[-1] == pytest.approx(1e-3 * withdrawal_mm(DESIGN))
    assert recorded.frame_of_phase("before").sheath_mm == 0.0
    assert recorded.frame_of_phase("after").sheath_mm == pytest.approx(withdrawal_mm(DESIGN))
    assert max(row["inverted"] for row in recorded.ticks) == 0
    result = rerun(recorded.folder)
    assert result.equal and result.ticks == len(recorded.ticks)


@pytest.mark.slow
def test_its_outcome_tells_what_it_presses_with_how_much_shorter_it_is_and_what_the_balloon_added(recorded):
    outcome = assess(load_recording(recorded.folder))
    values = {one.name: one.value for one in outcome.measures}
    print("\n" + "; ".join(f"{name} {value:.3g}" for name, value in values.items()))
    assert values["minimum lumen diameter before"] == pytest.approx(BORE_MM, abs=0.15)
    assert values["minimum lumen diameter released"] > BORE_MM
    assert values["minimum lumen diameter after"] > values["minimum lumen diameter released"]
    assert 0.05 < values["chronic outward force"] < 0.6
    assert 0.0 < values["foreshortening"] < 15.0
    assert values["stent diameter released"] < values["stent diameter after"] < DESIGN.diameter_mm
    assert values["wall stress, 99th percentile"] > 0.0 and values["wall stress released, 99th percentile"] > 0.0
    assert "recoil" not in values and "dog-boning" not in values and "contact force per length" not in values
    assert not any("inflated" in note for note in outcome.notes)
