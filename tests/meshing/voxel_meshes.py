"""Meshes whose tets fill voxels exactly, for tests that need a mesh of many labels of which everything is known."""

import itertools

import numpy as np

from meshing.labels import LabelMap
from meshing.tetmesh import TetMesh


def label_map(voxels: np.ndarray, *, spacing=(1.0, 1.0, 1.0), names=None, affine=None) -> LabelMap:
    """A label map of these voxels."""
    if affine is None:
        affine = np.diag([*spacing, 1.0])
    return LabelMap(np.asarray(voxels, np.uint8), affine, names or {}, {}, "a made-up map")


def voxel_mesh(labels: LabelMap) -> TetMesh:
    """Each labelled voxel in six tets about its diagonal, so that neighbours share faces (Kuhn 1960)."""
    corners = [
        np.cumsum([np.zeros(3, int), *np.eye(3, dtype=int)[list(order)]], axis=0) for order in itertools.permutations(range(3))
    ]
    turned = [path if np.linalg.det(np.diff(path, axis=0)) > 0 else path[[1, 0, 2, 3]] for path in corners]
    voxels = np.argwhere(labels.voxels)
    places = (voxels[:, None, None] + np.array(turned)[None]).reshape(-1, 3)
    codes, numbers = np.unique(np.ravel_multi_index(tuple(places.T), np.array(labels.voxels.shape) + 1), return_inverse=True)
    index = np.column_stack(np.unravel_index(codes, np.array(labels.voxels.shape) + 1)) - 0.5
    tets = numbers.reshape(-1, 4)
    if np.linalg.det(labels.affine[:3, :3]) < 0:
        tets = tets[:, [1, 0, 2, 3]]
    return TetMesh(
        vertices=index @ labels.affine[:3, :3].T + labels.affine[:3, 3],
        tets=tets.astype(np.int32),
        labels=np.repeat(labels.voxels[tuple(voxels.T)].astype(np.int32), 6),
        label_names={number: labels.name(number) for number in labels.voxel_counts},
    )
