"""Guidewires, catheters and sheaths: as stiff as was measured, bent as is said, and told where they are at fault."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pytest

from meshing.errors import InputError
from scenarios.assets import find_asset
from scenarios.catalogue import KINDS, data_sheet, find_any, find_wire, read_wires, wires
from scenarios.devices.wires import Bend, Wire
from sim.rods.builders import straight_wire
from sim.rods.network import Pose, RodNetwork
from sim.rods.sections import Section
from sim.rods.statics import Effort, Rest, rest, task_for
from sim.tray import WireShape, fed_wire

TABLE = find_asset("devices.toml").read_text(encoding="utf-8")

# Bending stiffness [N·mm²] and force over deflection of a cantilever of 20 mm [N/mm], of the moduli of Harrison 2011.
MEASURED = [
    ("Amplatz plain", 291, 0.109),
    ("heavy duty", 397, 0.149),
    ("Amplatz stiff", 521, 0.195),
    ("Amplatz extra stiff", 895, 0.336),
    ("Amplatz super stiff", 1849, 0.693),
    ("Amplatz ultra stiff", 2005, 0.752),
    ("Backup Meier", 4280, 1.605),
    ("Lunderquist extra stiff", 4857, 1.821),
]


def rods_of(wire: Wire, length_mm: float, spacing_mm: float) -> tuple[RodNetwork, Pose]:
    """The distal part of a wire, held straight along z with its tip foremost."""
    shape = wire.shape(length_mm, spacing_mm)
    end = np.array([0.0, 0.0, shape.length])
    return straight_wire(
        np.zeros(3), end, shape.count, shape.sections, shape.law, natural_curvature=shape.natural_curvature,
        width_direction=np.array([1.0, 0.0, 0.0]),
    )  # fmt: skip


def sections_of(shape: WireShape) -> Sequence[Section]:
    """The sections of a wire's elements."""
    assert isinstance(shape.sections, Sequence)
    return shape.sections


def relaxed(wire: Wire, length_mm: float, spacing_mm: float) -> Rest:
    """A wire whose proximal end is held and whose tip nothing holds."""
    network, pose = rods_of(wire, length_mm, spacing_mm)
    task = task_for(network)
    task.held[0] = True
    return rest(network, pose, task, effort=Effort(increments=1))


@pytest.mark.parametrize(("family", "stiffness", "force_per_deflection"), MEASURED)
def test_a_wire_is_as_stiff_as_was_measured(family, stiffness, force_per_deflection):
    wire = find_wire(f"{family} 0.035 straight")
    network, pose = rods_of(wire, 240.0, 1.0)
    task = task_for(network)
    task.held[0] = True
    # A load at 20 mm from the clamp leaves what lies beyond it straight.
    task.load[20, 0] = 1e-3
    found = rest(network, pose, task)
    measured = 1e-3 * task.load[20, 0] / (found.pose.position[20, 0] - pose.position[20, 0])
    error = measured / force_per_deflection - 1.0
    print(f"\n{wire.name}: {measured:.4f} N/mm at 20 mm ({force_per_deflection}), {100 * error:+.2f} %")
    assert wire.body.proximal_stiffness == pytest.approx(stiffness, rel=0.005)
    assert measured == pytest.approx(force_per_deflection, rel=0.05)


@pytest.mark.parametrize("name", [wire.name for wire in wires() if wire.tip == "J"])
def test_a_free_j_relaxes_to_its_angle_and_radius(name):
    wire = find_wire(name)
    (bend,) = wire.bends
    found = relaxed(wire, wire.tip_length_mm + 20.0, 0.25 * bend.radius_mm)
    points = 1e3 * found.pose.position
    ways = np.diff(points, axis=0)
    # The last element looks along its middle, half an element short of the tip.
    lost = 0.5 * math.degrees(np.linalg.norm(ways[-1]) / bend.radius_mm)
    angle = turn_between(ways[0], ways[-1], bend.angle_deg) + lost
    inner = points[-max(4, math.floor(bend.arc_mm / (0.25 * bend.radius_mm))) : -1]
    radius = circle_radius(inner)
    print(f"\n{name}: {angle:.2f}° ({bend.angle_deg:g}°), radius {radius:.3f} mm ({bend.radius_mm:g} mm)")
    assert angle == pytest.approx(bend.angle_deg, rel=0.02)
    assert node_turn(found) == pytest.approx(bend.angle_deg, rel=0.02)
    assert radius == pytest.approx(bend.radius_mm, rel=0.02)
    assert found.unstable == 0
    assert found.energy == pytest.approx(0.0, abs=1e-12)


def turn_between(first: np.ndarray, second: np.ndarray, near_deg: float) -> float:
    """Angle between two directions [degrees]; of the two that have one cosine, the one nearer to `near_deg`."""
    cosine = float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))
    angle = math.degrees(math.acos(np.clip(cosine, -1.0, 1.0)))
    return min(angle, 360.0 - angle, key=lambda one: abs(one - near_deg))


def node_turn(found: Rest) -> float:
    """Angle by which the tip's frame is turned against the held end's [degrees], up to half a turn."""
    return math.degrees(2.0 * math.acos(min(1.0, abs(float(found.pose.rotation[0] @ found.pose.rotation[-1])))))


def circle_radius(points: np.ndarray) -> float:
    """Radius of the circle nearest to points in the plane of y and z [mm]."""
    y, z = points[:, 1], points[:, 2]
    solved = np.linalg.lstsq(np.column_stack([y, z, np.ones_like(y)]), y**2 + z**2, rcond=None)[0]
    return math.sqrt(solved[2] + 0.25 * (solved[0] ** 2 + solved[1] ** 2))


@pytest.mark.parametrize(
    "name", ["multipurpose guide 6F", "two-curve guide 7F", "crossover sheath 6F", "vertebral diagnostic 5F"]
)
def test_a_free_catheter_lies_as_its_course_says(name):
    wire = find_wire(name)
    length = wire.tip_length_mm + 15.0
    points = 1e3 * relaxed(wire, length, 1.0).pose.position
    course = wire.course(length)
    ours = np.stack([points[:, 2], -points[:, 1]], 1)
    ours = ours if abs(ours[-1, 1] - course[-1, 1]) < abs(ours[-1, 1] + course[-1, 1]) else ours * [1.0, -1.0]
    error = np.linalg.norm(ours[-1] - course[-1])
    print(f"\n{name}: the tip lies {error:.3f} mm from where its course ends, {length:.0f} mm from where it is held")
    assert error < 0.01 * length


def test_the_tip_is_soft_and_the_transition_flexes_as_much_as_it_is_said_to():
    wire = find_wire("workhorse 0.014 straight")
    assert wire.stiffness(np.array([0.0, 24.9, 25.0, 275.0, 900.0])) == pytest.approx([0.5, 0.5, 0.5, 157.0, 157.0])
    assert wire.stiffness(np.array([150.0]))[0] == pytest.approx((0.5 * (0.5**0.25 + 157**0.25)) ** 4)
    coarse, fine = (wire.shape(300.0, spacing) for spacing in (7.0, 0.5))
    for shape in (coarse, fine):
        moments = np.array([section.second_moments[0] for section in sections_of(shape)])
        flexes = (shape.length / shape.count / (shape.law.young_modulus * moments)).sum()
        at = np.arange(0.005, 300.0, 0.01)
        assert 1e-3 * flexes == pytest.approx(1e-2 * (1.0 / wire.stiffness(at)).sum(), rel=1e-3)


def test_a_shape_is_what_can_be_fed():
    wire = find_wire("Lunderquist extra stiff 0.035 J")
    shape = wire.shape(200.0, 2.0)
    assert shape.count == len(sections_of(shape)) == 100
    assert shape.length == pytest.approx(0.2)
    assert shape.outer_radius == pytest.approx(0.5 * 0.035 * 25.4e-3)
    assert shape.natural_curvature is not None
    assert np.degrees(shape.natural_curvature[:, 0].sum() * shape.length / shape.count) == pytest.approx(180.0)
    body = fed_wire("wire", shape, entry=np.zeros(3), direction=np.array([0.0, 0.0, 1.0]), inside=0.05)
    moduli = sections_of(shape)[0].moduli(shape.law)
    assert moduli[3] == pytest.approx(1e-6 * wire.body.proximal_stiffness)
    assert moduli[5] == pytest.approx(moduli[3] / 1.3)
    assert len(body.rods.sections) < 60


def test_every_wire_can_be_made_found_and_read():
    assert {wire.kind for wire in wires()} == set(KINDS) - {"stent", "balloon"}
    assert len({wire.name for wire in wires()}) == len(wires())
    for wire in wires():
        assert find_wire(wire.name) is find_any(wire.name) is wire
        shape = wire.shape(min(wire.lengths_mm), 0.8)
        assert shape.natural_curvature is not None and np.isfinite(shape.natural_curvature).all()
        assert {entry.tag for entry in data_sheet(wire)} <= {"V", "C", "M"}
        assert all(entry.source for entry in data_sheet(wire))
    moduli = [entry for wire in wires() for entry in data_sheet(wire) if entry.label == "body modulus"]
    assert [entry.tag for entry in moduli[::2]] == ["V", "C", *"VVVVVV"]
    assert moduli[2].range_text == "11.4 to 14.5"


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("amplatz-stiff", "Amplatz stiff 0.035 J"),
        ("Amplatz super stiff .035 in straight", "Amplatz super stiff 0.035 straight"),
        ("multipurpose guide 7 French", "multipurpose guide 7F"),
        ("workhorse 0.018", "workhorse 0.018 straight"),
        ("8x30", "balloon-expandable 8x30"),
    ],
)
def test_a_wire_is_found_however_its_name_is_written(asked, name):
    assert find_any(asked).name == name


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("lunderqist", "Lunderquist extra stiff 0.035 J"),
        ("sheath", "straight sheath 6F, crossover sheath 6F"),
        ("workhorse 0.035", "workhorse 0.014 straight"),
        ("balloon", "balloon-expandable 5x15"),
        ("", "nearest are: "),
    ],
)
def test_an_unknown_name_lists_the_nearest(asked, words):
    with pytest.raises(InputError, match=words):
        find_any(asked)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"outer_diameter_mm": 0.0}, r"The outer diameter of multipurpose guide 6F is 0 mm; give one above zero"),
        ({"outer_diameter_mm": -2.0}, r"The outer diameter of .* is -2 mm; give one above zero"),
        ({"bore_mm": 2.0}, r"The bore of multipurpose guide 6F is 2 mm; give one smaller than its outer diameter of 2 mm"),
        ({"bore_mm": -1.0}, r"is -1 mm; give one smaller"),
        (
            {"lengths_mm": (5.0,)},
            r"The tip of multipurpose guide 6F is 6 mm long, but its shortest length is 5 mm; give a shorter",
        ),
        ({"lengths_mm": (20.0,)}, r"tip with its transition of .* is 26 mm long"),
        (
            {"bends": (Bend(180.0, 0.9),)},
            r"The radius of the bend of .* is 0.9 mm, less than its own radius of 1 mm; give a wider",
        ),
        ({"bends": (Bend(0.0, 9.0),)}, r"The angle of the bend of .* is 0°; give one above 0"),
        (
            {"bends": (Bend(90.0, 9.0), Bend(90.0, 9.0, 5.0))},
            r"begins 5 mm from the tip, within another that reaches to 14.14 mm",
        ),
        ({"bends": (Bend(90.0, 900.0),)}, r"reaches to 1414 mm from the tip, but its shortest length is 550 mm"),
        ({"poisson_ratio": 0.7}, r"Poisson's ratio of .* is 0.7; give one between"),
    ],
)
def test_a_wire_at_fault_is_told_in_a_sentence(changes, words):
    with pytest.raises(InputError, match=words) as caught:
        dataclasses.replace(find_wire("multipurpose guide 6F"), **changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("length", "spacing", "words"),
    [
        (3000.0, 1.0, "is 2600 mm long, less than the 3000 mm asked for"),
        (20.0, 1.0, "do not hold its tip of 30 mm; ask for more"),
        (200.0, 5.0, r"too coarse for the bend of 3 mm radius of .*; give a spacing of 2.1 mm or less"),
        (200.0, 0.0, r"The spacing asked of .* is 0 mm; give one above zero"),
    ],
)
def test_a_part_that_cannot_be_had_is_told(length, spacing, words):
    with pytest.raises(InputError, match=words):
        find_wire("Amplatz stiff 0.035 J").shape(length, spacing)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "outer_diameter = { value = 0.889,",
            "outer_diameter = { value = 0.0,",
            "outer diameter of Amplatz plain 0.035 J is 0 mm",
        ),
        ("outer_diameter = { value = 0.889,", "outer_diameter = { value = 0.5,", "but is called after 0.889 mm"),
        ("bore = { value = 1.2,", "bore = { value = 1.8,", "bore of straight diagnostic 5F is 1.8 mm; give one smaller"),
        ("tip_length = { value = 30.0,", "tip_length = { value = 1500.0,", "1500 mm long, but its shortest length is 1450 mm"),
        (
            "j_radius = { value = 3.0,",
            "j_radius = { value = 0.3,",
            "radius of the J of Amplatz plain 0.035 J is 0.3 mm, less than",
        ),
        ("body_modulus = { value = 9.5e9,", "body_stiffness = { value = 1.0, low = 2.0,", "outside its own range"),
        ("body_modulus = { value = 9.5e9,", "body_stifness = { value = 1.0,", "body_stifness is not a known entry"),
        ('kind = "sheath"', 'kind = "balloon"', "'guidewire', 'catheter' or 'sheath'"),
        ('source = "harrison"', 'source = "hearsay"', "source 'hearsay' of body_modulus"),
        ('tips = ["J", "straight"]\nj_radius', 'tips = ["J"]\nj_radios', "j_radios is not a known entry"),
    ],
)
def test_a_table_at_fault_is_told_in_a_sentence(tmp_path, old, new, words):
    assert old in TABLE
    path = tmp_path / "devices.toml"
    path.write_text(TABLE.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=words) as caught:
        read_wires(path)
    assert "\n" not in str(caught.value)
