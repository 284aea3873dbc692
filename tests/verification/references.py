"""What the engine is held to: closed forms, each integrated to at least ten digits, and figures that others have published."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from scipy.integrate import quad, solve_ivp
from scipy.optimize import root_scalar

COOK_PLANE_TIP = 14.74e-3
"""Rise of the middle of the loaded edge of Cook's membrane [m]: neo-Hookean, E 1.0985 MPa, ν 0.3, 62.5 kPa, plane strain.

Converged quadratic quadrilaterals give 14.74 mm and hybrid linear ones (Abaqus CPE4H), whose law is the one here, 14.73 mm in the
comparison of codes at github.com/solids4foam/solid-benchmarks, hyperElasticity/cooksMembrane. They read at (48, 52) mm.
"""

COOK_SOLID_TIP = 14.82e-3
"""The same corner of a solid Cook's membrane 10 mm thick [m], E 10 kPa, ν 0.49, 600 Pa.

Own triquadratic hexahedra, 14.524, 14.714 and 14.776 mm on three meshes, carried on to no mesh width; ± 0.02 mm.
"""

CANTILEVER_TIP = 44.2e-3
"""Drop of the upper edge of a cantilever's end [m]: 80 × 40 × 40 mm, E 10 kPa, ν 0.49, under its own weight.

Own triquadratic hexahedra, 42.08, 43.02 and 43.54 mm on three meshes, carried on to no mesh width; ± 0.3 mm.
"""

TWIST_TORQUE = 24.9e-3
"""Torque that holds the end of the same beam at a quarter turn [N·m].

Own triquadratic hexahedra, 25.123 and 24.976 mN·m on two meshes, carried on to no mesh width; ± 0.05 mN·m.
"""

LAND_BEAM_TIP = 4.168e-3
"""Height of the middle of the upper edge of the beam of Land et al. 2015, problem 1 [m], doi:10.1098/rspa.2015.0641.

Own mixed Q2/Q1 hexahedra, ± 0.004 mm; the codes compared there give 4.0 to 4.2 mm, most of them near 4.17 mm.
"""

LAND_INFLATED_APEX = (-26.612e-3, -28.279e-3)
"""Heights of the apex inside and outside in problem 2 [m]: own mixed Q2/Q1 elements of revolution, converged to 0.003 mm."""

LAND_CONTRACTED_APEX = (-12.32e-3, -15.469e-3)
"""Heights of the apex inside and outside in problem 3 [m]: own mixed Q2/Q1 elements of revolution, ± 0.02 and 0.004 mm."""


def tube_pressure(opened: float, *, inner: float, outer: float) -> float:
    """p/μ that holds a thick incompressible neo-Hookean tube of radii `inner` and `outer` open at a bore `opened`.

    Plane strain: p/μ = ln(B/A) − ln(b/a) + (K/2)(1/b² − 1/a²) with K = A² − a² and b² = a² + B² − A².
    """
    a2 = opened * opened
    b2 = a2 + outer**2 - inner**2
    k = inner**2 - a2
    return math.log(outer / inner) - 0.5 * math.log(b2 / a2) + 0.5 * k * (1.0 / b2 - 1.0 / a2)


def sphere_pressure(opened: float, *, inner: float, outer: float) -> float:
    """p/μ that holds a thick incompressible neo-Hookean sphere of radii `inner` and `outer` open at a bore `opened`.

    p/μ = 2/λ_b + 1/(2 λ_b⁴) − 2/λ_a − 1/(2 λ_a⁴) with λ_b³ − 1 = (λ_a³ − 1)(A/B)³   (Green & Zerna).
    """
    a = opened / inner
    b = (1.0 + (a**3 - 1.0) * (inner / outer) ** 3) ** (1.0 / 3.0)
    return 2.0 / b + 0.5 / b**4 - 2.0 / a - 0.5 / a**4


def squeezed_pressure(opened: float, *, inner: float, outer: float, bulk: float, sphere: bool) -> float:
    """p/μ as above, of a tube or sphere of ψ = μ/2 (Ī₁ − 3) + κ/2 (J − 1)², with κ = `bulk` in units of μ.

    The balance dP_R/dR = k (P_θ − P_R)/R, k = 1 in a tube and 2 in a sphere, solved from the bore out, whose stress is sought
    for which the outside is free.
    """
    fold = 2 if sphere else 1

    def stresses(radial: float, hoop: float) -> tuple[float, float]:
        stretches = (radial, hoop, hoop if sphere else 1.0)
        volume = math.prod(stretches)
        mean = sum(one * one for one in stretches) / 3.0
        q, pressure = volume ** (-2.0 / 3.0), bulk * (volume - 1.0)
        radial_stress, hoop_stress = (q * (one - mean / one) + pressure * volume / one for one in stretches[:2])
        return radial_stress, hoop_stress

    def slope(radius, y):
        hoop = y[0] / radius
        radial = root_scalar(lambda one: stresses(one, hoop)[0] - y[1], x0=hoop**-fold, x1=1.001 * hoop**-fold, xtol=1e-14).root
        radial_stress, hoop_stress = stresses(radial, hoop)
        return [radial, fold * (hoop_stress - radial_stress) / radius]

    def outside(at_bore: float) -> float:
        return solve_ivp(slope, (inner, outer), [opened, at_bore], rtol=1e-10, atol=1e-12).y[1, -1]

    exact = (sphere_pressure if sphere else tube_pressure)(opened, inner=inner, outer=outer)
    area = (opened / inner) ** fold
    return -root_scalar(outside, x0=-exact * area, x1=-0.99 * exact * area, xtol=1e-11).root / area


@dataclasses.dataclass(frozen=True)
class Layer:
    """One layer of an artery: W = μ/2 (I₁ − 3) + Σ₂ k₁/(2 k₂) (exp(k₂ E²) − 1), E = κ I₁ + (1 − 3κ) I₄ − 1, none where E < 0.

    Gasser, Ogden & Holzapfel 2006, doi:10.1098/rsif.2005.0073. The two families lie at ± `angle` from around to along.
    """

    shear: float  # μ [Pa]
    k1: float  # [Pa]
    k2: float
    dispersion: float  # κ
    angle: float  # [rad]
    thickness: float  # [m]


ARTERY = (
    Layer(22.57e3, 276.45e3, 42.85, 0.246, math.radians(42.85), 0.30e-3),
    Layer(14.30e3, 290.22e3, 4.87, 0.224, math.radians(35.01), 0.54e-3),
    Layer(1.61e3, 278.86e3, 87.62, 0.275, math.radians(42.78), 0.16e-3),
)
"""Intima, media and adventitia as in doi:10.1016/j.jmbbm.2020.104070."""


def layered_tube_pressure(opened: float, *, inner: float, layers: Sequence[Layer]) -> float:
    """Pressure [Pa] that opens a closed, stress-free, incompressible tube of layers from `inner` to `opened` [m], plane strain.

    p = ∫ (λ_θ ∂W/∂λ_θ) dr/r with λ_θ = r/R, λ_r = R/r and dr/r = R dR/r².
    """

    def integrand(rest: float, layer: Layer) -> float:
        hoop = math.sqrt(opened**2 + rest**2 - inner**2) / rest
        first = hoop**2 + hoop**-2 + 1.0
        cosine2 = math.cos(layer.angle) ** 2
        fourth = hoop**2 * cosine2 + math.sin(layer.angle) ** 2
        strain = max(layer.dispersion * first + (1.0 - 3.0 * layer.dispersion) * fourth - 1.0, 0.0)
        # Both families are alike.
        slope = 2.0 * layer.k1 * strain * math.exp(layer.k2 * strain**2)
        by_first, by_fourth = 0.5 * layer.shear + layer.dispersion * slope, (1.0 - 3.0 * layer.dispersion) * slope
        stress = 2.0 * by_first * (hoop**2 - hoop**-2) + 2.0 * by_fourth * hoop**2 * cosine2
        return stress / (rest * hoop**2)

    pressure, start = 0.0, inner
    for layer in layers:
        pressure += quad(integrand, start, start + layer.thickness, args=(layer,), epsabs=1e-9, epsrel=1e-12)[0]
        start += layer.thickness
    return pressure


def layered_tube_radius(pressure: float, *, inner: float, layers: Sequence[Layer]) -> float:
    """Bore [m] of the same tube under a pressure [Pa]."""
    return root_scalar(
        lambda opened: layered_tube_pressure(opened, inner=inner, layers=layers) - pressure,
        bracket=(inner, 1.5 * inner), xtol=1e-14, rtol=1e-13,
    ).root  # fmt: skip


def hertz_force(depth: float, *, radius: float, young: float, poisson: float) -> float:
    """Force [N] of a rigid sphere of `radius` [m] pressed `depth` [m] into an elastic half-space without friction.

    F = 4/3 E/(1 − ν²) √R d^(3/2); the circle of contact has the radius √(R d).   Hertz 1882; Johnson, Contact Mechanics, 4.2
    """
    return 4.0 / 3.0 * young / (1.0 - poisson**2) * math.sqrt(radius) * depth**1.5


def boussinesq(points: np.ndarray, *, force: float, young: float, poisson: float) -> np.ndarray:
    """Displacement [m], shape (n, 3), of a half-space below z = 0 at `points`, pressed down with `force` [N] at the origin.

    With ρ the distance from the origin and d = −z the depth, outward (1+ν)F/(2πEρ) (d r/ρ² − (1 − 2ν) r/(ρ + d)) and down
    (1+ν)F/(2πEρ) (d²/ρ² + 2(1 − ν)).   Johnson, Contact Mechanics, 3.2
    """
    depth = -points[:, 2]
    distance = np.linalg.norm(points, axis=1)
    scale = (1.0 + poisson) * force / (2.0 * np.pi * young * distance)
    outward = scale * (depth / distance**2 - (1.0 - 2.0 * poisson) / (distance + depth))
    down = scale * (depth**2 / distance**2 + 2.0 * (1.0 - poisson))
    return np.stack([outward * points[:, 0], outward * points[:, 1], -down], axis=1)


def sliding_acceleration(slope: float, *, friction: float, gravity: float) -> float:
    """Acceleration [m/s²] down an incline at an angle `slope` [rad]: g (sin α − μ cos α), none while tan α ≤ μ."""
    return max(gravity * (math.sin(slope) - friction * math.cos(slope)), 0.0)
