"""What a table says: sensitivity, surrogate, further runs, chances, front and convergence, each against what is known."""

import json
from pathlib import Path

import numpy as np
import pytest

from meshing.errors import InputError
from scenarios.study import Design, Goal, Question, Study, StudyTable, Workplace, open_table
from scenarios.study.adaptive import next_points
from scenarios.study.comparing import chances, curve, pareto_front, response_map
from scenarios.study.convergence import converge, error_of
from scenarios.study.design import at_shares, unit_points
from scenarios.study.distributions import Uniform
from scenarios.study.runs import OK
from scenarios.study.sensitivity import sensitivity
from scenarios.study.store import Store
from scenarios.study.surrogate import fit, together_of
from scenarios.study.table import collect
from tests.studies.functions import ishigami, plane, smooth, step, trapezoid

PI = {"distribution": "uniform", "low": -np.pi, "high": np.pi}
UNIFORM = Uniform(distribution="uniform", low=0.0, high=1.0)
UNIT = {"distribution": "uniform", "low": 0.0, "high": 1.0}
FIRST = np.array([0.3139, 0.4424, 0.0])
TOTAL = np.array([0.5576, 0.4424, 0.2437])
"""Sobol's indices of the Ishigami function with a = 7, b = 0.1, in closed form (Sudret 2008, doi:10.1016/j.ress.2007.04.002)."""


def table_of(study: Study, folder: Path, answer) -> StudyTable:
    """The table of a study whose runs were answered here, with the rows that a worker would write."""
    store = Store(folder)
    rows = study.rows(study.design.points(study.vary, seed=study.seed))
    for row in rows:
        came = answer(**{path: row.parameters[path] for path in study.vary})
        readings = [["value", came, "1", ""]] if came is not None else []
        status = {"status": OK if came is not None else "failed", "reason": "", "notes": [], "readings": readings}
        rest = {"setup_s": 0.0, "run_s": 0.0, "started_s": 0.0, "attempts": 1, "host": "here"}
        store.finish(row.key, status | rest)
    return collect(store, study, rows)


def test_sobol_indices_of_ishigami_are_those_of_the_closed_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # Five thousand files need not outlive a power cut.
    monkeypatch.setattr("os.fsync", lambda number: None)
    study = Study(ishigami, vary=dict.fromkeys(("x1", "x2", "x3"), PI), design=Design(kind="saltelli", runs=1024))
    found = sensitivity(table_of(study, tmp_path, ishigami), "value")
    assert np.abs(found.first - FIRST).max() < 0.02
    assert np.abs(found.total - TOTAL).max() < 0.02


def test_groups_with_a_run_that_came_to_nothing_are_left_out_of_sensitivity(tmp_path: Path):
    study = Study(ishigami, vary=dict.fromkeys(("x1", "x2", "x3"), PI), design=Design(kind="saltelli", runs=256))
    found = sensitivity(table_of(study, tmp_path, lambda **x: None if x["x1"] > 3.05 else ishigami(**x)), "value")
    assert 0 < found.left_out < 64 and np.abs(found.first - FIRST).max() < 0.1


def test_morris_finds_the_slopes_of_a_plane_exactly(tmp_path: Path):
    study = Study(plane, vary={"x": UNIT, "y": UNIT}, design=Design(kind="morris", runs=10))
    found = sensitivity(table_of(study, tmp_path, lambda x, y: 2.0 * x + y), "value")
    assert found.first == pytest.approx([2.0, 1.0]) and found.total == pytest.approx([0.0, 0.0], abs=1e-12)


def test_the_surrogate_of_a_smooth_response_is_as_good_as_it_says(tmp_path: Path):
    fresh = at_shares(dict.fromkeys("abc", UNIFORM), np.random.default_rng(5).random((1000, 3)))
    truth, covered = np.array([smooth(**point) for point in fresh]), []
    for seed in range(4):
        study = Study(smooth, vary=dict.fromkeys("abc", UNIT), design=Design(kind="latin-hypercube", runs=64), seed=seed)
        made = fit(table_of(study, tmp_path / str(seed), smooth), "value")
        mean, deviation = made.predict(fresh)
        covered.append(np.mean(np.abs(mean - truth) <= 1.96 * deviation))
        assert np.sqrt(np.mean((mean - truth) ** 2)) <= 2.0 * made.left_out_error <= 2.0 * 0.05 * made.range
    assert 0.90 <= np.mean(covered) <= 0.98 and min(covered) > 0.85


def test_runs_that_share_an_uncertain_point_are_left_out_together(tmp_path: Path):
    study = Study(smooth, vary={"a": [0.2, 0.5, 0.8], "b": UNIT, "c": UNIT}, design=Design(kind="factorial", runs=12))
    table = table_of(study, tmp_path, lambda a, b, c: np.sin(60.0 * b * c) + a)
    made = fit(table, "value")
    groups = together_of(study.vary, np.array([[row.parameters[path] for path in "abc"] for row in table.rows]))
    assert sorted(np.bincount(groups)) == [3] * 12
    # Noise in (b, c) cannot be foretold at a point that was not run, though each stands at three values of a.
    assert made.relative_error > 0.15


def test_a_surrogate_of_too_few_or_equal_runs_is_refused(tmp_path: Path):
    few = Study(smooth, vary=dict.fromkeys("abc", UNIT), design=Design(kind="sobol", runs=5))
    with pytest.raises(InputError, match="needs 8 runs that are ok and there are 5"):
        fit(table_of(few, tmp_path / "few", smooth), "value")
    flat = Study(smooth, vary=dict.fromkeys("abc", UNIT), design=Design(kind="sobol", runs=16))
    with pytest.raises(InputError, match="nothing for a surrogate to learn"):
        fit(table_of(flat, tmp_path / "flat", lambda **x: 3.0), "value")


def test_further_runs_go_where_the_question_is_least_certain(tmp_path: Path):
    study = Study(
        step, vary={"a": UNIT, "b": UNIT}, design=Design(kind="sobol", runs=16),
        questions=[Question(measure="value", at_most=0.5)],
    )  # fmt: skip
    table = table_of(study, tmp_path, step)
    chosen = next_points(study, table, 8, number=16)
    spread = at_shares(study.vary, unit_points("sobol", 2, 256, seed=9))
    near, usual = (np.mean([abs(step(**point) - 0.5) for point in points]) for points in (chosen, spread))
    assert len(chosen) == 8 and near < 0.5 * usual
    assert min(np.hypot(p["a"] - q["a"], p["b"] - q["b"]) for i, p in enumerate(chosen) for q in chosen[:i]) > 0.01
    assert chosen == next_points(study, table, 8, number=16)


def test_further_runs_are_kept_and_not_placed_anew(tmp_path: Path, workers: Workplace):
    study = Study(
        step, vary={"a": UNIT, "b": UNIT}, design=Design(kind="sobol", runs=8), questions=[Question(measure="value", at_most=0.5)]
    )
    assert len(study.run(tmp_path, workplace=workers, adaptive=3).frame) == 11
    more = study.run(tmp_path, workplace=workers, adaptive=6).frame
    assert len(more) == len(open_table(tmp_path).frame) == 14
    again = study.run(tmp_path, workplace=Workplace(scheduler="tcp://127.0.0.1:9"), adaptive=6)
    assert again.frame["value"].tolist() == more["value"].tolist()


def test_chances_count_each_choice_and_what_is_missing(tmp_path: Path):
    study = Study(plane, vary={"x": [0.0, 0.5], "y": UNIT}, design=Design(kind="factorial", runs=64))
    table = table_of(study, tmp_path, lambda x, y: None if y > 0.9 else 2.0 * x + y)
    rows = chances(table, Question(measure="value", at_most=0.5))
    assert [one.choice for one in rows] == [{}, {"x": 0.0}, {"x": 0.5}]
    missing = int((table.frame["y"].to_numpy() > 0.9).sum()) // 2
    assert [one.silent for one in rows] == [2 * missing, missing, missing]
    assert rows[1].share == pytest.approx(0.5 / 0.9, abs=0.02) and rows[2].met == 0
    # Wilson's interval of none out of n runs from z² / (n + z²) down to 0.
    assert rows[2].low == 0.0 and rows[2].high == pytest.approx(1.96**2 / (rows[2].count + 1.96**2), rel=1e-3)


def test_the_front_is_that_of_all_pairs(tmp_path: Path, workers: Workplace):
    study = Study(plane, vary={"x": UNIT, "y": {"distribution": "uniform", "low": -2.0, "high": 0.0}}, design=Design(runs=50))
    table = study.run(tmp_path, workplace=workers)
    goals = [Goal(measure="height", best="smallest"), Goal(measure="x squared", best="largest")]
    height, square = table.frame["height"].to_numpy(), table.frame["x squared"].to_numpy()
    front = pareto_front(table, goals)
    for number in range(50):
        beaten = (
            (height <= height[number]) & (square >= square[number]) & ((height < height[number]) | (square > square[number]))
        ).any()
        assert beaten != (number in front)


def test_a_curve_and_a_map_average_over_the_others(tmp_path: Path):
    study = Study(plane, vary={"x": UNIT, "y": UNIT}, design=Design(kind="sobol", runs=32))
    table = table_of(study, tmp_path, lambda x, y: 2.0 * x + y)
    made = fit(table, "value")
    found = curve(table, made, "x")
    assert found.mean == pytest.approx(2.0 * np.array(found.at) + 0.5, abs=0.02)
    assert found.high - found.low == pytest.approx(np.full(len(found.at), 0.9), abs=0.05)
    across, up, mean, _ = response_map(table, made, "x", "y")
    assert mean == pytest.approx(2.0 * np.array(across)[None] + np.array(up)[:, None], abs=0.03)


@pytest.mark.parametrize(
    ("values", "own", "bound"),
    [
        ([1.0 + 4.0**-k for k in range(1, 4)], 1, 4.0**-2),  # second order: the limit is 1
        ([1.0 + 2.0**-k for k in range(1, 4)], 1, 2.0**-2),  # first order
        ([1.3, 1.0, 1.3], 1, 0.3),  # no order at all
    ],
)
def test_an_error_bar_covers_the_distance_to_the_limit_without_being_wasteful(values, own, bound):
    error = error_of(np.array(values), own)
    assert error is not None and bound * (1 - 1e-9) <= error <= 2.01 * bound


def test_an_error_bar_is_not_known_where_a_run_is_missing():
    assert error_of(np.array([1.0, 2.0, np.nan]), 1) is None
    assert error_of(np.array([np.nan, 2.0, 3.0]), 1) == pytest.approx(2.0)


def test_convergence_gives_error_bars_that_cover_the_truth_and_every_table_carries_them(tmp_path: Path, workers: Workplace):
    study = Study(
        trapezoid, vary={"width": {"distribution": "uniform", "low": 1.0, "high": 3.0}}, design=Design(kind="sobol", runs=4),
        converge={"step": [0.5, 0.25, 0.125], "terms": [4, 8, 12]}, fixed={"step": 0.25, "terms": 8},
    )  # fmt: skip
    found = converge(study, tmp_path, workplace=workers)
    bar = found.error_bar("value")
    true = abs(trapezoid(2.0, 0.25, 8) - (np.exp(2.0) - 1.0))
    assert bar is not None and true <= bar <= 3.0 * true
    table = study.run(tmp_path, workplace=workers)
    assert table.error_bar("value") == pytest.approx(bar)
    assert set(table.frame["value ±"]) == {bar}
    assert json.loads((tmp_path / "convergence.json").read_text())["measures"][0]["refinements"][0]["levels"] == [
        0.5,
        0.25,
        0.125,
    ]


def test_convergence_without_a_finer_level_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="hold none finer"):
        converge(Study(trapezoid, vary={"width": [2.0]}, converge={"step": [0.5, 0.25]}), tmp_path)
    with pytest.raises(InputError, match="is not among the levels"):
        converge(Study(trapezoid, vary={"width": [2.0]}, converge={"step": [0.5, 0.3]}), tmp_path)
