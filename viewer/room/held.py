"""A recording as far as it holds: played where it can be, with what is missing said; and its figures against time."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from meshing.errors import InputError
from scenarios.devices.lattice import ATMOSPHERE
from scenarios.outcome import Outcome, assess
from scenarios.recording import FORMAT, load_recording
from viewer.room.lumen_gauge import LumenGauge


@dataclasses.dataclass(frozen=True, eq=False)
class Held:
    """What a folder holds of a recording.

    Attributes
    ----------
    folder, name
        Where it is, and what was rehearsed.
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
            return assess(self.recording)
        except (InputError, ValueError):
            return None


@dataclasses.dataclass(frozen=True, eq=False)
class Courses:
    """Figures against time, each with its own times [s]: pressure [atm], sheath's way back [mm], lumen's smallest diameter at the
    lesion [mm], force [N].

    The sheath's are empty where there is none. `xray_s` are running totals at the times of the pressure [s]; empty where none
    were counted.
    """

    pressure: tuple[np.ndarray, np.ndarray]
    sheath: tuple[np.ndarray, np.ndarray]
    lumen: tuple[np.ndarray, np.ndarray]
    force: tuple[np.ndarray, np.ndarray]
    xray_s: np.ndarray


def hold(folder: Path) -> Held:
    """Open a recording as far as it can be.

    Raises
    ------
    InputError
        If the folder holds nothing of one.
    """
    inside = Path(folder) / "recording"
    if not inside.is_dir():
        raise InputError(f"The folder {folder} holds no recording; name one that `vesalius room` or `vesalius rehearse` made.")
    missing: list[str] = []
    header = _header(inside / "header.json", missing)
    try:
        recording: Any = load_recording(folder, of_any_layout=True)
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


def courses_of(held: Held) -> Courses:
    """The figures against time: as they were gauged tick by tick, or from the sampled states where nobody gauged them."""
    times = np.array([float(row["time_s"]) for row in held.rows])
    pressure = times, np.array([max(_asked(row, "balloons").values(), default=0.0) / ATMOSPHERE for row in held.rows])
    drawn = [(at, 1e3 * max(ways.values())) for at, row in zip(times, held.rows, strict=True) if (ways := _asked(row, "sheaths"))]
    sheath = (np.array([at for at, _ in drawn]), np.array([way for _, way in drawn]))
    senses = [row.get("senses") or {} for row in held.rows]
    xray = np.array([one.get("xray_time_s", math.nan) for one in senses])
    if any("lumen_mm" in one for one in senses):
        lumen = np.array([math.nan if one.get("lumen_mm") is None else float(one["lumen_mm"]) for one in senses])
        force = np.array([float(one.get("whole_force_n", math.nan)) for one in senses])
        return Courses(pressure, sheath, (times, lumen), (times, force), xray[np.isfinite(xray)])
    widths, forces = [], []
    if held.readable:
        recording = held.recording
        gauge = LumenGauge(recording.case)
        for number in held.readable:
            arrays = recording.arrays(number)
            widths.append(gauge.diameter_mm((recording.body.vertices + arrays["displacement"]) * 1e3))
            forces.append(float(arrays["contact_force"].sum()))
    at = held.frame_times
    return Courses(pressure, sheath, (at, np.array(widths)), (at, np.array(forces)), np.zeros(0))


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


def _asked(row: dict[str, Any], what: str) -> dict[str, float]:
    """What a tick asked of balloons or sheaths, by name."""
    command = row.get("command")
    asked = command.get(what) if isinstance(command, dict) else None
    return {name: float(value) for name, value in asked.items()} if isinstance(asked, dict) else {}
