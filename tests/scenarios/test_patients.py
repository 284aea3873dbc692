"""Whole rehearsals, from an input to its measures: the embedded case, and real anatomy where it is at hand."""

import numpy as np
import pytest

from meshing.errors import InputError
from scenarios.outcome import Outcome, assess
from scenarios.passage.assessing import assess_passage
from scenarios.passage.navigate import navigate
from scenarios.passage.passage import plan_passage
from scenarios.plan import embedded_cases, plan_case
from scenarios.recording import Recording
from scenarios.rehearsal import rehearse, rerun
from tests.shared_data import shared_data

REAL = {
    "abdomen": ("abdomen_ct/labels.nii.gz", ("52", "65", "66")),
    "aorta": ("aorta_mra/aorta-surface.vtp", ()),
    "carotid": ("carotid/carotids.stl", ()),
}

WIRES = {
    "abdomen": ("workhorse 0.014 straight",),
    "aorta": ("Amplatz plain 0.035 J",),
    "carotid": ("Amplatz plain 0.035 straight", "straight diagnostic 5F"),
}
"""What is pushed through each of them: the abdomen's iliac arteries, coarsely segmented, are closed to a wire of 0.035 in."""


def _done(source: str, folder, **choices) -> tuple[Recording, Outcome]:
    recording = rehearse(plan_case(source, **choices), folder, backend_name="cpu")
    return recording, assess(recording)


def _demand_sound(recording: Recording, outcome: Outcome) -> None:
    """What holds of every rehearsal: a whole mesh, a stent that opened and stayed inside the wall, measures that are numbers."""
    assert recording.header["complete"]
    assert outcome.mesh["inverted_count"] == 0
    half_thickness = recording.case.lattice.half_thickness_mm
    assert max(row["deepest"] for row in recording.ticks) * 1e3 < half_thickness
    assert outcome["stent diameter after"].value > 0.6 * recording.case.stent.diameter_mm
    assert all(np.isfinite(measure.value) for measure in outcome.measures)
    assert 0.0 < outcome["recoil"].value < 35.0


def test_the_embedded_cases_are_those_there_are():
    assert embedded_cases() == ("carotid", "coarctation", "iliac", "renal")


def test_a_branch_that_is_not_there_is_named():
    with pytest.raises(InputError, match="no file"):
        plan_case("no-such-file.nii.gz")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_embedded_case_meets_its_figures(tmp_path):
    recording, outcome = _done("iliac", tmp_path)
    _demand_sound(recording, outcome)
    mesh = outcome.mesh
    print({name: mesh[name] for name in ("tet_count", "inverted_count", "min_scaled_jacobian", "elements_across_wall_min")})
    assert mesh["tet_count"] >= 20_000 and mesh["min_scaled_jacobian"] >= 0.1 and mesh["elements_across_wall_min"] >= 2
    assert outcome["diameter stenosis before"].value == pytest.approx(70.0, abs=3.0)
    assert 0.0 < outcome["residual diameter stenosis"].value < 35.0
    assert rerun(tmp_path).equal


@pytest.mark.patients
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", REAL)
def test_real_anatomy_goes_from_start_to_end(name: str, tmp_path):
    path, labels = REAL[name]
    recording, outcome = _done(str(shared_data(path)), tmp_path, labels=labels)
    _demand_sound(recording, outcome)
    assert outcome["minimum lumen diameter after"].value > outcome["minimum lumen diameter before"].value


@pytest.mark.patients
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", REAL)
def test_wires_go_through_real_anatomy(name: str, tmp_path):
    path, labels = REAL[name]
    passage = plan_passage(str(shared_data(path)), wires=WIRES[name], labels=labels, rigid=True)
    recording = navigate(passage, tmp_path, backend_name="cpu")
    outcome = assess_passage(recording)
    print(recording.events, {row.name: row.value for row in outcome.measures})
    assert recording.header["complete"]
    assert len(recording.events) == len(passage.placed) and all("done" in event for event in recording.events)
    # Half a wire's radius at most: beyond it a wire would be seen in the wall.
    assert max(row["deepest"] for row in recording.ticks) < 0.5 * float(passage.device_body().sample_radius.max())
    assert all(np.isfinite(measure.value) for measure in outcome.measures)


@pytest.mark.patients
def test_a_vessel_too_narrow_for_a_wire_is_told_in_one_sentence():
    path, labels = REAL["abdomen"]
    with pytest.raises(InputError, match=r"0\.889 mm thick, more than the .* mm that the vessel is wide .* thinner one\.$"):
        plan_passage(str(shared_data(path)), wires=("Amplatz plain 0.035 J",), labels=labels, rigid=True)
