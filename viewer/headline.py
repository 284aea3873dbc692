"""The few figures that a person wants first."""

import math
from typing import Any

KEY_FIGURES = (
    "minimum lumen diameter before",
    "minimum lumen diameter after",
    "residual diameter stenosis",
    "recoil",
    "malapposed struts",
    "wall stress, 99th percentile",
)


def find_measure(outcome: Any, name: str) -> Any | None:
    """Give the measure of this name; None where it could not be taken."""
    return next((measure for measure in outcome.measures if measure.name == name), None)


def key_figures(outcome: Any) -> list[tuple[str, str]]:
    """Give the figures of a report's first line as (what, value with unit), those that were measured."""
    found = [find_measure(outcome, name) for name in KEY_FIGURES]
    return [(measure.name, said(measure)) for measure in found if measure is not None]


def said(measure: Any) -> str:
    """Give a measure's value with its unit, with as many digits as can be meant."""
    return f"{figure(measure.value)} {unit(measure.unit)}".strip()


def unit(words: str) -> str:
    """Write a unit as print does: mm2 as mm², and none for a ratio."""
    return "" if words == "1" else words.replace("mm2", "mm²").replace("mm3", "mm³")


def figure(value: Any) -> str:
    """Write a number with three significant digits, whole from 1000; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if not math.isfinite(value):
        return "not found"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    if value == 0:
        return "0"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}" if abs(value) >= 1e-3 else f"{value:.2e}"


def headline(outcome: Any) -> str:
    """Say the outcome in a sentence."""
    before, after, left, recoil = (find_measure(outcome, name) for name in KEY_FIGURES[:4])
    if before is None or after is None:
        return "The rehearsal did not come to its end; what was recorded until then is shown."
    parts = [f"The minimum lumen diameter went from {said(before)} to {said(after)}"]
    if left:
        parts.append(f"a diameter stenosis of {said(left)} is left")
    if recoil:
        parts.append(f"the stent recoiled by {said(recoil)} on deflation")
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts) + "."


def passage_headline(outcome: Any) -> str:
    """Say in a sentence how far the wires came and how hard they pressed."""
    figures = {one.name: one.value for one in outcome.measures}
    parts = []
    for name in dict.fromkeys(one.name.split(": ")[0] for one in outcome.measures if ": " in one.name):
        parts.append(
            f"The {name} came to {figures[f'{name}: farthest place']:.0f} mm along the way and pressed on the wall with up to "
            f"{figures[f'{name}: peak wall force']:.3g} N, its tip with up to {figures[f'{name}: peak tip force']:.3g} N."
        )
    return " ".join(parts)
