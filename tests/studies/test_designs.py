"""Designs: the points that are asked for, the same for the same seed, from the distributions that are named."""

import numpy as np
import pytest
from pydantic import TypeAdapter
from scipy import stats

from meshing.errors import InputError
from scenarios.study import Design
from scenarios.study.design import seed_of_run, shares_of, unit_points
from scenarios.study.distributions import Variation

PARSE = TypeAdapter(Variation).validate_python
UNIFORM = {"distribution": "uniform", "low": 2.0, "high": 4.0}
DISTRIBUTIONS = [
    (UNIFORM, stats.uniform(2.0, 2.0)),
    ({"distribution": "log-uniform", "low": 1.0, "high": 100.0}, stats.loguniform(1.0, 100.0)),
    ({"distribution": "triangular", "low": 0.0, "high": 4.0, "mode": 1.0}, stats.triang(0.25, 0.0, 4.0)),
    ({"distribution": "normal", "mean": 1.0, "deviation": 2.0}, stats.norm(1.0, 2.0)),
    ({"distribution": "normal", "mean": 1.0, "deviation": 2.0, "low": 0.0, "high": 2.0}, stats.truncnorm(-0.5, 0.5, 1.0, 2.0)),
    ({"distribution": "log-normal", "median": 600e3, "factor": 1.5}, stats.lognorm(np.log(1.5), scale=600e3)),
]


@pytest.mark.parametrize(("words", "reference"), DISTRIBUTIONS, ids=lambda one: str(one)[:40])
def test_a_distribution_has_its_quantiles_and_gives_the_shares_back(words, reference):
    made, share = PARSE(words), np.linspace(0.001, 0.999, 101)
    values = made.at(share)
    assert values == pytest.approx(reference.ppf(share), rel=1e-9, abs=1e-12)
    assert made.share(values) == pytest.approx(share, abs=1e-9)
    assert np.isfinite(made.at(np.array([0.0, 1.0]))).all()


def test_a_factorial_design_crosses_choices_with_the_same_points_of_what_is_uncertain():
    vary = {"a": PARSE([1, 2, 3]), "u": PARSE(UNIFORM), "b": PARSE(["x", "y"])}
    design = Design(kind="factorial", runs=5)
    points = design.points(vary, seed=3)
    assert len(points) == design.size(vary) == 30
    by_choice = {}
    for point in points:
        assert list(point) == ["a", "u", "b"]
        by_choice.setdefault((point["a"], point["b"]), []).append(point["u"])
    assert len(by_choice) == 6 and len({tuple(row) for row in by_choice.values()}) == 1
    assert points == design.points(vary, seed=3) != design.points(vary, seed=4)


@pytest.mark.parametrize("kind", ["sobol", "latin-hypercube"])
def test_space_filling_designs_fill_each_parameter_evenly(kind):
    vary = {name: PARSE({"distribution": "uniform", "low": 0.0, "high": 1.0}) for name in "abc"}
    points = Design(kind=kind, runs=64).points(vary, seed=1)
    shares = shares_of(vary, points)
    for column in shares.T:
        assert sorted((column * 64).astype(int)) == list(range(64))


def test_a_longer_sobol_design_holds_the_shorter_one():
    short, long = (unit_points("sobol", 3, count, seed=5) for count in (10, 100))
    assert np.array_equal(short, long[:10])


@pytest.mark.parametrize(("kind", "size"), [("saltelli", 8 * 5), ("morris", 8 * 4)])
def test_designs_for_sensitivity_have_their_size(kind, size):
    vary = {name: PARSE({"distribution": "uniform", "low": 0.0, "high": 1.0}) for name in "abc"}
    design = Design(kind=kind, runs=8)
    assert len(design.points(vary, seed=0)) == design.size(vary) == size


def test_the_seed_of_a_run_depends_on_the_study_and_its_number_alone():
    seeds = {(study, number): seed_of_run(study, number) for study in range(4) for number in range(500)}
    assert len(set(seeds.values())) == len(seeds)
    assert seeds[3, 499] == seed_of_run(3, 499)
    assert all(0 <= seed < 2**63 for seed in seeds.values())


def test_listed_points_are_run_as_they_are():
    vary = {"a": PARSE([1.0, 2.0]), "b": PARSE([3.0])}
    listed = ({"a": 2.0, "b": 3.0}, {"b": 3.0, "a": 1.0})
    assert Design(kind="points", listed=listed).points(vary, seed=0) == [{"a": 2.0, "b": 3.0}, {"a": 1.0, "b": 3.0}]
    with pytest.raises(InputError, match="b is in one alone"):
        Design(kind="points", listed=({"a": 1.0},)).points(vary, seed=0)


def test_a_saltelli_design_out_of_balance_is_refused():
    with pytest.raises(InputError, match="power of two"):
        Design(kind="saltelli", runs=100).points({"a": PARSE(UNIFORM)}, seed=0)
