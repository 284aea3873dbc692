"""Label maps in tetrahedra: shape and volume against phantoms of known truth, quality, grading, thin parts, and bad input."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from meshing.errors import InputError
from meshing.fidelity import compare
from meshing.labels import LabelMap, read_labels
from meshing.quality import MeshQuality, assess
from meshing.shapes import NestedSpheres, StenosedTube
from meshing.tetmesh import TET_FACES, TetMesh
from meshing.tetrahedra import tetrahedralize
from tests.shared_data import shared_data


def map_of(voxels: np.ndarray, affine: np.ndarray | None = None) -> LabelMap:
    """A label map of voxels, one millimetre apart unless an affine says otherwise."""
    return LabelMap(voxels.astype(np.uint8), np.eye(4) if affine is None else affine, {}, {}, "made up")


def balls() -> np.ndarray:
    """A ball of label 2 in a shell of label 1."""
    away = np.linalg.norm(np.indices((36, 36, 36)) - 17.5, axis=0)
    return np.where(away < 8, 2, np.where(away < 15, 1, 0))


def demand_sound(mesh: TetMesh, *, least_angle: float = 18.0) -> MeshQuality:
    """What holds of every mesh: nothing inside out, conforming, closed outside, no sliver."""
    quality = assess(mesh)
    assert quality.inverted_count == 0 and quality.misfit_count == 0 and quality.nonmanifold_edge_count == 0
    assert quality.face_sets_cover_boundary
    assert quality.min_dihedral_deg >= least_angle and quality.max_dihedral_deg <= 157.0, quality.table()
    return quality


def distances(mesh: TetMesh, phantom: NestedSpheres | StenosedTube) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Signed distances [mm] of interface and outside from the truth, at vertices and middles of faces, and those points."""
    across = mesh.neighbours()
    tet, corner = np.nonzero((across >= 0) & (mesh.labels[:, None] < mesh.labels[np.maximum(across, 0)]))
    points = []
    for faces in (mesh.tets[tet[:, None], TET_FACES[corner]], mesh.boundary_faces()):
        points.append(np.concatenate([mesh.vertices[faces].mean(axis=1), mesh.vertices[np.unique(faces)]]))
    return phantom.distance_between(points[0]), phantom.distance_outside(points[1]), points[0], points[1]


def test_sphere_in_sphere_is_where_it_is_and_as_large():
    phantom = NestedSpheres()
    mesh = tetrahedralize(phantom.label_map(), tet_count=50_000)
    demand_sound(mesh, least_angle=25.0)
    assert mesh.tet_count == pytest.approx(50_000, rel=0.1)
    for label, volume in phantom.volumes_mm3.items():
        assert mesh.volume_of(label) == pytest.approx(volume, rel=0.007)
    between, outside, _, _ = distances(mesh, phantom)
    print(f"largest {np.abs(between).max():.3f} {np.abs(outside).max():.3f} mean {np.abs(between).mean():.3f} voxels")
    assert max(np.abs(between).max(), np.abs(outside).max()) <= 0.6


def test_a_narrowed_tube_keeps_its_narrowest_place():
    phantom = StenosedTube()
    mesh = tetrahedralize(phantom.label_map(), tet_count=94_000)
    demand_sound(mesh, least_angle=20.0)
    for label, volume in phantom.volumes_mm3.items():
        assert mesh.volume_of(label) == pytest.approx(volume, rel=0.007)
    voxel = 0.63
    for distance, points in zip(distances(mesh, phantom)[:2], distances(mesh, phantom)[2:], strict=True):
        height = np.abs(phantom.placement.from_patient(points)[:, 2])
        # The square ends fall between voxels of a millimetre, and their rims are rounded: they are left out.
        body = height < 0.5 * phantom.length_mm - 1.5
        largest, bias = np.abs(distance[body]).max() / voxel, distance[height < 3].mean() / voxel
        print(f"largest {largest:.2f}, bias at the narrow place {bias:+.3f} voxels")
        assert largest <= 0.6 and abs(bias) <= 0.15


def test_any_orientation_and_spacing_give_the_same_shape():
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", [20, 30, 40], degrees=True).as_matrix() @ np.diag([-1.0, 1.5, 2.5])
    affine[:3, 3] = 100.0, -50.0, 30.0
    labels = map_of(balls(), affine)
    mesh = tetrahedralize(labels, edge_length=3.0)
    demand_sound(mesh)
    centre = (mesh.centroids() * mesh.volumes()[:, None]).sum(axis=0) / mesh.volumes().sum()
    assert centre == pytest.approx(affine[:3, :3] @ np.full(3, 17.5) + affine[:3, 3], abs=0.02)
    assert mesh.volume_of(2) == pytest.approx(labels.voxel_counts[2] * labels.voxel_volume, rel=0.01)


def test_sizes_grade_the_mesh_and_it_still_conforms():
    labels = map_of(balls())
    mesh = tetrahedralize(labels, edge_length=4.0, sizes={2: 1.0})
    demand_sound(mesh)
    count = {label: np.count_nonzero(mesh.labels == label) / mesh.volume_of(label) for label in (1, 2)}
    assert count[2] > 3 * count[1]


def test_edges_grow_towards_the_inside():
    ball = map_of(np.linalg.norm(np.indices((36, 36, 36)) - 17.5, axis=0) < 17)
    even, growing = (tetrahedralize(ball, edge_length=1.5, inside_edge_length=inside) for inside in (None, 6.0))
    demand_sound(growing)
    assert growing.tet_count < 0.85 * even.tet_count
    area = [len(mesh.boundary_faces()) for mesh in (even, growing)]
    assert area[1] == pytest.approx(area[0], rel=0.05)


@pytest.mark.parametrize("between", [False, True])
def test_a_sheet_one_voxel_thin_comes_through_in_one_piece(between):
    voxels = np.zeros((20, 20, 20), int)
    if between:
        voxels[2:18, 2:18, 2:18] = 1
    voxels[2:18, 2:18, 10] = 2
    labels = map_of(voxels)
    mesh = tetrahedralize(labels, edge_length=3.0, refine=True)
    demand_sound(mesh)
    sheet = next(one for one in compare(mesh, labels) if one.number == 2)
    assert sheet.mesh_piece_count == 1 and abs(sheet.volume_error_percent) < 10.0


def test_a_small_label_is_lost_aloud_and_kept_when_refined():
    voxels = np.zeros((24, 24, 24), int)
    voxels[2:22, 2:22, 2:22] = 1
    voxels[11:14, 11:14, 11:13] = 2
    coarse = tetrahedralize(map_of(voxels), edge_length=8.0)
    fine = tetrahedralize(map_of(voxels), edge_length=8.0, refine=True)
    assert any("label 2" in note for note in coarse.notes)
    assert fine.volume_of(2) == pytest.approx(18.0, rel=0.1)
    assert not any("label 2" in note for note in fine.notes)


def test_strays_are_given_to_their_surroundings_and_said():
    voxels = balls()
    voxels[1, 1, 1] = 3
    voxels[3, 3, 3] = 1
    mesh = tetrahedralize(map_of(voxels), edge_length=3.0)
    assert set(np.unique(mesh.labels)) == {1, 2}
    assert [note.split(":")[0] for note in mesh.notes] == ["label 1", "label 3"]
    named = tetrahedralize(map_of(voxels), edge_length=0.4, keep=[3])
    assert named.volume_of(3) == pytest.approx(1.0, rel=0.3)


def test_background_is_filled_when_asked_for():
    labels = map_of(balls())
    mesh = tetrahedralize(labels, edge_length=3.0, background=True)
    demand_sound(mesh)
    assert mesh.volumes().sum() == pytest.approx(36.0**3, rel=0.01)
    assert mesh.label_names[0] == "background"


def test_the_same_input_gives_the_same_mesh():
    one, other = (tetrahedralize(map_of(balls()), edge_length=3.0) for _ in range(2))
    assert np.array_equal(one.vertices, other.vertices) and np.array_equal(one.tets, other.tets)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"edge_length": 100.0}, "larger than what is to be meshed"),
        ({"edge_length": -1.0}, "above zero"),
        ({"edge_length": float("nan")}, "above zero"),
        ({"edge_length": 1.0, "tet_count": 10}, "not both"),
        ({}, "not both"),
        ({"edge_length": 0.005}, "memory"),
        ({"edge_length": 1.0, "keep": [7]}, "no label"),
        ({"edge_length": 1.0, "keep": [1], "sizes": {2: 1.0}}, "not among"),
        ({"edge_length": 1.0, "sizes": {2: 0.0}}, "above zero"),
        ({"tet_count": 0}, "one or more"),
    ],
)
def test_bad_choices_are_told_in_a_sentence(choices, words):
    with pytest.raises(InputError, match=words):
        tetrahedralize(map_of(balls()), **choices)


def test_nothing_left_is_told():
    voxels = np.zeros((30, 30, 30), int)
    for i, j, k in np.ndindex(2, 2, 2):
        voxels[2 + i : 30 : 13, 2 + j : 30 : 13, 2 + k] = 1
    with pytest.raises(InputError, match="Nothing is left"):
        tetrahedralize(map_of(voxels), edge_length=14.0)


def test_a_whole_abdomen_keeps_volume_and_quality():
    labels = read_labels(shared_data("abdomen_ct/labels.nii.gz"))
    mesh = tetrahedralize(labels, tet_count=100_000)
    quality = demand_sound(mesh)
    assert quality.min_scaled_jacobian >= 0.11
    errors = np.array(
        [
            mesh.volume_of(number) / (count * labels.voxel_volume) - 1.0
            for number, count in labels.voxel_counts.items()
            if count >= 1000
        ]
    )
    mean, largest = np.abs(errors).mean(), np.abs(errors).max()
    print(f"{mesh.tet_count} tets; volume off by {100 * mean:.2f} % on average, {100 * largest:.1f} % at most")
    assert mean <= 0.01 and largest <= 0.03
    told = " ".join(mesh.notes)
    for number, count in labels.voxel_counts.items():
        if abs(mesh.volume_of(number) / (count * labels.voxel_volume) - 1.0) > 0.105:
            assert labels.name(number) in told


@pytest.mark.slow
def test_a_refined_abdomen_keeps_every_label():
    labels = read_labels(shared_data("abdomen_ct/labels.nii.gz"))
    mesh = tetrahedralize(labels, tet_count=100_000, refine=True)
    demand_sound(mesh)
    strays = {note.split(":")[0]: int(note.split(" in ")[1].split()[0]) for note in mesh.notes if "stray" in note}
    for one in compare(mesh, labels):
        if one.voxel_count >= 100:
            assert abs(one.volume_error_percent) <= 10.0, one.name
            assert one.mesh_piece_count == one.voxel_piece_count - strays.get(one.name, 0), one.name


def test_a_liver_at_full_resolution():
    labels = read_labels(shared_data("liver_ct/labels.nii.gz"))
    mesh = tetrahedralize(labels, tet_count=200_000)
    demand_sound(mesh)
    assert 84 not in mesh.labels and any("2 stray voxels" in note for note in mesh.notes)
    for number, count in labels.voxel_counts.items():
        if number != 84:
            assert mesh.volume_of(number) == pytest.approx(count * labels.voxel_volume, rel=0.01)


def test_two_labels_of_one_name_are_told_apart():
    labels = dataclasses.replace(map_of(balls()), names={1: "tissue", 2: "tissue"})
    mesh = tetrahedralize(labels, edge_length=3.0)
    assert mesh.label_names == {1: "tissue (1)", 2: "tissue (2)"}
    demand_sound(mesh)


def test_names_come_along():
    labels = dataclasses.replace(map_of(balls()), names={1: "shell", 2: "core"})
    mesh = tetrahedralize(labels, edge_length=3.0, keep=["core"])
    assert mesh.label_names == {2: "core"} and list(mesh.face_sets) == ["outside of core"]
