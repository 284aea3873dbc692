"""A stent brought over a wire: planned, refused, pushed to its place, opened, measured, kept and run again."""

import dataclasses

import numpy as np
import pytest

from meshing.errors import InputError
from scenarios.case import Case, load_case
from scenarios.catalogue import find_balloon
from scenarios.delivery.access import Access, with_access
from scenarios.delivery.deliver import deliver
from scenarios.delivery.hands import DeliveringHands, Felt, Inflate, NotDeliveredError, steps_of
from scenarios.devices.lattice import Dilation
from scenarios.devices.over_wire import CATHETER, WIRE
from scenarios.outcome import assess
from scenarios.procedure import phase_of
from scenarios.rehearsal import rehearse, rerun
from tests.scenarios.small_case import LENGTH_MM, placed, small_case
from tests.scenarios.test_release import survey_of

WORKHORSE = "workhorse 0.014 straight"


def small_delivery(case: Case | None = None, **asked) -> Case:
    """The small case over a 0.014 in wire."""
    case = case or small_case()
    return with_access(case, Access(WORKHORSE, **asked), between_mm=(0.0, case.path.length))


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    """The recording of a small delivery."""
    return deliver(small_delivery(), tmp_path_factory.mktemp("delivered"))


def test_the_thinnest_catheter_that_takes_the_wire_is_chosen():
    over = small_delivery().over
    assert over is not None
    assert over.wire == WORKHORSE and over.catheter == "balloon catheter 3F"
    thick = survey_of(8.0).case(device="balloon-expandable 8x20", at_mm=25.0, over=Access("Amplatz stiff 0.035 straight"))
    assert thick.over is not None and thick.over.catheter == "balloon catheter 5F"
    assert any(note.startswith("All balloons went over Amplatz stiff 0.035 straight on") for note in thick.notes)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (Access("no such wire"), "no wire or catheter 'no such wire'"),
        (Access("balloon catheter 5F"), "balloon catheter 5F is a catheter, and devices go over a guidewire"),
        (Access("Amplatz stiff 0.035", "balloon catheter 3F"), "0.889 mm thick, does not fit into balloon catheter 3F"),
    ],
)
def test_what_cannot_go_over_a_wire_is_refused(asked, told):
    with pytest.raises(InputError, match=told) as caught:
        with_access(small_case(), asked, between_mm=(0.0, LENGTH_MM))
    assert "\n" not in str(caught.value)


def test_a_sheath_is_refused_over_a_wire():
    with pytest.raises(InputError, match="self-expanding 8x40 is released from a sheath"):
        survey_of(6.0).case(device="self-expanding 8x40", at_mm=30.0, over=Access("Amplatz stiff 0.035 straight"))


def test_steps_come_in_turn_with_balloons_before_and_within():
    case = small_case()
    before, within = (
        Dilation(name, name, find_balloon("semi-compliant balloon 3x15").balloon, case.balloon_axis, name == "postdilation")
        for name in ("predilation", "postdilation")
    )
    case = small_delivery(dataclasses.replace(case, dilations=(before, within)))
    phases = [f"inflate {one.name}" if isinstance(one, Inflate) else one.phase for one in steps_of(case)]
    each = [
        word
        for name in ("predilation", "balloon", "postdilation")
        for word in (phase_of(name, "tracking"), f"inflate {name}", phase_of(name, "withdrawing"))
    ]
    assert phases == ["before", "wire across", *each, "wire back", "after"]


def test_a_stent_waits_rides_and_is_opened_in_its_turn():
    case = small_case()
    case = small_delivery(dataclasses.replace(case, stents=(*case.stents, placed(case.path, 14.0))))
    steps = steps_of(case)
    hands = DeliveringHands(steps, dt=0.05, blood_pressure_pa=0.0)
    seen = {}
    while not hands.done:
        place = 1e3 * hands_at(hands, CATHETER)
        command = hands(Felt(1e3 * hands_at(hands, WIRE), {"balloon": place, "stent 2": place}))
        seen.setdefault(hands.phase, (command.waiting, command.riding))
    assert seen["wire across"] == (("stent 1", "stent 2"), ())
    assert seen["tracking"] == (("stent 2",), ("stent 1",))
    assert seen["inflating"] == (("stent 2",), ())
    assert seen["stent 2, tracking"] == ((), ("stent 2",))
    assert seen["after"] == ((), ())


def hands_at(hands: DeliveringHands, feed: str) -> float:
    """How far hands have pushed a feed [m]."""
    return 1e-3 * hands._at[feed]


def test_a_wire_that_does_not_arrive_ends_in_a_sentence():
    hands = DeliveringHands(steps_of(small_delivery()), dt=0.05, blood_pressure_pa=0.0)
    with pytest.raises(NotDeliveredError, match=r"The wire did not come to its place .* at 2\.0 mm\. Take a stiffer wire"):
        for _ in range(500):
            hands(Felt(2.0, {"balloon": 0.0}))


def test_a_delivery_is_kept_and_read_again(tmp_path):
    case = small_delivery(from_far_end=False)
    case.save(tmp_path)
    again = load_case(tmp_path)
    assert again.over == case.over
    one, other = case.device_body(), again.device_body()
    assert np.array_equal(one.pose.position, other.pose.position)
    assert [feed.name for feed in other.feeds] == [WIRE, CATHETER]


@pytest.mark.parametrize("from_far_end", [False, True])
def test_rings_lie_on_the_catheter_in_the_order_of_the_path(from_far_end):
    case = small_delivery(from_far_end=from_far_end)
    nodes, ring = case.device_body().pose.position, case.lattice.node_ring
    first, last = (nodes[: len(ring)][ring == one].mean(axis=0) for one in (0, ring.max()))
    direction = case.path.tangents[0]
    assert (last - first) @ direction > 0.0
    # Outside the vessel: before its root, or beyond its far end.
    beyond = (nodes[: len(ring)] @ direction) * 1e3
    assert (beyond > LENGTH_MM).all() if from_far_end else (beyond < 0.0).all()


def test_the_stent_comes_to_its_place_and_opens_as_one_that_was_laid_there(delivered, tmp_path):
    outcome, laid = assess(delivered), assess(rehearse(small_case(), tmp_path))
    print()
    names = ("minimum lumen diameter after", "recoil", "foreshortening", "malapposed struts")
    for name in names:
        there = [one for one in outcome.measures if one.name == name]
        if there:
            print(f"{name}: {there[0].value:.4g} over the wire, {laid[name].value:.4g} laid there")
    off = outcome["stent off its planned place"].value
    print(f"off its planned place: {off:.3f} mm")
    assert abs(off) < 0.3
    mine, theirs = (one["minimum lumen diameter after"].value for one in (outcome, laid))
    assert mine == pytest.approx(theirs, rel=0.02)
    assert outcome["catheter: pushed"].value > 30.0 and outcome["wire: farthest place"].value > 20.0
    assert outcome["time, tracking"].value > 0.5
    assert delivered.header["run"]["most_inverted_elements"] == 0
    assert delivered.header["run"]["largest_residual"] < 0.01


def test_frames_tell_wire_and_catheter_apart_from_the_stent(delivered):
    frame = delivered.frame_of_phase("inflated")
    assert frame.device.shape == delivered.case.lattice.nodes.shape
    assert set(frame.wires) == {WIRE, CATHETER}
    assert len(frame.contact_force) == delivered.case.first_samples[-1]
    # The balloon lies along the catheter, about the lesion.
    assert frame.balloon.is_open
    gap = np.linalg.norm(frame.balloon.axis[:, None] - frame.wires[CATHETER][None], axis=2).min(axis=1)
    assert gap.max() < 1.1
    assert delivered.frame_of_phase("wire across").waiting == ("stent 1",)
    assert delivered.frame_of_phase("tracking").waiting == ()


def test_a_delivery_run_again_is_the_same(delivered):
    result = rerun(delivered.folder)
    assert result.equal and result.ticks == len(delivered.ticks)
