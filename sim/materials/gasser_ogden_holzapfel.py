"""The law of Gasser, Ogden and Holzapfel: arterial wall with two families of dispersed collagen fibres."""

import dataclasses
import math
from typing import ClassVar

import numpy as np
import taichi as ti

from sim.materials.exponential import stiffening
from sim.materials.fibrous import split_energy, split_stress
from sim.materials.ranges import require, require_bulk_and_density


@dataclasses.dataclass(frozen=True)
class GasserOgdenHolzapfel:
    """ψ(F) = μ/2 (Ī₁ − 3) + Σ k₁/2k₂ (exp(k₂ ⟨Eᵢ⟩²) − 1) + κ/2 (J − 1)²   [J/m³]

    Gasser, Ogden & Holzapfel 2006, doi:10.1098/rsif.2005.0073. Eᵢ = d Ī₁ + (1 − 3d) Ī₄ᵢ − 1 is the strain of family i with
    dispersion d: 0 for aligned fibres, 1/3 for none preferred; Ī₄ᵢ = aᵢ·C̄ aᵢ with the fibres a₁, a₂ at ± the angle from
    direction 0, the circumference, towards direction 1, the axis. ⟨E⟩ is 0 where E is negative: fibres do not bear
    compression. The functions of this class leave out the last term, which the engine adds. `sim.materials.fibrous` says
    how the law goes on below J = 1/4; beyond k₂E² = 12 each term goes on as its own parabola in E.

    Raises
    ------
    LawError
        If a parameter is outside its range.
    """

    shear: float  # μ of the ground substance [Pa]
    k1: float  # [Pa]
    k2: float
    dispersion: float  # κ of the paper
    angle: float  # [rad]
    bulk: float  # κ [Pa]
    density: float  # [kg/m³]

    fibrous: ClassVar[bool] = True

    def __post_init__(self):
        require(self, "shear", self.shear, self.shear > 0.0, "positive [Pa]")
        require(self, "k1", self.k1, self.k1 >= 0.0, "zero or positive [Pa]")
        require(self, "k2", self.k2, self.k2 > 0.0, "positive")
        require(self, "dispersion", self.dispersion, 0.0 <= self.dispersion <= 1.0 / 3.0, "from 0 to 1/3")
        require(self, "angle", self.angle, 0.0 <= self.angle <= 0.5 * math.pi, "from 0 to π/2 [rad]")
        require_bulk_and_density(self, self.bulk, self.shear_modulus, self.density)

    @property
    def shear_modulus(self) -> float:
        """Mean shear modulus at rest over all planes [Pa]: the ground's, and half the fibres', which tension alone strains."""
        return self.shear + 4.0 / 15.0 * self.k1 * (1.0 - 3.0 * self.dispersion) ** 2

    @property
    def volume_stiffness(self) -> float:
        """κ [Pa], the factor of ½ (J − 1)²."""
        return self.bulk

    def parameters(self) -> np.ndarray:
        """The numbers that a kernel reads, shape (8,): μ, k₁ [Pa], k₂; d I + (1 − 3d) a⊗a by 11, 22, 33, 12; one unused."""
        aligned, cosine, sine = 1.0 - 3.0 * self.dispersion, math.cos(self.angle), math.sin(self.angle)
        first, second = self.dispersion + aligned * cosine**2, self.dispersion + aligned * sine**2
        return np.array([self.shear, self.k1, self.k2, first, second, self.dispersion, aligned * cosine * sine, 0.0])

    @staticmethod
    @ti.func
    def fictitious(y, p):  # pyright: ignore
        """W [J/m³], μ, S′ and D [Pa] at the engineering strain y, as `sim.materials.fibrous` says."""
        stored = p[0] * (y[0] + y[1] + y[2])
        s, d = 0.0 * y, 0.0 * y.outer_product(y)
        for family in range(2):
            sign = 1.0 - 2.0 * family
            spread = ti.Vector([p[3], p[4], p[5], 0.0 * p[6], 0.0 * p[6], sign * p[6]])
            stretch = ti.max(2.0 * spread.dot(y), 0.0)
            grown, first, second = stiffening(stretch, p[1], p[2])
            stored += grown
            s += 2.0 * first * spread
            if stretch > 0.0:
                d += 4.0 * second * spread.outer_product(spread)
        return stored, p[0], s, d

    @staticmethod
    @ti.func
    def energy(g, p):  # pyright: ignore
        """ψ without its volume term [J/m³] at displacement gradient G = F − I, both in the tet's own frame."""
        return split_energy(GasserOgdenHolzapfel, g, p)

    @staticmethod
    @ti.func
    def stress(g, p):  # pyright: ignore
        """First Piola–Kirchhoff stress [Pa] without the volume term's, in the tet's own frame."""
        return split_stress(GasserOgdenHolzapfel, g, p)
