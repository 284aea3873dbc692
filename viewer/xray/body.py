"""A patient about the vessel where there is no CT: from labels, or made up.

What is made up is a picture and no anatomy: a trunk of soft tissue, a column of vertebrae behind the vessel, and for vessels of
the pelvis a sacrum and the wings of two hip bones, of sizes from memory. It gives noise, scatter and landmarks their right order
of magnitude and says so in the patient's notes.
"""

from typing import Any, Literal

import numpy as np

from meshing.labels import LabelMap
from viewer.xray.volume import Patient

MADE_UP = "The patient about the vessel is made up: a trunk of soft tissue with bones of usual size, not this patient's."
VOXEL_MM = 2.0
TRUNK_MM = (165.0, 108.0)
"""Half the width and half the depth of a trunk [mm]; from memory, unverified."""

HEIGHT_MM = 150.0
"""How far the made-up trunk reaches above and below the vessel's middle [mm]."""

CORTEX, CORE = 0.85, 0.22
"""Bone in a vertebra's shell and in its core beside cortical bone; chosen, unverified."""

BONES = (
    "vertebra", "rib", "bone", "femur", "hip", "sacrum", "skull", "scapula", "clavic", "sternum", "humerus", "tibia", "fibula",
    "pelvis", "spine", "ilium", "patella", "radius", "ulna",
)  # fmt: skip
HOLLOW = {"lung": 0.28, "trachea": 0.0, "air": 0.0, "gas": 0.0, "airway": 0.0, "fat": 0.92}
Region = Literal["abdomen", "pelvis"]


def body_of(case: Any, labels: LabelMap | None = None) -> Patient:
    """The patient about a case's vessel: from a label map of organs where there is one, else made up about the centreline."""
    if labels is not None:
        return patient_of_labels(labels)
    words = f"{case.name} {getattr(case, 'source', '')}".lower()
    region: Region = "pelvis" if any(word in words for word in ("iliac", "femoral", "pelvi")) else "abdomen"
    return made_up_trunk(np.asarray(case.path.points), region=region)


def patient_of_labels(labels: LabelMap) -> Patient:
    """A label map as densities: bones by their names with a denser shell, lungs and gas, and soft tissue for all else.

    Where no label is called body or skin, what is unlabelled counts as soft tissue within an ellipse about the labels.
    """
    from scipy import ndimage

    names = {number: labels.name(number).lower() for number in labels.voxel_counts}
    bones = [number for number, name in names.items() if any(word in name for word in BONES)]
    whole = [number for number, name in names.items() if name in ("body", "skin", "body trunc", "trunk")]
    density = np.ones(int(labels.voxels.max()) + 1, np.float32)
    for number, name in names.items():
        density[number] = next((value for word, value in HOLLOW.items() if word in name.split("_") or word in name.split()), 1.05)
    water = density[labels.voxels]
    if not whole:
        water[(labels.voxels == 0) & ~_ellipse(labels)] = 0.0
    else:
        water[labels.voxels == 0] = 0.0
    inside = np.isin(labels.voxels, bones)
    core = ndimage.binary_erosion(inside, iterations=max(1, round(1.5 / float(labels.spacing.min()))))
    bone = np.where(inside, np.where(core, CORE, CORTEX), 0.0).astype(np.float32)
    water = water * (1.0 - 0.6 * bone)
    note = "The patient about the vessel is made of labels: one density for each kind of tissue."
    return Patient(water.astype(np.float32), bone, labels.affine, (note,))


def made_up_trunk(points: np.ndarray, *, region: Region) -> Patient:
    """A trunk about a vessel whose centreline runs through points (n, 3) (LPS) [mm]; always the same for the same points."""
    spine = _spine_beside(points, region)
    half = np.array([*TRUNK_MM, HEIGHT_MM]) + VOXEL_MM
    centre = np.array([spine[0], spine[1] - 38.0, float(points[:, 2].mean())])
    counts = (2.0 * half / VOXEL_MM).astype(int)
    affine = np.diag([VOXEL_MM] * 3 + [1.0])
    affine[:3, 3] = centre - 0.5 * (counts - 1) * VOXEL_MM
    x, y, z = (affine[k, 3] + VOXEL_MM * np.arange(counts[k]) for k in range(3))
    grid = x[:, None, None], y[None, :, None], z[None, None, :]
    random = np.random.default_rng(11)
    water = _trunk(grid, centre, random)
    bone = np.zeros(water.shape, np.float32)
    top = float(points[:, 2].max()) if region == "pelvis" else centre[2]
    lowest = -1 if region == "pelvis" else -6
    for level in range(lowest, 7):
        at = (spine[0], spine[1], top + 4.0 + 36.0 * level)
        _add_vertebra(*_about(bone, grid, at, (54.0, 68.0, 26.0)), at)
    if region == "pelvis":
        at = (spine[0], spine[1], top - 68.0)
        _add_pelvis(*_about(bone, grid, at, (150.0, 120.0, 100.0)), at)
    grain = _grain(bone.shape, random, 1.5)
    bone = (bone * (1.0 + 0.12 * grain)).astype(np.float32)
    return Patient((water * (1.0 - 0.6 * bone)).astype(np.float32), bone, affine, (MADE_UP,))


def _spine_beside(points: np.ndarray, region: Region) -> np.ndarray:
    """Middle of the vertebral bodies: behind the vessel, and for iliac arteries on the side from which they come."""
    top, bottom = points[np.argmax(points[:, 2])], points[np.argmin(points[:, 2])]
    aside = 12.0 * np.sign(top[0] - bottom[0]) if region == "pelvis" else 0.0
    return np.array([top[0] + aside, float(points[:, 1].mean()) + 34.0])


def _trunk(grid: tuple[np.ndarray, ...], centre: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Soft tissue with a rim of fat, uneven by a few per cent, and some gas in the bowel."""
    x, y, _ = grid
    out = np.sqrt(((x - centre[0]) / TRUNK_MM[0]) ** 2 + ((y - centre[1]) / TRUNK_MM[1]) ** 2)
    shape = tuple(one.size for one in grid)
    water = np.where(out < 1.0, np.where(out > 0.86, 0.92, 1.03), 0.0) * np.ones(shape)
    water *= 1.0 + 0.035 * _grain(shape, random, 5.0)
    for _ in range(26):
        place = centre + random.uniform(-1.0, 1.0, 3) * (115.0, 16.0, 140.0) + (0.0, -48.0, 0.0)
        sizes = random.uniform(5.0, 17.0, 3)
        near, part = _about(water, grid, tuple(place), (26.0, 26.0, 26.0))
        near *= 1.0 - 0.75 * _ellipsoid(part, place, sizes, soft=4.0)
    return water


def _add_vertebra(bone: np.ndarray, grid: tuple[np.ndarray, ...], at: tuple[float, float, float]) -> None:
    """A lumbar vertebra: body with shell and end plates, pedicles, transverse processes, spinous process."""
    x, y, z = (one - place for one, place in zip(grid, at, strict=True))
    waist = 1.0 - 0.10 * np.cos(np.pi * np.clip(z / 28.0, -0.5, 0.5))
    around = (1.0 - (np.abs(x / (24.0 * waist)) ** 2.6 + np.abs(y / (17.0 * waist)) ** 2.6) ** (1 / 2.6)) * 19.0
    inward = np.minimum(around, 13.5 - np.abs(z))
    _join(bone, np.clip(inward / VOXEL_MM + 0.5, 0.0, 1.0) * np.where(inward < 2.4, CORTEX, CORE))
    for side in (-1.0, 1.0):
        parts = (
            ((side * 13.5, 22.0, 5.0), (4.0, 9.0, 7.0), 0.75),
            ((side * 31.0, 27.0, 4.0), (19.0, 3.5, 4.5), 0.55),
            ((side * 15.0, 33.0, -6.0), (6.0, 6.0, 15.0), 0.6),
        )
        for place, sizes, much in parts:
            _join(bone, much * _ellipsoid((x, y, z), np.array(place), np.array(sizes)))
    _join(bone, 0.6 * _ellipsoid((x, y, z), np.array([0.0, 47.0, -6.0]), np.array([3.5, 17.0, 10.0])))


def _add_pelvis(bone: np.ndarray, grid: tuple[np.ndarray, ...], at: tuple[float, float, float]) -> None:
    """A sacrum that narrows downwards, with holes, and the wings of the hip bones as curved plates."""
    x, y, z = (one - place for one, place in zip(grid, at, strict=True))
    down = np.clip(-z / 95.0, 0.0, 1.0)
    wide, thick = 54.0 * (1.0 - 0.72 * down), 15.0 * (1.0 - 0.6 * down)
    bent = y - 14.0 - 26.0 * np.sin(np.pi * 0.8 * down)
    inward = (1.0 - (np.abs(x / wide) ** 3.0 + np.abs(bent / thick) ** 3.0) ** (1 / 3.0)) * thick
    # The wings of the sacrum fall away from its plate for the last disc.
    inward = np.minimum(np.minimum(inward, 16.0 - 0.012 * np.maximum(np.abs(x) - 22.0, 0.0) ** 2 - z), z + 95.0)
    sacrum = np.clip(inward / VOXEL_MM + 0.5, 0.0, 1.0) * np.where(inward < 2.2, 0.65, 0.16)
    for row in range(4):
        for side in (-1.0, 1.0):
            hole = np.array([side * (21.0 - 2.5 * row), 16.0 + 7.0 * row, -8.0 - 22.0 * row])
            sacrum = sacrum * (1.0 - 0.9 * _ellipsoid((x, y, z), hole, np.array([5.0, 22.0, 4.5])))
    _join(bone, sacrum)
    for side in (-1.0, 1.0):
        middle = np.array([side * 46.0, -22.0, -14.0])
        out = [one - place for one, place in zip((x, y, z), middle, strict=True)]
        far = np.sqrt((out[0] / 92.0) ** 2 + (out[1] / 84.0) ** 2 + (out[2] / 88.0) ** 2)
        plate = np.clip((5.0 - np.abs(far - 0.97) * 88.0) / VOXEL_MM + 0.5, 0.0, 1.0)
        shell = np.where(np.abs(far - 0.97) * 88.0 > 3.0, 0.6, 0.14)
        kept = (side * out[0] > 6.0) & (out[2] < 62.0 - 0.004 * (out[1] + 10.0) ** 2) & (out[2] > -70.0) & (out[1] > -35.0)
        _join(bone, plate * shell * kept)


def _about(
    bone: np.ndarray, grid: tuple[np.ndarray, ...], at: tuple[float, ...], reach: tuple[float, ...]
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """The part of the voxels within reach of a place along each axis [mm], and its grid."""
    kept = [np.flatnonzero(np.abs(one.ravel() - place) <= far) for one, place, far in zip(grid, at, reach, strict=True)]
    part = tuple(slice(int(one[0]), int(one[-1]) + 1) if len(one) else slice(0, 0) for one in kept)
    return bone[part], (grid[0][part[0]], grid[1][:, part[1]], grid[2][:, :, part[2]])


def _join(bone: np.ndarray, part: np.ndarray) -> None:
    np.maximum(bone, part.astype(np.float32), out=bone)


def _ellipsoid(grid: tuple[np.ndarray, ...], centre: np.ndarray, sizes: np.ndarray, *, soft: float = 1.0) -> np.ndarray:
    """1 inside an ellipsoid, 0 outside, over about a voxel between."""
    far = np.sqrt(sum(((one - place) / size) ** 2 for one, place, size in zip(grid, centre, sizes, strict=True)))
    return np.clip((1.0 - far) * sizes.min() / (VOXEL_MM * soft) + 0.5, 0.0, 1.0)


def _grain(shape: tuple[int, ...], random: np.random.Generator, reach: float) -> np.ndarray:
    """Smooth noise of spread one, about `reach` voxels wide."""
    from scipy import ndimage

    few = tuple(int(size / reach) + 2 for size in shape)
    noise = ndimage.gaussian_filter(random.standard_normal(few).astype(np.float32), 0.8, mode="wrap")
    factors = [size / count for size, count in zip(shape, few, strict=True)]
    fine = np.asarray(ndimage.zoom(noise, factors, order=1, grid_mode=True, mode="nearest"))
    return fine / fine.std()


def _ellipse(labels: LabelMap) -> np.ndarray:
    """An ellipse in each axial slice about all labels, with a finger's breadth to spare."""
    taken = np.argwhere(labels.voxels > 0)
    if not len(taken):
        return np.zeros(labels.voxels.shape, bool)
    low, high = taken.min(axis=0), taken.max(axis=0)
    middle, half = 0.5 * (low + high), np.maximum(0.5 * (high - low), 1.0) * 1.15 + 15.0 / labels.spacing
    i, j, _ = (np.arange(size) for size in labels.voxels.shape)
    inside = ((i[:, None] - middle[0]) / half[0]) ** 2 + ((j[None, :] - middle[1]) / half[1]) ** 2 < 1.0
    return np.broadcast_to(inside[:, :, None], labels.voxels.shape)
