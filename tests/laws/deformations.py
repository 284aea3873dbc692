"""Deformations to try laws on, and slopes by differences."""

from collections.abc import Callable

import numpy as np
from scipy.spatial.transform import Rotation

EYE = np.eye(3)


def turned(count: int, seed: int) -> np.ndarray:
    """Random rotations, shape (count, 3, 3)."""
    return Rotation.random(count, rng=np.random.default_rng(seed)).as_matrix()


def deformations(count: int, *, stretch: float, seed: int = 1) -> np.ndarray:
    """Random F whose principal stretches lie between 1/stretch and stretch, shape (count, 3, 3).

    Small stretches come without a turn, so that F is near rest.
    """
    principal = np.exp(np.log(stretch) * np.random.default_rng(seed).uniform(-1.0, 1.0, (count, 3)))
    axes = turned(count, seed + 1)
    after = axes if stretch < 1.1 else turned(count, seed + 2)
    return after @ (principal[:, :, None] * axes.transpose(0, 2, 1))


def sheared(largest: float, count: int = 60) -> np.ndarray:
    """Simple shear in random directions, shape (count, 3, 3)."""
    f = np.tile(EYE, (count, 1, 1))
    f[:, 0, 1] = np.linspace(-largest, largest, count)
    return turned(count, 11) @ f @ turned(count, 12)


def nearly_incompressible(stretch: float, count: int = 100) -> np.ndarray:
    """Random F that change the volume by 1 % at most, shape (count, 3, 3)."""
    f = deformations(count, stretch=stretch, seed=21)
    change = 1.0 + np.random.default_rng(22).uniform(-0.01, 0.01, count)
    return f * (change / np.linalg.det(f))[:, None, None] ** (1.0 / 3.0)


def flattened(lowest: float, highest: float, count: int = 200) -> np.ndarray:
    """F whose smallest stretch is between two values, negative for inverted elements; the others between 0.6 and 1.6."""
    rng = np.random.default_rng(31)
    principal = np.stack([*rng.uniform(0.6, 1.6, (2, count)), np.linspace(lowest, highest, count)], 1)
    return turned(count, 32) @ (principal[:, :, None] * turned(count, 33))


def kinds(stretch: float) -> dict[str, np.ndarray]:
    """Deformations with J above 0.3 and stretches of at least 1/8, where the formulas hold as they stand."""
    f = deformations(400, stretch=stretch, seed=41)
    return {
        "any": f[np.linalg.det(f) > 0.3],
        "near rest": deformations(50, stretch=1.01, seed=42),
        "sheared": sheared(min(stretch - 0.3, 2.0)),
        "nearly incompressible": nearly_incompressible(0.5 * (1.0 + stretch)),
        "nearly flat": flattened(0.72, 0.9),
    }


def size(a: np.ndarray) -> np.ndarray:
    """Root of the sum of squares of each entry of the first axis, shape (m,)."""
    return np.sqrt((a.reshape(len(a), -1) ** 2).sum(1))


def slope_of(function: Callable[[np.ndarray], np.ndarray], f: np.ndarray, step: float) -> np.ndarray:
    """Slope of a function of F by differences of fourth order, shape (m, ..., 3, 3)."""
    columns = []
    for k in range(3):
        for m in range(3):
            d = np.zeros((3, 3))
            d[k, m] = step
            near, far = function(f + d) - function(f - d), function(f + 2 * d) - function(f - 2 * d)
            columns.append((8.0 * near - far) / (12.0 * step))
    whole = np.stack(columns, -1)
    return whole.reshape(*whole.shape[:-1], 3, 3)
