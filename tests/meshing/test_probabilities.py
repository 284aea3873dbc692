"""Maps of probabilities become label maps by a stated rule, and a note says which and how many voxels were undecided."""

import json

import numpy as np
import pytest

from meshing.errors import InputError
from meshing.labels import read_labels

sitk = pytest.importorskip("SimpleITK")

FILES = ["map.nii.gz", "map.nrrd", "map.mha"]
CHANNELLED = ["map.nii.gz", "map.nrrd", "map.mha", "vector.mha", "fifth axis.nii.gz"]
SPACING = (0.7, 0.9, 1.3)


def half_known():
    """One label's probability, (6, 5, 4): 0.9 and 0.52 are in, 0.48 and 0.1 are out."""
    values = np.full((6, 5, 4), 0.1, dtype=np.float32)
    values[1:4, 1:4, 1:3], values[4, 1, 1], values[0, 0, 0] = 0.9, 0.52, 0.48
    return values


def three_tissues():
    """Three labels' probabilities, (6, 5, 4, 3), whose sums reach 1 in the middle and fall to 0 outside."""
    values = np.zeros((6, 5, 4, 3), dtype=np.float32)
    values[1:5, 1:4, 1:3] = [0.2, 0.5, 0.3]
    values[1, 1:4, 1:3] = [0.42, 0.18, 0.40]
    values[4, 1, 1] = [0.1, 0.1, 0.1]
    return values


def written(folder, values, name):
    """A file of values, shape (ni, nj, nk) or (ni, nj, nk, channels), in the way that its kind keeps channels."""
    path = folder / name
    if values.ndim == 3:
        image = sitk.GetImageFromArray(values.transpose())
        image.SetSpacing(SPACING)
    elif name == "vector.mha":
        image = sitk.GetImageFromArray(np.ascontiguousarray(values.transpose(2, 1, 0, 3)), isVector=True)
        image.SetSpacing(SPACING)
    elif name.endswith(".nrrd"):
        import nrrd

        directions = np.vstack([np.full(3, np.nan), np.diag(SPACING)])
        kinds = {"kinds": ["list", "domain", "domain", "domain"], "space directions": directions, "space origin": np.zeros(3)}
        nrrd.write(str(path), np.moveaxis(values, 3, 0), {"space": "left-posterior-superior", **kinds})
        return path
    else:
        stack = values[:, :, :, None] if name.startswith("fifth") else values
        image = sitk.GetImageFromArray(np.ascontiguousarray(stack.transpose()), isVector=False)
        image.SetSpacing((*SPACING, 1.0, 1.0)[: stack.ndim])
    sitk.WriteImage(image, str(path), True)
    return path


def refusal(path):
    with pytest.raises(InputError) as error:
        read_labels(path)
    return str(error.value)


@pytest.mark.parametrize("name", FILES)
def test_one_label_lies_where_its_probability_is_above_a_half(tmp_path, name):
    values = half_known()
    labels = read_labels(written(tmp_path, values, name))
    np.testing.assert_array_equal(labels.voxels, values > 0.5)
    np.testing.assert_allclose(labels.spacing, SPACING, rtol=1e-6)
    assert labels.voxels.dtype == np.uint8
    assert f"{name} holds probabilities of one label" in labels.notes[-1]
    assert "2 of 120 voxels are undecided" in labels.notes[-1]


@pytest.mark.parametrize("name", CHANNELLED)
def test_channels_that_sum_to_less_leave_the_rest_to_the_background(tmp_path, name):
    values = three_tissues()
    (tmp_path / "labels.json").write_text(json.dumps({"1": "grey", "2": "white", "3": "fluid"}))
    labels = read_labels(written(tmp_path, values, name))
    expected = np.zeros(values.shape[:3])
    expected[1:5, 1:4, 1:3], expected[1, 1:4, 1:3], expected[4, 1, 1] = 2, 1, 0
    np.testing.assert_array_equal(labels.voxels, expected)
    np.testing.assert_allclose(labels.spacing, SPACING, rtol=1e-6)
    assert labels.find("white") == 2
    assert "in 3 channels" in labels.notes[-1] and "the background has what is left to 1" in labels.notes[-1]
    assert "6 of 120 voxels are undecided" in labels.notes[-1]


@pytest.mark.parametrize("name", FILES)
def test_channels_that_always_sum_to_one_begin_with_the_background(tmp_path, name):
    values = three_tissues()
    values = np.concatenate([1.0 - values.sum(axis=3, keepdims=True), values], axis=3)
    labels = read_labels(written(tmp_path, values, name))
    assert labels.voxel_counts == {1: 6, 2: 17}
    assert "channel 0 is the background, channel 1 is label 1" in labels.notes[-1]


@pytest.mark.parametrize("name", FILES)
def test_channels_found_one_by_one_need_a_half_each(tmp_path, name):
    values = np.full((6, 5, 4, 2), 0.3, dtype=np.float32)
    values[1:4, 1:4, 1:3] = [0.8, 0.7]
    values[2, 2, 2] = [0.2, 0.54]
    labels = read_labels(written(tmp_path, values, name))
    assert labels.voxel_counts == {1: 17, 2: 1}
    assert "no channel is above 0.5" in labels.notes[-1] and "1 of 120 voxels are undecided" in labels.notes[-1]


def test_whole_numbers_kept_as_floats_are_labels_and_bring_no_note(tmp_path):
    labels = read_labels(written(tmp_path, (half_known() > 0.5).astype(np.float32), "map.nii.gz"))
    assert labels.voxel_counts == {1: 19} and not labels.notes


def test_the_rounding_of_a_file_is_forgiven(tmp_path):
    values = half_known()
    values[0, 0, 0], values[2, 2, 2] = -2e-7, 1.0000002
    assert read_labels(written(tmp_path, values, "map.nii.gz")).voxel_counts == {1: 19}


@pytest.mark.parametrize("name", FILES)
def test_probabilities_that_never_suffice_are_told(tmp_path, name):
    assert "the largest is 0.45" in refusal(written(tmp_path, half_known() / 2.0, name))
    assert "no voxel in which a label is the most likely" in refusal(written(tmp_path, three_tissues() / 2.0, name))


@pytest.mark.parametrize("name", FILES)
def test_fractions_outside_zero_to_one_are_an_image(tmp_path, name):
    assert "it is an image or a map of probabilities" in refusal(written(tmp_path, half_known() * 3.7, name))
    holed = half_known()
    holed[1, 1, 1] = np.nan
    assert "holds" in refusal(written(tmp_path, holed, name))


def test_a_series_of_fractions_outside_zero_to_one_is_no_label_map(tmp_path):
    for name in ("map.nii.gz", "map.mha", "vector.mha"):
        assert "6 × 5 × 4 × 3 voxels; a label map is a volume" in refusal(written(tmp_path, three_tissues() * 9.0, name))
