"""What keeps tissue from being crushed: its energy by formula, forces and stiffness as its slopes, and a squeeze beyond κ."""

import dataclasses

import numpy as np
import pytest

from sim.arrays import put, vec3d
from sim.command import Command
from sim.elements import CRUSHED, HARDENING
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.materials.yeoh import Yeoh
from sim.model import build_model
from sim.readings import pressures
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.inversion import jacobians
from sim.solvers.settings import Settings
from sim.state import new_state
from tests.sim.test_elements import Evaluated, jumbled
from tests.sim.tubes import block

SOFT = StableNeoHookean.from_young(100e3, 0.45, 1200.0)


def squeezed(vertices: np.ndarray, share: float) -> np.ndarray:
    """Displacement [m] that leaves a share of the volume, alike in all directions."""
    return (np.cbrt(share) - 1.0) * (vertices - vertices.mean(0))


@pytest.mark.parametrize("share", [0.9, 0.45, 0.35, 0.2, 0.05])
@pytest.mark.parametrize("kept", [0.05, 1.0])
def test_energy_of_a_squeezed_block_is_that_of_the_formula(share, kept):
    """ψ = μ/2 (3 J^⅔ − 3) − μ (J − 1) + κ/2 (J − 1)² + κ C(J), whatever share of the volume is kept in the tets."""
    body = dataclasses.replace(jumbled("nowhere"), laws=(SOFT, SOFT), kept=kept)
    model = build_model(body)
    found = Evaluated(model).energy(squeezed(body.vertices, share))
    mu, kappa, over = SOFT.shear_modulus, SOFT.volume_stiffness, max(CRUSHED - share, 0.0)
    density = 1.5 * mu * (share ** (2.0 / 3.0) - 1.0) - mu * (share - 1.0) + 0.5 * kappa * (share - 1.0) ** 2
    density += kappa * HARDENING * over**3 / (3.0 * CRUSHED**2)
    volume = model.volume.to_numpy()[: model.tet_count].astype(float).sum()
    assert found == pytest.approx(density * volume, rel=1e-5)


@pytest.mark.parametrize("law", [SOFT, Yeoh(30.0e3, 60.0e3, 30.0e3, 1.0e6, 1100.0)], ids=["neo-Hookean", "Yeoh"])
def test_forces_and_stiffness_are_slopes_where_tissue_is_crushed(law):
    """Along random motions, within single precision; half of the tets have less than the share at which it begins."""
    body = dataclasses.replace(jumbled("nowhere"), laws=(law, law), kept=1.0)
    model, random = build_model(body), np.random.default_rng(3)
    engine, noise = Evaluated(model), 5e-5 * random.normal(size=body.vertices.shape)
    u = squeezed(body.vertices, 0.35) + noise
    state = new_state(model)
    state.displacement = put(u, vec3d)
    assert 0.3 < (jacobians(model, state) < CRUSHED).mean() < 0.95
    for _ in range(3):
        way = random.normal(size=u.shape)
        step = 1e-7
        slope = (engine.energy(u + step * way) - engine.energy(u - step * way)) / (2.0 * step)
        assert slope == pytest.approx(-float((engine.force(u) * way).sum()), rel=1e-4)
        bend = (engine.force(u + step * way) - engine.force(u - step * way)).ravel() / (2.0 * step)
        expected = -engine.stiffness(u) @ way.ravel()
        assert np.linalg.norm(bend - expected) < 2e-3 * np.linalg.norm(expected)


def test_a_pressure_beyond_the_bulk_modulus_turns_nothing_inside_out():
    """Three times κ on one side of a block that has nowhere to go: the quadratic term alone would give way without end."""
    grid = block(size=(4e-3, 4e-3, 4e-3), count=(4, 4, 4))
    sides = np.unique(np.concatenate([grid.side(axis, end) for axis, end in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0))]))
    body = dataclasses.replace(
        jumbled("nowhere"), vertices=grid.vertices, tets=grid.tets, laws=(SOFT,), law_of_tet=np.zeros(len(grid.tets), int),
        lumen=grid.faces(2, 1), held=sides, kept=1.0,
    )  # fmt: skip
    model = build_model(body)
    state, pressure = new_state(model), 3.0 * SOFT.volume_stiffness
    solver = ImplicitSolver(model, Settings(newton_limit=40))
    for tick in range(10):
        report = solver.step(state, Command(blood_pressure=pressure * (tick + 1) / 10))
        assert report.inverted == 0
    j = jacobians(model, state)
    print(f"least J {j.min():.3f}; residual {report.residual:.1e}")
    assert 0.0 < j.min() < CRUSHED
    assert pressures(body, state.displacement.to_numpy()).min() < -SOFT.volume_stiffness
