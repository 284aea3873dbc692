"""Groups of tets: one thread sums what the tets of a group give to the places that they share.

A stiffness matrix is gathered, so that no two threads write to one place. Were each of an element's ten blocks kept until
then, a mesh of 100,000 tets would write 35 MB and read them at random. Of the blocks of some hundred tets that follow one
another, most of them neighbours, a quarter to a third is left when they are summed as they are found, in a CPU's nearest cache.
"""

import dataclasses

import numpy as np
import taichi as ti

from sim import backend
from sim.arrays import Array, put
from sim.tables import Pattern

SIZE = 128
"""Tets in a group on a CPU; elsewhere each is its own, since there are thousands of threads to be fed."""


@dataclasses.dataclass(frozen=True)
class Groups:
    """Groups of tets, and the slots into which each adds its elements' stiffness blocks.

    Attributes
    ----------
    size, count
        Tets in a group, the last but for its rest, and the number of groups.
    slot_first
        For each group its first slot, shape (g + 1,).
    slot
        For each element's ten blocks, in the order of `PAIRS`, their slots, shape (10 m,).
    entry_first, entry_slots
        For each upper entry of the matrix the slots that make it up.
    """

    size: int
    count: int
    slot_count: int
    slot_first: Array
    slot: Array
    entry_first: Array
    entry_slots: Array


def grouped(pattern: Pattern, size: int | None = None) -> Groups:
    """Groups of `size` tets that follow one another in a mesh of this pattern; of the backend's size if None."""
    if size is None:
        size = SIZE if backend.small_loops_serial else 1
    tet_count, upper = len(pattern.entry) // 10, len(pattern.upper)
    count = -(-tet_count // size)
    key = np.repeat(np.arange(tet_count) // size, 10) * upper + pattern.entry
    slots, slot = np.unique(key, return_inverse=True)
    of_entry = slots % upper
    by_entry = np.argsort(of_entry, kind="stable")
    return Groups(
        size=size,
        count=count,
        slot_count=len(slots),
        slot_first=put(np.searchsorted(slots // upper, np.arange(count + 1)), ti.i32),
        slot=put(slot, ti.i32),
        entry_first=put(np.searchsorted(of_entry[by_entry], np.arange(upper + 1)), ti.i32),
        entry_slots=put(by_entry, ti.i32),
    )
