"""Model: everything that stays the same while the clock runs."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sparse
import taichi as ti

from sim import backend
from sim.arrays import Array, ivec2, ivec3, ivec4, mat3, put, vec3, vec4
from sim.balloon import GuidedBalloon
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.struts import Struts


class ModelError(ValueError):
    """A model that cannot be simulated, told in one sentence."""


@dataclasses.dataclass(frozen=True)
class Body:
    """Tissue as numpy arrays: what a model is made from.

    Attributes
    ----------
    vertices
        Rest positions [m], shape (n, 3).
    tets
        Vertex indices, positively oriented, shape (m, 4).
    laws
        The laws in use.
    law_of_tet
        For each tet the index of its law, shape (m,).
    lumen
        Triangles of the lumen, normals out of the blood, shape (k, 3); may be empty.
    held
        Indices of vertices that do not move.
    """

    vertices: np.ndarray
    tets: np.ndarray
    laws: Sequence[StableNeoHookean]
    law_of_tet: np.ndarray
    lumen: np.ndarray
    held: np.ndarray


@dataclasses.dataclass(frozen=True)
class DeviceBody:
    """A stent on its balloon as numpy arrays: what a model is made from.

    Attributes
    ----------
    struts
        Mechanics of the strut network.
    positions
        Node positions when the clock starts [m], shape (n, 3).
    sample_nodes, sample_along
        Points on struts that may touch the wall: the strut's two nodes, shape (s, 2), and how far along it each is, 0 to 1.
    half_thickness
        Half the radial thickness of a strut [m].
    balloon
        The balloon under the stent.
    balloon_share
        Area of the balloon that each node bears, per unit of radius, shape (n,) [m·rad].
    drag
        Resistance of each node against moving [N·s/m]: the flow of fluid into the balloon and friction, in one number.
    """

    struts: Struts
    positions: np.ndarray
    sample_nodes: np.ndarray
    sample_along: np.ndarray
    half_thickness: float
    balloon: GuidedBalloon
    balloon_share: np.ndarray
    drag: float


@dataclasses.dataclass(frozen=True)
class Model:
    """Tissue and device on the backend; positions are relative to `origin` so that single precision suffices."""

    body: Body
    device: DeviceBody | None
    origin: np.ndarray
    laws: tuple[type, ...]
    vertex_count: int
    tet_count: int
    entry_count: int
    lumen_count: int
    sample_count: int
    node_count: int
    rest: Array
    mass: Array
    free: Array
    tets: Array
    edges_inverse: Array
    volume: Array
    law: Array
    parameters: Array
    corner_first: Array
    corners: Array
    row_first: Array
    column: Array
    row: Array
    diagonal: Array
    entry_first: Array
    entry_blocks: Array
    entry_opposite: Array
    lumen: Array
    lumen_first: Array
    lumen_triangles: Array
    neighbour_first: Array
    neighbours: Array
    sample_nodes: Array
    sample_along: Array
    sample_half: Array
    node_first: Array
    node_samples: Array
    lumen_stiffness: np.ndarray


def build_model(body: Body, device: DeviceBody | None = None) -> Model:
    """Put tissue, and a device if there is one, on the backend.

    Raises
    ------
    ModelError
        If a tet is inverted or without volume, a vertex belongs to no tet, a tet has no law, or nothing is held.
    """
    backend.current()
    edges_inverse, volume = _rest_shape(body)
    _check(body, volume)
    origin = body.vertices.mean(0)
    vertex_count = len(body.vertices)
    corner_first, corners = _corners(body.tets, vertex_count)
    pattern = _pattern(body.tets, vertex_count)
    opposite = _opposite_vertices(body.lumen, pattern["row"], pattern["column"], vertex_count)
    lumen_first, lumen_triangles = _inverse_table(body.lumen, vertex_count)
    neighbour_first, neighbours = _lumen_neighbours(body.lumen, vertex_count)
    free = np.ones(vertex_count)
    free[body.held] = 0.0
    samples = device.sample_nodes if device else np.zeros((0, 2), int)
    node_first, node_samples = _inverse_table(samples, len(device.positions) if device else 0)
    mass = np.zeros(vertex_count)
    density = np.array([law.density for law in body.laws])[body.law_of_tet]
    np.add.at(mass, body.tets, (density * volume / 4.0)[:, None])
    parameters = np.array([law.parameters() for law in body.laws])
    return Model(
        body=body,
        device=device,
        origin=origin,
        laws=tuple(dict.fromkeys(type(law) for law in body.laws)),
        vertex_count=vertex_count,
        tet_count=len(body.tets),
        entry_count=len(pattern["row"]),
        lumen_count=len(body.lumen),
        sample_count=len(samples),
        node_count=len(device.positions) if device else 0,
        rest=put(body.vertices - origin, vec3),
        mass=put(mass, ti.f32),
        free=put(free, ti.f32),
        tets=put(body.tets, ivec4),
        edges_inverse=put(edges_inverse, mat3),
        volume=put(volume, ti.f32),
        law=put(_law_indices(body), ti.i32),
        parameters=put(parameters[body.law_of_tet], vec4),
        corner_first=put(corner_first, ti.i32),
        corners=put(corners, ti.i32),
        row_first=put(np.searchsorted(pattern["row"], np.arange(vertex_count + 1)), ti.i32),
        column=put(pattern["column"], ti.i32),
        row=put(pattern["row"], ti.i32),
        diagonal=put(np.flatnonzero(pattern["row"] == pattern["column"]), ti.i32),
        entry_first=put(pattern["first"], ti.i32),
        entry_blocks=put(pattern["blocks"], ti.i32),
        entry_opposite=put(opposite, ivec2),
        lumen=put(body.lumen, ivec3),
        lumen_first=put(lumen_first, ti.i32),
        lumen_triangles=put(lumen_triangles, ti.i32),
        neighbour_first=put(neighbour_first, ti.i32),
        neighbours=put(neighbours, ti.i32),
        sample_nodes=put(samples, ivec2),
        sample_along=put(device.sample_along if device else np.zeros(0), ti.f32),
        sample_half=put(np.full(len(samples), device.half_thickness if device else 0.0), ti.f32),
        node_first=put(node_first, ti.i32),
        node_samples=put(node_samples, ti.i32),
        lumen_stiffness=_vertex_stiffness(body, edges_inverse, volume),
    )


def _rest_shape(body: Body) -> tuple[np.ndarray, np.ndarray]:
    p = body.vertices[body.tets]
    edges = (p[:, 1:] - p[:, :1]).transpose(0, 2, 1)
    volume = np.linalg.det(edges) / 6.0
    safe = np.where((volume > 0.0)[:, None, None], edges, np.eye(3))
    return np.linalg.inv(safe), volume


def _check(body: Body, volume: np.ndarray) -> None:
    bad = np.flatnonzero(~(volume > 0.0))
    if len(bad):
        worst = int(np.argmin(volume))
        raise ModelError(
            f"{len(bad):,} of {len(volume):,} tetrahedra are inside out or flat; the worst is tet {worst} "
            f"({volume[worst]:.2g} m³). Mesh the vessel again or repair the mesh."
        )
    loose = np.setdiff1d(np.arange(len(body.vertices)), body.tets)
    if len(loose):
        raise ModelError(f"{len(loose):,} vertices belong to no tetrahedron; the first is vertex {loose[0]}. Remove them.")
    if len(body.held) == 0:
        raise ModelError("No vertex is held, so the tissue would float away; hold at least one end of the vessel.")
    if len(body.law_of_tet) != len(body.tets) or body.law_of_tet.min() < 0 or body.law_of_tet.max() >= len(body.laws):
        raise ModelError(f"Not every tetrahedron names one of the {len(body.laws)} laws; give a tissue for each label.")


def _law_indices(body: Body) -> np.ndarray:
    kinds = list(dict.fromkeys(type(law) for law in body.laws))
    return np.array([kinds.index(type(law)) for law in body.laws])[body.law_of_tet]


def _corners(tets: np.ndarray, vertex_count: int) -> tuple[np.ndarray, np.ndarray]:
    """For each vertex its tet corners as 4 t + corner."""
    flat = tets.ravel()
    order = np.argsort(flat, kind="stable")
    return np.searchsorted(flat[order], np.arange(vertex_count + 1)), order


def _pattern(tets: np.ndarray, vertex_count: int) -> dict[str, np.ndarray]:
    """Sparsity of the stiffness: for each pair of neighbouring vertices the element blocks 16 t + 4 a + b to add up."""
    i, j = np.repeat(tets, 4, axis=1).ravel().astype(np.int64), np.tile(tets, (1, 4)).ravel()
    key = i * vertex_count + j
    order = np.argsort(key, kind="stable")
    unique, first = np.unique(key[order], return_index=True)
    return {
        "row": (unique // vertex_count).astype(np.int32),
        "column": (unique % vertex_count).astype(np.int32),
        "first": np.append(first, len(key)),
        "blocks": order,
    }


def _opposite_vertices(lumen: np.ndarray, row: np.ndarray, column: np.ndarray, vertex_count: int) -> np.ndarray:
    """For each matrix entry (i, j) that is an inner edge of the lumen: the third vertices of the triangles with i→j and j→i."""
    opposite = np.full((len(row), 2), -1)
    if len(lumen) == 0:
        return opposite
    starts, ends, thirds = lumen.ravel(), lumen[:, [1, 2, 0]].ravel(), lumen[:, [2, 0, 1]].ravel()
    key = row.astype(np.int64) * vertex_count + column
    forward = np.searchsorted(key, starts.astype(np.int64) * vertex_count + ends)
    backward = np.searchsorted(key, ends.astype(np.int64) * vertex_count + starts)
    opposite[forward, 0] = thirds
    opposite[backward, 1] = thirds
    opposite[(opposite < 0).any(1)] = -1
    return opposite


def _inverse_table(groups: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """For each index the rows of `groups` that name it, each once, in order."""
    if len(groups) == 0:
        return np.zeros(count + 1, int), np.zeros(0, int)
    size = groups.shape[1]
    pairs = np.unique(np.stack([groups.ravel(), np.repeat(np.arange(len(groups)), size)], 1), axis=0)
    return np.searchsorted(pairs[:, 0], np.arange(count + 1)), pairs[:, 1]


def _lumen_neighbours(lumen: np.ndarray, vertex_count: int) -> tuple[np.ndarray, np.ndarray]:
    edges = np.concatenate([lumen[:, [0, 1]], lumen[:, [1, 2]], lumen[:, [2, 0]]])
    both = np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0)
    return np.searchsorted(both[:, 0], np.arange(vertex_count + 1)), both[:, 1]


def _vertex_stiffness(body: Body, edges_inverse: np.ndarray, volume: np.ndarray) -> np.ndarray:
    """Mean diagonal of each vertex's own stiffness at rest [N/m]: the scale for the stiffness of contacts."""
    law = np.array([[one.shear_modulus, one.first_lame] for one in body.laws])[body.law_of_tet]
    gradients = np.concatenate([-edges_inverse.sum(1, keepdims=True), edges_inverse], 1)
    norm = np.einsum("tai,tai->ta", gradients, gradients)
    own = volume[:, None] * norm * (4.0 * law[:, :1] + law[:, 1:]) / 3.0
    weights = sparse.csr_matrix(
        (own.ravel(), (body.tets.ravel(), np.zeros(body.tets.size, int))), shape=(len(body.vertices), 1)
    )
    return np.asarray(weights.todense()).ravel()
