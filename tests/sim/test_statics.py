"""The engine at rest under blood pressure, against our own float64 Newton and against an independent finite-element package."""

import dataclasses

import numpy as np
import pytest

from sim.arrays import put, vec3d
from sim.body import Body
from sim.command import Command
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.model import build_model
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.settings import Settings
from sim.state import new_state
from tests.sim.tubes import block, section_diameter, stenosed, tube, vessel
from tests.sim.twin import Twin

PRESSURE = 16.0e3
WALL = StableNeoHookean.from_young(0.6e6, 0.45, 1100.0)
CALCIUM = StableNeoHookean.from_young(10.0e6, 0.4, 1450.0)
STATIC = Settings(static_residual_bound=1e-5, linear_tolerance=0.01, linear_limit=2000)
LONG_TICK = Settings(dt=1e3, newton_limit=30, residual_bound=1e-5, linear_tolerance=0.01, linear_limit=2000)


def diseased() -> Body:
    """A 20 mm vessel narrowed from 7 to 2.8 mm, thick at the narrowing, whose bore lies off centre, with a calcified spot."""
    narrow = stenosed(healthy=3.5e-3, narrowest=1.4e-3, middle=9e-3, half_length=6e-3)
    grid = tube(bore=narrow, outer=4.5e-3, length=20e-3, around=20, through=3, along=16)
    inner = 1.0 - grid.place[:, 2] / grid.count[2]
    off = 0.35 * (3.5e-3 - narrow(grid.vertices[:, 2])) * inner
    vertices = grid.vertices + off[:, None] * np.array([1.0, 0.0, 0.0])
    middle = vertices[grid.tets].mean(1)
    spot = (middle[:, 0] < -1e-3) & (np.abs(middle[:, 2] - 9e-3) < 3e-3) & (np.linalg.norm(middle[:, :2], axis=1) > 2.6e-3)
    body = vessel(dataclasses.replace(grid, vertices=vertices), WALL)
    assert 50 < spot.sum() < 1000
    return dataclasses.replace(body, laws=(WALL, CALCIUM), law_of_tet=spot.astype(int))


def at_rest(body: Body) -> np.ndarray:
    """Displacement [m] at which the engine's statics balances the pressure."""
    model = build_model(body)
    state = new_state(model)
    report = ImplicitSolver(model, STATIC).solve(state, Command(blood_pressure=PRESSURE))
    assert report.residual <= STATIC.static_residual_bound
    return state.displacement.to_numpy()


def after_ticks(body: Body, settings: Settings, *, ticks: int) -> np.ndarray:
    """Displacement [m] after so many ticks under pressure, the last of which leaves all as it was."""
    model = build_model(body)
    state, solver = new_state(model), ImplicitSolver(model, settings)
    for _ in range(ticks):
        solver.step(state, Command(blood_pressure=PRESSURE))
    return state.displacement.to_numpy()


def diameters(body: Body, u: np.ndarray) -> np.ndarray:
    """Lumen diameter [m] every millimetre along the vessel."""
    return np.array([section_diameter(body.vertices + u, body.lumen, 1e-3 * z) for z in range(1, 20)])


@pytest.fixture(scope="module")
def loaded() -> tuple[Body, np.ndarray]:
    """The diseased vessel and the twin's displacement under pressure [m]."""
    body = diseased()
    u = Twin(body).equilibrium(PRESSURE, steps=2)
    widened = diameters(body, u) / diameters(body, np.zeros_like(u)) - 1.0
    assert widened.max() > 0.08
    return body, u


def test_static_state_is_the_float64_newtons(loaded):
    body, exact = loaded
    u = at_rest(body)
    off = np.abs(diameters(body, u) / diameters(body, exact) - 1.0).max()
    rms = np.linalg.norm(u - exact) / np.linalg.norm(exact)
    print(f"{len(body.tets):,} tets: largest error of lumen diameter {off:.1e}, of displacement (rms) {rms:.1e}")
    assert off < 1e-5
    assert rms < 1e-4


def test_a_tick_so_long_that_inertia_plays_no_part_is_statics(loaded):
    body, exact = loaded
    u = after_ticks(body, LONG_TICK, ticks=2)
    assert np.abs(diameters(body, u) / diameters(body, exact) - 1.0).max() < 1e-5


def test_pockets_free_a_wall_that_tetrahedra_alone_would_lock(loaded):
    """Each keeping all its volume term, they are too stiff; nothing widens less under pockets, the narrowing hardly more."""
    body, exact = loaded
    locked = Twin(dataclasses.replace(body, kept=1.0)).equilibrium(PRESSURE, steps=2)
    rest = diameters(body, np.zeros_like(exact))
    freed = (diameters(body, exact) - rest) / (diameters(body, locked) - rest)
    print(f"lumen widens by up to {100.0 * (freed.max() - 1.0):.0f} % more than with every tet for itself")
    assert freed.min() > 1.0
    assert freed.max() > 1.03


def test_weight_and_dead_traction_bend_a_block_as_the_twin_does():
    """A soft block held at one end, hanging far down: loads that keep their direction, raised at once by the engine."""
    grid = block(size=(30e-3, 10e-3, 10e-3), count=(9, 3, 3))
    law = StableNeoHookean.from_young(12.0e3, 0.49, 1000.0)
    body = Body(
        vertices=grid.vertices,
        tets=grid.tets,
        laws=(law,),
        law_of_tet=np.zeros(len(grid.tets), int),
        lumen=np.zeros((0, 3), int),
        held=grid.side(0, 0),
        surfaces={"end": grid.faces(0, 1)},
    )
    gravity, traction = (0.0, 0.0, -9.81), (0.0, 60.0, -30.0)
    twin = Twin(body)
    exact = twin.equilibrium(0.0, dead=twin.weight(gravity) + twin.dead_traction(body.surfaces["end"], traction), steps=4)
    model = build_model(body)
    state, solver = new_state(model), ImplicitSolver(model, STATIC)
    report = solver.solve(state, Command(gravity=gravity, tractions={"end": traction}))
    drop = -exact[grid.side(0, 1), 2].mean()
    off = np.linalg.norm(state.displacement.to_numpy() - exact) / np.linalg.norm(exact)
    print(f"drops by {1e3 * drop:.1f} mm of 30; {report.newton_steps} Newton steps, off by {off:.1e} (rms)")
    assert drop > 8e-3
    assert off < 1e-4


def test_ticking_on_comes_to_the_same_state(loaded):
    """At a rehearsal's own tick and tolerances, damped by the implicit Euler rule."""
    body, exact = loaded
    u = after_ticks(body, Settings(), ticks=60)
    off = np.abs(diameters(body, u) / diameters(body, exact) - 1.0).max()
    print(f"60 ticks of {Settings().dt:g} s: largest error of lumen diameter {off:.1e}")
    assert off < 1e-3


def _felupe_law(felupe, law: StableNeoHookean):
    """The same energy for felupe, with cof F as J F⁻ᵀ: P = μ F + c J F⁻ᵀ with c = (λ+μ)(J − 1) − μ."""
    shear, both = law.shear_modulus, law.shear_modulus + law.first_lame

    def parts(f):
        change = felupe.math.det(f)
        return change, both * (change - 1.0) - shear, felupe.math.transpose(felupe.math.inv(f))

    def stress(x, **_):
        change, c, inverse = parts(x[0])
        return [shear * x[0] + c * change * inverse, x[-1]]

    def elasticity(x, **_):
        change, c, inverse = parts(x[0])
        whole = change * (c + both * change) * np.einsum("ij...,kl...->ijkl...", inverse, inverse)
        whole = whole - c * change * np.einsum("il...,kj...->ijkl...", inverse, inverse)
        return [whole + shear * np.einsum("ik,jl->ijkl", np.eye(3), np.eye(3))[..., None, None]]

    return felupe.Material(stress, elasticity)


def test_it_agrees_with_felupe(loaded):
    """felupe: its own kinematics, quadrature, assembly, follower pressure and Newton.

    It knows no pockets, so that for once each tet keeps all its volume term.
    """
    body = dataclasses.replace(loaded[0], kept=1.0)
    exact = Twin(body).equilibrium(PRESSURE, steps=2)
    felupe = pytest.importorskip("felupe")
    field = felupe.FieldContainer([felupe.Field(felupe.RegionTetra(felupe.Mesh(body.vertices, body.tets, "tetra")), dim=3)])
    items = []
    for number, law in enumerate(body.laws):
        part = felupe.Mesh(body.vertices, body.tets[body.law_of_tet == number], "tetra")
        inside = felupe.FieldContainer([felupe.Field(felupe.RegionTetra(part), dim=3)])
        inside[0].values = field[0].values
        items.append(felupe.SolidBody(_felupe_law(felupe, law), inside))
    blood = felupe.SolidBodyPressure(_felupe_lumen(felupe, body, field), pressure=0.0)
    held = np.zeros(len(body.vertices), bool)
    held[body.held] = True
    prescribed, unknown = felupe.dof.partition(field, {"ends": felupe.Boundary(field[0], mask=held)})
    for load in (0.5 * PRESSURE, PRESSURE):
        blood.update(load)
        field = felupe.newtonraphson(x0=field, items=[*items, blood], dof0=prescribed, dof1=unknown, tol=1e-9, verbose=False).x
    theirs = field[0].values
    u = at_rest(body)
    ours, twins = (np.abs(diameters(body, one) / diameters(body, theirs) - 1.0).max() for one in (u, exact))
    print(f"felupe {felupe.__version__}: largest difference of lumen diameter {ours:.1e}, of the twin's {twins:.1e}")
    assert ours < 1e-5
    assert twins < 1e-7


def _felupe_lumen(felupe, body: Body, field):
    """felupe's field on the lumen: the tets behind it, each integrated at the middle of its loaded face."""
    faces = {tuple(sorted(face)): row for row, face in enumerate(body.lumen.tolist())}
    behind = []
    for tet in body.tets.tolist():
        for corner in range(4):
            face = tet[:corner] + tet[corner + 1 :]
            if tuple(sorted(face)) in faces:
                behind.append((faces[tuple(sorted(face))], tet[corner]))
    order = np.array(sorted(behind))
    assert np.array_equal(order[:, 0], np.arange(len(body.lumen)))
    # The normal of a lumen triangle points at the tet's far corner, as felupe's corner order wants it.
    cells = np.concatenate([body.lumen, order[:, 1:]], axis=1)
    middle = felupe.quadrature.Scheme(points=np.array([[1.0, 1.0, 0.0]]) / 3.0, weights=np.array([1.0]))
    region = felupe.Region(felupe.Mesh(body.vertices, cells, "tetra"), felupe.Tetra(), middle)
    p = body.vertices[body.lumen]
    area = 0.5 * np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    size = np.linalg.norm(area, axis=1)
    region.dV = size[None]
    # Outward from the solid is towards the blood.
    region.normals = -(area / size[:, None]).T[:, None]
    lumen = felupe.FieldContainer([felupe.Field(region, dim=3)])
    lumen[0].values = field[0].values
    return lumen


@pytest.mark.parametrize("static", [True, False], ids=["statics", "long ticks"])
def test_sought_from_elsewhere_it_comes_to_the_same_state(loaded, static):
    """The state of rest does not remember where it was sought from."""
    body, exact = loaded
    model = build_model(body)
    state, solver = new_state(model), ImplicitSolver(model, STATIC if static else LONG_TICK)
    free = np.ones((len(body.vertices), 1))
    free[body.held] = 0.0
    state.displacement = put(1.5 * exact + free * 2e-5 * np.random.default_rng(0).normal(size=exact.shape), vec3d)
    for _ in range(1 if static else 3):
        (solver.solve if static else solver.step)(state, Command(blood_pressure=PRESSURE))
    u = state.displacement.to_numpy()
    assert np.abs(diameters(body, u) / diameters(body, exact) - 1.0).max() < 1e-5
