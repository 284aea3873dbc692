"""A mesh of a vessel's wall turned back into labelled voxels, with the lumen it encloses: a label map for other programs."""

from collections.abc import Mapping

import numpy as np

from meshing.errors import InputError
from meshing.labels import Code, LabelMap
from meshing.nearness import windings
from meshing.surfaces import Surface, closed
from meshing.tetmesh import TET_FACES, TetMesh

MARGIN_VOXELS = 2
MOST_VOXELS = 60_000_000


def filled_label_map(
    mesh: TetMesh,
    vertices: np.ndarray,
    *,
    spacing_mm: float,
    lumen_name: str,
    codes: Mapping[int, Code],
    source: str,
) -> LabelMap:
    """Voxels whose centre lies in a tissue of the mesh, or in the lumen between its ends, on a grid along the patient's axes.

    vertices: where the mesh's vertices are, shape (vertex count, 3) [mm]. Labels keep the mesh's numbers and names; the lumen,
    closed across its ends, gets the next number. codes: by these numbers.
    Raises InputError for a spacing that is not above zero or makes more voxels than can be held, and for a lumen that cannot
    be closed.
    """
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    if not spacing_mm > 0.0:
        raise InputError(f"The spacing of a label map is {spacing_mm:g} mm; give one above zero.")
    origin = low - MARGIN_VOXELS * spacing_mm
    i, j, k = (int(count) for count in np.ceil((high - origin) / spacing_mm) + MARGIN_VOXELS + 1)
    if i * j * k > MOST_VOXELS:
        raise InputError(f"Voxels of {spacing_mm:g} mm make {i * j * k:,} of this vessel; give a larger spacing.")
    voxels = np.zeros((i, j, k), np.uint8)
    number = lumen_number(mesh)
    # The lumen's triangles look into the blood.
    lumen = closed(Surface(vertices, np.asarray(mesh.face_sets["lumen"])[:, ::-1]))
    voxels[windings(lumen.vertices, lumen.triangles, origin=origin, step=spacing_mm, shape=(i, j, k)) > 0] = number
    for label in np.unique(mesh.labels).tolist():
        faces = boundary_of_tets(mesh.tets[mesh.labels == label])
        voxels[windings(vertices, faces, origin=origin, step=spacing_mm, shape=(i, j, k)) > 0] = label
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = origin
    names = {**{label: mesh.label_names[label] for label in np.unique(mesh.labels).tolist()}, number: lumen_name}
    return LabelMap(voxels, affine, names, {label: code for label, code in codes.items() if label in names}, source)


def lumen_number(mesh: TetMesh) -> int:
    """The label that the lumen gets: the one after the mesh's own."""
    return int(mesh.labels.max()) + 1


def boundary_of_tets(tets: np.ndarray) -> np.ndarray:
    """Triangles, shape (n, 3), that belong to one of some tets (tet count, 4) alone, their normals outward."""
    faces = np.asarray(tets)[:, TET_FACES].reshape(-1, 3)
    _, first, uses = np.unique(np.sort(faces, axis=1), axis=0, return_index=True, return_counts=True)
    return faces[first[uses == 1]]
