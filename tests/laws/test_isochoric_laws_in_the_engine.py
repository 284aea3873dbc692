"""The laws with isochoric stretches inside the engine: element kernels, two laws in one model, static states, recovery."""

import dataclasses

import numpy as np
import pytest

from sim import elements
from sim.arrays import mat3, put, vec3, zeros
from sim.command import Command
from sim.materials.mooney_rivlin import MooneyRivlin
from sim.materials.ogden import Ogden
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.materials.yeoh import Yeoh
from sim.body import Body
from sim.model import Model, build_model
from sim.readings import cauchy_stress
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.settings import Settings
from sim.state import new_state
from tests.laws import isochoric_twin
from tests.sim import twin
from tests.sim.tubes import tube, vessel

STATIC = Settings(dt=1e3, newton_limit=40, residual_bound=1e-5, linear_tolerance=0.01, linear_limit=2000)
MEDIA = StableNeoHookean.from_young(0.3e6, 0.45, 1100.0)
LAWS = {
    "yeoh": Yeoh(30.0e3, 60.0e3, 30.0e3, 1.0e6, 1100.0),
    "mooney-rivlin": MooneyRivlin(20.0e3, 10.0e3, 1.0e6, 1100.0),
    "ogden": Ogden(60.0e3, 8.17, 1.0e6, 1450.0),
    "ogden negative": Ogden(60.0e3, -5.0, 1.0e6, 1450.0),
}
PRESSURE = 10.0e3


def layered(inner: isochoric_twin.Law) -> Body:
    """A tube of 12 mm, 6 mm wide inside and 9 mm outside, the inner half of its wall of a law of its own."""
    grid = tube(bore=3e-3, outer=4.5e-3, length=12e-3, around=12, through=2, along=6)
    body = vessel(grid, MEDIA)
    middle = np.linalg.norm(grid.vertices[grid.tets].mean(1)[:, :2], axis=1)
    which = (middle < 3.75e-3).astype(int)
    return dataclasses.replace(body, laws=(MEDIA, inner), law_of_tet=which)  # pyright: ignore


class Layered(twin.Twin):
    """The twin of a body whose second law is one of these."""

    def stress(self, u: np.ndarray) -> np.ndarray:
        """First Piola–Kirchhoff stress of each tet [Pa], shape (m, 3, 3)."""
        f, law = self.deformation(u), self.body.laws[1]
        stress = twin.stress(f, self.shear, self.lame)
        inner = self.body.law_of_tet == 1
        stress[inner] = isochoric_twin.stress(law, f[inner])  # pyright: ignore
        return stress

    def elastic_force(self, u: np.ndarray) -> np.ndarray:
        """Minus the slope of the stored energy [N], shape (n, 3)."""
        force = np.zeros_like(u)
        parts = np.einsum("m,mij,maj->mai", self.volume, self.stress(u), self.gradients)
        np.add.at(force, self.body.tets, -parts)
        return force


@pytest.fixture(params=LAWS, ids=str, scope="module")
def body(request) -> Body:
    return layered(LAWS[request.param])


@pytest.fixture(scope="module")
def model(body) -> Model:
    return build_model(body)


def blocks_of(model: Model, u: np.ndarray) -> np.ndarray:
    """Stiffness of each tet [N/m], shape (m, 12, 12), from the engine's kernel."""
    out = zeros(16 * model.tet_count, mat3)
    kernel = elements.element_kernels(model.laws)[1]
    m = model
    kernel(m.tet_count, m.tets, m.edges_inverse, m.volume, m.law, m.parameters, put(u, vec3), out)
    return out.to_numpy().reshape(-1, 4, 4, 3, 3).transpose(0, 1, 3, 2, 4).reshape(-1, 12, 12).astype(float)


@pytest.mark.parametrize("strain", [0.0, 0.02, 0.3])
def test_element_stiffness_is_the_laws_tangent(body, model, strain):
    rng = np.random.default_rng(3)
    u = body.vertices @ (strain * rng.uniform(-1.0, 1.0, (3, 3))) + 0.1e-3 * strain * rng.normal(size=body.vertices.shape)
    u = u.astype(np.float32).astype(float)
    exact, inner = Layered(body), body.law_of_tet == 1
    blocks = blocks_of(model, u)
    f = exact.deformation(u)[inner]
    a = isochoric_twin.tangent(body.laws[1], f, projected=True)  # pyright: ignore
    gradients = exact.gradients[inner]
    expected = np.einsum("m,maj,mijkl,mbl->maibk", exact.volume[inner], gradients, a, gradients, optimize=True)
    expected = expected.reshape(-1, 12, 12)
    size = np.abs(expected).max((1, 2))
    off = (np.abs(blocks[inner] - expected).max((1, 2)) / size).max()
    print(f"strain {strain:g}: single-precision stiffness of elements off by {off:.1e}")
    assert off < 1e-5
    lowest = np.linalg.eigvalsh(0.5 * (blocks + blocks.transpose(0, 2, 1)))[:, 0] / np.abs(blocks).max((1, 2))
    assert lowest[inner].min() > -1e-5


def test_two_laws_in_one_model_come_to_rest_where_the_twins_forces_balance(body, model):
    state, solver = new_state(model), ImplicitSolver(model, STATIC)
    steps = 0
    for _ in range(2):
        report = solver.step(state, Command(blood_pressure=PRESSURE))
        steps += report.newton_steps
    u = state.displacement.to_numpy().astype(float)
    exact = Layered(body)
    elastic, load = exact.elastic_force(u)[exact.free], exact.pressure_force(u, PRESSURE)[exact.free]
    left = np.linalg.norm(elastic + load) / np.linalg.norm(load)
    stretch = np.linalg.svd(exact.deformation(u), compute_uv=False)[:, 0].max()
    print(f"{steps} Newton steps, residual {report.residual:.1e}, imbalance {left:.1e}, stretch {stretch:.2f}")
    assert report.residual < STATIC.residual_bound
    assert left < 1e-4
    assert stretch > 1.1
    assert report.inverted == 0


def test_a_wall_turned_inside_out_in_places_comes_back_to_rest(body, model):
    state, solver = new_state(model), ImplicitSolver(model, STATIC)
    rng = np.random.default_rng(7)
    u = 0.8e-3 * rng.uniform(-1.0, 1.0, body.vertices.shape)
    u[body.held] = 0.0
    inverted = (np.linalg.det(Layered(body).deformation(u)) < 0.0).mean()
    assert inverted > 0.1
    state.displacement.from_numpy(u.astype(np.float32))
    steps = 0
    for _ in range(3):
        report = solver.step(state, Command())
        steps += report.newton_steps
        state.velocity.fill(0.0)
    left = np.abs(state.displacement.to_numpy()).max()
    print(f"{100 * inverted:.0f} % of the tets inside out; after {steps} Newton steps {left:.1e} m from rest")
    assert report.inverted == 0
    assert left < 1e-6


def test_stress_is_not_told_wrongly(body):
    with pytest.raises(NotImplementedError, match="stable neo-Hookean law alone"):
        cauchy_stress(body, np.zeros_like(body.vertices))
