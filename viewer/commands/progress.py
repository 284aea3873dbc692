"""How far a command has come: a bar on a terminal, a line now and then in a log file."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

Progress = Callable[[float, str], None]
SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def progress_of(title: str, console: Console) -> Iterator[Progress]:
    """Give a function of (fraction done from 0 to 1, what is being done) that shows it on this console."""
    with _bar(title, console) if console.is_terminal else _lines(title, console) as tell:
        yield tell


@contextmanager
def _bar(title: str, console: Console) -> Iterator[Progress]:
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("[bold]{task.fields[title]}"),
        BarColumn(bar_width=28),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.description}"),
    )
    with Bars(*columns, console=console) as bars:
        task = bars.add_task("", total=1.0, title=title)

        def tell(fraction: float, text: str) -> None:
            bars.update(task, completed=min(max(fraction, 0.0), 1.0), description=text)

        yield tell
        tell(1.0, "")


@contextmanager
def _lines(title: str, console: Console) -> Iterator[Progress]:
    began = time.monotonic()
    last = -SECONDS_BETWEEN_LINES

    def tell(fraction: float, text: str) -> None:
        nonlocal last
        elapsed = time.monotonic() - began
        if text and elapsed - last >= SECONDS_BETWEEN_LINES:
            last = elapsed
            console.print(f"{title}: {fraction:4.0%}  {text}", markup=False, highlight=False, soft_wrap=True)

    yield tell
    console.print(f"{title}: done in {time.monotonic() - began:.1f} s", markup=False, highlight=False, soft_wrap=True)
