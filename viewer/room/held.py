"""A recording as far as it holds: played where it can be, with what is missing said."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from meshing.errors import InputError
from scenarios.outcome import Outcome, assess
from scenarios.passage.assessing import assess_passage
from scenarios.passage.passage import Passage
from scenarios.recording import FORMAT, load_recording


@dataclasses.dataclass(frozen=True, eq=False)
class Held:
    """What a folder holds of a recording.

    Attributes
    ----------
    folder, name
        Where it is, and what was rehearsed or passed through.
    rows
        Its ticks, as they were written.
    recording
        The recording; None where its shapes cannot be read.
    readable
        Numbers of the sampled states whose files can be read.
    missing
        What is not there, in sentences.
    """

    folder: Path
    name: str
    rows: list[dict[str, Any]]
    recording: Any
    readable: tuple[int, ...]
    missing: tuple[str, ...]

    @property
    def is_passage(self) -> bool:
        """Whether wires were pushed, instead of a stent opened."""
        if self.recording is not None:
            return isinstance(self.recording.case, Passage)
        return any("tip_mm" in (row.get("senses") or {}) for row in self.rows)

    @property
    def frame_times(self) -> np.ndarray:
        """When the sampled states that can be read are [s], shape (n,)."""
        if self.recording is None:
            return np.zeros(0)
        return np.array([self.recording.ticks[self.recording.frame_ticks[one] - 1]["time_s"] for one in self.readable])

    @property
    def end_s(self) -> float:
        """Its last time [s]."""
        return float(self.rows[-1]["time_s"]) if self.rows else 0.0

    def number_at(self, time_s: float) -> int | None:
        """Number of the last readable state at or before a time [s], the first one before all; None if there is none."""
        times = self.frame_times
        if not len(times):
            return None
        return self.readable[max(int(np.searchsorted(times, time_s + 1e-9, side="right")) - 1, 0)]

    @property
    def events(self) -> list[tuple[float, str]]:
        """What happened: time [s] and sentence."""
        return [(float(row["time_s"]), words) for row in self.rows for words in row.get("events", ())]

    def outcome(self) -> Outcome | None:
        """Its measures: those that lie in the folder, else taken now; None where there is nothing to take them of."""
        try:
            return Outcome.load(self.folder / "outcome.json")
        except InputError:
            if self.recording is None or not self.readable:
                return None
        try:
            return (assess_passage if self.is_passage else assess)(self.recording)
        except (InputError, ValueError, LookupError):
            return None


def hold(folder: Path) -> Held:
    """Open a recording as far as it can be.

    Raises
    ------
    InputError
        If the folder holds nothing of one.
    """
    inside = Path(folder) / "recording"
    if not inside.is_dir():
        makers = "`vesalius room`, `vesalius rehearse` or `vesalius navigate`"
        raise InputError(f"The folder {folder} holds no recording; name one that {makers} made.")
    missing: list[str] = []
    header = _header(inside / "header.json", missing)
    try:
        recording: Any = load_recording(folder, of_any_layout=True, passage_too=True)
    except Exception as error:
        # What another version or a damaged disk left behind may fail in any way; its curves may still be there.
        missing.append(f"The shapes cannot be shown: {str(error).rstrip('.') or type(error).__name__}.")
        recording = None
    rows = _rows(inside / "ticks.jsonl", missing)
    if recording is None:
        if not rows:
            raise InputError(f"Nothing of the recording in {folder} can be read: {' '.join(missing)}")
        return Held(Path(folder), Path(folder).name, rows, None, (), tuple(missing))
    readable = []
    for number, tick in enumerate(recording.frame_ticks):
        try:
            recording.arrays(number)
            readable.append(number)
        except InputError:
            missing.append(f"The state at {recording.ticks[tick - 1]['time_s']:.2f} s cannot be read.")
    if rows and not header.get("complete"):
        missing.append(f"The procedure was not ended: the recording stops at {rows[-1]['time_s']:.2f} s.")
    if not readable:
        missing.append("It holds no state that can be shown.")
    return Held(Path(folder), recording.case.name, rows, recording, tuple(readable), tuple(missing))


def _header(path: Path, missing: list[str]) -> dict[str, Any]:
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        missing.append("Its header is lost.")
        return {}
    if header.get("format") != FORMAT:
        missing.append(f"It has layout {header.get('format')}, this program writes {FORMAT}; what both know is shown.")
    return header


def _rows(path: Path, missing: list[str]) -> list[dict[str, Any]]:
    """The ticks that can be read, up to the first that cannot."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        missing.append("Its list of ticks is lost.")
        return []
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            rows.append({**row, "time_s": float(row["time_s"])})
        except (ValueError, KeyError, TypeError):
            missing.append(f"Its ticks cannot be read from number {number} of {len(lines)} on.")
            break
    return rows
