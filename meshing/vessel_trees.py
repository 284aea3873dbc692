"""Branching vessels of known size, made by formula: tubes about splines, joined smoothly, with a wall, a lesion and calcium.

Lengths are in millimetres, directions in the phantom's own frame unless LPS is said.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.spatial import KDTree

from meshing.courses import Placement
from meshing.errors import InputError
from meshing.labels import Code, LabelMap
from meshing.phantoms import CALCIUM, FEWEST_VOXELS_ACROSS, LUMEN, PLAQUE, WALL, Stenosis, painted

AXIS_STEP_MM = 0.1
OUTSIDE_MM = 1e3
"""What stands for a distance beyond an open end, where a leg is no more."""


@dataclass(frozen=True, kw_only=True)
class Leg:
    """One tube of a tree: a natural cubic spline through points, and a radius along it.

    points: what the axis runs through, shape (n, 3) [mm]
    radii: (station, radius) of the healthy lumen [mm], joined without overshoot and constant beyond (Fritsch and Carlson 1980)
    open_start, open_end: whether the vessel is cut square there and goes on; an end that is not open is a half ball, and lies
    inside another leg
    stenosis: narrowing of this leg; its plaque is thick on the side of `thick_side`, a direction
    """

    points: tuple[tuple[float, float, float], ...]
    radii: tuple[tuple[float, float], ...]
    open_start: bool = False
    open_end: bool = True
    stenosis: Stenosis | None = None
    thick_side: tuple[float, float, float] = (0.0, 1.0, 0.0)

    def __post_init__(self):
        if len(self.points) < 2 or not self.radii:
            raise InputError(f"A leg with {len(self.points)} points and {len(self.radii)} radii cannot be made; give 2 and 1.")
        thinnest = min(radius for _, radius in self.radii)
        if not thinnest > 0.0:
            raise InputError(f"A leg is {thinnest:g} mm in radius at its thinnest; give one above zero.")
        stenosis = self.stenosis
        if stenosis is None:
            return
        reach = 0.5 * stenosis.length_mm
        if not reach <= stenosis.station_mm <= self.length_mm - reach:
            raise InputError(
                f"A stenosis of {stenosis.length_mm:g} mm at {stenosis.station_mm:g} mm does not fit into a leg of "
                f"{self.length_mm:.1f} mm."
            )

    @cached_property
    def _axis(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points (n, 3), stations (n,) and unit tangents (n, 3) of the axis, closely spaced."""
        knots = np.array(self.points, dtype=float)
        chords = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
        count = max(round(chords[-1] / AXIS_STEP_MM), 2) + 1
        share = np.linspace(0.0, chords[-1], count)
        line = CubicSpline(chords, knots, bc_type="natural")
        points, tangents = line(share), line(share, 1)
        stations = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        return points, stations, tangents / np.linalg.norm(tangents, axis=1, keepdims=True)

    @cached_property
    def _tree(self) -> KDTree:
        return KDTree(self._axis[0])

    @property
    def length_mm(self) -> float:
        """Arc length of the axis [mm]."""
        return float(self._axis[1][-1])

    def at(self, stations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points and unit tangents of the axis at some stations [mm], both of shape (n, 3)."""
        points, along, tangents = self._axis
        found = [np.column_stack([np.interp(stations, along, column) for column in rows.T]) for rows in (points, tangents)]
        return found[0], found[1] / np.linalg.norm(found[1], axis=1, keepdims=True)

    def healthy_radius(self, stations: np.ndarray) -> np.ndarray:
        """Radius of the healthy lumen at some stations [mm], shape (n,) [mm]."""
        where, values = np.array(self.radii, dtype=float).T
        if len(where) == 1:
            return np.full(np.shape(stations), values[0])
        return PchipInterpolator(where, values)(np.clip(stations, where[0], where[-1]))

    def lumen_radius(self, stations: np.ndarray) -> np.ndarray:
        """Radius of the lumen at some stations [mm], shape (n,) [mm]."""
        healthy = self.healthy_radius(stations)
        if self.stenosis is None:
            return healthy
        return healthy * (1.0 - 0.01 * self.stenosis.narrowing_percent * self.stenosis.share(np.asarray(stations)))

    @property
    def smallest_diameter_mm(self) -> float:
        """Diameter of the lumen where it is narrowest [mm]."""
        return 2.0 * float(self.lumen_radius(self._axis[1]).min())

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Station of the nearest point of the axis (n,) [mm], the way from there (n, 3) [mm], whether it lies beyond an open end.

        points: shape (n, 3) [mm], of the phantom's own frame.
        """
        axis, stations, tangents = self._axis
        _, near = self._tree.query(points)
        offset = points - axis[near]
        # From the nearest sample on along its tangent: the rest is of second order in a tenth of a millimetre.
        step = np.clip(np.einsum("na,na->n", offset, tangents[near]), -AXIS_STEP_MM, AXIS_STEP_MM)
        last = len(axis) - 1
        at_start, at_end = (near == 0) & (step <= 0.0), (near == last) & (step >= 0.0)
        beyond = (at_start & self.open_start) | (at_end & self.open_end)
        step[at_start | at_end] = 0.0
        return stations[near] + step, offset - step[:, None] * tangents[near], beyond

    def is_within(self, points: np.ndarray, reach_mm: float) -> np.ndarray:
        """Whether points (n, 3) [mm] lie within a distance of the axis [mm], (n,)."""
        return np.isfinite(self._tree.query(points, distance_upper_bound=reach_mm)[0])

    def across(self, stations: np.ndarray) -> np.ndarray:
        """Unit directions square to the axis at some stations [mm], on the thick side of the plaque, shape (n, 3)."""
        tangents = self.at(stations)[1]
        side = np.asarray(self.thick_side, dtype=float) / np.linalg.norm(self.thick_side)
        square = side - tangents * (tangents @ side)[:, None]
        return square / np.linalg.norm(square, axis=1, keepdims=True)

    def distances(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance of points (n, 3) [mm] from the side of the healthy lumen and of the lumen, each (n,) [mm], negative inside."""
        stations, offset, beyond = self.nearest(points)
        healthy = np.linalg.norm(offset, axis=1) - self.healthy_radius(stations)
        lumen = healthy.copy()
        if self.stenosis is not None:
            aside = self.stenosis.eccentricity * (self.healthy_radius(stations) - self.lumen_radius(stations))
            moved = offset + aside[:, None] * self.across(stations)
            lumen = np.linalg.norm(moved, axis=1) - self.lumen_radius(stations)
        return np.where(beyond, OUTSIDE_MM, healthy), np.where(beyond, OUTSIDE_MM, lumen)

    def in_calcium(self, points: np.ndarray) -> np.ndarray:
        """Whether points (n, 3) [mm] lie in the calcified arc, an ellipsoid in (station, angle, radius) about the axis, (n,)."""
        if self.stenosis is None or self.stenosis.calcium is None:
            return np.zeros(len(points), dtype=bool)
        calcium = self.stenosis.calcium
        stations, offset, beyond = self.nearest(points)
        first, tangents = self.across(stations), self.at(stations)[1]
        second = np.cross(tangents, first)
        angle = np.arctan2(np.einsum("na,na->n", offset, second), np.einsum("na,na->n", offset, first))
        along = (stations - self.stenosis.station_mm) / (0.5 * calcium.length_mm)
        around = angle / math.radians(0.5 * calcium.arc_degrees)
        outward = (np.linalg.norm(offset, axis=1) - calcium.radius_mm) / (0.5 * calcium.thickness_mm)
        return (along**2 + around**2 + outward**2 <= 1.0) & ~beyond


@dataclass(frozen=True, kw_only=True)
class VesselTree:
    """Legs joined into one vessel with one wall; labels: 1 lumen, 2 plaque, 3 calcium, 4 wall.

    The healthy lumen is the union of the legs, its edges rounded over about `fillet_mm` by a polynomial smooth minimum of their
    distances; the wall lies `wall_mm` outside it, and what lies between the narrowed lumen and the healthy one is plaque.
    Raises InputError for sizes that are not above zero.
    """

    legs: tuple[Leg, ...]
    wall_mm: float
    fillet_mm: float = 2.0
    placement: Placement = field(default_factory=Placement)

    def __post_init__(self):
        if not (self.legs and self.wall_mm > 0.0 and self.fillet_mm > 0.0):
            raise InputError(
                f"A tree of {len(self.legs)} legs with a wall of {self.wall_mm:g} mm and fillets of {self.fillet_mm:g} mm cannot "
                "be made; give one leg or more, and sizes above zero."
            )

    @property
    def smallest_diameter_mm(self) -> float:
        """Diameter of the lumen where it is narrowest [mm]."""
        return min(leg.smallest_diameter_mm for leg in self.legs)

    def distances(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance of LPS points (n, 3) [mm] from the healthy lumen's side and the lumen's, each (n,) [mm], negative inside."""
        return self._distances(self.placement.from_patient(points))

    def label_map(
        self,
        *,
        spacing_mm: float,
        lumen: tuple[str, Code | None],
        plaque: tuple[str, Code | None],
        calcium: tuple[str, Code | None] | None = None,
    ) -> LabelMap:
        """The tree as labelled voxels, its labels named and coded as given.

        Raises InputError when the voxels are too coarse for its narrowest place.
        """
        if not 0.0 < spacing_mm * FEWEST_VOXELS_ACROSS <= self.smallest_diameter_mm:
            raise InputError(
                f"A lumen of {self.smallest_diameter_mm:.2f} mm needs voxels of at most "
                f"{self.smallest_diameter_mm / FEWEST_VOXELS_ACROSS:.2f} mm; {spacing_mm:g} mm was asked."
            )
        given = {LUMEN: lumen, PLAQUE: plaque, WALL: ("arterial wall", None)} | ({CALCIUM: calcium} if calcium else {})
        low, high = self._box()
        return painted(
            self._labels_at,
            low=low,
            high=high,
            placement=self.placement,
            spacing_mm=spacing_mm,
            names={number: name for number, (name, _) in sorted(given.items())},
            codes={number: code for number, (_, code) in sorted(given.items()) if code is not None},
            source=f"phantom: {lumen[0]}",
        )

    def _box(self) -> tuple[np.ndarray, np.ndarray]:
        corners = []
        for leg in self.legs:
            stations = np.linspace(0.0, leg.length_mm, 201)
            reach = leg.healthy_radius(stations)[:, None] + self.wall_mm
            corners += [leg.at(stations)[0] - reach, leg.at(stations)[0] + reach]
        everything = np.concatenate(corners)
        return everything.min(axis=0), everything.max(axis=0)

    def _distances(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pairs = [leg.distances(points) for leg in self.legs]
        return self._joined([healthy for healthy, _ in pairs]), self._joined([lumen for _, lumen in pairs])

    def _joined(self, distances: Sequence[np.ndarray]) -> np.ndarray:
        joined = distances[0]
        for other in distances[1:]:
            nearness = np.maximum(self.fillet_mm - np.abs(joined - other), 0.0)
            joined = np.minimum(joined, other) - nearness**2 / (4.0 * self.fillet_mm)
        return joined

    def _labels_at(self, points: np.ndarray) -> np.ndarray:
        labels = np.zeros(len(points), dtype=np.uint8)
        # A search that gives up beyond the wall is quick; most voxels of a box lie there.
        reach = max(radius for leg in self.legs for _, radius in leg.radii) + self.wall_mm + self.fillet_mm
        near = np.flatnonzero(np.any([leg.is_within(points, reach) for leg in self.legs], axis=0))
        labels[near] = self._labels_near(points[near])
        return labels

    def _labels_near(self, points: np.ndarray) -> np.ndarray:
        healthy, lumen = self._distances(points)
        labels = np.zeros(len(points), dtype=np.uint8)
        labels[healthy <= self.wall_mm] = WALL
        inside = healthy <= 0.0
        labels[inside] = PLAQUE
        for leg in self.legs:
            if leg.stenosis is not None and leg.stenosis.calcium is not None:
                labels[inside & leg.in_calcium(points)] = CALCIUM
        labels[lumen <= 0.0] = LUMEN
        return labels
