"""Stents as nets of struts on a cylinder: zig-zag rings, crowns rigid and shared, bridges between rings."""

import dataclasses
import math

import numpy as np

from sim.rods.builders import Strand, join
from sim.rods.laws import Law
from sim.rods.network import Pose, RodNetwork
from sim.rods.sections import Section, rectangular


@dataclasses.dataclass(frozen=True)
class ZigzagStent:
    """Rings of straight struts about the z axis, crown to crown, in the shape in which they are free of stress.

    Attributes
    ----------
    radius
        Of the struts' middle [m].
    strut_count
        Struts in a ring, even.
    strut_length
        Between the middles of two crowns, along the strut [m].
    width, thickness
        Of a strut along the circumference and radially [m].
    law
        Metal.
    divisions
        Elements in a strut.
    crown_span
        Length along the circumference that a crown takes from one strut to the next [m]; nought for struts that meet in a point.
    crown_width
        Width of a crown's own piece [m]; None for a strut's.
    ring_count
        Number of rings; neighbours mirror each other, so that crowns face crowns.
    bridge_count
        Bridges between two rings; it must divide half the number of struts.
    bridge_length, bridge_width
        [m].
    """

    radius: float
    strut_count: int
    strut_length: float
    width: float
    thickness: float
    law: Law
    divisions: int = 6
    crown_span: float = 0.0
    crown_width: float | None = None
    ring_count: int = 1
    bridge_count: int = 0
    bridge_length: float = 0.0
    bridge_width: float = 0.0

    @property
    def ring_length(self) -> float:
        """Height of a ring between the middles of its crowns [m]."""
        reach = 2.0 * math.pi * self.radius / self.strut_count - self.crown_span
        if not 0.0 <= reach < self.strut_length:
            raise ValueError(
                f"{self.strut_count} struts of {self.strut_length:g} m and crowns of {self.crown_span:g} m do not make a ring of "
                f"radius {self.radius:g} m: each strut would reach {reach:g} m round it. Change one of the four."
            )
        return math.sqrt(self.strut_length**2 - reach**2)


def build_stent(stent: ZigzagStent) -> tuple[RodNetwork, Pose]:
    """The stent's rods and their pose free of stress; `strut_count` crowns a ring come first, ring by ring.

    With a crown span each crown is two nodes, left and right of it, one after the other.

    Raises
    ------
    ValueError
        If strut counts are odd, struts do not reach round, or bridges do not divide the crowns.
    """
    if stent.strut_count < 4 or stent.strut_count % 2:
        raise ValueError(f"A ring needs an even number of struts, four or more, not {stent.strut_count}.")
    section = rectangular(stent.width, stent.thickness)
    crown_section = rectangular(stent.crown_width or stent.width, stent.thickness)
    struts: list[Strand] = []
    sides = 2 if stent.crown_span else 1
    crowns = stent.strut_count * sides
    places = np.concatenate([_crown_places(stent, ring) for ring in range(stent.ring_count)])
    points, count = [places], len(places)
    crests = np.arange(count).reshape(stent.ring_count, crowns)[:, ::sides].copy()
    for ring in range(stent.ring_count):
        for strut in range(stent.strut_count):
            start = ring * crowns + strut * sides + sides - 1
            end = ring * crowns + (strut + 1) % stent.strut_count * sides
            strand, inner = _path(stent, places[start], places[end], (start, end), count, stent.divisions, section)
            points.append(inner)
            count += len(inner)
            struts.append(strand)
            if sides == 2:
                pair = ring * crowns + strut * 2, ring * crowns + strut * 2 + 1
                strand, inner = _path(stent, places[pair[0]], places[pair[1]], pair, count, 2, crown_section)
                crests[ring, strut] = count
                points.append(inner)
                count += len(inner)
                struts.append(strand)
    bridges, inner = _bridges(stent, np.concatenate(points), crests, count)
    return join(_cartesian(np.concatenate([*points, *inner])), struts + bridges)


def _crown_places(stent: ZigzagStent, ring: int) -> np.ndarray:
    """Radius, angle and height of the crowns of a ring, in turn up and down, shape (crowns, 3)."""
    height = stent.ring_length
    number = np.arange(stent.strut_count)
    up = (number + ring) % 2 == 0
    z = ring * (height + stent.bridge_length) + np.where(up, height, 0.0)
    angle = 2.0 * np.pi * number / stent.strut_count
    if stent.crown_span:
        half = 0.5 * stent.crown_span / stent.radius
        angle, z = np.stack([angle - half, angle + half], 1).ravel(), np.repeat(z, 2)
    return np.stack([np.full_like(angle, stent.radius), angle, z], 1)


def _path(
    stent: ZigzagStent,
    start: np.ndarray,
    end: np.ndarray,
    ends: tuple[int, int],
    first: int,
    divisions: int,
    section: Section,
) -> tuple[Strand, np.ndarray]:
    """A piece of helix between two places, its inner nodes numbered from `first` on; and the places of those nodes."""
    end = end.copy()
    end[1] = start[1] + math.remainder(end[1] - start[1], 2.0 * math.pi)
    places = start + np.linspace(0.0, 1.0, divisions + 1)[:, None] * (end - start)
    angle, zero = places[:, 1], np.zeros(divisions + 1)
    outward = np.stack([np.cos(angle), np.sin(angle), zero], 1)
    across = np.stack([-np.sin(angle), np.cos(angle), zero], 1)
    round_it, rise = stent.radius * (end[1] - start[1]), end[2] - start[2]
    size = math.hypot(round_it, rise)
    along = (round_it * across + rise * np.array([0.0, 0.0, 1.0])) / size
    frames = np.stack([np.cross(outward, along), outward, along], 2)
    nodes = np.concatenate([[ends[0]], first + np.arange(divisions - 1), [ends[1]]]).astype(int)
    return Strand(nodes, frames, section, stent.law), places[1:-1]


def _bridges(stent: ZigzagStent, places: np.ndarray, crests: np.ndarray, first: int) -> tuple[list[Strand], list[np.ndarray]]:
    """Straight bridges from the upper crowns of each ring to the lower ones of the next; `crests` are the crowns' middles."""
    if stent.bridge_count == 0:
        return [], []
    half = stent.strut_count // 2
    if half % stent.bridge_count or stent.bridge_length <= 0.0 or stent.bridge_width <= 0.0:
        raise ValueError(
            f"{stent.bridge_count} bridges of {stent.bridge_length:g} m by {stent.bridge_width:g} m cannot join rings of "
            f"{half} facing crowns. Take a number that divides them, a length and a width."
        )
    section = rectangular(stent.bridge_width, stent.thickness)
    strands, inner = [], []
    for ring in range(stent.ring_count - 1):
        for number in range(0, half, half // stent.bridge_count):
            # Crowns that are up have the parity of their ring; the next ring's own of that parity are down.
            crown = (2 * number + ring % 2) % stent.strut_count
            pair = int(crests[ring, crown]), int(crests[ring + 1, crown])
            strand, between = _path(stent, places[pair[0]], places[pair[1]], pair, first, 2, section)
            first += len(between)
            strands.append(strand)
            inner.append(between)
    return strands, inner


def _cartesian(places: np.ndarray) -> np.ndarray:
    """Points [m] of radius, angle and height, shape (n, 3)."""
    radius, angle, z = places.T
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], 1)
