"""Bring a body to rest under a load and say what it took, for the tests that compare a figure with a reference."""

import dataclasses
import time
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import root_scalar

from sim.body import Body, Support
from sim.command import Command
from sim.device import DeviceBody
from sim.materials.material import Material
from sim.model import Model, build_model
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.settings import Settings, TickReport
from sim.state import State, new_state
from tests.verification.bodies import Solid

NOTHING = np.zeros((0, 3), int)


def made_of(
    solid: Solid,
    *laws: Material,
    law_of_tet: np.ndarray | None = None,
    held: np.ndarray | None = None,
    frames: np.ndarray | None = None,
    surfaces: Mapping[str, np.ndarray] | None = None,
    lumen: np.ndarray = NOTHING,
    **more,
) -> Body:
    """A body of this shape; `held` tells which vertices do not move, shape (n,), and `more` is Body's."""
    return Body(
        vertices=solid.vertices,
        tets=solid.tets,
        laws=laws,
        law_of_tet=np.zeros(len(solid.tets), int) if law_of_tet is None else law_of_tet,
        lumen=lumen,
        held=np.flatnonzero(held) if held is not None else np.zeros(0, int),
        frames=frames,
        surfaces=surfaces or {},
        **more,
    )


def mirrors(body: Body, solid: Solid, sides: Sequence[np.ndarray], *, scale: float) -> Body:
    """The body with planes of symmetry where `sides` tell which vertices lie in one, each shape (n,).

    A plane is a support a thousand times as stiff as a cell of its mesh: `scale` is the tissue's stiffness per edge [Pa/m].
    """
    planes = {f"mirror {number}": solid.faces(side) for number, side in enumerate(sides)}
    supports = tuple(Support(name, 1e3 * scale) for name in planes)
    return dataclasses.replace(body, surfaces={**body.surfaces, **planes}, supports=(*body.supports, *supports))


@dataclasses.dataclass
class Bench:
    """One model with its solver and state, and the time and steps that it has taken."""

    model: Model
    solver: ImplicitSolver
    state: State
    last: Command = dataclasses.field(default_factory=Command)
    report: TickReport | None = None
    seconds: float = 0.0
    newton_steps: int = 0
    linear_iterations: int = 0

    @staticmethod
    def of(body: Body, settings: Settings | None = None, device: DeviceBody | None = None) -> "Bench":
        """A bench with the body at rest on it, and a device if one is given."""
        model = build_model(body, device)
        return Bench(model, ImplicitSolver(model, settings), new_state(model))

    def settle(self, command: Command) -> np.ndarray:
        """Displacement [m], shape (n, 3), at rest under a command, sought from where the last one ended."""
        begun = time.perf_counter()
        self.report = self.solver.solve(self.state, command, start=self.last)
        self.seconds += time.perf_counter() - begun
        self.newton_steps += self.report.newton_steps
        self.linear_iterations += self.report.linear_iterations
        self.last = command
        return self.displacement

    @property
    def displacement(self) -> np.ndarray:
        """Displacement [m], shape (n, 3)."""
        return self.state.displacement.to_numpy().astype(float)

    def tell(self, case: str, figure: float, reference: float, unit: str, *, change: float | None = None) -> float:
        """Print a figure beside its reference and return the error, as a share of `change` if given, else of the reference."""
        error = (figure - reference) / (reference if change is None else change)
        residual = self.report.residual if self.report else 0.0
        print(
            f"{case}: {figure:.5g} {unit} against {reference:.5g}, {100.0 * error:+.2f} %; {self.model.tet_count:,} tets, "
            f"{self.seconds:.1f} s, {self.newton_steps} Newton steps, {self.linear_iterations} PCG, residual {residual:.1e}"
        )
        return error


def order(errors: Sequence[float], sizes: Sequence[float]) -> float:
    """Exponent p of error ∝ sizeᵖ, fitted to all."""
    return float(np.polyfit(np.log(sizes), np.log(np.abs(errors)), 1)[0])


def order_to_limit(figures: Sequence[float], sizes: Sequence[float]) -> float:
    """Exponent p of figure = limit + c sizeᵖ through three of them, whatever the limit."""
    steps = (figures[0] - figures[1]) / (figures[1] - figures[2])

    def off(power: float) -> float:
        a, b, c = (size**power for size in sizes)
        return (a - b) / (b - c) - steps

    return float(root_scalar(off, bracket=(0.01, 20.0)).root)
