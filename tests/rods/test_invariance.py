"""Rods do not care how the world is turned, how nodes are numbered, or into how many laws one law is split."""

import dataclasses

import numpy as np

from sim.rods.laws import NITINOL_SE508, LinearElastic
from sim.rods.network import Pose
from sim.rods.rotations import from_vectors, quaternion_product, to_matrices
from tests.rods.samples import ideal_wire, random_network, random_step


def test_rigid_motions_cost_nothing():
    worst = 0.0
    for seed in range(5):
        network, pose = random_network(LinearElastic(60e9), seed=seed)
        energy, slope = network.evaluate(pose, network.fresh_history())
        rng = np.random.default_rng(seed)
        turn = from_vectors(rng.normal(size=(1, 3)) * 2.0)
        matrix = to_matrices(turn)[0]
        moved = Pose(pose.position @ matrix.T + rng.normal(size=3) * 1e-2, quaternion_product(turn, pose.rotation))
        again, turned = network.evaluate(moved, network.fresh_history())
        expected = np.concatenate([slope[:, :3] @ matrix.T, slope[:, 3:] @ matrix.T], 1)
        worst = max(worst, abs(again / energy - 1.0), np.abs(turned - expected).max() / np.abs(slope).max())
        force, moment = slope[:, :3], slope[:, 3:]
        assert np.abs(force.sum(0)).max() < 1e-11 * np.abs(force).max()
        total = moment.sum(0) + np.cross(pose.position, force).sum(0)
        assert np.abs(total).max() < 1e-10 * (np.abs(moment).max() + 1e-3 * np.abs(force).max())
    print(f"\nrigid motion: energy and slope change by {worst:.1e} of themselves")
    assert worst < 1e-10


def test_numbering_of_nodes_and_order_of_elements_do_not_matter():
    network, pose = random_network(NITINOL_SE508, seed=1)
    rng = np.random.default_rng(0)
    nodes, order = rng.permutation(6), rng.permutation(5)
    back = np.argsort(nodes)
    other = dataclasses.replace(
        network,
        elements=back[network.elements][order],
        end_rotations=network.end_rotations[order],
        rest_length=network.rest_length[order],
        rest_strain=network.rest_strain[order],
    )
    energy, slope = network.evaluate(pose, network.fresh_history())
    moved = Pose(pose.position[nodes], pose.rotation[nodes])
    again, renumbered = other.evaluate(moved, other.fresh_history())
    assert np.isclose(energy, again, rtol=1e-13)
    assert np.allclose(renumbered, slope[nodes], atol=1e-12 * np.abs(slope).max())


def test_one_law_split_in_two_is_the_same():
    network, pose = random_network(NITINOL_SE508, seed=2)
    split = dataclasses.replace(
        network,
        laws=(NITINOL_SE508, dataclasses.replace(NITINOL_SE508)),
        law_of=np.array([0, 1, 0, 1, 1]),
        sections=network.sections * 2,
        section_of=np.array([1, 0, 0, 1, 0]),
    )
    first, second = network.fresh_history(), split.fresh_history()
    for seed in range(3):
        pose = pose.moved(0.01 * random_step(6, seed=seed))
        first, second = network.history_after(pose, first), split.history_after(pose, second)
        assert np.isclose(network.evaluate(pose, first)[0], split.evaluate(pose, second)[0], rtol=1e-13)
        assert np.allclose(network.evaluate(pose, first)[1], split.evaluate(pose, second)[1], rtol=1e-10, atol=1e-15)
        difference = network.stiffness(pose, first) - split.stiffness(pose, second)
        assert abs(difference).max() < 1e-12 * abs(network.stiffness(pose, first)).max()


def test_a_helix_of_one_strain_stores_the_same_energy_however_it_is_divided():
    strain = np.array([0.1, -0.05, 0.08, 0.9, 0.4, 1.3])
    energies = []
    for count in (4, 8, 32):
        network, _ = ideal_wire(1.0, count, bending=1.3, twisting=0.7, stiff=5.0)
        length = 1.0 / count
        turn = from_vectors(strain[None, 3:] * length)
        position, rotation = [np.zeros(3)], [np.array([1.0, 0.0, 0.0, 0.0])]
        for _ in range(count):
            middle = quaternion_product(rotation[-1][None], from_vectors(strain[None, 3:] * length / 2.0))
            position.append(position[-1] + to_matrices(middle)[0] @ (strain[:3] + np.array([0.0, 0.0, 1.0])) * length)
            rotation.append(quaternion_product(rotation[-1][None], turn)[0])
        energies.append(network.evaluate(Pose(np.array(position), np.array(rotation)), network.fresh_history())[0])
    exact = 0.5 * (5.0 * (strain[:3] ** 2).sum() + 1.3 * (strain[3:5] ** 2).sum() + 0.7 * strain[5] ** 2)
    assert np.allclose(energies, exact, rtol=1e-12)
