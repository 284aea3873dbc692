"""The door of a page: its server on this machine, who may enter, and where it is."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from aiohttp import web  # pyright: ignore[reportMissingImports]
from trame.app import get_server  # pyright: ignore[reportMissingImports]
from trame.ui.html import DivLayout  # pyright: ignore[reportMissingImports]
from trame.widgets.vtk import VtkRemoteView  # pyright: ignore[reportMissingImports]

from meshing.errors import InputError
from viewer.room import theme
from viewer.room.browser.guard import Guard, Handler

PAGE = Path(__file__).parent / "page"
MODULE = "vesalius_room"
VIEW = "<!-- view -->"
COLOURS = ("GROUND", "PANEL", "RAISED", "EDGE", "INK", "FAINT", "ACCENT", "WARN", "ALARM")


class Door:
    """One page, served to those who have its token.

    Attributes
    ----------
    server
        The page's server, with its state and its triggers.
    address
        Where the page is, with its token; once it is served.
    """

    def __init__(self, name: str) -> None:
        self.server: Any = get_server(name)
        self.address = ""
        self._guard = Guard()
        parts = {"scripts": [f"{MODULE}/room.js"], "styles": [f"{MODULE}/room.css"]}
        self.server.enable_module({"serve": {MODULE: str(PAGE)}, **parts})

    def furnish(self, html: str, windows: list[Any]) -> list[Any]:
        """Lay out the page; gives the views of VTK's windows, which take the places of `VIEW` one after the other."""
        style = ";".join(f"--{one.lower()}:{getattr(theme, one)}" for one in COLOURS)
        first, *others = html.split(VIEW)
        views = []
        with DivLayout(self.server, style=style) as layout:
            layout.root.children.append(first)
            for window, after in zip(windows, others, strict=True):
                views.append(
                    VtkRemoteView(window, interactive_quality=70, still_quality=92, interactive_ratio=1, still_ratio=1)
                )
                layout.root.children.append(after)
        return views

    async def serve(
        self,
        host: str,
        port: int,
        *,
        tell: Callable[[str], None],
        work: Coroutine[Any, Any, None],
        files: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] | None = None,
    ) -> None:
        """Serve the page and do work beside it until this is cancelled.

        tell: given the address; files: what answers at other addresses than the page's.
        """
        # The server reads the program's own arguments, and says things of its own, unless it is told otherwise.
        os.environ["TRAME_ARGS"], os.environ["WSLINK_READY_MSG"] = "", ""
        self.server.controller.on_server_bind.add(lambda bound: self._open(bound, files or {}))
        self.server.controller.on_server_ready.add(lambda **_: tell(self._be_told(host)))
        serving = self.server.start(
            host=host, port=port, exec_mode="coroutine", thread=True, open_browser=False, show_connection_info=False,
            disable_logging=True, timeout=0,
        )  # fmt: skip
        await asyncio.gather(serving, work)

    def show(self, what: dict[str, Any]) -> None:
        """Show on the page what has changed."""
        with self.server.state as state:
            state.update(what)

    def _open(self, bound: Any, files: dict[str, Handler]) -> None:
        self._guard.admit(bound.app)
        for name, answer in files.items():
            bound.app.router.add_get(f"/{name}", answer)

    def _be_told(self, host: str) -> str:
        shown = f"[{host}]" if ":" in host else host
        self.address = f"http://{shown}:{self.server.port}/?token={self._guard.token}"
        return self.address


def run_until_interrupted(work: Coroutine[Any, Any, None]) -> None:
    """Let a page be served until Ctrl-C."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(work)


def check_place(host: str, port: int) -> None:
    """Make sure that something can be served there.

    Raises
    ------
    InputError
        If the address is none of this machine's, or the port is taken.
    """
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except (OSError, OverflowError) as error:
        raise InputError(
            f"The page cannot be served at {host}, port {port} ({getattr(error, 'strerror', None) or error}); "
            "choose another with --host and --port, or leave them out."
        ) from error
