"""The linear system of one Newton step: its preconditioner, kept up to date, and its solution."""

import numpy as np
import taichi as ti

from sim.arrays import Array, lent, mat3, put, vec3, vec16, zeros
from sim.chunks import partial_length, spread_of
from sim.launching import Launcher
from sim.model import Model
from sim.solvers import assembly, linear
from sim.solvers.coarse import CoarseSpace, in_tiles, tile_count
from sim.solvers.device_contact import eliminated_stiffness
from sim.solvers.device_matrix import Compliance
from sim.solvers.tissue import Tissue
from sim.solvers.touching import Touching
from sim.state import State

TIRED = 60
"""Iterations after which the coarse space is brought up to date with the operator."""


class System:
    """Scratch of the linear solves of one model."""

    def __init__(self, model: Model, tissue: Tissue, touching: Touching):
        self.model = model
        self._tissue, self._touching = tissue, touching
        n, k = model.vertex_count, model.node_count
        self._inverse = zeros(n, mat3)
        self.vectors = put(np.zeros((linear.VECTOR_COUNT, n, 3)), vec3)
        self._partial = zeros(partial_length(n), ti.f64)
        self._scalars = zeros(linear.SCALAR_COUNT, ti.f64)
        self._answers = zeros(model.pockets.count, ti.f32)
        # Handed to and fro in each iteration with a device, hence kept on the host.
        self._push, self._answer = (np.zeros((max(k, 1), 3), np.float32) for _ in range(2))
        self._device_force = np.zeros((k, 6))
        self._space = CoarseSpace(model)
        self._coarse = put(np.zeros((linear.COARSE_COUNT, 16 * tile_count(self._space.count))), ti.f32)
        self._spread = spread_of(n)
        self._fresh = False
        self._tired = False
        self._launch = Launcher()

    # --- preconditioner ---------------------------------------------------------------------------------------------

    def rest_inverse(self) -> Array:
        """The coarse inverse of the operator at hand, which is that of rest; see `begin`."""
        return put(in_tiles(self._space.inverse(self._tissue.matrix, self._tissue.slope, None)), vec16)

    def begin(self, state: State, rest_inverse: Array | None) -> None:
        """Begin a tick, with the coarse inverse of rest turned as the tissue has, or one to be made of the first operator."""
        self._fresh, self._tired = False, rest_inverse is None
        if rest_inverse is not None:
            self._space.turn(rest_inverse, state.displacement)

    def prepare(self, compliance: Compliance | None) -> None:
        """Bring the preconditioner up to date with the tissue's matrix, contacts, and a device of this compliance."""
        m, t, p = self.model, self._touching, self.model.pockets
        self._launch(
            assembly.invert_diagonal, m.vertex_count, m.diagonal, self._tissue.matrix, m.free, p.vertex_first, p.vertex_pocket,
            self._tissue.slope_by_vertex, p.stiffness, p.volume, t.count, t.first, t.corners, t.weights, t.normal, t.slope,
            t.slide, self._inverse,
        )  # fmt: skip
        if self._tired or (t.count and not self._fresh):
            self._space.take(self._space.inverse(self._tissue.matrix, self._tissue.slope, self._contact_part(compliance)))
            self._fresh, self._tired = True, False

    def _contact_part(self, compliance: Compliance | None) -> np.ndarray | None:
        """What contacts add to the coarse matrix [N/m], with the device eliminated where it gives way."""
        t, m = self._touching, self.model
        if t.count == 0:
            return None
        blocks = t.blocks()
        touching = np.flatnonzero(blocks.any((1, 2)))
        if len(touching) == 0:
            return None
        vertices, weights = t.vertices.to_numpy()[touching], t.weights.to_numpy()[touching].astype(float)
        rows = self._space.contact_rows(vertices, weights)
        samples = int(np.count_nonzero(touching < m.sample_count))
        if compliance is None or m.device is None:
            samples = 0
        return eliminated_stiffness(m.device, compliance, blocks, touching, samples, rows)

    # --- solution ---------------------------------------------------------------------------------------------------

    def couple(self, compliance: Compliance, device_force: np.ndarray) -> None:
        """Add what the device's own imbalance [N, N·m], shape (k, 6), presses on the tissue."""
        m, t = self.model, self._touching
        self._answer[:] = compliance.solve(device_force.ravel()).reshape(-1, 6)[:, :3]
        self._launch(
            linear.add_device_reaction, m.vertex_count, t.first, t.corners, m.sample_count, t.weights, t.normal, t.slope,
            t.slide, m.sample_nodes, m.sample_along, lent(self._answer), m.free, self._tissue.force,
        )  # fmt: skip

    def push_of_solution(self) -> np.ndarray:
        """What the tissue's step presses on the struts' sample points [N], shape (s, 3)."""
        t = self._touching
        self._launch(
            linear.contact_push_of_solution, t.count, t.vertices, t.weights, t.normal, t.slope, t.slide, self.vectors, t.push,
        )  # fmt: skip
        return t.push.to_numpy()[: self.model.sample_count].astype(float)

    def solve(self, *, tolerance: float, limit: int, compliance: Compliance | None) -> tuple[int, bool]:
        """Conjugate gradients for the tissue's force, a device in contact eliminated; leaves the step among `vectors`.

        Returns the iterations done and whether a direction was met along which the energy curves down, where they end.
        """
        m, c = self.model, self._space
        self._launch(
            linear.start_iterations, self._spread, m.vertex_count, c.count, self._tissue.force, self._inverse, c.cluster_of,
            c.cluster_first, c.members, c.modes, c.rotation, c.coarse_inverse, tolerance, self._coarse, self._partial,
            self.vectors, self._scalars,
        )  # fmt: skip
        many, rest = divmod(limit, linear.UNROLL)
        for steps in [linear.UNROLL] * many + [1] * rest if compliance is None else [1] * limit:
            if compliance is not None:
                self._follow(compliance)
            self._iterate(steps, 0 if compliance is None else m.sample_count)
            if self._scalars.to_numpy()[linear.STOP] != 0.0:
                break
        scalars = self._scalars.to_numpy()
        iterations = int(scalars[linear.ITERATIONS])
        self._tired = self._tired or iterations > TIRED
        return iterations, bool(scalars[linear.STOP] == linear.NEGATIVE)

    def _iterate(self, steps: int, samples: int) -> None:
        """Some steps of conjugate gradients, the first `samples` contacts giving way."""
        m, t, p, c = self.model, self._touching, self.model.pockets, self._space
        self._launch(
            linear.iterate, steps, self._spread, t.count, samples, m.vertex_count, c.count, p.count, m.row_first, m.column,
            self._tissue.matrix, self._inverse, m.free, p.row_first, p.column, self._tissue.slope, p.stiffness, p.volume,
            p.vertex_first, p.vertex_pocket, self._tissue.slope_by_vertex, self._answers, t.first, t.corners, t.vertices,
            t.weights, t.normal, t.slope, t.slide, m.sample_nodes, m.sample_along, lent(self._answer), c.cluster_of,
            c.cluster_first, c.members, c.modes, c.rotation, c.coarse_inverse, self._coarse, t.scratch, self._partial,
            self.vectors, self._scalars,
        )  # fmt: skip

    def _follow(self, compliance: Compliance) -> None:
        """Find how the device moves with the tissue along the direction at hand."""
        m, t = self.model, self._touching
        self._launch(
            linear.push_on_device, m.sample_count, m.node_count, t.vertices, t.weights, t.normal, t.slope, t.slide,
            m.sample_nodes, m.sample_along, m.node_first, m.node_samples, self.vectors, t.scratch, lent(self._push),
        )  # fmt: skip
        self._device_force[:, :3] = self._push
        self._answer[:] = compliance.solve(self._device_force.ravel()).reshape(-1, 6)[:, :3]
