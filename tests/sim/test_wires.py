"""Wires and catheters pushed into vessels: what the hand asks is done, walls hold, forces balance, and all of it comes back."""

import numpy as np
import pytest

from sim.body import Body, ModelError
from sim.command import Command, Drive
from sim.device import DeviceBody
from sim.model import build_model
from sim.rods.network import Pose
from sim.rods.rotations import to_matrices
from sim.solvers.device_parts import GuidePart, SleevePart
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.settings import Settings
from sim.state import State, new_state
from sim.tray import together
from tests.sim.wires import THICK, arch, straight, wire


class Pushed:
    """A device in a vessel, and a hand that drives it."""

    def __init__(self, body: Body, device: DeviceBody, **settings):
        self.model = build_model(body, device)
        self.solver = ImplicitSolver(self.model, Settings(dt=0.02, **settings))
        self.state: State = new_state(self.model)
        self.deepest = self.largest = 0.0

    def drive(self, *, ticks: int = 1, **drives: Drive) -> None:
        for _ in range(ticks):
            report = self.solver.step(self.state, Command(drives=drives))
            self.deepest = max(self.deepest, report.deepest)
            self.largest = max(self.largest, float(self.solver.contact_readings()[0].max()))

    def places(self) -> np.ndarray:
        """Nodes [m], shape (n, 3)."""
        return self.state.device_position + self.model.origin


def test_a_free_wire_goes_and_turns_as_its_hand_does():
    """In a tube too wide to touch: the tip advances and turns by exactly what the proximal end does, curl and all."""
    case = Pushed(straight(bore=0.02, length=0.1), wire(length=0.1, count=40, inside=0.02, curl=80.0))
    case.drive(ticks=3, wire=Drive())
    before, frame = case.places(), to_matrices(case.state.device_rotation)[-1]
    for tick in range(1, 11):
        case.drive(wire=Drive(advance=1e-3 * tick, turn=0.35 * tick))
    case.drive(ticks=60, wire=Drive(advance=1e-2, turn=3.5))
    moved = case.places()
    c, s = np.cos(3.5), np.sin(3.5)
    turn = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    print(f"tip off by {1e6 * np.abs(moved[-1] - before[-1] @ turn.T - [0, 0, 1e-2]).max():.2f} µm")
    np.testing.assert_allclose(moved[-1], before[-1] @ turn.T + [0.0, 0.0, 1e-2], atol=2e-5)
    np.testing.assert_allclose(to_matrices(case.state.device_rotation)[-1], turn @ frame, atol=5e-3)


@pytest.fixture(scope="module")
def round_trip() -> tuple[Pushed, list[np.ndarray], list[float]]:
    """A wire pushed 180 mm round a rigid arch and drawn back; nodes [m] and wall force [N] every so often."""
    case = Pushed(arch(rigid=True), wire())
    way = np.concatenate([np.arange(1, 61), np.arange(59, -1, -1)]) * 3e-3
    seen, pushed = [case.places()], [0.0]
    for advance in way:
        case.drive(wire=Drive(advance=float(advance)))
        seen.append(case.places())
        pushed.append(float(case.solver.contact_readings()[0].sum()))
    case.drive(ticks=5, wire=Drive())
    seen.append(case.places())
    return case, seen, pushed


def test_a_wire_goes_round_an_arch_and_comes_back(round_trip):
    case, seen, pushed = round_trip
    tip = seen[60][-1]
    print(f"tip at {np.round(1e3 * tip, 1)} mm; deepest {1e6 * case.deepest:.1f} µm, largest force {case.largest:.3f} N, "
          f"all {max(pushed):.3f} N; back within {1e6 * np.abs(seen[-1] - seen[0]).max():.2f} µm")  # fmt: skip
    assert tip[0] > 0.065 and tip[2] < 0.1
    assert case.deepest < 0.5 * THICK
    assert 0.0 < case.largest < 1.0
    assert np.abs(seen[-1] - seen[0]).max() < 5e-5


def test_no_node_of_it_is_ever_out_of_the_arch(round_trip):
    """Distance from the arch's middle line, of every node beyond the entry at every tick."""
    _, seen, _ = round_trip
    farthest = 0.0
    for places in seen:
        inner = places[places[:, 2] > 2e-3]
        up = inner[:, 2] > 0.06
        to_centre = np.stack([inner[:, 0] - 0.04, inner[:, 2] - 0.06], 1)
        ring = np.where(up, np.hypot(*to_centre.T) - 0.04, np.abs(np.abs(inner[:, 0] - 0.04) - 0.04))
        farthest = max(farthest, float(np.hypot(ring, inner[:, 1]).max()))
    print(f"farthest from the middle line {1e3 * farthest:.3f} mm, bore 12 mm")
    assert farthest < 0.012


def test_a_curl_slides_along_a_hollow_wall_without_stalling():
    """A J pressed into a tube narrower than itself: a tick ends in a few Newton steps since contacts know the wall's hollow."""
    pushed = wire(length=0.08, count=53, inside=0.002, young=1.5e8, curl=333.0)
    case = Pushed(straight(bore=0.002, length=0.06), pushed, friction=0.1)
    steps, residuals = [], []
    for advance in np.arange(1, 17) * 1e-3:
        report = case.solver.step(case.state, Command(drives={"wire": Drive(advance=float(advance))}))
        steps.append(report.newton_steps)
        residuals.append(report.residual)
        case.deepest = max(case.deepest, report.deepest)
    force = float(case.solver.contact_readings()[0].sum())
    print(f"Newton steps {steps}, largest residual {max(residuals):.1e}, deepest {1e6 * case.deepest:.0f} µm, {force:.3f} N")
    assert force > 0.01
    assert np.mean(steps) < 6.0 and np.median(residuals) < 5e-3
    assert case.deepest < 0.5 * THICK


# --- in a vessel that gives way: slow -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def softened() -> dict[float, tuple[Pushed, float]]:
    """Wires of two stiffnesses in a soft arch, and how far the arch was pushed outwards [m]."""
    found = {}
    for young in (9.5e9, 60.3e9):
        case = Pushed(arch(rigid=False), wire(young=young), residual_bound=2e-4)
        for advance in np.arange(1, 39) * 4e-3:
            case.drive(wire=Drive(advance=float(advance)))
        case.drive(ticks=5, wire=Drive(advance=0.152))
        found[young] = case, float(np.linalg.norm(case.state.displacement.to_numpy(), axis=1).max())
    return found


@pytest.mark.slow
def test_a_stiffer_wire_straightens_the_vessel_more(softened):
    (soft, less), (stiff, more) = softened[9.5e9], softened[60.3e9]
    print(f"wall moved {1e3 * less:.2f} and {1e3 * more:.2f} mm; wall force {soft.solver.contact_readings()[0].sum():.2f} and "
          f"{stiff.solver.contact_readings()[0].sum():.2f} N")  # fmt: skip
    assert more > 2.0 * less > 0.0


@pytest.mark.slow
def test_what_the_wire_presses_on_the_wall_is_what_holds_the_wall(softened):
    case, _ = softened[60.3e9]
    case.drive(ticks=20, wire=Drive(advance=0.152))
    pressed = case.solver.contact_forces().sum(0)
    held = case.solver.held_forces(case.state).sum(0)
    size = np.linalg.norm(pressed)
    print(f"pressed {np.round(pressed, 4)} N, held {np.round(held, 4)} N: {100.0 * np.linalg.norm(pressed + held) / size:.3f} %")
    assert np.linalg.norm(pressed + held) < 1e-3 * size


@pytest.mark.slow
def test_a_wire_stays_within_its_catheter():
    """A stiff wire through a curled catheter: it keeps to the bore, and both uncurl as beams side by side do, κ EI_c/ΣEI."""
    inner = wire("wire", young=60.3e9, length=0.16, count=80, inside=0.02)
    outer = wire("catheter", young=2e9, diameter=2e-3, length=0.12, count=60, inside=0.06, curl=30.0)
    gap = 0.05e-3
    case = Pushed(straight(bore=0.03, length=0.1), together([inner, outer], sleeves=[("wire", "catheter", gap)]))
    case.drive(ticks=5)
    for advance in np.arange(1, 16) * 4e-3:
        case.drive(wire=Drive(advance=float(advance)))
    case.drive(ticks=3, wire=Drive(advance=0.06))
    places = case.places()
    inside, line = places[:81], places[81:]
    edge = line[-1] - line[-2]
    lean = float(np.arctan2(-edge[1], edge[2]))
    stiff = np.array([2e9 * 2e-3**4, 60.3e9 * THICK**4])
    alone = 30.0 * 0.02
    expected = alone * stiff[0] / stiff.sum()
    off = np.linalg.norm(inside[:, None] - line[None], axis=2).min(1)
    within = (inside[:, 2] < line[-1, 2] - 2e-3) & (inside[:, 2] > line[0, 2])
    print(f"catheter's tip leans by {alone:.3f} rad alone, {lean:.3f} with the wire; beams side by side {expected:.3f}")
    # The wire may lean within its bore, so that the catheter keeps a little more of its curl.
    assert expected < lean < 1.2 * expected
    # Nodes of the two do not lie side by side: half an element along is allowed for.
    assert np.all(off[within] < np.hypot(gap + 1e-4, 1.05e-3))


def test_guides_and_sleeves_push_with_the_slope_of_their_energy():
    rng = np.random.default_rng(3)
    device = together(
        [wire("a", length=0.1, count=30, inside=0.04), wire("b", length=0.1, count=25, inside=0.05)], [("a", "b", 1e-4)]
    )
    y = device.pose.position + 3e-4 * rng.normal(size=device.pose.position.shape)
    for part in (GuidePart(device.feeds[0], np.zeros(3)), SleevePart(device.sleeves[0], y)):
        slope = part.evaluate(y)[1]
        assert np.abs(slope).max() > 0.0
        for _ in range(4):
            d = 1e-8 * rng.normal(size=y.shape)
            risen = part.evaluate(y + d)[0] - part.evaluate(y - d)[0]
            assert risen == pytest.approx(2.0 * (slope * d).sum(), rel=1e-4, abs=1e-14 * float(np.linalg.norm(slope)))


@pytest.mark.slow
def test_a_pushed_wire_goes_on_from_a_saved_state_to_the_bit(tmp_path):
    """A curled wire that presses on a soft vessel: from a file a fresh solver goes on as the old one does."""
    first, second = (
        Pushed(straight(bore=0.004, length=0.1, rigid=False), wire(length=0.1, count=40, inside=0.03, young=2e9, curl=60.0))
        for _ in range(2)
    )
    for advance in np.arange(1, 7) * 2e-3:
        first.drive(wire=Drive(advance=float(advance)))
    first.state.save(tmp_path / "state.npz")
    second.state = State.load(tmp_path / "state.npz")
    for case in (first, second):
        for advance in np.arange(7, 10) * 2e-3:
            case.drive(wire=Drive(advance=float(advance), turn=0.3))
    assert first.state.digest() == second.state.digest()
    assert first.solver.contact_readings()[0].sum() > 0.0


def test_what_is_not_in_the_tray_is_told():
    case = Pushed(straight(bore=0.02, length=0.1), wire(length=0.1, count=20))
    with pytest.raises(ModelError, match="drives 'sheath', but the tray holds wire"):
        case.drive(sheath=Drive(advance=1e-3))
    with pytest.raises(ValueError, match=r"cannot begin with 0\.2 m inside"):
        wire(length=0.1, inside=0.2)
    with pytest.raises(ValueError, match="names 'sheath'"):
        together([wire("a"), wire("b")], [("a", "sheath", 1e-4)])
    with pytest.raises(ValueError, match="share a name"):
        together([wire("a"), wire("a")])


def test_a_pose_moves_by_what_it_is_told():
    pose = Pose(np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0, 0.0]]))
    moved = pose.moved(np.array([[0.1, 0.2, 0.3, 0.0, 0.0, np.pi / 2]]))
    np.testing.assert_allclose(moved.position, [[0.1, 0.2, 0.3]])
    np.testing.assert_allclose(to_matrices(moved.rotation)[0] @ [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], atol=1e-15)
