"""The moments that pictures and files show, as far as a recording holds them: before, each stent just opened, and after."""

from typing import Any

from meshing.errors import InputError


def kept_frames(recording: Any) -> dict[str, Any]:
    """Give the last sampled state of each phase that the recording holds, in the order of time.

    Raises:
        InputError: it holds none of them.
    """
    from scenarios.procedure import moments_of

    frames = {}
    for phase in moments_of(recording.case):
        try:
            frames[phase] = recording.frame_of_phase(phase)
        except (LookupError, ValueError):
            continue
    if not frames:
        raise InputError(
            f"The recording in {recording.folder} holds no state before, inflated or after; it stopped too early to show."
        )
    return frames


def file_word(phase: str) -> str:
    """What a phase is called in the names of files."""
    return phase.replace(",", "").replace(" ", "_")


def opening_words(case: Any, frame: Any) -> str:
    """Say of a sampled state what opens a stent: the pressure in its balloon, or how far its sheath has been drawn back."""
    from scenarios.sheath_shape import drawn_mm

    drawn = drawn_mm(case, frame)
    if drawn is not None and not frame.balloon_pressure_atm > 0.0:
        return f"sheath drawn back by {drawn:.1f} mm"
    return f"balloon at {frame.balloon_pressure_atm:.1f} atm"
