"""The vessel is cut along its centreline, through its plaque, and looked at squarely."""

import numpy as np
import pytest

from viewer.cut import cut_normal, heights_above_cut, middle_and_direction
from viewer.scene import window_of


def test_one_looks_square_to_the_vessel(recording):
    normal = cut_normal(recording.case, reach_mm=20.0)
    _, direction = middle_and_direction(recording.case, reach_mm=20.0)
    assert np.linalg.norm(normal) == pytest.approx(1.0)
    assert abs(normal @ direction) < 0.02
    assert direction[2] > 0.8


def test_the_plaque_lies_in_the_plane_of_the_picture(recording):
    case = recording.case
    normal = cut_normal(case, reach_mm=20.0)
    calcium = case.mesh.vertices[case.mesh.tets[case.mesh.labels == 3]].mean(axis=1)
    away = calcium.mean(axis=0) - case.path.at(case.station_mm)[0]
    assert abs(away @ normal) < 0.3 * np.linalg.norm(away)


def test_the_cut_follows_a_bent_centreline(recording):
    normal = cut_normal(recording.case, reach_mm=20.0)
    points = recording.case.path.points
    assert heights_above_cut(points, recording.case.path, normal) == pytest.approx(0.0)
    assert heights_above_cut(points + 1.5 * normal, recording.case.path, normal) == pytest.approx(1.5, abs=0.1)


def test_the_window_holds_the_stent(recording):
    centre, height, width = window_of(recording.case, cut_normal(recording.case, reach_mm=20.0))
    nodes = recording.case.lattice.nodes
    assert np.linalg.norm(nodes - centre, axis=1).max() < height / 2
    assert width < height
