"""The stage: what moves is moved in place, in memory as on a desktop, and monitors make of pictures what is asked."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from scenarios.balloon_shape import BalloonShape
from tests.scenarios.small_case import small_case
from viewer.offscreen import offscreen_plotter
from viewer.room.monitor import MASKS, Monitor, Request, preset_view, turned
from viewer.room.moving_shapes import MovingSurface
from viewer.room.stage import Stage, facing_out


@pytest.fixture(scope="module")
def case():
    return small_case()


def moment(case, *, grown=1.0, balloon_mm=0.0, stress=None):
    """A made-up moment: vessel and stent grown about the axis."""
    wider = np.array([grown, grown, 1.0])
    return SimpleNamespace(
        vertices=case.mesh.vertices * wider,
        device=np.asarray(case.lattice.nodes) * wider,
        balloon=BalloonShape(case.balloon_axis, np.full(len(case.balloon_axis), balloon_mm)),
        stress=stress,
    )


def pictured(plotter):
    """What the plotter shows now, as whole numbers."""
    plotter.render()
    return plotter.screenshot(None, return_img=True).astype(int)


def test_what_moves_is_written_in_place_and_seen(case):
    with offscreen_plotter(260, 320) as plotter:
        stage = Stage(plotter, case)
        stage.show(moment(case))
        first = pictured(plotter)
        held = stage._lumen.mesh
        faces, at = held.regular_faces.copy(), held.GetPoints().GetMTime()
        stage.show(moment(case, grown=1.4, balloon_mm=1.2))
        second = pictured(plotter)
        assert stage._lumen.mesh is held and np.array_equal(held.regular_faces, faces) and held.GetPoints().GetMTime() > at
        assert np.ptp(held.points[:, 0]) == pytest.approx(1.4 * 4.0, rel=1e-5)
        assert np.abs(first - second).mean() > 3.0


def test_stress_opening_and_following_change_what_is_seen(case):
    stress = np.linspace(0.0, 80.0, len(case.mesh.tets))
    with offscreen_plotter(260, 320) as plotter:
        stage = Stage(plotter, case)
        stage.show(moment(case))
        seen = [pictured(plotter)]
        stage.set_stress(True)
        stage.show(moment(case, stress=stress))
        assert stage._actors["lumen"].mapper.scalar_range == (0.0, 100.0)
        seen.append(pictured(plotter))
        stage.set_open(True)
        seen.append(pictured(plotter))
        stage.set_stress(False)
        stage.set_open(False)
        seen.append(pictured(plotter))
        assert all(np.abs(one - two).mean() > 2.0 for one, two in itertools.pairwise(seen))
        assert np.abs(seen[0] - seen[3]).mean() < 0.5
        stage.set_follow(True)
        stage.show(moment(case))
        before = np.asarray(plotter.camera.focal_point)
        later = moment(case)
        later.device = later.device + np.array([0.0, 0.0, 3.0])
        stage.show(later)
        assert np.allclose(np.asarray(plotter.camera.focal_point) - before, [0.0, 0.0, 3.0])


def test_normals_of_a_moving_surface_point_away_from_the_vessel(case):
    for name in ("lumen", "outside"):
        surface = MovingSurface(facing_out(case, case.mesh.face_sets[name]))
        surface.move(case.mesh.vertices)
        points, normals = np.asarray(surface.mesh.points), np.asarray(surface.mesh.point_data["Normals"])
        inner = (points[:, 2] > 1.0) & (points[:, 2] < 23.0)
        outward = points[inner, :2] / np.linalg.norm(points[inner, :2], axis=1, keepdims=True)
        assert np.allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-4)
        assert (np.einsum("ni,ni->n", normals[inner, :2], outward) > 0.8).all()


def test_the_monitor_subtracts_and_lays_the_roadmap_over(case):
    from sim import backend
    from viewer.room.hands import Injection

    backend.start("cpu")
    monitor, dye = Monitor(case), (Injection(1.0, 4.0),)
    folded = BalloonShape.folded(case.balloon_axis)

    def shown(mode, *, filled, time_s=1.6, lao=0.0):
        return monitor.picture(
            Request(case.mesh.vertices, case.lattice.nodes, folded, time_s, dye if filled else (), lao, 0.0, mode)
        )

    assert shown("live", filled=False).words == "fluoroscopy"
    words = [shown("subtracted", filled=False).words for _ in range(MASKS)]
    assert words[-1] == f"mask {MASKS} of {MASKS}"
    empty, full = shown("subtracted", filled=False).grey.astype(int), shown("subtracted", filled=True).grey.astype(int)
    middle = (slice(236, 276), slice(249, 263))
    assert empty[middle].mean() - full[middle].mean() > 15.0
    for _ in range(MASKS):
        shown("roadmap begins", filled=False)
    shown("roadmap begins", filled=True)
    with_map, plain = shown("roadmap", filled=False), shown("live", filled=False)
    assert with_map.words == "roadmap" and with_map.grey[middle].mean() - plain.grey[middle].mean() > 5.0
    assert shown("subtracted", filled=False, lao=20.0).words.startswith("mask 1")
    assert plain.dap_ugy_cm2 > 0.0


def test_preset_views_and_the_gantrys_ends(case):
    assert preset_view(case, 1) == (0.0, 0.0) and preset_view(case, 2) == (30.0, 0.0)
    lao, cra = preset_view(case, 8, near=(20.0, 20.0))
    assert cra == 0.0 and lao == pytest.approx(20.0, abs=1.0)
    assert turned((100.0, 40.0), 30.0, 30.0) == (105.0, 45.0)
