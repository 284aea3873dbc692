"""A stent brought over a wire: planned, refused, pushed to its place, opened, measured, kept and run again."""

import dataclasses
import itertools

import numpy as np
import pytest

from meshing.errors import InputError
from scenarios.case import Case, load_case
from scenarios.catalogue import find_balloon
from scenarios.delivery.access import Access, with_access
from scenarios.delivery.deliver import deliver
from scenarios.delivery.hands import DeliveringHands, Felt, NotDeliveredError
from scenarios.delivery.script import DOINGS, Script, Step, read_script, usual
from scenarios.devices.lattice import Dilation
from scenarios.devices.over_wire import CATHETER, WIRE
from scenarios.outcome import assess
from scenarios.passage.senses import Senses
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


def sheath_delivery() -> Case:
    """A self-expanding stent over a wire in a straight tube of 6 mm."""
    return survey_of(6.0).case(device="self-expanding 8x20", at_mm=30.0, over=Access("Amplatz plain 0.035 straight"))


def test_a_stent_in_its_sheath_lies_on_the_catheter_outside_the_vessel():
    case = sheath_delivery()
    device = case.device_body()
    assert device.sheaths[0].carrier is not None and device.sheaths[0].rides == "stent 1"
    axis = device.course(CATHETER, device.pose).axis_of(device.sheaths[0].carrier)
    nodes = device.pose.position[device.carried[0].nodes]
    away = np.linalg.norm(nodes[:, None] - axis[None], axis=2).min(axis=1)
    assert away.max() < device.sheaths[0].radius + 1e-4
    told = [next(getattr(one, name) for name in DOINGS if getattr(one, name)) for one in usual(case).step]
    assert told == [WIRE, WIRE, "sheath", "sheath", CATHETER, WIRE]


@pytest.mark.slow
def test_a_sheath_is_drawn_back_over_a_wire(tmp_path):
    case = sheath_delivery()
    recording = deliver(case, tmp_path / "over")
    laid = rehearse(survey_of(6.0).case(device="self-expanding 8x20", at_mm=30.0), tmp_path / "laid")
    over, there = assess(recording), assess(laid)
    print()
    for name in ("minimum lumen diameter after", "chronic outward force", "stent diameter after"):
        found = [one.value for outcome in (over, there) for one in outcome.measures if one.name == name]
        print(name, found)
    print("off its planned place", over["stent off its planned place"].value)
    print("largest residual", recording.header["run"]["largest_residual"])
    assert abs(over["stent off its planned place"].value) < 0.5
    mine, theirs = (one["minimum lumen diameter after"].value for one in (over, there))
    assert mine == pytest.approx(theirs, rel=0.01)
    drawn = recording.frame_of_phase("releasing").sheath_mm
    assert drawn is not None and drawn > 20.0
    assert rerun(recording.folder).equal


def test_steps_come_in_turn_with_balloons_before_and_within():
    case = small_case()
    before, within = (
        Dilation(name, name, find_balloon("semi-compliant balloon 3x15").balloon, case.balloon_axis, name == "postdilation")
        for name in ("predilation", "postdilation")
    )
    case = small_delivery(dataclasses.replace(case, dilations=(before, within)))
    told = [next(getattr(one, name) for name in DOINGS if getattr(one, name)) for one in usual(case).step]
    balloons = [[name, name, CATHETER] for name in ("predilation", "balloon", "postdilation")]
    # The wire first to the end of the wall, and then on, so that its soft part lies beyond the lesion.
    assert told == [WIRE, WIRE, *itertools.chain(*balloons), WIRE]


def felt_at(wire_mm: float, catheter_mm: float = 0.0, *, tip_force_n: float = 0.0) -> Felt:
    places = {WIRE: wire_mm, CATHETER: catheter_mm}
    senses = Senses(places, dict.fromkeys(places, tip_force_n), dict.fromkeys(places, tip_force_n))
    return Felt(senses, {"balloon": catheter_mm, "stent 2": catheter_mm})


def commands_of(hands: DeliveringHands):
    """The commands of hands whose wire and catheter go just as they are pushed, with the phase of each."""
    while not hands.done:
        wire, catheter = (hands._at[name][0] for name in (WIRE, CATHETER))
        yield hands(felt_at(wire, catheter)), hands.phase


def test_a_stent_waits_rides_and_is_opened_in_its_turn():
    case = small_case()
    case = small_delivery(dataclasses.replace(case, stents=(*case.stents, placed(case.path, 14.0))))
    seen = {}
    for command, phase in commands_of(DeliveringHands(usual(case), case, dt=0.05)):
        seen.setdefault(phase, (command.waiting, command.riding))
    assert seen["pushing wire"] == (("stent 1", "stent 2"), ())
    assert seen["tracking"] == (("stent 2",), ("stent 1",))
    assert seen["inflating"] == (("stent 2",), ())
    assert seen["stent 2, tracking"] == ((), ("stent 2",))
    assert seen["after"] == ((), ())


def test_a_script_says_how_far_how_hard_and_how_long():
    case = small_delivery()
    script = Script(
        step=(
            Step(push="wire", past_stent_mm=3.0, speed_mm_s=10.0),
            Step(push="wire", turn_deg=45.0),
            Step(bring="balloon"),
            Step(inflate="balloon", atm=9.0, over_s=1.0, hold_s=2.0, deflate_s=0.5),
            Step(wait_s=0.3),
            Step(withdraw="catheter"),
        )
    )
    rows = list(commands_of(DeliveringHands(script, case, dt=0.05)))
    wire = [command.drives[WIRE] for command, _ in rows]
    assert max(1e3 * one.advance for one in wire) == pytest.approx(0.5 * LENGTH_MM + 4.0 + 3.0, abs=0.1)
    assert np.diff([1e3 * one.advance for one in wire]).max() == pytest.approx(0.5)
    assert np.degrees(wire[-1].turn) == pytest.approx(45.0)
    pressures = np.array([command.balloons.get("balloon", 0.0) for command, _ in rows]) / 101325.0
    assert pressures.max() == pytest.approx(9.0)
    assert [phase for _, phase in rows].count("inflated") == 40
    assert [phase for _, phase in rows].count("waiting") == 6


def test_a_stent_that_was_opened_rides_no_more():
    case = small_delivery()
    again = (Step(bring="balloon"), Step(inflate="balloon", atm=9.0))
    rows = list(commands_of(DeliveringHands(Script(step=(*again, Step(withdraw="catheter"), *again)), case, dt=0.05)))
    brought = [command.riding for command, phase in rows if phase == "tracking"]
    assert brought[0] == ("stent 1",) and brought[-1] == ()


def test_a_push_ends_where_the_tip_presses_too_hard():
    case = small_delivery()
    script = Script(step=(Step(push="wire", to_mm=15.0, force_limit_n=0.5), Step(bring="balloon"), Step(inflate="balloon")))
    hands = DeliveringHands(script, case, dt=0.05)
    while hands.phase == "before":
        hands(felt_at(2.0))
    hands(felt_at(2.9, tip_force_n=0.6))
    assert hands.phase_ends and hands.events == ("The wire was stopped, for its tip pressed with 0.60 N, more than 0.5 N.",)


def test_a_wire_that_does_not_arrive_ends_in_a_sentence():
    case = small_delivery()
    hands = DeliveringHands(usual(case), case, dt=0.05)
    with pytest.raises(NotDeliveredError, match=r"The wire did not come to its place .* at 2\.0 mm\. Take a stiffer wire"):
        for _ in range(500):
            hands(felt_at(2.0))


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (({"inflate": "stent 4"},), "Step 1 of the script asks for 'stent 4', but the tray holds balloon; name one of these"),
        (({"push": "wire", "to_mm": 300.0},), "Step 1 of the script asks for 300.0 mm along a way whose wall ends at 24.0 mm"),
        (({"push": "wire", "to_mm": 9.0},), "The script never opens coronary thin-strut 4x8; add a step .* 'balloon'"),
        (({"release": "sheath"},), "asks for 'sheath', but the tray holds none"),
        (({"inflate": "balloon"},), "Step 1 of the script opens 'balloon', which no step before it has brought to its place"),
    ],
)
def test_a_script_that_asks_for_what_is_not_there_is_refused(steps, told):
    with pytest.raises(InputError, match=told) as caught:
        Script(step=tuple(Step(**one) for one in steps)).check(small_delivery())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[step]]\n", "a step does nothing; give one of push, bring"),
        ('[[step]]\npush = "wire"\ninflate = "balloon"\nto_mm = 3', "a step does push and inflate at once"),
        ('[[step]]\npush = "wire"', "a push goes nowhere; give advance_mm"),
        ('[[step]]\npush = "sheath"\nto_mm = 3', "Input should be 'wire' or 'catheter'"),
        ('[[step]]\ninflate = "balloon"\nto_mm = 3', "to_mm goes with push"),
        ('[[step]]\ninflate = "balloon"\natm = -3', "greater than 0"),
        ("", "step is missing; give it"),
    ],
)
def test_a_script_that_cannot_be_read_is_refused(tmp_path, text, told):
    path = tmp_path / "steps.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=told) as caught:
        read_script(path)
    assert "\n" not in str(caught.value)


def test_without_a_wire_a_script_tells_pressures_and_times():
    script = Script(step=(Step(wait_s=0.5), Step(inflate="balloon", atm=7.0, over_s=10.0, hold_s=20.0)))
    procedure = script.procedure(small_case())
    assert procedure.pressure_atm("balloon", 5.7) == pytest.approx(3.5)
    assert procedure.pressure_atm("balloon", 25.0) == pytest.approx(7.0)
    assert procedure.duration_s == pytest.approx(0.2 + 0.5 + 10.0 + 20.0 + 0.8 + 0.4)
    with pytest.raises(InputError, match="asks for 'wire', but nothing goes over a wire here; name one with --over"):
        Script(step=(Step(push="wire", to_mm=3.0), Step(inflate="balloon"))).procedure(small_case())


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
    assert outcome["catheter: pushed"].value > 30.0 and outcome["wire: farthest place"].value > 18.0
    assert outcome["time, tracking"].value > 0.5
    assert delivered.header["run"]["most_inverted_elements"] == 0
    assert delivered.header["run"]["largest_residual"] < 0.01


def test_frames_tell_wire_and_catheter_apart_from_the_stent(delivered):
    frame = delivered.frame_of_phase("inflated")
    assert frame.device.shape == delivered.case.lattice.nodes.shape
    assert set(frame.lines) == {WIRE, CATHETER}
    assert len(frame.contact_force) == delivered.case.first_samples[-1]
    # The balloon lies along the catheter, about the lesion.
    assert frame.balloon.is_open
    gap = np.linalg.norm(frame.balloon.axis[:, None] - frame.lines[CATHETER][None], axis=2).min(axis=1)
    assert gap.max() < 1.1
    assert delivered.frame_of_phase("pushing wire").waiting == ("stent 1",)
    assert delivered.frame_of_phase("tracking").waiting == ()


def test_a_delivery_run_again_is_the_same(delivered):
    result = rerun(delivered.folder)
    assert result.equal and result.ticks == len(delivered.ticks)
