"""Tissue that meets tissue: balance of forces, self-contact, and that nothing passes through at speed."""

import dataclasses

import numpy as np
import pytest

from sim.body import Body, boundary_faces
from sim.command import Command, Motion
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.model import build_model
from sim.proximity import Proximity
from sim.skin import build_skin
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.settings import Settings
from sim.state import new_state
from tests.sim.tubes import block

LAW = StableNeoHookean.from_young(0.1e6, 0.4, 1000.0)
SETTINGS = Settings(dt=1.0 / 60.0, newton_limit=30, residual_bound=1e-4, linear_tolerance=1e-2, multiplier_rounds=8)


def stacked(gap: float, *, friction: float = 0.0) -> tuple[Body, np.ndarray]:
    """A small block over a wide one, whose foot is held; the small one's top is the patch "hand". And who is the small one's."""
    low, high = block(size=(0.04, 0.04, 0.02), count=(6, 6, 3)), block(size=(0.02, 0.02, 0.02), count=(4, 4, 4))
    count = len(low.vertices)
    vertices = np.concatenate([low.vertices, high.vertices + np.array([0.0103, 0.0097, 0.02 + gap])])
    tets = np.concatenate([low.tets, high.tets + count])
    body = Body(
        vertices=vertices,
        tets=tets,
        laws=(LAW,),
        law_of_tet=np.zeros(len(tets), int),
        lumen=np.zeros((0, 3), int),
        held=low.side(2, 0),
        patches={"hand": high.side(2, 1) + count},
        surfaces={"skin": boundary_faces(tets)},
        touching=("skin",),
        friction=friction,
        drag=20.0,
    )
    return body, np.arange(len(vertices)) >= count


def pressed(depth: float) -> Command:
    """The hand lowered by so much [m]."""
    return Command(moves={"hand": Motion(translation=(0.0, 0.0, -depth))})


def test_two_blocks_pressed_together_balance():
    """Contact's force on one is minus that on the other, and is what hand and foot hold, to 0.1 %."""
    body, upper = stacked(1e-3)
    model = build_model(body)
    state, solver = new_state(model), ImplicitSolver(model, SETTINGS)
    for tick in range(40):
        report = solver.step(state, pressed(0.004 * min(1.0, (tick + 1) / 4)))
    contact, held = solver.contact_forces(), solver.held_forces(state)
    up, down = contact[upper].sum(0), contact[~upper].sum(0)
    hand, foot = held[upper].sum(0), held[~upper].sum(0)
    print(f"contact {up[2]:.5f} N and {down[2]:.5f} N, hand {hand[2]:.5f} N, foot {foot[2]:.5f} N")
    assert up[2] > 0.5
    np.testing.assert_allclose(up, -down, atol=1e-5 * up[2])
    assert hand[2] == pytest.approx(-up[2], rel=1e-3)
    assert foot[2] == pytest.approx(-down[2], rel=1e-3)
    assert report.deepest < SETTINGS.overlap_bound * model.mean_edge


def test_what_is_driven_fast_does_not_pass_through():
    """The hand comes down by 18 mm in one tick, nine times the search's reach and nearly a block's height."""
    body, upper = stacked(15e-3)
    model = build_model(body)
    state, solver = new_state(model), ImplicitSolver(model, SETTINGS)
    solver.step(state, pressed(0.018))
    z = (body.vertices + state.displacement.to_numpy())[:, 2]
    assert solver.contact_forces()[upper, 2].sum() > 0.0
    inside = upper & (body.vertices[:, 2] < 0.036)
    assert z[inside].min() > z[~upper].max() - 5e-3
    for _ in range(4):
        report = solver.step(state, pressed(0.018))
    x = body.vertices + state.displacement.to_numpy()
    beneath = ~upper & np.all((x[:, :2] > 0.0103) & (x[:, :2] < 0.0297), axis=1)
    assert x[upper, 2].min() > x[beneath, 2].max() - 0.1 * model.mean_edge
    assert report.deepest < 0.05 * model.mean_edge


def test_friction_carries_what_stands_still():
    """A hand that presses and moves aside drags the lower block along until it slips; without friction it drags nothing."""
    dragged = []
    for friction in (0.0, 0.5):
        body, upper = stacked(0.2e-3, friction=friction)
        model = build_model(body)
        state, solver = new_state(model), ImplicitSolver(model, SETTINGS)
        for tick in range(12):
            aside = 0.0005 * max(0, tick - 5)
            motion = Motion(translation=(aside, 0.0, -0.003 * min(1.0, (tick + 1) / 4)))
            solver.step(state, Command(moves={"hand": motion}))
        force = solver.contact_forces()[upper].sum(0)
        dragged.append(-force[0] / force[2])
    assert abs(dragged[0]) < 0.03
    assert 0.1 < dragged[1] < 0.52


def test_a_slit_that_is_pressed_shut_bears_on_itself():
    """Two arms of one body, a slit between them: the lips meet, and stay apart."""
    grid = block(size=(0.03, 0.01, 0.011), count=(12, 4, 11))
    middle = grid.vertices[grid.tets].mean(1)
    kept = ~((np.abs(middle[:, 2] - 0.0055) < 0.5e-3) & (middle[:, 0] > 0.0075))
    used, tets = np.unique(grid.tets[kept], return_inverse=True)
    vertices, tets = grid.vertices[used], tets.reshape(-1, 4)
    tip = (vertices[:, 0] > 0.029) & (vertices[:, 2] > 0.0105)
    body, _ = stacked(0.0)
    body = dataclasses.replace(
        body, vertices=vertices, tets=tets, law_of_tet=np.zeros(len(tets), int), held=np.flatnonzero(vertices[:, 2] < 1e-6),
        patches={"hand": np.flatnonzero(tip)}, surfaces={"skin": boundary_faces(tets)},
    )  # fmt: skip
    model = build_model(body)
    state, solver = new_state(model), ImplicitSolver(model, SETTINGS)
    for tick in range(12):
        solver.step(state, pressed(0.0025 * min(1.0, (tick + 1) / 10)))
    force = solver.contact_forces()
    lips_above = vertices[:, 2] > 0.0055
    assert force[lips_above, 2].sum() > 1e-3
    np.testing.assert_allclose(force.sum(0), 0.0, atol=1e-5 * force[lips_above, 2].sum())
    x = vertices + state.displacement.to_numpy()
    ends = vertices[:, 0] > 0.0295
    upper, lower = x[ends & lips_above][:, 2].min(), x[ends & (vertices[:, 2] < 0.0055)][:, 2].max()
    assert upper > lower - 5e-5


def test_the_search_sees_the_engines_displacement():
    body, _ = stacked(0.5e-3)
    search = Proximity(build_skin(body.vertices, body.surfaces["skin"][:, ::-1]))
    model = build_model(body)
    assert search.find(model.rest, new_state(model).displacement, reach=1e-3, itself=True) > 0
