import dataclasses

import numpy as np
import pytest
import trimesh

from sim import contact
from sim.arrays import put, vec3, vec3d, zeros
from sim.command import Command
from sim.device import DeviceBody
from sim.model import Model, build_model
from sim.solvers.device_contact import contact_push, contact_stiffness
from sim.solvers.settings import Settings
from sim.solvers.touching import Touching
from sim.state import State, new_state
from tests.sim.stents import catalogue_stent, loose_points, on_axis
from tests.sim.tubes import stenosed, tube, vessel

NARROW = stenosed(healthy=3e-3, narrowest=1.2e-3, middle=5e-3, half_length=4e-3)
FRICTION = 0.2


class Contacts:
    """The engine's own table of contacts for one model, at a displacement of the wall and positions of the device [m]."""

    def __init__(self, model: Model, *, friction: float = FRICTION, reach: float = 1.0):
        self.model = model
        self.state: State = new_state(model)
        self.table = Touching(model, Settings(friction=friction, contact_reach=reach))

    def find(self, u: np.ndarray, y: np.ndarray) -> None:
        """Begin a tick here: find contacts, from where struts may then slide, and take up what they carry."""
        self.u_before, self.y_before = u, y
        before = put(u, vec3d)
        self.state.displacement = put(u, vec3d)
        self.table.position_before.from_numpy(y - self.model.origin)
        self.table.find(self.state, y - self.model.origin, before, Command(), Command())

    def energy(self, u: np.ndarray, y: np.ndarray) -> float:
        self.state.displacement.from_numpy(u)
        return self.table.energy(self.state, y - self.model.origin)

    def carry_on(self, u: np.ndarray, y: np.ndarray) -> tuple[float, bool]:
        """End a tick here: the deepest overlap [m], and whether it is too deep."""
        self.state.displacement.from_numpy(u)
        return self.table.carry_on(self.state, y - self.model.origin)

    def forces(self, u: np.ndarray, y: np.ndarray, device: DeviceBody) -> tuple[np.ndarray, np.ndarray]:
        """On the wall's vertices and on the device's nodes [N]."""
        self.energy(u, y)
        wall = zeros(self.model.vertex_count, vec3)
        self.table.add_force(wall)
        return wall.to_numpy().astype(float), contact_push(device, self.table.tractions())[:, :3]

    def of(self, name: str) -> np.ndarray:
        """A column of the table, in double precision."""
        values = getattr(self.table, name).to_numpy()[: self.table.count]
        return values.astype(float) if values.dtype.kind == "f" else values

    def watched(self) -> np.ndarray:
        """Which samples are near enough to the wall to be watched, shape (s,)."""
        return self.of("stiffness") > 0.0


Pressed = tuple[Contacts, np.ndarray, np.ndarray, DeviceBody]


@pytest.fixture(scope="module", params=[1e-6, 2e-5], ids=["sticking", "sliding"])
def touching(request) -> Pressed:
    """A crimped stent in a tube so tight that many of its samples press on the wall; some carry a force over from before."""
    design, balloon = catalogue_stent()
    tight = 0.5e-3 * design.crimped_diameter_mm + 0.01e-3
    grid = tube(bore=tight, outer=tight + 0.5e-3, length=20e-3, around=24, through=1, along=60)
    # Nothing is held, so that forces show on every vertex.
    body = dataclasses.replace(vessel(grid), held=np.zeros(0, int))
    device = on_axis(design, balloon, length_mm=20.0, lumen_mm=2e3 * tight).body
    model = build_model(body, device)
    contacts = Contacts(model, reach=3e-4)
    rng = np.random.default_rng(2)
    u = rng.uniform(-2e-5, 2e-5, grid.vertices.shape)
    y = device.pose.position + rng.uniform(-2e-5, 2e-5, device.pose.position.shape)
    contacts.find(u, y)
    normal = contacts.of("normal")
    across = np.cross(normal, rng.normal(size=normal.shape))
    across *= (rng.uniform(0.0, 1.0, len(across)) / np.linalg.norm(across, axis=1))[:, None]
    carried = 0.01 * rng.random(len(normal)) * (rng.random(len(normal)) < 0.3)
    contacts.state.traction = carried[:, None] * (normal + FRICTION * across)
    contacts.find(u, y)
    u = u + request.param * rng.normal(size=u.shape)
    y = y + request.param * rng.normal(size=y.shape)
    contacts.energy(u, y)
    assert 0.1 < (pushes(contacts) > 0.0).mean() < 0.95
    return contacts, u, y, device


def pushes(contacts: Contacts) -> np.ndarray:
    """Force along the normal of each contact [N], as last found."""
    return np.einsum("si,si->s", contacts.table.tractions(), contacts.of("normal"))


def test_forces_are_minus_the_slope_of_the_energy(touching):
    contacts, u, y, device = touching
    wall, pushed = contacts.forces(u, y, device)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        du, dy = 2e-10 * rng.normal(size=u.shape), 2e-10 * rng.normal(size=y.shape)
        fallen = contacts.energy(u - du, y - dy) - contacts.energy(u + du, y + dy)
        work = 2.0 * ((wall * du).sum() + (pushed * dy).sum())
        size = 2.0 * (np.linalg.norm(wall) * np.linalg.norm(du) + np.linalg.norm(pushed) * np.linalg.norm(dy))
        assert fallen == pytest.approx(work, abs=1e-5 * float(size))


def test_each_traction_is_minus_the_slope_of_the_energy_in_the_relative_place():
    """One contact moved alone, along and across its normal, whether it sticks or slides."""
    grid = tube(bore=2e-3, outer=3e-3, length=1e-2, around=24, through=1, along=24)
    point = np.array([[1.95e-3, 0.1e-3, 5e-3]])
    model = build_model(vessel(grid), loose_points(point, half_thickness=0.08e-3))
    contacts, u = Contacts(model), np.zeros_like(grid.vertices)
    contacts.find(u, point)
    normal = contacts.of("normal")[0]
    across = np.cross(normal, [0.0, 0.0, 1.0])
    contacts.state.traction = np.array([0.1 * normal + 0.005 * across])
    contacts.find(u, point)
    stiffness = contacts.of("stiffness")[0]
    seen = set()
    for far in (0.0, 0.3, 3.0, 30.0):
        at = point + far * (0.02 / stiffness) * np.array([across + 0.5 * normal])
        contacts.energy(u, at)
        traction = contacts.table.tractions()[0]
        grip = np.linalg.norm(traction - normal.dot(traction) * normal)
        assert grip <= FRICTION * 0.1 * (1.0 + 1e-6)
        seen.add(bool(grip > 0.999 * FRICTION * 0.1))
        for way in (normal, across, np.array([0.0, 0.0, 1.0])):
            step = 1e-9 * way
            slope = (contacts.energy(u, at + step) - contacts.energy(u, at - step)) / 2e-9
            assert -slope == pytest.approx(traction.dot(way), abs=2e-6 * 0.1)
    assert seen == {True, False}


def test_action_equals_reaction(touching):
    contacts, u, y, device = touching
    wall, pushed = contacts.forces(u, y, device)
    assert np.linalg.norm(pushed, axis=1).sum() > 0.0
    np.testing.assert_allclose(wall.sum(0), -pushed.sum(0), atol=1e-6 * np.linalg.norm(pushed, axis=1).sum())


def test_struts_are_pushed_into_the_blood_and_the_wall_out_of_it(touching):
    _, u, y, device = touching
    contacts = Contacts(touching[0].model, friction=0.0, reach=3e-4)
    contacts.find(touching[0].u_before, touching[0].y_before)
    wall, pushed = contacts.forces(u, y, device)
    outward = device.pose.position * np.array([1.0, 1.0, 0.0])
    loaded = np.linalg.norm(pushed, axis=1) > 1e-9
    assert loaded.sum() > 50
    assert np.all(np.einsum("ni,ni->n", pushed, outward)[loaded] < 0.0)
    radial = contacts.model.body.vertices * np.array([1.0, 1.0, 0.0])
    assert np.einsum("ni,ni->n", wall, radial).sum() > 0.0


def parted(touching: Pressed) -> tuple[np.ndarray, np.ndarray]:
    """Gap [m] of each contact and its slip since the tick began [m], across the normal; from the definition."""
    contacts, u, y, device = touching
    m = contacts.model
    along = device.sample_along[:, None]

    def relative(wall: np.ndarray, nodes: np.ndarray) -> np.ndarray:
        sampled = (1.0 - along) * nodes[device.sample_nodes[:, 0]] + along * nodes[device.sample_nodes[:, 1]]
        corners, weights = contacts.of("vertices"), contacts.of("weights")
        assert np.all(corners[:, 3] == -1)
        assert np.abs(weights[contacts.watched()].sum(1) + 1.0).max() < 1e-6
        return sampled + np.einsum("si,sij->sj", weights, (m.body.vertices + wall)[np.maximum(corners, 0)])

    normal, now = contacts.of("normal"), relative(u, y)
    slip = now - relative(contacts.u_before, contacts.y_before)
    slip -= np.einsum("si,si->s", slip, normal)[:, None] * normal
    return np.einsum("si,si->s", now, normal) - device.sample_radius[0], slip


def carried(contacts: Contacts) -> tuple[np.ndarray, np.ndarray]:
    """Carried force of each contact along its normal, never pulling, and across it [N]."""
    normal, traction = contacts.of("normal"), contacts.state.traction * contacts.watched()[:, None]
    along = np.einsum("si,si->s", traction, normal)
    return np.maximum(along, 0.0), traction - along[:, None] * normal


def test_normal_force_is_the_augmented_lagrangians(touching):
    contacts, u, y, _ = touching
    contacts.energy(u, y)
    gap, _ = parted(touching)
    near, stiffness = contacts.watched(), contacts.of("stiffness")
    expected = np.maximum(carried(contacts)[0] - stiffness * gap, 0.0)
    found = pushes(contacts)
    # Rest places and weights are kept in single precision: a rounding of 1e-7 of a centimetre.
    np.testing.assert_allclose(found[near], expected[near], atol=2e-9 * stiffness.max())
    assert not contacts.table.tractions()[~near].any()


def trial(touching: Pressed) -> tuple[np.ndarray, np.ndarray]:
    """Force across the normal that each contact would bear if it stuck [N], shape (s, 3), and the most that friction bears."""
    held, grip = carried(touching[0])
    return grip - touching[0].of("stiffness")[:, None] * parted(touching)[1], FRICTION * held


def test_friction_is_coulombs_once_it_slides_and_never_more(touching):
    """It sticks with the force that a spring from the carried one would bear, and slides with μλ along that."""
    contacts, u, y, _ = touching
    contacts.energy(u, y)
    grip, radius = trial(touching)
    size = np.linalg.norm(grip, axis=1)
    expected = np.minimum(1.0, radius / np.maximum(size, 1e-30))[:, None] * grip
    found = contacts.table.tractions() - pushes(contacts)[:, None] * contacts.of("normal")
    sliding = (size > radius) & (radius > 0.0)
    assert sliding.any() and (sliding | ((size < radius) & (radius > 0.0))).any()
    rounding = 2e-9 * contacts.of("stiffness").max()
    np.testing.assert_allclose(found, expected, atol=rounding)
    # What slides is at Coulomb's bound, whatever the rounding of its way.
    tight = 3e-7 * np.abs(contacts.table.tractions()).max()
    np.testing.assert_allclose(np.linalg.norm(found, axis=1)[sliding], radius[sliding], rtol=1e-5, atol=tight)
    assert np.all(np.linalg.norm(found, axis=1) <= radius * (1.0 + 1e-5) + tight)


def test_stiffness_is_the_slope_of_the_force(touching):
    """Exact while a strut sticks; while it slides a little stiffness is kept along its way, so that no motion is free."""
    contacts, u, y, _ = touching
    contacts.energy(u, y)
    grip, radius = trial(touching)
    gap, _ = parted(touching)
    size, normal, stiffness = np.linalg.norm(grip, axis=1), contacts.of("normal"), contacts.of("stiffness")
    sliding = size > radius
    way = np.where(sliding, 1.0 / np.maximum(size, 1e-30), 0.0)[:, None] * grip
    along, pressing = np.einsum("si,sj->sij", normal, normal), carried(contacts)[0] - stiffness * gap > 0.0
    exact = np.where(pressing, stiffness, 0.0)[:, None, None] * along
    across = stiffness * np.where(sliding, radius / np.maximum(size, 1e-30), 1.0)
    exact += across[:, None, None] * (np.eye(3) - along - np.einsum("si,sj->sij", way, way))
    found = contacts.table.blocks()
    kept = (1.0 - contact.SLIDING**2) * across[:, None, None] * np.einsum("si,sj->sij", way, way)
    # Near the edge of pressing and of sliding a rounding decides.
    clear = (np.abs(gap * stiffness - carried(contacts)[0]) > 1e-8 * stiffness) & (np.abs(size - radius) > 1e-8 * stiffness)
    assert clear.mean() > 0.7
    np.testing.assert_allclose(found[clear], (exact + kept)[clear], atol=2e-3 * stiffness.max())
    # Normals are unit vectors to single precision.
    assert np.linalg.eigvalsh(found).min() > -1e-6 * np.abs(found).max()


def test_tractions_move_as_their_stiffness_says(touching):
    """Differences of the kernel's own tractions, where neither pressing nor sliding begins or ends between."""
    contacts, u, y, device = touching
    rng = np.random.default_rng(8)
    dy = 2e-9 * rng.normal(size=y.shape)
    along = device.sample_along[:, None]
    moved = (1.0 - along) * dy[device.sample_nodes[:, 0]] + along * dy[device.sample_nodes[:, 1]]
    found = []
    for sign in (-1.0, 1.0):
        contacts.energy(u, y + sign * dy)
        found.append((contacts.table.tractions(), contacts.of("slope"), contacts.of("slide")))
    contacts.energy(u, y)
    blocks, slide, slope = contacts.table.blocks(), contacts.of("slide") / contact.SLIDING, contacts.of("slope")
    # The stiffness that is kept along the way of sliding is no slope.
    blocks -= (1.0 - contact.SLIDING**2) * slope[:, 1, None, None] * np.einsum("si,sj->sij", slide, slide)
    same = np.all([((s[:, 0] > 0) == (slope[:, 0] > 0)) & (d.any(1) == slide.any(1)) for _, s, d in found], axis=0)
    assert same.mean() > 0.9
    expected = -2.0 * np.einsum("sij,sj->si", blocks, moved)
    change = found[1][0] - found[0][0]
    assert np.abs(expected).max() > 1e-6
    np.testing.assert_allclose(change[same], expected[same], atol=5e-3 * np.abs(expected).max())


def test_what_sticks_does_not_creep():
    """A load across the normal within Coulomb's cone is borne at the same place, tick after tick; beyond it nothing is."""
    grid = tube(bore=2e-3, outer=3e-3, length=1e-2, around=24, through=1, along=24)
    start = np.array([[1.95e-3, 0.1e-3, 5e-3]])
    model = build_model(vessel(grid), loose_points(start, half_thickness=0.08e-3))
    contacts, u = Contacts(model), np.zeros_like(grid.vertices)
    contacts.find(u, start)
    normal, stiffness = contacts.of("normal")[0], contacts.of("stiffness")[0]
    across = np.cross(normal, np.cross([0.0, 0.0, 1.0], normal))
    across /= np.linalg.norm(across)
    for share, settles in ((0.9, True), (1.5, False)):
        load = -0.1 * normal + 0.1 * share * FRICTION * across
        contacts.state.traction = np.array([0.1 * normal])
        at, places = start.copy(), []
        for _ in range(20):
            contacts.find(u, at)
            # Move down the slope of energy and load until they balance, as far as friction lets them.
            for _ in range(60):
                contacts.energy(u, at)
                at = at + 0.5 * (load + contacts.table.tractions()) / stiffness
            contacts.carry_on(u, at)
            places.append(at[0])
        moved = np.linalg.norm(np.diff(places, axis=0), axis=1)
        if settles:
            assert moved[2:].max() < 1e-10
            np.testing.assert_allclose(contacts.state.traction[0], -load, atol=1e-5 * 0.1)
        else:
            assert moved.min() > 1e-6
            traction, normal = contacts.state.traction[0], contacts.of("normal")[0]
            push, grip = normal.dot(traction), traction - normal.dot(traction) * normal
            assert np.linalg.norm(grip) == pytest.approx(FRICTION * push, rel=0.02)
            assert -grip.dot(across) == pytest.approx(np.linalg.norm(grip), rel=0.02)


def test_stiffness_seen_by_the_device_is_that_of_its_samples(touching):
    contacts, u, y, device = touching
    contacts.energy(u, y)
    blocks = np.random.default_rng(5).normal(size=(contacts.model.sample_count, 3, 3))
    blocks[pushes(contacts) == 0.0] = 0.0
    step = np.random.default_rng(4).normal(size=y.shape)
    along = device.sample_along[:, None]
    moved = (1.0 - along) * step[device.sample_nodes[:, 0]] + along * step[device.sample_nodes[:, 1]]
    expected = contact_push(device, np.einsum("sij,sj->si", blocks, moved))[:, :3]
    stiff = contact_stiffness(device, blocks)
    found = np.zeros_like(y)
    np.add.at(found, stiff.nodes, np.einsum("bij,bj->bi", stiff.values, step[stiff.nodes].reshape(-1, 6)).reshape(-1, 2, 3))
    np.testing.assert_allclose(found, expected, atol=1e-12 * np.abs(expected).max())


def inside(count: int, *, depth: float, seed: int) -> np.ndarray:
    """Random points in the narrowed tube, at most `depth` from its wall [m]."""
    rng = np.random.default_rng(seed)
    z, angle = rng.uniform(0.5e-3, 9.5e-3, count), rng.uniform(0.0, 2.0 * np.pi, count)
    radius = np.maximum(NARROW(z) - rng.uniform(0.0, depth, count), 0.1e-3)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], 1)


@pytest.mark.parametrize("around", [12, 32])
def test_it_finds_the_nearest_triangle_while_points_wander(around):
    """Against trimesh over all triangles; points wander by up to half a triangle's edge a tick, the wall trembles."""
    grid = tube(bore=NARROW, outer=4e-3, length=1e-2, around=around, through=1, along=3 * around)
    body = vessel(grid)
    points = inside(400, depth=0.8e-3, seed=3)
    model = build_model(body, loose_points(points, half_thickness=0.08e-3))
    contacts = Contacts(model)
    rng = np.random.default_rng(5)
    edge = 2.0 * np.pi * 2e-3 / around
    for _ in range(12):
        points = points + rng.uniform(-0.3, 0.3, points.shape) * edge
        radial = np.linalg.norm(points[:, :2], axis=1)
        points[:, 2] = np.clip(points[:, 2], 0.5e-3, 9.5e-3)
        points[:, :2] *= np.minimum(1.0, (NARROW(points[:, 2]) - 0.02e-3) / radial)[:, None]
        u = rng.uniform(-0.05, 0.05, body.vertices.shape) * edge
        contacts.find(u, points)
        wall = trimesh.Trimesh(1e3 * (body.vertices + u), body.lumen, process=False)
        foot, exact, _ = trimesh.proximity.closest_point(wall, 1e3 * points)
        foot, exact = 1e-3 * foot, 1e-3 * exact
        corners, weights = contacts.of("vertices")[:, :3], contacts.of("weights")[:, :3]
        found = -np.einsum("si,sij->sj", weights, (body.vertices + u)[corners])
        distance = np.linalg.norm(points - found, axis=1)
        near = exact < 0.3e-3
        assert near.sum() > 100
        np.testing.assert_allclose(distance[near], exact[near], atol=1e-9)
        assert np.abs(found - foot)[near].max() < 5e-6


def test_distance_is_positive_in_the_blood_and_negative_in_the_wall():
    grid = tube(bore=2e-3, outer=4e-3, length=1e-2, around=32, through=1, along=30)
    body = vessel(grid)
    angle = np.linspace(0.1, 6.0, 50)
    radius = np.concatenate([np.full(50, 1.8e-3), np.full(50, 2.2e-3)])
    points = np.stack([radius * np.cos(np.tile(angle, 2)), radius * np.sin(np.tile(angle, 2)), np.full(100, 4.9e-3)], 1)
    model = build_model(body, loose_points(points, half_thickness=0.08e-3))
    contacts, u = Contacts(model), np.zeros_like(body.vertices)
    contacts.find(u, points)
    corners, weights = contacts.of("vertices")[:, :3], contacts.of("weights")[:, :3]
    off = points + np.einsum("si,sij->sj", weights, body.vertices[corners])
    distance = np.einsum("si,si->s", off, contacts.of("normal"))
    # Triangles are chords of the circle: 2 mm (1 − cos 5.6°) inside it at most.
    assert np.all((distance[:50] > 0.2e-3 - 1e-5) & (distance[:50] < 0.2e-3 + 1e-6))
    assert np.all((distance[50:] < -0.2e-3 + 1e-6) & (distance[50:] > -0.2e-3 - 1e-5))


def test_far_points_are_dropped_with_the_force_they_carried():
    grid = tube(bore=2e-3, outer=3e-3, length=1e-2, around=24, through=1, along=24)
    points = np.array([[1.9e-3, 0.0, 5e-3], [1.0e-3, 0.0, 5e-3]])
    model = build_model(vessel(grid), loose_points(points, half_thickness=0.08e-3))
    contacts, u = Contacts(model, reach=3e-4), np.zeros_like(grid.vertices)
    contacts.state.traction = np.array([[-0.5, 0.0, 0.0], [-0.5, 0.0, 0.0]])
    contacts.find(u, points)
    assert contacts.watched().tolist() == [True, False]
    contacts.carry_on(u, points)
    assert contacts.state.traction[0, 0] < -0.1
    assert not contacts.state.traction[1].any()


def test_the_deepest_overlap_is_told_and_whether_it_is_too_deep():
    """Of a strut pressed in by a known depth: its force grows by stiffness times depth."""
    grid = tube(bore=2e-3, outer=3e-3, length=1e-2, around=24, through=1, along=24)
    model = build_model(vessel(grid), loose_points(np.array([[1.9e-3, 0.0, 5e-3]]), half_thickness=0.08e-3))
    contacts, u = Contacts(model), np.zeros_like(grid.vertices)
    for depth, deep in ((-1e-5, False), (1e-5, False), (3e-5, True)):
        points = np.array([[2e-3 - 0.08e-3 + depth, 0.0, 5e-3]])
        contacts.state.traction[:] = 0.0
        contacts.find(u, points)
        foot = -contacts.of("weights")[0, :3] @ grid.vertices[contacts.of("vertices")[0, :3]]
        expected = 0.08e-3 - contacts.of("normal")[0].dot(points[0] - foot)
        assert expected == pytest.approx(depth, abs=2e-6)
        found, too_deep = contacts.carry_on(u, points)
        assert found == pytest.approx(max(expected, 0.0), abs=1e-9)
        assert too_deep is deep
