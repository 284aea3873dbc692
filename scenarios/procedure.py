"""Procedure: from the time to a Command."""

import dataclasses

import numpy as np

from meshing.errors import InputError
from scenarios.devices.balloon import Balloon
from scenarios.devices.lattice import ATMOSPHERE
from sim.command import Command

PHASES = ("before", "inflating", "inflated", "deflating", "after")


@dataclasses.dataclass(frozen=True)
class Keyframe:
    """At the end of a phase, at this time, the balloon is at this pressure; in between it changes evenly."""

    time_s: float
    phase: str
    balloon_atm: float


@dataclasses.dataclass(frozen=True)
class Procedure:
    """Keyframed balloon pressure under a steady blood pressure [Pa]."""

    keyframes: tuple[Keyframe, ...]
    blood_pressure_pa: float

    @property
    def duration_s(self) -> float:
        """Time of the last keyframe [s]."""
        return self.keyframes[-1].time_s

    def __call__(self, time_s: float) -> Command:
        """The Command for the tick that ends at `time_s`."""
        times = [0.0, *(key.time_s for key in self.keyframes)]
        pressures = [0.0, *(key.balloon_atm for key in self.keyframes)]
        pressure = float(np.interp(time_s, times, pressures))
        return Command(blood_pressure=self.blood_pressure_pa, balloons={"balloon": ATMOSPHERE * pressure})

    def phase(self, time_s: float) -> str:
        """The phase that a tick ending at `time_s` belongs to."""
        return next((key.phase for key in self.keyframes if time_s <= key.time_s + 1e-9), self.keyframes[-1].phase)


def single_inflation(
    balloon: Balloon,
    *,
    blood_pressure_pa: float,
    pressure_atm: float | None = None,
    settle_s: float = 0.2,
    inflate_s: float = 3.0,
    hold_s: float = 0.4,
    deflate_s: float = 0.8,
    rest_s: float = 0.4,
) -> Procedure:
    """Inflate the balloon once, to its nominal pressure if none is given, hold it, deflate it and let the vessel come to rest.

    Times are those of the simulation: tissue has no viscosity here, so a hold of a second ends where one of a minute would.

    Raises
    ------
    InputError
        If the pressure is not above zero or above the balloon's rated burst pressure.
    """
    pressure = balloon.nominal_pressure_atm if pressure_atm is None else pressure_atm
    if not pressure > 0.0:
        raise InputError(f"The inflation pressure is {pressure:g} atm; give one above zero.")
    balloon.diameter(pressure)
    ends = np.cumsum([settle_s, inflate_s, hold_s, deflate_s, rest_s])
    pressures = (0.0, pressure, pressure, 0.0, 0.0)
    keyframes = tuple(Keyframe(float(t), phase, p) for t, phase, p in zip(ends, PHASES, pressures, strict=True))
    return Procedure(keyframes, blood_pressure_pa)
