"""Entry: one number of a device with its unit, its range, and how it is known."""

import dataclasses

from pydantic import Field

from scenarios.tables import Number, Row, Tag


class Ranged(Number):
    """One number with the range in which it is known to lie; a bound that is not known is left out."""

    low: float | None = None
    high: float | None = None


class Sizes(Row):
    """Diameters or lengths on offer [mm]."""

    value: tuple[float, ...] = Field(min_length=1)
    source: str
    tag: Tag


@dataclasses.dataclass(frozen=True)
class Entry:
    """A line of a device's data sheet."""

    label: str
    values: tuple[float, ...]
    unit: str
    source: str
    tag: Tag
    low: float | None = None
    high: float | None = None

    @property
    def text(self) -> str:
        """The number, or the numbers."""
        return ", ".join(f"{value:.5g}" for value in self.values)

    @property
    def range_text(self) -> str:
        """The range, or nothing where none is known."""
        low, high = (None if bound is None else f"{bound:.4g}" for bound in (self.low, self.high))
        if low is not None and high is not None:
            return f"{low} to {high}"
        return f"from {low}" if low is not None else f"to {high}" if high is not None else ""

    def readable(self) -> "Entry":
        """The same in GPa or MPa where it is in Pa."""
        if self.unit != "Pa":
            return self
        size, unit = (1e9, "GPa") if max(self.values) >= 1e9 else (1e6, "MPa")
        low, high = (None if bound is None else bound / size for bound in (self.low, self.high))
        return dataclasses.replace(self, values=tuple(value / size for value in self.values), unit=unit, low=low, high=high)


def label_of(name: str) -> str:
    """What a number of the table is called on a data sheet."""
    special = {"poisson_ratio": "Poisson's ratio", "young_modulus": "Young's modulus", "diameters": "diameter"}
    return special.get(name) or name.removesuffix("_deg").replace("_", " ").replace("j ", "J ")
