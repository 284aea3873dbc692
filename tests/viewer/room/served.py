"""Pages served to a browser, in a process of their own, and somebody in headless Chromium who looks at them.

python -m tests.viewer.room.served KEPT FOLDER [sheath] serves the room on the small case; it prints the page's address, and
"over" when the room has closed and its recording lies in FOLDER.
"""

import contextlib
import dataclasses
import http.client
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[3]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ENDS_WITHIN_S = 90.0
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]

needs_web = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("trame", "trame_vtk", "aiohttp")),
    reason="the extra `web` is not installed",
)
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None or not importlib.util.find_spec("playwright"), reason="Chromium or Playwright is not installed"
)


def skip_without_browser() -> None:
    """Skip what cannot be looked at here; for fixtures, which take no marks."""
    if CHROMIUM is None or not all(importlib.util.find_spec(name) for name in ("playwright", "trame", "trame_vtk", "aiohttp")):
        pytest.skip("Chromium, Playwright or the extra `web` is not installed")


@dataclasses.dataclass
class Served:
    """A program that serves a page: its address, a browser to look at it with, all that it printed, its exit status."""

    address: str
    browser: Any
    told: list[str]
    status: int | None = None


@contextlib.contextmanager
def served(module: str, *words: str) -> Iterator[Served]:
    """Start a module of Python that serves a page, without a display, and a browser; interrupted at the end.

    The address is the last word of the line in which there is one; what it printed is whole when the block was left.
    """
    from playwright.sync_api import sync_playwright

    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        environment.pop(name, None)
    command = [sys.executable, "-m", module, *words]
    with (
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as server,
        sync_playwright() as playwright,
    ):
        assert server.stdout is not None
        told: list[str] = []
        one = Served("", None, told)
        try:
            for line in server.stdout:
                told.append(line)
                if "http://" in line:
                    break
            one.address = told[-1].split()[-1] if told else ""
            assert one.address.startswith("http://127.0.0.1:"), "".join(told)
            one.browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            yield one
            one.browser.close()
        finally:
            server.send_signal(signal.SIGINT)
            # Whoever runs the tests in the background may have it deaf to Ctrl-C.
            last = threading.Timer(ENDS_WITHIN_S, server.kill)
            last.start()
            told.append(server.stdout.read())
            last.cancel()
    one.status = server.returncode


class Visitor:
    """Somebody at the page, and whom the page spoke to."""

    def __init__(self, page: Any, folder: Path) -> None:
        self.page, self.folder = page, folder
        self.places: set[str] = set()
        page.on("request", lambda request: self.places.add(request.url))
        page.on("websocket", lambda one: self.places.add(one.url))

    def number(self, name: str) -> float:
        """The number that a place of the page shows."""
        found = re.search(r"-?\d+\.?\d*", self.page.text_content(f"#{name}") or "")
        assert found
        return float(found.group())

    def wait(self, is_so, timeout_s: float = 60.0) -> None:
        """Wait until something is so."""
        until = time.monotonic() + timeout_s
        while not is_so():
            assert time.monotonic() < until, self.page.inner_text("#words")
            time.sleep(0.05)

    def photograph(self, name: str) -> None:
        """Keep a picture of the page."""
        self.page.screenshot(path=self.folder / f"{name}.png")


def refusals(address: str) -> dict[str, int]:
    """How a page's server answers those who are not to come in."""
    parts = urlsplit(address)
    cookie = f"vesalius-{parts.port}={parts.query.removeprefix('token=')}"
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "A" * 22 + "==",
    }
    asked = {
        "nothing": ("/index.html", {}),
        "wrong token": ("/?token=wrong", {}),
        "token elsewhere": (f"/room.js?{parts.query}", {}),
        "wrong cookie": ("/index.html", {"Cookie": cookie + "x"}),
        "socket": ("/ws", upgrade),
        "foreign socket": ("/ws", {**upgrade, "Cookie": cookie, "Origin": "http://127.0.0.1:1"}),
        "own socket": ("/ws", {**upgrade, "Cookie": cookie, "Origin": f"http://{parts.netloc}"}),
    }
    answers = {}
    for name, (path, headers) in asked.items():
        connection = http.client.HTTPConnection("127.0.0.1", parts.port or 0, timeout=20)
        connection.request("GET", path, headers=headers)
        answers[name] = connection.getresponse().status
        connection.close()
    return answers


def elsewhere(address: str, places: set[str]) -> set[str]:
    """Whom of these the page spoke to beside its own server."""
    others = {urlsplit(one.removeprefix("blob:")).netloc for one in places if not one.startswith("data:")}
    return others - {urlsplit(address).netloc}


def main() -> None:
    """Serve the room until interrupted."""
    from tests.viewer.room.quick import quick_session, quick_sheath
    from viewer.room.bindings import read_bindings
    from viewer.room.browser.host import run_browser
    from viewer.room.comparing import write_comparison
    from viewer.room.held import hold

    kept, folder = (Path(one) for one in sys.argv[1:3])
    session = (quick_sheath if sys.argv[3:] == ["sheath"] else quick_session)(kept, folder, pace=1.0)

    def after() -> Path:
        print("over", flush=True)
        return write_comparison([hold(folder)], folder / "review.html")

    run_browser(session, read_bindings(), "127.0.0.1", 0, tell=lambda address: print(address, flush=True), after=after)


if __name__ == "__main__":
    main()
