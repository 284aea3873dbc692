"""Shapes whose triangles stay and whose points move: written straight into what VTK holds, with normals of their own."""

from typing import Any

import numpy as np
from scipy import sparse

from meshing.centrelines import arc_lengths
from scenarios.balloon_shape import BalloonShape


class MovingSurface:
    """Triangles of a mesh, shape (t, 3), as a surface of their own.

    Attributes
    ----------
    mesh
        The `pyvista.PolyData`.
    """

    def __init__(self, triangles: np.ndarray) -> None:
        import pyvista

        self._vertices, faces = np.unique(np.asarray(triangles), return_inverse=True)
        self._faces = faces.reshape(-1, 3)
        count = len(self._vertices)
        rows, columns = self._faces.ravel(), np.repeat(np.arange(len(self._faces)), 3)
        self._gather = sparse.csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=(count, len(self._faces)))
        self.mesh: Any = pyvista.PolyData.from_regular_faces(np.zeros((count, 3), np.float32), self._faces)
        self.mesh.point_data["Normals"] = np.zeros((count, 3), np.float32)
        self.mesh.point_data.active_normals_name = "Normals"

    def move(self, vertices: np.ndarray) -> None:
        """Put the mesh's vertices, shape (n, 3), to new places [mm]."""
        points = np.asarray(vertices)[self._vertices].astype(np.float32)
        corners = points[self._faces]
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        write(self.mesh, points, _unit(self._gather @ across))

    def colour(self, name: str, values: np.ndarray) -> None:
        """Give the mesh's vertices new values, shape (n,), in an array that is there."""
        held = self.mesh.point_data[name]
        held[:] = np.asarray(values)[self._vertices]
        held.VTKObject.Modified()


class MovingTubes:
    """Bars between nodes as tubes of a few sides, shape (b, 2) node numbers."""

    def __init__(self, bars: np.ndarray, node_count: int, *, radius_mm: float, sides: int = 7) -> None:
        import pyvista

        self._bars, self._radius = np.asarray(bars), radius_mm
        if len(self._bars) and self._bars.max() >= node_count:
            raise ValueError(f"A bar ends at node {self._bars.max()}, and there are {node_count}.")
        angle = 2.0 * np.pi * np.arange(sides) / sides
        self._cos, self._sin = np.cos(angle)[None, None, :, None], np.sin(angle)[None, None, :, None]
        number = np.arange(len(self._bars) * 2 * sides).reshape(-1, 2, sides)
        beside = np.roll(number, -1, axis=2)
        quads = np.stack([number[:, 0], beside[:, 0], beside[:, 1], number[:, 1]], axis=-1).reshape(-1, 4)
        self.mesh: Any = pyvista.PolyData.from_regular_faces(np.zeros((number.size, 3), np.float32), quads)
        self.mesh.point_data["Normals"] = np.zeros((number.size, 3), np.float32)
        self.mesh.point_data.active_normals_name = "Normals"

    def move(self, nodes: np.ndarray) -> None:
        """Put the nodes, shape (k, 3), to new places [mm]."""
        ends = np.asarray(nodes, np.float32)[self._bars]
        along = _unit(ends[:, 1] - ends[:, 0])
        aside = np.eye(3, dtype=np.float32)[np.argmin(np.abs(along), axis=1)]
        across = _unit(np.cross(along, aside))
        over = np.cross(along, across)
        out = self._cos * across[:, None, None] + self._sin * over[:, None, None]
        # Tubes overlap a little, so that crowns have no gap.
        longer = ends + 0.6 * self._radius * np.stack([-along, along], axis=1)
        points = longer[:, :, None] + self._radius * out
        normals = np.broadcast_to(out, points.shape)
        write(self.mesh, points.reshape(-1, 3), normals.reshape(-1, 3))


class MovingBalloon:
    """The balloon that is full: a body of revolution, of as many rings whatever its axis."""

    def __init__(self, *, rings: int = 81, sides: int = 28) -> None:
        self._share = np.linspace(0.0, 1.0, rings)
        self._sides, self.mesh = sides, _rings(rings, sides)

    def move(self, shape: BalloonShape) -> bool:
        """Take a new shape; whether there is any balloon."""
        if not shape.is_open:
            return False
        station = arc_lengths(shape.axis)
        at = self._share * station[-1]
        axis = np.column_stack([np.interp(at, station, column) for column in shape.axis.T])
        out = _outwards(axis, self._sides)
        points = axis[:, None] + np.interp(at, station, shape.radius)[:, None, None] * out
        write(self.mesh, points.reshape(-1, 3), out.reshape(-1, 3))
        return True


class MovingSheath:
    """A tube about an axis (q, 3) [mm], from the hand to an end that is drawn back."""

    def __init__(self, axis: np.ndarray, *, radius_mm: float, sides: int = 28) -> None:
        self._axis, self._radius = np.asarray(axis, float), radius_mm
        self._station = arc_lengths(self._axis)
        self._out, self.mesh = _outwards(self._axis, sides), _rings(len(self._axis), sides)

    def move(self, drawn_mm: float, axis: np.ndarray | None = None) -> bool:
        """Let it end so far behind the axis' end [mm], the axis elsewhere where one is given; whether anything of it is left."""
        if axis is not None:
            self._axis, self._station = axis, arc_lengths(axis)
        end = float(self._station[-1]) - drawn_mm
        if end <= 0.0:
            return False
        # Rings beyond the end lie upon the one at the end, where they show nothing.
        centre = np.column_stack([np.interp(np.minimum(self._station, end), self._station, column) for column in self._axis.T])
        out = self._out[np.minimum(np.arange(len(self._axis)), int(np.searchsorted(self._station, end)))]
        write(self.mesh, (centre[:, None] + self._radius * out).reshape(-1, 3), out.reshape(-1, 3))
        return True


def _outwards(axis: np.ndarray, sides: int) -> np.ndarray:
    """Unit vectors away from an axis (q, 3), shape (q, sides, 3)."""
    from viewer.shapes import carried_frames

    across, over = carried_frames(axis)
    angle = (np.arange(sides) * 2 * np.pi / sides)[None, :, None]
    return np.cos(angle) * across[:, None] + np.sin(angle) * over[:, None]


def _rings(count: int, sides: int) -> Any:
    """A `pyvista.PolyData` of rings along an axis, still of no size."""
    import pyvista

    number = np.arange(count * sides).reshape(count, sides)
    beside = np.roll(number, -1, axis=1)
    quads = np.stack([number[:-1], beside[:-1], beside[1:], number[1:]], axis=-1).reshape(-1, 4)
    mesh: Any = pyvista.PolyData.from_regular_faces(np.zeros((number.size, 3), np.float32), quads)
    mesh.point_data["Normals"] = np.zeros((number.size, 3), np.float32)
    mesh.point_data.active_normals_name = "Normals"
    return mesh


def write(mesh: Any, points: np.ndarray, normals: np.ndarray) -> None:
    """Write points and normals, both shape (p, 3), into the arrays that VTK holds and say that they changed."""
    np.asarray(mesh.points)[:] = points
    mesh.GetPoints().Modified()
    held = mesh.point_data["Normals"]
    held[:] = normals
    held.VTKObject.Modified()
    mesh.Modified()


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-20)
