"""The sheath of a self-expanding stent is drawn as far as it reaches, in pictures and in the beam."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from scenarios.balloon_shape import BalloonShape
from tests.scenarios.test_release import own_case
from tests.scenarios.test_several_sheaths import two_sheaths
from viewer.offscreen import offscreen_plotter
from viewer.phases import opening_words
from viewer.room.stage import Stage
from viewer.scene import Scene
from viewer.xray.rehearsals import RehearsalInBeam, moment_of


@pytest.fixture(scope="module")
def case():
    """A stent in its sheath along the z axis, the hand at the upper end."""
    return own_case()


def frame_of(case, drawn_mm: float) -> SimpleNamespace:
    """The state in which the sheath has been drawn back so far and nothing else has moved."""
    return SimpleNamespace(
        vertices=case.mesh.vertices, device=np.asarray(case.lattice.nodes), balloon=BalloonShape.folded(case.balloon_axis),
        stress=np.zeros(len(case.mesh.tets)), sheath_mm=drawn_mm, lines={},
    )  # fmt: skip


def test_the_sheath_is_drawn_to_where_it_ends(case):
    hand, end = case.sheathed.axis_mm[[0, -1], 2]
    with offscreen_plotter(64, 64) as plotter:
        scene = Scene(plotter, case)
        for drawn in (0.0, 8.0):
            scene.set_frame(frame_of(case, drawn))
            surface, actor = scene._parts["sheath"]
            assert actor.GetVisibility()
            assert surface.bounds[4:] == pytest.approx((end + drawn, hand), abs=0.05)
            assert np.ptp(surface.points[:, 0]) == pytest.approx(case.device.sheath.outer_diameter_mm, abs=0.02)
        scene.set_frame(frame_of(case, hand - end))
        assert not scene._parts["sheath"][1].GetVisibility()


def test_the_sheath_and_the_marker_at_its_end_are_in_the_beam(case):
    beam = RehearsalInBeam(case)
    there, gone = (beam.contents(frame_of(case, drawn)).cylinders for drawn in (5.0, 1e3))
    assert len(there) == len(gone) + 2
    tube, marker = there[-2:]
    end = case.sheathed.axis_mm[-1, 2] + 5.0
    assert tube.material == "PEBAX" and tube.nodes[:, 2].min() == pytest.approx(end, abs=0.01)
    assert marker.material == "platinum" and marker.nodes[:, 2] == pytest.approx([end + 1.0, end], abs=0.01)
    assert marker.bore[0] > tube.bore[0]


def test_a_moment_of_a_rehearsal_knows_how_far_the_sheath_is_drawn_back(case):
    state = SimpleNamespace(
        device_position=1e-3 * case.lattice.nodes,
        displacement=SimpleNamespace(to_numpy=lambda: np.zeros_like(case.mesh.vertices)),
    )
    body = SimpleNamespace(vertices=1e-3 * case.mesh.vertices)
    running = SimpleNamespace(state=state, model=SimpleNamespace(origin=np.zeros(3)), body=body, case=case)
    command = SimpleNamespace(balloons={}, sheaths={"sheath": 4e-3})
    assert moment_of(running, command).sheath_mm == pytest.approx(4.0)
    assert moment_of(running).sheath_mm == 0.0
    running.case = dataclasses.replace(case, stents=(dataclasses.replace(case.stents[0], sheathed=None),))
    assert moment_of(running, command).sheath_mm is None


def test_of_two_sheaths_that_of_the_stent_placed_last_is_seen():
    case = two_sheaths()
    frame = SimpleNamespace(
        vertices=case.mesh.vertices, device=np.concatenate([one.lattice.nodes for one in case.stents]),
        balloon=BalloonShape.folded(case.balloon_axis), balloon_pressure_atm=0.0, stress=np.zeros(len(case.mesh.tets)),
        sheath_mm=2.0, sheaths_mm={"sheath": 2.0, "stent 2": 3.0}, waiting=("stent 2",), lines={},
    )  # fmt: skip
    first, second = (one.sheathed.axis_mm[-1, 2] for one in case.stents if one.sheathed is not None)
    beam = RehearsalInBeam(case)
    with offscreen_plotter(64, 64) as plotter, offscreen_plotter(64, 64) as room:
        scene, stage = Scene(plotter, case), Stage(room, case)
        for waiting, end, drawn, shown in ((("stent 2",), first + 2.0, 2, "sheath"), ((), second + 3.0, 3, "sheath 2")):
            frame.waiting = waiting
            scene.set_frame(frame)
            stage.show(frame)
            assert scene._parts["sheath"][0].bounds[4] == pytest.approx(end, abs=0.05)
            assert [name for name in ("sheath", "sheath 2") if stage._actors[name].GetVisibility()] == [shown]
            tube = [one for one in beam.contents(frame).cylinders if one.material == "PEBAX"][-1]
            assert tube.nodes[:, 2].min() == pytest.approx(end, abs=0.05)
            assert opening_words(case, frame) == f"sheath drawn back by {drawn}.0 mm"
