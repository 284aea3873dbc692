"""A window on one or two recordings: scrubbed and played in step, measures and events beside each other."""

from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from scenarios.limits import LIMITS_OF_USE
from viewer.headline import unit
from viewer.room import theme
from viewer.room.bindings import Bindings
from viewer.room.comparing import Side, expert_words, measure_rows
from viewer.room.desktop.painted import Timeline
from viewer.room.desktop.panels import Panel, caption
from viewer.room.desktop.view import View
from viewer.room.desktop.window import FRAME_MS, application_of
from viewer.room.replay import SPEEDS, Replay, course_of
from viewer.room.stills import keep_moment


class ReviewWindow(QtWidgets.QMainWindow):
    """Sides shown at one time.

    Attributes
    ----------
    replay
        The time that is shown, and whether it goes on by itself.
    """

    def __init__(self, sides: list[Side], bindings: Bindings) -> None:
        super().__init__()
        self.sides, self.bindings = sides, bindings
        self.replay = Replay(sides)
        self.setWindowTitle(f"Vesalius – review – {LIMITS_OF_USE}")
        self._build()
        self._timer = QtCore.QTimer(self)
        self._timer.timeout.connect(self._go_on)
        self._timer.start(FRAME_MS)
        self.show_time(0.0)

    def _build(self) -> None:
        self.views: dict[str, View] = {}
        self.lines: dict[str, Timeline] = {}
        self.told: dict[str, QtWidgets.QLabel] = {}
        self._courses = {side.letter: course_of(side) for side in self.sides}
        scenes, courses = QtWidgets.QHBoxLayout(), QtWidgets.QVBoxLayout()
        for side in self.sides:
            if side.held.recording is not None and side.held.readable:
                view = View(side.held.recording.case, self.bindings, title=f"{side.letter}: {side.held.folder.name}")
                view.did.connect(lambda verb, value: self._switch(verb))
                self.views[side.letter] = view
                scenes.addWidget(view, 1)
            line = Timeline(can_choose=True)
            line.chosen.connect(self.show_time)
            self.lines[side.letter], self.told[side.letter] = line, caption("")
            courses.addWidget(self.told[side.letter])
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
        foot = QtWidgets.QHBoxLayout()
        self.message = caption("")
        limits = QtWidgets.QLabel(LIMITS_OF_USE)
        limits.setObjectName("limits")
        foot.addWidget(self.message, 1)
        foot.addWidget(limits)
        whole.addLayout(foot)
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
        title = QtWidgets.QLabel(self.replay.title)
        title.setObjectName("value")
        line.addWidget(title)
        line.addStretch(1)
        self.play = QtWidgets.QPushButton("Play")
        self.play.clicked.connect(self.play_or_stop)
        self.pace = QtWidgets.QComboBox()
        for speed in SPEEDS:
            self.pace.addItem(f"{speed:g} ×", speed)
        self.pace.setCurrentIndex(SPEEDS.index(1.0))
        self.pace.currentIndexChanged.connect(lambda number: setattr(self.replay, "speed", SPEEDS[number]))
        self.clock = QtWidgets.QLabel("0.00 s")
        self.clock.setObjectName("huge")
        keep = QtWidgets.QPushButton("Picture")
        keep.setToolTip("keep what is seen as a picture beside the recording (Ctrl+S)")
        keep.clicked.connect(self.keep_picture)
        for one in (keep, self.play, self.pace, self.clock):
            line.addWidget(one)
        return line

    def _figures(self) -> Panel:
        panel = Panel("measures of the model, beside each other; none is a score")
        rows = measure_rows(self.sides)
        is_pair, has_expert = len(self.sides) == 2, any(side.expert for side in self.sides)
        headings = ["measure", *(side.letter for side in self.sides), *(["B − A"] if is_pair else []), "unit"]
        table = _table([*headings, *(["expert's range"] if has_expert else [])], len(rows))
        for number, (name, words, values, difference) in enumerate(rows):
            cells: list[str] = [name, *values, *([difference] if is_pair else []), unit(words)]
            last = len(cells) - 1
            cells += [expert_words(self.sides, name)] if has_expert else []
            for column, cell in enumerate(cells):
                item = QtWidgets.QTableWidgetItem(cell)
                if 0 < column < last:
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
        replay = self.replay
        replay.go_to(time_s)
        self.clock.setText(f"{replay.time_s:.2f} s")
        self.play.setText("Stop" if replay.is_playing else "Play")
        for side, frame in replay.moments():
            self.views[side.letter].show_moment(frame)
        for side in self.sides:
            self.told[side.letter].setText(f"{side.letter}  {replay.words_of(side)}")
            line = self.lines[side.letter]
            line.show_course(replay.time_s, **self._courses[side.letter])
            line.end_s = max(replay.end_s, 0.1)

    def play_or_stop(self) -> None:
        """Let time go on, from the beginning again at the end, or stand still."""
        self.replay.play_or_stop()
        self.show_time(self.replay.time_s)

    def keep_picture(self) -> None:
        """Keep what is seen as a picture beside the recording."""
        self.message.setText(keep_moment(self.replay, {letter: view.plotter for letter, view in self.views.items()}))

    def _go_on(self) -> None:
        if self.replay.is_playing:
            self.replay.go_on(FRAME_MS * 1e-3)
            self.show_time(self.replay.time_s)

    def _switch(self, verb: str) -> None:
        for view in self.views.values():
            view.do(verb)

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        """Space plays, the arrows step from one sampled state to the next, Ctrl+S keeps a picture."""
        key, keys = event.key(), QtCore.Qt.Key
        if key == keys.Key_Space:
            self.play_or_stop()
        elif key in (keys.Key_Left, keys.Key_Right):
            self.replay.step(forwards=key == keys.Key_Right)
            self.show_time(self.replay.time_s)
        elif event.matches(QtGui.QKeySequence.StandardKey.Save):
            self.keep_picture()
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
