"""Reading a stent's closed surface, or the skin of its solid mesh, from a file."""

import re
from pathlib import Path

import numpy as np
import trimesh

from meshing.errors import InputError

# Faces of solid elements by their corners, seen from outside; corners come first in elements of second order.
SOLID_FACES = {
    "tetra": ((0, 2, 1), (0, 1, 3), (1, 2, 3), (2, 0, 3)),
    "pyramid": ((0, 3, 2, 1), (0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4)),
    "wedge": ((0, 2, 1), (3, 4, 5), (0, 1, 4, 3), (1, 2, 5, 4), (2, 0, 3, 5)),
    "hexahedron": ((0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)),
}
CORNER_COUNTS = {"tetra": 4, "pyramid": 5, "wedge": 6, "hexahedron": 8}
ABAQUS_SOLIDS = {
    4: "tetra",
    10: "tetra",
    5: "pyramid",
    6: "wedge",
    15: "wedge",
    8: "hexahedron",
    20: "hexahedron",
    27: "hexahedron",
}


def read_closed_surface(source: "str | Path | trimesh.Trimesh", *, part: str | None = None) -> trimesh.Trimesh:
    """The closed surface of a stent in the file's own unit, normals outward; `part` names one of an .inp file's parts.

    Raises InputError for a file that cannot be read, and for a surface that is empty, open or without volume.
    """
    if isinstance(source, trimesh.Trimesh):
        surface, name = source.copy(), "The surface"
    else:
        path = Path(source)
        name = path.name
        if not path.is_file():
            raise InputError(f"There is no file {path}. Give the path of a stent's mesh.")
        surface = _abaqus_skin(path, part) if path.suffix.lower() == ".inp" else _read(path)
    surface.merge_vertices()
    surface.update_faces(surface.nondegenerate_faces(height=1e-300))
    if not len(surface.faces) or not np.isfinite(surface.vertices).all():
        raise InputError(f"{name} holds no triangles with finite corners. Export the stent as a closed surface or a solid mesh.")
    edges = np.sort(surface.edges, axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    open_count = int((counts % 2 == 1).sum())
    if open_count:
        raise InputError(
            f"{name} is an open surface: {open_count:,} of {len(counts):,} edges lack a neighbour. "
            "Export the stent as one closed solid."
        )
    if not surface.is_winding_consistent:
        trimesh.repair.fix_normals(surface)
    extent = float(np.prod(np.maximum(surface.extents, 1e-30)))
    if abs(surface.volume) < 1e-9 * extent:
        raise InputError(f"{name} encloses no volume, so its struts have a section of zero. Give them a width and a thickness.")
    if surface.volume < 0.0:
        surface.invert()
    return surface


def _read(path: Path) -> trimesh.Trimesh:
    """Any format that trimesh or meshio knows."""
    try:
        if path.suffix.lower() in (".stl", ".ply", ".obj", ".off"):
            loaded = trimesh.load(path, force="mesh", process=True)
            if not isinstance(loaded, trimesh.Trimesh):
                raise ValueError("no triangles in it")
            return loaded
        if path.suffix.lower() == ".vtp":
            return _polydata(path)
        import meshio

        mesh = meshio.read(path)
        solids = [(block.type, np.asarray(block.data)) for block in mesh.cells]
        return _skin(np.asarray(mesh.points, float)[:, :3], solids)
    except (InputError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        raise InputError(
            f"{path.name} cannot be read as a mesh ({error}). Export it as .stl, .ply, .vtu, .msh or .inp."
        ) from error


def _polydata(path: Path) -> trimesh.Trimesh:
    """The triangles of a VTK surface file."""
    import pyvista

    surface = pyvista.PolyData(str(path)).triangulate()
    return trimesh.Trimesh(np.asarray(surface.points, float), surface.faces.reshape(-1, 4)[:, 1:], process=True)


def _skin(points: np.ndarray, blocks: list[tuple[str, np.ndarray]]) -> trimesh.Trimesh:
    """Outer triangles of solid elements; of triangles and quadrilaterals themselves where there is no solid."""
    solids = [(_solid(kind), cells) for kind, cells in blocks if _solid(kind)]
    faces: list[np.ndarray] = []
    for kind, cells in solids:
        for face in SOLID_FACES[str(kind)]:
            corners = cells[:, list(face)]
            faces.append(np.column_stack([corners, corners[:, :1]]) if len(face) == 3 else corners)
    if solids:
        quads = np.concatenate(faces)
        _, first, count = np.unique(np.sort(quads, axis=1), axis=0, return_index=True, return_counts=True)
        # A triangle is held with its first corner twice; a face that is there twice lies inside.
        quads = quads[first[count == 1]]
    else:
        for kind, cells in blocks:
            if kind.startswith("triangle"):
                faces.append(cells[:, [0, 1, 2, 0]])
            elif kind.startswith("quad"):
                faces.append(cells[:, :4])
        if not faces:
            raise ValueError("neither triangles nor solid elements in it")
        quads = np.concatenate(faces)
    four = quads[:, 3] != quads[:, 0]
    triangles = np.concatenate([quads[:, :3], quads[four][:, [0, 2, 3]]])
    return trimesh.Trimesh(points, triangles, process=True)


def _solid(kind: str) -> str | None:
    """The solid element's plain kind, whatever its order."""
    return next((name for name in SOLID_FACES if kind.startswith(name)), None)


def _abaqus_skin(path: Path, part: str | None) -> trimesh.Trimesh:
    """The skin of the one part of an .inp file that has solid elements, or of the one named."""
    text = re.sub(r"^[ \t]*\*\*.*\n?", "", path.read_text(encoding="utf-8", errors="replace"), flags=re.MULTILINE)
    chunks = re.split(r"^\*part\b", text, flags=re.MULTILINE | re.IGNORECASE)
    found: dict[str, trimesh.Trimesh] = {}
    for chunk in chunks if len(chunks) == 1 else chunks[1:]:
        named = re.match(r"[^\n]*name\s*=\s*([^,\n]+)", chunk, re.IGNORECASE) if len(chunks) > 1 else None
        name = named.group(1).strip().strip('"') if named else path.stem
        try:
            surface = _part_skin(chunk)
        except (ValueError, KeyError) as error:
            raise InputError(
                f"{path.name}, part {name}: its nodes and elements cannot be read ({error}). Export it again."
            ) from error
        if surface is not None:
            found[name] = surface
    if part is not None:
        found = {name: surface for name, surface in found.items() if name.lower() == part.lower()}
    if len(found) != 1:
        which = ", ".join(found) or "none"
        raise InputError(
            f"{path.name} must hold one part with solid elements; it has {len(found)} ({which}). Name one with `part`."
        )
    return next(iter(found.values()))


def _part_skin(chunk: str) -> trimesh.Trimesh | None:
    """Nodes and solid elements of one part; None where it has no solid elements."""
    nodes: dict[int, int] = {}
    points: list[np.ndarray] = []
    blocks: list[tuple[str, np.ndarray]] = []
    for block in re.split(r"^\*", chunk, flags=re.MULTILINE)[1:]:
        head, _, body = block.partition("\n")
        keyword = head.split(",")[0].strip().lower()
        if keyword == "node" and body.strip():
            rows = np.array([[float(word) for word in line.split(",")[:4]] for line in body.splitlines() if line.strip()])
            nodes.update({int(number): len(nodes) + place for place, number in enumerate(rows[:, 0])})
            points.append(rows[:, 1:])
        elif keyword == "element":
            kind = re.search(r"type\s*=\s*C3D(\d+)", head, re.IGNORECASE)
            if kind and int(kind.group(1)) in ABAQUS_SOLIDS:
                words = np.array([int(word) for word in body.replace("\n", ",").split(",") if word.strip()])
                corners = words.reshape(-1, int(kind.group(1)) + 1)[:, 1:]
                solid = ABAQUS_SOLIDS[int(kind.group(1))]
                blocks.append((solid, corners[:, : CORNER_COUNTS[solid]]))
    if not blocks or not points:
        return None
    numbered = [(kind, np.vectorize(nodes.__getitem__)(cells)) for kind, cells in blocks]
    return _skin(np.concatenate(points), numbered)
