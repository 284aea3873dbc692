"""From a picture of metal to its middle lines: thinned, traced, spurs cut and neighbouring joints made one."""

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from skimage.morphology import skeletonize

SPUR = 2.5  # a free line is a corner's, not a strut's, below this many inscribed radii of the joint that it leaves
CLOSE = 1.3  # joints whose distance is below this many inscribed radii are one
STRAIGHT = 0.8  # inscribed radii of a joint within which its struts are straight
LONGEST_MERGED = 400  # pixels of a line between joints that could be one


@dataclasses.dataclass(eq=False)
class Line:
    """A traced line between two nodes.

    Attributes
    ----------
    ends
        Numbers of its nodes.
    places
        Row and column along it, columns counted on over the seam, shape (k, 2); from node to node.
    """

    ends: tuple[int, int]
    places: np.ndarray


@dataclasses.dataclass(eq=False)
class Web:
    """Lines and nodes while they are put in order.

    Attributes
    ----------
    nodes
        Row and column of each node; of some no line may be left.
    lines
        Between them.
    columns
        Of the picture, once round.
    """

    nodes: dict[int, np.ndarray]
    lines: list[Line]
    columns: int

    def degrees(self) -> dict[int, int]:
        """How many lines end at each node."""
        count = dict.fromkeys(self.nodes, 0)
        for line in self.lines:
            for end in line.ends:
                count[end] += 1
        return count


def trace(metal: np.ndarray) -> Web:
    """Thin a picture of metal, whose columns close on themselves, and trace what is left."""
    columns = metal.shape[1]
    pad = min(columns, 600)
    wide = np.concatenate([metal[:, -pad:], metal, metal[:, :pad]], 1)
    thin = skeletonize(wide)[:, pad:-pad]
    rows, cols = np.nonzero(thin)
    number = np.full(thin.shape, -1, np.int64)
    number[rows, cols] = np.arange(len(rows))
    pairs = _neighbours(thin, number)
    count = len(rows)
    matrix = sparse.coo_matrix((np.ones(len(pairs), np.int8), pairs.T), (count, count)).tocsr()
    matrix = matrix + matrix.T
    degree = np.diff(matrix.indptr)
    place = np.stack([rows, cols], 1).astype(float)
    knot = np.flatnonzero(degree > 2)
    group = csgraph.connected_components(matrix[knot][:, knot], directed=False)[1] if len(knot) else np.empty(0, int)
    node_of = np.full(count, -1)
    node_of[knot] = group
    tips = np.flatnonzero(degree <= 1)
    node_of[tips] = np.arange(len(tips)) + (group.max() + 1 if len(group) else 0)
    nodes = _centres(node_of, place, columns)
    return Web(nodes, _walks(matrix, node_of, nodes, place, columns), columns)


def _neighbours(thin: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Pairs of neighbouring pixels (n, 2), slanting ones only where no third pixel joins them squarely."""
    pairs = []
    right = np.roll(thin, -1, 1)
    pairs.append((thin & right, 0, 1))
    down = np.zeros_like(thin)
    down[:-1] = thin[1:]
    pairs.append((thin & down, 1, 0))
    right_down, left, left_down = np.roll(down, -1, 1), np.roll(thin, 1, 1), np.roll(down, 1, 1)
    pairs.append((thin & right_down & ~right & ~down, 1, 1))
    pairs.append((thin & left_down & ~left & ~down, 1, -1))
    found = []
    for where, drop, aside in pairs:
        row, column = np.nonzero(where)
        found.append(np.stack([number[row, column], number[row + drop, (column + aside) % thin.shape[1]]], 1))
    return np.concatenate(found)


def _centres(node_of: np.ndarray, place: np.ndarray, columns: int) -> dict[int, np.ndarray]:
    """Each node's place, in the middle of its pixels."""
    nodes = {}
    chosen = np.flatnonzero(node_of >= 0)
    order = chosen[np.argsort(node_of[chosen], kind="stable")]
    starts = np.flatnonzero(np.append(True, np.diff(node_of[order]) > 0)) if len(order) else []
    for part in np.split(order, starts[1:] if len(starts) else []):
        if len(part):
            nodes[int(node_of[part[0]])] = place[part[0]] + _way(place[part] - place[part[0]], columns).mean(0)
    return nodes


def _way(difference: np.ndarray, columns: int) -> np.ndarray:
    """A difference of places by the shorter way round."""
    out = difference.copy()
    out[..., 1] -= columns * np.rint(out[..., 1] / columns)
    return out


def _walks(matrix: sparse.csr_matrix, node_of: np.ndarray, nodes: dict, place: np.ndarray, columns: int) -> list[Line]:
    """Lines from node to node along pixels that are no node; rings without a node get one."""
    indptr, indices = matrix.indptr, matrix.indices
    seen = node_of >= 0
    lines: list[Line] = []

    def walk(start: int, step: int) -> None:
        path, before, here = [start, step], start, step
        while node_of[here] < 0:
            seen[here] = True
            near = indices[indptr[here] : indptr[here + 1]]
            before, here = here, int(near[0] if near[0] != before else near[-1])
            path.append(here)
        ends = int(node_of[start]), int(node_of[here])
        lines.append(_line(ends, place[path], nodes, columns))

    for start in np.flatnonzero(node_of >= 0):
        for step in indices[indptr[start] : indptr[start + 1]]:
            if node_of[step] < 0 and not seen[step]:
                walk(int(start), int(step))
            elif node_of[step] >= 0 and node_of[step] != node_of[start] and step > start:
                lines.append(_line((int(node_of[start]), int(node_of[step])), place[[start, step]], nodes, columns))
    for start in np.argsort(-place[:, 0], kind="stable"):
        if not seen[start]:
            seen[start] = True
            node_of[start] = max(nodes, default=-1) + 1
            nodes[int(node_of[start])] = place[start]
            walk(int(start), int(indices[indptr[start]]))
    return lines


def _line(ends: tuple[int, int], path: np.ndarray, nodes: dict, columns: int) -> Line:
    """A line along pixels, counted on over the seam, that begins and ends in the middle of its nodes."""
    places = path[0] + np.concatenate([np.zeros((1, 2)), np.cumsum(_way(np.diff(path, axis=0), columns), 0)])
    first = places[0] + _way(nodes[ends[0]] - places[0], columns)
    last = places[-1] + _way(nodes[ends[1]] - places[-1], columns)
    return Line(ends, np.concatenate([first[None], places[1:-1], last[None]]))


def tidy(web: Web, points: Callable[[np.ndarray], np.ndarray], inscribed: Callable[[np.ndarray], np.ndarray]) -> None:
    """Cut spurs and make one of joints that are nearer to each other than their struts are wide, until nothing changes.

    `points` gives points [mm], and `inscribed` the distance to the nearest edge [mm], at places (…, 2).
    """
    while _cut_spurs(web, points, inscribed) | _join_chains(web) | _merge(web, points, inscribed):
        pass
    degrees = web.degrees()
    web.nodes = {node: place for node, place in web.nodes.items() if degrees[node]}
    for node in web.nodes:
        if degrees[node] > 2:
            _settle(web, node, points, inscribed)


def _settle(web: Web, node: int, points: Callable, inscribed: Callable) -> None:
    """Move a joint to the middle of the largest circle near it, and lead its struts straight to it."""
    place = web.nodes[node]
    radius = float(inscribed(place))
    pixel = float(np.linalg.norm(points(place + np.array([1.0, 0.0])) - points(place)))
    near = np.arange(-int(0.5 * radius / pixel) - 1, int(0.5 * radius / pixel) + 2)
    around = place + np.stack(np.meshgrid(near, near, indexing="ij"), -1).reshape(-1, 2)
    size = inscribed(around)
    # The middle of all that are nearly largest does not depend on how the pixels lie.
    place = web.nodes[node] = around[size > 0.97 * size.max()].mean(0)
    centre = points(place)
    for line in web.lines:
        for side, end in enumerate(line.ends):
            if end == node:
                away = np.linalg.norm(points(line.places) - centre, axis=1)[:: -1 if side else 1]
                clear = int((away > STRAIGHT * radius).argmax()) or 1
                clear = min(clear, len(away) // 2)
                line.places = line.places[: len(away) - clear] if side else line.places[clear:]
                _lead(line, side, node, place, web.columns)


def _length(line: Line, points: Callable[[np.ndarray], np.ndarray]) -> float:
    """Along a line, corners of the pixels cut [mm]."""
    thinned = line.places[np.unique(np.append(np.arange(0, len(line.places), 4), len(line.places) - 1))]
    return float(np.linalg.norm(np.diff(points(thinned), axis=0), axis=1).sum())


def _cut_spurs(web: Web, points: Callable, inscribed: Callable) -> bool:
    degrees = web.degrees()
    kept = []
    for line in web.lines:
        free = [degrees[end] == 1 for end in line.ends]
        loop = line.ends[0] == line.ends[1] and degrees[line.ends[0]] > 2
        # A loop smaller than its joint is a hole of a pixel or two.
        if loop or (any(free) and not all(free)):
            joint = line.ends[1] if free[0] else line.ends[0]
            if _length(line, points) < SPUR * float(inscribed(web.nodes[joint])):
                continue
        kept.append(line)
    changed = len(kept) < len(web.lines)
    web.lines = kept
    return changed


def _join_chains(web: Web) -> bool:
    """Make one line of two that meet where no third ends."""
    changed = False
    at: dict[int, list[Line]] = {}
    for line in web.lines:
        for end in line.ends:
            at.setdefault(end, []).append(line)
    for node, lines in at.items():
        if len(lines) != 2 or lines[0] is lines[1]:
            continue
        one, two = lines
        head = one if one.ends[1] == node else Line((one.ends[1], one.ends[0]), one.places[::-1])
        tail = two if two.ends[0] == node else Line((two.ends[1], two.ends[0]), two.places[::-1])
        turns = web.columns * np.rint((head.places[-1, 1] - tail.places[0, 1]) / web.columns)
        joined = Line((head.ends[0], tail.ends[1]), np.concatenate([head.places, tail.places[1:] + np.array([0.0, turns])]))
        web.lines = [line for line in web.lines if line is not one and line is not two] + [joined]
        for end in (head.ends[0], tail.ends[1]):
            at[end] = [line for line in at[end] if line is not one and line is not two]
        at[head.ends[0]].append(joined)
        at[tail.ends[1]].append(joined)
        changed = True
    return changed


def _merge(web: Web, points: Callable, inscribed: Callable) -> bool:
    """Make one of two joints that each lie within, or nearly within, the other's inscribed circle."""
    degrees = web.degrees()
    touched: set[int] = set()
    for line in list(web.lines):
        one, two = line.ends
        if one == two or min(degrees[one], degrees[two]) < 3 or len(line.places) > LONGEST_MERGED or touched & {one, two}:
            continue
        reach = CLOSE * float(min(inscribed(web.nodes[one]), inscribed(web.nodes[two])))
        if _length(line, points) >= reach:
            continue
        touched |= {one, two}
        middle = line.places[len(line.places) // 2]
        web.lines.remove(line)
        web.nodes[one] = middle
        for other in web.lines:
            for side, end in enumerate(other.ends):
                if end in (one, two):
                    _lead(other, side, one, middle, web.columns)
    return bool(touched)


def _lead(line: Line, side: int, node: int, place: np.ndarray, columns: int) -> None:
    """Lead one end of a line straight on to a node."""
    edge = line.places[-side]
    target = edge + _way(place - edge, columns)
    bridge = np.linspace(edge, target, 2 + int(np.abs(target - edge).max()))[1:]
    if side:
        line.places = np.concatenate([line.places, bridge])
        line.ends = line.ends[0], node
    else:
        line.places = np.concatenate([bridge[::-1], line.places])
        line.ends = node, line.ends[1]
