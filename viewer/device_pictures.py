"""Pictures of what is in the catalogue: a stent crimped and open, a wire as it lies and its stiffness along it."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from meshing.centrelines import Path as VesselPath
from scenarios.devices.balloon_table import PlainBalloon
from scenarios.devices.design import Device, StentDesign
from scenarios.devices.wires import Wire
from scenarios.limits import LIMITS_OF_USE
from viewer import palette
from viewer.offscreen import offscreen_plotter
from viewer.shapes import fabric_surface, sheath_surface, stent_surface

DOTS_PER_INCH = 150
PIXELS_WIDE = 1500
WIDTH_INCHES = 9.0
SCALE_BARS_MM = (1, 2, 5, 10, 20, 50)
FAR_STRUTS = "#c9d1d7"
FABRIC = "#b5cadb"
STIFFNESS_MAP = "viridis"
# EI [N·mm²] from which to which colours run, the same in every picture.
SOFTEST, STIFFEST = 0.1, 10_000.0


def picture_of_device(device: Device | PlainBalloon | Wire, path: str | Path) -> Path:
    """Draw a device of the catalogue as .png; gives the path."""
    if isinstance(device, PlainBalloon):
        from viewer.balloon_pictures import balloon_figure

        figure = balloon_figure(device)
    else:
        figure = _wire_figure(device) if isinstance(device, Wire) else _stent_figure(device)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS_PER_INCH, facecolor=palette.BACKGROUND, metadata={"Comment": LIMITS_OF_USE})
    return path


def stent_nodes(device: Device, *, bore_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes [mm], shape (n, 3), and bars, shape (b, 2), of a stent along x with struts leant as at this bore.

    Rings keep their distance, for the bridges that join them keep their length.
    """
    stent, lattice = device.stent, _straight(device.stent)
    nodes, on_ring = lattice.nodes.copy(), lattice.node_ring >= 0
    height, crimped = stent.ring_height_mm(bore_mm), stent.crimped_ring_height_mm
    for ring in range(stent.rings):
        own = lattice.node_ring == ring
        middle = 0.5 * (nodes[own, 0].min() + nodes[own, 0].max())
        nodes[own, 0] = middle + height / crimped * (nodes[own, 0] - middle)
    # Bridges join crowns at the far ends of rings, which all move alike.
    nodes[~on_ring, 0] += 0.5 * (height - crimped)
    radius = 0.5 * (bore_mm + stent.strut_thickness_mm)
    # Turned by a third of a crown, so that the far side does not hide behind the near one.
    angle = np.arctan2(nodes[:, 2], nodes[:, 1]) + 2.0 * np.pi / (3.0 * stent.crowns)
    nodes[:, 1:] = radius * np.stack([np.cos(angle), np.sin(angle)], 1)
    return nodes, lattice.bars


def _straight(stent: StentDesign) -> Any:
    """The lattice of a crimped stent along x."""
    from scenarios.devices.lattice import place

    stations = np.linspace(0.0, stent.length_mm, 50)
    points = np.outer(stations, [1.0, 0.0, 0.0])
    straight = VesselPath(points, np.tile([1.0, 0.0, 0.0], (50, 1)), np.full(50, 1e3), stations)
    return place(stent, straight, station_mm=0.5 * stent.length_mm)


def _stent_figure(device: Device) -> Any:
    """The crimped stent above the open one, seen from the side to one scale, with what lies behind drawn fainter."""
    from matplotlib.figure import Figure

    stent = device.stent
    shapes = [stent_nodes(device, bore_mm=bore) for bore in (stent.crimped_bore_mm, stent.diameter_mm)]
    fabric = _straight(stent).fabric
    lengths = [float(np.ptp(nodes[:, 0])) for nodes, _ in shapes]
    titles = _stent_titles(device, *lengths)
    covers_mm = (device.sheath.outer_diameter_mm, None) if device.is_self_expanding else (None, None)
    margin = 0.04 * stent.length_mm
    wide_mm = stent.length_mm + 2.0 * margin
    widths = (covers_mm[0] or stent.crimped_diameter_mm, stent.diameter_mm)
    high_mm = [width + 2.0 * stent.strut_thickness_mm + margin for width in widths]
    inches = [(WIDTH_INCHES - 0.6) * high / wide_mm for high in high_mm]
    head, gap, foot = 0.62, 0.42, 0.5
    height = head + sum(inches) + 2 * gap + foot
    figure = Figure(figsize=(WIDTH_INCHES, height))
    write_head(figure, device.name, device.description)
    level = height - head
    for (nodes, bars), title, own_mm, own, cover in zip(shapes, titles, high_mm, inches, covers_mm, strict=True):
        level -= gap
        figure.text(0.3 / WIDTH_INCHES, (level + 0.12) / height, title, fontsize=10, color=palette.INK, va="center")
        level -= own
        axes = figure.add_axes((0.3 / WIDTH_INCHES, level / height, 1 - 0.6 / WIDTH_INCHES, own / height))
        image = _stent_image(nodes, bars, stent.half_thickness_mm, wide_mm, own_mm, cover_mm=cover, fabric=fabric)
        axes.imshow(image, interpolation="lanczos", extent=(0.0, wide_mm, 0.0, own_mm))
        axes.set_axis_off()
    scale_bar(figure, mm_per_inch=wide_mm / (WIDTH_INCHES - 0.6), level_inches=0.3)
    write_foot(figure)
    return figure


def _stent_titles(device: Device, crimped_mm: float, open_mm: float) -> tuple[str, str]:
    """What is said above a stent crimped and open, with its length [mm] then."""
    stent = device.stent
    if device.is_self_expanding:
        sheath = device.sheath
        return (
            f"In its sheath of {sheath.french:g} French, {sheath.outer_diameter_mm:.3g} mm wide, bore {sheath.bore_mm:.3g} mm: "
            f"the stent is {crimped_mm:.1f} mm long",
            f"Open, nothing holding it: bore {stent.diameter_mm:g} mm, {open_mm:.1f} mm long",
        )
    return (
        f"Crimped: {stent.crimped_diameter_mm:g} mm outside, {crimped_mm:.1f} mm long",
        f"Open at {device.balloon.nominal_pressure_atm:g} atm: bore {stent.diameter_mm:g} mm, {open_mm:.1f} mm long",
    )


def _stent_image(
    nodes: np.ndarray,
    bars: np.ndarray,
    radius: float,
    wide_mm: float,
    high_mm: float,
    *,
    cover_mm: float | None = None,
    fabric: np.ndarray,
) -> np.ndarray:
    """A stent along x seen along y to scale, within a sheath so wide where one is given; shape (height, width, 3).

    `fabric` are the nodes of the triangles of what covers it, shape (t, 3).
    """
    near = nodes[bars].mean(axis=1)[:, 1] < 0.0
    width, height = 2 * PIXELS_WIDE, 2 * round(PIXELS_WIDE * high_mm / wide_mm)
    with offscreen_plotter(width, height) as plotter:
        cloth = nodes[fabric].mean(axis=1)[:, 1] < 0.0 if len(fabric) else np.zeros(0, bool)
        for side, hung, colour in ((~near, ~cloth, FAR_STRUTS), (near, cloth, palette.STENT)):
            if hung.any():
                plotter.add_mesh(fabric_surface(nodes, fabric[hung]), color=FABRIC, opacity=0.5, lighting=False)
            plotter.add_mesh(stent_surface(nodes[np.unique(bars[side])], _renumbered(bars[side]), radius_mm=radius), color=colour)
        centre = 0.5 * (nodes.min(axis=0) + nodes.max(axis=0))
        if cover_mm is not None:
            ends = centre + np.outer([-0.5, 0.5], [wide_mm, 0.0, 0.0])
            plotter.add_mesh(sheath_surface(ends, radius_mm=0.5 * cover_mm), color=palette.SHEATH, opacity=0.35)
        plotter.camera_position = [tuple(centre - [0.0, 100.0, 0.0]), tuple(centre), (0.0, 0.0, 1.0)]
        plotter.camera.parallel_projection = True
        plotter.camera.parallel_scale = 0.5 * high_mm
        plotter.set_background(palette.BACKGROUND)
        plotter.disable_anti_aliasing()
        fine = np.asarray(plotter.screenshot(return_img=True))[..., :3].astype(float)
    # Drawn twice the size and averaged down: smooth edges on every driver.
    return np.round(fine.reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))).astype(np.uint8)


def _renumbered(bars: np.ndarray) -> np.ndarray:
    """Bars that number only the nodes they use."""
    return np.unique(bars, return_inverse=True)[1].reshape(-1, 2)


def _wire_figure(wire: Wire) -> Any:
    """The distal end as it lies, to scale and coloured by stiffness, above the stiffness along the wire."""
    from matplotlib.figure import Figure

    reach = max((bend.reach_mm for bend in wire.bends), default=0.0)
    shown = min(max(1.6 * reach, 25.0), min(wire.lengths_mm))
    course = wire.course(shown)
    low, high = course.min(axis=0), course.max(axis=0)
    pad = 0.5 * wire.outer_diameter_mm + 0.03 * shown
    wide, tall = high[0] - low[0] + 2 * pad, high[1] - low[1] + 2 * pad
    mm_per_inch = max(wide / (WIDTH_INCHES - 0.9), tall / 4.2)
    drawn = max(tall / mm_per_inch, 0.9)
    head, between, below, foot = 1.2, 0.95, 3.1, 0.85
    height = head + drawn + between + below + foot
    figure = Figure(figsize=(WIDTH_INCHES, height))
    write_head(figure, wire.name, wire.description)
    for inches, line in zip((0.8, 1.02), _sizes(wire, shown), strict=True):
        figure.text(0.3 / WIDTH_INCHES, 1 - inches / height, line, fontsize=9.5, color=palette.INK, va="center")
    axes = figure.add_axes((0.45 / WIDTH_INCHES, 1 - (head + drawn) / height, 1 - 0.9 / WIDTH_INCHES, drawn / height))
    _draw_course(axes, wire, course, shown)
    centre = 0.5 * (low + high)
    half = 0.5 * np.array([WIDTH_INCHES - 0.9, drawn]) * mm_per_inch
    axes.set_xlim(centre[0] - half[0], centre[0] + half[0])
    axes.set_ylim(centre[1] - half[1], centre[1] + half[1])
    axes.set_axis_off()
    lower = figure.add_axes((0.95 / WIDTH_INCHES, foot / height, 1 - 1.3 / WIDTH_INCHES, below / height))
    _draw_stiffness(lower, wire)
    scale_bar(figure, mm_per_inch=mm_per_inch, level_inches=height - head - drawn - 0.2)
    write_foot(figure)
    return figure


def _sizes(wire: Wire, shown: float) -> tuple[str, str]:
    """Diameters and bends in words, in two lines."""
    bore = f", bore {wire.bore_mm:.3g} mm" if wire.bore_mm else ""
    bends = [
        f"{'J' if wire.tip == 'J' else 'bend'} of {abs(bend.angle_deg):g}° with a radius of {bend.radius_mm:g} mm"
        for bend in wire.bends
    ]
    first = f"The distal {shown:.0f} mm as they lie when nothing holds them, coloured as below"
    return f"{first}: {wire.outer_diameter_mm:.3g} mm thick{bore}", "; ".join(bends) or "no bend, no J"


def _draw_course(axes: Any, wire: Wire, course: np.ndarray, shown: float) -> None:
    """A band as wide as the wire, with its bore in it, paler."""
    from matplotlib.collections import PolyCollection

    along = np.gradient(course, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.stack([-along[:, 1], along[:, 0]], 1)
    distance = np.linspace(shown, 0.0, len(course))
    stiffness = wire.stiffness(0.5 * (distance[:-1] + distance[1:]))
    colours = _colours(stiffness)
    for width, tint in ((wire.outer_diameter_mm, colours), (wire.bore_mm, 1.0 - 0.25 * (1.0 - colours))):
        if width:
            left, right = course + 0.5 * width * across, course - 0.5 * width * across
            quads = np.stack([left[:-1], left[1:], right[1:], right[:-1]], 1)
            # Thin edges of the same colour close the seams between neighbours.
            axes.add_collection(PolyCollection(list(quads), facecolors=tint, edgecolors=tint, linewidths=0.4))


def _colours(stiffness: np.ndarray) -> Any:
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm

    # The lightest colours of the map would be lost on white.
    return colormaps[STIFFNESS_MAP](0.9 * (1.0 - LogNorm(SOFTEST, STIFFEST, clip=True)(stiffness).filled(0.0)))


def _draw_stiffness(axes: Any, wire: Wire) -> None:
    """EI from the tip to somewhat beyond where the body begins, with the ranges that are known and the bends."""
    from matplotlib.collections import LineCollection

    soft = sum(segment.length_mm for segment in wire.segments[:-1])
    reach = max((bend.reach_mm for bend in wire.bends), default=0.0)
    end = min(1.3 * max(soft, reach), min(wire.lengths_mm))
    distance = np.linspace(0.0, end, 600)
    stiffness = wire.stiffness(distance)
    for bend in wire.bends:
        axes.axvspan(bend.distance_mm, bend.reach_mm, color="#eef1f4", zorder=0, linewidth=0)
        middle = 0.5 * (bend.distance_mm + bend.reach_mm)
        axes.text(
            middle, 0.97, "J" if wire.tip == "J" else "bend", transform=axes.get_xaxis_transform(), ha="center", va="top",
            fontsize=8.5, color=palette.FAINT_INK,
        )  # fmt: skip
    low, high = stiffness.min(), stiffness.max()
    for entry in wire.sheet:
        span = {"body stiffness": (soft, end), "tip stiffness": (0.0, wire.segments[0].length_mm)}.get(entry.label)
        if span and (entry.low is not None or entry.high is not None):
            bottom, top = entry.low or entry.values[0], entry.high or entry.values[0]
            axes.fill_between(span, bottom, top, color=palette.BALLOON, alpha=0.35, linewidth=0, zorder=1)
            low, high = min(low, bottom), max(high, top)
    pieces = np.stack([np.column_stack([distance[:-1], stiffness[:-1]]), np.column_stack([distance[1:], stiffness[1:]])], 1)
    axes.add_collection(LineCollection(list(pieces), colors=_colours(stiffness[1:]), linewidths=3.0, capstyle="round", zorder=3))
    axes.set_yscale("log")
    axes.set_xlim(0.0, end)
    axes.set_ylim(10.0 ** math.floor(math.log10(low) + 1e-9), 10.0 ** math.ceil(math.log10(high) + 0.05))
    axes.set_xlabel("distance from the tip along the device [mm]")
    axes.set_ylabel("bending stiffness EI [N·mm²]")
    axes.grid(color="#e9edf0", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    body = next(entry for entry in wire.sheet if entry.label == "body stiffness")
    words = f"Body {stiffness.max():.4g} N·mm² [{body.tag}]"
    words += f", range {body.range_text}" if body.range_text else ""
    axes.set_title(words + "; shaded: range, where known", fontsize=9.5, color=palette.FAINT_INK, loc="left")


def write_head(figure: Any, name: str, description: str) -> None:
    """Write a device's name and description above its picture."""
    height = figure.get_size_inches()[1]
    figure.text(0.3 / WIDTH_INCHES, 1 - 0.28 / height, name, fontsize=13, weight="bold", color=palette.INK, va="center")
    figure.text(0.3 / WIDTH_INCHES, 1 - 0.53 / height, description, fontsize=9, color=palette.FAINT_INK, va="center")


def scale_bar(figure: Any, *, mm_per_inch: float, level_inches: float) -> None:
    """A bar of a round number of millimetres at the left, so high above the picture's foot."""
    from matplotlib.lines import Line2D

    height = figure.get_size_inches()[1]
    length = max((bar for bar in SCALE_BARS_MM if bar <= 1.8 * mm_per_inch), default=SCALE_BARS_MM[0])
    begin, level, inches = 0.3, level_inches / height, length / mm_per_inch
    ends = [begin / WIDTH_INCHES, (begin + inches) / WIDTH_INCHES]
    figure.add_artist(Line2D(ends, [level, level], color=palette.INK, linewidth=3, solid_capstyle="butt"))
    figure.text((begin + inches + 0.1) / WIDTH_INCHES, level, f"{length} mm", va="center", fontsize=9.5, color=palette.INK)


def write_foot(figure: Any) -> None:
    """Write the limits of use below a picture."""
    height = figure.get_size_inches()[1]
    figure.text(0.98, 0.14 / height, LIMITS_OF_USE, ha="right", va="center", fontsize=7.5, color=palette.FAINT_INK)
