"""Model: everything that stays the same while the clock runs."""

import dataclasses
from typing import Any

import numpy as np
import taichi as ti

from sim import backend
from sim.arrays import Array, ivec2, ivec3, ivec4, mat3, put, vec2, vec3, vec8
from sim.body import Body, boundary_faces
from sim.checks import check_body, rest_shape
from sim.device import DeviceBody
from sim.groups import Groups, grouped
from sim.materials.active import Active
from sim.materials.material import Material
from sim.materials.relaxing import Relaxing
from sim.materials.viscous import Viscous
from sim.materials.wrapping import unwrapped
from sim.pockets import Pockets, build_pockets
from sim.pressure import Loaded, build_loaded
from sim.tables import corner_table, inverse_table, neighbour_table, pattern_of


@dataclasses.dataclass(frozen=True)
class Materials:
    """The laws of a model, each once, with what wraps them.

    Attributes
    ----------
    laws
        The laws, unwrapped, shape (k,).
    kinds
        The types of law among them, in the order that kernels number them.
    of_tet
        For each tet the place of its law, shape (m,).
    tension, viscosity
        Active tension [Pa] and viscosity [Pa·s] of each law, shape (k,).
    share, time
        Share and time [s] of relaxation of each law, shape (k,); a share of nought where it does not relax.
    """

    laws: tuple[Material, ...]
    kinds: tuple[type, ...]
    of_tet: np.ndarray
    tension: np.ndarray
    viscosity: np.ndarray
    share: np.ndarray
    time: np.ndarray

    @property
    def relaxes(self) -> bool:
        """Whether any law relaxes."""
        return bool(self.share.any())

    @property
    def added(self) -> bool:
        """Whether any law is active, viscous or relaxes."""
        return self.relaxes or bool(self.tension.any()) or bool(self.viscosity.any())


@dataclasses.dataclass(frozen=True)
class Model:
    """Tissue and device on the backend; positions are relative to `origin` so that single precision suffices."""

    body: Body
    device: DeviceBody | None
    origin: np.ndarray
    materials: Materials
    vertex_count: int
    tet_count: int
    entry_count: int
    upper_count: int
    lumen_count: int
    sample_count: int
    node_count: int
    skin: np.ndarray
    rest: Array
    mass: Array
    free: Array
    tets: Array
    edges_inverse: Array
    volume: Array
    material: Array
    kind: Array
    parameters: Array
    kept: Array
    frames: Array
    pockets: Pockets
    corner_first: Array
    corners: Array
    row_first: Array
    column: Array
    row: Array
    diagonal: Array
    upper: Array
    mirror: Array
    groups: Groups
    loaded: Loaded
    spring: Array
    dashpot: Array
    lumen: Array
    lumen_first: Array
    lumen_triangles: Array
    neighbour_first: Array
    neighbours: Array
    sample_nodes: Array
    sample_along: Array
    node_first: Array
    node_samples: Array
    vertex_stiffness: np.ndarray
    mean_edge: float
    rest_inverses: dict[float | None, Array | None]
    """The coarse inverse at rest for ticks of each length [s], made by the solver that first needs it."""


def build_model(body: Body, device: DeviceBody | None = None) -> Model:
    """Put tissue, and a device if there is one, on the backend.

    Raises
    ------
    ModelError
        If the body is not what `sim.checks` asks for.
    """
    backend.current()
    edges_inverse, volume = rest_shape(body)
    check_body(body, volume)
    vertex_count, materials = len(body.vertices), _materials(body)
    pattern = pattern_of(body.tets, vertex_count)
    corner_first, corners = corner_table(body.tets, vertex_count)
    lumen_first, lumen_triangles = inverse_table(body.lumen, vertex_count)
    neighbour_first, neighbours = neighbour_table(body.lumen, vertex_count)
    stiffness = np.array([law.volume_stiffness for law in materials.laws])
    (spring, dashpot), origin = _supports(body), body.vertices.mean(0)
    return Model(
        body=body,
        origin=origin,
        materials=materials,
        vertex_count=vertex_count,
        tet_count=len(body.tets),
        entry_count=len(pattern.row),
        upper_count=len(pattern.upper),
        lumen_count=len(body.lumen),
        skin=np.unique(boundary_faces(body.tets)) if body.obstacles else np.zeros(0, int),
        rest=put(body.vertices - origin, vec3),
        mass=put(_masses(body, volume), ti.f32),
        free=put(_free(body), ti.f32),
        tets=put(body.tets, ivec4),
        edges_inverse=put(edges_inverse, mat3),
        volume=put(volume, ti.f32),
        material=put(materials.of_tet, ti.i32),
        kind=put(np.array([materials.kinds.index(type(law)) for law in materials.laws]), ti.i32),
        parameters=put(np.array([law.parameters() for law in materials.laws]), vec8),
        kept=put(np.stack([body.kept * stiffness, stiffness], 1), vec2),
        frames=put(body.frames if body.frames is not None else np.zeros((0, 3, 3)), mat3),
        pockets=build_pockets(body.tets, materials.of_tet, volume, (1.0 - body.kept) * stiffness),
        corner_first=put(corner_first, ti.i32),
        corners=put(corners, ti.i32),
        row_first=put(np.searchsorted(pattern.row, np.arange(vertex_count + 1)), ti.i32),
        column=put(pattern.column, ti.i32),
        row=put(pattern.row, ti.i32),
        diagonal=put(np.flatnonzero(pattern.row == pattern.column), ti.i32),
        upper=put(pattern.upper, ti.i32),
        mirror=put(pattern.mirror, ti.i32),
        groups=grouped(pattern),
        loaded=build_loaded({"lumen": body.lumen, **body.surfaces}, pattern, vertex_count),
        spring=put(spring, mat3),
        dashpot=put(dashpot, mat3),
        lumen=put(body.lumen, ivec3),
        lumen_first=put(lumen_first, ti.i32),
        lumen_triangles=put(lumen_triangles, ti.i32),
        neighbour_first=put(neighbour_first, ti.i32),
        neighbours=put(neighbours, ti.i32),
        vertex_stiffness=_vertex_stiffness(body, edges_inverse, volume),
        mean_edge=_mean_edge(body),
        rest_inverses={},
        **_device_tables(device),
    )


def with_device(model: Model, device: DeviceBody | None) -> Model:
    """The same tissue with another device, or with none; the tissue's tables are shared."""
    return dataclasses.replace(model, **_device_tables(device))


def _device_tables(device: DeviceBody | None) -> dict[str, Any]:
    samples, nodes = (device.sample_nodes, device.node_count) if device else (np.zeros((0, 2), int), 0)
    node_first, node_samples = inverse_table(samples, nodes)
    return {
        "device": device,
        "sample_count": len(samples),
        "node_count": nodes,
        "sample_nodes": put(samples, ivec2),
        "sample_along": put(device.sample_along if device else np.zeros(0), ti.f32),
        "node_first": put(node_first, ti.i32),
        "node_samples": put(node_samples, ti.i32),
    }


def _materials(body: Body) -> Materials:
    used = sorted(set(np.unique(body.law_of_tet).tolist()))
    unique = list(dict.fromkeys(body.laws[index] for index in used))
    place = {index: unique.index(body.laws[index]) for index in used}
    laws: list[Material] = []
    wraps = np.zeros((4, len(unique)))
    wraps[3] = 1.0
    for number, law in enumerate(unique):
        inner, around = unwrapped(law)
        for one in around:
            if isinstance(one, Active):
                wraps[0, number] += one.tension
            elif isinstance(one, Viscous):
                wraps[1, number] += one.viscosity
            elif isinstance(one, Relaxing):
                wraps[2:, number] = one.share, one.time
        laws.append(inner)
    table = np.zeros(max(used) + 1, int)
    table[used] = [place[index] for index in used]
    return Materials(
        laws=tuple(laws),
        kinds=tuple(sorted({type(law) for law in laws}, key=lambda kind: kind.__name__)),
        of_tet=table[body.law_of_tet],
        tension=wraps[0],
        viscosity=wraps[1],
        share=wraps[2],
        time=wraps[3],
    )


def _mean_edge(body: Body) -> float:
    """Mean length of the first edge of each tet [m]."""
    return float(np.linalg.norm(body.vertices[body.tets[:, 1]] - body.vertices[body.tets[:, 0]], axis=1).mean())


def _masses(body: Body, volume: np.ndarray) -> np.ndarray:
    mass = np.zeros(len(body.vertices))
    density = np.array([law.density for law in body.laws])[body.law_of_tet]
    np.add.at(mass, body.tets, (density * volume / 4.0)[:, None])
    return mass


def _free(body: Body) -> np.ndarray:
    free = np.ones(len(body.vertices))
    free[body.held] = 0.0
    for patch in body.patches.values():
        free[patch] = 0.0
    return free


def _supports(body: Body) -> tuple[np.ndarray, np.ndarray]:
    """Stiffness [N/m] and damping [N·s/m] of the supports at each vertex, shape (n, 3, 3)."""
    spring, dashpot = np.zeros((2, len(body.vertices), 3, 3))
    for support in body.supports:
        triangles = body.surface(support.surface)
        p = body.vertices[triangles]
        twice = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
        size = np.maximum(np.linalg.norm(twice, axis=1), 1e-30)
        share = np.einsum("ti,tj->tij", twice, twice) / (6.0 * size)[:, None, None]
        for corner in range(3):
            np.add.at(spring, triangles[:, corner], support.stiffness * share)
            np.add.at(dashpot, triangles[:, corner], support.damping * share)
    return spring, dashpot


def _vertex_stiffness(body: Body, edges_inverse: np.ndarray, volume: np.ndarray) -> np.ndarray:
    """Mean diagonal of each vertex's own stiffness at rest [N/m], without its volume term's: the scale for contacts'."""
    shear = np.array([one.shear_modulus for one in body.laws])[body.law_of_tet]
    gradients = np.concatenate([-edges_inverse.sum(1, keepdims=True), edges_inverse], 1)
    own = (4.0 * shear * volume)[:, None] * np.einsum("tai,tai->ta", gradients, gradients) / 3.0
    stiffness = np.zeros(len(body.vertices))
    np.add.at(stiffness, body.tets, own)
    return stiffness
