"""The shape that tissue would have without blood pressure, from its shape under pressure."""

import dataclasses
from collections.abc import Callable

import numpy as np

from sim.arrays import put, vec3d
from sim.body import Body, ModelError
from sim.command import Command
from sim.model import build_model
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.settings import DivergedError, Settings
from sim.state import new_state


@dataclasses.dataclass(frozen=True)
class Unloaded:
    """What was found.

    Attributes
    ----------
    body
        The tissue in its unloaded shape.
    displacement
        From the unloaded shape to the shape under pressure [m], shape (n, 3).
    error
        Largest distance of the loaded shape from the shape that was imaged [m].
    """

    body: Body
    displacement: np.ndarray
    error: float


def unload(
    body: Body, *, blood_pressure: float, tolerance: float, limit: int = 12, progress: Callable[[float], None] | None = None
) -> Unloaded:
    """Find the rest shape that `blood_pressure` [Pa] inflates to the shape of `body`, within `tolerance` [m].

    The fixed-point iteration X ← X − (x(X) − x_imaged) of Sellier 2011, doi:10.1016/j.compstruc.2011.01.009, each step a
    static equilibrium. It stops early where a further step would turn an element inside out; the error then says by how much
    it fell short.

    Raises
    ------
    ModelError
        If the shape that was imaged cannot be simulated, or nothing holds it.
    """
    imaged = body.vertices
    best = Unloaded(body, np.zeros_like(imaged), np.inf)
    rest, displacement = imaged.copy(), np.zeros_like(imaged)
    settings = Settings(linear_tolerance=0.02, linear_limit=2000)
    for step in range(limit):
        if progress:
            progress(step / limit)
        try:
            displacement = _equilibrium(dataclasses.replace(body, vertices=rest), displacement, blood_pressure, settings)
        except ModelError:
            # What was imaged cannot be simulated at all; later it is a step of the search that went too far.
            if step == 0:
                raise
            break
        except DivergedError:
            break
        off = rest + displacement - imaged
        error = float(np.linalg.norm(off, axis=1).max())
        if error < best.error:
            best = Unloaded(dataclasses.replace(body, vertices=rest), displacement, error)
        if error <= tolerance or error > 2.0 * best.error:
            break
        rest = rest - off
        displacement = imaged - rest
    return best


def _equilibrium(body: Body, start: np.ndarray, blood_pressure: float, settings: Settings) -> np.ndarray:
    """Displacement [m] at which the tissue balances the pressure, sought from `start`."""
    model = build_model(body)
    state = new_state(model)
    state.displacement = put(start, vec3d)
    ImplicitSolver(model, settings).solve(state, Command(blood_pressure=blood_pressure))
    return state.displacement.to_numpy()
