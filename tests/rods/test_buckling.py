"""Columns, twisted wires and twisted rings leave their straight or plane shape at the load of the classical formulas."""

import numpy as np
import pytest
from scipy.special import ellipk

from sim.rods.builders import Strand, join, parallel_frames
from sim.rods.network import Pose
from sim.rods.rotations import from_vectors
from sim.rods.statics import Effort, buckling_share, lowest_mode, rest, task_for
from tests.rods.samples import UNIT_LAW, ideal, ideal_wire


@pytest.mark.parametrize(("ends", "factor"), [("clamped-free", 0.25), ("pinned", 1.0), ("clamped", 4.0)])
def test_euler_columns(ends, factor):
    network, pose = ideal_wire(1.0, 40)
    task = task_for(network)
    task.load[-1, 2] = -1.3 * factor * np.pi**2
    task.held[0, [0, 1, 2, 5]] = True
    if ends != "pinned":
        task.held[0] = True
    if ends != "clamped-free":
        task.held[-1, :2] = True
    if ends == "clamped":
        task.held[-1, 3:] = True
    load = 1.3 * buckling_share(network, pose, task, low=0.3)
    print(f"\nEuler, {ends}: {load:.4f} of the critical load")
    assert load == pytest.approx(1.0, rel=0.03)


def test_a_column_past_its_load_bends_aside():
    network, pose = ideal_wire(1.0, 40)
    task = task_for(network)
    task.held[0] = True
    task.load[-1, 2] = -1.5 * np.pi**2 / 4.0
    found = rest(network, pose, task, effort=Effort(increments=4))
    print(f"\ncolumn at 1.5 of its load: the end goes {np.linalg.norm(found.pose.position[-1, :2]):.4f} aside")
    assert found.unstable == 0
    # Elastica: P/P_cr = (2 K(m)/π)², and the end goes 2 √m/K(m) of the length aside.
    low, high = 0.0, 0.99
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if (2.0 * ellipk(middle) / np.pi) ** 2 < 1.5 else (low, middle)
    exact = 2.0 * np.sqrt(low) / ellipk(low)
    assert np.linalg.norm(found.pose.position[-1, :2]) == pytest.approx(exact, rel=0.01)


def test_a_long_twisted_wire_buckles_at_greenhills_moment():
    bending, twisting, tension, length, count = 1.0, 1.0 / 1.3, 1.0, 60.0, 600
    network, pose = ideal_wire(length, count, bending=bending, twisting=twisting, stiff=1e4)
    task = task_for(network)
    task.held[[0, -1]] = True
    task.held[-1, 2] = False
    task.load[-1, 2] = tension
    pulled = rest(network, pose, task).pose
    classical = 2.0 * np.sqrt(bending * tension)
    full = 1.2 * classical * length / twisting
    low, high = 0.5, 1.0
    for _ in range(11):
        share = 0.5 * (low + high)
        turned = np.zeros((count + 1, 3))
        turned[:, 2] = share * full * np.linspace(0.0, 1.0, count + 1)
        twisted = Pose(pulled.position, from_vectors(turned))
        stable = lowest_mode(network, twisted, network.fresh_history(), task.held, lowest=True)[0] > 0.0
        low, high = (share, high) if stable else (low, share)
    _, slope = network.evaluate(twisted, network.fresh_history())
    print(f"\nGreenhill: M²/4BT = {slope[-1, 5] ** 2 / (4.0 * bending * tension):.4f} at the point of buckling")
    assert slope[-1, 5] ** 2 == pytest.approx(4.0 * bending * tension, rel=0.03)


@pytest.mark.parametrize(
    ("ratio", "classical"),
    [pytest.param(1.0, 10.883, marks=pytest.mark.slow), (1.3, 14.148), pytest.param(1.5, 16.324, marks=pytest.mark.slow)],
)
def test_a_twisted_ring_buckles_at_michells_angle(ratio, classical):
    count = 80
    angle = 2.0 * np.pi * np.arange(count + 1) / count
    points = np.stack([np.cos(angle), np.sin(angle), 0.0 * angle], 1)
    frames = parallel_frames(points, width_direction=np.array([0.0, 0.0, 1.0]))
    frames[[0, -1]] = np.stack([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], 1)
    strand = Strand(np.arange(count + 1), frames, ideal(ratio, 1.0, stiff=1e4), UNIT_LAW, np.zeros(3))
    network, pose = join(points, [strand])
    task = task_for(network)
    # Both ends are the ring's one seam; the far side is kept from rolling about it.
    task.held[[0, -1]] = True
    task.held[count // 2, 2] = True
    task.motion[-1, 4] = 1.3 * classical
    twist = 1.3 * classical * buckling_share(network, pose, task, low=0.5, increments=20)
    print(f"\nMichell, B/C = {ratio}: {twist:.3f} rad for {classical}")
    assert twist == pytest.approx(classical, rel=0.03)


@pytest.mark.slow
def test_a_wire_with_27_turns_and_slack_localises():
    # van der Heijden & Thompson 2000; figures of PyElastica's helical buckling case. The wire starts twisted, with a bump.
    length, bending, twisting, count = 100.0, 1.345, 0.789, 320
    network, pose = ideal_wire(length, count, bending=bending, twisting=twisting, stiff=1e4)
    task = task_for(network)
    task.held[[0, -1]] = True
    task.motion[-1, 2] = -3.0
    along = np.linspace(0.0, 1.0, count + 1)
    bump = 0.05 * np.sin(np.pi * along) / np.cosh(12.0 * (along - 0.5))
    phase = 1.325 / (2.0 * bending) * length * (along - 0.5)
    turned = np.zeros((count + 1, 3))
    turned[:, 2] = 54.0 * np.pi * along
    bumped = pose.position + np.stack([bump * np.cos(phase), bump * np.sin(phase), 0.0 * along], 1)
    found = rest(network, Pose(bumped, from_vectors(turned)), task, effort=Effort(increments=3))
    tangent = np.diff(found.pose.position, axis=0)
    angle = np.arccos(tangent[:, 2] / np.linalg.norm(tangent, axis=1))
    moment, tension = found.reaction[-1, 5], found.reaction[-1, 2]
    print(f"\nhelical buckling: {angle.max():.4f} rad for 0.8317, M {moment:.4f} for 1.3254, T {tension:.4f} for 0.3902")
    assert angle.max() == pytest.approx(0.831676, rel=0.02)
    assert moment == pytest.approx(1.32538, rel=0.02)
    assert tension == pytest.approx(0.390184, rel=0.03)
