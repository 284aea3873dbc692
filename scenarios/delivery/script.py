"""Script: what is done in a rehearsal step by step, each until something is reached, felt, or has lasted long enough."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from meshing.errors import InputError
from scenarios.case import Case
from scenarios.devices.over_wire import CATHETER, WIRE
from scenarios.devices.self_expanding import SHEATH
from scenarios.devices.several import opener_called, sheath_called, stent_called
from scenarios.passage.script import TURN_SPEED_DEG_S
from scenarios.procedure import Inflation, Pause, Procedure, Release, phase_of, steps_in_turn, turns_of
from scenarios.tables import Row, read_table

SPEED_MM_S = 18.0
"""How quickly hands push and draw back; simulated time, for tissue has no viscosity here. Less than half an element a tick."""

INFLATE_S, HOLD_S, DEFLATE_S = 3.0, 0.4, 0.8
"""Simulated times of a balloon where a step does not say, chosen."""

Line = Literal["wire", "catheter"]

DOINGS = ("push", "bring", "withdraw", "inflate", "release")


class Step(Row):
    """One thing that is done: something is pushed, brought to its place, drawn back, inflated or released, or all waits.

    A push ends when what is pushed was advanced or turned so far, or its tip is at a place; before that if its tip presses
    harder than `force_limit_n`. Only what is over a wire can be pushed, brought and withdrawn.
    """

    push: Line | None = None
    advance_mm: float | None = None
    """How far its proximal end is pushed; drawn back where negative."""
    to_mm: float | None = Field(default=None, ge=0.0)
    """Where along the way from the access its tip is to be."""
    past_stent_mm: float | None = None
    """How far beyond the place of the first stent's distal end its tip is to be."""
    turn_deg: float = 0.0
    bring: str | None = None
    """The balloon or the sheath that the catheter takes to its place."""
    withdraw: Line | None = None
    inflate: str | None = None
    """The balloon that is inflated, held and deflated: "balloon" for the first stent's, "stent 2", "predilation", ..."""
    atm: float | None = Field(default=None, gt=0.0)
    """Its pressure; the one asked of the case, else the nominal one, where none is given."""
    over_s: float = Field(default=INFLATE_S, gt=0.0)
    hold_s: float = Field(default=HOLD_S, gt=0.0)
    deflate_s: float = Field(default=DEFLATE_S, gt=0.0)
    release: str | None = None
    """The sheath that is drawn back: "sheath" for the first stent's."""
    course: str | None = None
    """How far it is drawn back by when, as "2:50%,5:100%"; evenly where it is not told."""
    wait_s: float | None = Field(default=None, gt=0.0)
    speed_mm_s: float = Field(default=SPEED_MM_S, gt=0.0)
    turn_speed_deg_s: float = Field(default=TURN_SPEED_DEG_S, gt=0.0)
    force_limit_n: float | None = Field(default=None, gt=0.0)

    @model_validator(mode="after")
    def _does_one_thing(self) -> "Step":
        done = [name for name in (*DOINGS, "wait_s") if getattr(self, name) is not None]
        if len(done) != 1:
            told = f"does {' and '.join(done)} at once" if done else "does nothing"
            raise ValueError(f"a step {told}; give one of push, bring, withdraw, inflate, release and wait_s")
        ways = [name for name in ("advance_mm", "to_mm", "past_stent_mm") if getattr(self, name) is not None]
        if len(ways) > 1:
            raise ValueError(f"a push asks for {' and '.join(ways)} at once; give one of them")
        if self.push and not ways and not self.turn_deg:
            raise ValueError("a push goes nowhere; give advance_mm, to_mm, past_stent_mm or turn_deg")
        if not self.push and (ways or self.turn_deg):
            raise ValueError(f"{(ways or ['turn_deg'])[0]} goes with push; name what is pushed")
        return self

    @property
    def phase(self) -> str:
        """What the step is called while it lasts; an inflation's parts have names of their own."""
        if self.push or self.withdraw:
            return f"pushing {self.push}" if self.push else f"withdrawing {self.withdraw}"
        return phase_of(self.bring, "tracking") if self.bring else "waiting"


class Script(Row):
    """Steps one after the other."""

    step: tuple[Step, ...] = Field(min_length=1)

    def check(self, case: Case) -> None:
        """Check that the case has what the script asks for, and that every stent is opened.

        Raises
        ------
        InputError
            If a step names what is not in the tray, asks for a place beyond the way, or opens what was not brought there, or
            a stent is never opened.
        """
        balloons, sheaths = _inflations(case), _releases(case)
        for number, step in enumerate(self.step, 1):
            if step.inflate is not None and step.inflate not in balloons:
                raise _not_there(number, step.inflate, balloons)
            if step.bring is not None and step.bring not in {**balloons, **sheaths}:
                raise _not_there(number, step.bring, [*balloons, *sheaths])
            if step.release is not None and step.release not in sheaths:
                raise _not_there(number, step.release, sheaths)
            if case.over is None and (step.push or step.bring or step.withdraw):
                what = step.push or step.withdraw or f"catheter of the {step.bring}"
                raise InputError(
                    f"Step {number} of the script asks for {what!r}, but nothing goes over a wire here; name one with --over."
                )
            _check_place(number, step, case)
            named = step.inflate or step.release
            if case.over is not None and named and named not in {before.bring for before in self.step[: number - 1]}:
                raise InputError(
                    f"Step {number} of the script opens {named!r}, which no step before it has brought to its place; add one with"
                    f" bring = {named!r}."
                )
        opened = {step.inflate or step.release for step in self.step}
        for number, one in enumerate(case.stents):
            name = opener_called(number, one)
            if name not in opened:
                raise InputError(f"The script never opens {one.device.name}; add a step that does so with {name!r}.")

    def inflation(self, step: Step, case: Case) -> Inflation:
        """The inflation that a step asks for."""
        asked = _inflations(case)[str(step.inflate)]
        times = (step.over_s, step.hold_s, step.deflate_s)
        return Inflation(asked.name, asked.balloon, asked.pressure_atm if step.atm is None else step.atm, asked.brings, times)

    def releasing(self, step: Step, case: Case) -> Release:
        """The release that a step asks for."""
        asked = _releases(case)[str(step.release)]
        if step.course is None:
            return asked
        number = [sheath_called(number) for number in range(len(case.stents))].index(asked.name)
        return Release(Release.of(case.stents[number].stent, step.course).course, asked.name, asked.brings)

    def procedure(self, case: Case) -> Procedure:
        """The keyframes of a script in which nothing is pushed; raises as `check` and `steps_in_turn` do."""
        self.check(case)
        turns: list[Inflation | Release | Pause] = []
        for step in self.step:
            if step.inflate is not None:
                turns.append(self.inflation(step, case))
            elif step.release is not None:
                turns.append(self.releasing(step, case))
            elif step.wait_s is not None:
                turns.append(Pause(step.wait_s))
        return steps_in_turn(turns, blood_pressure_pa=case.blood_pressure_pa)


def read_script(path: Path) -> Script:
    """Read a script from a TOML file with a table `[[step]]` for each step.

    Raises
    ------
    InputError
        If the file is missing, is not TOML, or holds a step that cannot be.
    """
    return read_table(path, Script)


def usual(case: Case, *, pressure_atm: float | None = None, release: str | None = None) -> Script:
    """The script of a case over a wire that is given none: wire across, each balloon to its place, opened and drawn back."""
    over = case.over
    assert over is not None
    within, further = over.goals_mm(case.stents, case.dilations, case.path)
    steps = [Step(push=WIRE, to_mm=within), *([Step(push=WIRE, advance_mm=further)] if further > 0.0 else [])]
    for one in turns_of(case, pressure_atm=pressure_atm, release=release):
        if isinstance(one, Inflation):
            opening = Step(inflate=one.name, atm=one.asked_atm)
        else:
            opening = Step(release=one.name, course=release if one.name == SHEATH else None)
        steps += [Step(bring=one.name), opening, Step(withdraw=CATHETER)]
    return Script(step=(*steps, Step(withdraw=WIRE)))


def goal_mm(step: Step, case: Case) -> float | None:
    """Where along the way a step's tip or balloon is to be [mm]; None where it asks for no place."""
    over = case.over
    if over is None:
        return None
    if step.bring is not None:
        number = _opened_by(step.bring, case)
        return over.on_way(case.stents[number or 0].station_mm, case.path)
    if step.past_stent_mm is not None:
        first = case.stents[0]
        return over.on_way(first.station_mm, case.path) + 0.5 * first.stent.length_mm + step.past_stent_mm
    return step.to_mm


def rides_with(name: str, case: Case) -> str | None:
    """Name of the stent on a balloon or in a sheath; None for a balloon without one."""
    number = _opened_by(name, case)
    return None if number is None else stent_called(number)


def _opened_by(name: str, case: Case) -> int | None:
    names = [opener_called(k, one) for k, one in enumerate(case.stents)]
    return names.index(name) if name in names else None


def _check_place(number: int, step: Step, case: Case) -> None:
    goal = goal_mm(step, case) if step.push else None
    if goal is not None and case.over is not None and not 0.0 <= goal <= case.over.between_mm[1]:
        raise InputError(
            f"Step {number} of the script asks for {goal:.1f} mm along a way whose wall ends at {case.over.between_mm[1]:.1f} "
            "mm; ask for less."
        )


def _not_there(number: int, name: str, there: Iterable[str]) -> InputError:
    return InputError(
        f"Step {number} of the script asks for {name!r}, but the tray holds {', '.join(there) or 'none'}; name one of these or "
        "put it in the tray."
    )


def _inflations(case: Case) -> dict[str, Inflation]:
    return {one.name: one for one in turns_of(case) if isinstance(one, Inflation)}


def _releases(case: Case) -> dict[str, Release]:
    return {one.name: one for one in turns_of(case) if isinstance(one, Release)}
