"""Balloon: the delivery balloon's compliance chart, from pressure to diameter and back."""

import dataclasses
from typing import overload

import numpy as np

from meshing.errors import InputError


@dataclasses.dataclass(frozen=True)
class Balloon:
    """A delivery balloon by its chart: folded at 0 atm, unfolding to a ramp's end, then growing linearly to rated burst.

    Diameters are the balloon's outer ones, which are the bore of the stent upon it. Between unfolding and rated burst
    D(P) = D_nominal (1 + c (P − P_nominal)), as measured from 2 to 10 atm on angioplasty balloons (pubmed 2934969). Below it
    the pleats open and the skin does not stretch: a straight line from the folded diameter. A maker's own chart, when given,
    takes the place of the law.

    Raises:
        InputError: a number is not above zero, the pressures are out of order, or the diameter does not grow all the way.
    """

    nominal_diameter_mm: float
    nominal_pressure_atm: float
    compliance_per_atm: float
    """c, the growth of diameter per atm as a share of the nominal diameter [1/atm]."""
    rated_burst_pressure_atm: float
    folded_diameter_mm: float
    length_mm: float
    """Length of the working part, with the overhang at both ends."""
    unfolding_pressure_atm: float = 2.0
    overhang_mm: float = 0.0
    """How far the working part reaches beyond the stent at each end."""
    chart: tuple[tuple[float, float], ...] = ()
    """The maker's rows (pressure [atm], diameter [mm]) above unfolding, up to rated burst; empty for the linear law."""
    source: str = ""

    def __post_init__(self) -> None:
        for label, value, unit in (
            ("nominal diameter", self.nominal_diameter_mm, "mm"),
            ("nominal pressure", self.nominal_pressure_atm, "atm"),
            ("rated burst pressure", self.rated_burst_pressure_atm, "atm"),
            ("folded diameter", self.folded_diameter_mm, "mm"),
            ("length", self.length_mm, "mm"),
            ("unfolding pressure", self.unfolding_pressure_atm, "atm"),
        ):
            if not (np.isfinite(value) and value > 0):
                raise InputError(f"The balloon's {label} is {value:g} {unit}; give one above zero.")
        if not self.unfolding_pressure_atm < self.nominal_pressure_atm <= self.rated_burst_pressure_atm:
            raise InputError(
                f"The balloon unfolds at {self.unfolding_pressure_atm:g} atm, is nominal at {self.nominal_pressure_atm:g} atm "
                f"and is rated to {self.rated_burst_pressure_atm:g} atm; these must come in that order."
            )
        pressures, diameters = self._knots
        falls = np.flatnonzero((np.diff(diameters) <= 0) | (np.diff(pressures) <= 0))
        if falls.size:
            at = int(falls[0])
            raise InputError(
                f"The balloon's chart does not rise from {diameters[at]:.3f} mm at {pressures[at]:g} atm "
                f"to {diameters[at + 1]:.3f} mm at {pressures[at + 1]:g} atm; give rows in which pressure and diameter both grow."
            )

    @property
    def _knots(self) -> tuple[np.ndarray, np.ndarray]:
        rows = self.chart or tuple(
            (pressure, self.nominal_diameter_mm * (1.0 + self.compliance_per_atm * (pressure - self.nominal_pressure_atm)))
            for pressure in (self.unfolding_pressure_atm, self.rated_burst_pressure_atm)
        )
        return np.array([0.0, *(row[0] for row in rows)]), np.array([self.folded_diameter_mm, *(row[1] for row in rows)])

    @property
    def highest_pressure_atm(self) -> float:
        """The pressure to which the chart runs [atm]: rated burst, or the last row of the maker's chart if that is lower."""
        return float(min(self._knots[0][-1], self.rated_burst_pressure_atm))

    @property
    def largest_diameter_mm(self) -> float:
        """The diameter at the chart's end [mm]."""
        return self.diameter(self.highest_pressure_atm)

    @overload
    def diameter(self, pressure_atm: float) -> float: ...
    @overload
    def diameter(self, pressure_atm: np.ndarray) -> np.ndarray: ...
    def diameter(self, pressure_atm: float | np.ndarray) -> float | np.ndarray:
        """Give the outer diameter [mm] of the unhindered balloon at each gauge pressure [atm], a number or an array of any shape.

        Raises:
            InputError: a pressure is negative, not a number, or above rated burst.
        """
        pressures = np.asarray(pressure_atm, dtype=np.float64)
        highest = self.highest_pressure_atm
        lowest_asked, highest_asked = _extent(pressures, "pressure", "atm")
        if highest_asked > highest * (1.0 + 1e-12):
            raise InputError(
                f"The pressure of {highest_asked:g} atm is above the {highest:g} atm to which the {self.nominal_diameter_mm:g} "
                "mm balloon is rated before it may burst; ask for less, or take a larger balloon."
            )
        if lowest_asked < 0:
            raise InputError(f"The pressure of {lowest_asked:g} atm is below zero; a deflated balloon is at 0 atm.")
        diameters = np.interp(pressures, *self._knots)
        return float(diameters) if diameters.ndim == 0 else diameters

    @overload
    def pressure_at(self, diameter_mm: float) -> float: ...
    @overload
    def pressure_at(self, diameter_mm: np.ndarray) -> np.ndarray: ...
    def pressure_at(self, diameter_mm: float | np.ndarray) -> float | np.ndarray:
        """Give the gauge pressure [atm] at which the unhindered balloon has each outer diameter [mm]; the inverse of `diameter`.

        Raises:
            InputError: a diameter is below the folded one, not a number, or above the one at rated burst.
        """
        asked = np.asarray(diameter_mm, dtype=np.float64)
        smallest, largest = self.folded_diameter_mm, self.largest_diameter_mm
        lowest_asked, highest_asked = _extent(asked, "diameter", "mm")
        if highest_asked > largest * (1.0 + 1e-12):
            raise InputError(
                f"The {self.nominal_diameter_mm:g} mm balloon reaches {largest:.2f} mm at the {self.highest_pressure_atm:g} atm "
                f"to which it is rated, less than the {highest_asked:g} mm asked for; take a larger balloon."
            )
        if lowest_asked < smallest * (1.0 - 1e-12):
            raise InputError(
                f"The diameter of {lowest_asked:g} mm is less than the folded balloon's {smallest:g} mm; ask for that or more."
            )
        pressures, diameters = self._knots
        found = np.interp(asked, diameters, pressures)
        return float(found) if found.ndim == 0 else found

    def table(self, *, step_atm: float = 1.0) -> tuple[tuple[float, float], ...]:
        """Give the chart as rows (pressure [atm], diameter [mm]), from unfolding to rated burst, as a maker prints it."""
        inner = np.arange(np.ceil(self.unfolding_pressure_atm), self.highest_pressure_atm, step_atm)
        pressures = np.append(inner, self.highest_pressure_atm)
        return tuple(zip(pressures.tolist(), self.diameter(pressures).tolist(), strict=True))


def _extent(values: np.ndarray, label: str, unit: str) -> tuple[float, float]:
    if values.size == 0:
        return 0.0, 0.0
    if not np.isfinite(values).all():
        raise InputError(f"A {label} asked of the balloon is not a number; give finite values [{unit}].")
    return float(values.min()), float(values.max())
