"""Where the sheaths of self-expanding stents lie at a moment, for whoever draws them."""

import dataclasses
from typing import Any

import numpy as np

from scenarios.devices.design import DeliverySheath
from scenarios.devices.over_wire import CATHETER
from scenarios.devices.several import axis_ridden, sheath_called, stent_called


@dataclasses.dataclass(frozen=True, eq=False)
class SheathShape:
    """A sheath as far as it reaches: its line from the hand to its end, shape (k, 3) [mm], and its size."""

    line: np.ndarray
    size: DeliverySheath


def sheaths_at(case: Any, moment: Any) -> tuple[SheathShape, ...]:
    """The sheath that lies in the vessel at a moment: that of the stent placed last, if it has one and is in the vessel.

    `case` is a `scenarios.case.Case`, or a passage, which has none; `moment` anything with vertices [mm], and how far the
    sheaths have been drawn back. Those of stents after the first ride along with the lumen; over a wire all go with the catheter.
    """
    number, drawn = last_placed(case, moment), drawn_mm(case, moment)
    if drawn is None:
        return ()
    stent = case.stents[number] if number else case
    way, size = stent.sheathed, stent.device.sheath
    if getattr(case, "over", None) is not None:
        way = dataclasses.replace(way, axis_mm=case.over.sheath_axis_mm(moment.lines[CATHETER], case.stents[number]))
    elif number:
        axis = axis_ridden(way.axis_mm, case.mesh.vertices, case.mesh.face_sets["lumen"], np.asarray(moment.vertices, float))
        way = dataclasses.replace(way, axis_mm=axis)
    line = way.reaching(drawn)
    return (SheathShape(line, size),) if len(line) > 1 else ()


def drawn_mm(case: Any, moment: Any) -> float | None:
    """How far the sheath of the stent placed last has been drawn back at a moment [mm]; None where it has none."""
    number = last_placed(case, moment)
    if number == 0:
        return None if getattr(case, "sheathed", None) is None else moment.sheath_mm
    return None if case.stents[number].sheathed is None else float(moment.sheaths_mm.get(sheath_called(number), 0.0))


def last_placed(case: Any, moment: Any) -> int:
    """Number of the stent placed last at a moment, counted from 0; 0 in a passage."""
    waiting, stents = getattr(moment, "waiting", ()), getattr(case, "stents", ())
    return max((number for number in range(len(stents)) if stent_called(number) not in waiting), default=0)
