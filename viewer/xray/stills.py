"""A picture as a person gets it: with its angles, that it was simulated, and what it is not for."""

from pathlib import Path
from typing import Any

import numpy as np

from meshing.errors import InputError
from scenarios.limits import LIMITS_OF_USE
from viewer.png_files import require_png
from viewer.xray.angiography import averaged, dsa
from viewer.xray.body import body_of
from viewer.xray.carm import FLOOR_MOUNTED, CArm, squarest_view
from viewer.xray.contrast import Puff
from viewer.xray.dose import ACQUISITION_KERMA_UGY, PULSE_KERMA_UGY
from viewer.xray.fluoroscope import Fluoroscope, Frame
from viewer.xray.rehearsals import RehearsalInBeam

SIMULATED = "SIMULATED"
LARGEST_SIDE = 1024
MASKS = 8
PUFF = Puff(start_s=0.0, volume_ml=10.0, rate_ml_s=5.0)
FILLED_S = 1.6
"""When a picture with dye is taken after the injection began [s]."""


def xray_still(
    recording: Any,
    frame: Any,
    *,
    lao_deg: float,
    cra_deg: float,
    square: bool = False,
    contrast: bool = False,
    subtract: bool = False,
    field_mm: float = 160.0,
    tube_kv: int = 80,
    labels: Any = None,
) -> tuple[Frame, np.ndarray, tuple[str, ...]]:
    """Take a picture of a rehearsal's sampled state: the frame, the image to show (pixels, pixels), and lines of text on it.

    square: turn from the angles asked for to the nearest at which the stented segment is not foreshortened. subtract: a DSA of
    the injection.

    Raises
    ------
    InputError
        If the C-arm cannot stand so.
    """
    case = recording.case
    if square:
        lao_deg, cra_deg = squarest_view(segment_axis(case), near=(lao_deg, cra_deg), gantry=FLOOR_MOUNTED)
    x, y, z = (float(value) for value in case.path.at(float(case.station_mm))[0])
    carm = CArm(lao_deg, cra_deg, isocentre=(x, y, z), field_mm=field_mm, gantry=FLOOR_MOUNTED)
    patient = body_of(case, labels)
    kerma = ACQUISITION_KERMA_UGY if subtract else PULSE_KERMA_UGY
    scope, beam = Fluoroscope(carm, patient, tube_kv=tube_kv, kerma_ugy=kerma), RehearsalInBeam(case)
    kind = "fluoroscopy"
    if subtract:
        mask = averaged([scope.frame(beam.contents(frame)) for _ in range(MASKS)])
        beam.inject(PUFF)
        live = scope.frame(beam.contents(frame, time_s=FILLED_S))
        image, kind = dsa(mask, live), "DSA"
    else:
        if contrast:
            beam.inject(PUFF)
        live = scope.frame(beam.contents(frame, time_s=FILLED_S if contrast else None))
        image, kind = live.image, "fluoroscopy with contrast" if contrast else kind
    lines = (f"{kind}, {frame.phase}, {frame.time_s:.2f} s", f"{tube_kv} kV, field {field_mm:g} mm", *patient.notes)
    return live, image, lines


def segment_axis(case: Any) -> np.ndarray:
    """Unit vector along the segment under the balloon, or along the way of a passage, shape (3,) (LPS)."""
    axis = np.asarray(case.balloon_axis if hasattr(case, "balloon_axis") else case.path.points, float)
    axis = axis - axis.mean(axis=0)
    return np.linalg.svd(axis, full_matrices=False)[2][0]


def write_still(image: np.ndarray, path: Path, *, label: str, lines: tuple[str, ...] = ()) -> Path:
    """Write an image (pixels, pixels) from 0 to 1 as a PNG with its angles, SIMULATED, the limits of use and lines of text.

    Raises
    ------
    InputError
        If the name does not end in .png, or the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patheffects import withStroke

    require_png(path)
    side = image.shape[0] * max(1, LARGEST_SIDE // image.shape[0])
    figure = Figure(figsize=(side / 100, side / 100), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.imshow(image, cmap="gray", vmin=0.0, vmax=1.0, interpolation="bilinear", aspect="auto")
    halo = [withStroke(linewidth=2.5, foreground="black")]
    look = {"color": "white", "path_effects": halo, "transform": axes.transAxes}
    axes.text(0.02, 0.975, label, fontsize=15, va="top", **look)
    axes.text(0.98, 0.975, SIMULATED, fontsize=15, va="top", ha="right", weight="bold", **look)
    axes.text(0.02, 0.05, "\n".join(lines), fontsize=9, va="bottom", **look)
    axes.text(0.02, 0.018, LIMITS_OF_USE, fontsize=11, va="bottom", **look)
    try:
        figure.savefig(path, dpi=100, metadata={"Comment": f"{SIMULATED}. {LIMITS_OF_USE} {label}"})
    except OSError as error:
        raise InputError(f"The picture {path} cannot be written ({error.strerror or error}).") from error
    return path
