"""The command that takes an X-ray picture of a rehearsal: `xray`."""

from pathlib import Path
from typing import Annotated

import typer


def xray(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that a rehearsal wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.png", help="Picture to write.", show_default=False)],
    lao: Annotated[float, typer.Option(metavar="DEG", help="Primary angle: LAO is positive, RAO negative.")] = 0.0,
    cra: Annotated[float, typer.Option(metavar="DEG", help="Secondary angle: CRA is positive, CAU negative.")] = 0.0,
    square: Annotated[
        bool, typer.Option("--square", help="Turn to the nearest view that does not foreshorten the stented segment.")
    ] = False,
    contrast: Annotated[bool, typer.Option("--contrast", help="With contrast agent in the lumen.")] = False,
    dsa: Annotated[bool, typer.Option("--dsa", help="With contrast agent, subtracted from a mask taken before.")] = False,
    time: Annotated[
        float | None,
        typer.Option(metavar="S", help="Moment of the rehearsal, in s; without it, the last.", show_default=False),
    ] = None,
    field: Annotated[float, typer.Option(metavar="MM", help="Side of the detector's field.")] = 160.0,
    kv: Annotated[int, typer.Option(metavar="KV", help="Voltage of the tube: 60 to 120 by tens.")] = 80,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Label map of the organs about the vessel; without it they are made up.", show_default=False
        ),
    ] = None,
) -> None:
    """Take an X-ray picture of a rehearsal, as a C-arm would see it.

    The picture is simulated. What surrounds the vessel is made up unless [cyan]--labels[/] gives it.

    Examples:

      [cyan]vesalius xray demo -o stent.png --lao 20 --cra 10[/]

      [cyan]vesalius xray demo -o filled.png --square --dsa[/]
    """
    from meshing.labels import read_labels
    from scenarios.recording import load_recording
    from viewer.playback import frame_nearest
    from viewer.png_files import require_png
    from viewer.xray.stills import write_still, xray_still

    require_png(output)
    recording = load_recording(folder)
    sampled = frame_nearest(recording, time)
    frame, image, lines = xray_still(
        recording, sampled, lao_deg=lao, cra_deg=cra, square=square, contrast=contrast, subtract=dsa, field_mm=field, tube_kv=kv,
        labels=None if labels is None else read_labels(labels),
    )  # fmt: skip
    write_still(image, output, label=frame.label, lines=lines)
    typer.echo(f"{frame.label}: {output}")
