"""The centreline of a vessel tree: branches with inscribed radius, and smooth walks along them."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from meshing.errors import InputError

STENCIL = (-1.0, 3.0, -3.0, 1.0)  # of a third difference


@dataclass(frozen=True)
class Branch:
    """One branch of a vessel tree, from where it leaves its parent (or from the root end) to its tip."""

    points: np.ndarray  # shape (point count, 3) [mm]
    radii: np.ndarray  # shape (point count,), radius of the largest sphere about each point inside the lumen [mm]
    parent: int | None  # number of the branch it leaves, None for the trunk
    parent_station: float | None  # arc length along the parent where it leaves it [mm], None for the trunk


@dataclass(frozen=True)
class Path:
    """One walk from the root end to one leaf end: evenly spaced and smooth."""

    points: np.ndarray  # shape (point count, 3) [mm]
    tangents: np.ndarray  # shape (point count, 3), unit vectors towards the leaf
    radii: np.ndarray  # shape (point count,), inscribed radius [mm]
    stations: np.ndarray  # shape (point count,), arc length from the root end [mm]

    @property
    def length(self) -> float:
        """Arc length of the whole path [mm]."""
        return float(self.stations[-1])

    def at(self, station: float | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Point (3,) [mm], unit tangent (3,) and inscribed radius [mm] at a station [mm], interpolated.

        An array of stations (k,) gives arrays (k, 3), (k, 3) and (k,). Raises InputError for a station off the path.
        """
        asked = np.asarray(station, float)
        slack = 1e-6 * max(self.length, 1.0)
        off = ~((asked >= -slack) & (asked <= self.length + slack))
        if off.any():
            raise InputError(
                f"Station {float(np.ravel(asked)[np.argmax(np.ravel(off))]):.4g} mm lies off the path, which runs from 0 to "
                f"{self.length:.4g} mm; choose a station between."
            )
        point = np.stack([np.interp(asked, self.stations, self.points[:, k]) for k in range(3)], axis=-1)
        tangent = np.stack([np.interp(asked, self.stations, self.tangents[:, k]) for k in range(3)], axis=-1)
        tangent /= np.linalg.norm(tangent, axis=-1, keepdims=True)
        return point, tangent, np.interp(asked, self.stations, self.radii)

    def reversed(self) -> "Path":
        """The same walk from the leaf end."""
        return Path(
            points=self.points[::-1].copy(),
            tangents=-self.tangents[::-1],
            radii=self.radii[::-1].copy(),
            stations=self.length - self.stations[::-1],
        )


@dataclass(frozen=True)
class Centreline:
    """A tree of branches; branch 0 is the trunk and begins at the root, the end with the largest radius."""

    branches: tuple[Branch, ...]

    def paths(self, *, spacing_mm: float | None = None) -> tuple[Path, ...]:
        """One smooth walk from the root end to each leaf end, the longest first.

        `spacing_mm` [mm] is the distance between points; by default an eighth of the smallest inscribed radius (half of
        the smallest edge of the lumen's triangles), at most 0.5 mm.
        """
        if spacing_mm is None:
            spacing_mm = min(0.5, 0.125 * min(float(branch.radii.min()) for branch in self.branches))
        walks = [self.path_of(number, spacing_mm=spacing_mm) for number in range(len(self.branches))]
        return tuple(sorted(walks, key=lambda path: -path.length))

    def path_of(self, number: int, *, spacing_mm: float) -> Path:
        """The walk from the root end to the tip of one branch, with points every `spacing_mm` [mm]."""
        points, radii = self.branches[number].points, self.branches[number].radii
        branch = self.branches[number]
        while branch.parent is not None and branch.parent_station is not None:
            above = self.branches[branch.parent]
            before = arc_lengths(above.points) < branch.parent_station - 1e-9
            points = np.vstack([above.points[before], points])
            radii = np.concatenate([above.radii[before], radii])
            branch = above
        return smooth_path(points, radii, spacing_mm=spacing_mm)


def arc_lengths(points: np.ndarray) -> np.ndarray:
    """Arc length (point count,) [mm] from the first of a row of points (point count, 3) [mm]."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])


def resampled(points: np.ndarray, values: np.ndarray, *, spacing_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) and values (n,) taken anew at equal distances of about `spacing_mm` [mm], the ends kept."""
    stations = arc_lengths(points)
    count = max(round(stations[-1] / spacing_mm), 2) + 1
    even = np.linspace(0.0, stations[-1], count)
    fresh = np.column_stack([np.interp(even, stations, points[:, k]) for k in range(3)])
    return fresh, np.interp(even, stations, values)


def smoothed(points: np.ndarray, wavelengths: np.ndarray, *, held: np.ndarray | None = None) -> np.ndarray:
    """Evenly spaced points (n, 3) [mm] with waves shorter than `wavelengths` (n,) [mm] taken out, the ends held.

    Least squares with a penalty on third differences, |x - y|2 + |(wavelength / 2 pi spacing)^3 D3 x|2 (Whittaker 1923,
    doi:10.1017/S0013091500077853): straight and evenly bent stretches pass unchanged. `held` (n,) marks points that must
    stay where they are besides the ends.
    """
    count = len(points)
    if count < 6:
        return points.copy()
    spacing = arc_lengths(points)[-1] / (count - 1)
    rows = np.arange(count - 3)
    third = [sparse.coo_array((np.full(count - 3, c), (rows, rows + k)), shape=(count - 3, count)) for k, c in enumerate(STENCIL)]
    stencil = third[0] + third[1] + third[2] + third[3]
    stiffness = (wavelengths[1:-2] / (2.0 * np.pi * spacing)) ** 3
    bent = sparse.diags_array(stiffness) @ stencil
    weights = np.ones(count)
    weights[[0, -1]] = 1e6 * max(1.0, float(stiffness.max()) ** 2)
    if held is not None:
        weights[held] = weights[0]
    return np.asarray(spsolve((sparse.diags_array(weights) + bent.T @ bent).tocsc(), weights[:, None] * points))


def smooth_path(points: np.ndarray, radii: np.ndarray, *, spacing_mm: float) -> Path:
    """A Path through points (n, 3) [mm] with radii (n,) [mm], smoothed over about two radii, spaced by `spacing_mm` [mm]."""
    keep = np.concatenate([[True], np.linalg.norm(np.diff(points, axis=0), axis=1) > 1e-9])
    even, values = resampled(points[keep], radii[keep], spacing_mm=spacing_mm)
    even, values = resampled(smoothed(even, 2.0 * values), values, spacing_mm=spacing_mm)
    stations = arc_lengths(even)
    tangents = np.gradient(even, stations, axis=0, edge_order=2)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    return Path(points=even, tangents=tangents, radii=values, stations=stations)
