"""Films: what is written can be read again, with its pictures, its pace and its words."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from meshing.errors import InputError
from scenarios.recording import load_recording
from tests.viewer.room.quick import quick_session
from viewer.cli import app
from viewer.film import can_film, write_film
from viewer.room.bus import Bus, Event
from viewer.room.filming import FRAMES_PER_S, LAST_S
from viewer.room.session import run_headless

needs_video = pytest.mark.skipif(not can_film(), reason="the extra `video` is not installed")


def read(path: Path) -> tuple[dict, list[np.ndarray]]:
    """What a film says of itself, and its pictures."""
    import imageio_ffmpeg

    frames = imageio_ffmpeg.read_frames(str(path))
    about = next(frames)
    width, height = about["size"]
    return about, [np.frombuffer(one, np.uint8).reshape(height, width, 3) for one in frames]


@needs_video
def test_pictures_come_again_in_their_order_and_at_their_pace(tmp_path):
    shades = [np.full((65, 98), 20 * number + 10, np.uint8) for number in range(12)]
    about, pictures = read(write_film(shades, tmp_path / "one.mp4", frames_per_s=15.0, words="A ramp."))
    assert about["size"] == (98, 64) and about["fps"] == 15.0 and about["codec"] == "h264" and len(pictures) == 12
    assert [float(one.mean()) for one in pictures] == pytest.approx([20 * number + 10 for number in range(12)], abs=3.0)
    assert b"Not for clinical decisions" in (tmp_path / "one.mp4").read_bytes()


@needs_video
def test_what_cannot_be_written_is_told(tmp_path):
    with pytest.raises(InputError, match="There is no picture"):
        write_film([], tmp_path / "one.mp4", frames_per_s=15.0, words="")
    with pytest.raises(InputError, match="cannot be written"):
        write_film([np.zeros((64, 64), np.uint8)], tmp_path / "nowhere" / "one.mp4", frames_per_s=15.0, words="")


def test_without_the_extra_the_way_to_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("viewer.film.can_film", lambda: False)
    with pytest.raises(InputError, match=r"pip install 'vesalius\[video\]'"):
        write_film([np.zeros((64, 64), np.uint8)], tmp_path / "one.mp4", frames_per_s=15.0, words="")


@needs_video
def test_two_recordings_become_one_film(kept, tmp_path):
    done = (Event(0.0, "script", "inflate", True),)
    for name, events in (("mine", done), ("other", ())):
        run_headless(quick_session(kept, tmp_path / name, bus=Bus(events)), until_s=0.4)
    words = ["review", str(tmp_path / "mine"), "--against", str(tmp_path / "other"), "-o", str(tmp_path / "film.mp4")]
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 0, answer.output
    about, pictures = read(tmp_path / "film.mp4")
    end_s = load_recording(tmp_path / "mine").ticks[-1]["time_s"] + LAST_S
    assert about["size"] == (1280, 720) and len(pictures) == round(end_s * FRAMES_PER_S)
    first, last = pictures[0].astype(int), pictures[-1].astype(int)
    for half in (slice(0, 640), slice(640, 1280)):
        assert ((first[:, half, 0] - first[:, half, 2]) > 50).mean() > 0.02, "the vessel is to be seen"
    # At the foot of each picture stand the limits of use.
    assert (last[690:710, 10:400].max(axis=-1) > 150).mean() > 0.02
    refused = CliRunner().invoke(app, [*words[:-1], str(tmp_path / "film.avi")])
    assert refused.exit_code == 2 and "neither in .html" in refused.output
