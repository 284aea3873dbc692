"""From what was done to what the engine is asked: events in, a Command out, with nothing of clocks or windows in between."""

import dataclasses
from typing import Any

from meshing.errors import InputError
from scenarios.passage.passage import Passage
from sim.command import Command
from viewer.room.actions import ACTIONS
from viewer.room.bus import Event
from viewer.room.inflating import VERBS, Inflating
from viewer.room.probing import NAME, Probing
from viewer.room.pushing import WAYS, Pushing

CONTRAST_ML_S = 4.0
"""How fast a hand injects [mL/s]; usual, from memory, unverified."""

PUFF_ML = 5.0


@dataclasses.dataclass(frozen=True)
class Injection:
    """Contrast agent that was injected: from when [s], how much [mL]; at `CONTRAST_ML_S`."""

    start_s: float
    volume_ml: float


WITH_DEVICES = VERBS | set(WAYS)
"""What is done with what the tray holds, if that can be."""


class Hands:
    """Everything that hands have changed and the engine does not keep: devices, pedals, contrast agent, C-arm, bookmarks.

    Equal events at equal ticks give equal commands, in a window and without one.

    Attributes
    ----------
    work
        What is done to the devices: balloons inflated and a sheath drawn back, or wires pushed.
    probing
        What is done to the wall.
    """

    def __init__(self, case: Any) -> None:
        self.blood_pressure_pa = float(case.blood_pressure_pa)
        self.work = Pushing(case) if isinstance(case, Passage) else Inflating(case)
        self.probing = Probing()
        self.carm_deg = (0.0, 0.0)
        self.xray_time_s = 0.0
        self.injections: list[Injection] = []
        self.bookmarks: list[tuple[float, str]] = []
        self._down: set[str] = set()
        self._touched: set[str] = set()
        self._puff_left_ml = 0.0
        self._told: list[str] = []

    @property
    def contrast_ml(self) -> float:
        """All contrast agent until now [mL]."""
        return sum(one.volume_ml for one in self.injections)

    def take(self, event: Event) -> None:
        """Do one thing; something that cannot be done is told among the tick's events.

        Raises
        ------
        InputError
            If there is no such thing to do, or what it is done with makes no sense.
        """
        action = ACTIONS.get(event.verb)
        if action is None and event.verb not in ("carm", "touch"):
            raise InputError(f"There is nothing called {event.verb!r} to do in the room; there is: {', '.join(ACTIONS)}.")
        time_s = event.time_s or 0.0
        why_not = self.work.refusal(event.verb) if event.verb in WITH_DEVICES and event.value else ""
        if why_not:
            if why_not not in self._told:
                self._told.append(why_not)
        elif action is not None and action.is_held:
            (self._down.add if event.value else self._down.discard)(event.verb)
            if event.value:
                self._touched.add(event.verb)
        elif event.verb == "touch":
            (self._down.discard if event.value is False else self._down.add)(event.verb)
            self.probing.take(event.value, time_s, self._told.append)
        elif event.verb == "carm":
            lao, cra = event.value
            self.carm_deg = (float(lao), float(cra))
        elif event.verb in WITH_DEVICES:
            self.work.take(event.verb)
        elif event.verb == "puff":
            self._puff_left_ml += PUFF_ML
        elif event.verb == "bookmark":
            words = event.value if isinstance(event.value, str) else f"bookmark {len(self.bookmarks) + 1}"
            self.bookmarks.append((time_s, words))
            self._told.append(f"Bookmark at {time_s:.2f} s: {words}.")
        elif event.verb == "next_device":
            self._choose((self.work.active + 1) % len(self.work.tools))
        elif event.verb.startswith("device_"):
            self._choose(int(event.verb.removeprefix("device_")) - 1)

    @property
    def held(self) -> tuple[str, ...]:
        """What is held down."""
        return tuple(sorted(self._down))

    def note(self, words: str) -> None:
        """Have something told among the next tick's events."""
        self._told.append(words)

    def advance(self, time_s: float, dt: float) -> tuple[Command, tuple[str, ...]]:
        """What the tick from a time on [s] asks of the engine, and what happened in it, in sentences."""
        working = self._down | self._touched
        asked = self.work.advance(working, time_s, dt, self._told.append)
        if working & {"xray", "cine"}:
            self.xray_time_s = round(self.xray_time_s + dt, 9)
        self._inject(time_s, dt, flowing="inject" in working)
        self._touched.clear()
        told, self._told = tuple(self._told), []
        pulls = {NAME: self.probing.pull} if self.probing.pull else {}
        return Command(blood_pressure=self.blood_pressure_pa, pulls=pulls, **asked), told

    def _choose(self, number: int) -> None:
        why_not = self.work.choose(number)
        if why_not:
            self._told.append(why_not)

    def _inject(self, time_s: float, dt: float, *, flowing: bool) -> None:
        volume = CONTRAST_ML_S * dt if flowing else min(self._puff_left_ml, CONTRAST_ML_S * dt)
        self._puff_left_ml = 0.0 if flowing else max(self._puff_left_ml - volume, 0.0)
        if volume <= 0.0:
            return
        last = self.injections[-1] if self.injections else None
        if last and abs(last.start_s + last.volume_ml / CONTRAST_ML_S - time_s) < 1e-6:
            self.injections[-1] = dataclasses.replace(last, volume_ml=round(last.volume_ml + volume, 9))
        else:
            self.injections.append(Injection(round(time_s, 9), round(volume, 9)))
