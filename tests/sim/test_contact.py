import dataclasses

import numpy as np
import pytest
import taichi as ti
import trimesh

from sim import contact
from sim.arrays import Array, put, vec2, vec3, vec3d, zeros
from sim.body import DeviceBody
from sim.model import Model, build_model
from sim.solvers.device import contact_blocks, contact_push, contact_stiffness
from sim.state import new_state
from tests.sim.stents import catalogue_stent, loose_points, on_axis
from tests.sim.tubes import stenosed, tube, vessel

NARROW = stenosed(healthy=3e-3, narrowest=1.2e-3, middle=5e-3, half_length=4e-3)


@dataclasses.dataclass
class Contacts:
    """The engine's own contact kernels for one model, at a displacement of the wall and positions of the device [m]."""

    model: Model
    nearest: Array
    friction: float = 0.2
    slip_bound: float = 5e-6

    def __post_init__(self):
        m = self.model
        s, n = m.sample_count, m.vertex_count
        self.triangle = put(np.full(s, -1), ti.i32)
        self.weights, self.normal, self.traction, self.normals = zeros(s, vec3), zeros(s, vec3), zeros(s, vec3), zeros(n, vec3)
        self.distance, self.force, self.multiplier = (zeros(s, ti.f32) for _ in range(3))
        self.stiffness, self.slope = put(np.random.default_rng(1).uniform(100.0, 1000.0, s), ti.f32), zeros(s, vec2)
        self.slide = zeros(s, vec3)
        self.first, self.corners, self.cursor = zeros(n + 1, ti.i32), zeros(3 * s, ti.i32), zeros(n + 1, ti.i32)
        self.partial = zeros(s, ti.f64)
        self.u_before, self.y_before = zeros(n, vec3), zeros(m.node_count, vec3d)

    def find(self, u: np.ndarray, y: np.ndarray, *, reach: float = 1.0) -> None:
        """Begin a tick here: find contacts, from where struts may then slide."""
        m = self.model
        self.u_before, self.y_before = put(u, vec3), put(y - m.origin, vec3d)
        moved, at = self.u_before, self.y_before
        contact.wall_normals(m.vertex_count, m.lumen_first, m.lumen_triangles, m.lumen, m.rest, moved, self.normals)
        contact.find_contacts(
            m.sample_count, m.sample_nodes, m.sample_along, at, m.neighbour_first, m.neighbours, m.lumen_first,
            m.lumen_triangles, m.lumen, m.rest, moved, self.normals, self.nearest, self.triangle, self.weights, self.normal,
            self.distance,
        )  # fmt: skip
        contact.keep_near_contacts(m.sample_count, reach, self.distance, m.sample_half, self.triangle, self.multiplier)
        contact.list_contacts_by_vertex(
            m.vertex_count, m.sample_count, m.lumen, self.triangle, self.cursor, self.first, self.corners
        )

    def energy(self, u: np.ndarray, y: np.ndarray) -> float:
        m = self.model
        return contact.contact_forces(
            m.sample_count, self.friction, self.slip_bound, m.sample_nodes, m.sample_along, m.sample_half,
            put(y - m.origin, vec3d), self.y_before, m.lumen, m.rest, put(u, vec3), self.u_before, self.triangle, self.weights,
            self.normal, self.stiffness, self.multiplier, self.force, self.traction, self.slope, self.slide, self.partial,
        )  # fmt: skip

    def forces(self, u: np.ndarray, y: np.ndarray, device: DeviceBody) -> tuple[np.ndarray, np.ndarray]:
        """On the wall's vertices and on the device's nodes [N]."""
        self.energy(u, y)
        wall = zeros(self.model.vertex_count, vec3)
        contact.add_contact_force(self.model.vertex_count, self.first, self.corners, self.weights, self.traction, wall)
        return wall.to_numpy().astype(float), contact_push(device, self.traction.to_numpy().astype(float))


Touching = tuple[Contacts, np.ndarray, np.ndarray, DeviceBody]


@pytest.fixture(scope="module", params=[1e-6, 2e-5], ids=["sticking", "sliding"])
def touching(request) -> Touching:
    """A crimped stent in a tube so tight that many of its samples press on the wall; some carry a force over from before."""
    design, balloon = catalogue_stent()
    tight = 0.5e-3 * design.crimped_diameter_mm + 0.01e-3
    grid = tube(bore=tight, outer=tight + 0.5e-3, length=20e-3, around=24, through=1, along=60)
    device = on_axis(design, balloon, length_mm=20.0, lumen_mm=2e3 * tight).body
    model = build_model(vessel(grid), device)
    contacts = Contacts(model, new_state(model).nearest)
    rng = np.random.default_rng(2)
    u = rng.uniform(-2e-5, 2e-5, grid.vertices.shape).astype(np.float32).astype(float)
    y = device.positions + rng.uniform(-2e-5, 2e-5, device.positions.shape)
    contacts.find(u, y, reach=3e-4)
    carried = 0.01 * rng.random(model.sample_count) * (rng.random(model.sample_count) < 0.3)
    contacts.multiplier.from_numpy(carried.astype(np.float32))
    u = (u + request.param * rng.normal(size=u.shape)).astype(np.float32).astype(float)
    y = y + request.param * rng.normal(size=y.shape)
    contacts.energy(u, y)
    assert 0.1 < (contacts.force.to_numpy() > 0.0).mean() < 0.95
    return contacts, u, y, device


def test_forces_are_minus_the_slope_of_the_energy(touching):
    contacts, u, y, device = touching
    wall, pushed = contacts.forces(u, y, device)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        du, dy = 2e-10 * rng.normal(size=u.shape), 2e-10 * rng.normal(size=y.shape)
        ahead, behind = (np.float32(u + sign * du).astype(float) for sign in (1.0, -1.0))
        fallen = contacts.energy(behind, y - dy) - contacts.energy(ahead, y + dy)
        work = (wall * (ahead - behind)).sum() + (pushed * 2.0 * dy).sum()
        size = np.linalg.norm(wall) * np.linalg.norm(ahead - behind) + np.linalg.norm(pushed) * np.linalg.norm(2.0 * dy)
        assert fallen == pytest.approx(work, abs=1e-5 * float(size))


def test_action_equals_reaction(touching):
    contacts, u, y, device = touching
    wall, pushed = contacts.forces(u, y, device)
    assert np.linalg.norm(pushed, axis=1).sum() > 0.0
    np.testing.assert_allclose(wall.sum(0), -pushed.sum(0), atol=1e-6 * np.linalg.norm(pushed, axis=1).sum())


def test_struts_are_pushed_into_the_blood_and_the_wall_out_of_it(touching):
    contacts, u, y, device = touching
    contacts.friction = 0.0
    wall, pushed = contacts.forces(u, y, device)
    contacts.friction = 0.2
    outward = device.positions * np.array([1.0, 1.0, 0.0])
    loaded = np.linalg.norm(pushed, axis=1) > 1e-9
    assert np.all(np.einsum("ni,ni->n", pushed, outward)[loaded] < 0.0)
    radial = contacts.model.body.vertices * np.array([1.0, 1.0, 0.0])
    assert np.einsum("ni,ni->n", wall, radial).sum() > 0.0


def parted(touching: Touching) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Gap [m] and slide [m] of each contact since the tick began, its normal, and whether it is watched; from the definition."""
    contacts, u, y, device = touching
    m = contacts.model
    along = device.sample_along[:, None]

    def sampled(nodes: np.ndarray) -> np.ndarray:
        return (1.0 - along) * nodes[device.sample_nodes[:, 0]] + along * nodes[device.sample_nodes[:, 1]]

    corners = m.body.lumen[np.maximum(contacts.triangle.to_numpy(), 0)]
    weights, normal = contacts.weights.to_numpy().astype(float), contacts.normal.to_numpy().astype(float)
    foot = np.einsum("si,sij->sj", weights, (m.body.vertices + u)[corners])
    gap = np.einsum("si,si->s", sampled(y) - foot, normal) - device.half_thickness
    wall = np.einsum("si,sij->sj", weights, (u - contacts.u_before.to_numpy())[corners])
    slide = sampled(y - m.origin - contacts.y_before.to_numpy()) - wall
    slide -= np.einsum("si,si->s", slide, normal)[:, None] * normal
    return gap, slide, normal, contacts.triangle.to_numpy() >= 0


def test_normal_force_is_the_augmented_lagrangians(touching):
    contacts, u, y, _ = touching
    contacts.energy(u, y)
    gap, _, _, near = parted(touching)
    expected = np.maximum(contacts.multiplier.to_numpy() - contacts.stiffness.to_numpy() * gap, 0.0)
    found = contacts.force.to_numpy()
    # The foot is reckoned from single-precision weights: a rounding of 1e-7 of a millimetre's place.
    np.testing.assert_allclose(found[near], expected[near], atol=1000.0 * 2e-9)
    assert not found[~near].any()


def test_friction_is_coulombs_once_it_slides_and_never_more(touching):
    contacts, u, y, _ = touching
    contacts.energy(u, y)
    _, slide, normal, near = parted(touching)
    carried = contacts.multiplier.to_numpy().astype(float) * near
    traction = contacts.traction.to_numpy() - contacts.force.to_numpy()[:, None] * normal
    size, length = np.linalg.norm(traction, axis=1), np.linalg.norm(slide, axis=1)
    rounding = 3e-7 * contacts.force.to_numpy().max()
    assert np.all(size <= 0.2 * carried * (1.0 + 1e-5) + rounding)
    sliding = (length > contacts.slip_bound) & (carried > 0.0)
    np.testing.assert_allclose(size[sliding], 0.2 * carried[sliding], rtol=1e-3, atol=rounding)
    against = np.einsum("si,si->s", traction, slide)
    np.testing.assert_allclose(against, -size * length, atol=1e-3 * (size * length).max())


def test_stiffness_is_the_slope_of_the_force(touching):
    """Exact while a strut sticks; while it slides a little stiffness is kept along its way, so that no motion is free."""
    contacts, u, y, _ = touching
    contacts.energy(u, y)
    _, slip, normal, near = parted(touching)
    length, grip = np.linalg.norm(slip, axis=1), 0.2 * contacts.multiplier.to_numpy() * near
    sliding = length > contacts.slip_bound
    way = np.where(sliding, 1.0 / np.maximum(length, 1e-12), 0.0)[:, None] * slip
    pressing = near & (contacts.force.to_numpy() > 0.0)
    along = np.einsum("si,sj->sij", normal, normal)
    exact = np.where(pressing, contacts.stiffness.to_numpy(), 0.0)[:, None, None] * along
    across = grip / np.maximum(length, contacts.slip_bound)
    exact += across[:, None, None] * (np.eye(3) - along - np.einsum("si,sj->sij", way, way))
    slope, slide = contacts.slope.to_numpy().astype(float), contacts.slide.to_numpy().astype(float)
    found = contact_blocks(slope, slide, normal)
    kept = (1.0 - contact.SLIDING**2) * across[:, None, None] * np.einsum("si,sj->sij", way, way)
    np.testing.assert_allclose(found, exact + kept, atol=2e-3 * np.abs(exact).max(axis=(1, 2)).max())
    # Normals are unit vectors to single precision.
    assert np.linalg.eigvalsh(found).min() > -1e-6 * np.abs(found).max()


def test_stiffness_seen_by_the_device_is_that_of_its_samples(touching):
    contacts, u, y, device = touching
    contacts.energy(u, y)
    blocks = np.random.default_rng(5).normal(size=(contacts.model.sample_count, 3, 3))
    blocks[contacts.force.to_numpy() == 0.0] = 0.0
    step = np.random.default_rng(4).normal(size=y.shape)
    along = device.sample_along[:, None]
    moved = (1.0 - along) * step[device.sample_nodes[:, 0]] + along * step[device.sample_nodes[:, 1]]
    expected = contact_push(device, np.einsum("sij,sj->si", blocks, moved))
    found = (contact_stiffness(device, blocks) @ step.ravel()).reshape(y.shape)
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
    contacts = Contacts(model, new_state(model).nearest)
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
        corners = body.lumen[contacts.triangle.to_numpy()]
        found = np.einsum("si,sij->sj", contacts.weights.to_numpy(), (body.vertices + u)[corners])
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
    contacts = Contacts(model, new_state(model).nearest)
    contacts.find(np.zeros_like(body.vertices), points)
    distance = contacts.distance.to_numpy()
    # Triangles are chords of the circle: 2 mm (1 − cos 5.6°) inside it at most.
    assert np.all((distance[:50] > 0.2e-3 - 1e-5) & (distance[:50] < 0.2e-3 + 1e-6))
    assert np.all((distance[50:] < -0.2e-3 + 1e-6) & (distance[50:] > -0.2e-3 - 1e-5))


def test_far_points_are_dropped_with_the_force_they_carried():
    grid = tube(bore=2e-3, outer=3e-3, length=1e-2, around=24, through=1, along=24)
    points = np.array([[1.9e-3, 0.0, 5e-3], [1.0e-3, 0.0, 5e-3]])
    model = build_model(vessel(grid), loose_points(points, half_thickness=0.08e-3))
    contacts = Contacts(model, new_state(model).nearest)
    contacts.multiplier.from_numpy(np.array([0.5, 0.5], np.float32))
    contacts.find(np.zeros_like(grid.vertices), points, reach=3e-4)
    assert contacts.triangle.to_numpy()[0] >= 0
    assert contacts.triangle.to_numpy()[1] == -1
    np.testing.assert_array_equal(contacts.multiplier.to_numpy(), np.array([0.5, 0.0], np.float32))
