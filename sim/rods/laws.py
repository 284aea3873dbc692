"""Laws of the rods' material: linear elastic, elastoplastic, superelastic; each in one dimension, for one fibre.

Within a tick a law is the slope of an incremental energy: what is stored, and what the tick dissipates. Shear and twist of a
rod stay elastic in all of them.
"""

import dataclasses
import functools
from typing import Protocol

import numpy as np


class Law(Protocol):
    """What a rod asks of its material."""

    @property
    def young_modulus(self) -> float:
        """[Pa]."""
        ...

    @property
    def shear_modulus(self) -> float:
        """[Pa]."""
        ...

    @property
    def memory(self) -> int:
        """How many numbers a fibre remembers; none for a law without history."""
        ...

    def response(self, strain: np.ndarray, history: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Energy [J/m³], stress [Pa] and tangent [Pa], each like `strain`, from history, with one more axis."""
        ...

    def after(self, strain: np.ndarray, history: np.ndarray) -> np.ndarray:
        """History after a tick that ends at `strain`, like `history`."""
        ...


@dataclasses.dataclass(frozen=True)
class LinearElastic:
    """ψ(ε) = E ε²/2   [J/m³]. A section of it needs no fibres.

    Attributes
    ----------
    young_modulus
        E [Pa].
    poisson
        ν.
    """

    young_modulus: float
    poisson: float = 0.3

    @property
    def shear_modulus(self) -> float:
        """[Pa]."""
        return self.young_modulus / (2.0 * (1.0 + self.poisson))

    @property
    def memory(self) -> int:
        """It remembers nothing."""
        return 0

    def response(self, strain: np.ndarray, history: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Energy [J/m³], stress [Pa] and tangent [Pa]."""
        return 0.5 * self.young_modulus * strain**2, self.young_modulus * strain, np.full_like(strain, self.young_modulus)

    def after(self, strain: np.ndarray, history: np.ndarray) -> np.ndarray:
        """History after a tick."""
        return history


@dataclasses.dataclass(frozen=True)
class Elastoplastic:
    """Yield with linear hardening: ψ = E (ε − p)²/2 + K p²/2 + H a²/2 + σ_y |Δp|   [J/m³].

    p is the plastic strain, a its accumulated length, Δp the tick's own. Simo & Hughes, Computational Inelasticity, §1.4.

    Attributes
    ----------
    young_modulus
        E [Pa].
    yield_stress
        σ_y [Pa].
    tangent_modulus
        Slope of the stress after yield [Pa], which hardening of both kinds share: K + H = E T/(E − T).
    kinematic_share
        Share of K in K + H: 1 moves the yield surface, 0 widens it.
    poisson
        ν.
    """

    young_modulus: float
    yield_stress: float
    tangent_modulus: float
    kinematic_share: float = 1.0
    poisson: float = 0.3

    def __post_init__(self) -> None:
        """Raise ValueError where hardening would be negative or infinite."""
        if not 0.0 <= self.tangent_modulus < self.young_modulus:
            raise ValueError(
                f"The tangent modulus ({self.tangent_modulus:g} Pa) must lie between 0 and Young's ({self.young_modulus:g} Pa)."
            )

    @property
    def shear_modulus(self) -> float:
        """[Pa]."""
        return self.young_modulus / (2.0 * (1.0 + self.poisson))

    @property
    def memory(self) -> int:
        """Plastic strain and its accumulated length."""
        return 2

    @property
    def hardening(self) -> float:
        """K + H [Pa]."""
        return self.young_modulus * self.tangent_modulus / (self.young_modulus - self.tangent_modulus)

    def response(self, strain: np.ndarray, history: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Energy [J/m³], stress [Pa] and tangent [Pa]."""
        young, flow, plastic, length = self.young_modulus, *self._flow(strain, history)
        moving = self.hardening * self.kinematic_share
        stress = young * (strain - plastic)
        energy = 0.5 * stress**2 / young + 0.5 * moving * plastic**2
        energy += 0.5 * (self.hardening - moving) * length**2 + self.yield_stress * np.abs(flow)
        tangent = np.where(flow != 0.0, self.tangent_modulus, young)
        return energy, stress, tangent

    def after(self, strain: np.ndarray, history: np.ndarray) -> np.ndarray:
        """History after a tick."""
        _, plastic, length = self._flow(strain, history)
        return np.stack([plastic, length], -1)

    def _flow(self, strain: np.ndarray, history: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Plastic strain of the tick, plastic strain and its length after it: a return in closed form."""
        plastic, length = history[..., 0], history[..., 1]
        moving = self.hardening * self.kinematic_share
        over = self.young_modulus * (strain - plastic) - moving * plastic
        excess = np.abs(over) - self.yield_stress - (self.hardening - moving) * length
        flow = np.maximum(excess, 0.0) / (self.young_modulus + self.hardening) * np.sign(over)
        return flow, plastic + flow, length + np.abs(flow)


# Defaults of balloon-expandable alloys, quoted from memory of data sheets and not checked: set them from the maker's own.
STEEL_316L = Elastoplastic(young_modulus=193e9, yield_stress=205e6, tangent_modulus=692e6)
COBALT_CHROMIUM_L605 = Elastoplastic(young_modulus=243e9, yield_stress=476e6, tangent_modulus=1.5e9)
MP35N = Elastoplastic(young_modulus=233e9, yield_stress=414e6, tangent_modulus=1.5e9)


@dataclasses.dataclass(frozen=True)
class _Side:
    """Tension or compression of a superelastic law: strain = σ (a + b ξ) + l ξ with ξ the share of martensite.

    Forward the stress is s + d ξ, backward likewise with its own s and d; each is (s, d) [Pa].
    """

    a: float
    b: float
    l: float  # noqa: E741
    forward: tuple[float, float]
    backward: tuple[float, float]

    def share(self, strain: np.ndarray, before: np.ndarray) -> np.ndarray:
        """Share of martensite at a strain, after a share before."""
        least = np.clip(self._root(strain, self.forward), 0.0, 1.0)
        most = np.clip(self._root(strain, self.backward), 0.0, 1.0)
        return np.maximum(np.minimum(before, most), least)

    def path_slope(self, share: np.ndarray, line: tuple[float, float]) -> np.ndarray:
        """Tangent [Pa] while the share changes along a line."""
        s, d = line
        return d / (s * self.b + d * self.a + self.l + 2.0 * d * self.b * share)

    def work(self, share: np.ndarray, line: tuple[float, float]) -> np.ndarray:
        """∫ (b σ²/2 + l σ) dξ along a line from no martensite [J/m³]."""
        s, d = line
        square = s * s + share * (s * d + share * d * d / 3.0)
        return share * (0.5 * self.b * square + self.l * (s + 0.5 * d * share))

    def _root(self, strain: np.ndarray, line: tuple[float, float]) -> np.ndarray:
        """Share at which the line meets a strain; a quadratic solved so that b or d may be nought."""
        s, d = line
        p, q = s * self.b + d * self.a + self.l, d * self.b
        rest = strain - s * self.a
        return 2.0 * rest / (p + np.sqrt(np.maximum(p * p + 4.0 * q * rest, 0.0)))


@dataclasses.dataclass(frozen=True)
class Superelastic:
    """Nitinol: austenite turns to martensite on an upper plateau and back on a lower one.

    After Auricchio & Taylor 1997, doi:10.1016/S0045-7825(96)01147-4, in one dimension: ε = σ (1/E_A + ξ (1/E_M − 1/E_A)) ± ε_L ξ,
    where the share of martensite ξ grows while σ = σ_start + ξ (σ_end − σ_start) on the upper plateau and shrinks likewise on
    the lower. Their rate law lets ξ creep under small cycles on a plateau; here each share has its own pair of stresses, which
    is the same for a whole loop, closes every partial loop, and is the slope of an energy. Compression scales all stresses with
    σ_compression/σ_start, which is their Drucker–Prager criterion on one axis. Yield of martensite is left out.

    Attributes
    ----------
    austenite_modulus, martensite_modulus
        E_A, E_M [Pa].
    transformation_strain
        ε_L.
    loading_start, loading_end, unloading_start, unloading_end
        Stresses of the two plateaus at the reference temperature [Pa].
    compression_start
        Size of the stress at which loading starts in compression [Pa]; None for the same as in tension.
    loading_rise, unloading_rise
        Rise of the plateaus with temperature [Pa/K].
    reference_temperature
        [°C].
    poisson
        ν; shear and twist take it with E_A.
    """

    austenite_modulus: float
    martensite_modulus: float
    transformation_strain: float
    loading_start: float
    loading_end: float
    unloading_start: float
    unloading_end: float
    compression_start: float | None = None
    loading_rise: float = 0.0
    unloading_rise: float = 0.0
    reference_temperature: float = 37.0
    poisson: float = 0.33

    def __post_init__(self) -> None:
        """Raise ValueError where the plateaus are not in order."""
        if not 0.0 < self.unloading_end <= self.unloading_start < self.loading_end or self.loading_start <= self.unloading_end:
            raise ValueError(
                f"The plateaus are not in order: loading {self.loading_start:g} to {self.loading_end:g} Pa, unloading "
                f"{self.unloading_start:g} to {self.unloading_end:g} Pa. Unloading must end above nought and below loading."
            )

    @property
    def young_modulus(self) -> float:
        """That of austenite [Pa]."""
        return self.austenite_modulus

    @property
    def shear_modulus(self) -> float:
        """That of austenite [Pa]."""
        return self.austenite_modulus / (2.0 * (1.0 + self.poisson))

    @property
    def memory(self) -> int:
        """The share of martensite, negative where it came from compression."""
        return 1

    def at(self, temperature: float) -> "Superelastic":
        """The same alloy at another temperature [°C]."""
        up = self.loading_rise * (temperature - self.reference_temperature)
        back = self.unloading_rise * (temperature - self.reference_temperature)
        start = self.compression_start
        return dataclasses.replace(
            self,
            loading_start=self.loading_start + up,
            loading_end=self.loading_end + up,
            unloading_start=self.unloading_start + back,
            unloading_end=self.unloading_end + back,
            compression_start=None if start is None else start * (1.0 + up / self.loading_start),
            reference_temperature=temperature,
        )

    @functools.cached_property
    def _sides(self) -> tuple[_Side, _Side]:
        compliance = 1.0 / self.austenite_modulus
        extra = 1.0 / self.martensite_modulus - compliance
        upper = self.loading_start, self.loading_end - self.loading_start
        lower = self.unloading_end, self.unloading_start - self.unloading_end
        ratio = 1.0 if self.compression_start is None else self.compression_start / self.loading_start
        tension = _Side(compliance, extra, self.transformation_strain, upper, lower)
        scaled = [(ratio * s, ratio * d) for s, d in (upper, lower)]
        return tension, _Side(compliance, extra, self.transformation_strain, scaled[0], scaled[1])

    def response(self, strain: np.ndarray, history: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Energy [J/m³], stress [Pa] and tangent [Pa]."""
        stress = self.austenite_modulus * strain
        energy, tangent = 0.5 * stress * strain, np.full_like(strain, self.austenite_modulus)
        # Most fibres are austenite and stay it.
        turning = self._turning(strain, history)
        if turning.any():
            energy[turning], stress[turning], tangent[turning] = self._turned(strain[turning], history[turning])
        return energy, stress, tangent

    def after(self, strain: np.ndarray, history: np.ndarray) -> np.ndarray:
        """History after a tick."""
        turning, out = self._turning(strain, history), history.copy()
        (_, stretched), (_, squeezed) = self._shares(strain[turning], history[turning])
        out[turning, 0] = stretched - squeezed
        return out

    def _turning(self, strain: np.ndarray, history: np.ndarray) -> np.ndarray:
        """Which fibres have martensite, or come to have some."""
        tension, compression = self._sides
        beyond = (strain > tension.a * tension.forward[0]) | (strain < -compression.a * compression.forward[0])
        return beyond | (history[..., 0] != 0.0)

    def _turned(self, strain: np.ndarray, history: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Energy, stress and tangent of fibres with martensite."""
        shares = self._shares(strain, history)
        compliance = self._sides[0].a + self._sides[0].b * (shares[0][1] + shares[1][1])
        stress = (strain - self.transformation_strain * (shares[0][1] - shares[1][1])) / compliance
        energy, tangent = 0.5 * compliance * stress**2, 1.0 / compliance
        for side, (old, new) in zip(self._sides, shares, strict=True):
            energy += side.work(np.minimum(new, old), side.backward)
            energy += np.where(new > old, side.work(new, side.forward) - side.work(old, side.forward), 0.0)
            line = np.where(new > old, side.path_slope(new, side.forward), side.path_slope(new, side.backward))
            tangent = np.where((new != old) & (new > 0.0) & (new < 1.0), line, tangent)
        return energy, stress, tangent

    def _shares(self, strain: np.ndarray, history: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Share of martensite before and after, of tension and of compression; at most one of the two is not nought."""
        pairs = []
        for side, sign in zip(self._sides, (1.0, -1.0), strict=True):
            old = np.maximum(sign * history[..., 0], 0.0)
            pairs.append((old, side.share(sign * strain, old)))
        return pairs


# Measured at 37 °C: material characterisation of the generic inferior-vena-cava filter, github.com/kenaycock/Generic-IVC-Filter.
NITINOL_SE508 = Superelastic(
    austenite_modulus=59e9,
    martensite_modulus=24.75e9,
    transformation_strain=0.042,
    loading_start=395e6,
    loading_end=435e6,
    unloading_start=165e6,
    unloading_end=145e6,
    compression_start=513.5e6,
    loading_rise=4.77e6,
    unloading_rise=9.0e6,
)
# Open frame of github.com/confluentmedical/nitinol-design-concepts, austenite finish at 19 °C.
NITINOL_OPEN_FRAME = Superelastic(
    austenite_modulus=62.857e9,
    martensite_modulus=27.778e9,
    transformation_strain=0.046,
    loading_start=460e6,
    loading_end=500e6,
    unloading_start=240e6,
    unloading_end=210e6,
    compression_start=690e6,
    loading_rise=6.52e6,
    unloading_rise=6.52e6,
)
