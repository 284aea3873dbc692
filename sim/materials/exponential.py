"""The exponential of laws that stiffen, carried on so that single precision holds it at any stretch."""

import taichi as ti

LARGEST_EXPONENT = 12.0


@ti.func
def exponential(x):  # pyright: ignore
    """exp x − 1, its first slope less 1 and its second slope; the parabola of x = 12 beyond it, and so without overflow."""
    held = ti.min(x, LARGEST_EXPONENT)
    second = ti.exp(held)
    value = second - 1.0
    if ti.abs(held) < 0.5:
        half = ti.tanh(0.5 * held)
        value = 2.0 * half / (1.0 - half)
    up = x - held
    return value + second * (1.0 + 0.5 * up) * up, value + second * up, second
