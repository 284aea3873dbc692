"""The command `navigate`: push wires and catheters through a vessel."""

from pathlib import Path
from typing import Annotated, Any

import typer

from viewer.commands.options import (
    Access,
    AccessOption,
    Backend,
    BackendOption,
    Branch,
    Labels,
    Output,
    Overwrite,
    Thickness,
    UnitsOption,
)
from viewer.commands.plainly import EXIT_DIVERGED, EXIT_INTERRUPTED


def navigate(
    source: Annotated[
        str,
        typer.Argument(metavar="INPUT_OR_CASE", help="Label map, closed surface, or an embedded case such as iliac."),
    ],
    output: Output,
    wire: Annotated[
        list[str],
        typer.Option(
            "--wire",
            metavar="NAME",
            help="Wire, catheter or sheath of [cyan]vesalius devices[/]; again for each it slides in, from the innermost out.",
        ),
    ],
    script: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml", help="Steps to take; without it, each wire in turn to beyond the lesion.", show_default=False
        ),
    ] = None,
    access: AccessOption = Access.FAR,
    rigid: Annotated[bool, typer.Option("--rigid", help="Hold the wall rigid: many times quicker, and it cannot yield.")] = False,
    coaxial_friction: Annotated[
        float | None,
        typer.Option(
            metavar="MU", help="Friction of each wire in the one about it; 0.1, from memory, if not given.", show_default=False
        ),
    ] = None,
    label: Labels = None,
    branch: Branch = None,
    thickness: Thickness = None,
    units: UnitsOption = None,
    backend: BackendOption = Backend.auto,
    overwrite: Overwrite = False,
) -> None:
    """Push wires and catheters through a patient's vessel.

    They bend, slide, buckle and press on the wall, which yields. Steps of a script end at a place, or when the tip presses too
    hard. Writes forces, pictures, a report and a recording to the output folder.

    Examples:

      [cyan]vesalius navigate iliac --wire "heavy duty 0.035 straight" -o access[/]

      [cyan]vesalius navigate carotid.stl --units mm --wire "Amplatz plain 0.035 J" --rigid -o out[/]
    """
    from rich.console import Console

    from scenarios.passage.script import read_script
    from viewer.commands.inputs import tell_notes
    from viewer.commands.planning import planned_passage

    steps = read_script(script) if script is not None else None
    console = Console()
    friction = {} if coaxial_friction is None else {"coaxial_friction": coaxial_friction}
    passage = planned_passage(
        source, output, console, overwrite=overwrite, wires=wire, labels=tuple(label or ()), units=units and units.value,
        branch=branch, access=access.value, thickness_mm=thickness, rigid=rigid, **friction,
    )  # fmt: skip
    tell_notes(console, passage.notes)
    _run(passage, steps, output, backend.value, console)


def _run(passage: Any, script: Any, output: Path, backend: str, console: Any) -> None:
    """Navigate, measure and write everything down, also what an interrupted or a diverged run has left."""
    from scenarios.passage.navigate import navigate as run
    from scenarios.recording import load_recording
    from sim.solvers.settings import DivergedError
    from viewer.commands.progress import progress_of
    from viewer.commands.reporting import report_on_passage

    exit_code, why = 0, ""
    try:
        with progress_of("Passage", console) as progress:
            run(passage, output, script=script, backend_name=backend, progress=progress)
    except DivergedError as error:
        exit_code, why = EXIT_DIVERGED, f"Error: {error}"
    except KeyboardInterrupt:
        exit_code, why = EXIT_INTERRUPTED, "Stopped."
    if why and not any((output / "recording" / "frames").glob("*.npz")):
        typer.echo(f"{why} Nothing was recorded yet.", err=True)
        raise typer.Exit(exit_code)
    recording = load_recording(output, passage_too=True)
    for event in recording.events:
        console.print(event, highlight=False, markup=False, soft_wrap=True)
    report_on_passage(recording, output, console)
    if why:
        typer.echo(f"{why} What was recorded is kept.", err=True)
        raise typer.Exit(exit_code)
