"""How faithful a mesh is to its label map: exact where the answer is known, and blind to nothing that was lost."""

from dataclasses import replace

import numpy as np
import pytest

from meshing.errors import InputError
from meshing.fidelity import compare, text_table, verdict
from tests.meshing.voxel_meshes import label_map, voxel_mesh

TURN = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]


def placed(spacing=(0.8, 1.0, 2.5)) -> np.ndarray:
    """An affine that turns, mirrors and moves."""
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = TURN * spacing, (40.0, -70.0, 300.0)
    return affine


@pytest.fixture
def labels():
    """A ball, a ring, a hollow box and two crumbs, in a turned grid with oblong voxels."""
    i, j, k = np.indices((40, 30, 14))
    voxels = np.zeros(i.shape, np.uint8)
    voxels[((i - 9) ** 2 + (j - 9) ** 2 + (2.5 * (k - 6)) ** 2) < 64] = 1
    voxels[(np.abs(np.hypot(i - 30, j - 9) - 6) < 2) & (np.abs(k - 6) < 2)] = 2
    voxels[4:12, 20:28, 3:10] = 3
    voxels[6:10, 22:26, 5:8] = 9
    voxels[30, 24, 4] = voxels[31, 25, 5] = voxels[35, 24, 4] = 5
    return label_map(voxels, affine=placed(), names={1: "ball", 2: "ring", 3: "hollow box", 5: "crumbs", 9: "core"})


def test_mesh_of_the_voxels_themselves_is_perfect(labels):
    fidelities = compare(voxel_mesh(labels).checked(), labels)
    assert [one.number for one in fidelities] == [1, 2, 3, 5, 9]
    for one in fidelities:
        assert one.volume_error_percent == pytest.approx(0.0, abs=1e-9) and not one.is_lost
        assert one.hausdorff_mm == pytest.approx(0.0, abs=1e-9)
        assert one.mesh_euler_number == one.voxel_euler_number and one.mesh_piece_count == one.voxel_piece_count
    by_name = {one.name: one for one in fidelities}
    assert {name: one.mesh_euler_number for name, one in by_name.items()} == {
        "ball": 1, "ring": 0, "hollow box": 2, "crumbs": 2, "core": 1,
    }  # fmt: skip
    assert by_name["crumbs"].mesh_piece_count == 2, "two of the three voxels touch at a corner"
    assert by_name["core"].voxel_volume_mm3 == pytest.approx(48 * 0.8 * 1.0 * 2.5)
    (said,) = verdict(fidelities)
    assert said.startswith("All 5 labels are in the mesh")


def test_a_shift_is_measured_both_ways(labels):
    mesh = voxel_mesh(labels)
    moved = replace(mesh, vertices=mesh.vertices + 0.3 * TURN[:, 0])
    (core,) = compare(moved, labels, chosen=[9])
    for distances in (core.mesh_to_voxels, core.voxels_to_mesh):
        assert distances.largest == pytest.approx(0.3, abs=1e-9)
        # Two of the six sides have moved off by 0.3 mm; the others have slid along themselves.
        assert 0.02 < distances.mean < 0.2 and distances.mean <= distances.percentile_95 <= distances.largest


def test_distances_of_a_larger_box():
    voxels = np.zeros((30, 30, 30))
    voxels[10:20, 10:20, 10:20] = 1
    labels = label_map(voxels, spacing=(1, 1, 1))
    mesh = voxel_mesh(labels)
    middle = np.full(3, 14.5)
    (grown,) = compare(replace(mesh, vertices=middle + 1.2 * (mesh.vertices - middle)), labels)
    assert grown.volume_error_percent == pytest.approx(100 * (1.2**3 - 1))
    assert grown.mesh_to_voxels.largest == pytest.approx(np.sqrt(3.0)), "corner to corner"
    assert grown.voxels_to_mesh.largest == pytest.approx(1.0) == grown.voxels_to_mesh.mean
    assert grown.hausdorff_mm == grown.mesh_to_voxels.largest


def test_lost_and_wrong_labels_are_named(labels):
    mesh = voxel_mesh(labels)
    without = voxel_mesh(replace(labels, voxels=np.where(labels.voxels == 5, 0, labels.voxels).astype(np.uint8)))
    fidelities = compare(without, labels)
    lost = next(one for one in fidelities if one.number == 5)
    assert lost.is_lost and lost.volume_error_percent == -100.0 and np.isnan(lost.hausdorff_mm)
    assert verdict(fidelities) == ("1 label is lost from the mesh: 5 crumbs.",)
    assert "lost" in text_table(fidelities)
    thinner = mesh.labels.copy()
    thinner[np.flatnonzero(thinner == 9)[::4]] = 77
    fidelities = compare(replace(mesh, labels=thinner), labels)
    said = " ".join(verdict(fidelities))
    assert "1 label is more than 10 % off in volume: 9 core (-25 %)" in said
    assert "1 label that the map has not: 77 label 77" in said
    assert fidelities[-1].number == 77 and fidelities[-1].voxel_count == 0


def test_table_has_a_line_a_label(labels):
    lines = text_table(compare(voxel_mesh(labels), labels)).splitlines()
    assert len(lines) == 1 + 5 + 1 and lines[1].startswith("1 ball")


def test_label_that_nobody_has_is_refused(labels):
    with pytest.raises(InputError, match="Label 8 is neither in a made-up map nor in the mesh"):
        compare(voxel_mesh(labels), labels, chosen=[8])
