"""A stretch of a vessel's wall: the part of a mesh that lies about a piece of its path."""

import dataclasses

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from meshing.centrelines import Path
from meshing.errors import InputError
from meshing.tetmesh import TetMesh

SIDE_REACH = 2.5
"""How far out side branches are kept, in inscribed radii of the path beside them."""


def stretch_of(mesh: TetMesh, path: Path, *, first_mm: float, last_mm: float) -> TetMesh:
    """The part of a wall about a path from one station to another [mm], in one piece.

    The faces at which the wall was cut become the face set "end cut"; the other sets keep what is left of them.

    Raises InputError where nothing is left.
    """
    distance, nearest = KDTree(path.points).query(mesh.centroids())
    station = path.stations[nearest]
    near = (station >= first_mm) & (station <= last_mm) & (distance <= SIDE_REACH * path.radii[nearest])
    if not near.any():
        raise InputError(f"There is no wall between {first_mm:.1f} and {last_mm:.1f} mm along the path; choose another stretch.")
    kept = _largest_piece(mesh, near)
    used, tets = np.unique(mesh.tets[kept], return_inverse=True)
    labels = mesh.labels[kept]
    part = dataclasses.replace(
        mesh,
        vertices=mesh.vertices[used],
        tets=tets.reshape(-1, 4).astype(np.int32),
        labels=labels,
        label_names={number: name for number, name in mesh.label_names.items() if (labels == number).any()},
        frames=None if mesh.frames is None else mesh.frames[kept],
        face_sets={},
    )
    boundary = part.boundary_faces()
    whose, sets, named = _keys(used[boundary]), {}, np.zeros(len(boundary), bool)
    for name, triangles in mesh.face_sets.items():
        chosen = np.isin(whose, _keys(triangles))
        named |= chosen
        if chosen.any():
            sets[name] = boundary[chosen]
    if not named.all():
        sets["end cut"] = boundary[~named]
    return dataclasses.replace(part, face_sets=sets)


def _largest_piece(mesh: TetMesh, chosen: np.ndarray) -> np.ndarray:
    """Of the chosen tets (tet count,) those that hang together by faces with the most others, as numbers."""
    across = mesh.neighbours()
    tet, corner = np.nonzero((across >= 0) & chosen[:, None])
    other = across[tet, corner]
    both = chosen[other]
    links = sparse.coo_array((np.ones(both.sum()), (tet[both], other[both])), shape=(len(chosen),) * 2)
    piece = connected_components(links, directed=False)[1]
    return np.flatnonzero(chosen & (piece == np.argmax(np.bincount(piece[chosen]))))


def _keys(triangles: np.ndarray) -> np.ndarray:
    """One number for each triangle, whatever its winding."""
    ordered = np.sort(np.asarray(triangles, np.int64), axis=1)
    return ordered[:, 0] * 2**42 + ordered[:, 1] * 2**21 + ordered[:, 2]
