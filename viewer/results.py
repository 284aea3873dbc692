"""The folder that a rehearsal leaves behind: report, pictures, measures, meshes, and the recording."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from meshing.errors import InputError
from scenarios.expert import beside_expert
from viewer.exports import write_states
from viewer.figures import write_pictures
from viewer.headline import passage_headline, said
from viewer.passage_pictures import passage_pictures
from viewer.report import write_report

OWN_FOLDERS = ("recording", "pictures", "undone *")
OWN_FILES = (
    "report.html", "outcome.json", "wall*.vtu", "lumen*.vtp", "stent*.vtp", "centreline.vtp", "review.html", "cine *.dcm",
    "cine *.gif", "cine *.mp4",
)  # fmt: skip
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
    earlier = [path for pattern in OWN_FOLDERS for path in folder.glob(pattern) if path.is_dir()]
    earlier += [path for pattern in (*OWN_FILES, *MESH_FILES) for path in folder.glob(pattern) if path.is_file()]
    _refuse(folder, earlier, overwrite=overwrite)
    _clear(earlier)


EXPORT_FILES = (
    "wall_*.vtu", "wall_*.vtp", "wall_*.stl", "lumen_*.vtp", "lumen_*.stl", "stent_*.vtp", "labels_*.seg.nrrd", "*.mrk.json",
    "open_in_slicer.py",
)  # fmt: skip
RECORD_FOLDERS, RECORD_FILES = ("run *",), ("expert.json",)


def require_rehearsal(folder: Path) -> None:
    """Refuse a folder in which no finished rehearsal lies.

    Raises:
        InputError: it is missing, or holds no rehearsal, or one that was not measured.
    """
    if not (folder / "recording" / "header.json").is_file():
        raise InputError(f"The folder {folder} holds no rehearsal; name one that `vesalius rehearse` or `vesalius demo` made.")
    if not (folder / "outcome.json").is_file():
        raise InputError(f"The rehearsal in {folder} has no outcome.json: it stopped before it was measured. Rehearse it again.")


def prepare_record_folder(folder: Path, *, overwrite: bool) -> None:
    """Make a folder for an expert's runs, and clear earlier ones from it when that was asked for; nothing else is touched.

    Raises:
        InputError: as `prepare_folder` does, and where the folder holds earlier runs and `overwrite` is false.
    """
    earlier = _found(folder, files=RECORD_FILES, folders=RECORD_FOLDERS)
    _refuse(folder, earlier, overwrite=overwrite)
    prepare_folder(folder, overwrite=overwrite)
    _clear(earlier)


@contextmanager
def fresh_folder(folder: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give an empty folder to write an export to; what it holds moves to `folder` when all of it is done, and not before.

    Raises:
        InputError: the folder is a file, cannot be written, or holds an earlier export or rehearsal and `overwrite` is false.
    """
    earlier = _found(folder, files=EXPORT_FILES)
    _refuse(folder, earlier, overwrite=overwrite)
    if (folder / "recording").is_dir():
        raise InputError(f"The folder {folder} holds a rehearsal; name another with -o.")
    existed = folder.is_dir()
    prepare_folder(folder, overwrite=overwrite)
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as fresh:
            yield Path(fresh)
            _clear(earlier)
            for path in sorted(Path(fresh).iterdir()):
                os.replace(path, folder / path.name)
    except BaseException:
        if not existed and not any(folder.iterdir()):
            folder.rmdir()
        raise


def _found(folder: Path, *, files: tuple[str, ...], folders: tuple[str, ...] = ()) -> list[Path]:
    if not folder.is_dir():
        return []
    found = [path for pattern in folders for path in sorted(folder.glob(pattern)) if path.is_dir()]
    return found + [path for pattern in files for path in sorted(folder.glob(pattern)) if path.is_file()]


def _refuse(folder: Path, earlier: list[Path], *, overwrite: bool) -> None:
    if earlier and not overwrite:
        raise InputError(
            f"The folder {folder} already holds results ({earlier[0].name}); name another with -o, or give --overwrite."
        )


def _clear(earlier: list[Path]) -> None:
    for path in earlier:
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
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
    beside = beside_expert(outcome)
    title = f"Rehearsal of {recording.case.name}"
    report = write_report(outcome, pictures, folder / "report.html", title=title, beside=beside[1] if beside else ())
    tell(1.0, "")
    return report


def write_passage_results(
    recording: Any, outcome: Any, folder: Path, *, progress: Callable[[float, str], None] | None = None
) -> Path:
    """Write outcome.json, pictures and the report of wires that were pushed into a folder, and give the report's path."""
    tell = progress or (lambda fraction, text: None)
    outcome.save(folder / "outcome.json")
    tell(0.1, "pictures")
    pictures = passage_pictures(recording, folder / "pictures")
    tell(0.9, "report")
    report = write_report(
        outcome, pictures, folder / "report.html", title=f"Passage through {recording.case.name}",
        line=passage_headline(outcome), figures=[(one.name, said(one)) for one in outcome.measures if "peak" in one.name],
    )  # fmt: skip
    tell(1.0, "")
    return report
