"""A smooth signed distance through a voxel mask, and the smooth surface where it is nought."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from meshing.errors import InputError
from meshing.remeshing import edges_of
from meshing.surfaces import enclosed_volume, pieces_of, triangle_areas

MARGIN = 5  # voxels of air around the vessel, so that the surface closes and the smoothing does not feel the border
SMOOTHING = 1.5  # width of the Gaussian [voxels]
NEIGHBOURHOOD = 2.5  # width of the Gaussian within which the volume of the voxels is kept [voxels]
ROUNDS = 6  # of keeping it
MOST_POINTS = 12_000_000  # of the finer grid


@dataclass(frozen=True)
class Field:
    """Signed distance to the edge of a mask, smooth everywhere; negative inside. The surface is where it equals `level`."""

    coefficients: np.ndarray  # shape (ni, nj, nk), cubic B-spline coefficients [mm]
    affine: np.ndarray  # shape (4, 4), index to millimetres
    level: float  # [mm]
    factor: np.ndarray  # shape (3,), odd whole numbers: how much finer along each axis it is to be looked at

    def values(self, points: np.ndarray) -> np.ndarray:
        """Distance (n,) [mm] at points (n, 3) [mm]."""
        index = (points - self.affine[:3, 3]) @ np.linalg.inv(self.affine[:3, :3]).T
        return ndimage.map_coordinates(self.coefficients, index.T, order=3, mode="nearest", prefilter=False)

    def projected(self, points: np.ndarray, *, reach: float) -> np.ndarray:
        """Points (n, 3) [mm] moved onto the surface along the gradient, by at most `reach` [mm] each."""
        step = 0.05 * float(np.linalg.norm(self.affine[:3, :3], axis=0).min())
        offsets = step * np.eye(3)
        gradient = np.column_stack([self.values(points + o) - self.values(points - o) for o in offsets]) / (2.0 * step)
        gradient /= np.maximum(np.sum(gradient**2, axis=1), 0.05)[:, None]  # on a ridge it fades and must not be divided by
        moved = points
        for _ in range(3):
            moved = moved - (self.values(moved) - self.level)[:, None] * gradient
        shift = moved - points
        length = np.linalg.norm(shift, axis=1, keepdims=True)
        return points + shift * np.minimum(1.0, reach / np.maximum(length, 1e-300))


def field_of_mask(mask: np.ndarray, affine: np.ndarray) -> Field:
    """A smooth signed distance to the outside of the voxels in `mask` (ni, nj, nk), `affine` (4, 4) index to [mm].

    Euclidean distance to the voxels' faces, filtered with 2G - G2 (G a Gaussian a voxel and a half wide), which takes away the
    staircase without shrinking the vessel (Taubin 1995, doi:10.1145/218380.218473). Where a vessel is only a few voxels
    wide that filter still thins it, so the field is then raised or lowered, smoothly over some voxels, until the volume
    in every such neighbourhood is that of its voxels.
    """
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    reach = 8.0 * float(spacing.max())
    distance = _distance_to_faces(~mask, spacing) - _distance_to_faces(mask, spacing)
    np.clip(distance, None, reach, out=distance)
    once = ndimage.gaussian_filter(distance, SMOOTHING, mode="nearest")
    smooth = 2.0 * once - ndimage.gaussian_filter(once, SMOOTHING, mode="nearest")
    # In a long round vessel the mean distance to the wall is a third of the radius.
    factor = _finer_factor(spacing, mask.shape, radius=-3.0 * float(distance[mask].mean()))
    full = mask.astype(np.float32)
    for _ in range(ROUNDS if mask.size < 4_000_000 else 2):
        fine = _upsampled(_coefficients(smooth), factor)
        filled = np.clip(0.5 - fine / float(np.mean(spacing / factor)), 0.0, 1.0)
        share = ndimage.uniform_filter(filled, size=factor.tolist(), mode="nearest")[tuple(slice(None, None, f) for f in factor)]
        missing = ndimage.gaussian_filter(full - share, NEIGHBOURHOOD, mode="nearest")
        surface = ndimage.gaussian_filter(((share > 0.02) & (share < 0.98)).astype(np.float32), NEIGHBOURHOOD, mode="nearest")
        smooth = smooth - float(np.mean(spacing)) * missing / np.maximum(surface, 0.1)
    return Field(_coefficients(smooth), affine, 0.0, factor)


def _coefficients(values: np.ndarray) -> np.ndarray:
    return ndimage.spline_filter(values, order=3, mode="nearest", output=np.float32)  # pyright: ignore[reportArgumentType]


def _distance_to_faces(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Distance [mm] from the centre of each voxel in `mask` to the nearest voxel outside it, nought elsewhere."""
    index = np.asarray(
        ndimage.distance_transform_edt(mask, sampling=list(spacing), return_distances=False, return_indices=True)
    )
    squared = np.zeros(mask.shape, np.float32)
    for k, grid in enumerate(np.ogrid[tuple(slice(0, n) for n in mask.shape)]):
        squared += np.maximum(np.abs(index[k] - grid) - 0.5, 0.0) ** 2 * spacing[k] ** 2
    return np.where(mask, np.sqrt(squared), 0.0).astype(np.float32)


def surface_of_field(field: Field, volume: float) -> tuple[Field, np.ndarray, np.ndarray]:
    """The surface of a field, its level moved until it encloses a volume [mm3].

    Returns the field with that level, vertices (vertex count, 3) [mm] and triangles (triangle count, 3), outward. Raises
    InputError when nothing is left of the vessel after smoothing.
    """
    spacing = np.linalg.norm(field.affine[:3, :3], axis=0)
    factor = field.factor
    grid = _upsampled(field.coefficients, factor)
    affine = field.affine.copy()
    affine[:3, :3] /= factor
    most = 0.25 * float(spacing.min())  # moving the level farther would open or close gaps
    vertices, triangles = _isosurface(grid, field.level, affine)
    for _ in range(4):
        error = volume - enclosed_volume(vertices, triangles)
        level = field.level + error / float(triangle_areas(vertices, triangles).sum())
        if abs(error) < 2e-3 * volume or abs(level) > most:
            break
        field = replace(field, level=level)
        vertices, triangles = _isosurface(grid, level, affine)
    return field, field.projected(vertices, reach=0.5 * float((spacing / factor).max())), triangles


def _finer_factor(spacing: np.ndarray, shape: tuple[int, ...], *, radius: float) -> np.ndarray:
    """Odd whole numbers (3,) by which each axis of a grid is made finer and more even, for a vessel of a radius [mm]."""
    for target in max(float(spacing.min()) / 3.0, radius / 6.0) * np.array([1.0, 1.5, 2.0, 3.0]):
        factor = 2 * np.maximum(np.round((spacing / target - 1.0) / 2.0), 0).astype(int) + 1
        if np.prod(np.array(shape) * factor) <= MOST_POINTS:
            return factor
    return np.ones(3, int)


def _upsampled(coefficients: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Values of a cubic B-spline on a grid finer by `factor` (3,), whose first point is the same."""
    values = coefficients
    for axis in range(3):
        count = coefficients.shape[axis]
        weights = _spline_weights(np.arange((count - 1) * factor[axis] + 1) / factor[axis], count)
        values = np.moveaxis(np.tensordot(weights.astype(np.float32), values, axes=(1, axis)), 0, axis)
    return values


def _spline_weights(places: np.ndarray, count: int) -> np.ndarray:
    """Weights (place count, count) of cubic B-spline coefficients at fractional places along one axis."""
    below = np.floor(places).astype(int)
    share = places - below
    weights = np.zeros((len(places), count))
    rows = np.arange(len(places))
    for offset in (-1, 0, 1, 2):
        apart = np.abs(share - offset)
        weight = np.where(apart < 1, 2.0 / 3.0 - apart**2 + apart**3 / 2.0, np.maximum(2.0 - apart, 0.0) ** 3 / 6.0)
        np.add.at(weights, (rows, np.clip(below + offset, 0, count - 1)), weight)
    return weights


def _isosurface(grid: np.ndarray, level: float, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Largest piece of the surface where a grid of values equals a level: a manifold with outward normals."""
    from skimage.measure import marching_cubes

    inside = np.zeros(grid.shape, np.int32)
    ndimage.label(grid < level, output=inside)
    count = int(inside.max())
    if count == 0:
        raise InputError(
            "Nothing is left of the vessel after smoothing: it is narrower than the voxels can carry. Segment it at a finer "
            "resolution, or choose the label of a larger vessel."
        )
    if count > 1:
        main = np.bincount(inside.ravel())[1:].argmax() + 1
        # Ones near the main piece may touch its cells, so the rest is lifted clear of the level.
        grid = np.where((inside != main) & (inside > 0), 2.0 * level - grid + 1e-6, grid)
    span = float(np.ptp(grid))
    for attempt in range(4):
        # Values equal to the level make triangles without area, which a hair of a shift avoids.
        sound = np.where(np.abs(grid - level) < 1e-5 * span, level + 1e-5 * span * (attempt + 1), grid)
        index, triangles, _, _ = marching_cubes(sound.astype(np.float32), level)
        triangles = triangles.astype(np.int64)
        triangles = triangles[pieces_of(triangles) == np.bincount(pieces_of(triangles)).argmax()]
        if (edges_of(triangles)[1] == 2).all():
            break
        grid = ndimage.gaussian_filter(grid, 0.4)
    used, number = np.unique(triangles, return_inverse=True)
    vertices = index[used].astype(float) @ affine[:3, :3].T + affine[:3, 3]
    triangles = number.reshape(-1, 3)
    if enclosed_volume(vertices, triangles) < 0:
        triangles = triangles[:, ::-1]
    return vertices, triangles
