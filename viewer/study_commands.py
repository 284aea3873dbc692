"""The command `study`: run one, see how far its figures can be trusted, open a row, write its report, show its schema."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from viewer.commands.options import Output
from viewer.commands.plainly import EXIT_INTERRUPTED, PlainCommand
from viewer.study_progress import study_progress

EXIT_STOPPED = 4
"""The disk was full or the scheduler went away; what was done is kept."""

Workers = Annotated[
    int | None,
    typer.Option(
        metavar="COUNT", min=1, help="Workers, or jobs of a cluster; without it one for each core or GPU.", show_default=False
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="A Dask scheduler that is running, such as tcp://host:8786.", show_default=False),
]
Cluster = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Start workers as jobs of slurm or pbs, with dask-jobqueue.", show_default=False),
]
Limit = Annotated[int, typer.Option(metavar="COUNT", min=1, help="Refuse a design of more runs than this.")]
StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="What is varied, how, and what is measured.")]
StudyFolder = Annotated[Path, typer.Argument(metavar="DIR", help="Results folder of a study.")]


class StudyGroup(TyperGroup):
    """A group of commands in which a file name stands for running it: `vesalius study study.toml`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `run` before a first word that is no command."""
        if args and args[0] not in self.commands and not (args[0].startswith("-") and args[0] in ("--help", "-h")):
            args = ["run", *args]
        return super().parse_args(ctx, args)


def _place(workers: int | None, scheduler: str | None, cluster: str | None, options: dict[str, Any]) -> Any:
    from meshing.errors import InputError
    from scenarios.study import Workplace

    if scheduler and (workers or cluster):
        raise InputError("A running scheduler has its own workers; leave --workers and --cluster out beside --scheduler.")
    return Workplace(workers=workers, scheduler=scheduler, cluster=cluster, cluster_options=options)


def run(
    study: StudyFile,
    output: Output,
    workers: Workers = None,
    scheduler: Scheduler = None,
    cluster: Cluster = None,
    adaptive: Annotated[
        int, typer.Option(metavar="COUNT", min=0, help="Further runs, placed where the first question is least certain.")
    ] = 0,
    limit: Limit = 10_000,
    again: Annotated[bool, typer.Option("--again", help="Repeat runs that failed or were set aside.")] = False,
    report: Annotated[bool, typer.Option(help="Write report.html when it is done.")] = True,
) -> None:
    """Run a study; start it again, and only what is missing is done.

    Writes table.parquet (one row a run), provenance.json and report.html.

    Examples:

      [cyan]vesalius study study.toml -o results[/]

      [cyan]vesalius study study.toml -o results --scheduler tcp://node1:8786 --adaptive 32[/]
    """
    from scenarios.study import read_study

    asked = read_study(study)
    place = _place(workers, scheduler, cluster, asked.cluster)
    table = _stopping_cleanly(
        output, lambda tell: asked.run(output, workplace=place, limit=limit, adaptive=adaptive, again=again, progress=tell)
    )
    _tell(table, output)
    if report:
        _report(table, output)


def converge(
    study: StudyFile,
    output: Output,
    workers: Workers = None,
    scheduler: Scheduler = None,
    cluster: Cluster = None,
    limit: Limit = 10_000,
) -> None:
    """Refine mesh, time step and iterations, and say how far each measure still moves.

    Writes convergence.json; every table of the same results folder then carries it as its error bars.

    Example:  [cyan]vesalius study converge study.toml -o results[/]
    """
    from rich.console import Console
    from rich.table import Table

    from scenarios.study import read_study
    from scenarios.study.convergence import converge as refine
    from viewer.headline import figure, unit

    asked = read_study(study)
    place = _place(workers, scheduler, cluster, asked.cluster)
    found = _stopping_cleanly(output, lambda tell: refine(asked, output, workplace=place, limit=limit, progress=tell))
    rows = Table(title="How far each measure may still move", title_justify="left")
    for name in ("measure", *(one.path for one in next(iter(found.refinements.values()))), "error bar", "unit"):
        rows.add_column(name, justify="left" if name in ("measure", "unit") else "right")
    for measure, refinements in found.refinements.items():
        errors = [one.error for one in refinements]
        shown = [figure(error) if error is not None else "not known" for error in (*errors, found.error_bar(measure))]
        rows.add_row(measure, *shown, unit(found.table.unit(measure)) or "–")
    Console().print(rows)
    typer.echo(f"Written to {output / 'convergence.json'}.")


def report(folder: StudyFolder) -> None:
    """Write report.html of a study again, finished or not.

    Example:  [cyan]vesalius study report results[/]
    """
    from scenarios.study import open_table

    table = open_table(folder)
    _tell(table, folder)
    _report(table, folder)


def show(
    folder: StudyFolder,
    row: Annotated[int | None, typer.Option(metavar="N", help="Number of the run.", show_default=False)] = None,
    largest: Annotated[
        str | None, typer.Option(metavar="MEASURE", help="The run where this is largest.", show_default=False)
    ] = None,
    smallest: Annotated[
        str | None, typer.Option(metavar="MEASURE", help="The run where this is smallest.", show_default=False)
    ] = None,
    screenshot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write this PNG instead of opening a window.", show_default=False)
    ] = None,
) -> None:
    """Open one run of a study in the window.

    A run whose fields were not kept is rehearsed again first, with the same result.

    Example:  [cyan]vesalius study open results --largest "minimum lumen area after"[/]
    """
    from rich.console import Console

    from meshing.errors import InputError
    from scenarios.study import open_table
    from viewer.window import open_window, write_screenshot

    if sum(one is not None for one in (row, largest, smallest)) != 1:
        raise InputError("Say which run to open, with one of --row, --largest and --smallest.")
    table = open_table(folder)
    chosen = table.row(row) if row is not None else table.best(str(largest or smallest), largest=largest is not None)
    varied = ", ".join(f"{path} = {chosen.parameters[path]}" for path in table.study.vary)
    console = Console()
    console.print(f"Run {chosen.number}: {varied}.", highlight=False, markup=False, soft_wrap=True)
    with console.status("Rehearsing it again, unless it was kept"):
        recording = chosen.rehearsal()
    if screenshot is None:
        open_window(recording)
        return
    write_screenshot(recording, screenshot)
    typer.echo(f"Picture: {screenshot}")


def schema() -> None:
    """Print the JSON schema of study.toml, for editors that check as you write.

    Example:  [cyan]vesalius study schema > study.schema.json[/]
    """
    import json

    from scenarios.study import Study

    typer.echo(json.dumps(Study.model_json_schema(), indent=1, ensure_ascii=False))


def parameters(
    source: Annotated[str, typer.Argument(metavar="STUDY.toml|CASE", help="A study, an embedded case or a patient's file.")],
) -> None:
    """List what can be varied, with units, defaults and ranges.

    Example:  [cyan]vesalius study parameters iliac[/]
    """
    from rich.console import Console
    from rich.table import Table

    from scenarios.study import Study, read_study

    scenario = (read_study(Path(source)) if source.endswith(".toml") else Study(source)).scenario
    rows = Table(title=f"Parameters of {scenario.name}", title_justify="left")
    for name in ("path", "default", "unit", "range", "what it is"):
        rows.add_column(name, overflow="fold")
    for one in scenario.parameters():
        default = "–" if one.default is None else f"{one.default:g}" if not isinstance(one.default, str) else one.default
        limits = "" if one.is_word or one.low == -float("inf") else f"{one.low:g} to {one.high:g}"
        rows.add_row(one.path, default, one.unit, limits, one.says)
    Console().print(rows)


def _stopping_cleanly(output: Path, work: Any) -> Any:
    """Run something with its progress shown, and leave with a sentence where it had to stop."""
    from rich.console import Console

    from scenarios.study.engine import EngineLost
    from scenarios.study.store import DiskFull

    try:
        with study_progress(Console()) as tell:
            return work(tell)
    except KeyboardInterrupt:
        typer.echo(f"Stopped. What was done is kept in {output}; start the same command again to go on.", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except (DiskFull, EngineLost) as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(EXIT_STOPPED) from None


def _tell(table: Any, output: Path) -> None:
    counts = table.frame["status"].value_counts()
    words = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    typer.echo(f"Runs: {words}. Table: {output / 'table.parquet'}")


def _report(table: Any, output: Path) -> None:
    from viewer.study_report import write_study_report

    typer.echo(f"Report: {write_study_report(table, output)}")


study_app = typer.Typer(
    name="study", cls=StudyGroup, no_args_is_help=True, rich_markup_mode="rich",
    help="Run one scenario many times under what is chosen and what is uncertain, and compare.",
)  # fmt: skip
for command, named in (
    (run, "run"), (converge, "converge"), (report, "report"), (show, "open"), (parameters, "parameters"), (schema, "schema"),
):  # fmt: skip
    study_app.command(name=named, cls=PlainCommand)(command)
