"""The axis about which a stent is round."""

import dataclasses

import numpy as np
from scipy.optimize import least_squares

from meshing.errors import InputError

LARGEST_SPREAD = 0.15  # of the radius about its smooth profile along the axis, over the mean radius
LARGEST_GAP = np.radians(75.0)  # of angle without metal
LEAST_RADIUS = 0.25  # of the innermost metal, over the mean radius
PROFILE_DEGREE = 5  # of the polynomial that stands for the radius along the axis
FITTED_POINTS = 20_000


@dataclasses.dataclass(frozen=True)
class StentAxis:
    """A straight axis.

    Attributes
    ----------
    point
        A point on it [mm], shape (3,).
    direction
        Along it, of length one, shape (3,).
    """

    point: np.ndarray
    direction: np.ndarray

    def frame(self) -> np.ndarray:
        """Two directions across the axis and the axis itself as rows, right-handed, shape (3, 3)."""
        along = self.direction / np.linalg.norm(self.direction)
        # For the z axis the first direction is x, so that angles are the usual ones.
        across = np.eye(3)[(np.argmax(np.abs(along)) + 1) % 3]
        across = across - along * (along @ across)
        across /= np.linalg.norm(across)
        return np.stack([across, np.cross(along, across), along])

    def local(self, points: np.ndarray) -> np.ndarray:
        """Points (n, 3) [mm] in the axis's own frame, where it is the z axis."""
        return (points - self.point) @ self.frame().T

    def world(self, points: np.ndarray) -> np.ndarray:
        """Back from the axis's own frame, (n, 3) [mm]."""
        return points @ self.frame() + self.point


def find_axis(vertices: np.ndarray, triangles: np.ndarray) -> StentAxis:
    """The axis of a whole stent from its surface, (n, 3) [mm] and (m, 3).

    It starts from the axes of inertia and is moved until the radius is as smooth a function of the height as may be.
    Raises InputError where no axis has metal all round it and none near it.
    """
    corners = vertices[triangles]
    middle = corners.mean(1)
    area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    total = area.sum()
    centre = area @ middle / total
    local = corners - centre
    square = np.einsum("t,tki,tkj->ij", area, local, local) + 9.0 * np.einsum(
        "t,ti,tj->ij", area, middle - centre, middle - centre
    )
    _, axes = np.linalg.eigh(square / 12.0 / total)
    spread_out = _spread_points(corners)
    points = spread_out[:: max(1, len(spread_out) // FITTED_POINTS)]
    fits = [_fit(points, centre, direction) for direction in [*axes.T, *np.eye(3)]]
    spread, axis = min(fits, key=lambda fit: fit[0])
    flat = axis.local(spread_out)
    radius, angle = np.hypot(flat[:, 0], flat[:, 1]), np.sort(np.arctan2(flat[:, 1], flat[:, 0]))
    gap = float(np.diff(np.append(angle, angle[0] + 2.0 * np.pi)).max())
    if not (spread < LARGEST_SPREAD and gap < LARGEST_GAP and radius.min() > LEAST_RADIUS * radius.mean()):
        raise InputError(
            f"No axis is to be found: about the best one the radius is spread by {100.0 * spread:.0f} % of its mean, the metal "
            f"comes as near as {radius.min():.3g} mm and leaves {np.degrees(gap):.0f}° free. "
            "Give `axis`, or `mirrored_sectors` if the mesh is a part of the ring."
        )
    return axis


def _spread_points(corners: np.ndarray) -> np.ndarray:
    """Corners (m, 3, 3) and, where triangles are few and may be large, points all over them, (n, 3) [mm]."""
    parts = 1 if len(corners) > FITTED_POINTS else 8
    shares = np.array([(i, j, parts - i - j) for i in range(parts + 1) for j in range(parts + 1 - i)]) / parts
    return np.einsum("sk,tki->tsi", shares, corners).reshape(-1, 3)


def sector_axis(vertices: np.ndarray, count: int) -> StentAxis:
    """The coordinate axis through the origin about which vertices (n, 3) fill one of `count` equal sectors.

    Raises InputError where none of the three, or more than one, is such.
    """
    extents = []
    for direction in np.eye(3):
        low, high = sector_angles(StentAxis(np.zeros(3), direction).local(vertices))
        extents.append(high - low)
    expected = 2.0 * np.pi / count
    fitting = [number for number, extent in enumerate(extents) if abs(extent - expected) < 0.02 * expected]
    if len(fitting) != 1:
        seen = ", ".join(f"{np.degrees(extent):.1f}°" for extent in extents)
        raise InputError(
            f"No axis is to be found: a sector of {count} must fill {np.degrees(expected):.2f}° about one of x, y and z; "
            f"this one fills {seen}. Change `mirrored_sectors` or give `axis`."
        )
    return StentAxis(np.zeros(3), np.eye(3)[fitting[0]])


def sector_angles(local: np.ndarray) -> tuple[float, float]:
    """Least and greatest angle [rad] of points (n, 3) in the axis's frame, which fill less than half of the turn."""
    middle = np.arctan2(*local[:, [1, 0]].mean(0))
    angle = np.angle(np.exp(1j * (np.arctan2(local[:, 1], local[:, 0]) - middle)))
    return float(middle + angle.min()), float(middle + angle.max())


def _fit(points: np.ndarray, centre: np.ndarray, direction: np.ndarray) -> tuple[float, StentAxis]:
    """The axis near a first guess about which the radius is least spread, and that spread over the mean radius."""
    frame = StentAxis(centre, direction).frame()
    local = (points - centre) @ frame.T
    size = float(np.abs(local).max())
    # Over the first guess's radius, not its own: it must gain nothing by going far away.
    scale = float(np.hypot(local[:, 0], local[:, 1]).mean())

    def moved(change: np.ndarray) -> StentAxis:
        tilt = frame[2] + change[0] * frame[0] + change[1] * frame[1]
        place = centre + size * (change[2] * frame[0] + change[3] * frame[1])
        return StentAxis(place, tilt / np.linalg.norm(tilt))

    def rest(change: np.ndarray) -> np.ndarray:
        axis = moved(change)
        away = points - axis.point
        height = away @ axis.direction
        radius = np.linalg.norm(away - height[:, None] * axis.direction, axis=1)
        powers = np.polynomial.chebyshev.chebvander(height / max(np.abs(height).max(), 1e-30), PROFILE_DEGREE)
        return (radius - powers @ np.linalg.lstsq(powers, radius, rcond=None)[0]) / scale

    # A start that is far from any axis of revolution need not be followed to its end.
    if np.sqrt(np.mean(rest(np.zeros(4)) ** 2)) > 3.0 * LARGEST_SPREAD:
        return float(np.sqrt(np.mean(rest(np.zeros(4)) ** 2))), moved(np.zeros(4))
    found = least_squares(rest, np.zeros(4), bounds=(-0.3, 0.3), max_nfev=30, x_scale=0.01)
    return float(np.sqrt(np.mean(found.fun**2))), moved(found.x)
