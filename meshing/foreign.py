"""What the files of other programs hold of a volume mesh, before any of it is judged: .vtu, .vtk, .msh, .inp and .mesh."""

import contextlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from meshing.abaqus import read_abaqus
from meshing.errors import InputError

SUFFIXES = (".vtu", ".vtk", ".msh", ".inp", ".mesh")
SURFACE_KINDS = ("vertex", "line", "triangle", "quad", "polygon")
VTK_KINDS = {1: "vertex", 3: "line", 5: "triangle", 9: "quad", 10: "tetra", 12: "hexahedron", 13: "wedge", 14: "pyramid",
             22: "triangle", 24: "tetra10", 42: "polyhedron"}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What a file holds, before any of it is judged; `cell_data` and `sets` are of the tets, in their order."""

    points: np.ndarray
    tets: np.ndarray
    second_order_count: int
    other_counts: Mapping[str, int]
    cell_data: Mapping[str, np.ndarray] = field(default_factory=dict)
    sets: Mapping[str, np.ndarray] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    at_vertices: tuple[str, ...] = ()
    is_ours: bool = False


def read_found(path: Path) -> Found:
    """What a file holds, by whichever reader can make sense of it.

    Raises InputError for a file that no reader can read, for volume elements that are no tets, and where there are no tets.
    """
    suffix = path.suffix.lower()
    if suffix == ".inp":
        part = read_abaqus(path)
        return _demand_tets(Found(part.points, part.tets, part.second_order_count, part.other_counts, sets=part.sets), path)
    from meshio import ansys, gmsh, medit, vtk, vtu

    modules: dict[str, tuple[Any, ...]] = {".vtu": (vtu,), ".vtk": (vtk,), ".msh": (gmsh, ansys), ".mesh": (medit,)}
    readers = [module.read for module in modules[suffix]]
    if suffix in (".vtu", ".vtk"):
        readers.append(_read_by_vtk)
    reasons = []
    for reader in readers:
        try:
            # Readers print what they could not make sense of; a person gets one sentence instead.
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                grid = reader(str(path))
            return _demand_tets(grid if isinstance(grid, Found) else _from_meshio(grid), path)
        except InputError:
            raise
        # Readers fail in many ways on a broken file (parsers, zlib, struct, their own), all of which mean the same.
        except (Exception, SystemExit) as error:
            reasons.append(" ".join(str(error).split())[:120] or type(error).__name__)
    if suffix == ".msh" and "Incompatible cell data" in reasons[0]:
        raise InputError(
            f"{path.name} puts only some of its elements into physical groups, which cannot be read. In Gmsh, give each volume a "
            "physical group, or save as version 2.2."
        )
    raise InputError(
        f"{path.name} cannot be read as {suffix}; it is cut short or of another kind ({reasons[0].rstrip('.')}). Export it again."
    )


def _from_meshio(grid: Any) -> Found:
    blocks = [number for number, block in enumerate(grid.cells) if block.type.startswith("tetra")]
    others: dict[str, int] = {}
    for block in grid.cells:
        if not block.type.startswith("tetra"):
            others[block.type] = others.get(block.type, 0) + len(block.data)
    counts = [len(grid.cells[number].data) for number in blocks]
    starts = np.cumsum([0, *counts])
    sets = {}
    for name, members in (grid.cell_sets or {}).items():
        # Gmsh keeps its entities under such names; its groups of tissues are in the cell data.
        if not name.startswith("gmsh:") and len(members) == len(grid.cells):
            chosen = np.zeros(starts[-1], bool)
            for start, number in zip(starts, blocks, strict=False):
                if members[number] is not None:
                    chosen[start + np.asarray(members[number], np.int64)] = True
            sets[name] = chosen
    names = {}
    for name, value in (grid.field_data or {}).items():
        # Gmsh names its groups by number and dimension.
        pair = np.ravel(value)
        if len(pair) == 2 and np.issubdtype(pair.dtype, np.integer) and pair[1] == 3:
            names[int(pair[0])] = name
    return Found(
        points=np.asarray(grid.points),
        tets=np.concatenate([np.empty((0, 4), np.int64), *(grid.cells[number].data[:, :4] for number in blocks)]),
        second_order_count=sum(len(grid.cells[number].data) for number in blocks if grid.cells[number].type != "tetra"),
        other_counts=others,
        cell_data={
            name: np.concatenate([np.asarray(data[number]) for number in blocks])
            for name, data in grid.cell_data.items()
            if blocks
        },
        sets=sets,
        names=names,
        at_vertices=tuple(name for name in grid.point_data if not name.startswith(("gmsh:", "medit:"))),
        is_ours="about" in grid.field_data,
    )


def _read_by_vtk(path: str) -> Found:
    """What VTK reads where meshio does not, as legacy files with its newer arrays."""
    import pyvista
    import vtk

    was = vtk.vtkObject.GetGlobalWarningDisplay()
    vtk.vtkObject.SetGlobalWarningDisplay(0)
    try:
        grid = pyvista.read(path)
    finally:
        vtk.vtkObject.SetGlobalWarningDisplay(was)
    if not isinstance(grid, pyvista.UnstructuredGrid) or grid.n_cells == 0:
        raise ValueError(f"it holds a {type(grid).__name__} of {grid.n_cells if isinstance(grid, pyvista.DataSet) else 0} cells")
    kinds = np.asarray(grid.celltypes)
    chosen = np.flatnonzero((kinds == 10) | (kinds == 24))
    numbers, counts = np.unique(kinds[(kinds != 10) & (kinds != 24)], return_counts=True)
    starts = np.asarray(grid.cell_offsets)[:-1][chosen]
    return Found(
        points=np.asarray(grid.points),
        tets=np.asarray(grid.cell_connectivity)[starts[:, None] + np.arange(4)].astype(np.int64),
        second_order_count=int(np.count_nonzero(kinds == 24)),
        other_counts={
            VTK_KINDS.get(number, f"VTK cell type {number}"): count
            for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)
        },
        cell_data={name: np.asarray(values)[chosen] for name, values in grid.cell_data.items()},
        at_vertices=tuple(grid.point_data.keys()),
    )


def _demand_tets(found: Found, path: Path) -> Found:
    solid = {kind: count for kind, count in found.other_counts.items() if not kind.startswith(("surface", *SURFACE_KINDS))}
    if solid:
        kinds = listed([f"{count:,} of kind {kind}" for kind, count in solid.items()])
        raise InputError(
            f"{path.name} has volume elements that are no tetrahedra: {kinds}. Split all of them into tetrahedra in the "
            "program that made the mesh, since leaving them out would leave holes."
        )
    if not len(found.tets):
        raise InputError(f"{path.name} has no tetrahedra. Give a volume mesh, not a surface.")
    if found.tets.min() < 0 or found.tets.max() >= len(found.points):
        raise InputError(
            f"{path.name} has a tetrahedron at vertex {found.tets.max()}, but only {len(found.points):,} vertices. "
            "Export it again."
        )
    return found


def listed(words: Iterable[str]) -> str:
    """The first eight of some words, and how many more there are."""
    words = list(words)
    return ", ".join(words[:8]) + (f" and {len(words) - 8} more" if len(words) > 8 else "")
