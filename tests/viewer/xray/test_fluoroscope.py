"""The fluoroscope: Beer–Lambert with three kinds of things in one beam, noise that can be repeated, pulses, exposure and dose."""

import numpy as np
import pytest

from meshing.errors import InputError
from tests.viewer.xray.bodies import box, geodesic_sphere
from viewer.xray.angiography import Cine, Roadmap, averaged, dsa, subtracted
from viewer.xray.attenuation import beam_of, find_material
from viewer.xray.carm import CArm
from viewer.xray.cylinders import Cylinders
from viewer.xray.fluoroscope import Contents, Fluoroscope
from viewer.xray.picture import EXACT_BELOW, Developer
from viewer.xray.surfaces import Surface
from viewer.xray.volume import Patient

PIXELS = 96


def block() -> Patient:
    """A block of water of 200 mm each way, with 20 mm of half as dense bone in its left half."""
    water = np.ones((50, 50, 50), np.float32)
    bone = np.zeros(water.shape, np.float32)
    bone[27:, 20:25, :] = 0.5
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = -98.0
    return Patient(water, bone, affine)


def carm(**more) -> CArm:
    """A C-arm with few pixels."""
    return CArm(**{"pixels": PIXELS, "field_mm": 120.0, **more})


def ball(amount: float = 1.0, material: str = "iodine", at=(0.0, 0.0, 0.0), radius_mm: float = 8.0) -> Surface:
    """A small ball."""
    vertices, triangles = geodesic_sphere(12, radius_mm)
    return Surface.closed(vertices + np.array(at), triangles, material=material, amount=amount)


def test_three_kinds_of_things_add_up_in_one_beam():
    scope = Fluoroscope(carm(), None, noise=False)
    vertices, triangles = box((-20, -15, -20), (20, 15, 20))
    wire = Cylinders.of_line([[0, -40, 0], [0, 40, 0]], radius=4.0, material="nitinol")
    dye = Surface.closed(0.5 * vertices, triangles, material="iodine", amount=100.0)
    thin = Cylinders.of_line([[0, -45, 0], [0, -44.5, 0]], radius=6.0, material="cobalt-chromium L605")
    scope.frame([Surface.closed(vertices, triangles, material="water"), dye, thin])
    beam, found = beam_of(80), scope.signal()[48, 48]
    lengths = {"water": 30.0, "iodine": 1500.0, "cobalt-chromium L605": 0.5}
    assert found == pytest.approx(float(beam.transmission(lengths)), rel=2e-3)
    assert found == pytest.approx(float(beam.transmission(lengths, fine=True)), rel=0.02)
    scope.frame([wire])
    assert scope.signal()[48, 48] == pytest.approx(float(beam.transmission({"nitinol": 80.0})), abs=1e-6)
    assert scope.signal()[5, 5] == pytest.approx(1.0)


def test_the_patient_attenuates_as_its_water_and_bone(monkeypatch):
    monkeypatch.setattr("viewer.xray.fluoroscope.SCATTER", 0.0)
    scope = Fluoroscope(carm(), block(), noise=False)
    scope.frame()
    beam, signal = beam_of(80), scope.signal()
    soft, hard = (float(beam.transmission({"water": 200.0, "cortical bone": length})) for length in (0.0, 10.0))
    assert signal[40:56, 70:80].mean() / signal[40:56, 16:26].mean() == pytest.approx(hard / soft, rel=0.01)
    assert signal[47:49, 44:46].mean() / signal[47:49, 70:72].mean() == pytest.approx(soft / hard, rel=0.01)


def test_scatter_adds_its_share_and_has_no_edges(monkeypatch):
    with_scatter, without = Fluoroscope(carm(), block(), noise=False), Fluoroscope(carm(), block(), noise=False)
    with_scatter.frame()
    monkeypatch.setattr("viewer.xray.fluoroscope.SCATTER", 0.0)
    without.frame()
    raised = with_scatter.signal() * with_scatter._background(False).reference
    veil = raised - without.signal() * without._background(False).reference
    primary = without.signal() * without._background(False).reference
    assert veil.mean() == pytest.approx(0.3 * primary.mean(), rel=0.02)
    assert np.abs(np.diff(veil, axis=1)).max() < 0.2 * np.abs(np.diff(primary, axis=1)).max()


def test_the_exposure_stays_when_something_dark_comes():
    scope = Fluoroscope(carm(), block(), noise=False)
    before = scope.frame()
    after = scope.frame([ball(350.0)])
    assert np.array_equal(before.image[:20], after.image[:20])
    assert after.image[48, 48] < before.image[48, 48] - 0.2
    assert 0.4 < before.image[32:64, 32:64].mean() < 0.6


def test_noise_is_poisson():
    developer = Developer(beam_of(80), 512, blur_pixels=1e-9)
    for mean in (0.4, 3.0, EXACT_BELOW - 0.1, EXACT_BELOW + 0.1, 40.0, 400.0):
        developer.signal.fill(mean)
        developer.develop(photons=1.0, seed=1, number=7, contrast=0.1)
        drawn = developer.counted.to_numpy()
        count = drawn.size
        assert np.array_equal(drawn, np.round(drawn)) and drawn.min() >= 0.0
        assert drawn.mean() == pytest.approx(mean, abs=5.0 * np.sqrt(mean / count) + 0.003 * np.sqrt(mean))
        assert drawn.var() == pytest.approx(mean, rel=0.03)
        skew = ((drawn - drawn.mean()) ** 3).mean() / drawn.var() ** 1.5
        assert skew == pytest.approx(1.0 / np.sqrt(mean), abs=0.05)
        picture = drawn.reshape(512, 512) - drawn.mean()
        for shift in ((0, 1), (1, 0), (1, 1), (0, 2)):
            assert abs((picture * np.roll(picture, shift, (0, 1))).mean()) < 0.015 * mean


def test_the_same_number_gives_the_same_picture_and_another_another():
    contents = Contents((ball(300.0),), (Cylinders.of_line([[0, 0, -30], [5, 0, 30]], radius=0.4, material="nitinol"),))
    one, two = (Fluoroscope(carm(), block()) for _ in range(2))
    two.frame(contents, number=3)
    first, same, other = one.frame(contents, number=12), two.frame(contents, number=12), one.frame(contents, number=13)
    seeded = Fluoroscope(carm(), block(), seed=2).frame(contents, number=12)
    assert np.array_equal(first.image, same.image)
    assert not np.array_equal(first.image, other.image)
    assert not np.array_equal(first.image, seeded.image)
    apart = (first.image - other.image)[:20].ravel()
    third = (seeded.image - other.image)[:20].ravel()
    assert np.corrcoef(apart, third)[0, 1] == pytest.approx(0.5, abs=0.1)


def test_pulses_come_at_their_rate_and_are_counted():
    scope = Fluoroscope(carm(), block(), pulses_per_s=7.5)
    frames = [scope.at(time_s, Contents()) for time_s in np.arange(0.0, 1.0, 1.0 / 60.0)]
    assert len({id(one) for one in frames}) == 8
    assert [one.number for one in frames] == [int(k / 8) for k in range(60)]
    assert scope.dose.pulses == 8
    assert scope.dose.xray_time_s == pytest.approx(8 / 7.5)
    with pytest.raises(InputError, match=r"pulse rate is 12 per second; take 7\.5, 15, 30"):
        Fluoroscope(carm(), pulses_per_s=12.0)


def test_the_dose_is_as_its_formula_says():
    water = Patient(block().water, np.zeros((50, 50, 50), np.float32), block().affine)
    scope = Fluoroscope(carm(field_mm=120.0), water)
    through = float(beam_of(80).transmission({"water": 200.0}))
    for pulses in (1, 2):
        scope.frame()
        assert scope.dose.dap_ugy_cm2 == pytest.approx(pulses * 0.03 / through * 144.0, rel=0.01)


def test_turning_the_c_arm_looks_anew_and_a_coarse_picture_is_near_the_fine_one():
    scope = Fluoroscope(carm(), block(), noise=False)
    ap = scope.frame()
    scope.look(carm(lao_deg=90.0))
    coarse, fine = scope.frame(moving=True), scope.frame()
    assert (ap.label, fine.label) == ("LAO 0 / CRA 0", "LAO 90 / CRA 0")
    assert np.abs(ap.image - fine.image).max() > 0.05
    assert np.abs(coarse.image - fine.image).mean() < 0.03
    assert fine.image.dtype == np.float32 and fine.as_uint16().dtype == np.uint16
    scope.look(carm(lao_deg=90.0, pixels=64))
    assert scope.frame([ball()]).image.shape == (64, 64)


def test_the_table_carries_the_patient():
    scope = Fluoroscope(carm(), None, noise=False)
    scope.frame([ball(200.0)])
    middle = np.argwhere(scope.signal() < 0.9).mean(axis=0)
    scope.look(carm(table_mm=(10.0, 0.0, 5.0)))
    scope.frame([ball(200.0)])
    moved = np.argwhere(scope.signal() < 0.9).mean(axis=0)
    pitch = carm().pixel_mm / carm().magnification
    assert np.allclose(moved - middle, (-5.0 / pitch, 10.0 / pitch), atol=0.6)


def test_a_subtraction_shows_the_dye_alone(monkeypatch):
    monkeypatch.setattr("viewer.xray.fluoroscope.SCATTER", 0.0)
    scope = Fluoroscope(carm(), block(), noise=False)
    wire = Cylinders.of_line([[-30, 0, -30], [-20, 0, 30]], radius=0.4, material="nitinol")
    mask, live = scope.frame([wire]), scope.frame([wire, ball(60.0, radius_mm=5.0)])
    difference = subtracted(mask, live)
    assert np.abs(difference[:30]).max() < 1e-6
    beam, iodine = beam_of(80), 600.0
    bed = {"water": 200.0}
    exact = np.log(beam.transmission(bed) / beam.transmission({**bed, "iodine": iodine}))
    assert difference[46:49, 46:49].max() == pytest.approx(float(exact), rel=0.04)
    picture = dsa(mask, live)
    assert picture[5, 5] == pytest.approx(0.75, abs=1e-5) and picture[47, 47] < 0.4


def test_a_mask_from_elsewhere_is_refused():
    scope = Fluoroscope(carm(), block())
    mask = scope.frame()
    scope.look(carm(lao_deg=20.0))
    with pytest.raises(InputError, match="mask was taken at LAO 0 / CRA 0 and the picture at LAO 20 / CRA 0"):
        subtracted(mask, scope.frame())
    with pytest.raises(InputError, match="roadmap is of LAO 0"):
        Roadmap(mask).over(scope.frame())


def test_a_roadmap_keeps_the_fullest_and_a_mean_of_masks_has_less_noise():
    scope = Fluoroscope(carm(), block())
    masks = [scope.frame() for _ in range(9)]
    mean = averaged(masks)
    quiet = Fluoroscope(carm(), block(), noise=False).frame().image
    assert (mean.image - quiet).std() < 0.45 * (masks[0].image - quiet).std()
    roadmap = Roadmap(mean)
    for place in (-12.0, 0.0, 12.0):
        roadmap.add(scope.frame([ball(250.0, at=(0.0, 0.0, place), radius_mm=6.0)]))
    over = roadmap.over(masks[0])
    lighter = over - masks[0].image
    pitch = carm().pixel_mm / carm().magnification
    for place in (-12.0, 0.0, 12.0):
        assert lighter[round(47.5 - place / pitch), 45:50].min() > 0.1
    assert lighter[:10].max() < 0.4 and (lighter[:10] > 0.2).mean() < 0.01


def test_a_cine_keeps_the_last_pictures_once_each():
    scope, cine = Fluoroscope(carm(), None), Cine(longest_s=1.0, pulses_per_s=15.0)
    with pytest.raises(InputError, match="no picture yet"):
        cine.stack()
    for number in range(20):
        cine.add(scope.frame(number=number))
        cine.add(cine.frames[-1])
    assert cine.stack().shape == (15, PIXELS, PIXELS)
    assert [one.number for one in cine.frames] == list(range(5, 20))


def test_an_unknown_material_is_said():
    vertices, triangles = box((-1, -1, -1), (1, 1, 1))
    with pytest.raises(InputError, match="No material of X-rays is called 'kryptonite'"):
        Fluoroscope(carm(), None).frame([Surface.closed(vertices, triangles, material="kryptonite")])
    assert find_material("iodine").density == 0.001
