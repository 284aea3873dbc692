"""The rows of the device table that describe self-expanding stents and their metal, and the devices made of them."""

import math
from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field, model_validator

from scenarios.devices.design import DeliverySheath, Device, Nitinol, StentDesign
from scenarios.devices.sheet import Entry, Sizes, label_of
from scenarios.tables import Count, Number, Row, provenance

MILLIMETRES_PER_FRENCH = 1.0 / 3.0

UNITS = {
    "crowns": "", "bridges": "", "strut_angle_deg": "°", "delivery_french": "F", "austenite_modulus": "Pa",
    "martensite_modulus": "Pa", "transformation_strain": "", "loading_start": "Pa", "loading_end": "Pa", "unloading_start": "Pa",
    "unloading_end": "Pa", "compression_start": "Pa", "poisson_ratio": "", "density": "kg/m³",
}  # fmt: skip
"""Units of the numbers that are not in mm."""

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


class SelfExpandingDesign(Row):
    """Some sizes of a family with the same rings and sheath; the diameter is the bore where nothing holds the stent."""

    diameters: Sizes
    lengths: Sizes
    crowns: Count
    bridges: Count
    strut_width: Number
    strut_thickness: Number
    strut_angle_deg: Number
    ring_gap: Number
    delivery_french: Number
    sheath_wall: Number

    @model_validator(mode="after")
    def _is_symmetric(self) -> "SelfExpandingDesign":
        if self.crowns.value % self.bridges.value:
            raise ValueError(f"{self.bridges.value} bridges cannot be spread evenly over {self.crowns.value} crowns")
        for name in ("strut_width", "strut_thickness", "ring_gap", "delivery_french", "sheath_wall"):
            if getattr(self, name).value <= 0:
                raise ValueError(f"{name} must be above zero")
        return self

    def source_keys(self) -> Iterable[tuple[str, str]]:
        """Name and source of everything that has one."""
        for name in type(self).model_fields:
            yield name, getattr(self, name).source


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
    crowns, thickness, gap = design.crowns.value, design.strut_thickness.value, design.ring_gap.value
    outer = MILLIMETRES_PER_FRENCH * design.delivery_french.value
    sheath = DeliverySheath(
        french=design.delivery_french.value,
        outer_diameter_mm=outer,
        bore_mm=outer - 2.0 * design.sheath_wall.value,
        source=provenance(design, _DELIVERY_NUMBERS, sources),
    )
    strut = math.pi * (diameter + thickness) / (2 * crowns * math.sin(math.radians(design.strut_angle_deg.value)))
    crimped_lean = math.pi * (sheath.bore_mm - thickness) / (2 * crowns * strut)
    ring_height = strut * math.sqrt(max(1.0 - crimped_lean**2, 0.0))
    stent = StentDesign(
        name=f"{family.name} {diameter:g}x{length:g}",
        family=family.name,
        diameter_mm=diameter,
        length_mm=length,
        crimped_diameter_mm=sheath.bore_mm,
        crowns=crowns,
        rings=max(1, math.floor((length + gap) / (ring_height + gap))),
        strut_length_mm=strut,
        strut_width_mm=design.strut_width.value,
        strut_thickness_mm=thickness,
        bridges=design.bridges.value,
        alloy=metal,
        source=provenance(design, [name for name in SelfExpandingDesign.model_fields if name not in _DELIVERY_NUMBERS], sources),
    )
    return Device(stent=stent, delivery=sheath, description=family.description, vessel=family.vessel)


def sheet_of(
    families: Sequence[SelfExpandingFamily], metals: Mapping[str, NitinolRow], device: Device, sources: Mapping[str, str]
) -> tuple[Entry, ...]:
    """Give every number of a device with its unit, source and tag, those of its metal last; none where no family has it."""
    stent, sheath = device.stent, device.sheath
    own = {"diameters": stent.diameter_mm, "lengths": stent.length_mm}
    for family in families:
        for design in family.designs if family.name == stent.family else ():
            if own["diameters"] in design.diameters.value and own["lengths"] in design.lengths.value:
                formula = "π (D + t) / (2 N sin α) of diameter, strut thickness, crowns and strut angle"
                worked_out = (
                    Entry("sheath outside", (sheath.outer_diameter_mm,), "mm", "The delivery's French divided by three", "C"),
                    Entry("sheath bore", (sheath.bore_mm,), "mm", "The sheath's outer diameter less twice its wall", "C"),
                    Entry("strut length", (stent.strut_length_mm,), "mm", formula, "C"),
                    Entry("rings", (stent.rings,), "", "As many as fit in the length with the ring gap, crimped", "C"),
                )
                return (*_entries(design, own, sources), *worked_out, *_entries(metals[family.alloy], {}, sources))
    return ()


def _entries(row: Row, own: Mapping[str, float], sources: Mapping[str, str]) -> list[Entry]:
    labels = {"diameters": "diameter where nothing holds it", "lengths": "length in the sheath"}
    entries = []
    for name in type(row).model_fields:
        number = getattr(row, name)
        if hasattr(number, "source"):
            value = own.get(name) or number.value
            label = labels.get(name) or label_of(name)
            entries.append(Entry(label, (float(value),), UNITS.get(name, "mm"), sources[number.source], number.tag).readable())
    return entries
