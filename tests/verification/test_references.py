"""The closed forms themselves, against tabled figures and against the laws of mechanics they come from."""

import math

import numpy as np
import pytest

from tests.verification.references import (
    ARTERY,
    Layer,
    boussinesq,
    hertz_force,
    layered_tube_pressure,
    layered_tube_radius,
    sliding_acceleration,
    sphere_pressure,
    squeezed_pressure,
    tube_pressure,
)


def test_tube_and_sphere():
    table = ((1.1, 0.094789, 0.220264), (1.2, 0.164009, 0.351500), (1.5, 0.283755, 0.488176), (2.0, 0.358784, 0.456106))
    for opened, tube, sphere in table:
        assert tube_pressure(opened, inner=1.0, outer=1.5) == pytest.approx(tube, abs=5e-7)
        assert sphere_pressure(opened, inner=1.0, outer=1.5) == pytest.approx(sphere, abs=5e-7)


@pytest.mark.parametrize("sphere", [False, True])
def test_a_wall_hardly_compressible_is_nearly_incompressible(sphere):
    exact = (sphere_pressure if sphere else tube_pressure)(1.3, inner=1.0, outer=1.5)
    off = [squeezed_pressure(1.3, inner=1.0, outer=1.5, bulk=bulk, sphere=sphere) / exact - 1.0 for bulk in (100.0, 1000.0)]
    assert abs(off[1]) < 1e-3
    assert off[0] / off[1] == pytest.approx(10.0, rel=0.05)


def test_layered_tube():
    table = ((2e3, 6.51532), (5e3, 7.00798), (10e3, 7.47353), (13.33e3, 7.65749), (15e3, 7.72857), (20e3, 7.88926))
    for pressure, radius in table:
        assert 1e3 * layered_tube_radius(pressure, inner=6e-3, layers=ARTERY) == pytest.approx(radius, abs=1e-5)


def test_a_tube_of_layers_without_fibres_is_the_neo_hookean_one():
    layers = (Layer(3e4, 0.0, 1.0, 0.0, 0.0, 0.2), Layer(3e4, 0.0, 1.0, 0.0, 0.0, 0.3))
    expected = 3e4 * tube_pressure(1.3, inner=1.0, outer=1.5)
    assert layered_tube_pressure(1.3, inner=1.0, layers=layers) == pytest.approx(expected, rel=1e-10)


def test_a_half_space_carries_the_force_on_it():
    """Balance, from stresses by differences of the displacement over a half-sphere; and the pressed surface's own formula."""
    young, poisson, force = 2.0e4, 0.3, 0.7
    shear, lame = young / (2.0 * (1.0 + poisson)), young * poisson / ((1.0 + poisson) * (1.0 - 2.0 * poisson))
    count = 60
    cosine, weight = np.polynomial.legendre.leggauss(count)
    cosine, weight = 0.5 * (cosine + 1.0), 0.5 * weight
    direction = np.stack([np.sqrt(1.0 - cosine**2), np.zeros(count), -cosine], axis=1)
    step, gradient = 1e-5, np.empty((count, 3, 3))
    for axis in range(3):
        ahead, behind = (
            boussinesq(direction + sign * step * np.eye(3)[axis], force=force, young=young, poisson=poisson)
            for sign in (1.0, -1.0)
        )
        gradient[:, :, axis] = (ahead - behind) / (2.0 * step)
    strain = 0.5 * (gradient + gradient.transpose(0, 2, 1))
    stress = 2.0 * shear * strain + lame * np.trace(strain, axis1=1, axis2=2)[:, None, None] * np.eye(3)
    upward = np.einsum("nj,nj->n", stress[:, 2], direction)
    assert 2.0 * np.pi * (weight * upward).sum() == pytest.approx(force, rel=1e-6)
    sunk = boussinesq(np.array([[3.0, 0.0, 0.0]]), force=force, young=young, poisson=poisson)[0, 2]
    assert sunk == pytest.approx(-(1.0 - poisson**2) * force / (np.pi * young * 3.0), rel=1e-12)


def test_hertz_is_what_the_half_space_gives_under_his_pressure():
    """The depth in the middle of a pressure p₀ √(1 − r²/a²), by superposition of point loads, is the sphere's own depth."""
    young, poisson, radius, depth = 1e4, 0.45, 0.02, 5e-4
    force = hertz_force(depth, radius=radius, young=young, poisson=poisson)
    edge = math.sqrt(radius * depth)
    peak = 3.0 * force / (2.0 * math.pi * edge**2)
    # A ring of load p 2πr dr sinks the middle by (1 − ν²)/(πE r) of it; ∫ √(1 − r²/a²) dr = πa/4.
    middle = (1.0 - poisson**2) / (math.pi * young) * 2.0 * math.pi * peak * math.pi * edge / 4.0
    assert middle == pytest.approx(depth, rel=1e-12)


def test_sliding():
    assert sliding_acceleration(math.atan(0.3), friction=0.3, gravity=9.81) == pytest.approx(0.0, abs=1e-12)
    assert sliding_acceleration(0.1, friction=0.3, gravity=9.81) == 0.0
    assert sliding_acceleration(0.5, friction=0.3, gravity=9.81) == pytest.approx(9.81 * (math.sin(0.5) - 0.3 * math.cos(0.5)))
