"""How a covered stent seals: the gap between fabric and lumen at each end, and how long it lies against the wall there."""

import dataclasses

import numpy as np
from scipy.interpolate import LinearNDInterpolator

from meshing.centrelines import Path
from scenarios.measures import sources
from scenarios.measures.around import directions, lumen_radius, places_about
from scenarios.measures.measure import Findings, Measure

DIRECTIONS = 72  # 5° apart
SPACING_MM = 0.25  # between sections, as fine as for prolapse
ZONE_MM = 10.0  # from each end, in which a leak would have to pass; from memory


@dataclasses.dataclass(frozen=True)
class Seal:
    """The gap between fabric and lumen at stations along a covered stent, and what of it lies against the wall."""

    stations: np.ndarray  # along the path, growing, shape (k,) [mm]
    gap_area: np.ndarray  # cross-section of the gap, shape (k,) [mm²]
    off: np.ndarray  # share of directions in which the fabric stands off, shape (k,), 0 to 1


def seal(
    nodes: np.ndarray,
    fabric: np.ndarray,
    path: Path,
    *,
    vertices: np.ndarray,
    triangles: np.ndarray,
    half_thickness_mm: float,
) -> Seal:
    """Measure the gap A(s) = ½ ∮ (r_lumen² − r_fabric²) dθ over the directions in which the fabric stands off.

    The fabric's outer face lies half a strut's thickness outside its nodes; between these its distance from the path runs
    straight in station and angle. It stands off where that face is farther from the lumen than half a strut's thickness, as
    struts do. `nodes` (node count, 3) [mm], `fabric` (triangle count, 3) their numbers, `triangles` of the lumen. Stations at
    which the lumen does not go round the path, or the fabric is cut obliquely by its end, are left out.
    """
    used = np.unique(fabric)
    station, angle, distance = places_about(path, nodes[used])
    turns = [np.stack([station, angle + shift], 1) for shift in (-2.0 * np.pi, 0.0, 2.0 * np.pi)]
    outer = LinearNDInterpolator(np.concatenate(turns), np.tile(distance + half_thickness_mm, 3))
    asked = np.linspace(station.min(), station.max(), max(2, round(np.ptp(station) / SPACING_MM) + 1))
    angles = directions(DIRECTIONS)
    lumen, kept = lumen_radius(vertices, triangles, path, stations=asked, angles=angles)
    at = np.stack(np.meshgrid(kept, angles, indexing="ij"), -1).reshape(-1, 2)
    radius = outer(at).reshape(len(kept), DIRECTIONS)
    whole = np.isfinite(radius).all(axis=1)
    lumen, radius = lumen[whole], radius[whole]
    off = lumen - radius > half_thickness_mm
    gap = np.pi * np.where(off, lumen**2 - radius**2, 0.0).mean(axis=1)
    return Seal(kept[whole], gap, off.mean(axis=1))


def sealing_findings(found: Seal, *, ring_height_mm: float) -> Findings:
    """Give the measures of both seals: the leak's narrowest cross-section, the end ring's share off the wall, and seal length.

    `ring_height_mm` is that of the stent's end rings.
    """
    if len(found.stations) < 4:
        return Findings(notes=("The seal could not be measured: the lumen does not go round the covered stent's path.",))
    from_end = {"proximal": found.stations - found.stations[0], "distal": found.stations[-1] - found.stations}
    half = 0.5 * float(np.ptp(found.stations))
    measures = []
    for end, depth in from_end.items():
        zone, ring = depth <= min(ZONE_MM, half) + 1e-9, depth <= ring_height_mm
        narrowest = np.flatnonzero(zone)[np.argmin(found.gap_area[zone])]
        measures += [
            Measure(
                f"{end} leak cross-section", float(found.gap_area[narrowest]), "mm2",
                f"Smallest cross-section of the gap between fabric and lumen in the {min(ZONE_MM, half):.0f} mm from the {end} "
                "end, or the half of the stent, after: what a leak would have to pass; nought where it is sealed.",
                sources.SEALING, f"At {found.stations[narrowest]:.1f} mm along the centreline.",
            ),
            Measure(
                f"{end} sealing ring off the wall", 100.0 * float(found.off[ring].mean()), "%",
                f"Share of the {end} end ring about which the fabric stands off by more than half a strut's thickness, after.",
                sources.SEALING,
            ),
            Measure(
                f"{end} seal length", _longest(found.stations, (found.off <= 0.0) & (depth <= half + 1e-9)), "mm",
                f"Longest stretch in the {end} half of the stent in which the fabric lies against the wall all around, after.",
                sources.SEALING,
            ),
        ]  # fmt: skip
    return Findings(tuple(measures))


def _longest(stations: np.ndarray, held: np.ndarray) -> float:
    """Length of the longest run of neighbouring stations that are held [mm]; nought for none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], held.astype(int), [0]])))
    runs = [float(stations[last - 1] - stations[first]) for first, last in edges.reshape(-1, 2)]
    return max(runs, default=0.0)
