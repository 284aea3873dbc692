"""Planes through a patient: which way their pictures lie, and the letters at their edges; lengths in LPS millimetres."""

import dataclasses

import numpy as np

NAMES = ("axial", "sagittal", "coronal", "across")
"""In the order in which they are shown; the last one cuts square across the centreline."""

FIXED = {
    "axial": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "sagittal": ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
    "coronal": ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
}
"""To the right and down in the picture, as radiologists hang it: seen from the feet, from the left, from the front."""

LETTERS = (("R", "L"), ("A", "P"), ("I", "S"))
SLANTED = 0.35
"""A direction bears every letter of whose axis it has this share."""


@dataclasses.dataclass(frozen=True, eq=False)
class Plane:
    """One plane.

    Attributes
    ----------
    name
        One of `NAMES`.
    centre
        The point in the middle of its picture, shape (3,).
    right, down
        Unit vectors in the picture, shape (3,).
    """

    name: str
    centre: np.ndarray
    right: np.ndarray
    down: np.ndarray

    @property
    def normal(self) -> np.ndarray:
        """Into the picture, away from who looks, shape (3,)."""
        return np.cross(self.right, self.down)

    def flat(self, points: np.ndarray) -> np.ndarray:
        """Points (…, 3) in the plane: to the right and down of its centre, shape (…, 2)."""
        away = np.asarray(points) - self.centre
        return np.stack([away @ self.right, away @ self.down], axis=-1)

    def shifted(self, by_mm: float) -> "Plane":
        """The same plane moved away from who looks."""
        return dataclasses.replace(self, centre=self.centre + by_mm * self.normal)


def plane_at(name: str, point: np.ndarray, along: np.ndarray) -> Plane:
    """The plane of a name through a point (3,); along: the vessel's direction there, shape (3,)."""
    point = np.asarray(point, float)
    if name in FIXED:
        right, down = (np.array(one) for one in FIXED[name])
        return Plane(name, point, right, down)
    along = np.asarray(along, float) / np.linalg.norm(along)
    # The patient's left to the right where it can be, and behind or below down, as in the other planes.
    guide = np.array([1.0, 0.0, 0.0]) if abs(along[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    right = guide - (guide @ along) * along
    right /= np.linalg.norm(right)
    down = np.cross(along, right)
    return Plane(name, point, right, down if down @ [0.0, 1.0, -0.5] >= 0.0 else -down)


def letters(direction: np.ndarray) -> str:
    """Where a direction (3,) leads in the patient: "L", or "LS" for one that slants."""
    order = np.argsort(-np.abs(direction))
    large = [axis for axis in order if abs(direction[axis]) >= SLANTED]
    return "".join(LETTERS[axis][int(direction[axis] > 0)] for axis in large)


def place_words(plane: Plane, station_mm: float | None) -> str:
    """Where a plane lies, as told beside its name: "S 12.3 mm", or how far along the centreline."""
    if plane.name not in FIXED:
        return "" if station_mm is None else f"{station_mm:.1f} mm"
    axis = int(np.argmax(np.abs(plane.normal)))
    value = float(plane.centre[axis])
    return f"{LETTERS[axis][int(value >= 0)]} {abs(value):.1f} mm"
