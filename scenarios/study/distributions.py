"""How a parameter varies: a list of values to choose among, or a distribution of what is not known."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, RootModel, Tag, model_validator

from scenarios.tables import Row


class Values(RootModel[tuple[float | int | str, ...]]):
    """A choice among values, each as likely as another."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="after")
    def _holds_different_values(self) -> "Values":
        if not self.root:
            raise ValueError("the list is empty; give at least one value")
        if len(set(self.root)) < len(self.root):
            raise ValueError("a value stands twice; give each once")
        words = {isinstance(value, str) for value in self.root}
        if len(words) > 1:
            raise ValueError("words and numbers are mixed; give one kind")
        return self

    def at(self, share: np.ndarray) -> list[Any]:
        """The values at shares of the way through the list, from 0 to 1, shape (n,)."""
        place = np.minimum((np.asarray(share) * len(self.root)).astype(int), len(self.root) - 1)
        return [self.root[number] for number in place]

    def share(self, values: Sequence[Any]) -> np.ndarray:
        """The share of the way through the list at which each value stands, the middle of its part, shape (n,)."""
        return np.array([(self.root.index(value) + 0.5) / len(self.root) for value in values])


class _Continuous(Row):
    """A distribution by its quantile function."""

    def _frozen(self) -> Any:
        raise NotImplementedError

    def at(self, share: np.ndarray) -> list[Any]:
        """Quantiles at probabilities from 0 to 1, shape (n,)."""
        # The ends of an unbounded distribution are infinitely far away.
        inside = np.clip(np.asarray(share, float), 1e-9, 1.0 - 1e-9)
        return [float(value) for value in self._frozen().ppf(inside)]

    def share(self, values: Sequence[Any]) -> np.ndarray:
        """The probability of a value smaller than each, shape (n,)."""
        return np.asarray(self._frozen().cdf(np.asarray(values, float)))


class _Between(_Continuous):
    low: float
    high: float

    @model_validator(mode="after")
    def _runs_upwards(self) -> "_Between":
        if not self.low < self.high:
            raise ValueError(f"it runs from {self.low:g} to {self.high:g}; low must be below high")
        if self.__class__ is LogUniform and not self.low > 0.0:
            raise ValueError(f"low is {self.low:g}; on a logarithmic scale it must be above zero")
        return self


class Uniform(_Between):
    """Every value between two as likely."""

    distribution: Literal["uniform"]

    def _frozen(self) -> Any:
        from scipy import stats

        return stats.uniform(self.low, self.high - self.low)


class LogUniform(_Between):
    """Every ratio between two values as likely."""

    distribution: Literal["log-uniform"]

    def _frozen(self) -> Any:
        from scipy import stats

        return stats.loguniform(self.low, self.high)


class Triangular(_Between):
    """From low to high, most likely at the mode, in a triangle."""

    distribution: Literal["triangular"]
    mode: float

    def _frozen(self) -> Any:
        from scipy import stats

        width = self.high - self.low
        return stats.triang((self.mode - self.low) / width, self.low, width)

    @model_validator(mode="after")
    def _holds_its_mode(self) -> "Triangular":
        if not self.low <= self.mode <= self.high:
            raise ValueError(f"the mode {self.mode:g} is not between {self.low:g} and {self.high:g}")
        return self


class Normal(_Continuous):
    """A normal distribution, cut off at `low` and `high` where they are given."""

    distribution: Literal["normal"]
    mean: float
    deviation: float = Field(gt=0)
    low: float | None = None
    high: float | None = None

    def _frozen(self) -> Any:
        from scipy import stats

        low = -np.inf if self.low is None else (self.low - self.mean) / self.deviation
        high = np.inf if self.high is None else (self.high - self.mean) / self.deviation
        return stats.truncnorm(low, high, self.mean, self.deviation)

    @model_validator(mode="after")
    def _runs_upwards(self) -> "Normal":
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"it is cut off at {self.low:g} and {self.high:g}; low must be below high")
        return self


class LogNormal(_Continuous):
    """A log-normal distribution: half below the median, two thirds within the median times or over `factor`."""

    distribution: Literal["log-normal"]
    median: float = Field(gt=0)
    factor: float = Field(gt=1)
    low: float | None = Field(default=None, gt=0)
    high: float | None = Field(default=None, gt=0)

    def at(self, share: np.ndarray) -> list[Any]:
        """Quantiles at probabilities from 0 to 1, shape (n,)."""
        return [float(value) for value in np.exp(super().at(share))]

    def share(self, values: Sequence[Any]) -> np.ndarray:
        """The probability of a value smaller than each, shape (n,)."""
        return np.asarray(self._frozen().cdf(np.log(np.asarray(values, float))))

    def _frozen(self) -> Any:
        from scipy import stats

        middle, width = np.log(self.median), np.log(self.factor)
        low = -np.inf if self.low is None else (np.log(self.low) - middle) / width
        high = np.inf if self.high is None else (np.log(self.high) - middle) / width
        return stats.truncnorm(low, high, middle, width)


def _from_any_sequence(given: Any) -> Any:
    """Arrays and ranges count as lists; numpy's numbers as Python's."""
    if isinstance(given, np.ndarray | range):
        return list(np.asarray(given).tolist())
    if isinstance(given, list | tuple):
        return [value.item() if isinstance(value, np.generic) else value for value in given]
    return given


def _kind(given: Any) -> str | None:
    """Which way of varying is meant: a list, or the distribution that is named."""
    if isinstance(given, list | tuple | Values):
        return "list"
    named = given.get("distribution") if isinstance(given, dict) else getattr(given, "distribution", None)
    return named if isinstance(named, str) else None


Variation = Annotated[
    Annotated[Values, Tag("list")]
    | Annotated[Uniform, Tag("uniform")]
    | Annotated[LogUniform, Tag("log-uniform")]
    | Annotated[Triangular, Tag("triangular")]
    | Annotated[Normal, Tag("normal")]
    | Annotated[LogNormal, Tag("log-normal")],
    Discriminator(
        _kind,
        custom_error_type="variation",
        custom_error_message="give a list of values, or a distribution: uniform, log-uniform, triangular, normal or log-normal",
    ),
    BeforeValidator(_from_any_sequence),
]
"""How one parameter varies."""


def is_choice(variation: Any) -> bool:
    """Whether a parameter is chosen from a list, and not uncertain."""
    return isinstance(variation, Values)
