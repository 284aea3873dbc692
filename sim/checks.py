"""What a body must be to be simulated, told in one sentence where it is not."""

import os

import numpy as np

from sim.body import Body, ModelError, boundary_faces
from sim.materials.active import Active
from sim.materials.material import Material
from sim.materials.wrapping import unwrapped
from sim.tables import beginning_with_least

BYTES_PER_TET = 4000
"""Memory that a model and its solver take [bytes]: `benchmarks/solver.py` found 3,400 to 3,700 on structured meshes."""


def rest_shape(body: Body) -> tuple[np.ndarray, np.ndarray]:
    """Inverse rest edges [1/m], shape (m, 3, 3), the identity where there is no volume, and rest volumes [m³], shape (m,)."""
    p = body.vertices[body.tets]
    edges = (p[:, 1:] - p[:, :1]).transpose(0, 2, 1)
    # Vertices without a place are refused later, by name.
    with np.errstate(invalid="ignore"):
        volume = np.linalg.det(edges) / 6.0
    safe = np.where((volume > 0.0)[:, None, None], edges, np.eye(3))
    return np.linalg.inv(safe), volume


def estimated_memory(tet_count: int) -> int:
    """Memory that a model of so many tetrahedra and its solver take [bytes]."""
    return BYTES_PER_TET * tet_count


def check_body(body: Body, volume: np.ndarray, *, available: int | None = None) -> None:
    """Refuse a body that cannot be simulated.

    Parameters
    ----------
    volume
        Rest volume of each tet [m³], shape (m,).
    available
        Memory to be had [bytes]; None asks the system.

    Raises
    ------
    ModelError
        With what is wrong, which, its value and what to do.
    """
    _check_memory(len(body.tets), _free_memory() if available is None else available)
    if not 0.0 < body.kept <= 1.0:
        raise ModelError(f"The share of the volume term kept in the tets is {body.kept:g}; it must be above 0 and at most 1.")
    _check_mesh(body, volume)
    _check_laws(body)
    _check_surfaces(body)
    for name, patch in body.patches.items():
        if len(patch) == 0 or np.min(patch) < 0 or np.max(patch) >= len(body.vertices):
            raise ModelError(
                f"The patch {name!r} names no vertex, or one that is not there; give some of 0 to {len(body.vertices) - 1}."
            )


def _check_memory(tet_count: int, available: int) -> None:
    needed = estimated_memory(tet_count)
    if needed > available:
        raise ModelError(
            f"{tet_count:,} tetrahedra need about {needed / 2**30:.1f} GiB of memory and {available / 2**30:.1f} GiB are free; "
            "mesh coarser."
        )


def _free_memory() -> int:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 2**63


def _check_mesh(body: Body, volume: np.ndarray) -> None:
    if not np.isfinite(body.vertices).all():
        bad = np.flatnonzero(~np.isfinite(body.vertices).all(axis=1))
        raise ModelError(f"{len(bad):,} vertices have no finite place; the first is vertex {bad[0]}. Mesh the tissue again.")
    bad = np.flatnonzero(~(volume > 0.0))
    if len(bad):
        worst = int(np.argmin(volume))
        raise ModelError(
            f"{len(bad):,} of {len(volume):,} tetrahedra are inside out or flat; the worst is tet {worst} "
            f"({volume[worst]:.2g} m³). Mesh the vessel again or repair the mesh."
        )
    loose = np.setdiff1d(np.arange(len(body.vertices)), body.tets)
    if len(loose):
        raise ModelError(f"{len(loose):,} vertices belong to no tetrahedron; the first is vertex {loose[0]}. Remove them.")


def _check_laws(body: Body) -> None:
    if len(body.law_of_tet) != len(body.tets) or body.law_of_tet.min() < 0 or body.law_of_tet.max() >= len(body.laws):
        raise ModelError(f"Not every tetrahedron names one of the {len(body.laws)} laws; give a tissue for each label.")
    wants = sorted({needs for number in np.unique(body.law_of_tet) if (needs := _needs_frames(body.laws[number]))})
    if not wants:
        return
    if body.frames is None:
        raise ModelError(f"{', '.join(wants)} needs the directions of its fibres; give a frame for each tetrahedron.")
    if body.frames.shape != (len(body.tets), 3, 3):
        raise ModelError(f"There are {len(body.tets):,} tetrahedra and frames of shape {body.frames.shape}; give one for each.")
    off = np.abs(body.frames.transpose(0, 2, 1) @ body.frames - np.eye(3)).max(axis=(1, 2))
    bad = np.flatnonzero(~(off < 1e-3))
    if len(bad):
        raise ModelError(
            f"The frames of {len(bad):,} tetrahedra are not three unit vectors at right angles; the first is tet {bad[0]}."
        )


def _needs_frames(law: Material) -> str:
    """Name of the law that asks for directions, nothing if none does."""
    inner, wraps = unwrapped(law)
    if getattr(inner, "fibrous", False):
        return type(inner).__name__
    return "Active" if any(isinstance(one, Active) for one in wraps) else ""


def _check_surfaces(body: Body) -> None:
    for name in (*(support.surface for support in body.supports), *body.touching):
        body.surface(name)
    surfaces = {name: triangles for name, triangles in {"lumen": body.lumen, **body.surfaces}.items() if len(triangles)}
    if not surfaces:
        return
    count, boundary = len(body.vertices), boundary_faces(body.tets)
    sides = set(_turns(boundary, count).tolist())
    others = set(_turns(boundary[:, ::-1], count).tolist())
    for name, triangles in surfaces.items():
        for number, key in enumerate(_turns(np.asarray(triangles), count).tolist()):
            if key in sides:
                continue
            which = f"Triangle {number} of the surface {name!r}, {tuple(np.asarray(triangles)[number].tolist())},"
            if key in others:
                raise ModelError(
                    f"{which} faces out of the tissue; turn it round, since pressure pushes along the normal, into the tissue."
                )
            raise ModelError(f"{which} is no face of the tissue's boundary; take the surface from this mesh.")


def _turns(triangles: np.ndarray, vertex_count: int) -> np.ndarray:
    """A number for each triangle, the same whichever corner it begins with, another if it is wound the other way, shape (k,)."""
    turned = beginning_with_least(triangles).astype(np.int64)
    # 64 bits hold the cube of two million vertices, more than memory does.
    return (turned[:, 0] * vertex_count + turned[:, 1]) * vertex_count + turned[:, 2]
