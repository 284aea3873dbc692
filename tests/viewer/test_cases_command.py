"""The cases at the command line: listed, shown, compared; what is wrong is one sentence, and nothing is left behind."""

import json

import pytest
from typer.testing import CliRunner

from scenarios.expert import ExpertRecord
from scenarios.stored_cases import case_names, find_case
from viewer.cli import app


def said(*words: str):
    """Run the command line in this process."""
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})


def test_cases_are_listed_with_aim_difficulty_and_what_to_watch_for():
    answer = said("cases")
    assert answer.exit_code == 0
    for name in case_names():
        table = find_case(name).table
        assert table.title in answer.output and find_case(name).difficulty in answer.output
        assert " ".join(table.aim.split())[:60] in answer.output
        assert all(line[:60] in answer.output for line in table.watch)
        assert table.expert.device in answer.output
    assert "Not for clinical decisions" in answer.output


def test_a_case_is_shown_with_its_dimensions_and_the_experts_range():
    assert "West Indian Medical Journal" in said("cases", "show", "carotid").output
    answer = said("cases", "show", "coarctation")
    assert answer.exit_code == 0
    assert "COAST" in answer.output and "waist diameter" in answer.output
    assert "minimum lumen diameter after" in answer.output


def test_a_case_is_drawn_cut_open_in_its_tissues_colours(tmp_path):
    import numpy as np
    from matplotlib.colors import to_rgb
    from matplotlib.image import imread

    from viewer import palette

    answer = said("cases", "show", "coarctation", "-o", str(tmp_path / "case.png"))
    assert answer.exit_code == 0 and "Picture:" in answer.output
    image = imread(tmp_path / "case.png")[..., :3]
    share = {
        name: (np.abs(image - np.array(to_rgb(palette.TISSUES[name]))).max(axis=2) < 0.02).mean()
        for name in ("arterial wall", "plaque")
    }
    # The cut runs through the wall on both sides, and through the ridge at the waist alone.
    assert 0.001 < share["plaque"] < share["arterial wall"] < 0.3


def outcome_of(folder, *, sha256: str, value: float):
    (folder / "recording").mkdir(parents=True)
    (folder / "recording" / "header.json").write_text("{}")
    measure = {"name": "minimum lumen diameter after", "value": value, "unit": "mm", "definition": "", "source": "", "note": ""}
    (folder / "outcome.json").write_text(json.dumps({"measures": [measure], "input": {"sha256": sha256}, "mesh": {}, "run": {}}))


@pytest.mark.parametrize(("share", "word"), [(0.5, "below"), (1.0, "within"), (2.0, "above")])
def test_a_rehearsal_is_compared_with_the_expert_and_not_judged(share, word, tmp_path):
    kept = ExpertRecord.load(find_case("coarctation").expert_path)
    high = next(one.high for one in kept.ranges if one.name == "minimum lumen diameter after")
    outcome_of(tmp_path / "mine", sha256=kept.inputs["labels_sha256"], value=share * high)
    answer = said("cases", "compare", str(tmp_path / "mine"))
    assert answer.exit_code == 0, answer.output
    assert word in answer.output
    assert not any(verdict in answer.output for verdict in ("recommend", "pass", "fail", "score"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("cases", "show", "carotit"), "the nearest is carotid"),
        (("cases", "record", "carotit", "-o", "out"), "the nearest is carotid"),
        (("rehearse", "carotit", "-o", "out"), "the nearest is carotid"),
        (("cases", "show", "iliac", "-o", "picture.jpg"), ".png"),
        (("cases", "compare", "."), "holds no rehearsal"),
        (("export", ".", "-o", "out"), "holds no recording"),
        (("export", "nowhere", "-o", "out"), "holds no recording"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_leaves_nothing(words, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = said(*words)
    assert answer.exit_code == 2
    assert told in answer.stderr and answer.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_rehearsal_of_no_stored_case_has_nothing_beside_it(tmp_path):
    outcome_of(tmp_path / "mine", sha256="0" * 64, value=1.0)
    answer = said("cases", "compare", str(tmp_path / "mine"))
    assert answer.exit_code == 2 and "of no stored case" in answer.stderr


def test_earlier_runs_of_an_expert_are_kept_unless_asked(tmp_path):
    (tmp_path / "run 1").mkdir()
    answer = said("cases", "record", "iliac", "-o", str(tmp_path))
    assert answer.exit_code == 2 and "--overwrite" in answer.stderr
    assert (tmp_path / "run 1").is_dir()
