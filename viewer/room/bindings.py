"""Which key does what, from a TOML file; names of keys are the program's own, so that they can be checked without a window."""

import re
from pathlib import Path
from typing import Any

from meshing.errors import InputError
from scenarios.assets import find_asset
from scenarios.tables import read_toml
from viewer.room.actions import ACTIONS

MODIFIERS = ("Ctrl", "Alt", "Shift")
NAMED_KEYS = (
    "Space", "Tab", "Backspace", "Enter", "Escape", "Insert", "Delete", "Home", "End", "Page Up", "Page Down", "Pause",
    "Up", "Down", "Left", "Right", "Print", "Menu",
)  # fmt: skip
STICKS = tuple(f"{side} Stick {way}" for side in ("Left", "Right") for way in ("Up", "Down", "Left", "Right"))
PADS = (
    "A", "B", "X", "Y", "LB", "RB", "LT", "RT", "Back", "Start", "Up", "Down", "Left", "Right", "Left Stick", "Right Stick",
    *STICKS,
)  # fmt: skip
"""What a gamepad's buttons, triggers and sticks are called after "Pad"; as printed on the most common ones."""

KEYS = {
    **{name.casefold(): name for name in NAMED_KEYS},
    **{one.casefold(): one for one in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,-+*/;'[]\\`="},
    **{f"f{number}": f"F{number}" for number in range(1, 25)},
    **{f"pad {one}".casefold(): f"Pad {one}" for one in PADS},
    **{f"numpad {one}".casefold(): f"Numpad {one}" for one in (*"0123456789+-*/.", "Enter")},
}
"""Every key there is a name for, by its name in small letters."""


class Bindings:
    """Actions by their keys."""

    def __init__(self, keys_of: dict[str, tuple[str, ...]]) -> None:
        self._keys_of = keys_of
        self._action_of = {key: action for action, keys in keys_of.items() for key in keys}

    def action(self, key: str) -> str | None:
        """What a key does, named as by `key_named`; None for nothing."""
        return self._action_of.get(key)

    def keys(self, action: str) -> tuple[str, ...]:
        """The keys that do something."""
        return self._keys_of.get(action, ())

    def printed(self, action: str) -> str:
        """The keys of a keyboard that do something, as they are told to a person."""
        return " or ".join(key for key in self.keys(action) if not key.startswith("Pad "))


def read_bindings(own: Path | None = None) -> Bindings:
    """Read the keys that come with the program, and those of a person's own file over them.

    Raises
    ------
    InputError
        If a file cannot be read, or names an action or a key that there is not, or one key for two actions.
    """
    shipped = find_asset("bindings.toml")
    keys_of = _read(shipped)
    if own is not None:
        mine = _read(own)
        taken = {key for keys in mine.values() for key in keys}
        # A key that a person gives to something else leaves what it did before without it.
        kept = {action: tuple(key for key in keys if key not in taken) for action, keys in keys_of.items()}
        keys_of = {**kept, **mine}
    return Bindings(keys_of)


def key_named(words: str) -> str | None:
    """The name of a key with its modifiers in their order, from what a person wrote; None if there is no such key."""
    parts = re.split(r"\+(?=.)", words.strip())
    *before, key = [" ".join(part.split()) for part in parts]
    modifiers = {part.capitalize() for part in before}
    if key.casefold() not in KEYS or not modifiers <= set(MODIFIERS) or len(modifiers) < len(before):
        return None
    if modifiers and KEYS[key.casefold()].startswith("Pad "):
        return None
    return "+".join([*(one for one in MODIFIERS if one in modifiers), KEYS[key.casefold()]])


def _read(path: Path) -> dict[str, tuple[str, ...]]:
    keys_of: dict[str, tuple[str, ...]] = {}
    owner: dict[str, str] = {}
    for action, given in _flat(read_toml(path), path):
        if action not in ACTIONS:
            raise InputError(f"In {path.name}, there is no action {action!r}; there is: {', '.join(ACTIONS)}.")
        names = []
        for words in [given] if isinstance(given, str) else given:
            name = key_named(words)
            if name is None:
                raise InputError(
                    f"In {path.name}, {words!r} of {action} is not the name of a key; keys are named as in A, F3, Space, "
                    "Numpad 4, Ctrl+R or Pad A."
                )
            if owner.setdefault(name, action) != action:
                raise InputError(f"In {path.name}, {name} is given to both {owner[name]} and {action}; give one of them another.")
            names.append(name)
        keys_of[action] = tuple(dict.fromkeys(names))
    return keys_of


def _flat(table: dict[str, Any], path: Path) -> list[tuple[str, Any]]:
    """Entries of a file, with or without the headings above them."""
    rows = []
    for name, value in table.items():
        if isinstance(value, dict):
            rows += _flat(value, path)
        elif isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value)):
            rows.append((name, value))
        else:
            raise InputError(f"In {path.name}, {name} is {value!r}; give the name of a key, or a list of them.")
    return rows
