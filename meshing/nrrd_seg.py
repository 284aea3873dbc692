"""Label maps in NRRD files, with the segments, layers and codes that 3D Slicer keeps in a .seg.nrrd."""

import zlib
from dataclasses import dataclass
from pathlib import Path

import nrrd
import numpy as np

from meshing.errors import InputError
from meshing.label_images import read_names
from meshing.labels import Code, LabelMap, label_numbers, require_rectangular, require_volume
from meshing.overlap import Segment, merge_segments
from meshing.probabilities import are_probabilities, are_whole, numbered_voxels

# What each axis of a NRRD's space must be multiplied with to become left, posterior, superior.
LPS_SIGNS = {
    "left-posterior-superior": (1, 1, 1), "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1), "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1), "las": (1, -1, 1),
}  # fmt: skip
UNIT_MM = {"mm": 1.0, "millimeter": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001, "µm": 0.001}
# What Slicer writes as the category of a segment whose type alone is known.
ANY_CATEGORY = "SCT^85756007^Tissue"


@dataclass(frozen=True)
class _Described:
    """What the header tells of one segment: in which layer and by which value it stands, its name and code."""

    layer: int
    value: int
    name: str
    code: Code | None


def read_nrrd_labels(path: Path) -> LabelMap:
    """Read labels from .nrrd or .seg.nrrd; layers of a 4-D file are merged, the later segment lying on top.

    Fractions from 0 to 1 are probabilities, as `meshing.probabilities.numbered_voxels` tells.
    Raises InputError as `meshing.labels.read_labels` tells.
    """
    try:
        values, header = nrrd.read(str(path))
    except (nrrd.NRRDError, OSError, EOFError, ValueError, KeyError, StopIteration, zlib.error) as error:
        reason = str(error).rstrip(".") or "it is empty"
        raise InputError(f"{path.name} is not a NRRD image or is cut short ({reason}); export it again.") from error
    layered = values.ndim == 4
    layer_axis = _layer_axis(header, values.shape, source=path.name) if layered else None
    affine, notes = _affine(header, layer_axis, source=path.name)
    described = _described(header, layered=layered)
    # Layers of whole numbers may overlap; channels of probabilities are weighed against each other.
    if layer_axis is not None and not (are_probabilities(values) and not are_whole(values)):
        layers = np.moveaxis(label_numbers(values, source=path.name), layer_axis, 0)
        require_volume(layers.shape[1:], source=path.name)
        merged = merge_segments(_segments(layers, described), shape=layers.shape[1:], source=path.name)
        return LabelMap(merged.voxels, affine, merged.names, merged.codes, path.name, (*notes, *merged.notes))
    voxels, decisions = numbered_voxels(values if layer_axis is None else np.moveaxis(values, layer_axis, 3), source=path.name)
    notes = (*notes, *decisions)
    described = [] if layered else described
    names = {segment.value: segment.name for segment in described}
    codes = {segment.value: segment.code for segment in described if segment.code is not None}
    if not names:
        names, codes = read_names(path)
    return LabelMap(voxels, affine, names, codes, path.name, notes)


def write_nrrd_labels(labels: LabelMap, path: Path) -> None:
    """Write labels as a NRRD with the names and codes of its segments as 3D Slicer writes them."""
    header: dict = {
        "space": "left-posterior-superior",
        "space directions": labels.affine[:3, :3].T,
        "space origin": labels.affine[:3, 3],
        "kinds": ["domain", "domain", "domain"],
        "encoding": "gzip",
    }
    for position, number in enumerate(sorted({*labels.voxel_counts, *labels.names})):
        code = labels.codes.get(number)
        header[f"Segment{position}_ID"] = f"Segment_{number}"
        header[f"Segment{position}_LabelValue"] = str(number)
        header[f"Segment{position}_Layer"] = "0"
        header[f"Segment{position}_Name"] = labels.name(number)
        if code is not None:
            term = f"{code.scheme}^{code.value}^{code.meaning}"
            header[f"Segment{position}_Tags"] = (
                f"TerminologyEntry:Segmentation category and type - DICOM master list~{ANY_CATEGORY}~{term}~^^~"
                "Anatomic codes - DICOM master list~^^~^^|"
            )
    nrrd.write(str(path), labels.voxels, header)


def _layer_axis(header: dict, shape: tuple[int, ...], *, source: str) -> int:
    kinds = header.get("kinds", [])
    candidates = [axis for axis, kind in enumerate(kinds) if kind not in ("domain", "space")]
    if len(candidates) != 1:
        raise InputError(f"{source} is {' × '.join(map(str, shape))} voxels and does not say which axis counts the layers.")
    return candidates[0]


def _affine(header: dict, layer_axis: int | None, *, source: str) -> tuple[np.ndarray, tuple[str, ...]]:
    spatial = [axis for axis in range(header["dimension"]) if axis != layer_axis]
    require_volume([int(header["sizes"][axis]) for axis in spatial], source=source)
    notes = []
    directions = header.get("space directions")
    if directions is not None:
        columns = np.asarray(directions, dtype=float)[spatial].T
    elif "spacings" in header:
        columns = np.diag(np.asarray(header["spacings"], dtype=float)[spatial])
    else:
        raise InputError(f"{source} has no voxel spacing: none is given; export it again.")
    lengths = np.linalg.norm(columns, axis=0)
    if columns.shape != (3, 3) or not (np.isfinite(lengths).all() and (lengths > 0).all()):
        shown = ", ".join(f"{length:g}" for length in lengths)
        raise InputError(f"{source} has no voxel spacing: {shown} mm; export it again.")
    signs = LPS_SIGNS.get(str(header.get("space", "")).lower())
    if signs is None:
        notes.append(
            f"{source} does not say how the patient lay (its space is {header.get('space', 'not given')}): its axes are taken as "
            "left, posterior and superior, so that left and right may be exchanged."
        )
    unit = UNIT_MM.get(str(next(iter(header.get("space units", ["mm"])), "mm")).strip('"').lower(), 1.0)
    affine = np.eye(4)
    affine[:3, :3] = columns
    affine[:3, 3] = header.get("space origin", np.zeros(3))
    affine[:3] *= np.array(signs or (1, 1, 1))[:, None] * unit
    require_rectangular(affine, source=source)
    return affine, tuple(notes)


def _described(header: dict, *, layered: bool) -> list[_Described]:
    described = []
    position = 0
    while f"Segment{position}_ID" in header or f"Segment{position}_Name" in header:
        prefix = f"Segment{position}_"
        # Slicer before 4.11 gave each segment a layer of its own, with the value 1, and wrote neither down.
        described.append(
            _Described(
                layer=int(header.get(prefix + "Layer", position if layered else 0)),
                value=int(header.get(prefix + "LabelValue", 1 if layered else position + 1)),
                name=header.get(prefix + "Name") or header[prefix + "ID"],
                code=_code(header.get(prefix + "Tags", "")),
            )
        )
        position += 1
    return described


def _code(tags: str) -> Code | None:
    for tag in tags.split("|"):
        key, _, entry = tag.partition(":")
        parts = entry.split("~")
        if key == "TerminologyEntry" and len(parts) > 2:
            scheme, value, meaning = [*parts[2].split("^"), "", "", ""][:3]
            if value:
                return Code(scheme, value, meaning)
    return None


def _segments(layers: np.ndarray, described: list[_Described]):
    """Each segment of each layer, in the order of the header; then values that the header does not describe."""
    seen = set()
    for segment in described:
        if segment.layer < len(layers):
            seen.add((segment.layer, segment.value))
            yield Segment(segment.value, segment.name, segment.code, layers[segment.layer] == segment.value)
    for layer, voxels in enumerate(layers):
        for value in np.unique(voxels):
            if value > 0 and (layer, int(value)) not in seen:
                yield Segment(int(value), f"label {value} of layer {layer}", None, voxels == value)
