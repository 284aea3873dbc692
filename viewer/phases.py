"""The moments that pictures and files show, as far as a recording holds them: three, of which a balloon or a sheath gives one."""

from typing import Any

from meshing.errors import InputError

PHASES = ("before", "released", "inflated", "after")


def kept_frames(recording: Any) -> dict[str, Any]:
    """Give the last sampled state of each phase that the recording holds, in the order of time.

    Raises:
        InputError: it holds none of them.
    """
    frames = {}
    for phase in PHASES:
        try:
            frames[phase] = recording.frame_of_phase(phase)
        except (LookupError, ValueError):
            continue
    if not frames:
        raise InputError(
            f"The recording in {recording.folder} holds no state before, inflated or after; it stopped too early to show."
        )
    return frames
