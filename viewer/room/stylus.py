"""The mouse over the 3-D view while the probe is in hand: pressed upon the wall it takes hold, dragged it pulls.

It listens to VTK's own interactor, which a window and a page's server both have; presses beside the wall turn the camera.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from sim.body import ModelError
from viewer.room.desk import Desk
from viewer.room.probing import NOTHING_TO_FEEL, RADIUS_MM
from viewer.room.stage import Stage

NOTCH_MM = 0.5
"""How far a notch of the wheel moves the hand away from the person."""

BEFORE_THE_CAMERA = 10.0


class Stylus:
    """One mouse.

    Attributes
    ----------
    hand_mm
        Where the hand is while something is held.
    """

    def __init__(self, stage: Stage, desk: Desk) -> None:
        self._stage, self._desk = stage, desk
        self._vertex, self.hand_mm = -1, np.zeros(3)
        self._interactor: Any = stage.plotter.iren.interactor
        for name, act in (
            ("LeftButtonPressEvent", self.press),
            ("MouseMoveEvent", self.drag),
            ("LeftButtonReleaseEvent", self.release),
            ("MouseWheelForwardEvent", lambda x, y: self.reach(NOTCH_MM)),
            ("MouseWheelBackwardEvent", lambda x, y: self.reach(-NOTCH_MM)),
        ):
            self._listen(name, act)

    def _listen(self, name: str, act: Callable[[float, float], bool]) -> None:
        def heard(interactor: Any, _: str) -> None:
            # What was taken here is not for the camera.
            interactor.GetCommand(tag).SetAbortFlag(act(*interactor.GetEventPosition()))

        tag = self._interactor.AddObserver(name, heard, BEFORE_THE_CAMERA)

    @property
    def holds(self) -> bool:
        """Whether something is held."""
        return self._vertex >= 0 and self._desk.is_down("touch")

    def press(self, x: float, y: float) -> bool:
        """Take hold of the wall under a pixel, counted from below on the left; whether there was any."""
        if not self._stage.probes:
            return False
        vertex = self._stage.vertex_at(x, y)
        if vertex is None:
            return False
        session = self._desk.session
        if getattr(self._desk.case, "rigid", False):
            self._desk.say(NOTHING_TO_FEEL)
            return True
        try:
            grip = session.grips.grip(vertex, 1e-3 * RADIUS_MM)
        except ModelError as error:
            self._desk.say(str(error))
            return True
        self._vertex, self.hand_mm = vertex, grip.middle(session.latest.vertices)
        self._tell()
        return True

    def drag(self, x: float, y: float) -> bool:
        """Move the hand under a pixel, in the plane in which it is; whether it holds anything."""
        if not self.holds:
            return False
        near, far = self._stage.ray(x, y)
        ahead = self._stage.ahead
        self.hand_mm = near + (far - near) * ((self.hand_mm - near) @ ahead / ((far - near) @ ahead))
        self._tell()
        return True

    def reach(self, by_mm: float) -> bool:
        """Move the hand away from the person; whether it holds anything."""
        if not self.holds:
            return False
        self.hand_mm = self.hand_mm + by_mm * self._stage.ahead
        self._tell()
        return True

    def release(self, x: float = math.nan, y: float = math.nan) -> bool:
        """Let go; whether anything was held."""
        if not self.holds:
            return False
        self._vertex = -1
        self._desk.do("touch", False, actor="mouse")
        return True

    def _tell(self) -> None:
        x, y, z = (round(float(one), 4) for one in self.hand_mm)
        self._desk.do("touch", (self._vertex, x, y, z), actor="mouse")
