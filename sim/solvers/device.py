"""The device's part of a tick: struts, balloon and drag in double precision, solved directly."""

import dataclasses

import numpy as np
import scipy.sparse as sparse

from sim.body import DeviceBody
from sim.solvers.dense import positive_inverse
from sim.state import State


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """What a node of the device sees of the balloon's axis during one tick.

    Attributes
    ----------
    centre, tangent
        Nearest point of the axis, relative to the model's origin [m], and its direction, shape (n, 3).
    """

    centre: np.ndarray
    tangent: np.ndarray


class DeviceStep:
    """Energy, slope and stiffness of a device within one tick of length h.

    The tick's potential is  struts(y) + balloon(y) + drag/2h |y − y₀|². A device's own inertia is lost beside the drag.
    """

    def __init__(self, device: DeviceBody, origin: np.ndarray, state: State, pressure: float, h: float):
        self._device = device
        self._plastic = state.plastic_angle
        self._before = state.device_position
        self._pressure = pressure
        self._drag = device.drag / h
        self._around = _surroundings(device.balloon.axis - origin, state.device_position)

    def evaluate(self, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy [J] and its slope [N], shape (n, 3), at positions y [m]."""
        energy, slope = self._device.struts.evaluate(y, self._plastic)
        moved = y - self._before
        energy += float(0.5 * self._drag * (moved**2).sum())
        slope = slope + self._drag * moved
        radius, outward = self._radial(y)
        share, balloon = self._device.balloon_share, self._device.balloon
        energy += float((share * balloon.work(self._pressure, radius)).sum())
        push = share * np.maximum(self._pressure - balloon.wall_pressure(radius), 0.0) * radius
        return energy, slope - push[:, None] * outward

    def stiffness(self, y: np.ndarray) -> np.ndarray:
        """Positive definite stiffness [N/m], shape (3n, 3n)."""
        matrix = self._device.struts.stiffness(y, self._plastic)
        radius, outward = self._radial(y)
        balloon = self._device.balloon
        pressing = self._pressure > balloon.wall_pressure(radius)
        stiff = np.where(pressing, self._device.balloon_share * balloon.wall_stiffness(radius) * radius, 0.0)
        blocks = stiff[:, None, None] * np.einsum("ni,nj->nij", outward, outward)
        blocks += self._drag * np.eye(3)
        _add_diagonal_blocks(matrix, blocks)
        return matrix

    def _radial(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance of each strut's inner face from the balloon's axis [m] and the direction outwards."""
        off = y - self._around.centre
        off = off - np.einsum("ni,ni->n", off, self._around.tangent)[:, None] * self._around.tangent
        distance = np.maximum(np.linalg.norm(off, axis=1), 1e-9)
        return np.maximum(distance - self._device.half_thickness, 1e-9), off / distance[:, None]


def contact_stiffness(device: DeviceBody, blocks: np.ndarray) -> np.ndarray:
    """Σ w w' A of the contacts as seen by the device [N/m], shape (3n, 3n)."""
    count = len(device.positions)
    weight = np.stack([1.0 - device.sample_along, device.sample_along], 1)
    touching = np.flatnonzero(blocks.any((1, 2)))
    nodes, weight = device.sample_nodes[touching], weight[touching]
    parts = np.einsum("sa,sb,sij->saibj", weight, weight, blocks[touching]).reshape(len(touching), 6, 6)
    degrees = (3 * nodes[:, :, None] + np.arange(3)).reshape(len(touching), 6)
    matrix = np.zeros((3 * count, 3 * count))
    np.add.at(matrix, (degrees[:, :, None], degrees[:, None, :]), parts)
    return matrix


def eliminated_stiffness(
    device: DeviceBody | None,
    compliance: np.ndarray | None,
    blocks: np.ndarray,
    contacts: np.ndarray,
    samples: int,
    rows: sparse.csr_matrix,
) -> np.ndarray:
    """Rᵀ (A − A B D⁻¹ Bᵀ A) R of some contacts on the motions R of the tissue, shape (3s, q): the device eliminated.

    The first `samples` of the contacts are the device's; without it the rest is Rᵀ A R.
    """
    index = np.arange(3 * len(contacts)).reshape(-1, 3)
    columns = np.broadcast_to(index[:, None, :], (len(contacts), 3, 3))
    stiff = sparse.csr_matrix((blocks[contacts].ravel(), (np.repeat(index.ravel(), 3), columns.ravel())))
    whole = (rows.T @ stiff @ rows).toarray()
    if device is None or compliance is None or samples == 0:
        return whole
    along, nodes = device.sample_along[contacts[:samples]], device.sample_nodes[contacts[:samples]]
    weight = np.repeat(np.concatenate([1.0 - along, along]), 3)
    node = (3 * np.concatenate([nodes[:, 0], nodes[:, 1]])[:, None] + np.arange(3)).ravel()
    shape = (3 * len(contacts), 3 * len(device.positions))
    strut = sparse.csr_matrix((weight, (np.tile(index[:samples].ravel(), 2), node)), shape=shape)
    pushed = (strut.T @ stiff @ rows).toarray()
    return whole - pushed.T @ (compliance @ pushed)


def contact_push(device: DeviceBody, traction: np.ndarray) -> np.ndarray:
    """Force of the wall on each node [N], shape (n, 3), from the force on the strut at each contact [N], shape (s, 3)."""
    pushed = np.zeros_like(device.positions)
    along = device.sample_along[:, None]
    np.add.at(pushed, device.sample_nodes[:, 0], (1.0 - along) * traction)
    np.add.at(pushed, device.sample_nodes[:, 1], along * traction)
    return pushed


def compliance_of(stiffness: np.ndarray) -> np.ndarray:
    """Inverse of a device's stiffness [m/N].

    Raises
    ------
    FloatingPointError
        If it is not positive definite, which drag alone prevents unless a number is lost.
    """
    compliance = positive_inverse(stiffness)
    if compliance is None:
        raise FloatingPointError("The device's stiffness is not positive definite.")
    return compliance


def _surroundings(axis: np.ndarray, positions: np.ndarray) -> Surroundings:
    """Nearest point of the axis, a polyline, and its direction at each position."""
    start, edge = axis[:-1], np.diff(axis, axis=0)
    length2 = np.einsum("qi,qi->q", edge, edge)
    along = np.einsum("nqi,qi->nq", positions[:, None] - start[None], edge) / length2
    # The axis goes straight on beyond its ends.
    low = np.where(np.arange(len(edge)) == 0, -np.inf, 0.0)
    high = np.where(np.arange(len(edge)) == len(edge) - 1, np.inf, 1.0)
    along = np.clip(along, low, high)
    foot = start[None] + along[:, :, None] * edge[None]
    nearest = np.argmin(np.linalg.norm(positions[:, None] - foot, axis=2), axis=1)
    rows = np.arange(len(positions))
    directions = edge / np.sqrt(length2)[:, None]
    # Directions are blended between the middles of the axis' pieces, so that they turn smoothly along it.
    place = np.clip(nearest + along[rows, nearest] - 0.5, 0.0, len(edge) - 1.0)
    below = np.minimum(place.astype(int), max(len(edge) - 2, 0))
    above = np.minimum(below + 1, len(edge) - 1)
    part = (place - below)[:, None]
    tangent = (1.0 - part) * directions[below] + part * directions[above]
    return Surroundings(foot[rows, nearest], tangent / np.linalg.norm(tangent, axis=1, keepdims=True))


def _add_diagonal_blocks(matrix: np.ndarray, blocks: np.ndarray) -> None:
    count = len(blocks)
    view = matrix.reshape(count, 3, count, 3)
    rows = np.arange(count)
    view[rows, :, rows, :] += blocks
