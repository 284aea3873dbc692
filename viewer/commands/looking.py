"""The command that shows a rehearsal: `view`."""

from pathlib import Path
from typing import Annotated

import typer


def view(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that a rehearsal wrote.")],
    screenshot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write this PNG instead of opening a window; needs no display.", show_default=False),
    ] = None,
    time: Annotated[
        float | None,
        typer.Option(metavar="S", help="Moment of the rehearsal to show, in s; without it, the last.", show_default=False),
    ] = None,
    colour: Annotated[str, typer.Option(help="What the vessel's colour tells: tissue, diameter or stress.")] = "tissue",
) -> None:
    """Show a rehearsal in a window, or as a picture.

    Orbit it with the mouse, scrub through time with the slider.

    Examples:

      [cyan]vesalius view demo[/]

      [cyan]vesalius view demo --time 1.5 --colour stress --screenshot inflated.png[/]
    """
    from scenarios.recording import load_recording
    from viewer.window import open_window, write_screenshot

    recording = load_recording(folder)
    if screenshot is None:
        open_window(recording, time_s=time, colour=colour)
        return
    write_screenshot(recording, screenshot, time_s=time, colour=colour)
    typer.echo(f"Picture: {screenshot}")
