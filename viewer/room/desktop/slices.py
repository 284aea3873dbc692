"""The slices on a desktop: four pictures side by side, moved by the wheel."""

from collections.abc import Callable

import numpy as np
from PySide6 import QtCore, QtGui, QtWidgets

from viewer.room import theme
from viewer.slices.planes import NAMES

GAP = 3


class SlicesView(QtWidgets.QWidget):
    """Two rows of two slices, each as large as fits."""

    def __init__(self, turn_wheel: Callable[[str, float, bool], None]) -> None:
        """turn_wheel: told over which slice the wheel was turned, by how many notches, and whether with Ctrl."""
        super().__init__()
        self._turn_wheel = turn_wheel
        self._pictures: dict[str, np.ndarray] = {}

    @property
    def side(self) -> int:
        """Pixels of one slice's side."""
        return max(min((self.width() - GAP) // 2, (self.height() - GAP) // 2), 120)

    def show_pictures(self, pictures: dict[str, np.ndarray]) -> None:
        """Show pictures (side, side, 3) by the names of their planes; nothing is painted where they are those that are shown."""
        if any(picture is not self._pictures.get(name) for name, picture in pictures.items()):
            self._pictures = pictures
            self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Paint the pictures."""
        painter = QtGui.QPainter(self)
        painter.fillRect(self.rect(), QtGui.QColor(theme.GROUND))
        for name, picture in self._pictures.items():
            held = np.ascontiguousarray(picture)
            height, width, _ = held.shape
            image = QtGui.QImage(held.data, width, height, 3 * width, QtGui.QImage.Format.Format_RGB888)
            painter.drawImage(self._box(name), image)

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:
        """Tell over which slice the wheel was turned."""
        zooms = bool(event.modifiers() & QtCore.Qt.KeyboardModifier.ControlModifier)
        for name in NAMES:
            if self._box(name).contains(event.position()):
                self._turn_wheel(name, event.angleDelta().y() / 120.0, zooms)
        event.accept()

    def _box(self, name: str) -> QtCore.QRectF:
        side, number = self.side, NAMES.index(name)
        left, top = (self.width() - 2 * side - GAP) / 2, (self.height() - 2 * side - GAP) / 2
        return QtCore.QRectF(left + (number % 2) * (side + GAP), top + (number // 2) * (side + GAP), side, side)
