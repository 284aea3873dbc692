"""Contrast agent carried along a tree of vessels by the blood, and washed out by it.

In each branch the blood flows as a plug, Q through the trunk and the share φ of it through a branch. With y = ∫ A ds / φ,
summed along the way from where the agent is injected, and W(t) the volume that has flowed there, the concentration is
c(y, t) = C(W(t) − y): what is injected moves on unchanged, whatever the areas, and no numerical spreading widens it. The agent
first mixes in a small volume V at the catheter's tip, dC/dW = (C_in − C) / V, which gives the puff its tail. Everything has a
closed form, and the mass in all branches plus what has left through their ends is what was injected, to rounding.

While agent is injected at the rate r it adds to the flow, Q + r, and its concentration in it is c₀ r / (Q + r). None goes
upstream.
"""

import dataclasses
from typing import Any

import numpy as np

from meshing.errors import InputError


@dataclasses.dataclass(frozen=True)
class Puff:
    """One injection.

    Attributes
    ----------
    start_s
        When it begins [s].
    volume_ml, rate_ml_s
        How much, and how fast [mL], [mL/s].
    iodine_mg_ml
        Iodine in the agent [mg/mL].

    Raises
    ------
    InputError
        If an amount is not above zero.
    """

    start_s: float
    volume_ml: float
    rate_ml_s: float
    iodine_mg_ml: float = 350.0

    def __post_init__(self) -> None:
        for label, value in (("volume", self.volume_ml), ("rate", self.rate_ml_s), ("iodine", self.iodine_mg_ml)):
            if not (np.isfinite(value) and value > 0.0):
                raise InputError(f"The {label} of a contrast injection is {value:g}; give one above zero.")

    @property
    def end_s(self) -> float:
        """When it ends [s]."""
        return self.start_s + self.volume_ml / self.rate_ml_s

    @property
    def iodine_mg(self) -> float:
        """All its iodine [mg]."""
        return self.volume_ml * self.iodine_mg_ml


@dataclasses.dataclass(frozen=True, eq=False)
class Stretch:
    """One branch of the tree, in cells along its centreline.

    Attributes
    ----------
    points
        Points of the centreline, downstream, shape (n, 3) [mm].
    volume_ml
        Volume of the lumen before each point, from the branch's first, shape (n,) [mL].
    share
        Part of the trunk's flow that goes through it, φ.
    parent
        Number of the branch it leaves, −1 for the trunk; it leaves at that branch's end.
    """

    points: np.ndarray
    volume_ml: np.ndarray
    share: float = 1.0
    parent: int = -1

    @staticmethod
    def of(points: Any, radii: Any, *, share: float = 1.0, parent: int = -1) -> "Stretch":
        """A branch with these centreline points (n, 3) [mm] and lumen radii (n,) [mm]."""
        points, radii = np.asarray(points, float), np.asarray(radii, float)
        lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
        # Each cell is a cone between its two sections.
        cells = np.pi / 3.0 * lengths * (radii[:-1] ** 2 + radii[:-1] * radii[1:] + radii[1:] ** 2)
        return Stretch(points, np.concatenate([[0.0], np.cumsum(cells)]) * 1e-3, share, parent)


class DyedTree:
    """A tree of vessels with what was injected into its trunk."""

    def __init__(self, stretches: list[Stretch], *, flow_ml_s: float, mixing_ml: float = 0.5) -> None:
        """Set a tree up.

        Parameters
        ----------
        stretches
            The branches, each after its parent; the first is the trunk, and agent is injected where it begins.
        flow_ml_s
            Blood through the trunk [mL/s].
        mixing_ml
            Volume in which agent mixes at the catheter's tip [mL]; chosen, unverified.

        Raises
        ------
        InputError
            If the flow is not above zero, or the shares of the branches that leave one do not sum to its own.
        """
        if not (np.isfinite(flow_ml_s) and flow_ml_s > 0.0 and mixing_ml >= 0.0):
            raise InputError(f"The flow is {flow_ml_s:g} mL/s and the mixing volume {mixing_ml:g} mL; give a flow above zero.")
        for number, one in enumerate(stretches):
            children = [other.share for other in stretches if other.parent == number]
            if children and abs(sum(children) - one.share) > 1e-9:
                raise InputError(f"Branches of {sum(children):g} of the flow leave branch {number}, which carries {one.share:g}.")
        self.stretches, self.flow_ml_s, self.mixing_ml = stretches, flow_ml_s, mixing_ml
        self.puffs: list[Puff] = []
        self.arrivals: list[np.ndarray] = []
        for one in stretches:
            before = 0.0 if one.parent < 0 else float(self.arrivals[one.parent][-1])
            self.arrivals.append(before + one.volume_ml / one.share)

    def inject(self, puff: Puff) -> None:
        """Inject once more; not before the last one has ended."""
        if self.puffs and puff.start_s < self.puffs[-1].end_s:
            raise InputError(
                f"An injection at {puff.start_s:g} s would begin before the last one ends at {self.puffs[-1].end_s:g} s."
            )
        self.puffs.append(puff)

    def flowed_ml(self, time_s: float) -> float:
        """W(t): volume that has flowed past the catheter's tip since 0 s [mL]."""
        added = sum(puff.rate_ml_s * float(np.clip(time_s - puff.start_s, 0.0, puff.end_s - puff.start_s)) for puff in self.puffs)
        return self.flow_ml_s * time_s + added

    def injected_mg(self, time_s: float) -> float:
        """Iodine that has left the catheter until a time [mg]."""
        return sum(
            puff.iodine_mg_ml * puff.rate_ml_s * float(np.clip(time_s - puff.start_s, 0.0, puff.end_s - puff.start_s))
            for puff in self.puffs
        )

    def passed_mg(self, volume_ml: np.ndarray, time_s: float) -> np.ndarray:
        """Iodine that has left the mixing volume with the first `volume_ml` of all that flowed until a time [mg], any shape.

        For a block of concentration C from W₁ to W₂ it is C times the difference of f(w − W₁) and f(w − W₂),
        f(w) = w − V (1 − exp(−w / V)).
        """
        total = np.zeros(np.shape(volume_ml))
        for puff in self.puffs:
            start, end = min(puff.start_s, time_s), min(puff.end_s, time_s)
            first, last = self.flowed_ml(start), self.flowed_ml(end)
            mean = puff.iodine_mg_ml * puff.rate_ml_s / (self.flow_ml_s + puff.rate_ml_s)
            total = total + mean * (self._ramp(np.asarray(volume_ml) - first) - self._ramp(np.asarray(volume_ml) - last))
        return total

    def cells(self, time_s: float) -> list[np.ndarray]:
        """Mean concentration of iodine in each cell of each branch at a time, shapes (n − 1,) [mg/mL]."""
        flowed = self.flowed_ml(time_s)
        found = []
        for arrival in self.arrivals:
            passed = self.passed_mg(flowed - arrival, time_s)
            found.append((passed[:-1] - passed[1:]) / np.maximum(np.diff(arrival), 1e-12))
        return found

    def mass_mg(self, time_s: float) -> tuple[float, float, float]:
        """Iodine in the mixing volume, in the branches, and gone through their ends, at a time [mg]."""
        flowed = self.flowed_ml(time_s)
        inside = 0.0
        for one, cells in zip(self.stretches, self.cells(time_s), strict=True):
            inside += float((cells * np.diff(one.volume_ml)).sum())
        parents = {one.parent for one in self.stretches}
        ends = [k for k in range(len(self.stretches)) if k not in parents]
        gone = sum(self.stretches[k].share * float(self.passed_mg(flowed - self.arrivals[k][-1], time_s)) for k in ends)
        return self.injected_mg(time_s) - float(self.passed_mg(np.array(flowed), time_s)), inside, gone

    def at(self, points: np.ndarray, time_s: float) -> tuple[np.ndarray, np.ndarray]:
        """The nearest points of the centreline (n, 3) [mm] to points (n, 3) [mm], and the concentration there (n,) [mg/mL]."""
        from scipy.spatial import KDTree

        nodes = np.concatenate([one.points for one in self.stretches])
        values = np.concatenate([_at_nodes(cells) for cells in self.cells(time_s)])
        nearest = KDTree(nodes).query(np.asarray(points, float))[1]
        return nodes[nearest], values[nearest]

    def _ramp(self, volume: np.ndarray) -> np.ndarray:
        """f(w): what has come out of the mixing volume of a steady inflow of concentration one [mL]."""
        volume = np.maximum(volume, 0.0)
        if self.mixing_ml <= 0.0:
            return volume
        return volume + self.mixing_ml * np.expm1(-volume / self.mixing_ml)


def _at_nodes(cells: np.ndarray) -> np.ndarray:
    """Means of the cells beside each node."""
    return np.concatenate([cells[:1], 0.5 * (cells[1:] + cells[:-1]), cells[-1:]])
