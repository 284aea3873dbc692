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
ACROSS = 15  # samples of the thickness across a strut
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
    tips = [degrees[end] == 1 for end in line.ends]
    places = _extended(places, tips, inscribed, flat)
    closed = line.ends[0] == line.ends[1] and degrees[line.ends[0]] == 2
    places = _evened(places, flat, SPACING * width)
    places = _smoothed(places, SMOOTHING / SPACING, closed)
    joints = [degrees[end] > 2 for end in line.ends]
    for _ in range(2):
        left, right, across, free = _edges_beside(places, flat, edges, (joints, tips), closed)
        shift = np.where(free, 0.5 * (left - right), 0.0)
        if closed:
            shift[-1] = shift[0]
        else:
            shift[[0, -1]] = 0.0
        places = places + shift[:, None] * flat.steps(places, across)
        places = _smoothed(places, 1.0, closed)
    left, right, across, free = _edges_beside(places, flat, edges, (joints, tips), closed)
    width = _carried(left + right, free)
    points, normals = flat.local(places), np.cross(_tangents(flat.local(places), closed), across)
    section = _sections(places, width, flat, (points, across, normals))
    clear = free & (section[:, 0] > 0.0)
    # A bell over a few samples takes out what the pixels put in.
    even = [ndimage.gaussian_filter1d(_carried(column, clear), 1.5, mode="nearest") for column in section[:, 1:].T]
    lift, widths, thick, angle = even
    turned = np.cos(angle)[:, None] * normals - np.sin(angle)[:, None] * across
    return Measured(points + lift[:, None] * normals, turned, widths, thick)


def _sections(
    places: np.ndarray, width: np.ndarray, flat: Unrolled, frames: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> np.ndarray:
    """Sections across a line as rectangles of the same area and principal axes, shape (k, 5).

    Area [mm²], how far the middle lies beyond the mid-surface [mm], width and thickness [mm], and the angle [rad] by which the
    rectangle is turned about the line, from across it towards the normal. `frames` are points, directions across and normals.
    """
    points, across, normals = frames
    share = (np.arange(ACROSS) + 0.5) / ACROSS - 0.5
    beside = places[:, None] + (share[:, None] * width[:, None, None]) * flat.steps(places, across)[:, None]
    plane = np.stack([across, normals], 1)
    # Each ray is a column of metal; what it has along the line is projected away, as the strut goes on alike along it.
    away = np.einsum("kai,kji->kaj", flat.metal_middle(beside) - points[:, None], plane)
    column = np.einsum("kai,kji->kaj", flat.rays(beside), plane)
    step = np.gradient(np.einsum("kai,kji->kaj", flat.local(beside) - points[:, None], plane), axis=1)
    extent = flat.sampled(flat.extent, beside, order=0)
    part = extent * np.abs(step[..., 0] * column[..., 1] - step[..., 1] * column[..., 0])
    area = part.sum(1)
    part = part / np.maximum(area, 1e-30)[:, None]
    first = np.einsum("ka,kaj->kj", part, away)
    away = away - first[:, None]
    column = column * extent[..., None]
    moments = np.einsum("ka,kai,kaj->kij", part, away, away)
    moments += (np.einsum("ka,kai,kaj->kij", part, column, column) + np.einsum("ka,kai,kaj->kij", part, step, step)) / 12.0
    across_across, out_out, mixed = moments[:, 0, 0], moments[:, 1, 1], moments[:, 0, 1]
    lift = first[:, 1]
    middle, half = 0.5 * (across_across + out_out), np.hypot(0.5 * (across_across - out_out), mixed)
    angle = 0.5 * np.arctan2(2.0 * mixed, across_across - out_out)
    long, short = np.sqrt(12.0 * (middle + half)), np.sqrt(12.0 * np.maximum(middle - half, 1e-30))
    scale = np.sqrt(area / np.maximum(long * short, 1e-30))
    sizes = np.stack([scale * long, scale * short], 1)
    return np.column_stack([area, lift, *_followed(sizes, angle).T])


def _followed(sizes: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Width, thickness and angle, shape (k, 3), of rectangles given by their long and short side and the long one's angle.

    Which side is the width goes on from sample to sample; it starts where a side lies most nearly across the line.
    """
    quarter = 0.5 * np.pi
    turns = np.rint(angle / quarter)
    start = int(np.abs(angle - quarter * turns).argmin())
    for rows in (range(start + 1, len(angle)), range(start - 1, -1, -1)):
        before = angle[start] - quarter * turns[start]
        for row in rows:
            turns[row] = np.rint((angle[row] - before) / quarter)
            # A section that is nearly round or square has no direction that others could follow.
            if sizes[row, 0] > 1.05 * sizes[row, 1]:
                before = angle[row] - quarter * turns[row]
    swapped = turns.astype(int) % 2 == 1
    width, thick = np.where(swapped, sizes[:, 1], sizes[:, 0]), np.where(swapped, sizes[:, 0], sizes[:, 1])
    return np.stack([width, thick, angle - quarter * turns], 1)


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
    places: np.ndarray, flat: Unrolled, edges: KDTree, ends: tuple[list[bool], list[bool]], closed: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Distance to the edge on either side [mm], the direction of the first, (k, 3), and which samples are clear of the ends.

    `ends` says whether there is a joint at either end of the line, and whether there is a tip.
    """
    points = flat.local(places)
    across = np.cross(flat.normals(places), _tangents(points, closed))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    inscribed = np.asarray(edges.query(points)[0])
    farthest = FARTHEST * np.maximum(inscribed, 0.5 * float(np.median(inscribed)))
    rates = flat.steps(places, across)
    share = np.linspace(0.0, 1.0, 40)
    sides = []
    for sign in (1.0, -1.0):
        aside = sign * share[:, None] * farthest[:, None, None]
        shade = flat.sampled(flat.shade, places[:, None] + aside * rates[:, None])
        out = shade < 0.5
        first = np.where(out.any(1), out.argmax(1), len(share) - 1)
        rows, before = np.arange(len(places)), np.maximum(first - 1, 0)
        drop = np.maximum(shade[rows, before] - shade[rows, first], 1e-6)
        part = np.clip((shade[rows, before] - 0.5) / drop, 0.0, 1.0)
        sides.append((before + part) / (len(share) - 1) * farthest)
    along = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1)))
    free = np.ones(len(places), bool)
    for way, row, joint, tip in zip((along, along[-1] - along), (0, -1), *ends, strict=True):
        if joint or tip:
            free &= way >= REACH * (inscribed[row] if joint else float(np.median(inscribed)))
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
