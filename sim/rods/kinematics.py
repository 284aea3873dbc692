"""Strain of two-node rods at their middle, its first and its second derivative, in double precision.

Simo 1985, doi:10.1016/0045-7825(85)90050-7; the middle frame R_m = R₁ exp(log(R₁ᵀR₂)/2) after Crisfield & Jelenić 1999,
doi:10.1098/rspa.1999.0352, so that strain does not change when the rod is moved as a rigid body.

An element's own motion is three vectors in the frame of space: v = δx₂ − δx₁, the mean spin s = (w₁ + w₂)/2 and the
difference of spins q = w₂ − w₁. With Φ = φ× and the factors of `turn_factors`:
δΓ = R_mᵀ (v/L + γ × (s − k Φ q)),  δκ = R_mᵀ (g I + h φφᵀ) q / L.
"""

import dataclasses

import numpy as np
import taichi as ti

from sim.arrays import DoubleCube, Doubles, DoubleTable, IVec2s, Mat3ds, Passed, Vec3ds, Vec4ds, Vec4dTable, lent, mat3d, vec3d
from sim.launching import Launcher
from sim.rods.turning import halfway, inverse, matrix_of, product, shortest, skew, turn_factors, vector_of

# Ends that turn further against each other than this [rad] cannot be told from ends that turn the other way.
LARGEST_TURN = 3.0


@dataclasses.dataclass(frozen=True)
class Middle:
    """Elements of rods seen from their middle, in the frame of space.

    Attributes
    ----------
    frame
        R_m, shape (m, 3, 3).
    stretch
        γ = (x₂ − x₁)/L, shape (m, 3).
    turn
        φ, the second end's rotation against the first [rad], shape (m, 3).
    length
        L [m], shape (m,).
    strain
        Γ and κ [1/m], before rest values are taken off, in the frame of the middle, shape (m, 6).
    """

    frame: np.ndarray
    stretch: np.ndarray
    turn: np.ndarray
    length: np.ndarray
    strain: np.ndarray


class Elements:
    """Elements of rods and what is found of them: one set of arrays, written anew each time, so that launches find them ready.

    Node pairs, shape (m, 2), quaternions that turn a node's frame into that of the element's end there, shape (m, 2, 4), and
    rest lengths [m], shape (m,).
    """

    def __init__(self, node_count: int, pairs: np.ndarray, end_rotations: np.ndarray, length: np.ndarray):
        count = self._count = len(pairs)
        self._given = tuple(np.ascontiguousarray(one) for one in (pairs.astype(np.int32), end_rotations, length))
        self._position, self._rotation = np.empty((node_count, 3)), np.empty((node_count, 4))
        self._middle = Middle(np.empty((count, 3, 3)), np.empty((count, 3)), np.empty((count, 3)), length, np.empty((count, 6)))
        self._resultant, self._moduli = np.empty((count, 6)), np.empty((count, 12))
        self._pull, self._stiffness = np.empty((count, 9)), np.empty((count, 9, 9))
        self._launch = Launcher()

    def middle(self, position: np.ndarray, rotation: np.ndarray) -> Middle:
        """The elements seen from their middle, from nodes' positions [m], shape (n, 3), and quaternions, shape (n, 4).

        Good until it is asked for again.

        Raises
        ------
        FloatingPointError
            If the ends of an element turn by nearly half a turn against each other.
        """
        found = self._middle
        if self._count == 0:
            return found
        self._position[:], self._rotation[:] = position, rotation
        pairs, end_rotations, length = self._given
        self._launch(
            see_from_middle, self._count, lent(pairs), lent(self._position), lent(self._rotation), lent(end_rotations),
            lent(length), lent(found.frame), lent(found.stretch), lent(found.turn), lent(found.strain),
        )  # fmt: skip
        size = np.sqrt(np.einsum("ei,ei->e", found.turn, found.turn))
        if not size.max() <= LARGEST_TURN:
            worst = int(np.argmax(size))
            raise FloatingPointError(
                f"The ends of rod element {worst} turn by {size[worst]:.2f} rad against each other, more than "
                f"{LARGEST_TURN:g}. Divide the rod more finely, or move it in smaller steps."
            )
        return found

    def pull(self, resultant: np.ndarray) -> np.ndarray:
        """Slope of the energy with respect to v, s and q, shape (m, 9), from forces [N] and moments [N·m] of the section, (m, 6).

        At the middle that was asked for last; good until it is asked for again.
        """
        if self._count:
            self._resultant[:], found = resultant, self._middle
            self._launch(
                pull_of_elements, self._count, lent(found.frame), lent(found.stretch), lent(found.turn), lent(self._given[2]),
                lent(self._resultant), lent(self._pull),
            )  # fmt: skip
        return self._pull

    def stiffness(self, resultant: np.ndarray, moduli: np.ndarray, *, positive: bool) -> np.ndarray:
        """Second derivative of the energy with respect to v, s and q, shape (m, 9, 9), symmetric.

        From forces [N] and moments [N·m], shape (m, 6), and the slope of these in strain, shape (m, 12): the stiffness against
        shear, stretch, bending and twist and, beside it, what fibres add between stretch and bending, the upper triangle.
        Its skew part, half of the moments left over at the nodes, belongs to how rotations are counted and not to the energy.
        At the middle that was asked for last; good until it is asked for again.

        `positive` leaves out what may be negative: BᵀCB and the tension's resistance to turning aside remain, which are
        positive semidefinite.
        """
        if self._count:
            self._resultant[:], self._moduli[:], found = resultant, moduli, self._middle
            self._launch(
                stiffness_of_elements, self._count, int(positive), lent(found.frame), lent(found.stretch), lent(found.turn),
                lent(self._given[2]), lent(self._resultant), lent(self._moduli), lent(self._stiffness),
            )  # fmt: skip
        return self._stiffness


@ti.kernel
def see_from_middle(
    count: int, elements: IVec2s, position: Vec3ds, rotation: Vec4ds, end_rotations: Vec4dTable, length: Doubles,
    frame_out: Mat3ds, stretch_out: Vec3ds, turn_out: Vec3ds, strain_out: DoubleTable,
):  # fmt: skip
    """See `Middle`."""
    for e in range(count):
        first, second = elements[e][0], elements[e][1]
        start = product(rotation[first], end_rotations[e, 0])
        between = shortest(product(inverse(start), product(rotation[second], end_rotations[e, 1])))
        turn = vector_of(between)
        frame = matrix_of(product(start, halfway(between)))
        stretch = (position[second] - position[first]) / length[e]
        shear = frame.transpose() @ stretch
        for i in ti.static(range(3)):
            strain_out[e, i] = shear[i]
            strain_out[e, 3 + i] = turn[i] / length[e]
        strain_out[e, 2] = shear[2] - 1.0
        frame_out[e], stretch_out[e], turn_out[e] = frame, stretch, frame @ turn


@ti.kernel
def pull_of_elements(
    count: int, frame: Mat3ds, stretch: Vec3ds, turn: Vec3ds, length: Doubles, resultant: DoubleTable, out: DoubleTable
):
    """See `pull`."""
    for e in range(count):
        n, m = section_forces(e, frame, resultant)
        g, h, k, _g, _h, _k = turn_factors(turn[e])
        phi = turn[e]
        across = length[e] * n.cross(stretch[e])
        on_spins = g * m + (h * phi.dot(m)) * phi - k * across.cross(phi)
        for i in ti.static(range(3)):
            out[e, i], out[e, 3 + i], out[e, 6 + i] = n[i], across[i], on_spins[i]


@ti.kernel
def stiffness_of_elements(
    count: int, positive: int, frame: Mat3ds, stretch: Vec3ds, turn: Vec3ds, length: Doubles, resultant: DoubleTable,
    moduli: DoubleTable, out: DoubleCube,
):  # fmt: skip
    """See `stiffness`."""
    for e in range(count):
        n, m = section_forces(e, frame, resultant)
        g, h, k, g_slope, h_slope, k_slope = turn_factors(turn[e])
        phi, gamma, long, r, one = turn[e], stretch[e], length[e], frame[e], ti.Matrix.identity(ti.f64, 3)
        # Strain: δΓ = v/L + skew(γ) s + lean q and δκ = bending q / L, in the frame of space.
        sway = skew(gamma)
        lean = -k * (phi.outer_product(gamma) - gamma.dot(phi) * one)
        bending = g * one + h * phi.outer_product(phi)
        c_nn, c_nm, c_mm = section_moduli(e, r, moduli)
        vs, vq = c_nn @ sway, c_nn @ lean + c_nm @ bending / long
        vv, ss, sq = c_nn / long, long * (sway.transpose() @ vs), long * (sway.transpose() @ vq)
        qq = lean.transpose() @ c_nm @ bending
        qq = long * (lean.transpose() @ c_nn @ lean) + qq + qq.transpose() + bending @ c_mm @ bending / long
        if positive != 0:
            size = gamma.norm()
            tension = ti.max(n.dot(gamma), ti.f64(0.0)) / (size * size * long)
            vv += tension * (one - gamma.outer_product(gamma) / (size * size))
        else:
            pulled, spin_q = skew(n), -k * skew(phi)
            across = n.cross(gamma)
            along = phi.dot(m)
            on_spins = g * m + (h * along) * phi - (k * long) * across.cross(phi)
            shear = long * (sway @ pulled)
            lever = (k * long) * (skew(phi) @ pulled @ sway) - skew(on_spins)
            bend = g_slope * m + (h_slope * along) * phi - (k_slope * long) * across.cross(phi)
            inner = bend.outer_product(phi) + h * phi.outer_product(m) - (k * long) * skew(across) + (h * along) * one
            corner = lever @ spin_q + inner @ bending
            vs -= pulled
            vq -= pulled @ spin_q
            ss += 0.5 * (shear + shear.transpose())
            sq += 0.5 * (shear @ spin_q + lever.transpose())
            qq += 0.5 * (corner + corner.transpose())
        for i, j in ti.static(ti.ndrange(3, 3)):
            out[e, i, j], out[e, 3 + i, 3 + j], out[e, 6 + i, 6 + j] = vv[i, j], ss[i, j], qq[i, j]
            out[e, i, 3 + j], out[e, 3 + j, i] = vs[i, j], vs[i, j]
            out[e, i, 6 + j], out[e, 6 + j, i] = vq[i, j], vq[i, j]
            out[e, 3 + i, 6 + j], out[e, 6 + j, 3 + i] = sq[i, j], sq[i, j]


@ti.func
def section_forces(e, frame: Passed, resultant: Passed):  # pyright: ignore
    """Force [N] and moment [N·m] of an element's section in the frame of space."""
    n = vec3d(resultant[e, 0], resultant[e, 1], resultant[e, 2])
    m = vec3d(resultant[e, 3], resultant[e, 4], resultant[e, 5])
    return frame[e] @ n, frame[e] @ m


@ti.func
def section_moduli(e, r, moduli: Passed):  # pyright: ignore
    """Slope of force and moment in Γ and κ, in the frame of space: of force in Γ, of force in κ, of moment in κ."""
    nought = 0.0 * moduli[e, 0]
    nn = mat3d([[moduli[e, 0], nought, nought], [nought, moduli[e, 1], nought], [nought, nought, moduli[e, 2] + moduli[e, 6]]])
    nm = mat3d([[nought, nought, nought], [nought, nought, nought], [moduli[e, 7], moduli[e, 8], nought]])
    mm = mat3d(
        [
            [moduli[e, 3] + moduli[e, 9], moduli[e, 10], nought],
            [moduli[e, 10], moduli[e, 4] + moduli[e, 11], nought],
            [nought, nought, moduli[e, 5]],
        ]
    )
    back = r.transpose()
    return r @ nn @ back, r @ nm @ back, r @ mm @ back
