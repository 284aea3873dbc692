"""The command `cases`: the cases that come with the program, what each is for, and how an expert's runs of it went."""

from pathlib import Path
from typing import Annotated, Any

import typer

from viewer.commands.devices import ListingGroup
from viewer.commands.options import Backend, BackendOption, Output, Overwrite
from viewer.commands.plainly import EXIT_DIVERGED, PlainCommand

CaseName = Annotated[str, typer.Argument(metavar="NAME", help="Name of a case in [cyan]vesalius cases[/].")]


def list_cases() -> None:
    """List the cases that come with the program, the easiest first.

    Example:  [cyan]vesalius cases[/]
    """
    from rich.console import Console

    from scenarios.limits import LIMITS_OF_USE
    from scenarios.stored_cases import stored_cases

    console = Console()
    for case in stored_cases():
        console.print(
            f"[bold]{case.name}[/]  {case.table.title}  [dim]({case.difficulty}; {case.table.origin})[/]", highlight=False
        )
        console.print(" ".join(case.table.aim.split()), markup=False, highlight=False)
        for line in case.table.watch:
            console.print(f"  - {line}", markup=False, highlight=False)
        console.print(f"  Expert's device: {case.table.expert.device}\n", markup=False, highlight=False)
    console.print("Rehearse one:  vesalius rehearse NAME -o FOLDER", markup=False, highlight=False)
    console.print(LIMITS_OF_USE, style="dim", markup=False, highlight=False)


def show(
    name: CaseName,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.png", help="Also draw the case into this file.", show_default=False),
    ] = None,
) -> None:
    """Show a case: its aim, its dimensions with their sources, the expert's plan and range, and draw it cut open.

    Example:  [cyan]vesalius cases show carotid -o carotid.png[/]
    """
    from rich.console import Console
    from rich.table import Table

    from scenarios.limits import LIMITS_OF_USE
    from scenarios.stored_cases import find_case
    from viewer.png_files import require_png

    case = find_case(name)
    if output is not None:
        require_png(output)
    console, table = Console(), case.table
    console.print(f"[bold]{table.title}[/]  [dim]({case.name}, {case.difficulty}; {table.origin})[/]", highlight=False)
    for line in (" ".join(table.aim.split()), *(f"  - {line}" for line in table.watch)):
        console.print(line, markup=False, highlight=False)
    rows = Table(title="Dimensions", title_justify="left")
    for column in ("dimension", "value", "unit", "source"):
        rows.add_column(column, justify="right" if column == "value" else "left")
    for what, one in table.dimensions.items():
        numbers = one.value if isinstance(one.value, tuple) else (one.value,)
        rows.add_row(
            what.replace("_", " "), ", ".join(f"{number:g}" for number in numbers), one.unit, " ".join(one.source.split())
        )
    console.print(rows)
    plan = table.expert
    pressures = ", ".join(f"{run.pressure_atm:g}" for run in plan.runs)
    console.print(
        f"Expert: {plan.device}, its middle {plan.at_mm:g} mm along the centreline, at {pressures} atm. {plan.why}",
        markup=False, highlight=False,
    )  # fmt: skip
    if case.expert_path.is_file():
        _show_ranges(console, case)
    console.print(LIMITS_OF_USE, style="dim", markup=False, highlight=False)
    if output is not None:
        from viewer.case_pictures import picture_of_case

        typer.echo(f"Picture: {picture_of_case(case, output)}")


def record(name: CaseName, output: Output, backend: BackendOption = Backend.auto, overwrite: Overwrite = False) -> None:
    """Rehearse a case as its expert would, and write what came of it.

    Each of the expert's runs is recorded in a folder of its own; expert.json holds their measures. Takes some minutes a run.

    Example:  [cyan]vesalius cases record iliac -o expert[/]
    """
    from rich.console import Console

    from scenarios.expert import record as run_expert
    from scenarios.stored_cases import find_case
    from sim.solvers.settings import DivergedError
    from viewer.commands.progress import progress_of
    from viewer.results import prepare_record_folder

    case, console = find_case(name), Console()
    prepare_record_folder(output, overwrite=overwrite)
    try:
        with progress_of("Expert's runs", console) as progress:
            run_expert(case.name, output, backend_name=backend.value, progress=progress)
    except DivergedError as error:
        typer.echo(f"Error: {error} No expert.json was written.", err=True)
        raise typer.Exit(EXIT_DIVERGED) from None
    console.print(f"Measures: {output / 'expert.json'}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"Look:     vesalius view {output / 'run 1'}", highlight=False, markup=False, soft_wrap=True)


def compare(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that a rehearsal of a stored case wrote.")],
) -> None:
    """Compare a rehearsal of a stored case with the range of the expert's runs, measure by measure.

    It says where each figure lies, not whether that is good.

    Example:  [cyan]vesalius cases compare mine[/]
    """
    from rich.console import Console

    from meshing.errors import InputError
    from scenarios.expert import beside_expert
    from scenarios.limits import LIMITS_OF_USE
    from scenarios.outcome import Outcome
    from viewer.results import require_rehearsal

    require_rehearsal(folder)
    found = beside_expert(Outcome.load(folder / "outcome.json"))
    if found is None:
        raise InputError(f"The rehearsal in {folder} is of no stored case, so no expert's runs lie beside it.")
    kept, rows = found
    console = Console()
    console.print(_ranges_table(f"{folder.name} beside the expert's {len(kept.runs)} runs of {kept.case}", rows, own=True))
    console.print(LIMITS_OF_USE, style="dim", markup=False, highlight=False)


def _show_ranges(console: Any, case: Any) -> None:
    from scenarios.expert import ExpertRecord

    kept = ExpertRecord.load(case.expert_path)
    console.print(_ranges_table(f"What came of the expert's {len(kept.runs)} runs", kept.ranges, own=False))


def _ranges_table(title: str, rows: Any, *, own: bool) -> Any:
    from rich.table import Table

    from viewer.headline import figure, unit

    table = Table(title=title, title_justify="left")
    for column in ("measure", *(["this one"] if own else []), "expert's range", "unit", *(["lies"] if own else [])):
        table.add_column(column, justify="right" if column in ("this one", "expert's range") else "left")
    for row in rows:
        spread = f"{figure(row.low)} – {figure(row.high)}"
        table.add_row(row.name, *([figure(row.own)] if own else []), spread, unit(row.unit), *([row.place] if own else []))
    return table


cases_app = typer.Typer(
    name="cases", cls=ListingGroup, rich_markup_mode="rich",
    help="List the cases that come with the program, show one, or run its expert's procedure.\n\n"
    "[cyan]vesalius cases[/] lists them all; rehearse one with [cyan]vesalius rehearse NAME -o FOLDER[/].",
)  # fmt: skip
for command, named in ((list_cases, "list"), (show, "show"), (record, "record"), (compare, "compare")):
    cases_app.command(name=named, cls=PlainCommand)(command)
