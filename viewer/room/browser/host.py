"""The room's server on this machine: it draws what the desk shows, and passes on what the page's hands do."""

import asyncio
import contextlib
import math
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import web  # pyright: ignore[reportMissingImports]
from trame.app import get_server  # pyright: ignore[reportMissingImports]
from trame.ui.html import DivLayout  # pyright: ignore[reportMissingImports]
from trame.widgets.vtk import VtkRemoteView  # pyright: ignore[reportMissingImports]

from meshing.errors import InputError
from scenarios.limits import LIMITS_OF_USE
from viewer.room import theme
from viewer.room.actions import ACTIONS
from viewer.room.beam_process import BeamProcess
from viewer.room.bindings import Bindings
from viewer.room.browser.drawings import dial, jpeg_of, sheath, timeline
from viewer.room.browser.guard import Guard
from viewer.room.desk import MODE_WORDS, Desk, Shown
from viewer.room.gauges import Gauge, gauges_of, sheath_gauges, title_of, wall_words
from viewer.room.hands import PUFF_ML
from viewer.room.inflating import Inflating
from viewer.room.monitor import PRESETS
from viewer.room.session import Session, Snapshot
from viewer.room.stage import Stage
from viewer.slices.planes import NAMES
from viewer.slices.volumes import Volume
from viewer.xray.carm import view_label
from viewer.xray.stills import SIMULATED

PAGE = Path(__file__).parent / "page"
FRAME_S = 0.03
REST_S = 0.005
"""What is left to the server between two rounds of drawing at least [s]."""

VIEW_SIZE = (520, 620)
SLICE_SIDE = 280
REVIEW = "review.html"
NO_PICTURE = {"src": "", "label": "", "words": ""}


class BrowserHost:
    """The desk as a page.

    Attributes
    ----------
    desk
        What is shown and done.
    address
        Where the page is, with its token; once it is served.
    is_reviewed
        Whether the page of the end was asked for.
    """

    def __init__(
        self, session: Session, bindings: Bindings, *, beam: BeamProcess | None = None, volume: Volume | None = None
    ) -> None:
        import pyvista

        from viewer.offscreen import quiet_vtk

        self.desk = Desk(session, bindings, see=self._see, beam=beam, volume=volume)
        self.address, self.is_reviewed = "", False
        self._session, self._guard = session, Guard()
        self._live: Shown | None = None
        self._reference: Shown | None = None
        self._slices: dict[str, np.ndarray] = {}
        self._page: Path | None = None
        quiet_vtk()
        self._plotter: Any = pyvista.Plotter(off_screen=True, window_size=list(VIEW_SIZE))
        self._plotter.disable_anti_aliasing()
        self._stage = Stage(self._plotter, self.desk.case)
        self._server: Any = get_server(f"room {id(self)}")
        self._build()

    async def serve(self, host: str, port: int, *, tell: Callable[[str], None], after: Callable[[], Path | None]) -> None:
        """Serve the page until this is cancelled; `tell` is given its address, `after` writes that of the end."""
        # The server reads the program's own arguments, and says things of its own, unless it is told otherwise.
        os.environ["TRAME_ARGS"], os.environ["WSLINK_READY_MSG"] = "", ""
        self._server.controller.on_server_bind.add(self._open_door)
        self._server.controller.on_server_ready.add(lambda **_: tell(self._be_told(host)))
        serving = self._server.start(
            host=host, port=port, exec_mode="coroutine", thread=True, open_browser=False, show_connection_info=False,
            disable_logging=True, timeout=0,
        )  # fmt: skip
        try:
            await asyncio.gather(serving, self._draw(after))
        finally:
            self._plotter.close()

    def _open_door(self, bound: Any) -> None:
        self._guard.admit(bound.app)
        bound.app.router.add_get(f"/{REVIEW}", self._give_page)

    async def _give_page(self, _: web.Request) -> web.Response:
        if self._page is None:
            raise web.HTTPNotFound
        return web.Response(text=self._page.read_text(encoding="utf-8"), content_type="text/html")

    def _be_told(self, host: str) -> str:
        shown = f"[{host}]" if ":" in host else host
        self.address = f"http://{shown}:{self._server.port}/?token={self._guard.token}"
        return self.address

    # --- the page ---------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        server, desk = self._server, self.desk
        name = "vesalius_room"
        server.enable_module({"serve": {name: str(PAGE)}, "scripts": [f"{name}/room.js"], "styles": [f"{name}/room.css"]})
        server.state.update(
            {
                "trame__title": f"Vesalius – {desk.case.name} – {LIMITS_OF_USE}",
                "name": desk.case.name,
                "limits": LIMITS_OF_USE,
                "simulated": SIMULATED,
                "modes": [{"name": one, "label": one.capitalize(), "words": words} for one, words in MODE_WORDS.items()],
                "views": [
                    {"verb": f"view_{number}", "label": words}
                    for number, words in enumerate([*(words for words, *_ in PRESETS), "Square"], 1)
                ],
                "tools": [
                    {"name": tool.name, "label": tool.words, "verb": f"device_{number}", "words": tool.place}
                    for number, tool in enumerate(self._session.hands.work.tools, 1)
                ],
                "wall": wall_words(self._session),
                "gauges_title": title_of(self._session),
                "dial": "",
                "sheath": "",
                "sheath_gauges": [],
                "titles": {action.name: self._title(action.name) for action in ACTIONS.values()},
                "bound": [key for action in ACTIONS for key in desk.bindings.keys(action)],
                "puff": f"Puff {PUFF_ML:g} mL",
                "live": NO_PICTURE,
                "reference": NO_PICTURE,
                "slices": [{"name": name, "src": ""} for name in NAMES],
                "ended": "",
                "ended_page": "",
                **self._of_switches(),
            }
        )
        for trigger in ("key", "press", "wheel", "let_go"):
            server.trigger(trigger)(getattr(self, f"_{trigger}"))
        server.controller.on_client_exited.add(self._let_go)
        self._draw_now()
        colours = ";".join(
            f"--{one.lower()}:{getattr(theme, one)}"
            for one in ("GROUND", "PANEL", "RAISED", "EDGE", "INK", "FAINT", "ACCENT", "WARN", "ALARM")
        )
        before, after = (PAGE / "room.html").read_text(encoding="utf-8").split("<!-- view -->")
        with DivLayout(server, style=colours) as layout:
            self._view = VtkRemoteView(
                self._plotter.render_window, interactive_quality=70, still_quality=92, interactive_ratio=1, still_ratio=1,
            )  # fmt: skip
            layout.root.children.insert(0, before)
            layout.root.children.append(after)

    def _title(self, action: str) -> str:
        keys = self.desk.bindings.printed(action)
        return f"{ACTIONS[action].words}{f' ({keys})' if keys else ''}"

    # --- what hands do ----------------------------------------------------------------------------------------------

    def _key(self, name: str, is_down: bool) -> None:
        action = self.desk.bindings.action(name)
        if action is not None and (is_down or ACTIONS[action].is_held):
            self.desk.do(action, is_down)

    def _press(self, verb: str, value: Any) -> None:
        if verb in ACTIONS or (verb == "mode" and value in MODE_WORDS):
            self.desk.do(verb, value, actor="mouse")

    def _wheel(self, name: str, notches: float, zooms: bool) -> None:
        if name in NAMES and math.isfinite(notches):
            self.desk.wheel(name, notches, zooms=zooms)

    def _let_go(self, **_: Any) -> None:
        self.desk.let_go()

    def _see(self, verb: str) -> None:
        if verb != "slices":
            self._stage.do(verb)
        self._session.wants_stress = self._stage.shows_stress
        self._server.state.update(self._of_switches())
        self._view.update()

    # --- what is seen -----------------------------------------------------------------------------------------------

    async def _draw(self, after: Callable[[], Path | None]) -> None:
        """Draw until the room closes; then show what was done."""
        loop = asyncio.get_running_loop()
        while not self.desk.is_ending:
            began = loop.time()
            self._draw_now()
            await asyncio.sleep(max(FRAME_S - (loop.time() - began), REST_S))
        while not self.desk.end():
            self._show({"words": self.desk.words})
            await asyncio.sleep(FRAME_S)
        self._show({"ended": "The procedure is over, and its recording is closed. Its measures are being taken."})
        await asyncio.sleep(0.2)
        # In this thread, which is the one that may draw: the page waits some seconds.
        self.is_reviewed = True
        self._page = after()
        self._show({"ended": "The procedure is over, and its recording is closed.", "ended_page": REVIEW if self._page else ""})

    def _draw_now(self) -> None:
        snapshot = self.desk.refresh()
        what = self._of_desk()
        if snapshot is not None:
            what |= self._of_snapshot(snapshot)
            if self.desk.mode != "exam":
                self._stage.show(snapshot)
        self._show(what)
        if snapshot is not None and self.address:
            self._view.update()

    def _show(self, what: dict[str, Any]) -> None:
        with self._server.state as state:
            state.update(what)

    def _of_desk(self) -> dict[str, Any]:
        """What changes between ticks too."""
        desk, snapshot = self.desk, self._session.latest
        what: dict[str, Any] = {
            "mode": desk.mode, "is_running": self._session.is_running, "has_begun": snapshot.tick > 0,
            "clock": f"{snapshot.time_s:.2f} s", "speed": "" if desk.speed is None else f"{desk.speed:.2g} × real time",
            "angles": view_label(*desk.carm_deg), "beam_mode": desk.beam_mode, "is_on": desk.is_on,
            "waits_for": desk.waits_for, "words": desk.words, "is_alarm": desk.is_alarm,
            "readings": [
                _reading(Gauge("xray-time", "X-ray time", snapshot.xray_time_s, "s", 1)),
                _reading(Gauge("dose", "dose-area, est.", desk.dose_gy_cm2, "Gy·cm²", 3)),
                _reading(Gauge("contrast", "contrast agent", snapshot.contrast_ml, "mL", 1)),
            ],
        }  # fmt: skip
        for name, shown in (("live", desk.live), ("reference", desk.reference)):
            if shown is not None and shown is not getattr(self, f"_{name}"):
                setattr(self, f"_{name}", shown)
                what[name] = {"src": jpeg_of(shown.grey), "label": shown.label, "words": shown.words}
        if desk.shows_slices and desk.mode != "exam":
            drawn = {name: desk.deck.picture(name, snapshot, SLICE_SIDE) for name in NAMES}
            if any(picture is not self._slices.get(name) for name, picture in drawn.items()):
                self._slices = drawn
                what["slices"] = [{"name": name, "src": jpeg_of(picture)} for name, picture in drawn.items()]
        return what

    def _of_snapshot(self, snapshot: Snapshot) -> dict[str, Any]:
        return {
            "tool": snapshot.tool,
            **self._of_tray(snapshot),
            "gauges": [_reading(one) for one in gauges_of(self._session, snapshot)],
            "timeline": timeline(snapshot.time_s, events=snapshot.events, bookmarks=snapshot.bookmarks, **self.desk.course),
        }

    def _of_tray(self, snapshot: Snapshot) -> dict[str, Any]:
        """The indeflator on the balloon in hand, or the sheath."""
        work = self._session.hands.work
        if not isinstance(work, Inflating):
            return {}
        balloon = next(one.balloon for one in work.tools if one.name == snapshot.tool)
        if balloon is None:
            assert snapshot.sheath is not None
            gauges = [_reading(one) for one in sheath_gauges(snapshot.sheath)]
            return {"dial": "", "sheath": sheath(snapshot.sheath), "sheath_gauges": gauges}
        pressure = snapshot.pressure_atm[snapshot.tool]
        return {"dial": dial(pressure, balloon.nominal_pressure_atm, balloon.highest_pressure_atm, snapshot.indeflator)}

    def _of_switches(self) -> dict[str, Any]:
        stage = self._stage
        return {
            "switches": {
                "stress": stage.shows_stress,
                "clip": stage.is_open,
                "follow": stage.follows,
                "slices": self.desk.shows_slices,
            }
        }


def _reading(gauge: Gauge) -> dict[str, str]:
    return {"id": gauge.name, "name": gauge.words, "value": gauge.shown}


def run_browser(
    session: Session,
    bindings: Bindings,
    host: str,
    port: int,
    *,
    tell: Callable[[str], None],
    after: Callable[[], Path | None],
    volume: Volume | None = None,
) -> None:
    """Serve the room on a session until Ctrl-C; `after` is called once its recording is closed.

    Raises
    ------
    InputError
        If nothing can be served there.
    """
    check_place(host, port)
    room = BrowserHost(session, bindings, volume=volume)
    session.start()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(room.serve(host, port, tell=tell, after=after))
    room.desk.end(timeout_s=None)
    if not room.is_reviewed:
        after()


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
            f"The room cannot be served at {host}, port {port} ({getattr(error, 'strerror', None) or error}); "
            "choose another with --host and --port, or leave them out."
        ) from error
