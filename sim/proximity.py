"""Proximity: the places where a surface comes near itself or another body, as pairs of vertex and face and of two edges.

A search finds each place once. A vertex is paired with the faces, edges and corners that it is over (see sim/features.py);
two edges where the nearest points are inside both and the edges are not nearly parallel. The sign of a distance comes from the
outward normals: a vertex behind a face has passed through it if both normals face each other and it is no farther than the
reach; of several faces passed, those count that are hardly deeper than the shallowest. Two edges are a place of contact only
if each lies outside the other, or inside the other with normals that face each other, as the mean normals at them say.

What was near at rest within one body is no contact, unless it faced each other there, as the lips of a slit do; nor are two
places back to back at rest, the two sides of a wall, unless it is thicker than four times the reach.

Boxes of regions, patches (sim/skin.py) and single triangles and edges, in single precision, tell what may be near; the rest is
computed in double precision, which the difference of two positions needs. Every list is counted, summed and then filled by
one thread an owner, so that its order depends on nothing but the surface.
"""

import taichi as ti

from sim import backend
from sim.arrays import (
    Array,
    Doubles,
    Floats,
    Ints,
    IVec2s,
    IVec3s,
    IVec4s,
    Passed,
    Vec3ds,
    Vec3s,
    Vec4s,
    ivec4,
    vec3,
    vec3d,
    vec4,
    zeros,
)
from sim.boxes import CHUNK, apart, list_near_patches, place_skin, running_sum, spread_of_normals
from sim.features import (
    BORDER,
    CORNER,
    FACE,
    NONE,
    RIM,
    Surface,
    Tables,
    feature_below,
    foremost,
    near_at_rest,
    outward,
    over_corner,
    triangles_at,
    unit,
)
from sim.skin import Skin

# Cosine under which a vertex's normal is against that of a face which it has passed through.
AGAINST = -0.1
# Share of the reach by which a face that a vertex has passed through may be deeper than the shallowest.
DEEPER = 0.25
# Cosine that a contact's normal makes at least with the mean normals at two edges: what lies aside of an edge, or on the wrong
# side of one of the two, does not face it. Edges with less than 60° of tissue between their faces may be missed.
SURE = 0.5
# Square of the sine under which two edges are nearly parallel.
PARALLEL = 1e-3
# Boxes are in single precision: a little more than the reach, so that rounding hides nothing.
ROOM = 1.01
# Share of the reach within which two places touch: neither is on the wrong side, and no direction leads from one to the other.
TOUCHING = 1e-4


@ti.func
def vertex_contact(  # pyright: ignore
    v, t, same_body, deepest, reach, surface: Tables, rest: Passed, rest_normal: Passed, x: Passed, normal: Passed
):
    """Whether a vertex is in contact with what triangle t answers for; the place's weights, the normal, the signed distance."""
    c, p = surface.triangles[t], x[v]
    kind, b = NONE, ti.Vector([ti.f64(0.0), ti.f64(0.0), ti.f64(0.0)])
    n, distance = b, ti.f64(0.0)
    if c[0] != v and c[1] != v and c[2] != v:
        kind, b = feature_below(p, t, reach, surface, x)
    if kind != NONE:
        first, last = triangles_at(kind, t, surface)
        mine, mine_end = surface.vertex_first[v][0], surface.vertex_first[v + 1][0]
        corner = NONE
        if kind >= CORNER:
            corner = c[kind - CORNER]
        n = outward(first, last, corner, surface, normal, x)
        own = outward(mine, mine_end, v, surface, normal, x)
        away = (p - x[c[0]]) * b[0] + (p - x[c[1]]) * b[1] + (p - x[c[2]]) * b[2]
        passed = n.dot(away) < -TOUCHING * reach
        if kind != FACE:
            touching = away.norm_sqr() <= (TOUCHING * reach) ** 2
            n = ti.select(touching, unit(n - own), ti.select(passed, -1.0, 1.0) * unit(away))
        distance = n.dot(away)
        if corner >= 0 and corner < v and (away.dot(own) > TOUCHING * reach) == passed:
            mutual = over_corner(x[corner], v, surface, x)
            kind = ti.select(mutual == 1, NONE, kind)
        if distance < -deepest or n.norm_sqr() < 0.5:
            kind = NONE
        if kind != NONE and passed and (own.dot(n) > AGAINST or (surface.marks[t] >> (RIM + kind)) & 1 == 1):
            kind = NONE
        if kind != NONE and same_body:
            between = (rest[v] - rest[c[0]]) * b[0] + (rest[v] - rest[c[1]]) * b[1] + (rest[v] - rest[c[2]]) * b[2]
            one, other = foremost(mine, mine_end, -n, surface, normal), foremost(first, last, n, surface, normal)
            near = near_at_rest(between, rest_normal[one], rest_normal[other], reach)
            kind = ti.select(near == 1, NONE, kind)
    return kind != NONE, b, n, distance


@ti.kernel
def vertex_contacts(
    count: int,
    filling: int,
    reach: ti.f64,
    vertex: Ints,
    rest: Vec3ds,
    rest_normal: Vec3ds,
    triangles: IVec3s,
    triangle_edges: IVec3s,
    marks: Ints,
    edges: IVec2s,
    edge_first: Ints,
    vertex_first: IVec2s,
    around: Ints,
    vertex_edges: Ints,
    vertex_patch: Ints,
    patch_first: IVec3s,
    patch_body: Ints,
    x: Vec3ds,
    normal: Vec3ds,
    triangle_box: Vec3s,
    patch_box: Vec3s,
    width: int,
    near_number: Ints,
    near: Ints,
    deepest: Doubles,
    first: Ints,
    number_out: Ints,
    vertices_out: IVec4s,
    weights_out: Vec4s,
    normal_out: Vec3s,
    distance_out: Floats,
):
    """Contacts of each vertex with faces; first how many and how deep they may be [m], then, when `filling`, which."""
    surface = ti.static(Surface(triangles, triangle_edges, marks, edges, edge_first, vertex_first, around, vertex_edges))
    room = ti.cast(ROOM * reach, ti.f32)
    for v in range(count):
        p, at = vertex_patch[v], ti.cast(x[v], ti.f32)
        low, high = at - room, at + room
        limit, shallowest, number = reach, reach, 0
        rounds = 1
        if filling == 1:
            limit = deepest[v]
            rounds = ti.select(number_out[v] > 0, 1, 0)
        while rounds > 0:
            rounds -= 1
            number = 0
            for i in range(near_number[p]):
                q = near[width * p + i]
                if apart(low, high, patch_box, q):
                    continue
                for t in range(patch_first[q][0], patch_first[q + 1][0]):
                    if apart(low, high, triangle_box, t):
                        continue
                    same = patch_body[p] == patch_body[q]
                    kept, b, n, distance = vertex_contact(v, t, same, limit, reach, surface, rest, rest_normal, x, normal)
                    if kept:
                        if filling == 1:
                            k = first[v] + number
                            c = triangles[t]
                            vertices_out[k] = ti.Vector([vertex[v], vertex[c[0]], vertex[c[1]], vertex[c[2]]])
                            weights_out[k] = ti.cast(ti.Vector([1.0, -b[0], -b[1], -b[2]]), ti.f32)
                            normal_out[k] = ti.cast(n, ti.f32)
                            distance_out[k] = ti.cast(distance, ti.f32)
                        number += 1
                        shallowest = ti.min(shallowest, ti.select(distance < 0.0, -distance, reach))
            if filling == 0 and limit == reach and shallowest < (1.0 - DEEPER) * reach:
                limit = shallowest + DEEPER * reach
                rounds = 1
        if filling == 0:
            number_out[v], deepest[v] = number, limit


@ti.func
def edge_contact(  # pyright: ignore
    d, e, same_body, reach, surface: Tables, rest: Passed, rest_normal: Passed, x: Passed, normal: Passed
):
    """Whether two edges are in contact; how far along each the place is, the normal and the signed distance."""
    a, b = surface.edges[d], surface.edges[e]
    found, s, t = False, ti.f64(0.0), ti.f64(0.0)
    n, distance = ti.Vector([ti.f64(0.0), ti.f64(0.0), ti.f64(0.0)]), ti.f64(0.0)
    if a[0] != b[0] and a[0] != b[1] and a[1] != b[0] and a[1] != b[1]:
        one, other, between = x[a[1]] - x[a[0]], x[b[1]] - x[b[0]], x[a[0]] - x[b[0]]
        oo, tt, ot = one.norm_sqr(), other.norm_sqr(), one.dot(other)
        area = oo * tt - ot * ot
        if area > PARALLEL * oo * tt:
            s = (ot * other.dot(between) - tt * one.dot(between)) / area
            t = (oo * other.dot(between) - ot * one.dot(between)) / area
            away = between + s * one - t * other
            inside = ti.min(s, t) > BORDER and ti.max(s, t) < 1.0 - BORDER
            if inside and away.norm_sqr() <= reach * reach:
                mine, mine_end = surface.edge_first[d], surface.edge_first[d + 1]
                first, last = surface.edge_first[e], surface.edge_first[e + 1]
                own = outward(mine, mine_end, NONE, surface, normal, x)
                theirs = outward(first, last, NONE, surface, normal, x)
                n = unit(one.cross(other))
                if n.dot(theirs - own) < 0.0:
                    n = -n
                distance = n.dot(away)
                sure = ti.min(n.dot(theirs), -n.dot(own))
                found = sure >= SURE and (distance >= -TOUCHING * reach or own.dot(theirs) < 0.0)
                if found and same_body:
                    between = rest[a[0]] - rest[b[0]] + s * (rest[a[1]] - rest[a[0]]) - t * (rest[b[1]] - rest[b[0]])
                    mine_now, now = foremost(mine, mine_end, -n, surface, normal), foremost(first, last, n, surface, normal)
                    near = near_at_rest(between, rest_normal[mine_now], rest_normal[now], reach)
                    found = near == 0
    return found, s, t, n, distance


@ti.kernel
def edge_contacts(
    count: int,
    filling: int,
    reach: ti.f64,
    vertex: Ints,
    rest: Vec3ds,
    rest_normal: Vec3ds,
    triangles: IVec3s,
    triangle_edges: IVec3s,
    marks: Ints,
    edges: IVec2s,
    edge_first: Ints,
    vertex_first: IVec2s,
    around: Ints,
    vertex_edges: Ints,
    edge_patch: Ints,
    patch_first: IVec3s,
    patch_body: Ints,
    x: Vec3ds,
    normal: Vec3ds,
    edge_box: Vec3s,
    patch_box: Vec3s,
    width: int,
    near_number: Ints,
    near: Ints,
    start: int,
    first: Ints,
    number_out: Ints,
    vertices_out: IVec4s,
    weights_out: Vec4s,
    normal_out: Vec3s,
    distance_out: Floats,
):
    """Contacts of each edge with later ones; first how many, then, when `filling`, which. Lists of edges begin at `start`."""
    surface = ti.static(Surface(triangles, triangle_edges, marks, edges, edge_first, vertex_first, around, vertex_edges))
    room = ti.cast(ROOM * reach, ti.f32)
    for d in range(count):
        p, number = edge_patch[d], 0
        low, high = edge_box[2 * d] - room, edge_box[2 * d + 1] + room
        if filling == 0 or number_out[start + d] > 0:
            for i in range(near_number[p]):
                q = near[width * p + i]
                if q < p:
                    continue
                if apart(low, high, patch_box, q):
                    continue
                for e in range(ti.max(patch_first[q][1], d + 1), patch_first[q + 1][1]):
                    if apart(low, high, edge_box, e):
                        continue
                    same = patch_body[p] == patch_body[q]
                    kept, s, t, n, distance = edge_contact(d, e, same, reach, surface, rest, rest_normal, x, normal)
                    if kept:
                        if filling == 1:
                            k = first[start + d] + number
                            a, b = edges[d], edges[e]
                            vertices_out[k] = ti.Vector([vertex[a[0]], vertex[a[1]], vertex[b[0]], vertex[b[1]]])
                            weights_out[k] = ti.cast(ti.Vector([1.0 - s, s, t - 1.0, -t]), ti.f32)
                            normal_out[k] = ti.cast(n, ti.f32)
                            distance_out[k] = ti.cast(distance, ti.f32)
                        number += 1
        if filling == 0:
            number_out[start + d] = number


@ti.kernel
def largest_motion(count: int, vertex: Ints, u: Vec3ds, u_at_search: Vec3ds, partial: Floats) -> ti.f32:
    """How far that vertex of a surface has moved that moved farthest since a search [m].

    While it is less than half the reach of that search, no two places that were farther apart can have touched.
    """
    chunks = (count + CHUNK - 1) // CHUNK
    ti.loop_config(serialize=backend.small_loops_serial)
    for c in range(chunks):
        farthest = 0.0
        for i in range(c * CHUNK, ti.min((c + 1) * CHUNK, count)):
            farthest = ti.max(farthest, ti.cast((u[vertex[i]] - u_at_search[vertex[i]]).norm(), ti.f32))
        partial[c] = farthest
    farthest = 0.0
    ti.loop_config(serialize=True)
    for _ in range(1):
        for c in range(chunks):
            farthest = ti.max(farthest, partial[c])
    return farthest


class Proximity:
    """Searches one Skin for near places; keeps scratch, and what the last search found.

    Attributes
    ----------
    skin
        The surface.
    count
        Number of contacts found.
    vertices
        Of each contact four vertices by the mesh's numbers, shape (capacity, 4): a vertex and a face's three, or two edges' two.
    weights
        w with Σ w x the way from the second feature to the first [m], shape (capacity, 4): (1, −b₀, −b₁, −b₂) or
        (1 − s, s, t − 1, −t).
    normal
        Unit normal from the second feature to the first, outward from the second, shape (capacity, 3).
    distance
        n · Σ w x [m], negative where the first has passed through the second, shape (capacity,).
    """

    def __init__(self, skin: Skin, capacity: int = 1024):
        self.skin = skin
        self.count = 0
        s, features = skin, skin.vertex_count + skin.edge_count
        self._x, self._deepest = zeros(s.vertex_count, vec3d), zeros(s.vertex_count, ti.f64)
        self._triangle_box, self._edge_box = zeros(2 * s.triangle_count, vec3), zeros(2 * s.edge_count, vec3)
        self._patch_box, self._region_box = zeros(2 * s.patch_count, vec3), zeros(2 * s.region_count, vec3)
        self._realm_box, self._normal = zeros(2 * s.realm_count, vec3), zeros(s.triangle_count, vec3d)
        self._axis, self._spread = zeros(s.patch_count, vec3), zeros(s.patch_count, ti.f32)
        self._width, self._near_number = 32, zeros(s.patch_count, ti.i32)
        self._near = zeros(self._width * s.patch_count, ti.i32)
        self._number, self._first = zeros(features, ti.i32), zeros(features + 1, ti.i32)
        self._partial, self._farthest = zeros(features // CHUNK + 1, ti.i32), zeros(features // CHUNK + 1, ti.f32)
        self._make_room(capacity)

    def find(self, rest: Array, u: Array, *, reach: float, itself: bool = True) -> int:
        """Find all contacts at the displacement u; returns how many there are.

        Parameters
        ----------
        rest, u
            Rest positions and displacements of the whole mesh [m], shape (n, 3), on the backend.
        reach
            Distance up to which, and depth down to which, two features are in contact [m].
        itself
            Whether a body may be in contact with itself, or only bodies with each other.

        Raises
        ------
        ValueError
            If the reach is not positive.
        """
        if not reach > 0.0:
            raise ValueError(f"The reach is {reach} m; it has to be positive.")
        if self.skin.triangle_count == 0:
            self.count = 0
            return 0
        s = self.skin
        place_skin(
            s.vertex_count, s.patch_count, s.region_count, s.realm_count, s.vertex, s.triangles, s.edges, s.patch_first, rest, u,
            self._x, self._triangle_box, self._edge_box, self._patch_box, self._region_box, self._realm_box,
        )  # fmt: skip
        self._find_near_patches(reach, itself)
        self._contacts(reach, filling=False)
        features = s.vertex_count + s.edge_count
        self.count = running_sum(features, self._number, self._partial, self._first)
        if self.count > self.capacity:
            self._make_room(self.count + self.count // 2)
        if self.count:
            self._contacts(reach, filling=True)
        return self.count

    @property
    def vertex_face_count(self) -> int:
        """How many of the contacts, the first ones, are of a vertex and a face; the others are of two edges."""
        return int(self._first[self.skin.vertex_count]) if self.count else 0

    def moved(self, u: Array, u_at_search: Array) -> float:
        """How far the surface's vertex that moved farthest has moved from one displacement to another [m]."""
        if self.skin.vertex_count == 0:
            return 0.0
        return largest_motion(self.skin.vertex_count, self.skin.vertex, u, u_at_search, self._farthest)

    def _find_near_patches(self, reach: float, itself: bool) -> None:
        s = self.skin
        spread_of_normals(
            s.triangle_count, s.patch_count, s.triangles, s.triangle_edges, s.edge_first, s.around, s.patch_first,
            self._x, self._normal, self._axis, self._spread,
        )  # fmt: skip
        while True:
            list_near_patches(
                s.patch_count, s.region_count, s.realm_count, itself, ROOM * reach, 2.0 * SURE, self._width, s.patch_body,
                s.neighbour_first, s.neighbours, self._patch_box, self._region_box, self._realm_box, self._axis, self._spread,
                self._near_number, self._near,
            )  # fmt: skip
            needed = int(self._near_number.to_numpy().max())
            if needed <= self._width:
                return
            self._width = needed + needed // 2
            self._near = zeros(self._width * s.patch_count, ti.i32)

    def _contacts(self, reach: float, *, filling: bool) -> None:
        s = self.skin
        tables = (
            s.vertex, s.rest, s.rest_normal, s.triangles, s.triangle_edges, s.marks, s.edges, s.edge_first, s.vertex_first,
            s.around, s.vertex_edges,
        )  # fmt: skip
        near = self._patch_box, self._width, self._near_number, self._near
        out = self._first, self._number, self.vertices, self.weights, self.normal, self.distance
        vertex_contacts(
            s.vertex_count, filling, reach, *tables, s.vertex_patch, s.patch_first, s.patch_body, self._x, self._normal,
            self._triangle_box, *near, self._deepest, *out,
        )  # fmt: skip
        edge_contacts(
            s.edge_count, filling, reach, *tables, s.edge_patch, s.patch_first, s.patch_body, self._x, self._normal,
            self._edge_box, *near, s.vertex_count, *out,
        )  # fmt: skip

    def _make_room(self, capacity: int) -> None:
        self.capacity = max(capacity, 1)
        self.vertices, self.weights = zeros(self.capacity, ivec4), zeros(self.capacity, vec4)
        self.normal, self.distance = zeros(self.capacity, vec3), zeros(self.capacity, ti.f32)
