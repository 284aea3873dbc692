"""The lumen's width at the lesion, taken anew at every tick: one section, found once and then cut where it lies."""

import math
from typing import Any

import numpy as np

from meshing.errors import InputError
from scenarios.measures.lumen import find_lesion, profile_along, stations_to_cut

REACH_MM = 5.0
"""How far beyond the stent the narrowest place is looked for [mm]."""


class LumenGauge:
    """Smallest diameter of the lumen where it was narrowest at first.

    Attributes
    ----------
    station_mm
        Where along the path.
    reference_mm
        The healthy lumen's diameter there, from both its sides; None where the vessel has no narrowing to tell it by.
    """

    def __init__(self, case: Any) -> None:
        self._path, self._lumen = case.path, case.mesh.face_sets["lumen"]
        reach = REACH_MM + 0.5 * float(case.device.stent.length_mm)
        between = (max(case.station_mm - reach, 0.0), min(case.station_mm + reach, case.path.length))
        self.station_mm, self.reference_mm = float(case.station_mm), None
        try:
            profile = profile_along(case.mesh.vertices, self._lumen, case.path, stations=stations_to_cut(case.path, fine=between))
            lesion = find_lesion(profile, between=between)
        except InputError:
            return
        self.station_mm, self.reference_mm = lesion.narrowest_mm, lesion.reference_diameter_mm

    def diameter_mm(self, vertices: np.ndarray) -> float:
        """Smallest diameter with the wall's vertices at these places (n, 3) [mm]; not a number where no section can be cut."""
        try:
            profile = profile_along(vertices, self._lumen, self._path, stations=np.array([self.station_mm]))
        except (InputError, ValueError):
            return math.nan
        return float(profile.min_diameter[0]) if len(profile) else math.nan
