"""The middle lines of a stent's struts, from meshes of known size and from makers' own."""

import meshio
import numpy as np
import pytest
import trimesh

from meshing.errors import InputError
from meshing.struts import StentAxis, strut_graph
from tests.meshing.swept_stents import Zigzag, hexahedra_of, ring_of_bodies, surface_of
from tests.shared_data import shared_data

ONE_RING = Zigzag()
THREE_RINGS = Zigzag(rings=3, bridges=3)


def middle(values: list[np.ndarray]) -> float:
    return float(np.median(np.concatenate(values)))


def check_ring(graph, stent):
    """Crowns, struts and sizes of one ring are those of the formula."""
    assert (graph.crown_count, graph.joint_count, graph.tip_count) == (stent.strut_count, 0, 0)
    assert len(graph.struts) == stent.strut_count
    lengths = np.array([strut.length for strut in graph.struts])
    np.testing.assert_allclose(lengths, stent.strut_length, rtol=0.03)
    assert middle([strut.widths for strut in graph.struts]) == pytest.approx(stent.width, rel=0.05)
    assert middle([strut.thicknesses for strut in graph.struts]) == pytest.approx(stent.thickness, rel=0.05)
    for strut in graph.struts:
        np.testing.assert_allclose(strut.widths, stent.width, rtol=0.1)
        np.testing.assert_allclose(strut.thicknesses, stent.thickness, rtol=0.1)
    assert graph.rods_volume == pytest.approx(graph.metal_volume, rel=0.05)


def test_a_zigzag_ring_comes_back_with_its_crowns_and_sizes():
    surface = surface_of(ONE_RING)
    graph = strut_graph(surface)
    print(graph.report())
    check_ring(graph, ONE_RING)
    assert graph.metal_volume == pytest.approx(surface.volume, rel=0.01)
    height = graph.nodes[:, 2]
    np.testing.assert_allclose(np.ptp(height), ONE_RING.height, rtol=0.02)
    np.testing.assert_allclose(np.hypot(graph.nodes[:, 0], graph.nodes[:, 1]), ONE_RING.radius, rtol=0.005)


def test_a_stent_may_stand_anywhere_and_be_seamed_anywhere():
    surface = surface_of(ONE_RING)
    turn = trimesh.transformations.rotation_matrix(1.1, [0.3, -0.7, 0.5]) @ trimesh.transformations.rotation_matrix(
        0.4, [0, 0, 1]
    )
    surface.apply_transform(turn)
    surface.apply_translation([30.0, -200.0, 1000.0])
    graph = strut_graph(surface)
    check_ring(graph, ONE_RING)
    assert abs(graph.axis.direction @ turn[:3, 2]) == pytest.approx(1.0, abs=1e-5)
    # Struts lie in the metal: no sample is farther from it than rounding and pixels.
    outward = np.concatenate([strut.points - graph.axis.point for strut in graph.struts])
    outward -= np.outer(outward @ graph.axis.direction, graph.axis.direction)
    np.testing.assert_allclose(np.linalg.norm(outward, axis=1), ONE_RING.radius, rtol=0.005)


def test_thick_and_flaring_rings_keep_width_and_thickness():
    check_ring(strut_graph(surface_of(Zigzag(width=0.1, thickness=0.25))), Zigzag(width=0.1, thickness=0.25))
    flaring = Zigzag(flare=0.4)
    graph = strut_graph(surface_of(flaring))
    assert (graph.crown_count, len(graph.struts)) == (12, 12)
    assert middle([strut.thicknesses for strut in graph.struts]) == pytest.approx(flaring.thickness, rel=0.05)
    assert graph.rods_volume == pytest.approx(graph.metal_volume, rel=0.05)


def test_rings_joined_by_bridges():
    graph = strut_graph(surface_of(THREE_RINGS))
    print(graph.report())
    assert (graph.joint_count, graph.crown_count, graph.tip_count) == (12, 24, 0)
    assert len(graph.struts) == 36 + 6
    bridges = sorted(strut.length for strut in graph.struts)[:6]
    np.testing.assert_allclose(bridges, THREE_RINGS.gap, rtol=0.15)
    assert graph.rods_volume == pytest.approx(graph.metal_volume, rel=0.1)
    assert graph.pieces().max() == 0


@pytest.mark.parametrize("suffix", [".vtu", ".inp", ".msh"])
def test_solid_meshes_give_what_their_skin_gives(tmp_path, suffix):
    points, hexahedra = hexahedra_of(ONE_RING)
    path = tmp_path / f"ring{suffix}"
    meshio.Mesh(points, [("hexahedron", hexahedra)]).write(path)
    check_ring(strut_graph(path), ONE_RING)


def test_units_are_the_callers():
    surface = surface_of(ONE_RING)
    surface.apply_scale(1e-3)
    check_ring(strut_graph(surface, millimetres_per_unit=1000.0), ONE_RING)


def scaled(factor: float) -> trimesh.Trimesh:
    surface = surface_of(ONE_RING)
    surface.apply_scale(factor)
    return surface


def opened() -> trimesh.Trimesh:
    surface = surface_of(ONE_RING)
    surface.update_faces(np.arange(len(surface.faces)) > 2)
    return surface


def flat() -> trimesh.Trimesh:
    return surface_of(Zigzag(thickness=1e-13))


def one_strut_flattened() -> trimesh.Trimesh:
    """A bridge of next to no thickness between two rings."""
    whole = Zigzag(rings=2, bridges=2)
    bodies = surface_of(whole).split()
    thin = surface_of(Zigzag(rings=2, bridges=2, thickness=1e-3)).split()
    return trimesh.util.concatenate([*bodies[:3], thin[3]])  # type: ignore[return-value]


def braid() -> trimesh.Trimesh:
    """One ring within another that its struts cross."""
    inner = surface_of(Zigzag(radius=3.7))
    inner.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 12.0, [0.0, 0.0, 1.0]))
    return trimesh.util.concatenate([surface_of(ONE_RING), inner])  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (opened, "open surface: .* edges lack"),
        (lambda: surface_of(Zigzag(rings=3)), "3 pieces; the largest has 3[34] %"),
        (lambda: scaled(125.0), "1,0[0-9]+ mm .*across"),
        (lambda: scaled(1e-3), "mm long or across"),
        (flat, "section of zero"),
        (one_strut_flattened, "section of next to zero"),
        (lambda: trimesh.creation.box((3.0, 4.0, 5.0)), "No axis"),
        (lambda: trimesh.creation.cylinder(2.0, 30.0), "No axis"),
        (braid, "over one another at"),
        (lambda: trimesh.creation.annulus(3.0, 3.2, 10.0), "no struts"),
    ],
)
def test_a_mesh_that_cannot_be_used_is_refused_in_one_sentence(make, sentence):
    with pytest.raises(InputError, match=sentence):
        strut_graph(make())


def test_the_largest_piece_can_be_had_alone():
    crumbs = ring_of_bodies(lambda: trimesh.creation.box((0.1, 0.5, 0.2)), 4, 4.0)
    crumbs.apply_translation([0.0, 0.0, 3.0])
    whole = trimesh.util.concatenate([surface_of(ONE_RING), crumbs])
    graph = strut_graph(whole, largest_piece_only=True)  # type: ignore[arg-type]
    assert (graph.crown_count, len(graph.struts)) == (12, 12)


def test_what_is_asked_for_must_make_sense(tmp_path):
    with pytest.raises(InputError, match="There is no file"):
        strut_graph(tmp_path / "none.stl")
    with pytest.raises(InputError, match="do not make a ring"):
        strut_graph(surface_of(ONE_RING), mirrored_sectors=7)
    with pytest.raises(InputError, match=r"must fill 45\.00°"):
        strut_graph(surface_of(ONE_RING), mirrored_sectors=8)
    (tmp_path / "text.stl").write_text("no mesh at all")
    with pytest.raises(InputError, match="holds no triangles"):
        strut_graph(tmp_path / "text.stl")


def test_an_axis_may_be_given():
    graph = strut_graph(surface_of(ONE_RING), axis=StentAxis(np.zeros(3), np.array([0.0, 0.0, 1.0])))
    check_ring(graph, ONE_RING)


@pytest.mark.slow
def test_a_makers_stent():
    graph = strut_graph(shared_data("stent_mesh/stent06.stl"))
    print(graph.report())
    # Eight rings of ten cells, with bars from ring to ring and, at either end, ten free ones.
    assert (graph.joint_count, graph.tip_count, len(graph.struts)) == (160, 20, 250)
    assert graph.rods_volume == pytest.approx(graph.metal_volume, rel=0.1)
    assert middle([strut.widths for strut in graph.struts]) == pytest.approx(0.3, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["open-frame-fatigue-v25mm-9pct.inp", "shape-set.inp"])
def test_a_makers_frame_expanded_and_as_cut(name):
    graph = strut_graph(shared_data(f"nitinol_frame/{name}"), mirrored_sectors=32)
    print(graph.report())
    # Sixteen eyelets and sixteen crowns at the ends, ten rows of sixteen joints between.
    assert (graph.joint_count, graph.crown_count, graph.tip_count, len(graph.struts)) == (160, 32, 0, 352)
    assert graph.rods_volume == pytest.approx(graph.metal_volume, rel=0.1)
    # The drawing's strut is 0.3508 mm wide of a wall of 0.495 mm.
    assert middle([strut.widths for strut in graph.struts]) == pytest.approx(0.3508, rel=0.08)
    assert middle([strut.thicknesses for strut in graph.struts]) == pytest.approx(0.495, rel=0.02)
