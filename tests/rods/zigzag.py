"""Stents as nets of struts on a cylinder: zig-zag rings with crowns shared by their struts, bridges between rings."""

import dataclasses
import math

import numpy as np

from sim.rods.builders import Strand, join, with_joints
from sim.rods.laws import Law
from sim.rods.network import Pose, RodNetwork
from sim.rods.rotations import from_matrices
from sim.rods.sections import Joint, Section, rectangular
from sim.rods.statics import Task, task_for


@dataclasses.dataclass(frozen=True)
class ZigzagStent:
    """Rings of straight struts about the z axis, in the shape in which they are free of stress.

    Attributes
    ----------
    radius
        Of the struts' middle [m].
    strut_count
        Struts in a ring, even.
    strut_length
        Of a strut's straight part [m].
    width, thickness
        Of a strut along the circumference and radially [m].
    law
        Metal.
    crown_length
        Length of the arc that leads from one strut to the next, along its middle [m]; nought for struts that meet in a point.
    crown_width
        Width of that arc [m]; None for a strut's.
    divisions, crown_divisions
        Elements in a strut and in an arc; the latter is even.
    ring_count
        Number of rings; neighbours mirror each other, so that crowns face crowns.
    bridge_count
        Bridges between two rings; it must divide half the number of struts.
    bridge_length, bridge_width
        [m].
    """

    radius: float
    strut_count: int
    strut_length: float
    width: float
    thickness: float
    law: Law
    crown_length: float = 0.0
    crown_width: float | None = None
    divisions: int = 6
    crown_divisions: int = 6
    ring_count: int = 1
    bridge_count: int = 0
    bridge_length: float = 0.0
    bridge_width: float = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError where struts do not make a ring."""
        if self.strut_count < 4 or self.strut_count % 2:
            raise ValueError(f"A ring needs an even number of struts, four or more, not {self.strut_count}.")
        if self.crown_divisions % 2:
            raise ValueError(f"A crown needs an even number of elements, not {self.crown_divisions}.")
        if not self._reach(0.0) <= self.pitch < self._reach(1.5):
            raise ValueError(
                f"{self.strut_count} struts of {self.strut_length:g} m and crowns of {self.crown_length:g} m do not make a ring "
                f"of radius {self.radius:g} m. Change one of the four."
            )

    @property
    def pitch(self) -> float:
        """Way round the ring from crown to crown [m]."""
        return 2.0 * math.pi * self.radius / self.strut_count

    @property
    def strut_angle(self) -> float:
        """Angle of a strut with the axis [rad]: the one at which struts and crowns reach round."""
        low, high = 0.0, 1.5
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self._reach(middle) < self.pitch else (low, middle)
        return low

    @property
    def crown_radius(self) -> float:
        """Radius of a crown's arc, along its middle [m]."""
        return self.crown_length / (math.pi - 2.0 * self.strut_angle)

    @property
    def ring_length(self) -> float:
        """Height of a ring between the middles of its crowns [m]."""
        angle = self.strut_angle
        return self.strut_length * math.cos(angle) + 2.0 * self.crown_radius * (1.0 - math.sin(angle))

    def _reach(self, angle: float) -> float:
        """Way round the ring of a strut and a crown at an angle [m]."""
        crown = 2.0 * self.crown_length / (math.pi - 2.0 * angle) * math.cos(angle)
        return self.strut_length * math.sin(angle) + crown


def build_stent(stent: ZigzagStent) -> tuple[RodNetwork, Pose]:
    """The stent's rods and their pose free of stress.

    Nodes come ring by ring: first the middles of all crowns, `strut_count` a ring, crown number k at the angle 2πk/N; then
    the rest of crowns and struts, then bridges.

    Raises
    ------
    ValueError
        If bridges do not divide the crowns.
    """
    section = rectangular(stent.width, stent.thickness)
    crown_section = rectangular(stent.crown_width or stent.width, stent.thickness)
    net = _Net(stent)
    crests = np.array([[net.add(net.crest(ring, k)) for k in range(stent.strut_count)] for ring in range(stent.ring_count)])
    for ring in range(stent.ring_count):
        left, right = crests[ring].copy(), crests[ring].copy()
        if stent.crown_length:
            for number, crest in enumerate(crests[ring]):
                places, tangents = net.crown(ring, number)
                half = len(places) // 2
                nodes = [*net.add_all(places[:half]), crest, *net.add_all(places[half + 1 :])]
                net.strand(nodes, tangents, crown_section)
                left[number], right[number] = nodes[0], nodes[-1]
        for number in range(stent.strut_count):
            # The last strut ends at the first crown, one whole turn on.
            turn = 2.0 * math.pi * stent.radius * (number + 1 == stent.strut_count)
            net.straight(right[number], left[(number + 1) % stent.strut_count], stent.divisions, section, turn)
    _add_bridges(net, crests)
    places = np.array(net.places)
    points = np.column_stack([*(stent.radius * f(places[:, 0] / stent.radius) for f in (np.cos, np.sin)), places[:, 1]])
    return join(points, net.strands)


class _Net:
    """Places on the unrolled cylinder, way round it and height [m], and the strands between them while a stent is built."""

    def __init__(self, stent: ZigzagStent):
        self.stent = stent
        self.places: list[np.ndarray] = []
        self.strands: list[Strand] = []

    def add(self, place: np.ndarray) -> int:
        """Number of a new node."""
        self.places.append(place)
        return len(self.places) - 1

    def add_all(self, places: np.ndarray) -> list[int]:
        """Numbers of new nodes."""
        return [self.add(place) for place in places]

    def crest(self, ring: int, number: int) -> np.ndarray:
        """Place of a crown's middle; crowns take turns up and down."""
        height = self.stent.ring_length
        up = (number + ring) % 2 == 0
        return np.array([number * self.stent.pitch, ring * (height + self.stent.bridge_length) + up * height])

    def crown(self, ring: int, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Places and directions along the arc of a crown."""
        sign = 1.0 if (number + ring) % 2 == 0 else -1.0
        half = math.pi / 2.0 - self.stent.strut_angle
        angle = np.linspace(-half, half, self.stent.crown_divisions + 1)
        radius = self.stent.crown_radius
        places = self.crest(ring, number) + radius * np.stack([np.sin(angle), sign * (np.cos(angle) - 1.0)], 1)
        return places, np.stack([np.cos(angle), -sign * np.sin(angle)], 1)

    def straight(self, start: int, end: int, divisions: int, section: Section, turn: float = 0.0) -> None:
        """A straight piece on the unrolled cylinder; its end lies `turn` [m] further round."""
        way = self.places[end] + np.array([turn, 0.0]) - self.places[start]
        inner = self.places[start] + np.linspace(0.0, 1.0, divisions + 1)[1:-1, None] * way
        nodes = [start, *self.add_all(inner), end]
        self.strand(nodes, np.tile(way / np.linalg.norm(way), (divisions + 1, 1)), section)

    def strand(self, nodes: list[int], tangents: np.ndarray, section: Section) -> None:
        """A strand through nodes, with its width on the cylinder and its thickness outward."""
        angle = np.array([self.places[node][0] for node in nodes]) / self.stent.radius
        zero, one = np.zeros(len(nodes)), np.ones(len(nodes))
        outward = np.stack([np.cos(angle), np.sin(angle), zero], 1)
        across = np.stack([-np.sin(angle), np.cos(angle), zero], 1)
        along = tangents[:, :1] * across + tangents[:, 1:] * np.stack([zero, zero, one], 1)
        frames = np.stack([np.cross(outward, along), outward, along], 2)
        self.strands.append(Strand(np.array(nodes), frames, section, self.stent.law))


def _add_bridges(net: _Net, crests: np.ndarray) -> None:
    """Straight bridges from the upper crowns of each ring to the lower ones of the next."""
    stent, half = net.stent, net.stent.strut_count // 2
    if stent.bridge_count == 0:
        return
    if half % stent.bridge_count or stent.bridge_length <= 0.0 or stent.bridge_width <= 0.0:
        raise ValueError(
            f"{stent.bridge_count} bridges of {stent.bridge_length:g} m by {stent.bridge_width:g} m cannot join rings of "
            f"{half} facing crowns. Take a number that divides them, a length and a width."
        )
    section = rectangular(stent.bridge_width, stent.thickness)
    for ring in range(stent.ring_count - 1):
        for number in range(0, half, half // stent.bridge_count):
            # Crowns that are up have the parity of their ring; the next ring's own of that parity are down.
            crown = (2 * number + ring % 2) % stent.strut_count
            net.straight(int(crests[ring, crown]), int(crests[ring + 1, crown]), 2, section)


def guided_ring(stent: ZigzagStent, guide: Joint) -> tuple[RodNetwork, Pose, Task, np.ndarray]:
    """A ring whose crowns are joined to held nodes, the last of the network, with axes along the ring, outwards and up.

    Gives the task that holds them, and the directions outwards in the plane, shape (strut count, 2).
    """
    network, pose = build_stent(stent)
    crowns, count = np.arange(stent.strut_count), network.node_count
    angle = 2.0 * np.pi * crowns / stent.strut_count
    c, s, zero, one = np.cos(angle), np.sin(angle), np.zeros(len(angle)), np.ones(len(angle))
    frames = np.stack([np.stack([s, -c, zero], 1), np.stack([c, s, zero], 1), np.stack([zero, zero, one], 1)], 2)
    pose = Pose(np.append(pose.position, pose.position[crowns], 0), np.append(pose.rotation, from_matrices(frames), 0))
    network = dataclasses.replace(network, node_count=count + len(crowns))
    network = with_joints(network, pose, np.stack([count + crowns, crowns], 1), guide)
    task = task_for(network)
    task.held[count:] = True
    # The middle of the first strut stays at its height, so that both edges of the ring are alike.
    task.held[stent.strut_count * (1 + (stent.crown_divisions if stent.crown_length else 0)) + stent.divisions // 2 - 1, 2] = True
    return network, pose, task, np.stack([c, s], 1)
