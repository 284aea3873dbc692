"""The rows of the device table that describe balloons without a stent, and the balloons made of them."""

import dataclasses
from collections.abc import Iterable, Mapping

from pydantic import Field

from scenarios.devices.balloon import Balloon
from scenarios.devices.sheet import Entry, Ranged, Sizes, label_of
from scenarios.tables import Number, Row

UNITS = {
    "folded_diameter": "mm", "shoulder_share": "", "nominal_pressure": "atm", "rated_burst_pressure": "atm",
    "compliance": "1/atm", "unfolding_pressure": "atm",
}  # fmt: skip
"""Unit of each number of a row."""


class BalloonDesign(Row):
    """Some sizes of a family with the same chart relative to the nominal diameter; lengths are those between the shoulders."""

    diameters: Sizes
    lengths: Sizes
    folded_diameter: Ranged
    shoulder_share: Ranged
    """Length of each shoulder as a share of the nominal diameter."""
    nominal_pressure: Ranged
    rated_burst_pressure: Ranged
    compliance: Ranged
    unfolding_pressure: Ranged

    def source_keys(self) -> Iterable[tuple[str, str]]:
        """Name and source of everything that has one."""
        for name in type(self).model_fields:
            yield name, getattr(self, name).source


class BalloonFamily(Row):
    """Balloons of one name in several sizes."""

    name: str
    description: str
    vessel: str
    designs: tuple[BalloonDesign, ...] = Field(min_length=1)


@dataclasses.dataclass(frozen=True)
class PlainBalloon:
    """A balloon on its catheter, without a stent.

    Attributes
    ----------
    name, family, description, vessel
        Such as "non-compliant balloon 8x20", and what it is for.
    diameter_mm, length_mm
        Nominal diameter, and length between the shoulders.
    balloon
        Its chart; with the shoulders in its length.
    sheet
        Every number with its source.
    """

    name: str
    family: str
    description: str
    vessel: str
    diameter_mm: float
    length_mm: float
    balloon: Balloon
    sheet: tuple[Entry, ...]


def balloons_of(family: BalloonFamily, sources: Mapping[str, str]) -> tuple[PlainBalloon, ...]:
    """Give every size of a family, in the table's order.

    Raises:
        InputError: a chart cannot be; the message names what is at fault.
    """
    return tuple(
        _balloon(family, design, sources, diameter, length)
        for design in family.designs
        for diameter in design.diameters.value
        for length in design.lengths.value
    )


def _balloon(
    family: BalloonFamily, design: BalloonDesign, sources: Mapping[str, str], diameter: float, length: float
) -> PlainBalloon:
    shoulder = design.shoulder_share.value * diameter
    chart = Balloon(
        nominal_diameter_mm=diameter,
        nominal_pressure_atm=design.nominal_pressure.value,
        compliance_per_atm=design.compliance.value,
        rated_burst_pressure_atm=design.rated_burst_pressure.value,
        folded_diameter_mm=design.folded_diameter.value,
        length_mm=length + 2.0 * shoulder,
        unfolding_pressure_atm=design.unfolding_pressure.value,
        overhang_mm=shoulder,
        source=sources[design.compliance.source],
    )
    return PlainBalloon(
        name=f"{family.name} {diameter:g}x{length:g}",
        family=family.name,
        description=family.description,
        vessel=family.vessel,
        diameter_mm=diameter,
        length_mm=length,
        balloon=chart,
        sheet=_sheet(design, sources, diameter, length),
    )


def _sheet(design: BalloonDesign, sources: Mapping[str, str], diameter: float, length: float) -> tuple[Entry, ...]:
    own = {"diameters": ("diameter", diameter), "lengths": ("length", length)}
    entries = []
    for name in type(design).model_fields:
        number = getattr(design, name)
        if name in own:
            label, value = own[name]
            entries.append(Entry(label, (value,), "mm", sources[number.source], number.tag))
        elif isinstance(number, Number):
            bounds = (number.low, number.high) if isinstance(number, Ranged) else (None, None)
            entries.append(Entry(label_of(name), (number.value,), UNITS[name], sources[number.source], number.tag, *bounds))
    return tuple(entries)
