"""The inside of a closed surface in tetrahedra: by our own lattice, or by fTetWild where it is installed."""

import dataclasses
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from meshing.errors import InputError
from meshing.labels import LabelMap
from meshing.nearness import windings
from meshing.surfaces import ClosedSurface, Surface, closed
from meshing.tetmesh import TetMesh, tet_volumes
from meshing.tetrahedra import tetrahedralize

ENGINES = ("lattice", "ftetwild")
VOXELS_AN_EDGE = 3.0
MOST_VOXELS = 12_000_000
LONGEST_SECONDS = 1800
FTETWILD = """
import numpy, pytetwild
given = numpy.load("in.npz")
vertices, tets = pytetwild.tetrahedralize(
    given["vertices"], given["triangles"], edge_length_abs=float(given["edge"]), num_threads=1, quiet=True
)
numpy.savez("out.npz", vertices=vertices, tets=tets)
"""
NUMBER = 1  # the label of what the surface encloses


def fill_surface(
    surface: Surface,
    *,
    edge_length: float,
    engine: str = "lattice",
    name: str = "inside",
    progress: Callable[[float, str], None] | None = None,
) -> TetMesh:
    """Fill a surface, mended and capped where it is open, with tets whose edges are about `edge_length` [mm] long.

    engine "lattice" turns the inside into voxels a third of an edge long and fills these as a label; it takes any surface that
    has an inside. "ftetwild" keeps to the surface itself (Hu et al. 2020, doi:10.1145/3386569.3392385); it needs the extra
    `surfaces`, is slow, and refuses a surface that crosses itself.

    Raises InputError for an engine of another name or not installed, a surface that cannot be mended, and for an edge length
    that `meshing.tetrahedra.tetrahedralize` would refuse.
    """
    if engine not in ENGINES:
        raise InputError(f"There is no meshing engine {engine!r}; choose {' or '.join(ENGINES)}.")
    if not (np.isfinite(edge_length) and edge_length > 0):
        raise InputError(f"The edge length is {edge_length} mm; give one above zero.")
    whole = closed(surface)
    extent = np.ptp(whole.vertices, axis=0)
    if edge_length > extent.max():
        raise InputError(
            f"The edge length of {edge_length:g} mm is larger than what is to be meshed, which measures "
            f"{extent[0]:.3g} × {extent[1]:.3g} × {extent[2]:.3g} mm; give a smaller one."
        )
    notes = (*surface.notes, *whole.notes)
    if engine == "ftetwild":
        return _by_ftetwild(whole, edge_length, name, notes)
    labels = _as_voxels(whole, edge_length, name, source=surface.source or "the surface", notes=notes)
    return tetrahedralize(labels, edge_length=edge_length, progress=progress)


def _as_voxels(whole: ClosedSurface, edge_length: float, name: str, *, source: str, notes: tuple[str, ...]) -> LabelMap:
    low, high = whole.vertices.min(axis=0), whole.vertices.max(axis=0)
    step = max(edge_length / VOXELS_AN_EDGE, (float(np.prod(high - low)) / MOST_VOXELS) ** (1.0 / 3.0))
    origin = low - 2.37 * step
    shape = tuple(int(count) for count in np.ceil((high - origin) / step) + 3)
    if not whole.is_oriented:
        raise InputError("No inside of the surface could be found: its triangles face both ways. Mend it in a mesh editor.")
    inside = windings(whole.vertices, whole.triangles, origin=origin, step=step, shape=shape) > 0
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = origin
    return LabelMap(inside.astype(np.uint8), affine, {NUMBER: name}, {}, source, notes)


def _by_ftetwild(whole: ClosedSurface, edge_length: float, name: str, notes: tuple[str, ...]) -> TetMesh:
    if importlib.util.find_spec("pytetwild") is None:
        raise InputError("fTetWild is not installed; install it with: pip install 'vesalius[surfaces]'.")
    if not whole.is_sound:
        raise InputError("The surface crosses itself, which fTetWild does not take here; use the lattice, or mend the surface.")
    vertices, tets = _run_ftetwild(whole, edge_length)
    if np.median(tet_volumes(vertices, tets)) < 0:
        tets = tets[:, [0, 2, 1, 3]]
    used, tets = np.unique(tets, return_inverse=True)
    tets = tets.reshape(-1, 4).astype(np.int32)
    mesh = TetMesh(vertices[used], tets, np.full(len(tets), NUMBER, np.int32), {NUMBER: name}, notes=notes)
    return dataclasses.replace(mesh, face_sets={f"outside of {name}": mesh.boundary_faces()}).checked()


def _run_ftetwild(whole: ClosedSurface, edge_length: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and tets from a process of its own: fTetWild may run for very long, and writes files where it stands."""
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "in.npz", vertices=whole.vertices, triangles=whole.triangles.astype(np.int32), edge=edge_length)
        try:
            subprocess.run(
                [sys.executable, "-c", FTETWILD], cwd=folder, capture_output=True, check=True, timeout=LONGEST_SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise InputError(
                f"fTetWild was stopped after {LONGEST_SECONDS} s; give a larger edge length than {edge_length:g} mm, or use "
                "the lattice."
            ) from error
        except subprocess.CalledProcessError as error:
            raise InputError("fTetWild failed on this surface; use the lattice, or mend the surface in a mesh editor.") from error
        with np.load(Path(folder) / "out.npz") as made:
            return made["vertices"], made["tets"].astype(np.int64)
