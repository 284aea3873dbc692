"""Muscle that pulls along its fibres, whatever its law at rest."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from sim.materials.material import Material
from sim.materials.ranges import require


@dataclasses.dataclass(frozen=True)
class Active:
    """S = S of the law at rest + α T f⊗f   [Pa], the second Piola–Kirchhoff stress, and so P + α T (F f)⊗f.

    f is the fibre in the rest shape, α the activation that a command gives, from 0 to 1, and T the tension at full activation,
    as in Land et al. 2015, doi:10.1098/rspa.2015.0641. The pull has the energy α T/2 (f·C f − 1), C = FᵀF.

    Raises
    ------
    LawError
        If the tension is not positive.
    """

    law: Material
    tension: float  # T [Pa]

    def __post_init__(self):
        require(self, "tension", self.tension, self.tension > 0.0, "positive [Pa]")

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
