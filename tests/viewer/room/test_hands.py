"""Hands: the indeflator as a machine, what events ask of the engine, and what is told of it."""

import pytest

from meshing.errors import InputError
from scenarios.devices.lattice import ATMOSPHERE
from scenarios.procedure import STENT
from sim.command import Command
from tests.scenarios.small_case import small_case
from viewer.room.bus import Bus, Event
from viewer.room.hands import CONTRAST_ML_S, PUFF_ML, Hands
from viewer.room.indeflator import DEFLATE_ATM_S, EMPTY_ATM_S, INFLATE_ATM_S, Indeflator
from viewer.room.inflating import Inflating

DT = 0.05


@pytest.fixture(scope="module")
def case():
    return small_case()


def indeflator_of(hands):
    """The one on the stent's balloon."""
    assert isinstance(hands.work, Inflating)
    return hands.work.indeflators[STENT]


def worked(hands, *events, ticks=1, start=0):
    """Do these things at a tick and let some ticks pass; gives the last command and all that was told."""
    told = []
    for event in events:
        hands.take(event)
    command = Command()
    for tick in range(start, start + ticks):
        command, sentences = hands.advance(tick * DT, DT)
        told += sentences
    return command, told


def test_the_screw_turns_in_holds_and_turns_out(case):
    one = Indeflator(case.balloon)
    for _ in range(10):
        one.advance("in", DT)
    assert one.pressure_atm == pytest.approx(10 * DT * INFLATE_ATM_S) and one.state == "inflating"
    one.advance("none", DT)
    assert one.pressure_atm == pytest.approx(10 * DT * INFLATE_ATM_S) and one.state == "held"
    one.advance("out", DT)
    assert one.pressure_atm == pytest.approx(10 * DT * INFLATE_ATM_S - DT * DEFLATE_ATM_S) and one.state == "deflating"
    happened = [what for _ in range(20) for what in one.advance("out", DT)]
    assert one.pressure_atm == 0.0 and happened == ["empty"] and one.highest_atm == pytest.approx(10 * DT * INFLATE_ATM_S)


def test_emptying_goes_on_by_itself_until_the_screw_is_turned_in(case):
    one = Indeflator(case.balloon)
    for _ in range(60):
        one.advance("in", DT)
    high = one.pressure_atm
    one.empty()
    one.advance("none", DT)
    assert one.pressure_atm == pytest.approx(high - DT * EMPTY_ATM_S) and one.state == "emptying"
    one.advance("in", DT)
    assert one.state == "inflating"
    one.empty()
    assert [what for _ in range(30) for what in one.advance("none", DT)] == ["empty"]


def test_above_the_rated_pressure_the_balloon_bursts_and_holds_nothing_more(case):
    one, told, last = Indeflator(case.balloon), [], 0.0
    for _ in range(2000):
        last = max(last, one.pressure_atm)
        told += one.advance("in", DT)
        if "burst" in told:
            break
    assert told == ["nominal", "burst"] and one.state == "burst"
    rated = case.balloon.highest_pressure_atm
    assert rated - DT * INFLATE_ATM_S <= last <= rated
    assert one.advance("in", DT) == () and one.pressure_atm == 0.0


def test_events_become_pressures_and_phases(case):
    hands = Hands(case)
    command, _ = worked(hands, ticks=2)
    assert command.balloons == {STENT: 0.0} and command.blood_pressure == case.blood_pressure_pa and hands.work.phase == "before"
    command, _ = worked(hands, Event(0.1, "script", "inflate", True), ticks=10, start=2)
    assert command.balloons[STENT] == pytest.approx(10 * DT * INFLATE_ATM_S * ATMOSPHERE) and hands.work.phase == "inflating"
    command, _ = worked(hands, Event(0.6, "script", "inflate", False), start=12)
    assert command.balloons[STENT] == pytest.approx(10 * DT * INFLATE_ATM_S * ATMOSPHERE) and hands.work.phase == "inflated"
    worked(hands, Event(0.65, "script", "deflate", True), start=13)
    assert hands.work.phase == "deflating"
    _, told = worked(hands, ticks=20, start=14)
    assert hands.work.phase == "after" and told == ["The stent's balloon was empty again at 0.90 s, after 1.0 atm at most."]


def test_a_key_that_goes_down_and_up_within_a_tick_counts_for_it(case):
    hands = Hands(case)
    worked(hands, Event(0.0, "keyboard", "inflate", True), Event(0.0, "keyboard", "inflate", False))
    assert indeflator_of(hands).pressure_atm == pytest.approx(DT * INFLATE_ATM_S)
    worked(hands, start=1)
    assert indeflator_of(hands).pressure_atm == pytest.approx(DT * INFLATE_ATM_S)


def test_both_ways_at_once_hold(case):
    hands = Hands(case)
    worked(hands, Event(0.0, "keyboard", "inflate", True), ticks=4)
    worked(hands, Event(0.2, "keyboard", "deflate", True), ticks=4, start=4)
    assert indeflator_of(hands).pressure_atm == pytest.approx(4 * DT * INFLATE_ATM_S)


def test_xrays_and_contrast_are_counted_in_simulated_time(case):
    hands = Hands(case)
    worked(hands, Event(0.0, "s", "xray", True), Event(0.0, "s", "inject", True), ticks=4)
    worked(hands, Event(0.2, "s", "xray", False), Event(0.2, "s", "inject", False), ticks=4, start=4)
    assert hands.xray_time_s == pytest.approx(4 * DT) and hands.contrast_ml == pytest.approx(4 * DT * CONTRAST_ML_S)
    worked(hands, Event(0.4, "s", "puff"), ticks=60, start=8)
    assert hands.contrast_ml == pytest.approx(4 * DT * CONTRAST_ML_S + PUFF_ML)
    assert [round(one.start_s, 3) for one in hands.injections] == [0.0, 0.4]


def test_what_is_not_there_is_refused_and_what_cannot_be_is_told(case):
    hands = Hands(case)
    with pytest.raises(InputError, match="nothing called 'dance'"):
        hands.take(Event(0.0, "script", "dance"))
    _, told = worked(hands, Event(0.0, "script", "device_3"))
    assert told == ["There is no balloon 3; this case has 1."]


def test_the_bus_gives_what_is_due_in_its_order_and_stamps_it():
    bus = Bus([Event(0.2, "script", "inflate", True), Event(0.1, "script", "xray", True)])
    bus.post("keyboard", "bookmark")
    assert [one.verb for one in bus.take(0.0)] == ["bookmark"]
    assert bus.last_s() == 0.2
    bus.post("keyboard", "pause")
    taken = bus.take(0.2)
    assert [one.verb for one in taken] == ["xray", "inflate", "pause"] and {one.time_s for one in taken} == {0.2}
    assert [Event.of_row(one.row()) for one in taken] == taken
    assert bus.take(9.0) == []
