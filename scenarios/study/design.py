"""Design: which points of the space of parameters are run."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from meshing.errors import InputError
from scenarios.study.distributions import Variation, is_choice
from scenarios.tables import Row

Kind = Literal["factorial", "sobol", "latin-hypercube", "saltelli", "morris", "points"]


class Design(Row):
    """How the points are laid.

    Attributes
    ----------
    kind
        "factorial" crosses every list of values with every other, and with `runs` points of what is uncertain, the same ones
        for every choice. "sobol" and "latin-hypercube" lay `runs` points in the space of all parameters. "saltelli" lays what
        a variance-based sensitivity needs, `runs` × (parameters + 2) points; "morris" lays `runs` paths that change one
        parameter at a time, `runs` × (parameters + 1) points. "points" runs those that are listed.
    runs
        Number of points, or of what the kind makes its points from.
    levels
        Number of levels of a parameter in "morris".
    listed
        The points of "points", each with a value for every varied path.
    """

    kind: Kind = "factorial"
    runs: int = Field(default=16, ge=1)
    levels: int = Field(default=4, ge=2)
    listed: tuple[Mapping[str, float | int | str], ...] = ()

    def size(self, vary: Mapping[str, Variation]) -> int:
        """How many points there will be, without laying them."""
        if self.kind == "points":
            return len(self.listed)
        if self.kind == "factorial":
            choices = [variation for variation in vary.values() if is_choice(variation)]
            count = 1
            for one in choices:
                count *= len(one.root)  # pyright: ignore[reportAttributeAccessIssue]
            return count * (self.runs if len(choices) < len(vary) else 1)
        return self.runs * {"saltelli": len(vary) + 2, "morris": len(vary) + 1}.get(self.kind, 1)

    def points(self, vary: Mapping[str, Variation], *, seed: int) -> list[dict[str, Any]]:
        """The points, each with a value for every varied path; the same for the same seed.

        Raises
        ------
        InputError
            If nothing is varied, or the kind cannot be laid.
        """
        if not vary:
            raise InputError("The study varies nothing, so its design is empty; name at least one parameter under [vary].")
        if self.kind == "points":
            return self._listed(vary)
        if self.kind == "factorial":
            return self._factorial(vary, seed)
        shares = unit_points(self.kind, len(vary), self.runs, seed=seed, levels=self.levels)
        return at_shares(vary, shares)

    def _listed(self, vary: Mapping[str, Variation]) -> list[dict[str, Any]]:
        if not self.listed:
            raise InputError("The design lists no points, so it is empty; give at least one under listed.")
        for number, point in enumerate(self.listed):
            if set(point) != set(vary):
                path = sorted(set(point) ^ set(vary))[0]
                raise InputError(
                    f"Point {number} of the design and vary do not name the same parameters: {path} is in one alone."
                )
        return [{path: point[path] for path in vary} for point in self.listed]

    def _factorial(self, vary: Mapping[str, Variation], seed: int) -> list[dict[str, Any]]:
        uncertain = {path: one for path, one in vary.items() if not is_choice(one)}
        samples: list[dict[str, Any]] = [{}]
        if uncertain:
            samples = at_shares(uncertain, unit_points("sobol", len(uncertain), self.runs, seed=seed))
        chosen = {path: one.root for path, one in vary.items() if path not in uncertain}  # pyright: ignore
        crossed = [dict(zip(chosen, values, strict=True)) for values in itertools.product(*chosen.values())]
        # In the order in which the study names its parameters.
        return [{path: (choice | sample)[path] for path in vary} for choice in crossed for sample in samples]


def at_shares(vary: Mapping[str, Variation], shares: np.ndarray) -> list[dict[str, Any]]:
    """Points of parameters from points of the unit cube, shape (n, parameter count)."""
    columns = [one.at(shares[:, number]) for number, one in enumerate(vary.values())]
    return [dict(zip(vary, row, strict=True)) for row in zip(*columns, strict=True)]


def shares_of(vary: Mapping[str, Variation], points: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Points of the unit cube from points of parameters, shape (n, parameter count)."""
    columns = [one.share([point[path] for point in points]) for path, one in vary.items()]
    return np.stack(columns, axis=1).reshape(-1, len(vary))


def unit_points(kind: str, width: int, count: int, *, seed: int, levels: int = 4) -> np.ndarray:
    """Points of the unit cube, shape (n, width)."""
    from scipy.stats import qmc

    if kind == "latin-hypercube":
        return qmc.LatinHypercube(width, rng=np.random.default_rng(seed)).random(count)
    if kind == "sobol":
        # The beginning of one sequence, so that a study of more runs holds the points of one of fewer.
        engine = qmc.Sobol(width, rng=np.random.default_rng(seed))
        return engine.random_base2((count - 1).bit_length())[:count]
    problem = unit_problem(width)
    if kind == "saltelli":
        from SALib.sample import sobol

        if count & (count - 1):
            raise InputError(f"A saltelli design of {count} runs is out of balance; give a power of two, such as 256.")
        return sobol.sample(problem, count, calc_second_order=False, seed=seed)
    from SALib.sample import morris

    if width < 2:
        raise InputError("A morris design needs two or more parameters; vary another, or take another kind of design.")
    return morris.sample(problem, count, num_levels=levels, seed=seed)


def unit_problem(width: int) -> dict[str, Any]:
    """The unit cube in the words of SALib."""
    return {"num_vars": width, "names": [str(number) for number in range(width)], "bounds": [[0.0, 1.0]] * width}


def seed_of_run(seed: int, number: int) -> int:
    """The seed of one run: a function of the study's seed and the run's number alone, below 2⁶³."""
    return int(np.random.SeedSequence(seed, spawn_key=(number,)).generate_state(1, np.uint64)[0] >> 1)
