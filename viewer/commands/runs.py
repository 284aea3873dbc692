"""Commands that rehearse: `demo`, `rehearse`, `rerun`."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from meshing.errors import InputError
from viewer.commands.options import (
    Access,
    AccessOption,
    At,
    Backend,
    BackendOption,
    Branch,
    Catheter,
    DeviceName,
    Labels,
    Output,
    Over,
    Overwrite,
    Postdilate,
    Predilate,
    Pressure,
    Release,
    Script,
    Then,
    Thickness,
    UnitsOption,
)
from viewer.commands.plainly import EXIT_BAD_INPUT, EXIT_DIVERGED, EXIT_INTERRUPTED

EMBEDDED_CASE = "iliac"


def demo(
    output: Output = Path("vesalius-demo"),
    backend: BackendOption = Backend.auto,
    overwrite: Overwrite = False,
) -> None:
    """Rehearse the embedded case, a narrowed iliac artery.

    An eccentric, partly calcified stenosis is opened by a stent on its balloon.
    Takes a few minutes on two processor cores. Open report.html in the output folder when it is done.

    Example:  [cyan]vesalius demo -o demo[/]
    """
    _rehearse(EMBEDDED_CASE, output, backend=backend, overwrite=overwrite)


def rehearse(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT_OR_CASE", help="Label map, closed surface (.stl .vtp .ply .obj), or a case of [cyan]vesalius cases[/]."
        ),
    ],
    output: Output,
    label: Labels = None,
    device: DeviceName = None,
    at: At = None,
    branch: Branch = None,
    pressure: Pressure = None,
    release: Release = None,
    predilate: Predilate = None,
    postdilate: Postdilate = None,
    then: Then = None,
    over: Over = None,
    catheter: Catheter = None,
    access: AccessOption = Access.FAR,
    script: Script = None,
    thickness: Thickness = None,
    units: UnitsOption = None,
    geometry_only: Annotated[
        bool,
        typer.Option(
            "--geometry-only", help="Set the stent to its nominal diameter within seconds, without solving forces, and say so."
        ),
    ] = False,
    rigid: Annotated[
        bool,
        typer.Option("--rigid", help="With [cyan]--geometry-only[/]: the wall stays, the stent opens to the lumen."),
    ] = False,
    backend: BackendOption = Backend.auto,
    overwrite: Overwrite = False,
) -> None:
    """Rehearse a stent in a patient's vessel.

    Writes pictures, measures, a report and a recording to the output folder.

    Examples:

      [cyan]vesalius rehearse patient_seg.nii.gz --label aorta -o patient[/]

      [cyan]vesalius rehearse ct_labels.nii.gz --label 52 --label 65 --at 120 --device "balloon-expandable 8x30" -o patient[/]

      [cyan]vesalius rehearse iliac --predilate "5x20" --postdilate "non-compliant balloon 8x20@14" -o out[/]

      [cyan]vesalius rehearse iliac --device "self-expanding 9x30" --postdilate "non-compliant balloon 8x20" -o out[/]

      [cyan]vesalius rehearse iliac --then "balloon-expandable 8x15@9, overlap 4 distal" -o out[/]

      [cyan]vesalius rehearse iliac --over "Amplatz stiff 0.035 straight" -o out[/]

      [cyan]vesalius rehearse carotid.stl --units mm --branch 1 -o carotid[/]

      [cyan]vesalius rehearse iliac --device "balloon-expandable 6x30" --geometry-only -o quick[/]
    """
    from scenarios.delivery.script import read_script

    _require_devices(device, pressure, release, then or ())
    steps = read_script(script) if script is not None else None
    if steps is not None and (pressure is not None or release is not None or geometry_only):
        other = "--geometry-only" if geometry_only else "--pressure" if pressure is not None else "--release"
        raise InputError(f"A script tells pressures and releases itself, with forces; leave {other} out, or leave --script out.")
    choices = {
        "labels": tuple(label or ()),
        "device": device,
        "at_mm": at,
        "branch": branch,
        "predilate": predilate,
        "postdilate": postdilate,
        "then": tuple(then or ()),
        "over": _access(over, catheter, access),
        "thickness_mm": thickness,
        "units": units and units.value,
    }
    if geometry_only:
        _place(source, output, overwrite=overwrite, pressure_atm=pressure, release=release, rigid=rigid, **choices)
    elif rigid:
        raise InputError("--rigid goes with --geometry-only; the engine's wall always gives way.")
    else:
        how = {"pressure_atm": pressure, "release": release, "script": steps}
        _rehearse(source, output, backend=backend, overwrite=overwrite, **how, **choices)


def rerun(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that a rehearsal wrote.")],
    backend: Annotated[
        Backend | None,
        typer.Option(metavar="NAME", help="Processor to compute on; without it, the one of the recording.", show_default=False),
    ] = None,
) -> None:
    """Compute a recording again and compare every tick.

    Its commands are fed to a fresh solver, and the digests of the states compared.
    Exit status 0 when all are equal, 1 when they are not.

    Example:  [cyan]vesalius rerun demo[/]
    """
    from rich.console import Console

    from scenarios.rehearsal import rerun as run_again
    from viewer.commands.progress import progress_of

    console = Console()
    with progress_of("Rerun", console) as progress:
        result = run_again(folder, backend_name=backend and backend.value, progress=progress)
    if not result.equal:
        console.print(f"The rerun first differs from the recording at tick {result.first_difference_tick} of {result.ticks}.")
        raise typer.Exit(1)
    console.print(f"The rerun equals the recording in all {result.ticks} ticks.")


def _access(wire: str | None, catheter: str | None, access: Access) -> Any:
    """What devices go over, None where they are placed along the path; refuses names that are none before planning."""
    from scenarios.catalogue import find_wire
    from scenarios.delivery.access import Access as Asked

    if wire is None:
        if catheter is not None:
            raise InputError(f"The catheter {catheter!r} goes over a wire; name the wire with --over, or leave --catheter out.")
        return None
    for name in (wire, catheter):
        if name is not None:
            find_wire(name)
    return Asked(wire, catheter, from_far_end=access is Access.FAR)


def _require_devices(device: str | None, pressure_atm: float | None, release: str | None, then: Sequence[str]) -> None:
    """Refuse a pressure or a release that does not go with a device, or further stents there are not, before planning."""
    from scenarios.catalogue import find
    from scenarios.further_stents import Further
    from scenarios.procedure import opening_of

    if device is not None:
        opening_of(find(device), pressure_atm=pressure_atm, release=release)
    for words in then:
        find(Further.of(words).device)


def _rehearse(
    source: str,
    output: Path,
    *,
    backend: Backend,
    overwrite: bool,
    pressure_atm: float | None = None,
    release: str | None = None,
    script: Any = None,
    **choices: Any,
) -> None:
    """Plan, rehearse, measure and write everything down."""
    from rich.console import Console

    from scenarios.delivery.deliver import deliver
    from scenarios.delivery.hands import NotDeliveredError
    from scenarios.procedure import procedure_of
    from scenarios.rehearsal import rehearse as run
    from sim.solvers.settings import DivergedError
    from viewer.commands.inputs import tell_notes
    from viewer.commands.planning import planned
    from viewer.commands.progress import progress_of
    from viewer.commands.reporting import report_on_stent

    console, began = Console(), time.monotonic()
    case = planned(source, output, console, overwrite=overwrite, **choices)
    if script is not None:
        script.check(case)
    tell_notes(console, case.notes)
    planned_s = time.monotonic() - began
    try:
        with progress_of("Rehearsal", console) as progress:
            how = {"backend_name": backend.value, "progress": progress}
            if case.over is not None:
                recording = deliver(case, output, script=script, pressure_atm=pressure_atm, release=release, **how)
            elif script is not None:
                recording = run(case, output, procedure=script.procedure(case), **how)
            else:
                recording = run(case, output, procedure=procedure_of(case, pressure_atm=pressure_atm, release=release), **how)
    except NotDeliveredError as error:
        _tell_what_is_kept(f"Error: {error}", output)
        raise typer.Exit(EXIT_BAD_INPUT) from None
    except KeyboardInterrupt:
        _tell_what_is_kept("Stopped.", output)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except DivergedError as error:
        _tell_what_is_kept(f"Error: {error}", output)
        raise typer.Exit(EXIT_DIVERGED) from None
    first_s = planned_s + recording.header["run"]["first_tick_s"]
    console.print(f"The first tick was done {first_s:.0f} s after the command.", highlight=False)
    report_on_stent(recording, output, console, look=f"vesalius view {output}")


def _place(
    source: str,
    output: Path,
    *,
    overwrite: bool,
    pressure_atm: float | None,
    release: str | None,
    rigid: bool,
    **choices: Any,
) -> None:
    """Plan, open the stent by geometry alone, measure and write everything down."""
    from rich.console import Console

    from scenarios.geometric import NOTE, record_geometry
    from viewer.commands.inputs import tell_notes
    from viewer.commands.planning import planned
    from viewer.commands.reporting import report_on_stent

    if release is not None:
        raise InputError("--release goes with forces; geometry alone draws no sheath back.")
    if choices["predilate"] or choices["postdilate"]:
        raise InputError("Balloons before and after the stent need forces; leave them out, or leave --geometry-only out.")
    if choices["over"]:
        raise InputError("Geometry alone pushes no wire; leave --over out, or leave --geometry-only out.")
    if choices["then"]:
        raise InputError("Geometry alone opens one stent; leave --then out, or leave --geometry-only out.")
    console = Console()
    case = planned(source, output, console, overwrite=overwrite, **choices)
    tell_notes(console, case.notes)
    bore = None if pressure_atm is None else case.balloon.diameter(pressure_atm)
    recording = record_geometry(case, output, bore_mm=bore, rigid=rigid)
    console.print(f"{NOTE} It took {recording.header['run']['opening_s']:.2f} s.", highlight=False)
    report_on_stent(recording, output, console, look=f"vesalius view {output}")


def _tell_what_is_kept(sentence: str, output: Path) -> None:
    kept = any((output / "recording" / "frames").glob("*.npz"))
    rest = f"What was recorded is kept; look at it with: vesalius view {output}" if kept else "Nothing was recorded yet."
    typer.echo(f"{sentence} {rest}", err=True)
