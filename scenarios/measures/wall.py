"""How hard the wall is strained: its first principal stress, by volume, and where it is highest."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from meshing.centrelines import Path
from meshing.errors import InputError
from scenarios.measures import sources
from scenarios.measures.measure import Findings, Measure
from scenarios.measures.stations import stations_of


@dataclasses.dataclass(frozen=True)
class WallStress:
    """First principal stress in a stretch of tissue."""

    median_kpa: float
    high_kpa: float  # 99th percentile by volume
    peak_kpa: float
    peak_tet: int


def volume_quantile(values: np.ndarray, volumes: np.ndarray, share: float) -> float:
    """Give the value below which a share of the volume lies; steps in between are interpolated at each tet's middle volume.

    `values` (tet count,), `volumes` (tet count,) [any unit], `share` from 0 to 1.

    Raises:
        InputError: there is no volume.
    """
    if len(values) == 0 or float(np.sum(volumes)) <= 0:
        raise InputError("There is no tissue in the stretch asked for; widen it.")
    order = np.argsort(values)
    below = np.cumsum(volumes[order]) - 0.5 * volumes[order]
    return float(np.interp(share * float(np.sum(volumes)), below, values[order]))


def wall_stress(stress_kpa: np.ndarray, volumes: np.ndarray, chosen: np.ndarray) -> WallStress:
    """Give median, 99th percentile and peak of the first principal stress (tet count,) [kPa] over the chosen tets.

    `volumes` (tet count,) [mm³], `chosen` (tet count,) bool. Tets whose stress is not a number are left out.

    Raises:
        InputError: no tet is chosen.
    """
    usable = np.flatnonzero(chosen & np.isfinite(stress_kpa) & (volumes > 0))
    median = volume_quantile(stress_kpa[usable], volumes[usable], 0.5)
    high = volume_quantile(stress_kpa[usable], volumes[usable], 0.99)
    peak = int(usable[np.argmax(stress_kpa[usable])])
    return WallStress(median, high, float(stress_kpa[peak]), peak)


def wall_findings(
    stress_kpa: np.ndarray,
    *,
    phase: str,
    vertices: np.ndarray,
    tets: np.ndarray,
    labels: np.ndarray,
    label_names: Mapping[int, str],
    path: Path,
    between_mm: tuple[float, float],
    middle_mm: float,
) -> Findings:
    """Give the measures of wall stress in one phase ("inflated" or "after") between two stations [mm].

    `stress_kpa` (tet count,) first principal Cauchy stress, `vertices` (vertex count, 3) [mm] in that phase, `tets`
    (tet count, 4), `labels` (tet count,). `middle_mm` is the station of the stent's middle, from which the place is told.
    """
    corners = vertices[tets]
    edges = corners[:, 1:] - corners[:, :1]
    volumes = np.abs(np.linalg.det(edges)) / 6.0
    stations = stations_of(path, corners.mean(axis=1))
    chosen = (stations >= between_mm[0]) & (stations <= between_mm[1])
    try:
        found = wall_stress(stress_kpa, volumes, chosen)
    except InputError:
        return Findings(notes=(f"The wall's stress could not be measured {phase}: no tissue lies beside the stent.",))
    region = f"of the tissue from {between_mm[0]:.1f} to {between_mm[1]:.1f} mm along the centreline, {phase}"
    words = f"first principal Cauchy stress {region}."
    suffix = "" if phase == "after" else f" {phase}"
    station = float(stations[found.peak_tet])
    side = "distal" if station > middle_mm else "proximal"
    tissue = label_names.get(int(labels[found.peak_tet]), f"label {int(labels[found.peak_tet])}")
    place = f"In {tissue}, {abs(station - middle_mm):.1f} mm {side} to the stent's middle; {found.peak_kpa:.0f} kPa there."
    by_tissue = _by_tissue(stress_kpa, volumes, chosen, labels, label_names)
    return Findings(
        (
            Measure(
                f"wall stress{suffix}, median", found.median_kpa, "kPa", f"Median by volume of the {words}", sources.WALL_STRESS
            ),
            Measure(
                f"wall stress{suffix}, 99th percentile",
                found.high_kpa,
                "kPa",
                f"99th percentile by volume of the {words}",
                sources.WALL_STRESS,
                by_tissue,
            ),
            Measure(
                f"place of highest wall stress{suffix}",
                station,
                "mm",
                f"Station along the centreline of the highest {words}",
                sources.WALL_STRESS,
                place,
            ),
        )
    )


def _by_tissue(
    stress_kpa: np.ndarray, volumes: np.ndarray, chosen: np.ndarray, labels: np.ndarray, label_names: Mapping[int, str]
) -> str:
    parts = []
    for label in np.unique(labels[chosen]):
        here = chosen & (labels == label) & np.isfinite(stress_kpa) & (volumes > 0)
        if here.any():
            name = label_names.get(int(label), f"label {int(label)}")
            parts.append(f"{name} {volume_quantile(stress_kpa[here], volumes[here], 0.99):.0f}")
    return "99th percentile by tissue [kPa]: " + ", ".join(parts) + "."
