"""Pictures of a mesh as it is: cut open beside the outside, its tissues by colour and name, and how good its tets are."""

from pathlib import Path
from typing import Any

import numpy as np

from meshing.quality import POOR_JACOBIAN, SHARP_DIHEDRAL_DEG, dihedral_angles
from meshing.tetmesh import TetMesh
from scenarios.limits import LIMITS_OF_USE
from viewer import palette
from viewer.offscreen import offscreen_plotter

PIXELS_HIGH = 900
DOTS_PER_INCH = 150
PANEL_INCHES = 6.0
# A mesh this many times longer than it is wide is cut lengthwise.
LONG = 2.0
SCALE_BARS_MM = (1, 2, 5, 10, 20, 50, 100, 200, 500)
MOST_NAMED = 40
# Told apart by hue and lightness both; after the last, they come again lighter and darker.
MANY = (
    "#c8736a", "#5b8db8", "#e8c46a", "#6fa287", "#9c7fb8", "#d98f4e", "#7a8f9c", "#c77fa4", "#a5b86a", "#4f6d8f",
    "#b58b6b", "#8fc7c0", "#8c5a5a", "#d9b8a6", "#5f7f4f", "#b3a1d6",
)  # fmt: skip
# An edge shorter than this many pixels is drawn fainter, so that a fine mesh is not all black lines.
CLEAR_EDGE_PIXELS = 14.0


def picture_of_mesh(mesh: TetMesh, path: str | Path, *, axis: int | None = None) -> Path:
    """Draw a mesh cut through its middle beside its outside, as .png; gives the path.

    axis: which of the patient's axes the cut is square to: 0 left, 1 posterior (seen from the front), 2 superior; when None,
    a long mesh such as a vessel is cut lengthwise and any other seen from the front.
    """
    colours = colours_of(mesh)
    largest = sorted(colours, key=lambda number: -np.count_nonzero(mesh.labels == number))[:MOST_NAMED]
    with_names = [(number, mesh.label_names.get(number, f"label {number}").replace("_", " ")) for number in sorted(largest)]
    away, up, how = _view(mesh, axis)
    panels = [_panel(mesh, colours, away=away, up=up, cut_open=cut_open) for cut_open in (True, False)]
    titles = (f"Cut {how}", "From outside")
    figure = _laid_out(panels, titles, f"{mesh.tet_count:,} tetrahedra, {mesh.vertex_count:,} vertices", len(colours))
    _legend(figure, with_names, colours)
    path = Path(path)
    figure.savefig(path, dpi=DOTS_PER_INCH, facecolor=palette.BACKGROUND, metadata={"Comment": LIMITS_OF_USE})
    return path


def picture_of_quality(mesh: TetMesh, path: str | Path) -> Path:
    """Plot how often which scaled Jacobian and which dihedral angle occur in a mesh, as .png; gives the path."""
    from matplotlib.figure import Figure

    angles = dihedral_angles(mesh)
    plots = (
        (mesh.scaled_jacobians(), "scaled Jacobian (1 is equilateral)", (0.0, 1.0), POOR_JACOBIAN, "tetrahedra"),
        (angles.min(axis=1), "smallest dihedral angle [°]", (0.0, 75.0), SHARP_DIHEDRAL_DEG, "tetrahedra"),
        (angles.max(axis=1), "largest dihedral angle [°]", (60.0, 180.0), 180.0 - SHARP_DIHEDRAL_DEG, "tetrahedra"),
    )
    figure = Figure(figsize=(11.0, 3.6), layout="constrained")
    for axes, (values, title, (low, high), bound, unit) in zip(figure.subplots(1, 3), plots, strict=True):
        axes.hist(np.clip(values, low, high), bins=60, range=(low, high), color=MANY[1])
        axes.axvline(bound, color=palette.PHASES["after"], linewidth=1.2, linestyle=(0, (4, 2)))
        # Counted in powers of ten, for it is the few poor ones that matter.
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.7)
        axes.set_xlim(low, high)
        axes.set_xlabel(title)
        axes.set_ylabel(unit)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#e9edf0", linewidth=0.8)
        axes.set_axisbelow(True)
        extreme = values.max() if low else values.min()
        axes.set_title(f"{'largest' if low else 'smallest'} {extreme:.3g}", fontsize=9.5, color=palette.FAINT_INK, loc="left")
    figure.supxlabel(LIMITS_OF_USE, fontsize=7, color=palette.FAINT_INK, x=0.99, ha="right")
    path = Path(path)
    figure.savefig(path, dpi=DOTS_PER_INCH, facecolor=palette.BACKGROUND, metadata={"Comment": LIMITS_OF_USE})
    return path


def colours_of(mesh: TetMesh) -> dict[int, str]:
    """Give each label that occurs a colour: its tissue's own where that is known, else the next of a list."""
    from matplotlib.colors import to_hex, to_rgb

    colours, used = {}, 0
    for number in np.unique(mesh.labels).tolist():
        known = palette.TISSUES.get(mesh.label_names.get(number, ""))
        shade = (0.0, 0.35, -0.3, 0.55)[(used // len(MANY)) % 4]
        base = np.array(to_rgb(MANY[used % len(MANY)]))
        red, green, blue = (base + shade * (1.0 - base) if shade >= 0 else base * (1.0 + shade)).tolist()
        colours[number] = known or to_hex((red, green, blue))
        used += known is None
    return colours


def _view(mesh: TetMesh, axis: int | None) -> tuple[np.ndarray, np.ndarray, str]:
    """Which way to look and what is up, both (3,) unit vectors, and what the cut square to the look is called."""
    centred = mesh.vertices - mesh.vertices.mean(axis=0)
    spread, main = np.linalg.svd(centred, full_matrices=False)[1:]
    if axis is None and spread[0] > LONG * spread[1]:
        # From the front and head up, as far as the mesh's own axes let one.
        away = main[2] if main[2] @ [0.0, 1.0, -0.01] > 0 else -main[2]
        return away, main[0] if main[0] @ [0.0, -0.01, 1.0] > 0 else -main[0], "lengthwise"
    axis = 1 if axis is None else axis
    # The near half goes: the front, the patient's right, or the top.
    away = np.eye(3)[axis] * (-1.0 if axis == 2 else 1.0)
    up = np.eye(3)[1] * -1.0 if axis == 2 else np.eye(3)[2]
    return away, up, ("sagittally", "coronally", "axially")[axis]


def _panel(
    mesh: TetMesh, colours: dict[int, str], *, away: np.ndarray, up: np.ndarray, cut_open: bool
) -> tuple[np.ndarray, float]:
    """Draw one view along `away`; gives the image (height, width, 3) uint8 and its millimetres per pixel."""
    import pyvista
    from matplotlib.colors import to_rgb

    cells = np.column_stack([np.full(mesh.tet_count, 4), mesh.tets]).ravel()
    grid = pyvista.UnstructuredGrid(cells, np.full(mesh.tet_count, pyvista.CellType.TETRA), np.asarray(mesh.vertices, float))
    table = {number: np.round(255 * np.array(to_rgb(colour))).astype(np.uint8) for number, colour in colours.items()}
    numbers, kind = np.unique(mesh.labels, return_inverse=True)
    grid.cell_data["colour"] = np.array([table[number] for number in numbers.tolist()])[kind]
    # Along the picture's own axes: to the right, up and away.
    axes = np.array([np.cross(away, up), up, away])
    own = mesh.vertices @ axes.T
    middle, size = 0.5 * (own.min(axis=0) + own.max(axis=0)) @ axes, np.ptp(own, axis=0)
    shown: Any = grid
    if cut_open:
        # A hair off the middle, where made-up meshes often have their faces.
        shown = grid.clip(normal=away.tolist(), origin=(middle + 1.7e-4 * size.max() * away).tolist(), invert=False)
    surface = shown.extract_surface(algorithm="dataset_surface").compute_normals(
        cell_normals=True, point_normals=False, auto_orient_normals=False, consistent_normals=False
    )
    width_mm, height_mm = 1.06 * size[:2]
    tall = max(height_mm, 0.5 * width_mm)
    mm_per_pixel = tall / PIXELS_HIGH
    wide = int(np.clip(round(width_mm / mm_per_pixel), PIXELS_HIGH // 3, 2 * PIXELS_HIGH))
    edge_pixels = float(np.median(_edge_lengths(mesh))) / mm_per_pixel
    # Twice the size and averaged down: smooth edges on every driver.
    with offscreen_plotter(2 * wide, 2 * PIXELS_HIGH) as plotter:
        plotter.set_background(palette.BACKGROUND)
        plotter.add_mesh(
            surface,
            scalars="colour",
            rgb=True,
            show_edges=True,
            edge_color=palette.INK,
            edge_opacity=float(np.clip(edge_pixels / CLEAR_EDGE_PIXELS, 0.12, 0.75)),
            line_width=1.5,
            ambient=0.25,
            diffuse=0.8,
            specular=0.0,
        )
        plotter.camera.parallel_projection = True
        plotter.camera.focal_point = middle.tolist()
        plotter.camera.position = (middle - 3.0 * np.linalg.norm(size) * away).tolist()
        plotter.camera.up = up.tolist()
        plotter.camera.parallel_scale = 0.5 * tall
        plotter.camera.clipping_range = (0.1, 10.0 * float(np.linalg.norm(size)))
        plotter.disable_anti_aliasing()
        fine = np.asarray(plotter.screenshot(return_img=True))[..., :3].astype(float)
    image = fine.reshape(PIXELS_HIGH, 2, wide, 2, 3).mean(axis=(1, 3))
    return np.round(image).astype(np.uint8), mm_per_pixel


def _edge_lengths(mesh: TetMesh) -> np.ndarray:
    """Lengths [mm] of one edge of each tet: enough to tell how fine a mesh is."""
    return np.linalg.norm(mesh.vertices[mesh.tets[:, 0]] - mesh.vertices[mesh.tets[:, 1]], axis=1)


def _laid_out(panels: list[tuple[np.ndarray, float]], titles: tuple[str, str], subtitle: str, name_count: int) -> Any:
    """Set two views side by side with titles and a scale bar, with room for a legend of some names below."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    widths = [PANEL_INCHES * image.shape[1] / image.shape[0] for image, _ in panels]
    # Narrow pictures stand far enough apart for their titles.
    gap, head = max(0.3, 3.2 - min(widths)), 0.7
    width = max(sum(widths) + gap + 0.6, 7.5)
    rows = int(np.ceil(min(name_count, MOST_NAMED + 1) / columns_in(width)))
    foot = 0.8 + 0.17 * rows
    height = PANEL_INCHES + head + foot
    figure = Figure(figsize=(width, height))
    left = 0.5 * (width - sum(widths) - gap)
    for number, ((image, mm_per_pixel), inches) in enumerate(zip(panels, widths, strict=True)):
        axes = figure.add_axes((left / width, foot / height, inches / width, PANEL_INCHES / height))
        axes.imshow(image, interpolation="lanczos")
        axes.set_axis_off()
        centre = (left + 0.5 * inches) / width
        bold = {"fontsize": 13, "weight": "bold", "color": palette.INK}
        figure.text(centre, 1 - 0.3 / height, titles[number], ha="center", va="center", **bold)
        if number == 0:
            figure.text(centre, 1 - 0.55 / height, subtitle, ha="center", va="center", fontsize=9.5, color=palette.FAINT_INK)
            bar = max((mm for mm in SCALE_BARS_MM if mm <= 0.4 * image.shape[1] * mm_per_pixel), default=SCALE_BARS_MM[0])
            long = bar / mm_per_pixel / image.shape[0] * PANEL_INCHES
            level = (foot - 0.2) / height
            figure.add_artist(Line2D([0.3 / width, (0.3 + long) / width], [level, level], color=palette.INK, linewidth=3))
            figure.text((0.4 + long) / width, level, f"{bar} mm", va="center", fontsize=9.5, color=palette.INK)
        left += inches + gap
    figure.text(0.99, 0.12 / height, LIMITS_OF_USE, ha="right", va="center", fontsize=7, color=palette.FAINT_INK)
    return figure


def columns_in(width_inches: float) -> int:
    """How many names of labels fit beside one another."""
    return max(int(width_inches / 2.3), 1)


def _legend(figure: Any, with_names: list[tuple[int, str]], colours: dict[int, str]) -> None:
    from matplotlib.patches import Patch

    width, height = figure.get_size_inches()
    handles = [
        Patch(facecolor=colours[number], edgecolor=palette.FAINT_INK, linewidth=0.6, label=name[:30])
        for number, name in with_names
    ]
    if len(colours) > len(handles):
        handles.append(Patch(alpha=0.0, label=f"and {len(colours) - len(handles)} smaller"))
    rows = int(np.ceil(len(handles) / columns_in(width)))
    figure.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.5, 0.22 / height),
        ncols=int(np.ceil(len(handles) / rows)),
        frameon=False,
        fontsize=8.5,
        handlelength=1.2,
        columnspacing=1.2,
        labelspacing=0.35,
    )
