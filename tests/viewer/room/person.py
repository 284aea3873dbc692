"""A scripted person in a process of its own, under an X server: opens the small case, works by key, leaves pictures.

python -m tests.viewer.room.person KEPT FOLDER TICKS | soak SECONDS | wires | sheath: writes step-*.png and told.json to
FOLDER, the recording to FOLDER/run. With review RECORDING... it looks at recordings instead.
"""

import dataclasses
import gc
import json
import sys
import time
from pathlib import Path

from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtTest import QTest

from scenarios.procedure import STENT
from tests.viewer.room.quick import quick_passage, quick_session, quick_sheath
from viewer.room.bindings import read_bindings
from viewer.room.comparing import sides_of
from viewer.room.desktop.review import ReviewWindow
from viewer.room.desktop.window import RoomWindow, application_of
from viewer.room.held import hold
from viewer.room.session import Session

Key = QtCore.Qt.Key
NUMPAD = QtCore.Qt.KeyboardModifier.KeypadModifier


class Person:
    """Hands on a keyboard and eyes on the screen."""

    def __init__(self, session: Session, folder: Path, *, width: int = 1280, height: int = 800) -> None:
        self.session, self.folder, self.told = session, folder, {}
        application_of()
        self.window = RoomWindow(self.session, read_bindings())
        self.window.resize(width, height)
        self.window.show()
        self.session.start()
        self.window.activateWindow()
        self.stalls: list[float] = []
        self.wait(lambda: self.window.isActiveWindow(), 20)
        self.wait(lambda: self.window.desk.beam.state == "ready", 90)

    def wait(self, is_so, timeout_s: float = 60.0) -> bool:
        """Let the window live until something is so."""
        until = time.monotonic() + timeout_s
        while not is_so():
            if time.monotonic() > until:
                return False
            began = time.perf_counter()
            QtWidgets.QApplication.processEvents(QtCore.QEventLoop.ProcessEventsFlag.AllEvents, 20)
            self.stalls.append(time.perf_counter() - began)
            time.sleep(0.003)
        return True

    def pass_ticks(self, count: int) -> bool:
        """Wait for so many ticks."""
        until = self.session.latest.tick + count
        return self.wait(lambda: self.session.latest.tick >= until or not self.session.is_alive)

    def hold(self, key, ticks: int, modifier=QtCore.Qt.KeyboardModifier.NoModifier) -> None:
        """Hold a key for some ticks; its own repeats arrive as they do from a keyboard."""
        QTest.keyPress(self.window, key, modifier)
        repeat = QtGui.QKeyEvent(QtCore.QEvent.Type.KeyPress, key, modifier, "", True, 1)
        QtWidgets.QApplication.sendEvent(self.window, repeat)
        self.pass_ticks(ticks)
        QTest.keyRelease(self.window, key, modifier)

    def tap(self, key, modifier=QtCore.Qt.KeyboardModifier.NoModifier) -> None:
        """Press a key and let it go."""
        QTest.keyClick(self.window, key, modifier)
        self.wait(lambda: False, 0.1)

    def photograph(self, name: str) -> None:
        """Keep a picture of the whole screen."""
        self.wait(lambda: False, 0.15)
        screen = QtGui.QGuiApplication.primaryScreen()
        screen.grabWindow(0).save(str(self.folder / f"step-{name}.png"))

    def work(self, *, inflate_ticks: int) -> None:
        """The whole procedure; the balloon is inflated for some ticks, and as long again once it was held."""
        window, session = self.window, self.session
        self.photograph("1-plan")
        QTest.keyPress(window, Key.Key_Space)
        self.told["picture before time began"] = self.wait(lambda: window.live._image is not None, 60)
        window.do("subtract")
        self.tap(Key.Key_P)
        self.told["time runs"] = self.pass_ticks(2)
        self.wait(lambda: window.live.words.startswith("mask 6") or window.live.words.startswith("subtracted"), 20)
        self.tap(Key.Key_V, QtCore.Qt.KeyboardModifier.ShiftModifier)
        self.told["dye"] = self.wait(lambda: session.latest.contrast_ml > 1.5)
        self.told["subtracted"] = self.wait(lambda: window.live.words.startswith("subtracted"), 20)
        self.photograph("2-dye-subtracted")
        self.tap(Key.Key_R, QtCore.Qt.KeyboardModifier.ControlModifier)
        window.do("subtract")
        QTest.keyPress(window, Key.Key_6, NUMPAD)
        self.wait(lambda: window.desk.carm_deg[0] > 4, 20)
        QTest.keyRelease(window, Key.Key_6, NUMPAD)
        self.told["C-arm"] = window.desk.carm_deg
        self.hold(Key.Key_I, inflate_ticks)
        self.told["pressure"] = session.latest.pressure_atm[STENT]
        self.pass_ticks(1)
        self.tap(Key.Key_B, QtCore.Qt.KeyboardModifier.ControlModifier)
        self.tap(Key.Key_T)
        self.pass_ticks(1)
        self.photograph("3-inflating-stress")
        self.tap(Key.Key_X)
        self.hold(Key.Key_I, inflate_ticks)
        self.pass_ticks(1)
        self.photograph("4-inflated-open")
        self.look_at_slices()
        window.do("mode", "exam")
        self.pass_ticks(1)
        self.photograph("5-exam")
        window.do("mode", "plain")
        window.resize(880, 640)
        self.pass_ticks(1)
        self.told["plain size"] = [window.width(), window.height()]
        self.photograph("5-plain")
        window.do("mode", "rehearse")
        window.resize(1280, 800)
        self.tap(Key.Key_Backspace)
        self.told["empty"] = self.wait(lambda: session.latest.pressure_atm[STENT] == 0.0)
        QTest.keyRelease(window, Key.Key_Space)
        self.tap(Key.Key_X)
        self.tap(Key.Key_T)
        self.pass_ticks(1)
        self.photograph("6-after")
        self.tap(Key.Key_P)
        self.told["stands still"] = not session.is_running

    def look_at_slices(self) -> None:
        """Slices instead of the 3-D view: scrolled by key and by wheel, and back to the device."""
        desk = self.window.desk
        self.tap(Key.Key_Q)
        self.pass_ticks(1)
        self.photograph("4-slices")
        place = desk.deck.place(self.session.latest)
        QTest.keyPress(self.window, Key.Key_PageUp)
        self.wait(lambda: desk.deck.place(self.session.latest) > place + 2.0, 20)
        QTest.keyRelease(self.window, Key.Key_PageUp)
        slices = self.window.slices
        at = slices._box("axial").center()
        wheel = QtGui.QWheelEvent(
            at, QtCore.QPointF(slices.mapToGlobal(at.toPoint())), QtCore.QPoint(), QtCore.QPoint(0, 240),
            QtCore.Qt.MouseButton.NoButton, QtCore.Qt.KeyboardModifier.NoModifier, QtCore.Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        before = desk.deck.plane("axial", self.session.latest).centre
        QtWidgets.QApplication.sendEvent(slices, wheel)
        self.told["slices"] = {
            "by key": desk.deck.place(self.session.latest) - place,
            "by wheel": (desk.deck.plane("axial", self.session.latest).centre - before).tolist(),
        }
        self.photograph("4-slices-scrolled")
        self.tap(Key.Key_Home)
        self.told["slices"]["follow"] = desk.deck.station_mm is None
        self.tap(Key.Key_Q)

    def push(self) -> None:
        """Wires: pushed in, turned, pulled back, slowly and fast, one and then the other."""
        window, session = self.window, self.session
        self.photograph("1-plan")
        QTest.keyPress(window, Key.Key_Space)
        self.tap(Key.Key_P)
        self.told["time runs"] = self.pass_ticks(1)
        self.hold(Key.Key_Up, 8, QtCore.Qt.KeyboardModifier.ShiftModifier)
        self.hold(Key.Key_Right, 2)
        self.hold(Key.Key_Down, 2)
        self.told["picture"] = self.wait(lambda: window.live._image is not None, 60)
        self.photograph("2-wire")
        self.tap(Key.Key_2)
        self.hold(Key.Key_Up, 3)
        self.pass_ticks(1)
        self.tap(Key.Key_Q)
        self.pass_ticks(1)
        self.photograph("3-catheter-slices")
        window.do("mode", "exam")
        self.pass_ticks(1)
        self.photograph("4-exam")
        QTest.keyRelease(window, Key.Key_Space)
        self.tap(Key.Key_P)
        self.told["wires"] = [dataclasses.asdict(one) for one in session.latest.wires]

    def release(self) -> None:
        """A sheath: drawn back half way by key, not pushed forward, drawn all the way back in an exam; then the balloon."""
        window, session = self.window, self.session
        shift = QtCore.Qt.KeyboardModifier.ShiftModifier
        self.photograph("1-plan")
        QTest.keyPress(window, Key.Key_Space)
        self.tap(Key.Key_P)
        self.told["time runs"] = self.pass_ticks(2)
        self.hold(Key.Key_Down, 7, shift)
        self.told["picture"] = self.wait(lambda: window.live._image is not None, 60)
        self.pass_ticks(2)
        sheath = session.latest.sheath
        assert sheath is not None
        self.told["half"] = dataclasses.asdict(sheath)
        self.photograph("2-half")
        self.hold(Key.Key_Up, 2)
        self.told["forward"] = [words for _, words in session.latest.events]
        self.tap(Key.Key_Q)
        self.pass_ticks(1)
        self.photograph("3-slices")
        self.tap(Key.Key_Q)
        window.do("mode", "exam")
        self.hold(Key.Key_Down, 6, shift)
        self.pass_ticks(2)
        self.photograph("4-exam")
        window.do("mode", "rehearse")
        self.pass_ticks(8)
        self.tap(Key.Key_Tab)
        self.hold(Key.Key_I, 6)
        self.pass_ticks(1)
        self.photograph("5-balloon")
        self.told["pressure"] = session.latest.pressure_atm["postdilation"]
        self.tap(Key.Key_Backspace)
        self.told["empty"] = self.wait(lambda: session.latest.pressure_atm["postdilation"] == 0.0)
        QTest.keyRelease(window, Key.Key_Space)
        self.tap(Key.Key_P)

    def soak(self, seconds: float) -> None:
        """Let the room run with X-rays on and look at memory after a third of it and at the end [MiB]."""
        QTest.keyPress(self.window, Key.Key_Space)
        self.session.run()
        marks = {}
        began = time.monotonic()
        for name, until in (("first", seconds / 3.0), ("last", seconds)):
            self.wait(lambda until=until: time.monotonic() - began > until, seconds)
            gc.collect()
            marks[name] = resident_mib()
        QTest.keyRelease(self.window, Key.Key_Space)
        self.told["soak"] = {**marks, "ticks": self.session.latest.tick, "pulses": self.window.desk._pulses}

    def leave(self) -> None:
        """Close the window and write down what was seen."""
        began = time.perf_counter()
        self.window.close()
        self.told["closed"] = self.wait(lambda: not self.window.isVisible(), 30)
        self.told["closing_s"] = time.perf_counter() - began
        self.told["error"] = self.session.error
        self.told["longest_stall_s"] = max(self.stalls)
        self.told["ticks"] = self.session.latest.tick
        (self.folder / "told.json").write_text(json.dumps(self.told))


def look_at(folder: Path, recordings: list[Path]) -> None:
    """Review recordings: stepped and played by key, chosen on the course of time."""
    application_of()
    window, told = ReviewWindow(sides_of([hold(one) for one in recordings]), read_bindings()), {}
    replay = window.replay

    def live(is_so, timeout_s: float = 20.0) -> bool:
        until = time.monotonic() + timeout_s
        while not is_so() and time.monotonic() < until:
            QtWidgets.QApplication.processEvents(QtCore.QEventLoop.ProcessEventsFlag.AllEvents, 20)
            time.sleep(0.003)
        return is_so()

    def photograph(name: str) -> None:
        until = time.monotonic() + 0.5
        live(lambda: time.monotonic() > until)
        QtGui.QGuiApplication.primaryScreen().grabWindow(0).save(str(folder / f"step-{name}.png"))

    window.show()
    live(window.isVisible)
    photograph("1-beginning")
    QTest.keyClick(window, Key.Key_Right)
    QTest.keyClick(window, Key.Key_Right)
    told["stepped"] = replay.time_s
    line = window.lines["A"]
    QTest.mouseClick(line, QtCore.Qt.MouseButton.LeftButton, pos=QtCore.QPoint(line.width() // 2, line.height() // 2))
    told["chosen"], told["end"] = replay.time_s, replay.end_s
    told["words"] = {letter: label.text() for letter, label in window.told.items()}
    photograph("2-chosen")
    QTest.keyClick(window, Key.Key_S, QtCore.Qt.KeyboardModifier.ControlModifier)
    told["picture"] = window.message.text()
    QTest.keyClick(window, Key.Key_Space)
    told["played to the end"] = live(lambda: not replay.is_playing) and replay.time_s == replay.end_s
    told["button"] = window.play.text()
    photograph("3-end")
    window.close()
    (folder / "told.json").write_text(json.dumps(told))


def resident_mib() -> float:
    """Memory that this process holds [MiB]."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024.0
    raise LookupError("VmRSS")


def main() -> None:
    """Work, soak if asked to, leave."""
    kept, folder, *rest = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    if rest[:1] == ["review"]:
        look_at(Path(folder), [Path(one) for one in rest[1:]])
        return
    run = Path(folder) / "run"
    if rest == ["wires"]:
        session = quick_passage(run, pace=1.0)
    else:
        session = (quick_sheath if rest == ["sheath"] else quick_session)(Path(kept), run, pace=1.0)
    person = Person(session, Path(folder))
    if rest[:1] == ["soak"]:
        person.soak(float(rest[1]))
    elif rest == ["wires"]:
        person.push()
    elif rest == ["sheath"]:
        person.release()
    else:
        person.work(inflate_ticks=int(rest[0]))
    person.leave()


if __name__ == "__main__":
    main()
