"""A rehearsal for other programs: meshes, surfaces, label maps and markups, and a script that opens them in 3D Slicer.

Everything is in LPS millimetres and says so: SPACE in the field data of .vtu and .vtp, in the header of .stl, in the NRRD's space
and in the markups' coordinate system.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from meshing.filled import filled_label_map, lumen_number
from meshing.labels import Code, LabelMap, read_labels, write_labels
from meshing.phantoms import ARTERY_CODES, CALCIUM, PLAQUE
from scenarios.limits import LIMITS_OF_USE
from viewer.exports import write_states, write_stent_lines, write_stl, write_wall_surface
from viewer.markups import write_centreline_markup, write_landing_markup, write_lesion_markup
from viewer.phases import file_word, kept_frames

ARTERY = Code("SCT", "51114001", "Artery")
"""What a lumen is called where nothing closer is known; a term of DICOM PS3.16, as those of the plaque are."""

CODES_BY_NAME = {"plaque": ARTERY_CODES[PLAQUE], "calcified plaque": ARTERY_CODES[CALCIUM]}
VOXELS_ACROSS = 20
"""How many voxels a label map has across the vessel's mean width."""

Progress = Callable[[float, str], None]


def write_exchange(recording: Any, folder: Path, *, progress: Progress | None = None) -> list[Path]:
    """Write everything of a rehearsal that other programs read into a folder that is there, and give the paths.

    For each of the states before, opened and after: the wall with its fields (.vtu), wall and lumen as surfaces (.vtp, .stl),
    the stent as tubes and as lines (.vtp), and the tissues as labelled voxels (.seg.nrrd). Once: markups of the centreline, the
    lesion and the landing zone (.mrk.json), and `open_in_slicer.py`.
    """
    tell = progress or (lambda fraction, text: None)
    frames = kept_frames(recording)
    tell(0.0, "meshes")
    written = write_states(recording, folder, for_slicer=True)
    for number, (phase, frame) in enumerate(frames.items()):
        tell(0.2 + 0.7 * number / len(frames), f"{phase}: surfaces and label map")
        word = file_word(phase)
        written.append(write_wall_surface(recording, frame, folder / f"wall_{word}.vtp"))
        written += [write_stl(folder / f"{name}_{word}.vtp", folder / f"{name}_{word}.stl") for name in ("wall", "lumen")]
        if phase != "before":
            written.append(write_stent_lines(recording, frame, folder / f"stent_lines_{word}.vtp"))
        path = folder / f"labels_{word}.seg.nrrd"
        write_labels(label_map_of(recording, frame), path)
        written.append(path)
    tell(0.9, "markups")
    written.append(write_centreline_markup(recording.case.path, folder / "centreline.mrk.json"))
    written.append(write_landing_markup(recording, frames, folder / "landing_zone.mrk.json"))
    lesion = write_lesion_markup(recording, frames, folder / "lesion.mrk.json")
    written += [lesion] if lesion else []
    written.append(_write_script(folder, written))
    tell(1.0, "")
    return written


def label_map_of(recording: Any, frame: Any) -> LabelMap:
    """Give the tissues and the lumen of one sampled state as labelled voxels, with codes where they are known."""
    mesh = recording.case.mesh
    lumen, code = _lumen_term(recording)
    codes = {number: CODES_BY_NAME[name] for number, name in mesh.label_names.items() if name in CODES_BY_NAME}
    codes[lumen_number(mesh)] = code
    width = 2.0 * float(np.median(recording.case.path.radii))
    return filled_label_map(
        mesh, np.asarray(frame.vertices, dtype=float),
        spacing_mm=round(width / VOXELS_ACROSS, 2), lumen_name=lumen, codes=codes, source=recording.case.name,
    )  # fmt: skip


def _lumen_term(recording: Any) -> tuple[str, Code]:
    """Name and code of the lumen: a stored case's own where it is one, known by the hash of its label map."""
    from meshing.provenance import sha256_of
    from scenarios.stored_cases import stored_cases

    given: Mapping[str, Any] = recording.header.get("input", {})
    for case in stored_cases():
        if sha256_of(case.labels) == given.get("sha256"):
            stored = read_labels(case.labels)
            number = stored.find(case.table.lumen[0])
            return stored.name(number), stored.codes.get(number, ARTERY)
    return "vessel lumen", ARTERY


def _write_script(folder: Path, written: list[Path]) -> Path:
    """Write a script for Slicer's Python that loads what was written beside it; segmentations as such, all but `after` hidden."""
    kinds = {".seg.nrrd": "segmentations", ".mrk.json": "markups", ".vtp": "models", ".vtu": "models"}
    lists: dict[str, list[str]] = {"segmentations": [], "markups": [], "models": []}
    for path in written:
        for suffix, kind in kinds.items():
            if path.name.endswith(suffix):
                lists[kind].append(path.name)
    lines = [
        '"""Open this rehearsal in 3D Slicer:  Slicer --python-script open_in_slicer.py',
        "",
        f'{LIMITS_OF_USE}"""',
        "",
        "import os",
        "",
        "import slicer",
        "",
        "HERE = os.path.dirname(os.path.abspath(__file__))",
        *(f"{kind.upper()} = {sorted(names)!r}" for kind, names in lists.items()),
        "",
        "for name in MODELS:",
        "    model = slicer.util.loadModel(os.path.join(HERE, name))",
        '    if name.startswith("wall"):',
        "        model.GetDisplayNode().SetOpacity(0.4)",
        '    if "_after" not in name:',
        "        model.GetDisplayNode().SetVisibility(False)",
        "for name in SEGMENTATIONS:",
        "    segmentation = slicer.util.loadSegmentation(os.path.join(HERE, name))",
        "    segmentation.GetDisplayNode().SetVisibility(False)",
        "for name in MARKUPS:",
        "    slicer.util.loadMarkups(os.path.join(HERE, name))",
        "slicer.util.resetThreeDViews()",
        "",
    ]
    path = folder / "open_in_slicer.py"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path
