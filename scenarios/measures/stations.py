"""Where points lie along a vessel: the station of the nearest point of its path."""

import numpy as np
from scipy.spatial import KDTree

from meshing.centrelines import Path


def stations_of(path: Path, points: np.ndarray) -> np.ndarray:
    """Give the arc length (point count,) [mm] of the nearest point of a path to each of points (point count, 3) [mm]."""
    points = np.asarray(points, dtype=np.float64)
    if len(points) == 0:
        return np.zeros(0)
    nearest = KDTree(path.points).query(points)[1]
    last = len(path.points) - 2
    best = np.full(len(points), np.inf)
    stations = np.zeros(len(points))
    for start in (np.clip(nearest - 1, 0, last), np.clip(nearest, 0, last)):
        begin, line = path.points[start], path.points[start + 1] - path.points[start]
        share = np.clip(_dot(points - begin, line) / np.maximum(_dot(line, line), 1e-300), 0.0, 1.0)
        distance = np.linalg.norm(points - begin - share[:, None] * line, axis=1)
        closer = distance < best
        best = np.where(closer, distance, best)
        along = path.stations[start] + share * (path.stations[start + 1] - path.stations[start])
        stations = np.where(closer, along, stations)
    return stations


def _dot(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", u, v)
