"""The lumen of a vessel tree: an open triangle surface with square ends and its centreline."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from meshing.centrelines import Branch, Centreline
from meshing.clipping import OpenVessel, Plane, opened
from meshing.errors import InputError
from meshing.evening import closed_volume, evened
from meshing.fields import Field, field_of_mask, surface_of_field
from meshing.labels import LabelMap, read_labels
from meshing.masks import demand_whole, narrow_places, one_piece, volume_within
from meshing.mending import made_anew
from meshing.nearness import NearestTriangle, crossing_triangles
from meshing.sections import plane_axes
from meshing.surfaces import SUFFIXES, ClosedSurface, Surface, boundary_loops, closed, read_surface, said
from meshing.tracing import Tree, trace

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
    _demand_fraction(edge_fraction)
    mask, affine, notes = one_piece(labels.select(chosen), np.asarray(labels.affine, float))
    voxel_volume = abs(float(np.linalg.det(affine[:3, :3])))
    field, vertices, triangles = surface_of_field(field_of_mask(mask, affine), float(mask.sum()) * voxel_volume)
    demand_whole(mask, affine, vertices)
    surface = ClosedSurface(vertices, triangles, np.full(len(triangles), -1), (), True, True, ())
    tree = trace(surface)
    notes = [*labels.notes, *notes, *tree.notes, *narrow_places(tree.centreline, affine)]
    vessel = opened(surface, tree)
    reference = volume_within(mask, affine, vessel.planes)
    return _lumen(vessel, tree, field, edge_fraction=edge_fraction, reference=reference, notes=notes, source=labels.source)


def lumen_from_surface(surface: Surface, *, edge_fraction: float = 0.25) -> Lumen:
    """The lumen inside a surface, closed or with open ends: mended, traced, cut square at its ends and meshed anew.

    Edges are `edge_fraction` of the local inscribed radius long. Raises InputError for a surface that cannot be mended and
    for what is not a vessel.
    """
    _demand_fraction(edge_fraction)
    whole = closed(surface)
    field = None
    if not whole.is_sound:
        whole, field = made_anew(whole)
    tree = trace(whole)
    vessel = opened(whole, tree)
    notes = [*surface.notes, *whole.notes, *tree.notes, *_patches(whole, tree, vessel)]
    reference = closed_volume(vessel.vertices, vessel.triangles)
    return _lumen(vessel, tree, field, edge_fraction=edge_fraction, reference=reference, notes=notes, source=surface.source)


def _demand_fraction(edge_fraction: float) -> None:
    if not 0.02 <= edge_fraction <= 1.0:
        raise InputError(f"edge_fraction is {edge_fraction:g}; it is the edge length over the radius, between 0.02 and 1.")


def _patches(surface: ClosedSurface, tree: Tree, vessel: OpenVessel) -> list[str]:
    """Notes on holes that were mended; InputError for one too large to know what was there."""
    notes = []
    ends = [tip.opening for tip in tree.tips if tip.opening is not None]
    for number in np.setdiff1d(vessel.caps[vessel.caps >= 0], ends):
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


def _lumen(
    vessel: OpenVessel,
    tree: Tree,
    field: Field | None,
    *,
    edge_fraction: float,
    reference: float,
    notes: Sequence[str],
    source: str,
) -> Lumen:
    """Mesh an open vessel evenly and gather all that is known of it."""
    vertices, triangles, loops = evened(
        vessel, bulges=tree.bulges, edge_fraction=edge_fraction, reference=reference, field=field
    )
    crossing = crossing_triangles(vertices, triangles)
    if len(crossing):
        place = vertices[triangles[crossing[0]]].mean(axis=0)
        raise InputError(
            f"The wall crosses itself near {said(place)} after meshing: two stretches of vessel touch there. Part them in the "
            "segmentation, or ask for a smaller edge_fraction."
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
        volume_mm3=closed_volume(vertices, triangles),
        reference_volume_mm3=reference,
        notes=(*notes, *vessel.notes),
        source=source,
    )


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
