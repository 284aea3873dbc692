"""Rehearsal: the one loop in which time passes."""

import dataclasses
import math
import platform
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from meshing.errors import InputError
from meshing.provenance import versions_of
from scenarios.case import MMHG, Case
from scenarios.passage.passage import Passage
from scenarios.procedure import Procedure, procedure_of
from scenarios.recording import FORMAT, Recorder, Recording, load_recording
from sim import backend
from sim.arrays import put, vec3d
from sim.body import Body
from sim.command import Command
from sim.model import Model, build_model
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.settings import Settings, TickReport
from sim.state import State, new_state
from sim.unloading import Unloaded, unload

UNLOADING_TOLERANCE_MM = 0.05
FRAME_EVERY = 4
"""A sampled state is kept every so many ticks, and at the end of each phase."""

Progress = Callable[[float, str], None]


class Rehearsal:
    """A case or a passage with its solver, ticking; `advance` is the only place where time passes.

    Attributes
    ----------
    case, procedure, model, state, solver
        What is rehearsed, what is to be done where that is known beforehand, and the engine at work on it.
    body
        The wall in its shape without blood pressure [m].
    """

    def __init__(
        self,
        case: Case | Passage,
        *,
        body: Body,
        displacement: np.ndarray,
        settings: Settings,
        model: Model | None = None,
        procedure: Procedure | None = None,
    ):
        self.case = case
        self.procedure = procedure
        self.body = body
        self.model = model or build_model(body, case.device_body())
        self.state = new_state(self.model)
        self.state.displacement = put(displacement, vec3d)
        self.solver = ImplicitSolver(self.model, settings)

    @classmethod
    def from_recording(cls, recording: Recording) -> "Rehearsal":
        """The rehearsal that was recorded, before its first tick.

        Raises
        ------
        InputError
            If it was recorded by an engine that took other settings, or without forces.
        """
        if recording.header.get("geometry_only"):
            raise InputError(
                f"The recording in {recording.folder} is of geometry alone, with no forces to compute again; rehearse the case."
            )
        settings = recording.header["settings"]
        gone = sorted(set(settings) - {field.name for field in dataclasses.fields(Settings)})
        if gone:
            raise InputError(
                f"The recording in {recording.folder} was made by an engine that took {', '.join(gone)}, which this one does "
                "not; it can be played, but not run again. Rehearse the case anew."
            )
        return cls(
            recording.case,
            body=recording.body,
            displacement=recording.first_displacement,
            settings=Settings(**settings),
            procedure=recording.procedure if "procedure" in recording.header else None,
        )

    @property
    def dt(self) -> float:
        """Length of a tick [s]."""
        return self.solver.settings.dt

    @property
    def time_s(self) -> float:
        """Time that has passed [s]."""
        return self.state.tick * self.dt

    def go_back(self, state: State) -> None:
        """Go on from a copy of an earlier state of this rehearsal, as if nothing had been since."""
        self.state.take(state.copy())
        # A tick that could not be finished may have left anything in the solver's scratch.
        self.solver = ImplicitSolver(self.model, self.solver.settings)

    def advance(self, command: Command | None = None) -> tuple[Command, TickReport]:
        """Let one tick pass under a command, or under the procedure's where none is given."""
        if command is None and self.procedure is None:
            raise ValueError("This rehearsal has no procedure; give a command for the tick.")
        asked = command or self.procedure((self.state.tick + 1) * self.dt)  # pyright: ignore[reportOptionalCall]
        return asked, self.solver.step(self.state, asked)


def without_pressure(case: Case | Passage, *, progress: Callable[[float], None] | None = None) -> Unloaded:
    """The shape of a case's wall without blood pressure, found on the backend that has been started."""
    return unload(case.body(), blood_pressure=case.blood_pressure_pa, tolerance=1e-3 * UNLOADING_TOLERANCE_MM, progress=progress)


def unloading_note(case: Case | Passage, found: Unloaded) -> str:
    """What a reader of the results should know of the shape without blood pressure."""
    return (
        f"The vessel was taken as imaged under {case.blood_pressure_pa / MMHG:.0f} mmHg; its shape without pressure, put under "
        f"this pressure again, returns to the image within {found.error * 1e3:.2f} mm."
    )


def rehearse(
    case: Case,
    folder: Path,
    *,
    backend_name: str = "auto",
    procedure: Procedure | None = None,
    settings: Settings | None = None,
    unloaded: Unloaded | None = None,
    model: Model | None = None,
    progress: Progress | None = None,
) -> Recording:
    """Rehearse a case from the shape without blood pressure to the stent left behind, recording as it goes.

    What was recorded stays readable if the run stops early: on an interrupt, or when a tick diverges. Whoever rehearses several
    devices in one wall gives its shape without blood pressure, `without_pressure(case)`, and spares the search for it; whoever
    rehearses one device at several pressures gives the model of both as well.

    Raises
    ------
    InputError
        If the case cannot be simulated as it stands.
    DivergedError
        If a tick cannot be finished; says at which tick and which element.
    """
    tell = progress or (lambda fraction, text: None)
    started = time.perf_counter()
    name = backend.start(backend_name)
    plan = procedure or procedure_of(case)
    tell(0.0, "shape without blood pressure")
    found = unloaded or without_pressure(case, progress=lambda part: tell(0.08 * part, "shape without blood pressure"))
    case = dataclasses.replace(case, notes=(*case.notes, unloading_note(case, found)))
    rehearsal = Rehearsal(
        case, body=found.body, displacement=found.displacement, settings=settings or Settings(), model=model, procedure=plan
    )
    header = header_of(case, rehearsal, name, unloading_error_mm=found.error * 1e3)
    header["procedure"] = dataclasses.asdict(plan)
    header["run"] |= {"device": case.device.name, "station_mm": case.station_mm}
    recorder = Recorder.start(folder, case, header, body=found.body, displacement=found.displacement)
    try:
        first_tick_at = _run(rehearsal, plan, recorder, tell)
        recorder.finish(wall_clock_s=time.perf_counter() - started, first_tick_s=first_tick_at - started)
    finally:
        recorder.close()
    return load_recording(folder)


def _run(rehearsal: Rehearsal, plan: Procedure, recorder: Recorder, tell: Progress) -> float:
    """Let all ticks of the procedure pass; returns when the first one was done, on the clock of `time.perf_counter` [s]."""
    dt, first = rehearsal.dt, math.nan
    tick_count = round(plan.duration_s / dt)
    for tick in range(1, tick_count + 1):
        phase = plan.phase(tick * dt)
        tell(0.08 + 0.92 * (tick - 1) / tick_count, f"{phase}, {tick * dt:.1f} of {plan.duration_s:.1f} s")
        command, report = rehearsal.advance()
        events = plan.events((tick - 1) * dt, tick * dt)
        first = time.perf_counter() if tick == 1 else first
        last_of_phase = tick == tick_count or plan.phase((tick + 1) * dt) != phase
        recorder.tick(rehearsal, command, report, phase=phase, sampled=last_of_phase or tick % FRAME_EVERY == 0, events=events)
    tell(1.0, "")
    return first


def header_of(case: Case | Passage, rehearsal: Rehearsal, name: str, *, unloading_error_mm: float) -> dict[str, Any]:
    """The header of a recording that begins: what it is made from, the settings, and on what it runs."""
    return {
        "format": FORMAT,
        "complete": False,
        "input": dict(case.source.get("input", {})),
        "mesh": dict(case.source.get("mesh", {})),
        "settings": dataclasses.asdict(rehearsal.solver.settings),
        "run": {
            "versions": versions_of(("taichi", "numpy", "scipy", "vesalius")),
            "backend": name,
            "machine": f"{platform.machine()} {platform.system()}",
            "dt_s": rehearsal.dt,
            "blood_pressure_mmhg": case.blood_pressure_pa / MMHG,
            "unloading_error_mm": unloading_error_mm,
            "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        },
    }


@dataclasses.dataclass(frozen=True)
class RerunResult:
    """Whether the same commands gave the same states, bit for bit.

    `first_difference_tick` is the first tick whose digest differs, None if none does; `ticks` how many were compared.
    """

    equal: bool
    first_difference_tick: int | None
    ticks: int


def rerun(folder: Path, *, backend_name: str | None = None, progress: Progress | None = None) -> RerunResult:
    """Feed a recording's commands to the engine again and compare the digest of every tick.

    Raises
    ------
    InputError
        If the recording holds no tick or cannot be read.
    """
    tell = progress or (lambda fraction, text: None)
    recording = load_recording(folder, passage_too=True)
    if not recording.ticks:
        raise InputError(f"The recording in {folder} holds no tick, so there is nothing to compare.")
    backend.start(backend_name or recording.header["run"].get("backend", "auto"))
    rehearsal = Rehearsal.from_recording(recording)
    for number, recorded in enumerate(recording.ticks):
        tell(number / len(recording.ticks), f"tick {recorded['tick']}")
        rehearsal.advance(Command(**recorded["command"]))
        if rehearsal.state.digest() != recorded["digest"]:
            return RerunResult(False, recorded["tick"], number + 1)
    tell(1.0, "")
    return RerunResult(True, None, len(recording.ticks))
