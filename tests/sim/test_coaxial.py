"""Friction between a wire and its catheter: Coulomb's along and about, capstan, torque passed on, balance, sameness."""

import dataclasses
import math

import numpy as np
import pytest

from sim.command import Command, Drive
from sim.device import DeviceBody, Feed, Sleeve
from sim.model import build_model
from sim.rods.builders import wire as rod
from sim.rods.laws import LinearElastic
from sim.rods.network import Pose
from sim.rods.rotations import from_vectors, quaternion_product
from sim.rods.sections import circular
from sim.solvers.device_parts import SLEEVE_STIFFNESS, SleevePart
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.rubbing import RubbingPart
from sim.solvers.settings import Settings
from sim.state import State, new_state
from sim.tray import WireShape, fed_wire, merged, together
from tests.sim.wires import straight

RADIUS = 1e-4
"""Of the thin wire [m]."""

CLEARANCE = 1e-4
ARC = 0.04
"""Radius of the arc in which the catheter is held [m]."""

TUBE_LEAD, LEAD = 0.015, 0.025
"""Straight ends of catheter and wire on both sides of the arc [m]: so long that all turning is done within the catheter."""


def curve(stations: np.ndarray, angle: float) -> np.ndarray:
    """Points of a line along z that turns by an angle towards x on an arc and goes on straight, shape (n, 3) [m]."""
    turned = np.clip(stations / ARC, 0.0, angle)
    beyond = np.maximum(stations - ARC * angle, 0.0) + np.zeros_like(stations)
    z = np.minimum(stations, 0.0) + ARC * np.sin(turned) + beyond * math.cos(angle)
    return np.stack([ARC * (1.0 - np.cos(turned)) + beyond * math.sin(angle), np.zeros_like(z), z], 1)


def threaded(*, angle: float, friction: float, count: int = 100, young: float = 5e9) -> DeviceBody:
    """A thin wire through a catheter all of whose nodes are held on an arc; hands "near" and "far" hold the wire's ends.

    Nodes of the wire come first.
    """
    length = 2.0 * LEAD + ARC * angle
    stations = np.linspace(-LEAD, length - LEAD, count + 1)
    within = np.linspace(-TUBE_LEAD, ARC * angle + TUBE_LEAD, count // 2 + 1)
    line, bore = curve(stations, angle), curve(within, angle)
    wire, pose = rod(line, circular(2.0 * RADIUS), LinearElastic(young), natural_curvature=np.zeros(3))
    tube, tube_pose = rod(bore, circular(1e-3), LinearElastic(young))
    network = merged([wire, tube])
    nodes, first = np.arange(count + 1), count + 1
    half = count // 2
    inwards = np.array([0.0, 0.0, 1.0])
    outwards = np.array([math.sin(angle), 0.0, math.cos(angle)])
    feeds = [
        Feed("near", nodes[:half], bore[0], inwards),
        Feed("far", nodes[: half + 1 : -1], bore[-1], -outwards),
    ]
    # Every node of the catheter is held; nothing of it is ever behind an entry.
    for k in range(len(bore)):
        pair = first + np.array([k, k + 1 if k + 1 < len(bore) else k - 1])
        feeds.append(Feed(f"held {k}", pair, np.array([0.0, 0.0, -1.0]), inwards))
    total = network.node_count
    return DeviceBody(
        rods=network,
        pose=Pose(np.concatenate([line, bore]), np.concatenate([pose.rotation, tube_pose.rotation])),
        sample_nodes=np.stack([np.arange(total)] * 2, 1),
        sample_along=np.zeros(total),
        sample_radius=np.full(total, RADIUS),
        drag=np.full(total, 1e-5),
        feeds=tuple(feeds),
        sleeves=(Sleeve(nodes, first + np.arange(len(bore)), CLEARANCE, RADIUS, friction),),
    )


class Threaded:
    """A device far from any wall, and hands on it."""

    def __init__(self, device: DeviceBody, **settings):
        self.device = device
        self.model = build_model(straight(bore=0.5, length=1.0), device)
        self.solver = ImplicitSolver(self.model, Settings(dt=0.02, newton_limit=40, **settings))
        self.state: State = new_state(self.model)
        self.worst = 0.0

    def drive(self, *, ticks: int = 1, **drives: Drive) -> None:
        for _ in range(ticks):
            report = self.solver.step(self.state, Command(drives=drives))
            self.worst = max(self.worst, report.residual)

    def resultants(self) -> np.ndarray:
        """Force and moment in each element's own frame [N, N·m], shape (m, 6)."""
        return self.device.rods.resultants(self.state.device_pose, self.state.device_history)


@pytest.mark.parametrize(("friction", "angle"), [(0.1, 0.5 * math.pi), (0.3, 0.5 * math.pi), (0.3, 2.5)])
def test_a_wire_pulled_round_an_arc_is_a_capstan(friction: float, angle: float):
    case = Threaded(threaded(angle=angle, friction=friction))
    for pull in np.arange(1, 11) * 2e-4:
        case.drive(near=Drive(advance=-pull))
    # Friction follows the normal force of the tick before, hence some way at the same tension.
    for more in np.arange(1, 7) * 5e-5:
        case.drive(near=Drive(advance=-2e-3 - more), far=Drive(advance=more))
    tension = case.resultants()[:100, 2]
    ratio, expected = tension[2] / tension[97], math.exp(friction * angle)
    print(f"{tension[2]:.4f} / {tension[97]:.4f} N = {ratio:.4f}, exp(μθ) = {expected:.4f}: "
          f"{100.0 * (ratio / expected - 1.0):+.2f} %; worst residual {case.worst:.1e}")  # fmt: skip
    assert ratio == pytest.approx(expected, rel=0.05)


def test_what_turns_in_an_arc_is_held_back_by_friction_times_force_times_radius():
    """A wire under tension T turned at both ends loses ΔM = μ N r, and no friction is left along it.

    Friction across it lets it climb the bore until normal force and friction together carry T/R: N = T θ/√(1 + μ²).
    """
    angle, friction = 0.5 * math.pi, 0.3
    case = Threaded(threaded(angle=angle, friction=friction, young=30e9))
    case.drive(ticks=4, near=Drive(advance=-4e-4))
    for turn in np.arange(1, 31) * 0.45:
        case.drive(near=Drive(-4e-4, turn), far=Drive(0.0, -turn))
    found = case.resultants()[:100]
    tension, torque = found[:, 2], found[2, 5] - found[97, 5]
    expected = friction * tension[[2, 97]].mean() * angle * RADIUS / math.hypot(1.0, friction)
    print(f"torque lost {1e6 * torque:.3f} µN·m, μTθr/√(1 + μ²) = {1e6 * expected:.3f}: "
          f"{100.0 * (abs(torque) / expected - 1.0):+.2f} %; tension {tension[2]:.4f} and {tension[97]:.4f} N")  # fmt: skip
    assert abs(torque) == pytest.approx(expected, rel=0.05)
    assert tension[2] == pytest.approx(tension[97], rel=0.03)


def test_friction_leaves_neither_force_nor_moment():
    """Of a wire that is pulled and turned round the arc: its friction and the catheter's, and their moments, cancel."""
    case = Threaded(threaded(angle=0.5 * math.pi, friction=0.3))
    for k in range(1, 7):
        case.drive(near=Drive(-2e-4 * k, 0.05 * k))
    device, before = case.device, case.state.device_pose
    sleeve = device.sleeves[0]
    touches = SleevePart(sleeve, before.position).touches(before.position)
    part = RubbingPart(sleeve, touches, before, case.state.coaxial_friction, slice(0, sleeve.touch_count))
    slope = part.evaluate(before)[1]
    moment = np.cross(before.position, slope[:, :3]) + slope[:, 3:]
    force_off = np.linalg.norm(slope[:, :3].sum(0)) / np.linalg.norm(slope[:, :3], axis=1).sum()
    moment_off = np.linalg.norm(moment.sum(0)) / np.linalg.norm(moment, axis=1).sum()
    case.drive(near=Drive(-1.4e-3, 0.35))
    after = case.state.device_pose
    slope = part.evaluate(after)[1]
    moment = np.cross(after.position, slope[:, :3]) + slope[:, 3:]
    later = np.linalg.norm(moment.sum(0)) / np.linalg.norm(moment, axis=1).sum()
    print(f"forces out of balance by {force_off:.1e}, moments by {moment_off:.1e}, at the end of a tick by {later:.1e}")
    assert force_off < 1e-12 and moment_off < 1e-12 and later < 1e-3


@pytest.mark.parametrize("friction", [0.0, 0.3])
def test_a_pull_and_push_returns_its_energy_but_for_friction(friction: float):
    """Round the arc and back: rods' energy and the hand's work come back without friction; with it the hand has worked."""
    case = Threaded(threaded(angle=0.5 * math.pi, friction=friction))
    case.drive(ticks=2)
    pulls = np.concatenate([np.arange(0, 11), np.arange(9, -1, -1)]) * 2e-4
    energies, forces = [], []
    for pull in pulls:
        case.drive(near=Drive(advance=-pull))
        energies.append(case.device.rods.evaluate(case.state.device_pose, case.state.device_history)[0])
        forces.append(case.resultants()[0, 2])
    stored, left = max(energies) - energies[0], energies[-1] - energies[0]
    work = float(np.trapezoid(forces, pulls))
    print(f"μ = {friction}: stored {1e6 * stored:.2f} µJ, left {100.0 * left / stored:+.4f} %, "
          f"hand's work {100.0 * work / stored:+.3f} %")  # fmt: skip
    if friction == 0.0:
        assert abs(left) < 5e-3 * stored and abs(work) < 5e-3 * stored
    else:
        assert work > 0.2 * stored


# --- a straight catheter --------------------------------------------------------------------------------------------------


def beside(aside: float, *, friction: float = 0.2) -> tuple[DeviceBody, Pose]:
    """A straight wire in a straight catheter, and a pose in which it lies so far aside of its middle line [m]."""
    shape = WireShape(circular(8e-4), LinearElastic(5e9), 4e-4, 0.05, 20)
    inner = fed_wire("wire", shape, entry=np.zeros(3), direction=np.array([0.0, 0.0, 1.0]), inside=0.02)
    wide = WireShape(circular(2e-3), LinearElastic(5e9), 1e-3, 0.05, 23)
    outer = fed_wire("catheter", wide, entry=np.zeros(3), direction=np.array([0.0, 0.0, 1.0]), inside=0.021)
    device = together([inner, outer], [("wire", "catheter", CLEARANCE)], friction=friction)
    position = device.pose.position.copy()
    position[:21, 0] += aside
    return device, Pose(position, device.pose.rotation)


def rubbing(device: DeviceBody, pose: Pose, carried: np.ndarray | None = None) -> RubbingPart:
    """The friction of its sleeve from a pose on."""
    sleeve = device.sleeves[0]
    touches = SleevePart(sleeve, pose.position).touches(pose.position)
    before = np.zeros((sleeve.touch_count, 2)) if carried is None else carried
    return RubbingPart(sleeve, touches, pose, before, slice(0, sleeve.touch_count))


def moved(pose: Pose, *, slide: float = 0.0, turn: float = 0.0) -> Pose:
    """The pose with the wire slid along z [m] and turned about it [rad]."""
    position, rotation = pose.position.copy(), pose.rotation.copy()
    position[:21, 2] += slide
    rotation[:21] = quaternion_product(from_vectors(np.tile([0.0, 0.0, turn], (21, 1))), rotation[:21])
    return Pose(position, rotation)


def test_what_is_pushed_less_than_friction_sticks_and_does_not_creep():
    """As a block on a plane: k s below μN, μN beyond, along and about alike; what is carried on holds as it did."""
    device, pose = beside(CLEARANCE + 5e-6)
    part = rubbing(device, pose)
    limit = 0.2 * SLEEVE_STIFFNESS * 5e-6
    touching = np.abs(part.friction(moved(pose, slide=1e-7))).max(1) > 0.0
    count = int(touching.sum())
    assert count > 30
    for slip in (0.3e-6, 0.9e-6):
        along, about = part.friction(moved(pose, slide=slip)), part.friction(moved(pose, turn=slip / 4e-4))
        np.testing.assert_allclose(along[touching], np.tile([-SLEEVE_STIFFNESS * slip, 0.0], (count, 1)), atol=1e-9)
        np.testing.assert_allclose(np.abs(about[touching]), np.tile([0.0, SLEEVE_STIFFNESS * slip], (count, 1)), atol=1e-9)
    beyond = part.friction(moved(pose, slide=3e-4, turn=1.0))[touching]
    np.testing.assert_allclose(np.linalg.norm(beyond, axis=1), limit, rtol=1e-9)
    np.testing.assert_allclose(np.abs(beyond[:, 1] / beyond[:, 0]), 4e-4 / 3e-4, rtol=1e-9)
    carried = part.friction(moved(pose, slide=0.5e-6))
    held = moved(pose, slide=0.5e-6)
    for _ in range(20):
        carried = rubbing(device, held, carried).friction(held)
    np.testing.assert_allclose(carried, part.friction(held), atol=1e-12)


def test_friction_is_the_slope_of_its_energy_and_its_stiffness_positive():
    rng = np.random.default_rng(5)
    device, pose = beside(CLEARANCE + 5e-6)
    carried = 0.01 * rng.normal(size=(device.touch_count, 2))
    part = rubbing(device, pose, carried)
    step = np.concatenate([6e-7 * rng.normal(size=(44 + 1, 3)), 0.3 * rng.normal(size=(44 + 1, 3))], 1)
    step[:, 3:5] *= 1e-2
    step[::2] *= 1e-3
    there = pose.moved(step)
    size = np.linalg.norm(part.friction(there), axis=1)
    limit = 0.2 * SLEEVE_STIFFNESS * 5e-6
    assert (size > 0.999 * limit).any() and ((size > 0.0) & (size < 0.99 * limit)).any()
    slope = part.evaluate(there)[1]
    for _ in range(6):
        d = rng.normal(size=slope.shape) * np.repeat([1e-10, 1e-7], 3)
        risen = part.evaluate(there.moved(d))[0] - part.evaluate(there.moved(-d))[0]
        assert risen == pytest.approx(2.0 * (slope * d).sum(), rel=2e-5)
    values = part.stiffness(there).values
    np.testing.assert_allclose(values, values.transpose(0, 2, 1), atol=1e-9)
    least = np.linalg.eigvalsh(values)
    assert (least[:, 0] > -1e-9 * least[:, -1]).all()


def wavy(*, friction: float) -> Threaded:
    """A wire that would lie in waves, held straight by a stiff catheter on whose bore it presses; both in their hands."""
    count, wave = 80, 0.02
    middle = (np.arange(count) + 0.5) * 0.1 / count
    curvature = np.zeros((count, 3))
    curvature[:, 0] = 20.0 * np.cos(2.0 * np.pi * middle / wave)
    shape = WireShape(circular(8e-4), LinearElastic(5e9), 4e-4, 0.1, count, curvature)
    inner = fed_wire("wire", shape, entry=np.zeros(3), direction=np.array([0.0, 0.0, 1.0]), inside=0.06)
    wide = WireShape(circular(2e-3), LinearElastic(60e9), 1e-3, 0.1, 67)
    outer = fed_wire("catheter", wide, entry=np.zeros(3), direction=np.array([0.0, 0.0, 1.0]), inside=0.061)
    device = together([inner, outer], [("wire", "catheter", 0.5 * CLEARANCE)], friction=friction)
    case = Threaded(dataclasses.replace(device, drag=np.full(device.node_count, 1e-4)))
    case.drive(ticks=4)
    return case


def spun(case: Threaded, node: int) -> float:
    """How far a node has turned about z since the clock started [rad], less than half a turn."""
    x, y, z, w = case.state.device_rotation[node, [1, 2, 3, 0]]
    a, b, c, d = case.device.pose.rotation[node, [1, 2, 3, 0]]
    return 2.0 * math.atan2(z * d - w * c + y * a - x * b, w * d + x * a + y * b + z * c)


def test_a_catheter_that_turns_carries_its_wire_as_far_as_friction_lets_it():
    """Little turned, the wire's free end goes with it; far, its hand feels μ N R, the catheter's hand the same and opposite.

    R is the radius of the bore: about the catheter's axis the wire, which lies on the bore in turns on both sides, feels friction
    there.
    """
    free, case = wavy(friction=0.0), wavy(friction=0.1)
    for one in (free, case):
        one.drive(catheter=Drive(turn=0.02))
    carried, left = spun(case, 80) / spun(case, 147), spun(free, 80) / spun(free, 147)
    for turn in np.arange(1, 25) * 0.25:
        case.drive(catheter=Drive(turn=turn))
    found = case.resultants()[:, 5]
    touches = SleevePart(case.device.sleeves[0], case.state.device_position).touches(case.state.device_position)
    normal = SLEEVE_STIFFNESS * touches.over.sum()
    expected = 0.1 * normal * (4e-4 + 0.5 * CLEARANCE)
    print(f"carried {carried:.3f}, without friction {left:.4f}; torque {1e3 * found[0]:.4f} and {1e3 * found[80]:.4f} mN·m, "
          f"μNR = {1e3 * expected:.4f} mN·m of {normal:.2f} N")  # fmt: skip
    assert carried > 0.9 and abs(left) < 1e-3
    assert abs(found[0]) == pytest.approx(expected, rel=0.05)
    assert found[0] == pytest.approx(-found[80], rel=0.01)


def test_friction_goes_on_from_a_saved_state_to_the_bit(tmp_path):
    first, second = wavy(friction=0.1), wavy(friction=0.1)
    first.drive(ticks=3, catheter=Drive(turn=0.3), wire=Drive(advance=1e-3))
    first.state.save(tmp_path / "state.npz")
    second.state = State.load(tmp_path / "state.npz")
    for case in (first, second):
        case.drive(catheter=Drive(turn=0.5), wire=Drive(advance=2e-3))
    assert np.abs(first.state.coaxial_friction).max() > 0.0
    assert first.state.digest() == second.state.digest()
    again = wavy(friction=0.1)
    again.drive(ticks=3, catheter=Drive(turn=0.3), wire=Drive(advance=1e-3))
    again.drive(catheter=Drive(turn=0.5), wire=Drive(advance=2e-3))
    assert again.state.digest() == first.state.digest()


def test_a_negative_friction_is_told():
    device, _ = beside(0.0)
    with pytest.raises(ValueError, match=r"friction of -0\.1; it must be nought or more"):
        dataclasses.replace(device.sleeves[0], friction=-0.1)
