"""A stent driven to 6.00 mm in a straight compliant vessel of 5 mm bore: where the lumen ends, and that no strut goes through."""

import dataclasses

import numpy as np
import pytest
import trimesh
from scipy.spatial import KDTree

from scenarios.devices.lattice import ATMOSPHERE
from sim.body import Body
from sim.command import Command
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.model import build_model
from sim.solvers.implicit import ImplicitSolver
from sim.state import new_state
from tests.sim.stents import Placed, catalogue_stent, on_axis
from tests.sim.tubes import section_diameter, tube, vessel

DRIVEN_MM = 6.00
BLOOD = 13.3e3
PATH = np.concatenate([np.linspace(0.5, 3.0, 6), np.linspace(3.1, 5.0, 20), np.linspace(5.5, 8.0, 6)])
"""Balloon pressures on the way up [atm]: slowly where the stent yields and meets the wall."""


@dataclasses.dataclass(frozen=True)
class Driven:
    """What came of it.

    Attributes
    ----------
    rows
        For each ring the strut's outer diameter where it crosses the ring's middle plane, and the lumen's there [mm].
    depths
        For each tick how deep the deepest point of a strut's outer face lies beyond the lumen [m].
    half_thickness
        Of a strut [m].
    """

    rows: np.ndarray
    depths: np.ndarray
    half_thickness: float


def ring_diameters(placed: Placed, y: np.ndarray, body: Body, points: np.ndarray) -> np.ndarray:
    """Outer diameter of the struts and diameter of the lumen in each ring's middle plane [mm], shape (rings, 2)."""
    rows = []
    for ring in range(placed.design.rings):
        height = y[placed.lattice.node_ring == ring, 2].mean()
        first, last = (y[placed.lattice.struts[placed.lattice.strut_ring == ring][:, end]] for end in (0, 1))
        across = (first[:, 2] - height) * (last[:, 2] - height) < 0.0
        first, last = first[across], last[across]
        along = (height - first[:, 2]) / (last[:, 2] - first[:, 2])
        crossing = first + along[:, None] * (last - first)
        outer = np.linalg.norm(crossing[:, :2], axis=1).mean() + placed.body.balloons[0].gap
        rows.append((2e3 * outer, 1e3 * section_diameter(points, body.lumen, height)))
    return np.array(rows)


def strut_points(placed: Placed, y: np.ndarray) -> np.ndarray:
    """Points on the middle lines of struts and bridges, nine on each [m]: three times as dense as the engine's own."""
    first, last = (y[placed.lattice.bars[:, end]] for end in (0, 1))
    share = np.linspace(0.0, 1.0, 9)[:, None, None]
    return ((1.0 - share) * first + share * last).reshape(-1, 3)


def clearance(samples: np.ndarray, points: np.ndarray, lumen: np.ndarray) -> np.ndarray:
    """Distance of each sample from the lumen's nearest triangle [m], negative on the tissue's side.

    Exact among the 30 triangles whose middles are nearest, which are more than two rings about the foot.
    """
    corners = 1e3 * points[lumen]
    near = np.asarray(KDTree(corners.mean(1)).query(1e3 * samples, 30)[1])
    repeated = np.repeat(1e3 * samples, 30, axis=0)
    feet = trimesh.triangles.closest_point(corners[near.ravel()], repeated)
    away = np.linalg.norm(repeated - feet, axis=1).reshape(near.shape)
    best = np.argmin(away, axis=1)
    rows = np.arange(len(samples))
    chosen = corners[near[rows, best]]
    normal = np.cross(chosen[:, 1] - chosen[:, 0], chosen[:, 2] - chosen[:, 0])
    # Triangles are wound out of the blood.
    blood = np.einsum("si,si->s", normal, 1e3 * samples - feet.reshape(*near.shape, 3)[rows, best]) <= 0.0
    return 1e-3 * np.where(blood, 1.0, -1.0) * away[rows, best]


@pytest.fixture(scope="module")
def driven() -> Driven:
    design, balloon = catalogue_stent()
    balloon = dataclasses.replace(balloon, nominal_diameter_mm=DRIVEN_MM - 2.0 * design.strut_thickness_mm + 0.16)
    placed = on_axis(design, balloon, length_mm=24.0, lumen_mm=5.0)
    soft = StableNeoHookean.from_young(0.3e6, 0.45, 1100.0)
    body = vessel(tube(bore=2.5e-3, outer=3.5e-3, length=24e-3, around=32, through=2, along=48), soft)
    model = build_model(body, placed.body)
    state, solver = new_state(model), ImplicitSolver(model)
    depths: list[float] = []
    half_thickness = 1e-3 * design.half_thickness_mm

    def tick(atm: float) -> np.ndarray:
        report = solver.step(state, Command(balloons={"balloon": atm * ATMOSPHERE}, blood_pressure=BLOOD))
        assert report.inverted == 0
        points = body.vertices + state.displacement.to_numpy()
        samples = strut_points(placed, state.device_position + model.origin)
        depths.append(half_thickness - float(clearance(samples, points, body.lumen).min()))
        return points

    for atm in PATH:
        tick(atm)
    # The last of the way by the chart's slope, so that the struts' outer face is at 6.00 mm.
    atm = float(PATH[-1])
    for _ in range(8):
        points = tick(atm)
        rows = ring_diameters(placed, state.device_position + model.origin, body, points)
        atm += (DRIVEN_MM - float(rows[:, 0].mean())) / (balloon.compliance_per_atm * balloon.nominal_diameter_mm)
    return Driven(rows, np.array(depths), half_thickness)


def test_the_stent_is_at_six_millimetres(driven):
    assert driven.rows[:, 0] == pytest.approx(DRIVEN_MM, abs=0.02)


def test_the_lumen_is_where_the_struts_are_at_every_ring(driven):
    for ring, (strut, lumen) in enumerate(driven.rows):
        print(f"ring {ring}: struts' outer diameter {strut:.3f} mm, lumen {lumen:.3f} mm, difference {lumen - strut:+.3f} mm")
    assert np.abs(driven.rows[:, 1] - driven.rows[:, 0]).max() < 0.1


def test_no_strut_goes_deeper_than_half_its_thickness_at_any_tick(driven):
    print(f"deepest over {len(driven.depths)} ticks {1e6 * driven.depths.max():.1f} µm of {1e6 * driven.half_thickness:.0f} µm")
    assert driven.depths.max() > 0.0
    assert np.all(driven.depths < driven.half_thickness)
