"""Springs between hands and grips of the tissue.

With x̄ the mean of a grip's vertices by their weights w and s = |T − x̄| its distance from the hand T, the spring holds ½ k s², and
from the distance on at which it pulls with its limit F, F s − F²/(2k): the force on a vertex is w min(k s, F) towards the hand.
To each vertex's own stiffness w min(k, F/s) is added, which is not less than the slope of the whole, as Σ w |d|² ≥ |Σ w d|², and
is equal to it where the grip moves as one.
"""

from typing import Any

import numpy as np
import taichi as ti

from sim.arrays import Doubles, Ints, Mat3s, Passed, Vec3ds, Vec3s, put, vec3d
from sim.command import Command, Pull
from sim.grips import Grips
from sim.model import Model


class Pulled:
    """The pulls of a tick."""

    def __init__(self, model: Model):
        self._model, self._grips = model, Grips(model.body)
        self._springs: dict[str, _Spring] = {}

    def begin(self, command: Command) -> None:
        """Take up a tick.

        Raises
        ------
        ModelError
            If nothing can be pulled where the command pulls.
        """
        self._springs = {name: _Spring(self._model, self._grips, pull) for name, pull in command.pulls.items()}

    @property
    def pulls(self) -> bool:
        """Whether anything is pulled."""
        return bool(self._springs)

    def energy(self, u: Any) -> float:
        """Energy in the springs [J]."""
        return sum(_energy(*one.arrays, self._model.rest, u) for one in self._springs.values())

    def add_force(self, u: Any, force: Any) -> None:
        """Add their force on each vertex [N]."""
        for one in self._springs.values():
            _add_force(*one.arrays, self._model.rest, u, force)

    def add_stiffness(self, u: Any, own: Any) -> None:
        """Add what they add to each vertex's own block [N/m]."""
        for one in self._springs.values():
            _add_stiffness(*one.arrays, self._model.rest, u, own)


class _Spring:
    """One pull on the backend: its vertices, their weights, and the hand relative to the model's origin [m]."""

    def __init__(self, model: Model, grips: Grips, pull: Pull):
        grip = grips.grip(pull.vertex, pull.radius)
        vertices, weights = put(grip.vertices, ti.i32), put(grip.weights, ti.f64)
        hand = vec3d(*(np.asarray(pull.target) - model.origin))
        self.arrays = (len(grip.vertices), vertices, weights, hand, pull.stiffness, pull.limit)


@ti.func
def _off(count, vertices: Passed, weights: Passed, hand: Passed, rest: Passed, u: Passed):  # pyright: ignore
    """From the grip to the hand [m]; of one thread, so that the sum has an order."""
    off = hand
    for i in range(count):
        off -= weights[i] * (ti.cast(rest[vertices[i]], ti.f64) + u[vertices[i]])
    return off


@ti.func
def _rate(off, stiffness, limit):  # pyright: ignore
    """Force over distance [N/m]: the spring's stiffness, or less where it pulls with its limit."""
    return ti.min(stiffness, limit / ti.max(off.norm(), 1e-30))


@ti.kernel
def _energy(
    count: int, vertices: Ints, weights: Doubles, hand: vec3d, stiffness: ti.f64, limit: ti.f64, rest: Vec3s, u: Vec3ds,
) -> ti.f64:  # fmt: skip
    energy = ti.f64(0.0)
    ti.loop_config(serialize=True)
    for _ in range(1):
        far = _off(count, vertices, weights, hand, rest, u).norm()  # pyright: ignore
        if stiffness * far <= limit:
            energy += 0.5 * stiffness * far * far
        else:
            energy += limit * far - 0.5 * limit * limit / stiffness
    return energy


@ti.kernel
def _add_force(
    count: int, vertices: Ints, weights: Doubles, hand: vec3d, stiffness: ti.f64, limit: ti.f64, rest: Vec3s, u: Vec3ds,
    force_out: Vec3s,
):  # fmt: skip
    ti.loop_config(serialize=True)
    for _ in range(1):
        off = _off(count, vertices, weights, hand, rest, u)
        force = _rate(off, stiffness, limit) * off  # pyright: ignore
        for i in range(count):
            force_out[vertices[i]] += ti.cast(weights[i] * force, ti.f32)


@ti.kernel
def _add_stiffness(
    count: int, vertices: Ints, weights: Doubles, hand: vec3d, stiffness: ti.f64, limit: ti.f64, rest: Vec3s, u: Vec3ds,
    own_out: Mat3s,
):  # fmt: skip
    ti.loop_config(serialize=True)
    for _ in range(1):
        off = _off(count, vertices, weights, hand, rest, u)
        stiff = ti.cast(_rate(off, stiffness, limit), ti.f32)
        for i in range(count):
            own_out[vertices[i]] += ti.cast(weights[i], ti.f32) * stiff * ti.Matrix.identity(ti.f32, 3)
