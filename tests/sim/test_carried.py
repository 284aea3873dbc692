"""Stents and balloons on a catheter: they go where it goes, and press on it what they press on struts."""


import numpy as np
import pytest

from scenarios.delivery.access import Access, with_access
from scenarios.devices.over_wire import CATHETER, WIRE
from sim.body import ModelError
from sim.carrying import carried_along
from sim.command import Command, Drive
from sim.device import DeviceBody
from sim.model import build_model
from sim.rods.network import Pose
from sim.solvers.carried_balloon import BeamPart, CarriedBalloonPart, on_a_catheter
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.settings import Settings
from sim.solvers.waiting import ridden
from sim.state import new_state
from tests.scenarios.small_case import small_case

ATMOSPHERE = 101325.0


def over_a_wire(**asked):
    """The small tube's stent on a catheter over a workhorse wire."""
    case = small_case()
    return with_access(case, Access("workhorse 0.014 straight", **asked), between_mm=(0.0, case.path.length))


@pytest.fixture(scope="module")
def device() -> DeviceBody:
    return over_a_wire().device_body()


def bent(device: DeviceBody, radius: float) -> Pose:
    """The device's first pose with the catheter on an arc of a radius [m] from its proximal end, and what it carries on it."""
    nodes = next(feed for feed in device.feeds if feed.name == CATHETER)
    start, course = device.pose.position[nodes.nodes], device.course(CATHETER, device.pose)
    along, side = nodes.direction, np.cross(nodes.direction, [0.3, 0.5, 0.8])
    side /= np.linalg.norm(side)
    angle = course.station / radius
    position, rotation = device.pose.position.copy(), device.pose.rotation.copy()
    position[nodes.nodes] = start[0] + radius * np.sin(angle)[:, None] * along + radius * (1.0 - np.cos(angle))[:, None] * side
    axis = np.cross(along, side)
    half = 0.5 * angle[:, None]
    turn = np.concatenate([np.cos(half), np.sin(half) * axis], 1)
    from sim.rods.rotations import quaternion_product

    rotation[nodes.nodes] = quaternion_product(turn, rotation[nodes.nodes])
    pose = Pose(position, rotation)
    return carried_along(device.carried[0], device.course(CATHETER, pose), device.pose, pose)


def opened(device: DeviceBody, times: float) -> Pose:
    """The device's first pose with the stent so many times as wide."""
    nodes, course = device.carried[0].nodes, device.course(CATHETER, device.pose)
    start = course.position[0]
    along = course.position[-1] - start
    along /= np.linalg.norm(along)
    position = device.pose.position.copy()
    foot = start + np.outer((position[nodes] - start) @ along, along)
    position[nodes] = foot + times * (position[nodes] - foot)
    return Pose(position, device.pose.rotation)


def test_a_stent_lies_about_its_balloon_on_the_catheter(device):
    mounted, stent = device.balloons[0], device.pose.position[device.carried[0].nodes]
    axis = device.course(CATHETER, device.pose).axis_of(mounted.carrier)
    along = axis[-1] - axis[0]
    along /= np.linalg.norm(along)
    assert (stent - axis.mean(axis=0)) @ along == pytest.approx(0.0, abs=5e-3)
    assert abs(((stent - axis.mean(axis=0)) @ along).mean()) < 2e-4
    off = stent - axis[0] - ((stent - axis[0]) @ along)[:, None] * along
    assert np.linalg.norm(off, axis=1).max() < 0.6e-3


def test_what_is_carried_keeps_its_distances_from_a_bent_catheter(device):
    """On an arc a node stays as far from the catheter as it was, in the same cross-section."""
    radius = 30e-3
    pose, nodes = bent(device, radius), device.carried[0].nodes
    first, now = device.pose, device.course(CATHETER, pose)
    straight = device.course(CATHETER, first)
    start = first.position[straight.nodes[0]]
    along = first.position[straight.nodes[-1]] - start
    along /= np.linalg.norm(along)
    station = (first.position[nodes] - start) @ along
    before = np.linalg.norm(first.position[nodes] - straight.at(station), axis=1)
    after = np.linalg.norm(pose.position[nodes] - now.at(station), axis=1)
    assert after == pytest.approx(before, abs=1e-12)
    # In its cross-section, which is square to the arc; a spline through nodes 2 mm apart is an arc to within 10⁻⁴.
    slope = (now.at(station + 1e-6) - now.at(station - 1e-6)) / 2e-6
    assert np.einsum("ni,ni->n", slope, pose.position[nodes] - now.at(station)) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("radius", [25e-3, 80e-3])
def test_slopes_are_those_of_the_energies_and_forces_balance(device, radius):
    pose = bent(device, radius)
    origin = np.array([1e-3, -2e-3, 3e-3])
    pose = Pose(pose.position - origin, pose.rotation)
    rng = np.random.default_rng(5)
    y = pose.position + 2e-5 * rng.normal(size=pose.position.shape)
    for part in on_a_catheter(device, device.balloons[0], origin, pose, 3.0 * ATMOSPHERE):
        energy, pull = part.evaluate(y)
        assert np.isfinite(energy) and np.abs(pull).max() > 0.0
        assert pull.sum(axis=0) == pytest.approx(0.0, abs=1e-9 * np.abs(pull).max())
        way = rng.normal(size=y.shape)
        slope = (part.evaluate(y + 1e-9 * way)[0] - part.evaluate(y - 1e-9 * way)[0]) / 2e-9
        assert slope == pytest.approx(float((pull * way).sum()), rel=2e-5, abs=1e-6)
        found, change = part.stiffness(y), (part.evaluate(y + 1e-8 * way)[1] - part.evaluate(y - 1e-8 * way)[1]) / 2e-8
        product, moved = np.zeros_like(y), way[found.nodes].reshape(len(found.nodes), -1)
        np.add.at(product, found.nodes, np.einsum("nab,nb->na", found.values, moved).reshape(*found.nodes.shape, 3))
        assert product == pytest.approx(change, rel=1e-4, abs=1e-4 * np.abs(change).max())
        for block in found.values[:: max(len(found.values) // 40, 1)]:
            assert np.linalg.eigvalsh(block).min() >= -1e-6 * np.abs(block).max()


def test_a_closed_balloon_pushes_its_catheter_nowhere(device):
    """About a straight catheter with a stent in the middle all cancels; struts moved aside are drawn back by what P_c grew."""
    mounted, pose = device.balloons[0], opened(device, 1.5)
    part = CarriedBalloonPart(device, mounted, np.zeros(3), pose, 3.0 * ATMOSPHERE)
    catheter = next(feed for feed in device.feeds if feed.name == CATHETER)
    pull = part.evaluate(pose.position)[1]
    total = np.abs(pull).sum()
    assert np.linalg.norm(pull[catheter.nodes].sum(axis=0)) < 1e-6 * total
    aside, d = pose.position.copy(), 2e-5
    side = np.cross(catheter.direction, [0.3, 0.5, 0.8])
    side /= np.linalg.norm(side)
    aside[device.carried[0].nodes] += d * side
    back = -part.evaluate(aside)[1][device.carried[0].nodes].sum(axis=0) @ side
    # ∮ (dP_c/dr) d cos²φ r dφ over the length that bears struts = π r L d dP_c/dr.
    radius = np.median(part._inner)
    stiff = mounted.balloon.wall_stiffness(np.array([radius + 1e-5]))[0]
    length = mounted.share.sum() / (2.0 * np.pi)
    assert back == pytest.approx(-np.pi * radius * length * stiff * d, rel=0.05)


def test_a_full_balloon_bends_as_a_pressurised_tube():
    """Stiffly at first, EI = π r³ E t, and never with more than π P r³, which all its axial tension on one line would give."""
    pressure, radius, skin, spacing = 8.0 * ATMOSPHERE, 4e-3, 1.5e5, 2e-3
    count = 12
    nodes = np.stack([np.arange(count - 2), np.arange(1, count - 1), np.arange(2, count)], 1)
    part = BeamPart(nodes, np.full(count - 2, spacing), np.full(count - 2, radius), np.full(count - 2, skin), pressure)
    stiffness, most = np.pi * radius**3 * skin, np.pi * pressure * radius**3

    def energy(curvature: float) -> float:
        angle = curvature * spacing * np.arange(count)
        arc = np.stack([np.sin(angle), 1.0 - np.cos(angle), np.zeros(count)], 1) / curvature
        return part.evaluate(arc)[0] / (spacing * (count - 2))

    def moment(curvature: float) -> float:
        return (energy(1.001 * curvature) - energy(0.999 * curvature)) / (0.002 * curvature)

    bend = most / stiffness
    assert moment(0.02 * bend) == pytest.approx(stiffness * 0.02 * bend, rel=1e-3)
    assert moment(0.5 * bend) == pytest.approx(0.447 * most, rel=5e-3)
    assert moment(12.0 * bend) == pytest.approx(most, rel=8e-3)


def test_what_rides_goes_with_a_catheter_that_is_pushed_and_touches_nothing():
    case = over_a_wire()
    body, device = case.body(), case.device_body()
    model = build_model(body, device)
    state, solver = new_state(model), ImplicitSolver(model, Settings())
    before = state.device_position.copy()
    for tick in range(1, 4):
        drives = {WIRE: Drive(advance=tick * 8e-4), CATHETER: Drive(advance=tick * 8e-4)}
        solver.step(state, Command(drives=drives, riding=("stent 1",)))
    moved, feed = state.device_position - before, next(one for one in device.feeds if one.name == CATHETER)
    nodes = device.carried[0].nodes
    assert moved[nodes] @ feed.direction == pytest.approx(3 * 8e-4, rel=2e-3)
    assert np.abs(solver.contact_readings()[0][: len(case.lattice.samples()[0])]).max() == 0.0
    assert not state.device_history.any()
    # A fresh solver goes on to the same bits.
    other, again = state.copy(), ImplicitSolver(model, Settings())
    for one, engine in ((state, solver), (other, again)):
        engine.step(one, Command(drives={WIRE: Drive(advance=3e-3), CATHETER: Drive(advance=3e-3)}, riding=("stent 1",)))
    assert state.digest() == other.digest()


def test_a_stranger_cannot_ride(device):
    case = over_a_wire()
    model = build_model(case.body(), device)
    with pytest.raises(ModelError, match="lets 'stent 7' wait, but what may enter is stent 1; ask"):
        ridden(model, new_state(model), Command(riding=("stent 7",)))
