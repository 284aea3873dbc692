"""Meshes of other programs: whatever they hold comes over, what was decided is said, and what cannot be mended is refused."""

import importlib.util
from pathlib import Path

import meshio
import numpy as np
import pytest

from meshing.errors import InputError
from meshing.files import read_mesh, write_mesh
from meshing.importing import import_mesh
from meshing.quality import assess
from tests.meshing.voxel_meshes import label_map, voxel_mesh

SUFFIXES = (".vtu", ".vtk", ".msh", ".mesh", ".inp")


@pytest.fixture
def box():
    """A block of 3 x 2 x 2 voxels of 10 mm in 72 tets, of two tissues."""
    voxels = np.ones((3, 2, 2))
    voxels[1:] = 4
    return voxel_mesh(label_map(voxels, spacing=(10, 10, 10)))


def written(path: Path, box, *, points=None, tets=None, blocks=(), **more) -> Path:
    """Write the tets with meshio, or others in their place."""
    points = box.vertices if points is None else points
    tets = box.tets if tets is None else tets
    options = {"file_format": "gmsh22", "binary": False} if path.suffix == ".msh" else {}
    meshio.write(path, meshio.Mesh(points, [("tetra", tets), *blocks], **more), **options)
    return path


def note(mesh, words: str) -> str:
    """The one note with these words in it."""
    (found,) = [line for line in mesh.notes if words in line]
    return found


def refusal(path, **options) -> str:
    with pytest.raises(InputError) as error:
        import_mesh(path, **options)
    return str(error.value)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_kind_of_file_gives_the_same_mesh(suffix, box, tmp_path):
    mesh = import_mesh(written(tmp_path / f"box{suffix}", box))
    np.testing.assert_allclose(mesh.vertices, box.vertices, atol=1e-9)
    np.testing.assert_array_equal(mesh.tets, box.tets)
    assert "taken to be in mm, 30 mm across" in note(mesh, "states no unit")
    assert "LPS" in note(mesh, "states no space")
    assert assess(mesh).is_fit
    write_mesh(mesh, tmp_path / "back.vtu")
    assert read_mesh(tmp_path / "back.vtu").notes == mesh.notes


@pytest.mark.parametrize(
    ("suffix", "name"),
    [(".vtu", "part_id"), (".vtu", "MaterialIds"), (".vtk", "Labels"), (".msh", "gmsh:physical"), (".mesh", "medit:ref")],
)
def test_labels_are_taken_by_any_usual_name(suffix, name, box, tmp_path):
    more = {"gmsh:geometrical": [np.ones(len(box.tets), int)]} if suffix == ".msh" else {}
    mesh = import_mesh(written(tmp_path / f"box{suffix}", box, cell_data={name: [box.labels], **more}))
    np.testing.assert_array_equal(mesh.labels, box.labels)
    assert mesh.label_names == {1: "label 1", 4: "label 4"}
    assert name in note(mesh, "Labels were taken")


def test_numbers_of_cells_are_no_labels_and_floats_may_be(box, tmp_path):
    data = {"label": [np.arange(len(box.tets)) / 7.0], "region": [box.labels.astype(float)]}
    assert set(import_mesh(written(tmp_path / "box.vtu", box, cell_data=data)).labels) == {1, 4}
    mesh = import_mesh(written(tmp_path / "plain.vtu", box))
    assert set(mesh.labels) == {1} and note(mesh, "no labels")


def test_negative_labels_are_numbered_anew_with_their_names(box, tmp_path):
    mesh = import_mesh(written(tmp_path / "box.vtu", box, cell_data={"label": [box.labels - 3]}))
    assert mesh.label_names == {1: "label -2", 2: "label 1"} and set(mesh.labels) == {1, 2}


def test_names_come_from_gmsh_and_from_a_json_beside(box, tmp_path):
    data = {"gmsh:physical": [box.labels], "gmsh:geometrical": [box.labels]}
    names = {"media": np.array([1, 3]), "plaque": np.array([4, 3]), "lumen": np.array([4, 2])}
    mesh = import_mesh(written(tmp_path / "box.msh", box, cell_data=data, field_data=names))
    assert mesh.label_names == {1: "media", 4: "plaque"}
    (tmp_path / "box.json").write_text('{"1": "aorta"}')
    mesh = import_mesh(written(tmp_path / "box.vtu", box, cell_data={"label": [box.labels]}))
    assert mesh.label_names == {1: "aorta", 4: "label 4"}


def abaqus_text(box, *, kind: str = "c3d4", extra: str = "") -> str:
    """An .inp file with numbers that begin anywhere and have gaps."""
    nodes = "\n".join(f"{7 + 2 * i}, {x:.6f}, {y:.6f}, {z:.6f}" for i, (x, y, z) in enumerate(box.vertices))
    elements = "\n".join(f"{100 + 3 * i}, " + ", ".join(str(7 + 2 * n) for n in tet) for i, tet in enumerate(box.tets))
    stiff = ", ".join(str(100 + 3 * i) for i in np.flatnonzero(box.labels == 4))
    return (
        f"*Heading\n** a comment, with *Node in it\n*Node\n{nodes}\n*Element, type={kind}, elset=All\n{elements}\n"
        f"*Elset, elset=Plaque\n{stiff}\n*Elset, elset=First, generate\n100, 112, 3\n{extra}"
    )


def test_element_sets_are_labels_and_the_smaller_wins(box, tmp_path):
    path = tmp_path / "box.inp"
    path.write_text(abaqus_text(box))
    mesh = import_mesh(path)
    np.testing.assert_allclose(mesh.vertices, box.vertices, atol=1e-5)
    np.testing.assert_array_equal(mesh.tets, box.tets)
    assert mesh.label_names == {1: "All", 2: "Plaque", 3: "First"}
    assert (mesh.labels[:5] == 3).all() and (mesh.labels[box.labels == 4] == 2).all()


def test_sections_say_which_element_sets_are_tissues(box, tmp_path):
    path = tmp_path / "box.inp"
    sections = "*Solid Section, elset=All, material=wall\n,\n*Solid Section,\n elset=Plaque, material=calcium\n,\n"
    path.write_text(abaqus_text(box, extra=sections))
    assert import_mesh(path).label_names == {1: "All", 2: "Plaque"}


def test_abaqus_files_that_cannot_be_understood_are_refused(box, tmp_path):
    path = tmp_path / "box.inp"
    path.write_text(abaqus_text(box, kind="C3D8R"))
    assert "72 of kind hexahedron" in refusal(path)
    path.write_text(abaqus_text(box, extra="*Include, input=more.inp\n"))
    assert "more.inp" in refusal(path)
    path.write_text("*Part, name=a\n*End Part\n*Part, name=b\n")
    assert "2 parts" in refusal(path)
    path.write_text(abaqus_text(box).replace("\n100, ", "\n100, 999", 1))
    assert "which it does not define" in refusal(path)
    path.write_text(abaqus_text(box).replace("\n7, ", "\nseven, "))
    assert 'under "*Node"' in refusal(path)


def test_second_order_tets_are_reduced_to_their_corners(box, tmp_path):
    tets = box.tets.astype(int)
    pairs = tets[:, [[0, 1], [1, 2], [0, 2], [0, 3], [1, 3], [2, 3]]]
    edges, middle = np.unique(np.sort(pairs, axis=2).reshape(-1, 2), axis=0, return_inverse=True)
    points = np.concatenate([box.vertices, box.vertices[edges].mean(axis=1)])
    ten = np.column_stack([tets, len(box.vertices) + middle.reshape(-1, 6)])
    meshio.write(tmp_path / "box.vtu", meshio.Mesh(points, [("tetra10", ten)]))
    mesh = import_mesh(tmp_path / "box.vtu")
    np.testing.assert_array_equal(mesh.tets, box.tets)
    assert "72 of 72" in note(mesh, "second order")


def test_surface_cells_and_loose_vertices_are_left_out_and_said(box, tmp_path):
    points = np.concatenate([[[500.0, 0, 0]], box.vertices])
    faces = box.boundary_faces() + 1
    path = written(
        tmp_path / "box.vtu", box, points=points, tets=box.tets + 1, blocks=[("triangle", faces)], point_data={"heat": points}
    )
    mesh = import_mesh(path)
    np.testing.assert_array_equal(mesh.tets, box.tets)
    assert f"{len(faces)} of kind triangle" in note(mesh, "passed over")
    assert "1 of 37" in note(mesh, "belong to no tetrahedron")
    assert "heat" in note(mesh, "Values at vertices")


def test_other_volume_cells_are_refused(box, tmp_path):
    path = written(tmp_path / "box.vtu", box, blocks=[("hexahedron", np.arange(8)[None])])
    assert "1 of kind hexahedron" in refusal(path) and "holes" in refusal(path)


def test_winding_is_mended(box, tmp_path):
    tets = box.tets.copy()
    tets[:5] = tets[:5, [1, 0, 2, 3]]
    mesh = import_mesh(written(tmp_path / "box.vtu", box, tets=tets))
    assert "5 of 72" in note(mesh, "other way round") and (mesh.volumes() > 0).all()
    mesh = import_mesh(written(tmp_path / "box.vtu", box, tets=box.tets[:, [1, 0, 2, 3]]))
    assert "All 72" in note(mesh, "other way round")


@pytest.mark.parametrize(("factor", "unit"), [(1e-3, "m"), (1e3, "um"), (1.0, "mm")])
def test_the_unit_is_guessed_from_the_size(factor, unit, box, tmp_path):
    mesh = import_mesh(written(tmp_path / "box.vtu", box, points=box.vertices * factor))
    np.testing.assert_allclose(mesh.vertices, box.vertices, atol=1e-9)
    assert f"in {unit}, 30 mm across" in note(mesh, "states no unit")


def test_a_unit_that_is_given_is_taken(box, tmp_path):
    path = written(tmp_path / "box.vtu", box)
    assert np.ptp(import_mesh(path, unit="cm").vertices) == pytest.approx(300.0)
    assert "unusual" in note(import_mesh(path, unit="m"), "as asked")
    assert "not known" in refusal(path, unit="inch")
    tiny = written(tmp_path / "tiny.vtu", box, points=box.vertices * 1e-6)
    assert "no unit this program knows" in refusal(tiny)


def test_fibres_become_square_frames(box, tmp_path):
    rng = np.random.default_rng(2)
    fibre, sheet = rng.normal(size=(2, len(box.tets), 3))
    mesh = import_mesh(written(tmp_path / "box.vtu", box, cell_data={"fiber": [fibre], "sheet": [sheet]}))
    assert mesh.frames is not None and mesh.frame_names == ("fibre", "sheet", "normal")
    np.testing.assert_allclose(mesh.frames @ mesh.frames.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (72, 3, 3)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(mesh.frames), 1.0)
    np.testing.assert_allclose(mesh.frames[:, 0], fibre / np.linalg.norm(fibre, axis=1)[:, None])
    assert np.abs(np.einsum("ij,ij->i", mesh.frames[:, 2], sheet)).max() < 1e-9, "the sheet lies in the plane of the first two"
    write_mesh(mesh, tmp_path / "back.vtu")
    back = read_mesh(tmp_path / "back.vtu")
    np.testing.assert_array_equal(back.frames, mesh.frames)
    assert back.frame_names == mesh.frame_names and back.part(1).frame_names == mesh.frame_names
    assert "fibre" in meshio.read(tmp_path / "back.vtu").cell_data


def test_missing_sheets_and_fibres_are_said(box, tmp_path):
    fibre = np.tile([0.0, 0.0, 2.0], (len(box.tets), 1))
    mesh = import_mesh(written(tmp_path / "box.vtu", box, cell_data={"Fibers": [fibre]}))
    assert mesh.frames is not None
    assert "All 72" in note(mesh, "no sheet direction") and "placeholder" in note(mesh, "in every tetrahedron")
    np.testing.assert_allclose(np.linalg.det(mesh.frames), 1.0)
    fibre[box.labels == 4] = 0.0
    mesh = import_mesh(written(tmp_path / "box.vtu", box, cell_data={"Fibers": [fibre], "label": [box.labels]}))
    assert mesh.frames is not None and "48 tetrahedra, in label 4" in note(mesh, "no fibre direction")
    np.testing.assert_allclose(np.linalg.det(mesh.frames), 1.0)
    mesh = import_mesh(written(tmp_path / "box.vtu", box, cell_data={"fiber": [0.0 * fibre]}))
    assert mesh.frames is None and note(mesh, "all zero")


def test_flat_double_and_folded_tets_are_named(box, tmp_path):
    flat = np.array([[box.tets[3][0], box.tets[3][1], box.tets[3][2], box.tets[3][2]]])
    for extra, words in ((flat, "no volume"), (box.tets[7:8], "the same four corners")):
        path = written(tmp_path / "box.vtu", box, tets=np.concatenate([box.tets, extra]))
        assert words in refusal(path) and refusal(path).startswith("box.vtu: 1 of 73 tetrahedra (the first is tet 72 at (")
        assert not assess(import_mesh(path, unfit_too=True)).is_sound
    points = np.array([[0.0, 0, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9], [1, 1, 5]])
    path = written(tmp_path / "fold.vtu", box, points=points, tets=np.array([[0, 1, 2, 3], [0, 1, 2, 4]]))
    assert "folded" in refusal(path)
    quality = assess(import_mesh(path, unfit_too=True))
    assert quality.folded_count == 1 and not quality.is_sound and "same side" in quality.sentences()[0]


def test_parts_that_touch_without_being_joined_are_said(box, tmp_path):
    points = np.concatenate([box.vertices, box.vertices + np.array([30.0, 0, 0])])
    path = written(tmp_path / "box.vtu", box, points=points, tets=np.concatenate([box.tets, box.tets + len(box.vertices)]))
    assert "9 vertices" in note(import_mesh(path), "not joined")


def test_broken_files_are_refused_with_a_sentence(box, tmp_path):
    assert "no file" in refusal(tmp_path / "nowhere.vtu")
    (tmp_path / "box.stl").write_text("solid")
    assert ".vtu, .vtk" in refusal(tmp_path / "box.stl")
    for suffix in SUFFIXES:
        path = written(tmp_path / f"box{suffix}", box)
        whole = path.read_bytes()
        for content in (whole[: len(whole) // 3], b"nonsense\n"):
            path.write_bytes(content)
            assert path.name in refusal(path)
    surface = meshio.Mesh(box.vertices, [("triangle", box.boundary_faces())])
    meshio.write(tmp_path / "box.vtu", surface)
    assert "no tetrahedra" in refusal(tmp_path / "box.vtu")
    assert "no finite position" in refusal(written(tmp_path / "box.vtu", box, points=box.vertices * np.nan))


def test_our_own_file_is_read_as_it_is(box, tmp_path):
    write_mesh(box, tmp_path / "own.vtu")
    mesh = import_mesh(tmp_path / "own.vtu")
    assert mesh.notes == box.notes and mesh.label_names == box.label_names
    assert "states that it is in mm" in refusal(tmp_path / "own.vtu", unit="cm")


def test_files_of_vtk_are_read(box, tmp_path):
    pyvista = pytest.importorskip("pyvista")
    grid = pyvista.UnstructuredGrid({pyvista.CellType.TETRA: box.tets}, box.vertices)
    grid.cell_data["part-id"] = box.labels
    grid.field_data["made by"] = ["a program that writes texts"]
    for name, binary in (("box.vtk", True), ("text.vtk", False), ("box.vtu", True)):
        grid.save(tmp_path / name, binary=binary)
        mesh = import_mesh(tmp_path / name)
        np.testing.assert_array_equal(mesh.tets, box.tets)
        np.testing.assert_array_equal(mesh.labels, box.labels)


def heart_file(name: str) -> Path:
    """A file of the package ansys-health-heart, without importing it; skips the test that asks where it is not installed."""
    found = importlib.util.find_spec("ansys") and importlib.util.find_spec("ansys.health")
    folders = list(found.submodule_search_locations or []) if found else []
    for folder in folders:
        path = Path(folder) / "heart" / "data_examples" / name
        if path.is_file():
            return path
    pytest.skip(f"the package ansys-health-heart, which holds {name}, is not installed")


@pytest.mark.patients
def test_heart_of_four_chambers_loads_checks_and_saves(tmp_path):
    mesh = import_mesh(heart_file("rodero_01_fullheart_2.0mm.vtu"))
    assert mesh.tet_count == 331_365 and mesh.vertex_count == 72_158
    assert mesh.label_names[1] == "Left ventricle" and mesh.label_names[7] == "Septum" and len(mesh.label_names) == 7
    assert mesh.frame_names == ("fibre", "sheet", "normal") and note(mesh, "placeholder")
    quality = assess(mesh)
    assert quality.is_fit and quality.min_dihedral_deg > 5.0 and quality.boundary_euler_number == -12
    assert quality.volumes_mm3["Left ventricle"] == pytest.approx(125_782, rel=1e-4)
    write_mesh(mesh, tmp_path / "heart.vtu")
    back = read_mesh(tmp_path / "heart.vtu")
    np.testing.assert_array_equal(back.tets, mesh.tets)
    np.testing.assert_array_equal(back.frames, mesh.frames)
