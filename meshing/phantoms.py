"""Anatomy of known size, made by formula: for tests of every later step, and for the case that comes with the program.

A phantom knows its true measures, so that what is read back from its label map can be compared with a number and not with a
picture. Lengths are in millimetres, directions in LPS.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from meshing.courses import Course, Placement, tilted_grid
from meshing.errors import InputError
from meshing.labels import Code, LabelMap

LUMEN, PLAQUE, CALCIUM, WALL = 1, 2, 3, 4
# Context groups 4 and 3817 of DICOM PS3.16 give these terms of SNOMED CT.
ARTERY_CODES = {
    PLAQUE: Code("SCT", "20717008", "atherosclerotic fibrous plaque"),
    CALCIUM: Code("SCT", "29483008", "calcified atheromatous plaque"),
}
COMMON_ILIAC_ARTERY = Code("SCT", "73634005", "Common iliac artery")
# Air about the anatomy, and the fewest voxels that still carry a lumen's roundness.
MARGIN_VOXELS = 2
FEWEST_VOXELS_ACROSS = 4


@dataclass(frozen=True, kw_only=True)
class Calcium:
    """A calcified arc in the thick side of a plaque: an ellipsoid in (station, angle, radius) about the artery's axis.

    length_mm, arc_degrees, thickness_mm: its three full widths; radius_mm: distance of its middle from the axis [mm].
    Its volume about a straight axis is (4/3)π (length/2)(arc/2)(thickness/2) radius, the arc in radians [mm³].
    """

    length_mm: float = 10.0
    arc_degrees: float = 100.0
    thickness_mm: float = 1.5
    radius_mm: float = 2.9

    @property
    def volume_mm3(self) -> float:
        """Volume about a straight axis [mm³]."""
        return math.pi / 6.0 * self.length_mm * math.radians(self.arc_degrees) * self.thickness_mm * self.radius_mm


@dataclass(frozen=True, kw_only=True)
class Stenosis:
    """A narrowing by plaque inside a healthy vessel, with shoulders of a raised cosine on both sides of a throat.

    narrowing_percent: 100 (1 − throat diameter / healthy diameter); station_mm: its middle along the vessel
    length_mm: from healthy to healthy; throat_mm: the part at full narrowing
    eccentricity: 0 for a throat in the middle of the vessel, 1 for one that touches the healthy wall; the plaque is thick
    on the y side of the vessel's own frame
    """

    narrowing_percent: float
    station_mm: float
    length_mm: float = 20.0
    throat_mm: float = 2.0
    eccentricity: float = 0.0
    calcium: Calcium | None = None

    def share(self, stations: np.ndarray) -> np.ndarray:
        """Share of the full narrowing at some stations [mm]: 1 in the throat, 0 in the healthy vessel, shape (n,)."""
        shoulder = 0.5 * (self.length_mm - self.throat_mm)
        along = np.clip((np.abs(stations - self.station_mm) - 0.5 * self.throat_mm) / shoulder, 0.0, 1.0)
        return 0.5 * (1.0 + np.cos(np.pi * along))


@dataclass(frozen=True, kw_only=True)
class Artery:
    """A vessel of constant healthy diameter along a course, with a wall outside and, inside, perhaps a stenosis.

    The wall lies outside the healthy lumen and is not narrowed; what lies between the narrowed lumen and the healthy one is
    plaque. Both ends are cut square to the course. Labels: 1 lumen, 2 plaque, 3 calcium, 4 wall.
    Raises InputError when a size is not above zero, a stenosis does not fit, or the course bends tighter than the wall is wide.
    """

    course: Course
    lumen_diameter_mm: float = 8.0
    wall_mm: float = 1.0
    stenosis: Stenosis | None = None
    placement: Placement = field(default_factory=Placement)

    def __post_init__(self):
        if not (self.lumen_diameter_mm > 0.0 and self.wall_mm >= 0.0):
            raise InputError(f"An artery of {self.lumen_diameter_mm:g} mm with a wall of {self.wall_mm:g} mm cannot be made.")
        if self.course.smallest_bend_radius() <= self.outer_radius_mm:
            raise InputError(
                f"The course bends with a radius of {self.course.smallest_bend_radius():.1f} mm, tighter than the artery's outer "
                f"radius of {self.outer_radius_mm:g} mm; bow or sway less."
            )
        stenosis = self.stenosis
        if stenosis is None:
            return
        if not (0.0 <= stenosis.narrowing_percent < 100.0 and 0.0 <= stenosis.eccentricity <= 1.0):
            raise InputError(
                f"A stenosis of {stenosis.narrowing_percent:g} % with eccentricity {stenosis.eccentricity:g} cannot be made; "
                "give 0 to below 100 % and an eccentricity from 0 to 1."
            )
        reach = 0.5 * stenosis.length_mm
        inside = reach <= stenosis.station_mm <= self.course.length_mm - reach
        if not (inside and 0.0 <= stenosis.throat_mm < stenosis.length_mm):
            raise InputError(
                f"A stenosis of {stenosis.length_mm:g} mm with a throat of {stenosis.throat_mm:g} mm at "
                f"{stenosis.station_mm:g} mm does not fit into an artery of {self.course.length_mm:g} mm."
            )

    @property
    def outer_radius_mm(self) -> float:
        """Radius of the wall's outside [mm]."""
        return 0.5 * self.lumen_diameter_mm + self.wall_mm

    @property
    def smallest_diameter_mm(self) -> float:
        """Diameter of the lumen in the throat, or of the healthy lumen where there is none [mm]."""
        return self.lumen_diameter_mm * (1.0 - (self.stenosis.narrowing_percent / 100.0 if self.stenosis else 0.0))

    @property
    def lumen_volume_mm3(self) -> float:
        """Volume of the lumen about a straight course, ∫ π r² ds in closed form [mm³]; a bend changes it by less than 1 %."""
        healthy = math.pi * (0.5 * self.lumen_diameter_mm) ** 2
        if self.stenosis is None:
            return healthy * self.course.length_mm
        narrowing = self.stenosis.narrowing_percent / 100.0
        throat, shoulders = self.stenosis.throat_mm, self.stenosis.length_mm - self.stenosis.throat_mm
        # The mean of a raised cosine is 1/2, that of its square 3/8.
        lost = 2.0 * narrowing * (throat + shoulders / 2.0) - narrowing**2 * (throat + 3.0 * shoulders / 8.0)
        return healthy * (self.course.length_mm - lost)

    def lumen_radius(self, stations: np.ndarray) -> np.ndarray:
        """Radius of the lumen at some stations, shape (n,) [mm]."""
        healthy = np.full(np.shape(stations), 0.5 * self.lumen_diameter_mm)
        if self.stenosis is None:
            return healthy
        return healthy * (1.0 - self.stenosis.narrowing_percent / 100.0 * self.stenosis.share(stations))

    def lumen_centre(self, stations: np.ndarray) -> np.ndarray:
        """Middle of the lumen at some stations, in LPS, shape (n, 3) [mm]."""
        across, _ = self.course.cross_axes(stations)
        return self.placement.to_patient(self.course.points(stations) + self._shift(stations)[:, None] * across)

    def axis(self, stations: np.ndarray) -> np.ndarray:
        """Middle of the healthy vessel at some stations, in LPS, shape (n, 3) [mm]."""
        return self.placement.to_patient(self.course.points(stations))

    def distance_to_lumen(self, points: np.ndarray) -> np.ndarray:
        """Distance of LPS points, shape (n, 3) [mm], from the lumen's side, measured square to the course; negative inside [mm].

        It is the true distance where the vessel is healthy and in the throat, and more than it on the shoulders.
        """
        stations, offset = self.course.nearest(self.placement.from_patient(points))
        return self._distance_across(stations, offset)

    def label_map(self, *, spacing_mm: float, name: str = "artery", lumen_code: Code | None = None) -> LabelMap:
        """The artery as labelled voxels; `name` begins the lumen's label. Raises InputError when voxels are too coarse for it."""
        if not 0.0 < spacing_mm * FEWEST_VOXELS_ACROSS <= self.smallest_diameter_mm:
            raise InputError(
                f"A lumen of {self.smallest_diameter_mm:.2f} mm needs voxels of at most "
                f"{self.smallest_diameter_mm / FEWEST_VOXELS_ACROSS:.2f} mm; {spacing_mm:g} mm was asked."
            )
        reach = self.outer_radius_mm
        stations = np.linspace(0.0, self.course.length_mm, 201)
        line = self.course.points(stations)
        names = {LUMEN: f"{name} lumen", WALL: "arterial wall"}
        codes = {} if lumen_code is None else {LUMEN: lumen_code}
        if self.stenosis is not None:
            names |= {PLAQUE: "fibrous plaque"} | ({CALCIUM: "calcified plaque"} if self.stenosis.calcium else {})
            codes |= {number: code for number, code in ARTERY_CODES.items() if number in names}
        return painted(
            self._labels_at,
            low=line.min(axis=0) - reach,
            high=line.max(axis=0) + reach,
            placement=self.placement,
            spacing_mm=spacing_mm,
            names=dict(sorted(names.items())),
            codes=codes,
            source=f"phantom: {name}",
        )

    def _shift(self, stations: np.ndarray) -> np.ndarray:
        if self.stenosis is None:
            return np.zeros(np.shape(stations))
        return -self.stenosis.eccentricity * (0.5 * self.lumen_diameter_mm - self.lumen_radius(stations))

    def _distance_across(self, stations: np.ndarray, offset: np.ndarray) -> np.ndarray:
        across, _ = self.course.cross_axes(stations)
        return np.linalg.norm(offset - self._shift(stations)[:, None] * across, axis=1) - self.lumen_radius(stations)

    def _labels_at(self, points: np.ndarray) -> np.ndarray:
        labels = np.zeros(len(points), dtype=np.uint8)
        # Newton's search holds near the line alone; the way straight across x is less than twice the nearest way.
        near = np.flatnonzero(self.course.aside(points) <= 2.0 * self.outer_radius_mm)
        stations, offset = self.course.nearest(points[near])
        radius = np.linalg.norm(offset, axis=1)
        inside = (stations >= 0.0) & (stations <= self.course.length_mm) & (radius <= self.outer_radius_mm)
        labels[near[inside]] = WALL
        labels[near[inside & (radius <= 0.5 * self.lumen_diameter_mm)]] = PLAQUE
        if self.stenosis is not None and self.stenosis.calcium is not None:
            labels[near[inside & self._in_calcium(stations, offset, self.stenosis.calcium)]] = CALCIUM
        labels[near[inside & (self._distance_across(stations, offset) <= 0.0)]] = LUMEN
        return labels

    def _in_calcium(self, stations: np.ndarray, offset: np.ndarray, calcium: Calcium) -> np.ndarray:
        assert self.stenosis is not None
        first, second = self.course.cross_axes(stations)
        angle = np.arctan2(np.einsum("na,na->n", offset, second), np.einsum("na,na->n", offset, first))
        along = (stations - self.stenosis.station_mm) / (0.5 * calcium.length_mm)
        around = angle / math.radians(0.5 * calcium.arc_degrees)
        outward = (np.linalg.norm(offset, axis=1) - calcium.radius_mm) / (0.5 * calcium.thickness_mm)
        return along**2 + around**2 + outward**2 <= 1.0


@dataclass(frozen=True, kw_only=True)
class Sphere:
    """A ball of label 1, of volume (4/3)π radius³ [mm³], about the placement's root."""

    radius_mm: float
    placement: Placement = field(default_factory=Placement)

    @property
    def volume_mm3(self) -> float:
        """Volume of the ball [mm³]."""
        return 4.0 / 3.0 * math.pi * self.radius_mm**3

    def label_map(self, *, spacing_mm: float) -> LabelMap:
        """The ball as labelled voxels."""
        reach = np.full(3, self.radius_mm)
        return painted(
            lambda points: (np.linalg.norm(points, axis=1) <= self.radius_mm).astype(np.uint8),
            low=-reach,
            high=reach,
            placement=self.placement,
            spacing_mm=spacing_mm,
            names={1: "sphere"},
            codes={},
            source="phantom: sphere",
        )


@dataclass(frozen=True, kw_only=True)
class Bifurcation:
    """A Y of three straight round legs of label 1 in the x-y plane of its own frame, square at their ends, round at the fork.

    The parent runs along x from −parent_length_mm to the fork at the origin; the daughters leave it at ± half_angle_degrees, each
    of radius parent / 2^(1/3), as Murray's law has it (Murray 1926, doi:10.1073/pnas.12.3.207).
    """

    parent_radius_mm: float = 5.0
    parent_length_mm: float = 30.0
    daughter_length_mm: float = 30.0
    half_angle_degrees: float = 25.0
    placement: Placement = field(default_factory=Placement)

    @property
    def daughter_radius_mm(self) -> float:
        """Radius of each daughter [mm]."""
        return self.parent_radius_mm / 2.0 ** (1.0 / 3.0)

    @cached_property
    def ends(self) -> np.ndarray:
        """LPS positions of the middles of the parent's end and of the two daughters' ends, shape (3, 3) [mm]."""
        return self.placement.to_patient(self._ends)

    @cached_property
    def _ends(self) -> np.ndarray:
        angle = math.radians(self.half_angle_degrees)
        along, aside = self.daughter_length_mm * math.cos(angle), self.daughter_length_mm * math.sin(angle)
        return np.array([[-self.parent_length_mm, 0.0, 0.0], [along, aside, 0.0], [along, -aside, 0.0]])

    def label_map(self, *, spacing_mm: float) -> LabelMap:
        """The Y as labelled voxels."""
        reach = self.parent_radius_mm
        return painted(
            self._labels_at,
            low=self._ends.min(axis=0) - reach,
            high=self._ends.max(axis=0) + reach,
            placement=self.placement,
            spacing_mm=spacing_mm,
            names={1: "bifurcation lumen"},
            codes={},
            source="phantom: bifurcation",
        )

    def _labels_at(self, points: np.ndarray) -> np.ndarray:
        inside = np.linalg.norm(points, axis=1) <= self.parent_radius_mm
        for end, radius in zip(self._ends, (self.parent_radius_mm, *[self.daughter_radius_mm] * 2), strict=True):
            length = np.linalg.norm(end)
            along = points @ (end / length)
            aside = np.linalg.norm(points - along[:, None] * (end / length), axis=1)
            inside |= (along >= 0.0) & (along <= length) & (aside <= radius)
        return inside.astype(np.uint8)


def _common_iliac() -> Artery:
    # Down, to the right and back from the aortic bifurcation; own y is as far back as it can be square to that.
    along = np.array([-0.45, 0.35, -0.82]) / np.linalg.norm([-0.45, 0.35, -0.82])
    back = np.array([0.0, 1.0, 0.0]) - along * along[1]
    back /= np.linalg.norm(back)
    return Artery(
        course=Course(length_mm=60.0, bow_mm=4.0, sway_mm=1.5),
        lumen_diameter_mm=8.0,
        wall_mm=1.0,
        stenosis=Stenosis(narrowing_percent=70.0, station_mm=30.0, eccentricity=0.6, calcium=Calcium()),
        placement=Placement(
            root_mm=(-12.0, -18.0, 40.0),
            axes=np.column_stack([along, back, np.cross(along, back)]),
            grid_axes=tilted_grid(degrees=(14.0, -9.0, 21.0), mirrored=True),
        ),
    )


# A right common iliac artery of a woman; assets/cases/iliac/case.toml says where each dimension comes from.
COMMON_ILIAC = _common_iliac()


def iliac_stenosis(*, spacing_mm: float = 0.4, artery: Artery = COMMON_ILIAC) -> LabelMap:
    """A right common iliac artery, 60 mm long and 8 mm wide, narrowed by 70 % over 20 mm by an eccentric, part-calcified plaque.

    Labels: 1 "iliac artery lumen", 2 "fibrous plaque", 3 "calcified plaque", 4 "arterial wall". The grid is turned against the
    body and mirrored, as a patient's may be.
    """
    return artery.label_map(spacing_mm=spacing_mm, name="iliac artery", lumen_code=COMMON_ILIAC_ARTERY)


def painted(
    labels_at: Callable[[np.ndarray], np.ndarray],
    *,
    low: np.ndarray,
    high: np.ndarray,
    placement: Placement,
    spacing_mm: float | tuple[float, float, float],
    names: Mapping[int, str],
    codes: Mapping[int, Code],
    source: str,
) -> LabelMap:
    """Voxels on the turned grid that holds a box of the phantom's own frame, each labelled by where its centre lies.

    labels_at: label numbers, shape (n,), of points of that frame, shape (n, 3) [mm]; low, high: corners of the box [mm]
    spacing_mm: one for all voxel axes, or one for each. Raises InputError for a spacing that is not above zero.
    """
    spacing = np.broadcast_to(np.asarray(spacing_mm, dtype=float), (3,))
    if not (spacing > 0.0).all():
        raise InputError(f"The spacing of a phantom is {spacing.min():g} mm; give one above zero.")
    corners = np.stack(np.meshgrid(*zip(low, high, strict=True), indexing="ij"), axis=-1).reshape(-1, 3)
    on_grid = placement.to_patient(corners) @ placement.grid_axes / spacing
    first = np.floor(on_grid.min(axis=0)) - MARGIN_VOXELS
    shape = (np.ceil(on_grid.max(axis=0)) + MARGIN_VOXELS - first).astype(int) + 1
    affine = np.eye(4)
    affine[:3, :3] = placement.grid_axes * spacing
    affine[:3, 3] = affine[:3, :3] @ first
    voxels = np.zeros(shape, dtype=np.uint8)
    in_slice = np.stack(np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij"), axis=-1).reshape(-1, 2)
    for k in range(shape[2]):
        centres = in_slice @ affine[:3, :2].T + affine[:3, 2] * k + affine[:3, 3]
        voxels[:, :, k] = labels_at(placement.from_patient(centres)).reshape(shape[:2])
    return LabelMap(voxels, affine, names, codes, source)
