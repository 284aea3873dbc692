"""Stills and plots for reports and papers: the vessel before, opened and after, its wall stress, its lumen."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.limits import LIMITS_OF_USE
from scenarios.measures.several import extents_of
from viewer import palette
from viewer.bars import bars_of
from viewer.headline import find_measure
from viewer.passage_pictures import handling_figure
from viewer.phases import file_word, kept_frames
from viewer.stills import Still, still

DOTS_PER_INCH = 150
PANEL_INCHES = 6.6
SCALE_BARS_MM = (1, 2, 5, 10, 20, 50, 100)


def write_pictures(
    recording: Any, outcome: Any, folder: Path, *, progress: Callable[[float, str], None] | None = None
) -> dict[str, Path]:
    """Draw every picture of a rehearsal into a folder, and give their paths by name.

    Names: before, inflated or released, after (one picture each, and one for each further stent once open), rehearsal (these
    side by side), stress (where forces were solved), overview, lumen, handling (where devices went over a wire).
    """
    tell = progress or (lambda fraction, text: None)
    folder.mkdir(parents=True, exist_ok=True)
    frames = kept_frames(recording)
    case, last = recording.case, frames[list(frames)[-1]]
    panels, whole = {}, len(frames) + 4
    for number, (phase, frame) in enumerate(frames.items()):
        tell(number / whole, f"picture: {phase}")
        panels[phase] = (still(case, frame), *_title_of(phase, frame, outcome))
    figures = {phase: _panels([panel], case) for phase, panel in panels.items()}
    figures["rehearsal"] = _panels(list(panels.values()), case)
    if not recording.header.get("geometry_only"):
        tell(1.0 - 4 / whole, "picture: wall stress")
        figures["stress"] = stress_figure(case, last)
    tell(1.0 - 2 / whole, "picture: overview")
    figures["overview"] = overview_figure(case, last)
    tell(1.0 - 1 / whole, "plot: lumen")
    figures["lumen"] = lumen_figure(outcome.profiles, stents=extents_of(case, last))
    if case.over is not None:
        figures["handling"] = handling_figure(recording)
    paths = {}
    for name, figure in figures.items():
        paths[name] = folder / f"{file_word(name)}.png"
        figure.savefig(paths[name], dpi=DOTS_PER_INCH, facecolor=palette.BACKGROUND, metadata={"Comment": LIMITS_OF_USE})
    tell(1.0, "")
    return paths


def stress_figure(case: Any, frame: Any) -> Any:
    """Draw the first principal Cauchy stress in the wall: cut open without the stent, and from outside."""
    top = _rounded_up(float(np.percentile(frame.stress, 99)))
    look = {"colour": "stress", "with_device": False, "value_range": (0.0, top)}
    panels = [
        (still(case, frame, **look), "Cut open", "stent not drawn"),
        (still(case, frame, from_outside=True, **look), "From outside", ""),
    ]
    figure = _panels(panels, case, legend=False)
    _colour_bar(figure, palette.STRESS_MAP, top, f"first principal Cauchy stress, {frame.phase} [kPa]")
    return figure


def overview_figure(case: Any, frame: Any) -> Any:
    """Draw the whole vessel with the stent in it."""
    return _panels([(still(case, frame, whole=True, cut_open=False), "The whole vessel", frame.phase)], case, legend=False)


def lumen_figure(profiles: Any, *, stents: Sequence[tuple[float, float]]) -> Any:
    """Plot area and diameters of the lumen along the centreline, by phase, with each stent's extent [mm] shaded."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 6.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    for axes in (above, below):
        for number, stent in enumerate(stents):
            look = {"color": "#8fa1b0", "alpha": 0.28, "linewidth": 0, "zorder": 0}
            axes.axvspan(*stent, **look, label="stent" if axes is above and not number else None)
        axes.grid(color="#e9edf0", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_axisbelow(True)
    for phase, profile in profiles.items():
        colour = palette.phase_colour(phase)
        above.plot(profile.stations, profile.area, color=colour, linewidth=2.0, label=phase)
        below.plot(profile.stations, profile.min_diameter, color=colour, linewidth=2.0)
        below.plot(profile.stations, profile.max_diameter, color=colour, linewidth=1.2, linestyle=(0, (4, 2)))
    above.set_ylabel("lumen area [mm²]")
    below.set_ylabel("lumen diameter [mm]\nsmallest (solid), largest (dashed)")
    below.set_xlabel("along the centreline [mm]")
    above.set_ylim(bottom=0)
    below.set_ylim(bottom=0)
    above.legend(loc="upper center", bbox_to_anchor=(0.5, 1.18), ncols=1 + len(profiles), frameon=False)
    figure.supxlabel(LIMITS_OF_USE, fontsize=7.5, color=palette.FAINT_INK, x=0.99, ha="right")
    return figure


def _title_of(phase: str, frame: Any, outcome: Any) -> tuple[str, str]:
    smallest = find_measure(outcome, f"minimum lumen diameter {phase}")
    title = phase.capitalize() + (f", {frame.balloon_pressure_atm:.1f} atm" if phase.endswith("inflated") else "")
    return title, f"smallest diameter {smallest.value:.1f} mm" if smallest else ""


def _panels(panels: list[tuple[Still, str, str]], case: Any, *, legend: bool = True) -> Any:
    """Set stills side by side with titles, a scale bar each figure, and a legend of what the colours are."""
    from matplotlib.figure import Figure

    gap, head, foot = 0.25, 0.75, 0.95
    widths = [PANEL_INCHES * picture.aspect for picture, _, _ in panels]
    width = max(sum(widths) + gap * (len(panels) + 1), 4.6)
    height = PANEL_INCHES + head + foot
    figure = Figure(figsize=(width, height))
    left = (width - sum(widths) - gap * (len(panels) - 1)) / 2
    for (picture, title, subtitle), inches in zip(panels, widths, strict=True):
        axes = figure.add_axes((left / width, foot / height, inches / width, PANEL_INCHES / height))
        axes.imshow(picture.image, interpolation="lanczos")
        axes.set_axis_off()
        centre = (left + inches / 2) / width
        figure.text(centre, 1 - 0.3 / height, title, ha="center", va="center", fontsize=13, weight="bold", color=palette.INK)
        figure.text(centre, 1 - 0.56 / height, subtitle, ha="center", va="center", fontsize=9.5, color=palette.FAINT_INK)
        left += inches + gap
    _scale_bar(figure, panels[0][0], width)
    if legend:
        _legend(figure, case)
    figure.text(0.99, 0.1 / height, LIMITS_OF_USE, ha="right", va="center", fontsize=7, color=palette.FAINT_INK)
    return figure


def _scale_bar(figure: Any, picture: Still, width_inches: float) -> None:
    """Draw a bar of a round number of millimetres under the first picture, at its left."""
    from matplotlib.lines import Line2D

    shown_mm = picture.image.shape[1] * picture.mm_per_pixel
    length = max((bar for bar in SCALE_BARS_MM if bar <= 0.5 * shown_mm), default=SCALE_BARS_MM[0])
    inches = length / picture.mm_per_pixel / picture.image.shape[0] * PANEL_INCHES
    height_inches = figure.get_size_inches()[1]
    begin, level = 0.3, 0.78 / height_inches
    figure.add_artist(
        Line2D([begin / width_inches, (begin + inches) / width_inches], [level, level], color=palette.INK, linewidth=3)
    )
    figure.text((begin + inches + 0.1) / width_inches, level, f"{length} mm", va="center", fontsize=9.5, color=palette.INK)


def _legend(figure: Any, case: Any) -> None:
    from matplotlib.patches import Patch

    present = set(np.unique(case.mesh.labels).tolist())
    colours = palette.tissue_colours(dict(case.mesh.label_names))
    handles = [
        Patch(facecolor=colour, edgecolor=palette.FAINT_INK, linewidth=0.6, label=case.mesh.label_names[number])
        for number, colour in colours.items()
        if number in present
    ]
    handles += [Patch(facecolor=palette.stent_colour(number), label=one.name) for number, one in enumerate(bars_of(case))]
    if any(len(one.fabric) for one in bars_of(case)):
        handles.append(Patch(facecolor=palette.FABRIC, edgecolor=palette.FAINT_INK, linewidth=0.6, label="fabric"))
    in_sheaths = [way is not None for way in (case.sheathed, *(one.sheathed for one in case.stents[1:]))]
    for colour, name, used in ((palette.BALLOON, "balloon", not all(in_sheaths)), (palette.SHEATH, "sheath", any(in_sheaths))):
        if used:
            handles.append(Patch(facecolor=colour, edgecolor=palette.FAINT_INK, linewidth=0.6, label=name))
    for name in case.over.lines if case.over is not None else ():
        handles.append(Patch(facecolor=palette.WIRES[name], label=name))
    wide = figure.get_size_inches()[0] > 7
    options = {"ncols": len(handles) if wide else 3, "frameon": False, "fontsize": 9.5 if wide else 8, "handlelength": 1.2}
    figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 0.018), columnspacing=1.4, **options)


def _colour_bar(figure: Any, colours: str, top: float, title: str) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    height = figure.get_size_inches()[1]
    axes = figure.add_axes((0.34, 0.56 / height, 0.6, 0.14 / height))
    bar = figure.colorbar(ScalarMappable(Normalize(0.0, top), colours), cax=axes, orientation="horizontal", extend="max")
    bar.set_label(title, fontsize=8.5, color=palette.INK, labelpad=2)
    bar.ax.tick_params(labelsize=8)


def _rounded_up(value: float) -> float:
    """Give the next round number above a positive value: 1, 1.5, 2, 3, 4, 5, 6, 8 or 10 times a power of ten."""
    if not value > 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(power * min(step for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= value * (1 - 1e-9)))
