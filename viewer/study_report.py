"""The report of a study: one page with its pictures, its table of choices, its front, its failures, and whence it comes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from meshing.errors import InputError
from scenarios.limits import LIMITS_OF_USE
from scenarios.study.comparing import pareto_front
from scenarios.study.sensitivity import sensitivity
from scenarios.study.surrogate import Surrogate, fit
from scenarios.study.table import provenance
from viewer import palette, study_figures
from viewer.headline import figure, unit
from viewer.report import embedded, flat_rows, rendered

DOTS_PER_INCH = 150
MOST_MEASURES = 6
"""Measures that the page shows where the study names none; the table holds all."""

MOST_ROWS = 40


def write_study_report(table: Any, folder: Path) -> Path:
    """Write report.html of a `scenarios.study.StudyTable`, with its pictures beside it and inside it.

    What cannot be drawn, for want of runs or because a measure never changes, is said in a sentence in its place.
    """
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    whence = provenance(table.study, table)
    page = rendered(
        "study.html",
        title=table.study.name,
        headline=headline(table),
        sections=sections(table, pictures),
        measures=summary(table),
        parameters=varied(table),
        front=front(table),
        failures=table.failures().head(MOST_ROWS).to_dict("records"),
        failure_count=len(table.failures()),
        provenance=flat_rows({name: one for name, one in whence.items() if name not in ("study", "use")}),
    )
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def headline(table: Any) -> str:
    """Say in a sentence what was run."""
    frame, vary = table.frame, table.study.vary
    ok, missing = int(frame["ok"].sum()), int((frame["status"] == "missing").sum())
    came = f"{ok:,} of {len(frame):,} runs of {table.study.scenario.name} came to their measures"
    left = f", {missing:,} have not been run yet" if missing else ""
    return f"{came}{left}; {len(vary)} parameter{'s were' if len(vary) != 1 else ' was'} varied."


def shown_measures(table: Any) -> list[str]:
    """Names of the measures that the page shows."""
    asked = list(dict.fromkeys([*table.study.measure, *(one.measure for one in (*table.study.questions, *table.study.goals))]))
    there = [one.name for one in table.columns if one.role == "measure"]
    return [name for name in asked if name in there] or there[:MOST_MEASURES]


def summary(table: Any) -> list[dict[str, Any]]:
    """Give for each shown measure its spread over the runs and its error bar."""
    rows = []
    for name in shown_measures(table):
        values, there = table.values(name)
        if there.any():
            low, middle, high = np.quantile(values[there], [0.05, 0.5, 0.95])
            column = table.column(name)
            rows.append(
                {"name": name, "unit": column.unit, "low": float(low), "middle": float(middle), "high": float(high),
                 "bar": table.error_bar(name), "says": column.says, "count": int(there.sum())}
            )  # fmt: skip
    return rows


def varied(table: Any) -> list[dict[str, str]]:
    """Say of each varied parameter how it was varied."""
    rows = []
    for path, variation in table.study.vary.items():
        column = table.column(path)
        if hasattr(variation, "root"):
            words = ", ".join(one if isinstance(one, str) else f"{one:g}" for one in variation.root)
        else:
            about = variation.model_dump(exclude_none=True)
            words = about.pop("distribution") + ": " + ", ".join(f"{name} {value:g}" for name, value in about.items())
        rows.append({"path": path, "unit": column.unit, "how": words, "says": column.says})
    return rows


def front(table: Any) -> dict[str, Any] | None:
    """Give the rows of the Pareto front, where the study has two goals."""
    goals = table.study.goals[:2]
    there = {one.name for one in table.columns if one.role == "measure"}
    if len(goals) < 2 or not all(one.measure in there for one in goals):
        return None
    paths = list(table.study.vary)
    rows = []
    for number in pareto_front(table, goals)[:MOST_ROWS]:
        here = table.frame.iloc[number]
        rows.append([number, *(here[path] for path in paths), *(float(here[one.measure]) for one in goals)])
    heads = ["run", *(study_figures.named(table, path, width=99) for path in paths)]
    heads += [study_figures.named(table, one.measure, width=99) for one in goals]
    return {"heads": heads, "rows": [[_cell(value) for value in row] for row in rows]}


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(int(value)) if isinstance(value, int | np.integer) else figure(float(value))


def sections(table: Any, pictures: Path) -> list[dict[str, Any]]:
    """Draw what can be drawn, a section for each measure and one for the front."""
    made = []
    for measure in shown_measures(table):
        parts: list[dict[str, str]] = []
        drawn = _Drawn(pictures, parts)
        surrogate = _surrogate(table, measure, parts)
        name = _file_name(measure)
        for question in table.study.questions:
            if question.measure == measure:
                bound = "at most" if question.at_most is not None else "at least"
                drawn.draw(
                    f"{name}-chance", lambda question=question: study_figures.chances_figure(table, question),
                    f"Probability of {measure} {bound} {question.threshold:g} {unit(table.unit(measure))}: the share of runs, "
                    "with its 95 % interval (Wilson). It holds for what was assumed to be uncertain, and as it was assumed.",
                )  # fmt: skip
        if surrogate:
            drawn.draw(f"{name}-curves", lambda s=surrogate, m=measure: study_figures.curves_figure(table, m, s), CURVES)
            drawn.draw(f"{name}-sensitivity", lambda m=measure: _sensitivity(table, m), SENSITIVITY)
            paths = _two_that_matter(table, measure)
            if paths:
                question = next((one for one in table.study.questions if one.measure == measure), None)
                drawn.draw(
                    f"{name}-map",
                    lambda s=surrogate, m=measure, p=paths, q=question: study_figures.map_figure(table, m, s, *p, question=q),
                    MAP,
                )  # fmt: skip
            said = (
                f"Fitted without it, the surrogate misses a run by {100 * surrogate.relative_error:.1f} % of their range (root "
                "mean square; runs with one and the same point of what is uncertain are left out together), "
                "and its band is so wide that 95 % of them lie in it."
            )
            drawn.draw(f"{name}-surrogate", lambda s=surrogate, m=measure: study_figures.surrogate_figure(table, m, s), said)
        made.append({"title": measure, "parts": parts})
    if front(table):
        parts = []
        _Drawn(pictures, parts).draw("pareto", lambda: study_figures.pareto_figure(table, table.study.goals), PARETO)
        made.append({"title": "Two measures at once", "parts": parts})
    return made


CURVES = (
    "The measure against each parameter. Line: mean over the other parameters as they vary in the study; dark band: where that "
    "mean lies with 95 % confidence; light band: where 90 % of the runs lie; points: the runs."
)
SENSITIVITY = (
    "What each parameter accounts for, with 95 % intervals. It depends on how far each was varied: what is varied little matters "
    "little."
)
MAP = (
    "The measure over the two parameters that matter most, averaged over the others, and how well it is known "
    "there; points: the runs."
)
PARETO = "Runs that no other run betters in one measure without being worse in the other, with their numbers."


class _Drawn:
    """Draws pictures into a folder and onto the page; what cannot be drawn becomes a sentence."""

    def __init__(self, folder: Path, parts: list[dict[str, str]]):
        self._folder = folder
        self._parts = parts

    def draw(self, name: str, make: Callable[[], Any], caption: str) -> None:
        """Draw one picture."""
        try:
            drawn = make()
        except InputError as error:
            self._parts.append({"sentence": str(error)})
            return
        path = self._folder / f"{name}.png"
        drawn.savefig(path, dpi=DOTS_PER_INCH, facecolor=palette.BACKGROUND, metadata={"Comment": LIMITS_OF_USE})
        self._parts.append({"picture": embedded(path), "caption": caption})


def _surrogate(table: Any, measure: str, parts: list[dict[str, str]]) -> Surrogate | None:
    try:
        return fit(table, measure)
    except InputError as error:
        parts.append({"sentence": str(error)})
        return None


def _sensitivity(table: Any, measure: str) -> Any:
    return study_figures.sensitivity_figure(table, measure, sensitivity(table, measure))


def _two_that_matter(table: Any, measure: str) -> tuple[str, str] | None:
    """The two parameters with the largest part in a measure, words left aside where there are enough numbers."""
    if len(table.study.vary) < 2:
        return None
    try:
        found = sensitivity(table, measure)
    except InputError:
        return None
    order = np.argsort(-(found.total if found.kind == "sobol" else found.first))
    paths = sorted((found.paths[number] for number in order), key=lambda path: table.unit(path) == "")
    return paths[0], paths[1]


def _file_name(measure: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in measure.lower())
