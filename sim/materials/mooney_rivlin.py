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
from sim.materials.principal import positive, principal_frame, slopes_from_invariants
from sim.materials.ranges import require, require_bulk_and_density
from sim.materials.stable_neo_hookean import volume_change


@dataclasses.dataclass(frozen=True)
class MooneyRivlin:
    """ψ(F) = c₁₀ (Ī₁ − 3) + c₀₁ (Ī₂ − 3) + κ/2 (J − 1)²   [J/m³]     Rivlin & Saunders 1951, doi:10.1098/rsta.1951.0004

    Ī₁ = J^(−2/3) tr C and Ī₂ = J^(−4/3) ½(tr²C − tr C²), C = FᵀF. At rest the shear modulus is 2 (c₁₀ + c₀₁) and the
    bulk modulus κ. Below J = 1/4, at J = 0 and for inverted elements both invariants are carried on as
    `sim.materials.isochoric` says: energy and stress are finite and smooth at every F, and all terms fall as the element
    turns back.

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
    def first_lame(self) -> float:
        """λ at rest [Pa]."""
        return self.bulk - 2.0 * self.shear_modulus / 3.0

    def parameters(self) -> np.ndarray:
        """The numbers that a kernel reads, shape (4,): c₁₀, c₀₁, κ [Pa], one unused."""
        return np.array([self.c10, self.c01, self.bulk, 0.0])

    @staticmethod
    @ti.func
    def energy(g, p):  # pyright: ignore
        """ψ [J/m³] at displacement gradient G = F − I."""
        change = volume_change(g)
        q, r = volume_scaling(change)
        e = green_strain_twice(g)
        over, _, _ = first_invariant(e, q, r)
        over_second, _, _ = second_invariant(e, q, r)
        return p[0] * over + p[1] * over_second + 0.5 * p[2] * change * change

    @staticmethod
    @ti.func
    def stress(g, p):  # pyright: ignore
        """First Piola–Kirchhoff stress 2 F⁻ᵀ dev[c₁₀ J^(−2/3) C + c₀₁ J^(−4/3) (tr C C − C²)] + κ(J − 1) cof F [Pa]."""
        change = volume_change(g)
        q, r = volume_scaling(change)
        e = green_strain_twice(g)
        cofactor = cofactor_at(g)
        stress = p[2] * change * cofactor
        if change >= LEAST_VOLUME - 1.0:
            # dev(tr C C − C²) with C = I + E, less what cancels.
            second = (1.0 + e.trace()) * deviator_of(e) - deviator_of(e @ e)
            inner = p[0] * q[0] * deviator_of(e) + p[1] * q[0] * q[0] * second
            stress += (2.0 / (1.0 + change)) * (cofactor @ inner)
        else:
            f = ti.Matrix.identity(ti.f32, 3) + g
            _, down, _ = first_invariant(e, q, r)
            _, down_second, _ = second_invariant(e, q, r)
            second = (2.0 + e.trace()) * f - f @ e
            stress += 2.0 * p[0] * q[0] * f + 2.0 * p[1] * q[0] * q[0] * second
            stress += (p[0] * down + p[1] * down_second) * cofactor
        return stress

    @staticmethod
    @ti.func
    def principal_slopes(g, p):  # pyright: ignore
        """U, V and the whole ∂P/∂F between them as H, flips and twists [Pa]; may be indefinite."""
        left, elongation, right = principal_frame(g)
        change = volume_change(g)
        q, r = volume_scaling(change)
        e = green_strain_twice(g)
        _, down, down2 = first_invariant(e, q, r)
        _, down_second, down2_second = second_invariant(e, q, r)
        first = ti.Vector([p[0] * q[0], p[1] * q[0] * q[0], p[0] * down + p[1] * down_second + p[2] * change])
        mixed, mixed_second = p[0] * q[1], 2.0 * p[1] * q[0] * q[1]
        second = ti.Matrix(
            [
                [0.0, 0.0, mixed],
                [0.0, 0.0, mixed_second],
                [mixed, mixed_second, p[0] * down2 + p[1] * down2_second + p[2]],
            ]
        )
        h, flip, twist = slopes_from_invariants(elongation + 1.0, first, second)
        return left, right, h, flip, twist

    @staticmethod
    @ti.func
    def principal_stiffness(g, p):  # pyright: ignore
        """U, V, H, flips and twists of the tangent [Pa], its negative eigenvalues set to zero."""
        left, right, h, flip, twist = MooneyRivlin.principal_slopes(g, p)
        stretch, flip, twist = positive(h, flip, twist)
        return left, right, stretch, flip, twist
