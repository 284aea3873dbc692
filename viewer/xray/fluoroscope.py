"""The fluoroscope: a C-arm with its tube and detector, and the pictures it takes of what lies in its beam.

scope = Fluoroscope(CArm(lao_deg=20, isocentre=middle), patient)
frame = scope.frame(Contents(surfaces, cylinders), time_s=0.4)
frame.image          # (512, 512) float32, 0 black to 1 white; no window needed
"""

import dataclasses
from collections.abc import Iterable

import numpy as np
import taichi as ti

from meshing.errors import InputError
from sim.arrays import Array, put
from viewer.xray.attenuation import Beam, beam_of, find_material
from viewer.xray.carm import CArm
from viewer.xray.chords import Layers, add_surface
from viewer.xray.cylinders import RAYS, Cylinders, add_cylinders
from viewer.xray.dose import PULSE_KERMA_UGY, Dose
from viewer.xray.picture import Developer
from viewer.xray.surfaces import Surface
from viewer.xray.volume import Marcher, Patient

PULSE_RATES = (7.5, 15.0, 30.0)
"""Pulses each second that can be asked for."""

SCATTER = 0.3
"""Scattered beside primary signal behind a grid; from memory, unverified."""

SCATTER_REACH_MM = 25.0
"""Spread of scattered light on the detector, one standard deviation [mm]; chosen, unverified."""

BLUR_PIXELS = 0.6
"""Spread of the detector's light, one standard deviation; at most 0.7, since it reaches but one pixel; chosen, unverified."""

CONTRAST = 0.30
"""Change of grey for a change of the signal by a factor e."""


@dataclasses.dataclass(frozen=True)
class Contents:
    """What moves in the beam: closed surfaces and cylinders, in millimetres of the patient."""

    surfaces: tuple[Surface, ...] = ()
    cylinders: tuple[Cylinders, ...] = ()

    @property
    def materials(self) -> tuple[str, ...]:
        """Materials that occur, each once, as they are called in the table."""
        return tuple(dict.fromkeys(one.material for one in (*self.surfaces, *self.cylinders)))


@dataclasses.dataclass(frozen=True, eq=False)
class Frame:
    """One picture.

    Attributes
    ----------
    image
        Shape (pixels, pixels), float32, 0 black to 1 white; first row to the patient's head, first column to the right side.
    carm
        Where the C-arm stood.
    number, time_s
        Which pulse, and when [s].
    moving
        Whether the patient was drawn coarsely, because the C-arm moved.
    """

    image: np.ndarray
    carm: CArm
    number: int
    time_s: float
    moving: bool

    @property
    def label(self) -> str:
        """The angles as they are spoken."""
        return self.carm.label

    @property
    def depth(self) -> np.ndarray:
        """−ln of the signal, but for a constant, as far as the grey is neither black nor white; shape (pixels, pixels) [1]."""
        return (0.5 - self.image) / CONTRAST

    def as_uint16(self) -> np.ndarray:
        """The image as whole numbers from 0 to 65,535."""
        return np.round(self.image * 65535.0).astype(np.uint16)


@dataclasses.dataclass(frozen=True, eq=False)
class _Background:
    """The patient alone, seen from where the C-arm stands: signal in each bin, their sum with scatter, transmission."""

    bins: Array
    still: Array
    transmission: float
    reference: float


class Fluoroscope:
    """A C-arm that takes pictures while its pedal is down; it counts the time of X-rays and estimates their dose."""

    def __init__(
        self,
        carm: CArm,
        patient: Patient | None = None,
        *,
        tube_kv: int = 80,
        pulses_per_s: float = 15.0,
        noise: bool = True,
        kerma_ugy: float = PULSE_KERMA_UGY,
        seed: int = 1,
        rays: int = RAYS,
    ) -> None:
        """Set a fluoroscope up.

        Parameters
        ----------
        carm
            Where it stands.
        patient
            What lies in the beam at rest; None for nothing but air.
        tube_kv
            Peak voltage [kV], one that `attenuation.beam_of` knows.
        pulses_per_s
            7.5, 15 or 30.
        noise
            Whether photons are counted; without, the picture is what endless exposure would give.
        kerma_ugy
            Air kerma at the detector in a pulse [µGy]: `dose.PULSE_KERMA_UGY` for fluoroscopy, `ACQUISITION_KERMA_UGY` for a DSA.
        seed
            Decides the noise together with a frame's number.
        rays
            Rays along each side of a pixel for cylinders.

        Raises
        ------
        InputError
            If there is no such pulse rate or voltage.
        """
        if pulses_per_s not in PULSE_RATES:
            raise InputError(
                f"The pulse rate is {pulses_per_s:g} per second; take {', '.join(f'{one:g}' for one in PULSE_RATES)}."
            )
        self.patient, self.noise, self.seed, self.rays = patient, noise, seed, rays
        self.beam: Beam = beam_of(tube_kv)
        self.pulses_per_s = pulses_per_s
        self.dose = Dose(kerma_ugy)
        self._carm = carm
        self._marchers: dict[bool, Marcher] = {}
        self._backgrounds: dict[bool, _Background] = {}
        self._reference: float | None = None
        self._developer: Developer | None = None
        self._layers: Layers | None = None
        self._last: Frame | None = None

    @property
    def carm(self) -> CArm:
        """Where the C-arm stands."""
        return self._carm

    def look(self, carm: CArm) -> None:
        """Stand the C-arm elsewhere; the exposure is set anew with the next picture."""
        if carm == self._carm:
            return
        if carm.pixels != self._carm.pixels:
            self._developer = self._layers = None
        self._carm, self._reference = carm, None
        self._backgrounds.clear()

    def frame(
        self, contents: Contents | Iterable = (), *, time_s: float | None = None, number: int | None = None, moving: bool = False
    ) -> Frame:
        """Take one picture: one pulse of X-rays.

        Parameters
        ----------
        contents
            What lies in the beam beside the patient.
        time_s
            When [s]; by default that of the pulse of this number.
        number
            Which pulse; by default the one that a time falls in, or the one after the last.
        moving
            The C-arm moves: the patient is drawn at half the resolution, which is quick.

        Raises
        ------
        InputError
            If something in the beam reaches to the X-ray source, or a material is not known.
        """
        if not isinstance(contents, Contents):
            several = tuple(contents)
            surfaces = tuple(one for one in several if isinstance(one, Surface))
            contents = Contents(surfaces, tuple(one for one in several if isinstance(one, Cylinders)))
        if number is None and time_s is not None:
            number = self.pulse_at(time_s)
        elif number is None:
            number = 0 if self._last is None else self._last.number + 1
        background = self._background(moving)
        developer, layers = self._ready(contents)
        for surface in contents.surfaces:
            add_surface(surface, self._carm, layers)
        for cylinders in contents.cylinders:
            add_cylinders(cylinders, self._carm, layers, rays=self.rays)
        developer.expose(layers, self._carm, background.bins, background.still)
        photons = self.dose.photons_of_pixel(self._carm.pixel_mm) if self.noise else 0.0
        image = developer.develop(photons=photons, seed=self.seed, number=number, contrast=CONTRAST)
        self.dose.pulse(self.pulses_per_s, transmission=background.transmission, field_mm=self._carm.field_mm)
        self._last = Frame(image, self._carm, number, number / self.pulses_per_s if time_s is None else time_s, moving)
        return self._last

    def at(self, time_s: float, contents: Contents) -> Frame:
        """What the monitor shows at a time while the pedal is down: a new picture when its pulse is due, else the last one."""
        if self._last is not None and self._last.number == self.pulse_at(time_s) and self._last.carm == self._carm:
            return self._last
        return self.frame(contents, time_s=time_s)

    def pulse_at(self, time_s: float) -> int:
        """Number of the last pulse at or before a time [s]."""
        return int(np.floor(time_s * self.pulses_per_s + 1e-6))

    def signal(self) -> np.ndarray:
        """Signal of the last picture before photons were counted, beside the mean of the patient alone in the field's middle."""
        if self._developer is None:
            raise InputError("No picture was taken yet; call `frame` first.")
        return self._developer.signal.to_numpy().reshape(self._carm.pixels, self._carm.pixels)

    def _ready(self, contents: Contents) -> tuple[Developer, Layers]:
        pixels = self._carm.pixels
        if self._developer is None:
            self._developer = Developer(self.beam, pixels, blur_pixels=BLUR_PIXELS)
        known = () if self._layers is None else self._layers.materials
        if self._layers is None or not set(contents.materials) <= set(known):
            materials = tuple(dict.fromkeys([*known, *contents.materials])) or ("water",)
            for name in materials:
                find_material(name)
            self._layers = Layers.empty(materials, pixels)
        return self._developer, self._layers

    def _background(self, moving: bool) -> _Background:
        if moving not in self._backgrounds:
            self._backgrounds[moving] = self._looked_through(moving)
        return self._backgrounds[moving]

    def _looked_through(self, moving: bool) -> _Background:
        from scipy import ndimage

        pixels = self._carm.pixels
        weights = self.beam.weights.astype(np.float32)
        if self.patient is None:
            bins = np.broadcast_to(weights[:, None, None], (len(weights), pixels, pixels)).copy()
        else:
            if moving not in self._marchers:
                self._marchers[moving] = Marcher(self.patient.halved() if moving else self.patient)
            coarse = pixels // 2 if moving else pixels
            lengths = np.stack(self._marchers[moving].lengths(self._carm, pixels=coarse))
            if moving:
                lengths = _enlarged(lengths, pixels)
            water, bone = (self.beam.attenuation(name) for name in ("water", "cortical bone"))
            depths = np.multiply.outer(water, lengths[0]) + np.multiply.outer(bone, lengths[1])
            bins = weights[:, None, None] * np.exp(-depths.astype(np.float32))
        primary = bins.sum(axis=0)
        step = max(pixels // 64, 1)
        rough = primary[: pixels // step * step, : pixels // step * step]
        rough = rough.reshape(pixels // step, step, pixels // step, step).mean(axis=(1, 3))
        spread = ndimage.gaussian_filter(rough, SCATTER_REACH_MM / (self._carm.pixel_mm * step), mode="nearest")
        veil = SCATTER * _enlarged(spread[None], pixels)[0]
        still = primary + (veil if self.patient is not None else 0.0)
        middle = slice(pixels // 3, pixels - pixels // 3)
        if self._reference is None:
            # The mean of logarithms, so that a bright rim of air does not darken the patient.
            self._reference = float(np.exp(np.log(np.maximum(still[middle, middle], 1e-9)).mean()))
        scale = 1.0 / self._reference
        transmission = float(primary[middle, middle].mean())
        bins, still = (bins * scale).astype(np.float32), (still * scale).astype(np.float32)
        return _Background(put(bins.ravel(), ti.f32), put(still.ravel(), ti.f32), transmission, self._reference)


def _enlarged(images: np.ndarray, pixels: int) -> np.ndarray:
    """Images (n, m, m) drawn larger, shape (n, pixels, pixels)."""
    from scipy import ndimage

    factor = pixels / images.shape[1]
    return np.asarray(ndimage.zoom(images, (1.0, factor, factor), order=1, grid_mode=True, mode="nearest"))
