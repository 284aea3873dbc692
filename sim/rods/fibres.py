"""Sections made of fibres, for laws that remember: the law of one dimension becomes one of stretch and bending."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from sim.rods.laws import Law, LinearElastic
from sim.rods.sections import Joint, Section


@dataclasses.dataclass(frozen=True)
class FibreGroup:
    """Elements of one law and one number of fibres. A fibre at (x, y) strains by ε = Γ₃ + y κ₁ − x κ₂.

    Attributes
    ----------
    law
        Law of all fibres.
    elements
        Which elements, shape (g,).
    weights
        Area of each fibre [m²], shape (g, f).
    modes
        1, y and −x [m] of each fibre, shape (g, f, 3).
    pairs
        Products of the modes, shape (g, f, 6).
    place
        Where the group's numbers stand in the history.
    """

    law: Law
    elements: np.ndarray
    weights: np.ndarray
    modes: np.ndarray
    pairs: np.ndarray
    place: slice

    @property
    def history_size(self) -> int:
        """How many numbers the group remembers."""
        return self.weights.size * self.law.memory

    def strain(self, strain: np.ndarray) -> np.ndarray:
        """Strain of each fibre, shape (g, f), from those of all elements, shape (m, 6)."""
        return (self.modes @ strain[self.elements, 2:5, None])[:, :, 0]

    def response(self, strain: np.ndarray, history: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Energy a length [J/m], shape (g,), tension [N] with the two bending moments [N·m], shape (g, 3), and E A of fibres [N].

        The last has shape (g, f); `tangent` makes of it the slope of tension and moments.
        """
        energy, stress, tangent = self.law.response(self.strain(strain), self._own(history))
        force = (self.weights * stress)[:, None, :] @ self.modes
        return np.einsum("ef,ef->e", self.weights, energy), force[:, 0], self.weights * tangent

    def tangent(self, stiffness: np.ndarray) -> np.ndarray:
        """Slope of tension and moments in stretch and curvatures from fibres' E A [N]: the upper triangle, shape (g, 6)."""
        return (stiffness[:, None, :] @ self.pairs)[:, 0]

    def history_after(self, strain: np.ndarray, history: np.ndarray) -> np.ndarray:
        """The group's part of the history after a tick, flat."""
        return self.law.after(self.strain(strain), self._own(history)).ravel()

    def _own(self, history: np.ndarray) -> np.ndarray:
        return history[self.place].reshape(*self.weights.shape, self.law.memory)


def fibre_groups(
    sections: Sequence[Section | Joint], section_of: np.ndarray, laws: Sequence[Law], law_of: np.ndarray
) -> tuple[FibreGroup, ...]:
    """Group the elements whose law is not linear."""
    count = np.array([len(section.fibres) for section in sections])[section_of]
    groups, start = [], 0
    for number, law in enumerate(laws):
        if isinstance(law, LinearElastic):
            continue
        for size in np.unique(count[(law_of == number) & (count > 0)]):
            mine = np.flatnonzero((law_of == number) & (count == size))
            fibres = np.stack([sections[section_of[element]].fibres for element in mine])
            one, y, x = np.ones(fibres.shape[:2]), fibres[:, :, 2], -fibres[:, :, 1]
            pairs = np.stack([one, y, x, y * y, x * y, x * x], -1)
            end = start + fibres.shape[0] * fibres.shape[1] * law.memory
            groups.append(FibreGroup(law, mine, fibres[:, :, 0], np.stack([one, y, x], -1), pairs, slice(start, end)))
            start = end
    return tuple(groups)
