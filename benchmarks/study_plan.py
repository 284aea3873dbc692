"""The plan to 10,000 workers: what a run costs scheduler, client and disk is measured, the rest is simulated from that.

Each worker runs, then waits for its next run at two single servers, one after the other: the client, which hears of the finished
run, reads its file and hands out another, and the scheduler, which passes both on. Their service times are measured here; the
scheduler loses besides what the heartbeats of all workers cost it.
"""

import heapq
import json
import random
import time
from pathlib import Path
from typing import Any

from scenarios.study import Design, Study, Workplace
from scenarios.study.engine import AHEAD
from scenarios.study.store import write_whole
from tests.studies import functions

UNIT = {"distribution": "uniform", "low": 0.0, "high": 1.0}


def measured_plan(folder: Path) -> list[tuple[str, str, str]]:
    """Measure the costs, simulate 10 to 10,000 workers, and give rows of the table."""
    costs = costs_of_a_run(folder)
    beat = cost_of_a_heartbeat()
    size, write_ms = cost_of_a_file(folder)
    rows = [
        (
            "plan: scheduler a run, client a run",
            "measured",
            f"{1e3 * costs[0]:.2f} ms, {1e3 * costs[1]:.2f} ms of processor time",
        ),
        ("plan: scheduler a heartbeat", "measured", f"{1e3 * beat:.3f} ms of processor time"),
        ("plan: file of a rehearsal", "measured", f"{size / 1024:.1f} KiB, written at one stroke in {write_ms:.2f} ms here"),
    ]
    for run_s in (10.0, 130.0):
        for workers in (100, 1_000, 10_000):
            busy, load = simulated(workers, run_s, scheduler_s=costs[0], client_s=costs[1], heartbeat_s=beat)
            said = (
                f"workers busy {100 * busy:.0f} %, busiest server {100 * load:.0f} %, {workers / run_s * busy:.0f} files a second"
            )
            rows.append((f"plan: {workers:,} workers, runs of {run_s:g} s", "simulated", said))
    return rows


def costs_of_a_run(folder: Path, *, runs: int = 800) -> tuple[float, float]:
    """Processor time that a run costs scheduler and client [s]; the scheduler is a process of its own."""
    import psutil

    from benchmarks.study import small_cluster

    with small_cluster(1) as (address, scheduler):
        place = Workplace(scheduler=address)
        study = Study(functions.plane, vary={"x": UNIT, "y": UNIT}, design=Design(kind="sobol", runs=20))
        study.run(folder / "first", workplace=place)
        there = psutil.Process(scheduler.pid)
        before, own = sum(there.cpu_times()[:2]), time.process_time()
        study.model_copy(update={"design": Design(kind="sobol", runs=runs)}).run(folder / "second", workplace=place)
        return (sum(there.cpu_times()[:2]) - before) / runs, (time.process_time() - own) / runs


def cost_of_a_heartbeat(*, count: int = 20000) -> float:
    """Processor time of one heartbeat at the scheduler [s]: unpacking a real worker's message, and the handler."""
    import asyncio
    import logging

    from distributed import Scheduler, Worker
    from distributed.protocol.core import dumps, loads

    async def measure() -> float:
        async with (
            Scheduler(port=0, dashboard_address=":0") as scheduler,
            Worker(scheduler.address, nthreads=1) as worker,
        ):
            message: dict[str, Any] = {
                "op": "heartbeat_worker", "address": worker.contact_address, "now": time.time(),
                "metrics": await worker.get_metrics(), "executing": {}, "extensions": {},
            }  # fmt: skip
            frames = dumps(message)
            began = time.process_time()
            for _ in range(count):
                came: Any = loads(frames)
                scheduler.heartbeat_worker(**{name: value for name, value in came.items() if name != "op"})
            return (time.process_time() - began) / count

    logging.getLogger("distributed").setLevel(logging.ERROR)
    return asyncio.run(measure())


def cost_of_a_file(folder: Path) -> tuple[float, float]:
    """Size of a rehearsal's file [bytes] and the time to write one [ms], of 40 measures with their definitions."""
    readings = [
        [f"measure number {number}", random.random(), "mm", "What it means, in a sentence or so. " * 3] for number in range(40)
    ]
    content = json.dumps({"readings": readings, "parameters": {f"a.path_{number}": 0.5 for number in range(45)}}).encode()
    began = time.perf_counter()
    for number in range(200):
        write_whole(folder / "files" / f"{number}.json", content)
    return len(content), 1e3 * (time.perf_counter() - began) / 200


def simulated(
    workers: int, run_s: float, *, scheduler_s: float, client_s: float, heartbeat_s: float, rounds: int = 6
) -> tuple[float, float]:
    """Share of the time in which workers are busy, and load of the busier of scheduler and client.

    A run takes 0.7 to 1.3 times `run_s` [s]. A worker has `AHEAD` more runs waiting, so that it stands idle only where the
    servers fall that far behind.
    """
    from distributed.scheduler import heartbeat_interval

    dice = random.Random(1)
    # What heartbeats take of the scheduler's time makes each of its services longer.
    left = 1.0 - min(workers * heartbeat_s / heartbeat_interval(workers), 0.99)
    services = (scheduler_s / left, client_s)
    events = [(dice.uniform(0.0, 1.3 * run_s), worker) for worker in range(workers)]
    heapq.heapify(events)
    free, busy, spent = [0.0, 0.0], 0.0, [0.0, 0.0]
    stock = [[0.0] * AHEAD for _ in range(workers)]
    end = 0.0
    for _ in range(rounds * workers):
        now, worker = heapq.heappop(events)
        ready = now
        for number, service in enumerate(services):
            ready = free[number] = max(free[number], ready) + service
            spent[number] += service
        # The run that is begun now was handed out when one of two runs ago was finished.
        stock[worker].append(ready)
        start = max(now, stock[worker].pop(0))
        length = dice.uniform(0.7, 1.3) * run_s
        busy += length
        end = max(end, start, ready)
        heapq.heappush(events, (start + length, worker))
    return min(busy / (end * workers), 1.0), max(spent) / end
