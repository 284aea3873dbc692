"""Rods that wait for their turn: they ride along with the lumen about their axis, held there, and touch nothing."""

import dataclasses

import numpy as np

from sim.balloon import nearest_on
from sim.body import ModelError
from sim.command import Command
from sim.device import DeviceBody, Entering
from sim.model import Model
from sim.rods.network import Pose
from sim.rods.rotations import from_vectors, quaternion_product, to_matrices
from sim.solvers.device_parts import across
from sim.state import State


def ridden(model: Model, state: State, command: Command) -> Pose:
    """Let what waits ride to where the lumen is now, in `state`; returns the device's pose, relative to the model's origin.

    Each cross-section of its axis goes by the mean motion d of the lumen about it, from where it was at first, and turns with
    the axis, by t × dd/ds.

    Raises
    ------
    ModelError
        If the command lets something wait that is not there.
    """
    device = model.device
    if not command.waiting:
        return state.device_pose
    entering = {one.name: one for one in device.entering} if device else {}
    unknown = [name for name in command.waiting if name not in entering]
    if device is None or unknown:
        there = ", ".join(entering) or "nothing"
        raise ModelError(f"The command lets {unknown[0]!r} wait, but what may enter is {there}; ask for one of these.")
    position, rotation = state.device_position.copy(), state.device_rotation.copy()
    moved = state.displacement.to_numpy()
    for name in command.waiting:
        one = entering[name]
        motion = _motion(one, model, moved)
        along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(one.axis, axis=0), axis=1))])
        slope = np.gradient(motion, along, axis=0)
        first = device.pose.position[one.nodes]
        centre, tangent, station = nearest_on(one.axis, first)
        shift, tilt = (np.stack([np.interp(station, along, column) for column in table.T], 1) for table in (motion, slope))
        turn = from_vectors(np.cross(tangent, across(tilt, tangent)))
        position[one.nodes] = centre + shift + np.einsum("nij,nj->ni", to_matrices(turn), first - centre) - model.origin
        rotation[one.nodes] = quaternion_product(turn, device.pose.rotation[one.nodes])
    state.device_position, state.device_rotation = position, rotation
    return state.device_pose


def carried(model: Model, state: State) -> DeviceBody:
    """The model's device with the ways of those sheaths that ride along with the lumen where the lumen is now."""
    device = model.device
    assert device is not None
    if all(one.rides is None for one in device.sheaths):
        return device
    entering, moved = {one.name: one for one in device.entering}, state.displacement.to_numpy()
    sheaths = [
        one if one.rides is None else dataclasses.replace(one, axis=one.axis + _motion(entering[one.rides], model, moved))
        for one in device.sheaths
    ]
    return dataclasses.replace(device, sheaths=tuple(sheaths))


def _motion(one: Entering, model: Model, moved: np.ndarray) -> np.ndarray:
    """Mean motion of the lumen about each point of an axis [m], shape (q, 3), from all displacements [m], shape (n, 3)."""
    return one.weights @ (model.body.vertices[one.vertices] + moved[one.vertices] - one.places)
