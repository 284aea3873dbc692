"""Surfaces of labels, and skins that follow tets: exact under affine motion, wherever the points lie."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from meshing.ellipsoid import TruncatedEllipsoid
from meshing.errors import InputError
from meshing.quality import assess
from meshing.skin import bind, boundary_surface, interface, skin
from meshing.surfaces import enclosed_volume
from meshing.tetmesh import TetMesh, tet_volumes

VENTRICLE = TruncatedEllipsoid()
DEEP, SHALLOW = 1, 2


@cache
def two_tissues() -> TetMesh:
    """The ellipsoid's wall in an inner and an outer half."""
    mesh = VENTRICLE.mesh(size_mm=1.5, layers=2)
    depth = VENTRICLE.coordinates(mesh.centroids())[0]
    return replace(mesh, labels=np.where(depth < 0.5, DEEP, SHALLOW), label_names={DEEP: "inner half", SHALLOW: "outer half"})


def scattered(low: float, high: float, count: int = 3000) -> np.ndarray:
    """Points (count, 3) [mm] between two depths of the wall."""
    random = np.random.default_rng(0)
    u, v = random.uniform(-np.pi, -1.5, count), random.uniform(-np.pi, np.pi, count)
    return VENTRICLE.points(random.uniform(low, high, count), u, v)


def graded() -> TetMesh:
    """A cube of a few huge tets about thousands of tiny ones."""
    random = np.random.default_rng(2)
    corners = np.stack(np.meshgrid([0.0, 100.0], [0.0, 100.0], [0.0, 100.0]), axis=-1).reshape(-1, 3)
    vertices = np.vstack([corners, 50.0 + random.normal(size=(1500, 3)) * 0.3])
    tets = Delaunay(vertices).simplices
    volumes = tet_volumes(vertices, tets)
    tets[volumes < 0] = tets[volumes < 0][:, [0, 2, 1, 3]]
    tets = tets[np.abs(volumes) > 1e-12]
    return TetMesh(vertices, tets.astype(np.int32), np.ones(len(tets), int), {1: "block"})


def test_the_surface_of_a_label_encloses_its_volume():
    mesh = two_tissues()
    for label in (DEEP, SHALLOW):
        surface = boundary_surface(mesh, label)
        assert enclosed_volume(mesh.vertices, surface) == pytest.approx(mesh.volume_of(label))
        part = assess(mesh.part(label))
        assert part.boundary_euler_number == 2 and len(surface) == len(mesh.part(label).boundary_faces())


def test_the_surface_of_both_labels_is_the_boundary():
    mesh = two_tissues()
    both = boundary_surface(mesh, (DEEP, SHALLOW))
    assert sorted(map(tuple, both.tolist())) == sorted(map(tuple, mesh.boundary_faces().tolist()))


def test_an_interface_points_from_one_label_to_the_other():
    mesh = two_tissues()
    there, back = interface(mesh, DEEP, SHALLOW), interface(mesh, SHALLOW, DEEP)
    a, b, c = (mesh.vertices[there[:, k]] for k in range(3))
    # The inner half lies inside, so its normals point away from a point on the axis.
    assert (np.einsum("ij,ij->i", np.cross(b - a, c - a), a - [0.0, 0.0, 0.0]) > 0).all()
    assert {frozenset(row) for row in there.tolist()} == {frozenset(row) for row in back.tolist()}
    outer = boundary_surface(mesh, DEEP)
    assert len(outer) + len(boundary_surface(mesh, SHALLOW)) - 2 * len(there) == len(mesh.boundary_faces())
    np.testing.assert_allclose(VENTRICLE.coordinates(mesh.vertices[np.unique(there)])[0], 0.5, atol=1e-9)


def test_labels_that_do_not_meet_have_no_interface():
    mesh = two_tissues()
    far = mesh.centroids()[:, 2]
    apart = replace(mesh, labels=np.where(far < -15.0, 1, np.where(far > 0.0, 2, 3)))
    assert interface(apart, 1, 2).shape == (0, 3)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-2.0, 2.0), min_size=12, max_size=12))
def test_a_binding_follows_any_affine_motion_exactly(numbers):
    mesh, points = two_tissues(), scattered(-0.4, 1.4)
    matrix, shift = np.reshape(numbers[:9], (3, 3)), np.array(numbers[9:])
    binding = _binding()
    np.testing.assert_allclose(binding.follow(mesh.vertices @ matrix.T + shift), points @ matrix.T + shift, atol=1e-11)


@cache
def _binding():
    return bind(two_tissues(), scattered(-0.4, 1.4))


def test_points_inside_are_bound_to_the_tet_they_are_in():
    mesh = two_tissues()
    random = np.random.default_rng(5)
    weights = random.dirichlet(np.ones(4), mesh.tet_count)
    points = np.einsum("tk,tkj->tj", weights, mesh.vertices[mesh.tets])
    binding = bind(mesh, points)
    np.testing.assert_array_equal(binding.tet, np.arange(mesh.tet_count))
    np.testing.assert_allclose(binding.weights, weights, atol=1e-9)
    assert binding.largest_distance == 0.0
    np.testing.assert_array_equal(binding.corners, mesh.tets)


def test_vertices_of_the_mesh_follow_themselves():
    mesh = two_tissues()
    binding = bind(mesh, mesh.vertices)
    assert binding.largest_distance < 1e-9
    moved = mesh.vertices + np.sin(mesh.vertices[:, ::-1])
    np.testing.assert_allclose(binding.follow(moved), moved, atol=1e-7)


def test_the_distance_of_points_outside_is_reported():
    mesh = two_tissues()
    away = mesh.vertices[np.unique(mesh.face_sets["epicardium"])]
    normal = away / [10.0**2, 10.0**2, 20.0**2]
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    keep = away[:, 2] < 4.0
    binding = bind(mesh, (away + 0.7 * normal)[keep])
    assert binding.largest_distance == pytest.approx(0.7, abs=0.01) and binding.distances.min() > 0.65
    np.testing.assert_allclose(binding.weights.sum(axis=1), 1.0)


def test_a_skin_keeps_to_its_own_tissue():
    mesh = two_tissues()
    binding = bind(mesh, scattered(0.3, 0.7), labels=DEEP)
    assert (mesh.labels[binding.tet] == DEEP).all()
    assert 0.0 < binding.largest_distance < 0.2 * 3.0 + 0.2


def test_points_are_found_among_tets_of_very_unlike_sizes():
    mesh = graded()
    random = np.random.default_rng(6)
    points = random.uniform(1.0, 99.0, (400, 3))
    binding = bind(mesh, points)
    assert binding.largest_distance == 0.0 and binding.weights.min() >= -1e-9


def test_a_fine_skin_moves_with_a_coarse_mesh():
    coarse, fine = VENTRICLE.mesh(size_mm=2.0), VENTRICLE.mesh(size_mm=0.8)
    surface = boundary_surface(fine, 1)
    used, triangles = np.unique(surface, return_inverse=True)
    drawn = skin(coarse, fine.vertices[used], triangles.reshape(-1, 3))
    # A chord of 2 to 3 mm on a sphere of 2.9 mm, the sharpest bend, lies 0.2 to 0.4 mm off it in its middle.
    assert 0.0 < drawn.binding.largest_distance < 0.3
    np.testing.assert_allclose(drawn.follow(coarse.vertices), drawn.vertices, atol=1e-12)
    swollen = drawn.moved(1.1 * coarse.vertices)
    volume = enclosed_volume(swollen.vertices, swollen.triangles)
    assert volume == pytest.approx(1.331 * enclosed_volume(drawn.vertices, drawn.triangles))


def test_no_points_make_an_empty_binding():
    binding = bind(two_tissues(), np.zeros((0, 3)))
    assert binding.follow(two_tissues().vertices).shape == (0, 3) and binding.largest_distance == 0.0


def test_what_cannot_be_bound_is_told():
    mesh = two_tissues()
    with pytest.raises(InputError, match="1 of 2 points have no finite position; the first is point 1"):
        bind(mesh, np.array([[0.0, 0.0, -18.0], [0.0, np.nan, 0.0]]))
    with pytest.raises(InputError, match="three coordinates"):
        bind(mesh, np.zeros((4, 2)))
    with pytest.raises(InputError, match="bears the label 7"):
        bind(mesh, np.zeros((1, 3)), labels=(DEEP, 7))
    with pytest.raises(InputError, match="bears the label 9"):
        boundary_surface(mesh, 9)
    with pytest.raises(InputError, match="with itself"):
        interface(mesh, DEEP, DEEP)
    with pytest.raises(InputError, match="refer to vertices 0 to 3"):
        skin(mesh, np.zeros((3, 3)), np.array([[0, 1, 3]]))
