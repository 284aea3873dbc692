"""Where a vessel's outer boundary lies, modelled as the healthy vessel or read from a label map, and which tets are calcified."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d, maximum_filter1d
from scipy.spatial import KDTree

from meshing.centrelines import Path
from meshing.errors import InputError
from meshing.fields import field_of_mask
from meshing.labels import LabelMap
from meshing.lumen import Lumen
from meshing.sections import sections_along
from meshing.tetmesh import TetMesh

# Signed distance [mm] of points (count, 3) [mm] to a boundary, negative inside.
Boundary = Callable[[np.ndarray], np.ndarray]
CALCIUM = 3
# A section this much wider than the inscribed sphere runs through a fork or along a branch.
FORK_EXCESS = 1.35
FLARE = 1.5  # radii from a fork within which a vessel is wider than it goes on
STEEPEST_TAPER = 0.03  # of a healthy vessel's radius along its length [mm/mm]


@dataclass(frozen=True)
class HealthyVessel:
    """The lumen as it would be without its narrowings: tubes about smooth axes, one for each path of the centreline.

    As a function it maps points (count, 3) [mm] to the signed distance from the healthy lumen's surface [mm], negative inside.
    """

    axes: tuple[np.ndarray, ...]  # each of shape (point count, 3) [mm]
    radii: tuple[np.ndarray, ...]  # each of shape (point count,) [mm]
    narrowest_percent: float  # largest narrowing of diameter against the healthy vessel [%]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Signed distance [mm] from the healthy lumen's surface, negative inside."""
        return self._nearest(points)[0]

    def radius_at(self, points: np.ndarray) -> np.ndarray:
        """Radius [mm] of the healthy lumen nearest to each point (count, 3) [mm]."""
        return self._nearest(points)[1]

    def _nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        best, radius = np.full(len(points), np.inf), np.zeros(len(points))
        for axis, radii in zip(self.axes, self.radii, strict=True):
            _, nearest = KDTree(axis).query(points)
            for step in (-1, 1):
                other = np.clip(nearest + step, 0, len(axis) - 1)
                line = axis[other] - axis[nearest]
                along = np.einsum("ij,ij->i", points - axis[nearest], line) / np.maximum(
                    np.einsum("ij,ij->i", line, line), 1e-300
                )
                # Beyond its ends a tube goes straight on, so that an end plane cuts it squarely.
                beyond = (nearest == 0) | (nearest == len(axis) - 1)
                share = np.where(beyond & (other != nearest), np.minimum(along, 1.0), np.clip(along, 0.0, 1.0))
                here = (1 - np.clip(share, 0, 1)) * radii[nearest] + np.clip(share, 0, 1) * radii[other]
                distance = np.linalg.norm(points - axis[nearest] - share[:, None] * line, axis=1) - here
                nearer = distance < best
                best[nearer], radius[nearer] = distance[nearer], here[nearer]
        return best, radius


def healthy_vessel(lumen: Lumen, *, longest_lesion_mm: float = 40.0, least_narrowing: float = 0.06) -> HealthyVessel:
    """Model the vessel without its narrowings, from the stations beside them.

    Along each path the radius is that of the circle of the section's area. A narrowing is a stretch between forks with a
    wider rim on either side, no farther than `longest_lesion_mm` [mm] off, below which the radius falls by more than
    `least_narrowing` (a share). There radius and axis are taken from the stations beside: the radius linearly, the axis by a
    cubic spline, so that an eccentric opening does not drag the healthy axis along. A vessel that stays narrow up to an end
    is taken for a thin vessel.

    Raises InputError where a path is narrowed from end to end.
    """
    axes, radii, narrowest = [], [], 0.0
    for path in lumen.centreline.paths():
        stations, centres, measured = _measured_radii(lumen, path)
        narrow = _narrowed(stations, measured, _fork_stations(lumen, path), longest_lesion_mm, least_narrowing)
        axis, healthy = _bridged(path, stations, centres, measured, narrow)
        narrowest = max(narrowest, float(100.0 * (1.0 - (measured / healthy).min())))
        axes.append(axis)
        radii.append(healthy)
    return HealthyVessel(tuple(axes), tuple(radii), narrowest)


def boundary_of(labels: LabelMap, chosen: Sequence[str | int]) -> Boundary:
    """Signed distance [mm] to the boundary of the union of some labels (lumen, plaque, calcium and wall together).

    Raises InputError where a label is unknown or none of them has voxels.
    """
    mask = labels.select(chosen)
    if not mask.any():
        raise InputError(
            f"The labels {', '.join(str(each) for each in chosen)} have no voxels in {labels.source}. Choose others."
        )
    margin = 6
    affine = labels.affine.copy()
    affine[:3, 3] = affine[:3, 3] - affine[:3, :3] @ np.full(3, margin)
    # The vessel goes on beyond the image, so a cut at its border is no boundary.
    field = field_of_mask(np.pad(mask, margin, mode="edge"), affine)
    return lambda points: field.values(points) - field.level


def label_at(labels: LabelMap) -> Callable[[np.ndarray], np.ndarray]:
    """A function that gives the label of the voxel at each point (count, 3) [mm]; 0 outside the image."""
    inverse = np.linalg.inv(labels.affine)
    shape = np.asarray(labels.voxels.shape)

    def lookup(points: np.ndarray) -> np.ndarray:
        index = np.rint(points @ inverse[:3, :3].T + inverse[:3, 3]).astype(int)
        inside = ((index >= 0) & (index < shape)).all(axis=1)
        found = np.zeros(len(points), dtype=int)
        found[inside] = labels.voxels[tuple(index[inside].T)]
        return found

    return lookup


def relabel(
    mesh: TetMesh,
    lookup: Callable[[np.ndarray], np.ndarray],
    *,
    becomes: Mapping[int, int],
    names: Mapping[int, str],
    within: Sequence[int] | None = None,
) -> TetMesh:
    """The mesh with those tets relabelled whose centroid lies where `lookup` says so.

    lookup: maps points (count, 3) [mm] to label numbers. becomes: number found to number given; others change nothing.
    names: what the numbers given mean. within: labels of the mesh that may change; all by default.
    """
    labels = mesh.labels.copy()
    changing = np.flatnonzero(np.isin(labels, within)) if within is not None else np.arange(len(labels))
    found = np.asarray(lookup(mesh.centroids()[changing]))
    for number, given in becomes.items():
        labels[changing[found == number]] = given
    present = set(np.unique(labels).tolist())
    known = {**mesh.label_names, **names}
    return replace(mesh, labels=labels, label_names={number: known[number] for number in sorted(present)})


def _measured_radii(lumen: Lumen, path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Stations [mm], centroids (count, 3) [mm] and radii of the circle of equal area [mm] of the sections along a path."""
    stations = np.linspace(0.0, path.length, max(int(path.length / (0.25 * np.median(path.radii))), 12) + 1)
    points, _, inscribed = path.at(stations)
    # The end sections themselves are rims, which a plane may miss by rounding.
    inner = np.clip(stations, 0.02 * stations[-1], 0.98 * stations[-1])
    radii, centres = inscribed.copy(), points.copy()
    # At an open end the sphere has to stay inside the end plane, so its neighbours tell the width.
    around = maximum_filter1d(inscribed, max(3, int(2.0 * np.median(inscribed) / stations[1]) | 1))
    for row, section in enumerate(sections_along(lumen.vertices, lumen.triangles, path, inner)):
        if section is None:
            continue
        radius = float(np.sqrt(section.area / np.pi))
        if radius < FORK_EXCESS * around[row]:
            radii[row] = radius
            centres[row] = section.centroid + (points[row] - path.at(inner[row])[0])
    return stations, centres, radii


def _fork_stations(lumen: Lumen, path: Path) -> list[float]:
    """Stations [mm] at which other branches leave a path."""
    forks = []
    for branch in lumen.centreline.branches:
        if branch.parent is not None:
            away = np.linalg.norm(path.points - branch.points[0], axis=1)
            if away.min() < path.radii[away.argmin()]:
                forks.append(float(path.stations[away.argmin()]))
    return sorted(forks)


def _narrowed(
    stations: np.ndarray, measured: np.ndarray, forks: list[float], longest_lesion_mm: float, least_narrowing: float
) -> np.ndarray:
    """Which stations (count,) are narrowed or so near to a narrowing that they are no reference for the healthy vessel."""
    step, across = stations[1], float(np.median(measured)) / stations[1]
    expected = measured.copy()
    for part in np.split(np.arange(len(stations)), np.searchsorted(stations, forks)):
        # A vessel flares where it forks, which is neither healthy width nor the rim of a narrowing.
        away = np.min([np.abs(stations[part] - fork) for fork in forks] or [np.full(len(part), np.inf)], axis=0)
        part = part[away > FLARE * measured[part]]
        if len(part) >= 6:
            expected[part] = _filled(stations[part], measured[part], max(1, int(longest_lesion_mm / step)))
    narrow = measured < (1.0 - least_narrowing) * expected
    # The shoulders of a narrowing fall less than the least narrowing and are no reference either, nor is what lies beside them.
    shoulder = _widened(narrow, int(2.0 * across) | 1) & (measured < (1.0 - 0.1 * least_narrowing) * expected)
    widened = _widened(shoulder | narrow, int(across) | 1)
    # The ends have no rim beyond them and are the last word on how wide the vessel is there.
    widened[[0, -1]] = False
    return widened


def _widened(flags: np.ndarray, window: int) -> np.ndarray:
    """Flags (count,) set also where one is set within half a window."""
    return np.asarray(maximum_filter1d(flags.astype(np.uint8), window)) > 0


def _filled(stations: np.ndarray, measured: np.ndarray, window: int) -> np.ndarray:
    """Radii (count,) [mm] with each valley filled up to its lower rim, rims being at most `window` stations away.

    The even taper of the stretch (Theil-Sen: the median of all slopes, doi:10.1080/01621459.1968.10480934) is taken out before
    and put back after, so that a valley on a tapering vessel is filled up to the taper.
    """
    first, second = np.triu_indices(len(stations), 1)
    slope = float(np.median((measured[second] - measured[first]) / (stations[second] - stations[first])))
    taper = np.clip(slope, -STEEPEST_TAPER, STEEPEST_TAPER) * (stations - stations.mean())
    level = measured - taper
    before = maximum_filter1d(level, window + 1, origin=window // 2, mode="constant", cval=-np.inf)
    after = maximum_filter1d(level, window + 1, origin=-(window // 2), mode="constant", cval=-np.inf)
    return np.maximum(np.minimum(before, after) + taper, measured)


def _bridged(
    path: Path, stations: np.ndarray, centres: np.ndarray, measured: np.ndarray, narrow: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Axis (count, 3) [mm] and radius (count,) [mm] with the narrowed stretches bridged."""
    healthy = ~narrow
    if np.count_nonzero(healthy) < 4:
        raise InputError(
            f"The vessel is narrowed along all of its {stations[-1]:.0f} mm, so that no healthy station is left to model it by; "
            "give the outer boundary or include more of the vessel."
        )
    across = float(np.median(measured)) / stations[1]
    radius = np.interp(stations, stations[healthy], measured[healthy])
    radius = gaussian_filter1d(radius, max(1.0, 0.5 * across), mode="nearest")
    # Knots a radius apart, so that the scatter of neighbouring sections does not set the slope into a bridged stretch.
    knots = np.unique(np.r_[np.flatnonzero(healthy)[:: max(1, int(across))], np.flatnonzero(healthy)[[0, -1]]])
    # Sections scatter about the path; smoothing the path itself would shorten it at its ends.
    points = path.at(stations)[0]
    smooth = points + gaussian_filter1d(centres - points, 1.0, axis=0, mode="nearest")
    return CubicSpline(stations[knots], smooth[knots], axis=0, bc_type="natural")(stations), np.maximum(radius, measured * narrow)
