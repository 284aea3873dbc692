"""Laws with fibres: slopes, twins, turns, rest, inversion, precision, and what they refuse."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from sim.materials.gasser_ogden_holzapfel import GasserOgdenHolzapfel
from sim.materials.guccione import Guccione
from sim.materials.holzapfel_ogden import HolzapfelOgden
from sim.materials.ranges import LawError
from tests.laws import fibrous_twin as twin
from tests.laws.deformations import EYE, deformations, flattened, kinds, sheared, size, slope_of, turned
from tests.laws.fibrous_laws import LAWS, WITHOUT_DIRECTION, clear_of_seams, energy_of, spread, stress_of
from tests.laws.probe import SINGLE, energy_and_stress, fibrous_tangent, tangent


@pytest.fixture(params=LAWS, ids=str)
def name(request) -> str:
    return request.param


@pytest.fixture
def law(name) -> twin.Law:
    return LAWS[name]


def test_energy_and_stress_agree_with_the_twin(name, law):
    tried = 0
    for f in kinds(spread(name)).values():
        f = f[(twin.exponents(law, f) < 12.0).all(1)]
        tried += len(f)
        energy, stress = energy_and_stress(law, f - EYE)
        np.testing.assert_allclose(energy, twin.energy(law, f), rtol=1e-9, atol=1e-12 * law.shear_modulus)
        exact = twin.stress(law, f)
        assert (size(stress - exact) / (size(exact) + 1e-5 * law.shear_modulus)).max() < 1e-9
    assert tried > 400


def worst_slope(law: twin.Law, stretch: float, value, slope, step: float) -> tuple[float, int]:
    """The largest relative distance of a slope by differences from the one given, and how many deformations were tried."""
    worst, tried = 0.0, 0
    for f in kinds(stretch).values():
        f = clear_of_seams(law, f, step)
        if len(f):
            exact = slope(law, f)
            off = size(slope_of(lambda at: value(law, at), f, step) - exact) / (size(exact) + 1e-2 * law.shear_modulus)
            worst, tried = max(worst, float(off.max())), tried + len(f)
    assert tried > 500
    return worst, tried


def test_stress_is_the_slope_of_the_energy(name, law):
    worst, tried = worst_slope(law, spread(name), energy_of, stress_of, 1e-4)
    print(f"stress against slope of energy: {worst:.1e}, {tried} deformations")
    assert worst < 1e-6


def test_tangent_is_the_slope_of_the_stress(name, law):
    worst, tried = worst_slope(law, spread(name), stress_of, tangent, 1e-4)
    print(f"tangent against slope of stress: {worst:.1e}, {tried} deformations")
    assert worst < 1e-6


def test_stress_of_flat_and_inverted_elements_is_the_slope_of_the_energy(law):
    f = np.concatenate([flattened(-0.1, 0.3), flattened(-0.59, -0.1)])
    stress = stress_of(law, f)
    off = size(slope_of(lambda at: energy_of(law, at), f, 1e-5) - stress) / size(stress)
    assert off.max() < 1e-6


def test_tangent_of_flat_and_inverted_elements_is_the_slope_of_the_stress(law):
    f = np.concatenate([flattened(-0.1, 0.3), flattened(-0.59, -0.1)])
    found = tangent(law, f)
    off = size(slope_of(lambda at: stress_of(law, at), f, 1e-5) - found) / size(found)
    kinked = off > 1e-6
    print(f"flat and inverted: {np.quantile(off, 0.9):.1e} in nine of ten, {kinked.sum()} of {len(f)} at a kink")
    # Where a fibre begins to bear, or J is 1/4, the tangent jumps and differences tell nothing.
    assert kinked.mean() < 0.02


def test_tangent_is_the_slope_of_the_twins_stress(name, law):
    for f in kinds(spread(name)).values():
        f = clear_of_seams(law, f, 1e-4)
        f = f[(twin.exponents(law, f) < 11.0).all(1)]
        if len(f):
            found = tangent(law, f)
            slope = slope_of(lambda at: twin.stress(law, at), f, 1e-4)
            assert (size(slope - found) / size(found)).max() < 1e-6


def test_it_sees_no_turn_of_the_world(name, law):
    f = np.concatenate([deformations(100, stretch=spread(name)), flattened(-0.5, 0.3)])
    after = turned(len(f), 10)
    energy, stress = energy_and_stress(law, f - EYE)
    energy_turned, stress_turned = energy_and_stress(law, after @ f - EYE)
    np.testing.assert_allclose(energy_turned, energy, rtol=1e-9, atol=1e-10 * law.shear_modulus)
    assert (size(stress_turned - after @ stress) / size(stress)).max() < 1e-9
    before = np.diag([1.0, -1.0, -1.0])
    energy_turned, stress_turned = energy_and_stress(law, f @ before - EYE)
    np.testing.assert_allclose(energy_turned, energy, rtol=1e-9, atol=1e-10 * law.shear_modulus)
    assert (size(stress_turned - stress @ before) / size(stress)).max() < 1e-9


def off_when_turned(law: twin.Law, before: np.ndarray, stretch: float) -> float:
    """How far the stress is from that of tissue turned before it deforms, as a share of it."""
    f = np.concatenate([deformations(100, stretch=stretch), flattened(-0.5, 0.3)])
    before = np.broadcast_to(before, f.shape)
    stress, turned_first = stress_of(law, f), stress_of(law, f @ before)
    return float((size(turned_first - stress @ before) / size(stress)).max())


def test_a_law_without_direction_sees_no_turn_of_the_tissue_and_the_others_do(name, law):
    off = off_when_turned(law, turned(300, 13), spread(name))
    if name in WITHOUT_DIRECTION:
        assert off < 1e-9
    else:
        assert off > 0.1
    about_the_fibre = Rotation.from_rotvec([0.7, 0.0, 0.0]).as_matrix()
    off = off_when_turned(law, about_the_fibre, spread(name))
    if name == "guccione":
        assert off < 1e-9
    elif name not in WITHOUT_DIRECTION:
        assert off > 1e-2


def test_no_stress_and_no_energy_at_rest_nor_where_only_the_volume_changes(law):
    energy, stress = energy_and_stress(law, np.zeros((1, 3, 3)))
    assert energy[0] == 0.0
    assert np.abs(stress).max() == 0.0
    f = np.array([0.7, 0.9, 1.1, 1.4])[:, None, None] * EYE
    energy, stress = energy_and_stress(law, f - EYE)
    np.testing.assert_allclose(energy, 0.0, atol=1e-12 * law.shear_modulus)
    np.testing.assert_allclose(stress, 0.0, atol=1e-12 * law.shear_modulus)


def test_the_shear_modulus_is_the_mean_over_all_planes(law):
    """Of simple shears by a small amount in planes and directions at random; the sampling is off by a percent."""
    turns = turned(50_000, 14)
    f = np.tile(EYE, (len(turns), 1, 1))
    f[:, 0, 1] = 1e-4
    f = turns @ f @ turns.transpose(0, 2, 1)
    pull = 2.0 * energy_of(law, f) / 1e-4**2
    print(
        f"shear modulus {law.shear_modulus:.4g} Pa; mean over planes {pull.mean():.4g}, from {pull.min():.3g} to {pull.max():.3g}"
    )
    assert law.shear_modulus == pytest.approx(pull.mean(), rel=0.02)
    assert law.volume_stiffness == law.bulk


@pytest.mark.parametrize("strain", [1e-6, 1e-4, 1e-2, 0.1])
def test_single_precision_loses_nothing_near_rest(law, strain):
    g = (strain * np.random.default_rng(4).uniform(-1.0, 1.0, (300, 3, 3))).astype(np.float32).astype(float)
    _, single = energy_and_stress(law, g, precision=SINGLE)
    _, double = energy_and_stress(law, g)
    error = size(single - double) / size(double)
    print(f"strain {strain:g}: single precision off by {error.max():.1e}, half of the time by {np.median(error):.1e}")
    assert error.max() < 5e-5
    assert np.median(error) < 1e-6


@pytest.mark.parametrize("strain", [1e-4, 0.1])
def test_single_precision_is_enough_for_the_tangent(law, strain):
    g = (strain * np.random.default_rng(5).uniform(-1.0, 1.0, (100, 3, 3))).astype(np.float32).astype(float)
    double = fibrous_tangent(law, g, whole=True)
    error = size(fibrous_tangent(law, g, whole=True, precision=SINGLE) - double) / size(double)
    print(f"strain {strain:g}: single-precision tangent off by {error.max():.1e}")
    assert error.max() < 1e-5


def test_energy_is_smooth_through_flat_and_inverted(law):
    """Along a line from F to its mirror image energy and stress have no jump."""
    smallest = np.linspace(-0.79, 0.75, 1541)
    f = np.zeros((len(smallest), 3, 3))
    f[:, 0, 0], f[:, 1, 1] = 1.15, 0.9
    f[:, 2, 2] = smallest
    energy, stress = energy_and_stress(law, f - EYE)
    assert np.isfinite(energy).all()
    assert np.isfinite(stress).all()
    slopes = tangent(law, f)[:, 2, 2, 2, 2]
    jump = np.abs(np.diff(stress[:, 2, 2])) / (1e-3 * np.maximum(np.abs(slopes[1:]), np.abs(slopes[:-1])))
    assert jump.max() < 1.1
    assert np.isfinite(slopes).all()


def test_nothing_overflows_however_badly_torn(law):
    rng = np.random.default_rng(61)
    stretched = 20.0 * rng.normal(size=(100, 3, 3))
    stretched = stretched[np.linalg.det(stretched) > 0.0]
    torn = [rng.uniform(-3.0, 3.0, (200, 3, 3)), stretched, np.zeros((1, 3, 3)), np.ones((1, 3, 3))]
    f = np.concatenate([*torn, -EYE[None], sheared(30.0)])
    assert np.isfinite(energy_of(law, f)).all()
    for precision in ({}, {"precision": SINGLE}):
        assert np.isfinite(energy_and_stress(law, f - EYE, **precision)[1]).all()
        for whole in (False, True):
            assert np.isfinite(fibrous_tangent(law, f - EYE, whole=whole, pressure=1e6, bulk=1e7, **precision)).all()
    assert (energy_of(law, f) >= 0.0).all()


GOH = {"shear": 1e3, "k1": 1e4, "k2": 5.0, "dispersion": 0.2, "angle": 0.5, "bulk": 1e6, "density": 1e3}
GUCCIONE = {"c": 2e3, "bf": 8.0, "bt": 2.0, "bfs": 4.0, "bulk": 1e6, "density": 1e3}
HEART = {
    "a": 59.0, "b": 8.0, "af": 18e3, "bf": 16.0, "as_": 2e3, "bs": 11.0, "afs": 216.0, "bfs": 11.0, "bulk": 1e6, "density": 1e3,
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "given", "changed", "sentence"),
    [
        (GasserOgdenHolzapfel, GOH, {"shear": 0.0}, r"^GasserOgdenHolzapfel: shear is 0; it must be positive \[Pa\]\.$"),
        (GasserOgdenHolzapfel, GOH, {"k1": -1.0}, r"^GasserOgdenHolzapfel: k1 is -1; it must be zero or positive \[Pa\]\.$"),
        (GasserOgdenHolzapfel, GOH, {"k2": 0.0}, r"^GasserOgdenHolzapfel: k2 is 0; it must be positive\.$"),
        (GasserOgdenHolzapfel, GOH, {"dispersion": 0.34}, r"^GasserOgdenHolzapfel: dispersion is 0\.34; .* from 0 to 1/3\.$"),
        (GasserOgdenHolzapfel, GOH, {"dispersion": -0.1}, r"^GasserOgdenHolzapfel: dispersion is -0\.1"),
        (GasserOgdenHolzapfel, GOH, {"angle": 35.0}, r"^GasserOgdenHolzapfel: angle is 35; it must be from 0 to π/2 \[rad\]\.$"),
        (GasserOgdenHolzapfel, GOH, {"angle": math.nan}, r"^GasserOgdenHolzapfel: angle is nan"),
        (GasserOgdenHolzapfel, GOH, {"bulk": 900.0}, r"^GasserOgdenHolzapfel: bulk is 900; it must be at least ⅔"),
        (Guccione, GUCCIONE, {"c": -2.0}, r"^Guccione: c is -2; it must be positive \[Pa\]\.$"),
        (Guccione, GUCCIONE, {"bfs": 0.0}, r"^Guccione: bfs is 0; it must be positive\.$"),
        (Guccione, GUCCIONE, {"density": 0.0}, r"^Guccione: density is 0; it must be positive \[kg/m³\]\.$"),
        (HolzapfelOgden, HEART, {"a": 0.0}, r"^HolzapfelOgden: a is 0; it must be positive \[Pa\]\.$"),
        (HolzapfelOgden, HEART, {"as_": -1.0}, r"^HolzapfelOgden: as_ is -1; it must be zero or positive \[Pa\]\.$"),
        (HolzapfelOgden, HEART, {"bfs": math.inf}, r"^HolzapfelOgden: bfs is inf; it must be positive\.$"),
    ],
)
def test_numbers_outside_their_range_are_refused_in_a_sentence(kind, given, changed, sentence):
    with pytest.raises(LawError, match=sentence):
        kind(**{**given, **changed})
    kind(**given)
