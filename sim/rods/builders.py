"""Wires, rings and helices: points and frames become networks of rods.

Frames are rotation matrices whose columns are the width's direction, the thickness's and the rod's own.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from sim.rods.laws import Law, LinearElastic
from sim.rods.network import Pose, RodNetwork
from sim.rods.rotations import from_matrices, from_vectors, inverse, quaternion_product, to_matrices
from sim.rods.sections import Joint, Section


@dataclasses.dataclass(frozen=True)
class Strand:
    """A chain of elements through nodes of a network.

    Attributes
    ----------
    nodes
        Node numbers along it, shape (k,).
    frames
        Frame of the strand at each of them, shape (k, 3, 3).
    sections
        One section, or one for each of the k − 1 elements.
    law
        Its material.
    natural_curvature
        Curvature that it would have if left alone, about its width, its thickness and itself [1/m], shape (3,) or (k − 1, 3);
        None for the shape in which it is built.
    """

    nodes: np.ndarray
    frames: np.ndarray
    sections: Section | Sequence[Section]
    law: Law
    natural_curvature: np.ndarray | None = None


def join(points: np.ndarray, strands: Sequence[Strand]) -> tuple[RodNetwork, Pose]:
    """Join strands rigidly where they share nodes; `points` [m] has shape (n, 3).

    A node takes the frame of the first strand that comes by. Without a natural curvature a strand is free of stress as built;
    with one, its elements are as long at rest as built.

    Raises
    ------
    ValueError
        If a point belongs to no strand, or two neighbours coincide.
    """
    rotation = np.zeros((len(points), 4))
    turns = from_matrices(np.concatenate([strand.frames for strand in strands]))
    frames = np.split(turns, np.cumsum([len(strand.nodes) for strand in strands])[:-1])
    for strand, turn in zip(reversed(strands), reversed(frames), strict=True):
        rotation[strand.nodes] = turn
    lone = np.flatnonzero(~rotation.any(1))
    if len(lone):
        raise ValueError(f"{len(lone)} of {len(points)} points belong to no strand; the first is {lone[0]}. Leave them out.")
    elements = np.concatenate([np.stack([s.nodes[:-1], s.nodes[1:]], 1) for s in strands])
    ends = []
    for strand, turn in zip(strands, frames, strict=True):
        own = quaternion_product(inverse(rotation[strand.nodes]), turn)
        ends.append(np.stack([own[:-1], own[1:]], 1))
    length = np.linalg.norm(points[elements[:, 1]] - points[elements[:, 0]], axis=1)
    if not length.all():
        worst = elements[np.argmin(length)]
        raise ValueError(f"Points {worst[0]} and {worst[1]}, neighbours on a strand, coincide. Leave one out.")
    sections, section_of = _numbered([_each(s.sections, len(s.nodes) - 1) for s in strands])
    laws, law_of = _numbered([[s.law] * (len(s.nodes) - 1) for s in strands])
    rest = np.zeros((len(elements), 6))
    network = RodNetwork(
        len(points), elements, np.concatenate(ends), length, rest, tuple(sections), section_of, tuple(laws), law_of
    )
    pose = Pose(points.astype(float), rotation)
    built, start = network.middle(pose).strain, 0
    for strand in strands:
        rows = slice(start, start + len(strand.nodes) - 1)
        start = rows.stop
        if strand.natural_curvature is None:
            rest[rows] = built[rows]
        else:
            rest[rows, 3:] = strand.natural_curvature
    return dataclasses.replace(network, rest_strain=rest), pose


def wire(
    points: np.ndarray,
    section: Section | Sequence[Section],
    law: Law,
    *,
    width_direction: np.ndarray | None = None,
    natural_curvature: np.ndarray | None = None,
) -> tuple[RodNetwork, Pose]:
    """A wire through points [m], shape (n, 3), with frames that do not twist along it.

    `section` may hold one for each element: a taper, a tip. `natural_curvature` [1/m], shape (3,) or (n − 1, 3), is the
    curvature it would have if left alone (zero for a straight wire); None for free of stress as built.
    """
    nodes = np.arange(len(points))
    frames = parallel_frames(points, width_direction=width_direction)
    return join(points, [Strand(nodes, frames, section, law, natural_curvature)])


def straight_wire(
    start: np.ndarray, end: np.ndarray, count: int, section: Section | Sequence[Section], law: Law, **options
) -> tuple[RodNetwork, Pose]:
    """A straight wire of `count` elements between two points [m]; `options` are those of `wire`."""
    share = np.linspace(0.0, 1.0, count + 1)[:, None]
    return wire((1.0 - share) * np.asarray(start, float) + share * np.asarray(end, float), section, law, **options)


def helix(
    radius: float, pitch: float, turns: float, count: int, section: Section | Sequence[Section], law: Law, **options
) -> tuple[RodNetwork, Pose]:
    """A helix about the z axis of a radius and a pitch [m]; `options` are those of `wire`."""
    angle = np.linspace(0.0, 2.0 * np.pi * turns, count + 1)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle), pitch * angle / (2.0 * np.pi)], 1)
    return wire(points, section, law, **options)


def closed_ring(
    radius: float, count: int, section: Section, law: Law, *, straight: bool = False, twist: float = 0.0
) -> tuple[RodNetwork, Pose]:
    """A closed ring about the z axis, width along it.

    `straight` makes it of wire that would be straight if left alone, `twist` [rad] turns the wire's ends against each other
    about itself before they are joined; the twist is shared out evenly. Both need sections that are the same all round.
    """
    angle = 2.0 * np.pi * np.arange(count) / count
    zero, one = np.zeros(count), np.ones(count)
    outward = np.stack([np.cos(angle), np.sin(angle), zero], 1)
    along = np.stack([-np.sin(angle), np.cos(angle), zero], 1)
    frames = np.stack([np.stack([zero, zero, one], 1), -outward, along], 2)
    # Columns must form a right-handed frame: width × thickness = along.
    frames[:, :, 1] = np.cross(along, frames[:, :, 0])
    spun = to_matrices(from_vectors(np.stack([zero, zero, twist * np.arange(count) / count], 1)))
    frames = frames @ spun
    closing = frames[0] @ to_matrices(from_vectors(np.array([[0.0, 0.0, twist]])))[0]
    nodes = np.append(np.arange(count), 0)
    frames = np.concatenate([frames, closing[None]])
    curvature = np.zeros(3) if straight else None
    strand = Strand(nodes, frames, section, law, curvature)
    network, pose = join(radius * outward, [strand])
    if not straight:
        rest = network.rest_strain.copy()
        rest[:, 5] = 0.0
        network = dataclasses.replace(network, rest_strain=rest)
    return network, pose


def with_joints(network: RodNetwork, pose: Pose, pairs: np.ndarray, joint: Joint) -> RodNetwork:
    """The network with springs between pairs of nodes, shape (j, 2), at rest in this pose."""
    count = len(pairs)
    turned = quaternion_product(inverse(pose.rotation[pairs[:, 1]]), pose.rotation[pairs[:, 0]])
    ends = np.stack([np.tile([1.0, 0.0, 0.0, 0.0], (count, 1)), turned], 1)
    joined = dataclasses.replace(
        network,
        elements=np.concatenate([network.elements, pairs]),
        end_rotations=np.concatenate([network.end_rotations, ends]),
        rest_length=np.append(network.rest_length, np.ones(count)),
        rest_strain=np.concatenate([network.rest_strain, np.zeros((count, 6))]),
        sections=(*network.sections, joint),
        section_of=np.append(network.section_of, np.full(count, len(network.sections))),
        laws=(*network.laws, LinearElastic(1.0)),
        law_of=np.append(network.law_of, np.full(count, len(network.laws))),
    )
    rest = joined.rest_strain.copy()
    rest[-count:] = joined.middle(pose).strain[-count:]
    return dataclasses.replace(joined, rest_strain=rest)


def parallel_frames(points: np.ndarray, *, width_direction: np.ndarray | None = None) -> np.ndarray:
    """Frames along a polyline [m] that turn only as its tangent does, shape (n, 3, 3).

    The first width points as nearly as may be along `width_direction`, any one if None.
    """
    edge = np.diff(points, axis=0)
    edge = edge / np.linalg.norm(edge, axis=1, keepdims=True)
    tangent = np.concatenate([edge[:1], edge[:-1] + edge[1:], edge[-1:]])
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    if width_direction is None:
        width_direction = np.eye(3)[np.argmin(np.abs(tangent[0]))]
    width = np.asarray(width_direction, float) - tangent[0] * (tangent[0] @ width_direction)
    frames = np.empty((len(points), 3, 3))
    for row, along in enumerate(tangent):
        if row:
            # Two reflections carry the width over without twist (Wang et al. 2008, doi:10.1145/1330511.1330513).
            chord = edge[row - 1]
            width = width - 2.0 * chord * (chord @ width)
            before = tangent[row - 1] - 2.0 * chord * (chord @ tangent[row - 1])
            mirror = along - before
            size2 = mirror @ mirror
            if size2 > 0.0:
                width = width - 2.0 * mirror * (mirror @ width) / size2
        width = width - along * (along @ width)
        width /= np.linalg.norm(width)
        frames[row] = np.stack([width, np.cross(along, width), along], 1)
    return frames


def _each(sections: Section | Sequence[Section], count: int) -> list[Section]:
    if isinstance(sections, Section):
        return [sections] * count
    if len(sections) != count:
        raise ValueError(f"{len(sections)} sections for {count} elements; give one, or one for each.")
    return list(sections)


def _numbered(parts: Sequence[Sequence]) -> tuple[list, np.ndarray]:
    """The different objects in order, and the number of each element's own."""
    known: dict[int, int] = {}
    objects, which = [], []
    for thing in (thing for part in parts for thing in part):
        if id(thing) not in known:
            known[id(thing)] = len(objects)
            objects.append(thing)
        which.append(known[id(thing)])
    return objects, np.array(which)
