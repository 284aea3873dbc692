"""Fabric: its energy's slope, tension alone, a cylinder under pressure."""

import numpy as np
import pytest
from scipy.optimize import root_scalar

from sim.device import Membrane
from sim.solvers.device_parts import NodeBlocks
from sim.solvers.fabric import FabricPart

STIFFNESS, POISSON = 1000.0, 0.3


def square(stretch: tuple[float, float]) -> tuple[FabricPart, np.ndarray]:
    """A square of 10 mm of two triangles, stretched along both its sides."""
    points = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]) * 1e-2
    sheet = Membrane.of(points, np.array([[0, 1, 2], [0, 2, 3]]), stiffness=STIFFNESS, poisson=POISSON)
    return FabricPart(sheet), points * [*stretch, 1.0]


def whole(blocks: NodeBlocks, count: int) -> np.ndarray:
    """Blocks summed into one matrix, shape (3n, 3n)."""
    matrix = np.zeros((3 * count, 3 * count))
    for nodes, block in zip(blocks.nodes, blocks.values, strict=True):
        degrees = (3 * nodes[:, None] + np.arange(3)).ravel()
        matrix[np.ix_(degrees, degrees)] += block
    return matrix


@pytest.mark.parametrize("stretch", [(1.1, 1.05), (1.1, 0.9), (1.1, 0.5), (1.02, 1.02), (0.9, 0.8)])
def test_slope_and_stiffness_are_those_of_the_energy(stretch):
    part, y = square(stretch)
    rng = np.random.default_rng(7)
    y = y + 1e-4 * rng.normal(size=y.shape)
    for _ in range(3):
        way, step = rng.normal(size=y.shape), 1e-8
        slope = (part.evaluate(y + step * way)[0] - part.evaluate(y - step * way)[0]) / (2.0 * step)
        assert slope == pytest.approx(float((part.evaluate(y)[1] * way).sum()), rel=1e-5, abs=1e-9)
        change = (part.evaluate(y + step * way)[1] - part.evaluate(y - step * way)[1]) / (2.0 * step)
        found = (whole(part.stiffness(y), 4) @ way.ravel()).reshape(-1, 3)
        assert found == pytest.approx(change, rel=1e-5, abs=1e-5 * max(np.abs(change).max(), 1e-6))
    assert np.linalg.eigvalsh(whole(part.stiffness(y), 4)).min() > -1e-6 * STIFFNESS


def test_taut_wrinkled_and_slack_bear_what_plane_stress_a_line_and_nothing_bear():
    green = [0.5 * (one**2 - 1.0) for one in (1.1, 1.05)]
    plane = STIFFNESS / (1.0 - POISSON**2)
    taut = [plane * (green[0] + POISSON * green[1]), plane * (green[1] + POISSON * green[0])]
    part, y = square((1.1, 1.05))
    # Over lengths as they are stretched: S₁ λ₁ / λ₂ and S₂ λ₂ / λ₁.
    assert part.tensions(y) == pytest.approx(np.tile([taut[0] * 1.1 / 1.05, taut[1] * 1.05 / 1.1], (2, 1)))
    for side in (0.9, 0.5):
        part, y = square((1.1, side))
        assert part.evaluate(y)[0] == pytest.approx(0.5 * STIFFNESS * green[0] ** 2 * 1e-4)
        assert part.tensions(y) == pytest.approx(np.tile([STIFFNESS * green[0] * 1.1 / side, 0.0], (2, 1)), abs=1e-9)
    part, y = square((0.9, 0.8))
    assert part.evaluate(y)[0] == 0.0 and not part.evaluate(y)[1].any() and not part.stiffness(y).values.any()


def test_the_tension_does_not_jump_where_wrinkles_begin():
    high = 0.5 * (1.1**2 - 1.0)
    narrow = np.sqrt(1.0 - 2.0 * POISSON * high)
    values = [square((1.1, narrow + off))[0].tensions(square((1.1, narrow + off))[1])[0] for off in (-1e-7, 1e-7)]
    assert values[0] == pytest.approx(values[1], abs=1e-3) and values[0][1] == pytest.approx(0.0, abs=1e-3)


def test_a_cylinder_under_pressure_bears_pressure_times_radius_around():
    around, along, radius, pressure = 32, 4, 4e-3, 15e3
    angle, height = 2.0 * np.pi * np.arange(around) / around, np.linspace(0.0, 4e-3, along + 1)
    points = np.stack([np.tile(radius * np.cos(angle), along + 1), np.tile(radius * np.sin(angle), along + 1),
                       np.repeat(height, around)], 1)  # fmt: skip
    here = np.arange(around * along).reshape(along, around)
    quads = np.stack([here, np.roll(here, -1, axis=1), np.roll(here, -1, axis=1) + around, here + around], -1).reshape(-1, 4)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    part = FabricPart(Membrane.of(points, triangles, stiffness=STIFFNESS, poisson=POISSON))

    def at(wider: float) -> np.ndarray:
        return points * [wider, wider, 1.0]

    def outward(wider: float) -> float:
        """Slope of ∫ p dV − energy with the radius [N], of a prism whose ends stay in their planes."""
        held = float((part.evaluate(at(wider))[1][:, :2] * points[:, :2]).sum()) / radius
        return pressure * around * wider * radius * np.sin(2.0 * np.pi / around) * height[-1] - held

    wider = root_scalar(outward, bracket=(1.0, 1.2), xtol=1e-12).root
    hoop = part.tensions(at(wider))[:, 0]
    rounded = pressure * wider * radius
    print(f"\nradius {1e3 * wider * radius:.4f} mm; tension {hoop.mean():.4f}, pressure times radius {rounded:.4f} N/m")
    assert wider > 1.02
    # The sides of a polygon bear p r cos(π/n), r that of the circle through its corners; plane strain along the cylinder.
    assert hoop == pytest.approx(np.full(len(hoop), rounded * np.cos(np.pi / around)), rel=1e-6)
    assert hoop == pytest.approx(np.full(len(hoop), STIFFNESS / (1.0 - POISSON**2) * 0.5 * (wider**2 - 1.0) * wider), rel=1e-6)
    assert hoop.mean() == pytest.approx(rounded, rel=0.01)
