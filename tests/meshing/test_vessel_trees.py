"""Branching phantoms keep the measures of their formulas; the stored cases are what their formulas give."""

import math
from pathlib import Path

import numpy as np
import pytest

from meshing.courses import Placement, tilted_grid
from meshing.errors import InputError
from meshing.labels import read_labels
from meshing.phantoms import CALCIUM, LUMEN, PLAQUE, WALL, Calcium, Stenosis
from meshing.stored_vessels import AORTA, CAROTID, RENAL, STORED
from meshing.vessel_trees import Leg, VesselTree

CASES = Path(__file__).resolve().parents[2] / "assets" / "cases"
TURNED = Placement(root_mm=(40.0, -70.0, 110.0), grid_axes=tilted_grid(degrees=(20.0, -35.0, 50.0), mirrored=True))
STRAIGHT = ((0.0, 0.0, 0.0), (20.0, 0.0, 0.0), (40.0, 0.0, 0.0))
NAMES = {"lumen": ("lumen", None), "plaque": ("plaque", None)}


def volumes(labels):
    return {label.number: label.volume_ml * 1000.0 for label in labels.labels()}


def tube(**more) -> VesselTree:
    return VesselTree(legs=(Leg(points=STRAIGHT, radii=((0.0, 4.0),), open_start=True, **more),), wall_mm=1.5, placement=TURNED)


def test_a_straight_leg_has_the_volumes_of_its_cylinders():
    found = volumes(tube().label_map(spacing_mm=0.4, **NAMES))
    assert set(found) == {LUMEN, WALL}
    assert found[LUMEN] == pytest.approx(math.pi * 16.0 * 40.0, rel=0.02)
    assert found[WALL] == pytest.approx(math.pi * (5.5**2 - 4.0**2) * 40.0, rel=0.02)


def test_a_narrowed_leg_loses_the_volume_of_its_plaque_and_holds_its_calcium():
    calcium = Calcium(length_mm=8.0, arc_degrees=90.0, thickness_mm=1.2, radius_mm=2.9)
    stenosis = Stenosis(narrowing_percent=60.0, station_mm=20.0, length_mm=20.0, throat_mm=2.0, eccentricity=0.5, calcium=calcium)
    tree = tube(stenosis=stenosis)
    found = volumes(tree.label_map(spacing_mm=0.3, calcium=("calcium", None), **NAMES))
    # The mean of a raised cosine is 1/2, that of its square 3/8.
    lost = math.pi * 16.0 * (2 * 0.6 * (2.0 + 18.0 / 2) - 0.6**2 * (2.0 + 3 * 18.0 / 8))
    assert found[PLAQUE] + found[CALCIUM] == pytest.approx(lost, rel=0.02)
    assert found[CALCIUM] == pytest.approx(calcium.volume_mm3, rel=0.05)
    assert tree.smallest_diameter_mm == pytest.approx(3.2)


def test_a_bent_leg_keeps_its_length_and_its_stations():
    quarter = tuple((30.0 * math.sin(a), 30.0 * (1.0 - math.cos(a)), 0.0) for a in np.linspace(0.0, math.pi / 2, 9))
    leg = Leg(points=quarter, radii=((0.0, 3.0),))
    assert leg.length_mm == pytest.approx(15.0 * math.pi, rel=1e-3)
    stations = np.linspace(5.0, 40.0, 50)
    points, _ = leg.at(stations)
    aside = leg.across(stations)
    found, offset, beyond = leg.nearest(points + 2.0 * aside)
    np.testing.assert_allclose(found, stations, atol=0.02)
    np.testing.assert_allclose(np.linalg.norm(offset, axis=1), 2.0, atol=0.01)
    assert not beyond.any()


def test_the_plaque_is_thick_on_the_side_asked():
    stenosis = Stenosis(narrowing_percent=60.0, station_mm=20.0, eccentricity=1.0)
    leg = Leg(points=STRAIGHT, radii=((0.0, 4.0),), stenosis=stenosis, thick_side=(0.0, 0.0, 1.0))
    # A throat of 1.6 mm radius that touches the healthy wall lies from -4.0 to -0.8 mm along z.
    lumen = leg.distances(np.array([[20.0, 0.0, -3.9], [20.0, 0.0, -0.9], [20.0, 0.0, -0.7], [20.0, 0.0, 3.0]]))[1]
    np.testing.assert_allclose(lumen, [-0.1, -0.1, 0.1, 3.8], atol=1e-6)


def test_legs_join_into_one_piece_that_holds_both_and_is_cut_square():
    side = Leg(points=((20.0, 0.0, 0.0), (20.0, 15.0, 0.0), (20.0, 30.0, 0.0)), radii=((0.0, 2.5),))
    main = Leg(points=STRAIGHT, radii=((0.0, 4.0),), open_start=True)
    tree = VesselTree(legs=(main, side), wall_mm=1.0, fillet_mm=2.0)
    labels = tree.label_map(spacing_mm=0.5, **NAMES)
    (lumen, wall) = labels.labels()
    assert lumen.piece_count == 1 and wall.piece_count == 1
    apart = math.pi * (16.0 * 40.0 + 6.25 * (30.0 - 4.0))
    # A voxel whose centre lies on an end plane is left out: half a voxel at each end.
    assert 0.98 * apart < lumen.volume_ml * 1000.0 < 1.05 * apart
    centres = np.argwhere(labels.voxels > 0) * 0.5 + labels.affine[:3, 3]
    assert centres[:, 0].min() >= 0.0 and centres[:, 0].max() <= 40.0 and centres[:, 1].max() <= 30.0
    healthy, narrowed = tree.distances(centres)
    np.testing.assert_allclose(healthy, narrowed)


def test_the_smooth_union_bulges_at_the_edge_alone():
    side = Leg(points=((20.0, 0.0, 0.0), (20.0, 30.0, 0.0)), radii=((0.0, 2.5),))
    main = Leg(points=STRAIGHT, radii=((0.0, 4.0),), open_start=True)
    tree = VesselTree(legs=(main, side), wall_mm=1.0, fillet_mm=2.0)
    far, edge = tree.distances(np.array([[5.0, 4.0, 0.0], [22.5, 4.0, 0.0]]))[0]
    assert far == pytest.approx(0.0, abs=1e-6)
    # On the sharp edge both distances are zero, and the smooth one is a quarter of the fillet deep.
    assert edge == pytest.approx(-0.5, abs=1e-6)


@pytest.mark.parametrize("name", STORED)
def test_a_stored_map_is_what_its_formula_makes(name):
    path = CASES / name / "labels.nii.gz"
    stored, made = read_labels(path), STORED[name]()
    assert path.stat().st_size < 300_000
    assert stored.voxels.shape == made.voxels.shape
    # A voxel whose centre lies on a surface to the last bit may fall either way with another mathematics library.
    assert np.count_nonzero(stored.voxels != made.voxels) <= 5
    np.testing.assert_allclose(stored.affine, made.affine, atol=1e-4)
    assert (dict(stored.names), dict(stored.codes)) == (dict(made.names), dict(made.codes))
    found = {label.number: label for label in stored.labels()}
    assert found[LUMEN].piece_count == found[WALL].piece_count == 1
    assert found[LUMEN].code is not None and found[PLAQUE].code is not None


@pytest.mark.parametrize(
    ("tree", "leg", "station", "diameter"),
    [
        (CAROTID, 0, 10.0, 6.8),
        (CAROTID, 0, 41.0, 7.4),
        (CAROTID, 0, 70.0, 4.9),
        (CAROTID, 1, 30.0, 4.2),
        (RENAL, 0, 28.0, 15.0),
        (RENAL, 1, 35.0, 5.7),
        (AORTA, 0, 5.0, 15.0),
        (AORTA, 0, 80.0, 17.5),
    ],
)
def test_the_stored_vessels_have_the_widths_their_tables_name(tree, leg, station, diameter):
    assert 2.0 * tree.legs[leg].healthy_radius(np.array([station]))[0] == pytest.approx(diameter, abs=0.1)


def test_the_internal_and_external_carotid_part_by_the_angle_of_the_table():
    ends = []
    for leg in CAROTID.legs:
        points = leg.at(np.array([0.0, leg.length_mm]))[0]
        near = np.array(leg.points)
        ends.append(near[np.argmin(np.abs(np.linalg.norm(near, axis=1) - 12.0))])
        assert np.isfinite(points).all()
    cosine = ends[0] @ ends[1] / np.linalg.norm(ends[0]) / np.linalg.norm(ends[1])
    assert math.degrees(math.acos(cosine)) == pytest.approx(49.0, abs=0.5)


def test_the_waist_of_the_aorta_is_as_narrow_as_its_table_says():
    assert AORTA.smallest_diameter_mm == pytest.approx(8.4, abs=0.1)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Leg(points=STRAIGHT[:1], radii=((0.0, 1.0),)), "A leg with 1 points"),
        (lambda: Leg(points=STRAIGHT, radii=((0.0, 0.0),)), "0 mm in radius"),
        (lambda: tube(stenosis=Stenosis(narrowing_percent=50.0, station_mm=35.0)), "does not fit into a leg of 40.0 mm"),
        (lambda: VesselTree(legs=(), wall_mm=1.0), "A tree of 0 legs"),
        (lambda: tube().label_map(spacing_mm=2.5, **NAMES), "needs voxels of at most 2.00 mm; 2.5 mm"),
    ],
)
def test_a_tree_that_cannot_be_made_says_why(make, sentence):
    with pytest.raises(InputError, match=sentence.replace("(", r"\(")):
        make()
