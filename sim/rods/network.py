"""Networks of geometrically exact rods: stored energy, its slope and its second derivative."""

import dataclasses
import functools
from typing import Any

import numpy as np
import scipy.sparse as sparse

from sim import backend
from sim.rods.fibres import FibreGroup, fibre_groups
from sim.rods.kinematics import Elements, Middle
from sim.rods.laws import Law, LinearElastic
from sim.rods.rotations import from_vectors, quaternion_product
from sim.rods.sections import Joint, Section


@dataclasses.dataclass(frozen=True)
class Pose:
    """Where the nodes of rods are and how they are turned.

    Attributes
    ----------
    position
        [m], shape (n, 3).
    rotation
        Unit quaternions, scalar first, shape (n, 4).
    """

    position: np.ndarray
    rotation: np.ndarray

    def moved(self, step: np.ndarray) -> "Pose":
        """This pose after a step of each node: a displacement [m] and a rotation vector in space [rad], shape (n, 6)."""
        turned = quaternion_product(from_vectors(step[:, 3:]), self.rotation)
        return Pose(self.position + step[:, :3], turned / np.linalg.norm(turned, axis=1, keepdims=True))


@dataclasses.dataclass(frozen=True)
class RodNetwork:
    """Rods that share nodes, and what their elements are made of.

    Attributes
    ----------
    node_count
        n.
    elements
        Node pairs, shape (m, 2).
    end_rotations
        Quaternion that turns a node's frame into the frame of the element's end there, shape (m, 2, 4).
    rest_length
        [m], shape (m,).
    rest_strain
        Γ₀ and natural curvature κ₀ [1/m] in the middle's frame, shape (m, 6).
    sections, section_of
        Cross-sections (or joints), and which of them each element has, shape (m,).
    laws, law_of
        Laws, and which of them each element has, shape (m,).
    """

    node_count: int
    elements: np.ndarray
    end_rotations: np.ndarray
    rest_length: np.ndarray
    rest_strain: np.ndarray
    sections: tuple[Section | Joint, ...]
    section_of: np.ndarray
    laws: tuple[Law, ...]
    law_of: np.ndarray

    def fresh_history(self) -> np.ndarray:
        """History of metal that was never strained; one flat array, empty where all laws are elastic."""
        return np.zeros(sum(group.history_size for group in self._fibres))

    def middle(self, pose: Pose) -> Middle:
        """The elements seen from their middle."""
        self._last.clear()
        found = self._elements.middle(pose.position, pose.rotation)
        return Middle(found.frame.copy(), found.stretch.copy(), found.turn.copy(), found.length, found.strain.copy())

    def strains(self, pose: Pose) -> np.ndarray:
        """Two shears, stretch, two curvatures and twist [1/m] beyond the rest values, shape (m, 6)."""
        return self.middle(pose).strain - self.rest_strain

    def resultants(self, pose: Pose, history: np.ndarray) -> np.ndarray:
        """Forces [N] and moments [N·m] of the sections in the middle's frame, shape (m, 6)."""
        return self._bent(pose, history)[2]

    def surface_strains(self, pose: Pose) -> np.ndarray:
        """Largest strain along the rod at the surface of a rectangular section, shape (m,); round ones have less."""
        strain = self.strains(pose)
        half = self._half_widths
        return np.abs(strain[:, 2]) + half[:, 1] * np.abs(strain[:, 3]) + half[:, 0] * np.abs(strain[:, 4])

    def evaluate(self, pose: Pose, history: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy [J] and its slope [N, N·m], shape (n, 6), with respect to a step of `Pose.moved`.

        With laws that remember, the energy is what is stored and what the tick dissipates.

        Raises
        ------
        FloatingPointError
            If the ends of an element turn by nearly half a turn against each other.
        """
        _, energy, resultant, _ = self._bent(pose, history)
        slope = self._gather @ self._elements.pull(resultant).ravel()
        return float(energy @ self.rest_length), slope.reshape(-1, 6)

    def stiffness(self, pose: Pose, history: np.ndarray, *, positive: bool = False) -> sparse.csc_matrix:
        """Second derivative of the energy with respect to a step of `Pose.moved`, shape (6n, 6n), symmetric.

        `positive` leaves out what may be negative, so that it is positive semidefinite.
        """
        _, _, resultant, fibres = self._bent(pose, history)
        moduli = np.concatenate([self._moduli, np.zeros_like(self._moduli)], 1)
        for group, tangent in zip(self._fibres, fibres, strict=True):
            moduli[group.elements, 6:] = group.tangent(tangent)
        local = self._elements.stiffness(resultant, moduli, positive=positive)
        rows, starts, spread = self._pattern
        size = 6 * self.node_count
        return sparse.csc_matrix((spread @ local.ravel(), rows.copy(), starts.copy()), shape=(size, size))

    def history_after(self, pose: Pose, history: np.ndarray, *, carried: np.ndarray | None = None) -> np.ndarray:
        """History after a tick that ends at this pose; elements with a node that is only carried, shape (n,), keep theirs."""
        strain, after = self.strains(pose), history.copy()
        keeping = np.zeros(len(self.elements), bool)
        if carried is not None:
            keeping |= carried[self.elements[:, 0]] | carried[self.elements[:, 1]]
        for group in self._fibres:
            found, own = group.history_after(strain, history), np.flatnonzero(~keeping[group.elements])
            rows = after[group.place].reshape(len(group.elements), -1)
            rows[own] = found.reshape(rows.shape)[own]
            after[group.place] = rows.ravel()
        return after

    def _bent(self, pose: Pose, history: np.ndarray) -> tuple[Middle, np.ndarray, np.ndarray, list[np.ndarray]]:
        """The elements' middle with what `_resultants` gives; slope and stiffness are asked at one pose, so the last is kept."""
        kept = self._last
        if not kept or kept[0] is not pose or kept[1] is not history:
            kept.clear()
            middle = self._elements.middle(pose.position, pose.rotation)
            kept[:] = pose, history, (middle, *self._resultants(middle.strain - self.rest_strain, history))
        return kept[2]

    def _resultants(self, strain: np.ndarray, history: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
        """Energy a length [J/m], forces and moments of the sections, and the stiffness of each group's fibres [N]."""
        resultant = self._moduli * strain
        energy = 0.5 * np.einsum("ei,ei->e", resultant, strain)
        fibres = []
        for group in self._fibres:
            stored, force, stiffness = group.response(strain, history)
            energy[group.elements] += stored
            resultant[group.elements, 2:5] += force
            fibres.append(stiffness)
        return energy, resultant, fibres

    @functools.cached_property
    def _last(self) -> list[Any]:
        return []

    @functools.cached_property
    def _elements(self) -> Elements:
        backend.current()
        return Elements(self.node_count, self.elements, self.end_rotations, self.rest_length)

    @functools.cached_property
    def _fibres(self) -> tuple[FibreGroup, ...]:
        return fibre_groups(self.sections, self.section_of, self.laws, self.law_of)

    @functools.cached_property
    def _moduli(self) -> np.ndarray:
        """Elastic stiffness of each element, shape (m, 6), without what its fibres bring."""
        pairs, which = np.unique(np.stack([self.section_of, self.law_of], 1), axis=0, return_inverse=True)
        moduli = np.zeros((len(pairs), 6))
        for row, (section, law) in zip(moduli, pairs, strict=True):
            row[:] = self.sections[section].moduli(self.laws[law])
            if not isinstance(self.laws[law], LinearElastic) and len(self.sections[section].fibres):
                row[2:5] = 0.0
        return moduli[which.ravel()]

    @functools.cached_property
    def _half_widths(self) -> np.ndarray:
        widths = [s.half_widths if isinstance(s, Section) else (0.0, 0.0) for s in self.sections]
        return np.array(widths).reshape(-1, 2)[self.section_of]

    @functools.cached_property
    def _shares(self) -> np.ndarray:
        """How v, s and q follow from the steps of an element's nodes, shape (9, 12)."""
        one = np.array([[-1.0, 0.0, 1.0, 0.0], [0.0, 0.5, 0.0, 0.5], [0.0, -1.0, 0.0, 1.0]])
        return np.kron(one, np.eye(3))

    @functools.cached_property
    def _degrees(self) -> np.ndarray:
        """Rows of an element's nodes in the network's stiffness, shape (m, 12)."""
        return (6 * self.elements[:, :, None] + np.arange(6)).reshape(-1, 12)

    @functools.cached_property
    def _gather(self) -> sparse.csr_matrix:
        """Map from the slopes with respect to v, s and q to those of the nodes, shape (6n, 9m)."""
        row, column = np.nonzero(self._shares)
        count = len(self.elements)
        values = np.tile(self._shares[row, column], count)
        places = (9 * np.arange(count)[:, None] + row).ravel()
        return sparse.csr_matrix((values, (self._degrees[:, column].ravel(), places)), shape=(6 * self.node_count, 9 * count))

    @functools.cached_property
    def _pattern(self) -> tuple[np.ndarray, np.ndarray, sparse.csr_matrix]:
        """Rows and column starts of the stiffness, and the map from the elements' entries, shape (m, 9, 9), to its own."""
        count, size = len(self.elements), 6 * self.node_count
        key = self._degrees[:, None, :] * size + self._degrees[:, :, None]
        # Every diagonal entry is there, also of nodes without rods, so that others may add to it.
        diagonal = np.arange(size) * (size + 1)
        keys, where = np.unique(np.concatenate([key.ravel(), diagonal]), return_inverse=True)
        where = where[: key.size].reshape(count, 12, 12)
        starts = np.searchsorted(keys // size, np.arange(size + 1))
        node, own = np.nonzero(self._shares.T)
        value = self._shares[own, node]
        left, right = (index.ravel() for index in np.meshgrid(np.arange(len(node)), np.arange(len(node)), indexing="ij"))
        target = where[:, node[left], node[right]]
        source = 81 * np.arange(count)[:, None] + 9 * own[left] + own[right]
        weight = np.broadcast_to(value[left] * value[right], target.shape)
        spread = sparse.csr_matrix((weight.ravel(), (target.ravel(), source.ravel())), shape=(len(keys), 81 * count))
        return (keys % size).astype(np.int32), starts.astype(np.int32), spread
