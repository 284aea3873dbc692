"""Places along a vessel as markups of 3D Slicer: the centreline, the lesion and where the stent lies, in LPS millimetres.

The files follow version 1.0.3 of the schema of Slicer's markups.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from meshing.errors import InputError
from scenarios.limits import LIMITS_OF_USE

SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/markups-schema-v1.0.3.json#"
)
SPACING_MM = 2.0
"""Distance between the control points of a curve."""


def write_markup(
    path: Path,
    *,
    kind: str,
    name: str,
    points: np.ndarray,
    labels: Sequence[str] = (),
    description: str = "",
    colour: Sequence[float],
) -> Path:
    """Write one markup.

    Args:
        path: the .mrk.json file to write.
        kind: "Fiducial" for single places, "Curve" for a line through them.
        name: what Slicer shows it as.
        points: its control points, shape (n, 3) [mm], LPS.
        labels: a word for each point; for a curve, none.
        description: what it is; stands at the first point.
        colour: red, green and blue from 0 to 1.
    """
    rows = [
        _control_point(number, place, labels[number] if labels else f"{name}-{number + 1}", description if number == 0 else "")
        for number, place in enumerate(np.asarray(points, dtype=float))
    ]
    markup = {
        "type": kind,
        "name": name,
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "locked": True,
        "fixedNumberOfControlPoints": False,
        "labelFormat": "%N-%d",
        "lastUsedControlPointNumber": len(rows),
        "controlPoints": rows,
        "measurements": [],
        "display": {
            "visibility": True,
            "opacity": 1.0,
            "color": [float(part) for part in colour],
            "selectedColor": [float(part) for part in colour],
            "propertiesLabelVisibility": False,
            "pointLabelsVisibility": kind == "Fiducial",
            "textScale": 3.0,
            "glyphType": "Sphere3D",
            "glyphScale": 1.5 if kind == "Fiducial" else 0.6,
            "useGlyphScale": True,
        },
    }
    content = {"@schema": SCHEMA, "use": LIMITS_OF_USE, "markups": [markup]}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _control_point(number: int, place: np.ndarray, label: str, description: str) -> dict[str, Any]:
    return {
        "id": str(number + 1),
        "label": label,
        "description": description,
        "associatedNodeID": "",
        "position": [float(value) for value in place],
        "orientation": [-1.0, -0.0, -0.0, -0.0, -1.0, -0.0, 0.0, 0.0, 1.0],
        "selected": True,
        "locked": True,
        "visibility": True,
        "positionStatus": "defined",
    }


def write_centreline_markup(path: Any, file: Path) -> Path:
    """Write the path that the device took, from its root to its end, as an open curve."""
    points = path.at(_stations(0.0, path.length))[0]
    return write_markup(file, kind="Curve", name="Centreline", points=points, colour=(0.2, 0.45, 0.7))


def write_lesion_markup(recording: Any, frames: Mapping[str, Any], file: Path) -> Path | None:
    """Write the lesion's narrowest place, edges and references, as found in the state before; None where there is none."""
    from scenarios.measures.lumen import find_lesion, profile_along, stations_to_cut
    from scenarios.outcome import BESIDE_MM, SEGMENT_MM

    path, before = recording.case.path, frames.get("before")
    if before is None:
        return None
    first, last = landing_zone(recording, frames)
    stations = stations_to_cut(path, fine=(first - BESIDE_MM, last + BESIDE_MM))
    try:
        profile = profile_along(before.vertices, recording.case.mesh.face_sets["lumen"], path, stations=stations)
        lesion = find_lesion(profile, between=(first - SEGMENT_MM, last + SEGMENT_MM))
    except InputError:
        return None
    places = {
        "proximal reference": lesion.proximal_mm,
        "proximal edge": lesion.start_mm,
        "narrowest": lesion.narrowest_mm,
        "distal edge": lesion.end_mm,
        "distal reference": lesion.distal_mm,
    }
    known = {name: station for name, station in places.items() if station is not None}
    points = path.at(np.array(list(known.values())))[0]
    return write_markup(file, kind="Fiducial", name="Lesion", points=points, labels=list(known), colour=(0.7, 0.28, 0.18))


def write_landing_markup(recording: Any, frames: Mapping[str, Any], file: Path) -> Path:
    """Write the stretch of the centreline on which the stent lies in the last state that holds it, as a curve."""
    first, last = landing_zone(recording, frames)
    points = recording.case.path.at(_stations(first, last))[0]
    words = f"Stent from {first:.1f} to {last:.1f} mm along the centreline"
    return write_markup(file, kind="Curve", name="Landing zone", points=points, description=words, colour=(0.28, 0.32, 0.36))


def landing_zone(recording: Any, frames: Mapping[str, Any]) -> tuple[float, float]:
    """Give the stations [mm] between which the stent lies: after, or in the last of the states there is."""
    from scenarios.measures.stent import stent_extent

    first, last = stent_extent(list(frames.values())[-1].device, recording.case.path)
    return max(first, 0.0), min(last, recording.case.path.length)


def _stations(first: float, last: float) -> np.ndarray:
    return np.linspace(first, last, max(round((last - first) / SPACING_MM), 2) + 1)
