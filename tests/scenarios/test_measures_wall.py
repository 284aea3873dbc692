import numpy as np
import pytest

from meshing.errors import InputError
from scenarios.measures.stations import stations_of
from scenarios.measures.wall import volume_quantile, wall_findings, wall_stress
from tests.scenarios.shapes import straight_path, thick_tube


def findings_of(stress_of, *, between=(10.0, 30.0), phase="after"):
    """Measure a tube of two layers whose stress is given by station and layer."""
    path = straight_path(40.0)
    vertices, tets, layer, _ = thick_tube(path, 4.0, 5.0)
    stations = stations_of(path, vertices[tets].mean(axis=1))
    stress = stress_of(stations, layer)
    found = wall_findings(
        stress,
        phase=phase,
        vertices=vertices,
        tets=tets,
        labels=layer + 1,
        label_names={1: "plaque", 2: "arterial wall"},
        path=path,
        between_mm=between,
        middle_mm=20.0,
    )
    return {measure.name: measure for measure in found.measures}, found.notes


def test_the_quantile_weighs_by_volume():
    values, volumes = np.array([1.0, 2.0, 10.0]), np.array([1.0, 1.0, 98.0])
    assert volume_quantile(values, volumes, 0.99) == 10.0
    assert volume_quantile(np.full(5, 7.0), np.arange(1.0, 6.0), 0.99) == 7.0
    with pytest.raises(InputError, match="no tissue"):
        volume_quantile(np.zeros(0), np.zeros(0), 0.5)


def test_the_quantile_of_many_equal_volumes_is_numpys():
    values = np.random.default_rng(3).normal(size=5000)
    for share in (0.1, 0.5, 0.99):
        assert volume_quantile(values, np.ones(5000), share) == pytest.approx(np.quantile(values, share), abs=0.01)


def test_splitting_tets_changes_nothing():
    rng = np.random.default_rng(4)
    values, volumes = rng.normal(size=2000), rng.uniform(0.5, 1.5, 2000)
    split = volume_quantile(np.repeat(values, 3), np.repeat(volumes / 3, 3), 0.99)
    assert volume_quantile(values, volumes, 0.99) == pytest.approx(split, abs=0.01)


def test_even_stress_is_reported_as_it_is():
    measures, notes = findings_of(lambda stations, _: np.full(len(stations), 80.0))
    assert measures["wall stress, median"].value == pytest.approx(80.0)
    assert measures["wall stress, 99th percentile"].value == pytest.approx(80.0)
    assert measures["wall stress, median"].unit == "kPa"
    assert not notes


def test_the_place_of_the_highest_stress_is_found_and_named():
    def peaked(stations, layer):
        return 100.0 * np.exp(-(((stations - 24.0) / 2) ** 2)) + 5.0 * (layer == 0)

    measures, _ = findings_of(peaked)
    place = measures["place of highest wall stress"]
    assert place.value == pytest.approx(24.0, abs=0.6)
    assert "In plaque" in place.note
    assert "distal to the stent's middle" in place.note
    assert "plaque" in measures["wall stress, 99th percentile"].note


def test_stress_outside_the_stretch_does_not_count():
    measures, _ = findings_of(lambda stations, _: np.where(np.abs(stations - 20) > 11, 500.0, 50.0))
    assert measures["wall stress, 99th percentile"].value == pytest.approx(50.0)


def test_the_phase_is_in_the_name_unless_after():
    measures, _ = findings_of(lambda stations, _: stations, phase="inflated")
    assert "wall stress inflated, 99th percentile" in measures


def test_numbers_that_are_none_are_left_out():
    measures, _ = findings_of(lambda stations, layer: np.where(layer == 0, np.nan, 30.0))
    assert measures["wall stress, median"].value == pytest.approx(30.0)
    nothing, notes = findings_of(lambda stations, _: np.full(len(stations), np.nan))
    assert not nothing
    assert "could not be measured after" in notes[0]


def test_no_tissue_beside_the_stent_is_said():
    measures, notes = findings_of(lambda stations, _: stations, between=(200.0, 210.0))
    assert not measures
    assert "no tissue lies beside the stent" in notes[0]


def test_the_peak_is_one_of_the_chosen():
    found = wall_stress(np.array([1.0, 9.0, 5.0]), np.ones(3), np.array([True, False, True]))
    assert found.peak_tet == 2
    assert found.peak_kpa == 5.0
