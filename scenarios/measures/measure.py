"""Measure: one clinical figure with its unit, its definition and the definition's source."""

import dataclasses
import math

from meshing.errors import InputError


@dataclasses.dataclass(frozen=True)
class Measure:
    """One figure, with what a reader needs to know what it means.

    Raises:
        InputError: the value is not a finite number; what could not be measured is left out and said in a note.
    """

    name: str
    value: float
    unit: str
    definition: str
    source: str
    note: str = ""  # what holds for this value alone, such as the place where it was found

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise InputError(f"The measure {self.name!r} is {self.value}, not a number; leave it out and say why in a note.")


@dataclasses.dataclass(frozen=True)
class Findings:
    """Measures, and sentences about what could not be measured or needs saying."""

    measures: tuple[Measure, ...] = ()
    notes: tuple[str, ...] = ()

    def __add__(self, other: "Findings") -> "Findings":
        return Findings(self.measures + other.measures, self.notes + other.notes)
