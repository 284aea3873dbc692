"""What is written for other programs is what they read back."""

from types import SimpleNamespace

import meshio
import numpy as np
import pytest
import pyvista

from meshing.files import read_mesh
from viewer.exports import write_centreline, write_lumen, write_states


def test_walls_lumens_and_stents_are_read_back(recording, tmp_path):
    names = {path.name for path in write_states(recording, tmp_path)}
    assert names == {
        *(f"wall_{phase}.vtu" for phase in ("before", "inflated", "after")),
        *(f"lumen_{phase}.vtp" for phase in ("before", "inflated", "after")),
        *(f"stent_{phase}.vtp" for phase in ("inflated", "after")),
    }
    frame = recording.frame_of_phase("after")
    wall = meshio.read(tmp_path / "wall_after.vtu")
    assert wall.points == pytest.approx(frame.vertices)
    assert wall.cell_data["first principal Cauchy stress [kPa]"][0] == pytest.approx(frame.stress)
    assert wall.point_data["displacement [mm]"] == pytest.approx(frame.vertices - recording.case.mesh.vertices)
    again = read_mesh(tmp_path / "wall_after.vtu")
    assert dict(again.label_names) == dict(recording.case.mesh.label_names)
    assert (again.labels == recording.case.mesh.labels).all()
    stent = pyvista.read(tmp_path / "stent_after.vtp")
    assert stent.field_data["SPACE"][0] == "LPS"
    assert "Not for clinical decisions" in stent.field_data["limits of use"][0]


def test_lumen_and_centreline_are_read_back(recording, tmp_path):
    mesh, path = recording.case.mesh, recording.case.path
    branch = SimpleNamespace(points=path.points, radii=path.radii)
    write_lumen(SimpleNamespace(vertices=mesh.vertices, triangles=mesh.face_sets["lumen"]), tmp_path / "lumen.vtp")
    write_centreline(SimpleNamespace(branches=(branch, branch)), tmp_path / "centreline.vtp")
    curve = pyvista.read(tmp_path / "centreline.vtp")
    assert curve.n_lines == 2
    assert curve.point_data["inscribed radius [mm]"] == pytest.approx(np.tile(path.radii, 2))
    assert pyvista.read(tmp_path / "lumen.vtp").n_cells == len(mesh.face_sets["lumen"])
