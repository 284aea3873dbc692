"""The window: its slider, its keys, and what is said where there is no display."""

import pytest

from meshing.errors import InputError
from tests.viewer.made_up import made_up_recording
from viewer.offscreen import offscreen_plotter
from viewer.playback import Playback, frame_times
from viewer.window import display_is_there, furnish, open_window


def test_without_a_display_the_way_to_a_picture_is_told(recording, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert not display_is_there()
    with pytest.raises(InputError, match=r"vesalius view .* --screenshot picture\.png"):
        open_window(recording)


def test_time_chooses_the_nearest_sampled_state(recording):
    with offscreen_plotter(120, 100) as plotter:
        playback = Playback(plotter, recording)
        playback.show_time(0.31)
        assert playback.number == 3
        playback.show_time(None)
        assert playback.number == 5


def test_keys_and_slider_change_what_is_seen(recording):
    with offscreen_plotter(200, 160) as plotter:
        playback = Playback(plotter, recording)
        playback.show_time(None)
        furnish(plotter, playback)
        assert len(plotter.widgets.slider_widgets) == 1
        seen = []
        for change in (playback.open_or_close, playback.next_colour, playback.next_colour, playback.next_colour):
            change()
            seen.append((playback.scene.cut_open, playback.scene.colour))
        assert seen == [(False, "tissue"), (False, "diameter"), (False, "stress"), (False, "tissue")]


def test_a_recording_without_states_is_told(tmp_path):
    empty = made_up_recording(tmp_path)
    empty.frame_ticks = []
    with pytest.raises(InputError, match="no sampled state"):
        frame_times(empty)
