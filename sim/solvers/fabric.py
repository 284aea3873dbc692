"""Fabric between the struts of a stent: a thin membrane that bears tension and wrinkles instead of being pressed.

Each triangle has the energy per area at rest of an isotropic sheet in plane stress, relaxed where it would be pressed (Pipkin
1986, doi:10.1093/imamat/36.1.85; Steigmann 1990, doi:10.1098/rspa.1990.0055). With Green's strain E of the plane, E₁ ≥ E₂ its
principal values, K = t·E_Young and ν Poisson's ratio,

    taut      E₂ > −ν E₁, E₁ > 0     K (E₁² + 2 ν E₁ E₂ + E₂²) / 2 (1 − ν²)
    wrinkled  E₂ ≤ −ν E₁, E₁ > 0     K E₁² / 2
    slack     E₁ ≤ 0                 0

whose stress is continuous, and is tension or nought in every direction.
"""

import numpy as np

from sim.device import Membrane
from sim.solvers.device_parts import NodeBlocks

ALIKE = 1e-9
"""Difference of principal strains below which they have no directions of their own."""


class FabricPart:
    """A membrane whose vertices are nodes of rods."""

    def __init__(self, membrane: Membrane):
        self._nodes, self._poisson = membrane.triangles, membrane.poisson
        self._area, self._tension = membrane.rest_areas, membrane.stiffness
        inverse = np.linalg.inv(membrane.rest_edges)
        # How both columns of the deformation gradient follow from the three corners, shape (t, 3, 2).
        self._gradients = np.concatenate([-inverse.sum(axis=1, keepdims=True), inverse], axis=1)

    def tensions(self, y: np.ndarray) -> np.ndarray:
        """Principal tensions of each triangle [N/m], the larger first, shape (t, 2), at positions y [m], shape (n, 3).

        They are forces over lengths of the fabric as it is stretched.
        """
        deformed, stress, _ = self._stress(y)
        kirchhoff = deformed @ stress @ deformed.transpose(0, 2, 1)
        spread = np.linalg.norm(np.cross(deformed[:, :, 0], deformed[:, :, 1]), axis=1)
        return np.linalg.eigvalsh(kirchhoff)[:, :0:-1] / np.maximum(spread, 1e-30)[:, None]

    def evaluate(self, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy [J] and slope [N] at positions y [m], shape (n, 3)."""
        deformed, stress, energy = self._stress(y)
        forces = self._area[:, None, None] * np.einsum("tca,tia->tci", self._gradients, deformed @ stress)
        pull = np.stack([np.bincount(self._nodes.ravel(), forces[:, :, k].ravel(), len(y)) for k in range(3)], 1)
        return float(self._area @ energy), pull

    def stiffness(self, y: np.ndarray) -> NodeBlocks:
        """Second derivative; all of it is positive, since nothing is pressed."""
        deformed, stress, _ = self._stress(y)
        moduli = self._moduli(deformed)
        # Slope of E₁₁, E₂₂ and 2 E₁₂ with the corners' places, shape (t, 3, 9).
        first, second = (np.einsum("tc,ti->tci", self._gradients[:, :, k], deformed[:, :, k]) for k in range(2))
        mixed = np.einsum("tc,ti->tci", self._gradients[:, :, 0], deformed[:, :, 1])
        mixed = mixed + np.einsum("tc,ti->tci", self._gradients[:, :, 1], deformed[:, :, 0])
        slopes = np.stack([part.reshape(-1, 9) for part in (first, second, mixed)], 1)
        blocks = np.einsum("tak,tab,tbl->tkl", slopes, moduli, slopes, optimize=True)
        pulled = np.einsum("tca,tab,tdb->tcd", self._gradients, stress, self._gradients, optimize=True)
        blocks += np.einsum("tcd,ij->tcidj", pulled, np.eye(3)).reshape(-1, 9, 9)
        return NodeBlocks(self._nodes, self._area[:, None, None] * blocks)

    def _stress(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Deformation gradient (t, 3, 2), second Piola–Kirchhoff tension (t, 2, 2) [N/m] and energy per rest area (t,) [J/m²]."""
        deformed = np.einsum("tci,tca->tia", y[self._nodes], self._gradients)
        high, low, along = _principal(deformed)
        k, nu = self._tension, self._poisson
        taut, wrinkled = (low > -nu * high) & (high > 0.0), (low <= -nu * high) & (high > 0.0)
        plane = k / (1.0 - nu**2)
        pull = np.where(taut, plane * (high + nu * low), np.where(wrinkled, k * high, 0.0))
        side = np.where(taut, plane * (low + nu * high), 0.0)
        energy = 0.5 * (pull * high + side * low)
        across = np.stack([-along[:, 1], along[:, 0]], 1)
        stress = pull[:, None, None] * along[:, :, None] * along[:, None]
        stress += side[:, None, None] * across[:, :, None] * across[:, None]
        return deformed, stress, energy

    def _moduli(self, deformed: np.ndarray) -> np.ndarray:
        """Slope of the tension with E₁₁, E₂₂ and 2 E₁₂, shape (t, 3, 3) [N/m]."""
        high, low, along = _principal(deformed)
        k, nu = self._tension, self._poisson
        plane = k / (1.0 - nu**2) * np.array([[1.0, nu, 0.0], [nu, 1.0, 0.0], [0.0, 0.0, 0.5 * (1.0 - nu)]])
        c, s = along.T
        own = np.stack([c * c, s * s, c * s], 1)
        turn = np.stack([-2.0 * c * s, 2.0 * c * s, c * c - s * s], 1)
        # Where it is wrinkled, tension grows along its line, and the line turns with the strain.
        turned = np.where(high - low > ALIKE, high / np.maximum(high - low, ALIKE), 0.0)
        line = k * (own[:, :, None] * own[:, None] + 0.5 * turned[:, None, None] * turn[:, :, None] * turn[:, None])
        taut, wrinkled = (low > -nu * high) & (high > 0.0), (low <= -nu * high) & (high > 0.0)
        return np.where(taut[:, None, None], plane, np.where(wrinkled[:, None, None], line, 0.0))


def _principal(deformed: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Larger and smaller principal Green strain, shape (t,), and the larger one's direction in the plane, shape (t, 2)."""
    strain = 0.5 * (deformed.transpose(0, 2, 1) @ deformed - np.eye(2))
    values, vectors = np.linalg.eigh(strain)
    return values[:, 1], values[:, 0], vectors[:, :, 1]
