"""Stents of one procedure, one after the other: where each lies, and all of them as one device for the engine."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from meshing.centrelines import arc_lengths
from meshing.errors import InputError
from scenarios.devices.balloon import Balloon
from scenarios.devices.design import Device, StentDesign
from scenarios.devices.lattice import STENT, Dilation, Lattice, device_body, guided, share_of
from scenarios.devices.self_expanding import SHEATH, Sheathed, sheathed_body
from sim.balloon import GuidedBalloon, nearest_on
from sim.device import DeviceBody, Entering, Mounted, Nested
from sim.tray import together

MOST_OVERLAP = 0.5
"""Share of the shorter of two stents that may lie within the other, crimped; chosen: more than any lesion asks for."""

RIDE_WINDOW_MM = 2.0
"""Standard deviation, along the vessel, of the Gaussian by which a waiting stent takes the lumen's mean motion."""

RIDE_REACH = 2.5
"""Distance from its axis up to which the lumen counts as about it, in median distances of the lumen there."""


@dataclasses.dataclass(frozen=True)
class Placed:
    """One stent, crimped and placed.

    Attributes
    ----------
    device
        Stent and what delivers it, from the catalogue.
    lattice
        Its struts.
    balloon_axis
        Points of its balloon's axis, shape (q, 3) [mm]; of a stent without one, of the way on which it lies.
    station_mm
        Where its middle is along the path.
    sheathed
        How a self-expanding stent lies in its sheath; None for one on a balloon.
    pressure_atm
        That is asked of its balloon; None for its nominal one.
    """

    device: Device
    lattice: Lattice
    balloon_axis: np.ndarray
    station_mm: float
    sheathed: Sheathed | None = None
    pressure_atm: float | None = None

    @property
    def stent(self) -> StentDesign:
        """Its design."""
        return self.device.stent

    @property
    def balloon(self) -> Balloon:
        """The balloon under it.

        Raises
        ------
        InputError
            If it is released from a sheath.
        """
        return self.device.balloon

    @property
    def ends_mm(self) -> tuple[float, float]:
        """Stations of its ends along the path, crimped [mm]."""
        half = 0.5 * self.stent.length_mm
        return self.station_mm - half, self.station_mm + half


def stent_called(number: int) -> str:
    """What the stent of a number, counted from 0, is called in commands, phases and measures."""
    return f"stent {number + 1}"


def balloon_called(number: int) -> str:
    """What the balloon of the stent of a number, counted from 0, is called in commands and phases."""
    return STENT if number == 0 else stent_called(number)


def sheath_called(number: int) -> str:
    """What the sheath of the stent of a number, counted from 0, is called in commands and phases."""
    return SHEATH if number == 0 else stent_called(number)


def opener_called(number: int, stent: Placed) -> str:
    """What the balloon or the sheath of the stent of a number, counted from 0, is called in commands and phases."""
    return balloon_called(number) if stent.sheathed is None else sheath_called(number)


def overlap_mm(one: Placed, other: Placed) -> float:
    """How much of two crimped stents lies within one another along the path [mm]; below nought the gap between them."""
    return min(one.ends_mm[1], other.ends_mm[1]) - max(one.ends_mm[0], other.ends_mm[0])


def require_apart(stents: Sequence[Placed]) -> None:
    """Refuse stents that lie too far within one another.

    Raises
    ------
    InputError
        If two overlap by more than `MOST_OVERLAP` of the shorter one.
    """
    for number, stent in enumerate(stents):
        for before, other in enumerate(stents[:number]):
            shared, most = overlap_mm(other, stent), MOST_OVERLAP * min(other.stent.length_mm, stent.stent.length_mm)
            if shared > most + 1e-6:
                name = stent_called(number).capitalize()
                raise InputError(
                    f"{name}, {stent.device.name}, would overlap {stent_called(before)} by {shared:.1f} mm, more than "
                    f"half of the shorter of the two; let them overlap by at most {most:.1f} mm."
                )


def stents_body(
    stents: Sequence[Placed],
    *,
    drag: float,
    release_drag: float,
    dilations: Sequence[Dilation],
    vertices_mm: np.ndarray,
    lumen: np.ndarray,
) -> DeviceBody:
    """All stents of a procedure, on balloons or in sheaths, as one device in SI units; those after the first wait their turn.

    `vertices_mm` are the wall's as it is imaged, shape (n, 3), `lumen` the lumen's triangles; `dilations` as in `device_body`,
    `drag` as there of stents on balloons, and `release_drag` of those in sheaths.
    """
    parts = []
    for number, one in enumerate(stents):
        rides = stent_called(number) if number else None
        if one.sheathed is not None:
            own = sheathed_body(
                one.lattice, one.stent, one.sheathed, drag=release_drag, name=sheath_called(number), rides=rides
            )  # fmt: skip
        else:
            own = device_body(one.lattice, one.stent, one.balloon, one.balloon_axis, drag=drag, name=balloon_called(number))
        if rides is not None:
            own = dataclasses.replace(own, entering=(_entering(rides, one, vertices_mm, lumen),))
        parts.append(own)
    whole, first = together(parts), np.cumsum([0, *(part.node_count for part in parts)])
    balloons = [
        _within(balloon_called(number), guided(one.balloon, one.balloon_axis), stents, number + 1)
        for number, one in enumerate(stents)
        if one.sheathed is None
    ]
    balloons += [
        _within(one.name, guided(one.balloon, one.axis_mm), stents, len(stents) if one.in_stent else 0) for one in dilations
    ]
    nested = [
        Nested(
            name=stent_called(number),
            inner=stent.lattice.bars + first[number],
            outer=other.lattice.bars + first[before],
            axis=1e-3 * stent.balloon_axis,
            distance=1e-3 * (stent.lattice.half_thickness_mm + other.lattice.half_thickness_mm),
            width=0.5e-3 * (stent.stent.strut_width_mm + other.stent.strut_width_mm),
            inner_fabric=stent.lattice.fabric_edges + first[number],
            outer_fabric=other.lattice.fabric_edges + first[before],
        )
        for number, stent in enumerate(stents)
        for before, other in enumerate(stents[:number])
        if overlap_mm(other, stent) > 0.0
    ]
    return dataclasses.replace(whole, balloons=tuple(balloons), nested=tuple(nested))


def _within(name: str, chart: GuidedBalloon, stents: Sequence[Placed], there: int) -> Mounted:
    """A balloon within the stents of a procedure, of which so many are in the vessel; the one placed last lies innermost."""
    first = np.cumsum([0, *(len(one.lattice.nodes) for one in stents)])
    share = np.concatenate([share_of(one.lattice, one.stent) for one in stents])
    gap = np.concatenate([np.full(len(one.lattice.nodes), 1e-3 * one.stent.half_thickness_mm) for one in stents])
    share[first[there] :] = 0.0
    layers = tuple(np.arange(first[number], first[number + 1]) for number in reversed(range(there)))
    fabric = [one.lattice.fabric + start for one, start in zip(stents[:there], first, strict=False)]
    return Mounted(name, chart, share, gap, layers, np.concatenate([np.zeros((0, 3), int), *fabric]))


def _entering(name: str, stent: Placed, vertices_mm: np.ndarray, lumen: np.ndarray) -> Entering:
    """How a stent that waits rides along with the lumen about its balloon's axis, or its sheath's."""
    axis = stent.balloon_axis if stent.sheathed is None else stent.sheathed.axis_mm
    vertices, places, weights = _about(axis, vertices_mm, lumen)
    return Entering(
        name=name,
        nodes=np.arange(len(stent.lattice.nodes)),
        axis=1e-3 * axis,
        vertices=vertices,
        places=1e-3 * places,
        weights=weights,
    )


def axis_ridden(axis_mm: np.ndarray, imaged_mm: np.ndarray, lumen: np.ndarray, now_mm: np.ndarray) -> np.ndarray:
    """An axis, shape (q, 3), where the lumen has taken it from the wall's vertices as imaged to those now, shape (n, 3) [mm]."""
    vertices, places, weights = _about(axis_mm, imaged_mm, lumen)
    return axis_mm + weights @ (now_mm[vertices] - places)


def _about(axis: np.ndarray, vertices_mm: np.ndarray, lumen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The lumen's vertices about an axis, where they are [mm], and their shares in its mean motion at each of its points."""
    used = np.unique(lumen)
    points = vertices_mm[used]
    centre, _, station = nearest_on(axis, points)
    distance = np.linalg.norm(points - centre, axis=1)
    along = arc_lengths(axis)
    beside = (station > -3.0 * RIDE_WINDOW_MM) & (station < along[-1] + 3.0 * RIDE_WINDOW_MM)
    about = beside & (distance < RIDE_REACH * np.median(distance[beside]))
    corners = vertices_mm[lumen]
    third = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 6.0
    area = np.bincount(lumen.ravel(), np.repeat(third, 3), len(vertices_mm))[used[about]]
    # Counted from the nearest vertex, lest none be near enough to count at all.
    square = ((along[:, None] - station[about][None]) / RIDE_WINDOW_MM) ** 2
    weights = area * np.exp(-0.5 * (square - square.min(axis=1, keepdims=True)))
    return used[about], points[about], weights / weights.sum(axis=1, keepdims=True)
