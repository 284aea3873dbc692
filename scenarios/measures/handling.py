"""Handling: what hands did with wires and catheters, and what the wall felt of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scenarios.measures.measure import Findings, Measure

OWN = "Own definition"
CONTACT_N = 0.005
"""Force above which a tip counts as touching the wall [N]; own choice, well above what single precision leaves."""


def handling_findings(ticks: Sequence[Mapping[str, Any]], *, dt_s: float) -> Findings:
    """Give the measures of a passage from its recorded ticks, each with `command`, `senses` and `deepest`.

    For each device: how far its hand went and turned, how far its tip came, largest and mean force on the wall, of the whole and
    of the tip, and how often the tip met the wall.
    """
    felt = [row for row in ticks if "senses" in row]
    if not felt:
        return Findings(notes=("The handling could not be measured: no tick was recorded.",))
    measures = [Measure("time", len(felt) * dt_s, "s", "Simulated time from the first push to the end.", OWN)]
    for name in felt[-1]["senses"]["tip_mm"]:
        measures += _of_device(name, felt)
    deepest = max(1e3 * float(row["deepest"]) for row in felt)
    words = "Deepest that a wire's surface lay beyond the wall's at the end of any tick: how exactly contact was solved."
    measures.append(Measure("deepest overlap", deepest, "mm", words, OWN))
    return Findings(tuple(measures))


def _of_device(name: str, felt: Sequence[Mapping[str, Any]]) -> list[Measure]:
    drives = [row["command"]["drives"].get(name, {"advance": 0.0, "turn": 0.0}) for row in felt]
    advance = np.array([0.0, *(1e3 * one["advance"] for one in drives)])
    turn = np.array([0.0, *(one["turn"] for one in drives)])
    tip = np.array([row["senses"]["tip_mm"][name] for row in felt])
    whole = np.array([row["senses"]["wall_force_n"][name] for row in felt])
    at_tip = np.array([row["senses"]["tip_force_n"][name] for row in felt])
    touching = at_tip > CONTACT_N
    contacts = int(touching[0]) + int((touching[1:] & ~touching[:-1]).sum())
    force = "sizes of the contact forces summed"
    return [
        Measure(f"{name}: farthest place", float(tip.max()), "mm", "Farthest place of its foremost point along the way.", OWN),
        Measure(f"{name}: pushed", float(np.abs(np.diff(advance)).sum()), "mm", "Way of the hand, in and out.", OWN),
        Measure(f"{name}: torque turns", float(np.abs(np.diff(turn)).sum() / (2.0 * np.pi)), "1", "Turns of the hand.", OWN),
        Measure(f"{name}: peak wall force", float(whole.max()), "N", f"Largest force on the wall, {force}.", OWN),
        Measure(f"{name}: mean wall force", float(whole.mean()), "N", f"Mean force on the wall over all ticks, {force}.", OWN),
        Measure(
            f"{name}: peak tip force", float(at_tip.max()), "N",
            f"Largest force of its distal 10 mm on the wall, {force}; what a perforation would come of.", OWN,
        ),
        Measure(
            f"{name}: tip contacts", float(contacts), "1",
            f"How often its distal 10 mm came to press with more than {CONTACT_N:g} N.", OWN,
        ),
    ]  # fmt: skip
