"""How good a tetrahedral mesh is, which tets spoil it, and a verdict in sentences."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from meshing.tetmesh import TET_EDGES, TET_FACES, TetMesh, distinct

# Below these the implicit solver needs many more iterations (Shewchuk 2002, What is a good linear element?).
POOR_JACOBIAN = 0.1
POOR_DIHEDRAL_DEG = 5.0
# A scaled Jacobian under which a tet has no volume that the numbers of a file could tell from none.
FLAT_JACOBIAN = 1e-6
# The bound under which meshing programs count their sharp tets.
SHARP_DIHEDRAL_DEG = 10.0


@dataclass(frozen=True)
class MeshQuality:
    """Counts and measures of one mesh; `sentences` says what they mean, `table` lists them."""

    tet_count: int
    vertex_count: int
    inverted_count: int  # tets of no or negative volume: scaled Jacobian below 1e-6
    poor_count: int  # tets with a scaled Jacobian below 0.1
    worst_tet: int  # number of the tet with the smallest scaled Jacobian
    min_scaled_jacobian: float  # 1 is equilateral
    scaled_jacobian_percentiles: Mapping[int, float]  # 1st, 5th and 50th
    min_dihedral_deg: float
    max_dihedral_deg: float
    sharp_count: int  # tets with a dihedral angle under 10°
    min_edge_mm: float
    mean_edge_mm: float
    max_edge_mm: float
    elements_across_wall_min: int  # layers on the shortest walk along edges from lumen to outside; 0 without these sets
    tets_across_wall_min: int  # tets on the shortest walk through faces from lumen to outside; 0 without these sets
    volume_mm3: float
    volumes_mm3: Mapping[str, float]  # by the label's name
    tet_counts: Mapping[str, int]  # by the label's name
    piece_count: int  # of tets that hang together by faces
    overused_face_count: int  # faces shared by more than two tets
    unused_vertex_count: int
    folded_count: int  # faces whose two tets lie on the same side of it
    boundary_euler_number: int  # vertices - edges + faces of the boundary: 2 for a ball, 0 for an open tube's wall
    boundary_is_closed: bool  # each boundary edge belongs to two boundary triangles
    nonmanifold_edge_count: int  # boundary edges that do not belong to exactly two boundary triangles
    face_sets_cover_boundary: bool  # each boundary triangle is in exactly one named set; True where none is named

    @property
    def misfit_count(self) -> int:
        """Places where the mesh does not conform: faces shared by more than two tets, folds, and vertices used by none."""
        return self.overused_face_count + self.folded_count + self.unused_vertex_count

    @property
    def is_sound(self) -> bool:
        """Whether every tet is the right way out and fits its neighbours; several pieces, as of several organs, may be sound."""
        return self.inverted_count == 0 and self.misfit_count == 0

    @property
    def is_fit(self) -> bool:
        """Whether a solver may take this mesh for one vessel: sound, in one piece, and with its faces named."""
        return self.is_sound and self.boundary_is_closed and self.piece_count == 1 and self.face_sets_cover_boundary

    def sentences(self) -> tuple[str, ...]:
        """The verdict, one sentence for each thing that a person should know, the worst first."""
        said = []
        if self.inverted_count:
            said.append(
                f"{self.inverted_count:,} of {self.tet_count:,} tetrahedra are inside out or flat: the mesh cannot be used."
            )
        for count, what in (
            (self.overused_face_count, "faces shared by more than two tetrahedra"),
            (self.folded_count, "faces with both their tetrahedra on the same side"),
            (self.unused_vertex_count, "vertices that belong to no tetrahedron"),
        ):
            if count:
                said.append(f"Parts do not fit together (number of {what}: {count:,}): the mesh cannot be used.")
        if not self.boundary_is_closed:
            said.append(
                "The boundary is not a closed surface: parts of it touch at single edges without being joined by a face "
                f"(number of such edges: {self.nonmanifold_edge_count:,})."
            )
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
            said.append(
                f"The sharpest dihedral angle is {self.min_dihedral_deg:.1f}°; {self.sharp_count:,} tetrahedra "
                f"({100 * self.sharp_count / self.tet_count:.2g} %) have one under {SHARP_DIHEDRAL_DEG:g}°."
            )
        if not said:
            across = (
                f" and at least {self.elements_across_wall_min} layers across the wall" if self.elements_across_wall_min else ""
            )
            said.append(
                f"The mesh is sound: {self.tet_count:,} tetrahedra, none inside out, smallest scaled Jacobian "
                f"{self.min_scaled_jacobian:.2f}, dihedral angles {self.min_dihedral_deg:.0f}° to "
                f"{self.max_dihedral_deg:.0f}°{across}."
            )
        elif self.is_sound:
            said.append(f"The mesh can be used all the same: its {self.tet_count:,} tetrahedra fit, and none is inside out.")
        return tuple(said)

    def table(self) -> str:
        """All measures as plain text, one a line."""
        shares = ", ".join(f"{value:.2f} ({percent} %)" for percent, value in self.scaled_jacobian_percentiles.items())
        rows = [
            ("tetrahedra", f"{self.tet_count:,}"),
            ("vertices", f"{self.vertex_count:,}"),
            ("inside out or flat", f"{self.inverted_count:,}"),
            ("scaled Jacobian, smallest", f"{self.min_scaled_jacobian:.3f}"),
            ("scaled Jacobian, percentiles", shares),
            ("dihedral angles [°]", f"{self.min_dihedral_deg:.1f} to {self.max_dihedral_deg:.1f}"),
            ("with an angle under 10°", f"{self.sharp_count:,} ({100 * self.sharp_count / self.tet_count:.3g} %)"),
            ("edges [mm]", f"{self.min_edge_mm:.2f} to {self.max_edge_mm:.2f}, mean {self.mean_edge_mm:.2f}"),
            *([("layers across the wall, fewest", f"{self.elements_across_wall_min}")] if self.elements_across_wall_min else []),
            *(
                (f"volume of {name} [mm3]", f"{volume:,.1f} in {self.tet_counts[name]:,} tetrahedra")
                for name, volume in self.volumes_mm3.items()
            ),
            ("pieces", f"{self.piece_count}"),
            ("faces in more than two tetrahedra", f"{self.overused_face_count:,}"),
            ("faces folded over", f"{self.folded_count:,}"),
            ("vertices in no tetrahedron", f"{self.unused_vertex_count:,}"),
            ("boundary edges not in two triangles", f"{self.nonmanifold_edge_count:,}"),
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
    tet, corner = np.nonzero(across < 0)
    boundary = mesh.tets[tet[:, None], TET_FACES[corner]].astype(np.int64)
    euler, loose = _boundary_shape(boundary)
    lumen, outside = mesh.face_sets.get("lumen"), mesh.face_sets.get("outside")
    layers = tets_across = 0
    if lumen is not None and outside is not None and len(lumen) and len(outside):
        layers = _steps(mesh.vertex_count, edges, np.unique(lumen), np.unique(outside))
        tet, corner = np.nonzero(across >= 0)
        starts, goals = (np.flatnonzero(_has_face(mesh, faces)) for faces in (lumen, outside))
        tets_across = _steps(mesh.tet_count, np.column_stack([tet, across[tet, corner]]), starts, goals) + 1
    names = _label_names(mesh)
    return MeshQuality(
        tet_count=mesh.tet_count,
        vertex_count=mesh.vertex_count,
        inverted_count=int(np.count_nonzero(jacobians < FLAT_JACOBIAN)),
        poor_count=int(np.count_nonzero(jacobians < POOR_JACOBIAN)),
        worst_tet=int(jacobians.argmin()),
        min_scaled_jacobian=float(jacobians.min()),
        scaled_jacobian_percentiles={percent: float(np.percentile(jacobians, percent)) for percent in (1, 5, 50)},
        min_dihedral_deg=float(angles.min()),
        max_dihedral_deg=float(angles.max()),
        sharp_count=int(np.count_nonzero(angles.min(axis=1) < SHARP_DIHEDRAL_DEG)),
        min_edge_mm=float(lengths.min()),
        mean_edge_mm=float(lengths.mean()),
        max_edge_mm=float(lengths.max()),
        elements_across_wall_min=layers,
        tets_across_wall_min=tets_across,
        volume_mm3=float(volumes.sum()),
        volumes_mm3={name: float(volumes[mesh.labels == number].sum()) for number, name in names.items()},
        tet_counts={name: int(np.count_nonzero(mesh.labels == number)) for number, name in names.items()},
        piece_count=_piece_count(across),
        overused_face_count=int(np.count_nonzero(mesh.face_use() > 2)),
        unused_vertex_count=mesh.vertex_count - int(np.count_nonzero(np.bincount(mesh.tets.ravel()))),
        folded_count=len(folded_pairs(mesh, across=across, volumes=volumes)),
        boundary_euler_number=euler,
        boundary_is_closed=loose == 0,
        nonmanifold_edge_count=loose,
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


def folded_pairs(mesh: TetMesh, *, across: np.ndarray | None = None, volumes: np.ndarray | None = None) -> np.ndarray:
    """Pairs of tets (pair_count, 2) that lie on the same side of the face they share, as where a mesh is folded over.

    Tets that are merely wound the other way round do not count. `across` and `volumes` may be given where they are known.
    """
    across = mesh.neighbours() if across is None else across
    volumes = mesh.volumes() if volumes is None else volumes
    tet, corner = np.nonzero(across > np.arange(mesh.tet_count)[:, None])
    other = across[tet, corner]
    face = mesh.tets[tet[:, None], TET_FACES[corner]]
    beyond = mesh.tets[other].sum(axis=1, dtype=np.int64) - face.sum(axis=1, dtype=np.int64)
    a, b, c = (mesh.vertices[face[:, k]] for k in range(3))
    # The face's normal points out of its own tet, so the tet across has to rise above it.
    height = np.einsum("ij,ij->i", np.cross(b - a, c - a), mesh.vertices[beyond] - a) * np.where(volumes[tet] < 0, -1, 1)
    folded = height < 0
    return np.column_stack([tet[folded], other[folded]])


def _label_names(mesh: TetMesh) -> dict[int, str]:
    """What each label that occurs is called; where two are called the same, the number is added."""
    names = {number: mesh.label_names.get(number, f"label {number}") for number in np.unique(mesh.labels).tolist()}
    called = list(names.values())
    return {number: name if called.count(name) == 1 else f"{name} ({number})" for number, name in names.items()}


def _boundary_shape(faces: np.ndarray) -> tuple[int, int]:
    """Euler number of a triangle surface, and how many of its edges do not belong to exactly two triangles."""
    count = int(faces.max(initial=0)) + 1
    sides = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    codes = np.sort(sides[:, 0] * count + sides[:, 1])
    uses = np.diff(np.flatnonzero(np.r_[True, codes[1:] != codes[:-1], True]))
    return len(distinct(faces.ravel())) - len(uses) + len(faces), int(np.count_nonzero(uses != 2))


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
