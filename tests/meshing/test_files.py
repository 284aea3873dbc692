"""Meshes on disk: the round trip is exact, other programs can read the file, and broken files are refused with a sentence."""

from dataclasses import replace

import meshio
import numpy as np
import pytest

from meshing.errors import InputError
from meshing.files import read_mesh, write_mesh
from meshing.tetmesh import TetMesh


@pytest.fixture
def mesh() -> TetMesh:
    """Two tets with everything that a file has to carry."""
    rng = np.random.default_rng(1)
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]) + 1e-3 * rng.standard_normal((5, 3))
    bare = TetMesh(
        vertices=vertices,
        tets=np.array([[0, 1, 2, 3], [1, 2, 3, 4]], np.int32),
        labels=np.array([1, 3], np.int32),
        label_names={1: "arterial wall", 3: "calcified plaque -- très dur"},
        frames=np.linalg.qr(rng.standard_normal((2, 3, 3)))[0],
        notes=("the mesh was mended -- twice",),
    )
    faces = bare.boundary_faces()
    return replace(bare, face_sets={"lumen": faces[:2], "outside": faces[2:5], "end 0": faces[5:], "empty": faces[:0]})


def test_round_trip_is_exact(mesh, tmp_path):
    write_mesh(mesh, tmp_path / "wall.vtu")
    back = read_mesh(tmp_path / "wall.vtu")
    for name in ("vertices", "tets", "labels", "frames"):
        np.testing.assert_array_equal(getattr(back, name), getattr(mesh, name))
    assert back.label_names == mesh.label_names and back.notes == mesh.notes
    assert list(back.face_sets) == list(mesh.face_sets)
    for name, faces in mesh.face_sets.items():
        np.testing.assert_array_equal(back.face_sets[name], faces)
    assert list(tmp_path.iterdir()) == [tmp_path / "wall.vtu"]


def test_file_states_space_and_unit_and_reads_in_other_programs(mesh, tmp_path):
    path = tmp_path / "wall.vtu"
    write_mesh(mesh, path)
    head = path.read_text()[:2000]
    assert '"space": "LPS"' in head and '"unit": "mm"' in head
    grid = meshio.read(path)
    assert [block.type for block in grid.cells] == ["tetra", "triangle"]
    assert grid.cell_data["face_set"][1].tolist() == [1, 1, 2, 2, 2, 3]
    pyvista = pytest.importorskip("pyvista")
    shown = pyvista.read(path)
    assert shown.n_cells == 8 and "radial" in shown.cell_data


def test_mesh_without_frames_or_faces(mesh, tmp_path):
    write_mesh(replace(mesh, frames=None, face_sets={}), tmp_path / "bare.vtu")
    back = read_mesh(tmp_path / "bare.vtu")
    assert back.frames is None and not back.face_sets


def test_file_of_another_program_is_read_with_a_note(mesh, tmp_path):
    meshio.write(tmp_path / "other.vtu", meshio.Mesh(mesh.vertices, [("tetra", mesh.tets)]))
    back = read_mesh(tmp_path / "other.vtu")
    assert set(back.labels) == {1} and len(back.notes) == 2


def test_broken_files_are_refused_with_a_sentence(mesh, tmp_path):
    with pytest.raises(InputError, match="no file"):
        read_mesh(tmp_path / "nowhere.vtu")
    path = tmp_path / "wall.vtu"
    write_mesh(mesh, path)
    whole = path.read_bytes()
    for keep in (0.1, 0.5, 0.9, 0.99):
        path.write_bytes(whole[: int(keep * len(whole))])
        with pytest.raises(InputError, match="truncated"):
            read_mesh(path)
    path.write_bytes(b"solid nonsense")
    with pytest.raises(InputError, match="cannot be read"):
        read_mesh(path)
    surface = meshio.Mesh(mesh.vertices, [("triangle", np.array([[0, 1, 2]]))])
    meshio.write(path, surface)
    with pytest.raises(InputError, match="no tetrahedra"):
        read_mesh(path)
    meshio.write(path, meshio.Mesh(mesh.vertices, [("tetra", mesh.tets[:, [0, 2, 1, 3]])]))
    with pytest.raises(InputError, match=r"wall.vtu: 2 of 2 tetrahedra are inside out"):
        read_mesh(path)
    meshio.write(path, meshio.Mesh(np.full_like(mesh.vertices, np.nan), [("tetra", mesh.tets)]))
    with pytest.raises(InputError, match="finite position"):
        read_mesh(path)


def test_what_cannot_be_written_is_refused_and_leaves_the_old_file(mesh, tmp_path):
    with pytest.raises(InputError, match=r"\.vtu"):
        write_mesh(mesh, tmp_path / "wall.stl")
    with pytest.raises(InputError, match="does not exist"):
        write_mesh(mesh, tmp_path / "nowhere" / "wall.vtu")
    path = tmp_path / "wall.vtu"
    path.write_text("old")
    with pytest.raises(InputError, match="inside out"):
        write_mesh(replace(mesh, tets=mesh.tets[:, [1, 0, 2, 3]]), path)
    assert path.read_text() == "old"
