"""The faces, edges and corners of a triangle surface: their normals, and which of them a point is nearest to.

A point is over a face if its foot is inside the face; over an edge if its foot is inside the edge and no triangle at the edge
has it over its own inner side; over a corner if every edge there leads away from it. These are the normal cones of the surface
(the feasible regions of Chen et al., Offset Geometric Contact, 2025, doi:10.1145/3731205), so that each place where the
surface comes locally nearest to the point is found once, whichever triangles share it.

x are positions in double precision, current ones or those at rest. Taichi carries out every function called within one `and`
or `or`, whatever the operands before it say: what costs much, or may not be asked, stands in an `if` of its own.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import taichi as ti

from sim.arrays import Array, Passed

NONE: Any = -1
FACE: Any = 0
# A point over the edge across from corner k is over feature 1 + k, one over corner k over feature 4 + k.
ACROSS: Any = 1
CORNER: Any = 4
# Bit RIM + feature of a triangle's marks tells that this edge or corner lies where the surface ends; it is never set for a face.
RIM: Any = 6

# Share of a triangle's height or an edge's length within which a foot counts to the edge or the corner itself. It is far above
# the rounding of positions, so that a vertex right above an edge of a flat mesh is not over both faces, or over none.
BORDER: Any = 1e-4
# A triangle whose height is less than the square root of this share of its longest side has no direction.
THIN: Any = 1e-10
# A wall may be squeezed to this share of its thickness, and more, before its two sides could be taken for two tissues.
WALL = 4.0
# Share of the reach by which lips that face each other at rest may overlap there.
OVERLAP = 0.01
# Cosine under which two normals at rest are said to face each other.
FACING = -0.5
TINY: Any = 1e-30
FAR = 1e30


class Surface(NamedTuple):
    """The tables of a Skin that tell who touches whom, put together within a kernel."""

    triangles: Array
    triangle_edges: Array
    marks: Array
    edges: Array
    edge_first: Array
    vertex_first: Array
    around: Array
    vertex_edges: Array


Tables = Surface if TYPE_CHECKING else ti.template()


@ti.func
def unit(n):  # pyright: ignore
    """The direction of a vector; zero if it has none."""
    return n / ti.max(n.norm(), TINY)


@ti.func
def face_cross(ab, ac):  # pyright: ignore
    """Normal times twice the area of a triangle with these two sides [m²]; zero if it is too thin to have a direction."""
    n = ab.cross(ac)
    longest = ti.max(ab.norm_sqr(), ac.norm_sqr(), (ac - ab).norm_sqr())
    if n.norm_sqr() <= THIN * longest * longest:
        n *= 0.0
    return n


@ti.func
def triangles_at(kind, t, surface: Tables):  # pyright: ignore
    """Where the list of the triangles at a feature of triangle t begins and ends in `around`."""
    first, last = t, t + 1
    if kind >= CORNER:
        v = surface.triangles[t][kind - CORNER]
        first, last = surface.vertex_first[v][0], surface.vertex_first[v + 1][0]
    elif kind != FACE:
        e = surface.triangle_edges[t][kind - ACROSS]
        first, last = surface.edge_first[e], surface.edge_first[e + 1]
    return first, last


@ti.func
def outward(first, last, v, surface: Tables, normal: Passed, x: Passed):  # pyright: ignore
    """Mean direction of the triangles from first to last in `around`; at a vertex v ≥ 0 each counts as its angle there.

    So the sign of a distance is right wherever the nearest place lies (Bærentzen & Aanæs 2005, doi:10.1109/TVCG.2005.49).
    """
    n = ti.Vector([ti.f64(0.0), ti.f64(0.0), ti.f64(0.0)])
    for i in range(first, last):
        t, share = surface.around[i], ti.f64(1.0)
        if v >= 0:
            c = surface.triangles[t]
            one, other = x[c[1]] - x[v], x[c[2]] - x[v]
            if c[1] == v:
                one = x[c[0]] - x[v]
            elif c[2] == v:
                other = x[c[0]] - x[v]
            share = ti.atan2(one.cross(other).norm(), one.dot(other))
        n += share * normal[t]
    return unit(n)


@ti.func
def foremost(first, last, n, surface: Tables, normal: Passed):  # pyright: ignore
    """That triangle, of those from first to last in `around`, which faces along n the most."""
    most, chosen = ti.f64(-FAR), surface.around[first]
    for i in range(first, last):
        along = n.dot(normal[surface.around[i]])
        if along > most:
            most, chosen = along, surface.around[i]
    return chosen


@ti.func
def foot_in_plane(p, t, surface: Tables, x: Passed):  # pyright: ignore
    """Barycentric weights of a point's foot in a triangle's plane and its height above it [m].

    For a triangle too thin to have a plane all weights are −1: no foot is inside it, and it hides no edge.
    """
    c = surface.triangles[t]
    ab, ac, ap = x[c[1]] - x[c[0]], x[c[2]] - x[c[0]], p - x[c[0]]
    n = face_cross(ab, ac)
    area = n.norm_sqr()
    w = ti.Vector([ti.f64(-1.0), ti.f64(-1.0), ti.f64(-1.0)])
    height = ti.f64(0.0)
    if area > 0.0:
        share = 1.0 / area
        second, third = n.dot(ap.cross(ac)) * share, n.dot(ab.cross(ap)) * share
        w = ti.Vector([1.0 - second - third, second, third])
        height = n.dot(ap) * ti.sqrt(share)
    return w, height


@ti.func
def over_edge(p, e, but, surface: Tables, x: Passed):  # pyright: ignore
    """Whether no triangle at an edge, but for one that is known not to, has the point over its inner side."""
    over = 1
    for i in range(surface.edge_first[e], surface.edge_first[e + 1]):
        t = surface.around[i]
        if over == 1 and t != but:
            w, _height = foot_in_plane(p, t, surface, x)
            for k in ti.static(range(3)):
                if surface.triangle_edges[t][k] == e and w[k] > BORDER:
                    over = 0
    return over


@ti.func
def over_corner(p, v, surface: Tables, x: Passed):  # pyright: ignore
    """Whether all edges at a vertex lead away from the point."""
    over = 1
    for i in range(surface.vertex_first[v][1], surface.vertex_first[v + 1][1]):
        pair = surface.edges[surface.vertex_edges[i]]
        along = x[pair[0]] + x[pair[1]] - 2.0 * x[v]
        if (p - x[v]).dot(along) > BORDER * along.norm_sqr():
            over = 0
    return over


@ti.func
def feature_below(p, t, reach, surface: Tables, x: Passed):  # pyright: ignore
    """The feature that triangle t answers for and that the point is over, no farther than `reach` [m]; NONE if there is none.

    An edge or corner is answered for by the first of its triangles. Beside it the weights of the nearest place.
    """
    c, marks = surface.triangles[t], surface.marks[t]
    w, height = foot_in_plane(p, t, surface, x)
    kind = NONE
    if ti.abs(height) <= reach:
        if w.min() > BORDER:
            kind = FACE
        else:
            side, share = NONE, ti.f64(0.0)
            for k in range(3):
                if (marks >> k) & 1 == 1 and w[k] <= BORDER:
                    start = x[c[(k + 1) % 3]]
                    away, along = p - start, x[c[(k + 2) % 3]] - start
                    s, length = away.dot(along), along.norm_sqr()
                    near = away.norm_sqr() * length - s * s <= reach * reach * length
                    if near and s > BORDER * length and s < (1.0 - BORDER) * length:
                        side, share = k, s / length
            if side != NONE:
                over = over_edge(p, surface.triangle_edges[t][side], t, surface, x)
                if over == 1:
                    kind = ACROSS + side
                    for k in ti.static(range(3)):
                        w[k] = ti.select(k == side, 0.0, ti.select(k == (side + 1) % 3, 1.0 - share, share))
            if kind == NONE and (marks >> 3) & 7 != 0:
                for k in range(3):
                    if kind == NONE and (marks >> (3 + k)) & 1 == 1 and (p - x[c[k]]).norm_sqr() <= reach * reach:
                        over = over_corner(p, c[k], surface, x)
                        if over == 1:
                            kind = CORNER + k
                            for j in ti.static(range(3)):
                                w[j] = ti.select(j == k, 1.0, 0.0)
    return kind, w


@ti.func
def near_at_rest(between, first_normal, second_normal, reach):  # pyright: ignore
    """Whether two places of one body were near, or back to back, at rest; `between` leads from the second to the first [m]."""
    distance = between.norm()
    before, ahead = between.dot(second_normal), -between.dot(first_normal)
    near = 0
    if distance < reach:
        facing = first_normal.dot(second_normal) < FACING and ti.min(before, ahead) > -OVERLAP * reach
        near = ti.select(facing, 0, 1)
    elif distance < WALL * reach and before + ahead < -0.5 * distance:
        near = 1
    return near
