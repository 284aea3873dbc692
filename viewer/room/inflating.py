"""Balloons in hand: the indeflator on one of them at a time, and what is told of it."""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

from scenarios.devices.balloon import Balloon
from scenarios.devices.lattice import ATMOSPHERE
from scenarios.procedure import STENT, burst_sentence, called, phase_of
from viewer.room.indeflator import Indeflator


@dataclasses.dataclass(frozen=True)
class Tool:
    """A balloon that can be taken in hand: its name in commands, its words, and when it has its place."""

    name: str
    words: str
    balloon: Balloon
    place: Literal["before the stent", "stent", "in the stent"]


class Inflating:
    """What hands do where a stent is opened: the pressures in a case's balloons.

    Attributes
    ----------
    tools, active
        The balloons in the order of their use, and the number of the one in hand.
    indeflators
        One on each, by name.
    phase
        Of the procedure: "before", "inflating", "inflated", "deflating", "after", or a balloon's own.
    """

    verbs = frozenset({"inflate", "deflate", "empty"})
    absent = "There is no balloon here."

    def __init__(self, case: Any) -> None:
        self.tools = tools_of(case)
        self.indeflators = {tool.name: Indeflator(tool.balloon) for tool in self.tools}
        self.active, self.phase = 0, "before"

    @property
    def tool(self) -> Tool:
        """The balloon in hand."""
        return self.tools[self.active]

    def take(self, verb: str) -> None:
        """Do what is done at once."""
        if verb == "empty":
            self.indeflators[self.tool.name].empty()

    def choose(self, number: int) -> str:
        """Take a balloon in hand; why not, in a sentence, where it cannot be."""
        if not 0 <= number < len(self.tools):
            return f"There is no balloon {number + 1}; this case has {len(self.tools)}."
        if not self.indeflators[self.tool.name].is_empty:
            return f"The {self.tool.words} is still under pressure; empty it before another balloon is taken in hand."
        if self.tools[number].place == "in the stent" and self.indeflators[STENT].highest_atm <= 0.0:
            return f"The {self.tools[number].words} goes into the open stent; open the stent first."
        if self.tools[number].place == "before the stent" and self.indeflators[STENT].highest_atm > 0.0:
            return f"The {self.tools[number].words} has no way past the open stent; it is for before it."
        self.active = number
        return ""

    def advance(self, working: set[str], time_s: float, dt: float, tell: Callable[[str], None]) -> dict[str, Any]:
        """What the tick from a time on [s] asks of the engine, as fields of a Command; tell: given what happened in it."""
        turn = "none" if {"inflate", "deflate"} <= working else "in" if "inflate" in working else "out"
        turn = turn if working & {"inflate", "deflate"} else "none"
        for number, (name, indeflator) in enumerate(self.indeflators.items()):
            before = indeflator.pressure_atm
            for what in indeflator.advance(turn if number == self.active else "none", dt):
                tell(self._words(what, self.tools[number], time_s + dt))
            self._enter_phase(name, indeflator, before)
        return {"balloons": {name: ATMOSPHERE * one.pressure_atm for name, one in self.indeflators.items()}}

    def _words(self, what: str, tool: Tool, time_s: float) -> str:
        which, balloon = called(tool.name), tool.balloon
        if what == "nominal":
            return f"The {which} reached its nominal {balloon.nominal_pressure_atm:g} atm at {time_s:.2f} s."
        if what == "burst":
            return burst_sentence(tool.name, time_s, balloon.highest_pressure_atm)
        highest = self.indeflators[tool.name].highest_atm
        return f"The {which} was empty again at {time_s:.2f} s, after {highest:.1f} atm at most."

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


def tools_of(case: Any) -> tuple[Tool, ...]:
    """The balloons of a case in the order of their use."""
    before = [one for one in case.dilations if not one.in_stent]
    within = [one for one in case.dilations if one.in_stent]
    return (
        *(Tool(one.name, one.balloon_name, one.balloon, "before the stent") for one in before),
        Tool(STENT, case.device.name, case.balloon, "stent"),
        *(Tool(one.name, one.balloon_name, one.balloon, "in the stent") for one in within),
    )
