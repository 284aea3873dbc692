"""One run of a study: its key, and what a worker does with it."""

import dataclasses
import faulthandler
import hashlib
import json
import os
import socket
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scenarios.study.parameters import Value
from scenarios.study.scenario import NotTaken, Scenario
from scenarios.study.store import DiskFull, Store, disk_full, is_disk_fault

FORMAT = 1
"""Version of a run's file."""

TRIES = 2
"""How often a run may end its worker before it is set aside."""

OK, NOT_TAKEN, FAILED, SET_ASIDE = "ok", "not taken", "failed", "set aside"


def key_of(parameters: Mapping[str, Value], identity: Mapping[str, Any], *, seed: int | None) -> str:
    """Hash of everything that a run's result depends on, as 32 hexadecimal digits.

    All parameters with their values, the scenario's identity (input hashes, hash of what computes), the seed where the scenario
    depends on one, and the version of the run's file.
    """
    whole = {"format": FORMAT, "parameters": dict(parameters), "identity": dict(identity), "seed": seed}
    return hashlib.sha256(json.dumps(whole, sort_keys=True, allow_nan=False).encode()).hexdigest()[:32]


@dataclasses.dataclass(frozen=True)
class Job:
    """A run as it travels to a worker.

    Attributes
    ----------
    session
        The client's start; attempts are counted within one, since a client that is killed takes its workers along.
    keep
        Whether to keep the run's fields.
    """

    key: str
    scenario: Scenario
    parameters: dict[str, Value]
    seed: int
    folder: str
    session: str
    keep: bool = False


def execute(job: Job) -> dict[str, Any]:
    """Do a run unless it has been done, write what it came to, and return that in brief: key, status, reason, seconds.

    Raises
    ------
    DiskFull
        If the result cannot be written.
    """
    store = Store(Path(job.folder))
    row = store.finished(job.key)
    if row is None:
        row = _execute(job, store)
        store.finish(job.key, row)
        if row["status"] in (OK, NOT_TAKEN):
            store.log_file(job.key).unlink(missing_ok=True)
    return brief_of(row)


def brief_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a client needs to know of a finished run: key, status, reason, seconds, names of its measures."""
    return {name: row[name] for name in ("key", "status", "reason", "run_s")} | {"names": [one[0] for one in row["readings"]]}


def _execute(job: Job, store: Store) -> dict[str, Any]:
    log = store.log_file(job.key)
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        begun = _attempts(log, job.session)
        if begun >= TRIES:
            reason = f"It ended its worker {begun} times and was set aside; what is known of it stands in {log.name}."
            return _row(job, SET_ASIDE, reason=reason, attempts=begun)
        file = open(log, "a", encoding="utf-8")  # noqa: SIM115  (closed below, after faulthandler has let go of it)
    except OSError as error:
        raise disk_full(error) from error
    started, clock = time.time(), time.perf_counter()
    try:
        # In one write, so that a line is whole or not there.
        where = f"on {socket.gethostname()} process {os.getpid()}"
        file.write(f"attempt in {job.session} {where} with {json.dumps(job.parameters)}\n")
        file.flush()
        faulthandler.enable(file)
        row = _taken(job, store, file)
    except OSError as error:
        if is_disk_fault(error):
            raise disk_full(error) from error
        raise
    finally:
        faulthandler.disable()
        file.close()
    return row | {"attempts": begun + 1, "started_s": started, "run_s": time.perf_counter() - clock}


def _taken(job: Job, store: Store, log: Any) -> dict[str, Any]:
    """Run the scenario and say how it ended."""
    keep = store.fields_folder(job.key) if job.keep else None
    try:
        taken = job.scenario.run(job.parameters, seed=job.seed, folder=store.folder, keep=keep)
    except NotTaken as error:
        return _row(job, NOT_TAKEN, reason=str(error))
    except (DiskFull, KeyboardInterrupt):
        raise
    except Exception as error:
        if is_disk_fault(error):
            raise
        log.write(traceback.format_exc())
        reason = " ".join(f"{error or 'something unexpected happened'} ({type(error).__name__}).".split())
        return _row(job, FAILED, reason=f"{reason} The traceback stands in {store.log_file(job.key).name}.")
    readings = [[one.name, one.value, one.unit, one.definition] for one in taken.readings]
    return _row(job, OK, readings=readings, notes=list(taken.notes), setup_s=taken.setup_s)


def _row(job: Job, status: str, **more: Any) -> dict[str, Any]:
    whole = {
        "format": FORMAT, "key": job.key, "status": status, "reason": "", "parameters": job.parameters, "seed": job.seed,
        "readings": [], "notes": [], "attempts": 0, "started_s": time.time(), "setup_s": 0.0, "run_s": 0.0,
        "host": socket.gethostname(), "pid": os.getpid(),
    }  # fmt: skip
    return whole | more


def _attempts(log: Path, session: str) -> int:
    """How many attempts of this session a log tells of; all of them have ended their worker, or a worker was lost."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return 0
    return sum(line.startswith(f"attempt in {session} ") for line in lines)
