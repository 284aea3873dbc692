"""The stiffness that a solver takes of laws with fibres: with the engine's pressure, whole or without negative eigenvalues."""

import numpy as np
import pytest

from tests.laws.deformations import EYE, deformations, flattened, kinds, sheared, size, slope_of
from tests.laws.fibrous_laws import LAWS, clear_of_seams, spread, stress_of
from tests.laws.fibrous_twin import Law
from tests.laws.probe import SINGLE, fibrous_tangent
from tests.sim.twin import EPSILON, cofactor


@pytest.fixture(params=LAWS, ids=str)
def name(request) -> str:
    return request.param


@pytest.fixture
def law(name) -> Law:
    return LAWS[name]


def everywhere(name: str) -> np.ndarray:
    """Deformations of every kind, flat, inverted, swollen and torn ones among them, shape (m, 3, 3)."""
    rng = np.random.default_rng(71)
    torn = rng.uniform(-2.5, 2.5, (300, 3, 3))
    swollen = deformations(300, stretch=1.6, seed=72) * 1.5
    flat = [flattened(-0.1, 0.3), flattened(-0.59, -0.1)]
    return np.concatenate(
        [*kinds(spread(name)).values(), *flat, torn, swollen, deformations(300, stretch=6.0, seed=73), sheared(5.0)]
    )


def test_the_engines_factors_add_the_volume_terms_part(name, law):
    f = np.concatenate(list(kinds(spread(name)).values()))
    rng = np.random.default_rng(74)
    pressure, bulk = rng.uniform(-1e5, 1e5, len(f)), rng.uniform(0.0, 1e6, len(f))
    alone = fibrous_tangent(law, f - EYE, whole=True)
    found = fibrous_tangent(law, f - EYE, whole=True, pressure=pressure, bulk=bulk)
    expected = alone + np.einsum("m,ikp,jlq,mpq->mijkl", pressure, EPSILON, EPSILON, f, optimize=True)
    expected += np.einsum("m,mij,mkl->mijkl", bulk, cofactor(f), cofactor(f))
    assert (size(found - expected) / size(expected)).max() < 1e-12


def test_whole_stiffness_with_the_volume_term_is_the_slope_of_the_whole_stress(name, law):
    def whole_stress(f: np.ndarray) -> np.ndarray:
        pressure = law.volume_stiffness * (np.linalg.det(f) - 1.0)
        return stress_of(law, f) + pressure[:, None, None] * cofactor(f)

    f = clear_of_seams(law, np.concatenate(list(kinds(spread(name)).values())), 1e-4)
    pressure = law.volume_stiffness * (np.linalg.det(f) - 1.0)
    found = fibrous_tangent(law, f - EYE, whole=True, pressure=pressure, bulk=law.volume_stiffness)
    slope = slope_of(whole_stress, f, 1e-4)
    assert (size(slope - found) / size(found)).max() < 1e-6
    turned = found.transpose(0, 3, 4, 1, 2)
    assert (size(found - turned) / size(found)).max() < 1e-12


@pytest.mark.parametrize("bulk", [0.0, 1.0])
@pytest.mark.parametrize("push", [-1.0, 0.0, 1.0])
def test_regularised_stiffness_has_no_negative_eigenvalue(name, law, bulk, push):
    """Whatever the pressure, from 10⁻³ to 10³ of the shear modulus either way, and with no help from the bulk modulus."""
    f = everywhere(name)
    pressure = push * law.shear_modulus * np.geomspace(1e-3, 1e3, len(f))[np.random.default_rng(75).permutation(len(f))]
    found = fibrous_tangent(law, f - EYE, whole=False, pressure=pressure, bulk=bulk * law.volume_stiffness).reshape(-1, 9, 9)
    assert (size(found - found.transpose(0, 2, 1)) / size(found)).max() < 1e-12
    lowest = np.linalg.eigvalsh(0.5 * (found + found.transpose(0, 2, 1)))[:, 0] / size(found)
    print(f"bulk {bulk:g}, pressure {push:+g}: lowest eigenvalue {lowest.min():.1e} of the norm")
    assert lowest.min() > -1e-12


def test_regularised_stiffness_in_single_precision(name, law):
    f = everywhere(name)
    pressure = law.shear_modulus * np.random.default_rng(76).uniform(-10.0, 10.0, len(f))
    given = {"pressure": pressure, "bulk": law.volume_stiffness, "precision": SINGLE}
    found = fibrous_tangent(law, f - EYE, whole=False, **given).reshape(-1, 9, 9)
    lowest = np.linalg.eigvalsh(0.5 * (found + found.transpose(0, 2, 1)))[:, 0] / size(found)
    assert lowest.min() > -1e-5


def test_at_rest_regularising_changes_nothing_where_the_volume_is_kept(law):
    """The mixed term is all that is left out at rest, and it takes a change of volume to feel it."""
    rest = np.zeros((1, 3, 3))
    whole, kept = (fibrous_tangent(law, rest, whole=one, bulk=law.volume_stiffness)[0] for one in (True, False))
    keeping = np.eye(9) - np.outer(EYE.ravel(), EYE.ravel()) / 3.0
    left = keeping @ (whole - kept).reshape(9, 9) @ keeping
    assert np.abs(left).max() < 1e-12 * law.shear_modulus
    assert np.linalg.eigvalsh(whole.reshape(9, 9)).min() > -1e-9 * law.volume_stiffness
