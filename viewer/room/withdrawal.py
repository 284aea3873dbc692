"""The sheath about a self-expanding stent in a hand that draws it back: a small machine, as the indeflator is on a balloon."""

import dataclasses
from collections.abc import Callable
from typing import Any

from scenarios.devices.self_expanding import withdrawal_mm

SPEEDS_MM_S = {"": 10.0, "_fast": 20.0, "_slow": 2.0}
"""How fast a hand moves it, by how its key ends [mm/s]; chosen, simulated time."""

WAYS = {
    **{f"pull_back{how}": speed for how, speed in SPEEDS_MM_S.items()},
    **{f"advance{how}": -speed for how, speed in SPEEDS_MM_S.items()},
}
"""How fast each thing that is held draws it back [mm/s]; forward is less than nought."""


@dataclasses.dataclass(frozen=True)
class Drawn:
    """Where a sheath is after a tick.

    Attributes
    ----------
    drawn_mm, whole_mm
        How far it has been drawn back, and how far that is when nothing of the stent is in it.
    out_mm, stent_mm
        How much of the stent is out of it, and the stent's length.
    beyond_mm
        How far it reached beyond the stent's distal end at first.
    speed_mm_s
        How fast it was drawn back in the tick; forward is less than nought.
    """

    drawn_mm: float
    whole_mm: float
    out_mm: float
    stent_mm: float
    beyond_mm: float
    speed_mm_s: float


class Withdrawal:
    """How far one sheath has been drawn back.

    It goes back as far as frees the stent. Forward it goes only while it still holds all of the stent as it did at first: what
    has opened does not go back into it.

    Attributes
    ----------
    drawn_mm
        How far.
    speed_mm_s
        How fast in the last tick.
    free_s
        For how long the stent has been free of it.
    """

    def __init__(self, case: Any) -> None:
        """Take the sheath of a `scenarios.case.Case` that has one."""
        # Rounded as the way is, so that the end can be reached.
        self.whole_mm, self.stent_mm = round(withdrawal_mm(case.stent), 6), float(case.stent.length_mm)
        self.beyond_mm, self._held_until_mm = case.sheathed.beyond_mm, case.sheathed.holds_all_until_mm
        self.drawn_mm = self.speed_mm_s = self.free_s = 0.0
        self._at_end = ""

    @property
    def is_leaving(self) -> bool:
        """Whether any of the stent has begun to leave it."""
        return self.drawn_mm > self._held_until_mm

    @property
    def is_free(self) -> bool:
        """Whether the stent is free of it."""
        return self.drawn_mm >= self.whole_mm

    @property
    def out_mm(self) -> float:
        """How much of the stent is out of it [mm]."""
        return min(max(self.drawn_mm - self.beyond_mm, 0.0), self.stent_mm)

    def shown(self) -> Drawn:
        """Where it is, never to be changed."""
        return Drawn(self.drawn_mm, self.whole_mm, self.out_mm, self.stent_mm, self.beyond_mm, self.speed_mm_s)

    def advance(self, working: set[str], time_s: float, dt: float, tell: Callable[[str], None]) -> bool:
        """Let the tick from a time on [s] pass with these things held; whether it moved. tell: given what happened."""
        rate = sum(WAYS[verb] for verb in sorted(working & set(WAYS)))
        before, was_leaving, was_free = self.drawn_mm, self.is_leaving, self.is_free
        least = before if was_leaving else 0.0
        wanted = before + rate * dt
        # Rounded, so that equal ways back and forward meet.
        self.drawn_mm = round(min(max(wanted, least), self.whole_mm), 6)
        self.speed_mm_s = round((self.drawn_mm - before) / dt, 6)
        self.free_s = round(self.free_s + dt, 9) if was_free else 0.0
        if self.is_leaving and not was_leaving:
            tell(f"The stent begins to leave its sheath at {time_s + dt:.2f} s; from now on the sheath only goes back.")
        has_come_free = self.is_free and not was_free
        if has_come_free:
            tell(f"The stent was released at {time_s + dt:.2f} s; its sheath was drawn back by {self.whole_mm:.1f} mm.")
        end = "forward" if wanted < least - 1e-9 else "back" if self.is_free and rate > 0.0 else ""
        # A hand that goes on drawing once the stent is free has been told so.
        if end and end != self._at_end and not has_come_free:
            tell(self._why_not(end))
        self._at_end = end
        return self.drawn_mm != before

    def _why_not(self, end: str) -> str:
        """Say why it goes no further that way."""
        if end == "back":
            return "The sheath is all the way back."
        if not self.is_leaving:
            return "The sheath is where it began; it goes no further forward."
        return (
            f"The sheath stays drawn back by {self.drawn_mm:.1f} mm: a stent that has begun to open does not go back into it, so "
            "only draw it back."
        )
