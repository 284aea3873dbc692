"""Shapes of known size for the tests of measures: tubes by formula, paths, and stents whose rings lie where they are put."""

from collections.abc import Callable

import numpy as np

from meshing.centrelines import Path


def straight_path(length: float, *, radius: float = 4.0, spacing: float = 0.25) -> Path:
    """A path straight up, from the origin."""
    z = np.linspace(0.0, length, round(length / spacing) + 1)
    points = np.column_stack([np.zeros_like(z), np.zeros_like(z), z])
    return Path(points, np.tile([0.0, 0.0, 1.0], (len(z), 1)), np.full(len(z), radius), z)


def bent_path(length: float, *, bend_radius: float, spacing: float = 0.25) -> Path:
    """A path along a circle in the x–z plane, from the origin upwards."""
    s = np.linspace(0.0, length, round(length / spacing) + 1)
    turn = s / bend_radius
    points = bend_radius * np.column_stack([1.0 - np.cos(turn), np.zeros_like(s), np.sin(turn)])
    tangents = np.column_stack([np.sin(turn), np.zeros_like(s), np.cos(turn)])
    return Path(points, tangents, np.full(len(s), 1.0), s)


def around(path: Path, stations: np.ndarray, radii: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Points at stations, at distances from a path and at angles about it (arrays of one shape), shape (…, 3)."""
    centre, tangent, _ = path.at(stations.ravel())
    side = np.cross(np.array([0.0, 1.0, 0.0]), tangent)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(tangent, side)
    r, a = radii.ravel()[:, None], angles.ravel()[:, None]
    return (centre + r * (np.cos(a) * side + np.sin(a) * up)).reshape(*stations.shape, 3)


def tube(
    path: Path, radius: Callable[[np.ndarray, np.ndarray], np.ndarray], *, sides: int = 96, spacing: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """A surface about a path, radius(station, angle), open at both ends; its triangles face the axis, as a lumen's do."""
    rows = round(path.length / spacing) + 1
    stations, angles = np.meshgrid(np.linspace(0, path.length, rows), 2 * np.pi * np.arange(sides) / sides, indexing="ij")
    vertices = around(path, stations, np.broadcast_to(radius(stations, angles), stations.shape), angles).reshape(-1, 3)
    number = np.arange(rows * sides).reshape(rows, sides)
    a, b = number[:-1], np.roll(number[:-1], -1, axis=1)
    c, d = number[1:], np.roll(number[1:], -1, axis=1)
    triangles = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])
    return vertices, triangles


def stent(
    path: Path, radii: np.ndarray, *, first: float, pitch: float, crowns: int = 8, height: float = 1.6, sideways: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes (k, 3), struts (s, 2) and the ring of each strut; one ring of zigzag for each of `radii`, and no bridges.

    The first ring's middle is at station `first`; `sideways` shifts the whole stent along x.
    """
    count = 2 * crowns
    ring, number = np.meshgrid(np.arange(len(radii)), np.arange(count), indexing="ij")
    stations = first + pitch * ring + height * (number % 2 - 0.5)
    nodes = around(path, stations, np.asarray(radii, float)[ring], 2 * np.pi * number / count).reshape(-1, 3)
    nodes = nodes + np.array([sideways, 0.0, 0.0])
    struts = np.stack([ring * count + number, ring * count + (number + 1) % count], -1).reshape(-1, 2)
    return nodes, struts, ring.ravel()


def thick_tube(
    path: Path, inner: float, outer: float, *, sides: int = 24, layers: int = 2, spacing: float = 1.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A tube of tets: vertices, tets, the layer of each tet from 0 inside, and its lumen triangles, which face the axis."""
    rows = round(path.length / spacing) + 1
    i, j, k = np.meshgrid(np.arange(rows), np.arange(sides), np.arange(layers + 1), indexing="ij")
    radii = inner + (outer - inner) * k / layers
    vertices = around(path, path.length * i / (rows - 1), radii, 2 * np.pi * j / sides).reshape(-1, 3)
    number = np.arange(rows * sides * (layers + 1)).reshape(rows, sides, layers + 1)
    number = np.concatenate([number, number[:, :1]], axis=1)
    cells = np.stack(
        [number[a : rows - 1 + a, b : sides + b, c : layers + c] for a in (0, 1) for b in (0, 1) for c in (0, 1)], axis=-1
    )
    layer = np.broadcast_to(np.arange(layers), cells.shape[:3]).ravel()
    corner = cells.reshape(-1, 8).T
    ways = ((1, 3), (3, 2), (2, 6), (6, 4), (4, 5), (5, 1))
    tets = np.concatenate([np.column_stack([corner[0], corner[a], corner[b], corner[7]]) for a, b in ways])
    edges = vertices[tets[:, 1:]] - vertices[tets[:, :1]]
    flip = np.linalg.det(edges) < 0
    tets[flip] = tets[flip][:, [1, 0, 2, 3]]
    a, b = number[:-1, :-1, 0], number[:-1, 1:, 0]
    c, d = number[1:, :-1, 0], number[1:, 1:, 0]
    lumen = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])
    return vertices, tets, np.tile(layer, len(ways)), lumen
