"""A rehearsal as a scenario: a patient's vessel, a device, where it goes, how it is opened, and how stiff the tissues are."""

import dataclasses
import functools
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from meshing.errors import InputError
from meshing.provenance import sha256_of
from scenarios.assets import assets_folder
from scenarios.study.parameters import Parameter, Value
from scenarios.study.scenario import NotTaken, Reading, Taken, hash_of_sources
from scenarios.tables import Row, read_toml
from scenarios.tissues import Tissue, tissues

if TYPE_CHECKING:
    from scenarios.case import Case
    from scenarios.devices.design import Device
    from scenarios.plan import Survey, Vessel
    from scenarios.procedure import Procedure
    from scenarios.recording import Recording
    from sim.model import Model
    from sim.solvers.settings import Settings
    from sim.unloading import Unloaded

PHASE_TIMES = {"settle_s": 0.2, "inflate_s": 3.0, "hold_s": 0.4, "deflate_s": 0.8, "rest_s": 0.4}
SOLVER_UNITS = {"dt": "s", "contact_reach": "m"}
TISSUE_NUMBERS = {"young_modulus": ("pa", "Pa"), "poisson_ratio": ("", "1"), "density": ("kg_per_m3", "kg/m3")}


class RehearsalScenario(Row):
    """A stent rehearsed in a vessel.

    Attributes
    ----------
    source
        Name of an embedded case, or path of a label map or a surface.
    labels, units
        As `plan_vessel` takes them.
    backend
        Processor: cpu, cuda, vulkan, metal, or auto.
    """

    kind: Literal["rehearsal"] = "rehearsal"
    source: str
    labels: tuple[str | int, ...] = ()
    units: Literal["mm", "cm", "m"] | None = None
    backend: Literal["auto", "cpu", "cuda", "vulkan", "metal"] = "auto"

    @property
    def name(self) -> str:
        """The embedded case's name, or the file's without what follows its first dot."""
        return Path(self.source).name.split(".")[0]

    @property
    def random(self) -> bool:
        """A rehearsal leaves nothing to chance."""
        return False

    def parameters(self) -> list[Parameter]:
        """Vessel, device, placement, inflation, blood, tissues, mesh and solver."""
        return list(_parameters())

    def identity(self) -> dict[str, Any]:
        """Input file's hash, the labels chosen, and the hash of mesher, solver and measures."""
        path = self._path()
        if not path.is_file():
            raise InputError(f"There is no file {self.source} and no embedded case of this name; give the path of one.")
        return {
            "kind": "rehearsal",
            "input": sha256_of(path),
            "labels": [str(label) for label in self.labels],
            "units": self.units,
            "backend": self.backend,
            "engine": hash_of_sources(),
        }

    def _path(self) -> Path:
        from scenarios.plan import embedded_cases

        if self.source in embedded_cases() and not Path(self.source).exists():
            folder = assets_folder() / "cases" / self.source
            return folder / read_toml(folder / "case.toml")["labels"]
        return Path(self.source)

    def check(self, parameters: Mapping[str, Value]) -> None:
        """Refuse a device that the catalogue does not have, or settings that the solver does not take."""
        devices_of(parameters)
        try:
            settings_of(parameters)
        except ValueError as error:
            raise InputError(f"{error} Change what is given under solver.") from error

    def run(self, parameters: Mapping[str, Value], *, seed: int, folder: Path, keep: Path | None) -> Taken:
        """Rehearse once and measure; mesh, shape without pressure and model are shared between a worker's runs.

        Raises
        ------
        NotTaken
            If the device does not fit, or the run diverges.
        """
        from scenarios.outcome import assess
        from scenarios.study.fields import write_fields

        with tempfile.TemporaryDirectory(prefix="vesalius-run-") as scratch:
            recording, setup_s = self._rehearse(parameters, Path(scratch) / "run", shared=folder / "shared")
            outcome = assess(recording)
            if keep is not None:
                write_fields(recording, outcome, Path(scratch) / "run")
                _move(Path(scratch) / "run", keep)
        readings = tuple(Reading(one.name, float(one.value), one.unit, one.definition) for one in outcome.measures)
        return Taken(tuple(one for one in readings if np.isfinite(one.value)), setup_s=setup_s, notes=outcome.notes)

    def rehearse(self, parameters: Mapping[str, Value], folder: Path) -> "Recording":
        """Rehearse once into a folder, for a person to look at."""
        return self._rehearse(parameters, folder, shared=None)[0]

    def _rehearse(self, parameters: Mapping[str, Value], folder: Path, *, shared: Path | None) -> "tuple[Recording, float]":
        from scenarios.rehearsal import rehearse
        from sim import backend
        from sim.body import ModelError
        from sim.solvers.settings import DivergedError

        started, first = time.perf_counter(), [0.0]

        def note_first_tick(share: float, text: str) -> None:
            if not first[0] and "s" in text and share >= 0.08:
                first[0] = time.perf_counter() - started

        # What is done later does not change the case, so that runs at several pressures share one.
        planned = tuple(sorted(row for row in parameters.items() if row[0].split(".")[0] not in ("inflation", "solver")))
        name = backend.start(self.backend, threads=1)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            case = _case(cast(Hashable, self), planned)
            unloaded, key = _unloaded(case, name, shared)
            recording = rehearse(
                case, folder, backend_name=name, procedure=procedure_of(case, parameters), settings=settings_of(parameters),
                unloaded=unloaded, model=_model(case, unloaded, key), progress=note_first_tick,
            )  # fmt: skip
        except (InputError, ModelError, DivergedError) as error:
            raise NotTaken(" ".join(str(error).split())) from error
        return recording, first[0]


@functools.cache
def _parameters() -> tuple[Parameter, ...]:
    from scenarios.plan import EDGE_SHARE, MEAN_ARTERIAL_MMHG
    from sim.solvers.settings import Settings

    words = [
        Parameter("device.family", None, "", says="family of the catalogue; without it the first that has the size"),
        Parameter("device.diameter_mm", None, "mm", 0.5, 40.0, says="nominal diameter; without it the nearest to the vessel's"),
        Parameter("device.length_mm", None, "mm", 1.0, 300.0, says="labelled length; without it the shortest over the lesion"),
        Parameter("placement.at_mm", None, "mm", 0.0, says="place of the stent's middle; without it the narrowest place"),
        Parameter("placement.offset_mm", 0.0, "mm", -200.0, 200.0, says="moved from there along the path"),
        Parameter("placement.branch", None, "1", 0, 50, whole=True, says="way through a branching vessel, 0 the longest"),
        Parameter("inflation.pressure_atm", None, "atm", 0.01, 40.0, says="without it the balloon's nominal pressure"),
        *(Parameter(f"inflation.{name}", value, "s", 0.0, 100.0) for name, value in PHASE_TIMES.items()),
        Parameter("blood.pressure_mmhg", MEAN_ARTERIAL_MMHG, "mmHg", 0.0, 300.0, says="under which the vessel was imaged"),
        Parameter("vessel.wall_thickness_mm", None, "mm", 0.01, 20.0, says="of the healthy wall; an embedded case has its own"),
        Parameter("mesh.edge_share", EDGE_SHARE, "1", 0.05, 1.0, says="length of the lumen's edges over its radius"),
    ]
    for tissue in tissues().values():
        place = f"tissues.{tissue.name.replace(' ', '_')}"
        for name, (ending, unit) in TISSUE_NUMBERS.items():
            low, high = getattr(tissue, f"{name}_range")
            path = f"{place}.{name}_{ending}".rstrip("_")
            says = f"{name.replace('_', ' ')} of {tissue.name}"
            words.append(Parameter(path, getattr(tissue, name), unit, low, high, says=says))
    for field in dataclasses.fields(Settings):
        if isinstance(field.default, int | float):
            unit = SOLVER_UNITS.get(field.name, "1")
            path = f"solver.{field.name}" + (f"_{unit}" if unit != "1" else "")
            words.append(Parameter(path, field.default, unit, 0.0, whole=isinstance(field.default, int), says="see the engine"))
    return tuple(words)


def devices_of(parameters: Mapping[str, Value]) -> "list[Device]":
    """Devices of the catalogue with the family, diameter [mm] and length [mm] that are given.

    Raises
    ------
    InputError
        If there is none; lists what there is.
    """
    from scenarios import catalogue

    family, diameter, length = (parameters.get(f"device.{name}") for name in ("family", "diameter_mm", "length_mm"))
    known = catalogue.families()
    if family is not None and family not in known:
        raise InputError(f"There is no family {family!r} of devices; there are: {', '.join(known)}.")
    chosen = [one for one in catalogue.devices() if family in (None, one.stent.family)]
    of_diameter = [one for one in chosen if diameter in (None, one.stent.diameter_mm)]
    if not of_diameter:
        offered = ", ".join(f"{size:g}" for size in sorted({one.stent.diameter_mm for one in chosen}))
        raise InputError(f"No device has device.diameter_mm = {diameter}; there are: {offered}.")
    fitting = [one for one in of_diameter if length in (None, one.stent.length_mm)]
    if not fitting:
        offered = ", ".join(f"{size:g}" for size in sorted({one.stent.length_mm for one in of_diameter}))
        raise InputError(f"No such device has device.length_mm = {length}; there are: {offered}.")
    return fitting


def tissues_of(parameters: Mapping[str, Value]) -> dict[str, Tissue]:
    """The program's tissues with the numbers that are given."""
    made = {}
    for tissue in tissues().values():
        place = f"tissues.{tissue.name.replace(' ', '_')}"
        given = {name: parameters[f"{place}.{name}_{ending}".rstrip("_")] for name, (ending, _) in TISSUE_NUMBERS.items()}
        changed: Any = {name: value for name, value in given.items() if value != getattr(tissue, name)}
        made[tissue.name] = tissue.adjusted(**changed, reason="set by the study")
    return made


def procedure_of(case: "Case", parameters: Mapping[str, Value]) -> "Procedure":
    """One inflation with the pressure and the times that are given."""
    from scenarios import procedure

    times: Any = {name: parameters[f"inflation.{name}"] for name in PHASE_TIMES}
    pressure: Any = parameters["inflation.pressure_atm"]
    if pressure is not None:
        case.balloon.diameter(pressure)
    return procedure.procedure_of(case, pressure_atm=pressure, **times)


def settings_of(parameters: Mapping[str, Value]) -> "Settings":
    """The solver's settings that are given."""
    from sim.solvers.settings import Settings

    given: Any = {}
    for path, value in parameters.items():
        if path.startswith("solver."):
            name = path.removeprefix("solver.")
            given[next((one for one, unit in SOLVER_UNITS.items() if f"{one}_{unit}" == name), name)] = value
    return Settings(**given)


@functools.lru_cache(maxsize=3)
def _vessel(
    source: str, labels: tuple[str | int, ...], units: str | None, thickness: float | None, edge_share: float
) -> "Vessel":
    from scenarios.plan import plan_vessel

    return plan_vessel(source, labels=labels, units=units, thickness_mm=thickness, edge_share=edge_share)


@functools.lru_cache(maxsize=3)
def _survey(
    source: str, labels: tuple[str | int, ...], units: str | None, thickness: float | None, edge_share: float, branch: int | None
) -> "Survey":
    from scenarios.plan import survey

    return survey(_vessel(source, labels, units, thickness, edge_share), branch=branch)


@functools.lru_cache(maxsize=4)
def _case(scenario: Any, rows: tuple[tuple[str, Value], ...]) -> "Case":
    parameters: Any = dict(rows)
    surveyed = _survey(
        scenario.source, scenario.labels, scenario.units, parameters["vessel.wall_thickness_mm"], parameters["mesh.edge_share"],
        parameters["placement.branch"],
    )  # fmt: skip
    return surveyed.case(
        among=devices_of(parameters),
        at_mm=parameters["placement.at_mm"],
        offset_mm=parameters["placement.offset_mm"],
        blood_pressure_mmhg=parameters["blood.pressure_mmhg"],
        tissues=tissues_of(parameters),
    )


def _digest(*parts: Any) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(np.ascontiguousarray(part).tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
    return digest.hexdigest()[:24]


_IN_MEMORY: "dict[str, Unloaded]" = {}
_MODELS: "dict[str, Model]" = {}


def _unloaded(case: "Case", backend: str, shared: Path | None) -> "tuple[Unloaded, str]":
    """The shape without pressure, from memory, from the study's folder, or found and kept in both."""
    from scenarios.rehearsal import without_pressure
    from sim.unloading import Unloaded

    body = case.body()
    key = _digest(body.vertices, body.tets, body.law_of_tet, body.laws, case.blood_pressure_pa, backend, hash_of_sources())
    if key in _IN_MEMORY:
        return _IN_MEMORY[key], key
    file = shared / f"unloaded-{key}.npz" if shared else None
    found = None
    if file is not None and file.is_file():
        try:
            with np.load(file) as kept:
                rest = dataclasses.replace(body, vertices=kept["vertices"])
                found = Unloaded(rest, kept["displacement"], float(kept["error"]))
        except (OSError, ValueError, KeyError, EOFError):
            found = None
    if found is None:
        found = without_pressure(case)
        if file is not None:
            _keep_unloaded(found, file)
    while len(_IN_MEMORY) >= 16:
        _IN_MEMORY.pop(next(iter(_IN_MEMORY)))
    _IN_MEMORY[key] = found
    return found, key


def _keep_unloaded(found: "Unloaded", file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.stem}-{os.getpid()}.part")
    try:
        with open(temporary, "wb") as out:
            arrays: Any = {"vertices": found.body.vertices, "displacement": found.displacement, "error": found.error}
            np.savez(out, **arrays)
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def _model(case: "Case", unloaded: "Unloaded", key: str) -> "Model":
    """The engine's tables of wall and device; the last wall's are kept, and the last device's on it."""
    from sim.model import build_model, with_device

    whole = _digest(key, case.device, case.lattice.nodes, case.balloon_axis)
    if whole not in _MODELS:
        wall = _MODELS.get(key) or build_model(unloaded.body)
        _MODELS.clear()
        _MODELS[key] = wall
        _MODELS[whole] = with_device(wall, case.device_body())
    return _MODELS[whole]


def _move(source: Path, target: Path) -> None:
    """Put a whole folder in place at one stroke, also across file systems."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}-{os.getpid()}.part")
    shutil.rmtree(beside, ignore_errors=True)
    shutil.move(str(source), beside)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(beside, target)
