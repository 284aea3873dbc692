"""A grey image of a patient: values of voxels with their place, to be looked at; no mesh is made of it."""

import dataclasses
import os
from pathlib import Path

import numpy as np

from meshing.errors import InputError
from meshing.label_images import nifti_affine, read_values
from meshing.labels import require_rectangular, require_volume

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".mha", ".mhd")


@dataclasses.dataclass(frozen=True, eq=False)
class Image:
    """Values in the patient's frame.

    values: numbers of voxels, such as Hounsfield units, shape (ni, nj, nk)
    affine: from voxel index (i, j, k, 1) to the voxel's centre in LPS [mm], shape (4, 4)
    source: file name
    notes: sentences a person should read that are not errors
    """

    values: np.ndarray
    affine: np.ndarray
    source: str
    notes: tuple[str, ...] = ()


def read_image(path: str | os.PathLike) -> Image:
    """Read a grey image: .nii, .nii.gz, .nrrd, .mha or .mhd.

    Raises InputError when the file is missing, is no such image, is no volume, or has a false orientation.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    name = path.name.lower()
    if not name.endswith(SUFFIXES):
        raise InputError(f'{path.name} ends in "{path.suffix}", which is not read as an image; give {", ".join(SUFFIXES)}.')
    own, notes = nifti_affine(path) if name.endswith((".nii", ".nii.gz")) else (None, ())
    values, affine = read_values(path)
    affine = affine if own is None else own
    require_volume(values.shape, source=path.name)
    require_rectangular(affine, source=path.name)
    return Image(values, affine, path.name, notes)
