"""Rods at rest: Newton's method with held degrees of freedom, dead loads, and the test for buckling."""

import dataclasses

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import SuperLU, eigsh, splu

from sim.rods.network import Pose, RodNetwork


@dataclasses.dataclass(frozen=True)
class Task:
    """What is done to a network of rods, from nothing to all of it.

    Attributes
    ----------
    held
        Which displacements and rotations are held, shape (n, 6), in space.
    motion
        How far the held ones go [m, rad], shape (n, 6). A rotation may be many turns; hold all three of a node for that.
        Where fewer are held, it is the spin about those axes that is.
    load
        Dead forces [N] and moments [N·m] that keep their direction, shape (n, 6). Moments that are not about one axis have no
        energy: Newton's method then converges more slowly.
    """

    held: np.ndarray
    motion: np.ndarray
    load: np.ndarray

    def replaced(self, **changes) -> "Task":
        """The same task but for some of it."""
        return dataclasses.replace(self, **changes)


def task_for(network: RodNetwork) -> Task:
    """A task that does nothing yet: nothing held, nothing moved, nothing loaded."""
    shape = (network.node_count, 6)
    return Task(np.zeros(shape, bool), np.zeros(shape), np.zeros(shape))


@dataclasses.dataclass(frozen=True)
class Rest:
    """Rods at rest.

    Attributes
    ----------
    pose, history
        Where they are, and what their metal remembers.
    energy
        Stored in the rods, with what the last increment dissipated [J].
    reaction
        Force [N] and moment [N·m] of the supports on the held degrees of freedom, nought elsewhere, shape (n, 6).
    unstable
        How many independent ways there are to leave this rest with a gain of energy; nought at a stable one.
    iterations
        Newton steps that all increments took together.
    share
        How much of the task was done: 1 unless it was stopped before.
    """

    pose: Pose
    history: np.ndarray
    energy: float
    reaction: np.ndarray
    unstable: int
    iterations: int
    share: float


class NotAtRest(ArithmeticError):
    """No rest was found; the sentence says how far it came."""


@dataclasses.dataclass(frozen=True)
class Effort:
    """How hard to look for rest.

    Attributes
    ----------
    increments
        In how many equal parts the task is first divided.
    smallest
        Smallest part of the task that is still tried, as a share of all of it.
    iterations
        Newton steps within one increment.
    tolerance
        Last Newton step that counts as none: of a rotation [rad], and of a displacement over the mean element's length.
    largest_turn, largest_step
        Largest rotation [rad] of a node in one Newton step, and displacement over the network's size.
    stable
        Go downhill from rests that are not stable. Without it Newton's method takes whichever rest is near.
    """

    increments: int = 1
    smallest: float = 1e-4
    iterations: int = 60
    tolerance: float = 1e-8
    largest_turn: float = 0.5
    largest_step: float = 0.25
    stable: bool = True


def rest(network: RodNetwork, pose: Pose, task: Task, *, history: np.ndarray | None = None, effort: Effort | None = None) -> Rest:
    """Do a task in increments, each as large as converges, and give the rods at rest.

    Loads grow from nought to their full value as the motion does. What the metal remembers is renewed after each increment.

    Raises
    ------
    NotAtRest
        If an increment of the smallest share finds no rest.
    """
    effort = effort or Effort()
    solver = _Solver(network, task, effort)
    history = network.fresh_history() if history is None else history
    share, part, iterations = 0.0, 1.0 / effort.increments, 0
    while share < 1.0 - 1e-12:
        part = min(part, 1.0 - share)
        try:
            found, count = solver.advance(pose, history, share, part)
        except (NotAtRest, FloatingPointError) as trouble:
            part /= 2.0
            if part < effort.smallest:
                raise NotAtRest(f"The rods came to rest up to {share:.4g} of the task and no further: {trouble}") from trouble
            continue
        pose, share, iterations = found, share + part, iterations + count
        energy, slope = network.evaluate(pose, history)
        unstable = solver.unstable(pose, history)
        history = network.history_after(pose, history)
        if count <= effort.iterations // 4:
            part = min(2.0 * part, 1.0 / effort.increments)
    reaction = np.where(task.held, slope - task.load, 0.0)
    return Rest(pose, history, energy, reaction, unstable, iterations, share)


def unstable_ways(network: RodNetwork, pose: Pose, history: np.ndarray, held: np.ndarray, *, shift: float = 0.0) -> int:
    """How many eigenvalues of the free part of the stiffness lie below `shift` [N/m], with lengths counted in mean elements.

    It is the inertia of a factorisation without pivots (Sylvester). A small shift keeps free rigid motions out.
    """
    matrix, _ = _scaled(network, pose, history, held)
    factors = _factorised(matrix - shift * sparse.identity(matrix.shape[0], format="csc"))
    if factors is None:
        return 1
    return int((factors.U.diagonal() < 0.0).sum())


def lowest_mode(network: RodNetwork, pose: Pose, history: np.ndarray, held: np.ndarray) -> tuple[float, np.ndarray]:
    """Eigenvalue of the free stiffness that is nearest to nought [N/m] and its step of the nodes, shape (n, 6), of length one.

    Rotations are counted as if a mean element's length were their lever.
    """
    matrix, scale = _scaled(network, pose, history, held)
    start = np.ones(matrix.shape[0])
    value, vector = eigsh(matrix, k=1, sigma=0.0, v0=start)
    mode = np.zeros(held.size)
    mode[~held.ravel()] = vector[:, 0] * scale
    mode = mode.reshape(held.shape)
    return float(value[0]), mode / np.linalg.norm(mode)


def buckling_share(
    network: RodNetwork,
    pose: Pose,
    task: Task,
    *,
    low: float = 0.0,
    high: float = 1.0,
    width: float = 1e-3,
    shift: float = 0.0,
    history: np.ndarray | None = None,
) -> float:
    """Share of a task at which the rest that grows out of this pose first ceases to be stable, to a relative `width`.

    The path is followed without regard to stability, the interval halved until it is narrow.

    Raises
    ------
    ValueError
        If the rods are stable at `high`, or not at `low`.
    NotAtRest
        If the path ends.
    """
    effort = Effort(stable=False)
    history = network.fresh_history() if history is None else history

    def reach(share: float, start: Pose, done: float) -> tuple[Pose, int]:
        solver = _Solver(network, task, effort)
        found = solver.advance(start, history, done, share - done)[0] if share > done else start
        return found, unstable_ways(network, found, history, task.held, shift=shift)

    at_low, below = reach(low, pose, 0.0)
    _, above = reach(high, at_low, low)
    if below or not above:
        state = f"has {below} unstable ways at {low:g} of the task and {above} at {high:g}"
        raise ValueError(f"No buckling lies between: the network {state}. Choose other bounds.")
    while high - low > width * high:
        between = 0.5 * (low + high)
        found, count = reach(between, at_low, low)
        if count:
            high = between
        else:
            low, at_low = between, found
    return 0.5 * (low + high)


class _Solver:
    """Newton's method for one task; it keeps nothing but numbers of the task."""

    def __init__(self, network: RodNetwork, task: Task, effort: Effort):
        self._network, self._task, self._effort = network, task, effort
        self._free = np.flatnonzero(~task.held.ravel())
        self._fixed = np.flatnonzero(task.held.ravel())
        self._lever = _mean_length(network)

    def advance(self, pose: Pose, history: np.ndarray, share: float, part: float) -> tuple[Pose, int]:
        """The rest after one more part of the task, and how many Newton steps it took."""
        load = (share + part) * self._task.load
        motion = part * np.where(self._task.held, self._task.motion, 0.0)
        moved, bold = self._follow(pose, history, load, motion), None
        try:
            bold = self._newton(moved, history, load, careful=False)
        except (NotAtRest, FloatingPointError):
            if not self._effort.stable:
                raise
        if bold is not None and (not self._effort.stable or not self.unstable(bold[0], history)):
            return bold
        return self._newton(moved, history, load, careful=True)

    def unstable(self, pose: Pose, history: np.ndarray) -> int:
        """How many ways lead out of a rest with a gain of energy."""
        if not len(self._free):
            return 0
        return unstable_ways(self._network, pose, history, self._task.held)

    def _follow(self, pose: Pose, history: np.ndarray, load: np.ndarray, motion: np.ndarray) -> Pose:
        """Move the held degrees of freedom, and the others as a linear network would follow."""
        if not motion.any() or not len(self._free):
            return pose.moved(motion)
        matrix = self._network.stiffness(pose, history)
        slope = self._network.evaluate(pose, history)[1].ravel() - load.ravel()
        push = matrix[:, self._fixed] @ motion.ravel()[self._fixed] + slope
        factors = self._factors(matrix, pose, history)
        step = motion.ravel().copy()
        step[self._free] = -factors.solve(push[self._free])
        # A follower that runs away says nothing; the supports move all the same.
        free = step.reshape(-1, 6)
        bound = max(self._bound(np.where(self._task.held, 0.0, free)), 1e-30)
        return pose.moved(np.where(self._task.held, free, min(1.0, bound) * free))

    def _newton(self, pose: Pose, history: np.ndarray, load: np.ndarray, *, careful: bool) -> tuple[Pose, int]:
        """Newton's method to rest; `careful` goes downhill only."""
        if not len(self._free):
            return pose, 0
        scale = np.tile([self._lever] * 3 + [1.0] * 3, self._network.node_count)[self._free]
        limit = self._effort.iterations * (5 if careful else 1)
        energy, slope = self._network.evaluate(pose, history)
        for count in range(limit):
            matrix = self._network.stiffness(pose, history)
            factors = self._factors(matrix, pose, history, positive=careful)
            push = (slope - load).ravel()[self._free]
            step = np.zeros(self._task.held.size)
            step[self._free] = -factors.solve(push)
            size = float(np.max(np.abs(step[self._free] / scale)))
            if not np.isfinite(size):
                raise NotAtRest("a Newton step is not a number.")
            step = step.reshape(-1, 6)
            step *= min(1.0, self._bound(step))
            if careful:
                gain = float(push @ step.ravel()[self._free])
                pose, energy, slope = self._downhill(pose, history, load, step, energy, gain)
            else:
                pose = pose.moved(step)
                energy, slope = self._network.evaluate(pose, history)
            if size < self._effort.tolerance:
                return pose, count + 1
        raise NotAtRest(f"Newton's method has not converged in {limit} steps; the last was {size:.1e}.")

    def _downhill(
        self, pose: Pose, history: np.ndarray, load: np.ndarray, step: np.ndarray, energy: float, gain: float
    ) -> tuple[Pose, float, np.ndarray]:
        """Go along a step as far as the energy falls."""
        work = float((load * step).sum())
        slack = 1e-12 * (abs(energy) + abs(work) + abs(gain))
        share = 1.0
        for _ in range(40):
            try:
                found = pose.moved(share * step)
                reached, slope = self._network.evaluate(found, history)
            except FloatingPointError:
                share *= 0.5
                continue
            if reached - share * work - energy <= 1e-4 * share * gain + slack:
                return found, reached, slope
            share *= 0.5
        raise NotAtRest("the energy does not fall along the Newton step.")

    def _factors(self, matrix: sparse.csc_matrix, pose: Pose, history: np.ndarray, *, positive: bool = False) -> SuperLU:
        """Factors of the free stiffness; of its positive part, shifted if need be, where it must be positive and is not."""
        free = matrix[self._free][:, self._free].tocsc()
        factors = _factorised(free)
        if factors is not None and not (positive and (factors.U.diagonal() <= 0.0).any()):
            return factors
        definite = self._network.stiffness(pose, history, positive=True)[self._free][:, self._free].tocsc()
        diagonal = definite.diagonal()
        for shift in (1e-9, 1e-6, 1e-3, 1.0):
            factors = _factorised((definite + sparse.diags(shift * diagonal + 1e-300)).tocsc())
            if factors is not None and not (factors.U.diagonal() <= 0.0).any():
                return factors
        raise NotAtRest("the rods' stiffness is singular: hold more of them.")

    def _bound(self, step: np.ndarray) -> float:
        """Share of a step that keeps within the largest one."""
        extent = self._network.rest_length.sum()
        turn = float(np.linalg.norm(step[:, 3:], axis=1).max()) / self._effort.largest_turn
        way = float(np.linalg.norm(step[:, :3], axis=1).max()) / (self._effort.largest_step * extent)
        return 1.0 / max(turn, way, 1e-300)


def _scaled(network: RodNetwork, pose: Pose, history: np.ndarray, held: np.ndarray) -> tuple[sparse.csc_matrix, np.ndarray]:
    """Free part of the stiffness with rotations counted by a mean element's length [N/m], and the scale of its unknowns."""
    free = np.flatnonzero(~held.ravel())
    scale = np.tile([1.0] * 3 + [1.0 / _mean_length(network)] * 3, network.node_count)[free]
    matrix = network.stiffness(pose, history)[free][:, free]
    diagonal = sparse.diags(scale)
    return (diagonal @ matrix @ diagonal).tocsc(), scale


def _mean_length(network: RodNetwork) -> float:
    return float(network.rest_length.mean())


def _factorised(matrix: sparse.csc_matrix) -> SuperLU | None:
    """Factors without pivots, so that the signs of U's diagonal are those of the eigenvalues; None where one is nought."""
    try:
        return splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    except RuntimeError:
        return None
