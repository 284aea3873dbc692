import dataclasses
import re

import numpy as np
import pytest

from sim.body import Body, ModelError
from sim.command import Command
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.model import build_model
from sim.readings import deformation_gradients
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.settings import DivergedError, Settings
from sim.state import new_state
from tests.sim.tubes import tube, vessel


@pytest.fixture(scope="module")
def body() -> Body:
    return vessel(tube(bore=2e-3, outer=3e-3, length=8e-3, around=10, through=1, along=6))


def test_masses_add_up_to_density_times_volume(body):
    model = build_model(body)
    assert model.mass.to_numpy().sum() == pytest.approx(1100.0 * model.volume.to_numpy().sum(), rel=1e-6)
    prism = 0.5 * 10 * np.sin(2.0 * np.pi / 10) * (3e-3**2 - 2e-3**2) * 8e-3
    assert model.volume.to_numpy().sum() == pytest.approx(prism, rel=1e-6)


def test_tets_inside_out_are_counted_and_the_worst_is_named(body):
    tets = body.tets.copy()
    tets[[7, 9]] = tets[[7, 9]][:, [1, 0, 2, 3]]
    with pytest.raises(ModelError, match=r"^2 of 360 tetrahedra are inside out or flat; the worst is tet [79] "):
        build_model(dataclasses.replace(body, tets=tets))


def test_a_vertex_of_no_tet_is_named(body):
    loose = np.vstack([body.vertices, [[0.0, 0.0, 0.0]]])
    with pytest.raises(ModelError, match=rf"1 vertices belong to no tetrahedron; the first is vertex {len(body.vertices)}"):
        build_model(dataclasses.replace(body, vertices=loose))


@pytest.mark.parametrize("wrong", [1, -1])
def test_a_tet_without_a_law_is_refused(body, wrong):
    laws = body.law_of_tet.copy()
    laws[3] = wrong
    with pytest.raises(ModelError, match="names one of the 1 laws"):
        build_model(dataclasses.replace(body, law_of_tet=laws))


def test_two_labels_of_one_law_are_one_tissue(body):
    """Split in two labels, the same tissue moves to the same place."""
    law = body.laws[0]
    again = StableNeoHookean(**dataclasses.asdict(law))
    twofold = dataclasses.replace(body, laws=(law, again), law_of_tet=np.arange(len(body.tets)) % 2)
    reached = []
    for one in (body, twofold):
        model = build_model(one)
        state, solver = new_state(model), ImplicitSolver(model)
        for _ in range(3):
            solver.step(state, Command(blood_pressure=10.0e3))
        reached.append(state.digest())
    assert reached[0] == reached[1]


def test_a_renumbered_body_moves_to_the_same_place(body):
    """Vertices and tets in another order: sums round otherwise, the state of rest stays."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(body.vertices))
    place = np.argsort(order)
    mixed = Body(
        vertices=body.vertices[order],
        tets=place[body.tets][rng.permutation(len(body.tets))],
        laws=body.laws,
        law_of_tet=body.law_of_tet,
        lumen=place[body.lumen],
        held=place[body.held],
    )
    settings, reached = Settings(dt=1e3, newton_limit=20, residual_bound=1e-4), []
    for one in (body, mixed):
        model = build_model(one)
        state = new_state(model)
        ImplicitSolver(model, settings).step(state, Command(blood_pressure=20.0e3))
        reached.append(state.displacement.to_numpy())
    assert np.abs(reached[1] - reached[0][order]).max() < 1e-4 * np.abs(reached[0]).max()


def test_a_run_that_diverges_says_at_which_tick_and_where(body):
    """Blood at 2 bar bursts the wall; the element that is named is inside out, and lies where the sentence says."""
    model = build_model(body)
    state, solver = new_state(model), ImplicitSolver(model)
    with pytest.raises(DivergedError) as raised:
        for _ in range(20):
            solver.step(state, Command(blood_pressure=2.0e5))
    sentence = r"at tick (\d+): (\S+) elements are inside out, tet (\d+) at \((\S+), (\S+), (\S+)\) mm has J = (\S+)\. Take"
    found = re.search(sentence, str(raised.value))
    assert found
    assert int(found[1]) == state.tick + 1
    tet = int(found[3])
    np.testing.assert_allclose([float(found[k]) for k in (4, 5, 6)], 1e3 * body.vertices[body.tets[tet]].mean(0), atol=0.06)
    change = np.linalg.det(deformation_gradients(body, state.displacement.to_numpy()))
    assert int(found[2]) == np.count_nonzero(change <= 0.0)
    assert int(np.argmin(change)) == tet
    assert float(found[7]) == pytest.approx(change[tet], rel=1e-2)
    assert change[tet] < 0.0
