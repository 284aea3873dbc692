"""Study: many runs of one scenario, one table; run again, it does only what is missing."""

import dataclasses
import difflib
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from meshing.errors import InputError
from scenarios.study.design import Design, seed_of_run
from scenarios.study.distributions import Variation
from scenarios.study.engine import Progress, Tally, Workplace, connected, run_jobs
from scenarios.study.parameters import Value, by_path, find_parameter, resolved
from scenarios.study.rehearsals import RehearsalScenario
from scenarios.study.runs import Job, key_of
from scenarios.study.scenario import FunctionScenario
from scenarios.study.store import Store
from scenarios.study.table import StudyTable, collect
from scenarios.tables import Row, first_fault, read_toml

LIMIT = 10_000
"""Most runs of a design, unless more are asked for by name."""


class Question(Row):
    """A threshold of a measure: is it at most so much, or at least?"""

    measure: str
    at_most: float | None = None
    at_least: float | None = None

    @model_validator(mode="after")
    def _has_one_threshold(self) -> "Question":
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("give one threshold, at_most or at_least")
        return self

    @property
    def threshold(self) -> float:
        """The threshold, in the measure's unit."""
        return self.at_least if self.at_most is None else self.at_most  # pyright: ignore[reportReturnType]

    @property
    def sign(self) -> int:
        """1 where the measure is to be small, -1 where it is to be large."""
        return -1 if self.at_most is None else 1

    def met(self, values: Any) -> Any:
        """Whether each value meets it; a number or an array."""
        return self.sign * values <= self.sign * self.threshold


class Goal(Row):
    """A measure and which way it is good."""

    measure: str
    best: Literal["smallest", "largest"]

    @property
    def sign(self) -> int:
        """1 where small is good, -1 where large is."""
        return 1 if self.best == "smallest" else -1


def _scenario_from(given: Any) -> Any:
    """A name or a path is a rehearsal; a function is a scenario by its place."""
    if isinstance(given, str):
        return {"kind": "rehearsal", "source": given}
    if callable(given) and hasattr(given, "__qualname__"):
        return {"kind": "function", "function": f"{given.__module__}:{given.__qualname__}"}  # pyright: ignore
    return given


AnyScenario = Annotated[
    Annotated[RehearsalScenario | FunctionScenario, Field(discriminator="kind")], BeforeValidator(_scenario_from)
]


class Study(Row):
    """A study as a value: what is varied of a scenario, how, and what is measured.

    Attributes
    ----------
    scenario
        What is run: an embedded case's name or a file, a function, or a scenario.
    vary
        For each dotted path a list of values to choose among, or a distribution.
    measure
        Names of the measures that the table begins with and the report shows; all are kept. Empty for all.
    fixed
        Other values of parameters that are not varied.
    design
        Which points are run.
    seed
        From which all randomness of the study follows.
    questions
        Thresholds whose probability is asked for.
    goals
        Measures that are wanted small or large; the first two span the Pareto front.
    keep_fields
        Whether to keep each run's recording and its wall as .vtu.
    converge
        For `converge`: paths of mesh, time step and iterations, each with values from coarse to fine.
    cluster
        Options for dask-jobqueue, such as queue, walltime, cores, memory.
    """

    name: str = "study"
    scenario: AnyScenario
    vary: dict[str, Variation] = Field(default_factory=dict)
    measure: tuple[str, ...] = ()
    fixed: dict[str, float | int | str] = Field(default_factory=dict)
    design: Design = Design()
    seed: int = Field(default=0, ge=0)
    questions: tuple[Question, ...] = ()
    goals: tuple[Goal, ...] = ()
    keep_fields: bool = False
    converge: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    cluster: dict[str, Any] = Field(default_factory=dict)

    def __init__(self, scenario: Any = None, **named: Any) -> None:
        """Take the scenario first, as people say it.

        Raises
        ------
        InputError
            If an entry is unknown, missing or wrong; says which.
        """
        try:
            super().__init__(**({"scenario": scenario} if scenario is not None else {}), **named)
        except ValidationError as error:
            raise InputError(f"In the study, {first_fault(error)}.") from error

    def identity(self) -> dict[str, Any]:
        """What makes it this study and no other: a folder holds one. The number of runs and the measures may change."""
        whole = self.model_dump(mode="json")
        kept = {name: whole[name] for name in ("scenario", "vary", "fixed", "seed")}
        return kept | {"design": self.design.kind}

    def rows(
        self, points: Sequence[Mapping[str, Any]], *, first: int = 0, computed_by: Mapping[str, Any] | None = None
    ) -> "list[RunRow]":
        """Points of the design with every parameter, seed and key; numbered from `first`.

        `computed_by` is the identity of the scenario that computed them, today's if none is given.

        Raises
        ------
        InputError
            If a path is unknown, both varied and fixed, or a value out of range.
        """
        known, scenario = self.scenario.parameters(), self.scenario
        for path in self.vary:
            find_parameter(path, by_path(known), where="vary")
            if path in self.fixed:
                raise InputError(f"The parameter {path} is both varied and fixed; take it out of one of the two.")
        fixed, identity = resolved(self.fixed, known, where="fixed"), computed_by or scenario.identity()
        among, made = by_path(known), []
        for number, point in enumerate(points, start=first):
            values = fixed | {path: among[path].checked(value) for path, value in point.items()}
            scenario.check(values)
            seed = seed_of_run(self.seed, number)
            key = key_of(values, identity, seed=seed if scenario.random else None)
            made.append(RunRow(number, key, values, seed))
        return made

    def run(
        self,
        folder: str | Path,
        *,
        workplace: Workplace | None = None,
        limit: int = LIMIT,
        adaptive: int = 0,
        again: bool = False,
        progress: Progress | None = None,
    ) -> StudyTable:
        """Run what is missing and give the table; the folder may hold this study's earlier runs.

        `adaptive` places so many further runs where the first question is least certain; `again` repeats runs that were set
        aside or failed.

        Raises
        ------
        InputError
            If the study cannot be run as it stands, or the folder is another study's or in use.
        DiskFull, EngineLost
            If it had to stop; what was done is kept.
        """
        store, place = Store(Path(folder).resolve()), workplace or Workplace(cluster_options=self.cluster)
        points = self._points(limit, adaptive)
        rows = self.rows(points)
        with store.owned():
            self._claim(store)
            earlier = (store.read("design.json") or {}).get("adaptive", [])
            rows += self.rows(earlier, first=len(rows))
            if again:
                _forget_failures(store, rows)
            try:
                with _Workers(place, store, self) as workers:
                    workers.do(rows, progress)
                    for batch in _batches(adaptive - len(earlier)):
                        from scenarios.study.adaptive import next_points

                        added = next_points(self, collect(store, self, rows), batch, number=len(rows))
                        if not added:
                            break
                        earlier = [*earlier, *added]
                        store.write("design.json", {"adaptive": earlier})
                        rows += self.rows(added, first=len(rows))
                        workers.do(rows, progress)
            finally:
                table = collect(store, self, rows)
                table.save(store, self)
        return table

    def _points(self, limit: int, adaptive: int) -> list[dict[str, Any]]:
        self.scenario.identity()
        known = by_path(self.scenario.parameters())
        for path in self.vary:
            find_parameter(path, known, where="vary")
        count = self.design.size(self.vary) + adaptive if self.vary else 0
        if count > limit:
            raise InputError(
                f"The design has {count:,} runs, more than the limit of {limit:,}; vary less, or allow it with --limit {count}."
            )
        return self.design.points(self.vary, seed=self.seed)

    def _claim(self, store: Store) -> None:
        """Make a folder this study's, or see that it is."""
        before = store.read("study.json")
        if before is None:
            others = [path.name for path in store.folder.iterdir() if path.name in ("recording", "outcome.json", "mesh.vtu")]
            if others:
                raise InputError(f"The folder {store.folder} holds other results ({others[0]}); name another with -o.")
        else:
            mine, theirs = self.identity(), before.get("identity", {})
            other = next((name for name in mine if mine[name] != theirs.get(name)), None)
            if other:
                raise InputError(
                    f"The folder {store.folder} holds another study, {before.get('study', {}).get('name', 'unnamed')!r}: "
                    f"its {other} is different. Name another folder with -o."
                )
        computed_by = dict(self.scenario.identity())
        store.write(
            "study.json", {"identity": self.identity(), "computed_by": computed_by, "study": self.model_dump(mode="json")}
        )


@dataclasses.dataclass(frozen=True)
class RunRow:
    """One run of a study: its number, key, all its parameters and its seed."""

    number: int
    key: str
    parameters: dict[str, Value]
    seed: int


class _Workers:
    """Workers that are started when first there is something to do."""

    def __init__(self, place: Workplace, store: Store, study: Study):
        self._place, self._store, self._study = place, store, study
        self._opened: Any = None
        self._client: Any = None

    def __enter__(self) -> "_Workers":
        return self

    def __exit__(self, *error: Any) -> None:
        if self._opened is not None:
            self._opened.__exit__(*error)

    def do(self, rows: Sequence[RunRow], progress: Progress | None) -> None:
        """Do those runs that have not been done, each once."""
        store, study, tell = self._store, self._study, progress or (lambda tally: None)
        done, session = store.finished_keys(), uuid.uuid4().hex[:12]
        wanted = {row.key: row for row in rows}
        missing = [row for key, row in wanted.items() if key not in done]
        tally = Tally(total=len(wanted), done=len(wanted) - len(missing), found=len(wanted) - len(missing))
        if missing and self._client is None:
            self._opened = connected(self._place, store.folder)
            self._client = self._opened.__enter__()
            tally = dataclasses.replace(tally)
        if missing:
            jobs = (
                Job(row.key, study.scenario, row.parameters, row.seed, os.fspath(store.folder), session, study.keep_fields)
                for row in missing
            )
            run_jobs(self._client, jobs, tally, tell, _name_checker(study))
        tell(tally)


def _name_checker(study: Study) -> Callable[[dict[str, Any]], None]:
    """Refuses, at the first run that has measures, names that are none of them."""
    wanted = [*study.measure, *(one.measure for one in (*study.questions, *study.goals))]
    checked: list[bool] = []

    def check(brief: dict[str, Any]) -> None:
        if checked or not brief["names"]:
            return
        checked.append(True)
        for name in wanted:
            if name not in brief["names"]:
                near = difflib.get_close_matches(name, brief["names"], n=3, cutoff=0.4) or brief["names"]
                raise InputError(f"There is no measure {name!r}; the nearest are: {', '.join(near)}.")

    return check


def _batches(count: int, size: int = 4) -> list[int]:
    """Sizes of the batches in which further runs are placed; fixed, so that the number of workers changes nothing."""
    return [min(size, count - first) for first in range(0, max(count, 0), size)]


def _forget_failures(store: Store, rows: Sequence[RunRow]) -> None:
    for row in rows:
        came = store.finished(row.key)
        if came and came["status"] in ("set aside", "failed"):
            store.run_file(row.key).unlink()


def read_study(path: Path) -> Study:
    """Read a study from TOML; a file named in it is looked for beside it.

    Raises
    ------
    InputError
        If the file is missing, is not TOML, or says what no study can.
    """
    content = read_toml(path)
    if not content:
        raise InputError(f"The study {path.name} is empty; it needs [scenario] and [vary].")
    about = content.get("scenario")
    if isinstance(about, dict) and (path.parent / str(about.get("source", "\0"))).is_file():
        about["source"] = str((path.parent / about["source"]).resolve())
    content.setdefault("name", path.stem)
    try:
        return Study(**content)
    except InputError as error:
        raise InputError(str(error).replace("In the study,", f"In {path.name},", 1)) from error
