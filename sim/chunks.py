"""Sums in a fixed order: each chunk of elements is summed by one thread, and the chunks one after another."""

import taichi as ti

from sim.arrays import Passed

CHUNK = 128
"""Elements summed by one thread; the order of every sum is fixed, so that a rerun is equal to the bit."""


@ti.func
def chunk_count(count):  # pyright: ignore
    """How many chunks hold `count` elements."""
    return (count + CHUNK - 1) // CHUNK


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
