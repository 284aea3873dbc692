"""What gauges show of a snapshot, whoever draws them: of the vessel where a stent is opened, of the wire in hand in a passage."""

import dataclasses
import math
from typing import Any

from viewer.room.inflating import Inflating
from viewer.room.pushing import Pushing
from viewer.room.withdrawal import Drawn

RIGID_WALL = "rigid wall: it cannot yield, and forces are larger"
SOFT_WALL = "soft wall: it yields"
LEAST_TOP = 0.1
"""The course of time fills its height with its highest level, but with no less than this."""


@dataclasses.dataclass(frozen=True)
class Gauge:
    """One figure: what a page calls it, its words, its value, its unit, and how many digits behind the point are shown."""

    name: str
    words: str
    value: float
    unit: str
    digits: int

    @property
    def shown(self) -> str:
        """The value with its unit; a dash where there is none."""
        return f"{self.value:.{self.digits}f} {self.unit}".strip() if math.isfinite(self.value) else "–"


def title_of(session: Any) -> str:
    """What the gauges are of."""
    return "vessel, as the model has it" if isinstance(session.hands.work, Inflating) else "wire in hand, as the model has it"


def wall_words(session: Any) -> str:
    """How the wall of a passage is taken; nothing where a stent is opened, whose wall always yields."""
    if isinstance(session.hands.work, Inflating):
        return ""
    return RIGID_WALL if session.rehearsal.case.rigid else SOFT_WALL


def gauges_of(session: Any, snapshot: Any) -> tuple[Gauge, ...]:
    """The figures of a snapshot."""
    probe = Gauge("probe", "force of the probe on the wall", snapshot.touched.force_n if snapshot.touched else math.nan, "N", 2)
    if isinstance(session.hands.work, Pushing):
        felt = next(one for one in snapshot.wires if one.name == snapshot.tool)
        return (
            Gauge("tip", f"tip along the way of {session.rehearsal.case.path.length:.0f} mm", felt.tip_mm, "mm", 1),
            Gauge("pushed", "pushed in by hand", felt.advance_mm, "mm", 1),
            Gauge("turns", "turns of the hand, to the right", felt.turns, "", 2),
            Gauge("tip-force", "force of its distal 10 mm on the wall", 1e3 * felt.tip_force_n, "mN", 1),
            Gauge("wall-force", "force of all of it on the wall", 1e3 * felt.wall_force_n, "mN", 1),
            probe,
        )
    reference = session.gauge.reference_mm
    share = 100.0 * (1.0 - snapshot.lumen_mm / reference) if reference else math.nan
    pressing = ()
    if snapshot.sheath is not None:
        out_mm = snapshot.sheath.out_mm
        outward = snapshot.whole_force_n / out_mm if out_mm else math.nan
        pressing = (Gauge("outward-force", "outward force over what is out", outward, "N/mm", 3),)
    return (
        Gauge("lumen", "smallest lumen diameter at the lesion", snapshot.lumen_mm, "mm", 2),
        Gauge("stenosis", "diameter stenosis", share, "%", 0),
        Gauge("largest-force", "largest force of a strut's point", 1e3 * snapshot.largest_force_n, "mN", 1),
        Gauge("whole-force", "all force on the wall", snapshot.whole_force_n, "N", 2),
        probe,
        *pressing,
    )


def sheath_gauges(sheath: Drawn) -> tuple[Gauge, ...]:
    """What the tray tells of a sheath."""
    return (
        Gauge("drawn-back", "drawn back", sheath.drawn_mm, "mm", 1),
        Gauge("of-way", f"of its way, {sheath.whole_mm:.0f} mm", 100.0 * sheath.drawn_mm / sheath.whole_mm, "%", 0),
        Gauge("stent-out", "of the stent out", sheath.out_mm, "mm", 1),
        Gauge("of-stent", f"of its {sheath.stent_mm:.0f} mm", 100.0 * sheath.out_mm / sheath.stent_mm, "%", 0),
        Gauge("speed", "speed", sheath.speed_mm_s, "mm/s", 1),
    )


def level_of(snapshot: Any) -> float:
    """What the course of time shows as a curve: the highest pressure in a balloon [atm], of a stent that was in a sheath, or of
    wires, the force on the wall [N].
    """
    if snapshot.sheath is not None:
        return snapshot.whole_force_n
    return max(snapshot.pressure_atm.values(), default=snapshot.whole_force_n)
