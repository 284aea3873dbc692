"""Wires, tubes and struts: exact along a ray, of the right mass where they bend and branch."""

import numpy as np
import pytest

from meshing.errors import InputError
from tests.viewer.xray.bodies import rays_of, source_of
from viewer.xray.carm import CArm
from viewer.xray.chords import Layers
from viewer.xray.cylinders import Cylinders, add_cylinders


def lengths_of(cylinders: Cylinders, carm: CArm, *, rays: int = 1) -> np.ndarray:
    """Lengths inside cylinders, (pixels, pixels) [mm]."""
    layers = Layers.empty((cylinders.material,), carm.pixels)
    add_cylinders(cylinders, carm, layers, rays=rays)
    return layers.lengths(carm)[0]


def mass_of(cylinders: Cylinders, carm: CArm) -> float:
    """Volume that a picture shows over that which is there, for what is small and at the isocentre."""
    seen = lengths_of(cylinders, carm, rays=4).sum() * (carm.pixel_mm / carm.magnification) ** 2
    return float(seen / cylinders.volume_mm3)


def zigzag(*, crowns: int = 10, radius_mm: float = 4.0, half_mm: float = 1.2) -> tuple[np.ndarray, np.ndarray]:
    """A ring of a stent about the z axis: nodes (2 · crowns, 3) [mm] and node pairs."""
    number = np.arange(2 * crowns)
    angle = np.pi * number / crowns
    nodes = np.stack([radius_mm * np.cos(angle), radius_mm * np.sin(angle), np.where(number % 2, half_mm, -half_mm)], axis=1)
    return nodes, np.stack([number, np.roll(number, -1)], axis=1)


def test_a_wire_across_the_beam_is_as_thick_as_it_is():
    wire = Cylinders.of_line([[0, 0, -60], [0, 0, 60]], radius=5.0, material="nitinol")
    carm = CArm(pixels=128)
    rays, start = rays_of(carm), source_of(carm)
    flat, away = rays[..., :2], start[:2]
    b, a = flat @ away, (flat**2).sum(axis=-1)
    exact = 2.0 * np.sqrt(np.maximum(b**2 - a * (away @ away - 25.0), 0.0)) / a
    found = lengths_of(wire, carm)
    shown = np.abs(found - exact)[16:112]
    print(f"wire of 10 mm: {shown.max():.1e} mm off at most")
    assert exact.max() > 9.98
    assert shown.max() < 1e-5


def test_a_tube_is_the_outer_cylinder_less_the_inner():
    line = [[-20, 3, -40], [25, -6, 30]]
    carm = CArm(33, 12, pixels=200)
    outer, inner = (lengths_of(Cylinders.of_line(line, radius=r, material="PEBAX"), carm) for r in (3.0, 2.2))
    hollow = lengths_of(Cylinders.of_line(line, radius=3.0, bore=2.2, material="PEBAX"), carm)
    assert np.abs(hollow - (outer - inner)).max() < 1e-6
    assert hollow.max() > 1.5


def test_a_wire_seen_end_on_is_as_deep_as_it_is_long():
    wire = Cylinders.of_line([[0, -20, 0], [0, 20, 0]], radius=3.0, material="nitinol")
    found = lengths_of(wire, CArm(pixels=129))
    assert found[64, 64] == pytest.approx(40.0, abs=1e-5)


def test_any_segment_from_any_side_has_its_volume():
    random = np.random.default_rng(8)
    for _ in range(20):
        ends = random.uniform(-10, 10, (2, 3))
        wire = Cylinders.of_line(ends, radius=float(random.uniform(0.5, 2.0)), material="nitinol")
        carm = CArm(*random.uniform((-180, -90), (180, 90)), sid_mm=1500.0, sod_mm=1200.0, field_mm=60.0)
        assert mass_of(wire, carm) == pytest.approx(1.0, abs=0.02)


def test_a_bent_wire_has_neither_gap_nor_overlap_at_its_joints():
    angle = np.linspace(0.0, np.pi, 13)
    arc = np.stack([10.0 * np.cos(angle), np.zeros(13), 10.0 * np.sin(angle)], axis=1)
    bent = Cylinders.of_line(arc, radius=1.0, material="nitinol")
    carm = CArm(sid_mm=1500.0, sod_mm=1200.0, field_mm=40.0)
    assert mass_of(bent, carm) == pytest.approx(1.0, abs=0.01)
    found = lengths_of(bent, carm, rays=2)
    # Along the wire's middle the length is its diameter, at joints as between them.
    turn = np.linspace(0.1, np.pi - 0.1, 400)
    mean_radius = 10.0 * np.cos(np.pi / 24)
    rows = np.stack([mean_radius * np.cos(turn), np.zeros(400), mean_radius * np.sin(turn)], axis=1)
    columns, places = np.round(carm.project(rows)).astype(int).T
    along = found[places, columns]
    print(f"bent wire: {along.min():.3f} to {along.max():.3f} mm along its middle (2 mm)")
    assert along.min() > 1.93 and along.max() < 2.01


def test_the_crowns_of_a_stent_keep_its_mass():
    nodes, bars = zigzag()
    stent = Cylinders.of_bars(nodes, bars, radius=0.1, material="cobalt-chromium L605")
    turns = [
        mass_of(stent, CArm(lao, cra, sid_mm=1500.0, sod_mm=1200.0, field_mm=40.0)) for lao, cra in ((0, 0), (35, 20), (80, -30))
    ]
    print(f"ring of a stent: {min(turns):.4f} to {max(turns):.4f} of its mass")
    assert np.allclose(turns, 1.0, atol=0.02)


def test_sharp_turns_and_branches_are_cut_square_and_others_halved():
    nodes = np.array([[0, 0, 0], [1, 0, 0], [1.5, 0.5, 0], [1.0, 1.0, 0], [0.2, 0.9, 0], [0, 0, 1]], float)
    line = Cylinders.of_bars(nodes, [[0, 1], [1, 2], [2, 3], [3, 0], [0, 5]], radius=0.05, material="nitinol")
    assert line.beyond[0].tolist() == [-1, 2]
    cuts = line.cuts()
    assert np.allclose(cuts[0, 0], (1, 0, 0))
    assert np.allclose(cuts[0, 1], cuts[1, 0])
    assert cuts[0, 1] @ (1, 0, 0) == pytest.approx(np.cos(np.pi / 8))
    assert cuts[1, 1] @ (nodes[2] - nodes[1]) == pytest.approx(np.sqrt(0.5))


def test_the_mean_of_several_rays_is_nearer_to_a_thin_strut():
    strut = Cylinders.of_line([[-8, 0, -9], [8, 0, 9]], radius=0.1, material="nitinol")
    carm = CArm(pixels=256, field_mm=200.0)
    rows = [lengths_of(strut, carm, rays=rays).sum(axis=1) for rays in (1, 2, 16)]
    inner = slice(115, 140)
    assert np.abs(rows[1] - rows[2])[inner].max() < 0.6 * np.abs(rows[0] - rows[2])[inner].max()


def test_two_runs_are_equal_to_the_bit():
    nodes, bars = zigzag()
    stent = Cylinders.of_bars(nodes, bars, radius=0.1, material="nitinol")
    carm = CArm(12, 34)
    back = Cylinders.of_bars(nodes, bars[::-1], radius=0.1, material="nitinol")
    runs = [lengths_of(one, carm, rays=2) for one in (stent, stent, back)]
    assert np.array_equal(runs[0], runs[1]) and np.array_equal(runs[0], runs[2])


def test_what_is_wrong_with_a_wire_is_said():
    with pytest.raises(InputError, match="radius of 1 mm and a bore's radius of 1 mm"):
        Cylinders.of_line([[0, 0, 0], [0, 0, 1]], radius=1.0, bore=1.0, material="PEBAX")
    with pytest.raises(InputError, match="names node 2, but there are 2"):
        Cylinders.of_bars(np.zeros((2, 3)), [[0, 2]], radius=1.0, material="PEBAX")
    wire = Cylinders.of_line([[0, 0, 0], [0, 800, 0]], radius=1.0, material="nitinol")
    with pytest.raises(InputError, match="1 segments of nitinol reach to the X-ray source"):
        lengths_of(wire, CArm())
