"""The room's desk: what is done at it and what it shows, whoever draws it: a window on a desktop, or a page in a browser.

It looks at the session's latest snapshot, posts what hands do on the bus, and waits for nothing that computes.
"""

import dataclasses
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from meshing.errors import InputError
from viewer.room.actions import ACTIONS
from viewer.room.beam_process import GONE, READY, BeamProcess
from viewer.room.bindings import Bindings
from viewer.room.cine import CineRun
from viewer.room.gamepad import Gamepad, open_gamepad
from viewer.room.gauges import level_of
from viewer.room.monitor import PULSES_PER_S, Mode, Request, carm_of, preset_view, pulses_in, turned
from viewer.room.session import Session, Snapshot
from viewer.slices.deck import Deck
from viewer.slices.volumes import Volume

TURN_DEG_S = 20.0
TURNS = {"carm_lao": (1.0, 0.0), "carm_rao": (-1.0, 0.0), "carm_cra": (0.0, 1.0), "carm_cau": (0.0, -1.0)}
SCROLL_MM_S = 12.0
SCROLLS = {"slices_on": 1.0, "slices_back": -1.0}
NOTCH_MM = 1.0
"""How far the slices go at a press, and at a notch of the wheel."""

LONGEST_TURN_S = 0.1
"""A host that was held up turns the C-arm, and moves the slices, by no more than this much time is worth [s]."""

MODE_WORDS = {
    "plan": "Time has not begun: choose views, look about.",
    "rehearse": "Everything is to be seen.",
    "exam": "As in the room: the X-ray picture and the gauge alone.",
    "plain": "For a small or slow machine: one picture, the tray and the figures; nothing is drawn in 3-D.",
    "review": "End the procedure and look at its recording.",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Shown:
    """A picture on a monitor: grey values, shape (n, n), uint8; the angles; and what it is."""

    grey: np.ndarray
    label: str
    words: str


class Desk:
    """One session, and the X-ray monitor's process beside it.

    Attributes
    ----------
    mode
        "plan" before time begins, "rehearse", "exam", in which the true shape and its figures are hidden, or "plain", in which
        the true shape is not drawn.
    live, reference
        What the two monitors show; None while that is nothing.
    is_on
        Whether X-rays are on.
    carm_deg, beam_mode
        Where the C-arm stands, LAO and CRA [degrees], and what is made of its pictures.
    dose_gy_cm2
        Dose-area product until now, an estimate [Gy·cm²].
    speed
        Simulated seconds a second; None while time stands still.
    course
        Times [s], levels (see `viewer.room.gauges.level_of`) and X-ray times [s] of the ticks that were seen.
    deck, shows_slices
        The slices through the image, and whether they are looked at instead of the 3-D view.
    words, is_alarm
        The sentence at the foot, and whether it says that something went wrong.
    is_ending, wants_review
        Whether the room closes, and whether its recording is to be looked at then.
    """

    def __init__(
        self,
        session: Session,
        bindings: Bindings,
        *,
        see: Callable[[str], None],
        beam: BeamProcess | None = None,
        gamepad: Gamepad | None = None,
        volume: Volume | None = None,
    ) -> None:
        """see: the host's way to do what is of sight alone; volume: what lies behind the outlines of the slices."""
        self.session, self.bindings = session, bindings
        self.case: Any = session.rehearsal.case
        self.beam = beam or BeamProcess(self.case)
        self.deck, self.shows_slices = Deck(self.case, volume), False
        self._see, self._gamepad = see, gamepad or open_gamepad(bindings)
        self.mode, self.wants_review, self.is_ending = "plan", False, False
        self.carm_deg, self.beam_mode = (0.0, 0.0), "live"
        self.live: Shown | None = None
        self.reference: Shown | None = None
        self.is_on, self.is_alarm = False, False
        self.speed: float | None = None
        self.dose_gy_cm2 = 0.0
        self.course: dict[str, list[float]] = {"times": [], "levels": [], "xrays": []}
        self.words, self._is_passing = what_lies_ahead(session), False
        self._doses: list[float] = []
        self._run: CineRun | None = None
        self._runs, self._loops, self._looped_at = 0, False, 0.0
        self._asked_deg, self._told = self.carm_deg, ""
        self._down: set[str] = set()
        self._seen: Snapshot | None = None
        self._dose_of_pulse, self._pulses = 0.0, 0
        now = time.perf_counter()
        self._asked_at, self._ticked_at, self._turned_at = 0.0, now, now

    # --- what hands do ----------------------------------------------------------------------------------------------

    def do(self, verb: str, value: Any = True, *, actor: str = "keyboard") -> None:
        """Do one thing, whoever asks; what acts on the patient goes through the bus."""
        if self.is_ending:
            return
        if verb == "mode":
            self._change_mode(value)
            return
        if verb == "touch":
            self._touch(value, actor)
            return
        action = ACTIONS[verb]
        if action.is_held:
            (self._down.add if value else self._down.discard)(verb)
        if action.where == "sight":
            self._do_sight(verb, value)
            return
        if verb in ("undo", "reset"):
            self._go_back(verb, actor)
            return
        # What is done to time and C-arm changes nothing in the patient; the recording keeps that it was done.
        self.session.bus.post(actor, verb, value)
        if action.where == "time":
            self._do_time(verb)
        elif action.where == "beam":
            self._do_beam(verb, value, actor)
        elif verb == "cine":
            self._run_cine(begins=bool(value))
        elif value and not self.session.is_running:
            self.say("Time stands still; what hands do counts from the next tick.", passing=True)

    @property
    def shows_shape(self) -> bool:
        """Whether the 3-D view or the slices are seen."""
        return self.mode not in ("exam", "plain")

    @property
    def holds_any(self) -> bool:
        """Whether anything that lasts while it is held is held."""
        return bool(self._down)

    def is_down(self, verb: str) -> bool:
        """Whether something that lasts while it is held is held."""
        return verb in self._down

    def let_go(self, *, actor: str = "keyboard") -> None:
        """End everything that is held down, as when a window is left."""
        for verb in sorted(self._down):
            self.do(verb, False, actor=actor)

    def say(self, words: str, *, passing: bool = False) -> None:
        """Say something at the foot; what is passing goes with the next tick."""
        if not self.is_alarm:
            self.words, self._is_passing = words, passing

    def end(self, *, timeout_s: float | None = 0.0) -> bool:
        """End the session after the tick that is under way; whether it has ended by then."""
        if not self.is_ending:
            self.is_ending = True
            self.say("The tick under way is finished, then the recording is closed.")
        if not self.session.stop(timeout_s=timeout_s):
            return False
        self.beam.close()
        if self._gamepad is not None:
            self._gamepad.close()
        return True

    def _take_gamepad(self) -> None:
        if self._gamepad is None:
            return
        for verb, is_down in self._gamepad.poll():
            if is_down or ACTIONS[verb].is_held:
                self.do(verb, is_down, actor="gamepad")
        if self._gamepad.is_lost:
            self._gamepad.is_lost = False
            if self.session.is_running:
                self.do("pause", actor="gamepad")
                self.say(f"The gamepad was pulled out, so time stands still; {self.bindings.printed('pause')} lets it go on.")
            else:
                self.say("The gamepad was pulled out.")

    def _touch(self, value: Any, actor: str) -> None:
        """Have the probe hold the wall, or let it go."""
        (self._down.discard if value is False else self._down.add)("touch")
        self.session.bus.post(actor, "touch", value)
        if not self.session.is_running:
            self.say("Time stands still; what hands do counts from the next tick.", passing=True)

    def _change_mode(self, mode: str) -> None:
        if mode == "review":
            self.wants_review = True
            self.end()
        elif mode == "plan" and self.session.latest.tick:
            self.say("Time has begun; planning is over.")
        else:
            if self.session.latest.tick:
                self.session.bus.post("room", "bookmark", f"{mode} mode")
            self.mode = mode

    def _run_cine(self, *, begins: bool) -> None:
        """Begin a run, or show the one that ended as a loop beside the live picture."""
        if begins:
            self._runs += 1
            self._run, self._loops = CineRun(self._runs), False
        elif self._run is not None and self._run.kept:
            self._loops, self._looped_at = True, time.perf_counter()
            seconds = self._run.pulse_count / PULSES_PER_S
            self.say(f"Cine run {self._run.number}, {seconds:.1f} s; {self.bindings.printed('save_cine')} writes it.")
        else:
            self._run = None

    def _write_cine(self) -> None:
        """Write the last run in a thread of its own, which takes some seconds."""
        run, folder = self._run, self.session.folder
        if run is None or not run.kept or "cine" in self._down:
            self.say(f"There is no cine run to write; hold {self.bindings.printed('cine')} for one.")
            return
        if folder is None:
            self.say("Nothing is recorded, so there is no folder to write the cine run to.")
            return

        def write() -> None:
            try:
                files = run.write(folder, carm_of(self.case), description=f"{self.case.name}, cine {run.number}")
                self._told = f"Written to {folder}: {', '.join(file.name for file in files)}."
            except (InputError, OSError) as error:
                self._told = str(error)

        self.say(f"Cine run {run.number} is being written.")
        threading.Thread(target=write, name="cine").start()

    def _do_sight(self, verb: str, value: Any) -> None:
        if verb == "slices":
            self.shows_slices = not self.shows_slices
        elif verb in SCROLLS:
            if value and self.shows_slices:
                self.deck.scroll(NOTCH_MM * SCROLLS[verb], self.session.latest)
            return
        elif verb == "look_again" and self.shows_slices:
            self.deck.follow()
            return
        self._see(verb)

    def wheel(self, name: str, notches: float, *, zooms: bool) -> None:
        """Turn the wheel over one of the slices: it moves along its normal, or all of them show a wider or narrower field."""
        if zooms:
            self.deck.zoom(1.15**-notches)
        else:
            self.deck.scroll_one(name, NOTCH_MM * notches, self.session.latest)

    def _do_time(self, verb: str) -> None:
        if verb == "step":
            self.session.step()
        elif self.session.is_running:
            self.session.pause()
        else:
            self.session.run()
        if self.mode == "plan":
            self.mode = "rehearse"

    def _go_back(self, verb: str, actor: str) -> None:
        if self.mode == "exam":
            self.say("An exam goes one way; choose another mode to go back.")
        elif not self.session.latest.tick:
            self.say("Time has not begun; there is nothing to undo.")
        else:
            self.let_go(actor=actor)
            self.is_alarm = False
            self.session.go_back(actor, to_beginning=verb == "reset")
            self.say("Time goes back when the tick under way is finished.")

    def _do_beam(self, verb: str, value: Any, actor: str) -> None:
        if verb.startswith("view_"):
            self.carm_deg = preset_view(self.case, int(verb[5:]), near=self.carm_deg)
            self.session.bus.post(actor, "carm", self.carm_deg)
        elif verb in TURNS and not value:
            self.carm_deg = (float(round(self.carm_deg[0])), float(round(self.carm_deg[1])))
            self.session.bus.post(actor, "carm", self.carm_deg)
        elif verb == "save_reference":
            if self.live is None:
                self.say("There is no picture to keep yet; hold the X-ray pedal first.")
            else:
                self.reference = dataclasses.replace(self.live, words="reference")
                self._loops = False
        elif verb == "save_cine":
            self._write_cine()
        elif verb == "subtract":
            self.beam_mode = "live" if self.beam_mode == "subtracted" else "subtracted"
        elif verb == "roadmap":
            after = {"roadmap begins": "roadmap", "roadmap": "live"}
            self.beam_mode = after.get(self.beam_mode, "roadmap begins")

    # --- what is seen -----------------------------------------------------------------------------------------------

    def refresh(self) -> Snapshot | None:
        """Take up the latest of everything; called many times a second, and quick; gives the snapshot if it is a new one."""
        snapshot, session = self.session.latest, self.session
        last, self._seen = self._seen, snapshot
        if self.mode == "plan" and snapshot.tick:
            self.mode = "rehearse"
        if snapshot is not last:
            self._take_up(snapshot, last)
        is_running = session.is_running
        elapsed = time.perf_counter() - self._ticked_at
        # A tick that takes long tells so before it ends.
        dt = session.rehearsal.dt
        self.speed = dt / max(snapshot.wall_s, elapsed, dt) if is_running else None
        self._take_gamepad()
        self._turn()
        self._take_picture(snapshot)
        self._loop()
        if self._told:
            self.say(self._told)
            self._told = ""
        if session.error and not self.is_alarm:
            self.say(f"{session.error} What was recorded is kept.")
            self.is_alarm = True
        return None if snapshot is last else snapshot

    def _loop(self) -> None:
        """Show the last run on the reference monitor, again and again."""
        if not self._loops or self._run is None:
            return
        kept = self._run.at(time.perf_counter() - self._looped_at)
        if self.reference is None or self.reference.grey is not kept.grey:
            self.reference = Shown(kept.grey, kept.label, f"cine {self._run.number}, {kept.pulse / PULSES_PER_S:.2f} s")

    @property
    def waits_for(self) -> str:
        """What stands on the live monitor before its first picture."""
        if self.beam.state not in (READY, GONE):
            return ""
        return self.beam.error or f"Hold {self.bindings.printed('xray')} for X-rays"

    def _take_up(self, snapshot: Snapshot, last: Snapshot | None) -> None:
        self._ticked_at = time.perf_counter()
        went_back = last is not None and snapshot.times_back != last.times_back
        if went_back:
            self._go_back_with(snapshot)
        pulses = pulses_in(snapshot.xray_time_s)
        self.dose_gy_cm2 += (pulses - self._pulses) * self._dose_of_pulse
        self._pulses = pulses
        is_new = last is None or went_back or snapshot.tick != last.tick
        if is_new:
            row = (snapshot.time_s, level_of(snapshot), snapshot.xray_time_s)
            for values, value in zip(self.course.values(), row, strict=True):
                values.append(value)
            self._doses.append(self.dose_gy_cm2)
        if snapshot.events and (last is None or len(last.events) < len(snapshot.events)):
            self.say(snapshot.events[-1][1])
        elif is_new and not went_back and self._is_passing:
            self.say("")

    def _go_back_with(self, snapshot: Snapshot) -> None:
        """Forget the course, the dose and the C-arm's way since the moment that time went back to."""
        left = sum(time_s < snapshot.time_s - 1e-9 for time_s in self.course["times"])
        for values in (*self.course.values(), self._doses):
            del values[left:]
        self.dose_gy_cm2 = self._doses[-1] if self._doses else 0.0
        self._pulses = pulses_in(self.course["xrays"][-1]) if self._doses else 0
        self.carm_deg = snapshot.carm_deg
        self.say(f"Time went back to {snapshot.time_s:.2f} s and stands still.")

    def _turn(self) -> None:
        """Turn the C-arm and move the slices for as long as their keys have been held."""
        now = time.perf_counter()
        elapsed, self._turned_at = min(now - self._turned_at, LONGEST_TURN_S), now
        ways = [TURNS[name] for name in self._down & set(TURNS)]
        if ways:
            by = TURN_DEG_S * elapsed
            self.carm_deg = turned(self.carm_deg, by * sum(way[0] for way in ways), by * sum(way[1] for way in ways))
        scroll = sum(SCROLLS[name] for name in self._down & set(SCROLLS))
        if scroll and self.shows_slices:
            self.deck.scroll(SCROLL_MM_S * elapsed * scroll, self.session.latest)

    def _take_picture(self, snapshot: Snapshot) -> None:
        """While the pedal is down and time runs, or before it has begun, ask for a picture at every pulse."""
        picture = self.beam.take()
        pedals = self._down & {"xray", "cine"}
        if picture is not None:
            self._dose_of_pulse = 1e-6 * picture.dap_ugy_cm2
            is_kept = self._run is not None and "cine" in self._down
            words = f"cine {self._runs}, {picture.words}" if is_kept else picture.words
            self.live = Shown(picture.grey, picture.label, f"{words}, {picture.time_s:.2f} s")
            if is_kept and self._run is not None:
                self._run.add(picture.time_s, picture.grey, picture.label, self._asked_deg)
        may = self.session.is_running or not snapshot.tick
        self.is_on = bool(pedals) and may and self.beam.state != GONE
        if pedals and not may:
            self.say("Time stands still, and the X-rays with it.", passing=True)
        now = time.perf_counter()
        if not self.is_on or self.beam.state != READY or now - self._asked_at < 0.9 / PULSES_PER_S:
            return
        mode: Mode = self.beam_mode  # pyright: ignore[reportAssignmentType]
        request = Request(
            snapshot.vertices, snapshot.device, snapshot.balloon, snapshot.time_s, snapshot.injections,
            *self.carm_deg, mode=mode, moving=bool(self._down & set(TURNS)),
            is_kept="cine" in self._down, sheath_mm=snapshot.sheath_mm,
        )  # fmt: skip
        if self.beam.ask(request):
            self._asked_at, self._asked_deg = now, self.carm_deg


def what_lies_ahead(session: Session) -> str:
    """The case in a sentence, for whoever plans."""
    gauge, width = session.gauge, session.latest.lumen_mm
    case: Any = session.rehearsal.case
    if gauge is None:
        lesion = case.lesion_mm
        where = f"; the lesion lies {lesion[0]:.0f} to {lesion[1]:.0f} mm along it" if lesion else ""
        return f"The way is {case.path.length:.0f} mm long{where}. The wall is {'held rigid' if case.rigid else 'soft'}."
    words = f"The lumen is {width:.2f} mm wide at its narrowest, {gauge.station_mm:.1f} mm along the centreline"
    if gauge.reference_mm:
        words += f", where {gauge.reference_mm:.2f} mm would be healthy"
    place = "lies" if case.sheathed is None else "lies in its sheath"
    return f"{words}; {case.device.name} {place} at {case.station_mm:.1f} mm."
