"""The slices of one case: where they lie, following the device or scrolled, and their pictures."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.measures.stations import stations_of
from viewer.slices.cuts import Shapes
from viewer.slices.drawing import NO_VOLUME, SHEET_SIDE, Ground, sheet, write_sheet
from viewer.slices.planes import NAMES, Plane, plane_at
from viewer.slices.volumes import Volume

FIELDS_MM = (15.0, 200.0)
"""Narrowest and widest field."""

BEHIND_TIP_MM = 1.0
"""So far behind the foremost tip the slices meet, so that the one across shows it."""

WIDTHS = 4.5
"""At first the field is so many times the vessel's width."""


@dataclasses.dataclass(eq=False)
class _Kept:
    """A slice that was drawn: where it lies, what stays of it, and its picture at the last moment."""

    lies: tuple[float, float, float, int]
    ground: Ground
    moment: Any = None
    drawn: np.ndarray | None = None


class Deck:
    """Four slices through one point of the vessel.

    Attributes
    ----------
    station_mm
        Where along the centreline they meet; None while they follow the device.
    field_mm
        How wide a picture is.
    """

    def __init__(self, case: Any, volume: Volume | None = None) -> None:
        self.case, self.volume = case, volume
        self._shapes = Shapes(case)
        width = 2.0 * float(np.median(case.path.radii))
        self.field_mm = float(np.clip(WIDTHS * width, *FIELDS_MM))
        self.station_mm: float | None = None
        self._aside: dict[str, float] = {}
        self._kept: dict[str, _Kept] = {}

    def scroll(self, by_mm: float, moment: Any) -> None:
        """Move the point in which the slices meet along the centreline, as far as that goes."""
        self.put(self.place(moment) + by_mm)

    def put(self, station_mm: float) -> None:
        """Let the slices meet at a place along the centreline [mm], as far as that goes."""
        self.station_mm = float(np.clip(station_mm, 0.0, self.case.path.length))
        self._aside.clear()

    def scroll_one(self, name: str, by_mm: float, moment: Any) -> None:
        """Move one slice along its own normal; the one across the vessel goes along the centreline, and all others with it."""
        if name == "across":
            self.scroll(by_mm, moment)
            return
        self.station_mm = self.place(moment)
        self._aside[name] = self._aside.get(name, 0.0) + by_mm

    def zoom(self, times: float) -> None:
        """Show a wider field, or a narrower one."""
        self.field_mm = float(np.clip(times * self.field_mm, *FIELDS_MM))

    def follow(self) -> None:
        """Follow the device again."""
        self.station_mm = None
        self._aside.clear()

    def place(self, moment: Any) -> float:
        """Where along the centreline the slices meet [mm]: at the stent's middle, or just behind the foremost tip."""
        if self.station_mm is not None:
            return self.station_mm
        nodes = np.asarray(moment.device)
        followed = nodes.mean(axis=0, keepdims=True) if hasattr(self.case, "lattice") else nodes
        behind = 0.0 if hasattr(self.case, "lattice") else BEHIND_TIP_MM
        return max(float(stations_of(self.case.path, followed).max()) - behind, 0.0)

    def plane(self, name: str, moment: Any) -> Plane:
        """The plane of a name as it lies now."""
        point, along, _ = self.case.path.at(self.place(moment))
        return plane_at(name, point, along).shifted(self._aside.get(name, 0.0))

    def picture(self, name: str, moment: Any, side: int) -> np.ndarray:
        """The picture of a plane, shape (side, side, 3), uint8; drawn anew only where something has changed."""
        station = self.place(moment)
        lies = (station, self._aside.get(name, 0.0), self.field_mm, side)
        kept = self._kept.get(name)
        if kept is None or kept.lies != lies:
            ground = Ground(self.plane(name, moment), self.volume, field_mm=self.field_mm, side=side, station_mm=station)
            self._kept[name] = kept = _Kept(lies, ground)
        if kept.moment is not moment or kept.drawn is None:
            kept.moment, kept.drawn = moment, kept.ground.picture(moment, self._shapes)
        return kept.drawn

    def write(self, path: Path, moment: Any, *, title: str, side: int = SHEET_SIDE) -> Path:
        """Write all four on a sheet as a PNG.

        Raises
        ------
        InputError
            If the name does not end in .png, or the file cannot be written.
        """
        behind = NO_VOLUME if self.volume is None else f"behind the outlines: {self.volume.source}"
        fabric = "fabric violet, " if self._shapes.has_fabric else ""
        lines = (
            f"lumen red, outer wall pale, between tissues yellow, balloon blue, sheath green, {fabric}metal pale, as the model "
            "has it",
            behind,
        )
        return write_sheet(sheet({name: self.picture(name, moment, side) for name in NAMES}, title=title, lines=lines), path)
