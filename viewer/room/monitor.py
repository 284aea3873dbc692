"""The X-ray monitor: what it shows while the pedal is down, with mask, subtraction and roadmap; a picture for each request."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from scenarios.balloon_shape import BalloonShape
from viewer.bars import middle_mm
from viewer.room.hands import CONTRAST_ML_S, Injection
from viewer.xray.angiography import Roadmap, averaged, dsa
from viewer.xray.body import body_of
from viewer.xray.carm import FLOOR_MOUNTED, CArm, squarest_view
from viewer.xray.contrast import Puff
from viewer.xray.dose import ACQUISITION_KERMA_UGY, PULSE_KERMA_UGY
from viewer.xray.fluoroscope import Fluoroscope, Frame
from viewer.xray.rehearsals import RehearsalInBeam
from viewer.xray.stills import segment_axis

PIXELS = 512
FIELD_MM = (100.0, 300.0)
"""Smallest and largest field."""

PULSES_PER_S = 15.0
TUBE_KV = 80
MASKS = 6
"""Pictures whose mean becomes the mask."""

PRESETS = (
    ("AP", 0, 0),
    ("LAO 30", 30, 0),
    ("RAO 30", -30, 0),
    ("LAO 45", 45, 0),
    ("RAO 45", -45, 0),
    ("CRA 25", 0, 25),
    ("CAU 25", 0, -25),
)
"""Views of the first keys: words, LAO and CRA [degrees]; after them comes the one square to the segment."""

Mode = Literal["live", "subtracted", "roadmap begins", "roadmap"]


@dataclasses.dataclass(frozen=True, eq=False)
class Request:
    """What is to be pictured.

    Attributes
    ----------
    vertices, device, balloon, sheath_mm, sheaths_mm, waiting, lines
        As in a snapshot or a recording's frame [mm].
    time_s
        Simulated time, by which contrast agent has flowed [s].
    injections
        All of it until then.
    lao_deg, cra_deg
        Where the C-arm stands [degrees].
    mode
        What is made of the picture.
    moving
        Whether the C-arm moves: the patient is drawn coarsely.
    is_kept
        Whether it is one of a cine run, which takes more dose and has less noise.
    """

    vertices: np.ndarray
    device: np.ndarray
    balloon: BalloonShape
    time_s: float
    injections: tuple[Injection, ...]
    lao_deg: float
    cra_deg: float
    mode: Mode = "live"
    moving: bool = False
    is_kept: bool = False
    sheath_mm: float | None = None
    waiting: tuple[str, ...] = ()
    sheaths_mm: Mapping[str, float] = dataclasses.field(default_factory=dict)
    lines: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """What the monitor shows.

    Attributes
    ----------
    grey
        Shape (pixels, pixels), uint8.
    label
        The angles as they are spoken.
    words
        What was made of it: "fluoroscopy", "mask 3 of 6", "subtracted", "roadmap".
    time_s
        Simulated time [s].
    dap_ugy_cm2
        Dose-area product of one pulse, an estimate [µGy·cm²].
    """

    grey: np.ndarray
    label: str
    words: str
    time_s: float
    dap_ugy_cm2: float


class Monitor:
    """A fluoroscope on one case with what is made of its pictures."""

    def __init__(self, case: Any, *, labels: Any = None) -> None:
        """Set up a C-arm at the stent, in front of the patient; labels: a label map of the body, made up without one."""
        self._carm = carm_of(case)
        patient = body_of(case, labels)
        self.notes = patient.notes
        self._scope = Fluoroscope(self._carm, patient, tube_kv=TUBE_KV, pulses_per_s=PULSES_PER_S)
        self._beam = RehearsalInBeam(case)
        self._mode: Mode = "live"
        self._masks: list[Frame] = []
        self._roadmap: Roadmap | None = None

    def picture(self, request: Request) -> Picture:
        """Take one pulse's picture.

        Raises
        ------
        InputError
            If the C-arm cannot stand there.
        """
        carm = dataclasses.replace(self._carm, lao_deg=request.lao_deg, cra_deg=request.cra_deg)
        if carm != self._carm:
            self._carm = carm
            self._scope.look(carm)
            self._masks, self._roadmap = [], None
        self._beam.tree.puffs = [Puff(one.start_s, one.volume_ml, CONTRAST_ML_S) for one in request.injections]
        self._scope.dose.kerma_ugy = ACQUISITION_KERMA_UGY if request.is_kept else PULSE_KERMA_UGY
        before = self._scope.dose.dap_ugy_cm2
        frame = self._scope.frame(self._beam.contents(request, time_s=request.time_s), moving=request.moving)
        image, words = self._made_of(frame, request.mode)
        grey = np.round(image * 255.0).astype(np.uint8)
        return Picture(grey, frame.label, words, request.time_s, self._scope.dose.dap_ugy_cm2 - before)

    def _made_of(self, frame: Frame, mode: Mode) -> tuple[np.ndarray, str]:
        if mode == "live":
            self._mode, self._masks, self._roadmap = mode, [], None
            return frame.image, "fluoroscopy"
        if mode != self._mode and mode != "roadmap":
            self._masks, self._roadmap = [], None
        self._mode = mode
        if len(self._masks) < MASKS:
            self._masks.append(frame)
            if len(self._masks) == MASKS and mode != "subtracted":
                self._roadmap = Roadmap(averaged(self._masks))
            return frame.image, f"mask {len(self._masks)} of {MASKS}"
        if mode == "subtracted":
            return dsa(averaged(self._masks), frame), "subtracted"
        assert self._roadmap is not None
        if mode == "roadmap begins":
            self._roadmap.add(frame)
            return self._roadmap.over(frame), "roadmap: inject, then press again"
        return self._roadmap.over(frame), "roadmap"


def carm_of(case: Any) -> CArm:
    """The C-arm at the stent, or at the middle of a passage's lesion, its angles nought."""
    x, y, z = (float(value) for value in case.path.at(middle_mm(case))[0])
    return CArm(isocentre=(x, y, z), field_mm=field_of(case), pixels=PIXELS, gantry=FLOOR_MOUNTED)


def field_of(case: Any) -> float:
    """A field that shows the stent and as much of the vessel at either end, or all of a passage's way [mm]."""
    length = 3.5 * case.device.stent.length_mm if hasattr(case, "device") else 1.5 * case.path.length
    return float(np.clip(20.0 + length, *FIELD_MM))


def preset_view(case: Any, number: int, *, near: tuple[float, float] = (0.0, 0.0)) -> tuple[float, float]:
    """Angles [degrees] of a preset view, counted from 1: those of `PRESETS`, then the nearest that is square to the segment."""
    if number <= len(PRESETS):
        _, lao, cra = PRESETS[number - 1]
        return float(lao), float(cra)
    lao, cra = squarest_view(segment_axis(case), near=near, gantry=FLOOR_MOUNTED)
    return float(round(lao)), float(round(cra))


def turned(carm_deg: tuple[float, float], by_lao: float, by_cra: float) -> tuple[float, float]:
    """Angles [degrees] turned by some, as far as the gantry goes."""
    (low, high), (down, up) = FLOOR_MOUNTED.primary_deg, FLOOR_MOUNTED.secondary_deg
    return min(max(carm_deg[0] + by_lao, low), high), min(max(carm_deg[1] + by_cra, down), up)


def pulses_in(time_s: float) -> int:
    """How many pulses there are in a time with the pedal down [s]."""
    return math.floor(time_s * PULSES_PER_S + 1e-6)
