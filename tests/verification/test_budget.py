"""Where a cantilever comes to rest does not depend on how often it is ticked and how hard each tick is worked on."""

import dataclasses
import itertools

import numpy as np
import pytest

from sim.command import Command
from sim.solvers.settings import Settings
from tests.verification.resting import Bench
from tests.verification.test_beams import COARSE, GRAVITY, MIDDLE, beam, drop

DRAG = 30.0  # [1/s], near critical for the beam's lowest swing
LASTING = 0.7  # [s], in which that swing falls to 3e-5


def spread_at_rest(count: tuple[int, int, int], rates: tuple[int, ...], budgets: tuple[int, ...]) -> np.ndarray:
    """Drop of the tip after ticks enough to come to rest [m], beside that of statics, for each rate and budget."""
    solid, body = beam(count)
    body = dataclasses.replace(body, patches={}, drag=DRAG)
    still = drop(solid, Bench.of(body, Settings(static_residual_bound=1e-5)).settle(Command(gravity=GRAVITY)))
    off = []
    for rate, budget in itertools.product(rates, budgets):
        steps = 2 if rate < 60 else 1
        settings = Settings(dt=1.0 / rate, newton_limit=steps, linear_limit=budget // steps, residual_bound=1e-5)
        bench, ticks = Bench.of(body, settings), round(LASTING * rate)
        for _ in range(ticks):
            report = bench.solver.step(bench.state, Command(gravity=GRAVITY))
            bench.linear_iterations += report.linear_iterations
        off.append(drop(solid, bench.displacement) / still - 1.0)
        print(
            f"cantilever of {bench.model.tet_count:,} tets at {rate} Hz, {steps} × {budget // steps} PCG: tip off by "
            f"{100.0 * off[-1]:+.4f} % of {1e3 * still:.3f} mm, {bench.linear_iterations / ticks:.1f} PCG a tick"
        )
    return np.array(off)


def test_rest_does_not_depend_on_the_budget():
    off = spread_at_rest(COARSE, (30, 60, 240), (6, 50))
    assert off.max() - off.min() < 1e-3
    assert np.abs(off).max() < 1e-3


@pytest.mark.slow
def test_rest_does_not_depend_on_the_budget_at_25_thousand_tets():
    off = spread_at_rest(MIDDLE, (30, 60, 240), (6, 10, 50))
    assert off.max() - off.min() < 1e-3
    assert np.abs(off).max() < 1e-3
