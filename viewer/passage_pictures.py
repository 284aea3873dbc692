"""Pictures of a passage: the wire in its vessel at some moments, and its way and forces over time."""

from pathlib import Path
from typing import Any

import numpy as np

from scenarios.limits import LIMITS_OF_USE
from viewer import palette
from viewer.offscreen import offscreen_plotter

DOTS_PER_INCH = 150
MOMENTS = 4
LINES = ("#2f78b7", "#b3472f", "#4c8c4a")


def passage_pictures(recording: Any, folder: Path) -> dict[str, Path]:
    """Draw a passage into a folder: "passage", its moments side by side, and "handling", its course; gives the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, figure in (("passage", moments_figure(recording)), ("handling", handling_figure(recording))):
        paths[name] = folder / f"{name}.png"
        figure.savefig(paths[name], dpi=DOTS_PER_INCH, facecolor=palette.BACKGROUND, metadata={"Comment": LIMITS_OF_USE})
    return paths


def moments_figure(recording: Any) -> Any:
    """The vessel seen through, with the wires in it, at moments evenly chosen from the beginning to the end."""
    from matplotlib.figure import Figure

    count = min(MOMENTS, len(recording.frame_ticks))
    chosen = np.unique(np.linspace(0, len(recording.frame_ticks) - 1, count).round().astype(int))
    figure, body = Figure(figsize=(3.1 * len(chosen), 5.6), layout="constrained"), recording.case.device_body()
    for axes, index in zip(np.atleast_1d(figure.subplots(1, len(chosen))), chosen, strict=True):
        frame = recording.frame(int(index))
        axes.imshow(_image(recording.case, body, frame))
        axes.set_axis_off()
        felt = recording.ticks[frame.tick - 1]["senses"]
        force = ", ".join(f"{name} {value:.2f} N" for name, value in felt["wall_force_n"].items())
        axes.set_title(f"{frame.time_s:.1f} s\non the wall: {force}", fontsize=9, color=palette.INK)
    figure.suptitle(recording.case.name, fontsize=12, color=palette.INK)
    figure.supxlabel(LIMITS_OF_USE, fontsize=7.5, color=palette.FAINT_INK)
    return figure


def _image(case: Any, body: Any, frame: Any) -> np.ndarray:
    """The vessel across its longest way, shape (height, width, 3)."""
    import pyvista

    lumen = case.mesh.face_sets["lumen"]
    wall = pyvista.PolyData(frame.vertices, np.column_stack([np.full(len(lumen), 3), lumen]).ravel())
    centre = 0.5 * (case.path.points.min(axis=0) + case.path.points.max(axis=0))
    along = case.path.points[-1] - case.path.points[0]
    along /= np.linalg.norm(along)
    off = case.path.points - case.path.points.mean(axis=0)
    off = off - np.outer(off @ along, along)
    # Seen across the plane in which the vessel bends most.
    bend = np.linalg.svd(off, full_matrices=False)[2][0]
    aside = np.cross(along, bend)
    with offscreen_plotter(620, 1240) as plotter:
        plotter.add_mesh(wall, color=palette.TISSUES["arterial wall"], opacity=0.35, smooth_shading=True)
        for number, feed in enumerate(body.feeds):
            line = frame.device[feed.nodes]
            tube = pyvista.lines_from_points(line).tube(radius=max(_radius(body, feed), 0.15), n_sides=16)
            plotter.add_mesh(tube, color=LINES[number % len(LINES)], opacity=1.0 if number == 0 else 0.6)
        plotter.camera_position = [tuple(centre + 300.0 * aside), tuple(centre), tuple(along)]
        plotter.camera.parallel_projection = True
        plotter.camera.parallel_scale = 0.62 * case.path.length
        plotter.set_background(palette.BACKGROUND)
        plotter.disable_anti_aliasing()
        return np.asarray(plotter.screenshot(return_img=True))[..., :3]


def _radius(body: Any, feed: Any) -> float:
    """Outer radius of a wire [mm]."""
    own = np.isin(body.sample_nodes[:, 0], feed.nodes)
    return 1e3 * float(body.sample_radius[own].mean())


def handling_figure(recording: Any) -> Any:
    """How far hands and tips have gone, and what wires press on the wall with, over simulated time."""
    from matplotlib.figure import Figure

    rows = [row for row in recording.ticks if "senses" in row]
    time = [row["time_s"] for row in rows]
    figure = Figure(figsize=(9.0, 5.6), layout="constrained")
    way, force = figure.subplots(2, 1, sharex=True)
    for number, name in enumerate(rows[-1]["senses"]["tip_mm"]):
        colour = LINES[number % len(LINES)]
        pushed = [1e3 * row["command"]["drives"].get(name, {"advance": 0.0})["advance"] for row in rows]
        way.plot(time, [row["senses"]["tip_mm"][name] for row in rows], color=colour, label=f"{name}, foremost point")
        way.plot(time, pushed, color=colour, linestyle="--", linewidth=1, label=f"{name}, hand")
        force.plot(time, [row["senses"]["wall_force_n"][name] for row in rows], color=colour, label=f"{name}, all of it")
        force.plot(
            time, [row["senses"]["tip_force_n"][name] for row in rows], color=colour, linestyle=":", label=f"{name}, tip"
        )
    if getattr(recording.case, "lesion_mm", None):
        way.axhspan(*recording.case.lesion_mm, color="#dfe5ea", zorder=0, label="lesion")
    way.set_ylabel("along the way [mm]")
    force.set_ylabel("force on the wall [N]")
    force.set_xlabel("simulated time [s]")
    for axes in (way, force):
        axes.grid(color="#e9edf0", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=8, frameon=False)
    figure.supxlabel(LIMITS_OF_USE, fontsize=7.5, color=palette.FAINT_INK)
    return figure
