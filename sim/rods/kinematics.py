"""Strain of two-node rods at their middle, its first and its second derivative.

Simo 1985, doi:10.1016/0045-7825(85)90050-7; the middle frame R_m = R₁ exp(log(R₁ᵀR₂)/2) after Crisfield & Jelenić 1999,
doi:10.1098/rspa.1999.0352, so that strain does not change when the rod is moved as a rigid body.

An element's own motion is three vectors in the frame of space: v = δx₂ − δx₁, the mean spin s = (w₁ + w₂)/2 and the
difference of spins q = w₂ − w₁. With Φ = φ× and the factors of `TurnFactors`:
δΓ = R_mᵀ (v/L + γ × (s − k Φ q)),  δκ = R_mᵀ (g I + h φφᵀ) q / L.
"""

import dataclasses

import numpy as np

from sim.rods.rotations import (
    TurnFactors,
    cross,
    halfway,
    inverse,
    quaternion_product,
    skew,
    to_matrices,
    to_vectors,
    turn_factors,
)

# Ends that turn further against each other than this [rad] cannot be told from ends that turn the other way.
LARGEST_TURN = 3.0


@dataclasses.dataclass(frozen=True)
class Middle:
    """Elements of rods seen from their middle, in the frame of space.

    Attributes
    ----------
    frame
        R_m, shape (m, 3, 3).
    stretch
        γ = (x₂ − x₁)/L, shape (m, 3).
    turn
        φ, the second end's rotation against the first [rad], shape (m, 3).
    length
        L [m], shape (m, 1).
    strain
        Γ and κ [1/m], before rest values are taken off, in the frame of the middle, shape (m, 6).
    """

    frame: np.ndarray
    stretch: np.ndarray
    turn: np.ndarray
    length: np.ndarray
    strain: np.ndarray


def middle_of(first: np.ndarray, second: np.ndarray, edge: np.ndarray, length: np.ndarray) -> Middle:
    """See elements from their middle: quaternions of both ends, shape (m, 4), edges [m], shape (m, 3), and rest lengths [m].

    Raises
    ------
    FloatingPointError
        If the ends of an element turn by nearly half a turn against each other.
    """
    between = quaternion_product(inverse(first), second)
    turn = to_vectors(between)
    size2 = np.einsum("ei,ei->e", turn, turn)
    if size2.size and not size2.max() <= LARGEST_TURN**2:
        worst = int(np.argmax(size2))
        raise FloatingPointError(
            f"The ends of rod element {worst} turn by {np.sqrt(size2[worst]):.2f} rad against each other, more than "
            f"{LARGEST_TURN:g}. Divide the rod more finely, or move it in smaller steps."
        )
    frame = to_matrices(quaternion_product(first, halfway(between)))
    length = length[:, None]
    stretch = edge / length
    strain = np.empty((len(edge), 6))
    strain[:, :3] = np.einsum("eji,ej->ei", frame, stretch)
    strain[:, 2] -= 1.0
    strain[:, 3:] = turn / length
    return Middle(frame, stretch, np.einsum("eij,ej->ei", frame, turn), length, strain)


def pull(middle: Middle, resultant: np.ndarray) -> np.ndarray:
    """Slope of the energy with respect to v, s and q, shape (m, 9), from forces [N] and moments [N·m] of the section."""
    n = np.einsum("eij,ej->ei", middle.frame, resultant[:, :3])
    m = np.einsum("eij,ej->ei", middle.frame, resultant[:, 3:])
    phi, factors = middle.turn, turn_factors(middle.turn)
    across = middle.length * cross(n, middle.stretch)
    out = np.empty((len(n), 9))
    out[:, :3] = n
    out[:, 3:6] = across
    along = factors.h * np.einsum("ei,ei->e", phi, m)
    out[:, 6:] = factors.g[:, None] * m + along[:, None] * phi - factors.k[:, None] * cross(across, phi)
    return out


def strain_operator(middle: Middle, factors: TurnFactors) -> np.ndarray:
    """Derivative B of the strain with respect to v, s and q, shape (m, 6, 9)."""
    phi, count = middle.turn, len(middle.turn)
    back = np.ascontiguousarray(middle.frame.transpose(0, 2, 1))
    out = np.zeros((count, 6, 9))
    out[:, :3, :3] = back / middle.length[:, :, None]
    out[:, :3, 3:6] = back @ skew(middle.stretch)
    # γ × (φ × q) = φ (γ·q) − q (γ·φ).
    dot = np.einsum("ei,ei->e", middle.stretch, phi)
    inner = phi[:, :, None] * middle.stretch[:, None, :]
    diagonal = np.arange(3)
    inner[:, diagonal, diagonal] -= dot[:, None]
    out[:, :3, 6:] = -back @ (factors.k[:, None, None] * inner)
    out[:, 3:, 6:] = back @ (_bending(phi, factors) / middle.length[:, :, None])
    return out


def tension_stiffness(middle: Middle, resultant: np.ndarray) -> np.ndarray:
    """Stiffness of pulled elements against turning aside, with respect to v, shape (m, 3, 3); never negative."""
    n = np.einsum("eij,ej->ei", middle.frame, resultant[:, :3])
    size = np.linalg.norm(middle.stretch, axis=1)
    unit = middle.stretch / size[:, None]
    tension = np.maximum(np.einsum("ei,ei->e", n, unit), 0.0) / (size * middle.length[:, 0])
    return tension[:, None, None] * (np.eye(3) - unit[:, :, None] * unit[:, None, :])


def geometric_stiffness(middle: Middle, factors: TurnFactors, resultant: np.ndarray) -> np.ndarray:
    """Part of the energy's second derivative with respect to v, s and q that the stress brings, shape (m, 9, 9).

    It is the derivative of `pull` at fixed force and moment of the section. Its skew part, which is half of the moments
    left over at the nodes, belongs to how rotations are counted and not to the energy; it is taken off.
    """
    n = np.einsum("eij,ej->ei", middle.frame, resultant[:, :3])
    m = np.einsum("eij,ej->ei", middle.frame, resultant[:, 3:])
    phi, length = middle.turn, middle.length
    k = factors.k[:, None]
    across = cross(n, middle.stretch)
    along = np.einsum("ei,ei->e", phi, m)[:, None]
    slope_q = factors.g[:, None] * m + factors.h[:, None] * along * phi - k * length * cross(across, phi)
    pulled, turned = skew(n), skew(phi)
    spin_q = -k[:, :, None] * turned
    stretched = skew(middle.stretch)
    out = np.zeros((len(n), 9, 9))
    out[:, :3, 3:6] = -pulled
    out[:, 3:6, :3] = pulled
    out[:, :3, 6:] = -pulled @ spin_q
    out[:, 6:, :3] = out[:, :3, 6:].transpose(0, 2, 1)
    shear = length[:, :, None] * (stretched @ pulled)
    out[:, 3:6, 3:6] = 0.5 * (shear + shear.transpose(0, 2, 1))
    lever = (k * length)[:, :, None] * (turned @ (pulled @ stretched)) - skew(slope_q)
    mixed = 0.5 * (shear @ spin_q + lever.transpose(0, 2, 1))
    out[:, 3:6, 6:], out[:, 6:, 3:6] = mixed, mixed.transpose(0, 2, 1)
    bend = factors.g_slope[:, None] * m + factors.h_slope[:, None] * along * phi
    bend -= factors.k_slope[:, None] * length * cross(across, phi)
    inner = bend[:, :, None] * phi[:, None, :] + factors.h[:, None, None] * (phi[:, :, None] * m[:, None, :])
    inner -= (k * length)[:, :, None] * skew(across)
    diagonal = np.arange(3)
    inner[:, diagonal, diagonal] += factors.h[:, None] * along
    corner = lever @ spin_q + inner @ _bending(phi, factors)
    out[:, 6:, 6:] = 0.5 * (corner + corner.transpose(0, 2, 1))
    return out


def _bending(phi: np.ndarray, factors: TurnFactors) -> np.ndarray:
    """g I + h φφᵀ, shape (m, 3, 3)."""
    out = factors.h[:, None, None] * (phi[:, :, None] * phi[:, None, :])
    diagonal = np.arange(3)
    out[:, diagonal, diagonal] += factors.g[:, None]
    return out
