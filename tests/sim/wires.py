"""Vessels and wires for the tests of what is pushed in: a straight tube and an arch, round sections, rigid or soft."""

import dataclasses

import numpy as np

from sim.body import Body
from sim.device import DeviceBody
from sim.rods.laws import LinearElastic
from sim.rods.sections import circular
from sim.tray import WireShape, fed_wire
from tests.sim.tubes import Grid, tube, vessel

STRAIGHT, ARCH_RADIUS = 0.06, 0.04
"""Length of the arch's two straight ends and radius of its middle line [m]."""

THICK = 0.889e-3
"""Diameter of a wire of 0.035 in [m]."""


def arch(*, bore: float = 0.012, wall: float = 0.002, around: int = 16, along: int = 60, rigid: bool) -> Body:
    """A tube that goes up, turns by half a circle towards x and comes down again; it begins at the origin along z."""
    turn = np.pi * ARCH_RADIUS
    grid = tube(bore=bore, outer=bore + wall, length=2.0 * STRAIGHT + turn, around=around, through=1, along=along)
    x, y, z = grid.vertices.T
    angle = np.clip(z - STRAIGHT, 0.0, turn) / ARCH_RADIUS
    beyond = np.maximum(z - STRAIGHT - turn, 0.0)
    line = np.stack([ARCH_RADIUS * (1.0 - np.cos(angle)), 0.0 * z, np.minimum(z, STRAIGHT) + ARCH_RADIUS * np.sin(angle)], 1)
    outward = np.stack([np.cos(angle), 0.0 * z, -np.sin(angle)], 1)
    line[:, 2] -= beyond
    vertices = line + x[:, None] * outward + y[:, None] * np.array([0.0, 1.0, 0.0])
    return _vessel(dataclasses.replace(grid, vertices=vertices), rigid=rigid)


def straight(*, bore: float, length: float, rigid: bool = True) -> Body:
    """A straight tube about z from the origin."""
    grid = tube(bore=bore, outer=1.3 * bore, length=length, around=16, through=1, along=40)
    return _vessel(grid, rigid=rigid)


def _vessel(grid: Grid, *, rigid: bool) -> Body:
    body = vessel(grid)
    return dataclasses.replace(body, held=np.arange(len(grid.vertices)) if rigid else body.held, kept=1.0)


def wire(
    name: str = "wire",
    *,
    young: float = 9.5e9,
    diameter: float = THICK,
    length: float = 0.32,
    count: int = 120,
    inside: float = 0.01,
    curl: float = 0.0,
) -> DeviceBody:
    """A round wire along z whose tip lies `inside` [m]; `curl` [1/m] is the natural curvature of its last 20 mm, towards −y."""
    curvature = np.zeros((count, 3))
    curvature[round(count * (1.0 - 0.02 / length)) :, 0] = curl
    shape = WireShape(circular(diameter), LinearElastic(young), 0.5 * diameter, length, count, curvature)
    return fed_wire(name, shape, entry=np.zeros(3), direction=np.array([0.0, 0.0, 1.0]), inside=inside)
