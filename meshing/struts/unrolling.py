"""A stent unrolled about its axis: how thick the metal is, and where its middle lies, over angle and height."""

import dataclasses
from typing import Any

import numba
import numpy as np
import trimesh
from scipy import ndimage
from skimage.measure import find_contours

from meshing.errors import InputError
from meshing.struts.axis import StentAxis, sector_angles

MODES: Any = ["nearest", "wrap"]  # of filters, along rows and columns
MARGIN = 6  # empty rows above and below the metal
MOST_LAYERED = 0.015  # share of the picture's metal that may lie over other metal


@dataclasses.dataclass(frozen=True, eq=False)
class Unrolled:
    """A picture of a stent over height (rows) and angle (columns, which close on themselves).

    Attributes
    ----------
    axis
        The stent's.
    first_height, height_step
        Height along the axis of the middle of row 0 and from row to row [mm].
    first_angle, angle_step
        Angle of the middle of column 0 and from column to column [rad].
    metal
        Where there is some, shape (rows, columns) bool.
    shade
        Metal blurred by a pixel, whose level of one half is the struts' edge, shape (rows, columns).
    extent
        How much metal a ray away from the axis meets [mm], shape (rows, columns).
    middle
        Radius of the middle of that metal [mm], shape (rows, columns).
    radius
        The same smoothed and carried on beside the struts: the mid-surface [mm], shape (rows, columns).
    slope
        Growth of that radius along the axis, shape (rows,).
    volume
        Of the metal [mm³].
    """

    axis: StentAxis
    first_height: float
    height_step: float
    first_angle: float
    angle_step: float
    metal: np.ndarray
    shade: np.ndarray
    extent: np.ndarray
    middle: np.ndarray
    radius: np.ndarray
    slope: np.ndarray
    volume: float

    @property
    def columns(self) -> int:
        """Columns once round."""
        return self.metal.shape[1]

    def sampled(self, picture: np.ndarray, places: np.ndarray, *, order: int = 1) -> np.ndarray:
        """Values of a picture at places (…, 2), row and column, any number of turns on."""
        row, column = places[..., 0], np.mod(places[..., 1], self.columns)
        # One more column on either side closes the picture without a copy of it.
        low = np.floor(column).astype(int)
        share = column - low
        if order == 0:
            return picture[self._rows(np.rint(row)), np.rint(column).astype(int) % self.columns]
        below = np.floor(row)
        up = row - below
        first, second = self._rows(below), self._rows(below + 1)
        left, right = low % self.columns, (low + 1) % self.columns
        lower = (1.0 - share) * picture[first, left] + share * picture[first, right]
        upper = (1.0 - share) * picture[second, left] + share * picture[second, right]
        return (1.0 - up) * lower + up * upper

    def local(self, places: np.ndarray) -> np.ndarray:
        """Points of the mid-surface in the axis's frame [mm], shape (…, 3), at places (…, 2)."""
        return self._at(places, self.sampled(self.radius, places))

    def metal_middle(self, places: np.ndarray) -> np.ndarray:
        """Points in the middle of the metal that is met there, in the axis's frame [mm], shape (…, 3), at places (…, 2)."""
        return self._at(places, self.sampled(self.middle, places, order=0))

    def _at(self, places: np.ndarray, radius: np.ndarray) -> np.ndarray:
        angle = self.first_angle + self.angle_step * places[..., 1]
        height = self.first_height + self.height_step * places[..., 0]
        return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], -1)

    def normals(self, places: np.ndarray) -> np.ndarray:
        """The mid-surface's outward normals in the axis's frame, shape (…, 3)."""
        angle = self.first_angle + self.angle_step * places[..., 1]
        slope = self.slope[self._rows(np.rint(places[..., 0]))]
        size = np.sqrt(1.0 + slope**2)
        return np.stack([np.cos(angle) / size, np.sin(angle) / size, -slope / size], -1)

    def rays(self, places: np.ndarray) -> np.ndarray:
        """Directions of the rays away from the axis in its frame, shape (…, 3), at places (…, 2)."""
        angle = self.first_angle + self.angle_step * places[..., 1]
        return np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], -1)

    def steps(self, places: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Rows and columns per millimetre, (…, 2), along directions (…, 3) in the mid-surface in the axis's frame."""
        angle = self.first_angle + self.angle_step * places[..., 1]
        round_ = -np.sin(angle) * directions[..., 0] + np.cos(angle) * directions[..., 1]
        radius = self.sampled(self.radius, places)
        return np.stack([directions[..., 2] / self.height_step, round_ / (radius * self.angle_step)], -1)

    def edges(self) -> np.ndarray:
        """Points along the struts' edges on the mid-surface [mm], in the axis's frame, shape (n, 3)."""
        pad = 4
        wide = np.concatenate([self.shade[:, -pad:], self.shade, self.shade[:, :pad]], 1)
        places = np.concatenate(find_contours(wide, 0.5))
        places[:, 1] -= pad
        return self.local(places)

    def _rows(self, row: np.ndarray) -> np.ndarray:
        return np.clip(row.astype(int), 0, self.metal.shape[0] - 1)


def unroll(surface: trimesh.Trimesh, axis: StentAxis, pixel: float, *, mirrored_sectors: int | None = None) -> Unrolled:
    """Unroll a closed surface [mm] about its axis, in pixels of about this size [mm].

    Each pixel is a ray away from the axis; bodies that overlap are united. Of mirrored sectors the others are drawn from the one.
    Raises InputError where struts lie over one another.
    """
    points = axis.local(np.asarray(surface.vertices))
    triangles = np.asarray(surface.faces, np.int64)
    radii = np.hypot(points[:, 0], points[:, 1])
    low, high = float(points[:, 2].min()), float(points[:, 2].max())
    rows = max(8, int(np.ceil((high - low) / pixel)))
    step = (high - low) / rows
    sectors = mirrored_sectors or 1
    start = sector_angles(points)[0] if mirrored_sectors else -np.pi
    columns = max(8, int(np.ceil(2.0 * np.pi * float(np.median(radii)) / sectors / pixel)))
    turn = 2.0 * np.pi / sectors / columns
    capacity = 8 * len(triangles) + 4 * rows * columns
    while True:
        pierced = np.empty(capacity), np.empty(capacity, np.int64), np.empty(capacity, np.int8)
        count = _pierce(points, triangles, low, step, rows, start, turn, columns, sectors == 1, *pierced)
        if count <= capacity:
            break
        capacity = count
    extent, moment, layers = _united(pierced[0][:count], pierced[1][:count], pierced[2][:count], rows * columns)
    extent, moment = extent.reshape(rows, columns), moment.reshape(rows, columns)
    metal = extent > 0.0
    if not metal.any():
        raise InputError("No ray away from the stent's axis meets metal. Give another `axis`.")
    if layers > MOST_LAYERED * metal.sum():
        raise InputError(
            f"Struts lie over one another at {100.0 * layers / metal.sum():.1f} % of the metal, as in a braid or in a stent "
            "folded up; only struts that lie side by side about the axis can be told apart. Give the stent as it is cut."
        )
    volume = float(moment.sum()) * turn * step * sectors
    if sectors > 1:
        extent, moment = (np.concatenate([picture, picture[:, ::-1]] * (sectors // 2), 1) for picture in (extent, moment))
    empty = ((MARGIN, MARGIN), (0, 0))
    extent, moment = np.pad(extent, empty), np.pad(moment, empty)
    middle = moment / np.maximum(extent, 1e-30)
    radius, slope = _mid_surface(extent, middle, step)
    shade = ndimage.gaussian_filter((extent > 0.0).astype(np.float32), 1.0, mode=MODES)
    return Unrolled(
        axis,
        low + (0.5 - MARGIN) * step,
        step,
        start + 0.5 * turn,
        turn,
        extent > 0.0,
        shade,
        extent,
        middle,
        radius,
        slope,
        volume,
    )


def _mid_surface(extent: np.ndarray, middle: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Radius of the metal's middle, smoothed and carried on beside the struts, and its growth along the axis."""
    metal = (extent > 0.0).astype(np.float32)
    radius = middle.astype(np.float32)
    count = metal.sum(1)
    rows = np.arange(len(count))
    filled = count > 0
    profile = np.interp(rows, rows[filled], radius.sum(1)[filled] / count[filled])
    smooth = ndimage.gaussian_filter1d(profile, 6.0, mode="nearest")
    slope = np.gradient(smooth, step)
    slope[rows < rows[filled][0] + 3] = slope[rows[filled][0] + 3]
    slope[rows > rows[filled][-1] - 3] = slope[rows[filled][-1] - 3]
    beside = ndimage.gaussian_filter(metal, 3.0, mode=MODES)
    departure = ndimage.gaussian_filter((radius - profile[:, None].astype(np.float32)) * metal, 3.0, mode=MODES)
    return profile[:, None] + departure / np.maximum(beside, 1e-3), slope


def _united(radius: np.ndarray, pixel: np.ndarray, sign: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Metal along each ray, its first moment about the axis, and how many rays leave metal and meet it again."""
    order = np.lexsort((radius, pixel))
    radius, pixel, sign = radius[order], pixel[order], sign[order]
    inside = np.cumsum(-sign.astype(np.int64))
    same = pixel[1:] == pixel[:-1]
    # Each ray counts from nought: rounding may lose one of a ray's crossings where it grazes a face.
    begins = np.flatnonzero(np.append(True, ~same))
    before = np.append(0, inside)[begins]
    inside -= np.repeat(before, np.diff(np.append(begins, len(pixel))))
    spans = np.flatnonzero(same & (inside[:-1] > 0))
    inner, outer = radius[spans], radius[spans + 1]
    extent = np.bincount(pixel[spans], outer - inner, size)
    moment = np.bincount(pixel[spans], 0.5 * (outer**2 - inner**2), size)
    return extent, moment, int((same & (inside[:-1] == 0) & (radius[1:] > 1.001 * radius[:-1])).sum())


@numba.njit(cache=True)
def _pierce(points, triangles, low, step, rows, start, turn, columns, closed, radius_out, pixel_out, sign_out):
    """Where rays away from the axis pass through triangles; gives their number, also where it exceeds the arrays."""
    count = 0
    corner = np.empty((3, 3))
    order = np.empty(3, np.int64)
    end = np.empty((2, 2))
    for t in range(len(triangles)):
        for k in range(3):
            order[k] = triangles[t, k]
            corner[k] = points[triangles[t, k]]
        one, two = corner[1] - corner[0], corner[2] - corner[0]
        normal_x = one[1] * two[2] - one[2] * two[1]
        normal_y = one[2] * two[0] - one[0] * two[2]
        bottom, top = corner[:, 2].min(), corner[:, 2].max()
        first = max(0, int(np.ceil((bottom - low) / step - 0.5)))
        for row in range(first, rows):
            height = low + (row + 0.5) * step
            if height > top:
                break
            ends = 0
            for k in range(3):
                # An edge is always cut in the same direction, so that its two triangles agree to the last bit.
                a, b = order[k], order[(k + 1) % 3]
                if a > b:
                    a, b = b, a
                above_a, above_b = points[a, 2] > height, points[b, 2] > height
                if above_a != above_b and ends < 2:
                    share = (height - points[a, 2]) / (points[b, 2] - points[a, 2])
                    end[ends, 0] = points[a, 0] + share * (points[b, 0] - points[a, 0])
                    end[ends, 1] = points[a, 1] + share * (points[b, 1] - points[a, 1])
                    ends += 1
            if ends < 2:
                continue
            begin = _column(end[0], start, turn, columns, closed)
            finish = _column(end[1], start, turn, columns, closed)
            if closed and finish - begin > 0.5 * columns:
                finish -= columns
            elif closed and begin - finish > 0.5 * columns:
                begin -= columns
            for column in range(int(np.ceil(min(begin, finish))), int(np.ceil(max(begin, finish)))):
                inside = column % columns if closed else column
                if inside < 0 or inside >= columns:
                    continue
                angle = start + (column + 0.5) * turn
                x, y = np.cos(angle), np.sin(angle)
                down = x * (end[1, 1] - end[0, 1]) - y * (end[1, 0] - end[0, 0])
                if down == 0.0:
                    continue
                if count < len(radius_out):
                    radius_out[count] = (end[0, 0] * end[1, 1] - end[1, 0] * end[0, 1]) / down
                    pixel_out[count] = row * columns + inside
                    sign_out[count] = 1 if normal_x * x + normal_y * y > 0.0 else -1
                count += 1
    return count


@numba.njit(cache=True)
def _column(place, start, turn, columns, closed):
    """Where a place x, y lies among the columns' middles."""
    angle = np.arctan2(place[1], place[0]) - start
    # A sector's own angles may lie on either side of its first.
    angle = angle % (2.0 * np.pi) if closed else (angle + np.pi) % (2.0 * np.pi) - np.pi
    return angle / turn - 0.5
