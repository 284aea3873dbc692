"""The probe in the 3-D view: a ball where it holds the wall, a smaller one where the hand is, and the spring between them."""

from typing import Any

import numpy as np

from viewer.room.moving_shapes import MovingTubes, write
from viewer.room.probing import Touched

HELD, HAND, SPRING = "probe", "probe hand", "probe spring"
RADII_MM = {HELD: 0.5, HAND: 0.35}
SPRING_RADIUS_MM = 0.12
SHORTEST_MM = 1e-3
"""The spring is drawn from this length on: a tube has a direction."""


class ProbeShape:
    """Shapes that are made once and moved.

    Attributes
    ----------
    meshes
        `pyvista.PolyData` by name.
    """

    def __init__(self) -> None:
        import pyvista

        self._spring = MovingTubes(np.array([[0, 1]]), 2, radius_mm=SPRING_RADIUS_MM)
        self._balls = {name: pyvista.Sphere(radius=radius) for name, radius in RADII_MM.items()}
        self._rest = {name: np.asarray(ball.points).copy() for name, ball in self._balls.items()}
        self.meshes: dict[str, Any] = {**self._balls, SPRING: self._spring.mesh}

    def move(self, touched: Touched | None) -> dict[str, bool]:
        """Go to where the probe is; which shapes are to be seen, by name."""
        if touched is None:
            return dict.fromkeys(self.meshes, False)
        ends = np.array([touched.at_mm, touched.hand_mm])
        for (name, ball), at in zip(self._balls.items(), ends, strict=True):
            write(ball, (self._rest[name] + at).astype(np.float32), np.asarray(ball.point_data["Normals"]))
        is_long = bool(np.linalg.norm(ends[1] - ends[0]) > SHORTEST_MM)
        if is_long:
            self._spring.move(ends)
        return {HELD: True, HAND: True, SPRING: is_long}
