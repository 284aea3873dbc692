"""The vessels of the stored cases, by formula; each case's case.toml says where its dimensions come from."""

import math

import numpy as np

from meshing.courses import Placement, tilted_grid
from meshing.labels import Code, LabelMap
from meshing.phantoms import ARTERY_CODES, PLAQUE, Stenosis
from meshing.vessel_trees import Leg, VesselTree

# Terms of SNOMED CT that DICOM PS3.16 gives.
CAROTID_BIFURCATION = Code("SCT", "80272002", "Carotid Bifurcation")
RENAL_ARTERY = Code("SCT", "2841007", "Renal artery")
THORACIC_AORTA = Code("SCT", "113262008", "Thoracic aorta")
COARCTATION = Code("SCT", "7305005", "Coarctation of aorta")


def _fan(angle_degrees: float, reach_mm: float, *, rise: float = 1.0) -> tuple[float, float, float]:
    """A point that far from the origin in the x-y plane, at an angle from x."""
    angle = math.radians(angle_degrees)
    return (reach_mm * math.cos(angle) * rise, reach_mm * math.sin(angle), 0.0)


def _carotid() -> VesselTree:
    # Along x, up the neck; the internal carotid leaves to +y, the external to -y, and both bend back to the common one's course.
    inner, outer = _fan(22.0, 12.0), _fan(-27.0, 12.0)
    internal = ((-35.0, 0.0, 0.0), (-20.0, 0.0, 0.0), (-6.0, 0.0, 0.0), inner, (26.0, 7.6, 0.8), (40.0, 8.6, 1.5))
    return VesselTree(
        legs=(
            Leg(
                points=internal,
                # The common carotid, its end, the sinus, and the internal carotid beyond it.
                radii=((0.0, 3.4), (27.0, 3.45), (41.0, 3.7), (47.0, 3.5), (57.0, 2.5), (76.0, 2.45)),
                open_start=True,
                stenosis=Stenosis(
                    narrowing_percent=45.0,
                    station_mm=56.0,
                    length_mm=18.0,
                    throat_mm=2.0,
                    eccentricity=0.2,
                ),
                thick_side=(0.0, 1.0, 0.2),
            ),
            Leg(
                points=((-4.0, -0.4, 0.0), (3.0, -2.0, 0.0), outer, (25.0, -9.5, 0.3), (33.0, -11.0, 0.5)),
                radii=((0.0, 2.2), (42.0, 2.05)),
            ),
        ),
        wall_mm=0.6,
        fillet_mm=2.0,
        placement=Placement(
            root_mm=(-28.0, -12.0, 95.0),
            # Up, the internal carotid behind and to the patient's right of the external.
            axes=_axes(along=(-0.08, 0.05, 1.0), aside=(-0.55, 0.83, 0.0)),
            grid_axes=tilted_grid(degrees=(8.0, -12.0, 17.0)),
        ),
    )


def _renal() -> VesselTree:
    # The aorta down along x, the right renal artery out along y and slightly down.
    return VesselTree(
        legs=(
            Leg(
                points=((-26.0, 0.0, 0.0), (0.0, 0.0, 0.0), (30.0, 0.0, 0.0)),
                radii=((0.0, 7.8), (56.0, 7.2)),
                open_start=True,
            ),
            Leg(
                points=((0.0, 0.0, 0.0), (1.2, 10.0, 0.0), (2.6, 20.0, 0.4), (4.2, 30.0, 1.2), (6.0, 44.0, 2.5)),
                radii=((0.0, 2.85), (42.0, 2.8)),
                stenosis=Stenosis(
                    narrowing_percent=45.0,
                    station_mm=20.0,
                    length_mm=15.0,
                    throat_mm=2.0,
                    eccentricity=0.2,
                ),
                thick_side=(-1.0, 0.0, 0.2),
            ),
        ),
        wall_mm=0.7,
        fillet_mm=4.0,
        placement=Placement(
            root_mm=(4.0, -20.0, -35.0),
            axes=_axes(along=(0.02, 0.04, -1.0), aside=(-0.88, 0.47, 0.0)),
            grid_axes=tilted_grid(degrees=(-6.0, 9.0, 13.0), mirrored=True),
        ),
    )


def _coarctation() -> VesselTree:
    # From the isthmus down along x; the waist is drawn in from the side of the duct, the ridge stands opposite to it.
    return VesselTree(
        legs=(
            Leg(
                points=((0.0, 0.0, 0.0), (22.0, 1.6, 0.0), (45.0, 2.0, 0.8), (70.0, 1.0, 1.0), (95.0, 0.0, 0.0)),
                # Isthmus, waist, the wider part beyond it, descending aorta.
                radii=((0.0, 7.5), (24.0, 7.4), (37.0, 6.2), (51.0, 9.0), (70.0, 8.8), (96.0, 8.7)),
                open_start=True,
                stenosis=Stenosis(narrowing_percent=32.0, station_mm=37.0, length_mm=16.0, throat_mm=3.0, eccentricity=0.7),
                thick_side=(0.0, 1.0, 0.0),
            ),
        ),
        wall_mm=1.5,
        placement=Placement(
            root_mm=(18.0, 30.0, 60.0),
            axes=_axes(along=(-0.12, 0.1, -1.0), aside=(0.8, 0.6, 0.0)),
            grid_axes=tilted_grid(degrees=(5.0, 11.0, -8.0)),
        ),
    )


def _axes(*, along: tuple[float, float, float], aside: tuple[float, float, float]) -> np.ndarray:
    """A phantom's own x along one LPS direction and y as near to another as is square to it, columns of a rotation, (3, 3)."""
    first = np.array(along) / np.linalg.norm(along)
    second = np.array(aside) - first * (first @ np.array(aside))
    second /= np.linalg.norm(second)
    return np.column_stack([first, second, np.cross(first, second)])


CAROTID = _carotid()
RENAL = _renal()
AORTA = _coarctation()


def carotid_stenosis(*, spacing_mm: float = 0.4) -> LabelMap:
    """A right carotid bifurcation with a stenosis of 45 % of the internal carotid, just beyond its sinus."""
    return CAROTID.label_map(
        spacing_mm=spacing_mm,
        lumen=("carotid lumen", CAROTID_BIFURCATION),
        plaque=("fibrous plaque", ARTERY_CODES[PLAQUE]),
    )


def renal_stenosis(*, spacing_mm: float = 0.45) -> LabelMap:
    """A stump of the abdominal aorta and a right renal artery narrowed by 45 % near its mouth."""
    return RENAL.label_map(
        spacing_mm=spacing_mm,
        lumen=("renal artery lumen", RENAL_ARTERY),
        plaque=("fibrous plaque", ARTERY_CODES[PLAQUE]),
    )


def aortic_coarctation(*, spacing_mm: float = 0.7) -> LabelMap:
    """An adult's aorta from the isthmus down, drawn in to a waist with a ridge in it: a discrete coarctation."""
    return AORTA.label_map(spacing_mm=spacing_mm, lumen=("aortic lumen", THORACIC_AORTA), plaque=("fibrous ridge", COARCTATION))


STORED = {"carotid": carotid_stenosis, "renal": renal_stenosis, "coarctation": aortic_coarctation}
"""What makes the label map of each stored case, by the case's name; the iliac's is `meshing.phantoms.iliac_stenosis`."""
