"""Delivering: where devices that went over a wire came to lie, how long each part took, and what the wall felt of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from scenarios.measures.handling import OWN, handling_findings
from scenarios.measures.measure import Findings, Measure


def delivery_findings(
    ticks: Sequence[Mapping[str, Any]], *, dt_s: float, extents_mm: Sequence[tuple[float, float]], planned_mm: Sequence[float]
) -> Findings:
    """Give how far each stent lies from its planned place, the time of each phase, and the handling of wire and catheter.

    `ticks` are those of a recording, `extents_mm` the stations of the ends of each stent that is in the vessel, and `planned_mm`
    where the middle of each was to be.
    """
    measures, several = [], len(planned_mm) > 1
    for number, ((first, last), planned) in enumerate(zip(extents_mm, planned_mm, strict=False)):
        name = f"stent {number + 1}: off its planned place" if several else "stent off its planned place"
        words = "Middle between its ends along the path, less where it was planned; towards the far end where positive."
        measures.append(Measure(name, 0.5 * (first + last) - planned, "mm", words, OWN))
    times: dict[str, int] = {}
    for row in ticks:
        times[row["phase"]] = times.get(row["phase"], 0) + 1
    note = "Simulated time, which runs faster than a hand does: tissue has no viscosity here."
    measures += [
        Measure(f"time, {phase}", count * dt_s, "s", "Simulated time of this phase.", OWN, note) for phase, count in times.items()
    ]
    return Findings(tuple(measures)) + handling_findings(ticks, dt_s=dt_s)
