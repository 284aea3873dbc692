"""Rings of crowns against beam theory, and a whole stent opened in air against its balloon's chart."""

import math

import numpy as np
import pytest
import scipy.sparse as sparse
import scipy.sparse.linalg as sparse_linalg

from scenarios.devices.design import Alloy
from scenarios.devices.lattice import ATMOSPHERE, PARTS, device_body, place
from sim.command import Command
from sim.device import DeviceBody
from sim.model import build_model
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.settings import Settings
from sim.state import new_state
from tests.sim.stents import DRAG, Placed, catalogue_stent, on_axis, one_ring
from tests.sim.tubes import tube, vessel


def radial_stiffness(body: DeviceBody, crowns: np.ndarray) -> float:
    """Force of all crowns together per outward motion of each [N/m], under the same outward force on each crown."""
    matrix = body.rods.stiffness(body.pose, body.rods.fresh_history())
    outward = np.zeros((body.node_count, 6))
    outward[crowns, :2] = body.pose.position[crowns, :2]
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-30)
    # Six motions as a whole cost nothing and are not moved by a load that balances itself; a trace of stiffness holds them.
    held = matrix + 1e-10 * sparse.diags_array(matrix.diagonal())
    moved = sparse_linalg.spsolve(sparse.csc_matrix(held), outward.ravel())
    return len(crowns) / float((moved.reshape(-1, 6) * outward).sum(1)[crowns].mean())


def beam_stiffness(placed: Placed, lean: float) -> float:
    """The same from clamped–guided beams (`physics.md` C3): F = 12 E I δ/L³ for a strut whose ends part by δ around the ring.

    A strut that leans by α bends by δ cos α across itself and feels F cos α across itself, so F = 12 E I δ / (L³ cos² α): the
    C3 form is that for upright struts. N crowns a side part by δ = π ΔD / 2N, and all struts together pull with 2π F.
    """
    design = placed.design
    assert isinstance(design.alloy, Alloy)
    inertia = design.strut_thickness_mm * design.strut_width_mm**3 / 12.0 * 1e-12
    length = design.strut_length_mm * 1e-3
    # One middle an element: the moment's square, which goes as (x − L/2)², is summed by the midpoint rule.
    ends = np.array(PARTS)
    summed = 12.0 * ((0.5 * (ends[1:] + ends[:-1]) - 0.5) ** 2 * np.diff(ends)).sum()
    per_strut = 12.0 * design.alloy.young_modulus_pa * inertia / (length**3 * math.cos(lean) ** 2) / summed
    return 2.0 * math.pi * per_strut * 2.0 * math.pi / (2.0 * design.crowns)


def ring_of(crowns: int, lean_deg: float) -> Placed:
    design, balloon = catalogue_stent()
    ring, path = one_ring(design, crowns=crowns, lean_deg=lean_deg)
    lattice = place(ring, path, station_mm=0.5 * path.length)
    return Placed(ring, balloon, lattice, device_body(lattice, ring, balloon, path.points, drag=DRAG))


@pytest.mark.parametrize("lean_deg", [5.0, 20.0, 30.0])
def test_radial_stiffness_of_a_ring_is_that_of_clamped_guided_beams(lean_deg):
    """In the plane; on a circle of N crowns struts also bend and twist out of it, which goes as O(1/N²)."""
    off = []
    for crowns in (8, 16, 32):
        placed = ring_of(crowns, lean_deg)
        x = placed.body.pose.position[: 2 * crowns]
        lean = math.asin(math.pi * np.linalg.norm(x[:, :2], axis=1).mean() / (crowns * placed.design.strut_length_mm * 1e-3))
        off.append(radial_stiffness(placed.body, np.arange(2 * crowns)) / beam_stiffness(placed, lean) - 1.0)
    print(f"lean {lean_deg:g}°: radial stiffness over beams' {[f'{value:+.4f}' for value in off]} for 8, 16, 32 crowns")
    assert abs(off[2]) < 0.03
    assert abs(off[2]) < abs(off[0])


class InAir:
    """A catalogue stent opened in a vessel so wide that it never touches it."""

    def __init__(self):
        design, balloon = catalogue_stent()
        self.placed = on_axis(design, balloon, length_mm=24.0, lumen_mm=12.0)
        wide = vessel(tube(bore=6e-3, outer=7e-3, length=24e-3, around=8, through=1, along=6))
        self.model = build_model(wide, self.placed.body)
        self.state = new_state(self.model)
        self.solver = ImplicitSolver(self.model, Settings(dt=0.1, newton_limit=30, residual_bound=1e-4))

    def to(self, atm: float, *, ticks: int) -> None:
        for _ in range(ticks):
            self.solver.step(self.state, Command(balloons={"balloon": atm * ATMOSPHERE}))

    def radii(self) -> np.ndarray:
        """Distance of each crown from the axis [m]."""
        crowns = 2 * self.placed.design.crowns * self.placed.design.rings
        return np.linalg.norm((self.state.device_position + self.model.origin)[:crowns, :2], axis=1)

    def bore_mm(self) -> float:
        """Of all struts, each by its length; crowns alone stand a little wider."""
        radius = np.linalg.norm((self.state.device_position + self.model.origin)[:, :2], axis=1)
        return 2e3 * float(np.average(radius, weights=self.placed.body.balloons[0].share) - self.placed.body.balloons[0].gap)


@pytest.fixture(scope="module")
def opened() -> dict[str, float]:
    """Bore [mm] of the stent held at pressures on the way up, and what is left of it without pressure."""
    stent = InAir()
    found = {"rest": stent.bore_mm()}
    for atm in (2.0, 3.0, 3.5, 4.0, 5.0):
        stent.to(atm, ticks=1)
    for atm in (6.0, 8.0, 10.0, 12.0, 14.0):
        stent.to(atm, ticks=4)
        found[f"{atm:g} atm"] = stent.bore_mm()
    for atm in (8.0, 4.0, 2.0, 0.0):
        stent.to(atm, ticks=3)
    stent.to(0.0, ticks=3)
    found["deflated"] = stent.bore_mm()
    return found


@pytest.mark.parametrize("atm", [6.0, 8.0, 10.0, 12.0, 14.0])
def test_free_expansion_follows_the_chart(opened, atm):
    _, balloon = catalogue_stent()
    off = opened[f"{atm:g} atm"] / balloon.diameter(atm) - 1.0
    print(f"{atm:g} atm: bore {opened[f'{atm:g} atm']:.3f} mm, chart {balloon.diameter(atm):.3f} mm, {100 * off:+.2f} %")
    assert -0.025 < off < 0.0


def test_it_recoils(opened):
    recoil = 1.0 - opened["deflated"] / opened["14 atm"]
    print(f"recoil {100.0 * recoil:.2f} % of {opened['14 atm']:.3f} mm")
    assert 0.01 < recoil < 0.08


def test_it_stays_open(opened):
    assert opened["deflated"] > 3.0 * opened["rest"]
