"""Placing: devices along a vessel's path, a stent on its balloon or in its sheath, and balloons without one."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from meshing.centrelines import Path, arc_lengths
from meshing.errors import InputError
from scenarios import catalogue
from scenarios.devices.design import Device
from scenarios.devices.lattice import Dilation, Lattice, place, require_on
from scenarios.devices.self_expanding import Sheathed, in_sheath
from scenarios.measures.lumen import Lesion


def laid_along(device: Device, lesion: Lesion, path: Path, guide: Path, station: float) -> tuple[Lattice, Sheathed | None]:
    """The crimped stent with its middle at a station of the path [mm], and how it lies in its sheath if it has one.

    A sheath comes from the far end of the path, as wires do unless told otherwise.
    """
    design = device.stent
    if not device.is_self_expanding:
        return place(design, guide, station_mm=carried_over(station, path, guide)), None
    widest = design.diameter_mm + 2.0 * design.strut_thickness_mm
    if widest <= lesion.reference_diameter_mm:
        raise InputError(
            f"{device.name} opens to {widest:g} mm outside at most and would lie loose in a vessel of "
            f"{lesion.reference_diameter_mm:.1f} mm; take one about {catalogue.OVERSIZING_MM:g} mm wider than the vessel."
        )
    way = guide_of(path, device.sheath.outer_diameter_mm)
    middle = carried_over(station, path, way)
    require_on(way, design, station_mm=middle)
    passed = way.stations >= middle - 0.5 * design.length_mm
    narrowest = int(np.argmin(np.where(passed, way.radii, np.inf)))
    if 2.0 * way.radii[narrowest] < device.sheath.outer_diameter_mm:
        raise InputError(
            f"The sheath of {device.name} is {device.sheath.outer_diameter_mm:.2f} mm wide outside, more than the lumen's "
            f"{2.0 * way.radii[narrowest]:.2f} mm about its way {way.stations[narrowest]:.1f} mm along the centreline; take a "
            "stent on a balloon, or place it elsewhere."
        )
    return in_sheath(design, way.reversed(), station_mm=way.length - middle)


def guide_of(path: Path, smoothing_mm: float) -> Path:
    """The path as a balloon takes it: bends shorter than the balloon is wide are straightened."""
    spacing = path.length / (len(path.points) - 1)
    points = gaussian_filter1d(path.points, smoothing_mm / spacing, axis=0, mode="nearest")
    # A filter pulls the ends inwards; the ends of the vessel stay where they are.
    fade = np.clip(np.minimum(path.stations, path.length - path.stations) / (3.0 * smoothing_mm), 0.0, 1.0)[:, None]
    points = (1.0 - fade) * path.points + fade * points
    tangents = np.gradient(points, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    stations = arc_lengths(points)
    radii = np.maximum(path.radii - np.linalg.norm(points - path.points, axis=1), 0.1 * path.radii)
    return Path(points=points, tangents=tangents, radii=radii, stations=stations)


def carried_over(station: float, path: Path, guide: Path) -> float:
    """Where a station of a path [mm] lies on a guide made of it: point by point, for bends are shortened where they are."""
    return float(np.interp(station, path.stations, guide.stations))


def reach_of(guide: Path, station: float, length: float) -> tuple[float, float]:
    """Stations of the ends of something so long about a station of a path [mm], no farther than the path goes."""
    return max(station - 0.5 * length, 0.0), min(station + 0.5 * length, guide.length)


def balloon_asked(kind: str, asked: str) -> tuple[str, float | None]:
    """Name and pressure [atm] of what is written as "NAME@ATM"; None without a pressure.

    Raises
    ------
    InputError
        If what follows the @ is no number.
    """
    named, at, pressure = asked.partition("@")
    try:
        return named.strip(), float(pressure) if at else None
    except ValueError:
        raise InputError(f"The {kind} {asked!r} has no pressure in atm after its @; write it as {named.strip()}@8.") from None


def dilation_of(name: str, asked: str, guide: Path, station: float, *, in_stent: bool) -> Dilation:
    """A balloon of the catalogue, by its name and perhaps "@" and a pressure [atm], about a station of the guide [mm]."""
    called, pressure_atm = balloon_asked(name, asked)
    chosen = catalogue.find_balloon(called)
    axis = guide.at(np.linspace(*reach_of(guide, station, chosen.balloon.length_mm), 81))[0]
    return Dilation(name, chosen.name, chosen.balloon, axis, in_stent, pressure_atm)
