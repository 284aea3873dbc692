"""Elastica, roll-up and the bend of 45 degrees: rods whose ends go far."""

import dataclasses

import numpy as np
import pytest

from sim.rods.builders import wire
from sim.rods.laws import LinearElastic
from sim.rods.sections import rectangular
from sim.rods.statics import Effort, rest, task_for
from tests.rods.samples import ideal_wire

# Deflection, shortening and turn of the end of a cantilever, over its length, by P L²/EI: elliptic integrals.
ELASTICA = [
    (0.1, 0.033295, 0.000665, 0.049954),
    (0.5, 0.162144, 0.015919, 0.244534),
    (1.0, 0.301721, 0.056433, 0.461352),
    (2.0, 0.493457, 0.160642, 0.781750),
    (3.0, 0.603253, 0.254420, 0.986017),
    (5.0, 0.713792, 0.387628, 1.215368),
    (10.0, 0.810609, 0.554996, 1.430286),
]


def cantilever_tip(load: float, count: int, stiff: float = 1e6) -> tuple[float, float]:
    """Deflection and shortening of a unit cantilever."""
    network, pose = ideal_wire(1.0, count, stiff=stiff)
    task = task_for(network)
    task.held[0] = True
    task.load[-1, 0] = load
    found = rest(network, pose, task, effort=Effort(increments=4))
    assert found.unstable == 0
    assert np.isclose(found.reaction[0, 0], -load, rtol=1e-6)
    return found.pose.position[-1, 0], 1.0 - found.pose.position[-1, 2]


@pytest.mark.parametrize(("load", "deflection", "shortening", "turn"), ELASTICA)
def test_elastica(load, deflection, shortening, turn):
    across, along = cantilever_tip(load, 40)
    print(f"\nelastica PL²/EI = {load:g}: w/L {across:.6f} ({deflection}), u/L {along:.6f} ({shortening})")
    assert across == pytest.approx(deflection, rel=0.01)
    assert along == pytest.approx(shortening, rel=0.01)


def test_the_error_falls_with_the_square_of_the_elements_length():
    errors = [abs(cantilever_tip(5.0, count, 1e9)[0] - 0.713792) for count in (5, 10, 20, 40)]
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    print(f"\nerrors {np.array(errors)}, rates {rates}")
    assert np.all(np.abs(rates - 2.0) < 0.15)


def test_a_moment_rolls_a_wire_up_to_a_circle():
    network, pose = ideal_wire(1.0, 24)
    task = task_for(network)
    task.held[0] = True
    task.load[-1, 4] = 2.0 * np.pi
    found = rest(network, pose, task, effort=Effort(increments=6))
    gap = np.linalg.norm(found.pose.position[-1])
    print(f"\nroll-up: the end comes back to within {gap:.1e} of the length")
    assert gap < 1e-9


def bend_of_45_degrees(count: int, torsion: float) -> np.ndarray:
    """Displacement of the end of Bathe & Bolourchi's bend (1979, doi:10.1002/nme.1620140703) under 600 out of its plane."""
    angle = np.linspace(0.0, np.pi / 4.0, count + 1)
    points = 100.0 * np.stack([np.sin(angle), 1.0 - np.cos(angle), 0.0 * angle], 1)
    section = dataclasses.replace(rectangular(1.0, 1.0, poisson=0.0), torsion_constant=torsion)
    network, pose = wire(points, section, LinearElastic(1e7, 0.0), width_direction=np.array([0.0, 0.0, 1.0]))
    task = task_for(network)
    task.held[0] = True
    task.load[-1, 2] = 600.0
    found = rest(network, pose, task, effort=Effort(increments=4))
    return np.abs(found.pose.position[-1] - points[-1])


def test_the_bend_of_45_degrees():
    moved = bend_of_45_degrees(32, 1.0 / 6.0)
    print(f"\n45° bend: {moved} for 23.646, 13.721, 53.578 of spectral elements and 23.5606, 13.6046, 53.4755 of shooting")
    assert moved == pytest.approx([23.646, 13.721, 53.578], rel=0.01)
    # The rod's own differential equations, by shooting with an error of 1e-10.
    assert moved == pytest.approx([23.5606, 13.6046, 53.4755], rel=5e-4)
    assert bend_of_45_degrees(32, rectangular(1.0, 1.0).torsion_constant) == pytest.approx([23.8191, 13.7316, 53.6080], rel=5e-4)
