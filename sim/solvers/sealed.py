"""Blood about fabric: where a sleeve lies against the wall all around at two places, what is behind it between them is sealed.

There the wall bears the pressure of the sac alone, a share of the blood's, and the fabric bears the difference. Who is behind
and which way the fabric faces are told when a tick begins.
"""

import dataclasses

import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import KDTree

from sim.command import Command
from sim.device import Membrane
from sim.model import Model
from sim.solvers.device_parts import NodeBlocks
from sim.solvers.nested import unrolled
from sim.state import State

FARTHEST = 4.0
"""Distance from the axis up to which the lumen counts as about a sleeve, in radii of the sleeve."""

WIDEST = 2.0 * np.pi / 3.0
"""Widest angle between neighbouring vertices of a section that tells whether the sleeve lies against the wall all around."""

TURN = np.array([0.0, 2.0 * np.pi])


@dataclasses.dataclass(frozen=True)
class Sealed:
    """What fabric seals off.

    Attributes
    ----------
    relief
        By how much less than blood's the pressure is behind fabric at each vertex of the tissue [Pa], shape (n,).
    forces
        What that difference presses nodes of rods with [N], shape (k, 3).
    """

    relief: np.ndarray
    forces: np.ndarray


class SealedPart:
    """The forces of blood on fabric within one tick: their energy falls evenly as the nodes go their way."""

    def __init__(self, forces: np.ndarray, position: np.ndarray):
        self._forces, self._before = forces, position

    def evaluate(self, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy [J] and slope [N] at positions y [m], shape (n, 3)."""
        return -float((self._forces * (y - self._before)).sum()), -self._forces

    def stiffness(self, y: np.ndarray) -> NodeBlocks:
        """Second derivative: none."""
        return NodeBlocks(np.zeros((0, 1), int), np.zeros((0, 3, 3)))


def sealed_off(model: Model, state: State, command: Command) -> Sealed | None:
    """What fabric seals off when a tick begins; None where nothing is."""
    device = model.device
    sheets = [one for one in device.membranes if one.axis is not None] if device else []
    if device is None or not sheets or not command.blood_pressure > 0.0:
        return None
    points = model.body.vertices + state.displacement.to_numpy()
    nodes = state.device_position + model.origin
    waits, wall = device.waiting_nodes(command.held_back), np.unique(model.body.lumen)
    relief, forces = np.zeros(len(points)), np.zeros_like(nodes)
    for sheet in sheets:
        if waits[sheet.triangles[0, 0]]:
            continue
        less = (1.0 - sheet.sac_share) * command.blood_pressure
        behind, before = _sac(sheet, nodes, points[wall], model.mean_edge)
        relief[wall[behind]] = np.maximum(relief[wall[behind]], less)
        corner = nodes[sheet.triangles[before]]
        third = less / 6.0 * np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        np.add.at(forces, sheet.triangles[before], third[:, None])
    return Sealed(relief, forces) if relief.any() else None


def _sac(sheet: Membrane, nodes: np.ndarray, wall: np.ndarray, edge: float) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the lumen's vertices at `wall` [m], shape (v, 3), that a sleeve seals off, and of its triangles before them.

    `nodes` are the device's [m], `edge` is the tissue's mean edge [m], by which sections are divided.
    """
    assert sheet.axis is not None
    none = np.zeros(0, int)
    used = np.unique(sheet.triangles)
    every = np.concatenate([nodes[used], wall])
    place, off = unrolled(sheet.axis, every, np.arange(len(every)) < len(used))
    radius = np.linalg.norm(off, axis=1)
    middle = float(np.median(radius[: len(used)]))
    turns = np.concatenate([place[: len(used)] + shift * TURN for shift in (-1, 0, 1)]) * [1.0, middle]
    fabric = LinearNDInterpolator(turns, np.tile(radius[: len(used)], 3))(place[len(used) :] * [1.0, middle])
    gap = radius[len(used) :] - fabric - sheet.face
    beside = np.flatnonzero(np.isfinite(gap) & (radius[len(used) :] < FARTHEST * middle))
    at, away = place[len(used) :][beside], gap[beside] > 2.0 * sheet.face
    closed = _closed(at, away, 1.5 * edge)
    if len(closed) == 0:
        return none, none
    inner = away & (at[:, 0] > closed[0]) & (at[:, 0] < closed[-1])
    if not inner.any():
        return none, none
    own = place[np.searchsorted(used, sheet.triangles)]
    ahead = np.concatenate([at + shift * TURN for shift in (-1, 0, 1)]) * [1.0, middle]
    turned = np.remainder(own[:, :, 1] - own[:, :1, 1] + np.pi, 2.0 * np.pi) - np.pi
    centre = np.stack([own[:, :, 0].mean(axis=1), own[:, 0, 1] + turned.mean(axis=1)], 1) * [1.0, middle]
    nearest = KDTree(ahead).query(centre)[1] % len(at)
    return beside[inner], np.flatnonzero(inner[nearest])


def _closed(place: np.ndarray, away: np.ndarray, width: float) -> np.ndarray:
    """Stations [m] at the middles of those sections of a width [m] in which a sleeve lies against the wall all around.

    From stations [m] and angles [rad] of the lumen's vertices, shape (v, 2), and which of them it stands off from.
    """
    found = []
    number = np.floor((place[:, 0] - place[:, 0].min(initial=0.0)) / width).astype(int) if len(place) else np.zeros(0, int)
    for section in np.unique(number):
        own = number == section
        angle = np.sort(place[own, 1])
        widest = np.diff(np.append(angle, angle[0] + 2.0 * np.pi)).max()
        if not away[own].any() and widest < WIDEST:
            found.append(float(place[own, 0].mean()))
    return np.array(found)
