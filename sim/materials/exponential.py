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


@ti.func
def stiffening(strain, factor, rate):  # pyright: ignore
    """a/2b (exp(b s²) − 1) and its first and second slope in the strain s; beyond b s² = 12 the parabola of s there."""
    largest = ti.sqrt(LARGEST_EXPONENT / rate)
    held = ti.math.clamp(strain, -largest, largest)
    over = rate * held * held
    grown, _, power = exponential(over)
    first, second = factor * held * power, factor * power * (1.0 + 2.0 * over)
    up = strain - held
    return 0.5 * factor / rate * grown + (first + 0.5 * second * up) * up, first + second * up, second
