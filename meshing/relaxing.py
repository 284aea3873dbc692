"""Moving vertices so that tetrahedra gain in quality while interfaces stay where the indicators put them.

The quality of a tet is the smaller of the sine of its worst dihedral angle and a multiple of its volume-length ratio:
angles alone leave needles. Each vertex in turn tries places around it and keeps the one where its worst tet is best; a vertex
on an interface tries only places on it. Compiled code, in a fixed order, so that the same input gives the same mesh.
"""

import math
from typing import NamedTuple

import numba
import numpy as np

from meshing.incidence import tets_around, vertices_around
from meshing.indicators import Indicators, onto_interface, value_at

LENGTH_WEIGHT = 1.3  # of the volume-length ratio (1 for the equilateral tet) against the sine
FREE_SLACK = 0.25  # share of the edges' length from which on tries need not lie on the interface
AIR_WEIGHT = 5.0  # how much worse a tet of air may be


class Web(NamedTuple):
    """Who touches whom: the tets and the neighbours of each vertex, and the labels that meet at it.

    tets: (tet count, 4); weight: (tet count,) factor on each tet's quality; first, around: the tets of vertex v are
    around[first[v]:first[v + 1]]; next_first, next_to: its neighbours in the same way; meeting: (vertex count, k) labels that
    meet at a vertex, the rest -1; meeting_count: (vertex count,) how many, 0 for a vertex that must not move;
    length: (vertex count,) mean length of its edges [mm].
    """

    tets: np.ndarray
    weight: np.ndarray
    first: np.ndarray
    around: np.ndarray
    next_first: np.ndarray
    next_to: np.ndarray
    meeting: np.ndarray
    meeting_count: np.ndarray
    length: np.ndarray


def web_of(vertices: np.ndarray, tets: np.ndarray, labels: np.ndarray) -> Web:
    """The web of tets (tet count, 4) with labels (tet count,), 0 for air, over vertices (vertex count, 3) [mm]."""
    count = len(vertices)
    first, around = tets_around(tets, count)
    next_first, next_to = vertices_around(tets, first, around)
    length = np.linalg.norm(vertices[np.repeat(np.arange(count), np.diff(next_first))] - vertices[next_to], axis=1)
    mean = np.bincount(np.repeat(np.arange(count), np.diff(next_first)), length, count) / np.maximum(np.diff(next_first), 1)
    label_count = int(labels.max()) + 1
    code = np.unique(tets.ravel() * label_count + np.repeat(labels, 4))
    vertex, label = code // label_count, code % label_count
    start = np.searchsorted(vertex, np.arange(count + 1))
    number = np.diff(start)
    meeting = np.full((count, int(number.max())), -1, np.int64)
    meeting[vertex, np.arange(len(code)) - start[vertex]] = label
    tissue = np.zeros(count, bool)
    tissue[tets[labels > 0]] = True
    return Web(
        tets=np.ascontiguousarray(tets), weight=np.where(labels > 0, 1.0, AIR_WEIGHT), first=first, around=around,
        next_first=next_first, next_to=next_to, meeting=meeting,
        meeting_count=np.where(tissue, number, 0), length=mean,
    )  # fmt: skip


@numba.njit(cache=True, fastmath=True)
def tet_quality(x, a, b, c, d):
    """Quality of one tet, 0.866 × 1.089 at best; negative when it is inside out."""
    ux, uy, uz = x[b, 0] - x[a, 0], x[b, 1] - x[a, 1], x[b, 2] - x[a, 2]
    vx, vy, vz = x[c, 0] - x[a, 0], x[c, 1] - x[a, 1], x[c, 2] - x[a, 2]
    wx, wy, wz = x[d, 0] - x[a, 0], x[d, 1] - x[a, 1], x[d, 2] - x[a, 2]
    # Doubled vector areas of the faces opposite d, c, b; that opposite a closes the sum.
    dx, dy, dz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    cx, cy, cz = wy * uz - wz * uy, wz * ux - wx * uz, wx * uy - wy * ux
    bx, by, bz = vy * wz - vz * wy, vz * wx - vx * wz, vx * wy - vy * wx
    ax, ay, az = -dx - cx - bx, -dy - cy - by, -dz - cz - bz
    six = dx * wx + dy * wy + dz * wz
    area_a, area_b = ax * ax + ay * ay + az * az, bx * bx + by * by + bz * bz
    area_c, area_d = cx * cx + cy * cy + cz * cz, dx * dx + dy * dy + dz * dz
    ab, ac, ad = ux * ux + uy * uy + uz * uz, vx * vx + vy * vy + vz * vz, wx * wx + wy * wy + wz * wz
    bc = (vx - ux) ** 2 + (vy - uy) ** 2 + (vz - uz) ** 2
    bd = (wx - ux) ** 2 + (wy - uy) ** 2 + (wz - uz) ** 2
    cd = (wx - vx) ** 2 + (wy - vy) ** 2 + (wz - vz) ** 2
    # sin of the dihedral angle at an edge = 6V · length / (product of the doubled areas of its two faces)
    least = min(
        min(ab / (area_c * area_d + 1e-300), ac / (area_b * area_d + 1e-300)),
        min(ad / (area_b * area_c + 1e-300), bc / (area_a * area_d + 1e-300)),
    )
    least = min(least, min(bd / (area_a * area_c + 1e-300), cd / (area_a * area_b + 1e-300)))
    mean = (ab + ac + ad + bc + bd + cd) / 6.0
    # Volume-length ratio 6√2 V / rms length³, squared: 2 (6V)² / mean³
    least = min(least, LENGTH_WEIGHT * LENGTH_WEIGHT * 2.0 / (mean * mean * mean + 1e-300))
    return six * math.sqrt(least)


@numba.njit(cache=True)
def tet_qualities(x, tets):
    """Quality of each tet (tet count, 4) over positions x (vertex count, 3)."""
    quality = np.empty(len(tets))
    for t in range(len(tets)):
        quality[t] = tet_quality(x, tets[t, 0], tets[t, 1], tets[t, 2], tets[t, 3])
    return quality


@numba.njit(cache=True)
def worst_around(x, web, v, floor):
    """Quality of the worst tet at a vertex; anything at or below `floor` may be returned for one that is below it."""
    worst = 1e9
    for k in range(web.first[v], web.first[v + 1]):
        t = web.around[k]
        quality = tet_quality(x, web.tets[t, 0], web.tets[t, 1], web.tets[t, 2], web.tets[t, 3])
        if quality > 0.0:
            quality *= web.weight[t]
        if quality < worst:
            worst = quality
            if worst <= floor:
                return worst
    return worst


@numba.njit(cache=True)
def project(x: np.ndarray, web: Web, field: Indicators, floor: float, sweeps: int) -> int:
    """Move vertices where labels meet onto the interface, in place, as far as no tet falls below `floor`.

    A tet that is worse already may stay so, but not become worse. Returns how many vertices could not move at all.
    """
    held = 0
    p, start = np.empty(3), np.empty(3)
    for _ in range(sweeps):
        held = 0
        for v in range(len(x)):
            if web.meeting_count[v] < 2:
                continue
            for k in range(3):
                start[k] = x[v, k]
                p[k] = start[k]
            onto_interface(field, p, web.meeting[v], web.meeting_count[v], 0.5 * web.length[v])
            away = abs(p[0] - start[0]) + abs(p[1] - start[1]) + abs(p[2] - start[2])
            if away < 1e-4 * web.length[v]:
                continue
            bound = min(floor, worst_around(x, web, v, -1e9))
            share, moved = 1.0, False
            for _ in range(4):
                for k in range(3):
                    x[v, k] = start[k] + share * (p[k] - start[k])
                if worst_around(x, web, v, bound - 1e-12) >= bound:
                    moved = True
                    break
                share *= 0.5
            if not moved:
                held += 1
                for k in range(3):
                    x[v, k] = start[k]
    return held


@numba.njit(cache=True)
def _off_interface(field, web, v, p):
    """Largest difference [mm] at p between the indicators of the labels that meet at a vertex."""
    base = value_at(field, web.meeting[v, 0], p[0], p[1], p[2])
    most = 0.0
    for k in range(1, web.meeting_count[v]):
        most = max(most, abs(value_at(field, web.meeting[v, k], p[0], p[1], p[2]) - base))
    return most


@numba.njit(cache=True)
def _centre(x, web, v, p):
    """Mean of the neighbours at which all labels of this vertex meet too, into p; False if there are fewer than two."""
    p[0] = p[1] = p[2] = 0.0
    found = 0
    for k in range(web.next_first[v], web.next_first[v + 1]):
        w = web.next_to[k]
        shared = True
        if web.meeting_count[v] > 1:
            for i in range(web.meeting_count[v]):
                has = False
                for j in range(web.meeting_count[w]):
                    if web.meeting[w, j] == web.meeting[v, i]:
                        has = True
                shared = shared and has
        if shared:
            found += 1
            for i in range(3):
                p[i] += x[w, i]
    if found < 2:
        return False
    for i in range(3):
        p[i] /= found
    return True


@numba.njit(cache=True)
def relax(
    x: np.ndarray, web: Web, field: Indicators, idle: np.ndarray, wanted: float, tries: int, slack: float, seed: int
) -> int:
    """Let every vertex with a tet worse than `wanted` try `tries` places; returns how many moved.

    idle: (vertex count,) bool, vertices that found nothing better and whose neighbours have not moved since; kept up to date.
    slack: how far the indicators may differ at a vertex on an interface, as a share of its edges' length.
    """
    np.random.seed(seed)
    moved = 0
    p, best, start = np.empty(3), np.empty(3), np.empty(3)
    for v in range(len(x)):
        meet = web.meeting_count[v]
        if meet == 0 or idle[v] or web.first[v] == web.first[v + 1]:
            continue
        before = worst_around(x, web, v, -1e9)
        if before >= wanted:
            continue
        shortest = 1e30
        for k in range(3):
            start[k] = best[k] = x[v, k]
        for k in range(web.next_first[v], web.next_first[v + 1]):
            w = web.next_to[k]
            away = (x[w, 0] - start[0]) ** 2 + (x[w, 1] - start[1]) ** 2 + (x[w, 2] - start[2]) ** 2
            shortest = min(shortest, away)
        radius = max(math.sqrt(shortest), 0.3 * web.length[v])
        quality = before
        for attempt in range(tries + 1):
            if attempt == 0:
                if not _centre(x, web, v, p):
                    continue
            else:
                reach = radius * 0.5 * 0.6 ** ((attempt - 1) % 6)
                a, b, c = np.random.normal(), np.random.normal(), np.random.normal()
                scale = reach / math.sqrt(a * a + b * b + c * c + 1e-30)
                p[0], p[1], p[2] = best[0] + a * scale, best[1] + b * scale, best[2] + c * scale
            if meet > 1:
                # Where much slack is given, every second try stays where it is, off the interface by less than that.
                if slack < FREE_SLACK or attempt % 2 == 0:
                    onto_interface(field, p, web.meeting[v], meet, 0.3 * web.length[v])
                if _off_interface(field, web, v, p) > slack * web.length[v]:
                    # Where three labels or more meet there may be no such point; a bad tet counts for more than a small step.
                    step2 = (p[0] - start[0]) ** 2 + (p[1] - start[1]) ** 2 + (p[2] - start[2]) ** 2
                    if meet == 2 or before > 0.17 or step2 > 0.04 * web.length[v] ** 2:
                        continue
            for k in range(3):
                x[v, k] = p[k]
            reached = worst_around(x, web, v, quality)
            if reached > quality:
                quality = reached
                for k in range(3):
                    best[k] = p[k]
        for k in range(3):
            x[v, k] = best[k]
        if quality > before:
            moved += 1
            for k in range(web.next_first[v], web.next_first[v + 1]):
                idle[web.next_to[k]] = False
        else:
            idle[v] = True
    return moved
