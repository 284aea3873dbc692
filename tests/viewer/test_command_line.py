"""The command line teaches, and tells what is wrong in one line."""

import json
import subprocess
import sys
from pathlib import Path

import meshio
import numpy as np
import pytest
import trimesh
import typer
from typer.testing import CliRunner

from meshing.errors import InputError
from meshing.labels import LabelMap, write_labels
from viewer.cli import app
from viewer.commands.plainly import PlainCommand

ROOT = Path(__file__).parents[2]
COMMANDS = ("demo", "labels", "mesh", "rehearse", "navigate", "room", "review", "view", "rerun", "export", "cases", "devices")


def said(*words: str):
    """Run the command line in this process."""
    return CliRunner().invoke(app, list(words))


def test_help_names_every_command_and_the_limits():
    answer = said("--help")
    assert answer.exit_code == 0
    assert all(command in answer.output for command in COMMANDS)
    assert "Not for clinical decisions" in answer.output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command):
    answer = said(command, "--help")
    assert answer.exit_code == 0
    assert "vesalius" in answer.output
    assert "None" not in answer.output


def failing_with(error: BaseException) -> typer.Typer:
    """Give a command line whose only command raises this."""
    failing = typer.Typer()

    @failing.callback()
    def whole(debug: bool = False) -> None:
        pass

    @failing.command(cls=PlainCommand)
    def fail() -> None:
        raise error

    return failing


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (InputError("The file x is missing;\nname another."), 2, "Error: The file x is missing; name another.\n"),
        (KeyboardInterrupt(), 130, "Stopped.\n"),
    ],
)
def test_errors_are_one_line_and_a_status(error, status, words):
    answer = CliRunner().invoke(failing_with(error), ["fail"])
    assert answer.exit_code == status
    assert answer.stderr == words


def test_the_unexpected_keeps_its_traceback_in_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    answer = CliRunner().invoke(failing_with(ZeroDivisionError("nothing to divide by")), ["fail"])
    assert answer.exit_code == 1
    assert answer.stderr.count("\n") == 1
    assert "nothing to divide by" in answer.stderr
    (kept,) = tmp_path.iterdir()
    assert str(kept) in answer.stderr
    assert "Traceback" in kept.read_text()


def test_debug_lets_the_traceback_through():
    answer = CliRunner().invoke(failing_with(InputError("wrong")), ["--debug", "fail"])
    assert isinstance(answer.exception, InputError)


@pytest.mark.parametrize("words", [("labels", "no-such-file.nii.gz"), ("view", "no-such-folder"), ("rerun", "no-such-folder")])
def test_what_is_missing_is_named(words):
    answer = said(*words)
    assert answer.exit_code == 2
    assert words[1] in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_devices_lists_the_catalogue():
    answer = said("devices")
    assert answer.exit_code == 0
    assert "--device" in answer.output


def test_an_unknown_command_is_told_with_a_way_on():
    answer = said("reherse")
    assert answer.exit_code == 2
    assert "rehearse" in answer.stderr


TETS = np.array([[0, 1, 2, 3], [1, 2, 3, 4]])
CORNERS = 10.0 * np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])


def test_a_sound_mesh_of_another_program_is_checked_and_taken_over(tmp_path):
    meshio.write(tmp_path / "two.vtk", meshio.Mesh(CORNERS, [("tetra", TETS)], cell_data={"part_id": [np.array([3, 8])]}))
    answer = said("mesh", "--check", str(tmp_path / "two.vtk"))
    assert answer.exit_code == 0
    assert "volume of label 8 [mm3]" in answer.output and "The mesh is sound: 2 tetrahedra" in answer.output
    assert 'Note: Labels were taken from the cell data "part_id".' in answer.output
    answer = said("mesh", "--check", str(tmp_path / "two.vtk"), "--units", "cm", "-o", str(tmp_path / "out"))
    assert answer.exit_code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"mesh.vtu", "mesh.png", "quality.png"}
    assert np.ptp(meshio.read(tmp_path / "out" / "mesh.vtu").points) == 100.0
    again = said("mesh", "--check", str(tmp_path / "two.vtk"), "-o", str(tmp_path / "out"))
    assert again.exit_code == 2 and "already holds results" in again.stderr


@pytest.mark.parametrize(
    ("tets", "words"),
    [
        (np.array([[0, 1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 5]]), "shared by more than two"),
        (np.array([[0, 1, 2, 3], [0, 1, 2, 5]]), "on the same side"),
        (np.array([[0, 1, 2, 3], [1, 2, 3, 3]]), "inside out or flat"),
    ],
)
def test_an_unfit_mesh_is_told_and_leaves_with_status_one(tets, words, tmp_path):
    corners = np.concatenate([CORNERS, [[12.0, 9, 9]]])
    meshio.write(tmp_path / "bad.vtu", meshio.Mesh(corners, [("tetra", tets)]))
    answer = said("mesh", "--check", str(tmp_path / "bad.vtu"), "-o", str(tmp_path / "out"))
    assert answer.exit_code == 1
    assert words in answer.output and "cannot be used" in answer.output
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_checked_or_built_is_one_line(tmp_path):
    for words, told in (
        (("mesh", "--check", str(tmp_path / "none.vtu")), "none.vtu"),
        (("mesh", str(tmp_path / "seg.nii.gz")), "--output"),
    ):
        answer = said(*words)
        assert answer.exit_code == 2
        assert told in answer.stderr and answer.stderr.count("\n") == 1


def test_a_label_map_is_filled_and_its_making_written_down(tmp_path):
    voxels = np.zeros((20, 20, 20), np.uint8)
    voxels[3:17, 3:17, 3:10], voxels[3:17, 3:17, 10:17] = 1, 2
    write_labels(LabelMap(voxels, np.eye(4), {1: "left", 2: "right"}, {}, "made up"), tmp_path / "two.nii.gz")
    out = tmp_path / "out"
    answer = said("mesh", str(tmp_path / "two.nii.gz"), "--edge-length", "3", "--size", "right=2", "-o", str(out))
    assert answer.exit_code == 0, answer.output
    assert "The mesh is sound" in answer.output and "All 2 labels are in the mesh" in answer.output
    assert {path.name for path in out.iterdir()} == {"mesh.vtu", "mesh.png", "quality.png", "quality.txt", "provenance.json"}
    about = json.loads((out / "provenance.json").read_text())
    assert about["steps"]["tetrahedralize"]["sizes"] == {"right": 2.0} and len(about["input"]["sha256"]) == 64
    assert [label["name"] for label in about["labels"]] == ["left", "right"]
    again = said("mesh", str(tmp_path / "two.nii.gz"), "--fill", "-o", str(out))
    assert again.exit_code == 2 and "already holds results" in again.stderr


def test_the_inside_of_a_surface_is_filled(tmp_path):
    trimesh.creation.icosphere(subdivisions=3, radius=12.0).export(tmp_path / "ball.stl")
    answer = said("mesh", str(tmp_path / "ball.stl"), "--units", "mm", "--edge-length", "3", "-o", str(tmp_path / "out"))
    assert answer.exit_code == 0 and "volume of ball" in answer.output, answer.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--size", "liver"), "--size takes a label"),
        (("--size", "=3"), "--size takes a label"),
        (("--edge-length", "0"), "above zero"),
        (("--edge-length", "3", "--tets", "10"), "not both"),
    ],
)
def test_bad_sizes_are_told(options, words, tmp_path):
    voxels = np.zeros((10, 10, 10), np.uint8)
    voxels[3:7, 3:7, 3:7] = 1
    write_labels(LabelMap(voxels, np.eye(4), {}, {}, "made up"), tmp_path / "one.nii.gz")
    answer = said("mesh", str(tmp_path / "one.nii.gz"), *options, "-o", str(tmp_path / "out"))
    assert answer.exit_code == 2 and words in answer.stderr


def test_a_map_of_several_labels_of_which_none_is_named_is_filled(tmp_path):
    voxels = np.zeros((16, 16, 16), np.uint8)
    voxels[3:13, 3:13, 3:8], voxels[3:13, 3:13, 8:13] = 4, 9
    write_labels(LabelMap(voxels, np.eye(4), {}, {}, "made up"), tmp_path / "two.nii.gz")
    answer = said("mesh", str(tmp_path / "two.nii.gz"), "-o", str(tmp_path / "out"))
    assert answer.exit_code == 0 and "All 2 labels are in the mesh" in answer.output, answer.output


@pytest.mark.parametrize("how", ["rich", "print"])
def test_a_reader_who_has_read_enough_is_told_nothing(how):
    """`vesalius cases | head -1`: the pipe is closed before all is written."""
    code = (
        "import typer\nfrom rich.console import Console\nfrom viewer.commands.plainly import PlainCommand\n"
        "app = typer.Typer()\n"
        "@app.command(cls=PlainCommand)\n"
        "def much():\n"
        "    say = Console().print if 'HOW' == 'rich' else print\n"
        "    for number in range(20000):\n        say('a line of words', number)\n"
        "app()"
    ).replace("HOW", how)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as run:
        assert run.stdout is not None and run.stderr is not None
        assert run.stdout.readline().startswith(b"a line of words")
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode != 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--then", "8x15, left"), "The place 'left' of the further stent 8x15 cannot be read"),
        (("--then", "balloon-expandable 99x15"), "There is no device 'balloon-expandable 99x15'"),
        (("--then", "balloon-expandable 8x15", "--geometry-only"), "Geometry alone opens one stent"),
    ],
)
def test_a_further_stent_that_cannot_be_is_one_line(options, words, tmp_path):
    answer = said("rehearse", "iliac", *options, "-o", str(tmp_path / "out"))
    assert answer.exit_code == 2 and words in answer.stderr and answer.stderr.count("\n") == 1, answer.output
    assert not (tmp_path / "out").exists()
