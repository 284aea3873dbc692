"""An expert's runs of a stored case: made by the same loop as anyone's, kept as a few figures, and laid beside another's."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshing.errors import InputError
from meshing.provenance import sha256_of, versions_of
from scenarios.limits import LIMITS_OF_USE
from scenarios.stored_cases import StoredCase, case_names, find_case, plain

if TYPE_CHECKING:
    from scenarios.case import Case
    from scenarios.outcome import Outcome
    from scenarios.plan import Survey
    from scenarios.procedure import Procedure

Progress = Callable[[float, str], None]


@dataclasses.dataclass(frozen=True)
class ExpertRange:
    """One measure over the expert's runs, from its lowest to its highest value, in `unit`."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def low(self) -> float:
        """The lowest of the runs' values."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The highest of the runs' values."""
        return max(self.values)


@dataclasses.dataclass(frozen=True)
class ExpertRecord:
    """What came of the expert's runs: a row for each run, the range of each measure, and from what they were made."""

    case: str
    inputs: Mapping[str, str]  # sha256 of the label map, digest of the expert's plan
    versions: Mapping[str, str]
    runs: tuple[Mapping[str, Any], ...]  # pressure, place, digest of the last state, inverted elements at the end, ...
    ranges: tuple[ExpertRange, ...]

    def save(self, path: Path) -> None:
        """Write the record as JSON, the same for the same runs whenever they are made."""
        content = {
            "use": LIMITS_OF_USE,
            "made by": f"vesalius cases record {self.case}",
            "case": self.case,
            "inputs": dict(self.inputs),
            "versions": dict(self.versions),
            "runs": [dict(run) for run in self.runs],
            "measures": [dataclasses.asdict(one) for one in self.ranges],
        }
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")

    @staticmethod
    def load(path: Path) -> "ExpertRecord":
        """Read a record.

        Raises:
            InputError: the file is missing or is no record of an expert's runs.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return ExpertRecord(
                case=content["case"],
                inputs=content["inputs"],
                versions=content["versions"],
                runs=tuple(content["runs"]),
                ranges=tuple(ExpertRange(row["name"], row["unit"], tuple(row["values"])) for row in content["measures"]),
            )
        except OSError as error:
            raise InputError(f"The expert's record {path} cannot be read ({error.strerror or error}).") from error
        except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
            raise InputError(f"The file {path} is no record of an expert's runs ({error}).") from error


@dataclasses.dataclass(frozen=True)
class Beside:
    """One measure of a rehearsal beside the expert's range of it."""

    name: str
    unit: str
    own: float
    low: float
    high: float

    @property
    def place(self) -> str:
        """Where the own figure lies: "below", "within" or "above" the expert's range."""
        return "below" if self.own < self.low else "above" if self.own > self.high else "within"


def inputs_of(case: StoredCase) -> dict[str, str]:
    """Give the digests of what an expert's runs are made from, so that a record can be told to be of another case."""
    plan = json.dumps(plain(case.table.expert), sort_keys=True)
    return {"labels_sha256": sha256_of(case.labels), "plan_sha256": hashlib.sha256(plan.encode()).hexdigest()}


def expert_procedure(case: StoredCase, run: int, *, blood_pressure_pa: float) -> "Procedure":
    """Give the keyframes of one of the expert's runs, counted from 0, under a blood pressure [Pa]."""
    from scenarios.procedure import Keyframe, Procedure

    plan = case.table.expert
    pressure = plan.runs[run].pressure_atm
    keyframes = tuple(Keyframe(key.time_s, key.phase, key.share * pressure) for key in plan.keyframes)
    return Procedure(keyframes, blood_pressure_pa)


def record(name: str, folder: Path, *, backend_name: str = "auto", progress: Progress | None = None) -> ExpertRecord:
    """Rehearse a stored case as its expert would, each run into a folder of its own, and write `expert.json` beside them.

    Runs at one place share the mesh and its shape without blood pressure, which is found once for each place.

    Raises
    ------
    InputError
        If there is no such case, or its expert's device or place do not fit.
    DivergedError
        If a tick cannot be finished.
    """
    from scenarios.outcome import assess
    from scenarios.plan import plan_vessel, survey
    from scenarios.rehearsal import rehearse, without_pressure
    from sim import backend
    from sim.model import build_model

    case, tell = find_case(name), progress or (lambda fraction, text: None)
    plan = case.table.expert
    tell(0.0, "vessel")
    surveyed = survey(plan_vessel(name), branch=plan.branch)
    backend.start(backend_name)
    shared: dict[float, tuple[Case, Any, Any]] = {}
    outcomes, rows = [], []
    for number, run in enumerate(plan.runs):
        if run.offset_mm not in shared:
            planned = _planned(surveyed, case, run.offset_mm)
            found = without_pressure(planned)
            shared[run.offset_mm] = (planned, found, build_model(found.body, planned.device_body()))
        planned, found, model = shared[run.offset_mm]
        done = rehearse(
            planned,
            folder / f"run {number + 1}",
            backend_name=backend_name,
            procedure=expert_procedure(case, number, blood_pressure_pa=planned.blood_pressure_pa),
            unloaded=found,
            model=model,
            progress=lambda part, text, number=number: tell(0.05 + 0.95 * (number + part) / len(plan.runs), text),
        )
        outcomes.append(assess(done))
        rows.append(_row(done.header["run"], plan.runs[number].pressure_atm, planned))
    made = ExpertRecord(case.name, inputs_of(case), versions_of(("vesalius", "taichi", "numpy")), tuple(rows), _ranges(outcomes))
    made.save(folder / "expert.json")
    tell(1.0, "")
    return made


def _planned(surveyed: "Survey", case: StoredCase, offset_mm: float) -> "Case":
    plan = case.table.expert
    return surveyed.case(device=plan.device, at_mm=plan.at_mm, offset_mm=offset_mm)


def _row(run: Mapping[str, Any], pressure_atm: float, planned: "Case") -> dict[str, Any]:
    """What is kept of a run; no time and no machine, so that the same run gives the same row."""
    return {
        "device": planned.device.name,
        "pressure_atm": pressure_atm,
        "station_mm": round(planned.station_mm, 3),
        "tet_count": planned.mesh.tet_count,
        "tick_count": run["tick_count"],
        "inverted_elements_at_the_end": run["inverted_elements_at_the_end"],
        "backend": run["backend"],
        "digest": run["digest"],
    }


def _ranges(outcomes: "list[Outcome]") -> tuple[ExpertRange, ...]:
    """The measures that every run has, in the order of the first."""
    tables = [{measure.name: measure for measure in outcome.measures} for outcome in outcomes]
    return tuple(
        ExpertRange(name, measure.unit, tuple(float(f"{table[name].value:.6g}") for table in tables))
        for name, measure in tables[0].items()
        if all(name in table for table in tables)
    )


def beside_expert(outcome: "Outcome") -> tuple[ExpertRecord, tuple[Beside, ...]] | None:
    """Lay an outcome beside the expert's range of its stored case; None where it is of no stored case or no record is kept.

    A case is known by the hash of its label map, whatever the file was called.
    """
    sha256 = outcome.input.get("sha256")
    for name in case_names():
        path = find_case(name).expert_path
        if not path.is_file():
            continue
        kept = ExpertRecord.load(path)
        if kept.inputs["labels_sha256"] == sha256:
            return kept, laid_beside(outcome, kept)
    return None


def laid_beside(outcome: "Outcome", kept: ExpertRecord) -> tuple[Beside, ...]:
    """Give the measures that an outcome and an expert's record both have, in the record's order."""
    own = {measure.name: measure for measure in outcome.measures}
    return tuple(
        Beside(one.name, one.unit, own[one.name].value, one.low, one.high)
        for one in kept.ranges
        if one.name in own and own[one.name].unit == one.unit
    )
