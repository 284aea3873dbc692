"""How wide a lumen is along its path, before, during and after: minimum lumen, reference, stenosis, gain, roundness."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from meshing.centrelines import Path
from meshing.errors import InputError
from meshing.sections import sections_along
from scenarios.measures import sources
from scenarios.measures.measure import Findings, Measure

SPACING_MM = 0.5  # fine against the height of a ring of crowns, which is 1 to 3 mm
COARSE_COUNT = 300  # sections over a whole long path, away from the stent
SIDE_MM = 40.0  # how far to each side of the narrowest place the vessel is looked at to know its healthy width
REFERENCE_MM = 10.0  # how far beyond the lesion's edge a reference may lie, Mintz 2001
LEAST_NARROWING = 0.05  # a vessel that is nowhere narrower by more has no lesion, only the ripple of its surface
BRANCH_RATIO = 1.6  # a section so much longer than wide has opened into a branch


@dataclasses.dataclass(frozen=True)
class Profile:
    """The lumen's size at stations along a path; each array has shape (station count,)."""

    stations: np.ndarray  # arc length from the path's root end, growing [mm]
    area: np.ndarray  # [mm²]
    min_diameter: np.ndarray  # shortest chord through the centroid [mm]
    max_diameter: np.ndarray  # longest chord through the centroid [mm]

    @property
    def mean_diameter(self) -> np.ndarray:
        """Diameter of the circle of the same area, √(4A/π) [mm]."""
        return np.sqrt(4.0 * self.area / np.pi)

    def between(self, start: float, end: float) -> "Profile":
        """Give the part from one station to another [mm], both counted in."""
        chosen = (self.stations >= start - 1e-9) & (self.stations <= end + 1e-9)
        return Profile(self.stations[chosen], self.area[chosen], self.min_diameter[chosen], self.max_diameter[chosen])

    def __len__(self) -> int:
        return len(self.stations)


def stations_to_cut(path: Path, *, fine: tuple[float, float] | None = None, spacing_mm: float = SPACING_MM) -> np.ndarray:
    """Give the stations (station count,) [mm] at which a path's lumen is cut.

    One each `spacing_mm`, save that a path too long for that is cut 300 times evenly, and at `spacing_mm` only in the stretch
    `fine` [mm].
    """
    coarse = np.linspace(0.0, path.length, max(2, min(round(path.length / spacing_mm), COARSE_COUNT)) + 1)
    if fine is None or coarse[1] <= 1.01 * spacing_mm:
        return coarse
    start, end = max(fine[0], 0.0), min(fine[1], path.length)
    if end <= start:
        return coarse
    close = np.linspace(start, end, max(2, round((end - start) / spacing_mm)) + 1)
    return np.concatenate([coarse[coarse < start - 1e-6], close, coarse[coarse > end + 1e-6]])


def profile_along(vertices: np.ndarray, triangles: np.ndarray, path: Path, *, stations: np.ndarray | None = None) -> Profile:
    """Cut a lumen surface perpendicular to a path and give its size at each station where the plane meets it.

    `vertices` (vertex count, 3) [mm], `triangles` (triangle count, 3). Without `stations` [mm], those of `stations_to_cut`.
    Stations that the surface does not reach are left out.
    """
    if stations is None:
        stations = stations_to_cut(path)
    sections = sections_along(vertices, triangles, path, stations)
    # Where the surface ends, a cut is moved inwards until it is whole; one moved farther says nothing of its own station.
    asked = path.at(stations)[0]
    sections = [
        section if section is not None and np.linalg.norm(section.centre - point) <= SPACING_MM else None
        for section, point in zip(sections, asked, strict=True)
    ]
    rows = [
        (float(station), section.area, section.min_diameter, section.max_diameter)
        for station, section in zip(stations, sections, strict=True)
        if section is not None and np.isfinite([section.area, section.min_diameter, section.max_diameter]).all()
    ]
    columns = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    return Profile(*columns)


@dataclasses.dataclass(frozen=True)
class Lesion:
    """A narrowing: its narrowest place, its edges, and the references at either side of it."""

    narrowest_mm: float  # station of the smallest area
    start_mm: float  # station of the proximal edge
    end_mm: float  # station of the distal edge
    reference_diameter_mm: float
    reference_area_mm2: float
    proximal_mm: float | None  # station of the proximal reference, None where the vessel has none
    distal_mm: float | None  # station of the distal reference, None where the vessel has none
    notes: tuple[str, ...] = ()

    @property
    def length_mm(self) -> float:
        """Length from edge to edge [mm]."""
        return self.end_mm - self.start_mm


def find_lesion(profile: Profile, *, between: tuple[float, float] | None = None) -> Lesion:
    """Find a narrowing's edges and the vessel's references at either side of it.

    The narrowest place is where the area is smallest, in the whole profile or `between` two stations [mm]. To each side the
    vessel's healthy width is the third quartile of the mean diameters over 40 mm, short of a section that opens into a branch.
    The lesion's edge is the first station where nine tenths of the way from the narrowest to the healthy width are regained; a
    side narrowed by less than 5 % has its edge at the narrowest place. The reference is the largest lumen within 10 mm beyond
    the edge (Mintz 2001), and the reference diameter and area are the means of the proximal and the distal one; where a side
    has none, the other stands alone and a note says so.

    Raises:
        InputError: there is no section in the stretch that is searched.
    """
    searched = profile if between is None else profile.between(*between)
    if len(searched) == 0:
        where = "along the path" if between is None else f"from {between[0]:.1f} to {between[1]:.1f} mm"
        raise InputError(f"The lumen has no cross-section {where}; check that the path runs through the lumen.")
    narrowest = float(searched.stations[np.argmin(searched.area)])
    here = int(np.argmin(np.abs(profile.stations - narrowest)))
    proximal = _side(profile, here, -1)
    distal = _side(profile, here, +1)
    found = [side for side in (proximal, distal) if side is not None]
    notes = []
    if not found:
        notes.append("The vessel is too short for a reference to either side; its own narrowest place is the reference.")
        chosen = [here]
    else:
        chosen = [reference for _, reference in found]
    if len(found) == 1:
        missing = "proximal" if proximal is None else "distal"
        notes.append(f"There is no {missing} reference (the vessel ends or opens into a branch); the other side's is used alone.")
    return Lesion(
        narrowest_mm=narrowest,
        start_mm=float(profile.stations[here if proximal is None else proximal[0]]),
        end_mm=float(profile.stations[here if distal is None else distal[0]]),
        reference_diameter_mm=float(profile.mean_diameter[chosen].mean()),
        reference_area_mm2=float(profile.area[chosen].mean()),
        proximal_mm=None if proximal is None else float(profile.stations[proximal[1]]),
        distal_mm=None if distal is None else float(profile.stations[distal[1]]),
        notes=tuple(notes),
    )


def _side(profile: Profile, here: int, step: int) -> tuple[int, int] | None:
    """Numbers of the stations of the lesion's edge and of the reference on one side of station number `here`."""
    away = (profile.stations - profile.stations[here]) * step
    side = np.flatnonzero((away > 1e-9) & (away <= SIDE_MM))[::step]
    branches = np.flatnonzero(profile.max_diameter[side] > BRANCH_RATIO * profile.min_diameter[side])
    # A slit-like stenosis is also longer than wide: only what is wider than the narrowest can be a branch.
    branches = branches[profile.mean_diameter[side[branches]] > 1.5 * profile.mean_diameter[here]]
    if branches.size:
        side = side[: branches[0]]
    if len(side) < 2:
        return None
    widths = profile.mean_diameter[side]
    narrow, healthy = float(profile.mean_diameter[here]), float(np.quantile(widths, 0.75))
    is_narrowed = narrow < (1.0 - LEAST_NARROWING) * healthy
    edge = int(np.argmax(widths >= narrow + 0.9 * (healthy - narrow))) if is_narrowed else 0
    near = away[side] <= away[side[edge]] + REFERENCE_MM
    beyond = np.flatnonzero(near & (np.arange(len(side)) >= edge))
    return int(side[edge]), int(side[beyond[np.argmax(widths[beyond])]])


def diameter_stenosis(minimum_diameter_mm: float, *, reference_diameter_mm: float) -> float:
    """Give the narrowing by diameter, 100 (1 − MLD / reference) [%]; below zero where the lumen is wider than its reference."""
    return 100.0 * (1.0 - minimum_diameter_mm / reference_diameter_mm)


def area_stenosis(minimum_area_mm2: float, *, reference_area_mm2: float) -> float:
    """Give the narrowing by area, 100 (1 − MLA / reference) [%]; below zero where the lumen is wider than its reference."""
    return 100.0 * (1.0 - minimum_area_mm2 / reference_area_mm2)


def eccentricity(profile: Profile) -> tuple[float, float]:
    """Give the smallest ratio of shortest to longest diameter of any section, and its station [mm]; 1 is round."""
    ratio = profile.min_diameter / profile.max_diameter
    worst = int(np.argmin(ratio))
    return float(ratio[worst]), float(profile.stations[worst])


def asymmetry(profile: Profile) -> float:
    """Give 1 − (shortest diameter anywhere) / (longest diameter anywhere); 0 is a cylinder."""
    return float(1.0 - profile.min_diameter.min() / profile.max_diameter.max())


def lumen_findings(
    profiles: Mapping[str, Profile], lesion: Lesion, *, stent_mm: tuple[float, float], opened: str = "inflated"
) -> Findings:
    """Give the measures of the lumen from its profiles "before", "inflated" or "released", and "after", as many as there are.

    Before, the minimum is sought over the lesion and the stent together; opened and after, within the stent, whose ends
    are at the stations `stent_mm`. Of profiles in which further stents were opened the minimum is told as well.
    """
    measures = list(_reference_measures(lesion))
    notes = list(lesion.notes)
    whole = (min(lesion.start_mm, stent_mm[0]), max(lesion.end_mm, stent_mm[1]))
    regions = {
        "before": (whole, "over the lesion and the stent's place"),
        opened: (stent_mm, "within the stent"),
        **{phase: (stent_mm, "within the stents") for phase in profiles if phase not in ("before", "after", opened)},
        "after": (stent_mm, "within the stent"),
    }
    smallest: dict[str, float] = {}
    for phase, (region, where) in regions.items():
        part = profiles[phase].between(*region) if phase in profiles else None
        if part is None or len(part) == 0:
            notes.append(
                f"The lumen could not be measured {phase} ({'no such state was kept' if part is None else 'no section'})."
            )
            continue
        measures += _minimum_measures(part, phase, where, lesion)
        smallest[phase] = float(part.min_diameter.min())
        if phase == "after":
            measures += _roundness_measures(part)
    if {"before", "after"} <= smallest.keys():
        gain = smallest["after"] - smallest["before"]
        words = "Minimum lumen diameter after minus before."
        measures.append(Measure("acute gain", gain, "mm", words, sources.GAIN))
    return Findings(tuple(measures), tuple(notes))


def _reference_measures(lesion: Lesion) -> list[Measure]:
    at = [
        f"{name} at {station:.1f} mm"
        for name, station in (("proximal", lesion.proximal_mm), ("distal", lesion.distal_mm))
        if station is not None
    ]
    note = ("References " + ", ".join(at) + " along the centreline.") if at else "No reference beside the lesion."
    words = "Mean of the proximal and the distal reference before: the largest lumen within 10 mm beyond the lesion's edge"
    return [
        Measure(
            "reference diameter",
            lesion.reference_diameter_mm,
            "mm",
            f"{words}; diameter of the circle of equal area.",
            sources.MEAN_LOCAL_REFERENCE,
            note,
        ),
        Measure("reference area", lesion.reference_area_mm2, "mm2", f"{words}.", sources.MEAN_LOCAL_REFERENCE, note),
    ]


def _minimum_measures(part: Profile, phase: str, where: str, lesion: Lesion) -> list[Measure]:
    thin, small = int(np.argmin(part.min_diameter)), int(np.argmin(part.area))
    diameter, area = float(part.min_diameter[thin]), float(part.area[small])
    measures = [
        Measure(
            f"minimum lumen diameter {phase}",
            diameter,
            "mm",
            f"Shortest chord through the centroid of any section {where}.",
            sources.INTRAVASCULAR_ULTRASOUND,
            f"At {part.stations[thin]:.1f} mm along the centreline.",
        ),
        Measure(
            f"minimum lumen area {phase}",
            area,
            "mm2",
            f"Smallest area of any section across the centreline {where}.",
            sources.INTRAVASCULAR_ULTRASOUND,
            f"At {part.stations[small]:.1f} mm along the centreline.",
        ),
    ]
    if phase not in ("before", "after"):
        return measures
    names = (
        ("diameter stenosis before", "area stenosis before")
        if phase == "before"
        else ("residual diameter stenosis", "residual area stenosis")
    )
    by_diameter = diameter_stenosis(diameter, reference_diameter_mm=lesion.reference_diameter_mm)
    by_area = area_stenosis(area, reference_area_mm2=lesion.reference_area_mm2)
    words = f"100 (1 − minimum lumen {{0}} {phase} / reference {{0}})."
    return [
        *measures,
        Measure(names[0], by_diameter, "%", words.format("diameter"), sources.ARTERIAL_ANALYSIS),
        Measure(names[1], by_area, "%", words.format("area"), sources.INTRAVASCULAR_ULTRASOUND),
    ]


def _roundness_measures(part: Profile) -> list[Measure]:
    ratio, station = eccentricity(part)
    place = f"At {station:.1f} mm along the centreline."
    return [
        Measure(
            "lumen eccentricity",
            ratio,
            "1",
            "Smallest ratio of shortest to longest diameter of a section within the stent, after; 1 is round.",
            sources.ECCENTRICITY,
            place,
        ),
        Measure(
            "lumen asymmetry",
            asymmetry(part),
            "1",
            "1 − (shortest diameter / longest diameter) over all sections within the stent, after.",
            sources.ECCENTRICITY,
        ),
    ]
