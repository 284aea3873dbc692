"""A sheath as the tray draws it, whoever paints it: stent, sheath and marker as lines in a box, from the hand on the left."""

import dataclasses

import numpy as np

from viewer import palette
from viewer.room import theme
from viewer.room.withdrawal import Drawn

WIDTH, HEIGHT = 200.0, 60.0
"""The box that the lines lie in."""

HAND_MM = 9.0
"""So much is shown between the hand's end and the stent."""

FLARE_MM, FREE_BY_MM = 4.0, 1.0
"""On so much of its length the stent opens out of the sheath, and on so much when the sheath is all the way back."""

TEETH = 30
FILLED = 0.25
"""How much of its colour fills a line that is filled."""

WALL, OPEN, SHEATH, CLOSED = 27.0, 21.0, 9.0, 5.0
"""How far from the middle they lie: the vessel's wall, the open stent, the sheath, the stent in it."""


@dataclasses.dataclass(frozen=True)
class Line:
    """A line through points of the box, with its colour and its width; closed ones are filled thinly with their colour."""

    points: tuple[tuple[float, float], ...]
    colour: str
    width: float
    is_filled: bool = False


def lines_of(sheath: Drawn) -> tuple[Line, ...]:
    """What is drawn, in the order in which it is."""
    shown_mm = HAND_MM + sheath.stent_mm + sheath.beyond_mm + 2.0

    def at(station_mm: float) -> float:
        """Where a place is in the box, told from the stent's end towards the hand [mm]."""
        return WIDTH * (HAND_MM + station_mm) / shown_mm

    middle, end_mm = 0.5 * HEIGHT, sheath.stent_mm + sheath.beyond_mm - sheath.drawn_mm
    stations = np.linspace(0.0, sheath.stent_mm, TEETH + 1)
    # The last ring opens when it is free, and has no way to flare on.
    flare_mm = min(FLARE_MM, FREE_BY_MM + sheath.whole_mm - sheath.drawn_mm)
    share = np.clip((stations - end_mm) / flare_mm, 0.0, 1.0)
    height = CLOSED + (OPEN - CLOSED) * share * share * (3.0 - 2.0 * share)
    side = np.where(np.arange(TEETH + 1) % 2, 1.0, -1.0)
    stent = tuple((at(x), middle + s * h) for x, s, h in zip(stations.tolist(), side.tolist(), height.tolist(), strict=True))
    end = at(end_mm)
    tube = ((0.0, middle - SHEATH), (end, middle - SHEATH), (end, middle + SHEATH), (0.0, middle + SHEATH))
    walls = (Line(((0.0, y), (WIDTH, y)), theme.EDGE, 3.0) for y in (middle - WALL, middle + WALL))
    return (
        *walls,
        Line(stent, theme.INK, 1.4),
        Line(tube, palette.SHEATH, 1.4, is_filled=True),
        Line(((end, middle - SHEATH), (end, middle + SHEATH)), theme.WARN, 3.0),
    )
