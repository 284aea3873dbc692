"""The truncated ellipsoid: conforming, well shaped to the apex, of known volume, with the benchmark's fibres."""

from functools import cache

import numpy as np
import pytest

from meshing.ellipsoid import TruncatedEllipsoid
from meshing.errors import InputError
from meshing.quality import assess
from meshing.surfaces import boundary_loops, enclosed_volume
from meshing.tetmesh import TetMesh

VENTRICLE = TruncatedEllipsoid()


@cache
def ventricle(size_mm: float) -> TetMesh:
    return VENTRICLE.mesh(size_mm=size_mm)


@pytest.mark.parametrize("size_mm", [2.5, 2.0, 1.5, 1.0, 0.8])
def test_the_mesh_is_whole_and_has_no_sliver(size_mm):
    quality = assess(ventricle(size_mm))
    assert quality.is_fit and quality.boundary_euler_number == 2
    assert quality.min_scaled_jacobian > 0.4 and quality.min_dihedral_deg > 25.0
    assert quality.mean_edge_mm == pytest.approx(size_mm, rel=0.25)
    near_apex = ventricle(size_mm).centroids()[:, 2] < -15.0
    assert ventricle(size_mm).scaled_jacobians()[near_apex].min() > 0.4


def test_the_volumes_are_those_of_the_formula_with_an_error_of_second_order():
    errors = [1.0 - ventricle(size).volumes().sum() / VENTRICLE.wall_volume_mm3 for size in (2.0, 1.0)]
    assert 0.0 < errors[1] < 0.004
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.4)
    # 2.4921 mL is the cavity of Land et al. 2015.
    assert VENTRICLE.cavity_volume_mm3 == pytest.approx(2492.1, abs=0.05)


def test_the_cavity_of_the_mesh_is_the_formulas():
    mesh = ventricle(0.8)
    wall = mesh.face_sets["endocardium"]
    (rim,) = boundary_loops(wall)
    vertices = np.vstack([mesh.vertices, [[0.0, 0.0, VENTRICLE.base_mm]]])
    lid = np.column_stack([np.roll(rim, -1), rim, np.full(len(rim), mesh.vertex_count)])
    volume = -enclosed_volume(vertices, np.vstack([wall, lid]))
    assert volume == pytest.approx(VENTRICLE.cavity_volume_mm3, rel=0.005)


def test_vertices_lie_on_the_surfaces_they_are_named_for():
    mesh = ventricle(1.5)
    for name, depth in (("endocardium", 0.0), ("epicardium", 1.0)):
        there = mesh.vertices[np.unique(mesh.face_sets[name])]
        np.testing.assert_allclose(VENTRICLE.coordinates(there)[0], depth, atol=1e-12)
    assert (mesh.vertices[np.unique(mesh.face_sets["base"]), 2] == VENTRICLE.base_mm).all()
    assert mesh.vertices[:, 2].min() == pytest.approx(-20.0)
    assert sum(map(len, mesh.face_sets.values())) == len(mesh.boundary_faces())


def test_layers_can_be_asked_for():
    for layers in (1, 5):
        mesh = VENTRICLE.mesh(size_mm=1.5, layers=layers)
        depths = np.unique(VENTRICLE.coordinates(mesh.vertices)[0].round(9))
        np.testing.assert_allclose(depths, np.arange(layers + 1) / layers, atol=1e-9)


def test_coordinates_give_back_the_points():
    random = np.random.default_rng(0)
    t, u, v = random.uniform(-0.3, 1.3, 500), random.uniform(-np.pi, -1.2, 500), random.uniform(-np.pi, np.pi, 500)
    there = VENTRICLE.coordinates(VENTRICLE.points(t, u, v))
    np.testing.assert_allclose(there, (t, u, v), atol=1e-9)


def test_fibres_are_the_benchmarks():
    """The formula f = n(∂x/∂u) sin α + n(∂x/∂v) cos α, with the derivatives taken by differences."""
    random = np.random.default_rng(1)
    t, u, v = random.uniform(0, 1, 200), random.uniform(-3.0, -1.4, 200), random.uniform(-np.pi, np.pi, 200)
    step = 1e-6
    along = (VENTRICLE.points(t, u + step, v) - VENTRICLE.points(t, u - step, v)) / (2 * step)
    around = (VENTRICLE.points(t, u, v + step) - VENTRICLE.points(t, u, v - step)) / (2 * step)
    along, around = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (along, around))
    angle = np.radians(90.0 - 180.0 * t)[:, None]
    frames = VENTRICLE.frames(VENTRICLE.points(t, u, v))
    np.testing.assert_allclose(frames[:, 0], along * np.sin(angle) + around * np.cos(angle), atol=1e-8)
    np.testing.assert_allclose(frames @ frames.transpose(0, 2, 1), np.broadcast_to(np.eye(3), frames.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(frames), 1.0)
    outward = VENTRICLE.points(t + step, u, v) - VENTRICLE.points(t, u, v)
    assert (np.einsum("ij,ij->i", frames[:, 1], outward) > 0).all()


def test_fibres_on_the_axis_are_unit_vectors_too():
    frames = VENTRICLE.frames(np.array([[0.0, 0.0, -18.0], [0.0, 0.0, -20.0]]))
    np.testing.assert_allclose(np.linalg.det(frames), 1.0)


def test_what_cannot_be_made_is_told():
    with pytest.raises(InputError, match="size above zero"):
        VENTRICLE.mesh(size_mm=0.0)
    with pytest.raises(InputError, match="too coarse"):
        VENTRICLE.mesh(size_mm=10.0)
    with pytest.raises(InputError, match="larger ones"):
        VENTRICLE.mesh(size_mm=0.02)
    with pytest.raises(InputError, match="0 layers"):
        VENTRICLE.mesh(size_mm=2.0, layers=0)
    with pytest.raises(InputError, match="larger outside"):
        TruncatedEllipsoid(outer_short_mm=6.0)
    with pytest.raises(InputError, match="does not cut"):
        TruncatedEllipsoid(base_mm=18.0)
    with pytest.raises(InputError):
        VENTRICLE.mesh(size_mm=float("nan"))
