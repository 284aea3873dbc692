"""TetMesh to and from disk: one .vtu file that ParaView shows and meshio reads.

The tets come first, then the named faces as a second block of triangles. Cell data: `label` (a face bears the label of the
tet behind it), `face_set` (0 for a tet, else 1, 2, ... in the order of the names), and the three rows of the frames by their
names, such as `circumferential`, `axial`, `radial` in a vessel wall or `fibre`, `sheet`, `normal` in a heart.
Names, space (LPS), unit (mm) and notes stand as JSON in a comment for people, and as the byte array `about` in the field
data for programs. Text arrays, which meshio refuses, are passed over when a file is read.
"""

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from meshing.errors import InputError
from meshing.tetmesh import TET_FACES, VESSEL_FRAME, TetMesh

TEXT_ARRAY = re.compile(rb'<(DataArray|Array) type="String"[^>]*?(/>|>.*?</\1>)', re.DOTALL)


def write_mesh(mesh: TetMesh, path: str | Path, *, compressed: bool = True) -> None:
    """Write a mesh to a .vtu file in one stroke: a reader finds the old file or the whole new one.

    A file that is not `compressed` is about three times as long and written in a third of the time.

    Raises InputError for another suffix, a folder that is not there, or a mesh unfit for use.
    """
    import meshio

    path = Path(path)
    if path.suffix.lower() != ".vtu":
        raise InputError(f"A mesh is written as .vtu, not as {path.suffix or 'a file without suffix'}; rename {path.name}.")
    if not path.parent.is_dir():
        raise InputError(f"The folder {path.parent} does not exist. Make it first.")
    mesh.checked()
    names = list(mesh.face_sets)
    faces = np.concatenate([np.asarray(mesh.face_sets[name]).reshape(-1, 3) for name in names] or [np.empty((0, 3), int)])
    numbers = np.repeat(np.arange(1, len(names) + 1), [len(mesh.face_sets[name]) for name in names])
    behind = _tets_behind(mesh, faces)
    blocks: list = [("tetra", mesh.tets.astype(np.int32)), ("triangle", faces.astype(np.int32))][: 2 if len(faces) else 1]
    cell_data = {
        "label": [mesh.labels.astype(np.int32), mesh.labels[behind].astype(np.int32)],
        "face_set": [np.zeros(mesh.tet_count, np.int32), numbers.astype(np.int32)],
    }
    if mesh.frames is not None:
        for row, name in enumerate(mesh.frame_names):
            cell_data[name] = [np.ascontiguousarray(mesh.frames[:, row]), np.ascontiguousarray(mesh.frames[behind, row])]
    about = {
        "program": "Vesalius",
        "space": "LPS",
        "unit": "mm",
        "use": "Research and education only. Not for clinical decisions.",
        "label_names": {str(number): name for number, name in mesh.label_names.items()},
        "face_sets": names,
        "frame_names": list(mesh.frame_names),
        "notes": list(mesh.notes),
    }
    grid = meshio.Mesh(
        np.asarray(mesh.vertices, float), blocks, cell_data={name: data[: len(blocks)] for name, data in cell_data.items()}
    )
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".vtu")
    os.close(handle)
    try:
        meshio.write(temporary, grid, file_format="vtu", compression="zlib" if compressed else None)
        _insert_about(Path(temporary), about)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def read_mesh(path: str | Path, *, unfit_too: bool = False) -> TetMesh:
    """Read a mesh that `write_mesh` wrote, or any other .vtu with tetrahedra (which then bears label 1 unless it says).

    With `unfit_too` inverted tets are let through, for `quality.assess` to count.
    Raises InputError for a file that is missing, truncated or not a .vtu, that has no tets, inverted tets or positions that
    are not numbers, or whose unit or space is another than mm and LPS.
    """
    import meshio

    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no file {path}. Check the name.")
    try:
        with _without_text(path) as readable:
            grid = meshio.read(readable, file_format="vtu")
    # meshio's parser fails in many ways on a broken file (XML, base64, zlib, struct, its own), all of which mean the same.
    except (Exception, SystemExit) as error:
        raise InputError(f"{path.name} cannot be read as .vtu; it is truncated or of another kind. Write it again.") from error
    tets = np.concatenate([np.empty((0, 4), np.int32)] + [block.data for block in grid.cells if block.type == "tetra"])
    if len(tets) == 0:
        raise InputError(f"{path.name} has no tetrahedra. Give a volume mesh, not a surface.")
    about = _about(grid, path)
    notes = tuple(about.get("notes", ()))
    labels = _of_tets(grid, "label")
    if labels is None:
        labels = np.ones(len(tets), np.int32)
        notes += (f"{path.name} has no labels: all of it is taken as label 1.",)
    if not about:
        notes += (f"{path.name} states neither unit nor space: millimetres and LPS are taken.",)
    known = {int(number): name for number, name in about.get("label_names", {}).items()}
    frame_names = _frame_names(about, path)
    rows = [_of_tets(grid, name) for name in frame_names]
    frames = None if any(row is None for row in rows) else np.stack([row for row in rows if row is not None], axis=1)
    mesh = TetMesh(
        vertices=np.asarray(grid.points, float),
        tets=tets.astype(np.int32),
        labels=labels.astype(np.int32),
        label_names=known or {int(number): f"label {number}" for number in np.unique(labels)},
        frames=frames,
        face_sets=_face_sets(grid, about),
        notes=notes,
        frame_names=frame_names,
    )
    try:
        return mesh.checked(inverted_too=not unfit_too)
    except InputError as error:
        raise InputError(f"{path.name}: {error}") from error


@contextlib.contextmanager
def _without_text(path: Path) -> Iterator[Path]:
    """The file, or a copy without its text arrays, such as the SPACE that 3D Slicer looks for: meshio refuses files with any."""
    content = path.read_bytes()
    without = TEXT_ARRAY.sub(b"", content)
    if len(without) == len(content):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(without)
        yield copy


def _of_tets(grid, name: str) -> np.ndarray | None:
    """One cell array over all tets, or None where the file lacks it."""
    if name not in grid.cell_data:
        return None
    return np.concatenate([data for block, data in zip(grid.cells, grid.cell_data[name], strict=True) if block.type == "tetra"])


def _face_sets(grid, about: dict) -> dict[str, np.ndarray]:
    """The named triangles, by name, in the order in which they were written."""
    triangles = [block.data for block in grid.cells if block.type == "triangle"]
    if "face_set" not in grid.cell_data or not triangles:
        return {name: np.empty((0, 3), np.int64) for name in about.get("face_sets", ())}
    numbers = np.concatenate(
        [data for block, data in zip(grid.cells, grid.cell_data["face_set"], strict=True) if block.type == "triangle"]
    )
    faces = np.concatenate(triangles).astype(np.int64)
    names = about.get("face_sets") or [f"set {number}" for number in range(1, int(numbers.max()) + 1)]
    return {name: faces[numbers == number] for number, name in enumerate(names, start=1)}


def _about(grid, path: Path) -> dict:
    """What the file says of itself; empty for a file of another program."""
    if "about" not in grid.field_data:
        return {}
    try:
        about = json.loads(np.asarray(grid.field_data["about"], np.uint8).tobytes().decode())
    except ValueError as error:
        raise InputError(f"{path.name} has a description that cannot be read; it is damaged. Write it again.") from error
    if (about.get("unit"), about.get("space")) != ("mm", "LPS"):
        raise InputError(f"{path.name} is in {about.get('unit')} and {about.get('space')}, not in mm and LPS. Convert it first.")
    return about


def _frame_names(about: dict, path: Path) -> tuple[str, str, str]:
    """What the rows of the frames are called; those of a vessel wall in files that do not say."""
    names = about.get("frame_names", VESSEL_FRAME)
    if not (isinstance(names, (list, tuple)) and len(names) == 3 and all(isinstance(name, str) for name in names)):
        raise InputError(f"{path.name} calls the rows of its frames {names}, which are not three names. Write it again.")
    return (names[0], names[1], names[2])


def _insert_about(path: Path, about: dict) -> None:
    """Put the description into a file that meshio wrote, which writes no field data itself."""
    text = json.dumps(about)
    # Two hyphens would end the XML comment early.
    readable = json.dumps(about, ensure_ascii=False).replace("--", "- -")
    codes = " ".join(str(code) for code in text.encode())
    block = (
        f'<!-- {readable} -->\n<FieldData>\n<DataArray type="UInt8" Name="about" NumberOfTuples="{len(text)}" '
        f'format="ascii">\n{codes}\n</DataArray>\n</FieldData>\n'
    )
    content = path.read_bytes()
    place = content.index(b"<UnstructuredGrid>") + len(b"<UnstructuredGrid>")
    path.write_bytes(content[:place] + b"\n" + block.encode() + content[place:])


def _tets_behind(mesh: TetMesh, faces: np.ndarray) -> np.ndarray:
    """One tet that has each face, (face_count,); tet 0 for a face that no tet has."""
    if not len(faces):
        return np.empty(0, np.int64)
    # A number for each face, whatever its winding; exact up to two million vertices.
    own, asked = (
        (ordered[:, 0] * mesh.vertex_count + ordered[:, 1]) * mesh.vertex_count + ordered[:, 2]
        for ordered in (np.sort(some.astype(np.int64), axis=1) for some in (mesh.tets[:, TET_FACES].reshape(-1, 3), faces))
    )
    order = np.argsort(own, kind="stable")
    # Of two tets with one face between them, the later one is taken.
    place = np.searchsorted(own[order], asked, side="right") - 1
    behind = order[np.maximum(place, 0)]
    return np.where(own[behind] == asked, behind // 4, 0)
