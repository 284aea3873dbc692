import numpy as np
import pytest
import scipy.sparse as sparse

from sim.balloon import GuidedBalloon
from sim.command import Command
from sim.model import build_model
from sim.rods.network import Pose
from sim.solvers.device import DeviceStep
from sim.solvers.device_parts import NodeBlocks
from sim.state import State, new_state
from tests.sim.stents import catalogue_stent, on_axis
from tests.sim.tubes import tube, vessel

ATMOSPHERE = 101325.0
BALLOON = GuidedBalloon(
    axis=np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.02]]),
    chart_radius=np.array([0.7e-3, 2.8e-3, 3.0e-3, 3.1e-3]),
    chart_pressure=ATMOSPHERE * np.array([0.0, 2.0, 8.0, 14.0]),
)


@pytest.mark.parametrize("atm", [0.0, 1.0, 2.0, 5.0, 8.0, 14.0, 20.0])
def test_free_radius_is_where_the_wall_carries_all(atm):
    radius = BALLOON.free_radius(atm * ATMOSPHERE)
    assert BALLOON.wall_pressure(np.array([radius]))[0] == pytest.approx(atm * ATMOSPHERE, abs=1e-6)


def test_it_reads_the_chart():
    assert BALLOON.free_radius(8.0 * ATMOSPHERE) == pytest.approx(3.0e-3)
    assert BALLOON.free_radius(11.0 * ATMOSPHERE) == pytest.approx(3.05e-3)
    assert BALLOON.free_radius(0.0) == pytest.approx(0.7e-3)


@pytest.mark.parametrize("atm", [0.0, 0.5, 2.0, 6.0, 8.0, 16.0])
def test_push_is_minus_the_slope_of_the_work(atm):
    pressure = atm * ATMOSPHERE
    radius = np.concatenate([np.linspace(0.2e-3, 3.4e-3, 301), [0.65e-3, 2.79e-3, 3.001e-3, 3.2e-3]])
    h = 1e-9
    slope = (BALLOON.work(pressure, radius + h) - BALLOON.work(pressure, radius - h)) / (2.0 * h)
    push = np.maximum(pressure - BALLOON.wall_pressure(radius), 0.0)
    np.testing.assert_allclose(slope, -push, atol=1e-5 * max(push.max(), 1.0))


def test_work_is_the_integral_of_the_push():
    """∫ (P − P_c) dr by the trapezoidal rule on a fine grid."""
    pressure = 8.0 * ATMOSPHERE
    radius = np.linspace(0.3e-3, 3.0e-3, 200_001)
    push = np.maximum(pressure - BALLOON.wall_pressure(radius), 0.0)
    assert BALLOON.work(pressure, radius[:1])[0] == pytest.approx(np.trapezoid(push, radius), rel=1e-8)


def test_no_work_is_left_beyond_the_free_radius():
    np.testing.assert_array_equal(BALLOON.work(5.0 * ATMOSPHERE, np.array([2.95e-3, 3.2e-3, 9e-3])), 0.0)


def test_wall_stiffness_is_the_slope_of_the_wall_pressure():
    radius = np.array([0.3e-3, 1.0e-3, 2.0e-3, 2.9e-3, 3.05e-3, 3.3e-3])
    h = 1e-9
    slope = (BALLOON.wall_pressure(radius + h) - BALLOON.wall_pressure(radius - h)) / (2.0 * h)
    np.testing.assert_allclose(BALLOON.wall_stiffness(radius), slope, rtol=1e-5, atol=1.0)


# --- the balloon under a stent ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def on_balloon() -> tuple[DeviceStep, State, Pose]:
    design, balloon = catalogue_stent()
    device = on_axis(design, balloon, length_mm=20.0, lumen_mm=6.0).body
    model = build_model(vessel(tube(bore=6e-3, outer=7e-3, length=20e-3, around=8, through=1, along=4)), device)
    state = new_state(model)
    step = DeviceStep(device, model.origin, state, Command(balloons={"balloon": 4.0 * ATMOSPHERE}), 0.05)
    rng = np.random.default_rng(0)
    # Wider than crimped, though no wider than its balloon at four atmospheres, and with trembling crowns.
    wide = Pose(state.device_position * np.array([1.05, 1.05, 1.0]), state.device_rotation)
    shape = state.device_position.shape
    return step, state, wide.moved(np.concatenate([1e-6 * rng.normal(size=shape), 1e-2 * rng.normal(size=shape)], 1))


def test_the_devices_force_is_minus_the_slope_of_its_energy(on_balloon):
    """Struts, balloon and drag together."""
    step, _, pose = on_balloon
    _, slope = step.evaluate(pose)
    for seed in range(5):
        d = 1e-9 * np.random.default_rng(seed).normal(size=slope.shape) * np.repeat([1.0, 1e3], 3)
        risen = step.evaluate(pose.moved(d))[0] - step.evaluate(pose.moved(-d))[0]
        assert risen == pytest.approx(2.0 * (slope * d).sum(), abs=1e-6 * float(np.linalg.norm(slope) * np.linalg.norm(d)))


def test_the_balloon_pushes_with_its_pressure_on_its_area(on_balloon):
    """All nodes together: pressure that the wall does not carry, times the inner cylinder's area 2π r L."""
    step, state, _ = on_balloon
    design, balloon = catalogue_stent()
    device = on_axis(design, balloon, length_mm=20.0, lumen_mm=6.0).body
    y = state.device_position
    empty = DeviceStep(device, np.array([0.0, 0.0, 10e-3]), state, Command(), 0.05)
    push = (empty.evaluate(state.device_pose)[1] - step.evaluate(state.device_pose)[1])[:, :3]
    outward = y * np.array([1.0, 1.0, 0.0]) / np.linalg.norm(y[:, :2], axis=1)[:, None]
    radius = 0.5e-3 * design.crimped_bore_mm
    carried = device.balloons[0].balloon.wall_pressure(np.array([radius]))[0]
    expected = (4.0 * ATMOSPHERE - carried) * 2.0 * np.pi * radius * design.length_mm * 1e-3
    assert np.einsum("ni,ni->", push, outward) == pytest.approx(expected, rel=2e-3)


def test_the_devices_stiffness_is_positive_definite(on_balloon):
    step, _, pose = on_balloon
    none = NodeBlocks(np.zeros((0, 1), int), np.zeros((0, 3, 3)))
    entries = step.stiffness(pose, none, positive=True)
    matrix = step.matrix.whole(entries).toarray()
    scale = 1.0 / np.sqrt(np.diagonal(matrix))
    assert np.linalg.eigvalsh(scale[:, None] * matrix * scale)[0] > 0.0
    force = np.random.default_rng(1).normal(size=len(matrix))
    first = step.matrix.factor(entries)
    assert first.positive
    np.testing.assert_allclose(matrix @ first.solve(force), force, atol=1e-6)
    both = np.stack([force, np.roll(force, 5)], axis=1)
    answers = np.stack([first.solve(one) for one in both.T], axis=1)
    np.testing.assert_allclose(first.between(sparse.csc_matrix(both)), both.T @ answers, rtol=1e-9)
    entries[0] = -entries[0]
    assert not step.matrix.factor(entries).positive
    with pytest.raises(RuntimeError, match="after the next one"):
        first.solve(force)


def test_the_devices_stiffness_is_the_second_slope_of_its_energy(on_balloon):
    """d·K·d against the energy of a step there and back; a balloon's own part is exact, since its directions stand still."""
    step, _, pose = on_balloon
    none = NodeBlocks(np.zeros((0, 1), int), np.zeros((0, 3, 3)))
    matrix = step.matrix.whole(step.stiffness(pose, none, positive=False))
    for seed in range(5):
        d = 1e-9 * np.random.default_rng(seed).normal(size=(len(pose.position), 6)) * np.repeat([1.0, 1e3], 3)
        there, here, back = (step.evaluate(pose.moved(share * d))[0] for share in (1.0, 0.0, -1.0))
        assert there - 2.0 * here + back == pytest.approx(d.ravel() @ matrix @ d.ravel(), rel=1e-3)
