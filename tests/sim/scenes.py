"""Small scenes that the tests of sameness tick through, here and in a fresh process; run with a state's path to go on from it."""

import sys
from pathlib import Path

from scenarios.devices.lattice import ATMOSPHERE
from sim.command import Command
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.model import Model, build_model
from sim.solvers.implicit import ImplicitSolver
from sim.state import State
from tests.sim.stents import catalogue_stent, on_axis
from tests.sim.tubes import stenosed, tube, vessel

TICKS = 8
STOP = 5


def scene(name: str) -> Model:
    """A narrowed vessel filling with blood ("vessel"), or a stent that opens in a tight tube ("stent")."""
    if name == "vessel":
        narrow = stenosed(healthy=3e-3, narrowest=1.5e-3, middle=6e-3, half_length=4e-3)
        return build_model(vessel(tube(bore=narrow, outer=4e-3, length=12e-3, around=16, through=2, along=12)))
    design, balloon = catalogue_stent()
    tight = 0.5e-3 * design.crimped_diameter_mm + 0.02e-3
    soft = StableNeoHookean.from_young(0.3e6, 0.45, 1100.0)
    grid = tube(bore=tight, outer=tight + 0.8e-3, length=20e-3, around=20, through=2, along=40)
    return build_model(vessel(grid, soft), on_axis(design, balloon, length_mm=20.0, lumen_mm=2e3 * tight).body)


def command(model: Model, tick: int) -> Command:
    """What is asked in a tick: blood comes at once, the balloon fills if there is one."""
    balloons = model.device.balloons if model.device else ()
    return Command(blood_pressure=10.0e3, balloons={one.name: (2.0 + 0.25 * tick) * ATMOSPHERE for one in balloons})


def go_on(solver: ImplicitSolver, state: State, *, until: int) -> None:
    """Tick from where `state` is."""
    while state.tick < until:
        solver.step(state, command(solver.model, state.tick))


def main(name: str, path: str) -> None:
    """Go on from a saved state and print the digest of the last one."""
    solver = ImplicitSolver(scene(name))
    state = State.load(Path(path))
    go_on(solver, state, until=TICKS)
    print(state.digest())


if __name__ == "__main__":
    main(*sys.argv[1:])
