"""Boxes around a surface's triangles, edges, patches and regions, and which patches come near one another."""

import taichi as ti

from sim import backend
from sim.arrays import Floats, Ints, IVec2s, IVec3s, Passed, Vec3ds, Vec3s, vec3, vec3d
from sim.features import face_cross, unit
from sim.skin import BRANCH

# Lists summed by one thread.
CHUNK = 64
FAR = 1e30


@ti.func
def apart(low, high, box: Passed, i):  # pyright: ignore
    """Whether two boxes have nothing in common; the second is number i of `box`."""
    a, b = box[2 * i], box[2 * i + 1]
    below = (b[0] < low[0]) | (b[1] < low[1]) | (b[2] < low[2])
    return below | (a[0] > high[0]) | (a[1] > high[1]) | (a[2] > high[2])


@ti.kernel
def place_skin(
    vertex_count: int,
    patch_count: int,
    region_count: int,
    realm_count: int,
    vertex: Ints,
    triangles: IVec3s,
    edges: IVec2s,
    patch_first: IVec3s,
    rest: Vec3s,
    u: Vec3ds,
    x_out: Vec3ds,
    triangle_box_out: Vec3s,
    edge_box_out: Vec3s,
    patch_box_out: Vec3s,
    region_box_out: Vec3s,
    realm_box_out: Vec3s,
):
    """Positions [m] of a skin's vertices, and boxes, low corner then high, of its triangles and edges and of what they make."""
    for v in range(vertex_count):
        x_out[v] = ti.cast(rest[vertex[v]], ti.f64) + u[vertex[v]]
    for p in range(patch_count):
        lowest, highest = vec3(FAR), vec3(-FAR)
        for t in range(patch_first[p][0], patch_first[p + 1][0]):
            low, high = vec3(FAR), vec3(-FAR)
            for k in ti.static(range(3)):
                corner = ti.cast(x_out[triangles[t][k]], ti.f32)
                low, high = ti.min(low, corner), ti.max(high, corner)
            triangle_box_out[2 * t], triangle_box_out[2 * t + 1] = low, high
            lowest, highest = ti.min(lowest, low), ti.max(highest, high)
        for e in range(patch_first[p][1], patch_first[p + 1][1]):
            a, b = ti.cast(x_out[edges[e][0]], ti.f32), ti.cast(x_out[edges[e][1]], ti.f32)
            edge_box_out[2 * e], edge_box_out[2 * e + 1] = ti.min(a, b), ti.max(a, b)
        patch_box_out[2 * p], patch_box_out[2 * p + 1] = lowest, highest
    ti.loop_config(serialize=backend.small_loops_serial)
    for r in range(region_count):
        enclose(r, patch_count, patch_box_out, region_box_out)
    ti.loop_config(serialize=backend.small_loops_serial)
    for r in range(realm_count):
        enclose(r, region_count, region_box_out, realm_box_out)


@ti.func
def enclose(r, count, inner: Passed, outer_out: Passed):  # pyright: ignore
    """Box number r around the `BRANCH` boxes that it is made of."""
    lowest, highest = vec3(FAR), vec3(-FAR)
    for i in range(r * BRANCH, ti.min((r + 1) * BRANCH, count)):
        lowest, highest = ti.min(lowest, inner[2 * i]), ti.max(highest, inner[2 * i + 1])
    outer_out[2 * r], outer_out[2 * r + 1] = lowest, highest


@ti.kernel
def spread_of_normals(
    triangle_count: int,
    patch_count: int,
    triangles: IVec3s,
    triangle_edges: IVec3s,
    edge_first: Ints,
    around: Ints,
    patch_first: IVec3s,
    x: Vec3ds,
    normal_out: Vec3ds,
    axis_out: Vec3s,
    spread_out: Floats,
):
    """Unit normals of triangles, their mean on each patch, and how far from it those of the patch and around it come, a chord."""
    for t in range(triangle_count):
        c = triangles[t]
        normal_out[t] = unit(face_cross(x[c[1]] - x[c[0]], x[c[2]] - x[c[0]]))
    for p in range(patch_count):
        mean = vec3d(0.0)
        for t in range(patch_first[p][0], patch_first[p + 1][0]):
            mean += normal_out[t]
        mean, spread = unit(mean), ti.f64(0.0)
        for t in range(patch_first[p][0], patch_first[p + 1][0]):
            for k in ti.static(range(3)):
                e = triangle_edges[t][k]
                for i in range(edge_first[e], edge_first[e + 1]):
                    spread = ti.max(spread, (normal_out[around[i]] - mean).norm_sqr())
        axis_out[p] = ti.cast(mean, ti.f32)
        spread_out[p] = ti.cast(ti.sqrt(spread), ti.f32)


@ti.kernel
def list_near_patches(
    patch_count: int,
    region_count: int,
    realm_count: int,
    itself: int,
    reach: ti.f32,
    bend: ti.f32,
    width: int,
    patch_body: Ints,
    neighbour_first: Ints,
    neighbours: Ints,
    patch_box: Vec3s,
    region_box: Vec3s,
    realm_box: Vec3s,
    axis: Vec3s,
    spread: Floats,
    number_out: Ints,
    near_out: Ints,
):
    """For each patch the patches within `reach` [m], in order: how many, and the first `width` of them.

    Left out are a patch and its neighbours if no two normals on both differ by `bend`, a chord: they are a hill too gentle
    for one place of it to face another.
    """
    for p in range(patch_count):
        low, high = patch_box[2 * p] - reach, patch_box[2 * p + 1] + reach
        number, k = 0, neighbour_first[p]
        for s in range(realm_count):
            if apart(low, high, realm_box, s):
                continue
            for r in range(s * BRANCH, ti.min((s + 1) * BRANCH, region_count)):
                if apart(low, high, region_box, r):
                    continue
                for q in range(r * BRANCH, ti.min((r + 1) * BRANCH, patch_count)):
                    near = not apart(low, high, patch_box, q)
                    if near and patch_body[p] == patch_body[q]:
                        near = itself == 1
                        while k < neighbour_first[p + 1] and neighbours[k] < q:
                            k += 1
                        if near and k < neighbour_first[p + 1] and neighbours[k] == q:
                            near = spread[p] + (axis[p] - axis[q]).norm() + spread[q] >= bend
                    if near:
                        if number < width:
                            near_out[width * p + number] = q
                        number += 1
        number_out[p] = number


@ti.kernel
def running_sum(count: int, number: Ints, partial: Ints, first_out: Ints) -> int:
    """Where each list begins when lists of these lengths follow one another; returns the whole length."""
    chunks = (count + CHUNK - 1) // CHUNK
    ti.loop_config(serialize=backend.small_loops_serial)
    for c in range(chunks):
        total = 0
        for i in range(c * CHUNK, ti.min((c + 1) * CHUNK, count)):
            total += number[i]
        partial[c] = total
    ti.loop_config(serialize=True)
    for _ in range(1):
        total = 0
        for c in range(chunks):
            here = partial[c]
            partial[c] = total
            total += here
        first_out[count] = total
    ti.loop_config(serialize=backend.small_loops_serial)
    for c in range(chunks):
        at = partial[c]
        for i in range(c * CHUNK, ti.min((c + 1) * CHUNK, count)):
            first_out[i] = at
            at += number[i]
    return first_out[count]
