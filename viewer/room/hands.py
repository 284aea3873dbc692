"""From what was done to what the engine is asked: events in, a Command out, with nothing of clocks or windows in between."""

import dataclasses
from typing import Any, Literal

from meshing.errors import InputError
from scenarios.devices.balloon import Balloon
from scenarios.devices.lattice import ATMOSPHERE
from scenarios.procedure import STENT, burst_sentence, called, phase_of
from sim.command import Command
from viewer.room.actions import ACTIONS
from viewer.room.bus import Event
from viewer.room.indeflator import Indeflator

CONTRAST_ML_S = 4.0
"""How fast a hand injects [mL/s]; usual, from memory, unverified."""

PUFF_ML = 5.0


@dataclasses.dataclass(frozen=True)
class Tool:
    """A balloon that can be taken in hand: its name in commands, its words, and when it has its place."""

    name: str
    words: str
    balloon: Balloon
    place: Literal["before the stent", "stent", "in the stent"]


@dataclasses.dataclass(frozen=True)
class Injection:
    """Contrast agent that was injected: from when [s], how much [mL]; at `CONTRAST_ML_S`."""

    start_s: float
    volume_ml: float


def tools_of(case: Any) -> tuple[Tool, ...]:
    """The balloons of a case in the order of their use."""
    before = [one for one in case.dilations if not one.in_stent]
    within = [one for one in case.dilations if one.in_stent]
    return (
        *(Tool(one.name, one.balloon_name, one.balloon, "before the stent") for one in before),
        Tool(STENT, case.device.name, case.balloon, "stent"),
        *(Tool(one.name, one.balloon_name, one.balloon, "in the stent") for one in within),
    )


class Hands:
    """Everything that hands have changed and the engine does not keep: pressures, pedals, contrast agent, C-arm, bookmarks.

    Equal events at equal ticks give equal commands, in a window and without one.
    """

    def __init__(self, case: Any) -> None:
        self.blood_pressure_pa = float(case.blood_pressure_pa)
        self.tools = tools_of(case)
        self.indeflators = {tool.name: Indeflator(tool.balloon) for tool in self.tools}
        self.active = 0
        self.carm_deg = (0.0, 0.0)
        self.xray_time_s = 0.0
        self.injections: list[Injection] = []
        self.bookmarks: list[tuple[float, str]] = []
        self.phase = "before"
        self._down: set[str] = set()
        self._touched: set[str] = set()
        self._puff_left_ml = 0.0
        self._told: list[str] = []

    @property
    def tool(self) -> Tool:
        """The balloon in hand."""
        return self.tools[self.active]

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
        if action is None and event.verb != "carm":
            raise InputError(f"There is nothing called {event.verb!r} to do in the room; there is: {', '.join(ACTIONS)}.")
        time_s = event.time_s or 0.0
        if action is not None and action.is_held:
            (self._down.add if event.value else self._down.discard)(event.verb)
            if event.value:
                self._touched.add(event.verb)
        elif event.verb == "carm":
            lao, cra = event.value
            self.carm_deg = (float(lao), float(cra))
        elif event.verb == "empty":
            self.indeflators[self.tool.name].empty()
        elif event.verb == "puff":
            self._puff_left_ml += PUFF_ML
        elif event.verb == "bookmark":
            words = event.value if isinstance(event.value, str) else f"bookmark {len(self.bookmarks) + 1}"
            self.bookmarks.append((time_s, words))
            self._told.append(f"Bookmark at {time_s:.2f} s: {words}.")
        elif event.verb == "next_device":
            self._take_up((self.active + 1) % len(self.tools))
        elif event.verb.startswith("device_"):
            self._take_up(int(event.verb.removeprefix("device_")) - 1)

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
        turn = "none" if {"inflate", "deflate"} <= working else "in" if "inflate" in working else "out"
        turn = turn if working & {"inflate", "deflate"} else "none"
        for number, (name, indeflator) in enumerate(self.indeflators.items()):
            before = indeflator.pressure_atm
            for what in indeflator.advance(turn if number == self.active else "none", dt):
                self._tell(what, self.tools[number], time_s + dt)
            self._enter_phase(name, indeflator, before)
        if working & {"xray", "cine"}:
            self.xray_time_s = round(self.xray_time_s + dt, 9)
        self._inject(time_s, dt, flowing="inject" in working)
        self._touched.clear()
        told, self._told = tuple(self._told), []
        pressures = {name: ATMOSPHERE * one.pressure_atm for name, one in self.indeflators.items()}
        return Command(blood_pressure=self.blood_pressure_pa, balloons=pressures), told

    def _take_up(self, number: int) -> None:
        if not 0 <= number < len(self.tools):
            self._told.append(f"There is no balloon {number + 1}; this case has {len(self.tools)}.")
        elif not self.indeflators[self.tool.name].is_empty:
            self._told.append(f"The {self.tool.words} is still under pressure; empty it before another balloon is taken in hand.")
        elif self.tools[number].place == "in the stent" and self.indeflators[STENT].highest_atm <= 0.0:
            self._told.append(f"The {self.tools[number].words} goes into the open stent; open the stent first.")
        elif self.tools[number].place == "before the stent" and self.indeflators[STENT].highest_atm > 0.0:
            self._told.append(f"The {self.tools[number].words} has no way past the open stent; it is for before it.")
        else:
            self.active = number

    def _tell(self, what: str, tool: Tool, time_s: float) -> None:
        which, balloon = called(tool.name), tool.balloon
        if what == "nominal":
            self._told.append(f"The {which} reached its nominal {balloon.nominal_pressure_atm:g} atm at {time_s:.2f} s.")
        elif what == "burst":
            self._told.append(burst_sentence(tool.name, time_s, balloon.highest_pressure_atm))
        else:
            highest = self.indeflators[tool.name].highest_atm
            self._told.append(f"The {which} was empty again at {time_s:.2f} s, after {highest:.1f} atm at most.")

    def _enter_phase(self, name: str, indeflator: Indeflator, before_atm: float) -> None:
        """A balloon counts as inflated while it is held, or goes on rising beyond its nominal pressure, at its highest yet."""
        now = indeflator.pressure_atm
        if before_atm <= 0.0 and now <= 0.0:
            return
        at_top = now >= indeflator.highest_atm
        if now <= 0.0:
            self.phase = "after" if self.indeflators[STENT].highest_atm > 0.0 else phase_of(name, "deflating")
        elif at_top and (now == before_atm or now >= indeflator.balloon.nominal_pressure_atm):
            self.phase = phase_of(name, "inflated")
        elif now != before_atm:
            self.phase = phase_of(name, "inflating" if now > before_atm else "deflating")

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
