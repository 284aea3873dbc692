"""A recording shown again: which sampled state, how the vessel is drawn, and what stands beside it. Needs no solver."""

from typing import Any

import numpy as np

from meshing.errors import InputError
from scenarios.limits import LIMITS_OF_USE
from viewer import palette
from viewer.phases import opening_words
from viewer.scene import COLOURS, Scene

BAR_TITLES = {"stress": "stress [kPa]", "diameter": "diameter [mm]"}


class Playback:
    """A recording in a plotter, at one of its sampled states."""

    def __init__(self, plotter: Any, recording: Any, *, colour: str = "tissue") -> None:
        """Open a recording in a plotter; nothing is drawn before `show`.

        Raises:
            InputError: the recording has no sampled state, or there is no such colour.
        """
        self.plotter = plotter
        self.recording = recording
        self.times = frame_times(recording)
        self.number = len(self.times) - 1
        self.scene = self._new_scene(colour=colour, cut_open=True)
        self._placed = False

    def show(self, number: int) -> None:
        """Show the sampled state of this number."""
        self.number = number
        frame = self.recording.frame(number)
        self.scene.set_frame(frame)
        words = f"{self.recording.case.name}\n{frame.phase}, {frame.time_s:.3f} s, {opening_words(self.recording.case, frame)}"
        self.plotter.add_text(words, position=(0.02, 0.93), viewport=True, font_size=11, color=palette.INK, name="state")
        if not self._placed:
            self.scene.look_into()
            self._write_edges()
            self._placed = True
        self.plotter.render()

    def show_time(self, time_s: float | None) -> None:
        """Show the sampled state nearest to a time [s]; the last without one."""
        self.show(len(self.times) - 1 if time_s is None else int(np.argmin(np.abs(self.times - time_s))))

    def open_or_close(self) -> None:
        """Cut the vessel open, or show it whole."""
        self._change(colour=self.scene.colour, cut_open=not self.scene.cut_open)

    def next_colour(self) -> None:
        """Let the vessel's colour tell the next thing."""
        colour = COLOURS[(COLOURS.index(self.scene.colour) + 1) % len(COLOURS)]
        self._change(colour=colour, cut_open=self.scene.cut_open)

    def _change(self, **look: Any) -> None:
        self.scene.remove()
        if self.scene.colour in BAR_TITLES:
            self.plotter.remove_scalar_bar()
        self.scene = self._new_scene(**look)
        self.show(self.number)
        self._write_edges()
        self.plotter.render()

    def _new_scene(self, *, colour: str, cut_open: bool) -> Scene:
        ranges = {"diameter": self._diameter_range, "stress": self._stress_range}
        value_range = ranges[colour]() if colour in ranges else None
        return Scene(self.plotter, self.recording.case, colour=colour, cut_open=cut_open, value_range=value_range)

    def _diameter_range(self) -> tuple[float, float]:
        return 0.0, 2.5 * float(np.max(self.recording.case.path.radii))

    def _stress_range(self) -> tuple[float, float]:
        last = self.recording.frame(len(self.times) - 1)
        return 0.0, max(float(np.percentile(last.stress, 99)), 1.0)

    def _write_edges(self) -> None:
        """Write the limits of use and, where the colours are values, their scale."""
        small = {"font_size": 8, "color": palette.FAINT_INK, "name": "limits"}
        self.plotter.add_text(LIMITS_OF_USE, position=(0.02, 0.015), viewport=True, **small)
        if self.scene.colour in BAR_TITLES:
            place = {"vertical": True, "position_x": 0.86, "position_y": 0.3}
            look = {"color": palette.INK, "n_labels": 5, "fmt": "%.3g", "title_font_size": 18, "label_font_size": 16}
            self.plotter.add_scalar_bar(title=BAR_TITLES[self.scene.colour] + "\n", mapper=self.scene.mapper(), **place, **look)


def frame_nearest(recording: Any, time_s: float | None) -> Any:
    """Give the sampled state nearest to a time [s]; the last without one.

    Raises:
        InputError: there is none.
    """
    times = frame_times(recording)
    return recording.frame(len(times) - 1 if time_s is None else int(np.argmin(np.abs(times - time_s))))


def frame_times(recording: Any) -> np.ndarray:
    """Give the time of every sampled state [s].

    Raises:
        InputError: there is none.
    """
    if not recording.frame_ticks:
        raise InputError(f"The recording in {recording.folder} has no sampled state to show; it stopped before its first.")
    by_tick = {entry["tick"]: entry["time_s"] for entry in recording.ticks}
    return np.array(
        [by_tick[tick] if tick in by_tick else recording.frame(n).time_s for n, tick in enumerate(recording.frame_ticks)]
    )
