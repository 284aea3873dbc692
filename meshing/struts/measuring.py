"""Middle lines moved to the middle of their struts, with the struts' width and thickness along them."""

import dataclasses

import numpy as np
from scipy import ndimage
from scipy.signal import find_peaks
from scipy.spatial import KDTree

from meshing.struts.lines import Line
from meshing.struts.unrolling import Unrolled

SPACING = 0.25  # between samples, in widths
SMOOTHING = 0.35  # of the path, in widths
ACROSS = 9  # samples of the thickness across a strut
FARTHEST = 1.2  # that an edge may be from the middle, in inscribed radii
REACH = 1.0  # of a joint along its struts, in inscribed radii


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """A line with its sections.

    Attributes
    ----------
    points, normals
        In the axis's frame [mm], and the mid-surface's unit normals, shape (k, 3).
    widths, thicknesses
        [mm], shape (k,).
    """

    points: np.ndarray
    normals: np.ndarray
    widths: np.ndarray
    thicknesses: np.ndarray


def measure(line: Line, flat: Unrolled, edges: KDTree, degrees: dict[int, int]) -> Measured:
    """Move a line to the middle between its strut's edges and measure the strut there."""
    places = line.places
    inscribed = np.asarray(edges.query(flat.local(places))[0])
    width = 2.0 * float(np.median(inscribed))
    places = _extended(places, [degrees[end] == 1 for end in line.ends], inscribed, flat)
    closed = line.ends[0] == line.ends[1] and degrees[line.ends[0]] == 2
    places = _evened(places, flat, SPACING * width)
    places = _smoothed(places, SMOOTHING / SPACING, closed)
    joints = [degrees[end] > 2 for end in line.ends]
    left = right = np.empty(0)
    free = np.ones(len(places), bool)
    for _ in range(2):
        left, right, across, free = _edges_beside(places, flat, edges, joints, closed)
        shift = np.where(free, 0.5 * (left - right), 0.0)
        if closed:
            shift[-1] = shift[0]
        else:
            shift[[0, -1]] = 0.0
        places = places + shift[:, None] * flat.steps(places, across)
        places = _smoothed(places, 1.0, closed)
    left, right, across, free = _edges_beside(places, flat, edges, joints, closed)
    widths = _carried(left + right, free)
    share = (np.arange(ACROSS) + 0.5) / ACROSS - 0.5
    beside = places[:, None] + (share[:, None] * widths[:, None, None]) * flat.steps(places, across)[:, None]
    thick = _carried(flat.thickness(beside).mean(1), free)
    return Measured(flat.local(places), flat.normals(places), widths, thick)


def crests(found: Measured) -> list[int]:
    """Samples at which a line turns back along the axis, by more than it is wide, its ends apart."""
    height, prominence = found.points[:, 2], float(np.median(found.widths))
    turns = [find_peaks(sign * height, prominence=prominence)[0] for sign in (1.0, -1.0)]
    return [int(turn) for turn in np.sort(np.concatenate(turns))]


def _tangents(points: np.ndarray, closed: bool) -> np.ndarray:
    tangent = np.gradient(points, axis=0)
    if closed:
        tangent[0] = tangent[-1] = points[1] - points[-2]
    return tangent / np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-30)


def _edges_beside(
    places: np.ndarray, flat: Unrolled, edges: KDTree, joints: list[bool], closed: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Distance to the edge on either side [mm], the direction of the first, (k, 3), and which samples are clear of joints."""
    points = flat.local(places)
    across = np.cross(flat.normals(places), _tangents(points, closed))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    inscribed = np.asarray(edges.query(points)[0])
    farthest = FARTHEST * np.maximum(inscribed, 0.5 * float(np.median(inscribed)))
    rates = flat.steps(places, across)
    share = np.linspace(0.0, 1.0, 40)
    sides = []
    for sign in (1.0, -1.0):
        way = sign * share[:, None] * farthest[:, None, None]
        shade = flat.sampled(flat.shade, places[:, None] + way * rates[:, None])
        out = shade < 0.5
        first = np.where(out.any(1), out.argmax(1), len(share) - 1)
        rows, before = np.arange(len(places)), np.maximum(first - 1, 0)
        drop = np.maximum(shade[rows, before] - shade[rows, first], 1e-6)
        part = np.clip((shade[rows, before] - 0.5) / drop, 0.0, 1.0)
        sides.append((before + part) / (len(share) - 1) * farthest)
    along = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1)))
    free = np.ones(len(places), bool)
    if joints[0]:
        free &= along >= REACH * inscribed[0]
    if joints[1]:
        free &= along[-1] - along >= REACH * inscribed[-1]
    return sides[0], sides[1], across, free


def _carried(values: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Values within joints taken from the nearest sample that is clear of them; all of them where none is."""
    if not free.any():
        return np.full(len(values), np.median(values))
    rows = np.arange(len(values))
    return np.interp(rows, rows[free], values[free])


def _extended(places: np.ndarray, tips: list[bool], inscribed: np.ndarray, flat: Unrolled) -> np.ndarray:
    """A line led on from its free ends to the metal's edge."""
    for side in (0, 1):
        if not tips[side]:
            continue
        run = places[::-1] if side else places
        points = flat.local(run)
        reach = float(inscribed[-1] if side else inscribed[0])
        back = min(len(run) - 1, max(1, int(3.0 * reach / flat.height_step)))
        direction = points[0] - points[back]
        direction /= max(float(np.linalg.norm(direction)), 1e-30)
        step = flat.steps(run[:1], direction[None])[0]
        way = np.linspace(0.0, 3.0, 60)[1:] * reach
        ahead = run[0] + way[:, None] * step
        outside = flat.sampled(flat.shade, ahead) < 0.5
        count = int(outside.argmax()) if outside.any() else 0
        run = np.concatenate([ahead[:count][::-1], run])
        places = run[::-1] if side else run
    return places


def _evened(places: np.ndarray, flat: Unrolled, spacing: float) -> np.ndarray:
    """A line with samples at even distances [mm], at least five."""
    points = flat.local(_smoothed(places, 3.0, False))
    along = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1)))
    even = np.linspace(0.0, along[-1], max(5, int(np.ceil(along[-1] / spacing)) + 1))
    smooth = _smoothed(places, 3.0, False)
    return np.stack([np.interp(even, along, smooth[:, k]) for k in (0, 1)], 1)


def _smoothed(places: np.ndarray, deviation: float, closed: bool) -> np.ndarray:
    """A line smoothed by a bell over its samples, its ends kept; a ring's too, going round."""
    count = len(places)
    if closed:
        turn = places[-1] - places[0]
        copies = np.concatenate([places[:-1] - turn, places[:-1], places[:-1] + turn, places[-1:] + turn])
        smooth = ndimage.gaussian_filter1d(copies, deviation, axis=0)
        return smooth[count - 1 : 2 * count - 1]
    # Mirrored through its ends, so that these stay where they are.
    before, after = 2.0 * places[0] - places[:0:-1], 2.0 * places[-1] - places[-2::-1]
    smooth = ndimage.gaussian_filter1d(np.concatenate([before, places, after]), deviation, axis=0)
    return smooth[count - 1 : 2 * count - 1]
