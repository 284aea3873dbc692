"""Struts of one stent within another's, and a stent that waits for its turn."""

import dataclasses

import numpy as np
import pytest

from scenarios.devices.several import stents_body
from sim.arrays import put, vec3d
from sim.body import ModelError
from sim.command import Command
from sim.device import Nested
from sim.model import build_model
from sim.solvers.bearing import bearing
from sim.solvers.nested import STIFFNESS, NestedPart
from sim.solvers.waiting import ridden
from sim.state import new_state
from tests.scenarios.small_case import placed, small_case

AXIS = np.stack([np.zeros(21), np.zeros(21), np.linspace(0.0, 20e-3, 21)], 1)
DISTANCE = 2e-4


def crossed_rods(inner: float, outer: float) -> tuple[Nested, np.ndarray]:
    """Zigzags of six struts each about the z axis [m], the outer turned by a third of a crown, with crowns on two radii [m]."""
    angle = np.pi / 3.0 * np.arange(6)
    rings = [
        np.stack([radius * np.cos(angle + turn), radius * np.sin(angle + turn), 9e-3 + 2e-3 * (np.arange(6) % 2)], 1)
        for radius, turn in ((inner, 0.0), (outer, np.pi / 9.0))
    ]
    pairs = np.stack([np.arange(6), (np.arange(6) + 1) % 6], 1)
    return Nested("stent 2", pairs, pairs + 6, AXIS, DISTANCE), np.concatenate(rings)


def test_crossings_are_found_with_their_gap_and_press_along_the_radius():
    nested, y = crossed_rods(2e-3, 3e-3)
    part = NestedPart(nested, np.zeros(3), y)
    # Seen from the axis six struts of a turned zigzag cross the others six times; both lie at like shares of their chords.
    gaps = part.gaps(y)
    assert len(gaps) == 6
    assert (gaps > 0.0).all() and part.evaluate(y)[0] == 0.0 and not part.evaluate(y)[1].any()
    closer = y.copy()
    closer[6:, :2] *= 2.0 / 3.0
    deep = NestedPart(nested, np.zeros(3), closer)
    energy, pull = deep.evaluate(closer)
    over = np.minimum(deep.gaps(closer), 0.0)
    assert energy == pytest.approx(0.5 * STIFFNESS * (over**2).sum()) and energy > 0.0
    # What the outer struts are pushed out with, the inner are pushed in with.
    assert pull.sum(0) == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)
    outward = np.einsum("ni,ni->n", pull[:, :2], closer[:, :2])
    assert (outward[:6] >= 0.0).all() and (outward[6:] <= 0.0).all()


def rods_side_by_side(beside: float, apart: float) -> tuple[Nested, np.ndarray]:
    """Four bars along z about an axis, and as many outside them, turned sideways by `beside` and `apart` from them [m]."""
    angle, z = np.pi / 2.0 * np.arange(4), np.linspace(8e-3, 11e-3, 4)
    rows = [
        np.stack([radius * np.cos(angle + turn), radius * np.sin(angle + turn), np.full(4, height)], 1)
        for radius, turn, shift in ((2e-3, 0.0, 0.0), (2e-3 + apart, beside / 2e-3, 0.3e-3))
        for height in z + shift
    ]
    pairs = np.concatenate([np.stack([4 * row + np.arange(4), 4 * row + 4 + np.arange(4)], 1) for row in range(3)])
    return Nested("stent 2", pairs, pairs + 16, AXIS, DISTANCE, width=1e-4), np.concatenate(rows)


def test_struts_that_lie_side_by_side_do_not_pass_through_each_other():
    nested, y = rods_side_by_side(0.6e-4, 1e-4)
    part = NestedPart(nested, np.zeros(3), y)
    # At 0.6 of the width sideways their faces are 0.8 of the distance apart along the radius.
    gaps = part.gaps(y)
    assert len(gaps) >= 4 * 6 and gaps == pytest.approx(np.full(len(gaps), 1e-4 - 0.8 * DISTANCE), abs=6e-6)
    pull = part.evaluate(y)[1]
    assert pull.sum(0) == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)
    outward = np.einsum("ni,ni->n", pull[:, :2], y[:, :2])
    assert (outward[:16] > 0.0).any() and (outward[:16] >= 0.0).all() and (outward[16:] <= 0.0).all()
    beside, y = rods_side_by_side(1.1e-4, 1e-4)
    assert len(NestedPart(beside, np.zeros(3), y).gaps(y)) == 0


def test_edges_of_fabric_meet_the_struts_that_they_cross():
    nested, y = crossed_rods(2.05e-3, 2.1e-3)
    none = np.zeros((0, 2), int)
    for inner, outer in (("inner_fabric", "outer"), ("inner", "outer_fabric"), ("inner_fabric", "outer_fabric")):
        given = {"inner": none, "outer": none, inner: nested.inner, outer: nested.outer}
        cloth = Nested(
            "stent 2",
            given["inner"],
            given["outer"],
            AXIS,
            DISTANCE,
            1e-4,
            *(given.get(f"{one}_fabric", none) for one in ("inner", "outer")),
        )
        one, other = NestedPart(nested, np.zeros(3), y), NestedPart(cloth, np.zeros(3), y)
        assert other.gaps(y) == pytest.approx(one.gaps(y)) and other.evaluate(y)[0] == pytest.approx(one.evaluate(y)[0])


@pytest.mark.parametrize("rods", [crossed_rods(2.05e-3, 2.1e-3), rods_side_by_side(0.6e-4, 1e-4)])
def test_slope_and_stiffness_are_those_of_the_energy(rods):
    nested, y = rods
    part = NestedPart(nested, np.zeros(3), y)
    rng = np.random.default_rng(3)
    for _ in range(3):
        way = rng.normal(size=y.shape)
        step = 1e-9
        slope = (part.evaluate(y + step * way)[0] - part.evaluate(y - step * way)[0]) / (2.0 * step)
        assert slope == pytest.approx(float((part.evaluate(y)[1] * way).sum()), rel=1e-6)
        blocks = part.stiffness(y)
        bent = np.zeros_like(y)
        for nodes, block in zip(blocks.nodes, blocks.values, strict=True):
            np.add.at(bent, nodes, (block @ way[nodes].ravel()).reshape(-1, 3))
        change = (part.evaluate(y + step * way)[1] - part.evaluate(y - step * way)[1]) / (2.0 * step)
        assert bent == pytest.approx(change, rel=1e-5, abs=1e-5 * np.abs(change).max())


@pytest.fixture(scope="module")
def waiting():
    """The small tube with a stent in it and another that waits, and the state at rest."""
    case = small_case()
    case = dataclasses.replace(case, stents=(placed(case.path, 8.0), placed(case.path, 15.0)))
    model = build_model(case.body(), case.device_body())
    return case, model, new_state(model)


def test_a_stent_that_waits_rides_with_the_lumen_shifted_and_turned(waiting):
    case, model, state = waiting
    first, last = case.first_nodes[1:]
    before, pose = state.device_position.copy(), state.device_pose
    shift, tilt = np.array([3e-4, -2e-4, 1e-4]), 0.01
    state.displacement = put(np.tile(shift, (model.vertex_count, 1)), vec3d)
    ridden(model, state, Command(waiting=("stent 2",)))
    moved, turned = state.device_position, state.device_rotation
    assert moved[first:last] - before[first:last] == pytest.approx(np.tile(shift, (last - first, 1)), abs=1e-9)
    assert np.array_equal(moved[:first], before[:first]) and np.array_equal(turned[:first], pose.rotation[:first])
    z = model.body.vertices[:, 2]
    away = np.zeros((model.vertex_count, 3))
    away[:, 0] = tilt * (z - 15e-3)
    state.displacement = put(away, vec3d)
    moved = ridden(model, state, Command(waiting=("stent 2",))).position
    off = before[first:last] + model.origin - [0.0, 0.0, 15e-3]
    rigid = np.array([[np.cos(tilt), 0.0, np.sin(tilt)], [0.0, 1.0, 0.0], [-np.sin(tilt), 0.0, np.cos(tilt)]])
    assert moved[first:last] + model.origin - [0.0, 0.0, 15e-3] == pytest.approx(off @ rigid.T, abs=4e-6)
    state.displacement = put(np.zeros((model.vertex_count, 3)), vec3d)


def test_what_waits_must_be_there(waiting):
    _, model, state = waiting
    with pytest.raises(ModelError, match="lets 'stent 3' wait, but what may enter is stent 2"):
        ridden(model, state, Command(waiting=("stent 3",)))


def test_only_stents_that_overlap_are_nested_and_each_has_its_own_balloon(waiting):
    case, model, _ = waiting
    assert [one.name for one in model.device.balloons] == ["balloon", "stent 2"]
    assert [one.name for one in model.device.nested] == ["stent 2"]
    borne = [bearing(one, model.device.pose.position).share > 0.0 for one in model.device.balloons]
    first = case.first_nodes[1]
    assert borne[0][:first].any() and not borne[0][first:].any() and borne[1][first:].any()
    apart = (placed(case.path, 6.0), placed(case.path, 15.0))
    lumen = case.mesh.face_sets["lumen"]
    body = stents_body(apart, drag=1.0, release_drag=1.0, dilations=(), vertices_mm=case.mesh.vertices, lumen=lumen)
    assert body.nested == () and body.entering[0].weights.sum(axis=1) == pytest.approx(1.0)
