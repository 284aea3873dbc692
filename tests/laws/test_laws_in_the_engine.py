"""Laws inside the engine: assembled stiffness, two laws in one model, static states, recovery, stress as it is read."""

import dataclasses

import numpy as np
import pytest

from sim.arrays import put, vec3d
from sim.body import Body
from sim.command import Command
from sim.materials.gasser_ogden_holzapfel import GasserOgdenHolzapfel
from sim.materials.guccione import Guccione
from sim.materials.holzapfel_ogden import HolzapfelOgden
from sim.materials.mooney_rivlin import MooneyRivlin
from sim.materials.ogden import Ogden
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.materials.yeoh import Yeoh
from sim.model import Model, build_model
from sim.readings import cauchy_stress
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.settings import Settings
from sim.solvers.tissue import Tissue
from sim.state import State, new_state
from tests.laws import fibrous_twin, isochoric_twin
from tests.laws.probe import tangent
from tests.sim import twin
from tests.sim.tubes import tube, vessel

# Each set of laws is a kernel of its own, and those of fibres take a quarter of a minute to compile.
pytestmark = pytest.mark.slow

STATIC = Settings(dt=1e3, newton_limit=40, residual_bound=1e-5, linear_tolerance=0.01, linear_limit=2000)
MEDIA = StableNeoHookean.from_young(0.3e6, 0.45, 1100.0)
LAWS = {
    "yeoh": Yeoh(30.0e3, 60.0e3, 30.0e3, 1.0e6, 1100.0),
    "mooney-rivlin": MooneyRivlin(20.0e3, 10.0e3, 1.0e6, 1100.0),
    "ogden": Ogden(60.0e3, 8.17, 1.0e6, 1450.0),
    "ogden negative": Ogden(60.0e3, -5.0, 1.0e6, 1450.0),
    "gasser-ogden-holzapfel": GasserOgdenHolzapfel(14.30e3, 290.22e3, 4.87, 0.224, np.radians(35.01), 1.0e6, 1100.0),
    "guccione": Guccione(20.0e3, 8.0, 2.0, 4.0, 1.0e6, 1000.0),
    "holzapfel-ogden": HolzapfelOgden(20.0e3, 8.023, 18472.0, 16.026, 2481.0, 11.120, 2160.0, 11.436, 1.0e6, 1000.0),
}
PRESSURE = 10.0e3
Law = isochoric_twin.Law | fibrous_twin.Law


def layered(inner: Law) -> Body:
    """A tube of 12 mm, 6 mm wide inside and 9 mm outside, the inner half of its wall of a law of its own."""
    grid = tube(bore=3e-3, outer=4.5e-3, length=12e-3, around=12, through=2, along=6)
    body = vessel(grid, MEDIA)
    middle = grid.vertices[grid.tets].mean(1)
    radius = np.linalg.norm(middle[:, :2], axis=1)
    radial = middle * np.array([1.0, 1.0, 0.0]) / radius[:, None]
    axial = np.broadcast_to([0.0, 0.0, 1.0], radial.shape)
    frames = np.stack([np.cross(axial, radial), axial, -radial], 2)
    frames[:, :, 2] = np.cross(frames[:, :, 0], frames[:, :, 1])
    which = (radius < 3.75e-3).astype(int)
    return dataclasses.replace(body, laws=(MEDIA, inner), law_of_tet=which, frames=frames)


class Layered(twin.Twin):
    """The twin of a body whose second law is one of these."""

    def __init__(self, body: Body):
        super().__init__(body)
        self.inner = body.law_of_tet == 1
        self.law: Law = body.laws[1]  # pyright: ignore
        fibrous = isinstance(self.law, fibrous_twin.Law)
        self.formulas = fibrous_twin if fibrous else isochoric_twin
        frames = body.frames if fibrous else None
        self.turns = np.broadcast_to(np.eye(3), (len(body.tets), 3, 3)) if frames is None else frames

    def local(self, f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """F of the second law's tets in their own frames, and the frames, shapes (k, 3, 3)."""
        r = self.turns[self.inner]
        return r.transpose(0, 2, 1) @ f[self.inner] @ r, r

    def law_energy(self, f: np.ndarray) -> np.ndarray:
        """ψ of each tet without its volume term [J/m³], shape (m,)."""
        energy = super().law_energy(f)
        energy[self.inner] = self.formulas.energy(self.law, self.local(f)[0])  # pyright: ignore
        return energy

    def law_stress(self, f: np.ndarray) -> np.ndarray:
        """First Piola–Kirchhoff stress of each tet without that of volume [Pa], shape (m, 3, 3)."""
        stress = super().law_stress(f)
        local, r = self.local(f)
        stress[self.inner] = r @ self.formulas.stress(self.law, local) @ r.transpose(0, 2, 1)  # pyright: ignore
        return stress

    def law_tangent(self, f: np.ndarray) -> np.ndarray:
        """Slope of that stress [Pa], shape (m, 3, 3, 3, 3), the second law's by its kernels in double precision."""
        whole = super().law_tangent(f)
        local, r = self.local(f)
        whole[self.inner] = np.einsum("mia,mjb,mkc,mld,mabcd->mijkl", r, r, r, r, tangent(self.law, local), optimize=True)
        return whole

    def own_stiffness(self, u: np.ndarray) -> np.ndarray:
        """Stiffness of the tets at kept pressures of the pockets [N/m] between free vertices, shape (3k, 3k)."""
        blocks = np.einsum(
            "m,maj,mijkl,mbl->maibk", self.volume, self.gradients, self.element_tangent(u), self.gradients, optimize=True
        )
        free = np.flatnonzero(np.repeat(self.free, 3))
        return self._assembled(self.body.tets, blocks)[free][:, free].toarray()


@pytest.fixture(params=LAWS, ids=str, scope="module")
def body(request) -> Body:
    return layered(LAWS[request.param])


@pytest.fixture(scope="module")
def model(body) -> Model:
    return build_model(body)


def placed(model: Model, u: np.ndarray) -> State:
    """A state at a displacement [m], shape (n, 3)."""
    state = new_state(model)
    state.displacement = put(u, vec3d)
    return state


def assembled(model: Model, u: np.ndarray, *, whole: bool) -> np.ndarray:
    """The engine's stiffness without the pockets' part [N/m] between free vertices, shape (3k, 3k)."""
    state, tissue = placed(model, u), Tissue(model)
    tissue.begin(state, Command(), None)
    tissue.energy(state)
    tissue.assemble(state, whole=whole)
    row, column = (one.to_numpy()[: model.entry_count] for one in (model.row, model.column))
    blocks = np.zeros((model.vertex_count, 3, model.vertex_count, 3))
    blocks[row, :, column, :] = tissue.matrix.to_numpy()[: model.entry_count]
    free = np.flatnonzero(np.repeat(model.free.to_numpy(), 3))
    return blocks.reshape(3 * model.vertex_count, -1)[np.ix_(free, free)]


def shaken(body: Body, strain: float) -> np.ndarray:
    """A linear displacement and noise [m], shape (n, 3), held vertices too."""
    rng = np.random.default_rng(3)
    shape = body.vertices.shape
    return body.vertices @ (strain * rng.uniform(-1.0, 1.0, (3, 3))) + 0.1e-3 * strain * rng.normal(size=shape)


@pytest.mark.parametrize("strain", [0.002, 0.02, 0.2])
def test_whole_stiffness_is_the_laws_tangent(body, model, strain):
    u = shaken(body, strain)
    expected = Layered(body).own_stiffness(u)
    off = np.abs(assembled(model, u, whole=True) - expected).max() / np.abs(expected).max()
    print(f"strain {strain:g}: single-precision stiffness off by {off:.1e}")
    assert off < 1e-5


@pytest.mark.parametrize("strain", [0.0, 0.02, 0.3])
def test_regularised_stiffness_is_positive(body, model, strain):
    found = assembled(model, shaken(body, strain), whole=False)
    assert np.abs(found - found.T).max() < 1e-6 * np.abs(found).max()
    lowest = np.linalg.eigvalsh(0.5 * (found + found.T))[0] / np.abs(found).max()
    print(f"strain {strain:g}: lowest eigenvalue {lowest:.1e} of the largest entry")
    assert lowest > -1e-5


def test_two_laws_in_one_model_come_to_rest_where_the_twins_forces_balance(body, model):
    state, solver = new_state(model), ImplicitSolver(model, STATIC)
    report = solver.solve(state, Command(blood_pressure=PRESSURE))
    u = state.displacement.to_numpy().astype(float)
    exact = Layered(body)
    elastic, load = exact.elastic_force(u)[exact.free], exact.pressure_force(u, PRESSURE)[exact.free]
    left = np.linalg.norm(elastic + load) / np.linalg.norm(load)
    stretch = np.linalg.svd(exact.deformation(u), compute_uv=False)[:, 0].max()
    print(f"{report.newton_steps} Newton steps, residual {report.residual:.1e}, imbalance {left:.1e}, stretch {stretch:.2f}")
    assert left < 1e-3
    assert stretch > 1.1
    assert report.inverted == 0
    twice = exact.stress(u) @ exact.deformation(u).transpose(0, 2, 1) / np.linalg.det(exact.deformation(u))[:, None, None]
    read = cauchy_stress(body, u)
    across = [one - np.trace(one, axis1=1, axis2=2)[:, None, None] / 3.0 * np.eye(3) for one in (twice, read)]
    np.testing.assert_allclose(across[1], across[0], atol=1e-5 * np.abs(across[0]).max())


def test_a_wall_turned_inside_out_in_places_comes_back_to_rest(body, model):
    rng = np.random.default_rng(7)
    u = 0.8e-3 * rng.uniform(-1.0, 1.0, body.vertices.shape)
    u[body.held] = 0.0
    inverted = (np.linalg.det(Layered(body).deformation(u)) < 0.0).mean()
    assert inverted > 0.1
    state, solver = placed(model, u), ImplicitSolver(model, STATIC)
    steps = 0
    for _ in range(3):
        report = solver.step(state, Command())
        steps += report.newton_steps
        state.velocity.from_numpy(np.zeros_like(state.velocity.to_numpy()))
    left = np.abs(state.displacement.to_numpy()).max()
    print(f"{100 * inverted:.0f} % of the tets inside out; after {steps} Newton steps {left:.1e} m from rest")
    assert report.inverted == 0
    assert left < 1e-6
