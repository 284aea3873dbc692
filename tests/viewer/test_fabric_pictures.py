"""A covered stent's fabric in the beam and in slices."""

from types import SimpleNamespace

import numpy as np
import pytest

from scenarios.balloon_shape import BalloonShape
from tests.scenarios.test_covered_stent import SIX
from tests.scenarios.test_release import survey_of
from viewer.offscreen import offscreen_plotter
from viewer.room.stage import Stage
from viewer.slices.cuts import FABRIC, Shapes
from viewer.slices.planes import plane_at
from viewer.xray.attenuation import find_material
from viewer.xray.rehearsals import RehearsalInBeam
from viewer.xray.surfaces import thick_sheet, unmatched_edges


@pytest.fixture(scope="module")
def case():
    """Two covered stents in a straight tube along the z axis, the second not there yet."""
    return survey_of(6.0).case(device=SIX.name, at_mm=25.0, then=(f"{SIX.name}, overlap 3",))


def frame_of(case, *waiting: str) -> SimpleNamespace:
    """The state before anything has moved."""
    return SimpleNamespace(
        vertices=case.mesh.vertices, device=np.concatenate([one.lattice.nodes for one in case.stents]), sheath_mm=None,
        balloon=BalloonShape.folded(case.balloon_axis), waiting=waiting, sheaths_mm={}, lines={},
    )  # fmt: skip


def test_a_sheet_is_closed_and_as_heavy_as_its_area_and_thickness_say(case):
    nodes, fabric = case.lattice.nodes, case.lattice.fabric
    sheet = thick_sheet(nodes, fabric, thickness=0.1, material="ePTFE")
    corner = nodes[fabric]
    area = 0.5 * np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1).sum()
    assert len(unmatched_edges(sheet.triangles)) == 0
    assert sheet.volume_mm3 == pytest.approx(0.1 * area, rel=0.1)


def test_fabric_of_the_stents_that_are_there_is_in_the_beam(case):
    beam = RehearsalInBeam(case)
    before, after = beam.contents(frame_of(case, "stent 2")), beam.contents(frame_of(case))
    told = [[one.material for one in contents.surfaces] for contents in (before, after)]
    assert told == [["ePTFE"], ["ePTFE", "ePTFE"]]
    # Shaft and markers are those of the balloon that is in the vessel.
    markers = [np.concatenate([one.nodes for one in each.cylinders if one.material == "platinum"]) for each in (before, after)]
    assert markers[1][:, 2].mean() - markers[0][:, 2].mean() == pytest.approx(13.0, abs=0.2)
    assert find_material("fabric").name == "ePTFE" and find_material("ePTFE").density == 1.0


def test_fabric_is_drawn_on_the_stage_with_its_stent(case):
    with offscreen_plotter(64, 64) as plotter:
        stage = Stage(plotter, case)
        for waiting, seen in ((("stent 2",), ["stent"]), ((), ["stent", "stent 2"])):
            frame = frame_of(case, *waiting)
            frame.stress = np.zeros(len(case.mesh.tets))
            stage.show(frame)
            assert [name for name in ("stent", "stent 2") if stage._actors[f"{name} fabric"].GetVisibility()] == seen


def test_fabric_is_a_line_in_slices(case):
    shapes, at = Shapes(case), 25.3
    middle = case.path.at(at)[0]
    plane = plane_at("axial", middle, case.path.at(at)[1])
    lots = [lines for lines, colour in shapes.lines(frame_of(case, "stent 2"), plane) if colour == FABRIC]
    assert len(lots) == 1
    radius = np.hypot(*(lots[0].reshape(-1, 2) - plane.flat(middle[None])).T)
    assert len(lots[0]) >= 2 * case.stent.crowns and radius.max() < 0.5 * case.stent.crimped_bore_mm + 0.3
