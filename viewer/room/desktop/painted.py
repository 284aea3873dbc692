"""What the room paints itself: the X-ray monitors, the indeflator's gauge, a sheath, the course of time."""

import math
from collections.abc import Sequence

import numpy as np
from PySide6 import QtCore, QtGui, QtWidgets

from scenarios.limits import LIMITS_OF_USE
from viewer.room import theme
from viewer.room.desk import Shown
from viewer.room.gauges import LEAST_TOP
from viewer.room.sheath_drawing import FILLED, HEIGHT, WIDTH, lines_of
from viewer.room.withdrawal import Drawn
from viewer.xray.stills import SIMULATED

Qt = QtCore.Qt


def pen(colour: str, width: float = 1.0) -> QtGui.QPen:
    """A pen of one of the theme's colours."""
    return QtGui.QPen(QtGui.QColor(colour), width)


def text(
    painter: QtGui.QPainter,
    box: QtCore.QRectF,
    words: str,
    colour: str,
    size: float,
    *,
    flags: int,
    bold: bool = False,
    halo: bool = False,
) -> None:
    """Write words of a size [pixels] into a box; with a halo where what lies behind may be as light as they are."""
    font = painter.font()
    font.setPixelSize(max(round(size), 6))
    font.setBold(bold)
    painter.setFont(font)
    if halo:
        painter.setPen(QtGui.QColor(0, 0, 0, 150))
        for x, y in ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (1, 1), (1, -1), (-1, 1)):
            painter.drawText(box.translated(x, y), flags, words)
    painter.setPen(QtGui.QColor(colour))
    painter.drawText(box, flags, words)


TOP_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
TOP_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
FOOT_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom)
FOOT_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom)
MIDDLE = int(Qt.AlignmentFlag.AlignCenter)


class Screen(QtWidgets.QWidget):
    """An X-ray monitor: a square picture with what it is written upon it."""

    def __init__(self, *, is_large: bool) -> None:
        super().__init__()
        self._image: QtGui.QImage | None = None
        self._shown: Shown | None = None
        self._empty, self._is_large = "", is_large
        self.label, self.words, self.is_on, self.scale = "", "", False, 1.0
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Expanding)

    def set(self, shown: Shown | None, empty: str = "") -> None:
        """Show a picture, or words where there is none."""
        if shown is self._shown and empty == self._empty:
            return
        self._shown, self._empty = shown, empty
        if shown is not None:
            held = np.ascontiguousarray(shown.grey)
            height, width = held.shape
            self._image = QtGui.QImage(held.data, width, height, width, QtGui.QImage.Format.Format_Grayscale8).copy()
            self.label, self.words = shown.label, shown.words
        self.update()

    def set_on(self, is_on: bool) -> None:
        """Say whether X-rays are on."""
        if is_on != self.is_on:
            self.is_on = is_on
            self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Paint the picture as large as it fits, and the words."""
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.SmoothPixmapTransform)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        side = min(self.width(), self.height())
        box = QtCore.QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)
        painter.fillRect(box, QtGui.QColor("#050607"))
        small, large = 11 * self.scale, 14 * self.scale
        inner = box.adjusted(0.5 * large, 0.5 * large, -0.5 * large, -0.5 * large)
        if self._image is None:
            text(painter, inner, self._empty, theme.FAINT, small if not self._is_large else large, flags=MIDDLE)
        else:
            painter.drawImage(box, self._image)
            if self._is_large:
                text(painter, inner, SIMULATED, "#ffffff", large, flags=TOP_RIGHT, bold=True, halo=True)
                text(painter, inner, LIMITS_OF_USE, "#e3e7ea", small, flags=FOOT_LEFT, halo=True)
            raised = inner.adjusted(0, 0, 0, -1.5 * small) if self._is_large else inner
            text(painter, raised, self.words, "#ffffff", small, flags=FOOT_LEFT, halo=True)
            text(painter, inner, self.label, "#ffffff", large if self._is_large else small, flags=TOP_LEFT, halo=True)
        if self.is_on:
            on = inner.adjusted(0, 1.7 * large, 0, 0)
            text(painter, on, "● X-RAYS", theme.WARN, small, flags=TOP_RIGHT, bold=True, halo=True)
        painter.setPen(pen(theme.WARN if self.is_on else theme.EDGE, 2.0 if self.is_on else 1.0))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))


class Dial(QtWidgets.QWidget):
    """The indeflator's gauge: a needle over an arc, with the nominal and the rated pressure marked."""

    START, SWEEP = 225.0, 270.0

    def __init__(self) -> None:
        super().__init__()
        self.pressure, self.nominal, self.rated, self.state, self.scale = 0.0, 8.0, 12.0, "held", 1.0
        self.setMinimumHeight(110)

    def set(self, pressure: float, nominal: float, rated: float, state: str) -> None:
        """Show pressures [atm] and what the indeflator does."""
        new = (pressure, nominal, rated, state)
        if new != (self.pressure, self.nominal, self.rated, self.state):
            self.pressure, self.nominal, self.rated, self.state = new
            self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Paint the gauge."""
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QtGui.QColor(theme.PANEL))
        side = min(self.width() - 8.0 * self.scale, self.height() / 0.95, 240.0 * self.scale)
        centre = QtCore.QPointF(self.width() / 2, self.height() / 2)
        radius, top = 0.44 * side, 1.25 * self.rated
        arc = QtCore.QRectF(centre.x() - radius, centre.y() - radius, 2 * radius, 2 * radius)
        width = 0.075 * side
        for low, high, colour in (
            (0.0, self.nominal, theme.EDGE), (self.nominal, self.rated, theme.GOOD), (self.rated, top, theme.ALARM),
        ):  # fmt: skip
            painter.setPen(QtGui.QPen(QtGui.QColor(colour), width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
            first = self.START - self.SWEEP * low / top
            painter.drawArc(arc, round(16 * first), round(-16 * self.SWEEP * (high - low) / top))
        small = max(10 * self.scale, 0.075 * side)
        for value in range(0, math.floor(top) + 1, 2 if top < 22 else 4):
            x, y = self._place(centre, 0.72 * radius, value / top)
            text(painter, QtCore.QRectF(x - 40, y - 20, 80, 40), f"{value}", theme.FAINT, 0.85 * small, flags=MIDDLE)
        share = min(self.pressure / top, 1.0)
        x, y = self._place(centre, 0.98 * radius, share)
        painter.setPen(QtGui.QPen(QtGui.QColor(theme.INK), 0.022 * side, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawLine(centre, QtCore.QPointF(x, y))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QtGui.QColor(theme.INK))
        painter.drawEllipse(centre, 0.035 * side, 0.035 * side)
        below = QtCore.QRectF(centre.x() - radius, centre.y() + 0.5 * radius, 2 * radius, 0.7 * radius)
        colour = theme.ALARM if self.state == "burst" else theme.INK
        text(painter, below, f"{self.pressure:.1f} atm", colour, 0.105 * side, flags=MIDDLE, bold=True)
        under = below.translated(0, 0.24 * radius)
        text(painter, under, self.state, theme.ALARM if self.state == "burst" else theme.FAINT, small, flags=MIDDLE)

    def _place(self, centre: QtCore.QPointF, radius: float, share: float) -> tuple[float, float]:
        angle = math.radians(self.START - self.SWEEP * share)
        return centre.x() + radius * math.cos(angle), centre.y() - radius * math.sin(angle)


class SheathPicture(QtWidgets.QWidget):
    """A stent and its sheath, from the hand on the left."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: Drawn | None = None
        self.set_scale(1.0)

    def set_scale(self, scale: float) -> None:
        """Let it grow with the window."""
        self.setFixedHeight(round(70 * scale))

    def set(self, drawn: Drawn) -> None:
        """Show where the sheath is."""
        if drawn != self.drawn:
            self.drawn = drawn
            self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Paint it as large as it fits."""
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QtGui.QColor(theme.PANEL))
        size = min(self.width() / WIDTH, self.height() / HEIGHT)
        painter.translate((self.width() - size * WIDTH) / 2, (self.height() - size * HEIGHT) / 2)
        painter.scale(size, size)
        for line in () if self.drawn is None else lines_of(self.drawn):
            points = QtGui.QPolygonF([QtCore.QPointF(x, y) for x, y in line.points])
            painter.setPen(pen(line.colour, line.width))
            if line.is_filled:
                inside = QtGui.QColor(line.colour)
                inside.setAlphaF(FILLED)
                painter.setBrush(inside)
                painter.drawPolygon(points)
            else:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawPolyline(points)


class Timeline(QtWidgets.QWidget):
    """Time from left to right: a level as a curve, another as a thin one to the same scale, X-rays as a bar, events and bookmarks
    as marks; a click chooses a time."""

    chosen = QtCore.Signal(float)

    def __init__(self, *, can_choose: bool) -> None:
        super().__init__()
        self._can_choose = can_choose
        self.times: Sequence[float] = ()
        self.levels: Sequence[float] = ()
        self.thin: Sequence[float] = ()
        self.xrays: Sequence[float] = ()
        self.events: Sequence[tuple[float, str]] = ()
        self.bookmarks: Sequence[tuple[float, str]] = ()
        self.now_s, self.end_s, self.scale = 0.0, 10.0, 1.0
        self.setMouseTracking(True)
        self.setMinimumHeight(56)

    def show_course(self, now_s: float, **what: Sequence) -> None:
        """Show what there is until a time [s]: times, levels, thin, xrays [s, running total], events, bookmarks."""
        self.now_s = now_s
        for name, value in what.items():
            setattr(self, name, value)
        last = max([now_s, *self.times[-1:]])
        self.end_s = max(5.0, 5.0 * math.ceil(last / 5.0 + 1e-9)) if not self._can_choose else max(last, 0.1)
        self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Paint the course."""
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QtGui.QColor(theme.PANEL))
        small = 10 * self.scale
        base, high = self.height() - 1.9 * small, 1.5 * small
        painter.setPen(pen(theme.EDGE))
        painter.drawLine(QtCore.QPointF(self._x(0.0), base), QtCore.QPointF(self._x(self.end_s), base))
        step = next((one for one in (0.5, 1, 2, 5, 10, 20, 60) if self.end_s / one <= 12), 120)
        for number in range(math.floor(self.end_s / step + 1e-6) + 1):
            x = self._x(number * step)
            painter.setPen(pen(theme.EDGE))
            painter.drawLine(QtCore.QPointF(x, base), QtCore.QPointF(x, base + 4))
            text(
                painter,
                QtCore.QRectF(x - 30, base + 4, 60, 1.5 * small),
                f"{number * step:g} s",
                theme.FAINT,
                small,
                flags=MIDDLE,
            )
        self._paint_curve(painter, base, high)
        for time_s, words in self.events:
            x, is_burst = self._x(time_s), "burst" in words
            painter.setPen(pen(theme.ALARM if is_burst else theme.FAINT, 1.5))
            painter.drawLine(QtCore.QPointF(x, high), QtCore.QPointF(x, base))
        for time_s, words in self.bookmarks:
            x = self._x(time_s)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QtGui.QColor(theme.WARN))
            painter.drawPolygon(
                [QtCore.QPointF(x, 0.1 * small), QtCore.QPointF(x + small, 0.55 * small), QtCore.QPointF(x, small)]
            )
            painter.setPen(pen(theme.WARN, 1.5))
            painter.drawLine(QtCore.QPointF(x, 0.1 * small), QtCore.QPointF(x, base))
            text(painter, QtCore.QRectF(x + 1.2 * small, 0, 300, 1.2 * small), words, theme.WARN, small, flags=TOP_LEFT)
        painter.setPen(pen(theme.INK, 1.5))
        painter.drawLine(QtCore.QPointF(self._x(self.now_s), 0), QtCore.QPointF(self._x(self.now_s), base + 4))

    def _paint_curve(self, painter: QtGui.QPainter, base: float, high: float) -> None:
        top = max([*self.levels, LEAST_TOP])
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for levels, colour, width in ((self.thin, theme.FAINT, 1.0), (self.levels, theme.ACCENT, 1.6)):
            points = [
                QtCore.QPointF(self._x(t), base - (base - high) * p / top) for t, p in zip(self.times, levels, strict=False)
            ]
            painter.setPen(pen(colour, width))
            painter.drawPolyline(points)
        painter.setPen(pen(theme.WARN, 3.0))
        before = 0.0
        for t, total in zip(self.times, self.xrays, strict=False):
            if total > before + 1e-9:
                painter.drawLine(QtCore.QPointF(self._x(t - (total - before)), base - 1), QtCore.QPointF(self._x(t), base - 1))
            before = total

    def _x(self, time_s: float) -> float:
        margin = 18.0 * self.scale
        return margin + (self.width() - 2 * margin) * time_s / self.end_s

    def _time(self, x: float) -> float:
        margin = 18.0 * self.scale
        return min(max((x - margin) / max(self.width() - 2 * margin, 1.0), 0.0), 1.0) * self.end_s

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        """Choose a time."""
        if self._can_choose:
            self.chosen.emit(self._time(event.position().x()))

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:
        """Choose times while the button is held; tell what lies under the pointer."""
        if self._can_choose and event.buttons() & Qt.MouseButton.LeftButton:
            self.chosen.emit(self._time(event.position().x()))
        near = [words for at, words in (*self.events, *self.bookmarks) if abs(self._x(at) - event.position().x()) < 6]
        self.setToolTip("\n".join(near))
