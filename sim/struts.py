"""Stent struts as straight bars that meet in elastoplastic hinges, in double precision.

A balloon-expandable stent opens by its crowns: struts stay nearly straight and crowns yield. So each strut is a bar with
its section's axial stiffness EA/L, each crown a hinge whose elastic stiffness is that of its two struts bent as
clamped–guided beams, 3EI/L, and whose moment is limited by the section's fully plastic moment σ_y t w²/4; each strut also
resists twisting between its two crowns with GJ/L. Metal is 10³–10⁵ times stiffer than tissue, hence double precision and a
direct solution. Every term is an energy; forces are its slope and the stiffness its positive semidefinite part.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Struts:
    """A network of struts and its stiffness.

    Attributes
    ----------
    bars
        Node pairs, shape (b, 2): struts and bridges.
    bar_length, bar_stiffness
        Rest length [m] and axial stiffness EA/L [N/m], shape (b,).
    crowns
        Node triples, shape (c, 3); the middle one is the crown.
    crown_angle, crown_stiffness, crown_moment, crown_hardening
        Stress-free angle between the two struts [rad], elastic stiffness [N·m/rad], plastic moment [N·m] and slope of the
        moment after yield [N·m/rad], shape (c,).
    twists
        Node quadruples, shape (t, 4): a strut is the middle two, its neighbours the outer two.
    twist_angle, twist_stiffness
        Stress-free dihedral angle [rad] and stiffness GJ/L [N·m/rad], shape (t,).
    bridge_hinges
        Node triples, shape (h, 3): a crown's neighbour, the crown, the far end of its bridge.
    bridge_pairs
        Pairs of rows of `bridge_hinges`, shape (q, 2): the angles of a bridge to the struts left and right of it.
    bridge_offset, bridge_stiffness
        Stress-free difference of the two angles [rad] and bending stiffness of a bridge sideways [N·m/rad], shape (q,).
    """

    bars: np.ndarray
    bar_length: np.ndarray
    bar_stiffness: np.ndarray
    crowns: np.ndarray
    crown_angle: np.ndarray
    crown_stiffness: np.ndarray
    crown_moment: np.ndarray
    crown_hardening: np.ndarray
    twists: np.ndarray
    twist_angle: np.ndarray
    twist_stiffness: np.ndarray
    bridge_hinges: np.ndarray
    bridge_pairs: np.ndarray
    bridge_offset: np.ndarray
    bridge_stiffness: np.ndarray

    def evaluate(self, x: np.ndarray, plastic: np.ndarray) -> tuple[float, np.ndarray]:
        """Stored energy [J] and its slope [N], shape (n, 3), at node positions x [m] and plastic angles [rad]."""
        energy, gradient = 0.0, np.zeros_like(x)
        for value, slope, _, nodes, parts in self._terms(x, plastic):
            energy += float(value.sum())
            _scatter(gradient, nodes, slope[:, None, None] * parts)
        return energy, gradient

    def stiffness(self, x: np.ndarray, plastic: np.ndarray) -> np.ndarray:
        """Positive semidefinite stiffness [N/m], shape (3n, 3n): Σ W'' ∇q∇qᵀ, and the tension of bars."""
        matrix = np.zeros((3 * len(x), 3 * len(x)))
        for _, _, curvature, nodes, parts in self._terms(x, plastic):
            blocks = curvature[:, None, None, None, None] * np.einsum("eai,ebj->eaibj", parts, parts)
            _scatter_blocks(matrix, nodes, blocks)
        edge = x[self.bars[:, 1]] - x[self.bars[:, 0]]
        length = np.linalg.norm(edge, axis=1)
        tension = np.maximum(self.bar_stiffness * (length - self.bar_length), 0.0) / length
        unit = edge / length[:, None]
        across = tension[:, None, None] * (np.eye(3) - np.einsum("ei,ej->eij", unit, unit))
        sign = np.array([[1.0, -1.0], [-1.0, 1.0]])
        _scatter_blocks(matrix, self.bars, np.einsum("ab,eij->eaibj", sign, across))
        return matrix

    def yielded(self, x: np.ndarray, plastic: np.ndarray) -> np.ndarray:
        """Plastic angles [rad] after a tick that ends at x."""
        angle, _ = hinge_angles(x, self.crowns)
        return self._returned(angle, plastic)[0]

    def crown_moments(self, x: np.ndarray, plastic: np.ndarray) -> np.ndarray:
        """Moment in each crown [N·m]."""
        angle, _ = hinge_angles(x, self.crowns)
        return self._returned(angle, plastic)[1]

    def _returned(self, angle: np.ndarray, plastic: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Plastic angle, moment and tangent after a step to `angle`: return mapping with linear kinematic hardening."""
        k, h = self.crown_stiffness, self.crown_hardening
        elastic = angle - self.crown_angle - plastic
        excess = np.abs(k * elastic - h * plastic) - self.crown_moment
        flow = np.where(excess > 0.0, excess / (k + h), 0.0) * np.sign(k * elastic - h * plastic)
        tangent = np.where(excess > 0.0, k * h / (k + h), k)
        return plastic + flow, k * (elastic - flow), tangent

    def _terms(self, x: np.ndarray, plastic: np.ndarray):
        """Each kind of term as (energy, slope, curvature, nodes, gradient of its measure)."""
        edge = x[self.bars[:, 1]] - x[self.bars[:, 0]]
        length = np.linalg.norm(edge, axis=1)
        stretch = length - self.bar_length
        unit = edge / length[:, None]
        k = self.bar_stiffness
        yield 0.5 * k * stretch**2, k * stretch, k, self.bars, np.stack([-unit, unit], 1)

        angle, parts = hinge_angles(x, self.crowns)
        after, moment, tangent = self._returned(angle, plastic)
        flow = after - plastic
        stored = 0.5 * self.crown_stiffness * (angle - self.crown_angle - after) ** 2
        stored += 0.5 * self.crown_hardening * after**2 + self.crown_moment * np.abs(flow)
        yield stored, moment, tangent, self.crowns, parts

        angle, parts = dihedral_angles(x, self.twists)
        off = np.remainder(angle - self.twist_angle + np.pi, 2.0 * np.pi) - np.pi
        k = self.twist_stiffness
        yield 0.5 * k * off**2, k * off, k, self.twists, parts

        angle, parts = hinge_angles(x, self.bridge_hinges)
        left, right = self.bridge_pairs[:, 0], self.bridge_pairs[:, 1]
        lean = angle[left] - angle[right] - self.bridge_offset
        nodes = np.concatenate([self.bridge_hinges[left], self.bridge_hinges[right]], 1)
        k = self.bridge_stiffness
        yield 0.5 * k * lean**2, k * lean, k, nodes, np.concatenate([parts[left], -parts[right]], 1)


def hinge_angles(x: np.ndarray, triples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Angle at the middle of each node triple [rad], shape (h,), and its gradient [rad/m], shape (h, 3, 3)."""
    a, b = x[triples[:, 0]] - x[triples[:, 1]], x[triples[:, 2]] - x[triples[:, 1]]
    length_a, length_b = np.linalg.norm(a, axis=1, keepdims=True), np.linalg.norm(b, axis=1, keepdims=True)
    a, b = a / length_a, b / length_b
    cosine = np.einsum("ei,ei->e", a, b)[:, None]
    sine = np.maximum(np.linalg.norm(np.cross(a, b), axis=1, keepdims=True), 1e-9)
    first, last = (cosine * a - b) / (length_a * sine), (cosine * b - a) / (length_b * sine)
    return np.arctan2(sine, cosine)[:, 0], np.stack([first, -first - last, last], 1)


def dihedral_angles(x: np.ndarray, quadruples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Dihedral angle about the middle edge of each quadruple [rad], shape (t,), and its gradient [rad/m], shape (t, 4, 3)."""
    p = x[quadruples]
    b1, b2, b3 = p[:, 1] - p[:, 0], p[:, 2] - p[:, 1], p[:, 3] - p[:, 2]
    m, n = np.cross(b1, b2), np.cross(b2, b3)
    length = np.linalg.norm(b2, axis=1, keepdims=True)
    angle = np.arctan2(length[:, 0] * np.einsum("ei,ei->e", b1, n), np.einsum("ei,ei->e", m, n))
    first = -length * m / np.maximum(np.einsum("ei,ei->e", m, m)[:, None], 1e-30)
    last = length * n / np.maximum(np.einsum("ei,ei->e", n, n)[:, None], 1e-30)
    s = np.einsum("ei,ei->e", b1, b2)[:, None] / length**2
    t = np.einsum("ei,ei->e", b3, b2)[:, None] / length**2
    second = -(1.0 + s) * first + t * last
    third = s * first - (1.0 + t) * last
    return angle, np.stack([first, second, third, last], 1)


def _scatter(out: np.ndarray, nodes: np.ndarray, parts: np.ndarray) -> None:
    for a in range(nodes.shape[1]):
        np.add.at(out, nodes[:, a], parts[:, a])


def _scatter_blocks(matrix: np.ndarray, nodes: np.ndarray, blocks: np.ndarray) -> None:
    degrees = (3 * nodes[:, :, None] + np.arange(3)).reshape(len(nodes), 3 * nodes.shape[1])
    size = degrees.shape[1]
    np.add.at(matrix, (degrees[:, :, None], degrees[:, None, :]), blocks.reshape(len(nodes), size, size))
