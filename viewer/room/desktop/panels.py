"""The room's panels: what can be pressed, and what is told with its unit."""

import math
from typing import Any

from PySide6 import QtCore, QtWidgets

from viewer.room.actions import ACTIONS
from viewer.room.bindings import Bindings
from viewer.room.desk import MODE_WORDS
from viewer.room.gauges import gauges_of, title_of
from viewer.room.hands import CONTRAST_ML_S, PUFF_ML
from viewer.room.monitor import PRESETS


class Panel(QtWidgets.QFrame):
    """A framed part of the room that says what was done in it: (verb, value)."""

    did = QtCore.Signal(str, object)

    def __init__(self, title: str, bindings: Bindings | None = None) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._bindings = bindings
        self.box = QtWidgets.QVBoxLayout(self)
        self.box.setContentsMargins(8, 6, 8, 7)
        self.box.setSpacing(5)
        if title:
            self.box.addWidget(caption(title))

    def button(self, words: str, verb: str, value: Any = True, *, checkable: bool = False) -> QtWidgets.QPushButton:
        """A button for an action; one that lasts while it is held says True and False."""
        one = QtWidgets.QPushButton(words)
        one.setFocusPolicy(QtCore.Qt.FocusPolicy.NoFocus)
        action = ACTIONS.get(verb)
        if action is not None:
            keys = self._bindings.printed(verb) if self._bindings else ""
            one.setToolTip(f"{action.words}{f' ({keys})' if keys else ''}")
        one.setCheckable(checkable)
        if action is not None and action.is_held:
            one.pressed.connect(lambda: self.did.emit(verb, True))
            one.released.connect(lambda: self.did.emit(verb, False))
        else:
            one.clicked.connect(lambda: self.did.emit(verb, value))
        return one

    def row(self, *widgets: QtWidgets.QWidget) -> None:
        """Put widgets side by side."""
        line = QtWidgets.QHBoxLayout()
        line.setSpacing(5)
        for one in widgets:
            line.addWidget(one)
        self.box.addLayout(line)


class Reading(QtWidgets.QWidget):
    """A value with its name above it and its unit beside it."""

    def __init__(self, name: str, unit: str, *, digits: int = 1) -> None:
        super().__init__()
        self.setObjectName("plain")
        self._unit, self._digits = unit, digits
        box = QtWidgets.QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(caption(name))
        self._value = QtWidgets.QLabel("–")
        self._value.setObjectName("value")
        box.addWidget(self._value)

    def set(self, value: float | str | None) -> None:
        """Show a value; a dash for none."""
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            words = "–"
        else:
            words = value if isinstance(value, str) else f"{value:.{self._digits}f} {self._unit}".strip()
        if words != self._value.text():
            self._value.setText(words)


class TopBar(QtWidgets.QWidget):
    """What is rehearsed, in which mode, and how time goes."""

    did = QtCore.Signal(str, object)

    def __init__(self, name: str, bindings: Bindings) -> None:
        super().__init__()
        line = QtWidgets.QHBoxLayout(self)
        line.setContentsMargins(4, 0, 4, 0)
        title = QtWidgets.QLabel(name)
        title.setObjectName("value")
        line.addWidget(title)
        line.addSpacing(16)
        maker = Panel("", bindings)
        maker.did.connect(self.did)
        maker.hide()
        self._maker = maker
        self.modes = {}
        for mode, words in MODE_WORDS.items():
            one = maker.button(mode.capitalize(), "mode", mode, checkable=mode != "review")
            one.setToolTip(words)
            self.modes[mode] = one
            line.addWidget(one)
        line.addStretch(1)
        self.pause = maker.button("Begin", "pause")
        self.step = maker.button("One tick", "step")
        self.back = [maker.button("Undo", "undo"), maker.button("Reset", "reset")]
        for one in (self.pause, self.step, *self.back):
            line.addWidget(one)
        line.addSpacing(12)
        self.clock = QtWidgets.QLabel("0.00 s")
        self.clock.setObjectName("huge")
        self.clock.setMinimumWidth(90)
        self.clock.setAlignment(QtCore.Qt.AlignmentFlag.AlignRight | QtCore.Qt.AlignmentFlag.AlignVCenter)
        line.addWidget(self.clock)
        self.speed = QtWidgets.QLabel("")
        self.speed.setObjectName("caption")
        self.speed.setMinimumWidth(110)
        line.addWidget(self.speed)

    def show_time(self, time_s: float, speed: float | None, *, is_running: bool, has_begun: bool) -> None:
        """Show the simulated time, and how fast it goes beside the clock on the wall."""
        self.clock.setText(f"{time_s:.2f} s")
        self.speed.setText("" if speed is None else f"{speed:.2g} × real time")
        self.pause.setText("Pause" if is_running else "Go on" if has_begun else "Begin")
        self.step.setEnabled(not is_running)
        for one in self.back:
            one.setEnabled(has_begun)

    def show_mode(self, mode: str) -> None:
        """Mark the mode that is on."""
        for name, one in self.modes.items():
            one.setChecked(name == mode)


class XrayPanel(Panel):
    """The C-arm and what it has cost."""

    def __init__(self, bindings: Bindings) -> None:
        super().__init__("C-arm and X-rays", bindings)
        self.angles = QtWidgets.QLabel("LAO 0 / CRA 0")
        self.angles.setObjectName("value")
        self.box.addWidget(self.angles)
        views = [
            self.button(words, f"view_{number}") for number, words in enumerate([*(words for words, *_ in PRESETS), "Square"], 1)
        ]
        views[-1].setToolTip(views[-1].toolTip() + ": square to the stent")
        self.row(*views[:4])
        self.row(*views[4:])
        self.pedal = self.button("X-rays", "xray")
        self.puff = self.button(f"Puff {PUFF_ML:g} mL", "puff")
        self.row(self.pedal, self.button("Cine", "cine"), self.puff)
        self.roadmap = self.button("Roadmap", "roadmap", checkable=True)
        self.subtract = self.button("Subtract", "subtract", checkable=True)
        self.row(self.roadmap, self.subtract, self.button("Keep", "save_reference"))
        self.time = Reading("X-ray time", "s", digits=1)
        self.dose = Reading("dose-area, estimate", "Gy·cm²", digits=3)
        self.contrast = Reading(f"contrast, {CONTRAST_ML_S:g} mL/s", "mL", digits=1)
        self.row(self.time, self.dose, self.contrast)
        self.box.addStretch(1)


class GaugePanel(Panel):
    """What the engine knows and no room shows."""

    def __init__(self, session: Any) -> None:
        super().__init__(title_of(session))
        self._session = session
        self._shown = {one.name: Reading(one.words, "") for one in gauges_of(session, session.latest)}
        for one in self._shown.values():
            self.box.addWidget(one)

    def show_snapshot(self, snapshot: Any) -> None:
        """Show a snapshot's figures."""
        for one in gauges_of(self._session, snapshot):
            self._shown[one.name].set(one.shown)


def caption(words: str) -> QtWidgets.QLabel:
    """Small grey words."""
    one = QtWidgets.QLabel(words)
    one.setObjectName("caption")
    return one
