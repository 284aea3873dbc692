"""One or two recordings on a page: curves over each other, measures and events beside each other; nothing is judged."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from viewer.headline import figure
from viewer.report import embedded, rendered
from viewer.room.held import Courses, Held, courses_of

COLOURS = ("#2f78b7", "#b3472f")
CURVES = (
    ("pressure", "pressure in the balloon [atm]"),
    ("sheath", "sheath drawn back [mm]"),
    ("lumen", "smallest lumen diameter at the lesion [mm]"),
    ("force", "all force of the stent on the wall [N]"),
)


@dataclasses.dataclass(frozen=True, eq=False)
class Side:
    """One recording on the page: its letter, what it holds, its curves, its measures by name."""

    letter: str
    held: Held
    courses: Courses
    measures: dict[str, Any]


def sides_of(recordings: list[Held]) -> list[Side]:
    """Recordings with their curves and measures, as A and B."""
    sides = []
    for letter, held in zip("AB", recordings, strict=False):
        outcome = held.outcome()
        measures = {} if outcome is None else {measure.name: measure for measure in outcome.measures}
        sides.append(Side(letter, held, courses_of(held), measures | _of_hands(held)))
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
            rows=measure_rows(sides),
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
    """Draw pressure, sheath, lumen and force against time where there is any, a colour and a dash for each side."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    has_pressure, has_sheath = (any(np.any(getattr(side.courses, name)[1]) for side in sides) for name in ("pressure", "sheath"))
    # What is drawn of a stent that needs no balloon is the sheath alone.
    left_out = {"sheath"} if not has_sheath else set() if has_pressure else {"pressure"}
    curves = [(name, words) for name, words in CURVES if name not in left_out]
    drawing = Figure(figsize=(9.0, 2.4 * len(curves)), dpi=140)
    FigureCanvasAgg(drawing)
    axes = drawing.subplots(len(curves), 1, sharex=True)
    for plot, (name, words) in zip(axes, curves, strict=True):
        for side, colour, dash in zip(sides, COLOURS, ("-", "--"), strict=False):
            times, values = getattr(side.courses, name)
            plot.plot(times, values, dash, color=colour, linewidth=1.8, label=side.letter)
        plot.set_title(words, loc="left", fontsize=10)
        plot.grid(alpha=0.25)
        plot.margins(x=0.01)
        for edge in ("top", "right"):
            plot.spines[edge].set_visible(False)
    axes[0].legend(frameon=False, loc="upper right")
    axes[-1].set_xlabel("simulated time [s]")
    drawing.tight_layout()
    drawing.savefig(path)


@dataclasses.dataclass(frozen=True)
class _Count:
    value: float
    unit: str


def _of_hands(held: Held) -> dict[str, Any]:
    """What hands used: of a procedure that was done by hand, its time, X-rays and contrast agent."""
    senses = [row.get("senses") or {} for row in held.rows]
    counts = {"procedure time": _Count(held.end_s, "s")}
    if senses and "xray_time_s" in senses[-1]:
        counts["X-ray time"] = _Count(float(senses[-1]["xray_time_s"]), "s")
        counts["contrast agent"] = _Count(float(senses[-1].get("contrast_ml", 0.0)), "mL")
        largest = max(float(one.get("largest_force_n", 0.0)) for one in senses)
        counts["largest force of a strut's point on the wall"] = _Count(1e3 * largest, "mN")
    return counts
