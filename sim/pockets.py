"""Volume shared about vertices, so that nearly incompressible tissue does not lock.

Linear tetrahedra are too stiff against shear when each must keep its own volume. So most of the volume term is taken not
tet by tet but pocket by pocket: a pocket is the quarter of each tet of one material about one vertex, and

    ψ_volume = Σ_t s κ V_t/2 (J_t − 1)² + Σ_p (1 − s) κ V_p/2 c_p²,      c_p = Σ_{t ∈ p} V_t (J_t − 1) / 4 V_p.

The averaged nodal volume of Bonet & Burton 1998, doi:10.1002/(SICI)1099-0887(199805)14:5<437::AID-CNM162>3.0.CO;2-W; the share s
kept in the tets damps the jagged modes that the average does not see. Pockets end where materials do, so that stiff
calcium lends no volume to soft plaque.
"""

import dataclasses

import numpy as np
import taichi as ti

from sim.arrays import Array, Doubles, Floats, Ints, Passed, Vec3s, Vec3Table, ivec4, put
from sim.chunks import CHUNK, MANY, chunk_count, summed, turns_apart


@dataclasses.dataclass(frozen=True)
class Pockets:
    """The pockets of a mesh on the backend.

    Attributes
    ----------
    of_corner
        For each tet the pockets of its four corners, shape (m,).
    volume, stiffness
        Rest volume V_p [m³] and (1 − s) κ [Pa], shape (p,).
    first, tets
        For each pocket its tets.
    row_first, column
        For each pocket the vertices that change its volume; entry by entry.
    entry_first, entry_corners
        For each entry the tet corners, as 4 t + corner, that make it up.
    entry_pocket, place
        For each entry its pocket, and where it stands among the entries in the order of vertices.
    vertex_first, vertex_pocket
        For each vertex its entries in that order, and their pockets.
    """

    count: int
    entry_count: int
    of_corner: Array
    volume: Array
    stiffness: Array
    first: Array
    tets: Array
    row_first: Array
    column: Array
    entry_first: Array
    entry_corners: Array
    entry_pocket: Array
    place: Array
    vertex_first: Array
    vertex_pocket: Array


def pockets_of(tets: np.ndarray, material: np.ndarray, vertex_count: int) -> tuple[np.ndarray, np.ndarray]:
    """The pocket of each corner of tets of materials, shape (m, 4), and the material of each pocket, shape (p,)."""
    key = tets.astype(np.int64) + vertex_count * material[:, None].astype(np.int64)
    names, of_corner = np.unique(key.ravel(), return_inverse=True)
    return of_corner.reshape(-1, 4), names // vertex_count


def build_pockets(tets: np.ndarray, material: np.ndarray, volume: np.ndarray, stiffness: np.ndarray) -> Pockets:
    """The pockets of tets, shape (m, 4), of materials, shape (m,), with rest volumes [m³] and a stiffness [Pa] a material.

    Materials of no stiffness, all of whose volume is kept in their tets, share one pocket that nothing moves.
    """
    vertex_count, every = int(tets.max()) + 1, len(tets)
    shared = np.flatnonzero(stiffness[material] > 0.0)
    tets, material, volume = tets[shared], material[shared], volume[shared]
    of_corner, of_material = pockets_of(tets, material, vertex_count)
    idle = len(of_material)
    corner_pockets = np.full((every, 4), idle)
    corner_pockets[shared] = of_corner
    count = idle + 1
    own = np.append(np.zeros(idle), 1.0)
    np.add.at(own, of_corner, np.repeat(volume[:, None] / 4.0, 4, axis=1))
    order = np.argsort(of_corner.ravel(), kind="stable")
    # Each tet lends a quarter to each of its pockets, and every corner moves all four.
    pocket = np.repeat(of_corner, 4, axis=1).ravel().astype(np.int64)
    vertex = np.tile(tets, (1, 4)).ravel()
    corner = np.tile(4 * shared[:, None] + np.arange(4), (1, 4)).ravel()
    entry_key = pocket * vertex_count + vertex
    entry_order = np.argsort(entry_key, kind="stable")
    entries, entry_first = np.unique(entry_key[entry_order], return_index=True)
    entry_pocket, column = entries // vertex_count, entries % vertex_count
    by_vertex = np.argsort(column, kind="stable")
    return Pockets(
        count=count,
        entry_count=len(entries),
        of_corner=put(corner_pockets, ivec4),
        volume=put(own, ti.f32),
        stiffness=put(np.append(stiffness[of_material], 0.0), ti.f32),
        first=put(np.searchsorted(of_corner.ravel()[order], np.arange(count + 1)), ti.i32),
        tets=put(shared[order // 4], ti.i32),
        row_first=put(np.searchsorted(entry_pocket, np.arange(count + 1)), ti.i32),
        column=put(column, ti.i32),
        entry_first=put(np.append(entry_first, len(entry_key)), ti.i32),
        entry_corners=put(corner[entry_order], ti.i32),
        entry_pocket=put(entry_pocket, ti.i32),
        place=put(np.argsort(by_vertex), ti.i32),
        vertex_first=put(np.searchsorted(column[by_vertex], np.arange(vertex_count + 1)), ti.i32),
        vertex_pocket=put(entry_pocket[by_vertex], ti.i32),
    )


@ti.kernel
def pocket_pressures(
    count: int,
    pocket_volume: Floats,
    stiffness: Floats,
    first: Ints,
    tets: Ints,
    volume: Floats,
    change: Doubles,
    pressure_out: Floats,
    partial: Doubles,
) -> ti.f64:
    """(1 − s) κ c_p of each pocket [Pa], from each tet's J − 1; returns the energy of all pockets [J]."""
    chunks = chunk_count(count)
    apart = turns_apart(count, MANY)
    for turn in range(chunks * apart):
        if turn % apart != 0:
            continue
        c = turn // apart
        total = ti.f64(0.0)
        for p in range(c * CHUNK, ti.min((c + 1) * CHUNK, count)):
            grown = ti.f64(0.0)
            for k in range(first[p], first[p + 1]):
                grown += ti.f64(volume[tets[k]]) * change[tets[k]]
            whole = ti.f64(pocket_volume[p])
            pressure = ti.f64(stiffness[p]) * 0.25 * grown / whole
            pressure_out[p] = ti.cast(pressure, ti.f32)
            if stiffness[p] > 0.0:
                total += 0.5 * pressure * pressure * whole / ti.f64(stiffness[p])
        partial[c] = total
    energy = ti.f64(0.0)
    ti.loop_config(serialize=True)
    for _ in range(1):
        energy += summed(chunks, partial)
    return energy


@ti.kernel
def pocket_slopes(
    count: int, entry_first: Ints, entry_corners: Ints, column: Ints, place: Ints, free: Floats, area: Vec3Table,
    slope_out: Vec3s, by_vertex_out: Vec3s,
):  # fmt: skip
    """Slope of each pocket's volume in the place of each vertex that moves it [m²]; nought where the vertex is held.

    Left in the order of pockets and in that of vertices, since conjugate gradients read both from one end to the other.
    """
    for e in range(count):
        slope = ti.Vector([0.0, 0.0, 0.0])
        for k in range(entry_first[e], entry_first[e + 1]):
            slope += area[entry_corners[k] >> 2, entry_corners[k] & 3]
        slope = 0.25 * free[column[e]] * slope
        slope_out[e] = slope
        by_vertex_out[place[e]] = slope


@ti.func
def pocket_answer(p, row_first: Passed, column: Passed, slope: Passed, factor, which, vectors: Passed):  # pyright: ignore
    """Pressure that a motion of the vertices raises in a pocket [Pa]: (1 − s) κ/V_p Σ b·d."""
    total = 0.0
    for e in range(row_first[p], row_first[p + 1]):
        total += slope[e].dot(vectors[which, column[e]])
    return factor * total


@ti.func
def pocket_push(v, vertex_first: Passed, vertex_pocket: Passed, slope: Passed, answer: Passed):  # pyright: ignore
    """Force of the pockets' pressures on a vertex [N]."""
    push = ti.Vector([0.0, 0.0, 0.0])
    for k in range(vertex_first[v], vertex_first[v + 1]):
        push += answer[vertex_pocket[k]] * slope[k]
    return push
