"""Yeoh's law: rubber-like tissue that stiffens as it is stretched, by a cubic in the first isochoric invariant."""

import dataclasses
import math

import numpy as np
import taichi as ti

from sim.materials.isochoric import (
    LEAST_VOLUME,
    cofactor_at,
    deviator_of,
    first_invariant,
    green_strain_twice,
    volume_scaling,
)
from sim.materials.principal import principal_frame, slopes_from_invariants
from sim.materials.ranges import require, require_bulk_and_density
from sim.materials.stable_neo_hookean import volume_change

LARGEST_INVARIANT = 32.0


@ti.func
def polynomial(over, p):  # pyright: ignore
    """W(Ī₁ − 3) and its first and second slope [Pa]; the parabola of Ī₁ − 3 = 32 beyond it."""
    held = ti.min(over, LARGEST_INVARIANT)
    up = over - held
    first = (3.0 * p[2] * held + 2.0 * p[1]) * held + p[0]
    second = 6.0 * p[2] * held + 2.0 * p[1]
    return ((p[2] * held + p[1]) * held + p[0]) * held + (first + 0.5 * second * up) * up, first + second * up, second


@dataclasses.dataclass(frozen=True)
class Yeoh:
    """ψ(F) = c₁ (Ī₁ − 3) + c₂ (Ī₁ − 3)² + c₃ (Ī₁ − 3)³ + κ/2 (J − 1)²   [J/m³]     Yeoh 1993, doi:10.5254/1.3538343

    The functions of this class leave out the last term, which the engine adds. Ī₁ = J^(−2/3) tr FᵀF. At rest the shear
    modulus is 2 c₁ and the bulk modulus κ. Below J = 1/4, at J = 0 and for inverted elements Ī₁ is carried on as
    `sim.materials.isochoric` says: energy and stress are finite and smooth at every F, and both terms fall as the element
    turns back. Beyond Ī₁ − 3 = 32, a stretch of 5.9, the cubic goes on as its own parabola, so that a torn element does not
    drown all others.

    Raises
    ------
    LawError
        If a parameter is outside its range. c₁ and c₃ may not be negative and c₂ not so far that the slope of ψ in Ī₁
        vanishes somewhere.
    """

    c1: float  # [Pa]
    c2: float  # [Pa]
    c3: float  # [Pa]
    bulk: float  # κ [Pa]
    density: float  # [kg/m³]

    def __post_init__(self):
        require(self, "c1", self.c1, self.c1 > 0.0, "positive [Pa]")
        require(self, "c3", self.c3, self.c3 >= 0.0, "zero or positive [Pa]")
        least = -math.sqrt(3.0 * self.c1 * self.c3)
        require(
            self, "c2", self.c2, self.c2 > least or self.c2 == 0.0,
            f"zero or above −√(3 c1 c3) = {least:g} Pa, or the tissue would soften until it gives way",
        )  # fmt: skip
        require_bulk_and_density(self, self.bulk, self.shear_modulus, self.density)

    @property
    def shear_modulus(self) -> float:
        """μ at rest [Pa]."""
        return 2.0 * self.c1

    @property
    def volume_stiffness(self) -> float:
        """κ [Pa], the factor of ½ (J − 1)²."""
        return self.bulk

    def parameters(self) -> np.ndarray:
        """The numbers that a kernel reads, shape (8,): c₁, c₂, c₃ [Pa], five unused."""
        return np.array([self.c1, self.c2, self.c3, 0.0, 0.0, 0.0, 0.0, 0.0])

    @staticmethod
    @ti.func
    def energy(g, p):  # pyright: ignore
        """ψ without its volume term [J/m³] at displacement gradient G = F − I."""
        q, r = volume_scaling(volume_change(g))
        over, _, _ = first_invariant(green_strain_twice(g), q, r)
        stored, _, _ = polynomial(over, p)
        return stored

    @staticmethod
    @ti.func
    def stress(g, p):  # pyright: ignore
        """First Piola–Kirchhoff stress 2 W′ J^(−2/3) F⁻ᵀ dev FᵀF [Pa] without the volume term's, W′ = ∂ψ/∂Ī₁."""
        change = volume_change(g)
        q, r = volume_scaling(change)
        e = green_strain_twice(g)
        over, down, _ = first_invariant(e, q, r)
        _, slope, _ = polynomial(over, p)
        cofactor = cofactor_at(g)
        stress = 0.0 * g
        if change >= LEAST_VOLUME - 1.0:
            stress = (2.0 * slope * q[0] / (1.0 + change)) * (cofactor @ deviator_of(e))
        else:
            stress = slope * (2.0 * q[0] * (ti.Matrix.identity(ti.f32, 3) + g) + down * cofactor)
        return stress

    @staticmethod
    @ti.func
    def principal_slopes(g, p):  # pyright: ignore
        """U, V and the slope of the stress between them as H, flips and twists [Pa]; may be indefinite."""
        left, elongation, right = principal_frame(g)
        q, r = volume_scaling(volume_change(g))
        over, down, down2 = first_invariant(green_strain_twice(g), q, r)
        _, slope, bend = polynomial(over, p)
        first = ti.Vector([slope * q[0], 0.0, slope * down])
        mixed = bend * q[0] * down + slope * q[1]
        second = ti.Matrix(
            [
                [bend * q[0] * q[0], 0.0, mixed],
                [0.0, 0.0, 0.0],
                [mixed, 0.0, bend * down * down + slope * down2],
            ]
        )
        h, flip, twist = slopes_from_invariants(elongation + 1.0, first, second)
        return left, right, h, flip, twist
