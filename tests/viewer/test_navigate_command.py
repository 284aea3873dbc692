"""`vesalius navigate` pushes a wire and leaves forces, pictures and a report; what cannot be is told in one sentence."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.scenarios.test_passage import WIRE, small_passage
from viewer.cli import app


def said(*words: str):
    """Run the command line in this process."""
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "140"})


def test_a_wire_is_pushed_and_what_came_of_it_is_written(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("scenarios.passage.passage.plan_passage", lambda *words, **named: small_passage())
    (tmp_path / "steps.toml").write_text("[[step]]\nto_mm = 6\n")
    answer = said(
        "navigate", "iliac", "--wire", WIRE, "--script", str(tmp_path / "steps.toml"), "--rigid", "-o", str(tmp_path / "out")
    )
    assert answer.exit_code == 0, answer.output
    assert "Step 1, wire: done" in answer.output and "The wire came to" in answer.output
    names = {one["name"] for one in json.loads((tmp_path / "out" / "outcome.json").read_text())["measures"]}
    assert {"wire: peak wall force", "wire: tip contacts", "deepest overlap"} <= names
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("data:image/png") == 2 and "Not for clinical decisions" in page
    shown = said("view", str(tmp_path / "out"))
    assert shown.exit_code != 0 and "wires that were pushed" in shown.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("navigate", "iliak", "--wire", WIRE), "the nearest is iliac"),
        (("navigate", "iliac", "--wire", "lunderqist"), "the nearest are: Lunderquist extra stiff 0.035 J"),
        (("navigate", "iliac", "--wire", WIRE, "--script", "none.toml"), "none.toml"),
    ],
)
def test_what_there_is_not_is_told_and_nothing_is_left(tmp_path: Path, words: tuple[str, ...], told: str):
    answer = said(*words, "-o", str(tmp_path / "out"))
    assert answer.exit_code != 0 and told in answer.stderr
    assert not (tmp_path / "out" / "recording").exists()
