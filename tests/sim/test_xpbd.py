"""The second solver: constraints held to their energy, momentum, sameness, and its way towards the engine's answer."""

import numpy as np
import pytest

from sim import model as model_module
from sim.body import Body, ModelError
from sim.command import Command, Motion
from sim.materials.stable_neo_hookean import StableNeoHookean
from sim.materials.yeoh import Yeoh
from sim.model import Model, build_model
from sim.obstacles import HalfSpace
from sim.solvers.implicit import ImplicitSolver
from sim.solvers.protocol import Solver
from sim.solvers.settings import DivergedError
from sim.solvers.xpbd import XpbdSettings, XpbdSolver, colours
from sim.state import State, new_state
from tests.sim.tubes import block
from tests.sim.twin import cofactor, energy_density, stress

LAW = StableNeoHookean.from_young(1.0e4, 0.45, 1000.0)
GRAVITY = (0.0, 0.0, -9.81)
RATE = 60.0


def body(count=(4, 2, 2), *, size=(0.08, 0.04, 0.04), hold: bool = True, **fields) -> Body:
    """A soft block, held at x = 0 if asked."""
    grid = block(size=size, count=count)
    settings = {
        "vertices": grid.vertices,
        "tets": grid.tets,
        "laws": (LAW,),
        "law_of_tet": np.zeros(len(grid.tets), int),
        "lumen": np.zeros((0, 3), int),
        "held": grid.side(0, 0) if hold else np.zeros(0, int),
    }
    return Body(**{**settings, **fields})


def ticked(solver: Solver, state: State, command: Command, ticks: int) -> State:
    """The state after so many ticks."""
    for _ in range(ticks):
        solver.step(state, command)
    return state


def displacement(state: State) -> np.ndarray:
    """Of the vertices [m], shape (n, 3)."""
    return state.displacement.to_numpy().astype(float)


def constraints_of(f: np.ndarray) -> np.ndarray:
    """C_D and C_H at deformation gradients, shape (m, 3, 3), in double precision, shape (m, 2)."""
    least = LAW.shear_modulus / LAW.volume_stiffness
    return np.stack([np.linalg.norm(f, axis=(1, 2)), np.linalg.det(f) - 1.0 - least], axis=1)


def slopes_of(f: np.ndarray) -> np.ndarray:
    """Their slopes in F, shape (m, 2, 3, 3)."""
    return np.stack([f / np.linalg.norm(f, axis=(1, 2))[:, None, None], cofactor(f)], axis=1)


# --- constraints ----------------------------------------------------------------------------------------------------------


def test_gradients_are_slopes_of_the_constraints():
    rng = np.random.default_rng(1)
    f, way = np.eye(3) + 0.6 * rng.standard_normal((50, 3, 3)), rng.standard_normal((50, 3, 3))
    step = 1e-6
    found = (constraints_of(f + step * way) - constraints_of(f - step * way)) / (2.0 * step)
    assert np.allclose(np.einsum("mcij,mij->mc", slopes_of(f), way), found, rtol=1e-6, atol=1e-8)


def test_energy_of_the_constraints_is_that_of_the_law():
    rng = np.random.default_rng(2)
    f = np.eye(3) + 0.6 * rng.standard_normal((50, 3, 3))
    stiffness = np.array([LAW.shear_modulus, LAW.volume_stiffness])
    stored = 0.5 * (stiffness * constraints_of(f) ** 2).sum(1)
    at_rest = 0.5 * (stiffness * constraints_of(np.eye(3)[None]) ** 2).sum()
    assert np.allclose(stored - at_rest, energy_density(f, LAW.shear_modulus, LAW.first_lame), rtol=1e-10)
    pull = np.einsum("c,mc,mcij->mij", stiffness, constraints_of(f), slopes_of(f))
    assert np.allclose(pull, stress(f, LAW.shear_modulus, LAW.first_lame), rtol=1e-9, atol=1e-6)


def test_one_substep_of_one_tet_is_that_of_the_formulas():
    corners = np.array([[0.0, 0.0, 0.0], [0.01, 0.0, 0.0], [0.0, 0.012, 0.0], [0.0, 0.0, 0.009]])
    alone = body(vertices=corners, tets=np.array([[0, 1, 2, 3]]), law_of_tet=np.zeros(1, int), held=np.zeros(0, int))
    model = build_model(alone)
    state, h = new_state(model), 1e-3
    start = 0.002 * np.random.default_rng(3).standard_normal((4, 3))
    state.displacement.from_numpy(start)
    XpbdSolver(model, XpbdSettings(dt=h, substeps=1)).step(state, Command())
    edges = (corners[1:] - corners[0]).T
    inverse, volume = np.linalg.inv(edges), np.linalg.det(edges) / 6.0
    gradients = np.concatenate([-inverse.sum(0, keepdims=True), inverse])
    mass, u = LAW.density * volume / 4.0, start.copy()
    for which, stiffness in enumerate((LAW.shear_modulus, LAW.volume_stiffness)):
        f = (np.eye(3) + u.T @ gradients)[None]
        slope = gradients @ slopes_of(f)[0, which].T
        change = -constraints_of(f)[0, which] / ((slope**2).sum() / mass + 1.0 / (stiffness * volume * h * h))
        u += change / mass * slope
    assert np.abs(displacement(state) - u).max() < 1e-5 * np.abs(u - start).max()


def test_no_two_tets_of_one_colour_share_a_vertex():
    tets = block(size=(1.0, 1.0, 1.0), count=(12, 10, 8)).tets
    colour = colours(tets, int(tets.max()) + 1)
    assert np.array_equal(colour, colours(tets, int(tets.max()) + 1))
    assert colour.max() < 64
    pairs = np.stack([np.repeat(colour, 4), tets.ravel()], 1)
    assert len(np.unique(pairs, axis=0)) == len(pairs)


# --- motion ---------------------------------------------------------------------------------------------------------------


def test_a_free_body_falls_as_its_centre_of_mass_must():
    model = build_model(body(hold=False))
    settings = XpbdSettings(dt=1.0 / RATE, substeps=20)
    state = ticked(XpbdSolver(model, settings), new_state(model), Command(gravity=GRAVITY), 12)
    mass, u, v = model.mass.to_numpy().astype(float), displacement(state), state.velocity.to_numpy().astype(float)
    steps, h = 12 * settings.substeps, settings.dt / settings.substeps
    fallen = 0.5 * GRAVITY[2] * h * h * steps * (steps + 1)
    assert np.allclose(mass @ u / mass.sum(), [0.0, 0.0, fallen], atol=1e-5 * abs(fallen))
    assert np.allclose(mass @ v / mass.sum(), [0.0, 0.0, GRAVITY[2] * h * steps], atol=1e-5 * abs(GRAVITY[2] * h * steps))
    off = model.rest.to_numpy() + u - mass @ (model.rest.to_numpy() + u) / mass.sum()
    spin = np.einsum("n,ni->i", mass, np.cross(off, v - mass @ v / mass.sum()))
    assert np.abs(spin).max() < 1e-5 * mass.sum() * 0.04 * abs(GRAVITY[2] * h * steps)


def test_a_block_turned_inside_out_comes_back():
    model = build_model(body())
    state = new_state(model)
    u = np.zeros((model.vertex_count, 3))
    u[:, 0] = -1.6 * model.body.vertices[:, 0]
    state.displacement.from_numpy(u)
    solver = XpbdSolver(model, XpbdSettings(dt=1.0 / RATE, substeps=20))
    first = solver.step(state, Command())
    reports = [solver.step(state, Command()) for _ in range(60)]
    assert first.inverted > 0
    assert reports[-1].inverted == 0
    assert np.isfinite(displacement(state)).all()


def test_patches_go_where_they_are_put_and_held_vertices_stay():
    grid = block(size=(0.08, 0.04, 0.04), count=(4, 2, 2))
    model = build_model(body(patches={"end": grid.side(0, 1)}))
    shift = (0.01, 0.002, 0.0)
    solver = XpbdSolver(model, XpbdSettings(dt=1.0 / RATE, substeps=10))
    state = ticked(solver, new_state(model), Command(moves={"end": Motion(translation=shift)}), 2)
    assert np.allclose(displacement(state)[grid.side(0, 1)], shift, atol=1e-9)
    assert not displacement(state)[grid.side(0, 0)].any()


def test_a_block_comes_to_lie_on_a_table():
    table = HalfSpace("table", point=(0.0, 0.0, -0.01), normal=(0.0, 0.0, 1.0), friction=0.5)
    model = build_model(body(hold=False, obstacles=(table,), drag=10.0))
    state = ticked(XpbdSolver(model), new_state(model), Command(gravity=GRAVITY), 60)
    low = (model.body.vertices + displacement(state))[:, 2].min()
    assert -0.0101 < low < -0.0095


def test_a_lost_position_is_told():
    model = build_model(body())
    state = new_state(model)
    u = np.zeros((model.vertex_count, 3))
    u[-1] = np.nan
    state.displacement.from_numpy(u)
    with pytest.raises(DivergedError, match=r"tick 1: tet \d+ at \("):
        XpbdSolver(model).step(state, Command())


# --- sameness -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def straight() -> tuple[Model, list[str], State]:
    """A model, its digest after each of six ticks, and a copy of its state after three."""
    model = build_model(body())
    state, solver, digests = new_state(model), XpbdSolver(model, XpbdSettings(substeps=5)), []
    middle = state
    for _ in range(6):
        solver.step(state, Command(gravity=GRAVITY))
        digests.append(state.digest())
        if state.tick == 3:
            middle = state.copy()
    return model, digests, middle


def test_a_rerun_with_a_fresh_solver_each_tick_is_equal_to_the_bit(straight):
    model, digests, _ = straight
    state = new_state(model)
    for digest in digests:
        XpbdSolver(model, XpbdSettings(substeps=5)).step(state, Command(gravity=GRAVITY))
        assert state.digest() == digest


def test_stop_copy_save_and_go_on_equals_the_straight_run(straight, tmp_path):
    model, digests, middle = straight
    middle.save(tmp_path / "middle.npz")
    for state in (middle.copy(), State.load(tmp_path / "middle.npz")):
        assert state.digest() == digests[2]
        solver = XpbdSolver(model, XpbdSettings(substeps=5))
        assert ticked(solver, state, Command(gravity=GRAVITY), 3).digest() == digests[-1]


# --- what it refuses ------------------------------------------------------------------------------------------------------


def test_other_laws_are_refused_by_name():
    other = Yeoh(c1=3e3, c2=0.0, c3=0.0, bulk=1e5, density=1000.0)
    with pytest.raises(ModelError, match="Yeoh"):
        XpbdSolver(build_model(body(laws=(other,))))


def test_tissue_that_meets_tissue_is_refused():
    grid = block(size=(0.08, 0.04, 0.04), count=(4, 2, 2))
    with pytest.raises(ModelError, match="tissue touch tissue"):
        XpbdSolver(build_model(body(surfaces={"top": grid.faces(2, 1)}, touching=("top",))))


@pytest.mark.parametrize("settings", [{"substeps": 0}, {"iterations": 0}, {"dt": 0.0}])
def test_settings_that_make_no_tick_are_refused(settings):
    with pytest.raises(ValueError, match="tick"):
        XpbdSettings(**settings)


# --- against the engine ---------------------------------------------------------------------------------------------------


def sagging(count, monkeypatch) -> tuple[Model, np.ndarray]:
    """A cantilever whose tets keep all their volume term, as the constraints do, and the engine's displacement at rest [m]."""
    monkeypatch.setattr(model_module, "KEPT", 1.0)
    model = build_model(body(count, drag=30.0))
    state = new_state(model)
    ImplicitSolver(model).solve(state, Command(gravity=GRAVITY))
    return model, displacement(state)


def errors(model: Model, u: np.ndarray, substeps: int, seconds: float) -> tuple[float, float]:
    """Error of the tip's drop and of all displacement, root mean square, as shares of the engine's."""
    solver = XpbdSolver(model, XpbdSettings(dt=1.0 / RATE, substeps=substeps))
    found = displacement(ticked(solver, new_state(model), Command(gravity=GRAVITY), round(seconds * RATE)))
    tip = model.body.vertices[:, 0] > 0.0799
    return float(found[tip, 2].mean() / u[tip, 2].mean() - 1.0), float(np.linalg.norm(found - u) / np.linalg.norm(u))


def test_more_substeps_come_nearer_to_the_engine(monkeypatch):
    model, u = sagging((4, 2, 2), monkeypatch)
    found = [errors(model, u, substeps, 0.75)[1] for substeps in (5, 20, 50)]
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("count", [(8, 4, 4), (16, 8, 8)])
def test_the_cantilever_approaches_the_engine(count, monkeypatch):
    model, u = sagging(count, monkeypatch)
    rows = [(substeps, *errors(model, u, substeps, 0.75)) for substeps in (5, 20, 50, 166)]
    for substeps, tip, whole in rows:
        print(f"{model.tet_count} tets, {substeps:3d} substeps: tip {tip:+.4f}, rms {whole:.4f}")
    whole = [row[2] for row in rows]
    assert whole == sorted(whole, reverse=True)
    assert abs(rows[-1][1]) < 0.01 and whole[-1] < 0.02
