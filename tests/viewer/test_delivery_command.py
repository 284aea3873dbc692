"""What `vesalius rehearse` refuses of wires, catheters and scripts, in one line, before it has planned anything."""

import pytest
from typer.testing import CliRunner

from viewer.cli import app

PLAIN_STEP = '[[step]]\ninflate = "balloon"\n'


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--catheter", "balloon catheter 5F"), "goes over a wire; name the wire with --over"),
        (("--over", "spaghetti"), "There is no wire or catheter 'spaghetti'"),
        (("--over", "Amplatz stiff 0.035", "--geometry-only"), "Geometry alone pushes no wire; leave --over out"),
        (("--script", "STEPS", "--pressure", "9"), "A script tells pressures and releases itself, with forces; leave --pressure"),
        (("--script", "STEPS", "--geometry-only"), "leave --geometry-only or --script out"),
        (("--script", "missing.toml"), "The table missing.toml cannot be read"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, words, told):
    steps = tmp_path / "steps.toml"
    steps.write_text(PLAIN_STEP)
    asked = [str(steps) if word == "STEPS" else word for word in words]
    answer = CliRunner().invoke(app, ["rehearse", "iliac", "-o", str(tmp_path / "out"), *asked])
    assert answer.exit_code == 2
    assert told in answer.output and len(answer.output.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
