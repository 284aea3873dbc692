"""A body-centred cubic lattice of tetrahedra, uniform or graded through an octree.

Leaves of the octree differ by at most one level across faces and edges. Between two cells of one size four tetrahedra share
the line from centre to centre; where cells of two sizes meet, the larger one's face is divided as the smaller ones ask, as in
Labelle & Shewchuk 2007, doi:10.1145/1276377.1276448. All dihedral angles of the uniform lattice are 60 or 90 degrees.
"""

import itertools

import numpy as np
from scipy import ndimage

TETS_PER_CELL = 12
# Cells that touch at a face or an edge.
BESIDE = ndimage.generate_binary_structure(3, 2)


def bcc_lattice(low: np.ndarray, size: float, counts: np.ndarray, split: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (vertex count, 3) [mm] and positive tets (tet count, 4) of a graded lattice.

    low: (3,) first corner [mm]; size: side of the coarsest cells [mm]; counts: (3,) how many of them; split: for each level
    from the coarsest a boolean array of its cells, those to be divided in eight, in balance (see `balanced`).
    """
    levels = len(split)
    unit = 2 << levels  # whole-number coordinates: the smallest cells are two long, so that their centres are whole too
    keys = np.asarray(counts, np.int64) * unit + 1
    tets = [_tets_of_level(level, split, counts, keys) for level in range(levels + 1)]
    codes = np.concatenate([part for part in tets if len(part)])
    used, tets = np.unique(codes, return_inverse=True)
    index = np.stack(np.unravel_index(used, tuple(keys)), axis=1)
    vertices = low + index * (size / unit)
    tets = tets.reshape(-1, 4).astype(np.int64)
    a, b, c, d = (index[tets[:, corner]] for corner in range(4))
    inverted = np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) < 0
    tets[inverted] = tets[inverted][:, [0, 2, 1, 3]]
    return vertices, tets


def balanced(split: list[np.ndarray]) -> list[np.ndarray]:
    """The fewest further splits after which leaves differ by one level at most across faces and edges."""
    split = [level.copy() for level in split]
    for level in range(len(split) - 1, 0, -1):
        around = ndimage.binary_dilation(split[level], BESIDE)
        split[level - 1] |= pooled(around, np.logical_or)
    return split


def pooled(values: np.ndarray, combine: np.ufunc) -> np.ndarray:
    """Combine each 2×2×2 block of values into one."""
    for axis in range(3):
        even = values.take(np.arange(0, values.shape[axis], 2), axis)
        values = combine(even, values.take(np.arange(1, values.shape[axis], 2), axis))
    return values


def _tets_of_level(level: int, split: list[np.ndarray], counts: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Tets across the faces of one level's leaves, as vertex codes (tet count, 4); the border's outer faces have none."""
    shape = tuple(np.asarray(counts) << level)
    here = np.ones(shape, bool)
    if level > 0:
        here = np.repeat(np.repeat(np.repeat(split[level - 1], 2, 0), 2, 1), 2, 2)
    divided = split[level] if level < len(split) else np.zeros(shape, bool)
    leaf = here & ~divided
    side = 2 << (len(split) - level)
    tets = []
    for axis in range(3):
        first = tuple(slice(0, -1) if k == axis else slice(None) for k in range(3))
        second = tuple(slice(1, None) if k == axis else slice(None) for k in range(3))
        lower = np.argwhere(leaf[first] & leaf[second])
        tets.append(_between_equals(lower, axis, side, divided, keys))
        for towards, away, direction in ((first, second, 1), (second, first, -1)):
            offset = np.array([0 if part.start in (0, None) else 1 for part in towards])
            tets.append(_towards_finer(np.argwhere(leaf[towards] & divided[away]) + offset, axis, direction, side, keys))
            tets.append(_towards_coarser(np.argwhere(leaf[towards] & ~here[away]) + offset, axis, direction, side, keys))
    return np.concatenate(tets)


def _face_axes(axis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    units = np.eye(3, dtype=np.int64)
    return units[axis], units[(axis + 1) % 3], units[(axis + 2) % 3]


def _between_equals(cells: np.ndarray, axis: int, side: int, divided: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Four tets about the line between the centres of two equal leaves, halved where an edge of the face has a middle."""
    along, across, up = _face_axes(axis)
    half = side // 2
    first = cells * side + half
    second = first + side * along
    face = first + half * along
    padded = np.pad(divided, 1)
    tets = []
    for u, v, turn in ((across, up, 1), (up, across, 1), (across, up, -1), (up, across, -1)):
        # The edge on the side `turn` u of the face, from -v to +v.
        start, end = face + half * (turn * u - v), face + half * (turn * u + v)
        beside = cells + turn * u + 1
        halved = padded[tuple(beside.T)] | padded[tuple((beside + along).T)]
        whole = ~halved
        tets.append(_coded(keys, first[whole], second[whole], start[whole], end[whole]))
        middle = face[halved] + half * turn * u
        tets.append(_coded(keys, first[halved], second[halved], start[halved], middle))
        tets.append(_coded(keys, first[halved], second[halved], middle, end[halved]))
    return np.concatenate(tets)


def _towards_finer(cells: np.ndarray, axis: int, direction: int, side: int, keys: np.ndarray) -> np.ndarray:
    """Eight tets from a leaf's centre to its face that four smaller cells share."""
    along, across, up = _face_axes(axis)
    half = side // 2
    centre = cells * side + half
    face = centre + direction * half * along
    tets = []
    for s, t in itertools.product((-1, 1), repeat=2):
        corner = face + half * (s * across + t * up)
        for middle in (face + half * s * across, face + half * t * up):
            tets.append(_coded(keys, centre, face, corner, middle))
    return np.concatenate(tets)


def _towards_coarser(cells: np.ndarray, axis: int, direction: int, side: int, keys: np.ndarray) -> np.ndarray:
    """Two tets from a leaf's centre to its face, a quarter of a larger cell's, cut from that face's centre to its corner."""
    along, across, up = _face_axes(axis)
    half = side // 2
    inside = np.flatnonzero(_within(cells + direction * along, keys, side))
    cells = cells[inside]
    centre = cells * side + half
    face = centre + direction * half * along
    # The larger face's centre is at even multiples of this side; the corner of it is opposite.
    s = np.where(cells % 2 == 0, 1, -1)
    s_across, s_up = (s @ across)[:, None] * across, (s @ up)[:, None] * up
    middle, corner = face + half * (s_across + s_up), face - half * (s_across + s_up)
    return np.concatenate(
        [
            _coded(keys, centre, middle, corner, face + half * (s_across - s_up)),
            _coded(keys, centre, middle, corner, face - half * (s_across - s_up)),
        ]
    )


def _within(cells: np.ndarray, keys: np.ndarray, side: int) -> np.ndarray:
    return np.all((cells >= 0) & (cells * side < keys - 1), axis=1)


def _coded(keys: np.ndarray, *corners: np.ndarray) -> np.ndarray:
    """Corners as single numbers, (tet count, 4)."""
    return np.stack([(c[:, 0] * keys[1] + c[:, 1]) * keys[2] + c[:, 2] for c in corners], axis=1)
