"""Scenario: anything with parameters and measures; a plain function is one, and goes the very same way as a rehearsal."""

import dataclasses
import functools
import hashlib
import importlib
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import Field

from meshing.errors import InputError
from meshing.provenance import sha256_of
from scenarios.study.parameters import Parameter, Value
from scenarios.tables import Row


@dataclasses.dataclass(frozen=True)
class Reading:
    """One measure of one run: its name, value and unit, and what it means."""

    name: str
    value: float
    unit: str = "1"
    definition: str = ""


@dataclasses.dataclass(frozen=True)
class Taken:
    """What a run came to.

    Attributes
    ----------
    readings
        Its measures.
    setup_s
        How long it took until the first step of the run itself [s].
    notes
        What a reader of the row should know.
    """

    readings: tuple[Reading, ...]
    setup_s: float = 0.0
    notes: tuple[str, ...] = ()


class NotTaken(RuntimeError):
    """A run that came to no measures for a reason of its own, told in a sentence: it diverged, it does not fit."""


class Scenario(Protocol):
    """What a study varies. It must be possible to pickle it, since it travels to the workers."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def random(self) -> bool:
        """Whether a run depends on its seed."""
        ...

    def parameters(self) -> Sequence[Parameter]:
        """What can be varied."""
        ...

    def identity(self) -> Mapping[str, Any]:
        """What its results depend on besides the parameters: inputs with their hashes, and the hash of what computes."""
        ...

    def check(self, parameters: Mapping[str, Value]) -> None:
        """Refuse parameters that no run could use; InputError says why."""
        ...

    def run(self, parameters: Mapping[str, Value], *, seed: int, folder: Path, keep: Path | None) -> Taken:
        """Run once. `folder` is the study's, for what runs share; `keep` is a folder for fields, None where none are kept."""
        ...


class FunctionScenario(Row):
    """A function of numbers or words: `module:name`, its parameters those of its signature, its measures what it returns.

    It returns a number (then the measure is called "value") or a mapping from names to numbers or to (number, unit) pairs. If it
    takes `seed`, it is given one for each run.
    """

    kind: Literal["function"] = "function"
    function: str
    units: dict[str, str] = Field(default_factory=dict)

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.partition(":")[2]

    @property
    def random(self) -> bool:
        """Whether the function takes a seed."""
        return "seed" in inspect.signature(load_function(self.function)).parameters

    def parameters(self) -> list[Parameter]:
        """Those of the signature; a word or a whole number by its default."""
        found = []
        for name, one in inspect.signature(load_function(self.function)).parameters.items():
            if name == "seed":
                continue
            default = 0.0 if one.default is inspect.Parameter.empty else one.default
            unit = "" if isinstance(default, str) else self.units.get(name, "1")
            found.append(Parameter(name, default, unit, whole=isinstance(default, int) and not isinstance(default, bool)))
        return found

    def identity(self) -> dict[str, Any]:
        """The function's name and the hash of the file it stands in."""
        file = inspect.getsourcefile(load_function(self.function))
        return {"kind": "function", "function": self.function, "source": sha256_of(Path(file)) if file else "unknown"}

    def check(self, parameters: Mapping[str, Value]) -> None:
        """Let everything pass; the function has no ranges."""

    def run(self, parameters: Mapping[str, Value], *, seed: int, folder: Path, keep: Path | None) -> Taken:
        """Call the function.

        Raises
        ------
        NotTaken
            If it returns no number, or one that is not finite.
        """
        call = load_function(self.function)
        came = call(**parameters, **({"seed": seed} if self.random else {}))
        rows = came if isinstance(came, Mapping) else {"value": came}
        readings = []
        for name, value in rows.items():
            number, unit = value if isinstance(value, tuple) else (value, self.units.get(name, "1"))
            if not math.isfinite(number):
                raise NotTaken(f"The measure {name} of {self.name} is {number}, not a finite number.")
            readings.append(Reading(name, float(number), unit))
        return Taken(tuple(readings))


@functools.cache
def load_function(words: str) -> Callable[..., Any]:
    """The function that `module:name` names.

    Raises
    ------
    InputError
        If there is no such module or function.
    """
    module, _, name = words.partition(":")
    if not (module and name):
        raise InputError(f"The function {words!r} is not named as module:function; write it so, as in mymodel:response.")
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise InputError(
            f"The module {module!r} of the function {words!r} cannot be imported ({error}); run from its folder or install it."
        ) from error
    except AttributeError as error:
        raise InputError(f"The module {module!r} has no function {name!r}; check its spelling.") from error


@functools.cache
def hash_of_sources() -> str:
    """One hash of the program's own code from meshing to measures: results of two engines never share a table."""
    import meshing
    import scenarios
    import sim

    digest = hashlib.sha256()
    for package in (meshing, sim, scenarios):
        folder = Path(str(package.__file__)).parent
        for path in sorted(folder.rglob("*.py")):
            if "study" not in path.relative_to(folder).parts:
                digest.update(str(path.relative_to(folder.parent)).encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
