"""The Mooney–Rivlin law of two terms: rubber-like, linear in both isochoric invariants."""

import dataclasses

import numpy as np
import taichi as ti

from sim.materials.isochoric import (
    LEAST_VOLUME,
    cofactor_at,
    deviator_of,
    first_invariant,
    green_strain_twice,
    second_invariant,
    volume_scaling,
)
from sim.materials.principal import principal_frame, slopes_from_invariants
from sim.materials.ranges import require, require_bulk_and_density
from sim.materials.stable_neo_hookean import volume_change


@dataclasses.dataclass(frozen=True)
class MooneyRivlin:
    """ψ(F) = c₁₀ (Ī₁ − 3) + c₀₁ (Ī₂ − 3) + κ/2 (J − 1)²   [J/m³]     Rivlin & Saunders 1951, doi:10.1098/rsta.1951.0004

    The functions of this class leave out the last term, which the engine adds. Ī₁ = J^(−2/3) tr C and
    Ī₂ = J^(−4/3) ½(tr²C − tr C²), C = FᵀF. At rest the shear modulus is 2 (c₁₀ + c₀₁) and the bulk modulus κ. Below
    J = 1/4, at J = 0 and for inverted elements both invariants are carried on as `sim.materials.isochoric` says: energy and
    stress are finite and smooth at every F, and all terms fall as the element turns back.

    Raises
    ------
    LawError
        If a parameter is outside its range; neither c₁₀ nor c₀₁ may be negative, and not both zero.
    """

    c10: float  # [Pa]
    c01: float  # [Pa]
    bulk: float  # κ [Pa]
    density: float  # [kg/m³]

    def __post_init__(self):
        require(self, "c10", self.c10, self.c10 >= 0.0, "zero or positive [Pa]")
        require(self, "c01", self.c01, self.c01 >= 0.0, "zero or positive [Pa]")
        require(self, "c10 + c01", self.c10 + self.c01, self.c10 + self.c01 > 0.0, "positive [Pa]")
        require_bulk_and_density(self, self.bulk, self.shear_modulus, self.density)

    @property
    def shear_modulus(self) -> float:
        """μ at rest [Pa]."""
        return 2.0 * (self.c10 + self.c01)

    @property
    def volume_stiffness(self) -> float:
        """κ [Pa], the factor of ½ (J − 1)²."""
        return self.bulk

    def parameters(self) -> np.ndarray:
        """The numbers that a kernel reads, shape (8,): c₁₀, c₀₁ [Pa], six unused."""
        return np.array([self.c10, self.c01, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])

    @staticmethod
    @ti.func
    def energy(g, p):  # pyright: ignore
        """ψ without its volume term [J/m³] at displacement gradient G = F − I."""
        q, r = volume_scaling(volume_change(g))
        e = green_strain_twice(g)
        over, _, _ = first_invariant(e, q, r)
        over_second, _, _ = second_invariant(e, q, r)
        return p[0] * over + p[1] * over_second

    @staticmethod
    @ti.func
    def stress(g, p):  # pyright: ignore
        """First Piola–Kirchhoff stress 2 F⁻ᵀ dev[c₁₀ J^(−2/3) C + c₀₁ J^(−4/3) (tr C C − C²)] [Pa], volume term left out."""
        change = volume_change(g)
        q, r = volume_scaling(change)
        e = green_strain_twice(g)
        cofactor = cofactor_at(g)
        stress = 0.0 * g
        if change >= LEAST_VOLUME - 1.0:
            # dev(tr C C − C²) with C = I + E, less what cancels.
            second = (1.0 + e.trace()) * deviator_of(e) - deviator_of(e @ e)
            inner = p[0] * q[0] * deviator_of(e) + p[1] * q[0] * q[0] * second
            stress = (2.0 / (1.0 + change)) * (cofactor @ inner)
        else:
            f = ti.Matrix.identity(ti.f32, 3) + g
            _, down, _ = first_invariant(e, q, r)
            _, down_second, _ = second_invariant(e, q, r)
            second = (2.0 + e.trace()) * f - f @ e
            stress = 2.0 * p[0] * q[0] * f + 2.0 * p[1] * q[0] * q[0] * second
            stress += (p[0] * down + p[1] * down_second) * cofactor
        return stress

    @staticmethod
    @ti.func
    def principal_slopes(g, p):  # pyright: ignore
        """U, V and the slope of the stress between them as H, flips and twists [Pa]; may be indefinite."""
        left, elongation, right = principal_frame(g)
        q, r = volume_scaling(volume_change(g))
        e = green_strain_twice(g)
        _, down, down2 = first_invariant(e, q, r)
        _, down_second, down2_second = second_invariant(e, q, r)
        first = ti.Vector([p[0] * q[0], p[1] * q[0] * q[0], p[0] * down + p[1] * down_second])
        mixed, mixed_second = p[0] * q[1], 2.0 * p[1] * q[0] * q[1]
        second = ti.Matrix(
            [
                [0.0, 0.0, mixed],
                [0.0, 0.0, mixed_second],
                [mixed, mixed_second, p[0] * down2 + p[1] * down2_second],
            ]
        )
        h, flip, twist = slopes_from_invariants(elongation + 1.0, first, second)
        return left, right, h, flip, twist
