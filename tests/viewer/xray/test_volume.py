"""The patient in voxels: lengths through known bodies, and HU as water and bone."""

import numpy as np
import pytest

from meshing.errors import InputError
from meshing.labels import LabelMap
from tests.viewer.made_up import vessel_path
from tests.viewer.xray.bodies import rays_of, source_of
from viewer.xray.attenuation import find_material
from viewer.xray.body import MADE_UP, made_up_trunk, patient_of_labels
from viewer.xray.carm import CArm
from viewer.xray.volume import CT_KEV, Marcher, Patient, patient_of_ct


def grid(count: int, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Voxel centres (count, count, count, 3) [mm] about the origin, and their affine."""
    places = (np.arange(count) - (count - 1) / 2) * spacing
    affine = np.diag([spacing] * 3 + [1.0])
    affine[:3, 3] = places[0]
    return np.stack(np.meshgrid(places, places, places, indexing="ij"), axis=-1), affine


def test_a_smooth_ball_has_the_length_of_its_integral_from_every_side():
    points, affine = grid(96, 2.0)
    spread = 22.0
    water = np.exp(-(points**2).sum(axis=-1) / (2.0 * spread**2)).astype(np.float32)
    marcher = Marcher(Patient(water, 0.5 * water, affine))
    random = np.random.default_rng(2)
    for lao, cra in [(0, 0), (90, 0), (0, 90), (45, 0), (45, 35), *random.uniform((-180, -90), (180, 90), (6, 2)).tolist()]:
        carm = CArm(lao, cra, pixels=64)
        found, bone = marcher.lengths(carm, pixels=64)
        rays, start = rays_of(carm), source_of(carm)
        square = start @ start - (rays @ start) ** 2
        exact = np.sqrt(2.0 * np.pi) * spread * np.exp(-square / (2.0 * spread**2))
        assert np.abs(found - exact).max() < 0.005 * exact.max()
        assert np.allclose(bone, 0.5 * found, atol=1e-3)


def test_a_turned_and_flipped_volume_is_the_same_patient():
    points, affine = grid(40, 3.0)
    water = np.exp(-(((points - (9.0, -6.0, 3.0)) / (20.0, 14.0, 26.0)) ** 2).sum(axis=-1)).astype(np.float32)
    one = Patient(water, 0.0 * water, affine)
    swap = np.array([[0, 0, -1, 39], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]], float)
    turned = np.moveaxis(water, 0, 2)[:, :, ::-1]
    index = swap @ np.array([3, 5, 7, 1])
    assert turned[3, 5, 7] == water[tuple(index[:3].astype(int))]
    other = Patient(np.ascontiguousarray(turned), 0.0 * turned, affine @ swap)
    carm = CArm(33, -21, pixels=64)
    assert np.allclose(Marcher(one).lengths(carm, pixels=64)[0], Marcher(other).lengths(carm, pixels=64)[0], atol=2e-3)


def test_half_the_resolution_is_the_same_patient_roughly():
    points, affine = grid(64, 2.0)
    water = (np.linalg.norm(points, axis=-1) < 50.0).astype(np.float32)
    patient = Patient(water, 0.0 * water, affine)
    carm = CArm(20, 10, pixels=64)
    fine, coarse = (Marcher(one).lengths(carm, pixels=64)[0] for one in (patient, patient.halved()))
    assert fine[31:33, 31:33].mean() == pytest.approx(100.0, abs=2.0)
    assert np.abs(fine - coarse).mean() < 0.6


def test_hounsfield_units_become_water_and_bone_of_the_same_attenuation():
    values = np.array([-1000.0, -100.0, 0.0, 60.0, 100.0, 300.0, 700.0, 1200.0], np.float32).reshape(2, 2, 2)
    patient = patient_of_ct(values, np.eye(4))
    water, bone = (float(find_material(name).at(CT_KEV)) for name in ("water", "cortical bone"))
    shown = 1000.0 * ((patient.water * water + patient.bone * bone) / water - 1.0)
    assert np.allclose(shown, values, atol=0.5)
    assert (patient.bone[values <= 100.0] == 0.0).all() and (patient.bone[values > 100.0] > 0.0).all()


def test_dye_that_the_ct_had_is_taken_out_and_said():
    values = np.full((4, 4, 4), 40.0, np.float32)
    dyed = np.zeros(values.shape, bool)
    dyed[1:3, 1:3, 1:3] = True
    values[dyed] = 320.0
    values[1, 1, 1] = 20.0
    patient = patient_of_ct(values, np.eye(4), dyed=dyed)
    assert not patient.bone.any()
    assert np.allclose(patient.water[dyed], [1.020, *[1.045] * 7])
    assert "7 voxels of the vessels were set to 45 HU" in patient.notes[0]
    with pytest.raises(InputError, match="mask of dyed vessels"):
        patient_of_ct(values, np.eye(4), dyed=dyed[1:])
    with pytest.raises(InputError, match="1 voxels of the CT are not numbers"):
        patient_of_ct(np.where(values == 20.0, np.nan, values), np.eye(4))


def test_labels_become_bone_lung_and_soft_tissue():
    voxels = np.zeros((40, 40, 12), np.uint8)
    voxels[10:30, 10:30, :] = 1
    voxels[14:26, 14:26, 2:10] = 2
    voxels[11:13, 11:13, :] = 3
    labels = LabelMap(voxels, np.diag([2.0, 2.0, 2.0, 1.0]), {1: "liver", 2: "vertebrae_L3", 3: "lung_upper_lobe"}, {}, "made up")
    patient = patient_of_labels(labels)
    assert patient.bone[20, 20, 6] < patient.bone[14, 20, 6]
    assert (patient.bone[voxels != 2] == 0.0).all()
    assert patient.water[11, 11, 5] == pytest.approx(0.28)
    assert patient.water[9, 20, 5] == pytest.approx(1.0)
    assert patient.water[0, 0, 5] == 0.0
    assert "made of labels" in patient.notes[0]


def test_the_made_up_trunk_says_so_and_is_as_thick_as_a_person():
    patient = made_up_trunk(vessel_path().points, region="pelvis")
    assert patient.notes == (MADE_UP,)
    middle = vessel_path().points.mean(axis=0)
    water, bone = Marcher(patient).lengths(CArm(isocentre=tuple(middle), pixels=64), pixels=64)
    assert 120.0 < np.median(water) < 220.0
    assert 3.0 < bone.max() < 60.0
    again = made_up_trunk(vessel_path().points, region="pelvis")
    assert np.array_equal(patient.bone, again.bone)
