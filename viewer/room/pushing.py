"""Wires and catheters in hand: one of them at a time is pushed in, pulled back and turned."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from scenarios.devices.wires import INSIDE_MM
from scenarios.passage.passage import Passage
from scenarios.passage.senses import Senses
from sim.command import Drive

SPEEDS_MM_S = {"": 10.0, "_fast": 40.0, "_slow": 2.0}
"""How fast a hand pushes, by how its key ends [mm/s]; chosen, simulated time."""

TURNS_DEG_S = {"": 90.0, "_fast": 360.0, "_slow": 18.0}
"""How fast it turns [degrees/s]; chosen."""

KEPT_MM = 6.0
"""So much of a wire stays in its guide [mm]."""

WAYS = {
    **{f"advance{how}": ("push", speed) for how, speed in SPEEDS_MM_S.items()},
    **{f"pull_back{how}": ("push", -speed) for how, speed in SPEEDS_MM_S.items()},
    **{f"turn_right{how}": ("turn", speed) for how, speed in TURNS_DEG_S.items()},
    **{f"turn_left{how}": ("turn", -speed) for how, speed in TURNS_DEG_S.items()},
}
"""What each thing that is held does, and how fast [mm/s, degrees/s]; to the right is with the clock, seen along the way."""


@dataclasses.dataclass(frozen=True)
class Reel:
    """A wire or catheter on the tray: its name in commands, its words, and how far it goes in [mm]."""

    name: str
    words: str
    place: str
    longest_mm: float


@dataclasses.dataclass(frozen=True)
class Felt:
    """What is known of a wire after a tick.

    Attributes
    ----------
    name
        In commands.
    tip_mm
        Where its foremost point is along the way.
    tip_force_n, wall_force_n
        What its distal 10 mm and all of it press on the wall with [N], sizes summed.
    advance_mm, turns
        How far the hand has pushed it in, and how often turned it.
    """

    name: str
    tip_mm: float
    tip_force_n: float
    wall_force_n: float
    advance_mm: float
    turns: float


class Pushing:
    """What hands do in a passage: where the proximal ends of its wires are.

    Attributes
    ----------
    tools, active
        The wires from the innermost to the outermost, and the number of the one in hand.
    at
        How far each was pushed in [mm] and turned [degrees], by name.
    phase
        What is being done, in a few words.
    """

    def __init__(self, passage: Passage) -> None:
        self.tools = tuple(Reel(one.called, one.wire, one.called, one.length_mm - INSIDE_MM - KEPT_MM) for one in passage.placed)
        self.at = {one.name: (0.0, 0.0) for one in self.tools}
        self.active, self.phase = 0, "waiting"
        self._at_end = ""

    @property
    def tool(self) -> Reel:
        """The wire in hand."""
        return self.tools[self.active]

    def refusal(self, verb: str) -> str:
        """Why something cannot be done with what is in hand, in a sentence; nothing where it can."""
        return "" if verb in WAYS else "There is no balloon here."

    def take(self, verb: str) -> None:
        """Nothing is done at once with a wire."""

    def choose(self, number: int) -> str:
        """Take a wire in hand; why not, in a sentence, where it cannot be."""
        if not 0 <= number < len(self.tools):
            return f"There is no wire {number + 1}; the tray holds {len(self.tools)}."
        self.active = number
        return ""

    def advance(self, working: set[str], time_s: float, dt: float, tell: Callable[[str], None]) -> dict[str, Any]:
        """What the tick from a time on [s] asks of the engine, as fields of a Command; tell: given what happened in it."""
        reel = self.tool
        rates = {"push": 0.0, "turn": 0.0}
        for verb in sorted(working & set(WAYS)):
            what, rate = WAYS[verb]
            rates[what] += rate
        pushed, turned = self.at[reel.name]
        wanted = pushed + rates["push"] * dt
        # Rounded, so that equal ways in and out meet.
        pushed = round(min(max(wanted, 0.0), reel.longest_mm), 6)
        turned = round(turned + rates["turn"] * dt, 6)
        self._tell_of_ends(reel, wanted, tell)
        self.at[reel.name] = (pushed, turned)
        words = {"push": ("advancing", "drawing back"), "turn": ("turning right", "turning left")}
        doing = [words[what][int(rate < 0.0)] for what, rate in rates.items() if rate]
        self.phase = f"{reel.name}, {', '.join(doing)}" if doing else "waiting"
        return {"drives": {name: Drive(1e-3 * way, math.radians(turn)) for name, (way, turn) in self.at.items()}}

    def felt(self, senses: Senses) -> tuple[Felt, ...]:
        """What is known of every wire."""
        return tuple(
            Felt(
                name, senses.tip_mm[name], senses.tip_force_n[name], senses.wall_force_n[name], way, turn / 360.0
            )
            for name, (way, turn) in self.at.items()
        )  # fmt: skip

    def _tell_of_ends(self, reel: Reel, wanted_mm: float, tell: Callable[[str], None]) -> None:
        """Say once that a wire goes no further."""
        end = "out" if wanted_mm < -1e-9 else "in" if wanted_mm > reel.longest_mm + 1e-9 else ""
        if end and end != self._at_end:
            tell(
                f"The {reel.name} is where it began; it comes no further out."
                if end == "out"
                else f"The {reel.name} goes no further in: {reel.longest_mm:.0f} mm of it were prepared."
            )
        self._at_end = end


def senses_row(felt: tuple[Felt, ...]) -> dict[str, dict[str, float]]:
    """What a recording keeps of them, as `scenarios.passage.senses.Senses` has it."""
    return {what: {one.name: getattr(one, what) for one in felt} for what in ("tip_mm", "tip_force_n", "wall_force_n")}
