"""Tubes and spheres under pressure against their closed forms; stiff supports stand for planes of symmetry."""

import numpy as np
import pytest

from sim.command import Command
from sim.materials.gasser_ogden_holzapfel import GasserOgdenHolzapfel
from sim.materials.yeoh import Yeoh
from tests.verification.bodies import MILLIMETRE, NEAR, Solid, eighth_sphere, quarter_tube
from tests.verification.references import (
    ARTERY,
    layered_tube_radius,
    sphere_pressure,
    squeezed_pressure,
    tube_pressure,
)
from tests.verification.resting import Bench, made_of, mirrors, order

INNER, OUTER = 1.0, 1.5
SHEAR = 1.0e5
BULK = 100.0  # in units of the shear modulus; the closed forms have none
NEO_HOOKEAN = Yeoh(c1=0.5 * SHEAR, c2=0.0, c3=0.0, bulk=BULK * SHEAR, density=1000.0)


def bore_radius(solid: Solid, displacement: np.ndarray, bore: np.ndarray, axes: int) -> float:
    """Mean distance of the bore's vertices from the axis (`axes` 2) or the centre (3) [m]."""
    return float(np.linalg.norm((solid.vertices + displacement)[bore][:, :axes], axis=1).mean())


def thick_tube(through: int) -> tuple[Solid, list[np.ndarray], int]:
    """A quarter of a slice of a tube, its planes of symmetry and how many coordinates its radius has."""
    length = (OUTER - INNER) / through * MILLIMETRE
    solid = quarter_tube(np.linspace(INNER, OUTER, through + 1) * MILLIMETRE, 2.0 * length, around=2 * through, along=2)
    return solid, [solid.on(0, 0.0), solid.on(1, 0.0), solid.on(2, 0.0), solid.on(2, 2.0 * length)], 2


def thick_sphere(through: int) -> tuple[Solid, list[np.ndarray], int]:
    """An eighth of a sphere, its planes of symmetry and how many coordinates its radius has."""
    solid = eighth_sphere(INNER * MILLIMETRE, OUTER * MILLIMETRE, around=round(2.5 * through), through=through)
    return solid, [solid.on(axis, 0.0) for axis in range(3)], 3


def pressure_errors(shape, through: int, opened: tuple[float, ...]) -> list[float]:
    """Share by which the pressure at the radius that the engine finds lies off the exact one, for each radius aimed at."""
    solid, sides, axes = shape(through)
    sphere = axes == 3
    bore = np.abs(np.linalg.norm(solid.vertices[:, :axes], axis=1) - INNER * MILLIMETRE) < NEAR
    body = made_of(solid, NEO_HOOKEAN, surfaces={"bore": solid.faces(bore)})
    bench = Bench.of(mirrors(body, solid, sides, scale=SHEAR * through / ((OUTER - INNER) * MILLIMETRE)))
    exact, errors = (sphere_pressure if sphere else tube_pressure), []
    for radius in opened:
        pressure = exact(radius, inner=INNER, outer=OUTER)
        found = bore_radius(solid, bench.settle(Command(pressures={"bore": pressure * SHEAR})), bore, axes) / MILLIMETRE
        held = exact(found, inner=INNER, outer=OUTER)
        errors.append(bench.tell(f"{'sphere' if sphere else 'tube'} opened to {found:.4f}, p/μ", pressure, held, ""))
        slack = squeezed_pressure(found, inner=INNER, outer=OUTER, bulk=BULK, sphere=sphere) / held - 1.0
        print(f"    of this {100.0 * slack:+.2f} % from the bulk modulus, {100.0 * (errors[-1] - slack):+.2f} % from the mesh")
    return errors


def test_neo_hookean_tube():
    errors = pressure_errors(thick_tube, 8, (1.1, 1.2, 1.5, 2.0))
    assert np.abs(errors).max() < 0.01


def test_neo_hookean_sphere():
    # A little below its largest pressure, beyond which no radius belongs to a pressure.
    errors = pressure_errors(thick_sphere, 8, (1.1, 1.2, 1.35))
    assert np.abs(errors).max() < 0.01


@pytest.mark.parametrize("shape", [thick_tube, thick_sphere])
def test_error_falls_with_the_square_of_the_size(shape):
    solid_at, sizes, errors = 1.2, [4, 6, 8], []
    slack = squeezed_pressure(solid_at, inner=INNER, outer=OUTER, bulk=BULK, sphere=shape is thick_sphere)
    exact = (sphere_pressure if shape is thick_sphere else tube_pressure)(solid_at, inner=INNER, outer=OUTER)
    for through in sizes:
        errors.append(pressure_errors(shape, through, (solid_at,))[0] - (slack / exact - 1.0))
    rate = order(errors, [1.0 / size for size in sizes])
    print(f"{shape.__name__}: error of the mesh falls with the power {rate:.2f} of its size")
    assert rate > 1.6


def artery(cells: tuple[int, int, int], around: int) -> tuple[Solid, np.ndarray, np.ndarray, list[np.ndarray]]:
    """A quarter of a slice of the three-layered artery: its solid, layer and frame of each tet, and planes of symmetry."""
    edges = 6.0 * MILLIMETRE + np.concatenate([[0.0], np.cumsum([layer.thickness for layer in ARTERY])])
    levels = np.concatenate([np.linspace(a, b, n, endpoint=False) for a, b, n in zip(edges, edges[1:], cells, strict=False)])
    length = 0.2 * MILLIMETRE
    solid = quarter_tube(np.append(levels, edges[-1]), length, around=around, along=1)
    corners = solid.vertices[solid.tets]
    layer = np.digitize(np.linalg.norm(corners[:, :, :2], axis=2).mean(1), edges[1:-1])
    angle = np.arctan2(corners.mean(1)[:, 1], corners.mean(1)[:, 0])
    nought = np.zeros_like(angle)
    around_it = np.stack([-np.sin(angle), np.cos(angle), nought], axis=1)
    outward = np.stack([np.cos(angle), np.sin(angle), nought], axis=1)
    frames = np.stack([around_it, np.cross(outward, around_it), outward], axis=2)
    sides = [solid.on(0, 0.0), solid.on(1, 0.0), solid.on(2, 0.0), solid.on(2, length)]
    return solid, layer, frames, sides


def layered(cells: tuple[int, int, int], around: int, bulk: float, pressures: tuple[float, ...]) -> list[float]:
    """Errors of the artery's change of radius under pressures [Pa]."""
    solid, layer, frames, sides = artery(cells, around)
    inner = 6.0 * MILLIMETRE
    bore = np.abs(np.linalg.norm(solid.vertices[:, :2], axis=1) - inner) < NEAR
    laws = [
        GasserOgdenHolzapfel(one.shear, one.k1, one.k2, one.dispersion, one.angle, bulk=bulk, density=1100.0) for one in ARTERY
    ]
    body = made_of(solid, *laws, law_of_tet=layer, frames=frames, surfaces={"bore": solid.faces(bore)})
    # The fibres stiffen a hundredfold before the pressure is reached.
    bench, errors = Bench.of(mirrors(body, solid, sides, scale=1e6 / (0.1 * MILLIMETRE))), []
    for pressure in pressures:
        found = bore_radius(solid, bench.settle(Command(pressures={"bore": pressure})), bore, 2)
        exact = layered_tube_radius(pressure, inner=inner, layers=ARTERY)
        change = (exact - inner) / MILLIMETRE
        errors.append(
            bench.tell(f"artery at {1e-3 * pressure:g} kPa", found / MILLIMETRE, exact / MILLIMETRE, "mm", change=change)
        )
    return errors


def test_three_layered_artery():
    errors = layered((3, 5, 2), 24, 40e6, (10e3, 15e3))
    assert np.abs(errors).max() < 0.01
