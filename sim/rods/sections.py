"""Cross-sections of rods: areas, second moments, torsion, and the fibres that laws beyond Hooke's need.

The first axis of a section's frame is its width (for a stent's strut: along the circumference), the second its thickness
(radial), the third the rod itself. The first second moment is ∫ y² dA and resists bending about the first axis.
Shear areas follow Cowper 1966, doi:10.1115/1.3625046.
"""

import dataclasses
import math

import numpy as np

from sim.rods.laws import Law


@dataclasses.dataclass(frozen=True)
class Section:
    """What a cross-section resists with.

    Attributes
    ----------
    area
        [m²].
    shear_areas
        Areas that resist shear along the first and the second axis [m²].
    second_moments
        ∫ y² dA, about the first axis, and ∫ x² dA, about the second [m⁴].
    torsion_constant
        [m⁴].
    half_widths
        Half of the extent along the first and the second axis [m], for contact and for the strain at the surface.
    fibres
        Area [m²] and place x, y [m] of each fibre, shape (f, 3); their sums are the area and second moments above.
    """

    area: float
    shear_areas: tuple[float, float]
    second_moments: tuple[float, float]
    torsion_constant: float
    half_widths: tuple[float, float]
    fibres: np.ndarray

    def moduli(self, law: Law) -> np.ndarray:
        """Stiffness against two shears and stretch [N], two bendings and twist [N·m²], shape (6,)."""
        return np.array(
            [
                law.shear_modulus * self.shear_areas[0],
                law.shear_modulus * self.shear_areas[1],
                law.young_modulus * self.area,
                law.young_modulus * self.second_moments[0],
                law.young_modulus * self.second_moments[1],
                law.shear_modulus * self.torsion_constant,
            ]
        )


@dataclasses.dataclass(frozen=True)
class Joint:
    """Springs between two nodes, which stand for an element one metre long whatever its law.

    Attributes
    ----------
    translation
        Stiffness along the three axes of the joint's frame [N/m].
    rotation
        Stiffness about them [N·m/rad]. The two nodes must stay within half a turn of each other.
    """

    translation: tuple[float, float, float]
    rotation: tuple[float, float, float]

    @property
    def fibres(self) -> np.ndarray:
        """A joint has no fibres, shape (0, 3)."""
        return np.zeros((0, 3))

    def moduli(self, law: Law) -> np.ndarray:
        """Stiffness along the three axes and about them, shape (6,)."""
        return np.array([*self.translation, *self.rotation])


def circular(diameter: float, *, poisson: float = 0.3, fibre_rings: int = 4, fibres_a_ring: int = 12) -> Section:
    """Solid round section of this diameter [m]."""
    return tubular(diameter, 0.0, poisson=poisson, fibre_rings=fibre_rings, fibres_a_ring=fibres_a_ring)


def tubular(outer: float, inner: float, *, poisson: float = 0.3, fibre_rings: int = 3, fibres_a_ring: int = 12) -> Section:
    """Round tube between two diameters [m]."""
    if not 0.0 <= inner < outer:
        raise ValueError(f"A tube's inner diameter ({inner:g} m) must be below its outer one ({outer:g} m). Exchange them.")
    big, small = outer / 2.0, inner / 2.0
    area = math.pi * (big**2 - small**2)
    moment = math.pi * (big**4 - small**4) / 4.0
    part = (1.0 + (small / big) ** 2) ** 2
    hollow = (20.0 + 12.0 * poisson) * (small / big) ** 2
    shear = 6.0 * (1.0 + poisson) * part / ((7.0 + 6.0 * poisson) * part + hollow) * area
    # Gauss's points in r², so that areas and second moments come out exactly.
    node, weight = np.polynomial.legendre.leggauss(fibre_rings)
    radius = np.sqrt(small**2 + (big**2 - small**2) * (node + 1.0) / 2.0)
    angle = 2.0 * np.pi * (np.arange(fibres_a_ring) + 0.5) / fibres_a_ring
    share = np.repeat(area * weight / 2.0 / fibres_a_ring, fibres_a_ring)
    place = np.stack([np.outer(radius, np.cos(angle)).ravel(), np.outer(radius, np.sin(angle)).ravel()], 1)
    fibres = np.column_stack([share, place])
    return Section(area, (shear, shear), (moment, moment), 2.0 * moment, (big, big), fibres)


def rectangular(width: float, thickness: float, *, poisson: float = 0.3, across: int = 8, through: int = 3) -> Section:
    """Rectangular section of a width along the first axis and a thickness along the second [m].

    `across` and `through` count the fibres along the two. Torsion is Saint-Venant's series (Timoshenko & Goodier, Theory of
    Elasticity, art. 109): J = a b³ (1/3 − 64/π⁵ · b/a · Σ tanh(nπa/2b)/n⁵), n odd, a ≥ b.
    """
    area = width * thickness
    moments = width * thickness**3 / 12.0, thickness * width**3 / 12.0
    long, short = max(width, thickness), min(width, thickness)
    series = sum(math.tanh(n * math.pi * long / (2.0 * short)) / n**5 for n in range(1, 40, 2))
    torsion = long * short**3 * (1.0 / 3.0 - 64.0 / math.pi**5 * short / long * series)
    shear = 10.0 * (1.0 + poisson) / (12.0 + 11.0 * poisson) * area
    x, weight_x = np.polynomial.legendre.leggauss(across)
    y, weight_y = np.polynomial.legendre.leggauss(through)
    share = np.outer(weight_x, weight_y).ravel() * area / 4.0
    fibres = np.column_stack([share, np.repeat(x * width / 2.0, through), np.tile(y * thickness / 2.0, across)])
    return Section(area, (shear, shear), moments, torsion, (width / 2.0, thickness / 2.0), fibres)


def tapered(build, start: tuple[float, ...], end: tuple[float, ...], count: int) -> tuple[Section, ...]:
    """Sections of `count` elements whose sizes go straight from `start` to `end` [m]; `build` is one of the above."""
    share = (np.arange(count) + 0.5) / count
    sizes = np.asarray(start) + share[:, None] * (np.asarray(end) - np.asarray(start))
    return tuple(build(*row) for row in sizes)
