"""Wires and catheters ready to be pushed in, and several devices as one."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from sim.balloon import GuidedBalloon
from sim.device import COAXIAL_FRICTION, DeviceBody, Feed, Mounted, Nested, Sleeve
from sim.rods.builders import straight_wire
from sim.rods.laws import Law
from sim.rods.network import Pose, RodNetwork
from sim.rods.sections import Section

NODE_DRAG = 0.02
"""Resistance of a wire's node against moving [N·s/m]: blood and the hand, unverified; enough for a snap to take some ticks."""


@dataclasses.dataclass(frozen=True)
class WireShape:
    """A wire or catheter as rods.

    Attributes
    ----------
    sections
        Of each element from the proximal to the distal end, or one for all.
    law
        Its material.
    outer_radius
        Of what touches the wall [m].
    length
        [m].
    count
        Number of elements.
    natural_curvature
        Of each element, were it left alone, about its two cross axes and its own [1/m], shape (count, 3).
    """

    sections: Section | Sequence[Section]
    law: Law
    outer_radius: float
    length: float
    count: int
    natural_curvature: np.ndarray | None = None


def fed_wire(name: str, shape: WireShape, *, entry: np.ndarray, direction: np.ndarray, inside: float) -> DeviceBody:
    """A wire that lies straight in its guide, its tip `inside` [m] beyond the entry.

    Raises
    ------
    ValueError
        If it is shorter than what is to lie inside.
    """
    if not 0.0 <= inside < shape.length:
        raise ValueError(f"{name} is {shape.length:g} m long and cannot begin with {inside:g} m inside; give less.")
    direction = np.asarray(direction, float) / np.linalg.norm(direction)
    entry = np.asarray(entry, float)
    start, end = entry - (shape.length - inside) * direction, entry + inside * direction
    curvature = np.zeros((shape.count, 3)) if shape.natural_curvature is None else shape.natural_curvature
    rods, pose = straight_wire(start, end, shape.count, shape.sections, shape.law, natural_curvature=curvature)
    nodes = np.arange(shape.count + 1)
    return DeviceBody(
        rods=rods,
        pose=pose,
        sample_nodes=np.concatenate([np.stack([nodes, nodes], 1), rods.elements]),
        sample_along=np.concatenate([np.zeros(len(nodes)), np.full(shape.count, 0.5)]),
        sample_radius=np.full(2 * shape.count + 1, shape.outer_radius),
        drag=np.full(len(nodes), NODE_DRAG),
        feeds=(Feed(name, nodes, entry, direction),),
    )


def bare_balloon(name: str, balloon: GuidedBalloon) -> DeviceBody:
    """A balloon without a stent, which presses on the wall alone; its catheter is its axis."""
    none = np.zeros(0, int)
    rods = RodNetwork(0, np.zeros((0, 2), int), np.zeros((0, 2, 4)), np.zeros(0), np.zeros((0, 6)), (), none, (), none)
    return DeviceBody(
        rods=rods,
        pose=Pose(np.zeros((0, 3)), np.zeros((0, 4))),
        sample_nodes=np.zeros((0, 2), int),
        sample_along=np.zeros(0),
        sample_radius=np.zeros(0),
        drag=np.zeros(0),
        balloons=(Mounted(name, balloon, np.zeros(0)),),
    )


def together(
    devices: Sequence[DeviceBody], sleeves: Sequence[tuple[str, str, float]] = (), *, friction: float = COAXIAL_FRICTION
) -> DeviceBody:
    """Several devices as one; `sleeves` name an inner and an outer feed and their clearance [m].

    `friction` is Coulomb's coefficient between the two of each sleeve.

    Raises
    ------
    ValueError
        If two balloons, two feeds or two sheaths share a name, a sleeve names a feed that is not there, or friction is negative.
    """
    first = np.concatenate([[0], np.cumsum([one.node_count for one in devices])])
    total, placed = int(first[-1]), list(zip(devices, first, strict=False))
    balloons = tuple(_mounted_from(mounted, start, total) for one, start in placed for mounted in one.balloons)
    _require_names_apart("balloons", balloons)
    feeds = tuple(dataclasses.replace(feed, nodes=feed.nodes + start) for one, start in placed for feed in one.feeds)
    named = {feed.name: feed for feed in feeds}
    _require_names_apart("devices", feeds)
    sheaths = tuple(dataclasses.replace(sheath, nodes=sheath.nodes + start) for one, start in placed for sheath in one.sheaths)
    _require_names_apart("sheaths", sheaths)
    for inner, outer, _ in sleeves:
        for name in (inner, outer):
            if name not in named:
                raise ValueError(f"A sleeve names {name!r}, but the tray holds {', '.join(named) or 'nothing'}.")
    sample_nodes = np.concatenate([one.sample_nodes + start for one, start in placed])
    sample_radius = np.concatenate([one.sample_radius for one in devices])
    radius = {name: float(sample_radius[np.isin(sample_nodes[:, 0], feed.nodes)].max()) for name, feed in named.items()}
    return DeviceBody(
        rods=merged([one.rods for one in devices]),
        pose=Pose(
            np.concatenate([one.pose.position for one in devices]), np.concatenate([one.pose.rotation for one in devices])
        ),
        sample_nodes=sample_nodes,
        sample_along=np.concatenate([one.sample_along for one in devices]),
        sample_radius=sample_radius,
        drag=np.concatenate([one.drag for one in devices]),
        filling_drag=np.concatenate(
            [np.zeros(one.node_count) if one.filling_drag is None else one.filling_drag for one in devices]
        ),
        balloons=balloons,
        feeds=feeds,
        sleeves=tuple(
            Sleeve(named[inner].nodes, named[outer].nodes, gap, radius[inner], friction) for inner, outer, gap in sleeves
        ),
        sheaths=sheaths,
        entering=tuple(
            dataclasses.replace(waiting, nodes=waiting.nodes + start)
            for one, start in zip(devices, first, strict=False)
            for waiting in one.entering
        ),
        nested=tuple(_nested_from(nested, start) for one, start in zip(devices, first, strict=False) for nested in one.nested),
        membranes=tuple(
            dataclasses.replace(sheet, triangles=sheet.triangles + start)
            for one, start in zip(devices, first, strict=False)
            for sheet in one.membranes
        ),
        carried=tuple(dataclasses.replace(one, nodes=one.nodes + start) for part, start in placed for one in part.carried),
        sample_friction=_frictions(devices),
        # Laws are numbered device after device, and so histories stand one after the other.
        history=np.concatenate([one.first_history for one in devices]),
    )


def _require_names_apart(kind: str, named: Sequence[Any]) -> None:
    if len({one.name for one in named}) < len(named):
        raise ValueError(f"Two {kind} share a name among {', '.join(one.name for one in named)}; give each its own.")


def _frictions(devices: Sequence[DeviceBody]) -> np.ndarray | None:
    """Friction of all points against the wall; None where no device tells its own.

    Raises
    ------
    ValueError
        If some devices tell it and others do not.
    """
    told = [one.sample_friction for one in devices if len(one.sample_nodes)]
    if not any(one is not None for one in told):
        return None
    if any(one is None for one in told):
        raise ValueError("Some devices tell their friction on the wall and others do not; let all or none of them tell it.")
    return np.concatenate(told)  # pyright: ignore[reportArgumentType, reportCallIssue]
def _mounted_from(mounted: Mounted, start: int, total: int) -> Mounted:
    """A balloon whose device's nodes are numbered from `start` among so many in all."""
    gap = mounted.gap
    return dataclasses.replace(
        mounted,
        share=_padded(mounted.share, start, total),
        gap=_padded(gap, start, total) if isinstance(gap, np.ndarray) else gap,
        layers=tuple(nodes + start for nodes in mounted.layers),
        fabric=mounted.fabric + start,
    )


def _nested_from(nested: Nested, start: int) -> Nested:
    """Rods that open within others, whose nodes are numbered from `start`."""
    pairs = ("inner", "outer", "inner_fabric", "outer_fabric")
    return dataclasses.replace(nested, **{name: getattr(nested, name) + start for name in pairs})


def _padded(share: np.ndarray, start: int, total: int) -> np.ndarray:
    whole = np.zeros(total)
    whole[start : start + len(share)] = share
    return whole


def merged(networks: Sequence[RodNetwork]) -> RodNetwork:
    """Several networks side by side as one."""
    nodes, sections, laws = (np.cumsum([0, *sizes]) for sizes in zip(*_sizes(networks), strict=True))
    return RodNetwork(
        node_count=int(nodes[-1]),
        elements=np.concatenate([one.elements + start for one, start in zip(networks, nodes, strict=False)]),
        end_rotations=np.concatenate([one.end_rotations for one in networks]),
        rest_length=np.concatenate([one.rest_length for one in networks]),
        rest_strain=np.concatenate([one.rest_strain for one in networks]),
        sections=tuple(section for one in networks for section in one.sections),
        section_of=np.concatenate([one.section_of + start for one, start in zip(networks, sections, strict=False)]),
        laws=tuple(law for one in networks for law in one.laws),
        law_of=np.concatenate([one.law_of + start for one, start in zip(networks, laws, strict=False)]),
    )


def _sizes(networks: Sequence[RodNetwork]) -> list[tuple[int, int, int]]:
    return [(one.node_count, len(one.sections), len(one.laws)) for one in networks]
