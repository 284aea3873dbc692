"""A session on the small case whose ticks are cheap: few Newton steps, and the shape without pressure found once and kept."""

import dataclasses
import os
import pickle
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from scenarios.case import Case
from scenarios.passage.passage import Placed
from scenarios.recording import Recording, load_recording
from sim import backend
from sim.solvers.settings import Settings
from sim.unloading import Unloaded, unload
from tests.scenarios.small_case import small_case
from tests.scenarios.test_passage import CATHETER, WIRE, small_passage
from tests.scenarios.test_release import own_case
from viewer.room.bus import Bus
from viewer.room.opening import hands_of, open_session
from viewer.room.session import Session, run_headless

CHEAP = Settings(newton_limit=2, multiplier_rounds=1, linear_limit=60)


def unloaded_of_the_small_case(folder: Path) -> Unloaded:
    """Its shape without pressure, from a file in this folder if it is there."""
    return _kept(folder / "unloaded.pickle", small_case)


def _kept(path: Path, case_of: Callable[[], Case]) -> Unloaded:
    if path.is_file():
        return pickle.loads(path.read_bytes())
    backend.start("cpu")
    case = case_of()
    # Half a millimetre off is near enough for a session, and found at once.
    found = unload(case.body(), blood_pressure=case.blood_pressure_pa, tolerance=5e-4)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(pickle.dumps(found))
    os.replace(file.name, path)
    return found


def quick_session(kept: Path, folder: Path | None, *, bus: Bus | None = None, pace: float = float("inf")) -> Session:
    """A session that records into a folder; `kept` holds the shape without pressure."""
    return open_session(
        small_case(), folder, backend_name="cpu", settings=CHEAP, unloaded=unloaded_of_the_small_case(kept), bus=bus, pace=pace
    )


def sheathed_case() -> Case:
    """A small stent in its sheath, of a metal that X-rays know, with a balloon to open it further."""
    case = own_case()
    metal = dataclasses.replace(case.stent.alloy, name="nitinol")
    device = dataclasses.replace(case.device, stent=dataclasses.replace(case.stent, alloy=metal))
    return dataclasses.replace(case, stents=(dataclasses.replace(case.stents[0], device=device),))


def quick_sheath(kept: Path, folder: Path | None, *, bus: Bus | None = None, pace: float = float("inf")) -> Session:
    """A session in which a small stent lies in its sheath; `kept` as in `quick_session`."""
    case = sheathed_case()
    unloaded = _kept(kept / "unloaded in a sheath.pickle", sheathed_case)
    return open_session(case, folder, backend_name="cpu", settings=CHEAP, unloaded=unloaded, bus=bus, pace=pace)


def quick_passage(folder: Path | None, *, bus: Bus | None = None, pace: float = float("inf")) -> Session:
    """A session in which a wire and a catheter lie before the small tube, whose wall is rigid."""
    passage = small_passage(placed=(Placed("wire", WIRE, 60.0), Placed("catheter", CATHETER, 60.0)))
    return open_session(passage, folder, backend_name="cpu", bus=bus, pace=pace)


def main() -> None:
    """Run for ever in a process of its own, telling the time after each tick: to be killed."""
    session = quick_session(Path(sys.argv[1]), Path(sys.argv[2]))
    session.bus.post("script", "xray", True)
    session.bus.post("script", "inflate", True)
    session.bus.post("script", "inflate", False, time_s=0.5)
    print("ready", flush=True)
    while True:
        print(session.advance().time_s, flush=True)


if __name__ == "__main__":
    main()


def replayed_digests(recording: Recording, kept: Path, folder: Path) -> list[str]:
    """Digests of the ticks that a recording's hands give without a window, in a folder."""
    again = quick_session(kept, folder, bus=Bus(hands_of(recording)))
    run_headless(again, until_s=recording.ticks[-1]["time_s"])
    return [row["digest"] for row in load_recording(folder).ticks]
