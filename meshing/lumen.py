"""The lumen of a vessel tree: an open triangle surface with square ends and its centreline."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from meshing.centrelines import Branch, Centreline, arc_lengths
from meshing.clipping import OpenVessel, Plane, opened
from meshing.errors import InputError
from meshing.fields import MARGIN, Field, field_of_mask, surface_of_field
from meshing.labels import LabelMap, read_labels
from meshing.nearness import NearestTriangle, crossing_triangles, windings
from meshing.remeshing import remesh
from meshing.sections import plane_axes
from meshing.surfaces import (
    SUFFIXES,
    ClosedSurface,
    Surface,
    boundary_loops,
    closed,
    enclosed_volume,
    read_surface,
    said,
    triangle_areas,
    vertex_normals,
)
from meshing.tracing import trace

GROWTH = 0.15  # how fast edges may grow along the wall [mm/mm]
NARROW_STRETCH = 4.0  # voxels that a vessel may run on narrower than two voxels
LARGEST_PATCH = 0.75  # of the inscribed radius that a hole in the wall may have and still be mended


@dataclass(frozen=True)
class End:
    """One open end of a lumen: a flat loop square to the centreline."""

    loop: np.ndarray  # shape (vertex count,), vertex numbers in order around the end, anticlockwise seen from outside
    centre: np.ndarray  # shape (3,), centroid of the loop [mm]
    direction: np.ndarray  # shape (3,), unit vector out of the vessel
    radius: float  # of the circle of the same area [mm]


@dataclass(frozen=True)
class Lumen:
    """The surface between blood and wall, open at its ends, with the centreline it was cut by."""

    vertices: np.ndarray  # shape (vertex count, 3) [mm]
    triangles: np.ndarray  # shape (triangle count, 3), vertex numbers, normals out of the blood into the wall
    ends: tuple[End, ...]  # end 0 is the root, end b + 1 the tip of branch b
    centreline: Centreline
    volume_mm3: float  # of the surface closed by its end planes [mm3]
    reference_volume_mm3: float  # of the voxels, or of the surface read, within the same end planes [mm3]
    notes: tuple[str, ...]
    source: str


def read_lumen(
    path: str | Path, *, labels: Sequence[str | int] = (), units: str | None = None, edge_fraction: float = 0.25
) -> Lumen:
    """Read a lumen from a surface file (.stl, .vtp, .ply, .obj) or from labels of a segmentation.

    `labels` are numbers or names of the labels whose union is the lumen; a file with a single label needs none. `units` of
    a surface file are guessed from its size when None. Raises InputError for a file that is missing or holds no vessel.
    """
    path = Path(path)
    if path.suffix.lower() in SUFFIXES:
        return lumen_from_surface(read_surface(path, units=units), edge_fraction=edge_fraction)
    label_map = read_labels(path)
    if not labels:
        present = label_map.labels()
        if len(present) != 1:
            listed = ", ".join(f"{info.number} {info.name}" for info in present[:12])
            raise InputError(f"{path.name} holds {len(present)} labels ({listed}); say which of them are the lumen.")
        labels = [present[0].number]
    return lumen_from_labels(label_map, labels, edge_fraction=edge_fraction)


def lumen_from_labels(labels: LabelMap, chosen: Sequence[str | int], *, edge_fraction: float = 0.25) -> Lumen:
    """The lumen that is the union of some labels: its largest piece, smooth, cut square at its ends.

    Edges are `edge_fraction` of the local inscribed radius long. Raises InputError for an empty union, for a vessel
    narrower than the voxels can carry, and for what is not a vessel.
    """
    mask = labels.select(chosen)
    mask, affine, notes = _one_piece(np.asarray(mask, bool), np.asarray(labels.affine, float))
    field = field_of_mask(mask, affine)
    voxel_volume = abs(float(np.linalg.det(affine[:3, :3])))
    field, vertices, triangles = surface_of_field(field, mask.sum() * voxel_volume)
    _demand_whole(mask, affine, vertices)
    surface = ClosedSurface(vertices, triangles, np.full(len(triangles), -1), (), True, True, tuple(notes))
    tree = trace(surface)
    notes += [*tree.notes, *_narrow_places(tree.centreline, affine)]
    vessel = opened(surface, tree)
    reference = _volume_within(mask, affine, vessel.planes)
    return _finished(
        vessel, edge_fraction=edge_fraction, reference=reference, field=field, notes=[*labels.notes, *notes], source=labels.source
    )


def lumen_from_surface(surface: Surface, *, edge_fraction: float = 0.25) -> Lumen:
    """The lumen inside a surface, closed or with open ends: mended, traced, cut square at its ends and meshed anew.

    Edges are `edge_fraction` of the local inscribed radius long. Raises InputError for a surface that cannot be mended and
    for what is not a vessel.
    """
    whole = closed(surface)
    notes = [*surface.notes, *whole.notes]
    field = None
    if not whole.is_sound:
        whole, field = _made_anew(whole)
    tree = trace(whole)
    vessel = opened(whole, tree)
    notes += [*tree.notes, *_patches(whole, vessel)]
    reference = _closed_volume(vessel.vertices, vessel.triangles)
    return _finished(vessel, edge_fraction=edge_fraction, reference=reference, field=field, notes=notes, source=surface.source)


def _one_piece(mask: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The largest piece of a mask without inner holes, with a margin of air, its affine, and notes."""
    if not mask.any():
        raise InputError("The chosen labels hold no voxel; choose labels that are in the segmentation.")
    notes = []
    piece, count = ndimage.label(mask, np.ones((3, 3, 3)))
    if count > 1:
        sizes = np.bincount(piece.ravel())[1:]
        mask = piece == sizes.argmax() + 1
        notes.append(
            f"The largest of {count} pieces was taken ({100.0 * sizes.max() / sizes.sum():.1f} % of {sizes.sum():,} voxels); the "
            f"others were left out."
        )
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    cropped = np.pad(mask[box], MARGIN)
    filled = ndimage.binary_fill_holes(cropped)
    if filled is not None and (holes := int(filled.sum() - cropped.sum())):
        cropped = filled
        notes.append(f"{holes:,} voxels enclosed by the lumen were filled.")
    moved = affine.copy()
    moved[:3, 3] += affine[:3, :3] @ (np.array([part.start for part in box]) - MARGIN)
    return cropped, moved, notes


def _demand_whole(mask: np.ndarray, affine: np.ndarray, vertices: np.ndarray) -> None:
    """Raise InputError where a part of the mask was too thin to come through the smoothing."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    index = np.round((vertices - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T).astype(int)
    near = np.zeros(mask.shape, bool)
    near[tuple(np.clip(index, 0, np.array(mask.shape) - 1).T)] = True
    reach = ndimage.distance_transform_edt(~near, sampling=spacing)
    inner = ndimage.distance_transform_edt(mask, sampling=spacing)
    lost = mask & (reach > inner + 2.5 * spacing.max())
    if lost.sum() > 0.02 * mask.sum():
        place = affine[:3, :3] @ np.argwhere(lost).mean(axis=0) + affine[:3, 3]
        raise InputError(
            f"The vessel is narrower than the voxels of {spacing.max():.2g} mm can carry near {said(place)}: it falls apart there. "
            "Segment it at a finer resolution, or leave that part out."
        )


def _narrow_places(centreline: Centreline, affine: np.ndarray) -> list[str]:
    """Notes on places narrower than two voxels; InputError where the vessel stays so narrow over a stretch."""
    notes = []
    for branch in centreline.branches:
        stations = arc_lengths(branch.points)
        tangents = np.gradient(branch.points, axis=0)
        tangents /= np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-300)
        # Mean square size of a voxel in the plane across the vessel.
        along = tangents @ np.linalg.inv(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)).T
        squares = np.linalg.norm(affine[:3, :3], axis=0) ** 2
        voxel = np.sqrt(0.5 * (squares.sum() - along**2 @ squares))
        narrow = branch.radii < voxel
        for first, last in _runs(narrow):
            length = float(stations[last - 1] - stations[first])
            worst = first + int(np.argmin(branch.radii[first:last] / voxel[first:last]))
            if length > NARROW_STRETCH * voxel[worst]:
                raise InputError(
                    f"The vessel is narrower than the voxels can carry: near {said(branch.points[worst])} its radius is "
                    f"{branch.radii[worst]:.2g} mm over {length:.1f} mm, and a voxel is {voxel[worst]:.2g} mm. Segment it at a finer "
                    "resolution, or leave that part out."
                )
            notes.append(
                f"Near {said(branch.points[worst])} the lumen is only {2.0 * branch.radii[worst]:.2g} mm wide with voxels of "
                f"{voxel[worst]:.2g} mm: its shape there is a guess."
            )
    return notes


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """First and one past the last of each run of true flags."""
    steps = np.diff(np.concatenate([[0], flags.astype(int), [0]]))
    return list(zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True))


def _volume_within(mask: np.ndarray, affine: np.ndarray, planes: Sequence[Plane]) -> float:
    """Volume [mm3] of the voxels of a mask that no end plane cuts off."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    fine = np.maximum(np.round(spacing / (spacing.min() / 3.0)), 1).astype(int)
    while mask.size * np.prod(fine) > 30_000_000 and (fine > 1).any():
        fine = np.maximum(fine // 2, 1)
    small = np.repeat(np.repeat(np.repeat(mask, fine[0], 0), fine[1], 1), fine[2], 2)
    index = np.argwhere(small)
    places = ((index + 0.5) / fine - 0.5) @ affine[:3, :3].T + affine[:3, 3]
    stays = np.ones(len(index), bool)
    for plane in planes:
        beyond = np.zeros_like(small)
        rows = np.flatnonzero((places - plane.centre) @ plane.direction > 0)
        beyond[tuple(index[rows].T)] = True
        piece = ndimage.label(beyond)[0]
        near = rows[np.argmin(np.linalg.norm(places[rows] - plane.centre, axis=1))]
        stays[rows] &= piece[tuple(index[rows].T)] != piece[tuple(index[near])]
    return float(stays.sum() * abs(np.linalg.det(affine[:3, :3])) / np.prod(fine))


def _made_anew(surface: ClosedSurface) -> tuple[ClosedSurface, Field]:
    """A sound surface around the inside of one that crosses itself, its openings kept in mind."""
    vertices, triangles = surface.vertices, surface.triangles
    volume, area = abs(enclosed_volume(vertices, triangles)), float(triangle_areas(vertices, triangles).sum())
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    step = max(0.25 * volume / area, (float(np.prod(high - low)) / 12_000_000) ** (1 / 3))
    origin = low - (MARGIN + 0.37) * step
    shape = tuple(int(n) for n in np.ceil((high - origin) / step) + MARGIN + 1)
    if surface.is_oriented:
        inside = windings(vertices, triangles, origin=origin, step=step, shape=shape) > 0
    else:
        inside = _odd_crossings(vertices, triangles, origin, step, shape)
    inside, count = ndimage.label(inside)
    if count == 0:
        raise InputError("The surface crosses itself and has no inside that could be found; mend it in a mesh editor.")
    mask = ndimage.binary_fill_holes(inside == np.bincount(inside.ravel())[1:].argmax() + 1)
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = origin
    field, fresh, faces = surface_of_field(field_of_mask(np.asarray(mask), affine), float(np.sum(mask)) * step**3)
    caps = np.full(len(faces), -1)
    if surface.openings:
        caps = surface.caps[NearestTriangle(vertices, triangles)(fresh[faces].mean(axis=1))[2]]
    return replace(surface, vertices=fresh, triangles=faces, caps=caps, is_sound=True), field


def _odd_crossings(vertices: np.ndarray, triangles: np.ndarray, origin: np.ndarray, step: float, shape: tuple) -> np.ndarray:
    """Grid points from which rays along two of the three axes meet a surface an odd number of times."""
    votes = np.zeros(shape, np.int8)
    for axis in range(3):
        order = np.roll(np.arange(3), axis)
        turned = windings(
            vertices[:, order], triangles, origin=origin[order], step=step, shape=tuple(np.array(shape)[order]), is_oriented=False
        )
        votes += np.transpose(turned % 2, np.argsort(order)).astype(np.int8)
    return votes >= 2


def _patches(surface: ClosedSurface, vessel: OpenVessel) -> list[str]:
    """Notes on holes that were mended; InputError for one too large to know what was there."""
    notes = []
    for number in np.unique(vessel.caps[vessel.caps >= 0]):
        opening = surface.openings[number]
        points = np.vstack([branch.points for branch in vessel.centreline.branches])
        radii = np.concatenate([branch.radii for branch in vessel.centreline.branches])
        local = float(radii[np.argmin(np.linalg.norm(points - opening.centre, axis=1))])
        if opening.radius > LARGEST_PATCH * local:
            raise InputError(
                f"The wall has a hole {2.0 * opening.radius:.1f} mm wide near {said(opening.centre)}, where the vessel is "
                f"{2.0 * local:.1f} mm wide: too large to mend. Close it in a mesh editor."
            )
        notes.append(f"A hole {2.0 * opening.radius:.2g} mm wide near {said(opening.centre)} was closed.")
    return notes


class _EdgeLengths:
    """Wanted edge lengths: a share of the inscribed radius nearby, growing gently away from narrow places."""

    def __init__(self, centreline: Centreline, edge_fraction: float) -> None:
        points = np.vstack([branch.points for branch in centreline.branches])
        radii = np.concatenate([branch.radii for branch in centreline.branches])
        self._points, self._radii, self._fraction = points, radii, edge_fraction

    def __call__(self, points: np.ndarray) -> np.ndarray:
        lengths = np.empty(len(points))
        for start in range(0, len(points), 4000):
            rows = slice(start, start + 4000)
            away = np.sqrt(((points[rows, None] - self._points) ** 2).sum(axis=2)) - self._radii
            lengths[rows] = (self._fraction * self._radii + GROWTH * np.maximum(away, 0.0)).min(axis=1)
        return lengths


def _finished(
    vessel: OpenVessel, *, edge_fraction: float, reference: float, field: Field | None, notes: list[str], source: str
) -> Lumen:
    """Mesh an open vessel anew, match its volume to the reference and gather the result."""
    if not 0.02 <= edge_fraction <= 1.0:
        raise InputError(f"edge_fraction is {edge_fraction:g}; it is the edge length over the radius, between 0.02 and 1.")
    lengths = _EdgeLengths(vessel.centreline, edge_fraction)
    rims = [_rim(vessel, k) for k in range(len(vessel.planes))]
    smooth = _SmoothSurface(vessel)
    vertices, triangles, loops = remesh(
        vessel.vertices, vessel.triangles, lengths=lengths, project=smooth, loop_of=vessel.loop_of,
        slide=lambda points, k: _on_rim(points, rims[k]),
    )
    wanted = lengths(vertices)
    if field is not None:
        vertices = _in_planes(field.projected(vertices, reach=0.3 * float(wanted.min())), loops, vessel.planes)
    vertices = _matched(vertices, triangles, loops, wanted, vessel.planes, reference)
    crossing = crossing_triangles(vertices, triangles)
    if len(crossing):
        place = vertices[triangles[crossing[0]]].mean(axis=0)
        raise InputError(
            f"The surface still crosses itself near {said(place)} after meshing; the vessel walls touch there. Part them in the "
            "segmentation, or ask for smaller edges."
        )
    wall = NearestTriangle(vessel.vertices, vessel.triangles)
    branches = tuple(
        Branch(branch.points, wall.distances(branch.points), branch.parent, branch.parent_station)
        for branch in vessel.centreline.branches
    )
    return Lumen(
        vertices=vertices,
        triangles=triangles,
        ends=_ends(vertices, triangles, loops, vessel.planes),
        centreline=Centreline(branches),
        volume_mm3=_closed_volume(vertices, triangles),
        reference_volume_mm3=reference,
        notes=(*notes, *vessel.notes),
        source=source,
    )


class _SmoothSurface:
    """Nearest points on a surface rounded between its vertices by their normals.

    Phong tessellation, Boubekeur and Alexa 2008, doi:10.1145/1409060.1409094.
    """

    def __init__(self, vessel: OpenVessel) -> None:
        self._vertices, self._triangles = vessel.vertices, vessel.triangles
        self._normals = vertex_normals(vessel.vertices, vessel.triangles)
        self._nearest = NearestTriangle(vessel.vertices, vessel.triangles)

    def __call__(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        flat, _, which = self._nearest(points)
        corners, normals = self._vertices[self._triangles[which]], self._normals[self._triangles[which]]
        weights = _weights(flat, corners)
        onto = flat[:, None] - np.sum((flat[:, None] - corners) * normals, axis=2)[..., None] * normals
        round_shift = 0.75 * (np.einsum("ij,ijk->ik", weights, onto) - flat)
        size = np.linalg.norm(round_shift, axis=1, keepdims=True)
        most = 0.1 * np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1, keepdims=True)
        normal = np.einsum("ij,ijk->ik", weights, normals)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)
        return flat + round_shift * np.minimum(1.0, most / np.maximum(size, 1e-300)), normal


def _weights(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Shares (n, 3) of the corners (n, 3, 3) in points (n, 3) on their triangles."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    parts = np.stack([np.linalg.norm(np.cross(q - points, r - points), axis=1) for q, r in ((b, c), (c, a), (a, b))], axis=1)
    total = parts.sum(axis=1, keepdims=True)
    return np.where(total > 0, parts / np.maximum(total, 1e-300), 1.0 / 3.0)


def _rim(vessel: OpenVessel, number: int) -> np.ndarray:
    """Corners (k, 3) [mm] of one loop in order."""
    loops = [loop for loop in boundary_loops(vessel.triangles) if vessel.loop_of[loop[0]] == number]
    return vessel.vertices[max(loops, key=len)]


def _on_rim(points: np.ndarray, rim: np.ndarray) -> np.ndarray:
    """Nearest points on a closed polygon (k, 3) to points (n, 3)."""
    onward = np.roll(rim, -1, axis=0) - rim
    share = np.einsum("nkj,kj->nk", points[:, None] - rim, onward) / np.maximum(np.sum(onward**2, axis=1), 1e-300)
    places = rim + np.clip(share, 0.0, 1.0)[..., None] * onward
    best = np.sum((places - points[:, None]) ** 2, axis=2).argmin(axis=1)
    return places[np.arange(len(points)), best]


def _in_planes(vertices: np.ndarray, loops: np.ndarray, planes: Sequence[Plane]) -> np.ndarray:
    """Vertices with those on loops moved back into their planes."""
    moved = vertices.copy()
    for k, plane in enumerate(planes):
        on = loops == k
        moved[on] -= ((moved[on] - plane.centre) @ plane.direction)[:, None] * plane.direction
    return moved


def _matched(
    vertices: np.ndarray, triangles: np.ndarray, loops: np.ndarray, wanted: np.ndarray, planes: Sequence[Plane], reference: float
) -> np.ndarray:
    """Vertices moved along their normals, in proportion to the edges there, until the volume is the reference.

    A polygon of 25 corners on a circle holds 1 % less than the circle; this gives it back evenly.
    """
    for _ in range(3):
        normals = vertex_normals(vertices, triangles)
        for k, plane in enumerate(planes):
            on = loops == k
            normals[on] -= (normals[on] @ plane.direction)[:, None] * plane.direction
            normals[on] /= np.linalg.norm(normals[on], axis=1, keepdims=True)
        areas = np.bincount(triangles.ravel(), weights=np.repeat(triangle_areas(vertices, triangles) / 3.0, 3), minlength=len(vertices))
        shift = (reference - _closed_volume(vertices, triangles)) / float(np.sum(areas * wanted))
        vertices = _in_planes(vertices + float(np.clip(shift, -0.15, 0.15)) * wanted[:, None] * normals, loops, planes)
    return vertices


def _closed_volume(vertices: np.ndarray, triangles: np.ndarray) -> float:
    """Volume [mm3] inside an open surface and the flat lids over its loops."""
    lids, points = [], [vertices]
    for number, loop in enumerate(boundary_loops(triangles)):
        points.append(vertices[loop].mean(axis=0)[None])
        lids.append(np.column_stack([np.roll(loop, -1), loop, np.full(len(loop), len(vertices) + number)]))
    return enclosed_volume(np.vstack(points), np.vstack([triangles, *lids]))


def _ends(vertices: np.ndarray, triangles: np.ndarray, loops: np.ndarray, planes: Sequence[Plane]) -> tuple[End, ...]:
    """The ends, one for each plane, their loops anticlockwise seen from outside."""
    rims = {int(loops[loop[0]]): loop for loop in boundary_loops(triangles)}
    ends = []
    for k, plane in enumerate(planes):
        loop = rims[k]
        across, up = plane_axes(plane.direction)
        flat = np.column_stack([(vertices[loop] - plane.centre) @ across, (vertices[loop] - plane.centre) @ up])
        onward = np.roll(flat, -1, axis=0)
        cross = flat[:, 0] * onward[:, 1] - flat[:, 1] * onward[:, 0]
        area = 0.5 * float(cross.sum())
        centre = ((flat + onward) * cross[:, None]).sum(axis=0) / (6.0 * area)
        ends.append(
            End(
                loop=loop if area > 0 else loop[::-1],
                centre=plane.centre + centre[0] * across + centre[1] * up,
                direction=plane.direction,
                radius=float(np.sqrt(abs(area) / np.pi)),
            )
        )
    return tuple(ends)
