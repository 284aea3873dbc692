"""Hands: what a script asks for, tick by tick, by what is felt."""

import dataclasses
import math

from scenarios.passage.passage import Passage
from scenarios.passage.script import Script, Step, goal_of
from scenarios.passage.senses import Senses
from sim.command import Command, Drive

GIVE_UP = 2.0
"""A push towards a place is given up once the hand has gone so many times the way and `SLACK_MM` more."""

SLACK_MM = 20.0

LARGEST_TURN_DEG = 90.0
"""Most that a hand turns in one tick."""


@dataclasses.dataclass
class _Progress:
    """How far the present step has come: ways of the hand [mm, degrees], time waited [s], and where its tip began [mm]."""

    pushed: float = 0.0
    turned: float = 0.0
    waited: float = 0.0
    tip_mm: float = 0.0


class ScriptedHands:
    """Goes through a script's steps; one call is one tick of `dt` seconds.

    Attributes
    ----------
    events
        What happened in the tick asked for last, in sentences.
    done
        Whether the last step has ended.
    """

    def __init__(self, script: Script, passage: Passage, *, dt: float):
        script.check(passage)
        self._script, self._passage, self._dt = script, passage, dt
        self._at = {one.called: (0.0, 0.0) for one in passage.placed}
        self._number, self._progress = 0, _Progress(tip_mm=math.nan)
        self.events: tuple[str, ...] = ()
        self.done = False

    @property
    def phase(self) -> str:
        """What is being done, in a few words."""
        if self.done:
            return "at the end"
        step = self._script.step[self._number]
        goal = goal_of(step, self._passage)
        words = []
        if step.advance_mm is not None:
            words.append(f"{'advancing' if step.advance_mm >= 0 else 'drawing back'} {abs(step.advance_mm):g} mm")
        elif goal is not None:
            words.append(f"to {goal:.0f} mm")
        if step.turn_deg:
            words.append(f"turning {step.turn_deg:g}°")
        if step.wait_s:
            words.append("waiting")
        return f"step {self._number + 1}: {step.device}, {', '.join(words)}"

    @property
    def share(self) -> float:
        """Share of the steps that have ended, 0 to 1."""
        return self._number / len(self._script.step)

    def __call__(self, senses: Senses, *, blood_pressure_pa: float) -> Command:
        """The command of the next tick, by what was felt after the last one."""
        self.events = ()
        while not self.done:
            step = self._script.step[self._number]
            if math.isnan(self._progress.tip_mm):
                self._progress.tip_mm = senses.tip_mm[step.device]
            ended = self._ended(step, senses)
            if ended is None:
                self._go_on(step, senses)
                break
            self.events += (f"Step {self._number + 1}, {step.device}: {ended}",)
            self._number += 1
            self._progress = _Progress(tip_mm=math.nan)
            self.done = self._number == len(self._script.step)
        drives = {name: Drive(1e-3 * pushed, math.radians(turned)) for name, (pushed, turned) in self._at.items()}
        return Command(blood_pressure=blood_pressure_pa, drives=drives)

    def _ended(self, step: Step, senses: Senses) -> str | None:
        """Why a step is over, None while it is not."""
        p, force = self._progress, senses.tip_force_n[step.device]
        if step.force_limit_n is not None and force > step.force_limit_n and p.pushed != 0.0:
            return f"stopped, for its tip pressed with {force:.2f} N, more than {step.force_limit_n:g} N"
        way, turned, waited = self._left(step, senses), step.turn_deg - p.turned, step.wait_s - p.waited
        if abs(way) < 1e-6 and abs(turned) < 1e-6 and waited < 1e-6:
            return f"done, tip at {senses.tip_mm[step.device]:.1f} mm"
        goal = goal_of(step, self._passage)
        if goal is not None and abs(p.pushed) > GIVE_UP * abs(goal - p.tip_mm) + SLACK_MM:
            return (
                f"given up after {abs(p.pushed):.0f} mm of pushing: the tip went from {p.tip_mm:.1f} to "
                f"{senses.tip_mm[step.device]:.1f} mm and was to be at {goal:.1f} mm"
            )
        return None

    def _left(self, step: Step, senses: Senses) -> float:
        """How far the hand has still to go [mm]: what is left of an advance, or the tip's way to its place."""
        if step.advance_mm is not None:
            return step.advance_mm - self._progress.pushed
        goal = goal_of(step, self._passage)
        if goal is None:
            return 0.0
        left, towards = goal - senses.tip_mm[step.device], goal - self._progress.tip_mm
        # A tip that has come as far as asked, or snapped beyond, is there.
        return 0.0 if left * towards <= 0.0 else left

    def _go_on(self, step: Step, senses: Senses) -> None:
        p, dt = self._progress, self._dt
        way = limited(self._left(step, senses), step.speed_mm_s * dt)
        turn = limited(step.turn_deg - p.turned, min(step.turn_speed_deg_s * dt, LARGEST_TURN_DEG))
        pushed, turned = self._at[step.device]
        self._at[step.device] = (pushed + way, turned + turn)
        p.pushed, p.turned, p.waited = p.pushed + way, p.turned + turn, p.waited + dt


def limited(value: float, most: float) -> float:
    """A value with its size kept within a bound."""
    return math.copysign(min(abs(value), most), value)
