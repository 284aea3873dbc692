"""Self-expanding and covered stents among several: asked for, refused, kept, released in turn, measured, drawn, run again."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from meshing.errors import InputError
from scenarios.case import Case, load_case
from scenarios.devices.self_expanding import SHEATH, in_sheath, withdrawal_mm
from scenarios.devices.several import Placed
from scenarios.outcome import assess
from scenarios.procedure import moments_of, procedure_of
from scenarios.recording import load_recording
from scenarios.rehearsal import rehearse, rerun
from scenarios.sheath_shape import drawn_mm, sheaths_at
from sim.arrays import put, vec3d
from sim.model import build_model
from sim.solvers.waiting import with_sheaths
from sim.state import new_state
from tests.scenarios.test_release import DESIGN, own_case, survey_of

NINE, EIGHT, COVERED = "self-expanding 9x20", "balloon-expandable 8x20", "covered stent 8x22"


def two_sheaths() -> Case:
    """Two zig-zag stents of 7 mm in a tube of 5 mm, each in its sheath, 2 mm of the second within the first."""
    case = own_case()
    stents = []
    for at_mm in (10.5, 15.5):
        lattice, sheathed = in_sheath(DESIGN, case.path.reversed(), station_mm=case.path.length - at_mm)
        axis = case.path.at(np.linspace(at_mm - 3.5, at_mm + 3.5, 41))[0]
        stents.append(Placed(case.device, lattice, axis, at_mm, sheathed))
    return dataclasses.replace(case, stents=tuple(stents), dilations=())


@pytest.fixture(scope="module")
def mixed():
    """A stent on a balloon and then one in a sheath, planned."""
    return survey_of(8.0).case(device=EIGHT, at_mm=25.0, then=(f"{NINE}, overlap 3",))


def test_a_sheath_after_a_balloon_is_planned_named_and_released_in_its_turn(mixed):
    assert mixed.sheathed is None and mixed.stents[1].sheathed is not None
    assert mixed.stents[1].lattice.nodes[:, 2].mean() == pytest.approx(25.0 + 17.0, abs=0.5)
    assert moments_of(mixed) == ("before", "released", "inflated", "stent 2, released", "after")
    body = mixed.device_body()
    assert [one.name for one in body.balloons] == ["balloon"]
    assert [(one.name, one.rides) for one in body.sheaths] == [("stent 2", "stent 2")]
    assert body.sheaths[0].nodes.min() == mixed.first_nodes[1] and len(body.nested) == 1
    procedure = procedure_of(mixed)
    assert procedure.sheaths == ("stent 2",) and list(procedure.enters_s) == ["stent 2"]
    begins = procedure.enters_s["stent 2"]
    assert procedure(begins).sheaths == {"stent 2": 0.0} and procedure(begins).waiting == ("stent 2",)
    whole = withdrawal_mm(mixed.stents[1].stent)
    assert procedure(begins + 1.5).sheaths["stent 2"] == pytest.approx(0.5e-3 * whole)
    assert procedure.phase(begins + 1.5) == "stent 2, releasing"
    assert procedure(procedure.duration_s).sheaths["stent 2"] == pytest.approx(1e-3 * whole)


def test_a_balloon_after_a_sheath_presses_both_and_the_first_sheath_is_gone_by_then():
    case = survey_of(8.0).case(device=NINE, at_mm=25.0, then=(f"{EIGHT}@9, overlap 3",))
    assert case.sheathed is not None and case.stents[1].sheathed is None
    body, split = case.device_body(), case.first_nodes[1]
    assert [one.name for one in body.sheaths] == [SHEATH] and body.sheaths[0].rides is None
    assert [one.name for one in body.balloons] == ["stent 2"] and body.balloons[0].share[:split].any()
    procedure = procedure_of(case)
    phases = list(dict.fromkeys(procedure.phase(time) for time in np.arange(0.05, procedure.duration_s, 0.05)))
    assert phases[:3] == ["before", "releasing", "released"] and phases[3] == "stent 2, inflating"
    begins = procedure.enters_s["stent 2"]
    assert procedure(begins).sheaths[SHEATH] == pytest.approx(1e-3 * withdrawal_mm(case.stent))
    at = SimpleNamespace(sheath_mm=3.0, waiting=("stent 2",), vertices=case.mesh.vertices)
    assert drawn_mm(case, at) == 3.0 and len(sheaths_at(case, at)) == 1
    at.waiting = ()
    assert drawn_mm(case, at) is None and sheaths_at(case, at) == ()


def test_covered_stents_come_one_after_the_other_with_their_fabric():
    case = survey_of(8.0).case(device=COVERED, at_mm=25.0, then=(f"{COVERED}, overlap 4",))
    body, split = case.device_body(), case.first_nodes[1]
    assert len(body.membranes) == 2 and body.membranes[1].triangles.min() >= split
    later = body.balloons[1]
    assert len(later.fabric) == sum(len(one.lattice.fabric) for one in case.stents)
    assert len(body.balloons[0].fabric) == len(case.lattice.fabric)
    meeting = body.nested[0]
    assert meeting.inner_fabric.min() >= split > meeting.outer_fabric.max() and meeting.width > 0.0


@pytest.mark.parametrize(
    ("device", "words", "told"),
    [
        (EIGHT, f"{NINE}@8", r"self-expanding 9x20 opens by itself, without a pressure; leave the 8 atm out"),
        (EIGHT, "self-expanding 6x20", r"self-expanding 6x20 opens to 6\.4 mm outside at most and would lie loose"),
        (NINE, f"{NINE}, overlap 10.5", r"Stent 2, self-expanding 9x20, would overlap stent 1 by 10\.5 mm"),
        (NINE, f"{NINE}, gap 30", r"Stent 2, self-expanding 9x20, would reach from 65\.0 to 85\.0 mm"),
    ],
)
def test_what_cannot_be_released_is_refused_in_a_sentence(device, words, told):
    with pytest.raises(InputError, match=told) as caught:
        survey_of(8.0).case(device=device, at_mm=25.0, then=(words,))
    assert "\n" not in str(caught.value)


def test_a_case_with_a_sheath_that_comes_later_is_read_as_it_was_written(mixed, tmp_path):
    mixed.save(tmp_path)
    again = load_case(tmp_path)
    one, other = mixed.stents[1].sheathed, again.stents[1].sheathed
    assert again.sheathed is None and other is not None
    assert np.array_equal(one.pose.position, other.pose.position) and np.array_equal(one.history, other.history)
    assert np.array_equal(one.axis_mm, other.axis_mm)
    bodies = mixed.device_body(), again.device_body()
    assert np.array_equal(bodies[0].first_history, bodies[1].first_history)
    assert np.array_equal(bodies[0].sheaths[0].axis, bodies[1].sheaths[0].axis)


def test_its_sheath_rides_along_with_the_lumen_in_engine_and_pictures(mixed):
    model = build_model(mixed.body(), mixed.device_body())
    state = new_state(model)
    away = np.zeros((model.vertex_count, 3))
    away[:, 1] = 0.8e-3
    state.displacement = put(away, vec3d)
    moved = with_sheaths(model, state)
    assert model.device is not None
    assert moved.sheaths[0].axis - model.device.sheaths[0].axis == pytest.approx(
        np.tile([0.0, 0.8e-3, 0.0], (len(moved.sheaths[0].axis), 1)), abs=1e-9
    )
    vertices = 1e3 * (model.body.vertices + away)
    at = SimpleNamespace(sheath_mm=None, sheaths_mm={"stent 2": 4.0}, waiting=(), vertices=vertices)
    (shape,) = sheaths_at(mixed, at)
    plain = mixed.stents[1].sheathed.reaching(4.0)
    assert shape.line - plain == pytest.approx(np.tile([0.0, 0.8, 0.0], (len(plain), 1)), abs=1e-6)
    at.waiting = ("stent 2",)
    assert sheaths_at(mixed, at) == ()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Both zig-zag stents released."""
    case = two_sheaths()
    procedure = procedure_of(case, release="1.2:100%", settle_s=0.1, hold_s=0.3, rest_s=0.2)
    return rehearse(case, tmp_path_factory.mktemp("sheaths"), backend_name="cpu", procedure=procedure)


@pytest.mark.slow
def test_both_open_out_of_their_sheaths_one_within_the_other(recorded):
    nodes = recorded.case.first_nodes
    released = recorded.frame_of_phase("released")
    assert released.waiting == ("stent 2",)
    crimped = np.hypot(*released.device[nodes[1] :, :2].T)
    assert crimped.max() < 0.5 * DESIGN.crimped_diameter_mm
    after = recorded.frame_of_phase("after")
    assert after.sheaths_mm == {SHEATH: pytest.approx(withdrawal_mm(DESIGN)), "stent 2": pytest.approx(withdrawal_mm(DESIGN))}
    opened = [np.hypot(*after.device[nodes[k] : nodes[k + 1], :2].T).mean() for k in range(2)]
    assert min(opened) > 2.3
    assert max(row["inverted"] for row in recorded.ticks) == 0
    values = {one.name: one.value for one in assess(load_recording(recorded.folder)).measures}
    print("\n" + "; ".join(f"{name} {value:.3g}" for name, value in values.items()))
    for name in ("stent 1", "stent 2"):
        assert values[f"{name}: chronic outward force"] > 0.05
        assert values[f"{name}: stent diameter released"] > 4.5
    assert 1.0 < values["overlap of stent 1 and stent 2"] < 3.0 and "recoil" not in values
    print("largest residual", max(row["residual"] for row in recorded.ticks))


@pytest.mark.slow
def test_a_rerun_of_two_releases_is_equal_to_the_bit(recorded):
    result = rerun(recorded.folder)
    assert result.equal and result.ticks == len(recorded.ticks)
