"""The window of a rehearsal: orbit with the mouse, scrub through time with the slider; or one picture without a display."""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from meshing.errors import InputError
from scenarios.limits import LIMITS_OF_USE
from viewer import palette
from viewer.offscreen import offscreen_plotter
from viewer.scene import Scene

PICTURE_SIZE = (1200, 1000)


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
    show = furnish(plotter, recording, colour=colour)
    times = frame_times(recording)
    begin = nearest_frame(times, time_s)
    show(begin)
    if len(times) > 1:
        plotter.add_slider_widget(
            lambda value: show(nearest_frame(times, value)),
            rng=(float(times[0]), float(times[-1])),
            value=float(times[begin]),
            title="time [s]",
            pointa=(0.25, 0.08),
            pointb=(0.75, 0.08),
            color=palette.INK,
            style="modern",
            interaction_event="always",
        )
    plotter.show()


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
        show = furnish(plotter, recording, colour=colour)
        show(nearest_frame(frame_times(recording), time_s))
        try:
            plotter.screenshot(path)
        except OSError as error:
            raise InputError(f"The picture {path} cannot be written ({error.strerror}).") from error


def furnish(plotter: Any, recording: Any, *, colour: str) -> Any:
    """Put a rehearsal's scene and words into a plotter, and give the function that shows a sampled state by its number."""
    case = recording.case
    value_range = None if colour == "tissue" else _value_range(recording, colour)
    scene = Scene(plotter, case, colour=colour, value_range=value_range)
    placed = False

    def show(number: int) -> None:
        nonlocal placed
        frame = recording.frame(number)
        scene.set_frame(frame)
        words = f"{case.name}\n{frame.phase}, {frame.time_s:.3f} s, balloon at {frame.balloon_pressure_atm:.1f} atm"
        plotter.add_text(words, position=(0.02, 0.93), viewport=True, font_size=11, color=palette.INK, name="state")
        if not placed:
            scene.look_into()
            _write_edges(plotter, scene)
            placed = True
        plotter.render()

    return show


def _write_edges(plotter: Any, scene: Scene) -> None:
    """Write the limits of use and, where the colours are values, their scale."""
    small = {"font_size": 8, "color": palette.FAINT_INK, "name": "limits"}
    plotter.add_text(LIMITS_OF_USE, position=(0.02, 0.015), viewport=True, **small)
    titles = {"stress": "stress [kPa]", "diameter": "diameter [mm]"}
    if scene.colour in titles:
        place = {"vertical": True, "position_x": 0.86, "position_y": 0.3}
        look = {"color": palette.INK, "n_labels": 5, "fmt": "%.3g", "title_font_size": 18, "label_font_size": 16}
        plotter.add_scalar_bar(title=titles[scene.colour] + "\n", mapper=scene.mapper(), **place, **look)


def frame_times(recording: Any) -> np.ndarray:
    """Give the time of every sampled state [s].

    Raises:
        InputError: there is none.
    """
    count = len(recording.frame_ticks)
    if not count:
        raise InputError(f"The recording in {recording.folder} has no sampled state to show; it stopped before its first.")
    by_tick = {entry["tick"]: entry["time_s"] for entry in recording.ticks}
    return np.array(
        [by_tick[tick] if tick in by_tick else recording.frame(n).time_s for n, tick in enumerate(recording.frame_ticks)]
    )


def nearest_frame(times: np.ndarray, time_s: float | None) -> int:
    """Give the number of the sampled state nearest to a time [s]; the last without one."""
    return len(times) - 1 if time_s is None else int(np.argmin(np.abs(times - time_s)))


def display_is_there() -> bool:
    """Tell whether a window could open: always on Windows and macOS, with an X or Wayland display elsewhere."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _value_range(recording: Any, colour: str) -> tuple[float, float]:
    if colour == "diameter":
        return 0.0, 2.5 * float(np.max(recording.case.path.radii))
    last = recording.frame(len(recording.frame_ticks) - 1)
    return 0.0, max(float(np.percentile(last.stress, 99)), 1.0)
