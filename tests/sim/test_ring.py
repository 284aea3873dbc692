"""Rings of crowns against beam theory, and a whole stent opened in air against its balloon's chart."""

import math

import numpy as np
import pytest
from scipy.optimize import root_scalar

from scenarios.devices.lattice import ATMOSPHERE, device_body, place
from sim.command import Command
from sim.model import build_model
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.settings import Settings
from sim.state import new_state
from sim.struts import Struts
from tests.sim.stents import DRAG, Placed, catalogue_stent, on_axis, one_ring
from tests.sim.tubes import tube, vessel


def radial_stiffness(struts: Struts, x: np.ndarray) -> float:
    """Force of all crowns together per outward motion of each [N/m], under the same outward force on each crown."""
    none, step = np.zeros(len(struts.crowns)), 1e-9
    matrix = np.empty((x.size, x.size))
    for k in range(x.size):
        d = np.zeros(x.size)
        d[k] = step
        d = d.reshape(x.shape)
        matrix[k] = (struts.evaluate(x + d, none)[1] - struts.evaluate(x - d, none)[1]).ravel() / (2.0 * step)
    outward = x * np.array([1.0, 1.0, 0.0])
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    # Six motions as a whole cost nothing and are not moved by a load that balances itself.
    moved = np.linalg.lstsq(matrix, outward.ravel(), rcond=1e-10)[0].reshape(x.shape)
    return len(x) / float(np.einsum("ni,ni->n", moved, outward).mean())


def beam_stiffness(placed: Placed, lean: float) -> float:
    """The same from clamped–guided beams (`physics.md` C3): F = 12 E I δ/L³ for a strut whose ends part by δ around the ring.

    A strut that leans by α bends by δ cos α across itself and feels F cos α across itself, so F = 12 E I δ / (L³ cos² α): the
    C3 form is that for upright struts. N crowns a side part by δ = π ΔD / 2N, and all struts together pull with 2π F.
    """
    design = placed.design
    inertia = design.strut_thickness_mm * design.strut_width_mm**3 / 12.0 * 1e-12
    length = design.strut_length_mm * 1e-3
    per_strut = 12.0 * design.alloy.young_modulus_pa * inertia / (length**3 * math.cos(lean) ** 2)
    return 2.0 * math.pi * per_strut * 2.0 * math.pi / (2.0 * design.crowns)


def ring_of(crowns: int, lean_deg: float) -> tuple[Placed, np.ndarray]:
    design, balloon = catalogue_stent()
    ring, path = one_ring(design, crowns=crowns, lean_deg=lean_deg)
    lattice = place(ring, path, station_mm=0.5 * path.length)
    body = device_body(lattice, ring, balloon, path.points, drag=DRAG)
    return Placed(ring, balloon, lattice, body), body.positions


@pytest.mark.parametrize("lean_deg", [5.0, 20.0, 30.0])
def test_radial_stiffness_of_a_ring_is_that_of_clamped_guided_beams(lean_deg):
    """Bars that turn against hinges of 3EI/L give 12EI/L³ exactly in the plane; on a circle of N crowns they miss O(1/N²)."""
    off = []
    for crowns in (8, 16, 32):
        placed, x = ring_of(crowns, lean_deg)
        lean = math.asin(math.pi * np.linalg.norm(x[:, :2], axis=1).mean() / (crowns * placed.design.strut_length_mm * 1e-3))
        off.append(radial_stiffness(placed.body.struts, x) / beam_stiffness(placed, lean) - 1.0)
    print(f"lean {lean_deg:g}°: radial stiffness over beams' {[f'{value:+.4f}' for value in off]} for 8, 16, 32 crowns")
    assert abs(off[2]) < 0.005
    assert off[0] / off[1] == pytest.approx(4.0, rel=0.1)
    assert off[1] / off[2] == pytest.approx(4.0, rel=0.1)


def test_a_stent_of_one_ring_has_a_stiffness():
    """No bridges at all: what the engine's own stiffness gives is the slope of the force, as for any other stent."""
    placed, x = ring_of(8, 20.0)
    struts, none = placed.body.struts, np.zeros(16)
    matrix = struts.stiffness(x, none)
    step = 1e-9 * np.random.default_rng(0).normal(size=x.shape)
    expected = (struts.evaluate(x + step, none)[1] - struts.evaluate(x - step, none)[1]) / 2.0
    np.testing.assert_allclose((matrix @ step.ravel()).reshape(x.shape), expected, atol=1e-4 * np.abs(expected).max())


def crown_angle(design, radius: float) -> float:
    """Angle between the two struts of a crown [rad] when the crowns lie on a circle of `radius` [m]."""
    length = design.strut_length_mm * 1e-3
    chord = 2.0 * radius * math.sin(math.pi / (2 * design.crowns))
    return math.acos((length**2 - chord**2 * (1.0 + math.cos(math.pi / design.crowns))) / length**2)


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
            self.solver.step(self.state, Command(balloon_pressure=atm * ATMOSPHERE))

    def radii(self) -> np.ndarray:
        """Distance of each crown from the axis [m]."""
        return np.linalg.norm((self.state.device_position + self.model.origin)[:, :2], axis=1)

    def bore_mm(self) -> float:
        return 2e3 * float(self.radii().mean() - self.placed.body.half_thickness)


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
    design, struts = stent.placed.design, stent.placed.body.struts
    radius = float(stent.radii().mean())
    assert np.ptp(stent.radii()) < 2e-6
    # By hand: yielded, the moment is k (M_y + h (φ − φ₀)) / (k + h), and the crown springs back by M / k.
    angle, rest = crown_angle(design, radius), float(struts.crown_angle.mean())
    k, h = struts.crown_stiffness[0], struts.crown_hardening[0]
    moment = k * (struts.crown_moment[0] + h * (angle - rest)) / (k + h)
    sprung = root_scalar(lambda r: crown_angle(design, r) - (angle - moment / k), bracket=(0.5 * radius, radius)).root
    found["sprung back"] = 2e3 * (sprung - stent.placed.body.half_thickness)
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
    assert -0.02 < off < 0.0


def test_it_recoils_by_what_its_crowns_spring_back(opened):
    """Crowns alone, as if nothing else were strained: struts' twist and bridges add a little."""
    recoil = opened["14 atm"] - opened["deflated"]
    by_hand = opened["14 atm"] - opened["sprung back"]
    print(f"recoil {recoil:.3f} mm ({100 * recoil / opened['14 atm']:.2f} %), by hand {by_hand:.3f} mm")
    assert recoil > 0.0
    assert recoil == pytest.approx(by_hand, rel=0.1)


def test_it_stays_open(opened):
    assert opened["deflated"] > 3.0 * opened["rest"]
