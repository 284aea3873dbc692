"""The X-ray monitor in a process of its own, so that pictures come at pulse rate however long a tick takes.

Kernels of one process run one after the other; a picture in the engine's process would wait for the tick to end.
"""

import contextlib
import multiprocessing
from multiprocessing.connection import Connection
from typing import Any

from viewer.room.monitor import Monitor, Picture, Request

STARTING, READY, BUSY, GONE = "starting", "ready", "busy", "gone"


class BeamProcess:
    """One picture at a time: `ask`, and later `take`.

    Attributes
    ----------
    state
        "starting" until it can picture something, "ready", "busy" with a picture, or "gone".
    error
        Why it is gone; None while it is not, or was asked to go.
    notes
        What the pictures' viewer should know of the patient in them.
    """

    def __init__(self, case: Any) -> None:
        """Start the process; it sets up while the room opens."""
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self.state, self.error, self.notes = STARTING, None, ()
        self._process = context.Process(target=_work, args=(theirs, case), name="beam", daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, request: Request) -> bool:
        """Ask for a picture; False while it is not ready for it."""
        if self.state != READY:
            return False
        try:
            self._ours.send(request)
        except (OSError, ValueError) as error:
            self._lose(error)
            return False
        self.state = BUSY
        return True

    def take(self) -> Picture | None:
        """The picture that was asked for, if it is done; waits for nothing."""
        try:
            if self.state == GONE or not self._ours.poll():
                return None
            what, value = self._ours.recv()
        except (OSError, EOFError) as error:
            self._lose(error)
            return None
        if what == "ready":
            self.state, self.notes = READY, value
            return None
        if what == "error":
            self.state = READY if self.state == BUSY else GONE
            self.error = value
            return None
        self.state = READY
        return value

    def close(self) -> None:
        """Let the process end."""
        self.state = GONE
        with contextlib.suppress(OSError, ValueError):
            self._ours.send(None)
        self._process.join(2.0)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(2.0)
        self._ours.close()

    def _lose(self, error: Exception) -> None:
        if self.state != GONE:
            self.state, self.error = GONE, f"The X-ray pictures stopped ({type(error).__name__})."


def _work(connection: Connection, case: Any) -> None:
    from meshing.errors import InputError
    from sim import backend

    try:
        # The engine has the GPU, where there is one.
        backend.start("cpu")
        monitor = Monitor(case)
        connection.send(("ready", monitor.notes))
        while True:
            request = connection.recv()
            if request is None:
                return
            try:
                connection.send(("picture", monitor.picture(request)))
            except InputError as error:
                connection.send(("error", str(error)))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return
    except Exception as error:
        connection.send(("error", f"The X-ray pictures stopped: {error} ({type(error).__name__})."))
