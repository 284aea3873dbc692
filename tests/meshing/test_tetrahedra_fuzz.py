"""Whatever label map it is given, the mesher makes a mesh that fits together, or says in a sentence why there is none."""

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from scipy import ndimage
from scipy.spatial.transform import Rotation

from meshing.errors import InputError
from meshing.labels import LabelMap
from meshing.tetmesh import TetMesh
from meshing.tetrahedra import tetrahedralize

# Why a map of random voxels may have no mesh: its labels are too small for the lattice, or for the edge length asked.
STATED_CAUSES = re.compile("nothing is left|larger than what is to be meshed", re.IGNORECASE)
LARGEST_LABEL = 4


def label_map(voxels, *, spacing=(1.0, 1.0, 1.0), degrees=(0.0, 0.0, 0.0), flips=(1, 1, 1)) -> LabelMap:
    """A map with its grid turned and mirrored, away from the origin as a patient's is."""
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix() @ np.diag(flips) * spacing
    affine[:3, 3] = [-120.0, 35.0, 410.0]
    return LabelMap(np.asarray(voxels, dtype=np.uint8), affine, {1: "first", 2: "second"}, {}, "fuzz")


# What every mesh must be


def assert_sound(mesh: TetMesh, labels: LabelMap, *, background: bool = False) -> None:
    """Check all that holds for a mesh of any map."""
    assert mesh.tet_count > 0
    assert np.isfinite(mesh.vertices).all()
    assert mesh.tets.min() == 0
    assert np.array_equal(np.unique(mesh.tets), np.arange(mesh.vertex_count)), "vertices that no tet uses"
    assert len(np.unique(np.sort(mesh.tets, axis=1), axis=0)) == mesh.tet_count, "the same tet twice"
    assert len(np.unique(mesh.vertices.round(9), axis=0)) == mesh.vertex_count, "two vertices in one place"
    assert mesh.face_use().max() <= 2, "a face of more than two tets"
    assert mesh.volumes().min() > 0.0, "tets inside out or flat"
    allowed = set(labels.voxel_counts) | ({0} if background else set())
    assert set(np.unique(mesh.labels).tolist()) <= allowed, "a label that the map does not have"
    _assert_inside_the_map(mesh, labels)
    _assert_simply_covered(mesh)


def _assert_inside_the_map(mesh: TetMesh, labels: LabelMap) -> None:
    index = (mesh.vertices - labels.affine[:3, 3]) @ np.linalg.inv(labels.affine[:3, :3]).T * labels.spacing
    beyond = np.maximum(-index, index - (np.array(labels.voxels.shape) - 1) * labels.spacing).max()
    longest = np.linalg.norm(np.diff(mesh.vertices[mesh.edges()], axis=1), axis=2).max()
    assert beyond <= 4.0 * labels.spacing.max() + 2.0 * longest, "tets far outside the map"


def _assert_simply_covered(mesh: TetMesh) -> None:
    """No point lies in two tets: the boundary winds about each point once or not at all, and closes."""
    faces = mesh.boundary_faces()
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    codes = pairs[:, 0] * mesh.vertex_count + pairs[:, 1]
    back = pairs[:, 1] * mesh.vertex_count + pairs[:, 0]
    assert np.array_equal(np.sort(codes), np.sort(back)), "tets folded onto each other"
    generator = np.random.default_rng(0)
    inside = mesh.centroids()[generator.integers(0, mesh.tet_count, 24)]
    anywhere = generator.uniform(mesh.vertices.min(axis=0), mesh.vertices.max(axis=0), (24, 3))
    for point in (*inside, *anywhere):
        winding = _winding(mesh.vertices[faces] - point)
        assert abs(winding - round(winding)) < 1e-6 and round(winding) in (0, 1), "tets that overlap"


def _winding(corners: np.ndarray) -> float:
    """How often triangles (n, 3, 3), seen from the origin, wind about it (van Oosterom & Strackee 1983)."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    la, lb, lc = (np.linalg.norm(corner, axis=1) for corner in (a, b, c))
    triple = np.einsum("ij,ij->i", a, np.cross(b, c))
    below = la * lb * lc + (a * b).sum(1) * lc + (b * c).sum(1) * la + (c * a).sum(1) * lb
    return float(np.arctan2(triple, below).sum() / (2.0 * np.pi))


# Random maps


class Asked:
    """One random call: the map and what is asked of it, told so that it can be pasted."""

    def __init__(self, labels: LabelMap, options: dict):
        self.labels, self.options = labels, options

    def __repr__(self) -> str:
        voxels = self.labels.voxels
        return (
            f"Asked(LabelMap(np.array({voxels.ravel().tolist()}, np.uint8).reshape{voxels.shape}, "
            f"np.array({self.labels.affine.tolist()}), {{}}, {{}}, ''), {self.options})"
        )


@some.composite
def maps(draw: some.DrawFn, largest: int) -> LabelMap:
    """Small maps of blobs, boxes, sheets, noise and cells, with single voxels set and holes bored at random."""
    shape = draw(some.tuples(*[some.integers(6, largest)] * 3))
    voxels = draw(some.sampled_from([empty, noise, blocks, cells, hills, shells]))(
        np.random.default_rng(draw(some.integers(0, 2**32 - 1))), shape
    )
    label = some.integers(0, LARGEST_LABEL)
    for _ in range(draw(some.integers(0, 3))):
        voxels[_box(draw, shape)] = draw(label)
    for _ in range(draw(some.integers(0, 2))):
        axis = draw(some.integers(0, 2))
        voxels[(*[slice(None)] * axis, draw(some.integers(0, shape[axis] - 1)))] = draw(label)
    for _ in range(draw(some.integers(0, 4))):
        voxels[tuple(draw(some.integers(0, size - 1)) for size in shape)] = draw(label)
    if not voxels.any():
        voxels[tuple(size // 2 for size in shape)] = 1
    step = some.floats(0.5, 3.0)
    return label_map(
        voxels,
        spacing=draw(some.one_of(some.just((1.0, 1.0, 1.0)), some.tuples(step, step, step))),
        degrees=draw(some.one_of(some.just((0.0, 0.0, 0.0)), some.tuples(*[some.floats(-180.0, 180.0)] * 3))),
        flips=draw(some.tuples(*[some.sampled_from([1, -1])] * 3)),
    )


def _box(draw: some.DrawFn, shape: tuple[int, ...]) -> tuple[slice, ...]:
    low = [draw(some.integers(0, size - 1)) for size in shape]
    return tuple(slice(first, draw(some.integers(first + 1, size))) for first, size in zip(low, shape, strict=True))


@some.composite
def calls(draw: some.DrawFn, largest: int) -> Asked:
    """A random map and random wishes, coarse enough to be quick."""
    # Refinement may take a thousand tets a voxel.
    refine = draw(some.booleans())
    labels = draw(maps(min(largest, 8) if refine else largest))
    mean_spacing = labels.voxel_volume ** (1.0 / 3.0)
    options: dict = {"refine": refine, "background": draw(some.booleans())}
    if draw(some.booleans()):
        options["edge_length"] = mean_spacing * draw(some.floats(1.2, 4.0))
    else:
        options["tet_count"] = draw(some.integers(50, 8000))
    numbers = sorted(labels.voxel_counts)
    if draw(some.integers(0, 3)) == 0:
        options["keep"] = draw(some.lists(some.sampled_from(numbers), min_size=1, unique=True))
    if draw(some.integers(0, 3)) == 0:
        options["sizes"] = {draw(some.sampled_from(options.get("keep", numbers))): mean_spacing * draw(some.floats(1.2, 4.0))}
    return Asked(labels, options)


def empty(generator, shape):
    return np.zeros(shape, dtype=np.uint8)


def noise(generator, shape):
    return generator.integers(0, LARGEST_LABEL + 1, shape).astype(np.uint8)


def blocks(generator, shape):
    coarse = noise(generator, [size // 3 + 1 for size in shape])
    return coarse.repeat(3, 0).repeat(3, 1).repeat(3, 2)[: shape[0], : shape[1], : shape[2]]


def cells(generator, shape):
    grid = np.indices(shape).reshape(3, -1).T
    seeds = generator.uniform(0, max(shape), (7, 3))
    numbers = generator.integers(0, LARGEST_LABEL + 1, 7)
    return numbers[((grid[:, None] - seeds) ** 2).sum(axis=2).argmin(axis=1)].reshape(shape).astype(np.uint8)


def hills(generator, shape):
    field = ndimage.gaussian_filter(generator.normal(size=shape), generator.uniform(0.7, 2.5))
    return np.digitize(field, np.quantile(field, [0.3, 0.55, 0.75, 0.9])).astype(np.uint8)


def shells(generator, shape):
    radius = np.linalg.norm(np.indices(shape) - generator.uniform(0, np.array(shape))[:, None, None, None], axis=0)
    return (radius / generator.uniform(1.0, 3.0)).astype(int).astype(np.uint8) % (LARGEST_LABEL + 1)


def check(asked: Asked) -> None:
    """Mesh a map as asked and check the mesh; a refusal must be one of the stated."""
    try:
        mesh = tetrahedralize(asked.labels, **asked.options)
    except InputError as error:
        assert STATED_CAUSES.search(str(error)), str(error)
        return
    assert_sound(mesh, asked.labels, background=asked.options["background"])
    kept = asked.options.get("keep")
    assert kept is None or set(np.unique(mesh.labels).tolist()) <= {0, *kept}


FUZZ = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck), "report_multiple_bugs": False}


@settings(max_examples=15, derandomize=True, **FUZZ)
@given(calls(largest=10))
def test_a_few_random_maps(asked):
    check(asked)


@pytest.mark.slow
@settings(max_examples=200, derandomize=True, **FUZZ)
@given(calls(largest=16))
def test_many_random_maps(asked):
    check(asked)


# Maps that have broken meshers before


def voronoi(seed):
    generator = np.random.default_rng(seed)
    grid, seeds = np.indices((14, 14, 14)).reshape(3, -1).T, generator.uniform(0, 14, (8, 3))
    return 1 + ((grid[:, None] - seeds) ** 2).sum(axis=2).argmin(axis=1).reshape(14, 14, 14)


def boxes(shape, *painted):
    """Boxes painted one after the other: (label, slice, slice, slice)."""
    voxels = np.zeros(shape, dtype=np.uint8)
    for number, *place in painted:
        voxels[tuple(place)] = number
    return voxels


def smooth_hills():
    field = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(14, 14, 8)), 2)
    return np.digitize(field, np.quantile(field, [0.3, 0.5, 0.7]))


def gyroid():
    x, y, z = np.indices((16, 16, 16)) * (2.0 * np.pi / 10.0)
    field = np.sin(x) * np.cos(y) + np.sin(y) * np.cos(z) + np.sin(z) * np.cos(x)
    return np.digitize(field, [-0.4, 0.4])


def flat_rings():
    i, j, k = np.indices((40, 40, 8)).astype(float)
    radius = np.sqrt(((i - 20) * 0.5) ** 2 + ((j - 20) * 0.5) ** 2 + ((k - 3.5) * 5) ** 2)
    return np.where(radius < 5, 2, np.where(radius < 9, 1, 0))


ALL, LOW, HIGH, MIDDLE = slice(None), slice(4, 15), slice(15, 26), slice(5, 6)
NASTY = {
    "voronoi 0": (lambda: voronoi(0), {}, 2.0),
    "voronoi 1": (lambda: voronoi(1), {}, 2.0),
    "noise of four labels": (lambda: np.random.default_rng(0).integers(0, 4, (10, 10, 10)), {}, 1.5),
    "noise without background": (lambda: np.random.default_rng(1).integers(1, 5, (8, 8, 8)), {}, 1.5),
    "full volume": (lambda: np.ones((10, 10, 10)), {}, 2.0),
    "full volume of two voxels a side": (lambda: np.ones((2, 2, 2)), {}, 1.0),
    "two labels and no background": (lambda: boxes((10, 10, 10), (1, ALL, ALL, ALL), (2, slice(5, 10), ALL, ALL)), {}, 1.5),
    "one voxel": (lambda: boxes((12, 12, 12), (1, MIDDLE, MIDDLE, MIDDLE)), {}, 1.0),
    "one voxel in a corner": (lambda: boxes((8, 8, 8), (1, 0, 0, 0)), {}, 1.0),
    "one voxel in another label": (lambda: boxes((14, 14, 14), (1, *[slice(2, 12)] * 3), (2, 7, 7, 7)), {}, 1.5),
    "hole of one voxel": (lambda: boxes((14, 14, 14), (1, *[slice(2, 12)] * 3), (0, 7, 7, 7)), {}, 1.5),
    "sheet of one voxel": (lambda: boxes((20, 20, 20), (1, ALL, ALL, 10)), {}, 1.0),
    "sheet inside": (lambda: boxes((20, 20, 20), (1, *[slice(2, 18)] * 3), (2, slice(2, 18), slice(2, 18), 10)), {}, 1.5),
    "line of voxels": (lambda: boxes((16, 16, 16), (1, 8, 8, ALL)), {}, 1.0),
    "slanting layers": (lambda: np.indices((16, 16, 16)).sum(axis=0) // 4 % 3, {}, 1.5),
    "checkerboard of blocks": (lambda: (np.indices((12, 12, 12)) // 3).sum(axis=0) % 2 + 1, {}, 1.5),
    "checkerboard of voxels": (lambda: np.indices((9, 9, 9)).sum(axis=0) % 2, {}, 1.5),
    "flat voxels": (flat_rings, {"spacing": (0.5, 0.5, 5.0), "degrees": (10.0, 20.0, 30.0)}, 1.5),
    "corners touch": (lambda: boxes((30, 30, 30), (1, LOW, LOW, LOW), (2, HIGH, HIGH, HIGH)), {}, 2.0),
    "corners of one label touch": (lambda: boxes((30, 30, 30), (1, LOW, LOW, LOW), (1, HIGH, HIGH, HIGH)), {}, 2.0),
    "edges touch": (lambda: boxes((30, 30, 30), (1, LOW, LOW, LOW), (1, HIGH, HIGH, slice(4, 26))), {}, 2.0),
    "four labels along a line": (
        lambda: boxes((12, 12, 12), (1, ALL, ALL, ALL), (2, slice(6), ALL, ALL), (3, ALL, slice(6), ALL), (4, *[slice(6)] * 3)),
        {},
        1.5,
    ),
    "hills in flat voxels": (smooth_hills, {"spacing": (1.0, 1.0, 2.5)}, 2.0),
    "gyroid": (gyroid, {"flips": (-1, 1, 1)}, 1.5),
    "labels of large numbers": (lambda: boxes((12, 12, 12), (255, *[slice(2, 10)] * 3), (84, 5, 5, 5)), {}, 1.5),
}


@pytest.mark.parametrize("refine", [False, True], ids=["plain", "refined"])
@pytest.mark.parametrize("name", NASTY)
def test_nasty_maps(name, refine):
    make, place, edge_length = NASTY[name]
    check(Asked(label_map(make(), **place), {"edge_length": edge_length, "refine": refine, "background": False}))


@pytest.mark.parametrize("name", ["sheet of one voxel", "sheet inside", "line of voxels"])
def test_thin_labels_survive_refinement(name):
    make, place, edge_length = NASTY[name]
    labels = label_map(make(), **place)
    mesh = tetrahedralize(labels, edge_length=edge_length, refine=True)
    assert set(np.unique(mesh.labels).tolist()) == set(labels.voxel_counts)


@pytest.mark.parametrize("refine", [False, True], ids=["plain", "refined"])
@pytest.mark.parametrize("name", ["one voxel in another label", "sheet inside", "labels of large numbers"])
def test_a_label_that_is_lost_is_told(name, refine):
    make, place, edge_length = NASTY[name]
    labels = label_map(make(), **place)
    mesh = tetrahedralize(labels, edge_length=edge_length, refine=refine)
    for number in set(labels.voxel_counts) - set(np.unique(mesh.labels).tolist()):
        assert any(labels.name(number) in note for note in mesh.notes)


def test_the_same_map_gives_the_same_mesh():
    labels = label_map(voronoi(2), degrees=(15.0, -30.0, 70.0))
    first, second = (tetrahedralize(labels, edge_length=2.5) for _ in range(2))
    np.testing.assert_array_equal(first.tets, second.tets)
    np.testing.assert_array_equal(first.vertices, second.vertices)
