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
    shoulder
        Length over which it closes at each end of the axis [m], as half an ellipse does.
    """

    axis: np.ndarray
    chart_radius: np.ndarray
    chart_pressure: np.ndarray
    shoulder: float = 0.0

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
        """∫ (P − P_c(s))⁺ ds from each radius to the free radius [N/m]: potential per area."""
        free = self.free_radius(pressure)
        return self._swept(pressure, np.array([free])) - self._swept(pressure, np.minimum(radius, free))

    def work_table(self, pressure: float) -> np.ndarray:
        """For kernels, in which Pₗ is `pressure` and r goes up to the free radius: rows (r, P_c(r), ∫₀^r (Pₗ − P_c) ds).

        [m], [Pa], [N/m], shape (k, 3); between rows P_c is linear.
        """
        chart_radius, _ = _extended(self.chart_radius, self.chart_pressure)
        free = self.free_radius(pressure)
        radius = np.concatenate([[0.0], chart_radius[chart_radius < free], [free]])
        return np.stack([radius, self.wall_pressure(radius), self._swept(pressure, radius)], 1)

    def share_at(self, station: np.ndarray) -> np.ndarray:
        """Radius at each station along the axis [m] over that between the shoulders; nought beyond its ends."""
        length = float(np.linalg.norm(np.diff(self.axis, axis=0), axis=1).sum())
        to_end = np.minimum(station, length - station)
        closing = 1.0 - np.clip(to_end / max(self.shoulder, 1e-9), 0.0, 1.0)
        return np.where(to_end > 0.0, np.sqrt(1.0 - closing**2), 0.0)

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Nearest place of the axis, which goes straight on beyond its ends, to each point [m], shape (n, 3).

        Returns those places [m], the axis' directions there, both shape (n, 3), and the stations along it [m], shape (n,).
        """
        return nearest_on(self.axis, points)

    def _swept(self, pressure: float, upper: np.ndarray) -> np.ndarray:
        """∫₀^upper (P − P_c(s)) ds [N/m], exact since P_c is linear between the chart's rows."""
        chart_radius, chart = _extended(self.chart_radius, self.chart_pressure)
        knots = np.concatenate([[0.0], chart_radius])
        carried = np.concatenate([[chart[0]], chart])
        # The first row goes from nought at the chart's own first pressure, and beyond the last there is nothing to sweep.
        upper = np.clip(upper, 0.0, knots[-1])
        row = np.clip(np.searchsorted(knots, upper, "right") - 1, 0, len(knots) - 2)
        mean = 0.5 * (carried[1:] + carried[:-1])
        whole = np.concatenate([[0.0], np.cumsum((pressure - mean) * np.diff(knots))])
        slope = np.diff(carried) / np.diff(knots)
        way = upper - knots[row]
        return whole[row] + (pressure - carried[row]) * way - 0.5 * slope[row] * way * way


def arc_lengths(points: np.ndarray) -> np.ndarray:
    """Way along a polyline (q, 3) at each of its points [m], shape (q,)."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])


def nearest_on(axis: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nearest place of a polyline (q, 3), which goes straight on beyond its ends, to each point [m], shape (n, 3).

    Returns those places [m], the line's directions there, both shape (n, 3), and the stations along it [m], shape (n,).
    """
    start, edge = axis[:-1], np.diff(axis, axis=0)
    length = np.linalg.norm(edge, axis=1)
    along = np.einsum("nqi,qi->nq", points[:, None] - start[None], edge) / length**2
    low = np.where(np.arange(len(edge)) == 0, -np.inf, 0.0)
    high = np.where(np.arange(len(edge)) == len(edge) - 1, np.inf, 1.0)
    along = np.clip(along, low, high)
    foot = start[None] + along[:, :, None] * edge[None]
    nearest = np.argmin(np.linalg.norm(points[:, None] - foot, axis=2), axis=1)
    rows = np.arange(len(points))
    directions = edge / length[:, None]
    # Directions are blended between the middles of the axis' pieces, so that they turn smoothly along it.
    place = np.clip(nearest + along[rows, nearest] - 0.5, 0.0, len(edge) - 1.0)
    below = np.minimum(place.astype(int), max(len(edge) - 2, 0))
    above = np.minimum(below + 1, len(edge) - 1)
    part = (place - below)[:, None]
    tangent = (1.0 - part) * directions[below] + part * directions[above]
    station = np.concatenate([[0.0], np.cumsum(length)])[nearest] + along[rows, nearest] * length[nearest]
    return foot[rows, nearest], tangent / np.linalg.norm(tangent, axis=1, keepdims=True), station


def _extended(radius: np.ndarray, pressure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The chart with its last slope carried on to ten times its last pressure."""
    slope = (pressure[-1] - pressure[-2]) / (radius[-1] - radius[-2])
    return np.append(radius, radius[-1] + 9.0 * pressure[-1] / slope), np.append(pressure, 10.0 * pressure[-1])
