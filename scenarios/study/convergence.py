"""Convergence as a study: how far a measure still moves with mesh, time step and iterations; the error bar of other tables."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from meshing.errors import InputError
from scenarios.study.design import Design
from scenarios.study.engine import Progress, Workplace
from scenarios.study.parameters import Value, by_path, find_parameter
from scenarios.study.rehearsals import RehearsalScenario
from scenarios.study.store import Store
from scenarios.study.table import StudyTable

if TYPE_CHECKING:
    from scenarios.study.study import Study

USUAL: dict[str, tuple[float, ...]] = {
    "mesh.edge_share": (0.45, 0.33, 0.25),
    "solver.dt_s": (0.1, 0.05, 0.025),
    "solver.residual_bound": (1e-2, 5e-3, 1e-3),
}
"""What is refined of a rehearsal, from coarse to fine, where the study says nothing."""


@dataclasses.dataclass(frozen=True)
class Refinement:
    """How one measure moves as one parameter is refined.

    Attributes
    ----------
    path
        What is refined.
    levels, values
        Its values from coarse to fine, and the measure at each, not a number where the run came to nothing, shape (n,) each.
    error
        How far the measure at the study's own level may be from its limit, in the measure's unit; None where it cannot be said.
    """

    path: str
    levels: tuple[float, ...]
    values: np.ndarray
    error: float | None


def error_of(values: np.ndarray, own: int) -> float | None:
    """How far the value of level `own` may be from the limit of ever finer levels; `values` from coarse to fine, shape (n,).

    The distance to the finest value; where the last two steps shrink by a ratio q below one, also what a geometric series would
    still add beyond the finest, d q / (1 − q), at most the last step d itself; where they do not shrink, the last step. None
    where the own or the finest value is missing.
    """
    if not (np.isfinite(values[own]) and np.isfinite(values[-1])):
        return None
    finite = values[np.isfinite(values)]
    moved = abs(float(finite[-1] - values[own]))
    if len(finite) < 2:
        return None
    last = abs(float(finite[-1] - finite[-2]))
    beyond = last
    if len(finite) >= 3 and 0.0 < last < abs(finite[-2] - finite[-3]):
        ratio = last / abs(float(finite[-2] - finite[-3]))
        beyond = min(last * ratio / (1.0 - ratio), last)
    return moved + beyond


@dataclasses.dataclass(frozen=True)
class Convergence:
    """What a convergence study found: for each measure its refinements and the error bar that follows from all of them."""

    table: StudyTable
    refinements: dict[str, tuple[Refinement, ...]]

    def error_bar(self, measure: str) -> float | None:
        """Root of the sum of squares of the errors of all refinements, in the measure's unit; None where one is missing."""
        errors = [one.error for one in self.refinements[measure]]
        if any(error is None for error in errors):
            return None
        return float(np.sqrt(sum(error**2 for error in errors if error is not None)))

    def save(self, folder: Path) -> None:
        """Write `convergence.json`, which every table of this folder then carries as its error bars."""
        measures = []
        for name, rows in self.refinements.items():
            about = [
                {"path": one.path, "levels": one.levels, "values": [_plain(v) for v in one.values], "error": one.error}
                for one in rows
            ]
            measures.append(
                {"name": name, "unit": self.table.unit(name), "error_bar": self.error_bar(name), "refinements": about}
            )
        Store(folder).write("convergence.json", {"measures": measures})


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def converge(
    study: "Study",
    folder: str | Path,
    *,
    workplace: Workplace | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Convergence:
    """Refine mesh, time step and iterations one at a time about the study's own values, and write how far each measure moves.

    Everything else is at the study's fixed values, what it varies at the middle. The runs go to `folder/convergence`, the error
    bars to `folder/convergence.json`.

    Raises
    ------
    InputError
        If the study cannot be run, says nothing to refine, or its own value is none of the levels.
    """
    from scenarios.study.study import LIMIT, Study

    wanted = study.converge or (USUAL if isinstance(study.scenario, RehearsalScenario) else {})
    if not wanted:
        raise InputError("The study names nothing to refine; give [converge] with values from coarse to fine.")
    middle = {path: one.at(np.array([0.5]))[0] for path, one in study.vary.items()}
    own = _own_values(study, middle, wanted)
    points: list[Any] = [dict(own)]
    for path, levels in wanted.items():
        points += [own | {path: level} for level in levels if level != own[path]]
    still = {path: value for path, value in (study.fixed | middle).items() if path not in wanted}
    changes = {
        "name": f"{study.name}, convergence",
        "vary": {path: list(levels) for path, levels in wanted.items()},
        "fixed": still,
        "design": Design(kind="points", listed=tuple(points)).model_dump(),
    }
    made = Study(**(study.model_dump() | changes))
    place = Path(folder)
    table = made.run(place / "convergence", workplace=workplace, limit=limit or LIMIT, progress=progress)
    found = Convergence(table, _refinements(table, points, own, wanted))
    found.save(place)
    return found


def _own_values(study: "Study", middle: dict[str, Any], wanted: dict[str, tuple[float, ...]]) -> dict[str, Value]:
    known = by_path(study.scenario.parameters())
    own: dict[str, Value] = {}
    for path, levels in wanted.items():
        one = find_parameter(path, known, where="converge")
        own[path] = one.checked(study.fixed.get(path, middle.get(path, one.default)))
        if own[path] not in levels:
            raise InputError(
                f"The study's own value {own[path]} of {path} is not among the levels {', '.join(f'{v:g}' for v in levels)} of "
                "converge; put it there."
            )
        if len(levels) < 2 or levels[-1] == own[path]:
            raise InputError(f"The levels of {path} in converge hold none finer than the study's own {own[path]}; add one.")
    return own


def _refinements(
    table: StudyTable, points: list[dict[str, Any]], own: dict[str, Value], wanted: dict[str, tuple[float, ...]]
) -> dict[str, tuple[Refinement, ...]]:
    found: dict[str, tuple[Refinement, ...]] = {}
    for measure in table.measures:
        values, _ = table.values(measure)
        rows = []
        for path, levels in wanted.items():
            row = np.array([values[points.index({**own, path: level})] for level in levels])
            rows.append(Refinement(path, tuple(levels), row, error_of(row, levels.index(own[path]))))  # pyright: ignore
        found[measure] = tuple(rows)
    return found
