"""What a command asks of the tissue from outside: loads that keep their direction, patches that are put somewhere."""

import numpy as np

from sim.body import ModelError
from sim.command import Command
from sim.model import Model
from sim.state import State


def check_command(model: Model, command: Command) -> None:
    """Refuse a command that names what the body does not have.

    Raises
    ------
    ModelError
        With the name, and those that there are.
    """
    body = model.body
    for name in (*command.pressures, *command.tractions):
        body.surface(name)
    movable = [*body.patches, *(one.name for one in body.obstacles)]
    for name in command.moves:
        if name not in movable:
            known = ", ".join(sorted(movable)) or "none"
            raise ModelError(f"There is nothing called {name!r} to move; patches and obstacles: {known}.")
    balloons = [one.name for one in model.device.balloons] if model.device else []
    for name in command.balloons:
        if name not in balloons:
            there = ", ".join(balloons) or "none"
            raise ModelError(f"The command inflates {name!r}, but the balloons there are: {there}.")
    sheaths = [one.name for one in model.device.sheaths] if model.device else []
    for name in command.sheaths:
        if name not in sheaths:
            there = ", ".join(sheaths) or "none"
            raise ModelError(f"The command draws {name!r} back, but the sheaths there are: {there}.")


def dead_loads(model: Model, command: Command) -> np.ndarray:
    """Gravity and tractions at each vertex [N], shape (n, 3)."""
    body = model.body
    loads = model.mass.to_numpy()[:, None] * np.asarray(command.gravity)
    for name, traction in command.tractions.items():
        triangles = body.surface(name)
        p = body.vertices[triangles]
        area = 0.5 * np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1)
        for corner in range(3):
            np.add.at(loads, triangles[:, corner], area[:, None] / 3.0 * np.asarray(traction))
    return loads


def move_patches(model: Model, state: State, command: Command, share: float) -> None:
    """Put the patches that are moved a share of the way to where they are asked to be."""
    body = model.body
    moved = [name for name in body.patches if name in command.moves]
    if not moved:
        return
    u = state.displacement.to_numpy()
    for name in moved:
        patch = body.patches[name]
        rest = body.vertices[patch]
        u[patch] += share * (command.moves[name].moved(rest) - rest - u[patch])
    state.displacement.from_numpy(u)


def placed_obstacles(model: Model, command: Command) -> np.ndarray:
    """Where the command puts each obstacle: see `State.places`, shape (o, 9)."""
    motions = [command.moves[one.name].numbers() if one.name in command.moves else np.zeros(9) for one in model.body.obstacles]
    return np.array(motions).reshape(-1, 9)
