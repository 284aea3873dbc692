"""Triangle surfaces: read, put in millimetres, mended, closed, and asked for area and volume."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from meshing.errors import InputError
from meshing.nearness import crossing_triangles
from meshing.remeshing import edges_of

SUFFIXES = (".stl", ".vtp", ".ply", ".obj")
MILLIMETRES = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 1e-3}
OPEN_SHARE = 0.25  # of the edges may be open; with more the surface is a heap of triangles, not a vessel


@dataclass(frozen=True)
class Surface:
    """A triangle surface in millimetres of the patient."""

    vertices: np.ndarray  # shape (vertex count, 3) [mm]
    triangles: np.ndarray  # shape (triangle count, 3), vertex numbers, normals outward once mended
    notes: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True)
class Opening:
    """A gap in a surface that was closed by a cap: an open end of the vessel, or a hole in its wall."""

    rim: np.ndarray  # shape (corner count, 3) [mm], the edge of the gap in order
    centre: np.ndarray  # shape (3,), mean of the rim [mm]
    radius: float  # of the circle as long as the rim [mm]


@dataclass(frozen=True)
class ClosedSurface:
    """A watertight surface, with each gap capped and remembered."""

    vertices: np.ndarray  # shape (vertex count, 3) [mm]
    triangles: np.ndarray  # shape (triangle count, 3), normals outward
    caps: np.ndarray  # shape (triangle count,), number of the opening a triangle closes, -1 for the wall
    openings: tuple[Opening, ...]
    is_sound: bool  # False where it crosses itself or is not a manifold, and must be made anew from its inside
    is_oriented: bool  # False where no consistent side could be found
    notes: tuple[str, ...]
    rounding: float = 0.0  # how far in from a rim the wall is rounded off, where the surface was made anew [mm]


def read_surface(path: str | Path, *, units: str | None = None) -> Surface:
    """Read a triangle surface from .stl, .vtp, .ply or .obj.

    `units` is "mm", "cm", "m" or "um"; when None they are guessed from the size, and the guess is said in the notes.
    Raises InputError for a file that is missing, of another kind, cut short or without triangles.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no surface file at {path}; check the path.")
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path.name} is not a surface file this program reads; give one of {', '.join(SUFFIXES)}.")
    if units is not None and units not in MILLIMETRES:
        raise InputError(f'The units "{units}" are not known; give one of {", ".join(MILLIMETRES)}.')
    try:
        vertices, triangles = _from_vtp(path) if path.suffix.lower() == ".vtp" else _from_others(path)
    except InputError:
        raise
    except Exception as error:  # readers raise whatever their parsers raise; a person gets one sentence
        raise InputError(
            f"{path.name} could not be read as a surface ({error}); it may be cut short or of another kind."
        ) from error
    if not len(triangles):
        raise InputError(f"{path.name} holds no triangles; export the vessel as a triangle surface.")
    _demand_finite(vertices, path.name)
    size = float(np.linalg.norm(np.ptp(vertices[triangles.ravel()], axis=0)))
    notes: tuple[str, ...] = ()
    if units is None:
        units = "m" if size < 1.5 else "um" if size > 5000.0 else "mm"
        meaning = {"m": "metres", "um": "micrometres", "mm": "millimetres"}[units]
        notes = (f"{path.name} states no units; from its size of {size:.4g} they were taken to be {meaning}.",)
    return Surface(vertices=vertices * MILLIMETRES[units], triangles=triangles, notes=notes, source=path.name)


def _from_vtp(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import pyvista
    import vtk

    was = vtk.vtkObject.GetGlobalWarningDisplay()
    vtk.vtkObject.SetGlobalWarningDisplay(0)  # VTK would print its complaint and go on with an empty surface
    try:
        mesh = pyvista.read(path)
    finally:
        vtk.vtkObject.SetGlobalWarningDisplay(was)
    if not isinstance(mesh, pyvista.PolyData) or mesh.n_points == 0:
        raise InputError(f"{path.name} could not be read as a surface; it may be cut short, empty or of another kind.")
    mesh = mesh.triangulate()
    return np.asarray(mesh.points, float), np.asarray(mesh.faces).reshape(-1, 4)[:, 1:].astype(np.int64)


def _from_others(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import trimesh

    mesh = trimesh.load(path, force="mesh", process=False)
    if not isinstance(mesh, trimesh.Trimesh):
        raise InputError(f"{path.name} holds no triangles; export the vessel as a triangle surface.")
    return np.asarray(mesh.vertices, float), np.asarray(mesh.faces).reshape(-1, 3).astype(np.int64)


def closed(surface: Surface) -> ClosedSurface:
    """Make one watertight surface with outward normals of what was read: the largest piece, sewn, turned and capped.

    Raises InputError for vertices that are not numbers, for a surface too full of holes to mend, and for one that
    encloses no volume.
    """
    _demand_finite(surface.vertices, surface.source or "The surface")
    vertices, triangles = sewn(surface.vertices, surface.triangles)
    if not len(triangles) or not triangle_areas(vertices, triangles).sum() > 0.0:
        raise InputError("The surface has no area: all its triangles are points or lines. Export it again.")
    vertices, triangles, notes = _main_pieces(vertices, triangles)
    triangles, turned, is_oriented = facing_alike(triangles)
    if 0 < turned < len(triangles):
        fewer = min(turned, len(triangles) - turned)
        notes.append(f"{fewer:,} of {len(triangles):,} triangles faced the wrong way and were turned.")
    edges, held, _ = edges_of(triangles)
    is_manifold = bool((held <= 2).all())
    if (held == 1).sum() > OPEN_SHARE * len(edges):
        raise InputError(
            f"{(held == 1).sum():,} of the {len(edges):,} edges of the surface are open: it has more holes than can be mended. "
            "Close it in a mesh editor, or give the segmentation instead."
        )
    vertices, triangles, caps, openings = _capped(vertices, triangles)
    volume = enclosed_volume(vertices, triangles)
    area = float(triangle_areas(vertices, triangles).sum())
    if abs(volume) < 5e-5 * area * float(np.linalg.norm(np.ptp(vertices, axis=0))):
        raise InputError(
            f"The surface encloses no volume ({abs(volume):.3g} mm3 within {area:.3g} mm2 of surface); give the closed or "
            "open-ended surface of a lumen, not a sheet or an outline."
        )
    if volume < 0:
        triangles = triangles[:, ::-1]
    crossing = crossing_triangles(vertices, triangles)
    if not is_manifold:
        many = int((held > 2).sum())
        notes.append(f"{many:,} edges hold more than two triangles, so the surface was made anew from its inside.")
    elif len(crossing):
        place = vertices[triangles[crossing[0]]].mean(axis=0)
        notes.append(
            f"The surface crosses itself ({len(crossing):,} triangles, near {said(place)}), so it was made anew from its inside."
        )
    return ClosedSurface(
        vertices, triangles, caps, openings, is_manifold and is_oriented and not len(crossing), is_oriented, tuple(notes)
    )


def said(place: np.ndarray) -> str:
    """A place (3,) [mm] in words for a message."""
    return "(" + ", ".join(f"{value:.1f}" for value in place) + ") mm"


def triangle_areas(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Areas (triangle count,) [mm2]."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    return 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)


def enclosed_volume(vertices: np.ndarray, triangles: np.ndarray) -> float:
    """Volume [mm3] of a closed surface, positive when its normals point outward (divergence theorem)."""
    a, b, c = (vertices[triangles[:, k]] - vertices[triangles].mean(axis=(0, 1)) for k in range(3))
    return float(np.einsum("ij,ij->", np.cross(a, b), c)) / 6.0


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals (vertex count, 3), the mean of the triangles around each vertex weighted by angle (Thürmer 1998)."""
    corners = vertices[triangles]
    onward, back = np.roll(corners, -1, axis=1) - corners, np.roll(corners, 1, axis=1) - corners
    cross = np.cross(onward, back)
    size = np.linalg.norm(cross, axis=2)
    angle = np.arctan2(size, np.sum(onward * back, axis=2))
    weighted = cross * (angle / np.maximum(size, 1e-300))[..., None]
    normals = np.column_stack([
        np.bincount(triangles.ravel(), weights=weighted[..., k].ravel(), minlength=len(vertices)) for k in range(3)
    ])
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)


def sewn(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices that coincide become one; triangles with a repeated corner, and repeated triangles, go."""
    used = vertices[triangles.ravel()]
    grain = 1e-6 * float(np.linalg.norm(np.ptp(used, axis=0)))
    keys = np.round((used - used.min(axis=0)) / max(grain, 1e-300)).astype(np.int64)
    _, first, number = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    triangles = number.reshape(-1, 3)
    proper = ~(triangles == np.roll(triangles, -1, axis=1)).any(axis=1)
    triangles = triangles[proper]
    _, once = np.unique(np.sort(triangles, axis=1), axis=0, return_index=True)
    return used[first], triangles[np.sort(once)]


def pieces_of(triangles: np.ndarray) -> np.ndarray:
    """Piece number (triangle count,) of each triangle; triangles are of one piece when they share an edge."""
    _, _, of_triangle = edges_of(triangles)
    order = np.argsort(of_triangle.ravel(), kind="stable")
    same = of_triangle.ravel()[order][1:] == of_triangle.ravel()[order][:-1]
    one, other = order[:-1][same] // 3, order[1:][same] // 3
    graph = sparse.coo_array((np.ones(len(one), bool), (one, other)), shape=(len(triangles),) * 2)
    return csgraph.connected_components(graph, directed=False)[1]


def facing_alike(triangles: np.ndarray) -> tuple[np.ndarray, int, bool]:
    """Triangles turned so that neighbours face the same side, how many were turned, and whether that was possible."""
    edges, held, of_triangle = edges_of(triangles)
    order = np.argsort(of_triangle.ravel(), kind="stable")
    starts = np.searchsorted(of_triangle.ravel()[order], np.arange(len(edges)))
    inner = np.flatnonzero(held == 2)
    one, other = order[starts[inner]], order[starts[inner] + 1]
    against = triangles[one // 3, one % 3] == triangles[other // 3, other % 3]  # both run along the edge the same way
    count = len(triangles)
    # Twice as many nodes, each triangle as it is and turned: an orientable piece falls into two halves, one to choose.
    left, right = one // 3, other // 3
    rows = np.concatenate([left, left + count])
    columns = np.concatenate([np.where(against, right + count, right), np.where(against, right, right + count)])
    graph = sparse.coo_array((np.ones(len(rows), bool), (rows, columns)), shape=(2 * count,) * 2)
    half = csgraph.connected_components(graph, directed=False)[1]
    is_oriented = bool((half[:count] != half[count:]).all())
    turned = half[:count] > half[count:]
    faced = triangles.copy()
    faced[turned] = faced[turned][:, ::-1]
    return faced, int(turned.sum()), is_oriented


def boundary_loops(triangles: np.ndarray) -> list[np.ndarray]:
    """Loops of vertex numbers around the gaps of a surface, each in the direction its triangles run."""
    _, held, of_triangle = edges_of(triangles)
    open_edge = held[of_triangle] == 1
    starts, ends = triangles[open_edge], np.roll(triangles, -1, axis=1)[open_edge]
    onward: dict[int, list[int]] = {}
    for a, b in zip(starts.tolist(), ends.tolist(), strict=True):
        onward.setdefault(a, []).append(b)
    loops = []
    while onward:
        first = next(iter(onward))
        loop, here = [], first
        while here in onward:
            loop.append(here)
            following = onward[here].pop()
            if not onward[here]:
                del onward[here]
            here = following
            if here in loop:  # two gaps may touch in one vertex; each is closed for itself
                back = loop.index(here)
                loops.append(np.array(loop[back:]))
                loop = loop[:back]
    return [loop for loop in loops if len(loop) >= 3]


def _demand_finite(vertices: np.ndarray, name: str) -> None:
    bad = np.flatnonzero(~np.isfinite(vertices).all(axis=1))
    if len(bad):
        raise InputError(
            f"{name}: {len(bad):,} of {len(vertices):,} vertices are not finite numbers; the first is vertex {bad[0]}. "
            "Export it again."
        )


def _main_pieces(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The largest piece, and whatever else runs through it (a branch drawn as a body of its own)."""
    piece = pieces_of(triangles)
    areas = np.bincount(piece, weights=triangle_areas(vertices, triangles))
    if len(areas) == 1:
        return vertices, triangles, []
    kept = {int(areas.argmax())}
    large = np.flatnonzero(areas > 0.01 * areas.max())
    if 1 < len(large) < 50:
        some = np.flatnonzero(np.isin(piece, large))
        crossing = piece[some[crossing_triangles(vertices, triangles[some])]]
        bodies = {int(p): vertices[triangles[piece == p]] for p in large}
        boxes = {p: (corners.min(axis=(0, 1)), corners.max(axis=(0, 1))) for p, corners in bodies.items()}
        main_low, main_high = boxes[int(areas.argmax())]
        kept |= {
            int(p) for p in set(crossing.tolist()) if (boxes[p][0] <= main_high).all() and (boxes[p][1] >= main_low).all()
        }
    chosen = np.isin(piece, list(kept))
    triangles = triangles[chosen]
    used, number = np.unique(triangles, return_inverse=True)
    share = 100.0 * areas[list(kept)].sum() / areas.sum()
    left_out = len(areas) - len(kept)
    notes = []
    if left_out:
        notes.append(
            f"The largest of {len(areas)} pieces was taken ({share:.1f} % of the surface); {left_out} smaller ones were left out."
        )
    if len(kept) > 1:
        notes.append(f"{len(kept)} bodies that run through each other were joined.")
    return vertices[used], number.reshape(-1, 3), notes


def _capped(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[Opening, ...]]:
    """Close every gap with a fan of triangles about its middle."""
    openings, points, fans, numbers = [], [vertices], [triangles], [np.full(len(triangles), -1)]
    count = len(vertices)
    for number, loop in enumerate(boundary_loops(triangles)):
        rim = vertices[loop]
        onward = np.roll(rim, -1, axis=0)
        length = np.linalg.norm(onward - rim, axis=1)
        centre = np.average(0.5 * (rim + onward), axis=0, weights=np.maximum(length, 1e-300))
        openings.append(Opening(rim=rim, centre=centre, radius=float(length.sum() / (2.0 * np.pi))))
        points.append(centre[None])
        fans.append(np.column_stack([np.roll(loop, -1), loop, np.full(len(loop), count)]))
        numbers.append(np.full(len(loop), number))
        count += 1
    return np.vstack(points), np.vstack(fans), np.concatenate(numbers), tuple(openings)
