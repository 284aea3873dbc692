"""Commands and motions: where they put points, and that a recording keeps them."""

import dataclasses
import json

import numpy as np
import pytest

from sim.command import Command, Motion, Pull

QUARTER = Motion(translation=(1.0, 0.0, 0.0), rotation=(0.0, 0.0, 0.5 * np.pi), centre=(2.0, 0.0, 0.0))
FULL = Command(
    blood_pressure=13.3e3,
    balloons={"balloon": 8.1e5},
    gravity=(0.1, 0.2, -9.81),
    pressures={"outside": -500.0},
    tractions={"end": (0.0, 62.5e3, 0.0)},
    moves={"grip": QUARTER, "ball": Motion(translation=(0.0, 0.0, 0.1))},
    activation=0.3,
    pulls={"probe": Pull(7, (0.01, -0.02, 0.03), stiffness=100.0)},
)


def test_a_motion_turns_about_its_centre_and_then_shifts():
    points = np.array([[2.0, 0.0, 5.0], [3.0, 0.0, 0.0]])
    np.testing.assert_allclose(QUARTER.moved(points), [[3.0, 0.0, 5.0], [3.0, 1.0, 0.0]], atol=1e-12)
    np.testing.assert_allclose(QUARTER.returned(QUARTER.moved(points)), points, atol=1e-12)
    np.testing.assert_allclose(QUARTER.turned(np.array([[1.0, 0.0, 0.0]])), [[0.0, 1.0, 0.0]], atol=1e-12)
    assert Motion.from_numbers(QUARTER.numbers()) == QUARTER


@pytest.mark.parametrize("command", [FULL, Command(), Command(blood_pressure=1.0, balloons={"balloon": 2.0})])
def test_a_command_comes_back_from_a_recording(command):
    kept = json.loads(json.dumps(dataclasses.asdict(command)))
    assert Command(**kept) == command


def test_a_recording_from_before_there_were_other_loads_is_still_read():
    kept = json.loads('{"blood_pressure": 5.0, "balloons": {"balloon": 6.0}}')
    assert Command(**kept) == Command(blood_pressure=5.0, balloons={"balloon": 6.0})


def test_arrays_may_stand_for_vectors():
    motion = Motion(translation=np.array([1.0, 0.0, 0.0]), rotation=[0, 0, 0.5 * np.pi], centre=np.float32([2, 0, 0]))  # pyright: ignore
    assert motion == QUARTER
    command = Command(gravity=np.array([0.0, 0.0, -9.81]), tractions={"end": np.array([0, 1, 0])})  # pyright: ignore
    assert command == Command(gravity=(0.0, 0.0, -9.81), tractions={"end": (0.0, 1.0, 0.0)})
    assert json.loads(json.dumps(dataclasses.asdict(command)))["tractions"] == {"end": [0.0, 1.0, 0.0]}


def test_a_vector_of_two_numbers_is_refused():
    with pytest.raises(ValueError):
        Motion(translation=(1.0, 2.0))  # pyright: ignore


def test_blending_goes_evenly_from_one_command_to_another():
    before = Command(blood_pressure=3.3e3, tractions={"end": (0.0, 2.5e3, 0.0), "side": (1.0, 0.0, 0.0)})
    assert before.blended(FULL, 0.0).blood_pressure == before.blood_pressure
    end = before.blended(FULL, 1.0)
    assert dataclasses.replace(end, tractions={"end": end.tractions["end"]}) == FULL
    assert end.tractions["side"] == (0.0, 0.0, 0.0)
    half = before.blended(FULL, 0.5)
    assert half.blood_pressure == pytest.approx(8.3e3)
    assert half.activation == pytest.approx(0.15)
    assert half.pressures == {"outside": pytest.approx(-250.0)}
    assert half.tractions["end"] == pytest.approx((0.0, 32.5e3, 0.0))
    assert half.moves["grip"].centre == QUARTER.centre
    assert half.moves["grip"].rotation == pytest.approx((0.0, 0.0, 0.25 * np.pi))
    assert half.moves["ball"].translation == pytest.approx((0.0, 0.0, 0.05))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stiffness": 0.0}, "stiffness of 0 N/m; it must be positive"),
        ({"radius": -1e-3}, "radius of -0.001 m"),
        ({"limit": float("nan")}, "limit of nan N"),
        ({"target": (0.0, float("inf"), 0.0)}, "three finite numbers"),
    ],
)
def test_a_pull_that_makes_no_sense_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        Pull(**{"vertex": 3, "target": (0.0, 0.0, 0.0), **change})


def test_a_pull_moves_from_one_hand_to_the_next_and_begins_gently():
    first, second = (Command(pulls={"probe": Pull(3, (x, 0.0, 0.0))}) for x in (1.0, 3.0))
    assert first.blended(second, 0.25).pulls["probe"].target == (1.5, 0.0, 0.0)
    eased = Command().blended(second, 0.25).pulls["probe"]
    assert (eased.target, eased.stiffness, eased.limit) == ((3.0, 0.0, 0.0), 75.0, 0.5)
    assert not first.blended(Command(), 0.25).pulls
