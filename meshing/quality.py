"""How good a tetrahedral mesh is, which tets spoil it, and a verdict in sentences."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from meshing.tetmesh import TET_EDGES, TET_FACES, TetMesh

# Below these the implicit solver needs many more iterations (Shewchuk 2002, What is a good linear element?).
POOR_JACOBIAN = 0.1
POOR_DIHEDRAL_DEG = 5.0


@dataclass(frozen=True)
class MeshQuality:
    """Counts and measures of one mesh; `sentences` says what they mean, `table` lists them."""

    tet_count: int
    vertex_count: int
    inverted_count: int  # tets of no or negative volume
    poor_count: int  # tets with a scaled Jacobian below 0.1
    worst_tet: int  # number of the tet with the smallest scaled Jacobian
    min_scaled_jacobian: float  # 1 is equilateral
    scaled_jacobian_percentiles: Mapping[int, float]  # 1st, 5th and 50th
    min_dihedral_deg: float
    max_dihedral_deg: float
    min_edge_mm: float
    mean_edge_mm: float
    max_edge_mm: float
    elements_across_wall_min: int  # layers on the shortest walk along edges from lumen to outside; 0 without these sets
    tets_across_wall_min: int  # tets on the shortest walk through faces from lumen to outside; 0 without these sets
    volume_mm3: float
    volumes_mm3: Mapping[str, float]  # by the label's name
    piece_count: int  # of tets that hang together by faces
    misfit_count: int  # faces shared by more than two tets, and vertices used by none
    boundary_euler_number: int  # vertices - edges + faces of the boundary: 2 for a ball, 0 for an open tube's wall
    boundary_is_closed: bool  # each boundary edge belongs to two boundary triangles
    face_sets_cover_boundary: bool  # each boundary triangle is in exactly one named set; True where none is named

    @property
    def is_fit(self) -> bool:
        """Whether a solver may take this mesh: nothing inside out, nothing that does not fit, one piece."""
        return (
            self.inverted_count == 0
            and self.misfit_count == 0
            and self.boundary_is_closed
            and self.piece_count == 1
            and self.face_sets_cover_boundary
        )

    def sentences(self) -> tuple[str, ...]:
        """The verdict, one sentence for each thing that a person should know, the worst first."""
        said = []
        if self.inverted_count:
            said.append(f"{self.inverted_count:,} of {self.tet_count:,} tetrahedra are inside out: the mesh cannot be used.")
        if self.misfit_count:
            said.append(f"{self.misfit_count:,} faces or vertices do not fit together: the mesh cannot be used.")
        if not self.boundary_is_closed:
            said.append("The boundary is not a closed surface: pieces touch along single edges.")
        if self.piece_count > 1:
            said.append(f"The mesh falls apart into {self.piece_count:,} pieces.")
        if not self.face_sets_cover_boundary:
            said.append("The named face sets do not cover the boundary exactly once.")
        if self.poor_count and not self.inverted_count:
            said.append(
                f"{self.poor_count:,} of {self.tet_count:,} tetrahedra have a scaled Jacobian below {POOR_JACOBIAN:g}; "
                f"the poorest, tet {self.worst_tet}, has {self.min_scaled_jacobian:.3f}."
            )
        if self.min_dihedral_deg < POOR_DIHEDRAL_DEG and not self.inverted_count:
            said.append(f"The sharpest dihedral angle is {self.min_dihedral_deg:.1f}°.")
        if not said:
            across = (
                f" and at least {self.elements_across_wall_min} layers across the wall" if self.elements_across_wall_min else ""
            )
            said.append(
                f"The mesh is sound: {self.tet_count:,} tetrahedra, none inside out, smallest scaled Jacobian "
                f"{self.min_scaled_jacobian:.2f}, dihedral angles {self.min_dihedral_deg:.0f}° to "
                f"{self.max_dihedral_deg:.0f}°{across}."
            )
        return tuple(said)

    def table(self) -> str:
        """All measures as plain text, one a line."""
        shares = ", ".join(f"{value:.2f} ({percent} %)" for percent, value in self.scaled_jacobian_percentiles.items())
        rows = [
            ("tetrahedra", f"{self.tet_count:,}"),
            ("vertices", f"{self.vertex_count:,}"),
            ("inside out", f"{self.inverted_count:,}"),
            ("scaled Jacobian, smallest", f"{self.min_scaled_jacobian:.3f}"),
            ("scaled Jacobian, percentiles", shares),
            ("dihedral angles [°]", f"{self.min_dihedral_deg:.1f} to {self.max_dihedral_deg:.1f}"),
            ("edges [mm]", f"{self.min_edge_mm:.2f} to {self.max_edge_mm:.2f}, mean {self.mean_edge_mm:.2f}"),
            ("layers across the wall, fewest", f"{self.elements_across_wall_min}"),
            *((f"volume of {name} [mm3]", f"{volume:,.1f}") for name, volume in self.volumes_mm3.items()),
            ("pieces", f"{self.piece_count}"),
            ("misfits", f"{self.misfit_count}"),
            ("Euler number of the boundary", f"{self.boundary_euler_number}"),
        ]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def assess(mesh: TetMesh) -> MeshQuality:
    """Measure a mesh, also one that is unfit for use. Raises InputError where it has no tets or positions that are no numbers."""
    mesh.checked(inverted_too=False)
    volumes, jacobians = mesh.volumes(), mesh.scaled_jacobians()
    angles = dihedral_angles(mesh)
    edges = mesh.edges()
    lengths = np.linalg.norm(mesh.vertices[edges[:, 0]] - mesh.vertices[edges[:, 1]], axis=1)
    across = mesh.neighbours()
    boundary = mesh.boundary_faces()
    euler, closed = _boundary_shape(boundary)
    unused = mesh.vertex_count - len(np.unique(mesh.tets))
    lumen, outside = mesh.face_sets.get("lumen"), mesh.face_sets.get("outside")
    layers = tets_across = 0
    if lumen is not None and outside is not None and len(lumen) and len(outside):
        layers = _steps(mesh.vertex_count, edges, np.unique(lumen), np.unique(outside))
        tet, corner = np.nonzero(across >= 0)
        starts, goals = (np.flatnonzero(_has_face(mesh, faces)) for faces in (lumen, outside))
        tets_across = _steps(mesh.tet_count, np.column_stack([tet, across[tet, corner]]), starts, goals) + 1
    names = {number: mesh.label_names.get(number, f"label {number}") for number in np.unique(mesh.labels).tolist()}
    return MeshQuality(
        tet_count=mesh.tet_count,
        vertex_count=mesh.vertex_count,
        inverted_count=int(np.count_nonzero(volumes <= 0)),
        poor_count=int(np.count_nonzero(jacobians < POOR_JACOBIAN)),
        worst_tet=int(jacobians.argmin()),
        min_scaled_jacobian=float(jacobians.min()),
        scaled_jacobian_percentiles={percent: float(np.percentile(jacobians, percent)) for percent in (1, 5, 50)},
        min_dihedral_deg=float(angles.min()),
        max_dihedral_deg=float(angles.max()),
        min_edge_mm=float(lengths.min()),
        mean_edge_mm=float(lengths.mean()),
        max_edge_mm=float(lengths.max()),
        elements_across_wall_min=layers,
        tets_across_wall_min=tets_across,
        volume_mm3=float(volumes.sum()),
        volumes_mm3={name: mesh.volume_of(number) for number, name in names.items()},
        piece_count=_piece_count(across),
        misfit_count=int(np.count_nonzero(mesh.face_use() > 2)) + unused,
        boundary_euler_number=euler,
        boundary_is_closed=closed,
        face_sets_cover_boundary=not mesh.face_sets or _same_faces(list(mesh.face_sets.values()), boundary),
    )


def dihedral_angles(mesh: TetMesh) -> np.ndarray:
    """Angle between the two faces at each edge of each tet, (tet_count, 6) [°]; 70.53 in the equilateral one."""
    corners = mesh.vertices[mesh.tets]
    faces = corners[:, TET_FACES]
    normals = np.cross(faces[:, :, 1] - faces[:, :, 0], faces[:, :, 2] - faces[:, :, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-300)
    # The faces that meet at an edge are those opposite the other two corners.
    others = np.array([[corner for corner in range(4) if corner not in edge] for edge in TET_EDGES.tolist()])
    cosine = np.einsum("tej,tej->te", normals[:, others[:, 0]], normals[:, others[:, 1]])
    return 180.0 - np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))


def _boundary_shape(faces: np.ndarray) -> tuple[int, bool]:
    """Euler number of a triangle surface, and whether each edge belongs to exactly two triangles."""
    sides = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    edges, uses = np.unique(sides, axis=0, return_counts=True)
    return len(np.unique(faces)) - len(edges) + len(faces), bool((uses == 2).all())


def _piece_count(across: np.ndarray) -> int:
    """Pieces of tets that hang together by faces."""
    tet, corner = np.nonzero(across >= 0)
    links = sparse.coo_array((np.ones(len(tet), np.int8), (tet, across[tet, corner])), shape=(len(across), len(across)))
    return int(connected_components(links, directed=False, return_labels=False))


def _steps(count: int, links: np.ndarray, starts: np.ndarray, goals: np.ndarray) -> int:
    """Fewest links from any start to any goal; 0 where none leads there."""
    graph = sparse.coo_array((np.ones(len(links), np.int32), tuple(links.T)), shape=(count, count)).tocsr()
    graph = graph + graph.T
    reached = np.zeros(count, dtype=bool)
    reached[starts] = True
    is_goal = np.zeros(count, dtype=bool)
    is_goal[goals] = True
    for step in range(count):
        if (reached & is_goal).any():
            return step
        grown = reached | (graph @ reached.astype(np.int32) > 0)
        if np.array_equal(grown, reached):
            break
        reached = grown
    return 0


def _has_face(mesh: TetMesh, faces: np.ndarray) -> np.ndarray:
    """Which tets (tet_count,) have one of these triangles (face_count, 3)."""
    own = np.sort(mesh.tets[:, TET_FACES].reshape(-1, 3).astype(np.int64), axis=1)
    known = np.isin(_codes(own, mesh.vertex_count), _codes(np.sort(faces, axis=1), mesh.vertex_count))
    return np.asarray(known.reshape(-1, 4).any(axis=1))


def _same_faces(sets: list[np.ndarray], boundary: np.ndarray) -> bool:
    """Whether the sets together are the boundary, each triangle once and turned the same way."""
    named = np.concatenate([np.asarray(faces, np.int64).reshape(-1, 3) for faces in sets])
    count = int(max(named.max(initial=0), boundary.max(initial=0))) + 1
    return np.array_equal(np.sort(_codes(_turned(named), count)), np.sort(_codes(_turned(boundary), count)))


def _turned(faces: np.ndarray) -> np.ndarray:
    """Triangles turned so that the smallest number comes first; the way round stays."""
    first = faces.argmin(axis=1)[:, None]
    return np.take_along_axis(faces, (first + np.arange(3)) % 3, axis=1).astype(np.int64)


def _codes(faces: np.ndarray, count: int) -> np.ndarray:
    """One number for each triple of vertex numbers below `count`; exact up to two million vertices."""
    return (faces[:, 0].astype(np.int64) * count + faces[:, 1]) * count + faces[:, 2]
