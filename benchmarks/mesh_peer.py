"""The peer: fTetWild (Hu et al. 2020, doi:10.1145/3386569.3392385) through pytetwild, on the surfaces of the same label map.

It takes triangles and knows no labels. So the interfaces of the map are made into one surface that neighbours share, smoothed
without loss of volume; afterwards each tet gets the label whose closed surface winds about its middle.
"""

import importlib

import numpy as np
from scipy import sparse

from benchmarks.mesh_cases import Absent
from meshing.labels import LabelMap
from meshing.tetmesh import TetMesh, tet_volumes

# Passes of Taubin's smoothing and the share of the way that each goes (Taubin 1995, doi:10.1145/218380.218473).
PASSES, FORWARD, BACK = 15, 0.5, -0.53
# How far fTetWild's surface may leave the one it is given, as a share of the edge length.
ENVELOPE = 0.1


def made_by_ftetwild(labels: LabelMap, edge_length: float) -> TetMesh:
    """A mesh of edges about this long [mm] by fTetWild on one thread; raises Absent without pytetwild and libigl."""
    try:
        # Named otherwise than the distribution that brings it, libigl.
        igl = importlib.import_module("igl")
        import pytetwild  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise Absent(f"{error.name} is not installed (it is in the extra `bench`)") from error
    vertices, triangles, sides = shared_surface(labels.voxels, labels.spacing)
    size = float(np.linalg.norm(np.ptp(vertices, axis=0)))
    points, tets = pytetwild.tetrahedralize(  # pyright: ignore[reportPrivateImportUsage]
        vertices,
        triangles.astype(np.int32),
        edge_length_abs=edge_length,
        epsilon=ENVELOPE * edge_length / size,
        disable_filtering=True,
        num_threads=1,
        quiet=True,
    )
    tets = np.asarray(tets, dtype=np.int64)
    middles = points[tets].mean(axis=1)
    best, numbers = np.full(len(tets), 0.5), np.zeros(len(tets), dtype=np.int32)
    for number in labels.voxel_counts:
        closed = np.concatenate([triangles[sides[:, 0] == number], triangles[sides[:, 1] == number][:, ::-1]])
        low, high = vertices[closed].min(axis=(0, 1)), vertices[closed].max(axis=(0, 1))
        near = np.flatnonzero(((middles >= low) & (middles <= high)).all(axis=1))
        winding = np.abs(igl.fast_winding_number(vertices, np.ascontiguousarray(closed), np.ascontiguousarray(middles[near])))
        inside = winding > best[near]
        best[near[inside]], numbers[near[inside]] = winding[inside], number
    used, tets = np.unique(tets[numbers > 0], return_inverse=True)
    in_patient = points[used] / labels.spacing @ labels.affine[:3, :3].T + labels.affine[:3, 3]
    tets = tets.reshape(-1, 4)
    # Which way round a tet is numbered is the library's affair; whether some are turned against the others is not.
    if np.median(tet_volumes(in_patient, tets)) < 0:
        tets = tets[:, [0, 2, 1, 3]]
    return TetMesh(in_patient, tets.astype(np.int32), numbers[numbers > 0], {n: labels.name(n) for n in labels.voxel_counts})


def shared_surface(voxels: np.ndarray, spacing: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Surface nets of all interfaces of a map, neighbours sharing their triangles, smoothed (Gibson 1998, surface nets).

    Returns vertices (n, 3) in the grid's frame, voxel index times spacing [mm], triangles (m, 3), and the labels on the two
    sides of each triangle (m, 2): the one it points away from, then the one it points to; 0 is the background.
    """
    padded = np.pad(voxels.astype(np.int64), 1)
    shape = np.array(padded.shape)
    quads, sides, crossings = [], [], []
    for axis in range(3):
        ahead = np.moveaxis(padded, axis, 0)
        place = np.argwhere(ahead[:-1] != ahead[1:])
        before, after = ahead[:-1][tuple(place.T)], ahead[1:][tuple(place.T)]
        # Back to the order of the grid: the voxel before the interface, and the two axes across, right-handed.
        voxel = np.insert(place[:, 1:], axis, place[:, 0], axis=1)
        across = np.eye(3, dtype=np.int64)[[(axis + 1) % 3, (axis + 2) % 3]]
        around = voxel[:, None] - np.array([across[0] + across[1], across[1], across[0] * 0, across[0]])
        quads.append(np.ravel_multi_index(tuple(np.moveaxis(around, 2, 0)), tuple(shape)))
        sides.append(np.column_stack([before, after]))
        crossings.append(voxel + 0.5 * np.eye(3)[axis])
    quads, sides = np.concatenate(quads), np.concatenate(sides)
    cells, corners = np.unique(quads, return_inverse=True)
    corners = corners.reshape(-1, 4)
    # Each vertex begins in the middle of the places where the edges of its cell cross an interface.
    owner, spot = corners.ravel(), np.concatenate(crossings).repeat(4, axis=0)
    start = np.column_stack([np.bincount(owner, spot[:, k]) for k in range(3)]) / np.bincount(owner)[:, None]
    middle = np.stack(np.unravel_index(cells, tuple(shape)), axis=1) + 0.5
    vertices = (_smoothed(start, corners, middle) - 1.0) * spacing
    triangles = np.concatenate([corners[:, [0, 1, 2]], corners[:, [0, 2, 3]]])
    return vertices, triangles, np.concatenate([sides, sides])


def _smoothed(vertices: np.ndarray, quads: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Vertices after Taubin's smoothing over the sides of the quads, each kept in its own cell, in units of voxels."""
    count = len(vertices)
    ends = quads[:, [[0, 1], [1, 2], [2, 3], [3, 0]]].reshape(-1, 2)
    links = sparse.coo_array((np.ones(len(ends)), tuple(ends.T)), shape=(count, count)).tocsr()
    links = ((links + links.T) > 0).astype(float)
    links = sparse.diags_array(1.0 / links.sum(axis=1)) @ links
    for _ in range(PASSES):
        for share in (FORWARD, BACK):
            vertices = np.clip(vertices + share * (links @ vertices - vertices), middle - 0.5, middle + 0.5)
    return vertices
