"""The commands of the room: `room`, in which a person does the procedure, and `review`, which shows what was done."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from viewer.commands.options import (
    Access,
    AccessOption,
    At,
    Backend,
    BackendOption,
    Branch,
    DeviceName,
    Labels,
    Output,
    Overwrite,
    Thickness,
    UnitsOption,
)

Bindings = Annotated[
    Path | None,
    typer.Option("--bindings", metavar="FILE", help="Keys of your own, as TOML; see docs/room.md.", show_default=False),
]


Before = Annotated[
    str | None, typer.Option(metavar="BALLOON", help="A balloon on the tray for before the stent.", show_default=False)
]
Within = Annotated[
    str | None, typer.Option(metavar="BALLOON", help="A balloon on the tray for within the stent.", show_default=False)
]
Wires = Annotated[
    list[str] | None,
    typer.Option(
        "--wire",
        metavar="NAME",
        show_default=False,
        help="Push wires instead of opening a stent: a wire, catheter or sheath of [cyan]vesalius devices[/]; again for each it "
        "slides in, from the innermost out.",
    ),
]
SoftWall = Annotated[
    bool, typer.Option("--soft-wall", help="With --wire: a wall that yields; slower than the hand. Without it, it is rigid.")
]
ImageFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Grey image behind the slices, in the frame of the input; without it, its labels.",
        show_default=False,
    ),
]
Host = Annotated[
    str, typer.Option(metavar="ADDRESS", help="With --browser: which of this machine's addresses the page is served at.")
]
Port = Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="With --browser: its port; 0 for one that is free.")]


def room(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT_OR_CASE", help="Label map, closed surface (.stl .vtp .ply .obj), or an embedded case such as iliac."
        ),
    ],
    output: Output,
    label: Labels = None,
    device: DeviceName = None,
    at: At = None,
    branch: Branch = None,
    predilate: Before = None,
    postdilate: Within = None,
    wire: Wires = None,
    access: AccessOption = Access.FAR,
    soft_wall: SoftWall = False,
    bindings: Bindings = None,
    image: ImageFile = None,
    thickness: Thickness = None,
    units: UnitsOption = None,
    backend: BackendOption = Backend.auto,
    overwrite: Overwrite = False,
    browser: Annotated[bool, typer.Option("--browser", help="In a browser instead of a window; needs no display.")] = False,
    host: Host = "127.0.0.1",
    port: Port = 0,
) -> None:
    """Do the procedure by hand, in a window or a browser.

    X-rays while Space is held, I and K turn the indeflator, Down draws a self-expanding stent's sheath back, P lets time go on:
    docs/room.md has all keys. What was done is recorded as it goes; measures and a report are written when the window closes.

    Needs the extra [cyan]gui[/] (pip install 'vesalius[gui]') and a display, or with --browser the extra [cyan]web[/].

    Examples:

      [cyan]vesalius room iliac -o mine[/]

      [cyan]vesalius room patient_seg.nii.gz --label aorta --device "balloon-expandable 8x30" -o mine[/]

      [cyan]vesalius room iliac -o mine --browser[/]

      [cyan]vesalius room iliac -o mine --device "self-expanding 9x30" --postdilate "non-compliant balloon 8x20"[/]

      [cyan]vesalius room iliac -o mine --wire "heavy duty 0.035 J"[/]
    """
    from meshing.errors import InputError
    from scenarios.catalogue import find

    choices: dict[str, Any] = {
        "labels": tuple(label or ()), "branch": branch, "thickness_mm": thickness, "units": units and units.value,
    }  # fmt: skip
    stent = {"device": device, "at_mm": at, "predilate": predilate, "postdilate": postdilate}
    if wire:
        asked = [name for name, value in stent.items() if value is not None]
        if asked:
            raise InputError(f"With --wire no stent is opened, so --{asked[0].removesuffix('_mm')} has no meaning; leave it out.")
        choices |= {"wires": wire, "access": access.value, "rigid": not soft_wall}
    else:
        if device is not None:
            find(device)
        choices |= stent
    place = (host, port) if browser else None
    _do_by_hand(source, output, choices, bindings=bindings, backend=backend, overwrite=overwrite, place=place, image=image)


def review(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a recording.")],
    against: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of another, to be shown beside it.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write a page (.html) or a film (.mp4) instead of opening a window.",
            show_default=False,
        ),
    ] = None,
    bindings: Bindings = None,
    browser: Annotated[bool, typer.Option("--browser", help="In a browser instead of a window; needs no display.")] = False,
    host: Host = "127.0.0.1",
    port: Port = 0,
) -> None:
    """Look at what was done: scrub, play, and compare with another recording.

    Two recordings are shown in step, their measures and events beside each other, of a stent or of wires that were pushed. A
    recording that is damaged, or of another version of the program, plays as far as it holds, and what is missing is said.

    Examples:

      [cyan]vesalius review mine[/]

      [cyan]vesalius review mine --against expert -o page.html[/]

      [cyan]vesalius review mine --against expert --browser[/]  -  needs the extra [cyan]web[/] (pip install 'vesalius[web]')

      [cyan]vesalius review mine -o film.mp4[/]  -  needs the extra [cyan]video[/] (pip install 'vesalius[video]')
    """
    from meshing.errors import InputError

    folders = [folder] if against is None else [folder, against]
    if browser and output is not None:
        raise InputError(f"--browser serves a page and -o writes {output}; give one of them.")
    if output is None:
        both = f" --against {against}" if against else ""
        (check_browser if browser else check_window)(f"vesalius review {folder}{both} -o page.html")
        _open_review(folders, bindings, place=(host, port) if browser else None)
        return
    if output.suffix.lower() == ".mp4":
        _film(folders, output)
        return
    if output.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{output} ends neither in .html, for a page, nor in .mp4, for a film; give a name that does.")
    from viewer.room.comparing import write_comparison
    from viewer.room.held import hold

    typer.echo(f"Page: {write_comparison([hold(one) for one in folders], output)}")


def _film(folders: list[Path], output: Path) -> None:
    """Write recordings as a film."""
    from rich.console import Console

    from sim import backend
    from viewer.commands.progress import progress_of
    from viewer.room.filming import write_review
    from viewer.room.held import hold

    held = [hold(one) for one in folders]
    backend.current()
    with progress_of("Film", Console()) as progress:
        write_review(held, output, progress=progress)
    typer.echo(f"Film: {output}")


def check_window(instead: str) -> None:
    """Make sure that a window can be opened.

    Raises:
        InputError: there is no display, or the extra is not installed; names the command that does without.
    """
    from meshing.errors import InputError
    from viewer.window import display_is_there

    if not display_is_there():
        raise InputError(f"There is no display to open a window on; for pictures without one, use: {instead}")
    try:
        import PySide6.QtWidgets  # noqa: F401
        import pyvistaqt  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"The window needs what `pip install 'vesalius[gui]'` brings ({error}); for pictures without it, use: {instead}"
        ) from error


def check_browser(instead: str) -> None:
    """Make sure that the room, or a review, can be served to a browser.

    Raises:
        InputError: the extra is not installed; names the command that does without.
    """
    from meshing.errors import InputError

    try:
        import aiohttp.web  # noqa: F401  # pyright: ignore[reportMissingImports]
        import trame.app  # noqa: F401  # pyright: ignore[reportMissingImports]
        import trame_vtk.widgets  # noqa: F401  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InputError(
            f"The page in a browser needs what `pip install 'vesalius[web]'` brings ({error}); without it, use: {instead}"
        ) from error


def _do_by_hand(
    source: str,
    output: Path,
    choices: dict[str, Any],
    *,
    bindings: Path | None,
    backend: Backend,
    overwrite: bool,
    place: tuple[str, int] | None,
    image: Path | None,
) -> None:
    """Plan, open the window or serve the page, and write down what was done."""
    from rich.console import Console

    from viewer.commands.inputs import tell_notes
    from viewer.commands.plainly import EXIT_DIVERGED
    from viewer.commands.planning import planned, planned_passage
    from viewer.commands.progress import progress_of
    from viewer.room.bindings import read_bindings
    from viewer.room.opening import open_session
    from viewer.slices.volumes import volume_of_source

    instead = "navigate" if "wires" in choices else "rehearse"
    (check_window if place is None else check_browser)(f"vesalius {instead} {source} -o {output}")
    keys, console = read_bindings(bindings), Console()
    plan = planned_passage if "wires" in choices else planned
    case = plan(source, output, console, overwrite=overwrite, **choices)
    tell_notes(console, case.notes)
    volume = volume_of_source(source, case.path.points, image)
    with progress_of("Room", console) as progress:
        session = open_session(case, output, backend_name=backend.value, progress=progress)
    if place is None:
        from viewer.room.desktop.window import run_room

        wants_review = run_room(session, keys, volume=volume)
        _tell_what_was_done(session, output, console)
        if wants_review:
            _open_review([output], bindings)
    else:
        _serve(session, keys, place, output, console, volume)
    if session.error:
        raise typer.Exit(EXIT_DIVERGED)


def _serve(session: Any, keys: Any, place: tuple[str, int], output: Path, console: Any, volume: Any) -> None:
    """Serve the room until Ctrl-C."""
    from viewer.room.browser.host import run_browser
    from viewer.room.comparing import write_comparison
    from viewer.room.held import hold

    def after() -> Path | None:
        if not _tell_what_was_done(session, output, console):
            return None
        return write_comparison([hold(output)], output / "review.html")

    run_browser(session, keys, *place, tell=_teller(console, place[0]), after=after, volume=volume)


def _open_review(folders: list[Path], bindings: Path | None, *, place: tuple[str, int] | None = None) -> None:
    """Open the window on recordings, or serve the page of them at a place until Ctrl-C."""
    from rich.console import Console

    from sim import backend
    from viewer.room.bindings import read_bindings
    from viewer.room.comparing import sides_of
    from viewer.room.held import hold

    keys, held = read_bindings(bindings), [hold(one) for one in folders]
    backend.current()
    if place is None:
        from viewer.room.desktop.review import run_review

        run_review(sides_of(held), keys)
    else:
        from viewer.room.browser.review import run_review_page

        run_review_page(sides_of(held), keys, *place, tell=_teller(Console(), place[0]))


def _teller(console: Any, host: str) -> Callable[[str], None]:
    """What tells the address at which a page is served."""

    def tell(address: str) -> None:
        console.print(f"Open:   {address}", highlight=False, markup=False, soft_wrap=True)
        if not host.startswith("127."):
            console.print("It is served without encryption; whoever listens on the way can read the token and all that is shown.")
        console.print("Ctrl-C ends it.")

    return tell


def _tell_what_was_done(session: Any, output: Path, console: Any) -> bool:
    """Measure the recording and write the report, if time has passed at all; whether it has."""
    from meshing.errors import InputError
    from scenarios.passage.passage import Passage
    from scenarios.recording import load_recording
    from viewer.commands.reporting import report_on_passage, report_on_stent

    if session.error:
        typer.echo(f"Error: {session.error} What was recorded is kept.", err=True)
    recording = load_recording(output, passage_too=True)
    if not recording.frame_ticks:
        console.print("No time has passed, so there is nothing to measure.")
        return False
    try:
        if isinstance(recording.case, Passage):
            report_on_passage(recording, output, console)
        else:
            report_on_stent(recording, output, console, look=f"vesalius review {output}")
    except InputError as error:
        # Who looked about and left has done nothing wrong; what was done can be looked at all the same.
        console.print(f"No report: {error}", highlight=False, markup=False, soft_wrap=True)
    return True
