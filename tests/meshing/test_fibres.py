"""Fibres by rule: on the ellipsoid against its closed form, right-handed, never flipped, the same however the heart lies."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from meshing.ellipsoid import TruncatedEllipsoid
from meshing.errors import InputError
from meshing.fibres import Depth, wall_fields, with_fibres
from meshing.tetmesh import TetMesh
from meshing.walls import build_wall
from tests.meshing.lumens import tube

VENTRICLE = TruncatedEllipsoid()
APEX = np.array([0.0, 0.0, -20.0])


@cache
def ventricle(size_mm: float) -> TetMesh:
    return VENTRICLE.mesh(size_mm=size_mm)


@cache
def fibred(size_mm: float, depth: Depth, *, has_apex: bool = False) -> TetMesh:
    apex = APEX if has_apex else None
    return with_fibres(ventricle(size_mm), endocardial_degrees=90.0, epicardial_degrees=-90.0, depth=depth, apex=apex)


def angles_between(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Angle between lines, (n,) [°], whichever way they point."""
    return np.degrees(np.arccos(np.clip(np.abs(np.einsum("ij,ij->i", ours, theirs)), 0.0, 1.0)))


def turned_about(axis: int, degrees: float) -> np.ndarray:
    """A rotation matrix (3, 3)."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(3)
    one, other = [k for k in range(3) if k != axis]
    matrix[[one, one, other, other], [one, other, one, other]] = [cosine, -sine, sine, cosine]
    return matrix


@pytest.mark.parametrize(
    ("size_mm", "depth", "median", "most"),
    [
        # The fibres turn by 180° through this wall, so a depth that differs by 0.04 turns them by 7°, on however fine a mesh.
        (2.0, "laplace", 9.0, 17.0),
        (1.0, "laplace", 7.5, 14.5),
        (0.75, "laplace", 8.0, 14.5),
        (2.0, "even", 3.5, 6.5),
        (1.0, "even", 0.8, 2.3),
        (0.75, "even", 0.5, 2.1),
    ],
)
def test_fibres_on_the_ellipsoid_are_near_those_of_the_closed_form(size_mm, depth, median, most):
    mesh = fibred(size_mm, depth)
    assert mesh.frames is not None
    error = angles_between(mesh.frames[:, 0], VENTRICLE.frames(mesh.centroids())[:, 0])
    print(f"{size_mm} mm, {mesh.tet_count:,} tets, {depth}: median {np.median(error):.2f}°, 95 % {np.percentile(error, 95):.2f}°")
    assert np.median(error) < median and np.percentile(error, 95) < most


@pytest.mark.parametrize("has_apex", [False, True])
def test_directions_alone_come_nearer_with_each_refinement(has_apex):
    """With the ellipsoid's own depth what is left is the error of the directions around, upward and outward."""
    medians = []
    for size_mm in (2.0, 1.0):
        mesh = ventricle(size_mm)
        fields = wall_fields(mesh, apex=APEX if has_apex else None)
        middles = mesh.centroids()
        angle = np.radians(90.0 - 180.0 * VENTRICLE.coordinates(middles)[0])[:, None]
        error = angles_between(np.cos(angle) * fields.around + np.sin(angle) * fields.upward, VENTRICLE.frames(middles)[:, 0])
        medians.append(np.median(error))
        assert np.percentile(error, 95) < 2.5
    assert medians[0] < 0.6 and medians[0] / medians[1] > 2.0


def test_depths_differ_from_the_ellipsoids_by_so_much():
    mesh = ventricle(1.0)
    depth = VENTRICLE.coordinates(mesh.vertices)[0]
    laplace, even = (wall_fields(mesh, depth=kind).depth for kind in ("laplace", "even"))
    inside = (depth > 1e-6) & (depth < 1.0 - 1e-6)
    # The wall bends more inside, so Laplace's field rises faster there and lies above; most so at the apex.
    assert (laplace - depth)[inside].min() > 0.0
    assert 0.04 < np.median((laplace - depth)[inside]) < 0.07 and (laplace - depth).max() < 0.18
    assert np.median(np.abs(even - depth)[inside]) < 0.006 and np.abs(even - depth).max() < 0.04


def test_depth_between_cylinders_is_the_logarithm_or_the_share_of_the_way():
    wall = build_wall(tube(radius=lambda s: np.full_like(s, 3.0), length=12.0), thickness=3.0, layers=6)
    sets = wall.face_sets
    heart = replace(wall, face_sets={"inner": sets["lumen"], "outer": sets["outside"], "bottom": sets["end 1"]})
    radius = np.linalg.norm(heart.vertices - (heart.vertices @ _axis_of(wall))[:, None] * _axis_of(wall), axis=1)
    inner, outer = radius[np.unique(sets["lumen"])].mean(), radius[np.unique(sets["outside"])].mean()
    laplace, even = (
        wall_fields(heart, depth=kind, endocardium="inner", epicardium="outer", base="bottom").depth
        for kind in ("laplace", "even")
    )
    np.testing.assert_allclose(laplace, np.log(radius / inner) / np.log(outer / inner), atol=0.02)
    np.testing.assert_allclose(even, (radius - inner) / (outer - inner), atol=0.02)


def _axis_of(wall: TetMesh) -> np.ndarray:
    """The direction of a straight tube's axis, (3,), from its frames."""
    assert wall.frames is not None
    mean = wall.frames[:, 1].mean(axis=0)
    return mean / np.linalg.norm(mean)


def test_frames_are_right_handed_and_named():
    mesh = fibred(1.5, "laplace")
    assert mesh.frames is not None and mesh.frame_names == ("fibre", "sheet", "normal")
    np.testing.assert_allclose(
        mesh.frames @ mesh.frames.transpose(0, 2, 1), np.broadcast_to(np.eye(3), mesh.frames.shape), atol=1e-9
    )
    np.testing.assert_allclose(np.linalg.det(mesh.frames), 1.0)
    np.testing.assert_allclose(np.cross(mesh.frames[:, 0], mesh.frames[:, 1]), mesh.frames[:, 2], atol=1e-12)
    assert mesh.checked() is mesh and not mesh.notes


@pytest.mark.parametrize("has_apex", [False, True])
def test_no_frame_flips_between_neighbours(has_apex):
    """Through the wall too, where the fibres turn by 180°, each tet's frame is near its neighbours'."""
    mesh = fibred(1.0, "laplace", has_apex=has_apex)
    assert mesh.frames is not None
    tet, corner = np.nonzero(mesh.neighbours() >= 0)
    other = mesh.neighbours()[tet, corner]
    middles = mesh.centroids()
    away = np.hypot(middles[tet, 0], middles[tet, 1]) > 2.0
    for row in range(3):
        assert np.einsum("ij,ij->i", mesh.frames[tet, row], mesh.frames[other, row])[away].min() > 0.5


def test_angles_have_the_sign_of_a_right_handed_helix_inside():
    mesh = with_fibres(ventricle(1.5), endocardial_degrees=60.0, epicardial_degrees=60.0)
    assert mesh.frames is not None
    middles = mesh.centroids()
    middle = (middles[:, 2] > -10.0) & (middles[:, 2] < 0.0)
    anticlockwise = np.cross([0.0, 0.0, 1.0], middles)
    anticlockwise /= np.linalg.norm(anticlockwise, axis=1, keepdims=True)
    climb = np.degrees(np.arcsin(np.sum(mesh.frames[middle, 0] * anticlockwise[middle], axis=1)))
    np.testing.assert_allclose(climb, 30.0, atol=3.0)
    assert (mesh.frames[middle, 0, 2] > 0.5).all()


def test_sheets_turn_about_the_fibres():
    plain, turned = (
        with_fibres(
            ventricle(1.5),
            endocardial_degrees=60.0,
            epicardial_degrees=-60.0,
            endocardial_sheet_degrees=angle,
            epicardial_sheet_degrees=angle,
        ).frames
        for angle in (0.0, 25.0)
    )
    assert plain is not None and turned is not None
    np.testing.assert_allclose(turned[:, 0], plain[:, 0], atol=1e-12)
    np.testing.assert_allclose(np.sum(turned[:, 1] * plain[:, 1], axis=1), np.cos(np.radians(25.0)), atol=1e-9)
    # The sheet turns from outward to upward, which is against the normal, fibre x outward.
    np.testing.assert_allclose(np.sum(turned[:, 1] * plain[:, 2], axis=1), -np.sin(np.radians(25.0)), atol=1e-9)


def test_heights_rise_from_the_apex_to_the_base():
    mesh = ventricle(1.5)
    for apex in (None, APEX):
        fields = wall_fields(mesh, apex=apex)
        assert fields.height.min() == 0.0 and np.linalg.norm(mesh.vertices[fields.height.argmin()] - APEX) < 3.1
        np.testing.assert_array_equal(fields.height[np.unique(mesh.face_sets["base"])], 1.0)
        assert fields.unclear_count == 0


def test_turning_the_heart_and_numbering_it_anew_turns_the_fibres_along():
    mesh = fibred(1.5, "laplace")
    rotation = turned_about(0, 40.0) @ turned_about(2, 110.0)
    order = np.random.default_rng(3).permutation(mesh.vertex_count)
    moved = replace(ventricle(1.5), vertices=mesh.vertices @ rotation.T + [5.0, -80.0, 12.0]).renumbered(order)
    again = with_fibres(moved, endocardial_degrees=90.0, epicardial_degrees=-90.0)
    assert again.frames is not None and mesh.frames is not None
    np.testing.assert_allclose(again.frames, mesh.frames @ rotation.T, atol=1e-4)


def test_vertices_of_no_tet_do_no_harm():
    mesh = ventricle(1.5)
    more = replace(mesh, vertices=np.vstack([mesh.vertices, [[100.0, 0.0, 0.0]]]))
    frames = with_fibres(more, endocardial_degrees=90.0, epicardial_degrees=-90.0).frames
    np.testing.assert_array_equal(frames, fibred(1.5, "laplace").frames)


def test_what_cannot_be_given_fibres_is_told():
    mesh = ventricle(2.0)
    sets = dict(mesh.face_sets)
    with pytest.raises(InputError, match='no face set "lid"'):
        wall_fields(mesh, base="lid")
    with pytest.raises(InputError, match="is empty"):
        wall_fields(replace(mesh, face_sets=sets | {"base": sets["base"][:0]}))
    lost = replace(mesh, vertices=np.vstack([mesh.vertices, np.zeros((3, 3))]))
    nowhere = mesh.vertex_count + np.arange(3)[None]
    with pytest.raises(InputError, match="belong to no tetrahedron"):
        wall_fields(replace(lost, face_sets=sets | {"base": nowhere}))
    with pytest.raises(InputError, match="share"):
        wall_fields(mesh, epicardium="endocardium")
    with pytest.raises(InputError, match='"deep" is not known'):
        wall_fields(mesh, depth="deep")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="no point"):
        wall_fields(mesh, apex=np.array([0.0, np.nan, 0.0]))
    with pytest.raises(InputError, match="on the base"):
        wall_fields(mesh, apex=np.array([8.0, 0.0, 6.0]))
    with pytest.raises(InputError, match="-180 to 180"):
        with_fibres(mesh, endocardial_degrees=float("nan"), epicardial_degrees=0.0)
    two = replace(
        mesh,
        vertices=np.vstack([mesh.vertices, mesh.vertices + 50.0]),
        tets=np.vstack([mesh.tets, mesh.tets + mesh.vertex_count]),
        labels=np.tile(mesh.labels, 2),
    )
    with pytest.raises(InputError, match="in 2 pieces"):
        wall_fields(two)
