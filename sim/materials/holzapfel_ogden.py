"""The law of Holzapfel and Ogden: heart muscle at rest, with fibres, sheets and the coupling of both."""

import dataclasses
from typing import ClassVar

import numpy as np
import taichi as ti

from sim.materials.exponential import exponential, stiffening
from sim.materials.fibrous import split_energy, split_stress
from sim.materials.ranges import require, require_bulk_and_density


@dataclasses.dataclass(frozen=True)
class HolzapfelOgden:
    """ψ(F) = a/2b (e^(b(Ī₁−3)) − 1) + Σ aᵢ/2bᵢ (e^(bᵢ⟨Ī₄ᵢ−1⟩²) − 1) + a_fs/2b_fs (e^(b_fs Ī₈²) − 1) + κ/2 (J − 1)²   [J/m³]

    Holzapfel & Ogden 2009, doi:10.1098/rsta.2009.0091. The sum is over i = f, the fibre, and s, the sheet: Ī₄f = C̄₁₁ and
    Ī₄s = C̄₂₂, and Ī₈ = C̄₁₂, with C̄ = J^(−2/3) FᵀF in the tet's own frame, direction 0 along the fibre and 1 along the sheet.
    ⟨x⟩ is 0 where x is negative: fibres and sheets do not bear compression; energy and stress have no jump there, the
    stiffness has one. The functions of this class leave out the last term, which the engine adds. `sim.materials.fibrous`
    says how the law goes on below J = 1/4; beyond an exponent of 12 each term goes on as its own parabola in Ī₁, Ī₄ or Ī₈.

    Raises
    ------
    LawError
        If a parameter is outside its range.
    """

    a: float  # [Pa]
    b: float
    af: float  # [Pa]
    bf: float
    as_: float  # [Pa]
    bs: float
    afs: float  # [Pa]
    bfs: float
    bulk: float  # κ [Pa]
    density: float  # [kg/m³]

    fibrous: ClassVar[bool] = True

    def __post_init__(self):
        require(self, "a", self.a, self.a > 0.0, "positive [Pa]")
        for name in ("af", "as_", "afs"):
            value = getattr(self, name)
            require(self, name, value, value >= 0.0, "zero or positive [Pa]")
        for name in ("b", "bf", "bs", "bfs"):
            value = getattr(self, name)
            require(self, name, value, value > 0.0, "positive")
        require_bulk_and_density(self, self.bulk, self.shear_modulus, self.density)

    @property
    def shear_modulus(self) -> float:
        """Mean shear modulus at rest over all planes [Pa], fibres and sheets by half, as tension alone strains them."""
        return self.a + 2.0 / 15.0 * (self.af + self.as_) + self.afs / 5.0

    @property
    def volume_stiffness(self) -> float:
        """κ [Pa], the factor of ½ (J − 1)²."""
        return self.bulk

    def parameters(self) -> np.ndarray:
        """The numbers that a kernel reads, shape (8,): a, b, a_f, b_f, a_s, b_s, a_fs, b_fs, all a in [Pa]."""
        return np.array([self.a, self.b, self.af, self.bf, self.as_, self.bs, self.afs, self.bfs])

    @staticmethod
    @ti.func
    def fictitious(y, p):  # pyright: ignore
        """W [J/m³], the ground's pull, S′ and D [Pa] at the engineering strain y, as `sim.materials.fibrous` says."""
        grown, rise, bend = exponential(2.0 * p[1] * (y[0] + y[1] + y[2]))
        stored, ground = 0.5 * p[0] / p[1] * grown, p[0] * (1.0 + rise)
        s, d = 0.0 * y, 0.0 * y.outer_product(y)
        for i, j in ti.static(((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2))):
            d[i, j] = 2.0 * p[0] * p[1] * bend
        for i in ti.static(range(2)):
            stretch = ti.max(2.0 * y[i], 0.0)
            grown, rise, bend = stiffening(stretch, p[2 + 2 * i], p[3 + 2 * i])
            stored += grown
            s[i] = 2.0 * rise
            if stretch > 0.0:
                d[i, i] += 4.0 * bend
        grown, rise, bend = stiffening(y[5], p[6], p[7])
        stored += grown
        s[5] = rise
        d[5, 5] = bend
        return stored, ground, s, d

    @staticmethod
    @ti.func
    def energy(g, p):  # pyright: ignore
        """ψ without its volume term [J/m³] at displacement gradient G = F − I, both in the tet's own frame."""
        return split_energy(HolzapfelOgden, g, p)

    @staticmethod
    @ti.func
    def stress(g, p):  # pyright: ignore
        """First Piola–Kirchhoff stress [Pa] without the volume term's, in the tet's own frame."""
        return split_stress(HolzapfelOgden, g, p)
