"""A cine run: X-ray pictures that are kept, shown again as a loop, and written for other programs."""

import dataclasses
from pathlib import Path

import numpy as np

from meshing.errors import InputError
from viewer.dicom_cine import Cine, with_words, write_cine
from viewer.film import can_film, write_film
from viewer.room.monitor import PULSES_PER_S, TUBE_KV, pulses_in
from viewer.xray.carm import CArm

MOST_PULSES = 600
"""Where a run ends by itself: 40 s."""


@dataclasses.dataclass(frozen=True, eq=False)
class Kept:
    """A picture of a run: which pulse of simulated time it is, grey values, shape (n, n), uint8, the angles [degrees]."""

    pulse: int
    grey: np.ndarray
    label: str
    carm_deg: tuple[float, float]


class CineRun:
    """Pictures in simulated time: one a pulse, however long the engine took between them.

    Attributes
    ----------
    number
        Which run of the procedure it is, from 1.
    kept
        Its pictures; a pulse that was not pictured shows the one before it.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.kept: list[Kept] = []

    @property
    def pulse_count(self) -> int:
        """How many pulses there are from its first picture to its last."""
        return self.kept[-1].pulse - self.kept[0].pulse + 1 if self.kept else 0

    @property
    def is_full(self) -> bool:
        """Whether it takes no more pictures."""
        return self.pulse_count >= MOST_PULSES

    def add(self, time_s: float, grey: np.ndarray, label: str, carm_deg: tuple[float, float]) -> None:
        """Keep a picture of a simulated time [s]; another one of the same pulse takes its place."""
        pulse = pulses_in(time_s)
        if self.kept and (pulse < self.kept[-1].pulse or self.is_full):
            return
        if self.kept and pulse == self.kept[-1].pulse:
            self.kept.pop()
        self.kept.append(Kept(pulse, grey, label, carm_deg))

    def at(self, elapsed_s: float) -> Kept:
        """The picture of a loop that began some time ago [s]."""
        return self.every()[int(elapsed_s * PULSES_PER_S) % self.pulse_count]

    def every(self) -> list[Kept]:
        """A picture for each pulse."""
        pulses = np.arange(self.kept[0].pulse, self.kept[-1].pulse + 1)
        held = np.searchsorted([one.pulse for one in self.kept], pulses, side="right") - 1
        return [self.kept[number] for number in held]

    def write(self, folder: Path, carm: CArm, *, description: str) -> tuple[Path, ...]:
        """Write the run as DICOM and GIF, and as MP4 where the extra `video` is installed, SIMULATED burnt into all; gives them.

        Raises
        ------
        InputError
            If they cannot be written.
        """
        from PIL import Image

        every = self.every()
        frames = np.stack([one.grey for one in every])
        cine = Cine(
            primary_angle_deg=[one.carm_deg[0] for one in every], secondary_angle_deg=[one.carm_deg[1] for one in every],
            frame_time_ms=1e3 / PULSES_PER_S, detector_spacing_mm=(carm.pixel_mm, carm.pixel_mm),
            source_to_detector_mm=carm.sid_mm, source_to_patient_mm=carm.sod_mm, kilovolts=TUBE_KV, instance=self.number,
            description=description,
        )  # fmt: skip
        dicom = write_cine(frames, folder / f"cine {self.number}.dcm", cine)
        moving = folder / f"cine {self.number}.gif"
        marked = with_words(frames)
        first, *others = [Image.fromarray(frame) for frame in marked]
        try:
            first.save(moving, save_all=True, append_images=others, duration=1e3 / PULSES_PER_S, loop=0)
        except OSError as error:
            raise InputError(f"The run cannot be written to {moving} ({error.strerror or error}).") from error
        if not can_film():
            return dicom, moving
        words = f"SIMULATED. {description}."
        return dicom, moving, write_film(marked, moving.with_suffix(".mp4"), frames_per_s=PULSES_PER_S, words=words)
