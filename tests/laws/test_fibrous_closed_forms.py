"""Laws with fibres under uniaxial, equibiaxial and shear loads, against closed forms for tissue that keeps its volume.

The pressure that keeps the volume has no part in σ_a − σ_b, the difference of two principal Cauchy stresses, so that the
law's own functions give the limit of a large bulk modulus exactly.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import scipy.optimize

from sim.materials.gasser_ogden_holzapfel import GasserOgdenHolzapfel
from sim.materials.guccione import Guccione
from sim.materials.holzapfel_ogden import HolzapfelOgden
from tests.laws.deformations import EYE
from tests.laws.fibrous_laws import LAWS, stress_of
from tests.laws.fibrous_twin import Law

MUSCLE, HEART = LAWS["guccione"], LAWS["holzapfel-ogden"]
WALLS = [LAWS["goh media"], LAWS["goh aligned"], LAWS["goh without direction"]]
ADVENTITIA = GasserOgdenHolzapfel(7.64e3, 996.6e3, 524.6, 0.226, np.radians(49.98), 10.0e6, 1100.0)
STRIP_STRETCHES = np.array([1.05, 1.10, 1.15, 1.20])
STRIPS = {
    (0, 0.226): (1.421, 4.070, 12.656, 48.245),
    (1, 0.226): (4.727, 27.026, 150.54, 1602.5),
    (0, 1.0 / 3.0): (1.631, 6.233, 18.889, 60.269),
    (1, 1.0 / 3.0): (1.631, 6.233, 18.889, 60.269),
    (0, 0.0): (1.272, 2.730, 4.507, 6.821),
    (1, 0.0): (3.138, 8.767, 20.195, 47.408),
}
"""Cauchy stress [kPa] along the circumference (0) or the axis (1) for a dispersion, at `STRIP_STRETCHES`."""


def cauchy(law: Law, *stretches: float) -> np.ndarray:
    """Diagonal of the Cauchy stress [Pa] but for a pressure, at principal stretches along the frame, their product 1."""
    stress = stress_of(law, np.diag(stretches)[None])[0]
    np.testing.assert_allclose(stress, np.diag(np.diag(stress)), atol=1e-9 * np.abs(stress).max())
    return np.diag(stress) * np.array(stretches)


def sheared_stress(law: Law, amount: float, row: int, column: int) -> float:
    """P [Pa] that does work on a simple shear F = I + amount · e_row ⊗ e_column."""
    f = EYE.copy()
    f[row, column] = amount
    return float(stress_of(law, f[None])[0, row, column])


def strip_stress(law: Law, stretch: float, axis: int) -> float:
    """Cauchy stress [Pa] of a strip pulled along an axis in the wall's plane, both its sides free."""

    def stretches(side: float) -> list[float]:
        principal = [0.0, 0.0, 1.0 / (stretch * side)]
        principal[axis], principal[1 - axis] = stretch, side
        return principal

    def across(side: float) -> float:
        stress = cauchy(law, *stretches(side))
        return stress[1 - axis] - stress[2]

    side = scipy.optimize.brentq(across, 0.3, 1.1, xtol=1e-14)
    stress = cauchy(law, *stretches(side))  # pyright: ignore
    return float(stress[axis] - stress[2])


@pytest.mark.parametrize(("axis", "dispersion"), STRIPS)
def test_strips_of_adventitia(axis, dispersion):
    law = dataclasses.replace(ADVENTITIA, dispersion=dispersion)
    found = np.array([1e-3 * strip_stress(law, stretch, axis) for stretch in STRIP_STRETCHES])
    off = found / np.array(STRIPS[axis, dispersion]) - 1.0
    print(f"axis {axis}, dispersion {dispersion:.3f}: {np.round(found, 3)} kPa, off by {100.0 * np.abs(off).max():.3f} %")
    assert np.abs(off).max() < 1e-3


@pytest.mark.parametrize("law", WALLS, ids=["dispersed", "aligned", "without direction"])
@pytest.mark.parametrize("stretch", [0.9, 1.05, 1.2, 1.4])
def test_arterial_wall_stretched_both_ways(law, stretch):
    radial = stretch**-4
    square = stretch**2
    strain = law.dispersion * (2.0 * square + radial) + (1.0 - 3.0 * law.dispersion) * square - 1.0
    pull = 4.0 * law.k1 * max(strain, 0.0) * np.exp(law.k2 * strain**2)
    stress = cauchy(law, stretch, stretch, stretch**-2)
    for axis, share in ((0, np.cos(law.angle) ** 2), (1, np.sin(law.angle) ** 2)):
        spread = law.dispersion * (square - radial) + (1.0 - 3.0 * law.dispersion) * square * share
        expected = law.shear * (square - radial) + pull * spread
        assert stress[axis] - stress[2] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("law", WALLS, ids=["dispersed", "aligned", "without direction"])
@pytest.mark.parametrize("amount", [-0.5, 0.05, 0.3, 0.8])
def test_arterial_wall_sheared_in_its_plane(law, amount):
    d, cosine, sine = law.dispersion, np.cos(law.angle), np.sin(law.angle)
    expected = law.shear * amount
    for sign in (1.0, -1.0):
        along = 1.0 + sign * 2.0 * cosine * sine * amount + sine**2 * amount**2
        strain = d * (3.0 + amount**2) + (1.0 - 3.0 * d) * along - 1.0
        slope = 2.0 * d * amount + (1.0 - 3.0 * d) * (sign * 2.0 * cosine * sine + 2.0 * sine**2 * amount)
        expected += law.k1 * max(strain, 0.0) * np.exp(law.k2 * strain**2) * slope
    assert sheared_stress(law, amount, 0, 1) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("stretch", [0.85, 0.95, 1.05, 1.2, 1.4])
def test_muscle_stretched_along_its_fibres_and_both_ways_across(stretch):
    law = MUSCLE
    assert isinstance(law, Guccione)
    for along, across in ((stretch, stretch**-0.5), (stretch**-2, stretch)):
        fibre, side = 0.5 * (along**2 - 1.0), 0.5 * (across**2 - 1.0)
        power = np.exp(law.bf * fibre**2 + 2.0 * law.bt * side**2)
        expected = law.c * power * (law.bf * fibre * along**2 - law.bt * side * across**2)
        stress = cauchy(law, along, across, across)
        assert stress[0] - stress[2] == pytest.approx(expected, rel=1e-9)
        assert stress[1] - stress[2] == pytest.approx(0.0, abs=1e-9 * abs(expected))


@pytest.mark.parametrize("amount", [-0.4, 0.05, 0.5, 1.0])
def test_muscle_sheared_along_its_fibres_and_across(amount):
    law = MUSCLE
    assert isinstance(law, Guccione)
    shear, side = 0.5 * amount, 0.5 * amount**2
    along = law.c * np.exp(law.bt * side**2 + 2.0 * law.bfs * shear**2) * (law.bfs * shear + law.bt * side * amount)
    assert sheared_stress(law, amount, 0, 1) == pytest.approx(along, rel=1e-9)
    across = law.c * np.exp(law.bf * side**2 + 2.0 * law.bfs * shear**2) * (law.bfs * shear + law.bf * side * amount)
    assert sheared_stress(law, amount, 1, 0) == pytest.approx(across, rel=1e-9)
    within = law.c * np.exp(law.bt * (side**2 + 2.0 * shear**2)) * law.bt * (shear + side * amount)
    assert sheared_stress(law, amount, 1, 2) == pytest.approx(within, rel=1e-9)


def growing(a: float, b: float) -> Callable[[float], float]:
    """2 ∂ψ/∂I₄ [Pa] of fibres that bear tension alone, at I₄."""
    return lambda square: 2.0 * a * max(square - 1.0, 0.0) * float(np.exp(b * (square - 1.0) ** 2))


@pytest.mark.parametrize("stretch", [0.85, 0.95, 1.05, 1.2])
def test_heart_stretched_along_fibres_along_sheets_and_both_ways(stretch):
    law = HEART
    assert isinstance(law, HolzapfelOgden)
    fibres, sheets = growing(law.af, law.bf), growing(law.as_, law.bs)
    side = stretch**-0.5
    for stretches in ((stretch, side, side), (side, stretch, side), (stretch, stretch, stretch**-2)):
        squares = np.square(stretches)
        ground = law.a * np.exp(law.b * (squares.sum() - 3.0))
        first, second, third = ground * squares + np.array([fibres(squares[0]), sheets(squares[1]), 0.0]) * squares
        stress = cauchy(law, *stretches)
        assert stress[0] - stress[2] == pytest.approx(first - third, rel=1e-9, abs=1e-9)
        assert stress[1] - stress[2] == pytest.approx(second - third, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("amount", [-0.4, 0.05, 0.3, 0.5])
def test_heart_sheared_in_all_six_modes(amount):
    """The six modes of Holzapfel & Ogden 2009, figure 6: the plane's first axis is what the shear stretches."""
    law = HEART
    assert isinstance(law, HolzapfelOgden)
    square = 1.0 + amount**2
    ground = law.a * np.exp(law.b * amount**2) * amount
    stretched = {0: growing(law.af, law.bf)(square) * amount, 1: growing(law.as_, law.bs)(square) * amount, 2: 0.0}
    coupling = law.afs * amount * np.exp(law.bfs * amount**2)
    for row in range(3):
        for column in range(3):
            if row != column:
                expected = ground + stretched[column] + (coupling if {row, column} == {0, 1} else 0.0)
                assert sheared_stress(law, amount, row, column) == pytest.approx(expected, rel=1e-9)
