"""What lies around a path, direction by direction: the lumen's radius, and the radius of a stent's rings."""

import numpy as np

from meshing.centrelines import Path
from meshing.sections import sections_along
from scenarios.devices.lattice import frame_at
from scenarios.measures.stations import stations_of


def directions(count: int) -> np.ndarray:
    """Give so many angles about a path [rad], shape (count,), evenly from −π."""
    return 2.0 * np.pi * np.arange(count) / count - np.pi


def lumen_radius(
    vertices: np.ndarray, triangles: np.ndarray, path: Path, *, stations: np.ndarray, angles: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give the distance from a path to a lumen surface (station count, direction count) [mm], and the stations [mm] kept.

    `vertices` (vertex count, 3) [mm], `triangles` (triangle count, 3), `stations` [mm], `angles` [rad] in the frame that is
    carried along the path. A station is left out where the surface does not go all round the path.
    """
    sections = sections_along(vertices, triangles, path, stations)
    centre, first, second = frame_at(path, stations)
    kept, radii = [], []
    for number, section in enumerate(sections):
        if section is None:
            continue
        flat = (section.contour - centre[number]) @ np.column_stack([first[number], second[number]])
        radius = _rays(flat, angles)
        if np.isfinite(radius).all():
            kept.append(stations[number])
            radii.append(radius)
    return np.array(radii).reshape(-1, len(angles)), np.array(kept)


def ring_radius(nodes: np.ndarray, path: Path, *, angles: np.ndarray) -> tuple[np.ndarray, float]:
    """Give the distance from a path to a ring of nodes (node count, 3) [mm] in each direction [mm], and the ring's station [mm].

    Between nodes the distance runs straight in the angle.
    """
    station, turn, distance = places_about(path, nodes)
    order = np.argsort(turn)
    return np.interp(angles, turn[order], distance[order], period=2.0 * np.pi), float(station.mean())


def places_about(path: Path, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give station [mm], angle [rad] and distance [mm] of points (point count, 3) [mm] about a path, each (point count,)."""
    station = stations_of(path, points)
    centre, first, second = frame_at(path, station)
    off = points - centre
    x, y = np.einsum("ni,ni->n", off, first), np.einsum("ni,ni->n", off, second)
    return station, np.arctan2(y, x), np.hypot(x, y)


def _rays(flat: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Distance from the origin to a polygon (k, 2) in each direction [mm], the nearest where it is met twice; NaN where never."""
    way = np.stack([np.cos(angles), np.sin(angles)], 1)[:, None]
    start, edge = flat[None], (np.roll(flat, -1, axis=0) - flat)[None]
    turn = way[..., 0] * edge[..., 1] - way[..., 1] * edge[..., 0]
    safe = np.where(np.abs(turn) < 1e-12, np.nan, turn)
    distance = (start[..., 0] * edge[..., 1] - start[..., 1] * edge[..., 0]) / safe
    along = (start[..., 0] * way[..., 1] - start[..., 1] * way[..., 0]) / safe
    met = (distance > 0.0) & (along >= -1e-9) & (along <= 1.0 + 1e-9)
    nearest = np.where(met, distance, np.inf).min(axis=1)
    return np.where(np.isfinite(nearest), nearest, np.nan)
