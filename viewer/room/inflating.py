"""What opens a vessel in hand: the indeflator on one balloon at a time, a stent's sheath, and what is told of them."""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

from scenarios.devices.balloon import Balloon
from scenarios.devices.lattice import ATMOSPHERE
from scenarios.devices.self_expanding import SHEATH
from scenarios.procedure import HOLD_S, STENT, burst_sentence, called, phase_of
from viewer.room.indeflator import Indeflator
from viewer.room.withdrawal import WAYS, Withdrawal

VERBS = frozenset({"inflate", "deflate", "empty"})
"""What is done with a balloon."""


@dataclasses.dataclass(frozen=True)
class Tool:
    """What can be taken in hand: its name in commands, its words, its balloon, None for a sheath, and when it has its place."""

    name: str
    words: str
    balloon: Balloon | None
    place: Literal["before the stent", "stent", "in the stent"]


class Inflating:
    """What hands do where a stent is opened: the pressures in a case's balloons, and the way of its sheath where it has one.

    Attributes
    ----------
    tools, active
        The balloons, and the sheath, in the order of their use, and the number of the one in hand.
    indeflators
        One on each balloon, by name.
    sheath
        The one about a self-expanding stent; None where the stent is on a balloon.
    phase
        Of the procedure: "before", "inflating", "inflated", "deflating", "after", or a balloon's own; of a sheath "releasing"
        and "released".
    """

    def __init__(self, case: Any) -> None:
        self.tools = tools_of(case)
        self.indeflators = {tool.name: Indeflator(tool.balloon) for tool in self.tools if tool.balloon is not None}
        self.sheath = None if case.sheathed is None else Withdrawal(case)
        self.active, self.phase = 0, "before"

    @property
    def tool(self) -> Tool:
        """The balloon or sheath in hand."""
        return self.tools[self.active]

    @property
    def has_begun(self) -> bool:
        """Whether the stent has begun to open."""
        return self.indeflators[STENT].highest_atm > 0.0 if self.sheath is None else self.sheath.is_leaving

    @property
    def is_open(self) -> bool:
        """Whether the stent was opened, so that a balloon can go into it."""
        return self.has_begun if self.sheath is None else self.sheath.is_free

    def refusal(self, verb: str) -> str:
        """Why something cannot be done with what is in hand, in a sentence; nothing where it can."""
        if verb in VERBS:
            if not self.indeflators:
                return "There is no balloon here."
            return "" if self.tool.balloon else "The sheath is in hand; take a balloon in hand to turn its indeflator."
        if self.sheath is None:
            return "There is no wire here."
        if verb not in WAYS:
            return "The sheath is drawn back; it is not turned."
        return f"The {self.tool.words} is in hand; take the stent in hand to move its sheath." if self.tool.balloon else ""

    def take(self, verb: str) -> None:
        """Do what is done at once."""
        if verb == "empty":
            self.indeflators[self.tool.name].empty()

    def choose(self, number: int) -> str:
        """Take a balloon or the sheath in hand; why not, in a sentence, where it cannot be."""
        if not 0 <= number < len(self.tools):
            if self.sheath is not None:
                return f"There is nothing {number + 1} on the tray, which holds {len(self.tools)}."
            return f"There is no balloon {number + 1}; this case has {len(self.tools)}."
        asked, held = self.tools[number], self.indeflators.get(self.tool.name)
        if held is not None and not held.is_empty:
            return f"The {self.tool.words} is still under pressure; empty it before anything else is taken in hand."
        if asked.place == "in the stent" and not self.is_open:
            first = "open the stent" if self.sheath is None else "draw the sheath all the way back"
            return f"The {asked.words} goes into the open stent; {first} first."
        if asked.place == "before the stent" and self.has_begun:
            return f"The {asked.words} has no way past the open stent; it is for before it."
        self.active = number
        return ""

    def advance(self, working: set[str], time_s: float, dt: float, tell: Callable[[str], None]) -> dict[str, Any]:
        """What the tick from a time on [s] asks of the engine, as fields of a Command; tell: given what happened in it."""
        turn = "none" if {"inflate", "deflate"} <= working else "in" if "inflate" in working else "out"
        turn = turn if working & {"inflate", "deflate"} else "none"
        for name, indeflator in self.indeflators.items():
            before = indeflator.pressure_atm
            for what in indeflator.advance(turn if name == self.tool.name else "none", dt):
                tell(self._words(what, name, time_s + dt))
            self._enter_phase(name, indeflator, before)
        asked: dict[str, Any] = {"balloons": {name: ATMOSPHERE * one.pressure_atm for name, one in self.indeflators.items()}}
        if self.sheath is not None:
            has_moved = self.sheath.advance(working if self.tool.name == SHEATH else set(), time_s, dt, tell)
            self._enter_phase_of(self.sheath, has_moved=has_moved)
            asked["sheaths"] = {SHEATH: 1e-3 * self.sheath.drawn_mm}
        return asked

    def _words(self, what: str, name: str, time_s: float) -> str:
        which, indeflator = called(name), self.indeflators[name]
        if what == "nominal":
            return f"The {which} reached its nominal {indeflator.balloon.nominal_pressure_atm:g} atm at {time_s:.2f} s."
        if what == "burst":
            return burst_sentence(name, time_s, indeflator.balloon.highest_pressure_atm)
        return f"The {which} was empty again at {time_s:.2f} s, after {indeflator.highest_atm:.1f} atm at most."

    def _enter_phase(self, name: str, indeflator: Indeflator, before_atm: float) -> None:
        """A balloon counts as inflated while it is held, or goes on rising beyond its nominal pressure, at its highest yet."""
        now = indeflator.pressure_atm
        if before_atm <= 0.0 and now <= 0.0:
            return
        at_top = now >= indeflator.highest_atm
        if now <= 0.0:
            self.phase = "after" if self.is_open else phase_of(name, "deflating")
        elif at_top and (now == before_atm or now >= indeflator.balloon.nominal_pressure_atm):
            self.phase = phase_of(name, "inflated")
        elif now != before_atm:
            self.phase = phase_of(name, "inflating" if now > before_atm else "deflating")

    def _enter_phase_of(self, sheath: Withdrawal, *, has_moved: bool) -> None:
        """A stent counts as released for as long as procedures hold there, if no balloon is inflated in it sooner."""
        if has_moved:
            self.phase = "released" if sheath.is_free else "releasing" if sheath.drawn_mm > 0.0 else "before"
        elif self.phase == "released" and sheath.free_s >= HOLD_S:
            self.phase = "after"


def tools_of(case: Any) -> tuple[Tool, ...]:
    """The balloons of a case, and the sheath of its stent, in the order of their use."""
    before = [one for one in case.dilations if not one.in_stent]
    within = [one for one in case.dilations if one.in_stent]
    name, balloon = (STENT, case.balloon) if case.sheathed is None else (SHEATH, None)
    return (
        *(Tool(one.name, one.balloon_name, one.balloon, "before the stent") for one in before),
        Tool(name, case.device.name, balloon, "stent"),
        *(Tool(one.name, one.balloon_name, one.balloon, "in the stent") for one in within),
    )
