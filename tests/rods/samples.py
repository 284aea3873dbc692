"""Rods for the tests: ideal sections, and small networks with everything at random."""

import dataclasses

import numpy as np

from sim.rods.builders import straight_wire
from sim.rods.laws import Law, LinearElastic
from sim.rods.network import Pose, RodNetwork
from sim.rods.rotations import from_vectors, quaternion_product
from sim.rods.sections import Section, rectangular

UNIT_LAW = LinearElastic(1.0, -0.5)
"""Young's and shear modulus are both 1 Pa."""


def ideal(bending: float, twisting: float, *, stiff: float = 1e6) -> Section:
    """A section of `UNIT_LAW` with these stiffnesses [N·m²], that hardly stretches or shears."""
    return Section(stiff, (stiff, stiff), (bending, bending), twisting, (0.01, 0.01), np.zeros((0, 3)))


def ideal_wire(length: float, count: int, *, bending: float = 1.0, twisting: float = 1.0, stiff: float = 1e6):
    """A straight wire along z from the origin."""
    return straight_wire(np.zeros(3), np.array([0.0, 0.0, length]), count, ideal(bending, twisting, stiff=stiff), UNIT_LAW)


def random_network(law: Law, *, seed: int, strain: float = 0.01) -> tuple[RodNetwork, Pose]:
    """Five elements that branch, with random end rotations, strained by about `strain` in a random pose."""
    rng = np.random.default_rng(seed)
    elements = np.array([[0, 1], [1, 2], [2, 3], [1, 4], [4, 5]])
    section = rectangular(1.0e-4, 1.5e-4)
    ends = rng.normal(size=(5, 2, 4))
    ends /= np.linalg.norm(ends, axis=2, keepdims=True)
    ends[:, 1] = quaternion_product(ends[:, 0], from_vectors(0.4 * rng.normal(size=(5, 3))))
    length = rng.uniform(0.5e-3, 1.5e-3, 5)
    which = np.zeros(5, int)
    network = RodNetwork(6, elements, ends, length, np.zeros((5, 6)), (section,), which, (law,), which)
    pose = Pose(1e-3 * rng.normal(size=(6, 3)), from_vectors(0.3 * rng.normal(size=(6, 3))))
    size = strain * np.array([1.0, 1.0, 1.0, 1e4, 1e4, 1e4])
    return dataclasses.replace(network, rest_strain=network.middle(pose).strain + size * rng.normal(size=(5, 6))), pose


def random_step(count: int, *, seed: int) -> np.ndarray:
    """A step of nodes of the order of a millimetre and a radian, shape (n, 6)."""
    return np.random.default_rng(seed).normal(size=(count, 6)) * np.array([1e-3] * 3 + [1.0] * 3)
