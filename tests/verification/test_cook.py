"""Cook's tapered membrane, clamped at its left and sheared at its right: in plane strain, and as a solid hard to compress."""

import numpy as np
import pytest

from sim.command import Command
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.materials.yeoh import Yeoh
from tests.verification.bodies import MILLIMETRE, cook
from tests.verification.references import COOK_PLANE_TIP, COOK_SOLID_TIP
from tests.verification.resting import Bench, made_of, mirrors, order

YOUNG, POISSON = 1.0985e6, 0.3
SHEAR = YOUNG / (2.0 * (1.0 + POISSON))
RUBBER = Yeoh(c1=0.5 * SHEAR, c2=0.0, c3=0.0, bulk=YOUNG / (3.0 * (1.0 - 2.0 * POISSON)), density=1000.0)
TISSUE = StableNeoHookean.from_young(10e3, 0.49, 1000.0)


def plane_error(across: int, up: int) -> float:
    """Error of the middle of the loaded edge in plane strain."""
    thickness = 1.0 * MILLIMETRE
    solid = cook(thickness, (across, up, 1))
    end = solid.on(0, 48.0 * MILLIMETRE)
    body = made_of(solid, RUBBER, held=solid.on(0, 0.0), surfaces={"end": solid.faces(end)})
    bench = Bench.of(mirrors(body, solid, [solid.on(2, 0.0), solid.on(2, thickness)], scale=SHEAR / MILLIMETRE))
    u = bench.settle(Command(tractions={"end": (0.0, 62.5e3, 0.0)}))
    tip = np.mean([u[solid.at(48.0 * MILLIMETRE, 52.0 * MILLIMETRE, z), 1] for z in (0.0, thickness)])
    return bench.tell("Cook's membrane", 1e3 * float(tip), 1e3 * COOK_PLANE_TIP, "mm")


def solid_error(count: tuple[int, int, int]) -> float:
    """Error of the upper right corner of the solid membrane, at both its faces."""
    solid = cook(10.0 * MILLIMETRE, count)
    end = solid.on(0, 48.0 * MILLIMETRE)
    bench = Bench.of(made_of(solid, TISSUE, held=solid.on(0, 0.0), surfaces={"end": solid.faces(end)}))
    u = bench.settle(Command(tractions={"end": (0.0, 600.0, 0.0)}))
    tip = np.mean([u[solid.at(48.0 * MILLIMETRE, 60.0 * MILLIMETRE, z), 1] for z in (0.0, 10.0 * MILLIMETRE)])
    return bench.tell("Cook's solid", 1e3 * float(tip), 1e3 * COOK_SOLID_TIP, "mm")


def test_membrane_in_plane_strain():
    errors = [plane_error(12, 12), plane_error(24, 24), plane_error(48, 48)]
    # The published figure is itself known to 0.1 %, so the rate is taken between the meshes.
    rate = float(np.log2((errors[1] - errors[0]) / (errors[2] - errors[1])))
    print(f"Cook's membrane: the tip goes with the power {rate:.2f} of the size")
    assert abs(errors[-1]) < 0.02
    # The clamped corner bends the membrane without bound, which takes from the square.
    assert rate > 1.2


def test_solid_that_is_hard_to_compress():
    errors = [solid_error((19, 12, 4)), solid_error((30, 20, 7))]
    rate = order(errors, [(5472) ** (-1 / 3), (25200) ** (-1 / 3)])
    print(f"Cook's solid: error falls with the power {rate:.2f} of the size")
    assert abs(errors[-1]) < 0.015
    assert rate > 1.0


@pytest.mark.slow
def test_finer_solid_that_is_hard_to_compress():
    assert abs(solid_error((48, 32, 11))) < 0.01
