"""Pictures of a study: sensitivity, response curves and a map with their bands, chances, the Pareto front, the surrogate."""

import textwrap
from typing import Any

import numpy as np

from scenarios.limits import LIMITS_OF_USE
from scenarios.study.comparing import chances, curve, pareto_front, response_map
from scenarios.study.sensitivity import Sensitivity
from scenarios.study.surrogate import Surrogate, left_out
from viewer import palette
from viewer.headline import unit

LINE, SPREAD, BAND = "#2f78b7", "#dbe9f5", "#8fbde0"
SHORT = {"tissues.": "", "young_modulus": "Young's modulus", "_": " ", ".": ", "}


def named(table: Any, name: str, *, width: int = 34, with_unit: bool = True) -> str:
    """Give a parameter's or a measure's name with its unit, broken into lines."""
    column = table.column(name)
    words = name
    if column.role.startswith("parameter"):
        ending = f"_{name.rsplit('_', 1)[-1]}" if column.unit not in ("", "1") else ""
        words = name.removesuffix(ending)
        for long, short in SHORT.items():
            words = words.replace(long, short)
    shown = unit(column.unit) if with_unit else ""
    return textwrap.fill(words + (f" [{shown}]" if shown else ""), width)


def sensitivity_figure(table: Any, measure: str, found: Sensitivity) -> Any:
    """Draw what each parameter accounts for, as bars with their 95 % intervals."""
    count = len(found.paths)
    figure = _figure(7.2, 1.5 + 0.55 * count)
    axes = figure.subplots()
    order = np.argsort(found.total if found.kind == "sobol" else found.first)
    places = np.arange(count)
    words = ("alone, S₁", "with others, Sₜ") if found.kind == "sobol" else ("mean size of its change, μ*", "deviation of it, σ")
    rows = (
        (words[1], found.total, found.total_band, 0.2, BAND),
        (words[0], found.first, found.first_band, -0.2, LINE),
    )
    for label, values, bands, shift, colour in rows:
        axes.barh(places + shift, values[order], 0.36, color=colour, label=label)
        axes.errorbar(values[order], places + shift, xerr=bands[order], fmt="none", ecolor=palette.INK, elinewidth=1, capsize=2)
    axes.set_yticks(places, [named(table, found.paths[number]) for number in order])
    about = "share of the variance of" if found.kind == "sobol" else "change over the whole range of"
    axes.set_xlabel(f"{about} {measure if found.kind == 'sobol' else named(table, measure, width=60)}")
    axes.axvline(0.0, color=palette.INK, linewidth=0.8)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc="lower right", frameon=False)
    _tidy(figure, [axes], grid="x")
    return figure


def curves_figure(table: Any, measure: str, surrogate: Surrogate) -> Any:
    """Draw a measure against each parameter: its mean over the others with the 95 % band, and where 90 % of runs lie."""
    paths = list(table.study.vary)
    columns = min(len(paths), 3)
    rows = -(-len(paths) // columns)
    figure = _figure(3.5 * columns + 0.6, 3.0 * rows + 0.9)
    grid = np.atleast_1d(figure.subplots(rows, columns, sharey=True, squeeze=False)).ravel()
    values, there = table.values(measure)
    for axes, path in zip(grid, paths, strict=False):
        found = curve(table, surrogate, path)
        points = table.frame[path].to_numpy()[there]
        if isinstance(found.at[0], str):
            places = np.arange(len(found.at))
            axes.vlines(places, found.low, found.high, color=SPREAD, linewidth=14, label="90 % of runs")
            axes.errorbar(places, found.mean, found.band, fmt="o", color=LINE, capsize=4, label="mean over the others, 95 % band")
            axes.set_xticks(places, found.at)
            axes.set_xlim(-0.6, len(found.at) - 0.4)
            points = np.array([found.at.index(word) for word in points])
        else:
            axes.fill_between(found.at, found.low, found.high, color=SPREAD, linewidth=0, label="90 % of runs")
            axes.fill_between(found.at, found.mean - found.band, found.mean + found.band, color=BAND, linewidth=0)
            axes.plot(found.at, found.mean, color=LINE, linewidth=2, label="mean over the others, 95 % band")
        axes.plot(points, values[there], ".", color=palette.INK, markersize=3, alpha=0.45, label="runs")
        axes.set_xlabel(named(table, path))
    for axes in grid[len(paths) :]:
        axes.set_visible(False)
    for number in range(0, len(paths), columns):
        grid[number].set_ylabel(named(table, measure, width=28))
    bar = table.error_bar(measure)
    if bar:
        grid[0].errorbar(
            0.06, float(values[there].min()) + bar, yerr=bar, fmt="none", ecolor=palette.PHASES["after"],
            capsize=3, label="± mesh, dt, iterations",
            transform=grid[0].get_yaxis_transform(),
        )  # fmt: skip
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper center", ncols=len(labels) if columns > 1 else 1, frameon=False, fontsize=8.5
    )
    _tidy(figure, grid[: len(paths)], grid="both")
    return figure


def map_figure(table: Any, measure: str, surrogate: Surrogate, across: str, up: str, *, question: Any = None) -> Any:
    """Draw a measure over two parameters, how well it is known there, and the threshold of a question as a line."""
    first, second, mean, deviation = response_map(table, surrogate, across, up)
    figure = _figure(9.4, 4.3)
    left, right = figure.subplots(1, 2, sharey=True)
    where = _extent(first), _extent(second)
    for axes, field, colours, label in (
        (left, mean, palette.DIAMETER_MAP, named(table, measure)),
        (right, 1.96 * deviation, "Purples", f"half of the 95 % band, {named(table, measure)}"),
    ):
        shown = axes.contourf(*where, field, levels=12, cmap=colours)
        bar = figure.colorbar(shown, ax=axes)
        bar.ax.tick_params(labelsize=8.5)
        axes.set_title(textwrap.fill(label.replace("\n", " "), 52), fontsize=9.5)
        axes.plot(*_places(table, across, first), *_places(table, up, second), ".", color="#ffffff", markersize=5)
        axes.plot(*_places(table, across, first), *_places(table, up, second), ".", color=palette.INK, markersize=2.5)
        axes.set_xlabel(named(table, across))
        for axis, values in ((axes.xaxis, first), (axes.yaxis, second)):
            if isinstance(values[0], str):
                axis.set_ticks(range(len(values)), values)
    left.set_ylabel(named(table, up, width=26))
    if question is not None and mean.min() < question.threshold < mean.max():
        line = left.contour(*where, mean, levels=[question.threshold], colors="#ffffff", linewidths=2)
        left.clabel(line, fmt=lambda value: f"{value:g}", fontsize=9)
    _tidy(figure, [left, right], grid="")
    return figure


def _extent(values: list[Any]) -> Any:
    return np.arange(len(values)) if isinstance(values[0], str) else np.array(values)


def _places(table: Any, path: str, values: list[Any]) -> tuple[Any]:
    points = table.frame[path].tolist()
    return ([values.index(one) for one in points] if isinstance(values[0], str) else points,)


def chances_figure(table: Any, question: Any) -> Any:
    """Draw the probability of meeting a threshold, over all runs and under each choice, with its 95 % interval."""
    rows = chances(table, question)
    figure = _figure(7.2, 1.4 + 0.34 * len(rows))
    axes = figure.subplots()
    places = np.arange(len(rows))[::-1]
    share = np.array([one.share for one in rows])
    low, high = np.array([one.low for one in rows]), np.array([one.high for one in rows])
    axes.hlines(places, low, high, color=BAND, linewidth=6)
    axes.plot(share, places, "o", color=LINE, clip_on=False, zorder=3)
    labels = []
    for one, place in zip(rows, places, strict=True):
        parts = [
            f"{named(table, path, width=99, with_unit=False)} {_word(value)} {unit(table.unit(path))}"
            for path, value in one.choice.items()
        ]
        labels.append(", ".join(part.strip() for part in parts) or "all runs")
        silent = f", {one.silent} without" if one.silent else ""
        axes.text(1.05, place, f"{one.met} of {one.count}{silent}", va="center", fontsize=8.5, color=palette.FAINT_INK)
    axes.set_yticks(places, labels, fontsize=8.5)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlim(0.0, 1.0)
    bound = "at most" if question.at_most is not None else "at least"
    shown = unit(table.unit(question.measure))
    axes.set_xlabel(f"share of runs with {question.measure} {bound} {question.threshold:g} {shown}".rstrip())
    _tidy(figure, [axes], grid="x")
    return figure


def pareto_figure(table: Any, goals: Any) -> Any:
    """Draw all runs by two measures, and those that none betters in both."""
    from matplotlib.patheffects import withStroke

    first, second = goals[:2]
    front = pareto_front(table, (first, second))
    across, up = table.values(first.measure)[0], table.values(second.measure)[0]
    figure = _figure(6.4, 4.6)
    axes = figure.subplots()
    axes.plot(across, up, ".", color=palette.FAINT_INK, alpha=0.5, label="runs")
    axes.plot(across[front], up[front], "-", color=palette.PHASES["after"], linewidth=1, alpha=0.6)
    axes.plot(across[front], up[front], "o", color=palette.PHASES["after"], label="no run is better in both")
    bars = [table.error_bar(one.measure) for one in (first, second)]
    if any(bars) and len(front):
        middle = front[len(front) // 2]
        axes.errorbar(
            across[middle], up[middle], xerr=bars[0], yerr=bars[1], fmt="none", ecolor=palette.INK, capsize=3,
            label="± mesh, dt, iterations",
        )  # fmt: skip
    halo = [withStroke(linewidth=2.5, foreground=palette.BACKGROUND)]
    # A few names are enough to find the rows; all of them stand in the report's table.
    for number in front if len(front) <= 10 else [front[place] for place in np.linspace(0, len(front) - 1, 8).astype(int)]:
        axes.annotate(
            str(number), (across[number], up[number]), (5, 6), textcoords="offset points", fontsize=8, path_effects=halo
        )
    axes.set_xlabel(f"{named(table, first.measure, width=60)}, {first.best} wanted")
    axes.set_ylabel(f"{named(table, second.measure)},\n{second.best} wanted")
    axes.legend(loc="best", frameon=False, fontsize=8.5)
    _tidy(figure, [axes], grid="both")
    return figure


def surrogate_figure(table: Any, measure: str, surrogate: Surrogate) -> Any:
    """Draw what the surrogate says of each run when fitted without it, against what the run said."""
    from scenarios.study.surrogate import coordinates, together_of

    values, there = table.values(measure)
    where = coordinates(table.study.vary, [table.rows[number].parameters for number in np.flatnonzero(there)])
    off, deviation = left_out(surrogate.process, where, values[there], together=together_of(table.study.vary, where))
    figure = _figure(4.8, 4.4)
    axes = figure.subplots()
    ends = [float(values[there].min()), float(values[there].max())]
    axes.plot(ends, ends, color=palette.FAINT_INK, linewidth=1)
    # The error is run less foretold.
    axes.errorbar(
        values[there], values[there] - off, 1.96 * surrogate.scale * deviation, fmt=".", color=LINE, ecolor=BAND, markersize=5
    )
    axes.set_xlabel(f"run: {named(table, measure, width=60)}")
    axes.set_ylabel("foretold without that run, 95 % band")
    _tidy(figure, [axes], grid="both")
    return figure


def _word(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _tidy(figure: Any, axes: Any, *, grid: str) -> None:
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
        one.set_axisbelow(True)
        one.tick_params(labelsize=8.5)
        if grid:
            one.grid(axis=grid, color="#e9edf0", linewidth=0.8)
    figure.supxlabel(LIMITS_OF_USE, fontsize=7, color=palette.FAINT_INK, x=0.99, ha="right")
