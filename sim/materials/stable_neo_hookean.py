"""The stable neo-Hookean law: rubber-like, nearly incompressible, defined for inverted elements too."""

import dataclasses

import numpy as np
import taichi as ti


@ti.func
def cofactor_of(f):  # pyright: ignore
    """Cofactor matrix of f, the derivative of its determinant."""
    return ti.Matrix(
        [
            [f[1, 1] * f[2, 2] - f[1, 2] * f[2, 1], f[1, 2] * f[2, 0] - f[1, 0] * f[2, 2], f[1, 0] * f[2, 1] - f[1, 1] * f[2, 0]],
            [f[0, 2] * f[2, 1] - f[0, 1] * f[2, 2], f[0, 0] * f[2, 2] - f[0, 2] * f[2, 0], f[0, 1] * f[2, 0] - f[0, 0] * f[2, 1]],
            [f[0, 1] * f[1, 2] - f[0, 2] * f[1, 1], f[0, 2] * f[1, 0] - f[0, 0] * f[1, 2], f[0, 0] * f[1, 1] - f[0, 1] * f[1, 0]],
        ]
    )


@ti.func
def volume_change(g):  # pyright: ignore
    """J − 1 = tr G + ½(tr²G − tr G²) + det G, exact for small G where det(I + G) − 1 would cancel."""
    trace = g.trace()
    return trace + 0.5 * (trace * trace - (g @ g).trace()) + g.determinant()


@dataclasses.dataclass(frozen=True)
class StableNeoHookean:
    """ψ(F) = μ/2 (I_C − 3) + (λ+μ)/2 (J − 1 − μ/(λ+μ))²   [J/m³]     Smith, De Goes & Kim 2018, doi:10.1145/3180491

    The variant without the logarithm, which is stress-free at rest and linearises to Hooke's law with μ and λ.
    """

    shear_modulus: float  # μ [Pa]
    first_lame: float  # λ [Pa]
    density: float  # [kg/m³]

    @classmethod
    def from_young(cls, young_modulus: float, poisson_ratio: float, density: float) -> "StableNeoHookean":
        """The law from Young's modulus [Pa], Poisson's ratio (below 0.5) and density [kg/m³]."""
        shear = young_modulus / (2.0 * (1.0 + poisson_ratio))
        return cls(shear, 2.0 * shear * poisson_ratio / (1.0 - 2.0 * poisson_ratio), density)

    def parameters(self) -> np.ndarray:
        """The numbers that a kernel reads, shape (4,): μ, λ [Pa], two unused."""
        return np.array([self.shear_modulus, self.first_lame, 0.0, 0.0])

    @staticmethod
    @ti.func
    def energy(g, p):  # pyright: ignore
        """ψ [J/m³] at displacement gradient G = F − I, arranged so that nothing cancels near rest."""
        trace = g.trace()
        second = (g @ g).trace()
        change = volume_change(g)
        return (
            0.5 * p[0] * (g.norm_sqr() - trace * trace + second)
            - p[0] * g.determinant()
            + 0.5 * (p[0] + p[1]) * change * change
        )

    @staticmethod
    @ti.func
    def stress(g, p):  # pyright: ignore
        """First Piola–Kirchhoff stress ∂ψ/∂F = μ(F − cof F) + (λ+μ)(J − 1) cof F [Pa]."""
        one = ti.Matrix.identity(ti.f32, 3)
        small = cofactor_of(g)
        trace = g.trace()
        shear = g + g.transpose() - trace * one - small
        cofactor = one + trace * one - g.transpose() + small
        return p[0] * shear + (p[0] + p[1]) * volume_change(g) * cofactor

    @staticmethod
    @ti.func
    def stiffness_terms(g, p):  # pyright: ignore
        """F, cof F and the three factors of the tangent  a I⊗ + b cof⊗cof + c ∂cof  [Pa].

        c multiplies an indefinite operator with eigenvalues up to the largest stretch in size; it is limited so that the
        sum stays positive definite. At rest and under tension the limit does not bite.
        """
        f = ti.Matrix.identity(ti.f32, 3) + g
        c = (p[0] + p[1]) * volume_change(g) - p[0]
        limit = p[0] / ti.max(largest_stretch(f), 1e-6)
        return f, cofactor_of(f), p[0], p[0] + p[1], ti.math.clamp(c, -limit, 0.93 * limit)


@ti.func
def largest_stretch(f):  # pyright: ignore
    """Largest singular value of f, by the closed form for the eigenvalues of a symmetric 3 × 3 matrix."""
    c = f.transpose() @ f
    mean = c.trace() / 3.0
    deviator = c - mean * ti.Matrix.identity(ti.f32, 3)
    half = ti.sqrt(ti.max(deviator.norm_sqr() / 6.0, 0.0))
    largest = mean
    if half > 1e-7 * mean:
        cosine = ti.math.clamp(deviator.determinant() / (2.0 * half * half * half), -1.0, 1.0)
        largest = mean + 2.0 * half * ti.cos(ti.acos(cosine) / 3.0)
    return ti.sqrt(largest)
