"""How far a study has come: a live bar with rate, time left and failures on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def study_progress(console: Any) -> Iterator[Callable[[Any], None]]:
    """Give a function of a `scenarios.study.engine.Tally` that shows it on this console."""
    with _bar(console) if console.is_terminal else _lines(console) as tell:
        yield tell


@contextmanager
def _bar(console: Any) -> Iterator[Callable[[Any], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("[bold]Study"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.description}"),
    )
    with Progress(*columns, console=console) as bars:
        task, shown = bars.add_task("starting workers", total=None), [""]

        def tell(tally: Any) -> None:
            if tally.dashboard and tally.dashboard not in shown:
                shown.append(tally.dashboard)
                console.print(f"Dashboard: {tally.dashboard}", markup=False, highlight=False)
            bars.update(task, completed=tally.done, total=tally.total, description=words_of(tally, counted=False))

        yield tell


@contextmanager
def _lines(console: Any) -> Iterator[Callable[[Any], None]]:
    last, first, ended = [-SECONDS_BETWEEN_LINES], [True], [-1]

    def tell(tally: Any) -> None:
        now = time.monotonic()
        if first[0] and tally.dashboard:
            first[0] = False
            console.print(f"Dashboard: {tally.dashboard}", markup=False, highlight=False, soft_wrap=True)
        if tally.done == tally.total == ended[0]:
            return
        if tally.done == tally.total or now - last[0] >= SECONDS_BETWEEN_LINES:
            last[0], ended[0] = now, tally.done
            console.print(f"Study: {words_of(tally)}", markup=False, highlight=False, soft_wrap=True)

    yield tell


def words_of(tally: Any, *, counted: bool = True) -> str:
    """Say how far a study has come: runs done, rate, time left, runs that came to nothing, workers."""
    parts = [f"{tally.done:,} of {tally.total:,} runs"] if counted else []
    if tally.found and tally.found == tally.done:
        parts.append(f"{tally.found:,} done before")
    if tally.per_hour:
        parts.append(f"{tally.per_hour:,.0f} an hour")
    if tally.done < tally.total:
        left = tally.seconds_left
        parts.append(f"{duration(left)} left" if left is not None else "time left not known yet")
        parts.append(f"{tally.workers} workers" if tally.workers else "waiting for workers")
    if tally.not_ok:
        parts.append(f"{tally.not_ok:,} not ok")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Write a time in the units that a person would say it in."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
