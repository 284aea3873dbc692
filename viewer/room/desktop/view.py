"""The 3-D view on a desktop: the stage in PyVista's Qt widget, with its switches above it."""

from typing import Any

from PySide6 import QtWidgets

from viewer.room.bindings import Bindings
from viewer.room.desktop.panels import Panel, caption
from viewer.room.stage import Stage


class View(Panel):
    """The stage and its switches."""

    def __init__(self, case: Any, bindings: Bindings, title: str = "3-D, true shape") -> None:
        super().__init__("", bindings)
        from pyvistaqt import QtInteractor

        self.box.setContentsMargins(1, 4, 1, 1)
        switches = QtWidgets.QHBoxLayout()
        switches.setContentsMargins(7, 0, 7, 0)
        switches.addWidget(caption(title))
        switches.addStretch(1)
        self.switches = {}
        for name, words in (("stress", "Stress"), ("clip", "Open"), ("follow", "Follow")):
            self.switches[name] = self.button(words, name, checkable=True)
            switches.addWidget(self.switches[name])
        switches.addWidget(self.button("Camera", "look_again"))
        self.box.addLayout(switches)
        self.plotter = QtInteractor(self, auto_update=False, multi_samples=0)
        self.plotter.disable_anti_aliasing()
        # The room's keys are the only ones.
        self.plotter.iren.interactor.RemoveObservers("CharEvent")
        self.plotter.iren.interactor.RemoveObservers("KeyPressEvent")
        self.box.addWidget(self.plotter, 1)
        self.stage = Stage(self.plotter, case)

    def show_moment(self, moment: Any) -> None:
        """Show a snapshot or a sampled state."""
        self.stage.show(moment)
        self.plotter.render()

    def do(self, verb: str) -> None:
        """Turn a switch, or put the camera back."""
        stage = self.stage
        stage.do(verb)
        for name, is_on in (("stress", stage.shows_stress), ("clip", stage.is_open), ("follow", stage.follows)):
            self.switches[name].setChecked(is_on)
        self.plotter.render()

    def end(self) -> None:
        """Let VTK go before its window does."""
        self.plotter.close()
