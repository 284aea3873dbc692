"""A balloon on its catheter: it presses outwards with the part of its pressure that its own wall does not carry.

The compliance chart, read backwards, tells the pressure P_c(r) that the balloon's wall takes up at radius r. Against
anything at radius r the balloon at pressure P therefore presses with max(0, P − P_c(r)): freely it follows its chart, and
where stent and tissue resist it stays smaller.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class GuidedBalloon:
    """A balloon along a fixed axis, as wide as its chart says.

    Attributes
    ----------
    axis
        Points of the catheter's axis [m], shape (q, 3).
    chart_radius, chart_pressure
        Free outer radius [m] against pressure [Pa], both increasing, shape (c,). Beyond the last row the last slope goes on.
    """

    axis: np.ndarray
    chart_radius: np.ndarray
    chart_pressure: np.ndarray

    def free_radius(self, pressure: float) -> float:
        """Radius of the balloon in air [m] at `pressure` [Pa]."""
        radius, chart = _extended(self.chart_radius, self.chart_pressure)
        return float(np.interp(pressure, chart, radius))

    def wall_pressure(self, radius: np.ndarray) -> np.ndarray:
        """Pressure that the balloon's own wall carries at each radius [Pa], nought while it is folded."""
        chart_radius, chart = _extended(self.chart_radius, self.chart_pressure)
        return np.interp(radius, chart_radius, chart)

    def wall_stiffness(self, radius: np.ndarray) -> np.ndarray:
        """Slope of `wall_pressure` [Pa/m]."""
        chart_radius, chart = _extended(self.chart_radius, self.chart_pressure)
        slopes = np.concatenate([[0.0], np.diff(chart) / np.diff(chart_radius)])
        return slopes[np.clip(np.searchsorted(chart_radius, radius), 0, len(slopes) - 1)]

    def work(self, pressure: float, radius: np.ndarray) -> np.ndarray:
        """∫ (P − P_c(s))⁺ s ds from each radius to the free radius [N]: potential per radian and length of axis."""
        free = self.free_radius(pressure)
        return self._swept(pressure, np.array([free])) - self._swept(pressure, np.minimum(radius, free))

    def _swept(self, pressure: float, upper: np.ndarray) -> np.ndarray:
        """∫₀^upper (P − P_c(s)) s ds [N], exact since P_c is linear between the chart's rows."""
        chart_radius, chart = _extended(self.chart_radius, self.chart_pressure)
        knots = np.concatenate([[0.0], chart_radius])
        carried = np.concatenate([[chart[0]], chart])
        a = knots[:-1]
        b = np.clip(upper[:, None], a, knots[1:])
        slope = np.diff(carried) / np.diff(knots)
        constant = pressure - carried[:-1] + slope * a
        return (constant * (b * b - a * a) / 2.0 - slope * (b**3 - a**3) / 3.0).sum(1)


def _extended(radius: np.ndarray, pressure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The chart with its last slope carried on to ten times its last pressure."""
    slope = (pressure[-1] - pressure[-2]) / (radius[-1] - radius[-2])
    return np.append(radius, radius[-1] + 9.0 * pressure[-1] / slope), np.append(pressure, 10.0 * pressure[-1])
