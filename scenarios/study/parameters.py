"""Parameters of a scenario: dotted paths with a unit at the end of the name, a default, and the range they may have."""

import dataclasses
import difflib
import math
from collections.abc import Mapping, Sequence

from meshing.errors import InputError

Value = float | int | str | None
"""What a parameter can be; None leaves the choice to the scenario."""


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One thing that can be varied.

    Attributes
    ----------
    path
        Dotted name; a number's unit ends it, as in `device.diameter_mm`.
    default
        Its value where nothing is said; None where the scenario then chooses.
    unit
        Unit of a number in words such as "mm", "1" for a ratio or a count, "" for a word.
    low, high
        Lowest and highest value allowed.
    whole
        Whether only whole numbers make sense.
    says
        What it is, in a phrase.
    """

    path: str
    default: Value
    unit: str = "1"
    low: float = -math.inf
    high: float = math.inf
    whole: bool = False
    says: str = ""

    @property
    def is_word(self) -> bool:
        """Whether its values are words and not numbers."""
        return self.unit == ""

    def checked(self, value: object) -> Value:
        """The value as the type this parameter has.

        Raises
        ------
        InputError
            If it is of another type or out of range.
        """
        if value is None and self.default is None:
            return None
        if self.is_word:
            if isinstance(value, str):
                return value
            raise InputError(f"The parameter {self.path} is {value!r}; it takes a word in quotation marks.")
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InputError(f"The parameter {self.path} is {value!r}; it takes a number{self._in_unit()}.")
        if not self.low <= value <= self.high:
            raise InputError(
                f"The parameter {self.path} is {value:g}, outside its range of {self.low:g} to {self.high:g}{self._in_unit()}; "
                "give a value in the range."
            )
        if self.whole and value != int(value):
            raise InputError(f"The parameter {self.path} is {value:g}; it takes a whole number.")
        return int(value) if self.whole else float(value)

    def _in_unit(self) -> str:
        return "" if self.unit in ("", "1") else f" in {self.unit}"


def by_path(parameters: Sequence[Parameter]) -> dict[str, Parameter]:
    """The parameters by their dotted paths."""
    return {one.path: one for one in parameters}


def find_parameter(path: str, among: Mapping[str, Parameter], *, where: str) -> Parameter:
    """The parameter of this path.

    Raises
    ------
    InputError
        If there is none; offers the nearest names. `where` says in which part of the study the path stands.
    """
    if path in among:
        return among[path]
    near = difflib.get_close_matches(path, among, n=3, cutoff=0.4)
    ends = [name for name in among if name.split(".")[-1] == path.split(".")[-1] and name not in near]
    offered = [*near, *ends][:4]
    words = f"the nearest are: {', '.join(offered)}" if offered else f"there are: {', '.join(sorted(among))}"
    raise InputError(f"There is no parameter {path!r}, named in {where}; {words}.")


def resolved(given: Mapping[str, object], parameters: Sequence[Parameter], *, where: str = "the parameters") -> dict[str, Value]:
    """Every parameter with its value: the one given, else its default.

    Raises
    ------
    InputError
        If a path is unknown or a value of the wrong type or out of range.
    """
    known = by_path(parameters)
    for path in given:
        find_parameter(path, known, where=where)
    return {path: one.checked(given[path]) if path in given else one.default for path, one in known.items()}
