"""Sections of known tubes: circles, ellipses, ends, and planes that miss."""

import numpy as np
import pytest

from meshing.centrelines import Path
from meshing.sections import cross_section, sections_along
from tests.meshing.vessel_shapes import tube_surface, turned


def straight_path(length: float) -> Path:
    stations = np.linspace(0.0, length, 81)
    points = np.column_stack([0 * stations, 0 * stations, stations])
    return Path(points=points, tangents=np.tile([0.0, 0.0, 1.0], (81, 1)), radii=np.full(81, 3.0), stations=stations)


def test_circle_has_the_area_and_diameters_of_its_polygon():
    vertices, triangles = tube_surface(radius=3.0, around=60)
    section = cross_section(vertices, triangles, np.array([0.5, 0.0, 17.3]), np.array([0.0, 0.0, 2.0]))
    assert section is not None
    assert section.area == pytest.approx(0.5 * 60 * 9.0 * np.sin(2 * np.pi / 60), rel=2e-3)
    assert section.min_diameter == pytest.approx(6.0, rel=3e-3)
    assert section.max_diameter == pytest.approx(6.0, rel=3e-3)
    assert np.allclose(section.centroid, [0, 0, 17.3], atol=1e-3)


def test_ellipse_has_its_two_axes_as_diameters():
    vertices, triangles = tube_surface(radius=4.0, around=120, squash=0.5)
    section = cross_section(vertices, triangles, np.array([0.0, 0.0, 20.0]), np.array([0.0, 0.0, 1.0]))
    assert section is not None
    assert section.max_diameter == pytest.approx(8.0, rel=2e-3)
    assert section.min_diameter == pytest.approx(4.0, rel=2e-3)
    assert section.area == pytest.approx(np.pi * 4.0 * 2.0, rel=3e-3)


def test_slanted_plane_through_a_tube_gives_an_ellipse_longer_by_the_cosine():
    vertices, triangles = tube_surface(radius=3.0, around=120)
    slant = np.radians(30.0)
    section = cross_section(vertices, triangles, np.array([0.0, 0.0, 20.0]), np.array([np.sin(slant), 0.0, np.cos(slant)]))
    assert section is not None
    assert section.max_diameter == pytest.approx(6.0 / np.cos(slant), rel=3e-3)
    assert section.min_diameter == pytest.approx(6.0, rel=3e-3)


def test_both_ends_of_an_open_tube_can_be_cut():
    vertices, triangles = tube_surface(radius=3.0, length=40.0, around=60)
    sections = sections_along(vertices, triangles, straight_path(40.0), [0.0, 1e-9, 20.0, 40.0])
    areas = [section.area for section in sections if section is not None]
    assert len(areas) == 4
    assert np.allclose(areas, areas[2], rtol=2e-3)


def test_plane_that_misses_gives_none():
    vertices, triangles = tube_surface(length=40.0)
    assert cross_section(vertices, triangles, np.array([0.0, 0.0, 41.0]), np.array([0.0, 0.0, 1.0])) is None


def test_loop_around_the_point_is_chosen_though_another_is_larger():
    vertices, triangles = tube_surface(radius=2.0, around=60)
    other = vertices * [2.0, 2.0, 1.0] + [9.0, 0.0, 0.0]
    both, faces = np.vstack([vertices, other]), np.vstack([triangles, triangles + len(vertices)])
    section = cross_section(both, faces, np.array([1.0, 0.0, 20.0]), np.array([0.0, 0.0, 1.0]))
    assert section is not None and section.max_diameter == pytest.approx(4.0, rel=5e-3)
    far = cross_section(both, faces, np.array([2.8, 0.0, 20.0]), np.array([0.0, 0.0, 1.0]))
    assert far is not None and far.max_diameter == pytest.approx(4.0, rel=5e-3)


def test_section_turns_with_the_world():
    vertices, triangles = tube_surface(radius=3.0, around=48, squash=0.7)
    rotation = turned((0.4, -1.1, 2.0))
    point, normal = np.array([0.2, 0.1, 15.0]), np.array([0.1, 0.2, 1.0])
    still = cross_section(vertices, triangles, point, normal)
    moved = cross_section(vertices @ rotation.T, triangles, rotation @ point, rotation @ normal)
    assert still is not None and moved is not None
    assert moved.area == pytest.approx(still.area, rel=1e-9)
    assert moved.min_diameter == pytest.approx(still.min_diameter, rel=1e-4)
    assert np.allclose(moved.centroid, rotation @ still.centroid, atol=1e-9)
