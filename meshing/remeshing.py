"""Triangle surfaces made anew: even triangles of a wanted size that change smoothly, ends kept in their planes.

Split, collapse, flip and relax in turn (Botsch and Kobbelt 2004, doi:10.2312/SGP/SGP04/189-196), each step done for all
edges at once that do not touch each other's triangles.
"""

from collections.abc import Callable

import numpy as np
from scipy import sparse

LONGEST, SHORTEST = 4.0 / 3.0, 4.0 / 5.0  # edges outside this span of the wanted length are split or collapsed
LEAST_TURN = 0.5  # cosine of the largest turn of a triangle's normal that one collapse or flip may make
SWEEPS = 5

Lengths = Callable[[np.ndarray], np.ndarray]  # points (n, 3) [mm] to wanted edge lengths (n,) [mm]
Project = Callable[[np.ndarray], np.ndarray]  # points (n, 3) to points on the surface
Slide = Callable[[np.ndarray, int], np.ndarray]  # points (n, 3) and loop number to points on that loop


def remesh(
    vertices: np.ndarray,
    triangles: np.ndarray,
    *,
    lengths: Lengths,
    project: Project,
    loop_of: np.ndarray | None = None,
    slide: Slide | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Even triangles over a manifold surface, with edges of the wanted lengths.

    `vertices` (vertex count, 3) [mm] and `triangles` (triangle count, 3) are the surface to begin with; `loop_of` (vertex
    count,) is the number of the open end a vertex lies on, -1 for none: those vertices only move along their loop, by
    `slide`. Returns vertices, triangles and the loop number of each vertex.
    """
    loops = np.full(len(vertices), -1) if loop_of is None else loop_of.astype(int)
    vertices, triangles = np.asarray(vertices, float).copy(), np.asarray(triangles).astype(np.int64)
    wanted = lengths(vertices)
    for turn in range(100):  # a dense surface is thinned first, keeping a part of its own vertices
        before = len(triangles)
        vertices, triangles, loops, wanted = _collapse(vertices, triangles, loops, wanted, halfway=False, turn=turn)
        if len(triangles) > 0.99 * before:
            break
    for sweep in range(SWEEPS):
        wanted = lengths(vertices)
        for _ in range(8):
            before = len(triangles)
            vertices, triangles, loops, wanted = _split(vertices, triangles, loops, wanted)
            if len(triangles) == before:
                break
        for turn in range(6):
            before = len(triangles)
            vertices, triangles, loops, wanted = _collapse(vertices, triangles, loops, wanted, halfway=True, turn=turn)
            if len(triangles) == before:
                break
        triangles = _flipped(vertices, triangles)
        for _ in range(2 if sweep < SWEEPS - 1 else 4):
            vertices = _relax(vertices, triangles, loops, project, slide)
    triangles = _flipped(vertices, triangles)
    for _ in range(2):
        vertices = _relax(vertices, triangles, loops, project, slide)
    return vertices, triangles, loops


def _flipped(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Triangles with edges turned until none, or hardly any, is left to turn."""
    for _ in range(6):
        triangles, count = _flip(vertices, triangles)
        if count == 0:
            break
    return triangles


def edges_of(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges (edge count, 2) of triangles, how many triangles hold each (edge count,), and (triangle count, 3) edge numbers.

    The edge in column k runs from corner k to corner k + 1.
    """
    a, b = triangles, np.roll(triangles, -1, axis=1)
    span = int(triangles.max(initial=0)) + 1
    keys = np.minimum(a, b).astype(np.int64) * span + np.maximum(a, b)
    unique, number, count = np.unique(keys.ravel(), return_inverse=True, return_counts=True)
    return np.column_stack([unique // span, unique % span]), count, number.reshape(triangles.shape)


def triangle_angles(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Angles (triangle count, 3) [degrees] at the corners."""
    corners = vertices[triangles]
    onward, back = np.roll(corners, -1, axis=1) - corners, np.roll(corners, 1, axis=1) - corners
    return np.degrees(np.arctan2(np.linalg.norm(np.cross(onward, back), axis=2), np.sum(onward * back, axis=2)))


def _normals(corners: np.ndarray) -> np.ndarray:
    """Normals (n, 3) of twice the area of triangles, corners (n, 3, 3)."""
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def _shape_quality(corners: np.ndarray) -> np.ndarray:
    """1 for an equilateral triangle, 0 for a flat one: 2 sqrt(3) times double area over the sum of squared edges."""
    squares = np.sum((np.roll(corners, -1, axis=1) - corners) ** 2, axis=(1, 2))
    return 2.0 * np.sqrt(3.0) * np.linalg.norm(_normals(corners), axis=1) / np.maximum(squares, 1e-300)


def _fans(triangles: np.ndarray, vertex_count: int) -> tuple[np.ndarray, np.ndarray]:
    """Triangles around each vertex: numbers in one row, and where each vertex's own begin (vertex count + 1,)."""
    order = np.argsort(triangles.ravel(), kind="stable")
    starts = np.searchsorted(triangles.ravel()[order], np.arange(vertex_count + 1))
    return order // 3, starts


def _gathered(fan: np.ndarray, starts: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The fans of the vertices `asked` (n,) in one row, and which of the n each entry belongs to."""
    counts = starts[asked + 1] - starts[asked]
    owner = np.repeat(np.arange(len(asked)), counts)
    offset = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    return fan[starts[asked][owner] + offset], owner


def _compacted(vertices: np.ndarray, triangles: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, ...]:
    """Vertices no triangle uses are dropped, and the rest numbered anew."""
    used = np.unique(triangles)
    number = np.full(len(vertices), -1)
    number[used] = np.arange(len(used))
    return vertices[used], number[triangles], *(column[used] for column in columns)


def _split(
    vertices: np.ndarray, triangles: np.ndarray, loops: np.ndarray, wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Halve the longest edge of every triangle that is too long, where it is the longest for all its triangles."""
    edges, held, of_triangle = edges_of(triangles)
    ratio = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1) / wanted[edges].mean(axis=1)
    rank = np.empty(len(edges), int)
    rank[np.argsort(-ratio, kind="stable")] = np.arange(len(edges))
    rank[ratio <= LONGEST] = len(edges)
    best = rank[of_triangle].min(axis=1)
    wins = np.bincount(of_triangle.ravel(), weights=(rank[of_triangle] == best[:, None]).ravel(), minlength=len(edges))
    chosen = np.flatnonzero((wins == held) & (ratio > LONGEST))
    if not len(chosen):
        return vertices, triangles, loops, wanted
    fresh = np.full(len(edges), -1)
    fresh[chosen] = len(vertices) + np.arange(len(chosen))
    middle = vertices[edges[chosen]].mean(axis=1)
    loop = np.where(held[chosen] == 1, loops[edges[chosen, 0]], -1)
    which, corner = np.nonzero(fresh[of_triangle] >= 0)
    new = fresh[of_triangle[which, corner]]
    second = triangles[which].copy()
    rows = np.arange(len(which))
    second[rows, corner] = new
    triangles = triangles.copy()
    triangles[which, (corner + 1) % 3] = new
    return (
        np.vstack([vertices, middle]),
        np.vstack([triangles, second]),
        np.concatenate([loops, loop]),
        np.concatenate([wanted, wanted[edges[chosen]].mean(axis=1)]),
    )


def _collapse(
    vertices: np.ndarray, triangles: np.ndarray, loops: np.ndarray, wanted: np.ndarray, *, halfway: bool, turn: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Draw together edges that are too short, where nothing folds and the surface stays manifold.

    With `halfway` the two vertices meet in the middle, else at one of them; a vertex on a loop stays on its loop. `turn`
    numbers the call and changes the order in which equals are tried.
    """
    edges, held, _ = edges_of(triangles)
    ratio = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1) / wanted[edges].mean(axis=1)
    short = ratio < SHORTEST
    first_on, second_on = loops[edges[:, 0]] >= 0, loops[edges[:, 1]] >= 0
    short &= ~(first_on & second_on & (held == 2))  # would pinch an end shut
    pick = np.flatnonzero(short)
    if not len(pick):
        return vertices, triangles, loops, wanted
    gone, kept = edges[pick, 0], edges[pick, 1]
    swap = first_on[pick] & ~second_on[pick]
    gone, kept = np.where(swap, kept, gone), np.where(swap, gone, kept)
    meet = vertices[kept].copy()
    if halfway:
        free = first_on[pick] == second_on[pick]
        meet[free] = 0.5 * (vertices[kept[free]] + vertices[gone[free]])
    sound = _stays_manifold(edges, held, gone, kept, held[pick], len(vertices))
    gone, kept, meet, score = gone[sound], kept[sound], meet[sound], ratio[pick][sound]
    if not len(gone):
        return vertices, triangles, loops, wanted
    # Among edges that share a triangle one goes: the shortest by rough classes, within a class in scrambled order, so
    # that the surface thins evenly and an edge that may not go does not stand in the way of the same others each time.
    fan, starts = _fans(triangles, len(vertices))
    rank = np.argsort(np.argsort(np.round(4.0 * score) + 0.9 * _scrambled(len(score), turn), kind="stable"), kind="stable")
    at_vertex = np.full(len(vertices), len(rank))
    np.minimum.at(at_vertex, gone, rank)
    np.minimum.at(at_vertex, kept, rank)
    at_triangle = at_vertex[triangles].min(axis=1)
    around_vertex = np.minimum.reduceat(at_triangle[fan], starts[:-1])
    chosen = np.flatnonzero(np.minimum(around_vertex[gone], around_vertex[kept]) == rank)
    chosen = chosen[_stays_unfolded(vertices, triangles, fan, starts, gone[chosen], kept[chosen], meet[chosen], wanted)]
    vertices = vertices.copy()
    vertices[kept[chosen]] = meet[chosen]
    target = np.arange(len(vertices))
    target[gone[chosen]] = kept[chosen]
    triangles = target[triangles]
    flat = (triangles == np.roll(triangles, -1, axis=1)).any(axis=1)
    vertices, triangles, loops, wanted = _compacted(vertices, triangles[~flat], loops, wanted)
    return vertices, triangles, loops, wanted


def _scrambled(count: int, turn: int) -> np.ndarray:
    """Numbers (count,) in [0, 1) that repeat from run to run but follow no direction; another `turn`, other numbers."""
    return np.random.default_rng(turn).random(count)


def _stays_manifold(
    edges: np.ndarray, held: np.ndarray, gone: np.ndarray, kept: np.ndarray, held_by: np.ndarray, vertex_count: int
) -> np.ndarray:
    """Whether the ends of an edge share just the neighbours across its triangles (Dey et al. 1999, the link condition)."""
    ones = np.ones(2 * len(edges), np.int32)
    rows, columns = np.concatenate([edges[:, 0], edges[:, 1]]), np.concatenate([edges[:, 1], edges[:, 0]])
    beside = sparse.csr_array((ones, (rows, columns)), shape=(vertex_count, vertex_count))
    shared = np.asarray(beside[gone].multiply(beside[kept]).sum(axis=1)).ravel()
    rim = np.zeros(vertex_count, bool)
    rim[edges[held == 1]] = True
    # An end of three corners must not lose one more.
    small = np.zeros(len(gone), bool)
    on_rim = np.flatnonzero(held_by == 1)
    if len(on_rim):
        along = sparse.csr_array(
            (np.ones(2 * int((held == 1).sum()), np.int32),
             (np.concatenate([edges[held == 1, 0], edges[held == 1, 1]]),
              np.concatenate([edges[held == 1, 1], edges[held == 1, 0]]))),
            shape=(vertex_count, vertex_count),
        )
        small[on_rim] = np.asarray(along[gone[on_rim]].multiply(along[kept[on_rim]]).sum(axis=1)).ravel() > 0
    return (shared == held_by) & ~small


def _stays_unfolded(
    vertices: np.ndarray,
    triangles: np.ndarray,
    fan: np.ndarray,
    starts: np.ndarray,
    gone: np.ndarray,
    kept: np.ndarray,
    meet: np.ndarray,
    wanted: np.ndarray,
) -> np.ndarray:
    """Whether no triangle around an edge turns over, becomes a sliver or grows too long when its ends meet."""
    sound = np.ones(len(gone), bool)
    for moving, other in ((gone, kept), (kept, gone)):
        around, owner = _gathered(fan, starts, moving)
        stays = ~(triangles[around] == other[owner, None]).any(axis=1)
        around, owner = around[stays], owner[stays]
        old = vertices[triangles[around]]
        new = np.where((triangles[around] == moving[owner, None])[..., None], meet[owner, None, :], old)
        before, after = _normals(old), _normals(new)
        size = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
        turned = np.einsum("ij,ij->i", before, after) < LEAST_TURN * size
        quality, was = _shape_quality(new), _shape_quality(old)
        turned &= was > 0.05  # the normal of a sliver means nothing
        poor = (quality < 0.25) & (quality < was)
        reach = np.linalg.norm(np.roll(new, -1, axis=1) - new, axis=2).max(axis=1)
        grown = np.linalg.norm(np.roll(old, -1, axis=1) - old, axis=2).max(axis=1)
        long = (reach > 1.4 * wanted[kept[owner]]) & (reach > grown)
        sound[owner[turned | poor | long]] = False
    return sound


def _flip(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, int]:
    """Turn edges whose opposite angles exceed 180 degrees together (Delaunay), where the surface there is smooth."""
    edges, held, of_triangle = edges_of(triangles)
    span = int(triangles.max()) + 1
    order = np.argsort(of_triangle.ravel(), kind="stable")
    starts = np.searchsorted(of_triangle.ravel()[order], np.arange(len(edges)))
    inner = np.flatnonzero(held == 2)
    one, other = order[starts[inner]], order[starts[inner] + 1]
    left, right = one // 3, other // 3
    a, b = triangles[left, one % 3], triangles[left, (one + 1) % 3]
    c, d = triangles[left, (one + 2) % 3], triangles[right, (other + 2) % 3]
    angles = np.radians(triangle_angles(vertices, triangles))
    excess = angles[left, (one + 2) % 3] + angles[right, (other + 2) % 3] - np.pi
    pick = np.flatnonzero((excess > 1e-3) & (c != d) & (triangles[right, other % 3] == b))
    if not len(pick):
        return triangles, 0
    left, right, a, b, c, d = left[pick], right[pick], a[pick], b[pick], c[pick], d[pick]
    new_left, new_right = np.column_stack([a, d, c]), np.column_stack([d, b, c])
    old = [_unit(_normals(vertices[triangles[side]])) for side in (left, right)]
    new = [_unit(_normals(vertices[side])) for side in (new_left, new_right)]
    mean = _unit(old[0] + old[1])
    smooth = np.einsum("ij,ij->i", new[0], new[1]) > 0.3
    for normal in new:
        smooth &= np.einsum("ij,ij->i", normal, mean) > LEAST_TURN
    keys = np.minimum(c, d) * span + np.maximum(c, d)
    smooth &= ~np.isin(keys, edges[:, 0] * span + edges[:, 1])
    rank = np.argsort(np.argsort(-excess[pick], kind="stable"), kind="stable")
    rank[~smooth] = len(pick)
    least = np.full(len(triangles), len(pick))
    np.minimum.at(least, left, rank)
    np.minimum.at(least, right, rank)
    _, first = np.unique(np.where(smooth, keys, -1 - np.arange(len(keys))), return_index=True)
    alone = np.zeros(len(pick), bool)
    alone[first] = True
    chosen = smooth & alone & (least[left] == rank) & (least[right] == rank)
    triangles = triangles.copy()
    triangles[left[chosen]], triangles[right[chosen]] = new_left[chosen], new_right[chosen]
    return triangles, int(chosen.sum())


def _relax(
    vertices: np.ndarray, triangles: np.ndarray, loops: np.ndarray, project: Project, slide: Slide | None
) -> np.ndarray:
    """Move vertices towards the middle of their triangles, along the surface; those on a loop along the loop."""
    corners = vertices[triangles]
    areas = 0.5 * np.linalg.norm(_normals(corners), axis=1)
    total = np.bincount(triangles.ravel(), weights=np.repeat(areas, 3), minlength=len(vertices))
    middle = np.column_stack([
        np.bincount(triangles.ravel(), weights=np.repeat(areas * corners[:, :, k].mean(axis=1), 3), minlength=len(vertices))
        for k in range(3)
    ]) / np.maximum(total, 1e-300)[:, None]
    moved = vertices.copy()
    inner = loops < 0
    moved[inner] = project(vertices[inner] + 0.8 * (middle - vertices)[inner])
    if slide is not None and (~inner).any():
        edges, held, _ = edges_of(triangles)
        rim = edges[held == 1]
        for k in range(int(loops.max()) + 1):
            own = rim[loops[rim[:, 0]] == k]
            around = np.zeros_like(vertices)
            np.add.at(around, own[:, 0], vertices[own[:, 1]])
            np.add.at(around, own[:, 1], vertices[own[:, 0]])
            on = np.flatnonzero(loops == k)
            moved[on] = slide(0.5 * vertices[on] + 0.25 * around[on], k)
    return moved


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-300)
