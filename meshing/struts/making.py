"""From a maker's mesh to the graph of its struts."""

from pathlib import Path

import numpy as np
import trimesh
from scipy import ndimage
from scipy.spatial import KDTree
from skimage.morphology import skeletonize

from meshing.errors import InputError
from meshing.struts.axis import StentAxis, find_axis, sector_axis
from meshing.struts.graph import CROWN, JOINT, TIP, Strut, StrutGraph, pieces_of
from meshing.struts.lines import Web, tidy, trace
from meshing.struts.measuring import Measured, crests, measure
from meshing.struts.reading import read_closed_surface
from meshing.struts.unrolling import Unrolled, unroll

LEAST_ACROSS, LARGEST_ACROSS = 0.5, 80.0  # [mm], of a stent
PIXELS_ACROSS = 14.0  # a narrow strut
FIRST_PIXELS, MOST_PIXELS = 600_000, 12_000_000
LEAST_PIXELS_ACROSS = 5.0
FULLEST = 0.9  # share of the unrolled stent that metal may cover
LEAST_SECTION = 0.02  # of the median width or thickness


def strut_graph(
    source: "str | Path | trimesh.Trimesh",
    *,
    millimetres_per_unit: float = 1.0,
    axis: StentAxis | None = None,
    mirrored_sectors: int | None = None,
    part: str | None = None,
    largest_piece_only: bool = False,
) -> StrutGraph:
    """The struts of a stent from its closed surface or solid mesh: a file, or triangles.

    The stent is unrolled about its axis, thinned to its middle lines and measured there: width along the mid-surface, thickness
    across it. Spurs shorter than a strut is wide are corners and are cut; joints nearer than that are one.

    Parameters
    ----------
    source
        .stl, .ply, .vtp, .vtu, .msh, .inp (solid elements) and what else trimesh and meshio read; or a surface.
    millimetres_per_unit
        Of the file's unit; 1000 for metres, 25.4 for inches.
    axis
        The stent's [mm]; found if None.
    mirrored_sectors
        Even number of sectors of which the mesh is one, each the mirror image of its neighbours; None for a whole stent.
    part
        Name of one of several parts of an .inp file.
    largest_piece_only
        Leave out what does not hang together with the largest piece, rather than refuse it.

    Raises
    ------
    InputError
        If the file cannot be read, the surface is open, its size is not a stent's, it has no axis, its struts lie over one
        another or have no section, or the graph is in pieces.
    """
    surface = read_closed_surface(source, part=part)
    surface.apply_scale(millimetres_per_unit)
    if mirrored_sectors is not None and (mirrored_sectors < 4 or mirrored_sectors % 2):
        raise InputError(f"{mirrored_sectors} mirrored sectors do not make a ring. Give an even number, four or more.")
    vertices, triangles = np.asarray(surface.vertices), np.asarray(surface.faces)
    if axis is None:
        _demand_size(float(np.max(surface.extents)) if mirrored_sectors is None else 10.0, millimetres_per_unit, "long or across")
        axis = sector_axis(vertices, mirrored_sectors) if mirrored_sectors else find_axis(vertices, triangles)
    _demand_size(2.0 * float(np.hypot(*axis.local(vertices)[:, :2].T).max()), millimetres_per_unit, "across")
    flat = _fine_enough(surface, axis, mirrored_sectors)
    full = float(flat.metal[flat.metal.any(1)].mean())
    if full > FULLEST:
        raise InputError(f"The mesh has no struts: metal covers {100.0 * full:.0f} % of its surface. Give a stent with openings.")
    edges = KDTree(flat.edges())

    def inscribed(places: np.ndarray) -> np.ndarray:
        return np.asarray(edges.query(flat.local(places))[0])

    web = trace(flat.metal)
    tidy(web, flat.local, inscribed)
    web = _one_piece(web, flat, largest_piece_only)
    return _graph(web, flat, [measure(line, flat, edges, web.degrees()) for line in web.lines])


def _demand_size(across: float, millimetres_per_unit: float, which: str) -> None:
    largest = LARGEST_ACROSS if which == "across" else 10.0 * LARGEST_ACROSS
    if not LEAST_ACROSS <= across <= largest:
        raise InputError(
            f"The stent is {across:,.4g} mm {which}, taking a unit of the file for {millimetres_per_unit:g} mm; "
            f"{LEAST_ACROSS:g} to {largest:g} mm are expected. Give `millimetres_per_unit`."
        )


def _fine_enough(surface: trimesh.Trimesh, axis: StentAxis, mirrored_sectors: int | None) -> Unrolled:
    """The stent unrolled in pixels of which a narrow strut is some fourteen wide."""
    local = axis.local(np.asarray(surface.vertices))
    area = 2.0 * np.pi * float(np.hypot(local[:, 0], local[:, 1]).max()) * float(np.ptp(local[:, 2]))
    pixel, finest = np.sqrt(area / FIRST_PIXELS), np.sqrt(area / MOST_PIXELS)
    flat = unroll(surface, axis, pixel, mirrored_sectors=mirrored_sectors)
    for _ in range(3):
        # Only a quarter of the thinned picture is narrower than this; spurs' ends and a few corners are.
        thin = skeletonize(flat.metal)
        if not thin.any():
            break
        across = 2.0 * float(np.percentile(ndimage.distance_transform_edt(flat.metal)[thin], 25.0)) - 1.0  # type: ignore[index]
        if across >= 0.8 * PIXELS_ACROSS or pixel <= finest:
            break
        pixel = max(finest, pixel * max(across, 1.0) / PIXELS_ACROSS)
        flat = unroll(surface, axis, pixel, mirrored_sectors=mirrored_sectors)
    return flat


def _one_piece(web: Web, flat: Unrolled, largest_only: bool) -> Web:
    """The web itself, or its largest piece. Raises InputError where there are several and all are wanted."""
    names = {node: number for number, node in enumerate(web.nodes)}
    piece = pieces_of(len(names), [(names[line.ends[0]], names[line.ends[1]]) for line in web.lines])
    size = np.zeros(piece.max() + 1)
    for line in web.lines:
        size[piece[names[line.ends[0]]]] += np.linalg.norm(np.diff(flat.local(line.places), axis=0), axis=1).sum()
    if len(size) == 1:
        return web
    largest = int(size.argmax())
    if not largest_only:
        raise InputError(
            f"The struts are in {len(size)} pieces; the largest has {100.0 * size[largest] / size.sum():.0f} % of their length. "
            "Join them in the mesh, or take the largest alone (`largest_piece_only`)."
        )
    lines = [line for line in web.lines if piece[names[line.ends[0]]] == largest]
    nodes = {node: place for node, place in web.nodes.items() if piece[names[node]] == largest}
    return Web(nodes, lines, web.columns)


def _graph(web: Web, flat: Unrolled, measured: list[Measured]) -> StrutGraph:
    """Nodes and struts in the mesh's own frame, lines divided at their crowns."""
    _demand_sections(measured, flat)
    degrees, frame = web.degrees(), flat.axis.frame()
    names: dict[int, int] = {}
    nodes: list[np.ndarray] = []
    kinds: list[str] = []
    struts = []
    for line, found in zip(web.lines, measured, strict=True):
        for end, point in zip(line.ends, (found.points[0], found.points[-1]), strict=True):
            if end not in names:
                names[end] = len(nodes)
                nodes.append(point)
                kinds.append({1: TIP, 2: CROWN}.get(degrees[end], JOINT))
        cuts = crests(found)
        at = [names[line.ends[0]], *range(len(nodes), len(nodes) + len(cuts)), names[line.ends[1]]]
        nodes.extend(found.points[cuts])
        kinds.extend([CROWN] * len(cuts))
        bounds = [0, *cuts, len(found.points) - 1]
        for start, end, first, last in zip(at, at[1:], bounds, bounds[1:], strict=False):
            rows = slice(first, last + 1)
            points = found.points[rows].copy()
            points[0], points[-1] = nodes[start], nodes[end]
            points, normals = flat.axis.world(points), found.normals[rows] @ frame
            struts.append(Strut(start, end, points, normals, found.widths[rows], found.thicknesses[rows]))
    return StrutGraph(flat.axis, flat.axis.world(np.array(nodes)), tuple(kinds), tuple(struts), flat.volume, flat.height_step)


def _demand_sections(measured: list[Measured], flat: Unrolled) -> None:
    """Raise InputError where a strut has next to no width or thickness, or is narrower than pixels can tell."""
    width = np.array([np.median(found.widths) for found in measured])
    thick = np.array([found.thicknesses.min() for found in measured])
    for name, sizes, least in (
        ("width", width, max(LEAST_SECTION * np.median(width), LEAST_PIXELS_ACROSS * flat.height_step)),
        ("thickness", thick, LEAST_SECTION * np.median(thick)),
    ):
        if not sizes.min() > least:
            worst = int(sizes.argmin())
            place = flat.axis.world(measured[worst].points[len(measured[worst].points) // 2][None])[0]
            raise InputError(
                f"{int((sizes <= least).sum())} of {len(sizes)} struts have a section of next to zero; the worst, near "
                f"({place[0]:.2f}, {place[1]:.2f}, {place[2]:.2f}) mm, has a {name} of {sizes[worst]:.2g} mm. "
                "Mend it in the mesh."
            )
