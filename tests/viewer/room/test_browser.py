"""The room in a browser: a scripted person in headless Chromium, who is let in by a token alone and reaches no other machine."""

import json
import re
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from meshing.errors import InputError
from scenarios.recording import load_recording
from tests.viewer.room.quick import quick_sheath, replayed_digests
from tests.viewer.room.served import Visitor, elsewhere, needs_chromium, needs_web, refusals, served, skip_without_browser
from viewer.cli import app
from viewer.room.bus import Bus
from viewer.room.opening import hands_of
from viewer.room.session import run_headless


@pytest.fixture(scope="module")
def worked(kept, tmp_path_factory):
    """What a short procedure in a browser left: its folder, and what the person saw."""
    skip_without_browser()
    folder = tmp_path_factory.mktemp("browsed")
    with served("tests.viewer.room.served", str(kept), str(folder / "run")) as room:
        told = work(room.browser, room.address, folder)
    return folder, {**told, "rest": room.told[-1].split(), "status": room.status}


def work(browser, address: str, folder: Path) -> dict:
    """Knock at the door, then do a procedure; the tab is closed once in the middle of it."""
    told: dict = {"address": address, "refused": refusals(address)}
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    first = Visitor(context.new_page(), folder)
    page = first.page
    page.goto(address)
    page.wait_for_selector("#clock")
    told["shown address"] = page.url
    first.wait(lambda: page.inner_text("#live") != "")
    page.keyboard.down("Space")
    page.wait_for_selector("#live img", timeout=60_000)
    told["footer"] = page.inner_text("footer")
    page.keyboard.press("p")
    first.wait(lambda: first.number("clock") >= 0.1)
    page.keyboard.press("Shift+V")
    page.keyboard.down("i")
    first.wait(lambda: first.number("pressure") >= 0.3)
    page.keyboard.up("i")
    page.keyboard.press("t")
    asked_at = first.number("clock")
    first.wait(lambda: first.number("contrast") > 1.0)
    # Stress comes with the ticks after the one that is under way.
    first.wait(lambda: first.number("clock") >= asked_at + 0.15)
    page.keyboard.press("Control+r")
    page.wait_for_selector("#reference img")
    first.photograph("inflated")
    page.keyboard.press("q")
    page.wait_for_selector(".slices img[src^=data]")
    drawn = page.get_attribute(".slices img", "src")
    page.hover(".slices img[data-slice=axial]")
    page.mouse.wheel(0, -300)
    first.wait(lambda: page.get_attribute(".slices img", "src") != drawn)
    first.photograph("slices")
    page.keyboard.press("q")
    page.wait_for_selector(".slices", state="detached", timeout=60_000)
    told["before closing"] = first.number("clock")
    page.close()
    second = Visitor(context.new_page(), folder)
    page = second.page
    page.goto(address.split("?")[0])
    page.wait_for_selector("#reference img")
    told["after opening"] = second.number("clock")
    second.wait(lambda: second.number("clock") > told["before closing"])
    # The pedal that the closed tab held is let go of when its end is noticed.
    second.wait(lambda: page.locator("#live.on").count() == 0)
    pressure = second.number("pressure")
    button = page.locator("button[data-verb=inflate]")
    button.hover()
    page.mouse.down()
    second.wait(lambda: second.number("pressure") >= pressure + 0.2)
    page.mouse.up()
    told["felt"] = touch_the_wall(second)
    page.click("button[data-verb=view_2]")
    page.click("button[data-value=exam]")
    second.wait(lambda: not page.is_visible(".view"))
    told["angles"] = page.inner_text("#angles")
    second.photograph("exam")
    page.click("button[data-value=plain]")
    second.wait(lambda: page.is_visible(".gauges") and not page.is_visible("#reference"))
    told["plain"] = page.is_visible(".view")
    second.photograph("plain")
    page.click("button[data-verb=empty]")
    second.wait(lambda: second.number("pressure") == 0.0)
    page.click("button[data-value=review]")
    page.wait_for_selector(".end iframe", timeout=60_000)
    frame = page.frame_locator(".end iframe")
    told["review"] = frame.locator("h1").inner_text()
    second.photograph("review")
    told["places"] = first.places | second.places
    return told


def touch_the_wall(visitor: Visitor) -> list[str]:
    """Take hold of the wall in the middle of the 3-D view, pull, and let go: the probe's gauge before, meanwhile and after."""
    page, gauge = visitor.page, "#probe"
    shown = [page.inner_text(gauge)]
    page.keyboard.press("f")
    page.wait_for_selector("button[data-verb=probe].on")
    box = page.locator(".stage").bounding_box()
    assert box
    x, y = box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y, steps=4)
    visitor.wait(lambda: page.inner_text(gauge) != shown[0] and visitor.number("probe") > 0.0)
    visitor.photograph("probe")
    shown.append(page.inner_text(gauge))
    page.mouse.up()
    visitor.wait(lambda: page.inner_text(gauge) == shown[0])
    page.keyboard.press("f")
    return [*shown, page.inner_text(gauge)]


def release(browser, address: str, folder: Path) -> dict:
    """Draw a sheath back by key and by button, try to push it forward, and take the balloon in hand."""
    told: dict = {}
    visitor = Visitor(browser.new_page(viewport={"width": 1280, "height": 800}), folder)
    page = visitor.page
    page.goto(address)
    page.wait_for_selector("#sheath svg")
    told["dial at first"] = page.locator("#dial").count()
    page.keyboard.down("Space")
    page.wait_for_selector("#live img", timeout=60_000)
    page.keyboard.press("p")
    page.keyboard.down("Shift")
    page.keyboard.down("ArrowDown")
    visitor.wait(lambda: visitor.number("drawn-back") >= 5.0)
    page.keyboard.up("ArrowDown")
    page.keyboard.up("Shift")
    visitor.wait(lambda: visitor.number("speed") == 0.0)
    told["half"] = {name: visitor.number(name) for name in ("drawn-back", "of-way", "stent-out", "of-stent")}
    visitor.photograph("half")
    page.keyboard.down("ArrowUp")
    visitor.wait(lambda: "does not go back into it" in page.inner_text("#words"))
    page.keyboard.up("ArrowUp")
    page.click("button[data-value=exam]")
    visitor.wait(lambda: not page.is_visible(".view"))
    button = page.locator("button[data-verb=pull_back_fast]")
    button.hover()
    page.mouse.down()
    visitor.wait(lambda: visitor.number("of-way") == 100.0)
    page.mouse.up()
    visitor.photograph("exam")
    page.keyboard.press("Tab")
    page.wait_for_selector("#dial svg")
    told["sheath at last"] = page.locator("#sheath").count()
    page.click("button[data-value=review]")
    page.wait_for_selector(".end iframe", timeout=60_000)
    told["review"] = page.frame_locator(".end iframe").locator("body").inner_text()
    return told


@needs_web
@needs_chromium
def test_only_who_has_the_token_comes_in(worked):
    answers = dict(worked[1]["refused"])
    assert answers.pop("own socket") == 101
    assert set(answers.values()) == {403}, answers
    assert "token" not in worked[1]["shown address"]


@needs_web
@needs_chromium
def test_no_request_leaves_the_machine(worked):
    places = worked[1]["places"]
    assert any(one.startswith("ws://") for one in places) and any(one.endswith("room.js") for one in places)
    assert not elsewhere(worked[1]["address"], places)


@needs_web
@needs_chromium
def test_the_mouse_on_the_page_pulls_at_the_wall(worked):
    before, meanwhile, after = worked[1]["felt"]
    assert before == after == "–" and re.fullmatch(r"0\.\d\d N", meanwhile)
    assert any("probe" in row["senses"] for row in load_recording(worked[0] / "run").ticks)


@needs_web
@needs_chromium
def test_a_tab_that_was_closed_lets_go_and_goes_on_when_it_is_opened_again(worked):
    told = worked[1]
    assert told["after opening"] >= told["before closing"] >= 0.1
    assert told["angles"] == "LAO 30 / CRA 0"
    assert told["plain"] is False


@needs_web
@needs_chromium
def test_the_recording_of_the_browser_replays_without_it_to_equal_digests(worked, kept, tmp_path):
    folder, told = worked
    assert told["status"] == 0 and told["rest"] == ["over"] and "small" in told["review"]
    assert "Not for clinical decisions" in told["footer"]
    recording = load_recording(folder / "run")
    assert recording.header["complete"]
    done = hands_of(recording)
    assert {"xray", "puff", "inflate", "carm", "pause", "empty"} <= {event.verb for event in done}
    assert [(event.actor, event.value) for event in done if event.verb == "inflate"] == [
        ("keyboard", True), ("keyboard", False), ("mouse", True), ("mouse", False),
    ]  # fmt: skip
    assert [event.value for event in done if event.verb == "xray"] == [True, False]
    assert replayed_digests(recording, kept, tmp_path) == [row["digest"] for row in recording.ticks]


@needs_web
@needs_chromium
def test_the_page_shows_the_xray_picture_the_vessel_and_the_reference(worked):
    from matplotlib.image import imread

    picture = np.asarray(imread(worked[0] / "inflated.png"))[..., :3]
    assert picture.shape[:2] == (800, 1280)
    live, reference, view = picture[60:480, 40:470], picture[530:700, 20:200], picture[80:700, 510:1010]
    assert live.mean() > 0.3 and reference.mean() > 0.3
    # The wall is coloured by its stress: yellow to red, well away from the grey of all else.
    assert ((view[..., 0] - view[..., 2]) > 0.2).mean() > 0.1


@needs_web
@needs_chromium
def test_a_sheath_is_drawn_back_at_the_page_and_the_recording_replays_without_it(kept, tmp_path):
    skip_without_browser()
    with served("tests.viewer.room.served", str(kept), str(tmp_path / "run"), "sheath") as room:
        told = release(room.browser, room.address, tmp_path)
    assert room.status == 0 and told["dial at first"] == 0 and told["sheath at last"] == 0
    half = told["half"]
    assert 5.0 <= half["drawn-back"] < 11.0 and half["of-way"] == pytest.approx(100 * half["drawn-back"] / 11.0, abs=0.6)
    assert half["stent-out"] == pytest.approx(half["drawn-back"] - 3.0, abs=0.2)
    assert half["of-stent"] == pytest.approx(100 * half["stent-out"] / 7.0, abs=1.5)
    assert "was released at" in told["review"]
    recording = load_recording(tmp_path / "run")
    done = hands_of(recording)
    assert [event.value for event in done if event.verb == "pull_back_fast"] == [True, False, True, False]
    again = quick_sheath(kept, tmp_path / "again", bus=Bus(done))
    run_headless(again, until_s=recording.ticks[-1]["time_s"])
    assert [row["digest"] for row in load_recording(tmp_path / "again").ticks] == [row["digest"] for row in recording.ticks]


@needs_web
@needs_chromium
def test_the_page_shows_four_slices(worked):
    from matplotlib.image import imread

    slices = np.asarray(imread(worked[0] / "slices.png"))[90:690, 515:1000, :3]
    red = slices[..., 0] - slices[..., 2] > 0.25
    assert all(part.sum() > 30 for rows in np.array_split(red, 2) for part in np.array_split(rows, 2, axis=1))


@needs_web
def test_a_port_that_is_taken_and_an_address_of_others_are_told():
    from viewer.room.browser.door import check_place

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match=r"cannot be served at 127\.0\.0\.1, port \d+ .*choose another"):
            check_place("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(InputError, match=r"cannot be served at 203\.0\.113\.7"):
        check_place("203.0.113.7", 0)


def test_without_the_extra_the_way_to_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "trame.app", None)
    answer = CliRunner().invoke(app, ["room", "iliac", "-o", str(tmp_path / "new"), "--browser"])
    assert answer.exit_code == 2
    words = " ".join(answer.output.split())
    assert "pip install 'vesalius[web]'" in words and "vesalius rehearse iliac" in words
    assert len(answer.output.strip().splitlines()) == 1 and not (tmp_path / "new").exists()


def test_the_course_of_time_is_drawn_with_its_marks():
    from viewer.room.browser.drawings import dial, timeline

    drawn = timeline(
        2.0, times=[0.0, 1.0, 2.0], levels=[0.0, 2.0, 1.0], xrays=[0.0, 1.0, 1.0],
        events=[(1.0, "a <burst>")], bookmarks=[(1.5, "here & now")],
    )  # fmt: skip
    assert "a &lt;burst&gt;" in drawn and "here &amp; now" in drawn and "<burst>" not in drawn
    points = re.search(r'points="([^"]*)"', drawn)
    assert points
    heights = [float(pair.split(",")[1]) for pair in points.group(1).split()]
    assert heights[0] > heights[2] > heights[1]
    assert json.dumps(dial(4.0, 8.0, 14.0, "held")).count("4.0 atm") == 1
