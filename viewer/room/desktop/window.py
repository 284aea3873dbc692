"""The room's window: it looks at the latest snapshot and posts what hands do, and waits for nothing that computes."""

import time
from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from scenarios.limits import LIMITS_OF_USE
from viewer.room import theme
from viewer.room.actions import ACTIONS
from viewer.room.beam_process import GONE, READY, BeamProcess
from viewer.room.bindings import Bindings
from viewer.room.desktop.keyboard import Keyboard
from viewer.room.desktop.painted import Screen, Timeline
from viewer.room.desktop.panels import GaugePanel, ToolPanel, TopBar, XrayPanel
from viewer.room.desktop.view import View
from viewer.room.monitor import PULSES_PER_S, Mode, Request, preset_view, pulses_in, turned
from viewer.room.session import Session
from viewer.xray.carm import view_label

FRAME_MS = 33
TURN_DEG_S = 20.0
TURNS = {"carm_lao": (1.0, 0.0), "carm_rao": (-1.0, 0.0), "carm_cra": (0.0, 1.0), "carm_cau": (0.0, -1.0)}


class RoomWindow(QtWidgets.QMainWindow):
    """One session, and the X-ray monitor's process beside it.

    Attributes
    ----------
    wants_review
        Whether the person asked to look at the recording when the room closes.
    """

    def __init__(self, session: Session, bindings: Bindings, *, beam: BeamProcess | None = None) -> None:
        super().__init__()
        self.session, self.bindings = session, bindings
        self.case = session.rehearsal.case
        self.beam = beam or BeamProcess(self.case)
        self.mode, self.wants_review = "plan", False
        self.carm_deg, self.beam_mode = (0.0, 0.0), "live"
        self._keyboard = Keyboard(bindings)
        self._down: set[str] = set()
        self._shown: Any = None
        self._dap, self._dap_of_pulse, self._pulses = 0.0, 0.0, 0
        self._asked_at, self._ticked_at = 0.0, time.perf_counter()
        self._course: dict[str, list[float]] = {"times": [], "pressures": [], "xrays": []}
        self._is_closing, self._is_passing = False, False
        self.setWindowTitle(f"Vesalius – {self.case.name} – {LIMITS_OF_USE}")
        self._build()
        self.set_mode("plan")
        self._timer = QtCore.QTimer(self)
        self._timer.timeout.connect(self.refresh)
        self._timer.start(FRAME_MS)
        application = QtWidgets.QApplication.instance()
        assert application is not None
        application.installEventFilter(self)
        self.refresh()
        self._say(_what_lies_ahead(session))

    # --- what is where ----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.bar = TopBar(self.case.name, self.bindings)
        self.live = Screen("", is_large=True)
        self.reference = Screen("reference picture", is_large=False)
        self.xray = XrayPanel(self.bindings)
        self.view = View(self.case, self.bindings)
        self.tools = ToolPanel(self.session.hands.tools, self.bindings)
        self.gauges = GaugePanel(self.session.gauge.reference_mm)
        self.timeline = Timeline(can_choose=False)
        for panel in (self.bar, self.xray, self.view, self.tools):
            panel.did.connect(self.do_by_mouse)
        below = QtWidgets.QHBoxLayout()
        below.addWidget(self.reference, 10)
        below.addWidget(self.xray, 13)
        monitors = QtWidgets.QVBoxLayout()
        monitors.addWidget(self.live, 29)
        monitors.addLayout(below, 13)
        aside = QtWidgets.QVBoxLayout()
        aside.addWidget(self.tools, 3)
        aside.addWidget(self.gauges, 0)
        middle = QtWidgets.QHBoxLayout()
        middle.addLayout(monitors, 47)
        middle.addWidget(self.view, 50)
        middle.addLayout(aside, 24)
        foot = QtWidgets.QHBoxLayout()
        self.message = QtWidgets.QLabel("")
        self.message.setObjectName("foot")
        limits = QtWidgets.QLabel(LIMITS_OF_USE)
        limits.setObjectName("limits")
        foot.addWidget(self.message, 1)
        foot.addWidget(limits)
        whole = QtWidgets.QVBoxLayout()
        whole.addWidget(self.bar)
        whole.addLayout(middle, 1)
        whole.addWidget(self.timeline)
        whole.addLayout(foot)
        for layout in (below, monitors, aside, middle, whole):
            layout.setSpacing(5)
            layout.setContentsMargins(0, 0, 0, 0)
        whole.setContentsMargins(6, 4, 6, 4)
        centre = QtWidgets.QWidget()
        centre.setLayout(whole)
        self.setCentralWidget(centre)
        self._middle, self._monitors, self._below = middle, monitors, below
        self.setMinimumSize(1100, 700)
        self.resize(1280, 800)

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        """Let type grow with the window."""
        scale = min(max(min(self.width() / 1280.0, self.height() / 800.0), 1.0), 3.0)
        for painted in (self.live, self.reference, self.tools.dial, self.timeline):
            painted.scale = scale
        self.timeline.setFixedHeight(round(58 * scale))
        self.view.stage.text_scale = scale
        self.setStyleSheet(theme.style_sheet(scale))
        super().resizeEvent(event)

    def set_mode(self, mode: str) -> None:
        """Plan, rehearse, or exam, in which the true shape and its figures are hidden."""
        self.mode = mode
        for one in (self.view, self.gauges):
            one.setVisible(mode != "exam")
        is_exam = mode == "exam"
        # Without the 3-D view the live picture takes the height of the window, and what lay below it moves to its side.
        directions = QtWidgets.QBoxLayout.Direction
        self._monitors.setDirection(directions.LeftToRight if is_exam else directions.TopToBottom)
        self._below.setDirection(directions.TopToBottom if is_exam else directions.LeftToRight)
        for number, stretch in enumerate((97, 0, 24) if is_exam else (47, 50, 24)):
            self._middle.setStretch(number, stretch)
        self.bar.show_mode(mode)

    # --- what hands do ----------------------------------------------------------------------------------------------

    def do_by_mouse(self, verb: str, value: Any) -> None:
        """Do what was pressed in a panel."""
        self.do(verb, value, actor="mouse")

    def do(self, verb: str, value: Any = True, *, actor: str = "keyboard") -> None:
        """Do one thing, whoever asks; what acts on the patient goes through the bus."""
        if self._is_closing:
            return
        if verb == "mode":
            self._change_mode(value)
            return
        action = ACTIONS[verb]
        if action.is_held:
            (self._down.add if value else self._down.discard)(verb)
        if action.where in ("time", "beam"):
            # These change nothing in the patient; the recording keeps that they were done.
            self.session.bus.post(actor, verb, value)
        if action.where == "sight":
            self.view.do(verb)
            self.session.wants_stress = self.view.stage.shows_stress
        elif action.where == "time":
            self._do_time(verb)
        elif action.where == "beam":
            self._do_beam(verb, value, actor)
        else:
            self.session.bus.post(actor, verb, value)
            if value and not self.session.is_running:
                self._say("Time stands still; what hands do counts from the next tick.", passing=True)

    def _change_mode(self, mode: str) -> None:
        if mode == "review":
            self.wants_review = True
            self.close()
        elif mode == "plan" and self.session.latest.tick:
            self.bar.show_mode(self.mode)
            self._say("Time has begun; planning is over.")
        else:
            self.session.bus.post("room", "bookmark", f"{mode} mode") if self.session.latest.tick else None
            self.set_mode(mode)

    def _do_time(self, verb: str) -> None:
        if verb == "step":
            self.session.step()
        elif self.session.is_running:
            self.session.pause()
        else:
            self.session.run()
        if self.mode == "plan":
            self.set_mode("rehearse")

    def _do_beam(self, verb: str, value: Any, actor: str) -> None:
        if verb.startswith("view_"):
            self.carm_deg = preset_view(self.case, int(verb[5:]), near=self.carm_deg)
            self.session.bus.post(actor, "carm", self.carm_deg)
        elif verb in TURNS and not value:
            self.carm_deg = (float(round(self.carm_deg[0])), float(round(self.carm_deg[1])))
            self.session.bus.post(actor, "carm", self.carm_deg)
        elif verb == "save_reference":
            if not self.reference.take_over(self.live):
                self._say("There is no picture to keep yet; hold the X-ray pedal first.")
        elif verb == "subtract":
            self.beam_mode = "live" if self.beam_mode == "subtracted" else "subtracted"
        elif verb == "roadmap":
            after = {"roadmap begins": "roadmap", "roadmap": "live"}
            self.beam_mode = after.get(self.beam_mode, "roadmap begins")
        self.xray.roadmap.setChecked(self.beam_mode.startswith("roadmap"))
        self.xray.subtract.setChecked(self.beam_mode == "subtracted")

    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:
        """Take the room's keys wherever the pointer is; let go of all when the window is left."""
        kind = event.type()
        if kind == QtCore.QEvent.Type.WindowDeactivate and watched is self:
            for action in self._keyboard.let_go():
                self._end(action)
        if isinstance(event, QtGui.QKeyEvent) and QtWidgets.QApplication.activeWindow() is self:
            if kind == QtCore.QEvent.Type.ShortcutOverride and self._keyboard.knows(event):
                event.accept()
                return True
            if kind == QtCore.QEvent.Type.KeyPress and self._keyboard.knows(event):
                action = self._keyboard.press(event)
                if action is not None:
                    self.do(action)
                return True
            if kind == QtCore.QEvent.Type.KeyRelease:
                action = self._keyboard.release(event)
                if action is not None:
                    self._end(action)
                    return True
        return super().eventFilter(watched, event)

    def _end(self, action: str) -> None:
        if ACTIONS[action].is_held:
            self.do(action, False)

    # --- what is seen -----------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the latest of everything; called many times a second, and quick."""
        if self._is_closing:
            if not self.session.is_alive:
                self.close()
            return
        snapshot, session = self.session.latest, self.session
        if self.mode == "plan" and snapshot.tick:
            self.set_mode("rehearse")
        if snapshot is not self._shown:
            self._show(snapshot)
        elapsed = time.perf_counter() - self._ticked_at
        # A tick that takes long tells so before it ends.
        speed = session.rehearsal.dt / max(snapshot.wall_s, elapsed if session.is_running else 0.0, session.rehearsal.dt)
        is_running = session.is_running
        self.bar.show_time(snapshot.time_s, speed if is_running else None, is_running=is_running, has_begun=snapshot.tick > 0)
        self._turn_carm()
        self._take_picture(snapshot)
        if session.error and self.message.objectName() != "alarm":
            self.message.setObjectName("alarm")
            self.setStyleSheet(self.styleSheet())
            self._say(f"{session.error} What was recorded is kept.")

    def _show(self, snapshot: Any) -> None:
        is_new = self._shown is None or snapshot.tick != self._shown.tick
        last, self._shown = self._shown, snapshot
        self._ticked_at = time.perf_counter()
        if self.mode != "exam":
            self.view.show_moment(snapshot)
        tool = next(one for one in self.session.hands.tools if one.name == snapshot.tool)
        self.tools.show(tool, snapshot.pressure_atm[tool.name], snapshot.indeflator)
        self.gauges.show(snapshot)
        pulses = pulses_in(snapshot.xray_time_s)
        self._dap += (pulses - self._pulses) * self._dap_of_pulse
        self._pulses = pulses
        self.xray.time.set(snapshot.xray_time_s)
        self.xray.dose.set(self._dap * 1e-6)
        self.xray.contrast.set(snapshot.contrast_ml)
        if is_new:
            row = (snapshot.time_s, max(snapshot.pressure_atm.values()), snapshot.xray_time_s)
            for values, value in zip(self._course.values(), row, strict=True):
                values.append(value)
        self.timeline.show_course(snapshot.time_s, events=snapshot.events, bookmarks=snapshot.bookmarks, **self._course)
        if snapshot.events and (last is None or len(last.events) < len(snapshot.events)):
            self._say(snapshot.events[-1][1])
        elif is_new and self._is_passing:
            self._say("")

    def _turn_carm(self) -> None:
        ways = [TURNS[name] for name in self._down & set(TURNS)]
        if ways:
            by = TURN_DEG_S * FRAME_MS * 1e-3
            self.carm_deg = turned(self.carm_deg, by * sum(way[0] for way in ways), by * sum(way[1] for way in ways))
        self.xray.angles.setText(view_label(*self.carm_deg))

    def _take_picture(self, snapshot: Any) -> None:
        """While the pedal is down and time runs, or before it has begun, ask for a picture at every pulse."""
        picture = self.beam.take()
        if picture is not None:
            self._dap_of_pulse = picture.dap_ugy_cm2
            self.live.show_grey(picture.grey, picture.label, f"{picture.words}, {picture.time_s:.2f} s")
        if self.live.words == "" and self.beam.state in (READY, GONE):
            self.live._empty = self.beam.error or f"Hold {' or '.join(self.bindings.keys('xray'))} for X-rays"
            self.live.update()
        may = self.session.is_running or not snapshot.tick
        is_on = "xray" in self._down and may and self.beam.state != GONE
        self.live.set_on(is_on)
        if "xray" in self._down and not may:
            self._say("Time stands still, and the X-rays with it.", passing=True)
        now = time.perf_counter()
        if not is_on or self.beam.state != READY or now - self._asked_at < 0.9 / PULSES_PER_S:
            return
        mode: Mode = self.beam_mode  # pyright: ignore[reportAssignmentType]
        request = Request(
            snapshot.vertices, snapshot.device, snapshot.balloon_radius, snapshot.time_s, snapshot.injections,
            *self.carm_deg, mode=mode, moving=bool(self._down & set(TURNS)),
        )  # fmt: skip
        if self.beam.ask(request):
            self._asked_at = now

    def _say(self, words: str, *, passing: bool = False) -> None:
        """Say something below; what is passing goes with the next tick."""
        self.message.setText(words)
        self._is_passing = passing

    # --- the end ----------------------------------------------------------------------------------------------------

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        """End the session without waiting for its tick: the window stays until it is done, and says so."""
        if not self._is_closing:
            self._is_closing = True
            self._say("The tick under way is finished, then the recording is closed.")
        if not self.session.stop(timeout_s=0.0):
            event.ignore()
            return
        self._timer.stop()
        application = QtWidgets.QApplication.instance()
        if application is not None:
            application.removeEventFilter(self)
        self.beam.close()
        self.view.end()
        super().closeEvent(event)


def _what_lies_ahead(session: Session) -> str:
    """The case in a sentence, for whoever plans."""
    gauge, width = session.gauge, session.latest.lumen_mm
    case: Any = session.rehearsal.case
    words = f"The lumen is {width:.2f} mm wide at its narrowest, {gauge.station_mm:.1f} mm along the centreline"
    if gauge.reference_mm:
        words += f", where {gauge.reference_mm:.2f} mm would be healthy"
    return f"{words}; {case.device.name} lies at {case.station_mm:.1f} mm."


def run_room(session: Session, bindings: Bindings) -> bool:
    """Open the window on a session and stay until it is closed; whether the recording is to be looked at then."""
    application = application_of()
    window = RoomWindow(session, bindings)
    window.show()
    session.start()
    application.exec()
    return window.wants_review


def application_of() -> QtWidgets.QApplication:
    """The one application of this process."""
    existing = QtWidgets.QApplication.instance()
    if isinstance(existing, QtWidgets.QApplication):
        return existing
    application = QtWidgets.QApplication(["vesalius"])
    application.setStyle("Fusion")
    return application
