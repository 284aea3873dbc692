"""Files for ParaView, 3D Slicer and others: the wall as .vtu, lumen, stent and centreline as .vtp, in LPS millimetres."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.limits import LIMITS_OF_USE
from viewer.phases import kept_frames
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
        path = folder / f"wall_{phase}.vtu"
        if for_slicer:
            _write(wall, path)
        else:
            wall.save(path)
        written.append(path)
        written.append(_write(_triangles(frame.vertices, mesh.face_sets["lumen"]), folder / f"lumen_{phase}.vtp"))
        if phase != "before":
            lattice = recording.case.lattice
            stent = stent_surface(frame.device, lattice.bars, radius_mm=lattice.half_thickness_mm)
            stent.clear_data()
            written.append(_write(stent, folder / f"stent_{phase}.vtp"))
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
    """Write the stent's middle lines, a line for each element of a strut, with the struts' half thickness [mm] at each node."""
    import pyvista

    lattice = recording.case.lattice
    nodes = np.asarray(frame.device, dtype=float)
    lines = np.column_stack([np.full(len(lattice.bars), 2), lattice.bars]).ravel()
    curve = pyvista.PolyData(nodes, lines=lines)
    curve.point_data["half thickness [mm]"] = np.full(len(nodes), lattice.half_thickness_mm)
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
