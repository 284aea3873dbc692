"""The rows of the device table that describe guidewires, catheters and sheaths, and the wires made of them."""

import math
from collections.abc import Iterable, Mapping

from pydantic import Field, model_validator

from scenarios.devices.sheet import Entry, Ranged, Sizes, label_of
from scenarios.devices.wires import Bend, Kind, Segment, TipShape, Wire
from scenarios.tables import Number, Row

UNITS = {
    "outer_diameter": "mm",
    "bore": "mm",
    "body_modulus": "Pa",
    "body_stiffness": "N·mm²",
    "transition_length": "mm",
    "tip_length": "mm",
    "tip_stiffness": "N·mm²",
    "j_radius": "mm",
    "j_angle_deg": "°",
    "poisson_ratio": "",
    "angle_deg": "°",
    "radius": "mm",
    "distance": "mm",
}
"""Unit of each number of a row."""


class BendRow(Row):
    """A natural bend: its angle [degrees], its radius and its distance from the tip [mm]."""

    angle_deg: Ranged
    radius: Ranged
    distance: Ranged


class WireDesign(Row):
    """One size of a family; its body's stiffness is given as a flexural modulus [Pa] or as EI [N·mm²]."""

    size: str = Field(pattern=r"^(\d+\.\d+ in|\d+(\.\d+)?F)$")
    outer_diameter: Ranged
    bore: Ranged | None = None
    lengths: Sizes
    body_modulus: Ranged | None = None
    body_stiffness: Ranged | None = None
    transition_length: Ranged
    tip_length: Ranged
    tip_stiffness: Ranged
    tips: tuple[TipShape, ...] = Field(default=("straight",), min_length=1)
    j_radius: Ranged | None = None
    j_angle_deg: Ranged | None = None
    bends: tuple[BendRow, ...] = ()
    poisson_ratio: Ranged

    @model_validator(mode="after")
    def _is_told_once(self) -> "WireDesign":
        if (self.body_modulus is None) == (self.body_stiffness is None):
            raise ValueError(f"the {self.size} needs either body_modulus or body_stiffness, not both; give one of them")
        if "J" in self.tips and (self.j_radius is None or self.j_angle_deg is None):
            raise ValueError(f"the J of the {self.size} has no size; give j_radius and j_angle_deg")
        for name, number in self.numbers():
            low, high = getattr(number, "low", None), getattr(number, "high", None)
            if (low is not None and number.value < low) or (high is not None and number.value > high):
                raise ValueError(f"{name} of the {self.size} is {number.value:g}, outside its own range; give one within it")
        return self

    def numbers(self) -> Iterable[tuple[str, Number]]:
        """Each number that is given, with its name."""
        for name in type(self).model_fields:
            number = getattr(self, name)
            if isinstance(number, Number):
                yield name, number
        for bend in self.bends:
            for name in BendRow.model_fields:
                yield name, getattr(bend, name)

    def source_keys(self) -> Iterable[tuple[str, str]]:
        """Name and source of everything that has one."""
        yield "lengths", self.lengths.source
        for name, number in self.numbers():
            yield name, number.source


class WireFamily(Row):
    """Wires, catheters or sheaths of one kind and name, in several sizes."""

    name: str
    kind: Kind
    description: str
    vessel: str
    designs: tuple[WireDesign, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_as_wide_as_it_is_called(self) -> "WireFamily":
        for design in self.designs:
            if self.kind != "guidewire" and design.bore is None:
                raise ValueError(f"the bore of {self.name} {design.size} is missing; give it, for it is a {self.kind}")
            called = float(design.size.rstrip("inF ")) * (25.4 if design.size.endswith("in") else 1.0 / 3.0)
            # A sheath is called after what it takes.
            number = design.bore if self.kind == "sheath" else design.outer_diameter
            width = number.value if number is not None else 0.0
            if width > 0 and not -0.01 * called <= width - called <= (0.3 if self.kind == "sheath" else 0.02) * called:
                what = "a bore" if self.kind == "sheath" else "an outer diameter"
                raise ValueError(
                    f"{self.name} {design.size} has {what} of {width:g} mm, but is called after {called:.3g} mm; give the "
                    "one or the other anew"
                )
        return self


def wires_of(family: WireFamily, sources: Mapping[str, str]) -> tuple[Wire, ...]:
    """Give every size of a family with every tip it comes with, in the table's order."""
    return tuple(_wire(family, design, tip, sources) for design in family.designs for tip in design.tips)


def _wire(family: WireFamily, design: WireDesign, tip: TipShape, sources: Mapping[str, str]) -> Wire:
    size = design.size.removesuffix(" in")
    name = f"{family.name} {size} {tip}" if family.kind == "guidewire" else f"{family.name} {size}"
    bore = design.bore.value if design.bore else 0.0
    body = _body_stiffness(design, bore)
    soft = design.tip_stiffness.value
    bends = [Bend(bend.angle_deg.value, bend.radius.value, bend.distance.value) for bend in design.bends]
    if tip == "J" and design.j_radius and design.j_angle_deg:
        bends.insert(0, Bend(design.j_angle_deg.value, design.j_radius.value))
    longest = max(design.lengths.value)
    taken = design.tip_length.value + design.transition_length.value
    return Wire(
        name=name,
        family=family.name,
        kind=family.kind,
        size=design.size,
        outer_diameter_mm=design.outer_diameter.value,
        lengths_mm=design.lengths.value,
        segments=(
            Segment("tip", design.tip_length.value, soft, soft),
            Segment("transition", design.transition_length.value, soft, body),
            # Where the tip is too long for the wire that is said of the tip.
            Segment("body", longest - taken if longest > taken else longest, body, body),
        ),
        tip=tip,
        bends=tuple(bends),
        bore_mm=bore,
        poisson_ratio=design.poisson_ratio.value,
        description=family.description,
        vessel=family.vessel,
        sheet=_sheet(design, tip, body, sources),
    )


def _body_stiffness(design: WireDesign, bore: float) -> float:
    """EI of the body [N·mm²]; that of a modulus is E π (D⁴ − d⁴)/64."""
    if design.body_stiffness is not None:
        return design.body_stiffness.value
    assert design.body_modulus is not None
    return 1e-6 * design.body_modulus.value * math.pi * (design.outer_diameter.value**4 - bore**4) / 64.0


def _sheet(design: WireDesign, tip: TipShape, body: float, sources: Mapping[str, str]) -> tuple[Entry, ...]:
    entries = []
    for name, number in design.numbers():
        if name.startswith("j_") and tip != "J":
            continue
        bounds = (number.low, number.high) if isinstance(number, Ranged) else (None, None)
        label = f"bend's {label_of(name)}" if name in BendRow.model_fields else label_of(name)
        entries.append(Entry(label, (number.value,), UNITS[name], sources[number.source], number.tag, *bounds).readable())
        if name == "body_modulus":
            entries.append(_stiffness_of_modulus(design, number, body))
    lengths = design.lengths
    entries.insert(1, Entry("lengths", lengths.value, "mm", sources[lengths.source], lengths.tag))
    return tuple(entries)


def _stiffness_of_modulus(design: WireDesign, modulus: Number, body: float) -> Entry:
    per = body / modulus.value
    low, high = (None if (bound := getattr(modulus, name, None)) is None else per * bound for name in ("low", "high"))
    formula = "EI = E π (D⁴ − d⁴)/64 of the modulus above" if design.bore else "EI = E π D⁴/64 of the modulus above"
    return Entry("body stiffness", (round(body, 3),), "N·mm²", formula, "C", low, high)
