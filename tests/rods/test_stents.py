"""A laser-cut ring pressed together, against the clamped–guided struts of the Open Stent calculator."""

import dataclasses

import numpy as np
import pytest

from sim.rods.laws import NITINOL_SE508, LinearElastic
from sim.rods.sections import Joint
from sim.rods.statics import Effort, rest
from tests.rods.zigzag import ZigzagStent, build_stent, guided_ring

# Open Stent design (Bonsignore): tube of 1.92 mm, 42 struts a ring, centre lines of crowns 1.294 mm apart when cut, shape-set
# to 8 mm. A strut is a sector of the tube, whose I is that of a rectangle 0.0886 mm wide and not of its outer 0.094 mm.
TUBE, STRUT, THICKNESS, OUTER_WIDTH = 1.92e-3, 1.294e-3, 0.111e-3, 0.094e-3
WIDTH = (12.0 * 6.444e-18 / THICKNESS) ** (1.0 / 3.0)
CROWN = np.pi * TUBE / 42.0
OPEN_STENT = ZigzagStent(
    radius=4e-3,
    strut_count=42,
    strut_length=STRUT - CROWN,
    crown_length=np.pi / 2.0 * CROWN,
    width=WIDTH,
    thickness=THICKNESS,
    law=LinearElastic(40e9, 0.33),
)
RING_LENGTH = 1.2207
"""Of the calculator [mm]: the struts' own."""


def pressed(stent: ZigzagStent, drop: float) -> tuple[np.ndarray, float]:
    """Outward force of each crown [N] and the largest strain, when all crowns go inwards by `drop` [m].

    Crowns keep their plane with the axis, as the ring's symmetry has it; they may go up and down and tilt in that plane.
    """
    network, pose, task, outward = guided_ring(stent, Joint((1e7, 1e7, 0.0), (0.0, 10.0, 10.0)))
    count, (c, s) = network.node_count - stent.strut_count, outward.T
    task.motion[count:, 0], task.motion[count:, 1] = -drop * c, -drop * s
    found = rest(network, pose, task, effort=Effort(increments=4))
    force = found.reaction[count:]
    return -(force[:, 0] * c + force[:, 1] * s), float(network.surface_strains(found.pose).max())


@pytest.mark.parametrize(("diameter", "expected", "strain"), [(7.5, 0.2592, 0.594), (7.0, 0.5185, 1.188), (6.5, 0.7777, 1.783)])
def test_an_open_stent_ring_pushes_back(diameter, expected, strain):
    force, surface = pressed(OPEN_STENT, 0.5e-3 * (8.0 - diameter))
    radial, widened = force.sum() / RING_LENGTH, 100.0 * surface * OUTER_WIDTH / WIDTH
    print(f"\nOpen Stent at {diameter} mm: {radial:.4f} N/mm for {expected}, strain {widened:.3f} % for {strain}")
    assert radial == pytest.approx(expected, rel=0.1)
    assert widened == pytest.approx(strain, rel=0.1)
    assert np.ptp(force) < 1e-3 * force.mean()


def test_a_ring_without_crown_arcs_is_the_guided_beam_at_its_angle():
    # Small deflection: hoop force 12 E I δ / (L³ cos²θ), with clamped–guided struts; radial force 2π times that.
    stent = dataclasses.replace(OPEN_STENT, strut_length=STRUT, crown_length=0.0)
    drop = 1e-6
    force, _ = pressed(stent, drop)
    delta = 2.0 * np.pi * drop / 42.0
    hoop = 12.0 * 40e9 * 6.444e-18 * delta / (STRUT**3 * np.cos(stent.strut_angle) ** 2)
    print(f"\npointed ring: {force.sum():.5e} N for {2.0 * np.pi * hoop:.5e} of the guided beam")
    # The cylinder lets struts tilt and twist, which the plane beam does not: somewhat softer.
    assert 0.9 < force.sum() / (2.0 * np.pi * hoop) < 1.0


def test_a_nitinol_ring_pushes_less_than_its_austenite_would():
    stent = dataclasses.replace(OPEN_STENT, law=NITINOL_SE508, divisions=4, crown_divisions=4)
    linear = dataclasses.replace(stent, law=LinearElastic(59e9, 0.33))
    force, strain = pressed(stent, 1.0e-3)
    other, _ = pressed(linear, 1.0e-3)
    ratio = force.sum() / other.sum()
    print(f"\nnitinol ring at 6 mm: {force.sum() / RING_LENGTH:.3f} N/mm, {ratio:.3f} of austenite's, strain {strain:.4f}")
    assert 0.3 < ratio < 1.0


def test_rings_with_bridges_are_free_of_stress_as_built():
    stent = dataclasses.replace(
        OPEN_STENT, ring_count=10, bridge_count=7, bridge_length=0.15e-3, bridge_width=0.125e-3, divisions=2, crown_divisions=2
    )
    network, pose = build_stent(stent)
    energy, slope = network.evaluate(pose, network.fresh_history())
    radius = np.hypot(pose.position[:, 0], pose.position[:, 1])
    meeting = np.bincount(network.elements.ravel())
    print(f"\nten rings: {network.node_count} nodes, {len(network.elements)} elements, energy {energy:.1e} J")
    assert np.allclose(radius, 4e-3, rtol=1e-12)
    assert energy < 1e-20
    assert np.abs(slope).max() < 1e-9
    # Two ends at each node, three where a bridge comes in: 7 bridges between each two rings.
    assert (meeting == 3).sum() == 2 * 7 * 9
    assert set(meeting) == {2, 3}


def test_struts_that_do_not_reach_round_are_refused():
    with pytest.raises(ValueError, match="do not make a ring"):
        dataclasses.replace(OPEN_STENT, radius=20e-3)
    with pytest.raises(ValueError, match="even number of struts"):
        dataclasses.replace(OPEN_STENT, strut_count=41)
