"""A simulated run as DICOM is read back as it was given, says what it is, and has what its kind of image must have."""

import json
from datetime import datetime
from importlib.resources import files

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.tag import Tag
from pydicom.uid import XRayAngiographicImageStorage

from meshing.errors import InputError
from viewer.dicom_cine import Cine, with_words, write_cine

RUN = Cine(
    primary_angle_deg=20.0,
    secondary_angle_deg=-10.0,
    frame_time_ms=66.7,
    detector_spacing_mm=(0.3, 0.4),
    source_to_detector_mm=1100.0,
    source_to_patient_mm=720.0,
    kilovolts=75.0,
    description="Left iliac artery",
)
WHEN = datetime(2026, 1, 2, 3, 4, 5)


def frames(kind=np.uint16, shape=(4, 200, 320)):
    return np.random.default_rng(1).integers(0, np.iinfo(kind).max, shape, dtype=kind, endpoint=True)


def written(tmp_path, **change):
    given = change.pop("frames", frames())
    run = Cine(**{**{name: getattr(RUN, name) for name in RUN.__dataclass_fields__}, **change})
    return pydicom.dcmread(write_cine(given, tmp_path / "run.dcm", run, taken_at=WHEN))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(4, 200, 320), (1, 65, 65), (3, 127, 129)])
def test_frames_are_read_back_but_for_the_band_of_words(kind, shape, tmp_path):
    given = frames(kind, shape)
    again = written(tmp_path, frames=given).pixel_array.reshape(shape)
    words = (with_words(given)[0] != given[0]).any(axis=1)
    band = int(words.nonzero()[0].max()) + 1
    assert 8 <= band <= 0.35 * shape[1]
    assert again.dtype == kind
    np.testing.assert_array_equal(again[:, band:], given[:, band:])
    np.testing.assert_array_equal(again, with_words(given))


def test_the_words_are_in_every_frame_bright_on_dark_and_within_the_picture():
    marked = with_words(np.full((3, 256, 256), 120, np.uint8))
    band = marked[:, marked[0, :, 0] == 0]
    assert (band == band[0]).all() and set(np.unique(band)) == {0, 255}
    share = (band[0] == 255).mean()
    assert 0.02 < share < 0.4
    bright = np.flatnonzero((band[0] == 255).any(axis=0))
    assert bright[0] > 2 and bright[-1] < 253


def test_the_words_are_letters_and_not_only_ink():
    # The longer line spreads over more columns, and both have the gaps between letters that bars would not have.
    rows = with_words(np.zeros((1, 512, 512), np.uint8))[0] > 0
    inked = np.flatnonzero(rows.any(axis=1))
    lines = np.split(inked, np.flatnonzero(np.diff(inked) > 1) + 1)
    widths = [np.ptp(np.flatnonzero(rows[line].any(axis=0))) for line in lines]
    assert len(lines) >= 2 and max(widths) > 1.5 * min(widths)
    strokes = np.diff(rows[lines[0]].any(axis=0).astype(int)) == 1
    assert strokes.sum() >= 8


def test_the_header_says_simulated_wherever_a_person_looks(tmp_path):
    read = written(tmp_path)
    for name in ("PatientName", "PatientID", "SeriesDescription", "StudyDescription", "ManufacturerModelName", "ImageComments"):
        assert "SIMULATED" in str(read[name].value), name
    assert "research and education only, not for clinical decisions" in read.ImageComments
    assert read.BurnedInAnnotation == "YES"
    assert read.ImageType[0] == "DERIVED"
    assert read.Exposure is None and read.XRayTubeCurrent is None


def test_angles_times_and_distances_are_those_given(tmp_path):
    read = written(tmp_path)
    assert read.SOPClassUID == XRayAngiographicImageStorage == read.file_meta.MediaStorageSOPClassUID
    assert (read.Modality, read.NumberOfFrames, read.Rows, read.Columns) == ("XA", 4, 200, 320)
    assert (read.PositionerPrimaryAngle, read.PositionerSecondaryAngle, read.PositionerMotion) == (20.0, -10.0, "STATIC")
    assert read.FrameTime == 66.7 and read.CineRate == 15 and read.FrameIncrementPointer == Tag("FrameTime")
    assert list(read.ImagerPixelSpacing) == [0.3, 0.4]
    assert read.EstimatedRadiographicMagnificationFactor == pytest.approx(1100 / 720)
    assert (read.StudyDate, read.StudyTime, read.KVP) == ("20260102", "030405", 75.0)


def test_a_run_that_turns_tells_the_angle_of_each_frame(tmp_path):
    angles = [-30.0, -10.0, 15.0, 15.0]
    read = written(tmp_path, primary_angle_deg=angles)
    assert read.PositionerMotion == "DYNAMIC"
    again = read.PositionerPrimaryAngle + np.cumsum([float(step) for step in read.PositionerPrimaryAngleIncrement])
    np.testing.assert_allclose(again, angles)
    assert [float(step) for step in read.PositionerSecondaryAngleIncrement] == [0.0] * 4


def test_every_attribute_that_the_standard_demands_is_there(tmp_path):
    # highdicom carries the tables of PS3.3: which modules an image must have, and which attributes these.
    standard = files("highdicom") / "_standard"
    modules = json.loads((standard / "iod_module_map.json").read_text())["x-ray-angiographic-image"]
    attributes = json.loads((standard / "module_attribute_map.json").read_text())
    read, seen = written(tmp_path), 0
    keys = [module["key"] for module in modules if module["usage"] == "M"] + ["cine", "multi-frame", "xa-positioner"]
    for key in keys:
        for row in attributes[key]:
            if row["path"] or row["type"] not in ("1", "2"):
                continue
            assert row["keyword"] in read, (key, row)
            assert row["type"] == "2" or not read[row["keyword"]].is_empty, (key, row)
            seen += 1
    assert seen > 30


def test_highdicom_takes_it_as_an_image(tmp_path):
    given = frames()
    path = write_cine(given, tmp_path / "run.dcm", RUN)
    image = highdicom.imread(path)
    assert image.number_of_frames == 4
    np.testing.assert_array_equal(image.get_stored_frame(3), with_words(given)[2])


def test_runs_of_one_study_share_it_and_nothing_else(tmp_path):
    one, two = (
        pydicom.dcmread(write_cine(frames(), tmp_path / f"{number}.dcm", RUN, study_uid="2.25.1234")) for number in (1, 2)
    )
    assert one.StudyInstanceUID == two.StudyInstanceUID == "2.25.1234"
    assert one.SOPInstanceUID != two.SOPInstanceUID and one.SeriesInstanceUID != two.SeriesInstanceUID


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"frames": frames().astype(float)}, "give uint8 or uint16"),
        ({"frames": frames()[0]}, "of shape"),
        ({"frames": frames(shape=(2, 32, 100))}, "at least 64 × 64"),
        ({"frame_time_ms": 0.0}, "time from frame to frame is 0"),
        ({"source_to_detector_mm": 500.0}, "nearer than the patient"),
        ({"primary_angle_deg": [1.0, 2.0]}, "4 frames and 2 primary angles"),
        ({"secondary_angle_deg": 91.0}, "secondary angle reaches 91"),
    ],
)
def test_what_cannot_be_written_is_told_and_leaves_no_file(change, words, tmp_path):
    with pytest.raises(InputError, match=words):
        written(tmp_path, **change)
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        write_cine(frames(), tmp_path / "nowhere" / "run.dcm", RUN)
