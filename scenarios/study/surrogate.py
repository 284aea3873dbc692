"""Surrogate: a Gaussian process that stands in for runs not done, with the error it has on those that were."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from meshing.errors import InputError
from scenarios.study.distributions import Values, Variation

if TYPE_CHECKING:
    from scenarios.study.table import StudyTable

LEAST_RUNS = 8
"""Fewest runs that a surrogate is made from, and no fewer than two for each parameter."""


def coordinates(vary: Mapping[str, Variation], points: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Where points of parameters lie for the surrogate, shape (n, width).

    Numbers of a list by their place between its least and its largest, uncertain ones by their probability, words by a column
    for each.
    """
    columns = []
    for path, variation in vary.items():
        given = [point[path] for point in points]
        if not isinstance(variation, Values):
            columns.append(variation.share(given))
        elif isinstance(variation.root[0], str):
            columns += [np.array([value == word for value in given], float) for word in variation.root]
        else:
            numbers = np.array(variation.root, float)
            columns.append((np.array(given, float) - numbers.min()) / max(float(np.ptp(numbers)), 1e-300))
    return np.stack(columns, axis=1) if points else np.zeros((0, len(columns)))


@dataclasses.dataclass(frozen=True)
class Surrogate:
    """A Gaussian process fitted to a measure over the varied parameters.

    Attributes
    ----------
    range
        Largest less smallest value among the runs, in the measure's unit.
    left_out_error
        Root mean square of what it says of each run when fitted without it, less what the run said, in the measure's unit.
    scale
        Factor on the process's own deviation that makes 95 % of the left-out errors lie within its 95 % band.
    """

    vary: Mapping[str, Variation]
    range: float
    left_out_error: float
    scale: float
    process: Any

    @property
    def relative_error(self) -> float:
        """Left-out error as a share of the range."""
        return self.left_out_error / self.range

    def predict(self, points: Sequence[Mapping[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation at points of parameters, each of shape (n,), in the measure's unit."""
        return self.predict_at(coordinates(self.vary, points))

    def predict_at(self, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same at coordinates, shape (n, width)."""
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            mean, deviation = self.process.predict(where, return_std=True)
        return mean, self.scale * deviation

    def mean_of(self, points: Sequence[Mapping[str, Any]]) -> tuple[float, float, np.ndarray]:
        """Mean over points, its standard deviation, and the prediction at each, shape (n,)."""
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            mean, covariance = self.process.predict(coordinates(self.vary, points), return_cov=True)
        return float(mean.mean()), self.scale * float(np.sqrt(max(covariance.mean(), 0.0))), mean


def fit(table: "StudyTable", measure: str) -> Surrogate:
    """Fit a surrogate to a measure of a table.

    Raises
    ------
    InputError
        If there are too few runs that are ok, or they are all the same.
    """
    values, there = table.values(measure)
    points = [table.rows[number].parameters for number in np.flatnonzero(there)]
    return fit_points(table.study.vary, points, values[there], measure=measure)


def fit_points(
    vary: Mapping[str, Variation], points: Sequence[Mapping[str, Any]], values: np.ndarray, *, measure: str
) -> Surrogate:
    """Fit a surrogate to values at points of parameters; see `fit`."""
    least = max(LEAST_RUNS, 2 * len(vary))
    if len(points) < least:
        raise InputError(f"A surrogate of {measure} needs {least} runs that are ok and there are {len(points)}; add runs.")
    spread = float(np.ptp(values))
    if spread <= 1e-12 * float(np.abs(values).max()):
        raise InputError(f"The measure {measure} is {values[0]:g} in every run, so there is nothing for a surrogate to learn.")
    where = coordinates(vary, points)
    process = _fitted(where, values)
    off, deviation = left_out(process, where, values, together=together_of(vary, where))
    # The quantile that a new run stays below with 95 %: Lei 2018, doi:10.1080/01621459.2017.1307116, of the left-out errors.
    sizes = np.sort(np.abs(off / deviation))
    scale = float(sizes[min(int(np.ceil(0.95 * (len(sizes) + 1))), len(sizes)) - 1]) / 1.96
    return Surrogate(
        vary=vary,
        range=spread,
        left_out_error=float(np.sqrt(np.mean(off**2))),
        scale=scale,
        process=process,
    )


def together_of(vary: Mapping[str, Variation], where: np.ndarray) -> np.ndarray:
    """Numbers of groups of runs that are left out together, shape (n,): those with one and the same point of what is uncertain.

    A design that crosses choices with points of what is uncertain runs each such point several times; leaving out one run at a
    time would leave its point known.
    """
    uncertain, alone = _uncertain_columns(vary), np.arange(len(where))
    if not uncertain:
        return alone
    group = np.unique(where[:, uncertain], axis=0, return_inverse=True)[1].ravel()
    return group if group.max() + 1 >= 4 else alone


def _uncertain_columns(vary: Mapping[str, Variation]) -> list[int]:
    columns, place = [], 0
    for one in vary.values():
        if not isinstance(one, Values):
            columns.append(place)
        place += len(one.root) if isinstance(one, Values) and isinstance(one.root[0], str) else 1
    return columns


def left_out(process: Any, where: np.ndarray, values: np.ndarray, *, together: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Error and standard deviation at each run of the process that has not seen its group, each of shape (n,).

    With K the covariance of the runs and g those of a group, the error is [K⁻¹]gg⁻¹ [K⁻¹y]g and its covariance [K⁻¹]gg⁻¹; for a
    group of one Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, equation 5.12. The kernel stays as it was
    fitted to all.
    """
    unit, middle = process._y_train_std, process._y_train_mean
    covariance = process.kernel_(where) + process.alpha * np.eye(len(where))
    inverse = np.linalg.inv(covariance)
    weighed = inverse @ ((values - middle) / unit)
    off, deviation = np.zeros(len(where)), np.zeros(len(where))
    for number in np.unique(together):
        group = np.flatnonzero(together == number)
        block = np.linalg.inv(inverse[np.ix_(group, group)])
        off[group], deviation[group] = unit * block @ weighed[group], unit * np.sqrt(np.diag(block))
    return off, deviation


def _fitted(where: np.ndarray, values: np.ndarray) -> Any:
    """A process with Matérn's covariance of order 5/2 and a length for every coordinate.

    Not the infinitely smooth one: it errs less on smooth responses, but its bands are too narrow by far.
    """
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
    from threadpoolctl import threadpool_limits

    lengths: Any = np.full(where.shape[1], 0.7)
    kernel = ConstantKernel(1.0, (1e-3, 1e4)) * Matern(lengths, (0.05, 50.0), nu=2.5) + WhiteKernel(1e-4, (1e-9, 1.0))
    process = GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=3, random_state=0)
    # A length at its bound says that a parameter does not matter, which is no fault.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        return process.fit(where, values)
