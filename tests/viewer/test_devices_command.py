"""`vesalius devices` lists what there is, and shows one device with its numbers, their sources and its picture."""

import numpy as np
import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

from scenarios.catalogue import KINDS, devices, families, find_any, wires
from viewer.cli import app
from viewer.device_pictures import picture_of_device, stent_nodes


def said(*words: str):
    """Run the command line in this process, on a terminal as wide as a table."""
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "140"})


def test_all_kinds_are_listed_as_before_and_beyond():
    answer = said("devices")
    assert answer.exit_code == 0
    assert all(f"{family}: " in answer.output for family in families())
    assert '--device "balloon-expandable 5x15"' in answer.output
    assert '--device "self-expanding 6x20"' in answer.output and "sheath French" in answer.output
    assert all(wire.name in answer.output for wire in wires())


@pytest.mark.parametrize("kind", KINDS)
def test_one_kind_is_listed_alone(kind):
    answer = said("devices", "--kind", kind)
    assert answer.exit_code == 0
    for wire in wires():
        assert (wire.name in answer.output) == (wire.kind == kind)
    assert ("rated burst" in answer.output) == (kind in ("stent", "balloon"))
    assert said("devices", "list", "--kind", kind).output == answer.output


def test_an_unknown_kind_is_told_with_those_there_are():
    answer = said("devices", "--kind", "pacemaker")
    assert answer.exit_code == 2
    assert all(kind in answer.stderr for kind in KINDS)


def test_the_help_names_the_commands():
    answer = said("devices", "--help")
    assert answer.exit_code == 0
    assert "show" in answer.output and "--kind" in answer.output


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("heavy duty", ("heavy duty 0.035 J", "12.95", "11.4 to 14.5", "Harrison 2011", "N·mm²", "J radius")),
        ("lunderquist extra stiff 0.035 straight", ("158.4", "V", "Harrison 2011", "straight")),
        ("crossover sheath 7F", ("bend's angle", "140", "bore", "from 1000")),
        ("non-compliant balloon 8x20", ("rated burst pressure", "0.002 to 0.003", "Amstutz 2023", "shoulder share")),
        (
            "self-expanding 8x40",
            ("sheath bore", "1.7", "loading start", "395", "generic vena cava filter", "delivery french"),
        ),
        ("8x30", ("balloon-expandable 8x30", "rated burst pressure", "Young's modulus", "243", "FDA summary P110011")),
    ],
)
def test_a_device_is_shown_with_every_number(name, words):
    answer = said("devices", "show", name)
    assert answer.exit_code == 0, answer.output
    assert all(word in answer.output for word in words)
    assert "Not for clinical decisions" in answer.output
    assert "from memory, not checked" in answer.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("show", "lunderqist"), "the nearest are: Lunderquist extra stiff 0.035 J"),
        (("show", "8x33"), "the nearest are: balloon-expandable 8x30"),
        (("show", "8x30", "-o", "stent.jpg"), "stent.jpg does not end in .png; give a name that does"),
    ],
)
def test_what_cannot_be_shown_is_told_in_a_line(words, told):
    answer = said("devices", *words)
    assert answer.exit_code == 2
    assert told in answer.stderr
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["two-curve guide 6F", "workhorse 0.014 J", "coronary thin-strut 3x18", "self-expanding 8x40"])
def test_a_device_is_drawn(name, tmp_path):
    path = tmp_path / "new" / "device.png"
    answer = said("devices", "show", name, "-o", str(path))
    assert answer.exit_code == 0, answer.output
    assert f"Picture: {path}" in answer.output.replace("\n", "")
    assert b"Not for clinical decisions" in path.read_bytes()
    picture = imread(path)[..., :3]
    inked = picture.min(axis=2) < 0.9
    assert 0.01 < inked.mean() < 0.5
    edges = np.concatenate([inked[0], inked[-1], inked[:, 0], inked[:, -1]])
    assert not edges.any()


def test_every_wire_can_be_drawn(tmp_path):
    for wire in wires()[::5]:
        assert picture_of_device(wire, tmp_path / "wire.png").stat().st_size > 10_000


@pytest.mark.parametrize("family", families())
def test_an_open_stent_has_its_bore_and_leaves_its_bridges_as_long(family):
    device = next(device for device in devices() if device.stent.family == family)
    stent = device.stent
    crimped, bars = stent_nodes(device, bore_mm=stent.crimped_bore_mm)
    opened, _ = stent_nodes(device, bore_mm=stent.diameter_mm)
    radius = np.linalg.norm(opened[:, 1:], axis=1)
    assert 2 * radius - stent.strut_thickness_mm == pytest.approx(stent.diameter_mm)
    assert np.ptp(crimped[:, 0]) == pytest.approx(stent.length_mm, rel=1e-3)
    shorter = stent.crimped_ring_height_mm - stent.ring_height_mm(stent.diameter_mm)
    assert np.ptp(crimped[:, 0]) - np.ptp(opened[:, 0]) == pytest.approx(shorter, rel=0.02)
    assert find_any(device.name) is device
    assert bars.max() < len(crimped)
