"""A short beam of soft tissue hard to compress, bent by its own weight and twisted by a quarter turn."""

import dataclasses
import math

import numpy as np
import pytest

from sim.body import Body
from sim.command import Command, Motion
from sim.materials.stable_neo_hookean import StableNeoHookean
from tests.verification.bodies import Solid, box
from tests.verification.references import CANTILEVER_TIP, TWIST_TORQUE
from tests.verification.resting import Bench, made_of, order

LENGTH, WIDTH = 0.08, 0.04
TISSUE = StableNeoHookean.from_young(10e3, 0.49, 1000.0)
GRAVITY = (0.0, 0.0, -9.81)
COARSE, MIDDLE, FINE = (16, 8, 8), (26, 13, 13), (40, 20, 20)


def beam(count: tuple[int, int, int]) -> tuple[Solid, Body]:
    """The beam, held at x = 0, its other end a patch called "end"."""
    solid = box((LENGTH, WIDTH, WIDTH), count)
    return solid, made_of(solid, TISSUE, held=solid.on(0, 0.0), patches={"end": np.flatnonzero(solid.on(0, LENGTH))})


def drop(solid: Solid, displacement: np.ndarray) -> float:
    """Mean drop of the two upper corners of the free end [m]."""
    return -float(np.mean([displacement[solid.at(LENGTH, y, WIDTH), 2] for y in (0.0, WIDTH)]))


def bending_error(count: tuple[int, int, int]) -> float:
    solid, body = beam(count)
    bench = Bench.of(dataclasses.replace(body, patches={}))
    tip = drop(solid, bench.settle(Command(gravity=GRAVITY)))
    return bench.tell("cantilever", 1e3 * tip, 1e3 * CANTILEVER_TIP, "mm")


def turned(angle: float) -> Command:
    """The free end turned about the beam's axis [rad]."""
    return Command(moves={"end": Motion(rotation=(angle, 0.0, 0.0), centre=(LENGTH, 0.5 * WIDTH, 0.5 * WIDTH))})


def twisting_error(count: tuple[int, int, int]) -> float:
    """Error of the torque, which is the slope of the stored energy over the angle."""
    bench, step, stored = Bench.of(beam(count)[1]), math.radians(2.0), []
    for angle in (0.5 * math.pi - step, 0.5 * math.pi + step):
        bench.settle(turned(angle))
        assert bench.report is not None
        stored.append(bench.report.energy)
    torque = (stored[1] - stored[0]) / (2.0 * step)
    return bench.tell("twist", 1e3 * torque, 1e3 * TWIST_TORQUE, "mN·m")


@pytest.mark.parametrize("measured", [bending_error, twisting_error])
def test_error_at_25_thousand_tets(measured):
    errors = [measured(COARSE), measured(MIDDLE)]
    rate = order(errors, [1.0 / COARSE[1], 1.0 / MIDDLE[1]])
    print(f"{measured.__name__}: falls with the power {rate:.2f} of the size")
    assert abs(errors[1]) < 0.05
    assert abs(errors[1]) < 0.7 * abs(errors[0])


@pytest.mark.slow
@pytest.mark.parametrize("measured", [bending_error, twisting_error])
def test_error_at_100_thousand_tets(measured):
    assert abs(measured(FINE)) < 0.025
