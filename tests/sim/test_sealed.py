"""Fabric that seals off a sac: who is behind it, what the wall is spared and the fabric bears."""

import dataclasses

import numpy as np
import pytest

from meshing.tetmesh import TetMesh
from scenarios.case import wall_body
from scenarios.devices.lattice import device_body
from scenarios.tissues import find_tissue
from sim.command import Command
from sim.model import Model, build_model
from sim.solvers.fabric import FabricPart
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.sealed import SealedPart, sealed_off
from sim.state import new_state
from tests.scenarios.test_covered_stent import LATTICE, LENGTH_MM, PATH, SIX, opened
from tests.sim.tubes import tube

BLOOD = 12e3
BORE_MM, SAC_MM = 6.0, 2.0


def model_of(*, sac_mm: float, reach_mm: float, bore_mm: float = BORE_MM) -> Model:
    """A covered stent opened to 6 mm in a tube that fits it, with a sac about its middle that reaches so far to both sides."""
    half = SIX.stent.half_thickness_mm
    fits = 0.5 * BORE_MM + 2.0 * half

    def bore(z: np.ndarray) -> np.ndarray:
        off = np.clip(np.abs(z - 0.5 * LENGTH_MM) / reach_mm, 0.0, 1.0)
        return fits + sac_mm * 0.5 * (1.0 + np.cos(np.pi * off))

    grid = tube(bore=bore, outer=lambda z: bore(z) + 1.0, length=LENGTH_MM, around=32, through=1, along=60)
    sides = {"lumen": (2, 0), "outside": (2, 1), "end 0": (0, 0), "end 1": (0, 1)}
    mesh = TetMesh(
        grid.vertices, grid.tets.astype(np.int32), np.ones(len(grid.tets), np.int32), {1: "arterial wall"},
        face_sets={name: grid.faces(*side)[:, ::-1] for name, side in sides.items()},
    )  # fmt: skip
    lattice = dataclasses.replace(LATTICE, nodes=opened(bore_mm))
    device = device_body(lattice, SIX.stent, SIX.balloon, PATH.at(np.linspace(11.0, 29.0, 81))[0], drag=1.0)
    return build_model(wall_body(mesh, {1: find_tissue("arterial wall")}), device)


def keeping(model: Model, share: float) -> Model:
    """The same in which a sealed sac keeps a share of the blood's pressure."""
    assert model.device is not None
    sheet = dataclasses.replace(model.device.membranes[0], sac_share=share)
    return dataclasses.replace(model, device=dataclasses.replace(model.device, membranes=(sheet,)))


def test_a_sac_between_two_seals_is_spared_and_the_fabric_before_it_bears_the_rest():
    model = model_of(sac_mm=SAC_MM, reach_mm=4.0)
    state = new_state(model)
    found = sealed_off(model, state, Command(blood_pressure=BLOOD))
    assert found is not None
    z = 1e3 * model.body.vertices[:, 2] - 0.5 * LENGTH_MM
    wall = np.unique(model.body.lumen)
    assert set(np.round(found.relief[found.relief > 0.0])) == {round(0.5 * BLOOD)}
    assert (np.abs(z[found.relief > 0.0]) < 4.0).all() and (found.relief[wall][np.abs(z[wall]) < 2.0] > 0.0).all()
    assert not np.setdiff1d(np.flatnonzero(found.relief), wall).size
    assert model.device is not None
    nodes = 1e3 * model.device.pose.position
    out = np.einsum("ni,ni->n", found.forces[:, :2], nodes[:, :2]) / np.hypot(*nodes[:, :2].T)
    # As much as half of the blood's pressure on the sleeve where the sac is, which is as long as the wall spared.
    length = 1e-3 * np.ptp(z[found.relief > 0.0])
    assert out.sum() == pytest.approx(0.5 * BLOOD * 2.0 * np.pi * 1e-3 * (0.5 * BORE_MM + 0.1) * length, rel=0.15)
    assert found.forces.sum(axis=0) == pytest.approx([0.0, 0.0, 0.0], abs=0.02 * out.sum())


@pytest.mark.parametrize(("sac_mm", "reach_mm", "bore_mm"), [(0.0, 4.0, 6.0), (2.0, 14.0, 6.0), (2.0, 4.0, 4.0)])
def test_nothing_is_sealed_without_a_sac_or_where_it_reaches_past_the_stent_or_the_stent_lies_loose(sac_mm, reach_mm, bore_mm):
    model = model_of(sac_mm=sac_mm, reach_mm=reach_mm, bore_mm=bore_mm)
    state = new_state(model)
    assert sealed_off(model, state, Command(blood_pressure=BLOOD)) is None


def test_nothing_is_spared_without_blood_or_by_a_stent_that_waits_or_where_the_sac_keeps_its_pressure():
    model = model_of(sac_mm=SAC_MM, reach_mm=4.0)
    state = new_state(model)
    assert sealed_off(model, state, Command(blood_pressure=0.0)) is None
    assert sealed_off(keeping(model, 1.0), state, Command(blood_pressure=BLOOD)) is None


def test_the_forces_are_minus_the_slope_of_their_energy():
    forces = np.random.default_rng(1).normal(size=(7, 3))
    part = SealedPart(forces, np.zeros((7, 3)))
    way, y = np.random.default_rng(2).normal(size=(2, 7, 3))
    slope = (part.evaluate(y + 1e-4 * way)[0] - part.evaluate(y - 1e-4 * way)[0]) / 2e-4
    assert slope == pytest.approx(float((part.evaluate(y)[1] * way).sum()), rel=1e-8)
    assert len(part.stiffness(y).nodes) == 0


def test_in_the_engine_a_sealed_sac_is_narrower_and_the_fabric_before_it_tauter():
    widths, tensions = [], []
    for share in (1.0, 0.5):
        model = keeping(model_of(sac_mm=SAC_MM, reach_mm=4.0, bore_mm=6.4), share)
        assert model.device is not None
        sheet = model.device.membranes[0]
        state, solver = new_state(model), ImplicitSolver(model)
        for _ in range(4):
            report = solver.step(state, Command(blood_pressure=BLOOD))
        assert report.residual < 0.01 and report.inverted == 0
        points = 1e3 * (model.body.vertices + state.displacement.to_numpy())
        middle = np.unique(model.body.lumen)
        middle = middle[np.abs(points[middle, 2] - 0.5 * LENGTH_MM) < 1.0]
        widths.append(np.hypot(*points[middle, :2].T).mean())
        tension = FabricPart(sheet).tensions(state.device_position)[:, 0]
        before = np.abs(1e3 * state.device_position[sheet.triangles].mean(axis=1)[:, 2] + 1e3 * model.origin[2] - 20.0) < 2.0
        tensions.append(tension[before].mean())
    print(f"\nsac's radius {widths[0]:.3f} and {widths[1]:.3f} mm, fabric's tension {tensions[0]:.1f} and {tensions[1]:.1f} N/m")
    assert widths[1] < widths[0] - 0.02 and tensions[1] > tensions[0] + 1.0
