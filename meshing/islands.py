"""Which voxels are to be meshed: labels kept, stray voxels given to their surroundings, all of it said."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from meshing.errors import InputError
from meshing.labels import TOUCHING, LabelMap

SMALLEST_ISLAND = 5  # voxels; a smaller piece of a label that has a larger one is a stray
MARGIN = 2  # voxels of surroundings kept about the labels


@dataclasses.dataclass(frozen=True)
class Chosen:
    """Voxels to mesh, cropped to what they fill.

    ranks: (ni, nj, nk) int32, 0 for background and k for `numbers[k - 1]`; spacing: (3,) [mm]; low: (3,) index in the map of
    the first voxel here.
    """

    ranks: np.ndarray
    spacing: np.ndarray
    low: np.ndarray
    numbers: np.ndarray
    names: dict[int, str]
    notes: tuple[str, ...]


def chosen_ranks(labels: LabelMap, *, keep: Sequence[str | int] | None, background: bool) -> Chosen:
    """The voxels of the labels to keep, all by default, without strays. Raises InputError when none is left."""
    numbers = list(labels.voxel_counts) if keep is None else sorted({labels.find(label) for label in keep})
    if not numbers:
        raise InputError(f"{labels.source} holds no label to mesh; each of its voxels is 0.")
    given = [labels.name(number) for number in numbers]
    # Two labels may bear one name; here each needs its own.
    names = {
        number: f"{name} ({number})" if given.count(name) > 1 else name for number, name in zip(numbers, given, strict=True)
    }
    table = np.zeros(int(labels.voxels.max()) + 1, np.int32)
    table[numbers] = np.arange(1, len(numbers) + 1)
    ranks = table[labels.voxels]
    low = np.zeros(3, int)
    if background:
        ranks[ranks == 0] = len(numbers) + 1
        numbers, names = [*numbers, 0], {**names, 0: "background"}
    else:
        found = [np.flatnonzero((ranks > 0).any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
        low = np.maximum([index[0] - MARGIN for index in found], 0)
        high = [index[-1] + 1 + MARGIN for index in found]
        ranks = ranks[tuple(slice(a, b) for a, b in zip(low, high, strict=True))].copy()
    ranks, notes = _without_strays(ranks, numbers, names, whole_labels_too=keep is None)
    left = np.unique(ranks[ranks > 0])
    place = np.zeros(len(numbers) + 1, np.int32)
    place[left] = np.arange(1, len(left) + 1)
    numbers = [numbers[rank - 1] for rank in left]
    return Chosen(place[ranks], labels.spacing, low, np.array(numbers, np.int64), names, (*labels.notes, *notes))


def _without_strays(
    ranks: np.ndarray, numbers: list[int], names: dict[int, str], *, whole_labels_too: bool
) -> tuple[np.ndarray, list[str]]:
    """Give pieces of a few voxels to the label that surrounds most of them.

    A label's largest piece stays, unless all of the label is stray, was not asked for by name, and there are larger labels.
    """
    notes = []
    largest = int(np.bincount(ranks.ravel())[1:].max())
    for rank, box in enumerate(ndimage.find_objects(ranks), start=1):
        if box is None:
            continue
        wide = tuple(slice(max(part.start - 1, 0), part.stop + 1) for part in box)
        pieces = np.zeros(ranks[wide].shape, np.int32)
        count = ndimage.label(ranks[wide] == rank, structure=TOUCHING, output=pieces)
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        all_stray = whole_labels_too and sizes.sum() < SMALLEST_ISLAND <= largest
        if count == 1 and not all_stray:
            continue
        small = np.flatnonzero((sizes > 0) & (sizes < SMALLEST_ISLAND))
        strays = [piece for piece in small if all_stray or piece != sizes.argmax()]
        if not strays:
            continue
        places = ndimage.find_objects(pieces)
        for piece in strays:
            around = tuple(slice(max(part.start - 1, 0), part.stop + 1) for part in places[piece - 1])
            stray = pieces[around] == piece
            shell = ndimage.binary_dilation(stray) & ~stray
            ranks[wide][around][stray] = np.bincount(ranks[wide][around][shell]).argmax() if shell.any() else 0
        voxels = int(sizes[strays].sum())
        number = numbers[rank - 1]
        notes.append(
            f"{names[number]}: {voxels} stray {'voxel' if voxels == 1 else 'voxels'} in {len(strays)} "
            f"{'piece' if len(strays) == 1 else 'pieces'} of fewer than {SMALLEST_ISLAND} were given to the surroundings"
            f"{', so that nothing of it is meshed' if all_stray else ''}."
        )
    return ranks, notes
