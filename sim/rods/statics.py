"""Rods at rest: Newton's method with held degrees of freedom, dead loads, and the test for buckling."""

import dataclasses

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import SuperLU, eigsh, splu

from sim.rods.network import Pose, RodNetwork

# Up to so many unstable ways a shift is tried before the positive part of the stiffness.
FEW_WAYS = 6


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
        Dead forces [N] and moments [N·m] that keep their direction, shape (n, 6). Such moments have no energy: stability is not
        looked for under them, and where they are large and about several axes Newton's method converges more slowly.
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
    """

    pose: Pose
    history: np.ndarray
    energy: float
    reaction: np.ndarray
    unstable: int
    iterations: int


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
    solver = _Solver(network, task, effort or Effort())
    history = network.fresh_history() if history is None else history
    pose, before, after, iterations = solver.march(pose, history, 0.0, 1.0)
    energy, slope = network.evaluate(pose, before)
    reaction = np.where(task.held, slope - task.load, 0.0)
    return Rest(pose, after, energy, reaction, solver.unstable(pose, before), iterations)


def unstable_ways(network: RodNetwork, pose: Pose, history: np.ndarray, held: np.ndarray, *, shift: float = 0.0) -> int:
    """How many eigenvalues of the free part of the stiffness lie below `shift` [N/m], with lengths counted in mean elements.

    It is the inertia of a factorisation without pivots (Sylvester). A small shift keeps free rigid motions out.
    """
    matrix, _ = _scaled(network, pose, history, held)
    factors = _factorised(matrix - shift * sparse.identity(int((~held).sum()), format="csc"))
    if factors is None:
        return 1
    return int((factors.U.diagonal() < 0.0).sum())


def lowest_mode(
    network: RodNetwork, pose: Pose, history: np.ndarray, held: np.ndarray, *, lowest: bool = False
) -> tuple[float, np.ndarray]:
    """Eigenvalue of the free stiffness that is nearest to nought [N/m] and its step of the nodes, shape (n, 6), of length one.

    With `lowest` it is the most negative one instead. Rotations are counted as if a mean element's length were their lever.
    """
    matrix, scale = _scaled(network, pose, history, held)
    start = np.random.default_rng(1).normal(size=int((~held).sum()))
    if lowest:
        below = -1e-6 * float(np.abs(matrix.diagonal()).mean())
        while unstable_ways(network, pose, history, held, shift=below):
            below *= 4.0
        value, vector = eigsh(matrix, k=1, sigma=below, v0=start)
    else:
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
    increments: int = 10,
    shift: float = 0.0,
    history: np.ndarray | None = None,
) -> float:
    """Share of a task at which the rest that grows out of this pose first ceases to be stable, to a relative `width`.

    The path is followed in increments without regard to stability, the interval halved until it is narrow.

    Raises
    ------
    ValueError
        If the rods are stable at `high`, or not at `low`.
    NotAtRest
        If the path ends.
    """
    solver = _Solver(network, task, Effort(stable=False, increments=increments, iterations=20))
    history = network.fresh_history() if history is None else history

    def reach(share: float, state: tuple[Pose, np.ndarray], done: float) -> tuple[tuple[Pose, np.ndarray], int]:
        found, before, after, _ = solver.march(*state, done, share)
        return (found, after), unstable_ways(network, found, before, task.held, shift=shift)

    at_low, below = reach(low, (pose, history), 0.0)
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
    """Newton's method for one task."""

    def __init__(self, network: RodNetwork, task: Task, effort: Effort):
        self._network, self._task, self._effort = network, task, effort
        self._free = np.flatnonzero(~task.held.ravel())
        self._fixed = np.flatnonzero(task.held.ravel())
        self._lever = _mean_length(network)
        self._shift = 0.0

    def march(self, pose: Pose, history: np.ndarray, start: float, end: float) -> tuple[Pose, np.ndarray, np.ndarray, int]:
        """From one share of the task to another: the rest, the history before and after its last increment, all steps."""
        largest = part = 1.0 / self._effort.increments
        before, share, iterations = history, start, 0
        while share < end - 1e-12:
            part = min(part, end - share)
            try:
                pose, count = self._advance(pose, history, share, part)
            except (NotAtRest, FloatingPointError) as trouble:
                part /= 2.0
                if part < self._effort.smallest:
                    text = f"The rods came to rest up to {share:.4g} of the task and no further: {trouble}"
                    raise NotAtRest(text) from trouble
                continue
            before, history = history, self._network.history_after(pose, history)
            share, iterations = share + part, iterations + count
            if count <= self._effort.iterations // 4:
                part = min(2.0 * part, largest)
        return pose, before, history, iterations

    def _advance(self, pose: Pose, history: np.ndarray, share: float, part: float) -> tuple[Pose, int]:
        """The rest after one more part of the task, and how many Newton steps it took."""
        load = (share + part) * self._task.load
        motion = part * np.where(self._task.held, self._task.motion, 0.0)
        moved = self._follow(pose, history, load, motion)
        try:
            bold = self._newton(moved, history, load, careful=False)
            # Where moments keep their direction there is no energy, and nothing that could be lowest.
            if not self._effort.stable or load[:, 3:].any() or not self.unstable(bold[0], history):
                return bold
        except (NotAtRest, FloatingPointError):
            if not self._effort.stable:
                raise
        return self._newton(moved, history, load, careful=True)

    def unstable(self, pose: Pose, history: np.ndarray) -> int:
        """How many ways lead out of a rest with a gain of energy."""
        if not len(self._free):
            return 0
        # Ways that cost nothing but rounding count as stable.
        matrix, _ = _scaled(self._network, pose, history, self._task.held)
        shift = -1e-11 * float(np.abs(matrix.diagonal()).max())
        return unstable_ways(self._network, pose, history, self._task.held, shift=shift)

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
                if not careful or not self.unstable(pose, history):
                    return pose, count + 1
                pushed = self._pushed(pose, history, load)
                if pushed is None:
                    return pose, count + 1
                pose = pushed
                energy, slope = self._network.evaluate(pose, history)
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

    def _pushed(self, pose: Pose, history: np.ndarray, load: np.ndarray) -> Pose | None:
        """A rest that is not stable, pushed along its softest way to where the energy is lower; None if it is nowhere."""
        energy, _ = self._network.evaluate(pose, history)
        _, mode = lowest_mode(self._network, pose, history, self._task.held, lowest=True)
        mode *= self._bound(mode)
        for share in 0.5 ** np.arange(1, 30):
            for sign in (1.0, -1.0):
                found = pose.moved(sign * share * mode)
                gain = self._network.evaluate(found, history)[0] - sign * share * float((load * mode).sum()) - energy
                if gain < -1e-13 * abs(energy):
                    return found
        return None

    def _factors(self, matrix: sparse.csc_matrix, pose: Pose, history: np.ndarray, *, positive: bool = False) -> SuperLU:
        """Factors of the free stiffness; where it must be positive and is not, of one near it that is.

        A few unstable ways are overcome by the least shift that does; where there are many, as in a wire far over its
        buckling load, the positive part is taken, which is too stiff but knows which ways are soft.
        """
        free = matrix[self._free][:, self._free].tocsc()
        factors = _factorised(free)
        if factors is not None and not (positive and (factors.U.diagonal() <= 0.0).any()):
            self._shift = 0.0
            return factors
        # Rotations count by the mean element's length.
        weight = np.tile([1.0] * 3 + [self._lever**2] * 3, self._network.node_count)[self._free]
        largest = float(np.max(np.abs(free.diagonal()) / weight))
        shift = max(self._shift / 30.0, 1e-12 * largest)
        few = factors is not None and int((factors.U.diagonal() <= 0.0).sum()) <= FEW_WAYS
        while few and shift < largest:
            factors = _factorised((free + sparse.diags(shift * weight)).tocsc())
            if factors is not None and not (factors.U.diagonal() <= 0.0).any():
                self._shift = shift
                return factors
            shift *= 10.0
        definite = self._network.stiffness(pose, history, positive=True)[self._free][:, self._free].tocsc()
        factors = _factorised((definite + sparse.diags(1e-9 * largest * weight)).tocsc())
        if factors is None:
            raise NotAtRest("the rods' stiffness is singular: hold more of them.")
        return factors

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
