"""What the page shows as drawings: the indeflator's gauge, a sheath and the course of time, as SVG; and pictures as JPEG."""

import base64
import io
import math
from collections.abc import Sequence
from html import escape

import numpy as np

from viewer.room import theme
from viewer.room.gauges import LEAST_TOP
from viewer.room.sheath_drawing import FILLED, HEIGHT, WIDTH, lines_of
from viewer.room.withdrawal import Drawn

START, SWEEP = 225.0, 270.0
LONGEST_CURVE = 400
"""Points of a curve at most; more than that cannot be told apart on the page."""

TIMELINE_WIDTH, TIMELINE_HEIGHT = 1260.0, 56.0
MARGIN = 18.0
QUALITY = 88


def jpeg_of(picture: np.ndarray) -> str:
    """A picture (n, n), or in colour (n, n, 3), uint8, as the address of a JPEG that holds itself."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, "JPEG", quality=QUALITY, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def dial(pressure: float, nominal: float, rated: float, state: str) -> str:
    """The indeflator's gauge: a needle over an arc, with the nominal and the rated pressure marked [atm]."""
    top, radius = 1.25 * rated, 78.0
    parts = ['<svg viewBox="-100 -90 200 186" role="img" aria-label="indeflator">']
    for low, high, colour in (
        (0.0, nominal, theme.EDGE), (nominal, rated, theme.GOOD), (rated, top, theme.ALARM),
    ):  # fmt: skip
        (x0, y0), (x1, y1) = _place(radius, low / top), _place(radius, high / top)
        large = int(SWEEP * (high - low) / top > 180.0)
        parts.append(
            f'<path d="M{x0:.1f} {y0:.1f}A{radius} {radius} 0 {large} 1 {x1:.1f} {y1:.1f}" fill="none" '
            f'stroke="{colour}" stroke-width="13"/>'
        )
    for value in range(0, math.floor(top) + 1, 2 if top < 22 else 4):
        x, y = _place(0.74 * radius, value / top)
        parts.append(_text(x, y + 4, f"{value}", theme.FAINT, 11, anchor="middle"))
    x, y = _place(0.98 * radius, min(pressure / top, 1.0))
    parts.append(f'<line x2="{x:.1f}" y2="{y:.1f}" stroke="{theme.INK}" stroke-width="4" stroke-linecap="round"/>')
    parts.append(f'<circle r="6" fill="{theme.INK}"/>')
    is_burst = state == "burst"
    parts.append(
        _text(
            0, 74, f"{pressure:.1f} atm", theme.ALARM if is_burst else theme.INK, 19, anchor="middle", bold=True, name="pressure"
        )
    )
    parts.append(_text(0, 92, state, theme.ALARM if is_burst else theme.FAINT, 13, anchor="middle"))
    return "".join([*parts, "</svg>"])


def sheath(drawn: Drawn) -> str:
    """A stent and its sheath, from the hand on the left."""
    parts = [f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="sheath">']
    for line in lines_of(drawn):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in line.points)
        fill = f'fill="{line.colour}" fill-opacity="{FILLED:g}"' if line.is_filled else 'fill="none"'
        what = "polygon" if line.is_filled else "polyline"
        parts.append(f'<{what} points="{points}" {fill} stroke="{line.colour}" stroke-width="{line.width:g}"/>')
    return "".join([*parts, "</svg>"])


def timeline(
    now_s: float,
    *,
    times: Sequence[float],
    levels: Sequence[float],
    xrays: Sequence[float],
    events: Sequence[tuple[float, str]],
    bookmarks: Sequence[tuple[float, str]],
    thin: Sequence[float] = (),
    end_s: float | None = None,
) -> str:
    """Time from left to right [s]: a level as a curve, X-rays as a bar, events and bookmarks as marks.

    thin: another level, as a thin curve to the same scale. end_s: where time ends at the right; without it, at the next five
    seconds. With it the drawing tells a page's script which time lies where, so that one can be chosen.
    """
    last = max([now_s, *times[-1:]])
    end = max(5.0, 5.0 * math.ceil(last / 5.0 + 1e-9)) if end_s is None else max(end_s, 0.1)
    base, high = TIMELINE_HEIGHT - 19.0, 15.0

    def at(time_s: float) -> float:
        return MARGIN + (TIMELINE_WIDTH - 2.0 * MARGIN) * time_s / end

    chooses = "" if end_s is None else f' data-end="{end:g}" data-margin="{MARGIN:g}" data-width="{TIMELINE_WIDTH:g}"'
    parts = [f'<svg viewBox="0 0 {TIMELINE_WIDTH:g} {TIMELINE_HEIGHT:g}" role="img"{chooses}>']
    parts.append(_line(at(0.0), base, at(end), base, theme.EDGE, 1.0))
    step = next((one for one in (0.5, 1, 2, 5, 10, 20, 60) if end / one <= 12), 120)
    for number in range(math.floor(end / step + 1e-6) + 1):
        x = at(number * step)
        parts.append(_line(x, base, x, base + 4, theme.EDGE, 1.0))
        parts.append(_text(x, base + 15, f"{number * step:g} s", theme.FAINT, 10, anchor="middle"))
    every = max(math.ceil(len(times) / LONGEST_CURVE), 1)
    top = max([*levels, LEAST_TOP])
    for curve, colour, width in ((thin, theme.FAINT, 1.0), (levels, theme.ACCENT, 1.6)):
        points = " ".join(
            f"{at(t):.1f},{base - (base - high) * p / top:.1f}" for t, p in list(zip(times, curve, strict=False))[::every]
        )
        if points:
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}"/>')
    for first, second in _spans(times, xrays):
        parts.append(_line(at(first), base - 1, at(second), base - 1, theme.WARN, 3.0))
    for time_s, words in events:
        colour = theme.ALARM if "burst" in words else theme.FAINT
        parts.append(_line(at(time_s), high, at(time_s), base, colour, 1.5, words))
    for time_s, words in bookmarks:
        x = at(time_s)
        parts.append(f'<path d="M{x:.1f} 1l10 5l-10 5z" fill="{theme.WARN}"/>')
        parts.append(_line(x, 1, x, base, theme.WARN, 1.5, words))
        parts.append(_text(x + 12, 10, words, theme.WARN, 10))
    parts.append(_line(at(now_s), 0, at(now_s), base + 4, theme.INK, 1.5))
    return "".join([*parts, "</svg>"])


def _spans(times: Sequence[float], xrays: Sequence[float]) -> list[tuple[float, float]]:
    """From when to when X-rays were on [s], of running totals; spans that touch are one."""
    spans: list[tuple[float, float]] = []
    before = 0.0
    for time_s, total in zip(times, xrays, strict=True):
        if total > before + 1e-9:
            began = time_s - (total - before)
            if spans and began - spans[-1][1] < 1e-6:
                began = spans.pop()[0]
            spans.append((began, time_s))
        before = total
    return spans


def _place(radius: float, share: float) -> tuple[float, float]:
    angle = math.radians(START - SWEEP * share)
    return radius * math.cos(angle), -radius * math.sin(angle)


def _line(x0: float, y0: float, x1: float, y1: float, colour: str, width: float, words: str = "") -> str:
    title = f"<title>{escape(words)}</title>" if words else ""
    return (
        f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="{colour}" stroke-width="{width:g}">{title}</line>'
    )


def _text(
    x: float, y: float, words: str, colour: str, size: float, *, anchor: str = "start", bold: bool = False, name: str = ""
) -> str:
    look = f'fill="{colour}" font-size="{size:g}" text-anchor="{anchor}"' + (' font-weight="600"' if bold else "")
    look += f' id="{name}"' if name else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" {look}>{escape(words)}</text>'
