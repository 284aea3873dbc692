"""What the rows of all stents of rings share: their numbers, the design that these make, and their lines on a data sheet."""

import math
from collections.abc import Iterable, Mapping
from typing import ClassVar

from pydantic import model_validator

from scenarios.devices.design import Alloy, Fabric, Nitinol, StentDesign
from scenarios.devices.sheet import Entry, Sizes, label_of
from scenarios.tables import Count, Number, Row, provenance


class RingDesign(Row):
    """Some sizes of a family with the same rings."""

    above_zero: ClassVar[tuple[str, ...]] = ("strut_width", "strut_thickness", "ring_gap")

    diameters: Sizes
    lengths: Sizes
    crowns: Count
    bridges: Count
    strut_width: Number
    strut_thickness: Number
    strut_angle_deg: Number
    ring_gap: Number

    @model_validator(mode="after")
    def _is_symmetric(self) -> "RingDesign":
        if self.crowns.value % self.bridges.value:
            raise ValueError(f"{self.bridges.value} bridges cannot be spread evenly over {self.crowns.value} crowns")
        for name in self.above_zero:
            if getattr(self, name).value <= 0:
                raise ValueError(f"{name} must be above zero")
        return self

    def source_keys(self) -> Iterable[tuple[str, str]]:
        """Name and source of everything that has one."""
        for name in type(self).model_fields:
            if getattr(self, name) is not None:
                yield name, getattr(self, name).source

    def stent(
        self,
        family: str,
        *,
        diameter_mm: float,
        length_mm: float,
        crimped_mm: float,
        alloy: Alloy | Nitinol,
        others: tuple[str, ...],
        sources: Mapping[str, str],
        fabric: Fabric | None = None,
    ) -> StentDesign:
        """One size with the struts and rings that fit it; `others` are numbers of the row that are not the stent's."""
        crowns, thickness, gap = self.crowns.value, self.strut_thickness.value, self.ring_gap.value
        lean = math.sin(math.radians(self.strut_angle_deg.value))
        strut_length = math.pi * (diameter_mm + thickness) / (2 * crowns * lean)
        crimped_lean = math.pi * (crimped_mm - thickness) / (2 * crowns * strut_length)
        ring_height = strut_length * math.sqrt(max(1.0 - crimped_lean**2, 0.0))
        return StentDesign(
            name=f"{family} {diameter_mm:g}x{length_mm:g}",
            family=family,
            diameter_mm=diameter_mm,
            length_mm=length_mm,
            crimped_diameter_mm=crimped_mm,
            crowns=crowns,
            rings=max(1, math.floor((length_mm + gap) / (ring_height + gap))),
            strut_length_mm=strut_length,
            strut_width_mm=self.strut_width.value,
            strut_thickness_mm=thickness,
            bridges=self.bridges.value,
            alloy=alloy,
            source=provenance(self, [name for name, _ in self.source_keys() if name not in others], sources),
            fabric=fabric,
        )


def entries_of(
    row: Row, stent: StentDesign, sources: Mapping[str, str], *, units: Mapping[str, str], labels: Mapping[str, str]
) -> list[Entry]:
    """The lines of a row that have a source; of all sizes, the stent's own. `units` are those that are not mm."""
    own = {"diameters": stent.diameter_mm, "lengths": stent.length_mm}
    entries = []
    for name in type(row).model_fields:
        number = getattr(row, name)
        if hasattr(number, "source"):
            label, value = labels.get(name) or label_of(name), own.get(name) or number.value
            entry = Entry(label, (float(value),), units.get(name, "mm"), sources[number.source], number.tag)
            entries.append(entry.readable())
    return entries


def worked_out(stent: StentDesign) -> tuple[Entry, Entry]:
    """The lines that follow from a row's other numbers."""
    formula = "π (D + t) / (2 N sin α) of diameter, strut thickness, crowns and strut angle"
    return (
        Entry("strut length", (stent.strut_length_mm,), "mm", formula, "C"),
        Entry("rings", (stent.rings,), "", "As many as fit in the length with the ring gap, crimped", "C"),
    )
