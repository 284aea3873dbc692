"""A gamepad: events of the real library's queue from a device that is made up, to what a room does; and what no gamepad does."""

import sys
import types

import pytest

from tests.viewer.room.quick import quick_passage, quick_session
from tests.viewer.room.test_going_back import NoBeam, pass_ticks
from viewer.room.bindings import key_named, read_bindings
from viewer.room.desk import Desk
from viewer.room.gamepad import FULL, Gamepad, open_gamepad
from viewer.room.pushing import SPEEDS_MM_S

MADE_UP = 7


class Pad:
    """A device that is not there."""

    def __init__(self, index):
        self.id = MADE_UP + index

    def quit(self):
        """Nothing is to be let go."""


@pytest.fixture
def library():
    """The real library with an empty queue, in which a made-up gamepad is plugged in."""
    pygame = pytest.importorskip("pygame")
    assert open_gamepad(read_bindings()) is not None
    pygame.event.clear()
    post(pygame, pygame.CONTROLLERDEVICEADDED, device_index=0)
    return pygame


def post(pygame, kind, **what):
    """Let an event come."""
    if kind not in (pygame.CONTROLLERDEVICEADDED,):
        what["instance_id"] = MADE_UP
    pygame.event.post(pygame.event.Event(kind, **what))


def pad_on(pygame, bindings=None):
    """The room's gamepad on the made-up device."""
    return Gamepad(bindings or read_bindings(), pygame, types.SimpleNamespace(Controller=Pad))


def test_buttons_begin_and_end_what_the_file_says(library, tmp_path):
    pad = pad_on(library)
    for kind in (library.CONTROLLERBUTTONDOWN, library.CONTROLLERBUTTONDOWN, library.CONTROLLERBUTTONUP):
        post(library, kind, button=library.CONTROLLER_BUTTON_A)
    post(library, library.CONTROLLERBUTTONDOWN, button=library.CONTROLLER_BUTTON_GUIDE)
    assert pad.poll() == [("xray", True), ("xray", False)]
    own = tmp_path / "mine.toml"
    own.write_text('inflate = "pad a"\n')
    post(library, library.CONTROLLERDEVICEADDED, device_index=0)
    post(library, library.CONTROLLERBUTTONDOWN, button=library.CONTROLLER_BUTTON_A)
    assert pad_on(library, read_bindings(own)).poll() == [("inflate", True)]


def test_triggers_and_sticks_are_pressed_beyond_half_their_way_and_do_not_flutter(library):
    pad = pad_on(library)
    for share in (0.3, 0.6, 0.45, 0.52, 0.2):
        post(library, library.CONTROLLERAXISMOTION, axis=library.CONTROLLER_AXIS_TRIGGERRIGHT, value=round(share * FULL))
    assert pad.poll() == [("inflate", True), ("inflate", False)]
    for share in (-1.0, 1.0, 0.0):
        post(library, library.CONTROLLERAXISMOTION, axis=library.CONTROLLER_AXIS_RIGHTX, value=round(share * FULL))
    assert pad.poll() == [("carm_rao", True), ("carm_rao", False), ("carm_lao", True), ("carm_lao", False)]


def test_the_left_stick_pushes_and_turns_a_wire(library):
    session = quick_passage(None)
    desk = Desk(session, read_bindings(), see=lambda verb: None, beam=NoBeam(), gamepad=pad_on(library))  # pyright: ignore[reportArgumentType]
    post(library, library.CONTROLLERAXISMOTION, axis=library.CONTROLLER_AXIS_LEFTY, value=-FULL)
    post(library, library.CONTROLLERAXISMOTION, axis=library.CONTROLLER_AXIS_LEFTX, value=FULL)
    desk.refresh()
    assert session.hands.held == ()
    moved = [session.advance() for _ in range(2)][-1].wires[0]
    post(library, library.CONTROLLERAXISMOTION, axis=library.CONTROLLER_AXIS_LEFTY, value=0)
    post(library, library.CONTROLLERAXISMOTION, axis=library.CONTROLLER_AXIS_LEFTX, value=0)
    desk.refresh()
    still = session.advance().wires[0]
    assert moved.advance_mm == pytest.approx(2 * session.rehearsal.dt * SPEEDS_MM_S[""]) and moved.turns > 0.0
    assert (still.advance_mm, still.turns) == (moved.advance_mm, moved.turns)


def test_one_that_is_not_known_is_not_heard(library):
    pad = pad_on(library)
    library.event.clear()
    post(library, library.CONTROLLERBUTTONDOWN, button=library.CONTROLLER_BUTTON_A)
    post(library, library.CONTROLLERDEVICEREMOVED)
    assert pad.poll() == [] and not pad.is_lost


def test_pulled_out_it_lets_go_and_time_stands_still(library, kept):
    session = quick_session(kept, None, pace=1.0)
    seen = []
    desk = Desk(session, read_bindings(), see=seen.append, beam=NoBeam(), gamepad=pad_on(library))  # pyright: ignore[reportArgumentType]
    session.start()
    post(library, library.CONTROLLERBUTTONDOWN, button=library.CONTROLLER_BUTTON_START)
    post(library, library.CONTROLLERBUTTONDOWN, button=library.CONTROLLER_BUTTON_X)
    post(library, library.CONTROLLERBUTTONDOWN, button=library.CONTROLLER_BUTTON_DPAD_RIGHT)
    desk.refresh()
    assert session.is_running and seen == ["stress"]
    post(library, library.CONTROLLERDEVICEREMOVED)
    desk.refresh()
    assert not session.is_running
    assert desk.words == "The gamepad was pulled out, so time stands still; P lets it go on."
    pass_ticks(session, 3)
    assert session.latest.contrast_ml < 1.0 and session.hands.held == ()
    desk.do("pause")
    assert session.is_running
    session.stop()


def test_without_the_extra_there_is_none_and_the_room_goes_on(monkeypatch, kept):
    monkeypatch.setitem(sys.modules, "pygame", None)
    assert open_gamepad(read_bindings()) is None
    desk = Desk(quick_session(kept, None), read_bindings(), see=lambda verb: None, beam=NoBeam())  # pyright: ignore[reportArgumentType]
    assert desk.refresh() is not None


def test_its_keys_have_names_and_no_modifiers():
    assert key_named("pad right  stick up") == "Pad Right Stick Up"
    assert key_named("Ctrl+Pad A") is None and key_named("Pad Z") is None
    assert read_bindings().printed("xray") == "Space" and "Pad A" in read_bindings().keys("xray")
