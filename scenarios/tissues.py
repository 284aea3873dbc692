"""Tissue: a name, a law, its numbers and whence they come."""

import dataclasses
import difflib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from meshing.errors import InputError
from scenarios.assets import find_asset
from scenarios.tables import Number, Row, Tag, read_table, weakest


@dataclasses.dataclass(frozen=True)
class Tissue:
    """A solid tissue with the numbers of its law, the range in which each is valid, and where each comes from.

    The law is the stable neo-Hookean of Smith, de Goes and Kim 2018, doi:10.1145/3180491, given by its small-strain moduli:
    shear modulus E / (2 (1 + ν)), Lamé's first parameter E ν / ((1 + ν) (1 − 2ν)).

    Raises:
        InputError: a number is out of its range, or a range does not run upwards.
    """

    name: str
    law: str
    young_modulus: float
    """E at small strain [Pa]."""
    poisson_ratio: float
    """ν [1]."""
    density: float
    """[kg/m³]"""
    young_modulus_range: tuple[float, float]
    """Lowest and highest valid E [Pa]."""
    poisson_ratio_range: tuple[float, float]
    density_range: tuple[float, float]
    source: str
    """Where each number comes from, with its tag."""
    tag: Tag
    """How well it is known, by its least certain number: V read in its source, C worked out, M from memory."""
    also: tuple[str, ...] = ()
    """Other names it answers to."""

    def __post_init__(self) -> None:
        for label, value, (low, high), unit in (
            ("Young's modulus", self.young_modulus, self.young_modulus_range, " Pa"),
            ("Poisson's ratio", self.poisson_ratio, self.poisson_ratio_range, ""),
            ("density", self.density, self.density_range, " kg/m³"),
        ):
            if not low <= value <= high:
                raise InputError(
                    f"The {label} of {self.name} is {value:g}{unit}, outside its range of {low:g} to {high:g}{unit}; "
                    "give a value in the range, or widen the range in a tissue table of your own with a source for it."
                )

    @property
    def shear_modulus(self) -> float:
        """μ = E / (2 (1 + ν)) [Pa]."""
        return self.young_modulus / (2.0 * (1.0 + self.poisson_ratio))

    @property
    def bulk_modulus(self) -> float:
        """κ = E / (3 (1 − 2ν)) [Pa]."""
        return self.young_modulus / (3.0 * (1.0 - 2.0 * self.poisson_ratio))

    def adjusted(
        self,
        *,
        young_modulus: float | None = None,
        poisson_ratio: float | None = None,
        density: float | None = None,
        reason: str = "set by the user",
    ) -> "Tissue":
        """Give the same tissue with other numbers; its source then says so.

        Raises:
            InputError: a number is outside the tissue's range.
        """
        given = {"young_modulus": young_modulus, "poisson_ratio": poisson_ratio, "density": density}
        changes: dict[str, float] = {name: value for name, value in given.items() if value is not None}
        if not changes:
            return self
        words = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in changes.items())
        return dataclasses.replace(self, **changes, source=f"{self.source}; then {words}: {reason}", tag="M")  # pyright: ignore[reportArgumentType]


@dataclasses.dataclass(frozen=True)
class Fluid:
    """A fluid and its numbers; the engine takes its pressure alone, the flow models its viscosity and density."""

    name: str
    law: str
    viscosity: float
    """Dynamic viscosity [Pa s]."""
    density: float
    """[kg/m³]"""
    source: str
    tag: Tag


class _Range(Number):
    """One number with the range in which it is valid."""

    low: float
    high: float
    unit: str

    @model_validator(mode="after")
    def _lies_in_its_range(self) -> "_Range":
        if not self.low < self.high:
            raise ValueError(f"its range runs from {self.low:g} to {self.high:g}, which is not upwards")
        if not self.low <= self.value <= self.high:
            raise ValueError(f"its value {self.value:g} is outside its own range of {self.low:g} to {self.high:g} {self.unit}")
        return self


class _TissueRow(Row):
    law: Literal["stable neo-Hookean"]
    also: tuple[str, ...] = ()
    young_modulus: _Range
    poisson_ratio: _Range
    density: _Range

    @model_validator(mode="after")
    def _is_physical(self) -> "_TissueRow":
        if self.young_modulus.low <= 0 or self.density.low <= 0:
            raise ValueError("stiffness and density must be above zero over their whole range")
        if not (self.poisson_ratio.low >= 0 and self.poisson_ratio.high < 0.5):
            raise ValueError("Poisson's ratio must stay at or above 0 and below 0.5, since this law has a finite bulk modulus")
        return self


class _FluidRow(Row):
    law: Literal["Newtonian"]
    viscosity: _Range
    density: _Range


class _TissueTable(Row):
    tissues: dict[str, _TissueRow]
    fluids: dict[str, _FluidRow] = Field(default_factory=dict)


def read_tissues(path: Path) -> dict[str, Tissue]:
    """Read the solid tissues of a table by their names.

    Raises:
        InputError: the table is missing or malformed; the message names the entry at fault.
    """
    table = read_table(path, _TissueTable)
    return {
        name: Tissue(
            name=name,
            law=row.law,
            young_modulus=row.young_modulus.value,
            poisson_ratio=row.poisson_ratio.value,
            density=row.density.value,
            young_modulus_range=(row.young_modulus.low, row.young_modulus.high),
            poisson_ratio_range=(row.poisson_ratio.low, row.poisson_ratio.high),
            density_range=(row.density.low, row.density.high),
            source=_provenance(
                {"Young's modulus": row.young_modulus, "Poisson's ratio": row.poisson_ratio, "density": row.density}
            ),
            tag=weakest([row.young_modulus.tag, row.poisson_ratio.tag, row.density.tag]),
            also=row.also,
        )
        for name, row in table.tissues.items()
    }


def read_fluids(path: Path) -> dict[str, Fluid]:
    """Read the fluids of a table by their names.

    Raises:
        InputError: the table is missing or malformed; the message names the entry at fault.
    """
    table = read_table(path, _TissueTable)
    return {
        name: Fluid(
            name=name,
            law=row.law,
            viscosity=row.viscosity.value,
            density=row.density.value,
            source=_provenance({"viscosity": row.viscosity, "density": row.density}),
            tag=weakest([row.viscosity.tag, row.density.tag]),
        )
        for name, row in table.fluids.items()
    }


@cache
def _own_tissues() -> dict[str, Tissue]:
    return read_tissues(find_asset("tissues.toml"))


def tissues() -> dict[str, Tissue]:
    """Give the tissues that come with the program, by name."""
    return dict(_own_tissues())


def blood() -> Fluid:
    """Give the blood that comes with the program."""
    return read_fluids(find_asset("tissues.toml"))["blood"]


def find_tissue(name: str, among: Mapping[str, Tissue] | None = None) -> Tissue:
    """Find a tissue by its name or another name it answers to; case, hyphens and spaces do not matter.

    Raises:
        InputError: there is no such tissue; the message lists the nearest names.
    """
    known = _own_tissues() if among is None else among
    by_word = {_word(alias): tissue for tissue in known.values() for alias in tissue.also}
    by_word |= {_word(tissue.name): tissue for tissue in known.values()}
    found = by_word.get(_word(name))
    if found is not None:
        return found
    near = difflib.get_close_matches(_word(name), by_word, n=3, cutoff=0.5)
    offered = list(dict.fromkeys(by_word[word].name for word in near)) or sorted(known)
    raise InputError(f"There is no tissue {name!r}; {'the nearest are' if near else 'there are'}: {', '.join(offered)}.")


def _word(name: str) -> str:
    return " ".join(name.casefold().replace("-", " ").replace("_", " ").split())


def _provenance(numbers: Mapping[str, Number]) -> str:
    return "; ".join(f"{label}: {number.source} [{number.tag}]" for label, number in numbers.items())
