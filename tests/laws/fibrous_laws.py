"""The fibrous laws that tests try, from published tables, and how far stretches go in them."""

import numpy as np

from sim.materials.gasser_ogden_holzapfel import GasserOgdenHolzapfel
from sim.materials.guccione import Guccione
from sim.materials.holzapfel_ogden import HolzapfelOgden
from tests.laws import fibrous_twin as twin
from tests.laws.deformations import EYE
from tests.laws.probe import energy_and_stress

LAWS: dict[str, twin.Law] = {
    "goh media": GasserOgdenHolzapfel(14.30e3, 290.22e3, 4.87, 0.224, np.radians(35.01), 10.0e6, 1100.0),
    "goh adventitia": GasserOgdenHolzapfel(7.64e3, 996.6e3, 524.6, 0.226, np.radians(49.98), 10.0e6, 1100.0),
    "goh aligned": GasserOgdenHolzapfel(3.0e3, 2.3632e3, 0.8393, 0.0, np.radians(29.0), 1.0e6, 1100.0),
    "goh without direction": GasserOgdenHolzapfel(10.0e3, 50.0e3, 2.0, 1.0 / 3.0, np.radians(30.0), 10.0e6, 1100.0),
    "guccione": Guccione(2.0e3, 8.0, 2.0, 4.0, 1.0e6, 1000.0),
    "guccione without direction": Guccione(10.0e3, 1.0, 1.0, 1.0, 10.0e6, 1000.0),
    "holzapfel-ogden": HolzapfelOgden(59.0, 8.023, 18472.0, 16.026, 2481.0, 11.120, 216.0, 11.436, 1.0e6, 1000.0),
}
STRETCHES = {"goh adventitia": 1.3, "guccione": 2.0, "holzapfel-ogden": 1.7}
WITHOUT_DIRECTION = ("goh without direction", "guccione without direction")


def spread(name: str) -> float:
    """How far stretches go in these tests: to where the tissue has stiffened up to a thousandfold."""
    return STRETCHES.get(name, 3.0)


def energy_of(law: twin.Law, f: np.ndarray) -> np.ndarray:
    """ψ [J/m³] of the kernels in double precision, shape (m,), at F of shape (m, 3, 3)."""
    return energy_and_stress(law, f - EYE)[0]


def stress_of(law: twin.Law, f: np.ndarray) -> np.ndarray:
    """First Piola–Kirchhoff stress of the kernels in double precision [Pa], shape (m, 3, 3)."""
    return energy_and_stress(law, f - EYE)[1]


def clear_of_seams(law: twin.Law, f: np.ndarray, step: float) -> np.ndarray:
    """Those F about which differences by a step straddle no place where a second slope breaks, shape (k, 3, 3).

    Such places are J = 1/4 and where fibres begin to bear or an exponential goes on as its parabola. F with J < 0.26 are left
    out.
    """
    f = f[np.linalg.det(f) > 0.26]
    clear = (np.abs(twin.switches(law, f)) > 20.0 * step).all(1) & (np.abs(twin.exponents(law, f) - 12.0) > 0.5).all(1)
    return f[clear]
