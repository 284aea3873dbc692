"""The folder that a rehearsal leaves behind: report, pictures, measures, meshes, and the recording."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meshing.errors import InputError
from viewer.exports import write_states
from viewer.figures import write_pictures
from viewer.report import write_report

OWN_FOLDERS = ("recording", "pictures")
OWN_FILES = ("report.html", "outcome.json", "wall*.vtu", "lumen*.vtp", "stent*.vtp", "centreline.vtp")
MESH_FILES = ("mesh.vtu", "mesh.png", "quality.png", "quality.txt", "provenance.json")


def prepare_folder(folder: Path, *, overwrite: bool) -> None:
    """Make the output folder, and clear earlier results of ours from it when that was asked for; nothing else is touched.

    Raises:
        InputError: the folder is a file, cannot be written, or holds earlier results and `overwrite` is false.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, not a folder; name another with -o.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be made ({error.strerror}); name another with -o.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"The folder {folder} cannot be written to; name another with -o.")
    earlier = [folder / name for name in OWN_FOLDERS if (folder / name).is_dir()]
    earlier += [path for pattern in (*OWN_FILES, *MESH_FILES) for path in folder.glob(pattern) if path.is_file()]
    if not earlier:
        return
    if not overwrite:
        raise InputError(
            f"The folder {folder} already holds results ({earlier[0].name}); name another with -o, or give --overwrite."
        )
    for path in earlier:
        if path.is_symlink() or path.is_file():
            path.unlink()
        else:
            shutil.rmtree(path)


def write_results(recording: Any, outcome: Any, folder: Path, *, progress: Callable[[float, str], None] | None = None) -> Path:
    """Write outcome.json, meshes, pictures and the report into a folder, and give the report's path."""
    tell = progress or (lambda fraction, text: None)
    tell(0.0, "measures")
    outcome.save(folder / "outcome.json")
    tell(0.05, "meshes")
    write_states(recording, folder)
    pictures = write_pictures(
        recording, outcome, folder / "pictures", progress=lambda fraction, text: tell(0.15 + 0.8 * fraction, text)
    )
    tell(0.95, "report")
    report = write_report(outcome, pictures, folder / "report.html", title=f"Rehearsal of {recording.case.name}")
    tell(1.0, "")
    return report
