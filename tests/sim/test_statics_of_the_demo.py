"""The demo's own vessel under the pressure of its blood, against the float64 Newton on the same mesh."""

import numpy as np
import pytest

from meshing.sections import sections_along
from scenarios.case import Case
from scenarios.plan import plan_case
from sim.command import Command
from sim.model import build_model
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.settings import Settings
from sim.state import new_state
from tests.sim.twin import Twin

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def loaded() -> tuple[Case, np.ndarray]:
    """The embedded case and the twin's displacement of its wall under blood pressure [m]."""
    case = plan_case("iliac")
    assert len(case.mesh.tets) >= 20_000
    return case, Twin(case.body()).equilibrium(case.blood_pressure_pa)


def diameters(case: Case, u: np.ndarray) -> np.ndarray:
    """Smallest, largest and area-equivalent diameter of the lumen's cross-sections [mm], shape (40, 3)."""
    stations = np.linspace(2.0, case.path.length - 2.0, 40)
    found = sections_along(case.mesh.vertices + 1e3 * u, case.mesh.face_sets["lumen"], case.path, stations)
    return np.array([(one.min_diameter, one.max_diameter, 2.0 * np.sqrt(one.area / np.pi)) for one in found if one])


@pytest.mark.parametrize(
    ("settings", "ticks", "bound"),
    [
        pytest.param(Settings(static_residual_bound=3e-5, linear_tolerance=0.01), 0, 1e-5, id="static"),
        pytest.param(Settings(dt=1e3, newton_limit=30, residual_bound=1e-4, linear_tolerance=0.01), 2, 1e-5, id="long ticks"),
        pytest.param(Settings(), 20, 1e-3, id="as a rehearsal ticks"),
    ],
)
def test_lumen_diameters_are_the_float64_newtons(loaded, settings, ticks, bound):
    case, exact = loaded
    model = build_model(case.body())
    state, solver = new_state(model), ImplicitSolver(model, settings)
    if ticks == 0:
        solver.solve(state, Command(blood_pressure=case.blood_pressure_pa))
    for _ in range(ticks):
        solver.step(state, Command(blood_pressure=case.blood_pressure_pa))
    rest, ours, theirs = (diameters(case, u) for u in (0.0 * exact, state.displacement.to_numpy(), exact))
    assert len(rest) == len(ours) == len(theirs) == 40
    off = np.abs(ours / theirs - 1.0).max()
    widened = 100.0 * (theirs / rest - 1.0).max()
    print(f"{model.tet_count:,} tets widen by up to {widened:.1f} %; largest error of a diameter {off:.1e}")
    assert off < bound
