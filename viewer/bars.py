"""What of a device is drawn as bars between nodes: a stent's struts, or the wires and catheters of a passage."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

METAL = "#d9e2ea"
WIRES = (METAL, "#5fb3d9", "#7cc48d")
"""Colours of wires from the innermost to the outermost."""

STENTS = (METAL, "#86bfee", "#c4adec")
"""Colours of stents in the order in which they were placed."""


@dataclasses.dataclass(frozen=True, eq=False)
class Bars:
    """Bars of one device.

    Attributes
    ----------
    name
        What it is called.
    pairs
        Nodes at the ends of each, shape (b, 2).
    radius_mm, bore_mm
        Outer and inner radius [mm].
    colour
        Its colour.
    kind
        "stent", "guidewire", "catheter" or "sheath".
    fabric
        Nodes of the triangles of a covered stent's fabric, shape (t, 3).
    """

    name: str
    pairs: np.ndarray
    radius_mm: float
    bore_mm: float
    colour: str
    kind: str
    fabric: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((0, 3), int))


def bars_of(case: Any) -> tuple[Bars, ...]:
    """The stents of a case, or the wires of a passage from the innermost to the outermost."""
    if hasattr(case, "stents"):
        from scenarios.devices.several import stent_called

        names = ["stent", *(stent_called(number) for number in range(1, len(case.stents)))]
        return tuple(
            Bars(
                name, one.lattice.bars + first, float(one.lattice.half_thickness_mm), 0.0, STENTS[number % len(STENTS)], "stent",
                one.lattice.fabric + first,
            )
            for number, (name, one, first) in enumerate(zip(names, case.stents, case.first_nodes, strict=False))
        )  # fmt: skip
    from scenarios.catalogue import find_wire

    bars = []
    for number, (placed, feed) in enumerate(zip(case.placed, case.device_body().feeds, strict=True)):
        wire, nodes = find_wire(placed.wire), np.asarray(feed.nodes)
        bars.append(
            Bars(
                placed.called, np.column_stack([nodes[:-1], nodes[1:]]), 0.5 * wire.outer_diameter_mm, 0.5 * wire.bore_mm,
                WIRES[number % len(WIRES)], wire.kind,
            )
        )  # fmt: skip
    return tuple(bars)


def there(bars: Sequence[Bars], moment: Any) -> list[Bars]:
    """Those bars that are in the patient at a moment: a stent may not have been put in yet."""
    return [one for one in bars if one.name not in getattr(moment, "waiting", ())]


def middle_mm(case: Any) -> float:
    """Where along the path the middle of what is looked at lies [mm]: of the stent, else of a passage's lesion or its way."""
    if hasattr(case, "station_mm"):
        return float(case.station_mm)
    return 0.5 * (sum(case.lesion_mm) if case.lesion_mm else case.path.length)
