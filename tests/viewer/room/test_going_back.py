"""Time that goes back to a bookmark or the beginning: what was undone is kept, and what goes on is as if it had never been."""

import json
import time

import pytest

from scenarios.procedure import STENT
from scenarios.recording import load_recording
from scenarios.rehearsal import rerun
from sim.solvers.settings import DivergedError
from tests.viewer.room.quick import quick_session
from viewer.results import prepare_folder
from viewer.room.bindings import read_bindings
from viewer.room.bus import Bus
from viewer.room.desk import Desk
from viewer.room.opening import hands_of
from viewer.room.session import run_headless


class NoBeam:
    """An X-ray monitor that is not there."""

    state, error, notes = "gone", None, ()

    def take(self):
        """Nothing was pictured."""

    def close(self):
        """Nothing is to be closed."""


def waited(is_so, timeout_s=60.0):
    """Wait until something is so."""
    until = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.005)


def pass_ticks(session, count):
    """Let so many ticks pass, one by one."""
    for _ in range(count):
        tick = session.latest.tick
        session.step()
        waited(lambda tick=tick: session.latest.tick > tick)


def back(session, **how):
    """Go back, and wait until it is so."""
    before = session.latest.times_back
    session.go_back("keyboard", **how)
    waited(lambda: session.latest.times_back > before)


@pytest.fixture(scope="module")
def undone(kept, tmp_path_factory):
    """A procedure that went back to its bookmark, then went on otherwise; its folder and what was seen on the way."""
    folder = tmp_path_factory.mktemp("undone")
    session = quick_session(kept, folder)
    session.start()
    bus = session.bus
    bus.post("keyboard", "carm", (20.0, 0.0))
    bus.post("keyboard", "xray", True)
    bus.post("keyboard", "inflate", True)
    pass_ticks(session, 3)
    bus.post("keyboard", "bookmark", "here")
    pass_ticks(session, 1)
    at_bookmark, digest = session.latest, session.rehearsal.state.digest()
    bus.post("keyboard", "carm", (0.0, 0.0))
    pass_ticks(session, 3)
    farther = session.latest
    bus.post("keyboard", "puff")
    back(session)
    returned, again = session.latest, session.rehearsal.state.digest()
    pass_ticks(session, 2)
    bus.post("keyboard", "deflate", True)
    pass_ticks(session, 2)
    assert session.stop()
    return folder, {"there": (at_bookmark, digest), "farther": farther, "returned": (returned, again), "end": session.latest}


def test_state_and_hands_are_again_what_they_were_at_the_bookmark(undone):
    _, seen = undone
    (there, digest), (returned, again) = seen["there"], seen["returned"]
    assert digest == again
    assert (returned.tick, returned.pressure_atm, returned.carm_deg) == (4, there.pressure_atm, (20.0, 0.0))
    assert returned.xray_time_s == there.xray_time_s < seen["farther"].xray_time_s
    assert (returned.vertices == there.vertices).all() and returned.bookmarks == there.bookmarks
    assert returned.largest_force_n == there.largest_force_n


def test_what_was_held_is_let_go_and_what_waited_is_not_done(undone):
    folder, seen = undone
    after = load_recording(folder).ticks[4]
    assert [row[1:] for row in after["senses"]["hands"]] == [
        ["room", "inflate", False], ["room", "xray", False], ["keyboard", "undo", True],
    ]  # fmt: skip
    assert seen["end"].contrast_ml == 0.0
    assert seen["end"].pressure_atm[STENT] < seen["there"][0].pressure_atm[STENT]
    assert any(words.startswith("Went back from 0.35 s to here, at 0.20 s") for words in after["events"])


def test_both_recordings_are_whole_and_run_again_to_the_bit(undone):
    folder, seen = undone
    whole, left = load_recording(folder), load_recording(folder / "undone 1")
    assert whole.header["branches"] == [{"back_to_tick": 4, "from_tick": 7, "kept_in": "undone 1"}]
    assert whole.header["complete"] and len(whole.ticks) == seen["end"].tick == 8
    assert len(left.ticks) == 7 and left.ticks[:4] == whole.ticks[:4] and left.ticks[4]["digest"] != whole.ticks[4]["digest"]
    assert max(whole.frame_ticks) == 8 and whole.frame(-1).tick == 8
    for one, ticks in ((folder, 8), (folder / "undone 1", 7)):
        result = rerun(one)
        assert result.equal and result.ticks == ticks


def test_the_hands_of_what_went_back_give_the_same_without_going_back(undone, kept, tmp_path):
    recording = load_recording(undone[0])
    run_headless(quick_session(kept, tmp_path, bus=Bus(hands_of(recording))), until_s=recording.ticks[-1]["time_s"])
    assert [row["digest"] for row in load_recording(tmp_path).ticks] == [row["digest"] for row in recording.ticks]


def test_the_desk_goes_back_with_it_and_reset_goes_to_the_beginning(kept, tmp_path):
    session = quick_session(kept, tmp_path)
    desk = Desk(session, read_bindings(), see=lambda verb: None, beam=NoBeam())  # pyright: ignore[reportArgumentType]
    session.start()
    desk.do("undo")
    assert desk.words.startswith("Time has not begun")
    desk.do("view_2")
    desk.do("xray")
    for _ in range(2):
        pass_ticks(session, 1)
        desk.refresh()
    desk.do("bookmark")
    pass_ticks(session, 1)
    desk.refresh()
    desk.do("view_3")
    for _ in range(2):
        pass_ticks(session, 1)
        desk.refresh()
    assert len(desk.course["times"]) == 5 and desk.carm_deg == (-30.0, 0.0)
    desk.do("undo")
    waited(lambda: session.latest.times_back == 1)
    desk.refresh()
    assert desk.course["times"] == pytest.approx([0.05, 0.1, 0.15]) and desk.carm_deg == (30.0, 0.0)
    assert "went back to 0.15 s" in desk.words and not session.is_running
    desk.do("undo")
    waited(lambda: session.latest.times_back == 2)
    assert session.latest.tick == 0
    pass_ticks(session, 2)
    desk.do("mode", "exam")
    desk.do("reset")
    assert desk.words.startswith("An exam goes one way") and session.latest.tick == 2
    desk.do("mode", "rehearse")
    desk.do("reset")
    waited(lambda: session.latest.tick == 0)
    session.stop()
    header = json.loads((tmp_path / "recording" / "header.json").read_text())
    assert [one["back_to_tick"] for one in header["branches"]] == [3, 0, 0]
    assert [len(load_recording(tmp_path / f"undone {number}").ticks) for number in (1, 2, 3)] == [5, 3, 2]
    prepare_folder(tmp_path, overwrite=True)
    assert not list(tmp_path.glob("undone *"))


def test_an_engine_that_an_error_stopped_goes_on_from_the_bookmark(kept, tmp_path, monkeypatch):
    session = quick_session(kept, tmp_path)
    session.start()
    session.bus.post("keyboard", "bookmark", "here")
    pass_ticks(session, 2)
    digest = session.rehearsal.state.digest()
    advance = session.rehearsal.advance

    def fail(command=None):
        advance(command)
        raise DivergedError("Tick 3 cannot be finished.")

    monkeypatch.setattr(session.rehearsal, "advance", fail)
    session.step()
    waited(lambda: not session.is_alive)
    assert session.error
    monkeypatch.undo()
    back(session)
    assert session.error is None and session.latest.tick == 1
    pass_ticks(session, 1)
    assert session.rehearsal.state.digest() == digest
    session.stop()
    assert load_recording(tmp_path).header["complete"] and len(load_recording(tmp_path).ticks) == 2
