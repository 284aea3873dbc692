"""What a solver is to those who only want the clock to tick."""

from typing import Protocol

from sim.command import Command
from sim.model import Model
from sim.solvers.settings import TickReport
from sim.state import State


class Solver(Protocol):
    """Advances a State of one Model by ticks of fixed length; keeps scratch only, so that another one can go on from a State."""

    model: Model

    def step(self, state: State, command: Command) -> TickReport:
        """Advance `state` by one tick under `command`.

        Raises
        ------
        DivergedError
            If the tick cannot be finished; `state` is then not to be used further.
        """
        ...
