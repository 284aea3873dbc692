"""Label maps are read with their place, names and codes kept, and bad files are told in a sentence."""

import gzip
import json
import struct

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from meshing.errors import InputError
from meshing.labels import Code, LabelMap, read_labels, write_labels
from meshing.overlap import Segment, merge_segments

sitk = pytest.importorskip("SimpleITK")

# Byte offsets in a NIfTI-1 header.
DIM, DATATYPE, PIXDIM, UNITS, QFORM_CODE, SFORM_CODE, QUATERN, SROW = 40, 70, 76, 123, 252, 254, 256, 280


def block_map(*, degrees=(0.0, 0.0, 0.0), mirrored=False, spacing=(1.0, 2.0, 3.0), codes=None):
    """Two labels on a small grid: 1 "aorta", two pieces, and 7 "liver", none of them alike along two axes."""
    voxels = np.zeros((9, 8, 7), dtype=np.uint8)
    voxels[1:3, 1:4, 1:5] = 1
    voxels[6, 6, 5] = 1
    voxels[5:8, 1:3, 2:4] = 7
    axes = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix() @ np.diag([-1.0 if mirrored else 1.0, 1.0, 1.0])
    affine = np.eye(4)
    affine[:3, :3] = axes * spacing
    affine[:3, 3] = [12.5, -40.0, 7.25]
    return LabelMap(voxels, affine, {1: "aorta", 7: "liver"}, codes or {}, "block")


def nifti(tmp_path, *edits, name="edited.nii"):
    """A sound small NIfTI with bytes of its header overwritten: (offset, struct format, values)."""
    write_labels(block_map(), tmp_path / "sound.nii")
    content = bytearray((tmp_path / "sound.nii").read_bytes())
    for offset, form, *values in edits:
        struct.pack_into("<" + form, content, offset, *values)
    (tmp_path / name).write_bytes(content)
    return tmp_path / name


def metaimage(tmp_path, old="", new=""):
    image = sitk.GetImageFromArray(block_map().voxels)
    sitk.WriteImage(image, str(tmp_path / "sound.mha"), False)
    content = (tmp_path / "sound.mha").read_bytes()
    assert old.encode() in content
    (tmp_path / "edited.mha").write_bytes(content.replace(old.encode(), new.encode()))
    return tmp_path / "edited.mha"


def nrrd_file(tmp_path, *, values=None, **changes):
    import nrrd

    header = {"space": "left-posterior-superior", "space directions": np.diag([1.0, 2.0, 3.0]), "space origin": [0.0, 0.0, 0.0]}
    header = {key: value for key, value in (header | changes).items() if value is not None}
    nrrd.write(str(tmp_path / "made.nrrd"), block_map().voxels if values is None else values, header)
    return tmp_path / "made.nrrd"


def refusal(path):
    with pytest.raises(InputError) as error:
        read_labels(path)
    sentence = str(error.value)
    assert path.name in sentence and sentence.endswith(".")
    return sentence


def centre_of(labels, name):
    return labels.affine[:3, :3] @ np.argwhere(labels.select([name])).mean(axis=0) + labels.affine[:3, 3]


# What a label map knows of itself


def test_labels_tell_their_size_and_pieces():
    aorta, liver = block_map().labels()
    assert (aorta.number, aorta.name, aorta.voxel_count, aorta.piece_count) == (1, "aorta", 25, 2)
    assert (liver.number, liver.name, liver.voxel_count, liver.piece_count) == (7, "liver", 12, 1)
    assert aorta.volume_ml == pytest.approx(25 * 6.0 / 1000.0)


@pytest.mark.parametrize("asked", [7, "7", "liver", "LIVER", " Liver "])
def test_a_label_is_found_by_number_and_by_name(asked):
    assert block_map().find(asked) == 7


def test_a_label_is_found_by_its_code():
    coded = block_map(codes={7: Code("SCT", "10200004", "Liver structure")})
    assert coded.find("10200004") == 7
    assert coded.find("liver structure") == 7


def test_an_absent_label_names_the_nearest_and_lists_what_is_there():
    with pytest.raises(InputError, match=r'no label "livr"; nearest are 7 \(liver\); there are 1 \(aorta\), 7 \(liver\)\.'):
        block_map().find("livr")
    with pytest.raises(InputError, match=r'no label "52"; there are 1 \(aorta\), 7 \(liver\)'):
        block_map().find(52)


def test_a_label_that_is_named_but_has_no_voxel_is_empty():
    labels = block_map()
    named = LabelMap(labels.voxels, labels.affine, {**labels.names, 9: "spleen"}, {}, "block")
    with pytest.raises(InputError, match=r"Label 9 \(spleen\) of block is empty"):
        named.find("spleen")


def test_two_labels_of_one_name_must_be_chosen_by_number():
    labels = block_map()
    twins = LabelMap(labels.voxels, labels.affine, {1: "lung", 7: "Lung"}, {}, "block")
    with pytest.raises(InputError, match=r"could be 1 \(lung\), 7 \(Lung\); give the number"):
        twins.find("lung")
    assert twins.find(7) == 7


def test_select_is_the_union_of_the_labels_asked():
    labels = block_map()
    np.testing.assert_array_equal(labels.select(["aorta", 7]), labels.voxels > 0)
    for nothing in ([], "aorta"):
        with pytest.raises(InputError, match="Choose a list"):
            labels.select(nothing)


def test_crop_keeps_every_voxel_where_it_was():
    labels = block_map(degrees=(10.0, 20.0, 30.0), mirrored=True)
    cropped = labels.crop(["liver"], margin_mm=1.0)
    assert cropped.voxels.shape == (5, 4, 4)
    np.testing.assert_allclose(centre_of(cropped, "liver"), centre_of(labels, "liver"), atol=1e-12)
    np.testing.assert_array_equal(cropped.voxels, labels.crop(labels.voxels == 7, margin_mm=1.0).voxels)


def test_crop_stops_at_the_edge_and_refuses_an_empty_mask():
    labels = block_map()
    assert labels.crop(["aorta"], margin_mm=1000.0).voxels.shape == labels.voxels.shape
    with pytest.raises(InputError, match="is empty"):
        labels.crop(np.zeros((9, 8, 7), dtype=bool), margin_mm=0.0)
    with pytest.raises(InputError, match="2 × 8 × 7 voxels, block is 9 × 8 × 7"):
        labels.crop(np.ones((2, 8, 7), dtype=bool), margin_mm=0.0)


def test_resample_to_a_finer_grid_keeps_volume_place_and_axes():
    labels = block_map(degrees=(10.0, 20.0, 30.0), mirrored=True)
    finer = labels.resample(0.5)
    np.testing.assert_allclose(finer.spacing, 0.5)
    assert [label.volume_ml for label in finer.labels()] == pytest.approx([label.volume_ml for label in labels.labels()])
    np.testing.assert_allclose(centre_of(finer, "liver"), centre_of(labels, "liver"), atol=1e-9)


def test_resample_to_a_coarser_grid_tells_what_is_lost():
    voxels = np.zeros((20, 20, 20), dtype=np.uint8)
    voxels[2:18, 2:18, 2:18] = 1
    voxels[19, 19, 19] = 2
    coarser = LabelMap(voxels, np.eye(4), {1: "liver", 2: "speck"}, {}, "block").resample((3.0, 4.0, 5.0))
    assert coarser.find("liver") == 1
    assert any("no voxel is left of 2 (speck)" in note for note in coarser.notes)
    with pytest.raises(InputError, match="give one above zero"):
        coarser.resample(0.0)


def test_a_label_map_refuses_what_is_no_volume_and_no_rectangular_grid():
    sound = block_map()
    with pytest.raises(InputError, match="unsigned integers"):
        LabelMap(sound.voxels.astype(float), sound.affine, {}, {}, "block")
    with pytest.raises(InputError, match="is a volume"):
        LabelMap(sound.voxels[0], sound.affine, {}, {}, "block")
    sheared = sound.affine.copy()
    sheared[0, 1] = 2.0
    with pytest.raises(InputError, match=r"sheared by 45\.0°"):
        LabelMap(sound.voxels, sheared, {}, {}, "block")


# Files written and read again


@pytest.mark.parametrize("name", ["map.nii", "map.nii.gz", "map.nrrd", "map.seg.nrrd", "map.mha"])
@pytest.mark.parametrize("mirrored", [False, True])
def test_voxels_place_names_and_codes_survive_the_file(tmp_path, name, mirrored):
    codes = {7: Code("SCT", "10200004", "Liver structure")}
    labels = block_map(degrees=(25.0, -40.0, 130.0), mirrored=mirrored, spacing=(0.7, 0.9, 1.3), codes=codes)
    write_labels(labels, tmp_path / name)
    again = read_labels(tmp_path / name)
    np.testing.assert_array_equal(again.voxels, labels.voxels)
    np.testing.assert_allclose(again.affine, labels.affine, atol=1e-5)
    assert (dict(again.names), dict(again.codes), again.source) == (labels.names, labels.codes, name)


def test_nifti_by_qform_alone_lies_where_it_does_by_sform(tmp_path):
    labels = block_map(degrees=(25.0, -40.0, 130.0), mirrored=True)
    write_labels(labels, tmp_path / "sound.nii")
    content = bytearray((tmp_path / "sound.nii").read_bytes())
    struct.pack_into("<h", content, SFORM_CODE, 0)
    (tmp_path / "qform.nii").write_bytes(content)
    np.testing.assert_allclose(read_labels(tmp_path / "qform.nii").affine, labels.affine, atol=1e-4)


def test_nifti_is_turned_from_ras_to_lps(tmp_path):
    path = nifti(tmp_path, (SROW, "12f", 2, 0, 0, 10, 0, 2, 0, 20, 0, 0, 2, 30))
    np.testing.assert_allclose(read_labels(path).affine[:3], [[-2, 0, 0, -10], [0, -2, 0, -20], [0, 0, 2, 30]])


def test_nifti_in_metres_becomes_millimetres(tmp_path):
    labels = read_labels(nifti(tmp_path, (UNITS, "B", 1)))
    np.testing.assert_allclose(labels.spacing, [1000.0, 2000.0, 3000.0])
    np.testing.assert_allclose(labels.affine[:3, 3], [12500.0, -40000.0, 7250.0])


def test_nifti_without_orientation_is_read_with_a_note(tmp_path):
    labels = read_labels(nifti(tmp_path, (QFORM_CODE, "2h", 0, 0)))
    assert any("left and right may be exchanged" in note for note in labels.notes)


def test_nifti_of_the_other_byte_order(tmp_path):
    values = np.zeros((4, 5, 6), dtype=">i2")
    values[1, 2, 3] = 7
    header = bytearray(352)
    for offset, form, *fields in [
        (0, "i", 348),
        (DIM, "8h", 3, 4, 5, 6, 1, 1, 1, 1),
        (DATATYPE, "2h", 4, 16),
        (PIXDIM, "8f", 1, 1, 2, 3, 0, 0, 0, 0),
        (108, "f", 352),
        (SFORM_CODE, "h", 1),
        (SROW, "12f", -1, 0, 0, -5, 0, -2, 0, -6, 0, 0, 3, 7),
    ]:
        struct.pack_into(">" + form, header, offset, *fields)
    header[344:348] = b"n+1\0"
    (tmp_path / "big.nii").write_bytes(bytes(header) + values.tobytes(order="F"))
    labels = read_labels(tmp_path / "big.nii")
    assert labels.voxels[1, 2, 3] == 7 and labels.voxel_counts == {7: 1}
    np.testing.assert_allclose(labels.affine[:3], [[1, 0, 0, 5], [0, 2, 0, 6], [0, 0, 3, 7]])


def test_floats_that_are_whole_numbers_are_labels(tmp_path):
    image = sitk.GetImageFromArray(block_map().voxels.astype(np.float32))
    sitk.WriteImage(image, str(tmp_path / "whole.nii.gz"))
    labels = read_labels(tmp_path / "whole.nii.gz")
    assert labels.voxels.dtype == np.uint8 and list(labels.voxel_counts) == [1, 7]


@pytest.mark.parametrize(
    "entries",
    [
        {"1": "aorta", "7": "liver"},
        {"aorta": 1, "liver": 7, "background": 0},
        {"labels": {"1": "aorta", "7": {"name": "liver"}}},
    ],
)
@pytest.mark.parametrize("beside", ["labels.json", "edited.json"])
def test_names_come_from_the_json_beside(tmp_path, entries, beside):
    path = nifti(tmp_path)
    (tmp_path / beside).write_text(json.dumps(entries))
    assert dict(read_labels(path).names) == {1: "aorta", 7: "liver"}


def test_a_json_that_names_nothing_is_passed_over_and_a_broken_one_is_told(tmp_path):
    path = nifti(tmp_path)
    (tmp_path / "edited.json").write_text('{"EchoTime": 0.1, "Manufacturer": "x"}')
    assert read_labels(path).name(7) == "label 7"
    (tmp_path / "edited.json").write_text('{"1": "aorta"')
    with pytest.raises(InputError, match=r"edited\.json, which should name the labels of edited\.nii, is not JSON"):
        read_labels(path)


def test_nrrd_in_ras_is_turned_to_lps(tmp_path):
    path = nrrd_file(tmp_path, space="right-anterior-superior", **{"space origin": [1.0, 2.0, 3.0]})
    np.testing.assert_allclose(read_labels(path).affine[:3], [[-1, 0, 0, -1], [0, -2, 0, -2], [0, 0, 3, 3]])


def test_nrrd_without_a_space_is_read_with_a_note(tmp_path):
    path = nrrd_file(tmp_path, space=None, spacings=[1.0, 2.0, 3.0], **{"space directions": None, "space origin": None})
    labels = read_labels(path)
    np.testing.assert_allclose(labels.spacing, [1.0, 2.0, 3.0])
    assert any("left and right may be exchanged" in note for note in labels.notes)


def test_later_segments_lie_on_earlier_ones_and_taken_numbers_move_on():
    first, second = np.zeros((2, 4, 4, 4), dtype=bool)
    first[:3], second[2:] = True, True
    code = Code("SCT", "1", "two")
    merged = merge_segments([Segment(1, "one", None, first), Segment(1, "two", code, second)], shape=(4, 4, 4), source="x")
    assert (merged.voxels[:2] == 1).all() and (merged.voxels[2:] == 2).all()
    assert merged.names == {1: "one", 2: "two"} and merged.codes == {2: code}
    assert "numbered 2 here, since 1 is taken" in merged.notes[0]
    assert merged.notes[1].startswith("16 voxels of x belong to more than one segment; the later segment keeps them")
    assert '"two" covers 16 of "one"' in merged.notes[1]


# Files that cannot be used


def test_a_missing_file_and_a_folder(tmp_path):
    assert "There is no file" in refusal(tmp_path / "nowhere.nii.gz")
    assert "is a folder" in refusal(tmp_path)


def test_a_suffix_that_is_not_read_and_one_that_is_not_written(tmp_path):
    (tmp_path / "map.xyz").write_text("x")
    assert 'ends in ".xyz", which is not read' in refusal(tmp_path / "map.xyz")
    with pytest.raises(InputError, match=r'ends in "\.dcm", which is not written'):
        write_labels(block_map(), tmp_path / "map.dcm")


@pytest.mark.parametrize("name", ["text.nii.gz", "text.nii", "text.mha", "text.nrrd", "text.dcm"])
def test_text_with_the_name_of_an_image(tmp_path, name, capfd):
    (tmp_path / name).write_text("this is no image\n" * 100)
    assert "is not a" in refusal(tmp_path / name)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["empty.nii.gz", "empty.nii", "empty.mha", "empty.nrrd", "empty.dcm"])
def test_an_empty_file(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    assert "is not a" in refusal(tmp_path / name)


@pytest.mark.parametrize("name", ["map.nii", "map.nii.gz", "map.nrrd", "map.mha"])
def test_a_file_cut_short(tmp_path, name, capfd):
    rng = np.random.default_rng(1)
    noise = LabelMap(rng.integers(0, 250, (20, 20, 20), dtype=np.uint8), np.eye(4), {}, {}, "noise")
    write_labels(noise, tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    assert any(words in refusal(tmp_path / name) for words in ("cut short", "cannot be read"))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["map.nii.gz", "map.nrrd", "map.mha"])
def test_a_map_of_nothing(tmp_path, name):
    image = sitk.GetImageFromArray(np.zeros((5, 5, 5), dtype=np.uint8))
    sitk.WriteImage(image, str(tmp_path / name))
    assert "holds no label: each of its 5 × 5 × 5 voxels is 0" in refusal(tmp_path / name)


@pytest.mark.parametrize("name", ["map.nii.gz", "map.nrrd", "map.mha"])
@pytest.mark.parametrize("shape", [(6, 5), (1, 6, 5)])
def test_a_flat_image(tmp_path, name, shape):
    sitk.WriteImage(sitk.GetImageFromArray(np.ones(shape, dtype=np.uint8)), str(tmp_path / name))
    assert "a label map is a volume" in refusal(tmp_path / name)


def test_a_series_of_volumes_and_a_colour_image(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(np.ones((3, 4, 5, 6), dtype=np.uint8)), str(tmp_path / "series.nii"))
    assert "a label map is a volume" in refusal(tmp_path / "series.nii")
    colour = sitk.GetImageFromArray(np.ones((4, 5, 6, 3), dtype=np.uint8), isVector=True)
    sitk.WriteImage(colour, str(tmp_path / "colour.mha"))
    assert "holds 3 values in each voxel" in refusal(tmp_path / "colour.mha")


@pytest.mark.parametrize("name", ["map.nii.gz", "map.nrrd", "map.mha"])
def test_fractions_and_grey_values(tmp_path, name):
    sitk.WriteImage(sitk.GetImageFromArray(np.linspace(0, 2, 125, dtype=np.float32).reshape(5, 5, 5)), str(tmp_path / name))
    assert "map of probabilities" in refusal(tmp_path / name)
    sitk.WriteImage(sitk.GetImageFromArray(np.arange(-60, 65, dtype=np.int16).reshape(5, 5, 5)), str(tmp_path / name))
    assert "holds values from -60 to 64" in refusal(tmp_path / name)
    holed = np.zeros((5, 5, 5), dtype=np.float32)
    holed[2, 2, 2] = np.nan
    sitk.WriteImage(sitk.GetImageFromArray(holed), str(tmp_path / name))
    assert "holds 1 voxels" in refusal(tmp_path / name)


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([(SROW, "4f", 0, 0, 0, 1)], "is singular"),
        ([(SROW, "4f", 0, 0, 0, 1), (QFORM_CODE, "h", 0)], "is singular"),
        ([(SROW, "8f", 1, 0, 0, 1, 1, 0, 0, 1)], "is singular"),
        ([(SROW, "f", float("nan"))], "is not made of numbers"),
        ([(SROW, "4f", -1, 1, 0, 1)], "sheared"),
        ([(SFORM_CODE, "h", 0), (QUATERN, "f", float("nan"))], "is no rotation"),
        ([(SFORM_CODE, "h", 0), (QUATERN, "3f", 2, 0, 0)], "is no rotation"),
        ([(PIXDIM + 4, "f", 0)], "no voxel spacing: 0, 2, 3 mm"),
        ([(PIXDIM + 4, "3f", 1, float("nan"), 3)], "no voxel spacing: 1, nan, 3 mm"),
        ([(DIM, "h", 99)], "has no NIfTI header"),
        ([(0, "i", 540)], "is a NIfTI-2 image"),
    ],
)
def test_nifti_headers_that_must_not_pass(tmp_path, edits, words, capfd):
    assert words in refusal(nifti(tmp_path, *edits))
    assert capfd.readouterr() == ("", "")


def test_nifti_packed_by_name_only(tmp_path):
    plain = nifti(tmp_path)
    (tmp_path / "plain.nii.gz").write_bytes(plain.read_bytes())
    assert "is not packed with gzip" in refusal(tmp_path / "plain.nii.gz")
    (tmp_path / "packed.nii.gz").write_bytes(gzip.compress(plain.read_bytes()))
    assert read_labels(tmp_path / "packed.nii.gz").find(7) == 7


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("ElementSpacing = 1 1 1\n", "", "no voxel spacing: none is given"),
        ("ElementSpacing = 1 1 1", "ElementSpacing = 0 1 1", "no voxel spacing: 0, 1, 1 mm"),
        ("ElementSpacing = 1 1 1", "ElementSpacing = nan 1 1", "no voxel spacing: nan, 1, 1 mm"),
        ("TransformMatrix = 1 0 0 0 1 0 0 0 1", "TransformMatrix = 1 0 0 1 0 0 0 0 1", "is singular"),
        ("TransformMatrix = 1 0 0", "TransformMatrix = nan 0 0", "is not made of numbers"),
        ("TransformMatrix = 1 0 0", "TransformMatrix = 1 1 0", "sheared"),
    ],
)
def test_metaimage_headers_that_must_not_pass(tmp_path, old, new, words, capfd):
    assert words in refusal(metaimage(tmp_path, old, new))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"space directions": None, "space": None, "space origin": None}, "no voxel spacing: none is given"),
        ({"space directions": np.diag([0.0, 2.0, 3.0])}, "no voxel spacing: 0, 2, 3 mm"),
        ({"space directions": np.array([[1.0, 0, 0], [1.0, 0, 0], [0, 0, 1.0]])}, "is singular"),
        ({"space directions": np.array([[1.0, 0, 0], [1.0, 1.0, 0], [0, 0, 1.0]])}, "sheared"),
        ({"space origin": [np.nan, 0.0, 0.0]}, "is not made of numbers"),
        ({"values": np.ones((2, 3, 4, 5)), "space": None, "space directions": None, "space origin": None}, "counts the layers"),
    ],
)
def test_nrrd_headers_that_must_not_pass(tmp_path, changes, words):
    assert words in refusal(nrrd_file(tmp_path, **changes))
