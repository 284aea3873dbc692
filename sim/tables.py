"""Tables of who touches whom, built once for a model: they let every sum be gathered in a fixed order."""

import dataclasses

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.csgraph import connected_components

PAIRS = ((0, 0), (0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3))
"""The corner pairs whose stiffness blocks an element stores, the lesser vertex in rows; the others are transposes."""


def corner_table(tets: np.ndarray, vertex_count: int) -> tuple[np.ndarray, np.ndarray]:
    """For each vertex its tet corners as 4 t + corner: where each vertex' list begins, shape (n + 1,), and the lists."""
    flat = tets.ravel()
    order = np.argsort(flat, kind="stable")
    return np.searchsorted(flat[order], np.arange(vertex_count + 1)), order


def inverse_table(groups: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """For each index the rows of `groups` that name it, each once, in order."""
    if len(groups) == 0:
        return np.zeros(count + 1, int), np.zeros(0, int)
    size = groups.shape[1]
    pairs = np.unique(np.stack([groups.ravel(), np.repeat(np.arange(len(groups)), size)], 1), axis=0)
    return np.searchsorted(pairs[:, 0], np.arange(count + 1)), pairs[:, 1]


def neighbour_table(triangles: np.ndarray, vertex_count: int) -> tuple[np.ndarray, np.ndarray]:
    """For each vertex its neighbours along a surface's edges."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    both = np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0)
    return np.searchsorted(both[:, 0], np.arange(vertex_count + 1)), both[:, 1]


def beginning_with_least(triangles: np.ndarray) -> np.ndarray:
    """Triangles turned so that each begins with its least vertex, their sides kept, shape (k, 3)."""
    least = np.argmin(triangles, axis=1)[:, None]
    return np.take_along_axis(triangles, (least + np.arange(3)) % 3, axis=1)


def parts_of(tets: np.ndarray, vertex_count: int) -> np.ndarray:
    """For each vertex the number of the part that it hangs together with, shape (n,)."""
    ends = np.repeat(tets[:, 0], 3), tets[:, 1:].ravel()
    links = sparse.coo_matrix((np.ones(len(ends[0])), ends), shape=(vertex_count, vertex_count))
    return connected_components(links, directed=False)[1]


@dataclasses.dataclass(frozen=True)
class Pattern:
    """Which pairs of vertices share a tet: the sparsity of the stiffness, row by row.

    Attributes
    ----------
    row, column
        The two vertices of each entry, shape (e,).
    upper, mirror
        The entries with row ≤ column, shape (h,), and for each the entry with row and column swapped.
    entry
        For each element's ten blocks, in the order of `PAIRS`, the upper entry that they belong to, shape (10 m,).
    """

    row: np.ndarray
    column: np.ndarray
    upper: np.ndarray
    mirror: np.ndarray
    entry: np.ndarray


def pattern_of(tets: np.ndarray, vertex_count: int) -> Pattern:
    """The pattern of a mesh of tets, shape (m, 4)."""
    first, second = (np.array(column) for column in zip(*PAIRS, strict=True))
    i, j = tets[:, first].ravel().astype(np.int64), tets[:, second].ravel().astype(np.int64)
    low, high = np.minimum(i, j), np.maximum(i, j)
    key = low * vertex_count + high
    pairs, entry = np.unique(key, return_inverse=True)
    low, high = pairs // vertex_count, pairs % vertex_count
    inner = np.flatnonzero(low != high)
    whole = np.sort(np.concatenate([pairs, high[inner] * vertex_count + low[inner]]))
    return Pattern(
        row=whole // vertex_count,
        column=whole % vertex_count,
        upper=np.searchsorted(whole, pairs),
        mirror=np.searchsorted(whole, high * vertex_count + low),
        entry=entry,
    )


def edge_triangles(triangles: np.ndarray, pattern: Pattern, vertex_count: int) -> np.ndarray:
    """For each upper entry (i, j) the triangles with the edge i→j and with j→i, −1 where there is none, shape (h, 2)."""
    found = np.full((len(pattern.upper), 2), -1)
    starts, ends = triangles.ravel().astype(np.int64), triangles[:, [1, 2, 0]].ravel()
    key = pattern.row[pattern.upper] * vertex_count + pattern.column[pattern.upper]
    number = np.repeat(np.arange(len(triangles)), 3)
    forward = starts < ends
    found[np.searchsorted(key, (starts * vertex_count + ends)[forward]), 0] = number[forward]
    found[np.searchsorted(key, (ends * vertex_count + starts)[~forward]), 1] = number[~forward]
    return found
