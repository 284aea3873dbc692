"""A vessel wall in layers of tetrahedra over a lumen, with plaque where the wall lies farther out."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import KDTree

from meshing.columns import Ground, Reach, directions, dot, fanned, ground_of, layer_shares, march_to, ranks, room_outside, unit
from meshing.errors import InputError
from meshing.lumen import Lumen
from meshing.nearness import NearestTriangle, crossing_triangles
from meshing.plaque import Boundary, HealthyVessel
from meshing.prisms import split_prisms, wanted_edges
from meshing.surfaces import triangle_areas, vertex_normals
from meshing.tetmesh import TetMesh, scaled_jacobians
from meshing.untangling import Block, Pull, polished, untangled

WALL, PLAQUE = 1, 2
NAMES = {WALL: "arterial wall", PLAQUE: "plaque"}
PASSES = 5  # of untangling
POOREST = 0.02  # scaled Jacobian below which a tet is untangled before it is polished
TARGETS = (0.2, 0.15, 0.12, 0.11)  # scaled Jacobians polished for, one after the other, the broad ones first
MOST_POOR = (0.1, 0.05)  # share of tets below a target above which it is out of reach, in the first and second turn
SQUEEZED = 0.1  # scaled Jacobian below which columns that run together are made shorter
ATTEMPTS = 10  # at a wall without spoilt columns
MOST_THIN = 0.25  # share of columns less than half as long as asked, above which the wall is another than asked
STIFFNESS = 10.0  # of the springs to the outer boundary, over the square of the outermost layer's height


@dataclass(frozen=True)
class RadiusFraction:
    """A wall thickness as a share of the lumen's radius (of the healthy lumen's where that is modelled), but at least so much."""

    share: float
    least_mm: float = 0.3


def build_wall(
    lumen: Lumen,
    *,
    thickness: float | np.ndarray | RadiusFraction,
    layers: int = 2,
    outer: HealthyVessel | Boundary | np.ndarray | None = None,
    plaque_layers: int | None = None,
    thinnest_plaque_mm: float = 0.3,
) -> TetMesh:
    """Build the wall of a vessel from its lumen: columns of `layers` prisms, each cut into three tetrahedra.

    thickness: of the arterial wall [mm]: one number, one for each lumen vertex (vertex count,), or a share of the radius.
    outer: where the wall ends outside. None: `thickness` away from the lumen, all of it wall. A `HealthyVessel`: `thickness`
        away from the healthy lumen. A function of points (count, 3) [mm]: signed distance [mm] to the outer boundary, negative
        inside. An array (vertex count,): distance [mm] from each lumen vertex to the outer boundary along its column.
        What then lies deeper than `thickness` inside the outer boundary is plaque.
    plaque_layers: layers between lumen and wall; by default 2 or 3, as the thickest plaque needs for well-shaped tets. Where
        plaque is thinner than `thinnest_plaque_mm` [mm] (or than well-shaped tets can be) these layers are wall as well, and
        the wall as a whole has its thickness.

    The mesh has the labels 1 "arterial wall" and 2 "plaque". Vertices 0 to n - 1 are the lumen's, where they were. Face sets:
    "lumen" (its normals point INTO the blood, out of the tissue), "outside", and "end 0", "end 1", ... which are flat where
    the lumen's rims are; together they are the whole boundary, once. Frames: rows circumferential, axial (along the centreline
    away from the root), radial (outwards), right-handed.

    Where outer walls meet, as in a fork's crotch, the wall is thinner than asked; `notes` say where and by how much.

    Raises InputError for a lumen without ends, with open edges elsewhere, or whose normals point into the blood; for a
    thickness that is not above zero, has another length, or is more than can be built; and for less than two layers.
    """
    _check_lumen(lumen)
    ground = ground_of(lumen)
    if dot(ground.normals, ground.radial).mean() < 0:
        raise InputError("The lumen's triangles face the blood. Turn them over, so that their normals point into the wall.")
    asked = _thickness(thickness, ground, outer)
    if layers < 2 or (plaque_layers is not None and plaque_layers < 1):
        raise InputError(f"A wall of {layers} layers (and {plaque_layers} of plaque) cannot bend; ask for at least 2 (and 1).")
    boundary = _boundary(outer, thickness)
    reach = _reach(ground, asked, boundary, outer, layers, plaque_layers, thinnest_plaque_mm)
    rank = ranks(ground, reach.along)
    cut = split_prisms(ground.triangles, len(asked), reach.layers + reach.plaque_layers, rank=rank)
    positions, reach = _without_spoilt_columns(lumen, ground, reach, boundary, cut, asked)
    tets, triangle, layer = cut
    of_plaque = np.asarray(reach.is_plaque[ground.triangles].all(axis=1))
    labels = np.where((layer < reach.plaque_layers) & of_plaque[triangle], PLAQUE, WALL)
    used = sorted(set(labels.tolist()))
    return TetMesh(
        vertices=positions,
        tets=tets.astype(np.int32),
        labels=labels.astype(np.int32),
        label_names={number: NAMES[number] for number in used},
        frames=_frames(ground, positions, triangle, layer),
        face_sets=_face_sets(ground, positions, tets),
        notes=_notes(reach, asked),
    )


def _check_lumen(lumen: Lumen) -> None:
    """Raise InputError where no wall can stand on this surface."""
    if not lumen.ends:
        raise InputError("The lumen has no ends: it is closed, and no device can enter it. Cut it open where vessels go on.")
    if not np.isfinite(lumen.vertices).all():
        raise InputError("The lumen has vertices without a finite position. Read it again.")
    sides = np.sort(np.asarray(lumen.triangles)[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    sides, uses = np.unique(sides, axis=0, return_counts=True)
    if (uses > 2).any():
        raise InputError(
            f"{np.count_nonzero(uses > 2):,} edges of the lumen belong to more than two triangles. Mend the surface."
        )
    rims = {tuple(sorted(pair)) for end in lumen.ends for pair in zip(end.loop, np.roll(end.loop, -1), strict=True)}
    loose = [pair for pair in map(tuple, sides[uses == 1].tolist()) if pair not in rims]
    if loose:
        place = ", ".join(f"{value:.1f}" for value in lumen.vertices[loose[0][0]])
        raise InputError(
            f"{len(loose):,} open edges of the lumen belong to none of its ends; the first is at ({place}) mm. Mend it."
        )


def _thickness(thickness: float | np.ndarray | RadiusFraction, ground: Ground, outer) -> np.ndarray:
    """Thickness of the arterial wall at each lumen vertex, (vertex count,) [mm]."""
    count = len(ground.vertices)
    if isinstance(thickness, RadiusFraction):
        radius = outer.radius_at(ground.vertices) if isinstance(outer, HealthyVessel) else ground.radius
        values = np.maximum(thickness.share * radius, thickness.least_mm)
        if not thickness.share > 0:
            raise InputError(f"A wall of {thickness.share:g} times the radius cannot be built. Ask for a share above zero.")
    else:
        values = np.asarray(thickness, float)
        if values.ndim and values.shape != (count,):
            raise InputError(
                f"The thickness has {values.size:,} values, but the lumen has {count:,} vertices. Give one for each."
            )
        if values.ndim and isinstance(outer, HealthyVessel):
            raise InputError("About a modelled healthy vessel the thickness is one number or a share of the radius. Give that.")
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise InputError(f"The smallest thickness asked is {np.min(values):g} mm. Ask for a wall above zero everywhere.")
    return np.broadcast_to(values, count).copy()


def _boundary(outer: HealthyVessel | Boundary | np.ndarray | None, thickness) -> Boundary | None:
    """The outer boundary as a signed distance, where it is one."""
    if isinstance(outer, HealthyVessel):
        if isinstance(thickness, RadiusFraction):
            return lambda points: outer(points) - np.maximum(thickness.share * outer.radius_at(points), thickness.least_mm)
        return lambda points: outer(points) - float(thickness)
    return None if outer is None or isinstance(outer, np.ndarray) else outer


def _reach(ground, asked, boundary, outer, layers, plaque_layers, thinnest) -> Reach:
    """Where the columns go and how far, before anything is moved to mend it."""
    if outer is None:
        along = directions(ground, plaque_share=np.zeros(len(asked)))
        nowhere = np.zeros(len(asked), dtype=bool)
        reach = Reach(along, asked, np.zeros(len(asked)), nowhere, layers, 0, nowhere)
    else:
        if boundary is None:
            distance = np.asarray(outer, float)
            if distance.shape != asked.shape or not np.isfinite(distance).all():
                raise InputError(
                    f"The outer distance has {distance.size:,} values for the lumen's {len(asked):,} vertices; "
                    "give a finite one for each."
                )
            along = directions(ground, plaque_share=ground.averaged(np.clip(distance - asked, 0.0, 1.0), sweeps=3))
        else:
            along, distance = _fanned_to(ground, asked, boundary)
        reach = Reach.with_plaque(ground, along, distance, asked, layers, plaque_layers, thinnest)
    room = room_outside(ground, reach.length)
    tight = np.where(room < reach.length, room, np.where(outer is None, reach.length, np.inf))
    return reach.limited(ground.graded(tight, slope=1.0))


def _fanned_to(ground: Ground, asked: np.ndarray, boundary: Boundary) -> tuple[np.ndarray, np.ndarray]:
    """Directions of the columns (vertex count, 3) and their distances to the outer boundary (vertex count,) [mm]."""
    furthest = 20.0 * float(ground.radius.max()) + 5.0 * float(asked.max())
    distance, met = march_to(boundary, ground.vertices, ground.in_plane(ground.radial), furthest=furthest)
    if met.mean() < 0.5:
        raise InputError(
            f"From {np.mean(~met):.0%} of the lumen the outer boundary is not met within {furthest:.0f} mm, or lies "
            "inside the lumen. Check that both belong to the same vessel and are in the same millimetres."
        )
    share = ground.averaged(np.clip(distance - asked, 0.0, 1.0), sweeps=3)
    along = directions(ground, plaque_share=share, sweeps=2)
    distance, _ = march_to(boundary, ground.vertices, along, furthest=furthest)
    feet = ground.vertices + np.maximum(distance, asked)[:, None] * along
    along = unit(fanned(ground, feet, boundary, share) - ground.vertices)
    distance, _ = march_to(boundary, ground.vertices, along, furthest=furthest)
    return along, distance


def _without_spoilt_columns(
    lumen: Lumen, ground: Ground, reach: Reach, boundary: Boundary | None, cut: tuple[np.ndarray, ...], asked: np.ndarray
) -> tuple[np.ndarray, Reach]:
    """Positions (vertex count, 3) [mm] and the columns as they were built, shortened where they spoil the mesh.

    Raises InputError where that leaves too little of the wall, or does not help.
    """
    positions, unchanged = None, np.zeros(len(asked), dtype=bool)
    built, spoilt = reach, np.zeros(len(asked), dtype=bool)
    for _ in range(ATTEMPTS):
        if np.mean(reach.length < 0.5 * asked) > MOST_THIN:
            spoilt |= reach.length < 0.5 * asked
            break
        positions = _shaped(ground, reach, boundary, cut, positions, unchanged)
        spoilt = _spoilt_columns(lumen, ground, reach, positions, cut[0])
        bad = spoilt | _squeezed_columns(ground, reach, positions, cut[0])
        if not bad.any():
            return positions, reach
        built, reach = reach, reach.shortened(ground, bad)
        unchanged = built.length == reach.length
    if positions is None or spoilt.any():
        possible = min(float(np.quantile(reach.length, 0.25)), 0.75 * float(np.median(asked)))
        raise InputError(
            f"A wall of {np.median(asked):.3g} mm cannot be built around this lumen: it would run into itself at "
            f"{np.count_nonzero(spoilt):,} of {len(asked):,} lumen vertices. Ask for at most about {possible:.2g} mm."
        )
    return positions, built


def _shaped(
    ground: Ground, reach: Reach, boundary: Boundary | None, cut: tuple[np.ndarray, ...], before, unchanged
) -> np.ndarray:
    """Positions (vertex count, 3) [mm] of the whole wall, from tets with their triangles and layers.

    `before`: positions of the last attempt, or None; those of the `unchanged` columns (lumen vertex count,) are taken on.
    """
    tets, triangle, layer = cut
    count, shares = len(ground.vertices), layer_shares(ground, reach)
    levels = len(shares)
    positions = (ground.vertices + (shares * reach.length)[..., None] * reach.along).reshape(-1, 3)
    heights = np.diff(shares * reach.length, axis=0)
    wanted = wanted_edges(ground.triangles, positions.reshape(levels, count, 3), tets, triangle, layer, heights=heights)
    planes = np.tile(ground.plane_normals, (levels, 1))
    free = np.arange(len(positions)) >= count
    block = Block(tets, wanted, free, planes, np.tile(ground.edge_length, levels))
    holding = _Holding(ground, reach, boundary, heights[-1])
    if before is not None:
        positions = np.where(np.tile(unchanged, levels)[:, None], before, positions)
    best = positions
    for most_poor in MOST_POOR:
        for _ in range(PASSES):
            # Pieces shrink from pass to pass, so that the few stubborn places do not cost what the many easy ones did.
            poor = scaled_jacobians(positions, tets) < POOREST
            if not poor.any():
                break
            piece, used = block.around(poor, rings=3)
            piece = replace(piece, pulls=holding.pulls(positions, used, piece.free))
            positions[used] = untangled(piece, positions[used], rounds=3, iterations=12, settle=6)
        for target in TARGETS:
            positions = _better(block, holding, positions, target, most_poor)
            if scaled_jacobians(positions, tets).min() > scaled_jacobians(best, tets).min():
                best = positions
    # Rounding in the descent would lift end vertices off their plane by some 1e-15.
    foot = np.tile(ground.vertices, (levels, 1))
    positions = best - dot(best - foot, planes)[:, None] * planes
    positions[:count] = ground.vertices
    return positions


def _better(block: Block, holding: "_Holding", positions: np.ndarray, target: float, most_poor: float) -> np.ndarray:
    """Positions polished for a target scaled Jacobian, or as they were where none or too many tets are below it."""
    poor = scaled_jacobians(positions, block.tets) < target
    if not poor.any() or poor.mean() > most_poor:
        return positions
    piece, used = block.around(poor, rings=2)
    moved = positions.copy()
    moved[used] = polished(replace(piece, pulls=holding.pulls(positions, used, piece.free)), positions[used], target=target)
    return moved


class _Holding:
    """What keeps the outer surface where it was asked, and the wall over plaque as thick as it was asked."""

    def __init__(self, ground: Ground, reach: Reach, boundary: Boundary | None, height: np.ndarray):
        self.count = len(reach.length)
        self.reach = reach
        self.boundary = boundary
        self.stiffness = STIFFNESS / height**2
        self.surface = NearestTriangle(ground.vertices, ground.triangles)
        self.own_planes = reach.own_planes(ground) if boundary is None and reach.plaque_layers else None

    def pulls(self, positions: np.ndarray, used: np.ndarray, moving: np.ndarray) -> tuple[Pull, ...]:
        """Springs for those of the vertices `used` (numbers) that are `moving` (bool) and on the outside."""
        top = np.flatnonzero(moving & (used >= len(positions) - self.count))
        column = used[top] % self.count
        place, normal = self._planes(positions[used[top]], column)
        pulls = (Pull(top, np.full(len(top), -1), normal, dot(normal, place), self.stiffness[column]),)
        if self.reach.plaque_layers:
            face = self.reach.plaque_layers * self.count + column
            inner = np.minimum(np.searchsorted(used, face), len(used) - 1)
            there = used[inner] == face
            depth = (self.reach.length - self.reach.plaque_depth)[column]
            pulls += (Pull(top[there], inner[there], normal[there], depth[there], self.stiffness[column[there]]),)
        return pulls

    def _planes(self, outside: np.ndarray, column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A point (count, 3) [mm] and the unit normal (count, 3) of the plane that each outer vertex should be on."""
        if self.own_planes is not None:
            return self.own_planes[0][column], self.own_planes[1][column]
        foot, distance, _ = self.surface(outside)
        normal = (outside - foot) / np.maximum(distance, 1e-9)[:, None]
        place = foot + self.reach.length[column, None] * normal
        if self.boundary is not None:
            slope, step = _slope(self.boundary, outside)
            open_ended = (self.reach.is_plaque & ~self.reach.is_limited)[column]
            normal = np.where(open_ended[:, None], slope, normal)
            place = np.where(open_ended[:, None], outside + step[:, None] * slope, place)
        return place, normal


def _slope(boundary: Boundary, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit gradient of a boundary (count, 3), and the step along it to the boundary (count,) [mm]."""
    width = 0.05
    gradient = np.stack([(boundary(points + width * e) - boundary(points - width * e)) / (2 * width) for e in np.eye(3)], axis=1)
    steepness = np.linalg.norm(gradient, axis=1)
    return unit(gradient), np.clip(-boundary(points) / np.maximum(steepness, 0.3), -1.0, 1.0)


def _spoilt_columns(lumen: Lumen, ground: Ground, reach: Reach, positions: np.ndarray, tets: np.ndarray) -> np.ndarray:
    """Which columns (vertex count,) have a tet inside out, an outer triangle that runs through another, or leave an end plane."""
    count = len(ground.vertices)
    bad = np.zeros(count, dtype=bool)
    bad[tets[scaled_jacobians(positions, tets) <= 1e-3].ravel() % count] = True
    # Triangles of an end lie in one plane, where rounding alone decides whether they cross: the plane is asked instead.
    faces = np.concatenate([ground.triangles, ground.triangles + len(positions) - count])
    crossing = faces[crossing_triangles(positions, faces)]
    # Where the lumen crosses itself no column can mend it.
    bad[crossing[(crossing >= count).any(axis=1)].ravel() % count] = True
    outside = positions[-count:]
    for number, end in enumerate(lumen.ends):
        away, _ = KDTree(ground.vertices[end.loop]).query(ground.vertices)
        near = (ground.end_of != number) & (away < 2.0 * reach.length)
        plane = float(((ground.vertices[end.loop] - end.centre) @ end.direction).max())
        bad |= near & ((outside - end.centre) @ end.direction > plane - 1e-3)
    return bad


def _squeezed_columns(ground: Ground, reach: Reach, positions: np.ndarray, tets: np.ndarray) -> np.ndarray:
    """Which columns (vertex count,) have a poor tet where columns run together; shorter ones make better tets there."""
    count = len(ground.vertices)
    narrowing = triangle_areas(positions[-count:], ground.triangles) < 0.5 * triangle_areas(ground.vertices, ground.triangles)
    together = np.zeros(count, dtype=bool)
    together[ground.triangles[narrowing].ravel()] = True
    poor = np.zeros(count, dtype=bool)
    poor[tets[scaled_jacobians(positions, tets) < SQUEEZED].ravel() % count] = True
    return poor & together & ~reach.is_plaque


def _bare(positions: np.ndarray, tets: np.ndarray) -> TetMesh:
    return TetMesh(vertices=positions, tets=tets, labels=np.ones(len(tets), int), label_names={})


def _notes(reach: Reach, asked: np.ndarray) -> tuple[str, ...]:
    """What a person should know of the wall's thickness."""
    thin = reach.length < 0.9 * asked
    if not thin.any():
        return ()
    return (
        f"The wall is thinner than asked at {np.count_nonzero(thin):,} of {len(asked):,} lumen vertices, where walls meet; "
        f"the thinnest is {reach.length[thin].min():.2f} mm.",
    )


def _frames(ground: Ground, positions: np.ndarray, triangle: np.ndarray, layer: np.ndarray) -> np.ndarray:
    """Circumferential, axial and radial unit vectors of each tet, (tet count, 3, 3)."""
    count = len(ground.vertices)
    levels = positions.reshape(-1, count, 3)
    normals = np.stack([vertex_normals(level, ground.triangles) for level in levels])
    prisms = (normals[:-1] + normals[1:])[:, ground.triangles].sum(axis=2)
    radial = unit(prisms[layer, triangle])
    tangent = unit(ground.tangent[ground.triangles].sum(axis=1))[triangle]
    axial = tangent - dot(tangent, radial)[:, None] * radial
    # On a crotch the centreline runs straight at the wall; any direction in the wall then serves.
    steep = np.linalg.norm(axial, axis=1) < 1e-3
    axial[steep] = np.cross(radial[steep], np.eye(3)[np.abs(radial[steep]).argmin(axis=1)])
    axial = unit(axial)
    return np.stack([np.cross(axial, radial), axial, radial], axis=1)


def _face_sets(ground: Ground, positions: np.ndarray, tets: np.ndarray) -> dict[str, np.ndarray]:
    """The boundary by name, each triangle once and oriented out of the tissue."""
    count = len(ground.vertices)
    faces = _bare(positions, tets).boundary_faces()
    inside, outside = (faces < count).all(axis=1), (faces >= len(positions) - count).all(axis=1)
    side = ~inside & ~outside
    sets = {"lumen": faces[inside], "outside": faces[outside]}
    end = ground.end_of[faces[:, 0] % count]
    for number in range(int(ground.end_of.max()) + 1):
        sets[f"end {number}"] = faces[side & (end == number)]
    return sets
