"""A sheath drawn back by hand: what held keys ask of the engine, one course of time for all hands, and what is seen of it."""

import dataclasses
import re
import time
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from scenarios.balloon_shape import BalloonShape
from scenarios.devices.lattice import ATMOSPHERE
from scenarios.devices.self_expanding import BEYOND_MM, SHEATH, withdrawal_mm
from scenarios.outcome import assess
from scenarios.procedure import HOLD_S
from scenarios.recording import load_recording
from scenarios.rehearsal import rerun
from tests.scenarios.small_case import small_case
from tests.scenarios.test_self_expanding import STENT as DESIGN
from tests.viewer.room.quick import quick_sheath, sheathed_case
from viewer.cli import app
from viewer.offscreen import offscreen_plotter
from viewer.room.bindings import read_bindings
from viewer.room.browser.drawings import sheath as drawn_for_the_page
from viewer.room.bus import Bus, Event
from viewer.room.courses import courses_of
from viewer.room.gauges import gauges_of, level_of, sheath_gauges
from viewer.room.hands import Hands
from viewer.room.held import hold
from viewer.room.indeflator import INFLATE_ATM_S
from viewer.room.inflating import Inflating
from viewer.room.opening import hands_of
from viewer.room.session import run_headless
from viewer.room.sheath_drawing import lines_of
from viewer.room.stage import Stage
from viewer.room.withdrawal import SPEEDS_MM_S
from viewer.slices.deck import Deck

DT = 0.05
WHOLE_MM = withdrawal_mm(DESIGN)
DONE = (
    Event(0.0, "script", "xray", True),
    Event(0.1, "script", "pull_back_fast", True),
    Event(0.5, "script", "pull_back_fast", False),
    Event(0.5, "script", "advance", True),
    Event(0.6, "script", "advance", False),
    Event(0.6, "script", "pull_back_fast", True),
    Event(0.8, "script", "pull_back_fast", False),
    Event(0.8, "script", "device_2"),
    Event(1.25, "script", "inflate", True),
    Event(1.45, "script", "inflate", False),
    Event(1.5, "script", "empty"),
)
TICKS = 34


@pytest.fixture(scope="module")
def case():
    """The stent of three rings in its sheath, with a balloon to open it further."""
    return sheathed_case()


@pytest.fixture(scope="module")
def released(kept, tmp_path_factory):
    """A release and what follows, done by a script of hands without a window."""
    folder = tmp_path_factory.mktemp("released")
    seen = []
    last = run_headless(quick_sheath(kept, folder, bus=Bus(DONE)), until_s=TICKS * DT, tell=seen.append)
    return load_recording(folder), last, seen


def digests(recording):
    return [row["digest"] for row in recording.ticks]


def sheath_of(hands):
    """The one in hand."""
    assert isinstance(hands.work, Inflating) and hands.work.sheath is not None
    return hands.work.sheath


def held(hands, verb, ticks, *, start=0):
    """Hold a thing for some ticks; the last command and what was told."""
    hands.take(Event(0.0, "script", verb, True))
    told, command = [], None
    for tick in range(start, start + ticks):
        command, sentences = hands.advance(tick * DT, DT)
        told += sentences
    hands.take(Event(0.0, "script", verb, False))
    assert command is not None
    return command, told


def drawn_mm(command):
    return 1e3 * command.sheaths[SHEATH]


@pytest.mark.parametrize("how", list(SPEEDS_MM_S))
def test_a_held_key_draws_it_back_at_its_pace_and_forward_while_it_holds_all_of_the_stent(case, how):
    hands = Hands(case)
    ticks = int(1.5 / (DT * SPEEDS_MM_S[how]))
    command, told = held(hands, f"pull_back{how}", ticks)
    assert drawn_mm(command) == pytest.approx(ticks * DT * SPEEDS_MM_S[how]) and told == []
    assert command.balloons == {"postdilation": 0.0} and command.blood_pressure == case.blood_pressure_pa
    assert sheath_of(hands).shown().speed_mm_s == pytest.approx(SPEEDS_MM_S[how]) and hands.work.phase == "releasing"
    command, told = held(hands, f"advance{how}", ticks)
    assert drawn_mm(command) == 0.0 and told == [] and hands.work.phase == "before"
    command, told = held(hands, f"advance{how}", 3)
    assert drawn_mm(command) == 0.0 and told == ["The sheath is where it began; it goes no further forward."]


def test_once_the_stent_begins_to_leave_it_the_sheath_only_goes_back_and_says_so(case):
    hands = Hands(case)
    _, told = held(hands, "pull_back", 8)
    assert told == ["The stent begins to leave its sheath at 0.20 s; from now on the sheath only goes back."]
    command, told = held(hands, "advance", 3, start=8)
    assert drawn_mm(command) == pytest.approx(4.0) and len(told) == 1
    assert "stays drawn back by 4.0 mm: a stent that has begun to open does not go back into it" in told[0]
    assert sheath_of(hands).speed_mm_s == 0.0
    command, told = held(hands, "pull_back_fast", 12, start=11)
    assert drawn_mm(command) == pytest.approx(WHOLE_MM) and sheath_of(hands).out_mm == DESIGN.length_mm
    assert told == [f"The stent was released at 0.90 s; its sheath was drawn back by {WHOLE_MM:.1f} mm."]
    held(hands, "xray", 1, start=23)
    assert held(hands, "pull_back", 3, start=24)[1] == ["The sheath is all the way back."]


def test_both_ways_at_once_hold_it(case):
    hands = Hands(case)
    hands.take(Event(0.0, "script", "pull_back", True))
    assert drawn_mm(held(hands, "advance", 4)[0]) == 0.0


def test_it_holds_all_of_the_stent_until_its_last_piece_comes_to_the_stents_end(case):
    assert case.sheathed.beyond_mm == pytest.approx(BEYOND_MM, abs=0.2)
    assert case.sheathed.holds_all_until_mm == pytest.approx(case.sheathed.beyond_mm - 1.0)
    short = dataclasses.replace(case.sheathed, axis_mm=case.sheathed.reaching(2.5))
    assert short.beyond_mm == pytest.approx(case.sheathed.beyond_mm - 2.5, abs=1e-6) and short.holds_all_until_mm == 0.0


def test_phases_are_those_of_a_procedure_and_the_balloon_comes_after(case):
    hands = Hands(case)
    hands.advance(0.0, DT)
    phases = [hands.work.phase]
    hands.take(Event(0.0, "script", "device_2"))
    _, told = hands.advance(DT, DT)
    assert told == ("The semi-compliant balloon 6x20 goes into the open stent; draw the sheath all the way back first.",)
    hands.take(Event(0.0, "script", "pull_back_fast", True))
    while hands.work.phase != "after":
        hands.advance(0.0, DT)
        phases.append(hands.work.phase)
    assert list(dict.fromkeys(phases)) == ["before", "releasing", "released", "after"]
    assert phases.count("released") == pytest.approx(HOLD_S / DT)
    hands.take(Event(0.0, "script", "pull_back_fast", False))
    hands.take(Event(0.0, "script", "next_device"))
    command, _ = held(hands, "inflate", 10)
    assert command.balloons["postdilation"] == pytest.approx(10 * DT * INFLATE_ATM_S * ATMOSPHERE)
    assert drawn_mm(command) == pytest.approx(WHOLE_MM) and hands.work.phase == "postdilation, inflating"
    hands.take(Event(0.0, "script", "device_1"))
    _, told = hands.advance(0.0, DT)
    assert "still under pressure; empty it" in told[0]
    hands.take(Event(0.0, "script", "empty"))
    _, told = held(hands, "xray", 4)
    assert hands.work.phase == "after" and "was empty again" in told[0]


def test_a_balloon_that_goes_before_the_stent_has_no_way_past_one_that_leaves_its_sheath(case):
    first = dataclasses.replace(case.dilations[0], name="predilation", in_stent=False)
    hands = Hands(dataclasses.replace(case, dilations=(first, *case.dilations)))
    assert [tool.name for tool in hands.work.tools] == ["predilation", SHEATH, "postdilation"] and hands.work.active == 0
    held(hands, "inflate", 4)
    hands.take(Event(0.0, "script", "empty"))
    held(hands, "xray", 3)
    assert hands.work.phase == "predilation, deflating", "nothing is open yet"
    hands.take(Event(0.0, "script", "device_2"))
    held(hands, "pull_back", 2)
    assert hands.work.choose(0) == "" and hands.work.choose(1) == ""
    held(hands, "pull_back", 5)
    assert "no way past the open stent" in hands.work.choose(0)


def test_what_cannot_be_done_with_what_is_in_hand_is_told_once(case):
    hands = Hands(case)
    assert held(hands, "inflate", 2)[1] == ["The sheath is in hand; take a balloon in hand to turn its indeflator."]
    assert held(hands, "turn_left", 2)[1] == ["The sheath is drawn back; it is not turned."]
    assert hands.work.choose(4) == "There is nothing 5 on the tray, which holds 2."
    sheath_of(hands).drawn_mm = WHOLE_MM
    assert hands.work.choose(1) == ""
    told = held(hands, "pull_back", 2)[1]
    assert told == ["The semi-compliant balloon 6x20 is in hand; take the stent in hand to move its sheath."]
    bare = Hands(dataclasses.replace(case, dilations=()))
    command, told = held(bare, "inflate", 2)
    assert told == ["There is no balloon here."] and command.balloons == {}
    assert held(Hands(small_case()), "pull_back", 2)[1] == ["There is no wire here."]


def test_a_key_that_is_held_while_another_thing_is_taken_moves_nothing(case):
    hands = Hands(case)
    hands.take(Event(0.0, "script", "pull_back_fast", True))
    for tick in range(12):
        hands.advance(tick * DT, DT)
    hands.take(Event(0.0, "script", "device_2"))
    command, told = hands.advance(0.6, DT)
    assert told == () and drawn_mm(command) == pytest.approx(WHOLE_MM) and sheath_of(hands).speed_mm_s == 0.0


def test_the_release_is_recorded_as_a_procedures_is(released):
    recording, last, seen = released
    assert recording.header["complete"] and hands_of(recording) == list(DONE) and len(recording.ticks) == TICKS
    ways = [1e3 * row["command"]["sheaths"][SHEATH] for row in recording.ticks]
    assert ways == sorted(ways) and ways[9] == pytest.approx(8.0) == ways[11] and ways[-1] == pytest.approx(WHOLE_MM)
    assert [row["senses"]["drawn_mm"] for row in recording.ticks] == pytest.approx(ways)
    assert recording.ticks[5]["senses"]["speed_mm_s"] == 20.0 and recording.ticks[11]["senses"]["speed_mm_s"] == 0.0
    phases = list(dict.fromkeys(row["phase"] for row in recording.ticks))
    assert phases == ["before", "releasing", "released", "after", "postdilation, inflating", "postdilation, inflated"]
    assert recording.ticks[-1]["phase"] == "after"
    words = " ".join(recording.events)
    assert all(part in words for part in ("begins to leave", "stays drawn back", "was released at 0.75 s", "was empty again"))
    assert recording.frame_of_phase("released").sheath_mm == pytest.approx(WHOLE_MM)
    # The stent has opened out of its sheath, and more so the end that came out first.
    wide = [2.0 * np.hypot(*one.device[:, :2].T).max() for one in (seen[0], last)]
    assert wide[0] < DESIGN.crimped_diameter_mm < 3.5 < wide[1]
    half = seen[11]
    order = np.argsort(half.device[:, 2])
    radius = np.hypot(*half.device[:, :2].T)[order]
    assert radius[:16].max() > 1.3 * radius[-16:].max()


def test_it_comes_again_to_the_bit_by_commands_by_hands_and_in_a_thread(released, kept, tmp_path):
    recording = released[0]
    result = rerun(recording.folder)
    assert result.equal and result.ticks == TICKS
    session = quick_sheath(kept, tmp_path / "thread", bus=Bus(hands_of(recording)))
    session.start(running=True)
    until = time.monotonic() + 240
    while session.latest.tick < TICKS and session.is_alive and time.monotonic() < until:
        time.sleep(0.005)
    session.stop()
    assert session.error is None
    assert digests(load_recording(tmp_path / "thread"))[:TICKS] == digests(recording)


def test_measures_and_curves_are_those_of_a_release(released):
    recording = released[0]
    names = {one.name for one in assess(recording).measures}
    assert {"minimum lumen diameter released", "chronic outward force", "foreshortening"} <= names
    assert "recoil" not in names
    courses = courses_of(hold(recording.folder))
    sheath = courses.line("sheath")
    assert sheath.values.max() == pytest.approx(WHOLE_MM) and len(sheath.times) == TICKS
    assert courses.line("pressure").values.max() == pytest.approx(0.4)
    # As in the room, the course of time shows the force of such a stent.
    assert [one.figure for one in courses.levels] == ["force"]
    assert "sheath drawn back by" in courses.words_at(sheath.times[-1])


def test_a_stent_that_is_left_half_in_its_sheath_is_still_measured_and_shown(kept, tmp_path):
    run_headless(quick_sheath(kept, tmp_path / "run", bus=Bus(DONE[:2])), until_s=0.4)
    outcome = assess(load_recording(tmp_path / "run"))
    assert any(one.name == "minimum lumen diameter before" for one in outcome.measures)
    page = tmp_path / "page.html"
    assert CliRunner().invoke(app, ["review", str(tmp_path / "run"), "-o", str(page)]).exit_code == 0
    assert "begins to leave its sheath" in page.read_text()


def test_going_back_puts_the_sheath_forward_again(kept, tmp_path):
    session = quick_sheath(kept, tmp_path)
    session.bus.post("script", "pull_back_fast", True)
    for _ in range(3):
        session.advance()
    session.bus.post("script", "bookmark")
    marked = session.advance()
    later = session.advance()
    assert later.sheath_mm == 5.0
    session.go_back("script")
    session._return("script", to_beginning=False)
    assert session.latest.sheath_mm == marked.sheath_mm == 4.0
    assert session.advance().sheath_mm == 4.0, "the key is let go of"
    session.stop()
    ways = [1e3 * row["command"]["sheaths"][SHEATH] for row in load_recording(tmp_path).ticks]
    assert ways == pytest.approx([1.0, 2.0, 3.0, 4.0, 4.0]) and rerun(tmp_path).equal


def test_gauges_tell_where_it_is_and_what_the_stent_presses_with(released, kept):
    _, last, seen = released
    session = quick_sheath(kept, None)
    shown = {one.name: one.shown for one in sheath_gauges(seen[5].sheath)}
    assert shown["drawn-back"] == "4.0 mm" and shown["of-way"] == "36 %" and shown["speed"] == "20.0 mm/s"
    out = seen[5].sheath.out_mm
    assert 0.5 < out < 1.5 and shown["stent-out"] == f"{out:.1f} mm" and shown["of-stent"] == f"{100 * out / 7:.0f} %"
    first, after = ({one.name: one for one in gauges_of(session, one)} for one in (session.latest, last))
    assert first["outward-force"].shown == "–" and first["lumen"].value == pytest.approx(5.0, abs=0.5)
    assert after["outward-force"].value == pytest.approx(last.whole_force_n / DESIGN.length_mm) and last.whole_force_n > 0.1
    assert level_of(last) == last.whole_force_n


def test_the_tray_draws_the_stent_open_where_it_is_out(released):
    seen = released[2]

    def parts(snapshot):
        _, _, stent, tube, marker = lines_of(snapshot.sheath)
        heights = np.abs(np.array(stent.points)[:, 1] - 30.0)
        return np.array(stent.points)[:, 0], heights, max(x for x, _ in tube.points), marker.points[0][0]

    _, heights, end, marker = parts(seen[0])
    assert np.ptp(heights) == 0.0 and end == marker
    places, heights, later, _ = parts(seen[11])
    assert later < end and heights[places < later].max() < heights[places > later].max()
    svg = drawn_for_the_page(seen[11].sheath)
    assert svg.startswith("<svg") and svg.count("<poly") == 5 and f"{later:.1f}," in svg


def moment_of(case, drawn):
    """The vessel and stent as they were made, the sheath drawn back so far."""
    return SimpleNamespace(
        vertices=case.mesh.vertices, device=np.asarray(case.lattice.nodes), balloon=BalloonShape.folded(case.balloon_axis),
        stress=None, sheath_mm=drawn,
    )  # fmt: skip


def test_the_stage_draws_it_to_where_it_ends(case):
    hand, end = case.sheathed.axis_mm[[0, -1], 2]
    with offscreen_plotter(260, 320) as plotter:
        stage = Stage(plotter, case)
        pictures = []
        for drawn in (0.0, 3.7, 8.0):
            stage.show(moment_of(case, drawn))
            assert stage._sheath is not None
            points = np.asarray(stage._sheath.mesh.points)
            assert (points[:, 2].min(), points[:, 2].max()) == pytest.approx((end + drawn, hand), abs=0.01)
            assert np.ptp(points[:, 0]) == pytest.approx(case.device.sheath.outer_diameter_mm, abs=0.02)
            plotter.render()
            pictures.append(plotter.screenshot(None, return_img=True).astype(int))
        assert np.abs(pictures[0] - pictures[2]).mean() > 0.1
        stage.show(moment_of(case, hand - end))
        assert not stage._actors["sheath"].GetVisibility()


def test_a_slice_across_shows_it_while_it_reaches_there(case):
    deck, station = Deck(case), case.path.length - 2.0
    deck.put(station)
    there, gone = (deck.picture("across", moment_of(case, drawn), 240).astype(int) for drawn in (0.0, 30.0))
    changed = np.argwhere(np.abs(there - gone).sum(axis=2) > 60) - 119.5
    radius = np.hypot(*changed.T) * deck.field_mm / 240
    assert len(changed) > 20 and radius == pytest.approx(0.5 * case.device.sheath.outer_diameter_mm, abs=0.25)


def test_the_xray_picture_shows_the_sheaths_marker_where_it_ends(case):
    from sim import backend
    from viewer.room.monitor import Monitor, Request

    backend.start("cpu")
    monitor = Monitor(case)

    def grey(drawn):
        moment = moment_of(case, drawn)
        request = Request(moment.vertices, moment.device, moment.balloon, 0.0, (), 0.0, 0.0, sheath_mm=drawn)
        return monitor.picture(request).grey.astype(float)

    change = (grey(0.0) - grey(6.0))[:, 246:266].mean(axis=1)
    # It is darker now where the marker has come to, and lighter where it was.
    came, left = int(change.argmax()), int(change.argmin())
    assert change[came] > 4.0 * np.abs(change).mean() and -change[left] > 4.0 * np.abs(change).mean()
    # What lies in front of the detector is larger on it.
    assert 1.0 < (left - came) / (6.0 * 512 / monitor._carm.field_mm) < 1.7


def test_the_keys_that_push_and_pull_wires_move_it():
    bindings = read_bindings()
    for how, before in (("", ""), ("_fast", "Shift+"), ("_slow", "Ctrl+")):
        assert bindings.action(f"{before}Down") == f"pull_back{how}" and bindings.action(f"{before}Up") == f"advance{how}"
    assert bindings.action("Pad Left Stick Down") == "pull_back"


def test_a_device_that_is_not_there_is_refused_before_anything_is_planned(tmp_path):
    answer = CliRunner().invoke(app, ["room", "iliac", "-o", str(tmp_path / "new"), "--device", "self-expanding 9x33"])
    assert answer.exit_code == 2 and re.search(r"no device|not", answer.output) and not (tmp_path / "new").exists()
