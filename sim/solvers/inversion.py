"""Which elements are inside out, and how to say where one is."""

import numpy as np
import taichi as ti

from sim import elements
from sim.arrays import zeros
from sim.model import Model
from sim.state import State


def jacobians(model: Model, state: State) -> np.ndarray:
    """J of each element, shape (m,)."""
    change = zeros(model.tet_count, ti.f32)
    elements.jacobians(model.tet_count, model.tets, model.edges_inverse, state.displacement, change)
    return change.to_numpy()


def whereabouts(model: Model, tet: int) -> str:
    """A tet's number and the middle of its place at rest, for a message."""
    place = model.body.vertices[model.body.tets[tet]].mean(0) * 1e3
    return f"tet {tet} at ({place[0]:.1f}, {place[1]:.1f}, {place[2]:.1f}) mm"
