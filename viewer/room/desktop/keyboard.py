"""Keys of Qt by the program's own names; a key that is down stays what it was when it went down."""

from PySide6 import QtCore, QtGui

from viewer.room.bindings import Bindings

Qt = QtCore.Qt
NAMES = {
    Qt.Key.Key_Space: "Space", Qt.Key.Key_Tab: "Tab", Qt.Key.Key_Backtab: "Tab", Qt.Key.Key_Backspace: "Backspace",
    Qt.Key.Key_Return: "Enter", Qt.Key.Key_Enter: "Enter", Qt.Key.Key_Escape: "Escape", Qt.Key.Key_Insert: "Insert",
    Qt.Key.Key_Delete: "Delete", Qt.Key.Key_Home: "Home", Qt.Key.Key_End: "End", Qt.Key.Key_PageUp: "Page Up",
    Qt.Key.Key_PageDown: "Page Down", Qt.Key.Key_Pause: "Pause", Qt.Key.Key_Up: "Up", Qt.Key.Key_Down: "Down",
    Qt.Key.Key_Left: "Left", Qt.Key.Key_Right: "Right", Qt.Key.Key_Print: "Print", Qt.Key.Key_Menu: "Menu",
}  # fmt: skip
WITHOUT_NUM_LOCK = {
    Qt.Key.Key_Insert: "0", Qt.Key.Key_End: "1", Qt.Key.Key_Down: "2", Qt.Key.Key_PageDown: "3", Qt.Key.Key_Left: "4",
    Qt.Key.Key_Clear: "5", Qt.Key.Key_Right: "6", Qt.Key.Key_Home: "7", Qt.Key.Key_Up: "8", Qt.Key.Key_PageUp: "9",
    Qt.Key.Key_Delete: ".",
}  # fmt: skip
MODIFIERS = (
    (Qt.KeyboardModifier.ControlModifier, "Ctrl"), (Qt.KeyboardModifier.AltModifier, "Alt"),
    (Qt.KeyboardModifier.ShiftModifier, "Shift"),
)  # fmt: skip
MODIFIER_KEYS = {Qt.Key.Key_Control, Qt.Key.Key_Shift, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_AltGr}


def name_of(event: QtGui.QKeyEvent) -> str | None:
    """The name of a key with its modifiers, as `viewer.room.bindings` has it; None for one without a name."""
    key = Qt.Key(event.key())
    if key in MODIFIER_KEYS:
        return None
    modifiers = event.modifiers()
    if modifiers & Qt.KeyboardModifier.KeypadModifier:
        printed = "Enter" if key == Qt.Key.Key_Enter else WITHOUT_NUM_LOCK.get(key) or _printed(key)
        name = None if printed is None else f"Numpad {printed}"
    elif Qt.Key.Key_F1 <= key <= Qt.Key.Key_F24:
        name = f"F{int(key) - int(Qt.Key.Key_F1) + 1}"
    else:
        name = NAMES.get(key) or _printed(key)
    if name is None:
        return None
    return "+".join([*(word for modifier, word in MODIFIERS if modifiers & modifier), name])


class Keyboard:
    """Turns presses and releases into actions that begin and end; a key's own repeats are no presses."""

    def __init__(self, bindings: Bindings) -> None:
        self._bindings = bindings
        self._down: dict[int, str] = {}

    def press(self, event: QtGui.QKeyEvent) -> str | None:
        """The action that begins with this key; None if there is none, or it has begun already."""
        name = name_of(event)
        action = None if name is None else self._bindings.action(name)
        if action is None or event.isAutoRepeat() or event.key() in self._down:
            return None
        self._down[event.key()] = action
        return action

    def release(self, event: QtGui.QKeyEvent) -> str | None:
        """The action that ends with this key, whatever modifiers are held by now."""
        return None if event.isAutoRepeat() else self._down.pop(event.key(), None)

    def knows(self, event: QtGui.QKeyEvent) -> bool:
        """Whether a key is bound or held."""
        name = name_of(event)
        return event.key() in self._down or (name is not None and self._bindings.action(name) is not None)

    def let_go(self) -> list[str]:
        """Release everything, as when the window is left; the actions that end."""
        ended, self._down = list(self._down.values()), {}
        return ended


def _printed(key: QtCore.Qt.Key) -> str | None:
    code = int(key)
    return chr(code) if 0x21 <= code <= 0x7E else None
