"""Sensitivity: how much of a measure's variance, or of its change, each parameter accounts for; by SALib."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from meshing.errors import InputError
from scenarios.study.design import at_shares, unit_points, unit_problem
from scenarios.study.surrogate import fit

if TYPE_CHECKING:
    from scenarios.study.table import StudyTable

SURROGATE_RUNS = 1024


@dataclasses.dataclass(frozen=True)
class Sensitivity:
    """What each parameter accounts for.

    Attributes
    ----------
    kind
        "sobol" or "morris".
    paths
        The parameters.
    first, first_band
        Sobol's first index, S₁: the share of the variance that goes with this parameter alone; for Morris the mean size μ* of
        the change over the parameter's whole range, in the measure's unit; with half of the 95 % interval. Shape (n,) each.
    total, total_band
        Sobol's total index, Sₜ: the share in which the parameter has a part; for Morris the deviation σ of the changes, which is
        large where the parameter acts together with others, without a band.
    by_surrogate
        Whether the runs themselves were not laid for it and a surrogate stood in for them.
    left_out
        Groups of runs that were left out because one of them came to nothing.
    """

    kind: str
    paths: tuple[str, ...]
    first: np.ndarray
    first_band: np.ndarray
    total: np.ndarray
    total_band: np.ndarray
    by_surrogate: bool = False
    left_out: int = 0


def sensitivity(table: "StudyTable", measure: str) -> Sensitivity:
    """Sensitivity of a measure, from the runs where the design was laid for it, else from a surrogate.

    Raises
    ------
    InputError
        If too few runs are ok.
    """
    design, width = table.study.design, len(table.study.vary)
    values, _ = table.values(measure)
    if design.kind not in ("saltelli", "morris"):
        return _by_surrogate(table, measure)
    size = width + 2 if design.kind == "saltelli" else width + 1
    count = design.size(table.study.vary)
    groups = values[:count].reshape(-1, size)
    whole = np.atleast_1d(np.isfinite(groups).all(axis=1))
    if whole.sum() < 4:
        raise InputError(f"Of {len(whole)} groups of runs only {int(whole.sum())} are whole; sensitivity needs four or more.")
    left_out = int((~whole).sum())
    if design.kind == "saltelli":
        return _sobol(tuple(table.study.vary), groups[whole].ravel(), left_out=left_out)
    from SALib.analyze import morris

    shares = unit_points("morris", width, design.runs, seed=table.study.seed, levels=design.levels)
    shares = shares.reshape(-1, size, width)[whole].reshape(-1, width)
    found = morris.analyze(unit_problem(width), shares, groups[whole].ravel(), num_levels=design.levels, seed=table.study.seed)
    return Sensitivity(
        "morris",
        tuple(table.study.vary),
        np.asarray(found["mu_star"], float),
        np.asarray(found["mu_star_conf"], float),
        np.asarray(found["sigma"], float),
        np.zeros(width),
        left_out=left_out,
    )


def _sobol(paths: tuple[str, ...], values: np.ndarray, *, left_out: int = 0, by_surrogate: bool = False) -> Sensitivity:
    from SALib.analyze import sobol

    if np.ptp(values) == 0.0:
        raise InputError("The measure is the same in every run, so no parameter accounts for any variance.")
    found = sobol.analyze(unit_problem(len(paths)), values, calc_second_order=False, seed=0)
    return Sensitivity(
        "sobol", paths, found["S1"], found["S1_conf"], found["ST"], found["ST_conf"], by_surrogate, left_out
    )  # fmt: skip


def _by_surrogate(table: "StudyTable", measure: str) -> Sensitivity:
    vary = table.study.vary
    shares = unit_points("saltelli", len(vary), SURROGATE_RUNS, seed=table.study.seed)
    mean, _ = fit(table, measure).predict(at_shares(vary, shares))
    return _sobol(tuple(vary), mean, by_surrogate=True)
