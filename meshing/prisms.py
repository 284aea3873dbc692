"""Layers of prisms over a triangle surface, each cut into three tetrahedra that fit their neighbours'."""

import numpy as np

# Even permutations of a prism's three columns keep its orientation, odd ones turn it over.
_ODD = {(0, 2, 1), (1, 0, 2), (2, 1, 0)}


def split_prisms(
    triangles: np.ndarray, vertex_count: int, layers: int, *, rank: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut `layers` layers of prisms over triangles (triangle count, 3) into tets.

    Vertex i of level k has the number k * vertex_count + i. Each side face of a prism is cut from the lower corner of its
    column of lower rank to the upper corner of the other, so both prisms that share it agree (Dompierre et al. 1999, How to
    subdivide pyramids, prisms and hexahedra into tetrahedra). `rank` (vertex_count,) is the numbers themselves by default.

    Returns tets (3 * triangle count * layers, 4), positive where the triangles' normals point up the layers, and for each
    tet its triangle and its layer (0 at the bottom).
    """
    order = np.argsort(triangles if rank is None else rank[triangles], axis=1)
    low = np.take_along_axis(triangles, order, axis=1)
    odd = np.array([tuple(row) in _ODD for row in order.tolist()])
    a0, a1, a2 = low.T
    b0, b1, b2 = low.T + vertex_count
    cut = np.stack([np.stack([a0, a1, a2, b2], 1), np.stack([a0, a1, b2, b1], 1), np.stack([a0, b1, b2, b0], 1)], axis=1)
    cut[odd] = cut[odd][:, :, [0, 2, 1, 3]]
    tets = np.concatenate([cut.reshape(-1, 4) + layer * vertex_count for layer in range(layers)])
    triangle = np.tile(np.repeat(np.arange(len(triangles)), 3), layers)
    return tets, triangle, np.repeat(np.arange(layers), 3 * len(triangles))


def wanted_edges(
    triangles: np.ndarray, levels: np.ndarray, tets: np.ndarray, triangle: np.ndarray, layer: np.ndarray, *, heights: np.ndarray
) -> np.ndarray:
    """Edge vectors from corner 0 of each tet as it would be in a right prism, (tet count, 3, 3) [mm].

    levels: positions (level count, vertex count, 3) [mm]; a prism's triangles have the shape of the lowest level's and the
    area of their own level's. heights: (layer count, vertex count) [mm]. triangle, layer: of each tet, as `split_prisms` says.
    """
    corners = levels[:, triangles]
    areas = np.linalg.norm(np.cross(corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0]), axis=2)
    # Where columns meet the area of an upper level says nothing of the shape that is wanted.
    growth = np.clip(np.sqrt(areas / areas[0]), 0.5, 6.0)
    u, v = corners[0, :, 1] - corners[0, :, 0], corners[0, :, 2] - corners[0, :, 0]
    along = np.linalg.norm(u, axis=1)
    flat = np.zeros((len(triangles), 3, 2))
    flat[:, 1, 0] = along
    flat[:, 2, 0] = np.einsum("ij,ij->i", u, v) / along
    flat[:, 2, 1] = areas[0] / along
    flat -= flat.mean(axis=1, keepdims=True)
    level, column = np.divmod(tets, levels.shape[1])
    slot = (triangles[triangle][:, None, :] == column[:, :, None]).argmax(axis=2)
    place = np.empty((len(tets), 4, 3))
    place[:, :, :2] = growth[level, triangle[:, None]][..., None] * flat[triangle[:, None], slot]
    place[:, :, 2] = (level - layer[:, None]) * heights[:, triangles].mean(axis=2)[layer, triangle][:, None]
    return place[:, 1:] - place[:, :1]
