"""Bodies that nothing holds: free fall, and what is kept of momentum and of angular momentum."""

import dataclasses
import itertools

import numpy as np
import pytest

from sim.arrays import put, vec3
from sim.command import Command
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.solvers.settings import Settings
from tests.verification.bodies import box
from tests.verification.resting import Bench, made_of

TISSUE = StableNeoHookean.from_young(20e3, 0.45, 1000.0)
SIZE, COUNT = (0.06, 0.04, 0.03), (8, 5, 4)
LASTING = 0.08  # [s]
GRAVITY = np.array([1.2, -0.7, -9.6])


def tight(dt: float) -> Settings:
    """Ticks of `dt` [s] whose forces are balanced as far as single precision lets them."""
    return Settings(dt=dt, newton_limit=30, residual_bound=1e-5, linear_tolerance=1e-2)


def loose_block(settings: Settings) -> Bench:
    """A block that nothing holds."""
    return Bench.of(made_of(box(SIZE, COUNT), TISSUE), settings)


@dataclasses.dataclass(frozen=True)
class Moving:
    """Places [m] and velocities [m/s] of a body's vertices, each shape (n, 3), with their masses [kg], shape (n, 1)."""

    mass: np.ndarray
    place: np.ndarray
    velocity: np.ndarray

    @staticmethod
    def of(bench: Bench) -> "Moving":
        """What is on the bench, in double precision."""
        at = bench.model.body.vertices - bench.model.body.vertices.mean(0) + bench.displacement
        return Moving(bench.model.mass.to_numpy()[:, None].astype(float), at, bench.state.velocity.to_numpy().astype(float))

    @property
    def momentum(self) -> np.ndarray:
        """Σ m v [kg·m/s]."""
        return (self.mass * self.velocity).sum(0)

    @property
    def spin(self) -> np.ndarray:
        """Σ m x × v about the body's middle [kg·m²/s]."""
        middle = (self.mass * self.place).sum(0) / self.mass.sum()
        return (self.mass * np.cross(self.place - middle, self.velocity)).sum(0)


def test_free_fall():
    """By the implicit Euler rule, exactly: v = n h g and u = n (n + 1)/2 h² g after n ticks."""
    dt, ticks = 0.01, 30
    bench = loose_block(tight(dt))
    for _ in range(ticks):
        bench.solver.step(bench.state, Command(gravity=tuple(GRAVITY)))
    fallen, speed = bench.displacement, bench.state.velocity.to_numpy()
    expected = 0.5 * ticks * (ticks + 1) * dt**2 * GRAVITY
    off = np.abs(fallen - expected).max() / np.linalg.norm(expected)
    speed_off = np.abs(speed - ticks * dt * GRAVITY).max() / (ticks * dt * np.linalg.norm(GRAVITY))
    print(f"free fall: after {ticks} ticks displacement off by {off:.1e}, velocity by {speed_off:.1e}")
    assert off < 2e-6
    assert speed_off < 2e-6


@pytest.fixture(scope="module")
def thrown() -> list[Moving]:
    """A block thrown with a spin and shaken in itself, tick by tick."""
    bench = loose_block(tight(2e-3))
    at = bench.model.body.vertices - bench.model.body.vertices.mean(0)
    shaken = 0.05 * np.random.default_rng(5).normal(size=at.shape)
    velocity = np.array([0.3, -0.2, 0.1]) + np.cross(np.array([6.0, -4.0, 9.0]), at) + shaken
    bench.state.velocity = put(velocity, vec3)
    found = [Moving.of(bench)]
    for _ in range(40):
        bench.solver.step(bench.state, Command())
        found.append(Moving.of(bench))
    return found


def test_momentum_is_kept(thrown):
    drift = max(np.linalg.norm(one.momentum - thrown[0].momentum) for one in thrown) / np.linalg.norm(thrown[0].momentum)
    print(f"thrown block: momentum off by {drift:.1e} at most in {len(thrown) - 1} ticks")
    assert drift < 1e-5


def test_inner_forces_have_no_moment(thrown):
    """Σ m x × (v − v before) at the end of each tick is the impulse of their moment."""
    size = np.linalg.norm(thrown[0].spin)
    moments = [(new.mass * np.cross(new.place, new.velocity - old.velocity)).sum(0) for old, new in itertools.pairwise(thrown)]
    largest, together = np.linalg.norm(moments, axis=1).max() / size, np.linalg.norm(np.sum(moments, axis=0)) / size
    print(f"thrown block: impulse of the inner forces' moment {largest:.1e} a tick, {together:.1e} together, of the spin")
    assert largest < 1e-5
    assert together < 1e-4


def test_spin_is_lost_by_the_implicit_euler_rule_alone():
    """A block that turns with ω loses (ωh)² of its spin a tick, ω² h a second, and nothing besides."""
    omega, losses = 8.0, []
    for dt in (4e-3, 2e-3):
        bench = loose_block(tight(dt))
        at = bench.model.body.vertices - bench.model.body.vertices.mean(0)
        bench.state.velocity = put(np.cross([0.0, 0.0, omega], at), vec3)
        before, ticks = Moving.of(bench).spin[2], round(LASTING / dt)
        for _ in range(ticks):
            bench.solver.step(bench.state, Command())
        losses.append(-np.log(Moving.of(bench).spin[2] / before) / LASTING)
        print(f"spinning block, ticks of {1e3 * dt:g} ms: spin falls by {losses[-1]:.4f} a second, ω²h is {omega**2 * dt:.4f}")
    assert losses[0] / losses[1] == pytest.approx(2.0, rel=0.05)
    assert losses[1] == pytest.approx(omega**2 * 2e-3, rel=0.1)
