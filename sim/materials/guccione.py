"""Guccione's law: heart muscle at rest, stiffer along its fibres than across."""

import dataclasses
from typing import ClassVar

import numpy as np
import taichi as ti

from sim.materials.exponential import LARGEST_EXPONENT, exponential, stiffening
from sim.materials.fibrous import split_energy, split_stress
from sim.materials.ranges import require, require_bulk_and_density


@dataclasses.dataclass(frozen=True)
class Guccione:
    """ψ(F) = C/2 (e^Q − 1) + κ/2 (J − 1)²   [J/m³]

    Guccione, McCulloch & Waldman 1991, doi:10.1115/1.2894084, as in Land et al. 2015, doi:10.1098/rspa.2015.0641:
    Q = b_f Ē₁₁² + b_t (Ē₂₂² + Ē₃₃² + 2 Ē₂₃²) + 2 b_fs (Ē₁₂² + Ē₁₃²), with Ē = (J^(−2/3) FᵀF − I)/2 in the tet's own frame,
    direction 0 along the fibre; there the paper takes F whole, as its tissue keeps its volume. The functions of this class
    leave out the last term, which the engine adds. `sim.materials.fibrous` says how the law goes on below J = 1/4; beyond
    Q = 12 the energy goes on as its own parabola in √Q.

    Raises
    ------
    LawError
        If a parameter is outside its range.
    """

    c: float  # C [Pa]
    bf: float
    bt: float
    bfs: float
    bulk: float  # κ [Pa]
    density: float  # [kg/m³]

    fibrous: ClassVar[bool] = True

    def __post_init__(self):
        require(self, "c", self.c, self.c > 0.0, "positive [Pa]")
        for name in ("bf", "bt", "bfs"):
            value = getattr(self, name)
            require(self, name, value, value > 0.0, "positive")
        require_bulk_and_density(self, self.bulk, self.shear_modulus, self.density)

    @property
    def shear_modulus(self) -> float:
        """Mean shear modulus at rest over all planes [Pa]."""
        return self.c * (2.0 * self.bf + 7.0 * self.bt + 6.0 * self.bfs) / 30.0

    @property
    def volume_stiffness(self) -> float:
        """κ [Pa], the factor of ½ (J − 1)²."""
        return self.bulk

    def parameters(self) -> np.ndarray:
        """The numbers that a kernel reads, shape (8,): C [Pa], b_f, b_t, b_fs, four unused."""
        return np.array([self.c, self.bf, self.bt, self.bfs, 0.0, 0.0, 0.0, 0.0])

    @staticmethod
    @ti.func
    def fictitious(y, p):  # pyright: ignore
        """W [J/m³], 0, S′ and D [Pa] at the engineering strain y, as `sim.materials.fibrous` says."""
        weight = ti.Vector([p[1], p[2], p[2], 0.5 * p[2], 0.5 * p[3], 0.5 * p[3]])
        slope = weight * y
        whole = slope.dot(y)
        grown, _, power = exponential(ti.min(whole, LARGEST_EXPONENT))
        stored, pull, steep = 0.5 * p[0] * grown, p[0] * power, 2.0 * p[0] * power
        if whole > LARGEST_EXPONENT:
            size = ti.sqrt(whole)
            stored, pull, steep = stiffening(size, p[0], 0.0 * size + 1.0)
            pull /= size
            steep = (steep - pull) / whole
        d = steep * slope.outer_product(slope)
        for i in ti.static(range(6)):
            d[i, i] += pull * weight[i]
        return stored, 0.0 * p[0], pull * slope, d

    @staticmethod
    @ti.func
    def energy(g, p):  # pyright: ignore
        """ψ without its volume term [J/m³] at displacement gradient G = F − I, both in the tet's own frame."""
        return split_energy(Guccione, g, p)

    @staticmethod
    @ti.func
    def stress(g, p):  # pyright: ignore
        """First Piola–Kirchhoff stress [Pa] without the volume term's, in the tet's own frame."""
        return split_stress(Guccione, g, p)
