"""The command `navigate`: push wires and catheters through a vessel."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from viewer.commands.options import Backend, BackendOption, Labels, Output, Overwrite, Thickness, UnitsOption
from viewer.commands.plainly import EXIT_DIVERGED, EXIT_INTERRUPTED

CAPTIONS = {
    "passage": "The vessel seen through, with the wires in it, from the first state to the last.",
    "handling": "How far hands and foremost points have gone, and what the wires press on the wall with.",
}


class Access(str, Enum):
    """From which end of the vessel's path."""

    FAR = "far end"
    ROOT = "root"


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
    access: Annotated[Access, typer.Option(help="End of the vessel's path from which wires come in.")] = Access.FAR,
    rigid: Annotated[bool, typer.Option("--rigid", help="Hold the wall rigid: many times quicker, and it cannot yield.")] = False,
    label: Labels = None,
    branch: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Which way through a branching vessel, 0 the longest.", show_default=False),
    ] = None,
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
    from scenarios.passage.passage import plan_passage
    from scenarios.passage.script import across, read_script
    from viewer.commands.inputs import tell_notes
    from viewer.commands.progress import progress_of
    from viewer.results import prepare_folder

    steps = read_script(script) if script is not None else None
    console = _console()
    prepare_folder(output, overwrite=overwrite)
    with progress_of("Plan", console) as progress:
        passage = plan_passage(
            source, wires=wire, labels=tuple(label or ()), units=units and units.value, branch=branch, access=access.value,
            thickness_mm=thickness, rigid=rigid, progress=progress,
        )  # fmt: skip
    chosen = steps or across(passage)
    chosen.check(passage)
    tell_notes(console, passage.notes)
    _run(passage, chosen, output, backend.value, console)


def _console() -> Any:
    from rich.console import Console

    return Console()


def _run(passage: Any, script: Any, output: Path, backend: str, console: Any) -> None:
    """Navigate, measure and write everything down, also what an interrupted or a diverged run has left."""
    from scenarios.passage.assessing import assess_passage
    from scenarios.passage.navigate import navigate as run
    from scenarios.recording import load_recording
    from sim.solvers.settings import DivergedError
    from viewer.commands.progress import progress_of
    from viewer.passage_pictures import passage_pictures
    from viewer.report import embedded, provenance, rendered

    exit_code, why = 0, ""
    try:
        with progress_of("Passage", console) as progress:
            run(passage, output, script=script, backend_name=backend, progress=progress)
    except DivergedError as error:
        exit_code, why = EXIT_DIVERGED, str(error)
    except KeyboardInterrupt:
        exit_code, why = EXIT_INTERRUPTED, "The run was interrupted."
    recording = load_recording(output)
    if not recording.frame_ticks:
        raise typer.Exit(exit_code or 1)
    outcome = assess_passage(recording)
    outcome.save(output / "outcome.json")
    pictures = passage_pictures(recording, output / "pictures")
    line = said_of(outcome)
    page = rendered(
        "report.html",
        title=f"Passage through {passage.name}",
        headline=line,
        key_figures=[(one.name, f"{one.value:.3g} {one.unit}") for one in outcome.measures if "peak" in one.name],
        pictures=[(name, embedded(pictures[name]), caption) for name, caption in CAPTIONS.items()],
        measures=outcome.measures,
        beside=[],
        provenance=provenance(outcome),
        notes=outcome.notes,
    )
    (output / "report.html").write_text(page, encoding="utf-8")
    for event in recording.events:
        console.print(event, highlight=False)
    console.print(line, highlight=False)
    console.print(f"Report: {output / 'report.html'}", highlight=False, soft_wrap=True)
    if why:
        console.print(why, highlight=False)
        raise typer.Exit(exit_code)


def said_of(outcome: Any) -> str:
    """Say in a sentence how far the wires came and how hard they pressed."""
    figures = {one.name: one.value for one in outcome.measures}
    parts = []
    for name in dict.fromkeys(one.name.split(": ")[0] for one in outcome.measures if ": " in one.name):
        parts.append(
            f"The {name} came to {figures[f'{name}: farthest place']:.0f} mm along the way and pressed on the wall with up to "
            f"{figures[f'{name}: peak wall force']:.3g} N, its tip with up to {figures[f'{name}: peak tip force']:.3g} N."
        )
    return " ".join(parts)
