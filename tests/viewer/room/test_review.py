"""Review: curves and measures beside each other, and a recording that is damaged or of another version plays what it holds."""

import json
import re
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from meshing.errors import InputError
from scenarios.expert import Beside
from tests.viewer.room.quick import quick_session
from viewer.cli import app
from viewer.room.bus import Bus, Event
from viewer.room.comparing import expert_words, measure_rows, sides_of
from viewer.room.courses import courses_of
from viewer.room.held import hold
from viewer.room.replay import Replay
from viewer.room.session import run_headless


def done(kept, folder, *, until_s):
    """A short procedure that inflates until a time."""
    events = [
        Event(0.1, "script", "xray", True),
        Event(0.1, "script", "inflate", True),
        Event(until_s, "script", "inflate", False),
    ]
    run_headless(quick_session(kept, folder, bus=Bus(events)), until_s=0.6)
    return folder


@pytest.fixture(scope="module")
def two(kept, tmp_path_factory):
    """Two procedures, of which the second inflates for longer."""
    folder = tmp_path_factory.mktemp("two")
    return done(kept, folder / "a", until_s=0.2), done(kept, folder / "b", until_s=0.4)


@pytest.fixture
def copy(two, tmp_path):
    """A recording that a test may spoil."""
    shutil.copytree(two[0], tmp_path / "copy")
    return tmp_path / "copy"


def test_curves_are_those_of_the_hands(two):
    a, b = (courses_of(hold(folder)) for folder in two)
    for course, highest in ((a, 0.2), (b, 0.6)):
        assert course.line("pressure").values.max() == pytest.approx(highest, abs=1e-6)
    lumen = a.line("lumen")
    assert len(lumen.times) == 12 and np.isfinite(lumen.values).all() and a.xray_s[-1] == pytest.approx(0.5)
    assert a.words_at(0.0).startswith("balloon at 0.0 atm; lumen ") and b.words_at(9.0).startswith("balloon at 0.6 atm")


def test_a_recording_that_nobody_gauged_gets_its_curves_from_its_states(copy):
    path = copy / "recording" / "ticks.jsonl"
    gauged = courses_of(hold(copy))
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({**row, "senses": {}}) + "\n" for row in rows))
    found = courses_of(hold(copy))
    for name, off in (("lumen", 2e-3), ("force", 1e-4)):
        ours, theirs = found.line(name), gauged.line(name)
        assert len(ours.times) >= 3
        assert np.allclose(ours.values, theirs.values[np.searchsorted(theirs.times, ours.times - 1e-9)], atol=off)


def test_the_page_compares_and_neither_scores_nor_recommends(two, tmp_path):
    page = tmp_path / "page.html"
    answer = CliRunner().invoke(app, ["review", str(two[0]), "--against", str(two[1]), "-o", str(page)])
    assert answer.exit_code == 0, answer.output
    text = page.read_text()
    assert "Not for clinical decisions" in text and text.count("data:image/png;base64") == 1
    assert "minimum lumen diameter" in text and "X-ray time" in text and "B − A" in text
    words = re.sub(r"data:image/png;base64,[^\"]+", "", text).lower()
    assert not re.search(r"recommend|score|\bwinner\b", words)
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_measures_stand_beside_each_other_with_their_difference(two):
    rows = {name: (values, difference) for name, _, values, difference in measure_rows(sides_of([hold(one) for one in two]))}
    assert rows["procedure time"] == (["0.600", "0.600"], "0")
    assert "minimum lumen diameter before" in rows and len(rows["reference diameter"][0]) == 2


def test_an_experts_range_stands_beside_a_measure(two, monkeypatch):
    rows = (Beside("reference diameter", "mm", 4.0, 4.5, 5.0),)
    monkeypatch.setattr("viewer.room.comparing.beside_expert", lambda outcome: (None, rows))
    sides = sides_of([hold(one) for one in two])
    assert expert_words(sides, "reference diameter") == "4.50 – 5.00\nA below, B below"
    assert expert_words(sides, "procedure time") == ""


def test_two_are_played_in_step_and_stepped_from_state_to_state(two):
    replay = Replay(sides_of([hold(one) for one in two]))
    assert [side.letter for side, _ in replay.moments()] == ["A", "B"] and not replay.moments()
    kept = sorted({float(at) for side in replay.sides for at in side.held.frame_times})
    replay.go_to(kept[0])
    replay.step(forwards=True)
    assert replay.time_s == pytest.approx(kept[1]) and all(frame.time_s <= kept[1] + 1e-9 for _, frame in replay.moments())
    replay.go_to(0.2)
    replay.speed = 2.0
    replay.play_or_stop()
    replay.go_on(0.1)
    assert replay.time_s == pytest.approx(0.4) and replay.is_playing
    replay.go_on(5.0)
    assert replay.time_s == pytest.approx(0.6) and not replay.is_playing
    replay.play_or_stop()
    assert replay.time_s == 0.0 and replay.is_playing
    replay.go_to(kept[2])
    replay.step(forwards=False)
    assert replay.time_s == pytest.approx(kept[1])


def test_a_recording_of_another_layout_plays_and_says_so(copy):
    path = copy / "recording" / "header.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    held = hold(copy)
    assert held.readable and "It has layout 99" in held.missing[0]
    number = held.number_at(0.6)
    assert number is not None and np.isfinite(held.recording.frame(number).vertices).all()


def test_a_spoilt_state_is_left_out_and_named(copy):
    frames = sorted((copy / "recording" / "frames").glob("*.npz"))
    frames[1].write_bytes(frames[1].read_bytes()[:300])
    held = hold(copy)
    assert len(held.readable) == len(frames) - 1
    assert sum("cannot be read" in words for words in held.missing) == 1


def test_ticks_that_are_spoilt_end_it_where_they_are(copy):
    path = copy / "recording" / "ticks.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:7], "{spoilt", *lines[8:]]) + "\n")
    held = hold(copy)
    assert held.end_s == pytest.approx(0.35) and any("from number 8 of 12" in words for words in held.missing)


def test_without_its_shapes_the_curves_are_left(copy, tmp_path):
    (copy / "recording" / "rest.npz").unlink()
    held = hold(copy)
    assert held.recording is None and held.number_at(0.1) is None
    assert courses_of(held).line("pressure").values.max() > 0.1
    page = tmp_path / "page.html"
    answer = CliRunner().invoke(app, ["review", str(copy), "-o", str(page)])
    assert answer.exit_code == 0 and "shapes cannot be shown" in page.read_text()


def test_a_folder_that_holds_nothing_is_named(tmp_path):
    with pytest.raises(InputError, match="holds no recording"):
        hold(tmp_path)
    (tmp_path / "recording").mkdir()
    with pytest.raises(InputError, match="Nothing of the recording"):
        hold(tmp_path)
    assert CliRunner().invoke(app, ["review", str(tmp_path), "-o", "page.pdf"]).exit_code == 2
