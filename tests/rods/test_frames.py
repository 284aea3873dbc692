"""Wires of the catalogue, rigid joints of several rods, and a push and pull without friction."""

import numpy as np
import pytest

from sim.rods.builders import Strand, join, parallel_frames, straight_wire, wire, with_joints
from sim.rods.laws import LinearElastic
from sim.rods.network import Pose, RodNetwork
from sim.rods.sections import Joint, circular, rectangular
from sim.rods.statics import Effort, rest, task_for

# Flexural moduli [GPa] of 0.035-inch wires in three-point bending, Harrison 2011, J Endovasc Ther 18:797, and the stiffness of
# 20 mm of them as a cantilever [N/mm].
WIRES = {
    "Amplatz": (9.5, 0.109),
    "Amplatz stiff": (17.0, 0.195),
    "Amplatz extra stiff": (29.2, 0.336),
    "Amplatz super stiff": (60.3, 0.693),
    "Amplatz ultra stiff": (65.4, 0.752),
    "Backup Meier": (139.6, 1.605),
    "Lunderquist extra stiff": (158.4, 1.821),
}


@pytest.mark.parametrize("name", WIRES)
def test_wires_bend_as_measured(name):
    modulus, cantilever = WIRES[name]
    section, law = circular(0.889e-3), LinearElastic(modulus * 1e9)
    network, pose = straight_wire(np.zeros(3), np.array([0.0, 0.0, 20e-3]), 20, section, law)
    task = task_for(network)
    task.held[0] = True
    task.load[-1, 0] = 0.01
    stiffness = 0.01 / rest(network, pose, task).pose.position[-1, 0] / 1e3
    network, pose = straight_wire(np.zeros(3), np.array([0.0, 0.0, 60e-3]), 40, section, law)
    task = task_for(network)
    task.held[0, [0, 1, 2, 5]] = True
    task.held[-1, :2] = True
    task.load[20, 0] = 0.01
    bend = rest(network, pose, task).pose.position[20, 0]
    flexural = 0.01 * 0.06**3 / (48.0 * bend * np.pi * 0.889e-3**4 / 64.0) / 1e9
    print(f"\n{name}: cantilever {stiffness:.3f} N/mm for {cantilever}, three-point modulus {flexural:.2f} GPa for {modulus}")
    assert stiffness == pytest.approx(cantilever, rel=0.05)
    assert flexural == pytest.approx(modulus, rel=0.05)


def frame_of(paths: list[np.ndarray], section, law) -> tuple[RodNetwork, Pose, list[np.ndarray]]:
    """Straight pieces between corners, joined rigidly where corners coincide; and the nodes of each piece."""
    points: list[np.ndarray] = []
    strands, pieces = [], []
    for path in paths:
        nodes = []
        for place in path:
            same = [k for k, point in enumerate(points) if np.linalg.norm(point - place) < 1e-9]
            nodes.append(same[0] if same else len(points))
            if not same:
                points.append(place)
        pieces.append(np.array(nodes))
        strands.append(Strand(pieces[-1], parallel_frames(path, width_direction=np.array([0.0, 1.0, 0.0])), section, law))
    network, pose = join(np.array(points), strands)
    return network, pose, pieces


def line(start, end, count=20) -> np.ndarray:
    """Places from one to another."""
    share = np.linspace(0.0, 1.0, count + 1)[:, None]
    return (1.0 - share) * np.array(start, float) + share * np.array(end, float)


def test_a_bracket_passes_its_moment_round_the_corner():
    section, law = rectangular(1e-3, 1e-3), LinearElastic(200e9)
    stiff, high, wide, load = 200e9 * 1e-12 / 12.0, 40e-3, 30e-3, 0.01
    network, pose, (_, beam) = frame_of([line([0, 0, 0], [0, 0, high]), line([0, 0, high], [wide, 0, high])], section, law)
    task = task_for(network)
    task.held[0] = True
    task.load[beam[-1], 2] = -load
    found = rest(network, pose, task)
    drop = pose.position[beam[-1], 2] - found.pose.position[beam[-1], 2]
    exact = load * wide**3 / (3.0 * stiff) + load * wide**2 * high / stiff
    print(f"\nbracket: drop {drop * 1e6:.3f} µm for {exact * 1e6:.3f}; moment at the foot {found.reaction[0, 4]:.3e} N·m")
    assert drop == pytest.approx(exact, rel=0.01)
    assert abs(found.reaction[0, 4]) == pytest.approx(load * wide, rel=0.01)


def test_a_portal_frame_sways():
    section, law = rectangular(1e-3, 1e-3), LinearElastic(200e9)
    stiff, high, wide, load = 200e9 * 1e-12 / 12.0, 40e-3, 60e-3, 0.01
    feet = [line([0, 0, 0], [0, 0, high]), line([0, 0, high], [wide, 0, high]), line([wide, 0, 0], [wide, 0, high])]
    network, pose, (left, beam, right) = frame_of(feet, section, law)
    task = task_for(network)
    task.held[[left[0], right[0]]] = True
    task.load[beam[0], 0] = load
    moved = rest(network, pose, task).pose.position
    ratio = high / wide
    exact = load * high**3 / (12.0 * stiff) * (3.0 * ratio + 2.0) / (6.0 * ratio + 1.0)
    sway = moved[beam, 0].mean() - pose.position[beam, 0].mean()
    print(f"\nportal: sway {sway * 1e6:.3f} µm for {exact * 1e6:.3f}")
    assert sway == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_three_struts_share_the_moment_on_their_crown(axis):
    section, law, length = circular(0.5e-3), LinearElastic(200e9), 20e-3
    angle = 2.0 * np.pi * np.arange(3) / 3.0
    ends = length * np.stack([np.cos(angle), np.sin(angle), 0.0 * angle], 1)
    network, pose, pieces = frame_of([line([0, 0, 0], end) for end in ends], section, law)
    task = task_for(network)
    task.held[[piece[-1] for piece in pieces]] = True
    task.load[pieces[0][0], 3 + axis] = 1e-5
    found = rest(network, pose, task)
    bending = 4.0 * law.young_modulus * section.second_moments[0] / length
    twisting = law.shear_modulus * section.torsion_constant / length
    exact = 1e-5 / (3.0 * bending if axis == 2 else 1.5 * (bending + twisting))
    start, end = pose.rotation[pieces[0][0]], found.pose.rotation[pieces[0][0]]
    turn = 2.0 * np.arccos(min(abs(start @ end), 1.0))
    print(f"\ncrown of three struts about axis {axis}: {turn:.4e} rad for {exact:.4e}")
    assert turn == pytest.approx(exact, rel=0.01)


def test_push_and_pull_without_friction_give_the_energy_back():
    straight, bend = line([0, 0, 0], [0, 0, 40e-3], 16), np.linspace(0.0, 2.0, 13)[1:]
    tip = np.stack([6e-3 * (1.0 - np.cos(bend)), 0.0 * bend, 40e-3 + 6e-3 * np.sin(bend)], 1)
    network, pose = wire(np.concatenate([straight, tip]), circular(0.35e-3), LinearElastic(60e9))
    # The tip hangs on a spring whose other end stays.
    network = RodNetwork(network.node_count + 1, *(getattr(network, name) for name in FIELDS))
    pose = Pose(np.append(pose.position, pose.position[-1:], 0), np.append(pose.rotation, pose.rotation[-1:], 0))
    network = with_joints(network, pose, np.array([[29, 28]]), Joint((200.0, 200.0, 200.0), (0.0, 0.0, 0.0)))
    task = task_for(network)
    task.held[[0, 29]] = True
    energies, forces, steps = [0.0], [np.zeros(6)], []
    angle = np.linspace(0.0, 2.0 * np.pi, 49)
    # Forth and back, sideways and turned, along a loop.
    place = np.stack([2e-3 * np.sin(2 * angle), 0 * angle, 4e-3 * (1 - np.cos(angle)), 0 * angle, 0 * angle, np.sin(angle)], 1)
    for motion in np.diff(place, axis=0):
        task.motion[0] = motion
        found = rest(network, pose, task, effort=Effort(increments=1))
        pose = found.pose
        energies.append(found.energy)
        forces.append(found.reaction[0])
        steps.append(motion)
    force = np.array(forces)
    work = (0.5 * (force[1:] + force[:-1]) * np.array(steps)).sum()
    lost = abs(energies[-1]) / max(energies)
    print(f"\npush and pull: {lost:.1e} of the largest energy is left, work along the loop {work / max(energies):.1e} of it")
    assert max(energies) > 1e-6
    assert lost < 0.005
    assert abs(work) / max(energies) < 0.005


FIELDS = ("elements", "end_rotations", "rest_length", "rest_strain", "sections", "section_of", "laws", "law_of")
