"""Rods within a sheath, without tissue: what a stent does while it is crimped, and what it then presses outwards with."""

import dataclasses

import numpy as np
import scipy.sparse as sparse

from sim.device import Sheath
from sim.rods.network import Pose, RodNetwork
from sim.rods.statics import Effort, Task, rest, task_for
from sim.solvers.device_parts import SheathPart


@dataclasses.dataclass(frozen=True)
class Enclosed(RodNetwork):
    """A network of rods with a sheath about it, at rest as any network is; the sheath is part of its energy."""

    part: SheathPart | None = None

    @staticmethod
    def of(network: RodNetwork, sheath: Sheath, pose: Pose) -> "Enclosed":
        """The network within a sheath, whose axis is taken straight at each node from this pose on."""
        fields = {field.name: getattr(network, field.name) for field in dataclasses.fields(RodNetwork)}
        # Nothing is drawn back: the end lies far ahead of the last node.
        return Enclosed(**fields, part=SheathPart(sheath, np.zeros(3), pose.position, drawn=-1.0))

    def evaluate(self, pose: Pose, history: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy [J] and its slope [N, N·m], shape (n, 6), with the sheath's."""
        energy, slope = super().evaluate(pose, history)
        more, pull = self._sheath.evaluate(pose.position)
        slope[:, :3] += pull
        return energy + more, slope

    def stiffness(self, pose: Pose, history: np.ndarray, *, positive: bool = False) -> sparse.csc_matrix:
        """Second derivative of the energy, shape (6n, 6n), with the sheath's."""
        matrix = super().stiffness(pose, history, positive=positive)
        block = self._sheath.stiffness(pose.position)
        degrees = 6 * block.nodes + np.arange(3)
        rows, columns = np.repeat(degrees, 3, axis=1).ravel(), np.tile(degrees, (1, 3)).ravel()
        return matrix + sparse.csc_matrix((block.values.ravel(), (rows, columns)), shape=matrix.shape)

    def pressing(self, pose: Pose) -> np.ndarray:
        """How hard each of the sheath's nodes presses outwards [N], shape (k,)."""
        return self._sheath.pressing(pose.position)

    @property
    def _sheath(self) -> SheathPart:
        assert self.part is not None
        return self.part


@dataclasses.dataclass(frozen=True)
class Squeezed:
    """A network of rods in a sheath of some radius.

    Attributes
    ----------
    radius
        That the nodes' middle lines may reach [m].
    pose, history
        Where its nodes are, and what its metal remembers.
    force
        How hard all nodes together press outwards [N].
    """

    radius: float
    pose: Pose
    history: np.ndarray
    force: float


def squeezed(
    network: RodNetwork,
    pose: Pose,
    sheath: Sheath,
    radii: np.ndarray,
    *,
    history: np.ndarray | None = None,
    task: Task | None = None,
    effort: Effort | None = None,
) -> list[Squeezed]:
    """A network at rest in a sheath whose radius takes these values [m] in turn, smaller or larger; a crimper, or its release.

    `task` may hold degrees of freedom; it is done anew at each radius, so it should ask for no motion.

    Raises
    ------
    NotAtRest
        If the rods find no rest at a radius.
    """
    history = network.fresh_history() if history is None else history
    found = []
    for radius in radii:
        within = Enclosed.of(network, dataclasses.replace(sheath, radius=float(radius)), pose)
        done = rest(within, pose, task or task_for(network), history=history, effort=effort)
        pose, history = done.pose, done.history
        found.append(Squeezed(float(radius), pose, history, float(within.pressing(pose).sum())))
    return found
