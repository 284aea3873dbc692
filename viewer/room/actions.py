"""What can be done in the room: the words that explain it, whether it lasts while its key is held, and where it acts."""

import dataclasses
from typing import Literal

Where = Literal["hands", "time", "beam", "sight"]
"""Hands act on the tissue at a tick, time is that of the room, the beam is the C-arm's, sight changes what is seen alone."""


@dataclasses.dataclass(frozen=True)
class Action:
    """One thing that can be done."""

    name: str
    words: str
    where: Where
    is_held: bool = False


ACTIONS = {
    action.name: action
    for action in (
        Action("inflate", "inflate the balloon, while held", "hands", True),
        Action("deflate", "let the balloon down, while held", "hands", True),
        Action("empty", "draw the balloon empty", "hands"),
        *(
            Action(f"{verb}{how}", f"{words}{much}, while held", "hands", True)
            for verb, words in (
                ("advance", "push the wire in, or the sheath forward"),
                ("pull_back", "pull the wire or the sheath back"),
                ("turn_left", "turn the wire to the left"),
                ("turn_right", "turn the wire to the right"),
            )
            for how, much in (("", ""), ("_fast", " fast"), ("_slow", " slowly"))
        ),
        Action("next_device", "take what comes next on the tray in hand", "hands"),
        *(Action(f"device_{number}", f"take number {number} on the tray in hand", "hands") for number in range(1, 10)),
        Action("xray", "X-rays, while held", "hands", True),
        Action("cine", "X-rays that are kept as a cine run, while held", "hands", True),
        Action("inject", "inject contrast agent, while held", "hands", True),
        Action("puff", "inject a puff of contrast agent", "hands"),
        Action("bookmark", "set a bookmark", "hands"),
        Action("pause", "let time stand still, or go on", "time"),
        Action("step", "one tick, while time stands still", "time"),
        Action("undo", "go back to the last bookmark", "time"),
        Action("reset", "go back to the beginning", "time"),
        Action("carm_lao", "turn the C-arm towards LAO, while held", "beam", True),
        Action("carm_rao", "turn the C-arm towards RAO, while held", "beam", True),
        Action("carm_cra", "tilt the C-arm towards CRA, while held", "beam", True),
        Action("carm_cau", "tilt the C-arm towards CAU, while held", "beam", True),
        *(Action(f"view_{number}", f"preset view {number} of the C-arm", "beam") for number in range(1, 9)),
        Action("roadmap", "roadmap: begin, lay over, away", "beam"),
        Action("subtract", "subtract, or no longer", "beam"),
        Action("save_reference", "keep the picture as the reference", "beam"),
        Action("save_cine", "write the last cine run as DICOM and GIF", "beam"),
        Action("stress", "colour the wall by its stress, or not", "sight"),
        Action("clip", "cut the wall open, or not", "sight"),
        Action("follow", "let the camera follow the device, or not", "sight"),
        Action("probe", "take the probe in hand, with which the mouse pulls at the wall, or put it down", "sight"),
        Action("look_again", "put the camera back, or let the slices follow the device again", "sight"),
        Action("slices", "slices through the image instead of the 3-D view, or not", "sight"),
        Action("slices_on", "move the slices along the centreline, while held", "sight", True),
        Action("slices_back", "move the slices back along the centreline, while held", "sight", True),
    )
}
