"""The three problems of Land et al. 2015, doi:10.1098/rspa.2015.0641, by which codes for the heart compare themselves."""

import math

import numpy as np
import pytest

from sim.command import Command
from sim.materials.active import Active
from sim.materials.guccione import Guccione
from tests.verification.bodies import MILLIMETRE, graded_beam, ventricle
from tests.verification.references import LAND_BEAM_TIP, LAND_CONTRACTED_APEX, LAND_INFLATED_APEX
from tests.verification.resting import Bench, made_of, mirrors, order, order_to_limit

# The benchmark's tissue keeps its volume. More bulk than this would cost less volume and, on the same mesh, more stiffness.
TENSION = 60e3
BEAM = Active(Guccione(c=2e3, bf=8.0, bt=2.0, bfs=4.0, bulk=3e5, density=1000.0), TENSION)
PASSIVE = Active(Guccione(c=10e3, bf=1.0, bt=1.0, bfs=1.0, bulk=5e6, density=1000.0), TENSION)
MESHES = ((1.4, 3), (1.0, 4), (0.75, 5))  # size [mm] and layers
ACTIVE = Active(Guccione(c=2e3, bf=8.0, bt=2.0, bfs=4.0, bulk=5e6, density=1000.0), TENSION)


def beam_error(along: int, up: int) -> float:
    """Error of the tip's height in problem 1, on the half of the beam on one side of its plane of symmetry."""
    size = (10.0 * MILLIMETRE, 0.5 * MILLIMETRE, 1.0 * MILLIMETRE)
    solid = graded_beam(size, (along, 2, up), growth=math.exp(1.5))
    frames = np.broadcast_to(np.eye(3), (len(solid.tets), 3, 3))
    body = made_of(solid, BEAM, held=solid.on(0, 0.0), frames=frames, surfaces={"below": solid.faces(solid.on(2, 0.0))})
    bench = Bench.of(mirrors(body, solid, [solid.on(1, size[1])], scale=BEAM.shear_modulus * up / MILLIMETRE))
    u = bench.settle(Command(pressures={"below": 4.0}))
    height = size[2] + u[solid.at(*size), 2]
    return bench.tell("Land 1, tip", 1e3 * height, 1e3 * LAND_BEAM_TIP, "mm")


@pytest.mark.slow
def test_beam():
    errors = [beam_error(34, 6), beam_error(66, 12), beam_error(100, 18)]
    rate = order(errors, [1 / 6, 1 / 12, 1 / 18])
    print(f"Land 1: error falls with the power {rate:.2f} of the size")
    assert abs(errors[-1]) < 0.01
    assert rate > 1.5


@pytest.mark.slow
def test_finer_beam():
    assert abs(beam_error(132, 24)) < 0.01


def apex_errors(law, size_mm: float, layers: int, pressure: float, activation: float, expected) -> list[float]:
    """Errors of the apex's height inside and outside."""
    solid, frames, sides = ventricle(size_mm, layers)
    body = made_of(solid, law, held=sides["base"], frames=frames, surfaces={"endocardium": solid.faces(sides["endocardium"])})
    bench = Bench.of(body)
    u = bench.settle(Command(pressures={"endocardium": pressure}, activation=activation))
    errors = []
    for rest, reference, name in zip((-17e-3, -20e-3), expected, ("inside", "outside"), strict=True):
        height = rest + u[solid.at(0.0, 0.0, rest), 2]
        errors.append(bench.tell(f"Land {3 if activation else 2}, apex {name}", 1e3 * height, 1e3 * reference, "mm"))
    return errors


def tell_rates(case: str, errors: list[list[float]]) -> None:
    """Print the power of the size with which each apex goes to its limit, which a finite bulk modulus keeps off the reference."""
    sizes = [size for size, _ in MESHES]
    rates = [order_to_limit(one, sizes) for one in zip(*errors, strict=True)]
    print(f"{case}: the apex goes with the power {rates[0]:.2f} of the size inside and {rates[1]:.2f} outside")
    assert min(rates) > 1.0


@pytest.mark.slow
def test_inflation():
    errors = [apex_errors(PASSIVE, *mesh, 10e3, 0.0, LAND_INFLATED_APEX) for mesh in MESHES]
    tell_rates("Land 2", errors)
    assert np.abs(errors[-1]).max() < 0.01


@pytest.mark.slow
def test_contraction():
    errors = [apex_errors(ACTIVE, *mesh, 15e3, 1.0, LAND_CONTRACTED_APEX) for mesh in MESHES]
    tell_rates("Land 3", errors)
    assert np.abs(errors[-1]).max() < 0.03
