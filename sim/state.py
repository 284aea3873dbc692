"""State: everything that changes, to the last multiplier; it can be copied, digested and saved."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import taichi as ti
from scipy.spatial import KDTree

from sim.arrays import Array, put, vec3, vec3d, zeros
from sim.model import Model
from sim.rods.network import Pose


@dataclasses.dataclass
class State:
    """What a tick starts from.

    Attributes
    ----------
    tick
        Number of ticks done.
    displacement, velocity
        Of the tissue's vertices [m] and [m/s], shape (n, 3), on the backend.
    device_position
        Of the device's nodes, relative to the model's origin [m], shape (k, 3).
    device_rotation
        How the device's nodes are turned, unit quaternions, shape (k, 4).
    device_history
        What the metal of its rods remembers, see `sim.rods.network`.
    coaxial_friction
        On the inner of two rods that slide in each other, along them and about them, at each place where they may touch, see
        `DeviceBody.touch_count` [N], shape (t, 2); carried over to the next tick.
    traction
        Contact force on each sample point that is carried over to the next tick [N], shape (s, 3).
    nearest
        Lumen vertex nearest to each sample point, shape (s,), on the backend.
    met
        The other contacts that carry a force on: a kind and four vertices each, −1 for none, shape (c, 5).
    met_traction
        Their forces [N], shape (c, 3).
    multipliers
        Of the constraints of position-based dynamics, force times h², shape (2 m,), on the backend; one nought for the engine.
    places
        Where each obstacle is: translation [m], rotation [rad] and centre [m] of its motion, shape (o, 9).
    overstress
        Relaxing second Piola–Kirchhoff stress of each tet [Pa], shape (m, 3, 3); empty if no law relaxes.
    """

    tick: int
    displacement: Array
    velocity: Array
    device_position: np.ndarray
    device_rotation: np.ndarray
    device_history: np.ndarray
    coaxial_friction: np.ndarray
    traction: np.ndarray
    nearest: Array
    met: np.ndarray
    met_traction: np.ndarray
    multipliers: Array
    places: np.ndarray
    overstress: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """All that changes, as numpy arrays by name."""
        return {
            "tick": np.array(self.tick),
            "displacement": self.displacement.to_numpy(),
            "velocity": self.velocity.to_numpy(),
            "device_position": self.device_position.copy(),
            "device_rotation": self.device_rotation.copy(),
            "device_history": self.device_history.copy(),
            "coaxial_friction": self.coaxial_friction.copy(),
            "traction": self.traction.copy(),
            "nearest": self.nearest.to_numpy(),
            "met": self.met.copy(),
            "met_traction": self.met_traction.copy(),
            "multipliers": self.multipliers.to_numpy(),
            "places": self.places.copy(),
            "overstress": self.overstress.copy(),
        }

    @property
    def device_pose(self) -> Pose:
        """Where the device's nodes are, relative to the model's origin [m], and how they are turned."""
        return Pose(self.device_position, self.device_rotation)

    def digest(self) -> str:
        """SHA-256 over every bit of the state."""
        whole = hashlib.sha256()
        for name, values in self.arrays().items():
            whole.update(name.encode())
            whole.update(np.ascontiguousarray(values).tobytes())
        return whole.hexdigest()

    def copy(self) -> "State":
        """An independent copy."""
        return _from_arrays(self.arrays())

    def take(self, other: "State") -> None:
        """Become what another state is."""
        for field in dataclasses.fields(other):
            setattr(self, field.name, getattr(other, field.name))

    def save(self, path: Path) -> None:
        """Write the state to a file, from which `load` makes the same state to the last bit."""
        with open(path, "wb") as file:
            np.savez(file, **self.arrays())  # pyright: ignore[reportArgumentType]

    @staticmethod
    def load(path: Path) -> "State":
        """Read a state that `save` wrote."""
        with np.load(path) as file:
            return _from_arrays(dict(file))


def new_state(model: Model) -> State:
    """The state of rest: nothing displaced, the device where it was placed."""
    device = model.device
    positions = device.pose.position - model.origin if device else np.zeros((0, 3))
    nearest = np.zeros(max(model.sample_count, 1), int)
    if device and len(model.body.lumen):
        wall = np.unique(model.body.lumen)
        nearest = wall[KDTree(model.body.vertices[wall] - model.origin).query(device.sample_points(positions))[1]]
    return State(
        tick=0,
        displacement=zeros(model.vertex_count, vec3d),
        velocity=zeros(model.vertex_count, vec3),
        device_position=positions.copy(),
        device_rotation=device.pose.rotation.copy() if device else np.zeros((0, 4)),
        device_history=device.first_history.copy() if device else np.zeros(0),
        coaxial_friction=np.zeros((device.touch_count if device else 0, 2)),
        traction=np.zeros((model.sample_count, 3)),
        nearest=put(nearest, ti.i32),
        met=np.zeros((0, 5), np.int64),
        met_traction=np.zeros((0, 3)),
        multipliers=zeros(0, ti.f32),
        places=np.zeros((len(model.body.obstacles), 9)),
        overstress=np.zeros((model.tet_count if model.materials.relaxes else 0, 3, 3)),
    )


def _from_arrays(arrays: dict[str, np.ndarray]) -> State:
    return State(
        tick=int(arrays["tick"]),
        displacement=put(arrays["displacement"], vec3d),
        velocity=put(arrays["velocity"], vec3),
        device_position=arrays["device_position"].copy(),
        device_rotation=arrays["device_rotation"].copy(),
        device_history=arrays["device_history"].copy(),
        coaxial_friction=arrays["coaxial_friction"].copy(),
        traction=arrays["traction"].copy(),
        nearest=put(arrays["nearest"], ti.i32),
        met=arrays["met"].copy(),
        met_traction=arrays["met_traction"].copy(),
        multipliers=put(arrays["multipliers"], ti.f32),
        places=arrays["places"].copy(),
        overstress=arrays["overstress"].copy(),
    )
