"""What commands that run the engine do at their end: measure, write down, and say what came of it and where to look."""

from collections.abc import Callable
from pathlib import Path
from typing import Any


def report_on_stent(recording: Any, output: Path, console: Any, *, look: str) -> None:
    """Report on a stent that was opened; `look` is the command that shows it."""
    from scenarios.outcome import assess
    from viewer.headline import headline
    from viewer.results import write_results

    _report_on(recording, output, console, assess=assess, write=write_results, say=headline, look=look)


def report_on_passage(recording: Any, output: Path, console: Any) -> None:
    """Report on wires that were pushed."""
    from scenarios.passage.assessing import assess_passage
    from viewer.headline import passage_headline
    from viewer.results import write_passage_results

    _report_on(
        recording, output, console, assess=assess_passage, write=write_passage_results, say=passage_headline,
        look=f"vesalius review {output}",
    )  # fmt: skip


def _report_on(
    recording: Any,
    output: Path,
    console: Any,
    *,
    assess: Callable[[Any], Any],
    write: Callable[..., Any],
    say: Callable[[Any], str],
    look: str,
) -> None:
    from viewer.commands.progress import progress_of

    with progress_of("Report", console) as progress:
        outcome = assess(recording)
        write(recording, outcome, output, progress=progress)
    for line in (say(outcome), f"Report: {output / 'report.html'}", f"Look:   {look}"):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
