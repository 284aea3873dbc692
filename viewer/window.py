"""The window of a rehearsal: orbit with the mouse, scrub through time with the slider; or one picture without a display."""

import os
import sys
from pathlib import Path
from typing import Any

from meshing.errors import InputError
from scenarios.limits import LIMITS_OF_USE
from viewer import palette
from viewer.offscreen import offscreen_plotter
from viewer.playback import Playback

PICTURE_SIZE = (1200, 1000)
KEYS = "o: open or close the vessel    c: next colour    left, right: step    q: quit"


def open_window(recording: Any, *, time_s: float | None = None, colour: str = "tissue") -> None:
    """Open a window on a recording and stay until it is closed.

    Raises:
        InputError: there is no display, or the recording has no sampled state.
    """
    if not display_is_there():
        raise InputError(
            "There is no display to open a window on; make a picture with: "
            f"vesalius view {recording.folder} --screenshot picture.png"
        )
    import pyvista

    plotter = pyvista.Plotter(window_size=list(PICTURE_SIZE), lighting="light kit", title=f"Vesalius – {LIMITS_OF_USE}")
    playback = Playback(plotter, recording, colour=colour)
    playback.show_time(time_s)
    furnish(plotter, playback)
    plotter.show()


def furnish(plotter: Any, playback: Playback) -> None:
    """Give a window its slider and its keys."""
    times = playback.times
    # Room for the slider below the vessel.
    plotter.camera.parallel_scale *= 1.25
    plotter.add_text(KEYS, position=(0.43, 0.015), viewport=True, font_size=8, color=palette.FAINT_INK, name="keys")
    plotter.add_key_event("o", playback.open_or_close)
    plotter.add_key_event("c", playback.next_colour)
    if len(times) < 2:
        return
    slider = plotter.add_slider_widget(
        playback.show_time,
        rng=(float(times[0]), float(times[-1])),
        value=float(times[playback.number]),
        title="",
        title_height=0.018,
        tube_width=0.004,
        slider_width=0.014,
        pointa=(0.2, 0.07),
        pointb=(0.8, 0.07),
        color=palette.INK,
        style="modern",
        fmt="%.2f s",
        interaction_event="always",
    )

    def step(by: int) -> None:
        playback.show(min(max(playback.number + by, 0), len(times) - 1))
        slider.GetRepresentation().SetValue(float(times[playback.number]))
        plotter.render()

    plotter.add_key_event("Left", lambda: step(-1))
    plotter.add_key_event("Right", lambda: step(1))


def write_screenshot(recording: Any, path: Path, *, time_s: float | None = None, colour: str = "tissue") -> None:
    """Draw one moment of a recording to a PNG, without a display.

    Raises:
        InputError: the file cannot be written, its name does not end in .png, or the recording has no sampled state.
    """
    if path.suffix.lower() != ".png":
        raise InputError(f"The picture {path} has to be a .png file.")
    if not path.parent.is_dir():
        raise InputError(f"There is no folder {path.parent} to write {path.name} to.")
    with offscreen_plotter(*PICTURE_SIZE) as plotter:
        Playback(plotter, recording, colour=colour).show_time(time_s)
        try:
            plotter.screenshot(path)
        except OSError as error:
            raise InputError(f"The picture {path} cannot be written ({error.strerror}).") from error


def display_is_there() -> bool:
    """Tell whether a window could open: always on Windows and macOS, with an X or Wayland display elsewhere."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
