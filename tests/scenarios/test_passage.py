"""A passage: a script pushes wires of the catalogue through a small narrowed tube, feels, stops, and is recorded."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from meshing.errors import InputError
from scenarios.passage.assessing import assess_passage
from scenarios.passage.hands import ScriptedHands
from scenarios.passage.navigate import navigate
from scenarios.passage.passage import Passage, Placed
from scenarios.passage.script import Script, Step, across, read_script
from scenarios.passage.senses import Senses
from scenarios.recording import Recording, load_recording
from scenarios.rehearsal import rerun
from scenarios.tissues import find_tissue
from tests.scenarios.shapes import straight_path
from tests.scenarios.small_case import LENGTH_MM, PRESSURE_PA, small_mesh

WIRE, CATHETER = "heavy duty 0.035 J", "multipurpose guide 6F"


def small_passage(**changed) -> Passage:
    """A wire with a J before a tube of 24 mm, narrowed from 4 to 2.8 mm, whose wall is rigid."""
    passage = Passage(
        name="small", mesh=small_mesh(), path=straight_path(LENGTH_MM, radius=1.4), tissues={1: find_tissue("arterial wall")},
        placed=(Placed("wire", WIRE, 60.0),), lesion_mm=(7.0, 17.0), blood_pressure_pa=PRESSURE_PA, rigid=True,
        notes=("A small tube.",), source={"input": {"path": "small"}, "mesh": {}},
    )  # fmt: skip
    return dataclasses.replace(passage, **changed)


STEPS = Script(
    step=(
        Step(past_lesion_mm=2.0),
        Step(turn_deg=120.0),
        Step(advance_mm=-8.0),
        Step(advance_mm=10.0, force_limit_n=1e-4),
    )
)  # fmt: skip


@pytest.fixture(scope="module")
def gone(tmp_path_factory) -> Recording:
    """A passage through the narrowing, a turn, some way back, and a push that ends where the tip touches."""
    return navigate(small_passage(), tmp_path_factory.mktemp("passage") / "run", script=STEPS, backend_name="cpu")


def test_a_wire_goes_through_the_narrowing_and_stops_where_it_feels(gone):
    assert gone.header["complete"] and gone.header["script"][0]["past_lesion_mm"] == 2.0
    print(gone.events)
    assert len(gone.events) == len(STEPS.step)
    assert "done" in gone.events[0] and "tip pressed with" in gone.events[3]
    tips = [row["senses"]["tip_mm"]["wire"] for row in gone.ticks]
    assert max(tips) >= 19.0 and tips[-1] < max(tips) - 5.0
    advances = [1e3 * row["command"]["drives"]["wire"]["advance"] for row in gone.ticks]
    turns = [row["command"]["drives"]["wire"]["turn"] for row in gone.ticks]
    assert turns[-1] == pytest.approx(np.radians(120.0))
    steps = np.abs(np.diff(advances))
    assert steps.max() <= 1.0 + 1e-9, "20 mm/s in ticks of 0.05 s"


def test_no_part_of_it_lies_beyond_the_wall(gone):
    deepest = max(row["deepest"] for row in gone.ticks)
    residuals = [row["residual"] for row in gone.ticks]
    print(f"deepest {1e6 * deepest:.0f} µm; largest residual {max(residuals):.1e}")
    assert deepest < 0.5 * 0.889e-3
    assert np.median(residuals) < 5e-3


def test_its_measures_add_up(gone):
    outcome = assess_passage(gone)
    found = {one.name: one.value for one in outcome.measures}
    advances = np.array([0.0, *(1e3 * row["command"]["drives"]["wire"]["advance"] for row in gone.ticks)])
    assert found["wire: pushed"] == pytest.approx(np.abs(np.diff(advances)).sum())
    assert found["wire: torque turns"] == pytest.approx(1.0 / 3.0)
    assert found["wire: peak wall force"] >= found["wire: peak tip force"] > 0.0
    assert found["wire: tip contacts"] >= 1.0
    assert set(gone.events) <= set(outcome.notes)


def test_a_recorded_passage_is_read_again_and_computes_again_to_the_bit(gone):
    again = load_recording(gone.folder, passage_too=True)
    assert again.case.placed == small_passage().placed and again.case.lesion_mm == (7.0, 17.0)
    assert rerun(gone.folder).equal


def test_what_shows_stents_refuses_a_passage_in_one_sentence(gone):
    with pytest.raises(InputError, match=r"wires that were pushed.*report\.html") as refused:
        load_recording(gone.folder)
    assert "\n" not in str(refused.value)


def test_a_push_that_does_not_arrive_is_given_up():
    passage = small_passage()
    hands = ScriptedHands(Script(step=(Step(to_mm=10.0),)), passage, dt=0.05)
    stuck = Senses({"wire": 2.0}, {"wire": 0.0}, {"wire": 0.0})
    for _ in range(200):
        command = hands(stuck, blood_pressure_pa=0.0)
        if hands.done:
            break
    assert hands.done and "given up" in hands.events[0]
    assert 1e3 * command.drives["wire"].advance < 2.0 * 8.0 + 20.0 + 1.1


def test_without_a_script_each_wire_goes_beyond_the_lesion():
    passage = small_passage(placed=(Placed("wire", WIRE, 60.0), Placed("catheter", CATHETER, 60.0)))
    assert [(step.device, step.to_mm) for step in across(passage).step] == [("wire", 19.0), ("catheter", 19.0)]
    body = passage.device_body()
    assert [feed.name for feed in body.feeds] == ["wire", "catheter"] and len(body.sleeves) == 1


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ('[[step]]\ndevice = "sheath"\nadvance_mm = 5', "asks for 'sheath', but the tray holds wire"),
        ("[[step]]\nto_mm = 90", "90 mm along the way, which is 24 mm long"),
        ("[[step]]\npast_lesion_mm = 30", "47 mm along a way of 24 mm"),
        ("[[step]]\nadvance_mm = 5\nto_mm = 3", "asks for advance_mm and to_mm at once"),
        ("[[step]]\nspeed_mm_s = 5", "asks for nothing"),
        ("[[step]]\nadvance_mm = 5\nspeed_mm_s = -1", "speed_mm_s"),
        ("[[step]]\npush = 5", "not a known entry"),
        ("step = []", "step"),
    ],
)
def test_a_script_that_cannot_be_is_refused_in_one_sentence(tmp_path: Path, steps: str, told: str):
    (tmp_path / "script.toml").write_text(steps)
    with pytest.raises(InputError) as refused:
        read_script(tmp_path / "script.toml").check(small_passage())
    assert told in str(refused.value) and "\n" not in str(refused.value)


def test_a_lesion_that_is_not_there_and_a_wire_too_thick_are_told():
    with pytest.raises(InputError, match="small has none"):
        Script(step=(Step(past_lesion_mm=1.0),)).check(small_passage(lesion_mm=None))
    with pytest.raises(InputError, match="does not fit into"):
        small_passage(placed=(Placed("catheter", CATHETER, 60.0), Placed("wire", WIRE, 60.0))).device_body()


def test_the_recording_is_plain_json(gone):
    for line in (gone.folder / "recording" / "ticks.jsonl").read_text().splitlines():
        row = json.loads(line)
        assert set(row["senses"]) == {"tip_mm", "tip_force_n", "wall_force_n"}
