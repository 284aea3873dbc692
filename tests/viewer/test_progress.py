"""Progress is a line now and then where there is no terminal, and a bar where there is one."""

import io

from rich.console import Console

from viewer.commands.progress import progress_of


def test_a_log_file_gets_lines():
    out = io.StringIO()
    with progress_of("Rehearsal", Console(file=out)) as tell:
        for step in range(100):
            tell(step / 100, f"tick {step}")
    lines = out.getvalue().splitlines()
    assert lines[0] == "Rehearsal:   0%  tick 0"
    assert lines[-1].startswith("Rehearsal: done in ")
    assert len(lines) <= 4


def test_a_terminal_gets_a_bar():
    out = io.StringIO()
    with progress_of("Rehearsal", Console(file=out, force_terminal=True, width=100)) as tell:
        tell(0.5, "tick [5] of 10")
    assert "Rehearsal" in out.getvalue()
    assert "100%" in out.getvalue()
