"""A probe in hand: it holds the wall where it was touched by a spring, and feels what the wall answers with."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from meshing.errors import InputError
from sim.command import Pull
from sim.grips import Grips

NAME = "probe"
STIFFNESS_N_M, RADIUS_MM, LIMIT_N = 200.0, 1.5, 1.0
"""Of the spring, of what is held, and the most that a hand pulls with; chosen, so that a vessel yields and does not tear."""

NOTHING_TO_FEEL = "The wall is held rigid, so there is nothing to feel; open the room with --soft-wall."


@dataclasses.dataclass(frozen=True)
class Touched:
    """What the probe holds after a tick: where the wall is held and where the hand is [mm]; the spring's force [N]."""

    at_mm: tuple[float, float, float]
    hand_mm: tuple[float, float, float]
    force_n: float

    @property
    def row(self) -> dict[str, Any]:
        """As a recording keeps it."""
        return {"at_mm": [round(one, 4) for one in self.at_mm], "force_n": round(self.force_n, 6)}


class Probing:
    """What the probe does.

    Attributes
    ----------
    pull
        What it holds; None for nothing.
    """

    def __init__(self) -> None:
        self.pull: Pull | None = None
        self._began_s, self._most_n = 0.0, 0.0

    def take(self, value: Any, time_s: float, tell: Callable[[str], None]) -> None:
        """Take hold, move the hand or let go: a vertex and where the hand is [mm], four numbers; or False.

        Raises
        ------
        InputError
            If it is neither.
        """
        if value is False:
            if self.pull is not None and self._most_n > 0.0:
                tell(f"The probe held the wall for {time_s - self._began_s:.2f} s and pulled with up to {self._most_n:.2f} N.")
            self.pull = None
            return
        try:
            vertex, *hand = (float(one) for one in value)
            x, y, z = (1e-3 * one for one in hand)
            pull = Pull(int(vertex), (x, y, z), STIFFNESS_N_M, 1e-3 * RADIUS_MM, LIMIT_N)
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(
                f"A probe takes a vertex and where the hand is in mm, four numbers, and was given {value!r}."
            ) from error
        if self.pull is None or self.pull.vertex != pull.vertex:
            self._began_s, self._most_n = time_s, 0.0
        self.pull = pull

    def feel(self, grips: Grips, points: np.ndarray) -> Touched | None:
        """What the probe feels with all vertices at points [m], shape (n, 3)."""
        if self.pull is None:
            return None
        grip = grips.grip(self.pull.vertex, self.pull.radius)
        force = float(np.linalg.norm(grip.force(self.pull, points)))
        self._most_n = max(self._most_n, force)
        x, y, z = (1e3 * float(one) for one in grip.middle(points))
        hand = (1e3 * self.pull.target[0], 1e3 * self.pull.target[1], 1e3 * self.pull.target[2])
        return Touched((x, y, z), hand, force)


def first_hit(origin: np.ndarray, direction: np.ndarray, points: np.ndarray, triangles: np.ndarray) -> tuple[float, int]:
    """How far along a ray the first of some triangles, shape (t, 3), lies, and which it is; infinitely far where none is hit.

    Möller & Trumbore 1997, doi:10.1080/10867651.1997.10487468. Positions in one unit, `direction` of any length, in which the
    way is counted.
    """
    corner = points[triangles]
    first, second = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    across = np.cross(direction, second)
    volume = np.einsum("ti,ti->t", first, across)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1.0 / volume
        off = origin - corner[:, 0]
        one = np.einsum("ti,ti->t", off, across) * inverse
        turned = np.cross(off, first)
        other = turned @ direction * inverse
        way = np.einsum("ti,ti->t", second, turned) * inverse
        hits = (one >= 0.0) & (other >= 0.0) & (one + other <= 1.0) & (way > 0.0)
    if not hits.any():
        return math.inf, -1
    which = int(np.argmin(np.where(hits, way, np.inf)))
    return float(way[which]), which
