"""The small case served to a browser, in a process of its own: python -m tests.viewer.room.served KEPT FOLDER [sheath].

Prints the page's address, and "over" when the room has closed and its recording lies in FOLDER.
"""

import sys
from pathlib import Path

from tests.viewer.room.quick import quick_session, quick_sheath
from viewer.room.bindings import read_bindings
from viewer.room.browser.host import run_browser
from viewer.room.comparing import write_comparison
from viewer.room.held import hold


def main() -> None:
    """Serve until interrupted."""
    kept, folder = (Path(one) for one in sys.argv[1:3])
    session = (quick_sheath if sys.argv[3:] == ["sheath"] else quick_session)(kept, folder, pace=1.0)

    def after() -> Path:
        print("over", flush=True)
        return write_comparison([hold(folder)], folder / "review.html")

    run_browser(session, read_bindings(), "127.0.0.1", 0, tell=lambda address: print(address, flush=True), after=after)


if __name__ == "__main__":
    main()
