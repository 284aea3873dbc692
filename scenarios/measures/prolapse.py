"""Tissue prolapse: what of the wall bulges into a stent between its struts."""

import numpy as np
from scipy.integrate import trapezoid

from meshing.centrelines import Path
from scenarios.measures import sources
from scenarios.measures.around import directions, lumen_radius, ring_radius
from scenarios.measures.measure import Findings, Measure

DIRECTIONS = 180  # 2° apart, finer than struts stand in any ring
SPACING_MM = 0.25  # between sections, finer than the gap between two rings


def prolapse(
    nodes: np.ndarray,
    rings: list[np.ndarray],
    path: Path,
    *,
    vertices: np.ndarray,
    triangles: np.ndarray,
    half_thickness_mm: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Give the area of tissue within the struts' inner contour (station count,) [mm²], at stations along a stent [mm].

    A(s) = ½ ∮ max(r_stent² − r_lumen², 0) dθ, radii from the path; between two rings the contour runs straight from one to the
    next. `nodes` (node count, 3) [mm], `rings` node numbers of each, `triangles` of the lumen. Empty for fewer than two rings.
    """
    angles = directions(DIRECTIONS)
    contours, middles = zip(*(ring_radius(nodes[numbers], path, angles=angles) for numbers in rings), strict=True)
    order = np.argsort(middles)
    at, contour = np.array(middles)[order], np.array(contours)[order] - half_thickness_mm
    if len(at) < 2:
        return np.zeros(0), np.zeros(0)
    asked = np.linspace(at[0], at[-1], max(2, round((at[-1] - at[0]) / SPACING_MM) + 1))
    lumen, stations = lumen_radius(vertices, triangles, path, stations=asked, angles=angles)
    inner = np.stack([np.interp(stations, at, column) for column in contour.T], 1)
    return np.pi * np.maximum(inner**2 - lumen**2, 0.0).mean(axis=1), stations


def prolapse_findings(area_mm2: np.ndarray, stations_mm: np.ndarray) -> Findings:
    """Give the measures of prolapse from its area at stations along the stent, both (station count,)."""
    if len(stations_mm) < 2:
        return Findings(notes=("Tissue prolapse could not be measured: the lumen does not go round the stent's path.",))
    worst = int(np.argmax(area_mm2))
    words = "Area of tissue within the inner contour of the struts, which runs straight from ring to ring, after"
    return Findings(
        (
            Measure(
                "largest tissue prolapse", float(area_mm2[worst]), "mm2", f"{words}; largest of any section.", sources.PROLAPSE,
                f"At {stations_mm[worst]:.1f} mm along the centreline.",
            ),
            Measure(
                "tissue prolapse volume", float(trapezoid(area_mm2, stations_mm)), "mm3",
                f"{words}, summed from the first ring's middle to the last's.", sources.PROLAPSE,
            ),
        )
    )  # fmt: skip
