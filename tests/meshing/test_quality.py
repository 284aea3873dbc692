"""Mesh quality: each measure on tets whose value is known, and a verdict that names what is wrong."""

from dataclasses import replace

import numpy as np
import pytest

from meshing.errors import InputError
from meshing.prisms import split_prisms
from meshing.quality import assess, dihedral_angles, folded_pairs
from meshing.tetmesh import TetMesh
from tests.meshing.voxel_meshes import label_map, voxel_mesh

EQUILATERAL = np.array([[1.0, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]])


def mesh_of(vertices, tets, **more) -> TetMesh:
    return TetMesh(
        vertices=np.asarray(vertices, float),
        tets=np.asarray(tets, np.int32),
        labels=np.ones(len(tets), int),
        label_names={1: "tissue"},
        **more,
    )


def plate(layers: int = 2) -> TetMesh:
    """A square of two triangles in some layers of height one, with its faces named."""
    square = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    tets, _, _ = split_prisms(np.array([[0, 1, 2], [0, 2, 3]]), 4, layers)
    bare = mesh_of(np.concatenate([square + np.array([0, 0, level]) for level in range(layers + 1)]), tets)
    faces = bare.boundary_faces()
    low, high = (faces < 4).all(1), (faces >= 4 * layers).all(1)
    return replace(bare, face_sets={"lumen": faces[low], "outside": faces[high], "end 0": faces[~low & ~high]})


def test_equilateral_tet():
    quality = assess(mesh_of(EQUILATERAL, [[0, 1, 2, 3]]))
    assert quality.min_scaled_jacobian == pytest.approx(1.0)
    assert quality.min_dihedral_deg == pytest.approx(np.degrees(np.arccos(1 / 3)))
    assert quality.max_dihedral_deg == pytest.approx(quality.min_dihedral_deg)
    assert quality.min_edge_mm == pytest.approx(np.sqrt(8)) and quality.max_edge_mm == pytest.approx(np.sqrt(8))
    assert quality.volume_mm3 == pytest.approx(8 / 3)
    assert quality.boundary_euler_number == 2 and quality.piece_count == 1 and quality.is_fit


def test_corner_tet_has_three_right_angles():
    angles = dihedral_angles(mesh_of([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 1, 2, 3]]))
    np.testing.assert_allclose(angles, [[90, 90, 90, *[np.degrees(np.arccos(1 / np.sqrt(3)))] * 3]])


def test_flatter_tet_has_proportionally_smaller_jacobian():
    flat = [[0, 0, 0], [1, 0, 0], [0.5, np.sqrt(3) / 2, 0], [0.5, np.sqrt(3) / 6, 0.01]]
    quality = assess(mesh_of(flat, [[0, 1, 2, 3]]))
    # Height over the equilateral tet's height sqrt(2/3), with edges to the apex of about 1 / sqrt(3).
    assert quality.min_scaled_jacobian == pytest.approx(np.sqrt(2) * np.sqrt(3) / 2 * 0.01 / np.sqrt(1 / 3 + 1e-4), rel=1e-3)


def test_layers_across_a_plate_are_counted():
    for layers in (1, 2, 5):
        quality = assess(plate(layers))
        assert quality.elements_across_wall_min == layers
        assert layers <= quality.tets_across_wall_min <= 3 * layers
        assert quality.is_fit and quality.volume_mm3 == pytest.approx(layers)


def test_inverted_tet_is_counted_and_said():
    mesh = plate()
    tets = mesh.tets.copy()
    tets[3] = tets[3][[1, 0, 2, 3]]
    quality = assess(replace(mesh, tets=tets))
    assert quality.inverted_count == 1 and not quality.is_fit and quality.worst_tet == 3
    assert any("inside out" in said for said in quality.sentences())


def test_misfits_pieces_and_uncovered_faces_are_said():
    mesh = plate()
    torn = assess(replace(mesh, face_sets={"lumen": mesh.face_sets["lumen"]}))
    assert not torn.face_sets_cover_boundary and "cover" in torn.sentences()[0]
    twice = assess(replace(mesh, tets=np.concatenate([mesh.tets, mesh.tets[:1]]), labels=np.ones(13, int), face_sets={}))
    assert twice.misfit_count > 0 and not twice.is_fit
    apart = assess(mesh_of(np.vstack([EQUILATERAL, EQUILATERAL + 9]), [[0, 1, 2, 3], [4, 5, 6, 7]]))
    assert apart.piece_count == 2 and "2 pieces" in " ".join(apart.sentences())
    assert assess(mesh_of(np.vstack([EQUILATERAL, [[9, 9, 9]]]), [[0, 1, 2, 3]])).misfit_count == 1


def test_folded_tets_are_told_from_wrongly_wound_ones():
    apex, inner = [0.0, 0, 9], [1.0, 1, 5]
    folded = mesh_of([[0, 0, 0], [9, 0, 0], [0, 9, 0], apex, inner], [[0, 1, 2, 3], [0, 1, 2, 4]])
    np.testing.assert_array_equal(folded_pairs(folded), [[0, 1]])
    assert assess(folded).folded_count == 1 and "same side" in assess(folded).sentences()[0]
    wound = replace(plate(), tets=plate().tets[:, [1, 0, 2, 3]])
    assert len(folded_pairs(wound)) == 0 and assess(wound).inverted_count == wound.tet_count
    one = plate().tets.copy()
    one[4] = one[4][[1, 0, 2, 3]]
    assert len(folded_pairs(replace(plate(), tets=one))) == 0


def test_sharp_tets_are_counted():
    needle = mesh_of([[0, 0, 0], [1, 0, 0], [0.5, 0.9, 0], [0.5, 0.3, 0.04]], [[0, 1, 2, 3]])
    quality = assess(needle)
    assert quality.sharp_count == 1 and quality.min_dihedral_deg < 10.0 and quality.is_sound
    assert "can be used" in quality.sentences()[-1]
    assert assess(plate()).sharp_count == 0


def test_edges_that_only_touch_are_counted():
    """Two cubes of six tets that share one edge and nothing else."""
    voxels = np.zeros((2, 2, 2))
    voxels[0, 0, 0] = voxels[1, 1, 0] = 1
    quality = assess(voxel_mesh(label_map(voxels)))
    assert quality.nonmanifold_edge_count == 1 and not quality.boundary_is_closed and quality.piece_count == 2
    assert quality.is_sound and not quality.is_fit
    assert "such edges: 1" in " ".join(quality.sentences())


def test_labels_of_one_name_are_kept_apart():
    mesh = plate()
    labels = np.where(np.arange(mesh.tet_count) < 4, 1, 2)
    quality = assess(replace(mesh, labels=labels, label_names={1: "wall", 2: "wall"}))
    assert quality.tet_counts == {"wall (1)": 4, "wall (2)": mesh.tet_count - 4}
    assert sum(quality.volumes_mm3.values()) == pytest.approx(quality.volume_mm3)


def test_verdict_and_table_read_well():
    quality = assess(plate())
    assert "sound" in quality.sentences()[0] and "2 layers" in quality.sentences()[0]
    assert "volume of tissue [mm3]" in quality.table() and len(quality.table().splitlines()) >= 10


def test_nothing_to_assess_is_refused():
    with pytest.raises(InputError, match="no tetrahedra"):
        assess(mesh_of(EQUILATERAL, np.empty((0, 4))))
