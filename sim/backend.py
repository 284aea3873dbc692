"""The processor that kernels run on: chosen once, named in every report; the only call of `ti.init`."""

import contextlib
import io
import os
import textwrap
from pathlib import Path
from typing import Any

import taichi as ti
from taichi._lib import core
from taichi.lang.ast import ast_transformer_utils
from taichi.lang.impl import current_cfg

NAMES = ("cuda", "vulkan", "metal", "cpu")

_started: str | None = None
# Loops under some 50,000 light elements cost more in thread wake-ups than in work on a CPU; a GPU wants them parallel.
# Kernels read this when they are compiled, hence a plain name and not a function.
small_loops_serial = True
# On a CPU Taichi gives one thread at least 512 turns of a loop, whatever block is asked for. A loop over fewer, longer items
# (chunks, clusters, rows) runs on one thread unless each item is given as many turns, of which all but one are idle.
turns_an_item = 512


class _Unbroken(textwrap.TextWrapper):
    """Leaves lines as they are.

    When a kernel is first called Taichi quotes the source of each of its expressions, in case that one is wrong, and breaks the
    quotations into lines of 80: a third of the time in which a fresh process gets ready.
    """

    def wrap(self, text: str) -> list[str]:
        return [text] if text.strip() else []


ast_transformer_utils.TextWrapper = _Unbroken


class BackendError(RuntimeError):
    """A processor that was asked for by name and cannot run the solver."""


def start(name: str = "auto", *, threads: int | None = None) -> str:
    """Start Taichi on a processor and return its name.

    Parameters
    ----------
    name
        "auto" tries CUDA, Vulkan and Metal in this order and falls back to the CPU; any of `NAMES` forces one.
    threads
        Number of CPU threads; None leaves Taichi's own choice.

    Raises
    ------
    BackendError
        If the processor asked for is not there or does not sum in double precision, which the line search needs.
    """
    global _started, small_loops_serial, turns_an_item
    if name not in (*NAMES, "auto"):
        raise BackendError(f"There is no backend called {name!r}; choose one of auto, {', '.join(NAMES)}.")
    if _started is not None and name in ("auto", _started):
        return _started
    for candidate in NAMES if name == "auto" else (name,):
        if _try(candidate, threads):
            _started = candidate
            small_loops_serial = candidate == "cpu"
            turns_an_item = 512 if candidate == "cpu" else 1
            return candidate
    raise BackendError(f"The backend {name!r} is not usable on this machine; leave it to 'auto' or take 'cpu'.")


def current() -> str:
    """Name of the processor in use; starts one if none is."""
    return start() if _started is None else _started


def _try(name: str, threads: int | None) -> bool:
    architecture = {"cuda": ti.cuda, "vulkan": ti.vulkan, "metal": ti.metal, "cpu": ti.cpu}[name]
    if name != "cpu" and not _present(name):
        return False
    options: dict[str, Any] = {"offline_cache": True, "log_level": ti.ERROR, "default_fp": ti.f32, "fast_math": False}
    if threads is not None:
        options["cpu_max_num_threads"] = threads
    threads_before = _own_threads()
    with _quiet():
        ti.init(arch=architecture, **options)
    if name == "cpu" and threads is None:
        _settle_threads(_own_threads() - threads_before)
    if current_cfg().arch != architecture and name != "cpu":
        return False
    return name == "cpu" or _sums_in_double()


def _own_threads() -> set[int]:
    """Numbers of this process's threads, where Linux tells them."""
    tasks = Path("/proc/self/task")
    return {int(one.name) for one in tasks.iterdir()} if tasks.exists() else set()


def _settle_threads(threads: set[int]) -> None:
    """Give each of Taichi's threads a core of its own, in turn.

    They sleep between loops, and Linux likes to wake them all on the core that they were woken from, where they then take turns:
    a tick of 100,000 tetrahedra took 90 or 55 ms on two cores, as it fell out. Not beside other work, where a loop would wait for
    whichever core is taken: two such processes on two cores were half as quick as when Linux was let to give each a core.
    """
    load = Path("/proc/loadavg")
    if not hasattr(os, "sched_setaffinity") or not load.exists() or load.read_text().split()[3].split("/")[0] != "1":
        return
    cores = sorted(os.sched_getaffinity(0))
    for place, thread in enumerate(sorted(threads)):
        # A thread that has ended meanwhile, or a system that forbids it, costs nothing but speed.
        with contextlib.suppress(OSError):
            os.sched_setaffinity(thread, {cores[place % len(cores)]})


def _present(name: str) -> bool:
    """Whether the driver answers, asked without starting Taichi on it."""
    ti.set_logging_level(ti.ERROR)
    answers: dict[str, Any] = {"cuda": core.with_cuda, "vulkan": core.with_vulkan, "metal": core.with_metal}
    try:
        return bool(answers[name]())
    except RuntimeError:
        return False


def _sums_in_double() -> bool:
    @ti.kernel
    def probe() -> ti.f64:
        total = ti.f64(0.0)
        for _ in range(1):
            total = ti.f64(1.0) + ti.f64(1e-12)
        return total - ti.f64(1.0)

    try:
        return abs(probe() - 1e-12) < 1e-15
    except RuntimeError:
        return False


@contextlib.contextmanager
def _quiet():
    """Taichi prints its version when it starts; a report says it once instead."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
