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

    The variant without the logarithm, which is stress-free at rest and linearises to Hooke's law with μ and λ. Up to a
    constant it is μ/2 (I_C − 3) − μ (J − 1) + (λ+μ)/2 (J − 1)²; the functions of this class leave out the last term, which
    the engine adds.
    """

    shear_modulus: float  # μ [Pa]
    first_lame: float  # λ [Pa]
    density: float  # [kg/m³]

    @classmethod
    def from_young(cls, young_modulus: float, poisson_ratio: float, density: float) -> "StableNeoHookean":
        """The law from Young's modulus [Pa], Poisson's ratio (below 0.5) and density [kg/m³]."""
        shear = young_modulus / (2.0 * (1.0 + poisson_ratio))
        return cls(shear, 2.0 * shear * poisson_ratio / (1.0 - 2.0 * poisson_ratio), density)

    @property
    def volume_stiffness(self) -> float:
        """λ + μ [Pa], the factor of ½ (J − 1)²."""
        return self.first_lame + self.shear_modulus

    def parameters(self) -> np.ndarray:
        """The numbers that a kernel reads, shape (8,): μ [Pa], seven unused."""
        return np.array([self.shear_modulus, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])

    @staticmethod
    @ti.func
    def energy(g, p):  # pyright: ignore
        """μ/2 (I_C − 3) − μ (J − 1) [J/m³] at displacement gradient G = F − I, arranged so that nothing cancels near rest."""
        trace = g.trace()
        return p[0] * (0.5 * (g.norm_sqr() - trace * trace + (g @ g).trace()) - g.determinant())

    @staticmethod
    @ti.func
    def stress(g, p):  # pyright: ignore
        """First Piola–Kirchhoff stress μ(F − cof F) [Pa] without the volume term's."""
        return p[0] * (g + g.transpose() - g.trace() * ti.Matrix.identity(ti.f32, 3) - cofactor_of(g))

    @staticmethod
    @ti.func
    def stiffness_terms(g, p):  # pyright: ignore
        """F, cof F and μ [Pa]: the slope of the stress is μ I⊗ − μ ∂cof, its second term indefinite."""
        f = ti.Matrix.identity(ti.f32, 3) + g
        return f, cofactor_of(f), p[0]


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
