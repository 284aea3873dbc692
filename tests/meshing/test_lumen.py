"""Lumens from voxels and surfaces: known shapes, real patients, and inputs that must be refused."""

import dataclasses

import numpy as np
import pytest

from meshing.errors import InputError
from meshing.labels import LabelMap
from meshing.lumen import Lumen, lumen_from_labels, lumen_from_surface, read_lumen
from meshing.nearness import crossing_triangles
from meshing.remeshing import edges_of, triangle_angles
from meshing.sections import sections_along
from meshing.surfaces import Surface, boundary_loops
from tests.meshing.vessel_shapes import capsule, fork, label_map, tube_surface, turned, union
from tests.shared_data import shared_data


def assert_sound(lumen: Lumen, *, end_count: int) -> None:
    """What holds for every lumen: a manifold open at flat, even ends, evenly meshed, of the right volume."""
    _, held, _ = edges_of(lumen.triangles)
    angles = triangle_angles(lumen.vertices, lumen.triangles).min(axis=1)
    assert held.max() == 2 and held.min() == 1
    assert len(lumen.ends) == end_count == len(boundary_loops(lumen.triangles))
    assert len(lumen.centreline.branches) == end_count - 1
    assert len(crossing_triangles(lumen.vertices, lumen.triangles)) == 0
    assert angles.min() > 15.0 and np.percentile(angles, 1) > 30.0
    assert lumen.volume_mm3 == pytest.approx(lumen.reference_volume_mm3, rel=0.02)
    rim = {int(v) for loop in boundary_loops(lumen.triangles) for v in loop}
    assert rim == {int(v) for end in lumen.ends for v in end.loop}
    for end in lumen.ends:
        corners = lumen.vertices[end.loop]
        onward = np.roll(corners, -1, axis=0) - corners
        sides = np.linalg.norm(onward, axis=1)
        assert np.abs((corners - end.centre) @ end.direction).max() < 1e-9
        assert 15 <= len(corners) <= 50 and sides.max() < 2.5 * sides.min()
        assert np.cross(corners - end.centre, onward).sum(axis=0) @ end.direction > 0
    points = lumen.centreline.branches[0].points
    for end, inward in (
        (lumen.ends[0], points[:4]),
        *((lumen.ends[n + 1], b.points[::-1][:4]) for n, b in enumerate(lumen.centreline.branches)),
    ):
        along = (inward[0] - inward[-1]) / np.linalg.norm(inward[0] - inward[-1])
        assert abs((inward[0] - end.centre) @ end.direction) < 1e-6
        assert along @ end.direction > np.cos(np.radians(20.0))
        assert np.linalg.norm(inward[0] - end.centre) < 0.35 * end.radius


@pytest.fixture(scope="module")
def tilted_tube() -> Lumen:
    shape, axes = capsule((0, 0, 0), (0, 0, 50), 4.0), turned((0.3, 0.5, 0.2))
    return lumen_from_labels(label_map(shape, (-7, -7, -7), (7, 7, 57), (0.7, 0.7, 1.2), axes=axes), [1])


def test_tube_on_a_tilted_anisotropic_grid_has_its_radius_and_volume(tilted_tube):
    assert_sound(tilted_tube, end_count=2)
    radii = np.hypot(tilted_tube.vertices[:, 0], tilted_tube.vertices[:, 1])
    assert np.median(radii) == pytest.approx(4.0, rel=0.01)
    assert np.abs(radii - 4.0).max() < 0.08 * 4.0
    length = abs(tilted_tube.ends[0].centre[2] - tilted_tube.ends[1].centre[2])
    assert length > 45.0
    assert tilted_tube.volume_mm3 == pytest.approx(np.pi * 16.0 * length, rel=0.02)
    # The inscribed sphere touches the deepest dent that the voxels left, here within a tenth of a voxel.
    assert np.median(tilted_tube.centreline.branches[0].radii) == pytest.approx(4.0, abs=0.1)


def test_sections_of_a_tube_have_its_area_from_end_to_end(tilted_tube):
    (path,) = tilted_tube.centreline.paths()
    sections = sections_along(tilted_tube.vertices, tilted_tube.triangles, path, np.linspace(0.0, path.length, 12))
    areas = np.array([section.area for section in sections if section is not None])
    assert len(areas) == 12
    assert np.sqrt(areas / np.pi) == pytest.approx(4.0, rel=0.01)


def test_fork_has_three_ends_and_begins_at_the_widest():
    labels = label_map(fork(), (-26, -8, -8), (26, 10, 84), (0.8, 0.8, 0.8))
    lumen = lumen_from_labels(labels, ["lumen"])
    assert_sound(lumen, end_count=3)
    assert lumen.ends[0].radius == pytest.approx(5.0, rel=0.03)
    assert sorted(end.radius for end in lumen.ends[1:]) == pytest.approx([3.0, 4.0], rel=0.03)
    side = lumen.centreline.branches[1]
    assert side.parent == 0 and side.parent_station is not None
    assert len(lumen.centreline.paths()) == 2


def test_narrowing_from_ten_to_little_more_than_one_millimetre_is_meshed_as_finely_as_it_is_narrow():
    shape = union(capsule((0, 0, 0), (0, 0, 22), 5.0, 0.7), capsule((0, 0, 22), (0, 0, 44), 0.7, 5.0))
    lumen = lumen_from_labels(label_map(shape, (-7, -7, -8), (7, 7, 52), (0.4, 0.4, 0.4)), [1])
    assert_sound(lumen, end_count=2)
    (path,) = lumen.centreline.paths()
    (section,) = sections_along(lumen.vertices, lumen.triangles, path, [path.stations[np.argmin(path.radii)]])
    assert section is not None and 1.2 < section.min_diameter < 1.7 and len(section.contour) > 30


def test_coarse_noisy_voxels_with_islands_and_holes_still_give_a_vessel():
    clean = label_map(fork(), (-26, -8, -8), (26, 10, 84), (1.5, 1.5, 1.5))
    random = np.random.default_rng(5)
    voxels = clean.voxels.copy()
    voxels[random.random(voxels.shape) < 0.002] = 1
    deep = voxels & np.roll(voxels, 1, 0) & np.roll(voxels, -1, 0) & np.roll(voxels, 1, 1) & np.roll(voxels, -1, 1)
    voxels[(deep > 0) & (random.random(voxels.shape) < 0.02)] = 0
    lumen = lumen_from_labels(dataclasses.replace(clean, voxels=voxels), [1])
    assert_sound(lumen, end_count=3)
    assert any("largest of" in note for note in lumen.notes) and any("filled" in note for note in lumen.notes)


def test_bent_surface_gives_the_same_lumen_however_it_lies_and_in_metres():
    vertices, triangles = tube_surface(radius=2.5, length=40.0, around=30, bend=25.0)
    rotation = turned((1.0, -0.4, 2.2))
    still = lumen_from_surface(Surface(vertices=vertices, triangles=triangles))
    moved = lumen_from_surface(Surface(vertices=vertices @ rotation.T + [5.0, -80.0, 33.0], triangles=triangles[:, ::-1]))
    for lumen in (still, moved):
        assert_sound(lumen, end_count=2)
        assert [end.radius for end in lumen.ends] == pytest.approx([2.5, 2.5], rel=0.01)
    assert moved.volume_mm3 == pytest.approx(still.volume_mm3, rel=0.01)
    assert moved.centreline.paths()[0].length == pytest.approx(still.centreline.paths()[0].length, rel=0.01)


def test_bump_is_no_branch_and_a_stub_is_left_closed_and_said():
    shape = union(capsule((0, 0, 0), (0, 0, 50), 4.0), capsule((3, 0, 15), (5, 0, 15), 2.0), capsule((0, 3, 35), (0, 8, 35), 2.5))
    lumen = lumen_from_labels(label_map(shape, (-7, -7, -7), (10, 14, 57), (0.7, 0.7, 0.7)), [1])
    assert_sound(lumen, end_count=2)
    assert any("left closed" in note for note in lumen.notes)


def test_surface_that_runs_through_itself_is_made_anew_and_said():
    vertices, triangles = tube_surface(radius=3.0, length=40.0, around=30)
    limb, faces = tube_surface(radius=2.0, length=25.0, around=24)
    limb = limb @ turned((0.0, 1.0, 0.0)).T + [0.0, 0.0, 20.0]
    both = Surface(vertices=np.vstack([vertices, limb]), triangles=np.vstack([triangles, faces + len(vertices)]))
    lumen = lumen_from_surface(both)
    assert_sound(lumen, end_count=3)
    assert any("made anew" in note for note in lumen.notes)


def test_hole_in_the_wall_is_mended_and_said_and_a_large_one_refused():
    vertices, triangles = tube_surface(radius=3.0, length=40.0, around=40)
    middles = vertices[triangles].mean(axis=1)
    hole = np.linalg.norm(middles - [3.0, 0.0, 20.0], axis=1) < 0.9
    lumen = lumen_from_surface(Surface(vertices=vertices, triangles=triangles[~hole]))
    assert_sound(lumen, end_count=2)
    assert any("hole" in note and "closed" in note for note in lumen.notes)
    hole = np.linalg.norm(middles - [3.0, 0.0, 20.0], axis=1) < 3.3
    with pytest.raises(InputError, match="too large to mend"):
        lumen_from_surface(Surface(vertices=vertices, triangles=triangles[~hole]))


def test_lost_triangles_are_closed_and_make_no_ends():
    vertices, triangles = tube_surface(radius=3.0, length=40.0, around=40)
    lost = np.random.default_rng(2).choice(len(triangles), 25, replace=False)
    lumen = lumen_from_surface(Surface(vertices=vertices, triangles=np.delete(triangles, lost, axis=0)))
    assert_sound(lumen, end_count=2)
    assert lumen.volume_mm3 == pytest.approx(np.pi * 9.0 * lumen.centreline.paths()[0].length, rel=0.02)


def test_aneurysm_is_no_branch_and_is_meshed_for_its_own_size():
    shape = union(capsule((0, 0, 0), (0, 0, 50), 3.0), capsule((0, 7, 25), (0, 8, 25), 5.5))
    lumen = lumen_from_labels(label_map(shape, (-9, -6, -6), (9, 16, 56), (0.7, 0.7, 0.7)), [1])
    assert_sound(lumen, end_count=2)
    dome = lumen.triangles[lumen.vertices[lumen.triangles][:, :, 1].min(axis=1) > 9.0]
    sides = np.linalg.norm(lumen.vertices[dome] - lumen.vertices[np.roll(dome, 1, axis=1)], axis=2)
    assert sides.mean() < 0.35 * 5.5


def test_vessel_that_parts_and_joins_again_keeps_both_ways():
    ways = [capsule((0, 0, 12), (x, 0, 25), 2.2) for x in (7, -7)] + [capsule((x, 0, 25), (0, 0, 38), 2.2) for x in (7, -7)]
    shape = union(capsule((0, 0, 0), (0, 0, 12), 3.0), *ways, capsule((0, 0, 38), (0, 0, 50), 3.0))
    lumen = lumen_from_labels(label_map(shape, (-12, -6, -6), (12, 6, 56), (0.7, 0.7, 0.7)), [1])
    edges, _, _ = edges_of(lumen.triangles)
    assert_sound(lumen, end_count=2)
    assert len(lumen.vertices) - len(edges) + len(lumen.triangles) == -2  # a sphere with one handle and two holes


def test_heap_of_struts_is_refused():
    with pytest.raises(InputError):
        read_lumen(shared_data("stent_mesh/stent06.stl"))


def empty() -> LabelMap:
    return label_map(capsule((0, 0, 0), (0, 0, 1), -1.0), (0, 0, 0), (9, 9, 9), (1, 1, 1))


def test_empty_ball_and_hair_are_refused():
    with pytest.raises(InputError):
        lumen_from_labels(empty(), [1])
    ball = label_map(capsule((0, 0, 0), (0, 0, 2), 6.0), (-8, -8, -8), (8, 8, 10), (0.8, 0.8, 0.8))
    with pytest.raises(InputError, match="not a vessel"):
        lumen_from_labels(ball, [1])
    hair = label_map(capsule((0, 0, 0), (0, 0, 60), 0.8), (-6, -6, -6), (6, 6, 66), (1, 1, 1))
    with pytest.raises(InputError, match=r"narrower than the voxels can carry.*mm"):
        lumen_from_labels(hair, [1])
    neck = union(capsule((0, 0, 0), (0, 0, 20), 4.0), capsule((0, 0, 20), (0, 0, 45), 0.75), capsule((0, 0, 45), (0, 0, 65), 4.0))
    with pytest.raises(InputError, match=r"narrower than the voxels can carry.*finer"):
        lumen_from_labels(label_map(neck, (-7, -7, -7), (7, 7, 72), (1, 1, 1)), [1])
    with pytest.raises(InputError, match="edge_fraction"):
        lumen_from_labels(ball, [1], edge_fraction=0.0)


CASES = [
    ("abdomen_ct/labels.nii.gz", (52, 65, 66), 3),
    ("abdomen_ct/labels.nii.gz", (52,), 2),
    ("abdomen_ct/labels.nii.gz", (65,), 2),
    ("abdomen_ct/labels.nii.gz", (66,), 2),
    ("aorta_mra/aorta-surface.vtp", (), 3),
    ("aorta_mra/aorta-surface-open-ends.stl", (), 3),
    ("carotid/carotids.stl", (), 3),
    ("carotid/aneurysm3d_surface.obj", (), 3),
]


@pytest.mark.parametrize(("file", "labels", "end_count"), CASES)
def test_real_vessels_work_from_end_to_end(file, labels, end_count):
    lumen = read_lumen(shared_data(file), labels=labels)
    error = lumen.volume_mm3 / lumen.reference_volume_mm3 - 1.0
    print(f"{file} {labels}: {len(lumen.triangles):,} triangles, volume off by {100 * error:.3f} %")
    assert_sound(lumen, end_count=end_count)
