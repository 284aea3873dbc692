"""Contacts of one tick: who meets whom, with which stiffness, and what they carry from round to round."""

import numpy as np
import taichi as ti

from sim import contact, strut_contact
from sim.arrays import Array, ivec4, put, vec2, vec3, vec3d, vec4, zeros
from sim.chunks import partial_length
from sim.command import Command, Motion
from sim.launching import Launcher
from sim.model import Model
from sim.proximity import Proximity
from sim.skin import build_skin
from sim.solvers import motion
from sim.solvers.entered import Entered
from sim.solvers.settings import Settings
from sim.state import State
from sim.tables import parts_of

STALE = 0.3
"""How far a fed device goes before its contacts are searched again, in mean edges: a facet's plane is the wall's no farther."""


class Touching:
    """The table of contacts of one model: first the struts' sample points, then what tissue meets; scratch only."""

    def __init__(self, model: Model, settings: Settings):
        self.model = model
        self._settings = settings
        m = model
        self._normals = zeros(m.vertex_count, vec3)
        self._triangle = put(np.full(max(m.sample_count, 1), -1), ti.i32)
        self._weights3, self._normal3 = zeros(m.sample_count, vec3), zeros(m.sample_count, vec3)
        self._distance = zeros(m.sample_count, ti.f32)
        self._position, self.position_before = zeros(m.node_count, vec3d), zeros(m.node_count, vec3d)
        self.first, self._cursor = zeros(m.vertex_count + 1, ti.i32), zeros(m.vertex_count + 1, ti.i32)
        self.reach, self._proximity = 0.0, None
        if m.body.touching:
            self._proximity, self.reach = _surface_search(m)
        self._searched = zeros(m.vertex_count, vec3d)
        self.count = self._capacity = 0
        self._keys = np.zeros((0, 5), np.int64)
        self._entered = Entered(m) if m.device and m.sample_count else None
        self._watched = settings.contact_reach
        self._slides = bool(m.device and m.device.feeds)
        if m.device and self._slides:
            self._watched = max(self._watched, 2.0 * float(m.device.rods.rest_length.max()))
        # Points closer together than the wall's vertices share the stiffness of one; lone points have it whole.
        lengths = m.device.sample_lengths if m.device else np.zeros(0)
        self._sample_share = np.where(lengths > 0.0, np.minimum(lengths / m.mean_edge, 1.0), 1.0)
        self._searched_device = np.zeros((m.node_count, 3))
        self._reserve(m.sample_count)

    def _reserve(self, count: int) -> None:
        """Make room for so many contacts."""
        if count <= self._capacity and self._capacity:
            return
        size = max(count, 2 * self._capacity, 1)
        self._capacity = size
        self.vertices, self.weights = zeros(size, ivec4), zeros(size, vec4)
        self.normal, self._anchor, self._anchor_before = (zeros(size, vec3) for _ in range(3))
        self._carried, self.traction, self.slide, self.push = (zeros(size, vec3) for _ in range(4))
        self._start, self._found, self._bend = zeros(size, vec3d), zeros(size, vec3d), zeros(size, vec3)
        self.slope = zeros(size, vec2)
        self._offset, self.stiffness, self._friction = (zeros(size, ti.f32) for _ in range(3))
        self.corners = zeros(4 * size, ti.i32)
        self.scratch = put(np.zeros((2, size, 3)), vec3)
        self._partial, self._launch = zeros(partial_length(size), ti.f64), Launcher()

    # --- search -----------------------------------------------------------------------------------------------------

    def find(self, state: State, y: np.ndarray, before: Array, command: Command, last: Command) -> None:
        """Fill the table at the state's displacement; slip counts from `before` [m] and the obstacles' places in `last`."""
        m = self.model
        rows = [self._strut_rows(state, y, command), *self._obstacle_rows(state, command, last), *self._tissue_rows(state)]
        table = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
        self.count = len(table["stiffness"])
        self._keys = table["key"]
        self._allowed = table["allowed"]
        if self.count == 0:
            return
        self._reserve(self.count)
        self._carry(state, table)
        for name, array in {
            "vertices": self.vertices, "weights": self.weights, "normal": self.normal, "anchor": self._anchor,
            "anchor_before": self._anchor_before, "carried": self._carried, "offset": self._offset,
            "stiffness": self.stiffness, "friction": self._friction,
        }.items():  # fmt: skip
            _fill(array, table[name])
        self.normal_host = table["normal"]
        self._stiffness_host, self._bend_host = table["stiffness"], table["bend"]
        contact.starting_places(
            self.count, m.sample_count, m.sample_nodes, m.sample_along, self.position_before, self.vertices, self.weights,
            m.rest, before, self._anchor_before, self._start,
        )  # fmt: skip
        if self._slides:
            _fill(self._bend, table["bend"])
            contact.starting_places(
                self.count, m.sample_count, m.sample_nodes, m.sample_along, self._position, self.vertices, self.weights,
                m.rest, state.displacement, self._anchor, self._found,
            )  # fmt: skip
        contact.list_contacts_by_vertex(
            m.vertex_count, self.count, self.vertices, self.stiffness, self._cursor, self.first, self.corners
        )

    def _strut_rows(self, state: State, y: np.ndarray, command: Command) -> dict[str, np.ndarray]:
        m, count = self.model, self.model.sample_count
        rows = _empty_rows(count)
        if count == 0 or m.device is None or self._entered is None:
            return rows
        self._position.from_numpy(y)
        self._searched_device = y
        u = state.displacement
        strut_contact.wall_normals(m.vertex_count, m.lumen_first, m.lumen_triangles, m.lumen, m.rest, u, self._normals)
        strut_contact.find_contacts(
            count, m.sample_nodes, m.sample_along, self._position, m.neighbour_first, m.neighbours, m.lumen_first,
            m.lumen_triangles, m.lumen, m.rest, u, self._normals, state.nearest, self._triangle, self._weights3,
            self._normal3, self._distance,
        )  # fmt: skip
        triangle, weights = self._triangle.to_numpy()[:count], self._weights3.to_numpy()[:count].astype(float)
        radius, gap = m.device.sample_radius, self._distance.to_numpy()[:count] - m.device.sample_radius
        wall = m.body.lumen[np.maximum(triangle, 0)]
        near = (gap <= self._watched) & self._entered.inside(y, wall, weights, u)
        near &= ~m.device.waiting_nodes(command.held_back)[m.device.sample_nodes[:, 0]]
        own = np.einsum("si,si->s", weights, m.vertex_stiffness[wall])
        rows["vertices"][:, :3] = np.where(near[:, None], wall, -1)
        rows["weights"][:, :3] = -weights
        rows["normal"] = self._normal3.to_numpy()[:count].astype(float)
        rows["carried"] = np.where(near[:, None], state.traction, 0.0)
        rows["offset"] = radius
        rows["allowed"] = self._settings.depth_bound * radius
        rows["stiffness"] = np.where(near, self._settings.contact_ratio * self._sample_share * own, 0.0)
        rows["friction"][:] = self._settings.friction if m.device.sample_friction is None else m.device.sample_friction
        if self._slides:
            x = m.rest.to_numpy().astype(float) + u.to_numpy()
            rows["bend"] = _hollows(x[wall], self._normals.to_numpy()[wall].astype(float), rows["normal"], gap + radius)
        return rows

    def _obstacle_rows(self, state: State, command: Command, last: Command) -> list[dict[str, np.ndarray]]:
        m = self.model
        if not m.body.obstacles:
            return []
        x = (m.rest.to_numpy() + state.displacement.to_numpy()).astype(float)[m.skin] + m.origin
        found = []
        for number, obstacle in enumerate(m.body.obstacles):
            now, then = command.moves.get(obstacle.name, Motion()), last.moves.get(obstacle.name, Motion())
            back = now.returned(x)
            foot, normal = obstacle.nearest(back)
            near = np.einsum("ni,ni->n", back - foot, normal) <= m.mean_edge
            vertex = m.skin[near]
            rows = _empty_rows(len(vertex))
            rows["key"][:, 0] = 1 + number
            rows["key"][:, 1] = rows["vertices"][:, 0] = vertex
            rows["weights"][:, 0] = 1.0
            rows["normal"] = now.turned(normal[near])
            rows["anchor"] = now.moved(foot[near]) - m.origin
            rows["anchor_before"] = then.moved(foot[near]) - m.origin
            rows["allowed"][:] = self._settings.overlap_bound * m.mean_edge
            rows["stiffness"] = self._settings.contact_ratio * m.vertex_stiffness[vertex]
            rows["friction"][:] = obstacle.friction
            found.append(rows)
        return found

    def _tissue_rows(self, state: State) -> list[dict[str, np.ndarray]]:
        """Where surfaces of the tissue come near each other or themselves."""
        m, p = self.model, self._proximity
        if p is None:
            return []
        motion.copy(m.vertex_count, state.displacement, self._searched)
        count = p.find(m.rest, state.displacement, reach=self.reach)
        rows = _empty_rows(count)
        rows["vertices"] = p.vertices.to_numpy()[:count]
        rows["weights"] = p.weights.to_numpy()[:count].astype(float)
        rows["normal"] = p.normal.to_numpy()[:count].astype(float)
        rows["key"][:, 0] = np.where(np.arange(count) < p.vertex_face_count, 0, -1)
        rows["key"][:, 1:] = rows["vertices"]
        rows["allowed"][:] = self._settings.overlap_bound * m.mean_edge
        own = np.abs(rows["weights"]) * m.vertex_stiffness[rows["vertices"]]
        rows["stiffness"] = 0.5 * self._settings.contact_ratio * own.sum(1)
        rows["friction"][:] = m.body.friction
        return [rows]

    def room(self, u: Array) -> float:
        """How far the surfaces may move on [m] before they must be searched again, lest something pass through unseen."""
        if self._proximity is None:
            return np.inf
        return 0.5 * self.reach - self._proximity.moved(u, self._searched)

    def strayed(self, y: np.ndarray) -> bool:
        """Whether a fed device has moved so far since the last search that it meets what it does not know of, or other facets."""
        if not self._slides:
            return False
        farthest = min(0.5 * self._watched, STALE * self.model.mean_edge)
        return float(np.linalg.norm(y - self._searched_device, axis=1).max()) > farthest

    def step_length(self, start: Array, u: Array) -> float:
        """Share of the way from `start` to `u` that the surfaces have room for, at most 1."""
        if self._proximity is None:
            return 1.0
        way = self._proximity.moved(u, start)
        return min(1.0, max(self.room(start), 0.0) / max(way, 1e-30))

    def _carry(self, state: State, table: dict[str, np.ndarray]) -> None:
        """Give the contacts that were there before the forces that they carry."""
        first = self.model.sample_count
        if len(state.met) == 0 or self.count == first:
            return
        every = np.concatenate([state.met, table["key"][first:]])
        names, number = np.unique(every, axis=0, return_inverse=True)
        then, now = np.split(number.ravel(), [len(state.met)])
        carried = np.zeros((len(names), 3))
        carried[then] = state.met_traction
        table["carried"][first:] = carried[now]

    # --- forces -----------------------------------------------------------------------------------------------------

    def energy(self, state: State, y: np.ndarray) -> float:
        """Energy of all contacts [J] at the state's displacement and the device's place; leaves tractions and stiffness."""
        m = self.model
        if self.count == 0:
            return 0.0
        if m.node_count:
            self._position.from_numpy(y)
        return self._launch(
            contact.contact_forces, self.count, m.sample_count, m.sample_nodes, m.sample_along, self._position, self.vertices,
            self.weights, self.normal, self._offset, self._anchor, self._start, self._found, self._bend, self.stiffness,
            self._friction, self._carried, m.rest, state.displacement, self.traction, self.slope, self.slide, self._partial,
        )  # fmt: skip

    def add_force(self, force: Array) -> None:
        """Add what contacts press on the tissue [N]."""
        if self.count:
            self._launch(
                contact.add_contact_force, self.model.vertex_count, self.first, self.corners, self.weights, self.traction,
                self.model.free, force,
            )  # fmt: skip

    def tractions(self) -> np.ndarray:
        """Force on each contact's side of positive weights, the strut's or the tissue's on an obstacle [N], shape (c, 3)."""
        return self.traction.to_numpy()[: self.count].astype(float)

    def vertex_forces(self) -> np.ndarray:
        """What contacts press on each vertex [N], held ones too, shape (n, 3)."""
        force = np.zeros((self.model.vertex_count, 3))
        if self.count:
            vertices, weights = self.vertices.to_numpy()[: self.count], self.weights.to_numpy()[: self.count].astype(float)
            there = vertices >= 0
            parts = weights[:, :, None] * self.tractions()[:, None]
            np.add.at(force, vertices[there], parts[there])
        return force

    def blocks(self) -> np.ndarray:
        """Stiffness of each contact [N/m], shape (c, 3, 3): see `sim.contact.resist`."""
        slope = self.slope.to_numpy()[: self.count].astype(float)
        slide = self.slide.to_numpy()[: self.count].astype(float)
        along = np.einsum("si,sj->sij", self.normal_host, self.normal_host)
        sliding = np.einsum("si,sj->sij", slide, slide)
        blocks = slope[:, 0, None, None] * along + slope[:, 1, None, None] * (np.eye(3) - along - sliding)
        if self._slides:
            push = np.maximum(np.einsum("si,si->s", self.tractions(), self.normal_host), 0.0)
            blocks += push[:, None, None] * np.einsum("si,sj->sij", self._bend_host, self._bend_host)
        return blocks

    def carry_on(self, state: State, y: np.ndarray) -> tuple[float, bool]:
        """Carry the forces over into `state`; returns the deepest overlap [m] and whether one is deeper than allowed."""
        if self.count == 0:
            return 0.0, False
        self.energy(state, y)
        traction = self.tractions()
        n, s = self.normal_host, self.model.sample_count
        push = np.einsum("si,si->s", traction, n)
        before = np.einsum("si,si->s", self._carried.to_numpy()[: self.count], n)
        there = (self._stiffness_host > 0.0) & (push > 0.0)
        depth = np.where(there, (push - np.maximum(before, 0.0)) / np.maximum(self._stiffness_host, 1e-30), 0.0)
        traction[~there] = 0.0
        _fill(self._carried, traction)
        state.traction = traction[:s]
        kept = np.flatnonzero(there[s:]) + s
        state.met, state.met_traction = self._keys[kept], traction[kept]
        return float(depth.max()), bool((depth > self._allowed).any())


def _surface_search(model: Model) -> tuple[Proximity, float]:
    """The search over all surfaces that may touch, and its reach [m]: half their mean edge."""
    body = model.body
    # Named surfaces have normals into the tissue, the search wants them outward.
    triangles = np.unique(np.concatenate([body.surface(name) for name in body.touching])[:, ::-1], axis=0)
    edges = body.vertices[triangles] - body.vertices[triangles[:, [1, 2, 0]]]
    skin = build_skin(body.vertices - model.origin, triangles, parts_of(body.tets, len(body.vertices)))
    return Proximity(skin), 0.5 * float(np.linalg.norm(edges, axis=2).mean())


def _hollows(corners: np.ndarray, normals: np.ndarray, normal: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """√κ c of the hollow of a wall about points at a distance from it [m^-½], shape (s, 3); nought where it is flat or bulges.

    Corners of the nearest triangles [m] and the wall's normals there have shape (s, 3, 3), into the blood as `normal` (s, 3).
    What turns the normal along a triangle is its curvature; a point beside the wall goes about the smaller radius 1/κ − distance.
    """
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    # Along and across an edge, both across the normal: there the shape is a symmetric matrix of two rows.
    along = first - np.einsum("si,si->s", first, normal)[:, None] * normal
    along /= np.maximum(np.linalg.norm(along, axis=1), 1e-30)[:, None]
    plane = np.stack([along, np.cross(normal, along)], 1)
    edges = np.stack([np.einsum("ski,si->sk", plane, first), np.einsum("ski,si->sk", plane, second)], 2)
    turns = np.stack([np.einsum("ski,si->sk", plane, normals[:, k] - normals[:, 0]) for k in (1, 2)], 2)
    size = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]
    flat = np.abs(size) < 1e-20
    inverse = np.stack([edges[:, 1, 1], -edges[:, 0, 1], -edges[:, 1, 0], edges[:, 0, 0]], 1).reshape(-1, 2, 2)
    shape = -turns @ (inverse / np.where(flat, 1.0, size)[:, None, None])
    mean, half = 0.5 * (shape[:, 0, 0] + shape[:, 1, 1]), 0.5 * (shape[:, 0, 0] - shape[:, 1, 1])
    mixed = 0.5 * (shape[:, 0, 1] + shape[:, 1, 0])
    most = np.where(flat, 0.0, np.clip(mean + np.hypot(half, mixed), 0.0, None))
    angle = 0.5 * np.arctan2(mixed, half)
    curvature = most / np.maximum(1.0 - most * np.maximum(distance, 0.0), 0.3)
    direction = np.cos(angle)[:, None] * plane[:, 0] + np.sin(angle)[:, None] * plane[:, 1]
    return np.sqrt(curvature)[:, None] * direction


def _empty_rows(count: int) -> dict[str, np.ndarray]:
    """A table of so many contacts that do nothing."""
    return {
        "key": np.full((count, 5), -1, np.int64),
        "vertices": np.full((count, 4), -1),
        "weights": np.zeros((count, 4)),
        "normal": np.zeros((count, 3)),
        "anchor": np.zeros((count, 3)),
        "anchor_before": np.zeros((count, 3)),
        "carried": np.zeros((count, 3)),
        "offset": np.zeros(count),
        "allowed": np.zeros(count),
        "stiffness": np.zeros(count),
        "bend": np.zeros((count, 3)),
        "friction": np.zeros(count),
    }


def _fill(array: Array, values: np.ndarray) -> None:
    """Write values into the beginning of an array on the backend."""
    whole = array.to_numpy()
    whole[: len(values)] = values
    array.from_numpy(whole)
