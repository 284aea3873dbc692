"""Surfaces made of a rehearsal's numbers: struts as tubes, the balloon as a body of revolution, values at vertices."""

from typing import Any

import numpy as np

from meshing.centrelines import arc_lengths


def stent_surface(nodes: np.ndarray, struts: np.ndarray, *, radius_mm: float, sides: int = 10) -> Any:
    """Draw every strut as a tube with a ball at each node, so that crowns have no gap.

    nodes: (node count, 3) [mm]; struts: (strut count, 2) node numbers; nodes of no strut are not drawn.
    """
    import pyvista

    used, struts = np.unique(struts, return_inverse=True)
    nodes, struts = np.asarray(nodes)[used], struts.reshape(-1, 2)
    lines = np.column_stack([np.full(len(struts), 2), struts]).ravel()
    tubes: Any = pyvista.PolyData(np.asarray(nodes, dtype=np.float32), lines=lines).tube(
        radius=radius_mm, n_sides=sides, capping=False
    )
    ball = pyvista.Sphere(radius=radius_mm, theta_resolution=sides, phi_resolution=sides - 2)
    balls = pyvista.PolyData(np.asarray(nodes, dtype=np.float32)).glyph(geom=ball, scale=False, orient=False)
    return tubes.append_polydata(balls)


def fabric_surface(nodes: np.ndarray, triangles: np.ndarray) -> Any | None:
    """Draw the fabric between struts from its nodes (node count, 3) [mm] and their numbers (t, 3); None where there is none."""
    import pyvista

    if not len(triangles):
        return None
    used, index = np.unique(triangles, return_inverse=True)
    return pyvista.PolyData.from_regular_faces(np.asarray(nodes, dtype=np.float32)[used], index.reshape(-1, 3))


def sheath_surface(axis: np.ndarray, *, radius_mm: float, sides: int = 32) -> Any:
    """Draw a sheath as a tube, open at its ends, about its axis (point count, 3) [mm]."""
    import pyvista

    line: Any = pyvista.lines_from_points(np.asarray(axis, dtype=np.float32))
    return line.tube(radius=radius_mm, n_sides=sides, capping=False)


def balloon_surface(axis: np.ndarray, radius: np.ndarray, *, sides: int = 48) -> Any | None:
    """Draw the balloon as a body of revolution about its bent axis; None where it is folded away.

    axis: (point count, 3) [mm]; radius: (point count,) [mm], 0 where there is no balloon.
    """
    import pyvista

    open_at = np.flatnonzero(np.asarray(radius) > 1e-6)
    if len(open_at) < 2:
        return None
    first, last = max(open_at[0] - 1, 0), min(open_at[-1] + 1, len(radius) - 1)
    points, radii = np.asarray(axis)[first : last + 1], np.asarray(radius)[first : last + 1].copy()
    radii[[0, -1]] = 0.0
    across, over = carried_frames(points)
    angle = (np.arange(sides) * 2 * np.pi / sides)[None, :, None]
    outward = np.cos(angle) * across[:, None] + np.sin(angle) * over[:, None]
    rim = points[:, None] + radii[:, None, None] * outward
    stations = arc_lengths(points)
    tangents, slopes = np.gradient(points, stations, axis=0), np.gradient(radii, stations)
    normals = outward - (slopes[:, None] * tangents)[:, None]
    number = np.arange(len(points) * sides).reshape(len(points), sides)
    beside = np.roll(number, -1, axis=1)
    quads = np.stack([number[:-1], beside[:-1], beside[1:], number[1:]], axis=-1).reshape(-1, 4)
    surface = pyvista.PolyData.from_regular_faces(rim.reshape(-1, 3), quads)
    surface.point_data["Normals"] = (normals / np.linalg.norm(normals, axis=2, keepdims=True)).reshape(-1, 3).astype(np.float32)
    surface.point_data.active_normals_name = "Normals"
    return surface


def carried_frames(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Carry two directions square to a curve along it without twist, each (point count, 3)."""
    tangents = np.gradient(points, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    across = np.empty_like(points)
    start = np.eye(3)[np.argmin(np.abs(tangents[0]))]
    for number, tangent in enumerate(tangents):
        start = start - (start @ tangent) * tangent
        start = start / np.linalg.norm(start)
        across[number] = start
    return across, np.cross(tangents, across)


def at_vertices(values: np.ndarray, tets: np.ndarray, vertex_count: int) -> np.ndarray:
    """Average a value per tet (tet count,) over the tets around each vertex, (vertex count,)."""
    corner = tets.ravel()
    shares = np.bincount(corner, minlength=vertex_count)
    totals = np.bincount(corner, weights=np.repeat(values, 4), minlength=vertex_count)
    return totals / np.maximum(shares, 1)


def diameters_at(points: np.ndarray, path: Any) -> np.ndarray:
    """Give twice the distance of points (n, 3) from the centreline, (n,) [mm]."""
    from scipy.spatial import KDTree

    fine = path.at(np.arange(0.0, path.length, 0.1))[0]
    return 2.0 * KDTree(fine).query(points)[0]
