"""Procedure: from the time to a Command."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from meshing.errors import InputError
from scenarios.case import Case
from scenarios.devices.balloon import Balloon
from scenarios.devices.design import Device, StentDesign
from scenarios.devices.lattice import ATMOSPHERE, STENT
from scenarios.devices.self_expanding import SHEATH, withdrawal_mm
from scenarios.devices.several import balloon_called, sheath_called, stent_called
from sim.command import Command

RELEASE_S = 3.0
"""Time in which a sheath is drawn back evenly where no other is asked for [s]; simulated time, chosen."""

HOLD_S = 0.4
"""For how long a balloon is held, and a stent counts as just released [s]; simulated time, chosen."""


@dataclasses.dataclass(frozen=True)
class Keyframe:
    """At the end of a phase, at this time, one balloon is at this pressure and the others are empty; in between, evenly.

    `sheath_mm` is how far the sheath of the name `sheath` has been drawn back by then; None where there is none, as `balloon` is
    where the procedure begins or ends without one.
    """

    time_s: float
    phase: str
    balloon_atm: float
    balloon: str | None = STENT
    sheath_mm: float | None = None
    sheath: str = SHEATH


@dataclasses.dataclass(frozen=True)
class Procedure:
    """Keyframed balloon pressures, and sheaths' ways back, under a steady blood pressure.

    Attributes
    ----------
    keyframes
        In the order of time.
    blood_pressure_pa
        [Pa].
    rated_burst_atm
        Pressure of each balloon above which it bursts [atm]; it is empty from then on. One that is not named does not burst.
    enters_s
        When each stent comes in that is not there from the beginning [s], by its name.

    Raises
    ------
    InputError
        If a sheath goes forward again.
    """

    keyframes: tuple[Keyframe, ...]
    blood_pressure_pa: float
    rated_burst_atm: Mapping[str, float] = dataclasses.field(default_factory=dict)
    enters_s: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.sheaths:
            _require_back(self._way_back(name))

    @property
    def duration_s(self) -> float:
        """Time of the last keyframe [s]."""
        return self.keyframes[-1].time_s

    @property
    def balloons(self) -> tuple[str, ...]:
        """Names of the balloons in the order of their use."""
        return tuple(dict.fromkeys(key.balloon for key in self.keyframes if key.balloon is not None))

    @property
    def sheaths(self) -> tuple[str, ...]:
        """Names of the sheaths in the order of their use."""
        return tuple(dict.fromkeys(key.sheath for key in self.keyframes if key.sheath_mm is not None))

    def __call__(self, time_s: float) -> Command:
        """The Command for the tick that ends at `time_s`."""
        pressures = {name: ATMOSPHERE * self.pressure_atm(name, time_s) for name in self.balloons}
        sheaths = {name: 1e-3 * (self.sheath_mm(time_s, name) or 0.0) for name in self.sheaths}
        waiting = tuple(name for name, enters in self.enters_s.items() if time_s <= enters + 1e-9)
        return Command(blood_pressure=self.blood_pressure_pa, balloons=pressures, sheaths=sheaths, waiting=waiting)

    def sheath_mm(self, time_s: float, name: str = SHEATH) -> float | None:
        """How far a sheath is drawn back at a time [mm]; None where there is none of the name."""
        drawn = self._way_back(name)
        if not drawn:
            return None
        times, ways = np.array(drawn).T
        return float(np.interp(time_s, times, ways))

    def _way_back(self, name: str) -> list[tuple[float, float]]:
        """A sheath's course in pairs of time [s] and way back [mm], from the keyframe before the first of its own."""
        own = [number for number, key in enumerate(self.keyframes) if key.sheath_mm is not None and key.sheath == name]
        if not own:
            return []
        begins = self.keyframes[own[0] - 1].time_s if own[0] else 0.0
        return [
            (begins, 0.0),
            *((self.keyframes[number].time_s, float(self.keyframes[number].sheath_mm or 0.0)) for number in own),
        ]

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


def _require_back(course: Sequence[tuple[float, float]]) -> None:
    """Refuse a sheath that goes forward again; its course in pairs of time [s] and way back [mm]."""
    for (before_s, before), (time_s, now) in itertools.pairwise([(0.0, 0.0), *course]):
        if now < before:
            raise InputError(
                f"The sheath would go forward again, from {before:.1f} mm drawn back at {before_s:g} s to {now:.1f} mm at "
                f"{time_s:g} s; a stent that has opened does not go back into it, so let it only be drawn back."
            )


def phase_of(balloon: str, doing: str) -> str:
    """What a phase is called in which a balloon or a sheath does something: for the first stent's own just that."""
    return doing if balloon in (STENT, SHEATH) else f"{balloon}, {doing}"


def moments_of(case: Case) -> tuple[str, ...]:
    """The phases whose last states tell what a rehearsal came to, in the order of time, of which it may not have all."""
    further = (phase_of(stent_called(number), one.device.opened) for number, one in enumerate(case.stents) if number)
    return ("before", "released", "inflated", *further, "after")


def called(balloon: str) -> str:
    """What sentences call a balloon."""
    if balloon == STENT:
        return "stent's balloon"
    return f"balloon of {balloon}" if balloon.startswith("stent ") else f"balloon of the {balloon}"


def burst_sentence(balloon: str, time_s: float, rated_atm: float) -> str:
    """Say that a balloon burst at a time [s], and above which pressure [atm]."""
    return f"The {called(balloon)} burst at {time_s:.2f} s: more than the {rated_atm:g} atm to which it is rated was asked of it."


@dataclasses.dataclass(frozen=True)
class Inflation:
    """One balloon inflated once: its name, its chart, and the pressure, its nominal one if none is given [atm].

    `brings` is the name of the stent that comes in with it; None where it brings none or the stent is there from the beginning.
    `seconds` are those of its inflation, its hold and its deflation; None for those of the procedure.
    """

    name: str
    balloon: Balloon
    pressure_atm: float | None = None
    brings: str | None = None
    seconds: tuple[float, float, float] | None = None

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


@dataclasses.dataclass(frozen=True)
class Pause:
    """Nothing is done for some time [s]."""

    seconds: float


@dataclasses.dataclass(frozen=True)
class Release:
    """A sheath drawn back from a self-expanding stent.

    Attributes
    ----------
    course
        Time since the release began [s], and how far the sheath has then been drawn back [mm]; evenly in between.
    name
        The sheath's.
    brings
        As of an `Inflation`.
    """

    course: tuple[tuple[float, float], ...]
    name: str = SHEATH
    brings: str | None = None

    @staticmethod
    def of(design: StentDesign, words: str | None = None) -> "Release":
        """The release of a stent as it is written: "2:50%,3:50%,5:100%" or "2:15mm,5:34mm", or evenly over `RELEASE_S`.

        Each pair is a time since the release began [s] and how far the sheath has then been drawn back, in mm or as a share of
        the whole way, which is the stent's length and a little at both its ends.

        Raises
        ------
        InputError
            If a pair cannot be read, times do not rise, or the sheath goes forward, past the stent, or not all the way.
        """
        whole = withdrawal_mm(design)
        if words is None:
            return Release(((RELEASE_S, whole),))
        course: list[tuple[float, float]] = []
        for pair in words.split(","):
            time_s, drawn = _pair_of(pair, whole)
            before_s = course[-1][0] if course else 0.0
            if time_s <= before_s:
                raise InputError(
                    f"In the release {words!r} the time {time_s:g} s does not come after {before_s:g} s; let times rise from 0."
                )
            if drawn > whole * (1.0 + 1e-9):
                raise InputError(
                    f"In the release {words!r} the sheath is drawn back by {drawn:.1f} mm, past {design.name}, which is free "
                    f"after {whole:.1f} mm; let it end there, at 100%."
                )
            course.append((time_s, drawn))
        _require_back(course)
        if course[-1][1] < whole * (1.0 - 1e-9):
            raise InputError(
                f"The release {words!r} leaves the stent in its sheath, drawn back by {course[-1][1]:.1f} of {whole:.1f} mm; "
                "let it end at 100%."
            )
        return Release(tuple(course))


def _pair_of(pair: str, whole_mm: float) -> tuple[float, float]:
    """Time [s] and way [mm] of one pair of a release, such as "2:50%" or "2:15mm"."""
    time, _, way = (part.strip() for part in pair.partition(":"))
    scale = 0.01 * whole_mm if way.endswith("%") else 1.0
    try:
        if not way.endswith(("%", "mm")):
            raise ValueError
        numbers = float(time), scale * float(way.removesuffix("%").removesuffix("mm"))
        if not np.isfinite(numbers).all():
            raise ValueError
    except ValueError:
        raise InputError(
            f"The release cannot be read at {pair.strip()!r}; write times in s and ways, as in 2:50%,4:100% or 2:15mm,5:34mm."
        ) from None
    return numbers


def steps_in_turn(
    steps: Sequence[Inflation | Release | Pause],
    *,
    blood_pressure_pa: float,
    settle_s: float = 0.2,
    inflate_s: float = 3.0,
    hold_s: float = HOLD_S,
    deflate_s: float = 0.8,
    rest_s: float = 0.4,
) -> Procedure:
    """Inflate balloons and draw a sheath back, one after the other, and let the vessel come to rest at the end.

    Each balloon is held and deflated; after a release there is a hold as well. Times are those of the simulation: tissue has no
    viscosity here, so a hold of a second ends where one of a minute would.

    Raises
    ------
    InputError
        If a pressure is not above zero, or two balloons share a name.
    """
    inflations = [one for one in steps if isinstance(one, Inflation)]
    names = [one.name for one in inflations]
    if len(set(names)) < len(names):
        raise InputError(f"Two inflations share a name among {', '.join(names)}; give each its own.")
    sheaths = [one.name for one in steps if isinstance(one, Release)]
    drawn, sheath = (0.0, sheaths[0]) if sheaths else (None, SHEATH)
    enters: dict[str, float] = {}
    clock, keyframes = settle_s, [Keyframe(settle_s, "before", 0.0, names[0] if names else None, drawn, sheath)]
    for one in steps:
        if isinstance(one, Pause):
            clock += one.seconds
            keyframes.append(Keyframe(clock, "waiting", 0.0, names[0] if names else None, drawn, sheath))
            continue
        if one.brings is not None:
            enters[one.brings] = clock
        if isinstance(one, Release):
            sheath, (doing, done) = one.name, (phase_of(one.name, word) for word in ("releasing", "released"))
            keyframes += [Keyframe(clock + time, doing, 0.0, None, way, sheath) for time, way in one.course]
            clock, drawn = keyframes[-1].time_s + hold_s, keyframes[-1].sheath_mm
            keyframes.append(Keyframe(clock, done, 0.0, None, drawn, sheath))
            continue
        seconds = one.seconds or (inflate_s, hold_s, deflate_s)
        rows = zip(one.phases, seconds, (one.asked_atm, one.asked_atm, 0.0), strict=True)
        for phase, duration, pressure in rows:
            clock += duration
            keyframes.append(Keyframe(clock, phase, pressure, one.name, drawn, sheath))
    keyframes.append(Keyframe(clock + rest_s, "after", 0.0, names[-1] if names else None, drawn, sheath))
    rated = {one.name: one.balloon.highest_pressure_atm for one in inflations}
    return Procedure(tuple(keyframes), blood_pressure_pa, rated, enters)


def opening_of(device: Device, *, pressure_atm: float | None = None, release: str | None = None) -> Inflation | Release:
    """What opens a device: its balloon at a pressure [atm], without one the nominal one, or its sheath as `Release.of` reads it.

    Raises
    ------
    InputError
        If a pressure is asked of a self-expanding stent or a release of another, or the release cannot be.
    """
    if not device.is_self_expanding:
        if release is not None:
            raise InputError(f"{device.name} has no sheath to draw back; leave the release {release!r} out.")
        return Inflation(STENT, device.balloon, pressure_atm)
    if pressure_atm is not None:
        raise InputError(
            f"{device.name} opens by itself, without a pressure; leave the {pressure_atm:g} atm out, or open it further with a "
            "balloon by --postdilate."
        )
    return Release.of(device.stent, release)


def procedure_of(case: Case, *, pressure_atm: float | None = None, release: str | None = None, **times_s: float) -> Procedure:
    """Open the vessel as the case says: balloons before the stent, the stent as `opening_of` takes it, balloons within it.

    Further stents follow upon the first, each at the pressure that the case asks of its balloon, or out of its sheath drawn back
    evenly, and balloons within upon the last of them. Times as in `steps_in_turn`.

    Raises
    ------
    InputError
        As `opening_of` and `steps_in_turn` do.
    """
    turns = turns_of(case, pressure_atm=pressure_atm, release=release)
    return steps_in_turn(turns, blood_pressure_pa=case.blood_pressure_pa, **times_s)


def turns_of(case: Case, *, pressure_atm: float | None = None, release: str | None = None) -> tuple[Inflation | Release, ...]:
    """What `procedure_of` does, one thing after the other; raises as `opening_of` does."""
    before, after = (
        [Inflation(one.name, one.balloon, one.pressure_atm) for one in case.dilations if one.in_stent == within]
        for within in (False, True)
    )
    stent = opening_of(case.device, pressure_atm=pressure_atm, release=release)
    further = [
        dataclasses.replace(Release.of(one.stent), name=sheath_called(number), brings=stent_called(number))
        if one.device.is_self_expanding
        else Inflation(balloon_called(number), one.balloon, one.pressure_atm, brings=stent_called(number))
        for number, one in enumerate(case.stents)
        if number
    ]
    return (*before, stent, *further, *after)
