"""Tissue against rigid bodies: a ball pressed into ground, and a block on an incline with friction."""

import math

import numpy as np
import pytest

from sim.arrays import put, vec3d
from sim.command import Command, Motion
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.obstacles import HalfSpace, Sphere
from sim.solvers.settings import Settings
from tests.verification.bodies import MILLIMETRE, box, graded, quarter_ground
from tests.verification.references import boussinesq, hertz_force, sliding_acceleration
from tests.verification.resting import Bench, made_of, mirrors

YOUNG, POISSON = 10e3, 0.4
GROUND = StableNeoHookean.from_young(YOUNG, POISSON, 1000.0)
RADIUS, CIRCLE = 0.1, 5.0 * MILLIMETRE  # of the ball and of the circle of contact
DEPTH = CIRCLE**2 / RADIUS


def hertz_error(fine: int, count: int) -> float:
    """Error of the force on a ball pressed into a quarter of ground with `fine` cells across the circle of contact."""
    reach = 12.0 * CIRCLE
    solid = quarter_ground(graded(reach, CIRCLE / fine, even=round(1.25 * fine), count=count))
    far = solid.on(0, reach) | solid.on(1, reach) | solid.on(2, -reach)
    body = made_of(
        solid, GROUND, held=far, surfaces={"top": solid.faces(solid.on(2, 0.0))},
        obstacles=(Sphere("ball", (0.0, 0.0, RADIUS), RADIUS),),
    )  # fmt: skip
    scale = GROUND.shear_modulus * fine / CIRCLE
    body = mirrors(body, solid, [solid.on(0, 0.0), solid.on(1, 0.0)], scale=scale)
    expected = hertz_force(DEPTH, radius=RADIUS, young=YOUNG, poisson=POISSON)
    bench = Bench.of(body, Settings(overlap_bound=1e-4, multiplier_rounds=30))
    # Far from the circle the ground moves as under a point load, which takes the place of the ground beyond.
    start = np.zeros_like(solid.vertices)
    start[far] = boussinesq(solid.vertices[far], force=expected, young=YOUNG, poisson=POISSON)
    bench.state.displacement = put(start, vec3d)
    bench.settle(Command(moves={"ball": Motion(translation=(0.0, 0.0, -DEPTH))}))
    force = 4.0 * abs(float(bench.state.met_traction[:, 2].sum()))
    assert bench.report is not None
    print(f"    {len(bench.state.met)} vertices in touch, deepest overlap {bench.report.deepest:.1e} m")
    return bench.tell(f"ball {1e3 * DEPTH:g} mm deep", force, expected, "N")


def test_hertz():
    errors = [hertz_error(5, 14), hertz_error(8, 20)]
    assert abs(errors[-1]) < 0.03


FRICTION = 0.3
BLOCK = (0.04, 0.04, 0.02)
FIRM = StableNeoHookean.from_young(50e3, 0.45, 1000.0)
WEIGHT = 9.81


def block_on_plane(dt: float = 5e-3) -> Bench:
    """A block at rest on a plane with friction, under gravity straight down."""
    solid = box(BLOCK, (6, 6, 3))
    floor = HalfSpace("floor", (0.0, 0.0, 0.0), (0.0, 0.0, 1.0), FRICTION)
    settings = Settings(dt=dt, overlap_bound=1e-4, multiplier_rounds=10, residual_bound=1e-4, newton_limit=30)
    body = made_of(solid, FIRM, surfaces={"top": solid.faces(solid.on(2, BLOCK[2]))}, obstacles=(floor,))
    bench = Bench.of(body, settings)
    tick(bench, Command(gravity=(0.0, 0.0, -WEIGHT)), 30)
    return bench


def tick(bench: Bench, command: Command, ticks: int) -> None:
    """So many ticks under one command; the implicit Euler rule damps the block's own swings within a few."""
    for _ in range(ticks):
        bench.report = bench.solver.step(bench.state, command)


def tilted(slope: float) -> Command:
    """Gravity as on an incline that falls along x by an angle [rad]."""
    return Command(gravity=(WEIGHT * math.sin(slope), 0.0, -WEIGHT * math.cos(slope)))


def mean(bench: Bench, values: np.ndarray) -> np.ndarray:
    """Mean of a vertex quantity, shape (n, 3), by mass."""
    mass = bench.model.mass.to_numpy()[:, None]
    return (mass * values).sum(0) / mass.sum()


def test_contact_forces_bear_the_load():
    bench = block_on_plane()
    top = 400.0
    tick(bench, Command(gravity=(0.0, 0.0, -WEIGHT), tractions={"top": (30.0, 0.0, -top)}), 40)
    mass, area = math.prod(BLOCK) * FIRM.density, BLOCK[0] * BLOCK[1]
    load = np.array([30.0 * area, 0.0, -mass * WEIGHT - top * area])
    borne = bench.state.met_traction.sum(0)
    off = np.linalg.norm(borne + load) / np.linalg.norm(load)
    print(f"block on a plane: contacts bear {borne} N of {load} N, off by {100.0 * off:.3f} %")
    assert off < 1e-3


@pytest.mark.parametrize("steepness", [0.5, 0.98])
def test_a_block_on_a_gentle_incline_sticks(steepness):
    slope = math.atan(steepness * FRICTION)
    bench = block_on_plane()
    tick(bench, tilted(slope), 40)
    before = bench.displacement
    mass = math.prod(BLOCK) * FIRM.density
    bears = -bench.state.met_traction.sum(0) / (mass * WEIGHT)
    tick(bench, tilted(slope), 40)
    crept = float(np.abs(bench.displacement - before).max())
    print(
        f"tan α = {steepness:g} μ: crept {crept:.1e} m in 0.2 s; contacts bear {bears[0]:.5f} and {-bears[2]:.5f} of its weight"
    )
    assert crept < 1e-6
    np.testing.assert_allclose(bears, [math.sin(slope), 0.0, -math.cos(slope)], atol=1e-3)


@pytest.mark.parametrize("steepness", [1.2, 2.0])
def test_a_block_on_a_steep_incline_slides(steepness):
    slope = math.atan(steepness * FRICTION)
    bench, speeds = block_on_plane(), []
    for _ in range(40):
        tick(bench, tilted(slope), 1)
        speeds.append(mean(bench, bench.state.velocity.to_numpy().astype(float))[0])
    dt = bench.solver.settings.dt
    found = float(np.polyfit(dt * np.arange(15, 40), speeds[15:], 1)[0])
    expected = sliding_acceleration(slope, friction=FRICTION, gravity=WEIGHT)
    error = bench.tell(f"tan α = {steepness:g} μ, acceleration", found, expected, "m/s²")
    assert abs(error) < 0.01
