"""One page that a person keeps: report.html, which needs no other file."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from scenarios.limits import LIMITS_OF_USE
from viewer.headline import figure, headline, key_figures, unit

CAPTIONS = {
    "rehearsal": "The vessel cut open along its centreline, before, opened and after, from one side and to one scale; "
    "the patient's head is up. The stent is drawn whole; the edge of calcium is drawn softer than its tetrahedra are.",
    "lumen": "The lumen's area and diameters in sections square to the centreline; where the stent lies is shaded.",
    "stress": "First principal Cauchy stress in the wall; the colours end at its 99th percentile, rounded up.",
    "overview": "The whole vessel, from the same side.",
    "passage": "The vessel seen through, with the wires in it, from the first state to the last.",
    "handling": "How far hands and foremost points have gone, and what the wires press on the wall with.",
}


BESIDE_EXPERT = (
    "minimum lumen diameter after",
    "residual diameter stenosis",
    "acute gain",
    "stent expansion",
    "stent diameter after",
    "recoil",
    "malapposed struts",
    "largest malapposition",
    "wall stress inflated, 99th percentile",
    "wall stress, 99th percentile",
)


def template_folder() -> Path:
    """Give the folder of the page's template."""
    return Path(__file__).resolve().parent / "templates"


def rendered(template: str, **values: Any) -> str:
    """Give a page made of one of the templates; all of them tell the limits of use and when they were written."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(template_folder()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = figure
    environment.filters["unit"] = unit
    written = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    return environment.get_template(template).render(limits=LIMITS_OF_USE, written=written, **values)


def write_report(
    outcome: Any,
    pictures: Mapping[str, Path],
    path: Path,
    *,
    title: str,
    beside: Sequence[Any] = (),
    line: str | None = None,
    figures: Sequence[tuple[str, str]] | None = None,
) -> Path:
    """Write the report of an outcome with its pictures inside.

    Args:
        outcome: the `scenarios.outcome.Outcome`.
        pictures: paths of PNGs by name; those named in `CAPTIONS` are shown, in that order.
        path: the .html file to write.
        title: what was rehearsed.
        beside: measures beside an expert's range, `scenarios.expert.Beside`; none where there is no expert.
        line: the outcome in a sentence; without it that of a stent.
        figures: what stands first, (what, value with unit); without it those of a stent.
    """
    page = rendered(
        "report.html",
        title=title,
        headline=headline(outcome) if line is None else line,
        key_figures=key_figures(outcome) if figures is None else figures,
        pictures=[(name, embedded(pictures[name]), caption) for name, caption in CAPTIONS.items() if name in pictures],
        measures=outcome.measures,
        beside=[row for row in beside if row.name in BESIDE_EXPERT],
        provenance=provenance(outcome),
        notes=outcome.notes,
    )
    path.write_text(page, encoding="utf-8")
    return path


def embedded(picture: Path) -> str:
    """Give a PNG as a data URL."""
    return "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode("ascii")


def provenance(outcome: Any) -> list[tuple[str, list[tuple[str, str]]]]:
    """Give what was put in, meshed and run as groups of (name, value), nested names joined."""
    groups = (("Input", outcome.input), ("Mesh", outcome.mesh), ("Run", outcome.run))
    return [(title, flat_rows(values)) for title, values in groups]


def flat_rows(values: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Give (name, value) of everything in nested values, nested names joined, as a page shows them."""
    rows = []
    for key, value in values.items():
        name = key.replace("_", " ")
        if isinstance(value, Mapping):
            rows += flat_rows(value, f"{before}{name} ")
        elif isinstance(value, (list, tuple)):
            rows.append((before + name, "; ".join(str(part) for part in value) or "–"))
        else:
            rows.append((before + name, figure(value) if isinstance(value, float) else _plain(value)))
    return rows


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
