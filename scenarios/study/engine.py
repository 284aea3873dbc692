"""Where runs are done: Dask's workers, here or elsewhere, fed a few at a time so that a scheduler never holds a whole study."""

import contextlib
import dataclasses
import os
import queue
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from meshing.errors import InputError
from scenarios.study.runs import Job, brief_of, execute
from scenarios.study.store import DiskFull, Store

AHEAD = 2
"""Runs that wait at the scheduler for each worker thread, so that none stands idle while the client hears of a finished one."""

SECONDS_BETWEEN_LOOKS = 1.0
CONNECT_S = 10.0
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
GONE = "The scheduler went away. What was done is kept; start the same command again to go on."


class EngineLost(RuntimeError):
    """The scheduler went away; what was finished is kept."""


@dataclasses.dataclass(frozen=True)
class Workplace:
    """Where to run.

    Attributes
    ----------
    workers
        Number of local workers, or of jobs on a cluster; None takes one for each core, or for each GPU.
    scheduler
        Address of a Dask scheduler that is running, such as tcp://host:8786.
    cluster
        "slurm" or "pbs" to start workers as jobs with dask-jobqueue, whose own configuration file gives queue, cores and
        memory; `cluster_options` go before that.
    """

    workers: int | None = None
    scheduler: str | None = None
    cluster: str | None = None
    cluster_options: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Tally:
    """How far a study has come."""

    total: int
    done: int = 0
    found: int = 0
    """Of those done, how many had been done before."""
    not_ok: int = 0
    workers: int = 0
    dashboard: str = ""
    last: str = ""
    """Why the last run that is not ok came to nothing."""
    started: float = dataclasses.field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since the first run was handed out [s]."""
        return time.monotonic() - self.started

    @property
    def per_hour(self) -> float:
        """Runs an hour, of those that were done now; 0 while there is none."""
        now = self.done - self.found
        return 3600.0 * now / self.seconds if now and self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Time left at this rate [s]; None while there is none."""
        return 3600.0 * (self.total - self.done) / self.per_hour if self.per_hour else None


Progress = Callable[[Tally], None]


@contextlib.contextmanager
def connected(place: Workplace, folder: Path) -> Iterator[Any]:
    """A Dask client on the workplace; local workers end with it, others stay.

    Raises
    ------
    InputError
        If the scheduler does not answer, a worker does not see the folder, or the cluster's package is missing.
    """
    from dask import config
    from distributed import Client

    quiet = {"distributed.comm.timeouts.connect": CONNECT_S, "distributed.scheduler.worker-ttl": None}
    with config.set(quiet), contextlib.ExitStack() as stack:
        if place.scheduler:
            try:
                client = stack.enter_context(Client(place.scheduler, timeout=CONNECT_S, set_as_default=False))
            except (OSError, TimeoutError, ValueError) as error:
                raise InputError(
                    f"The scheduler {place.scheduler} does not answer ({_first_line(error)}); check its address and that it "
                    "runs, or leave --scheduler out to work here."
                ) from error
        else:
            cluster = stack.enter_context(_batch_cluster(place) if place.cluster else _local_cluster(place))
            client = stack.enter_context(Client(cluster, set_as_default=False))
        _check_folder(client, folder)
        yield client


def _local_cluster(place: Workplace) -> Any:
    import warnings

    from distributed import Client, LocalCluster

    gpus = gpu_count()
    count = place.workers or gpus or core_count()
    options: dict[str, Any] = {
        "n_workers": count, "threads_per_worker": 1, "processes": True, "memory_limit": 0, "host": "127.0.0.1",
        "silence_logs": 50, "env": dict.fromkeys(THREADS, "1"), "dashboard_address": ":8787",
    }  # fmt: skip
    with warnings.catch_warnings(), _interrupts_kept_from_children():
        # Another study has the dashboard's usual port; Dask takes the next one and the link says which.
        warnings.simplefilter("ignore")
        cluster = LocalCluster(**options)
    with Client(cluster, set_as_default=False) as client:
        client.register_plugin(_furnishing(gpus, pinned=bool(gpus) or count == core_count()))
    return cluster


@contextlib.contextmanager
def _interrupts_kept_from_children() -> Iterator[None]:
    """Ctrl-C reaches every process of a terminal; those that are started in here leave it to the client."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _furnishing(gpus: int, pinned: bool) -> Any:
    """A plugin that furnishes each local worker, also one that takes another's place."""
    from distributed import WorkerPlugin

    class Furnishing(WorkerPlugin):
        """Leaves Ctrl-C to the client, and gives a worker a core of its own, or a GPU, by its number."""

        def setup(self, worker: Any) -> None:
            """Furnish this worker."""
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            if pinned:
                pin(int(worker.name), gpus)

    return Furnishing()


def pin(number: int, gpus: int) -> None:
    """Keep this process to one core, or to one GPU where there are some."""
    if gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(number % gpus)
    elif hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})


def core_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpu_count() -> int:
    """NVIDIA's GPUs that this process may use."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([one for one in visible.split(",") if one.strip() not in ("", "-1")])
    folder = Path("/proc/driver/nvidia/gpus")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def _batch_cluster(place: Workplace) -> Any:
    """Workers as jobs of a batch system, by dask-jobqueue."""
    import importlib

    names = {"slurm": "SLURMCluster", "pbs": "PBSCluster"}
    if place.cluster not in names:
        raise InputError(f"There is no way to start workers on {place.cluster!r}; there are: {', '.join(names)}.")
    try:
        package = importlib.import_module("dask_jobqueue")
    except ImportError as error:
        raise InputError("Workers on a cluster need dask-jobqueue; install it with: pip install 'vesalius[cluster]'.") from error
    try:
        cluster = getattr(package, names[place.cluster])(**{"cores": 1, "processes": 1, "memory": "4GB"} | place.cluster_options)
        cluster.scale(jobs=place.workers or 1)
    except (ValueError, TypeError, OSError) as error:
        raise InputError(
            f"The {place.cluster} cluster cannot be started ({_first_line(error)}); see [cluster] in the file."
        ) from error
    return cluster


def _check_folder(client: Any, folder: Path) -> None:
    """Refuse workers that do not see the results folder."""
    seen = client.run(os.path.isdir, str(folder / "runs"))
    blind = [address for address, sees in seen.items() if not sees]
    if blind:
        raise InputError(
            f"The worker {blind[0]} does not see the folder {folder}; name one on a file system that all of them share."
        )


def run_jobs(
    client: Any, jobs: Iterable[Job], tally: Tally, progress: Progress, on_done: Callable[[dict[str, Any]], None]
) -> None:
    """Do all jobs, a few waiting for each worker at a time; `on_done` is given each one's result in brief.

    Raises
    ------
    DiskFull
        If a result could not be written.
    EngineLost
        If the scheduler went away.
    """
    waiting, flying = deque(jobs), {}
    finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
    tally.dashboard = client.dashboard_link or ""
    looked, room = -SECONDS_BETWEEN_LOOKS, AHEAD
    try:
        while waiting or flying:
            if time.monotonic() - looked >= SECONDS_BETWEEN_LOOKS:
                tally.workers, looked = _threads(client), time.monotonic()
                room = max((1 + AHEAD) * tally.workers, AHEAD)
                progress(tally)
            while waiting and len(flying) < room:
                job = waiting.popleft()
                future = client.submit(execute, job, key=f"run-{job.session}-{job.key}", pure=False)
                flying[future.key] = (future, job)
                future.add_done_callback(finished.put)
            with contextlib.suppress(queue.Empty):
                future = finished.get(timeout=SECONDS_BETWEEN_LOOKS)
                _, job = flying.pop(future.key)
                brief = _brief_of(future, job, waiting)
                if brief:
                    tally.done += 1
                    tally.not_ok += brief["status"] != "ok"
                    tally.last = brief["reason"] or tally.last
                    on_done(brief)
                    progress(tally)
    finally:
        _let_go(client, [future for future, _ in flying.values()])


def _brief_of(future: Any, job: Job, waiting: deque[Job]) -> dict[str, Any] | None:
    """A finished run in brief; None where it goes back into the queue because its worker's end was not its own doing."""
    from distributed import KilledWorker

    row = Store(Path(job.folder)).finished(job.key)
    if row is not None:
        # From the disk, which outlives the worker that would have to be asked.
        future.release()
        return brief_of(row)
    if future.status == "finished":
        # A file system that many machines share may show a new file late.
        with contextlib.suppress(Exception):
            return future.result(timeout=CONNECT_S)
        waiting.append(job)
        return None
    if future.status in ("cancelled", "lost"):
        raise EngineLost(GONE)
    error = future.exception()
    future.release()
    if isinstance(error, KilledWorker):
        # The scheduler gives up on it; the run's own log decides whether it is set aside.
        waiting.append(job)
        return None
    if isinstance(error, DiskFull):
        raise error
    raise EngineLost(f"A worker failed outside of a run ({type(error).__name__}: {_first_line(error)}). What was done is kept.")


def _threads(client: Any) -> int:
    """Threads of all workers.

    Raises
    ------
    EngineLost
        If the scheduler does not answer.
    """
    if client.status not in ("running", "connecting"):
        raise EngineLost(GONE)
    try:
        return sum(client.nthreads().values())
    except (OSError, TimeoutError, RuntimeError) as error:
        raise EngineLost(GONE) from error


def _let_go(client: Any, futures: list[Any]) -> None:
    """Take back what has not begun, so that nothing goes on unseen on workers that stay."""
    if futures and client.status == "running":
        with contextlib.suppress(Exception):
            client.cancel(futures, force=True)


def _first_line(error: object) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
