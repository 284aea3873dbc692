"""Surfaces made of numbers have the size and place that the numbers say."""

import numpy as np
import pytest

from tests.viewer.made_up import vessel_path
from viewer.shapes import at_vertices, balloon_surface, diameters_at, stent_surface


def test_a_straight_balloon_is_a_cylinder_between_its_ends():
    axis = np.column_stack([np.zeros(200), np.zeros(200), np.linspace(0, 20, 200)])
    radius = np.where((axis[:, 2] > 2) & (axis[:, 2] < 18), 3.0, 0.0)
    surface = balloon_surface(axis, radius)
    assert surface is not None
    assert np.hypot(*surface.points[:, :2].T).max() == pytest.approx(3.0, abs=1e-6)
    assert surface.triangulate().volume == pytest.approx(np.pi * 9 * 16, rel=0.02)
    assert surface.bounds[4] >= 1.8
    assert surface.bounds[5] <= 18.2


def test_a_balloons_normals_point_out():
    surface = balloon_surface(vessel_path().points, np.full(121, 2.0))
    assert surface is not None
    nearest = diameters_at(surface.points + 0.2 * surface.point_data["Normals"], vessel_path())
    middle = (surface.points[:, 2] < -5) & (surface.points[:, 2] > -55)
    assert nearest[middle].min() > 2 * 2.15


def test_a_folded_balloon_has_no_surface():
    axis = np.column_stack([np.zeros(9), np.zeros(9), np.arange(9.0)])
    assert balloon_surface(axis, np.zeros(9)) is None


def test_a_strut_is_as_thick_and_long_as_it_should_be():
    surface = stent_surface(np.array([[0.0, 0, 0], [5.0, 0, 0]]), np.array([[0, 1]]), radius_mm=0.2)
    low, high = np.array(surface.bounds).reshape(3, 2).T
    assert low == pytest.approx([-0.2, -0.2, -0.2], abs=0.02)
    assert high == pytest.approx([5.2, 0.2, 0.2], abs=0.02)


def test_a_constant_per_tet_is_the_same_constant_at_vertices(recording):
    mesh = recording.case.mesh
    assert at_vertices(np.full(mesh.tet_count, 7.0), mesh.tets, mesh.vertex_count) == pytest.approx(7.0)


def test_diameter_is_twice_the_distance_from_the_centreline():
    path = vessel_path()
    aside = np.cross(path.tangents[60], [0.0, 1.0, 0.0])
    point = path.points[60] + 3.0 * aside / np.linalg.norm(aside)
    assert diameters_at(point[None], path)[0] == pytest.approx(6.0, abs=0.02)
