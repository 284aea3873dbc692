"""A wall's mesh as voxels has the mesh's volumes, the lumen among them, and survives the way through a .seg.nrrd."""

import math

import numpy as np
import pytest

from meshing.errors import InputError
from meshing.filled import boundary_of_tets, filled_label_map, lumen_number
from meshing.labels import Code, read_labels, write_labels
from tests.viewer.made_up import vessel_path, wall_mesh

CODES = {2: Code("SCT", "20717008", "atherosclerotic fibrous plaque"), 4: Code("SCT", "51114001", "Artery")}


@pytest.fixture(scope="module")
def mesh():
    return wall_mesh(vessel_path())


@pytest.fixture(scope="module")
def labels(mesh):
    return filled_label_map(mesh, mesh.vertices, spacing_mm=0.3, lumen_name="lumen", codes=CODES, source="made up")


def test_each_tissue_has_its_volume_in_the_mesh(mesh, labels):
    found = {label.number: label for label in labels.labels()}
    for number in (1, 2, 3):
        volume = mesh.volumes()[mesh.labels == number].sum()
        assert found[number].volume_ml * 1000.0 == pytest.approx(volume, rel=0.03)
        assert found[number].name == mesh.label_names[number]


def test_the_lumen_is_what_its_surface_encloses_between_the_ends(mesh, labels):
    assert lumen_number(mesh) == 4
    whole = np.argwhere(labels.voxels > 0)
    assert len(whole) * labels.voxel_volume == pytest.approx(_solid(mesh), rel=0.02)
    assert labels.codes[4].value == "51114001" and 1 not in labels.codes


def _solid(mesh) -> float:
    """Volume inside the outside surface [mm³]: cross-sections of 36 corners and 5 mm radius along the bent line of the vessel."""
    outside = mesh.vertices.reshape(36, 60, 5, 3)[:, :, -1]
    volume = 0.0
    for here, there in zip(outside.transpose(1, 0, 2)[:-1], outside.transpose(1, 0, 2)[1:], strict=True):
        area = [0.5 * abs(_doubled(ring)) for ring in (here, there)]
        volume += 0.5 * sum(area) * float(np.linalg.norm(there.mean(axis=0) - here.mean(axis=0)))
    return volume


def _doubled(ring: np.ndarray) -> float:
    middle = ring.mean(axis=0)
    return float(np.linalg.norm(np.cross(ring - middle, np.roll(ring, -1, axis=0) - middle).sum(axis=0)))


def test_it_survives_a_seg_nrrd(labels, tmp_path):
    write_labels(labels, tmp_path / "vessel.seg.nrrd")
    again = read_labels(tmp_path / "vessel.seg.nrrd")
    np.testing.assert_array_equal(again.voxels, labels.voxels)
    np.testing.assert_allclose(again.affine, labels.affine)
    assert dict(again.names) == dict(labels.names) and dict(again.codes) == dict(labels.codes)


def test_the_boundary_of_two_tets_leaves_out_the_face_between():
    faces = boundary_of_tets(np.array([[0, 1, 2, 3], [1, 2, 3, 4]]))
    assert len(faces) == 6
    assert [1, 2, 3] not in np.sort(faces, axis=1).tolist()


@pytest.mark.parametrize(("spacing", "words"), [(0.0, "above zero"), (0.01, "larger spacing"), (math.nan, "above zero")])
def test_a_spacing_that_cannot_be_is_told(mesh, spacing, words):
    with pytest.raises(InputError, match=words):
        filled_label_map(mesh, mesh.vertices, spacing_mm=spacing, lumen_name="lumen", codes={}, source="made up")
