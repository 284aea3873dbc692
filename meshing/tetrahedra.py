"""A label map in tetrahedra: conforming across tissues, smooth, without slivers, of a size that the user sets."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from meshing.collapsing import collapse
from meshing.crumbs import tidied
from meshing.errors import InputError
from meshing.incidence import face_pairs
from meshing.indicators import Indicators, indicators_of, top_labels
from meshing.islands import Chosen, chosen_ranks
from meshing.labels import LabelMap
from meshing.lattice import bcc_lattice
from meshing.relaxing import Web, project, relax, tet_qualities, web_of
from meshing.sizing import TETS_A_CELL, cell_of, lattice_plan
from meshing.stuffing import cut
from meshing.tetmesh import TetMesh, tet_volumes

WANTED = 0.46  # quality below which vertices look for better places
FLOOR = 0.43  # no projection onto an interface may bring a tet below this quality, the sine of 25.5 degrees
FEWEST_ROUNDS, MOST_ROUNDS = 4, 12  # of correcting volumes
SETTLED, SETTLED_TETS = 0.01, 500  # share by which the volume of a label of so many tets may still be off to stop early
MENDING_ROUNDS = 4
EAGERNESS = 1.6  # of correcting a volume
FARTHEST_BIAS = 0.5  # voxels by which one round may move an interface to bring a label to its volume
MANY = 3.0  # times the tets of an even mesh, from which on it is said
LOST, FAR_OFF = 1e-9, 0.10  # shares of a label's volume

Progress = Callable[[float, str], None]


@dataclasses.dataclass
class Draft:
    """A mesh in the making, in the grid's frame [mm]: ranks of labels, 0 for air."""

    vertices: np.ndarray  # shape (vertex count, 3)
    tets: np.ndarray  # shape (tet count, 4)
    ranks: np.ndarray  # shape (tet count,)
    web: Web
    interfaces: np.ndarray  # shape (face count, 5): two tets of unlike rank and the face that they share

    @classmethod
    def of(cls, vertices: np.ndarray, tets: np.ndarray, ranks: np.ndarray) -> "Draft":
        """A draft of the tets that touch a tissue, air among them, with no vertex unused."""
        tissue = np.zeros(len(vertices), bool)
        tissue[tets[ranks > 0]] = True
        kept = tissue[tets].any(axis=1)
        used, tets = np.unique(tets[kept], return_inverse=True)
        vertices, tets, ranks = np.ascontiguousarray(vertices[used]), tets.reshape(-1, 4), ranks[kept]
        web = web_of(vertices, tets, ranks)
        pairs, faces = face_pairs(tets, web.first, web.around)
        unlike = ranks[pairs[:, 0]] != ranks[pairs[:, 1]]
        return cls(vertices, tets, ranks, web, np.column_stack([pairs[unlike], faces[unlike]]))

    def volumes(self, count: int) -> np.ndarray:
        """Volume of each rank, (count,) [mm3]."""
        return np.bincount(self.ranks, tet_volumes(self.vertices, self.tets), count)

    def areas(self, count: int) -> np.ndarray:
        """Area of the surface of each rank, (count,) [mm2]."""
        a, b, c = (self.vertices[self.interfaces[:, k]] for k in (2, 3, 4))
        area = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
        first, second = (np.bincount(self.ranks[self.interfaces[:, side]], area, count) for side in (0, 1))
        return first + second


@dataclasses.dataclass
class Balance:
    """Indicators that are raised and lowered as a whole, label by label, until each label has the volume of its voxels.

    field: the indicators, changed in place; wanted: (rank count,) volumes [mm3]; original: their values at first; bias:
    (rank count,) how far each label's surface has been moved out [mm].
    """

    field: Indicators
    wanted: np.ndarray
    original: np.ndarray
    bias: np.ndarray

    def is_within(self, draft: Draft, share: float) -> bool:
        """Whether every label that has more than a few tets is within a share of its volume."""
        many = np.bincount(draft.ranks, minlength=len(self.wanted))[1:] >= SETTLED_TETS
        off = np.abs(draft.volumes(len(self.wanted)) - self.wanted)
        return bool((off <= share * self.wanted)[1:][many].all())

    def improve(self, draft: Draft) -> None:
        """Move each label's surface by (missing volume) / (its area), and somewhat farther since tets hold it back."""
        count = len(self.wanted)
        areas = draft.areas(count)
        most = FARTHEST_BIAS * float(self.field.spacing.max())
        step = np.clip(EAGERNESS * (self.wanted - draft.volumes(count)) / np.maximum(areas, 1e-9), -most, most)
        step[(areas == 0) | (np.arange(count) == 0)] = 0.0
        self.bias += step
        self.field.values[:] = self.original
        for rank in np.flatnonzero(self.bias):
            # Where two indicators of slope one cross, raising one by two moves the crossing by one.
            self.field.box(int(rank))[...] += np.float32(2.0 * self.bias[rank])


def tetrahedralize(
    labels: LabelMap,
    *,
    edge_length: float | None = None,
    tet_count: int | None = None,
    sizes: Mapping[str | int, float] | None = None,
    inside_edge_length: float | None = None,
    refine: bool = False,
    keep: Sequence[str | int] | None = None,
    background: bool = False,
    progress: Progress | None = None,
) -> TetMesh:
    """Fill the labels of a map with tetrahedra that share their faces across tissues.

    A body-centred cubic lattice is cut where the smooth indicators of two labels are equal (Labelle & Shewchuk 2007,
    doi:10.1145/1276377.1276448; Bronson et al. 2013, doi:10.1109/TVCG.2013.115), its vertices are then moved so that tets gain
    in quality while the interfaces stay, and each label is brought to the volume of its voxels.

    Parameters
    ----------
    edge_length
        Mean length of edges [mm]; or give
    tet_count
        about how many tets the uniform mesh shall have. One of the two, not both.
    sizes
        Edge length [mm] for some labels, by name, code or number, finer or coarser than the rest.
    inside_edge_length
        Edge length [mm] towards which tets grow with their distance from the nearest interface.
    refine
        Make cells finer, by up to eight times, where a label is thinner than a cell, so that small labels and thin sheets
        come through; costs tets.
    keep
        Labels to mesh, all by default; the others become background.
    background
        Mesh what no label fills too, as label 0, "background".
    progress
        Told the share done and what is being done.

    Raises
    ------
    InputError
        For an edge length that is not above zero, larger than what is to be meshed, or so small that the memory would not
        hold the mesh; for labels that are not there; when nothing is left.
    """
    tell = progress or (lambda share, text: None)
    tell(0.0, "labels")
    chosen = chosen_ranks(labels, keep=keep, background=background)
    cell = cell_of(chosen, edge_length=edge_length, tet_count=tet_count)
    plan = lattice_plan(chosen, cell=cell, sizes=sizes or {}, inside=inside_edge_length, refine=refine, labels=labels)
    tell(0.05, "smoothing")
    count = len(chosen.numbers) + 1
    field = indicators_of(chosen.ranks, chosen.spacing, count)
    tell(0.2, "cutting the lattice")
    wanted = np.bincount(chosen.ranks.ravel(), minlength=count) * float(chosen.spacing.prod())
    balance = Balance(field, wanted, field.values.copy(), np.zeros(count))
    draft = _cut_lattice(field, *bcc_lattice(plan.low, plan.size, plan.counts, plan.split))
    draft = _shaped(draft, balance, tell)
    tell(0.95, "writing down")
    mesh = _mesh_of(draft, chosen, labels, wanted)
    even = TETS_A_CELL * float(wanted.sum()) / cell**3
    if mesh.tet_count > MANY * even:
        note = (
            f"Finer places took {mesh.tet_count:,} tetrahedra, where an even mesh has about {even:,.0f}; for fewer give a larger "
            "edge length, or finer sizes to the labels that matter alone."
        )
        mesh = dataclasses.replace(mesh, notes=(*mesh.notes, note))
    return mesh


def _cut_lattice(field: Indicators, vertices: np.ndarray, tets: np.ndarray) -> Draft:
    rank, _ = top_labels(field, vertices)
    near = np.zeros(len(vertices), bool)
    near[tets[(rank[tets] > 0).any(axis=1)]] = True
    tets = tets[near[tets].any(axis=1)]
    if len(tets):
        used, tets = np.unique(tets, return_inverse=True)
        vertices, tets, tet_rank = cut(field, vertices[used], tets.reshape(-1, 4), rank[used])
        tet_rank = tidied(tet_rank, tets, np.abs(tet_volumes(vertices, tets)), len(vertices))
    if len(tets) == 0 or not tet_rank.any():
        raise InputError(
            "Nothing is left of the labels on a lattice this coarse; give a smaller edge length, or, if they are thin in places "
            "only, let these be refined."
        )
    return Draft.of(vertices, tets, tet_rank)


def _shaped(draft: Draft, balance: Balance, tell: Progress) -> Draft:
    """Bring interfaces onto the indicators, tets to quality, and labels to their volume, by turns."""
    tell(0.35, "projecting")
    field = balance.field
    project(draft.vertices, draft.web, field, FLOOR, 2)
    _relax(draft, field, rounds=2, wanted=WANTED, tries=6, seed=0)
    draft = _collapsed(draft)
    _relax(draft, field, rounds=2, wanted=WANTED, tries=6, seed=10)
    for turn in range(MOST_ROUNDS):
        tell(0.5 + 0.4 * turn / MOST_ROUNDS, "quality and volume")
        if turn >= FEWEST_ROUNDS and balance.is_within(draft, SETTLED):
            break
        balance.improve(draft)
        project(draft.vertices, draft.web, field, FLOOR, 1)
        _relax(draft, field, rounds=1, wanted=WANTED, tries=6, seed=100 + 10 * turn)
    _relax(draft, field, rounds=2, wanted=1.1 * FLOOR, tries=12, seed=300)
    _relax(draft, field, rounds=4, wanted=1.05 * FLOOR, tries=40, slack=0.15, seed=400)
    for turn in range(MENDING_ROUNDS):
        if tet_qualities(draft.vertices, draft.tets[draft.ranks > 0]).min() >= 0.9 * FLOOR:
            break
        draft = _collapsed(draft)
        _relax(draft, field, rounds=3, wanted=FLOOR, tries=40, slack=0.3, seed=500 + 10 * turn)
    return draft


def _relax(
    draft: Draft, field: Indicators, *, rounds: int, wanted: float, tries: int, seed: int, slack: float = 0.03
) -> None:
    idle = np.zeros(len(draft.vertices), bool)
    for turn in range(rounds):
        if relax(draft.vertices, draft.web, field, idle, wanted, tries, slack, seed + turn) == 0:
            break


def _collapsed(draft: Draft) -> Draft:
    quality = np.where(draft.ranks > 0, tet_qualities(draft.vertices, draft.tets), 1.0)
    tets, alive = collapse(draft.vertices, draft.web, draft.ranks, quality, wanted=WANTED)
    return Draft.of(draft.vertices, tets[alive], draft.ranks[alive])


def _mesh_of(draft: Draft, chosen: Chosen, labels: LabelMap, wanted: np.ndarray) -> TetMesh:
    """The mesh in the patient's frame, with its names, faces and what a person should know of it."""
    tissue = draft.ranks > 0
    used, tets = np.unique(draft.tets[tissue], return_inverse=True)
    tets = tets.reshape(-1, 4)
    vertices = (draft.vertices[used] / chosen.spacing + chosen.low) @ labels.affine[:3, :3].T + labels.affine[:3, 3]
    if np.linalg.det(labels.affine[:3, :3]) < 0:
        tets = tets[:, [0, 2, 1, 3]]
    numbers = np.concatenate([[0], chosen.numbers])
    made = draft.volumes(len(wanted))
    notes = list(chosen.notes)
    for rank, number in enumerate(chosen.numbers, start=1):
        name = f"{chosen.names[number]} ({number})" if f"{number}" not in chosen.names[number] else chosen.names[number]
        if made[rank] <= LOST * wanted[rank]:
            notes.append(f"Lost: {name}, {wanted[rank]:,.0f} mm3, is too small for this mesh; mesh finer, or refine thin labels.")
        elif abs(made[rank] / wanted[rank] - 1.0) > FAR_OFF:
            notes.append(
                f"The volume of {name} is {made[rank]:,.0f} mm3 in the mesh and {wanted[rank]:,.0f} mm3 in the voxels, "
                f"{100.0 * (made[rank] / wanted[rank] - 1.0):+.0f} %."
            )
    mesh = TetMesh(
        vertices=vertices,
        tets=tets.astype(np.int32),
        labels=numbers[draft.ranks[tissue]].astype(np.int32),
        label_names={int(number): chosen.names[number] for number in chosen.numbers},
        notes=tuple(notes),
    )
    faces, behind = mesh.boundary_with_owners()
    of = mesh.labels[behind]
    face_sets = {f"outside of {mesh.label_names[int(number)]}": faces[of == number] for number in np.unique(of)}
    return dataclasses.replace(mesh, face_sets=face_sets).checked()
