"""The room's server on this machine: it draws what the desk shows, and passes on what the page's hands do."""

import asyncio
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import web  # pyright: ignore[reportMissingImports]

from scenarios.limits import LIMITS_OF_USE
from viewer.room.actions import ACTIONS
from viewer.room.beam_process import BeamProcess
from viewer.room.bindings import Bindings
from viewer.room.browser.door import PAGE, Door, check_place, run_until_interrupted
from viewer.room.browser.drawings import dial, jpeg_of, sheath, timeline
from viewer.room.desk import MODE_WORDS, Desk, Shown
from viewer.room.gauges import Gauge, gauges_of, sheath_gauges, title_of, wall_words
from viewer.room.hands import PUFF_ML
from viewer.room.inflating import Inflating
from viewer.room.monitor import PRESETS
from viewer.room.session import Session, Snapshot
from viewer.room.stage import Stage
from viewer.room.stylus import Stylus
from viewer.slices.planes import NAMES
from viewer.slices.volumes import Volume
from viewer.xray.carm import view_label
from viewer.xray.stills import SIMULATED

FRAME_S = 0.03
SILENT_S = 8.0
"""So long after a page that holds something was heard from, its line is taken to be broken, and all is let go of [s]."""

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
    is_reviewed
        Whether the page of the end was asked for.
    """

    def __init__(
        self, session: Session, bindings: Bindings, *, beam: BeamProcess | None = None, volume: Volume | None = None
    ) -> None:
        import pyvista

        from viewer.offscreen import quiet_vtk

        self.desk = Desk(session, bindings, see=self._see, beam=beam, volume=volume)
        self.is_reviewed = False
        self._session = session
        self._live: Shown | None = None
        self._reference: Shown | None = None
        self._slices: dict[str, np.ndarray] = {}
        self._heard_at = 0.0
        self._page: Path | None = None
        quiet_vtk()
        self._plotter: Any = pyvista.Plotter(off_screen=True, window_size=list(VIEW_SIZE))
        self._plotter.disable_anti_aliasing()
        self._stage = Stage(self._plotter, self.desk.case)
        self._stylus = Stylus(self._stage, self.desk)
        self._door = Door(f"room {id(self)}")
        self._build()

    @property
    def address(self) -> str:
        """Where the page is, with its token; empty until it is served."""
        return self._door.address

    async def serve(self, host: str, port: int, *, tell: Callable[[str], None], after: Callable[[], Path | None]) -> None:
        """Serve the page until this is cancelled; `tell` is given its address, `after` writes that of the end."""
        try:
            await self._door.serve(host, port, tell=tell, work=self._draw(after), files={REVIEW: self._give_page})
        finally:
            self._plotter.close()

    async def _give_page(self, _: web.Request) -> web.Response:
        if self._page is None:
            raise web.HTTPNotFound
        return web.Response(text=self._page.read_text(encoding="utf-8"), content_type="text/html")

    # --- the page ---------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        server, desk = self._door.server, self.desk
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
        for trigger in ("key", "press", "wheel", "here", "let_go"):
            server.trigger(trigger)(getattr(self, f"_{trigger}"))
        server.controller.on_client_exited.add(self._let_go)
        self._draw_now()
        html = (PAGE / "room.html").read_text(encoding="utf-8")
        self._view = self._door.furnish(html, [self._plotter.render_window])[0]

    def _title(self, action: str) -> str:
        keys = self.desk.bindings.printed(action)
        return f"{ACTIONS[action].words}{f' ({keys})' if keys else ''}"

    # --- what hands do ----------------------------------------------------------------------------------------------

    def _here(self) -> None:
        """A page that holds something down says so every second."""
        self._heard_at = time.monotonic()

    def _key(self, name: str, is_down: bool) -> None:
        self._here()
        action = self.desk.bindings.action(name)
        if action is not None and (is_down or ACTIONS[action].is_held):
            self.desk.do(action, is_down)

    def _press(self, verb: str, value: Any) -> None:
        self._here()
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
        self._door.server.state.update(self._of_switches())
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
            self._door.show({"words": self.desk.words})
            await asyncio.sleep(FRAME_S)
        self._door.show({"ended": "The procedure is over, and its recording is closed. Its measures are being taken."})
        await asyncio.sleep(0.2)
        # In this thread, which is the one that may draw: the page waits some seconds.
        self.is_reviewed = True
        self._page = after()
        ended = "The procedure is over, and its recording is closed."
        self._door.show({"ended": ended, "ended_page": REVIEW if self._page else ""})

    def _draw_now(self) -> None:
        if self.desk.holds_any and time.monotonic() - self._heard_at > SILENT_S:
            self._let_go()
        snapshot = self.desk.refresh()
        what = self._of_desk()
        if snapshot is not None:
            what |= self._of_snapshot(snapshot)
            if self.desk.shows_shape:
                self._stage.show(snapshot)
        self._door.show(what)
        if snapshot is not None and self.address:
            self._view.update()

    def _of_desk(self) -> dict[str, Any]:
        """What changes between ticks too."""
        desk, snapshot = self.desk, self._session.latest
        what: dict[str, Any] = {
            "mode": desk.mode, "shows_shape": desk.shows_shape,
            "is_running": self._session.is_running, "has_begun": snapshot.tick > 0,
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
        if desk.shows_slices and desk.shows_shape:
            drawn = {name: desk.deck.picture(name, snapshot, SLICE_SIDE) for name in NAMES}
            if any(picture is not self._slices.get(name) for name, picture in drawn.items()):
                self._slices = drawn
                what["slices"] = [{"name": name, "src": jpeg_of(picture)} for name, picture in drawn.items()]
        return what

    def _of_snapshot(self, snapshot: Snapshot) -> dict[str, Any]:
        course: dict[str, Any] = {**self.desk.course}
        return {
            "tool": snapshot.tool,
            **self._of_tray(snapshot),
            "gauges": [_reading(one) for one in gauges_of(self._session, snapshot)],
            "timeline": timeline(snapshot.time_s, events=snapshot.events, bookmarks=snapshot.bookmarks, **course),
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
        return {"switches": {**self._stage.switches, "slices": self.desk.shows_slices}}


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
    run_until_interrupted(room.serve(host, port, tell=tell, after=after))
    room.desk.end(timeout_s=None)
    if not room.is_reviewed:
        after()
