"""Muscle that pulls along its fibres, whatever its law at rest."""

import dataclasses

from sim.materials.ranges import require
from sim.materials.wrapping import Wrapping


@dataclasses.dataclass(frozen=True)
class Active(Wrapping):
    """S = S of the law at rest + α T f⊗f   [Pa], the second Piola–Kirchhoff stress, and so P + α T (F f)⊗f.

    f is the fibre in the rest shape, α the activation that a command gives, from 0 to 1, and T the tension at full activation,
    as in Land et al. 2015, doi:10.1098/rspa.2015.0641. The pull has the energy α T/2 (f·C f − 1), C = FᵀF.

    Raises
    ------
    LawError
        If the tension is not positive.
    """

    tension: float  # T [Pa]

    def __post_init__(self):
        require(self, "tension", self.tension, self.tension > 0.0, "positive [Pa]")
