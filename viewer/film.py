"""Films: rows of pictures as MP4, by the extra `video`."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from meshing.errors import InputError
from scenarios.limits import LIMITS_OF_USE

QUALITY = 8
"""Of 10; at 8 letters of twelve pixels are sharp."""

EVEN = 2
"""Sides of a film are multiples of this."""


def can_film() -> bool:
    """Whether the extra is installed."""
    from importlib.util import find_spec

    return find_spec("imageio_ffmpeg") is not None


def write_film(pictures: Iterable[np.ndarray], path: Path, *, frames_per_s: float, words: str) -> Path:
    """Write pictures of one size, (h, w) or (h, w, 3), uint8, as an MP4 (H.264); words: kept in the file as its comment.

    A row or column that makes a side odd is left out.

    Raises
    ------
    InputError
        If the extra is not installed, there is no picture, or the file cannot be written.
    """
    if not can_film():
        raise InputError("A film needs what `pip install 'vesalius[video]'` brings.")
    import imageio_ffmpeg  # pyright: ignore[reportMissingImports]

    pictures = iter(pictures)
    first = next(pictures, None)
    if first is None:
        raise InputError(f"There is no picture for {path}.")
    height, width = (side // EVEN * EVEN for side in first.shape[:2])
    writer = imageio_ffmpeg.write_frames(
        str(path), (width, height), fps=frames_per_s,  # pyright: ignore[reportArgumentType]
        quality=QUALITY, macro_block_size=EVEN, ffmpeg_log_level="error",
        output_params=["-metadata", f"comment={words} {LIMITS_OF_USE}", "-movflags", "+faststart"],
    )  # fmt: skip
    try:
        writer.send(None)
        writer.send(_in_colour(first, height, width))
        for picture in pictures:
            writer.send(_in_colour(picture, height, width))
        writer.close()
    except OSError as error:
        raise InputError(f"The film {path} cannot be written ({str(error).splitlines()[0]}).") from error
    if not path.is_file() or not path.stat().st_size:
        raise InputError(f"The film {path} cannot be written.")
    return path


def _in_colour(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    part = picture[:height, :width]
    return np.ascontiguousarray(np.repeat(part[..., None], 3, axis=2) if part.ndim == 2 else part)
