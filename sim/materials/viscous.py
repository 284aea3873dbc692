"""Tissue that resists being deformed quickly: a dashpot upon any law."""

import dataclasses

from sim.materials.ranges import require
from sim.materials.wrapping import Wrapping


@dataclasses.dataclass(frozen=True)
class Viscous(Wrapping):
    """S = S of the law + η Ė   [Pa], the second Piola–Kirchhoff stress; E is Green's strain, η/2 Ė:Ė the power per volume.

    The viscous term of the cardiac benchmark of Aróstica et al. 2025, doi:10.1016/j.cma.2024.117485. A rigid motion costs
    nothing.

    Raises
    ------
    LawError
        If the viscosity is not positive.
    """

    viscosity: float  # η [Pa·s]

    def __post_init__(self):
        require(self, "viscosity", self.viscosity, self.viscosity > 0.0, "positive [Pa·s]")
