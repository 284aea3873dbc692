"""Who touches whom in a mesh of tetrahedra, in linear time."""

import numba
import numpy as np


@numba.njit(cache=True)
def tets_around(tets: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """For tets (tet count, 4) over `count` vertices: the tets at vertex v are around[first[v]:first[v + 1]], rising."""
    first = np.zeros(count + 1, np.int64)
    for t in range(len(tets)):
        for c in range(4):
            first[tets[t, c] + 1] += 1
    for v in range(count):
        first[v + 1] += first[v]
    place = first[:-1].copy()
    around = np.empty(4 * len(tets), np.int64)
    for t in range(len(tets)):
        for c in range(4):
            v = tets[t, c]
            around[place[v]] = t
            place[v] += 1
    return first, around


@numba.njit(cache=True)
def vertices_around(tets: np.ndarray, first: np.ndarray, around: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours in the same form, from `tets_around`: those of v are next_to[next_first[v]:next_first[v + 1]]."""
    count = len(first) - 1
    seen = np.full(count, -1, np.int64)
    next_first = np.zeros(count + 1, np.int64)
    next_to = np.empty(12 * len(tets), np.int64)
    found = 0
    for v in range(count):
        seen[v] = v
        for k in range(first[v], first[v + 1]):
            for c in range(4):
                w = tets[around[k], c]
                if seen[w] != v:
                    seen[w] = v
                    next_to[found] = w
                    found += 1
        next_first[v + 1] = found
    return next_first, next_to[:found].copy()


@numba.njit(cache=True)
def face_pairs(tets: np.ndarray, first: np.ndarray, around: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of tets that share a face (pair count, 2), the lower number first, and that face's vertices (pair count, 3)."""
    pairs = np.empty((2 * len(tets), 2), np.int64)
    faces = np.empty((2 * len(tets), 3), np.int64)
    found = 0
    for t in range(len(tets)):
        for c in range(4):
            a, b, d = tets[t, (c + 1) % 4], tets[t, (c + 2) % 4], tets[t, (c + 3) % 4]
            few = a
            if first[b + 1] - first[b] < first[few + 1] - first[few]:
                few = b
            if first[d + 1] - first[d] < first[few + 1] - first[few]:
                few = d
            for k in range(first[few], first[few + 1]):
                s = around[k]
                if s <= t:
                    continue
                shared = 0
                for e in range(4):
                    w = tets[s, e]
                    if w in (a, b, d):
                        shared += 1
                if shared == 3:
                    pairs[found, 0], pairs[found, 1] = t, s
                    least, most = min(a, b, d), max(a, b, d)
                    faces[found, 0], faces[found, 1], faces[found, 2] = least, a + b + d - least - most, most
                    found += 1
                    break
    return pairs[:found].copy(), faces[:found].copy()
