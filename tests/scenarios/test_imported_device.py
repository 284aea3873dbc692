"""A maker's stent as rods: in SI units, free of stress, as stiff as the same stent made by formula."""

import numpy as np
import pytest

from meshing.struts import StrutGraph, strut_graph
from scenarios.devices.imported import rods_of
from sim.rods.laws import LinearElastic
from sim.rods.network import Pose, RodNetwork
from sim.rods.statics import rest, task_for
from tests.meshing.swept_stents import Zigzag, surface_of
from tests.rods.zigzag import ZigzagStent, build_stent
from tests.shared_data import shared_data

NITINOL = LinearElastic(50e9)


def radial_stiffness(network: RodNetwork, pose: Pose, pressed: np.ndarray, axis: np.ndarray, centre: np.ndarray) -> float:
    """Sum of the forces towards the axis over a small way of the pressed nodes towards it [N/m].

    They may move along the axis and turn; one of them is held along it.
    """
    task = task_for(network)
    outward = pose.position[pressed] - centre
    outward -= np.outer(outward @ axis, axis)
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    along = int(np.abs(axis).argmax())
    for across in {0, 1, 2} - {along}:
        task.held[pressed, across] = True
        task.motion[pressed, across] = -1e-6 * outward[:, across]
    task.held[pressed[0], along] = True
    found = rest(network, pose, task)
    return float(-(found.reaction[pressed, :3] * outward).sum() / 1e-6)


def imported_stiffness(graph: StrutGraph, spacing: float) -> float:
    """That of an imported stent whose joints and crowns are pressed [N/m]."""
    network, pose = rods_of(graph, NITINOL, spacing_mm=spacing)
    pressed = np.flatnonzero(np.array(graph.kinds) != "tip")
    return radial_stiffness(network, pose, pressed, graph.axis.direction, 1e-3 * graph.axis.point)


@pytest.fixture(scope="module")
def ring() -> StrutGraph:
    return strut_graph(surface_of(Zigzag()))


def test_rods_are_in_metres_and_free_of_stress(ring):
    network, pose = rods_of(ring, NITINOL, spacing_mm=0.1)
    np.testing.assert_array_equal(pose.position[: len(ring.nodes)], 1e-3 * ring.nodes)
    assert network.rest_length.sum() == pytest.approx(1e-3 * ring.length, rel=0.01)
    assert 0.5e-4 < network.rest_length.max() < 1.01e-4
    energy, slope = network.evaluate(pose, network.fresh_history())
    assert energy < 1e-20 and np.abs(slope).max() < 1e-9
    areas = np.array([network.sections[which].area for which in network.section_of])  # type: ignore[union-attr]
    assert areas @ network.rest_length == pytest.approx(1e-9 * ring.rods_volume, rel=0.02)
    halves = np.median([section.half_widths for section in network.sections], axis=0)  # type: ignore[union-attr]
    np.testing.assert_allclose(2.0 * halves, [0.12e-3, 0.1e-3], rtol=0.05)


def test_width_lies_along_the_surface_and_thickness_away_from_the_axis(ring):
    network, pose = rods_of(ring, NITINOL, spacing_mm=0.1)
    middle = network.middle(pose)
    assert np.isfinite(middle.strain).all()
    for strut in ring.struts:
        outward = strut.points - ring.axis.point
        outward[:, 2] = 0.0
        outward /= np.linalg.norm(outward, axis=1, keepdims=True)
        assert (np.einsum("ni,ni->n", strut.normals, outward) > 0.99).all()


def test_an_imported_ring_is_as_stiff_as_the_same_made_by_formula(ring):
    drawn = Zigzag()
    made = ZigzagStent(
        radius=1e-3 * drawn.radius,
        strut_count=drawn.strut_count,
        strut_length=1e-3 * drawn.straight,
        width=1e-3 * drawn.width,
        thickness=1e-3 * drawn.thickness,
        law=NITINOL,
        crown_length=1e-3 * drawn.arc * (np.pi - 2.0 * drawn.angle),
        divisions=40,
        crown_divisions=8,
    )
    network, pose = build_stent(made)
    pressed = np.arange(drawn.strut_count)
    expected = radial_stiffness(network, pose, pressed, np.array([0.0, 0.0, 1.0]), np.zeros(3))
    coarse, fine = imported_stiffness(ring, 0.1), imported_stiffness(ring, 0.05)
    print(f"ring: {coarse:.1f} and {fine:.1f} N/m imported at 0.1 and 0.05 mm, {expected:.1f} N/m made by formula")
    assert fine == pytest.approx(expected, rel=0.1)
    assert coarse == pytest.approx(fine, rel=0.03)


def test_a_spacing_must_be_above_nought(ring):
    with pytest.raises(ValueError, match="0 mm"):
        rods_of(ring, NITINOL, spacing_mm=0.0)


@pytest.mark.slow
def test_makers_stents_resist_and_their_stiffness_converges():
    stent = strut_graph(shared_data("stent_mesh/stent06.stl"))
    frame = strut_graph(shared_data("nitinol_frame/open-frame-fatigue-v25mm-9pct.inp"), mirrored_sectors=32)
    spacings = (0.5, 0.25, 0.125)
    for name, graph in (("stent", stent), ("frame", frame)):
        found = [imported_stiffness(graph, spacing) for spacing in spacings]
        for spacing, stiffness in zip(spacings, found, strict=True):
            print(f"{name}: {1e-3 * stiffness:.2f} N/mm at {spacing} mm")
        assert np.isfinite(found).all() and min(found) > 0.0
        assert abs(found[2] - found[1]) < 0.7 * abs(found[1] - found[0])
        assert found[2] == pytest.approx(found[1], rel=0.05)


def test_the_pose_is_a_rest(ring):
    network, pose = rods_of(ring, NITINOL, spacing_mm=0.2)
    task = task_for(network)
    task.held[0] = True
    found = rest(network, pose, task)
    np.testing.assert_allclose(found.pose.position, pose.position, atol=1e-12)
