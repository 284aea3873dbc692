"""The folder of a study: one file a finished run, written at one stroke by the worker that did it."""

import contextlib
import errno
import json
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from meshing.errors import InputError

DISK_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.ENAMETOOLONG}
"""What an operating system says when a file cannot be written for want of a disk."""


class DiskFull(RuntimeError):
    """Nothing more can be written; what was done is kept."""


class Store:
    """A results folder.

    `study.json` says whose it is, `design.json` which points are run, `runs/ab/abcd….json` what a run came to; `.log` beside
    it is there while it runs and stays where it went wrong. `fields` holds what is kept of runs, `shared` what they share.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)

    def run_file(self, key: str) -> Path:
        """Where a run's result stands."""
        return self.folder / "runs" / key[:2] / f"{key}.json"

    def log_file(self, key: str) -> Path:
        """Where a run's attempts and what went wrong in them stand."""
        return self.run_file(key).with_suffix(".log")

    def fields_folder(self, key: str) -> Path:
        """Where a run's fields are kept."""
        return self.folder / "fields" / key

    def finished(self, key: str) -> dict[str, Any] | None:
        """What a run came to; None if it has not finished, or its file is damaged."""
        try:
            return json.loads(self.run_file(key).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def finish(self, key: str, row: Mapping[str, Any]) -> None:
        """Write what a run came to.

        Raises
        ------
        DiskFull
            If it cannot be written.
        """
        write_json(self.run_file(key), row)

    def finished_keys(self) -> set[str]:
        """Keys of all runs that have finished."""
        return {path.stem for path in (self.folder / "runs").glob("*/*.json")}

    def read(self, name: str) -> dict[str, Any] | None:
        """A file of the folder itself, such as "study.json"; None if it is not there.

        Raises
        ------
        InputError
            If it is damaged.
        """
        path = self.folder / name
        if not path.is_file():
            return None
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"The file {path} cannot be read ({error}); name another folder.") from error

    def write(self, name: str, content: Any) -> None:
        """Write a file of the folder itself at one stroke."""
        write_json(self.folder / name, content, indent=1)

    @contextlib.contextmanager
    def owned(self) -> Iterator[None]:
        """Hold the folder against every other client; the operating system lets go when this process ends, however it does.

        Raises
        ------
        InputError
            If another client holds it, or it cannot be made.
        """
        from filelock import FileLock, Timeout

        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"{self.folder} is a file, not a folder; name another with -o.")
        try:
            (self.folder / "runs").mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / ".lock")
            lock.acquire(timeout=0)
        except Timeout:
            holder = self.read("client.json") or {}
            who = f" (process {holder.get('pid')} on {holder.get('host')})" if holder else ""
            raise InputError(
                f"Another client{who} is at work in {self.folder}; wait for it or stop it, or name another folder with -o."
            ) from None
        except OSError as error:
            raise InputError(f"The folder {self.folder} cannot be written ({error.strerror}); name another with -o.") from error
        try:
            with _disk():
                self.write("client.json", {"pid": os.getpid(), "host": socket.gethostname()})
            yield
        finally:
            with contextlib.suppress(OSError):
                (self.folder / "client.json").unlink()
            lock.release()


def write_json(path: Path, content: Any, *, indent: int | None = None) -> None:
    """Write JSON to a file at one stroke: a reader finds the old file or the whole new one, whatever happens meanwhile.

    Raises
    ------
    DiskFull
        If there is no room, or the disk fails.
    """
    text = json.dumps(content, indent=indent, ensure_ascii=False, allow_nan=False)
    with _disk():
        write_whole(path, text.encode())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file at one stroke, on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}-{socket.gethostname()}-{os.getpid()}.part")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    """Tell a fault of the disk from a fault of the program."""
    try:
        yield
    except OSError as error:
        raise disk_full(error) from error


def disk_full(error: OSError) -> DiskFull:
    """The sentence for a disk that takes nothing more."""
    where = f" ({error.filename})" if error.filename else ""
    return DiskFull(
        f"The results cannot be written: {error.strerror or error}{where}. Make room and start the same command again."
    )


def is_disk_fault(error: BaseException) -> bool:
    """Whether an error comes from a disk that is full or fails."""
    return isinstance(error, OSError) and error.errno in DISK_FAULTS
