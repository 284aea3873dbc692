"""Hands on wires and catheters: where a proximal end is to be, and a first guess of where the rest goes with it."""

import math

import numpy as np
from scipy.interpolate import CubicSpline

from sim.balloon import arc_lengths
from sim.body import ModelError
from sim.command import Command, Drive
from sim.device import DeviceBody, Feed
from sim.rods.network import Pose
from sim.rods.rotations import from_vectors, inverse, quaternion_product, to_vectors

LONGEST_PUSH = 0.5
"""How far a rod is advanced in one stage of a tick, as a share of its mean element; and how far turned [rad]."""


def held_degrees(device: DeviceBody) -> np.ndarray:
    """Which degrees of freedom hands hold: all of each feed's proximal node, shape (n, 6)."""
    held = np.zeros((device.node_count, 6), bool)
    for feed in device.feeds:
        held[feed.nodes[0]] = True
    return held


def check_drives(device: DeviceBody | None, command: Command) -> None:
    """Check that all that is driven is there.

    Raises
    ------
    ModelError
        If a drive names none of the device's feeds.
    """
    names = [feed.name for feed in device.feeds] if device else []
    for name in command.drives:
        if name not in names:
            there = ", ".join(names) or "nothing"
            raise ModelError(f"The command drives {name!r}, but the tray holds {there}; ask for one of these.")


def stages_of(device: DeviceBody, command: Command, origin: np.ndarray, pose: Pose) -> int:
    """In how many parts hands move rods, lest one pass through a wall unseen."""
    most = 1.0
    for feed in device.feeds:
        slide, turn = _asked(feed, command.drives.get(feed.name), device, origin, pose)
        most = max(most, abs(slide) / (LONGEST_PUSH * _spacing(feed, device)), abs(turn) / LONGEST_PUSH)
    return math.ceil(most)


def fed(device: DeviceBody, command: Command, origin: np.ndarray, pose: Pose, share: float) -> Pose:
    """The pose once each rod has slid along itself and turned about itself by a share of what is still asked.

    Its proximal end is then where the hand wants it; the rest is a guess to start from.
    """
    position, rotation = pose.position.copy(), pose.rotation.copy()
    for feed in device.feeds:
        slide, turn = (share * one for one in _asked(feed, command.drives.get(feed.name), device, origin, pose))
        if slide == 0.0 and turn == 0.0:
            continue
        nodes = feed.nodes
        points, moved, before, after = _slid(pose.position[nodes], slide, feed.direction)
        position[nodes] = moved
        bend = _least_turn(before, after)
        twist = from_vectors(turn * after)
        rotation[nodes] = quaternion_product(twist, quaternion_product(bend, pose.rotation[nodes]))
        position[nodes[0]] = points[0] + slide * feed.direction
        own = from_vectors(turn * feed.direction[None])
        rotation[nodes[0]] = quaternion_product(own, pose.rotation[nodes[:1]])[0]
    return Pose(position, rotation)


def _asked(feed: Feed, drive: Drive | None, device: DeviceBody, origin: np.ndarray, pose: Pose) -> tuple[float, float]:
    """How far a rod has still to slide [m] and turn [rad]; one that is not spoken of stays where it is."""
    if drive is None:
        return 0.0, 0.0
    first = feed.nodes[:1]
    advanced = float(((pose.position[first] + origin - device.pose.position[first]) @ feed.direction)[0])
    spun = to_vectors(quaternion_product(pose.rotation[first], inverse(device.pose.rotation[first])))
    turn = drive.turn - float((spun @ feed.direction)[0])
    # A proximal end forgets whole turns; a hand makes less than half a turn in a tick.
    return drive.advance - advanced, math.remainder(turn, 2.0 * math.pi)


def _spacing(feed: Feed, device: DeviceBody) -> float:
    points = device.pose.position[feed.nodes]
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).mean())


def _slid(points: np.ndarray, slide: float, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Points of a curve, where they come to lie when it slides along itself, and its directions before and after."""
    station = arc_lengths(points)
    curve = CubicSpline(station, points)
    asked = station + slide
    inside = np.clip(asked, 0.0, station[-1])
    tangents = [curve(place, 1) for place in (station, inside)]
    before, after = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in tangents)
    after = np.where((asked < 0.0)[:, None], direction, after)
    moved = curve(inside) + (asked - inside)[:, None] * after
    return points, moved, before, after


def _least_turn(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Quaternions of the least rotations that take unit vectors to others, shape (n, 4)."""
    axis = np.cross(before, after)
    sine = np.linalg.norm(axis, axis=1, keepdims=True)
    cosine = np.einsum("ni,ni->n", before, after)[:, None]
    return from_vectors(np.arctan2(sine, cosine) * axis / np.maximum(sine, 1e-300))

