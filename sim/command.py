"""Command: what the hands ask for in one tick."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Command:
    """What is asked of the world in one tick: intent, never vertices."""

    blood_pressure: float = 0.0  # [Pa]
    balloon_pressure: float = 0.0  # [Pa]
