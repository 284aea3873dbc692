import dataclasses

import numpy as np
import pytest
import taichi as ti

from sim import elements
from sim.arrays import mat3, put, vec3, zeros
from sim.command import Command
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.body import Body
from sim.model import Model, build_model
from sim.readings import cauchy_stress, deformation_gradients
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.settings import Settings
from sim.state import new_state
from tests.sim.tubes import block
from tests.sim.twin import Twin, cofactor, stress

STIFF = StableNeoHookean.from_young(10.0e6, 0.3, 1450.0)
SOFT = StableNeoHookean.from_young(1.0e6, 0.45, 1100.0)


def jumbled(held: str = "one end") -> Body:
    """A block 8 × 6 × 4 mm of two tissues whose inner vertices lie anywhere, away from the origin as a patient's are."""
    grid = block(size=(8e-3, 6e-3, 4e-3), count=(4, 3, 3))
    inner = np.all((grid.place > 0) & (grid.place < grid.count), axis=1)
    shift = np.random.default_rng(1).uniform(-3e-4, 3e-4, grid.vertices.shape)
    vertices = grid.vertices + inner[:, None] * shift + np.array([0.12, -0.21, 0.95])
    return Body(
        vertices=vertices,
        tets=grid.tets,
        laws=(SOFT, STIFF),
        law_of_tet=np.arange(len(grid.tets)) % 2,
        lumen=np.zeros((0, 3), int),
        held=grid.side(0, 0) if held == "one end" else np.flatnonzero(~inner),
    )


@dataclasses.dataclass
class Evaluated:
    """The engine's own kernels for one body."""

    model: Model

    def energy(self, u: np.ndarray) -> float:
        m = self.model
        partial = zeros(m.tet_count, ti.f64)
        kernel = elements.element_kernels(m.laws)[2]
        return kernel(m.tet_count, m.tets, m.edges_inverse, m.volume, m.law, m.parameters, put(u, vec3), partial)

    def force(self, u: np.ndarray) -> np.ndarray:
        m = self.model
        piola, force = zeros(m.tet_count, mat3), zeros(m.vertex_count, vec3)
        kernel = elements.element_kernels(m.laws)[0]
        kernel(m.tet_count, m.tets, m.edges_inverse, m.volume, m.law, m.parameters, put(u, vec3), piola)
        free = put(np.ones(m.vertex_count), ti.f32)
        elements.gather_elastic_force(m.vertex_count, m.corner_first, m.corners, m.edges_inverse, piola, free, force)
        return force.to_numpy().astype(float)

    def blocks(self, u: np.ndarray) -> np.ndarray:
        m = self.model
        out = zeros(16 * m.tet_count, mat3)
        kernel = elements.element_kernels(m.laws)[1]
        kernel(m.tet_count, m.tets, m.edges_inverse, m.volume, m.law, m.parameters, put(u, vec3), out)
        return out.to_numpy().reshape(-1, 4, 4, 3, 3).transpose(0, 1, 3, 2, 4).reshape(-1, 12, 12).astype(float)


def shaken(body: Body, strain: float, seed: int = 2) -> np.ndarray:
    """A displacement [m] of a linear map and noise, about `strain` large, in single precision."""
    rng = np.random.default_rng(seed)
    gradient = strain * rng.uniform(-1.0, 1.0, (3, 3))
    noise = 0.2e-3 * strain * rng.normal(size=body.vertices.shape)
    return ((body.vertices - body.vertices[0]) @ gradient.T + noise).astype(np.float32).astype(float)


@pytest.fixture(scope="module")
def jumbled_block() -> tuple[Evaluated, Twin]:
    body = jumbled()
    return Evaluated(build_model(body)), Twin(body)


@pytest.mark.parametrize("strain", [1e-4, 0.02, 0.4])
def test_energy_and_force_equal_the_twins(jumbled_block, strain):
    engine, twin = jumbled_block
    u = shaken(twin.body, strain)
    assert engine.energy(u) == pytest.approx(twin.energy(u), rel=1e-6)
    expected = twin.elastic_force(u)
    np.testing.assert_allclose(engine.force(u), expected, atol=2e-6 * np.abs(expected).max())


@pytest.mark.parametrize("strain", [0.02, 0.4])
def test_force_is_minus_the_slope_of_the_engines_own_energy(jumbled_block, strain):
    engine, twin = jumbled_block
    u = shaken(twin.body, strain)
    force = engine.force(u)
    for seed in range(6):
        step = 5e-8 * np.random.default_rng(seed).normal(size=u.shape)
        ahead, behind = (np.float32(u + sign * step).astype(float) for sign in (1.0, -1.0))
        fallen = engine.energy(behind) - engine.energy(ahead)
        work = (force * (ahead - behind)).sum()
        assert fallen == pytest.approx(work, abs=1e-5 * float(np.linalg.norm(force) * np.linalg.norm(ahead - behind)))


def test_inner_forces_have_no_resultant_and_no_moment(jumbled_block):
    engine, twin = jumbled_block
    u = shaken(twin.body, 0.2)
    force = engine.force(u)
    at = twin.body.vertices - twin.body.vertices.mean(0) + u
    assert np.abs(force.sum(0)).max() < 2e-6 * np.abs(force).max()
    assert np.abs(np.cross(at, force).sum(0)).max() < 2e-6 * np.abs(force).max() * np.abs(at).max()


def test_stiffness_blocks_are_the_slope_of_the_force(jumbled_block):
    engine, twin = jumbled_block
    # Swollen a little, so that the stiffness is nowhere limited.
    u = shaken(twin.body, 0.003) + 0.015 * (twin.body.vertices - twin.body.vertices[0])
    f = twin.deformation(u)
    turn = (twin.shear + twin.lame) * (np.linalg.det(f) - 1.0) - twin.shear
    unlimited = np.abs(turn) * np.linalg.svd(f, compute_uv=False)[:, 0] < twin.shear
    assert unlimited.all()
    found = engine.blocks(u)
    for t in range(0, len(f), 10):
        tet, expected = twin.body.tets[t], np.empty((12, 12))
        for k in range(12):
            step = np.zeros((1, 4, 3))
            step[0, k // 3, k % 3] = 1e-8
            parts = [u[tet] + sign * step for sign in (1.0, -1.0)]
            gradients = [np.eye(3) + np.einsum("nai,aj->nij", part, twin.gradients[t]) for part in parts]
            piola = stress(gradients[0], twin.shear[t], twin.lame[t]) - stress(gradients[1], twin.shear[t], twin.lame[t])
            expected[:, k] = (twin.volume[t] * np.einsum("nij,aj->ai", piola, twin.gradients[t])).ravel() / 2e-8
        np.testing.assert_allclose(found[t], expected, atol=3e-6 * np.abs(expected).max())


def test_stiffness_blocks_are_symmetric_and_resist_no_shift(jumbled_block):
    engine, twin = jumbled_block
    found = engine.blocks(shaken(twin.body, 0.3))
    largest = np.abs(found).max(axis=(1, 2), keepdims=True)
    assert (np.abs(found - found.transpose(0, 2, 1)) / largest).max() < 1e-6
    assert (np.abs(found @ np.tile(np.eye(3), (4, 1))) / largest).max() < 2e-6


def test_patch():
    """Held on all sides at a uniform strain, the inner vertices of any mesh of one tissue end at that strain too."""
    body = dataclasses.replace(jumbled("all sides"), laws=(SOFT,))
    body = dataclasses.replace(body, law_of_tet=np.zeros(len(body.tets), int))
    gradient = np.array([[0.15, 0.05, 0.0], [0.0, -0.08, 0.1], [-0.05, 0.0, 0.02]])
    exact = (body.vertices - body.vertices.mean(0)) @ gradient.T
    start = exact.copy()
    inner = np.setdiff1d(np.arange(len(exact)), body.held)
    assert len(inner) == 12
    start[inner] += np.random.default_rng(3).uniform(-2e-4, 2e-4, (len(inner), 3))
    model = build_model(body)
    state = new_state(model)
    state.displacement = put(start, vec3)
    solver = ImplicitSolver(model, Settings(dt=1e3, newton_limit=30, residual_bound=1e-7, linear_tolerance=1e-4))
    for _ in range(3):
        solver.step(state, Command())
    reached = state.displacement.to_numpy().astype(float)
    assert np.abs(reached - exact).max() < 1e-6 * np.abs(exact).max()
    f = np.eye(3) + gradient
    piola = stress(f[None], SOFT.shear_modulus, SOFT.first_lame)[0]
    cauchy = piola @ f.T / np.linalg.det(f)
    found = cauchy_stress(body, reached)
    np.testing.assert_allclose(found, np.broadcast_to(cauchy, found.shape), atol=1e-4 * np.abs(cauchy).max())


def test_cauchy_stress_reading_is_piola_pushed_forward():
    body = jumbled()
    u = shaken(body, 0.3)
    f, twin = deformation_gradients(body, u), Twin(body)
    np.testing.assert_allclose(f, twin.deformation(u), atol=1e-12)
    expected = stress(f, twin.shear, twin.lame) @ f.transpose(0, 2, 1) / np.linalg.det(f)[:, None, None]
    np.testing.assert_allclose(cauchy_stress(body, u), expected, atol=1e-9 * np.abs(expected).max())


def test_cofactor_of_the_twin_is_the_slope_of_the_determinant():
    f = np.random.default_rng(0).normal(size=(20, 3, 3))
    expected = np.linalg.det(f)[:, None, None] * np.linalg.inv(f).transpose(0, 2, 1)
    np.testing.assert_allclose(cofactor(f), expected, atol=1e-12)


def test_a_body_turned_as_a_whole_is_nearly_free_of_force(jumbled_block):
    """Single precision: after a turn of 0.1 rad what is left is rounding, ten million times below the stiffness."""
    engine, twin = jumbled_block
    c, s = np.cos(0.1), np.sin(0.1)
    turn = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    at = twin.body.vertices - twin.body.vertices.mean(0)
    force = engine.force(at @ turn.T - at)
    stiffest = STIFF.first_lame * 2e-3
    assert np.abs(force).max() < 1e-6 * stiffest * 2e-3
