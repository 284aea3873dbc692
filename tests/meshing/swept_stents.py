"""Zig-zag stents of known size, made by formula: a rectangle swept along rings of struts and arcs on a round surface."""

import dataclasses
from collections.abc import Callable

import numpy as np
import trimesh

CORNERS = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])


@dataclasses.dataclass(frozen=True)
class Zigzag:
    """Rings of struts, crowns as arcs; all in millimetres.

    radius of the middle, struts in a ring, their angle with the axis [rad], the arcs' middle radius, width, thickness, rings, the
    gap between the middles of facing crowns, bridges between two rings, and how the radius grows along the axis.
    """

    radius: float = 4.0
    strut_count: int = 12
    angle: float = 0.6
    arc: float = 0.16
    width: float = 0.12
    thickness: float = 0.1
    rings: int = 1
    gap: float = 0.5
    bridges: int = 0
    flare: float = 0.0

    @property
    def pitch(self) -> float:
        """Way round from crown to crown [mm]."""
        return 2.0 * np.pi * self.radius / self.strut_count

    @property
    def straight(self) -> float:
        """Length of a strut's straight part [mm]."""
        return (self.pitch - 2.0 * self.arc * np.cos(self.angle)) / np.sin(self.angle)

    @property
    def strut_length(self) -> float:
        """From the middle of a crown to the middle of the next [mm]."""
        return self.straight + self.arc * (np.pi - 2.0 * self.angle)

    @property
    def height(self) -> float:
        """Of a ring, between the middles of its crowns [mm]."""
        return self.straight * np.cos(self.angle) + 2.0 * self.arc * (1.0 - np.sin(self.angle))

    def half_wave(self) -> np.ndarray:
        """Way round and height from the middle of a high crown to that of the next low one, (k, 2) [mm]."""
        turn = np.linspace(0.0, 0.5 * np.pi - self.angle, 12)
        crown = self.arc * np.stack([np.sin(turn), np.cos(turn) - 1.0], 1)
        run = np.linspace(0.0, 1.0, 30)[1:-1, None] * self.straight * np.array([np.sin(self.angle), -np.cos(self.angle)])
        low = np.array([self.pitch, -self.height]) - crown[::-1]
        return np.concatenate([crown, crown[-1] + run, low])

    def ring(self, number: int) -> np.ndarray:
        """Way round and height of one ring's middle, once round without the last point, (k, 2) [mm]."""
        down = self.half_wave()
        up = down * [1.0, -1.0] + [self.pitch, -self.height]
        wave = np.concatenate([down[:-1], up[:-1]])
        waves = [wave + np.array([2.0 * self.pitch * k, 0.0]) for k in range(self.strut_count // 2)]
        middle = np.concatenate(waves) * [1.0, -1.0 if number % 2 else 1.0]
        top = number * (self.height + self.gap) * -1.0 - (self.height if number % 2 else 0.0)
        return middle + np.array([0.0, top])

    def bodies(self) -> list[tuple[np.ndarray, bool]]:
        """Middle lines, unrolled, and whether they are closed: rings first, then bridges between crowns that face each other."""
        found = [(self.ring(number), True) for number in range(self.rings)]
        for number in range(self.rings - 1):
            low = -number * (self.height + self.gap) - self.height
            for bridge in range(self.bridges):
                # Low crowns of even rings stand at odd pitches, those of odd rings at even ones.
                round_ = self.pitch * (self.strut_count // self.bridges * bridge + (0 if number % 2 else 1))
                line = np.stack([np.full(9, round_), low - np.linspace(0.0, self.gap, 9)], 1)
                found.append((line, False))
        return found


def surface_of(stent: Zigzag) -> trimesh.Trimesh:
    """The stent's closed surface; rings and bridges are bodies of their own that overlap."""
    return trimesh.util.concatenate([_swept(line, closed, stent) for line, closed in stent.bodies()])  # type: ignore[return-value]


def corners_of(line: np.ndarray, closed: bool, stent: Zigzag) -> np.ndarray:
    """Corners (k, 4, 3) [mm] of the sections along an unrolled line (k, 2)."""
    period = np.array([2.0 * np.pi * stent.radius, 0.0])
    before = np.concatenate([line[-1:] - period if closed else 2 * line[:1] - line[1:2], line[:-1]])
    after = np.concatenate([line[1:], line[:1] + period if closed else 2 * line[-1:] - line[-2:-1]])
    along = (after - before) / np.linalg.norm(after - before, axis=1, keepdims=True)
    beside = np.stack([-along[:, 1], along[:, 0]], 1)
    place = line[:, None] + stent.width * CORNERS[None, :, :1] * beside[:, None]
    angle, height = place[..., 0] / stent.radius, place[..., 1]
    # On a cone heights are measured along it.
    tilt = np.arctan(stent.flare)
    deep = stent.thickness * CORNERS[:, 1]
    radius = stent.radius - height * np.sin(tilt) + deep * np.cos(tilt)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height * np.cos(tilt) + deep * np.sin(tilt)], -1)


def hexahedra_of(stent: Zigzag) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) [mm] and hexahedra (m, 8) of the first ring."""
    corners = corners_of(stent.ring(0), True, stent)
    count = len(corners)
    first = 4 * np.arange(count)[:, None] + np.arange(4)
    return corners.reshape(-1, 3), np.concatenate([first, np.roll(first, -1, 0)], 1)


def _swept(line: np.ndarray, closed: bool, stent: Zigzag) -> trimesh.Trimesh:
    corners = corners_of(line, closed, stent)
    count = len(corners)
    here = 4 * np.arange(count if closed else count - 1)[:, None]
    there = (here + 4) % (4 * count)
    one, two = np.arange(4), (np.arange(4) + 1) % 4
    quads = np.stack([here + one, here + two, there + two, there + one], -1).reshape(-1, 4)
    triangles = [quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]
    if not closed:
        last = 4 * (count - 1)
        triangles.append(np.array([[0, 2, 1], [0, 3, 2], [last, last + 1, last + 2], [last, last + 2, last + 3]]))
    body = trimesh.Trimesh(corners.reshape(-1, 3), np.concatenate(triangles), process=False)
    if body.volume < 0.0:
        body.invert()
    return body


def ring_of_bodies(make: Callable[[], trimesh.Trimesh], count: int, radius: float) -> trimesh.Trimesh:
    """Copies of a body, evenly placed round the z axis at a radius [mm]."""
    bodies = []
    for number in range(count):
        body = make()
        body.apply_translation([radius, 0.0, 0.0])
        body.apply_transform(trimesh.transformations.rotation_matrix(2.0 * np.pi * number / count, [0.0, 0.0, 1.0]))
        bodies.append(body)
    return trimesh.util.concatenate(bodies)  # type: ignore[return-value]
