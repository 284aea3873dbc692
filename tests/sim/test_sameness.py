"""The same commands give the same state, to the last bit: again, with a fresh solver, from a copy, and in a fresh process."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sim.model import Model
from sim.solvers.implicit import ImplicitSolver
from sim.state import State, new_state
from tests.sim.scenes import STOP, TICKS, command, go_on, scene

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", params=["vessel", "stent"])
def straight(request) -> tuple[str, Model, list[str], State]:
    """A scene's name and model, its digest after each tick of a straight run, and a copy of its state in the middle."""
    model = scene(request.param)
    state, solver, digests = new_state(model), ImplicitSolver(model), []
    middle = state
    for tick in range(TICKS):
        solver.step(state, command(model, tick))
        digests.append(state.digest())
        if state.tick == STOP:
            middle = state.copy()
    if request.param == "stent":
        assert np.count_nonzero(state.traction.any(axis=1)) > 50
        assert np.count_nonzero(middle.traction.any(axis=1)) > 50
    return request.param, model, digests, middle


def test_every_tick_changes_the_digest(straight):
    _, _, digests, _ = straight
    assert len(set(digests)) == TICKS


def test_a_rerun_is_equal_to_the_bit(straight):
    _, model, digests, _ = straight
    state, solver = new_state(model), ImplicitSolver(model)
    for tick in range(TICKS):
        solver.step(state, command(model, tick))
        assert state.digest() == digests[tick]


def test_the_same_model_built_again_gives_the_same(straight):
    name, _, digests, _ = straight
    model = scene(name)
    state = new_state(model)
    go_on(ImplicitSolver(model), state, until=TICKS)
    assert state.digest() == digests[-1]


def test_a_fresh_solver_each_tick_goes_on_as_the_old_one(straight):
    _, model, digests, _ = straight
    state = new_state(model)
    for tick in range(TICKS):
        ImplicitSolver(model).step(state, command(model, tick))
        assert state.digest() == digests[tick]


def test_a_solver_that_worked_on_another_state_goes_on_the_same(straight):
    _, model, digests, middle = straight
    solver, other = ImplicitSolver(model), new_state(model)
    solver.step(other, command(model, 2))
    state = middle.copy()
    go_on(solver, state, until=TICKS)
    assert state.digest() == digests[-1]


def test_a_copy_is_equal_and_independent(straight):
    _, model, digests, middle = straight
    before = middle.digest()
    copy = middle.copy()
    assert copy.digest() == before == digests[STOP - 1]
    go_on(ImplicitSolver(model), copy, until=TICKS)
    assert copy.digest() == digests[-1]
    assert middle.digest() == before


@pytest.mark.slow
@pytest.mark.parametrize("blas_threads", ["1", "2"])
def test_stop_save_and_go_on_in_a_fresh_process_equals_the_straight_run(straight, tmp_path, blas_threads):
    name, _, digests, middle = straight
    path = tmp_path / "middle.npz"
    middle.save(path)
    assert State.load(path).digest() == middle.digest()
    words = [sys.executable, "-m", "tests.sim.scenes", name, str(path)]
    told = {**os.environ, "OPENBLAS_NUM_THREADS": blas_threads}
    ran = subprocess.run(words, cwd=ROOT, env=told, capture_output=True, text=True, timeout=600, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split()[-1] == digests[-1]


def test_a_digest_sees_every_array(straight):
    _, _, _, middle = straight
    before = middle.digest()
    for name, values in middle.arrays().items():
        if values.size == 0:
            continue
        changed = middle.copy()
        if name == "tick":
            changed.tick += 1
        elif isinstance(getattr(changed, name), np.ndarray):
            getattr(changed, name).flat[0] += 1e-12
        else:
            altered, kind = values.copy(), values.dtype
            first = altered.flat[0]
            altered.flat[0] = np.nextafter(first, kind.type(9)) if kind.kind == "f" else first + 1
            getattr(changed, name).from_numpy(altered)
        assert changed.digest() != before, name
