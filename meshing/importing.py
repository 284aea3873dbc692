"""Volume meshes that others made, taken over as a TetMesh: .vtu, .vtk, .msh (Gmsh, Fluent), .inp (Abaqus) and .mesh (Medit).

Whatever had to be decided or mended on the way stands in the mesh's notes; what cannot be mended is refused.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from meshing.errors import InputError
from meshing.files import read_mesh
from meshing.foreign import SUFFIXES, Found, listed, read_found
from meshing.quality import FLAT_JACOBIAN, folded_pairs
from meshing.surfaces import MILLIMETRES, said
from meshing.tetmesh import HEART_FRAME, VESSEL_FRAME, TetMesh, scaled_jacobians, tet_volumes

# What programs call the number of a tissue, without capitals and signs; the first that a file has is taken.
LABEL_NAMES = (
    "label", "labels", "gmshphysical", "meditref", "volumeid", "partid", "part", "materialid", "materialids",
    "material", "regionid", "region", "elemtag", "tissue", "segment", "tag", "cellentityids", "cellzoneids", "cellscalars",
    "scalars", "entityid", "subdomain", "domain", "gmshgeometrical",
)  # fmt: skip
FIBRE_NAMES = ("fiber", "fibre", "fiberdirection", "fibredirection", "fiberdir", "fibredir", "fiberorientation", "f0", "f")
SHEET_NAMES = ("sheet", "sheetdirection", "sheetdir", "sheetorientation", "s0", "s")
MOST_LABELS = 1000
# Between one millimetre and three metres, in which all anatomy lies.
ANATOMY_MM = (1.0, 3000.0)


def import_mesh(path: str | Path, *, unit: str | None = None, unfit_too: bool = False) -> TetMesh:
    """Read a volume mesh of any program: its tetrahedra, labels, names of labels and directions of fibres.

    `unit` is "mm", "cm", "m" or "um"; when None it is guessed from the size, and the guess is said in the notes. The
    coordinates are taken as LPS. Tets of second order are reduced to their corners, those wound the other way round are
    turned, vertices that no tet uses are left out, and surface elements are passed over: each is said in the notes. Names of
    labels come from the file, or from a JSON beside it. A file that `write_mesh` wrote is read as `read_mesh` does.

    With `unfit_too`, flat, double and folded tets are let through, for `quality.assess` to count.
    Raises InputError for a file that is missing, of another kind, damaged or without tets, for volume elements that are no
    tets, for a size that is no anatomy's, and for tets that are flat, double or folded over their neighbours.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no file {path}. Check the name.")
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path.name} is not a volume mesh this program reads; give one of {', '.join(SUFFIXES)}.")
    if unit is not None and unit not in MILLIMETRES:
        raise InputError(f'The unit "{unit}" is not known; give one of {", ".join(MILLIMETRES)}.')
    found = read_found(path)
    if found.is_ours:
        if unit not in (None, "mm"):
            raise InputError(f"{path.name} states that it is in mm; leave out the unit {unit}.")
        return read_mesh(path, unfit_too=unfit_too)
    notes = _notes_on_kinds(found, path.name)
    used, tets = np.unique(found.tets, return_inverse=True)
    tets = tets.reshape(-1, 4).astype(np.int32)
    vertices = np.asarray(found.points, float)[used]
    _demand_finite(vertices, used, path.name)
    dropped = len(found.points) - len(used)
    if dropped and not found.second_order_count:
        notes.append(f"{dropped:,} of {len(found.points):,} vertices belong to no tetrahedron and were left out.")
    factor, sizing = _millimetres(vertices, unit, path.name)
    vertices = vertices * factor
    tets, turning = _turned(vertices, tets)
    labels, names, labelling = _labels(found, path)
    frames, frame_names, aligning = _frames(found.cell_data, labels, names)
    notes += [*sizing, f"{path.name} states no space: its coordinates are taken as LPS.", *turning, *labelling, *aligning]
    apart = _coincident(vertices)
    if apart:
        notes.append(f"{apart:,} vertices lie exactly on another: there the parts of {path.name} touch but are not joined.")
    if found.at_vertices:
        notes.append(f"Values at vertices were not taken over: {listed(found.at_vertices)}.")
    mesh = TetMesh(vertices, tets, labels, names, frames, notes=tuple(notes), frame_names=frame_names)
    try:
        if not unfit_too:
            _demand_fit(mesh)
        return mesh.checked(inverted_too=not unfit_too)
    except InputError as error:
        raise InputError(f"{path.name}: {error}") from error


def _notes_on_kinds(found: Found, name: str) -> list[str]:
    notes = []
    if found.second_order_count:
        notes.append(
            f"{found.second_order_count:,} of {len(found.tets):,} tetrahedra in {name} are of second order; their corners were "
            "taken and the nodes between them left out, so that curved edges are straight."
        )
    if found.other_counts:
        kinds = listed([f"{count:,} of kind {kind}" for kind, count in found.other_counts.items()])
        notes.append(f"Surface and line elements were passed over: {kinds}.")
    return notes


def _demand_finite(vertices: np.ndarray, numbers: np.ndarray, name: str) -> None:
    broken = np.flatnonzero(~np.isfinite(vertices).all(axis=1))
    if len(broken):
        raise InputError(
            f"{name}: {len(broken):,} of {len(vertices):,} vertices have no finite position; the first is vertex "
            f"{numbers[broken[0]]}. Export it again."
        )


def _millimetres(vertices: np.ndarray, unit: str | None, name: str) -> tuple[float, list[str]]:
    """What to multiply positions by for millimetres, and how the unit was found."""
    extent = float(np.ptp(vertices, axis=0).max())
    smallest, largest = ANATOMY_MM
    if unit is not None:
        across = extent * MILLIMETRES[unit]
        if not smallest <= across <= largest:
            return MILLIMETRES[unit], [f"In {unit}, as asked, {name} is {across:.3g} mm across, which is unusual for anatomy."]
        return MILLIMETRES[unit], []
    for guess in ("mm", "m", "um"):
        if smallest <= extent * MILLIMETRES[guess] <= largest:
            return MILLIMETRES[guess], [
                f"{name} states no unit; from its extent of {extent:.4g} it was taken to be in {guess}, "
                f"{extent * MILLIMETRES[guess]:.4g} mm across."
            ]
    raise InputError(
        f"{name} states no unit and is {extent:.3g} across, which is 1 mm to 3 m in no unit this program knows. Give the unit."
    )


def _turned(vertices: np.ndarray, tets: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The tets with their corners in the order that makes volumes positive."""
    wrong = tet_volumes(vertices, tets) < 0
    count = int(np.count_nonzero(wrong))
    if not count:
        return tets, []
    tets = tets.copy()
    tets[wrong] = tets[wrong][:, [1, 0, 2, 3]]
    which = "All" if count == len(tets) else f"{count:,} of"
    verb = "was" if count == 1 else "were"
    return tets, [f"{which} {len(tets):,} tetrahedra {verb} wound the other way round and {verb} turned."]


def _labels(found: Found, path: Path) -> tuple[np.ndarray, dict[int, str], list[str]]:
    """The label of each tet, what each label is called, and where both were found."""
    held = {_plain(name): name for name in reversed(list(found.cell_data))}
    known = [held[name] for name in LABEL_NAMES if name in held and _is_numbering(found.cell_data[held[name]])]
    # An array of zeros says that the program was told of no tissues.
    told = [name for name in known if found.cell_data[name].any()]
    if not told and any(chosen.any() for chosen in found.sets.values()):
        return _labels_of_sets(found.sets, path.name)
    if not (told or known):
        return np.ones(len(found.tets), np.int32), {1: "label 1"}, [f"{path.name} has no labels: all of it is taken as label 1."]
    taken, *others = told or known
    beside = f" (also there: {listed(others)})" if others else ""
    notes = [f'Labels were taken from the cell data "{taken}"{beside}.']
    labels = np.ravel(found.cell_data[taken]).astype(np.int64)
    numbers = np.unique(labels)
    names = {**found.names, **_names_beside(path)}
    called = {number: names.get(number, f"label {number}") for number in numbers.tolist()}
    if numbers[0] < 0 or numbers[-1] > 65_535:
        labels = np.searchsorted(numbers, labels) + 1
        called = {new: called[old] for new, old in enumerate(numbers.tolist(), start=1)}
        notes.append(f"Labels from {numbers[0]} to {numbers[-1]} were numbered anew, 1 to {len(numbers)}; names keep the old.")
    return labels.astype(np.int32), called, notes


def _is_numbering(values: np.ndarray) -> bool:
    """Whether cell data could be labels: one whole number in each tet, and not a number for every tet."""
    if values.ndim not in (1, 2) or values.size != len(values) or not np.issubdtype(values.dtype, np.number):
        return False
    values = np.ravel(values)
    return bool(np.isfinite(values).all() and (values == np.round(values)).all() and len(np.unique(values)) <= MOST_LABELS)


def _labels_of_sets(sets: Mapping[str, np.ndarray], file_name: str) -> tuple[np.ndarray, dict[int, str], list[str]]:
    """Labels from element sets; a tet in several is taken into the smallest, so that a set of all tissues hides none."""
    number = {name: position for position, name in enumerate(sets, start=1)}
    labels = np.zeros(len(next(iter(sets.values()))), np.int32)
    for name in sorted(sets, key=lambda name: int(np.count_nonzero(sets[name])), reverse=True):
        labels[sets[name]] = number[name]
    called = {number[name]: name for name in sets if (labels == number[name]).any()}
    notes = [f"Labels were taken from the element sets of {file_name}: {listed(called.values())}."]
    if (labels == 0).any():
        labels[labels == 0] = len(sets) + 1
        called[len(sets) + 1] = "in no element set"
    hidden = [name for name in sets if name not in called.values()]
    if hidden:
        notes.append(f"Element sets that others fill were left out: {listed(hidden)}.")
    return labels, called, notes


def _names_beside(path: Path) -> dict[int, str]:
    """Names of labels from a JSON beside the file: `<stem>.json` as beside a label map, or `<stem>.namemap.json`."""
    from meshing.label_images import read_names

    named = path.with_suffix(".namemap.json")
    if not named.is_file():
        return dict(read_names(path)[0])
    try:
        entries = json.loads(named.read_text(encoding="utf-8")).get("_volume_id_to_name", {})
        return {int(number): str(name) for number, name in entries.items()}
    except (ValueError, AttributeError) as error:
        raise InputError(f"{named.name}, which should name the labels of {path.name}, cannot be read: {error}.") from error


def _frames(
    cell_data: Mapping[str, np.ndarray], labels: np.ndarray, names: Mapping[int, str]
) -> tuple[np.ndarray | None, tuple[str, str, str], list[str]]:
    """Directions in each tet, (tet_count, 3, 3) or None, what their rows are, and what was decided about them."""
    plain = {_plain(name): np.asarray(values, float) for name, values in cell_data.items() if values.ndim == 2}
    plain = {name: values for name, values in plain.items() if values.shape[1] == 3}
    if all(name in plain for name in VESSEL_FRAME):
        fibre, across, frame_names = plain[VESSEL_FRAME[0]], plain[VESSEL_FRAME[1]], VESSEL_FRAME
    else:
        # A plural is as good: fibers, sheets.
        fibre = next((plain[end] for name in FIBRE_NAMES for end in (name, name + "s") if end in plain), None)
        across = next((plain[end] for name in SHEET_NAMES for end in (name, name + "s") if end in plain), None)
        frame_names = HEART_FRAME
    if fibre is None:
        return None, VESSEL_FRAME, []
    first, known = _unit(fibre)
    if not known.any():
        return None, VESSEL_FRAME, ["The fibre directions in the file are all zero and were left out."]
    notes = [f"The {frame_names[0]} direction was taken from the file."]
    if not known.all():
        without = [names[number] for number in np.unique(labels[~known]).tolist()]
        notes.append(
            f"{np.count_nonzero(~known):,} tetrahedra, in {listed(without)}, have no {frame_names[0]} direction; the x axis was "
            "taken there, so give them a tissue without fibres."
        )
        first[~known] = (1.0, 0.0, 0.0)
    elif len(first) > 1 and np.abs(first @ first[0]).min() > 1 - 1e-9:
        notes.append(
            f"The {frame_names[0]} direction is ({', '.join(f'{value:.3g}' for value in first[0])}) in every tetrahedron: in a "
            "curved tissue that is a placeholder, not its fibres."
        )
    second, given = _unit(np.zeros_like(first) if across is None else across)
    # Taken twice, so that directions that are nearly parallel still end up square to the last digit.
    for _ in range(2):
        second, apart = _unit(second - np.einsum("ij,ij->i", second, first)[:, None] * first, least=1e-3)
        given &= apart
    if not given.all():
        least = np.eye(3)[np.abs(first[~given]).argmin(axis=1)]
        second[~given] = _unit(np.cross(first[~given], least))[0]
        many = "All" if not given.any() else f"{np.count_nonzero(~given):,} of"
        notes.append(
            f"{many} {len(given):,} tetrahedra have no {frame_names[1]} direction across the {frame_names[0]}; any that is "
            "square to it was taken."
        )
    return np.stack([first, second, np.cross(first, second)], axis=1), frame_names, notes


def _unit(vectors: np.ndarray, *, least: float = 1e-9) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (n, 3) at unit length, and which of them (n,) had a finite length above `least`; the others are zero."""
    length = np.linalg.norm(vectors, axis=1)
    known = np.isfinite(length) & (length > least)
    return np.where(known[:, None], vectors, 0.0) / np.where(known, length, 1.0)[:, None], known


def _demand_fit(mesh: TetMesh) -> None:
    flat = np.flatnonzero(np.abs(scaled_jacobians(mesh.vertices, mesh.tets)) < FLAT_JACOBIAN)
    if len(flat):
        raise InputError(f"{_which(mesh, flat)} no volume. Take them out or mesh again.")
    order = np.lexsort(np.sort(mesh.tets, axis=1).T)
    ordered = np.sort(mesh.tets, axis=1)[order]
    double = np.sort(order[1:][(ordered[1:] == ordered[:-1]).all(axis=1)])
    if len(double):
        raise InputError(f"{_which(mesh, double)} the same four corners as another. Take them out.")
    folded = np.unique(folded_pairs(mesh))
    if len(folded):
        raise InputError(
            f"{_which(mesh, folded)} a neighbour on the same side of the face they share: the mesh is folded. Mesh again."
        )


def _which(mesh: TetMesh, tets: np.ndarray) -> str:
    place = said(mesh.vertices[mesh.tets[tets[0]]].mean(axis=0))
    verb = "has" if len(tets) == 1 else "have"
    return f"{len(tets):,} of {mesh.tet_count:,} tetrahedra (the first is tet {tets[0]} at {place}) {verb}"


def _coincident(vertices: np.ndarray) -> int:
    """How many vertices lie exactly on an earlier one."""
    ordered = vertices[np.lexsort(vertices.T)]
    return int(np.count_nonzero((ordered[1:] == ordered[:-1]).all(axis=1)))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
