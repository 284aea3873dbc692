"""Deliver: rehearse a case whose devices go over a wire, from access to the stent left behind, and record it."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from scenarios.case import Case
from scenarios.delivery.hands import DeliveringHands, Felt
from scenarios.delivery.script import Script, usual
from scenarios.devices.over_wire import CATHETER, bearing_mm
from scenarios.devices.several import opener_called
from scenarios.measures.stations import stations_of
from scenarios.passage.senses import Senses, sense
from scenarios.recording import Recorder, Recording, load_recording
from scenarios.rehearsal import FRAME_EVERY, Rehearsal, header_of, unloading_note, without_pressure
from sim import backend
from sim.rods.network import Pose
from sim.solvers.settings import Settings
from sim.unloading import Unloaded


def deliver(
    case: Case,
    folder: Path,
    *,
    backend_name: str = "auto",
    script: Script | None = None,
    pressure_atm: float | None = None,
    release: str | None = None,
    settings: Settings | None = None,
    unloaded: Unloaded | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Recording:
    """Do what a script says, recording as it goes; without one, push the wire across, bring each balloon over it, open it, and
    draw all back.

    `pressure_atm` is then asked of the first stent's balloon, its nominal one if None, or `release` of its sheath. What was
    recorded stays readable if the run stops early: on an interrupt, when a tick diverges, or when something does not come to
    its place.

    Raises
    ------
    InputError
        If the case cannot be simulated as it stands, or the script asks for what it does not have.
    NotDeliveredError
        If the wire or a balloon does not come to its place.
    DivergedError
        If a tick cannot be finished; says at which tick and which element.
    """
    tell = progress or (lambda fraction, text: None)
    started, chosen = time.perf_counter(), settings or Settings()
    steps = script or usual(case, pressure_atm=pressure_atm, release=release)
    hands = DeliveringHands(steps, case, dt=chosen.dt)
    name = backend.start(backend_name)
    tell(0.0, "shape without blood pressure")
    found = unloaded or without_pressure(case, progress=lambda part: tell(0.03 * part, "shape without blood pressure"))
    case = dataclasses.replace(case, notes=(*case.notes, unloading_note(case, found)))
    rehearsal = Rehearsal(case, body=found.body, displacement=found.displacement, settings=chosen)
    header = header_of(case, rehearsal, name, unloading_error_mm=found.error * 1e3)
    header["script"] = [step.model_dump(mode="json", exclude_none=True) for step in steps.step]
    header["run"] |= {"device": case.device.name, "station_mm": case.station_mm, "wire": case.over and case.over.wire}
    recorder = Recorder.start(folder, case, header, body=found.body, displacement=found.displacement)
    try:
        first = _run(rehearsal, case, hands, recorder, tell)
        recorder.finish(wall_clock_s=time.perf_counter() - started, first_tick_s=first - started)
    finally:
        recorder.close()
    return load_recording(folder)


def _run(
    rehearsal: Rehearsal, case: Case, hands: DeliveringHands, recorder: Recorder, tell: Callable[[float, str], None]
) -> float:
    """Let ticks pass until all steps have ended; returns when the first one was done, on the clock of `time.perf_counter`."""
    senses, first = _senses(rehearsal, case), None
    while not hands.done:
        command = hands(_felt(rehearsal, case, senses))
        _, report = rehearsal.advance(command)
        first = first or time.perf_counter()
        senses = _senses(rehearsal, case)
        sampled = hands.phase_ends or rehearsal.state.tick % FRAME_EVERY == 0
        felt = dataclasses.asdict(senses)
        where = ", ".join(f"{called} at {place:.0f} mm" for called, place in senses.tip_mm.items())
        recorder.tick(rehearsal, command, report, phase=hands.phase, sampled=sampled, events=hands.events, senses=felt)
        tell(0.03 + 0.97 * hands.share, f"{hands.phase}; {where}")
    tell(1.0, "")
    return first or time.perf_counter()


def _senses(rehearsal: Rehearsal, case: Case) -> Senses:
    assert case.over is not None
    return sense(rehearsal.model, rehearsal.solver, rehearsal.state, case.over.way(case.path))


def _felt(rehearsal: Rehearsal, case: Case, senses: Senses) -> Felt:
    """Where the wire's tip and the middle of all that the catheter bears are."""
    model, state, over = rehearsal.model, rehearsal.state, case.over
    assert over is not None and model.device is not None
    lengths = {opener_called(number, one): bearing_mm(one) for number, one in enumerate(case.stents)}
    lengths |= {one.name: one.balloon.length_mm for one in case.dilations}
    course = model.device.course(CATHETER, Pose(state.device_position + model.origin, state.device_rotation))
    points = course.at(1e-3 * np.array([over.middle_mm(length) for length in lengths.values()]))
    middles = stations_of(over.way(case.path), 1e3 * points)
    return Felt(senses, dict(zip(lengths, middles.tolist(), strict=True)))
