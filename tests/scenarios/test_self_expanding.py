"""A nitinol stent crimped into its sheath by simulation, and released from it in a compliant tube as the sheath is drawn back."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from meshing.errors import InputError
from scenarios.catalogue import find
from scenarios.devices.design import Nitinol, StentDesign
from scenarios.devices.self_expanding import (
    SHEATH,
    crimp,
    in_sheath,
    radial_forces,
    sheath_radius_mm,
    sheathed_body,
    withdrawal_mm,
)
from sim.body import ModelError
from sim.command import Command
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.model import build_model
from sim.solvers.device import DeviceStep
from sim.solvers.device_parts import SheathPart
from sim.solvers.implicit import ImplicitSolver
from sim.state import new_state
from tests.scenarios.shapes import straight_path
from tests.sim.tubes import section_diameter, tube, vessel

# SE508 as measured for the generic filter at 37 °C, github.com/kenaycock/Generic-IVC-Filter.
METAL = Nitinol("nitinol SE508", 59e9, 24.75e9, 0.042, 395e6, 435e6, 165e6, 145e6, 513.5e6, 0.33, 6450.0, "Generic IVC filter")
STENT = StentDesign(
    name="zig-zag 6x7", family="zig-zag", diameter_mm=6.0, length_mm=7.0, crimped_diameter_mm=1.8, crowns=8, rings=3,
    strut_length_mm=2.2, strut_width_mm=0.1, strut_thickness_mm=0.15, bridges=2, alloy=METAL, source="",
)  # fmt: skip
LENGTH_MM, BORE_MM = 26.0, 5.0
DRAG = 5.0
"""Of a crown [N·s/m]."""


def test_a_stent_is_crimped_into_its_sheath_free_of_force_but_the_sheaths():
    crimped = crimp(STENT)
    radius = 1e3 * np.hypot(crimped.pose.position[:, 0], crimped.pose.position[:, 1])
    _, slope = crimped.rods.evaluate(crimped.pose, crimped.history)
    off = crimped.pose.position * np.array([1.0, 1.0, 0.0])
    outward = off / np.linalg.norm(off, axis=1, keepdims=True)
    push = -np.einsum("ni,ni->n", slope[:, :3], outward)
    aside = slope[:, :3] + push[:, None] * outward
    print(f"\ncrimped: radius {radius.min():.3f} to {radius.max():.3f} mm, presses with {push.sum():.3f} N")
    # A newton of a node is a hundredth of a millimetre of the sheath.
    assert radius.max() == pytest.approx(sheath_radius_mm(STENT), abs=0.01)
    assert push.sum() > 0.5
    assert np.abs(slope[:, 3:]).max() < 1e-8
    assert np.abs(aside).max() < 1e-3 * push.max()
    assert np.abs(crimped.history).max() > 0.9, "crowns have turned to martensite"


@pytest.mark.slow
def test_opening_it_presses_less_than_it_resists():
    forces = radial_forces(STENT, (5.0,))[0]
    print(f"\nat {forces.bore_mm} mm: chronic outward {forces.outward:.3f}, radial resistive force {forces.resistive:.3f} N/mm")
    assert 0.1 * forces.resistive < forces.outward < 0.9 * forces.resistive
    with pytest.raises(InputError, match="give bores between"):
        radial_forces(STENT, (7.0,))


@pytest.mark.slow
def test_a_size_about_whose_rest_newtons_method_goes_in_circles_is_opened_downhill():
    design = find("self-expanding 10x30").stent
    forces = radial_forces(design, (9.5, 9.0, 8.0))
    print("\n" + "; ".join(f"{one.bore_mm} mm: {one.outward:.3f}, {one.resistive:.3f} N/mm" for one in forces))
    outward, resistive = np.array([[one.outward, one.resistive] for one in forces]).T
    # The narrower the ring the harder it presses, and never as hard on its way out as on its way in.
    assert (np.diff(outward) > 0.0).all() and (np.diff(resistive) > 0.0).all()
    assert (outward < resistive).all()


@pytest.fixture(scope="module")
def released():
    """Rings' bores [mm] when the sheath is half drawn back and at the end, and the last state."""
    path = straight_path(LENGTH_MM, radius=0.5 * BORE_MM)
    lattice, sheathed = in_sheath(STENT, path, station_mm=0.5 * LENGTH_MM)
    device = sheathed_body(lattice, STENT, sheathed, drag=DRAG)
    soft = StableNeoHookean.from_young(0.3e6, 0.45, 1100.0)
    grid = tube(bore=0.5e-3 * BORE_MM, outer=0.5e-3 * BORE_MM + 0.8e-3, length=1e-3 * LENGTH_MM, around=20, through=1, along=32)
    body = vessel(grid, soft)
    model = build_model(body, device)
    state, solver = new_state(model), ImplicitSolver(model)
    bores, inverted = [], 0
    for drawn in np.concatenate([np.linspace(0.0, withdrawal_mm(STENT), 30), np.full(14, withdrawal_mm(STENT))]):
        report = solver.step(state, Command(sheaths={SHEATH: 1e-3 * drawn}))
        inverted = max(inverted, report.inverted)
        place = state.device_position + model.origin
        radius = 1e3 * np.hypot(place[:, 0], place[:, 1])
        bores.append([2.0 * radius[lattice.node_ring == ring].mean() - STENT.strut_thickness_mm for ring in range(STENT.rings)])
    return np.array(bores), inverted, model, state, solver


@pytest.mark.slow
def test_what_is_still_in_the_sheath_stays_crimped_and_the_rest_opens(released):
    bores, inverted, *_ = released
    # The sheath is at the middle of the stent: beyond it the last ring is open, before it the first is not.
    middle = int(np.searchsorted(np.linspace(0.0, withdrawal_mm(STENT), 30), 3.0 + 0.5 * STENT.length_mm))
    print(f"\nbores with the sheath at the middle {bores[middle].round(2)}, at the end {bores[-1].round(2)} mm")
    assert bores[middle][0] < 1.1 * STENT.crimped_bore_mm + 0.2 < 2.5 < bores[middle][-1]
    assert bores[-1].min() > 4.5
    assert bores[-1].max() < STENT.diameter_mm
    assert inverted == 0


@pytest.mark.slow
def test_the_released_stent_widens_the_tube_and_its_force_is_the_walls(released):
    _, _, model, state, solver = released
    points = model.body.vertices + state.displacement.to_numpy()
    lumen = 1e3 * section_diameter(points, model.body.lumen, 0.5e-3 * LENGTH_MM)
    force, _ = solver.contact_readings()
    _, slope = model.device.rods.evaluate(state.device_pose, state.device_history)
    off = (state.device_position + model.origin) * np.array([1.0, 1.0, 0.0])
    outward = off / np.linalg.norm(off, axis=1, keepdims=True)
    pushed = -float(np.einsum("ni,ni->n", slope[:, :3], outward).sum())
    print(f"\nlumen {lumen:.2f} mm from {BORE_MM}; the struts push with {pushed:.3f} N, the wall with {force.sum():.3f} N")
    assert lumen > BORE_MM + 0.1
    assert pushed == pytest.approx(force.sum(), rel=0.1)


@pytest.mark.slow
def test_a_sheath_that_is_not_there_cannot_be_drawn_back(released):
    _, _, _, state, solver = released
    with pytest.raises(ModelError, match="the sheaths there are: sheath"):
        solver.step(state.copy(), Command(sheaths={"other": 0.01}))


def test_what_the_sheath_holds_in_counts_as_force_at_work_until_it_is_drawn_back():
    path = straight_path(LENGTH_MM, radius=0.5 * BORE_MM)
    lattice, sheathed = in_sheath(STENT, path, station_mm=0.5 * LENGTH_MM)
    device, pose = sheathed_body(lattice, STENT, sheathed, drag=DRAG), sheathed.pose
    state: Any = SimpleNamespace(
        device_history=sheathed.history, device_position=pose.position, device_rotation=pose.rotation, device_pose=pose,
        coaxial_friction=np.zeros((0, 2)),
    )  # fmt: skip
    held = [
        DeviceStep(device, np.zeros(3), state, Command(sheaths={SHEATH: 1e-3 * drawn}), 0.05).held_in(pose)
        for drawn in (0.0, 3.0 + 0.5 * STENT.length_mm, withdrawal_mm(STENT))
    ]
    print(f"\nheld in with {held[0]:.3f} N, half drawn back {held[1]:.3f} N, then {held[2]:.3f} N")
    assert held[0] > held[1] > 0.1
    assert held[2] == 0.0


def test_the_sheaths_push_is_the_slope_of_its_energy():
    path = straight_path(LENGTH_MM, radius=0.5 * BORE_MM)
    lattice, sheathed = in_sheath(STENT, path, station_mm=0.5 * LENGTH_MM)
    device = sheathed_body(lattice, STENT, sheathed, drag=DRAG)
    generator = np.random.default_rng(3)
    y = device.pose.position + 5e-5 * generator.normal(size=device.pose.position.shape)
    part = SheathPart(device.sheaths[0], np.zeros(3), y, 1e-3 * (3.0 + 0.5 * STENT.length_mm))
    _, slope = part.evaluate(y)
    way = generator.normal(size=y.shape)
    step = 1e-8
    rise = (part.evaluate(y + step * way)[0] - part.evaluate(y - step * way)[0]) / (2.0 * step)
    assert rise == pytest.approx(float((slope * way).sum()), rel=1e-5)
