"""A moment of a review as a picture: its 3-D views as they are seen, named, with their figures, as PNG."""

from typing import Any

import numpy as np

from viewer.room.filming import written_upon
from viewer.room.replay import Replay


def keep_moment(replay: Replay, plotters: dict[str, Any]) -> str:
    """Write what the sides' plotters, by letter, show now into the first side's folder; says where, or why not.

    The picture of the same moment that was kept before is replaced.
    """
    from PIL import Image

    pictures = []
    for side in replay.sides:
        if side.letter not in plotters:
            continue
        picture = np.asarray(plotters[side.letter].screenshot(None, return_img=True))[..., :3]
        words = f"{replay.time_s:.2f} s\n" + side.courses.words_at(replay.time_s).replace("; ", "\n")
        pictures.append(written_upon(picture, side.held, side.letter, words))
    if not pictures:
        return "There is no shape to keep a picture of."
    height = min(len(one) for one in pictures)
    path = replay.sides[0].held.folder / f"review-{replay.time_s:.2f}s.png"
    try:
        Image.fromarray(np.concatenate([one[:height] for one in pictures], axis=1)).save(path)
    except OSError as error:
        return f"The picture {path} cannot be written ({error.strerror or error})."
    return f"Picture: {path}"
