"""Vessels by formula for tests: signed distances, masks on tilted grids, and triangle surfaces of known size."""

from collections.abc import Callable, Sequence

import numpy as np

from meshing.labels import LabelMap

Distance = Callable[[np.ndarray], np.ndarray]  # points (n, 3) [mm] to signed distances (n,) [mm], negative inside


def capsule(start: Sequence[float], end: Sequence[float], radius: float, end_radius: float | None = None) -> Distance:
    """A straight tube with rounded tips, `radius` [mm] at its start, `end_radius` [mm] (or the same) at its end."""
    a, b = np.asarray(start, float), np.asarray(end, float)

    def distance(points: np.ndarray) -> np.ndarray:
        share = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a)), 0.0, 1.0)
        wide = radius + share * ((radius if end_radius is None else end_radius) - radius)
        return np.linalg.norm(points - a - share[:, None] * (b - a), axis=1) - wide

    return distance


def union(*shapes: Distance) -> Distance:
    return lambda points: np.min([shape(points) for shape in shapes], axis=0)


def fork() -> Distance:
    """A trunk of 5 mm radius that divides into limbs of 4 mm and 3 mm radius."""
    return union(
        capsule((0, 0, 0), (0, 0, 40), 5.0), capsule((0, 0, 40), (18, 0, 75), 4.0), capsule((0, 0, 40), (-16, 4, 72), 3.0)
    )


def turned(angles: Sequence[float]) -> np.ndarray:
    """A rotation matrix (3, 3) from three angles [rad] about x, y and z."""
    x, y, z = angles
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def label_map(
    shape: Distance, low: Sequence[float], high: Sequence[float], spacing: Sequence[float], *, axes: np.ndarray | None = None
) -> LabelMap:
    """Voxels whose centre lies inside a shape, label 1, on a grid of `spacing` [mm] along `axes` (3, 3) over a box [mm]."""
    axes = np.eye(3) if axes is None else axes
    corners = np.array(np.meshgrid(*zip(low, high, strict=True), indexing="ij")).reshape(3, -1).T @ axes
    origin, far = corners.min(axis=0), corners.max(axis=0)
    count = np.ceil((far - origin) / spacing).astype(int) + 1
    affine = np.eye(4)
    affine[:3, :3] = axes * np.asarray(spacing)
    affine[:3, 3] = axes @ origin
    index = np.indices(count).reshape(3, -1).T
    inside = shape(index @ affine[:3, :3].T + affine[:3, 3]) < 0
    return LabelMap(
        voxels=inside.reshape(count).astype(np.uint8), affine=affine, names={1: "lumen"}, codes={}, source="formula", notes=()
    )


def tube_surface(
    *, radius: float = 3.0, length: float = 40.0, around: int = 40, bend: float = np.inf, squash: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """An open tube of triangles: vertices (n, 3) [mm] and outward triangles, straight along z or bent with a radius [mm].

    `squash` scales one diameter, so that its sections are ellipses.
    """
    rows = int(length / (2 * np.pi * radius / around)) + 1
    stations = np.linspace(0.0, length, rows)
    angles = 2 * np.pi * np.arange(around) / around
    s, a = (grid.ravel() for grid in np.meshgrid(stations, angles, indexing="ij"))
    x, y = radius * np.cos(a), squash * radius * np.sin(a)
    if np.isfinite(bend):
        vertices = np.column_stack([bend - (bend - x) * np.cos(s / bend), y, (bend - x) * np.sin(s / bend)])
    else:
        vertices = np.column_stack([x, y, s])
    number = np.arange(rows * around).reshape(rows, around)
    here, beside = number[:-1], np.roll(number, -1, axis=1)[:-1]
    above, across = number[1:], np.roll(number, -1, axis=1)[1:]
    triangles = np.concatenate(
        [np.stack([here, beside, across], axis=-1).reshape(-1, 3), np.stack([here, across, above], axis=-1).reshape(-1, 3)]
    )
    return vertices, triangles
