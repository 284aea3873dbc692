"""The command line teaches, and tells what is wrong in one line."""

import pytest
import typer
from typer.testing import CliRunner

from meshing.errors import InputError
from viewer.cli import app
from viewer.commands.plainly import PlainCommand

COMMANDS = ("demo", "labels", "mesh", "rehearse", "view", "rerun", "devices")


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
