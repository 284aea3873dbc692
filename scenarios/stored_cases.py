"""The cases that come with the program: what each is for, what to watch for, and how the expert's procedure went.

Reads tables only, so that a list of cases is there at once.
"""

import dataclasses
import difflib
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from meshing.errors import InputError
from scenarios.assets import assets_folder
from scenarios.tables import Row, read_table

DIFFICULTIES = {1: "easy", 2: "moderate", 3: "hard"}


class Dimension(Row):
    """One dimension of a case with where it comes from; `value` is one number or several, as `unit` tells."""

    value: float | tuple[float, ...]
    unit: str
    source: str


class ExpertKeyframe(Row):
    """At the end of a phase, at this time, the balloon is at this share of the run's pressure; in between it changes evenly."""

    time_s: float = Field(gt=0.0)
    phase: str
    share: float = Field(ge=0.0, le=1.0)


class ExpertRun(Row):
    """One of the expert's runs: the highest balloon pressure [atm], and how far the stent lies from the place [mm]."""

    pressure_atm: float = Field(gt=0.0)
    offset_mm: float = 0.0


class ExpertPlan(Row):
    """How an expert goes about a case: the device, where its middle goes along which way, and the runs that make the range."""

    device: str
    at_mm: float
    branch: int = 0
    why: str
    keyframes: tuple[ExpertKeyframe, ...] = Field(min_length=1)
    runs: tuple[ExpertRun, ...] = Field(min_length=1)


class CaseTable(Row):
    """The table case.toml of a stored case."""

    name: str
    title: str
    aim: str
    difficulty: int = Field(ge=1, le=3)
    watch: tuple[str, ...] = Field(min_length=1)
    origin: str
    labels: str
    lumen: tuple[str, ...] = Field(min_length=1)
    plaque: tuple[str, ...] = ()
    calcium: tuple[str, ...] = ()
    wall: tuple[str, ...] = Field(min_length=1)
    dimensions: dict[str, Dimension]
    expert: ExpertPlan

    @model_validator(mode="after")
    def _knows_its_wall(self) -> "CaseTable":
        thickness = self.dimensions.get("wall_thickness")
        if thickness is None or not isinstance(thickness.value, float):
            raise ValueError("dimensions need a wall_thickness of one number")
        return self

    @property
    def wall_mm(self) -> float:
        """Thickness of the wall [mm]."""
        value = self.dimensions["wall_thickness"].value
        assert isinstance(value, float)
        return value


@dataclasses.dataclass(frozen=True)
class StoredCase:
    """A case that comes with the program: its folder and its table."""

    folder: Path
    table: CaseTable

    @property
    def name(self) -> str:
        """What the case is called at the command line."""
        return self.table.name

    @property
    def labels(self) -> Path:
        """Path of its label map."""
        return self.folder / self.table.labels

    @property
    def expert_path(self) -> Path:
        """Path of what came of the expert's runs."""
        return self.folder / "expert.json"

    @property
    def difficulty(self) -> str:
        """How hard it is, in a word."""
        return DIFFICULTIES[self.table.difficulty]


def case_names() -> tuple[str, ...]:
    """Give the names of the stored cases, in the order of the alphabet."""
    return tuple(sorted(folder.name for folder in (assets_folder() / "cases").iterdir() if (folder / "case.toml").is_file()))


@cache
def stored_cases() -> tuple[StoredCase, ...]:
    """Give the stored cases, the easiest first.

    Raises:
        InputError: a table does not have its form; the message names the entry at fault.
    """
    cases = [_read(name) for name in case_names()]
    return tuple(sorted(cases, key=lambda case: (case.table.difficulty, case.name)))


def find_case(name: str) -> StoredCase:
    """Give the stored case of a name, whatever its capitals.

    Raises:
        InputError: there is none; the message offers the nearest names, or all where none is near.
    """
    asked = name.strip().casefold()
    names = case_names()
    if asked not in names:
        raise InputError(f"There is no stored case {name!r}; {nearest_names(name)}.")
    return _read(asked)


def nearest_names(name: str) -> str:
    """Say which stored cases a name that is none may have meant."""
    names = case_names()
    near = difflib.get_close_matches(name.strip().casefold(), names, n=3, cutoff=0.6)
    return f"{'the nearest' if near else 'there'} {'is' if len(near) == 1 else 'are'} {', '.join(near or names)}"


@cache
def _read(name: str) -> StoredCase:
    folder = assets_folder() / "cases" / name
    return StoredCase(folder, read_table(folder / "case.toml", CaseTable))


def plain(row: Row) -> dict[str, Any]:
    """Give a part of a table as plain words and numbers, such as JSON knows."""
    return row.model_dump(mode="json")
