"""Ogden's law of one term: a power of the isochoric principal stretches, for tissue that stiffens at once, or in compression."""

# A type checker takes a Taichi vector times a number for a number.
# pyright: reportIndexIssue=false, reportAttributeAccessIssue=false

import dataclasses

import numpy as np
import taichi as ti

from sim.materials.exponential import exponential
from sim.materials.principal import principal_frame
from sim.materials.ranges import require, require_bulk_and_density

LEAST_STRETCH = 0.125  # exact in both precisions


@ti.func
def logarithm(elongation):  # pyright: ignore
    """ln σ and its first and second slope in σ, at σ − 1; below σ = 1/8 a curve that becomes a line, finite at any σ."""
    held = ti.max(elongation, LEAST_STRETCH - 1.0)
    stretch = 1.0 + held
    value, first = held, 1.0 / stretch
    second = -first * first
    if stretch != 1.0:
        # The rounding of 1 + x is undone by the quotient (Kahan).
        value = ti.log(stretch) * held / (stretch - 1.0)
    down = elongation - held
    slack = 1.0 - down / LEAST_STRETCH
    return (
        value + (first + 0.5 * second * down / slack) * down,
        first + 0.5 * second * down * (slack + 1.0) / (slack * slack),
        second / (slack * slack * slack),
    )


@dataclasses.dataclass(frozen=True)
class Ogden:
    """ψ(F) = 2μ/α² (σ̄₁^α + σ̄₂^α + σ̄₃^α − 3) + κ/2 (J − 1)²   [J/m³]     Ogden 1972, doi:10.1098/rspa.1972.0026

    The functions of this class leave out the last term, which the engine adds.
    σ̄ᵢ = J^(−1/3) σᵢ are the principal stretches without the change of volume; μ is the shear modulus at rest, which is
    ½ α times the factor in Ogden's paper, and κ the bulk modulus. Below σ = 1/8, and so for flat and inverted elements,
    whose smallest stretch counts as negative, ln σ goes on as a curve that becomes a line; beyond α ln σ̄ = 12 the power
    goes on as its own parabola.
    Energy and stress are finite everywhere and fall as the element turns back; they are smooth too, save that the stress
    of an inverted element jumps where its two smallest stretches are equal in size.

    Raises
    ------
    LawError
        If a parameter is outside its range; α may be negative, of a size from 0.5 to 50.
    """

    shear_modulus: float  # μ [Pa]
    exponent: float  # α
    bulk: float  # κ [Pa]
    density: float  # [kg/m³]

    def __post_init__(self):
        require(self, "shear_modulus", self.shear_modulus, self.shear_modulus > 0.0, "positive [Pa]")
        require(self, "exponent", self.exponent, 0.5 <= abs(self.exponent) <= 50.0, "from 0.5 to 50 or from −50 to −0.5")
        require_bulk_and_density(self, self.bulk, self.shear_modulus, self.density)

    @property
    def volume_stiffness(self) -> float:
        """κ [Pa], the factor of ½ (J − 1)²."""
        return self.bulk

    def parameters(self) -> np.ndarray:
        """The numbers that a kernel reads, shape (8,): μ [Pa], α, six unused."""
        return np.array([self.shear_modulus, self.exponent, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])

    @staticmethod
    @ti.func
    def energy(g, p):  # pyright: ignore
        """ψ without its volume term [J/m³] at displacement gradient G = F − I."""
        _, elongation, _ = principal_frame(g)
        strain = 0.0 * elongation
        for i in ti.static(range(3)):
            strain[i], _, _ = logarithm(elongation[i])
        strain -= strain.sum() / 3.0
        total = 0.0 * p[0]
        for i in ti.static(range(3)):
            power, _, _ = exponential(p[1] * strain[i])
            # The isochoric strains sum to zero, so taking them off takes nothing but their rounding.
            total += 2.0 * p[0] / (p[1] * p[1]) * (power - p[1] * strain[i])
        return total

    @staticmethod
    @ti.func
    def isochoric_slopes(elongation, p):  # pyright: ignore
        """∂ψ/∂σᵢ and H [Pa] at σ − 1."""
        strain, first, second = 0.0 * elongation, 0.0 * elongation, 0.0 * elongation
        for i in ti.static(range(3)):
            strain[i], first[i], second[i] = logarithm(elongation[i])
        strain -= strain.sum() / 3.0
        rise, bend = 0.0 * elongation, 0.0 * elongation
        for i in ti.static(range(3)):
            _, rise[i], bend[i] = exponential(p[1] * strain[i])
        pull = 2.0 * p[0] / p[1] * (rise - rise.sum() / 3.0)
        slant = 2.0 * p[0] / 3.0 * first
        mean = bend.sum() / 3.0
        rows = ti.static(range(3))
        h = ti.Matrix([[slant[i] * first[j] * (mean - bend[i] - bend[j]) for j in rows] for i in rows])
        for i in ti.static(range(3)):
            h[i, i] += 2.0 * p[0] * first[i] * first[i] * bend[i] + second[i] * pull[i]
        return first * pull, h

    @staticmethod
    @ti.func
    def stress(g, p):  # pyright: ignore
        """First Piola–Kirchhoff stress U diag(∂ψ/∂σᵢ) Vᵀ [Pa] without the volume term's."""
        left, elongation, right = principal_frame(g)
        pull, _ = Ogden.isochoric_slopes(elongation, p)
        weighted = ti.Matrix([[pull[i] * right[j, i] for j in ti.static(range(3))] for i in ti.static(range(3))])
        return left @ weighted

    @staticmethod
    @ti.func
    def principal_slopes(g, p):  # pyright: ignore
        """U, V and the slope of the stress between them as H, flips and twists [Pa]; may be indefinite."""
        left, elongation, right = principal_frame(g)
        s = elongation + 1.0
        pull, h = Ogden.isochoric_slopes(elongation, p)
        flip, twist = 0.0 * s, 0.0 * s
        least = 2.5e-4 * ti.min(1.0, 8.0 / ti.abs(p[1]))
        for i in ti.static(range(3)):
            j, k = ti.static((i + 1) % 3), ti.static((i + 2) % 3)
            apart, both = elongation[i] - elongation[j], ti.max(ti.abs(s[i] + s[j]), 1e-3)
            # Below this the quotient's rounding, above it the curvature left out of the limit would be the greater error.
            if ti.abs(apart) > least * both:
                flip[k] = (pull[i] - pull[j]) / apart
            else:
                flip[k] = 0.5 * (h[i, i] + h[j, j]) - h[i, j]
            twist[k] = (pull[i] + pull[j]) / both
        return left, right, h, flip, twist
