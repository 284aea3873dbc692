"""Closed surfaces of known size, for tests of X-rays."""

import itertools

import numpy as np


def geodesic_sphere(parts: int, radius_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """An icosahedron with faces divided into parts² triangles, on a sphere: vertices (n, 3) [mm], triangles (20 parts², 3)."""
    golden = (1.0 + 5.0**0.5) / 2.0
    corners = np.array([p for a in (-1, 1) for b in (-golden, golden) for p in ((0, a, b), (a, b, 0), (b, 0, a))], float)
    apart = np.linalg.norm(corners[:, None] - corners, axis=2)
    faces = [
        f
        for f in itertools.combinations(range(12), 3)
        if all(abs(apart[p, q] - 2.0) < 1e-9 for p, q in zip(f, f[1:] + f[:1], strict=True))
    ]
    points, triangles = [], []
    for a, b, c in (corners[list(face)] for face in faces):
        if np.linalg.det([a, b, c]) < 0.0:
            b, c = c, b
        start = len(points)
        number = {}
        for i in range(parts + 1):
            for j in range(parts + 1 - i):
                number[i, j] = start + len(number)
                points.append(a + (b - a) * i / parts + (c - a) * j / parts)
        for i in range(parts):
            for j in range(parts - i):
                triangles.append((number[i, j], number[i + 1, j], number[i, j + 1]))
                if i + j < parts - 1:
                    triangles.append((number[i + 1, j], number[i + 1, j + 1], number[i, j + 1]))
    unit = np.array(points) / np.linalg.norm(points, axis=1, keepdims=True)
    _, first, same = np.unique(np.round(unit, 9), axis=0, return_index=True, return_inverse=True)
    return radius_mm * unit[first], same.reshape(-1)[np.array(triangles)]


def tube(radius_mm: float, length_mm: float, *, around: int = 96, along: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """An open tube about the z axis, from 0 to a length: vertices (around (along + 1), 3) [mm], triangles facing outwards."""
    angle = np.arange(around) * 2.0 * np.pi / around
    z = np.linspace(0.0, length_mm, along + 1)
    points = np.stack(
        [np.tile(radius_mm * np.cos(angle), along + 1), np.tile(radius_mm * np.sin(angle), along + 1), np.repeat(z, around)],
        axis=1,
    )
    number = np.arange(len(points)).reshape(along + 1, around)
    beside = np.roll(number, -1, axis=1)
    low = np.stack([number[:-1], beside[:-1], beside[1:]], axis=-1).reshape(-1, 3)
    return points, np.concatenate([low, np.stack([number[:-1], beside[1:], number[1:]], axis=-1).reshape(-1, 3)])


def box(low: tuple[float, ...], high: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """A box of twelve triangles: vertices (8, 3) [mm], triangles with outward normals."""
    points = np.array(list(itertools.product(*zip(low, high, strict=True))), float)
    quads = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
    return points, np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])


def rays_of(carm) -> np.ndarray:
    """Unit vectors of a C-arm's rays, shape (pixels, pixels, 3) (LPS), written down apart from the program's own."""
    a, b = np.radians(carm.lao_deg), np.radians(carm.cra_deg)
    beam = np.array([np.sin(a) * np.cos(b), -np.cos(a) * np.cos(b), np.sin(b)])
    right = np.array([np.cos(a), np.sin(a), 0.0])
    up = np.cross(beam, right)
    side = (np.arange(carm.pixels) - (carm.pixels - 1) / 2) * carm.field_mm / carm.pixels
    rays = side[None, :, None] * right - side[:, None, None] * up + carm.sid_mm * beam
    return rays / np.linalg.norm(rays, axis=2, keepdims=True)


def source_of(carm) -> np.ndarray:
    """Where a C-arm's source is, shape (3,) (LPS) [mm], written down apart from the program's own."""
    a, b = np.radians(carm.lao_deg), np.radians(carm.cra_deg)
    beam = np.array([np.sin(a) * np.cos(b), -np.cos(a) * np.cos(b), np.sin(b)])
    return np.array(carm.isocentre) - np.array(carm.table_mm) - carm.sod_mm * beam
