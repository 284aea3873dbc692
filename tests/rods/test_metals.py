"""Nitinol's knees, loops and asymmetry; a bent bar that yields; all through a rod."""

import numpy as np
import pytest

from sim.rods.builders import straight_wire
from sim.rods.laws import NITINOL_OPEN_FRAME, NITINOL_SE508, Elastoplastic, LinearElastic
from sim.rods.sections import circular, rectangular
from sim.rods.statics import Effort, rest, task_for


def pulled(law, strains: np.ndarray) -> np.ndarray:
    """Stress [Pa] of a single round rod that is stretched through these strains, a tick for each."""
    section = circular(0.4e-3)
    network, pose = straight_wire(np.zeros(3), np.array([0.0, 0.0, 1e-3]), 1, section, law)
    history, stress, step = network.fresh_history(), [], np.zeros((2, 6))
    for strain in strains:
        step[1, 2] = 1e-3 * strain
        moved = pose.moved(step)
        stress.append(network.evaluate(moved, history)[1][1, 2] / section.area)
        history = network.history_after(moved, history)
    return np.array(stress)


def knees(strain: np.ndarray, stress: np.ndarray) -> tuple[float, float]:
    """Stresses at which a flat part begins and ends, along the way."""
    flat = np.flatnonzero(np.abs(np.diff(stress) / np.diff(strain)) < 10e9)
    return float(stress[flat[0]]), float(stress[flat[-1] + 1])


@pytest.mark.parametrize(("law", "expected"), [(NITINOL_SE508, (395, 435, 165, 145)), (NITINOL_OPEN_FRAME, (460, 500, 240, 210))])
def test_nitinol_in_tension_returns_its_knees(law, expected):
    end = 0.06 if law is NITINOL_SE508 else 0.07
    up = np.linspace(0.0, end, 601)[1:]
    stress = pulled(law, np.concatenate([up, up[::-1], [0.0]]))
    loading = knees(up, stress[:600])
    unloading = knees(up[::-1], stress[600:1200])
    measured = np.array([*loading, *unloading]) / 1e6
    print(f"\nnitinol knees {np.round(measured, 2)} MPa for {expected}; left at the end {stress[-1]:.1e} Pa")
    assert measured == pytest.approx(expected, rel=0.02)
    modulus, after = stress[10] / up[10], (stress[599] - stress[610]) / (up[599] - up[589])
    assert modulus == pytest.approx(law.austenite_modulus, rel=0.001)
    assert after == pytest.approx(law.martensite_modulus, rel=0.02)
    assert abs(stress[-1]) < 1.0


def test_nitinol_in_compression_begins_later():
    down = -np.linspace(0.0, 0.03, 301)[1:]
    begin, _ = knees(down, pulled(NITINOL_SE508, down))
    print(f"\nnitinol in compression begins at {begin / 1e6:.1f} MPa for -513.5")
    assert begin == pytest.approx(-513.5e6, rel=0.02)


def test_partial_loops_close_and_lose_energy():
    up, down = np.linspace(0.03, 0.0302, 3), np.linspace(0.0302, 0.014, 60)
    path = np.concatenate([np.linspace(0.0, 0.03, 60)[1:], up, down, down[::-1], down, down[::-1]])
    stress = pulled(NITINOL_SE508, path)
    first, second, third = stress[61], stress[61 + 120], stress[61 + 240]
    assert second == pytest.approx(first, rel=1e-9)
    assert third == pytest.approx(first, rel=1e-9)
    loop = slice(62, 62 + 120)
    lost = np.trapezoid(stress[loop], path[loop])
    print(f"\npartial loop: closes to {abs(second / first - 1):.1e}, loses {lost / 1e6:.2f} MJ/m³")
    assert lost > 0.0


def test_nitinol_warms_up_its_plateaus():
    warm = NITINOL_SE508.at(40.0)
    assert warm.loading_start == pytest.approx((395 + 3 * 4.77) * 1e6)
    assert warm.unloading_start == pytest.approx((165 + 3 * 9.0) * 1e6)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (1.0, 1.0)])
def test_hardening_of_both_kinds_gives_the_same_first_curve(share, expected):
    law = Elastoplastic(200e9, 200e6, 2e9, kinematic_share=share)
    strain = np.array([0.0005, 0.001, 0.005, 0.02])
    curve = np.where(strain < 0.001, 200e9 * strain, 200e6 + 2e9 * (strain - 0.001))
    assert pulled(law, strain) / curve == pytest.approx(np.full(4, expected), rel=1e-6)


def bent_bar(law, load: float) -> float:
    """Deflection [m] of the end of a bar of 25 × 1 × 1 mm under a force [N] at its end."""
    section = rectangular(1e-3, 1e-3, across=24, through=2)
    network, pose = straight_wire(
        np.zeros(3), np.array([0.0, 0.0, 25e-3]), 60, section, law, width_direction=np.array([1.0, 0.0, 0.0])
    )
    task = task_for(network)
    task.held[0] = True
    task.load[-1, 0] = load
    return rest(network, pose, task, effort=Effort(increments=4)).pose.position[-1, 0]


@pytest.mark.parametrize("tangent", [0.0, 10e9])
def test_a_yielding_cantilever(tangent):
    young, limit, length, side = 200e9, 200e6, 25e-3, 1e-3
    inertia = side**4 / 12.0
    moment_y, curvature_y = limit * side**2 * side / 6.0, limit / young / (side / 2.0)
    ratio, force = 1.35, 1.35 * moment_y / length
    if tangent == 0.0:
        # Prager & Hodge 1951, §11: δ/δ_y = (P_y/P)² [5 − (3 + P/P_y) √(3 − 2 P/P_y)].
        exact = (5.0 - (3.0 + ratio) * np.sqrt(3.0 - 2.0 * ratio)) / ratio**2 * curvature_y * length**2 / 3.0
    else:
        share = tangent / young
        curvature = np.linspace(0.0, 20.0, 200001)
        over = np.maximum(curvature, 1.0)
        moment = np.where(curvature < 1.0, curvature, (1.0 - share) * (3.0 - over**-2) / 2.0 + share * curvature)
        lever = np.linspace(0.0, length, 20001)
        bent = np.interp(force * lever / moment_y, moment, curvature) * curvature_y
        exact = np.trapezoid(bent * lever, lever)
    measured = bent_bar(Elastoplastic(young, limit, tangent), force)
    elastic = bent_bar(LinearElastic(young), force)
    print(
        f"\nyielding cantilever, tangent {tangent:g}: {measured * 1e3:.4f} mm for {exact * 1e3:.4f}; elastic {elastic * 1e3:.4f}"
    )
    assert elastic == pytest.approx(force * length**3 / (3.0 * young * inertia), rel=0.01)
    assert measured == pytest.approx(exact, rel=0.02)


def test_a_yielded_bar_springs_back_and_keeps_its_bend():
    young, limit, side, length = 200e9, 200e6, 1e-3, 20e-3
    law, section = Elastoplastic(young, limit, 0.0), rectangular(side, side, across=40, through=2)
    network, pose = straight_wire(np.zeros(3), np.array([0.0, 0.0, length]), 8, section, law, width_direction=np.eye(3)[0])
    task = task_for(network)
    task.held[0] = True
    task.held[-1, 4] = True
    curvature = 3.0 * limit / young / (side / 2.0)
    task.motion[-1, 4] = curvature * length
    bent = rest(network, pose, task, effort=Effort(increments=6))
    freed = task_for(network)
    freed.held[0] = True
    sprung = rest(network, bent.pose, freed, history=bent.history)
    left = network.strains(sprung.pose)[:, 4].mean() / curvature
    # Fully plastic part: M/M_y = (3 − 1/9)/2, which springs back elastically.
    exact = 1.0 - (3.0 - 1.0 / 9.0) / 2.0 / 3.0
    print(f"\nspring-back: {left:.4f} of the curvature stays, for {exact:.4f}")
    assert left == pytest.approx(exact, rel=0.02)
