"""Hands: they go through a script's steps by what is felt after each tick, and push, bring, inflate and draw back."""

import dataclasses
import math
from collections.abc import Mapping

from meshing.errors import InputError
from scenarios.case import Case
from scenarios.delivery.script import Script, Step, goal_mm, rides_with
from scenarios.devices.over_wire import CATHETER, WIRE
from scenarios.passage.hands import GIVE_UP, LARGEST_TURN_DEG, SLACK_MM, limited
from scenarios.passage.senses import Senses
from scenarios.procedure import Procedure, steps_in_turn
from sim.command import Command, Drive

SETTLE_S, REST_S = 0.2, 0.4
"""For how long the vessel rests before and after [s]; simulated time, chosen."""

NEAR_MM = 0.05
"""So near to its place a push ends; chosen."""


class NotDeliveredError(InputError):
    """A wire or a balloon did not come to its place."""


@dataclasses.dataclass(frozen=True)
class Felt:
    """What hands see and feel after a tick: of wire and catheter, and where the middle of each balloon is along the way [mm]."""

    senses: Senses
    middle_mm: Mapping[str, float]


@dataclasses.dataclass
class _Progress:
    """How far the present step has come: seconds, ways of the hand [mm, degrees], and where what it pushes began [mm]."""

    time_s: float = 0.0
    pushed: float = 0.0
    turned: float = 0.0
    begin_mm: float = math.nan


class DeliveringHands:
    """Goes through a script, with a rest before and after; one call is one tick of `dt` seconds.

    Attributes
    ----------
    phase
        Of the tick asked for last.
    events
        What happened in it, in sentences.
    phase_ends, done
        Whether that tick is the last of its phase, and of all.
    """

    def __init__(self, script: Script, case: Case, *, dt: float):
        script.check(case)
        self._steps: list[Step | str] = ["before", *script.step, "after"]
        self._script, self._case, self._dt = script, case, dt
        self._number, self._progress = 0, _Progress()
        self._at = {WIRE: (0.0, 0.0), CATHETER: (0.0, 0.0)}
        opened = dict.fromkeys(rides_with(step.inflate or step.release or "", case) for step in script.step)
        self._waiting = [name for name in opened if name is not None]
        self._drawn_mm: dict[str, float] = {}
        self._course: Procedure | None = None
        self.phase, self.events, self.phase_ends, self.done = "before", (), False, False

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
        step, progress = self._steps[self._number], self._progress
        progress.time_s += self._dt
        self.events, balloons, riding = (), {}, []
        if isinstance(step, str):
            self.phase, ended = step, self._over(SETTLE_S if step == "before" else REST_S)
        elif step.inflate or step.release:
            balloons, ended = self._open(step)
        else:
            self.phase, ended = step.phase, self._move(step, felt)
            riding = [name for name in self._waiting if step.bring and name == rides_with(step.bring, self._case)]
        coming = self.phase if self._course is None else self._course.phase(progress.time_s + self._dt)
        self.phase_ends = ended or coming != self.phase
        waiting = tuple(name for name in self._waiting if name not in riding)
        if ended:
            self._number, self._progress, self._course = self._number + 1, _Progress(), None
            self.done = self._number == len(self._steps)
        drives = {name: Drive(1e-3 * way, math.radians(turn)) for name, (way, turn) in self._at.items()}
        return Command(
            blood_pressure=self._case.blood_pressure_pa, drives=drives, balloons=balloons, waiting=waiting, riding=tuple(riding),
            sheaths={name: 1e-3 * way for name, way in self._drawn_mm.items()},
        )  # fmt: skip

    def _over(self, seconds: float) -> bool:
        return self._progress.time_s > seconds - 0.5 * self._dt

    def _open(self, step: Step) -> tuple[dict[str, float], bool]:
        """Pressures [Pa] of the tick, and whether it is the last of a balloon or a sheath; a stent comes in with the first."""
        if self._course is None:
            asked = self._script.inflation(step, self._case) if step.inflate else self._script.releasing(step, self._case)
            alone = dataclasses.replace(asked, brings=None)
            self._course = steps_in_turn([alone], blood_pressure_pa=0.0, settle_s=0.0, rest_s=0.0)
            self._waiting = [name for name in self._waiting if name != rides_with(alone.name, self._case)]
        time_s = self._progress.time_s
        self.phase, self.events = self._course.phase(time_s), self._course.events(time_s - self._dt, time_s)
        command = self._course(time_s)
        self._drawn_mm |= {name: 1e3 * way for name, way in command.sheaths.items()}
        return dict(command.balloons), self._over(self._course.duration_s)

    def _move(self, step: Step, felt: Felt) -> bool:
        """Push, turn, draw back or wait in a tick; whether the step has ended."""
        if step.wait_s is not None:
            return self._over(step.wait_s)
        line, over = step.push or step.withdraw or CATHETER, self._case.over
        way, turn = self._at[line]
        if step.withdraw:
            # A sheath that has let its stent go comes out with the catheter, and takes hold of nothing when that goes in again.
            self._drawn_mm = {name: max(drawn, over.length_mm if over else drawn) for name, drawn in self._drawn_mm.items()}
            self._at[line] = (max(way - step.speed_mm_s * self._dt, 0.0), turn)
            return self._at[line][0] == 0.0
        progress, force = self._progress, felt.senses.tip_force_n[line]
        if step.force_limit_n is not None and force > step.force_limit_n and progress.pushed:
            limit = f"more than {step.force_limit_n:g} N"
            self.events = (f"The {line} was stopped, for its tip pressed with {force:.2f} N, {limit}.",)
            return True
        left, place = self._left(step, felt)
        more = step.turn_deg - progress.turned
        if abs(left) < NEAR_MM and abs(more) < 1e-6:
            return True
        self._give_up(step, left, place)
        slide = limited(left, step.speed_mm_s * self._dt) if abs(left) >= NEAR_MM else 0.0
        turned = limited(more, min(step.turn_speed_deg_s * self._dt, LARGEST_TURN_DEG))
        self._at[line] = (way + slide, turn + turned)
        progress.pushed, progress.turned = progress.pushed + slide, progress.turned + turned
        return False

    def _left(self, step: Step, felt: Felt) -> tuple[float, float]:
        """How far there is still to go, and where what is pushed is now, along the way [mm]."""
        place = felt.middle_mm[step.bring] if step.bring else felt.senses.tip_mm[str(step.push)]
        if math.isnan(self._progress.begin_mm):
            self._progress.begin_mm = place
        if step.advance_mm is not None:
            return step.advance_mm - self._progress.pushed, place
        goal = goal_mm(step, self._case)
        if goal is None:
            return 0.0, place
        # A tip that has come as far as asked, or snapped beyond, is there.
        left = goal - place
        return (0.0 if left * (goal - self._progress.begin_mm) <= 0.0 else left), place

    def _give_up(self, step: Step, left: float, place: float) -> None:
        way = abs(place + left - self._progress.begin_mm)
        if step.advance_mm is not None or abs(self._progress.pushed) <= GIVE_UP * way + SLACK_MM:
            return
        what = f"catheter with the {step.bring}" if step.bring else step.push
        raise NotDeliveredError(
            f"The {what} did not come to its place {place + left:.1f} mm along the way: after "
            f"{abs(self._progress.pushed):.0f} mm of pushing it was at {place:.1f} mm. Take a stiffer wire, a smaller device, or "
            "the other access."
        )
