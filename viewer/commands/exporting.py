"""The command that hands a rehearsal to other programs: `export`."""

from pathlib import Path
from typing import Annotated

import typer

from viewer.commands.options import Output, Overwrite


def export(
    folder: Annotated[Path, typer.Argument(metavar="REHEARSAL", help="Folder that a rehearsal wrote.")],
    output: Output,
    overwrite: Overwrite = False,
) -> None:
    """Write a rehearsal for other programs: 3D Slicer, ParaView, mesh editors.

    Walls with their fields (.vtu), surfaces (.vtp, .stl), the stent as tubes and lines (.vtp), tissues as labelled voxels with
    their codes (.seg.nrrd), centreline, lesion and landing zone as markups (.mrk.json), and open_in_slicer.py. All of it is in
    LPS millimetres. Needs no solver.

    Example:  [cyan]vesalius export demo -o for-slicer[/]
    """
    from rich.console import Console

    from meshing.errors import InputError
    from scenarios.recording import load_recording
    from viewer.commands.progress import progress_of
    from viewer.exchange import write_exchange
    from viewer.phases import kept_frames
    from viewer.results import fresh_folder

    recording = load_recording(folder)
    kept_frames(recording)
    if output.resolve() == folder.resolve():
        raise InputError(f"{output} is the rehearsal itself; name another folder with -o.")
    console = Console()
    with fresh_folder(output, overwrite=overwrite) as fresh, progress_of("Export", console) as progress:
        written = write_exchange(recording, fresh, progress=progress)
    console.print(f"{len(written)} files: {output}", highlight=False, markup=False, soft_wrap=True)
    script = output / "open_in_slicer.py"
    console.print(f"3D Slicer: Slicer --python-script {script}", highlight=False, markup=False, soft_wrap=True)
