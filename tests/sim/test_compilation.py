"""Kernels are compiled for a set of laws, not for a mesh: a second model of another size costs no compilation."""

import numpy as np
from taichi.lang.kernel_impl import Kernel

from sim.body import Body
from sim.command import Command
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.model import build_model
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.settings import Settings
from sim.state import new_state
from tests.sim.tubes import block


def run(cells: int, young: float) -> None:
    """Build a block, so many cells along each edge; one tick of it under its weight, then its balance, found once more."""
    grid = block(size=(0.02, 0.02, 0.02), count=(cells, cells, cells))
    body = Body(
        vertices=grid.vertices,
        tets=grid.tets,
        laws=(StableNeoHookean.from_young(young, 0.3, 1000.0),),
        law_of_tet=np.zeros(len(grid.tets), int),
        lumen=np.zeros((0, 3), int),
        held=grid.side(0, 0),
    )
    model = build_model(body)
    solver, state = ImplicitSolver(model, Settings()), new_state(model)
    weight = Command(gravity=(0.0, 0.0, -9.81))
    solver.step(state, weight)
    solver.solve(state, weight)
    solver.solve(state, weight, start=weight)


def test_a_second_model_of_another_size_compiles_nothing(monkeypatch):
    compiled: list[str] = []
    materialize = Kernel.materialize

    def counted(self, key=None, **rest):
        if key not in self.compiled_kernels:
            compiled.append(self.func.__name__)
        return materialize(self, key, **rest)

    monkeypatch.setattr(Kernel, "materialize", counted)
    run(3, 1e4)
    compiled.clear()
    run(5, 3e4)
    assert compiled == []
