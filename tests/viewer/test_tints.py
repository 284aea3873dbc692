"""Tissues keep their colours, and only calcium's edge is softened."""

import numpy as np
import pytest
import pyvista

from viewer.tints import Tints, softened


def test_bounds_are_the_outside_and_what_lies_between_wall_and_plaque(recording):
    mesh = recording.case.mesh
    neighbours = mesh.neighbours()
    is_wall = mesh.labels == 1
    between = ((neighbours >= 0) & (is_wall[np.maximum(neighbours, 0)] != is_wall[:, None])).sum() // 2
    assert len(Tints(mesh).bounds) == len(mesh.boundary_faces()) + between


def test_the_calcified_share_is_whole_inside_calcium_and_none_away_from_it(recording):
    mesh = recording.case.mesh
    share = Tints(mesh).calcified_share
    touched = np.zeros((2, mesh.vertex_count), bool)
    for row, labels in enumerate(([3], [2])):
        touched[row, mesh.tets[np.isin(mesh.labels, labels)].ravel()] = True
    assert share[touched[0] & ~touched[1]] == pytest.approx(1.0)
    assert share[~touched[0]] == pytest.approx(0.0)


def test_a_section_keeps_each_tissues_colour(recording):
    tints = Tints(recording.case.mesh)
    colours = tints.of_section(np.array([1, 2, 3]), np.array([[1.0] * 3, [0.0] * 3, [1.0] * 3]))
    assert (colours == tints.table[[1, 2, 3]][:, None]).all()


def test_points_between_colours_bear_their_mean():
    square = pyvista.PolyData.from_regular_faces(np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]), [[0, 1, 2], [0, 2, 3]])
    colours = softened(square, np.array([[200, 0, 0], [100, 0, 0]], dtype=np.uint8))
    assert colours[:, 0].tolist() == [150, 200, 150, 100]
