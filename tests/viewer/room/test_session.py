"""A live session: one course of time for window and no window, a recording that outlives the process, and time that obeys."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from meshing.errors import InputError
from scenarios.procedure import STENT
from scenarios.recording import load_recording
from scenarios.rehearsal import rerun
from tests.viewer.room.quick import quick_session
from viewer.room.bus import Bus, Event
from viewer.room.opening import hands_of
from viewer.room.session import run_headless

ROOT = Path(__file__).parents[3]
LOST_AT_MOST_S = 0.5
DONE = (
    Event(0.0, "script", "xray", True),
    Event(0.1, "script", "inflate", True),
    Event(0.3, "script", "puff"),
    Event(0.35, "script", "bookmark", "opening"),
    Event(0.4, "script", "inflate", False),
    Event(0.5, "script", "deflate", True),
    Event(0.55, "script", "xray", False),
    Event(0.7, "script", "deflate", False),
)


@pytest.fixture(scope="module")
def by_script(kept, tmp_path_factory):
    """A procedure done by a script without a window, 15 ticks."""
    folder = tmp_path_factory.mktemp("script")
    last = run_headless(quick_session(kept, folder, bus=Bus(DONE)), until_s=0.75)
    return load_recording(folder), last


def digests(recording):
    return [row["digest"] for row in recording.ticks]


def test_the_recording_holds_what_hands_did_and_what_gauges_showed(by_script):
    recording, last = by_script
    assert recording.header["complete"] and len(recording.ticks) == 15
    assert hands_of(recording) == list(DONE)
    row = recording.ticks[-1]["senses"]
    assert row["xray_time_s"] == pytest.approx(0.55)
    assert row["contrast_ml"] == pytest.approx(last.contrast_ml) and last.contrast_ml > 0.0
    assert 2.0 < row["lumen_mm"] < 4.0
    phases = list(dict.fromkeys(row["phase"] for row in recording.ticks))
    assert phases == ["before", "inflating", "inflated", "deflating", "after"]
    sampled = {recording.ticks[tick - 1]["phase"] for tick in recording.frame_ticks}
    assert {"before", "inflated", "after"} <= sampled
    assert any("opening" in event for event in recording.events)


def test_the_same_hands_by_replay_and_in_a_thread_give_equal_digests(by_script, kept, tmp_path):
    recording, _ = by_script
    again = quick_session(kept, tmp_path, bus=Bus(hands_of(recording)))
    again.start(running=True)
    while again.latest.tick < 15 and again.is_alive:
        time.sleep(0.005)
    again.stop()
    assert again.error is None
    assert digests(load_recording(tmp_path))[:15] == digests(recording)


def test_an_engine_that_is_given_the_recorded_commands_agrees(by_script):
    recording, _ = by_script
    result = rerun(recording.folder)
    assert result.equal and result.ticks == 15


def test_time_stands_still_steps_runs_and_ends(kept):
    session = quick_session(kept, None)
    session.start()
    time.sleep(0.1)
    assert session.latest.tick == 0 and not session.is_running
    session.step()
    waited(lambda: session.latest.tick == 1)
    time.sleep(0.1)
    assert session.latest.tick == 1
    before = session.latest
    session.bus.post("keyboard", "inflate", True)
    session.run()
    waited(lambda: session.latest.tick >= 3)
    assert before.tick == 1 and before.pressure_atm[STENT] == 0.0 and session.latest.pressure_atm[STENT] > 0.0
    assert session.stop()
    assert not session.is_alive and session.error is None


def test_real_time_is_not_overtaken(kept):
    session = quick_session(kept, None, pace=4.0)
    began = time.perf_counter()
    session.start(running=True)
    waited(lambda: session.latest.tick >= 5)
    assert time.perf_counter() - began > 0.9 * 3 * session.rehearsal.dt / 4.0
    session.stop()


def test_a_thing_that_cannot_be_done_stops_the_session_with_a_sentence(kept, tmp_path):
    session = quick_session(kept, tmp_path)
    session.start(running=True)
    waited(lambda: session.latest.tick >= 1)
    session.bus.post("script", "dance")
    waited(lambda: not session.is_alive)
    session.stop()
    assert session.error and "nothing called 'dance'" in session.error
    assert load_recording(tmp_path).ticks and not load_recording(tmp_path).header["complete"]


def test_a_folder_that_holds_a_recording_is_not_written_over(by_script, kept):
    with pytest.raises(InputError, match="already holds a recording"):
        quick_session(kept, by_script[0].folder)


def waited(is_so, timeout_s=60.0):
    """Wait until something is so."""
    until = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.005)


def lost_when_killed(kept: Path, folder: Path, after_s: float) -> tuple[float, float]:
    """Kill a session this long after it began; gives the time it had told [s] and how much of it the recording lacks [s]."""
    command = [sys.executable, "-m", "tests.viewer.room.quick", str(kept), str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline().strip() == "ready"
        first = process.stdout.readline()
        time.sleep(after_s)
        process.kill()
        lines = [first, *process.stdout.read().splitlines()]
    told = float(next(line for line in reversed(lines) if line.strip()))
    recording = load_recording(folder)
    assert recording.frame(-1).time_s <= recording.ticks[-1]["time_s"]
    return told, told - recording.frame(-1).time_s


@pytest.mark.parametrize("number", range(2))
def test_a_killed_session_leaves_a_recording(kept, tmp_path, number):
    told, lost = lost_when_killed(kept, tmp_path, random.Random(number).uniform(0.2, 1.5))
    print(f"killed at {told:.2f} s: {lost:.2f} s lost")
    assert lost <= LOST_AT_MOST_S


@pytest.mark.slow
def test_twenty_killed_sessions_leave_recordings(kept, tmp_path):
    moments = random.Random(20)
    worst = max(lost_when_killed(kept, tmp_path / str(number), moments.uniform(0.0, 3.0))[1] for number in range(20))
    print(f"most of 20: {worst:.2f} s lost")
    assert worst <= LOST_AT_MOST_S
