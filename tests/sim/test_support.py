"""Statics refuses what nothing holds, and says which motion of which part is free."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from sim.body import Body, ModelError, Support
from sim.command import Command
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.model import build_model
from sim.obstacles import HalfSpace
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.settings import Settings
from sim.state import new_state
from sim.support import check_supported
from tests.sim.tubes import block, tube, vessel

NOTHING = np.zeros(0, int)
GRID = tube(bore=2e-3, outer=3e-3, length=8e-3, around=10, through=1, along=6)


def loose(**changes: object) -> Body:
    """A tube that is not held, with its sides as surfaces, changed as asked."""
    surfaces = {"outside": GRID.faces(2, 1), "first end": GRID.faces(0, 0)}
    return dataclasses.replace(vessel(GRID), held=NOTHING, surfaces=surfaces, **changes)


def above(x: float, y: float) -> np.ndarray:
    """The vertices of the tube about a place of its section [m], all along it."""
    return np.flatnonzero(np.linalg.norm(GRID.vertices[:, :2] - (x, y), axis=1) < 1e-9)


def two_blocks(held: np.ndarray) -> Body:
    """Two blocks apart, 4 mm wide, of which some vertices of the first are held."""
    one = block(size=(4e-3, 4e-3, 4e-3), count=(2, 2, 2))
    vertices = np.concatenate([one.vertices, one.vertices + np.array([10e-3, 0.0, 0.0])])
    tets = np.concatenate([one.tets, one.tets + len(one.vertices)])
    return Body(
        vertices=vertices, tets=tets, laws=vessel(GRID).laws, law_of_tet=np.zeros(len(tets), int),
        lumen=np.zeros((0, 3), int), held=held,
    )  # fmt: skip


SPRINGS = Support("outside", 1e8)
FREE = {
    "nothing holds it": (loose(), "The tissue is free to"),
    "one vertex": (dataclasses.replace(loose(), held=np.array([3])), "The tissue is free to turn about an axis along"),
    "a line of vertices": (
        dataclasses.replace(loose(), held=above(2e-3, 0.0)),
        "The tissue is free to turn about an axis along z;",
    ),
    "springs about it": (loose(supports=(SPRINGS,)), "The tissue is free to shift along z;"),
    "springs at one end": (loose(supports=(Support("first end", 1e8),)), "The tissue is free to"),
    "springs without stiffness": (loose(supports=(Support("outside", 0.0, damping=1e5),)), "The tissue is free to"),
    "one of two parts": (
        two_blocks(block(size=(1.0, 1.0, 1.0), count=(2, 2, 2)).side(0, 0)),
        r"The part about \(12.0, 2.0, 2.0\) mm is free to",
    ),
}


@pytest.mark.parametrize("case", FREE)
def test_a_free_motion_is_refused_and_named(case):
    body, sentence = FREE[case]
    model = build_model(body)
    state = new_state(model)
    before = state.digest()
    with pytest.raises(ModelError, match=f"^{sentence}.* hold some vertices or give it a support"):
        ImplicitSolver(model).solve(state, Command(gravity=(0.0, 0.0, -9.81)))
    assert state.digest() == before


def test_a_slanting_motion_is_named_by_its_direction():
    turn = Rotation.from_rotvec([0.25 * np.pi, 0.0, 0.0]).as_matrix()
    body = loose(supports=(SPRINGS,))
    with pytest.raises(
        ModelError, match=r"free to shift along \(-?0.00, -0.71, 0.71\);|free to shift along \(-?0.00, 0.71, -0.71\);"
    ):
        check_supported(dataclasses.replace(body, vertices=body.vertices @ turn.T))


HELD = {
    "three vertices": dataclasses.replace(loose(), held=np.array([0, 7, 100])),
    "a patch": loose(patches={"end": GRID.side(0, 0)}),
    "springs about it and at an end": loose(supports=(SPRINGS, Support("first end", 1e8))),
    "springs about it and one vertex": dataclasses.replace(loose(supports=(SPRINGS,)), held=np.array([3])),
    "weak springs": loose(supports=(Support("outside", 1e-3), Support("first end", 1e-3))),
    "both parts": two_blocks(np.array([0, 1, 5, 18 + 9, 18 + 10, 18 + 15])),
}


@pytest.mark.parametrize("case", HELD)
def test_what_is_held_is_let_through(case):
    check_supported(HELD[case])


def test_an_obstacle_may_be_what_holds_it():
    """Whether it does shows only once it is met; statics does not refuse beforehand."""
    body = two_blocks(NOTHING)
    table = HalfSpace("table", (0.0, 0.0, 0.0), (0.0, 0.0, 1.0), friction=0.5)
    with pytest.raises(ModelError):
        check_supported(body)
    model = build_model(dataclasses.replace(body, obstacles=(table,)))
    state = new_state(model)
    report = ImplicitSolver(model).solve(state, Command())
    assert report.inverted == 0


def test_a_tick_needs_no_support():
    """Loose soft tissue falls freely: g h after one tick of length h, everywhere."""
    soft = StableNeoHookean.from_young(10.0e3, 0.45, 1000.0)
    model = build_model(loose(laws=(soft,)))
    settings = Settings(dt=0.01, residual_bound=1e-4, linear_tolerance=1e-3)
    state, solver = new_state(model), ImplicitSolver(model, settings)
    solver.step(state, Command(gravity=(0.0, 0.0, -9.81)))
    fallen = np.array([0.0, 0.0, -9.81 * settings.dt])
    assert np.abs(state.velocity.to_numpy() - fallen).max() < 1e-3 * np.linalg.norm(fallen)
