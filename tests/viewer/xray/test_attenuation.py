"""Attenuation: the few energies against a fine quadrature, and the table against figures published elsewhere and other codes."""

import numpy as np
import pytest

from meshing.errors import InputError
from viewer.xray.attenuation import beam_of, find_material, xray_table

STEPS = {"water": (10, 50, 100, 200, 300), "cortical bone": (2, 5, 10, 20, 40), "nitinol": (0.1, 0.25, 0.5, 1.0, 2.0)}
IODINE = (350.0, 1050.0, 2100.0, 3500.0)
# Hubbell and Seltzer, NIST SRD 126: μ/ρ of water [cm²/g], and of iodine at 60 and 80 keV.
PUBLISHED = {
    "water": {20: 0.8096, 30: 0.3756, 40: 0.2683, 50: 0.2269, 60: 0.2059, 80: 0.1837, 100: 0.1707},
    "iodine": {60: 7.579, 80: 3.510},
}


def wedge(name: str, steps, *, behind: float, tube_kv: int) -> float:
    """Largest relative error of transmission over a step wedge behind water [mm]."""
    beam = beam_of(tube_kv)
    lengths = (
        {name: np.array(steps, float)}
        if name == "water"
        else {name: np.array(steps, float), "water": behind + np.zeros(len(steps))}
    )
    fine = beam.transmission(lengths, fine=True)
    return float(np.abs(beam.transmission(lengths) / fine - 1.0).max())


@pytest.mark.parametrize("tube_kv", [60, 80, 100, 120])
def test_a_step_wedge_is_within_two_per_cent_of_fine_quadrature(tube_kv):
    for name, steps in {**STEPS, "iodine": IODINE}.items():
        off = max(wedge(name, steps, behind=behind, tube_kv=tube_kv) for behind in (0.0, 100.0, 250.0))
        print(f"wedge, {tube_kv} kV, {name}: {100 * off:.2f} % off at most (demanded 2 %)")
        assert off < 0.02


def test_every_material_is_within_two_per_cent_in_its_first_two_mean_free_paths():
    for row in xray_table().materials:
        beam = beam_of(80)
        mean = float(beam.signal @ find_material(row.name).attenuation)
        off = max(wedge(row.name, np.linspace(0.1, 2.0, 12) / mean, behind=behind, tube_kv=80) for behind in (0.0, 120.0, 250.0))
        assert off < 0.02, row.name


def test_the_table_agrees_with_published_figures():
    for name, figures in PUBLISHED.items():
        material = find_material(name)
        for energy, mass_attenuation in figures.items():
            assert material.at(float(energy)) * 10.0 / material.density == pytest.approx(mass_attenuation, rel=0.01)


def test_edges_are_where_the_elements_have_them():
    for name, energy in (("iodine", 33), ("tantalum", 67), ("tungsten", 69), ("platinum", 78)):
        material = find_material(name)
        place = int(np.searchsorted(material.energies, energy))
        assert material.attenuation[place + 1] > 2.0 * material.attenuation[place]
    assert find_material("L605").name == "cobalt-chromium L605"


def test_the_spectrum_is_one_of_a_tube():
    beam = beam_of(80)
    assert beam.signal.sum() == pytest.approx(1.0)
    assert beam.weights.sum() == pytest.approx(1.0)
    assert (beam.weights > 0.0).all() and len(beam.weights) == 5
    assert (beam.signal[beam.energies > 80] == 0.0).all()
    assert 4.0 < beam.half_value_layer_mm_al < 7.0
    layers = [beam_of(kv).half_value_layer_mm_al for kv in (60, 80, 100, 120)]
    assert layers == sorted(layers)


def test_metal_hardens_the_beam():
    beam = beam_of(80)
    thin, thick = -np.log(beam.transmission({"nitinol": np.array([0.1, 1.0])}))
    assert thick < 0.85 * 10.0 * thin


def test_what_is_not_in_the_table_is_said():
    with pytest.raises(InputError, match="No material of X-rays is called 'nitinl'; did you mean 'nitinol'"):
        find_material("nitinl")
    with pytest.raises(InputError, match="no spectrum for 75 kV; take 60, 70"):
        beam_of(75)


def test_the_table_agrees_with_xraydb_by_chantlers_theory():
    xraydb = pytest.importorskip("xraydb", reason="xraydb is not installed: the table is not compared with Chantler's")
    for row in xray_table().materials:
        total = sum(row.mass_shares.values())
        energies = np.array([40.0, 55.0, 65.0, 75.0])
        chantler = sum(share / total * xraydb.mu_chantler(element, energies * 1e3) for element, share in row.mass_shares.items())
        ours = find_material(row.name).at(energies) * 10.0 / row.density
        # The two theories differ by some per cent for hydrogen's scatter and just above edges.
        assert np.allclose(ours, chantler, rtol=0.06), row.name
