"""The review as a page: recordings played in step, their X-ray and 3-D pictures, curves, measures and events."""

import asyncio
import math
from collections.abc import Callable
from typing import Any

from scenarios.limits import LIMITS_OF_USE
from viewer.headline import unit
from viewer.room.beam_process import GONE, BeamProcess
from viewer.room.bindings import Bindings
from viewer.room.browser.door import PAGE, VIEW, Door, check_place, run_until_interrupted
from viewer.room.browser.drawings import jpeg_of, timeline
from viewer.room.browser.host import FRAME_S, REST_S
from viewer.room.comparing import Side, expert_words, measure_rows
from viewer.room.monitor import PRESETS, Request, preset_view
from viewer.room.replay import SPEEDS, Replay, carm_at, course_of, injections_of
from viewer.room.stage import Stage
from viewer.room.stills import keep_moment
from viewer.xray.stills import SIMULATED

VIEW_SIZE = (480, 520)
AS_THEN = "as then"
SIGHTS = ("stress", "clip", "follow", "look_again")
KEYS = {"Space": "play", "Left": "back", "Right": "on", "Ctrl+S": "picture"}


class _Pictures:
    """One side's pictures: the stage, and X-rays from a process of its own, of the last moment that was asked for."""

    def __init__(self, side: Side) -> None:
        import pyvista

        self.side, self.injections = side, injections_of(side.held.rows)
        case = side.held.recording.case
        self.plotter: Any = pyvista.Plotter(off_screen=True, window_size=list(VIEW_SIZE))
        self.plotter.disable_anti_aliasing()
        self.stage, self.beam, self.case = Stage(self.plotter, case), BeamProcess(case), case
        self.frame: Any = None
        self._wanted: Request | None = None

    def show(self, frame: Any) -> None:
        """Show a sampled state on the stage."""
        self.frame = frame
        self.stage.show(frame)

    def want(self, view: str) -> None:
        """Ask for an X-ray picture of the state that is shown, in a view: "as then", or the number of a preset."""
        frame = self.frame
        lao, cra = carm_at(self.side.held, frame.time_s) if view == AS_THEN else preset_view(self.case, int(view))
        self._wanted = Request(
            frame.vertices, frame.device, frame.balloon, frame.time_s,
            tuple(one for one in self.injections if one.start_s < frame.time_s - 1e-9), lao, cra,
            sheath_mm=frame.sheath_mm, waiting=frame.waiting, sheaths_mm=frame.sheaths_mm, lines=frame.lines,
        )  # fmt: skip

    def take(self) -> dict[str, str] | None:
        """The X-ray picture that is done by now, or why there will be none; None while there is nothing new."""
        before = self.beam.state
        picture = self.beam.take()
        if self._wanted is not None and self.beam.ask(self._wanted):
            self._wanted = None
        if picture is not None:
            return {"src": jpeg_of(picture.grey), "label": picture.label, "words": f"{picture.words}, {picture.time_s:.2f} s"}
        if self.beam.state == GONE != before:
            return {"src": "", "label": "", "words": self.beam.error or ""}
        return None

    def close(self) -> None:
        """Let VTK and the process go."""
        self.beam.close()
        self.plotter.close()


class ReviewHost:
    """A replay as a page.

    Attributes
    ----------
    replay
        What is shown, and when.
    """

    def __init__(self, sides: list[Side], bindings: Bindings) -> None:
        from viewer.offscreen import quiet_vtk

        quiet_vtk()
        self.replay = Replay(sides)
        self._bindings = bindings
        self._courses = {side.letter: course_of(side) for side in sides}
        self._pictures = {side.letter: _Pictures(side) for side in sides if side.held.readable}
        self._door = Door(f"review {id(self)}")
        self._has_angles = any("carm_deg" in (row.get("senses") or {}) for side in sides for row in side.held.rows)
        self._view = AS_THEN if self._has_angles else "1"
        self._drawn = math.nan
        self._build()

    async def serve(self, host: str, port: int, *, tell: Callable[[str], None]) -> None:
        """Serve the page until this is cancelled; `tell` is given its address."""
        try:
            await self._door.serve(host, port, tell=tell, work=self._draw())
        finally:
            for one in self._pictures.values():
                one.close()

    def _build(self) -> None:
        sides, state = self.replay.sides, self._door.server.state
        told = sorted((at, side.letter, words) for side in sides for at, words in side.held.events)
        state.update(
            {
                "trame__title": f"Vesalius – review – {LIMITS_OF_USE}",
                "name": self.replay.title,
                "limits": LIMITS_OF_USE,
                "simulated": SIMULATED,
                "letters": [side.letter for side in sides],
                "speeds": list(SPEEDS),
                "views": self._views(),
                "measures": [
                    {"name": name, "values": values, "difference": difference, "unit": unit(words),
                     "expert": expert_words(sides, name)}
                    for name, words, values, difference in measure_rows(sides)
                ],
                "has_expert": any(side.expert for side in sides),
                "events": [{"time": at, "letter": letter, "words": words} for at, letter, words in told],
                "missing": [f"{side.letter}: {words}" for side in sides for words in side.held.missing],
                "bound": [*KEYS, *(key for verb in SIGHTS for key in self._bindings.keys(verb))],
                "words": "Space plays, the arrows step; click or drag a course of time to go there.",
                **{f"name_{side.letter}": f"{side.held.name} ({side.held.folder.name})" for side in sides},
                **{f"xray_{side.letter}": {"src": "", "label": "", "words": ""} for side in sides},
            }
        )  # fmt: skip
        server = self._door.server
        server.trigger("key")(self._key)
        server.trigger("press")(self._press)
        # Nothing is held here that would have to be let go of, and there are no slices.
        server.trigger("let_go")(lambda: None)
        server.trigger("here")(lambda: None)
        server.trigger("wheel")(lambda *_: None)
        self._windows: dict[str, Any] = {}
        self._draw_now()
        windows = [one.plotter.render_window for one in self._pictures.values()]
        self._windows = dict(zip(self._pictures, self._door.furnish(self._html(), windows), strict=True))

    def _html(self) -> str:
        page, side, course = ((PAGE / f"{name}.html").read_text(encoding="utf-8") for name in ("review", "side", "course"))
        empty = '<span class="caption">There is no shape to show; the course of time is what is held.</span>'
        shown, courses = [], []
        for one in self.replay.sides:
            part = side if one.letter in self._pictures else side.replace(VIEW, empty)
            shown.append(part.replace("LETTER", one.letter))
            courses.append(course.replace("LETTER", one.letter))
        return page.replace("<!-- sides -->", "".join(shown)).replace("<!-- courses -->", "".join(courses))

    def _views(self) -> list[dict[str, str]]:
        then = {"value": AS_THEN, "label": "As then", "words": "as the C-arm stood then"}
        presets = [{"value": str(number), "label": words, "words": words} for number, (words, *_) in enumerate(PRESETS, 1)]
        square = {"value": str(len(PRESETS) + 1), "label": "Square", "words": "square to the treated segment"}
        return [*([then] if self._has_angles else []), *presets, square]

    # --- what hands do ----------------------------------------------------------------------------------------------

    def _key(self, name: str, is_down: bool) -> None:
        verb = KEYS.get(name) or self._bindings.action(name)
        if is_down and verb is not None:
            self._press(verb, True)

    def _press(self, verb: str, value: Any) -> None:
        replay = self.replay
        if verb == "play":
            replay.play_or_stop()
        elif verb in ("back", "on"):
            replay.step(forwards=verb == "on")
        elif verb == "time" and (time_s := _number(value)) is not None:
            replay.go_to(time_s)
        elif verb == "speed" and _number(value) in SPEEDS:
            replay.speed = float(value)
        elif verb == "view" and value in {one["value"] for one in self._views()}:
            self._view = value
            for one in self._pictures.values():
                one.want(value)
        elif verb == "picture":
            self._door.show({"words": keep_moment(replay, {letter: one.plotter for letter, one in self._pictures.items()})})
        elif verb in SIGHTS:
            for letter, one in self._pictures.items():
                one.stage.do(verb)
                self._windows[letter].update()
        self._drawn = math.nan

    # --- what is seen -----------------------------------------------------------------------------------------------

    async def _draw(self) -> None:
        loop = asyncio.get_running_loop()
        last = loop.time()
        while True:
            began = loop.time()
            self.replay.go_on(began - last)
            last = began
            self._draw_now()
            await asyncio.sleep(max(FRAME_S - (loop.time() - began), REST_S))

    def _draw_now(self) -> None:
        replay = self.replay
        for side, frame in replay.moments():
            one = self._pictures[side.letter]
            one.show(frame)
            one.want(self._view)
            if side.letter in self._windows and self._door.address:
                self._windows[side.letter].update()
        what: dict[str, Any] = {}
        for letter, one in self._pictures.items():
            picture = one.take()
            if picture is not None:
                what[f"xray_{letter}"] = picture
        if replay.time_s != self._drawn:
            self._drawn = replay.time_s
            what |= self._of_time()
        if what:
            self._door.show(what)

    def _of_time(self) -> dict[str, Any]:
        replay = self.replay
        stage = next((one.stage for one in self._pictures.values()), None)
        what: dict[str, Any] = {
            "clock": f"{replay.time_s:.2f} s", "now": replay.time_s, "playing": replay.is_playing, "speed": replay.speed,
            "view": self._view,
            "switches": {} if stage is None else stage.switches,
        }  # fmt: skip
        for side in replay.sides:
            what[f"words_{side.letter}"] = replay.words_of(side)
            what[f"timeline_{side.letter}"] = timeline(replay.time_s, end_s=replay.end_s, **self._courses[side.letter])
        return what


def _number(value: Any) -> float | None:
    """A number that a page sent; None where it is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def run_review_page(sides: list[Side], bindings: Bindings, host: str, port: int, *, tell: Callable[[str], None]) -> None:
    """Serve the review until Ctrl-C; `tell` is given its address.

    Raises
    ------
    InputError
        If nothing can be served there.
    """
    check_place(host, port)
    run_until_interrupted(ReviewHost(sides, bindings).serve(host, port, tell=tell))
