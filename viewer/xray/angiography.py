"""Subtraction, roadmap and cine: what is made of several pictures."""

from collections import deque
from collections.abc import Iterable

import numpy as np

from meshing.errors import InputError
from viewer.xray.fluoroscope import Frame

DSA_GREY = 0.75
DSA_CONTRAST = 0.9
"""Change of grey for a change of −ln of the signal by one."""

ROADMAP_STRENGTH = 0.8


def subtracted(mask: Frame, live: Frame) -> np.ndarray:
    """log(mask) − log(live), shape (pixels, pixels) [1]: what came between X-rays and detector since the mask, above zero.

    What has moved since shows twice, once of either sign, as on a real one.

    Raises
    ------
    InputError
        If the C-arm or the table stood elsewhere.
    """
    if mask.carm != live.carm:
        raise InputError(
            f"The mask was taken at {mask.label} and the picture at {live.label}, or with another table or field; take a new one."
        )
    return live.depth - mask.depth


def dsa(mask: Frame, live: Frame) -> np.ndarray:
    """A subtracted picture, shape (pixels, pixels), float32: dye dark on even light grey."""
    return np.clip(DSA_GREY - DSA_CONTRAST * subtracted(mask, live), 0.0, 1.0).astype(np.float32)


def averaged(frames: Iterable[Frame]) -> Frame:
    """The mean of pictures from one place, with less noise: a good mask."""
    several = list(frames)
    if not several:
        raise InputError("There is no picture to average; take some first.")
    if any(one.carm != several[0].carm for one in several):
        raise InputError("Pictures from several places of the C-arm cannot be averaged; take new ones.")
    image = np.stack([one.image for one in several]).mean(axis=0, dtype=np.float64).astype(np.float32)
    last = several[-1]
    return Frame(image, last.carm, last.number, last.time_s, last.moving)


class Roadmap:
    """The fullest that each pixel was with dye, kept as a path to lay over later pictures."""

    def __init__(self, mask: Frame) -> None:
        self.mask = mask
        self.opacity = np.zeros_like(mask.image)

    def add(self, filled: Frame) -> None:
        """Take in one more picture with dye."""
        self.opacity = np.maximum(self.opacity, subtracted(self.mask, filled)).astype(np.float32)

    def over(self, live: Frame, *, strength: float = ROADMAP_STRENGTH, threshold: float = 0.08) -> np.ndarray:
        """A live picture with the vessels light upon it, shape (pixels, pixels), float32.

        threshold: least −ln of the signal that counts as dye; below, noise would show.
        """
        if live.carm != self.mask.carm:
            raise InputError(f"The roadmap is of {self.mask.label} and the picture of {live.label}; make a new roadmap.")
        return np.clip(live.image + strength * np.maximum(self.opacity - threshold, 0.0), 0.0, 1.0).astype(np.float32)


class Cine:
    """The last pictures, to be shown again."""

    def __init__(self, longest_s: float = 30.0, *, pulses_per_s: float = 15.0) -> None:
        self.pulses_per_s = pulses_per_s
        self.frames: deque[Frame] = deque(maxlen=max(1, int(longest_s * pulses_per_s)))

    def add(self, frame: Frame) -> None:
        """Keep a picture; the oldest goes when there is no room; one of a number that is kept already is not kept twice."""
        if not self.frames or self.frames[-1].number != frame.number:
            self.frames.append(frame)

    def stack(self) -> np.ndarray:
        """All pictures, shape (n, pixels, pixels), uint16."""
        if not self.frames:
            raise InputError("The cine holds no picture yet.")
        return np.stack([one.as_uint16() for one in self.frames])
