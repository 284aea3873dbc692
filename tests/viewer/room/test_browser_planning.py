"""The command that plans a stored case and serves its room, from the terminal to the report, by a person in headless Chromium."""

from collections.abc import Callable
from pathlib import Path

import pytest

from scenarios.devices.self_expanding import SHEATH
from scenarios.procedure import STENT
from scenarios.recording import load_recording
from scenarios.rehearsal import rerun
from tests.viewer.room.served import Visitor, needs_chromium, needs_web, served

PLANNED_S = 900_000
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800), needs_web, needs_chromium]


def worked(folder: Path, words: list[str], work: Callable[[Visitor], None]) -> str:
    """Let a person work at the page that a command serves; gives all that the command printed."""
    with served("viewer.cli", "room", "iliac", "-o", str(folder / "run"), "--browser", *words) as room:
        page = room.browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(120_000)
        page.goto(room.address)
        page.wait_for_selector("#clock")
        work(Visitor(page, folder))
    assert room.status == 0, "".join(room.told)
    return "".join(room.told)


def test_a_stent_is_opened_in_the_stored_case(tmp_path):
    def work(visitor: Visitor) -> None:
        page = visitor.page
        visitor.photograph("plan")
        page.keyboard.down("Space")
        page.wait_for_selector("#live img")
        page.keyboard.press("p")
        visitor.wait(lambda: visitor.number("clock") >= 0.1, 300)
        page.keyboard.down("i")
        visitor.wait(lambda: visitor.number("pressure") >= 0.4, 600)
        page.keyboard.up("i")
        page.keyboard.press("q")
        page.wait_for_selector(".slices img[src^=data]")
        visitor.photograph("slices")
        page.keyboard.press("q")
        page.keyboard.press("t")
        visitor.photograph("inflating")
        page.click("button[data-value=review]")
        page.wait_for_selector(".end iframe", timeout=PLANNED_S)
        assert "iliac" in page.frame_locator(".end iframe").locator("h1").inner_text()
        visitor.photograph("review")

    told = worked(tmp_path, [], work)
    recording = load_recording(tmp_path / "run")
    assert recording.header["complete"] and max(row["command"]["balloons"][STENT] for row in recording.ticks) > 4e4
    # A balloon that was never opened leaves nothing to measure, and that is said.
    assert "Traceback" not in told and ("Report:" in told or "No report:" in told)


def test_a_stent_comes_out_of_its_sheath_in_the_stored_case(tmp_path):
    def work(visitor: Visitor) -> None:
        page = visitor.page
        assert "lies in its sheath" in page.inner_text("#words")
        page.keyboard.down("Space")
        page.wait_for_selector("#live img")
        page.keyboard.press("p")
        visitor.wait(lambda: visitor.number("clock") >= 0.1, 300)
        page.keyboard.down("Shift")
        page.keyboard.down("ArrowDown")
        visitor.wait(lambda: visitor.number("drawn-back") >= 17.0, 900)
        page.keyboard.up("ArrowDown")
        page.keyboard.up("Shift")
        visitor.wait(lambda: visitor.number("speed") == 0.0, 120)
        visitor.photograph("half")
        page.keyboard.press("Tab")
        visitor.wait(lambda: "draw the sheath all the way back first" in page.inner_text("#words"), 120)
        page.keyboard.press("q")
        page.wait_for_selector(".slices img[src^=data]")
        visitor.photograph("slices")
        page.click("button[data-value=review]")
        page.wait_for_selector(".end iframe", timeout=PLANNED_S)
        visitor.photograph("review")

    words = ["--device", "self-expanding 9x30", "--postdilate", "non-compliant balloon 8x20"]
    told = worked(tmp_path, words, work)
    assert "Report:" in told and "Traceback" not in told
    recording = load_recording(tmp_path / "run")
    assert recording.header["complete"] and recording.case.device.name == "self-expanding 9x30"
    assert recording.ticks[-1]["command"]["sheaths"][SHEATH] >= 17e-3 and recording.ticks[-1]["phase"] == "releasing"
    print(f"largest residual {recording.header['run']['largest_residual']:.3g}")


def test_a_wire_is_pushed_through_the_stored_case(tmp_path):
    def work(visitor: Visitor) -> None:
        page = visitor.page
        page.keyboard.down("Space")
        page.wait_for_selector("#live img")
        page.keyboard.press("p")
        page.keyboard.down("Shift")
        page.keyboard.down("ArrowUp")
        visitor.wait(lambda: visitor.number("tip") >= 15.0, 300)
        page.keyboard.up("ArrowUp")
        page.keyboard.up("Shift")
        page.keyboard.down("ArrowRight")
        visitor.wait(lambda: visitor.number("turns") >= 0.2, 300)
        page.keyboard.up("ArrowRight")
        button = page.locator("button[data-verb=pull_back]")
        button.hover()
        before = visitor.number("pushed")
        page.mouse.down()
        visitor.wait(lambda: visitor.number("pushed") < before - 1.0, 300)
        page.mouse.up()
        assert "rigid wall" in page.inner_text(".wall")
        visitor.photograph("wire")
        page.keyboard.press("q")
        page.wait_for_selector(".slices img[src^=data]")
        visitor.photograph("slices")
        page.click("button[data-value=review]")
        page.wait_for_selector(".end iframe", timeout=PLANNED_S)
        visitor.photograph("report")

    told = worked(tmp_path, ["--wire", "heavy duty 0.035 J"], work)
    assert "Report:" in told and (tmp_path / "run" / "report.html").is_file()
    recording = load_recording(tmp_path / "run", passage_too=True)
    assert recording.header["complete"] and recording.case.rigid
    assert rerun(tmp_path / "run").equal
