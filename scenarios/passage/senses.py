"""Senses: what a hand feels and sees of its wires at a moment."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from scenarios.measures.stations import stations_of

if TYPE_CHECKING:
    from meshing.centrelines import Path
    from sim.model import Model
    from sim.solvers.implicit import ImplicitSolver
    from sim.state import State

TIP_MM = 10.0
"""Length of a wire's distal end whose force on the wall counts as the tip's; own choice."""


@dataclasses.dataclass(frozen=True)
class Senses:
    """What is known of each wire, by the name that a script has for it.

    Attributes
    ----------
    tip_mm
        Where its foremost point is along the way: of a J the bend, not the end that curls back.
    tip_force_n
        What its distal 10 mm press on the wall [N], sizes summed.
    wall_force_n
        What all of it presses on the wall [N], sizes summed.
    """

    tip_mm: Mapping[str, float]
    tip_force_n: Mapping[str, float]
    wall_force_n: Mapping[str, float]


def sense(model: "Model", solver: "ImplicitSolver", state: "State", path: "Path") -> Senses:
    """What is felt after the tick that led to a state."""
    assert model.device is not None
    force = solver.contact_readings()[0]
    position = state.device_position + model.origin
    nodes = model.device.sample_nodes[:, 0]
    tip, tip_force, wall_force = {}, {}, {}
    for feed in model.device.feeds:
        line = position[feed.nodes]
        from_tip = np.append(np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1)[::-1])[::-1], 0.0)
        of_node = np.full(model.node_count, np.inf)
        of_node[feed.nodes] = from_tip
        own = np.isfinite(of_node[nodes])
        tip[feed.name] = float(stations_of(path, 1e3 * line).max())
        wall_force[feed.name] = float(force[own].sum())
        tip_force[feed.name] = float(force[own & (of_node[nodes] <= 1e-3 * TIP_MM)].sum())
    return Senses(tip, tip_force, wall_force)
