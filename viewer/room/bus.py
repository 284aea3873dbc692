"""The one way in: whatever is done in the room is an event on the bus, whoever does it.

Keyboard, script and an old recording post to the same bus, and the engine's thread takes from it before each tick. An event has
its effect from the beginning of a tick; that time is written into it when it is taken, and so a recording of taken events,
posted again, has the same effects at the same ticks.
"""

import dataclasses
import threading
from collections.abc import Iterable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that was done.

    Attributes
    ----------
    time_s
        When it has its effect, in simulated time [s]; None for as soon as can be.
    actor
        Who did it: "keyboard", "mouse", "script".
    verb
        What, one of `viewer.room.actions`.
    value
        With what: True and False for a key that goes down and up, else what the verb needs.
    """

    time_s: float | None
    actor: str
    verb: str
    value: Any = True

    def row(self) -> list[Any]:
        """The event as a recording keeps it."""
        return [self.time_s, self.actor, self.verb, list(self.value) if isinstance(self.value, tuple) else self.value]

    @staticmethod
    def of_row(row: Iterable[Any]) -> "Event":
        """The event that a recording kept."""
        time_s, actor, verb, value = row
        return Event(time_s, actor, verb, tuple(value) if isinstance(value, list) else value)


class Bus:
    """Events that wait for their tick; any thread may post, one takes."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Event] = list(events)

    def post(self, actor: str, verb: str, value: Any = True, *, time_s: float | None = None) -> None:
        """Say that something was done; without a time, it has its effect at the next tick that begins."""
        with self._lock:
            self._waiting.append(Event(time_s, actor, verb, value))

    def take(self, now_s: float) -> list[Event]:
        """Take what is due at the beginning of a tick [s], in the order of time and of posting, stamped with that time."""
        with self._lock:
            due = [one for one in self._waiting if one.time_s is None or one.time_s <= now_s + 1e-9]
            self._waiting = [one for one in self._waiting if not (one.time_s is None or one.time_s <= now_s + 1e-9)]
        due.sort(key=lambda one: now_s if one.time_s is None else one.time_s)
        return [dataclasses.replace(one, time_s=round(now_s, 9)) for one in due]

    def forget(self) -> None:
        """Let go of all that waits for the next tick, as time goes back and none of it has been done."""
        with self._lock:
            self._waiting = [one for one in self._waiting if one.time_s is not None]

    def last_s(self) -> float:
        """The time of the last event that is known to come [s]; 0 if none is."""
        with self._lock:
            return max((one.time_s for one in self._waiting if one.time_s is not None), default=0.0)
