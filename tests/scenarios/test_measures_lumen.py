import numpy as np
import pytest

from meshing.errors import InputError
from scenarios.measures.lumen import (
    Profile,
    area_stenosis,
    asymmetry,
    diameter_stenosis,
    eccentricity,
    find_lesion,
    lumen_findings,
    profile_along,
    stations_to_cut,
)
from scenarios.measures.measure import Measure
from scenarios.measures.stations import stations_of
from tests.scenarios.shapes import bent_path, straight_path, tube


def stenosed(stations, _angles, *, width=9.0, narrowest=2.7, middle=30.0, half_length=10.0):
    """Radius of a tube with a cosine-shaped stenosis [mm]."""
    inside = np.abs(stations - middle) < half_length
    dip = 0.5 * (width - narrowest) * 0.5 * (1 + np.cos(np.pi * (stations - middle) / half_length))
    return width / 2 - np.where(inside, dip, 0.0)


def profile_of(diameters, stations=None) -> Profile:
    """A profile of circular sections."""
    diameters = np.asarray(diameters, float)
    stations = np.arange(len(diameters)) * 0.5 if stations is None else stations
    return Profile(stations, np.pi * diameters**2 / 4, diameters, diameters)


def test_a_cylinder_has_its_own_size_all_along():
    path = straight_path(30.0)
    profile = profile_along(*tube(path, lambda s, _: 4.0 + 0 * s), path)
    np.testing.assert_allclose(profile.area, np.pi * 16, rtol=1e-3)
    np.testing.assert_allclose(profile.min_diameter, 8.0, rtol=1e-3)
    np.testing.assert_allclose(profile.max_diameter, 8.0, rtol=1e-3)
    assert asymmetry(profile) < 2e-3
    assert eccentricity(profile)[0] > 0.998


def test_a_bent_tube_is_measured_across_its_bend():
    path = bent_path(30.0, bend_radius=25.0)
    profile = profile_along(*tube(path, lambda s, _: 3.0 + 0 * s), path)
    np.testing.assert_allclose(profile.area, np.pi * 9, rtol=3e-3)


def test_an_ellipse_has_its_two_axes():
    path = straight_path(20.0)
    half = lambda s, a: 3.0 * 4.0 / np.sqrt((3.0 * np.cos(a)) ** 2 + (4.0 * np.sin(a)) ** 2)  # noqa: E731
    profile = profile_along(*tube(path, half), path)
    np.testing.assert_allclose(profile.min_diameter, 6.0, rtol=2e-3)
    np.testing.assert_allclose(profile.max_diameter, 8.0, rtol=2e-3)
    np.testing.assert_allclose(profile.area, np.pi * 12, rtol=2e-3)
    assert eccentricity(profile)[0] == pytest.approx(0.75, rel=3e-3)
    assert asymmetry(profile) == pytest.approx(0.25, abs=3e-3)


def test_a_lumen_beside_its_path_is_measured_about_its_own_middle():
    path = straight_path(20.0)
    vertices, triangles = tube(path, lambda s, _: 4.0 + 0 * s)
    profile = profile_along(vertices + np.array([1.5, 0.0, 0.0]), triangles, path)
    np.testing.assert_allclose(profile.min_diameter, 8.0, rtol=1e-3)


def test_stations_the_surface_does_not_reach_are_left_out():
    path = straight_path(30.0)
    vertices, triangles = tube(straight_path(20.0), lambda s, _: 4.0 + 0 * s)
    profile = profile_along(vertices, triangles, path)
    assert 19.0 < profile.stations.max() <= 20.5
    assert np.isfinite(profile.area).all()


def test_a_stenosis_of_seventy_percent_is_found_with_its_edges():
    path = straight_path(60.0)
    profile = profile_along(*tube(path, stenosed), path)
    lesion = find_lesion(profile)
    assert lesion.narrowest_mm == pytest.approx(30.0, abs=0.3)
    assert lesion.reference_diameter_mm == pytest.approx(9.0, rel=2e-3)
    # The cosine has regained nine tenths of its depth at 0.795 of its half length.
    assert lesion.start_mm == pytest.approx(30 - 7.95, abs=0.6)
    assert lesion.end_mm == pytest.approx(30 + 7.95, abs=0.6)
    assert diameter_stenosis(float(profile.min_diameter.min()), reference_diameter_mm=lesion.reference_diameter_mm) == (
        pytest.approx(70.0, abs=0.5)
    )
    assert area_stenosis(float(profile.area.min()), reference_area_mm2=lesion.reference_area_mm2) == pytest.approx(91.0, abs=0.5)


def test_the_reference_is_the_mean_of_both_sides():
    diameters = np.concatenate([np.full(60, 10.0), np.full(20, 4.0), np.full(60, 8.0)])
    lesion = find_lesion(profile_of(diameters))
    assert lesion.reference_diameter_mm == pytest.approx(9.0)
    assert lesion.reference_area_mm2 == pytest.approx(np.pi * (25 + 16) / 2)
    assert not lesion.notes


def test_a_long_flat_throat_is_a_lesion_from_end_to_end():
    diameters = np.concatenate([np.full(60, 9.0), np.full(50, 4.0), np.full(60, 9.0)])
    lesion = find_lesion(profile_of(diameters))
    assert lesion.reference_diameter_mm == pytest.approx(9.0)
    assert lesion.start_mm == pytest.approx(29.5)
    assert lesion.end_mm == pytest.approx(55.0)


def test_the_reference_does_not_reach_into_a_bifurcation():
    diameters = np.concatenate([np.full(40, 16.0), np.full(10, 14.0), np.full(20, 8.0), np.full(20, 4.0), np.full(40, 8.0)])
    profile = profile_of(diameters)
    longest = profile.max_diameter.copy()
    longest[40:50] = 26.0
    lesion = find_lesion(Profile(profile.stations, profile.area, profile.min_diameter, longest))
    assert lesion.reference_diameter_mm == pytest.approx(8.0)


def test_a_lesion_at_the_vessels_end_has_one_reference_and_says_so():
    lesion = find_lesion(profile_of([*[8.0] * 60, *np.linspace(8.0, 3.0, 12)]))
    assert lesion.distal_mm is None
    assert lesion.reference_diameter_mm == pytest.approx(8.0)
    assert "no distal reference" in lesion.notes[0]


def test_a_healthy_vessel_has_no_stenosis():
    lesion = find_lesion(profile_of(np.full(100, 8.0)))
    assert lesion.reference_diameter_mm == pytest.approx(8.0)
    assert diameter_stenosis(8.0, reference_diameter_mm=lesion.reference_diameter_mm) == pytest.approx(0.0)


def test_the_ripple_of_a_surface_is_no_lesion():
    lesion = find_lesion(profile_of(8.0 + 0.1 * np.sin(np.arange(120))), between=(20.0, 40.0))
    assert lesion.length_mm <= 1.0
    assert lesion.reference_diameter_mm == pytest.approx(8.1, abs=0.02)


def test_the_search_can_be_kept_to_a_stretch():
    profile = profile_of(
        np.concatenate([np.full(40, 9.0), np.full(10, 5.0), np.full(60, 9.0), np.full(10, 4.0), np.full(40, 9.0)])
    )
    assert find_lesion(profile).narrowest_mm == pytest.approx(55.0)
    assert find_lesion(profile, between=(10.0, 40.0)).narrowest_mm == pytest.approx(20.0)
    with pytest.raises(InputError, match="no cross-section from 200"):
        find_lesion(profile, between=(200.0, 210.0))


def test_findings_before_inflated_and_after():
    wide = profile_of(np.full(121, 9.0))
    diameters = np.full(121, 9.0)
    diameters[50:71] = 3.0
    before = profile_of(diameters)
    profiles = {
        "before": before,
        "inflated": profile_of(np.full(121, 8.8)),
        "after": profile_of(np.where(diameters < 5, 8.1, 9.0)),
    }
    lesion = find_lesion(before)
    measures = {measure.name: measure.value for measure in lumen_findings(profiles, lesion, stent_mm=(20.0, 40.0)).measures}
    assert measures["reference diameter"] == pytest.approx(9.0)
    assert measures["minimum lumen diameter before"] == pytest.approx(3.0)
    assert measures["minimum lumen diameter inflated"] == pytest.approx(8.8)
    assert measures["minimum lumen diameter after"] == pytest.approx(8.1)
    assert measures["minimum lumen area after"] == pytest.approx(np.pi * 8.1**2 / 4)
    assert measures["diameter stenosis before"] == pytest.approx(100 * (1 - 3 / 9))
    assert measures["area stenosis before"] == pytest.approx(100 * (1 - 1 / 9))
    assert measures["residual diameter stenosis"] == pytest.approx(10.0)
    assert measures["residual area stenosis"] == pytest.approx(19.0)
    assert measures["acute gain"] == pytest.approx(5.1)
    assert measures["lumen eccentricity"] == pytest.approx(1.0)
    assert measures["lumen asymmetry"] == pytest.approx(1 - 8.1 / 9.0)
    assert len(wide) == 121


def test_a_state_that_is_missing_is_said():
    profile = profile_of(np.full(60, 8.0))
    findings = lumen_findings({"before": profile}, find_lesion(profile), stent_mm=(10.0, 20.0))
    assert not [measure for measure in findings.measures if "after" in measure.name]
    assert "could not be measured after" in " ".join(findings.notes)
    nowhere = lumen_findings({"before": profile, "after": profile}, find_lesion(profile), stent_mm=(200.0, 220.0))
    assert "could not be measured after (no section)" in " ".join(nowhere.notes)


def test_a_long_path_is_cut_finely_only_where_asked():
    long = straight_path(400.0, spacing=1.0)
    stations = stations_to_cut(long, fine=(100.0, 140.0))
    assert np.all(np.diff(stations) > 0)
    assert len(stations) < 450
    inside = stations[(stations >= 100) & (stations <= 140)]
    assert np.diff(inside).max() < 0.51
    assert len(stations_to_cut(straight_path(50.0))) == 101


def test_stations_are_arc_lengths():
    path = bent_path(30.0, bend_radius=20.0)
    asked = np.linspace(1.0, 29.0, 13)
    centre, tangent, _ = path.at(asked)
    beside = centre + 2.0 * np.cross(tangent, [0.0, 1.0, 0.0])
    np.testing.assert_allclose(stations_of(path, beside), asked, atol=5e-3)
    assert stations_of(path, np.zeros((0, 3))).shape == (0,)


def test_a_measure_is_never_not_a_number():
    with pytest.raises(InputError, match="not a number"):
        Measure("gain", float("nan"), "mm", "", "")
