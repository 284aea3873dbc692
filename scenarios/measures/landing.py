"""Where and in what size a stent landed: its ends against the lesion's shoulders, geographic miss, oversizing, MUSIC."""

import numpy as np

from scenarios.measures import sources
from scenarios.measures.lumen import Lesion, Profile
from scenarios.measures.measure import Findings, Measure

LARGE_STENT_MM2 = 9.0  # from this minimum stent area on the MUSIC criteria ask for less expansion
LARGE_RATIO = 1.4  # of stent to artery, above which restenosis grows in the superficial femoral artery


def landing_findings(lesion: Lesion, *, stent_mm: tuple[float, float], nominal_diameter_mm: float) -> Findings:
    """Give how far a stent's ends (stations [mm]) lie beyond the lesion's shoulders, what is missed, and the oversizing.

    Beyond counts above zero, short of the shoulder below.
    """
    beyond = (lesion.start_mm - stent_mm[0], stent_mm[1] - lesion.end_mm)
    missed = sum(max(-one, 0.0) for one in beyond)
    words = "How far the stent's {0} end lies beyond the lesion's {0} shoulder along the centreline; below zero it falls short."
    shoulders = f"The lesion runs from {lesion.start_mm:.1f} to {lesion.end_mm:.1f} mm along the centreline."
    ratio = nominal_diameter_mm / lesion.reference_diameter_mm
    return Findings(
        (
            Measure("proximal stent edge beyond lesion", beyond[0], "mm", words.format("proximal"), sources.LANDING, shoulders),
            Measure("distal stent edge beyond lesion", beyond[1], "mm", words.format("distal"), sources.LANDING, shoulders),
            Measure(
                "geographic miss", missed, "mm", "Length of lesion, shoulder to shoulder, that the stent does not cover, after.",
                sources.GEOGRAPHIC_MISS,
            ),
            Measure(
                "device oversizing ratio", ratio, "1", "Nominal diameter of the stent / reference diameter of the artery before.",
                sources.OVERSIZING, f"Above {LARGE_RATIO:g}: more restenosis in the femoral artery." * (ratio > LARGE_RATIO),
            ),
        )
    )  # fmt: skip


def reference_areas(before: Profile, lesion: Lesion) -> list[float]:
    """Give the reference areas at either side of a lesion [mm²], as many as there are."""
    places = [place for place in (lesion.proximal_mm, lesion.distal_mm) if place is not None]
    return [float(np.interp(place, before.stations, before.area)) for place in places]


def music_findings(
    *, malapposed_share: float, minimum_stent_area_mm2: float, references_mm2: list[float], eccentricity: float
) -> Findings:
    """Give how many of the three MUSIC criteria hold: apposition, expansion, symmetry.

    All struts lie against the wall; the minimum stent area is at least 90 % of the mean reference area or all of the smallest
    one, from 9 mm² on 80 % and 90 %; no section is narrower than 0.7 of its longest diameter.
    """
    if not references_mm2:
        return Findings(notes=("The MUSIC criteria need a reference beside the lesion, which the vessel does not have.",))
    large = minimum_stent_area_mm2 >= LARGE_STENT_MM2
    of_mean, of_smallest = (0.8, 0.9) if large else (0.9, 1.0)
    bound = min(of_mean * float(np.mean(references_mm2)), of_smallest * min(references_mm2))
    met = {
        "apposition": malapposed_share <= 0.0,
        "expansion": minimum_stent_area_mm2 >= bound,
        "symmetry": eccentricity >= 0.7,
    }
    failed = [name for name, holds in met.items() if not holds]
    note = f"Not met: {', '.join(failed)}." if failed else "All are met."
    words = (
        "How many of three hold after: no strut stands off; minimum stent area at least 90 % of the mean or 100 % of the "
        "smallest reference area (80 and 90 % from 9 mm² on); shortest over longest diameter of every section at least 0.7."
    )
    return Findings((Measure("MUSIC criteria met", float(sum(met.values())), "of 3", words, sources.MUSIC, note),))
