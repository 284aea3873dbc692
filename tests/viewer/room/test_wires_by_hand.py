"""Wires by hand: what held keys ask of the engine, one course of time for script, thread and replay, and what is seen of it."""

import time

import numpy as np
import pytest
from typer.testing import CliRunner

from scenarios.passage.assessing import assess_passage
from scenarios.recording import load_recording
from scenarios.rehearsal import rerun
from tests.scenarios.test_passage import small_passage
from tests.viewer.room.quick import quick_passage
from viewer.cli import app
from viewer.offscreen import offscreen_plotter
from viewer.room.bindings import read_bindings
from viewer.room.bus import Bus, Event
from viewer.room.gauges import RIGID_WALL, gauges_of, wall_words
from viewer.room.hands import Hands
from viewer.room.opening import hands_of
from viewer.room.pushing import KEPT_MM, SPEEDS_MM_S, TURNS_DEG_S
from viewer.room.session import run_headless
from viewer.room.stage import Stage

DT = 0.05
DONE = (
    Event(0.0, "script", "advance_fast", True),
    Event(0.0, "script", "xray", True),
    Event(0.4, "script", "advance_fast", False),
    Event(0.4, "script", "turn_right_fast", True),
    Event(0.5, "script", "turn_right_fast", False),
    Event(0.5, "script", "pull_back", True),
    Event(0.6, "script", "pull_back", False),
    Event(0.6, "script", "device_2"),
    Event(0.6, "script", "advance", True),
    Event(0.75, "script", "advance", False),
)


@pytest.fixture(scope="module")
def pushed(tmp_path_factory):
    """A passage done by a script of hands without a window, 16 ticks."""
    folder = tmp_path_factory.mktemp("pushed")
    last = run_headless(quick_passage(folder, bus=Bus(DONE)), until_s=0.8)
    return load_recording(folder, passage_too=True), last


def digests(recording):
    return [row["digest"] for row in recording.ticks]


def held(hands, verb, ticks):
    """Hold a thing for some ticks; the last command and what was told."""
    hands.take(Event(0.0, "script", verb, True))
    told, command = [], None
    for tick in range(ticks):
        command, sentences = hands.advance(tick * DT, DT)
        told += sentences
    hands.take(Event(0.0, "script", verb, False))
    assert command is not None
    return command, told


@pytest.mark.parametrize("how", list(SPEEDS_MM_S))
def test_a_held_key_pushes_pulls_and_turns_at_its_pace(how):
    hands = Hands(small_passage())
    command, _ = held(hands, f"advance{how}", 10)
    assert 1e3 * command.drives["wire"].advance == pytest.approx(10 * DT * SPEEDS_MM_S[how])
    command, _ = held(hands, f"pull_back{how}", 4)
    assert 1e3 * command.drives["wire"].advance == pytest.approx(6 * DT * SPEEDS_MM_S[how])
    command, _ = held(hands, f"turn_right{how}", 5)
    assert np.degrees(command.drives["wire"].turn) == pytest.approx(5 * DT * TURNS_DEG_S[how])
    command, _ = held(hands, f"turn_left{how}", 5)
    assert command.drives["wire"].turn == 0.0 and command.blood_pressure == small_passage().blood_pressure_pa


def test_a_wire_ends_where_it_began_and_where_no_more_was_prepared_and_says_so_once():
    hands = Hands(small_passage())
    command, told = held(hands, "pull_back", 6)
    assert command.drives["wire"].advance == 0.0 and told == ["The wire is where it began; it comes no further out."]
    command, told = held(hands, "advance_fast", 60)
    assert 1e3 * command.drives["wire"].advance == pytest.approx(60.0 - 2.0 - KEPT_MM)
    assert len(told) == 1 and "goes no further in" in told[0]


def test_what_the_tray_does_not_hold_is_told():
    hands = Hands(small_passage())
    _, told = held(hands, "inflate", 2)
    assert told == ["There is no balloon here."]
    hands.take(Event(0.0, "script", "device_3"))
    assert hands.advance(0.0, DT)[1] == ("There is no wire 3; the tray holds 1.",)


def test_the_wire_goes_where_hands_push_it_and_the_gauges_show_it(pushed):
    recording, last = pushed
    felt = {one.name: one for one in last.wires}
    assert felt["wire"].advance_mm == pytest.approx(0.4 * 40.0 - 0.1 * 10.0) and felt["wire"].turns == pytest.approx(0.1)
    assert felt["catheter"].advance_mm == pytest.approx(1.5)
    tips = [row["senses"]["tip_mm"]["wire"] for row in recording.ticks]
    assert max(tips) > 15.0 and tips[11] < tips[9]
    session = quick_passage(None)
    shown = {one.name: one.shown for one in gauges_of(session, last)}
    assert last.tool == "catheter" and shown["pushed"] == "1.5 mm" and shown["turns"] == "0.00"
    assert shown["wall-force"].endswith(" mN") and wall_words(session) == RIGID_WALL


def test_it_is_recorded_and_comes_again_to_the_bit_by_commands_by_hands_and_in_a_thread(pushed, tmp_path):
    recording, _ = pushed
    assert recording.header["complete"] and recording.header["run"]["done"] == "by hand"
    assert hands_of(recording) == list(DONE)
    result = rerun(recording.folder)
    assert result.equal and result.ticks == 16
    session = quick_passage(tmp_path / "thread", bus=Bus(hands_of(recording)))
    session.start(running=True)
    until = time.monotonic() + 120
    while session.latest.tick < 16 and session.is_alive and time.monotonic() < until:
        time.sleep(0.005)
    session.stop()
    assert session.error is None
    assert digests(load_recording(tmp_path / "thread", passage_too=True))[:16] == digests(recording)


def test_going_back_puts_the_wire_back(tmp_path):
    session = quick_passage(tmp_path)
    session.bus.post("script", "advance_fast", True)
    for _ in range(3):
        session.advance()
    session.bus.post("script", "bookmark")
    marked = session.advance()
    session.advance()
    session.go_back("script")
    session._return("script", to_beginning=False)
    assert session.latest.wires == marked.wires
    assert session.advance().wires[0].advance_mm == marked.wires[0].advance_mm, "the key is let go of"
    session.stop()


def test_its_measures_are_those_of_a_script(pushed):
    found = {one.name: one.value for one in assess_passage(pushed[0]).measures}
    assert found["wire: pushed"] == pytest.approx(17.0) and found["catheter: pushed"] == pytest.approx(1.5)
    assert found["wire: torque turns"] == pytest.approx(0.1)


def test_the_xray_picture_shows_the_wire(pushed):
    from sim import backend
    from viewer.room.monitor import Monitor, Request

    backend.start("cpu")
    recording, last = pushed
    monitor, first = Monitor(recording.case), recording.frame(0)

    def row(device):
        """Grey values along the row of pixels in the middle of the lesion, 12 mm along."""
        picture = monitor.picture(Request(last.vertices, device, last.balloon, 0.8, (), 0.0, 0.0))
        return picture.grey[246:266, 216:296].astype(float).mean(axis=0)

    before, after = row(first.device), row(last.device)
    # The wire lies within a few millimetres of the axis, in the middle of the picture.
    assert (before - after).max() > 8.0 * np.abs(before - after)[[0, 1, 2, -3, -2, -1]].mean()
    assert 20 < (before - after).argmax() < 60


def test_the_stage_shows_and_follows_the_wires(pushed):
    recording, last = pushed
    with offscreen_plotter(260, 320) as plotter:
        stage = Stage(plotter, recording.case)
        stage.show(recording.frame(0))
        first = plotter.screenshot(None, return_img=True).astype(int)
        stage.set_follow(True)
        stage.show(recording.frame(0))
        before = np.asarray(plotter.camera.focal_point)
        stage.set_open(True)
        stage.show(last)
        assert np.linalg.norm(np.asarray(plotter.camera.focal_point) - before) > 5.0
        assert np.abs(plotter.screenshot(None, return_img=True).astype(int) - first).mean() > 2.0


def test_every_way_has_a_key_and_the_plain_ones_a_stick():
    bindings = read_bindings()
    for key, action in (("Up", "advance"), ("Shift+Down", "pull_back_fast"), ("Ctrl+Left", "turn_left_slow")):
        assert bindings.action(key) == action
    assert bindings.action("Pad Left Stick Up") == "advance" and bindings.action("Pad Left Stick Right") == "turn_right"


def test_a_stent_beside_wires_is_refused_in_a_sentence(tmp_path):
    words = ["room", "iliac", "-o", str(tmp_path / "new"), "--wire", "heavy duty 0.035 J", "--at", "5"]
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 2 and "--at has no meaning" in " ".join(answer.output.split())
