"""A live session: the engine's own thread, in which time passes tick by tick while hands work; it knows no window.

Windows read `latest`, one object that is never changed once it is there, so nobody waits for anybody: the thread makes the next
snapshot while the last is looked at.
"""

import copy
import dataclasses
import math
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from meshing.errors import InputError
from scenarios.balloon_shape import BalloonShape, balloon_shape
from scenarios.passage.senses import sense
from scenarios.recording import Recorder
from scenarios.rehearsal import FRAME_EVERY, Rehearsal
from sim.body import ModelError
from sim.grips import Grips
from sim.readings import first_principal_stress
from sim.solvers.settings import DivergedError
from sim.state import State
from viewer.room.bus import Bus
from viewer.room.hands import Hands, Injection
from viewer.room.inflating import Inflating
from viewer.room.lumen_gauge import LumenGauge
from viewer.room.probing import Touched
from viewer.room.pushing import Felt, senses_row
from viewer.room.withdrawal import Drawn

IDLE_S = 0.01
SHEATH_SENSES = ("drawn_mm", "out_mm", "speed_mm_s")


@dataclasses.dataclass(frozen=True, eq=False)
class Snapshot:
    """What is to be seen after a tick; lengths in millimetres of the patient.

    Attributes
    ----------
    tick, time_s, phase
        When.
    wall_s
        How long the tick took on the clock [s]; real time is dt over it.
    vertices, device
        The wall's vertices, shape (n, 3), and the nodes of the stent or of wires, shape (k, 3).
    balloon
        The balloon that is full, or the stent's, folded away.
    stress
        First principal Cauchy stress of each tet [kPa], shape (m,), where it was asked for.
    largest_force_n, whole_force_n
        Of the stent's or the wires' points on the wall: the largest of one, and their sum [N].
    lumen_mm
        Smallest diameter of the lumen at the lesion; not a number in a passage.
    pressure_atm
        In each balloon; empty in a passage.
    sheath
        Where the sheath of a self-expanding stent is; None where there is none.
    wires
        What is known of each wire of a passage; empty where a stent is opened.
    touched
        What the probe holds; None for nothing.
    tool, indeflator
        Which balloon, sheath or wire is in hand, and what a balloon's indeflator does.
    xray_time_s, contrast_ml, injections
        Used until now.
    bookmarks, events
        All of them until now: (time [s], words), and sentences with the time of their tick.
    carm_deg
        Where the C-arm stood last, LAO and CRA [degrees].
    times_back
        How often time has gone back.
    """

    tick: int
    time_s: float
    phase: str
    wall_s: float
    vertices: np.ndarray
    device: np.ndarray
    balloon: BalloonShape
    stress: np.ndarray | None
    largest_force_n: float
    whole_force_n: float
    lumen_mm: float
    pressure_atm: dict[str, float]
    sheath: Drawn | None
    wires: tuple[Felt, ...]
    touched: Touched | None
    tool: str
    indeflator: str
    xray_time_s: float
    contrast_ml: float
    injections: tuple[Injection, ...]
    bookmarks: tuple[tuple[float, str], ...]
    events: tuple[tuple[float, str], ...]
    carm_deg: tuple[float, float]
    times_back: int

    @property
    def sheath_mm(self) -> float | None:
        """How far the stent's sheath has been drawn back; None where it has none."""
        return None if self.sheath is None else self.sheath.drawn_mm


@dataclasses.dataclass(frozen=True, eq=False)
class Mark:
    """A moment that time can go back to: the end of a tick, with all that changes, and forces on the wall [N], as they were."""

    words: str
    state: State
    hands: Hands
    events: tuple[tuple[float, str], ...]
    forces: np.ndarray
    wires: tuple[Felt, ...]


class Session:
    """A rehearsal under way.

    Attributes
    ----------
    bus
        Where everything that is done comes in.
    latest
        The last snapshot.
    folder
        Where it is recorded; None for nowhere.
    grips
        Where a probe may hold the wall.
    error
        Why it stopped, in a sentence; None while it has not, or was asked to.
    wants_stress
        Whether snapshots are to hold the stress, which takes a while on a large mesh.
    """

    def __init__(
        self, rehearsal: Rehearsal, recorder: Recorder | None = None, *, bus: Bus | None = None, pace: float = 1.0
    ) -> None:
        """Take a rehearsal before its first tick.

        pace: simulated seconds a second at most; `math.inf` for as fast as the engine goes.
        """
        self.rehearsal, self.recorder, self.pace = rehearsal, recorder, pace
        self.bus = bus or Bus()
        self.hands = Hands(rehearsal.case)
        self.gauge = LumenGauge(rehearsal.case) if isinstance(self.hands.work, Inflating) else None
        self.folder = recorder.folder if recorder is not None else None
        self.grips = Grips(rehearsal.body)
        self.error: str | None = None
        self.wants_stress = False
        self._events: list[tuple[float, str]] = []
        self._began = time.perf_counter()
        self._first_tick_s = 0.0
        self._was_moving = False
        self._times_back = 0
        self._marks = [self._mark("the beginning", np.zeros(0))]
        self._back: tuple[str, bool] | None = None
        self._thread: threading.Thread | None = None
        self._is_running, self._steps, self._is_stopping = threading.Event(), 0, threading.Event()
        self.latest = self._snapshot(wall_s=rehearsal.dt, forces=np.zeros(0))

    # --- from any thread --------------------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """Whether time passes."""
        return self._is_running.is_set() and self.is_alive

    @property
    def is_alive(self) -> bool:
        """Whether time can still pass."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, *, running: bool = False) -> None:
        """Start the engine's thread; time stands still unless it is to run."""
        if running:
            self._is_running.set()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def run(self) -> None:
        """Let time pass."""
        self._is_running.set()

    def pause(self) -> None:
        """Let time stand still after the tick that is under way."""
        self._is_running.clear()

    def step(self) -> None:
        """Let one tick pass while time stands still."""
        self._steps += 1

    def go_back(self, actor: str, *, to_beginning: bool = False) -> None:
        """Go back to the last bookmark, or to the beginning, after the tick that is under way; time then stands still.

        What is undone stays on disk, and a new recording goes on from there. An engine that an error stopped is started anew.
        """
        self.pause()
        if self.is_alive or self._thread is None or self._is_stopping.is_set():
            self._back = (actor, to_beginning)
            return
        self._return(actor, to_beginning=to_beginning)
        self.error = None
        self.start()

    def stop(self, *, timeout_s: float | None = None) -> bool:
        """End the session after the tick that is under way and complete its recording; whether it has ended by then."""
        self._is_stopping.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                return False
        self._finish()
        return True

    # --- in the engine's thread -------------------------------------------------------------------------------------

    def advance(self) -> Snapshot:
        """Let one tick pass in this thread: take what was done, ask the engine, record, and publish.

        Raises
        ------
        DivergedError
            If the tick cannot be finished.
        InputError
            If something was done that there is not.
        """
        began = time.perf_counter()
        rehearsal, dt = self.rehearsal, self.rehearsal.dt
        now_s = rehearsal.time_s
        done = self.bus.take(now_s)
        last_phase, last = self.hands.work.phase, self.latest
        for event in done:
            self.hands.take(event)
        self._check_probe()
        command, told = self.hands.advance(now_s, dt)
        command, report = rehearsal.advance(command)
        self._events += [(rehearsal.time_s, sentence) for sentence in told]
        forces = rehearsal.solver.contact_readings()[0]
        snapshot = self._snapshot(wall_s=time.perf_counter() - began, forces=forces)
        if self.recorder is not None:
            moves = (snapshot.pressure_atm, snapshot.sheath_mm) != (last.pressure_atm, last.sheath_mm)
            is_turning_point = bool(told) or self.hands.work.phase != last_phase or (not moves and self._was_moving)
            self.recorder.tick(
                rehearsal, command, report, phase=self.hands.work.phase,
                sampled=rehearsal.state.tick % FRAME_EVERY == 0 or rehearsal.state.tick == 1 or is_turning_point,
                events=told, senses=_senses(snapshot, done, self.hands.carm_deg),
            )  # fmt: skip
            self._was_moving = moves
        if rehearsal.state.tick == 1:
            self._first_tick_s = time.perf_counter() - self._began
        if any(event.verb == "bookmark" for event in done):
            self._marks.append(self._mark(self.hands.bookmarks[-1][1], forces))
        self.latest = snapshot
        return snapshot

    def _check_probe(self) -> None:
        """Let the probe go of what it cannot hold, and say why."""
        pull = self.hands.probing.pull
        if pull is None:
            return
        try:
            self.grips.grip(pull.vertex, pull.radius)
        except ModelError as error:
            self.hands.probing.pull = None
            self.hands.note(str(error))

    def _mark(self, words: str, forces: np.ndarray) -> Mark:
        return Mark(words, self.rehearsal.state.copy(), copy.deepcopy(self.hands), tuple(self._events), forces, self._felt())

    def _return(self, actor: str, *, to_beginning: bool) -> None:
        """Put state, hands and recording back to a mark; what is held down there is let go of at the next tick."""
        now_s, tick = self.rehearsal.time_s, self.rehearsal.state.tick
        if tick == 0 and self.error is None:
            return
        if to_beginning:
            del self._marks[1:]
        while len(self._marks) > 1 and self._marks[-1].state.tick >= tick and self.error is None:
            self._marks.pop()
        mark = self._marks[-1]
        kept = ""
        if self.recorder is not None:
            self.recorder, kept = self.recorder.branch(mark.state.tick)
        self.rehearsal.go_back(mark.state)
        self.hands, self._events = copy.deepcopy(mark.hands), list(mark.events)
        self.bus.forget()
        self._times_back += 1
        # Commands would differ if a key were still down that nobody holds; the recording has to know that it is not.
        for verb in self.hands.held:
            self.bus.post("room", verb, False)
        self.bus.post(actor, "reset" if to_beginning else "undo")
        words = f"Went back from {now_s:.2f} s to {mark.words}, at {self.rehearsal.time_s:.2f} s"
        self.hands.note(f"{words}; what was undone is kept in '{kept}'." if kept else f"{words}.")
        self.latest = dataclasses.replace(self._snapshot(wall_s=self.rehearsal.dt, forces=mark.forces), wires=mark.wires)

    def _run(self) -> None:
        try:
            due = time.perf_counter()
            while not self._is_stopping.is_set():
                if self._back is not None:
                    (actor, to_beginning), self._back = self._back, None
                    self._steps = 0
                    self._return(actor, to_beginning=to_beginning)
                if not self._is_running.is_set() and self._steps <= 0:
                    self._fill_in_stress()
                    time.sleep(IDLE_S)
                    due = time.perf_counter()
                    continue
                self._steps = max(self._steps - 1, 0)
                self.advance()
                due = max(due + self.rehearsal.dt / self.pace, time.perf_counter() - self.rehearsal.dt)
                self._is_stopping.wait(max(due - time.perf_counter(), 0.0))
        except (DivergedError, InputError, OSError) as error:
            self.error = str(error)
        except Exception as error:
            self.error = f"Something unexpected stopped the engine: {error} ({type(error).__name__})."

    def _fill_in_stress(self) -> None:
        """While time stands still, find the stress of the last snapshot where it is wanted by now."""
        if self.wants_stress and self.latest.stress is None:
            stress = first_principal_stress(self.rehearsal.body, self.rehearsal.state.displacement.to_numpy()) * 1e-3
            self.latest = dataclasses.replace(self.latest, stress=stress)

    def _finish(self) -> None:
        if self.recorder is None:
            return
        if self.rehearsal.state.tick and self.error is None:
            self.recorder.finish(wall_clock_s=time.perf_counter() - self._began, first_tick_s=self._first_tick_s)
        self.recorder.close()
        self.recorder = None

    def _felt(self) -> tuple[Felt, ...]:
        """What is known of a passage's wires now."""
        rehearsal, work = self.rehearsal, self.hands.work
        if isinstance(work, Inflating):
            return ()
        return work.felt(sense(rehearsal.model, rehearsal.solver, rehearsal.state, rehearsal.case.path))

    def _snapshot(self, *, wall_s: float, forces: np.ndarray) -> Snapshot:
        rehearsal, hands = self.rehearsal, self.hands
        state, case = rehearsal.state, rehearsal.case
        displacement = state.displacement.to_numpy()
        vertices = (rehearsal.body.vertices + displacement) * 1e3
        device = (np.asarray(state.device_position) + rehearsal.model.origin) * 1e3
        work, pressures, sheath, indeflator = hands.work, {}, None, ""
        if isinstance(work, Inflating):
            pressures = {name: one.pressure_atm for name, one in work.indeflators.items()}
            sheath = None if work.sheath is None else work.sheath.shown()
            indeflator = work.indeflators[work.tool.name].state if work.tool.balloon else ""
        return Snapshot(
            tick=state.tick,
            time_s=round(rehearsal.time_s, 9),
            phase=work.phase,
            wall_s=wall_s,
            vertices=vertices,
            device=device,
            balloon=balloon_shape(case, vertices, device, pressures),
            stress=first_principal_stress(rehearsal.body, displacement) * 1e-3 if self.wants_stress else None,
            largest_force_n=float(forces.max(initial=0.0)),
            whole_force_n=float(forces.sum()),
            lumen_mm=math.nan if self.gauge is None else self.gauge.diameter_mm(vertices),
            pressure_atm=pressures,
            sheath=sheath,
            wires=self._felt(),
            touched=hands.probing.feel(self.grips, 1e-3 * vertices),
            tool=work.tool.name,
            indeflator=indeflator,
            xray_time_s=hands.xray_time_s,
            contrast_ml=hands.contrast_ml,
            injections=tuple(hands.injections),
            bookmarks=tuple(hands.bookmarks),
            events=tuple(self._events),
            carm_deg=hands.carm_deg,
            times_back=self._times_back,
        )


def run_headless(session: Session, *, until_s: float, tell: Callable[[Snapshot], None] | None = None) -> Snapshot:
    """Let a session pass in this thread until a time [s], without any window or clock, and complete its recording."""
    while session.latest.time_s < until_s - 1e-9:
        session.advance()
        if tell is not None:
            tell(session.latest)
    session.stop()
    return session.latest


def _senses(snapshot: Snapshot, done: list[Any], carm_deg: tuple[float, float]) -> dict[str, Any]:
    """What a recording keeps beside commands and states: what hands did, and what gauges showed."""
    return {
        "hands": [event.row() for event in done],
        **(senses_row(snapshot.wires) if snapshot.wires else {}),
        **({"probe": snapshot.touched.row} if snapshot.touched else {}),
        **({} if snapshot.sheath is None else {name: round(getattr(snapshot.sheath, name), 4) for name in SHEATH_SENSES}),
        "lumen_mm": None if np.isnan(snapshot.lumen_mm) else round(snapshot.lumen_mm, 4),
        "largest_force_n": round(snapshot.largest_force_n, 6),
        "whole_force_n": round(snapshot.whole_force_n, 6),
        "xray_time_s": snapshot.xray_time_s,
        "contrast_ml": round(snapshot.contrast_ml, 6),
        "carm_deg": list(carm_deg),
        "wall_s": round(snapshot.wall_s, 4),
    }
