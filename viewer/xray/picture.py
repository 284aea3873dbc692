"""From lengths to a picture: Beer–Lambert in a few energies, counted photons, the detector's blur, and a fixed scale of grey."""

import numpy as np
import taichi as ti

from sim.arrays import Array, Doubles, Floats, Longs, lent, put, zeros
from viewer.xray.attenuation import BIN_COUNT, Beam
from viewer.xray.carm import CArm
from viewer.xray.chords import UNIT_MM, Layers, camera_numbers

QUANTILE_COUNT = 1 << 16
EXACT_BELOW = 12.0
"""Mean count below which Poisson numbers are drawn exactly; above, from a normal one with the right skewness."""

ColumnOfBins = ti.types.vector(BIN_COUNT, ti.f32)


class Developer:
    """What a picture needs on the backend, made once for a detector of so many pixels and a beam."""

    def __init__(self, beam: Beam, pixels: int, *, blur_pixels: float) -> None:
        from scipy.special import ndtri

        self.beam, self.pixels = beam, pixels
        self.signal, self.counted, self.image = (zeros(pixels * pixels, ti.f32) for _ in range(3))
        self._quantiles = put(ndtri((np.arange(QUANTILE_COUNT) + 0.5) / QUANTILE_COUNT), ti.f32)
        # Of a narrow bell no more than the nearest neighbours see anything.
        bell = float(np.exp(-0.5 / max(blur_pixels, 0.05) ** 2))
        self._aside = bell / (1.0 + 2.0 * bell)

    def attenuations(self, layers: Layers) -> np.ndarray:
        """μ of each layer in each bin, shape (layers · bins,), float32 [1/mm]."""
        return np.concatenate([self.beam.attenuation(name) for name in layers.materials]).astype(np.float32)

    def expose(self, layers: Layers, carm: CArm, background: Array, still: Array) -> None:
        """Signal behind the layers, which are emptied.

        `background` is that of the patient alone in each bin, shape (bins · pixels²,); `still` their sum with scattered light,
        shape (pixels²,). Scatter is that of the patient alone.
        """
        compose(
            len(layers.materials), self.pixels, lent(self.attenuations(layers)), background, still, lent(camera_numbers(carm)),
            layers.sums, self.signal,
        )  # fmt: skip

    def develop(self, *, photons: float, seed: int, number: int, contrast: float) -> np.ndarray:
        """The picture of the signal, shape (pixels, pixels), float32 from 0 (black) to 1.

        photons: mean count of a pixel at signal 1, 0 for no noise; number: the frame's, which with `seed` decides every count;
        contrast: change of grey for a change of the signal by a factor e, about a half at signal 1.
        """
        count(self.pixels * self.pixels, photons, np.uint32(seed), np.uint32(number), self.signal, self._quantiles, self.counted)
        blur(self.pixels, contrast, self._aside, self.counted, self.image)
        return self.image.to_numpy().reshape(self.pixels, self.pixels)


@ti.kernel
def compose(
    layer_count: ti.i32,
    pixels: ti.i32,
    attenuations: Floats,
    background: Floats,
    still: Floats,
    camera: Doubles,
    sums: Longs,
    signal_out: Floats,
):
    """I = Σₑ Bₑ exp(−Σₘ μₘₑ Lₘ) at every pixel that something lies before, plus scatter; the patient alone elsewhere."""
    ti.loop_config(block_dim=4096)
    for pixel in range(pixels * pixels):
        depth = ColumnOfBins(0.0)
        met = False
        for layer in range(layer_count):
            place = layer * pixels * pixels + pixel
            if sums[place] != 0:
                length = ti.cast(ti.cast(sums[place], ti.f64) * UNIT_MM, ti.f32)
                for e in ti.static(range(BIN_COUNT)):
                    depth[e] += attenuations[layer * BIN_COUNT + e] * length
                sums[place] = 0
                met = True
        signal = still[pixel]
        if met:
            over = ti.cast((pixel % pixels - camera[13]) / camera[12], ti.f32)
            down = ti.cast((pixel // pixels - camera[13]) / camera[12], ti.f32)
            slant = ti.sqrt(1.0 + over * over + down * down)
            for e in ti.static(range(BIN_COUNT)):
                signal += background[e * pixels * pixels + pixel] * (ti.exp(-depth[e] * slant) - 1.0)
        signal_out[pixel] = signal


@ti.func
def scrambled(pixel: ti.u32, number: ti.u32, seed: ti.u32) -> ti.u32:
    """32 bits that depend on a pixel, a frame and a seed alone."""
    bits = pixel * ti.u32(0x9E3779B1) ^ (number * ti.u32(0x85EBCA77) + seed * ti.u32(0xC2B2AE3D))
    for _ in ti.static(range(2)):
        bits ^= bits >> 16
        bits *= ti.u32(0x7FEB352D)
        bits ^= bits >> 15
        bits *= ti.u32(0x846CA68B)
    return bits ^ (bits >> 16)


@ti.func
def poisson(mean: ti.f32, bits: ti.u32, quantiles: ti.template()) -> ti.f32:
    """A Poisson number from 32 random bits."""
    drawn = ti.f32(0.0)
    if mean < EXACT_BELOW:
        left = ti.cast(bits, ti.f32) * 2.3283064e-10
        chance = ti.exp(-mean)
        left -= chance
        while left > 0.0 and drawn < 60.0:
            drawn += 1.0
            chance *= mean / drawn
            left -= chance
    else:
        normal = quantiles[ti.cast(bits >> 16, ti.i32)]
        # The lower bits spread the rounding evenly.
        spread = ti.cast(bits & ti.u32(0xFFFF), ti.f32) * (1.0 / 65536.0)
        drawn = ti.max(ti.floor(mean + ti.sqrt(mean) * normal + (normal * normal - 1.0) * (1.0 / 6.0) + spread), 0.0)
    return drawn


@ti.kernel
def count(
    pixel_count: ti.i32, photons: ti.f32, seed: ti.u32, number: ti.u32, signal: Floats, quantiles: Floats, counted_out: Floats
):
    """What is left of a signal when it comes in whole photons."""
    ti.loop_config(block_dim=4096)
    for pixel in range(pixel_count):
        if photons > 0.0:
            mean = photons * ti.max(signal[pixel], 0.0)
            counted_out[pixel] = poisson(mean, scrambled(ti.cast(pixel, ti.u32), number, seed), quantiles) / photons
        else:
            counted_out[pixel] = signal[pixel]


@ti.func
def logarithm(value: ti.f32) -> ti.f32:
    """ln of a positive number to 1e-5, from its exponent and a series in its mantissa; a third of the cost of the library's."""
    bits = ti.bit_cast(value, ti.i32)
    exponent = ti.cast((bits >> 23) - 127, ti.f32)
    mantissa = ti.bit_cast((bits & 0x7FFFFF) | 0x3F800000, ti.f32)
    if mantissa > 1.4142135:
        mantissa *= 0.5
        exponent += 1.0
    # ln m = 2 artanh((m − 1) / (m + 1)), whose argument is below 0.172.
    x = (mantissa - 1.0) / (mantissa + 1.0)
    square = x * x
    return 0.6931472 * exponent + 2.0 * x * (1.0 + square * (1.0 / 3.0 + square * (0.2 + square * (1.0 / 7.0))))


@ti.kernel
def blur(pixels: ti.i32, contrast: ti.f32, aside: ti.f32, counted: Floats, image_out: Floats):
    """The detector's light spreads to its neighbours, `aside` of it along each axis; then the signal's logarithm becomes grey."""
    middle = 1.0 - 2.0 * aside
    ti.loop_config(block_dim=8)
    for row in range(pixels):
        above, below = ti.max(row - 1, 0) * pixels, ti.min(row + 1, pixels - 1) * pixels
        here = row * pixels
        # Sums over three rows, of the column before, this one and the next.
        this = middle * counted[here] + aside * (counted[above] + counted[below])
        before = this
        for column in range(pixels):
            beyond = ti.min(column + 1, pixels - 1)
            after = middle * counted[here + beyond] + aside * (counted[above + beyond] + counted[below + beyond])
            grey = 0.5 + contrast * logarithm(ti.max(middle * this + aside * (before + after), 1e-6))
            image_out[here + column] = ti.min(ti.max(grey, 0.0), 1.0)
            before, this = this, after
