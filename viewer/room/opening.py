"""From a case to a session that may begin: shape without pressure, engine, recording; and a recording's hands again."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scenarios.case import Case
from scenarios.passage.navigate import FRICTION, rest_of
from scenarios.passage.passage import Passage
from scenarios.recording import Recorder, Recording
from scenarios.rehearsal import Progress, Rehearsal, header_of, unloading_note, without_pressure
from sim import backend
from sim.model import Model
from sim.solvers.settings import Settings
from sim.unloading import Unloaded
from viewer.room.bus import Bus, Event
from viewer.room.session import Session


def open_session(
    case: Case | Passage,
    folder: Path | None,
    *,
    backend_name: str = "auto",
    settings: Settings | None = None,
    unloaded: Unloaded | None = None,
    model: Model | None = None,
    bus: Bus | None = None,
    pace: float = 1.0,
    progress: Progress | None = None,
) -> Session:
    """A session on a case or a passage, before its first tick, that records into a folder as it goes, or nowhere without one.

    Raises
    ------
    InputError
        If the case cannot be simulated as it stands, or the folder holds a recording already.
    """
    tell = progress or (lambda fraction, text: None)
    name = backend.start(backend_name)
    tell(0.0, "shape without blood pressure")
    found = unloaded or _rest(case, lambda part: tell(0.8 * part, "shape without blood pressure"))
    is_passage = isinstance(case, Passage)
    unloading = () if is_passage and case.rigid else (unloading_note(case, found),)
    case = dataclasses.replace(case, notes=(*case.notes, *unloading, "The procedure was done by hand."))
    tell(0.8, "engine")
    chosen = settings or (Settings(friction=FRICTION) if is_passage else Settings())
    rehearsal = Rehearsal(case, body=found.body, displacement=found.displacement, settings=chosen, model=model)
    recorder = None
    if folder is not None:
        header = header_of(case, rehearsal, name, unloading_error_mm=found.error * 1e3)
        header["run"] |= {"done": "by hand"}
        if isinstance(case, Case):
            header["run"] |= {"device": case.device.name, "station_mm": case.station_mm}
        recorder = Recorder.start(folder, case, header, body=found.body, displacement=found.displacement)
    tell(1.0, "")
    return Session(rehearsal, recorder, bus=bus, pace=pace)


def _rest(case: Case | Passage, tell: Callable[[float], None]) -> Unloaded:
    return rest_of(case, tell) if isinstance(case, Passage) else without_pressure(case, progress=tell)


def hands_of(recording: Recording | Any) -> list[Event]:
    """What hands did in a recording, to be posted again; none where it was not done by hand."""
    rows = (row for tick in recording.ticks for row in tick.get("senses", {}).get("hands", ()))
    return [Event.of_row(row) for row in rows]
