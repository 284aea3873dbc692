"""What laws that act upon another law share: all but what they add is the inner law's."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from sim.materials.material import Material


@dataclasses.dataclass(frozen=True)
class Wrapping:
    """A law upon another: density, stiffness at rest, parameters, energy and stress are those of the law within."""

    law: Material

    @property
    def density(self) -> float:
        """Mass per rest volume [kg/m³]."""
        return self.law.density

    @property
    def shear_modulus(self) -> float:
        """μ at rest [Pa] of the law within; where it relaxes, as it is after a long time."""
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


def unwrapped(law: Material) -> tuple[Material, list[Wrapping]]:
    """The innermost law, and what is wrapped about it, outermost first."""
    wraps: list[Wrapping] = []
    while isinstance(law, Wrapping):
        wraps.append(law)
        law = law.law
    return law, wraps
