"""The indeflator: a gauge and a screw on a balloon, as a small machine of four states."""

from typing import Literal

from scenarios.devices.balloon import Balloon

INFLATE_ATM_S = 2.0
"""How fast the screw brings the pressure up [atm/s]; chosen, unverified."""

DEFLATE_ATM_S = 4.0
"""How fast it lets it down [atm/s]; chosen, unverified."""

EMPTY_ATM_S = 16.0
"""How fast the pressure falls when the lock is opened and the plunger drawn [atm/s]; chosen, unverified."""

TRAVEL_ATM = 30.0
"""Where the gauge and the screw end [atm]; that of common ones, from memory, unverified."""

Turn = Literal["in", "out", "none"]


class Indeflator:
    """One balloon's pressure.

    At rest it holds. While it is turned in or out the pressure rises or falls; `empty` draws all of it out, whatever is turned,
    until it is turned in again. Above the pressure to which the balloon is rated the balloon bursts and holds none from then on.

    Attributes
    ----------
    state
        "held", "inflating", "deflating", "emptying" or "burst".
    pressure_atm
        Gauge pressure [atm].
    highest_atm
        The highest pressure yet [atm].
    """

    def __init__(self, balloon: Balloon) -> None:
        self.balloon = balloon
        self.state: Literal["held", "inflating", "deflating", "emptying", "burst"] = "held"
        self.pressure_atm = 0.0
        self.highest_atm = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether no pressure is in it."""
        return self.pressure_atm <= 0.0

    def empty(self) -> None:
        """Draw everything out."""
        if self.state != "burst" and not self.is_empty:
            self.state = "emptying"

    def advance(self, turn: Turn, dt: float) -> tuple[str, ...]:
        """Let a tick pass [s] with the screw turned; returns what happened: "nominal", "burst", "empty"."""
        if self.state == "burst":
            return ()
        if turn == "in":
            self.state = "inflating"
        elif self.state != "emptying":
            self.state = "deflating" if turn == "out" else "held"
        rate = {"inflating": INFLATE_ATM_S, "deflating": -DEFLATE_ATM_S, "emptying": -EMPTY_ATM_S, "held": 0.0}[self.state]
        before = self.pressure_atm
        # Rounded, so that equal turns in and out meet, and pressures are those that the gauge can show.
        self.pressure_atm = round(min(max(before + rate * dt, 0.0), TRAVEL_ATM), 6)
        happened = []
        nominal = self.balloon.nominal_pressure_atm
        if self.highest_atm < nominal <= self.pressure_atm:
            happened.append("nominal")
        if self.pressure_atm > self.balloon.highest_pressure_atm * (1.0 + 1e-9):
            self.state, self.pressure_atm = "burst", 0.0
            return (*happened, "burst")
        self.highest_atm = max(self.highest_atm, self.pressure_atm)
        if self.is_empty and before > 0.0:
            self.state = "held"
            happened.append("empty")
        elif self.is_empty and self.state != "inflating":
            self.state = "held"
        return tuple(happened)
