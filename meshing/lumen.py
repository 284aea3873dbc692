"""The lumen of a vessel tree: an open triangle surface with square ends and its centreline."""

from dataclasses import dataclass

import numpy as np

from meshing.centrelines import Centreline


@dataclass(frozen=True)
class End:
    """One open end of a lumen: a flat loop square to the centreline."""

    loop: np.ndarray  # shape (vertex count,), vertex numbers in order around the end, anticlockwise seen from outside
    centre: np.ndarray  # shape (3,), centroid of the loop [mm]
    direction: np.ndarray  # shape (3,), unit vector out of the vessel
    radius: float  # of the circle of the same area [mm]


@dataclass(frozen=True)
class Lumen:
    """The surface between blood and wall, open at its ends, with the centreline it was cut by."""

    vertices: np.ndarray  # shape (vertex count, 3) [mm]
    triangles: np.ndarray  # shape (triangle count, 3), vertex numbers, normals out of the blood into the wall
    ends: tuple[End, ...]  # end 0 is the root
    centreline: Centreline
    volume_mm3: float  # of the surface closed by its end planes [mm3]
    reference_volume_mm3: float  # of the voxels, or of the surface read, within the same end planes [mm3]
    notes: tuple[str, ...]
    source: str
