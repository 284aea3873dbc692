"""A balloon opened in a vessel: a hyperelastic balloon in an artery against its closed form, and freely against its chart."""

import math

import numpy as np
import pytest

from sim.balloon import GuidedBalloon
from sim.command import Command
from sim.materials.yeoh import Yeoh
from sim.tray import bare_balloon
from tests.verification.bodies import MILLIMETRE, NEAR, quarter_tube
from tests.verification.references import tube_pressure
from tests.verification.resting import Bench, made_of, mirrors

MEGAPASCAL = 1e6
ARTERY = {"inner": 1.5, "outer": 2.5}  # [mm]
BALLOON = {"inner": 0.58, "outer": 0.68}
ARTERY_SHEAR, BALLOON_SHEAR = 0.227 * MEGAPASCAL, 1.72 * MEGAPASCAL
"""Example 13 of pymecht: neo-Hookean balloon in a neo-Hookean artery, both incompressible, lengths kept."""


def balloon_pressure(outer: float) -> float:
    """Pressure [Pa] that holds the free balloon open at an outer radius [mm]."""
    inner = math.sqrt(outer**2 - BALLOON["outer"] ** 2 + BALLOON["inner"] ** 2)
    return BALLOON_SHEAR * tube_pressure(inner, **BALLOON)


def balloon() -> GuidedBalloon:
    """The balloon by its chart; a straight line between rows 5 µm apart."""
    radius = np.arange(BALLOON["outer"], 2.6, 0.005)
    pressure = np.array([balloon_pressure(one) for one in radius])
    axis = np.array([[0.0, 0.0, -0.01], [0.0, 0.0, 0.01]])
    return GuidedBalloon(axis, radius * MILLIMETRE, np.maximum(pressure, 0.0))


def test_the_parts_are_the_published_ones():
    """Pressures of balloon and artery at the radii of the published table, in the unit of its moduli."""
    inner = [0.7, 1.0, 1.4]
    outer = [math.sqrt(one**2 + BALLOON["outer"] ** 2 - BALLOON["inner"] ** 2) for one in inner]
    np.testing.assert_allclose([balloon_pressure(one) / MEGAPASCAL for one in outer], [0.13193, 0.235395, 0.263041], rtol=1e-4)
    artery = [ARTERY_SHEAR * tube_pressure(one, **ARTERY) / MEGAPASCAL for one in (1.6, 1.75, 2.0)]
    np.testing.assert_allclose(artery, [0.017536, 0.038175, 0.062113], rtol=1e-4)
    at_contact = math.sqrt(ARTERY["inner"] ** 2 - BALLOON["outer"] ** 2 + BALLOON["inner"] ** 2)
    assert at_contact == pytest.approx(1.45739, abs=1e-5)


def in_artery(through: int) -> tuple[Bench, np.ndarray]:
    """A quarter of a slice of the artery with the balloon in it, and which vertices are its bore's."""
    length = (ARTERY["outer"] - ARTERY["inner"]) / through * MILLIMETRE
    levels = np.linspace(ARTERY["inner"], ARTERY["outer"], through + 1) * MILLIMETRE
    solid = quarter_tube(levels, 2.0 * length, around=3 * through, along=2)
    sides = [solid.on(0, 0.0), solid.on(1, 0.0), solid.on(2, 0.0), solid.on(2, 2.0 * length)]
    bore = np.abs(np.linalg.norm(solid.vertices[:, :2], axis=1) - levels[0]) < NEAR
    law = Yeoh(c1=0.5 * ARTERY_SHEAR, c2=0.0, c3=0.0, bulk=200.0 * ARTERY_SHEAR, density=1100.0)
    body = made_of(solid, law, lumen=solid.faces(bore))
    bench = Bench.of(mirrors(body, solid, sides, scale=ARTERY_SHEAR / length), device=bare_balloon("balloon", balloon()))
    return bench, bore


def test_a_balloon_touches_and_opens_an_artery():
    """Below contact nothing moves; beyond it the balloon's pressure is what its skin and the artery bear at one radius."""
    bench, bore = in_artery(6)
    still = bench.settle(Command(balloons={"balloon": balloon_pressure(1.49)}))
    assert np.abs(still).max() < 1e-9
    for radius in (1.6, 1.75, 2.0):
        pressure = balloon_pressure(radius) + ARTERY_SHEAR * tube_pressure(radius, **ARTERY)
        moved = bench.settle(Command(balloons={"balloon": pressure}))
        found = float(np.linalg.norm((bench.model.body.vertices + moved)[bore][:, :2], axis=1).mean()) / MILLIMETRE
        on_artery = (pressure - balloon_pressure(found)) / MEGAPASCAL
        exact = ARTERY_SHEAR * tube_pressure(found, **ARTERY) / MEGAPASCAL
        error = bench.tell(f"opened to {found:.4f} mm (closed form {radius}), pressure on the artery", on_artery, exact, "MPa")
        assert abs(error) < 0.03
        whole = balloon_pressure(found) / MEGAPASCAL + exact
        assert abs(bench.tell("    pressure in the balloon", pressure / MEGAPASCAL, whole, "MPa")) < 0.01
