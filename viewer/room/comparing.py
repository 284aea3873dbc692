"""One or two recordings on a page: curves over each other, measures and events beside each other; nothing is judged."""

import dataclasses
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.expert import beside_expert
from viewer.headline import figure
from viewer.report import embedded, rendered
from viewer.room.courses import FIGURES, Courses, courses_of, lesion_of
from viewer.room.held import Held

SHADES = (("#2f78b7", "#7db4df", "#1b4468"), ("#b3472f", "#e29a86", "#6b2a1c"))
"""Colours of each side's lines, from the innermost wire to the outermost."""


@dataclasses.dataclass(frozen=True, eq=False)
class Side:
    """One recording on the page.

    Attributes
    ----------
    letter, held
        "A" or "B", and what it holds.
    courses
        Its figures against time.
    measures
        Its measures by name.
    expert
        An expert's lowest and highest figure and where its own lies ("below", "within", "above"), by name; empty without one.
    """

    letter: str
    held: Held
    courses: Courses
    measures: dict[str, Any]
    expert: dict[str, tuple[float, float, str]]


def sides_of(recordings: list[Held]) -> list[Side]:
    """Recordings with their curves and measures, as A and B."""
    sides = []
    for letter, held in zip("AB", recordings, strict=False):
        outcome = held.outcome()
        measures = {} if outcome is None else {measure.name: measure for measure in outcome.measures}
        kept = None if outcome is None else beside_expert(outcome)
        expert = {row.name: (row.low, row.high, row.place) for row in kept[1]} if kept else {}
        sides.append(Side(letter, held, courses_of(held), measures | _of_hands(held, measures), expert))
    return sides


def measure_rows(sides: list[Side]) -> list[tuple[str, str, list[str], str]]:
    """Every measure of any side: name, unit, its value on each side (a dash where it has none), and the difference of two."""
    names = dict.fromkeys(name for side in sides for name in side.measures)
    rows = []
    for name in names:
        found = [side.measures.get(name) for side in sides]
        unit = next(one.unit for one in found if one is not None)
        values = ["–" if one is None else figure(one.value) for one in found]
        numbers = [one.value for one in found if one is not None and isinstance(one.value, (int, float))]
        is_pair = len(sides) == 2 and len(numbers) == 2 and all(np.isfinite(numbers))
        rows.append((name, unit, values, figure(float(numbers[1] - numbers[0])) if is_pair else "–"))
    return rows


def expert_words(sides: list[Side], name: str) -> str:
    """An expert's range of a measure, and in a second line on which side of it each lies; empty where there is no expert."""
    found = [(side.letter, *side.expert[name]) for side in sides if name in side.expert]
    if not found:
        return ""
    ranges = dict.fromkeys(" – ".join(dict.fromkeys((figure(low), figure(high)))) for _, low, high, _ in found)
    places = ", ".join(f"{letter} {place}" for letter, _, _, place in found)
    return f"{' / '.join(ranges)}\n{places}"


def write_comparison(recordings: list[Held], path: Path) -> Path:
    """Write the page.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    from meshing.errors import InputError

    sides = sides_of(recordings)
    names = [f"{side.letter}: {side.held.name}, {side.held.folder}" for side in sides]
    picture = path.with_suffix(".curves.png")
    try:
        draw_curves(sides, picture)
        page = rendered(
            "compare.html",
            title="Two procedures beside each other" if len(sides) == 2 else f"The procedure on {sides[0].held.name}",
            headline="; ".join(names) + ".",
            letters=[side.letter for side in sides],
            curves=embedded(picture),
            rows=[(*row, expert_words(sides, row[0])) for row in measure_rows(sides)],
            has_expert=any(side.expert for side in sides),
            events=[(side.letter, side.held.events) for side in sides],
            missing=[(side.letter, side.held.missing) for side in sides if side.held.missing],
        )
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(f"The page {path} cannot be written ({error.strerror or error}).") from error
    finally:
        picture.unlink(missing_ok=True)
    return path


def draw_curves(sides: list[Side], path: Path) -> None:
    """Draw every figure of any side against time: a colour and a dash for each side, a shade for each wire."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [name for name in FIGURES if any(line.figure == name for side in sides for line in side.courses.lines)]
    drawing = Figure(figsize=(9.0, 0.6 + 2.0 * max(len(names), 1)), dpi=140)
    FigureCanvasAgg(drawing)
    axes = drawing.subplots(max(len(names), 1), 1, sharex=True, squeeze=False)[:, 0]
    for plot, name in zip(axes, names, strict=False):
        for side, shades, dash in zip(sides, SHADES, ("-", "--"), strict=False):
            lines = [line for line in side.courses.lines if line.figure == name]
            for line, colour in zip(lines, itertools.cycle(shades), strict=False):
                label = side.letter if len(lines) == 1 else f"{side.letter}: {line.of}"
                plot.plot(line.times, line.values, dash, color=colour, linewidth=1.8, label=label)
        extents = {extent for side in sides if (extent := lesion_of(side.held)) is not None}
        if name == "tip" and len(extents) == 1:
            plot.axhspan(*extents.pop(), color="#dfe5ea", zorder=0, label="lesion")
        plot.set_title(f"{FIGURES[name].words} [{FIGURES[name].unit}]", loc="left", fontsize=10)
        plot.grid(alpha=0.25)
        plot.margins(x=0.01)
        for edge in ("top", "right"):
            plot.spines[edge].set_visible(False)
    if names:
        axes[0].legend(frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=7, fontsize=9, borderaxespad=0.2)
    axes[-1].set_xlabel("simulated time [s]")
    drawing.tight_layout()
    drawing.savefig(path)


@dataclasses.dataclass(frozen=True)
class _Count:
    value: float
    unit: str


def _of_hands(held: Held, measures: Mapping[str, Any]) -> dict[str, Any]:
    """What hands used, where it is not among the measures: time, and of a procedure done by hand X-rays and contrast agent."""
    senses = [row.get("senses") or {} for row in held.rows]
    counts = {} if "time" in measures else {"procedure time": _Count(held.end_s, "s")}
    if senses and "xray_time_s" in senses[-1]:
        counts["X-ray time"] = _Count(float(senses[-1]["xray_time_s"]), "s")
        counts["contrast agent"] = _Count(float(senses[-1].get("contrast_ml", 0.0)), "mL")
        if not held.is_passage:
            largest = max(float(one.get("largest_force_n", 0.0)) for one in senses)
            counts["largest force of a strut's point on the wall"] = _Count(1e3 * largest, "mN")
    return counts
