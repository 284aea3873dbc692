"""Pictures of slices, with all that is written on them: one for windows and pages, four on a sheet for a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from meshing.errors import InputError
from scenarios.limits import LIMITS_OF_USE
from viewer.png_files import require_png
from viewer.slices.cuts import Shapes
from viewer.slices.planes import NAMES, Plane, letters, place_words
from viewer.slices.volumes import Volume

FINER = 2
"""Lines are drawn so many times larger and then made smaller, so that they have no steps."""

GROUND, INK, FAINT, LIMIT = "#050607", "#ffffff", "#b9c4cd", "#e3b341"
LINE_PX = 1.7
LEAST_DOT_PX = 1.6
BARS_MM = (1, 2, 5, 10, 20, 50, 100)
TYPE_SHARE = 0.046
"""Height of letters as a share of a picture's side."""

SHEET_SIDE = 620
NO_VOLUME = "no image: outlines alone"


class Ground:
    """What of a slice stays while time passes: what lies behind the outlines, and what is written before them."""

    def __init__(self, plane: Plane, volume: Volume | None, *, field_mm: float, side: int, station_mm: float | None) -> None:
        """field_mm: how wide the picture is; side: how many pixels; station_mm: where along the centreline, told on "across"."""
        from PIL import Image

        self.plane, self.field_mm, self.side = plane, field_mm, side
        if volume is None:
            behind = np.full((side, side, 3), 6, np.uint8)
        else:
            step = field_mm / side
            first = plane.centre - 0.5 * (field_mm - step) * (plane.right + plane.down)
            behind = volume.seen(first, step * plane.right, step * plane.down, side)
        self._behind = Image.fromarray(behind).resize((FINER * side, FINER * side), Image.Resampling.BILINEAR)
        self._before = Image.new("RGBA", (side, side))
        _write_upon(self._before, plane, field_mm, station_mm)

    def picture(self, moment: Any, shapes: Shapes) -> np.ndarray:
        """The slice at a moment, a snapshot or a recording's sampled state; shape (side, side, 3), uint8."""
        from PIL import ImageDraw

        picture = self._behind.copy()
        large = FINER * self.side
        draw, scale = ImageDraw.Draw(picture), large / self.field_mm
        width = max(round(LINE_PX * large / 360), FINER)
        for segments, colour in shapes.lines(moment, self.plane):
            for ends in (segments * scale + 0.5 * large).reshape(-1, 4).tolist():
                draw.line(ends, fill=colour, width=width)
        for segments, radius_mm, colour in shapes.near(moment, self.plane):
            for ends in (segments * scale + 0.5 * large).reshape(-1, 4).tolist():
                draw.line(ends, fill=colour, width=max(round(2.0 * radius_mm * scale), width))
        for points, radius_mm, colour in shapes.dots(moment, self.plane):
            radius = max(radius_mm * scale, LEAST_DOT_PX * large / 360)
            for x, y in points * scale + 0.5 * large:
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
        picture = picture.reduce(FINER)
        picture.paste(self._before, mask=self._before)
        return np.asarray(picture)


def _write_upon(picture: Any, plane: Plane, field_mm: float, station_mm: float | None) -> None:
    """Name and place, letters at the edges, a bar of whole millimetres."""
    from PIL import ImageDraw

    draw, side = ImageDraw.Draw(picture), picture.width
    size = max(round(TYPE_SHARE * side), 12)
    edge = round(0.4 * size)
    look = {"font": font(size), "fill": INK, "stroke_width": max(size // 10, 1), "stroke_fill": "black"}
    draw.text((edge, edge), f"{plane.name}  {place_words(plane, station_mm)}".rstrip(), anchor="lt", **look)
    for words, place, anchor in (
        (letters(plane.right), (side - edge, side / 2), "rm"), (letters(-plane.right), (edge, side / 2), "lm"),
        (letters(-plane.down), (side / 2, edge), "mt"), (letters(plane.down), (side / 2, side - edge), "mb"),
    ):  # fmt: skip
        draw.text(place, words, anchor=anchor, **look)
    length = max([one for one in BARS_MM if one <= 0.34 * field_mm], default=BARS_MM[0])
    right, base = side - 2 * edge, side - 2 * edge
    left = right - length * side / field_mm
    thick = max(side // 180, 2)
    draw.rectangle((left - 1, base - thick - 1, right + 1, base + 1), fill="black")
    draw.rectangle((left, base - thick, right, base), fill=INK)
    draw.text(((left + right) / 2, base - thick - edge / 2), f"{length} mm", anchor="mb", **look)


def sheet(pictures: Mapping[str, np.ndarray], *, title: str, lines: tuple[str, ...]) -> np.ndarray:
    """All slices on a sheet with a title, what they show, and the limits of use, shape (h, w, 3), uint8."""
    from PIL import Image, ImageDraw

    side = next(iter(pictures.values())).shape[0]
    size, gap = max(side // 30, 12), max(side // 100, 4)
    head, foot = 2 * size, round((1.45 * (len(lines) + 1) + 0.8) * size)
    whole = Image.new("RGB", (2 * side + 3 * gap, head + 2 * side + 3 * gap + foot), "#14181d")
    draw = ImageDraw.Draw(whole)
    draw.text((2 * gap, head / 2 + gap), title, anchor="lm", font=font(round(1.25 * size)), fill=INK)
    for number, name in enumerate(NAMES):
        place = (gap + (number % 2) * (side + gap), head + gap + (number // 2) * (side + gap))
        whole.paste(Image.fromarray(pictures[name]), place)
    for number, words in enumerate((*lines, LIMITS_OF_USE)):
        colour = LIMIT if words is LIMITS_OF_USE else FAINT
        place = (2 * gap, head + 2 * side + 3 * gap + (0.4 + 1.45 * number) * size)
        draw.text(place, words, font=font(size), fill=colour)
    return np.asarray(whole)


def write_sheet(picture: np.ndarray, path: Path) -> Path:
    """Write a sheet (h, w, 3) as a PNG that says in itself what it is not for.

    Raises
    ------
    InputError
        If the name does not end in .png, or the file cannot be written.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    require_png(path)
    about = PngInfo()
    about.add_text("Comment", LIMITS_OF_USE)
    try:
        Image.fromarray(picture).save(path, pnginfo=about)
    except OSError as error:
        raise InputError(f"The picture {path} cannot be written ({error.strerror or error}).") from error
    return path


def font(size: int) -> Any:
    """The one font that comes with the library that draws, of a size [pixels]."""
    from PIL import ImageFont

    return ImageFont.load_default(size=size)
