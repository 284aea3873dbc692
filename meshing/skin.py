"""Surfaces of labels in a tetrahedral mesh, and fine surfaces that follow its coarse tetrahedra."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import KDTree

from meshing.errors import InputError
from meshing.nearness import NearestTriangle
from meshing.tetmesh import TET_FACES, TetMesh

CANDIDATES = (5, 24, 120)  # tets with the nearest middles that are asked whether a point is inside, few first
CHUNK = 400_000  # point-tet pairs worked on at once, so that memory stays small
INSIDE = -1e-9  # least weight of a point that counts as inside; rounding takes points on a face below nought


@dataclass(frozen=True, eq=False)
class Binding:
    """Points tied to tets by barycentric weights: they move as the tets' corners do, exactly so under any affine motion."""

    tet: np.ndarray  # shape (point count,), the tet a point is in or, outside, the one behind the nearest face
    corners: np.ndarray  # shape (point count, 4), that tet's vertices
    weights: np.ndarray  # shape (point count, 4), summing to 1; below 0 for points outside, which are extrapolated linearly
    distances: np.ndarray  # shape (point count,), from the tissue, 0 inside [mm]

    @property
    def largest_distance(self) -> float:
        """Distance of the point that lies farthest outside the tissue [mm]."""
        return float(self.distances.max(initial=0.0))

    def follow(self, vertices: np.ndarray) -> np.ndarray:
        """Points (point count, 3) for the mesh's vertices where they now are, (vertex count, 3), in the same unit."""
        return np.einsum("pk,pkj->pj", self.weights, vertices[self.corners])


@dataclass(frozen=True, eq=False)
class Skin:
    """A fine triangle surface that is drawn in place of coarse tets and moves with them."""

    vertices: np.ndarray  # shape (point count, 3), where they were bound [mm]
    triangles: np.ndarray  # shape (triangle count, 3)
    binding: Binding

    def follow(self, vertices: np.ndarray) -> np.ndarray:
        """The skin's vertices (point count, 3) for the mesh's vertices where they now are, (vertex count, 3)."""
        return self.binding.follow(vertices)

    def moved(self, vertices: np.ndarray) -> "Skin":
        """The skin as it lies on the mesh's vertices where they now are, (vertex count, 3)."""
        return replace(self, vertices=self.follow(vertices))


def skin(mesh: TetMesh, vertices: np.ndarray, triangles: np.ndarray, *, labels: int | Collection[int] | None = None) -> Skin:
    """Bind a fine surface, vertices (point count, 3) [mm] and triangles (triangle count, 3), to the tets of some labels.

    Raises InputError as `bind` does, and for triangles that refer to vertices that are not there.
    """
    triangles = np.asarray(triangles)
    if triangles.size and (triangles.min() < 0 or triangles.max() >= len(vertices)):
        raise InputError(
            f"The skin's triangles refer to vertices {triangles.min()} to {triangles.max()}, but it has {len(vertices):,}. "
            "Read the surface again."
        )
    binding = bind(mesh, vertices, labels=labels)
    return Skin(np.asarray(vertices, float), triangles.reshape(-1, 3), binding)


def boundary_surface(mesh: TetMesh, labels: int | Collection[int]) -> np.ndarray:
    """Triangles (triangle count, 3) around all tets of one label or of several taken together, normals outward.

    They are the outer surface and the interfaces with other labels. Raises InputError where no tet bears a label.
    """
    return _surface_of(mesh, _chosen(mesh, labels))[0]


def interface(mesh: TetMesh, one: int, other: int) -> np.ndarray:
    """Triangles (triangle count, 3) that tets of two labels share, their normals from `one` to `other`; none if they do not meet.

    Raises InputError where no tet bears a label, and for one label given twice.
    """
    if one == other:
        raise InputError(f"The label {one} has no interface with itself; give two labels.")
    near, far = _chosen(mesh, one), _chosen(mesh, other)
    across = mesh.neighbours()
    tet, corner = np.nonzero(near[:, None] & (across >= 0) & far[across])
    return mesh.tets[tet[:, None], TET_FACES[corner]].astype(np.int64)


def bind(mesh: TetMesh, points: np.ndarray, *, labels: int | Collection[int] | None = None) -> Binding:
    """Tie points (point count, 3) [mm] to the tets that they are in, or else to the tets behind the nearest faces.

    labels: only tets of these, so that a skin keeps to its own tissue; by default all. Raises InputError for points that are
    not finite or not in rows of three, tets inside out, and a label that no tet bears.
    """
    mesh.checked()
    points = np.asarray(points, float)
    if points.ndim != 2 or points.shape[1] != 3:
        raise InputError(f"The points have the shape {points.shape}; give rows of three coordinates in millimetres.")
    broken = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if broken.size:
        raise InputError(
            f"{broken.size:,} of {len(points):,} points have no finite position; the first is point {broken[0]}. "
            "Build the surface again."
        )
    chosen = np.ones(mesh.tet_count, bool) if labels is None else _chosen(mesh, labels)
    search = _Search(mesh, np.flatnonzero(chosen))
    tet = search.containing(points, np.arange(len(points)), CANDIDATES[0])
    distances = np.zeros(len(points))
    rest = np.flatnonzero(tet < 0)
    if rest.size:
        faces, owners = _surface_of(mesh, chosen)
        behind, distances[rest], side = _behind(mesh, faces, owners, points[rest])
        # Where tets are of very unlike sizes the one that a point is in may have many middles nearer than its own.
        for count in CANDIDATES[1:]:
            lost = rest[(side < 1) & (tet[rest] < 0)]
            tet[lost] = search.containing(points, lost, count)
        for row in rest[(side == -1) & (tet[rest] < 0)]:
            tet[row] = search.containing_one(points[row])
        inside = tet[rest] >= 0
        distances[rest[inside]] = 0.0
        tet[rest[~inside]] = behind[~inside]
    return Binding(tet, mesh.tets[tet].astype(np.int64), search.weights(points, tet), distances)


class _Search:
    """Which of some tets a point is in, and its weights in any of them."""

    def __init__(self, mesh: TetMesh, tets: np.ndarray):
        self.tets = tets
        corners = mesh.vertices[mesh.tets[tets]].astype(float)
        self.first = corners[:, 0]
        self.inverse = np.linalg.inv((corners[:, 1:] - corners[:, :1]).transpose(0, 2, 1))
        middles = corners.mean(axis=1)
        self.reach = float(np.linalg.norm(corners - middles[:, None], axis=2).max())
        self.middles = KDTree(middles, balanced_tree=False, compact_nodes=False)

    def weights(self, points: np.ndarray, tet: np.ndarray) -> np.ndarray:
        """Barycentric weights (n, 4) of points (n, 3) [mm] in tets (n,)."""
        return self._weights(points, np.searchsorted(self.tets, tet))

    def containing(self, points: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
        """The tet (len(rows),) that each of points[rows] is in, among the `count` with the nearest middles; -1 for none."""
        count = min(count, len(self.tets))
        found = np.full(len(rows), -1, dtype=np.int64)
        for start in range(0, len(rows), max(CHUNK // count, 1)):
            part = slice(start, start + max(CHUNK // count, 1))
            asked = points[rows[part]]
            near = np.asarray(self.middles.query(asked, k=count)[1]).reshape(-1, count)
            least = self._weights(np.repeat(asked, count, axis=0), near.ravel()).min(axis=1).reshape(-1, count)
            best = least.argmax(axis=1)
            row = np.arange(len(asked))
            found[part] = np.where(least[row, best] >= INSIDE, self.tets[near[row, best]], -1)
        return found

    def containing_one(self, point: np.ndarray) -> int:
        """The tet that a point (3,) [mm] is in, among all that reach so far; -1 for none."""
        near = np.sort(np.asarray(self.middles.query_ball_point(point, self.reach), dtype=np.int64))
        least = self._weights(np.broadcast_to(point, (len(near), 3)), near).min(axis=1) if near.size else np.array([-1.0])
        return int(self.tets[near[least.argmax()]]) if least.max() >= INSIDE else -1

    def _weights(self, points: np.ndarray, number: np.ndarray) -> np.ndarray:
        others = np.einsum("pij,pj->pi", self.inverse[number], points - self.first[number])
        return np.concatenate([1.0 - others.sum(axis=1, keepdims=True), others], axis=1)


def _behind(
    mesh: TetMesh, faces: np.ndarray, owners: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The tet behind the face nearest to each point, the distance to it [mm], and the side: 1 outside, -1 inside, 0 unclear."""
    nearest_face = NearestTriangle(mesh.vertices, faces)
    corners = mesh.vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
    foot, distance, nearest = nearest_face(points, is_quick=True)
    # Straight above a face is outside; at an edge or a corner another face may be nearer, or it is for another to say.
    rise = np.einsum("ij,ij->i", points - foot, normals[nearest])
    unsure = np.flatnonzero(np.abs(rise) <= 0.999 * distance)
    if unsure.size:
        foot[unsure], distance[unsure], nearest[unsure] = nearest_face(points[unsure])
        rise[unsure] = np.einsum("ij,ij->i", points[unsure] - foot[unsure], normals[nearest[unsure]])
    return owners[nearest], distance, np.where(np.abs(rise) > 0.999 * distance, np.sign(rise), 0.0)


def _surface_of(mesh: TetMesh, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles (n, 3) around the chosen tets (bool, (tet count,)), normals outward, and the tet behind each (n,)."""
    across = mesh.neighbours()
    tet, corner = np.nonzero(chosen[:, None] & ((across < 0) | ~chosen[across]))
    return mesh.tets[tet[:, None], TET_FACES[corner]].astype(np.int64), tet


def _chosen(mesh: TetMesh, labels: int | Collection[int]) -> np.ndarray:
    """Which tets (bool, (tet count,)) bear one of the labels."""
    wanted = [labels] if isinstance(labels, int | np.integer) else list(labels)
    there = np.unique(mesh.labels)
    missing = [label for label in wanted if label not in there]
    if missing or not wanted:
        said = ", ".join(str(label) for label in missing) or "of no kind"
        raise InputError(
            f"No tetrahedron bears the label {said}. The mesh has the labels {', '.join(str(label) for label in there)}."
        )
    return np.isin(mesh.labels, wanted)
