"""Cutting a lattice along the interfaces of smooth indicators, so that each tetrahedron belongs to one label.

Vertices near an interface are moved onto it; edges that still cross one are split where they cross, all in one order that
holds for the whole mesh (the longest first), so that tets which share a face divide it alike for any number of labels.
"""

import numpy as np

from meshing.indicators import Indicators, crossings, top_labels
from meshing.relaxing import tet_qualities
from meshing.tetmesh import TET_EDGES

# Vertices nearer to a crossing than this share of the edge are moved onto it: Labelle & Shewchuk's safe shares for the
# long and the short edges of the lattice, doi:10.1145/1276377.1276448, section 4.
LONG_SHARE, SHORT_SHARE = 0.25, 0.41
SPOILT = 0.1  # quality of a tet below which a vertex must go back to the lattice


def edges_of_tets(tets: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Distinct edges (edge count, 2), smaller number first, and for each tet the rows of its six edges (tet count, 6)."""
    pairs = np.sort(tets[:, TET_EDGES], axis=2)
    codes, rows = np.unique(pairs[..., 0] * count + pairs[..., 1], return_inverse=True)
    return np.column_stack([codes // count, codes % count]), rows.reshape(-1, 6)


def cut(
    field: Indicators, vertices: np.ndarray, tets: np.ndarray, label: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut a lattice whose vertices bear labels (vertex count,): vertices [mm], tets, and the label of each tet."""
    vertices = vertices.copy()
    edges, _ = edges_of_tets(tets, len(vertices))
    pure = _snap(field, vertices, tets, edges, label)
    vertices, tets, pure = _split(field, vertices, tets, label, pure)
    owner = np.full(len(vertices), -1, np.int32)
    owner[: len(label)] = np.where(pure[: len(label)], label, -1)
    tet_label = owner[tets].max(axis=1)
    unclear = np.flatnonzero(tet_label < 0)
    tet_label[unclear] = top_labels(field, vertices[tets[unclear]].mean(axis=1))[0]
    return vertices, tets, tet_label


def _snap(field: Indicators, vertices: np.ndarray, tets: np.ndarray, edges: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Move vertices that are near a crossing onto the nearest one, in place; tells which stayed, (vertex count,).

    Where several interfaces are near, the moves together may flatten a tet or turn it inside out: then the vertex that moved
    farthest goes back, until no tet is spoilt.
    """
    lattice = vertices.copy()
    length = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
    longest = np.zeros(len(vertices))
    np.maximum.at(longest, edges.ravel(), np.repeat(length, 2))
    mixed = label[edges[:, 0]] != label[edges[:, 1]]
    crossing, length = edges[mixed], length[mixed]
    share = crossings(field, vertices, crossing, label)
    is_long = length > 0.95 * np.maximum(longest[crossing[:, 0]], longest[crossing[:, 1]])
    bound = np.where(is_long, LONG_SHARE, SHORT_SHARE)
    end = np.concatenate([crossing[:, 0], crossing[:, 1]])
    away = np.concatenate([share, 1.0 - share])
    near = np.flatnonzero(away < np.tile(bound, 2))
    near = near[np.argsort(away[near] * np.tile(length, 2)[near], kind="stable")]
    moved, first = np.unique(end[near], return_index=True)
    row = near[first] % len(crossing)
    target = vertices[crossing[row, 0]] * (1.0 - share[row])[:, None] + vertices[crossing[row, 1]] * share[row][:, None]
    vertices[moved] = target
    pure = np.ones(len(vertices), bool)
    pure[moved] = False
    suspects = tets[~pure[tets].all(axis=1)]
    while True:
        spoilt = suspects[tet_qualities(vertices, suspects) < SPOILT]
        away = np.linalg.norm(vertices[spoilt] - lattice[spoilt], axis=2)
        back = spoilt[np.arange(len(spoilt)), away.argmax(axis=1)][away.max(axis=1) > 0.0]
        if len(back) == 0:
            return pure
        vertices[back] = lattice[back]
        pure[back] = True


def _split(
    field: Indicators, vertices: np.ndarray, tets: np.ndarray, label: np.ndarray, pure: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bisect tets at every edge between two vertices of different labels, the longest edge of each tet first."""
    count = len(vertices)
    edges, rows = edges_of_tets(tets, count)
    mixed = pure[edges[:, 0]] & pure[edges[:, 1]] & (label[edges[:, 0]] != label[edges[:, 1]])
    cut_edges = edges[mixed]
    share = crossings(field, vertices, cut_edges, label)[:, None]
    new = vertices[cut_edges[:, 0]] * (1.0 - share) + vertices[cut_edges[:, 1]] * share
    length = np.linalg.norm(vertices[cut_edges[:, 0]] - vertices[cut_edges[:, 1]], axis=1)
    # Rounded, so that edges of one length are split in the order of their numbers on every machine.
    order = np.lexsort((np.arange(len(cut_edges)), -np.round(length / max(length.max(initial=0.0), 1e-300), 6)))
    rank = np.full(len(edges), len(edges), np.int64)
    middle = np.full(len(edges), -1, np.int64)
    where = np.flatnonzero(mixed)
    rank[where[order]] = np.arange(len(order))
    middle[where] = count + np.arange(len(where))

    ranks = rank[rows]
    touched = (ranks < len(edges)).any(axis=1)
    done, active, ranks, middles = [tets[~touched]], tets[touched], ranks[touched], middle[rows[touched]]
    while len(active):
        at = np.arange(len(active))
        edge = ranks.argmin(axis=1)
        point = middles[at, edge]
        halves, half_ranks, half_middles = [], [], []
        for end in (0, 1):
            corner = TET_EDGES[edge, end]
            half, half_rank, half_middle = active.copy(), ranks.copy(), middles.copy()
            half[at, corner] = point
            # The edges at the replaced corner now end at a point on the interface and need no cut.
            gone = (TET_EDGES[None, :, 0] == corner[:, None]) | (TET_EDGES[None, :, 1] == corner[:, None])
            half_rank[gone] = len(edges)
            halves.append(half)
            half_ranks.append(half_rank)
            half_middles.append(half_middle)
        active, ranks, middles = np.concatenate(halves), np.concatenate(half_ranks), np.concatenate(half_middles)
        whole = (ranks == len(edges)).all(axis=1)
        done.append(active[whole])
        active, ranks, middles = active[~whole], ranks[~whole], middles[~whole]
    vertices = np.concatenate([vertices, new])
    pure = np.concatenate([pure, np.zeros(len(new), bool)])
    tets = np.concatenate(done)
    return vertices, tets, pure
