"""Two phantoms of which everything is known: for each point the exact distance to each surface, for each label the exact volume.

Meshes are measured against them, in tests and in benchmarks. Lengths are in millimetres, directions in LPS.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.spatial import KDTree

from meshing.courses import Placement
from meshing.errors import InputError
from meshing.labels import LabelMap
from meshing.phantoms import painted

CORE, SHELL = 1, 2
LUMEN, WALL = 1, 2
# The share of an interval that golden-section search leaves.
GOLDEN = 0.5 * (math.sqrt(5.0) - 1.0)


@dataclass(frozen=True, kw_only=True)
class NestedSpheres:
    """A ball of label 1 inside a shell of label 2, about the placement's root, which lies off the centres of voxels."""

    outer_radius_mm: float = 12.0
    inner_radius_mm: float = 7.0
    placement: Placement = field(default_factory=lambda: Placement(root_mm=(0.31, -0.17, 0.23)))

    def __post_init__(self):
        if not 0.0 < self.inner_radius_mm < self.outer_radius_mm:
            raise InputError(
                f"A ball of radius {self.inner_radius_mm:g} mm does not lie inside one of {self.outer_radius_mm:g} mm; "
                "give an inner radius above zero and below the outer one."
            )

    @property
    def volumes_mm3(self) -> Mapping[int, float]:
        """Exact volume of each label [mm³]."""
        inner, outer = (4.0 / 3.0 * math.pi * radius**3 for radius in (self.inner_radius_mm, self.outer_radius_mm))
        return {CORE: inner, SHELL: outer - inner}

    def distance_between(self, points: np.ndarray) -> np.ndarray:
        """Exact signed distance of LPS points, shape (n, 3), from the surface between the labels, negative in the core [mm]."""
        return np.linalg.norm(self.placement.from_patient(points), axis=1) - self.inner_radius_mm

    def distance_outside(self, points: np.ndarray) -> np.ndarray:
        """Exact signed distance of LPS points, shape (n, 3), from the outer surface, negative inside [mm]."""
        return np.linalg.norm(self.placement.from_patient(points), axis=1) - self.outer_radius_mm

    def label_map(self, *, spacing_mm: float | tuple[float, float, float] = 1.0) -> LabelMap:
        """The two as labelled voxels. Raises InputError for a spacing that is not above zero."""
        reach = np.full(3, self.outer_radius_mm)
        return painted(
            self._labels_at,
            low=-reach,
            high=reach,
            placement=self.placement,
            spacing_mm=spacing_mm,
            names={CORE: "core", SHELL: "shell"},
            codes={},
            source="phantom: sphere in sphere",
        )

    def _labels_at(self, points: np.ndarray) -> np.ndarray:
        radius = np.linalg.norm(points, axis=1)
        return np.where(radius <= self.inner_radius_mm, CORE, np.where(radius <= self.outer_radius_mm, SHELL, 0)).astype(np.uint8)


@dataclass(frozen=True, kw_only=True)
class StenosedTube:
    """A straight tube along its own z, of label 1 (lumen) in a wall of label 2, narrowed in its middle; both ends cut square.

    The lumen's radius at height z is r(z) = R (1 − s/2 (1 + cos 2πz/l)) for |z| < l/2, and R beyond, where R is the healthy
    radius, s the share by which the diameter is narrowed and l the length of the narrowing. The wall reaches wall_mm further
    from the axis than the lumen at every height.
    Raises InputError when a size is not above zero or the narrowing is longer than the tube.
    """

    healthy_radius_mm: float = 4.0
    narrowing_percent: float = 50.0
    narrowing_length_mm: float = 16.0
    wall_mm: float = 1.5
    length_mm: float = 30.0
    placement: Placement = field(default_factory=lambda: Placement(root_mm=(0.13, -0.08, 0.21)))

    def __post_init__(self):
        sizes = (self.healthy_radius_mm, self.wall_mm, self.narrowing_length_mm, self.length_mm)
        if min(sizes) <= 0.0 or not 0.0 <= self.narrowing_percent < 100.0 or self.narrowing_length_mm > self.length_mm:
            raise InputError(
                f"A tube of radius {sizes[0]:g} mm, wall {sizes[1]:g} mm and length {sizes[3]:g} mm cannot be narrowed by "
                f"{self.narrowing_percent:g} % over {sizes[2]:g} mm; give sizes above zero, less than 100 %, a fitting length."
            )

    @property
    def volumes_mm3(self) -> Mapping[int, float]:
        """Exact volume of each label, from ∫ π r² dz in closed form [mm³]."""
        lumen = self._volume_within(0.0)
        return {LUMEN: lumen, WALL: self._volume_within(self.wall_mm) - lumen}

    def lumen_radius(self, heights: np.ndarray) -> np.ndarray:
        """Radius of the lumen at heights along the tube, 0 in the middle, shape (n,) [mm]."""
        wave = 0.5 * (1.0 + np.cos(2.0 * math.pi * heights / self.narrowing_length_mm))
        narrowed = np.where(np.abs(heights) < 0.5 * self.narrowing_length_mm, wave, 0.0)
        return self.healthy_radius_mm * (1.0 - self.narrowing_percent / 100.0 * narrowed)

    def distance_between(self, points: np.ndarray) -> np.ndarray:
        """Exact signed distance of LPS points, shape (n, 3), from the lumen's side, negative in the lumen's radius [mm].

        The side ends where the tube ends.
        """
        heights, aside = self._heights_and_radii(points)
        return np.where(aside < self.lumen_radius(heights), -1.0, 1.0) * self._distance_from_side(heights, aside, 0.0)

    def distance_outside(self, points: np.ndarray) -> np.ndarray:
        """Exact signed distance of LPS points, shape (n, 3), from the tube's outside, its ends included, negative inside [mm]."""
        heights, aside = self._heights_and_radii(points)
        half = 0.5 * self.length_mm
        beyond_rim = np.maximum(aside - self.lumen_radius(np.array([half])) - self.wall_mm, 0.0)
        from_end = np.hypot(np.abs(heights) - half, beyond_rim)
        inside = (aside < self.lumen_radius(heights) + self.wall_mm) & (np.abs(heights) < half)
        return np.where(inside, -1.0, 1.0) * np.minimum(from_end, self._distance_from_side(heights, aside, self.wall_mm))

    def label_map(self, *, spacing_mm: float | tuple[float, float, float] = (0.5, 0.5, 1.0)) -> LabelMap:
        """The tube as labelled voxels. Raises InputError for a spacing that is not above zero."""
        reach = np.array([*[self.healthy_radius_mm + self.wall_mm] * 2, 0.5 * self.length_mm])
        return painted(
            self._labels_at,
            low=-reach,
            high=reach,
            placement=self.placement,
            spacing_mm=spacing_mm,
            names={LUMEN: "lumen", WALL: "wall"},
            codes={},
            source="phantom: narrowed tube",
        )

    def _labels_at(self, points: np.ndarray) -> np.ndarray:
        aside, radius = np.linalg.norm(points[:, :2], axis=1), self.lumen_radius(points[:, 2])
        labels = np.where(aside <= radius, LUMEN, np.where(aside <= radius + self.wall_mm, WALL, 0))
        return np.where(np.abs(points[:, 2]) <= 0.5 * self.length_mm, labels, 0).astype(np.uint8)

    def _volume_within(self, beyond: float) -> float:
        # The mean of a raised cosine is 1/2, that of its square 3/8.
        radius, lost = self.healthy_radius_mm + beyond, self.healthy_radius_mm * self.narrowing_percent / 100.0
        narrowed = radius**2 - radius * lost + 3.0 / 8.0 * lost**2
        healthy_length = self.length_mm - self.narrowing_length_mm
        return math.pi * (radius**2 * healthy_length + narrowed * self.narrowing_length_mm)

    def _heights_and_radii(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        own = self.placement.from_patient(points)
        return own[:, 2], np.linalg.norm(own[:, :2], axis=1)

    @cached_property
    def _side(self) -> tuple[np.ndarray, float]:
        """Heights at which the side is sampled before the search, and their distance [mm]."""
        heights = np.linspace(-0.5 * self.length_mm, 0.5 * self.length_mm, 4001)
        return heights, float(heights[1] - heights[0])

    def _distance_from_side(self, heights: np.ndarray, aside: np.ndarray, beyond: float) -> np.ndarray:
        """Distance in the half plane through the axis from the curve r(z) + beyond, |z| ≤ length / 2, shape (n,) [mm]."""
        samples, step = self._side
        curve = KDTree(np.column_stack([samples, self.lumen_radius(samples) + beyond]))
        nearest = curve.query(np.column_stack([heights, aside]))[1]
        low = np.maximum(samples[nearest] - step, samples[0])
        high = np.minimum(samples[nearest] + step, samples[-1])

        def distance(at: np.ndarray) -> np.ndarray:
            return np.hypot(heights - at, aside - self.lumen_radius(at) - beyond)

        # Forty steps leave a height known to a hundred millionth of a sample's distance, and the distance far better.
        for _ in range(40):
            first, second = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
            nearer_first = distance(first) < distance(second)
            low, high = np.where(nearer_first, low, first), np.where(nearer_first, second, high)
        return distance(0.5 * (low + high))
