import dataclasses

import numpy as np
import pytest
import taichi as ti

from sim import pressure
from sim.arrays import Array, mat3, put, vec3, vec3d, zeros
from sim.body import boundary_faces
from sim.model import Model, build_model
from sim.solvers import assembly
from tests.sim.tubes import stenosed, tube, vessel
from tests.sim.twin import Twin

NARROW = stenosed(healthy=3e-3, narrowest=1.5e-3, middle=5e-3, half_length=4e-3)
LOAD = 13.3e3


@pytest.fixture(scope="module")
def narrowed() -> tuple[Model, Twin, np.ndarray]:
    """A narrowed tube away from the origin, its twin, and a displacement [m]."""
    grid = tube(bore=NARROW, outer=4e-3, length=1e-2, around=16, through=2, along=10)
    body = vessel(grid)
    u = np.random.default_rng(0).uniform(-1e-4, 1e-4, body.vertices.shape)
    return build_model(body), Twin(body), u


def force(model: Model, u: np.ndarray, load: float) -> np.ndarray:
    """Of blood on every vertex, held or not [N]."""
    return force_and_rim(model, u, blood(model, load))[0]


def blood(model: Model, load: float) -> Array:
    """The same pressure [Pa] on all triangles of the lumen."""
    return put(model.loaded.pressures({"lumen": load}), ti.f32)


def force_and_rim(model: Model, u: np.ndarray, on: Array) -> tuple[np.ndarray, np.ndarray]:
    """Force of pressures on triangles [N], and its part that is no slope of their energy."""
    out, rim, p = zeros(model.vertex_count, vec3), zeros(model.vertex_count, vec3), model.loaded
    free = put(np.ones(model.vertex_count), ti.f32)
    pressure.add_pressure_force(
        model.vertex_count, p.first, p.triangles_of, p.triangles, on, model.rest, put(u, vec3d), free, out, rim
    )
    return out.to_numpy().astype(float), rim.to_numpy().astype(float)


def energy(model: Model, u: np.ndarray, on: Array) -> float:
    """Σ p V of the cones over all triangles [J]."""
    p, partial = model.loaded, zeros(model.loaded.count, ti.f64)
    return pressure.pressure_energy(p.count, p.triangles, on, model.rest, put(u, vec3d), partial)


def volume(model: Model, u: np.ndarray) -> float:
    """Of the cone over the lumen from the model's origin [m³]."""
    return energy(model, u, blood(model, 1.0))


def test_it_pushes_the_wall_outwards(narrowed):
    model, twin, _ = narrowed
    found = force(model, np.zeros_like(twin.body.vertices), LOAD)
    radial = twin.body.vertices * np.array([1.0, 1.0, 0.0])
    wall = np.unique(twin.body.lumen)
    assert np.all(np.einsum("ni,ni->n", found, radial)[wall] > 0.0)
    assert not found[np.setdiff1d(np.arange(len(found)), wall)].any()


def test_it_equals_the_twins(narrowed):
    model, twin, u = narrowed
    expected = twin.pressure_force(u, LOAD)
    np.testing.assert_allclose(force(model, u, LOAD), expected, atol=1e-5 * np.abs(expected).max())


def test_force_is_pressure_times_the_slope_of_the_enclosed_volume(narrowed):
    """On vertices inside the rim; those on it are held, and there the cone's open end counts too."""
    model, twin, u = narrowed
    found = force(model, u, LOAD)
    for seed in range(5):
        step = twin.free[:, None] * 1e-7 * np.random.default_rng(seed).normal(size=u.shape)
        ahead, behind = u + step, u - step
        risen = LOAD * (volume(model, ahead) - volume(model, behind))
        size = np.linalg.norm(found) * np.linalg.norm(ahead - behind)
        assert risen == pytest.approx((found * (ahead - behind)).sum(), abs=1e-6 * float(size))


def test_at_a_free_rim_the_rest_of_the_force_is_told_apart(narrowed):
    """Everywhere, force less what `rim` holds is the slope of the energy; inside the rim there is nothing to tell apart."""
    model, _, u = narrowed
    on = blood(model, LOAD)
    found, rim = force_and_rim(model, u, on)
    rims = np.intersect1d(np.unique(model.body.lumen), model.body.held)
    assert np.linalg.norm(rim[rims], axis=1).min() > 0.1 * np.linalg.norm(found[rims], axis=1).min()
    np.testing.assert_allclose(np.delete(rim, rims, axis=0), 0.0, atol=1e-6 * np.abs(found).max())
    for seed in range(5):
        step = 1e-7 * np.random.default_rng(seed).normal(size=u.shape)
        risen = energy(model, u + step, on) - energy(model, u - step, on)
        size = np.linalg.norm(found) * np.linalg.norm(2.0 * step)
        assert risen == pytest.approx(((found - rim) * 2.0 * step).sum(), abs=1e-6 * float(size))


def test_pressures_add_where_surfaces_overlap_and_all_around_they_cancel():
    """The lumen twice, once as a surface of its own; and a pressure on the whole boundary, whose resultant is nought."""
    grid = tube(bore=NARROW, outer=4e-3, length=1e-2, around=16, through=2, along=10)
    body = vessel(grid)
    turned = body.lumen[::2][:, [1, 2, 0]]
    model = build_model(dataclasses.replace(body, surfaces={"half": turned, "all": boundary_faces(body.tets)}))
    u = np.random.default_rng(1).uniform(-1e-4, 1e-4, body.vertices.shape)

    def of(**pressures: float) -> np.ndarray:
        return force_and_rim(model, u, put(model.loaded.pressures(pressures), ti.f32))[0]

    expected = 3.0 * of(lumen=LOAD) + 2.0 * of(half=LOAD)
    np.testing.assert_allclose(of(lumen=3.0 * LOAD, half=2.0 * LOAD), expected, atol=1e-6 * np.abs(expected).max())
    assert model.loaded.count == len(boundary_faces(body.tets))
    around = of(all=LOAD)
    at = body.vertices + u - body.vertices.mean(0)
    assert np.abs(around.sum(0)).max() < 1e-5 * np.abs(around).max()
    assert np.abs(np.cross(at, around).sum(0)).max() < 1e-5 * np.abs(around).max() * np.abs(at).max()


def test_resultant_on_an_open_surface_is_pressure_times_its_area_seen_along_each_axis():
    """The vector area of a surface depends on its rim alone: half of the tube, cut along its axis, is seen as a rectangle."""
    grid = tube(bore=2e-3, outer=3e-3, length=1e-2, around=32, through=1, along=8)
    body = vessel(grid)
    middle = body.vertices[body.lumen].mean(1)
    half = body.lumen[middle[:, 0] > 0.0]
    halved = build_model(dataclasses.replace(body, lumen=half))
    found = force(halved, np.zeros_like(body.vertices), LOAD).sum(0)
    np.testing.assert_allclose(found, [LOAD * 2 * 2e-3 * 1e-2, 0.0, 0.0], atol=2e-6 * LOAD * 4e-5)


def test_resultant_on_a_narrowing_tube_is_pressure_times_the_difference_of_its_ends():
    grid = tube(bore=lambda z: 2e-3 + 0.1 * z, outer=5e-3, length=1e-2, around=32, through=1, along=8)
    body = vessel(grid)
    found = force(build_model(body), np.zeros_like(body.vertices), LOAD).sum(0)
    ends = [0.5 * 32 * np.sin(2.0 * np.pi / 32) * r**2 for r in (2e-3, 3e-3)]
    np.testing.assert_allclose(found, [0.0, 0.0, -LOAD * (ends[1] - ends[0])], atol=2e-6 * LOAD * ends[1])


def test_enclosed_volume_is_that_of_the_bore():
    """From the middle of the tube the cone misses the two end caps, which hold a third of a cylinder's volume."""
    grid = tube(bore=2e-3, outer=3e-3, length=1e-2, around=32, through=1, along=8)
    body = vessel(grid)
    bore = 0.5 * 32 * np.sin(2.0 * np.pi / 32) * 4e-6 * 1e-2
    assert volume(build_model(body), np.zeros_like(body.vertices)) == pytest.approx(2.0 / 3.0 * bore, rel=1e-6)


def test_stiffness_holds_the_slope_of_the_pressure_force(narrowed):
    model, twin, u = narrowed
    m = model
    matrix, nothing, own = zeros(m.entry_count, mat3), zeros(m.groups.slot_count, mat3), zeros(m.vertex_count, mat3)
    assembly.gather_stiffness(
        m.upper_count, m.upper, m.mirror, m.row, m.column, m.groups.entry_first, m.groups.entry_slots, nothing, m.loaded.edges,
        m.loaded.triangles, blood(m, LOAD), m.rest, put(u, vec3d), m.free, own, matrix,
    )  # fmt: skip
    whole = np.zeros((m.vertex_count, 3, m.vertex_count, 3))
    row, column = m.row.to_numpy(), m.column.to_numpy()
    whole[row, :, column, :] = matrix.to_numpy()
    degrees = np.flatnonzero(np.repeat(twin.free, 3))
    found = whole.reshape(3 * m.vertex_count, -1)[np.ix_(degrees, degrees)]
    expected = (twin.stiffness(u, LOAD) - twin.stiffness(u, 0.0)).toarray()[np.ix_(degrees, degrees)]
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    np.testing.assert_allclose(expected, expected.T, atol=1e-9 * np.abs(expected).max())


def test_the_twins_tangent_is_the_slope_of_its_forces(narrowed):
    _, twin, u = narrowed
    step = 1e-9 * np.random.default_rng(3).normal(size=u.shape)

    def total(at: np.ndarray) -> np.ndarray:
        return twin.elastic_force(at) + twin.pressure_force(at, LOAD)

    slope = 0.5 * (total(u - step) - total(u + step))
    np.testing.assert_allclose((twin.stiffness(u, LOAD) @ step.ravel()).reshape(u.shape), slope, atol=1e-6 * np.abs(slope).max())
