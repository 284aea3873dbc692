"""Pictures of balloons without a stent: folded, open and at rated burst, and diameter against pressure."""

from typing import Any

import numpy as np

from scenarios.devices.balloon_table import PlainBalloon
from scenarios.devices.lattice import guided
from viewer import palette
from viewer.device_pictures import WIDTH_INCHES, scale_bar, write_foot, write_head

MARGIN = 0.6  # inches
CHART_INCHES = 2.3


def balloon_figure(device: PlainBalloon) -> Any:
    """The balloon from the side to one scale, folded, at nominal pressure and at rated burst, above its compliance chart."""
    from matplotlib.figure import Figure

    balloon = device.balloon
    stations = np.linspace(0.0, balloon.length_mm, 400)
    axis = np.outer([0.0, balloon.length_mm], [1.0, 0.0, 0.0])
    closing = guided(balloon, axis).share_at(1e-3 * stations)
    widest = balloon.largest_diameter_mm
    mm_per_inch = max(1.04 * balloon.length_mm / (WIDTH_INCHES - 2 * MARGIN), 1.15 * widest / 3.2)
    drawn = 1.15 * widest / mm_per_inch
    height = 0.62 + 0.35 + drawn + 0.45 + CHART_INCHES + 0.95
    figure = Figure(figsize=(WIDTH_INCHES, height))
    write_head(figure, device.name, device.description)
    level = height - 0.62 - 0.35
    figure.text(
        0.3 / WIDTH_INCHES, (level + 0.14) / height,
        f"Folded {balloon.folded_diameter_mm:g} mm, open {device.diameter_mm:g} mm at {balloon.nominal_pressure_atm:g} atm "
        f"over {device.length_mm:g} mm, {widest:.2f} mm at rated burst (dashed)", fontsize=10, color=palette.INK, va="center",
    )  # fmt: skip
    wide = balloon.length_mm / mm_per_inch
    axes = figure.add_axes((0.5 - 0.5 * wide / WIDTH_INCHES, (level - drawn) / height, wide / WIDTH_INCHES, drawn / height))
    open_radius = 0.5 * device.diameter_mm * closing
    axes.fill_between(stations, -open_radius, open_radius, color=palette.BALLOON, linewidth=0)
    folded = 0.5 * np.minimum(balloon.folded_diameter_mm, device.diameter_mm * closing)
    axes.fill_between(stations, -folded, folded, color=palette.PHASES["inflated"], linewidth=0)
    for side in (-0.5, 0.5):
        axes.plot(stations, side * widest * closing, "--", color=palette.INK, linewidth=0.8)
    axes.set(xlim=(0.0, balloon.length_mm), ylim=(-0.575 * widest, 0.575 * widest))
    axes.set_axis_off()
    scale_bar(figure, mm_per_inch=mm_per_inch, level_inches=level - drawn - 0.2)
    _chart(figure, device, height)
    write_foot(figure)
    return figure


def _chart(figure: Any, device: PlainBalloon, height: float) -> None:
    """Free diameter against pressure, with the nominal and the rated burst pressure marked."""
    balloon = device.balloon
    pressures = np.linspace(0.0, balloon.highest_pressure_atm, 200)
    axes = figure.add_axes((0.09, 0.75 / height, 0.86, CHART_INCHES / height))
    axes.plot(pressures, balloon.diameter(pressures), color=palette.PHASES["inflated"], linewidth=2)
    for pressure, word in ((balloon.nominal_pressure_atm, "nominal"), (balloon.rated_burst_pressure_atm, "rated burst")):
        axes.axvline(pressure, color=palette.FAINT_INK, linewidth=0.8, linestyle=":")
        axes.annotate(
            f"{word} {pressure:g} atm", (pressure, 0.12), xycoords=("data", "axes fraction"), xytext=(-5, 0),
            textcoords="offset points", ha="right", fontsize=8.5, color=palette.FAINT_INK,
        )  # fmt: skip
    axes.set_xlabel("pressure [atm]", fontsize=9)
    axes.set_ylabel("free diameter [mm]", fontsize=9)
    axes.set(xlim=(0.0, 1.02 * pressures[-1]), ylim=(0.0, 1.12 * balloon.largest_diameter_mm))
    axes.tick_params(labelsize=8.5)
    axes.spines[["top", "right"]].set_visible(False)
