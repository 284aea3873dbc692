"""What is measured of a mesh of a label map, whoever made it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.mesh_cases import Phantom
from meshing.labels import LabelMap
from meshing.quality import dihedral_angles
from meshing.tetmesh import TET_FACES, TetMesh

SHARP_DEG = 10.0
# Below this a label is small, and its volume is told apart.
FEWEST_VOXELS = 1000


def measured(mesh: TetMesh, labels: LabelMap, phantom: Phantom | None = None) -> dict[str, Any]:
    """Size, shape, fit, volumes and, for a phantom, distances of a mesh; numbers that JSON takes."""
    angles, jacobians, volumes = dihedral_angles(mesh), mesh.scaled_jacobians(), mesh.volumes()
    across = np.linalg.norm(np.diff(mesh.vertices[mesh.edges()], axis=1)[:, 0], axis=1)
    boundary = mesh.boundary_faces()
    found = {
        "voxel_mm": labels.voxel_volume ** (1.0 / 3.0),
        "tets": mesh.tet_count,
        "vertices": mesh.vertex_count,
        "mean_edge_mm": float(across.mean()),
        "dihedral_min": float(angles.min()),
        "dihedral_max": float(angles.max()),
        "sharp_share": float((angles.min(axis=1) < SHARP_DEG).mean()),
        "jacobian_min": float(jacobians.min()),
        "inverted": int((volumes <= 0).sum()),
        "conforming": bool(mesh.face_use().max() <= 2),
        "non_manifold_edges": _edges_not_shared_by_two(boundary),
    }
    found |= _volume_errors(mesh, labels)
    if phantom is not None:
        found |= _distances(mesh, phantom, voxel_mm=found["voxel_mm"])
        found["truth_error"] = _errors({number: mesh.volume_of(number) for number in phantom.volumes_mm3}, phantom.volumes_mm3)[1]
    return found


def _edges_not_shared_by_two(faces: np.ndarray) -> int:
    sides = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    _, uses = np.unique(sides, axis=0, return_counts=True)
    return int((uses != 2).sum())


def _volume_errors(mesh: TetMesh, labels: LabelMap) -> dict[str, Any]:
    """Error of the volume of each label against its voxels, as a share: mean and largest, of large labels and of small ones."""
    made = {number: mesh.volume_of(number) for number in labels.voxel_counts}
    wanted = {number: count * labels.voxel_volume for number, count in labels.voxel_counts.items()}
    large = {number: volume for number, volume in wanted.items() if labels.voxel_counts[number] >= FEWEST_VOXELS}
    small = {number: volume for number, volume in wanted.items() if number not in large}
    return {
        "volume_error": _errors(made, large),
        "small_volume_error": _errors(made, small),
        "large_labels": len(large),
        "small_labels": len(small),
        "lost": [number for number in made if made[number] <= 0.0],
    }


def _errors(made: Mapping[int, float], wanted: Mapping[int, float]) -> tuple[float, float] | tuple[None, None]:
    if not wanted:
        return None, None
    errors = [abs(made[number] / volume - 1.0) for number, volume in wanted.items()]
    return float(np.mean(errors)), float(np.max(errors))


def _distances(mesh: TetMesh, phantom: Phantom, *, voxel_mm: float) -> dict[str, Any]:
    """Distance of vertices and middles of the faces between labels, and of the outer faces, from the true surfaces [voxels]."""
    neighbours = mesh.neighbours()
    tet, corner = np.nonzero((neighbours >= 0) & (mesh.labels[:, None] < mesh.labels[np.maximum(neighbours, 0)]))
    surfaces = (
        (mesh.tets[tet[:, None], TET_FACES[corner]], phantom.distance_between),
        (mesh.boundary_faces(), phantom.distance_outside),
    )
    distances = []
    for faces, distance in surfaces:
        if len(faces):
            points = np.concatenate([mesh.vertices[faces].mean(axis=1), mesh.vertices[np.unique(faces)]])
            distances.append(np.abs(distance(points)) / voxel_mm)
    together = np.concatenate(distances)
    return {"distance_mean": float(together.mean()), "distance_max": float(together.max())}
