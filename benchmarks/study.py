# ruff: noqa: E402
"""Studies: nothing lost, nothing done twice, what a run costs, what the answers are worth, and how far it goes.

    python benchmarks/study.py [kills crashes equal overhead warm ishigami surrogate throughput plan iliac] [--no-file]

Each part prints its demanded figure beside the measured one. Without names all are run but `iliac`, 64 rehearsals, which takes
an hour or more and wants a quiet machine. The table goes into its section of RESULTS.md.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
# Run as a script from anywhere: packages and the tests' functions lie beside this folder.
sys.path.insert(0, str(HERE.parent))

from benchmarks.results import machine, write_section
from scenarios.study import Design, Study, Workplace
from scenarios.study.runs import Job, execute
from scenarios.study.store import Store
from tests.studies import functions

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(HERE.parent), "OMP_NUM_THREADS": "1", "COLUMNS": "160"}
UNIT = {"distribution": "uniform", "low": 0.0, "high": 1.0}
WORKERS_KILLED = 5
Row = tuple[str, str, str]
"""What was asked, the figure demanded, the figure measured."""


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[Any]]:
    """A process that ends with the block."""
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, *command], env=ENVIRONMENT, cwd=HERE.parent, **quiet)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def small_cluster(workers: int) -> Iterator[tuple[str, subprocess.Popen[Any]]]:
    """A scheduler and workers, each a process of its own as on several machines; gives address and scheduler."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    program = ("-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    with running(*program) as scheduler:
        one = ("-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard", "--death-timeout", "20")
        from contextlib import ExitStack

        with ExitStack() as stack:
            for _ in range(workers):
                stack.enter_context(running(*one))
            yield address, scheduler


def children(pid: int) -> list[int]:
    """Processes that a process has started, and those that these have."""
    import psutil

    try:
        return [one.pid for one in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kills(folder: Path, *, runs: int = 2000) -> list[Row]:
    """2,000 cheap runs on two workers; workers, the scheduler and the client are killed at random; then one more start."""
    dice, log = random.Random(20), folder / "log"
    (folder / "study.toml").write_text(
        f'[scenario]\nkind = "function"\nfunction = "tests.studies.functions:noted"\n[fixed]\nwhere = "{log}"\npause_s = 0.01\n'
        f'[vary]\nx = {{ distribution = "uniform", low = 0, high = 1 }}\n[design]\nkind = "sobol"\nruns = {runs}\n'
    )
    program = (
        sys.executable,
        "-m",
        "viewer.cli",
        "study",
        str(folder / "study.toml"),
        "-o",
        str(folder / "results"),
        "--no-report",
    )
    begun, told = 0, []
    for victim in ("worker", "scheduler", "client", "nobody"):
        with small_cluster(2) as (address, scheduler):
            before = executions(log)
            client = subprocess.Popen(
                [*program, "--scheduler", address],
                env=ENVIRONMENT,
                cwd=HERE.parent,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            if victim != "nobody":
                goal = before + dice.randint(runs // 10, runs // 4)
                while executions(log) < goal and client.poll() is None:
                    time.sleep(0.02)
                # The worker is the process that runs, which its nanny starts anew.
                if victim == "worker":
                    pid = dice.choice(workers_of(os.getpid()))
                else:
                    pid = scheduler.pid if victim == "scheduler" else client.pid
                kill(pid)
            if victim == "worker":
                # The study goes on. More workers are killed, then it is stopped, so that the others meet it unfinished.
                for _ in range(WORKERS_KILLED - 1):
                    goal = executions(log) + runs // 40
                    while executions(log) < goal and client.poll() is None:
                        time.sleep(0.02)
                    kill(dice.choice(workers_of(os.getpid())))
                client.send_signal(signal.SIGINT)
            out = client.communicate(timeout=600)[0].decode()
            told.append(f"{f'{WORKERS_KILLED} workers' if victim == 'worker' else victim}: exit {client.returncode}")
            begun += 1
    total, rows = executions(log), finished(folder / "results")
    last = subprocess.run(program, env=ENVIRONMENT, cwd=HERE.parent, capture_output=True, text=True, timeout=300, check=False)
    again = executions(log) - total
    by_status = {status: list(rows.values()).count(status) for status in set(rows.values())}
    # In flight at a stop is the run of each of two workers; a run whose worker was killed is tried again.
    allowed = runs + 2 * (begun - 1) + WORKERS_KILLED
    return [
        (f"{runs:,} runs, killed {', '.join(told)}", "all done or set aside", f"{by_status}, of {len(rows):,}"),
        ("executions", f"<= {allowed:,}", f"{total:,}"),
        ("executions on a further start", "0", f"{again} (exit {last.returncode}); {out.strip().splitlines()[-1][:40]}"),
    ]


def workers_of(pid: int) -> list[int]:
    """Processes among one's own that Dask's nannies have started to run in."""
    import psutil

    found = []
    for child in children(pid):
        words = " ".join(psutil.Process(child).cmdline())
        if "spawn_main" in words:
            found.append(child)
    return found


def executions(log: Path) -> int:
    """How many runs have begun, by the lines that they have written."""
    return log.read_bytes().count(b"\n") if log.is_file() else 0


def finished(folder: Path) -> dict[str, str]:
    """Status of each finished run by its key."""
    return {path.stem: json.loads(path.read_text())["status"] for path in (folder / "runs").glob("*/*.json")}


def crashes(folder: Path) -> list[Row]:
    """One run in 200 ends its worker."""
    study = Study(
        functions.crashing, vary={"x": [float(x) for x in range(200)]}, fixed={"where": str(folder / "log"), "bad": 77.0}
    )
    table = study.run(folder / "results", workplace=Workplace(workers=2))
    counts = table.frame["status"].value_counts().to_dict()
    tries = (folder / "log").read_text().splitlines().count("77.0")
    return [("one run in 200 segfaults its worker", "set aside after 2 tries, 199 ok", f"{counts}, {tries} tries")]


def equal(folder: Path) -> list[Row]:
    """The same study on one worker, on two, and on the workers of two schedulers, each with half of the runs."""
    study = Study(functions.smooth, vary=dict.fromkeys("abc", UNIT), design=Design(kind="sobol", runs=128))
    tables = [study.run(folder / str(count), workplace=Workplace(workers=count)).without_timings() for count in (1, 2)]
    half = study.model_copy(update={"design": Design(kind="sobol", runs=64)})
    for part in (half, study):
        with small_cluster(1) as (address, _):
            last = part.run(folder / "two machines", workplace=Workplace(scheduler=address))
    tables.append(last.without_timings())
    same = [one.equals(tables[0]) for one in tables[1:]]
    return [
        (
            "tables of 1 worker, 2 workers, workers of 2 schedulers",
            "equal to the bit",
            "equal" if all(same) else f"differ: {same}",
        )
    ]


def overhead(folder: Path, *, runs: int = 1000) -> list[Row]:
    """What a run costs besides itself, with one worker: queue, write, read back; workers started before."""
    from distributed import LocalCluster

    study = Study(functions.plane, vary={"x": UNIT, "y": UNIT}, design=Design(kind="sobol", runs=runs))
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0", memory_limit=0, silence_logs=50) as cluster:
        address = str(cluster.scheduler_address)  # pyright: ignore[reportAttributeAccessIssue]
        warm = study.model_copy(update={"design": Design(kind="sobol", runs=20)})
        warm.run(folder / "warm", workplace=Workplace(scheduler=address))
        began = time.perf_counter()
        table = study.run(folder / "results", workplace=Workplace(scheduler=address))
        whole = time.perf_counter() - began
    own = float(table.frame["run_s"].to_numpy(float).sum())
    return [(f"overhead a run, {runs:,} runs, 1 worker", "<= 20 ms", f"{1e3 * (whole - own) / runs:.1f} ms")]


def kill(pid: int) -> None:
    """Kill a process unless it has ended by itself meanwhile."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def compilations() -> Callable[[], int]:
    """Count what Taichi compiles or loads from its cache from now on in this process; gives the counter."""
    from taichi.lang.kernel_impl import Kernel

    counted, whole = [0], Kernel.materialize

    def materialize(self: Any, *rest: Any, **named: Any) -> Any:
        before = len(self.compiled_kernels)
        done = whole(self, *rest, **named)
        counted[0] += len(self.compiled_kernels) - before
        return done

    Kernel.materialize = materialize  # pyright: ignore[reportAttributeAccessIssue]
    return lambda: counted[0]


def warm(folder: Path) -> list[Row]:
    """The embedded case in one worker: first run, the same device at another pressure, another place, another device."""
    count, fixed = (
        compilations(),
        {"inflation.inflate_s": 1.5, "inflation.hold_s": 0.1, "inflation.rest_s": 0.1, "mesh.edge_share": 0.4},
    )
    rows = []
    for name, change in (
        ("first run", {}),
        ("another pressure", {"inflation.pressure_atm": 7.0}),
        ("another place", {"placement.offset_mm": 1.0}),
        ("another device", {"device.diameter_mm": 7.0}),
    ):
        study = Study(
            "iliac", vary={path: [value] for path, value in change.items()} or {"placement.offset_mm": [0.0]}, fixed=fixed
        )
        row = study.rows(study.design.points(study.vary, seed=0))[0]
        before = count()
        execute(Job(row.key, study.scenario, row.parameters, row.seed, str(folder), "benchmark"))
        came = Store(folder).finished(row.key) or {}
        said = f"{count() - before} kernels, set-up {came['setup_s']:.2f} s, run {came['run_s']:.0f} s, {came['status']}"
        rows.append((f"iliac in a warm worker: {name}", "0 kernels, <= 0.3 s" if change else "–", said))
    return rows


def ishigami(folder: Path) -> list[Row]:
    """Sobol's indices of the Ishigami function, through workers and files as everything else."""
    from scenarios.study.sensitivity import sensitivity

    pi = {"distribution": "uniform", "low": -np.pi, "high": np.pi}
    study = Study(functions.ishigami, vary=dict.fromkeys(("x1", "x2", "x3"), pi), design=Design(kind="saltelli", runs=2048))
    table = study.run(folder / "results", workplace=Workplace(workers=2), limit=20_000)
    off = np.abs(sensitivity(table, "value").first - [0.3139, 0.4424, 0.0]).max()
    return [(f"S1 of Ishigami, {len(table.frame):,} runs", "within 0.02", f"{off:.4f}")]


def surrogate(folder: Path) -> list[Row]:
    """The surrogate of a smooth response of three parameters from 64 runs, six times, against 2,000 points of the response."""
    from scenarios.study.design import at_shares
    from scenarios.study.surrogate import fit

    errors, covered = [], []
    for seed in range(6):
        study = Study(
            functions.smooth, vary=dict.fromkeys("abc", UNIT), design=Design(kind="latin-hypercube", runs=64), seed=seed
        )
        made = fit(study.run(folder / str(seed), workplace=Workplace(workers=2)), "value")
        fresh = at_shares(study.vary, np.random.default_rng(seed).random((2000, 3)))
        mean, deviation = made.predict(fresh)
        truth = np.array([functions.smooth(**point) for point in fresh])
        errors.append(made.relative_error)
        covered.append(float(np.mean(np.abs(mean - truth) <= 1.96 * deviation)))
    spread = f"{100 * np.mean(covered):.1f} % (single designs {100 * min(covered):.0f} to {100 * max(covered):.0f} %)"
    return [
        ("surrogate, 64 runs, left-out error", "<= 5 % of range", f"{100 * max(errors):.2f} % at most"),
        ("surrogate, cover of its 95 % band", "90 to 98 %", spread),
    ]


def throughput(folder: Path) -> list[Row]:
    """Runs of 50 ms of waiting on 1 and 2 workers; waiting, so that cores shared with others do not decide."""
    rates = {}
    for count in (1, 2):
        study = Study(functions.noted, vary={"x": UNIT}, fixed={"pause_s": 0.05}, design=Design(kind="sobol", runs=200))
        spans = []
        study.run(
            folder / str(count),
            workplace=Workplace(workers=count),
            progress=lambda tally, spans=spans: spans.append(tally.per_hour),
        )
        rates[count] = max(spans[-1], 1e-9)
    ideal = 3600.0 / 0.05
    plot_throughput(rates, ideal)
    said = ", ".join(
        f"{count}: {rate / 3600:.1f} a second ({100 * rate / (ideal * count):.0f} %)" for count, rate in rates.items()
    )
    return [("throughput of 50 ms runs against workers", "plot to 2 workers", f"{said}; docs/study-throughput.png")]


def plot_throughput(rates: dict[int, float], ideal: float) -> None:
    """Draw measured throughput beside the ideal."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 2], [0, 2 * ideal / 3600], color="#8a949c", label="20 runs a second each")
    axes.plot(list(rates), [rate / 3600 for rate in rates.values()], "o-", color="#2f78b7", label="measured")
    axes.set_xlabel("workers")
    axes.set_ylabel("runs a second")
    axes.set_xticks([0, 1, 2])
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(HERE.parent / "docs" / "study-throughput.png", dpi=150)


def iliac(folder: Path) -> list[Row]:
    """64 rehearsals of the embedded case by one command: diameter by offset by wall stiffness."""
    command = [sys.executable, "-m", "viewer.cli", "study", str(HERE / "study_iliac.toml"), "-o", str(folder / "results")]
    began = time.perf_counter()
    subprocess.run(command, env=ENVIRONMENT, cwd=HERE.parent, check=True)
    whole = time.perf_counter() - began
    counts: dict[str, int] = {}
    for status in finished(folder / "results").values():
        counts[status] = counts.get(status, 0) + 1
    count = sum(counts.values())
    return [(f"embedded iliac case, {count} runs", ">= 120 an hour", f"{3600 * count / whole:.0f} an hour, {counts}")]


def plan(folder: Path) -> list[Row]:
    """The plan to 10,000 workers, from what is measured here; see `benchmarks/study_plan.py`."""
    from benchmarks.study_plan import measured_plan

    return measured_plan(folder)


PARTS: dict[str, Callable[[Path], list[Row]]] = {
    "kills": kills, "crashes": crashes, "equal": equal, "overhead": overhead, "warm": warm, "ishigami": ishigami,
    "surrogate": surrogate, "throughput": throughput, "plan": plan, "iliac": iliac,
}  # fmt: skip


def main() -> None:
    """Measure, print, write."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("parts", nargs="*", choices=[[], *PARTS], default=[], help="what to measure")
    words.add_argument("--no-file", action="store_true", help="print only, leave RESULTS.md as it is")
    asked = words.parse_args()
    about, rows = machine("dask", "distributed", "taichi", "scikit-learn", "SALib"), []
    for name in asked.parts or [part for part in PARTS if part != "iliac"]:
        folder = Path(tempfile.mkdtemp(prefix=f"study-{name}-"))
        try:
            for row in PARTS[name](folder):
                rows.append(row)
                print(f"{row[0]}: demanded {row[1]}, measured {row[2]}", flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    lines = ["| what | demanded | measured |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    if not asked.no_file:
        intro = "Made by `python benchmarks/study.py`; run it again on your own machine.\n\n"
        write_section("Studies", intro + "\n".join([*about, "", *lines]))


if __name__ == "__main__":
    main()
