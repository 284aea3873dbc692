"""Further stents of a procedure: how they are asked for in words, and where they come to lie."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from meshing.centrelines import Path
from meshing.errors import InputError
from scenarios import catalogue
from scenarios.devices.several import Placed, require_apart, stent_called
from scenarios.measures.lumen import Lesion
from scenarios.placing import balloon_asked, carried_over, guide_of, laid_along, reach_of
from scenarios.procedure import opening_of

OVERLAP_MM = 2.0
"""How far a further stent overlaps the one before it where nothing else is asked, chosen; said wherever it is used."""

HOW = 'write it as "balloon-expandable 8x20@9, overlap 3 distal", ", gap 2 proximal" or ", at 62"'


@dataclasses.dataclass(frozen=True)
class Further:
    """A stent that is placed after another.

    Attributes
    ----------
    device
        Its name.
    pressure_atm
        That is asked of its balloon; None for its nominal one, or where it is released from a sheath.
    at_mm
        Where along the path its middle goes; None where `overlap_mm` tells.
    overlap_mm
        How far it overlaps the stent placed before it, crimped; below nought the gap between them.
    distal
        Whether it goes beyond that one's distal end, else its proximal one.
    """

    device: str
    pressure_atm: float | None = None
    at_mm: float | None = None
    overlap_mm: float = OVERLAP_MM
    distal: bool = True

    @staticmethod
    def of(words: str) -> "Further":
        """A stent as it is written: "NAME[@ATM][, overlap MM|gap MM [distal|proximal]|, at MM]".

        Raises
        ------
        InputError
            If it cannot be read so.
        """
        named, comma, place = words.partition(",")
        device, pressure_atm = balloon_asked("further stent", named)
        if not comma:
            return Further(device, pressure_atm)
        parts = place.split()
        try:
            kind, value, side = parts[0], float(parts[1]), (parts[2:] or ["distal"])[0]
            if not np.isfinite(value) or len(parts) > 3 or value < 0.0:
                raise ValueError
            if kind == "at" and len(parts) == 2:
                return Further(device, pressure_atm, at_mm=value)
            if kind in ("overlap", "gap") and side in ("distal", "proximal"):
                return Further(device, pressure_atm, overlap_mm=value if kind == "overlap" else -value, distal=side == "distal")
            raise ValueError
        except (ValueError, IndexError):
            raise InputError(f"The place {place.strip()!r} of the further stent {device} cannot be read; {HOW}.") from None

    def placed_after(self, stents: Sequence[Placed], path: Path, lesion: Lesion) -> Placed:
        """This stent, crimped, with its place told from the last of those placed before it.

        Raises
        ------
        InputError
            If there is no such device, it would reach beyond the vessel or lie too far within another, a pressure is asked of one
            in a sheath, or as `laid_along` does.
        """
        device, last = catalogue.find(self.device), stents[-1]
        opening_of(device, pressure_atm=self.pressure_atm)
        if self.pressure_atm is not None and not self.pressure_atm > 0.0:
            raise InputError(f"The inflation pressure of {device.name} is {self.pressure_atm:g} atm; give one above zero.")
        half, middle = 0.5 * device.stent.length_mm, self.at_mm
        if middle is None:
            inwards = half - self.overlap_mm
            middle = last.ends_mm[1] + inwards if self.distal else last.ends_mm[0] - inwards
        if middle - half < 0.0 or middle + half > path.length:
            name = stent_called(len(stents)).capitalize()
            raise InputError(
                f"{name}, {device.name}, would reach from {middle - half:.1f} to {middle + half:.1f} mm "
                f"along a vessel that runs from 0 to {path.length:.1f} mm; place it elsewhere with at MM, or take a shorter one."
            )
        # What cannot be is refused before a stent is crimped into a sheath, which takes seconds.
        bare = Placed(device, last.lattice, last.balloon_axis, middle)
        require_apart((*stents, bare))
        guide = guide_of(path, 0.5 * device.stent.diameter_mm)
        lattice, sheathed = laid_along(device, lesion, path, guide, middle)
        bearing_mm = device.stent.length_mm if device.is_self_expanding else device.balloon.length_mm
        axis = guide.at(np.linspace(*reach_of(guide, carried_over(middle, path, guide), bearing_mm), 81))[0]
        return Placed(device, lattice, axis, middle, sheathed, self.pressure_atm)

    def told(self, number: int, placed: Placed) -> str:
        """Say in a sentence where the stent of a number, counted from 0, goes."""
        name = stent_called(number).capitalize()
        sentence = f"{name}, {placed.device.name}, goes in after it with its middle at {placed.station_mm:.1f} mm"
        if self.at_mm is None:
            side, word = "distal" if self.distal else "proximal", "overlap" if self.overlap_mm >= 0.0 else "gap"
            sentence += f", {word} {abs(self.overlap_mm):g} mm at the {side} end of the stent before it, crimped"
        return f"{sentence}."
