import dataclasses

import numpy as np
import pytest

from sim.body import Body, ModelError
from sim.command import Command
from sim.materials.gasser_ogden_holzapfel import GasserOgdenHolzapfel
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.materials.viscous import Viscous
from sim.materials.yeoh import Yeoh
from sim.model import build_model
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.settings import Settings
from sim.state import new_state
from sim.unloading import Unloaded, unload
from tests.sim.tubes import section_diameter, stenosed, tube, vessel
from tests.sim.twin import Twin

PRESSURE = 13.3e3
TOLERANCE = 2e-6


@pytest.fixture(scope="module")
def imaged() -> Body:
    narrow = stenosed(healthy=3.5e-3, narrowest=1.6e-3, middle=8e-3, half_length=5e-3)
    soft = StableNeoHookean.from_young(0.4e6, 0.45, 1100.0)
    return vessel(tube(bore=narrow, outer=4.2e-3, length=16e-3, around=20, through=2, along=14), soft)


@pytest.fixture(scope="module")
def unloaded(imaged) -> Unloaded:
    return unload(imaged, blood_pressure=PRESSURE, tolerance=TOLERANCE)


def test_the_unloaded_shape_is_smaller(imaged, unloaded):
    before, after = (section_diameter(body.vertices, body.lumen, 2e-3) for body in (imaged, unloaded.body))
    assert after < 0.95 * before
    assert np.array_equal(unloaded.body.vertices[imaged.held], imaged.vertices[imaged.held])


def test_it_says_by_how_much_it_missed(imaged, unloaded):
    missed = np.linalg.norm(unloaded.body.vertices + unloaded.displacement - imaged.vertices, axis=1).max()
    assert unloaded.error == pytest.approx(missed, rel=1e-6)
    assert unloaded.error <= TOLERANCE


def test_loading_it_again_gives_the_shape_that_was_imaged(imaged, unloaded):
    """Loaded by the float64 twin, which knows nothing of how the shape was found."""
    loaded = unloaded.body.vertices + Twin(unloaded.body).equilibrium(PRESSURE, unloaded.displacement)
    off = np.linalg.norm(loaded - imaged.vertices, axis=1).max()
    print(f"unloaded and loaded again: largest miss {1e6 * off:.2f} µm of {1e6 * np.abs(unloaded.displacement).max():.0f} µm")
    assert off <= 1.2 * TOLERANCE


def test_unloading_what_was_loaded_gives_the_shape_it_had(imaged):
    """Load → unload: the twin loads a body from rest, and unloading has to find that body again."""
    displacement = Twin(imaged).equilibrium(PRESSURE, steps=2)
    swollen = dataclasses.replace(imaged, vertices=imaged.vertices + displacement)
    found = unload(swollen, blood_pressure=PRESSURE, tolerance=TOLERANCE)
    off = np.linalg.norm(found.body.vertices - imaged.vertices, axis=1).max()
    print(f"loaded and unloaded again: largest miss {1e6 * off:.2f} µm")
    assert off <= 3.0 * TOLERANCE


def test_without_pressure_nothing_changes(imaged):
    found = unload(imaged, blood_pressure=0.0, tolerance=TOLERANCE)
    assert found.error < 1e-12
    assert np.array_equal(found.body.vertices, imaged.vertices)


def around_the_axis(body: Body) -> np.ndarray:
    """Frames of a tube about z: around it, along it and out of it, shape (m, 3, 3)."""
    middle = body.vertices[body.tets].mean(1) * np.array([1.0, 1.0, 0.0])
    outward = middle / np.linalg.norm(middle, axis=1, keepdims=True)
    along = np.broadcast_to([0.0, 0.0, 1.0], outward.shape)
    return np.stack([np.cross(along, outward), along, outward], axis=2)


LAWS = {
    "yeoh": Yeoh(30.0e3, 60.0e3, 30.0e3, 1.0e6, 1100.0),
    "fibres": GasserOgdenHolzapfel(30.0e3, 100.0e3, 5.0, 0.1, 0.6, 1.0e6, 1100.0),
    "viscous": Viscous(StableNeoHookean.from_young(0.4e6, 0.45, 1100.0), 1e4),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LAWS)
def test_tissue_of_any_law_is_unloaded(imaged, name):
    """Loaded by the engine's own statics, whose laws and balance are held to their twins elsewhere, and unloaded again."""
    body = dataclasses.replace(imaged, laws=(LAWS[name],), frames=around_the_axis(imaged))
    model = build_model(body)
    state = new_state(model)
    ImplicitSolver(model, Settings(linear_tolerance=0.01)).solve(state, Command(blood_pressure=PRESSURE))
    displacement = state.displacement.to_numpy()
    found = unload(dataclasses.replace(body, vertices=body.vertices + displacement), blood_pressure=PRESSURE, tolerance=TOLERANCE)
    off = np.linalg.norm(found.body.vertices - body.vertices, axis=1).max()
    print(f"{name}: moved by {1e6 * np.abs(displacement).max():.0f} µm, largest miss {1e6 * off:.2f} µm")
    assert np.abs(displacement).max() > 50e-6
    assert found.error <= TOLERANCE
    assert off <= 3.0 * TOLERANCE


def test_what_nothing_holds_is_refused(imaged):
    with pytest.raises(ModelError, match="is free to"):
        unload(dataclasses.replace(imaged, held=np.zeros(0, int)), blood_pressure=PRESSURE, tolerance=TOLERANCE)
