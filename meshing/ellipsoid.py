"""A ventricle by formula: a thick-walled ellipsoid cut off at its base, with the fibre directions that belong to it.

It is the geometry on which codes for the mechanics of the heart compare themselves (Land et al. 2015,
doi:10.1098/rspa.2015.0641). Lengths are in millimetres.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from meshing.errors import InputError
from meshing.prisms import split_prisms
from meshing.tetmesh import TetMesh

MYOCARDIUM = 1
FEWEST_LAYERS = 2
FEWEST_SECTORS = 12  # around the equator; fewer do not carry the roundness
MOST_TETS = 20_000_000


@dataclass(frozen=True, kw_only=True)
class TruncatedEllipsoid:
    """A wall between two ellipsoids of revolution about z, apex down, cut off at the plane z = base_mm.

    With t from 0 on the endocardium to 1 on the epicardium, u from −π at the apex to −arccos(base / r_l) at the base, and v
    around, a point is

        (r_s sin u cos v, r_s sin u sin v, r_l cos u),    r_s = inner + t (outer − inner) of the short radii, r_l of the long.

    The default is the ventricle of Land et al. 2015, doi:10.1098/rspa.2015.0641.
    Raises InputError where the radii do not grow outward or the plane does not cut both ellipsoids above their apex.
    """

    inner_short_mm: float = 7.0
    inner_long_mm: float = 17.0
    outer_short_mm: float = 10.0
    outer_long_mm: float = 20.0
    base_mm: float = 5.0

    def __post_init__(self):
        short, long = (self.inner_short_mm, self.outer_short_mm), (self.inner_long_mm, self.outer_long_mm)
        if not (0.0 < short[0] < short[1] < math.inf and 0.0 < long[0] < long[1] < math.inf):
            raise InputError(
                f"A wall from short and long radii of {short[0]:g} and {long[0]:g} mm to {short[1]:g} and {long[1]:g} mm cannot "
                "be made; give radii above zero that are larger outside."
            )
        if not -long[0] < self.base_mm < long[0]:
            raise InputError(
                f"The base at z = {self.base_mm:g} mm does not cut the inner ellipsoid; give one between {-long[0]:g} and "
                f"{long[0]:g} mm."
            )

    @property
    def wall_volume_mm3(self) -> float:
        """Volume of the wall [mm³]."""
        return self._volume_within(self.outer_short_mm, self.outer_long_mm) - self.cavity_volume_mm3

    @property
    def cavity_volume_mm3(self) -> float:
        """Volume of the cavity below the base [mm³], π r_s² ∫ (1 − z²/r_l²) dz from the apex to the base."""
        return self._volume_within(self.inner_short_mm, self.inner_long_mm)

    def points(self, t: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Positions (n, 3) [mm] of depths t, (n,), and angles u and v, (n,) [rad]."""
        short, long = self._radii(t)
        return np.stack([short * np.sin(u) * np.cos(v), short * np.sin(u) * np.sin(v), long * np.cos(u)], axis=-1)

    def coordinates(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Depth t and angles u in [−π, 0] and v in [−π, π] [rad], each (n,), of points (n, 3) [mm] in or near the wall."""
        points = np.asarray(points, float)
        away, height = np.hypot(points[:, 0], points[:, 1]), points[:, 2]
        t = np.full(len(points), 0.5)
        least = -0.9 * min(
            self.inner_short_mm / (self.outer_short_mm - self.inner_short_mm),
            self.inner_long_mm / (self.outer_long_mm - self.inner_long_mm),
        )
        for _ in range(30):  # Newton's search, a few steps of which are enough within the wall
            short, long = self._radii(t)
            across, along = (away / short) ** 2, (height / long) ** 2
            slope = -2.0 * across * (self.outer_short_mm - self.inner_short_mm) / short
            slope -= 2.0 * along * (self.outer_long_mm - self.inner_long_mm) / long
            step = (across + along - 1.0) / np.minimum(slope, -1e-12)
            t = np.maximum(t - step, least)
            if np.abs(step).max(initial=0.0) < 1e-13:
                break
        _, long = self._radii(t)
        return t, -np.arccos(np.clip(height / long, -1.0, 1.0)), np.arctan2(-points[:, 1], -points[:, 0])

    def frames(self, points: np.ndarray, *, endocardial_degrees: float = 90.0, epicardial_degrees: float = -90.0) -> np.ndarray:
        """Fibre, sheet and normal directions at points (n, 3) [mm], unit rows of (n, 3, 3), right-handed.

        f = sin α ∂x/∂u + cos α ∂x/∂v, each made unit, α going linearly with t from the endocardium to the epicardium
        (Land et al. 2015); the sheet is the ellipsoid's outward normal. Seen from the base ∂x/∂v runs anticlockwise, and
        ∂x/∂u runs from apex to base. On the axis, where around has no meaning, v is 0.
        """
        t, u, v = self.coordinates(points)
        short, long = self._radii(t)
        cosine, sine = np.cos(u), np.sin(u)
        around = np.stack([np.sin(v), -np.cos(v), np.zeros_like(v)], axis=1)
        up = np.stack([short * cosine * np.cos(v), short * cosine * np.sin(v), -long * sine], axis=1)
        up /= np.linalg.norm(up, axis=1, keepdims=True)
        angle = np.radians((1.0 - t) * endocardial_degrees + t * epicardial_degrees)[:, None]
        fibre = np.sin(angle) * up + np.cos(angle) * around
        sheet = np.cross(around, up)
        return np.stack([fibre, sheet, np.cross(fibre, sheet)], axis=1)

    def mesh(self, *, size_mm: float, layers: int | None = None) -> TetMesh:
        """Tetrahedra of about `size_mm` [mm], in `layers` layers from the endocardium out; by default as many as the size asks.

        Around the apex lie rings of 6, 12, 18, ... vertices, so that no tet there is a sliver, and from the equator's count
        on rings of as many each, every other one turned by half a step. All vertices lie on ellipsoids of constant t, each
        the same t for its layer, and the base is flat. One label, 1 "myocardium"; face sets "endocardium", "epicardium" and
        "base", together the whole boundary.

        Raises InputError for a size that is not above zero, or too coarse or too fine for this ellipsoid.
        """
        rings, sectors = self._rings(size_mm)
        thickness = min(self.outer_short_mm - self.inner_short_mm, self.outer_long_mm - self.inner_long_mm)
        if layers is None:
            layers = max(FEWEST_LAYERS, round(thickness / size_mm))
        if layers < 1:
            raise InputError(f"A wall of {layers} layers cannot be made; ask for at least 1.")
        if 18 * sectors * len(rings) * layers > MOST_TETS:
            raise InputError(f"Elements of {size_mm:g} mm would make more than {MOST_TETS:,} tetrahedra; ask for larger ones.")
        share, v, triangles = _disc(rings, sectors)
        count = len(share)
        t = np.repeat(np.arange(layers + 1) / layers, count)
        _, long = self._radii(t)
        u = -math.pi + np.tile(share, layers + 1) * (math.pi - np.arccos(self.base_mm / long))
        vertices = self.points(t, u, np.tile(v, layers + 1))
        vertices[np.tile(share == 1.0, layers + 1), 2] = self.base_mm
        tets, _, _ = split_prisms(triangles, count, layers)
        mesh = TetMesh(
            vertices=vertices,
            tets=tets.astype(np.int32),
            labels=np.full(len(tets), MYOCARDIUM, np.int32),
            label_names={MYOCARDIUM: "myocardium"},
        ).checked()
        faces = mesh.boundary_faces()
        inside, outside = (faces < count).all(axis=1), (faces >= layers * count).all(axis=1)
        sets = {"endocardium": faces[inside], "epicardium": faces[outside], "base": faces[~inside & ~outside]}
        return replace(mesh, face_sets=sets)

    def _volume_within(self, short: float, long: float) -> float:
        return math.pi * short**2 * (self.base_mm + long - (self.base_mm**3 + long**3) / (3.0 * long**2))

    def _radii(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Short and long radii [mm] at depths t."""
        short = self.inner_short_mm + t * (self.outer_short_mm - self.inner_short_mm)
        return short, self.inner_long_mm + t * (self.outer_long_mm - self.inner_long_mm)

    def _rings(self, size_mm: float) -> tuple[np.ndarray, int]:
        """Shares (ring count + 1,) of the way in u from apex to base at which rings lie evenly, and the sectors of a sixth."""
        if not 0.0 < size_mm < math.inf:
            raise InputError(f"Elements of {size_mm:g} mm cannot be made; give a size above zero.")
        share = np.linspace(0.0, 1.0, 4001)
        _, long = self._radii(np.array(0.5))
        u = -math.pi + share * (math.pi - np.arccos(self.base_mm / long))
        line = self.points(np.full(len(u), 0.5), u, np.zeros(len(u)))
        way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
        count = round(way[-1] / size_mm)
        sectors = round(2.0 * math.pi * float(np.abs(line[:, 0]).max()) / (6.0 * size_mm))
        if 6 * sectors < FEWEST_SECTORS or count <= sectors:
            raise InputError(
                f"Elements of {size_mm:g} mm are too coarse for an ellipsoid {2.0 * self.outer_short_mm:g} mm wide and "
                f"{self.base_mm + self.outer_long_mm:g} mm long; ask for smaller ones, or a base farther from the apex."
            )
        rings = np.interp(np.linspace(0.0, way[-1], count + 1), way, share)
        rings[-1] = 1.0
        return rings, sectors


def _disc(rings: np.ndarray, sectors: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make a disc in rings of 6, 12, ... and at most 6 `sectors` vertices about a middle.

    Returns the ring's value and the angle [rad] of each vertex, (vertex count,), and triangles (triangle count, 3) whose normals
    are the outward ones of the ellipsoid.
    """
    values: list[np.ndarray] = [rings[:1]]
    angles: list[np.ndarray] = [np.zeros(1)]
    start, count, turn = 1, 6, 0.0
    fan = 1 + np.arange(6)
    triangles = [np.column_stack([np.zeros(6, int), fan, np.roll(fan, -1)])]
    values.append(np.full(6, rings[1]))
    angles.append(np.arange(6) * math.pi / 3.0)
    for number in range(2, len(rings)):
        more = 6 * min(number, sectors)
        onward = (0.5 if turn == 0.0 else 0.0) if more == count else 0.0
        triangles.append(_band(start, count, turn, start + count, more, onward))
        start, count, turn = start + count, more, onward
        values.append(np.full(count, rings[number]))
        angles.append((np.arange(count) + turn) * 2.0 * math.pi / count)
    # Seen from outside the apex, angles about z run clockwise.
    return np.concatenate(values), np.concatenate(angles), np.concatenate(triangles)[:, ::-1]


def _band(inner: int, inner_count: int, inner_turn: float, outer: int, outer_count: int, outer_turn: float) -> np.ndarray:
    """Join two rings, given each one's first vertex, count and turn in steps, by triangles (inner_count + outer_count, 3).

    Each edge is joined to the vertex of the other ring that stands opposite its middle, so edges sorted by their middles
    make a band without gaps. Anticlockwise where angles are seen to grow anticlockwise.
    """
    one = (np.arange(inner_count) + 0.5 + inner_turn) / inner_count
    other = (np.arange(outer_count) + 0.5 + outer_turn) / outer_count
    facing = np.searchsorted(other, one - 1e-9)
    a = np.arange(inner_count)
    below = np.column_stack([inner + a, outer + facing % outer_count, inner + (a + 1) % inner_count])
    facing = np.searchsorted(one, other + 1e-9)
    b = np.arange(outer_count)
    above = np.column_stack([inner + facing % inner_count, outer + b, outer + (b + 1) % outer_count])
    return np.concatenate([below, above])
