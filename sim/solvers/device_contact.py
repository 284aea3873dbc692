"""Contacts as a device sees them: its share of their stiffness, of their push, and what of both is left once it has given way."""

import numpy as np
import scipy.sparse as sparse

from sim.device import DeviceBody
from sim.solvers.device_matrix import Compliance
from sim.solvers.device_parts import NodeBlocks


def contact_stiffness(device: DeviceBody, blocks: np.ndarray) -> NodeBlocks:
    """w w' A of each contact, between the two nodes of its sample point.

    `blocks` A [N/m], shape (s, 3, 3), is nought where nothing touches.
    """
    touching = np.flatnonzero(blocks.any((1, 2)))
    weight = np.stack([1.0 - device.sample_along[touching], device.sample_along[touching]], 1)
    values = np.zeros((len(blocks), 6, 6))
    parts = (weight[:, :, None, None, None] * weight[:, None, None, :, None]) * blocks[touching][:, None, :, None, :]
    values[touching] = parts.reshape(-1, 6, 6)
    return NodeBlocks(device.sample_nodes, values)


def contact_push(device: DeviceBody, traction: np.ndarray) -> np.ndarray:
    """Force of the wall on each node [N], with no moment, shape (n, 6), from that on each sample point [N], shape (s, 3)."""
    pushed = np.zeros((device.node_count, 6))
    along = device.sample_along[:, None]
    np.add.at(pushed[:, :3], device.sample_nodes[:, 0], (1.0 - along) * traction)
    np.add.at(pushed[:, :3], device.sample_nodes[:, 1], along * traction)
    return pushed


def eliminated_stiffness(
    device: DeviceBody | None,
    compliance: Compliance | None,
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
    node = (6 * np.concatenate([nodes[:, 0], nodes[:, 1]])[:, None] + np.arange(3)).ravel()
    shape = (3 * len(contacts), 6 * device.node_count)
    strut = sparse.csr_matrix((weight, (np.tile(index[:samples].ravel(), 2), node)), shape=shape)
    pushed = sparse.csc_matrix(strut.T @ stiff @ rows)
    # Most clusters are far from the device; only those that touch it need a solution.
    near = np.flatnonzero(np.diff(pushed.indptr))
    whole[np.ix_(near, near)] -= compliance.between(pushed[:, near])
    return whole
