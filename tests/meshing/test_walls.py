"""Vessel walls: whole, of the asked thickness, never inside out, and the same whatever the numbering."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from meshing.errors import InputError
from meshing.lumen import lumen_from_labels, read_lumen
from meshing.nearness import NearestTriangle, crossing_triangles
from meshing.phantoms import iliac_stenosis
from meshing.plaque import CALCIUM, boundary_of, healthy_vessel, label_at, relabel
from meshing.prisms import split_prisms
from meshing.quality import assess
from meshing.tetmesh import TetMesh
from meshing.walls import PLAQUE, WALL, RadiusFraction, build_wall
from tests.meshing import vessel_shapes
from tests.meshing.lumens import fork, narrowed, tube
from tests.shared_data import shared_data

OUTER_RADIUS = 5.0


def outside_of_cylinder(points: np.ndarray) -> np.ndarray:
    """Signed distance to a cylinder of 5 mm radius about z, [mm]."""
    return np.hypot(points[:, 0], points[:, 1]) - OUTER_RADIUS


def stenosis(eccentricity: float = 0.6):
    """A vessel of 4 mm radius narrowed by 70 % to 1.2 mm, off the middle."""
    radius = narrowed(to=1.2, middle=20.0, half_length=10.0)
    return tube(length=40.0, radius=radius, shift=lambda s: eccentricity * (4.0 - radius(s)))


@cache
def stenosis_wall() -> TetMesh:
    return build_wall(stenosis(), thickness=1.0, outer=outside_of_cylinder)


@cache
def forked():
    return fork()


@cache
def fork_wall() -> TetMesh:
    return build_wall(forked(), thickness=1.2)


def thicknesses(mesh: TetMesh, lumen) -> np.ndarray:
    """Distance of each outer vertex from the lumen [mm]."""
    return NearestTriangle(lumen.vertices, lumen.triangles).distances(mesh.vertices[-len(lumen.vertices) :])


def assert_sound(mesh: TetMesh, lumen, *, jacobian: float) -> None:
    """The mesh fits, keeps the lumen's vertices, has flat ends and does not run through itself."""
    quality = assess(mesh)
    assert quality.is_fit, quality.sentences()
    assert quality.min_scaled_jacobian >= jacobian
    assert quality.elements_across_wall_min >= 2
    np.testing.assert_array_equal(mesh.vertices[: len(lumen.vertices)], lumen.vertices)
    assert set(mesh.face_sets) == {"lumen", "outside", *(f"end {number}" for number in range(len(lumen.ends)))}
    for number, end in enumerate(lumen.ends):
        rim = mesh.vertices[np.unique(mesh.face_sets[f"end {number}"])]
        assert np.abs((rim - end.centre) @ end.direction).max() < 1e-9
        inner = mesh.vertices[np.setdiff1d(np.arange(mesh.vertex_count), np.unique(mesh.face_sets[f"end {number}"]))]
        assert ((inner - end.centre) @ end.direction).max() < 0 or len(lumen.ends) > 2
    sides = np.concatenate([mesh.face_sets["lumen"], mesh.face_sets["outside"]])
    assert len(crossing_triangles(mesh.vertices, sides)) == 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), layers=st.integers(1, 4))
def test_prisms_over_any_triangulation_fit_and_are_positive(seed, layers):
    rng = np.random.default_rng(seed)
    flat = rng.random((12, 2))
    triangles = Delaunay(flat).simplices
    a, b, c = (flat[triangles[:, corner]] for corner in range(3))
    turn = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    triangles = np.where((turn > 0)[:, None], triangles, triangles[:, ::-1])[np.abs(turn) > 1e-6]
    triangles = np.array([np.roll(row, rng.integers(3)) for row in triangles])
    tets, triangle, layer = split_prisms(triangles, 12, layers)
    levels = [np.column_stack([flat, np.full(12, float(level))]) for level in range(layers + 1)]
    mesh = TetMesh(vertices=np.concatenate(levels), tets=tets, labels=np.ones(len(tets), int), label_names={1: "plate"})
    assert mesh.volumes().min() > 0
    assert mesh.volumes().sum() == pytest.approx(layers * np.abs(turn[np.abs(turn) > 1e-6]).sum() / 2)
    assert mesh.face_use().max() <= 2
    sides = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    rims = np.count_nonzero(np.unique(sides, axis=0, return_counts=True)[1] == 1)
    assert len(mesh.boundary_faces()) == 2 * len(triangles) + 2 * layers * rims
    np.testing.assert_array_equal(np.bincount(layer), np.full(layers, 3 * len(triangles)))
    assert all(set(tet % 12) == set(triangles[number]) for tet, number in zip(tets, triangle, strict=True))


def test_wall_of_a_tube_has_the_volume_of_the_formula():
    lumen = tube(length=30.0)
    mesh = build_wall(lumen, thickness=1.0)
    assert_sound(mesh, lumen, jacobian=0.3)
    assert assess(mesh).boundary_euler_number == 0
    # 25 straight sides hold sin(2 pi / 25) / (2 pi / 25) = 98.95 % of a circle.
    assert mesh.volume_of(WALL) == pytest.approx(np.pi * (5**2 - 4**2) * 30, rel=0.015)
    np.testing.assert_allclose(thicknesses(mesh, lumen), 1.0, atol=0.01)


def test_thickness_by_vertex_and_by_radius():
    lumen = tube(length=30.0, radius=lambda s: 4.0 - 0.05 * s)
    by_radius = build_wall(lumen, thickness=RadiusFraction(0.25))
    radius = 4.0 - 0.05 * lumen.vertices[:, 2]
    np.testing.assert_allclose(thicknesses(by_radius, lumen), 0.25 * radius, rtol=0.03)
    by_vertex = build_wall(lumen, thickness=0.25 * radius)
    np.testing.assert_allclose(by_vertex.vertices, by_radius.vertices, atol=0.02)
    assert by_vertex.face_sets.keys() == by_radius.face_sets.keys()


def test_inner_side_of_a_tight_bend_is_made_thinner_and_said():
    lumen = tube(length=15.0, bend_radius=6.0)
    mesh = build_wall(lumen, thickness=2.5)
    assert_sound(mesh, lumen, jacobian=0.1)
    assert "thinner than asked" in mesh.notes[0]
    assert np.median(thicknesses(mesh, lumen)) == pytest.approx(2.5, abs=0.02)


def test_crotch_of_a_fork_is_whole_and_thick_elsewhere():
    lumen, mesh = forked(), fork_wall()
    assert_sound(mesh, lumen, jacobian=0.15)
    thickness = thicknesses(mesh, lumen)
    away = np.linalg.norm(lumen.vertices - [0, 0, 6], axis=1) > 8
    np.testing.assert_allclose(thickness[away], 1.2, atol=0.05)
    assert thickness.min() > 0.4
    assert assess(mesh).boundary_euler_number == -2
    assert "thinner than asked" in mesh.notes[0]


@pytest.mark.slow
def test_sharp_fork_is_whole():
    lumen = fork(half_angle_deg=15.0, blend=0.3)
    assert_sound(build_wall(lumen, thickness=1.2), lumen, jacobian=0.1)


def test_eccentric_stenosis_is_filled_with_plaque():
    lumen, mesh = stenosis(), stenosis_wall()
    assert_sound(mesh, lumen, jacobian=0.1)
    assert mesh.label_names == {WALL: "arterial wall", PLAQUE: "plaque"}
    stations = np.linspace(0, 40, 4001)
    radius = narrowed(to=1.2, middle=20.0, half_length=10.0)(stations)
    plaque = np.trapezoid(np.pi * (16 - radius**2), stations)
    whole = np.pi * OUTER_RADIUS**2 * 40 - np.trapezoid(np.pi * radius**2, stations)
    assert mesh.volumes().sum() == pytest.approx(whole, rel=0.02)
    # The rim of plaque thinner than a third of a millimetre is wall by rule.
    assert mesh.volume_of(PLAQUE) == pytest.approx(plaque, rel=0.05)
    outside = mesh.vertices[-len(lumen.vertices) :]
    assert np.percentile(np.abs(outside_of_cylinder(outside)), 95) < 0.1
    assert thicknesses(mesh, lumen).min() > 0.9


def test_plaque_and_wall_meet_at_the_depth_of_the_wall():
    mesh = stenosis_wall()
    faces = np.sort(mesh.part(PLAQUE).boundary_faces(), axis=1)
    plaque = mesh.part(PLAQUE)
    radii = np.hypot(*plaque.vertices[np.unique(faces)][:, :2].T)
    assert np.percentile(radii, 95) < 4.1
    assert radii.max() < 4.5


def test_more_layers_than_asked_are_never_fewer():
    mesh = build_wall(stenosis(0.0), thickness=1.0, outer=outside_of_cylinder, layers=3, plaque_layers=2)
    assert assess(mesh).elements_across_wall_min == 5
    assert assess(mesh).inverted_count == 0


def test_healthy_vessel_is_modelled_from_beside_the_narrowing():
    lumen = stenosis()
    healthy = healthy_vessel(lumen)
    assert healthy.narrowest_percent == pytest.approx(70.0, abs=1.5)
    stations = np.linspace(2, 38, 37)
    points = np.column_stack([0 * stations, 0 * stations, stations])
    np.testing.assert_allclose(healthy.radius_at(points), 4.0, atol=0.06)
    np.testing.assert_allclose(healthy(points), -4.0, atol=0.12)
    mesh = build_wall(lumen, thickness=1.0, outer=healthy)
    assert_sound(mesh, lumen, jacobian=0.1)
    outside = mesh.vertices[-len(lumen.vertices) :]
    assert np.percentile(np.abs(outside_of_cylinder(outside)), 99) < 0.25
    assert mesh.volume_of(PLAQUE) == pytest.approx(stenosis_wall().volume_of(PLAQUE), rel=0.05)


def test_outer_distance_by_vertex():
    lumen = stenosis(0.0)
    distance = OUTER_RADIUS - np.hypot(lumen.vertices[:, 0], lumen.vertices[:, 1])
    mesh = build_wall(lumen, thickness=1.0, outer=distance)
    assert_sound(mesh, lumen, jacobian=0.05)
    assert np.percentile(np.abs(outside_of_cylinder(mesh.vertices[-len(lumen.vertices) :])), 95) < 0.15


@pytest.mark.parametrize("make", [stenosis_wall, fork_wall])
def test_frames_are_orthonormal_right_handed_and_point_outward(make):
    mesh = make()
    assert mesh.frames is not None
    np.testing.assert_allclose(
        mesh.frames @ mesh.frames.transpose(0, 2, 1), np.broadcast_to(np.eye(3), mesh.frames.shape), atol=1e-9
    )
    circumferential, axial, radial = mesh.frames.transpose(1, 0, 2)
    np.testing.assert_allclose(np.cross(circumferential, axial), radial, atol=1e-9)


def test_frames_of_a_tube_are_those_of_the_cylinder():
    mesh = build_wall(tube(length=20.0), thickness=1.0)
    assert mesh.frames is not None
    centroids = mesh.centroids()
    away = centroids * [1, 1, 0] / np.hypot(centroids[:, 0], centroids[:, 1])[:, None]
    assert np.einsum("ij,ij->i", mesh.frames[:, 2], away).min() > 0.98
    assert (mesh.frames[:, 1] @ [0, 0, 1]).min() > 0.999


def test_lumen_faces_point_into_the_blood():
    mesh = stenosis_wall()
    faces = mesh.face_sets["lumen"]
    a, b, c = (mesh.vertices[faces[:, corner]] for corner in range(3))
    normals = np.cross(b - a, c - a)
    lumen = stenosis()
    into = lumen.centreline.paths()[0].points
    nearest = into[np.abs(into[:, 2][None] - a[:, 2][:, None]).argmin(axis=1)]
    assert np.mean(np.einsum("ij,ij->i", normals, nearest - a) > 0) > 0.999


def test_numbering_of_the_lumen_changes_nothing_that_matters():
    lumen = tube(length=16.0, radius=narrowed(to=2.5, middle=8.0, half_length=5.0))
    order = np.random.default_rng(3).permutation(len(lumen.vertices))
    number = np.argsort(order)
    ends = tuple(replace(end, loop=number[end.loop]) for end in lumen.ends)
    other = replace(lumen, vertices=lumen.vertices[order], triangles=number[lumen.triangles][:, [1, 2, 0]], ends=ends)
    one, two = (build_wall(each, thickness=1.0, outer=outside_of_cylinder) for each in (lumen, other))
    assert one.tet_count == two.tet_count
    assert two.volume_of(WALL) == pytest.approx(one.volume_of(WALL), rel=5e-3)
    assert two.volume_of(PLAQUE) == pytest.approx(one.volume_of(PLAQUE), rel=5e-3)
    assert_sound(two, other, jacobian=0.1)


def test_turning_the_patient_turns_the_wall():
    lumen = tube(length=16.0, bend_radius=15.0)
    turn, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))
    turn *= np.linalg.det(turn)
    branch = lumen.centreline.branches[0]
    turned = replace(
        lumen,
        vertices=lumen.vertices @ turn.T,
        ends=tuple(replace(end, centre=turn @ end.centre, direction=turn @ end.direction) for end in lumen.ends),
        centreline=replace(lumen.centreline, branches=(replace(branch, points=branch.points @ turn.T),)),
    )
    one, two = (build_wall(each, thickness=1.0) for each in (lumen, turned))
    np.testing.assert_allclose(two.vertices, one.vertices @ turn.T, atol=1e-6)


def test_calcium_is_painted_from_a_lookup():
    mesh = stenosis_wall()
    inside = relabel(
        mesh,
        lambda points: np.where(points[:, 0] < -1.5, 7, 0),
        becomes={7: CALCIUM},
        within=[PLAQUE],
        names={CALCIUM: "calcified plaque"},
    )
    assert inside.label_names == {WALL: "arterial wall", PLAQUE: "plaque", CALCIUM: "calcified plaque"}
    assert inside.volume_of(WALL) == pytest.approx(mesh.volume_of(WALL))
    assert inside.volume_of(PLAQUE) + inside.volume_of(CALCIUM) == pytest.approx(mesh.volume_of(PLAQUE))
    chosen = inside.labels == CALCIUM
    assert chosen.any() and (inside.centroids()[chosen][:, 0] < -1.5).all()


@pytest.mark.parametrize(
    "thickness, message",
    [
        (0.0, "above zero"),
        (-1.0, "-1 mm"),
        (np.nan, "above zero"),
        (np.ones(7), "7 values, but the lumen has"),
        (RadiusFraction(-0.2), "share above zero"),
    ],
)
def test_thickness_that_makes_no_sense_is_refused(thickness, message):
    with pytest.raises(InputError, match=message):
        build_wall(tube(length=10.0), thickness=thickness)


def test_thickness_that_cannot_be_built_is_refused_with_one_that_can():
    lumen = tube(length=18.0, bend_radius=6.0)
    with pytest.raises(InputError, match=r"Ask for at most about \d") as refusal:
        build_wall(lumen, thickness=30.0)
    possible = float(str(refusal.value).split("about ")[1].split(" mm")[0])
    assert_sound(build_wall(lumen, thickness=possible), lumen, jacobian=0.05)


def test_lumens_that_cannot_bear_a_wall_are_refused():
    lumen = tube(length=10.0)
    with pytest.raises(InputError, match="no ends"):
        build_wall(replace(lumen, ends=()), thickness=1.0)
    with pytest.raises(InputError, match="none of its ends"):
        build_wall(replace(lumen, triangles=lumen.triangles[:-1]), thickness=1.0)
    with pytest.raises(InputError, match="face the blood"):
        build_wall(replace(lumen, triangles=lumen.triangles[:, ::-1]), thickness=1.0)
    with pytest.raises(InputError, match="at least 2"):
        build_wall(lumen, thickness=1.0, layers=1)
    with pytest.raises(InputError, match="more than two triangles"):
        build_wall(replace(lumen, triangles=np.concatenate([lumen.triangles, lumen.triangles[:1]])), thickness=1.0)


def test_outer_boundaries_that_do_not_fit_are_refused():
    lumen = tube(length=10.0)
    with pytest.raises(InputError, match="not met"):
        build_wall(lumen, thickness=1.0, outer=lambda points: np.full(len(points), 5.0))
    with pytest.raises(InputError, match="outer distance has 3 values"):
        build_wall(lumen, thickness=1.0, outer=np.ones(3))


@pytest.mark.slow
@pytest.mark.parametrize(
    "path, labels, thickness",
    [
        ("abdomen_ct/labels.nii.gz", (52, 65, 66), 1.5),
        ("aorta_mra/aorta-surface.vtp", (), 1.5),
        ("carotid/carotids.stl", (), RadiusFraction(0.2)),
    ],
)
def test_wall_of_a_real_vessel(path, labels, thickness):
    lumen = read_lumen(shared_data(path), labels=labels)
    mesh = build_wall(lumen, thickness=thickness)
    assert_sound(mesh, lumen, jacobian=0.1)
    if isinstance(thickness, float):
        assert np.median(thicknesses(mesh, lumen)) == pytest.approx(thickness, rel=0.01)


@pytest.mark.slow
def test_wall_of_the_embedded_case():
    labels = iliac_stenosis()
    lumen = lumen_from_labels(labels, [1])
    mesh = build_wall(lumen, thickness=1.0, outer=boundary_of(labels, [1, 2, 3, 4]))
    assert_sound(mesh, lumen, jacobian=0.1)
    painted = relabel(mesh, label_at(labels), becomes={3: CALCIUM}, names={CALCIUM: "calcified plaque"}, within=[PLAQUE])
    voxels = {info.number: 1000.0 * info.volume_ml for info in labels.labels()}
    assert painted.volume_of(PLAQUE) + painted.volume_of(CALCIUM) == pytest.approx(voxels[2] + voxels[3], rel=0.06)
    assert painted.volume_of(CALCIUM) == pytest.approx(voxels[3], rel=0.35)
    healthy = healthy_vessel(lumen)
    assert healthy.narrowest_percent == pytest.approx(70.0, abs=2.0)
    modelled = build_wall(lumen, thickness=1.0, outer=healthy)
    assert_sound(modelled, lumen, jacobian=0.08)
    assert modelled.volume_of(PLAQUE) == pytest.approx(mesh.volume_of(PLAQUE), rel=0.08)


@pytest.mark.parametrize("layers", [2, 3])
def test_a_thin_wall_on_a_fork_from_voxels_has_its_thickness_away_from_the_crotch(layers):
    lumen = lumen_from_labels(vessel_shapes.label_map(vessel_shapes.fork(), (-28, -10, -6), (28, 14, 84), (0.8, 0.8, 0.8)), [1])
    mesh = build_wall(lumen, thickness=1.5, layers=layers)
    assert_sound(mesh, lumen, jacobian=0.1)
    assert assess(mesh).elements_across_wall_min == layers
    away = np.linalg.norm(lumen.vertices - [0, 0, 45], axis=1) > 15
    off = np.abs(thicknesses(mesh, lumen)[away] / 1.5 - 1.0)
    print(f"{layers} layers: {mesh.tet_count} tets, thickness off by {100 * off.max():.1f} % at most away from the crotch")
    assert off.max() <= 0.05
