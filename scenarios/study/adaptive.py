"""Where the next runs go: where a question is least certain, or where a measure is least known."""

from typing import TYPE_CHECKING, Any

import numpy as np

from meshing.errors import InputError
from scenarios.study.design import at_shares, unit_points
from scenarios.study.surrogate import Surrogate, coordinates, fit

if TYPE_CHECKING:
    from scenarios.study.study import Study
    from scenarios.study.table import StudyTable

CANDIDATES = 2048


def next_points(study: "Study", table: "StudyTable", count: int, *, number: int) -> list[dict[str, Any]]:
    """Points for further runs, the first of them with this number; fewer where every value there is has been run.

    Each goes where σ exp(−(μ − t)²/2σ²) is largest, with μ and σ the surrogate's mean and deviation and t the threshold of the
    first question; without a question, where σ is. After each, the surrogate is told its own mean there, so that the next goes
    elsewhere. Runs that came to nothing count as known, so that none follows them. Too few runs for a surrogate: spread evenly.
    """
    points = at_shares(study.vary, unit_points("sobol", len(study.vary), CANDIDATES, seed=study.seed + 7919 * number))
    done = {_same(row.parameters, study) for row in table.rows}
    fresh = list({key: point for point in points if (key := _same(point, study)) not in done}.values())
    measure = _measure_asked(study, table)
    try:
        surrogate = fit(table, measure)
    except InputError:
        return fresh[:count]
    _, there = table.values(measure)
    silent = [row.parameters for row, has in zip(table.rows, there, strict=True) if not has]
    known = coordinates(study.vary, [row.parameters for row, has in zip(table.rows, there, strict=True) if has])
    where, chosen = coordinates(study.vary, fresh), []
    mean, _ = surrogate.predict_at(where)
    added = coordinates(study.vary, silent)
    threshold = study.questions[0].threshold if study.questions else None
    for _ in range(min(count, len(fresh))):
        deviation = _deviation(surrogate, known, added, where)
        doubt = deviation
        if threshold is not None:
            doubt = deviation * np.exp(-0.5 * ((mean - threshold) / np.maximum(deviation, 1e-12 * surrogate.range)) ** 2)
        doubt[chosen] = -1.0
        chosen.append(int(np.argmax(doubt)))
        added = np.vstack([added, where[chosen[-1]]])
    return [fresh[one] for one in chosen]


def _measure_asked(study: "Study", table: "StudyTable") -> str:
    asked = [*(one.measure for one in (*study.questions, *study.goals)), *study.measure, *table.measures]
    if not asked:
        raise InputError("No run came to a measure, so there is no question to place further runs by; see why the runs failed.")
    return asked[0]


def _deviation(surrogate: Surrogate, known: np.ndarray, added: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Standard deviation of the process [in the measure's unit] once the added points are known too, shape (n,)."""
    from scipy.linalg import cho_factor, cho_solve

    process = surrogate.process
    seen = np.vstack([known, added])
    covariance = process.kernel_(seen) + process.alpha * np.eye(len(seen))
    across = process.kernel_(seen, where)
    # Twice the same point makes the covariance singular without a grain of noise.
    held = cho_factor(covariance + 1e-10 * np.eye(len(seen)), lower=True)
    variance = process.kernel_.diag(where) - np.einsum("ij,ij->j", across, cho_solve(held, across))
    return surrogate.scale * process._y_train_std * np.sqrt(np.maximum(variance, 0.0))


def _same(point: Any, study: "Study") -> tuple[Any, ...]:
    return tuple(point[path] for path in study.vary)
