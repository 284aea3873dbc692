"""The command that draws slices of a rehearsal: `slices`."""

from pathlib import Path
from typing import Annotated

import typer


def slices(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that a rehearsal wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.png", help="Picture to write.", show_default=False)],
    time: Annotated[
        float | None,
        typer.Option(metavar="S", help="Moment of the rehearsal, in s; without it, the last.", show_default=False),
    ] = None,
    at: Annotated[
        float | None,
        typer.Option(
            metavar="MM", help="Where along the centreline the slices meet; without it, at the device.", show_default=False
        ),
    ] = None,
    field: Annotated[
        float | None,
        typer.Option(metavar="MM", min=1.0, help="How wide a slice is; without it, some vessel widths.", show_default=False),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Grey image of the patient, to lie behind the outlines.", show_default=False),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Label map to lie there; a stored case brings its own.", show_default=False),
    ] = None,
) -> None:
    """Draw axial, sagittal and coronal slices of a rehearsal, and one across the vessel.

    The vessel, as it lies at that moment, and what is in it are outlined over the image or the label map.

    Examples:

      [cyan]vesalius slices demo -o slices.png[/]

      [cyan]vesalius slices patient -o slices.png --image ct.nii.gz --time 1.5[/]
    """
    from scenarios.recording import load_recording
    from viewer.playback import frame_nearest
    from viewer.slices.deck import Deck
    from viewer.slices.volumes import volume_of_recording

    recording = load_recording(folder, passage_too=True)
    frame = frame_nearest(recording, time)
    deck = Deck(recording.case, volume_of_recording(recording, image=image, labels=labels))
    if at is not None:
        deck.put(at)
    if field is not None:
        deck.zoom(field / deck.field_mm)
    deck.write(output, frame, title=f"{recording.case.name}: {frame.phase}, {frame.time_s:.2f} s")
    typer.echo(f"Picture: {output}")
