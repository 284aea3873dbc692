"""A catheter that lies in a rigid tube and is pressed together: it snakes, and then coils, at the loads of the closed forms."""

import numpy as np
import pytest

from sim.device import Sheath
from sim.rods.builders import parallel_frames, straight_wire, wire
from sim.rods.laws import LinearElastic
from sim.rods.network import Pose, RodNetwork
from sim.rods.rotations import from_matrices
from sim.rods.sections import circular
from sim.rods.statics import Effort, Task, buckling_share, rest, task_for
from sim.solvers.enclosed import Enclosed

DIAMETER, STIFFNESS = 5.0 / 3.0 * 1e-3, 200e-6
"""A catheter of 5F with EI = 200 N·mm² [m], [N·m²]."""

CLEARANCE, WEIGHT = 2e-3, 1.0
"""Between the catheter's middle line and the tube's axis [m], and what presses it to the tube's floor [N/m]."""

LAW = LinearElastic(STIFFNESS / (np.pi * DIAMETER**4 / 64.0), 0.3)
WAVE = (WEIGHT / (STIFFNESS * CLEARANCE)) ** 0.25
"""k of the first snake, k⁴ = w/(EI r) [1/m]."""

SNAKE = 2.0 * np.sqrt(STIFFNESS * WEIGHT / CLEARANCE)
"""Dawson and Paslay 1984, J Pet Technol 36:1734: F = 2 √(EI w/r) [N]."""

COIL = np.sqrt(2.0) * SNAKE
"""Chen, Lin and Cheatham 1990, J Pet Technol 42:140: F = 2 √2 √(EI w/r), where a helix costs as little as a straight rod [N]."""


def lying(network: RodNetwork, pose: Pose, push: float) -> tuple[Enclosed, Task]:
    """A catheter along z in the tube, with its weight down y, pressed along z; its ends do not go aside."""
    nodes = np.arange(network.node_count)
    axis = np.array([[0.0, 0.0, -0.01], [0.0, 0.0, 1.2 * pose.position[-1, 2]]])
    task = task_for(network)
    task.load[:, 1] = -WEIGHT * np.bincount(network.elements.ravel(), np.repeat(0.5 * network.rest_length, 2), len(nodes))
    task.load[-1, 2] = -push
    task.held[[0, -1], 0] = True
    task.held[0, [2, 5]] = True
    return Enclosed.of(network, Sheath("tube", nodes, axis, CLEARANCE), pose), task


def test_a_catheter_on_the_floor_of_a_tube_snakes():
    halves, count = 6, 72
    length, floor = halves * np.pi / WAVE, np.array([0.0, -CLEARANCE, 0.0])
    network, pose = straight_wire(floor, floor + np.array([0.0, 0.0, length]), count, circular(DIAMETER), LAW)
    tube, task = lying(network, pose, 1.3 * SNAKE)
    share = buckling_share(tube, pose, task, low=0.2)
    # Weight and push grow together.
    ratio = share * 1.3 * SNAKE / (np.sqrt(share) * SNAKE)
    print(f"\nsinusoidal buckling of {halves} half waves at {ratio:.4f} of 2 √(EI w/r)")
    assert ratio == pytest.approx(1.0, rel=0.1)


def coiled(turns: int, push: float) -> tuple[float, np.ndarray]:
    """What a helix of so many turns in the tube stores beyond a straight catheter under the same push [J], and its shape [m].

    Its ends are held as those of a helix are; one may come nearer to the other.
    """
    pitch = 2.0 * np.pi / np.sqrt(COIL / (2.0 * STIFFNESS))
    angle = np.linspace(0.0, 2.0 * np.pi * turns, 24 * turns + 1)
    points = np.stack([CLEARANCE * np.sin(angle), -CLEARANCE * np.cos(angle), pitch * angle / (2.0 * np.pi)], 1)
    network, _ = wire(points, circular(DIAMETER), LAW, natural_curvature=np.zeros(3))
    pose = Pose(points, from_matrices(parallel_frames(points)))
    tube, task = lying(network, pose, push)
    task.held[[0, -1]] = True
    task.held[-1, [2, 5]] = False
    # Small steps: with large ones Newton's method comes to rests with other numbers of turns.
    found = rest(tube, pose, task, effort=Effort(stable=False, iterations=400, largest_turn=0.004, largest_step=2e-4))
    potential = found.energy - float((task.load[:, :3] * found.pose.position).sum())
    length, stretching = float(network.rest_length.sum()), LAW.young_modulus * 0.25 * np.pi * DIAMETER**2
    straight = push * length - push**2 * length / (2.0 * stretching) - WEIGHT * CLEARANCE * length
    return potential - straight, found.pose.position


def test_a_helix_costs_as_little_as_a_straight_catheter_at_the_helical_load():
    shares, gains = np.array([1.0, 1.3]), []
    for share in shares:
        # What the ends cost is the same in both.
        (short, _), (long, shape) = coiled(3, share * COIL), coiled(5, share * COIL)
        gains.append(long - short)
    turned = np.unwrap(np.arctan2(shape[:, 0], -shape[:, 1]))
    # A helix of given pitch gains in proportion to the push, F r² q²/2 a length.
    found = shares[0] - gains[0] * (shares[1] - shares[0]) / (gains[1] - gains[0])
    slope = (gains[1] - gains[0]) / (shares[1] - shares[0])
    expected = -4.0 * np.pi * np.sqrt(2.0 * STIFFNESS / COIL) * 2.0 * WEIGHT * CLEARANCE
    print(f"\nhelix and straight catheter cost the same at {found:.4f} of 2 √2 √(EI w/r)")
    assert turned[-1] - turned[0] == pytest.approx(10.0 * np.pi, rel=1e-9)
    assert found == pytest.approx(1.0, rel=0.1)
    assert slope == pytest.approx(expected, rel=0.1)
