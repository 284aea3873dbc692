"""Where a plane meets what moves: triangles in lines, bars in dots."""

from typing import Any

import numpy as np

from viewer import palette
from viewer.bars import bars_of, there
from viewer.slices.planes import Plane
from viewer.tints import Tints

LUMEN, OUTSIDE, BOUND = "#ff6f61", "#e0b3ac", "#e8c46a"
BALLOON, FABRIC = "#5fb3d9", "#b99be6"


BESIDE_MM = 0.8
"""A wire is drawn whole where it lies no farther from the plane than its radius and this."""


class Shapes:
    """What of a case is drawn over its slices: outlines of its tissues, stent, fabric or wires, its balloon or its sheath."""

    def __init__(self, case: Any) -> None:
        mesh, self._bars, self._case = case.mesh, bars_of(case), case
        # What is drawn last lies on top: the lumen.
        self.skins = (
            (Tints(mesh).bounds, BOUND), (mesh.face_sets["outside"], OUTSIDE), (mesh.face_sets["lumen"], LUMEN),
        )  # fmt: skip

    @property
    def has_fabric(self) -> bool:
        """Whether any stent is covered."""
        return any(len(one.fabric) for one in self._bars)

    def lines(self, moment: Any, plane: Plane) -> list[tuple[np.ndarray, str]]:
        """Line segments in the plane, shape (s, 2 ends, 2) [mm], and the colour of each lot."""
        vertices = np.asarray(moment.vertices)
        lots = [(cut(vertices, triangles, plane), colour) for triangles, colour in self.skins]
        for surface, colour in ((self._balloon(moment), BALLOON), (self._sheath(moment), palette.SHEATH)):
            if surface is not None:
                lots.append((cut(*surface, plane), colour))
        nodes = np.asarray(moment.device)
        lots += [(cut(nodes, one.fabric, plane), FABRIC) for one in there(self._bars, moment) if len(one.fabric)]
        return lots

    def near(self, moment: Any, plane: Plane) -> list[tuple[np.ndarray, float, str]]:
        """Wires that lie along the plane, as seen on it: segments (s, 2 ends, 2) [mm], with their radius [mm] and colour."""
        nodes = np.asarray(moment.device)
        lots = []
        for one in reversed(there(self._bars, moment)):
            if one.kind == "stent":
                continue
            height = np.abs(_heights(nodes, plane))[one.pairs]
            lies = one.pairs[(height <= one.radius_mm + BESIDE_MM).all(axis=1)]
            lots.append((plane.flat(nodes[lies]), one.radius_mm, one.colour))
        return lots

    def dots(self, moment: Any, plane: Plane) -> list[tuple[np.ndarray, float, str]]:
        """Where bars pass through the plane, shape (d, 2) [mm], with their radius [mm] and colour."""
        nodes = np.asarray(moment.device)
        return [(crossed(nodes, one.pairs, plane), one.radius_mm, one.colour) for one in reversed(there(self._bars, moment))]

    def _balloon(self, moment: Any) -> tuple[np.ndarray, np.ndarray] | None:
        from viewer.shapes import balloon_surface

        drawn = balloon_surface(moment.balloon.axis, moment.balloon.radius, sides=32)
        if drawn is None:
            return None
        quads = np.asarray(drawn.regular_faces)
        return np.asarray(drawn.points, float), np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])

    def _sheath(self, moment: Any) -> tuple[np.ndarray, np.ndarray] | None:
        from scenarios.sheath_shape import sheaths_at
        from viewer.shapes import sheath_surface

        for one in sheaths_at(self._case, moment):
            drawn = sheath_surface(one.line, radius_mm=0.5 * one.size.outer_diameter_mm).triangulate()
            return np.asarray(drawn.points, float), np.asarray(drawn.regular_faces)
        return None


def cut(vertices: np.ndarray, triangles: np.ndarray, plane: Plane) -> np.ndarray:
    """Lines in which triangles (t, 3) of vertices (n, 3) [mm] meet a plane, shape (s, 2 ends, 2) [mm]."""
    height = _heights(vertices, plane)
    above = height[triangles] > 0.0
    met = triangles[above.any(axis=1) & ~above.all(axis=1)]
    if not len(met):
        return np.zeros((0, 2, 2))
    above = height[met] > 0.0
    # The corner that lies alone on its side: both lines from it to the others pass through the plane.
    alone = np.where(above.sum(axis=1) == 1, above.argmax(axis=1), (~above).argmax(axis=1))
    row = np.arange(len(met))
    apex = met[row, alone]
    ends = [_between(vertices, height, apex, met[row, (alone + turn) % 3]) for turn in (1, 2)]
    return plane.flat(np.stack(ends, axis=1))


def crossed(nodes: np.ndarray, bars: np.ndarray, plane: Plane) -> np.ndarray:
    """Points in which bars (b, 2) between nodes (k, 3) [mm] pass through a plane, shape (d, 2) [mm]."""
    height = _heights(nodes, plane)
    first, second = bars[(height[bars] > 0.0).sum(axis=1) == 1].T
    return plane.flat(_between(nodes, height, first, second))


def _heights(points: np.ndarray, plane: Plane) -> np.ndarray:
    return (points - plane.centre) @ plane.normal


def _between(points: np.ndarray, height: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    share = height[first] / (height[first] - height[second])
    return points[first] + share[:, None] * (points[second] - points[first])
