"""A label map: labelled voxels with their place in the patient, their names and their codes."""

import dataclasses
import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
from scipy import ndimage

from meshing.errors import InputError

# Voxels of one piece touch at a face, an edge or a corner.
TOUCHING = np.ones((3, 3, 3), dtype=bool)
# Numbers beyond this belong to images, not to anatomy; the bound keeps counting and selecting a table look-up.
LARGEST_LABEL = 65_535
# Cosine between two axes above which a grid is sheared, as after a tilted gantry, and not merely rounded.
SHEAR_TOLERANCE = 1e-3
LISTED_LABELS = 12


@dataclass(frozen=True)
class Code:
    """One term of a coding scheme, as in DICOM and 3D Slicer: SCT, 15825003, Aorta."""

    scheme: str
    value: str
    meaning: str


@dataclass(frozen=True)
class LabelInfo:
    """What one label of a map holds: its number, name and code, its voxels, volume [ml] and count of separate pieces."""

    number: int
    name: str
    code: Code | None
    voxel_count: int
    volume_ml: float
    piece_count: int


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Labelled voxels in the patient's frame.

    voxels: label numbers, shape (ni, nj, nk), unsigned integer, 0 where nothing is labelled
    affine: from voxel index (i, j, k, 1) to the voxel's centre in LPS [mm], shape (4, 4); rotations and flips, no shear
    names: name of each label number; may name labels that have no voxel
    codes: code of each label number that has one
    source: file name, or what made the map
    notes: sentences a person should read that are not errors

    Raises InputError when the voxels are not a volume of unsigned integers or the affine is not that of a rectangular grid.
    """

    voxels: np.ndarray
    affine: np.ndarray
    names: Mapping[int, str]
    codes: Mapping[int, Code]
    source: str
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        require_volume(self.voxels.shape, source=self.source)
        if not np.issubdtype(self.voxels.dtype, np.unsignedinteger):
            raise InputError(f"The voxels of {self.source} are {self.voxels.dtype}; label numbers are unsigned integers.")
        require_rectangular(self.affine, source=self.source)

    @property
    def spacing(self) -> np.ndarray:
        """Distance between neighbouring voxels along i, j and k, shape (3,) [mm]."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def voxel_volume(self) -> float:
        """Volume of one voxel [mm³]."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @cached_property
    def voxel_counts(self) -> Mapping[int, int]:
        """Number of voxels of each label that has any, background left out, by rising number."""
        counts = np.zeros(int(self.voxels.max(initial=0)) + 1, dtype=np.int64)
        # Slice by slice, since bincount widens its input to eight bytes a voxel.
        for k in range(self.voxels.shape[2]):
            counts += np.bincount(self.voxels[:, :, k].ravel(), minlength=len(counts))
        return {int(number): int(counts[number]) for number in np.flatnonzero(counts) if number > 0}

    def name(self, number: int) -> str:
        """The label's name, or "label 52" where the file gave none."""
        return self.names.get(number, f"label {number}")

    def labels(self) -> tuple[LabelInfo, ...]:
        """Every label that has voxels, by rising number, with its volume and its pieces (touching at face, edge or corner)."""
        boxes = ndimage.find_objects(self.voxels)
        return tuple(
            LabelInfo(
                number=number,
                name=self.name(number),
                code=self.codes.get(number),
                voxel_count=count,
                volume_ml=count * self.voxel_volume / 1000.0,
                piece_count=_piece_count(self.voxels[boxes[number - 1]] == number),
            )
            for number, count in self.voxel_counts.items()
        )

    def find(self, label: str | int) -> int:
        """The number of the label with this number, name or code; capitals, spaces and underscores are all one.

        Raises InputError, listing what is there, when no label or more than one answers, or when it has no voxel.
        """
        wanted = _plain(str(label))
        known = dict.fromkeys([*self.voxel_counts, *self.names])
        if wanted.isdigit() and int(wanted) in known:
            matches = [int(wanted)]
        else:
            matches = [number for number in known if _plain(self.name(number)) == wanted]
        if not matches:
            matches = [
                number for number, code in self.codes.items() if wanted in (_plain(code.value), _plain(code.meaning))
            ]
        present = [number for number in matches if number in self.voxel_counts]
        if len(present) > 1:
            raise InputError(f'"{label}" in {self.source} could be {self._listing(present)}; give the number.')
        if present:
            return present[0]
        if matches:
            raise InputError(
                f"Label {matches[0]} ({self.name(matches[0])}) of {self.source} is empty: it is named but has no voxel; "
                f"there are {self._listing()}."
            )
        raise InputError(f'{self.source} has no label "{label}"; {self._suggestion(wanted)}there are {self._listing()}.')

    def select(self, labels: Sequence[str | int]) -> np.ndarray:
        """The voxels that belong to any of these labels, shape (ni, nj, nk), bool. Raises InputError as `find` does."""
        if isinstance(labels, str) or not labels:
            raise InputError(f"Choose a list of one label or more of {self.source}; there are {self._listing()}.")
        chosen = np.zeros(LARGEST_LABEL + 1, dtype=bool)
        chosen[[self.find(label) for label in labels]] = True
        return chosen[self.voxels]

    def crop(self, kept: np.ndarray | Sequence[str | int], *, margin_mm: float) -> "LabelMap":
        """The smallest part of the map that holds a mask or some labels with a margin [mm] about them, as far as the map goes.

        Raises InputError when the mask is of another shape or empty, or as `find` does.
        """
        mask = kept if isinstance(kept, np.ndarray) and kept.dtype == bool else self.select(list(kept))
        if mask.shape != self.voxels.shape:
            raise InputError(f"The mask is {_size(mask.shape)} voxels, {self.source} is {_size(self.voxels.shape)}.")
        if not mask.any():
            raise InputError(f"The mask given to crop {self.source} is empty.")
        margin = np.ceil(margin_mm / self.spacing - 1e-9).astype(int)
        occupied = [np.flatnonzero(mask.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
        low = np.maximum([index[0] for index in occupied] - margin, 0)
        high = np.minimum([index[-1] + 1 for index in occupied] + margin, mask.shape)
        kept_voxels = self.voxels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))].copy()
        return dataclasses.replace(self, voxels=kept_voxels, affine=self.affine @ _shift(low))

    def resample(self, spacing_mm: float | Sequence[float]) -> "LabelMap":
        """The same map on a grid of another spacing [mm], one number or one for each axis; each voxel takes the nearest label.

        The grid keeps its axes and its first corner. A label too thin for the new grid is lost, which a note tells.
        Raises InputError when the spacing is not above zero.
        """
        wanted = np.broadcast_to(np.asarray(spacing_mm, dtype=float), (3,))
        if not (np.isfinite(wanted).all() and (wanted > 0).all()):
            raise InputError(f"The spacing asked of {self.source} is {wanted.tolist()} mm; give one above zero.")
        step = wanted / self.spacing
        counts = np.maximum(np.ceil(np.array(self.voxels.shape) / step - 0.5 - 1e-9).astype(int), 2)
        nearest = [
            np.minimum(((np.arange(count) + 0.5) * axis_step).astype(int), size - 1)
            for count, axis_step, size in zip(counts, step, self.voxels.shape, strict=True)
        ]
        affine = self.affine @ _shift(0.5 * step - 0.5) @ np.diag([*step, 1.0])
        resampled = dataclasses.replace(self, voxels=self.voxels[np.ix_(*nearest)], affine=affine)
        lost = [number for number in self.voxel_counts if number not in resampled.voxel_counts]
        if not lost:
            return resampled
        note = f"On a grid of {_size(wanted)} mm no voxel is left of {self._listing(lost)}."
        return dataclasses.replace(resampled, notes=(*self.notes, note))

    def _listing(self, numbers: Sequence[int] | None = None) -> str:
        numbers = list(self.voxel_counts) if numbers is None else numbers
        listed = ", ".join(f"{number} ({self.name(number)})" for number in numbers[:LISTED_LABELS])
        return listed + (f" and {len(numbers) - LISTED_LABELS} more" if len(numbers) > LISTED_LABELS else "")

    def _suggestion(self, wanted: str) -> str:
        plain_names = {_plain(self.name(number)): number for number in self.voxel_counts}
        near = difflib.get_close_matches(wanted, plain_names, n=3, cutoff=0.5)
        near += [name for name in plain_names if wanted in name and name not in near]
        return f"nearest are {self._listing([plain_names[name] for name in near[:4]])}; " if near else ""


def read_labels(path: str | os.PathLike) -> LabelMap:
    """Read a segmentation: .nii, .nii.gz, .nrrd, .seg.nrrd, .mha, .mhd, or one DICOM-SEG object.

    Names of labels come from the file where it has them (.seg.nrrd, DICOM-SEG), else from a JSON beside it (see
    `meshing.label_images`), else they are "label 52".
    Fractions from 0 to 1 are taken as probabilities, of one label or on a fourth axis of several, and each voxel goes to the most
    likely, which a note tells with the number of voxels that were undecided (see `meshing.probabilities`).
    Raises InputError when the file is missing, is no such image, is no volume, has no spacing or a false orientation, holds
    values that are no labels, or holds none.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the segmentation file in it.")
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    name = path.name.lower()
    if name.endswith((".nii", ".nii.gz", ".mha", ".mhd")):
        from meshing.label_images import read_image_labels as read
    elif name.endswith(".nrrd"):
        from meshing.nrrd_seg import read_nrrd_labels as read
    elif name.endswith(".dcm") or _has_dicom_mark(path):
        from meshing.dicom_seg import read_dicom_seg as read
    else:
        raise InputError(
            f'{path.name} ends in "{path.suffix}", which is not read; '
            "give .nii, .nii.gz, .nrrd, .seg.nrrd, .mha, .mhd or a DICOM-SEG."
        )
    labels = read(path)
    if not labels.voxel_counts:
        raise InputError(f"{path.name} holds no label: each of its {_size(labels.voxels.shape)} voxels is 0.")
    return labels


def write_labels(labels: LabelMap, path: str | os.PathLike) -> None:
    """Write a label map as .nii, .nii.gz or .mha with its names in a JSON beside it, or as .nrrd or .seg.nrrd with them inside.

    Raises InputError for another suffix.
    """
    path = Path(path)
    name = path.name.lower()
    if name.endswith((".nii", ".nii.gz", ".mha")):
        from meshing.label_images import write_image_labels as write
    elif name.endswith(".nrrd"):
        from meshing.nrrd_seg import write_nrrd_labels as write
    else:
        raise InputError(f'{path.name} ends in "{path.suffix}", which is not written; give .nii, .nii.gz, .nrrd or .mha.')
    write(labels, path)


def require_volume(shape: Sequence[float], *, source: str) -> None:
    """Raise InputError unless a shape has three axes of at least two voxels each."""
    if len(shape) != 3 or min(shape) < 2:
        raise InputError(f"{source} is {_size(shape)} voxels; a label map is a volume of at least 2 × 2 × 2 voxels.")


def require_rectangular(affine: np.ndarray, *, source: str) -> None:
    """Raise InputError unless an affine, shape (4, 4), is finite and its three axes of voxels are perpendicular."""
    columns = affine[:3, :3]
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise InputError(f"The orientation of {source} is not made of numbers: {affine[:3].tolist()}; export the image again.")
    lengths = np.linalg.norm(columns, axis=0)
    if (lengths == 0).any() or abs(np.linalg.det(columns / lengths)) < SHEAR_TOLERANCE:
        raise InputError(
            f"The orientation of {source} is singular: its axes {columns.T.tolist()} span no volume; export the image again."
        )
    cosines = np.abs((columns / lengths).T @ (columns / lengths) - np.eye(3))
    if cosines.max() > SHEAR_TOLERANCE:
        raise InputError(
            f"The grid of {source} is sheared by {np.degrees(np.arcsin(min(cosines.max(), 1.0))):.1f}°, as after a tilted "
            "gantry; resample the segmentation to a rectangular grid."
        )


def label_numbers(values: np.ndarray, *, source: str) -> np.ndarray:
    """The same values as the smallest unsigned integers, whatever type the file kept them in.

    Raises InputError for values that are no label numbers: fractions, NaN, below 0 or above 65,535.
    """
    if np.issubdtype(values.dtype, np.floating):
        wrong = ~np.isfinite(values) | (values != np.round(values))
        if wrong.any():
            raise InputError(
                f"{source} holds {int(wrong.sum()):,} voxels of no whole number, such as {values[wrong][0]:.6g}: it is an "
                "image or a map of probabilities; give a map of whole label numbers."
            )
    elif not np.issubdtype(values.dtype, np.integer):
        raise InputError(f"{source} holds values of type {values.dtype}; give a map of whole label numbers.")
    lowest, highest = values.min(initial=0), values.max(initial=0)
    if lowest < 0 or highest > LARGEST_LABEL:
        raise InputError(
            f"{source} holds values from {int(lowest):,} to {int(highest):,}; labels are numbered 0 to {LARGEST_LABEL:,}, "
            "so this is an image, not a segmentation, or its labels must be renumbered."
        )
    return values.astype(np.uint8 if highest < 256 else np.uint16)


def _has_dicom_mark(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _piece_count(mask: np.ndarray) -> int:
    _, count = cast("tuple[np.ndarray, int]", ndimage.label(mask, structure=TOUCHING))
    return count


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").replace("-", " ").casefold().split())


def _size(numbers) -> str:
    return " × ".join(f"{number:g}" for number in numbers)


def _shift(index) -> np.ndarray:
    shift = np.eye(4)
    shift[:3, 3] = index
    return shift
