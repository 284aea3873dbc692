"""Tissue that resists being deformed quickly: a dashpot upon any law."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from sim.materials.material import Material
from sim.materials.ranges import require


@dataclasses.dataclass(frozen=True)
class Viscous:
    """S = S of the law + η Ė   [Pa], the second Piola–Kirchhoff stress; E is Green's strain, η/2 Ė:Ė the power per volume.

    The viscous term of the cardiac benchmark of Aróstica et al. 2025, doi:10.1016/j.cma.2024.117485. A rigid motion costs
    nothing.

    Raises
    ------
    LawError
        If the viscosity is not positive.
    """

    law: Material
    viscosity: float  # η [Pa·s]

    def __post_init__(self):
        require(self, "viscosity", self.viscosity, self.viscosity > 0.0, "positive [Pa·s]")

    @property
    def density(self) -> float:
        """Mass per rest volume [kg/m³]."""
        return self.law.density

    @property
    def shear_modulus(self) -> float:
        """μ at rest [Pa] of the law within."""
        return self.law.shear_modulus

    @property
    def volume_stiffness(self) -> float:
        """κ [Pa] of the law within."""
        return self.law.volume_stiffness

    def parameters(self) -> np.ndarray:
        """The numbers of the law within, shape (8,)."""
        return self.law.parameters()

    @property
    def energy(self) -> Callable[..., Any]:
        """ψ of the law within [J/m³]."""
        return self.law.energy

    @property
    def stress(self) -> Callable[..., Any]:
        """First Piola–Kirchhoff stress of the law within [Pa]."""
        return self.law.stress
