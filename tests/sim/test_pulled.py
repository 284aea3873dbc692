"""Probes that hold tissue by a spring: slope, balance, limit, and what cannot be held."""

import dataclasses

import numpy as np
import pytest

from sim.arrays import put, vec3, vec3d, zeros
from sim.body import Body, ModelError
from sim.command import Command, Pull
from sim.grips import Grips
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.model import Model, build_model
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.pulled import Pulled
from sim.solvers.settings import Settings
from sim.solvers.xpbd import XpbdSolver
from sim.state import new_state
from tests.sim.tubes import block

GRID = block(size=(12e-3, 12e-3, 8e-3), count=(8, 8, 6))
BODY = Body(
    GRID.vertices, GRID.tets, [StableNeoHookean.from_young(20e3, 0.45, 1000.0)], np.zeros(len(GRID.tets), int),
    lumen=np.zeros((0, 3), int), held=GRID.side(2, 0),
)  # fmt: skip


def nearest(points: np.ndarray, place: tuple[float, float, float]) -> int:
    """Number of the point nearest to a place [m]."""
    return int(np.argmin(np.linalg.norm(points - place, axis=1)))


TOP = nearest(GRID.vertices, (6e-3, 6e-3, 8e-3))


@pytest.fixture(scope="module")
def model() -> Model:
    """A soft block on a table."""
    return build_model(BODY)


def pull(off: tuple[float, float, float], **changes: float) -> Pull:
    """A pull of the middle of the top from where it is at rest [m]."""
    plain = Pull(TOP, (0.0, 0.0, 0.0), radius=3e-3)
    rest = Grips(BODY).grip(TOP, plain.radius).middle(BODY.vertices)
    return dataclasses.replace(plain, target=tuple(rest + off), **changes)


@pytest.mark.parametrize("far", [1e-3, 50e-3])
def test_the_force_is_the_slope_of_the_energy(model: Model, far: float):
    pulled = Pulled(model)
    pulled.begin(Command(pulls={"probe": pull((0.3 * far, -0.5 * far, far), limit=1.0)}))
    drawn = np.random.default_rng(0)
    u, way = drawn.normal(size=(2, model.vertex_count, 3)) * 1e-4
    force = zeros(model.vertex_count, vec3)
    pulled.add_force(put(u, vec3d), force)
    step = 1e-3
    rise = pulled.energy(put(u + step * way, vec3d)) - pulled.energy(put(u - step * way, vec3d))
    assert np.sum(force.to_numpy() * way) == pytest.approx(-rise / (2.0 * step), rel=1e-4)


def test_the_spring_the_tissue_and_the_table_are_in_balance(model: Model):
    asked = pull((0.5e-3, 0.0, 2e-3), stiffness=50.0)
    solver, state = ImplicitSolver(model), new_state(model)
    report = solver.solve(state, Command(pulls={"probe": asked}))
    assert report.residual < 1e-4
    points = BODY.vertices + state.displacement.to_numpy()
    grip = Grips(BODY).grip(TOP, asked.radius)
    force = grip.force(asked, points)
    assert force == pytest.approx(50.0 * (np.array(asked.target) - grip.middle(points)), rel=1e-12)
    # Neither does the tissue follow all the way nor does it stay.
    assert 0.2 * 50.0 * 2e-3 < force[2] < 0.8 * 50.0 * 2e-3
    assert solver.held_forces(state).sum(axis=0) == pytest.approx(-force, rel=1e-3, abs=1e-3 * float(np.linalg.norm(force)))


def test_spring_and_tissue_are_two_springs_in_series(model: Model):
    tissue = []
    for stiffness in (50.0, 500.0, 5000.0):
        asked = pull((0.0, 0.0, 0.2e-3), stiffness=stiffness)
        state = new_state(model)
        ImplicitSolver(model).solve(state, Command(pulls={"probe": asked}))
        grip = Grips(BODY).grip(TOP, asked.radius)
        left = np.linalg.norm(np.array(asked.target) - grip.middle(BODY.vertices + state.displacement.to_numpy()))
        tissue.append(stiffness * left / (0.2e-3 - left))
    # The same stiffness of the tissue shows through springs a hundred times apart.
    assert tissue == pytest.approx([tissue[0]] * 3, rel=0.02)
    assert 100.0 < tissue[0] < 300.0


def test_the_spring_pulls_no_harder_than_its_limit(model: Model):
    asked = pull((0.0, 0.0, 30e-3), limit=0.05)
    state = new_state(model)
    solver = ImplicitSolver(model)
    solver.solve(state, Command(pulls={"probe": asked}))
    assert -solver.held_forces(state).sum(axis=0) == pytest.approx([0.0, 0.0, 0.05], rel=1e-3, abs=5e-5)


def test_tissue_that_is_let_go_of_returns(model: Model):
    solver, state = ImplicitSolver(model, Settings(dt=0.02)), new_state(model)
    for _ in range(10):
        solver.step(state, Command(pulls={"probe": pull((0.0, 1e-3, -1e-3))}))
    pulled = np.abs(state.displacement.to_numpy()).max()
    for _ in range(40):
        solver.step(state, Command())
    assert pulled > 0.5e-3
    assert np.abs(state.displacement.to_numpy()).max() < 0.02 * pulled


def test_a_grip_is_of_one_side_and_of_what_can_move():
    thin = block(size=(12e-3, 12e-3, 1e-3), count=(8, 8, 1))
    body = dataclasses.replace(
        BODY, vertices=thin.vertices, tets=thin.tets, held=thin.side(0, 0), law_of_tet=np.zeros(len(thin.tets), int)
    )
    top = int(np.argmin(np.linalg.norm(thin.vertices - thin.vertices.max(0) * (0.0, 0.5, 1.0) - (1.5e-3, 0.0, 0.0), axis=1)))
    grip = Grips(body).grip(top, 3e-3)
    assert grip.weights.sum() == pytest.approx(1.0)
    assert np.all(thin.vertices[grip.vertices, 2] == thin.vertices[top, 2])
    assert not np.isin(grip.vertices, thin.side(0, 0)).any()
    assert grip.weights[grip.vertices == top] == grip.weights.max()


@pytest.mark.parametrize(
    ("vertex", "words"),
    [
        (len(GRID.vertices), "no vertex 567 to pull; the body has 567"),
        (-1, "no vertex -1"),
        (int(np.argmin(np.linalg.norm(GRID.vertices - GRID.vertices.mean(0), axis=1))), "inside the tissue"),
        (
            int(np.argmin(np.linalg.norm(GRID.vertices - GRID.vertices.max(0) * (0.5, 0.5, 0.0), axis=1))),
            "can move; pull elsewhere",
        ),
    ],
)
def test_what_cannot_be_pulled_is_told_before_the_tick(model: Model, vertex: int, words: str):
    state = new_state(model)
    before = state.digest()
    with pytest.raises(ModelError, match=words):
        ImplicitSolver(model).step(state, Command(pulls={"probe": Pull(vertex, (0.0, 0.0, 0.0), radius=1e-3)}))
    assert state.digest() == before


def test_xpbd_refuses_a_probe(model: Model):
    with pytest.raises(ModelError, match="XPBD knows no probes"):
        XpbdSolver(model).step(new_state(model), Command(pulls={"probe": pull((0.0, 0.0, 1e-3))}))
