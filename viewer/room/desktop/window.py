"""The room's window on a desktop: it draws what the desk shows, and passes on what hands do."""

from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from scenarios.limits import LIMITS_OF_USE
from viewer.room import theme
from viewer.room.actions import ACTIONS
from viewer.room.beam_process import BeamProcess
from viewer.room.bindings import Bindings
from viewer.room.desk import Desk
from viewer.room.desktop.keyboard import Keyboard
from viewer.room.desktop.painted import Screen, Timeline
from viewer.room.desktop.panels import GaugePanel, TopBar, XrayPanel
from viewer.room.desktop.slices import SlicesView
from viewer.room.desktop.trays import tray_of
from viewer.room.desktop.view import View
from viewer.room.session import Session
from viewer.room.stylus import Stylus
from viewer.slices.planes import NAMES
from viewer.slices.volumes import Volume
from viewer.xray.carm import view_label

FRAME_MS = 33
LEAST_SIZE, PLAIN_SIZE = (1100, 700), (880, 640)
"""The smallest window, and that in the plain mode."""


class RoomWindow(QtWidgets.QMainWindow):
    """The desk as a window."""

    def __init__(
        self, session: Session, bindings: Bindings, *, beam: BeamProcess | None = None, volume: Volume | None = None
    ) -> None:
        super().__init__()
        self.desk = Desk(session, bindings, see=self._see, beam=beam, volume=volume)
        self.session, self.bindings, self.case = session, bindings, self.desk.case
        self._keyboard = Keyboard(bindings)
        self._mode = ""
        self.setWindowTitle(f"Vesalius – {self.case.name} – {LIMITS_OF_USE}")
        self._build()
        self._timer = QtCore.QTimer(self)
        self._timer.timeout.connect(self.refresh)
        self._timer.start(FRAME_MS)
        application = QtWidgets.QApplication.instance()
        assert application is not None
        application.installEventFilter(self)
        self.refresh()

    # --- what is where ----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.bar = TopBar(self.case.name, self.bindings)
        self.live = Screen(is_large=True)
        self.reference = Screen(is_large=False)
        self.xray = XrayPanel(self.bindings)
        self.slices = SlicesView(lambda name, notches, zooms: self.desk.wheel(name, notches, zooms=zooms))
        self.view = View(self.case, self.bindings, slices=self.slices)
        self._stylus = Stylus(self.view.stage, self.desk)
        self.tools = tray_of(self.session, self.bindings)
        self.gauges = GaugePanel(self.session)
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
        self.setMinimumSize(*LEAST_SIZE)
        self.resize(1280, 800)

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        """Let type grow with the window."""
        scale = min(max(min(self.width() / 1280.0, self.height() / 800.0), 1.0), 3.0)
        for painted in (self.live, self.reference, self.timeline):
            painted.scale = scale
        self.tools.set_scale(scale)
        self.timeline.setFixedHeight(round(58 * scale))
        self.view.stage.text_scale = scale
        self.setStyleSheet(theme.style_sheet(scale))
        super().resizeEvent(event)

    def _lay_out(self, mode: str) -> None:
        """Show what a mode shows; in an exam the true shape and its figures are hidden, in the plain mode the true shape."""
        self._mode = mode
        shows_shape = self.desk.shows_shape
        self.view.setVisible(shows_shape)
        self.gauges.setVisible(mode != "exam")
        self.reference.setVisible(mode != "plain")
        self.setMinimumSize(*(PLAIN_SIZE if mode == "plain" else LEAST_SIZE))
        # Without the 3-D view the live picture takes the height of the window, and what lay below it moves to its side.
        directions = QtWidgets.QBoxLayout.Direction
        self._monitors.setDirection(directions.TopToBottom if shows_shape else directions.LeftToRight)
        self._below.setDirection(directions.LeftToRight if shows_shape else directions.TopToBottom)
        for number, stretch in enumerate((47, 50, 24) if shows_shape else (97, 0, 24)):
            self._middle.setStretch(number, stretch)
        if shows_shape:
            self.view.show_moment(self.session.latest)

    # --- what hands do ----------------------------------------------------------------------------------------------

    def do_by_mouse(self, verb: str, value: Any) -> None:
        """Do what was pressed in a panel."""
        self.do(verb, value, actor="mouse")

    def do(self, verb: str, value: Any = True, *, actor: str = "keyboard") -> None:
        """Do one thing, whoever asks."""
        self.desk.do(verb, value, actor=actor)
        self._show_desk()
        if self.desk.is_ending:
            self.close()

    def _see(self, verb: str) -> None:
        if verb == "slices":
            self.view.show_slices(self.desk.shows_slices)
            return
        self.view.do(verb)
        self.session.wants_stress = self.view.stage.shows_stress

    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:
        """Take the room's keys wherever the pointer is; let go of all when the window is left."""
        kind = event.type()
        if kind == QtCore.QEvent.Type.WindowDeactivate and watched is self:
            self._keyboard.let_go()
            self.desk.let_go()
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
        if self.desk.is_ending:
            if not self.session.is_alive:
                self.close()
            return
        snapshot = self.desk.refresh()
        if snapshot is not None:
            self._show(snapshot)
        self._show_desk()

    def _show(self, snapshot: Any) -> None:
        if self.desk.shows_shape:
            self.view.show_moment(snapshot)
        self.tools.show_snapshot(snapshot)
        self.gauges.show_snapshot(snapshot)
        self.xray.time.set(snapshot.xray_time_s)
        self.xray.contrast.set(snapshot.contrast_ml)
        self.timeline.show_course(snapshot.time_s, events=snapshot.events, bookmarks=snapshot.bookmarks, **self.desk.course)

    def _show_desk(self) -> None:
        """Show what changes between ticks too."""
        desk, snapshot = self.desk, self.session.latest
        if desk.mode != self._mode:
            self._lay_out(desk.mode)
        self.bar.show_mode(desk.mode)
        self.bar.show_time(snapshot.time_s, desk.speed, is_running=self.session.is_running, has_begun=snapshot.tick > 0)
        self.xray.angles.setText(view_label(*desk.carm_deg))
        self.xray.roadmap.setChecked(desk.beam_mode.startswith("roadmap"))
        self.xray.subtract.setChecked(desk.beam_mode == "subtracted")
        self.xray.dose.set(desk.dose_gy_cm2)
        if desk.shows_slices and desk.shows_shape:
            self.slices.show_pictures({name: desk.deck.picture(name, snapshot, self.slices.side) for name in NAMES})
        self.live.set(desk.live, desk.waits_for)
        self.live.set_on(desk.is_on)
        self.reference.set(desk.reference, "reference picture")
        if self.message.text() != desk.words:
            self.message.setText(desk.words)
        if desk.is_alarm and self.message.objectName() != "alarm":
            self.message.setObjectName("alarm")
            self.setStyleSheet(self.styleSheet())

    # --- the end ----------------------------------------------------------------------------------------------------

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        """End the session without waiting for its tick: the window stays until it is done, and says so."""
        if not self.desk.end():
            self.message.setText(self.desk.words)
            event.ignore()
            return
        self._timer.stop()
        application = QtWidgets.QApplication.instance()
        if application is not None:
            application.removeEventFilter(self)
        self.view.end()
        super().closeEvent(event)


def run_room(session: Session, bindings: Bindings, *, volume: Volume | None = None) -> bool:
    """Open the window on a session and stay until it is closed; whether the recording is to be looked at then."""
    application = application_of()
    window = RoomWindow(session, bindings, volume=volume)
    window.show()
    session.start()
    application.exec()
    return window.desk.wants_review


def application_of() -> QtWidgets.QApplication:
    """The one application of this process."""
    existing = QtWidgets.QApplication.instance()
    if isinstance(existing, QtWidgets.QApplication):
        return existing
    application = QtWidgets.QApplication(["vesalius"])
    application.setStyle("Fusion")
    return application
