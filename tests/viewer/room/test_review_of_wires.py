"""Review of a passage: wires' ways and forces against time, their measures beside each other, the page and the film."""

import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from scenarios.recording import load_recording
from tests.scenarios.test_passage import small_passage
from tests.viewer.room.quick import quick_passage
from tests.viewer.room.test_film import needs_video, read
from tests.viewer.room.test_wires_by_hand import DONE
from viewer.cli import app
from viewer.room.bus import Bus, Event
from viewer.room.comparing import measure_rows, sides_of
from viewer.room.courses import courses_of, lesion_of
from viewer.room.filming import FRAMES_PER_S, LAST_S
from viewer.room.held import hold
from viewer.room.replay import Replay, course_of
from viewer.room.session import run_headless


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two passages by hand: a wire and then a catheter, and the wire alone, less far."""
    folder = tmp_path_factory.mktemp("two")
    run_headless(quick_passage(folder / "a", bus=Bus(DONE)), until_s=0.8)
    less = (
        Event(0.0, "script", "advance", True),
        Event(0.3, "script", "advance", False),
        Event(0.3, "script", "bookmark", "here"),
    )
    run_headless(quick_passage(folder / "b", bus=Bus(less)), until_s=0.5)
    return folder / "a", folder / "b"


@pytest.fixture
def copy(two, tmp_path):
    """A recording that a test may spoil."""
    shutil.copytree(two[0], tmp_path / "copy")
    return tmp_path / "copy"


def test_curves_are_what_was_felt_of_each_wire(two):
    held = hold(two[0])
    courses, rows = courses_of(held), load_recording(two[0], passage_too=True).ticks
    assert held.is_passage and not held.missing and lesion_of(held) == (7.0, 17.0)
    assert {line.of for line in courses.lines} == {"wire", "catheter"} and len(courses.lines) == 8
    for figure, key in (("tip", "tip_mm"), ("tip force", "tip_force_n"), ("wall force", "wall_force_n")):
        assert courses.line(figure, "wire").values.tolist() == [row["senses"][key]["wire"] for row in rows]
    assert courses.line("pushed", "wire").values[-1] == pytest.approx(15.0)
    assert courses.line("pushed", "catheter").values[-1] == pytest.approx(1.5)
    assert courses.levels[0].values[7] == pytest.approx(sum(rows[7]["senses"]["wall_force_n"].values()))
    assert courses.xray_s[-1] == pytest.approx(0.8)
    words = courses.words_at(0.8)
    assert words.startswith(f"wire at {rows[-1]['senses']['tip_mm']['wire']:.1f} mm, ") and "; catheter at " in words
    assert "balloon" not in words and "curve: force of the wires on the wall, up to " in courses.curve_words


def test_it_is_scrubbed_in_step_with_another(two):
    replay = Replay(sides_of([hold(one) for one in two]))
    assert replay.title == "A: small against B: small" and replay.end_s == pytest.approx(0.8)
    first = {side.letter: frame for side, frame in replay.moments()}
    replay.go_to(0.7)
    last = {side.letter: frame for side, frame in replay.moments()}
    assert last["A"].time_s > 0.5 >= last["B"].time_s
    for letter in "AB":
        assert np.abs(last[letter].device - first[letter].device).max() > 2.0
    course = course_of(replay.sides[1])
    assert course["bookmarks"] == [(pytest.approx(0.35), "here")] and not course["events"]
    assert len(course["times"]) == len(course["levels"]) == len(course["thin"]) == 10


def test_measures_are_those_of_its_report_and_none_is_of_a_stent(two):
    rows = {name: (values, difference) for name, _, values, difference in measure_rows(sides_of([hold(one) for one in two]))}
    assert rows["wire: pushed"] == (["17.0", "3.00"], "-14.0") and rows["time"][0] == ["0.800", "0.500"]
    assert "X-ray time" in rows and not [name for name in rows if "strut" in name or "lumen" in name or "procedure" in name]


def test_the_page_shows_curves_and_measures(two, tmp_path):
    page = tmp_path / "page.html"
    answer = CliRunner().invoke(app, ["review", str(two[0]), "--against", str(two[1]), "-o", str(page)])
    assert answer.exit_code == 0, answer.output
    text = page.read_text()
    assert "Not for clinical decisions" in text and text.count("data:image/png;base64") == 1
    assert "wire: peak tip force" in text and "B − A" in text and "Bookmark" in text
    assert "pressure" not in text and "stent" not in text


def test_a_damaged_one_keeps_its_curves(copy, tmp_path):
    (copy / "recording" / "rest.npz").unlink()
    header = copy / "recording" / "header.json"
    header.write_text(json.dumps({**json.loads(header.read_text()), "run": {}}))
    held = hold(copy)
    assert held.is_passage and held.recording is None and "shapes cannot be shown" in held.missing[0]
    assert courses_of(held).line("tip", "wire").values.max() > 15.0
    assert sides_of([held])[0].measures["X-ray time"].value == pytest.approx(0.8)
    answer = CliRunner().invoke(app, ["review", str(copy), "-o", str(tmp_path / "page.html")])
    assert answer.exit_code == 0, answer.output


def test_what_navigate_wrote_is_reviewed_too(tmp_path, monkeypatch):
    monkeypatch.setattr("scenarios.passage.passage.plan_passage", lambda *words, **named: small_passage())
    (tmp_path / "steps.toml").write_text("[[step]]\nto_mm = 6\n")
    words = ["navigate", "iliac", "--wire", "heavy duty 0.035 J", "--script", str(tmp_path / "steps.toml")]
    told = CliRunner().invoke(app, [*words, "-o", str(tmp_path / "out")], env={"COLUMNS": "140"})
    assert told.exit_code == 0 and f"Look:   vesalius review {tmp_path / 'out'}" in told.output
    courses = courses_of(hold(tmp_path / "out"))
    assert courses.line("tip").values.max() >= 6.0 and not courses.xray_s.any()
    answer = CliRunner().invoke(app, ["review", str(tmp_path / "out"), "-o", str(tmp_path / "page.html")])
    assert answer.exit_code == 0 and "Step 1, wire" in (tmp_path / "page.html").read_text()


@needs_video
def test_it_becomes_a_film(two, tmp_path):
    answer = CliRunner().invoke(app, ["review", *(str(one) for one in two[:1]), "-o", str(tmp_path / "film.mp4")])
    assert answer.exit_code == 0, answer.output
    about, pictures = read(tmp_path / "film.mp4")
    assert about["size"] == (1280, 720) and len(pictures) == round((0.8 + LAST_S) * FRAMES_PER_S)
    assert ((pictures[0][..., 0].astype(int) - pictures[0][..., 2]) > 40).mean() > 0.02, "the vessel is to be seen"
    changed = np.abs(pictures[-1].astype(int) - pictures[0]).max(axis=2) > 30
    assert changed.mean() > 0.005, "the wire is to be seen where it has gone"
