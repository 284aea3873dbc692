"""The rows of the device table that describe self-expanding stents and their metal, and the devices made of them."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field, model_validator

from scenarios.devices.design import DeliverySheath, Device, Nitinol
from scenarios.devices.sheet import Entry
from scenarios.devices.stent_rows import RingDesign, entries_of, worked_out
from scenarios.tables import Number, Row, provenance

MILLIMETRES_PER_FRENCH = 1.0 / 3.0

UNITS = {
    "crowns": "", "bridges": "", "strut_angle_deg": "°", "delivery_french": "F", "austenite_modulus": "Pa",
    "martensite_modulus": "Pa", "transformation_strain": "", "loading_start": "Pa", "loading_end": "Pa", "unloading_start": "Pa",
    "unloading_end": "Pa", "compression_start": "Pa", "poisson_ratio": "", "density": "kg/m³",
}  # fmt: skip
"""Units of the numbers that are not in mm."""

LABELS = {"diameters": "diameter where nothing holds it", "lengths": "length in the sheath"}
"""What its sizes are called on a data sheet."""

_DELIVERY_NUMBERS = ("delivery_french", "sheath_wall")


class NitinolRow(Row):
    """A superelastic metal by the knees of its curve in tension at 37 °C."""

    name: str
    austenite_modulus: Number
    martensite_modulus: Number
    transformation_strain: Number
    loading_start: Number
    loading_end: Number
    unloading_start: Number
    unloading_end: Number
    compression_start: Number
    poisson_ratio: Number
    density: Number

    @model_validator(mode="after")
    def _closes_its_loop(self) -> "NitinolRow":
        knees = [getattr(self, name).value for name in ("unloading_end", "unloading_start", "loading_start", "loading_end")]
        if not 0.0 < knees[0] <= knees[1] < knees[2] <= knees[3]:
            raise ValueError("the knees must rise from unloading_end over unloading_start and loading_start to loading_end")
        return self


class SelfExpandingDesign(RingDesign):
    """Some sizes of a family with the same rings and sheath; the diameter is the bore where nothing holds the stent."""

    above_zero: ClassVar[tuple[str, ...]] = (*RingDesign.above_zero, *_DELIVERY_NUMBERS)

    delivery_french: Number
    sheath_wall: Number


class SelfExpandingFamily(Row):
    """Self-expanding stents of one name in several sizes."""

    name: str
    description: str
    vessel: str
    alloy: str
    designs: tuple[SelfExpandingDesign, ...] = Field(min_length=1)


def nitinol_of(row: NitinolRow, sources: Mapping[str, str]) -> Nitinol:
    """Give the metal of a row."""
    numbers = [name for name in NitinolRow.model_fields if name != "name"]
    values = {name: getattr(row, name).value for name in numbers}
    pascals = {f"{name}_pa": values.pop(name) for name in numbers if UNITS[name] == "Pa"}
    return Nitinol(name=row.name, **pascals, **values, source=provenance(row, numbers, sources))


def self_expanding_of(family: SelfExpandingFamily, metal: Nitinol, sources: Mapping[str, str]) -> tuple[Device, ...]:
    """Give every size of a family, in the table's order.

    Raises:
        InputError: a design cannot be built; the message names what is at fault.
    """
    return tuple(
        _device(family, design, metal, sources, diameter, length)
        for design in family.designs
        for diameter in design.diameters.value
        for length in design.lengths.value
    )


def _device(
    family: SelfExpandingFamily,
    design: SelfExpandingDesign,
    metal: Nitinol,
    sources: Mapping[str, str],
    diameter: float,
    length: float,
) -> Device:
    outer = MILLIMETRES_PER_FRENCH * design.delivery_french.value
    sheath = DeliverySheath(
        french=design.delivery_french.value,
        outer_diameter_mm=outer,
        bore_mm=outer - 2.0 * design.sheath_wall.value,
        source=provenance(design, _DELIVERY_NUMBERS, sources),
    )
    stent = design.stent(
        family.name, diameter_mm=diameter, length_mm=length, crimped_mm=sheath.bore_mm, alloy=metal, others=_DELIVERY_NUMBERS,
        sources=sources,
    )  # fmt: skip
    return Device(stent=stent, delivery=sheath, description=family.description, vessel=family.vessel)


def sheet_of(
    families: Sequence[SelfExpandingFamily], metals: Mapping[str, NitinolRow], device: Device, sources: Mapping[str, str]
) -> tuple[Entry, ...]:
    """Give every number of a device with its unit, source and tag, those of its metal last; none where no family has it."""
    stent, sheath = device.stent, device.sheath
    for family in families:
        for design in family.designs if family.name == stent.family else ():
            if stent.diameter_mm in design.diameters.value and stent.length_mm in design.lengths.value:
                rows = [entries_of(row, stent, sources, units=UNITS, labels=LABELS) for row in (design, metals[family.alloy])]
                of_sheath = (
                    Entry("sheath outside", (sheath.outer_diameter_mm,), "mm", "The delivery's French divided by three", "C"),
                    Entry("sheath bore", (sheath.bore_mm,), "mm", "The sheath's outer diameter less twice its wall", "C"),
                )
                return (*rows[0], *of_sheath, *worked_out(stent), *rows[1])
    return ()
