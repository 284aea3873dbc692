"""Which numbers a law may have, and the sentence that refuses one which it may not."""

import math


class LawError(ValueError):
    """A law whose parameter lies outside its range, told in one sentence."""


def require(law: object, name: str, value: float, allowed: bool, range_text: str) -> None:
    """Refuse a parameter that is not finite or not allowed.

    Raises
    ------
    LawError
        With the law's name, the parameter, its value and its range.
    """
    if not (math.isfinite(value) and allowed):
        raise LawError(f"{type(law).__name__}: {name} is {value:g}; it must be {range_text}.")


def require_bulk_and_density(law: object, bulk: float, shear: float, density: float) -> None:
    """Refuse a bulk modulus below ⅔ of the shear modulus (Poisson's ratio below 0) and a density that is not positive.

    Raises
    ------
    LawError
        With the law's name, the parameter, its value and its range.
    """
    require(law, "bulk", bulk, 3.0 * bulk >= 2.0 * shear, f"at least ⅔ of the shear modulus at rest, {2.0 * shear / 3.0:g} Pa")
    require(law, "density", density, density > 0.0, "positive [kg/m³]")
