"""Simulated X-ray runs as DICOM: one multi-frame X-Ray Angiographic image, marked as simulated in its pixels and in its header.

The frames are given; this module neither makes nor changes what they show, save for the words burnt into them. The image is that
of DICOM PS3.3 A.14 (X-Ray Angiographic Image), its angles those of C.8.7.5: the primary one is positive towards the patient's
left (LAO), the secondary one towards the head (CRA).
"""

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from meshing.errors import InputError
from scenarios.limits import LIMITS_OF_USE

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

SIMULATED = "SIMULATED"
USE = "research and education only, not for clinical decisions"
COMMENT = f"{SIMULATED}: {USE}"
BURNT_LINES = (SIMULATED, USE)
LARGEST_ANGLE_DEG = (180.0, 90.0)
FEWEST_PIXELS = 64
"""An image with fewer rows or columns has no room for the words."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cine:
    """How a run was taken.

    primary_angle_deg, secondary_angle_deg: of the C-arm, positive towards LAO and CRA [degrees]; one number for all frames, or
    one for each frame of a run that turns
    frame_time_ms: from one frame to the next [ms]
    detector_spacing_mm: distance between pixels on the detector, rows and columns [mm]
    source_to_detector_mm, source_to_patient_mm: from the focus of the tube [mm]
    kilovolts: peak voltage of the tube that was simulated [kV]
    series, instance: numbers by which viewers sort
    description: what is shown, in a few words
    """

    primary_angle_deg: float | Sequence[float]
    secondary_angle_deg: float | Sequence[float]
    frame_time_ms: float
    detector_spacing_mm: tuple[float, float]
    source_to_detector_mm: float
    source_to_patient_mm: float
    kilovolts: float | None = None
    series: int = 1
    instance: int = 1
    description: str = "Simulated X-ray run"


def write_cine(
    frames: np.ndarray, path: Path, cine: Cine, *, taken_at: datetime | None = None, study_uid: str | None = None
) -> Path:
    """Write frames as one multi-frame DICOM file and give its path.

    Args:
        frames: grey values, shape (frame count, rows, columns), uint8 or uint16; larger is brighter.
        path: the file to write; a reader finds the old one or the whole new one.
        cine: how the run was taken.
        taken_at: date and time to put down; without it, now.
        study_uid: identifier of the study, for runs that belong together; without it, a new one.

    Raises:
        InputError: the frames are of another shape or type, or a number of the run cannot be.
    """
    import os

    primary, secondary = _checked(frames, cine)
    dataset = _dataset(cine, taken_at or datetime.now(), study_uid)
    _put_geometry(dataset, cine, primary, secondary)
    _put_pixels(dataset, with_words(frames), cine.frame_time_ms)
    temporary = path.with_name(path.name + ".part")
    try:
        dataset.save_as(temporary, enforce_file_format=True)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise InputError(f"The run cannot be written to {path} ({error.strerror or error}).") from error
    return path


def with_words(frames: np.ndarray) -> np.ndarray:
    """Give a copy of frames, shape (frame count, rows, columns), with "SIMULATED" and the limits of use burnt into each.

    The words stand at the top in the type's brightest value, on a band of its darkest, so that they are read on any picture.
    """
    marked = np.array(frames, copy=True)
    rows, columns = frames.shape[1:]
    words = _words(rows, columns)
    brightest = np.iinfo(frames.dtype).max
    marked[:, : words.shape[0], :] = np.where(words, brightest, 0).astype(frames.dtype)
    return marked


@cache
def _words(rows: int, columns: int) -> np.ndarray:
    """The band of words, shape (height, columns), bool: as high as the words need, as wide as the picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sizes = (max(rows / 22.0, 9.0), max(rows / 40.0, 6.0))
    height = round(1.5 * sum(sizes))
    figure = Figure(figsize=(columns / 100.0, height / 100.0), dpi=100, facecolor="black")
    canvas = FigureCanvasAgg(figure)
    level = height
    for line, size in zip(BURNT_LINES, sizes, strict=True):
        level -= 1.4 * size
        text = figure.text(
            0.5, (level + 0.25 * size) / height, line, color="white", ha="center", va="baseline", fontsize=0.72 * size
        )
        # A line too long for a narrow picture is set smaller until it fits.
        width = text.get_window_extent(canvas.get_renderer()).width
        text.set_fontsize(min(0.72 * size, 0.72 * size * 0.94 * columns / width))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., 0] > 127


def _checked(frames: np.ndarray, cine: Cine) -> tuple[np.ndarray, np.ndarray]:
    """The two angles of each frame, shape (frame count,) [degrees]. Raises InputError for what cannot be written."""
    if frames.ndim != 3 or not len(frames) or frames.dtype not in (np.uint8, np.uint16):
        raise InputError(
            f"The frames are {frames.dtype} of shape {frames.shape}; give uint8 or uint16 of shape (frames, rows, columns)."
        )
    if min(frames.shape[1:]) < FEWEST_PIXELS:
        raise InputError(
            f"The frames are {frames.shape[1]} × {frames.shape[2]} pixels; give at least {FEWEST_PIXELS} × {FEWEST_PIXELS}."
        )
    for name, value in (
        ("time from frame to frame", cine.frame_time_ms),
        ("spacing of the detector's rows", cine.detector_spacing_mm[0]),
        ("spacing of the detector's columns", cine.detector_spacing_mm[1]),
        ("distance to the patient", cine.source_to_patient_mm),
        ("distance to the detector", cine.source_to_detector_mm),
    ):
        if not (np.isfinite(value) and value > 0.0):
            raise InputError(f"The run's {name} is {value:g}; give one above zero.")
    if cine.source_to_detector_mm < cine.source_to_patient_mm:
        raise InputError(
            f"The detector, {cine.source_to_detector_mm:g} mm from the source, is nearer than the patient at "
            f"{cine.source_to_patient_mm:g} mm; exchange them."
        )
    angles = []
    for name, given, largest in zip(
        ("primary", "secondary"), (cine.primary_angle_deg, cine.secondary_angle_deg), LARGEST_ANGLE_DEG, strict=True
    ):
        values = np.broadcast_to(np.asarray(given, dtype=float), len(frames)) if np.size(given) in (1, len(frames)) else None
        if values is None:
            raise InputError(f"The run has {len(frames)} frames and {np.size(given)} {name} angles; give one, or one for each.")
        if not (np.abs(values) <= largest).all():
            raise InputError(f"The {name} angle reaches {np.abs(values).max():g}°; give one within ±{largest:g}°.")
        angles.append(values)
    return angles[0], angles[1]


def _dataset(cine: Cine, taken_at: datetime, study_uid: str | None) -> "FileDataset":
    """Whose image it is, of which study, made with what: everything that does not depend on the frames."""
    from importlib.metadata import version

    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, XRayAngiographicImageStorage, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = XRayAngiographicImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(prefix=None)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationVersionName = "VESALIUS"
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    date, time = taken_at.strftime("%Y%m%d"), taken_at.strftime("%H%M%S")
    values: dict[str, Any] = {
        "SpecificCharacterSet": "ISO_IR 192",
        "ImageType": ["DERIVED", "PRIMARY", "SINGLE PLANE"],
        "DerivationDescription": COMMENT,
        "SOPClassUID": meta.MediaStorageSOPClassUID,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "StudyDate": date, "SeriesDate": date, "AcquisitionDate": date, "ContentDate": date,
        "StudyTime": time, "SeriesTime": time, "AcquisitionTime": time, "ContentTime": time,
        "AccessionNumber": "", "ReferringPhysicianName": "", "StudyID": "",
        "Modality": "XA",
        "Manufacturer": "Vesalius", "ManufacturerModelName": f"Vesalius ({SIMULATED})",
        "DeviceSerialNumber": "0", "SoftwareVersions": version("vesalius"),
        "StudyDescription": f"{SIMULATED}, not for clinical decisions",
        "SeriesDescription": f"{SIMULATED}: {cine.description}"[:64],
        "PatientName": SIMULATED, "PatientID": SIMULATED, "PatientBirthDate": "", "PatientSex": "",
        "PatientComments": COMMENT,
        "StudyInstanceUID": study_uid or generate_uid(prefix=None),
        "SeriesInstanceUID": generate_uid(prefix=None),
        "SeriesNumber": cine.series, "InstanceNumber": cine.instance, "AcquisitionNumber": cine.instance,
        "PatientOrientation": "", "Laterality": "",
        "ImageComments": f"{COMMENT}. {LIMITS_OF_USE}",
        "BurnedInAnnotation": "YES", "QualityControlImage": "NO", "LossyImageCompression": "00",
    }  # fmt: skip
    for name, value in values.items():
        setattr(dataset, name, value)
    return dataset


def _put_geometry(dataset: "FileDataset", cine: Cine, primary: np.ndarray, secondary: np.ndarray) -> None:
    """The tube, the detector and the C-arm."""
    dataset.KVP = None if cine.kilovolts is None else f"{cine.kilovolts:g}"
    dataset.RadiationSetting = "GR"
    # No dose is simulated: what stands here must not be mistaken for one.
    dataset.XRayTubeCurrent = dataset.ExposureTime = dataset.Exposure = None
    dataset.ImagerPixelSpacing = [f"{value:.8g}" for value in cine.detector_spacing_mm]
    dataset.DistanceSourceToDetector = f"{cine.source_to_detector_mm:.8g}"
    dataset.DistanceSourceToPatient = f"{cine.source_to_patient_mm:.8g}"
    dataset.EstimatedRadiographicMagnificationFactor = f"{cine.source_to_detector_mm / cine.source_to_patient_mm:.8g}"
    dataset.PositionerPrimaryAngle = f"{primary[0]:.6g}"
    dataset.PositionerSecondaryAngle = f"{secondary[0]:.6g}"
    turns = bool(np.ptp(primary) or np.ptp(secondary))
    dataset.PositionerMotion = "DYNAMIC" if turns else "STATIC"
    if turns:
        # From each frame to the next, none for the first (C.8.7.5.1.3).
        dataset.PositionerPrimaryAngleIncrement = [f"{step:.6g}" for step in np.diff(primary, prepend=primary[0])]
        dataset.PositionerSecondaryAngleIncrement = [f"{step:.6g}" for step in np.diff(secondary, prepend=secondary[0])]


def _put_pixels(dataset: "FileDataset", frames: np.ndarray, frame_time_ms: float) -> None:
    """The frames, how they are to be shown and how fast."""
    from pydicom.tag import Tag

    bits = 8 * frames.dtype.itemsize
    count, rows, columns = frames.shape
    largest = int(np.iinfo(frames.dtype).max)
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.PixelIntensityRelationship = "DISP"
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = rows, columns, count
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit, dataset.PixelRepresentation = bits - 1, 0
    dataset.WindowCenter, dataset.WindowWidth = f"{(largest + 1) / 2:g}", f"{largest + 1:g}"
    dataset.FrameIncrementPointer = Tag("FrameTime")
    dataset.FrameTime = f"{frame_time_ms:.8g}"
    rate = max(round(1000.0 / frame_time_ms), 1)
    dataset.CineRate = dataset.RecommendedDisplayFrameRate = rate
    dataset.StartTrim, dataset.StopTrim = 1, count
    data = np.ascontiguousarray(frames, dtype=frames.dtype.newbyteorder("<")).tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
