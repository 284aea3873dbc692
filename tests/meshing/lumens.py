"""Lumens by formula, for the tests of walls: tubes with a narrowing, bent tubes and a fork."""

from collections.abc import Callable
from typing import Any

import numpy as np

from meshing.centrelines import Branch, Centreline
from meshing.lumen import End, Lumen


def tube(
    *,
    length: float = 30.0,
    radius: Callable = lambda s: 4.0 + 0 * s,
    shift: Callable = lambda s: 0 * s,
    bend_radius: float = np.inf,
    around: int = 25,
) -> Lumen:
    """A tube along z, or along a circle of `bend_radius` [mm] towards +x, of `radius(s)` [mm], its middle moved by `shift(s)`.

    Triangles grow and shrink with the radius; rows are staggered, as a remeshed surface's are.
    """
    stations = [0.0]
    while stations[-1] < length:
        stations.append(stations[-1] + np.sqrt(3) / 2 * 2 * np.pi * float(radius(stations[-1])) / around)
    s = np.asarray(stations) * length / stations[-1]
    rows = len(s)
    angle = 2 * np.pi * (np.arange(around)[None, :] + 0.5 * (np.arange(rows)[:, None] % 2)) / around
    x = shift(s)[:, None] + radius(s)[:, None] * np.cos(angle)
    y = radius(s)[:, None] * np.sin(angle)
    vertices = _bent(x.ravel(), y.ravel(), np.repeat(s, around), bend_radius)
    number = np.arange(rows * around).reshape(rows, around)
    below, above = number[:-1], number[1:]
    even = (np.arange(rows - 1) % 2 == 0)[:, None]
    right = lambda ring: np.roll(ring, -1, axis=1)  # noqa: E731
    first = np.where(
        even[..., None], np.stack([below, right(below), above], -1), np.stack([below, right(below), right(above)], -1)
    )
    second = np.where(
        even[..., None], np.stack([right(below), right(above), above], -1), np.stack([below, right(above), above], -1)
    )
    triangles = np.concatenate([first.reshape(-1, 3), second.reshape(-1, 3)])
    fine = np.linspace(0, length, max(int(length / 0.25), 8))
    axis = _bent(shift(fine), 0 * fine, fine, bend_radius)
    tangents = _bent(0 * fine[:2], 0 * fine[:2], np.array([0, length]), bend_radius, direction=True)
    ends = (
        End(
            loop=number[0][::-1].copy(),
            centre=vertices[number[0]].mean(0),
            direction=-tangents[0],
            radius=float(radius(s[:1])[0]),
        ),
        End(loop=number[-1].copy(), centre=vertices[number[-1]].mean(0), direction=tangents[1], radius=float(radius(s[-1:])[0])),
    )
    branch = Branch(points=axis, radii=radius(fine), parent=None, parent_station=None)
    return Lumen(
        vertices=vertices,
        triangles=triangles,
        ends=ends,
        centreline=Centreline((branch,)),
        volume_mm3=0.0,
        reference_volume_mm3=0.0,
        notes=(),
        source="tube",
    )


def narrowed(*, to: float = 1.2, middle: float = 20.0, half_length: float = 8.0, healthy: float = 4.0) -> Callable:
    """A radius [mm] as a function of station, narrowed to `to` [mm] by a raised cosine."""
    return lambda s: (
        healthy
        - (healthy - to) * np.where(np.abs(s - middle) < half_length, 0.5 * (1 + np.cos(np.pi * (s - middle) / half_length)), 0.0)
    )


def eccentric_stenosis() -> Lumen:
    """A vessel of 4 mm radius, 70 % narrowed in diameter to 1.2 mm, the opening moved to one side."""
    radius = narrowed()
    return tube(length=40.0, radius=radius, shift=lambda s: 0.8 * (4.0 - radius(s)))


def fork(*, half_angle_deg: float = 22.0, trunk: float = 4.0, limb: float = 2.8, edge: float = 0.8, blend: float = 0.6) -> Lumen:
    """A trunk along -z that forks into two limbs: the smooth union of three capsules, cut square at its ends [mm]."""
    import pyacvd
    import pyvista
    from skimage.measure import marching_cubes

    slant = np.deg2rad(half_angle_deg)
    axes = [np.array([0, 0, -1.0]), np.array([np.sin(slant), 0, np.cos(slant)]), np.array([-np.sin(slant), 0, np.cos(slant)])]
    lengths, radii = [14.0, 20.0, 20.0], [trunk, limb, limb]
    step = 0.4
    grid = np.stack(np.meshgrid(np.arange(-17, 17, step), np.arange(-7, 7, step), np.arange(-20, 26, step), indexing="ij"), -1)
    fields = []
    for axis, length, radius in zip(axes, lengths, radii, strict=True):
        along = np.clip(grid @ axis, 0, length + 6)
        fields.append(np.linalg.norm(grid - along[..., None] * axis, axis=-1) - radius)
    field = -blend * np.log(sum(np.exp(-each / blend) for each in fields))
    points, faces, _, _ = marching_cubes(field, 0.0, spacing=(step,) * 3, gradient_direction="ascent")
    surface: Any = pyvista.PolyData.from_regular_faces(points + grid[0, 0, 0], faces)
    for axis, length in zip(axes, lengths, strict=True):
        surface = surface.clip(normal=axis, origin=axis * length)
    surface = surface.triangulate()
    clustering = pyacvd.Clustering(surface)
    clustering.cluster(int(surface.area / (0.866 * edge**2)))
    made = clustering.create_mesh().clean()
    vertices, triangles = np.asarray(made.points, float), made.regular_faces.astype(np.int64)
    return _cut_square(vertices, triangles, axes, lengths, radii)


def _cut_square(vertices, triangles, axes, lengths, radii) -> Lumen:
    """Turn the triangles outward, move the open rims into their planes and name the ends."""
    corners = vertices[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    middle = corners.mean(1)
    along = np.stack([np.clip(middle @ axis, 0, None)[:, None] * axis for axis in axes])
    nearest = np.linalg.norm(middle - along, axis=2).argmin(0)
    if np.einsum("ij,ij->i", normal, middle - along[nearest, np.arange(len(middle))]).sum() < 0:
        triangles = triangles[:, ::-1].copy()
    ends = []
    for loop in rims(triangles):
        which = int(
            np.argmin([np.abs(vertices[loop] @ axis - length).mean() for axis, length in zip(axes, lengths, strict=True)])
        )
        vertices[loop] += (lengths[which] - vertices[loop] @ axes[which])[:, None] * axes[which]
        ends.append((which, End(loop=loop, centre=vertices[loop].mean(0), direction=axes[which], radius=radii[which])))
    ends = tuple(end for _, end in sorted(ends, key=lambda pair: pair[0]))
    reach = [np.linspace(0, length, int(length / 0.25)) for length in lengths]
    trunk = np.vstack([axes[0] * reach[0][::-1, None], axes[1] * reach[1][1:, None]])
    branches = (
        Branch(
            points=trunk,
            radii=np.r_[np.full(len(reach[0]), radii[0]), np.full(len(reach[1]) - 1, radii[1])],
            parent=None,
            parent_station=None,
        ),
        Branch(points=axes[2] * reach[2][:, None], radii=np.full(len(reach[2]), radii[2]), parent=0, parent_station=lengths[0]),
    )
    return Lumen(
        vertices=vertices,
        triangles=triangles,
        ends=ends,
        centreline=Centreline(branches),
        volume_mm3=0.0,
        reference_volume_mm3=0.0,
        notes=(),
        source="fork",
    )


def rims(triangles: np.ndarray) -> list[np.ndarray]:
    """The loops of open edges of a triangle surface, each as vertex numbers in order."""
    sides = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    known = {tuple(side) for side in sides.tolist()}
    follow = {b: a for a, b in known if (b, a) not in known}
    loops = []
    while follow:
        start, step = follow.popitem()
        loop = [start]
        while step != start:
            loop.append(step)
            step = follow.pop(step)
        loops.append(np.array(loop))
    return loops


def _bent(x, y, s, bend_radius, *, direction=False) -> np.ndarray:
    """Positions (or tangents) of a straight tube's points laid along a circle."""
    if not np.isfinite(bend_radius):
        return np.column_stack([0 * s, 0 * s, np.ones_like(s)] if direction else [x, y, s])
    turn = s / bend_radius
    if direction:
        return np.column_stack([np.sin(turn), 0 * s, np.cos(turn)])
    return np.column_stack([bend_radius - (bend_radius - x) * np.cos(turn), y, (bend_radius - x) * np.sin(turn)])
