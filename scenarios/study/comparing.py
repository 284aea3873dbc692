"""What a table says of the choices: probabilities of thresholds, Pareto front, response curves and maps."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scenarios.study.design import at_shares, unit_points
from scenarios.study.distributions import Values, is_choice
from scenarios.study.surrogate import Surrogate

if TYPE_CHECKING:
    from scenarios.study.study import Goal, Question
    from scenarios.study.table import StudyTable

SAMPLES = 128
"""Points of the other parameters over which a curve or a map is averaged."""


@dataclasses.dataclass(frozen=True)
class Chance:
    """How often a threshold is met under one choice.

    Attributes
    ----------
    choice
        Values of the parameters that are chosen; empty for all runs together.
    met, count
        Runs that meet it, and runs that are ok.
    low, high
        The 95 % interval of the probability after Wilson 1927, doi:10.1080/01621459.1927.10502953.
    silent
        Runs under this choice that came to nothing, which count neither way.
    """

    choice: dict[str, Any]
    met: int
    count: int
    low: float
    high: float
    silent: int

    @property
    def share(self) -> float:
        """Share of the runs that meet it; not a number where there are none."""
        return self.met / self.count if self.count else float("nan")


def chances(table: "StudyTable", question: "Question") -> list[Chance]:
    """The probability of meeting a threshold: over all runs, then under each choice where lists were varied beside others."""
    values, there = table.values(question.measure)
    lists = {path: one for path, one in table.study.vary.items() if is_choice(one)}
    found = [_chance({}, question.met(values), there, np.ones(len(values), bool))]
    if not lists or len(lists) == len(table.study.vary):
        return found
    options = [one.root for one in lists.values() if isinstance(one, Values)]
    for chosen in itertools.product(*options):
        here = np.ones(len(values), bool)
        for path, value in zip(lists, chosen, strict=True):
            here &= (table.frame[path] == value).to_numpy()
        if here.any():
            found.append(_chance(dict(zip(lists, chosen, strict=True)), question.met(values), there, here))
    return found


def _chance(choice: dict[str, Any], met: np.ndarray, there: np.ndarray, here: np.ndarray) -> Chance:
    from scipy.stats import binomtest

    count, hits = int((there & here).sum()), int((met & there & here).sum())
    low, high = (0.0, 1.0)
    if count:
        interval = binomtest(hits, count).proportion_ci(0.95, method="wilson")
        low, high = float(interval.low), float(interval.high)
    return Chance(choice, hits, count, low, high, int((here & ~there).sum()))


def pareto_front(table: "StudyTable", goals: "Sequence[Goal]") -> list[int]:
    """Numbers of the runs that no other run betters in one goal without being worse in another, in the order of the first."""
    columns = [table.values(goal.measure) for goal in goals]
    there = np.all([has for _, has in columns], axis=0)
    wanted = np.stack([goal.sign * values for goal, (values, _) in zip(goals, columns, strict=True)], axis=1)
    front = []
    for number in np.flatnonzero(there):
        no_worse = (wanted[there] <= wanted[number]).all(axis=1)
        better = (wanted[there] < wanted[number]).any(axis=1)
        if not (no_worse & better).any():
            front.append(int(number))
    return sorted(front, key=lambda number: tuple(wanted[number]))


@dataclasses.dataclass(frozen=True)
class Curve:
    """A measure against one parameter.

    Attributes
    ----------
    at
        Values of the parameter, or its words, shape (n,).
    mean, band
        Mean over the other parameters, and half of its 95 % confidence band, shape (n,) each.
    low, high
        Between these lie 90 % of the runs that the surrogate foretells there, shape (n,) each.
    """

    path: str
    at: list[Any]
    mean: np.ndarray
    band: np.ndarray
    low: np.ndarray
    high: np.ndarray


def curve(table: "StudyTable", surrogate: Surrogate, path: str, *, count: int = 25) -> Curve:
    """The response of a measure to one parameter, averaged over the others as they vary in the study."""
    at, others = grid_of(table, path, count), _others(table)
    rows = [(*surrogate.mean_of([point | {path: value} for point in others]),) for value in at]
    spread = np.array([np.quantile(row[2], [0.05, 0.95]) for row in rows])
    mean, deviation = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    return Curve(path, at, mean, 1.96 * deviation, spread[:, 0], spread[:, 1])


def response_map(table: "StudyTable", surrogate: Surrogate, across: str, up: str, *, count: int = 21) -> tuple[Any, ...]:
    """A measure over two parameters, averaged over the others: values across, values up, mean and deviation (up, across)."""
    first, second, others = grid_of(table, across, count), grid_of(table, up, count), _others(table)[: SAMPLES // 4]
    points = [point | {across: one, up: two} for two in second for one in first for point in others]
    mean, deviation = surrogate.predict(points)
    shape = (len(second), len(first), len(others))
    return first, second, mean.reshape(shape).mean(axis=2), deviation.reshape(shape).mean(axis=2)


def grid_of(table: "StudyTable", path: str, count: int) -> list[Any]:
    """Values at which a parameter is shown: evenly between the ends of its list or range, or its words."""
    variation = table.study.vary[path]
    if isinstance(variation, Values):
        if isinstance(variation.root[0], str):
            return list(variation.root)
        low, high = float(min(variation.root)), float(max(variation.root))  # pyright: ignore[reportArgumentType]
    else:
        low, high = variation.at(np.array([0.01, 0.99]))
    return np.linspace(low, high, count).tolist()


def _others(table: "StudyTable") -> list[dict[str, Any]]:
    vary = table.study.vary
    return at_shares(vary, unit_points("sobol", len(vary), SAMPLES, seed=table.study.seed))
