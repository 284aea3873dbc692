"""Coulomb's friction between a rod and the one that it slides and turns in.

Where an inner rod of radius r presses on the bore about it, m is the direction from its middle line to the place of touch, d
the bore's direction and c = d × m that about it. The place lies at a = r m from the inner rod's middle line and at a + x_i − x_o
from the outer's, so that a force there and its opposite leave neither a force nor a moment. The slip since a stage began,

    s = (d, c) · [Δx_i + θ_i × a − Δx_o − θ_o × (a + x_i − x_o)],

has a part along the rods and one about them: r times what the inner has turned more than the outer. Places, directions and the
normal force N are those with which the stage begins, as is the friction τ on the inner rod that is carried on from before; the
energy is Moreau's envelope of Coulomb's, as that of contacts with tissue (`sim.contact`),

    E = (|t|² − |τ|²) / 2k  where |t| ≤ μN,  else  (μN (2|t| − μN) − |τ|²) / 2k,      t = τ − k s,

whose slope is a friction of t, cut to μN. What sticks gives way by |τ|/k and does not creep; what slides is held back along its
slip, so that a wire that is pushed turns the more easily.
"""

import numpy as np

from sim.contact import SLIDING
from sim.device import Sleeve
from sim.rods.network import Pose
from sim.rods.rotations import inverse, quaternion_product, to_vectors
from sim.solvers.device_parts import SLEEVE_STIFFNESS, NodeBlocks, Touches


class RubbingPart:
    """Friction in one sleeve within one stage of a tick: an energy of its nodes' positions and turns.

    Attributes
    ----------
    rows
        Which rows of `State.coaxial_friction` are its.
    """

    def __init__(self, sleeve: Sleeve, touches: Touches, before: Pose, carried: np.ndarray, rows: slice):
        """Slip counts from the pose `before`, where rods touch as told; `carried` [N] has shape (sleeve.touch_count, 2)."""
        self.rows = rows
        self._before, self._nodes, self._number, self._count = before, touches.nodes, touches.number, sleeve.touch_count
        own = np.where(touches.number < len(sleeve.inner), 1.0, -1.0)
        towards = own[:, None] * touches.normal
        edge = before.position[touches.nodes[:, 2]] - before.position[touches.nodes[:, 1]]
        along = edge - np.einsum("ti,ti->t", edge, towards)[:, None] * towards
        along /= np.linalg.norm(along, axis=1, keepdims=True)
        self._ways = np.stack([along, np.cross(along, towards)], 1)
        # The inner rod's nodes have weights that sum to one, the outer's to minus one.
        self._weights = own[:, None] * touches.weights
        reach = np.where(self._weights > 0.0, sleeve.radius, sleeve.radius + touches.distance[:, None])
        self._arms = reach[:, :, None] * towards[:, None]
        self._most = sleeve.friction * SLEEVE_STIFFNESS * touches.over
        self._carried = carried[touches.number]

    def evaluate(self, pose: Pose) -> tuple[float, np.ndarray]:
        """Energy [J] and slope [N, N·m], shape (n, 6), at a pose."""
        trial, rates = self._trial(pose)
        size = np.linalg.norm(trial, axis=1)
        envelope = np.where(size <= self._most, size**2, self._most * (2.0 * size - self._most))
        slope = np.zeros((len(pose.position), 6))
        np.add.at(slope, self._nodes, -np.einsum("tw,twki->tki", self._cut(trial), rates))
        return 0.5 * float((envelope - (self._carried**2).sum(1)).sum()) / SLEEVE_STIFFNESS, slope

    def stiffness(self, pose: Pose) -> NodeBlocks:
        """Second derivative, its positive part: a little is kept of what slides, and what turns do to moments is left out."""
        trial, rates = self._trial(pose)
        size = np.maximum(np.linalg.norm(trial, axis=1), 1e-300)
        slides = size > self._most
        stiff = SLEEVE_STIFFNESS * np.where(slides, self._most / size, 1.0)
        way = np.where(slides, SLIDING / size, 0.0)[:, None] * trial
        block = stiff[:, None, None] * (np.eye(2) - np.einsum("tv,tw->tvw", way, way))
        rates = rates.reshape(len(rates), 2, 18)
        # They are among those that the bore's own stiffness names.
        return NodeBlocks(self._nodes, np.einsum("tva,tvw,twb->tab", rates, block, rates), np.zeros((0, 1), int))

    def friction(self, pose: Pose) -> np.ndarray:
        """Friction on the inner rod along and about the bore at a pose [N], shape (sleeve.touch_count, 2)."""
        whole = np.zeros((self._count, 2))
        whole[self._number] = self._cut(self._trial(pose)[0])
        return whole

    def _trial(self, pose: Pose) -> tuple[np.ndarray, np.ndarray]:
        """τ − k s [N], shape (t, 2), and how the slip grows with displacements and turns of the nodes, shape (t, 2, 3, 6)."""
        moved = (pose.position - self._before.position)[self._nodes]
        every = self._nodes.ravel()
        spun = to_vectors(quaternion_product(pose.rotation[every], inverse(self._before.rotation[every])))
        ways = self._weights[:, None, :, None] * self._ways[:, :, None]
        moments = np.cross(self._arms[:, None], ways)
        turned, growth = spun.reshape(-1, 3, 3), _growth(spun).reshape(-1, 3, 3, 3)
        slip = np.einsum("twki,tki->tw", ways, moved) + np.einsum("twki,tki->tw", moments, turned)
        rates = np.concatenate([ways, np.einsum("twki,tkij->twkj", moments, growth)], 3)
        return self._carried - SLEEVE_STIFFNESS * slip, rates

    def _cut(self, trial: np.ndarray) -> np.ndarray:
        size = np.linalg.norm(trial, axis=1)
        return np.where(size > self._most, self._most / np.maximum(size, 1e-300), 1.0)[:, None] * trial


def _growth(spun: np.ndarray) -> np.ndarray:
    """How rotation vectors θ [rad], shape (n, 3), grow with a small turn in space after them, shape (n, 3, 3).

    I − θ×/2 + (1 − θ/2 cot θ/2) θ×θ×/θ²: the inverse of the left Jacobian of rotations (Bullo & Murray 1995).
    """
    size2 = np.maximum(np.einsum("ni,ni->n", spun, spun), 1e-30)
    half = 0.5 * np.sqrt(size2)
    factor = np.where(half > 1e-3, (1.0 - half / np.tan(half)) / size2, 1.0 / 12.0)
    cross = np.zeros((len(spun), 3, 3))
    cross[:, [2, 0, 1], [1, 2, 0]], cross[:, [1, 2, 0], [2, 0, 1]] = spun, -spun
    return np.eye(3) - 0.5 * cross + factor[:, None, None] * cross @ cross
