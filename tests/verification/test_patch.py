"""The patch test: held at a uniform strain on all its boundary, an irregular patch takes that strain everywhere."""

import numpy as np
import pytest

from sim.arrays import put, vec3d
from sim.command import Command
from sim.materials.gasser_ogden_holzapfel import GasserOgdenHolzapfel
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.materials.yeoh import Yeoh
from sim.readings import deformation_gradients, pressures
from sim.solvers.settings import Settings
from tests.verification.bodies import jumbled_box
from tests.verification.references import ARTERY
from tests.verification.resting import Bench, made_of

YOUNG = 20e3
STRAIN = np.array([[0.15, 0.05, 0.0], [0.0, -0.08, 0.1], [-0.05, 0.0, 0.02]])
SIZE, COUNT = (0.08, 0.06, 0.04), (5, 4, 4)


def law_of(name: str, poisson: float):
    """One of three laws with a Poisson's ratio at rest."""
    shear, bulk = YOUNG / (2.0 * (1.0 + poisson)), YOUNG / (3.0 * (1.0 - 2.0 * poisson))
    if name == "stable neo-Hookean":
        return StableNeoHookean.from_young(YOUNG, poisson, 1000.0)
    if name == "Yeoh":
        return Yeoh(c1=0.5 * shear, c2=0.3 * shear, c3=0.1 * shear, bulk=bulk, density=1000.0)
    media = ARTERY[1]
    return GasserOgdenHolzapfel(shear, 5.0 * shear, media.k2, media.dispersion, media.angle, bulk=10.0 * bulk, density=1000.0)


@pytest.mark.parametrize("poisson", [0.3, 0.49])
@pytest.mark.parametrize("name", ["stable neo-Hookean", "Yeoh", "Gasser–Ogden–Holzapfel"])
def test_patch(name, poisson):
    solid = jumbled_box(SIZE, COUNT)
    low, high = solid.vertices.min(0), solid.vertices.max(0)
    inner = np.all((solid.vertices > low + 1e-6) & (solid.vertices < high - 1e-6), axis=1)
    exact = (solid.vertices - solid.vertices.mean(0)) @ STRAIN.T
    law = law_of(name, poisson)
    frames = np.broadcast_to(np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0], (len(solid.tets), 3, 3))
    body = made_of(solid, law, held=~inner, frames=frames)
    bench = Bench.of(body, Settings(static_residual_bound=1e-7, linear_tolerance=1e-3))
    start = exact + inner[:, None] * np.random.default_rng(3).uniform(-1e-3, 1e-3, exact.shape)
    bench.state.displacement = put(start, vec3d)
    reached = bench.settle(Command())
    off = np.abs(reached - exact).max() / np.abs(exact).max()
    uneven = np.abs(deformation_gradients(body, reached) - np.eye(3) - STRAIN).max()
    expected = law.volume_stiffness * (np.linalg.det(np.eye(3) + STRAIN) - 1.0)
    pressure_off = np.abs(pressures(body, reached) / expected - 1.0).max()
    print(
        f"{name}, ν {poisson:g}: displacement off by {off:.1e} of the largest, strain by {uneven:.1e}, pressure by "
        f"{pressure_off:.1e}; {len(solid.tets):,} tets, {bench.newton_steps} Newton steps"
    )
    assert off < 1e-6
    assert uneven < 1e-5
    assert pressure_off < 1e-5
