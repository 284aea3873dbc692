"""Phantoms with exact distances: the formulas agree with brute force, the voxels with the volumes."""

import numpy as np
import pytest

from meshing.courses import Placement, tilted_grid
from meshing.errors import InputError
from meshing.shapes import CORE, LUMEN, SHELL, WALL, NestedSpheres, StenosedTube

TURNED = Placement(
    root_mm=(40.0, -70.0, 110.0),
    axes=tilted_grid(degrees=(50.0, 10.0, -20.0)),
    grid_axes=tilted_grid(degrees=(20.0, -35.0, 50.0), mirrored=True),
)


def brute_force(tube, points, beyond, *, ends):
    """Distance [mm] from a dense cloud of points of the tube's section, in the half plane through the axis."""
    heights = np.linspace(-0.5 * tube.length_mm, 0.5 * tube.length_mm, 6001)
    curve = np.column_stack([heights, tube.lumen_radius(heights) + beyond])
    if ends:
        radii = np.linspace(0.0, curve[0, 1], 2001)
        curve = np.concatenate([curve, *(np.column_stack([np.full(2001, end), radii]) for end in heights[[0, -1]])])
    own = tube.placement.from_patient(points)
    section = np.column_stack([own[:, 2], np.linalg.norm(own[:, :2], axis=1)])
    return np.linalg.norm(section[:, None] - curve, axis=2).min(axis=1)


@pytest.mark.parametrize("placement", [Placement(), TURNED])
def test_distances_of_the_tube_are_those_of_brute_force(placement):
    tube = StenosedTube(placement=placement)
    points = placement.to_patient(np.random.default_rng(0).uniform([-8, -8, -18], [8, 8, 18], (400, 3)))
    np.testing.assert_allclose(np.abs(tube.distance_between(points)), brute_force(tube, points, 0.0, ends=False), atol=5e-4)
    np.testing.assert_allclose(np.abs(tube.distance_outside(points)), brute_force(tube, points, 1.5, ends=True), atol=5e-4)


@pytest.mark.parametrize("kind", [NestedSpheres, StenosedTube])
@pytest.mark.parametrize("placed", [{}, {"placement": TURNED}])
def test_distances_are_negative_where_the_voxels_are_labelled(kind, placed):
    shape = kind(**placed)
    labels = shape.label_map(spacing_mm=0.7)
    centres = np.indices(labels.voxels.shape).reshape(3, -1).T @ labels.affine[:3, :3].T + labels.affine[:3, 3]
    numbers = labels.voxels.ravel()
    np.testing.assert_array_equal(shape.distance_outside(centres) < 0.0, numbers > 0)
    np.testing.assert_array_equal((shape.distance_between(centres) < 0.0)[numbers > 0], numbers[numbers > 0] == 1)


def test_distances_change_as_fast_as_one_walks():
    # A true distance has a slope of one wherever it has a slope at all.
    tube = StenosedTube(placement=TURNED)
    points = TURNED.to_patient(np.random.default_rng(1).uniform([-7, -7, -14], [7, 7, 14], (300, 3)))
    for distance in (tube.distance_between, tube.distance_outside):
        slope = np.column_stack([(distance(points + step) - distance(points - step)) / 2e-4 for step in 1e-4 * np.eye(3)])
        assert np.median(np.abs(np.linalg.norm(slope, axis=1) - 1.0)) < 1e-6


@pytest.mark.parametrize("placement", [Placement(), TURNED])
def test_volumes_are_those_of_fine_voxels(placement):
    for shape in (NestedSpheres(placement=placement), StenosedTube(placement=placement)):
        labels = shape.label_map(spacing_mm=0.21)
        for number, volume in shape.volumes_mm3.items():
            assert labels.voxel_counts[number] * labels.voxel_volume == pytest.approx(volume, rel=6e-3)


def test_maps_have_the_voxels_and_names_asked():
    tube, spheres = StenosedTube().label_map(), NestedSpheres().label_map()
    np.testing.assert_allclose(tube.spacing, [0.5, 0.5, 1.0])
    np.testing.assert_allclose(spheres.spacing, 1.0)
    assert tube.names == {LUMEN: "lumen", WALL: "wall"} and spheres.names == {CORE: "core", SHELL: "shell"}
    assert tube.voxel_counts.keys() == tube.names.keys()
    for border in (tube.voxels[0], tube.voxels[:, -1], tube.voxels[:, :, 0], spheres.voxels[-1], spheres.voxels[:, :, -1]):
        assert not border.any()


def test_the_throat_is_as_narrow_as_asked():
    tube = StenosedTube(healthy_radius_mm=3.0, narrowing_percent=40.0)
    np.testing.assert_allclose(tube.lumen_radius(np.array([0.0, 8.0, 15.0])), [1.8, 3.0, 3.0])


def test_shapes_that_cannot_be_are_refused():
    with pytest.raises(InputError, match="radius 12 mm does not lie inside one of 7 mm"):
        NestedSpheres(outer_radius_mm=7.0, inner_radius_mm=12.0)
    with pytest.raises(InputError, match="cannot be narrowed by 100 % over 16 mm"):
        StenosedTube(narrowing_percent=100.0)
    with pytest.raises(InputError, match="give one above zero"):
        StenosedTube().label_map(spacing_mm=(0.5, 0.5, 0.0))
