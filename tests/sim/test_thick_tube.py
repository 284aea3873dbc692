"""A thick neo-Hookean tube under pressure in plane strain (`physics.md` B1): A = 1, B = 1.5, opened to a = 1.5.

Incompressible, p/μ = ln(B/A) − ln(b/a) + (K/2)(1/b² − 1/a²) with K = A² − a², b² = a² + B² − A². Tissue here is slightly
compressible, for which the same tube is an ordinary differential equation; so the engine's error splits into what compressibility
does and what the mesh does. The ends of a short tube are held at the displacement of that solution, nothing along the axis: the
free middle then has to find plane strain by itself, with no end effect.
"""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import root_scalar

from sim.arrays import put, vec3d
from sim.command import Command
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.model import build_model
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.settings import Settings
from sim.state import new_state
from tests.sim.tubes import section_diameter, tube, vessel

INNER, OUTER, OPENED = 1.0, 1.5, 1.5
SHEAR = 1.0e5
MILLIMETRE = 1e-3


def incompressible_pressure(a: float) -> float:
    """p/μ of the incompressible tube."""
    b2 = a * a + OUTER**2 - INNER**2
    k = INNER**2 - a * a
    return math.log(OUTER / INNER) - 0.5 * math.log(b2 / a**2) + 0.5 * k * (1.0 / b2 - 1.0 / a**2)


def compressible_tube(poisson: float, a: float):
    """p/μ of the stable neo-Hookean tube, and r(R).

    With q = r', s = r/R and c = (λ+1)(J − 1) − 1, all over μ: P_R = q + c s, P_θ = s + c q, dP_R/dR = (P_θ − P_R)/R.
    """
    lame = 2.0 * poisson / (1.0 - 2.0 * poisson)

    def slope(radius, y):
        s = y[0] / radius
        q = (y[1] + (lame + 2.0) * s) / (1.0 + (lame + 1.0) * s * s)
        c = (lame + 1.0) * (q * s - 1.0) - 1.0
        return [q, (s + c * q - y[1]) / radius]

    def shot(at_bore: float):
        return solve_ivp(slope, (INNER, OUTER), [a, at_bore], rtol=1e-11, atol=1e-13, dense_output=True)

    # The outside is free of stress; at the bore P_R A = −p a.
    at_bore = root_scalar(lambda value: shot(value).y[1, -1], bracket=(-2.0, 0.0)).root
    return -at_bore * INNER / a, shot(at_bore).sol


def engine_pressure(poisson: float, *, around: int, through: int, along: int) -> tuple[float, int]:
    """p/μ at which the engine's tube opens to a = 1.5 in its middle, and its number of tets."""
    law = StableNeoHookean.from_young(2.0 * (1.0 + poisson) * SHEAR, poisson, 1000.0)
    grid = tube(bore=INNER * MILLIMETRE, outer=OUTER * MILLIMETRE, length=MILLIMETRE, around=around, through=through, along=along)
    body = vessel(grid, law)
    expected, profile = compressible_tube(poisson, OPENED)
    radius = np.linalg.norm(grid.vertices[:, :2], axis=1)
    moved = profile(np.clip(radius / MILLIMETRE, INNER, OUTER))[0] * MILLIMETRE
    model = build_model(body)
    state = new_state(model)
    state.displacement = put(grid.vertices * np.array([1.0, 1.0, 0.0]) * (moved / radius - 1.0)[:, None], vec3d)
    solver = ImplicitSolver(model, Settings(static_residual_bound=3e-5, linear_tolerance=0.01, linear_limit=3000))

    def opened(pressure: float) -> float:
        solver.solve(state, Command(blood_pressure=pressure * SHEAR))
        points = body.vertices + state.displacement.to_numpy()
        # The polygon's area, made good to the circle through its corners.
        polygon = math.sqrt(around * math.sin(2.0 * math.pi / around) / (2.0 * math.pi))
        return section_diameter(points, body.lumen, 0.5 * MILLIMETRE) / (2.0 * MILLIMETRE * polygon)

    low, high = 0.985 * expected, 1.03 * expected
    below, above = opened(low), opened(high)
    found = low + (OPENED - below) * (high - low) / (above - below)
    assert opened(found) == pytest.approx(OPENED, abs=2e-4)
    return found, len(grid.tets)


def test_closed_forms():
    for a, value in ((1.1, 0.094789), (1.2, 0.164009), (1.5, 0.283755), (2.0, 0.358784)):
        assert incompressible_pressure(a) == pytest.approx(value, abs=1e-6)
    assert compressible_tube(0.4999, 1.5)[0] == pytest.approx(0.283755, rel=1e-4)


def share(found: float, exact: float) -> str:
    return f"{100.0 * (found / exact - 1.0):+.2f} %"


@pytest.mark.parametrize("poisson", [0.45, 0.48])
def test_pressure_that_opens_a_thick_tube(poisson):
    exact, compressible = incompressible_pressure(OPENED), compressible_tube(poisson, OPENED)[0]
    found, count = engine_pressure(poisson, around=48, through=6, along=8)
    print(
        f"ν {poisson:g}, {count:,} tets: p/μ {found:.5f} against {exact:.5f}, {share(found, exact)}; of this "
        f"{share(compressible, exact)} from compressibility and {share(found, compressible)} from the mesh"
    )
    assert found == pytest.approx(exact, rel=0.03)
    # Linear tetrahedra are too stiff, never too soft.
    assert 0.0 < found / compressible - 1.0 < 0.02


def test_error_of_the_mesh_falls_with_the_square_of_its_size():
    poisson, errors = 0.45, []
    compressible = compressible_tube(poisson, OPENED)[0]
    for parts in (1, 2):
        found, count = engine_pressure(poisson, around=24 * parts, through=3 * parts, along=4 * parts)
        errors.append(found / compressible - 1.0)
        print(f"{count:,} tets: {100.0 * errors[-1]:+.2f} %")
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.15)
