"""What the engine asks of a law."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np


class Material(Protocol):
    """A law as a body names it, or one wrapped in others.

    `energy` and `stress` are Taichi functions of the displacement gradient G = F − I, in a fibrous law in the tet's own frame,
    and of the law's parameters; both leave out κ/2 (J − 1)², the volume term, which the engine adds. The stiffness comes
    from `principal_slopes` in isotropic laws, from `fictitious` in those whose `fibrous` is true, and from
    `stiffness_terms` in the stable neo-Hookean one.
    """

    @property
    def density(self) -> float:
        """Mass per rest volume [kg/m³]."""
        ...

    @property
    def shear_modulus(self) -> float:
        """μ at rest [Pa]; a mean over all planes where the law tells directions apart."""
        ...

    @property
    def volume_stiffness(self) -> float:
        """κ [Pa], the factor of ½ (J − 1)²."""
        ...

    def parameters(self) -> np.ndarray:
        """The numbers that a kernel reads, shape (8,)."""
        ...

    @property
    def energy(self) -> Callable[..., Any]:
        """ψ without its volume term [J/m³]."""
        ...

    @property
    def stress(self) -> Callable[..., Any]:
        """First Piola–Kirchhoff stress without the volume term's [Pa]."""
        ...
