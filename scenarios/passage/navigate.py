"""Navigate: push wires through a vessel as a script asks, and record it."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.passage.hands import ScriptedHands
from scenarios.passage.passage import Passage
from scenarios.passage.script import Script, across
from scenarios.passage.senses import sense
from scenarios.recording import Recorder, Recording, load_recording
from scenarios.rehearsal import Rehearsal, header_of, without_pressure
from sim import backend
from sim.solvers.settings import Settings
from sim.unloading import Unloaded

FRICTION = 0.1
"""Between a wire and the wall; unverified, coated wires have less, bare ones more."""

FRAME_EVERY = 2
"""A sampled state is kept every so many ticks."""

REST_TICKS = 4
"""So many ticks pass after the last step."""


def navigate(
    passage: Passage,
    folder: Path,
    *,
    script: Script | None = None,
    backend_name: str = "auto",
    settings: Settings | None = None,
    unloaded: Unloaded | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Recording:
    """Push wires through a vessel step by step, recording as it goes; without a script, across the lesion.

    What was recorded stays readable if the run stops early: on an interrupt, or when a tick diverges.

    Raises
    ------
    InputError
        If the script asks for what the passage does not have.
    DivergedError
        If a tick cannot be finished; says at which tick and which element.
    """
    tell = progress or (lambda fraction, text: None)
    started = time.perf_counter()
    chosen, steps = settings or Settings(friction=FRICTION), script or across(passage)
    hands = ScriptedHands(steps, passage, dt=chosen.dt)
    name = backend.start(backend_name)
    tell(0.0, "shape without blood pressure")
    found = unloaded or rest_of(passage, lambda part: tell(0.08 * part, "shape without blood pressure"))
    rehearsal = Rehearsal(passage, body=found.body, displacement=found.displacement, settings=chosen)
    header = header_of(passage, rehearsal, name, unloading_error_mm=found.error * 1e3)
    header["script"] = [step.model_dump(mode="json") for step in steps.step]
    recorder = Recorder.start(folder, passage, header, body=found.body, displacement=found.displacement)
    try:
        first = _run(rehearsal, passage, hands, recorder, tell)
        recorder.finish(wall_clock_s=time.perf_counter() - started, first_tick_s=first - started)
    finally:
        recorder.close()
    return load_recording(folder, passage_too=True)


def rest_of(passage: Passage, tell: Callable[[float], None]) -> Unloaded:
    """The wall without blood pressure; a rigid one has the shape it was imaged in."""
    if passage.rigid:
        body = passage.body()
        return Unloaded(body, np.zeros((len(body.vertices), 3)), 0.0)
    return without_pressure(passage, progress=tell)


def _run(
    rehearsal: Rehearsal, passage: Passage, hands: ScriptedHands, recorder: Recorder, tell: Callable[[float, str], Any]
) -> float:
    """Let ticks pass until the script has ended; returns when the first one was done, on the clock of `time.perf_counter`."""
    senses = sense(rehearsal.model, rehearsal.solver, rehearsal.state, passage.path)
    first, rest = None, REST_TICKS
    while rest:
        command = hands(senses, blood_pressure_pa=passage.blood_pressure_pa)
        _, report = rehearsal.advance(command)
        first = first or time.perf_counter()
        senses = sense(rehearsal.model, rehearsal.solver, rehearsal.state, passage.path)
        rest -= hands.done
        sampled = rest == 0 or bool(hands.events) or rehearsal.state.tick % FRAME_EVERY == 0
        felt = dataclasses.asdict(senses)
        recorder.tick(rehearsal, command, report, phase=hands.phase, sampled=sampled, events=hands.events, senses=felt)
        where = ", ".join(f"{called} at {place:.0f} mm" for called, place in senses.tip_mm.items())
        tell(0.08 + 0.92 * hands.share, f"{hands.phase}; {where}")
    tell(1.0, "")
    return first or time.perf_counter()
