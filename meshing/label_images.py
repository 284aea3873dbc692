"""Label maps in NIfTI and MetaImage files, with the names of their labels in a JSON beside the image.

SimpleITK reads the voxels. It also forgives what must not be forgiven in a patient's image (a singular orientation, a file cut
short, a spacing that is missing), so the headers are looked at here first.

The JSON is `<stem>.json` or `labels.json` in the same folder, in one of these forms: {"52": "aorta"}, {"aorta": 52},
{"52": {"name": "aorta", "code": {"scheme": "SCT", "value": "15825003", "meaning": "Aorta"}}}, or {"labels": any of these}.
"""

import contextlib
import dataclasses
import gzip
import json
import math
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from meshing.errors import InputError
from meshing.labels import Code, LabelMap, require_rectangular, require_volume
from meshing.probabilities import numbered_voxels

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
NIFTI_FLOATS = {16: "f4", 64: "f8"}
NIFTI_UNIT_MM = {1: 1000.0, 2: 1.0, 3: 0.001}

# Where each field stands in a header of NIfTI-1: byte offset, struct format.
NIFTI_FIELDS = {
    "magic": (344, "4s"), "dim": (40, "8h"), "type": (70, "h"), "bits": (72, "h"), "spacing": (76, "8f"),
    "data_at": (108, "f"), "slope": (112, "f"), "unit": (123, "B"), "qform_code": (252, "h"), "sform_code": (254, "h"),
    "quaternion": (256, "3f"), "sform": (280, "12f"),
}  # fmt: skip
NIFTI1_HEADER_BYTES, NIFTI2_HEADER_BYTES = 348, 540


def read_image_labels(path: Path) -> LabelMap:
    """Read labels from .nii, .nii.gz, .mha or .mhd. Raises InputError as `meshing.labels.read_labels` tells."""
    if path.name.lower().endswith((".nii", ".nii.gz")):
        affine, notes = nifti_affine(path)
    else:
        affine, notes = _check_metaimage(path), ()
    values, image_affine = read_values(path)
    voxels, decisions = numbered_voxels(values, source=path.name)
    names, codes = read_names(path)
    return LabelMap(
        voxels=voxels,
        affine=image_affine if affine is None else affine,
        names=names,
        codes=codes,
        source=path.name,
        notes=(*notes, *decisions),
    )


def write_image_labels(labels: LabelMap, path: Path) -> None:
    """Write labels as .nii, .nii.gz or .mha, and their names and codes as `<stem>.json` beside it."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(np.ascontiguousarray(labels.voxels.transpose(2, 1, 0)))
    image.SetSpacing(labels.spacing.tolist())
    image.SetOrigin(labels.affine[:3, 3].tolist())
    image.SetDirection((labels.affine[:3, :3] / labels.spacing).ravel().tolist())
    sitk.WriteImage(image, str(path), useCompression=True)
    entries = {}
    for number in sorted({*labels.voxel_counts, *labels.names}):
        code = labels.codes.get(number)
        name = labels.name(number)
        entries[str(number)] = name if code is None else {"name": name, "code": dataclasses.asdict(code)}
    _names_path(path).write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_names(path: Path) -> tuple[Mapping[int, str], Mapping[int, Code]]:
    """Names and codes of labels from the JSON beside an image; both empty where there is none.

    Raises InputError when that file is not JSON.
    """
    for beside in (_names_path(path), path.with_name("labels.json")):
        if not beside.is_file():
            continue
        try:
            entries = json.loads(beside.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{beside.name}, which should name the labels of {path.name}, is not JSON: {error}.") from error
        names, codes = _names_in(entries) if isinstance(entries, dict) else ({}, {})
        if names:
            return names, codes
    return {}, {}


def _names_path(path: Path) -> Path:
    name = path.name.removesuffix(".gz")
    return path.with_name(name[: name.rfind(".")] + ".json")


def _names_in(entries: dict) -> tuple[dict[int, str], dict[int, Code]]:
    # Other programs keep other things in a JSON beside an image, so whatever names no label is passed over.
    names: dict[int, str] = {}
    codes: dict[int, Code] = {}
    if isinstance(entries.get("labels"), dict):
        entries = entries["labels"]
    for key, value in entries.items():
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            names[value] = key
        elif key.isdecimal() and isinstance(value, str):
            names[int(key)] = value
        elif key.isdecimal() and isinstance(value, dict) and isinstance(value.get("name"), str):
            names[int(key)] = value["name"]
            code = value.get("code")
            if isinstance(code, dict) and {"scheme", "value", "meaning"} <= code.keys():
                codes[int(key)] = Code(str(code["scheme"]), str(code["value"]), str(code["meaning"]))
    return names, codes


def read_values(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The values of an image, one in each voxel or (floats only) one in each channel along a last axis, and its affine in LPS."""
    import SimpleITK as sitk

    warned = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        with _silent_stderr():
            image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].removeprefix("Reason: ")
        raise InputError(f"{path.name} cannot be read as an image; export it again ({reason}).") from error
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(warned)
    values = sitk.GetArrayFromImage(image)
    channel_count = image.GetNumberOfComponentsPerPixel()
    if channel_count == 1:
        values = values.transpose()
    elif np.issubdtype(values.dtype, np.floating):
        values = np.moveaxis(values, -1, 0).transpose()
    else:
        raise InputError(f"{path.name} holds {channel_count} values in each voxel; a label map holds one.")
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    # A file may keep channels on a fifth axis, with a single time on the fourth.
    if values.ndim == 5 and values.shape[3] == 1:
        values = values[:, :, :, 0]
    size = image.GetDimension()
    affine = np.eye(4)
    affine[:3, :3] = (np.reshape(image.GetDirection(), (size, size)) * image.GetSpacing())[:3, :3]
    affine[:3, 3] = image.GetOrigin()[:3]
    return values, affine


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    # ITK's MetaImage and NIfTI code write to the process's own stderr, past Python and past ITK's switch for warnings.
    try:
        kept = os.dup(2)
    except OSError:
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def nifti_affine(path: Path) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Affine by the sform where there is one, None where the image reader is to take the qform, and notes on what is missing."""
    header, content = _nifti_header(path)
    dim, spacing, data_at = header["dim"], header["spacing"][1:4], int(header["data_at"][0])
    axis_count = dim[0]
    while axis_count > 3 and dim[axis_count] == 1:
        axis_count -= 1
    # Channels of probabilities, floats or whole numbers with a scale, lie on the fourth axis, or on the fifth behind one time.
    are_fractions = header["type"][0] in NIFTI_FLOATS or header["slope"][0] not in (0.0, 1.0)
    has_channels = are_fractions and (axis_count == 4 or (axis_count == 5 and dim[4] == 1))
    require_volume(dim[1:4] if has_channels else dim[1 : axis_count + 1], source=path.name)
    if not all(math.isfinite(step) and step > 0 for step in spacing):
        raise InputError(f"{path.name} has no voxel spacing: {', '.join(f'{step:g}' for step in spacing)} mm; export it again.")
    expected = data_at + math.prod(dim[1 : axis_count + 1]) * header["bits"][0] // 8
    if len(content) < expected:
        raise InputError(f"{path.name} is cut short: {len(content):,} of {expected:,} bytes are there; copy or export it again.")
    if header["type"][0] in NIFTI_FLOATS:
        # The image reader makes a silent 0 of what is no number.
        kind = np.dtype(NIFTI_FLOATS[header["type"][0]]).newbyteorder(header["order"][0])
        missing = int((~np.isfinite(np.frombuffer(content[data_at:expected], dtype=kind))).sum())
        if missing:
            raise InputError(f"{path.name} holds {missing:,} voxels without a number; give a map of whole label numbers.")
    if header["sform_code"][0] > 0:
        affine = np.eye(4)
        affine[:3] = np.reshape(header["sform"], (3, 4))
        require_rectangular(affine, source=path.name)
        unit = NIFTI_UNIT_MM.get(header["unit"][0] & 7, 1.0)
        return LPS_FROM_RAS @ affine @ np.diag([1.0, 1.0, 1.0, 1.0]) * np.array([[unit], [unit], [unit], [1.0]]), ()
    if header["qform_code"][0] > 0:
        # A NIfTI keeps three numbers of a unit quaternion, so that their length is at most one.
        length = math.hypot(*header["quaternion"])
        if not length <= 1.001:
            raise InputError(f"The orientation (qform) of {path.name} is no rotation: {header['quaternion']}; export it again.")
        return None, ()
    return None, (
        f"{path.name} does not say how the patient lay (neither sform nor qform): its axes are taken as left, posterior and "
        "superior, so that left and right may be exchanged.",
    )


def _nifti_header(path: Path) -> tuple[dict[str, tuple], bytes]:
    """The fields of a NIfTI header with its byte order, and the whole file unpacked."""
    try:
        content = path.read_bytes()
        if path.name.lower().endswith(".gz"):
            content = gzip.decompress(content)
    except gzip.BadGzipFile as error:
        raise InputError(f"{path.name} is not an image: it is not packed with gzip as its name says.") from error
    except (EOFError, zlib.error) as error:
        raise InputError(f"{path.name} is cut short or damaged and cannot be unpacked; copy or export it again.") from error
    for order in "<>":
        size = struct.unpack_from(order + "i", content)[0] if len(content) >= NIFTI1_HEADER_BYTES else 0
        if size == NIFTI2_HEADER_BYTES:
            raise InputError(f"{path.name} is a NIfTI-2 image, which is not read; save it as NIfTI-1 or as .nrrd.")
        if size == NIFTI1_HEADER_BYTES:
            header = {name: struct.unpack_from(order + form, content, offset) for name, (offset, form) in NIFTI_FIELDS.items()}
            if header["magic"][0].startswith(b"n+") and 0 < header["dim"][0] <= 7:
                return header | {"order": (order,)}, content
    raise InputError(f"{path.name} is not an image: it has no NIfTI header.")


def _check_metaimage(path: Path) -> None:
    fields: dict[str, str] = {}
    with path.open("rb") as file:
        for line in iter(lambda: file.readline(4096), b""):
            key, equals, value = line.decode("latin-1").partition("=")
            if not equals:
                break
            fields[key.strip()] = value.strip()
            if key.strip() == "ElementDataFile":
                break
    if "ElementDataFile" not in fields or "DimSize" not in fields:
        raise InputError(f"{path.name} is not an image: it has no MetaImage header.")
    shape = _numbers(fields["DimSize"])
    # The axes of a fourth dimension, along which channels of probabilities may lie, are left out here.
    size = 4 if len(shape) == 4 else 3
    require_volume(shape[:3] if size == 4 else shape, source=path.name)
    spacing = _numbers(fields.get("ElementSpacing", fields.get("ElementSize", "")))
    if len(spacing) != size or not all(math.isfinite(step) and step > 0 for step in spacing):
        shown = ", ".join(f"{step:g}" for step in spacing) + " mm" if spacing else "none is given"
        raise InputError(f"{path.name} has no voxel spacing: {shown}; export it again.")
    given = (fields[key] for key in ("TransformMatrix", "Rotation", "Orientation") if key in fields)
    axes = _numbers(next(given, " ".join(map(str, np.eye(size).ravel()))))
    origin = _numbers(next((fields[key] for key in ("Offset", "Position", "Origin") if key in fields), "0 " * size))
    affine = np.full((4, 4), np.nan)
    affine[3] = [0, 0, 0, 1]
    if len(axes) == size**2 and len(origin) == size:
        # MetaImage lists the axes one after the other, so that they are rows here.
        affine[:3, :3] = np.reshape(axes, (size, size)).T[:3, :3]
        affine[:3, 3] = origin[:3]
    require_rectangular(affine, source=path.name)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split()]
    except ValueError:
        return []
