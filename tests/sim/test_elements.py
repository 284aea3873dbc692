import dataclasses

import numpy as np
import pytest

from sim.arrays import Array, put, vec3d
from sim.body import Body
from sim.command import Command
from sim.groups import grouped
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.model import Model, build_model
from sim.readings import cauchy_stress, deformation_gradients, pressures
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.settings import Settings
from sim.solvers.tissue import Tissue
from sim.state import new_state
from sim.tables import PAIRS, pattern_of
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
        held={"one end": grid.side(0, 0), "all sides": np.flatnonzero(~inner), "nowhere": np.zeros(0, int)}[held],
    )


class Evaluated:
    """The engine's own tissue for one body of which nothing is held, at any displacement [m], shape (n, 3)."""

    def __init__(self, model: Model):
        self.model = model
        self._state, self._tissue = new_state(model), Tissue(model)
        # With each tet a group of its own, as on a GPU, its blocks are seen before they are summed.
        self._groups = grouped(pattern_of(model.body.tets, model.vertex_count), 1)
        self._lone = Tissue(dataclasses.replace(model, groups=self._groups))
        self._tissue.begin(self._state, Command(), None)

    def energy(self, u: np.ndarray) -> float:
        self._state.displacement.from_numpy(u)
        return self._tissue.energy(self._state)

    def force(self, u: np.ndarray) -> np.ndarray:
        self.energy(u)
        self._tissue.find_force(self._state)
        return host(self._tissue.force)

    def blocks(self, u: np.ndarray, *, whole: bool) -> np.ndarray:
        """Stiffness of each tet without the pockets' part [N/m], shape (m, 12, 12)."""
        self._state.displacement.from_numpy(u)
        self._lone.begin(self._state, Command(), None)
        self._lone.energy(self._state)
        self._lone.assemble(self._state, whole=whole)
        values = host(self._lone._blocks)[host(self._groups.slot)].reshape(-1, 10, 3, 3)
        found = np.empty((len(values), 4, 3, 4, 3))
        tets = host(self.model.tets)
        for number, (a, b) in enumerate(PAIRS):
            # Kept with the row of the lesser vertex.
            turned = (tets[:, a] > tets[:, b])[:, None, None]
            one = np.where(turned, values[:, number].transpose(0, 2, 1), values[:, number])
            found[:, b, :, a] = one.transpose(0, 2, 1)
            found[:, a, :, b] = one
        return found.reshape(-1, 12, 12)

    def stiffness(self, u: np.ndarray, *, whole: bool = True) -> np.ndarray:
        """The operator of a Newton step, block rows and pockets together [N/m], shape (3n, 3n)."""
        m, p = self.model, self.model.pockets
        self.energy(u)
        self._tissue.assemble(self._state, whole=whole)
        matrix, slopes = np.zeros((m.vertex_count, 3, m.vertex_count, 3)), np.zeros((p.count, m.vertex_count, 3))
        matrix[host(m.row), :, host(m.column), :] = host(self._tissue.matrix)
        slopes[host(p.entry_pocket), host(p.column)] = host(self._tissue.slope)
        slopes = slopes.reshape(p.count, -1)
        shared = slopes.T @ ((host(p.stiffness) / host(p.volume))[:, None] * slopes)
        return matrix.reshape(shared.shape) + shared


def host(array: Array) -> np.ndarray:
    """An array of the backend in double precision if it holds numbers with a point."""
    values = array.to_numpy()
    return values.astype(float) if values.dtype.kind == "f" else values


def shaken(body: Body, strain: float, seed: int = 2) -> np.ndarray:
    """A displacement [m] of a linear map and noise, about `strain` large."""
    rng = np.random.default_rng(seed)
    gradient = strain * rng.uniform(-1.0, 1.0, (3, 3))
    noise = 0.2e-3 * strain * rng.normal(size=body.vertices.shape)
    return (body.vertices - body.vertices[0]) @ gradient.T + noise


@pytest.fixture(scope="module")
def jumbled_block() -> tuple[Evaluated, Twin]:
    body = jumbled("nowhere")
    return Evaluated(build_model(body)), Twin(body)


def test_pockets_end_where_tissues_do(jumbled_block):
    """One for each vertex and law that meet; together they hold the body's volume, each a quarter of its tets'."""
    engine, twin = jumbled_block
    body, p = twin.body, engine.model.pockets
    expected = np.zeros((len(body.vertices), 2))
    np.add.at(expected, (body.tets, body.law_of_tet[:, None]), 0.25 * twin.volume[:, None])
    # The last is the one that nothing moves.
    found, bulk = host(p.volume)[:-1], np.array([law.volume_stiffness for law in body.laws])
    assert p.count - 1 == (expected > 0.0).sum() > len(body.vertices)
    assert host(p.stiffness)[-1] == 0.0
    np.testing.assert_allclose(np.sort(found), np.sort(expected[expected > 0.0]), rtol=1e-6)
    whole = [(found * (host(p.stiffness)[:-1] > limit)).sum() for limit in (0.0, 0.5 * bulk.max())]
    sums = [twin.volume.sum(), twin.volume[body.law_of_tet == np.argmax(bulk)].sum()]
    np.testing.assert_allclose(whole, sums, rtol=1e-6)
    np.testing.assert_allclose(np.unique(host(p.stiffness)[:-1]), np.sort((1.0 - jumbled().kept) * bulk), rtol=1e-6)


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
        ahead, behind = u + step, u - step
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


@pytest.mark.parametrize("strain", [1e-4, 0.02, 0.4])
def test_stiffness_is_the_twins(jumbled_block, strain):
    """Elements and pockets together; that the twin's is the slope of its force is seen in `test_pressure`."""
    engine, twin = jumbled_block
    u = shaken(twin.body, strain)
    expected = twin.stiffness(u, 0.0).toarray()
    np.testing.assert_allclose(engine.stiffness(u), expected, atol=3e-6 * np.abs(expected).max())


@pytest.mark.parametrize("strain", [0.02, 0.4])
def test_stiffness_blocks_are_the_slope_of_the_force(jumbled_block, strain):
    """Of one tet whose pockets keep their pressure."""
    engine, twin = jumbled_block
    u = shaken(twin.body, strain)
    pressure = twin.pressure(u) - twin.kept * twin.bulk * (np.linalg.det(twin.deformation(u)) - 1.0)
    found = engine.blocks(u, whole=True)
    for t in range(0, len(found), 10):
        tet, expected = twin.body.tets[t], np.empty((12, 12))
        for k in range(12):
            step = np.zeros((1, 4, 3))
            step[0, k // 3, k % 3] = 1e-8
            parts = []
            for sign in (1.0, -1.0):
                f = np.eye(3) + np.einsum("nai,aj->nij", u[tet] + sign * step, twin.gradients[t])
                law = stress(f, twin.shear[t], twin.kept * twin.bulk[t] - twin.shear[t])
                parts.append(law + pressure[t] * cofactor(f))
            expected[:, k] = (twin.volume[t] * np.einsum("nij,aj->ai", parts[0] - parts[1], twin.gradients[t])).ravel() / 2e-8
        np.testing.assert_allclose(found[t], expected, atol=3e-6 * np.abs(expected).max())


def test_the_positive_stiffness_is_the_whole_one_where_nothing_limits_it(jumbled_block):
    engine, twin = jumbled_block
    # Swollen a little, so that the stiffness is nowhere limited.
    u = shaken(twin.body, 0.003) + 0.015 * (twin.body.vertices - twin.body.vertices[0])
    turn = twin.pressure(u) - twin.shear
    assert (np.abs(turn) * np.linalg.svd(twin.deformation(u), compute_uv=False)[:, 0] < 0.93 * twin.shear).all()
    whole, positive = (engine.blocks(u, whole=whole) for whole in (True, False))
    np.testing.assert_allclose(positive, whole, atol=1e-6 * np.abs(whole).max())


@pytest.mark.parametrize("strain", [0.02, 0.4])
def test_the_positive_stiffness_has_no_negative_eigenvalue(jumbled_block, strain):
    """Elements and pockets together, as Newton's method uses it; the whole one has some at a large strain."""
    engine, twin = jumbled_block
    u = shaken(twin.body, strain)
    lowest = [np.linalg.eigvalsh(one)[0] / np.abs(one).max() for one in (engine.stiffness(u, whole=w) for w in (False, True))]
    assert lowest[0] > -1e-6
    assert strain < 0.1 or lowest[1] < -1e-2


def test_stiffness_blocks_are_symmetric_and_resist_no_shift(jumbled_block):
    engine, twin = jumbled_block
    found = np.concatenate([engine.blocks(shaken(twin.body, 0.3), whole=whole) for whole in (True, False)])
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
    state.displacement = put(start, vec3d)
    ImplicitSolver(model, Settings(static_residual_bound=1e-6, linear_tolerance=1e-4)).solve(state, Command())
    reached = state.displacement.to_numpy()
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
    law = stress(f, twin.shear, -twin.shear) @ f.transpose(0, 2, 1) / np.linalg.det(f)[:, None, None]
    swelling = (twin.pocket_bulk / (1.0 - twin.kept) * twin.swelling(u))[twin.corner_pocket].mean(1)
    np.testing.assert_allclose(pressures(body, u), swelling, atol=1e-9 * np.abs(swelling).max())
    expected = law + swelling[:, None, None] * np.eye(3)
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
