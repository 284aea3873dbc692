import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshing.errors import InputError
from scenarios.devices.balloon import Balloon


def balloon(**changes) -> Balloon:
    usual = Balloon(
        nominal_diameter_mm=8.0,
        nominal_pressure_atm=8.0,
        compliance_per_atm=0.007,
        rated_burst_pressure_atm=14.0,
        folded_diameter_mm=1.6,
        length_mm=33.0,
    )
    return dataclasses.replace(usual, **changes)


def test_it_follows_the_linear_law_above_unfolding():
    pressures = np.linspace(2.0, 14.0, 7)
    np.testing.assert_allclose(balloon().diameter(pressures), 8.0 * (1 + 0.007 * (pressures - 8.0)), rtol=1e-12)


def test_it_is_folded_at_rest_and_nominal_at_nominal_pressure():
    assert balloon().diameter(0.0) == 1.6
    assert balloon().diameter(8.0) == pytest.approx(8.0, rel=1e-12)
    assert isinstance(balloon().diameter(8.0), float)


def test_the_unfolding_ramp_is_straight():
    assert balloon().diameter(1.0) == pytest.approx((1.6 + 8.0 * (1 - 0.007 * 6)) / 2, rel=1e-12)


@given(st.floats(0.0, 14.0))
def test_pressure_at_undoes_diameter(pressure):
    assert balloon().pressure_at(balloon().diameter(pressure)) == pytest.approx(pressure, abs=1e-9)


@given(st.floats(0.0, 14.0), st.floats(0.0, 14.0))
def test_more_pressure_never_gives_a_narrower_balloon(low, high):
    assert balloon().diameter(min(low, high)) <= balloon().diameter(max(low, high))


def test_arrays_keep_their_shape():
    assert balloon().diameter(np.full((2, 3), 9.0)).shape == (2, 3)
    assert balloon().pressure_at(np.full((2, 3), 8.0)).shape == (2, 3)
    assert balloon().diameter(np.zeros(0)).shape == (0,)


def test_it_refuses_pressure_above_rated_burst():
    with pytest.raises(InputError, match=r"14\.5 atm is above the 14 atm"):
        balloon().diameter(np.array([8.0, 14.5]))
    assert balloon().diameter(14.0) == balloon().largest_diameter_mm


def test_it_refuses_diameters_it_does_not_reach():
    with pytest.raises(InputError, match=r"reaches 8\.34 mm"):
        balloon().pressure_at(9.0)
    with pytest.raises(InputError, match=r"less than the folded"):
        balloon().pressure_at(1.0)


@pytest.mark.parametrize("pressure", [-0.5, np.nan, np.inf])
def test_it_refuses_pressures_that_are_none(pressure):
    with pytest.raises(InputError):
        balloon().diameter(pressure)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"compliance_per_atm": -0.01}, "does not rise"),
        ({"compliance_per_atm": 0.0}, "does not rise"),
        ({"folded_diameter_mm": 7.9}, "does not rise"),
        ({"chart": ((2.0, 7.5), (8.0, 7.4), (14.0, 8.3))}, r"7\.500 mm at 2 atm to 7\.400 mm at 8 atm"),
        ({"chart": ((2.0, 7.5), (2.0, 7.6))}, "does not rise"),
        ({"nominal_pressure_atm": 15.0}, "must come in that order"),
        ({"folded_diameter_mm": 0.0}, "above zero"),
        ({"length_mm": np.nan}, "above zero"),
    ],
)
def test_it_refuses_charts_that_cannot_be(changes, words):
    with pytest.raises(InputError, match=words):
        balloon(**changes)


def test_a_makers_chart_takes_the_place_of_the_law():
    rows = ((8.0, 2.85), (9.0, 2.92), (10.0, 3.0), (12.0, 3.09), (14.0, 3.16), (16.0, 3.22), (18.0, 3.27))
    charted = balloon(
        nominal_diameter_mm=3.0, nominal_pressure_atm=10.0, rated_burst_pressure_atm=18.0, folded_diameter_mm=0.8, chart=rows
    )
    pressures, diameters = np.array(rows).T
    np.testing.assert_allclose(charted.diameter(pressures), diameters, rtol=1e-12)
    assert charted.diameter(11.0) == pytest.approx(3.045, rel=1e-12)


def test_the_printed_chart_ends_at_rated_burst():
    table = balloon().table()
    assert table[0][0] == 2.0
    assert table[-1] == (14.0, pytest.approx(8.336))
