"""TetMesh: a tissue in tetrahedra, with its labels, fibre frames and named faces."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from meshing.errors import InputError

# Corner triples of the four faces of a positive tetrahedron; face i lies opposite corner i and its normal points out.
TET_FACES = np.array([[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]])
TET_EDGES = np.array([[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]])
VESSEL_FRAME = ("circumferential", "axial", "radial")
HEART_FRAME = ("fibre", "sheet", "normal")
# Below this count of vertices the three numbers of a face fit into one whole number, which sorts several times faster.
LARGEST_CODED = 2_000_000


@dataclass(frozen=True, eq=False)
class TetMesh:
    """A conforming tetrahedral mesh of one or more tissues, in millimetres of the patient (LPS).

    vertices: (vertex_count, 3) positions [mm].
    tets: (tet_count, 4) int32 vertex indices, positively oriented: ((b - a) x (c - a)) . (d - a) > 0.
    labels: (tet_count,) tissue number of each tet.
    label_names: what each number means.
    frames: (tet_count, 3, 3) or None; rows are three unit vectors, right-handed in their order (first x second = third).
    frame_names: what the three rows are: circumferential, axial and radial in a vessel wall; fibre, sheet and normal in a heart.
    face_sets: name to (face_count, 3) vertex indices of triangles, oriented outward from the tissue. The set "lumen" of a
        vessel wall therefore has its normals pointing INTO the blood.
    notes: things worth telling a person that are not errors.
    """

    vertices: np.ndarray
    tets: np.ndarray
    labels: np.ndarray
    label_names: Mapping[int, str]
    frames: np.ndarray | None = None
    face_sets: Mapping[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    frame_names: tuple[str, str, str] = VESSEL_FRAME

    @property
    def tet_count(self) -> int:
        """Number of tetrahedra."""
        return len(self.tets)

    @property
    def vertex_count(self) -> int:
        """Number of vertices."""
        return len(self.vertices)

    def volumes(self) -> np.ndarray:
        """Signed volume of each tet, (tet_count,) [mm3]; negative where a tet is inside out."""
        return tet_volumes(self.vertices, self.tets)

    def scaled_jacobians(self) -> np.ndarray:
        """Scaled Jacobian of each tet, (tet_count,); 1 for the equilateral one, negative where inside out."""
        return scaled_jacobians(self.vertices, self.tets)

    def centroids(self) -> np.ndarray:
        """Centroid of each tet, (tet_count, 3) [mm]."""
        return self.vertices[self.tets].mean(axis=1)

    def volume_of(self, label: int) -> float:
        """Volume of all tets that bear a label [mm3]."""
        return float(self.volumes()[self.labels == label].sum())

    def neighbours(self) -> np.ndarray:
        """The tet across the face opposite each corner, (tet_count, 4); -1 on the boundary.

        Where a face is wrongly shared by more than two tets only the first two are paired; `quality.assess` counts these.
        """
        owners, faces = self._faces_in_groups()
        across = np.full(self.tets.shape, -1, dtype=np.int64)
        same = (faces[1:] == faces[:-1]).all(axis=1)
        first = np.flatnonzero(same & ~np.r_[False, same[:-1]])
        across.ravel()[owners[first]] = owners[first + 1] // 4
        across.ravel()[owners[first + 1]] = owners[first] // 4
        return across

    def face_use(self) -> np.ndarray:
        """How many tets share each distinct face, (face_count,); 1 on the boundary and 2 inside in a conforming mesh."""
        _, faces = self._faces_in_groups()
        starts = np.flatnonzero(np.r_[True, (faces[1:] != faces[:-1]).any(axis=1)])
        return np.diff(np.r_[starts, len(faces)])

    def boundary_faces(self) -> np.ndarray:
        """Triangles that belong to one tet only, (face_count, 3) vertex indices oriented outward from the tissue."""
        return self.boundary_with_owners()[0]

    def boundary_with_owners(self) -> tuple[np.ndarray, np.ndarray]:
        """Boundary triangles oriented outward, (face_count, 3), and the tet behind each, (face_count,)."""
        tet, corner = np.nonzero(self.neighbours() < 0)
        return self.tets[tet[:, None], TET_FACES[corner]].astype(np.int64), tet

    def edges(self) -> np.ndarray:
        """The distinct edges, (edge_count, 2) vertex indices, smaller index first."""
        pairs = np.sort(self.tets[:, TET_EDGES].reshape(-1, 2).astype(np.int64), axis=1)
        codes = distinct(pairs[:, 0] * self.vertex_count + pairs[:, 1])
        return np.column_stack([codes // self.vertex_count, codes % self.vertex_count])

    def part(self, label: int) -> "TetMesh":
        """The tets of one label as a mesh of its own, with the vertices that they use; face sets are left behind.

        Raises InputError where no tet bears the label.
        """
        chosen = self.labels == label
        if not chosen.any():
            there = ", ".join(str(number) for number in np.unique(self.labels))
            raise InputError(f"No tetrahedron bears the label {label}. The mesh has the labels {there}.")
        used, tets = np.unique(self.tets[chosen], return_inverse=True)
        return TetMesh(
            vertices=self.vertices[used],
            tets=tets.reshape(-1, 4).astype(np.int32),
            labels=self.labels[chosen],
            label_names={label: self.label_names.get(label, f"label {label}")},
            frames=None if self.frames is None else self.frames[chosen],
            notes=self.notes,
            frame_names=self.frame_names,
        )

    def renumbered(self, order: np.ndarray) -> "TetMesh":
        """The same mesh with its vertices in another order; `order` (vertex_count,) lists the old numbers in the new order."""
        new_number = np.empty(self.vertex_count, dtype=np.int64)
        new_number[order] = np.arange(self.vertex_count)
        return replace(
            self,
            vertices=self.vertices[order],
            tets=new_number[self.tets].astype(np.int32),
            face_sets={name: new_number[faces] for name, faces in self.face_sets.items()},
        )

    def checked(self, *, inverted_too: bool = True) -> "TetMesh":
        """The mesh itself, once it has been found fit for use.

        Raises InputError for no tets, positions that are not numbers, indices out of range, arrays of the wrong length and,
        if `inverted_too`, tets inside out.
        """
        if self.tet_count == 0:
            raise InputError("The mesh has no tetrahedra. Give a volume mesh, not a surface.")
        broken = np.flatnonzero(~np.isfinite(self.vertices).all(axis=1))
        if broken.size:
            raise InputError(
                f"{broken.size:,} of {self.vertex_count:,} vertices have no finite position; the first is vertex "
                f"{broken[0]}. Build the mesh again."
            )
        if self.tets.min() < 0 or self.tets.max() >= self.vertex_count:
            raise InputError(
                f"A tetrahedron refers to vertex {self.tets.max() if self.tets.min() >= 0 else self.tets.min()}, "
                f"but the mesh has vertices 0 to {self.vertex_count - 1}. Build the mesh again."
            )
        if len(self.labels) != self.tet_count:
            raise InputError(f"The mesh has {self.tet_count:,} tetrahedra but {len(self.labels):,} labels. Give one for each.")
        if self.frames is not None and self.frames.shape != (self.tet_count, 3, 3):
            raise InputError(f"The frames have the shape {self.frames.shape}; give ({self.tet_count}, 3, 3).")
        if len(self.frame_names) != 3 or len({*self.frame_names, "label", "face_set"}) != 5:
            raise InputError(f"The rows of the frames are called {self.frame_names}; give three different names.")
        volumes = self.volumes()
        inverted = int(np.count_nonzero(volumes <= 0))
        if inverted and inverted_too:
            worst = int(volumes.argmin())
            raise InputError(
                f"{inverted:,} of {self.tet_count:,} tetrahedra are inside out or flat; the worst is tet {worst} "
                f"({volumes[worst]:.3g} mm3). Repair or rebuild the mesh."
            )
        return self

    def _faces_in_groups(self) -> tuple[np.ndarray, np.ndarray]:
        """All faces sorted so that equal ones are neighbours: 4 * tet + corner (k,), and the sorted vertex triples (k, 3)."""
        faces = np.sort(self.tets[:, TET_FACES].reshape(-1, 3), axis=1)
        if self.vertex_count < LARGEST_CODED:
            wide = faces.astype(np.int64)
            order = np.argsort((wide[:, 2] * self.vertex_count + wide[:, 1]) * self.vertex_count + wide[:, 0], kind="stable")
        else:
            order = np.lexsort(faces.T)
        return order, faces[order]


def tet_volumes(vertices: np.ndarray, tets: np.ndarray) -> np.ndarray:
    """Signed volumes, (tet_count,) [mm3 for mm], of tets (tet_count, 4) over vertices (vertex_count, 3)."""
    a, b, c, d = (vertices[tets[:, corner]] for corner in range(4))
    return np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) / 6.0


def distinct(codes: np.ndarray) -> np.ndarray:
    """The different numbers of (n,), rising; several times faster than NumPy's own where most of them differ."""
    ordered = np.sort(codes)
    return ordered[np.r_[True, ordered[1:] != ordered[:-1]]] if len(ordered) else ordered


def scaled_jacobians(vertices: np.ndarray, tets: np.ndarray) -> np.ndarray:
    """Scaled Jacobian of each tet, (tet_count,): 1 when equilateral, 0 when flat, negative when inside out.

    q = 6 V sqrt(2) / max over the four corners of the product of the three edge lengths that meet there
    (Stimpson et al. 2007, The Verdict Geometric Quality Library, SAND2007-1751).
    """
    corners = vertices[tets]
    lengths = np.linalg.norm(corners[:, TET_EDGES[:, 0]] - corners[:, TET_EDGES[:, 1]], axis=2)
    ab, ac, ad, bc, bd, cd = lengths.T
    largest = np.max([ab * ac * ad, ab * bc * bd, ac * bc * cd, ad * bd * cd], axis=0)
    return 6.0 * np.sqrt(2.0) * tet_volumes(vertices, tets) / np.maximum(largest, np.finfo(float).tiny)
