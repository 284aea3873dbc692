"""Which elements are inside out, and how to say where one is."""

import numpy as np
import taichi as ti

from sim import elements
from sim.arrays import zeros
from sim.model import Model
from sim.solvers.settings import DivergedError
from sim.state import State


def jacobians(model: Model, state: State) -> np.ndarray:
    """J of each element, shape (m,)."""
    change = zeros(model.tet_count, ti.f32)
    elements.jacobians(model.tet_count, model.tets, model.edges_inverse, state.displacement, change)
    return change.to_numpy()


def count_inverted(model: Model, jacobian: np.ndarray, *, tick: int, bound: float) -> int:
    """How many elements of J, shape (m,), are inside out; the law brings a few back, but many mean that the tick has failed.

    Raises
    ------
    DivergedError
        If they are more than a share `bound` of all, or one of them has turned by more than its own volume.
    """
    inverted = int(np.count_nonzero(~(jacobian > 0.0)))
    if inverted > max(1, bound * len(jacobian)) or not jacobian.min() > -1.0:
        raise DivergedError(
            f"The simulation diverged at tick {tick}: {inverted:,} elements are inside out, "
            f"{worst_element(model, jacobian)}. Take a smaller dt, a slower inflation or a finer mesh there."
        )
    return inverted


def worst_element(model: Model, jacobian: np.ndarray) -> str:
    """The element with the least J, of all, shape (m,), in words."""
    worst = int(np.argmin(np.where(np.isfinite(jacobian), jacobian, -np.inf)))
    return f"{whereabouts(model, worst)} has J = {jacobian[worst]:.3g}"


def whereabouts(model: Model, tet: int) -> str:
    """A tet's number and the middle of its place at rest, for a message."""
    place = model.body.vertices[model.body.tets[tet]].mean(0) * 1e3
    return f"tet {tet} at ({place[0]:.1f}, {place[1]:.1f}, {place[2]:.1f}) mm"
