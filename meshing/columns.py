"""Columns of tissue over a lumen: where each lumen vertex's column goes, how far, and in which layers."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve
from scipy.spatial import KDTree

from meshing.lumen import Lumen
from meshing.surfaces import vertex_normals

# Height of a layer of plaque over the length of its edges, below which tets are too flat to be of use.
FLATTEST = 0.125


@dataclass(frozen=True)
class Ground:
    """The lumen surface that columns stand on, with what belongs to each of its vertices."""

    vertices: np.ndarray  # shape (vertex count, 3) [mm]
    triangles: np.ndarray  # shape (triangle count, 3), normals into the wall
    normals: np.ndarray  # shape (vertex count, 3), unit, into the wall
    edges: np.ndarray  # shape (edge count, 2)
    edge_length: np.ndarray  # shape (vertex count,), mean over the edges that meet there [mm]
    end_of: np.ndarray  # shape (vertex count,), number of the end whose rim the vertex is on, -1 for none
    plane_normals: np.ndarray  # shape (vertex count, 3), of the end plane that the column must not leave, zero for none
    axis_point: np.ndarray  # shape (vertex count, 3), nearest point of the centreline [mm]
    tangent: np.ndarray  # shape (vertex count, 3), centreline's tangent there, away from the root
    radius: np.ndarray  # shape (vertex count,), inscribed radius there [mm]

    @property
    def radial(self) -> np.ndarray:
        """Unit vectors away from the centreline and square to it, (vertex count, 3)."""
        away = self.vertices - self.axis_point
        return unit(away - dot(away, self.tangent)[:, None] * self.tangent)

    def averaged(self, values: np.ndarray, *, sweeps: int = 1) -> np.ndarray:
        """Vertex values (vertex count, ...) averaged with their neighbours', some times over."""
        count = len(self.vertices)
        ones = np.ones(len(self.edges))
        links = sparse.coo_array((ones, tuple(self.edges.T)), shape=(count, count)).tocsr()
        links = links + links.T + sparse.eye_array(count)
        scale = 1.0 / np.asarray(links.sum(axis=1)).ravel()
        flat = values.reshape(count, -1)
        for _ in range(sweeps):
            flat = scale[:, None] * (links @ flat)
        return flat.reshape(values.shape)

    def in_plane(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors (vertex count, 3) made unit, those at a rim within their end plane."""
        return unit(vectors - dot(vectors, self.plane_normals)[:, None] * self.plane_normals)

    def graded(self, values: np.ndarray, *, slope: float) -> np.ndarray:
        """The largest field below `values` (vertex count,) [mm] that changes by no more than `slope` times the way walked."""
        values = values.copy()
        a, b = self.edges.T
        way = slope * np.linalg.norm(self.vertices[a] - self.vertices[b], axis=1)
        for _ in range(len(values)):
            before = values.copy()
            np.minimum.at(values, a, before[b] + way)
            np.minimum.at(values, b, before[a] + way)
            if np.array_equal(before, values):
                break
        return values


@dataclass(frozen=True)
class Reach:
    """Where each column goes, how far, and how much of it is plaque."""

    along: np.ndarray  # shape (vertex count, 3), unit vectors
    length: np.ndarray  # shape (vertex count,), from lumen to outside [mm]
    plaque_depth: np.ndarray  # shape (vertex count,), from lumen to the face of the outer layers [mm]
    is_plaque: np.ndarray  # shape (vertex count,), whether what lies within that depth is plaque
    layers: int  # of wall
    plaque_layers: int  # between lumen and wall
    is_limited: np.ndarray  # shape (vertex count,), whether the column was shortened

    @classmethod
    def with_plaque(
        cls,
        ground: "Ground",
        along: np.ndarray,
        distance: np.ndarray,
        wall: np.ndarray,
        layers: int,
        plaque_layers: int | None,
        thinnest: float,
    ) -> "Reach":
        """Columns to an outer boundary at `distance` [mm] from the lumen, with `wall` [mm] of it arterial wall."""
        excess = np.maximum(distance - wall, 0.0)
        count = plaque_layers or _layers_for(ground, along, excess)
        thinnest_here = np.maximum(thinnest, FLATTEST * count * ground.edge_length)
        is_plaque = excess >= thinnest_here
        rise = np.clip(2.0 * excess / thinnest_here - 1.0, 0.0, 1.0)
        length = wall + rise * excess
        even = wall * count / (count + layers)
        depth = np.where(is_plaque, excess, even + (thinnest_here - even) * excess / thinnest_here)
        unlimited = np.zeros(len(length), dtype=bool)
        return cls(along, length, np.minimum(depth, 0.85 * length), is_plaque, layers, count, unlimited)

    def limited(self, most: np.ndarray) -> "Reach":
        """Columns no longer than `most` (vertex count,) [mm]; what is cut off comes from wall and plaque alike."""
        shorter = most < self.length * (1.0 - 1e-9)
        length = np.where(shorter, most, self.length)
        depth = self.plaque_depth * length / self.length
        return replace(self, length=length, plaque_depth=depth, is_limited=self.is_limited | shorter)

    def shortened(self, ground: "Ground", bad: np.ndarray) -> "Reach":
        """Columns with the bad ones (vertex count,) cut by a quarter, and those near them as gradually as need be."""
        return self.limited(ground.graded(np.where(bad, 0.75 * self.length, np.inf), slope=1.0))

    def own_planes(self, ground: "Ground") -> tuple[np.ndarray, np.ndarray]:
        """Outer end of each column (vertex count, 3) [mm] and the outer surface's unit normal there (vertex count, 3)."""
        place = ground.vertices + self.length[:, None] * self.along
        return place, vertex_normals(place, ground.triangles)


def ground_of(lumen: Lumen) -> Ground:
    """Prepare a lumen for columns."""
    vertices, triangles = np.asarray(lumen.vertices, float), np.asarray(lumen.triangles, np.int64)
    sides = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    edges = np.unique(sides, axis=0)
    lengths = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
    both = edges.ravel()
    edge_length = np.bincount(both, np.repeat(lengths, 2), len(vertices)) / np.maximum(
        np.bincount(both, minlength=len(vertices)), 1
    )
    end_of = np.full(len(vertices), -1)
    plane_normals = np.zeros_like(vertices)
    for number, end in enumerate(lumen.ends):
        end_of[end.loop] = number
        plane_normals[end.loop] = end.direction / np.linalg.norm(end.direction)
    axis_point, tangent, radius = _nearest_on_paths(lumen, vertices)
    return Ground(
        vertices=vertices,
        triangles=triangles,
        normals=vertex_normals(vertices, triangles),
        edges=edges,
        edge_length=edge_length,
        end_of=end_of,
        plane_normals=plane_normals,
        axis_point=axis_point,
        tangent=tangent,
        radius=radius,
    )


def directions(ground: Ground, *, plaque_share: np.ndarray, sweeps: int = 4) -> np.ndarray:
    """Unit directions of the columns, (vertex count, 3): normals, and rays from the centreline where there is plaque.

    Over a narrowing the normals of its two shoulders meet within the plaque; rays from the centreline do not.
    `plaque_share` (vertex count,) from 0 to 1 says how much of the ray to take.
    """
    share = plaque_share[:, None]
    chosen = ground.in_plane((1.0 - share) * ground.normals + share * ground.radial)
    for _ in range(sweeps):
        chosen = ground.in_plane(ground.averaged(chosen))
    return chosen


def room_outside(ground: Ground, wanted: np.ndarray, *, share: float = 0.8) -> np.ndarray:
    """How far each column may go before it meets those of another wall that faces it, (vertex count,) [mm].

    The largest ball that touches the lumen from outside at the vertex and holds no facing vertex has the radius
    |q - p|^2 / (2 (q - p) . n); the column may fill `share` of it. `wanted` (vertex count,) [mm] bounds the search.
    """
    tree = KDTree(ground.vertices)
    reach = 2.0 * wanted / share
    room = np.full(len(wanted), np.inf)
    for part in np.array_split(np.arange(len(wanted)), max(1, len(wanted) // 1000)):
        found = tree.query_ball_point(ground.vertices[part], reach[part])
        own = np.repeat(part, [len(row) for row in found])
        other = np.concatenate([np.asarray(row, np.int64) for row in found])
        facing = dot(ground.normals[own], ground.normals[other]) < -0.2
        own, other = own[facing], other[facing]
        way = ground.vertices[other] - ground.vertices[own]
        ahead = dot(way, ground.normals[own])
        square = dot(way, way)
        seen = ahead > 0.1 * np.sqrt(square)
        np.minimum.at(room, own[seen], share * square[seen] / (2.0 * ahead[seen]))
    return room


def march_to(
    outer: Callable[[np.ndarray], np.ndarray], feet: np.ndarray, rays: np.ndarray, *, furthest: float
) -> tuple[np.ndarray, np.ndarray]:
    """Distance from each foot along its ray to the outer boundary, (count,) [mm], and whether it was met.

    `outer` maps points (count, 3) [mm] to a signed distance [mm], negative inside; it may be inexact but not too long.
    """
    gone = np.zeros(len(feet))
    inside = outer(feet) < 0
    last = np.zeros(len(feet))
    running = inside.copy()
    for _ in range(200):
        active = np.flatnonzero(running)
        if active.size == 0:
            break
        depth = -outer(feet[active] + gone[active, None] * rays[active])
        through = depth <= 1e-3
        last[active] = np.where(through, last[active], gone[active])
        gone[active] += np.where(through, 0.0, np.maximum(0.9 * depth, 1e-2))
        running[active] = ~through & (gone[active] < furthest)
    met = inside & (gone < furthest)
    low, high = last, gone.copy()
    for _ in range(20):
        middle = 0.5 * (low + high)
        within = outer(feet + middle[:, None] * rays) < 0
        low, high = np.where(within, middle, low), np.where(within, high, middle)
    return np.where(met, 0.5 * (low + high), 0.0), met


def fanned(
    ground: Ground, outside: np.ndarray, boundary: Callable[[np.ndarray], np.ndarray], share: np.ndarray, *, sweeps: int = 60
) -> np.ndarray:
    """Outer ends of columns (vertex count, 3) [mm] spread evenly over the boundary, so that columns fan out of a throat.

    `share` (vertex count,) from 0 to 1 says how freely each may move.
    """
    width = 0.05
    for sweep in range(sweeps):
        step = share[:, None] * (ground.averaged(outside) - outside)
        outside = outside + step - dot(step, ground.plane_normals)[:, None] * ground.plane_normals
        if sweep % 5 == 4:
            slope = np.stack([boundary(outside + width * e) - boundary(outside - width * e) for e in np.eye(3)], 1) / (2 * width)
            steepness = np.linalg.norm(slope, axis=1)
            back = (-boundary(outside) * (share > 0) / np.maximum(steepness, 0.3))[:, None] * unit(slope)
            outside = outside + back - dot(back, ground.plane_normals)[:, None] * ground.plane_normals
    return outside


def layer_shares(ground: Ground, reach: Reach) -> np.ndarray:
    """Share of each column's length below each level, (levels, vertex count), from 0 to 1.

    The wall is divided evenly; plaque so that layers grow as its triangles do from the lumen outwards.
    """
    if not reach.plaque_layers:
        return np.repeat(np.linspace(0.0, 1.0, reach.layers + 1)[:, None], len(reach.length), axis=1)
    growth = _growth(ground, reach.along, reach.plaque_depth) ** (1.0 / reach.plaque_layers)
    heights = growth ** np.arange(reach.plaque_layers)[:, None]
    inner = np.vstack([np.zeros(len(growth)), np.cumsum(heights, axis=0)]) / heights.sum(axis=0)
    depth = reach.plaque_depth / reach.length
    wall = depth + (1.0 - depth) * np.arange(1, reach.layers + 1)[:, None] / reach.layers
    return np.vstack([inner * depth, wall])


def ranks(ground: Ground, along: np.ndarray) -> np.ndarray:
    """Rank of each column, (vertex count,), such that prisms cut from low to high rank are cut along their shorter diagonals.

    Where columns (unit vectors `along`) lean, the diagonal up against the lean is the shorter; the rank is the height, in the
    sense of least squares, of a landscape that falls the way columns lean.
    """
    lean = along - dot(along, ground.normals)[:, None] * ground.normals
    a, b = ground.edges.T
    rows, count = np.arange(len(a)), len(along)
    fall = -0.5 * dot(ground.vertices[b] - ground.vertices[a], lean[a] + lean[b])
    ones = np.ones(len(a))
    slopes = sparse.coo_array((np.r_[ones, -ones], (np.r_[rows, rows], np.r_[b, a])), shape=(len(a), count)).tocsr()
    height = np.asarray(spsolve((slopes.T @ slopes + 1e-9 * sparse.eye_array(count)).tocsc(), slopes.T @ fall))
    rank = np.empty(count, dtype=np.int64)
    rank[np.argsort(height, kind="stable")] = np.arange(count)
    return rank


def _growth(ground: Ground, along: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Shortest edge of the triangles about each vertex at a depth [mm], over that at the lumen, (vertex count,)."""

    def shortest(points: np.ndarray) -> np.ndarray:
        corners = points[ground.triangles]
        return np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2).min(axis=1)

    ratio = shortest(ground.vertices + depth[:, None] * along) / shortest(ground.vertices)
    corners = ground.triangles.ravel()
    mean = np.bincount(corners, np.repeat(ratio, 3), len(depth)) / np.maximum(np.bincount(corners, minlength=len(depth)), 1)
    return np.clip(ground.averaged(mean, sweeps=3), 0.7, 6.0)


def _layers_for(ground: Ground, along: np.ndarray, depth: np.ndarray) -> int:
    """Layers of plaque, 2 or 3, whose height is at most about 2.5 edges where the plaque is `depth` [mm] thick."""
    growth = np.maximum(_growth(ground, along, depth), 1.01)
    # Edges grow evenly from lumen to outside, so the sum of (layer height / edge) is an integral of 1 / edge.
    needed = depth / ground.edge_length * np.log(growth) / (growth - 1.0) / 2.5
    return int(np.clip(np.ceil(np.quantile(needed, 0.98)), 2, 3))


def _nearest_on_paths(lumen: Lumen, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centreline point, tangent and inscribed radius for each point; nearness counts in radii, so that a limb is not
    taken for the wide trunk beside it."""
    best = np.full(len(points), np.inf)
    place, tangent, radius = np.zeros_like(points), np.zeros_like(points), np.zeros(len(points))
    for path in lumen.centreline.paths():
        distance, nearest = map(np.asarray, KDTree(path.points).query(points))
        score = distance / np.maximum(path.radii[nearest], 1e-9)
        better = score < best - 1e-9
        best[better] = score[better]
        sample = nearest[better]
        offset = points[better] - path.points[sample]
        place[better] = path.points[sample] + dot(offset, path.tangents[sample])[:, None] * path.tangents[sample]
        tangent[better] = path.tangents[sample]
        radius[better] = path.radii[sample]
    return place, tangent, radius


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (count, 3) made of length one; a zero stays zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-300)


def dot(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Row by row scalar products of (count, 3) arrays."""
    return np.einsum("...j,...j->...", u, v)
