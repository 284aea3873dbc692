"""TetMesh: volumes, faces, neighbours and orientation, on meshes small enough to check by hand."""

import numpy as np
import pytest

from meshing.errors import InputError
from meshing.tetmesh import TET_FACES, TetMesh, scaled_jacobians

CORNERS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])


def two_tets() -> TetMesh:
    """The unit corner tet and one more behind its slanted face."""
    return TetMesh(
        vertices=CORNERS,
        tets=np.array([[0, 1, 2, 3], [1, 2, 3, 4]], np.int32),
        labels=np.array([1, 2]),
        label_names={1: "one", 2: "two"},
    )


def test_volume_of_the_unit_corner_is_a_sixth():
    np.testing.assert_allclose(two_tets().volumes(), [1 / 6, 1 / 3])
    assert two_tets().volume_of(2) == pytest.approx(1 / 3)


def test_scaled_jacobian_is_one_when_equilateral_and_minus_one_inside_out():
    corners = np.array([[1.0, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]])
    tets = np.array([[0, 1, 2, 3], [0, 2, 1, 3]])
    values = scaled_jacobians(corners, tets)
    assert sorted(values) == pytest.approx([-1, 1])


def test_scaled_jacobian_of_the_unit_corner_by_hand():
    # 6 V = 1; edges meeting at (1, 0, 0): 1, sqrt 2, sqrt 2 with product 2.
    assert two_tets().scaled_jacobians()[0] == pytest.approx(np.sqrt(2) / 2)


def test_faces_point_outward():
    corners = CORNERS[:4]
    for corner, face in enumerate(TET_FACES):
        a, b, c = corners[face]
        assert np.dot(np.cross(b - a, c - a), a - corners[corner]) > 0


def test_neighbours_meet_across_the_shared_face_only():
    across = two_tets().neighbours()
    assert across.tolist() == [[1, -1, -1, -1], [-1, -1, -1, 0]]
    assert sorted(two_tets().face_use()) == [1, 1, 1, 1, 1, 1, 2]
    assert len(two_tets().edges()) == 9


def test_boundary_encloses_the_volume():
    mesh = two_tets()
    faces, owners = mesh.boundary_with_owners()
    a, b, c = (mesh.vertices[faces[:, corner]] for corner in range(3))
    assert np.einsum("ij,ij->i", np.cross(a, b), c).sum() / 6 == pytest.approx(mesh.volumes().sum())
    assert sorted(owners) == [0, 0, 0, 1, 1, 1]


def test_renumbering_changes_nothing_but_numbers():
    mesh = two_tets()
    other = mesh.renumbered(np.array([3, 1, 4, 0, 2]))
    np.testing.assert_allclose(other.volumes(), mesh.volumes())
    np.testing.assert_allclose(other.vertices[other.tets], mesh.vertices[mesh.tets])


def test_part_keeps_its_own_vertices():
    part = two_tets().part(2)
    assert part.vertex_count == 4 and part.volumes().sum() == pytest.approx(1 / 3)
    with pytest.raises(InputError, match="label 7"):
        two_tets().part(7)


@pytest.mark.parametrize(
    "tets, vertices, message",
    [
        (np.empty((0, 4), np.int32), CORNERS, "no tetrahedra"),
        (np.array([[0, 2, 1, 3]], np.int32), CORNERS, "inside out"),
        (np.array([[0, 1, 2, 9]], np.int32), CORNERS, "vertex 9"),
        (np.array([[0, 1, 2, 3]], np.int32), np.where(CORNERS == 1, np.nan, 0), "finite"),
    ],
)
def test_unfit_meshes_are_refused_with_a_sentence(tets, vertices, message):
    with pytest.raises(InputError, match=message):
        TetMesh(vertices=vertices, tets=tets, labels=np.ones(len(tets), int), label_names={1: "one"}).checked()
