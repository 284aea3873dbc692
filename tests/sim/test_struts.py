import dataclasses
import itertools

import numpy as np
import pytest

from sim.struts import Struts, dihedral_angles, hinge_angles
from tests.sim.stents import catalogue_stent, on_axis

KINDS = ("bars", "crowns", "twists", "bridges")


def placed_struts() -> tuple[Struts, np.ndarray]:
    """The struts of a crimped catalogue stent and its node positions [m]."""
    design, balloon = catalogue_stent()
    body = on_axis(design, balloon, length_mm=20.0, lumen_mm=6.0).body
    return body.struts, body.positions


def alone(struts: Struts, kind: str) -> Struts:
    """The same network with all kinds of terms but one softened until they no longer count."""
    kept: dict[str, np.ndarray] = {}
    for field in dataclasses.fields(struts):
        values = getattr(struts, field.name)
        mine = field.name.startswith(kind[:-1])
        soft = field.name.endswith(("stiffness", "hardening", "moment")) and not mine
        kept[field.name] = 1e-12 * values if soft else values
    return Struts(**kept)


def shaken(x: np.ndarray, size: float = 3e-5, seed: int = 0) -> np.ndarray:
    """Crowns moved by `size` [m], about a degree of lean."""
    return x + size * np.random.default_rng(seed).normal(size=x.shape)


def plastic_of(struts: Struts, size: float = 0.05) -> np.ndarray:
    return size * np.random.default_rng(8).normal(size=len(struts.crowns))


@pytest.fixture(scope="module")
def network() -> tuple[Struts, np.ndarray]:
    return placed_struts()


def test_a_placed_stent_is_free_of_stress(network):
    struts, x = network
    energy, slope = struts.evaluate(x, np.zeros(len(struts.crowns)))
    assert energy < 1e-20
    assert np.abs(slope).max() < 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_slope_of_each_term(network, kind):
    struts, x = network
    term, x = alone(struts, kind), shaken(x)
    plastic = plastic_of(term)
    _, slope = term.evaluate(x, plastic)
    assert np.linalg.norm(slope) > 0.0
    for seed in range(5):
        step = 1e-9 * np.random.default_rng(seed).normal(size=x.shape)
        risen = term.evaluate(x + step, plastic)[0] - term.evaluate(x - step, plastic)[0]
        assert risen == pytest.approx(2.0 * (slope * step).sum(), abs=1e-6 * float(np.linalg.norm(slope) * np.linalg.norm(step)))


@pytest.mark.parametrize("kind", KINDS)
def test_no_term_pushes_or_turns_the_stent_as_a_whole(network, kind):
    struts, x = network
    term, x = alone(struts, kind), shaken(x)
    _, slope = term.evaluate(x, plastic_of(term))
    largest = np.linalg.norm(slope, axis=1).sum()
    assert np.abs(slope.sum(0)).max() < 1e-9 * largest
    moment = np.cross(x - x.mean(0), slope).sum(0)
    assert np.abs(moment).max() < 1e-9 * largest * np.ptp(x, axis=0).max()


def slope_of_slope(term: Struts, x: np.ndarray, plastic: np.ndarray, direction: np.ndarray) -> np.ndarray:
    return (term.evaluate(x + direction, plastic)[1] - term.evaluate(x - direction, plastic)[1]) / 2.0


@pytest.mark.parametrize("kind", KINDS)
def test_stiffness_is_the_slope_of_the_force_where_there_is_no_stress(network, kind):
    struts, x = network
    term = alone(struts, kind)
    plastic = np.zeros(len(term.crowns))
    matrix = term.stiffness(x, plastic)
    for seed in range(3):
        step = 1e-9 * np.random.default_rng(seed).normal(size=x.shape)
        expected = slope_of_slope(term, x, plastic, step)
        np.testing.assert_allclose((matrix @ step.ravel()).reshape(x.shape), expected, atol=2e-5 * np.abs(expected).max())


def test_stiffness_of_taut_bars_is_exact(network):
    struts, x = network
    bars = alone(struts, "bars")
    taut = dataclasses.replace(bars, bar_length=0.98 * bars.bar_length)
    step = 1e-9 * np.random.default_rng(1).normal(size=x.shape)
    none = np.zeros(len(taut.crowns))
    expected = slope_of_slope(taut, x, none, step)
    found = (taut.stiffness(x, none) @ step.ravel()).reshape(x.shape)
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


def test_stiffness_of_yielding_crowns_is_that_of_the_return_mapping(network):
    """W'' ∇q∇qᵀ + W' ∇²q is the whole slope; the engine leaves the second part out, which is found here by differences."""
    struts, x = network
    crowns = alone(struts, "crowns")
    opened = x * np.array([1.3, 1.3, 1.0])
    plastic = np.zeros(len(crowns.crowns))
    moment = crowns.crown_moments(opened, plastic)
    assert np.all(np.abs(moment) >= crowns.crown_moment * (1.0 - 1e-9))
    step = 1e-9 * np.random.default_rng(2).normal(size=x.shape)
    ahead, behind = (hinge_angles(opened + sign * step, crowns.crowns)[1] for sign in (1.0, -1.0))
    bent = np.zeros_like(x)
    np.add.at(bent, crowns.crowns, moment[:, None, None] * (ahead - behind) / 2.0)
    expected = slope_of_slope(crowns, opened, plastic, step) - bent
    found = (crowns.stiffness(opened, plastic) @ step.ravel()).reshape(x.shape)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(bent).max())


@pytest.mark.parametrize("kind", KINDS)
def test_stiffness_is_symmetric_and_positive_semidefinite(network, kind):
    struts, x = network
    term, x = alone(struts, kind), shaken(x, 5e-5)
    matrix = term.stiffness(x, plastic_of(term))
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-10 * np.abs(matrix).max())
    assert np.linalg.eigvalsh(matrix)[0] > -1e-9 * np.abs(matrix).max()


def test_whole_network_is_stiff_but_for_motions_as_a_whole(network):
    """Bars, crowns, twists and bridges leave six soft modes: a stent has no mechanism that costs nothing."""
    struts, x = network
    values = np.linalg.eigvalsh(struts.stiffness(x, np.zeros(len(struts.crowns))))
    assert values[5] < 1e-8 * values[-1]
    assert values[6] > 1e2 * max(values[5], 0.0)
    assert values[6] > 1e-2


def test_hinge_angles_and_their_gradient():
    rng = np.random.default_rng(0)
    x, triples = rng.normal(size=(30, 3)), np.arange(30).reshape(10, 3)
    angle, parts = hinge_angles(x, triples)
    a, b = x[triples[:, 0]] - x[triples[:, 1]], x[triples[:, 2]] - x[triples[:, 1]]
    cosine = np.einsum("ei,ei->e", a, b) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    np.testing.assert_allclose(np.cos(angle), cosine, atol=1e-12)
    step = 1e-7 * rng.normal(size=x.shape)
    change = (hinge_angles(x + step, triples)[0] - hinge_angles(x - step, triples)[0]) / 2.0
    np.testing.assert_allclose(change, np.einsum("eai,eai->e", parts, step[triples]), atol=1e-6 * np.abs(change).max())


def test_dihedral_angles_and_their_gradient():
    rng = np.random.default_rng(0)
    x, quadruples = rng.normal(size=(40, 3)), np.arange(40).reshape(10, 4)
    angle, parts = dihedral_angles(x, quadruples)
    p = x[quadruples]
    axis = (p[:, 2] - p[:, 1]) / np.linalg.norm(p[:, 2] - p[:, 1], axis=1, keepdims=True)
    first, last = p[:, 0] - p[:, 1], p[:, 3] - p[:, 2]
    first = first - np.einsum("ei,ei->e", first, axis)[:, None] * axis
    last = last - np.einsum("ei,ei->e", last, axis)[:, None] * axis
    cosine = np.einsum("ei,ei->e", first, last) / np.linalg.norm(first, axis=1) / np.linalg.norm(last, axis=1)
    np.testing.assert_allclose(np.cos(angle), cosine, atol=1e-12)
    step = 1e-7 * rng.normal(size=x.shape)
    change = (dihedral_angles(x + step, quadruples)[0] - dihedral_angles(x - step, quadruples)[0]) / 2.0
    np.testing.assert_allclose(change, np.einsum("eai,eai->e", parts, step[quadruples]), atol=1e-6 * np.abs(change).max())


# --- one crown, whose angle is driven -------------------------------------------------------------------------------------

STIFFNESS, PLASTIC_MOMENT, HARDENING, REST = 2.0e-3, 4.0e-5, 3.0e-5, 0.4


def one_crown() -> Struts:
    """Two struts and the crown between them."""
    struts, _ = placed_struts()
    nothing = {field.name: getattr(struts, field.name)[:0] for field in dataclasses.fields(struts)}
    crown = {
        "crowns": np.array([[0, 1, 2]]),
        "crown_angle": np.array([REST]),
        "crown_stiffness": np.array([STIFFNESS]),
        "crown_moment": np.array([PLASTIC_MOMENT]),
        "crown_hardening": np.array([HARDENING]),
    }
    return Struts(**(nothing | crown))


def opened(angle: float) -> np.ndarray:
    half = 0.5 * angle
    return 2e-3 * np.array([[-np.sin(half), 0.0, np.cos(half)], [0.0, 0.0, 0.0], [np.sin(half), 0.0, np.cos(half)]])


def by_hand(angles: np.ndarray) -> np.ndarray:
    """Moment [N·m] along a path of angles: elastic between the two yield lines M = k (±M_y + h (θ − θ₀)) / (k + h)."""
    moments, moment, before = [], 0.0, REST
    for angle in angles:
        line = HARDENING * (angle - REST)
        low, high = (STIFFNESS * (sign * PLASTIC_MOMENT + line) / (STIFFNESS + HARDENING) for sign in (-1.0, 1.0))
        moment = min(max(moment + STIFFNESS * (angle - before), low), high)
        before = angle
        moments.append(moment)
    return np.array(moments)


@pytest.mark.parametrize("step", [0.05, 0.003])
def test_a_crown_opens_yields_unloads_and_yields_back(step):
    corners = [REST, 1.2, 1.0, 1.3, 0.3, 0.9, 0.2]
    legs = [np.linspace(a, b, max(round(abs(b - a) / step), 2)) for a, b in itertools.pairwise(corners)]
    path = np.concatenate(legs)
    crown, plastic, found = one_crown(), np.zeros(1), []
    for angle in path:
        x = opened(angle)
        found.append(crown.crown_moments(x, plastic)[0])
        plastic = crown.yielded(x, plastic)
    np.testing.assert_allclose(found, by_hand(path), atol=1e-10 * PLASTIC_MOMENT)


def test_a_crown_unloads_with_its_elastic_stiffness():
    crown = one_crown()
    plastic = crown.yielded(opened(1.2), np.zeros(1))
    at_top = crown.crown_moments(opened(1.2), plastic)[0]
    for back in (0.005, 0.01, 0.02):
        assert crown.crown_moments(opened(1.2 - back), plastic)[0] == pytest.approx(at_top - STIFFNESS * back, rel=1e-12)
    assert crown.yielded(opened(1.2 - 0.02), plastic) == pytest.approx(plastic, rel=1e-12)


def test_a_crown_below_its_plastic_moment_keeps_no_opening():
    crown = one_crown()
    assert crown.yielded(opened(REST + 0.99 * PLASTIC_MOMENT / STIFFNESS), np.zeros(1))[0] == 0.0
    assert crown.yielded(opened(REST + 1.01 * PLASTIC_MOMENT / STIFFNESS), np.zeros(1))[0] > 0.0


def test_energy_spent_on_yield_is_the_area_under_the_moment():
    """Over a tick, energy rises by ∫ M dθ as the return mapping gives it: the tick's potential is one and the same."""
    crown, plastic = one_crown(), np.zeros(1)
    angles = np.linspace(REST, 1.2, 4001)
    moments = np.array([crown.crown_moments(opened(angle), plastic)[0] for angle in angles])
    energy = crown.evaluate(opened(1.2), plastic)[0] - crown.evaluate(opened(REST), plastic)[0]
    assert energy == pytest.approx(np.trapezoid(moments, angles), rel=1e-6)
