"""Yeoh, Mooney–Rivlin and Ogden: slopes, twins, closed forms, inversion, and what they refuse."""

import numpy as np
import pytest

from sim.materials.mooney_rivlin import MooneyRivlin
from sim.materials.ogden import Ogden
from sim.materials.ranges import LawError
from sim.materials.yeoh import Yeoh
from tests.laws import isochoric_twin as twin
from tests.laws.deformations import EYE, deformations, flattened, kinds, sheared, size, slope_of, turned
from tests.laws.probe import SINGLE, energy_and_stress, principal_tangent, tangent

LAWS = {
    "yeoh": Yeoh(20.0e3, 30.0e3, 15.0e3, 2.0e6, 1100.0),
    "yeoh softening": Yeoh(20.0e3, -2.0e3, 1.0e3, 2.0e6, 1100.0),
    "mooney-rivlin": MooneyRivlin(15.0e3, 5.0e3, 2.0e6, 1100.0),
    "mooney-rivlin second": MooneyRivlin(0.0, 20.0e3, 2.0e6, 1100.0),
    "ogden": Ogden(93.0e3, 8.17, 10.0e6, 1450.0),
    "ogden brain": Ogden(1.43e3, -19.0, 0.2e6, 1040.0),
    "ogden two": Ogden(40.0e3, 2.0, 2.0e6, 1100.0),
}
STRETCHES = {8.17: 2.5, -19.0: 1.5}


@pytest.fixture(params=LAWS, ids=str)
def law(request) -> twin.Law:
    return LAWS[request.param]


def spread(law: twin.Law) -> float:
    """How far stretches go in these tests: to where the tissue has stiffened up to a thousandfold."""
    return STRETCHES.get(getattr(law, "exponent", 0.0), 3.0)


def energy_of(law: twin.Law, f: np.ndarray) -> np.ndarray:
    return energy_and_stress(law, f - EYE)[0]


def stress_of(law: twin.Law, f: np.ndarray) -> np.ndarray:
    return energy_and_stress(law, f - EYE)[1]


def test_energy_and_stress_agree_with_the_twin(law):
    for f in kinds(spread(law)).values():
        energy, stress = energy_and_stress(law, f - EYE)
        np.testing.assert_allclose(energy, twin.energy(law, f), rtol=1e-9, atol=1e-13 * law.shear_modulus)
        exact = twin.stress(law, f)
        assert (size(stress - exact) / (size(exact) + 1e-5 * law.shear_modulus)).max() < 1e-9


def test_stress_is_the_slope_of_the_energy(law):
    everywhere = {**kinds(spread(law)), "flat": flattened(-0.1, 0.3), "inverted": flattened(-0.59, -0.1)}
    worst = 0.0
    for f in everywhere.values():
        stress = stress_of(law, f)
        slope = slope_of(lambda at: energy_of(law, at), f, 2e-4)
        worst = max(worst, (size(slope - stress) / (size(stress) + 1e-2 * law.shear_modulus)).max())
    print(f"stress against slope of energy: {worst:.1e}")
    assert worst < 1e-6


def clear_of_seams(law: twin.Law, f: np.ndarray) -> np.ndarray:
    """Those F about which differences do not straddle a place where a law is carried on, as its second slope may break there."""
    j = np.linalg.det(f)
    s = np.linalg.svd(f, compute_uv=False)
    s[:, 2] *= np.sign(j)
    clear = (np.abs(s[:, 2] - 0.125) > 1e-3) & (np.abs(j - 0.25) > 1e-3)
    if isinstance(law, Ogden):
        below = np.minimum(s - 0.125, 0.0) / 0.125
        logarithm = np.log(np.maximum(s, 0.125)) + below - 0.5 * below**2 / (1.0 - below)
        power = law.exponent * (logarithm - logarithm.mean(1, keepdims=True))
        clear &= (np.abs(power - 12.0) > 0.2).all(1) & ((j > 0.0) | (s[:, 1] + s[:, 2] > 0.02))
    return f[clear]


def test_tangent_before_projection_is_the_slope_of_the_stress(law):
    worst = 0.0
    for f in kinds(spread(law)).values():
        found = tangent(law, f)
        slope = slope_of(lambda at: stress_of(law, at), f, 2e-4)
        worst = max(worst, (size(slope - found) / size(found)).max())
    flat = clear_of_seams(law, np.concatenate([flattened(-0.1, 0.3), flattened(-0.59, -0.1)]))
    assert len(flat) > 300
    found = tangent(law, flat)
    slope = slope_of(lambda at: stress_of(law, at), flat, 1e-4)
    flat_worst = (size(slope - found) / size(found)).max()
    print(f"tangent against slope of stress: {worst:.1e}, flat and inverted {flat_worst:.1e}")
    assert worst < 1e-6
    assert flat_worst < 1e-6


def test_tangent_is_the_slope_of_the_twins_stress(law):
    for f in kinds(spread(law)).values():
        found = tangent(law, f)
        slope = slope_of(lambda at: twin.stress(law, at), f, 2e-4)
        assert (size(slope - found) / size(found)).max() < 1e-6


def test_projection_only_lifts_negative_eigenvalues(law):
    everywhere = [*kinds(spread(law)).values(), flattened(-0.5, 0.3)]
    f = np.concatenate(everywhere)
    whole, kept = (principal_tangent(law, f - EYE, projected=one).reshape(-1, 9, 9) for one in (False, True))
    np.testing.assert_allclose(kept, kept.transpose(0, 2, 1), atol=1e-10 * np.abs(kept).max())
    values, modes = np.linalg.eigh(0.5 * (whole + whole.transpose(0, 2, 1)))
    lifted = modes @ (np.maximum(values, 0.0)[:, :, None] * modes.transpose(0, 2, 1))
    assert (size(kept - lifted) / size(lifted)).max() < 1e-9
    assert (np.linalg.eigvalsh(kept)[:, 0] / size(kept)).min() > -1e-12
    lowest = values[:, 0] < -1e-3 * law.shear_modulus
    assert lowest.mean() > 0.1


def test_it_sees_no_turn_of_the_world_nor_of_the_tissue(law):
    f = np.concatenate([deformations(100, stretch=spread(law)), flattened(-0.5, 0.3)])
    before, after = turned(len(f), 9), turned(len(f), 10)
    energy, stress = energy_and_stress(law, f - EYE)
    energy_turned, stress_turned = energy_and_stress(law, after @ f @ before - EYE)
    np.testing.assert_allclose(energy_turned, energy, rtol=1e-9, atol=1e-10 * law.shear_modulus)
    assert (size(stress_turned - after @ stress @ before) / size(stress)).max() < 1e-9


def test_at_rest_it_is_hookes_law_without_change_of_volume(law):
    energy, stress = energy_and_stress(law, np.zeros((1, 3, 3)))
    assert energy[0] == 0.0
    assert np.abs(stress).max() == 0.0
    strain = 1e-8
    f = np.tile(EYE, (2, 1, 1))
    f[0] *= 1.0 + strain
    f[1, 0, 1] = strain
    stress = stress_of(law, f)
    shear = stress[1, 0, 1] / strain
    print(f"shear modulus off by {shear / law.shear_modulus - 1.0:.1e}")
    assert np.abs(stress[0]).max() < 1e-6 * strain * law.shear_modulus
    assert shear == pytest.approx(law.shear_modulus, rel=1e-6)
    one = np.einsum("ij,kl->ijkl", EYE, EYE)
    both = np.einsum("ik,jl->ijkl", EYE, EYE) + np.einsum("il,jk->ijkl", EYE, EYE)
    hooke = law.shear_modulus * (both - 2.0 / 3.0 * one)
    np.testing.assert_allclose(tangent(law, EYE[None])[0], hooke, atol=1e-9 * law.shear_modulus)
    projected = principal_tangent(law, np.zeros((1, 3, 3)), projected=True)[0]
    np.testing.assert_allclose(projected, hooke, atol=1e-9 * law.shear_modulus)
    assert law.volume_stiffness == law.bulk


@pytest.mark.parametrize("strain", [1e-6, 1e-4, 1e-2, 0.2])
def test_single_precision_loses_nothing_near_rest(law, strain):
    g = (strain * np.random.default_rng(4).uniform(-1.0, 1.0, (300, 3, 3))).astype(np.float32).astype(float)
    _, single = energy_and_stress(law, g, precision=SINGLE)
    _, double = energy_and_stress(law, g)
    error = size(single - double) / size(double)
    print(f"strain {strain:g}: single precision off by {error.max():.1e}, half of the time by {np.median(error):.1e}")
    assert error.max() < 5e-5
    assert np.median(error) < 1e-6


def incompressible_pull(law: twin.Law, stretch: float, power: float) -> float:
    """P [Pa] of a stretch whose free sides follow as its power: −½ for uniaxial, −2 for equibiaxial tension."""
    side = stretch**power
    ends, sides = (1.0, 2.0) if power == -0.5 else (2.0, 1.0)
    if isinstance(law, Ogden):
        a = law.exponent
        return 2.0 * law.shear_modulus / a * (stretch**a - side**a) / stretch
    first = ends * stretch**2 + sides * side**2
    if isinstance(law, MooneyRivlin):
        other = side if power == -0.5 else stretch
        return 2.0 * (law.c10 + law.c01 * other**2) * (stretch**2 - side**2) / stretch
    slope = law.c1 + 2.0 * law.c2 * (first - 3.0) + 3.0 * law.c3 * (first - 3.0) ** 2
    return 2.0 * slope * (stretch**2 - side**2) / stretch


@pytest.mark.parametrize("stretch", [0.7, 0.9, 1.05, 1.2, 1.5, 2.0])
def test_uniaxial_and_equibiaxial_tension_of_tissue_that_keeps_its_volume(law, stretch):
    """Whatever pressure keeps the volume, the free sides bear nothing, so it drops out of P₁ − P₃ σ₃/σ₁."""
    stretch = stretch if spread(law) > 2.0 else min(stretch, 1.25)
    off = []
    for power, sides in ((-0.5, [1, 2]), (-2.0, [2])):
        principal = np.full(3, stretch)
        principal[sides] = stretch**power
        stress = stress_of(law, np.diag(principal)[None])[0]
        np.testing.assert_allclose(stress, np.diag(np.diag(stress)), atol=1e-9 * np.abs(stress).max())
        pull = stress[0, 0] - stress[2, 2] * principal[2] / stretch
        off.append(pull / incompressible_pull(law, stretch, power) - 1.0)
    print(f"stretch {stretch:g}: uniaxial off by {off[0]:.1e}, equibiaxial by {off[1]:.1e}")
    assert np.abs(off).max() < 1e-9


@pytest.mark.parametrize("amount", [0.05, 0.5, 1.0])
def test_simple_shear(law, amount):
    f = EYE.copy()
    f[0, 1] = amount
    stress = stress_of(law, f[None])[0]
    if isinstance(law, Ogden):
        longest = 0.5 * (amount + np.sqrt(amount**2 + 4.0))
        a = law.exponent
        expected = 2.0 * law.shear_modulus / a * (longest**a - longest**-a) / (longest + 1.0 / longest)
    elif isinstance(law, Yeoh):
        expected = 2.0 * amount * (law.c1 + 2.0 * law.c2 * amount**2 + 3.0 * law.c3 * amount**4)
    else:
        expected = law.shear_modulus * amount
    assert stress[0, 1] == pytest.approx(expected, rel=1e-9)


def test_ogden_with_exponent_two_is_yeoh_with_one_term():
    f = np.concatenate([deformations(100, stretch=2.0), sheared(1.5)])
    f = f[np.linalg.det(f) > 0.3]
    energy, stress = energy_and_stress(Ogden(40.0e3, 2.0, 2.0e6, 1100.0), f - EYE)
    energy_yeoh, stress_yeoh = energy_and_stress(Yeoh(20.0e3, 0.0, 0.0, 2.0e6, 1100.0), f - EYE)
    np.testing.assert_allclose(energy, energy_yeoh, rtol=1e-10, atol=1e-7)
    np.testing.assert_allclose(stress, stress_yeoh, atol=1e-10 * np.abs(stress).max())


@pytest.mark.parametrize("apart", [0.0, 1e-12, 1e-8, 1e-5, 6e-4, 7e-4, 1e-2])
@pytest.mark.parametrize("equal", [2, 3])
def test_ogdens_tangent_at_equal_and_nearly_equal_stretches(apart, equal):
    law = Ogden(93.0e3, 8.17, 10.0e6, 1450.0)
    principal = np.array([1.3, 1.3 + apart, 0.7 if equal == 2 else 1.3 - 0.5 * apart])
    f = turned(20, 51) @ (principal[:, None] * turned(20, 52))
    found = tangent(law, f)
    slope = slope_of(lambda at: stress_of(law, at), f, 2e-4)
    # The limit for equal stretches, taken up to 1/4000 of their sum apart, is off by less than a part in a million there.
    assert (size(slope - found) / size(found)).max() < 1e-6


def test_every_energy_is_finite_and_smooth_through_flat_and_inverted(law):
    """Along a line from F to its mirror image stress has no jump, and the smallest stretch always gains by growing."""
    others, smallest = np.array([1.3, 0.8]), np.linspace(-0.79, 0.75, 1541)
    f = np.zeros((len(smallest), 3, 3))
    f[:, 0, 0], f[:, 1, 1] = others
    f[:, 2, 2] = smallest
    energy, stress = energy_and_stress(law, f - EYE)
    assert np.isfinite(energy).all()
    assert np.isfinite(stress).all()
    assert (np.diff(energy) < 0.0).all()
    slopes = tangent(law, f)[:, 2, 2, 2, 2]
    jump = np.abs(np.diff(stress[:, 2, 2])) / (1e-3 * np.maximum(np.abs(slopes[1:]), np.abs(slopes[:-1])))
    assert jump.max() < 1.1
    assert np.isfinite(slopes).all()


def test_nothing_overflows_however_badly_torn(law):
    rng = np.random.default_rng(61)
    f = np.concatenate([rng.uniform(-3.0, 3.0, (200, 3, 3)), np.zeros((1, 3, 3)), np.ones((1, 3, 3)), -EYE[None]])
    for precision in ({}, {"precision": SINGLE}):
        energy, stress = energy_and_stress(law, f - EYE, **precision)
        assert np.isfinite(energy).all()
        assert np.isfinite(stress).all()
    assert (energy_of(law, f) >= 0.0).all()
    kept = principal_tangent(law, f - EYE, projected=True).reshape(-1, 9, 9)
    assert np.isfinite(kept).all()
    assert (np.linalg.eigvalsh(kept)[:, 0] >= -1e-9 * size(kept)).all()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Yeoh(0.0, 1.0, 1.0, 1e5, 1e3), r"^Yeoh: c1 is 0; it must be positive \[Pa\]\.$"),
        (lambda: Yeoh(1e3, 0.0, -2.0, 1e5, 1e3), r"^Yeoh: c3 is -2; it must be zero or positive"),
        (lambda: Yeoh(1e3, -1e3, 100.0, 1e5, 1e3), r"^Yeoh: c2 is -1000; it must be zero or above .* = -547\.723 Pa"),
        (lambda: Yeoh(1e3, float("nan"), 0.0, 1e5, 1e3), r"^Yeoh: c2 is nan"),
        (lambda: Yeoh(1e3, 0.0, 0.0, 1e3, 1e3), r"^Yeoh: bulk is 1000; it must be at least ⅔ .*, 1333\.33 Pa\.$"),
        (lambda: Yeoh(1e3, 0.0, 0.0, float("inf"), 1e3), r"^Yeoh: bulk is inf"),
        (lambda: MooneyRivlin(-5.0, 1e3, 1e5, 1e3), r"^MooneyRivlin: c10 is -5; it must be zero or positive"),
        (lambda: MooneyRivlin(1e3, -5.0, 1e5, 1e3), r"^MooneyRivlin: c01 is -5; it must be zero or positive"),
        (lambda: MooneyRivlin(0.0, 0.0, 1e5, 1e3), r"^MooneyRivlin: c10 \+ c01 is 0; it must be positive"),
        (lambda: MooneyRivlin(1e3, 1e3, 1e5, 0.0), r"^MooneyRivlin: density is 0; it must be positive \[kg/m³\]\.$"),
        (lambda: Ogden(-1.0, 8.0, 1e5, 1e3), r"^Ogden: shear_modulus is -1; it must be positive"),
        (lambda: Ogden(1e3, 0.0, 1e5, 1e3), r"^Ogden: exponent is 0; it must be from 0\.5 to 50 or from −50 to −0\.5"),
        (lambda: Ogden(1e3, 60.0, 1e5, 1e3), r"^Ogden: exponent is 60"),
    ],
)
def test_numbers_outside_their_range_are_refused_in_a_sentence(make, sentence):
    with pytest.raises(LawError, match=sentence):
        make()
