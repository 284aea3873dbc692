"""A stored case as one picture: the vessel cut open along its length, from its label map, with what there is to know of it."""

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from meshing.labels import LabelMap, read_labels
from scenarios.limits import LIMITS_OF_USE
from scenarios.stored_cases import StoredCase
from viewer import palette
from viewer.offscreen import offscreen_plotter

PIXELS_HIGH = 1100
DOTS_PER_INCH = 150
SMOOTHING_VOXELS = 0.9
CUT_STEP_MM = 0.12
THROAT_MM = 1.5
SCALE_BARS_MM = (5, 10, 20, 50)
BLOOD_FREE = "#b9655d"
COLOURS = {
    "wall": palette.TISSUES["arterial wall"],
    "plaque": palette.TISSUES["plaque"],
    "calcium": palette.TISSUES["calcified plaque"],
}


def picture_of_case(case: StoredCase, path: Path) -> Path:
    """Draw a stored case as .png; gives the path."""
    labels = read_labels(case.labels)
    image, mm_per_pixel = _cut_open(labels, _groups(case, labels), _throat(case, labels))
    figure = _laid_out(case, labels, image, mm_per_pixel)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS_PER_INCH, facecolor=palette.BACKGROUND, metadata={"Comment": LIMITS_OF_USE})
    return path


def _groups(case: StoredCase, labels: LabelMap) -> dict[str, np.ndarray]:
    """For each kind of tissue the share of each voxel that is of it, smoothed, shape of the voxels."""
    table = case.table
    parts = {"lumen": table.lumen, "wall": table.wall, "plaque": table.plaque, "calcium": table.calcium}
    return {
        kind: gaussian_filter(labels.select(list(names)).astype(np.float32), SMOOTHING_VOXELS)
        for kind, names in parts.items()
        if names
    }


def _throat(case: StoredCase, labels: LabelMap) -> np.ndarray:
    """The middle of the lumen beside the plaque [mm], through which the cut goes, shape (3,)."""
    affine, table = labels.affine, case.table
    lumen = np.argwhere(labels.select(list(table.lumen))) @ affine[:3, :3].T + affine[:3, 3]
    if not (table.plaque or table.calcium):
        return lumen.mean(axis=0)
    lesion = np.argwhere(labels.select([*table.plaque, *table.calcium])) @ affine[:3, :3].T + affine[:3, 3]
    away = np.linalg.norm(lumen - lesion.mean(axis=0), axis=1)
    return lumen[away <= away.min() + THROAT_MM].mean(axis=0)


def _view(labels: LabelMap) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The vessel's middle and the directions to look along and to hold up: from the front and head up, as far as it lets one."""
    places = np.argwhere(labels.voxels > 0) @ labels.affine[:3, :3].T + labels.affine[:3, 3]
    middle = places.mean(axis=0)
    # The plane of the cut is the one in which the middle line lies best: a tree's legs, an artery's bow.
    main = np.linalg.svd(places[:: max(1, len(places) // 20_000)] - middle, full_matrices=False)[2]
    away = main[2] if main[2] @ [0.0, 1.0, -0.01] > 0 else -main[2]
    head = np.array([0.0, 0.0, 1.0]) - away * away[2]
    return middle, away, head / np.linalg.norm(head)


def _cut_open(labels: LabelMap, groups: dict[str, np.ndarray], throat: np.ndarray) -> tuple[np.ndarray, float]:
    """The half away from the viewer, its cut coloured by tissue; gives the image (height, width, 3) and its mm per pixel."""
    middle, away, up = _view(labels)
    middle = middle + ((throat - middle) @ away) * away
    solid = sum(share for kind, share in groups.items() if kind != "lumen")
    surfaces = [
        (_surface(labels, np.asarray(solid + groups["lumen"])), COLOURS["wall"]),
        (_surface(labels, groups["lumen"]), BLOOD_FREE),
    ]
    side = np.cross(away, up)
    cut, extent = _cut_face(labels, groups, middle, side, up)
    margin = 1.06
    high_mm = margin * (extent[3] - extent[2])
    wide_mm = margin * (extent[1] - extent[0])
    height, width = 2 * PIXELS_HIGH, 2 * max(round(PIXELS_HIGH * wide_mm / high_mm), PIXELS_HIGH // 3)
    centre = middle + 0.5 * (extent[0] + extent[1]) * side + 0.5 * (extent[2] + extent[3]) * up
    with offscreen_plotter(width, height) as plotter:
        for surface, colour in surfaces:
            kept = surface.clip(normal=away, origin=middle, invert=False)
            if kept.n_points:
                plotter.add_mesh(kept, color=colour, smooth_shading=False, specular=0.1)
        plotter.add_mesh(cut, scalars="colour", rgb=True, lighting=False)
        plotter.camera_position = [tuple(centre - 400.0 * away), tuple(centre), tuple(up)]
        plotter.camera.parallel_projection = True
        plotter.camera.parallel_scale = 0.5 * high_mm
        plotter.set_background(palette.BACKGROUND)
        plotter.disable_anti_aliasing()
        fine = np.asarray(plotter.screenshot(return_img=True))[..., :3].astype(float)
    # Drawn twice the size and averaged down: smooth edges on every driver.
    image = np.round(fine.reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))).astype(np.uint8)
    return image, high_mm / PIXELS_HIGH


def _surface(labels: LabelMap, share: np.ndarray) -> Any:
    """Where a smoothed share passes one half, as a smooth surface in LPS [mm]."""
    import pyvista

    padded = np.pad(share, 2)
    grid = pyvista.ImageData(dimensions=padded.shape)
    grid.point_data["share"] = padded.ravel(order="F")
    surface: Any = grid.contour([0.5], scalars="share")
    index = np.asarray(surface.points, dtype=float) - 2.0
    surface.points = index @ labels.affine[:3, :3].T + labels.affine[:3, 3]
    smooth: Any = surface.smooth_taubin(n_iter=30, pass_band=0.05)
    return smooth.compute_normals(auto_orient_normals=True, split_vertices=False)


def _cut_face(
    labels: LabelMap, groups: dict[str, np.ndarray], middle: np.ndarray, side: np.ndarray, up: np.ndarray
) -> tuple[Any, tuple[float, float, float, float]]:
    """The tissues on the plane of the cut as coloured squares, and how far the vessel reaches sideways and up [mm]."""
    import pyvista
    from matplotlib.colors import to_rgb

    places = np.argwhere(labels.voxels > 0) @ labels.affine[:3, :3].T + labels.affine[:3, 3] - middle
    across, along = places @ side, places @ up
    extent = (float(across.min()), float(across.max()), float(along.min()), float(along.max()))
    x = np.arange(extent[0] - 1.0, extent[1] + 1.0, CUT_STEP_MM)
    y = np.arange(extent[2] - 1.0, extent[3] + 1.0, CUT_STEP_MM)
    points = middle + x[:, None, None] * side + y[None, :, None] * up
    index = (points.reshape(-1, 3) - labels.affine[:3, 3]) @ np.linalg.inv(labels.affine[:3, :3]).T
    kinds = list(groups)
    shares = np.stack([map_coordinates(groups[kind], index.T, order=1) for kind in kinds])
    most = np.argmax(np.vstack([0.5 * np.ones(shares.shape[1]) * (shares.sum(axis=0) < 0.5), shares]), axis=0) - 1
    colours = np.zeros((len(most), 3), np.uint8)
    shown = np.zeros(len(most), bool)
    for number, kind in enumerate(kinds):
        if kind != "lumen":
            chosen = (most == number) & (shares.sum(axis=0) >= 0.5)
            colours[chosen] = np.round(255 * np.array(to_rgb(COLOURS[kind])))
            shown |= chosen
    corners = points.reshape(len(x), len(y), 3)
    grid = pyvista.StructuredGrid(corners[..., 0][..., None], corners[..., 1][..., None], corners[..., 2][..., None])
    grid.point_data["colour"] = colours.reshape(len(x), len(y), 3).transpose(1, 0, 2).reshape(-1, 3)
    grid.point_data["shown"] = shown.reshape(len(x), len(y)).T.ravel().astype(np.uint8)
    return grid.threshold(0.5, scalars="shown", all_scalars=True), extent


def _laid_out(case: StoredCase, labels: LabelMap, image: np.ndarray, mm_per_pixel: float) -> Any:
    """The picture at the left, title, aim, what to watch for and the dimensions at the right."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    high = 8.0
    wide = high * image.shape[1] / image.shape[0]
    foot, head, text_wide = 0.75, 0.85, 5.6
    width, height = wide + text_wide + 0.5, high + foot + head
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0.15 / width, foot / height, wide / width, high / height))
    axes.imshow(image, interpolation="lanczos")
    axes.set_axis_off()
    figure.text(0.3 / width, 1 - 0.4 / height, case.table.title, fontsize=15, weight="bold", color=palette.INK, va="center")
    subtitle = f"{case.name}, {case.difficulty}; {case.table.origin}"
    figure.text(0.3 / width, 1 - 0.68 / height, subtitle, fontsize=9.5, color=palette.FAINT_INK, va="center")
    left, level = (wide + 0.35) / width, 1 - (head + 0.2) / height
    aim = [" ".join(case.table.aim.split())]
    for title, rows in (("Aim", aim), ("Watch for", case.table.watch), ("Dimensions", dimensions_of(case))):
        figure.text(left, level, title, fontsize=10.5, weight="bold", color=palette.INK, va="top")
        level -= 0.26 / height
        for row in rows:
            text = textwrap.fill(row, 62)
            figure.text(left, level, text, fontsize=9, color=palette.INK, va="top", linespacing=1.25)
            level -= (0.175 * (text.count("\n") + 1) + 0.06) / height
        level -= 0.14 / height
    _scale_bar(figure, mm_per_pixel * image.shape[0] / high, width, height)
    table = case.table
    names = {"wall": table.wall, "plaque": table.plaque, "calcium": table.calcium}
    patches = [
        Patch(facecolor=COLOURS[kind], edgecolor=palette.OUTLINE, linewidth=0.6, label=words[0])
        for kind, words in names.items()
        if words
    ]
    corner = (left - 0.1 / width, 0.22 / height)
    figure.legend(handles=patches, loc="lower left", bbox_to_anchor=corner, ncols=3, frameon=False, fontsize=9)
    figure.text(1 - 0.15 / width, 0.12 / height, LIMITS_OF_USE, fontsize=7, color=palette.FAINT_INK, ha="right")
    return figure


def dimensions_of(case: StoredCase) -> list[str]:
    """Give each dimension of a case as words, such as "lumen diameter: 8 mm"."""
    rows = []
    for name, one in case.table.dimensions.items():
        if isinstance(one.value, tuple):
            # A unit of several numbers names each: "length mm, arc degrees".
            parts = [unit.rsplit(" ", 1) for unit in one.unit.split(", ")]
            said = ", ".join(f"{what} {number:g} {unit}" for number, (what, unit) in zip(one.value, parts, strict=True))
        else:
            said = f"{one.value:g} {one.unit}" if one.unit != "1" else f"{one.value:g}"
        rows.append(f"{name.replace('_', ' ')}: {said}")
    return rows


def _scale_bar(figure: Any, mm_per_inch: float, width: float, height: float) -> None:
    from matplotlib.lines import Line2D

    length = next((bar for bar in reversed(SCALE_BARS_MM) if bar / mm_per_inch < 1.6), SCALE_BARS_MM[0])
    start, level = 0.3 / width, 0.35 / height
    figure.add_artist(Line2D([start, start + length / mm_per_inch / width], [level, level], color=palette.INK, linewidth=3))
    figure.text(start + (length / mm_per_inch + 0.12) / width, level, f"{length} mm", fontsize=9, va="center", color=palette.INK)
