"""A balloon opened in a vessel: a hyperelastic balloon in an artery against its closed form, and freely against its chart."""

import dataclasses
import math

import numpy as np
import pytest

from sim.balloon import GuidedBalloon
from sim.body import Support
from sim.command import Command
from sim.materials.yeoh import Yeoh
from sim.model import with_device
from sim.solvers.implicit import ImplicitSolver
from sim.state import new_state
from sim.tray import bare_balloon
from tests.sim.tubes import tube
from tests.verification.bodies import MILLIMETRE, NEAR, Solid
from tests.verification.references import tube_pressure
from tests.verification.resting import Bench, made_of, mirrors

MEGAPASCAL = 1e6
ARTERY = {"inner": 1.5, "outer": 2.5}  # [mm]
BALLOON = {"inner": 0.58, "outer": 0.68}
TETHER = 1e4  # [Pa/m]: five pascals where the artery has moved by half a millimetre
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
    """A slice of the artery with the balloon in it, and which vertices are its bore's; tethered too softly to matter."""
    length = (ARTERY["outer"] - ARTERY["inner"]) / through * MILLIMETRE
    inner, outer = (ARTERY[name] * MILLIMETRE for name in ("inner", "outer"))
    grid = tube(bore=inner, outer=outer, length=2.0 * length, around=10 * through, through=through, along=2)
    solid = Solid(grid.vertices, grid.tets)
    sides = [solid.on(2, 0.0), solid.on(2, 2.0 * length)]
    bore = np.abs(np.linalg.norm(solid.vertices[:, :2], axis=1) - inner) < NEAR
    law = Yeoh(c1=0.5 * ARTERY_SHEAR, c2=0.0, c3=0.0, bulk=200.0 * ARTERY_SHEAR, density=1100.0)
    body = made_of(solid, law, lumen=grid.faces(2, 0), surfaces={"outside": grid.faces(2, 1)})
    body = mirrors(body, solid, sides, scale=ARTERY_SHEAR / length)
    body = dataclasses.replace(body, supports=(*body.supports, Support("outside", TETHER)))
    return Bench.of(body, device=bare_balloon("balloon", balloon())), bore


def opened_by(bench: Bench, pressure: float) -> np.ndarray:
    """Displacement [m] at rest; the balloon's area is that at which a step begins, so that it takes some."""
    moved = bench.settle(Command(balloons={"balloon": pressure}))
    for _ in range(12):
        moved = bench.settle(Command(balloons={"balloon": pressure}))
    return moved


def test_a_balloon_touches_and_opens_an_artery():
    """Below contact nothing moves; beyond it the balloon's pressure is what its skin and the artery bear at one radius."""
    bench, bore = in_artery(6)
    still = bench.settle(Command(balloons={"balloon": balloon_pressure(1.49)}))
    assert np.abs(still).max() < 1e-9
    for radius in (1.6, 1.75, 2.0):
        pressure = balloon_pressure(radius) + ARTERY_SHEAR * tube_pressure(radius, **ARTERY)
        moved = opened_by(bench, pressure)
        found = float(np.linalg.norm((bench.model.body.vertices + moved)[bore][:, :2], axis=1).mean()) / MILLIMETRE
        on_artery = (pressure - balloon_pressure(found)) / MEGAPASCAL
        exact = ARTERY_SHEAR * tube_pressure(found, **ARTERY) / MEGAPASCAL
        error = bench.tell(f"opened to {found:.4f} mm (closed form {radius}), pressure on the artery", on_artery, exact, "MPa")
        assert abs(error) < 0.03
        whole = balloon_pressure(found) / MEGAPASCAL + exact
        assert abs(bench.tell("    pressure in the balloon", pressure / MEGAPASCAL, whole, "MPa")) < 0.01


def test_a_balloon_in_the_middle_of_a_vessel_pushes_it_nowhere():
    """An artery beside the balloon's axis opens as one about it: a closed balloon finds the middle."""
    bench, bore = in_artery(4)
    pressure = balloon_pressure(1.6) + ARTERY_SHEAR * tube_pressure(1.6, **ARTERY)
    about = opened_by(bench, pressure)
    aside, _ = in_artery(4)
    beside = dataclasses.replace(balloon(), axis=balloon().axis + np.array([1e-4, 0.0, 0.0]))
    model = with_device(aside.model, bare_balloon("balloon", beside))
    moved = opened_by(Bench(model, ImplicitSolver(model), new_state(model)), pressure)
    opened = np.linalg.norm(about[bore][:, :2], axis=1).mean()
    print(f"bore opened by {1e6 * opened:.1f} µm, its middle {1e6 * np.abs(moved[bore].mean(0)).max():.2f} µm aside")
    assert np.abs(moved[bore] - about[bore]).max() < 0.02 * opened


def test_a_balloon_that_is_no_longer_named_lets_go():
    """A command without balloons finds them empty, whatever the one before asked for."""
    bench, bore = in_artery(4)
    opened = np.linalg.norm(opened_by(bench, balloon_pressure(1.6) + ARTERY_SHEAR * tube_pressure(1.6, **ARTERY))[bore], axis=1)
    model, left = bench.model, bench.state
    ticking = ImplicitSolver(model)
    ticking.step(left, Command(balloons={"balloon": balloon_pressure(1.6)}))
    for _ in range(40):
        ticking.step(left, Command())
    back = np.linalg.norm(left.displacement.to_numpy()[bore], axis=1)
    print(f"bore opened by {1e6 * opened.mean():.1f} µm, {1e6 * back.mean():.2f} µm of it left")
    assert back.mean() < 0.05 * opened.mean()
