"""Label maps in DICOM-SEG objects."""

import warnings
from pathlib import Path

import numpy as np

from meshing.errors import InputError
from meshing.labels import Code, LabelMap
from meshing.overlap import Segment, merge_segments

SEGMENTATION_CLASSES = {"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"}


def read_dicom_seg(path: Path) -> LabelMap:
    """Read one DICOM-SEG object, binary or label map; where segments overlap, the one with the higher number lies on top.

    Raises InputError when the file is no DICOM-SEG, holds fractions, or its frames do not make one regular volume.
    """
    import highdicom
    import pydicom
    from pydicom.errors import InvalidDicomError

    with warnings.catch_warnings():
        # Both libraries warn of each small departure from the standard, which tells a person nothing they can act on.
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(path)
        except (InvalidDicomError, EOFError, OSError) as error:
            raise InputError(f"{path.name} is not a DICOM file ({str(error).splitlines()[0].rstrip('.')}).") from error
        kind = dataset.get("SOPClassUID")
        if kind not in SEGMENTATION_CLASSES:
            name = getattr(kind, "name", "DICOM file of no stated kind")
            raise InputError(f"{path.name} is a {name}, not a segmentation; give the DICOM-SEG object drawn on it.")
        if dataset.get("SegmentationType") == "FRACTIONAL":
            raise InputError(
                f"{path.name} holds fractions (its segmentation type is FRACTIONAL), not labels; export it as a binary DICOM-SEG."
            )
        try:
            return _labels_of(highdicom.seg.Segmentation.from_dataset(dataset, copy=False), path)
        except InputError:
            raise
        except (ValueError, AttributeError, LookupError, TypeError, RuntimeError) as error:
            reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
            raise InputError(f"{path.name} is a DICOM-SEG that cannot be read; export it again ({reason}).") from error


def _labels_of(segmentation, path: Path) -> LabelMap:
    geometry = segmentation.get_volume_geometry(allow_missing_positions=True)
    if geometry is None:
        raise InputError(f"The frames of {path.name} do not make one volume of parallel, evenly spaced slices.")
    slice_count, row_count, column_count = geometry.spatial_shape

    def segments():
        # One segment at a time: together, sixty segments of a whole CT would not fit into memory.
        for number in segmentation.segment_numbers:
            description = segmentation.get_segment_description(number)
            volume = segmentation.get_volume(
                segment_numbers=[number], combine_segments=True, relabel=True, skip_overlap_checks=True
            )
            kind = description.segmented_property_type
            code = Code(str(kind.scheme_designator), str(kind.value), str(kind.meaning)) if kind is not None else None
            yield Segment(number, str(description.segment_label), code, (volume.array > 0).transpose(2, 1, 0))

    merged = merge_segments(segments(), shape=(column_count, row_count, slice_count), source=path.name)
    # highdicom counts slice, row, column; here the column comes first, as in the other formats.
    affine = np.array(geometry.affine)[:, [2, 1, 0, 3]]
    return LabelMap(merged.voxels, affine, merged.names, merged.codes, path.name, merged.notes)
