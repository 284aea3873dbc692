"""StudyTable: one row a run; its parameters, measures with units, how it went, how long it took, whence it comes."""

import dataclasses
import difflib
import io
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from meshing.errors import InputError
from meshing.provenance import versions_of
from scenarios.limits import LIMITS_OF_USE
from scenarios.study.distributions import is_choice
from scenarios.study.parameters import Value, by_path
from scenarios.study.store import Store, disk_full, write_whole

if TYPE_CHECKING:
    from pandas import DataFrame

    from scenarios.recording import Recording
    from scenarios.study.study import RunRow, Study

TIMINGS = ("setup_s", "run_s", "started", "attempts", "host")
"""Columns that differ between two goes at the same study; everything else is equal to the bit."""

PACKAGES = ("vesalius", "taichi", "numpy", "scipy", "dask", "distributed", "pandas", "pyarrow", "SALib", "scikit-learn")
ERROR_BAR = " ±"
"""Ends the name of the column that says how far mesh, time step and iterations may still move a measure."""


@dataclasses.dataclass(frozen=True)
class Column:
    """What a column is: "parameter", "measure", "error bar", "status", "timing" or "provenance", with its unit and meaning."""

    name: str
    role: str
    unit: str = ""
    says: str = ""


@dataclasses.dataclass(frozen=True)
class TableRow:
    """One run in a table, which can be opened again."""

    number: int
    parameters: dict[str, Value]
    measures: dict[str, float]
    key: str
    scenario: Any
    folder: Path | None
    reason: str = ""

    def rehearsal(self, folder: Path | None = None) -> "Recording":
        """The run's recording: the one that was kept, else rehearsed again into a folder, with the same result.

        Raises
        ------
        InputError
            If the run came to nothing, the scenario is no rehearsal, or it has to run again and no folder is given for it.
        """
        from scenarios.recording import load_recording

        if not hasattr(self.scenario, "rehearse"):
            raise InputError(f"Row {self.number} is a call of the function {self.scenario.name}; there is nothing to look at.")
        if self.reason:
            raise InputError(f"Run {self.number} came to nothing, so there is nothing to look at: {self.reason}")
        kept = Store(self.folder).fields_folder(self.key) if self.folder else None
        again = self.folder / "opened" / f"row-{self.number}" if self.folder else None
        for place in (kept, folder, again):
            if place is not None and (place / "recording" / "header.json").is_file():
                recording = load_recording(place)
                if recording.header.get("complete"):
                    return recording
        target = folder or again
        if target is None:
            raise InputError("The table is not of a folder; name one to rehearse into.")
        if (target / "recording").exists():
            import shutil

            shutil.rmtree(target / "recording")
        return self.scenario.rehearse(self.parameters, target)


@dataclasses.dataclass(frozen=True)
class StudyTable:
    """A table of runs.

    Attributes
    ----------
    frame
        The rows as pandas has them.
    columns
        What each column is.
    folder
        The results folder; None for a table that stands alone.
    """

    frame: "DataFrame"
    columns: tuple[Column, ...]
    study: "Study"
    rows: "tuple[RunRow, ...]"
    folder: Path | None = None

    @property
    def measures(self) -> list[str]:
        """Names of the measures that the study asked for, else of all there are."""
        there = [one.name for one in self.columns if one.role == "measure"]
        return [name for name in self.study.measure if name in there] or there

    def unit(self, name: str) -> str:
        """Unit of a column, "1" for a ratio, "" for a word."""
        return self.column(name).unit

    def column(self, name: str) -> Column:
        """What a column is.

        Raises
        ------
        InputError
            If there is none of this name; offers the nearest.
        """
        known = {one.name: one for one in self.columns}
        if name in known:
            return known[name]
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or [one.name for one in self.columns][:12]
        raise InputError(f"The table has no column {name!r}; the nearest are: {', '.join(near)}.")

    def error_bar(self, measure: str) -> float | None:
        """How far mesh, time step and iterations may still move a measure; None where that was not looked at."""
        column = measure + ERROR_BAR
        return float(self.frame[column].iloc[0]) if column in self.frame and len(self.frame) else None

    def values(self, measure: str) -> tuple[np.ndarray, np.ndarray]:
        """A measure of every row, shape (n,), not a number where there is none, and whether there is one, shape (n,)."""
        self.column(measure)
        values = self.frame[measure].to_numpy(float)
        return values, np.isfinite(values) & self.frame["ok"].to_numpy(bool)

    def row(self, number: int) -> TableRow:
        """One run by its number.

        Raises
        ------
        InputError
            If there is none.
        """
        if not 0 <= number < len(self.frame):
            raise InputError(f"There is no row {number}; this table has rows 0 to {len(self.frame) - 1}.")
        one, here = self.rows[number], self.frame.iloc[number]
        measures = {name: float(here[name]) for name in self.measures}
        return TableRow(number, one.parameters, measures, one.key, self.study.scenario, self.folder, str(here["reason"]))

    def best(self, measure: str, *, largest: bool) -> TableRow:
        """The run with the largest or smallest value of a measure, among those that are ok.

        Raises
        ------
        InputError
            If no run has the measure.
        """
        values, there = self.values(measure)
        if not there.any():
            raise InputError(f"No run has the measure {measure!r}, so none is best.")
        signed = np.where(there, -values if largest else values, np.inf)
        return self.row(int(np.argmin(signed)))

    def without_timings(self) -> "DataFrame":
        """The rows without what differs between two goes."""
        return self.frame.drop(columns=[name for name in TIMINGS if name in self.frame])

    def failures(self) -> "DataFrame":
        """Number, status and reason of the runs that are not ok."""
        return self.frame.loc[~self.frame["ok"] & (self.frame["status"] != "missing"), ["run", "status", "reason"]]

    def save(self, store: Store, study: "Study") -> None:
        """Write `table.parquet` and `provenance.json`, each at one stroke.

        Raises
        ------
        DiskFull
            If they cannot be written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pandas(self.frame, preserve_index=False)
        fields = []
        for field, column in zip(table.schema, self.columns, strict=True):
            about = {"role": column.role, "unit": column.unit, "definition": column.says}
            fields.append(field.with_metadata({name: value for name, value in about.items() if value}))
        whole = self.rows[0].parameters if self.rows else {}
        fixed = {path: value for path, value in whole.items() if path not in study.vary}
        about = {"study": study.model_dump_json(), "fixed parameters": json.dumps(fixed), "use": LIMITS_OF_USE}
        said = {name.encode(): words.encode() for name, words in about.items()}
        schema = pa.schema(fields, metadata={**(table.schema.metadata or {}), **said})
        out = io.BytesIO()
        pq.write_table(table.cast(schema), out)
        try:
            write_whole(store.folder / "table.parquet", out.getvalue())
        except OSError as error:
            raise disk_full(error) from error
        store.write("provenance.json", provenance(study, self))


def collect(store: Store, study: "Study", rows: "Sequence[RunRow]") -> StudyTable:
    """The table of all rows, those that have finished and those that have not yet."""
    import pandas as pd

    read = {key: store.finished(key) for key in {row.key for row in rows}}
    finished = [read[row.key] for row in rows]
    units: dict[str, Column] = {}
    for name in study.measure:
        units.setdefault(name, Column(name, "measure"))
    for came in finished:
        for name, _, unit, says in came["readings"] if came else ():
            if not units.get(name) or not units[name].unit:
                units[name] = Column(name, "measure", unit, says)
    known = by_path(study.scenario.parameters())
    columns = [Column("run", "provenance", says="number of the run")]
    data: dict[str, Any] = {"run": [row.number for row in rows]}
    for path, variation in study.vary.items():
        role = "choice" if is_choice(variation) else "uncertain"
        columns.append(Column(path, f"parameter, {role}", known[path].unit, known[path].says))
        data[path] = [row.parameters[path] for row in rows]
    bars = error_bars(store.folder)
    for name, column in units.items():
        columns.append(column)
        data[name] = np.array([_reading(came, name) for came in finished], float)
        if name in bars:
            columns.append(
                Column(name + ERROR_BAR, "error bar", column.unit, "how far mesh, dt and iterations may still move it")
            )
            data[name + ERROR_BAR] = np.full(len(rows), bars[name])
    for column, make in _STATUS:
        columns.append(column)
        data[column.name] = [make(row, came) for row, came in zip(rows, finished, strict=True)]
    return StudyTable(pd.DataFrame(data), tuple(columns), study, tuple(rows), store.folder)


def _reading(came: Mapping[str, Any] | None, name: str) -> float:
    if came is not None:
        for own, value, _, _ in came["readings"]:
            if own == name:
                return value
    return np.nan


def _of(name: str, missing: Any) -> Any:
    return lambda row, came: missing if came is None else came[name]


_STATUS: tuple[tuple[Column, Any], ...] = (
    (
        Column("ok", "status", says="whether the run came to its measures"),
        lambda row, came: bool(came) and came["status"] == "ok",
    ),
    (Column("status", "status", says="ok, not taken, failed, set aside, or missing"), _of("status", "missing")),
    (Column("reason", "status", says="why it is not ok"), _of("reason", "")),
    (Column("notes", "status", says="what a reader should know"), lambda row, came: " ".join(came["notes"]) if came else ""),
    (Column("seed", "provenance"), lambda row, came: row.seed),
    (Column("key", "provenance", says="hash of all that the result depends on"), lambda row, came: row.key),
    (Column("setup_s", "timing", "s", "until the first step of the run itself"), _of("setup_s", np.nan)),
    (Column("run_s", "timing", "s", "the whole run in its worker"), _of("run_s", np.nan)),
    (Column("started", "timing", says="when, in UTC"), lambda row, came: _utc(came["started_s"]) if came else ""),
    (Column("attempts", "timing", "1", "how often it was begun in one session"), _of("attempts", 0)),
    (Column("host", "timing", says="where it ran"), _of("host", "")),
)


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def error_bars(folder: Path) -> dict[str, float]:
    """The error bars that a convergence study left in a folder, by measure."""
    about = Store(folder).read("convergence.json") or {}
    return {one["name"]: one["error_bar"] for one in about.get("measures", []) if one["error_bar"] is not None}


def provenance(study: "Study", table: StudyTable) -> dict[str, Any]:
    """Whence a table comes: versions, commit, hashes, machine, and how many runs are how."""
    counts = table.frame["status"].value_counts().to_dict() if len(table.frame) else {}
    return {
        "use": LIMITS_OF_USE,
        "study": study.model_dump(mode="json"),
        "scenario": dict(study.scenario.identity()),
        "versions": versions_of(PACKAGES),
        "commit": commit(),
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "processor": _processor(),
            "cores": os.cpu_count(),
            "hosts": sorted({host for host in table.frame["host"] if host}),
        },
        "runs": {str(name): int(count) for name, count in counts.items()},
        "run_hours": float(np.nansum(table.frame["run_s"].to_numpy(float)) / 3600.0),
        "written": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    }


def commit() -> str:
    """The commit of the working copy, with "changed" if it has been; "not a working copy" for an installed program."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return "not a working copy"
    try:
        options: dict[str, Any] = {"cwd": root, "capture_output": True, "text": True, "timeout": 10, "check": True}
        head = subprocess.run(["git", "rev-parse", "HEAD"], **options).stdout.strip()
        changed = subprocess.run(["git", "status", "--porcelain", "--untracked-files=no"], **options).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{head}, changed" if changed else head


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def open_table(folder: Path) -> StudyTable:
    """The table of a results folder, finished or not.

    Raises
    ------
    InputError
        If the folder holds no study.
    """
    from scenarios.study.study import Study

    store = Store(Path(folder).resolve())
    about = store.read("study.json")
    if about is None:
        raise InputError(f"The folder {folder} holds no study; name one that `vesalius study` wrote to.")
    study = Study(**about["study"])
    # As the engine was that computed them, though today's may be another.
    rows = study.rows(study.design.points(study.vary, seed=study.seed), computed_by=about["computed_by"])
    rows += study.rows((store.read("design.json") or {}).get("adaptive", []), first=len(rows), computed_by=about["computed_by"])
    return collect(store, study, rows)
