"""Procedure: from the time to a Command."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from meshing.errors import InputError
from scenarios.case import Case
from scenarios.devices.balloon import Balloon
from scenarios.devices.lattice import ATMOSPHERE, STENT
from sim.command import Command


@dataclasses.dataclass(frozen=True)
class Keyframe:
    """At the end of a phase, at this time, one balloon is at this pressure and the others are empty; in between, evenly."""

    time_s: float
    phase: str
    balloon_atm: float
    balloon: str = STENT


@dataclasses.dataclass(frozen=True)
class Procedure:
    """Keyframed balloon pressures under a steady blood pressure.

    Attributes
    ----------
    keyframes
        In the order of time.
    blood_pressure_pa
        [Pa].
    rated_burst_atm
        Pressure of each balloon above which it bursts [atm]; it is empty from then on. One that is not named does not burst.
    """

    keyframes: tuple[Keyframe, ...]
    blood_pressure_pa: float
    rated_burst_atm: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        """Time of the last keyframe [s]."""
        return self.keyframes[-1].time_s

    @property
    def balloons(self) -> tuple[str, ...]:
        """Names of the balloons in the order of their use."""
        return tuple(dict.fromkeys(key.balloon for key in self.keyframes))

    def __call__(self, time_s: float) -> Command:
        """The Command for the tick that ends at `time_s`."""
        pressures = {name: ATMOSPHERE * self.pressure_atm(name, time_s) for name in self.balloons}
        return Command(blood_pressure=self.blood_pressure_pa, balloons=pressures)

    def pressure_atm(self, balloon: str, time_s: float) -> float:
        """Pressure in a balloon at a time [atm]."""
        burst = self.burst_s(balloon)
        if burst is not None and time_s > burst:
            return 0.0
        return float(np.interp(time_s, *self._course(balloon)))

    def burst_s(self, balloon: str) -> float | None:
        """When a balloon bursts [s]; None if it holds."""
        rated = self.rated_burst_atm.get(balloon)
        times, pressures = self._course(balloon)
        over = np.flatnonzero(pressures > rated * (1.0 + 1e-9)) if rated is not None else np.zeros(0, int)
        if rated is None or not over.size:
            return None
        first = int(over[0])
        share = (rated - pressures[first - 1]) / (pressures[first] - pressures[first - 1])
        return float(times[first - 1] + share * (times[first] - times[first - 1]))

    def events(self, after_s: float, until_s: float) -> tuple[str, ...]:
        """What happens between two times, in sentences."""
        told = []
        for name in self.balloons:
            burst = self.burst_s(name)
            if burst is not None and after_s <= burst < until_s:
                told.append(burst_sentence(name, burst, self.rated_burst_atm[name]))
        return tuple(told)

    def phase(self, time_s: float) -> str:
        """The phase that a tick ending at `time_s` belongs to."""
        return next((key.phase for key in self.keyframes if time_s <= key.time_s + 1e-9), self.keyframes[-1].phase)

    def _course(self, balloon: str) -> tuple[np.ndarray, np.ndarray]:
        times = [0.0, *(key.time_s for key in self.keyframes)]
        return np.array(times), np.array([0.0, *(key.balloon_atm if key.balloon == balloon else 0.0 for key in self.keyframes)])


def phase_of(balloon: str, doing: str) -> str:
    """What a phase is called in which a balloon does something: for the stent's own just that."""
    return doing if balloon == STENT else f"{balloon}, {doing}"


def called(balloon: str) -> str:
    """What sentences call a balloon."""
    return "stent's balloon" if balloon == STENT else f"balloon of the {balloon}"


def burst_sentence(balloon: str, time_s: float, rated_atm: float) -> str:
    """Say that a balloon burst at a time [s], and above which pressure [atm]."""
    return f"The {called(balloon)} burst at {time_s:.2f} s: more than the {rated_atm:g} atm to which it is rated was asked of it."


@dataclasses.dataclass(frozen=True)
class Inflation:
    """One balloon inflated once: its name, its chart, and the pressure, its nominal one if none is given [atm]."""

    name: str
    balloon: Balloon
    pressure_atm: float | None = None

    @property
    def asked_atm(self) -> float:
        """The pressure that is asked [atm].

        Raises
        ------
        InputError
            If it is not above zero.
        """
        pressure = self.balloon.nominal_pressure_atm if self.pressure_atm is None else self.pressure_atm
        if not (np.isfinite(pressure) and pressure > 0.0):
            raise InputError(f"The inflation pressure is {pressure:g} atm; give one above zero.")
        return pressure

    @property
    def phases(self) -> tuple[str, str, str]:
        """What its inflation, its hold and its deflation are called."""
        return phase_of(self.name, "inflating"), phase_of(self.name, "inflated"), phase_of(self.name, "deflating")


def inflations_in_turn(
    inflations: Sequence[Inflation],
    *,
    blood_pressure_pa: float,
    settle_s: float = 0.2,
    inflate_s: float = 3.0,
    hold_s: float = 0.4,
    deflate_s: float = 0.8,
    rest_s: float = 0.4,
) -> Procedure:
    """Inflate balloons one after the other, hold and deflate each, and let the vessel come to rest at the end.

    Times are those of the simulation: tissue has no viscosity here, so a hold of a second ends where one of a minute would.

    Raises
    ------
    InputError
        If a pressure is not above zero, or two balloons share a name.
    """
    names = [one.name for one in inflations]
    if len(set(names)) < len(names):
        raise InputError(f"Two inflations share a name among {', '.join(names)}; give each its own.")
    clock, keyframes = settle_s, [Keyframe(settle_s, "before", 0.0, names[0])]
    for one in inflations:
        steps = zip(one.phases, (inflate_s, hold_s, deflate_s), (one.asked_atm, one.asked_atm, 0.0), strict=True)
        for phase, duration, pressure in steps:
            clock += duration
            keyframes.append(Keyframe(clock, phase, pressure, one.name))
    keyframes.append(Keyframe(clock + rest_s, "after", 0.0, names[-1]))
    rated = {one.name: one.balloon.highest_pressure_atm for one in inflations}
    return Procedure(tuple(keyframes), blood_pressure_pa, rated)


def procedure_of(case: Case, *, pressure_atm: float | None = None, **times_s: float) -> Procedure:
    """Open the vessel as the case says: balloons before the stent, the stent at a pressure [atm], balloons within it.

    Without a pressure the stent's balloon is taken to its nominal one; times as in `inflations_in_turn`.
    """
    before, after = (
        [Inflation(one.name, one.balloon, one.pressure_atm) for one in case.dilations if one.in_stent == within]
        for within in (False, True)
    )
    inflations = [*before, Inflation(STENT, case.balloon, pressure_atm), *after]
    return inflations_in_turn(inflations, blood_pressure_pa=case.blood_pressure_pa, **times_s)
