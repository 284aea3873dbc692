"""The slope is that of the energy, the stiffness that of the slope, for every law and at any pose."""

import numpy as np
import pytest

from sim.rods.builders import with_joints
from sim.rods.laws import NITINOL_SE508, STEEL_316L, Elastoplastic, LinearElastic
from sim.rods.sections import Joint
from tests.rods.samples import random_network, random_step

MIXED = Elastoplastic(193e9, 205e6, 5e9, kinematic_share=0.4)
LAWS = [LinearElastic(60e9), STEEL_316L, MIXED, NITINOL_SE508]


def richardson(function, width: float):
    """Derivative at nought by differences of fourth order."""
    near = (function(width) - function(-width)) / (2.0 * width)
    far = (function(2.0 * width) - function(-2.0 * width)) / (4.0 * width)
    return (4.0 * near - far) / 3.0


def strained(law, seed):
    """A random network that has been strained once before."""
    network, pose = random_network(law, seed=seed)
    history = network.history_after(pose.moved(0.02 * random_step(6, seed=seed + 50)), network.fresh_history())
    return network, pose, history


@pytest.mark.parametrize("law", LAWS, ids=["linear", "steel", "mixed", "nitinol"])
def test_slope_is_that_of_the_energy(law):
    errors = []
    for seed in range(8):
        network, pose, history = strained(law, seed)
        step = random_step(6, seed=seed + 100)
        measured = richardson(lambda t, n=network, p=pose, h=history, s=step: n.evaluate(p.moved(t * s), h)[0], 2e-6)
        slope = network.evaluate(pose, history)[1]
        errors.append(abs(measured - (slope * step).sum()) / np.linalg.norm(slope * step))
    print(f"\nslope of the energy, {type(law).__name__}: worst relative error {max(errors):.1e}, median {np.median(errors):.1e}")
    # Where a fibre yields within the difference, its width shows; elsewhere it is rounding.
    assert np.median(errors) < 1e-7
    assert max(errors) < 1e-6


@pytest.mark.parametrize("law", LAWS, ids=["linear", "steel", "mixed", "nitinol"])
def test_stiffness_is_the_slope_of_the_slope(law):
    errors = []
    for seed in range(8):
        network, pose, history = strained(law, seed)
        one, two = random_step(6, seed=seed + 100), random_step(6, seed=seed + 200)

        def change(step, n=network, p=pose, h=history):
            return richardson(lambda t: n.evaluate(p.moved(t * step), h)[1], 2e-7)

        matrix = network.stiffness(pose, history)
        assert abs(matrix - matrix.T).max() <= 1e-14 * abs(matrix).max()
        # The slope's own derivative is skew by the moments left over; its symmetric part is that of the energy.
        measured = 0.5 * ((change(one) * two).sum() + (change(two) * one).sum())
        exact = two.ravel() @ (matrix @ one.ravel())
        size = np.sqrt((one.ravel() @ (matrix @ one.ravel())) * (two.ravel() @ (matrix @ two.ravel())))
        errors.append(abs(measured - exact) / size)
    print(f"\nslope of the slope, {type(law).__name__}: worst relative error {max(errors):.1e}, median {np.median(errors):.1e}")
    assert np.median(errors) < 1e-7


@pytest.mark.parametrize("law", LAWS, ids=["linear", "steel", "mixed", "nitinol"])
def test_the_positive_part_is_positive(law):
    for seed in range(4):
        network, pose, history = strained(law, seed)
        scale = np.tile([1.0] * 3 + [1e3] * 3, 6)
        matrix = network.stiffness(pose, history, positive=True).toarray() * np.outer(scale, scale)
        values = np.linalg.eigvalsh(matrix)
        assert values[0] > -1e-12 * values[-1]


def test_joints_are_springs_with_the_same_slopes():
    network, pose = random_network(LinearElastic(60e9), seed=3)
    joined = with_joints(network, pose, np.array([[0, 3], [2, 5]]), Joint((1e3, 2e3, 3e3), (1e-3, 2e-3, 3e-3)))
    history = joined.fresh_history()
    assert np.isclose(joined.evaluate(pose, history)[0], network.evaluate(pose, history)[0], rtol=1e-12)
    moved, step = pose.moved(0.05 * random_step(6, seed=1)), random_step(6, seed=2)
    measured = richardson(lambda t: joined.evaluate(moved.moved(t * step), history)[0], 1e-4)
    assert np.isclose(measured, (joined.evaluate(moved, history)[1] * step).sum(), rtol=1e-8)


def test_ends_half_a_turn_apart_are_refused():
    network, pose = random_network(LinearElastic(60e9), seed=0)
    step = np.zeros((6, 6))
    step[5, 3:] = 0.0, 0.0, 3.1
    with pytest.raises(FloatingPointError, match=r"element 4 turn by .* Divide the rod"):
        for axis in np.eye(3):
            step[5, 3:] = 3.1 * axis
            network.evaluate(pose.moved(step), network.fresh_history())
