"""Maps of probabilities made into label numbers: each voxel goes to the most likely label, and a note says how it was found."""

from collections.abc import Iterator

import numpy as np

from meshing.errors import InputError
from meshing.labels import LARGEST_LABEL, label_numbers, require_volume

# How far outside 0 to 1, and from a sum of 1, the rounding of a file may lead.
ROUNDING = 1e-3
# A voxel is undecided when the most likely label leads the next likely thing, background included, by less than this.
CLEAR_LEAD = 0.1


def numbered_voxels(values: np.ndarray, *, source: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Label numbers, shape (ni, nj, nk), from label numbers or from probabilities, and the notes on what was taken for what.

    values: shape (ni, nj, nk): whole label numbers, or the probability of one label, which is 1 where it is above 0.5;
    or shape (ni, nj, nk, channel_count), floats: the probability of each label, as `_decided` tells.
    Raises InputError for values that are neither, and where no probability suffices for a voxel.
    """
    if values.ndim == 4 and are_probabilities(values):
        require_volume(values.shape[:3], source=source)
        return _decided(values, source=source)
    require_volume(values.shape, source=source)
    if are_probabilities(values) and not are_whole(values):
        return _above_half(values, source=source)
    return label_numbers(values, source=source), ()


def are_probabilities(values: np.ndarray) -> bool:
    """Whether these are floats from 0 to 1, as probabilities are; so are label numbers 0 and 1 kept as floats."""
    if not np.issubdtype(values.dtype, np.floating) or values.size == 0:
        return False
    # Comparisons with NaN are false.
    return bool(values.min() >= -ROUNDING and values.max() <= 1.0 + ROUNDING)


def are_whole(values: np.ndarray) -> bool:
    """Whether each value is a whole number."""
    return bool((values == np.round(values)).all())


def _above_half(values: np.ndarray, *, source: str) -> tuple[np.ndarray, tuple[str, ...]]:
    voxels = (values > 0.5).astype(np.uint8)
    _require_any(voxels, values, source=source)
    undecided = int((np.abs(values - 0.5) < 0.5 * CLEAR_LEAD).sum())
    return voxels, (
        f"{source} holds probabilities of one label, which is label 1 where they are above 0.5. {undecided:,} of {values.size:,} "
        f"voxels are undecided, their probability within {0.5 * CLEAR_LEAD:g} of 0.5.",
    )


def _decided(values: np.ndarray, *, source: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """The most likely label of each voxel, from one channel for each label, by the rule that the channels' sums call for.

    Where they sum to 1 in every voxel the first channel is the background and channel c, counted from 0, label c, as
    segmentation networks write them. Where they sum to 1 or less, channel c is label c + 1 and the background has the rest.
    Where some sum is above 1 they were found one by one: channel c is label c + 1, and the background lies where none is above
    0.5.
    """
    channel_count = values.shape[3]
    if channel_count > LARGEST_LABEL:
        raise InputError(f"{source} holds {channel_count:,} channels; give one for each label, {LARGEST_LABEL:,} at most.")
    total = values.sum(axis=3, dtype=np.float64)
    channels, rule = values, "channel 0 is label 1 and so on, and the background has what is left to 1"
    if channel_count > 1 and np.abs(total - 1.0).max() <= channel_count * ROUNDING:
        background, channels = values[..., 0], values[..., 1:]
        rule = "channel 0 is the background, channel 1 is label 1 and so on"
    elif total.max() <= 1.0 + channel_count * ROUNDING:
        background = 1.0 - total
    else:
        background = np.full(total.shape, 0.5)
        rule = "channel 0 is label 1 and so on, and the background lies where no channel is above 0.5, since some sums exceed 1"
    del total
    best, lead = np.zeros(values.shape[:3], dtype=np.uint16), np.full(values.shape[:3], np.inf)
    likeliest = np.array(background, dtype=np.float64)
    for number, channel in _numbered(channels):
        lead = np.where(channel > likeliest, channel - likeliest, np.minimum(lead, likeliest - channel))
        best[channel > likeliest] = number
        np.maximum(likeliest, channel, out=likeliest)
    _require_any(best, channels, source=source)
    undecided = int((lead < CLEAR_LEAD).sum())
    return best.astype(np.uint8 if channels.shape[3] < 256 else np.uint16), (
        f"{source} holds probabilities in {channel_count:,} channels: each voxel takes the most likely ({rule}). {undecided:,} "
        f"of {best.size:,} voxels are undecided, the most likely leading by less than {CLEAR_LEAD:g}.",
    )


def _numbered(channels: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    # One channel at a time, since all at once would take eight bytes a value.
    for channel in range(channels.shape[3]):
        yield channel + 1, channels[..., channel].astype(np.float64)


def _require_any(voxels: np.ndarray, probabilities: np.ndarray, *, source: str) -> None:
    if not voxels.any():
        raise InputError(
            f"{source} holds probabilities, and no voxel in which a label is the most likely: the largest is "
            f"{float(probabilities.max()):.3g}; give a map whose labels reach above 0.5."
        )
