"""Recordings played in step, whoever draws them: one time for all sides, which stands still, goes on, or is chosen."""

from typing import Any

from viewer.room.comparing import Side
from viewer.room.hands import CONTRAST_ML_S, Injection
from viewer.room.held import Held

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
"""How fast it can be played, in simulated seconds a second."""


class Replay:
    """Sides at one time; a side that has ended stays at its end.

    Attributes
    ----------
    sides
        What is played.
    time_s, end_s
        The time that is shown, and the end of the longest side [s].
    is_playing, speed
        Whether time goes on by itself, and how fast, one of `SPEEDS`.
    """

    def __init__(self, sides: list[Side]) -> None:
        self.sides = sides
        self.time_s, self.is_playing, self.speed = 0.0, False, 1.0
        self.end_s = max(side.held.end_s for side in sides)
        self._shown: dict[str, int] = {}

    @property
    def title(self) -> str:
        """What is played."""
        return " against ".join(f"{side.letter}: {side.held.name}" for side in self.sides)

    def go_to(self, time_s: float) -> None:
        """Choose a time [s], as near to it as there is one."""
        self.time_s = min(max(time_s, 0.0), self.end_s)

    def play_or_stop(self) -> None:
        """Let time go on, from the beginning again at the end, or stand still."""
        self.is_playing = not self.is_playing
        if self.is_playing and self.time_s >= self.end_s:
            self.go_to(0.0)

    def go_on(self, seconds: float) -> None:
        """So much time has passed on the clock [s]; at the end it stands still."""
        if self.is_playing:
            self.go_to(self.time_s + self.speed * seconds)
            self.is_playing = self.time_s < self.end_s

    def step(self, *, forwards: bool) -> None:
        """To the next sampled state of any side, or to the one before."""
        times = sorted({round(float(at), 9) for side in self.sides for at in side.held.frame_times})
        if forwards:
            self.go_to(min((at for at in times if at > self.time_s + 1e-9), default=self.end_s))
        else:
            self.go_to(max((at for at in times if at < self.time_s - 1e-9), default=0.0))

    def moments(self) -> list[tuple[Side, Any]]:
        """The sampled states that are to be shown now and were not given before, each with its side."""
        found = []
        for side in self.sides:
            number = side.held.number_at(self.time_s)
            if number is not None and self._shown.get(side.letter) != number:
                self._shown[side.letter] = number
                found.append((side, side.held.recording.frame(number)))
        return found

    def words_of(self, side: Side) -> str:
        """A side's figures now, and what its curves are."""
        return "; ".join(part for part in (side.courses.words_at(self.time_s), side.courses.curve_words) if part)


def course_of(side: Side) -> dict[str, list[Any]]:
    """A side's course of time: times [s], levels, thin levels, X-ray times [s], events and bookmarks (time [s], words)."""
    levels = [[float(value) for value in one.values] for one in side.courses.levels]
    told = side.held.events
    return {
        "times": [float(at) for at in side.courses.times],
        "levels": levels[0] if levels else [0.0] * len(side.courses.times),
        "thin": levels[1] if len(levels) > 1 else [],
        "xrays": [float(at) for at in side.courses.xray_s],
        "events": [one for one in told if not one[1].startswith("Bookmark")],
        "bookmarks": [(at, words.split(": ", 1)[-1].rstrip(".")) for at, words in told if words.startswith("Bookmark")],
    }


def carm_at(held: Held, time_s: float) -> tuple[float, float]:
    """Where the C-arm stood at a time [s], LAO and CRA [degrees]; nought where it was not recorded."""
    angles = (0.0, 0.0)
    for row in held.rows:
        if row["time_s"] > time_s + 1e-9:
            break
        found = (row.get("senses") or {}).get("carm_deg")
        if found:
            angles = (float(found[0]), float(found[1]))
    return angles


def injections_of(rows: list[dict[str, Any]]) -> tuple[Injection, ...]:
    """What was injected, from the running total that was recorded at every tick [mL]."""
    found: list[Injection] = []
    before_s, before_ml = 0.0, 0.0
    for row in rows:
        total_ml = float((row.get("senses") or {}).get("contrast_ml", before_ml))
        volume_ml = total_ml - before_ml
        if volume_ml > 1e-9:
            last = found[-1] if found else None
            if last and abs(last.start_s + last.volume_ml / CONTRAST_ML_S - before_s) < 1e-6:
                found[-1] = Injection(last.start_s, last.volume_ml + volume_ml)
            else:
                found.append(Injection(before_s, volume_ml))
        before_s, before_ml = float(row["time_s"]), total_ml
    return tuple(found)
