"""Tissue that yields with time: one term of relaxation upon any law."""

import dataclasses

from sim.materials.ranges import require
from sim.materials.wrapping import Wrapping


@dataclasses.dataclass(frozen=True)
class Relaxing(Wrapping):
    """S(t) = S of the law + ∫ g exp(−(t − s)/τ) dS/ds ds   [Pa], one term of Prony's series.

    S is the second Piola–Kirchhoff stress without the volume term's; the volume term does not relax. Held at once and for
    ever, the tissue bears (1 + g) S at first and S in the end. In a tick of length h the relaxing stress Q goes on as

        Q(n+1) = exp(−h/τ) Q(n) + g δ (S(n+1) − S(n)),   δ = (1 − exp(−h/τ)) τ/h

    (Simo 1987, doi:10.1016/0045-7825(87)90107-1).

    Raises
    ------
    LawError
        If the share or the time is not positive.
    """

    share: float  # g
    time: float  # τ [s]

    def __post_init__(self):
        require(self, "share", self.share, self.share > 0.0, "positive")
        require(self, "time", self.time, self.time > 0.0, "positive [s]")
