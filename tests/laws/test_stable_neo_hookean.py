"""The stable neo-Hookean law: the kernels' parts and the volume term put together, against the whole formula."""

import numpy as np
import pytest

from sim.materials.stable_neo_hookean import StableNeoHookean
from tests.laws.deformations import EYE, deformations, size, slope_of, turned
from tests.laws.probe import SINGLE, energy_and_stress, stiffness_terms
from tests.sim import twin

LAWS = [
    StableNeoHookean.from_young(1.0e6, 0.45, 1100.0),
    StableNeoHookean.from_young(20.0e3, 0.49, 1100.0),
    StableNeoHookean.from_young(10.0e6, 0.3, 1450.0),
]


def whole(law: StableNeoHookean, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ψ [J/m³] and first Piola–Kirchhoff stress [Pa] with the volume term κ/2 (J − 1)² that the engine adds."""
    energy, stress = energy_and_stress(law, g)
    square = np.einsum("mij,mji->m", g, g)
    trace = np.trace(g, axis1=1, axis2=2)
    change = trace + 0.5 * (trace**2 - square) + np.linalg.det(g)
    stress = stress + (law.volume_stiffness * change)[:, None, None] * twin.cofactor(EYE + g)
    return energy + 0.5 * law.volume_stiffness * change**2, stress


@pytest.fixture(params=LAWS, ids=lambda law: f"nu{law.first_lame / (2 * (law.first_lame + law.shear_modulus)):.2f}")
def law(request) -> StableNeoHookean:
    return request.param


@pytest.mark.parametrize("stretch", [1.001, 1.2, 4.0])
def test_stress_is_the_slope_of_the_energy(law, stretch):
    f = deformations(100, stretch=stretch)
    _, stress = whole(law, f - EYE)
    h = 1e-4 * (stretch - 1.0) if stretch < 1.1 else 1e-5
    slope = np.empty_like(stress)
    for i in range(3):
        for j in range(3):
            step = np.zeros((3, 3))
            step[i, j] = h
            slope[:, i, j] = (whole(law, f - EYE + step)[0] - whole(law, f - EYE - step)[0]) / (2.0 * h)
    np.testing.assert_allclose(slope, stress, atol=3e-8 * np.abs(stress).max(), rtol=1e-6)


def test_inverted_elements_have_a_slope_too(law):
    f = deformations(50, stretch=2.0) * np.array([-1.0, 1.0, 1.0])
    _, stress = whole(law, f - EYE)
    direction = np.random.default_rng(3).normal(size=f.shape)
    h = 1e-6
    ahead, behind = (whole(law, f - EYE + sign * h * direction)[0] for sign in (1.0, -1.0))
    np.testing.assert_allclose((ahead - behind) / (2.0 * h), np.einsum("mij,mij->m", stress, direction), rtol=1e-6)


@pytest.mark.parametrize("stretch", [1.0001, 1.2, 4.0])
def test_energy_and_stress_agree_with_the_formula(law, stretch):
    f = deformations(200, stretch=stretch)
    energy, stress = whole(law, f - EYE)
    exact = twin.stress(f, law.shear_modulus, law.first_lame)
    np.testing.assert_allclose(stress, exact, atol=1e-11 * law.first_lame, rtol=1e-10)
    np.testing.assert_allclose(energy, twin.energy_density(f, law.shear_modulus, law.first_lame), atol=1e-10 * law.first_lame)


@pytest.mark.parametrize("strain", [1e-6, 1e-4, 1e-2, 0.5])
def test_single_precision_loses_nothing_near_rest(law, strain):
    g = (strain * np.random.default_rng(4).uniform(-1.0, 1.0, (200, 3, 3))).astype(np.float32).astype(float)
    _, single = energy_and_stress(law, g, precision=SINGLE)
    _, double = energy_and_stress(law, g)
    error = np.linalg.norm(single - double, axis=(1, 2)) / np.linalg.norm(double, axis=(1, 2))
    assert error.max() < 2e-6
    assert np.median(error) < 2e-7


def test_no_stress_and_no_energy_at_rest(law):
    energy, stress = whole(law, np.zeros((1, 3, 3)))
    assert np.all(energy == 0.0)
    assert np.all(stress == 0.0)


def test_it_linearises_to_hooke(law):
    young = law.shear_modulus * (3.0 * law.first_lame + 2.0 * law.shear_modulus) / (law.first_lame + law.shear_modulus)
    poisson = law.first_lame / (2.0 * (law.first_lame + law.shear_modulus))
    g = 1e-7 * np.random.default_rng(2).normal(size=(50, 3, 3))
    strain = 0.5 * (g + g.transpose(0, 2, 1))
    trace = np.trace(strain, axis1=1, axis2=2)[:, None, None]
    hooke = young / (1.0 + poisson) * (strain + poisson / (1.0 - 2.0 * poisson) * trace * EYE)
    _, stress = whole(law, g)
    np.testing.assert_allclose(stress, hooke, atol=1e-5 * np.abs(hooke).max())


@pytest.mark.parametrize("stretch", [0.5, 0.8, 1.001, 1.3, 2.0, 3.0])
def test_uniaxial_stretch(law, stretch):
    """Free sides give μ + c λ = 0 with c = (λ₁+μ)(J − 1) − μ, so s² = (1 + μ(1 − 1/λ)/(λ₁+μ))/λ and P = μ (λ − s²/λ)."""
    shear, lame = law.shear_modulus, law.first_lame
    side2 = (1.0 + shear * (1.0 - 1.0 / stretch) / (lame + shear)) / stretch
    f = np.diag([stretch, np.sqrt(side2), np.sqrt(side2)])
    _, stress = whole(law, (f - EYE)[None])
    expected = np.diag([shear * (stretch - side2 / stretch), 0.0, 0.0])
    np.testing.assert_allclose(stress[0], expected, atol=1e-9 * lame)


def test_it_does_not_see_a_turn_of_the_world(law):
    f, turn = deformations(100, stretch=2.0), turned(100, 9)
    energy, stress = whole(law, f - EYE)
    energy_turned, stress_turned = whole(law, turn @ f - EYE)
    np.testing.assert_allclose(energy_turned, energy, rtol=1e-9, atol=1e-10 * law.first_lame)
    np.testing.assert_allclose(stress_turned, turn @ stress, atol=1e-10 * np.abs(stress).max())


def test_it_is_isotropic(law):
    f, turn = deformations(100, stretch=2.0), turned(100, 10)
    energy, stress = whole(law, f - EYE)
    energy_turned, stress_turned = whole(law, f @ turn - EYE)
    np.testing.assert_allclose(energy_turned, energy, rtol=1e-9, atol=1e-10 * law.first_lame)
    np.testing.assert_allclose(stress_turned, stress @ turn, atol=1e-10 * np.abs(stress).max())


def test_the_terms_of_the_stiffness_are_the_slope_of_the_stress_without_volume_term(law):
    f = np.concatenate([deformations(200, stretch=3.0), deformations(50, stretch=2.0) * np.array([-1.0, 1.0, 1.0])])
    found, cofactor, shear = stiffness_terms(law, f - EYE)
    np.testing.assert_allclose(found, f, atol=1e-15)
    np.testing.assert_allclose(cofactor, twin.cofactor(f), atol=1e-13)
    np.testing.assert_array_equal(shear, law.shear_modulus)
    slope = slope_of(lambda at: energy_and_stress(law, at - EYE)[1], f, 1e-3)
    # The twin's tangent without volume term is that of λ = −μ.
    exact = twin.tangent(f, law.shear_modulus, -law.shear_modulus)
    assert (size(slope - exact) / size(exact)).max() < 1e-9


def test_young_and_poisson_come_back():
    law = StableNeoHookean.from_young(1.0e6, 0.45, 1100.0)
    assert law.shear_modulus == pytest.approx(1.0e6 / 2.9)
    assert law.first_lame == pytest.approx(1.0e6 * 0.45 / (1.45 * 0.1))
