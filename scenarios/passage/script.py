"""Script: what a hand does to wires step by step, each until something is reached or felt."""

from pathlib import Path

from pydantic import Field, model_validator

from meshing.errors import InputError
from scenarios.passage.passage import Passage
from scenarios.tables import Row, read_table

SPEED_MM_S = 20.0
"""How quickly a hand pushes where a step does not say; simulated time, for tissue has no viscosity here."""

TURN_SPEED_DEG_S = 180.0


class Step(Row):
    """One thing that a hand does: it pushes or turns one device, or waits.

    A push ends when the device was advanced so far, or its tip is at a place, whichever the step names; before that if its
    tip presses harder than `force_limit_n`.
    """

    device: str = "wire"
    advance_mm: float | None = None
    """How far the proximal end is pushed; drawn back where negative."""
    to_mm: float | None = Field(default=None, ge=0.0)
    """Where along the way the tip is to be."""
    past_lesion_mm: float | None = None
    """How far beyond the lesion the tip is to be; negative for before its far end."""
    turn_deg: float = 0.0
    wait_s: float = Field(default=0.0, ge=0.0)
    speed_mm_s: float = Field(default=SPEED_MM_S, gt=0.0)
    turn_speed_deg_s: float = Field(default=TURN_SPEED_DEG_S, gt=0.0)
    force_limit_n: float | None = Field(default=None, gt=0.0)

    @model_validator(mode="after")
    def _asks_for_one_thing(self) -> "Step":
        pushes = [name for name in ("advance_mm", "to_mm", "past_lesion_mm") if getattr(self, name) is not None]
        if len(pushes) > 1:
            raise ValueError(f"a step asks for {' and '.join(pushes)} at once; give one of them")
        if not pushes and not self.turn_deg and not self.wait_s:
            raise ValueError("a step asks for nothing; give advance_mm, to_mm, past_lesion_mm, turn_deg or wait_s")
        return self


class Script(Row):
    """Steps one after the other."""

    step: tuple[Step, ...] = Field(min_length=1)

    def check(self, passage: Passage) -> None:
        """Check that the passage has what the script asks for.

        Raises
        ------
        InputError
            If a step names a device that is not in the tray, a place beyond the way, or a lesion where there is none.
        """
        tray = [one.called for one in passage.placed]
        for number, step in enumerate(self.step, 1):
            if step.device not in tray:
                raise InputError(
                    f"Step {number} of the script asks for {step.device!r}, but the tray holds {', '.join(tray)}; name one of "
                    "these or put it in the tray."
                )
            if step.to_mm is not None and step.to_mm > passage.path.length:
                raise InputError(
                    f"Step {number} of the script asks for {step.to_mm:g} mm along the way, which is "
                    f"{passage.path.length:.0f} mm long; ask for less."
                )
            if step.past_lesion_mm is not None:
                goal_of(step, passage)


def goal_of(step: Step, passage: Passage) -> float | None:
    """Where along the way a step's tip is to be [mm]; None where it asks for no place.

    Raises
    ------
    InputError
        If it asks for a place past a lesion and there is none, or the place is off the way.
    """
    if step.past_lesion_mm is None:
        return step.to_mm
    if passage.lesion_mm is None:
        raise InputError(
            f"The script asks for {step.past_lesion_mm:g} mm past the lesion, but {passage.name} has none; use to_mm."
        )
    goal = passage.lesion_mm[1] + step.past_lesion_mm
    if not 0.0 <= goal <= passage.path.length:
        raise InputError(
            f"The script asks for {step.past_lesion_mm:g} mm past the lesion, {goal:.0f} mm along a way of "
            f"{passage.path.length:.0f} mm; ask for less."
        )
    return goal


def read_script(path: Path) -> Script:
    """Read a script from a TOML file with a table `[[step]]` for each step.

    Raises
    ------
    InputError
        If the file is missing, is not TOML, or holds a step that cannot be.
    """
    return read_table(path, Script)


def across(passage: Passage) -> Script:
    """The script for a passage that is given none: each device in turn to well past the lesion, or to the end of the way."""
    end = passage.path.length - 5.0
    goal = end if passage.lesion_mm is None else min(passage.lesion_mm[1] + 15.0, end)
    return Script(step=tuple(Step(device=one.called, to_mm=goal) for one in passage.placed))
