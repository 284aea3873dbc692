"""A recording's figures against time: as they were gauged tick by tick, or from its sampled states where nobody gauged them."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from scenarios.devices.lattice import ATMOSPHERE
from scenarios.passage.passage import Passage
from viewer.room.gauges import Gauge
from viewer.room.held import Held
from viewer.room.lumen_gauge import LumenGauge


@dataclasses.dataclass(frozen=True)
class Figure:
    """What is drawn against time.

    Attributes
    ----------
    words, unit, digits
        What it is, its unit, and how many digits behind the point are shown.
    brief
        How it is told in a line of several; empty where it is not.
    """

    words: str
    unit: str
    digits: int
    brief: str = ""


FIGURES = {
    "pressure": Figure("pressure in the balloon", "atm", 1, "{of} at {value}"),
    "sheath": Figure("sheath drawn back", "mm", 1, "{of} drawn back by {value}"),
    "lumen": Figure("smallest lumen diameter at the lesion", "mm", 2, "{of} {value}"),
    "force": Figure("all force of the stent on the wall", "N", 2),
    "tip": Figure("foremost point along the way", "mm", 1, "{of} at {value}"),
    "pushed": Figure("pushed in by hand", "mm", 1),
    "tip force": Figure("force of the distal 10 mm on the wall", "N", 3),
    "wall force": Figure("force of all of it on the wall", "N", 3, "{value} on the wall"),
}

LEVELS = {
    "pressure": "pressure in the balloon",
    "force": "all force of the stent on the wall",
    "wall force": "force of the wires on the wall",
    "tip force": "that of their distal 10 mm",
}
"""What a course of time shows as curves, summed over wires, the first above all."""


@dataclasses.dataclass(frozen=True, eq=False)
class Line:
    """One of `FIGURES` against time: its name, what it is of, times [s] and values, both shape (n,)."""

    figure: str
    of: str
    times: np.ndarray
    values: np.ndarray

    def at(self, time_s: float) -> float:
        """The value at a time [s]: the last one until then, the first one before all; not a number where there is none."""
        if not len(self.times):
            return math.nan
        return float(self.values[max(int(np.searchsorted(self.times, time_s + 1e-9, side="right")) - 1, 0)])


@dataclasses.dataclass(frozen=True, eq=False)
class Courses:
    """Figures against time.

    Attributes
    ----------
    lines
        Of a stent its balloon's pressure or its sheath's way back, or both, the lumen and the force; of a passage four for each
        wire.
    levels
        Those of `LEVELS` that there are, but for a stent's force where it was not in a sheath, and the pressure where it was.
    times, xray_s
        When the ticks ended, and running totals of X-ray time at these times, nought where none was counted [s], shape (n,).
    """

    lines: tuple[Line, ...]
    levels: tuple[Line, ...]
    times: np.ndarray
    xray_s: np.ndarray

    def line(self, figure: str, of: str = "") -> Line:
        """The line of a figure, of a thing where it has several.

        Raises
        ------
        LookupError
            If there is none.
        """
        for one in self.lines:
            if one.figure == figure and of in ("", one.of):
                return one
        raise LookupError(f"There is no {figure!r} of {of or 'anything'}.")

    def gauges_at(self, time_s: float) -> tuple[Gauge, ...]:
        """All figures at a time [s]."""
        return tuple(
            Gauge(f"{one.of}-{one.figure}".replace(" ", "-"), f"{one.of}: {FIGURES[one.figure].words}", one.at(time_s),
                  FIGURES[one.figure].unit, FIGURES[one.figure].digits)
            for one in self.lines
        )  # fmt: skip

    def words_at(self, time_s: float) -> str:
        """The figures at a time [s] that matter most, in a line."""
        told: dict[str, list[str]] = {}
        for line, gauge in zip(self.lines, self.gauges_at(time_s), strict=True):
            if FIGURES[line.figure].brief and math.isfinite(gauge.value):
                told.setdefault(line.of, []).append(FIGURES[line.figure].brief.format(of=line.of, value=gauge.shown))
        return "; ".join(", ".join(parts) for parts in told.values())

    @property
    def curve_words(self) -> str:
        """What the curves of a course of time are, and how high the first one reaches."""
        if not self.levels:
            return ""
        first, *others = self.levels
        figure = FIGURES[first.figure]
        thin = "".join(f"; thin: {LEVELS[one.figure]}" for one in others)
        return f"curve: {LEVELS[first.figure]}, up to {max(first.values, default=0.0):.{figure.digits}f} {figure.unit}{thin}"


def courses_of(held: Held) -> Courses:
    """The figures of what a folder holds."""
    times = np.array([float(row["time_s"]) for row in held.rows])
    xray = [_number(_senses(row).get("xray_time_s")) for row in held.rows]
    counted = np.maximum.accumulate(np.nan_to_num(np.array(xray))) if xray else np.zeros(0)
    lines = _of_wires(held, times) if held.is_passage else _of_stent(held, times)
    return Courses(lines, _levels(lines), times, counted)


def _of_stent(held: Held, times: np.ndarray) -> tuple[Line, ...]:
    opening = _of_opening(held, times)
    senses = [_senses(row) for row in held.rows]
    if any("lumen_mm" in one for one in senses):
        lumen = Line("lumen", "lumen", times, np.array([_number(one.get("lumen_mm")) for one in senses]))
        force = Line("force", "stent", times, np.array([_number(one.get("whole_force_n")) for one in senses]))
        return *opening, lumen, force
    widths, forces = [], []
    if held.readable:
        recording = held.recording
        gauge = LumenGauge(recording.case)
        for number in held.readable:
            arrays = recording.arrays(number)
            widths.append(gauge.diameter_mm((recording.body.vertices + arrays["displacement"]) * 1e3))
            forces.append(float(arrays["contact_force"].sum()))
    at = held.frame_times
    return *opening, Line("lumen", "lumen", at, np.array(widths)), Line("force", "stent", at, np.array(forces))


def _of_opening(held: Held, times: np.ndarray) -> tuple[Line, ...]:
    """The balloon's pressure; of a stent from a sheath the sheath's way back, and the pressure of a balloon that followed."""
    pressure = Line("pressure", "balloon", times, np.array([_pressure_atm(row) for row in held.rows]))
    drawn = [(at, max(ways.values())) for at, row in zip(times, held.rows, strict=True) if (ways := _of_command(row, "sheaths"))]
    if not drawn:
        return (pressure,)
    sheath = Line("sheath", "sheath", np.array([at for at, _ in drawn]), np.array([1e3 * _number(way) for _, way in drawn]))
    return (sheath, pressure) if pressure.values.any() else (sheath,)


def _of_wires(held: Held, times: np.ndarray) -> tuple[Line, ...]:
    """What was felt of each wire, and how far hands had pushed it."""
    names = dict.fromkeys(name for row in held.rows for name in _senses(row).get("tip_mm", ()))
    lines = []
    for name in names:
        for figure, key in (("tip", "tip_mm"), ("pushed", ""), ("tip force", "tip_force_n"), ("wall force", "wall_force_n")):
            values = [_number((_senses(row).get(key) or {}).get(name)) if key else _pushed_mm(row, name) for row in held.rows]
            lines.append(Line(figure, name, times, np.array(values)))
    return tuple(lines)


def _levels(lines: Sequence[Line]) -> tuple[Line, ...]:
    summed, hidden = [], "pressure" if any(one.figure == "sheath" for one in lines) else "force"
    for figure in (one for one in LEVELS if one != hidden):
        found = [one for one in lines if one.figure == figure]
        if found:
            of = found[0].of if len(found) == 1 else "wires"
            summed.append(Line(figure, of, found[0].times, np.nansum([one.values for one in found], axis=0)))
    return tuple(summed)


def _senses(row: dict[str, Any]) -> dict[str, Any]:
    senses = row.get("senses")
    return senses if isinstance(senses, dict) else {}


def _of_command(row: dict[str, Any], what: str) -> dict[str, Any]:
    command = row.get("command")
    found = command.get(what) if isinstance(command, dict) else None
    return found if isinstance(found, dict) else {}


def _pressure_atm(row: dict[str, Any]) -> float:
    return max((float(value) for value in _of_command(row, "balloons").values()), default=0.0) / ATMOSPHERE


def _pushed_mm(row: dict[str, Any], name: str) -> float:
    drive = _of_command(row, "drives").get(name)
    return 1e3 * _number(drive.get("advance")) if isinstance(drive, dict) else 0.0


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan


def lesion_of(held: Held) -> tuple[float, float] | None:
    """Where a passage's lesion begins and ends along its way [mm]; None where there is none, or it is not known."""
    case = None if held.recording is None else held.recording.case
    return case.lesion_mm if isinstance(case, Passage) else None
