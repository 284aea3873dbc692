"""Files for ParaView, 3D Slicer and others: the wall as .vtu, lumen, stent and centreline as .vtp, in LPS millimetres."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.limits import LIMITS_OF_USE
from viewer.bars import bars_of, there
from viewer.phases import file_word, kept_frames
from viewer.shapes import stent_surface


def write_states(recording: Any, folder: Path, *, for_slicer: bool = False) -> list[Path]:
    """Write wall, lumen and stent before, opened and after, and give the paths.

    `for_slicer` puts the space as text into the walls' .vtu as well, where 3D Slicer looks for it; meshio refuses such files.

    The wall carries label, first principal Cauchy stress [kPa] and displacement since the first of these states [mm].
    """
    written = []
    frames = kept_frames(recording)
    before = np.asarray(next(iter(frames.values())).vertices)
    mesh = recording.case.mesh
    # What a program needs to take the mesh over again; `meshing.files.read_mesh` understands it.
    names = {str(number): name for number, name in mesh.label_names.items()}
    about = {"space": "LPS", "unit": "mm", "use": LIMITS_OF_USE, "label_names": names}
    for phase, frame in frames.items():
        wall = wall_grid(mesh, frame, before)
        wall.field_data["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
        path = folder / f"wall_{file_word(phase)}.vtu"
        if for_slicer:
            _write(wall, path)
        else:
            wall.save(path)
        written.append(path)
        written.append(_write(_triangles(frame.vertices, mesh.face_sets["lumen"]), folder / f"lumen_{file_word(phase)}.vtp"))
        if phase != "before":
            parts = [
                stent_surface(frame.device, one.pairs, radius_mm=one.radius_mm) for one in there(bars_of(recording.case), frame)
            ]
            stent = parts[0].append_polydata(*parts[1:]) if len(parts) > 1 else parts[0]
            stent.clear_data()
            written.append(_write(stent, folder / f"stent_{file_word(phase)}.vtp"))
    return written


def write_lumen(lumen: Any, path: Path) -> Path:
    """Write a lumen's surface, open at its ends."""
    return _write(_triangles(lumen.vertices, lumen.triangles), path)


def write_centreline(centreline: Any, path: Path) -> Path:
    """Write a centreline's branches as polylines with the inscribed radius [mm] at each point."""
    import pyvista

    points = np.concatenate([branch.points for branch in centreline.branches])
    counts = [len(branch.points) for branch in centreline.branches]
    firsts = np.cumsum([0, *counts[:-1]])
    lines = np.concatenate([[count, *range(first, first + count)] for first, count in zip(firsts, counts, strict=True)])
    curve = pyvista.PolyData(points, lines=lines)
    curve.point_data["inscribed radius [mm]"] = np.concatenate([branch.radii for branch in centreline.branches])
    return _write(curve, path)


def write_wall_surface(recording: Any, frame: Any, path: Path) -> Path:
    """Write the wall's whole outer boundary, lumen, outside and ends, as a closed surface."""
    return _write(_triangles(frame.vertices, recording.case.mesh.boundary_faces()), path)


def write_stl(surface: Path, path: Path) -> Path:
    """Write a .vtp surface of ours as binary .stl, whose header names its space and unit."""
    import pyvista
    from vtkmodules.vtkIOGeometry import vtkSTLWriter

    writer = vtkSTLWriter()
    writer.SetInputData(pyvista.read(surface))
    writer.SetFileName(str(path))
    writer.SetFileTypeToBinary()
    writer.SetHeader("SPACE=LPS UNIT=mm research and education only")
    writer.Write()
    return path


def write_stent_lines(recording: Any, frame: Any, path: Path) -> Path:
    """Write the stents' middle lines, a line for each element of a strut, with the struts' half thickness [mm] at each node."""
    import pyvista

    seen = there(bars_of(recording.case), frame)
    used, pairs = np.unique(np.concatenate([one.pairs for one in seen]), return_inverse=True)
    pairs, half = pairs.reshape(-1, 2), np.zeros(len(used))
    half[pairs] = np.repeat([one.radius_mm for one in seen], [len(one.pairs) for one in seen])[:, None]
    lines = np.column_stack([np.full(len(pairs), 2), pairs]).ravel()
    curve = pyvista.PolyData(np.asarray(frame.device, dtype=float)[used], lines=lines)
    curve.point_data["half thickness [mm]"] = half
    return _write(curve, path)


def wall_grid(mesh: Any, frame: Any, before: np.ndarray) -> Any:
    """Give the wall of one sampled state as a grid with label, stress and displacement."""
    import pyvista

    vertices = np.asarray(frame.vertices, dtype=float)
    grid = pyvista.UnstructuredGrid({pyvista.CellType.TETRA: mesh.tets}, vertices)
    grid.cell_data["label"] = mesh.labels
    grid.cell_data["first principal Cauchy stress [kPa]"] = frame.stress
    grid.point_data["displacement [mm]"] = vertices - before
    return grid


def _triangles(vertices: np.ndarray, triangles: np.ndarray) -> Any:
    import pyvista

    return pyvista.PolyData.from_regular_faces(np.asarray(vertices, dtype=float), triangles).clean()


def _write(dataset: Any, path: Path) -> Path:
    dataset.field_data["SPACE"] = ["LPS"]
    dataset.field_data["units"] = ["mm"]
    dataset.field_data["limits of use"] = [LIMITS_OF_USE]
    dataset.save(path)
    return path
