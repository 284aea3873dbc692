"""Slices: where planes lie and what their letters say, what is cut by formula, what lies behind, and the sheet."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from meshing.errors import InputError
from meshing.images import Image, read_image
from meshing.labels import LabelMap
from scenarios.balloon_shape import BalloonShape
from tests.scenarios.small_case import HEALTHY_MM, NARROWEST_MM, small_case
from tests.scenarios.test_passage import small_passage
from viewer.bars import bars_of
from viewer.cli import app
from viewer.slices.cuts import crossed, cut
from viewer.slices.deck import Deck
from viewer.slices.planes import NAMES, letters, place_words, plane_at
from viewer.slices.volumes import CT_WINDOW, Volume, volume_of_source


@pytest.fixture(scope="module")
def case():
    return small_case()


def moment(case, *, grown=1.0, balloon_mm=0.0):
    """The case with vessel and stent grown about its axis."""
    wider = np.array([grown, grown, 1.0])
    return SimpleNamespace(
        vertices=case.mesh.vertices * wider, device=np.asarray(case.lattice.nodes) * wider,
        balloon=BalloonShape(case.balloon_axis, np.full(len(case.balloon_axis), balloon_mm)),
    )  # fmt: skip


def test_planes_hang_as_radiologists_hang_them():
    at = np.array([10.0, -20.0, 30.0])
    edges = {}
    for name in NAMES[:3]:
        plane = plane_at(name, at, np.array([0.0, 0.0, 1.0]))
        edges[name] = "".join(letters(way) for way in (-plane.right, plane.right, -plane.down, plane.down))
        assert np.allclose(plane.flat(at), 0.0)
    assert edges == {"axial": "RLAP", "sagittal": "APSI", "coronal": "RLSI"}
    words = {name: place_words(plane_at(name, at, np.array([0.0, 0.0, 1.0])), None) for name in NAMES[:3]}
    assert words == {"axial": "S 30.0 mm", "sagittal": "L 10.0 mm", "coronal": "A 20.0 mm"}


@pytest.mark.parametrize("along", [(0.0, 0.0, 1.0), (0.0, 0.0, -1.0), (0.6, 0.0, 0.8), (1.0, 0.0, 0.0), (0.0, 1.0, 0.2)])
def test_the_plane_across_is_square_to_the_vessel(along):
    along = np.array(along) / np.linalg.norm(along)
    plane = plane_at("across", np.zeros(3), along)
    assert abs(plane.normal @ along) == pytest.approx(1.0)
    assert abs(plane.right @ plane.down) < 1e-12
    assert plane.shifted(2.0).centre == pytest.approx(2.0 * plane.normal)


def test_a_direction_that_slants_bears_two_letters():
    assert letters(np.array([0.8, 0.1, -0.6])) == "LI" and letters(np.array([0.05, -1.0, 0.1])) == "A"


def test_the_lumen_is_cut_where_it_lies(case):
    """A tube of known bore: every point of the outline is as far from the axis as the bore says, also once it has grown."""
    for station, bore in ((2.0, HEALTHY_MM), (12.0, NARROWEST_MM)):
        plane = plane_at("across", np.array([0.0, 0.0, station + 1e-3]), np.array([0.0, 0.0, 1.0]))
        for grown in (1.0, 1.25):
            lines = cut(moment(case, grown=grown).vertices, case.mesh.face_sets["lumen"], plane)
            radius = np.linalg.norm(lines, axis=-1)
            assert len(lines) >= 16
            assert radius.max() == pytest.approx(grown * bore, rel=0.02) and radius.min() > 0.96 * grown * bore
            # The lines close: every end is the end of two.
            _, counts = np.unique(np.round(lines.reshape(-1, 2), 6), axis=0, return_counts=True)
            assert set(counts) == {2}


def test_bars_are_met_where_they_pass_through():
    nodes = np.array([[0.0, 0.0, -1.0], [0.0, 2.0, 1.0], [5.0, 5.0, 5.0]])
    plane = plane_at("axial", np.zeros(3), np.array([0.0, 0.0, 1.0]))
    assert crossed(nodes, np.array([[0, 1], [1, 2]]), plane) == pytest.approx(np.array([[0.0, 1.0]]))


def box(values: np.ndarray, **what) -> Image:
    """An image of 1 mm voxels whose first lies at −10, −10, −10."""
    affine = np.eye(4)
    affine[:3, 3] = -10.0
    return Image(values, affine, "box", **what)


def test_what_lies_behind_is_where_the_patient_has_it():
    values = np.full((21, 21, 41), -1000.0, np.float32)
    values[13, 10, 20] = 1000.0
    volume = Volume(box(values), np.array([[0.0, 0.0, 10.0]]))
    assert f"{CT_WINDOW[0]:.0f}" in volume.source
    # Half a millimetre a pixel, the middle pixel at the origin of the plane z = 10.
    seen = volume.seen(np.array([-5.0, -5.0, 10.0]), np.array([0.5, 0.0, 0.0]), np.array([0.0, 0.5, 0.0]), 21)
    assert np.unravel_index(seen[..., 0].argmax(), seen.shape[:2]) == (10, 16) and seen[0, 0].tolist() == [0, 0, 0]
    labels = LabelMap(
        (values > 0).astype(np.uint8) * 3, box(values).affine, {3: "calcified plaque"}, {}, "labels"
    )  # fmt: skip
    seen = Volume(labels, np.array([[0.0, 0.0, 10.0]])).seen(
        np.array([-5.0, -5.0, 10.0]), np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]), 11
    )
    assert np.argwhere(seen.any(axis=-1)).tolist() == [[5, 8]]


def test_an_image_elsewhere_is_refused():
    with pytest.raises(InputError, match="does not lie in box"):
        Volume(box(np.zeros((5, 5, 5), np.float32)), np.array([[500.0, 0.0, 0.0]]))


def test_a_grey_image_is_read_with_its_place(tmp_path):
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    image.SetSpacing((0.5, 0.6, 2.0))
    image.SetOrigin((1.0, 2.0, 3.0))
    for name in ("one.nii.gz", "one.mha", "one.nrrd"):
        sitk.WriteImage(image, str(tmp_path / name))
        read = read_image(tmp_path / name)
        assert read.values.shape == (5, 4, 3) and read.values[4, 3, 2] == 59
        assert read.affine @ [4, 3, 2, 1] == pytest.approx([3.0, 3.8, 7.0, 1.0], abs=1e-5)
    with pytest.raises(InputError, match=r"ends in \"\.txt\""):
        read_image(_written(tmp_path / "one.txt"))


def _written(path: Path) -> Path:
    path.write_text("no image")
    return path


def test_a_surface_has_nothing_behind_it():
    assert volume_of_source("vessel.stl", np.zeros((1, 3))) is None


def test_slices_follow_the_stent_scroll_and_come_back(case):
    deck, now = Deck(case), moment(case)
    assert deck.place(now) == pytest.approx(case.station_mm, abs=0.3)
    later = moment(case)
    later.device = later.device + np.array([0.0, 0.0, 3.0])
    assert deck.place(later) == pytest.approx(case.station_mm + 3.0, abs=0.3)
    deck.scroll(-4.0, now)
    assert deck.place(later) == pytest.approx(deck.place(now)) == pytest.approx(case.station_mm - 4.0, abs=0.3)
    deck.scroll_one("sagittal", 1.5, now)
    assert deck.plane("sagittal", now).centre[0] == pytest.approx(-1.5)
    assert deck.plane("coronal", now).centre[1] == pytest.approx(0.0)
    deck.follow()
    assert deck.place(later) == pytest.approx(case.station_mm + 3.0, abs=0.3)
    deck.scroll(1e6, now)
    assert deck.place(now) == case.path.length


def test_pictures_change_with_what_they_show_and_only_then(case):
    deck, now = Deck(case), moment(case)
    first = deck.picture("across", now, 160)
    assert first.shape == (160, 160, 3) and deck.picture("across", now, 160) is first
    wider = deck.picture("across", moment(case, grown=1.3), 160)
    assert np.abs(wider.astype(int) - first).mean() > 1.0
    blown = deck.picture("across", moment(case, balloon_mm=1.0), 160)
    blue = (blown[..., 2].astype(int) - blown[..., 0]) > 60
    assert blue.any() and not ((first[..., 2].astype(int) - first[..., 0]) > 60).any()
    deck.zoom(0.5)
    assert np.abs(deck.picture("across", now, 160).astype(int) - first).mean() > 1.0


def test_the_outline_in_the_picture_is_as_wide_as_the_scale_says(case):
    deck, now = Deck(case), moment(case)
    deck.put(2.0)
    deck.zoom(10.0 / deck.field_mm)
    deck.zoom(20.0 / deck.field_mm)
    picture = deck.picture("across", now, 400).astype(int)
    red = (picture[..., 0] - picture[..., 2]) > 100
    columns = np.flatnonzero(red[190:210].any(axis=0))
    assert np.ptp(columns) * deck.field_mm / 400 == pytest.approx(2.0 * HEALTHY_MM, abs=0.3)


def test_the_wires_of_a_passage_are_followed_at_their_foremost_point():
    passage = small_passage()
    body = passage.device_body()
    nodes = 1e3 * np.asarray(body.pose.position)
    now = SimpleNamespace(vertices=passage.mesh.vertices, device=nodes, balloon=BalloonShape.folded(np.zeros((0, 3))))
    (wire,) = bars_of(passage)
    assert wire.name == "wire" and wire.radius_mm == pytest.approx(0.5 * 0.889, abs=0.01) and len(wire.pairs) > 10
    deck = Deck(passage)
    assert 0.0 < deck.place(now) < 10.0
    assert deck.picture("sagittal", now, 160).max() > 200


def test_a_wire_in_the_plane_is_drawn_along_it():
    passage = small_passage()
    nodes = 1e3 * np.asarray(passage.device_body().pose.position)
    nodes = nodes + np.array([0.0, 0.0, 15.0]) - np.array([0.0, 0.0, nodes[:, 2].max() - 2.0])
    now = SimpleNamespace(vertices=passage.mesh.vertices, device=nodes, balloon=BalloonShape.folded(np.zeros((0, 3))))
    deck = Deck(passage)
    deck.put(10.0)
    picture = deck.picture("sagittal", now, 200).astype(int)
    light = picture.min(axis=-1) > 200
    across = np.flatnonzero(light[150, 60:140])
    assert np.ptp(across) * deck.field_mm / 200 == pytest.approx(0.889, abs=0.25)


def test_the_command_draws_a_sheet_that_says_what_it_is_not_for(tmp_path, short_run):
    from PIL import Image as Picture

    answer = CliRunner().invoke(app, ["slices", str(short_run), "-o", str(tmp_path / "one.png"), "--at", "5"])
    assert answer.exit_code == 0, answer.output
    with Picture.open(tmp_path / "one.png") as picture:
        assert "Not for clinical decisions" in picture.info["Comment"] and min(picture.size) > 1000
    refused = CliRunner().invoke(app, ["slices", str(short_run), "-o", str(tmp_path / "one.jpg")])
    assert refused.exit_code == 2 and "does not end in .png" in refused.output


@pytest.fixture(scope="module")
def short_run(kept, tmp_path_factory):
    """A recording of four ticks."""
    from tests.viewer.room.quick import quick_session
    from viewer.room.session import run_headless

    folder = tmp_path_factory.mktemp("run")
    run_headless(quick_session(kept, folder), until_s=0.2)
    return folder


def test_a_stored_case_brings_its_label_map():
    from meshing.labels import read_labels
    from scenarios.stored_cases import find_case

    held = read_labels(find_case("iliac").labels)
    inside = np.argwhere(held.voxels > 0)[:1] @ held.affine[:3, :3].T + held.affine[:3, 3]
    volume = volume_of_source("iliac", inside)
    assert volume is not None and "labels.nii.gz" in volume.source
