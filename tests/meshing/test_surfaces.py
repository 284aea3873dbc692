"""Reading, mending and refusing triangle surfaces."""

from pathlib import Path

import numpy as np
import pytest

from meshing.errors import InputError
from meshing.nearness import NearestTriangle, crossing_triangles, windings
from meshing.remeshing import edges_of, remesh, triangle_angles
from meshing.surfaces import Surface, boundary_loops, closed, enclosed_volume, read_surface
from tests.meshing.vessel_shapes import tube_surface


def written(tmp_path: Path, vertices: np.ndarray, triangles: np.ndarray, suffix: str) -> Path:
    import pyvista

    path = tmp_path / f"tube{suffix}"
    pyvista.PolyData(vertices, np.column_stack([np.full(len(triangles), 3), triangles]).ravel()).save(path)
    return path


@pytest.mark.parametrize("suffix", [".stl", ".vtp", ".ply", ".obj"])
def test_every_kind_of_file_is_read(tmp_path, suffix):
    vertices, triangles = tube_surface()
    surface = closed(read_surface(written(tmp_path, vertices, triangles, suffix)))
    assert enclosed_volume(surface.vertices, surface.triangles) == pytest.approx(np.pi * 9 * 40, rel=0.01)
    assert len(surface.openings) == 2


def test_units_are_guessed_from_the_size_and_said(tmp_path):
    vertices, triangles = tube_surface()
    surface = read_surface(written(tmp_path, vertices / 1000.0, triangles, ".ply"))
    assert np.ptp(surface.vertices[:, 2]) == pytest.approx(40.0, rel=1e-5)
    assert any("metres" in note for note in surface.notes)
    assert np.ptp(read_surface(tmp_path / "tube.ply", units="cm").vertices[:, 2]) == pytest.approx(0.4, rel=1e-5)


def test_unknown_missing_and_truncated_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="no surface file"):
        read_surface(tmp_path / "none.stl")
    (tmp_path / "list.csv").write_text("1,2,3")
    with pytest.raises(InputError, match="not a surface file"):
        read_surface(tmp_path / "list.csv")
    for suffix in (".stl", ".vtp", ".ply", ".obj"):
        (tmp_path / f"words{suffix}").write_text("this is no surface\n")
        with pytest.raises(InputError):
            read_surface(tmp_path / f"words{suffix}")
    for suffix in (".stl", ".vtp", ".ply"):
        path = written(tmp_path, *tube_surface(), suffix)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(InputError):
            read_surface(path)
    with pytest.raises(InputError, match="units"):
        read_surface(written(tmp_path, *tube_surface(), ".stl"), units="inch")


def test_vertices_that_are_no_numbers_are_refused():
    vertices, triangles = tube_surface()
    vertices[7, 1] = np.nan
    with pytest.raises(InputError, match=r"1 of .* not finite.*vertex 7"):
        closed(Surface(vertices=vertices, triangles=triangles))


def test_soup_of_loose_triangles_facing_both_ways_becomes_one_surface():
    vertices, triangles = tube_surface()
    soup = vertices[triangles].reshape(-1, 3)
    faces = np.arange(len(soup)).reshape(-1, 3)
    flipped = np.random.default_rng(3).random(len(faces)) < 0.4
    faces[flipped] = faces[flipped][:, ::-1]
    surface = closed(Surface(vertices=soup, triangles=faces))
    assert surface.is_sound and (edges_of(surface.triangles)[1] == 2).all()
    assert enclosed_volume(surface.vertices, surface.triangles) == pytest.approx(np.pi * 9 * 40, rel=0.01)
    assert any("wrong way" in note for note in surface.notes)


def test_largest_piece_is_taken_and_said():
    vertices, triangles = tube_surface()
    both = np.vstack([vertices, 0.2 * vertices + [50.0, 0.0, 0.0]])
    surface = closed(Surface(vertices=both, triangles=np.vstack([triangles, triangles + len(vertices)])))
    assert surface.vertices[:, 0].max() < 10.0
    assert any("largest of 2 pieces" in note for note in surface.notes)


def test_sheet_heap_and_points_are_refused():
    flat = np.array([[0, 0, 0], [10, 0, 0], [10, 10, 0], [0, 10, 0.0]])
    with pytest.raises(InputError):
        closed(Surface(vertices=flat, triangles=np.array([[0, 1, 2], [0, 2, 3]])))
    with pytest.raises(InputError, match="no area"):
        closed(Surface(vertices=np.zeros((3, 3)), triangles=np.array([[0, 1, 2]])))
    vertices, triangles = tube_surface()
    with pytest.raises(InputError, match="more holes than can be mended"):
        closed(Surface(vertices=vertices, triangles=triangles[np.random.default_rng(0).random(len(triangles)) < 0.5]))
    sheet, faces = tube_surface(squash=1e-6)
    with pytest.raises(InputError, match="no volume"):
        closed(Surface(vertices=sheet, triangles=faces))


def test_nearest_point_is_exact_and_windings_fill_the_inside():
    vertices, triangles = tube_surface(radius=3.0, length=20.0, around=24)
    surface = closed(Surface(vertices=vertices, triangles=triangles))
    points = np.random.default_rng(1).uniform([-5, -5, -2], [5, 5, 22], (300, 3))
    import trimesh

    mesh = trimesh.Trimesh(surface.vertices, surface.triangles, process=False)
    expected = trimesh.proximity.closest_point(mesh, points)[1]
    assert NearestTriangle(surface.vertices, surface.triangles).distances(points) == pytest.approx(expected, abs=0.02)
    count = windings(surface.vertices, surface.triangles, origin=np.array([-4.03, -4.05, -1.0]), step=0.25, shape=(33, 33, 90))
    assert set(np.unique(count)) == {0, 1}
    assert count.sum() * 0.25**3 == pytest.approx(np.pi * 9 * 20, rel=0.02)


def test_surface_that_crosses_itself_is_found():
    vertices, triangles = tube_surface(radius=2.0, length=20.0)
    assert len(crossing_triangles(vertices, triangles)) == 0
    other = vertices[:, [2, 1, 0]] + [-10.0, 0.0, 10.0]
    both = np.vstack([vertices, other])
    assert len(crossing_triangles(both, np.vstack([triangles, triangles[:, ::-1] + len(vertices)]))) > 20


def test_remeshing_keeps_ends_and_gives_even_triangles():
    vertices, triangles = tube_surface(radius=3.0, length=20.0, around=80)
    loop_of = np.full(len(vertices), -1)
    for number, loop in enumerate(boundary_loops(triangles)):
        loop_of[loop] = number

    def project(points):
        moved = points.copy()
        moved[:, :2] *= 3.0 / np.linalg.norm(points[:, :2], axis=1, keepdims=True)
        return moved

    def slide(points, number):
        moved = project(points)
        moved[:, 2] = vertices[loop_of == number, 2].mean()
        return moved

    points, faces, loops = remesh(
        vertices, triangles, lengths=lambda p: np.full(len(p), 0.75), project=project, loop_of=loop_of, slide=slide
    )
    edges, held, _ = edges_of(faces)
    length = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    assert held.max() == 2 and len(boundary_loops(faces)) == 2
    assert triangle_angles(points, faces).min() > 25.0
    assert np.percentile(length, [1, 99]) == pytest.approx([0.75, 0.75], rel=0.35)
    assert np.ptp(points[loops == 0, 2]) == 0.0
    assert np.hypot(points[:, 0], points[:, 1]) == pytest.approx(3.0)
    assert len(crossing_triangles(points, faces)) == 0
