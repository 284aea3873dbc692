import dataclasses

import numpy as np
import pytest
from scipy.optimize import brentq

from meshing.errors import InputError
from scenarios.assets import find_asset
from scenarios.tissues import blood, find_tissue, read_fluids, read_tissues, tissues

MMHG = 133.322  # [Pa]
TABLE = find_asset("tissues.toml").read_text(encoding="utf-8")


def inner_radius(pressure: float, *, shear_modulus: float, inner: float, outer: float) -> float:
    """Inner radius of an incompressible neo-Hookean tube in plane strain under a pressure [same unit as the modulus]."""

    def excess(a: float) -> float:
        b = np.sqrt(a * a + outer**2 - inner**2)
        k = inner**2 - a * a
        return np.log(outer / inner) - np.log(b / a) + 0.5 * k * (1 / b**2 - 1 / a**2) - pressure / shear_modulus

    return float(np.asarray(brentq(excess, inner, 3 * inner)))


def test_the_wall_gives_with_the_pulse_as_a_common_iliac_artery_does():
    # Pressure-strain modulus of 121 kPa, measured by ultrasound in young adults (see the table's head).
    shear_modulus = find_tissue("arterial wall").young_modulus / 3
    wider = inner_radius(40 * MMHG, shear_modulus=shear_modulus, inner=4.5, outer=5.5) / 4.5 - 1
    assert wider == pytest.approx(40 * MMHG / 121e3, rel=0.02)


def test_the_wall_widens_by_five_to_ten_percent_from_diastole_to_systole():
    radii = [inner_radius(p * MMHG, shear_modulus=600e3 / 3, inner=4.5, outer=5.5) for p in (80, 120)]
    assert radii[0] / 4.5 - 1 == pytest.approx(0.097, abs=0.001)
    assert 0.05 < radii[1] / radii[0] - 1 < 0.10


def test_every_tissue_says_where_its_numbers_come_from():
    for tissue in tissues().values():
        assert tissue.source.count("[") >= 3
        assert tissue.tag in "VCM"


def test_plaque_grows_stiffer_with_calcium():
    lipid, fibrous, calcified = (find_tissue(name) for name in ("lipid", "plaque", "calcium"))
    assert lipid.young_modulus < fibrous.young_modulus < calcified.young_modulus


def test_moduli_agree_with_the_ones_of_linear_elasticity():
    tissue = find_tissue("arterial wall")
    shear, bulk = tissue.shear_modulus, tissue.bulk_modulus
    assert 9 * bulk * shear / (3 * bulk + shear) == pytest.approx(tissue.young_modulus)
    assert (3 * bulk - 2 * shear) / (2 * (3 * bulk + shear)) == pytest.approx(tissue.poisson_ratio)


@pytest.mark.parametrize("name", ["Arterial-Wall", "  arterial   wall ", "artery", "arterial_wall"])
def test_a_tissue_is_found_by_any_of_its_names(name):
    assert find_tissue(name).name == "arterial wall"


def test_an_unknown_tissue_lists_the_nearest():
    with pytest.raises(InputError, match=r"no tissue 'calcifed plaqe'; the nearest are: calcified plaque"):
        find_tissue("calcifed plaqe")
    with pytest.raises(InputError, match=r"there are: arterial wall, calcified plaque, fibrous plaque, lipid plaque"):
        find_tissue("qqq")


def test_numbers_can_be_changed_within_the_range_and_the_source_says_so():
    stiff = find_tissue("wall").adjusted(young_modulus=1.2e6, reason="an older patient")
    assert stiff.young_modulus == 1.2e6
    assert stiff.source.endswith("then young modulus 1.2e+06: an older patient")
    assert find_tissue("wall").young_modulus == 600e3


def test_a_number_out_of_range_is_refused_with_tissue_value_and_range():
    with pytest.raises(
        InputError, match=r"Young's modulus of arterial wall is 1e\+09 Pa, outside its range of 100000 to 3e\+06 Pa"
    ):
        find_tissue("wall").adjusted(young_modulus=1e9)
    with pytest.raises(InputError, match=r"Poisson's ratio of arterial wall is 0\.5,"):
        find_tissue("wall").adjusted(poisson_ratio=0.5)
    with pytest.raises(InputError, match="density"):
        find_tissue("wall").adjusted(density=float("nan"))


def test_a_tissue_cannot_be_altered():
    with pytest.raises(dataclasses.FrozenInstanceError):
        find_tissue("wall").density = 1.0  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("value = 600e3", "value = 600e9", r"its value 6e\+11 is outside its own range"),
        ("value = 600e3", "value = 'stiff'", "should be a valid number"),
        ("value = 600e3", "value = nan", "finite"),
        ("value = 600e3", "valeu = 600e3", "valeu is not a known entry"),
        ("high = 3000e3\n", "", "high is missing"),
        ("low = 100e3", "low = 4000e3", "not upwards"),
        ('law = "stable neo-Hookean"', 'law = "jelly"', "jelly"),
        ("high = 0.499", "high = 0.5", "below 0.5"),
        ('tag = "C"', 'tag = "X"', "tag"),
        ("[tissues", "[tissues", None),
        ("value = 600e3", "value = ", "is not TOML"),
    ],
)
def test_a_table_at_fault_is_told_in_a_sentence(tmp_path, old, new, words):
    path = tmp_path / "tissues.toml"
    path.write_text(TABLE.replace(old, new), encoding="utf-8")
    if words is None:
        assert read_tissues(path) == tissues()
        return
    with pytest.raises(InputError, match=words) as caught:
        read_tissues(path)
    assert "tissues.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_table_is_told(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_tissues(tmp_path / "none.toml")


def test_blood_is_a_fluid():
    assert blood().density == 1060
    assert blood().viscosity == pytest.approx(3.5e-3)
    assert read_fluids(find_asset("tissues.toml")).keys() == {"blood"}
