"""The review in a browser: somebody in headless Chromium plays, scrubs, goes to events, turns the C-arm; nobody else may."""

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.viewer.room.quick import quick_passage
from tests.viewer.room.served import Visitor, elsewhere, needs_chromium, needs_web, refusals, served, skip_without_browser
from tests.viewer.room.test_review import done
from tests.viewer.room.test_wires_by_hand import DONE
from viewer.cli import app
from viewer.room.bus import Bus, Event
from viewer.room.held import hold
from viewer.room.replay import carm_at, injections_of
from viewer.room.session import run_headless

BESIDE = (
    Event(0.0, "script", "carm", (30.0, 0.0)),
    Event(0.1, "script", "puff"),
    Event(0.1, "script", "inflate", True),
    Event(0.3, "script", "bookmark", "half way"),
    Event(0.4, "script", "inflate", False),
)


@pytest.fixture(scope="module")
def two(kept, tmp_path_factory):
    """Two procedures: one with X-rays, and one with the C-arm turned, contrast agent and a bookmark."""
    from tests.viewer.room.quick import quick_session

    folder = tmp_path_factory.mktemp("two")
    done(kept, folder / "mine", until_s=0.2)
    run_headless(quick_session(kept, folder / "other", bus=Bus(BESIDE)), until_s=0.8)
    return folder / "mine", folder / "other"


@pytest.fixture(scope="module")
def looked(two, tmp_path_factory):
    """What somebody saw at the page of both."""
    skip_without_browser()
    folder = tmp_path_factory.mktemp("looked")
    with served("viewer.cli", "review", str(two[0]), "--against", str(two[1]), "--browser") as page:
        told = look(page.browser, page.address, folder)
    return folder, {**told, "printed": "".join(page.told), "status": page.status}


def look(browser, address, folder) -> dict:
    """Look at everything there is."""
    told: dict = {"address": address, "refused": refusals(address)}
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    visitor = Visitor(context.new_page(), folder)
    page = visitor.page
    page.goto(address)
    for letter in "AB":
        page.wait_for_selector(f"#xray_{letter} img", timeout=120_000)
    told["shown address"], told["limits"] = page.url, page.inner_text("footer")
    told["labels"] = [page.inner_text(f"#xray_{letter} .at.left.bold") for letter in "AB"]
    told["measures"] = page.inner_text(".measures")
    visitor.photograph("beginning")
    page.keyboard.press("ArrowRight")
    visitor.wait(lambda: visitor.number("clock") > 0.0)
    told["first step"] = visitor.number("clock")
    page.keyboard.press("ArrowRight")
    visitor.wait(lambda: visitor.number("clock") > told["first step"])
    told["stepped"] = visitor.number("clock")
    page.click(".event:has-text('half way')")
    visitor.wait(lambda: visitor.number("clock") != told["stepped"])
    told["at the event"] = visitor.number("clock")
    page.keyboard.press("Control+s")
    visitor.wait(lambda: "Picture: " in page.inner_text("#words"))
    told["picture"] = page.inner_text("#words")
    box = page.locator("#timeline_B svg").bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.4 * box["height"])
    page.mouse.down()
    visitor.wait(lambda: visitor.number("clock") != told["at the event"])
    told["in the middle"] = visitor.number("clock")
    page.mouse.move(box["x"] + 1.2 * box["width"], box["y"] + 0.4 * box["height"])
    visitor.wait(lambda: visitor.number("clock") > told["in the middle"])
    page.mouse.up()
    told["at the end"] = visitor.number("clock")
    told["words at the end"] = [page.inner_text(f"#words_{letter}") for letter in "AB"]
    for letter, time_s in (("A", "0.60 s"), ("B", "0.80 s")):
        visitor.wait(lambda letter=letter, time_s=time_s: time_s in page.inner_text(f"#xray_{letter} .at.foot"))
    page.click("button[data-verb=stress] >> nth=0")
    page.wait_for_selector("button[data-verb=stress].on")
    page.wait_for_timeout(1500)
    visitor.photograph("end")
    page.click("button[data-verb=view][data-value='3']")
    visitor.wait(lambda: all("RAO 30" in page.inner_text(f"#xray_{letter} .at.left.bold") for letter in "AB"))
    page.click("button[data-verb=speed][data-value='0.25']")
    page.keyboard.press("Space")
    visitor.wait(lambda: 0.1 < visitor.number("clock") < 0.7)
    told["play says"] = page.inner_text("#play")
    visitor.wait(lambda: page.inner_text("#play") == "Play")
    told["played to"] = visitor.number("clock")
    told["places"] = visitor.places
    return told


@needs_web
@needs_chromium
def test_only_who_has_the_token_sees_it_and_no_request_leaves_the_machine(looked):
    told = looked[1]
    answers = dict(told["refused"])
    assert answers.pop("own socket") == 101 and set(answers.values()) == {403}, answers
    assert "token" not in told["shown address"] and not elsewhere(told["address"], told["places"])
    assert told["status"] == 0 and "Ctrl-C ends it" in told["printed"] and "Traceback" not in told["printed"]


@needs_web
@needs_chromium
def test_time_is_stepped_chosen_and_played(looked, two):
    told = looked[1]
    kept = sorted({round(float(at), 9) for folder in two for at in hold(folder).frame_times})
    assert told["stepped"] == pytest.approx(kept[1]) and told["at the event"] == pytest.approx(0.35)
    assert told["in the middle"] == pytest.approx(0.4, abs=0.02) and told["at the end"] == pytest.approx(0.8)
    assert told["play says"] == "Stop" and told["played to"] == pytest.approx(0.8)


@needs_web
@needs_chromium
def test_a_moment_is_kept_as_a_picture_beside_the_recording(looked, two):
    from matplotlib.image import imread

    path = two[0] / "review-0.35s.png"
    assert looked[1]["picture"] == f"Picture: {path}"
    picture = np.asarray(imread(path))[..., :3]
    assert picture.shape[1] >= 700 and picture.std() > 0.05


@needs_web
@needs_chromium
def test_both_are_shown_with_their_measures(looked):
    told = looked[1]
    assert "Not for clinical decisions" in told["limits"]
    assert told["labels"] == ["A: LAO 0 / CRA 0", "B: LAO 30 / CRA 0"]
    assert "minimum lumen diameter before" in told["measures"] and "B − A" in told["measures"]
    assert "balloon at 0.2 atm" in told["words at the end"][0] and "balloon at 0.6 atm" in told["words at the end"][1]


@needs_web
@needs_chromium
def test_the_page_shows_xray_pictures_and_the_vessels(looked):
    from matplotlib.image import imread

    first, last = (np.asarray(imread(looked[0] / f"{name}.png"))[..., :3] for name in ("beginning", "end"))
    assert first.shape[:2] == (800, 1280)
    for half in (slice(10, 410), slice(430, 840)):
        assert first[60:320, half].mean() > 0.25, "an X-ray picture"
        view = last[400:640, half]
        assert ((view[..., 0] - view[..., 2]) > 0.2).mean() > 0.05, "the wall, coloured by its stress"


@needs_web
@needs_chromium
def test_wires_are_reviewed_on_a_page_of_their_own(tmp_path):
    marked = sorted((*DONE, Event(0.4, "script", "bookmark", "turned")), key=lambda event: event.time_s or 0.0)
    run_headless(quick_passage(tmp_path / "wires", bus=Bus(marked)), until_s=0.8)
    with served("viewer.cli", "review", str(tmp_path / "wires"), "--browser") as page:
        visitor = Visitor(page.browser.new_page(viewport={"width": 1280, "height": 800}), tmp_path)
        visitor.page.goto(page.address)
        visitor.page.wait_for_selector("#xray_A img", timeout=120_000)
        visitor.page.click(".event")
        visitor.wait(lambda: visitor.number("clock") > 0.0)
        words = visitor.page.inner_text("#words_A")
        visitor.page.wait_for_timeout(1500)
        visitor.photograph("wires")
        text = visitor.page.inner_text(".review")
    assert page.status == 0 and "wire at " in words and "catheter at " in words and "thin: " in words
    assert "wire: peak tip force" in text and "balloon" not in text and "strut" not in text


def test_what_was_injected_and_how_the_c_arm_stood_comes_from_the_recording(two):
    mine, other = (hold(folder) for folder in two)
    assert not injections_of(mine.rows) and carm_at(mine, 0.5) == (0.0, 0.0)
    assert carm_at(other, 0.5) == (30.0, 0.0)
    (one,) = injections_of(other.rows)
    assert (one.start_s, one.volume_ml) == (pytest.approx(0.1), pytest.approx(2.8))


def test_a_page_and_a_file_at_once_are_refused(tmp_path):
    answer = CliRunner().invoke(app, ["review", str(tmp_path), "--browser", "-o", str(tmp_path / "page.html")])
    assert answer.exit_code == 2 and "give one of them" in " ".join(answer.output.split())
