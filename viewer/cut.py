"""Where a vessel is cut open so that one looks into it: along its centreline, through the thickest plaque."""

from typing import Any

import numpy as np

from viewer.bars import middle_mm

PLAQUE_WEIGHT = 4.0


def cut_normal(case: Any, *, reach_mm: float) -> np.ndarray:
    """Give the direction one looks from: square to the vessel near the stent, (3,) unit vector.

    Of all directions square to the vessel it is the one along which the centreline strays least and the plaque lies least aside:
    the cut then shows the vessel's bend and its plaque in the plane of the picture. It minimises n·(C + w d d')·n over n ⟂ t,
    with C the scatter of the centreline [mm2], d the plaque's mean offset from the centreline [mm], t the vessel's direction.
    """
    middle, direction = middle_and_direction(case, reach_mm=reach_mm)
    stations = case.path.stations
    near = case.path.points[np.abs(stations - middle_mm(case)) <= reach_mm] - middle
    square = np.eye(3) - np.outer(direction, direction)
    across = near @ square
    scatter = across.T @ across / len(near)
    offset = square @ _plaque_offset(case, middle, reach_mm)
    # The vessel's own direction is given a weight beyond the others', so that it is never the smallest.
    total = scatter + PLAQUE_WEIGHT * np.outer(offset, offset)
    total += (np.trace(total) + 1.0) * 10.0 * np.outer(direction, direction)
    normal = np.linalg.eigh(total)[1][:, 0]
    # Seen from the front of the patient where there is a choice: anterior is -y in LPS.
    return normal if normal @ [0.1, -1.0, 0.2] >= 0 else -normal


def middle_and_direction(case: Any, *, reach_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Give the stent's middle (3,) [mm] and the vessel's direction there (3,), turned so that it points to the patient's head."""
    path = case.path
    ends = np.clip(middle_mm(case) + np.array([-reach_mm, reach_mm]), path.stations[0], path.stations[-1])
    chord = path.at(float(ends[1]))[0] - path.at(float(ends[0]))[0]
    direction = chord / np.linalg.norm(chord)
    middle = np.asarray(path.at(middle_mm(case))[0])
    return middle, direction if direction[2] >= 0 else -direction


def heights_above_cut(points: np.ndarray, path: Any, normal: np.ndarray) -> np.ndarray:
    """Give how far points (n, 3) lie towards the viewer from the ruled surface through the centreline, (n,) [mm].

    The surface follows a bent vessel in depth, where a plane would leave it.
    """
    from scipy.spatial import KDTree

    nearest = path.points[KDTree(path.points).query(points)[1]]
    return (points - nearest) @ normal


def _plaque_offset(case: Any, middle: np.ndarray, reach_mm: float) -> np.ndarray:
    """Give the mean offset of the plaque near the stent from the centreline, (3,) [mm]; zero without plaque."""
    from scipy.spatial import KDTree

    mesh = case.mesh
    diseased = [number for number, name in mesh.label_names.items() if "plaque" in name.lower() or "calci" in name.lower()]
    centroids = mesh.vertices[mesh.tets[np.isin(mesh.labels, diseased)]].mean(axis=1)
    centroids = centroids[np.linalg.norm(centroids - middle, axis=1) <= reach_mm]
    if not len(centroids):
        return np.zeros(3)
    nearest = case.path.points[KDTree(case.path.points).query(centroids)[1]]
    return (centroids - nearest).mean(axis=0)
