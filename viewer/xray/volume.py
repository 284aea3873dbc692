"""The patient at rest as voxels, and the lengths of soft tissue and bone that rays meet in them.

A voxel is so much water and so much cortical bone. From a CT, HU = 1000 (μ/μ_water − 1) at about 70 keV: up to 100 HU all is soft
tissue of density 1 + HU/1000; above, what exceeds soft tissue of 100 HU is bone, in the share that makes up the difference.
"""

import dataclasses

import numpy as np
import taichi as ti

from meshing.errors import InputError
from sim import backend
from sim.arrays import Array, Doubles, Floats, Vec2s, lent, put, vec2
from viewer.xray.attenuation import find_material
from viewer.xray.carm import CArm

CT_KEV = 70.0
"""Mean energy of a CT's beam at 120 kV [keV]; from memory, unverified."""

BONE_FROM_HU = 100.0
UNENHANCED_HU = 45.0
"""Blood without dye [HU]; from memory, unverified."""


@dataclasses.dataclass(frozen=True, eq=False)
class Patient:
    """The patient about the vessel, in voxels.

    Attributes
    ----------
    water, bone
        Density of soft tissue beside water and of bone beside cortical bone, shape (ni, nj, nk), float32 [1].
    affine
        From voxel index (i, j, k, 1) to the voxel's centre in LPS, shape (4, 4) [mm].
    notes
        What a reader of the picture should know: what was made up, what was taken out.
    """

    water: np.ndarray
    bone: np.ndarray
    affine: np.ndarray
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.water.shape != self.bone.shape or self.water.ndim != 3 or min(self.water.shape) < 2:
            raise InputError(
                f"Water has {self.water.shape} voxels and bone {self.bone.shape}; give both one volume of 2 or more a side."
            )

    def halved(self) -> "Patient":
        """The same at half the resolution, for while the C-arm moves."""
        water, bone = (_halved(values) for values in (self.water, self.bone))
        shift = np.eye(4)
        shift[:3, 3], shift[0, 0], shift[1, 1], shift[2, 2] = 0.5, 2.0, 2.0, 2.0
        return Patient(water, bone, self.affine @ shift, self.notes)


def patient_of_ct(hounsfield: np.ndarray, affine: np.ndarray, *, dyed: np.ndarray | None = None) -> Patient:
    """A CT as soft tissue and bone.

    Parameters
    ----------
    hounsfield
        Shape (ni, nj, nk) [HU].
    affine
        From voxel index to LPS, shape (4, 4) [mm].
    dyed
        Voxels of vessels that hold contrast agent, shape (ni, nj, nk), bool. Their dye is taken out: those above
        `UNENHANCED_HU` become that, since simulated dye comes on top.

    Raises
    ------
    InputError
        If the mask has another shape, or a value is not finite.
    """
    values = np.asarray(hounsfield, np.float32)
    if not np.isfinite(values).all():
        raise InputError(f"{int((~np.isfinite(values)).sum())} voxels of the CT are not numbers; fill them, with −1000 for air.")
    notes = ()
    if dyed is not None:
        if dyed.shape != values.shape:
            raise InputError(f"The mask of dyed vessels has {dyed.shape} voxels, the CT {values.shape}.")
        bright = dyed & (values > UNENHANCED_HU)
        values = np.where(bright, np.float32(UNENHANCED_HU), values)
        notes = (f"The CT's own contrast agent was taken out: {int(bright.sum())} voxels of the vessels were set to 45 HU.",)
    relative = np.maximum(1.0 + values / 1000.0, 0.0)
    ratio = float(find_material("cortical bone").at(CT_KEV) / find_material("water").at(CT_KEV))
    threshold = 1.0 + BONE_FROM_HU / 1000.0
    bone = np.clip((relative - threshold) / (ratio - threshold), 0.0, 1.2)
    water = np.where(bone > 0.0, threshold * np.maximum(1.0 - bone, 0.0), relative)
    return Patient(water.astype(np.float32), bone.astype(np.float32), np.asarray(affine, float), notes)


class Marcher:
    """A patient's voxels on the backend, ready to be looked through from anywhere."""

    def __init__(self, patient: Patient) -> None:
        backend.current()
        # A border of nothing, so that between voxels there is always one on either side.
        both = np.pad(np.stack([patient.water, patient.bone], axis=-1), ((1, 1), (1, 1), (1, 1), (0, 0)))
        self.shape = np.array(both.shape[:3], float)
        inner = np.eye(4)
        inner[:3, 3] = -1.0
        self.to_voxels = np.linalg.inv(patient.affine @ inner)
        self.voxels: Array = put(both.reshape(-1, 2), vec2)

    def lengths(self, carm: CArm, *, pixels: int) -> tuple[np.ndarray, np.ndarray]:
        """Lengths of water and of cortical bone along the rays of a picture, each of shape (pixels, pixels) [mm]."""
        carm = dataclasses.replace(carm, pixels=pixels)
        slope = carm.pixel_mm / carm.sid_mm
        right, up, beam = carm.axes
        start = self.to_voxels[:3, :3] @ carm.source + self.to_voxels[:3, 3]
        turned = self.to_voxels[:3, :3] @ np.stack([right * slope, -up * slope, beam], axis=1)
        numbers = np.concatenate([start, turned.T.ravel(), self.shape, [0.5 * (pixels - 1)]])
        water, bone = np.zeros(pixels * pixels, np.float32), np.zeros(pixels * pixels, np.float32)
        march(pixels, lent(numbers), self.voxels, lent(water), lent(bone))
        slants = carm.slants()
        return water.reshape(pixels, pixels) * slants, bone.reshape(pixels, pixels) * slants


@ti.kernel
def march(pixels: ti.i32, numbers: Doubles, voxels: Vec2s, water_out: Floats, bone_out: Floats):
    """Depths of water and bone along the central ray [mm]; each ray asks every layer of voxels square to its main direction once,

    between the layer's four nearest voxels (Joseph 1982, doi:10.1109/TMI.1982.4307572).
    """
    ti.loop_config(block_dim=512)
    for pixel in range(pixels * pixels):
        column, row = pixel % pixels - numbers[15], pixel // pixels - numbers[15]
        start = ti.Vector([numbers[0], numbers[1], numbers[2]], ti.f64)
        ray = ti.Vector([0.0, 0.0, 0.0], ti.f64)
        size = ti.Vector([0, 0, 0], ti.i32)
        for k in ti.static(range(3)):
            ray[k] = numbers[3 + k] * column + numbers[6 + k] * row + numbers[9 + k]
            size[k] = ti.cast(numbers[12 + k], ti.i32)
        stride = ti.Vector([size[1] * size[2], size[2], 1], ti.i32)
        if ti.abs(ray[1]) > ti.abs(ray[0]) and ti.abs(ray[1]) >= ti.abs(ray[2]):
            start, ray = ti.Vector([start[1], start[0], start[2]]), ti.Vector([ray[1], ray[0], ray[2]])
            size, stride = ti.Vector([size[1], size[0], size[2]]), ti.Vector([stride[1], stride[0], stride[2]])
        elif ti.abs(ray[2]) > ti.abs(ray[0]):
            start, ray = ti.Vector([start[2], start[0], start[1]]), ti.Vector([ray[2], ray[0], ray[1]])
            size, stride = ti.Vector([size[2], size[0], size[1]]), ti.Vector([stride[2], stride[0], stride[1]])
        step = 1.0 / ti.abs(ray[0])
        slope_p, slope_q = ray[1] / ray[0], ray[2] / ray[0]
        at_p, at_q = start[1] - start[0] * slope_p, start[2] - start[0] * slope_q
        first, last = ti.f64(0.0), ti.f64(size[0] - 1)
        for at, slope, top in ti.static(((at_p, slope_p, size[1] - 1), (at_q, slope_q, size[2] - 1))):
            if ti.abs(slope) > 1e-12:
                one, other = -at / slope, (top - at) / slope
                first, last = ti.max(first, ti.min(one, other)), ti.min(last, ti.max(one, other))
            elif at < 0.0 or at > top:
                last = -1.0
        # What lies behind the source is not seen.
        if ray[0] > 0.0:
            first = ti.max(first, start[0])
        else:
            last = ti.min(last, start[0])
        total = ti.Vector([0.0, 0.0], ti.f32)
        for layer in range(ti.cast(ti.ceil(first), ti.i32), ti.cast(ti.floor(last), ti.i32) + 1):  # pyright: ignore[reportArgumentType]
            p, q = at_p + layer * slope_p, at_q + layer * slope_q
            low_p = ti.min(ti.max(ti.cast(ti.floor(p), ti.i32), 0), size[1] - 2)
            low_q = ti.min(ti.max(ti.cast(ti.floor(q), ti.i32), 0), size[2] - 2)
            part_p, part_q = ti.cast(p - low_p, ti.f32), ti.cast(q - low_q, ti.f32)
            place = layer * stride[0] + low_p * stride[1] + low_q * stride[2]
            near = voxels[place] + part_q * (voxels[place + stride[2]] - voxels[place])
            beside = place + stride[1]
            far = voxels[beside] + part_q * (voxels[beside + stride[2]] - voxels[beside])
            total += near + part_p * (far - near)
        water_out[pixel] = total[0] * ti.cast(step, ti.f32)
        bone_out[pixel] = total[1] * ti.cast(step, ti.f32)


def _halved(values: np.ndarray) -> np.ndarray:
    even = np.pad(values, [(0, size % 2) for size in values.shape], mode="edge")
    i, j, k = (size // 2 for size in even.shape)
    return even.reshape(i, 2, j, 2, k, 2).mean(axis=(1, 3, 5), dtype=np.float32)
