"""The tray on a desktop: balloons with their indeflator and a stent's sheath, or wires with what pushes and turns them."""

from typing import Any

from PySide6 import QtWidgets

from viewer.room.bindings import Bindings
from viewer.room.desktop.painted import Dial, SheathPicture
from viewer.room.desktop.panels import Panel, Reading, caption
from viewer.room.gauges import sheath_gauges, wall_words
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


class StentTray(Tray):
    """Balloons and a stent's sheath, with the indeflator on the balloon in hand, or what draws the sheath back."""

    def __init__(self, session: Any, bindings: Bindings) -> None:
        super().__init__(session, bindings)
        self._balloons = {tool.name: tool.balloon for tool in session.hands.work.tools}
        self._pages = QtWidgets.QStackedLayout()
        self.indeflator = IndeflatorPage(bindings) if any(self._balloons.values()) else None
        self.sheath = SheathPage(bindings) if None in self._balloons.values() else None
        for page in (self.indeflator, self.sheath):
            if page is not None:
                page.did.connect(self.did)
                self._pages.addWidget(page)
        self.box.addLayout(self._pages, 1)

    def set_scale(self, scale: float) -> None:
        """Let gauge and picture grow with the window."""
        if self.indeflator is not None:
            self.indeflator.dial.scale = scale
        if self.sheath is not None:
            self.sheath.picture.set_scale(scale)

    def show_snapshot(self, snapshot: Any) -> None:
        """Show what is in hand, and its pressure or where the sheath is."""
        super().show_snapshot(snapshot)
        balloon = self._balloons[snapshot.tool]
        page = self.sheath if balloon is None else self.indeflator
        if page is not None:
            page.show_snapshot(snapshot, balloon)
            self._pages.setCurrentWidget(page)


class Page(Panel):
    """A part of a tray without a frame of its own."""

    def __init__(self, title: str, bindings: Bindings) -> None:
        super().__init__(title, bindings)
        self.setObjectName("plain")
        self.box.setContentsMargins(0, 0, 0, 0)


class IndeflatorPage(Page):
    """The indeflator on a balloon."""

    def __init__(self, bindings: Bindings) -> None:
        super().__init__("indeflator", bindings)
        self.dial = Dial()
        self.box.addWidget(self.dial, 1)
        self.row(self.button("Inflate", "inflate"), self.button("Deflate", "deflate"), self.button("Empty", "empty"))

    def show_snapshot(self, snapshot: Any, balloon: Any) -> None:
        """Show the pressure in the balloon in hand."""
        self.dial.set(
            snapshot.pressure_atm[snapshot.tool], balloon.nominal_pressure_atm, balloon.highest_pressure_atm, snapshot.indeflator
        )


class SheathPage(Page):
    """A sheath: how far it is drawn back, how much of the stent is out, and how fast it goes."""

    def __init__(self, bindings: Bindings) -> None:
        super().__init__("sheath; Shift: fast, Ctrl: slowly", bindings)
        self.picture = SheathPicture()
        self.box.addWidget(self.picture)
        self._grid = QtWidgets.QGridLayout()
        self._grid.setSpacing(5)
        self.box.addLayout(self._grid)
        self.box.addStretch(1)
        self.row(self.button("Draw back", "pull_back"), self.button("Push forward", "advance"))
        self.row(self.button("Back slowly", "pull_back_slow"), self.button("Back fast", "pull_back_fast"))
        self._readings: dict[str, Reading] = {}

    def show_snapshot(self, snapshot: Any, _: Any) -> None:
        """Show where the sheath is."""
        self.picture.set(snapshot.sheath)
        for number, one in enumerate(sheath_gauges(snapshot.sheath)):
            if one.name not in self._readings:
                self._readings[one.name] = Reading(one.words, "")
                self._grid.addWidget(self._readings[one.name], number // 2, number % 2)
            self._readings[one.name].set(one.shown)


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
    return (StentTray if isinstance(session.hands.work, Inflating) else WireTray)(session, bindings)
