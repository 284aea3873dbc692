"""Closed surfaces in the beam: triangles that bound a material, and what makes them closed."""

import dataclasses
from typing import Any

import numpy as np

from meshing.errors import InputError


@dataclasses.dataclass(frozen=True, eq=False)
class Surface:
    """Triangles that enclose a material, in millimetres of the patient; made by `closed` or `weighted`.

    Attributes
    ----------
    vertices
        Shape (n, 3) [mm].
    triangles
        Vertices of each triangle, shape (k, 3); normals point out of the material.
    material
        What is inside, a name of `attenuation.find_material`.
    weights
        How much of the material is behind each triangle, shape (k,): 1, or mg/ml of iodine.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    material: str
    weights: np.ndarray

    @staticmethod
    def closed(vertices: Any, triangles: Any, *, material: str, amount: float = 1.0) -> "Surface":
        """A surface that encloses an amount of a material: 1 for all of it, mg/ml for iodine.

        Raises
        ------
        InputError
            If the surface is open, names a vertex that is not there, or has one at no finite place.
        """
        vertices = np.ascontiguousarray(vertices, np.float64)
        triangles = np.ascontiguousarray(triangles, np.int32).reshape(-1, 3)
        _check(vertices, triangles, material)
        open_edges = len(unmatched_edges(triangles))
        if open_edges:
            raise InputError(
                f"The surface of {material} is open at {open_edges} edges, so a ray through it has no length inside; "
                "close it, with `viewer.xray.surfaces.capped` if it is a tube."
            )
        return Surface(vertices, triangles, material, np.full(len(triangles), float(amount)))

    def moved(self, vertices: Any) -> "Surface":
        """The same surface with its vertices (n, 3) [mm] elsewhere.

        Raises
        ------
        InputError
            If there are more or fewer vertices.
        """
        vertices = np.ascontiguousarray(vertices, np.float64)
        if vertices.shape != self.vertices.shape:
            raise InputError(f"The surface of {self.material} has {len(self.vertices)} vertices, not {len(vertices)}.")
        return dataclasses.replace(self, vertices=vertices)

    @property
    def volume_mm3(self) -> float:
        """Volume inside [mm³], negative where normals point inwards; that of a weighted surface is weighted [mg/ml · mm³]."""
        a, b, c = np.moveaxis((self.vertices - self.vertices[0])[self.triangles], 1, 0)
        return float((self.weights * np.einsum("ij,ij->i", a, np.cross(b, c))).sum() / 6.0)


def thick_sheet(vertices: Any, triangles: Any, *, thickness: float, material: str) -> Surface:
    """A sheet of a thickness [mm] about triangles that face one way, such as a sleeve's, closed along their rims.

    Its faces lie half a thickness to both sides along the vertices' mean normals.
    """
    used, corner = np.unique(np.asarray(triangles, np.int64), return_inverse=True)
    points, faces, count = np.asarray(vertices, float)[used], corner.reshape(-1, 3), len(used)
    a, b, c = np.moveaxis(points[faces], 1, 0)
    each = np.repeat(np.cross(b - a, c - a), 3, axis=0)
    normal = np.stack([np.bincount(faces.ravel(), column, count) for column in each.T], 1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    start, end = unmatched_edges(faces).T
    rims = [np.stack(side, 1) for side in ((end, start, start + count), (end, start + count, end + count))]
    both = np.concatenate([points + 0.5 * thickness * normal, points - 0.5 * thickness * normal])
    return Surface.closed(both, np.concatenate([faces, faces[:, ::-1] + count, *rims]), material=material)


def unmatched_edges(triangles: np.ndarray) -> np.ndarray:
    """Directed edges that no triangle runs along the other way, shape (m, 2), each as often as its partner is missing.

    A surface without any has a boundary of nothing, even where more than two triangles meet: every ray goes in as often as out.
    """
    edges = np.asarray(triangles, np.int64)[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    low, high = edges.min(1), edges.max(1)
    sign = np.where(edges[:, 0] < edges[:, 1], 1, -1)
    size = int(edges.max(initial=0)) + 1
    key, place = np.unique(low * size + high, return_inverse=True)
    excess = np.bincount(place, weights=sign, minlength=len(key)).astype(np.int64)
    left = np.flatnonzero(excess)
    pairs = np.stack(np.divmod(key[left], size), axis=1)
    pairs = np.where((excess[left] > 0)[:, None], pairs, pairs[:, ::-1])
    return np.repeat(pairs, np.abs(excess[left]), axis=0)


def capped(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Close a surface with a fan over each hole, and turn it so that its normals point out.

    vertices: (n, 3) [mm]; triangles: (k, 3). Gives vertices and triangles of the closed surface; those given come first.
    """
    import scipy.sparse as sparse
    from scipy.sparse.csgraph import connected_components

    vertices, triangles = np.asarray(vertices, float), np.asarray(triangles, np.int64)
    rim = unmatched_edges(triangles)
    if len(rim):
        joined = sparse.coo_matrix((np.ones(len(rim)), (rim[:, 0], rim[:, 1])), (len(vertices), len(vertices)))
        hole = np.unique(connected_components(joined, directed=False)[1][rim[:, 0]], return_inverse=True)[1]
        starts = vertices[rim[:, 0]]
        lengths = np.linalg.norm(vertices[rim[:, 1]] - starts, axis=1) + 1e-12
        middles = 0.5 * (vertices[rim[:, 1]] + starts)
        total = np.bincount(hole, weights=lengths)
        centres = np.stack([np.bincount(hole, weights=lengths * middles[:, k]) / total for k in range(3)], axis=1)
        fans = np.column_stack([rim[:, 1], rim[:, 0], len(vertices) + hole])
        vertices, triangles = np.vstack([vertices, centres]), np.vstack([triangles, fans])
    one = Surface(vertices, triangles, "", np.ones(len(triangles)))
    return vertices, triangles if one.volume_mm3 >= 0.0 else triangles[:, ::-1]


def tet_boundary(tets: np.ndarray) -> np.ndarray:
    """Triangles that bound tetrahedra (m, 4) of positive volume, shape (k, 3), normals out of them."""
    faces = np.asarray(tets)[:, [[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]]].reshape(-1, 3)
    _, first, count = np.unique(np.sort(faces, axis=1), axis=0, return_index=True, return_counts=True)
    return faces[np.sort(first[count == 1])]


def weighted_along(surface: Surface, axis_points: np.ndarray, amounts: np.ndarray, *, material: str) -> Surface:
    """The inside of a closed tube, filled by an amount of a material that varies along the tube.

    Each triangle makes a wedge with the points of the axis that belong to its corners. Every wedge is closed and takes the mean
    amount at its corners; where the amount is the same all wedges add up to the tube exactly, however they lie. Faces between
    wedges stay only where the amounts beside them differ.

    Parameters
    ----------
    surface
        The closed tube.
    axis_points
        For each vertex of the tube its point of the axis, shape (n, 3) [mm].
    amounts
        Amount at each vertex, shape (n,), mg/ml for iodine.
    material
        What fills the tube.
    """
    triangles = surface.triangles.astype(np.int64)
    count = len(surface.vertices)
    amount = amounts[triangles].mean(axis=1)
    inner = triangles[:, ::-1] + count
    start = triangles[:, [0, 1, 2]].ravel()
    end = triangles[:, [1, 2, 0]].ravel()
    low, high = np.minimum(start, end), np.maximum(start, end)
    # A wall between two wedges is cut along one diagonal, from the vertex of the lower number to the axis under the other.
    forward = np.where(start < end, 1.0, -1.0) * np.repeat(amount, 3)
    key, place = np.unique(low * count + high, return_inverse=True)
    net = np.bincount(place, weights=forward, minlength=len(key))
    kept = np.abs(net) > 1e-9 * max(float(np.abs(amount).max(initial=0.0)), 1e-30)
    low, high = np.divmod(key[kept], count)
    walls = np.concatenate([np.column_stack([high, low, high + count]), np.column_stack([low, low + count, high + count])])
    faces = np.concatenate([triangles, inner, walls])
    weights = np.concatenate([amount, amount, net[kept], net[kept]])
    used = weights != 0.0
    points = np.concatenate([surface.vertices, np.asarray(axis_points, float)])
    return Surface(np.ascontiguousarray(points), np.ascontiguousarray(faces[used], np.int32), material, weights[used])


def _check(vertices: np.ndarray, triangles: np.ndarray, material: str) -> None:
    if len(triangles) == 0:
        raise InputError(f"The surface of {material} has no triangle; leave it out.")
    if triangles.min() < 0 or triangles.max() >= len(vertices):
        wrong = int(np.flatnonzero(((triangles < 0) | (triangles >= len(vertices))).any(axis=1))[0])
        raise InputError(f"Triangle {wrong} of {material} names vertices {triangles[wrong]}, but there are {len(vertices)}.")
    lost = ~np.isfinite(vertices).all(axis=1)
    if lost.any():
        raise InputError(f"{int(lost.sum())} vertices of {material} are at no finite place; the first is {int(np.argmax(lost))}.")
