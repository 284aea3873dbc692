"""Cheap functions that stand in for a rehearsal in the tests and benchmarks of studies."""

import ctypes
import math
import time
from pathlib import Path


def ishigami(x1: float, x2: float, x3: float) -> float:
    """Ishigami and Homma 1990: sin x1 + 7 sin² x2 + 0.1 x3⁴ sin x1."""
    return math.sin(x1) + 7.0 * math.sin(x2) ** 2 + 0.1 * x3**4 * math.sin(x1)


def plane(x: float = 0.0, y: float = 0.0, word: str = "a", count: int = 1) -> dict[str, float | tuple[float, str]]:
    """Two measures of a plane, one with a unit."""
    return {"height": (2.0 * x + y, "mm"), "x squared": x * x}


def noted(x: float, where: str = "", pause_s: float = 0.0) -> float:
    """Write a line for each execution into a file, wait, and return the square."""
    if where:
        with open(Path(where), "a", encoding="utf-8") as file:
            file.write(f"{x}\n")
    time.sleep(pause_s)
    return x * x


def crashing(x: float, where: str = "", bad: float = 5.0) -> float:
    """Segfault where x is the bad one."""
    noted(x, where)
    if x == bad:
        ctypes.string_at(0)
    return x


def raising(x: float) -> float:
    """Fail in different ways."""
    if x == 1.0:
        return math.nan
    if x == 2.0:
        raise RuntimeError("the plane does not fly")
    return x


def noise(x: float = 0.0, seed: int = 0) -> float:
    """A number from the seed."""
    import numpy as np

    return x + float(np.random.default_rng(seed).random())


def smooth(a: float, b: float, c: float) -> float:
    """A smooth response of three parameters from 0 to 1."""
    return math.exp(-a) * math.sin(3.0 * b) + 0.5 * b * c + 0.3 * math.cos(2.0 * c + a)


def step(a: float, b: float) -> float:
    """A steep, smooth step along a slanting line."""
    return 1.0 / (1.0 + math.exp(-8.0 * (a + 0.5 * b - 0.75)))


def trapezoid(width: float, step: float = 0.25, terms: int = 8) -> float:
    """The integral of the exponential series, cut after some terms, from 0 to a width by the trapezoidal rule."""
    import numpy as np

    x = np.linspace(0.0, width, round(width / step) + 1)
    series = sum(x**power / math.factorial(power) for power in range(terms))
    return float(np.trapezoid(series, x))
