"""A window on one or two recordings: scrubbed and played in step, measures and events beside each other."""

from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from scenarios.limits import LIMITS_OF_USE
from viewer.headline import unit
from viewer.room import theme
from viewer.room.bindings import Bindings
from viewer.room.comparing import Side, measure_rows
from viewer.room.desktop.painted import Timeline
from viewer.room.desktop.panels import Panel, caption
from viewer.room.desktop.view import View
from viewer.room.desktop.window import FRAME_MS, application_of

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)


class ReviewWindow(QtWidgets.QMainWindow):
    """Sides shown at one time.

    Attributes
    ----------
    time_s
        The time that is shown [s].
    is_playing
        Whether it goes on by itself.
    """

    def __init__(self, sides: list[Side], bindings: Bindings) -> None:
        super().__init__()
        self.sides, self.bindings = sides, bindings
        self.time_s, self.is_playing, self.speed = 0.0, False, 1.0
        self.end_s = max(side.held.end_s for side in sides)
        self._shown: dict[str, int] = {}
        self.setWindowTitle(f"Vesalius – review – {LIMITS_OF_USE}")
        self._build()
        self._timer = QtCore.QTimer(self)
        self._timer.timeout.connect(self._go_on)
        self._timer.start(FRAME_MS)
        self.show_time(0.0)

    def _build(self) -> None:
        self.views: dict[str, View] = {}
        self.lines: dict[str, Timeline] = {}
        scenes, courses = QtWidgets.QHBoxLayout(), QtWidgets.QVBoxLayout()
        for side in self.sides:
            if side.held.recording is not None and side.held.readable:
                view = View(side.held.recording.case, self.bindings, title=f"{side.letter}: {side.held.folder.name}")
                view.did.connect(lambda verb, value: self._switch(verb))
                self.views[side.letter] = view
                scenes.addWidget(view, 1)
            line = Timeline(can_choose=True)
            line.chosen.connect(self.show_time)
            self.lines[side.letter] = line
            courses.addWidget(line)
        if not self.views:
            scenes.addWidget(caption("There is no shape to show; the courses of time below are what is held."), 1)
        aside = QtWidgets.QVBoxLayout()
        aside.addWidget(self._figures(), 3)
        aside.addWidget(self._told(), 2)
        middle = QtWidgets.QHBoxLayout()
        middle.addLayout(scenes, 3)
        middle.addLayout(aside, 2)
        whole = QtWidgets.QVBoxLayout()
        whole.addLayout(self._controls())
        whole.addLayout(middle, 1)
        whole.addLayout(courses)
        limits = QtWidgets.QLabel(LIMITS_OF_USE)
        limits.setObjectName("limits")
        limits.setAlignment(QtCore.Qt.AlignmentFlag.AlignRight)
        whole.addWidget(limits)
        for layout in (scenes, courses, aside, middle, whole):
            layout.setSpacing(5)
        whole.setContentsMargins(6, 4, 6, 4)
        centre = QtWidgets.QWidget()
        centre.setLayout(whole)
        self.setCentralWidget(centre)
        self.setMinimumSize(1000, 650)
        self.resize(1280, 800)

    def _controls(self) -> QtWidgets.QHBoxLayout:
        line = QtWidgets.QHBoxLayout()
        names = " against ".join(f"{side.letter}: {side.held.name}" for side in self.sides)
        title = QtWidgets.QLabel(names)
        title.setObjectName("value")
        line.addWidget(title)
        line.addStretch(1)
        self.play = QtWidgets.QPushButton("Play")
        self.play.clicked.connect(self.play_or_stop)
        self.pace = QtWidgets.QComboBox()
        for speed in SPEEDS:
            self.pace.addItem(f"{speed:g} ×", speed)
        self.pace.setCurrentIndex(SPEEDS.index(1.0))
        self.pace.currentIndexChanged.connect(lambda number: setattr(self, "speed", SPEEDS[number]))
        self.clock = QtWidgets.QLabel("0.00 s")
        self.clock.setObjectName("huge")
        for one in (self.play, self.pace, self.clock):
            line.addWidget(one)
        return line

    def _figures(self) -> Panel:
        panel = Panel("measures of the model, beside each other; none is a score")
        rows = measure_rows(self.sides)
        headings = ["measure", *(side.letter for side in self.sides), *(["B − A"] if len(self.sides) == 2 else []), "unit"]
        table = _table(headings, len(rows))
        for number, (name, words, values, difference) in enumerate(rows):
            cells = [name, *values, *([difference] if len(self.sides) == 2 else []), unit(words)]
            for column, cell in enumerate(cells):
                item = QtWidgets.QTableWidgetItem(cell)
                if 0 < column < len(cells) - 1:
                    item.setTextAlignment(QtCore.Qt.AlignmentFlag.AlignRight | QtCore.Qt.AlignmentFlag.AlignVCenter)
                item.setToolTip(cell)
                table.setItem(number, column, item)
        table.resizeRowsToContents()
        panel.box.addWidget(table)
        return panel

    def _told(self) -> Panel:
        panel = Panel("what happened, and what is missing")
        rows = [(side.letter, time_s, words) for side in self.sides for time_s, words in side.held.events]
        rows.sort(key=lambda row: row[1])
        lost = [(side.letter, None, words) for side in self.sides for words in side.held.missing]
        table = _table(["", "time", "event"], len(rows) + len(lost))
        for number, (letter, time_s, words) in enumerate([*lost, *rows]):
            for column, cell in enumerate((letter, "missing" if time_s is None else f"{time_s:.2f} s", words)):
                item = QtWidgets.QTableWidgetItem(cell)
                item.setToolTip(words)
                if time_s is None:
                    item.setForeground(QtGui.QColor(theme.WARN))
                table.setItem(number, column, item)
        table.horizontalHeader().setSectionResizeMode(0, QtWidgets.QHeaderView.ResizeMode.ResizeToContents)
        table.horizontalHeader().setSectionResizeMode(1, QtWidgets.QHeaderView.ResizeMode.ResizeToContents)
        table.horizontalHeader().setSectionResizeMode(2, QtWidgets.QHeaderView.ResizeMode.Stretch)
        table.setWordWrap(True)
        table.resizeRowsToContents()
        table.cellClicked.connect(lambda row, column: self._go_to(table.item(row, 1).text()))
        panel.box.addWidget(table)
        return panel

    def _go_to(self, words: str) -> None:
        if words.endswith(" s"):
            self.show_time(float(words.removesuffix(" s")))

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        """Let type grow with the window."""
        scale = min(max(min(self.width() / 1280.0, self.height() / 800.0), 1.0), 3.0)
        for line in self.lines.values():
            line.scale = scale
            line.setFixedHeight(round(58 * scale))
        for view in self.views.values():
            view.stage.text_scale = scale
        self.setStyleSheet(theme.style_sheet(scale))
        super().resizeEvent(event)

    def show_time(self, time_s: float) -> None:
        """Show all sides at a time [s]; a side that has ended stays at its end."""
        self.time_s = min(max(time_s, 0.0), self.end_s)
        self.clock.setText(f"{self.time_s:.2f} s")
        for side in self.sides:
            view = self.views.get(side.letter)
            number = side.held.number_at(self.time_s)
            if view is not None and number is not None and self._shown.get(side.letter) != number:
                self._shown[side.letter] = number
                view.show_moment(side.held.recording.frame(number))
            times, levels = side.courses.force if len(side.courses.sheath[0]) else side.courses.pressure
            marks = [(at, words.split(": ", 1)[-1].rstrip(".")) for at, words in side.held.events if words.startswith("Bookmark")]
            events = [one for one in side.held.events if not one[1].startswith("Bookmark")]
            line = self.lines[side.letter]
            line.show_course(
                self.time_s, times=list(times), levels=list(levels), xrays=list(side.courses.xray_s), events=events,
                bookmarks=marks,
            )  # fmt: skip
            line.end_s = max(self.end_s, 0.1)

    def play_or_stop(self) -> None:
        """Let time go on, from the beginning again at the end, or stand still."""
        self.is_playing = not self.is_playing
        if self.is_playing and self.time_s >= self.end_s:
            self.show_time(0.0)
        self.play.setText("Stop" if self.is_playing else "Play")

    def _go_on(self) -> None:
        if not self.is_playing:
            return
        self.show_time(self.time_s + self.speed * FRAME_MS * 1e-3)
        if self.time_s >= self.end_s:
            self.play_or_stop()

    def _switch(self, verb: str) -> None:
        for view in self.views.values():
            view.do(verb)

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        """Space plays, the arrows step from one sampled state to the next."""
        key, keys = event.key(), QtCore.Qt.Key
        times = sorted({round(float(at), 9) for side in self.sides for at in side.held.frame_times})
        if key == keys.Key_Space:
            self.play_or_stop()
        elif key == keys.Key_Left:
            self.show_time(max((at for at in times if at < self.time_s - 1e-9), default=0.0))
        elif key == keys.Key_Right:
            self.show_time(min((at for at in times if at > self.time_s + 1e-9), default=self.end_s))
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        """Let VTK go before its windows do."""
        self._timer.stop()
        for view in self.views.values():
            view.end()
        super().closeEvent(event)


def run_review(sides: list[Side], bindings: Bindings) -> None:
    """Open the window and stay until it is closed."""
    application = application_of()
    window = ReviewWindow(sides, bindings)
    window.show()
    application.exec()


def _table(headings: list[str], rows: int) -> Any:
    table = QtWidgets.QTableWidget(rows, len(headings))
    table.setHorizontalHeaderLabels(headings)
    table.verticalHeader().hide()
    table.setEditTriggers(QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QtWidgets.QAbstractItemView.SelectionMode.NoSelection)
    table.setFocusPolicy(QtCore.Qt.FocusPolicy.NoFocus)
    table.setShowGrid(False)
    header = table.horizontalHeader()
    header.setSectionResizeMode(QtWidgets.QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(0, QtWidgets.QHeaderView.ResizeMode.Stretch)
    header.setDefaultAlignment(QtCore.Qt.AlignmentFlag.AlignLeft)
    return table
