"""Pictures show what they should, without a display."""

import numpy as np
import pytest

from meshing.errors import InputError
from viewer import palette
from viewer.figures import _rounded_up, lumen_figure, write_pictures
from viewer.offscreen import offscreen_plotter
from viewer.scene import Scene
from viewer.stills import still
from viewer.window import write_screenshot


def share_of(image: np.ndarray, colour: str) -> float:
    """Give the share of a picture's pixels within a small distance of a colour."""
    from matplotlib.colors import to_rgb

    wanted = 255 * np.array(to_rgb(colour))
    return float((np.abs(image.astype(float) - wanted).max(axis=-1) < 12).mean())


def test_the_cut_shows_every_tissue_in_its_own_colour(recording):
    picture = still(recording.case, recording.frame(0))
    for colour in palette.TISSUES.values():
        assert share_of(picture.image, colour) > 0.004
    assert share_of(picture.image, palette.BACKGROUND) > 0.1


def test_a_still_is_to_scale(recording):
    picture = still(recording.case, recording.frame(0), with_device=False)
    level = picture.image[4]
    width_mm = (np.abs(level.astype(int) - 255).max(axis=1) > 20).sum() * picture.mm_per_pixel
    assert width_mm == pytest.approx(10.0, rel=0.04)


def test_the_balloon_shows_only_while_it_is_inflated(recording):
    folded, inflated = (still(recording.case, recording.frame(number)).image.astype(int) for number in (0, 3))

    def blue(image):
        return ((image[..., 2] - image[..., 0]) > 25).mean()

    assert blue(folded) < 0.005
    assert blue(inflated) > 0.05


def test_a_scene_moves_on_in_the_same_plotter(recording):
    with offscreen_plotter(300, 300) as plotter:
        scene = Scene(plotter, recording.case)
        scene.set_frame(recording.frame(0))
        scene.look_into()
        first = np.array(plotter.screenshot(return_img=True))
        count = len(plotter.actors)
        scene.set_frame(recording.frame(3))
        plotter.render()
        second = np.array(plotter.screenshot(return_img=True))
        scene.set_frame(recording.frame(0))
        plotter.render()
        third = np.array(plotter.screenshot(return_img=True))
        assert len(plotter.actors) <= count + 1
    assert (first != second).any(axis=-1).mean() > 0.02
    assert (first != third).any(axis=-1).mean() < 0.001


@pytest.mark.parametrize("look", [{"colour": "diameter"}, {"colour": "stress", "cut_open": False}, {"from_outside": True}])
def test_every_way_to_look_draws_something(recording, look):
    with offscreen_plotter(200, 200) as plotter:
        scene = Scene(plotter, recording.case, **look)
        scene.set_frame(recording.frame(3))
        scene.look_at_whole()
        image = np.array(plotter.screenshot(return_img=True))
    assert share_of(image, palette.BACKGROUND) < 0.95


def test_an_unknown_colour_is_told(recording):
    with offscreen_plotter(64, 64) as plotter, pytest.raises(InputError, match="no colour 'mauve'"):
        Scene(plotter, recording.case, colour="mauve")


@pytest.mark.usefixtures("small_pictures")
def test_all_pictures_of_a_rehearsal_are_written(recording, outcome, tmp_path):
    told = []
    paths = write_pictures(recording, outcome, tmp_path / "pictures", progress=lambda fraction, text: told.append(fraction))
    assert set(paths) == {"before", "inflated", "after", "rehearsal", "stress", "overview", "lumen"}
    assert all(path.stat().st_size > 10_000 for path in paths.values())
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_the_plot_shades_the_stent_and_draws_three_moments(outcome):
    above, below = lumen_figure(outcome.profiles, stents=[(20.0, 44.0)]).axes
    assert [line.get_label() for line in above.lines] == ["before", "inflated", "after"]
    assert len(below.lines) == 6
    assert above.patches[0].get_x() == pytest.approx(20.0)
    assert above.patches[0].get_width() == pytest.approx(24.0)


@pytest.mark.parametrize(("value", "rounded"), [(0.0, 1.0), (0.9, 1.0), (1.2, 1.5), (201.0, 300.0), (200.0, 200.0), (7.5e3, 8e3)])
def test_scales_end_at_a_round_number(value, rounded):
    assert _rounded_up(value) == pytest.approx(rounded)


def test_a_screenshot_needs_no_display(recording, tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    write_screenshot(recording, tmp_path / "picture.png", time_s=0.31, colour="stress")
    assert (tmp_path / "picture.png").stat().st_size > 10_000


@pytest.mark.parametrize(("name", "words"), [("picture.jpg", "has to be a .png"), ("no/such/picture.png", "There is no folder")])
def test_a_screenshot_that_cannot_be_written_is_told(recording, tmp_path, name, words):
    with pytest.raises(InputError, match=words):
        write_screenshot(recording, tmp_path / name)
