"""What is asked at which time: balloons in turn, and one that bursts."""

import dataclasses

import numpy as np
import pytest

from meshing.errors import InputError
from scenarios.catalogue import find_balloon
from scenarios.devices.lattice import ATMOSPHERE
from scenarios.procedure import STENT, Inflation, procedure_of, steps_in_turn
from tests.scenarios.small_case import small_case

BEFORE, AFTER = find_balloon("semi-compliant balloon 3x10").balloon, find_balloon("non-compliant balloon 4x8").balloon


def in_turn(**changed):
    rows = [Inflation("predilation", BEFORE), Inflation(STENT, small_case().balloon), Inflation("postdilation", AFTER, 18.0)]
    return steps_in_turn([dataclasses.replace(one, **changed.get(one.name, {})) for one in rows], blood_pressure_pa=12e3)


def test_one_balloon_is_filled_at_a_time_and_each_to_what_was_asked():
    procedure = in_turn()
    times = np.arange(0.0, procedure.duration_s, 0.01)
    asked = [procedure(time).balloons for time in times]
    assert all(sum(pressure > 0.0 for pressure in row.values()) <= 1 for row in asked)
    most = {name: max(row[name] for row in asked) / ATMOSPHERE for name in procedure.balloons}
    assert most == pytest.approx({"predilation": 7.0, STENT: small_case().balloon.nominal_pressure_atm, "postdilation": 18.0})
    phases = list(dict.fromkeys(procedure.phase(time) for time in times))
    assert phases[0] == "before" and phases[-1] == "after" and phases.index("predilation, inflated") < phases.index("inflated")
    assert procedure.events(0.0, procedure.duration_s) == ()


def test_a_balloon_bursts_at_its_rated_pressure_and_stays_empty():
    procedure = in_turn(postdilation={"pressure_atm": 25.0})
    burst = procedure.burst_s("postdilation")
    assert burst is not None and procedure.burst_s(STENT) is None
    start = next(key.time_s for key in procedure.keyframes if key.phase == "deflating")
    assert burst == pytest.approx(start + 3.0 * 20.0 / 25.0)
    assert procedure.pressure_atm("postdilation", burst) == pytest.approx(20.0)
    assert procedure.pressure_atm("postdilation", burst + 1e-6) == procedure.pressure_atm("postdilation", burst + 1.0) == 0.0
    (event,) = procedure.events(burst - 0.01, burst + 0.01)
    assert "balloon of the postdilation burst" in event and "20 atm" in event
    assert procedure.events(burst + 0.01, procedure.duration_s) == ()


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(InputError, match="above zero"):
        in_turn(predilation={"pressure_atm": 0.0})
    with pytest.raises(InputError, match="share a name"):
        steps_in_turn([Inflation("a", BEFORE), Inflation("a", AFTER)], blood_pressure_pa=0.0)


def test_a_case_without_dilations_inflates_its_stent_alone():
    procedure = procedure_of(small_case())
    assert procedure.balloons == (STENT,)
    assert [key.phase for key in procedure.keyframes] == ["before", "inflating", "inflated", "deflating", "after"]
