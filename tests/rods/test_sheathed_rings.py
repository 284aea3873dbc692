"""The Open Stent ring in a sheath that closes on it: its calculator's radial force, and forces that balance."""

import dataclasses

import numpy as np
import pytest

from sim.device import Sheath
from sim.rods.builders import with_joints
from sim.rods.network import Pose
from sim.rods.rotations import from_matrices
from sim.rods.sections import Joint
from sim.rods.statics import Effort, task_for
from sim.solvers.enclosed import squeezed
from tests.rods.test_stents import OPEN_STENT, RING_LENGTH
from tests.rods.zigzag import build_stent

DIAMETERS = np.array([7.5, 7.0, 6.5])
PUBLISHED = np.array([0.2592, 0.5185, 0.7777])
"""Radial force a length at these diameters [mm], [N/mm]."""


def test_a_ring_in_a_closing_sheath_presses_as_the_calculator_says():
    stent = OPEN_STENT
    network, pose = build_stent(stent)
    crowns, count = np.arange(stent.strut_count), network.node_count
    angle = 2.0 * np.pi * crowns / stent.strut_count
    c, s, zero, one = np.cos(angle), np.sin(angle), np.zeros(len(angle)), np.ones(len(angle))
    frames = np.stack([np.stack([s, -c, zero], 1), np.stack([c, s, zero], 1), np.stack([zero, zero, one], 1)], 2)
    pose = Pose(np.append(pose.position, pose.position[crowns], 0), np.append(pose.rotation, from_matrices(frames), 0))
    network = dataclasses.replace(network, node_count=count + len(crowns))
    # Crowns stay in their planes of symmetry and are free within them: only the sheath presses.
    guide = Joint((1e7, 0.0, 0.0), (0.0, 10.0, 10.0))
    network = with_joints(network, pose, np.stack([count + crowns, crowns], 1), guide)
    task = task_for(network)
    task.held[count:] = True
    task.held[stent.strut_count * (1 + stent.crown_divisions) + stent.divisions // 2 - 1, 2] = True
    axis = np.array([[0.0, 0.0, -0.01], [0.0, 0.0, 0.01]])
    sheath = Sheath("crimper", np.arange(count), axis, 4e-3)
    found = squeezed(network, pose, sheath, 0.5e-3 * DIAMETERS, task=task, effort=Effort())
    radial = np.array([one.force for one in found]) / RING_LENGTH
    print("\n" + "; ".join(f"{d} mm: {f:.4f} N/mm for {p}" for d, f, p in zip(DIAMETERS, radial, PUBLISHED, strict=True)))
    assert radial == pytest.approx(PUBLISHED, rel=0.1)
    # What the sheath presses inwards is what the rods push outwards.
    last = found[-1]
    slope = network.evaluate(last.pose, last.history)[1][:count, :3]
    place = last.pose.position[:count]
    outward = place[:, :2] / np.linalg.norm(place[:, :2], axis=1, keepdims=True)
    pushed = -float((slope[:, :2] * outward).sum())
    assert pushed == pytest.approx(last.force, rel=1e-3)
