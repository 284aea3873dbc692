"""A review as a film: one or two recordings in step, at the pace of simulated time."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from meshing.errors import InputError
from scenarios.limits import LIMITS_OF_USE
from viewer.film import write_film
from viewer.offscreen import offscreen_plotter
from viewer.room import theme
from viewer.room.courses import courses_of
from viewer.room.held import Held
from viewer.room.stage import Stage
from viewer.slices.drawing import font

FRAMES_PER_S = 25.0
HEIGHT = 720
WIDTHS = {1: 1280, 2: 640}
"""Pixels of one side's picture, by how many there are."""

LAST_S = 1.0
"""How long the last picture stays [s]."""


def write_review(recordings: list[Held], path: Path, *, progress: Callable[[float, str], None] | None = None) -> Path:
    """Write one recording, or two beside each other, as an MP4.

    Raises
    ------
    InputError
        If one holds no state that can be shown, the extra is not installed, or the file cannot be written.
    """
    empty = next((one for one in recordings if one.recording is None or not one.readable), None)
    if empty is not None:
        raise InputError(f"The recording in {empty.folder} holds no state that can be shown: {' '.join(empty.missing)}")
    names = " against ".join(f"{one.name} ({one.folder.name})" for one in recordings)
    return write_film(_pictures(recordings, progress), path, frames_per_s=FRAMES_PER_S, words=f"Simulated: {names}.")


def _pictures(recordings: list[Held], progress: Callable[[float, str], None] | None) -> Iterator[np.ndarray]:
    """The film's pictures, shape (720, 1280, 3), uint8."""
    end_s = max(one.end_s for one in recordings) + LAST_S
    count = max(round(end_s * FRAMES_PER_S), 1)
    sides = [_side(one, letter, WIDTHS[len(recordings)]) for one, letter in zip(recordings, "AB", strict=False)]
    for side in sides:
        next(side)
    for number in range(count):
        if progress is not None:
            progress(number / count, "film")
        yield np.concatenate([side.send(number / FRAMES_PER_S) for side in sides], axis=1)


def _side(held: Held, letter: str, width: int) -> Any:
    """One recording's pictures: given a time [s], gives the picture then; drawn anew only where another state is shown."""
    shown: int | None = None
    courses = courses_of(held)
    drawn = np.zeros((HEIGHT, width, 3), np.uint8)
    with offscreen_plotter(width, HEIGHT) as plotter:
        plotter.disable_anti_aliasing()
        stage = Stage(plotter, held.recording.case)
        stage.text_scale = 1.2
        while True:
            time_s = yield drawn
            number = held.number_at(time_s)
            if number is not None and number != shown:
                shown = number
                frame = held.recording.frame(number)
                stage.show(frame)
                plotter.render()
                picture = np.asarray(plotter.screenshot(None, return_img=True))[..., :3]
                figures = courses.words_at(frame.time_s).replace("; ", "\n")
                words = ", ".join(part for part in (frame.phase, f"{frame.time_s:.2f} s") if part) + f"\n{figures}"
                drawn = written_upon(picture, held, letter, words)


def written_upon(picture: np.ndarray, held: Held, letter: str, words: str) -> np.ndarray:
    """Name, moment and limits of use on a picture (h, w, 3)."""
    from PIL import Image, ImageDraw

    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    halo = {"stroke_width": 2, "stroke_fill": theme.STAGE}
    draw.text((16, 14), f"{letter}: {held.name} ({held.folder.name})", font=font(22), fill=theme.INK, **halo)
    draw.text((16, 44), words, font=font(18), fill=theme.INK, **halo)
    draw.text((16, image.height - 14), f"Simulated. {LIMITS_OF_USE}", font=font(18), fill=theme.WARN, anchor="lb", **halo)
    return np.asarray(image)
