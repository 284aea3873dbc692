"""Skin: a triangle surface as tables on the backend, cut into small patches whose boxes find near neighbours quickly.

Patches are made once, from the rest shape: triangles are halved by the place of their centres, or within a region by their
normals where these differ more, until at most `PATCH` are left, each body apart from the others. So a patch is as large as its
triangles are, and large ones beside small ones cost nothing. `BRANCH` patches that follow one another make a region, and as
many regions a realm.
"""

import dataclasses

import numpy as np
import scipy.sparse as sparse
import taichi as ti

from sim.arrays import Array, ivec2, ivec3, put, vec3d

PATCH = 10
"""Most triangles of a patch."""

TURN = 0.75
"""Difference of normals that counts as much as one extent of a patch, so that the two sides of a wall come apart."""

BRANCH = 16
"""Patches of a region, and regions of a realm."""


class SkinError(ValueError):
    """A surface that cannot be searched, told in one sentence."""


@dataclasses.dataclass(frozen=True)
class Skin:
    """A surface on the backend, numbered anew so that what is near in the rest shape is near in memory.

    Attributes
    ----------
    triangle_count, edge_count, vertex_count, patch_count, region_count, realm_count
        How many there are of each.
    vertex
        For each vertex of the surface the mesh's number of it, shape (n,).
    rest, rest_normal
        Positions of the vertices [m] and unit normals of the triangles at rest, in double precision, shapes (n, 3) and (k, 3).
    triangles, edges
        Vertices of each, shapes (k, 3) and (e, 2); triangles have outward normals.
    triangle_edges
        The edge across from each corner of a triangle, shape (k, 3).
    marks
        Bits of each triangle, shape (k,): 0–2 whether it answers for the edges across from its corners, being the first of the
        triangles there, 3–5 for its corners; 7–9 whether these edges, 10–12 whether these corners lie where the surface ends.
    around
        Lists of triangles, in order: each triangle alone, then those at each edge, then those at each vertex.
    edge_first
        Where each edge's list begins in `around`, shape (e + 1,).
    vertex_first
        Where each vertex's list begins in `around`, and where in `vertex_edges`, shape (n + 1, 2).
    vertex_edges
        Lists of the edges at each vertex, in order.
    vertex_patch, edge_patch
        The patch that each vertex or edge counts to, which is that of its first triangle, shapes (n,) and (e,).
    patch_first
        Where each patch's triangles, edges and vertices begin, shape (p + 1, 3).
    patch_body
        The body that each patch is of, shape (p,).
    neighbour_first, neighbours
        For each patch those that share a vertex with it, itself among them, in order: where its list begins, and the lists.
    """

    triangle_count: int
    edge_count: int
    vertex_count: int
    patch_count: int
    region_count: int
    realm_count: int
    vertex: Array
    rest: Array
    rest_normal: Array
    triangles: Array
    edges: Array
    triangle_edges: Array
    marks: Array
    around: Array
    edge_first: Array
    vertex_first: Array
    vertex_edges: Array
    vertex_patch: Array
    edge_patch: Array
    patch_first: Array
    patch_body: Array
    neighbour_first: Array
    neighbours: Array


def build_skin(vertices: np.ndarray, triangles: np.ndarray, body: np.ndarray | None = None) -> Skin:
    """Cut a surface into patches and put its tables on the backend.

    Parameters
    ----------
    vertices
        Rest positions of the whole mesh [m], shape (n, 3); those that no triangle names take no part.
    triangles
        Vertex indices, normals out of the tissue, shape (k, 3); may be empty.
    body
        For each vertex of the mesh the number of the body it is of, shape (n,); None says that all are one body. What hangs
        together is one body, the two sides of a wall too.

    Raises
    ------
    SkinError
        If a triangle names a vertex that is not there, or one twice, or vertices of two bodies, or one not at a finite place.
    """
    triangles = np.asarray(triangles, np.int64).reshape(-1, 3)
    number = np.zeros(len(vertices), np.int64) if body is None else np.unique(body, return_inverse=True)[1]
    _check(vertices, triangles, number)
    patch = _patches(vertices[triangles], number[triangles[:, 0]])
    order = np.argsort(patch, kind="stable")
    patch, corners = patch[order], triangles[order].ravel()
    vertex, local, first_triangle = _in_order_of_appearance(corners)
    corners = local.reshape(-1, 3)
    low, high = (f(corners[:, [1, 2, 0]], corners[:, [2, 0, 1]]).ravel() for f in (np.minimum, np.maximum))
    key, edge, edge_triangle = _in_order_of_appearance(low * max(len(vertex), 1) + high)
    edges = np.stack(np.divmod(key, max(len(vertex), 1)), 1)
    patch_count = int(patch[-1]) + 1 if len(patch) else 0
    vertex_patch, edge_patch = patch[first_triangle], patch[edge_triangle]
    starts = [np.searchsorted(owner, np.arange(patch_count + 1)) for owner in (patch, edge_patch, vertex_patch)]
    edge = edge.reshape(-1, 3)
    edge_first, at_edges = _lists(edge, len(edges))
    vertex_first, at_vertices = _lists(corners, len(vertex))
    vertex_edge_first, vertex_edges = _lists(edges, len(vertex))
    ends = np.zeros(len(vertex), bool)
    ends[edges[np.diff(edge_first) == 1]] = True
    itself = np.arange(len(corners))[:, None]
    first_there = [edge_triangle[edge] == itself, first_triangle[corners] == itself]
    on_rim = [np.zeros_like(itself, bool), np.diff(edge_first)[edge] == 1, ends[corners]]
    marks = np.hstack(first_there + on_rim) @ (1 << np.arange(13))
    neighbour_first, neighbours = _neighbours(corners, patch, len(vertex), patch_count)
    return Skin(
        triangle_count=len(corners),
        edge_count=len(edges),
        vertex_count=len(vertex),
        patch_count=patch_count,
        region_count=-(-patch_count // BRANCH),
        realm_count=-(-patch_count // BRANCH**2),
        vertex=put(vertex, ti.i32),
        rest=put(vertices[vertex], vec3d),
        rest_normal=put(normals_of(vertices[triangles[order]]), vec3d),
        triangles=put(corners, ivec3),
        edges=put(edges, ivec2),
        triangle_edges=put(edge, ivec3),
        marks=put(marks, ti.i32),
        around=put(np.concatenate([itself[:, 0], at_edges, at_vertices]), ti.i32),
        edge_first=put(len(corners) + edge_first, ti.i32),
        vertex_first=put(np.stack([len(corners) + len(at_edges) + vertex_first, vertex_edge_first], 1), ivec2),
        vertex_edges=put(vertex_edges, ti.i32),
        vertex_patch=put(vertex_patch, ti.i32),
        edge_patch=put(edge_patch, ti.i32),
        patch_first=put(np.stack(starts, 1), ivec3),
        patch_body=put(number[triangles[order[starts[0][:-1]], 0]], ti.i32),
        neighbour_first=put(neighbour_first, ti.i32),
        neighbours=put(neighbours, ti.i32),
    )


def normals_of(corners: np.ndarray) -> np.ndarray:
    """Unit normals of triangles with these corners [m], shape (k, 3, 3); zero where there is no area."""
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return normal / np.maximum(np.linalg.norm(normal, axis=1), 1e-300)[:, None]


def _check(vertices: np.ndarray, triangles: np.ndarray, body: np.ndarray) -> None:
    if len(body) != len(vertices):
        raise SkinError(f"There are {len(vertices)} vertices and {len(body)} numbers of bodies; give each vertex one.")
    if len(triangles) == 0:
        return
    if triangles.min() < 0 or triangles.max() >= len(vertices):
        wrong = int(np.flatnonzero(((triangles < 0) | (triangles >= len(vertices))).any(1))[0])
        raise SkinError(f"Triangle {wrong} names vertices {triangles[wrong]}, but there are {len(vertices)}.")
    twice = (triangles == np.roll(triangles, 1, axis=1)).any(1)
    if twice.any():
        wrong = int(np.flatnonzero(twice)[0])
        raise SkinError(f"{twice.sum()} triangles name a vertex twice; the first is {wrong}, {triangles[wrong]}. Leave them out.")
    torn = (body[triangles] != body[triangles[:, :1]]).any(1)
    if torn.any():
        wrong = int(np.flatnonzero(torn)[0])
        raise SkinError(f"{torn.sum()} triangles hang on two bodies; the first is {wrong}. What hangs together is one body.")
    lost = ~np.isfinite(vertices[triangles]).all((1, 2))
    if lost.any():
        raise SkinError(f"{lost.sum()} triangles have corners at no finite place; the first is {int(np.flatnonzero(lost)[0])}.")


def _patches(corners: np.ndarray, body: np.ndarray) -> np.ndarray:
    """The patch of each triangle, numbered so that halves follow one another."""
    place = np.hstack([corners.mean(1), normals_of(corners)])
    part = np.unique(body, return_inverse=True)[1]
    while len(part):
        size = np.bincount(part)
        if size.max() <= PATCH:
            break
        order = np.argsort(part, kind="stable")
        first = np.cumsum(size) - size
        extent = np.maximum.reduceat(place[order], first) - np.minimum.reduceat(place[order], first)
        extent[:, 3:] *= TURN * extent[:, :3].max(1, keepdims=True) * (size <= BRANCH * PATCH)[:, None]
        along = place[np.arange(len(part)), extent.argmax(1)[part]]
        order = np.lexsort((along, part))
        upper = np.zeros(len(part), np.int64)
        rank = np.arange(len(part)) - first[part[order]]
        upper[order] = (size[part[order]] > PATCH) & (2 * rank >= size[part[order]])
        part = np.unique(2 * part + upper, return_inverse=True)[1]
    return part


def _in_order_of_appearance(names: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct names, in the order in which triangles name them; for each name given its place; the first triangle."""
    distinct, first, place = np.unique(names, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return distinct[order], rank[place], first[order] // 3


def _lists(groups: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """For each index the rows of `groups` that name it, in order: where its list begins, and the lists."""
    flat = groups.ravel()
    order = np.argsort(flat, kind="stable")
    return np.searchsorted(flat[order], np.arange(count + 1)), order // groups.shape[1]


def _neighbours(triangles: np.ndarray, patch: np.ndarray, vertex_count: int, patch_count: int) -> tuple[np.ndarray, np.ndarray]:
    """For each patch the patches that share a vertex with it: where its list begins, and the lists."""
    touched = sparse.coo_matrix(
        (np.ones(triangles.size, np.int32), (np.repeat(patch, 3), triangles.ravel())), (patch_count, vertex_count)
    ).tocsr()
    shared = (touched @ touched.T).tocsr()
    shared.sort_indices()
    return shared.indptr, shared.indices
