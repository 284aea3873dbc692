"""The Open Stent ring in a sheath that closes on it: its calculator's radial force, and forces that balance."""

import numpy as np
import pytest

from sim.device import Sheath
from sim.rods.sections import Joint
from sim.rods.statics import Effort
from sim.solvers.enclosed import squeezed
from tests.rods.test_stents import OPEN_STENT, RING_LENGTH
from tests.rods.zigzag import guided_ring

DIAMETERS = np.array([7.5, 7.0, 6.5])
PUBLISHED = np.array([0.2592, 0.5185, 0.7777])
"""Radial force a length at these diameters [mm], [N/mm]."""


def test_a_ring_in_a_closing_sheath_presses_as_the_calculator_says():
    # Crowns are free within their planes of symmetry: only the sheath presses.
    network, pose, task, _ = guided_ring(OPEN_STENT, Joint((1e7, 0.0, 0.0), (0.0, 10.0, 10.0)))
    count = network.node_count - OPEN_STENT.strut_count
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
