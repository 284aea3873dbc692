"""The devices' part of a tick: rods, balloon, guides, sleeves and drag in double precision, solved directly."""

import math
from typing import Any

import numpy as np

from sim.command import Command
from sim.device import DeviceBody
from sim.rods.network import Pose
from sim.rods.rotations import inverse, quaternion_product, to_vectors
from sim.solvers.carried_balloon import on_a_catheter
from sim.solvers.device_matrix import Compliance, DeviceMatrix
from sim.solvers.device_parts import BalloonPart, GuidePart, NodeBlocks, SheathPart, SleevePart
from sim.solvers.fabric import FabricPart
from sim.solvers.feeding import fed, held_degrees
from sim.solvers.nested import NestedPart
from sim.solvers.rubbing import RubbingPart
from sim.solvers.sealed import SealedPart
from sim.state import State

SPIN_ARM = 5e-4
"""Drag acts on a node's turning as if at this distance from its axis [m]."""

FORCE_FLOOR = 1e-3
"""Force [N] that an imbalance of the device is measured against where nothing else is at work."""

SHIFTS = (0.0, 1e-8, 1e-6, 1e-4, 1e-2)
"""Shares of its own diagonal by which a stiffness that is not positive definite is raised, one after the other."""


class DeviceStep:
    """Energy, slope and stiffness of the devices within one tick of length h.

    The tick's potential is  rods(pose) + balloon + guides + sleeves + friction in them + sheaths + nested + fabric
    + drag/2h (|y − y₀|² + arm² |θ|²), θ the rotation since the tick began. The devices' own inertia is lost beside the drag.
    """

    def __init__(
        self, device: DeviceBody, origin: np.ndarray, state: State, command: Command, h: float, last: "DeviceStep | None" = None
    ):
        """Begin a tick; `last` lends its matrix, whose pattern is costly to find."""
        self.device = device
        self._history = state.device_history
        self._before = Pose(state.device_position, state.device_rotation)
        self._drag = device.drag_under(command.balloons) / h
        self.held = held_degrees(device) | device.waiting_nodes(command.held_back)[:, None]
        # What a catheter carries is bent as the catheter is, more than a stent on its balloon is: that strains no metal.
        names = [one.name for one in device.carried if one.name in command.held_back]
        self._carried = device.waiting_nodes(names) if names else None
        lent = last and np.array_equal(last.held, self.held) and not last.matrix.missed
        self.matrix = last.matrix if last and lent else DeviceMatrix(self.held)
        # A moment counts as the force that makes it on an arm of one element.
        self.weights = np.repeat([1.0, 1.0 / float(device.rods.rest_length.mean())], 3) if len(device.rods.rest_length) else 1.0
        self._seen: tuple[Pose, tuple[float, np.ndarray]] | None = None
        self._origin = origin
        self._sleeves = [SleevePart(one, state.device_position) for one in device.sleeves]
        self._friction = state.coaxial_friction
        self._rubbing: list[RubbingPart] = []
        self._parts: list[Any] = [*self._sleeves]
        self._parts += [GuidePart(feed, origin) for feed in device.feeds]
        self._sheaths = [
            SheathPart(one, origin, state.device_position, command.sheaths.get(one.name, 0.0))
            for one in device.sheaths
            if one.rides not in command.held_back
        ]
        self._parts += self._sheaths
        met = [one for one in device.nested if one.name not in command.held_back]
        self._parts += [NestedPart(one, origin, state.device_position) for one in met]
        self._parts += [FabricPart(one) for one in device.membranes]
        for one in device.balloons:
            pressure = command.balloons.get(one.name, 0.0)
            if one.share.any() and pressure > 0.0:
                if one.carrier is None:
                    self._parts.append(BalloonPart(one, origin, state.device_position, pressure))
                else:
                    self._parts += on_a_catheter(device, one, origin, self._before, pressure)

    def bear(self, forces: np.ndarray) -> None:
        """Let blood press on fabric by forces on the nodes [N], shape (n, 3)."""
        self._parts.append(SealedPart(forces, self._before.position))

    def fed(self, command: Command, pose: Pose, share: float) -> Pose:
        """Begin a stage in which hands move rods from a pose by a share of what is still asked; returns a guess, see `fed`.

        What slides in a sleeve counts its slip from that pose, and presses on its friction as it did there.
        """
        self._friction = self.friction_after(pose)
        self._seen, self._rubbing, first = None, [], 0
        for sleeve, bore in zip(self.device.sleeves, self._sleeves, strict=True):
            rows = slice(first, first + sleeve.touch_count)
            if sleeve.friction > 0.0:
                self._rubbing.append(RubbingPart(sleeve, bore.touches(pose.position), pose, self._friction[rows], rows))
            first = rows.stop
        return fed(self.device, command, self._origin, pose, share)

    def friction_after(self, pose: Pose) -> np.ndarray:
        """Friction on the inner rods of sleeves at a pose [N], see `State.coaxial_friction`."""
        friction = self._friction.copy()
        for part in self._rubbing:
            friction[part.rows] = part.friction(pose)
        return friction

    def evaluate(self, pose: Pose) -> tuple[float, np.ndarray]:
        """Energy [J] and its slope [N, N·m], shape (n, 6), at a pose relative to the model's origin; nought where held.

        The line search asks for the energy of the pose whose slope is wanted next: the last answer is kept.
        """
        if self._seen is None or self._seen[0] is not pose:
            self._seen = pose, self._evaluated(pose)
        return self._seen[1]

    def held_in(self, pose: Pose) -> float:
        """What sheaths hold the devices in with at a pose [N]: the norm of their forces on nodes, nought without any."""
        return math.sqrt(sum(float((part.pressing(pose.position) ** 2).sum()) for part in self._sheaths))

    def _evaluated(self, pose: Pose) -> tuple[float, np.ndarray]:
        energy, slope = self.device.rods.evaluate(pose, self._history)
        moved = pose.position - self._before.position
        spun = to_vectors(quaternion_product(pose.rotation, inverse(self._before.rotation)))
        drag, spin_drag = self._drag[:, None], SPIN_ARM**2 * self._drag[:, None]
        energy += 0.5 * float((drag * moved**2).sum() + (spin_drag * spun**2).sum())
        slope[:, :3] += drag * moved
        slope[:, 3:] += spin_drag * spun
        for part in self._parts:
            more, pull = part.evaluate(pose.position)
            energy += more
            slope[:, :3] += pull
        for part in self._rubbing:
            more, pull = part.evaluate(pose)
            energy += more
            slope += pull
        slope[self.held] = 0.0
        return energy, slope

    def stiffness(self, pose: Pose, contacts: NodeBlocks, *, positive: bool) -> np.ndarray:
        """Second derivative of the energy [N/m, N, N·m] with the contacts', as entries of the device's matrix."""
        drag = np.concatenate([np.repeat(self._drag[:, None], 3, 1), np.repeat(SPIN_ARM**2 * self._drag[:, None], 3, 1)], 1)
        rods = self.device.rods.stiffness(pose, self._history, positive=positive)
        blocks = [contacts, *(part.stiffness(pose.position) for part in self._parts)]
        blocks += [part.stiffness(pose) for part in self._rubbing]
        return self.matrix.sum(rods, blocks, drag.ravel())

    def compliance(self, pose: Pose, contacts: NodeBlocks) -> Compliance:
        """The inverse of the stiffness: of the exact one, or of a positive one near it if the energy curves down somewhere.

        Raises
        ------
        FloatingPointError
            If neither is positive definite, which drag alone prevents unless a number is lost.
        """
        for positive in (False, True):
            entries = self.stiffness(pose, contacts, positive=positive)
            for shift in SHIFTS[: 1 if not positive else None]:
                found = self.matrix.factor(self.matrix.raised(entries, shift))
                if found.positive:
                    return found
        raise FloatingPointError("The device's stiffness is not positive definite.")

    def history_after(self, pose: Pose) -> np.ndarray:
        """What the rods' metal remembers after a tick that ends at this pose."""
        return self.device.rods.history_after(pose, self._history, carried=self._carried)
