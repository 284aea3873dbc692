import numpy as np
import pytest

from meshing.errors import InputError
from meshing.nearness import nearest_on_triangles
from scenarios.catalogue import find
from scenarios.devices.lattice import place
from scenarios.measures.apposition import apposition, apposition_findings, heights_above, strut_points
from scenarios.measures.stent import (
    dog_boning,
    expansion,
    force_findings,
    foreshortening,
    length_findings,
    measure_ring,
    measure_rings,
    opening_findings,
    recoil,
    ring_nodes,
    stent_extent,
    stent_length,
)
from tests.scenarios.shapes import around, bent_path, stent, straight_path, tube

HALF = 0.05  # half a strut's thickness [mm]


def values(findings) -> dict[str, float]:
    """The values of findings by their names."""
    return {measure.name: measure.value for measure in findings.measures}


def test_a_round_ring_has_the_circles_area_whatever_its_crowns():
    path = straight_path(20.0)
    for crowns in (3, 8):
        nodes, struts, ring = stent(path, np.array([3.0]), first=10.0, pitch=2.0, crowns=crowns)
        found = measure_ring(nodes[ring_nodes(struts, ring)[0]], path)
        assert found.area_mm2 == pytest.approx(9 * np.pi, rel=1e-9)
        assert found.mean_diameter_mm == pytest.approx(6.0, rel=1e-9)
        assert found.min_diameter_mm == pytest.approx(6.0, rel=1e-9)
        assert found.station_mm == pytest.approx(10.0, abs=1e-9)


def test_a_ring_beside_the_path_and_in_a_bend_keeps_its_size():
    nodes, _, _ = stent(straight_path(20.0), np.array([3.0]), first=10.0, pitch=2.0, sideways=1.2)
    assert measure_ring(nodes, straight_path(20.0)).area_mm2 == pytest.approx(9 * np.pi, rel=1e-6)
    path = bent_path(40.0, bend_radius=30.0)
    nodes, _, _ = stent(path, np.array([3.0]), first=20.0, pitch=2.0)
    assert measure_ring(nodes, path).mean_diameter_mm == pytest.approx(6.0, rel=0.01)


def test_an_oval_ring_has_its_two_axes():
    path = straight_path(20.0)
    angles = 2 * np.pi * np.arange(16) / 16
    nodes = np.column_stack([2.5 * np.cos(angles), 3.5 * np.sin(angles), np.full(16, 10.0)])
    found = measure_ring(nodes, path)
    assert found.min_diameter_mm == pytest.approx(5.0, rel=0.01)
    assert found.max_diameter_mm == pytest.approx(7.0, rel=0.01)
    assert found.area_mm2 == pytest.approx(np.pi * 2.5 * 3.5, rel=0.01)


def test_the_offset_gives_the_inner_border():
    path = straight_path(20.0)
    nodes, _, _ = stent(path, np.array([3.0]), first=10.0, pitch=2.0)
    assert measure_ring(nodes, path, offset_mm=-HALF).mean_diameter_mm == pytest.approx(5.9, rel=1e-9)


def test_two_nodes_are_no_ring():
    with pytest.raises(InputError, match="2 nodes"):
        measure_ring(np.zeros((2, 3)), straight_path(5.0))


def test_bridges_belong_to_no_ring():
    struts = np.array([[0, 1], [1, 2], [3, 4], [2, 3]])
    rings = ring_nodes(struts, np.array([0, 0, 1, -1]))
    assert [numbers.tolist() for numbers in rings] == [[0, 1, 2], [3, 4]]


def test_length_and_extent_run_along_the_path():
    for path in (straight_path(60.0), bent_path(60.0, bend_radius=80.0)):
        nodes, struts, ring = stent(path, np.full(10, 3.0), first=15.0, pitch=3.0)
        assert stent_length(nodes, struts, ring, path) == pytest.approx(27.0 + 1.6, abs=0.02)
        assert stent_extent(nodes, path) == pytest.approx((15.0 - 0.8, 42.0 + 0.8), abs=0.02)


def test_recoil_foreshortening_dog_boning_and_expansion_by_their_formulas():
    np.testing.assert_allclose(recoil(np.array([8.0, 7.0]), np.array([7.6, 7.0])), [5.0, 0.0])
    assert foreshortening(30.0, 28.2) == pytest.approx(6.0)
    assert foreshortening(30.0, 30.6) == pytest.approx(-2.0)
    assert dog_boning(np.array([8.0, 7.0, 6.0, 7.0, 7.5])) == pytest.approx(25.0)
    assert dog_boning(np.array([8.0, 7.0, 6.0, 7.5])) == pytest.approx(18.75)
    assert expansion(40.0, reference_area_mm2=50.0) == pytest.approx(80.0)
    with pytest.raises(InputError, match="three"):
        dog_boning(np.array([8.0, 7.0]))


def test_the_opening_of_a_stent_that_recoils():
    path = straight_path(60.0)
    inflated, struts, ring = stent(path, np.array([4.0, 4.0, 3.6, 4.0, 4.0]), first=20.0, pitch=3.0)
    after, _, _ = stent(path, np.array([3.8, 3.8, 3.24, 3.8, 3.8]), first=20.0, pitch=3.0)
    rings = ring_nodes(struts, ring)
    found = opening_findings(measure_rings(inflated, rings, path), measure_rings(after, rings, path), reference_area_mm2=50.0)
    got = values(found)
    assert got["minimum stent area"] == pytest.approx(np.pi * 3.24**2)
    assert got["stent expansion"] == pytest.approx(2 * np.pi * 3.24**2)
    assert got["recoil"] == pytest.approx((4 * 5.0 + 10.0) / 5)
    assert got["largest recoil"] == pytest.approx(10.0)
    assert got["dog-boning"] == pytest.approx(10.0)
    assert got["stent diameter inflated"] == pytest.approx(2 * 3.92)
    assert "26.0 mm" in next(measure.note for measure in found.measures if measure.name == "largest recoil")


def test_a_stent_that_was_released_neither_recoils_nor_bones():
    path = straight_path(60.0)
    released, struts, ring = stent(path, np.full(5, 3.0), first=20.0, pitch=3.0)
    after, _, _ = stent(path, np.full(5, 3.5), first=20.0, pitch=3.0)
    shapes = (measure_rings(nodes, ring_nodes(struts, ring), path) for nodes in (released, after))
    found = opening_findings(*shapes, reference_area_mm2=50.0, opened="released")
    got = values(found)
    assert got["stent diameter released"] == pytest.approx(6.0) and got["stent diameter after"] == pytest.approx(7.0)
    assert not {"recoil", "largest recoil", "dog-boning", "stent diameter inflated"} & got.keys()
    assert not found.notes


def test_a_stent_never_inflated_is_said():
    found = opening_findings(None, None, reference_area_mm2=None)
    assert not found.measures
    assert len(found.notes) == 2


def test_length_findings():
    assert values(length_findings(crimped_mm=30.0, after_mm=28.5))["foreshortening"] == pytest.approx(5.0)


def test_forces_are_summed_over_the_length():
    forces = np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 1.0]])
    assert values(force_findings(forces, length_mm=12.0)) == {
        "contact force per length": pytest.approx(0.5),
        "peak contact force": pytest.approx(5.0),
    }
    assert values(force_findings(np.array([2.0, -4.0]), length_mm=3.0))["contact force per length"] == pytest.approx(2.0)
    assert values(force_findings(forces, length_mm=12.0, opened="released")).keys() == {
        "chronic outward force",
        "peak contact force",
    }
    assert "none were recorded" in force_findings(np.zeros(0), length_mm=3.0).notes[0]


def test_points_along_struts_share_their_length():
    nodes = np.array([[0.0, 0, 0], [1.0, 0, 0], [1.0, 0.15, 0]])
    points, lengths = strut_points(nodes, np.array([[0, 1], [1, 2]]), spacing_mm=0.25)
    np.testing.assert_allclose(points[:4, 0], [0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(lengths, [0.25, 0.25, 0.25, 0.25, 0.15])


def test_heights_above_a_tube_are_those_of_the_cylinder():
    path = straight_path(30.0)
    vertices, triangles = tube(path, lambda s, _: 4.0 + 0 * s, sides=180)
    angles = np.linspace(0, 2 * np.pi, 50)
    for radius in (0.0, 2.0, 3.9, 4.1, 5.0):
        points = around(path, np.linspace(5, 25, 50), np.full(50, radius), angles)
        np.testing.assert_allclose(heights_above(points, vertices, triangles), 4.0 - radius, atol=1.5e-3)


def test_heights_agree_with_asking_every_triangle():
    rng = np.random.default_rng(7)
    path = straight_path(10.0)
    vertices, triangles = tube(path, lambda s, a: 2.0 + 0.6 * np.cos(3 * a) + 0.1 * s, sides=24, spacing=1.3)
    points = rng.uniform([-3, -3, 0], [3, 3, 10], (200, 3))
    corners = vertices[triangles]
    asked = [np.linalg.norm(nearest_on_triangles(np.tile(point, (len(corners), 1)), corners) - point, axis=1) for point in points]
    np.testing.assert_allclose(np.abs(heights_above(points, vertices, triangles)), np.min(asked, axis=1), atol=1e-9)


def test_a_stent_against_the_wall_is_apposed():
    path = straight_path(40.0)
    vertices, triangles = tube(path, lambda s, _: 4.0 + 0 * s, sides=240)
    nodes, struts, _ = stent(path, np.full(6, 4.0 - HALF), first=12.0, pitch=3.0, crowns=24)
    found = apposition(nodes, struts, vertices=vertices, triangles=triangles, half_thickness_mm=HALF)
    assert found.malapposed_share == 0.0
    # A straight strut between two crowns is a chord and stands off by its sagitta at most.
    assert found.largest_gap_mm < 4.0 * (1 - np.cos(np.pi / 48)) + 1e-3
    assert found.deepest_mm == 0.0


def test_a_known_gap_is_measured():
    path = straight_path(40.0)
    vertices, triangles = tube(path, lambda s, _: 4.0 + 0 * s, sides=240)
    nodes, struts, _ = stent(path, np.array([3.95, 3.95, 3.95, 3.5]), first=12.0, pitch=3.0, crowns=24)
    found = apposition(nodes, struts, vertices=vertices, triangles=triangles, half_thickness_mm=HALF)
    assert found.malapposed_share == pytest.approx(0.25, abs=0.005)
    assert found.largest_gap_mm == pytest.approx(0.5 - HALF, abs=0.01)
    got = values(apposition_findings(found, half_thickness_mm=HALF))
    assert got["malapposed struts"] == pytest.approx(25.0, abs=0.5)


def test_an_offset_stent_stands_off_on_one_side():
    path = straight_path(40.0)
    vertices, triangles = tube(path, lambda s, _: 4.0 + 0 * s, sides=240)
    nodes, struts, _ = stent(path, np.full(6, 3.6), first=12.0, pitch=3.0, crowns=48, height=0.2, sideways=0.4 - HALF)
    found = apposition(nodes, struts, vertices=vertices, triangles=triangles, half_thickness_mm=HALF)
    assert found.largest_gap_mm == pytest.approx(0.4 + 0.4 - 2 * HALF, abs=0.01)
    # Distance to the wall at an angle t about the stent's middle, for a circle offset by e in a larger one.
    t = np.linspace(0, 2 * np.pi, 20000)
    distance = 4.0 - np.hypot(3.6 * np.cos(t) + 0.4 - HALF, 3.6 * np.sin(t))
    assert found.malapposed_share == pytest.approx((distance > 2 * HALF).mean(), abs=0.01)


def test_struts_beyond_the_surface_are_not_malapposed_and_are_said():
    path = straight_path(40.0)
    vertices, triangles = tube(path, lambda s, _: 4.0 + 0 * s, sides=240)
    nodes, struts, _ = stent(path, np.full(3, 4.3), first=12.0, pitch=3.0, crowns=24)
    found = apposition(nodes, struts, vertices=vertices, triangles=triangles, half_thickness_mm=HALF)
    assert found.malapposed_share == 0.0
    assert found.deepest_mm == pytest.approx(0.3, abs=0.01)
    assert "beyond the lumen surface" in apposition_findings(found, half_thickness_mm=HALF).notes[0]


def test_a_labelled_length_is_read_end_to_end_whatever_lies_along_its_struts():
    path = straight_path(60.0)
    for name in ("self-expanding 9x30", "balloon-expandable 8x30"):
        design = find(name).stent
        lattice = place(design, path, station_mm=30.0)
        length = stent_length(lattice.nodes, lattice.struts, lattice.strut_ring, path)
        assert length == pytest.approx(design.length_mm, abs=0.01)
        assert length == pytest.approx(np.ptp(lattice.nodes[:, 2]), abs=1e-6)
