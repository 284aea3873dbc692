"""A gamepad as keys: its buttons, triggers and sticks have names in the same file as a keyboard's; needs the extra `gamepad`."""

import os
from typing import Any

from viewer.room.bindings import Bindings

BUTTONS = {
    "A": "A", "B": "B", "X": "X", "Y": "Y", "LEFTSHOULDER": "LB", "RIGHTSHOULDER": "RB", "BACK": "Back", "START": "Start",
    "LEFTSTICK": "Left Stick", "RIGHTSTICK": "Right Stick", "DPAD_UP": "Up", "DPAD_DOWN": "Down", "DPAD_LEFT": "Left",
    "DPAD_RIGHT": "Right",
}  # fmt: skip
AXES = {
    "TRIGGERLEFT": ("", "LT"), "TRIGGERRIGHT": ("", "RT"),
    "LEFTX": ("Left Stick Left", "Left Stick Right"), "LEFTY": ("Left Stick Up", "Left Stick Down"),
    "RIGHTX": ("Right Stick Left", "Right Stick Right"), "RIGHTY": ("Right Stick Up", "Right Stick Down"),
}  # fmt: skip
"""What an axis does at its low and at its high end."""

FULL = 32767
BEGINS, ENDS = 0.5, 0.35
"""Shares of an axis's way at which it counts as pressed, and no longer as pressed: apart, so that it does not flutter."""


class Gamepad:
    """Every gamepad that is plugged in, now or later.

    Attributes
    ----------
    is_lost
        Whether one was pulled out; whoever has told so sets it back.
    """

    def __init__(self, bindings: Bindings, library: Any, controllers: Any) -> None:
        """library: `pygame`; controllers: `pygame._sdl2.controller`."""
        self._bindings, self._library, self._controllers = bindings, library, controllers
        self.is_lost = False
        self._open: dict[int, Any] = {}
        self._down: set[tuple[int, str]] = set()
        self._buttons = {getattr(library, f"CONTROLLER_BUTTON_{name}"): words for name, words in BUTTONS.items()}
        self._axes = {getattr(library, f"CONTROLLER_AXIS_{name}"): words for name, words in AXES.items()}

    def poll(self) -> list[tuple[str, bool]]:
        """What began (True) and what ended (False) since it was asked last, as actions in their order."""
        changed: list[tuple[str, bool]] = []
        library = self._library
        for event in library.event.get():
            if event.type == library.CONTROLLERDEVICEADDED:
                pad = self._controllers.Controller(event.device_index)
                self._open[pad.id] = pad
            elif event.type == library.CONTROLLERDEVICEREMOVED and event.instance_id in self._open:
                self.is_lost = True
                for pad, name in sorted(self._down):
                    if pad == event.instance_id:
                        changed += self._set(pad, name, is_down=False)
                del self._open[event.instance_id]
            elif event.type in (library.CONTROLLERBUTTONDOWN, library.CONTROLLERBUTTONUP):
                name = self._buttons.get(event.button, "")
                changed += self._set(event.instance_id, name, is_down=event.type == library.CONTROLLERBUTTONDOWN)
            elif event.type == library.CONTROLLERAXISMOTION:
                for name, share in zip(self._axes.get(event.axis, ()), (-event.value / FULL, event.value / FULL), strict=False):
                    is_held = (event.instance_id, name) in self._down
                    changed += self._set(event.instance_id, name, is_down=share > (ENDS if is_held else BEGINS))
        return changed

    def close(self) -> None:
        """Let the gamepads go."""
        for pad in self._open.values():
            pad.quit()
        self._open.clear()

    def _set(self, pad: int, name: str, *, is_down: bool) -> list[tuple[str, bool]]:
        key = (pad, name)
        if pad not in self._open or not name or is_down == (key in self._down):
            return []
        (self._down.add if is_down else self._down.discard)(key)
        action = self._bindings.action(f"Pad {name}")
        return [] if action is None else [(action, is_down)]


def open_gamepad(bindings: Bindings) -> Gamepad | None:
    """The gamepads of this machine; None where the extra is not installed or there is no way to them."""
    # It is to work in the background of another library's window, and Ctrl-C stays the program's.
    for name, value in (
        ("SDL_VIDEODRIVER", "dummy"), ("SDL_AUDIODRIVER", "dummy"), ("SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS", "1"),
        ("SDL_NO_SIGNAL_HANDLERS", "1"), ("PYGAME_HIDE_SUPPORT_PROMPT", "1"),
    ):  # fmt: skip
        os.environ.setdefault(name, value)
    try:
        import pygame  # pyright: ignore[reportMissingImports]
        from pygame._sdl2 import controller  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    try:
        pygame.display.init()
        controller.init()
    except pygame.error:
        return None
    return Gamepad(bindings, pygame, controller)
