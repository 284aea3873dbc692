"""Rods that wait for their turn, held, and touch nothing: they go with the lumen about their axis, or with their catheter."""

import dataclasses

import numpy as np
import taichi as ti
from scipy.spatial import KDTree

from sim.arrays import put
from sim.balloon import arc_lengths, nearest_on
from sim.body import ModelError
from sim.carrying import carried_along
from sim.command import Command
from sim.device import DeviceBody, Entering
from sim.model import Model
from sim.rods.network import Pose
from sim.rods.rotations import from_vectors, quaternion_product, to_matrices
from sim.solvers.device_parts import across
from sim.state import State


def ridden(model: Model, state: State, command: Command) -> Pose:
    """Let what waits in a lumen ride to where that is now, in `state`; returns the device's pose, relative to the model's origin.

    Raises
    ------
    ModelError
        If the command lets something wait or ride that is not there.
    """
    device = model.device
    if not command.held_back:
        return state.device_pose
    there = {one.name: one for one in (*device.entering, *device.carried)} if device else {}
    unknown = [name for name in command.held_back if name not in there]
    if device is None or unknown:
        raise ModelError(
            f"The command lets {unknown[0]!r} wait, but what may enter is {', '.join(there) or 'nothing'}; ask for one of these."
        )
    moved, pose = state.displacement.to_numpy(), state.device_pose
    for one in device.entering:
        if one.name in command.held_back:
            pose = _with_the_lumen(one, device, model, moved, pose)
    state.device_position, state.device_rotation = pose.position, pose.rotation
    return pose


def _with_the_lumen(one: Entering, device: DeviceBody, model: Model, moved: np.ndarray, pose: Pose) -> Pose:
    """The pose with what waits gone by the mean motion d of the lumen about each cross-section of its axis, from where it was
    at first, and turned with the axis, by t × dd/ds."""
    position, rotation = pose.position.copy(), pose.rotation.copy()
    motion = _motion(one, model, moved)
    along = arc_lengths(one.axis)
    slope = np.gradient(motion, along, axis=0)
    first = device.pose.position[one.nodes]
    centre, tangent, station = nearest_on(one.axis, first)
    shift, tilt = (np.stack([np.interp(station, along, column) for column in table.T], 1) for table in (motion, slope))
    turn = from_vectors(np.cross(tangent, across(tilt, tangent)))
    position[one.nodes] = centre + shift + np.einsum("nij,nj->ni", to_matrices(turn), first - centre) - model.origin
    rotation[one.nodes] = quaternion_product(turn, device.pose.rotation[one.nodes])
    return Pose(position, rotation)


def carried_on(model: Model, state: State, command: Command, pose: Pose) -> Pose:
    """The pose at a tick's end with what rides gone with its catheter; in `state` its points look for the wall where they are."""
    device = model.device
    riding = [one for one in device.carried if one.name in command.held_back] if device else []
    if device is None or not riding:
        return pose
    for one in riding:
        pose = carried_along(one, device.course(one.feed, pose), device.pose, pose)
    if len(model.body.lumen):
        wall = np.unique(model.body.lumen)
        places = model.body.vertices[wall] - model.origin + state.displacement.to_numpy()[wall]
        rides = device.waiting_nodes([one.name for one in riding])[device.sample_nodes[:, 0]]
        nearest = state.nearest.to_numpy()
        nearest[: len(rides)][rides] = wall[KDTree(places).query(device.sample_points(pose.position)[rides])[1]]
        state.nearest = put(nearest, ti.i32)
    return pose


def with_sheaths(model: Model, state: State) -> DeviceBody:
    """The model's device with the ways of those sheaths that go with the lumen or a catheter where these are now."""
    device = model.device
    assert device is not None
    if all(one.rides is None and one.carrier is None for one in device.sheaths):
        return device
    entering, moved = {one.name: one for one in device.entering}, state.displacement.to_numpy()
    pose, sheaths = Pose(state.device_position + model.origin, state.device_rotation), []
    for one in device.sheaths:
        axis = one.axis
        if one.carrier is not None:
            axis = device.course(one.carrier.feed, pose).axis_of(one.carrier)
        elif one.rides is not None:
            axis = axis + _motion(entering[one.rides], model, moved)
        sheaths.append(dataclasses.replace(one, axis=axis))
    return dataclasses.replace(device, sheaths=tuple(sheaths))


def _motion(one: Entering, model: Model, moved: np.ndarray) -> np.ndarray:
    """Mean motion of the lumen about each point of an axis [m], shape (q, 3), from all displacements [m], shape (n, 3)."""
    return one.weights @ (model.body.vertices[one.vertices] + moved[one.vertices] - one.places)
