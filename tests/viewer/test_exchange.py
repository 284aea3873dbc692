"""A rehearsal handed to other programs: each file is read back as what it is, in LPS millimetres."""

import json
import runpy
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import pyvista
import trimesh
from typer.testing import CliRunner

from meshing.files import read_mesh
from meshing.labels import read_labels
from viewer.cli import app
from viewer.exchange import write_exchange

PHASES = ("before", "inflated", "after")


@pytest.fixture(scope="module")
def exported(recording, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    write_exchange(recording, folder)
    return folder


def test_everything_is_written_and_listed(recording, tmp_path):
    written = write_exchange(recording, tmp_path)
    assert sorted(written) == sorted(tmp_path.iterdir())
    assert {path.name for path in written} == {
        *(f"wall_{phase}.{suffix}" for phase in PHASES for suffix in ("vtu", "vtp", "stl")),
        *(f"lumen_{phase}.{suffix}" for phase in PHASES for suffix in ("vtp", "stl")),
        *(f"stent_{phase}.vtp" for phase in PHASES[1:]),
        *(f"stent_lines_{phase}.vtp" for phase in PHASES[1:]),
        *(f"labels_{phase}.seg.nrrd" for phase in PHASES),
        *(f"{name}.mrk.json" for name in ("centreline", "lesion", "landing_zone")),
        "open_in_slicer.py",
    }


def test_every_vtk_file_names_its_space_and_the_limits_of_use(exported):
    for path in (*exported.glob("*.vtp"), *exported.glob("*.vtu")):
        fields = pyvista.read(path).field_data
        assert fields["SPACE"][0] == "LPS" and "Not for clinical decisions" in fields["limits of use"][0], path.name


def test_a_wall_that_names_its_space_is_still_taken_over(exported, recording):
    mesh = read_mesh(exported / "wall_after.vtu")
    assert dict(mesh.label_names) == dict(recording.case.mesh.label_names)
    np.testing.assert_allclose(mesh.vertices, recording.frame_of_phase("after").vertices)


def test_surfaces_for_mesh_editors_are_closed_and_say_lps(exported, recording):
    path = exported / "wall_after.stl"
    assert path.read_bytes()[:80].startswith(b"SPACE=LPS")
    surface = trimesh.load_mesh(path)
    assert isinstance(surface, trimesh.Trimesh)
    mesh, frame = recording.case.mesh, recording.frame_of_phase("after")
    corners = frame.vertices[mesh.tets]
    volume = np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1])).sum() / 6.0
    assert surface.is_watertight and abs(surface.volume) == pytest.approx(volume, rel=1e-3)
    assert pyvista.read(exported / "lumen_after.stl").n_cells == len(mesh.face_sets["lumen"])


def test_the_stent_as_lines_is_its_lattice(exported, recording):
    lines = pyvista.read(exported / "stent_lines_after.vtp")
    assert lines.n_lines == len(recording.case.lattice.bars)
    np.testing.assert_allclose(lines.points, recording.frame_of_phase("after").device, atol=1e-5)
    assert lines.point_data["half thickness [mm]"] == pytest.approx(recording.case.lattice.half_thickness_mm)


def test_a_label_map_comes_back_with_its_codes_and_the_volume_of_the_wall(exported, recording):
    labels = read_labels(exported / "labels_after.seg.nrrd")
    found = {label.name: label for label in labels.labels()}
    assert set(found) == {"arterial wall", "plaque", "calcified plaque", "vessel lumen"}
    codes = {name: (one.code.scheme, one.code.value) for name, one in found.items() if one.code}
    assert codes == {"plaque": ("SCT", "20717008"), "calcified plaque": ("SCT", "29483008"), "vessel lumen": ("SCT", "51114001")}
    mesh, frame = recording.case.mesh, recording.frame_of_phase("after")
    corners = frame.vertices[mesh.tets[mesh.labels == 1]]
    volume = np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1])).sum() / 6.0
    assert found["arterial wall"].volume_ml * 1000.0 == pytest.approx(volume, rel=0.05)
    # The lumen of the state after is wider than that before.
    before = {label.name: label.volume_ml for label in read_labels(exported / "labels_before.seg.nrrd").labels()}
    assert found["vessel lumen"].volume_ml > 1.05 * before["vessel lumen"]


def points_of(path):
    (markup,) = json.loads(path.read_text(encoding="utf-8"))["markups"]
    return markup, np.array([point["position"] for point in markup["controlPoints"]])


@pytest.mark.parametrize(("name", "kind"), [("centreline", "Curve"), ("lesion", "Fiducial"), ("landing_zone", "Curve")])
def test_markups_have_the_fields_of_slicers_schema(name, kind, exported):
    content = json.loads((exported / f"{name}.mrk.json").read_text(encoding="utf-8"))
    assert content["@schema"].endswith("markups-schema-v1.0.3.json#")
    (markup,) = content["markups"]
    assert (markup["type"], markup["coordinateSystem"], markup["coordinateUnits"]) == (kind, "LPS", "mm")
    assert markup["lastUsedControlPointNumber"] == len(markup["controlPoints"]) >= 3
    for number, point in enumerate(markup["controlPoints"], start=1):
        assert set(point) == {
            "id", "label", "description", "associatedNodeID", "position", "orientation", "selected", "locked", "visibility",
            "positionStatus",
        }  # fmt: skip
        assert point["id"] == str(number) and point["positionStatus"] == "defined"
        assert len(point["position"]) == 3 and len(point["orientation"]) == 9
        assert all(isinstance(value, float) for value in point["position"])
        # The axes of a point are LPS directions of RAS axes, as Slicer writes them: a turn, no mirror.
        assert np.linalg.det(np.reshape(point["orientation"], (3, 3))) == pytest.approx(1.0)


def test_the_centreline_runs_from_end_to_end_of_the_path(exported, recording):
    _, points = points_of(exported / "centreline.mrk.json")
    path = recording.case.path
    np.testing.assert_allclose(points[[0, -1]], path.at(np.array([0.0, path.length]))[0])
    assert np.linalg.norm(np.diff(points, axis=0), axis=1).max() < 2.5


def test_the_lesion_is_where_the_lumen_is_narrowest(exported, recording):
    markup, points = points_of(exported / "lesion.mrk.json")
    named = dict(zip([point["label"] for point in markup["controlPoints"]], points, strict=True))
    # The made-up plaque is thickest 32 mm along the path.
    expected = recording.case.path.at(np.array([32.0]))[0][0]
    assert np.linalg.norm(named["narrowest"] - expected) < 1.5
    assert named["proximal edge"][2] > named["narrowest"][2] > named["distal edge"][2]


def test_the_landing_zone_is_as_long_as_the_stent(exported):
    _, points = points_of(exported / "landing_zone.mrk.json")
    assert np.linalg.norm(np.diff(points, axis=0), axis=1).sum() == pytest.approx(24.0, abs=1.5)


def test_the_script_loads_every_file_as_what_it_is(exported, monkeypatch):
    loaded: dict[str, list[str]] = {"model": [], "segmentation": [], "markups": []}
    shown = SimpleNamespace(SetOpacity=lambda share: None, SetVisibility=lambda seen: None)

    def loader(kind):
        def load(path):
            assert (exported / path).is_file()
            loaded[kind].append((exported / path).name)
            return SimpleNamespace(GetDisplayNode=lambda: shown)

        return load

    util = SimpleNamespace(
        loadModel=loader("model"),
        loadSegmentation=loader("segmentation"),
        loadMarkups=loader("markups"),
        resetThreeDViews=lambda: None,
    )
    monkeypatch.setitem(sys.modules, "slicer", SimpleNamespace(util=util))
    runpy.run_path(str(exported / "open_in_slicer.py"))
    assert sorted(loaded["segmentation"]) == [f"labels_{phase}.seg.nrrd" for phase in sorted(PHASES)]
    assert len(loaded["markups"]) == 3
    assert sorted(loaded["model"]) == sorted(path.name for path in exported.iterdir() if path.suffix in (".vtp", ".vtu"))


@pytest.fixture
def loadable(recording, monkeypatch):
    monkeypatch.setattr("scenarios.recording.load_recording", lambda folder: recording)


def said(*words: str):
    return CliRunner().invoke(app, list(words))


def test_export_writes_a_folder_and_refuses_it_the_second_time(loadable, tmp_path):
    out = tmp_path / "out"
    answer = said("export", "mine", "-o", str(out))
    assert answer.exit_code == 0, answer.output
    names = {path.name for path in out.iterdir()}
    assert "open_in_slicer.py" in names and "lesion.mrk.json" in names and not any(name.startswith(".") for name in names)
    (out / "my notes.txt").write_text("kept")
    again = said("export", "mine", "-o", str(out))
    assert again.exit_code == 2 and "--overwrite" in again.stderr and again.stderr.count("\n") == 1
    once_more = said("export", "mine", "-o", str(out), "--overwrite")
    assert once_more.exit_code == 0
    assert {path.name for path in out.iterdir()} == names | {"my notes.txt"}


def test_an_export_that_breaks_leaves_nothing_half_written(loadable, tmp_path, monkeypatch):
    def broken(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr("viewer.exchange.write_centreline_markup", broken)
    answer = said("export", "mine", "-o", str(tmp_path / "out"))
    assert answer.exit_code == 1 and "the disk is full" in answer.stderr
    assert not (tmp_path / "out").exists()


def test_a_rehearsal_is_not_written_over(loadable, tmp_path):
    (tmp_path / "recording").mkdir()
    for output in (tmp_path, tmp_path / "recording" / ".."):
        answer = said("export", str(tmp_path), "-o", str(output))
        assert answer.exit_code == 2 and "rehearsal" in answer.stderr
    other = said("export", "mine", "-o", str(tmp_path), "--overwrite")
    assert other.exit_code == 2 and "holds a rehearsal" in other.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["recording"]
