"""Tables of numbers with their sources, read from TOML and checked; what is wrong is told in one sentence."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from meshing.errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]

Tag = Literal["V", "C", "M"]
"""How a number is known: V read in its source, C worked out from read numbers, M from memory and not checked."""

_WEAKNESS: dict[Tag, int] = {"V": 0, "C": 1, "M": 2}


class Row(BaseModel):
    """A part of a table, in which no unknown word is let through and no number may be infinite or missing."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Number(Row):
    """One number with its source and how it is known."""

    value: float
    source: str
    tag: Tag


class Count(Row):
    """A whole number above nought with its source and how it is known."""

    value: int = Field(gt=0)
    source: str
    tag: Tag


Table = TypeVar("Table", bound=BaseModel)


def provenance(row: Row, names: Iterable[str], sources: Mapping[str, str]) -> str:
    """Say in a line which of a row's numbers come from which source, and how they are known."""
    by_source: dict[str, list[str]] = {}
    for name in names:
        number = getattr(row, name)
        by_source.setdefault(f"{sources[number.source]} [{number.tag}]", []).append(name.replace("_", " "))
    return "; ".join(f"{', '.join(labels)}: {source}" for source, labels in by_source.items())


def weakest(tags: list[Tag]) -> Tag:
    """Give the least certain of several tags: M before C before V."""
    return max(tags, key=lambda tag: _WEAKNESS[tag])


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file as it stands.

    Raises:
        InputError: the file is missing or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The table {path} cannot be read ({error.strerror or error}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The table {path.name} is not TOML: {error}.") from error


def read_table(path: Path, form: type[Table]) -> Table:
    """Read a TOML file into its form.

    Raises:
        InputError: the file is missing, is not TOML, or does not have the form; the message names the entry at fault.
    """
    try:
        return form.model_validate(read_toml(path))
    except ValidationError as error:
        raise InputError(f"In {path.name}, {first_fault(error)}.") from error


def first_fault(error: ValidationError) -> str:
    """Say what is wrong first in something that was validated: where, its value, and why."""
    faults = error.errors()
    # A misspelt entry is both unknown and missing; the unknown one is the one to show.
    fault = next((each for each in faults if each["type"] == "extra_forbidden"), faults[0])
    place = " → ".join(str(part) for part in fault["loc"]) or "the whole table"
    others = len(faults) - 1
    more = f" (and {others} more)" if others else ""
    if fault["type"] == "extra_forbidden":
        return f"{place} is not a known entry{more}; check its spelling or take it out"
    if fault["type"] == "missing":
        return f"{place} is missing{more}; give it"
    reason = str(fault["msg"]).removeprefix("Value error, ").rstrip(".")
    given = fault.get("input")
    shown = f" is {given!r}" if isinstance(given, str | int | float) else " is wrong"
    return f"{place}{shown}: {reason}{more}"
