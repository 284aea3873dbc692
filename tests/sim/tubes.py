"""Structured bodies for the tests of the engine: tubes and blocks of tetrahedra, and what can be measured on them."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import numpy as np

from sim.body import Body
from sim.materials.stable_neo_hookean import StableNeoHookean

SOFT = StableNeoHookean.from_young(1.0e6, 0.45, 1100.0)
"""An arterial wall as soft as tables have it: 1 MPa."""

Profile = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Grid:
    """Tetrahedra from a grid of cells, each cut in six.

    Attributes
    ----------
    vertices
        Positions [m], shape (n, 3).
    tets
        Vertex indices, positively oriented, shape (m, 4).
    place
        Grid place (first, second, third) of each vertex, shape (n, 3).
    count
        Cells in the three directions.
    """

    vertices: np.ndarray
    tets: np.ndarray
    place: np.ndarray
    count: tuple[int, int, int]

    def side(self, axis: int, end: int) -> np.ndarray:
        """Vertices on the first (`end` 0) or last (`end` 1) side across a grid direction."""
        return np.flatnonzero(self.place[:, axis] == end * self.count[axis])

    def faces(self, axis: int, end: int) -> np.ndarray:
        """Triangles on a side, wound so that normals point into the tissue, shape (k, 3)."""
        on = np.isin(self.tets, self.side(axis, end))
        found = []
        # The face across from corner a of a positive tet, wound so that its normal points at that corner.
        for a, face in enumerate(([1, 3, 2], [0, 2, 3], [0, 3, 1], [0, 1, 2])):
            found.append(self.tets[on[:, face].all(1) & ~on[:, a]][:, face])
        return np.concatenate(found)


def tube(
    *,
    bore: float | Profile,
    outer: float | Profile,
    length: float,
    around: int,
    through: int,
    along: int,
    grading: float = 1.0,
) -> Grid:
    """A straight tube about z from 0 to `length`; radii and lengths in metres, radii a number or a function of z.

    The third grid direction is across the wall; its cells grow outwards by the factor `grading` from one to the next.
    """
    k, j, i = np.meshgrid(np.arange(along + 1), np.arange(around), np.arange(through + 1), indexing="ij")
    z = length * k / along
    steps = grading ** np.arange(through)
    share = np.concatenate([[0.0], np.cumsum(steps) / steps.sum()])[i]
    inside, outside = (radius(z) if callable(radius) else np.full(z.shape, radius) for radius in (bore, outer))
    r = inside + share * (outside - inside)
    angle = 2.0 * np.pi * j / around
    vertices = np.stack([r * np.cos(angle), r * np.sin(angle), z], -1).reshape(-1, 3)
    number = np.arange(vertices.shape[0]).reshape(k.shape)
    return _cut(vertices, np.concatenate([number, number[:, :1]], 1), np.stack([k, j, i], -1).reshape(-1, 3))


def block(*, size: Sequence[float], count: Sequence[int]) -> Grid:
    """A block from the origin, of a size [m] and a number of cells in x, y and z."""
    places = np.stack(np.meshgrid(*(np.arange(n + 1) for n in count), indexing="ij"), -1)
    number = np.arange(places[..., 0].size).reshape(places.shape[:3])
    vertices = (places * (np.asarray(size) / np.asarray(count))).reshape(-1, 3)
    return _cut(vertices, number, places.reshape(-1, 3))


def _cut(vertices: np.ndarray, number: np.ndarray, place: np.ndarray) -> Grid:
    """Cut each cell in six along its long diagonal, so that neighbours' diagonals agree."""
    first, second, third = (int(n) - 1 for n in number.shape)
    count = (first, second, third)
    cells = np.stack(np.meshgrid(*(np.arange(n) for n in count), indexing="ij"), -1).reshape(-1, 3)
    tets = []
    for order in itertools.permutations(range(3)):
        corners = np.concatenate([np.zeros((1, 3), int), np.cumsum(np.eye(3, dtype=int)[list(order)], axis=0)])
        tets.append(np.stack([number[tuple((cells + corner).T)] for corner in corners], 1))
    tets = np.concatenate(tets)
    p = vertices[tets]
    negative = np.linalg.det(p[:, 1:] - p[:, :1]) < 0.0
    tets[negative] = tets[negative][:, [0, 2, 1, 3]]
    return Grid(vertices, tets, place, count)


def vessel(grid: Grid, law: StableNeoHookean = SOFT) -> Body:
    """A tube of one tissue, held at both end faces, with blood in its bore."""
    held = np.concatenate([grid.side(0, 0), grid.side(0, 1)])
    return Body(
        vertices=grid.vertices,
        tets=grid.tets,
        laws=(law,),
        law_of_tet=np.zeros(len(grid.tets), int),
        lumen=grid.faces(2, 0),
        held=held,
    )


def stenosed(*, healthy: float, narrowest: float, middle: float, half_length: float) -> Profile:
    """A radius that narrows by a raised cosine about `middle`; all in metres."""

    def radius(z: np.ndarray) -> np.ndarray:
        near = np.abs(z - middle) < half_length
        return healthy - (healthy - narrowest) * np.where(near, 0.5 * (1.0 + np.cos(np.pi * (z - middle) / half_length)), 0.0)

    return radius


def section_area(points: np.ndarray, triangles: np.ndarray, height: float) -> float:
    """Area that a tube's surface encloses in the plane z = height [m²], from the triangles that the plane cuts."""
    tri = points[triangles] - np.array([0.0, 0.0, height])
    above = tri[..., 2] > 0.0
    cut = tri[above.any(1) & ~above.all(1)]
    above = cut[..., 2] > 0.0
    # Turn each triangle so that its lone corner comes first; it is above or below, which sets the segment's direction.
    up = above.sum(1) == 1
    lone = np.where(up, np.argmax(above, 1), np.argmin(above, 1))
    a, b, c = (cut[np.arange(len(cut)), (lone + k) % 3] for k in range(3))
    p = a + (b - a) * (a[:, 2] / (a[:, 2] - b[:, 2]))[:, None]
    q = a + (c - a) * (a[:, 2] / (a[:, 2] - c[:, 2]))[:, None]
    twice = p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]
    return float(abs(np.where(up, twice, -twice).sum()) / 2.0)


def section_diameter(points: np.ndarray, triangles: np.ndarray, height: float) -> float:
    """Diameter of the circle whose area a section at z = height has [m]."""
    return 2.0 * float(np.sqrt(section_area(points, triangles, height) / np.pi))
