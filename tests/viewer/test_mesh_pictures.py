"""Pictures of a mesh show its tissues in their colours, cut and whole."""

from dataclasses import replace

import numpy as np
import pytest

from tests.meshing.voxel_meshes import label_map, voxel_mesh
from viewer import mesh_pictures, palette


@pytest.fixture
def mesh(monkeypatch):
    """A block of plaque in a block of tissue without a known colour."""
    monkeypatch.setattr("viewer.mesh_pictures.PIXELS_HIGH", 150)
    monkeypatch.setattr("viewer.mesh_pictures.DOTS_PER_INCH", 50)
    voxels = np.full((7, 7, 7), 2)
    voxels[2:5, 2:5, 2:5] = 1
    return voxel_mesh(label_map(voxels, names={1: "plaque", 2: "muscle"}))


def test_cut_shows_what_the_outside_hides(mesh):
    colours = mesh_pictures.colours_of(mesh)
    assert colours[1] == palette.TISSUES["plaque"] and colours[2] == mesh_pictures.MANY[0]
    yellow = [
        np.count_nonzero((image[..., 0] > image[..., 2] * 1.5) & (image[..., 1] > image[..., 2] * 1.3))
        for image, _ in (
            mesh_pictures._panel(mesh, colours, away=np.eye(3)[1], up=np.eye(3)[2], cut_open=cut) for cut in (True, False)
        )
    ]
    assert yellow[0] > 1000 and yellow[1] == 0


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_pictures_are_written(mesh, axis, tmp_path):
    assert mesh_pictures.picture_of_mesh(mesh, tmp_path / "mesh.png", axis=axis).stat().st_size > 3000
    assert mesh_pictures.picture_of_quality(mesh, tmp_path / "quality.png").stat().st_size > 3000


def test_a_long_mesh_is_cut_lengthwise(mesh):
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    long = replace(mesh, vertices=(mesh.vertices * [2.0, 1.0, 9.0]) @ turn.T)
    away, up, how = mesh_pictures._view(long, None)
    assert how == "lengthwise"
    assert abs(up @ turn[:, 2]) > 0.99 and abs(away @ turn[:, 1]) > 0.99 and up[2] > 0
    assert mesh_pictures._view(mesh, None)[2] == "coronally"


def test_many_labels_have_many_colours():
    voxels = np.arange(1, 61).reshape(3, 4, 5)
    assert len(set(mesh_pictures.colours_of(voxel_mesh(label_map(voxels))).values())) == 60
