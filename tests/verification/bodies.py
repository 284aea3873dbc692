"""Meshes by formula for the verification: beams, membranes, quarters of tubes, eighths of spheres and a ventricle; in metres."""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from meshing.ellipsoid import TruncatedEllipsoid
from meshing.prisms import split_prisms
from tests.sim.tubes import Grid, block

MILLIMETRE = 1e-3
NEAR = 1e-9  # [m], far below any edge and far above rounding


@dataclasses.dataclass(frozen=True)
class Solid:
    """A body's shape: vertices [m], shape (n, 3), and positive tets, shape (m, 4)."""

    vertices: np.ndarray
    tets: np.ndarray

    def on(self, axis: int, value: float) -> np.ndarray:
        """Which vertices lie in a plane across an axis at `value` [m], shape (n,)."""
        return np.abs(self.vertices[:, axis] - value) < NEAR

    def at(self, *point: float) -> int:
        """The vertex at a point [m]."""
        distance = np.linalg.norm(self.vertices - np.array(point), axis=1)
        nearest = int(distance.argmin())
        assert distance[nearest] < NEAR, f"no vertex at {point}: the nearest is {distance[nearest]:g} m away"
        return nearest

    def faces(self, chosen: np.ndarray) -> np.ndarray:
        """Triangles between the chosen vertices of one smooth side, shape (n,): shape (k, 3), normals into the tissue."""
        on = chosen[self.tets]
        found = []
        # The face across from corner a of a positive tet, wound so that its normal points at that corner.
        for a, face in enumerate(([1, 3, 2], [0, 2, 3], [0, 3, 1], [0, 1, 2])):
            found.append(self.tets[on[:, face].all(1) & ~on[:, a]][:, face])
        return np.concatenate(found)

    def moved(self, place: Callable[[np.ndarray], np.ndarray]) -> "Solid":
        """The same tets with each vertex where `place` puts it, (n, 3) to (n, 3), without turning any inside out."""
        return oriented(dataclasses.replace(self, vertices=place(self.vertices)))


def oriented(solid: Solid) -> Solid:
    """The same solid; refuses one with a tet inside out or flat."""
    corners = solid.vertices[solid.tets]
    assert (np.linalg.det(corners[:, 1:] - corners[:, :1]) > 0.0).all()
    return solid


def cube(count: Sequence[int]) -> Solid:
    """The unit cube in `count` cells of six tets, neighbours each other's mirror images, so that no direction is favoured."""
    grid: Grid = block(size=(1.0, 1.0, 1.0), count=count)
    places = grid.place[grid.tets]
    cell = places.min(axis=1)
    mirrored = cell % 2 == 1
    corner = np.where(mirrored[:, None], 1 - (places - cell[:, None]), places - cell[:, None])
    number = np.empty(np.asarray(count) + 1, int)
    number[tuple(grid.place.T)] = np.arange(len(grid.place))
    tets = number[tuple(np.moveaxis(cell[:, None] + corner, -1, 0))]
    odd = mirrored.sum(1) % 2 == 1
    tets[odd] = tets[odd][:, [0, 2, 1, 3]]
    return oriented(Solid(grid.vertices, tets))


def box(size: Sequence[float], count: Sequence[int]) -> Solid:
    """A block from the origin, of a size [m] and a number of cells in x, y and z."""
    return cube(count).moved(lambda unit: unit * np.asarray(size))


def graded_beam(size: Sequence[float], count: Sequence[int], *, growth: float) -> Solid:
    """A block as above whose last cell along x is `growth` times as long as its first."""
    steps = growth ** (np.arange(count[0]) / max(count[0] - 1, 1))
    places = np.concatenate([[0.0], np.cumsum(steps) / steps.sum()])

    def place(unit: np.ndarray) -> np.ndarray:
        along = places[np.round(unit[:, 0] * count[0]).astype(int)]
        return np.column_stack([along, unit[:, 1:]]) * np.asarray(size)

    return cube(count).moved(place)


def jumbled_box(size: Sequence[float], count: Sequence[int], *, share: float = 0.25, seed: int = 1) -> Solid:
    """A block whose inner vertices lie anywhere within `share` of a cell of their own places, away from the origin."""
    plain = box(size, count)
    cell = np.asarray(size) / np.asarray(count)
    inner = np.all((plain.vertices > NEAR) & (plain.vertices < np.asarray(size) - NEAR), axis=1)
    shift = share * cell * np.random.default_rng(seed).uniform(-1.0, 1.0, plain.vertices.shape)
    return plain.moved(lambda at: at + inner[:, None] * shift + np.array([0.12, -0.21, 0.95]))


def cook(thickness: float, count: Sequence[int]) -> Solid:
    """Cook's tapered membrane, 48 mm wide, 44 mm high on its left and 16 mm on its right, `thickness` [m] in z."""

    def place(unit: np.ndarray) -> np.ndarray:
        x, y, z = unit.T
        return np.stack([48.0 * x, 44.0 * x + y * (44.0 - 28.0 * x), 1e3 * thickness * z], axis=1) * MILLIMETRE

    return cube(count).moved(place)


def quarter_tube(levels: np.ndarray, length: float, *, around: int, along: int) -> Solid:
    """The quarter x, y ≥ 0 of a tube about z from 0 to `length` [m], with vertices at the radii `levels` [m]."""

    def place(unit: np.ndarray) -> np.ndarray:
        radius = np.asarray(levels)[np.round(unit[:, 0] * (len(levels) - 1)).astype(int)]
        angle = 0.5 * math.pi * unit[:, 1]
        flat = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        flat[np.abs(flat) < NEAR] = 0.0
        return np.column_stack([flat, length * unit[:, 2]])

    return cube((len(levels) - 1, around, along)).moved(place)


def eighth_sphere(inner: float, outer: float, *, around: int, through: int) -> Solid:
    """The eighth x, y, z ≥ 0 of a thick sphere [m]: a triangle in `around`² parts, carried out in layers of equal shape."""
    places = np.array([(i, j, around - i - j) for i in range(around + 1) for j in range(around + 1 - i)])
    number = {(i, j): k for k, (i, j, _) in enumerate(places.tolist())}
    triangles = []
    for i, j in number:
        if i + j < around:
            triangles.append((number[i, j], number[i + 1, j], number[i, j + 1]))
        if i + j < around - 1:
            triangles.append((number[i + 1, j], number[i + 1, j + 1], number[i, j + 1]))
    # Even in angle, so that triangles at the corners are not much larger than in the middle.
    direction = np.sin(0.5 * math.pi * places / around)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    levels = inner * (outer / inner) ** (np.arange(through + 1) / through)
    tets, _, _ = split_prisms(np.array(triangles), len(places), through)
    return oriented(Solid((levels[:, None, None] * direction).reshape(-1, 3), tets))


def ventricle(size_mm: float, layers: int) -> tuple[Solid, np.ndarray, dict[str, np.ndarray]]:
    """The ventricle of Land et al. 2015, doi:10.1098/rspa.2015.0641, in tets of about `size_mm`.

    Returns the solid, a frame a tet (columns fibre, sheet, normal, shape (m, 3, 3)), the fibres going from +90° inside to −90°
    outside, and which vertices lie on its "endocardium", "epicardium" and "base", each shape (n,).
    """
    shape = TruncatedEllipsoid()
    mesh = shape.mesh(size_mm=size_mm, layers=layers)
    solid = oriented(Solid(mesh.vertices * MILLIMETRE, mesh.tets.astype(int)))
    # The meshing's frames are rows fibre, outward normal, across; the engine's second direction lies in the wall.
    fibre, outward, across = shape.frames(mesh.vertices[mesh.tets].mean(axis=1)).transpose(1, 0, 2)
    sides = {name: np.isin(np.arange(len(mesh.vertices)), faces) for name, faces in mesh.face_sets.items()}
    return solid, np.stack([fibre, -across, outward], axis=2), sides


def graded(reach: float, finest: float, *, even: int, count: int) -> np.ndarray:
    """Places from 0 to `reach` [m], `even` steps of `finest` and then growing evenly, `count` steps in all."""
    low, high = 1.0, 10.0
    for _ in range(100):
        growth = 0.5 * (low + high)
        whole = finest * (even + (growth ** np.arange(1, count - even + 1)).sum())
        low, high = (growth, high) if whole < reach else (low, growth)
    steps = finest * np.concatenate([np.ones(even), low ** np.arange(1, count - even + 1)])
    places = np.concatenate([[0.0], np.cumsum(steps)])
    return places * reach / places[-1]


def quarter_ground(places: np.ndarray) -> Solid:
    """The quarter x, y ≥ 0 of ground below z = 0, with vertices at `places` [m] in x, in y and in depth."""
    last = len(places) - 1

    def place(unit: np.ndarray) -> np.ndarray:
        across, along, up = np.round(unit * last).astype(int).T
        return np.stack([places[across], places[along], -places[last - up]], axis=1)

    return cube((last, last, last)).moved(place)
