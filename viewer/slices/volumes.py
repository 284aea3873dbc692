"""What a slice shows behind the outlines: a grey image, or the tissues of a label map in subdued colours."""

from pathlib import Path
from typing import Any

import numpy as np

from meshing.errors import InputError
from meshing.images import Image, read_image
from meshing.labels import LabelMap, read_labels

MARGIN_MM = 60.0
"""How far about the vessel voxels are kept."""

SURFACES = (".stl", ".vtp", ".ply", ".obj")
CT_AIR_HU = -900.0
CT_WINDOW = (-160.0, 440.0)
"""Where an image goes from black to white that holds air as CT has it [HU]: soft tissue and dye; chosen."""

OTHER_WINDOW = (1.0, 99.0)
"""The same of any other image, as shares of its values [%]; chosen."""

DIMMED = 0.42
BLOOD = "#8c3b3b"


class Volume:
    """Voxels as colours, cut near the vessel.

    Attributes
    ----------
    source
        File name, and the grey values' window.
    """

    def __init__(self, held: LabelMap | Image, points: np.ndarray) -> None:
        """Keep what lies within `MARGIN_MM` of points (n, 3) [mm].

        Raises
        ------
        InputError
            If they do not lie in it.
        """
        voxels = held.voxels if isinstance(held, LabelMap) else held.values
        self._back = np.linalg.inv(held.affine)
        inside = np.asarray(points) @ self._back[:3, :3].T + self._back[:3, 3]
        count = np.array(voxels.shape)
        if not ((inside > -0.5) & (inside < count - 0.5)).all(axis=1).any():
            raise InputError(f"The vessel does not lie in {held.source}: it is of another patient, or in another frame.")
        reach = MARGIN_MM / np.linalg.norm(held.affine[:3, :3], axis=0)
        first = np.clip(np.floor(inside.min(axis=0) - reach), 0, count - 1).astype(int)
        last = np.clip(np.ceil(inside.max(axis=0) + reach), 0, count - 1).astype(int)
        box = tuple(slice(low, high + 1) for low, high in zip(first, last, strict=True))
        self._first = first
        self._voxels = np.ascontiguousarray(voxels[box])
        self._colours = colours_of(held) if isinstance(held, LabelMap) else None
        self._window, self.source = window_of(self._voxels), f"label map {held.source}"
        if self._colours is None:
            self.source = f"{held.source}, black at {self._window[0]:.0f}, white at {self._window[1]:.0f}"

    def seen(self, first: np.ndarray, right: np.ndarray, down: np.ndarray, side: int) -> np.ndarray:
        """The colours of a square of pixels, shape (side, side, 3), uint8; black where there is no voxel.

        first: where the pixel at the upper left lies (3,); right, down: from one pixel to the next (3,) [mm].
        """
        turn, number = self._back[:3, :3], np.arange(side)
        corner = turn @ first + self._back[:3, 3] - self._first
        rows, columns = np.outer(turn @ down, number), np.outer(turn @ right, number)
        index = corner[:, None, None] + rows[:, :, None] + columns[:, None, :]
        if self._colours is not None:
            nearest = np.rint(index).astype(int)
            count = np.array(self._voxels.shape)[:, None, None]
            inside = ((nearest >= 0) & (nearest < count)).all(axis=0)
            i, j, k = np.clip(nearest, 0, count - 1)
            return self._colours[np.where(inside, self._voxels[i, j, k], 0)]
        from scipy.ndimage import map_coordinates

        low, high = self._window
        values = map_coordinates(self._voxels, index, order=1, cval=low, output=np.float32)
        grey = np.round(255.0 * np.clip((values - low) / max(high - low, 1e-9), 0.0, 1.0)).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)


def colours_of(labels: LabelMap) -> np.ndarray:
    """A colour for each label number, shape (largest + 1, 3), uint8: dim, so that outlines stand out."""
    from matplotlib.colors import to_rgb

    from viewer import palette

    known = {number: tissue_named(labels.name(number)) for number in labels.voxel_counts}
    colours = palette.tissue_colours(known)
    colours |= {number: BLOOD for number, name in known.items() if name == "lumen"}
    table = np.zeros((max(colours, default=0) + 1, 3), np.uint8)
    for number, colour in colours.items():
        table[number] = np.round(255 * DIMMED * np.array(to_rgb(colour)))
    return table


def tissue_named(name: str) -> str:
    """The name by which the palette knows a label's tissue, as far as it does: of an artery's parts."""
    plain = name.lower()
    words = (("calci", "calcified plaque"), ("plaque", "plaque"), ("wall", "arterial wall"), ("lumen", "lumen"))
    return next((tissue for word, tissue in words if word in plain), plain)


def window_of(values: np.ndarray) -> tuple[float, float]:
    """From which value to which an image goes from black to white."""
    if float(values.min()) <= CT_AIR_HU:
        return CT_WINDOW
    low, high = np.percentile(values, OTHER_WINDOW)
    return float(low), float(high)


def volume_of_source(source: str, points: np.ndarray, image: Path | None = None) -> Volume | None:
    """What lies behind the slices of a case: the image, where one is given, else the label map that it was made from.

    source: a file or the name of a stored case; points: some of the vessel, shape (n, 3) [mm]. None for a surface without image.

    Raises
    ------
    InputError
        If it cannot be read, or the vessel does not lie in it.
    """
    from scenarios.stored_cases import case_names, find_case

    if image is not None:
        return Volume(read_image(image), points)
    if source in case_names() and not Path(source).is_file():
        return Volume(read_labels(find_case(source).labels), points)
    if source.lower().endswith(SURFACES):
        return None
    return Volume(read_labels(source), points)


def volume_of_recording(recording: Any, *, image: Path | None = None, labels: Path | None = None) -> Volume | None:
    """What lies behind the slices of a recording: the file that is given, else a stored case's label map, known by its hash.

    Raises
    ------
    InputError
        If it cannot be read, or the vessel does not lie in it.
    """
    from meshing.provenance import sha256_of
    from scenarios.stored_cases import stored_cases

    points = recording.case.path.points
    if image is not None:
        return Volume(read_image(image), points)
    if labels is not None:
        return Volume(read_labels(labels), points)
    wanted = recording.header.get("input", {}).get("sha256")
    found = next((case.labels for case in stored_cases() if sha256_of(case.labels) == wanted), None)
    return None if found is None else Volume(read_labels(found), points)
