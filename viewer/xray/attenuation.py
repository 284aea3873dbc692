"""What X-rays meet: materials by how much they attenuate, and a tube's spectrum as a few energies that stand for it."""

import dataclasses
import difflib
from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any

import numpy as np

from meshing.errors import InputError
from scenarios.assets import find_asset
from scenarios.tables import Row, Tag, read_table

BIN_COUNT = 5
SCINTILLATOR_MM = 0.6
"""Thickness of the detector's caesium iodide [mm]; from memory, unverified."""

LEADING = {"cortical bone": (5.0, 15.0, 40.0), "iodine": (500.0, 1500.0, 3500.0, 6000.0), "nitinol": (0.1, 0.4, 1.0, 2.0)}
"""What the few energies are chosen by, beside water: lengths of each [mm]."""

WATER_MM = (0.0, 60.0, 120.0, 200.0, 300.0)
BONE_MM = (0.0, 10.0, 30.0)
DEPTHS = (0.2, 0.7, 1.5, 2.5)
"""Depths of any other material, in mean free paths, at which its attenuation in the few energies is fitted."""


class MaterialRow(Row):
    """One material of the table."""

    name: str
    also: tuple[str, ...]
    density: float
    tag: Tag
    source: str
    mass_shares: dict[str, float]
    mass_attenuation: tuple[float, ...]


class SpectrumRow(Row):
    """What leaves the tube at one voltage."""

    tube_kv: int
    half_value_layer_mm_al: float
    photons: tuple[float, ...]


class XrayTable(Row):
    """The file `assets/xray.toml`."""

    attenuation_source: str
    spectrum_source: str
    energies_kev: tuple[float, ...]
    materials: tuple[MaterialRow, ...]
    spectra: tuple[SpectrumRow, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Material:
    """A material in front of X-rays.

    Attributes
    ----------
    name, density, tag, source
        As in the table; density [g/cm³].
    energies
        Photon energies, shape (e,) [keV].
    attenuation
        Linear attenuation coefficient with coherent scatter, shape (e,) [1/mm]; iodine's is that of 1 mg/ml.
    """

    name: str
    density: float
    tag: Tag
    source: str
    energies: np.ndarray
    attenuation: np.ndarray

    def at(self, energy_kev: float | np.ndarray) -> np.ndarray:
        """μ at energies within the table [1/mm], interpolated in log-log; not to be trusted within 1 keV of an edge."""
        return np.exp(np.interp(np.log(energy_kev), np.log(self.energies), np.log(self.attenuation)))


@cache
def xray_table() -> XrayTable:
    """Read the table of attenuations and spectra."""
    return read_table(find_asset("xray.toml"), XrayTable)


@cache
def find_material(name: str) -> Material:
    """Give a material by its name or one of its other names.

    Raises
    ------
    InputError
        If there is none, with those that there are.
    """
    table = xray_table()
    for row in table.materials:
        if name in (row.name, *row.also):
            attenuation = np.array(row.mass_attenuation) * row.density * 0.1
            return Material(row.name, row.density, row.tag, row.source, np.array(table.energies_kev), attenuation)
    names = [row.name for row in table.materials]
    close = difflib.get_close_matches(name, names, n=1)
    guess = f"did you mean {close[0]!r}? " if close else ""
    raise InputError(f"No material of X-rays is called {name!r}; {guess}there are {', '.join(names)}.")


@dataclasses.dataclass(frozen=True, eq=False)
class Beam:
    """A tube's spectrum as the detector weighs it, I = Σₑ S(e) exp(−Σₘ μₘ(e) Lₘ), and the few energies that stand for it.

    Attributes
    ----------
    tube_kv
        Peak voltage [kV].
    energies, signal
        The fine spectrum, shape (n,): [keV], and the share S of the unattenuated signal at each: photons × energy × the share
        that the scintillator absorbs.
    half_value_layer_mm_al
        [mm of aluminium]
    bin_energies, weights
        The few energies, shape (k,) [keV], and their weights, which sum to one.
    """

    tube_kv: int
    energies: np.ndarray
    signal: np.ndarray
    half_value_layer_mm_al: float
    bin_energies: np.ndarray
    weights: np.ndarray

    @cached_property
    def _fitted(self) -> dict[str, np.ndarray]:
        return {}

    def attenuation(self, material: str) -> np.ndarray:
        """μ of a material in each of the few energies, shape (k,) [1/mm].

        That of water and of what chose the energies is the table's. Of any other material, whose edges may lie between the
        few energies, it is fitted to the fine quadrature behind `WATER_MM` of water and `BONE_MM` of bone.
        """
        found = find_material(material)
        if found.name not in self._fitted:
            exact = found.name in LEADING or found.name in ("water", "soft tissue", "blood")
            self._fitted[found.name] = found.at(self.bin_energies) if exact else self._fit(found)
        return self._fitted[found.name]

    def transmission(self, lengths: Mapping[str, Any], *, fine: bool = False) -> np.ndarray:
        """Share of the signal that passes lengths of materials [mm], numbers or arrays of one shape; `fine`: the quadrature."""
        depth = 0.0
        for name, length in lengths.items():
            attenuation = find_material(name).attenuation if fine else self.attenuation(name)
            depth = depth + np.multiply.outer(np.asarray(length, float), attenuation)
        return np.exp(-depth) @ (self.signal if fine else self.weights)

    def _fit(self, material: Material) -> np.ndarray:
        from scipy.optimize import least_squares

        bed = [{"water": water, "cortical bone": bone} for water in WATER_MM for bone in BONE_MM]
        mean = float(self.signal @ material.attenuation)
        lengths = np.array(DEPTHS) / mean
        fine = np.stack([_passed(one, self.energies) * self.signal for one in bed])
        wanted = fine @ np.exp(-np.outer(material.attenuation, lengths))
        few = np.stack([_passed(one, self.bin_energies) * self.weights for one in bed])

        def off(logarithm: np.ndarray) -> np.ndarray:
            return (few @ np.exp(-np.outer(np.exp(logarithm), lengths)) / wanted - 1.0).ravel()

        return np.exp(least_squares(off, np.log(material.at(self.bin_energies))).x)


@cache
def beam_of(tube_kv: int, *, bin_count: int = BIN_COUNT) -> Beam:
    """Give the beam of a tube at a voltage of the table [kV].

    The few energies are whole keV, exchanged one by one, from those that halve equal shares of the signal, as long as that
    lowers the mean square error of transmission behind every wedge of `WATER_MM`, `BONE_MM` and `LEADING`; their weights are the
    non-negative least squares.

    Raises
    ------
    InputError
        If the table has no such voltage.
    """
    table = xray_table()
    rows = [row for row in table.spectra if row.tube_kv == tube_kv]
    if not rows:
        raise InputError(f"There is no spectrum for {tube_kv} kV; take {', '.join(str(row.tube_kv) for row in table.spectra)}.")
    energies = np.array(table.energies_kev)
    absorbed = 1.0 - np.exp(-find_material("caesium iodide").attenuation * SCINTILLATOR_MM)
    signal = np.array(rows[0].photons) * energies * absorbed
    signal /= signal.sum()
    chosen, weights = _few_energies(energies, signal, bin_count)
    return Beam(tube_kv, energies, signal, rows[0].half_value_layer_mm_al, chosen, weights)


def _few_energies(energies: np.ndarray, signal: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    from scipy.optimize import nnls

    wedges = []
    for water in WATER_MM:
        for bone in BONE_MM:
            bed = {"water": water, "cortical bone": bone}
            wedges += [bed, *({**bed, name: length + bed.get(name, 0.0)} for name in LEADING for length in LEADING[name])]
    passed = np.stack([_passed(wedge, energies) for wedge in wedges])
    # The last row holds the sum of the weights to one.
    rows = np.vstack([passed / (passed @ signal)[:, None], np.full(len(energies), 100.0)])
    wanted = np.append(np.ones(len(wedges)), 100.0)
    candidates = np.flatnonzero(signal > 1e-5)
    chosen = [int(np.searchsorted(np.cumsum(signal), (k + 0.5) / count)) for k in range(count)]
    best, improved = nnls(rows[:, chosen], wanted)[1], True
    while improved:
        improved = False
        for k in range(count):
            for candidate in candidates:
                if candidate in chosen:
                    continue
                trial = [*chosen[:k], int(candidate), *chosen[k + 1 :]]
                error = nnls(rows[:, trial], wanted)[1]
                if error < best * (1.0 - 1e-9):
                    best, chosen, improved = error, trial, True
    chosen = sorted(chosen)
    weights = nnls(rows[:, chosen], wanted)[0]
    return energies[chosen], weights / weights.sum()


def _passed(lengths: dict[str, float], energies: np.ndarray) -> np.ndarray:
    """Share of photons of each energy that pass lengths of materials [mm]."""
    return np.exp(-sum((find_material(name).at(energies) * length for name, length in lengths.items()), np.zeros(len(energies))))
