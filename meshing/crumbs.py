"""Tidying which label each tetrahedron bears: crumbs that no tissue hangs together with, and pinched edges of the outside."""

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from meshing.incidence import face_pairs, tets_around
from meshing.tetmesh import TET_EDGES

SMALLEST_PIECE = 12  # tets; fewer are a crumb, unless they are all that a label has
CRUMB_ROUNDS, PINCH_ROUNDS = 4, 20


def without_crumbs(labels: np.ndarray, pairs: np.ndarray, volumes: np.ndarray) -> np.ndarray:
    """Labels (tet count,) in which pieces of few tets have gone over to the neighbour that they share most faces with.

    A label's largest piece always stays. Background (0) is held to the same rule, so that no bubble of air is left inside.
    """
    count = len(labels)
    for _ in range(CRUMB_ROUNDS):
        same = labels[pairs[:, 0]] == labels[pairs[:, 1]]
        links = sparse.coo_array((np.ones(int(same.sum()), np.int8), tuple(pairs[same].T)), shape=(count, count))
        piece_count, piece = connected_components(links, directed=False)
        tets_of, volume_of = np.bincount(piece, minlength=piece_count), np.bincount(piece, volumes, piece_count)
        label_of = np.zeros(piece_count, np.int64)
        label_of[piece] = labels
        largest = np.zeros(int(labels.max()) + 1)
        np.maximum.at(largest, label_of, volume_of)
        crumb = (tets_of < SMALLEST_PIECE) & (volume_of < largest[label_of])
        if not crumb.any():
            break
        across = pairs[~same]
        source = np.concatenate([piece[across[:, 0]], piece[across[:, 1]]])
        offered = np.concatenate([labels[across[:, 1]], labels[across[:, 0]]]).astype(np.int64)
        asked = crumb[source]
        code, faces = np.unique(source[asked] * len(largest) + offered[asked], return_counts=True)
        best = np.lexsort((faces, code // len(largest)))
        last = np.append(np.diff(code[best] // len(largest)) > 0, True) if len(best) else np.empty(0, bool)
        chosen = code[best][last]
        label_of[chosen // len(largest)] = chosen % len(largest)
        labels = np.where(crumb[piece], label_of[piece], labels).astype(labels.dtype)
    return labels


def without_pinches(labels: np.ndarray, tets: np.ndarray, pairs: np.ndarray, faces: np.ndarray, count: int) -> np.ndarray:
    """Labels in which background tets about an edge where the outside touches itself have been given to a tissue there."""
    outer = (labels[pairs[:, 0]] > 0) != (labels[pairs[:, 1]] > 0)
    sides = faces[outer][:, [[0, 1], [0, 2], [1, 2]]].reshape(-1, 2)
    codes, uses = np.unique(sides[:, 0] * count + sides[:, 1], return_counts=True)
    pinched = codes[uses > 2]
    if len(pinched) == 0:
        return labels
    ends = np.sort(tets[:, TET_EDGES], axis=2)
    edge = ends[..., 0] * count + ends[..., 1]
    hit = np.isin(edge, pinched)
    tissue_tet, tissue_edge = np.nonzero(hit & (labels > 0)[:, None])
    known, first = np.unique(edge[tissue_tet, tissue_edge], return_index=True)
    tissue = labels[tissue_tet[first]]
    air_tet, air_edge = np.nonzero(hit & (labels == 0)[:, None])
    labels = labels.copy()
    labels[air_tet] = tissue[np.searchsorted(known, edge[air_tet, air_edge])]
    return labels


def tidied(labels: np.ndarray, tets: np.ndarray, volumes: np.ndarray, count: int) -> np.ndarray:
    """Labels (tet count,) without crumbs and without edges at which the outer surface touches itself."""
    pairs, faces = face_pairs(tets, *tets_around(tets, count))
    labels = without_crumbs(labels, pairs, volumes)
    for _ in range(PINCH_ROUNDS):
        filled = without_pinches(labels, tets, pairs, faces, count)
        if np.array_equal(filled, labels):
            break
        labels = without_crumbs(filled, pairs, volumes)
    return labels
