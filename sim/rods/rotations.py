"""Rotations as unit quaternions, scalar part first, many at a time."""

import dataclasses

import numpy as np
from scipy.spatial.transform import Rotation

# Below this square of an angle [rad²] the factors are taken from their series.
SMALL = 1e-2


def quaternion_product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Product of quaternions, shape (n, 4): the rotation `right` followed by `left`."""
    a, b, c, d = left.T
    e, f, g, h = right.T
    out = np.empty((max(len(left), len(right)), 4))
    out[:, 0] = a * e - b * f - c * g - d * h
    out[:, 1] = a * f + b * e + c * h - d * g
    out[:, 2] = a * g - b * h + c * e + d * f
    out[:, 3] = a * h + b * g - c * f + d * e
    return out


def inverse(quaternion: np.ndarray) -> np.ndarray:
    """Inverse of unit quaternions, shape (n, 4)."""
    return quaternion * np.array([1.0, -1.0, -1.0, -1.0])


def from_vectors(vector: np.ndarray) -> np.ndarray:
    """Quaternions, shape (n, 4), of rotation vectors [rad], shape (n, 3), of any length."""
    half = 0.5 * np.sqrt(np.einsum("ni,ni->n", vector, vector))
    out = np.empty((len(vector), 4))
    out[:, 0] = np.cos(half)
    out[:, 1:] = 0.5 * np.sinc(half / np.pi)[:, None] * vector
    return out


def to_vectors(quaternion: np.ndarray) -> np.ndarray:
    """Shortest rotation vectors [rad], shape (n, 3), of unit quaternions, shape (n, 4)."""
    quaternion = np.where(quaternion[:, :1] < 0.0, -quaternion, quaternion)
    sine2 = np.einsum("ni,ni->n", quaternion[:, 1:], quaternion[:, 1:])
    sine = np.sqrt(sine2)
    safe = np.where(sine > 1e-4, sine, 1.0)
    factor = np.where(sine > 1e-4, 2.0 * np.arctan2(sine, quaternion[:, 0]) / safe, 2.0 + sine2 / 3.0)
    return factor[:, None] * quaternion[:, 1:]


def halfway(quaternion: np.ndarray) -> np.ndarray:
    """Half of the shortest way to each rotation, shape (n, 4)."""
    out = np.where(quaternion[:, :1] < 0.0, -quaternion, quaternion)
    out[:, 0] += 1.0
    return out / np.sqrt(np.einsum("ni,ni->n", out, out))[:, None]


def to_matrices(quaternion: np.ndarray) -> np.ndarray:
    """Rotation matrices, shape (n, 3, 3), of unit quaternions, shape (n, 4)."""
    w, x, y, z = quaternion.T
    out = np.empty((len(quaternion), 3, 3))
    out[:, 0, 0] = 1.0 - 2.0 * (y * y + z * z)
    out[:, 0, 1] = 2.0 * (x * y - w * z)
    out[:, 0, 2] = 2.0 * (x * z + w * y)
    out[:, 1, 0] = 2.0 * (x * y + w * z)
    out[:, 1, 1] = 1.0 - 2.0 * (x * x + z * z)
    out[:, 1, 2] = 2.0 * (y * z - w * x)
    out[:, 2, 0] = 2.0 * (x * z - w * y)
    out[:, 2, 1] = 2.0 * (y * z + w * x)
    out[:, 2, 2] = 1.0 - 2.0 * (x * x + y * y)
    return out


def from_matrices(matrix: np.ndarray) -> np.ndarray:
    """Unit quaternions, shape (n, 4), of rotation matrices, shape (n, 3, 3)."""
    return Rotation.from_matrix(matrix).as_quat(scalar_first=True)


def cross(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Vector products, shape (n, 3); several times faster than numpy's."""
    a, b, c = left.T
    d, e, f = right.T
    out = np.empty((max(len(left), len(right)), 3))
    out[:, 0] = b * f - c * e
    out[:, 1] = c * d - a * f
    out[:, 2] = a * e - b * d
    return out


def skew(vector: np.ndarray) -> np.ndarray:
    """Matrices of the vector product, shape (n, 3, 3), of vectors, shape (n, 3)."""
    out = np.zeros((len(vector), 3, 3))
    out[:, 0, 1], out[:, 0, 2], out[:, 1, 2] = -vector[:, 2], vector[:, 1], -vector[:, 0]
    out[:, 1, 0], out[:, 2, 0], out[:, 2, 1] = vector[:, 2], -vector[:, 1], vector[:, 0]
    return out


@dataclasses.dataclass(frozen=True)
class TurnFactors:
    """Scalars that tie the change of a rotation vector φ, of length θ, to the spins of an element's two ends.

    With q the second spin less the first, s their mean, all seen from the middle:
    δφ = (g I + h φφᵀ) q with g = (θ/2)/sin(θ/2), h = (1 − g)/θ²; the middle spins with s − k φ×q, k = tan(θ/4)/(2θ).
    Each has shape (n,); the slopes are derivatives with respect to θ divided by θ.
    """

    g: np.ndarray
    h: np.ndarray
    k: np.ndarray
    g_slope: np.ndarray
    h_slope: np.ndarray
    k_slope: np.ndarray


def turn_factors(vector: np.ndarray) -> TurnFactors:
    """Factors of rotation vectors [rad], shape (n, 3), shorter than a whole turn."""
    t = np.einsum("ni,ni->n", vector, vector)
    near = t < SMALL
    safe = np.where(near, 1.0, t)
    angle = np.sqrt(safe)
    sine, cosine, quarter = np.sin(angle / 2.0), np.cos(angle / 2.0), np.tan(angle / 4.0)
    g = angle / 2.0 / sine
    h = (1.0 - g) / safe
    k = quarter / (2.0 * angle)
    g_slope = (0.5 * sine - 0.25 * angle * cosine) / (sine**2 * angle)
    h_slope = -(g_slope + 2.0 * h) / safe
    k_slope = ((1.0 + quarter**2) / 8.0 - k) / safe
    if near.any():
        t = t[near]
        g[near] = 1.0 + t * (1 / 24 + t * (7 / 5760 + t * 31 / 967680))
        h[near] = -1 / 24 - t * (7 / 5760 + t * (31 / 967680 + t * 127 / 154828800))
        k[near] = 1 / 8 + t * (1 / 384 + t * (1 / 15360 + t * 17 / 10321920))
        g_slope[near] = 1 / 12 + t * (7 / 1440 + t * (31 / 161280 + t * 127 / 19353600))
        h_slope[near] = -7 / 2880 - t * (31 / 241920 + t * 127 / 25804800)
        k_slope[near] = 1 / 192 + t * (1 / 3840 + t * 17 / 1720320)
    return TurnFactors(g, h, k, g_slope, h_slope, k_slope)
