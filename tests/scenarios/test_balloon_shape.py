"""The shape of the balloon that is full: its chart, its shoulders, struts and wall about it."""

import dataclasses

import numpy as np
import pytest

from scenarios import catalogue
from scenarios.balloon_shape import balloon_shape
from scenarios.case import Case
from scenarios.devices.lattice import Dilation
from scenarios.procedure import STENT
from tests.scenarios.small_case import small_case
from tests.scenarios.test_passage import small_passage


@pytest.fixture(scope="module")
def case() -> Case:
    """The small case with a balloon before the stent and one within it, longer than it is."""
    plain = small_case()
    chosen = catalogue.find_balloon("semi-compliant balloon 4x20")
    station = np.linspace(-0.5, 0.5, 61)[:, None] * (chosen.balloon.length_mm + 2.0 * chosen.balloon.overhang_mm)
    middle = plain.balloon_axis.mean(axis=0)
    along = plain.balloon_axis[-1] - plain.balloon_axis[0]
    axis = middle + station * along / np.linalg.norm(along)
    dilations = tuple(
        Dilation(name, chosen.name, chosen.balloon, axis, in_stent)
        for name, in_stent in (("predilation", False), ("postdilation", True))
    )
    return dataclasses.replace(plain, dilations=dilations)


def wide(case: Case, factor: float) -> np.ndarray:
    """The wall's vertices, this much farther from the axis in every section."""
    middle = case.balloon_axis.mean(axis=0)
    along = case.balloon_axis[-1] - case.balloon_axis[0]
    along = along / np.linalg.norm(along)
    off = case.mesh.vertices - middle
    on = (off @ along)[:, None] * along
    return middle + on + factor * (off - on)


def test_a_free_balloon_follows_its_chart_and_closes_at_both_ends(case: Case):
    shape = balloon_shape(case, wide(case, 10.0), np.asarray(case.lattice.nodes), {"predilation": 6.0})
    assert shape.axis is not None and np.array_equal(shape.axis, case.dilations[0].axis_mm)
    assert 2.0 * shape.radius.max() == pytest.approx(float(case.dilations[0].balloon.diameter(6.0)), rel=1e-6)
    assert shape.radius[0] == shape.radius[-1] == 0.0 and shape.is_open


def test_the_wall_keeps_a_balloon_narrow(case: Case):
    shape = balloon_shape(case, case.mesh.vertices, np.asarray(case.lattice.nodes), {"predilation": 6.0})
    lumen = case.mesh.vertices[np.unique(case.mesh.face_sets["lumen"])]
    narrowest = np.linalg.norm(lumen[:, None] - shape.axis[None], axis=2).min()
    middle = shape.radius[len(shape.radius) // 2]
    assert middle == pytest.approx(narrowest, rel=0.1)
    assert middle < 0.5 * float(case.dilations[0].balloon.diameter(6.0))


def test_struts_keep_a_balloon_within_them_narrow_and_one_before_them_not(case: Case):
    # Struts as far out as half of what the balloon would have.
    nodes = np.asarray(case.lattice.nodes)
    shapes = {name: balloon_shape(case, wide(case, 10.0), nodes, {name: 6.0}) for name in ("predilation", "postdilation")}
    middle = len(shapes["predilation"].radius) // 2
    assert shapes["postdilation"].radius[middle] < 0.6 < shapes["predilation"].radius[middle]
    # Beyond the stent's ends nothing but its chart holds it.
    assert shapes["postdilation"].radius.max() == pytest.approx(shapes["predilation"].radius.max())


def test_the_fuller_balloon_is_the_one_that_is_seen(case: Case):
    nodes, vertices = np.asarray(case.lattice.nodes), case.mesh.vertices
    assert balloon_shape(case, vertices, nodes, {STENT: 2.0, "predilation": 0.0}).axis == pytest.approx(
        case.balloon_axis, abs=1e-9
    )
    within = balloon_shape(case, vertices, nodes, {STENT: 0.0, "postdilation": 1.0})
    assert within.axis == pytest.approx(case.dilations[1].axis_mm, abs=1e-9)
    for pressures in ({}, {STENT: 0.0, "predilation": 0.0}):
        folded = balloon_shape(case, vertices, nodes, pressures)
        assert np.array_equal(folded.axis, case.balloon_axis) and not folded.is_open


def test_a_passage_has_no_balloon():
    passage = small_passage()
    shape = balloon_shape(passage, passage.mesh.vertices, np.zeros((4, 3)), {})
    assert shape.axis.shape == (0, 3) and not shape.is_open
