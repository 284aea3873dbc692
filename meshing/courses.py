"""Where a phantom lies in the patient, and the curved line along which a vessel is made by formula."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

import numpy as np
from scipy.optimize import brentq
from scipy.spatial.transform import Rotation

from meshing.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a phantom lies in the patient and how the grid of voxels is turned against it.

    root_mm: LPS position of the phantom's own origin [mm]
    axes: the phantom's own x, y and z in LPS, columns of a rotation, shape (3, 3)
    grid_axes: directions of the voxel axes i, j and k in LPS, columns, orthonormal, shape (3, 3); may be left-handed
    """

    root_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    axes: np.ndarray = field(default_factory=lambda: np.eye(3))
    grid_axes: np.ndarray = field(default_factory=lambda: np.eye(3))

    def to_patient(self, points: np.ndarray) -> np.ndarray:
        """Points of the phantom's own frame, shape (n, 3) [mm], in LPS [mm]."""
        return points @ self.axes.T + np.array(self.root_mm)

    def from_patient(self, points: np.ndarray) -> np.ndarray:
        """LPS points, shape (n, 3) [mm], in the phantom's own frame [mm]."""
        return (points - np.array(self.root_mm)) @ self.axes


def tilted_grid(*, degrees: tuple[float, float, float], mirrored: bool = False) -> np.ndarray:
    """Voxel axes turned about x, y and z in turn [degrees], with the j axis turned about when mirrored, shape (3, 3)."""
    axes = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    return axes @ np.diag([1.0, -1.0 if mirrored else 1.0, 1.0])


@dataclass(frozen=True, kw_only=True)
class Course:
    """A gently curved line of known length: (x, bow sin(πx/c), sway sin(2πx/c)), c its chord; a C and an S across each other.

    length_mm: arc length from x = 0 to x = c; bow_mm, sway_mm: the two amplitudes [mm]
    Stations are arc lengths from x = 0 [mm]. Raises InputError for a length that is not above the amplitudes.
    """

    length_mm: float
    bow_mm: float = 0.0
    sway_mm: float = 0.0

    def __post_init__(self):
        if not self.length_mm > 4.0 * (abs(self.bow_mm) + abs(self.sway_mm)):
            raise InputError(
                f"A course of {self.length_mm:g} mm cannot bow by {self.bow_mm:g} mm and sway by {self.sway_mm:g} mm; "
                "keep the two together under a quarter of the length."
            )

    @cached_property
    def chord_mm(self) -> float:
        """Straight distance between the two ends [mm]."""

        def excess(chord: float) -> float:
            return float(self._arc_lengths(chord)[1][-1] - self.length_mm)

        return cast(float, brentq(excess, 0.2 * self.length_mm, self.length_mm))

    def points(self, stations: np.ndarray) -> np.ndarray:
        """Points of the line at some stations [mm], shape (n, 3) [mm]."""
        return self._derivative(self._x_at(np.asarray(stations, dtype=float)), 0)

    def tangents(self, stations: np.ndarray) -> np.ndarray:
        """Unit tangents at some stations [mm], shape (n, 3)."""
        slope = self._derivative(self._x_at(np.asarray(stations, dtype=float)), 1)
        return slope / np.linalg.norm(slope, axis=1, keepdims=True)

    def smallest_bend_radius(self) -> float:
        """Smallest radius of curvature along the line [mm]."""
        x = np.linspace(0.0, self.chord_mm, 2001)
        slope, bend = self._derivative(x, 1), self._derivative(x, 2)
        curvature = np.linalg.norm(np.cross(slope, bend), axis=1) / np.linalg.norm(slope, axis=1) ** 3
        return float(1.0 / max(curvature.max(), 1e-12))

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Station of the nearest point of the line [mm], shape (n,), and the way from there to each point, shape (n, 3) [mm].

        Right for points nearer than the smallest bend radius; beyond the ends the line is continued by its formula.
        """
        x = points[:, 0].copy()
        for _ in range(8):
            offset = self._derivative(x, 0) - points
            slope = self._derivative(x, 1)
            gradient = np.einsum("na,na->n", offset, slope)
            steepness = np.einsum("na,na->n", slope, slope) + np.einsum("na,na->n", offset, self._derivative(x, 2))
            x -= gradient / np.maximum(steepness, 0.25)
        return self._station_at(x), points - self._derivative(x, 0)

    def aside(self, points: np.ndarray) -> np.ndarray:
        """Distance of points, shape (n, 3) [mm], from the line's point of the same x, shape (n,) [mm]."""
        return np.linalg.norm(points - self._derivative(points[:, 0], 0), axis=1)

    def cross_axes(self, stations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Two unit directions across the line: the one nearest y, and the one that makes a right-handed set with the tangent."""
        tangents = self.tangents(stations)
        first = np.array([0.0, 1.0, 0.0]) - tangents * tangents[:, 1:2]
        first /= np.linalg.norm(first, axis=1, keepdims=True)
        return first, np.cross(tangents, first)

    def _derivative(self, x: np.ndarray, order: int) -> np.ndarray:
        wave = np.pi / self.chord_mm
        along = (x, np.ones_like(x), np.zeros_like(x))[order]
        # The n-th derivative of a sine is the sine a quarter turn on, n times.
        across = [
            amplitude * (count * wave) ** order * np.sin(count * wave * x + order * np.pi / 2)
            for count, amplitude in ((1, self.bow_mm), (2, self.sway_mm))
        ]
        return np.column_stack([along, *across])

    def _arc_lengths(self, chord: float) -> tuple[np.ndarray, np.ndarray]:
        x = np.linspace(0.0, chord, 4001)
        wave = np.pi / chord
        speed = np.sqrt(
            1.0 + (self.bow_mm * wave * np.cos(wave * x)) ** 2 + (2.0 * self.sway_mm * wave * np.cos(2.0 * wave * x)) ** 2
        )
        return x, np.concatenate([[0.0], np.cumsum(0.5 * (speed[1:] + speed[:-1]) * np.diff(x))])

    @cached_property
    def _table(self) -> tuple[np.ndarray, np.ndarray]:
        x, lengths = self._arc_lengths(self.chord_mm)
        # The speed is even about both ends, so that the table goes on as its own mirror image.
        x = np.concatenate([-x[:0:-1], x, 2.0 * x[-1] - x[-2::-1]])
        return x, np.concatenate([-lengths[:0:-1], lengths, 2.0 * lengths[-1] - lengths[-2::-1]])

    def _x_at(self, stations: np.ndarray) -> np.ndarray:
        return np.interp(stations, self._table[1], self._table[0])

    def _station_at(self, x: np.ndarray) -> np.ndarray:
        return np.interp(x, *self._table)
