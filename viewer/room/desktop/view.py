"""The 3-D view on a desktop: the stage in PyVista's Qt widget, with its switches above it; slices in its place."""

from typing import Any

from PySide6 import QtWidgets

from viewer.room.bindings import Bindings
from viewer.room.desktop.panels import Panel, caption
from viewer.room.stage import Stage


class View(Panel):
    """The stage and its switches; with a widget of slices, one that changes places with it."""

    def __init__(
        self, case: Any, bindings: Bindings, title: str = "3-D, true shape", *, slices: QtWidgets.QWidget | None = None
    ) -> None:
        super().__init__("", bindings)
        from pyvistaqt import QtInteractor

        self.box.setContentsMargins(1, 4, 1, 1)
        switches = QtWidgets.QHBoxLayout()
        switches.setContentsMargins(7, 0, 7, 0)
        self._caption, self._title = caption(title), title
        switches.addWidget(self._caption)
        switches.addStretch(1)
        self.switches = {}
        for name, words in (("stress", "Stress"), ("clip", "Open"), ("follow", "Follow"), ("probe", "Probe")):
            if name == "probe" and slices is None:
                continue
            self.switches[name] = self.button(words, name, checkable=True)
            switches.addWidget(self.switches[name])
        if slices is not None:
            self.switches["slices"] = self.button("Slices", "slices", checkable=True)
            switches.addWidget(self.switches["slices"])
        switches.addWidget(self.button("Camera" if slices is None else "Back", "look_again"))
        self.box.addLayout(switches)
        self.plotter = QtInteractor(self, auto_update=False, multi_samples=0)
        self.plotter.disable_anti_aliasing()
        # The room's keys are the only ones.
        self.plotter.iren.interactor.RemoveObservers("CharEvent")
        self.plotter.iren.interactor.RemoveObservers("KeyPressEvent")
        self._pages = QtWidgets.QStackedLayout()
        self._pages.addWidget(self.plotter)
        if slices is not None:
            self._pages.addWidget(slices)
        self.box.addLayout(self._pages, 1)
        self.stage = Stage(self.plotter, case)

    def show_moment(self, moment: Any) -> None:
        """Show a snapshot or a sampled state."""
        self.stage.show(moment)
        if not self._pages.currentIndex():
            self.plotter.render()

    def show_slices(self, wanted: bool) -> None:
        """Show the slices instead of the stage, or the stage again."""
        self._pages.setCurrentIndex(int(wanted))
        self.switches["slices"].setChecked(wanted)
        self._caption.setText("slices; wheel: move, Ctrl+wheel: wider" if wanted else self._title)
        for name in self.switches.keys() - {"slices"}:
            self.switches[name].setVisible(not wanted)
        if not wanted:
            self.plotter.render()

    def do(self, verb: str) -> None:
        """Turn a switch, or put the camera back."""
        stage = self.stage
        stage.do(verb)
        for name, is_on in stage.switches.items():
            if name in self.switches:
                self.switches[name].setChecked(is_on)
        self.plotter.render()

    def end(self) -> None:
        """Let VTK go before its window does."""
        self.plotter.close()
