"""What wraps a law, in the engine: stress that relaxes, resists speed, or is made by muscle."""

import dataclasses

import numpy as np
import pytest

from sim.body import Body
from sim.command import Command, Motion
from sim.materials.active import Active
from sim.materials.material import Material
from sim.materials.relaxing import Relaxing
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.materials.viscous import Viscous
from sim.model import build_model
from sim.readings import cauchy_stress
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.settings import Settings
from sim.state import new_state
from tests.sim.tubes import Grid, block

LAW = StableNeoHookean.from_young(30.0e3, 0.3, 1.0)
SETTINGS = Settings(dt=0.05, newton_limit=20, residual_bound=1e-6, linear_tolerance=1e-3)


def bar(law: Material, *, cells: int = 4) -> tuple[Grid, Body]:
    """A light bar of 20 × 10 × 10 mm, so many cells long, held at x = 0; its other end is the patch "end"."""
    grid = block(size=(0.02, 0.01, 0.01), count=(cells, 2, 2))
    body = Body(
        vertices=grid.vertices,
        tets=grid.tets,
        laws=(law,),
        law_of_tet=np.zeros(len(grid.tets), int),
        lumen=np.zeros((0, 3), int),
        held=grid.side(0, 0),
        frames=np.broadcast_to(np.eye(3), (len(grid.tets), 3, 3)).copy(),
        patches={"end": grid.side(0, 1)},
    )
    return grid, body


def pulls(law: Material, ways: list[float], *, axis: int = 0, cells: int = 4) -> np.ndarray:
    """Force on the end along an axis [N] after each tick that puts it so far along it [m]."""
    grid, body = bar(law, cells=cells)
    model = build_model(body)
    state, solver, found = new_state(model), ImplicitSolver(model, SETTINGS), []
    for way in ways:
        x, y, z = (float(one) for one in way * np.eye(3)[axis])
        solver.step(state, Command(moves={"end": Motion(translation=(x, y, z))}))
        found.append(solver.held_forces(state)[grid.side(0, 1), axis].sum())
    return np.array(found)


def test_relaxing_stress_decays_to_that_of_the_law_within():
    """Sheared within a tick of length h and held: g δ more than in the end at first, then less by exp(−h/τ) a tick.

    The bar is one cell long, so that all of it is put where it is, and simple shear, so that no volume changes.
    """
    share, time, h = 0.6, 0.4, SETTINGS.dt
    found = pulls(Relaxing(LAW, share, time), [1e-3] * 60, axis=1, cells=1)
    over = found / pulls(LAW, [1e-3], axis=1, cells=1)[0] - 1.0
    rest = share * (1.0 - np.exp(-h / time)) * time / h * np.exp(-h / time * np.arange(60))
    np.testing.assert_allclose(over, rest, atol=2e-6)


def test_viscosity_resists_speed_alone():
    still = pulls(LAW, [1e-3] * 4)[-1]
    found = pulls(Viscous(LAW, 2.0e3), [5e-4, 1e-3, 1e-3, 1e-3, *([1e-3] * 30)])
    assert found[1] > 1.3 * still
    assert found[-1] == pytest.approx(still, rel=1e-3)


def test_active_fibres_pull_in_proportion_to_activation():
    """With the end held nothing moves along the fibre, and the end bears the tension on its face."""
    tension = 5.0e3
    grid, body = bar(Active(LAW, tension))
    body = dataclasses.replace(body, held=np.arange(len(grid.vertices)), patches={})
    model = build_model(body)
    for activation in (0.5, 1.0):
        state, solver = new_state(model), ImplicitSolver(model, SETTINGS)
        solver.step(state, Command(activation=activation))
        force = solver.held_forces(state)[grid.side(0, 1), 0].sum()
        assert force == pytest.approx(activation * tension * 1e-4, rel=1e-5)
        stress = cauchy_stress(body, state.displacement.to_numpy(), activation=activation)
        np.testing.assert_allclose(stress[:, 0, 0], activation * tension, rtol=1e-6)
        np.testing.assert_allclose(stress[:, 1, 1], 0.0, atol=1e-3)
