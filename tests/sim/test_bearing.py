"""What lies upon a balloon: stents within one another, shoulders, fabric."""

import dataclasses

import numpy as np
import pytest

from scenarios.catalogue import find
from scenarios.devices.lattice import device_body, place
from sim.balloon import GuidedBalloon
from sim.device import Mounted
from sim.solvers.bearing import ENDING, bearing
from sim.solvers.device_parts import BalloonPart
from tests.scenarios.shapes import straight_path

ATMOSPHERE = 101325.0
LONG = GuidedBalloon(
    axis=np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.02]]),
    chart_radius=np.array([0.7e-3, 2.8e-3, 3.0e-3, 3.1e-3]),
    chart_pressure=ATMOSPHERE * np.array([0.0, 2.0, 8.0, 14.0]),
    shoulder=2e-3,
)


def two_rings_of_nodes() -> tuple[Mounted, np.ndarray]:
    """An inner stent from 2 to 10 mm and an outer one from 6 to 22 mm along a balloon of 20 mm, two rows of nodes for each."""
    inner, outer = np.linspace(2e-3, 10e-3, 17), np.linspace(6e-3, 22e-3, 33)
    station = np.concatenate([inner, inner, outer, outer])
    radius = np.repeat([1.0e-3, -1.0e-3, 1.2e-3, -1.2e-3], [17, 17, 33, 33])
    points = np.stack([radius, np.zeros(100), station], 1)
    layers = (np.arange(34), np.arange(34, 100))
    return Mounted("stent 2", LONG, np.full(100, 1e-3), 0.0, layers), points


def test_where_one_lies_within_another_the_inner_one_bears_the_balloon():
    mounted, points = two_rings_of_nodes()
    found, station = bearing(mounted, points), points[:, 2]
    assert (found.share[:34] == 1e-3).all()
    outer = np.arange(100) >= 34
    assert not found.share[outer & (station < 10e-3 - 0.5 * ENDING)].any()
    beyond = outer & (station > 10e-3 + 0.5 * ENDING) & (station < 20e-3)
    assert (found.share[beyond] == 1e-3).all()
    assert found.share[outer & (station == 10e-3)] == pytest.approx(0.5e-3)
    # Past the balloon's end nothing lies upon it; where either has struts the wall is not pressed.
    assert not found.share[station > 20e-3].any()
    assert found.spans[0] == pytest.approx([2e-3, 10e-3])
    assert found.spans[1] == pytest.approx([6e-3, 19.5e-3])


def test_stents_with_a_gap_leave_the_wall_between_them_free():
    mounted, points = two_rings_of_nodes()
    points = points.copy()
    points[34:, 2] += 6e-3
    spans = bearing(mounted, points).spans
    assert spans[0, 1] == pytest.approx(10e-3) and spans[1, 0] == pytest.approx(12e-3)


def test_slope_and_stiffness_are_those_of_the_energy_at_shoulders_too():
    mounted, points = two_rings_of_nodes()
    rng = np.random.default_rng(5)
    points = points + 2e-5 * rng.normal(size=points.shape)
    part = BalloonPart(mounted, np.zeros(3), points, 7.0 * ATMOSPHERE)
    way, step = rng.normal(size=points.shape), 1e-9
    slope = (part.evaluate(points + step * way)[0] - part.evaluate(points - step * way)[0]) / (2.0 * step)
    assert slope == pytest.approx(float((part.evaluate(points)[1] * way).sum()), rel=1e-6)
    blocks = part.stiffness(points)
    bent = np.zeros_like(points)
    for nodes, block in zip(blocks.nodes, blocks.values, strict=True):
        bent[nodes[0]] += block @ way[nodes[0]]
    change = (part.evaluate(points + step * way)[1] - part.evaluate(points - step * way)[1]) / (2.0 * step)
    assert bent == pytest.approx(change, rel=1e-5, abs=1e-5 * np.abs(change).max())


def test_a_strut_at_a_shoulder_is_pressed_until_it_is_as_wide_as_the_shoulder():
    mounted, points = two_rings_of_nodes()
    pressure = 8.0 * ATMOSPHERE
    part = BalloonPart(mounted, np.zeros(3), points, pressure)
    narrow = float(LONG.share_at(np.array([19.5e-3]))[0])
    last = 34 + 27
    assert points[last, 2] == pytest.approx(19.5e-3) and 0.5 < narrow < 0.9
    free = points.copy()
    for share, pressed in ((0.99, True), (1.01, False)):
        free[last, 0] = share * narrow * LONG.free_radius(pressure)
        assert bool(np.abs(part.evaluate(free)[1][last]).max() > 0.0) is pressed


def test_fabric_bears_the_area_that_it_has():
    six = find("covered stent 6x16")
    path = straight_path(40.0, radius=4.0)
    lattice = place(six.stent, path, station_mm=20.0)
    body = device_body(lattice, six.stent, six.balloon, path.at(np.linspace(10.5, 29.5, 81))[0], drag=1.0)
    own = body.balloons[0]
    points = body.pose.position
    found = bearing(own, points)
    corner = points[own.fabric]
    area = 0.5 * np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1).sum()
    radius = np.hypot(*points[:, :2].T)
    assert (found.share * radius).sum() == pytest.approx(area, rel=0.05)
    length = np.ptp(points[:, 2])
    assert found.share.sum() == pytest.approx(2.0 * np.pi * length, rel=0.1)
    assert bearing(dataclasses.replace(own, fabric=own.fabric[:0]), points).share == pytest.approx(own.share)
