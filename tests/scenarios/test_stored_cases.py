"""Stored cases say what they are for; the expert's record belongs to the case as it stands, and lies beside another's outcome."""

import dataclasses
import json
import re

import pytest

from meshing.errors import InputError
from meshing.labels import read_labels
from scenarios import catalogue
from scenarios.expert import (
    Beside,
    ExpertRange,
    ExpertRecord,
    beside_expert,
    expert_procedure,
    inputs_of,
    laid_beside,
    record,
)
from scenarios.measures.measure import Measure
from scenarios.outcome import Outcome
from scenarios.plan import plan_case, require_source
from scenarios.stored_cases import CaseTable, case_names, find_case, stored_cases
from scenarios.tables import read_table


@pytest.fixture(params=case_names())
def case(request):
    return find_case(request.param)


RECORDED = [name for name in case_names() if find_case(name).expert_path.is_file()]


@pytest.fixture(params=RECORDED)
def recorded(request):
    return find_case(request.param)


def outcome(sha256: str, **values: float) -> Outcome:
    measures = tuple(Measure(name.replace("_", " "), value, "mm", "made up", "none") for name, value in values.items())
    return Outcome(measures, {"sha256": sha256}, {}, {}, {})


def test_there_are_four_at_least_the_easiest_first():
    cases = stored_cases()
    assert len(cases) >= 4 and cases[0].name == "iliac"
    assert [case.table.difficulty for case in cases] == sorted(case.table.difficulty for case in cases)


def test_a_case_says_what_a_resident_needs(case):
    table = case.table
    assert case.name == case.folder.name
    assert len(table.aim.split()) > 10 and len(table.watch) >= 3 and case.difficulty in ("easy", "moderate", "hard")
    assert "no patient" in table.origin
    for one in table.dimensions.values():
        assert re.match(r"Chosen|Assumed|Worked out|Length|Inside|Mean|Narrowest", one.source), one.source


def test_the_labels_a_case_names_are_in_its_map(case):
    labels = read_labels(case.labels)
    for name in (*case.table.lumen, *case.table.plaque, *case.table.calcium, *case.table.wall):
        assert labels.find(name)
    assert labels.codes[labels.find(case.table.lumen[0])].scheme == "SCT"


def test_a_case_is_small(case):
    assert sum(path.stat().st_size for path in case.folder.iterdir()) < 1_000_000


def test_the_experts_device_is_in_the_catalogue_and_bears_the_pressures(case):
    plan = case.table.expert
    device = catalogue.find(plan.device)
    for number, run in enumerate(plan.runs):
        procedure = expert_procedure(case, number, blood_pressure_pa=12_400.0)
        assert tuple(key.phase for key in procedure.keyframes) == ("before", "inflating", "inflated", "deflating", "after")
        assert max(key.balloon_atm for key in procedure.keyframes) == run.pressure_atm
        assert procedure.keyframes[-1].balloon_atm == 0.0
        assert device.balloon.diameter(run.pressure_atm) > 0.9 * device.stent.diameter_mm


def test_the_experts_record_was_made_from_the_case_as_it_stands(recorded):
    case = recorded
    kept = ExpertRecord.load(case.expert_path)
    assert kept.case == case.name and dict(kept.inputs) == inputs_of(case)
    assert [run["pressure_atm"] for run in kept.runs] == [run.pressure_atm for run in case.table.expert.runs]
    assert all(run["inverted_elements_at_the_end"] == 0 and run["device"] == case.table.expert.device for run in kept.runs)


def test_the_experts_stent_opened_the_lesion(recorded):
    found = {one.name: one for one in ExpertRecord.load(recorded.expert_path).ranges}
    before, after = found["minimum lumen diameter before"], found["minimum lumen diameter after"]
    assert after.low > 1.4 * before.high
    assert found["residual diameter stenosis"].high < 35.0


def test_a_record_is_read_back_as_it_was_written(tmp_path):
    ranges = (ExpertRange("recoil", "%", (3.0, 4.5)),)
    kept = ExpertRecord("iliac", {"labels_sha256": "a"}, {"vesalius": "0"}, ({"digest": "f", "pressure_atm": 8.0},), ranges)
    kept.save(tmp_path / "expert.json")
    assert ExpertRecord.load(tmp_path / "expert.json") == kept
    assert "Not for clinical decisions" in json.loads((tmp_path / "expert.json").read_text())["use"]


def test_a_file_that_is_no_record_is_told(tmp_path):
    (tmp_path / "expert.json").write_text("[]")
    for path in (tmp_path / "expert.json", tmp_path / "none.json"):
        with pytest.raises(InputError, match=path.name):
            ExpertRecord.load(path)


def test_figures_lie_below_within_or_above_the_range():
    ranges = (ExpertRange("a", "mm", (2.0, 1.0)), ExpertRange("b", "mm", (1.0,)), ExpertRange("c", "%", (1.0,)))
    kept = ExpertRecord("iliac", {}, {}, (), ranges)
    rows = laid_beside(outcome("", a=1.5, b=0.5, c=1.0, d=9.0), kept)
    # c is in another unit and d is not in the record.
    assert rows == (Beside("a", "mm", 1.5, 1.0, 2.0), Beside("b", "mm", 0.5, 1.0, 1.0))
    assert [row.place for row in rows] == ["within", "below"]
    assert dataclasses.replace(rows[0], own=2.5).place == "above"


def test_a_case_is_known_by_its_map_and_a_strangers_is_not():
    known = outcome(inputs_of(find_case("coarctation"))["labels_sha256"])
    found = beside_expert(known)
    assert found is not None and found[0].case == "coarctation"
    assert beside_expert(outcome("0" * 64)) is None


@pytest.mark.parametrize(
    ("asked", "words"), [("carotit", "the nearest is carotid"), ("zzz", "there are carotid, coarctation"), ("", "there are")]
)
def test_an_unknown_case_offers_the_nearest(asked, words):
    with pytest.raises(InputError, match=words):
        find_case(asked)
    with pytest.raises(InputError, match="no stored case"):
        plan_case(asked or "nothing at all")


def test_capitals_do_not_matter():
    assert find_case(" Iliac ").name == "iliac"


def test_what_is_no_file_is_told_before_anything_is_made(tmp_path):
    require_source("iliac")
    with pytest.raises(InputError, match=r"no file .*seg\.nii\.gz\.$"):
        require_source(tmp_path / "seg.nii.gz")
    with pytest.raises(InputError, match="is a folder"):
        require_source(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("difficulty = 1", "difficulty = 4"), "difficulty is 4"),
        (("[dimensions.wall_thickness]", "[dimensions.wall]"), "wall_thickness"),
        (("[[expert.runs]]", "[[expert.walks]]"), "walks is not a known entry"),
    ],
)
def test_a_table_that_is_wrong_names_the_entry(change, words, tmp_path):
    text = (find_case("iliac").folder / "case.toml").read_text(encoding="utf-8").replace(*change)
    (tmp_path / "case.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        read_table(tmp_path / "case.toml", CaseTable)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_experts_runs_come_out_as_recorded(tmp_path):
    made = record("coarctation", tmp_path, backend_name="cpu")
    kept = ExpertRecord.load(find_case("coarctation").expert_path)
    stored = {one.name: one for one in kept.ranges}
    for one in made.ranges:
        # Another processor rounds otherwise; places of extremes may then jump.
        if not one.name.startswith(("place", "largest", "peak")):
            assert one.values == pytest.approx(stored[one.name].values, rel=0.02, abs=0.1), one.name
    assert ExpertRecord.load(tmp_path / "expert.json") == made
