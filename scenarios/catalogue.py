"""The devices that come with the program: found by name, or by the size nearest to an artery's."""

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import ClassVar

from pydantic import Field, model_validator

from meshing.errors import InputError
from scenarios.assets import find_asset
from scenarios.devices.balloon import Balloon
from scenarios.devices.balloon_table import BalloonFamily, PlainBalloon, balloons_of
from scenarios.devices.design import STEEPEST_STRUT_DEG, Alloy, Device, Fabric
from scenarios.devices.names import first_of_nearest_families, nearest_names, of_name, plain_word, size_of, wire_word
from scenarios.devices.self_expanding_table import NitinolRow, SelfExpandingFamily, nitinol_of, self_expanding_of, sheet_of
from scenarios.devices.sheet import Entry
from scenarios.devices.stent_rows import RingDesign, entries_of, worked_out
from scenarios.devices.wire_table import WireFamily, wires_of
from scenarios.devices.wires import Wire
from scenarios.tables import Number, Row, provenance, read_table

LANDING_MARGIN_MM = 2.5
"""How far a stent is to reach beyond the lesion at each end, from memory and unverified; said wherever it is used."""

OVERSIZING_MM = 1.0
"""How much wider than the artery a self-expanding stent is where nothing holds it, from memory and unverified."""

KINDS = ("stent", "balloon", "guidewire", "catheter", "sheath")
"""What a device may be."""

_BALLOON_NUMBERS = ("nominal_pressure", "rated_burst_pressure", "compliance", "unfolding_pressure", "overhang")


class _Alloy(Row):
    name: str
    young_modulus: Number
    yield_stress: Number
    tangent_modulus: Number
    poisson_ratio: Number
    density: Number


class _Design(RingDesign):
    above_zero: ClassVar[tuple[str, ...]] = (*RingDesign.above_zero, "overhang", "compliance")

    crimped_diameter: Number
    nominal_pressure: Number
    rated_burst_pressure: Number
    compliance: Number
    unfolding_pressure: Number
    overhang: Number
    fabric_thickness: Number | None = None
    fabric_modulus: Number | None = None
    fabric_poisson_ratio: Number | None = None

    @model_validator(mode="after")
    def _is_covered_or_bare(self) -> "_Design":
        numbers = (self.fabric_thickness, self.fabric_modulus, self.fabric_poisson_ratio)
        given = [one.value for one in numbers if one is not None]
        if given and (len(given) < len(numbers) or min(given) <= 0.0 or given[-1] >= 1.0):
            raise ValueError("fabric needs a thickness and a modulus above zero and a Poisson's ratio between 0 and 1")
        return self

    @property
    def fabric(self) -> Fabric | None:
        """What it is covered with; None for a bare stent."""
        thickness, modulus, poisson = self.fabric_thickness, self.fabric_modulus, self.fabric_poisson_ratio
        if thickness is None or modulus is None or poisson is None:
            return None
        return Fabric(thickness.value, modulus.value, poisson.value)


class _Family(Row):
    name: str
    description: str
    vessel: str
    alloy: str
    designs: tuple[_Design, ...]


class _DeviceTable(Row):
    sources: dict[str, str]
    alloys: dict[str, _Alloy]
    families: tuple[_Family, ...]
    nitinols: dict[str, NitinolRow] = Field(default_factory=dict)
    self_expanding: tuple[SelfExpandingFamily, ...] = ()
    balloons: tuple[BalloonFamily, ...] = ()
    wires: tuple[WireFamily, ...] = ()

    @model_validator(mode="after")
    def _names_what_it_holds(self) -> "_DeviceTable":
        for families, metals in ((self.families, self.alloys), (self.self_expanding, self.nitinols)):
            for family in families:
                if family.alloy not in metals:
                    raise ValueError(f"the alloy {family.alloy!r} of {family.name} is not among {', '.join(metals)}")
        rows: list[Row] = [*self.alloys.values(), *self.nitinols.values()]
        for row in rows:
            for name in type(row).model_fields:
                key = getattr(getattr(row, name), "source", None)
                if key is not None and key not in self.sources:
                    raise ValueError(f"the source {key!r} of {name} is not among {', '.join(self.sources)}")
        every = (*self.families, *self.self_expanding, *self.balloons, *self.wires)
        for name, key in (pair for family in every for design in family.designs for pair in design.source_keys()):
            if key not in self.sources:
                raise ValueError(f"the source {key!r} of {name} is not among {', '.join(self.sources)}")
        return self


def read_devices(path: Path) -> tuple[Device, ...]:
    """Read every size of every family of a device table, in the table's order.

    Raises:
        InputError: the table is missing or malformed, or a design cannot be built; the message names what is at fault.
    """
    table = _read(path)
    alloys = {key: _alloy(row, table.sources) for key, row in table.alloys.items()}
    metals = {key: nitinol_of(row, table.sources) for key, row in table.nitinols.items()}
    by_balloon = tuple(
        _device(family, design, alloys[family.alloy], table.sources, diameter, length)
        for family in table.families
        for design in family.designs
        for diameter in design.diameters.value
        for length in design.lengths.value
    )
    return by_balloon + tuple(
        device for family in table.self_expanding for device in self_expanding_of(family, metals[family.alloy], table.sources)
    )


def read_wires(path: Path) -> tuple[Wire, ...]:
    """Read every guidewire, catheter and sheath of a device table, in the table's order.

    Raises:
        InputError: the table is missing or malformed, or a wire cannot be; the message names what is at fault.
    """
    table = _read(path)
    return tuple(wire for family in table.wires for wire in wires_of(family, table.sources))


@cache
def _own_table() -> _DeviceTable:
    return read_table(find_asset("devices.toml"), _DeviceTable)


def _read(path: Path) -> _DeviceTable:
    """The program's own table is read once."""
    return _own_table() if path == find_asset("devices.toml") else read_table(path, _DeviceTable)


@cache
def wires() -> tuple[Wire, ...]:
    """Give every guidewire, catheter and sheath that comes with the program, in the order of the catalogue."""
    return read_wires(find_asset("devices.toml"))


@cache
def balloons() -> tuple[PlainBalloon, ...]:
    """Give every balloon without a stent that comes with the program, in the order of the catalogue."""
    table = _own_table()
    return tuple(balloon for family in table.balloons for balloon in balloons_of(family, table.sources))


@cache
def devices() -> tuple[Device, ...]:
    """Give every device that comes with the program, in the order of the catalogue."""
    return read_devices(find_asset("devices.toml"))


def families(among: Sequence[Device] | None = None) -> dict[str, tuple[Device, ...]]:
    """Give the devices of each family, in the order of the catalogue."""
    chosen = devices() if among is None else among
    names = dict.fromkeys(device.stent.family for device in chosen)
    return {name: tuple(device for device in chosen if device.stent.family == name) for name in names}


def find(name: str, among: Sequence[Device] | None = None) -> Device:
    """Find a device by its name, such as "balloon-expandable 8x30"; case, spaces, hyphens and a closing "mm" do not matter.

    With a size alone ("8x30") the first family that has it is taken.

    Raises:
        InputError: there is no such device; the message lists the nearest.
    """
    chosen = devices() if among is None else among
    found = of_name(name, [device.stent for device in chosen])
    if found is None:
        near = nearest_names(name, [device.stent for device in chosen])
        raise InputError(f"There is no device {name!r}; the nearest are: {', '.join(near)}.")
    return next(device for device in chosen if device.stent is found)


def find_balloon(name: str) -> PlainBalloon:
    """Find a balloon without a stent by its name, such as "non-compliant balloon 8x20", or by its size alone.

    Raises:
        InputError: there is no such balloon; the message lists the nearest.
    """
    found = of_name(name, balloons())
    if found is None:
        raise InputError(f"There is no balloon {name!r}; the nearest are: {', '.join(nearest_names(name, balloons()))}.")
    return found


def find_wire(name: str, among: Sequence[Wire] | None = None) -> Wire:
    """Find a guidewire, catheter or sheath by its name, such as "Amplatz stiff 0.035 J" or "multipurpose guide 6F".

    Case, spaces and hyphens do not matter; size and tip may be left out, and then the first that fits is taken.

    Raises:
        InputError: there is no such wire; the message lists the nearest.
    """
    chosen = wires() if among is None else among
    asked = wire_word(name)
    for wire in chosen:
        family, own = wire_word(wire.family), wire_word(wire.name)
        rest = asked.removeprefix(family)
        if asked == own or (rest != asked and rest[:1] in ("", " ") and set(rest.split()) <= set(own.split())):
            return wire
    near = ", ".join(first_of_nearest_families(asked, {wire.family: wire.name for wire in reversed(chosen)}))
    raise InputError(f"There is no wire or catheter {name!r}; the nearest are: {near}.")


def find_any(name: str) -> Device | PlainBalloon | Wire:
    """Find a stent, balloon, guidewire, catheter or sheath by its name; a size alone is a stent's.

    Raises:
        InputError: there is none; the message lists the nearest.
    """
    try:
        return find_wire(name)
    except InputError:
        balloon = of_name(name, balloons())
        if balloon is not None and (size := size_of(name)) and size.family:
            return balloon
        if size_of(name) is not None or plain_word(name) in {plain_word(family) for family in families()}:
            return find(name)
        firsts = {device.stent.family: device.name for device in reversed(devices())}
        firsts |= {balloon.family: balloon.name for balloon in reversed(balloons())}
        firsts |= {wire.family: wire.name for wire in reversed(wires())}
        near = ", ".join(first_of_nearest_families(wire_word(name), firsts))
        raise InputError(f"There is no device {name!r}; the nearest are: {near}.") from None


def data_sheet(device: Device | PlainBalloon | Wire) -> tuple[Entry, ...]:
    """Give every number of a device of the catalogue with its unit, range, source and tag, in the order of the table.

    Raises:
        InputError: the stent is not in the catalogue.
    """
    if isinstance(device, Wire | PlainBalloon):
        return device.sheet
    table = _own_table()
    if device.is_self_expanding and (entries := sheet_of(table.self_expanding, table.nitinols, device, table.sources)):
        return entries
    for family in table.families:
        for design in family.designs if family.name == device.stent.family else ():
            if device.stent.diameter_mm in design.diameters.value and device.stent.length_mm in design.lengths.value:
                own, alloy = (
                    entries_of(row, device.stent, table.sources, units=_UNITS, labels={"lengths": "length"})
                    for row in (design, table.alloys[family.alloy])
                )
                return (*own, *_worked_out(device), *alloy)
    raise InputError(f"The stent {device.name!r} is not in the catalogue, so its sources are not known; name one that is.")


def nearest(
    reference_diameter_mm: float,
    *,
    lesion_length_mm: float | None = None,
    longest_mm: float | None = None,
    family: str | None = None,
    among: Sequence[Device] | None = None,
) -> Device:
    """Give the catalogue size nearest to an artery's reference diameter; a rule for a first try, not advice.

    The nominal diameter is the one closest to the reference diameter (the smaller of two equally close), in the first family
    that has it. The length is the shortest that covers the lesion and `LANDING_MARGIN_MM` at both its ends, or the family's
    longest where none does; without a lesion length, the middle one of those there are. No stent longer than `longest_mm`.
    A self-expanding stent is given only where all are, and is then `OVERSIZING_MM` wider than the artery.

    Raises:
        InputError: the diameter is not above zero, the family is unknown, or every stent is too long.
    """
    if not (math.isfinite(reference_diameter_mm) and reference_diameter_mm > 0):
        raise InputError(f"The reference diameter is {reference_diameter_mm:g} mm; give one above zero.")
    chosen = list(devices() if among is None else among)
    if family is not None:
        known = list(dict.fromkeys(device.stent.family for device in chosen))
        chosen = [device for device in chosen if plain_word(device.stent.family) == plain_word(family)]
        if not chosen:
            raise InputError(f"There is no family {family!r}; there are: {', '.join(known)}.")
    by_balloon = [device for device in chosen if not device.is_self_expanding]
    wanted_mm = reference_diameter_mm + (0.0 if by_balloon else OVERSIZING_MM)
    chosen = by_balloon or chosen
    if longest_mm is not None:
        shortest = min(device.stent.length_mm for device in chosen)
        chosen = [device for device in chosen if device.stent.length_mm <= longest_mm]
        if not chosen:
            raise InputError(
                f"The shortest stent is {shortest:g} mm, longer than the {longest_mm:.1f} mm there is room for; "
                "choose a longer vessel."
            )
    diameter = min({device.stent.diameter_mm for device in chosen}, key=lambda size: (abs(size - wanted_mm), size))
    first = next(device.stent.family for device in chosen if device.stent.diameter_mm == diameter)
    fitting = sorted(
        (device for device in chosen if device.stent.diameter_mm == diameter and device.stent.family == first),
        key=lambda device: device.stent.length_mm,
    )
    if lesion_length_mm is None:
        return fitting[(len(fitting) - 1) // 2]
    covering = lesion_length_mm + 2 * LANDING_MARGIN_MM
    return next((device for device in fitting if device.stent.length_mm >= covering), fitting[-1])


def sizing_sentence(
    device: Device, *, reference_diameter_mm: float, lesion_length_mm: float | None = None, is_nearest: bool = True
) -> str:
    """Say in a sentence how a device's size stands to an artery's reference diameter and lesion.

    `is_nearest` tells whether it is the size that `nearest` gave, or one that was named.
    """
    ratio = device.stent.diameter_mm / reference_diameter_mm
    how = "is the nearest size in the catalogue to" if is_nearest else "was named; it goes into"
    words = f"{device.name} {how} a reference diameter of {reference_diameter_mm:.1f} mm"
    words += f" (ratio of stent to artery {ratio:.2f}"
    if lesion_length_mm is not None:
        covered = "covers" if device.stent.length_mm >= lesion_length_mm else "does not cover"
        words += f"; its {device.stent.length_mm:g} mm {covered} the lesion of {lesion_length_mm:.0f} mm"
    return words + ")."


def _alloy(row: _Alloy, sources: dict[str, str]) -> Alloy:
    return Alloy(
        name=row.name,
        young_modulus_pa=row.young_modulus.value,
        yield_stress_pa=row.yield_stress.value,
        tangent_modulus_pa=row.tangent_modulus.value,
        poisson_ratio=row.poisson_ratio.value,
        density=row.density.value,
        source=provenance(row, ("young_modulus", "yield_stress", "tangent_modulus", "poisson_ratio", "density"), sources),
    )


def _device(family: _Family, design: _Design, alloy: Alloy, sources: dict[str, str], diameter: float, length: float) -> Device:
    stent = design.stent(
        family.name, diameter_mm=diameter, length_mm=length, crimped_mm=design.crimped_diameter.value, alloy=alloy,
        others=_BALLOON_NUMBERS, sources=sources, fabric=design.fabric,
    )  # fmt: skip
    balloon = Balloon(
        nominal_diameter_mm=diameter,
        nominal_pressure_atm=design.nominal_pressure.value,
        compliance_per_atm=design.compliance.value,
        rated_burst_pressure_atm=design.rated_burst_pressure.value,
        folded_diameter_mm=stent.crimped_bore_mm,
        length_mm=length + 2 * design.overhang.value,
        unfolding_pressure_atm=design.unfolding_pressure.value,
        overhang_mm=design.overhang.value,
        source=provenance(design, _BALLOON_NUMBERS, sources),
    )
    burst_angle = stent.strut_angle_deg(balloon.largest_diameter_mm)
    if burst_angle >= STEEPEST_STRUT_DEG:
        raise InputError(
            f"At rated burst the struts of {stent.name} lean by {burst_angle:.0f}°, past {STEEPEST_STRUT_DEG:g}°; "
            "give longer struts (a smaller strut_angle_deg) or a stiffer balloon."
        )
    return Device(stent=stent, delivery=balloon, description=family.description, vessel=family.vessel)


_UNITS = {
    "crowns": "", "bridges": "", "strut_angle_deg": "°", "nominal_pressure": "atm", "rated_burst_pressure": "atm",
    "compliance": "1/atm", "unfolding_pressure": "atm", "young_modulus": "Pa", "yield_stress": "Pa", "tangent_modulus": "Pa",
    "poisson_ratio": "", "density": "kg/m³", "fabric_modulus": "Pa", "fabric_poisson_ratio": "",
}  # fmt: skip
"""Units of a stent's numbers that are not in mm."""


def _worked_out(device: Device) -> tuple[Entry, ...]:
    bore = device.balloon.largest_diameter_mm
    at_burst = Entry("bore at rated burst", (bore,), "mm", "The balloon's diameter by its compliance", "C")
    return (*worked_out(device.stent), at_burst)
