"""Balloon seconds: how long each balloon was inflated, and how long at its pressure."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scenarios.devices.lattice import ATMOSPHERE
from scenarios.measures import sources
from scenarios.measures.measure import Findings, Measure
from scenarios.procedure import called

UNFOLDED_ATM = 2.0  # up to here pleats unfold and nothing is stretched
AT_PRESSURE = 0.95  # share of its highest pressure from which on a balloon counts as at pressure


def inflation_findings(ticks: Sequence[Mapping[str, Any]], *, dt_s: float) -> Findings:
    """Give, for each balloon that was inflated, its highest pressure and the seconds spent inflated and at pressure.

    `ticks` are those of a recording, each with its `command`; times are simulated ones, ticks of `dt_s` counted.
    """
    names = dict.fromkeys(name for row in ticks for name in row["command"].get("balloons", {}))
    measures = []
    for name in names:
        pressure = np.array([row["command"]["balloons"].get(name, 0.0) for row in ticks]) / ATMOSPHERE
        peak = float(pressure.max())
        if peak <= 0.0:
            continue
        note = "Simulated time, which runs faster than a hand does: tissue has no viscosity here."
        measures += [
            Measure(f"{called(name)}: highest pressure", peak, "atm", "Highest gauge pressure that was asked.", sources.OWN),
            Measure(
                f"{called(name)}: seconds inflated", dt_s * float((pressure > UNFOLDED_ATM).sum()), "s",
                f"Time above {UNFOLDED_ATM:g} atm, beyond which a balloon is unfolded.", sources.OWN, note,
            ),
            Measure(
                f"{called(name)}: seconds at pressure", dt_s * float((pressure >= AT_PRESSURE * peak).sum()), "s",
                f"Time at {100 * AT_PRESSURE:g} % of its highest pressure or more.", sources.OWN, note,
            ),
        ]  # fmt: skip
    return Findings(tuple(measures))
