"""How faithful a mesh of many tissues is to the label map it was made from: volume, surface and shape of each label."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from meshing.errors import InputError
from meshing.labels import LabelMap
from meshing.nearness import NearestTriangle
from meshing.tetmesh import TET_EDGES, TET_FACES, TetMesh, distinct

# Points asked about on each surface of each label; more are thinned out evenly, so that the answer is always the same.
MOST_ASKED = 1500
# Voxel faces looked at for each point; the nearest one is among those with the nearest middles.
FACES_LOOKED_AT = 9
# A volume further off than this is told in the verdict.
VOLUME_TOLERANCE_PERCENT = 10.0
TOUCHING = np.ones((3, 3, 3), dtype=bool)


@dataclass(frozen=True)
class Distances:
    """How far the points of one surface lie from another [mm]; all NaN where one of them is not there."""

    mean: float
    percentile_95: float
    largest: float


NO_DISTANCES = Distances(np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class LabelFidelity:
    """One label as the map has it and as the mesh has it.

    Pieces and Euler numbers take voxels and tets as closed bodies, so that those that share only an edge or a corner hang
    together (voxels: connectivity 3, 26 neighbours). The Euler number is V - E + F - T in the mesh; it is 1 for a ball, 0 for a
    ring and 2 for a hollow ball.
    """

    number: int
    name: str
    voxel_count: int
    tet_count: int
    voxel_volume_mm3: float
    mesh_volume_mm3: float
    mesh_to_voxels: Distances  # from the mesh's boundary to the faces that bound the voxels
    voxels_to_mesh: Distances
    voxel_piece_count: int
    mesh_piece_count: int
    voxel_euler_number: int
    mesh_euler_number: int

    @property
    def is_lost(self) -> bool:
        """Whether the map has the label and the mesh has not."""
        return self.voxel_count > 0 and self.tet_count == 0

    @property
    def volume_error_percent(self) -> float:
        """By how much the mesh is larger (negative: smaller) than the voxels, in percent of these; NaN where there are none."""
        return 100.0 * (self.mesh_volume_mm3 / self.voxel_volume_mm3 - 1.0) if self.voxel_volume_mm3 else np.nan

    @property
    def hausdorff_mm(self) -> float:
        """The largest distance either way [mm]; a lower bound where points were thinned out."""
        return max(self.mesh_to_voxels.largest, self.voxels_to_mesh.largest)


def compare(mesh: TetMesh, labels: LabelMap, *, chosen: Sequence[int] | None = None) -> tuple[LabelFidelity, ...]:
    """Compare each label of a map with the same label of a mesh; `chosen` numbers only, where given.

    The boundary of a label is where it ends, against the outside as against other labels. Distances run from vertices and
    centroids of the mesh's triangles to the faces of voxels, and from the middles of these faces to the triangles; at most
    1500 points each way, evenly thinned. Voxels are stairs: the mean distance of a perfect smooth mesh is about a quarter of
    a voxel. Labels that only the mesh has come last, with no voxels.
    Raises InputError where the mesh is unfit for use or a chosen label is neither in the map nor in the mesh.
    """
    mesh.checked(inverted_too=False)
    counts = labels.voxel_counts
    in_mesh = np.unique(mesh.labels).tolist()
    there = [*counts, *(number for number in in_mesh if number not in counts)]
    for number in chosen or ():
        if number not in there:
            raise InputError(f"Label {number} is neither in {labels.source} nor in the mesh; there are {there}.")
    parts = _Parts(mesh, labels)
    return tuple(_one(parts, number) for number in there if chosen is None or number in chosen)


def text_table(fidelities: Sequence[LabelFidelity]) -> str:
    """The comparison as plain text, one label a line."""
    head = ("label", "voxels", "mm3", "error %", "mesh to voxels mm", "voxels to mesh mm", "pieces", "Euler")
    rows: list[tuple[str, ...]] = [head]
    for one in fidelities:
        rows.append((
            f"{one.number} {one.name}",
            f"{one.voxel_count:,}",
            f"{one.voxel_volume_mm3:,.0f}",
            "lost" if one.is_lost else "–" if not one.voxel_count else f"{one.volume_error_percent:+.1f}",
            _distances_text(one.mesh_to_voxels),
            _distances_text(one.voxels_to_mesh),
            _change_text(one.voxel_piece_count, one.mesh_piece_count),
            _change_text(one.voxel_euler_number, one.mesh_euler_number),
        ))
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(word.rjust(width) for word, width in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, "Distances: mean, 95th percentile and largest. An arrow leads from the voxels to the mesh."])


def verdict(fidelities: Sequence[LabelFidelity]) -> tuple[str, ...]:
    """What a person should know of the comparison, the worst first; one sentence of praise where nothing is amiss."""
    said = []
    lost = [one for one in fidelities if one.is_lost]
    if lost:
        said.append(f"{_count(len(lost), 'label is', 'labels are')} lost from the mesh: {_named(lost)}.")
    off = [one for one in fidelities if not one.is_lost and abs(one.volume_error_percent) > VOLUME_TOLERANCE_PERCENT]
    if off:
        off.sort(key=lambda one: -abs(one.volume_error_percent))
        listed = ", ".join(f"{one.number} {one.name} ({one.volume_error_percent:+.0f} %)" for one in off[:12])
        more = f" and {len(off) - 12} more" if len(off) > 12 else ""
        what = _count(len(off), "label is", "labels are")
        said.append(f"{what} more than {VOLUME_TOLERANCE_PERCENT:g} % off in volume: {listed}{more}.")
    torn = [one for one in fidelities if one.tet_count and one.voxel_count and one.mesh_piece_count > one.voxel_piece_count]
    if torn:
        said.append(f"{_count(len(torn), 'label falls', 'labels fall')} into more pieces than in the map: {_named(torn)}.")
    fewer = [one for one in fidelities if 0 < one.mesh_piece_count < one.voxel_piece_count]
    if fewer:
        said.append(f"{_count(len(fewer), 'label has', 'labels have')} fewer pieces than in the map: {_named(fewer)}.")
    unknown = [one for one in fidelities if not one.voxel_count]
    if unknown:
        said.append(f"The mesh has {_count(len(unknown), 'label', 'labels')} that the map has not: {_named(unknown)}.")
    kept = [one for one in fidelities if one.voxel_count and one.tet_count]
    if kept and not (lost or off):
        worst = max(kept, key=lambda one: abs(one.volume_error_percent))
        farthest = max(kept, key=lambda one: one.hausdorff_mm)
        said.append(
            f"{'The label is' if len(kept) == 1 else f'All {len(kept)} labels are'} in the mesh; the largest error in volume is "
            f"{worst.volume_error_percent:+.1f} % ({worst.name}), the largest distance {farthest.hausdorff_mm:.2f} mm "
            f"({farthest.name})."
        )
    return tuple(said)


class _Parts:
    """Mesh and map, sorted by label once for all labels."""

    def __init__(self, mesh: TetMesh, labels: LabelMap) -> None:
        self.mesh, self.map = mesh, labels
        self.boxes = ndimage.find_objects(labels.voxels)
        self.numbers, self.kind = np.unique(mesh.labels, return_inverse=True)
        count = len(self.numbers)
        self.volumes = np.bincount(self.kind, weights=mesh.volumes(), minlength=count)
        self.tet_counts = np.bincount(self.kind, minlength=count)
        self.triangles = self._boundaries()
        self.pieces, self.euler = self._shapes()
        # Into a frame along the voxels' axes, still in millimetres and from the middle of the first voxel.
        self.into_grid = np.diag([*labels.spacing, 1.0]) @ np.linalg.inv(labels.affine)

    def _boundaries(self) -> list[np.ndarray]:
        """The triangles that bound each label of the mesh, oriented outward."""
        across = self.mesh.neighbours()
        beyond = np.where(across < 0, -1, self.kind[np.maximum(across, 0)])
        tet, corner = np.nonzero(beyond != self.kind[:, None])
        faces, owner = self.mesh.tets[tet[:, None], TET_FACES[corner]].astype(np.int64), self.kind[tet]
        order = np.argsort(owner, kind="stable")
        return np.split(faces[order], np.cumsum(np.bincount(owner, minlength=len(self.numbers)))[:-1])

    def _shapes(self) -> tuple[np.ndarray, np.ndarray]:
        """Pieces of each label of the mesh that hang together by vertices at least, and its Euler number V - E + F - T."""
        label_count, vertex_count = len(self.numbers), self.mesh.vertex_count
        kind, tets = self.kind.astype(np.int64), self.mesh.tets.astype(np.int64)
        own = kind[:, None] * vertex_count + tets
        vertices = distinct(own.ravel())
        pairs = np.sort(tets[:, TET_EDGES], axis=2)
        edges = distinct(((kind[:, None] * vertex_count + pairs[:, :, 0]) * vertex_count + pairs[:, :, 1]).ravel())
        vertices_of = np.bincount(vertices // vertex_count, minlength=label_count)
        edges_of = np.bincount(edges // vertex_count**2, minlength=label_count)
        faces_of = (4 * self.tet_counts + np.array([len(faces) for faces in self.triangles])) // 2
        node = np.searchsorted(vertices, own)
        links = sparse.coo_array(
            (np.ones(3 * len(tets), bool), (np.repeat(node[:, 0], 3), node[:, 1:].ravel())), shape=(len(vertices),) * 2
        )
        piece = connected_components(links, directed=False)[1]
        first = np.unique(piece, return_index=True)[1]
        pieces = np.bincount(vertices[first] // vertex_count, minlength=label_count)
        return pieces, vertices_of - edges_of + faces_of - self.tet_counts


def _one(parts: _Parts, number: int) -> LabelFidelity:
    from skimage.measure import euler_number

    place = int(np.searchsorted(parts.numbers, number))
    is_meshed = place < len(parts.numbers) and parts.numbers[place] == number
    count = parts.map.voxel_counts.get(number, 0)
    voxel_pieces = voxel_euler = 0
    forth = back = NO_DISTANCES
    if count:
        box = parts.boxes[number - 1]
        mask = np.pad(parts.map.voxels[box] == number, 1)
        voxel_pieces = int(ndimage.label(mask, structure=TOUCHING)[1])  # type: ignore[index]
        voxel_euler = int(euler_number(mask, connectivity=3))
        if is_meshed:
            corner = np.array([one.start for one in box]) - 1
            forth, back = _distances(parts, parts.triangles[place], mask, corner)
    name = parts.map.name(number) if count else parts.mesh.label_names.get(number, f"label {number}")
    return LabelFidelity(
        number=number,
        name=name,
        voxel_count=count,
        tet_count=int(parts.tet_counts[place]) if is_meshed else 0,
        voxel_volume_mm3=count * parts.map.voxel_volume,
        mesh_volume_mm3=float(parts.volumes[place]) if is_meshed else 0.0,
        mesh_to_voxels=forth,
        voxels_to_mesh=back,
        voxel_piece_count=voxel_pieces,
        mesh_piece_count=int(parts.pieces[place]) if is_meshed else 0,
        voxel_euler_number=voxel_euler,
        mesh_euler_number=int(parts.euler[place]) if is_meshed else 0,
    )


def _distances(parts: _Parts, triangles: np.ndarray, mask: np.ndarray, corner: np.ndarray) -> tuple[Distances, Distances]:
    """From the triangles of a label to the faces of its voxels and back; the mask's first voxel is at index `corner`."""
    spacing = parts.map.spacing
    used, triangles = np.unique(triangles, return_inverse=True)
    triangles = triangles.reshape(-1, 3)
    vertices = parts.mesh.vertices[used] @ parts.into_grid[:3, :3].T + parts.into_grid[:3, 3]
    middles, axes = _voxel_faces(mask)
    middles = (middles + corner) * spacing
    points = _thinned(np.concatenate([vertices, vertices[triangles].mean(axis=1)]))
    candidate = KDTree(middles, balanced_tree=False, compact_nodes=False).query(points, k=min(FACES_LOOKED_AT, len(middles)))[1]
    half = np.where(np.arange(3) == axes[candidate][..., None], 0.0, 0.5 * spacing)
    beside = np.maximum(np.abs(points[:, None] - middles[candidate]) - half, 0.0)
    forth = np.linalg.norm(beside, axis=2).min(axis=1)
    back = NearestTriangle(vertices, triangles).distances(_thinned(middles))
    return _summed_up(forth), _summed_up(back)


def _voxel_faces(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middles (face_count, 3), by voxel index, of the faces at which a mask ends, and the axis each is square to."""
    middles, axes = [], []
    for axis in range(3):
        ahead = np.diff(mask.view(np.int8), axis=axis) != 0
        middles.append(np.argwhere(ahead) + 0.5 * (np.arange(3) == axis))
        axes.append(np.full(len(middles[-1]), axis))
    return np.concatenate(middles), np.concatenate(axes)


def _thinned(points: np.ndarray) -> np.ndarray:
    """Evenly chosen rows, at most MOST_ASKED of them."""
    if len(points) <= MOST_ASKED:
        return points
    return points[np.linspace(0, len(points) - 1, MOST_ASKED).astype(np.int64)]


def _summed_up(distances: np.ndarray) -> Distances:
    return Distances(float(distances.mean()), float(np.percentile(distances, 95)), float(distances.max()))


def _distances_text(distances: Distances) -> str:
    if np.isnan(distances.mean):
        return "–"
    return f"{distances.mean:.2f} / {distances.percentile_95:.2f} / {distances.largest:.2f}"


def _change_text(before: int, after: int) -> str:
    return str(before) if before == after else f"{before} → {after}"


def _count(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _named(some: Sequence[LabelFidelity]) -> str:
    listed = ", ".join(f"{one.number} {one.name}" for one in some[:12])
    return listed + (f" and {len(some) - 12} more" if len(some) > 12 else "")
