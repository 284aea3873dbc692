import json
from types import SimpleNamespace

import numpy as np
import pytest

from meshing.errors import InputError
from scenarios.limits import LIMITS_OF_USE
from scenarios.measures.measure import Measure
from scenarios.outcome import Outcome, Profile, assess
from tests.scenarios.shapes import stent, straight_path, thick_tube

HALF = 0.05
RADII = {"before": (3.0, 1.0), "inflated": (4.0, 4.0 - HALF), "after": (3.8, 3.8 - HALF)}


class Recorded:
    """A tube of 8 mm, of 6 mm where the stent is to open it to 8 mm and let it recoil to 7.6 mm; no mechanics."""

    def __init__(self, *, phases=("before", "inflated", "after")):
        self.phases, self.events, self.ticks = phases, (), []
        path = straight_path(80.0)
        _, tets, layer, lumen = thick_tube(path, 4.0, 5.0, sides=48)
        nodes, struts, ring = stent(path, np.full(7, 1.0), first=31.0, pitch=3.0, crowns=16)
        placed = SimpleNamespace(
            lattice=SimpleNamespace(nodes=nodes, struts=struts, strut_ring=ring, half_thickness_mm=HALF),
            stent=SimpleNamespace(diameter_mm=8.0, fabric=None),
            device=SimpleNamespace(opened="inflated"),
        )
        self.case = SimpleNamespace(
            path=path,
            mesh=SimpleNamespace(
                tets=tets, labels=layer + 1, label_names={1: "plaque", 2: "arterial wall"}, face_sets={"lumen": lumen}
            ),
            stents=(placed,),
            first_nodes=np.array([0, len(nodes)]),
            first_samples=np.array([0, 40]),
            device=placed.device,
            over=None,
            station_mm=40.0,
            notes=("The narrowest place is 40.0 mm along the centreline.",),
        )
        self.header = {
            "input": {"path": "tube", "sha256": "ab"},
            "mesh": {"tet_count": np.int64(len(tets))},
            "run": {"residual": np.nan},
        }

    def frame_of_phase(self, phase):
        """The state of a phase, or LookupError."""
        if phase not in self.phases:
            raise LookupError(phase)
        path, (lumen, strut) = self.case.path, RADII[phase]
        vertices, tets, _, _ = thick_tube(path, 4.0, 5.0, sides=48)
        near = np.clip((16.0 - np.abs(vertices[:, 2] - 40.0)) / 4.0, 0.0, 1.0)
        radius = np.hypot(vertices[:, 0], vertices[:, 1])
        vertices[:, :2] *= (1.0 + near * (lumen - 4.0) / radius)[:, None]
        nodes, _, _ = stent(path, np.full(7, strut), first=31.0, pitch=3.0, crowns=16)
        stress = np.full(len(tets), {"before": 10.0, "inflated": 90.0, "after": 60.0}[phase])
        return SimpleNamespace(vertices=vertices, device=nodes, stress=stress, contact_force=np.full(40, 0.1), waiting=())


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return assess(Recorded())  # pyright: ignore[reportArgumentType]


def test_a_recording_is_measured_whole(outcome):
    expected = {
        "reference diameter": 8.0,
        "minimum lumen diameter before": 6.0,
        "minimum lumen diameter inflated": 8.0,
        "minimum lumen diameter after": 7.6,
        "minimum lumen area after": np.pi * 3.8**2,
        "diameter stenosis before": 25.0,
        "residual diameter stenosis": 5.0,
        "acute gain": 1.6,
        "lumen eccentricity": 1.0,
        "minimum stent area": np.pi * 3.7**2,
        "stent expansion": 100 * 3.7**2 / 16,
        "recoil": 100 * (3.9 - 3.7) / 3.9,
        "dog-boning": 0.0,
        "foreshortening": 0.0,
        "malapposed struts": 0.0,
        "wall stress, median": 60.0,
        "wall stress inflated, 99th percentile": 90.0,
        "contact force per length": 4.0 / (18.0 + 1.6),
        "peak contact force": 0.1,
    }
    for name, value in expected.items():
        assert outcome[name].value == pytest.approx(value, rel=0.01, abs=0.25 if "stenosis" in name else 0.02), name
    assert outcome.notes == ("The narrowest place is 40.0 mm along the centreline.",)


def test_every_measure_is_defined_and_sourced(outcome):
    names = [measure.name for measure in outcome.measures]
    assert len(set(names)) == len(names)
    for measure in outcome.measures:
        assert np.isfinite(measure.value)
        assert measure.unit
        assert measure.definition.endswith(".")
        assert measure.source


def test_the_profiles_are_kept_by_phase(outcome):
    assert list(outcome.profiles) == ["before", "inflated", "after"]
    assert outcome.profiles["before"].min_diameter.min() == pytest.approx(6.0, rel=0.01)


def test_the_file_holds_what_others_read(outcome, tmp_path):
    outcome.save(tmp_path / "outcome.json")
    content = json.loads((tmp_path / "outcome.json").read_text(encoding="utf-8"))
    assert content["use"] == LIMITS_OF_USE
    assert {"name", "value", "unit", "definition", "source"} <= content["measures"][0].keys()
    assert content["input"] == {"path": "tube", "sha256": "ab"}
    assert content["mesh"]["tet_count"] == len(Recorded().case.mesh.tets)
    assert content["run"] == {"residual": None}


def test_saving_and_loading_gives_the_same(outcome, tmp_path):
    outcome.save(tmp_path / "outcome.json")
    loaded = Outcome.load(tmp_path / "outcome.json")
    assert loaded.measures == outcome.measures
    assert loaded.notes == outcome.notes
    for phase, profile in outcome.profiles.items():
        assert isinstance(loaded.profiles[phase], Profile)
        np.testing.assert_array_equal(loaded.profiles[phase].area, profile.area)
    assert loaded.to_json() == outcome.to_json()


@pytest.mark.parametrize("phases", [("before",), ("before", "inflated"), ("inflated", "after"), ("after",)])
def test_a_run_that_stopped_early_is_measured_as_far_as_it_went(phases):
    outcome = assess(Recorded(phases=phases))  # pyright: ignore[reportArgumentType]
    assert list(outcome.profiles) == list(phases)
    assert len(outcome.notes) > 1
    names = {measure.name for measure in outcome.measures}
    assert ("recoil" in names) == ({"inflated", "after"} <= set(phases))
    assert ("acute gain" in names) == ({"before", "after"} <= set(phases))
    outcome.to_json()


def test_a_recording_without_states_is_said():
    outcome = assess(Recorded(phases=()))  # pyright: ignore[reportArgumentType]
    assert not outcome.measures
    assert "Nothing could be measured" in outcome.notes[-1]
    assert outcome.input["path"] == "tube"


def test_what_is_no_outcome_is_refused(tmp_path, outcome):
    with pytest.raises(InputError, match="cannot be read"):
        Outcome.load(tmp_path / "none.json")
    (tmp_path / "other.json").write_text('{"measures": 3}', encoding="utf-8")
    with pytest.raises(InputError, match="is not an outcome"):
        Outcome.load(tmp_path / "other.json")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="is not an outcome"):
        Outcome.load(tmp_path / "broken.json")
    with pytest.raises(InputError, match="cannot be written"):
        outcome.save(tmp_path / "no folder" / "outcome.json")


def test_an_unknown_measure_lists_those_there_are():
    outcome = Outcome((Measure("recoil", 4.0, "%", "d.", "s"),), {}, {}, {}, {})
    assert outcome["recoil"].value == 4.0
    with pytest.raises(InputError, match="there are: recoil"):
        outcome["gain"]
