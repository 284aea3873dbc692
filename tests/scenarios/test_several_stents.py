"""Stents placed one after the other: asked for, refused, kept, rehearsed, measured, run again."""

import dataclasses
import itertools

import numpy as np
import pytest

from meshing.errors import InputError
from scenarios.case import Case, load_case
from scenarios.catalogue import find_balloon
from scenarios.devices.lattice import Dilation
from scenarios.further_stents import OVERLAP_MM, Further
from scenarios.measures.several import IN_ANOTHER
from scenarios.outcome import assess
from scenarios.plan import plan_case
from scenarios.procedure import Procedure, called, moments_of, procedure_of
from scenarios.recording import load_recording
from scenarios.rehearsal import rehearse, rerun
from sim.solvers import nested
from sim.solvers.bearing import bearing
from tests.scenarios.small_case import placed, small_case
from tests.scenarios.test_release import survey_of
from viewer.phases import file_word, kept_frames


def two_stents(*, pressure_atm: float | None = None) -> Case:
    """Two 4 × 8 mm stents in the small tube, 3 mm of the second within the first."""
    case = small_case()
    return dataclasses.replace(case, stents=(placed(case.path, 9.5), placed(case.path, 14.5, pressure_atm=pressure_atm)))


def brief(case: Case) -> Procedure:
    """A quick inflation of both, 28 ticks in all."""
    return procedure_of(case, settle_s=0.05, inflate_s=0.45, hold_s=0.05, deflate_s=0.15, rest_s=0.05)


def test_a_further_stent_is_read_with_its_pressure_and_place():
    assert Further.of("balloon-expandable 8x20") == Further("balloon-expandable 8x20", None, None, OVERLAP_MM, True)
    assert Further.of("8x20@9, overlap 3") == Further("8x20", 9.0, None, 3.0, True)
    assert Further.of("8x20 @ 9 , gap 2.5 proximal") == Further("8x20", 9.0, None, -2.5, False)
    assert Further.of("8x20,at 62") == Further("8x20", at_mm=62.0)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("8x20, overlap", r"place 'overlap' of the further stent 8x20 cannot be read; write it as"),
        ("8x20, overlap -2", r"place 'overlap -2'"),
        ("8x20, overlap nan", r"place 'overlap nan'"),
        ("8x20, overlap 2 left", r"place 'overlap 2 left'"),
        ("8x20, at 30 distal", r"place 'at 30 distal'"),
        ("8x20, ", r"place ''"),
        ("8x20@much", r"further stent '8x20@much' has no pressure in atm after its @"),
    ],
)
def test_a_further_stent_that_cannot_be_read_is_refused(words, told):
    with pytest.raises(InputError, match=told) as caught:
        Further.of(words)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "middle"),
    [
        ("balloon-expandable 8x20, overlap 3", 25.0 + 17.0),
        ("balloon-expandable 8x20, gap 2", 25.0 + 22.0),
        ("balloon-expandable 8x15, overlap 3 proximal", 25.0 - 14.5),
        ("balloon-expandable 8x15, at 50", 50.0),
    ],
)
def test_a_further_stent_lies_where_it_is_asked_on_its_own_balloon(words, middle):
    case = survey_of(8.0).case(device="balloon-expandable 8x20", at_mm=25.0, then=(words,))
    second = case.stents[1]
    assert second.station_mm == pytest.approx(middle)
    assert second.lattice.nodes[:, 2].mean() == pytest.approx(middle, abs=0.3)
    assert second.balloon_axis[:, 2].mean() == pytest.approx(middle, abs=0.3)
    assert any(note.startswith("Stent 2, balloon-expandable") for note in case.notes)


@pytest.mark.parametrize(
    ("first", "words", "told"),
    [
        ("balloon-expandable 8x20", "balloon-expandable 8x40, gap 10",
         r"Stent 2, balloon-expandable 8x40, would reach from 45\.0 to 85\.0 mm along a vessel that runs from 0 to 70\.0 mm"),
        ("balloon-expandable 8x20", "balloon-expandable 8x30, overlap 10.5",
         r"Stent 2, balloon-expandable 8x30, would overlap stent 1 by 10\.5 mm.* by at most 10\.0 mm\."),
        ("balloon-expandable 8x20", "balloon-expandable 99x20", r"99x20"),
        ("balloon-expandable 8x20", "balloon-expandable 8x20@-1", r"pressure of balloon-expandable 8x20 is -1 atm; give"),
    ],
)  # fmt: skip
def test_further_stents_that_cannot_be_are_refused_in_a_sentence(first, words, told):
    with pytest.raises(InputError, match=told) as caught:
        survey_of(8.0).case(device=first, at_mm=25.0, then=(words,))
    assert "\n" not in str(caught.value)


def test_a_third_stent_is_told_from_the_second_and_held_apart_from_the_first():
    ask = ("balloon-expandable 8x15, overlap 2", "balloon-expandable 8x15, overlap 2")
    case = survey_of(8.0).case(device="balloon-expandable 8x15", at_mm=15.0, then=ask)
    assert [one.station_mm for one in case.stents] == pytest.approx([15.0, 28.0, 41.0])
    with pytest.raises(InputError, match=r"Stent 3, balloon-expandable 8x15, would overlap stent 1 by 11\.0 mm"):
        survey_of(8.0).case(device="balloon-expandable 8x15", at_mm=15.0, then=(ask[0], "balloon-expandable 8x15, at 19"))


def test_the_second_waits_until_its_balloon_is_inflated():
    case = two_stents(pressure_atm=12.0)
    procedure = brief(case)
    phases = list(dict.fromkeys(procedure.phase(time) for time in np.arange(0.05, procedure.duration_s + 0.01, 0.05)))
    own = ["inflating", "inflated", "deflating"]
    assert phases == ["before", *own, *(f"stent 2, {one}" for one in own), "after"]
    assert moments_of(case) == ("before", "released", "inflated", "stent 2, inflated", "after")
    assert procedure.enters_s == {"stent 2": pytest.approx(0.7)}
    assert procedure(0.7).waiting == ("stent 2",) and procedure(0.75).waiting == ()
    assert procedure.pressure_atm("stent 2", 1.15) == pytest.approx(12.0) and procedure.pressure_atm("balloon", 1.15) == 0.0
    assert called("stent 2") == "balloon of stent 2"


def test_a_case_of_two_stents_is_read_as_it_was_written(tmp_path):
    case = two_stents(pressure_atm=11.0)
    case.save(tmp_path)
    again = load_case(tmp_path)
    assert len(again.stents) == 2
    for one, other in zip(case.stents, again.stents, strict=True):
        assert (one.device, one.station_mm, one.pressure_atm) == (other.device, other.station_mm, other.pressure_atm)
        assert np.array_equal(one.lattice.nodes, other.lattice.nodes) and np.array_equal(one.balloon_axis, other.balloon_axis)
    one, other = case.device_body(), again.device_body()
    assert np.array_equal(one.pose.position, other.pose.position)
    assert np.array_equal(one.entering[0].weights, other.entering[0].weights)


def test_a_balloon_within_presses_on_the_struts_of_both():
    case = two_stents()
    balloon, axis = find_balloon("non-compliant balloon 4x10"), case.path.at(np.linspace(6.0, 18.0, 61))[0]
    case = dataclasses.replace(case, dilations=(Dilation("postdilation", balloon.name, balloon.balloon, axis, True),))
    last = case.device_body().balloons[-1]
    middle = case.first_nodes[1]
    assert last.name == "postdilation" and last.share[:middle].any() and last.share[middle:].any()
    assert case.device_body().node_count == len(last.share)


def test_a_later_balloon_presses_the_earlier_stents_struts_beyond_its_own_stent():
    case = two_stents()
    case = dataclasses.replace(
        case,
        stents=(case.stents[0], dataclasses.replace(case.stents[1], balloon_axis=case.path.at(np.linspace(7.0, 19.5, 51))[0])),
    )
    body, split = case.device_body(), case.first_nodes[1]
    assert [one.name for one in body.balloons] == ["balloon", "stent 2"]
    points = body.pose.position
    first, second = (bearing(one, points).share for one in body.balloons)
    assert first[:split].any() and not first[split:].any()
    pressed = 1e3 * points[:split, 2][second[:split] > 0.0]
    # From the balloon's end to that of its own stent, which lies between in the overlap.
    assert pressed.min() < 8.0 and 10.0 < pressed.max() < 1e3 * points[split:, 2].min() + 0.51
    own = 1e3 * points[split:, 2]
    assert second.sum() == pytest.approx(2e-3 * np.pi * (np.ptp(own) + own.min() - 7.0), rel=0.15)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Both stents in the small tube."""
    case = two_stents(pressure_atm=12.0)
    return rehearse(case, tmp_path_factory.mktemp("two"), backend_name="cpu", procedure=brief(case))


def test_the_second_touches_nothing_while_it_waits_and_both_open(recorded):
    case, nodes, samples = recorded.case, recorded.case.first_nodes, recorded.case.first_samples
    inflated = recorded.frame_of_phase("inflated")
    assert inflated.waiting == ("stent 2",)
    force = inflated.contact_force
    assert force[: samples[1]].any() and not force[samples[1] :].any()
    ridden = inflated.device[nodes[1] :] - case.stents[1].lattice.nodes
    assert np.linalg.norm(ridden, axis=1).max() < 0.2
    after = recorded.frame_of_phase("after")
    assert after.waiting == () and after.contact_force[samples[1] :].any()
    for first, last in itertools.pairwise(nodes):
        assert np.hypot(*after.device[first:last, :2].T).mean() > 1.7
    assert recorded.header["complete"] and max(row["inverted"] for row in recorded.ticks) == 0


def test_its_struts_stay_within_those_of_the_first_where_they_cross(recorded, monkeypatch):
    monkeypatch.setattr(nested, "NEAR", 1.0)
    meeting = recorded.case.device_body().nested[0]
    for phase, deepest in (("stent 2, inflated", 0.25), ("after", 0.05)):
        points = 1e-3 * recorded.frame_of_phase(phase).device
        gaps = nested.NestedPart(meeting, np.zeros(3), points).gaps(points)
        print(f"\n{phase}: {len(gaps)} crossings, gap {1e3 * gaps.min():.4f} mm of {1e3 * meeting.distance:.3f} mm")
        assert len(gaps) >= 4 and (gaps < 1e-5).any()
        assert gaps.min() > -deepest * meeting.distance


def test_measures_are_told_of_each_stent_and_of_both(recorded):
    outcome = assess(load_recording(recorded.folder))
    values = {one.name: one.value for one in outcome.measures}
    alone = {"minimum stent area", "recoil", "malapposed struts", "foreshortening", "contact force per length", "dog-boning"}
    for stent in ("stent 1", "stent 2"):
        assert {f"{stent}: {name}" for name in alone} <= set(values)
    both = [values[f"stent {number}: minimum stent area"] for number in (1, 2)]
    assert values["minimum stent area"] == pytest.approx(min(both))
    assert values["overlap of stent 1 and stent 2"] == pytest.approx(3.0, abs=0.5)
    assert "foreshortening" not in values and "dog-boning" not in values
    assert values["balloon of stent 2: highest pressure"] == pytest.approx(12.0)
    assert {"wall stress stent 2, inflated, median", "proximal stent edge beyond lesion"} <= set(values)
    assert f"Of stent 2: {IN_ANOTHER}" in outcome.notes


def test_pictures_show_the_second_once_it_is_in(recorded):
    from viewer.bars import bars_of, there

    bars, frames = bars_of(recorded.case), kept_frames(recorded)
    assert list(frames) == ["before", "inflated", "stent 2, inflated", "after"]
    assert [one.name for one in there(bars, frames["before"])] == ["stent"]
    assert [one.name for one in there(bars, frames["after"])] == ["stent", "stent 2"]
    assert bars[1].pairs.min() == recorded.case.first_nodes[1]
    assert file_word("stent 2, inflated") == "stent_2_inflated"
    assert frames["stent 2, inflated"].balloon_pressure_atm == pytest.approx(12.0)
    axis = recorded.case.stents[1].balloon_axis
    # It lies in the middle of its struts.
    assert (
        frames["stent 2, inflated"].balloon.axis == pytest.approx(axis, abs=0.05) and frames["stent 2, inflated"].balloon.is_open
    )


@pytest.mark.slow
def test_a_rerun_of_two_stents_is_equal_to_the_bit(recorded):
    result = rerun(recorded.folder)
    assert result.equal and result.ticks == len(recorded.ticks)


@pytest.mark.slow
def test_two_stents_open_the_embedded_case(tmp_path):
    case = plan_case("iliac", then=("balloon-expandable 8x15, overlap 4",))
    recording = rehearse(case, tmp_path / "two", backend_name="cpu")
    values = {one.name: one.value for one in assess(recording).measures}
    print("\n" + "; ".join(f"{name} {value:.3g}" for name, value in values.items()))
    assert values["minimum lumen diameter after"] > values["minimum lumen diameter before"] + 2.0
    assert 3.0 < values["overlap of stent 1 and stent 2"] < 6.0
    for stent in ("stent 1", "stent 2"):
        assert 0.0 < values[f"{stent}: recoil"] < 30.0
    assert recording.ticks[-1]["inverted"] == 0
