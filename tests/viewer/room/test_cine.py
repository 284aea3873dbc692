"""A cine run: one picture a pulse of simulated time, shown as a loop, and written so that others read it."""

import time
from pathlib import Path

import numpy as np
import pytest

from scenarios.balloon_shape import BalloonShape
from tests.viewer.room.quick import quick_session
from viewer.film import can_film
from viewer.room.bindings import read_bindings
from viewer.room.cine import MOST_PULSES, CineRun
from viewer.room.desk import Desk
from viewer.room.monitor import PULSES_PER_S, Monitor, Picture, Request
from viewer.xray.carm import CArm


class PaintedBeam:
    """An X-ray monitor whose pictures are painted: each a shade lighter than the one before."""

    error, notes = None, ()

    def __init__(self):
        self.state, self.asked = "ready", []
        self._waiting = None

    def ask(self, request):
        """Paint at once."""
        self.asked.append(request)
        shade = np.full((96, 96), len(self.asked), np.uint8)
        self._waiting = Picture(shade, f"LAO {request.lao_deg:g} / CRA 0", "fluoroscopy", request.time_s, 1e6)
        return True

    def take(self):
        """What was painted."""
        picture, self._waiting = self._waiting, None
        return picture

    def close(self):
        """Nothing is to be closed."""


def run_of(pulses):
    """A run of grey pictures at these pulses."""
    run = CineRun(1)
    for number, pulse in enumerate(pulses):
        run.add((pulse + 0.5) / PULSES_PER_S, np.full((96, 96), number % 256, np.uint8), "AP", (0.0, 0.0))
    return run


def test_a_pulse_has_one_picture_and_one_that_was_missed_shows_the_one_before():
    run = run_of([3, 3, 4, 7, 5])
    assert [one.pulse for one in run.kept] == [3, 4, 7]
    assert run.pulse_count == 5
    assert [int(one.grey[0, 0]) for one in run.every()] == [1, 2, 2, 2, 3]
    assert [int(run.at((number + 0.5) / PULSES_PER_S).grey[0, 0]) for number in range(7)] == [1, 2, 2, 2, 3, 1, 2]


def test_a_run_ends_by_itself():
    run = run_of(range(MOST_PULSES + 5))
    assert run.is_full and run.pulse_count == MOST_PULSES


def test_what_is_written_says_how_it_was_taken(tmp_path):
    import pydicom
    from PIL import Image

    run = run_of([0, 1, 3])
    carm = CArm(pixels=96)
    dicom, moving, *_ = run.write(tmp_path, carm, description="small, cine 1")
    dataset = pydicom.dcmread(dicom)
    assert dataset.NumberOfFrames == 4 and dataset.CineRate == 15 and dataset.KVP == 80
    assert float(dataset.ImagerPixelSpacing[0]) == pytest.approx(carm.pixel_mm)
    assert "SIMULATED" in dataset.ImageComments and dataset.InstanceNumber == 1
    # Below the band of words the pictures are untouched.
    assert [int(frame[-1, -1]) for frame in dataset.pixel_array] == [0, 1, 1, 2]
    with Image.open(moving) as picture:
        shown = 0.0
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            shown += picture.info["duration"]
        assert shown == pytest.approx(4e3 / PULSES_PER_S, abs=40.0)


def test_a_run_is_taken_looped_and_written_at_the_desk(kept, tmp_path):
    session = quick_session(kept, tmp_path)
    beam = PaintedBeam()
    desk = Desk(session, read_bindings(), see=lambda verb: None, beam=beam)  # pyright: ignore[reportArgumentType]
    session.start()
    desk.do("save_cine")
    assert desk.words == "There is no cine run to write; hold C for one."
    desk.do("cine")
    desk.do("pause")
    until = time.monotonic() + 60.0
    while session.latest.time_s < 0.5 or len(beam.asked) < 4:
        desk.refresh()
        time.sleep(0.01)
        assert time.monotonic() < until
    assert desk.is_on and all(request.is_kept for request in beam.asked)
    desk.do("cine", False)
    desk.do("pause")
    assert desk.words.startswith("Cine run 1, ") and "Ctrl+S writes it" in desk.words
    shades = set()
    for _ in range(30):
        desk.refresh()
        assert desk.reference is not None and desk.reference.words.startswith("cine 1, ")
        shades.add(int(desk.reference.grey[0, 0]))
        time.sleep(0.03)
    assert len(shades) > 1
    desk.do("save_cine")
    while not desk.words.startswith("Written to"):
        desk.refresh()
        time.sleep(0.01)
        assert time.monotonic() < until, desk.words
    assert {path.name for path in Path(tmp_path).glob("cine *")} == {
        "cine 1.dcm",
        "cine 1.gif",
        *(["cine 1.mp4"] if can_film() else []),
    }
    desk.do("save_reference")
    desk.refresh()
    assert desk.reference is not None and desk.reference.words == "reference"
    session.stop()
    assert session.latest.xray_time_s == pytest.approx(session.latest.time_s, abs=0.2) and session.latest.xray_time_s >= 0.45


def test_kept_pictures_take_more_dose_and_have_less_noise():
    from sim import backend
    from tests.scenarios.small_case import small_case

    backend.start("cpu")
    case = small_case()
    monitor = Monitor(case)
    look = {"vertices": case.mesh.vertices, "device": case.lattice.nodes, "balloon": BalloonShape.folded(case.balloon_axis)}
    plain, more, kept = (
        monitor.picture(Request(**look, time_s=0.0, injections=(), lao_deg=0.0, cra_deg=0.0, is_kept=one))
        for one in (False, False, True)
    )
    assert kept.dap_ugy_cm2 > 5.0 * plain.dap_ugy_cm2 > 0.0
    assert more.dap_ugy_cm2 == pytest.approx(plain.dap_ugy_cm2)
    corner = (slice(20, 60), slice(20, 60))
    assert np.std(kept.grey[corner]) < 0.7 * np.std(plain.grey[corner])
