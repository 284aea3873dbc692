"""Centrelines of vessels of known shape, and of one measured by others."""

import numpy as np
import pytest

from meshing.centrelines import Branch, Centreline, arc_lengths
from meshing.errors import InputError
from meshing.surfaces import Surface, closed, read_surface
from meshing.tracing import Tree, trace
from tests.meshing.vessel_shapes import tube_surface, turned
from tests.shared_data import shared_data


def traced(vertices: np.ndarray, triangles: np.ndarray) -> Tree:
    return trace(closed(Surface(vertices=vertices, triangles=triangles)))


def test_straight_tube_has_its_axis_its_radius_and_its_length():
    tree = traced(*tube_surface(radius=3.0, length=40.0, around=60))
    (branch,) = tree.centreline.branches
    inner = branch.points[3:-3]
    assert np.abs(inner[:, :2]).max() < 0.03 * 3.0
    assert branch.radii[3:-3] == pytest.approx(3.0, rel=0.01)
    assert arc_lengths(branch.points)[-1] == pytest.approx(40.0, rel=0.01)


def test_bent_tube_keeps_to_its_circle():
    tree = traced(*tube_surface(radius=2.0, length=60.0, around=48, bend=25.0))
    (path,) = tree.centreline.paths()
    away = np.hypot(path.points[:, 0] - 25.0, path.points[:, 2])
    assert away == pytest.approx(25.0, abs=0.1)
    assert path.length == pytest.approx(60.0, rel=0.01)
    assert np.allclose(np.linalg.norm(path.tangents, axis=1), 1.0)
    steps = np.linalg.norm(np.diff(path.points, axis=0), axis=1)
    assert steps == pytest.approx(steps.mean(), rel=1e-3)


def test_tracing_does_not_depend_on_how_the_patient_lies():
    vertices, triangles = tube_surface(radius=2.0, length=50.0, around=40, bend=30.0)
    rotation, shift = turned((0.7, 0.3, -2.1)), np.array([120.0, -300.0, 44.0])
    still = traced(vertices, triangles).centreline.paths()[0]
    moved = traced(vertices @ rotation.T + shift, triangles).centreline.paths()[0]
    assert moved.length == pytest.approx(still.length, rel=5e-3)
    back = (moved.points - shift) @ rotation
    back = back if np.linalg.norm(back[0] - still.points[0]) < 10 else back[::-1]
    stations = np.linspace(0.0, min(still.length, moved.length), 50)
    along = np.column_stack([np.interp(stations, moved.stations, back[:, k]) for k in range(3)])
    assert np.linalg.norm(along - still.at(stations)[0], axis=1).max() < 0.15


def test_path_of_a_side_branch_begins_at_the_root_and_runs_smoothly():
    trunk = np.column_stack([np.zeros(81), np.zeros(81), np.linspace(0, 40, 81)])
    limb = np.array([0.0, 0.0, 20.0]) + np.linspace(0, 25, 51)[:, None] * np.array([0.6, 0.0, 0.8])
    line = Centreline((Branch(trunk, np.full(81, 3.0), None, None), Branch(limb, np.full(51, 2.0), 0, 20.0)))
    long, short = line.paths(spacing_mm=0.2)
    assert long.length == pytest.approx(45.0, rel=0.01) and short.length == pytest.approx(40.0, rel=0.01)
    assert np.allclose(long.points[0], 0.0, atol=1e-6)
    turns = np.sum(long.tangents[1:] * long.tangents[:-1], axis=1)
    assert turns.min() > np.cos(np.radians(6.0))
    point, tangent, radius = long.at(5.0)
    assert np.allclose(point, [0, 0, 5], atol=0.01) and tangent[2] > 0.999 and radius == pytest.approx(3.0)


def test_station_off_the_path_is_refused():
    line = Centreline((Branch(np.column_stack([np.zeros((30, 2)), np.arange(30.0)]), np.full(30, 2.0), None, None),))
    with pytest.raises(InputError, match="off the path"):
        line.paths()[0].at(30.0)


@pytest.mark.parametrize("name", ["aorta-surface.vtp", "aorta-surface-open-ends.stl"])
def test_inscribed_radius_agrees_with_that_measured_by_others(name):
    import pyvista

    given = pyvista.read(shared_data("aorta_mra/aorta-centerline.vtp"))
    places, radii = np.asarray(given.points), np.asarray(given["MaximumInscribedSphereRadius"])
    tree = trace(closed(read_surface(shared_data(f"aorta_mra/{name}"), units="mm")))
    assert len(tree.centreline.branches) == 2
    for branch in tree.centreline.branches:
        apart = np.linalg.norm(places[None] - branch.points[:, None], axis=2)
        nearest, beside = apart.argmin(axis=1), apart.min(axis=1) < 1.5
        difference = np.abs(branch.radii - radii[nearest])[beside]
        aside = np.median(apart.min(axis=1))
        print(f"{name}: median difference of radius {np.median(difference):.3f} mm, of place {aside:.3f} mm")
        assert beside.mean() > 0.95
        assert np.median(difference) < 0.3
