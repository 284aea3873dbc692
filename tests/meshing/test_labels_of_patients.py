"""Real segmentations are read as the patient lay, from every kind of file. Skipped where the data are absent."""

import numpy as np
import pytest

from meshing.errors import InputError
from meshing.labels import Code, read_labels
from tests.shared_data import shared_data


def centre_of(labels, name):
    return labels.affine[:3, :3] @ np.argwhere(labels.select([name])).mean(axis=0) + labels.affine[:3, 3]


def refusal(path):
    with pytest.raises(InputError) as error:
        read_labels(path)
    return str(error.value)


def test_abdomen_lies_as_a_patient_does():
    labels = read_labels(shared_data("abdomen_ct/labels.nii.gz"))
    assert labels.find("liver") == 5 and labels.voxel_counts[5] == 41_692
    assert (labels.voxel_counts[52], labels.voxel_counts[65], labels.voxel_counts[66]) == (1_839, 649, 733)
    liver, spleen, bladder = (centre_of(labels, name) for name in ("liver", "spleen", "urinary_bladder"))
    assert liver[0] < -20.0 < 20.0 < spleen[0], "the liver is on the right, which is negative x in LPS"
    assert liver[2] > bladder[2] + 150.0, "head up"
    assert centre_of(labels, "kidney_right")[0] < centre_of(labels, "kidney_left")[0]
    assert centre_of(labels, "iliac artery right")[0] < centre_of(labels, "iliac artery left")[0]
    assert centre_of(labels, "vertebrae_L3")[1] > centre_of(labels, "aorta")[1], "the spine is behind the aorta"


def test_abdomen_offers_the_iliac_arteries_for_a_half_name():
    labels = read_labels(shared_data("abdomen_ct/labels.nii.gz"))
    with pytest.raises(InputError, match=r"nearest are .*65 \(iliac_artery_left\)") as error:
        labels.find("iliac artery")
    assert "and 49 more" in str(error.value)


def test_abdomen_of_another_scanner_lies_the_same_way():
    labels = read_labels(shared_data("abdomen_mr/example_seg_mr.nii.gz"))
    assert labels.name(5) == "liver"
    assert centre_of(labels, "liver")[0] < centre_of(labels, "spleen")[0]


def test_liver_with_a_stray_label():
    labels = read_labels(shared_data("liver_ct/labels.nii.gz"))
    by_number = {label.number: label for label in labels.labels()}
    assert by_number[255].volume_ml == pytest.approx(1605, abs=1) and by_number[127].volume_ml == pytest.approx(160, abs=1)
    assert by_number[84].voxel_count == 2 and by_number[84].name == "label 84"
    np.testing.assert_allclose(labels.spacing, [0.617, 0.617, 1.333], atol=1e-3)


def test_slicer_segments_keep_names_codes_and_sides():
    labels = read_labels(shared_data("chest_ct/Segmentation.seg.nrrd"))
    assert labels.codes[1] == Code("SCT", "113197003", "Rib")
    assert centre_of(labels, "right lung")[0] < centre_of(labels, "left lung")[0]
    assert centre_of(labels, "cervical vertebral column")[2] > centre_of(labels, "lumbar vertebral column")[2]
    with pytest.raises(InputError, match=r"could be 5 \(right lung\), 6 \(left lung\)"):
        labels.find("39607008")
    assert labels.notes == ()


def test_slicer_layers_are_merged_and_the_overlap_is_told():
    labels = read_labels(shared_data("chest_ct/SegmentationOverlapping.seg.nrrd"))
    sphere = labels.find("overlapping sphere")
    assert sphere == 8 and labels.codes[8].value == "19227008" and labels.voxel_counts[8] == 19_139
    assert any("15,514 voxels" in note for note in labels.notes)
    apart = read_labels(shared_data("chest_ct/Segmentation.seg.nrrd"))
    same = (labels.voxels == apart.voxels) | (labels.voxels == 8)
    assert same.all() and np.allclose(labels.affine, apart.affine)


def test_dicom_seg_lies_where_the_nrrd_of_the_same_liver_lies():
    seg = read_labels(shared_data("dicom_seg/liver.dcm"))
    nrrd = read_labels(shared_data("dicom_seg/liver_spine_seg.nrrd"))
    assert seg.codes[seg.find("liver")] == Code("SRT", "T-62000", "Liver")

    def places(labels):
        points = np.argwhere(labels.select([1])) @ labels.affine[:3, :3].T + labels.affine[:3, 3]
        return points[np.lexsort(np.round(points, 3).T)]

    np.testing.assert_allclose(places(seg), places(nrrd), atol=1e-4)


def test_dicom_seg_overlaps_are_told():
    labels = read_labels(shared_data("dicom_seg/partial_overlaps.dcm"))
    assert [label.name for label in labels.labels()] == ["GREEN", "ORANGE", "PURPLE", "LIGHT_BLUE", "DARK_BLUE"]
    assert labels.codes[2] == Code("SCT", "51114001", "Artery")
    assert any("3,106 voxels" in note for note in labels.notes)


def test_dicom_seg_is_known_without_its_suffix(tmp_path):
    content = shared_data("dicom_seg/liver.dcm").read_bytes()
    (tmp_path / "IM0001").write_bytes(content)
    assert read_labels(tmp_path / "IM0001").find("Liver") == 1


def test_dicom_that_is_no_segmentation_and_one_of_fractions(tmp_path):
    import pydicom

    assert "is a CT Image Storage, not a segmentation" in refusal(shared_data("dicom_seg/01.dcm"))
    fractions = pydicom.dcmread(shared_data("dicom_seg/liver.dcm"))
    fractions.SegmentationType = "FRACTIONAL"
    fractions.save_as(tmp_path / "fractions.dcm")
    assert "holds fractions" in refusal(tmp_path / "fractions.dcm")


def test_dicom_seg_cut_short_or_without_its_geometry(tmp_path):
    import pydicom

    whole = shared_data("dicom_seg/liver.dcm")
    (tmp_path / "short.dcm").write_bytes(whole.read_bytes()[:60_000])
    assert "short.dcm" in refusal(tmp_path / "short.dcm")
    placeless = pydicom.dcmread(whole)
    for frame in placeless.PerFrameFunctionalGroupsSequence:
        del frame.PlanePositionSequence
    placeless.save_as(tmp_path / "placeless.dcm")
    assert "placeless.dcm" in refusal(tmp_path / "placeless.dcm")


def test_images_are_not_taken_for_segmentations():
    assert "holds values from -1,207 to 3,382" in refusal(shared_data("abdomen_ct/ct.nii.gz"))
    assert "of no whole number" in refusal(shared_data("aorta_mra/aorta.mha"))
