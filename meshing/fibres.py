"""Fibre and sheet directions through the wall of a left ventricle, by rule, from fields solved over its tetrahedra.

After Bayer et al. 2012, doi:10.1007/s10439-012-0593-5: one field says how deep in the wall a point lies, another which way the
base is, and the fibres turn with the depth. Frames are built in each tet from the fields' gradients and none is interpolated,
so none can flip.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import cg
from threadpoolctl import threadpool_limits

from meshing.columns import dot, unit
from meshing.errors import InputError
from meshing.tetmesh import HEART_FRAME, TetMesh

TOLERANCE = 1e-8  # residual of a field over its right side
MOST_STEPS = 20_000
FAINTEST = 1e-6  # sine of the angle between two directions below which they do not span a plane

Depth = Literal["laplace", "even"]


@dataclass(frozen=True)
class WallFields:
    """Where each vertex lies in a ventricle's wall, and the directions that follow in each tet, right-handed in their order."""

    depth: np.ndarray  # shape (vertex count,), 0 on the endocardium to 1 on the epicardium
    height: np.ndarray  # shape (vertex count,), 0 at the apex to 1 at the base
    around: np.ndarray  # shape (tet count, 3), unit; anticlockwise seen from the base
    upward: np.ndarray  # shape (tet count, 3), unit; from apex to base, within the wall
    outward: np.ndarray  # shape (tet count, 3), unit; from endocardium to epicardium
    unclear_count: int  # tets, as on the axis at the apex, where around has no meaning and was chosen freely


def with_fibres(
    mesh: TetMesh,
    *,
    endocardial_degrees: float,
    epicardial_degrees: float,
    endocardial_sheet_degrees: float = 0.0,
    epicardial_sheet_degrees: float = 0.0,
    depth: Depth = "laplace",
    apex: np.ndarray | None = None,
    endocardium: str = "endocardium",
    epicardium: str = "epicardium",
    base: str = "base",
) -> TetMesh:
    """The mesh of a ventricle's wall with frames whose rows are fibre, sheet and normal (fibre x sheet), right-handed.

    The fibre is turned by the angle α about the outward direction and the sheet by β about the fibre:

        f = cos α around + sin α upward,    s = cos β outward + sin β (cos α upward − sin α around),

    both angles going linearly with the depth d at the tet's middle, as α = (1 − d) α_endo + d α_epi (Bayer et al. 2012,
    doi:10.1007/s10439-012-0593-5). A positive α climbs towards the base as it goes anticlockwise, seen from the base, as a
    heart's fibres do inside; outside α is negative. Angles are in degrees.

    The remaining arguments, and the errors raised, are those of `wall_fields`; angles beyond ±180° raise InputError as well.
    """
    angles = (endocardial_degrees, epicardial_degrees, endocardial_sheet_degrees, epicardial_sheet_degrees)
    for angle in angles:
        if not abs(angle) <= 180.0:
            raise InputError(f"A fibre or sheet angle of {angle:g}° makes no sense; give degrees from -180 to 180.")
    fields = wall_fields(mesh, depth=depth, apex=apex, endocardium=endocardium, epicardium=epicardium, base=base)
    notes = mesh.notes
    if fields.unclear_count:
        notes += (
            f"In {fields.unclear_count:,} of {mesh.tet_count:,} tetrahedra, as on the axis at the apex, no direction goes around "
            "the ventricle; their fibres lie in the wall, in a direction chosen freely.",
        )
    frames = _turned(fields, fields.depth[mesh.tets].mean(axis=1), np.radians(angles))
    return replace(mesh, frames=frames, frame_names=HEART_FRAME, notes=notes)


def wall_fields(
    mesh: TetMesh,
    *,
    depth: Depth = "laplace",
    apex: np.ndarray | None = None,
    endocardium: str = "endocardium",
    epicardium: str = "epicardium",
    base: str = "base",
) -> WallFields:
    """Solve for depth and height over linear tets.

    depth: "laplace" for Bayer's field, Δφ = 0 between 0 on the endocardium and 1 on the epicardium, which rises faster inside,
        where the wall bends more (halfway through a wall from 7 to 10 mm of radius it is 0.54); "even" for the share of the way
        through the wall, ∇·(|∇φ| ∇d) = 0, whose slope along φ's lines is constant as in a shell between concentric spheres.
    apex: a point (3,) [mm]; what flows in at the vertex nearest to it and out at the base gives the height, up to a scale the
        field that Bayer holds at 0 there. By default it flows in everywhere, −Δψ = 1, and the apex is where ψ is greatest.
    endocardium, epicardium, base: names of the face sets; the first two must not touch, as the base parts them.

    A gradient is that of the linear field in each tet, averaged over the tets about each vertex by volume and then over the tet's
    vertices, which is one order more accurate. The upward direction is the slope of the height within the wall; Bayer takes
    the slope as it is and lets the outward direction give way, so that fibres may leave the wall.

    Raises InputError for a face set that is missing, empty or not of this mesh, an endocardium and epicardium that touch, a mesh
    in pieces or inside out, and an apex that is no point or lies on the base.
    """
    mesh.checked()
    if depth not in ("laplace", "even"):
        raise InputError(f'The depth "{depth}" is not known; give "laplace" or "even".')
    inside, outside, bottom = (_vertices_of(mesh, name) for name in (endocardium, epicardium, base))
    shared = np.intersect1d(inside, outside)
    if len(shared):
        raise InputError(
            f'The face sets "{endocardium}" and "{epicardium}" share {len(shared):,} vertices; the first is vertex {shared[0]}. '
            f'Between them belong the faces of "{base}".'
        )
    system = _System(mesh)
    sides = np.concatenate([inside, outside])
    heights = np.repeat([0.0, 1.0], [len(inside), len(outside)])
    nothing = np.zeros(mesh.vertex_count)
    across = system.solved(np.ones(mesh.tet_count), sides, heights, nothing)
    deep = across
    if depth == "even":
        deep = system.solved(np.linalg.norm(system.gradient(across), axis=1), sides, heights, nothing)
    source = system.vertex_volumes if apex is None else _source_at(mesh, np.asarray(apex, float), bottom)
    below = system.solved(np.ones(mesh.tet_count), bottom, np.zeros(len(bottom)), source)
    around, upward, outward, unclear = _axes(-system.smooth_gradient(below), system.smooth_gradient(across))
    return WallFields(deep, 1.0 - below / below.max(), around, upward, outward, unclear)


def _vertices_of(mesh: TetMesh, name: str) -> np.ndarray:
    """Numbers of the vertices of a face set."""
    faces = mesh.face_sets.get(name)
    if faces is None:
        there = ", ".join(f'"{one}"' for one in mesh.face_sets) or "none"
        raise InputError(f'The mesh has no face set "{name}". It has {there}; name one of these, or add it.')
    vertices = np.unique(faces)
    if not len(vertices):
        raise InputError(f'The face set "{name}" is empty. Give it the faces of the ventricle that it names.')
    lost = vertices[~np.isin(vertices, mesh.tets)]
    if len(lost):
        raise InputError(
            f'{len(lost):,} of {len(vertices):,} vertices of the face set "{name}" belong to no tetrahedron; the first is vertex '
            f"{lost[0]}. Give faces of this mesh."
        )
    return vertices


def _source_at(mesh: TetMesh, apex: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """What flows in at each vertex (vertex count,): all of it at the one nearest to the apex (3,) [mm]."""
    if apex.shape != (3,) or not np.isfinite(apex).all():
        raise InputError(f"The apex {apex.tolist()} is no point; give three coordinates in millimetres.")
    used = np.unique(mesh.tets)
    nearest = used[np.linalg.norm(mesh.vertices[used] - apex, axis=1).argmin()]
    if nearest in bottom:
        raise InputError(f"The apex {apex.tolist()} mm lies on the base; give a point at the other end of the ventricle.")
    source = np.zeros(mesh.vertex_count)
    source[nearest] = 1.0
    return source


class _System:
    """Linear finite elements for ∇·(k ∇x) = −source over a mesh, k one number a tet."""

    def __init__(self, mesh: TetMesh):
        self.tets = mesh.tets.astype(np.int64)
        self.count = mesh.vertex_count
        corners = mesh.vertices[self.tets].astype(float)
        inverse = np.linalg.inv(corners[:, 1:] - corners[:, :1])
        self.slopes = np.concatenate([-inverse.sum(axis=2)[:, None], inverse.transpose(0, 2, 1)], axis=1)
        self.volumes = mesh.volumes()
        self.vertex_volumes = self._gathered(self.volumes) / 4.0
        self.used = self.vertex_volumes > 0.0
        pieces = connected_components(self._matrix(np.ones(len(self.tets))), directed=False)[1]
        sizes = np.bincount(np.unique(pieces[self.used], return_inverse=True)[1])
        if len(sizes) > 1:
            raise InputError(
                f"The mesh is in {len(sizes):,} pieces, the largest with {sizes.max():,} of {sizes.sum():,} vertices. Give the "
                "wall of one ventricle, in one piece."
            )

    def solved(self, conductivity: np.ndarray, held: np.ndarray, values: np.ndarray, source: np.ndarray) -> np.ndarray:
        """The field (vertex count,) held at `values` on the vertices `held`, by conjugate gradients scaled by the diagonal."""
        matrix = self._matrix(conductivity)
        field = np.zeros(self.count)
        field[held] = values
        free = self.used.copy()
        free[held] = False
        right = (source - matrix @ field)[free]
        block = matrix[free][:, free]
        # On one thread, so that the last bits do not hang on how many there are; more would not make it faster either.
        with threadpool_limits(limits=1, user_api="blas"):
            scaling = sparse.diags_array(1.0 / block.diagonal())
            field[free], failed = cg(block, right, rtol=TOLERANCE, M=scaling, maxiter=MOST_STEPS)
        if failed:
            raise InputError("A field over the mesh did not settle; its tetrahedra are too flat. Remesh the wall.")
        return field

    def gradient(self, field: np.ndarray) -> np.ndarray:
        """Gradient (tet count, 3) [1/mm] of a field (vertex count,)."""
        return np.einsum("ti,tij->tj", field[self.tets], self.slopes)

    def smooth_gradient(self, field: np.ndarray) -> np.ndarray:
        """Gradient (tet count, 3) [1/mm] averaged by volume about vertices, and then over each tet's."""
        weighted = self.volumes[:, None] * self.gradient(field)
        at_vertices = np.stack([self._gathered(weighted[:, axis]) for axis in range(3)], axis=1)
        at_vertices[self.used] /= 4.0 * self.vertex_volumes[self.used, None]
        return at_vertices[self.tets].mean(axis=1)

    def _matrix(self, conductivity: np.ndarray) -> sparse.csr_array:
        stiffness = np.einsum("t,tik,tjk->tij", conductivity * self.volumes, self.slopes, self.slopes)
        rows, columns = np.repeat(self.tets, 4, axis=1), np.tile(self.tets, (1, 4))
        entries = (stiffness.ravel(), (rows.ravel(), columns.ravel()))
        return sparse.coo_array(entries, shape=(self.count, self.count)).tocsr()

    def _gathered(self, values: np.ndarray) -> np.ndarray:
        """Sum of tet values (tet count,) about each vertex."""
        return np.bincount(self.tets.ravel(), weights=np.repeat(values, 4), minlength=self.count)


def _axes(upward: np.ndarray, outward: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Unit directions around, upward and outward, (tet count, 3) each, from two slopes, and how many had to be chosen freely."""
    faint = np.linalg.norm(outward, axis=1) < FAINTEST * np.median(np.linalg.norm(outward, axis=1))
    outward = np.where(faint[:, None], [0.0, 0.0, 1.0], unit(outward))
    around = np.cross(unit(upward), outward)
    faint |= np.linalg.norm(around, axis=1) < FAINTEST
    across = np.cross(np.eye(3)[np.abs(outward).argmin(axis=1)], outward)
    around = unit(np.where((np.linalg.norm(around, axis=1) < FAINTEST)[:, None], across, around))
    return around, np.cross(outward, around), outward, int(np.count_nonzero(faint))


def _turned(fields: WallFields, depth: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Frames (tet count, 3, 3) at depths (tet count,) of endo- and epicardial fibre and then sheet angles (4,) [rad]."""
    alpha, beta = (((1.0 - depth) * angles[k] + depth * angles[k + 1])[:, None] for k in (0, 2))
    fibre = np.cos(alpha) * fields.around + np.sin(alpha) * fields.upward
    beside = np.cos(alpha) * fields.upward - np.sin(alpha) * fields.around
    fibre = unit(fibre)
    sheet = np.cos(beta) * fields.outward + np.sin(beta) * beside
    sheet = unit(sheet - dot(sheet, fibre)[:, None] * fibre)
    return np.stack([fibre, sheet, np.cross(fibre, sheet)], axis=1)
