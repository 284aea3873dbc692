"""Rotations as unit quaternions, scalar part first, many at a time."""

import numpy as np
from scipy.spatial.transform import Rotation


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
