"""Near places of surfaces: held to ipctk's, to a slow search in numpy, and to what a wall, a slit and a press should give."""

import collections
import dataclasses
import hashlib
import itertools
import os
import subprocess
import sys
from pathlib import Path

import ipctk
import numpy as np
import pytest
import trimesh

from sim.arrays import put, vec3, vec3d
from sim.features import BORDER, FACING, OVERLAP, WALL
from sim.proximity import AGAINST, DEEPER, PARALLEL, SURE, Proximity
from sim.skin import Skin, SkinError, build_skin

ROOT = Path(__file__).resolve().parents[2]
Key = frozenset[frozenset[int]]


@dataclasses.dataclass
class Scene:
    """A surface at rest and where it has moved to [m], in the numbers that single precision leaves."""

    rest: np.ndarray
    triangles: np.ndarray
    moved: np.ndarray
    body: np.ndarray
    reach: float

    def __post_init__(self):
        rest, u = self.rest.astype(np.float32), (self.moved - self.rest).astype(np.float32)
        self.u = u
        self.rest, self.moved = rest.astype(float), rest.astype(float) + u.astype(float)

    def skin(self) -> Skin:
        return build_skin(self.rest, self.triangles, self.body)

    def search(self, capacity: int = 1024, *, itself: bool = True) -> Proximity:
        near = Proximity(self.skin(), capacity)
        near.find(put(self.rest, vec3), put(self.u, vec3d), reach=self.reach, itself=itself)
        return near


def contacts(near: Proximity) -> dict[str, np.ndarray]:
    """What a search found, as numpy arrays cut to its count."""
    names = ("vertices", "weights", "normal", "distance")
    return {name: getattr(near, name).to_numpy()[: near.count] for name in names}


def digest(near: Proximity) -> str:
    """SHA-256 over every bit that a search found."""
    whole = hashlib.sha256()
    for values in contacts(near).values():
        whole.update(np.ascontiguousarray(values).tobytes())
    return whole.hexdigest()


def by_feature(near: Proximity) -> dict[Key, float]:
    """Signed distance by what is near what, each feature the set of its vertices; no pair is found twice."""
    found = contacts(near)
    result: dict[Key, float] = {}
    for i, (vertices, weights) in enumerate(zip(found["vertices"].tolist(), found["weights"], strict=True)):
        if i < near.vertex_face_count:
            second = frozenset(v for v, w in zip(vertices[1:], weights[1:], strict=True) if w != 0.0)
            key = frozenset([frozenset(vertices[:1]), second])
        else:
            key = frozenset([frozenset(vertices[:2]), frozenset(vertices[2:])])
        assert key not in result, key
        result[key] = float(found["distance"][i])
    return result


def kinds(found: dict[Key, float]) -> collections.Counter:
    """How many pairs there are of features with so many vertices."""
    return collections.Counter(tuple(sorted(len(feature) for feature in key)) for key in found)


# What a slow search says


def direction(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-300)


class Slow:
    """The same search, written down again without boxes, for surfaces of a few hundred triangles."""

    def __init__(self, scene: Scene, *, itself: bool = True):
        self.scene, self.itself = scene, itself
        self.triangles = scene.triangles
        edges = np.sort(np.concatenate([self.triangles[:, pair] for pair in ([0, 1], [1, 2], [2, 0])]), axis=1)
        self.edges = np.unique(edges, axis=0)
        self.at: dict[frozenset, list[int]] = {}
        for t, corners in enumerate(self.triangles.tolist()):
            for size in (1, 2, 3):
                for feature in itertools.combinations(corners, size):
                    self.at.setdefault(frozenset(feature), []).append(t)

    def outward(self, feature: frozenset, x: np.ndarray) -> np.ndarray:
        """Mean normal of the triangles at a feature, at a corner as their angles there."""
        total = np.zeros(3)
        for t in self.at[feature]:
            a, b, c = x[self.triangles[t]]
            share = 1.0
            if len(feature) == 1:
                k = int(np.flatnonzero(self.triangles[t] == next(iter(feature)))[0])
                p, q, r = x[np.roll(self.triangles[t], -k)]
                share = np.arccos(np.clip(direction(q - p) @ direction(r - p), -1.0, 1.0))
            total += share * direction(np.cross(b - a, c - a))
        return direction(total)

    def nearest(self, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For each triangle the weights of its place nearest to p, and the distance."""
        corners = self.scene.moved[self.triangles]
        a, b, c = corners.transpose(1, 0, 2)
        n = np.cross(b - a, c - a)
        second = (n * np.cross(p - a, c - a)).sum(1) / (n * n).sum(1)
        third = (n * np.cross(b - a, p - a)).sum(1) / (n * n).sum(1)
        weights = np.stack([1.0 - second - third, second, third], 1)
        outside = (weights <= BORDER).any(1)
        distance = np.where(outside, np.inf, np.linalg.norm(p - np.einsum("tk,tki->ti", weights, corners), axis=1))
        for k in range(3):
            start, along = corners[:, (k + 1) % 3], corners[:, (k + 2) % 3] - corners[:, (k + 1) % 3]
            s = ((p - start) * along).sum(1) / (along * along).sum(1)
            s = np.where(s < BORDER, 0.0, np.where(s > 1.0 - BORDER, 1.0, s))
            away = np.linalg.norm(p - start - s[:, None] * along, axis=1)
            nearer = outside & (away < distance * (1.0 - 1e-9))
            distance[nearer] = away[nearer]
            weights[nearer] = 0.0
            weights[nearer, (k + 1) % 3], weights[nearer, (k + 2) % 3] = 1.0 - s[nearer], s[nearer]
        return weights, distance

    def foremost(self, feature: frozenset, n: np.ndarray) -> np.ndarray:
        """Normal at rest of that triangle at a feature which now faces along n the most."""
        corners = self.triangles[self.at[feature]]
        now, there = (
            direction(np.cross(x[corners[:, 1]] - x[corners[:, 0]], x[corners[:, 2]] - x[corners[:, 0]]))
            for x in (self.scene.moved, self.scene.rest)
        )
        return there[(now @ n).argmax()]

    def left_out(self, first: frozenset, second: frozenset, n: np.ndarray, between: np.ndarray) -> bool:
        """Whether two places of one body are none of contact because of how they were at rest."""
        one, other = self.foremost(first, -n), self.foremost(second, n)
        before, ahead, distance = between @ other, -between @ one, float(np.linalg.norm(between))
        if distance < self.scene.reach:
            return not bool(one @ other < FACING and min(before, ahead) > -OVERLAP * self.scene.reach)
        return bool(distance < WALL * self.scene.reach and before + ahead < -0.5 * distance)

    def on_rim(self, feature: frozenset) -> bool:
        """Whether an edge or a corner lies where the surface ends."""
        edges = [frozenset(edge) for edge in self.edges.tolist()]
        return any(len(self.at[edge]) == 1 for edge in edges if (edge == feature if len(feature) == 2 else feature < edge))

    def vertex_pairs(self) -> dict[Key, float]:
        """Signed distances of vertices to the faces, edges and corners that they are over."""
        x, rest, body, reach = self.scene.moved, self.scene.rest, self.scene.body, self.scene.reach
        result: dict[Key, float] = {}
        for v in np.unique(self.triangles).tolist():
            weights, distance = self.nearest(x[v])
            over: dict[frozenset, list[int]] = {}
            for t in np.flatnonzero(distance <= reach).tolist():
                over.setdefault(frozenset(self.triangles[t][weights[t] > 0.0].tolist()), []).append(t)
            kept: dict[Key, float] = {}
            for feature, at in over.items():
                t = at[0]
                if len(at) < len(self.at[feature]) or any(v in self.triangles[i] for i in at):
                    continue
                same = body[v] == body[self.triangles[t, 0]]
                away = x[v] - weights[t] @ x[self.triangles[t]]
                signed = np.copysign(np.linalg.norm(away), self.outward(feature, x) @ away)
                n = direction(away) * np.sign(signed)
                if signed < 0.0 and (self.on_rim(feature) or self.outward(frozenset([v]), x) @ n > AGAINST):
                    continue
                between = rest[v] - weights[t] @ rest[self.triangles[t]]
                if same and (not self.itself or self.left_out(frozenset([v]), feature, n, between)):
                    continue
                kept[frozenset([frozenset([v]), feature])] = float(signed)
            shallowest = min([reach, *(-d for d in kept.values() if d < 0.0)])
            limit = min(reach, shallowest + DEEPER * reach)
            result.update({key: d for key, d in kept.items() if d >= -limit})
        return result

    def edge_pairs(self) -> dict[Key, float]:
        """Signed distances of edges that cross and face each other."""
        x, rest, body, reach = self.scene.moved, self.scene.rest, self.scene.body, self.scene.reach
        result: dict[Key, float] = {}
        for i, (a, b) in enumerate(self.edges.tolist()):
            others = self.edges[i + 1 :]
            others = others[~np.isin(others, [a, b]).any(1)]
            one, other, between = x[b] - x[a], x[others[:, 1]] - x[others[:, 0]], x[a] - x[others[:, 0]]
            oo, tt, ot = one @ one, (other * other).sum(1), other @ one
            area = oo * tt - ot * ot
            crossing = area > PARALLEL * oo * tt
            area = np.where(crossing, area, 1.0)
            s = (ot * (other * between).sum(1) - tt * (between @ one)) / area
            t = (oo * (other * between).sum(1) - ot * (between @ one)) / area
            away = between + s[:, None] * one - t[:, None] * other
            inside = (np.minimum(s, t) > BORDER) & (np.maximum(s, t) < 1.0 - BORDER)
            for j in np.flatnonzero(crossing & inside & (np.linalg.norm(away, axis=1) <= reach)).tolist():
                first, second = frozenset([a, b]), frozenset(others[j].tolist())
                mine, theirs = self.outward(first, x), self.outward(second, x)
                n = direction(np.cross(one, other[j]))
                n *= np.sign(n @ (theirs - mine))
                signed, sure = n @ away[j], min(n @ theirs, -n @ mine)
                if sure < SURE or (signed < 0.0 and mine @ theirs >= 0.0):
                    continue
                c, d = others[j]
                there = (1 - s[j]) * rest[a] + s[j] * rest[b] - (1 - t[j]) * rest[c] - t[j] * rest[d]
                if body[a] == body[c] and (not self.itself or self.left_out(first, second, n, there)):
                    continue
                result[frozenset([first, second])] = float(signed)
        return result

    def pairs(self) -> dict[Key, float]:
        return {**self.vertex_pairs(), **self.edge_pairs()}


# Surfaces


def two_balls(subdivisions: int, gap: float, reach: float, *, seed: int = 0, noise: float = 0.0) -> Scene:
    """Two balls of 10 mm radius, turned at random, some way apart; noise displaces their vertices [m]."""
    rng = np.random.default_rng(seed)
    ball = trimesh.creation.icosphere(subdivisions, 10e-3)
    turn = trimesh.transformations.euler_matrix(*rng.uniform(0.0, 6.0, 3))[:3, :3]
    vertices = np.concatenate([ball.vertices, ball.vertices @ turn.T + [20e-3 + gap, 0.0, 0.0]])
    triangles = np.concatenate([ball.faces, ball.faces + len(ball.vertices)])
    body = np.repeat([0, 1], len(ball.vertices))
    return Scene(vertices, triangles, vertices + noise * rng.normal(size=vertices.shape), body, reach)


def soup(count: int, reach: float, *, seed: int = 0) -> Scene:
    """Triangles in a box of 10 mm, each a body of its own, the largest some 20 times as large as the smallest."""
    rng = np.random.default_rng(seed)
    size = 10e-3 * 10.0 ** rng.uniform(-2.0, -0.7, (count, 1, 1))
    vertices = (rng.uniform(0.0, 10e-3, (count, 1, 3)) + size * rng.normal(size=(count, 3, 3))).reshape(-1, 3)
    return Scene(vertices, np.arange(3 * count).reshape(-1, 3), vertices, np.repeat(np.arange(count), 3), reach)


def sheet(count: tuple[int, int], move, reach: float, *, seed: int = 0, uneven: float = 0.2) -> Scene:
    """A flat sheet of cells of 1 mm, cut in two at random, moved by a function of its vertices and a random generator."""
    rng = np.random.default_rng(seed)
    number = np.arange(count[0] * count[1]).reshape(count)
    flat = np.stack([*np.divmod(number.ravel(), count[1]), np.zeros(number.size)], 1) * 1e-3
    flat[:, :2] += 1e-3 * uneven * rng.uniform(-1.0, 1.0, (number.size, 2))
    a, b, c, d = (part.ravel() for part in (number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]))
    flip = rng.random(len(a)) < 0.5
    upper = np.where(flip, [a, b, c], [a, b, d]).T
    lower = np.where(flip, [a, c, d], [b, c, d]).T
    return Scene(flat, np.concatenate([upper, lower]), move(flat, rng), np.zeros(len(flat), int), reach)


def folded(flat: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Folded to and fro like a letter, with layers 0.4 mm apart, and crumpled a little."""
    length, radius = 8e-3, 0.2e-3
    layer, along = np.divmod(flat[:, 0], length + np.pi * radius)
    angle = np.maximum(along - length, 0.0) / radius
    x = np.minimum(along, length) + radius * np.sin(angle)
    z = 2.0 * radius * layer + radius * (1.0 - np.cos(angle))
    x = np.where(layer % 2 == 0, x, length - x)
    return np.stack([x, flat[:, 1], z], 1) + 0.02e-3 * rng.normal(size=flat.shape)


def rough(height: float):
    """A move that shakes each vertex by so much [m]."""
    return lambda flat, rng: flat + height * rng.normal(size=flat.shape)


def wall(around: int, along: int, move, reach: float) -> Scene:
    """A tube of 5 mm bore radius, a wall of 1 mm and 20 mm length, closed at its ends, moved by a function of angle, height
    in the wall [m] and place along [m]."""
    angle, height, z = np.meshgrid(
        2.0 * np.pi * np.arange(around) / around, [0.0, 1e-3], 20e-3 * np.arange(along + 1) / along, indexing="ij"
    )
    number = np.arange(angle.size).reshape(angle.shape)
    nexts = np.roll(number, -1, axis=0)
    quads = []
    for k, order in ((0, 1), (1, -1)):
        quads.append([number[:, k, :-1], number[:, k, 1:], nexts[:, k, 1:], nexts[:, k, :-1]][::order])
    for j, order in ((0, 1), (along, -1)):
        quads.append([number[:, 0, j], nexts[:, 0, j], nexts[:, 1, j], number[:, 1, j]][::order])
    corners = np.concatenate([np.stack([part.ravel() for part in quad], 1) for quad in quads])
    triangles = np.concatenate([corners[:, [0, 1, 2]], corners[:, [0, 2, 3]]])
    angle, height, z = angle.ravel(), height.ravel(), z.ravel()
    rest = np.stack([(5e-3 + height) * np.cos(angle), (5e-3 + height) * np.sin(angle), z], 1)
    return Scene(rest, triangles, move(angle, height, z), np.zeros(len(rest), int), reach)


def collapsed(gap: float):
    """Moves a tube so that the two halves of its lumen come this near to each other in the middle [m]."""

    def middle(angle: np.ndarray) -> np.ndarray:
        waist = gap / 2.0 + (5e-3 - gap / 2.0) * np.cos(angle) ** 2
        return np.stack([7e-3 * np.cos(angle), waist * np.sin(angle)], 1)

    def move(angle: np.ndarray, height: np.ndarray, z: np.ndarray) -> np.ndarray:
        along = direction(middle(angle + 1e-5) - middle(angle - 1e-5))
        place = middle(angle) + height[:, None] * np.stack([along[:, 1], -along[:, 0]], 1)
        return np.column_stack([place, z])

    return move


def box(low, high, cells) -> tuple[np.ndarray, np.ndarray]:
    """The surface of a box between two corners [m], in cells."""
    faces = []
    for axis in range(3):
        for end in (0, 1):
            others = [a for a in range(3) if a != axis]
            grid = np.meshgrid(*(np.linspace(low[a], high[a], cells[a] + 1) for a in others), indexing="ij")
            points = np.zeros((grid[0].size, 3))
            points[:, axis] = (low, high)[end][axis]
            points[:, others] = np.stack([g.ravel() for g in grid], 1)
            number = np.arange(len(points)).reshape(grid[0].shape)
            a, b, c, d = (p.ravel() for p in (number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]))
            triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
            faces.append((points, triangles if (axis == 1) ^ (end == 1) else triangles[:, ::-1]))
    shift = np.cumsum([0] + [len(points) for points, _ in faces])
    points = np.concatenate([points for points, _ in faces])
    triangles = np.concatenate([triangles + first for (_, triangles), first in zip(faces, shift, strict=False)])
    _, first, same = np.unique(points.round(9), axis=0, return_index=True, return_inverse=True)
    return points[first], same.ravel()[triangles]


def two_boxes(one, other, reach: float) -> Scene:
    """Two boxes, each as (low corner, high corner, cells), both where they are at rest."""
    (p, s), (q, t) = box(*one), box(*other)
    vertices = np.concatenate([p, q])
    return Scene(vertices, np.concatenate([s, t + len(p)]), vertices, np.repeat([0, 1], [len(p), len(q)]), reach)


# ipctk as the oracle


@dataclasses.dataclass
class Pair:
    """Two features, their distance [m], and the way from the second's place to the first's, now and at rest [m]."""

    first: frozenset[int]
    second: frozenset[int]
    distance: float
    away: np.ndarray
    between: np.ndarray


def interior_pairs(scene: Scene) -> dict[Key, Pair]:
    """ipctk's vertices over faces and crossing edges within reach, without those on the verge of being so."""
    x, edges = scene.moved, Slow(scene).edges
    mesh = ipctk.CollisionMesh(scene.rest, edges.astype(np.int32), scene.triangles.astype(np.int32))
    near = ipctk.Candidates()
    near.build(mesh, x, scene.reach)
    found = []
    for pair in near.fv_candidates:
        corners = scene.triangles[pair.face_id]
        place = x[pair.vertex_id], *x[corners]
        if ipctk.point_triangle_distance_type(*place) == ipctk.PointTriangleDistanceType.P_T:
            second, third = ipctk.point_triangle_closest_point(*place)
            weights = np.array([1.0 - second - third, second, third])
            if weights.min() > 2.0 * BORDER:
                squared = ipctk.point_triangle_distance(*place)
                found.append(([pair.vertex_id], corners, np.array([1.0, *-weights]), squared))
    for pair in near.ee_candidates:
        one, other = edges[pair.edge0_id], edges[pair.edge1_id]
        place = *x[one], *x[other]
        if ipctk.edge_edge_distance_type(*place) == ipctk.EdgeEdgeDistanceType.EA_EB:
            s, t = ipctk.edge_edge_closest_point(*place)
            d, e = direction(place[1] - place[0]), direction(place[3] - place[2])
            crossing = np.linalg.norm(np.cross(d, e)) > 1.01 * np.sqrt(PARALLEL)
            if crossing and min(s, t) > 2.0 * BORDER and max(s, t) < 1.0 - 2.0 * BORDER:
                found.append((one, other, np.array([1.0 - s, s, t - 1.0, -t]), ipctk.edge_edge_distance(*place)))
    pairs = {}
    for one, other, weights, squared in found:
        if np.sqrt(squared) < (1.0 - 1e-6) * scene.reach:
            first, second = frozenset(np.array(one).tolist()), frozenset(other.tolist())
            both = [*one, *other]
            pairs[frozenset([first, second])] = Pair(
                first, second, np.sqrt(squared), weights @ x[both], weights @ scene.rest[both]
            )
    return pairs


def must_be_found(slow: Slow, pair: Pair) -> bool:
    """Whether each of two features lies outside the other, and they were no neighbours at rest."""
    mine, theirs = slow.outward(pair.first, slow.scene.moved), slow.outward(pair.second, slow.scene.moved)
    n = direction(pair.away)
    outside = n @ theirs > 0.0 if len(pair.first) == 1 else min(n @ theirs, -n @ mine) > SURE + 1e-6
    one_body = slow.scene.body[min(pair.first)] == slow.scene.body[min(pair.second)]
    return bool(outside) and not (one_body and slow.left_out(pair.first, pair.second, n, pair.between))


def upright(angle: np.ndarray, height: np.ndarray, z: np.ndarray, *, squeezed: float = 1.0) -> np.ndarray:
    """Places in a straight tube with its wall squeezed to a share of its thickness [m]."""
    radius = 5e-3 + squeezed * height
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], 1)


ORACLE_SCENES = {
    "soup": lambda: soup(300, 0.5e-3),
    "balls": lambda: two_balls(3, 0.2e-3, 0.8e-3),
    "folded sheet": lambda: sheet((30, 12), folded, 0.6e-3),
    "rough sheet": lambda: sheet((16, 16), rough(0.7e-3), 0.5e-3),
    "folded tube": lambda: wall(48, 20, collapsed(0.2e-3), 0.4e-3),
}


@pytest.mark.parametrize("name", ORACLE_SCENES)
def test_what_ipctk_finds_is_found_with_the_same_distance(name):
    scene = ORACLE_SCENES[name]()
    slow, theirs, ours = Slow(scene), interior_pairs(scene), by_feature(scene.search())
    wanted = {key for key, pair in theirs.items() if must_be_found(slow, pair)}
    assert len(wanted) > 50
    assert not wanted - ours.keys()
    assert all(ours[key] > 0.0 for key in wanted)
    for key in theirs.keys() & ours.keys():
        assert abs(ours[key]) == pytest.approx(theirs[key].distance, rel=1e-5)
    if name == "balls":
        assert wanted == theirs.keys()


def test_vertices_near_edges_are_those_of_offset_geometric_contact():
    scene = two_balls(2, 0.1e-3, 3e-3, seed=5, noise=0.4e-3)
    edges = Slow(scene).edges
    mesh = ipctk.CollisionMesh(scene.rest, edges.astype(np.int32), scene.triangles.astype(np.int32))
    mesh.init_adjacencies()
    near = ipctk.NormalCollisions()
    near.collision_set_type = ipctk.NormalCollisions.CollisionSetType.OGC
    near.build(mesh, scene.moved, scene.reach)
    faces = {frozenset([frozenset([p.vertex_id]), frozenset(scene.triangles[p.face_id].tolist())]) for p in near.fv_collisions}
    sides = {frozenset([frozenset([p.vertex_id]), frozenset(edges[p.edge_id].tolist())]) for p in near.ev_collisions}
    ours = {size: {key for key in by_feature(scene.search()) if sorted(map(len, key)) == [1, size]} for size in (2, 3)}
    assert ours[3] == faces
    assert len(ours[2]) > 3
    assert ours[2] <= sides


# The slow search as the oracle

SLOW_SCENES = {
    "balls apart": lambda: two_balls(2, 0.2e-3, 3e-3, noise=0.2e-3),
    "balls pressed": lambda: two_balls(2, -0.3e-3, 1e-3, seed=1),
    "rough balls pressed": lambda: two_balls(1, -1e-3, 3e-3, seed=2, noise=1e-3),
    "soup": lambda: soup(100, 1e-3, seed=1),
    "gentle sheet": lambda: sheet((12, 12), rough(0.25e-3), 2e-3),
    "rough sheet": lambda: sheet((10, 10), rough(0.6e-3), 1e-3),
    "folded sheet": lambda: sheet((20, 5), folded, 0.6e-3, seed=1),
    "folded tube": lambda: wall(32, 6, collapsed(0.3e-3), 0.5e-3),
}


@pytest.mark.parametrize("itself", [True, False])
@pytest.mark.parametrize("name", SLOW_SCENES)
def test_a_slow_search_without_boxes_finds_the_same(name, itself):
    scene = SLOW_SCENES[name]()
    ours, theirs = by_feature(scene.search(itself=itself)), Slow(scene, itself=itself).pairs()
    assert ours.keys() == theirs.keys()
    assert list(ours.values()) == pytest.approx([theirs[key] for key in ours], rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("name", SLOW_SCENES)
def test_weights_normal_and_distance_belong_together(name):
    scene = SLOW_SCENES[name]()
    near = scene.search()
    found, outward = contacts(near), Slow(scene).outward
    away = np.einsum("ck,cki->ci", found["weights"], scene.moved[found["vertices"]])
    assert np.linalg.norm(found["normal"], axis=1) == pytest.approx(1.0, abs=1e-6)
    assert np.einsum("ci,ci->c", found["normal"], away) == pytest.approx(found["distance"], abs=1e-8)
    assert np.linalg.norm(away, axis=1) == pytest.approx(abs(found["distance"]), abs=1e-8)
    assert found["weights"].sum(1) == pytest.approx(0.0, abs=1e-6)
    faces = slice(0, near.vertex_face_count)
    assert (found["weights"][faces, 0] == 1.0).all()
    assert (found["weights"][faces, 1:] <= 0.0).all()
    for vertices, weights, normal in zip(found["vertices"][faces], found["weights"][faces], found["normal"][faces], strict=True):
        if (weights[1:] < 0.0).all():
            assert normal == pytest.approx(outward(frozenset(vertices[1:].tolist()), scene.moved), abs=1e-5)


# Walls, slits and presses


@pytest.mark.parametrize("reach", [0.3e-3, 0.9e-3, 1.5e-3, 3e-3])
@pytest.mark.parametrize("squeezed", [1.0, 0.6, 0.3])
def test_the_two_sides_of_a_wall_are_not_near_each_other(squeezed, reach):
    thinner = wall(40, 16, lambda *place: upright(*place, squeezed=squeezed), reach)
    assert thinner.search().count == 0


def test_only_the_lumen_of_a_collapsed_tube_touches_itself():
    scene = wall(48, 20, collapsed(0.2e-3), 0.4e-3)
    found = by_feature(scene.search())
    inside = np.linalg.norm(scene.rest[:, :2], axis=1) < 5.5e-3
    assert len(found) > 100
    assert all(inside[vertex] for key in found for feature in key for vertex in feature)
    assert min(found.values()) > 0.19e-3


def test_at_rest_a_body_is_near_itself_only_where_it_faces_itself():
    count, gap = 6, 0.05e-3
    low, below = box((0.0, 0.0, 0.0), (6e-3, 6e-3, 1e-3), (count, count, 1))
    high, above = box((0.0, 0.0, 1e-3 + gap), (6e-3, 6e-3, 2e-3 + gap), (count, count, 1))
    vertices, triangles = np.concatenate([low, high]), np.concatenate([below, above + len(low)])
    for opened in (0.0, -gap, 0.1e-3):
        moved = vertices + np.array([0.0, 0.0, opened]) * (np.arange(len(vertices)) >= len(low))[:, None]
        scene = Scene(vertices, triangles, moved, np.zeros(len(vertices), int), 0.3e-3)
        found = contacts(scene.search())
        lips = np.isclose(scene.rest[:, 2], 1e-3) | np.isclose(scene.rest[:, 2], 1e-3 + gap)
        assert lips[found["vertices"][found["weights"] != 0.0]].all()
        assert len(found["distance"]) == (count + 1) ** 2
        assert found["distance"] == pytest.approx(gap + opened, abs=1e-8)
        assert abs(found["normal"][:, 2]) == pytest.approx(1.0)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.5, 0.0), (0.5, 0.5), (0.3, 0.2)])
def test_each_vertex_over_a_flat_face_is_counted_once(shift):
    cell = 1e-3
    floor = ((0.0, 0.0, -2e-3), (10e-3, 10e-3, 0.0), (10, 10, 2))
    low = np.array([2e-3 + shift[0] * cell, 2e-3 + shift[1] * cell, 0.1e-3])
    scene = two_boxes(floor, (low, low + np.array([4e-3, 4e-3, 2e-3]), (4, 4, 2)), 0.2e-3)
    found = kinds(by_feature(scene.search()))
    above = 5 * 5
    assert found[(1, 1)] + found[(1, 2)] + found[(1, 3)] == above + (0 if shift == (0.0, 0.0) else 4 * 4 if min(shift) else 4 * 5)


def test_what_is_pressed_into_a_face_is_pushed_straight_out():
    depth = 0.1e-3
    lower = ((0.0, 0.0, -4e-3), (10e-3, 10e-3, 0.0), (10, 10, 4))
    # The upper box hangs over the lower one's side: its lowest vertices are 0.5 mm from that side, within reach of it.
    upper = ((-2.5e-3, 3.2e-3, -depth), (4.5e-3, 7.2e-3, 4e-3), (7, 4, 4))
    found = contacts(two_boxes(lower, upper, 1e-3).search())
    passed = found["distance"] < 0.0
    assert passed.sum() > 20
    assert found["distance"][passed] == pytest.approx(-depth, abs=1e-8)
    assert abs(found["normal"][passed, 2]) == pytest.approx(1.0, abs=1e-6)


def test_no_vertex_deeper_than_the_reach_counts():
    lower = ((0.0, 0.0, -4e-3), (10e-3, 10e-3, 0.0), (10, 10, 4))
    upper = ((3.45e-3, 3.45e-3, -0.5e-3), (6.55e-3, 6.55e-3, 4e-3), (3, 3, 4))
    assert contacts(two_boxes(lower, upper, 0.6e-3).search())["distance"].min() == pytest.approx(-0.5e-3)
    assert (contacts(two_boxes(lower, upper, 0.4e-3).search())["distance"] > 0.0).all()


# The engine's manners


def test_a_search_again_is_equal_to_the_bit():
    scene = two_balls(3, -0.2e-3, 1e-3, noise=0.1e-3)
    assert digest(scene.search()) == digest(scene.search())


@pytest.mark.slow
def test_one_thread_and_two_find_the_same_bits():
    code = (
        "import sys; from sim import backend; backend.start('cpu', threads=int(sys.argv[1]));"
        "from tests.sim.test_proximity import digest, two_balls;"
        "near = two_balls(3, -0.2e-3, 1e-3, noise=0.1e-3).search(); assert near.count > 100; print(digest(near))"
    )
    found = set()
    for threads in ("1", "2"):
        words = [sys.executable, "-c", code, threads]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        ran = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)
        assert ran.returncode == 0, ran.stderr
        found.add(ran.stdout.split()[-1])
    assert len(found) == 1


def test_room_grows_until_all_contacts_fit():
    scene = soup(250, 3e-3)
    small, large = scene.search(capacity=1), scene.search(capacity=20000)
    assert small.capacity >= small.count == large.count > 1024
    assert digest(small) == digest(large)
    again = small.find(put(scene.rest, vec3), put(scene.u, vec3d), reach=scene.reach)
    assert again == large.count
    assert digest(small) == digest(large)


def test_a_surface_without_triangles_is_near_nothing():
    scene = Scene(np.zeros((3, 3)), np.zeros((0, 3), int), np.zeros((3, 3)), np.zeros(3, int), 1e-3)
    near = scene.search()
    assert near.count == near.vertex_face_count == 0
    assert near.moved(put(scene.u, vec3d), put(scene.u, vec3d)) == 0.0


def test_triangles_without_area_give_no_nan():
    flat = two_balls(1, 0.1e-3, 2e-3)
    moved = flat.moved.copy()
    for t in range(0, len(flat.triangles), 5):
        moved[flat.triangles[t, 0]] = moved[flat.triangles[t, 1]]
    moved[flat.triangles[-3:]] = moved[flat.triangles[0, 0]]
    lines = soup(60, 2e-3)
    lines.moved[2::6] = 0.5 * (lines.moved[0::6] + lines.moved[1::6])
    for scene in (
        Scene(flat.rest, flat.triangles, moved, flat.body, 2e-3),
        Scene(lines.moved, lines.triangles, lines.moved, lines.body, 2e-3),
    ):
        found = contacts(scene.search())
        assert len(found["distance"]) > 0
        assert all(np.isfinite(values).all() for values in found.values())
        assert np.linalg.norm(found["normal"], axis=1) == pytest.approx(1.0, abs=1e-5)


def test_the_largest_motion_is_that_of_the_surface():
    scene = two_balls(2, 1e-3, 1e-3)
    inner = np.concatenate([scene.rest, np.zeros((1, 3))])
    near = Proximity(build_skin(inner, scene.triangles))
    before, after = np.zeros((len(inner), 3), np.float32), np.zeros((len(inner), 3), np.float32)
    after[77] = (0.0, -3e-4, 4e-4)
    after[-1] = 1.0
    assert near.moved(put(after, vec3d), put(before, vec3d)) == pytest.approx(5e-4)


def test_a_surface_that_cannot_be_searched_is_refused():
    vertices = np.eye(3)
    with pytest.raises(SkinError, match="names vertices"):
        build_skin(vertices, np.array([[0, 1, 3]]))
    with pytest.raises(SkinError, match="twice"):
        build_skin(vertices, np.array([[0, 1, 1]]))
    with pytest.raises(SkinError, match="two bodies"):
        build_skin(vertices, np.array([[0, 1, 2]]), np.array([0, 0, 1]))
    with pytest.raises(SkinError, match="finite"):
        build_skin(np.array([[0, 0, 0], [1, 0, 0], [0, np.nan, 0]]), np.array([[0, 1, 2]]))
    with pytest.raises(ValueError, match="positive"):
        Proximity(build_skin(vertices, np.array([[0, 1, 2]]))).find(put(vertices, vec3), put(vertices, vec3d), reach=0.0)
