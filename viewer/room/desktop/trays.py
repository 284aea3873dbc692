"""The tray on a desktop: balloons with their indeflator, or wires with what pushes and turns them."""

from typing import Any

from PySide6 import QtWidgets

from viewer.room.bindings import Bindings
from viewer.room.desktop.painted import Dial
from viewer.room.desktop.panels import Panel, caption
from viewer.room.gauges import wall_words
from viewer.room.inflating import Inflating


class Tray(Panel):
    """What can be taken in hand, one button each."""

    def __init__(self, session: Any, bindings: Bindings) -> None:
        super().__init__("tray", bindings)
        self._tools = {}
        for number, tool in enumerate(session.hands.work.tools, 1):
            one = self.button(tool.words, f"device_{number}", checkable=True)
            one.setToolTip(f"{tool.place}; {one.toolTip()}")
            self._tools[tool.name] = one
            self.box.addWidget(one)

    def set_scale(self, scale: float) -> None:
        """Let type grow with the window."""

    def show_snapshot(self, snapshot: Any) -> None:
        """Show which one is in hand."""
        for name, one in self._tools.items():
            one.setChecked(name == snapshot.tool)


class BalloonTray(Tray):
    """Balloons, and the indeflator on the one in hand."""

    def __init__(self, session: Any, bindings: Bindings) -> None:
        super().__init__(session, bindings)
        self._balloons = {tool.name: tool.balloon for tool in session.hands.work.tools}
        self.box.addWidget(caption("indeflator"))
        self.dial = Dial()
        self.box.addWidget(self.dial, 1)
        self.row(self.button("Inflate", "inflate"), self.button("Deflate", "deflate"), self.button("Empty", "empty"))

    def set_scale(self, scale: float) -> None:
        """Let the gauge's type grow with the window."""
        self.dial.scale = scale

    def show_snapshot(self, snapshot: Any) -> None:
        """Show which balloon is in hand and its pressure."""
        super().show_snapshot(snapshot)
        balloon = self._balloons[snapshot.tool]
        self.dial.set(
            snapshot.pressure_atm[snapshot.tool], balloon.nominal_pressure_atm, balloon.highest_pressure_atm, snapshot.indeflator
        )


class WireTray(Tray):
    """Wires and catheters, and what pushes and turns the one in hand."""

    def __init__(self, session: Any, bindings: Bindings) -> None:
        super().__init__(session, bindings)
        self.box.addWidget(caption("by hand; Shift: fast, Ctrl: slowly"))
        self.row(self.button("Push in", "advance"), self.button("Pull back", "pull_back"))
        self.row(self.button("Turn left", "turn_left"), self.button("Turn right", "turn_right"))
        wall = QtWidgets.QLabel(wall_words(session))
        wall.setObjectName("limits")
        wall.setWordWrap(True)
        self.box.addWidget(wall)
        self.box.addStretch(1)


def tray_of(session: Any, bindings: Bindings) -> Tray:
    """The tray for what is done in a session."""
    return (BalloonTray if isinstance(session.hands.work, Inflating) else WireTray)(session, bindings)
