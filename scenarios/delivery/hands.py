"""Hands: wire across, each balloon to its place over it, inflated, and all drawn back, by what is felt after each tick."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from meshing.errors import InputError
from scenarios.case import Case
from scenarios.devices.over_wire import CATHETER, WIRE
from scenarios.devices.several import balloon_called, stent_called
from scenarios.passage.hands import GIVE_UP, SLACK_MM
from scenarios.procedure import Inflation, Procedure, phase_of, steps_in_turn, turns_of
from sim.command import Command, Drive

SETTLE_S, REST_S = 0.2, 0.4
"""For how long the vessel rests before and after [s]; simulated time, chosen."""

SPEED_MM_S = 18.0
"""How quickly hands push and draw back; simulated time, for tissue has no viscosity here. Less than half an element a tick."""

NEAR_MM = 0.05
"""So near to its place a push ends; chosen."""


class NotDeliveredError(InputError):
    """A wire or a balloon did not come to its place."""


@dataclasses.dataclass(frozen=True)
class Felt:
    """What hands see after a tick: where the wire's tip and each balloon's middle are along the way from the access [mm]."""

    tip_mm: float
    middle_mm: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Rest:
    """Nothing is done for some time [s]."""

    phase: str
    seconds: float


@dataclasses.dataclass(frozen=True)
class Advance:
    """The wire or the catheter is pushed until the wire's tip, or a balloon's middle, is at a place along the way [mm]."""

    phase: str
    feed: str
    goal_mm: float
    balloon: str | None = None
    rides: str | None = None
    """Name of the stent that rides on the balloon."""


@dataclasses.dataclass(frozen=True)
class Withdraw:
    """The wire or the catheter is drawn back to where it was at first."""

    phase: str
    feed: str


@dataclasses.dataclass(frozen=True)
class Inflate:
    """A balloon is inflated, held and deflated."""

    name: str
    course: Procedure


Step = Rest | Advance | Withdraw | Inflate


def steps_of(case: Case, *, pressure_atm: float | None = None) -> tuple[Step, ...]:
    """What is done in a case whose devices go over a wire, at its pressures, that of the first stent's balloon as given [atm]."""
    over = case.over
    assert over is not None
    steps: list[Step] = [Rest("before", SETTLE_S)]
    steps.append(Advance("wire across", WIRE, over.goal_mm(case.stents, case.dilations, case.path)))
    numbers = {balloon_called(number): number for number in range(len(case.stents))}
    for one in turns_of(case, pressure_atm=pressure_atm):
        assert isinstance(one, Inflation)
        number = numbers.get(one.name)
        goal = over.on_way(case.stents[number or 0].station_mm, case.path)
        rides = None if number is None else stent_called(number)
        alone = dataclasses.replace(one, brings=None)
        course = steps_in_turn([alone], blood_pressure_pa=case.blood_pressure_pa, settle_s=0.0, rest_s=0.0)
        steps.append(Advance(phase_of(one.name, "tracking"), CATHETER, goal, one.name, rides))
        steps += [Inflate(one.name, course), Withdraw(phase_of(one.name, "withdrawing"), CATHETER)]
    return (*steps, Withdraw("wire back", WIRE), Rest("after", REST_S))


class DeliveringHands:
    """Goes through the steps of a delivery; one call is one tick of `dt` seconds.

    Attributes
    ----------
    phase
        Of the tick asked for last.
    events
        What happened in it, in sentences.
    phase_ends, done
        Whether that tick is the last of its phase, and of all.
    """

    def __init__(self, steps: Sequence[Step], *, dt: float, blood_pressure_pa: float):
        self._steps, self._dt, self._pressure = list(steps), dt, blood_pressure_pa
        self._number, self._time, self._begin_mm, self._pushed = 0, 0.0, math.nan, 0.0
        self._at = {WIRE: 0.0, CATHETER: 0.0}
        self._waiting = [one.rides for one in steps if isinstance(one, Advance) and one.rides]
        self.phase, self.events = steps[0].phase if isinstance(steps[0], Rest) else "", ()
        self.phase_ends, self.done = False, False

    @property
    def share(self) -> float:
        """Share of the steps that have ended, 0 to 1."""
        return self._number / len(self._steps)

    def __call__(self, felt: Felt) -> Command:
        """The command of the next tick, by what was felt after the last one.

        Raises
        ------
        NotDeliveredError
            If a push does not come to its place.
        """
        step, balloons, riding = self._steps[self._number], {}, []
        self._time += self._dt
        self.events = ()
        ended = isinstance(step, Rest) and self._time > step.seconds - 0.5 * self._dt
        if isinstance(step, Advance):
            ended = self._push(step, felt)
            riding = [step.rides] if step.rides else []
        elif isinstance(step, Withdraw):
            self._at[step.feed] -= min(self._at[step.feed], SPEED_MM_S * self._dt)
            ended = self._at[step.feed] <= 0.0
        elif isinstance(step, Inflate):
            balloons = dict(step.course(self._time).balloons)
            self.events = step.course.events(self._time - self._dt, self._time)
            ended = self._time > step.course.duration_s - 0.5 * self._dt
        self.phase = step.course.phase(self._time) if isinstance(step, Inflate) else step.phase
        coming = step.course.phase(self._time + self._dt) if isinstance(step, Inflate) else self.phase
        self.phase_ends = ended or coming != self.phase
        opened = self._opened()
        waiting = tuple(name for name in self._waiting if name not in opened and name not in riding)
        if ended:
            self._number += 1
            self._time, self._begin_mm, self._pushed = 0.0, math.nan, 0.0
            self.done = self._number == len(self._steps)
        drives = {name: Drive(advance=1e-3 * way) for name, way in self._at.items()}
        return Command(blood_pressure=self._pressure, drives=drives, balloons=balloons, waiting=waiting, riding=tuple(riding))

    def _opened(self) -> set[str]:
        """The stents whose inflation has begun."""
        passed = self._steps[: self._number]
        return {one.rides for one in passed if isinstance(one, Advance) and one.rides}

    def _push(self, step: Advance, felt: Felt) -> bool:
        """Push on; whether the place has been reached, so that this tick only holds what was pushed."""
        place = felt.tip_mm if step.balloon is None else felt.middle_mm[step.balloon]
        if math.isnan(self._begin_mm):
            self._begin_mm = place
        left = step.goal_mm - place
        if left < NEAR_MM:
            return True
        whole = step.goal_mm - self._begin_mm
        if self._pushed > GIVE_UP * whole + SLACK_MM:
            what = "wire" if step.balloon is None else f"catheter with the {step.balloon}"
            raise NotDeliveredError(
                f"The {what} did not come to its place {step.goal_mm:.1f} mm along the way: after {self._pushed:.0f} mm of "
                f"pushing it was at {place:.1f} mm. Take a stiffer wire, a smaller device, or the other access."
            )
        way = min(left, SPEED_MM_S * self._dt)
        self._at[step.feed] += way
        self._pushed += way
        return False
