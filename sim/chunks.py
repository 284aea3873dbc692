"""Sums in a fixed order: each chunk of elements is summed by one thread, and the chunks one after another."""

import taichi as ti

from sim import backend
from sim.arrays import Passed

CHUNK = 128
"""Elements summed by one thread; the order of every sum is fixed, so that a rerun is equal to the bit."""

MANY, SEVERAL = 16_384, 4_096
"""Items from which a loop is worth a second thread, for those that take some 50 and some 300 nanoseconds each."""

ALONE, HEAVY, ALL = range(3)
"""Which loops of a kernel are shared among threads: none, those that take long for each item, or all."""


def spread_of(count: int) -> int:
    """What loops over so many vertices are to be shared among threads: handing one out takes a CPU some 50 microseconds."""
    if not backend.small_loops_serial:
        return ALL
    return ALL if count >= MANY else HEAVY if count >= SEVERAL else ALONE


def turns(spread: int, kind: int) -> int:
    """Turns of a loop that each of its items is given, where loops of this kind are shared from `kind` on."""
    return backend.turns_an_item if spread >= kind else 1


@ti.func
def chunk_count(count):  # pyright: ignore
    """How many chunks hold `count` elements."""
    return (count + CHUNK - 1) // CHUNK


@ti.func
def turns_apart(count, least):  # pyright: ignore
    """How many turns of a loop each of its items is given: as many as wake a second thread if there are `least` items.

    Waking one takes 0.05 to 0.3 ms, so that `least` items should take a CPU at least twice that.
    """
    return ti.select(count >= least, backend.turns_an_item, 1)


@ti.func
def summed(chunks, partial: Passed):  # pyright: ignore
    """Sum of the first entries, in order."""
    total = ti.f64(0.0)
    for c in range(chunks):
        total += partial[c]
    return total


def partial_length(*counts: int) -> int:
    """Length of a scratch array for partial sums, two an element's chunk, of any of these many elements."""
    return 2 * (max(counts) // CHUNK + 1)
