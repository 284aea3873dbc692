"""An open vessel's surface meshed evenly: edges by the local radius, ends in their planes, the volume kept."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import cdist

from meshing.centrelines import Branch
from meshing.clipping import OpenVessel, Plane
from meshing.fields import Field
from meshing.nearness import NearestTriangle
from meshing.remeshing import remesh
from meshing.surfaces import boundary_loops, enclosed_volume, triangle_areas, vertex_normals

GROWTH = 0.15  # how fast edges may grow along the wall [mm/mm]


class _EdgeLengths:
    """Wanted edge lengths: a share of the inscribed radius nearby, growing gently away from narrow places."""

    def __init__(self, branches: Sequence[Branch], edge_fraction: float) -> None:
        points = np.vstack([branch.points for branch in branches])
        radii = np.concatenate([branch.radii for branch in branches])
        # Spheres that hardly differ from one already there add work and nothing else.
        kept: list[int] = []
        for n in np.argsort(radii):
            if not kept or np.linalg.norm(points[kept] - points[n], axis=1).min() > 0.3 * radii[n]:
                kept.append(int(n))
        self._points, self._radii, self._fraction = points[kept], radii[kept], edge_fraction

    def __call__(self, points: np.ndarray) -> np.ndarray:
        lengths = np.empty(len(points))
        for start in range(0, len(points), 4000):
            rows = slice(start, start + 4000)
            away = np.maximum(cdist(points[rows], self._points) - self._radii, 0.0)
            lengths[rows] = (self._fraction * self._radii + GROWTH * away).min(axis=1)
        return lengths


def evened(
    vessel: OpenVessel, *, bulges: Branch, edge_fraction: float, reference: float, field: Field | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mesh an open vessel anew with edges of `edge_fraction` local radii, and match its volume to the reference [mm3].

    Vertices lie on the field where there is one, else on the surface read, rounded; `bulges` are places and radii of
    bulges off the centreline. Returns vertices (n, 3) [mm], triangles (m, 3) and the loop number of each vertex, -1 for
    none.
    """
    lengths = _EdgeLengths([*vessel.centreline.branches, bulges], edge_fraction)
    rims = [_rim(vessel, k) for k in range(len(vessel.planes))]
    rounded = _RoundedSurface(vessel)
    reach = 0.5 * float(lengths(vessel.vertices).min())

    def onto_surface(points: np.ndarray) -> np.ndarray:
        return rounded(points) if field is None else field.projected(points, reach=reach)

    vertices, triangles, loops = remesh(
        vessel.vertices,
        vessel.triangles,
        lengths=lengths,
        project=onto_surface,
        loop_of=vessel.loop_of,
        slide=lambda points, k: _on_rim(points, rims[k]),
    )
    vertices = _in_planes(onto_surface(vertices), loops, vessel.planes)
    return _matched(vertices, triangles, loops, lengths(vertices), vessel.planes, reference), triangles, loops


class _RoundedSurface:
    """Nearest points on a surface rounded between its vertices by their normals.

    Phong tessellation, Boubekeur and Alexa 2008, doi:10.1145/1409060.1409094.
    """

    def __init__(self, vessel: OpenVessel) -> None:
        self._vertices, self._triangles = vessel.vertices, vessel.triangles
        self._normals = vertex_normals(vessel.vertices, vessel.triangles)
        self._nearest = NearestTriangle(vessel.vertices, vessel.triangles)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        flat, _, which = self._nearest(points, is_quick=True)
        corners, normals = self._vertices[self._triangles[which]], self._normals[self._triangles[which]]
        weights = _weights(flat, corners)
        onto = flat[:, None] - np.sum((flat[:, None] - corners) * normals, axis=2)[..., None] * normals
        round_shift = 0.75 * (np.einsum("ij,ijk->ik", weights, onto) - flat)
        size = np.linalg.norm(round_shift, axis=1, keepdims=True)
        most = 0.1 * np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1, keepdims=True)
        return flat + round_shift * np.minimum(1.0, most / np.maximum(size, 1e-300))


def _weights(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Shares (n, 3) of the corners (n, 3, 3) in points (n, 3) on their triangles."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    parts = np.stack([np.linalg.norm(np.cross(q - points, r - points), axis=1) for q, r in ((b, c), (c, a), (a, b))], axis=1)
    total = parts.sum(axis=1, keepdims=True)
    return np.where(total > 0, parts / np.maximum(total, 1e-300), 1.0 / 3.0)


def _rim(vessel: OpenVessel, number: int) -> np.ndarray:
    """Corners (k, 3) [mm] of one loop in order."""
    loops = [loop for loop in boundary_loops(vessel.triangles) if vessel.loop_of[loop[0]] == number]
    return vessel.vertices[max(loops, key=len)]


def _on_rim(points: np.ndarray, rim: np.ndarray) -> np.ndarray:
    """Nearest points on a closed polygon (k, 3) to points (n, 3)."""
    onward = np.roll(rim, -1, axis=0) - rim
    share = np.einsum("nkj,kj->nk", points[:, None] - rim, onward) / np.maximum(np.sum(onward**2, axis=1), 1e-300)
    places = rim + np.clip(share, 0.0, 1.0)[..., None] * onward
    best = np.sum((places - points[:, None]) ** 2, axis=2).argmin(axis=1)
    return places[np.arange(len(points)), best]


def _in_planes(vertices: np.ndarray, loops: np.ndarray, planes: Sequence[Plane]) -> np.ndarray:
    """Vertices with those on loops moved back into their planes."""
    moved = vertices.copy()
    for k, plane in enumerate(planes):
        on = loops == k
        moved[on] -= ((moved[on] - plane.centre) @ plane.direction)[:, None] * plane.direction
    return moved


def _matched(
    vertices: np.ndarray,
    triangles: np.ndarray,
    loops: np.ndarray,
    wanted: np.ndarray,
    planes: Sequence[Plane],
    reference: float,
) -> np.ndarray:
    """Vertices moved along their normals, in proportion to the edges there, until the volume is the reference.

    A polygon of 25 corners on a circle holds 1 % less than the circle; this gives it back evenly.
    """
    for _ in range(3):
        normals = vertex_normals(vertices, triangles)
        for k, plane in enumerate(planes):
            on = loops == k
            normals[on] -= (normals[on] @ plane.direction)[:, None] * plane.direction
            normals[on] /= np.linalg.norm(normals[on], axis=1, keepdims=True)
        thirds = np.repeat(triangle_areas(vertices, triangles) / 3.0, 3)
        areas = np.bincount(triangles.ravel(), weights=thirds, minlength=len(vertices))
        shift = (reference - closed_volume(vertices, triangles)) / float(np.sum(areas * wanted))
        vertices = _in_planes(vertices + float(np.clip(shift, -0.15, 0.15)) * wanted[:, None] * normals, loops, planes)
    return vertices


def closed_volume(vertices: np.ndarray, triangles: np.ndarray) -> float:
    """Volume [mm3] inside an open surface and the flat lids over its loops."""
    lids, points = [], [vertices]
    for number, loop in enumerate(boundary_loops(triangles)):
        points.append(vertices[loop].mean(axis=0)[None])
        lids.append(np.column_stack([np.roll(loop, -1), loop, np.full(len(loop), len(vertices) + number)]))
    return enclosed_volume(np.vstack(points), np.vstack([triangles, *lids]))
